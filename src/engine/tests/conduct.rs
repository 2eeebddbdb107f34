//! Guards against leaders who trade on their copiers: each where it binds, beside the same story where it does not.

use super::*;
use crate::domain::{ConditionId, Skip, settings::Conduct, settings::Hedges};

const OTHER: LeaderId = LeaderId(1);

fn world(conduct: Conduct) -> World {
    let mut settings = sized(SizeRule::Percent(100_000));
    settings.conduct = conduct;
    let mut world = World::new(settings);
    world.engine.follow(OTHER, PAPER);
    liquid(&mut world);
    world.said();
    world
}

fn after(world: &mut World, length: Nanos) {
    world.wait(length);
    liquid(world);
}

/// What is said of orders and noes, without the fills.
fn decisions(world: &mut World) -> String {
    let said = world.said();
    let is_decision = |phrase: &&str| !["filled", "released", "valued"].iter().any(|word| phrase.starts_with(word));
    said.split("; ").filter(is_decision).collect::<Vec<_>>().join("; ")
}

fn trade(leader: LeaderId, token: TokenId, world: &World) -> LeaderTrade {
    LeaderTrade {
        trade: TradeKey([world.now.0, u64::from(leader.0) << 32 | u64::from(token.0) << 8 | 5]),
        leader,
        token,
        side: Side::Buy,
        price: price(0.50),
        shares: shares(200.0),
        role: Role::Unknown,
        source: Source::Activity,
        traded_at: world.now,
    }
}

#[test]
fn a_second_entry_into_a_token_waits_whoever_leads_it() {
    let check = |reentry_s: u64, wait: u64, said: &str| {
        let mut world = world(Conduct { reentry_min: Nanos::from_secs(reentry_s), ..Conduct::OPEN });
        world.leader(Side::Buy, 0.50, 200.0);
        // More of the same group is no second entry.
        world.leader(Side::Buy, 0.50, 200.0);
        after(&mut world, Nanos::from_secs(wait));
        let second = trade(OTHER, TOKEN, &world);
        world.input(Input::LeaderTrade(second));
        assert_eq!(
            decisions(&mut world),
            format!("buy $10 @ 0.51; buy $10 @ 0.51; {said}"),
            "{reentry_s} s, after {wait}"
        );
    };
    check(600, 599, "skipped too_soon");
    check(600, 600, "buy $10 @ 0.51");
    check(0, 3, "buy $10 @ 0.51");
}

#[test]
fn entries_that_may_have_been_forgotten_count_as_late_as_they_may_have_been() {
    let mut ways = crate::engine::conduct::Ways::default();
    let token = TokenId(7);
    assert_eq!(ways.last_entry(PAPER, token), (SignalId::NONE, Nanos::ZERO));
    // Far more pairs than there is room for: none is taken for never entered.
    for n in 0..100_000u32 {
        ways.entered(Nanos(1_000 + u64::from(n)), PAPER, TokenId(n), SignalId(n.into()));
        assert_eq!(ways.last_entry(PAPER, TokenId(n)).0, SignalId(n.into()));
    }
    for n in 0..100_000u32 {
        assert!(Nanos(1_000 + u64::from(n)) <= ways.last_entry(PAPER, TokenId(n)).1, "{n}");
    }
}

