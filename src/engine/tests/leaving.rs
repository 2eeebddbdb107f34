//! Leaving beside the leader: stops, targets, time, the operator's word; and that nothing keeps us from it.

use super::{exits::holding, *};
use crate::domain::{
    Cause, Fault, OrderEnd, Source,
    event::{How, Signal},
    settings::{ExitPlan, ExitRules, ScaleIn},
};

fn bid(world: &mut World, at: f64) {
    world.book(&[(at, 5_000.0)], &[(0.99, 5_000.0)]);
}

fn peak(world: &World) -> Option<Price> {
    world.position().and_then(|position| position.peak)
}

/// 100 shares bought at 0.50 under `rules`, then these bids in turn.
fn check(rules: impl FnOnce(&mut ExitRules), bids: &[f64], said: &str) {
    let mut world = holding(|s| rules(&mut s.exit));
    bids.iter().for_each(|at| bid(&mut world, *at));
    assert_eq!(world.said(), said, "{bids:?}");
}

/// Binds: trailing_stop_percent.
#[test]
fn a_trailing_stop_follows_the_bid_up_and_not_down() {
    let trail = |rules: &mut ExitRules| rules.trailing_stop_ppm = 100_000;
    check(trail, &[0.60, 0.55, 0.60], "");
    check(trail, &[0.60, 0.54], "due trailing_stop; sell 100 @ 0.53");
    // Below the first bid after the entry, without any rise.
    check(trail, &[0.45], "");
    check(trail, &[0.44], "due trailing_stop; sell 100 @ 0.44");
    check(|_| (), &[0.90, 0.10], "");
}

/// Binds: stop_loss_percent, take_profit_percent.
#[test]
fn of_several_causes_the_first_one_names_the_sale() {
    let all = |stop, trail, target| {
        move |rules: &mut ExitRules| {
            (rules.stop_loss_ppm, rules.trailing_stop_ppm, rules.take_profit_ppm) = (stop, trail, target);
        }
    };
    check(all(100_000, 100_000, 0), &[0.60, 0.45], "due stop_loss; sell 100 @ 0.45");
    check(all(100_000, 100_000, 200_000), &[0.59, 0.53], "due trailing_stop; sell 100 @ 0.52");
    check(all(100_000, 100_000, 100_000), &[0.56], "due take_profit; sell 100 @ 0.55");
    // The target comes before the time that has passed as well.
    let mut world = holding(|s| (s.exit.take_profit_ppm, s.exit.hold_max) = (100_000, Nanos::from_secs(60)));
    world.now = world.now.plus(Nanos::from_secs(60));
    bid(&mut world, 0.56);
    assert_eq!(world.said(), "due take_profit; sell 100 @ 0.55");
}

#[test]
fn a_peak_is_noted_by_ticks_of_a_trusted_book_and_only_for_a_trailing_stop() {
    let mut world = holding(|s| s.exit.trailing_stop_ppm = 100_000);
    assert_eq!(peak(&world), Some(price(0.49)));
    bid(&mut world, 0.60);
    bid(&mut world, 0.58);
    assert_eq!(peak(&world), Some(price(0.60)));
    // A spike of a book that disagrees with the venue is none: neither up nor down.
    for at in [0.95, 0.05] {
        let millis = Millis(world.now.as_millis());
        world.input(Input::Level { token: TOKEN, side: Side::Buy, price: price(0.58), size: Shares::ZERO });
        world.input(Input::Level { token: TOKEN, side: Side::Buy, price: price(at), size: shares(10.0) });
        let best = Best::Stated { bid: Some(price(0.58)), ask: Some(price(0.99)) };
        world.input(Input::BookDone { token: TOKEN, at: millis, best });
        world.input(Input::Level { token: TOKEN, side: Side::Buy, price: price(at), size: Shares::ZERO });
        world.input(Input::Level { token: TOKEN, side: Side::Buy, price: price(0.58), size: shares(10.0) });
        world.input(Input::BookDone { token: TOKEN, at: millis, best });
    }
    assert_eq!((peak(&world), world.said().as_str()), (Some(price(0.60)), ""));
    let mut off = holding(|_| ());
    bid(&mut off, 0.60);
    assert_eq!(peak(&off), None);
}

