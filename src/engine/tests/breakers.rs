//! Breakers, days, and orders whose outcome is not known.

use super::{
    limits::{BO, OTHER_SIDE, SAME_EVENT, STRANGER, buy, four_tokens, refresh},
    *,
};
use crate::domain::{
    Breaker, Rejection,
    settings::{BreakerReset, Limits},
};

const DAY: Nanos = Nanos::from_secs(86_400);

/// A world that bought 100 shares at 0.50 after each of two leaders (`TOKEN`, `OTHER_SIDE`).
fn holding(narrow: impl FnOnce(&mut Limits)) -> World {
    let mut settings = open_settings();
    narrow(&mut settings.limits);
    let mut world = four_tokens(settings);
    buy(&mut world, LEADER, TOKEN);
    buy(&mut world, BO, OTHER_SIDE);
    world.wait(Nanos::from_secs(3));
    refresh(&mut world);
    world.said();
    world
}

/// The first position loses all of its 50 dollars, then these leaders buy; tells what was said of the last.
fn after_a_loss(narrow: impl FnOnce(&mut Limits), leader: LeaderId) -> String {
    let mut world = holding(narrow);
    world.input(Input::Resolved { token: TOKEN, payout: 0 });
    buy(&mut world, leader, STRANGER);
    world.audit();
    world.said()
}

const LOST: &str = "resolved 0; settled 100 for $0";

#[test]
fn each_limit_on_losses_binds_and_a_breaker_trips_once() {
    let check = |narrow: fn(&mut Limits), leader: LeaderId, said: &str| {
        assert_eq!(after_a_loss(narrow, leader), format!("{LOST}; {said}"));
    };
    let copied = "buy $50 @ 0.51";
    check(|l| l.day_loss_usdc_max = Usdc::whole(50), BO, "tripped daily_loss; refused daily_loss");
    check(|l| l.day_loss_usdc_max = Usdc(50_000_001), BO, copied);
    check(|l| l.leader_day_loss_usdc_max = Usdc::whole(50), LEADER, "refused leader_daily_loss");
    check(|l| l.leader_day_loss_usdc_max = Usdc(50_000_001), LEADER, copied);
    check(|l| l.leader_day_loss_usdc_max = Usdc::whole(50), BO, copied);
    check(|l| l.leader_loss_usdc_max = Usdc::whole(50), LEADER, "refused leader_loss");
    check(|l| l.leader_loss_usdc_max = Usdc(50_000_001), LEADER, copied);
    check(|l| l.leader_loss_usdc_max = Usdc::whole(50), BO, copied);
    // Fifty of a thousand, with the other position at 49 for its 50: 5.1 %.
    check(|l| l.drawdown_ppm_max = 51_000, BO, "tripped drawdown; refused drawdown");
    check(|l| l.drawdown_ppm_max = 51_001, BO, copied);
    check(|l| l.losses_in_row_max = 1, BO, "tripped losses_in_row; refused losses_in_row");
    check(|l| l.losses_in_row_max = 2, BO, copied);
}

#[test]
fn a_gain_ends_the_losses_in_a_row_and_a_sale_in_parts_is_one() {
    let mut world = holding(|l| l.losses_in_row_max = 2);
    // One order, two fills, both at a loss.
    world.trade(LEADER, TOKEN, Side::Sell, 0.49, 200.0);
    let order = world.engine.orders().iter().next().expect("a sale").submitted.order;
    let part = |cash| Input::Filled { order, shares: shares(50.0), cash, fee: Usdc::ZERO };
    world.input(part(Usdc::whole(24)));
    world.input(part(Usdc::whole(24)));
    world.input(Input::Closed { order, end: OrderEnd::Filled });
    assert_eq!(world.engine.portfolios()[0].standing.losses, 1);
    world.input(Input::Resolved { token: OTHER_SIDE, payout: 1_000_000 });
    assert_eq!(world.engine.portfolios()[0].standing.losses, 0);
    assert!(!world.said().contains("tripped"));
}

