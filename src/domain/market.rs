//! What the rules of a market are: tick, minimum, fees, generation.

use serde::{Deserialize, Serialize};

use super::{ConditionId, Nanos, Price, Shares, Usdc, VenueEventId, money::ONE};

/// The price grid of a market, in millionths of a dollar: 0.1, 0.01, 0.005, 0.0025, 0.001 or 0.0001 so far.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Tick(u32);

/// Prices finer than this do not occur at the venue: the unit of every book's ladder.
pub const PIP_MICROS: u32 = 100;

impl Tick {
    /// Every grid the venue is known to use, coarsest first.
    pub const KNOWN: [Tick; 6] = [Tick(100_000), Tick(10_000), Tick(5_000), Tick(2_500), Tick(1_000), Tick(100)];
    /// The commonest grid: one cent.
    pub const CENT: Tick = Tick(10_000);
    /// The finest known grid.
    pub const FINEST: Tick = Tick(100);

    /// Returns a tick of `micros` millionths: a number, not an enum, because the venue adds new ones. `None` unless it
    /// divides a dollar, is at most half of it, and is a multiple of 0.0001.
    pub const fn from_micros(micros: u32) -> Option<Tick> {
        let fits = 0 < micros
            && micros <= ONE as u32 / 2
            && (ONE as u32).is_multiple_of(micros)
            && micros.is_multiple_of(PIP_MICROS);
        if fits { Some(Tick(micros)) } else { None }
    }

    pub const fn micros(self) -> u32 {
        self.0
    }

    /// Returns whether a price lies on the grid.
    #[inline]
    pub const fn holds(self, price: Price) -> bool {
        // A division by a constant is a multiplication, and each level of each book comes by here.
        match self.0 {
            10_000 => price.micros().is_multiple_of(10_000),
            1_000 => price.micros().is_multiple_of(1_000),
            tick => price.micros().is_multiple_of(tick),
        }
    }

    /// Returns the highest price of the grid that is not above `price`; `None` below the first tick.
    pub const fn floor(self, price: Price) -> Option<Price> {
        Price::from_micros(price.micros() - price.micros() % self.0)
    }

    /// Returns the lowest price of the grid that is not below `price`; `None` above the last tick.
    pub const fn ceil(self, price: Price) -> Option<Price> {
        Price::from_micros(price.micros().next_multiple_of(self.0))
    }

    /// Returns the lowest price an order may have.
    pub const fn first(self) -> Price {
        match Price::from_micros(self.0) {
            Some(price) => price,
            None => panic!("a tick is inside (0, 1)"),
        }
    }

    /// Returns the highest price an order may have: one tick under a dollar.
    pub const fn last(self) -> Price {
        self.first().complement()
    }

    /// Returns how many decimals a collateral amount may have on this grid (PROTOCOL.md 1.9).
    pub const fn amount_decimals(self) -> u32 {
        let mut price_decimals = 6;
        let mut micros = self.0;
        while micros.is_multiple_of(10) && price_decimals > 0 {
            micros /= 10;
            price_decimals -= 1;
        }
        price_decimals + 2
    }
}

/// The taker's fee: `floor5(shares x rate x p x (1 - p))`, p = collateral / shares (PROTOCOL.md 7; 23 of 23 on-chain fills).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct FeeSchedule {
    /// Parts per million: 0.07 is 70,000. Zero: no fee.
    pub rate_ppm: u32,
}

impl FeeSchedule {
    pub const NONE: FeeSchedule = FeeSchedule { rate_ppm: 0 };

    /// Returns the fee on a fill of `shares` for `collateral`, cut to 5 decimals as the venue does.
    /// Zero where the fill has no shares, or costs a dollar a share or more.
    pub fn fee(self, shares: Shares, collateral: Usdc) -> Usdc {
        let (shares, cost) = (u128::from(shares.0), collateral.0.max(0) as u128);
        if shares == 0 || cost >= shares {
            return Usdc::ZERO;
        }
        let micros = u128::from(self.rate_ppm) * (cost * (shares - cost)) / (shares * u128::from(ONE));
        Usdc((micros - micros % 10) as i64)
    }

