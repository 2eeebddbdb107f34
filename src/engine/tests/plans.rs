//! Exit plans: a sale rests from the entry on, follows the position, and makes way for every other exit.

use super::*;
use crate::domain::{Numbers, OrderEnd, Rejection, Unplanned, settings::ExitPlan};

const A_WHILE: Nanos = Nanos::from_secs(3);
/// The order of the plan: the second one.
const PLAN: OrderId = OrderId(2);

/// A world that bought 100 shares at 0.50 because the leader bought 200, and how it went on.
fn entered(narrow: impl FnOnce(&mut Settings)) -> (World, String) {
    let mut settings = open_settings();
    settings.exit.plan = ExitPlan::RestAt(200_000);
    narrow(&mut settings);
    let mut world = World::new(settings);
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(A_WHILE);
    let said = world.said();
    let then = said.strip_prefix("deposited $1000; buy $50 @ 0.51; filled 100 for $50 fee 0; filled");
    let then = then.unwrap_or_else(|| panic!("{said}")).trim_start_matches("; ").to_owned();
    (world, then)
}

/// The same, with a sale of all 100 that rests at 0.60.
fn planned(narrow: impl FnOnce(&mut Settings)) -> World {
    let (world, then) = entered(narrow);
    assert_eq!(then, "sell 100 @ 0.6");
    assert_eq!(world.engine.orders().get(PLAN).map(|order| order.submitted.kind), Some(OrderKind::Gtc));
    world
}

/// Bids these, and lets them meet what rests.
fn bid(world: &mut World, bids: &[(f64, f64)]) {
    world.book(bids, &[(0.90, 5_000.0)]);
    world.wait(Nanos::ZERO);
}

#[test]
fn the_plan_fills_at_its_own_price_as_far_as_there_are_bids_and_needs_no_repair_for_that() {
    let mut world = planned(|_| ());
    bid(&mut world, &[(0.59, 5_000.0)]);
    assert_eq!(world.said(), "");
    bid(&mut world, &[(0.60, 40.0)]);
    assert_eq!(world.said(), "filled 40 for $24 fee 0");
    // The same bid is there still: what we took of it is gone.
    bid(&mut world, &[(0.60, 40.0)]);
    assert_eq!(world.said(), "");
    bid(&mut world, &[(0.61, 500.0)]);
    assert_eq!(world.said(), "filled 60 for $36 fee 0; filled");
    assert_eq!((world.position(), world.engine.portfolios()[0].ledger.realised()), (None, Usdc::whole(10)));
    world.audit();
}

#[test]
fn without_the_rule_nothing_rests() {
    let (_, then) = entered(|s| s.exit.plan = ExitPlan::Off);
    assert_eq!(then, "");
}

/// Binds: exit_plan_percent.
#[test]
fn the_price_is_what_was_paid_and_so_much_rounded_up_to_the_grid() {
    for (ppm, price) in [(1, "0.51"), (20_000, "0.51"), (20_001, "0.52"), (980_000, "0.99")] {
        let (_, then) = entered(|s| s.exit.plan = ExitPlan::RestAt(ppm));
        assert_eq!(then, format!("sell 100 @ {price}"), "{ppm}");
    }
}

#[test]
fn a_position_that_grew_has_its_plan_replaced() {
    let mut world = planned(|_| ());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(A_WHILE);
    assert_eq!(
        world.said(),
        "buy $50 @ 0.51; filled 100 for $50 fee 0; filled; plan repaired: 100 rested, 200 held; cancel 2; cancelled; \
         sell 200 @ 0.6"
    );
    world.audit();
}

#[test]
fn what_is_cancelled_behind_our_back_and_what_the_venue_refuses_is_laid_again_after_a_while() {
    for end in [OrderEnd::Cancelled, OrderEnd::Rejected(Rejection::OffTick), OrderEnd::Expired] {
        let mut world = planned(|_| ());
        world.input(Input::Closed { order: PLAN, end });
        assert_eq!(world.engine.next_deadline(), world.now.plus(Nanos::from_secs(60)), "{end:?}");
        liquid(&mut world);
        world.wait(Nanos(60_000_000_000 - 1));
        assert_eq!(world.said(), end.code());
        world.wait(Nanos(1));
        assert_eq!(world.said(), "sell 100 @ 0.6", "{end:?}");
    }
}

#[test]
fn after_a_restart_the_plan_is_laid_again() {
    let mut world = planned(|_| ());
    world.paper = Paper::new(PaperOptions::default());
    world.input(Input::Closed { order: PLAN, end: OrderEnd::Rejected(Rejection::VenueRestarted) });
    assert_eq!(world.said(), "rejected_venue_restarted; sell 100 @ 0.6");
}

#[test]
fn a_leaders_sale_takes_the_plan_away_sells_and_lays_it_again() {
    let mut world = planned(|_| ());
    liquid(&mut world);
    world.leader(Side::Sell, 0.49, 60.0);
    assert_eq!(world.said(), "due leader_exit; cancel 2");
    // The book has nothing to say that would make it ask again.
    liquid(&mut world);
    assert_eq!(world.said(), "");
    world.wait(A_WHILE);
    assert_eq!(world.said(), "cancelled; sell 30 @ 0.49; filled 30 for $14.7 fee 0; filled; sell 70 @ 0.6");
    world.audit();
}

#[test]
fn a_stop_takes_the_plan_away_first() {
    let mut world = planned(|s| s.exit.stop_loss_ppm = 200_000);
    bid(&mut world, &[(0.40, 5_000.0)]);
    assert_eq!(world.said(), "due stop_loss; cancel 2");
    world.wait(A_WHILE);
    assert_eq!(world.said(), "cancelled; sell 100 @ 0.4; filled 100 for $40 fee 0; filled");
    assert_eq!(world.position(), None);
}