/// Binds: breaker_reset.
#[test]
fn a_breaker_never_stops_an_exit_and_is_reset_by_hand() {
    let mut world = holding(|l| (l.day_loss_usdc_max, l.reset) = (Usdc::whole(50), BreakerReset::ByHand));
    world.input(Input::Resolved { token: TOKEN, payout: 0 });
    world.trade(BO, OTHER_SIDE, Side::Sell, 0.49, 200.0);
    assert_eq!(world.said(), format!("{LOST}; tripped daily_loss; due leader_exit; sell 100 @ 0.49"));
    // Midnight does not reset it, a person does; and what was lost before counts no more.
    world.wait(DAY);
    refresh(&mut world);
    world.said();
    buy(&mut world, LEADER, STRANGER);
    world.input(Input::ResetBreakers { portfolio: PAPER });
    world.input(Input::ResetBreakers { portfolio: PAPER });
    buy(&mut world, LEADER, SAME_EVENT);
    assert_eq!(world.said(), "refused daily_loss; reset daily_loss; buy $50 @ 0.51");
}

#[test]
fn drawdown_is_seen_with_each_value_and_its_peak_follows_deposits_and_resets() {
    let options = Options { value_every: Nanos::from_secs(60), ..Options::default() };
    let mut settings = open_settings();
    settings.limits.drawdown_ppm_max = 100_000;
    let mut world = World::with(settings, options);
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 2_000.0);
    world.wait(Nanos::from_secs(1));
    let at = |world: &mut World, bid: f64| {
        world.book(&[(bid, 5_000.0)], &[(0.999, 1.0)]);
        world.wait(Nanos::from_secs(60));
        world.said()
    };
    // 100 shares bought at 0.50; up to 0.99 equity is 1,049, and ten percent less is 944.1. Half of the cash leaves: that
    // is no loss, and leaves a peak of 549.
    assert!(!at(&mut world, 0.99).contains("tripped"));
    world.input(Input::Withdraw { portfolio: PAPER, amount: Usdc::whole(500) });
    assert!(!at(&mut world, 0.99).contains("tripped"));
    assert_eq!(world.engine.portfolios()[0].standing.peak, Usdc::whole(549));
    assert!(!at(&mut world, 0.45).contains("tripped"));
    let said = at(&mut world, 0.44);
    assert!(said.contains("tripped drawdown"), "{said}");
    world.input(Input::ResetBreakers { portfolio: PAPER });
    assert_eq!(world.engine.portfolios()[0].standing.peak, Usdc::whole(494));
    assert!(!at(&mut world, 0.44).contains("tripped"));
}

#[test]
fn a_day_begins_once_also_long_after_midnight_and_its_counters_are_zero() {
    let mut world = holding(|l| {
        (l.day_usdc_max, l.leader_day_loss_usdc_max) = (Usdc::whole(149), Usdc::whole(50));
        (l.leader_loss_usdc_max, l.losses_in_row_max) = (Usdc::whole(60), 1);
    });
    buy(&mut world, BO, STRANGER);
    world.input(Input::Resolved { token: TOKEN, payout: 0 });
    assert_eq!(world.said(), format!("refused daily_budget; {LOST}; tripped losses_in_row"));
    // No timer, no input, for three days and a bit.
    world.now = world.now.plus(Nanos(3 * DAY.0));
    let day = (world.now.0 / DAY.0) as u32;
    refresh(&mut world);
    let begun: Vec<Event> =
        world.log.iter().map(|(_, event)| *event).filter(|event| matches!(event, Event::DayBegan { .. })).collect();
    assert_eq!(begun, [Event::DayBegan { day }]);
    assert_eq!(world.said(), "reset losses_in_row");
    assert_eq!(world.engine.next_deadline(), Nanos::from_secs(u64::from(day + 1) * 86_400));
    let standing = &world.engine.portfolios()[0].standing;
    assert_eq!((standing.spent, standing.day_result, standing.losses), (Usdc::ZERO, Usdc::ZERO, 0));
    // His loss of the day is forgotten, the one in all is not.
    buy(&mut world, LEADER, STRANGER);
    world.wait(Nanos::from_secs(1));
    world.said();
    world.input(Input::Resolved { token: STRANGER, payout: 800_000 });
    buy(&mut world, LEADER, SAME_EVENT);
    assert_eq!(world.said(), "resolved 800000; settled 100 for $80; buy $50 @ 0.51");
    world.audit();
}

#[test]
fn what_an_order_of_yesterday_gives_back_was_not_spent_today() {
    let mut world = holding(|_| ());
    world.now = Nanos(world.now.0 / DAY.0 * DAY.0 + DAY.0 - 1_000_000);
    refresh(&mut world);
    buy(&mut world, LEADER, STRANGER);
    let order = world.engine.orders().iter().next().expect("a buy").submitted.order;
    world.now = world.now.plus(Nanos::from_secs(1));
    world.input(Input::Timer);
    buy(&mut world, BO, SAME_EVENT);
    world.input(Input::Closed { order, end: OrderEnd::Expired });
    let spent = |world: &World| world.engine.portfolios()[0].standing.spent;
    assert_eq!(spent(&world), Usdc::whole(50));
    let today = OrderId(order.0 + 1);
    world.input(Input::Closed { order: today, end: OrderEnd::Rejected(Rejection::NoMatch) });
    assert_eq!(spent(&world), Usdc::ZERO);
    world.audit();
}

