//! When we leave, beside the leader: stops, targets, time; and when a position may grow.

use crate::domain::Nanos;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ExitRules {
    /// Sell when the best bid is this much below what was paid (ppm); 0: never.
    pub stop_loss_ppm: u32,
    /// Sell when it is this much above; 0: never.
    pub take_profit_ppm: u32,
    /// Sell when it fell this much below the highest bid since the entry; 0: never.
    pub trailing_stop_ppm: u32,
    /// Sell after so long; [`Nanos::NEVER`]: never.
    pub hold_max: Nanos,
    pub plan: ExitPlan,
    pub scale_in: ScaleIn,
    /// A leader who left without selling: a smaller part of his position than this is noise (ppm).
    pub left_ppm_min: u32,
    /// How long a guard may hold an owed sale back; after that only the bid counts.
    pub guard_patience: Nanos,
    /// How long proceeds wait.
    pub cooling: Nanos,
}

/// A sale that rests in the book from the entry on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExitPlan {
    Off,
    /// A limit order at so much above what was paid (ppm).
    RestAt(u32),
}

/// When a further entry into a position that we have is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ScaleIn {
    /// Whenever the leader adds.
    WithLeader,
    Never,
    /// When the ask is at least this much (ppm) below what we paid on average.
    Below(u32),
    /// When it is at least this much above.
    Above(u32),
}

impl ExitRules {
    /// Leaves with the leader only.
    pub const MIRROR: ExitRules = ExitRules {
        stop_loss_ppm: 0,
        take_profit_ppm: 0,
        trailing_stop_ppm: 0,
        hold_max: Nanos::NEVER,
        plan: ExitPlan::Off,
        scale_in: ScaleIn::WithLeader,
        left_ppm_min: 50_000,
        guard_patience: Nanos::ZERO,
        cooling: Nanos::from_secs(3_600),
    };
}
