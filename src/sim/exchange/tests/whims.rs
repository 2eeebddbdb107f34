//! What the settings let happen to an order beside the rules, each beside the same story without it.

use super::*;

const ALWAYS: u32 = 1_000_000;

fn bench(settings: Settings, rules: Rules) -> Bench {
    let mut bench = Bench::with(rules);
    *bench.exchange.settings_mut() = settings;
    let cents = |cents: u32| Price::from_micros(cents * 10_000).expect("a price");
    bench.exchange.quote(bench.now, HOUSE, bench.market, Side::Sell, cents(52), Shares::whole(100));
    bench.exchange.quote(bench.now, HOUSE, bench.market, Side::Buy, cents(50), Shares::whole(100));
    bench
}

#[test]
fn a_better_price_gives_a_buy_more_shares_than_it_named() {
    let check = |improved_ppm: u32, words: &str, expected: &str, book: &str| {
        let mut bench = bench(Settings { improved_ppm, ..Settings::default() }, RULES);
        assert_eq!(said(bench.place(ANN, words)), expected, "{words}");
        assert_eq!(bench.book(), book, "{words}");
    };
    check(0, "buy yes 10 @ 0.52 fak", "5.2 for 10", "0.5 x 100 | 0.52 x 90");
    // What is left of the dollars would buy less than 0.01 share.
    check(ALWAYS, "buy yes 10 @ 0.52 fak", "5.1969 for 10.19", "0.5 x 100 | 0.52 x 100");
    check(0, "sell yes 10 @ 0.5 fak", "10 for 5", "0.5 x 90 | 0.52 x 100");
    check(ALWAYS, "sell yes 10 @ 0.5 fak", "10 for 5.1", "0.5 x 100 | 0.52 x 100");
    // Post-only and what does not meet the house are left alone.
    check(ALWAYS, "buy yes 10 @ 0.51 gtc", "live", "0.51 x 10, 0.5 x 100 | 0.52 x 100");
    check(
        ALWAYS,
        "buy yes 10 @ 0.52 gtc post-only",
        "invalid post-only order: order crosses book",
        "0.5 x 100 | 0.52 x 100",
    );
}

/// A leader lives in the house and has an account like anybody else: his orders are of the house, his shares are not endless.
#[test]
fn who_has_only_what_he_has_offers_nothing_better() {
    let mut bench = bench(Settings { improved_ppm: ALWAYS, ..Settings::default() }, RULES);
    let held = bench.exchange.shares(ANN, bench.market, Outcome::Yes).held;
    let id = bench.exchange.house_order_id();
    let offer = NewOrder { id, ..bench.parse(ANN, &format!("sell yes {held} @ 0.51 gtc")) };
    bench.exchange.place(bench.now, offer).expect("all of it is there");
    assert_eq!(said(bench.place(BO, "buy yes 10 @ 0.52 fak")), "5.2 for 10.196079");
    let holding = bench.exchange.shares(ANN, bench.market, Outcome::Yes);
    assert_eq!(holding.held, holding.reserved);
}

#[test]
fn less_than_can_be_ordered_stays_unmatched() {
    for (words, size) in [("buy yes 10 @ 0.52 fak", 10_000_000), ("sell no 10 @ 0.48 fok", 10_000_000)] {
        for (dust_ppm, leaves) in [(0, false), (ALWAYS, true)] {
            let mut bench = bench(Settings { dust_ppm, ..Settings::default() }, RULES);
            let id = bench.take(ANN, words);
            let order = bench.exchange.order(&id).expect("a known order");
            let rest = size - order.matched.0;
            assert_eq!((rest > 0 && rest < 10_000, rest == 0), (leaves, !leaves), "{words}: {rest} left");
            assert_eq!((bench.status(id).as_str(), order.rest() == Shares::ZERO), ("matched", !leaves), "{words}");
        }
    }
}

#[test]
fn quotes_are_gone_when_a_hold_ends() {
    let rules = Rules { hold: Nanos::from_millis(50), ..RULES };
    for (delayed_unmatched_ppm, gtc, fak, book) in [
        (0, "matched", "matched", "0.5 x 100 | 0.52 x 80"),
        (
            ALWAYS,
            "live",
            "CANCELED_no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
            "0.52 x 10, 0.5 x 100 | ",
        ),
    ] {
        let mut bench = bench(Settings { delayed_unmatched_ppm, ..Settings::default() }, rules);
        let held = [bench.take(ANN, "buy yes 10 @ 0.52 gtc"), bench.take(BO, "buy yes 10 @ 0.52 fak")];
        bench.after(Nanos::from_millis(50));
        assert_eq!(held.map(|id| bench.status(id)), [gtc, fak]);
        assert_eq!(bench.book(), book);
    }
}

/// Money and shares are where they were, whatever the house does.
#[test]
fn nothing_is_made_or_lost_by_whims() {
    let settings = Settings {
        improved_ppm: ALWAYS / 2,
        dust_ppm: ALWAYS / 2,
        delayed_ppm: ALWAYS / 4,
        delayed_unmatched_ppm: ALWAYS / 2,
        ..Settings::default()
    };
    let mut bench = bench(settings, RULES);
    let total = |bench: &Bench| {
        let exchange = &bench.exchange;
        let (escrow, fees) = exchange.escrow_and_fees();
        let held: i64 = [HOUSE, ANN, BO].map(|account| exchange.balance(account).held.0).iter().sum();
        held + escrow + fees + exchange.locked(bench.market)
    };
    let before = total(&bench);
    for nth in 0..200_u32 {
        let words = ["buy yes 10 @ 0.52 fak", "sell yes 7 @ 0.5 fak", "buy no 9 @ 0.5 gtc", "sell no 5 @ 0.48 fok"];
        drop(bench.place([ANN, BO][nth as usize % 2], words[nth as usize / 2 % 4]));
        bench.after(Nanos::from_millis(500));
        let cents = |cents: u32| Price::from_micros(cents * 10_000).expect("a price");
        bench.exchange.quote(bench.now, HOUSE, bench.market, Side::Sell, cents(52), Shares::whole(100));
        bench.exchange.quote(bench.now, HOUSE, bench.market, Side::Buy, cents(50), Shares::whole(100));
        assert_eq!(total(&bench), before, "order {nth}");
    }
    bench.after(Nanos::from_secs(120));
    assert_eq!(total(&bench), before);
}
