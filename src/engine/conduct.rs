//! What is remembered of each leader, and the guards against those who trade on their copiers (RELIABILITY.md 3.4).
//!
//! | what he does | guard |
//! |---|---|
//! | buys and sells at once (L2) | after so many round trips in a day no entries until midnight UTC, or the operator's word |
//! | holds the other side, too (L3) | no entry while he holds another outcome of the event |
//! | one giant trade (L11) | of his dollars, no more than so many times the median of his last trades count |
//! | copies us, or another whom we follow (L12) | no second entry into a token within a time |
//! | is new, or not who he was (L14) | his first trades are copied at a part of the size |
//!
//! They hold back entries only, never exits. All of it is rebuilt by `apply`, except what he is worth.

use super::{Engine, Events, LEADERS_MAX, holdings::hashed, strategy::No};
use crate::domain::{
    Event, LeaderId, LeaderSwitch, Nanos, Numbers, PortfolioId, PortfolioSet, Shares, SignalId, Skip, TokenId, Usdc,
    event::Signal, ids::PORTFOLIOS_MAX, money::ONE, settings::Hedges,
};

/// Groups of a leader's buys that the median is taken of, and how many there must be for it to mean something.
pub const TRADES: usize = 15;
pub const TRADES_MIN: usize = 5;
/// (portfolio, token) pairs whose last entry is remembered: so many sets of so many. Where a set is full, the earliest
/// makes room, and a pair that is not in it counts as entered when the earliest that is left was.
const SETS: usize = 4_096;
const WAYS: usize = 4;
/// Less than this of another outcome is a rest, not a hedge.
const HEDGE_MIN: Shares = Shares::whole(1);

/// What a leader owns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Worth {
    /// Cash and positions.
    pub capital: Usdc,
    /// How much of it is in positions; `None` where only the operator's word for his capital is known.
    pub exposure: Option<Usdc>,
}

/// What is remembered of one leader.
#[derive(Clone, Copy, Debug)]
struct Way {
    /// Volatile, as a book is: read again after a restart.
    worth: Option<Worth>,
    switch: LeaderSwitch,
    /// His last groups of buys, each by its first signal, and their dollars; the oldest makes room.
    trades: [(u64, Usdc); TRADES],
    next: usize,
    /// Round trips, and the day (UTC, from 1970) that they were made on.
    day: u32,
    trips: u32,
}

/// Of whom nothing is known.
static NOBODY: Way =
    Way { worth: None, switch: LeaderSwitch::Inherit, trades: [(0, Usdc::ZERO); TRADES], next: 0, day: 0, trips: 0 };

/// What is known of all leaders, and of the last entries because of them.
#[derive(Debug)]
pub struct Ways {
    of: Vec<Way>,
    /// How many of them have their live switch forced on.
    forced_on: u32,
    /// How many groups of each leader each portfolio ordered.
    copied: Box<[u32]>,
    copied_digest: u64,
    entries: Box<[[Entry; WAYS]]>,
    entries_digest: u64,
}

/// A portfolio's and token's key (zero: nobody's), the group of the last entry, and when it was.
type Entry = [u64; 3];

/// What the guards go by, found once for all who decide on a signal.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Repute {
    trips: u32,
    median: Option<Usdc>,
    hedged: bool,
}

impl Default for Ways {
    fn default() -> Ways {
        Ways {
            of: Vec::with_capacity(LEADERS_MAX),
            forced_on: 0,
            copied: vec![0; LEADERS_MAX * PORTFOLIOS_MAX].into(),
            copied_digest: 0,
            entries: vec![[[0; 3]; WAYS]; SETS].into(),
            entries_digest: 0,
        }
    }
}

impl Way {
    /// Returns the median of his last groups of buys but this one; `None` while there are too few.
    fn median(&self, but: SignalId) -> Option<Usdc> {
        let mut dollars = [Usdc::ZERO; TRADES];
        let known = self.trades.iter().filter(|(group, _)| *group != 0 && *group != but.0);
        let count = known.clone().count();
        dollars.iter_mut().zip(known).for_each(|(place, (_, dollars))| *place = *dollars);
        let dollars = &mut dollars[..count];
        dollars.sort_unstable();
        // Of an even number the lower one.
        (TRADES_MIN <= count).then(|| dollars[(count - 1) / 2])
    }

    fn bought(&mut self, group: SignalId, dollars: Usdc) {
        match self.trades.iter_mut().find(|(known, _)| *known == group.0) {
            Some(trade) => trade.1 = dollars,
            None => {
                self.trades[self.next] = (group.0, dollars);
                self.next = (self.next + 1) % TRADES;
            }
        }
    }

    fn trips_on(&self, day: u32) -> u32 {
        if self.day == day { self.trips } else { 0 }
    }
}

impl Ways {
    fn way(&self, leader: LeaderId) -> &Way {
        self.of.get(leader.index()).unwrap_or(&NOBODY)
    }