#[test]
fn round_trips_block_a_leader_until_midnight_and_never_an_exit() {
    let day = |world: &World| world.now.as_secs() / 86_400;
    let check = |max: u32, wait: Nanos, unblock: bool, said: &str| {
        let mut world = world(Conduct { round_trips_max: max, ..Conduct::OPEN });
        let begun = day(&world);
        for _ in 0..2 {
            world.leader(Side::Buy, 0.50, 200.0);
            after(&mut world, Nanos::from_secs(5));
            world.leader(Side::Sell, 0.50, 200.0);
            after(&mut world, Nanos::from_secs(5));
        }
        assert_eq!(day(&world), begun, "the round trips are on one day");
        let blocked = decisions(&mut world).contains("leader blocked; due leader_exit; sell");
        assert_eq!(blocked, max == 2, "the sale that blocks him is followed");
        if unblock {
            world.input(Input::Unblock { leader: LEADER });
        }
        after(&mut world, wait);
        world.leader(Side::Buy, 0.50, 200.0);
        assert_eq!(decisions(&mut world), said, "at most {max}, after {wait:?}");
    };
    let until_midnight = Nanos::from_secs(86_400 - 1_000_000 % 86_400);
    check(2, Nanos::from_secs(5), false, "skipped leader_blocked");
    check(2, until_midnight, false, "buy $10 @ 0.51");
    check(2, Nanos::from_secs(5), true, "leader unblocked; buy $10 @ 0.51");
    check(3, Nanos::from_secs(5), false, "buy $10 @ 0.51");
    check(0, Nanos::from_secs(5), false, "buy $10 @ 0.51");
}

#[test]
fn a_sale_after_a_minute_is_no_round_trip_and_nobody_is_unblocked_who_is_not_blocked() {
    let mut world = world(Conduct { round_trips_max: 1, ..Conduct::OPEN });
    world.leader(Side::Buy, 0.50, 200.0);
    after(&mut world, Nanos::from_secs(61));
    world.leader(Side::Sell, 0.50, 200.0);
    after(&mut world, Nanos::from_secs(5));
    world.input(Input::Unblock { leader: LEADER });
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(decisions(&mut world), "buy $10 @ 0.51; due leader_exit; sell 20 @ 0.49; buy $10 @ 0.51");
}

/// Binds: median_factor_max.
#[test]
fn dollars_beyond_so_many_times_his_median_do_not_count() {
    let check = |factor: u32, usual: usize, said: &str| {
        let mut world = world(Conduct { median_factor_ppm_max: factor, ..Conduct::OPEN });
        for _ in 0..usual {
            world.leader(Side::Buy, 0.50, 200.0);
            after(&mut world, Nanos::from_secs(3));
        }
        world.said();
        // Two fills of one group: 500 and 1,000 dollars.
        world.leader(Side::Buy, 0.50, 1_000.0);
        world.leader(Side::Buy, 0.50, 1_000.0);
        assert_eq!(world.said(), said, "factor {factor}, {usual} usual trades");
    };
    check(3_000_000, 5, "buy $30 @ 0.51; skipped grouped");
    check(3_000_000, 40, "buy $30 @ 0.51; skipped grouped");
    check(7_000_000, 5, "buy $50 @ 0.51; buy $20 @ 0.51");
    // Of four trades there is no usual one.
    check(3_000_000, 4, "buy $50 @ 0.51; buy $50 @ 0.51");
    check(0, 5, "buy $50 @ 0.51; buy $50 @ 0.51");
}

/// Binds: probation_trades, probation_percent.
#[test]
fn a_leaders_first_trades_are_copied_in_part() {
    let check = |trades: u32, said: &str| {
        let mut world = world(Conduct { probation_trades: trades, probation_ppm: 500_000, ..Conduct::OPEN });
        // The second of a group belongs to the first.
        world.leader(Side::Buy, 0.50, 200.0);
        world.leader(Side::Buy, 0.50, 200.0);
        for _ in 0..2 {
            after(&mut world, Nanos::from_secs(3));
            world.leader(Side::Buy, 0.50, 200.0);
        }
        assert_eq!(decisions(&mut world), said, "{trades} trades");
    };
    check(0, "buy $10 @ 0.51; buy $10 @ 0.51; buy $10 @ 0.51; buy $10 @ 0.51");
    check(1, "buy $5 @ 0.51; buy $5 @ 0.51; buy $10 @ 0.51; buy $10 @ 0.51");
    check(2, "buy $5 @ 0.51; buy $5 @ 0.51; buy $5 @ 0.51; buy $10 @ 0.51");
}

