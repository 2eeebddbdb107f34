//! Leaving: with the leader, at a stop or target, in time, on the operator's word. What is owed is sold as soon as the book
//! allows, however late; it ends when it is sold or its market ends.
//!
//! No entry filter, limit, pause, breaker or fault is asked here. What was bought with real money waits while live is off.

pub mod plan;
mod scale_in;
mod trigger;

use super::{
    Engine, Events, Origin, Token,
    book::Trust,
    leader::average_price,
    left::part_ppm,
    position::{Exit, Position},
    risk,
    strategy::{Intent, Sale, sell_bound, sell_shares},
};
use crate::domain::{
    Cause, Declined, Event, Market, Mode, Nanos, Numbers, PortfolioId, Price, Settings, Shares, Side, SignalId, Skip,
    Tick, TokenId, Usdc,
    event::{How, Signal},
    market::SHARES_STEP,
    money::SHARES_MAX,
};

/// Wait after a sale that found nobody; doubles with each try up to the longest.
const RETRY: Nanos = Nanos::from_secs(1);
const RETRY_MAX: Nanos = Nanos::from_secs(60);
/// Sources may say of one trade times so far apart: of the match, of its block, in whole seconds.
const CLOCKS_APART: Nanos = Nanos::from_secs(10);

impl Engine {
    /// Follows a leader's sale, or what he gave up in another way: the same part of the lots that came from him is owed.
    pub(super) fn follow_exit(&mut self, now: Nanos, portfolio: PortfolioId, signal: &Signal, events: &mut Events) {
        let (slot, owed) = match self.owed_for(portfolio, signal) {
            Ok(owed) => owed,
            Err((reason, numbers)) => {
                let signal = signal.signal;
                return self.emit(now, Event::Skipped { signal, portfolio, reason, numbers }, events);
            }
        };
        let cause = match signal.how {
            How::Traded => Cause::LeaderExit,
            How::Left | How::Observed => Cause::LeaderLeft,
        };
        self.owe(now, slot, signal.signal, cause, owed, signal.group_price, events);
        self.try_exit(now, slot, events);
        self.note_deadline(now, slot);
    }

    /// Returns the position that a leader's sale is about, and what of it is owed in all with that.
    ///
    /// A sale that is told late is about what he had bought by then, and not about what he bought since. How much he had is not
    /// known any more, so all that we have of that time is owed.
    fn owed_for(&self, portfolio: PortfolioId, signal: &Signal) -> Result<(usize, Shares), (Skip, Numbers)> {
        let nothing = (Skip::NothingToSell, Numbers::NONE);
        let slot = self.positions.find(portfolio, signal.leader, signal.token).ok_or(nothing)?;
        let position = self.positions.at(slot);
        let owed = position.exit.shares;
        let then = match signal.how {
            How::Traded | How::Left => self.positions.led_by(slot, signal.traded_at.plus(CLOCKS_APART)),
            // What he holds by a reading is not what he did at a moment.
            How::Observed => position.coming(),
        };
        let is_late = then < position.coming();
        let part = match is_late {
            true => then.minus(owed),
            false => then.minus(owed).fraction_floor(signal.shares, signal.leader_held),
        };
        if part == Shares::ZERO {
            return Err(nothing);
        }
        // All he has: also what an open entry may yet bring beyond what it surely buys.
        let is_all = !is_late && signal.leader_held <= signal.shares;
        let owed = if is_all { SHARES_MAX } else { owed + part };
        let least = self.portfolios[portfolio.index()].settings.exit.left_ppm_min;
        let gone = part_ppm(signal.shares, signal.leader_held);
        match signal.how {
            How::Left | How::Observed if gone < least => {
                Err((Skip::TooLittleLeft, Numbers { limit: i64::from(least), actual: i64::from(gone) }))
            }
            How::Traded | How::Left | How::Observed => Ok((slot, owed)),
        }
    }

