//! Copies too small to order: they wait, for each portfolio, leader and token, until together they are large enough.
//!
//! A copy that is not cut to what may be ordered adds the dollars that the sizing rule wants for it. With the next signal
//! of the leader in the token everything that waits is tried together, against the volume-weighted price of all of it;
//! if it may be ordered, the one signal is ordered for the whole and the others end as merged into it. What waits for its
//! whole window ends as below the minimum. A sale of the leader takes from what waits, newest first, before it is a sale
//! of what we hold: shares that he bought and sold again were never copied. A signal of which a part is left waits on
//! for the rest: it is buffered anew, smaller.

use super::{Engine, Events, holdings::hashed, leader::average_price, signal::Beside, strategy, strategy::No};
use crate::domain::{
    Event, LeaderId, Nanos, Numbers, PortfolioId, Price, Shares, SignalId, Skip, TokenId, Usdc,
    event::Signal,
    settings::{Buffer, Netting},
};

/// Copies that may wait at once, for all portfolios; one more is skipped.
pub const BUFFERED_MAX: usize = 4_096;
/// Windows that end in one step.
const WINDOWS_PER_STEP: usize = 256;

/// One copy that waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub signal: SignalId,
    pub group: SignalId,
    pub portfolio: PortfolioId,
    pub leader: LeaderId,
    pub token: TokenId,
    /// The leader's shares, and what their copy would cost.
    pub shares: Shares,
    pub wanted: Usdc,
    pub reference: Price,
    pub until: Nanos,
}

/// Several copies together.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Carried {
    pub wanted: Usdc,
    shares: Shares,
    /// What the leader paid for them.
    cash: Usdc,
}

impl Carried {
    fn with(self, wanted: Usdc, shares: Shares, price: Price) -> Carried {
        Carried {
            wanted: self.wanted + wanted,
            shares: self.shares + shares,
            cash: self.cash + price.cost_floor(shares),
        }
    }

    pub fn is_none(&self) -> bool {
        *self == Carried::default()
    }

    /// Returns the volume-weighted price of these and of a signal that would be ordered with them, rounded down.
    pub fn price_with(&self, signal: &Signal) -> Price {
        let all = self.with(Usdc::ZERO, signal.shares, signal.price);
        average_price(all.cash, all.shares, signal.price)
    }
}

/// What was merged into a signal whose order follows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Joining {
    into: SignalId,
    portfolio: PortfolioId,
    carried: Carried,
}

/// Which copies hang together: those of one portfolio, leader and token, or of one signal.
#[derive(Clone, Copy, Debug)]
enum Chain {
    Pair = 0,
    Signal = 1,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    waiting: Waiting,
    /// One more than the next slot of each [`Chain`].
    next: [u32; 2],
}

/// All copies that wait, each in two chains, so that finding one reads little memory.
#[derive(Debug)]
pub struct Buffers {
    slots: Vec<Option<Slot>>,
    free: Vec<u32>,
    /// One more than the first slot.
    heads: [Box<[u32]>; 2],
    /// No window ends before this.
    next_end: Nanos,
    joining: Option<Joining>,
}

const CHAINS: usize = 2 * BUFFERED_MAX;

impl Default for Buffers {
    fn default() -> Buffers {
        Buffers {
            slots: Vec::with_capacity(BUFFERED_MAX),
            free: Vec::with_capacity(BUFFERED_MAX),
            heads: [vec![0; CHAINS].into(), vec![0; CHAINS].into()],
            next_end: Nanos::NEVER,
            joining: None,
        }
    }
}

