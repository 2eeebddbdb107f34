//! What a signal's score must be before it is followed.

use crate::domain::Nanos;

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
