//! What an order must be, whatever the book: amounts, grid, decimals, size, expiration (PROTOCOL.md 1.9, 2.7, 2.9, 2.10).

use super::market::Rules;
use super::order::{Kind, NewOrder};
use super::reject::{PrecisionRule, Reject};
use crate::domain::money::{ONE, SHARES_MAX};
use crate::domain::{Nanos, Price, Shares, Side};

/// A GTD leaves the book this long before its expiration, so one that expires sooner never rests.
pub const EXPIRES_EARLY: Nanos = Nanos::from_secs(60);

/// Returns the price that the amounts of an order say. The first rule that is broken is told.
///
/// A GTC or GTD must lie exactly on the grid. A FAK or FOK need not: official clients cut its second amount to the
/// decimals of the tick, so its ratio is a hair beside the limit that was meant (0.520002). It is taken if that cut, of
/// one unit at most, explains it; it is matched by its ratio of amounts, not by the price that was meant.
pub(super) fn check(new: &NewOrder, rules: &Rules, now: Nanos) -> Result<Price, Reject> {
    if new.post_only && !may_rest(new.kind) || new.maker_amount.max(new.taker_amount) > SHARES_MAX.0 {
        return Err(Reject::BadPayload);
    }
    let (collateral, shares) = collateral_and_shares(new);
    if new.maker_amount == 0 || new.taker_amount == 0 || collateral >= shares {
        return Err(Reject::BadPrice);
    }
    let micros = u128::from(collateral) * u128::from(ONE) / u128::from(shares);
    let price = Price::from_micros(micros as u32).ok_or(Reject::BadPrice)?;
    if !is_on_grid(new, rules, price) {
        return Err(Reject::BreaksTick { order: new.id, price, tick: rules.tick });
    }
    check_decimals(new, rules)?;
    // A marketable BUY has its dollar minimum instead.
    let size = Shares(shares);
    if size < rules.minimum && (may_rest(new.kind) || new.side == Side::Sell) {
        return Err(Reject::TooSmall { order: new.id, size, minimum: rules.minimum });
    }
    match new.kind {
        Kind::Gtd { expires_at } if expires_at <= now.plus(EXPIRES_EARLY) => Err(Reject::BadExpiration),
        Kind::Gtd { .. } | Kind::Gtc | Kind::Fok | Kind::Fak => Ok(price),
    }
}

pub(super) const fn may_rest(kind: Kind) -> bool {
    match kind {
        Kind::Gtc | Kind::Gtd { .. } => true,
        Kind::Fok | Kind::Fak => false,
    }
}

pub(super) const fn collateral_and_shares(new: &NewOrder) -> (u64, u64) {
    match new.side {
        Side::Buy => (new.maker_amount, new.taker_amount),
        Side::Sell => (new.taker_amount, new.maker_amount),
    }
}

fn is_on_grid(new: &NewOrder, rules: &Rules, price: Price) -> bool {
    let tick = rules.tick;
    if may_rest(new.kind) {
        let (collateral, shares) = collateral_and_shares(new);
        let is_exact = u128::from(collateral) * u128::from(ONE) == u128::from(shares) * u128::from(price.micros());
        return is_exact && tick.holds(price);
    }
    // The price that was meant is one of the two beside the ratio.
    let beside = [tick.floor(price), tick.ceil(price)];
    beside.into_iter().flatten().any(|meant| tick.holds(meant) && is_explained_by(new, meant, tick.amount_decimals()))
}

/// Whether the second amount is what the first gives at `meant`, but for one unit of its last decimal.
fn is_explained_by(new: &NewOrder, meant: Price, decimals: u32) -> bool {
    let unit = u128::from(unit_of(decimals));
    let (collateral, shares) = collateral_and_shares(new);
    let of_shares = u128::from(shares) * u128::from(meant.micros());
    let distance = of_shares.abs_diff(u128::from(collateral) * u128::from(ONE));
    match new.side {
        Side::Buy => distance <= unit * u128::from(meant.micros()),
        Side::Sell => distance < unit * u128::from(ONE),
    }
}

fn check_decimals(new: &NewOrder, rules: &Rules) -> Result<(), Reject> {
    let amount_decimals = rules.tick.amount_decimals();
    let (rule, maker, taker) = match (new.side, may_rest(new.kind)) {
        (Side::Buy, false) => (PrecisionRule::MarketBuy, 2, amount_decimals),
        (Side::Buy, true) => (PrecisionRule::LimitBuy, amount_decimals, 2),
        (Side::Sell, _) => (PrecisionRule::Sell, 2, amount_decimals),
    };
    let fits = |amount: u64, decimals| amount.is_multiple_of(unit_of(decimals));
    if fits(new.maker_amount, maker) && fits(new.taker_amount, taker) {
        return Ok(());
    }
    Err(Reject::Precision { rule, amount_decimals })
}

/// One in the last of so many decimals, in millionths.
const fn unit_of(decimals: u32) -> u64 {
    10_u64.pow(6 - decimals)
}
