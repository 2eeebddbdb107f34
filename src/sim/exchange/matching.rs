//! What a taker would meet: in prices of the first token one queue by price, then time, in which complementary orders,
//! mints and merges stand together (PROTOCOL.md 2.10, 8). Nothing is changed here.

use std::collections::HashMap;

use super::accept::collateral_and_shares;
use super::market::Ladder;
use super::order::{Order, OrderId};
use crate::domain::market::SHARES_STEP;
use crate::domain::money::ONE;
use crate::domain::{FeeSchedule, Price, Shares, Side, Usdc};
use crate::sim::message::opposite;

/// More makers than this go into another settlement transaction.
pub const MAKERS_MAX: usize = 10;

/// One maker's part. Amounts are millionths.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fill {
    pub maker: OrderId,
    pub shares: u64,
    /// What the maker's order gives of its maker amount.
    pub making: u64,
    /// Collateral that the maker gives or gets.
    pub maker_collateral: u64,
    /// Collateral that the taker gives or gets.
    pub taker_collateral: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Plan {
    pub fills: Vec<Fill>,
    /// What the taker has left of his maker amount.
    pub left: u64,
    /// Nothing more is wanted than what is dust.
    pub is_satisfied: bool,
}

impl Plan {
    /// One settlement transaction each.
    pub fn trades(&self) -> impl Iterator<Item = &[Fill]> {
        self.fills.chunks(MAKERS_MAX)
    }

    /// Returns the fee on all trades.
    pub fn fee(&self, schedule: FeeSchedule) -> Usdc {
        self.trades().map(|fills| fee(fills, schedule)).fold(Usdc::ZERO, |sum, fee| sum + fee)
    }
}

pub(super) fn fee(fills: &[Fill], schedule: FeeSchedule) -> Usdc {
    let (shares, collateral) = totals(fills);
    schedule.fee(Shares(shares), Usdc(collateral as i64))
}

/// Returns shares and the taker's collateral.
pub(super) fn totals(fills: &[Fill]) -> (u64, u64) {
    let sum = |amount: fn(&Fill) -> u64| fills.iter().map(amount).sum();
    (sum(|fill| fill.shares), sum(|fill| fill.taker_collateral))
}

/// An open order with less than 0.01 share left has ended: it could not be ordered, and rounding leaves such rests.
pub(super) fn is_dust(rest: Shares) -> bool {
    rest.0 < SHARES_STEP
}

/// Returns what `taker` would take, best price first, then oldest first, never beyond his ratio of amounts, and without
/// touching the last `spared` of his maker amount.
pub(super) fn plan(taker: &Order, spared: u64, ladder: &Ladder, orders: &HashMap<OrderId, Order>) -> Plan {
    let mut plan = Plan { fills: Vec::new(), left: taker.left - spared, is_satisfied: false };
    let makers_side = opposite(taker.spot().0);
    for id in ladder.queue(makers_side) {
        let maker = &orders[&id];
        let price = seen_by(taker, maker);
        if !crosses(taker, price) {
            break;
        }
        let fill = fill(taker.new.side, plan.left, maker, price);
        plan.left -= taker.giving(fill.taker_collateral, fill.shares);
        let maker_keeps = !is_dust(maker.rest_with(maker.left - fill.making));
        if fill.shares > 0 {
            plan.fills.push(fill);
        }
        // Who leaves something to a maker wanted no more of him, and so wants nothing from the next.
        if maker_keeps || is_dust(taker.rest_with(plan.left)) {
            plan.is_satisfied = true;
            break;
        }
    }
    plan.left += spared;
    plan
}

/// The maker's price, in terms of the taker's token.
fn seen_by(taker: &Order, maker: &Order) -> Price {
    if taker.new.outcome == maker.new.outcome { maker.price } else { maker.price.complement() }
}

/// The integer test of the contract; a maker's ratio is exactly his price.
fn crosses(taker: &Order, price: Price) -> bool {
    let (collateral, shares) = collateral_and_shares(&taker.new);
    let (limit, offer) = (u128::from(collateral) * u128::from(ONE), u128::from(shares) * u128::from(price.micros()));
    match taker.new.side {
        Side::Buy => limit >= offer,
        Side::Sell => limit <= offer,
    }
}

/// Returns the most that a taker with `left` of his maker amount takes of one maker; `price` is as the taker sees it.
///
/// The maker gives `making` and gets `floor(making * taker amount / maker amount)`, as the contract computes it; the
/// roundings are those of the fills on the chain (`vectors_fees.json`): a BUY for 5 dollars at 0.66 gets 7.575758 shares
/// of a seller; at 0.71 from a mint it gets 7.042251 for 4.999998.
fn fill(side: Side, left: u64, maker: &Order, price: Price) -> Fill {
    let id = maker.new.id;
    match (side, maker.new.side) {
        (Side::Buy, Side::Sell) => {
            let shares = maker.left.min(div_ceil(left, ONE, u64::from(price.micros())));
            let collateral = cost(shares, price);
            Fill { maker: id, shares, making: shares, maker_collateral: collateral, taker_collateral: collateral }
        }
        (Side::Buy, Side::Buy) => {
            // Mint: what the taker pays for a share is what the maker's price leaves of a dollar.
            let (his, mine) = (u64::from(maker.price.micros()), u64::from(price.micros()));
            let making = maker.left.min(div(left, his, mine));
            let shares = shares_for(making, maker.price);
            Fill { maker: id, shares, making, maker_collateral: making, taker_collateral: shares - making }
        }
        (Side::Sell, Side::Buy) => {
            let making = maker.left.min(cost(left, price));
            let shares = shares_for(making, price);
            Fill { maker: id, shares, making, maker_collateral: making, taker_collateral: making }
        }
        (Side::Sell, Side::Sell) => {
            let shares = maker.left.min(left);
            let collateral = cost(shares, maker.price);
            let taker_collateral = shares - collateral;
            Fill { maker: id, shares, making: shares, maker_collateral: collateral, taker_collateral }
        }
    }
}

fn cost(shares: u64, price: Price) -> u64 {
    div(shares, u64::from(price.micros()), ONE)
}

fn shares_for(collateral: u64, price: Price) -> u64 {
    div(collateral, ONE, u64::from(price.micros()))
}

fn div(amount: u64, numerator: u64, denominator: u64) -> u64 {
    super::order::scaled(amount, numerator, denominator)
}

fn div_ceil(amount: u64, numerator: u64, denominator: u64) -> u64 {
    let quotient = (u128::from(amount) * u128::from(numerator)).div_ceil(u128::from(denominator));
    u64::try_from(quotient).expect("amounts are bounded")
}

/// Returns the price of shares for collateral, rounded down, inside (0, 1).
pub(super) fn average(shares: u64, collateral: u64) -> Price {
    let micros = div(collateral, ONE, shares).clamp(1, ONE - 1);
    Price::from_micros(micros as u32).expect("clamped")
}
