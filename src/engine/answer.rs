//! What the venue says of our orders, and what follows from it.

use super::{
    Engine, Events, Origin, Portfolio,
    order::{Happening, may_end, next_state},
    strategy::policy,
};
use crate::domain::{Cause, Event, Fault, Nanos, OrderEnd, OrderId, PortfolioId, Shares, Side, Usdc, event};

impl Engine {
    pub(super) fn accepted(&mut self, now: Nanos, order: OrderId, events: &mut Events) {
        let Some(open) = self.orders.get(order) else { return self.not_open(now, order, events) };
        // A repeated acceptance says nothing new.
        if next_state(open.state, Happening::Accepted).is_some() {
            self.emit(now, Event::Accepted { order }, events);
        }
    }

    /// No answer came.
    pub(super) fn lost(&mut self, now: Nanos, order: OrderId, events: &mut Events) {
        let Some(open) = self.orders.get(order) else { return self.not_open(now, order, events) };
        if next_state(open.state, Happening::Lost).is_some() {
            self.emit(now, Event::Unknown { order }, events);
        }
    }

    pub(super) fn filled(
        &mut self,
        now: Nanos,
        order: OrderId,
        shares: Shares,
        cash: Usdc,
        fee: Usdc,
        events: &mut Events,
    ) {
        let Some(open) = self.orders.get(order) else { return self.fault(now, Fault::UnknownOrder, order, events) };
        let submitted = open.submitted;
        if !open.may_fill(shares, cash, fee) {
            return self.fault(now, Fault::Overfill, order, events);
        }
        let (basis, release_at) = match submitted.side {
            Side::Buy => (Usdc::ZERO, Nanos::ZERO),
            Side::Sell => {
                let found = self.positions.find(submitted.portfolio, submitted.leader, submitted.token);
                let slot = found.filter(|slot| shares <= self.positions.at(*slot).shares);
                let Some(slot) = slot else { return self.fault(now, Fault::Overfill, order, events) };
                (self.positions.basis(slot, shares), now.plus(self.cooling_of(submitted.portfolio)))
            }
        };
        self.emit(now, Event::Filled(event::Filled { order, shares, cash, fee, basis, release_at }), events);
        // A fill may be told after the end of its market.
        if let Some(payout) = self.tokens[submitted.token.index()].payout {
            self.settle(now, submitted.token, payout, events);
        }
        if let Some(slot) = self.positions.find(submitted.portfolio, submitted.leader, submitted.token) {
            self.note_deadline(now, slot);
        }
    }

    pub(super) fn closed(&mut self, now: Nanos, order: OrderId, end: OrderEnd, events: &mut Events) {
        let Some(open) = self.orders.get(order) else { return self.not_open(now, order, events) };
        let (submitted, released, can_be) = (open.submitted, open.reserved_left, may_end(open.state, end));
        if !can_be {
            self.fault(now, Fault::BadEnd, order, events);
        }
        let end = match end {
            end if can_be => end,
            // It is over, whatever we could not book of it: what is reserved for it must not stay so for ever.
            OrderEnd::Filled => OrderEnd::Cancelled,
            _ => return, // It may be alive: nothing else is as sure as that.
        };
        let is_sent_again = self.is_sent_again(&submitted, end);
        self.emit(now, Event::Closed { order, end, released }, events);
        if is_sent_again {
            self.send_again(now, &submitted, events);
        }
        if let Some(payout) = self.tokens[submitted.token.index()].payout {
            // What was on sale until now was not settled with the rest.
            self.settle(now, submitted.token, payout, events);
        }
        let Some(slot) = self.positions.find(submitted.portfolio, submitted.leader, submitted.token) else { return };
        let is_exit = submitted.side == Side::Sell && submitted.cause != Cause::Plan;
        if is_exit && end != OrderEnd::Filled {
            // The bids that we know of are used up: the next word of the book, or some time, may bring others.
            return self.exit_was_cut(now, slot);
        }
        // The leader may have left while our entry was on its way, or an exit waits for the plan to be out of its way.
        self.look(now, slot, events);
    }

    /// Returns whether the policy repeats an order that ended so. Where the leader left meanwhile it does not.
    fn is_sent_again(&self, order: &event::Submitted, end: OrderEnd) -> bool {
        let Portfolio { settings, .. } = &self.portfolios[order.portfolio.index()];
        let slot = self.positions.find(order.portfolio, order.leader, order.token);
        let is_owed = slot.is_some_and(|slot| self.positions.at(slot).exit.shares > Shares::ZERO);
        policy::is_sent_again(settings.policy, order, end) && !is_owed
    }

    /// Repeats a killed FOK as FAK, once. It belongs to the same signal, which ended with the first order: where the book or a
    /// limit forbids the second, nothing more is said. It is decided with the end of the first, so a crash leaves none undecided.
    fn send_again(&mut self, now: Nanos, first: &event::Submitted, events: &mut Events) {
        let event::Submitted { signal, portfolio, leader, token, cause, reference, .. } = *first;
        if self.keeps_out(now, portfolio, leader, token).is_some() {
            return;
        }
        let situation = self.situation(now, portfolio, leader, token, reference);
        let Ok(intent) = policy::again(&situation, first) else { return };
        if let Ok(approved) = self.check_entry(now, portfolio, leader, token, intent) {
            let origin = Origin { signal, portfolio, leader, token, cause, reference };
            self.place_attempt(now, approved, origin, 2, events);
        }
    }

    /// A word of an order that is not open. The words of a live order come in any order and number, so one that ended may be
    /// spoken of again; of any other order it is a fault.
    fn not_open(&mut self, now: Nanos, order: OrderId, events: &mut Events) {
        if !self.orders.was_live(order) {
            self.fault(now, Fault::UnknownOrder, order, events);
        }
    }

    pub(super) fn fault(&mut self, now: Nanos, fault: Fault, order: OrderId, events: &mut Events) {
        self.emit(now, Event::Faulted { fault, order }, events);
    }

    pub(super) fn cooling_of(&self, portfolio: PortfolioId) -> Nanos {
        self.portfolios[portfolio.index()].settings.exit.cooling
    }
}