#[test]
fn an_unknown_order_counts_as_filled_and_as_open_until_its_end_is_known() {
    let story = |narrow: fn(&mut Limits)| {
        let mut settings = open_settings();
        narrow(&mut settings.limits);
        let mut world = four_tokens(settings);
        buy(&mut world, LEADER, TOKEN);
        world.input(Input::Unknown { order: OrderId(1) });
        world.input(Input::Unknown { order: OrderId(1) });
        buy(&mut world, BO, STRANGER);
        world.audit();
        (world.said(), world)
    };
    let begins = "buy $50 @ 0.51; order 1 unknown";
    assert_eq!(story(|l| l.unknown_orders_max = 0).0, format!("{begins}; refused unknown_orders"));
    assert_eq!(story(|l| l.unknown_orders_max = 1).0, format!("{begins}; buy $50 @ 0.51"));
    assert_eq!(story(|l| l.unknown_burst_max = 1).0, format!("{begins}; tripped unknown_burst; refused unknown_burst"));
    assert_eq!(story(|l| l.unknown_burst_max = 2).0, format!("{begins}; buy $50 @ 0.51"));
    // Its worst cost stays reserved, at stake and spent.
    assert_eq!(story(|l| l.exposure_usdc_max = Usdc::whole(99)).0, format!("{begins}; refused total_exposure"));
    assert_eq!(story(|l| l.day_usdc_max = Usdc::whole(99)).0, format!("{begins}; refused daily_budget"));
    // It may turn out to be anything: here a fill, then an end. Entries go on.
    let (_, mut world) = story(|l| l.unknown_orders_max = 0);
    world.input(Input::Filled { order: OrderId(1), shares: shares(40.0), cash: Usdc::whole(20), fee: Usdc::ZERO });
    world.input(Input::Closed { order: OrderId(1), end: OrderEnd::Cancelled });
    buy(&mut world, BO, SAME_EVENT);
    assert_eq!(world.said(), "filled 40 for $20 fee 0; cancelled; buy $50 @ 0.51");
    // A burst is over with the reset, not with the answer.
    let (_, mut world) = story(|l| l.unknown_burst_max = 1);
    world.input(Input::Accepted { order: OrderId(1) });
    buy(&mut world, BO, SAME_EVENT);
    world.input(Input::ResetBreakers { portfolio: PAPER });
    buy(&mut world, LEADER, SAME_EVENT);
    assert_eq!(world.said(), "refused unknown_burst; reset unknown_burst; buy $50 @ 0.51");
}

#[test]
fn an_unknown_sale_is_not_done_and_yet_may_have_lost() {
    let story = |day_loss: Usdc| {
        let mut world = holding(|l| l.day_loss_usdc_max = day_loss);
        world.book(&[(0.40, 5_000.0)], &[(0.50, 5_000.0)]);
        world.trade(LEADER, TOKEN, Side::Sell, 0.40, 200.0);
        let sale = world.engine.orders().iter().next().expect("a sale").submitted;
        world.said();
        world.input(Input::Unknown { order: sale.order });
        // 100 shares that had cost 50 dollars, at 0.40 or, the slippage allows it, 0.40 on the grid.
        assert_eq!((sale.shares, sale.limit), (shares(100.0), price(0.40)));
        buy(&mut world, BO, STRANGER);
        // Still held, and not sold a second time.
        assert!(world.engine.portfolios()[0].ledger.locked() >= Usdc::whole(100));
        world.trade(LEADER, TOKEN, Side::Sell, 0.40, 1.0);
        world.said()
    };
    assert_eq!(story(Usdc::whole(10)), "order 3 unknown; refused daily_loss; skipped nothing_to_sell");
    assert_eq!(story(Usdc(10_000_001)), "order 3 unknown; buy $50 @ 0.51; skipped nothing_to_sell");
}

