//! Prices, shares and dollars: integers in millionths. Rounding names its direction and is against us.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Millionths in one: of a dollar, of a share.
pub const ONE: u64 = 1_000_000;
/// No book, order or trade of this venue comes near this (a billion shares); above it a size is refused as hostile.
pub const SHARES_MAX: Shares = Shares(1_000_000_000 * ONE);

/// What one share costs, in millionths of a dollar; always above 0 and below 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Price(u32);

/// Outcome shares, in millionths. Never dollars.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Shares(pub u64);

/// Dollars (pUSD), in millionths. Negative only where a result may be.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Usdc(pub i64);

impl Price {
    /// Returns a price of `micros` millionths of a dollar; `None` unless it is above 0 and below 1.
    pub const fn from_micros(micros: u32) -> Option<Price> {
        if 0 < micros && micros < ONE as u32 { Some(Price(micros)) } else { None }
    }

    pub const fn micros(self) -> u32 {
        self.0
    }

    /// Returns 1 − price: what the other outcome costs.
    pub const fn complement(self) -> Price {
        Price(ONE as u32 - self.0)
    }

    /// Returns what `shares` cost at this price, rounded up; the largest amount for more shares than there can be.
    pub fn cost_ceil(self, shares: Shares) -> Usdc {
        Usdc((u128::from(self.0) * u128::from(shares.0)).div_ceil(u128::from(ONE)).min(i64::MAX as u128) as i64)
    }

    /// Returns what `shares` cost at this price, rounded down: what a seller gets.
    pub fn cost_floor(self, shares: Shares) -> Usdc {
        Usdc((u128::from(self.0) * u128::from(shares.0) / u128::from(ONE)).min(i64::MAX as u128) as i64)
    }

    /// Returns how many shares `budget` surely affords at this price; zero for a budget that is not positive, and never
    /// more than can be counted.
    pub fn shares_floor(self, budget: Usdc) -> Shares {
        let shares = u128::from(budget.0.max(0) as u64) * u128::from(ONE) / u128::from(self.0);
        Shares(shares.min(u128::from(u64::MAX)) as u64)
    }

    /// Returns the price `delta` millionths higher, at most 0.999999.
    pub fn up(self, delta: u32) -> Price {
        Price(self.0.saturating_add(delta).min(ONE as u32 - 1))
    }

    /// Returns the price `delta` millionths lower, at least 0.000001.
    pub fn down(self, delta: u32) -> Price {
        Price(self.0.saturating_sub(delta).max(1))
    }

    /// Returns the share `ppm` (parts per million) of this price, rounded down, in millionths of a dollar.
    pub fn part(self, ppm: u32) -> u32 {
        (u64::from(self.0) * u64::from(ppm) / ONE) as u32
    }
}

impl Shares {
    pub const ZERO: Shares = Shares(0);

    pub const fn whole(count: u64) -> Shares {
        Shares(count * ONE)
    }

    /// Returns the size cut to `step` (in millionths).
    pub const fn floor_to(self, step: u64) -> Shares {
        Shares(self.0 - self.0 % step)
    }

    /// Returns the part `numerator / denominator` of this size, rounded down; all of it if the part is 1 or more.
    pub fn fraction_floor(self, numerator: Shares, denominator: Shares) -> Shares {
        if denominator.0 <= numerator.0 {
            return self;
        }
        Shares((u128::from(self.0) * u128::from(numerator.0) / u128::from(denominator.0)) as u64)
    }

    /// Returns the share `ppm` (parts per million) of this size, rounded down.
    pub fn part_floor(self, ppm: u64) -> Shares {
        Shares((u128::from(self.0) * u128::from(ppm) / u128::from(ONE)).min(u128::from(u64::MAX)) as u64)
    }

    pub const fn minus(self, other: Shares) -> Shares {
        Shares(self.0.saturating_sub(other.0))
    }
}

impl Usdc {
    pub const ZERO: Usdc = Usdc(0);

    pub const fn whole(dollars: i64) -> Usdc {
        Usdc(dollars * ONE as i64)
    }

    /// Returns the amount cut to whole cents, towards zero.
    pub const fn floor_cents(self) -> Usdc {
        Usdc(self.0 - self.0 % 10_000)
    }

