//! What a leader's ways may be.

use crate::{
    config::section::Section,
    domain::settings::{Conduct, Hedges},
};

pub fn read(section: &mut Section<'_, '_>) -> Conduct {
    Conduct {
        reentry_min: section.seconds("reentry_s_min", 0, 86_400),
        round_trips_max: section.whole("round_trips_max", 0, 1_000),
        median_factor_ppm_max: section.micros("median_factor_max", 0, 1_000_000_000),
        probation_trades: section.whole("probation_trades", 0, 100_000),
        probation_ppm: section.percent("probation_percent", 1, 100),
        hedges: section.choice("hedges", &[("follow", Hedges::Followed), ("skip", Hedges::Skipped)]),
    }
}
