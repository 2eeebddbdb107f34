//! Whether, how much and at what price, as stories: each setting binds where the same story without it does not.

use super::*;
use crate::domain::settings::{BelowMinimum, OrderPolicy, Roles, Sides};

/// A world with a liquid book around 0.50, under settings changed by `narrow`.
fn world(narrow: impl FnOnce(&mut Settings)) -> World {
    let mut settings = open_settings();
    narrow(&mut settings);
    let mut world = World::new(settings);
    liquid(&mut world);
    world.said();
    world
}

/// What is said to a leader who buys 200 shares at 0.50.
fn check(narrow: impl FnOnce(&mut Settings), prepare: impl FnOnce(&mut World), said: &str) {
    let mut world = world(narrow);
    prepare(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), said);
    world.audit();
}

fn thinks(ppm: u32) -> impl FnOnce(&mut World) {
    move |world| world.input(Input::Probability { token: TOKEN, ppm, at: world.now })
}

fn owns(capital: i64, exposure: i64) -> impl FnOnce(&mut World) {
    let (capital, exposure) = (Usdc::whole(capital), Usdc::whole(exposure));
    move |world| world.input(Input::LeaderWorth { leader: LEADER, capital, exposure })
}

#[test]
fn sides_bind_and_our_own_exits_are_not_his() {
    check(|s| s.filter.sides = Sides::SellsOnly, |_| (), "skipped side_not_followed");
    for (sides, said) in
        [(Sides::Both, "due leader_exit; sell 100 @ 0.49"), (Sides::BuysOnly, "skipped side_not_followed")]
    {
        let mut world = world(|s| (s.filter.sides, s.exit.stop_loss_ppm) = (sides, 100_000));
        world.leader(Side::Buy, 0.50, 200.0);
        world.wait(Nanos::from_secs(1));
        liquid(&mut world);
        assert_eq!(world.said(), "buy $50 @ 0.51; filled 100 for $50 fee 0; filled");
        world.leader(Side::Sell, 0.49, 200.0);
        assert_eq!(world.said(), said);
        if sides == Sides::BuysOnly {
            world.book(&[(0.40, 5_000.0)], &[(0.42, 5_000.0)]);
            assert!(world.said().starts_with("due stop_loss; sell 100 @"));
        }
    }
}

#[test]
fn roles_bind_and_an_unknown_one_is_neither() {
    for (roles, role, is_followed) in [
        (Roles::Any, Role::Unknown, true),
        (Roles::MakerOnly, Role::Maker, true),
        (Roles::MakerOnly, Role::Taker, false),
        (Roles::TakerOnly, Role::Taker, true),
        (Roles::TakerOnly, Role::Unknown, false),
    ] {
        let mut world = world(|s| s.filter.roles = roles);
        let (trade, leader, token, side) = (TradeKey([9, 9]), LEADER, TOKEN, Side::Buy);
        let (price, shares, traded_at) = (price(0.50), shares(200.0), world.now);
        world.input(Input::LeaderTrade(LeaderTrade {
            trade,
            leader,
            token,
            side,
            price,
            shares,
            role,
            source: Source::Activity,
            traded_at,
        }));
        let said = if is_followed { "buy $50 @ 0.51" } else { "skipped role_not_followed" };
        assert_eq!(world.said(), said, "{roles:?} {role:?}");
    }
}

#[test]
fn probabilities_bind_and_grow_old() {
    let least = |ppm| move |s: &mut Settings| s.filter.probability_ppm_min = ppm;
    check(least(0), |_| (), "buy $50 @ 0.51");
    check(least(1), |_| (), "skipped probability_unknown");
    check(least(550_000), thinks(550_000), "buy $50 @ 0.51");
    check(least(550_000), thinks(549_999), "skipped probability_too_low");
    // What is no probability is not kept, nor what is older than what is known.
    check(least(1), thinks(1_000_001), "skipped probability_unknown");
    let newest = |world: &mut World| {
        world.input(Input::Probability { token: TOKEN, ppm: 600_000, at: world.now });
        world.input(Input::Probability { token: TOKEN, ppm: 100_000, at: Nanos(world.now.0 - 1) });
    };
    check(least(550_000), newest, "buy $50 @ 0.51");
    for (age_max_ms, said) in [(1_000, "buy $50 @ 0.51"), (999, "skipped probability_unknown")] {
        let narrow = |s: &mut Settings| {
            s.filter.probability_ppm_min = 500_000;
            s.filter.probability_age_max = Nanos::from_millis(age_max_ms);
        };
        let prepare = |world: &mut World| {
            thinks(600_000)(world);
            world.wait(Nanos::from_secs(1));
        };
        check(narrow, prepare, said);
    }
}

