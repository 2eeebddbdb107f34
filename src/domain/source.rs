//! Where a leader's trade was seen.

use serde::{Deserialize, Serialize};

/// A way to see what leaders do. They race; each tells what it sees, and a trade counts once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Source {
    /// The venue's real-time data socket: `activity`, `trades` (PROTOCOL.md 5.3).
    Activity,
    /// The same socket: `activity`, `orders_matched`.
    Matched,
    /// A print of the market channel, whose transaction a node was asked for (PROTOCOL.md 9.2).
    Print,
    /// A transaction that waits for its block, from a node.
    Pending,
    /// A log of a block, from a node (PROTOCOL.md 9.1).
    Log,
    /// The Data API, which indexes the chain (PROTOCOL.md 6).
    Index,
}

impl Source {
    pub const ALL: [Source; 6] =
        [Source::Activity, Source::Matched, Source::Print, Source::Pending, Source::Log, Source::Index];

    pub const fn code(self) -> &'static str {
        match self {
            Source::Activity => "activity",
            Source::Matched => "matched",
            Source::Print => "print",
            Source::Pending => "pending",
            Source::Log => "log",
            Source::Index => "index",
        }
    }
}

/// Why a source may have missed something.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum GapCause {
    /// The program began: nobody looked before.
    Start,
    /// The connection was lost, or replaced.
    Lost,
    /// Nothing came for too long.
    Silent,
    /// It told more than was taken, or would not answer.
    Refused,
}

impl GapCause {
    pub const ALL: [GapCause; 4] = [GapCause::Start, GapCause::Lost, GapCause::Silent, GapCause::Refused];

    pub const fn code(self) -> &'static str {
        match self {
            GapCause::Start => "start",
            GapCause::Lost => "lost",
            GapCause::Silent => "silent",
            GapCause::Refused => "refused",
        }
    }
}
