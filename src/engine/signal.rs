//! A leader's trade: seen once, grouped with its neighbours, decided for everybody who follows him; or parked while the
//! token is cold.

use super::{
    Engine, Entries, Events, Known, Origin, Portfolio, Token,
    book::Trust,
    buffer::Course,
    leader::average_price,
    leg::VOIDS_MAX,
    strategy::{self, Situation},
    timer::DECISIONS_PER_STEP,
};
use crate::domain::{
    Cause, Event, LeaderId, LeaderTrade, Market, Mode, Nanos, Numbers, PortfolioId, PortfolioSet, Price, Role, Shares,
    Side, SignalId, Skip, TokenId, Usdc,
    event::{How, Signal},
    money::ONE,
    settings::Sides,
};

/// Signals that may wait at once; one more is decided as it is, and so skipped.
pub const PARKED_MAX: usize = 256;

/// A signal that is not decided for everybody yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Undecided {
    pub signal: Signal,
    pub until: Nanos,
    /// Who has decided.
    pub decided: PortfolioSet,
}

/// Signals of cold tokens, and the one being decided right now: after a crash both must still come to an end.
#[derive(Debug)]
pub struct Parked {
    waiting: Vec<Undecided>,
    pub(super) current: Option<Undecided>,
}

impl Default for Parked {
    fn default() -> Parked {
        Parked { waiting: Vec::with_capacity(PARKED_MAX), current: None }
    }
}

impl Parked {
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Undecided> {
        self.waiting.iter()
    }

    /// Returns where the first one is that satisfies `is`.
    pub(super) fn find(&self, is: impl Fn(&Undecided) -> bool) -> Option<usize> {
        self.waiting.iter().position(is)
    }

    /// Makes those that satisfy `is` due at the next timer.
    pub(super) fn hasten(&mut self, now: Nanos, is: impl Fn(&Undecided) -> bool) {
        self.waiting.iter_mut().filter(|parked| is(parked)).for_each(|parked| parked.until = now);
    }

    pub(super) fn begin(&mut self, signal: &Signal) {
        self.current = Some(Undecided { signal: *signal, until: Nanos::ZERO, decided: PortfolioSet::EMPTY });
    }

    /// Moves the current signal to those that wait.
    pub(super) fn park(&mut self, signal: SignalId, until: Nanos) {
        if let Some(current) = self.current.take_if(|current| current.signal.signal == signal) {
            self.waiting.push(Undecided { until, ..current });
        }
    }

    /// Takes a waiting signal out, to be decided now.
    pub(super) fn resume(&mut self, at: usize) {
        self.current = Some(self.waiting.remove(at));
    }

    /// Notes that a portfolio decided. In recovery this is what ends the wait.
    pub(super) fn decided(&mut self, signal: SignalId, portfolio: PortfolioId) {
        if let Some(at) = self.waiting.iter().position(|waiting| waiting.signal.signal == signal) {
            self.resume(at);
        }
        if let Some(current) = self.current.as_mut().filter(|current| current.signal.signal == signal) {
            current.decided.insert(portfolio);
        }
    }
}

/// What a signal is considered with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Beside {
    /// What waits of its own group's copy, or was taken back,
    pub waiting: Usdc,
    /// what would be ordered with it,
    pub carried: Usdc,
    /// and the price of all of that.
    pub reference: Price,
}

/// Whether what waits goes into an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Merges {
    Nothing,
    All,
}

impl Engine {
    pub(super) fn leader_trade(&mut self, now: Nanos, trade: &LeaderTrade, events: &mut Events) {
        let LeaderTrade { trade: key, leader, token, side, price, shares, role, source, traded_at } = *trade;
        if self.followers_of(leader).is_empty() || shares.0 == 0 {
            return;
        }
        if self.seen.contains(key) {
            return self.emit(now, Event::Repeated { trade: key, leader, token, source }, events);
        }
        let id = SignalId(self.signals + 1);
        let open = self.groups.open(leader, token, side, traded_at, self.options.group_window);
        let (group, group_cash, group_shares) = match open {
            Some(group) => (group.first, group.cash + price.cost_ceil(shares), group.shares + shares),
            None => (id, price.cost_ceil(shares), shares),
        };
        let group_price = if group == id { price } else { average_price(group_cash, group_shares, price) };
        let known = self.holdings.get(leader, token);
        let leader_held = known.shares;
        let signal = Signal {
            signal: id,
            group,
            trade: key,
            leader,
            token,
            side,
            price,
            shares,
            group_price,
            group_shares,
            leader_held,
            role,
            source,
            how: How::Traded,
            traded_at,
        };
        let trips_before = self.ways.trips(leader, now);
        self.emit(now, Event::Signal(signal), events);
        self.block(now, leader, trips_before, events);
        match side {
            // What is too old for everybody would wait in the way of what is not.
            Side::Buy if self.is_cold(token) && self.parked.len() < PARKED_MAX && !self.is_too_old(now, trade) => {
                let until = now.plus(self.options.metadata_wait);
                self.emit(now, Event::Parked { signal: id, token, until }, events);
            }
            Side::Buy => self.decide(now, &signal, events),
            Side::Sell => self.decide_rest(now, &signal, known.explained(shares, traded_at), events),
        }
    }

