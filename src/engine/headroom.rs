//! How much of each limit of a portfolio is used: what risk would compare the next order with.

use super::Engine;
use crate::domain::{Nanos, Numbers, PortfolioId, Refusal, Usdc, money::ONE, settings::Limits};

/// How many limits are told of.
pub const USES: usize = 8;

impl Engine {
    /// Returns each limit that a portfolio has as a whole, with what counts against it; none for one that limits nothing.
    pub fn uses(&self, now: Nanos, portfolio: PortfolioId) -> [(Refusal, Option<Numbers>); USES] {
        let of = &self.portfolios[portfolio.index()];
        let (limits, standing) = (&of.settings.limits, &of.standing);
        let usdc =
            |limit: Usdc, used: Usdc| (limit != Limits::NONE).then_some(Numbers { limit: limit.0, actual: used.0 });
        let count = |limit: u32, used: u32| Numbers { limit: limit.into(), actual: used.into() };
        let ours = self.positions.iter().filter(|position| position.portfolio == portfolio);
        let largest =
            ours.map(|position| self.positions.committed(portfolio, position.token)).max().unwrap_or_default();
        let fallen = match standing.peak {
            none if none <= Usdc::ZERO => 0,
            peak => i128::from((peak - self.equity(portfolio)).0.max(0)) * i128::from(ONE) / i128::from(peak.0),
        };
        let pace = standing.entered.in_a_minute(now, limits.orders_per_minute_max as usize);
        [
            (Refusal::TotalExposure, usdc(limits.exposure_usdc_max, of.ledger.locked())),
            (Refusal::PositionSize, usdc(limits.position_usdc_max, largest)),
            (Refusal::DailyBudget, usdc(limits.day_usdc_max, standing.spent)),
            (Refusal::DailyLoss, usdc(limits.day_loss_usdc_max, standing.day_loss())),
            (
                Refusal::Drawdown,
                (limits.drawdown_ppm_max < ONE as u32)
                    .then_some(Numbers { limit: limits.drawdown_ppm_max.into(), actual: fallen as i64 }),
            ),
            (
                Refusal::LossesInRow,
                (limits.losses_in_row_max > 0).then(|| count(limits.losses_in_row_max, standing.losses)),
            ),
            (
                Refusal::OrdersPerMinute,
                (limits.orders_per_minute_max > 0).then(|| count(limits.orders_per_minute_max, pace as u32)),
            ),
            (
                Refusal::UnknownOrders,
                (limits.unknown_orders_max < u32::MAX).then(|| count(limits.unknown_orders_max, standing.unknown)),
            ),
        ]
    }
}
