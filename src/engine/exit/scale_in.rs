//! May a position grow? Asked of each entry into a token that the portfolio already holds.

use crate::{
    domain::PortfolioId,
    domain::{Numbers, Price, Shares, Skip, Usdc, event::Signal, market::SHARES_STEP, money::ONE, settings::ScaleIn},
    engine::{Engine, leader::average_price, strategy::No},
};

impl Engine {
    /// Asks the portfolio's rule for adding. The fills of one group are one entry, so only its first one is asked.
    pub(in crate::engine) fn may_add(&self, portfolio: PortfolioId, signal: &Signal, ask: Price) -> Result<(), No> {
        let is_begun = self.groups.ordered(signal.group, portfolio) > Usdc::ZERO;
        let (shares, cost) = self.positions.entered(portfolio, signal.token);
        // Less than the size grid cannot be sold, so nobody holds it on purpose.
        if is_begun || shares.0 < SHARES_STEP {
            return Ok(());
        }
        allowed(self.portfolios[portfolio.index()].settings.exit.scale_in, shares, cost, ask)
    }
}

/// Returns whether an entry at `ask` may join `shares` that cost `cost`. The numbers of a no are the price that the ask would
/// have had to reach (0: none would do), and the ask.
fn allowed(rule: ScaleIn, shares: Shares, cost: Usdc, ask: Price) -> Result<(), No> {
    let average = u64::from(average_price(cost, shares, ask).micros());
    let (is_met, bound) = match rule {
        ScaleIn::WithLeader => return Ok(()),
        ScaleIn::Never => (false, 0),
        ScaleIn::Below(ppm) => {
            let bound = average * ONE.saturating_sub(u64::from(ppm)) / ONE;
            (u64::from(ask.micros()) <= bound, bound)
        }
        ScaleIn::Above(ppm) => {
            let bound = (average * (ONE + u64::from(ppm))).div_ceil(ONE);
            (bound <= u64::from(ask.micros()), bound)
        }
    };
    let numbers = Numbers { limit: bound as i64, actual: i64::from(ask.micros()) };
    if is_met { Ok(()) } else { Err((Skip::ScaleInWaits, numbers)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_binds_at_its_price() {
        use ScaleIn::{Above, Below, Never, WithLeader};
        // A hundred shares at 0.50 on average.
        let check = |rule, ask: u32, expected: Result<(), i64>| {
            let ask = Price::from_micros(ask).expect("a price");
            let met = allowed(rule, Shares::whole(100), Usdc::whole(50), ask);
            let no = |limit| (Skip::ScaleInWaits, Numbers { limit, actual: i64::from(ask.micros()) });
            assert_eq!(met, expected.map_err(no), "{rule:?} at {ask}");
        };
        check(WithLeader, 990_000, Ok(()));
        check(Never, 10_000, Err(0));
        check(Below(100_000), 450_000, Ok(()));
        check(Below(100_000), 450_001, Err(450_000));
        check(Above(100_000), 550_000, Ok(()));
        check(Above(100_000), 549_999, Err(550_000));
    }
}
