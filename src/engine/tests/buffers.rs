//! Copies too small to order: they wait, add up, are taken back, and end once.

use proptest::prelude::*;

use super::*;
use crate::domain::{
    Skip,
    input::LeaderLeft,
    settings::{Buffer, Netting},
};

const WINDOW: Nanos = Nanos::from_secs(300);
const ON: Buffer = Buffer { window: WINDOW, netting: Netting::On };

/// One percent of the leader's dollars, under this buffer. The smallest order is 5 shares at 0.51: $2.55.
fn percent(buffer: Buffer) -> Settings {
    let mut settings = sized(SizeRule::Percent(10_000));
    settings.buffer = buffer;
    settings
}

fn world(settings: Settings) -> World {
    let mut world = World::new(settings);
    liquid(&mut world);
    world.said();
    world
}

/// Lets time pass, and keeps the book fresh.
fn later(world: &mut World, secs: u64) {
    world.wait(Nanos::from_secs(secs));
    liquid(world);
}

/// The leader buys for 100 dollars three times, far enough apart not to be one group.
fn three_small_buys(world: &mut World) -> String {
    for _ in 0..3 {
        world.leader(Side::Buy, 0.50, 200.0);
        later(world, 3);
    }
    world.said()
}

#[test]
fn small_copies_wait_and_are_ordered_together_or_skipped_one_by_one() {
    let together =
        "buffered $1; buffered $1; 2 merged into 3; 1 merged into 3; buy $3 @ 0.51; filled 6 for $3 fee 0; filled";
    assert_eq!(three_small_buys(&mut world(percent(ON))), together);
    let apart = "skipped below_minimum; skipped below_minimum; skipped below_minimum";
    assert_eq!(three_small_buys(&mut world(percent(Buffer::OFF))), apart);
}

#[test]
fn fills_of_one_group_count_once_however_they_wait() {
    let mut world = world(percent(ON));
    for _ in 0..5 {
        world.leader(Side::Buy, 0.50, 200.0);
    }
    // 1 % of 500 dollars: three together, and two that wait again.
    let said = "buffered $1; buffered $1; 2 merged into 3; 1 merged into 3; buy $3 @ 0.51; buffered $1; buffered $1";
    assert_eq!(world.said(), said);
}

#[test]
fn less_than_a_cent_adds_up_too() {
    let mut world = world(percent(ON));
    // 0.4 cents each.
    for _ in 0..637 {
        world.leader(Side::Buy, 0.50, 0.8);
    }
    world.said();
    world.leader(Side::Buy, 0.50, 0.8);
    assert!(world.said().ends_with("; buy $2.55 @ 0.51"));
    assert!(world.engine.buffers().is_empty());
}

#[test]
fn a_copy_large_enough_takes_along_what_waits_and_the_maximum_cuts_the_whole() {
    let check = |max: i64, said: &str| {
        let mut settings = percent(ON);
        settings.sizing.order_usdc_max = Usdc::whole(max);
        let mut world = world(settings);
        world.leader(Side::Buy, 0.50, 400.0);
        later(&mut world, 3);
        world.leader(Side::Buy, 0.50, 1_000.0);
        assert_eq!(world.said(), said);
    };
    check(100, "buffered $2; 1 merged into 2; buy $7 @ 0.51");
    check(6, "buffered $2; 1 merged into 2; buy $6 @ 0.51");
}

#[test]
fn what_waits_for_its_whole_window_ends_below_the_minimum() {
    let mut world = world(percent(ON));
    world.leader(Side::Buy, 0.50, 200.0);
    later(&mut world, 100);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(199));
    assert_eq!(world.said(), "buffered $1; buffered $1");
    world.wait(Nanos::from_secs(1));
    assert_eq!(world.said(), "skipped below_minimum");
    world.wait(Nanos::from_secs(100));
    let Some((_, Event::Skipped { numbers, .. })) = world.log.last().copied() else { panic!("{:?}", world.log) };
    assert_eq!((numbers.limit, numbers.actual), (2_500_000, 1_000_000));
    assert!(world.engine.buffers().is_empty());
}

#[test]
fn a_sale_takes_from_what_waits_where_the_portfolio_nets() {
    let check = |netting, said: &str| {
        let mut world = world(percent(Buffer { netting, ..ON }));
        world.leader(Side::Buy, 0.50, 200.0);
        later(&mut world, 3);
        world.leader(Side::Buy, 0.50, 100.0);
        // The newer one and a quarter of the older, then the rest and what we never saw him buy.
        world.leader(Side::Sell, 0.50, 150.0);
        world.leader(Side::Sell, 0.50, 150.0);
        world.leader(Side::Sell, 0.50, 10.0);
        assert_eq!(world.said(), said, "{netting:?}");
    };
    check(
        Netting::On,
        "buffered $1; buffered $0.5; skipped netted; buffered $0.75; skipped netted; skipped netted; skipped netted; \
         skipped nothing_to_sell",
    );
    check(
        Netting::Off,
        "buffered $1; buffered $0.5; skipped nothing_to_sell; skipped nothing_to_sell; skipped nothing_to_sell",
    );
}

