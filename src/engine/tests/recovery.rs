//! Recovery is `apply` over the log: equal state, and nothing left undecided.

use proptest::prelude::*;

use super::*;
use crate::domain::settings::ExitPlan;

/// Returns an engine as set up like `World::new`'s, before any event.
pub fn blank() -> Engine {
    let mut engine = Engine::new(Options { value_every: Nanos::NEVER, ..Options::default() });
    engine.install_token(TOKEN);
    engine.install_portfolio(PAPER, Mode::Paper, open_settings());
    engine.follow(LEADER, PAPER);
    engine
}

pub fn recovered(log: &[(Nanos, Event)]) -> Engine {
    let mut engine = blank();
    log.iter().for_each(|(at, event)| engine.apply(*at, event));
    engine
}

/// Something that may happen in a story about one token.
#[derive(Clone, Debug)]
pub enum Step {
    Book(u32, u32),
    Buy(u32),
    Sell(u32),
    Wait(u64),
    Lose,
    Force,
}

pub fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (30u32..50, 500u32..5_000).prop_map(|(bid, size)| Step::Book(bid, size)),
        (10u32..2_000).prop_map(Step::Buy),
        (10u32..1_000).prop_map(Step::Sell),
        (1u64..4_000).prop_map(Step::Wait),
        Just(Step::Lose),
        Just(Step::Force),
    ]
}

pub fn play(world: &mut World, step: &Step) {
    match *step {
        Step::Book(bid, size) => {
            let (bid, size) = (f64::from(bid) / 100.0, f64::from(size));
            world.book(&[(bid - 0.01, size), (bid, size)], &[(bid + 0.01, size), (bid + 0.02, size)]);
        }
        Step::Buy(count) => {
            let ask = world.engine.token(TOKEN).book.best_ask().map_or(0.5, |ask| f64::from(ask.micros()) / 1e6);
            world.leader(Side::Buy, ask, f64::from(count));
        }
        Step::Sell(count) => world.leader(Side::Sell, 0.40, f64::from(count)),
        Step::Wait(ms) => world.wait(Nanos::from_millis(ms)),
        Step::Lose => world.input(Input::BookLost { token: TOKEN }),
        Step::Force => world.input(Input::ForceExit { portfolio: PAPER, token: None }),
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn any_story_recovers_to_the_same_state(steps in prop::collection::vec(any_step(), 1..60), resolves in any::<bool>()) {
        let mut settings = sized(SizeRule::Percent(100_000));
        (settings.exit.stop_loss_ppm, settings.exit.take_profit_ppm) = (200_000, 150_000);
        settings.policy = crate::domain::settings::OrderPolicy::FokThenFak;
        (settings.exit.trailing_stop_ppm, settings.exit.hold_max) = (100_000, Nanos::from_secs(60));
        settings.exit.plan = ExitPlan::RestAt(50_000);
        let mut world = World::new(settings);
        for step in steps {
            play(&mut world, &step);
            world.audit();
        }
        if resolves {
            world.input(Input::Resolved { token: TOKEN, payout: 1_000_000 });
            world.wait(Nanos::from_secs(7_200));
            prop_assert_eq!(world.engine.positions().open(), 0);
            prop_assert_eq!(world.engine.orders().open(), 0);
        }
        let again = recovered(&world.log);
        prop_assert!(again.positions().iter().eq(world.engine.positions().iter()));
        prop_assert_eq!(again.state_hash(), world.engine.state_hash());
    }
}

#[test]
fn a_signal_cut_off_by_a_crash_still_ends_once() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    // The crash came between the signal and its decision.
    let cut = world.log.iter().position(|(_, event)| matches!(event, Event::Signal(_))).expect("a signal");
    let mut engine = recovered(&world.log[..=cut]);
    let mut events = Events::default();
    engine.resume(world.now.plus(Nanos::from_secs(60)), &mut events);
    assert_eq!(events.as_slice().iter().filter_map(phrase).collect::<Vec<_>>(), ["skipped too_old"]);
    // A decided one is not decided again.
    let mut engine = recovered(&world.log);
    events.clear();
    engine.resume(world.now, &mut events);
    assert_eq!(events.as_slice(), []);
}

#[test]
fn a_parked_signal_survives_a_crash_and_ends_once() {
    let mut world = World::new(open_settings());
    world.leader(Side::Buy, 0.50, 200.0);
    let mut engine = recovered(&world.log);
    assert_eq!(engine.parked(), 1);
    assert_eq!(engine.state_hash(), world.engine.state_hash());
    let mut events = Events::default();
    let later = world.now.plus(Nanos::from_secs(60));
    engine.resume(later, &mut events);
    engine.step(later, &Input::Timer, &mut events);
    assert_eq!(
        (engine.parked(), events.as_slice().iter().filter_map(phrase).next()),
        (0, Some("skipped too_old".into()))
    );
    // And one that was decided is not parked any more.
    liquid(&mut world);
    assert_eq!(recovered(&world.log).parked(), 0);
}

#[test]
fn a_fault_is_remembered_until_a_restart_and_values_are_recorded_in_time() {
    let mut world = World::with(open_settings(), Options { value_every: Nanos::from_secs(60), ..Options::default() });
    world.said();
    world.wait(Nanos::from_secs(121));
    assert_eq!(world.said(), "valued 1000; valued 1000");
}
