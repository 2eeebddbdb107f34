//! What became true at the exchange.

use std::fmt;
use std::sync::Arc;

use super::order::{AccountId, MarketId, Order, OrderId, Placed};
use super::reject::Reject;
use crate::domain::{Nanos, Price, Shares, Side, Tick, Usdc};
use crate::sim::message::{Change, Outcome, Resolution};

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TradeId(pub u64);

/// Known at the match, before the chain has the transaction. A trade that is retried keeps it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TransactionHash(pub [u8; 32]);

impl fmt::Display for TransactionHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One taker order met resting orders: one settlement transaction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trade {
    pub id: TradeId,
    pub market: MarketId,
    pub at: Nanos,
    pub transaction: TransactionHash,
    pub taker: Leg,
    /// In order of matching: best price first, then oldest first.
    pub makers: Vec<Leg>,
    /// Paid by the taker on top of what he gives, or out of what he gets.
    pub fee: Usdc,
}

/// What one order gave and got in a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    pub order: OrderId,
    pub account: AccountId,
    pub outcome: Outcome,
    pub side: Side,
    pub shares: Shares,
    /// Without the fee.
    pub collateral: Usdc,
    /// Of a maker: his own limit. Of the taker: collateral for shares, rounded down to a millionth.
    pub price: Price,
}

/// How far the chain is with a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    Matched,
    Mined,
    /// Final.
    Confirmed,
    /// The transaction reverted; it is sent again.
    Retrying,
    /// Final: what both sides gave has come back.
    Failed,
}

/// What an account did with its shares of one market, other than trade them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    pub account: AccountId,
    pub market: MarketId,
    pub kind: MoveKind,
    /// Of each outcome.
    pub shares: [Shares; 2],
    /// What was paid, or paid out, for the shares of each outcome.
    pub collateral: [Usdc; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MoveKind {
    Split,
    Merge,
    Redeem,
    /// Shares of second outcomes of a neg-risk group became dollars, and first outcomes of its other markets.
    Convert,
    Receive,
    Send,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Event {
    /// Levels of the first token's book have new totals. The changes of one cause come together, and the book has them all.
    Book {
        market: MarketId,
        changes: Vec<Change>,
    },
    /// An order was taken, was matched, came to rest after a hold, or ended: as it is now. Quotes of the house have none.
    Order {
        order: Order,
        what: Happened,
    },
    Matched(Arc<Trade>),
    /// Shares came or went without a trade.
    Moved(Move),
    Settled {
        trade: Arc<Trade>,
        to: Settlement,
    },
    /// A held order is held no more. Comes after the events of what became of it.
    Released {
        order: OrderId,
        result: Result<Placed, Reject>,
    },
    Tick {
        market: MarketId,
        old: Tick,
        new: Tick,
    },
    /// Trading has ended; comes after the cancellations and the empty book.
    Closed {
        market: MarketId,
    },
    Resolved {
        market: MarketId,
        resolution: Resolution,
    },
}

/// What a user is told about his order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happened {
    Placement,
    /// Matched, in part or in whole; or on the book after a hold.
    Update,
    Cancellation,
}
