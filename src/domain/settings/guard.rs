//! What the book must look like before we buy, and before we sell.

use crate::domain::{Nanos, money::ONE};

/// Separate for each side: a sale may be laxer, and a sale that a guard holds back is still owed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guards {
    pub buy: Guard,
    pub sell: Guard,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Guard {
    /// The book was updated within this time.
    pub book_age_max: Nanos,
    /// Widest spread, in millionths of a dollar.
    pub spread_max: u32,
    /// Worst price against the leader's: this share of it (ppm), or one tick if that is more.
    pub price_guard_ppm: u32,
    /// Worst price against the touch (ppm).
    pub slippage_ppm: u32,
    /// Depth within the bound that must be there, in parts per million of our size.
    pub depth_factor_ppm_min: u32,
    /// The most of that depth we take (ppm); a clamp.
    pub depth_ppm_max: u32,
    /// Levels younger than this are not counted as depth: they may be gone when we come.
    pub depth_age_min: Nanos,
}

impl Guard {
    pub const OPEN: Guard = Guard {
        book_age_max: Nanos::from_secs(10),
        spread_max: ONE as u32,
        price_guard_ppm: ONE as u32,
        slippage_ppm: 20_000,
        depth_factor_ppm_min: 0,
        depth_ppm_max: ONE as u32,
        depth_age_min: Nanos::ZERO,
    };
}