    /// Sells what a portfolio holds of a token, or of everything, because the operator says so; at once, whatever was tried
    /// before.
    pub(super) fn force_exit(
        &mut self,
        now: Nanos,
        portfolio: PortfolioId,
        token: Option<TokenId>,
        events: &mut Events,
    ) {
        if self.portfolios.len() <= portfolio.index() {
            let reason = Declined::NotKnown;
            return self.emit(now, Event::Declined { portfolio, reason, numbers: Numbers::NONE }, events);
        }
        let mut slots = std::mem::take(&mut self.slots);
        slots.extend(self.positions.open_slots().filter(|slot| self.is_meant(*slot, portfolio, token)));
        if slots.is_empty() {
            let reason = Declined::NothingHeld;
            self.emit(now, Event::Declined { portfolio, reason, numbers: Numbers::NONE }, events);
        }
        for slot in slots.drain(..) {
            let paid = paid(self.positions.at(slot));
            self.owe(now, slot, SignalId::NONE, Cause::Forced, SHARES_MAX, paid, events);
            self.try_exit(now, slot, events);
            self.note_deadline(now, slot);
        }
        self.slots = slots;
    }

    fn is_meant(&self, slot: usize, portfolio: PortfolioId, token: Option<TokenId>) -> bool {
        let position = self.positions.at(slot);
        let is_named = position.portfolio == portfolio && token.is_none_or(|token| token == position.token);
        let is_over = self.tokens[position.token.index()].payout.is_some();
        is_named && !is_over && position.coming() > Shares::ZERO
    }

    /// Looks at every position of a token after its book changed.
    pub(super) fn watch_exits(&mut self, now: Nanos, token: TokenId, events: &mut Events) {
        if !self.positions.any_in(token) {
            return;
        }
        let mut slots = std::mem::take(&mut self.slots);
        slots.extend(self.positions.slots_in(token));
        for slot in slots.drain(..) {
            self.look(now, slot, events);
        }
        self.slots = slots;
    }

    /// Looks at the positions for which a time came: to try again, to leave after the longest hold, to lay a plan again.
    pub(super) fn look_where_due(&mut self, now: Nanos, events: &mut Events) {
        self.look_at = Nanos::NEVER;
        let mut slots = std::mem::take(&mut self.slots);
        slots.extend(self.positions.open_slots());
        self.in_order(&mut slots);
        for slot in slots.drain(..) {
            if self.deadlines(self.positions.at(slot)).iter().any(|at| *at <= now) {
                self.look(now, slot, events);
            }
            self.note_deadline(now, slot);
        }
        self.slots = slots;
    }

    /// Looks at every position: after recovery, or when settings changed.
    pub(super) fn look_everywhere(&mut self, now: Nanos, events: &mut Events) {
        self.look_at = Nanos::NEVER;
        let mut slots = std::mem::take(&mut self.slots);
        slots.extend(self.positions.open_slots());
        self.in_order(&mut slots);
        for slot in slots.drain(..) {
            self.look(now, slot, events);
        }
        self.slots = slots;
    }

    /// Looks at the positions of live portfolios: sales that were owed may be able to leave now.
    pub(super) fn look_at_live(&mut self, now: Nanos, events: &mut Events) {
        let mut slots = std::mem::take(&mut self.slots);
        slots.extend(self.positions.open_slots());
        slots.retain(|slot| self.portfolios[self.positions.at(*slot).portfolio.index()].mode == Mode::Live);
        self.in_order(&mut slots);
        for slot in slots.drain(..) {
            self.look(now, slot, events);
        }
        self.slots = slots;
    }

    /// Sorts by who holds what, not by where it lies: paper's places depend on live's, its numbers must not.
    fn in_order(&self, slots: &mut [usize]) {
        let who = |position: &Position| (position.portfolio, position.leader, position.token);
        slots.sort_unstable_by_key(|slot| who(self.positions.at(*slot)));
    }

    /// Asks of one position all that time or the book may have changed: must it be left, can what is owed be sold, does what
    /// rests for its plan fit.
    pub(super) fn look(&mut self, now: Nanos, slot: usize, events: &mut Events) {
        let position = *self.positions.at(slot);
        if self.tokens[position.token.index()].payout.is_some() {
            return;
        }
        if position.exit.shares < position.shares {
            self.watch(now, slot, &position, events);
        }
        self.try_exit(now, slot, events);
        self.tend_plan(now, slot, events);
        self.note_deadline(now, slot);
    }

