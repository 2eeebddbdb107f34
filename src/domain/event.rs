//! What became true. The journal stores these, `apply` and the projections fold them.
//!
//! The journal outlives the program: new variants go to the end, and a variant never changes its fields.

use serde::{Deserialize, Serialize};

use super::{
    Cause, Divergence, Fault, LeaderId, Nanos, Numbers, OrderEnd, OrderId, OrderKind, PortfolioId, Price, Refusal,
    Shares, Side, SignalId, Skip, TokenId, TradeKey, Usdc,
};

/// A leader's trade worth deciding on. Fills of one leader, token and side within a window share a `group`, which is the
/// first one's id; each is decided at once for the group's total less what the group already ordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Signal {
    pub signal: SignalId,
    pub group: SignalId,
    pub trade: TradeKey,
    pub leader: LeaderId,
    pub token: TokenId,
    pub side: Side,
    pub price: Price,
    pub shares: Shares,
    /// Volume-weighted price and size of the group up to and including this trade.
    pub group_price: Price,
    pub group_shares: Shares,
    /// What we saw the leader hold of the token before this trade.
    pub leader_held: Shares,
    pub traded_at: Nanos,
}

/// An order that passed risk. Its money is reserved; the record is on disk before a byte of it leaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    pub order: OrderId,
    /// [`SignalId::NONE`] where no leader trade led to it.
    pub signal: SignalId,
    pub portfolio: PortfolioId,
    pub leader: LeaderId,
    pub token: TokenId,
    pub side: Side,
    pub kind: OrderKind,
    pub cause: Cause,
    /// A buy: the most, a sell: the least that a share may cost.
    pub limit: Price,
    /// A sell: shares to sell. A buy: what `budget` surely buys at `limit`; a better price buys more.
    pub shares: Shares,
    /// A buy: dollars to spend, before the fee. A sell: zero.
    pub budget: Usdc,
    /// Worst cost with the fee, moved from available.
    pub reserved: Usdc,
    /// The best price on the other side when we decided.
    pub touch: Price,
    /// The leader's (group's) price; for a stop or take-profit the price we paid.
    pub reference: Price,
}

/// A fill and where its money went.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Filled {
    pub order: OrderId,
    pub shares: Shares,
    /// Paid or received, before the fee.
    pub cash: Usdc,
    pub fee: Usdc,
    /// A sell: what the sold lots had cost. A buy: zero.
    pub basis: Usdc,
    /// A sell: when the proceeds cool down.
    pub release_at: Nanos,
}

/// A position ended with its market.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Settled {
    pub portfolio: PortfolioId,
    pub leader: LeaderId,
    pub token: TokenId,
    pub shares: Shares,
    pub basis: Usdc,
    pub proceeds: Usdc,
    pub release_at: Nanos,
}

/// A portfolio's worth at a moment. `unrealised` marks positions at the best bid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Valued {
    pub portfolio: PortfolioId,
    pub available: Usdc,
    pub reserved: Usdc,
    pub deployed: Usdc,
    pub cooling: Usdc,
    pub realised: Usdc,
    pub unrealised: Usdc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Event {
    Deposited {
        portfolio: PortfolioId,
        amount: Usdc,
    },
    Withdrawn {
        portfolio: PortfolioId,
        amount: Usdc,
    },
    Signal(Signal),
    /// A sighting that is no signal: the same fill again. `signal` is left alone.
    Repeated {
        trade: TradeKey,
        leader: LeaderId,
        token: TokenId,
    },
    /// The token is cold: the signal waits for its market and book, or for `until`.
    Parked {
        signal: SignalId,
        token: TokenId,
        until: Nanos,
    },
    Skipped {
        signal: SignalId,
        portfolio: PortfolioId,
        reason: Skip,
        numbers: Numbers,
    },
    Refused {
        signal: SignalId,
        portfolio: PortfolioId,
        reason: Refusal,
        numbers: Numbers,
    },
    /// The position owes a sale of `shares` in all ([`crate::domain::money::SHARES_MAX`]: of everything); it is ordered as
    /// soon as the book allows. `reference`: the leader's price, or for a stop or target what we paid.
    ExitDue {
        signal: SignalId,
        portfolio: PortfolioId,
        leader: LeaderId,
        token: TokenId,
        cause: Cause,
        shares: Shares,
        reference: Price,
    },
    Submitted(Submitted),
    Accepted {
        order: OrderId,
    },
    Filled(Filled),
    Closed {
        order: OrderId,
        end: OrderEnd,
        released: Usdc,
    },
    Resolved {
        token: TokenId,
        payout: u32,
    },
    Settled(Settled),
    /// Cooled proceeds are available again.
    Released {
        portfolio: PortfolioId,
        amount: Usdc,
    },
    Valued(Valued),
    Diverged {
        token: TokenId,
        cause: Divergence,
    },
    Resynced {
        token: TokenId,
    },
    /// Entries stop until a restart.
    Faulted {
        fault: Fault,
        order: OrderId,
    },
    /// The portfolio makes no entries until it goes on; exits are never paused.
    Paused {
        portfolio: PortfolioId,
    },
    Unpaused {
        portfolio: PortfolioId,
    },
}

const _: () = assert!(size_of::<Event>() <= 128);
