//! Leaders who leave without selling, and sales that come late.

use super::*;
use crate::domain::input::LeaderLeft;

/// A world that holds 100 shares bought at 0.50 because the leader bought 200.
fn holding(settings: Settings) -> World {
    let mut world = World::new(settings);
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(3));
    liquid(&mut world);
    world.said();
    world
}

fn left(world: &mut World, name: u64, count: f64) {
    let left = LeaderLeft {
        trade: TradeKey([name, 7]),
        leader: LEADER,
        token: TOKEN,
        shares: shares(count),
        source: Source::Index,
        left_at: world.now,
    };
    world.input(Input::LeaderLeft(left));
}

fn read(world: &mut World, count: f64, at: Nanos) {
    world.input(Input::LeaderHolds { leader: LEADER, token: TOKEN, shares: shares(count), at });
}

#[test]
fn leaving_without_selling_is_an_exit_unless_it_is_too_little() {
    let check = |count: f64, said: &str| {
        let mut world = holding(open_settings());
        left(&mut world, 1, count);
        assert_eq!(world.said(), said, "{count} of 200");
    };
    check(9.9, "skipped too_little_left");
    check(10.0, "due leader_left; sell 5 @ 0.49");
    check(100.0, "due leader_left; sell 50 @ 0.49");
    check(500.0, "due leader_left; sell 100 @ 0.49");
    // The part that counts is a setting.
    let mut settings = open_settings();
    settings.exit.left_ppm_min = 510_000;
    let mut world = holding(settings);
    left(&mut world, 1, 100.0);
    assert_eq!(world.said(), "skipped too_little_left");
}

#[test]
fn parts_too_small_add_up() {
    let mut world = holding(open_settings());
    left(&mut world, 1, 6.0);
    left(&mut world, 2, 6.0);
    // 12 of the 200 that he held: six of our hundred.
    assert_eq!(world.said(), "skipped too_little_left; due leader_left; sell 6 @ 0.49");
    world.wait(Nanos::from_secs(1));
    left(&mut world, 3, 6.0);
    assert_eq!(world.said(), "filled 6 for $2.94 fee 0; filled; skipped too_little_left");
}

#[test]
fn the_same_leaving_is_followed_once() {
    let mut world = holding(open_settings());
    left(&mut world, 1, 100.0);
    left(&mut world, 1, 100.0);
    assert_eq!(world.said(), "due leader_left; sell 50 @ 0.49; repeated");
    left(&mut world, 2, 0.0);
    assert_eq!(world.said(), "");
}

#[test]
fn a_reading_shows_what_nobody_saw() {
    let check = |count: f64, said: &str, after: f64| {
        let mut world = holding(open_settings());
        let at = world.now;
        read(&mut world, count, at);
        assert_eq!(world.said(), said, "{count} of 200");
        // What he holds is known: a sale of a tenth of it is one.
        world.leader(Side::Sell, 0.49, count / 10.0);
        assert_eq!(
            world.said(),
            if count == 0.0 { String::new() } else { format!("due leader_exit; sell {after} @ 0.49") }
        );
    };
    check(200.0, "", 10.0);
    check(400.0, "leader holds 400", 10.0);
    check(192.0, "leader holds 192", 10.0);
    let mut world = holding(open_settings());
    let at = world.now;
    read(&mut world, 100.0, at);
    assert_eq!(world.said(), "due leader_left; sell 50 @ 0.49");
    // The same again says nothing new.
    read(&mut world, 100.0, at);
    assert_eq!(world.said(), "");
}

#[test]
fn small_drops_of_readings_add_up() {
    let mut world = holding(open_settings());
    for count in [192.0, 186.0] {
        let at = world.now;
        read(&mut world, count, at);
    }
    // 14 of 200.
    assert_eq!(world.said(), "leader holds 192; due leader_left; sell 7 @ 0.49");
}

#[test]
fn a_reading_older_than_his_last_trade_is_not_believed() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.said();
    let traded = world.now;
    read(&mut world, 0.0, traded);
    read(&mut world, 0.0, Nanos(traded.0 - 1));
    assert_eq!(world.said(), "");
    read(&mut world, 0.0, Nanos(traded.0 + 1));
    assert_eq!(world.said(), "due leader_left");
}

#[test]
fn a_sale_that_a_reading_showed_first_is_not_followed_twice() {
    let mut world = holding(open_settings());
    let at = world.now;
    read(&mut world, 100.0, at);
    world.wait(Nanos::from_secs(2));
    liquid(&mut world);
    assert_eq!(world.said(), "due leader_left; sell 50 @ 0.49; filled 50 for $24.5 fee 0; filled");
    // He had sold 60 and 60 of his 200, and bought 20 that we never saw: the sales come a little late.
    world.leader_late(Side::Sell, 0.49, 60.0, Nanos::from_secs(3));
    assert_eq!(world.said(), "skipped seen_before");
    // Of the second one 40 are explained: 20 of the 100 that he holds are left to follow.
    world.leader_late(Side::Sell, 0.49, 60.0, Nanos::from_secs(3));
    assert_eq!(world.said(), "due leader_exit; sell 10 @ 0.49");
    // A newer sale is one.
    world.wait(Nanos::from_secs(1));
    world.said();
    world.leader(Side::Sell, 0.49, 40.0);
    assert_eq!(world.said(), "due leader_exit; sell 20 @ 0.49");
}

