//! May we? Checks in a fixed order, each with its own reason. Only this file can approve an intent.

use super::{
    Engine, Portfolio,
    dealing::DEALINGS_MAX,
    ledger::Account,
    order::ORDERS_OPEN_MAX,
    position::POSITIONS_MAX,
    stake::Key,
    standing::Standing,
    strategy::{self, Intent},
    unsettled::STUCK_AFTER,
};
use crate::domain::{
    Breaker, ConditionId, LeaderId, Market, Mode, Nanos, Numbers, OrderState, PortfolioId, Refusal, Side, TokenId,
    Usdc, event::Submitted, money::ONE, settings::Limits,
};

/// At most this part of the available cash goes into one order (ppm): the fee and rounding never make it short.
pub const AVAILABLE_PPM_MAX: u64 = 990_000;

/// An intent that passed risk; cannot be made elsewhere.
#[derive(Clone, Copy, Debug)]
pub struct Approved {
    pub(super) intent: Intent,
    /// Worst cost including the fee.
    pub(super) reserved: Usdc,
}

/// Risk's no with its numbers.
pub type No = (Refusal, Numbers);

impl Engine {
    /// Passes an entry, perhaps lowered to what the available cash allows, or says which limit forbids it: the first in
    /// the order of SPEC.md R2. An order whose outcome is not known counts as open and filled (its worst cost is reserved,
    /// spent and at stake), and a sale of that kind as not done and, where losses are counted, as done at its limit.
    pub(super) fn check_entry(
        &self,
        now: Nanos,
        portfolio: PortfolioId,
        leader: LeaderId,
        token: TokenId,
        intent: Intent,
    ) -> Result<Approved, No> {
        debug_assert_eq!(intent.side, Side::Buy);
        let Portfolio { mode, .. } = &self.portfolios[portfolio.index()];
        if self.entries_stopped || (*mode == Mode::Live && self.live_stopped) {
            return Err((Refusal::EntriesStopped, Numbers::NONE));
        }
        let market = &self.tokens[token.index()].market;
        let available = self.portfolios[portfolio.index()].free();
        let approved = affordable(market, intent, available).ok_or_else(|| {
            (Refusal::AvailableCash, Numbers { limit: available.0, actual: worst_cost(market, intent.budget).0 })
        })?;
        self.check_stakes(portfolio, leader, token, approved.reserved)?;
        self.check_budgets(portfolio, leader, approved.reserved)?;
        self.check_losses(portfolio, leader)?;
        self.check_pace(now, portfolio)?;
        self.check_doubt(portfolio, token)?;
        self.check_settled(now, portfolio, token)?;
        self.check_room(portfolio, leader, token)?;
        Ok(approved)
    }

    /// Reserved and deployed with this order: never equity, which also counts what cools down or was won.
    fn check_stakes(&self, portfolio: PortfolioId, leader: LeaderId, token: TokenId, order: Usdc) -> Result<(), No> {
        let Portfolio { settings, ledger, .. } = &self.portfolios[portfolio.index()];
        let (limits, market) = (&settings.limits, &self.tokens[token.index()].market);
        let in_market = self.stakes.of(Key::of_market(portfolio, token, market));
        let in_event = self.stakes.of(Key::of_event(portfolio, token, market));
        let after_leader = self.dealings.of(portfolio, leader).stake;
        within(Refusal::PositionSize, limits.position_usdc_max, self.positions.committed(portfolio, token) + order)?;
        within(Refusal::TotalExposure, limits.exposure_usdc_max, ledger.locked() + order)?;
        within(Refusal::MarketExposure, limits.market_usdc_max, in_market + order)?;
        within(Refusal::EventExposure, limits.event_usdc_max, in_event + order)?;
        within(Refusal::LeaderExposure, limits.leader_usdc_max, after_leader + order)
    }

    fn check_budgets(&self, portfolio: PortfolioId, leader: LeaderId, order: Usdc) -> Result<(), No> {
        let Portfolio { settings, standing, .. } = &self.portfolios[portfolio.index()];
        let (limits, after_leader) = (&settings.limits, self.dealings.of(portfolio, leader).spent);
        within(Refusal::DailyBudget, limits.day_usdc_max, standing.spent + order)?;
        within(Refusal::LeaderDailyBudget, limits.leader_day_usdc_max, after_leader + order)
    }

    /// A breaker that tripped says so until it is reset, also where the count is lower by now.
    fn check_losses(&self, portfolio: PortfolioId, leader: LeaderId) -> Result<(), No> {
        let Portfolio { settings, standing, .. } = &self.portfolios[portfolio.index()];
        let (limits, dealing) = (&settings.limits, self.dealings.of(portfolio, leader));
        let lost = |result: Usdc| -result.min(Usdc::ZERO);
        not_tripped(standing, Breaker::DailyLoss, Refusal::DailyLoss)?;
        let doubtful = self.doubtful_loss(portfolio, |_| true);
        below(Refusal::DailyLoss, limits.day_loss_usdc_max, standing.day_loss() + doubtful)?;
        let doubtful = self.doubtful_loss(portfolio, |of| of == leader);
        let of_day = lost(dealing.day_result) + doubtful;
        below(Refusal::LeaderDailyLoss, limits.leader_day_loss_usdc_max, of_day)?;
        below(Refusal::LeaderLoss, limits.leader_loss_usdc_max, lost(dealing.result) + doubtful)?;
        not_tripped(standing, Breaker::Drawdown, Refusal::Drawdown)?;
        not_tripped(standing, Breaker::LossesInRow, Refusal::LossesInRow)
    }