impl Buffers {
    pub fn len(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Yields all that wait.
    pub fn iter(&self) -> impl Iterator<Item = &Waiting> {
        self.slots.iter().flatten().map(|slot| &slot.waiting)
    }

    /// Yields what waits of a portfolio after a leader in a token, newest first.
    pub fn of(&self, portfolio: PortfolioId, leader: LeaderId, token: TokenId) -> impl Iterator<Item = &Waiting> {
        let found = self.chained(Chain::Pair, pair(portfolio, leader, token)).map(|slot| &self.at(slot).waiting);
        found.filter(move |of| (of.portfolio, of.leader, of.token) == (portfolio, leader, token))
    }

    /// Returns what would be ordered together with a signal: what waits, and what was merged into it already.
    fn with_signal(&self, portfolio: PortfolioId, signal: &Signal) -> Carried {
        let merged = self.joining.filter(|of| (of.into, of.portfolio) == (signal.signal, portfolio));
        let merged = merged.map_or(Carried::default(), |joining| joining.carried);
        let waiting = self.of(portfolio, signal.leader, signal.token);
        waiting.fold(merged, |sum, of| sum.with(of.wanted, of.shares, of.reference))
    }

    /// Returns what waits of a group's copy.
    fn of_group(&self, portfolio: PortfolioId, signal: &Signal) -> Usdc {
        let ours = self.of(portfolio, signal.leader, signal.token).filter(|of| of.group == signal.group);
        ours.fold(Usdc::ZERO, |sum, of| sum + of.wanted)
    }

    /// Yields all that it knows, as numbers: equal buffers, equal numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        let sum = self.iter().fold(0u64, |sum, of| {
            let ids = u64::from(of.portfolio.0) << 48 ^ u64::from(of.leader.0) << 32 ^ u64::from(of.token.0);
            let words = [of.signal.0, of.group.0, ids, of.shares.0, of.wanted.0 as u64, of.reference.micros().into()];
            sum.wrapping_add(hashed(&words).wrapping_add(hashed(&[of.until.0, ids])))
        });
        let joining = self.joining.map_or([0; 3], |of| [of.into.0, of.portfolio.0.into(), of.carried.wanted.0 as u64]);
        [self.len() as u64, sum].into_iter().chain(joining)
    }

    pub(super) fn put(&mut self, waiting: Waiting) {
        assert!(self.len() < BUFFERED_MAX, "more than {BUFFERED_MAX} copies wait");
        self.next_end = if self.is_empty() { waiting.until } else { self.next_end.min(waiting.until) };
        let free = self.free.pop().unwrap_or(self.slots.len() as u32) as usize;
        if free == self.slots.len() {
            self.slots.push(None);
        }
        let mut next = [0; 2];
        for (which, key) in keys(&waiting) {
            next[which as usize] = std::mem::replace(&mut self.heads[which as usize][key], free as u32 + 1);
        }
        self.slots[free] = Some(Slot { waiting, next });
    }

    /// Takes a copy out, if it waits.
    pub(super) fn take(&mut self, signal: SignalId, portfolio: PortfolioId) -> Option<Waiting> {
        if self.is_empty() {
            return None;
        }
        let slot = self.find(signal, portfolio)?;
        let waiting = self.at(slot).waiting;
        for (which, key) in keys(&waiting) {
            self.unlink(which, key, slot);
        }
        self.slots[slot] = None;
        self.free.push(slot as u32);
        Some(waiting)
    }

    /// Takes a copy out because its dollars are ordered with those of `into`.
    pub(super) fn merge(&mut self, signal: SignalId, portfolio: PortfolioId, into: SignalId) -> Option<Waiting> {
        let waiting = self.take(signal, portfolio)?;
        let before = self.joining.filter(|of| (of.into, of.portfolio) == (into, portfolio));
        let before = before.map_or(Carried::default(), |joining| joining.carried);
        let carried = before.with(waiting.wanted, waiting.shares, waiting.reference);
        self.joining = Some(Joining { into, portfolio, carried });
        Some(waiting)
    }

    /// Returns, once, the dollars that were merged into a signal which is ordered now.
    pub(super) fn joined(&mut self, signal: SignalId, portfolio: PortfolioId) -> Usdc {
        let joining = self.joining.take_if(|of| (of.into, of.portfolio) == (signal, portfolio));
        joining.map_or(Usdc::ZERO, |joining| joining.carried.wanted)
    }

    /// Returns one whose window is over; when there is none, finds out when the next will be.
    fn due(&mut self, now: Nanos) -> Option<Waiting> {
        if now < self.next_end {
            return None;
        }
        let due = self.iter().find(|of| of.until <= now).copied();
        if due.is_none() {
            self.next_end = self.iter().map(|of| of.until).min().unwrap_or(Nanos::NEVER);
        }
        due
    }

    fn find(&self, signal: SignalId, portfolio: PortfolioId) -> Option<usize> {
        let is_it = |slot: &usize| {
            let waiting = &self.at(*slot).waiting;
            (waiting.signal, waiting.portfolio) == (signal, portfolio)
        };
        self.chained(Chain::Signal, one(signal, portfolio)).find(is_it)
    }

    fn chained(&self, which: Chain, key: usize) -> impl Iterator<Item = usize> {
        let next = |link: u32| (link != 0).then(|| link as usize - 1);
        std::iter::successors(next(self.heads[which as usize][key]), move |slot| {
            next(self.at(*slot).next[which as usize])
        })
    }

    fn at(&self, slot: usize) -> &Slot {
        self.slots[slot].as_ref().expect("a chained slot is taken")
    }

    fn at_mut(&mut self, slot: usize) -> &mut Slot {
        self.slots[slot].as_mut().expect("a chained slot is taken")
    }

    fn unlink(&mut self, which: Chain, key: usize, slot: usize) {
        let after = self.at(slot).next[which as usize];
        let before = self.chained(which, key).find(|before| self.at(*before).next[which as usize] == slot as u32 + 1);
        match before {
            Some(before) => self.at_mut(before).next[which as usize] = after,
            None => self.heads[which as usize][key] = after,
        }
    }
}

