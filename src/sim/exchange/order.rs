//! What a client asks of the exchange, and what it answers.

use std::fmt;

use super::event::TradeId;
use super::reject::Canceled;
use crate::domain::{Nanos, Price, Shares, Side};
use crate::sim::message::{Outcome, opposite};

/// The EIP-712 digest of the signed order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderId(pub [u8; 32]);

impl OrderId {
    /// Orders of the house have no signature until somebody asks: only the last eight bytes of their id are used.
    pub(super) fn of_house(number: u64) -> OrderId {
        let mut bytes = [0; 32];
        bytes[24..].copy_from_slice(&number.to_be_bytes());
        OrderId(bytes)
    }

    pub fn is_of_house(&self) -> bool {
        self.0[..24].iter().all(|byte| *byte == 0)
    }
}

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

/// An order as the exchange knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Order {
    pub new: NewOrder,
    pub placed_at: Nanos,
    /// Counts orders as they come, or are released: of two at one price, the lower is matched first.
    pub arrival: u64,
    pub state: State,
    /// Shares, whatever the side.
    pub size: Shares,
    /// Of a BUY taker more than `size`, where the price was better than his.
    pub matched: Shares,
    /// Of the maker amount: what has not been given yet. An open order has so much reserved.
    pub left: u64,
    /// On the token's own book; not always on the grid for a FAK or FOK.
    pub price: Price,
    pub trades: Vec<TradeId>,
}

impl Order {
    /// Returns an order of which nothing is matched; `price` is its ratio of amounts.
    pub(super) fn fresh(new: NewOrder, price: Price, placed_at: Nanos, arrival: u64) -> Order {
        let size = match new.side {
            Side::Buy => Shares(new.taker_amount),
            Side::Sell => Shares(new.maker_amount),
        };
        let (left, matched, trades) = (new.maker_amount, Shares::ZERO, Vec::new());
        Order { new, placed_at, arrival, state: State::Live, size, matched, left, price, trades }
    }

    /// Returns how many shares can still be matched at the order's own price, rounded down.
    pub fn rest(&self) -> Shares {
        self.rest_with(self.left)
    }

    /// Returns what the rest would be with `left` of the maker amount.
    pub(super) fn rest_with(&self, left: u64) -> Shares {
        match self.new.side {
            Side::Buy => Shares(scaled(left, self.new.taker_amount, self.new.maker_amount)),
            Side::Sell => Shares(left),
        }
    }

    pub fn is_open(&self) -> bool {
        match self.state {
            State::Held | State::Live => true,
            State::Matched | State::Canceled(_) => false,
        }
    }

    /// Returns where on the first token's ladder the order stands: a bid for the second token is an ask for the first.
    pub(super) fn spot(&self) -> (Side, Price) {
        on_ladder(self.new.outcome, self.new.side, self.price)
    }

    /// What is given of its maker amount where `collateral` and `shares` are exchanged.
    pub(super) fn giving(&self, collateral: u64, shares: u64) -> u64 {
        match self.new.side {
            Side::Buy => collateral,
            Side::Sell => shares,
        }
    }
}

/// Returns a side and price of a token as the first token's ladder has it.
pub(super) fn on_ladder(outcome: Outcome, side: Side, price: Price) -> (Side, Price) {
    match outcome {
        Outcome::Yes => (side, price),
        Outcome::No => (opposite(side), price.complement()),
    }
}

/// Returns `amount * numerator / denominator`, rounded down.
pub(super) fn scaled(amount: u64, numerator: u64, denominator: u64) -> u64 {
    u64::try_from(u128::from(amount) * u128::from(numerator) / u128::from(denominator)).expect("amounts are bounded")
}