    fn check_pace(&self, now: Nanos, portfolio: PortfolioId) -> Result<(), No> {
        let Portfolio { settings, standing, .. } = &self.portfolios[portfolio.index()];
        let limits = &settings.limits;
        let most = limits.orders_per_minute_max;
        let ordered = standing.entered.in_a_minute(now, most as usize);
        if most > 0 && most as usize <= ordered {
            return Err((Refusal::OrdersPerMinute, Numbers { limit: most.into(), actual: ordered as i64 + 1 }));
        }
        not_tripped(standing, Breaker::UnknownBurst, Refusal::UnknownBurst)?;
        if limits.unknown_orders_max < standing.unknown {
            let numbers = Numbers { limit: limits.unknown_orders_max.into(), actual: standing.unknown.into() };
            return Err((Refusal::UnknownOrders, numbers));
        }
        Ok(())
    }

    /// Both ways an order of unknown outcome may have gone, it is not the moment to add to its token. One wallet holds what all
    /// live portfolios hold, so an order of any of them counts.
    fn check_doubt(&self, portfolio: PortfolioId, token: TokenId) -> Result<(), No> {
        let in_doubt = |portfolio: &Portfolio| portfolio.mode == Mode::Live && portfolio.standing.unknown > 0;
        if self.portfolios[portfolio.index()].mode == Mode::Paper || !self.portfolios.iter().any(in_doubt) {
            return Ok(());
        }
        let unknown = self.orders.live().filter(|order| order.state == OrderState::Unknown);
        let here = unknown.filter(|order| order.submitted.token == token).count();
        let numbers = Numbers { limit: 0, actual: here as i64 };
        if here > 0 { Err((Refusal::OrderInDoubt, numbers)) } else { Ok(()) }
    }

    /// Where a match does not settle in time, its market is not added to. One wallet holds what all live portfolios hold.
    fn check_settled(&self, now: Nanos, portfolio: PortfolioId, token: TokenId) -> Result<(), No> {
        if self.portfolios[portfolio.index()].mode == Mode::Paper || self.unsettled.count() == 0 {
            return Ok(());
        }
        let condition = |token: TokenId| self.tokens[token.index()].market.condition;
        let is_ours =
            |of: TokenId| of == token || condition(of) == condition(token) && condition(of) != ConditionId::UNKNOWN;
        let age = self.unsettled.oldest(is_ours).map_or(Nanos::ZERO, |since| now.since(since));
        let numbers = Numbers { limit: STUCK_AFTER.as_millis() as i64, actual: age.as_millis() as i64 };
        if age < STUCK_AFTER { Ok(()) } else { Err((Refusal::SettlementStuck, numbers)) }
    }

    fn check_room(&self, portfolio: PortfolioId, leader: LeaderId, token: TokenId) -> Result<(), No> {
        let full = |most: usize| Numbers { limit: most as i64, actual: most as i64 };
        if self.next_order(portfolio).is_none() {
            return Err((Refusal::TooManyOrders, full(ORDERS_OPEN_MAX)));
        }
        if self.positions.find(portfolio, leader, token).is_none() && !self.positions.has_room() {
            return Err((Refusal::TooManyPositions, full(POSITIONS_MAX)));
        }
        if !self.dealings.has_room(portfolio, leader) {
            return Err((Refusal::TooManyPositions, full(DEALINGS_MAX)));
        }
        Ok(())
    }

    /// Returns what sales whose outcome is not known lose if they were filled at their limit.
    fn doubtful_loss(&self, portfolio: PortfolioId, counts: impl Fn(LeaderId) -> bool) -> Usdc {
        if self.portfolios[portfolio.index()].standing.unknown == 0 {
            return Usdc::ZERO;
        }
        let open = self.orders.iter().filter(|order| order.state == OrderState::Unknown);
        let sales = open.filter(|order| order.submitted.side == Side::Sell && order.submitted.portfolio == portfolio);
        sales.filter(|order| counts(order.submitted.leader)).fold(Usdc::ZERO, |sum, order| {
            let Submitted { leader, token, limit, .. } = order.submitted;
            let slot = self.positions.find(portfolio, leader, token).expect("an open sale has its position");
            // Its market may have ended since.
            let shares = order.shares_left().min(self.positions.at(slot).shares);
            let proceeds = limit.cost_floor(shares);
            let fee = self.tokens[token.index()].market.fees.fee_ceil(proceeds);
            sum + (self.positions.basis(slot, shares) - (proceeds - fee)).max(Usdc::ZERO)
        })
    }
}

impl Portfolio {
    /// Returns the available cash that may go into entries, or be taken out.
    pub fn free(&self) -> Usdc {
        let held_back = self.held_back.map_or(Usdc::ZERO, |held| held.amount);
        (self.ledger.balance(Account::Available) - held_back).max(Usdc::ZERO)
    }
}

fn within(reason: Refusal, limit: Usdc, actual: Usdc) -> Result<(), No> {
    if limit < actual { Err((reason, Numbers { limit: limit.0, actual: actual.0 })) } else { Ok(()) }
}

/// A loss that reaches its limit is too much already.
fn below(reason: Refusal, limit: Usdc, lost: Usdc) -> Result<(), No> {
    let is_none = limit == Limits::NONE;
    if !is_none && limit <= lost { Err((reason, Numbers { limit: limit.0, actual: lost.0 })) } else { Ok(()) }
}

fn not_tripped(standing: &Standing, breaker: Breaker, reason: Refusal) -> Result<(), No> {
    standing.has_tripped(breaker).map_or(Ok(()), |numbers| Err((reason, numbers)))
}

/// Lowers a buy to 99 % of the available cash; `None` if that is below its minimum.
pub(super) fn affordable(market: &Market, intent: Intent, available: Usdc) -> Option<Approved> {
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
