//! Scores in stories: what a signal gets, what a gate lets through, and that a crash changes neither.

use super::*;
use crate::{
    domain::{Input, Millis, Settings, Shares, Side, TokenId, input::Best},
    engine::{
        Options,
        tests::{LEADER, TOKEN, World, liquid, open_settings},
    },
};

fn scores(world: &World) -> Vec<Scored> {
    let scored = |event: &Event| match event {
        Event::Scored(scored) => Some(*scored),
        _other => None,
    };
    world.log.iter().filter_map(|(_, event)| scored(event)).collect()
}

fn feature(scored: &Scored, feature: Feature) -> i32 {
    scored.features[feature as usize]
}

fn with_gate(gate: Gate, confidence_ppm_min: u32) -> Settings {
    let mut settings = open_settings();
    settings.scoring = Scoring { gate, confidence_ppm_min, model_age_max: Nanos::from_secs(60) };
    settings
}

#[test]
fn a_buy_is_scored_once_before_it_is_decided_and_a_sale_never() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    let kinds: Vec<bool> = world.log.iter().map(|(_, event)| matches!(event, Event::Scored(_))).collect();
    let at = kinds.iter().position(|is_score| *is_score).expect("a score");
    assert!(matches!(world.log[at - 1].1, Event::Signal(_)) && matches!(world.log[at + 1].1, Event::Submitted(_)));
    world.leader(Side::Sell, 0.50, 100.0);
    assert_eq!(scores(&world).len(), 1);
}

#[test]
fn features_say_what_the_book_and_the_clock_say() {
    let mut world = World::new(open_settings());
    let market = Market { closes_at: world.now.plus(Nanos::from_secs(43_200)), ..Market::COMMON };
    world.input(Input::MarketKnown { token: TOKEN, market });
    world.book(&[(0.40, 300.0)], &[(0.42, 100.0)]);
    world.wait(Nanos::from_secs(60));
    world.book(&[(0.43, 300.0)], &[(0.45, 100.0)]);
    world.leader(Side::Buy, 0.45, 200.0);
    let scored = scores(&world)[0];
    assert_eq!(scored.prior_ppm, 440_000);
    for (named, value) in [
        (Feature::LeaderRecord, 0),
        (Feature::BookImbalance, 500_000),
        (Feature::Momentum, 600_000),
        (Feature::Spread, 600_000),
        (Feature::TimeLeft, -1_389),
        (Feature::MarketPrior, -120_000),
    ] {
        assert_eq!(feature(&scored, named), value, "{named:?}");
    }
    // 0.5 + 0.02 x 0.5 + 0.02 x 0.6 + 0.01 x 0.6 + 0.5 x -0.12, and the odds of 0.44 times e^(0.04 + 0.048 + 0.024).
    assert_eq!(scored.additive, Opinion { confidence_ppm: 468_000, bias_ppm: 28_000 });
    assert_eq!(scored.bayesian, Opinion { confidence_ppm: 467_754, bias_ppm: 27_754 });
    assert_eq!(scored.model_ppm, None);
}

#[test]
fn a_book_without_a_side_leaves_the_leaders_price() {
    let mut world = World::new(open_settings());
    world.book(&[], &[(0.30, 100.0)]);
    world.leader(Side::Buy, 0.30, 200.0);
    let scored = scores(&world)[0];
    assert_eq!((scored.prior_ppm, feature(&scored, Feature::BookImbalance)), (300_000, -1_000_000));
    assert_eq!((feature(&scored, Feature::Momentum), feature(&scored, Feature::Spread)), (0, -1_000_000));
}

#[test]
fn a_leaders_record_moves_the_next_score() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.engine.install_token(TokenId(1));
    world.leader(Side::Buy, 0.50, 100.0);
    world.wait(Nanos::from_secs(10));
    world.leader(Side::Sell, 0.61, 100.0);
    world.wait(Nanos::from_secs(10));
    world.leader(Side::Buy, 0.50, 100.0);
    let all = scores(&world);
    assert_eq!((feature(&all[0], Feature::LeaderRecord), feature(&all[1], Feature::LeaderRecord)), (0, 10_000));
    assert!(all[0].bayesian.confidence_ppm < all[1].bayesian.confidence_ppm);
    assert_eq!(world.engine.scores.records.of(LEADER), 10_000);
}

/// The same story where the gate refuses, beside where it does not.
/// Binds: score_gate.
#[test]
fn each_gate_binds() {
    // The market says 0.295, the additive model 0.303, the Bayesian one 0.301699, and the external one 0.52.
    let stories = [
        (Gate::Off, 1_000_000, "buy $50 @ 0.3"),
        (Gate::Additive, 303_000, "buy $50 @ 0.3"),
        (Gate::Additive, 303_001, "skipped score_too_low"),
        (Gate::Bayesian, 301_600, "buy $50 @ 0.3"),
        (Gate::Bayesian, 301_800, "skipped score_too_low"),
        (Gate::Both, 301_600, "buy $50 @ 0.3"),
        (Gate::Both, 302_500, "skipped score_too_low"),
        (Gate::Model, 520_000, "buy $50 @ 0.3"),
        (Gate::Model, 520_001, "skipped score_too_low"),
    ];
    for (gate, confidence_ppm_min, said) in stories {
        let mut world = World::new(with_gate(gate, confidence_ppm_min));
        world.book(&[(0.29, 5_000.0)], &[(0.30, 5_000.0)]);
        world.input(Input::Probability { token: TOKEN, ppm: 520_000, at: world.now });
        world.said();
        world.leader(Side::Buy, 0.30, 200.0);
        let scored = scores(&world)[0];
        assert_eq!(scored.model_ppm, Some(520_000));
        assert_eq!(world.said(), said, "{gate:?} {confidence_ppm_min} {scored:?}");
    }
}