    fn way_mut(&mut self, leader: LeaderId) -> &mut Way {
        assert!(leader.index() < LEADERS_MAX, "leader {} is beyond the {LEADERS_MAX} that one engine knows", leader.0);
        if self.of.len() <= leader.index() {
            self.of.resize(leader.index() + 1, NOBODY);
        }
        &mut self.of[leader.index()]
    }

    /// Returns how many round trips a leader made on the day of `now`.
    pub fn trips(&self, leader: LeaderId, now: Nanos) -> u32 {
        self.way(leader).trips_on(now.day())
    }

    /// Returns how many groups of a leader a portfolio ordered so far.
    pub fn copied(&self, leader: LeaderId, portfolio: PortfolioId) -> u32 {
        self.copied[copies(leader, portfolio)]
    }

    /// Returns the group and time of a portfolio's last entry into a token, or, where it may have been forgotten, of one
    /// that was not earlier. [`Nanos::ZERO`]: there was none.
    pub(super) fn last_entry(&self, portfolio: PortfolioId, token: TokenId) -> (SignalId, Nanos) {
        let key = entry_key(portfolio, token);
        let set = &self.entries[set_of(key)];
        let found = set.iter().find(|[of, ..]| *of == key);
        let found = found.or_else(|| set.iter().min_by_key(|[_, _, at]| *at));
        found.map_or((SignalId::NONE, Nanos::ZERO), |[_, group, at]| (SignalId(*group), Nanos(*at)))
    }

    // -- applying --------------------------------------------------------------------------------------------------

    pub(super) fn bought(&mut self, signal: &Signal) {
        let dollars = signal.group_price.cost_ceil(signal.group_shares);
        self.way_mut(signal.leader).bought(signal.group, dollars);
    }

    pub(super) fn turned(&mut self, at: Nanos, leader: LeaderId) {
        let (day, way) = (at.day(), self.way_mut(leader));
        (way.trips, way.day) = (way.trips_on(day) + 1, day);
    }

    pub(super) fn unblock(&mut self, leader: LeaderId) {
        self.way_mut(leader).trips = 0;
    }

    pub(super) fn turn_switch(&mut self, leader: LeaderId, to: LeaderSwitch) {
        let before = std::mem::replace(&mut self.way_mut(leader).switch, to);
        self.forced_on -= u32::from(before == LeaderSwitch::ForceOn);
        self.forced_on += u32::from(to == LeaderSwitch::ForceOn);
    }

    pub fn forced_on(&self) -> u32 {
        self.forced_on
    }

    /// Notes the first order of a group.
    pub(super) fn copied_more(&mut self, leader: LeaderId, portfolio: PortfolioId) {
        let place = copies(leader, portfolio);
        let hash = |count: u32| hashed(&[place as u64, u64::from(count)]);
        let count = self.copied[place];
        self.copied[place] = count.saturating_add(1);
        let after = if count == 0 { self.copied_digest } else { self.copied_digest.wrapping_sub(hash(count)) };
        self.copied_digest = after.wrapping_add(hash(self.copied[place]));
    }

    /// Notes an order for an entry.
    pub(super) fn entered(&mut self, at: Nanos, portfolio: PortfolioId, token: TokenId, group: SignalId) {
        let key = entry_key(portfolio, token);
        let set = &mut self.entries[set_of(key)];
        let known = set.iter().position(|[of, ..]| *of == key);
        let earliest = || (0..WAYS).min_by_key(|place| set[*place][2]).expect("a set has places");
        let place = known.unwrap_or_else(earliest);
        let before = std::mem::replace(&mut set[place], [key, group.0, at.0]);
        let hash = |entry: &Entry| if entry[0] == 0 { 0 } else { hashed(entry) };
        self.entries_digest = self.entries_digest.wrapping_sub(hash(&before)).wrapping_add(hash(&set[place]));
    }

    /// Yields all that `apply` builds, as numbers: equal ways, equal numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        let ways = self.of.iter().enumerate().flat_map(|(leader, way)| {
            let trades = way.trades.iter().flat_map(|(group, dollars)| [*group, dollars.0 as u64]);
            let numbers = [leader as u64, way.switch as u64, way.next as u64, way.day.into(), way.trips.into()];
            // A leader of whom nothing is known is none.
            let is_known = numbers[1..] != [0; 4] || way.trades[0].0 != 0;
            numbers.into_iter().chain(trades).filter(move |_| is_known)
        });
        [self.copied_digest, self.entries_digest].into_iter().chain(ways)
    }
}

fn copies(leader: LeaderId, portfolio: PortfolioId) -> usize {
    leader.index() * PORTFOLIOS_MAX + portfolio.index()
}

fn entry_key(portfolio: PortfolioId, token: TokenId) -> u64 {
    (u64::from(portfolio.0) << 32 | u64::from(token.0)) + 1
}

fn set_of(key: u64) -> usize {
    hashed(&[key]) as usize % SETS
}