#[test]
fn less_than_a_tick_is_no_new_peak() {
    let mut world = holding(|s| s.exit.trailing_stop_ppm = 100_000);
    world.input(Input::TickChanged { token: TOKEN, tick: Tick::from_micros(5_000).expect("a tick") });
    bid(&mut world, 0.60);
    world.input(Input::TickChanged { token: TOKEN, tick: Tick::CENT });
    // On the finer grid for a moment, then the rule of the coarser one holds again.
    let mut finer = |at: f64| {
        world.input(Input::Level { token: TOKEN, side: Side::Buy, price: price(at), size: shares(10.0) });
        world.input(Input::TickChanged { token: TOKEN, tick: Tick::CENT });
        let at = Millis(world.now.as_millis());
        world.input(Input::BookDone { token: TOKEN, at, best: Best::Unstated });
        peak(&world)
    };
    assert_eq!(finer(0.605), Some(price(0.60)));
    assert_eq!(finer(0.61), Some(price(0.61)));
}

/// Binds: hold_minutes_max.
#[test]
fn a_position_is_left_after_the_longest_hold_counted_from_its_first_fill() {
    let mut world = holding(|s| s.exit.hold_max = Nanos::from_secs(60));
    let opened_at = world.position().expect("a position").opened_at;
    let due = opened_at.plus(Nanos::from_secs(60));
    // A later entry does not begin it anew.
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(3));
    world.said();
    assert_eq!(world.engine.next_deadline(), due);
    world.wait(Nanos(due.since(world.now).0 - 1));
    assert_eq!(world.said(), "");
    world.wait(Nanos(1));
    assert_eq!(world.said(), "due hold_time; sell 200 @ 0.49");
    // Without a book it is owed all the same, and waits for one.
    let mut world = holding(|s| s.exit.hold_max = Nanos::from_secs(60));
    world.input(Input::BookLost { token: TOKEN });
    world.wait(Nanos::from_secs(60));
    assert_eq!(world.said(), "diverged gap; due hold_time");
    liquid(&mut world);
    assert_eq!(world.said(), "resynced; sell 100 @ 0.49");
    // A position that was sold out and bought again begins anew.
    let mut world = holding(|s| s.exit.hold_max = Nanos::from_secs(60));
    world.leader(Side::Sell, 0.49, 200.0);
    world.wait(Nanos::from_secs(30));
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(58));
    let last = world.said().split("; ").last().map(str::to_owned);
    assert_eq!(last.as_deref(), Some("filled"));
}

#[test]
fn the_operator_sells_one_token_or_all_at_once_and_is_told_when_there_is_nothing() {
    for token in [None, Some(TOKEN)] {
        let mut world = holding(|_| ());
        world.input(Input::ForceExit { portfolio: PAPER, token });
        world.wait(Nanos::from_secs(1));
        assert_eq!(world.said(), "due forced; sell 100 @ 0.49; filled 100 for $49 fee 0; filled");
        world.input(Input::ForceExit { portfolio: PAPER, token });
        assert_eq!(world.said(), "declined nothing_held");
    }
    let mut world = holding(|_| ());
    world.input(Input::ForceExit { portfolio: PAPER, token: Some(TokenId(7)) });
    world.input(Input::ForceExit { portfolio: PortfolioId(9), token: None });
    assert_eq!(world.said(), "declined nothing_held; declined not_known");
}

#[test]
fn the_operators_word_does_not_wait_for_the_back_off_and_covers_what_is_under_way() {
    let mut world = holding(|_| ());
    world.leader(Side::Sell, 0.49, 200.0);
    world.book(&[], &[(0.50, 5_000.0)]);
    world.wait(Nanos::from_millis(300));
    liquid(&mut world);
    world.said();
    assert!(world.position().is_some_and(|position| world.now < position.exit.retry_at));
    world.input(Input::ForceExit { portfolio: PAPER, token: None });
    assert_eq!(world.said(), "due forced; sell 100 @ 0.49");

    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.input(Input::ForceExit { portfolio: PAPER, token: None });
    world.wait(Nanos::from_secs(1));
    let said = "deposited $1000; buy $50 @ 0.51; due forced; filled 100 for $50 fee 0; filled; sell 100 @ 0.49; \
                filled 100 for $49 fee 0; filled";
    assert_eq!(world.said(), said);
}