#[test]
fn what_was_taken_back_is_not_bought_with_the_next_fill_of_its_group() {
    let mut world = world(percent(ON));
    world.leader(Side::Buy, 0.50, 400.0);
    world.leader(Side::Sell, 0.50, 300.0);
    assert_eq!(world.said(), "buffered $2; buffered $0.5; skipped netted");
    // He bought 800 in all and sold 300 of them: $2.50 are missing five cents.
    world.leader(Side::Buy, 0.50, 400.0);
    assert_eq!(world.said(), "buffered $2");
    world.leader(Side::Buy, 0.50, 10.0);
    assert_eq!(world.said(), "3 merged into 4; 1 merged into 4; buy $2.55 @ 0.51");
    world.leader(Side::Buy, 0.50, 400.0);
    world.leader(Side::Sell, 0.50, 400.0);
    assert!(world.said().starts_with("buffered $2; skipped netted; skipped netted"));
    world.leader(Side::Buy, 0.50, 400.0);
    assert_eq!(world.said(), "buffered $2");
}

#[test]
fn a_sale_beyond_what_waits_is_a_sale_of_what_was_copied() {
    let check = |netting, said: &str| {
        let mut world = world(percent(Buffer { netting, ..ON }));
        world.leader(Side::Buy, 0.50, 10_000.0);
        later(&mut world, 3);
        world.leader(Side::Buy, 0.50, 200.0);
        world.said();
        // He holds 10,200. We hold 100 for 10,000 of them.
        world.leader(Side::Sell, 0.49, 5_200.0);
        assert_eq!(world.said(), said, "{netting:?}");
    };
    check(Netting::On, "skipped netted; due leader_exit; sell 50 @ 0.49");
    check(Netting::Off, "due leader_exit; sell 50.98 @ 0.49");
}

#[test]
fn the_price_guard_goes_by_the_weighted_price_of_all() {
    let check = |first: f64, said: &str| {
        let mut world = world(percent(ON));
        world.book(&[(first - 0.02, 5_000.0), (first - 0.01, 5_000.0)], &[(first, 5_000.0), (first + 0.01, 5_000.0)]);
        world.leader(Side::Buy, first, 400.0);
        later(&mut world, 3);
        world.said();
        world.leader(Side::Buy, 0.50, 200.0);
        assert_eq!(world.said(), said, "first at {first}");
    };
    // (400 x 0.49 + 200 x 0.50) / 600 = 0.4933: a tick above it is 0.5033.
    check(0.49, "1 merged into 2; buy $2.96 @ 0.5");
    // (400 x 0.40 + 200 x 0.50) / 600 = 0.4333.
    check(0.40, "skipped price_moved");
}

#[test]
fn filters_are_asked_again_when_it_is_ordered() {
    let check = |turn: &dyn Fn(&mut World), said: &str| {
        let mut world = world(percent(ON));
        world.leader(Side::Buy, 0.50, 400.0);
        later(&mut world, 3);
        turn(&mut world);
        world.said();
        world.leader(Side::Buy, 0.50, 200.0);
        assert_eq!(world.said(), said);
        let ended = world.engine.buffers().is_empty();
        assert_eq!(ended, said.contains("buy"), "what waits goes on waiting unless it was ordered");
    };
    check(&|_| (), "1 merged into 2; buy $3 @ 0.51");
    check(&|world| world.input(Input::Pause { portfolio: PAPER }), "skipped strategy_paused");
    check(&|world| world.input(Input::BookLost { token: TOKEN }), "skipped book_diverged");
    check(
        &|world| {
            let closes_at = world.now;
            world.input(Input::MarketKnown { token: TOKEN, market: Market { closes_at, ..Market::COMMON } });
            world.engine.portfolios[0].settings.filter.close_time_min = Nanos::from_secs(1);
        },
        "skipped near_close",
    );
    check(
        &|world| world.engine.portfolios[0].settings.limits.position_usdc_max = Usdc::whole(2),
        "refused position_size",
    );
}

#[test]
fn what_waits_ends_with_its_market() {
    let mut world = world(percent(ON));
    world.leader(Side::Buy, 0.50, 200.0);
    world.input(Input::Resolved { token: TOKEN, payout: 1_000_000 });
    assert_eq!(world.said(), "buffered $1; resolved 1000000; skipped market_closed");
}

