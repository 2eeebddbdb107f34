//! What a signal's score must be.

use crate::{config::section::Section, domain::settings::Scoring};

pub fn read(_: &mut Section<'_, '_>) -> Scoring {
    Scoring::OFF
}
