//! The exit plan: from the entry on a sale rests in the book at the target. It heals itself: where what rests is not what is
//! held, it is cancelled and laid again. A sale that is owed goes before it.

use super::{Engine, Events, Origin, owed_sale, paid};
use crate::{
    domain::{
        Cause, Event, Market, Nanos, Numbers, OrderEnd, Price, Rejection, Shares, Side, SignalId, Unplanned, Usdc,
        market::SHARES_STEP, money::ONE, settings::ExitPlan,
    },
    engine::{
        order::{ORDERS_OPEN_MAX, Order},
        position::{Plan, Position},
        risk,
        strategy::Intent,
    },
};

/// Sales that rest leave this many orders to entries and exits.
pub const ORDERS_LEFT: usize = ORDERS_OPEN_MAX / 2;
/// Wait after a plan that the venue did not take, or ended by itself.
const RETRY: Nanos = Nanos::from_secs(60);

impl Engine {
    /// Returns the sale that rests for a position's plan.
    pub(super) fn resting(&self, position: &Position) -> Option<&Order> {
        self.orders.get(position.plan.order?)
    }

    /// Lays the plan of a position that has none, and cancels one that does not fit any more.
    pub(super) fn tend_plan(&mut self, now: Nanos, slot: usize, events: &mut Events) {
        let position = *self.positions.at(slot);
        // While an entry is under way the position changes; when it ends we are asked again.
        if position.pending > Shares::ZERO
            || owed_sale(&self.tokens[position.token.index()].market, &position).is_some()
        {
            return;
        }
        let plan = self.portfolios[position.portfolio.index()].settings.exit.plan;
        match (self.resting(&position).copied(), plan) {
            (Some(order), _) if order.cancel_asked => (),
            (Some(order), ExitPlan::Off) => {
                self.emit(now, Event::CancelDue { order: order.submitted.order }, events);
            }
            (Some(order), ExitPlan::RestAt(_)) => self.repair(now, &position, &order, events),
            (None, ExitPlan::RestAt(ppm)) => self.lay(now, &position, ppm, events),
            (None, ExitPlan::Off) => (),
        }
    }

    fn repair(&mut self, now: Nanos, position: &Position, order: &Order, events: &mut Events) {
        let Position { portfolio, leader, token, shares: held, .. } = *position;
        let resting = order.shares_left();
        if resting.floor_to(SHARES_STEP) != held.floor_to(SHARES_STEP) {
            self.emit(now, Event::PlanRepaired { portfolio, leader, token, resting, held }, events);
            self.emit(now, Event::CancelDue { order: order.submitted.order }, events);
        }
    }

    fn lay(&mut self, now: Nanos, position: &Position, ppm: u32, events: &mut Events) {
        let is_selling = position.selling > Shares::ZERO;
        let may_sell = self.may_sell(position.portfolio, position.leader);
        if is_selling || position.shares.0 < SHARES_STEP || now < position.plan.retry_at || !may_sell {
            return;
        }
        let Position { portfolio, leader, token, .. } = *position;
        let market = &self.tokens[token.index()].market;
        let open = self.orders.open_of(self.portfolios[portfolio.index()].mode);
        let planned = sale(market, position, ppm).and_then(|intent| match open < ORDERS_LEFT {
            true => Ok(intent),
            false => {
                let numbers = Numbers { limit: ORDERS_LEFT as i64, actual: open as i64 };
                Err((Unplanned::TooManyOrders, numbers))
            }
        });
        match planned {
            Ok(intent) => {
                let reference = paid(position);
                let touch = self.trusted_bid(token).unwrap_or(intent.limit);
                let origin = Origin { signal: SignalId::NONE, portfolio, leader, token, cause: Cause::Plan, reference };
                self.place(now, risk::approve_exit(Intent { touch, ..intent }), origin, events);
            }
            Err((reason, _)) if position.plan.unplanned == Some(reason) => (),
            Err((reason, numbers)) => {
                self.emit(now, Event::Unplanned { portfolio, leader, token, reason, numbers }, events);
            }
        }
    }
}

/// Returns the sale that should rest: all that is held, at the average cost plus `ppm` of it, rounded up to the grid.
fn sale(market: &Market, position: &Position, ppm: u32) -> Result<Intent, (Unplanned, Numbers)> {
    let shares = position.shares.floor_to(SHARES_STEP);
    if shares < market.minimum {
        let numbers = Numbers { limit: market.minimum.0 as i64, actual: shares.0 as i64 };
        return Err((Unplanned::BelowMinimum, numbers));
    }
    // Dollars times parts per million by shares: millionths of a dollar a share.
    let dividend = position.cost.0 as u128 * u128::from(ONE + u64::from(ppm));
    let micros = dividend.div_ceil(u128::from(position.shares.0)).clamp(1, u128::from(u32::MAX)) as u32;
    let limit = Price::from_micros(micros).and_then(|target| market.tick.ceil(target));
    let Some(limit) = limit else {
        let numbers = Numbers { limit: i64::from(market.tick.last().micros()), actual: i64::from(micros) };
        return Err((Unplanned::BeyondGrid, numbers));
    };
    Ok(Intent { side: Side::Sell, limit, budget: Usdc::ZERO, shares, touch: limit, budget_min: Usdc::ZERO })
}

/// Returns what is left of a plan whose order ended. Where that was not to be expected, the next one waits: a venue that
/// does not take it would be asked again and again.
pub fn after(at: Nanos, order: &Order, end: OrderEnd) -> Plan {
    let is_expected = match end {
        OrderEnd::Filled | OrderEnd::Rejected(Rejection::VenueRestarted) => true,
        OrderEnd::Cancelled => order.cancel_asked,
        OrderEnd::Rejected(_) | OrderEnd::Expired | OrderEnd::NotSent(_) | OrderEnd::Shadow | OrderEnd::Absent => false,
    };
    Plan { retry_at: if is_expected { Nanos::ZERO } else { at.plus(RETRY) }, ..Plan::default() }
}
