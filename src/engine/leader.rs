//! What is remembered of leaders' fills: which were seen, and which belong together.

use super::holdings::hashed;
use crate::domain::{
    LeaderId, Nanos, PortfolioId, Price, Shares, Side, SignalId, TokenId, TradeKey, Usdc,
    event::{Signal, Submitted},
    ids::PORTFOLIOS_MAX,
    money::ONE,
};

/// Fills remembered in each of two generations: at least this many of the latest are known. Leaders who make two trades a
/// second fill one in three days.
pub const SEEN_MAX: usize = 1 << 19;
/// Groups remembered; a group whose place is needed by a newer one simply ends.
pub const GROUPS_MAX: usize = 64;

/// The set of fills seen: when one generation is full the older is forgotten.
#[derive(Debug)]
pub struct Seen {
    current: Generation,
    before: Generation,
}

#[derive(Debug)]
struct Generation {
    /// In the order in which they came. The system gives the pages of this and of the slots only when they are used.
    keys: Vec<TradeKey>,
    /// Where each key is, counted from 1; 0 where nothing is.
    slots: Box<[u32]>,
    /// The sum of the keys' hashes: equal sets, equal digests.
    digest: u64,
}

impl Default for Seen {
    fn default() -> Seen {
        Seen { current: Generation::new(), before: Generation::new() }
    }
}

impl Seen {
    pub fn contains(&self, trade: TradeKey) -> bool {
        self.current.find(trade).is_ok() || self.before.find(trade).is_ok()
    }

    pub(super) fn insert(&mut self, trade: TradeKey) {
        if self.current.keys.len() == SEEN_MAX {
            std::mem::swap(&mut self.current, &mut self.before);
            self.current.clear();
        }
        self.current.insert(trade);
    }

    pub fn digest(&self) -> u64 {
        hashed(&[self.current.digest, self.before.digest])
    }
}

impl Generation {
    /// Twice the keys, so that probes stay short.
    const SLOTS: usize = SEEN_MAX * 2;

    fn new() -> Generation {
        Generation { keys: Vec::with_capacity(SEEN_MAX), slots: vec![0; Self::SLOTS].into(), digest: 0 }
    }

    fn clear(&mut self) {
        self.keys.clear();
        self.slots.fill(0);
        self.digest = 0;
    }

    /// Returns the key's place, or the empty slot where it belongs.
    fn find(&self, trade: TradeKey) -> Result<usize, usize> {
        let mut slot = (trade.0[0] ^ trade.0[1].rotate_left(32)) as usize % Self::SLOTS;
        loop {
            match self.slots[slot] as usize {
                0 => return Err(slot),
                place if self.keys[place - 1] == trade => return Ok(place - 1),
                _ => slot = (slot + 1) % Self::SLOTS,
            }
        }
    }

    fn insert(&mut self, trade: TradeKey) {
        if let Err(slot) = self.find(trade) {
            self.keys.push(trade);
            self.slots[slot] = self.keys.len() as u32;
            self.digest = self.digest.wrapping_add(hashed(&trade.0));
        }
    }
}

/// Fills of one leader, token and side that came close together, and what each portfolio ordered for them so far.
#[derive(Debug)]
pub struct Group {
    pub first: SignalId,
    leader: LeaderId,
    token: TokenId,
    side: Side,
    since: Nanos,
    pub shares: Shares,
    /// What the fills were worth.
    pub cash: Usdc,
}

#[derive(Debug)]
pub struct Groups {
    slots: Vec<Group>,
    /// Beside each group, so that looking for one reads little memory.
    ordered: Box<[[Usdc; PORTFOLIOS_MAX]]>,
    /// What is not to be ordered, because the leader sold it again before it was.
    taken_back: Box<[[Usdc; PORTFOLIOS_MAX]]>,
    oldest: usize,
}

impl Default for Groups {
    fn default() -> Groups {
        let zeros = || vec![[Usdc::ZERO; PORTFOLIOS_MAX]; GROUPS_MAX].into();
        Groups { slots: Vec::with_capacity(GROUPS_MAX), ordered: zeros(), taken_back: zeros(), oldest: 0 }
    }
}

impl Groups {
    /// Returns the group a trade of `at` belongs to, if one is still open.
    pub fn open(&self, leader: LeaderId, token: TokenId, side: Side, at: Nanos, window: Nanos) -> Option<&Group> {
        let same = |group: &&Group| group.leader == leader && group.token == token && group.side == side;
        // Trades may arrive out of order, so a little earlier is as good as a little later.
        let near = |group: &&Group| at.since(group.since) <= window && group.since.since(at) <= window;
        self.slots.iter().filter(same).filter(near).max_by_key(|group| group.first)
    }

    pub fn ordered(&self, first: SignalId, portfolio: PortfolioId) -> Usdc {
        self.slot(first).map_or(Usdc::ZERO, |slot| self.ordered[slot][portfolio.index()])
    }

    pub fn taken_back(&self, first: SignalId, portfolio: PortfolioId) -> Usdc {
        self.slot(first).map_or(Usdc::ZERO, |slot| self.taken_back[slot][portfolio.index()])
    }

