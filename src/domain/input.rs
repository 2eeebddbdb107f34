//! What the world tells the engine: small fixed-size values.

use super::{
    LeaderId, Market, Millis, Nanos, OrderEnd, OrderId, PortfolioId, Price, Shares, Side, Tick, TokenId, TradeKey, Usdc,
};

/// A fill of somebody we follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LeaderTrade {
    pub trade: TradeKey,
    pub leader: LeaderId,
    pub token: TokenId,
    pub side: Side,
    pub price: Price,
    pub shares: Shares,
    /// When he traded, by the venue's clock.
    pub traded_at: Nanos,
}

/// One thing that happened in the world. A message of the market channel becomes `Snapshot`? `Level`* `BookDone` for each
/// token in it, all or nothing: a message that is refused yields no input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Input {
    /// A whole book begins: what was known of the token's levels is void.
    Snapshot {
        token: TokenId,
        at: Millis,
    },
    /// The new total at one price; zero removes it. `Buy` is a bid.
    Level {
        token: TokenId,
        side: Side,
        price: Price,
        size: Shares,
    },
    /// The message is over for this token; `best` is what the venue says the best prices now are, where it says so.
    BookDone {
        token: TokenId,
        at: Millis,
        best: Best,
    },
    /// The market's grid changed.
    TickChanged {
        token: TokenId,
        tick: Tick,
    },
    /// What the token's market is like became known.
    MarketKnown {
        token: TokenId,
        market: Market,
    },
    /// Nothing could be learned about the token.
    MarketUnknown {
        token: TokenId,
    },
    /// The venue's hash of the token's book is, or is not, the hash of ours.
    HashChecked {
        token: TokenId,
        good: bool,
    },
    /// The connection that carried this token's book was lost.
    BookLost {
        token: TokenId,
    },
    LeaderTrade(LeaderTrade),
    /// The venue took the order.
    Accepted {
        order: OrderId,
    },
    /// The venue filled some of it: `cash` is what was paid or received before `fee`.
    Filled {
        order: OrderId,
        shares: Shares,
        cash: Usdc,
        fee: Usdc,
    },
    Closed {
        order: OrderId,
        end: OrderEnd,
    },
    /// A share of this token pays `payout` millionths of a dollar (0, 1,000,000, or between).
    Resolved {
        token: TokenId,
        payout: u32,
    },
    /// The operator pauses a portfolio's entries, or lets it go on.
    Pause {
        portfolio: PortfolioId,
    },
    Unpause {
        portfolio: PortfolioId,
    },
    /// Time passed; deadlines are due.
    Timer,
}

impl Input {
    /// Returns the token it is about, if it is about one.
    pub fn token(&self) -> Option<TokenId> {
        match self {
            Input::Snapshot { token, .. }
            | Input::Level { token, .. }
            | Input::BookDone { token, .. }
            | Input::TickChanged { token, .. }
            | Input::MarketKnown { token, .. }
            | Input::MarketUnknown { token }
            | Input::HashChecked { token, .. }
            | Input::BookLost { token }
            | Input::LeaderTrade(LeaderTrade { token, .. })
            | Input::Resolved { token, .. } => Some(*token),
            Input::Accepted { .. }
            | Input::Filled { .. }
            | Input::Closed { .. }
            | Input::Pause { .. }
            | Input::Unpause { .. }
            | Input::Timer => None,
        }
    }
}

/// The best prices as the venue states them in a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Best {
    /// The message does not say.
    Unstated,
    /// `None`: that side is empty.
    Stated { bid: Option<Price>, ask: Option<Price> },
}

const _: () = assert!(size_of::<Input>() <= 64);
