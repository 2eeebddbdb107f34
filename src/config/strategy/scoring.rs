//! What a signal's score must be.

use crate::{
    config::section::Section,
    domain::settings::{Gate, Scoring},
};

pub fn read(section: &mut Section<'_, '_>) -> Scoring {
    const GATES: [(&str, Gate); 5] = [
        ("off", Gate::Off),
        ("additive", Gate::Additive),
        ("bayesian", Gate::Bayesian),
        ("both", Gate::Both),
        ("model", Gate::Model),
    ];
    Scoring {
        gate: section.choice("score_gate", &GATES),
        confidence_ppm_min: section.percent("confidence_percent_min", 0, 100),
        model_age_max: section.millis("model_age_ms_max", 1, 3_600_000),
    }
}
