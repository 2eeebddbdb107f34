//! What our order gave and got in a match. A message tells shares and prices; the dollars are what the contract makes of
//! them (PROTOCOL.md 8): it rounds down what a maker gets.

use super::message::{Leg, TradeMessage};
use crate::{
    domain::{FeeSchedule, Price, Shares, Side, Usdc, VenueOrderId},
    venue::outbox::Sent,
};

/// One order's amounts in one match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub shares: Shares,
    /// Before the fee.
    pub cash: Usdc,
    pub fee: Usdc,
}

impl Part {
    /// Returns whether another telling of the match is the same one: cash may differ by what a rounding of each maker's
    /// part makes.
    pub fn is_told_by(&self, other: &Part, makers: usize) -> bool {
        let slack = makers as u64 + 1;
        self.shares == other.shares
            && self.cash.0.abs_diff(other.cash.0) <= slack
            && self.fee.0.abs_diff(other.fee.0) <= 10 * slack
    }
}

/// Returns what an order had of a match, as taker, as one or more of the makers, or both; `None` if it had no part in it.
pub fn part(message: &TradeMessage, order: VenueOrderId, fees: FeeSchedule) -> Option<Part> {
    let mut sum: Option<Part> = None;
    let mut add = |part: Part| {
        let so_far = sum.unwrap_or(Part { shares: Shares::ZERO, cash: Usdc::ZERO, fee: Usdc::ZERO });
        sum = Some(Part {
            shares: so_far.shares + part.shares,
            cash: so_far.cash + part.cash,
            fee: so_far.fee + part.fee,
        });
    };
    if message.taker.order == order {
        let cash = takers_cash(message);
        add(Part { shares: message.taker.shares, cash, fee: fees.fee(message.taker.shares, cash) });
    }
    for maker in message.makers.iter().filter(|maker| maker.order == order) {
        add(Part { shares: maker.shares, cash: makers_cash(maker), fee: Usdc::ZERO });
    }
    sum
}

/// What a maker pays, or gets: of shares that he gives he gets the floor; of dollars that he gives, the shares are the floor.
fn makers_cash(maker: &Leg) -> Usdc {
    match maker.side {
        Side::Buy => maker.price.cost_ceil(maker.shares),
        Side::Sell => maker.price.cost_floor(maker.shares),
    }
}

/// What the taker pays, or gets: the sum over the makers. Where a maker has the same side, a pair of both outcomes is made or
/// unmade for a dollar, and the taker's part is what the maker leaves of it.
fn takers_cash(message: &TradeMessage) -> Usdc {
    let taker = &message.taker;
    let matched = message.makers.iter().map(|maker| maker.shares.0).sum::<u64>();
    if message.makers.is_empty() || matched != taker.shares.0 {
        // The makers are not all told: by the taker's own price, against us.
        return match taker.side {
            Side::Buy => taker.price.cost_ceil(taker.shares),
            Side::Sell => taker.price.cost_floor(taker.shares),
        };
    }
    let part = |maker: &Leg| {
        let cash = makers_cash(maker);
        if maker.side == taker.side { Usdc(maker.shares.0 as i64 - cash.0) } else { cash }
    };
    message.makers.iter().map(part).fold(Usdc::ZERO, |sum, cash| sum + cash)
}

/// How much more than signed an amount may be and still be meant in the unit that we think: price improvement and rounding.
const UNIT_SLACK_PERCENT: u64 = 120;
/// The older unit: millionths written as whole numbers.
const FIXED_POINT: u64 = 1_000_000;

/// 0.01 of a share or of a dollar: nothing is ordered in less.
const DUST: u64 = 10_000;

/// The unit that an amount is written in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AmountUnit {
    Decimal,
    FixedPoint,
}

impl AmountUnit {
    /// Returns the unit of `written`, which cannot be more than `bound` (millionths); `None` where neither fits.
    pub fn of(written: u64, bound: u64) -> Option<AmountUnit> {
        let most = bound.saturating_mul(UNIT_SLACK_PERCENT) / 100;
        if written <= most {
            Some(AmountUnit::Decimal)
        } else if written.is_multiple_of(FIXED_POINT) && (DUST..=most).contains(&(written / FIXED_POINT)) {
            Some(AmountUnit::FixedPoint)
        } else {
            None
        }
    }

    pub const fn millionths(self, written: u64) -> u64 {
        match self {
            AmountUnit::Decimal => written,
            AmountUnit::FixedPoint => written / FIXED_POINT,
        }
    }
}

/// Returns the bound of the amount that stands for an order's size: what it gives. (An order's `original_size` is shares, but
/// of a market buy its dollars.)
pub fn given(sent: &Sent) -> u64 {
    match sent.side {
        Side::Buy => sent.budget.0.max(0) as u64,
        Side::Sell => sent.shares.0,
    }
}

/// Returns whether nothing worth ordering is left of what the order gives: under 0.01 share and the cents that amounts are
/// cut to.
pub fn is_spent(sent: &Sent, shares: Shares, cash: Usdc) -> bool {
    match sent.side {
        Side::Buy => sent.budget.0 - cash.0 < (dust_cost(sent.limit) + DUST) as i64,
        Side::Sell => sent.shares.0.saturating_sub(shares.0) < 2 * DUST,
    }
}

fn dust_cost(limit: Price) -> u64 {
    limit.cost_ceil(Shares(DUST)).0 as u64 + 100
}
