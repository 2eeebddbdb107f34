//! What the models make of a leader's buy: two of ours beside the market's own price and an external model's word.
//!
//! A buy is scored once, before any portfolio decides on it; a sale is followed whatever anybody thinks of it, and so has
//! no score. All numbers are parts per million. A confidence is a probability that the outcome comes true; its bias is what
//! it adds to the market's.
//!
//! - *additive*: 0.5 + the weighted sum of the features, cut to 0..1.
//! - *Bayesian*: the market's odds times e^(the weighted sum of the features).

mod odds;
mod record;
mod trail;

pub use odds::{EVIDENCE_MAX, posterior};
pub use record::{Records, STAKES_MAX};
pub use trail::{Trail, mid};

use super::{
    Engine, Events,
    strategy::{No, Probability},
};
use crate::domain::{
    Event, Market, Nanos, Numbers, PortfolioId, Price, SignalId, Skip,
    event::{Feature, Opinion, Scored, Signal},
    money::ONE,
    settings::{Gate, Scoring, score::Weights},
};

use super::book::Book;

/// Levels of each side that count as near the touch.
const NEAR_LEVELS: usize = 5;
/// A move of the mid price by this much (millionths of a dollar) is a feature of one.
const MOMENTUM_FULL: i64 = 50_000;
/// A spread of this much is a feature of minus one; none at all is plus one.
const SPREAD_FULL: i64 = 100_000;
/// So much time left is a feature of one; none is minus one.
const TIME_FULL: Nanos = Nanos::from_secs(86_400);
/// An external model's word older than this says nothing about a signal of now.
pub const MODEL_AGE_MAX: Nanos = Nanos::from_secs(600);

const PPM: i64 = ONE as i64;

/// What scores are made from, and the last one made.
#[derive(Debug, Default)]
pub struct Scores {
    pub records: Records,
    last: Option<Scored>,
}

impl Scores {
    /// Returns the score of a signal that is being decided.
    pub fn of(&self, signal: SignalId) -> Option<&Scored> {
        self.last.as_ref().filter(|scored| scored.signal == signal)
    }

    pub(super) fn keep(&mut self, scored: &Scored) {
        self.last = Some(*scored);
    }

    /// Returns a number that differs where what decides differs.
    pub(super) fn digest(&self) -> u64 {
        self.records.digest() ^ self.last.map_or(0, |scored| scored.signal.0.rotate_left(32))
    }
}

/// What a signal is scored on.
#[derive(Clone, Copy, Debug)]
pub struct Scene<'a> {
    pub market: &'a Market,
    pub book: &'a Book,
    pub trail: &'a Trail,
    pub now: Nanos,
    /// The leader's price, for where there is no mid.
    pub price: Price,
    /// What [`Records::of`] says of the leader.
    pub record: i32,
}

impl Scene<'_> {
    /// Returns the market's own probability: the mid price, or the leader's where a side of the book is empty.
    pub fn prior_ppm(&self) -> u32 {
        trail::mid(self.book.best_bid(), self.book.best_ask()).unwrap_or(self.price.micros())
    }

    /// Returns each feature, between -1,000,000 and 1,000,000; zero where nothing is known.
    pub fn features(&self) -> [i32; Feature::COUNT] {
        Feature::ALL.map(|feature| {
            let value = match feature {
                Feature::LeaderRecord => i64::from(self.record),
                Feature::BookImbalance => self.imbalance(),
                Feature::Momentum => self.momentum(),
                Feature::Spread => self.spread(),
                Feature::TimeLeft => self.time_left(),
                Feature::MarketPrior => 2 * i64::from(self.prior_ppm()) - PPM,
            };
            value.clamp(-PPM, PPM) as i32
        })
    }

    fn imbalance(&self) -> i64 {
        let bids: u128 = self.book.bids_down().take(NEAR_LEVELS).map(|(_, size)| u128::from(size.0)).sum();
        let asks: u128 = self.book.asks_up().take(NEAR_LEVELS).map(|(_, size)| u128::from(size.0)).sum();
        let all = (bids + asks).max(1) as i128;
        ((bids as i128 - asks as i128) * i128::from(PPM) / all) as i64
    }

    fn momentum(&self) -> i64 {
        let mid = trail::mid(self.book.best_bid(), self.book.best_ask());
        let moved = mid.zip(self.trail.before(self.now)).map(|(now, then)| i64::from(now) - i64::from(then));
        moved.unwrap_or(0) * PPM / MOMENTUM_FULL
    }

    fn spread(&self) -> i64 {
        let both = self.book.best_bid().zip(self.book.best_ask());
        let spread = both.map_or(SPREAD_FULL, |(bid, ask)| i64::from(ask.micros()) - i64::from(bid.micros()));
        PPM - 2 * spread * PPM / SPREAD_FULL
    }

    fn time_left(&self) -> i64 {
        if self.market.closes_at == Nanos::NEVER {
            return 0;
        }
        let left = self.market.closes_at.since(self.now).0.min(TIME_FULL.0);
        (2 * i128::from(left) * i128::from(PPM) / i128::from(TIME_FULL.0)) as i64 - PPM
    }
}

