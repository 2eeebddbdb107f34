//! From the hot thread to the wire: signed orders, and what must be known of each when the venue speaks of it.

use crossbeam::queue::ArrayQueue;
use tokio::sync::Notify;

use crate::domain::{
    FeeSchedule, LeaderId, Nanos, OrderId, OrderKind, PortfolioId, Price, Shares, Side, TokenId, Usdc, VenueOrderId,
};

/// The longest request of an order: a session key's signature is 962 digits of it.
pub const REQUEST_MAX: usize = 4_096;
/// Orders and cancels that wait to leave.
pub const OUTBOX_MAX: usize = 64;
/// Orders whose names wait to be learned by who hears the venue.
pub const SENT_MAX: usize = 4_096;

/// An order that has a name at the venue: what is needed to follow it to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sent {
    pub order: OrderId,
    pub id: VenueOrderId,
    pub portfolio: PortfolioId,
    pub leader: LeaderId,
    pub token: TokenId,
    pub side: Side,
    pub kind: OrderKind,
    pub limit: Price,
    pub shares: Shares,
    pub budget: Usdc,
    /// What its market takes of a taker: the venue's messages do not say.
    pub fees: FeeSchedule,
    /// When it was signed.
    pub at: Nanos,
}

/// A request to be written to the venue as it is.
#[derive(Clone, Debug)]
pub struct Outgoing {
    pub sent: Sent,
    /// It does not leave after this.
    pub leave_by: Nanos,
    pub request: [u8; REQUEST_MAX],
    pub len: usize,
    /// Where in `request` the body begins: what may be sent again is the body, under new headers.
    pub body_at: usize,
}

/// The bounded queues from the hot thread to the gateway.
#[derive(Debug)]
pub struct Outbox {
    pub orders: ArrayQueue<Outgoing>,
    pub cancels: ArrayQueue<(OrderId, VenueOrderId)>,
    /// Pushed before its order is: see [`Outbox::take`].
    pub sent: ArrayQueue<Sent>,
    /// Rung after an order was pushed: for who lets orders out.
    pub order_bell: Notify,
    /// Rung when there is something else: for who follows them.
    pub bell: Notify,
}

impl Outbox {
    /// Takes the orders that wait, exits first. A name is put down before its order: the names of all of them are in `sent`.
    pub fn take(&self) -> Vec<Outgoing> {
        let mut waiting: Vec<Outgoing> = std::iter::from_fn(|| self.orders.pop()).collect();
        waiting.sort_by_key(|outgoing| outgoing.sent.side == Side::Buy);
        waiting
    }

    /// Takes the names that nobody heard yet.
    pub fn names(&self) -> impl Iterator<Item = Sent> {
        std::iter::from_fn(|| self.sent.pop())
    }
}

impl Default for Outbox {
    fn default() -> Outbox {
        Outbox {
            orders: ArrayQueue::new(OUTBOX_MAX),
            cancels: ArrayQueue::new(OUTBOX_MAX),
            sent: ArrayQueue::new(SENT_MAX),
            order_bell: Notify::new(),
            bell: Notify::new(),
        }
    }
}