/// A way to keep us from entering.
type Block = (&'static str, fn(&mut World));
/// What makes us leave.
type Leave = fn(&mut World);

/// Every one of them is turned on: no entry is made, and each kind of exit is.
#[test]
fn nothing_that_stops_entries_stops_an_exit() {
    let blocks: [Block; 7] = [
        ("breakers", |world| {
            for breaker in crate::domain::Breaker::ALL {
                let (portfolio, numbers) = (PAPER, crate::domain::Numbers::NONE);
                world.engine.apply(world.now, &Event::Tripped { portfolio, breaker, numbers });
            }
        }),
        ("pause", |world| world.input(Input::Pause { portfolio: PAPER })),
        ("fault", |world| world.input(Input::Accepted { order: OrderId(99) })),
        ("paper off", |world| world.input(Input::SwitchPaper { to: PaperSwitch::Off })),
        ("market denied", |world| {
            let mut all = PortfolioSet::EMPTY;
            all.insert(PAPER);
            world.engine.deny(TOKEN, all);
        }),
        ("limits", |world| {
            let limits = &mut world.engine.portfolios[0].settings.limits;
            (limits.position_usdc_max, limits.exposure_usdc_max) = (Usdc::ZERO, Usdc::ZERO);
        }),
        ("filters and guards", |world| {
            let settings = &mut world.engine.portfolios[0].settings;
            settings.filter.price_max = Tick::FINEST.first();
            settings.filter.trade_age_max = Nanos::ZERO;
            settings.guards.buy.spread_max = 0;
            settings.guards.buy.book_age_max = Nanos::ZERO;
            settings.exit.scale_in = ScaleIn::Never;
        }),
    ];
    let exits: [(Cause, Leave); 5] = [
        (Cause::LeaderExit, |world| world.leader_late(Side::Sell, 0.49, 401.0, Nanos::from_secs(5))),
        (Cause::StopLoss, |world| bid(world, 0.30)),
        (Cause::TakeProfit, |world| bid(world, 0.80)),
        (Cause::HoldTime, |world| world.wait(Nanos::from_secs(600))),
        (Cause::Forced, |world| world.input(Input::ForceExit { portfolio: PAPER, token: None })),
    ];
    let each = blocks.iter().map(|block| vec![*block]).chain([blocks.to_vec()]);
    for (on, (cause, leave)) in each.flat_map(|on| exits.map(|exit| (on.clone(), exit))) {
        let mut world = holding(|s| {
            (s.exit.stop_loss_ppm, s.exit.take_profit_ppm) = (200_000, 200_000);
            s.exit.hold_max = Nanos::from_secs(600);
        });
        on.iter().for_each(|(_, turn)| turn(&mut world));
        world.said();
        world.leader(Side::Buy, 0.50, 201.0);
        let no = world.said();
        assert!(no.starts_with("skipped") || no.starts_with("refused"), "{on:?}: {no}");
        leave(&mut world);
        world.wait(Nanos::from_secs(1));
        let said = world.said();
        assert!(said.contains(&format!("due {}; sell 100 @", cause.code())), "{on:?} {cause:?}: {said}");
        assert_eq!(world.position(), None, "{on:?} {cause:?}: {said}");
    }
}

/// A leader's sale under `narrow`, into these bids below an ask of 0.50: what is said at once, and after the patience.
fn guarded(narrow: impl FnOnce(&mut Settings), bids: &[(f64, f64)], at_once: &str, later: &str) {
    let mut world = holding(|s| {
        s.exit.guard_patience = Nanos::from_secs(60);
        narrow(s);
    });
    world.book(bids, &[(0.50, 5_000.0)]);
    world.leader(Side::Sell, 0.49, 200.0);
    assert_eq!(world.said(), at_once, "{bids:?} at once");
    world.wait(Nanos::from_millis(59_999));
    world.book(bids, &[(0.50, 5_000.0)]);
    world.said();
    world.wait(Nanos::from_millis(1));
    assert_eq!(world.said(), later, "{bids:?} after the patience");
}

/// Binds: guard_patience_s.
#[test]
fn a_guard_for_selling_holds_an_exit_back_for_so_long_and_no_longer() {
    let sold = "due leader_exit; sell 100 @ 0.45";
    let bids = [(0.45, 5_000.0)];
    guarded(|_| (), &bids, sold, "");
    guarded(|s| s.guards.sell.spread_max = 50_000, &bids, sold, "");
    guarded(|s| s.guards.sell.spread_max = 49_999, &bids, "due leader_exit", "sell 100 @ 0.45");
    guarded(|s| s.guards.sell.price_guard_ppm = 20_000, &bids, "due leader_exit", "sell 100 @ 0.45");
    guarded(|s| s.guards.sell.depth_factor_ppm_min = 51_000_000, &bids, "due leader_exit", "sell 100 @ 0.45");
    let impatient = |s: &mut Settings| (s.guards.sell.spread_max, s.exit.guard_patience) = (0, Nanos::ZERO);
    guarded(impatient, &bids, sold, "");
    // A part of the depth, and never so much that the rest could not be sold.
    guarded(|s| s.guards.sell.depth_ppm_max = 10_000, &bids, "due leader_exit; sell 50 @ 0.45", "");
    guarded(|_| (), &[(0.45, 97.0)], "due leader_exit; sell 95 @ 0.45", "");
}

#[test]
fn a_stop_has_no_leaders_price_and_the_operator_no_guard() {
    let mut world = holding(|s| {
        (s.exit.stop_loss_ppm, s.exit.guard_patience) = (100_000, Nanos::from_secs(60));
        s.guards.sell.price_guard_ppm = 20_000;
    });
    bid(&mut world, 0.30);
    assert_eq!(world.said(), "due stop_loss; sell 100 @ 0.3");
    let mut world = holding(|s| (s.exit.guard_patience, s.guards.sell.spread_max) = (Nanos::from_secs(60), 0));
    world.leader(Side::Sell, 0.49, 200.0);
    world.input(Input::ForceExit { portfolio: PAPER, token: None });
    assert_eq!(world.said(), "due leader_exit; due forced; sell 100 @ 0.49");
}

#[test]
fn a_payout_that_cannot_be_is_a_fault_and_the_first_word_stands() {
    let faults = |world: &World| {
        let faults = world.log.iter().filter(|(_, event)| matches!(event, Event::Faulted { fault: Fault::Payout, .. }));
        (faults.count(), world.engine.token(TOKEN).payout, world.engine.entries_stopped())
    };
    let mut world = holding(|_| ());
    for payout in [500_000, 500_000] {
        world.input(Input::Resolved { token: TOKEN, payout });
    }
    assert_eq!(faults(&world), (0, Some(500_000), false));
    world.input(Input::Resolved { token: TOKEN, payout: 1_000_000 });
    assert_eq!(faults(&world), (1, Some(500_000), true));
}

#[test]
fn a_fill_told_after_the_end_of_its_market_is_settled_with_it() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.input(Input::Resolved { token: TOKEN, payout: 1_000_000 });
    let order = OrderId(1);
    world.input(Input::Filled { order, shares: shares(40.0), cash: Usdc::whole(20), fee: Usdc::ZERO });
    world.input(Input::Closed { order, end: OrderEnd::Cancelled });
    let said =
        "deposited $1000; buy $50 @ 0.51; resolved 1000000; filled 40 for $20 fee 0; settled 40 for $40; cancelled";
    assert_eq!((world.said().as_str(), world.position()), (said, None));
    // A sale that was under way may have been made before the end.
    let mut world = holding(|_| ());
    world.leader(Side::Sell, 0.49, 100.0);
    world.input(Input::Resolved { token: TOKEN, payout: 0 });
    let order = OrderId(2);
    world.input(Input::Filled { order, shares: shares(20.0), cash: Usdc::whole(10), fee: Usdc::ZERO });
    world.input(Input::Closed { order, end: OrderEnd::Cancelled });
    let said = "due leader_exit; sell 50 @ 0.49; resolved 0; settled 50 for $0; filled 20 for $10 fee 0; cancelled; \
                settled 30 for $0";
    assert_eq!((world.said().as_str(), world.position()), (said, None));
    world.audit();
}

