//! What may be at stake. An amount that is never reached limits nothing.

use crate::domain::{Usdc, money::ONE};

/// The highest limits there are on what is counted within a minute.
pub const ORDERS_PER_MINUTE_MAX: usize = 240;
pub const UNKNOWN_BURST_MAX: usize = 16;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// What one position (all lots of a token) may have cost.
    pub position_usdc_max: Usdc,
    /// Reserved and deployed together, with the order that is asked for.
    pub exposure_usdc_max: Usdc,
    /// The same for one market (both its tokens), one event of the venue, and one leader.
    pub market_usdc_max: Usdc,
    pub event_usdc_max: Usdc,
    pub leader_usdc_max: Usdc,
    /// What entries of one day (UTC) may cost, for all leaders and because of one.
    pub day_usdc_max: Usdc,
    pub leader_day_usdc_max: Usdc,
    /// Breakers: what may be lost in a day, and because of one leader in a day and in all.
    pub day_loss_usdc_max: Usdc,
    pub leader_day_loss_usdc_max: Usdc,
    pub leader_loss_usdc_max: Usdc,
    /// How far equity may fall below its peak (ppm).
    pub drawdown_ppm_max: u32,
    /// 0: not counted.
    pub losses_in_row_max: u32,
    pub reset: BreakerReset,
    /// Entries; 0: not counted, [`ORDERS_PER_MINUTE_MAX`] at most.
    pub orders_per_minute_max: u32,
    /// Orders whose outcome is not known: at once,
    pub unknown_orders_max: u32,
    /// and, as a breaker, within a minute; 0: not counted.
    pub unknown_burst_max: u32,
    /// Less available cash than this is said, once.
    pub balance_low_usdc: Usdc,
}

/// When a breaker lets entries through again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerReset {
    /// Only when the operator says so.
    ByHand,
    /// Also at midnight UTC.
    AtMidnight,
}

impl Limits {
    pub const NONE: Usdc = Usdc(i64::MAX);

    pub const OPEN: Limits = Limits {
        position_usdc_max: Limits::NONE,
        exposure_usdc_max: Limits::NONE,
        market_usdc_max: Limits::NONE,
        event_usdc_max: Limits::NONE,
        leader_usdc_max: Limits::NONE,
        day_usdc_max: Limits::NONE,
        leader_day_usdc_max: Limits::NONE,
        day_loss_usdc_max: Limits::NONE,
        leader_day_loss_usdc_max: Limits::NONE,
        leader_loss_usdc_max: Limits::NONE,
        drawdown_ppm_max: ONE as u32,
        losses_in_row_max: 0,
        reset: BreakerReset::AtMidnight,
        orders_per_minute_max: 0,
        unknown_orders_max: u32::MAX,
        unknown_burst_max: 0,
        balance_low_usdc: Usdc::ZERO,
    };
}
