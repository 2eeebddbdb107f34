//! May we? Checks in a fixed order, each with its own reason. Only this file can approve an intent.

use super::{Engine, ledger::Account, order::ORDERS_OPEN_MAX, position::POSITIONS_MAX, strategy, strategy::Intent};
use crate::domain::{LeaderId, Market, Numbers, PortfolioId, Refusal, Side, TokenId, Usdc, money::ONE};

/// At most this part of the available cash goes into one order (ppm): the fee and rounding never make it short.
pub const AVAILABLE_PPM_MAX: u64 = 990_000;

/// An intent that passed risk; cannot be made elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Approved {
    pub(super) intent: Intent,
    /// Worst cost including the fee.
    pub(super) reserved: Usdc,
}

impl Engine {
    /// Passes an entry, perhaps lowered to what the available cash allows, or says which limit forbids it.
    pub(super) fn check_entry(
        &self,
        portfolio: PortfolioId,
        leader: LeaderId,
        token: TokenId,
        intent: Intent,
    ) -> Result<Approved, (Refusal, Numbers)> {
        debug_assert_eq!(intent.side, Side::Buy);
        let ledger = &self.portfolios[portfolio.index()].ledger;
        let settings = &self.portfolios[portfolio.index()].settings;
        let market = &self.tokens[token.index()].market;
        if self.entries_stopped {
            return Err((Refusal::EntriesStopped, Numbers::NONE));
        }
        let available = ledger.balance(Account::Available);
        let approved = affordable(market, intent, available).ok_or_else(|| {
            (Refusal::AvailableCash, Numbers { limit: available.0, actual: worst_cost(market, intent.budget).0 })
        })?;
        let position = self.positions.committed(portfolio, token) + approved.reserved;
        if settings.limits.position_usdc_max < position {
            return Err((
                Refusal::PositionSize,
                Numbers { limit: settings.limits.position_usdc_max.0, actual: position.0 },
            ));
        }
        let exposure = ledger.balance(Account::Reserved) + ledger.balance(Account::Deployed) + approved.reserved;
        if settings.limits.exposure_usdc_max < exposure {
            return Err((
                Refusal::TotalExposure,
                Numbers { limit: settings.limits.exposure_usdc_max.0, actual: exposure.0 },
            ));
        }
        if self.orders.next_id().is_none() {
            let full = Numbers { limit: ORDERS_OPEN_MAX as i64, actual: ORDERS_OPEN_MAX as i64 };
            return Err((Refusal::TooManyOrders, full));
        }
        if self.positions.find(portfolio, leader, token).is_none() && !self.positions.has_room() {
            let full = Numbers { limit: POSITIONS_MAX as i64, actual: POSITIONS_MAX as i64 };
            return Err((Refusal::TooManyPositions, full));
        }
        Ok(approved)
    }
}

/// Lowers a buy to 99 % of the available cash; `None` if that is below its minimum.
fn affordable(market: &Market, intent: Intent, available: Usdc) -> Option<Approved> {
    let spendable = available.part_floor(AVAILABLE_PPM_MAX);
    let mut intent = intent;
    if spendable < worst_cost(market, intent.budget) {
        let without_fee =
            i128::from(spendable.0.max(0)) * i128::from(ONE) / i128::from(ONE + u64::from(market.fees.rate_ppm));
        intent.budget = Usdc(without_fee as i64).floor_cents();
        intent.shares = strategy::size::sure_shares(market, intent.limit, intent.budget);
    }
    let reserved = worst_cost(market, intent.budget);
    (intent.budget_min <= intent.budget && reserved <= available).then_some(Approved { intent, reserved })
}

fn worst_cost(market: &Market, budget: Usdc) -> Usdc {
    budget + market.fees.fee_ceil(budget)
}

/// A sale of what we hold needs no limit: exits are never blocked by entry guards.
pub(super) fn approve_exit(intent: Intent) -> Approved {
    debug_assert_eq!(intent.side, Side::Sell);
    Approved { intent, reserved: Usdc::ZERO }
}
