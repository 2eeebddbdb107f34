//! What one portfolio was told to do: the engine's view of a strategy, in integers.
//! `config/strategy` makes it from the file; names and defaults are documented in `config/default.toml`.
//!
//! One file for each question that is asked of a leader's trade, in the order in which they are asked.

pub mod buffer;
pub mod conduct;
pub mod exit;
pub mod filter;
pub mod guard;
pub mod limits;
pub mod policy;
pub mod score;
pub mod sizing;

use serde::{Deserialize, Serialize};

pub use buffer::{Buffer, Netting};
pub use conduct::{Conduct, Hedges};
pub use exit::{ExitPlan, ExitRules, ScaleIn};
pub use filter::{Filter, Roles, Sides};
pub use guard::{Guard, Guards};
pub use limits::{BreakerReset, Limits};
pub use policy::OrderPolicy;
pub use score::{Gate, Scoring};
pub use sizing::{BelowMinimum, SizeRule, Sizing, TIERS_MAX, Tier};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Which trades are followed.
    pub filter: Filter,
    /// What the leader's ways may be.
    pub conduct: Conduct,
    /// What the trade's score must be.
    pub scoring: Scoring,
    /// How large the copy is.
    pub sizing: Sizing,
    /// What becomes of a copy that is too small.
    pub buffer: Buffer,
    /// What the book must look like.
    pub guards: Guards,
    /// Which kind of order is sent.
    pub policy: OrderPolicy,
    /// What may be at stake.
    pub limits: Limits,
    /// When we leave.
    pub exit: ExitRules,
}

impl Settings {
    /// Follows everything with fifty dollars and limits nothing: a test narrows what it is about.
    pub const OPEN: Settings = Settings {
        filter: Filter::OPEN,
        conduct: Conduct::OPEN,
        scoring: Scoring::OFF,
        sizing: Sizing::OPEN,
        buffer: Buffer::OFF,
        guards: Guards { buy: Guard::OPEN, sell: Guard::OPEN },
        policy: OrderPolicy::Fak,
        limits: Limits::OPEN,
        exit: ExitRules::MIRROR,
    };
}

/// Simulated or real money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Mode {
    Paper,
    Live,
}

impl Mode {
    pub const fn code(self) -> &'static str {
        match self {
            Mode::Paper => "paper",
            Mode::Live => "live",
        }
    }
}
