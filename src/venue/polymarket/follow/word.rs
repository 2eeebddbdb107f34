//! What goes in and out of the [`Follower`](super::Follower).

use super::message::{OrderMessage, TradeMessage};
use crate::{
    domain::{Input, Nanos, Noted, OrderId, TradeKey, VenueOrderId},
    venue::{
        outbox::Sent,
        polymarket::answer::{Answer, Doubt},
    },
};

/// What the world says of our orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Evidence {
    /// An order has a name; nothing of it has left. From the outbox, before anything else is said of it.
    Registered(Sent),
    /// An order that a process before this one sent, from the journal. All open ones come, and all that ended since the look
    /// back of the first read of trades: what no order explains is foreign.
    Resumed {
        sent: Sent,
        stands: Stands,
    },
    /// It was noted as foreign before this process began.
    KnownForeign {
        trade: TradeKey,
        id: VenueOrderId,
    },
    /// What came of sending it, the first time or the second; or that it was not sent.
    Answered {
        id: VenueOrderId,
        answer: Answer,
    },
    /// What came of the cancel that was asked for; one that failed is not told.
    CancelAnswered {
        id: VenueOrderId,
        cancelled: bool,
    },
    /// From the user channel.
    Order(OrderMessage),
    Trade(TradeMessage),
    /// What [`Action::ReadOrder`] found.
    OrderRead {
        id: VenueOrderId,
        read: Read<OrderMessage>,
    },
    /// What [`Action::ReadTrades`] found: all pages of it, or it has failed. None at all is `Found` with nothing in it.
    TradesRead {
        number: u64,
        read: Read<Vec<TradeMessage>>,
    },
    ChannelUp,
    ChannelDown,
    /// From time to time, whatever the channel told: what happened since then is to be read.
    Swept {
        since: Nanos,
    },
}

/// How the journal left an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Stands {
    /// Submitted or unknown: it may have been sent.
    Unanswered,
    /// The venue has it; it is open.
    Accepted,
    /// Ended, with matches that are neither confirmed nor void.
    Settling,
    Ended,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Read<T> {
    Found(T),
    /// The venue answered, and knows nothing of it (404, or null).
    Absent,
    /// No answer that says anything.
    Failed,
}

/// What is to be done. Every one is answered with [`Evidence`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// The same body once more, under new headers, if the price is still good and the gate lets it: else the answer is
    /// [`Answer::NotSent`]. Not after `by`.
    SendAgain {
        order: OrderId,
        id: VenueOrderId,
        by: Nanos,
    },
    ReadOrder {
        order: OrderId,
        id: VenueOrderId,
    },
    /// All trades of the wallet since then (seconds since 1970), to the last page.
    ReadTrades {
        number: u64,
        after_s: u64,
    },
    Cancel {
        order: OrderId,
        id: VenueOrderId,
    },
}

/// What somebody should know.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Alarm {
    /// Matched a minute ago, and neither settled nor void.
    Stuck { order: OrderId, trade: TradeKey },
    /// The venue calls the order by another name. Entries stop.
    OtherName { order: OrderId, other: VenueOrderId },
    /// A match was told again with other amounts. Entries stop; the first telling stands.
    Retold { order: OrderId, trade: TradeKey },
    /// Confirmed and failed were both said of a match; the first stands.
    Flipped { order: OrderId, trade: TradeKey },
    /// The venue refused what it has.
    Contradicted { order: OrderId },
    /// A fill of an order that had ended.
    Late { order: OrderId, trade: TradeKey },
    /// The venue says that more was matched than its trades tell.
    Missing { order: OrderId },
    /// An amount fits in no unit that we know; it is not used.
    OtherUnit { order: OrderId },
    /// A status that is not published.
    Unpublished { id: VenueOrderId },
    /// Something of our wallet's that no order of ours explains.
    Foreign { id: VenueOrderId },
    /// An order was registered after the venue spoke of it.
    LateName { order: OrderId },
    /// Nothing was heard of a registered order for a minute.
    Silent { order: OrderId },
    /// Too many orders are not over. Entries stop.
    Crowded,
}

/// What follows from evidence. Emptied by who reads it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Told {
    /// For the engine, in order.
    pub inputs: Vec<Input>,
    pub noted: Vec<Noted>,
    pub actions: Vec<Action>,
    pub alarms: Vec<Alarm>,
    /// For the metrics: whose answer is not known, and why.
    pub doubts: Vec<(OrderId, Doubt)>,
    /// Orders that ended with this; taken by the follower.
    pub(super) ended: Vec<OrderId>,
}

impl Told {
    pub fn clear(&mut self) {
        self.inputs.clear();
        self.noted.clear();
        self.actions.clear();
        self.alarms.clear();
        self.doubts.clear();
    }
}

impl Alarm {
    /// Returns what happened and what to do about it.
    pub const fn text(&self) -> &'static str {
        match self {
            Alarm::Stuck { .. } => "a match has not settled for a minute: its shares cannot be sold; see the chain",
            Alarm::OtherName { .. } => {
                "the venue calls an order by another name than the one that was signed: entries stop; look for an update"
            }
            Alarm::Retold { .. } => {
                "the venue told a match again with other amounts: entries stop; compare the position with the venue's"
            }
            Alarm::Flipped { .. } => {
                "the venue said that a match settled, and that it failed: compare the position with the venue's"
            }
            Alarm::Contradicted { .. } => "the venue refused an order that it has: it is looked up",
            Alarm::Late { .. } => "a fill of an order that had ended came late: it is in the books now",
            Alarm::Missing { .. } => {
                "the venue says that more of an order was filled than its trades tell: compare the position with the venue's"
            }
            Alarm::OtherUnit { .. } => "an amount fits in no unit that this program knows, and is not used",
            Alarm::Unpublished { .. } => "the venue used a status that this program does not know: look for an update",
            Alarm::Foreign { .. } => {
                "the wallet ordered or traded, and not by this engine: use a wallet of its own, or look who else has its key"
            }
            Alarm::LateName { .. } => "the venue spoke of an order before the engine did: its fills are read again",
            Alarm::Silent { .. } => "nothing was heard of an order for a minute: it is taken for sent, and looked up",
            Alarm::Crowded => {
                "too many orders wait for their end or their settlement: entries stop until there are fewer"
            }
        }
    }
}
