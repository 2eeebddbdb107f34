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
    let said = said(paper.answer(Nanos::from_millis(250), engine));
    match order.kind {
        OrderKind::Gtc => said,
        // What fills or ends at once was accepted.
        OrderKind::Fak | OrderKind::Fok => said.trim_start_matches("accepted; ").to_owned(),
    }
}

/// Returns what the venue says, one phrase for each answer.
fn said(answers: impl IntoIterator<Item = Answers>) -> String {
    let phrases = answers.into_iter().flatten().flatten().map(|answer| match answer {
        Input::Accepted { .. } => "accepted".to_owned(),
        Input::Filled { shares, cash, fee, .. } => format!("{shares} for {cash} fee {fee}"),
        Input::Closed { end, .. } => end.code().to_owned(),
        other => panic!("the venue does not say {other:?}"),
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

/// Binds: fill_delay_ms.
#[test]
fn an_order_meets_the_book_after_its_delay() {
    let engine = book(&[(49, 100)], &[(51, 100)]);
    let order = order(Side::Buy, OrderKind::Fak, 51, 40);
    for (fill_delay, is_answered) in [(250, true), (251, false)] {
        let fill_delay = Nanos::from_millis(fill_delay);
        let mut paper = Paper::new(PaperOptions { fill_delay, ..PaperOptions::default() });
        paper.submit(Nanos(0), &order);
        assert_eq!(paper.next_due(), fill_delay);
        assert_eq!(paper.answer(Nanos::from_millis(250), &engine).is_some(), is_answered, "{fill_delay:?}");
    }
}

/// Binds: depth_memory_s.
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

/// A paper venue where a sale of 100 at 0.60 rests, above bids of 0.49.
fn resting() -> (Engine, Paper) {
    let (engine, mut paper) = (book(&[(49, 100)], &[(70, 100)]), Paper::new(PaperOptions::default()));
    assert_eq!(answers(&mut paper, &engine, order(Side::Sell, OrderKind::Gtc, 60, 100)), "accepted");
    (engine, paper)
}

/// Lets the book become this, and returns what the venue says to it at once.
fn meets(engine: &mut Engine, paper: &mut Paper, at: u64, bids: &[(u32, u64)]) -> String {
    set_book(engine, at, bids, &[(70, 100)]);
    paper.book_changed(Nanos::from_secs(1), TOKEN, engine);
    said(std::iter::from_fn(|| paper.answer(Nanos::from_secs(1), engine)))
}

#[test]
fn what_does_not_cross_rests_until_somebody_bids_its_price() {
    let (mut engine, mut paper) = resting();
    assert_eq!(meets(&mut engine, &mut paper, 2, &[(59, 500)]), "");
    assert_eq!(paper.next_due(), Nanos::NEVER);
    // At its own price, without a fee; each bid once.
    assert_eq!(meets(&mut engine, &mut paper, 3, &[(60, 40)]), "40 for 24 fee 0");
    assert_eq!(meets(&mut engine, &mut paper, 4, &[(60, 40)]), "");
    assert_eq!(meets(&mut engine, &mut paper, 5, &[(60, 50)]), "10 for 6 fee 0");
    assert_eq!(meets(&mut engine, &mut paper, 6, &[(62, 500)]), "50 for 30 fee 0; filled");
    assert_eq!(meets(&mut engine, &mut paper, 7, &[(62, 900)]), "");
}

#[test]
fn what_crosses_at_once_pays_the_takers_fee_and_what_is_left_rests_without_one() {
    let mut engine = book(&[(60, 40)], &[(70, 100)]);
    let market = Market { fees: FeeSchedule { rate_ppm: 50_000 }, ..Market::COMMON };
    engine.step(Nanos(2), &Input::MarketKnown { token: TOKEN, market }, &mut Events::default());
    let mut paper = Paper::new(PaperOptions::default());
    let sale = order(Side::Sell, OrderKind::Gtc, 55, 100);
    // 40 x 0.05 x 0.6 x 0.4
    assert_eq!(answers(&mut paper, &engine, sale), "accepted; 40 for 24 fee 0.48");
    assert_eq!(meets(&mut engine, &mut paper, 2, &[(60, 100)]), "60 for 33 fee 0; filled");
}

#[test]
fn orders_that_rest_share_what_is_bid_and_do_not_fill_each_other() {
    let (mut engine, mut paper) = resting();
    let second = Submitted { order: OrderId(2), ..order(Side::Sell, OrderKind::Gtc, 60, 100) };
    assert_eq!(answers(&mut paper, &engine, second), "accepted");
    // A buy of ours at that price finds nobody: our sales are not in the book.
    let buy = Submitted { order: OrderId(3), ..order(Side::Buy, OrderKind::Fak, 60, 60) };
    assert_eq!(answers(&mut paper, &engine, buy), "rejected_no_match");
    assert_eq!(meets(&mut engine, &mut paper, 2, &[(60, 130)]), "100 for 60 fee 0; filled; 30 for 18 fee 0");
}

#[test]
fn a_cancellation_is_answered_unless_the_order_had_ended() {
    let cancelled = |engine: &Engine, paper: &mut Paper| {
        paper.cancel(Nanos::from_secs(1), OrderId(1));
        assert_eq!(paper.answer(Nanos::from_millis(1_249), engine), None, "before its time");
        said(paper.answer(Nanos::from_millis(1_250), engine))
    };
    let (engine, mut paper) = resting();
    assert_eq!(cancelled(&engine, &mut paper), "cancelled");
    assert_eq!(cancelled(&engine, &mut paper), "");
    // What fills on its way, fills.
    let (mut engine, mut paper) = resting();
    paper.cancel(Nanos::from_secs(1), OrderId(1));
    assert_eq!(meets(&mut engine, &mut paper, 2, &[(60, 500)]), "100 for 60 fee 0; filled");
    assert_eq!(said(paper.answer(Nanos::from_secs(2), &engine)), "");
    // An order still on its way is cancelled after it came.
    let (engine, mut paper) = (book(&[(49, 100)], &[(70, 100)]), Paper::new(PaperOptions::default()));
    paper.submit(Nanos::ZERO, &order(Side::Sell, OrderKind::Gtc, 60, 100));
    paper.cancel(Nanos::ZERO, OrderId(1));
    let all = std::iter::from_fn(|| paper.answer(Nanos::from_secs(1), &engine));
    assert_eq!(said(all), "accepted; cancelled");
}

#[test]
fn a_sale_that_rests_needs_a_trusted_book_and_ends_with_its_market() {
    let (mut engine, mut paper) = resting();
    set_book(&mut engine, 2, &[(60, 500)], &[(70, 100)]);
    engine.step(Nanos(2), &Input::BookLost { token: TOKEN }, &mut Events::default());
    paper.book_changed(Nanos(2), TOKEN, &engine);
    assert_eq!(paper.next_due(), Nanos::NEVER);
    engine.step(Nanos(3), &Input::Resolved { token: TOKEN, payout: 0 }, &mut Events::default());
    paper.book_changed(Nanos(3), TOKEN, &engine);
    assert_eq!(said(paper.answer(Nanos(3), &engine)), "cancelled");
}
