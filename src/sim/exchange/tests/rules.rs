//! What is taken, what is matched at which amounts, and what is refused in which words.

use super::*;
use crate::domain::Price;
use crate::sim::exchange::accept;

const ONES: &str = "0x0101010101010101010101010101010101010101010101010101010101010101";

/// A book of Bo's: bids at 0.48 and 0.47, asks at 0.52 (one of them a bid for No) and 0.55.
fn bench() -> Bench {
    let mut bench = Bench::new();
    for words in ["buy yes 20 @ 0.48 gtc", "sell no 10 @ 0.53 gtc", "sell yes 10 @ 0.52 gtc"] {
        bench.take(BO, words);
    }
    bench.take(BO, "buy no 30 @ 0.48 gtc");
    bench.take(BO, "sell yes 40 @ 0.55 gtc");
    assert_eq!(bench.book(), "0.48 x 20, 0.47 x 10 | 0.52 x 40, 0.55 x 40");
    bench.numbered = 0x80;
    bench
}

#[test]
fn a_taker_gets_the_best_price_first_and_the_improvement_is_his() {
    let check = |words: &str, expected: &str, book: &str| {
        let mut bench = bench();
        assert_eq!(said(bench.place(ANN, words)), expected, "{words}");
        assert_eq!(bench.book(), book, "{words}");
    };
    let (bids, asks) = ("0.48 x 20, 0.47 x 10", "0.52 x 40, 0.55 x 40");
    // Complementary, then mint; the last 0.05 dollars buy at 0.52 too.
    check("buy yes 10 @ 0.52 fak", "5.2 for 10", &format!("{bids} | 0.52 x 30, 0.55 x 40"));
    check("buy yes 20 @ 0.52 fok", "10.4 for 20", &format!("{bids} | 0.52 x 20, 0.55 x 40"));
    // 5.5 dollars buy 10.576923 shares at 0.52, not the 10 that were asked for at 0.55.
    check("buy yes 10 @ 0.55 fak", "5.499999 for 10.576922", &format!("{bids} | 0.52 x 29.423077, 0.55 x 40"));
    check("buy yes 60 @ 0.55 gtc", "33 for 62.181819", &format!("{bids} | 0.55 x 17.818181"));
    check("buy yes 100 @ 0.54 gtc", "20.8 for 40", &format!("0.54 x 61.481481, {bids} | 0.55 x 40"));
    // Complementary, then merge.
    check("sell yes 20 @ 0.48 fok", "20 for 9.6", "0.47 x 10 | 0.52 x 40, 0.55 x 40");
    check("sell yes 25 @ 0.40 fak", "25 for 11.95", "0.47 x 5 | 0.52 x 40, 0.55 x 40");
    check("sell yes 50 @ 0.47 gtc", "30 for 14.3", " | 0.47 x 20, 0.52 x 40, 0.55 x 40");
    // The second token meets the same queue: its asks are 0.52 and 0.53, its bids 0.48 and 0.45.
    check("buy no 10 @ 0.52 fak", "5.2 for 10", &format!("0.48 x 10, 0.47 x 10 | {asks}"));
    check("sell no 60 @ 0.45 fak", "60 for 28.2", &format!("{bids} | 0.55 x 20"));
    check("sell no 10 @ 0.49 gtc", "live", &format!("0.51 x 10, {bids} | {asks}"));
}

#[test]
fn of_one_price_the_oldest_is_matched_first() {
    let mut bench = Bench::new();
    let ids =
        ["sell yes 10 @ 0.5 gtc", "buy no 10 @ 0.5 gtc", "sell yes 10 @ 0.5 gtc"].map(|words| bench.take(BO, words));
    let better = bench.take(BO, "buy no 5 @ 0.51 gtc");
    assert_eq!(said(bench.place(ANN, "buy yes 18 @ 0.5 fak")), "9 for 18.1");
    let trades = bench.exchange.drain_events().filter_map(|event| match event {
        Event::Matched(trade) => Some(trade),
        _ => None,
    });
    let legs = trades.flat_map(|trade| trade.makers.clone()).map(|leg| (leg.order, leg.shares, leg.price.micros()));
    let legs: Vec<(OrderId, Shares, u32)> = legs.collect();
    let expected = [
        (better, Shares::whole(5), 510_000),
        (ids[0], Shares::whole(10), 500_000),
        (ids[1], Shares(3_100_000), 500_000),
    ];
    assert_eq!(legs, expected);
}

