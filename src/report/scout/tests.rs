//! Histories by hand, real rows, and the simulated venue.

use serde_json::{Value, json};

use super::{
    rows::{self, Row},
    score::{Copyability, score, table},
    summary::{Summary, summary},
    walk::{Assumptions, End, Fees, walk},
    warnings::warnings,
    *,
};
use crate::domain::FeeSchedule;

mod venue;

/// Builds a history from lines such as `10 buy A 100 @ 0.50`: second, deed, token, shares, price in cents. Tokens A and B are
/// of one market, others of their own.
fn history(lines: &str) -> History {
    let deeds = lines.lines().map(str::trim).filter(|line| !line.is_empty()).map(deed);
    History { wallets: vec!["0xhis".into()], deeds: deeds.collect(), ..History::default() }
}

fn deed(line: &str) -> Deed {
    let words: Vec<&str> = line.split_whitespace().collect();
    let number = |place: usize| words.get(place).map_or(0.0, |word: &&str| word.parse::<f64>().expect("a number"));
    let price = || price(number(5));
    let shares = Shares((number(3) * 1e6) as u64);
    let (what, dollars) = match words[1] {
        "buy" => (What::Bought(price()), price().cost_floor(shares)),
        "sell" => (What::Sold(price()), price().cost_floor(shares)),
        "split" => (What::Split, Usdc(shares.0 as i64)),
        "merge" => (What::Merged, Usdc(shares.0 as i64)),
        // What was paid stands where a price would.
        "redeem" => (What::Redeemed, Usdc((number(5) * 1e6) as i64)),
        "rebate" => (What::MakerRebate, Usdc(shares.0 as i64)),
        other => panic!("{other} is no deed"),
    };
    let is_trade = matches!(what, What::Bought(_) | What::Sold(_));
    Deed {
        at: Nanos::from_secs(number(0) as u64),
        what,
        token: if is_trade { words[2].to_owned() } else { String::new() },
        condition: condition(words[2]),
        title: format!("Market {}", condition(words[2])),
        outcome: "Yes".into(),
        shares,
        dollars,
    }
}

fn condition(token: &str) -> String {
    if matches!(token, "A" | "B") { "AB".to_owned() } else { token.to_owned() }
}

fn price(part: f64) -> Price {
    Price::from_micros((part * 1e6).round() as u32).expect("a price")
}

fn stands(mut history: History, stands: &[(&str, Status, u32)]) -> History {
    for (token, status, worth) in stands {
        let stand = Stand { token: (*token).to_owned(), condition: condition(token), status: *status, worth: *worth };
        history.stands.insert((*token).to_owned(), stand);
    }
    history
}

/// All seconds of all markets are known; others traded at these.
fn prints(of: &[(&str, u64, f64)]) -> Prints {
    let mut prints = Prints::default();
    for (token, secs, at) in of {
        prints.of.entry((*token).to_owned()).or_default().push((Nanos::from_secs(*secs), price(*at)));
    }
    for token in ["A", "C", "D"] {
        prints.known.insert(condition(token), vec![(Nanos::ZERO, Nanos::NEVER)]);
    }
    prints
}

fn assume(delay_ms: u64, spread_cents: u32, rate_ppm: u32) -> Assumptions {
    let otherwise = FeeSchedule { rate_ppm };
    Assumptions {
        delay: Nanos::from_millis(delay_ms),
        half_spread: spread_cents * 5_000,
        fees: Fees { otherwise, ..Fees::default() },
    }
}

const CALM: &str = "0 buy A 100 @ 0.50
                    60 sell A 100 @ 0.60";

/// What a copy spent, got and earned, in dollars.
#[track_caller]
fn earned(found: &Copyability, spent: f64, returned: f64) {
    let dollars = |amount: Usdc| amount.0 as f64 / 1e6;
    let near = |found: f64, expected: f64| (found - expected).abs() < 1e-4;
    let shown = format!("{found:?}");
    assert!(near(dollars(found.spent), spent) && near(dollars(found.returned), returned), "{shown}");
    assert_eq!(found.result, found.returned - found.spent, "{shown}");
}