#[test]
fn entries_are_counted_by_groups_that_bought_and_after_the_position_closed() {
    for (max, said) in [(0, "buy $50 @ 0.51"), (2, "buy $50 @ 0.51"), (1, "skipped entries_used_up")] {
        let mut world = world(|s| {
            s.filter.entries_max = max;
            s.sizing.rule = SizeRule::Percent(250_000);
        });
        world.leader(Side::Buy, 0.50, 100.0);
        world.leader(Side::Buy, 0.50, 100.0);
        world.wait(Nanos::from_secs(1));
        // The second fill of a group belongs to the same entry.
        let first =
            "buy $12.5 @ 0.51; buy $12.5 @ 0.51; filled 25 for $12.5 fee 0; filled; filled 25 for $12.5 fee 0; filled";
        assert_eq!(world.said(), first);
        world.leader(Side::Sell, 0.49, 200.0);
        world.wait(Nanos::from_secs(3));
        assert_eq!(world.position(), None);
        liquid(&mut world);
        world.said();
        world.leader(Side::Buy, 0.50, 400.0);
        assert_eq!(world.said(), said, "{max}");
    }
}

#[test]
fn an_entry_that_bought_nothing_leaves_room_for_another_and_an_open_one_does_not() {
    let narrow = |s: &mut Settings| (s.filter.entries_max, s.policy) = (1, OrderPolicy::Fok);
    let mut world = world(narrow);
    world.leader(Side::Buy, 0.50, 200.0);
    world.book(&[(0.48, 5_000.0)], &[(0.50, 1.0)]);
    world.wait(Nanos::from_secs(3));
    assert_eq!(world.said(), "buy $50 @ 0.51; rejected_not_fully_filled");
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), "buy $50 @ 0.51");
    // The order is open: it may yet fill.
    world.now = world.now.plus(Nanos::from_millis(2_001));
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), "skipped entries_used_up");
}

#[test]
fn each_rule_of_size_reaches_the_order() {
    let rule = |rule| move |s: &mut Settings| s.sizing.rule = rule;
    check(rule(SizeRule::Mirror(1_000_000)), owns(2_000, 0), "buy $50 @ 0.51");
    check(rule(SizeRule::Mirror(1_000_000)), |_| (), "skipped leader_worth_unknown");
    check(rule(SizeRule::Budget(Usdc::whole(500))), owns(2_000, 1_000), "buy $50 @ 0.51");
    check(rule(SizeRule::Kelly(250_000)), thinks(755_000), "buy $125 @ 0.51");
    check(rule(SizeRule::Kelly(250_000)), thinks(510_000), "skipped no_edge");
    let edge = SizeRule::Edge { full: Usdc::whole(50), edge_ppm: 49_000 };
    check(rule(edge), thinks(534_500), "buy $25 @ 0.51");
    let (small, large) = (Usdc::whole(50), Usdc::whole(150));
    let adaptive = SizeRule::Adaptive { small, small_ppm: 400_000, large, large_ppm: 200_000 };
    check(rule(adaptive), |_| (), "buy $30 @ 0.51");
    let tiers = |s: &mut Settings| {
        s.sizing.tiers[0].factor_ppm = 500_000;
        s.sizing.tiers[0].from = Usdc::ZERO;
    };
    check(tiers, |_| (), "buy $25 @ 0.51");
    check(|s| s.sizing.bankroll_ppm_max = 20_000, |_| (), "buy $20 @ 0.51");
}

#[test]
fn a_small_copy_is_raised_where_everything_allows_it() {
    let raise = |s: &mut Settings| {
        s.sizing.rule = SizeRule::Percent(10_000);
        s.sizing.below_minimum = BelowMinimum::Raise;
    };
    check(|s| s.sizing.rule = SizeRule::Percent(10_000), |_| (), "skipped below_minimum");
    check(raise, |_| (), "buy $2.55 @ 0.51");
    let with = |narrow: fn(&mut Settings), said| {
        let both = |s: &mut Settings| {
            raise(s);
            narrow(s);
        };
        check(both, |_| (), said);
    };
    with(|s| s.sizing.order_usdc_max = Usdc(2_540_000), "skipped below_minimum");
    with(|s| s.sizing.bankroll_ppm_max = 2_549, "skipped below_minimum");
    with(|s| s.sizing.bankroll_ppm_max = 2_550, "buy $2.55 @ 0.51");
    with(|s| s.guards.buy.depth_ppm_max = 504, "skipped depth_too_thin");
    with(|s| s.limits.position_usdc_max = Usdc(2_540_000), "refused position_size");
    // The rest of a group is not raised.
    let mut world = world(raise);
    world.leader(Side::Buy, 0.50, 200.0);
    world.leader(Side::Buy, 0.50, 400.0);
    assert_eq!(world.said(), "buy $2.55 @ 0.51; skipped below_minimum");
}