    /// Returns the most that the fee on spending `collateral` can be, at whatever price: rate x collateral, rounded up.
    pub fn fee_ceil(self, collateral: Usdc) -> Usdc {
        Usdc((collateral.0.max(0) as u128 * u128::from(self.rate_ppm)).div_ceil(u128::from(ONE)) as i64)
    }
}

/// Which exchange contract, and so which order, a market takes (PROTOCOL.md 1).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Generation {
    /// Conditional-token markets: order V2.
    #[default]
    V2,
    /// Markets of Protocol V2 with position ids: order V3.
    V3,
}

/// The rules that one token is traded under.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Market {
    pub tick: Tick,
    /// The smallest order, in shares (5 on most markets).
    pub minimum: Shares,
    pub fees: FeeSchedule,
    pub neg_risk: bool,
    pub condition: ConditionId,
    pub venue_event: VenueEventId,
    pub generation: Generation,
    /// When trading opened; [`Nanos::ZERO`] if not known.
    pub opens_at: Nanos,
    /// When trading ends; [`Nanos::NEVER`] if not known.
    pub closes_at: Nanos,
}

impl Market {
    /// What the venue's commonest market looks like, before anything is known of it.
    pub const COMMON: Market = Market {
        tick: Tick::CENT,
        minimum: Shares::whole(5),
        fees: FeeSchedule::NONE,
        neg_risk: false,
        condition: ConditionId::UNKNOWN,
        venue_event: VenueEventId::UNKNOWN,
        generation: Generation::V2,
        opens_at: Nanos::ZERO,
        closes_at: Nanos::NEVER,
    };
}

/// The smallest marketable buy the venue takes.
pub const BUY_MINIMUM: Usdc = Usdc::whole(1);
/// The size grid of orders: 0.01 share.
pub const SHARES_STEP: u64 = 10_000;

#[cfg(test)]
mod tests {
    use super::*;

    fn price(micros: u32) -> Price {
        Price::from_micros(micros).expect("a price")
    }

    #[test]
    fn known_ticks_are_ticks_and_others_are_judged_by_their_number() {
        for tick in Tick::KNOWN {
            assert_eq!(Tick::from_micros(tick.0), Some(tick));
        }
        for (micros, is_tick) in
            [(0, false), (50, false), (3_000, false), (2_000, true), (500_000, true), (1_000_000, false)]
        {
            assert_eq!(Tick::from_micros(micros).is_some(), is_tick, "{micros}");
        }
    }

    #[test]
    fn amounts_have_the_decimals_of_the_protocol() {
        let decimals: Vec<u32> = Tick::KNOWN.iter().map(|tick| tick.amount_decimals()).collect();
        assert_eq!(decimals, [3, 4, 5, 6, 5, 6]);
    }

    #[test]
    fn a_price_is_floored_and_ceiled_to_the_grid() {
        assert_eq!(Tick::CENT.floor(price(529_999)), Some(price(520_000)));
        assert_eq!(Tick::CENT.ceil(price(520_001)), Some(price(530_000)));
        assert_eq!(Tick::CENT.floor(price(9_999)), None);
        assert_eq!(Tick::CENT.ceil(price(990_001)), None);
        assert_eq!((Tick::CENT.first(), Tick::CENT.last()), (price(10_000), price(990_000)));
    }

    /// All fills of `vectors_fees.json`, which come from the chain.
    #[test]
    fn fees_match_the_chain() {
        let file: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/vectors_fees.json")).expect("vectors");
        let vectors = file["vectors"].as_array().expect("vectors");
        assert_eq!(vectors.len(), 23);
        for vector in vectors {
            let amount = |key: &str| vector[key].as_i64().expect("an amount");
            let (maker, taker) = (amount("makerAmountFilled"), amount("takerAmountFilled"));
            let (shares, collateral) = if vector["side"] == "BUY" { (taker, maker) } else { (maker, taker) };
            let rate: f64 = vector["rate"].as_str().expect("a rate").parse().expect("a rate");
            let fees = FeeSchedule { rate_ppm: (rate * 1e6).round() as u32 };
            assert_eq!(fees.fee(Shares(shares as u64), Usdc(collateral)), Usdc(amount("fee")), "{vector}");
            assert!(fees.fee(Shares(shares as u64), Usdc(collateral)) <= fees.fee_ceil(Usdc(collateral)));
        }
    }
}