#[test]
fn a_copy_without_costs_earns_what_he_earned() {
    let found = score(&history(CALM), &Prints::default(), &Assumptions::default());
    earned(&found, 50.0, 60.0);
    assert_eq!((found.ended, found.won, found.his_result), (1, 1, Usdc::whole(10)));
    assert_eq!((found.return_ppm(), found.his_return_ppm()), (Some(200_000), Some(200_000)));
    assert_eq!((found.moves_known, found.moves_quiet, found.moves_unknown), (0, 0, 0), "no delay: no question");
    let nothing = score(&History::default(), &Prints::default(), &Assumptions::default());
    assert_eq!(nothing.return_ppm(), None);
}

#[test]
fn each_cost_is_its_own() {
    // Half of two cents on each of two trades of 100 shares.
    let spread = score(&history(CALM), &Prints::default(), &assume(0, 2, 0));
    earned(&spread, 51.0, 59.0);
    assert_eq!((spread.spread, spread.fees, spread.moved), (Usdc::whole(2), Usdc::ZERO, Usdc::ZERO));
    // 4 % x 100 x 0.5 x 0.5 = 1 dollar, and 4 % x 100 x 0.6 x 0.4 = 0.96.
    let fee = score(&history(CALM), &Prints::default(), &assume(0, 0, 40_000));
    earned(&fee, 51.0, 59.04);
    assert_eq!(fee.fees, Usdc(1_960_000));
    // Others pay 52 and 58 cents two seconds later; what they paid in the same second, or too late, does not count.
    let others = prints(&[("A", 0, 0.99), ("A", 1, 0.51), ("A", 2, 0.52), ("A", 3, 0.90), ("A", 62, 0.58)]);
    let moved = score(&history(CALM), &others, &assume(2_000, 0, 0));
    earned(&moved, 52.0, 58.0);
    assert_eq!((moved.moved, moved.moves_known), (Usdc::whole(4), 2));
    // A delay within a second is a whole one.
    earned(&score(&history(CALM), &others, &assume(300, 0, 0)), 51.0, 60.0);
    // The price may come towards the copy, too.
    let better = score(&history(CALM), &prints(&[("A", 1, 0.45)]), &assume(1_000, 0, 0));
    earned(&better, 45.0, 60.0);
    assert_eq!((better.moved, better.moves_known, better.moves_quiet), (Usdc::whole(-5), 1, 1));
    // All of it together lies between his result and the copy's.
    let all = score(&history(CALM), &others, &assume(2_000, 2, 40_000));
    assert_eq!(all.his_result - all.result, all.fees + all.spread + all.moved);
}

#[test]
fn what_is_not_known_is_counted_and_in_no_result() {
    // Nobody was asked about market E.
    let unasked = score(&history("0 buy E 10 @ 0.5\n9 sell E 10 @ 0.6"), &prints(&[]), &assume(1_000, 0, 0));
    assert_eq!((unasked.moves_unknown, unasked.result), (2, Usdc::whole(1)));
    // Sold without having been bought: he had it before.
    let before = score(&history("0 sell A 10 @ 0.5"), &Prints::default(), &Assumptions::default());
    assert_eq!((before.sales_before, before.ended), (1, 0));
    // Gone, and nobody says how; or held still.
    let lines = "0 buy A 10 @ 0.5\n0 buy C 10 @ 0.5";
    let gone = score(&stands(history(lines), &[("C", Status::Open, 700_000)]), &Prints::default(), &assume(0, 0, 0));
    assert_eq!((gone.ended, gone.unknown, gone.unknown_spent), (0, 1, Usdc::whole(5)));
    assert_eq!((gone.open, gone.open_spent, gone.open_worth), (1, Usdc::whole(5), Usdc::whole(7)));
    // A copy at a dollar or more is none.
    let dear = score(&history("0 buy A 10 @ 0.995\n9 sell A 10 @ 0.5"), &Prints::default(), &assume(0, 2, 0));
    assert_eq!((dear.too_dear, dear.spent, dear.his_spent), (1, Usdc::ZERO, Usdc(9_950_000)));
}