#[test]
fn young_depth_does_not_count_and_a_new_snapshot_leaves_levels_their_age() {
    let narrow = |s: &mut Settings| s.guards.buy.depth_age_min = Nanos::from_secs(1);
    check(narrow, |_| (), "skipped depth_too_thin");
    check(narrow, |world| world.wait(Nanos::from_secs(1)), "buy $50 @ 0.51");
    let confirmed = |world: &mut World| {
        world.wait(Nanos::from_secs(1));
        liquid(world);
    };
    check(narrow, confirmed, "buy $50 @ 0.51");
    // A book that was lost may have been anything meanwhile.
    let lost = |world: &mut World| {
        world.wait(Nanos::from_secs(1));
        world.input(Input::BookLost { token: TOKEN });
        liquid(world);
    };
    check(narrow, lost, "skipped depth_too_thin");
}

#[test]
fn the_kind_of_an_order_is_the_policys() {
    let kind = |policy| {
        let mut world = world(|s| s.policy = policy);
        world.leader(Side::Buy, 0.50, 200.0);
        world.engine.orders().iter().next().expect("an order").submitted.kind
    };
    assert_eq!(kind(OrderPolicy::Fak), OrderKind::Fak);
    assert_eq!(kind(OrderPolicy::Fok), OrderKind::Fok);
    assert_eq!(kind(OrderPolicy::FokUpTo(Usdc::whole(50))), OrderKind::Fok);
    assert_eq!(kind(OrderPolicy::FokUpTo(Usdc(49_999_999))), OrderKind::Fak);
    assert_eq!(kind(OrderPolicy::FokThenFak), OrderKind::Fok);
}

#[test]
fn a_killed_fok_is_sent_once_more_as_fak_inside_the_first_bound() {
    let story = |policy: OrderPolicy, meanwhile: &dyn Fn(&mut World)| {
        let mut world = world(|s| s.policy = policy);
        world.leader(Side::Buy, 0.50, 200.0);
        meanwhile(&mut world);
        world.wait(Nanos::from_secs(1));
        world.audit();
        assert_eq!(world.engine.orders().open(), 0);
        world.said()
    };
    let thinner = |world: &mut World| world.book(&[(0.49, 5_000.0)], &[(0.51, 80.0)]);
    assert_eq!(story(OrderPolicy::Fok, &thinner), "buy $50 @ 0.51; rejected_not_fully_filled");
    // 80 shares at 0.51 are 40.80 dollars, less than the first was for.
    let again = "buy $50 @ 0.51; rejected_not_fully_filled; buy $40.8 @ 0.51; filled 80 for $40.8 fee 0; filled";
    let mut settings = open_settings();
    (settings.policy, settings.guards.buy.depth_factor_ppm_min) = (OrderPolicy::FokThenFak, 0);
    let mut world = World::new(settings);
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    thinner(&mut world);
    world.wait(Nanos::from_secs(1));
    assert_eq!(world.said(), again);
    // The group had its fifty dollars asked for once: a further fill of it gets no more than that.
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), "skipped grouped");

    let killed = "buy $50 @ 0.51; rejected_not_fully_filled";
    assert_eq!(story(OrderPolicy::FokThenFak, &|world| world.book(&[(0.50, 1.0)], &[(0.52, 9_000.0)])), killed);
    assert_eq!(
        story(OrderPolicy::FokThenFak, &|world| {
            thinner(world);
            world.input(Input::Pause { portfolio: PAPER });
        }),
        "buy $50 @ 0.51; paused; rejected_not_fully_filled"
    );
    // He left before the answer came.
    let left = story(OrderPolicy::FokThenFak, &|world| {
        world.book(&[(0.49, 5_000.0)], &[(0.51, 80.0)]);
        world.leader(Side::Sell, 0.49, 200.0);
    });
    assert_eq!(left, "buy $50 @ 0.51; due leader_exit; rejected_not_fully_filled");
}