    /// Decides what is left of an exit when so much of it was followed already, because a reading of the leader's position
    /// showed it first. (After a crash just before this it is followed whole: the safe side.)
    pub(super) fn decide_rest(&mut self, now: Nanos, signal: &Signal, explained: Shares, events: &mut Events) {
        let rest = signal.shares - explained;
        if explained == Shares::ZERO || rest > Shares::ZERO {
            return self.decide(now, &Signal { shares: rest, ..*signal }, events);
        }
        let id = signal.signal;
        for portfolio in self.followers_of(signal.leader).iter() {
            let (reason, numbers) = (Skip::SeenBefore, Numbers::NONE);
            self.emit(now, Event::Skipped { signal: id, portfolio, reason, numbers }, events);
        }
        self.parked.current = None;
    }

    pub(super) fn followers_of(&self, leader: LeaderId) -> PortfolioSet {
        self.followers.get(leader.index()).copied().unwrap_or(PortfolioSet::EMPTY)
    }

    /// A token is cold until its market is known and a snapshot of its book came. A sale needs neither: it is owed.
    fn is_cold(&self, token: TokenId) -> bool {
        let token = &self.tokens[token.index()];
        let no_book = matches!(token.book.trust(), Trust::Cold | Trust::Loading);
        token.payout.is_none() && (token.known == Known::NotYet || (token.known == Known::Yes && no_book))
    }

    /// Whether a trade is too old for all who follow him.
    fn is_too_old(&self, now: Nanos, trade: &LeaderTrade) -> bool {
        let age = now.since(trade.traded_at);
        let max_of = |id: PortfolioId| self.portfolios[id.index()].settings.filter.trade_age_max;
        self.followers_of(trade.leader).iter().all(|id| max_of(id) < age)
    }

    /// Decides a signal for each of the leader's followers that has not decided yet.
    pub(super) fn decide(&mut self, now: Nanos, signal: &Signal, events: &mut Events) {
        let followers = self.followers_of(signal.leader);
        if signal.side == Side::Buy {
            self.score(now, signal, events);
            self.repute = self.repute_of(now, signal, followers);
        }
        let decided = self.parked.current.map_or(PortfolioSet::EMPTY, |current| current.decided);
        for portfolio in followers.iter().filter(|id| !decided.contains(*id)) {
            match signal.side {
                Side::Buy => self.enter(now, portfolio, signal, events),
                Side::Sell if self.portfolios[portfolio.index()].settings.filter.sides == Sides::BuysOnly => {
                    let (signal, reason) = (signal.signal, Skip::SideNotFollowed);
                    self.emit(now, Event::Skipped { signal, portfolio, reason, numbers: Numbers::NONE }, events);
                }
                Side::Sell => self.leave(now, portfolio, signal, events),
            }
        }
        self.parked.current = None;
    }

    /// Follows a leader's sale, or another way out of his.
    fn leave(&mut self, now: Nanos, portfolio: PortfolioId, signal: &Signal, events: &mut Events) {
        let id = signal.signal;
        let netted = self.net(now, portfolio, signal, events);
        if netted == signal.shares {
            // He gave up only what we had not copied yet.
            let (reason, numbers) = (Skip::Netted, Numbers::NONE);
            return self.emit(now, Event::Skipped { signal: id, portfolio, reason, numbers }, events);
        }
        let (shares, leader_held) = (signal.shares - netted, signal.leader_held.minus(netted));
        self.follow_exit(now, portfolio, &Signal { shares, leader_held, ..*signal }, events);
    }

    fn enter(&mut self, now: Nanos, portfolio: PortfolioId, signal: &Signal, events: &mut Events) {
        let (id, Signal { leader, token, group_price, .. }) = (signal.signal, *signal);
        let (intent, reference, merges) = match self.course(now, portfolio, signal) {
            Course::Alone(intent) => (intent, group_price, Merges::Nothing),
            Course::Together(intent, reference) => (intent, reference, Merges::All),
            Course::Wait(wanted) => return self.buffer(now, portfolio, signal, wanted, events),
            Course::No((reason, numbers)) => {
                return self.emit(now, Event::Skipped { signal: id, portfolio, reason, numbers }, events);
            }
        };
        match self.check_entry(now, portfolio, leader, token, intent) {
            Ok(approved) => {
                if merges == Merges::All {
                    self.merge_all(now, portfolio, signal, events);
                }
                let origin = Origin { signal: id, portfolio, leader, token, cause: Cause::Entry, reference };
                self.place(now, approved, origin, events);
            }
            Err((reason, numbers)) => self.emit(now, Event::Refused { signal: id, portfolio, reason, numbers }, events),
        }
    }

