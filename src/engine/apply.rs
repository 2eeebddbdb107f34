//! The only writer of money and orders: replaying the journal through [`Engine::apply`] rebuilds both.

use super::{
    Engine, Entries, HeldBack, exit,
    holdings::Turn,
    ledger::Account,
    order::{Happening, next_state},
    position::{Exit, Plan, Position},
    signal::Undecided,
};
use crate::domain::{
    Cause, Event, LeaderId, Nanos, OrderEnd, OrderId, PortfolioId, Shares, Side, SignalId, TokenId, Usdc,
    event::{Filled, How, Settled, Signal, Submitted},
    market::SHARES_STEP,
    money::SHARES_MAX,
};

/// Amounts of proceeds that wait at once; more are added to the newest of their portfolio.
pub const COOLING_MAX: usize = 8_192;

/// Proceeds that wait until they are available.
#[derive(Debug)]
pub struct Cooling {
    waiting: Vec<(Nanos, PortfolioId, Usdc)>,
    /// The earliest of them.
    next: Nanos,
}

impl Default for Cooling {
    fn default() -> Cooling {
        Cooling { waiting: Vec::with_capacity(COOLING_MAX), next: Nanos::NEVER }
    }
}

impl Cooling {
    /// Yields what waits: until when, whose, and how much.
    pub fn iter(&self) -> impl Iterator<Item = &(Nanos, PortfolioId, Usdc)> {
        self.waiting.iter()
    }

    pub fn next(&self) -> Nanos {
        self.next
    }

    /// Returns an amount that is due, oldest first.
    pub fn due(&self, now: Nanos) -> Option<(PortfolioId, Usdc)> {
        let due = self.waiting.iter().filter(|(at, ..)| *at <= now).min_by_key(|(at, ..)| *at);
        due.map(|(_, portfolio, amount)| (*portfolio, *amount))
    }

    pub(super) fn add(&mut self, at: Nanos, portfolio: PortfolioId, amount: Usdc) {
        if amount == Usdc::ZERO {
            return;
        }
        if self.waiting.len() == COOLING_MAX
            && let Some(newest) = self.waiting.iter_mut().rev().find(|(_, of, _)| *of == portfolio)
        {
            // Later than one of them was promised, never earlier.
            *newest = (at.max(newest.0), portfolio, newest.2 + amount);
        } else {
            self.waiting.push((at, portfolio, amount));
        }
        self.find_next();
    }

    fn remove(&mut self, portfolio: PortfolioId, amount: Usdc) {
        let ours = self.waiting.iter().enumerate().filter(|(_, (_, of, waits))| *of == portfolio && *waits == amount);
        let oldest = ours.min_by_key(|(_, (at, ..))| *at).map(|(index, _)| index);
        self.waiting.remove(oldest.expect("only what waits is released"));
        self.find_next();
    }

    fn find_next(&mut self) {
        self.next = self.waiting.iter().map(|(at, ..)| *at).min().unwrap_or(Nanos::NEVER);
    }
}