fn pair(portfolio: PortfolioId, leader: LeaderId, token: TokenId) -> usize {
    let key = [u64::from(portfolio.0) << 32 | u64::from(leader.0), u64::from(token.0)];
    hashed(&key) as usize % CHAINS
}

fn one(signal: SignalId, portfolio: PortfolioId) -> usize {
    hashed(&[signal.0, u64::from(portfolio.0)]) as usize % CHAINS
}

fn keys(of: &Waiting) -> [(Chain, usize); 2] {
    [(Chain::Pair, pair(of.portfolio, of.leader, of.token)), (Chain::Signal, one(of.signal, of.portfolio))]
}

/// What a portfolio does about a leader's buy.
pub(super) enum Course {
    /// It is ordered, alone,
    Alone(strategy::Intent),
    /// or with all that waits, whose volume-weighted price is the reference.
    Together(strategy::Intent, Price),
    /// It is too small, and waits.
    Wait(Usdc),
    No(No),
}

impl Engine {
    /// Returns what a portfolio does about a leader's buy. Reads only.
    pub(super) fn course(&self, now: Nanos, portfolio: PortfolioId, signal: &Signal) -> Course {
        let taken_back = self.groups.taken_back(signal.group, portfolio);
        let group_waits = self.buffers.of_group(portfolio, signal) + taken_back;
        let ask = |carried: Usdc, reference: Price| {
            self.consider(now, portfolio, signal, Beside { waiting: group_waits, carried, reference })
        };
        let alone = ask(Usdc::ZERO, signal.group_price);
        let carried = self.buffers.with_signal(portfolio, signal);
        let together = match alone {
            Err((reason, _)) if reason != Skip::BelowMinimum => None,
            Ok(_) | Err(_) if carried.is_none() => None,
            Ok(_) | Err(_) => {
                let reference = carried.price_with(signal);
                Some((ask(carried.wanted, reference), reference))
            }
        };
        match (alone, together) {
            (_, Some((Ok(intent), reference))) => Course::Together(intent, reference),
            (Ok(intent), _) => Course::Alone(intent),
            (Err(_), Some((Err(no), _))) if no.0 != Skip::BelowMinimum => Course::No(no),
            (Err(no), _) if no.0 == Skip::BelowMinimum => self.wait_or_not(portfolio, no),
            (Err(no), _) => Course::No(no),
        }
    }

    fn wait_or_not(&self, portfolio: PortfolioId, no: No) -> Course {
        let wanted = Usdc(no.1.actual);
        if self.buffer_of(portfolio).window == Nanos::ZERO || wanted <= Usdc::ZERO {
            return Course::No(no);
        }
        if self.buffers.len() == BUFFERED_MAX {
            let full = Numbers { limit: BUFFERED_MAX as i64, actual: BUFFERED_MAX as i64 };
            return Course::No((Skip::BufferFull, full));
        }
        Course::Wait(wanted)
    }

    fn buffer_of(&self, portfolio: PortfolioId) -> Buffer {
        self.portfolios[portfolio.index()].settings.buffer
    }

    pub(super) fn buffer(
        &mut self,
        now: Nanos,
        portfolio: PortfolioId,
        signal: &Signal,
        wanted: Usdc,
        events: &mut Events,
    ) {
        let until = now.plus(self.buffer_of(portfolio).window);
        let Signal { signal, leader, token, shares, price, .. } = *signal;
        let reference = price;
        self.emit(now, Event::Buffered { signal, portfolio, leader, token, shares, wanted, reference, until }, events);
    }

    /// Ends all that waits as merged into a signal, whose order follows.
    pub(super) fn merge_all(&mut self, now: Nanos, portfolio: PortfolioId, into: &Signal, events: &mut Events) {
        let newest = |buffers: &Buffers| buffers.of(portfolio, into.leader, into.token).next().map(|of| of.signal);
        while let Some(signal) = newest(&self.buffers) {
            self.emit(now, Event::Merged { signal, portfolio, into: into.signal }, events);
        }
    }

