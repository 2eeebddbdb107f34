//! Leaving: with the leader, at the stop, at the target. What is owed is sold as soon as the book allows, however late.

use super::{Engine, Events, Origin, book::Trust, leader::average_price, position::Position, risk, strategy::Intent};
use crate::domain::{
    Cause, Event, LeaderId, Market, Nanos, Numbers, PortfolioId, Price, Settings, Shares, Side, SignalId, Skip,
    TokenId, Usdc,
    event::Signal,
    market::SHARES_STEP,
    money::{ONE, SHARES_MAX},
};

/// Wait after a sale that found nobody; doubles with each try up to the longest.
const RETRY: Nanos = Nanos::from_secs(1);
const RETRY_MAX: Nanos = Nanos::from_secs(60);

impl Engine {
    /// Follows a leader's sale: the same part of the lots that came from him is owed.
    pub(super) fn follow_exit(&mut self, now: Nanos, portfolio: PortfolioId, signal: &Signal, events: &mut Events) {
        let found = self.positions.find(portfolio, signal.leader, signal.token);
        let free = found.map_or(Shares::ZERO, |slot| {
            let position = self.positions.at(slot);
            (position.shares + position.pending).minus(position.exit.shares)
        });
        let part = free.fraction_floor(signal.shares, signal.leader_held);
        let (Some(slot), true) = (found, part > Shares::ZERO) else {
            let (signal, reason) = (signal.signal, Skip::NothingToSell);
            return self.emit(now, Event::Skipped { signal, portfolio, reason, numbers: Numbers::NONE }, events);
        };
        // All he has: also what an open entry may yet bring beyond what it surely buys.
        let is_all = signal.leader_held <= signal.shares;
        let owed = if is_all { SHARES_MAX } else { self.positions.at(slot).exit.shares + part };
        self.owe(now, slot, signal.signal, Cause::LeaderExit, owed, signal.group_price, events);
        self.try_exit(now, slot, events);
    }

    /// Looks at every position of a token after its book changed.
    pub(super) fn watch_exits(&mut self, now: Nanos, token: TokenId, events: &mut Events) {
        if !self.positions.any_in(token) {
            return;
        }
        let mut slots = std::mem::take(&mut self.slots);
        slots.extend(self.positions.slots_in(token));
        for slot in slots.drain(..) {
            if let Some((cause, paid)) = self.trigger(slot) {
                self.owe(now, slot, SignalId::NONE, cause, SHARES_MAX, paid, events);
            }
            self.try_exit(now, slot, events);
        }
        self.slots = slots;
    }

    /// Tries again what found nobody.
    pub(super) fn retry_exits(&mut self, now: Nanos, events: &mut Events) {
        let mut slots = std::mem::take(&mut self.slots);
        let is_due = |position: &Position| position.exit.shares > Shares::ZERO && position.exit.retry_at <= now;
        slots.extend(self.positions.open_slots().filter(|slot| is_due(self.positions.at(*slot))));
        // Not by their slots: where paper's positions lie depends on live's.
        let who = |position: &Position| (position.exit.retry_at, position.portfolio, position.leader, position.token);
        slots.sort_unstable_by_key(|slot| who(self.positions.at(*slot)));
        for slot in slots.drain(..) {
            self.try_exit(now, slot, events);
        }
        self.slots = slots;
        let waiting = self.positions.iter().filter(|p| p.exit.shares > Shares::ZERO && p.exit.retry_at > now);
        self.exit_retry_at = waiting.map(|p| p.exit.retry_at).min().unwrap_or(Nanos::NEVER);
    }

    /// Returns why a position must be left now, if it must, and what was paid for a share of it.
    fn trigger(&self, slot: usize) -> Option<(Cause, Price)> {
        let position = self.positions.at(slot);
        let book = &self.tokens[position.token.index()].book;
        let unowed = position.shares > position.exit.shares;
        let bid = book.best_bid().filter(|_| book.trust() == Trust::Good && unowed)?;
        let settings = &self.portfolios[position.portfolio.index()].settings;
        let cause = price_trigger(settings, position.shares, position.cost, bid)?;
        Some((cause, average_price(position.cost, position.shares, bid)))
    }