/// Every fill of a BUY on the chain that one level of a cent's grid explains.
#[test]
fn fills_have_the_amounts_of_the_chain() {
    // Limit, dollars, dollars paid, shares; against a seller of the token, or a buyer of the other.
    let check = |cents: u64, dollars: u64, maker: &str, paid: u64, shares: u64| {
        let mut bench = Bench::new();
        let words = match maker {
            "seller" => format!("sell yes 100 @ 0.{cents} gtc"),
            "minter" => format!("buy no 100 @ 0.{} gtc", 100 - cents),
            other => panic!("{other}"),
        };
        bench.take(BO, &words);
        let wanted = dollars * 100 / cents / 100 * 100;
        let new = bench.order(ANN, Outcome::Yes, Side::Buy, (dollars, wanted), Kind::Fok);
        let result = bench.exchange.place(bench.now, new).expect("it is filled");
        let Placed::Matched { making, taking, .. } = result else { panic!("{result:?}") };
        assert_eq!((making, taking), (paid, shares), "{dollars} at {cents}");
    };
    check(66, 5_000_000, "seller", 5_000_000, 7_575_758);
    check(48, 1_000_000, "seller", 1_000_000, 2_083_334);
    check(84, 5_000_000, "seller", 5_000_000, 5_952_381);
    check(56, 5_220_000, "seller", 5_220_000, 9_321_429);
    check(71, 5_000_000, "minter", 4_999_998, 7_042_251);
    check(71, 15_000_000, "minter", 14_999_998, 21_126_758);
    check(82, 1_000_000, "minter", 999_999, 1_219_511);
}

#[test]
fn kinds_do_as_they_are_called() {
    let check = |words: &str, expected: &str, status: &str| {
        let mut bench = bench();
        let new = bench.parse(ANN, words);
        assert_eq!(said(bench.exchange.place(bench.now, new)), expected, "{words}");
        let known = bench.exchange.order(&new.id).map(|_| bench.status(new.id));
        assert_eq!(known.unwrap_or_default(), status, "{words}");
    };
    check("buy yes 100 @ 0.53 fak", "20.8 for 40", "CANCELED");
    check("buy yes 100 @ 0.53 gtc", "20.8 for 40", "live");
    check("buy yes 100 @ 0.53 gtd", "20.8 for 40", "live");
    check("buy yes 40 @ 0.52 fak", "20.8 for 40", "matched");
    check("buy yes 40 @ 0.51 gtc post-only", "live", "live");
    let killed = "order couldn't be fully filled. FOK orders are fully filled or killed.";
    check("buy yes 100 @ 0.53 fok", killed, "");
    check("sell no 81 @ 0.45 fok", killed, "");
    let unmatched =
        "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.";
    check("buy yes 100 @ 0.51 fak", unmatched, "");
    check("buy yes 40 @ 0.52 gtc post-only", "invalid post-only order: order crosses book", "");
    check("buy yes 40 @ 0.52 fak post-only", "Invalid order payload", "");
}

#[test]
fn refusals_have_the_venues_words_and_change_nothing() {
    let check = |side: Side, amounts: (u64, u64), kind: Kind, expected: &str| {
        let mut bench = bench();
        bench.exchange.drain_events().for_each(drop);
        bench.numbered = 0;
        let mut new = bench.order(ANN, Outcome::Yes, side, amounts, kind);
        new.id = OrderId([1; 32]);
        bench.exchange.cancel(BO, &new.id).expect("Bo's own has this id");
        bench.exchange.drain_events().for_each(drop);
        new.id.0[0] = 0xfe;
        let expected = expected.replace("{id}", &ONES.replacen("01", "fe", 1));
        let before = (bench.book(), bench.holds(ANN));
        assert_eq!(said(bench.exchange.place(bench.now, new)), expected, "{amounts:?}");
        assert_eq!((bench.book(), bench.holds(ANN)), before);
        assert_eq!(bench.exchange.drain_events().count(), 0);
        assert!(bench.exchange.order(&new.id).is_none());
    };
    let (buy, sell, gtc, fak) = (Side::Buy, Side::Sell, Kind::Gtc, Kind::Fak);
    let off = "order {id} is invalid. Price (0.525) breaks minimum tick size rule: 0.01";
    check(buy, (5_250_000, 10_000_000), gtc, off);
    check(sell, (10_000_000, 5_250_000), fak, off);
    check(
        buy,
        (5_200_020, 10_000_000),
        gtc,
        "order {id} is invalid. Price (0.520002) breaks minimum tick size rule: 0.01",
    );
    check(buy, (2_080_000, 4_000_000), gtc, "order {id} is invalid. Size (4) lower than the minimum: 5");
    check(sell, (4_990_000, 2_594_800), fak, "order {id} is invalid. Size (4.99) lower than the minimum: 5");
    check(buy, (840_000, 1_615_300), fak, "invalid amount for a marketable BUY order ($0.84), min size: $1");
    let price = "invalid price, price must be greater than 0 and less than 1";
    check(buy, (10_000_000, 10_000_000), gtc, price);
    check(buy, (0, 10_000_000), gtc, price);
    check(sell, (10_000_000, 0), gtc, price);
    check(buy, (1, 10_000_000), gtc, price);
    check(
        buy,
        (5_200_000, 10_000_010),
        fak,
        "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals, taker amount a max of 4 decimals",
    );
    check(
        sell,
        (10_001_000, 5_200_520),
        fak,
        "invalid amounts, the sell orders maker amount supports a max accuracy of 2 decimals, taker amount a max of 4 decimals",
    );
    check(
        buy,
        (5_200_520, 10_001_000),
        gtc,
        "invalid amounts, the buy orders maker amount supports a max accuracy of 4 decimals, taker amount a max of 2 decimals",
    );
    let soon = Nanos::from_secs(1_060);
    check(buy, (5_200_000, 10_000_000), Kind::Gtd { expires_at: soon }, "invalid expiration");
    check(buy, (2_000_000_000_000_000, 4_000_000_000_000_000), gtc, "Invalid order payload");
    check(
        buy,
        (1_000_010_000, 2_000_020_000),
        gtc,
        "not enough balance / allowance : the balance is not enough -> balance: 1000000000, order amount: 1000010000",
    );
    check(
        sell,
        (1_000_010_000, 600_006_000),
        gtc,
        "not enough balance / allowance : the balance is not enough -> balance: 1000000000, order amount: 1000010000",
    );
}