    /// Returns what a portfolio would do about a leader's buy. Reads only.
    pub(super) fn consider(
        &self,
        now: Nanos,
        portfolio: PortfolioId,
        signal: &Signal,
        beside: Beside,
    ) -> Result<strategy::Intent, strategy::No> {
        if let Some(no) = self.keeps_out(now, portfolio, signal.leader, signal.token) {
            return Err(no);
        }
        if self.tokens[signal.token.index()].known != Known::Yes {
            let filter = &self.portfolios[portfolio.index()].settings.filter;
            // One that was in time and waited in vain lacks the token, not the time.
            let waited = Nanos(now.0.saturating_sub(self.options.metadata_wait.0));
            strategy::filter::age(filter, waited, signal.traded_at)?;
            let wait = self.options.metadata_wait.as_millis() as i64;
            let waited = now.since(signal.traded_at).as_millis() as i64;
            return Err((Skip::NoToken, Numbers { limit: wait, actual: waited }));
        }
        self.conduct(now, portfolio, signal)?;
        let Beside { waiting, carried, reference } = beside;
        let situation = Situation { waiting, carried, reference, ..self.situation_of(now, portfolio, signal) };
        let intent = strategy::entry(&situation)?;
        self.may_add(portfolio, signal, intent.touch)?;
        Ok(intent)
    }

    /// Returns why a portfolio makes no entry into a token, whatever the trade.
    pub(super) fn keeps_out(
        &self,
        now: Nanos,
        portfolio: PortfolioId,
        leader: LeaderId,
        token: TokenId,
    ) -> Option<strategy::No> {
        let Portfolio { entries, mode, .. } = &self.portfolios[portfolio.index()];
        let Token { denied, payout, .. } = &self.tokens[token.index()];
        let plain = |skip| Some((skip, Numbers::NONE));
        if let Some(skip) = self.switched_off(portfolio, leader) {
            return plain(skip);
        }
        if *entries == Entries::Paused {
            return plain(Skip::StrategyPaused);
        }
        if denied.contains(portfolio) {
            return plain(Skip::MarketDenied);
        }
        if payout.is_some() {
            return plain(Skip::MarketClosed);
        }
        let voids = if *mode == Mode::Live { self.voids.of_late(now, leader, token) } else { 0 };
        let numbers = Numbers { limit: VOIDS_MAX as i64, actual: voids as i64 };
        (VOIDS_MAX <= voids).then_some((Skip::VoidBurst, numbers))
    }

    /// Returns what a signal is decided on.
    pub fn situation_of(&self, now: Nanos, portfolio: PortfolioId, signal: &Signal) -> Situation<'_> {
        Situation {
            traded_at: signal.traded_at,
            shares: signal.group_shares,
            counted: self.counted(portfolio, signal),
            part_ppm: self.part_ppm(portfolio, signal),
            role: signal.role,
            ordered: self.groups.ordered(signal.group, portfolio),
            entries: self.entered.others(portfolio, signal.token, signal.group),
            confidence_ppm: self.confidence(now, portfolio, signal),
            ..self.situation(now, portfolio, signal.leader, signal.token, signal.group_price)
        }
    }

    /// Returns what is known of a token at this moment, for a leader's trade that nothing is known of but its price.
    pub(super) fn situation(
        &self,
        now: Nanos,
        portfolio: PortfolioId,
        leader: LeaderId,
        token: TokenId,
        price: Price,
    ) -> Situation<'_> {
        let Portfolio { settings, ledger, .. } = &self.portfolios[portfolio.index()];
        let token = &self.tokens[token.index()];
        Situation {
            settings,
            market: &token.market,
            book: &token.book,
            now,
            traded_at: now,
            price,
            shares: Shares::ZERO,
            counted: Shares::ZERO,
            part_ppm: ONE as u32,
            role: Role::Unknown,
            ordered: Usdc::ZERO,
            waiting: Usdc::ZERO,
            carried: Usdc::ZERO,
            reference: price,
            entries: 0,
            equity: ledger.held(),
            probability: token.probability,
            confidence_ppm: None,
            worth: self.worth_of(leader),
        }
    }

    pub(super) fn market_known(&mut self, now: Nanos, token: TokenId, market: Market, events: &mut Events) {
        self.set_market(token, market);
        self.wake(now, token, events);
    }

    pub(super) fn market_unknown(&mut self, now: Nanos, token: TokenId, events: &mut Events) {
        if self.tokens[token.index()].known == Known::NotYet {
            self.tokens[token.index()].known = Known::Never;
            self.wake(now, token, events);
            // A later trade asks again.
            self.tokens[token.index()].known = Known::NotYet;
        }
    }

    /// Decides the signals that waited for this token, oldest first, once it is cold no more.
    pub(super) fn wake(&mut self, now: Nanos, token: TokenId, events: &mut Events) {
        if self.tokens[token.index()].payout.is_some() {
            self.end_waiting(now, token, events);
        }
        if self.parked.is_empty() || self.is_cold(token) {
            return;
        }
        for _ in 0..DECISIONS_PER_STEP {
            let Some(at) = self.parked.find(|parked| parked.signal.token == token) else { return };
            self.decide_parked(now, at, events);
        }
        self.parked.hasten(now, |parked| parked.signal.token == token);
    }

    pub(super) fn decide_parked(&mut self, now: Nanos, at: usize, events: &mut Events) {
        self.parked.resume(at);
        if let Some(undecided) = self.parked.current {
            self.decide(now, &undecided.signal, events);
        }
    }
}
