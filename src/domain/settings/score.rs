//! What a signal's score is made of, and what it must be before the signal is followed.

use crate::domain::{Nanos, event::Feature};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Scoring {
    /// Whose confidence is asked.
    pub gate: Gate,
    /// It must be at least this (ppm).
    pub confidence_ppm_min: u32,
    /// A probability of the external model older than this is none.
    pub model_age_max: Nanos,
}

/// Which of the models beside each other decides. All of them are stored with the signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gate {
    Off,
    Additive,
    Bayesian,
    /// Both of them must agree.
    Both,
    /// The external model's probability.
    Model,
}

impl Scoring {
    pub const OFF: Scoring = Scoring { gate: Gate::Off, confidence_ppm_min: 0, model_age_max: Nanos::NEVER };
}

/// What a feature at its highest (1,000,000) counts, in millionths; in the order of [`Feature::ALL`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights {
    /// How far it moves the probability.
    pub additive: [i32; Feature::COUNT],
    /// How far it moves the log-odds.
    pub bayesian: [i32; Feature::COUNT],
}

impl Weights {
    /// Where to start from: nothing was fitted. `remora report scores` says whether they are worth anything.
    ///
    /// The market's price is the best single guess, so both models begin with it: the additive one by its weight of a half
    /// (0.5 + 0.5 x (2p - 1) = p), the Bayesian one as its prior. A leader's record is what he earned a share; half of it
    /// is expected again, and near even a probability moves by a quarter of the log-odds, hence 2. A book that is all bids,
    /// or a rise of five cents in half a minute, is worth two cents: pressure is real and mostly priced in. A tight spread
    /// says that the price is good, worth a cent. The time left says nothing about which way, so it counts nothing.
    pub const START: Weights = Weights {
        additive: [500_000, 20_000, 20_000, 10_000, 0, 500_000],
        bayesian: [2_000_000, 80_000, 80_000, 40_000, 0, 0],
    };
}
