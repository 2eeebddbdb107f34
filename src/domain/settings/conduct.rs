//! What a leader's ways may be: guards against those who trade on their copiers (RELIABILITY.md 3.4).

use crate::domain::{Nanos, money::ONE};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Conduct {
    /// No second entry into a token within this time after the last one (of another group).
    pub reentry_min: Nanos,
    /// Buys and sales of one token by a leader within a minute count as a round trip; with so many in a day he is not
    /// followed into anything for the rest of it; 0: not counted.
    pub round_trips_max: u32,
    /// The most of his dollars that is copied, as a multiple of the median of his last trades (ppm); 0: not asked.
    pub median_factor_ppm_max: u32,
    /// A leader's first so many trades are copied
    pub probation_trades: u32,
    /// at this part of the size (ppm).
    pub probation_ppm: u32,
    /// No entry into an outcome while he holds another outcome of the same event.
    pub hedges: Hedges,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hedges {
    Followed,
    Skipped,
}

impl Conduct {
    pub const OPEN: Conduct = Conduct {
        reentry_min: Nanos::ZERO,
        round_trips_max: 0,
        median_factor_ppm_max: 0,
        probation_trades: 0,
        probation_ppm: ONE as u32,
        hedges: Hedges::Followed,
    };
}
