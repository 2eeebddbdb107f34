//! The paper venue at the venue's rules.

use super::*;
use crate::{
    domain::{Cause, FeeSchedule, LeaderId, Millis, Mode, PortfolioId, SignalId, Tick, input::Best},
    engine::{Events, Options},
};

const TOKEN: TokenId = TokenId(0);

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).expect("a price")
}

/// An engine with one book (cents, shares).
fn book(bids: &[(u32, u64)], asks: &[(u32, u64)]) -> Engine {
    let mut engine = Engine::new(Options::default());
    engine.install_token(TOKEN);
    set_book(&mut engine, 1, bids, asks);
    engine
}

fn set_book(engine: &mut Engine, at: u64, bids: &[(u32, u64)], asks: &[(u32, u64)]) {
    let (token, at, mut events) = (TOKEN, Millis(at), Events::default());
    let mut step = |input| engine.step(Nanos(1), &input, &mut events);
    step(Input::Snapshot { token, at });
    for (side, levels) in [(Side::Buy, bids), (Side::Sell, asks)] {
        for (cents, size) in levels {
            step(Input::Level { token, side, price: price(*cents), size: Shares::whole(*size) });
        }
    }
    step(Input::BookDone { token, at, best: Best::Unstated });
}

fn order(side: Side, kind: OrderKind, limit: u32, amount: u64) -> Submitted {
    let (budget, shares) = match side {
        Side::Buy => {
            let budget = Usdc::whole(amount as i64);
            (budget, price(limit).shares_floor(budget))
        }
        Side::Sell => (Usdc::ZERO, Shares::whole(amount)),
    };
    Submitted {
        order: OrderId(1),
        signal: SignalId(1),
        portfolio: PortfolioId(0),
        leader: LeaderId(0),
        token: TOKEN,
        side,
        kind,
        cause: Cause::Entry,
        limit: price(limit),
        shares,
        budget,
        reserved: budget,
        touch: price(limit),
        reference: price(limit),
        attempt: 1,
    }
}

fn answers(paper: &mut Paper, engine: &Engine, order: Submitted) -> String {
    paper.submit(Nanos::ZERO, &order);
    assert_eq!(paper.answer(Nanos::from_millis(249), engine), None, "before its time");
    let answers = paper.answer(Nanos::from_millis(250), engine).expect("due");
    let phrases = answers.into_iter().flatten().filter_map(|answer| match answer {
        Input::Filled { shares, cash, fee, .. } => Some(format!("{shares} for {cash} fee {fee}")),
        Input::Closed { end, .. } => Some(end.code().to_owned()),
        _ => None,
    });
    phrases.collect::<Vec<_>>().join("; ")
}

fn check(side: Side, kind: OrderKind, limit: u32, amount: u64, said: &str) {
    let engine = book(&[(48, 100), (49, 50)], &[(51, 50), (52, 100)]);
    let answer = answers(&mut Paper::new(PaperOptions::default()), &engine, order(side, kind, limit, amount));
    assert_eq!(answer, said, "{side:?} {kind:?} {amount} @ {limit}");
}

#[test]
fn fills_go_level_by_level_within_the_limit() {
    use OrderKind::{Fak, Fok};
    check(Side::Buy, Fak, 51, 10, "19.607843 for 10 fee 0; filled");
    // 50 at 0.51, the other $26.50 is spent at 0.52: a better price gives more shares, not less money.
    check(Side::Buy, Fak, 52, 52, "100.961538 for 52 fee 0; filled");
    check(Side::Buy, Fak, 52, 100, "150 for 77.5 fee 0; cancelled");
    check(Side::Buy, Fok, 52, 100, "rejected_not_fully_filled");
    check(Side::Buy, Fok, 52, 52, "100.961538 for 52 fee 0; filled");
    check(Side::Buy, Fak, 50, 10, "rejected_no_match");
    check(Side::Sell, Fak, 48, 120, "120 for 58.1 fee 0; filled");
    check(Side::Sell, Fak, 49, 120, "50 for 24.5 fee 0; cancelled");
    check(Side::Sell, Fok, 49, 120, "rejected_not_fully_filled");
    check(Side::Sell, Fak, 50, 120, "rejected_no_match");
}

