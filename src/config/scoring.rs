//! What each feature of a score counts, and the external model that is asked beside our own.

use super::{ModelConfig, reader::Reader, values::duration};
use crate::domain::{event::Feature, settings::score::Weights};

/// The keys of both models, in the order of [`Feature::ALL`].
const ADDITIVE: [&str; Feature::COUNT] = [
    "additive_leader_record",
    "additive_book_imbalance",
    "additive_momentum",
    "additive_spread",
    "additive_time_left",
    "additive_market_prior",
];
const BAYESIAN: [&str; Feature::COUNT] = [
    "bayesian_leader_record",
    "bayesian_book_imbalance",
    "bayesian_momentum",
    "bayesian_spread",
    "bayesian_time_left",
    "bayesian_market_prior",
];

pub fn weights(reader: &mut Reader<'_>) -> Weights {
    let mut section = reader.section("scoring");
    let additive = ADDITIVE.map(|key| section.signed_micros(key, -2_000_000, 2_000_000));
    let bayesian = BAYESIAN.map(|key| section.signed_micros(key, -10_000_000, 10_000_000));
    section.finish();
    Weights { additive, bayesian }
}

pub fn model(reader: &mut Reader<'_>) -> ModelConfig {
    let mut section = reader.section("model");
    let url = section.url_or_none("url", "https", "http", "\"http://127.0.0.1:9000/probabilities\"");
    let model = ModelConfig {
        url,
        every: duration(section.millis("every_ms", 100, 3_600_000)),
        patience: duration(section.millis("timeout_ms", 10, 60_000)),
        tokens_max: section.whole("tokens_max", 1, 1_000) as usize,
    };
    section.finish();
    model
}