#[test]
fn positions_end_in_every_way() {
    let check = |lines: &str, known: &[(&str, Status, u32)], end: End, his: f64, ours: f64| {
        let walk = walk(&stands(history(lines), known), &Prints::default(), &assume(0, 2, 0));
        assert_eq!(walk.episodes.len(), 1, "{lines}: {walk:?}");
        let found = &walk.episodes[0];
        let dollars = |amount: Usdc| amount.0 as f64 / 1e6;
        let is_near =
            (dollars(found.his_returned) - his).abs() < 1e-4 && (dollars(found.our_returned) - ours).abs() < 1e-4;
        assert!(found.end == end && is_near, "{lines}: {found:?}");
    };
    check("0 buy A 10 @ 0.5\n9 sell A 4 @ 0.6\n10 sell A 6 @ 0.7", &[], End::Sold, 6.6, 6.5);
    check("0 buy A 10 @ 0.5\n9 sell A 15 @ 0.6", &[], End::Sold, 6.0, 5.9);
    check("0 buy A 10 @ 0.5\n9 sell A 9.995 @ 0.6", &[], End::Sold, 5.997, 5.897_05);
    // Paid: by the stand, by what came in, by nothing coming in, and by the stand alone.
    check("0 buy A 10 @ 0.5\n9 redeem A 10 @ 10", &[("A", Status::Redeemable, 1_000_000)], End::Paid, 10.0, 10.0);
    check("0 buy A 10 @ 0.5\n9 redeem A 10 @ 10", &[], End::Paid, 10.0, 10.0);
    check("0 buy A 10 @ 0.5\n9 redeem A 10 @ 0", &[], End::Paid, 0.0, 0.0);
    check("0 buy A 10 @ 0.5", &[("A", Status::Redeemable, 0)], End::Paid, 0.0, 0.0);
    check("0 buy A 10 @ 0.5", &[("A", Status::Closed, 1_000_000)], End::Paid, 10.0, 10.0);
    check("0 buy A 10 @ 0.5", &[("A", Status::Closed, 400_000)], End::Unknown, 0.0, 0.0);
    check("0 buy A 10 @ 0.5", &[("A", Status::Open, 400_000)], End::Open, 4.0, 4.0);
    // Merged: sold at his last price.
    check("0 buy A 10 @ 0.5\n9 merge A 10", &[], End::Left, 5.0, 4.9);
    // A split doubles what he holds, not what the copy holds: half of it sold is half of ours.
    check("0 buy A 10 @ 0.5\n5 split A 10\n9 sell A 10 @ 0.6\n10 sell A 10 @ 0.6", &[], End::Sold, 12.0, 5.9);
}

#[test]
fn both_sides_of_a_market_are_paid_apart() {
    let lines = "0 buy A 10 @ 0.5\n1 buy B 10 @ 0.4\n9 redeem A 10 @ 10";
    let known = [("A", Status::Redeemable, 1_000_000), ("B", Status::Redeemable, 0)];
    let found = score(&stands(history(lines), &known), &Prints::default(), &Assumptions::default());
    assert_eq!((found.ended, found.won, found.his_result), (2, 1, Usdc::whole(1)));
    // Of two tokens and one payment nobody knows which was paid.
    let unknown = score(&history(lines), &Prints::default(), &Assumptions::default());
    assert_eq!((unknown.ended, unknown.unknown), (0, 2));
}

#[test]
fn a_longer_delay_is_a_line_of_its_own() {
    let lines = table(&history(CALM), &prints(&[("A", 3, 0.55)]), &assume(3_500, 0, 0));
    let delays: Vec<u64> = lines.iter().map(|line| line.delay_ms).collect();
    assert_eq!(delays, [0, 1_000, 2_000, 3_500, 5_000, 10_000, 30_000, 60_000]);
    let results: Vec<i64> = lines.iter().map(|line| line.result.0 / 1_000_000).collect();
    assert_eq!(results, [10, 10, 10, 5, 5, 5, 5, 5]);
}

