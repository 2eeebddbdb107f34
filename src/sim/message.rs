//! What happens in the simulated world, typed. [`super::wire`] writes it as the venue would.

use std::sync::Arc;

use super::exchange::Move;
use super::listing::Listing;
use crate::domain::{Millis, Price, Shares, Side, Tick};

/// One of the two tokens of a market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Outcome {
    Yes,
    No,
}

impl Outcome {
    pub const BOTH: [Outcome; 2] = [Outcome::Yes, Outcome::No];

    pub const fn index(self) -> usize {
        self as usize
    }

    pub const fn other(self) -> Outcome {
        match self {
            Outcome::Yes => Outcome::No,
            Outcome::No => Outcome::Yes,
        }
    }
}

/// One price of one side and what is offered there in all.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level {
    pub price: Price,
    pub size: Shares,
}

/// A whole book of one token at one moment, best price last on both sides as on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BookImage {
    pub listing: Arc<Listing>,
    pub outcome: Outcome,
    pub at: Millis,
    pub bids: Vec<Level>,
    pub asks: Vec<Level>,
    pub tick: Tick,
    /// `None`: never traded.
    pub traded: Option<Price>,
    pub hash: String,
}

impl BookImage {
    pub fn top(&self) -> Top {
        Top {
            bid: self.bids.last().map(|level| level.price),
            ask: self.asks.last().map(|level| level.price),
            hash: self.hash.clone(),
        }
    }
}

/// The best prices and the hash of a book.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Top {
    pub bid: Option<Price>,
    pub ask: Option<Price>,
    pub hash: String,
}

/// The new total of one level of the first token's book; the second token's is its mirror image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change {
    pub side: Side,
    pub level: Level,
}

impl Change {
    /// Returns this change as the book of `outcome` shows it: a bid for Yes at p is an ask for No at 1 - p.
    pub fn seen_by(self, outcome: Outcome) -> Change {
        match outcome {
            Outcome::Yes => self,
            Outcome::No => Change {
                side: opposite(self.side),
                level: Level { price: self.level.price.complement(), size: self.level.size },
            },
        }
    }
}

pub const fn opposite(side: Side) -> Side {
    match side {
        Side::Buy => Side::Sell,
        Side::Sell => Side::Buy,
    }
}

/// Whether somebody's order rested when it was matched.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    Maker,
    Taker,
}

/// A fill of a wallet, as the activity feed and the Data API tell it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Activity {
    pub listing: Arc<Listing>,
    pub outcome: Outcome,
    pub wallet: String,
    pub name: String,
    pub role: Role,
    pub side: Side,
    pub price: Price,
    pub size: Shares,
    /// When it was matched. The feed tells it later.
    pub traded_at: Millis,
    pub transaction: String,
}

/// What a wallet did with its shares beside trading, as the Data API tells it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    pub listing: Arc<Listing>,
    pub wallet: String,
    pub name: String,
    pub moved: Move,
    pub at: Millis,
    pub transaction: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Book(BookImage),
    /// `after` is the state of both books once all changes of the message are applied.
    PriceChange {
        listing: Arc<Listing>,
        at: Millis,
        changes: Vec<Change>,
        after: [Top; 2],
    },
    LastTrade {
        listing: Arc<Listing>,
        outcome: Outcome,
        at: Millis,
        side: Side,
        price: Price,
        size: Shares,
        transaction: String,
    },
    TickChange {
        listing: Arc<Listing>,
        outcome: Outcome,
        at: Millis,
        old: Tick,
        new: Tick,
    },
    BestBidAsk {
        listing: Arc<Listing>,
        outcome: Outcome,
        at: Millis,
        top: Top,
    },
    NewMarket {
        listing: Arc<Listing>,
        at: Millis,
    },
    Resolved {
        listing: Arc<Listing>,
        at: Millis,
        resolution: Resolution,
    },
    /// Goes to the activity feed, not to the market channel.
    Activity(Activity),
}

impl Message {
    /// Returns the market that a message is about; `None` for a fill, which is about a wallet.
    pub fn listing(&self) -> Option<&Listing> {
        match self {
            Message::Book(image) => Some(&image.listing),
            Message::PriceChange { listing, .. }
            | Message::LastTrade { listing, .. }
            | Message::TickChange { listing, .. }
            | Message::BestBidAsk { listing, .. }
            | Message::NewMarket { listing, .. }
            | Message::Resolved { listing, .. } => Some(listing),
            Message::Activity(_) => None,
        }
    }
}

/// How a market ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resolution {
    Won(Outcome),
    /// Both tokens pay half a dollar.
    Even,
}