#[test]
fn a_plan_that_fills_while_its_cancellation_is_under_way_is_not_sold_twice() {
    // In full: the cancellation finds nothing, and nothing is left to sell.
    let mut world = planned(|_| ());
    liquid(&mut world);
    world.leader(Side::Sell, 0.49, 200.0);
    bid(&mut world, &[(0.60, 5_000.0)]);
    world.wait(A_WHILE);
    assert_eq!(world.said(), "due leader_exit; cancel 2; filled 100 for $60 fee 0; filled");
    assert_eq!(world.position(), None);
    // In part: the rest is sold as the exit that is owed.
    let mut world = planned(|_| ());
    liquid(&mut world);
    world.leader(Side::Sell, 0.49, 200.0);
    bid(&mut world, &[(0.60, 40.0)]);
    bid(&mut world, &[(0.50, 5_000.0)]);
    world.wait(A_WHILE);
    let said = "due leader_exit; cancel 2; filled 40 for $24 fee 0; cancelled; sell 60 @ 0.49; filled 60 for $30 fee 0; \
                filled";
    assert_eq!(world.said(), said);
    world.audit();
    // What the plan sold counts as sold with the leader: 30 were owed.
    let mut world = planned(|_| ());
    liquid(&mut world);
    world.leader(Side::Sell, 0.49, 60.0);
    bid(&mut world, &[(0.60, 40.0)]);
    world.wait(A_WHILE);
    assert_eq!(world.said(), "due leader_exit; cancel 2; filled 40 for $24 fee 0; cancelled; sell 60 @ 0.6");
    world.audit();
}

#[test]
fn while_nobody_bids_the_plan_stays_and_the_owed_sale_waits() {
    let mut world = planned(|_| ());
    bid(&mut world, &[]);
    world.leader(Side::Sell, 0.49, 200.0);
    assert_eq!(world.said(), "due leader_exit");
    bid(&mut world, &[(0.60, 10.0)]);
    assert_eq!(world.said(), "cancel 2; filled 10 for $6 fee 0");
    // What is too small to be sold by itself leaves the plan alone, too.
    let mut world = planned(|_| ());
    liquid(&mut world);
    world.leader(Side::Sell, 0.49, 8.0);
    world.wait(A_WHILE);
    assert_eq!(world.said(), "due leader_exit");
}

#[test]
fn why_there_is_no_plan_is_said_once() {
    let unplanned = |world: &World| {
        let found = world.log.iter().rev().find_map(|(_, event)| match event {
            Event::Unplanned { reason, numbers, .. } => Some((*reason, *numbers)),
            _ => None,
        });
        found.expect("it was said")
    };
    // All but 3 shares are sold by the plan when a restart ends it.
    let mut world = planned(|_| ());
    bid(&mut world, &[(0.60, 97.0)]);
    world.said();
    world.input(Input::Closed { order: PLAN, end: OrderEnd::Rejected(Rejection::VenueRestarted) });
    let numbers = Numbers { limit: 5_000_000, actual: 3_000_000 };
    assert_eq!(unplanned(&world), (Unplanned::BelowMinimum, numbers));
    liquid(&mut world);
    assert_eq!(world.said(), "rejected_venue_restarted; plan_below_minimum");

    let (mut world, then) = entered(|s| s.exit.plan = ExitPlan::RestAt(980_001));
    assert_eq!(then, "plan_beyond_grid");
    liquid(&mut world);
    assert_eq!(world.said(), "");
}

#[test]
fn plans_leave_half_of_the_orders_to_others() {
    let mut settings = open_settings();
    settings.exit.plan = ExitPlan::RestAt(200_000);
    let mut world = World::new(settings);
    for id in 1..=exit::plan::ORDERS_LEFT as u64 {
        world.engine.orders.insert(&order::tests::submitted(id, Side::Sell));
    }
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(A_WHILE);
    assert_eq!(world.said(), "buy $50 @ 0.51; filled 100 for $50 fee 0; filled; plan_too_many_orders");
    world.engine.orders.remove(OrderId(1));
    liquid(&mut world);
    assert_eq!(world.said(), "sell 100 @ 0.6");
}

#[test]
fn a_plan_that_is_switched_off_is_taken_away() {
    let mut world = planned(|_| ());
    world.engine.portfolios[0].settings.exit.plan = ExitPlan::Off;
    liquid(&mut world);
    world.wait(A_WHILE);
    assert_eq!(world.said(), "cancel 2; cancelled");
}

#[test]
fn the_end_of_the_market_ends_the_plan_and_settles_what_it_did_not_sell() {
    let mut world = planned(|_| ());
    world.input(Input::Resolved { token: TOKEN, payout: 1_000_000 });
    world.wait(Nanos::ZERO);
    assert_eq!(world.said(), "resolved 1000000; cancelled; settled 100 for $100");
    assert_eq!((world.position(), world.engine.orders().open()), (None, 0));
    // A fill from before the end, told after it, is a fill; the rest is settled.
    let mut world = planned(|_| ());
    world.input(Input::Resolved { token: TOKEN, payout: 0 });
    world.input(Input::Filled { order: PLAN, shares: shares(40.0), cash: Usdc::whole(24), fee: Usdc::ZERO });
    world.wait(Nanos::ZERO);
    assert_eq!(world.said(), "resolved 0; filled 40 for $24 fee 0; cancelled; settled 60 for $0");
    assert_eq!((world.position(), world.engine.portfolios()[0].ledger.realised()), (None, Usdc::whole(-26)));
    world.audit();
}