#[test]
fn two_wallets_of_one_owner_are_one_history() {
    let mut both = stands(history("0 buy A 10 @ 0.5"), &[("A", Status::Closed, 500_000)]);
    let other = stands(history("5 sell A 4 @ 0.6\n1 buy C 1 @ 0.1"), &[("A", Status::Open, 500_000)]);
    both.join(History { is_cut: true, unread: 2, ..other });
    assert!(both.deeds.is_sorted_by_key(|deed| deed.at) && both.deeds.len() == 3 && both.is_cut && both.unread == 2);
    assert_eq!((both.wallets.len(), both.stands["A"].status), (2, Status::Open));
}

#[test]
fn what_he_does_is_summed_up() {
    let lines = "0 buy A 100 @ 0.50
                 50 buy C 10 @ 0.20
                 100 sell A 100 @ 0.60
                 200 buy D 10 @ 0.10
                 300 redeem D 10 @ 0
                 310 rebate D 3
                 320 split D 5";
    let found = summary(&stands(history(lines), &[("C", Status::Open, 100_000)]));
    assert_eq!((found.buys, found.sells, found.markets, found.moves, found.redeemed), (3, 1, 3, 1, 1));
    assert_eq!((found.bought, found.sold, found.rewards), (Usdc::whole(53), Usdc::whole(60), Usdc::whole(3)));
    assert_eq!((found.ended, found.won, found.open, found.unknown), (2, 1, 1, 0));
    assert_eq!((found.spent, found.result), (Usdc::whole(51), Usdc::whole(9)));
    assert_eq!((found.held_p50, found.trade_p50), (Some(Nanos::from_secs(100)), Usdc::whole(2)));
    assert_eq!(found.top[0], ("Market AB".to_owned(), Usdc::whole(110), 2));
    assert_eq!(summary(&History::default()), Summary::default());
}

#[test]
fn every_warning_binds() {
    let many = |line: fn(usize) -> String| (0..40).map(line).collect::<Vec<_>>().join("\n");
    let codes = |history: &History| {
        let summary = summary(history);
        warnings(history, &summary).into_iter().map(|one| one.code()).collect::<Vec<_>>()
    };
    // Each in a market of its own, bought at even odds and sold an hour later.
    let honest = |n: usize| format!("{} buy T{n} 100 @ 0.50\n{} sell T{n} 100 @ 0.60", n * 10_000, n * 10_000 + 3_600);
    assert_eq!(codes(&history(&many(honest))), [""; 0]);
    let few = history("0 buy A 100 @ 0.50\n3600 sell A 100 @ 0.60");
    assert_eq!(codes(&few), ["too_few", "one_market"]);
    let dust = |n: usize| format!("{} buy T{n} 1 @ 0.50\n{} sell T{n} 1 @ 0.60", n * 10_000, n * 10_000 + 3_600);
    assert_eq!(codes(&history(&many(dust))), ["dust"]);
    let late = |n: usize| format!("{} buy T{n} 100 @ 0.97\n{} redeem T{n} 100 @ 100", n * 10_000, n * 10_000 + 3_600);
    assert_eq!(codes(&history(&many(late))), ["end_game"]);
    let wash = |n: usize| format!("{} buy T{n} 100 @ 0.50\n{} sell T{n} 100 @ 0.505", n * 10_000, n * 10_000 + 20);
    assert_eq!(codes(&history(&many(wash))), ["wash"]);
    let both = |n: usize| {
        let at = n * 10_000;
        format!(
            "{at} buy A 100 @ 0.50\n{at} buy B 100 @ 0.48\n{} sell A 100 @ 0.52\n{} sell B 100 @ 0.50",
            at + 300,
            at + 300
        )
    };
    assert_eq!(codes(&history(&many(both))), ["market_maker", "one_market"]);
    let gone = |n: usize| format!("{} buy T{n} 100 @ 0.50\n{} rebate T{n} 1", n * 10_000, n * 10_000 + 1);
    assert_eq!(codes(&history(&many(gone))), ["maker_rebates", "too_few", "unknown_ends"]);
    let cut = History { is_cut: true, ..history(&many(honest)) };
    assert_eq!(codes(&cut), ["cut"]);
    for one in warnings(&cut, &summary(&cut)).into_iter().chain(warnings(&few, &summary(&few))) {
        assert!(one.text().len() > 20, "{one:?}");
    }
}

