//! What a client asks of the exchange, and what it answers.

use std::fmt;

use super::event::TradeId;
use crate::domain::{Nanos, Price, Shares, Side, Tick, Usdc};
use crate::sim::message::Outcome;

/// The EIP-712 digest of the signed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub [u8; 32]);

impl fmt::Display for OrderId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Who holds money and shares at the exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub u32);

/// A market, counted in order of opening.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MarketId(pub u64);

/// What the signature covers, and how it is to be worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewOrder {
    pub id: OrderId,
    pub account: AccountId,
    pub market: MarketId,
    pub outcome: Outcome,
    pub side: Side,
    /// What is given, in millionths: collateral to buy, shares to sell.
    pub maker_amount: u64,
    /// What is wanted, in millionths: shares to buy, collateral to sell.
    pub taker_amount: u64,
    pub kind: Kind,
    pub post_only: bool,
}

/// How long an order is worked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Rests until it is cancelled.
    Gtc,
    /// Leaves the book 60 seconds before `expires_at`.
    Gtd { expires_at: Nanos },
    /// All at once or not at all.
    Fok,
    /// What can be had at once; the rest is cancelled.
    Fak,
}

/// An order that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Placed {
    /// Rests, untouched.
    Live,
    /// Filled, wholly or in part; what is left of a GTC or GTD rests, what is left of a FAK is cancelled.
    Matched { making: u64, taking: u64, trades: Vec<TradeId> },
    /// Held until then; funds are reserved, a cancel is refused. [`super::Event::Released`] tells how it ended.
    Held { until: Nanos },
}

/// Why an order was not taken; written as the venue writes it. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// No such market, or not open (any more).
    NotReady,
    /// An amount of zero, or a price outside (0, 1).
    BadPrice,
    BreaksTick {
        order: OrderId,
        price: Price,
        tick: Tick,
    },
    TooSmall {
        order: OrderId,
        size: Shares,
        minimum: Shares,
    },
    /// A marketable BUY of less than a dollar.
    BelowDollar {
        amount: Usdc,
    },
    /// More decimals than the tick allows.
    Precision {
        side: Side,
    },
    Duplicated {
        order: OrderId,
    },
    CrossesPostOnly,
    NotEnoughBalance {
        balance: u64,
        wanted: u64,
    },
    NotEnoughAllowance {
        allowance: u64,
        wanted: u64,
    },
    BadExpiration,
    NotFilled,
    NoMatch,
}

/// Why a cancel was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCanceled {
    /// Never seen, of another owner, matched or cancelled.
    MatchedOrCanceled,
    /// Held: it will be matched or released first.
    Held,
}

/// Where an order stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    Held,
    Live,
    /// Nothing is left to match.
    Matched,
    /// What was not matched will not be.
    Canceled(Canceled),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Canceled {
    ByOwner,
    Expired,
    /// The market was closed or resolved.
    MarketResolved,
    /// The funds behind it are gone.
    NotEnoughBalance,
    /// The rest of a FAK.
    FakRest,
    /// A FOK, or another held order, that its release did not suit any more.
    Rejected(Reject),
}

/// An order as the exchange knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    pub new: NewOrder,
    pub placed_at: Nanos,
    pub state: State,
    /// Shares, whatever the side.
    pub size: Shares,
    pub matched: Shares,
    /// On the token's own book; not always on the grid for a FAK or FOK.
    pub price: Price,
}
