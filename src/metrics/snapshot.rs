//! What the engine shows of itself while it runs: made by the hot thread a few times a second, read by the web and the metrics.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use super::AheadNow;
use crate::{
    domain::{
        Breaker, LeaderId, LeaderSwitch, LiveOrders, LiveSwitch, Nanos, NotSent, Numbers, PaperSwitch, PortfolioId,
        Refusal, TokenId, Usdc,
    },
    venue::polymarket::reconcile::LiveBooks,
};

/// The latest [`Snapshot`]; reading it never waits.
pub type Published = Arc<ArcSwap<Snapshot>>;

/// The engine at a moment.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Snapshot {
    /// When it was made, and when the process began.
    pub at: Nanos,
    pub started_at: Nanos,
    /// Why the hot thread stopped handling inputs; empty while it runs.
    pub halted: String,
    pub entries_stopped: bool,
    /// What holds now, not what the settings say.
    pub paper: PaperSwitch,
    pub live: LiveSwitch,
    /// Whether live orders can leave, and for how many leaders they leave whatever the switch says.
    pub live_orders: LiveOrders,
    pub leaders_forced_on: u32,
    /// Leaders whose own switch is not on `inherit`.
    pub leaders_switched: Vec<(LeaderId, LeaderSwitch)>,
    /// The next journal record's number: all before it are written (not necessarily synced).
    pub journal_next_seq: u64,
    pub inputs: u64,
    pub events: u64,
    pub signals: u64,
    pub orders: u64,
    pub fills: u64,
    pub orders_open: u32,
    pub positions_open: u32,
    /// Matches that wait for their settlement, and since when the first of them does.
    pub unsettled: u32,
    pub unsettled_since: Option<Nanos>,
    pub parked: u32,
    pub tokens: u32,
    pub books_live: u32,
    pub books_diverged: u32,
    /// Times a full queue made a feed wait.
    pub queue_full: u64,
    /// Counts per reason code, in the order of [`crate::domain::Skip::ALL`] and [`crate::domain::Refusal::ALL`].
    pub skips: Vec<u64>,
    pub refusals: Vec<u64>,
    pub portfolios: Vec<PortfolioNow>,
    /// Signals that got a score, that waited for company, and that were ordered together with a later one.
    pub scored: u64,
    pub buffered: u64,
    pub merged: u64,
    /// Breakers that tripped, leaders who were blocked, and commands that could not be done.
    pub tripped: u64,
    pub leaders_blocked: u64,
    pub declined: u64,
    /// Proceeds that wait, soonest first; at most [`COOLING_SHOWN`].
    pub cooling: Vec<CoolingNow>,
    /// Best prices of tokens with a position, for live marks.
    pub marks: Vec<Mark>,
    /// Orders signed ahead.
    pub ahead: AheadNow,
    /// What is held with real money.
    pub live_books: LiveBooks,
    /// Books of tokens with an open order or a position, at most [`BOOKS_SHOWN`].
    pub books: Vec<BookNow>,
    /// Limits of portfolios and what counts against them, those that limit something.
    pub uses: Vec<Use>,
    /// Ceilings on what leaves with real money, and what left lately: orders in a second, dollars in a minute.
    pub ceilings: Vec<(NotSent, Numbers)>,
}

/// The most books that are shown, and levels of each side of one.
pub const BOOKS_SHOWN: usize = 8;
pub const LEVELS_SHOWN: usize = 10;

/// The best levels of a book, best first: prices in millionths of a dollar, shares in millionths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BookNow {
    pub token: TokenId,
    pub bids: Vec<(u32, u64)>,
    pub asks: Vec<(u32, u64)>,
    /// Whether it is what the venue says, as far as is known.
    pub is_trusted: bool,
}

/// How much of a limit is used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Use {
    pub portfolio: PortfolioId,
    /// What risk says when there is no more of it.
    pub limit: Refusal,
    pub numbers: Numbers,
}

/// The most waiting amounts that are shown.
pub const COOLING_SHOWN: usize = 500;

/// Proceeds of a portfolio that are available from a moment on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoolingNow {
    pub portfolio: PortfolioId,
    pub until: Nanos,
    pub amount: Usdc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PortfolioNow {
    pub id: PortfolioId,
    pub deposits: Usdc,
    pub available: Usdc,
    pub reserved: Usdc,
    pub deployed: Usdc,
    pub cooling: Usdc,
    /// What has come out of cooling since the process began.
    pub released: Usdc,
    pub realised: Usdc,
    pub unrealised: Usdc,
    /// The operator lets it make no entries.
    pub paused: bool,
    /// Breakers that let it make none, by [`Breaker`].
    pub tripped: [bool; Breaker::ALL.len()],
}

/// Best bid and ask in millionths of a dollar; 0: none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Mark {
    pub token: TokenId,
    pub bid: u32,
    pub ask: u32,
}

impl PortfolioNow {
    /// Returns what open orders and positions hold.
    pub fn locked(&self) -> Usdc {
        self.reserved + self.deployed
    }

    /// Yields the codes of its breakers that tripped.
    pub fn breakers(&self) -> impl Iterator<Item = &'static str> {
        Breaker::ALL.into_iter().filter(|breaker| self.tripped[*breaker as usize]).map(Breaker::code)
    }

    /// Returns what the portfolio would be worth if all positions were sold at the best bid.
    pub fn equity(&self) -> Usdc {
        self.available + self.reserved + self.deployed + self.cooling + self.unrealised
    }
}