impl Engine {
    /// Makes an event true. Panics on one that cannot follow from the state: the journal is checked before, so that is a
    /// fault of ours, and going on could lose money.
    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    pub fn apply(&mut self, at: Nanos, event: &Event) {
        match event {
            Event::Deposited { portfolio, amount } => {
                self.transfer(*portfolio, Account::Outside, Account::Available, *amount);
                self.portfolios[portfolio.index()].standing.flow(*amount);
            }
            Event::Withdrawn { portfolio, amount } => {
                self.transfer(*portfolio, Account::Available, Account::Outside, *amount);
                self.portfolios[portfolio.index()].standing.flow(-*amount);
            }
            Event::Moved { from, to, amount } => {
                self.transfer(*from, Account::Available, Account::Outside, *amount);
                self.portfolios[from.index()].standing.flow(-*amount);
                self.transfer(*to, Account::Outside, Account::Available, *amount);
                self.portfolios[to.index()].standing.flow(*amount);
            }
            Event::Funded { portfolio, capital } => {
                self.portfolios[portfolio.index()].standing.capital = Some(*capital);
            }
            Event::Signal(signal) => {
                self.signals = signal.signal.0;
                self.seen.insert(signal.trade);
                self.apply_signal(at, signal);
                self.parked.begin(signal);
                self.scores.records.trade(signal);
            }
            Event::Parked { signal, until, .. } => self.parked.park(*signal, *until),
            Event::Skipped { signal, portfolio, reason, .. } => {
                self.parked.decided(*signal, *portfolio);
                self.apply_ended(*signal, *portfolio, *reason);
            }
            Event::Refused { signal, portfolio, .. } => self.parked.decided(*signal, *portfolio),
            Event::Buffered { .. } => self.apply_buffered(event),
            Event::Merged { signal, portfolio, into } => self.apply_merged(*signal, *portfolio, *into),
            Event::LeaderHolds { leader, token, shares, at } => self.holdings.read(*leader, *token, *shares, *at),
            Event::LeaderUnblocked { leader } => self.ways.unblock(*leader),
            Event::ExitDue { signal, portfolio, leader, token, cause, shares, reference } => {
                self.parked.decided(*signal, *portfolio);
                if *cause == Cause::LeaderLeft {
                    self.holdings.followed(*leader, *token);
                }
                let exit = &mut self.position_mut(*portfolio, *leader, *token).exit;
                *exit = exit.owing(at, *signal, *cause, *shares, *reference);
            }
            Event::Submitted(submitted) => self.apply_submitted(at, submitted),
            Event::Accepted { order } => {
                let order = self.orders.open_mut(*order);
                let before = order.state;
                order.state = next_state(before, Happening::Accepted).expect("it may be accepted");
                let portfolio = order.submitted.portfolio;
                self.portfolios[portfolio.index()].standing.settle_doubt(before);
            }
            Event::Signed(signed) => self.orders.open_mut(signed.order).id = Some(signed.id),
            Event::Unknown { order } => {
                let order = self.orders.open_mut(*order);
                order.state = next_state(order.state, Happening::Lost).expect("it may be lost");
                let portfolio = order.submitted.portfolio;
                self.portfolios[portfolio.index()].standing.doubt(at);
            }
            Event::Filled(filled) => self.apply_filled(at, filled),
            Event::Matched(matched) => self.apply_matched(at, matched),
            Event::Confirmed { order, trade, release_at } => self.apply_confirmed(*order, *trade, *release_at),
            Event::Voided { order, trade } => self.apply_voided(at, *order, *trade),
            Event::Adopted { order, brought, .. } => {
                let portfolio = self.live_order(*order).expect("an order to adopt for").submitted.portfolio;
                self.transfer(portfolio, Account::Outside, Account::Available, *brought);
                self.portfolios[portfolio.index()].standing.flow(*brought);
            }
            Event::HeldBack { portfolio, amount, until } => {
                self.portfolios[portfolio.index()].held_back = Some(HeldBack { amount: *amount, until: *until });
            }
            Event::HoldEnded { portfolio } => self.portfolios[portfolio.index()].held_back = None,
            Event::Closed { order, end, released } => self.apply_closed(at, *order, *end, *released),
            Event::Resolved { token, payout } => self.apply_resolved(*token, *payout),
            Event::Settled(settled) => self.apply_settled(settled),
            Event::TakenIn(taken) => self.apply_taken_in(at, taken),
            Event::WrittenOff(off) => self.apply_written_off(off),
            Event::Scored(scored) => self.scores.keep(scored),
            Event::Released { portfolio, amount } => {
                self.cooling.remove(*portfolio, *amount);
                self.transfer(*portfolio, Account::Cooling, Account::Available, *amount);
            }
            Event::Faulted { order, .. } if OrderId::LIVE < *order => self.live_stopped = true,
            Event::Faulted { .. } => self.entries_stopped = true,
            Event::Peaked { portfolio, leader, token, bid } => {
                self.position_mut(*portfolio, *leader, *token).peak = Some(*bid);
            }
            Event::CancelDue { order } => self.orders.open_mut(*order).cancel_asked = true,
            Event::Unplanned { portfolio, leader, token, reason, .. } => {
                self.position_mut(*portfolio, *leader, *token).plan.unplanned = Some(*reason);
            }
            Event::Paused { portfolio } => self.portfolios[portfolio.index()].entries = Entries::Paused,
            Event::Unpaused { portfolio } => self.portfolios[portfolio.index()].entries = Entries::Running,
            Event::Valued(valued) => self.portfolios[valued.portfolio.index()].standing.value(valued),
            Event::DayBegan { day } => {
                self.day = Some(*day);
                self.portfolios.iter_mut().for_each(|portfolio| portfolio.standing.begin_day());
                self.dealings.begin_day();
            }
            Event::Tripped { portfolio, breaker, numbers } => {
                self.portfolios[portfolio.index()].standing.trip(*breaker, *numbers);
            }
            Event::BreakerReset { portfolio, breaker } => {
                self.portfolios[portfolio.index()].standing.reset(*breaker);
            }
            Event::BalanceLow { portfolio, .. } => self.portfolios[portfolio.index()].standing.low_said = true,
            Event::PaperSwitched { to } => self.switches.turn_paper(*to),
            Event::LiveSwitched { to } => self.switches.turn_live(*to),
            Event::LeaderSwitched { leader, to } => self.ways.turn_switch(*leader, *to),
            Event::Repeated { .. }
            | Event::Diverged { .. }
            | Event::Resynced { .. }
            // What blocks him is counted from his trades.
            | Event::LeaderBlocked { .. }
            | Event::PlanRepaired { .. }
            | Event::Declined { .. }
            | Event::Configured { .. }
            | Event::External(_)
            | Event::Differs(_)
            | Event::WalletHolds(_)
            | Event::Explained { .. }
            | Event::Gap(_) => (),
        }
    }

