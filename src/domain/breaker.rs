//! Breakers stop entries, never exits, until they are reset.

use serde::{Deserialize, Serialize};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Breaker {
    /// Lost too much today.
    DailyLoss,
    /// Equity fell too far below its peak.
    Drawdown,
    /// Too many losses in a row.
    LossesInRow,
    /// Too many orders whose outcome is not known, or answers of 5xx, in a short time.
    UnknownBurst,
}

impl Breaker {
    pub const ALL: [Breaker; 4] = [Breaker::DailyLoss, Breaker::Drawdown, Breaker::LossesInRow, Breaker::UnknownBurst];

    pub const fn code(self) -> &'static str {
        match self {
            Breaker::DailyLoss => "daily_loss",
            Breaker::Drawdown => "drawdown",
            Breaker::LossesInRow => "losses_in_row",
            Breaker::UnknownBurst => "unknown_burst",
        }
    }
}