    /// Notes a new highest bid, and whether a stop, a target or the longest hold is reached.
    fn watch(&mut self, now: Nanos, slot: usize, position: &Position, events: &mut Events) {
        let rules = &self.portfolios[position.portfolio.index()].settings.exit;
        let bid = self.trusted_bid(position.token);
        let peak = trigger::peak(rules, position.peak, bid, self.tokens[position.token.index()].market.tick);
        let cause = trigger::cause(rules, position, bid, now);
        if let Some(bid) = peak {
            let Position { portfolio, leader, token, .. } = *position;
            self.emit(now, Event::Peaked { portfolio, leader, token, bid }, events);
        }
        if let Some(cause) = cause {
            self.owe(now, slot, SignalId::NONE, cause, SHARES_MAX, paid(position), events);
        }
    }

    /// Returns the best bid of a book that may be traded on.
    fn trusted_bid(&self, token: TokenId) -> Option<Price> {
        let token = &self.tokens[token.index()];
        token.book.best_bid().filter(|_| token.book.trust() == Trust::Good && token.payout.is_none())
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

    /// Orders the sale that is owed, if there is one and the book allows. A sale that rests for the plan must be out of the
    /// way first, or more might be sold than is held.
    pub(super) fn try_exit(&mut self, now: Nanos, slot: usize, events: &mut Events) {
        let position = *self.positions.at(slot);
        let resting =
            self.resting(&position).map(|order| (order.submitted.order, order.shares_left(), order.cancel_asked));
        let is_selling = resting.map_or(Shares::ZERO, |(_, shares, _)| shares) < position.selling;
        let may_sell = self.may_sell(position.portfolio, position.leader);
        if position.exit.shares == Shares::ZERO || is_selling || now < position.exit.retry_at || !may_sell {
            return;
        }
        let Some(intent) = self.exit_intent(now, &position) else { return };
        match resting {
            Some((_, _, true)) => (),
            Some((order, ..)) => self.emit(now, Event::CancelDue { order }, events),
            // Without a free slot the sale stays owed and is tried again with the next update.
            None if self.next_order(position.portfolio).is_none() => (),
            None => {
                let Position { portfolio, leader, token, exit, .. } = position;
                let reference = exit.reference.unwrap_or(intent.touch);
                let origin = Origin { signal: exit.signal, portfolio, leader, token, cause: exit.cause, reference };
                self.place(now, risk::approve_exit(intent), origin, events);
            }
        }
    }

    /// Returns the sale of what is owed, or `None` while nobody bids, it is too small, or a guard holds it back.
    pub(super) fn exit_intent(&self, now: Nanos, position: &Position) -> Option<Intent> {
        let Token { market, book, .. } = &self.tokens[position.token.index()];
        let Settings { guards, exit: rules, .. } = &self.portfolios[position.portfolio.index()].settings;
        let (bid, owed) = (self.trusted_bid(position.token)?, owed_sale(market, position)?);
        let exit = &position.exit;
        let is_guarded = exit.cause != Cause::Forced && now < exit.since.plus(rules.guard_patience);
        let (limit, shares) = if is_guarded {
            // Only a leader who sold had a price that ours can be measured against.
            let reference = exit.reference.filter(|_| exit.cause == Cause::LeaderExit);
            let sale = Sale { guard: &guards.sell, market, book, now, reference, shares: owed };
            let limit = sell_bound(&sale, bid).ok()?;
            (limit, sparing(market, position, sell_shares(&sale, limit).ok()?)?)
        } else {
            let bound = bid.down(bid.part(guards.sell.slippage_ppm));
            // Rounding up may pass the bid on a coarse grid; the bid itself is on the grid.
            (market.tick.ceil(bound).map_or(bid, |limit| limit.min(bid)), owed)
        };
        Some(Intent { side: Side::Sell, limit, budget: Usdc::ZERO, shares, touch: bid, budget_min: Usdc::ZERO })
    }

    /// After a sale that did not sell all it should: a while later is early enough, if the book says nothing before.
    pub(super) fn exit_was_cut(&mut self, now: Nanos, slot: usize) {
        self.note_deadline(now, slot);
        let exit = &self.positions.at(slot).exit;
        if exit.shares > Shares::ZERO && exit.tries == 0 {
            self.look_at = self.look_at.min(now.plus(RETRY));
        }
    }

    /// Keeps in mind when a position wants to be looked at next.
    pub(super) fn note_deadline(&mut self, now: Nanos, slot: usize) {
        let Some(position) = self.positions.get(slot) else { return };
        let next = self.deadlines(position).into_iter().filter(|at| now < *at).min();
        self.look_at = self.look_at.min(next.unwrap_or(Nanos::NEVER));
    }

    /// Returns the moments at which time alone changes what a position wants; those that passed say nothing any more.
    fn deadlines(&self, position: &Position) -> [Nanos; 4] {
        let rules = &self.portfolios[position.portfolio.index()].settings.exit;
        let when = |is_so: bool, at: Nanos| if is_so { at } else { Nanos::NEVER };
        if self.tokens[position.token.index()].payout.is_some() {
            return [Nanos::NEVER; 4];
        }
        let owed = position.exit.shares > Shares::ZERO;
        [
            when(owed, position.exit.retry_at),
            when(owed, position.exit.since.plus(rules.guard_patience)),
            when(position.exit.shares < position.shares, position.opened_at.plus(rules.hold_max)),
            when(position.plan.order.is_none() && position.shares > Shares::ZERO, position.plan.retry_at),
        ]
    }
}

impl Exit {
    /// Returns this, owing so much from now on. The operator's word is tried at once, whatever was tried before.
    pub(super) fn owing(self, at: Nanos, signal: SignalId, cause: Cause, shares: Shares, reference: Price) -> Exit {
        let before = if cause == Cause::Forced { Exit::NONE } else { self };
        let since = if before.shares == Shares::ZERO { at } else { before.since };
        Exit { shares, cause, signal, reference: Some(reference), since, ..before }
    }