    /// Returns the position that an event is about.
    fn position_mut(&mut self, portfolio: PortfolioId, leader: LeaderId, token: TokenId) -> &mut Position {
        let slot = self.positions.find(portfolio, leader, token).expect("the position of the event");
        self.positions.at_mut(slot)
    }

    fn apply_resolved(&mut self, token: TokenId, payout: u32) {
        self.tokens[token.index()].payout = Some(payout);
        let tokens = &self.tokens;
        self.entered.make_room(|token| tokens[token.index()].payout.is_some());
        self.scores.records.resolved(token, payout);
    }

    pub(super) fn transfer(&mut self, portfolio: PortfolioId, from: Account, to: Account, amount: Usdc) {
        self.portfolios[portfolio.index()].ledger.transfer(from, to, amount);
    }

    /// Notes what a leader did.
    fn apply_signal(&mut self, at: Nanos, signal: &Signal) {
        let turn = self.holdings.signal(signal);
        match (signal.how, signal.side) {
            (How::Left | How::Observed, _) => return,
            (How::Traded, Side::Buy) => self.ways.bought(signal),
            (How::Traded, Side::Sell) if turn == Turn::RoundTrip => self.ways.turned(at, signal.leader),
            (How::Traded, Side::Sell) => (),
        }
        self.groups.add(signal);
    }

    /// Returns the group of the signal that led to an order.
    fn group_of(&self, submitted: &Submitted) -> SignalId {
        let is_its_signal = |current: &Undecided| current.signal.signal == submitted.signal && submitted.attempt == 1;
        // A second attempt comes when its signal is decided, and others may have been since.
        self.parked
            .current
            .filter(is_its_signal)
            .map_or_else(|| self.groups.of(submitted), |current| current.signal.group)
    }

    /// Notes an entry for the signal's group. A second attempt repeats what was noted.
    fn apply_entry(&mut self, at: Nanos, submitted: &Submitted, group: SignalId) {
        let Submitted { signal, portfolio, leader, token, budget, attempt, .. } = *submitted;
        if attempt > 1 {
            return;
        }
        let joined = self.buffers.joined(signal, portfolio);
        if self.groups.ordered(group, portfolio) == Usdc::ZERO {
            self.ways.copied_more(leader, portfolio);
        }
        // What was merged into it is noted in the groups that it came from.
        self.groups.order(group, portfolio, (budget - joined).max(Usdc::ZERO));
        self.ways.entered(at, portfolio, token, group);
    }

    fn apply_submitted(&mut self, at: Nanos, submitted: &Submitted) {
        let Submitted { portfolio, leader, token, reserved, .. } = *submitted;
        self.parked.decided(submitted.signal, portfolio);
        let group = self.group_of(submitted);
        self.orders.insert(submitted);
        let led_at = self.groups.since(group);
        let order = self.orders.open_mut(submitted.order);
        (order.group, order.led_at) = (group, led_at);
        let slot = self.positions.open_slot(portfolio, leader, token);
        let position = self.positions.at_mut(slot);
        match submitted.side {
            Side::Buy => {
                // "Everything" was said before this entry, and does not mean what it brings.
                position.exit.shares = sellable(position.exit.shares.min(position.coming()));
                let is_first = position.pending + position.unsettled == Shares::ZERO;
                position.coming_led_at = if is_first { led_at } else { led_at.min(position.coming_led_at) };
                position.reserved = position.reserved + reserved;
                position.pending = position.pending + submitted.shares;
                self.apply_entry(at, submitted, group);
                let tokens = &self.tokens;
                self.entered.ordered(portfolio, token, group, |token| tokens[token.index()].payout.is_some());
                self.transfer(portfolio, Account::Available, Account::Reserved, reserved);
            }
            Side::Sell => {
                position.selling = position.selling + submitted.shares;
                if submitted.cause == Cause::Plan {
                    position.plan = Plan { order: Some(submitted.order), ..Plan::default() };
                }
            }
        }
        self.stand_submitted(at, submitted);
    }

