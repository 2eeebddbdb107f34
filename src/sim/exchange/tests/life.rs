//! Holds, expirations, grids that change, and the end of a market.

use super::*;
use crate::sim::message::Resolution;

fn told(bench: &mut Bench) -> Vec<String> {
    let events: Vec<Event> = bench.exchange.drain_events().collect();
    let tell = |event: Event| match event {
        Event::Order { order, what } => format!("{what:?} {} of {}", order.matched, order.size),
        Event::Matched(trade) => format!("trade of {}", trade.taker.shares),
        Event::Book { changes, .. } => {
            let levels = changes.iter().map(|change| format!("{} x {}", change.level.price, change.level.size));
            format!("book {}", levels.collect::<Vec<String>>().join(", "))
        }
        Event::Settled { to, .. } => format!("{to:?}"),
        Event::Moved(moved) => format!("{:?} of {} and {}", moved.kind, moved.shares[0], moved.shares[1]),
        Event::Released { result, .. } => format!("released: {}", said(result)),
        Event::Tick { old, new, .. } => format!("tick {} to {}", old.first(), new.first()),
        Event::Closed { .. } => "closed".to_owned(),
        Event::Resolved { resolution, .. } => format!("{resolution:?}"),
    };
    events.into_iter().map(tell).collect()
}

#[test]
fn what_happens_is_told_in_order() {
    let mut bench = Bench::new();
    bench.take(BO, "sell yes 10 @ 0.5 gtc");
    bench.take(BO, "sell yes 10 @ 0.51 gtc");
    assert_eq!(told(&mut bench), ["Placement 0 of 10", "book 0.5 x 10", "Placement 0 of 10", "book 0.51 x 10"]);
    bench.take(ANN, "buy yes 15 @ 0.51 gtc");
    // 7.65 dollars buy 10 at 0.5 and 5.196079 at 0.51.
    let all = [
        "Placement 0 of 15",
        "trade of 15.196079",
        "Update 10 of 10",
        "Update 5.196079 of 10",
        "Update 15.196079 of 15",
        "book 0.5 x 0, 0.51 x 4.803921",
    ];
    assert_eq!(told(&mut bench), all);
    bench.take(ANN, "buy yes 20 @ 0.51 fak");
    let all = [
        "Placement 0 of 20",
        "trade of 4.803921",
        "Update 10 of 10",
        "Update 4.803921 of 20",
        "Cancellation 4.803921 of 20",
        "book 0.51 x 0",
    ];
    assert_eq!(told(&mut bench), all);
}

#[test]
fn a_marketable_order_is_held_locked_and_asked_again() {
    let check = |words: &str, meanwhile: fn(&mut Bench, OrderId), expected: &str, status: &str| {
        let mut bench = Bench::with(Rules { hold: Nanos::from_millis(50), ..RULES });
        let maker = bench.take(BO, "sell yes 100 @ 0.5 gtc");
        let new = bench.parse(ANN, words);
        let until = bench.now.plus(Nanos::from_millis(50));
        assert_eq!(bench.exchange.place(bench.now, new), Ok(Placed::Held { until }), "{words}");
        assert_eq!(bench.exchange.cancel(ANN, &new.id), Err(NotCanceled::Held));
        assert_eq!(bench.exchange.place(bench.now, new), Err(Reject::Duplicated { order: new.id }));
        assert_eq!(bench.exchange.balance(ANN).reserved, Usdc(new.maker_amount as i64));
        meanwhile(&mut bench, maker);
        told(&mut bench);
        bench.after(Nanos::from_millis(49));
        assert_eq!(told(&mut bench).len(), 0);
        bench.after(Nanos::from_millis(1));
        let last = told(&mut bench).pop().unwrap_or_default();
        assert_eq!((last, bench.status(new.id)), (format!("released: {expected}"), status.to_owned()), "{words}");
        let left = if status == "live" { bench.exchange.order(&new.id).expect("known").left } else { 0 };
        assert_eq!(bench.exchange.balance(ANN).reserved, Usdc(left as i64));
    };
    let gone: fn(&mut Bench, OrderId) = |bench, maker| bench.exchange.cancel(BO, &maker).expect("it rests");
    let poor: fn(&mut Bench, OrderId) = |bench, _| bench.exchange.withdraw(ANN, Usdc::whole(996)).expect("it is there");
    let coarse: fn(&mut Bench, OrderId) =
        |bench, _| bench.exchange.change_tick(bench.market, Tick::from_micros(100_000).expect("a tick"));
    let none =
        "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.";
    let killed = "order couldn't be fully filled. FOK orders are fully filled or killed.";
    check("buy yes 10 @ 0.5 fak", |_, _| {}, "5 for 10", "matched");
    check("buy yes 10 @ 0.5 fak", gone, none, &format!("CANCELED_{none}"));
    check("buy yes 10 @ 0.5 fok", gone, killed, &format!("CANCELED_{killed}"));
    check("buy yes 10 @ 0.5 gtc", gone, "live", "live");
    check("buy yes 120 @ 0.5 gtc", |_, _| {}, "50 for 100", "live");
    let poor_text =
        "not enough balance / allowance : the balance is not enough -> balance: 4000000, order amount: 5125000";
    check("buy yes 10 @ 0.5 fak", poor, poor_text, &format!("CANCELED_{poor_text}"));
    let mut bench = Bench::with(Rules { hold: Nanos::from_millis(50), ..RULES });
    bench.take(BO, "sell yes 100 @ 0.51 gtc");
    let off = bench.take(ANN, "buy yes 10 @ 0.51 fak");
    coarse(&mut bench, off);
    bench.after(Nanos::from_millis(50));
    let text = format!("CANCELED_order {off} is invalid. Price (0.51) breaks minimum tick size rule: 0.1");
    assert_eq!(bench.status(off), text);
}