#[test]
fn each_rule_of_the_venue_refuses() {
    let engine = book(&[(49, 500)], &[(51, 500)]);
    let good = order(Side::Buy, OrderKind::Fak, 51, 10);
    let off_tick = Price::from_micros(511_000).expect("a price");
    let sale = order(Side::Sell, OrderKind::Fak, 49, 10);
    let cheap = Submitted { limit: price(10), shares: Shares::whole(9), budget: Usdc(990_000), ..good };
    for (order, said) in [
        (Submitted { limit: off_tick, ..good }, "rejected_off_tick"),
        (Submitted { shares: Shares(4_999_999), ..good }, "rejected_below_minimum_size"),
        (cheap, "rejected_below_minimum_amount"),
        (Submitted { budget: Usdc(10_001_000), ..good }, "rejected_precision"),
        (Submitted { shares: Shares(10_001_000), ..sale }, "rejected_precision"),
    ] {
        assert_eq!(answers(&mut Paper::new(PaperOptions::default()), &engine, order), said);
    }
    let mut resolved = book(&[(49, 500)], &[(51, 500)]);
    resolved.step(Nanos(2), &Input::Resolved { token: TOKEN, payout: 0 }, &mut Events::default());
    assert_eq!(answers(&mut Paper::new(PaperOptions::default()), &resolved, good), "rejected_market_closed");
}

#[test]
fn depth_is_used_once_while_its_level_stands() {
    let mut engine = book(&[(49, 100)], &[(51, 100)]);
    let mut paper = Paper::new(PaperOptions::default());
    let ten = order(Side::Buy, OrderKind::Fak, 51, 40);
    assert_eq!(answers(&mut paper, &engine, ten), "78.431372 for 40 fee 0; filled");
    assert_eq!(answers(&mut paper, &engine, ten), "21.568628 for 11.000001 fee 0; cancelled");
    assert_eq!(answers(&mut paper, &engine, ten), "rejected_no_match");
    // Somebody adds 50 shares: those are new.
    set_book(&mut engine, 2, &[(49, 100)], &[(51, 150)]);
    assert_eq!(answers(&mut paper, &engine, ten), "50 for 25.5 fee 0; cancelled");
    // Elsewhere depth is untouched, and a level that ended begins anew.
    set_book(&mut engine, 3, &[(49, 100)], &[(50, 100)]);
    assert_eq!(answers(&mut paper, &engine, ten), "80 for 40 fee 0; filled");
    set_book(&mut engine, 4, &[(49, 100)], &[(51, 100)]);
    assert_eq!(answers(&mut paper, &engine, ten), "78.431372 for 40 fee 0; filled");
}

#[test]
fn taken_depth_is_forgotten_in_time() {
    let engine = book(&[(49, 100)], &[(51, 100)]);
    let mut paper = Paper::new(PaperOptions { fill_delay: Nanos::ZERO, depth_memory: Nanos::from_secs(60) });
    let order = order(Side::Buy, OrderKind::Fak, 51, 51);
    let mut filled = |at: Nanos| {
        paper.submit(at, &order);
        paper.answer(at, &engine).expect("due").len() == 3
            && paper.taken(at, TOKEN, Side::Sell, price(51)) > Shares::ZERO
    };
    assert!(filled(Nanos::from_secs(1)));
    assert_eq!(paper.taken(Nanos::from_secs(61), TOKEN, Side::Sell, price(51)), Shares::whole(100));
    assert_eq!(paper.taken(Nanos::from_secs(62), TOKEN, Side::Sell, price(51)), Shares::ZERO);
}

#[test]
fn a_book_that_is_not_trusted_fills_nothing() {
    let mut engine = book(&[(49, 100)], &[(51, 100)]);
    engine.step(Nanos(2), &Input::BookLost { token: TOKEN }, &mut Events::default());
    let order = order(Side::Buy, OrderKind::Fak, 51, 40);
    assert_eq!(answers(&mut Paper::new(PaperOptions::default()), &engine, order), "rejected_no_match");
}

#[test]
fn the_fee_is_the_venues() {
    let mut engine = book(&[(49, 1_000)], &[(48, 0), (66, 1_000)]);
    let market = Market { fees: FeeSchedule { rate_ppm: 50_000 }, tick: Tick::CENT, ..Market::COMMON };
    engine.step(Nanos(2), &Input::MarketKnown { token: TOKEN, market }, &mut Events::default());
    engine.install_portfolio(PortfolioId(0), Mode::Paper, crate::engine::tests::open_settings());
    // The first fill of vectors_fees.json: $5 at 0.66.
    let said = answers(&mut Paper::new(PaperOptions::default()), &engine, order(Side::Buy, OrderKind::Fak, 66, 5));
    // The chain gave 7.575758 shares and a fee of 0.085: the maker rounds up, we round against us.
    assert_eq!(said, "7.575757 for 5 fee 0.08499; filled");
}