#[test]
fn an_id_is_taken_once_even_after_its_end() {
    let mut bench = bench();
    let new = bench.parse(ANN, "buy yes 10 @ 0.4 gtc");
    bench.exchange.place(bench.now, new).expect("it rests");
    let duplicated =
        |bench: &mut Bench| assert_eq!(bench.exchange.place(bench.now, new), Err(Reject::Duplicated { order: new.id }));
    duplicated(&mut bench);
    assert_eq!(bench.exchange.cancel(BO, &new.id), Err(NotCanceled::MatchedOrCanceled));
    assert_eq!(bench.exchange.cancel(ANN, &new.id), Ok(()));
    duplicated(&mut bench);
    assert_eq!(bench.exchange.cancel(ANN, &new.id), Err(NotCanceled::MatchedOrCanceled));
    let matched = bench.take(ANN, "buy yes 10 @ 0.52 gtc");
    assert_eq!(bench.exchange.cancel(ANN, &matched), Err(NotCanceled::Matched));
    let text = format!("order {} is invalid. Duplicated.", new.id);
    assert_eq!(Reject::Duplicated { order: new.id }.to_string(), text);
}

/// What the official clients compute of a price and a size is taken, market orders with their implied prices too.
#[test]
fn amounts_of_official_clients_are_taken() {
    let file = include_str!("../../../../tests/data/vectors_amounts.json");
    let file: serde_json::Value = serde_json::from_str(file).expect("vectors");
    let mut beside_grid = 0;
    for vector in file["vectors"].as_array().expect("vectors") {
        let micros = |key: &str| (vector[key].as_str().expect("text").parse::<f64>().expect("a number") * 1e6).round();
        let amount = |key: &str| vector[key].as_str().and_then(|text| text.parse().ok()).expect("an amount");
        let tick = Tick::from_micros(micros("tick") as u32).expect("a tick");
        let is_limit = vector["kind"] == "limit";
        let side = if vector["side"] == "BUY" { Side::Buy } else { Side::Sell };
        let kind = if is_limit { Kind::Gtc } else { Kind::Fak };
        let amounts = (amount("makerAmount"), amount("takerAmount"));
        let new = Bench::new().order(ANN, Outcome::Yes, side, amounts, kind);
        let rules = Rules { tick, minimum: Shares(10_000), ..RULES };
        accept::check(&new, &rules, Nanos::ZERO).unwrap_or_else(|reject| panic!("{vector}: {reject}"));
        let (collateral, shares) = accept::collateral_and_shares(&new);
        beside_grid += u32::from(!(collateral * 1_000_000 / u64::from(tick.micros())).is_multiple_of(shares));
    }
    assert!(beside_grid > 50, "{beside_grid} implied prices beside the grid");
}

#[test]
fn many_makers_make_several_trades_and_fees_are_of_each() {
    let mut bench = Bench::new();
    for _ in 0..=MAKERS_MAX {
        bench.take(BO, "sell yes 5 @ 0.5 gtc");
    }
    bench.numbered = 0x80;
    let placed = bench.place(ANN, "buy yes 55 @ 0.5 fok").expect("it is filled");
    let Placed::Matched { making, taking, trades } = placed else { panic!("{placed:?}") };
    assert_eq!((making, taking, trades.len()), (27_500_000, 55_000_000, 2));
    let fees: Vec<Usdc> = trades.iter().map(|id| bench.exchange.trade(*id).expect("a trade").0.fee).collect();
    // 50 and 5 shares at 0.05 x 0.25.
    assert_eq!(fees, [Usdc(625_000), Usdc(62_500)]);
    assert_eq!(bench.exchange.balance(ANN).held, Usdc(1_000_000_000 - 27_500_000 - 687_500));
}

#[test]
fn the_last_price_is_of_the_token_that_was_taken() {
    let mut bench = bench();
    bench.take(ANN, "buy yes 60 @ 0.55 fak");
    let price = |cents: u32| Price::from_micros(cents * 10_000).expect("a price");
    assert_eq!(bench.exchange.last_price(bench.market, Outcome::Yes), Some((price(55), Side::Buy)));
    assert_eq!(bench.exchange.last_price(bench.market, Outcome::No), None);
}