#[test]
fn an_order_that_would_rest_is_not_held() {
    let mut bench = Bench::with(Rules { hold: Nanos::from_secs(3), ..RULES });
    bench.take(BO, "sell yes 100 @ 0.5 gtc");
    for (words, expected) in [
        ("buy yes 10 @ 0.49 gtc", "live"),
        ("buy yes 10 @ 0.5 gtc post-only", "invalid post-only order: order crosses book"),
        ("buy yes 500 @ 0.5 fok", "order couldn't be fully filled. FOK orders are fully filled or killed."),
        ("buy yes 10 @ 0.5 gtd", "held"),
    ] {
        assert_eq!(said(bench.place(ANN, words)), expected, "{words}");
    }
}

#[test]
fn a_gtd_leaves_the_book_a_minute_early() {
    let mut bench = Bench::new();
    let id = bench.take(ANN, "buy yes 10 @ 0.4 gtd");
    bench.after(Nanos(Nanos::from_secs(120).0 - 1));
    assert_eq!(bench.status(id), "live");
    told(&mut bench);
    bench.after(Nanos(1));
    assert_eq!(
        (bench.status(id), told(&mut bench)),
        ("CANCELED_EXPIRED_ORDER".into(), vec!["Cancellation 0 of 10".to_owned(), "book 0.4 x 0".to_owned()])
    );
    assert_eq!(bench.exchange.balance(ANN).reserved, Usdc::ZERO);
}

#[test]
fn a_finer_grid_keeps_every_order_and_a_coarser_one_those_on_it() {
    let mut bench = Bench::new();
    let fine = Tick::from_micros(1_000).expect("a tick");
    let on = bench.take(ANN, "buy yes 10 @ 0.4 gtc");
    bench.exchange.change_tick(bench.market, fine);
    let off = bench.take(ANN, "buy no 10 @ 0.401 gtc");
    told(&mut bench);
    bench.exchange.change_tick(bench.market, fine);
    assert_eq!(told(&mut bench).len(), 0);
    bench.exchange.change_tick(bench.market, Tick::CENT);
    assert_eq!(told(&mut bench), ["Cancellation 0 of 10", "book 0.599 x 0", "tick 0.001 to 0.01"]);
    assert_eq!(
        (bench.status(on), bench.status(off)),
        ("live".into(), "CANCELED_price breaks minimum tick size rule".into())
    );
    let text = said(bench.place(ANN, "buy yes 10 @ 0.401 gtc"));
    assert!(text.ends_with("Price (0.401) breaks minimum tick size rule: 0.01"), "{text}");
}

#[test]
fn a_closed_market_takes_no_order_and_a_resolved_one_pays() {
    let check = |resolution: Resolution, paid: i64| {
        let mut bench = Bench::with(Rules { hold: Nanos::from_millis(50), ..RULES });
        let (resting, market) = (bench.take(BO, "sell yes 100 @ 0.5 gtc"), bench.market);
        let held = bench.take(ANN, "buy yes 10 @ 0.5 fak");
        told(&mut bench);
        bench.exchange.close(market);
        let not_ready = "the market is not yet ready to process new orders";
        let all = [
            "Cancellation 0 of 100".to_owned(),
            "book 0.5 x 0".to_owned(),
            "Cancellation 0 of 10".to_owned(),
            format!("released: {not_ready}"),
            "closed".to_owned(),
        ];
        assert_eq!(told(&mut bench), all);
        assert_eq!(
            (bench.status(resting), bench.status(held)),
            ("CANCELED_MARKET_RESOLVED".into(), "CANCELED_MARKET_RESOLVED".into())
        );
        assert_eq!(said(bench.place(ANN, "buy yes 10 @ 0.4 gtc")), not_ready);
        assert_eq!(bench.exchange.redeem(ANN, market), Usdc::ZERO);
        bench.exchange.give_shares([ANN, BO], market, Outcome::No, Shares(400_000_001)).expect("she has them");
        bench.exchange.resolve(market, resolution);
        bench.exchange.resolve(market, Resolution::Even);
        let given = ["Send of 0 and 400.000001", "Receive of 0 and 400.000001"].map(str::to_owned);
        assert_eq!(told(&mut bench), [given.as_slice(), &[format!("{resolution:?}")]].concat());
        assert_eq!(bench.exchange.redeem(ANN, market), Usdc(paid));
        assert_eq!(bench.exchange.redeem(ANN, market), Usdc::ZERO);
        assert_eq!(bench.exchange.balance(ANN).held, Usdc(1_000_000_000 + paid));
        bench.after(Nanos::from_secs(1));
        assert_eq!(told(&mut bench), ["Redeem of 1000 and 599.999999"]);
    };
    check(Resolution::Won(Outcome::Yes), 1_000_000_000);
    check(Resolution::Won(Outcome::No), 599_999_999);
    // Half a dollar each, cut to millionths: 500 and 299.9999995.
    check(Resolution::Even, 799_999_999);
}

#[test]
fn an_unknown_market_takes_nothing() {
    let mut bench = Bench::new();
    let new = NewOrder { market: MarketId(7), ..bench.parse(ANN, "buy yes 10 @ 0.4 gtc") };
    assert_eq!(bench.exchange.place(bench.now, new), Err(Reject::NotReady));
    assert!(bench.exchange.rules(MarketId(7)).is_none());
}