    /// Takes what a leader gave up from what waits to be bought after him, newest first, where the portfolio nets.
    /// Returns how many of his shares that was.
    pub(super) fn net(&mut self, now: Nanos, portfolio: PortfolioId, given_up: &Signal, events: &mut Events) -> Shares {
        if self.buffers.is_empty() || self.buffer_of(portfolio).netting == Netting::Off {
            return Shares::ZERO;
        }
        let mut left = given_up.shares;
        while left > Shares::ZERO {
            let newest = self.buffers.of(portfolio, given_up.leader, given_up.token).next().copied();
            let Some(of) = newest else { break };
            if of.shares <= left {
                left = left - of.shares;
                let numbers = Numbers { limit: self.minimum_of(&of).0, actual: of.wanted.0 };
                let (signal, reason) = (of.signal, Skip::Netted);
                self.emit(now, Event::Skipped { signal, portfolio, reason, numbers }, events);
                continue;
            }
            let shares = of.shares - left;
            let Waiting { signal, leader, token, reference, until, .. } = of;
            let wanted = Usdc((i128::from(of.wanted.0) * i128::from(shares.0) / i128::from(of.shares.0)) as i64);
            let smaller = Event::Buffered { signal, portfolio, leader, token, shares, wanted, reference, until };
            self.emit(now, smaller, events);
            left = Shares::ZERO;
        }
        given_up.shares - left
    }

    /// Ends what waited for its whole window, and what waits for a market that ended.
    pub(super) fn end_windows(&mut self, now: Nanos, events: &mut Events) {
        for _ in 0..WINDOWS_PER_STEP {
            let Some(of) = self.buffers.due(now) else { return };
            let waiting = self.buffers.of(of.portfolio, of.leader, of.token);
            let actual = waiting.fold(Usdc::ZERO, |sum, of| sum + of.wanted).0;
            let numbers = Numbers { limit: self.minimum_of(&of).0, actual };
            let (signal, portfolio, reason) = (of.signal, of.portfolio, Skip::BelowMinimum);
            self.emit(now, Event::Skipped { signal, portfolio, reason, numbers }, events);
        }
    }

    /// Ends what waits for a token whose market ended.
    pub(super) fn end_waiting(&mut self, now: Nanos, token: TokenId, events: &mut Events) {
        let first = |buffers: &Buffers| buffers.iter().find(|of| of.token == token).copied();
        while let Some(Waiting { signal, portfolio, .. }) = first(&self.buffers) {
            let (reason, numbers) = (Skip::MarketClosed, Numbers::NONE);
            self.emit(now, Event::Skipped { signal, portfolio, reason, numbers }, events);
        }
    }

    /// Returns the smallest order at the leader's price.
    fn minimum_of(&self, of: &Waiting) -> Usdc {
        let settings = &self.portfolios[of.portfolio.index()].settings;
        strategy::size::minimum(settings, &self.tokens[of.token.index()].market, of.reference)
    }

    /// Returns when the next window may end.
    pub(super) fn next_window_end(&self) -> Nanos {
        if self.buffers.is_empty() { Nanos::NEVER } else { self.buffers.next_end }
    }

    // -- applying --------------------------------------------------------------------------------------------------

    /// A copy waits; or, if it did already, waits for less.
    pub(super) fn apply_buffered(&mut self, event: &Event) {
        let Event::Buffered { signal, portfolio, leader, token, shares, wanted, reference, until } = *event else {
            return;
        };
        self.parked.decided(signal, portfolio);
        let current = self.parked.current.filter(|current| current.signal.signal == signal);
        let group = current.map_or(signal, |current| current.signal.group);
        let before = self.buffers.take(signal, portfolio);
        let group = before.map_or(group, |before| before.group);
        self.buffers.put(Waiting { signal, group, portfolio, leader, token, shares, wanted, reference, until });
        if let Some(before) = before {
            // What was taken off is not to be bought with a later fill of the group.
            self.groups.take_back(group, portfolio, before.wanted - wanted);
        }
    }

    /// A signal was skipped: if it waited, it does no more.
    pub(super) fn apply_ended(&mut self, signal: SignalId, portfolio: PortfolioId, reason: Skip) {
        if let (Some(of), Skip::Netted) = (self.buffers.take(signal, portfolio), reason) {
            self.groups.take_back(of.group, portfolio, of.wanted);
        }
    }

    pub(super) fn apply_merged(&mut self, signal: SignalId, portfolio: PortfolioId, into: SignalId) {
        if let Some(of) = self.buffers.merge(signal, portfolio, into) {
            self.groups.order(of.group, portfolio, of.wanted);
        }
    }
}