#[test]
fn an_end_that_cannot_be_is_a_fault_and_changes_nothing() {
    let mut world = four_tokens(open_settings());
    buy(&mut world, LEADER, TOKEN);
    world.said();
    world.input(Input::Filled { order: OrderId(1), shares: shares(40.0), cash: Usdc::whole(20), fee: Usdc::ZERO });
    let before = world.engine.portfolios()[0].ledger;
    world.input(Input::Closed { order: OrderId(1), end: OrderEnd::Rejected(Rejection::NoMatch) });
    assert_eq!(world.said(), "filled 40 for $20 fee 0; fault bad_end");
    assert_eq!((world.engine.portfolios()[0].ledger, world.engine.orders().open()), (before, 1));
    world.input(Input::Unknown { order: OrderId(9) });
    assert_eq!(world.said(), "fault unknown_order");
}

#[test]
fn breakers_days_and_sums_survive_a_restart() {
    let mut settings = open_settings();
    (settings.limits.losses_in_row_max, settings.limits.unknown_burst_max) = (1, 1);
    (settings.limits.drawdown_ppm_max, settings.limits.reset) = (40_000, BreakerReset::ByHand);
    settings.limits.balance_low_usdc = Usdc::whole(900);
    let mut world = World::with(settings, Options::default());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(1));
    world.input(Input::Resolved { token: TOKEN, payout: 0 });
    world.engine.install_token(OTHER_SIDE);
    world.input(Input::MarketKnown { token: OTHER_SIDE, market: Market::COMMON });
    world.input(Input::Withdraw { portfolio: PAPER, amount: Usdc::whole(60) });
    world.input(Input::SwitchLeader { leader: LEADER, to: crate::domain::LeaderSwitch::ForceOff });
    world.input(Input::ResetBreakers { portfolio: PAPER });
    world.book_of(OTHER_SIDE, &[(0.49, 500.0)], &[(0.50, 5_000.0)]);
    world.trade(LEADER, OTHER_SIDE, Side::Buy, 0.50, 200.0);
    let order = world.engine.orders().iter().next().expect("a buy").submitted.order;
    world.input(Input::Unknown { order });
    world.now = world.now.plus(DAY);
    world.input(Input::Timer);
    let mut engine = Engine::new(Options::default());
    [TOKEN, OTHER_SIDE].into_iter().for_each(|token| engine.install_token(token));
    engine.install_portfolio(PAPER, Mode::Paper, settings);
    engine.follow(LEADER, PAPER);
    world.log.iter().for_each(|(at, event)| engine.apply(*at, event));
    assert_eq!(engine.state_hash(), world.engine.state_hash());
    let tripped =
        |engine: &Engine| Breaker::ALL.map(|breaker| engine.portfolios()[0].standing.has_tripped(breaker).is_some());
    assert_eq!(tripped(&engine), [false, false, false, true]);
    assert_eq!((engine.midnight(), engine.portfolios()[0].standing.unknown), (world.engine.midnight(), 1));
}

#[test]
fn proceeds_cool_down_each_to_its_own_time_in_order_also_after_a_restart() {
    let mut world = four_tokens(open_settings());
    let mut log = vec![(world.now, Event::Deposited { portfolio: PAPER, amount: Usdc::whole(1_000) })];
    let begun = world.now;
    for (token, seconds) in [(TOKEN, 5), (OTHER_SIDE, 15), (SAME_EVENT, 5)] {
        refresh(&mut world);
        buy(&mut world, LEADER, token);
        world.wait(Nanos::from_secs(1));
        world.input(Input::Resolved { token, payout: 500_000 });
        world.wait(Nanos::from_secs(seconds));
    }
    // At 1, 7 and 23 seconds, an hour of cooling each.
    log.extend(world.log.drain(..).filter(|(_, event)| !matches!(event, Event::Deposited { .. })));
    let mut restarted = four_tokens(open_settings());
    restarted.engine = Engine::new(Options { value_every: Nanos::NEVER, ..Options::default() });
    (0..4).for_each(|token| restarted.engine.install_token(TokenId(token)));
    restarted.engine.install_portfolio(PAPER, Mode::Paper, open_settings());
    log.iter().for_each(|(at, event)| restarted.engine.apply(*at, event));
    restarted.now = world.now;
    for mut world in [world, restarted] {
        world.log.clear();
        world.wait(Nanos::from_secs(3_700));
        let released: Vec<(u64, Event)> = world
            .log
            .iter()
            .filter(|(_, event)| matches!(event, Event::Released { .. }))
            .map(|(at, event)| (at.since(begun).as_millis(), *event))
            .collect();
        let amount = Event::Released { portfolio: PAPER, amount: Usdc::whole(50) };
        assert_eq!(released, [(3_601_000, amount), (3_607_000, amount), (3_623_000, amount)]);
    }
}