#[test]
fn a_full_buffer_refuses_by_name() {
    use crate::engine::buffer::BUFFERED_MAX;
    let mut settings = percent(ON);
    settings.sizing.rule = SizeRule::Percent(1_000);
    let mut world = world(settings);
    for _ in 0..BUFFERED_MAX {
        world.leader(Side::Buy, 0.50, 1.0);
    }
    assert_eq!(world.engine.buffers().len(), BUFFERED_MAX);
    world.said();
    world.leader(Side::Buy, 0.50, 1.0);
    assert_eq!(world.said(), "skipped buffer_full");
    world.wait(WINDOW);
    assert!(world.engine.buffers().is_empty());
}

#[test]
fn buffers_survive_a_restart_and_a_crash_between_merging_and_ordering() {
    let settings = percent(ON);
    let mut world = World::new(settings);
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 400.0);
    world.wait(Nanos::from_secs(3));
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    let log = world.log.clone();
    let upto = |count: usize| {
        let mut engine = blank(settings);
        log[..count].iter().for_each(|(at, event)| engine.apply(*at, event));
        engine
    };
    assert_eq!(upto(log.len()).state_hash(), world.engine.state_hash());
    let waiting = log.iter().position(|(_, event)| matches!(event, Event::Buffered { .. })).expect("it waits") + 1;
    let mut engine = upto(waiting);
    assert_eq!(engine.buffers().iter().map(|of| of.wanted).collect::<Vec<_>>(), [Usdc::whole(2)]);
    // Its window ended while nobody was there.
    let mut events = Events::default();
    let later = world.now.plus(WINDOW);
    engine.resume(later, &mut events);
    engine.step(later, &Input::Timer, &mut events);
    assert_eq!(events.as_slice().iter().filter_map(phrase).next(), Some("skipped below_minimum".to_owned()));
    assert!(engine.buffers().is_empty());
    // A crash after the first was merged, before the order: the second ends as too old, the first has ended with it.
    let merged = log.iter().position(|(_, event)| matches!(event, Event::Merged { .. })).expect("it is merged") + 1;
    let mut engine = upto(merged);
    engine.set_market(TOKEN, Market::COMMON);
    events.clear();
    engine.resume(later, &mut events);
    assert_eq!(events.as_slice().iter().filter_map(phrase).collect::<Vec<_>>(), ["skipped too_old"]);
    assert!(engine.buffers().is_empty());
}

/// An engine as [`World::new`] sets it up, with both portfolios.
fn blank(settings: Settings) -> Engine {
    let mut engine = Engine::new(Options { value_every: Nanos::NEVER, ..Options::default() });
    engine.install_token(TOKEN);
    engine.install_portfolio(PAPER, Mode::Paper, settings);
    engine.follow(LEADER, PAPER);
    engine
}

#[derive(Clone, Debug)]
enum Step {
    Book(u32),
    Buy { cents: u32, tenths: u32, late: u64 },
    Sell { tenths: u32, late: u64 },
    Leave { tenths: u32 },
    Read { tenths: u32 },
    Wait(u64),
    Lose,
    Pause,
    Unpause,
    Restart,
}

fn any_step() -> impl Strategy<Value = Step> {
    let late = || prop_oneof![4 => Just(0u64), 1 => 0u64..5_000];
    prop_oneof![
        3 => (47u32..53).prop_map(Step::Book),
        8 => (47u32..53, 1u32..6_000, late()).prop_map(|(cents, tenths, late)| Step::Buy { cents, tenths, late }),
        3 => (1u32..8_000, late()).prop_map(|(tenths, late)| Step::Sell { tenths, late }),
        1 => (1u32..8_000).prop_map(|tenths| Step::Leave { tenths }),
        1 => (0u32..8_000).prop_map(|tenths| Step::Read { tenths }),
        4 => prop_oneof![1u64..3_000, 1u64..400_000].prop_map(Step::Wait),
        1 => Just(Step::Lose),
        1 => Just(Step::Pause),
        1 => Just(Step::Unpause),
        2 => Just(Step::Restart),
    ]
}