    /// Returns when the first fill of a group was made; zero for one that is forgotten.
    pub(super) fn since(&self, first: SignalId) -> Nanos {
        self.slot(first).map_or(Nanos::ZERO, |slot| self.slots[slot].since)
    }

    fn slot(&self, first: SignalId) -> Option<usize> {
        self.slots.iter().position(|group| group.first == first)
    }

    /// Adds a fill to its group, or begins one.
    pub(super) fn add(&mut self, signal: &Signal) {
        let cash = signal.price.cost_ceil(signal.shares);
        if let Some(group) = self.slots.iter_mut().find(|group| group.first == signal.group) {
            group.shares = group.shares + signal.shares;
            group.cash = group.cash + cash;
            return;
        }
        let group = Group {
            first: signal.group,
            leader: signal.leader,
            token: signal.token,
            side: signal.side,
            since: signal.traded_at,
            shares: signal.shares,
            cash,
        };
        if self.slots.len() < GROUPS_MAX {
            self.slots.push(group);
            return;
        }
        self.ordered[self.oldest] = [Usdc::ZERO; PORTFOLIOS_MAX];
        self.taken_back[self.oldest] = [Usdc::ZERO; PORTFOLIOS_MAX];
        self.slots[self.oldest] = group;
        self.oldest = (self.oldest + 1) % GROUPS_MAX;
    }

    /// Returns the group of the signal that led to an order; the signal itself where the group is forgotten.
    pub(super) fn of(&self, order: &Submitted) -> SignalId {
        // A group's signals lie between its first and the first of the next group of this leader and token.
        let is_ours = |group: &&Group| {
            (group.leader, group.token) == (order.leader, order.token)
                && group.side == Side::Buy
                && group.first <= order.signal
        };
        self.slots.iter().filter(is_ours).map(|group| group.first).max().unwrap_or(order.signal)
    }

    /// Notes that so much of a group's copy was ordered.
    pub(super) fn order(&mut self, first: SignalId, portfolio: PortfolioId, dollars: Usdc) {
        if let Some(slot) = self.slot(first) {
            let ordered = &mut self.ordered[slot][portfolio.index()];
            *ordered = *ordered + dollars;
        }
    }

    /// Notes that so much of it is not to be ordered any more.
    pub(super) fn take_back(&mut self, first: SignalId, portfolio: PortfolioId, dollars: Usdc) {
        if let Some(slot) = self.slot(first) {
            let taken = &mut self.taken_back[slot][portfolio.index()];
            *taken = *taken + dollars;
        }
    }

    /// Yields all that it knows, as numbers: equal groups, equal numbers.
    pub(super) fn numbers(&self) -> impl Iterator<Item = u64> {
        let dollars = self.ordered.iter().zip(&self.taken_back);
        self.slots.iter().zip(dollars).flat_map(|(group, (ordered, taken))| {
            let both = ordered.iter().zip(taken).enumerate();
            let known = both.filter(|(_, (ordered, taken))| (**ordered, **taken) != (Usdc::ZERO, Usdc::ZERO));
            let known =
                known.flat_map(|(portfolio, (ordered, taken))| [portfolio as u64, ordered.0 as u64, taken.0 as u64]);
            [group.first.0, group.shares.0, group.cash.0 as u64, group.since.0].into_iter().chain(known)
        })
    }
}

/// Returns the volume-weighted price of `cash` for `shares`, rounded down into (0, 1); `fallback` if there are no shares.
pub fn average_price(cash: Usdc, shares: Shares, fallback: Price) -> Price {
    if shares == Shares::ZERO {
        return fallback;
    }
    let micros = i128::from(cash.0) * i128::from(ONE) / i128::from(shares.0);
    Price::from_micros(micros.clamp(1, i128::from(ONE) - 1) as u32).unwrap_or(fallback)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_latest_fills_are_remembered_and_the_oldest_forgotten() {
        let mut seen = Seen::default();
        let key = |n: u64| TradeKey([n.wrapping_mul(0x9E37_79B9_7F4A_7C15), n]);
        for n in 1..=3 * SEEN_MAX as u64 {
            assert!(!seen.contains(key(n)));
            seen.insert(key(n));
            assert!(seen.contains(key(n)));
        }
        let latest = 2 * SEEN_MAX as u64 + 1;
        assert!((latest..=3 * SEEN_MAX as u64).all(|n| seen.contains(key(n))));
        assert!(!seen.contains(key(1)));
    }

    #[test]
    fn keys_that_collide_are_told_apart() {
        let mut seen = Seen::default();
        for n in 1..=100u64 {
            seen.insert(TradeKey([7, n << 40]));
        }
        assert!((1..=100u64).all(|n| seen.contains(TradeKey([7, n << 40]))));
        assert!(!seen.contains(TradeKey([7, 101 << 40])));
    }

    #[test]
    fn an_average_price_stays_a_price() {
        let fallback = Price::from_micros(1).expect("a price");
        for (cash, shares, micros) in [(1_000_000, 2_000_000, 500_000), (5, 1, 999_999), (0, 9, 1), (1, 0, 1)] {
            assert_eq!(average_price(Usdc(cash), Shares(shares), fallback).micros(), micros);
        }
    }
}