impl Engine {
    /// Returns what a leader owns, as it was read last, or else the operator's word; `None` where nothing is known.
    pub fn worth_of(&self, leader: LeaderId) -> Option<Worth> {
        self.ways.way(leader).worth
    }

    /// Takes the operator's word for a leader's capital, at set-up; what is read from the venue replaces it.
    pub fn set_capital(&mut self, leader: LeaderId, capital: Usdc) {
        self.ways.way_mut(leader).worth = Some(Worth { capital, exposure: None });
    }

    /// Takes what was read from the venue.
    pub(super) fn leader_worth(&mut self, leader: LeaderId, capital: Usdc, exposure: Usdc) {
        if leader.index() < LEADERS_MAX {
            self.ways.way_mut(leader).worth = Some(Worth { capital, exposure: Some(exposure) });
        }
    }

    /// Returns how live trading after a leader is switched.
    pub fn leader_switch(&self, leader: LeaderId) -> LeaderSwitch {
        self.ways.way(leader).switch
    }

    pub(super) fn unblock(&mut self, now: Nanos, leader: LeaderId, events: &mut Events) {
        if self.ways.trips(leader, now) > 0 {
            self.emit(now, Event::LeaderUnblocked { leader }, events);
        }
    }

    /// Says that a leader is not followed any more today, when his last round trip was one too many for somebody.
    pub(super) fn block(&mut self, now: Nanos, leader: LeaderId, trips_before: u32, events: &mut Events) {
        let trips = self.ways.trips(leader, now);
        let max_of = |id: PortfolioId| self.portfolios[id.index()].settings.conduct.round_trips_max;
        let is_too_many = trips_before < trips && self.followers_of(leader).iter().any(|id| max_of(id) == trips);
        if is_too_many {
            let until = Nanos::of_day(now.day() + 1);
            let numbers = Numbers { limit: i64::from(trips), actual: i64::from(trips) };
            self.emit(now, Event::LeaderBlocked { leader, until, numbers }, events);
        }
    }

    /// Returns what the guards go by for a buy, found once for all who follow.
    pub(super) fn repute_of(&self, now: Nanos, signal: &Signal, followers: PortfolioSet) -> Repute {
        let Signal { leader, token, group, .. } = *signal;
        let asks = |id: PortfolioId| self.portfolios[id.index()].settings.conduct.hedges == Hedges::Skipped;
        let holds = |other: TokenId| HEDGE_MIN <= self.holdings.of(leader, other);
        Repute {
            trips: self.ways.trips(leader, now),
            median: self.ways.way(leader).median(group),
            hedged: followers.iter().any(asks) && self.kin.of(token).any(holds),
        }
    }

    /// Returns why a leader's ways forbid a portfolio to enter after him, if they do.
    pub(super) fn conduct(&self, now: Nanos, portfolio: PortfolioId, signal: &Signal) -> Result<(), No> {
        let repute = &self.repute;
        let conduct = &self.portfolios[portfolio.index()].settings.conduct;
        let max = conduct.round_trips_max;
        if 0 < max && max <= repute.trips {
            let numbers = Numbers { limit: i64::from(max), actual: i64::from(repute.trips) };
            return Err((Skip::LeaderBlocked, numbers));
        }
        if repute.hedged && conduct.hedges == Hedges::Skipped {
            return Err((Skip::Hedged, Numbers::NONE));
        }
        let (group, at) = self.ways.last_entry(portfolio, signal.token);
        let since = now.since(at);
        if Nanos::ZERO < at && group != signal.group && since < conduct.reentry_min {
            let numbers = Numbers { limit: conduct.reentry_min.as_millis() as i64, actual: since.as_millis() as i64 };
            return Err((Skip::TooSoon, numbers));
        }
        Ok(())
    }

    /// Returns how many of a group's shares count for the size: those beyond so many times the leader's median do not.
    pub(super) fn counted(&self, portfolio: PortfolioId, signal: &Signal) -> Shares {
        let factor = self.portfolios[portfolio.index()].settings.conduct.median_factor_ppm_max;
        let Some(median) = self.repute.median.filter(|_| factor > 0) else { return signal.group_shares };
        let most = median.part_floor(u64::from(factor)).0.max(0) as u64;
        let dollars = signal.group_price.cost_ceil(signal.group_shares).0.max(0) as u64;
        signal.group_shares.fraction_floor(Shares(most), Shares(dollars))
    }

    /// Returns how much of a size is copied (ppm): of a leader's first trades only a part.
    pub(super) fn part_ppm(&self, portfolio: PortfolioId, signal: &Signal) -> u32 {
        let conduct = &self.portfolios[portfolio.index()].settings.conduct;
        let this = u32::from(self.groups.ordered(signal.group, portfolio) > Usdc::ZERO);
        let before = self.ways.copied(signal.leader, portfolio).saturating_sub(this);
        if before < conduct.probation_trades { conduct.probation_ppm } else { ONE as u32 }
    }
}