fn take(world: &mut World, settings: Settings, step: &Step) {
    let trade = |world: &World, side, cents: u32, tenths: u32, late| LeaderTrade {
        trade: TradeKey([world.log.len() as u64, world.now.0]),
        leader: LEADER,
        token: TOKEN,
        side,
        price: price(f64::from(cents) / 100.0),
        shares: Shares(u64::from(tenths) * 100_000),
        role: Role::Unknown,
        source: Source::Activity,
        traded_at: Nanos(world.now.0 - Nanos::from_millis(late).0),
    };
    match *step {
        Step::Book(cents) => {
            let ask = f64::from(cents) / 100.0;
            world.book(&[(ask - 0.02, 900.0), (ask - 0.01, 900.0)], &[(ask, 400.0), (ask + 0.01, 900.0)]);
        }
        Step::Buy { cents, tenths, late } => {
            let trade = trade(world, Side::Buy, cents, tenths, late);
            world.input(Input::LeaderTrade(trade));
        }
        Step::Sell { tenths, late } => {
            let trade = trade(world, Side::Sell, 49, tenths, late);
            world.input(Input::LeaderTrade(trade));
        }
        Step::Leave { tenths } => {
            let LeaderTrade { trade, leader, token, shares, traded_at, .. } = trade(world, Side::Sell, 49, tenths, 0);
            let left = LeaderLeft { trade, leader, token, shares, source: Source::Index, left_at: traded_at };
            world.input(Input::LeaderLeft(left));
        }
        Step::Read { tenths } => {
            let shares = Shares(u64::from(tenths) * 100_000);
            world.input(Input::LeaderHolds { leader: LEADER, token: TOKEN, shares, at: world.now });
        }
        Step::Wait(ms) => world.wait(Nanos::from_millis(ms)),
        Step::Lose => world.input(Input::BookLost { token: TOKEN }),
        Step::Pause => world.input(Input::Pause { portfolio: PAPER }),
        Step::Unpause => world.input(Input::Unpause { portfolio: PAPER }),
        Step::Restart => {
            let mut engine = blank(settings);
            engine.set_market(TOKEN, Market::COMMON);
            world.log.iter().for_each(|(at, event)| engine.apply(*at, event));
            assert_eq!(engine.state_hash(), world.engine.state_hash());
            world.engine = engine;
            world.engine.resume(world.now, &mut world.events);
            world.drain();
        }
    }
}

/// Returns the dollars of a leader's buys, and of our orders for them.
fn dollars(log: &[(Nanos, Event)]) -> (Usdc, Usdc) {
    log.iter().fold((Usdc::ZERO, Usdc::ZERO), |(his, ours), (_, event)| match event {
        Event::Signal(signal) if signal.side == Side::Buy => (his + signal.price.cost_ceil(signal.shares), ours),
        Event::Submitted(order) => (his, ours + order.budget),
        _ => (his, ours),
    })
}

/// Returns how often each signal ended.
fn ends(log: &[(Nanos, Event)]) -> std::collections::BTreeMap<u64, usize> {
    let mut ends = std::collections::BTreeMap::new();
    for (_, event) in log {
        let (signal, count) = match event {
            Event::Signal(signal) => (signal.signal, 0),
            Event::Skipped { signal, .. } | Event::Refused { signal, .. } | Event::Merged { signal, .. } => {
                (*signal, 1)
            }
            Event::ExitDue { signal, .. } => (*signal, 1),
            Event::Submitted(order) if order.side == Side::Buy && order.attempt == 1 => (order.signal, 1),
            _ => continue,
        };
        *ends.entry(signal.0).or_insert(0) += count;
    }
    ends
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]
    #[test]
    fn never_more_than_the_ratio_and_every_signal_ends_once(
        steps in prop::collection::vec(any_step(), 1..80),
        ppm in 1_000u32..60_000,
        max in 3i64..20,
        netting in prop_oneof![Just(Netting::On), Just(Netting::Off)],
    ) {
        let mut settings = percent(Buffer { netting, ..ON });
        (settings.sizing.rule, settings.sizing.order_usdc_max) = (SizeRule::Percent(ppm), Usdc::whole(max));
        // Nothing is taken out of its log: restarts need the whole story.
        let mut world = World::new(settings);
        liquid(&mut world);
        world.fund(1_000_000);
        for step in &steps {
            take(&mut world, settings, step);
            world.audit();
            let (his, ours) = dollars(&world.log);
            prop_assert!(ours <= his.part_floor(u64::from(ppm)), "he bought for ${his}, we ordered for ${ours}");
        }
        world.wait(Nanos::from_secs(301));
        prop_assert!(world.engine.buffers().is_empty());
        let budgets = world.log.iter().filter_map(|(_, event)| match event {
            Event::Submitted(order) if order.side == Side::Buy => Some(order.budget),
            _ => None,
        });
        prop_assert!(budgets.max().unwrap_or(Usdc::ZERO) <= Usdc::whole(max));
        for (signal, ends) in ends(&world.log) {
            prop_assert_eq!(ends, 1, "signal {} ended {} times: {:?}", signal, ends, world.log);
        }
    }
}

#[test]
fn reasons_of_the_buffer_name_its_settings() {
    assert_eq!([Skip::Netted.knob(), Skip::BufferFull.knob()], ["buffer_netting", "buffer_window_s"]);
}