    fn apply_filled(&mut self, at: Nanos, filled: &Filled) {
        let Filled { order, shares, cash, fee, basis, release_at } = *filled;
        let order = self.orders.open_mut(order);
        let submitted = order.submitted;
        let before = order.state;
        order.state = next_state(before, Happening::Filled).expect("it may be filled");
        let pending_before = order.shares_left();
        order.filled = order.filled + shares;
        let pending_gone = pending_before - order.shares_left();
        let (group, led_at) = (order.group, order.led_at);
        let slot = self.positions.open_slot(submitted.portfolio, submitted.leader, submitted.token);
        match submitted.side {
            Side::Buy => {
                order.reserved_left = order.reserved_left - cash - fee;
                let position = self.positions.at_mut(slot);
                position.reserved = position.reserved - cash - fee;
                position.pending = position.pending - pending_gone;
                if position.shares + position.unsettled == Shares::ZERO {
                    (position.opened_at, position.peak) = (at, None);
                }
                self.positions.add(slot, shares, cash, led_at);
                self.entered.bought(submitted.portfolio, submitted.token, group);
                self.transfer(submitted.portfolio, Account::Reserved, Account::Deployed, cash);
                self.transfer(submitted.portfolio, Account::Reserved, Account::Result, fee);
            }
            Side::Sell => {
                self.positions.take(slot, shares);
                let position = self.positions.at_mut(slot);
                position.selling = position.selling - shares;
                // What is owed in full stays so until nothing is left.
                if position.exit.shares < SHARES_MAX {
                    // What the plan sells is sold, too: his part of the rest is smaller by it.
                    position.exit.shares = sellable(position.exit.shares.minus(shares));
                }
                position.exit.tries = 0;
                position.exit.retry_at = Nanos::ZERO;
                self.book_proceeds(submitted.portfolio, basis, cash - fee, release_at);
            }
        }
        self.stand_filled(before, filled);
    }

    /// Moves a position's cost to cooling, and its gain or loss with it.
    fn book_proceeds(&mut self, portfolio: PortfolioId, basis: Usdc, proceeds: Usdc, release_at: Nanos) {
        let ledger = &mut self.portfolios[portfolio.index()].ledger;
        ledger.transfer(Account::Deployed, Account::Cooling, basis);
        ledger.settle(Account::Cooling, proceeds - basis);
        self.cooling.add(release_at, portfolio, proceeds);
    }

    fn apply_closed(&mut self, at: Nanos, order: OrderId, end: OrderEnd, released: Usdc) {
        let order = self.orders.remove(order);
        let Submitted { portfolio, leader, token, side, cause, .. } = order.submitted;
        let slot = self.positions.open_slot(portfolio, leader, token);
        let position = self.positions.at_mut(slot);
        match side {
            Side::Buy => {
                position.reserved = position.reserved - released;
                position.pending = position.pending - order.shares_left();
                self.transfer(portfolio, Account::Reserved, Account::Available, released);
                self.entered.closed(portfolio, token, order.group);
            }
            Side::Sell => {
                position.selling = position.selling - order.shares_left();
                if cause == Cause::Plan {
                    position.plan = exit::plan::after(at, &order, end);
                } else if order.filled == Shares::ZERO {
                    position.exit.back_off(at);
                }
            }
        }
        self.stand_closed(&order, released);
        self.remember_ended(&order, end);
        self.positions.close_if_empty(slot);
    }

    fn apply_settled(&mut self, settled: &Settled) {
        let Settled { portfolio, leader, token, shares, basis, proceeds, release_at } = *settled;
        let slot = self.positions.find(portfolio, leader, token).expect("a position to settle");
        self.positions.take(slot, shares);
        self.positions.at_mut(slot).exit = Exit::NONE;
        self.book_proceeds(portfolio, basis, proceeds, release_at);
        self.stand_settled(settled);
        self.positions.close_if_empty(slot);
    }

