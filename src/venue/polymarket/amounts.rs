//! Price and size -> what an order gives and wants, in whole millionths, rounded as the venue asks (PROTOCOL.md 1.9).

use std::fmt;

use crate::domain::market::SHARES_STEP;
use crate::domain::money::ONE;
use crate::domain::{Price, Shares, Side, Tick, Usdc};

/// `maker_amount` and `taker_amount` of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amounts {
    /// What is given, in millionths: collateral to buy, shares to sell.
    pub maker: u64,
    /// What is wanted, in millionths: shares to buy, collateral to sell.
    pub taker: u64,
}

/// Why no order can be made of a price and a size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadAmounts {
    OffTick {
        price: Price,
        tick: Tick,
    },
    /// Nothing is left after rounding down.
    Nothing,
}

/// Four more decimals are kept, rounded up, before an amount is cut: so a quotient like 0.3 periodic loses nothing.
const GUARD: u128 = 10_000;

/// Returns the amounts of an order that may rest: the size cut to hundredths of a share, exactly at the price.
/// Fails off the tick's grid, and where nothing is left.
pub fn limit(tick: Tick, side: Side, price: Price, size: Shares) -> Result<Amounts, BadAmounts> {
    if !tick.holds(price) {
        return Err(BadAmounts::OffTick { price, tick });
    }
    let shares = size.floor_to(SHARES_STEP).0;
    let collateral = cut(tick, u128::from(shares) * u128::from(price.micros()), u128::from(ONE));
    match side {
        Side::Buy => amounts(collateral, shares),
        Side::Sell => amounts(shares, collateral),
    }
}

/// Returns the amounts of a FAK or FOK that spends `budget`, cut to cents, at `price` or better.
/// The shares are rounded down, so the price implied by the amounts is never below `price`, and a hair above it at times.
pub fn market_buy(tick: Tick, price: Price, budget: Usdc) -> Result<Amounts, BadAmounts> {
    let collateral = budget.floor_cents().0.max(0) as u64;
    let price = floor_decimals(tick, price)?;
    amounts(collateral, cut(tick, u128::from(collateral) * u128::from(ONE), u128::from(price.micros())))
}

/// Returns the amounts of a FAK or FOK that sells `size`, cut to hundredths of a share, at `price` or better.
pub fn market_sell(tick: Tick, price: Price, size: Shares) -> Result<Amounts, BadAmounts> {
    let shares = size.floor_to(SHARES_STEP).0;
    let price = floor_decimals(tick, price)?;
    amounts(shares, cut(tick, u128::from(shares) * u128::from(price.micros()), u128::from(ONE)))
}

fn amounts(maker: u64, taker: u64) -> Result<Amounts, BadAmounts> {
    if maker == 0 || taker == 0 { Err(BadAmounts::Nothing) } else { Ok(Amounts { maker, taker }) }
}

/// Returns `numerator / denominator` millionths with as many decimals as the tick allows.
fn cut(tick: Tick, numerator: u128, denominator: u128) -> u64 {
    let unit = 10_u128.pow(6 - tick.amount_decimals());
    let guarded = (numerator * GUARD).div_ceil(denominator * unit);
    (guarded / GUARD * unit) as u64
}

/// Returns the price with as many decimals as the tick has: a market order's limit need not be on the grid.
fn floor_decimals(tick: Tick, price: Price) -> Result<Price, BadAmounts> {
    let unit = 10_u32.pow(6 + 2 - tick.amount_decimals());
    Price::from_micros(price.micros() - price.micros() % unit).ok_or(BadAmounts::OffTick { price, tick })
}

impl fmt::Display for BadAmounts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadAmounts::OffTick { price, tick } => {
                write!(f, "the price {price} is not on the grid of {}", tick.first())
            }
            BadAmounts::Nothing => write!(f, "too little: nothing is left once the amounts are rounded down"),
        }
    }
}
impl std::error::Error for BadAmounts {}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(micros: u32) -> Price {
        Price::from_micros(micros).expect("a price")
    }

    #[test]
    fn what_rounds_to_nothing_is_no_order() {
        assert_eq!(limit(Tick::CENT, Side::Buy, price(500_000), Shares(9_999)), Err(BadAmounts::Nothing));
        assert_eq!(market_buy(Tick::CENT, price(500_000), Usdc(9_999)), Err(BadAmounts::Nothing));
        assert_eq!(market_buy(Tick::CENT, price(500_000), Usdc(-1)), Err(BadAmounts::Nothing));
        assert_eq!(market_sell(Tick::CENT, price(500_000), Shares::ZERO), Err(BadAmounts::Nothing));
    }

    #[test]
    fn a_limit_is_on_the_grid_and_a_market_price_is_cut() {
        let off = price(505_000);
        let error = BadAmounts::OffTick { price: off, tick: Tick::CENT };
        assert_eq!(limit(Tick::CENT, Side::Buy, off, Shares::whole(5)), Err(error));
        let cut = market_sell(Tick::CENT, off, Shares::whole(5)).expect("amounts");
        assert_eq!(cut, Amounts { maker: 5_000_000, taker: 2_500_000 });
        let error = BadAmounts::OffTick { price: price(9_999), tick: Tick::CENT };
        assert_eq!(market_buy(Tick::CENT, price(9_999), Usdc::whole(1)), Err(error));
    }
}