#[test]
fn rows_of_both_versions_are_read_and_strange_ones_counted() {
    let row = json!({
        "type": "TRADE", "proxy_wallet": "0xa", "timestamp": 1_784_076_314, "condition_id": "0xc", "token_id": "12",
        "side": "BUY", "size": 3597.7603, "usdc_size": 1798.88015, "price": 0.5, "title": "T", "outcome": "Yes",
    });
    let Row::Deed(deed) = rows::activity(&row) else { panic!("a deed") };
    assert_eq!((deed.shares, deed.dollars), (Shares(3_597_760_300), Usdc(1_798_880_150)));
    assert_eq!(deed.what, What::Bought(price(0.5)));
    let without = |name: &str| {
        let mut row = row.clone();
        row.as_object_mut().expect("an object").remove(name);
        rows::activity(&row)
    };
    let with = |name: &str, value: Value| {
        let mut row = row.clone();
        row[name] = value;
        rows::activity(&row)
    };
    assert!(matches!(without("usdc_size"), Row::Deed(deed) if deed.dollars == Usdc(1_798_880_150)));
    for strange in [
        without("size"),
        without("side"),
        without("timestamp"),
        with("price", json!(1)),
        with("price", json!("0")),
        with("size", json!(-1)),
        with("size", json!(1e30)),
        with("type", json!("TELEPORT")),
    ] {
        assert_eq!(strange, Row::Strange);
    }
    let stand = json!({"token_id": "12", "condition_id": "0xc", "status": "REDEEMABLE", "current_price": 1});
    assert_eq!(rows::stand(&stand).map(|stand| (stand.status, stand.worth)), Some((Status::Redeemable, 1_000_000)));
    assert_eq!(rows::stand(&json!({"token_id": "12", "current_price": 7})), None);
    assert_eq!(
        rows::print(&json!({"asset": "12", "timestamp": 5, "price": 1e-3})).map(|print| print.2),
        Some(price(0.001))
    );
}

/// Real histories, where they are: ../shared/data is not in the repository.
#[test]
fn real_histories_are_read_whole() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/rest");
    for (file, trades, others) in
        [("edulabrador_DEEDDIT/activity_all.json", 42, 8), ("pscanner_kch123/activity.json", 10, 0)]
    {
        let Ok(text) = std::fs::read_to_string(folder.join(file)) else {
            println!("SKIPPED: {file} is not here");
            continue;
        };
        let rows: Vec<Value> = serde_json::from_str(&text).expect("rows");
        let mut deeds: Vec<Deed> = rows
            .iter()
            .map(|row| match rows::activity(row) {
                Row::Deed(deed) => *deed,
                Row::Strange => panic!("{row}"),
            })
            .collect();
        deeds.reverse();
        deeds.sort_by_key(|deed| deed.at);
        let history = History { deeds, ..History::default() };
        let found = summary(&history);
        assert_eq!((found.trades(), history.deeds.len() - found.trades()), (trades, others), "{file}");
        assert!(found.bought > Usdc::ZERO && found.markets >= 1, "{file}: {found:?}");
        assert!(warnings(&history, &found).iter().any(|one| one.code() == "one_market"), "{file}");
        assert!(!rows::name(&rows[0]).is_empty());
    }
}