    /// Notes that a sale found nobody: the next try waits.
    pub(super) fn back_off(&mut self, at: Nanos) {
        let wait = Nanos(RETRY.0 << self.tries.min(6)).min(RETRY_MAX);
        self.tries = self.tries.saturating_add(1);
        self.retry_at = at.plus(wait);
    }
}

/// Returns what was, or will be, paid for a share of a position on average.
fn paid(position: &Position) -> Price {
    let (cost, shares) = match (position.shares, position.unsettled) {
        (Shares::ZERO, Shares::ZERO) => (position.reserved, position.pending),
        (Shares::ZERO, unsettled) => (position.unsettled_cost, unsettled),
        (held, _) => (position.cost, held),
    };
    average_price(cost, shares, Tick::FINEST.first())
}

/// Returns how much to sell of what is owed, or `None` while that would be below the market's minimum.
fn owed_sale(market: &Market, position: &Position) -> Option<Shares> {
    let held = position.shares.floor_to(SHARES_STEP);
    let mut shares = position.exit.shares.min(position.shares).floor_to(SHARES_STEP);
    if shares == Shares::ZERO {
        return None;
    }
    // A rest below the minimum could never be sold, so it goes with the rest.
    if held.minus(shares) < market.minimum {
        shares = held;
    }
    (market.minimum <= shares).then_some(shares)
}

/// Returns so much of a sale that a guard cut that the rest can be sold, too; `None` if that is too little.
fn sparing(market: &Market, position: &Position, shares: Shares) -> Option<Shares> {
    let held = position.shares.floor_to(SHARES_STEP);
    if shares == held || market.minimum <= held - shares {
        return Some(shares);
    }
    let less = held.minus(market.minimum).floor_to(SHARES_STEP);
    (market.minimum <= less).then_some(less)
}
