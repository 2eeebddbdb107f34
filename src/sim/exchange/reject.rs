//! The exchange's noes, in the venue's words (PROTOCOL.md 2.9, 5.2).

use std::fmt;

use super::order::OrderId;
use crate::domain::{Price, Shares, Side, Tick, Usdc};

/// Why an order was not taken; written as the venue writes it. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reject {
    /// No such market, or not open (any more).
    NotReady,
    /// Post-only with FAK or FOK, or an amount above what this exchange counts with (a billion shares or dollars).
    BadPayload,
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
        rule: PrecisionRule,
        amount_decimals: u32,
    },
    Duplicated {
        order: OrderId,
    },
    CrossesPostOnly,
    /// What is held less what other open orders have reserved, against what this order may take, with its fee; millionths.
    NotEnoughBalance {
        balance: u64,
        wanted: u64,
    },
    /// As above, of the allowance that the exchange contract has.
    NotEnoughAllowance {
        allowance: u64,
        wanted: u64,
    },
    BadExpiration,
    NotFilled,
    NoMatch,
}

/// Whose decimals were too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PrecisionRule {
    /// FAK and FOK: dollars with 2 decimals, shares with those of the tick.
    MarketBuy,
    /// GTC and GTD: shares with 2 decimals, dollars with those of the tick.
    LimitBuy,
    /// All kinds: shares with 2 decimals, dollars with those of the tick.
    Sell,
}

impl PrecisionRule {
    pub const fn side(self) -> Side {
        match self {
            PrecisionRule::MarketBuy | PrecisionRule::LimitBuy => Side::Buy,
            PrecisionRule::Sell => Side::Sell,
        }
    }
}

impl fmt::Display for Reject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reject::NotReady => write!(f, "the market is not yet ready to process new orders"),
            Reject::BadPayload => write!(f, "Invalid order payload"),
            Reject::BadPrice => write!(f, "invalid price, price must be greater than 0 and less than 1"),
            Reject::BreaksTick { order, price, tick } => {
                write!(f, "order {order} is invalid. Price ({price}) breaks minimum tick size rule: {}", tick.first())
            }
            Reject::TooSmall { order, size, minimum } => {
                write!(f, "order {order} is invalid. Size ({size}) lower than the minimum: {minimum}")
            }
            Reject::BelowDollar { amount } => {
                let cents = amount.0 / 10_000;
                write!(
                    f,
                    "invalid amount for a marketable BUY order (${}.{:02}), min size: $1",
                    cents / 100,
                    cents % 100
                )
            }
            Reject::Precision { rule, amount_decimals } => {
                let (orders, maker, taker) = match rule {
                    PrecisionRule::MarketBuy => ("market buy", 2, *amount_decimals),
                    PrecisionRule::LimitBuy => ("buy", *amount_decimals, 2),
                    PrecisionRule::Sell => ("sell", 2, *amount_decimals),
                };
                write!(
                    f,
                    "invalid amounts, the {orders} orders maker amount supports a max accuracy of {maker} decimals, \
                     taker amount a max of {taker} decimals"
                )
            }
            Reject::Duplicated { order } => write!(f, "order {order} is invalid. Duplicated."),
            Reject::CrossesPostOnly => write!(f, "invalid post-only order: order crosses book"),
            Reject::NotEnoughBalance { balance, wanted } => write!(
                f,
                "not enough balance / allowance : the balance is not enough -> balance: {balance}, order amount: {wanted}"
            ),
            Reject::NotEnoughAllowance { allowance, wanted } => write!(
                f,
                "not enough balance / allowance : the allowance is not enough -> allowance: {allowance}, \
                 order amount: {wanted}"
            ),
            Reject::BadExpiration => write!(f, "invalid expiration"),
            Reject::NotFilled => {
                write!(f, "order couldn't be fully filled. FOK orders are fully filled or killed.")
            }
            Reject::NoMatch => write!(
                f,
                "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found."
            ),
        }
    }
}

/// Why a cancel was refused; written as the venue writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotCanceled {
    /// Nothing is left to cancel.
    Matched,
    /// Never seen, of another owner, or cancelled before.
    MatchedOrCanceled,
    /// Held: it will be matched or released first.
    Held,
}

impl fmt::Display for NotCanceled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            NotCanceled::Matched => "order already matched",
            NotCanceled::MatchedOrCanceled => "already canceled or matched",
            NotCanceled::Held => "cannot cancel because the order is in pending/delayed status",
        })
    }
}

/// Why an order ended with something unmatched; written as the user channel's status.
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
    /// Its price is not on the market's new, coarser grid.
    OffGrid,
    /// A held order that its release did not suit any more.
    Rejected(Reject),
}

impl fmt::Display for Canceled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Canceled::ByOwner | Canceled::FakRest => write!(f, "CANCELED"),
            Canceled::Expired => write!(f, "CANCELED_EXPIRED_ORDER"),
            Canceled::MarketResolved => write!(f, "CANCELED_MARKET_RESOLVED"),
            Canceled::NotEnoughBalance => write!(f, "CANCELED_NOT_ENOUGH_BALANCE"),
            Canceled::OffGrid => write!(f, "CANCELED_price breaks minimum tick size rule"),
            Canceled::Rejected(reject) => write!(f, "CANCELED_{reject}"),
        }
    }
}