#[test]
fn what_he_holds_on_the_other_side_is_a_hedge() {
    let check = |hedges: Hedges, condition: u32, held: f64, said: &str| {
        let mut world = world(Conduct { hedges, ..Conduct::OPEN });
        let other = TokenId(1);
        world.engine.install_token(other);
        let market = |condition: u32| Market { condition: ConditionId(condition), ..Market::COMMON };
        world.input(Input::MarketKnown { token: TOKEN, market: market(1) });
        world.input(Input::MarketKnown { token: other, market: market(condition) });
        let at = world.now;
        world.input(Input::LeaderHolds { leader: LEADER, token: other, shares: shares(held), at });
        world.said();
        world.leader(Side::Buy, 0.50, 200.0);
        assert_eq!(world.said(), said, "{hedges:?}, condition {condition}, {held} held");
    };
    check(Hedges::Skipped, 1, 1.0, "skipped hedged");
    check(Hedges::Skipped, 1, 0.999, "buy $10 @ 0.51");
    check(Hedges::Skipped, 2, 1.0, "buy $10 @ 0.51");
    check(Hedges::Followed, 1, 1.0, "buy $10 @ 0.51");
}

#[test]
fn what_a_leader_owns_is_what_was_read_last_or_the_operators_word() {
    use crate::{domain::LeaderSwitch, engine::conduct::Worth};
    let mut world = world(Conduct::OPEN);
    assert_eq!(world.engine.worth_of(LEADER), None);
    world.engine.set_capital(LEADER, Usdc::whole(5_000));
    assert_eq!(world.engine.worth_of(LEADER), Some(Worth { capital: Usdc::whole(5_000), exposure: None }));
    let (capital, exposure) = (Usdc::whole(7_000), Usdc::whole(3_000));
    world.input(Input::LeaderWorth { leader: LEADER, capital, exposure });
    assert_eq!(world.engine.worth_of(LEADER), Some(Worth { capital, exposure: Some(exposure) }));
    // The switch is a record, and what it is already is not said again.
    for to in [LeaderSwitch::ForceOff, LeaderSwitch::ForceOff, LeaderSwitch::Inherit] {
        world.input(Input::SwitchLeader { leader: LEADER, to });
        assert_eq!(world.engine.leader_switch(LEADER), to);
    }
    assert_eq!(world.said(), "leader force_off; leader inherit");
}

#[test]
fn the_guards_survive_a_restart() {
    let conduct = Conduct {
        reentry_min: Nanos::from_secs(600),
        round_trips_max: 1,
        median_factor_ppm_max: 3_000_000,
        probation_trades: 2,
        probation_ppm: 500_000,
        hedges: Hedges::Skipped,
    };
    let mut settings = sized(SizeRule::Percent(100_000));
    settings.conduct = conduct;
    let mut world = World::new(settings);
    liquid(&mut world);
    for _ in 0..3 {
        world.leader(Side::Buy, 0.50, 200.0);
        after(&mut world, Nanos::from_secs(601));
    }
    world.leader(Side::Buy, 0.50, 200.0);
    world.leader(Side::Sell, 0.50, 100.0);
    let mut engine = Engine::new(Options { value_every: Nanos::NEVER, ..Options::default() });
    engine.install_token(TOKEN);
    engine.install_portfolio(PAPER, Mode::Paper, settings);
    engine.follow(LEADER, PAPER);
    engine.set_market(TOKEN, Market::COMMON);
    world.log.iter().for_each(|(at, event)| engine.apply(*at, event));
    assert_eq!(engine.state_hash(), world.engine.state_hash());
    world.engine = engine;
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), "skipped leader_blocked");
    world.input(Input::Unblock { leader: LEADER });
    world.leader(Side::Buy, 0.50, 200.0);
    after(&mut world, Nanos::from_secs(3));
    world.leader(Side::Buy, 0.50, 200.0);
    // The fill that was skipped belongs to the group, and is made up for.
    let said = "leader unblocked; buy $20 @ 0.51; skipped too_soon";
    assert_eq!(decisions(&mut world), said);
}

#[test]
fn reasons_of_the_guards_name_their_settings() {
    let knobs = [Skip::TooSoon, Skip::LeaderBlocked, Skip::Hedged].map(Skip::knob);
    assert_eq!(knobs, ["reentry_s_min", "round_trips_max", "hedges"]);
}