    #[expect(clippy::too_many_arguments, reason = "they are the fields of one event")]
    fn owe(
        &mut self,
        now: Nanos,
        slot: usize,
        signal: SignalId,
        cause: Cause,
        shares: Shares,
        reference: Price,
        events: &mut Events,
    ) {
        let Position { portfolio, leader, token, .. } = *self.positions.at(slot);
        self.emit(now, Event::ExitDue { signal, portfolio, leader, token, cause, shares, reference }, events);
    }

    /// Orders the sale that is owed, if there is one and the book allows.
    pub(super) fn try_exit(&mut self, now: Nanos, slot: usize, events: &mut Events) {
        let position = *self.positions.at(slot);
        let is_idle = position.exit.shares == Shares::ZERO || position.selling > Shares::ZERO;
        if is_idle || now < position.exit.retry_at || !self.may_sell(position.portfolio, position.leader) {
            return;
        }
        let token = &self.tokens[position.token.index()];
        let settings = &self.portfolios[position.portfolio.index()].settings;
        let bid = token.book.best_bid().filter(|_| token.book.trust() == Trust::Good && token.payout.is_none());
        let Some(intent) = bid.and_then(|bid| exit_intent(settings, &token.market, &position, bid)) else { return };
        // Without a free slot the sale stays owed and is tried again with the next update.
        if self.next_order(position.portfolio).is_some() {
            let Position { portfolio, leader, token, exit, .. } = position;
            let reference = exit.reference.unwrap_or(intent.touch);
            let origin = Origin { signal: exit.signal, portfolio, leader, token, cause: exit.cause, reference };
            self.place(now, risk::approve_exit(intent), origin, events);
        }
    }

    /// Notes that a sale found nobody: the next try waits.
    pub(super) fn exit_failed(&mut self, at: Nanos, portfolio: PortfolioId, leader: LeaderId, token: TokenId) {
        let Some(slot) = self.positions.find(portfolio, leader, token) else { return };
        let exit = &mut self.positions.at_mut(slot).exit;
        let wait = Nanos(RETRY.0 << exit.tries.min(6)).min(RETRY_MAX);
        exit.tries = exit.tries.saturating_add(1);
        exit.retry_at = at.plus(wait);
        self.exit_retry_at = self.exit_retry_at.min(exit.retry_at);
    }
}

/// Returns the sale of what is owed at this bid, or `None` while it would be below the market's minimum.
fn exit_intent(settings: &Settings, market: &Market, position: &Position, bid: Price) -> Option<Intent> {
    let held = position.shares.floor_to(SHARES_STEP);
    let mut shares = position.exit.shares.min(position.shares).floor_to(SHARES_STEP);
    // A rest below the minimum could never be sold, so it goes with the rest.
    if held.minus(shares) < market.minimum {
        shares = held;
    }
    if shares < market.minimum || shares == Shares::ZERO {
        return None;
    }
    let bound = bid.down(bid.part(settings.guards.sell.slippage_ppm));
    // Rounding up may pass the bid on a coarse grid; the bid itself is on the grid.
    let limit = market.tick.ceil(bound).map_or(bid, |limit| limit.min(bid));
    Some(Intent { side: Side::Sell, limit, budget: Usdc::ZERO, shares, touch: bid, budget_min: Usdc::ZERO })
}

/// Returns whether the bid is at or beyond the stop or the target, against the average cost.
fn price_trigger(settings: &Settings, shares: Shares, cost: Usdc, bid: Price) -> Option<Cause> {
    let value = i128::from(bid.micros()) * i128::from(shares.0);
    let one = i128::from(ONE);
    let cost = i128::from(cost.0) * one;
    let stop = i128::from(settings.exit.stop_loss_ppm);
    let target = i128::from(settings.exit.take_profit_ppm);
    if stop > 0 && value * one <= cost * (one - stop) {
        return Some(Cause::StopLoss);
    }
    (target > 0 && cost * (one + target) <= value * one).then_some(Cause::TakeProfit)
}