#[test]
fn a_leader_who_left_without_selling_is_followed_unless_it_is_noise() {
    let check = |how, given_up: f64, least: u32, said: &str| {
        let mut world = holding(|s| s.exit.left_ppm_min = least);
        let signal = Signal {
            signal: SignalId(2),
            group: SignalId(2),
            trade: TradeKey([5, 5]),
            leader: LEADER,
            token: TOKEN,
            side: Side::Sell,
            price: price(0.49),
            shares: shares(given_up),
            group_price: price(0.49),
            group_shares: shares(given_up),
            leader_held: shares(200.0),
            role: Role::Unknown,
            source: Source::Activity,
            how,
            traded_at: world.now,
        };
        world.engine.follow_exit(world.now, PAPER, &signal, &mut world.events);
        world.drain();
        assert_eq!(world.said(), said, "{how:?} {given_up} of 200, least {least}");
    };
    check(How::Left, 100.0, 50_000, "due leader_left; sell 50 @ 0.49");
    check(How::Observed, 10.0, 50_000, "due leader_left; sell 5 @ 0.49");
    check(How::Observed, 9.9, 50_000, "skipped too_little_left");
    check(How::Left, 9.9, 0, "due leader_left");
    check(How::Traded, 10.0, 60_000, "due leader_exit; sell 5 @ 0.49");
}

