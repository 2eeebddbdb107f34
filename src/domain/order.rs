//! Orders: sides, kinds, states, ends.

use serde::{Deserialize, Serialize};

use super::Rejection;

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Side {
    Buy,
    Sell,
}

/// A leader's part in a match.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Role {
    /// The source does not say.
    #[default]
    Unknown,
    Maker,
    Taker,
}

/// How the venue treats an order that cannot be filled at once and in full.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderKind {
    /// Fill and kill: takes what crosses, cancels the rest.
    Fak,
    /// Fill or kill: all or nothing.
    Fok,
    /// Good till cancelled: what does not cross rests in the book. Only for exit plans.
    Gtc,
}

/// Why we ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Cause {
    /// The leader bought.
    Entry,
    /// The leader sold: we sell the same part of the lots that came from him.
    LeaderExit,
    /// The bid fell to the strategy's stop.
    StopLoss,
    /// The bid rose to the strategy's target.
    TakeProfit,
    /// The bid fell from its highest since the entry.
    TrailingStop,
    /// The position was held as long as it may be.
    HoldTime,
    /// The operator said so.
    Forced,
    /// The leader left without selling: merged, converted, redeemed, sent away.
    LeaderLeft,
    /// The sale that rests in the book from the entry on.
    Plan,
}

/// Where an open order is. Closed orders leave the table; how they ended is an [`OrderEnd`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderState {
    Submitted,
    Accepted,
    PartlyFilled,
    /// Sent, and nobody knows what became of it: it counts as filled and as not filled, whichever is worse.
    Unknown,
}

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum OrderEnd {
    /// Filled in full (a buy: its dollars are spent; a sell: its shares are sold).
    Filled,
    /// The venue cancelled what was left; there may be fills before.
    Cancelled,
    /// The venue's no; there are no fills.
    Rejected(Rejection),
    /// Its time was over before it was filled.
    Expired,
    /// It never left: nothing was sent.
    NotSent(NotSent),
    /// Shadow mode: built and recorded, not sent.
    Shadow,
    /// Sent and never answered; for long enough, and to the last look, the venue knows nothing of it.
    Absent,
}

/// Why an order did not leave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum NotSent {
    /// The live switch was no longer on when the order was to leave.
    LiveOff,
    /// Hard ceilings of the send path.
    OrdersPerSecond,
    DollarsPerMinute,
    DollarsPerOrder,
    /// By the time it could leave it was too old.
    TooOld,
    /// The venue's rate limit leaves no room for it.
    RateLimit,
    /// There was no connection, and not a byte was written.
    NoConnection,
    /// Too many orders wait to leave.
    QueueFull,
    /// Rounded as the venue asks, nothing is left of it.
    NoAmounts,
    /// The lease of the wallet was not ours any more when the order was to leave.
    WalletNotHeld,
}

impl Side {
    pub const fn code(self) -> &'static str {
        match self {
            Side::Buy => "buy",
            Side::Sell => "sell",
        }
    }
}

impl OrderKind {
    pub const fn code(self) -> &'static str {
        match self {
            OrderKind::Fak => "fak",
            OrderKind::Fok => "fok",
            OrderKind::Gtc => "gtc",
        }
    }
}

impl Cause {
    pub const ALL: [Cause; 9] = [
        Cause::Entry,
        Cause::LeaderExit,
        Cause::StopLoss,
        Cause::TakeProfit,
        Cause::TrailingStop,
        Cause::HoldTime,
        Cause::Forced,
        Cause::LeaderLeft,
        Cause::Plan,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Cause::Entry => "entry",
            Cause::LeaderExit => "leader_exit",
            Cause::StopLoss => "stop_loss",
            Cause::TakeProfit => "take_profit",
            Cause::TrailingStop => "trailing_stop",
            Cause::HoldTime => "hold_time",
            Cause::Forced => "forced",
            Cause::LeaderLeft => "leader_left",
            Cause::Plan => "plan",
        }
    }
}

impl OrderEnd {
    pub const fn code(self) -> &'static str {
        match self {
            OrderEnd::Filled => "filled",
            OrderEnd::Cancelled => "cancelled",
            OrderEnd::Rejected(rejection) => rejection.code(),
            OrderEnd::Expired => "expired",
            OrderEnd::NotSent(cause) => cause.code(),
            OrderEnd::Shadow => "shadow",
            OrderEnd::Absent => "absent",
        }
    }
}

impl NotSent {
    pub const ALL: [NotSent; 10] = [
        NotSent::LiveOff,
        NotSent::OrdersPerSecond,
        NotSent::DollarsPerMinute,
        NotSent::DollarsPerOrder,
        NotSent::TooOld,
        NotSent::RateLimit,
        NotSent::NoConnection,
        NotSent::QueueFull,
        NotSent::NoAmounts,
        NotSent::WalletNotHeld,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            NotSent::LiveOff => "not_sent_live_off",
            NotSent::OrdersPerSecond => "not_sent_orders_per_second",
            NotSent::DollarsPerMinute => "not_sent_dollars_per_minute",
            NotSent::DollarsPerOrder => "not_sent_dollars_per_order",
            NotSent::TooOld => "not_sent_too_old",
            NotSent::RateLimit => "not_sent_rate_limit",
            NotSent::NoConnection => "not_sent_no_connection",
            NotSent::QueueFull => "not_sent_queue_full",
            NotSent::NoAmounts => "not_sent_no_amounts",
            NotSent::WalletNotHeld => "not_sent_wallet_not_held",
        }
    }
}
