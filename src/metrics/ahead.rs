//! How often a live order was found signed ahead, and why it was not.

use serde::{Deserialize, Serialize};

/// Why an order was signed on demand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Miss {
    /// Nothing is signed ahead: by the settings, or while no order may leave.
    Off,
    /// It is of a token that is not looked at: no leader traded it lately.
    Token,
    /// Another price, size or side was foreseen.
    Unforeseen,
    /// It was foreseen, and is not signed yet.
    Unsigned,
    /// What was signed is too old by now.
    Old,
}

impl Miss {
    pub const ALL: [Miss; 5] = [Miss::Off, Miss::Token, Miss::Unforeseen, Miss::Unsigned, Miss::Old];

    pub const fn code(self) -> &'static str {
        match self {
            Miss::Off => "off",
            Miss::Token => "token",
            Miss::Unforeseen => "unforeseen",
            Miss::Unsigned => "unsigned",
            Miss::Old => "old",
        }
    }
}

/// Orders signed ahead: how many there are, and since the process began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AheadNow {
    pub kept: u32,
    pub signed: u64,
    pub hits: u64,
    /// Hits that were a little smaller than what was decided.
    pub smaller: u64,
    /// In the order of [`Miss::ALL`].
    pub misses: [u64; Miss::ALL.len()],
}

impl AheadNow {
    /// Returns how many live orders were signed, either way.
    pub fn orders(&self) -> u64 {
        self.hits + self.misses.iter().sum::<u64>()
    }
}