    /// Returns the share `ppm` (parts per million) of a non-negative amount, rounded down; the largest amount if it is more.
    pub fn part_floor(self, ppm: u64) -> Usdc {
        let part = i128::from(self.0) * i128::from(ppm) / i128::from(ONE);
        Usdc(part.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64)
    }
}

impl std::ops::Add for Usdc {
    type Output = Usdc;
    fn add(self, other: Usdc) -> Usdc {
        Usdc(self.0.checked_add(other.0).expect("dollars overflow"))
    }
}
impl std::ops::Sub for Usdc {
    type Output = Usdc;
    fn sub(self, other: Usdc) -> Usdc {
        Usdc(self.0.checked_sub(other.0).expect("dollars overflow"))
    }
}
impl std::ops::Neg for Usdc {
    type Output = Usdc;
    fn neg(self) -> Usdc {
        Usdc(-self.0)
    }
}
impl std::ops::Add for Shares {
    type Output = Shares;
    fn add(self, other: Shares) -> Shares {
        Shares(self.0.checked_add(other.0).expect("shares overflow"))
    }
}
/// Underflow is a fault of ours, never clamped away.
impl std::ops::Sub for Shares {
    type Output = Shares;
    fn sub(self, other: Shares) -> Shares {
        Shares(self.0.checked_sub(other.0).expect("shares underflow"))
    }
}

/// Writes the exact decimal without trailing zeros: `0.5`, `12`, `-3.25`.
fn fmt_micros(micros: i128, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let (sign, micros) = (if micros < 0 { "-" } else { "" }, micros.unsigned_abs());
    let (whole, mut part) = (micros / u128::from(ONE), micros % u128::from(ONE));
    if part == 0 {
        return f.pad(&format!("{sign}{whole}"));
    }
    let mut digits = 6;
    while part % 10 == 0 {
        part /= 10;
        digits -= 1;
    }
    f.pad(&format!("{sign}{whole}.{part:0digits$}"))
}
impl fmt::Display for Price {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_micros(i128::from(self.0), f)
    }
}
impl fmt::Display for Shares {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_micros(i128::from(self.0), f)
    }
}
impl fmt::Display for Usdc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt_micros(i128::from(self.0), f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn price(micros: u32) -> Price {
        Price::from_micros(micros).expect("a price")
    }

    #[test]
    fn a_price_is_inside_zero_and_one() {
        for (micros, is_price) in [(0, false), (1, true), (999_999, true), (1_000_000, false), (u32::MAX, false)] {
            assert_eq!(Price::from_micros(micros).is_some(), is_price, "{micros}");
        }
    }

    #[test]
    fn rounding_is_against_us() {
        // 0.333333 x 0.000001 share: a buyer pays one millionth, a seller gets none.
        assert_eq!(price(333_333).cost_ceil(Shares(1)), Usdc(1));
        assert_eq!(price(333_333).cost_floor(Shares(1)), Usdc(0));
        assert_eq!(price(520_000).shares_floor(Usdc::whole(10)), Shares(19_230_769));
        assert_eq!(price(520_000).shares_floor(Usdc(-1)), Shares::ZERO);
        assert_eq!(Usdc(12_345_678).floor_cents(), Usdc(12_340_000));
        assert_eq!(Shares(7_578_999).floor_to(10_000), Shares(7_570_000));
    }

    #[test]
    fn a_fraction_never_exceeds_the_whole() {
        let held = Shares::whole(10);
        assert_eq!(held.fraction_floor(Shares(3), Shares(10)), Shares::whole(3));
        assert_eq!(held.fraction_floor(Shares(11), Shares(10)), held);
        assert_eq!(held.fraction_floor(Shares(1), Shares::ZERO), held);
    }

    #[test]
    fn amounts_print_as_exact_decimals() {
        assert_eq!(price(500_000).to_string(), "0.5");
        assert_eq!(Usdc(-3_250_000).to_string(), "-3.25");
        assert_eq!(Shares::whole(12).to_string(), "12");
        assert_eq!(Usdc(1).to_string(), "0.000001");
    }
}