/// Returns what the two models of ours make of the features.
pub fn opinions(weights: &Weights, features: &[i32; Feature::COUNT], prior_ppm: u32) -> (Opinion, Opinion) {
    let sum = |weights: &[i32; Feature::COUNT]| {
        let products = weights.iter().zip(features).map(|(weight, feature)| i64::from(*weight) * i64::from(*feature));
        products.sum::<i64>() / PPM
    };
    let additive = (PPM / 2 + sum(&weights.additive)).clamp(0, PPM) as u32;
    let bayesian = posterior(prior_ppm, sum(&weights.bayesian));
    let opinion = |confidence_ppm: u32| Opinion { confidence_ppm, bias_ppm: confidence_ppm as i32 - prior_ppm as i32 };
    (opinion(additive), opinion(bayesian))
}

/// Returns how sure the strategy's gate is of a signal: what sizing by conviction goes by. With the gate off it is the
/// Bayesian confidence; `None` where the model is asked and has no fresh word.
pub fn confidence(scoring: &Scoring, scored: &Scored, model: Option<Probability>, now: Nanos) -> Option<u32> {
    let (additive, bayesian) = (scored.additive.confidence_ppm, scored.bayesian.confidence_ppm);
    match scoring.gate {
        Gate::Off | Gate::Bayesian => Some(bayesian),
        Gate::Additive => Some(additive),
        Gate::Both => Some(additive.min(bayesian)),
        Gate::Model => {
            let fresh = |word: &Probability| now.since(word.at) <= scoring.model_age_max;
            model.filter(fresh).map(|word| word.ppm)
        }
    }
}

/// Returns the strategy's no where its gate is not sure enough: `confidence` is what [`confidence`] says of the signal.
pub fn gate(scoring: &Scoring, confidence: Option<u32>, model: Option<Probability>, now: Nanos) -> Result<(), No> {
    match (scoring.gate, confidence) {
        (Gate::Off, _) => Ok(()),
        (Gate::Model, None) => {
            let age = model.map_or(0, |word| now.since(word.at).as_millis() as i64);
            let limit = scoring.model_age_max.as_millis() as i64;
            Err((Skip::ProbabilityUnknown, Numbers { limit, actual: age }))
        }
        (Gate::Additive | Gate::Bayesian | Gate::Both | Gate::Model, confidence) => {
            // No score at all is the least there is.
            let confidence = confidence.unwrap_or(0);
            if scoring.confidence_ppm_min <= confidence {
                return Ok(());
            }
            let (limit, actual) = (i64::from(scoring.confidence_ppm_min), i64::from(confidence));
            Err((Skip::ScoreTooLow, Numbers { limit, actual }))
        }
    }
}

impl Engine {
    /// Returns the score that a signal would get now. Reads only.
    pub fn scored(&self, now: Nanos, signal: &Signal) -> Scored {
        let token = self.token(signal.token);
        let scene = Scene {
            market: &token.market,
            book: &token.book,
            trail: &token.trail,
            now,
            price: signal.price,
            record: self.scores.records.of(signal.leader),
        };
        let (features, prior_ppm) = (scene.features(), scene.prior_ppm());
        let (additive, bayesian) = opinions(&self.options.weights, &features, prior_ppm);
        let fresh = |word: &Probability| now.since(word.at) <= MODEL_AGE_MAX;
        let model_ppm = token.probability.filter(fresh).map(|word| word.ppm);
        let ask = token.book.best_ask();
        Scored { signal: signal.signal, features, prior_ppm, ask, additive, bayesian, model_ppm }
    }

    /// Returns how sure a portfolio's gate is of a signal that was scored.
    pub(super) fn confidence(&self, now: Nanos, portfolio: PortfolioId, signal: &Signal) -> Option<u32> {
        let scoring = &self.portfolios[portfolio.index()].settings.scoring;
        let scored = self.scores.of(signal.signal)?;
        confidence(scoring, scored, self.token(signal.token).probability, now)
    }

    /// Scores a signal that has no score yet: one that was cut off by a crash may have it.
    pub(super) fn score(&mut self, now: Nanos, signal: &Signal, events: &mut Events) {
        if self.scores.of(signal.signal).is_none() {
            let scored = self.scored(now, signal);
            self.emit(now, Event::Scored(scored), events);
        }
    }
}

#[cfg(test)]
mod tests;