#[test]
fn an_old_word_of_the_model_is_none() {
    for (age, said) in [(60, "buy $50 @ 0.51"), (61, "skipped probability_unknown")] {
        let mut world = World::new(with_gate(Gate::Model, 500_000));
        world.input(Input::Probability { token: TOKEN, ppm: 520_000, at: world.now });
        world.wait(Nanos::from_secs(age));
        liquid(&mut world);
        world.said();
        world.leader(Side::Buy, 0.50, 200.0);
        assert_eq!(world.said(), said);
    }
    let mut world = World::new(with_gate(Gate::Model, 500_000));
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), "skipped probability_unknown");
}

#[test]
fn conviction_goes_by_the_gates_own_model() {
    let (features, prior) = ([0, 1_000_000, 0, 0, 0, 0], 500_000);
    let (additive, bayesian) = opinions(&Weights::START, &features, prior);
    let scored =
        Scored { signal: SignalId(1), features, prior_ppm: prior, ask: None, additive, bayesian, model_ppm: None };
    let model = Some(Probability { ppm: 900_000, at: Nanos::ZERO });
    for (gate, expected) in [
        (Gate::Off, Some(519_989)),
        (Gate::Additive, Some(520_000)),
        (Gate::Bayesian, Some(519_989)),
        (Gate::Both, Some(519_989)),
        (Gate::Model, Some(900_000)),
    ] {
        let scoring = Scoring { gate, ..Scoring::OFF };
        // The additive model adds two cents; e^0.08 at even odds is 0.519989.
        assert_eq!(confidence(&scoring, &scored, model, Nanos::ZERO), expected, "{gate:?}");
    }
    assert_eq!(confidence(&Scoring { gate: Gate::Model, ..Scoring::OFF }, &scored, None, Nanos::ZERO), None);
}

#[test]
fn the_sum_is_cut_to_a_probability() {
    let weights = Weights { additive: [i32::MAX; 6], bayesian: [i32::MAX; 6] };
    for (features, additive, bayesian) in [([1_000_000; 6], 1_000_000, 997_527), ([-1_000_000; 6], 0, 2_473)] {
        let (found, other) = opinions(&weights, &features, 500_000);
        assert_eq!((found.confidence_ppm, other.confidence_ppm), (additive, bayesian));
    }
}

#[test]
fn recovery_has_the_same_records_and_scores_a_cut_off_signal_once() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 100.0);
    world.input(Input::Resolved { token: TOKEN, payout: 1_000_000 });
    let recover = |log: &[(Nanos, Event)]| {
        let mut engine = Engine::new(Options { value_every: Nanos::NEVER, ..Options::default() });
        engine.install_token(TOKEN);
        engine.install_portfolio(crate::engine::tests::PAPER, crate::domain::Mode::Paper, open_settings());
        engine.follow(LEADER, crate::engine::tests::PAPER);
        log.iter().for_each(|(at, event)| engine.apply(*at, event));
        engine
    };
    let again = recover(&world.log);
    assert_eq!(again.state_hash(), world.engine.state_hash());
    assert_eq!(again.scores.records.of(LEADER), world.engine.scores.records.of(LEADER));
    // Cut before the score, and after it.
    let scored = world.log.iter().position(|(_, event)| matches!(event, Event::Scored(_))).expect("a score");
    for (cut, scores) in [(scored, 1), (scored + 1, 0)] {
        let (mut engine, mut events) = (recover(&world.log[..cut]), Events::default());
        engine.resume(world.now.plus(Nanos::from_secs(60)), &mut events);
        let found = events.as_slice().iter().filter(|event| matches!(event, Event::Scored(_))).count();
        assert_eq!(found, scores, "cut at {cut}");
    }
}

#[test]
fn a_book_that_is_heard_of_keeps_its_trail() {
    let mut world = World::new(open_settings());
    world.book(&[(0.40, 300.0)], &[(0.42, 100.0)]);
    assert_eq!(world.engine.token(TOKEN).trail.before(world.now), Some(410_000));
    let done = Input::BookDone { token: TOKEN, at: Millis(world.now.as_millis()), best: Best::Unstated };
    let level = Input::Level {
        token: TOKEN,
        side: Side::Buy,
        price: crate::engine::tests::price(0.41),
        size: Shares::whole(9),
    };
    world.wait(Nanos::from_secs(30));
    world.input(level);
    world.input(done);
    world.wait(Nanos::from_secs(30));
    assert_eq!(world.engine.token(TOKEN).trail.before(world.now), Some(415_000));
}
