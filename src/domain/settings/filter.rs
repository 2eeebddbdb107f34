//! Which trades of a leader are followed.

use crate::domain::{Nanos, Price, Usdc, money::ONE};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Filter {
    pub trade_age_max: Nanos,
    pub price_min: Price,
    pub price_max: Price,
    pub leader_trade_usdc_min: Usdc,
    pub leader_trade_usdc_max: Usdc,
    pub sides: Sides,
    pub roles: Roles,
    /// Entries (groups of fills that bought something) in one token; 0: as many as there are.
    pub entries_max: u32,
    /// No entry in the last so much time before the close,
    pub close_time_min: Nanos,
    /// nor in the last so large a part of the market's life (ppm).
    pub close_life_ppm_min: u32,
    /// The model's probability of the outcome must be at least this (ppm); 0: not asked.
    pub probability_ppm_min: u32,
    /// and not older than this.
    pub probability_age_max: Nanos,
}

/// Which sides of a leader's trading are followed. Our own exits (stop, target, hold time) are not his.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sides {
    Both,
    BuysOnly,
    SellsOnly,
}

/// Which part in the match a leader's fill may have had.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Roles {
    Any,
    MakerOnly,
    TakerOnly,
}

impl Filter {
    pub const OPEN: Filter = Filter {
        trade_age_max: Nanos::from_secs(3),
        price_min: Price::from_micros(100).expect("a price"),
        price_max: Price::from_micros(ONE as u32 - 100).expect("a price"),
        leader_trade_usdc_min: Usdc::ZERO,
        leader_trade_usdc_max: Usdc::whole(1_000_000_000),
        sides: Sides::Both,
        roles: Roles::Any,
        entries_max: 0,
        close_time_min: Nanos::ZERO,
        close_life_ppm_min: 0,
        probability_ppm_min: 0,
        probability_age_max: Nanos::NEVER,
    };
}