/// Binds: scale_in_step_percent.
#[test]
fn a_further_entry_asks_the_rule_for_adding() {
    let check = |rule, ask: f64, said: &str| {
        let mut world = holding(|s| s.exit.scale_in = rule);
        world.book(&[(ask - 0.01, 5_000.0)], &[(ask, 5_000.0)]);
        world.leader(Side::Buy, ask, 200.0);
        assert_eq!(world.said(), said, "{rule:?} at {ask}");
    };
    check(ScaleIn::WithLeader, 0.50, "buy $50 @ 0.51");
    check(ScaleIn::Never, 0.50, "skipped scale_in_waits");
    check(ScaleIn::Below(100_000), 0.46, "skipped scale_in_waits");
    check(ScaleIn::Below(100_000), 0.45, "buy $50 @ 0.45");
    check(ScaleIn::Above(100_000), 0.54, "skipped scale_in_waits");
    check(ScaleIn::Above(100_000), 0.55, "buy $50 @ 0.56");
}

#[test]
fn the_first_entry_and_the_other_fills_of_its_group_are_no_adding() {
    let mut settings = sized(SizeRule::Percent(500_000));
    settings.exit.scale_in = ScaleIn::Never;
    let mut world = World::new(settings);
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 100.0);
    world.leader(Side::Buy, 0.50, 100.0);
    assert_eq!(world.said(), "deposited $1000; buy $25 @ 0.51; buy $25 @ 0.51");
    // Another group, while those are still under way.
    world.now = world.now.plus(Nanos::from_secs(3));
    world.leader(Side::Buy, 0.50, 100.0);
    assert_eq!(world.said(), "skipped scale_in_waits");
}

#[test]
fn tries_of_an_exit_peaks_and_deadlines_survive_a_restart() {
    let mut settings = open_settings();
    (settings.exit.trailing_stop_ppm, settings.exit.plan) = (900_000, ExitPlan::RestAt(900_000));
    let mut world = World::new(settings);
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(1));
    bid(&mut world, 0.60);
    world.leader(Side::Sell, 0.49, 100.0);
    // The bids are gone again before each try arrives.
    for _ in 0..4 {
        bid(&mut world, 0.60);
        world.book(&[], &[(0.99, 5_000.0)]);
        world.wait(Nanos::from_secs(3));
    }
    let before = *world.position().expect("a position");
    assert!(before.exit.tries >= 2 && world.now < before.exit.retry_at, "{before:?}");
    assert_eq!(before.peak, Some(price(0.60)));
    let mut again = recovery::recovered(&world.log);
    assert_eq!(again.positions().iter().next(), Some(&before));
    let mut events = Events::default();
    again.resume(world.now, &mut events);
    again.step(world.now, &Input::Timer, &mut events);
    assert_eq!(again.next_deadline(), before.exit.retry_at);
}
