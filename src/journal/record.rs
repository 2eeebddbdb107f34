//! What one journal record says: names, which turn dense ids back into text, and events, which rebuild the state.

use serde::{Deserialize, Serialize};

use crate::domain::{Event, LeaderId, Market, Mode, PortfolioId, TokenId};

/// One record. The journal outlives the program: new variants go to the end, and a variant never changes its fields.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum Record<'a> {
    /// A process began to write. `config` is a hash of the settings it runs with.
    Session {
        version: &'a str,
        config: u64,
    },
    /// From here on `id` means this token (77-digit decimal text).
    Token {
        id: TokenId,
        text: &'a str,
    },
    /// What became known of a token's market; a later one replaces an earlier.
    Market {
        token: TokenId,
        market: Market,
        about: MarketAbout<'a>,
    },
    Leader {
        id: LeaderId,
        wallet: &'a str,
        name: &'a str,
    },
    Portfolio {
        id: PortfolioId,
        strategy: &'a str,
        mode: Mode,
    },
    Event(Event),
    /// The state after all records before this one has this hash: recovery must come to the same.
    Checkpoint {
        state: u64,
    },
    /// Since when the machine is up on which the process runs: with another name it went down meanwhile.
    Boot {
        id: &'a str,
    },
    /// The process trades with this wallet, and holds its lease: whoever takes that later has a higher epoch.
    Wallet {
        address: &'a str,
        epoch: u64,
    },
    /// The process ended in order: no event came after this.
    Ended,
    /// From here on the process goes by other settings, which have this hash.
    Changed {
        config: u64,
    },
}

/// What people call a market. Text from strangers: never trusted, only shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarketAbout<'a> {
    pub condition: &'a str,
    pub slug: &'a str,
    pub title: &'a str,
    pub outcome: &'a str,
    /// What the markets of one event of the venue share: its id or slug.
    pub event: &'a str,
    /// With blanks between them; `None` where they are not known.
    #[serde(borrow)]
    pub tags: Option<&'a str>,
}