#[test]
fn leaving_is_never_too_late_and_asks_no_filter() {
    let mut settings = open_settings();
    (settings.filter.price_min, settings.filter.leader_trade_usdc_min) = (price(0.30), Usdc::whole(50));
    let mut world = holding(settings);
    world.input(Input::Pause { portfolio: PAPER });
    world.said();
    let left_at = Nanos(world.now.0 - Nanos::from_secs(2).0);
    world.now = world.now.plus(Nanos::from_secs(3_600));
    world.book(&[(0.20, 5_000.0)], &[(0.90, 1.0)]);
    let trade = TradeKey([1, 7]);
    world.input(Input::LeaderLeft(LeaderLeft {
        trade,
        leader: LEADER,
        token: TOKEN,
        shares: shares(20.0),
        source: Source::Index,
        left_at,
    }));
    assert_eq!(world.said(), "due leader_left; sell 10 @ 0.2");
}

#[test]
fn after_a_gap_old_buys_are_skipped_and_sales_followed_however_late() {
    let mut world = holding(open_settings());
    let day = Nanos::from_secs(86_400);
    world.now = world.now.plus(day);
    liquid(&mut world);
    world.leader_late(Side::Buy, 0.50, 200.0, Nanos::from_secs(43_200));
    world.leader_late(Side::Sell, 0.49, 200.0, Nanos::from_secs(43_000));
    // He held 400 of which we copied the first 200 only.
    assert_eq!(world.said(), "skipped too_old; due leader_exit; sell 50 @ 0.49");
}

#[test]
fn a_restart_skips_what_waited_for_a_cold_token_and_follows_the_sale_behind_it() {
    let settings = open_settings();
    let mut world = World::new(settings);
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(3));
    // The book is lost with the process: the next buy parks.
    let mut engine = Engine::new(Options { value_every: Nanos::NEVER, ..Options::default() });
    engine.install_token(TOKEN);
    engine.install_portfolio(PAPER, Mode::Paper, settings);
    engine.follow(LEADER, PAPER);
    world.log.iter().for_each(|(at, event)| engine.apply(*at, event));
    engine.set_market(TOKEN, Market::COMMON);
    world.engine = engine;
    world.said();
    world.leader(Side::Buy, 0.50, 100.0);
    assert_eq!(world.said(), "parked");
    // A second restart, an hour later, and with it the sale from the gap.
    world.now = world.now.plus(Nanos::from_secs(3_600));
    world.engine.resume(world.now, &mut world.events);
    world.drain();
    world.leader_late(Side::Sell, 0.49, 300.0, Nanos::from_secs(1_800));
    liquid(&mut world);
    assert_eq!(world.said(), "due leader_exit; skipped too_old; sell 100 @ 0.49");
}

/// He sells, and buys again, which we copy; only then somebody tells of the sale.
#[test]
fn a_sale_from_before_is_not_of_what_was_bought_since() {
    let day = Nanos::from_secs(86_400);
    let check = |held_before: bool, said: &str| {
        let mut world = if held_before { holding(open_settings()) } else { World::new(open_settings()) };
        world.now = world.now.plus(day);
        liquid(&mut world);
        world.leader(Side::Buy, 0.50, 20.0);
        world.wait(Nanos::from_secs(3));
        liquid(&mut world);
        world.said();
        world.leader_late(Side::Sell, 0.49, 200.0, Nanos::from_secs(600));
        assert_eq!(world.said(), said, "{held_before}");
        // The one that follows is of all there is.
        world.wait(Nanos::from_secs(3));
        liquid(&mut world);
        world.said();
        world.leader(Side::Sell, 0.49, 20.0);
        assert_eq!(world.said(), "due leader_exit; sell 100 @ 0.49");
    };
    // We hold nothing but what he bought since.
    check(false, "skipped nothing_to_sell");
    // We hold his first purchase, too: all of that goes, and no more.
    check(true, "due leader_exit; sell 100 @ 0.49");
}

#[test]
fn a_sale_whose_clock_is_a_little_behind_is_none_from_before() {
    let check = |late: u64, said: &str| {
        let mut world = World::new(open_settings());
        liquid(&mut world);
        world.leader(Side::Buy, 0.50, 200.0);
        world.wait(Nanos::from_secs(3));
        liquid(&mut world);
        world.said();
        world.leader_late(Side::Sell, 0.49, 200.0, Nanos::from_secs(late));
        assert_eq!(world.said(), said, "{late} s");
    };
    check(13, "due leader_exit; sell 100 @ 0.49");
    check(14, "skipped nothing_to_sell");
}

#[test]
fn old_buys_of_cold_tokens_do_not_wait_in_the_way_of_new_ones() {
    let mut world = World::new(open_settings());
    world.said();
    world.leader_late(Side::Buy, 0.50, 200.0, Nanos::from_secs(43_200));
    assert_eq!(world.said(), "skipped too_old");
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), "parked");
}