    /// Returns a hash of all that `apply` builds: equal states, equal hashes.
    pub fn state_hash(&self) -> u64 {
        let mut hash = StateHash::new();
        hash.mix(self.signals);
        hash.mix(self.orders.submitted());
        hash.mix(u64::from(self.entries_stopped));
        hash.mix(u64::from(self.live_stopped));
        self.mix_settlements(&mut hash);
        hash.mix(self.scores.digest());
        for portfolio in &self.portfolios {
            hash.mix(portfolio.entries as u64);
            let held_back = portfolio.held_back.map_or([0, 0], |held| [held.amount.0 as u64, held.until.0]);
            held_back.into_iter().for_each(|value| hash.mix(value));
            use Account::{Available, Cooling, Deployed, Outside, Reserved, Result};
            for account in [Outside, Result, Available, Reserved, Deployed, Cooling] {
                hash.mix(portfolio.ledger.balance(account).0 as u64);
            }
            portfolio.standing.values().for_each(|value| hash.mix(value));
        }
        hash.mix(self.day.map_or(0, u64::from));
        self.switches.values().for_each(|value| hash.mix(value));
        for (portfolio, leader, dealing) in self.dealings.iter() {
            let ids = u64::from(portfolio.0) << 32 | u64::from(leader.0);
            let amounts = [dealing.stake, dealing.spent, dealing.day_result, dealing.result];
            [ids].into_iter().chain(amounts.map(|amount| amount.0 as u64)).for_each(|value| hash.mix(value));
        }
        for order in self.orders.iter() {
            let open = [order.submitted.order.0, order.filled.0, order.reserved_left.0 as u64, order.state as u64];
            let counted = [order.result.0 as u64, order.day.map_or(0, u64::from)];
            open.into_iter().chain(counted).for_each(|value| hash.mix(value));
            hash.mix(u64::from(order.cancel_asked));
        }
        for position in self.positions.iter() {
            let ids = u64::from(position.portfolio.0) << 48
                | u64::from(position.leader.0) << 32
                | u64::from(position.token.0);
            let amounts = [position.shares.0, position.cost.0 as u64, position.exit.shares.0, position.selling.0];
            let unsettled = [position.unsettled.0, position.unsettled_cost.0 as u64, position.sold.0];
            unsettled.into_iter().for_each(|value| hash.mix(value));
            let Exit { cause, since, retry_at, tries, .. } = position.exit;
            let exit = [cause as u64, since.0, retry_at.0, u64::from(tries)];
            let watched = [
                position.opened_at.0,
                position.coming_led_at.0,
                position.peak.map_or(0, |peak| u64::from(peak.micros())),
            ];
            let Plan { order, unplanned, retry_at } = position.plan;
            let plan = [order.map_or(0, |order| order.0), unplanned.map_or(0, |reason| reason as u64 + 1), retry_at.0];
            [ids].into_iter().chain(amounts).chain(exit).chain(watched).chain(plan).for_each(|value| hash.mix(value));
        }
        for (at, portfolio, amount) in &self.cooling.waiting {
            [at.0, u64::from(portfolio.0), amount.0 as u64].into_iter().for_each(|value| hash.mix(value));
        }
        self.parked.iter().for_each(|parked| hash.mix(parked.signal.signal.0));
        [self.seen.digest(), self.holdings.digest()].into_iter().for_each(|digest| hash.mix(digest));
        let flow = self.groups.numbers().chain(self.buffers.numbers()).chain(self.ways.numbers());
        flow.for_each(|number| hash.mix(number));
        self.entered.numbers().for_each(|number| hash.mix(number));
        hash.0
    }
}

/// Returns what can be sold of a size, now or later: less than the size grid cannot.
pub(super) fn sellable(shares: Shares) -> Shares {
    if shares.0 < SHARES_STEP { Shares::ZERO } else { shares }
}

/// FNV-1a over 64-bit values, or over a text.
pub(super) struct StateHash(u64);

impl StateHash {
    pub(super) fn new() -> StateHash {
        StateHash(0xCBF2_9CE4_8422_2325)
    }

    pub(super) fn value(&self) -> u64 {
        self.0
    }

    pub(super) fn mix(&mut self, value: u64) {
        value.to_le_bytes().into_iter().for_each(|byte| self.mix_byte(byte));
    }

    fn mix_byte(&mut self, byte: u8) {
        self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3);
    }
}

impl std::fmt::Write for StateHash {
    fn write_str(&mut self, text: &str) -> std::fmt::Result {
        text.bytes().for_each(|byte| self.mix_byte(byte));
        Ok(())
    }
}
