//! What may be at stake.

use crate::{config::section::Section, domain::settings::Limits};

pub fn read(section: &mut Section<'_, '_>) -> Limits {
    Limits {
        position_usdc_max: section.usdc("position_usdc_max", 1_000_000, 100_000_000),
        exposure_usdc_max: section.usdc("exposure_usdc_max", 1_000_000, 100_000_000),
        ..Limits::OPEN
    }
}
