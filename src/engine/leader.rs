//! What is remembered of leaders: which fills were seen, what they hold, and which fills belong together.

use crate::domain::{
    LeaderId, Nanos, PortfolioId, Price, Shares, Side, SignalId, TokenId, TradeKey, Usdc,
    event::{Signal, Submitted},
    ids::PORTFOLIOS_MAX,
    money::ONE,
};

/// Fills remembered in each of two generations: at least this many of the latest are known.
pub const SEEN_MAX: usize = 1 << 16;
/// (leader, token) pairs with a holding.
pub const HOLDINGS_MAX: usize = 1 << 15;
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
    /// Plain zeroed words: the system gives their pages only when they are used.
    keys: Box<[[u64; 2]]>,
    count: usize,
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
        if self.current.count == SEEN_MAX {
            std::mem::swap(&mut self.current, &mut self.before);
            self.current.clear();
        }
        self.current.insert(trade);
    }
}

impl Generation {
    /// Twice the keys, so that probes stay short.
    const SLOTS: usize = SEEN_MAX * 2;
    const EMPTY: [u64; 2] = [0, 0];

    fn new() -> Generation {
        Generation { keys: vec![Self::EMPTY; Self::SLOTS].into(), count: 0 }
    }

    fn clear(&mut self) {
        self.keys.fill(Self::EMPTY);
        self.count = 0;
    }

    /// Returns the key's slot, or the empty one where it belongs.
    fn find(&self, trade: TradeKey) -> Result<usize, usize> {
        let mut slot = (trade.0[0] ^ trade.0[1].rotate_left(32)) as usize % Self::SLOTS;
        loop {
            if self.keys[slot] == trade.0 {
                return Ok(slot);
            }
            if self.keys[slot] == Self::EMPTY {
                return Err(slot);
            }
            slot = (slot + 1) % Self::SLOTS;
        }
    }

    fn insert(&mut self, trade: TradeKey) {
        if let Err(slot) = self.find(trade) {
            self.keys[slot] = trade.0;
            self.count += 1;
        }
    }
}

/// What we saw each leader buy and not sell: the measure of how large a part a sale is.
#[derive(Debug)]
pub struct Holdings {
    slots: Box<[Holding]>,
    spare: Box<[Holding]>,
    count: usize,
}

/// A key and the shares held. Plain zeroed words: the system gives their pages only when they are used.
type Holding = [u64; 2];

const NO_HOLDING: Holding = [0, 0];

impl Default for Holdings {
    fn default() -> Holdings {
        let slots = || vec![NO_HOLDING; HOLDINGS_MAX * 2].into();
        Holdings { slots: slots(), spare: slots(), count: 0 }
    }
}

impl Holdings {
    /// Returns what the leader is known to hold; zero if nothing is known.
    pub fn of(&self, leader: LeaderId, token: TokenId) -> Shares {
        find(&self.slots, key(leader, token)).map_or(Shares::ZERO, |slot| Shares(self.slots[slot][1]))
    }

    /// Takes a fill into account. When the table is full of real holdings, new ones are not remembered: a later sale then
    /// counts as a sale of everything, which is the safe side.
    pub(super) fn trade(&mut self, leader: LeaderId, token: TokenId, side: Side, shares: Shares) {
        let key = key(leader, token);
        let slot = match find(&self.slots, key) {
            Ok(slot) => slot,
            Err(_) if side == Side::Sell => return,
            Err(slot) if self.count < HOLDINGS_MAX => {
                self.count += 1;
                slot
            }
            Err(_) => match self.sweep(key) {
                Some(slot) => slot,
                None => return,
            },
        };
        let held = Shares(self.slots[slot][1]);
        let now = match side {
            Side::Buy => Shares(held.0.saturating_add(shares.0)),
            // He may have held some before we began to watch.
            Side::Sell => held.minus(shares),
        };
        self.slots[slot] = [key, now.0];
    }

    /// Drops holdings that ended, and returns a slot for `key` if that made room.
    fn sweep(&mut self, key: u64) -> Option<usize> {
        self.spare.fill(NO_HOLDING);
        let mut count = 0;
        for holding in self.slots.iter().filter(|[_, shares]| *shares > 0) {
            if let Err(slot) = find(&self.spare, holding[0]) {
                self.spare[slot] = *holding;
                count += 1;
            }
        }
        std::mem::swap(&mut self.slots, &mut self.spare);
        self.count = count;
        if HOLDINGS_MAX <= count {
            return None;
        }
        self.count += 1;
        find(&self.slots, key).err()
    }
}

fn key(leader: LeaderId, token: TokenId) -> u64 {
    // Never zero, which means an empty slot.
    (u64::from(leader.0) << 32 | u64::from(token.0)) + 1
}

fn find(slots: &[Holding], key: u64) -> Result<usize, usize> {
    let mut slot = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize % slots.len();
    loop {
        if slots[slot][0] == key {
            return Ok(slot);
        }
        if slots[slot] == NO_HOLDING {
            return Err(slot);
        }
        slot = (slot + 1) % slots.len();
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
    oldest: usize,
}

impl Default for Groups {
    fn default() -> Groups {
        let ordered = vec![[Usdc::ZERO; PORTFOLIOS_MAX]; GROUPS_MAX].into();
        Groups { slots: Vec::with_capacity(GROUPS_MAX), ordered, oldest: 0 }
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
        let slot = self.slots.iter().position(|group| group.first == first);
        slot.map_or(Usdc::ZERO, |slot| self.ordered[slot][portfolio.index()])
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
        self.slots[self.oldest] = group;
        self.oldest = (self.oldest + 1) % GROUPS_MAX;
    }

    /// Returns the group of the signal that led to an order; the signal itself where the group is forgotten.
    pub(super) fn of(&self, order: &Submitted) -> SignalId {
        self.slot_of(order).map_or(order.signal, |slot| self.slots[slot].first)
    }

    fn slot_of(&self, order: &Submitted) -> Option<usize> {
        // A group's signals lie between its first and the first of the next group of this leader and token.
        let is_ours = |group: &Group| {
            group.leader == order.leader
                && group.token == order.token
                && group.side == Side::Buy
                && group.first <= order.signal
        };
        let ours = self.slots.iter().enumerate().filter(|(_, group)| is_ours(group));
        ours.max_by_key(|(_, group)| group.first).map(|(slot, _)| slot)
    }

    /// Notes what a portfolio ordered because of a signal, in the signal's group. A second attempt repeats what was noted.
    pub(super) fn ordered_more(&mut self, order: &Submitted) {
        if let (Some(slot), 1) = (self.slot_of(order), order.attempt) {
            let ordered = &mut self.ordered[slot][order.portfolio.index()];
            *ordered = *ordered + order.budget;
        }
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
    fn holdings_follow_trades_and_never_go_below_zero() {
        let (mut holdings, leader, token) = (Holdings::default(), LeaderId(1), TokenId(2));
        holdings.trade(leader, token, Side::Sell, Shares::whole(5));
        assert_eq!(holdings.of(leader, token), Shares::ZERO);
        holdings.trade(leader, token, Side::Buy, Shares::whole(10));
        holdings.trade(leader, token, Side::Sell, Shares::whole(4));
        assert_eq!(holdings.of(leader, token), Shares::whole(6));
        holdings.trade(leader, token, Side::Sell, Shares::whole(40));
        assert_eq!(holdings.of(leader, token), Shares::ZERO);
    }

    #[test]
    fn a_full_table_of_holdings_sweeps_the_ended_ones_and_then_stops_remembering() {
        let (mut holdings, leader) = (Holdings::default(), LeaderId(0));
        for token in 0..HOLDINGS_MAX as u32 {
            holdings.trade(leader, TokenId(token), Side::Buy, Shares(1));
        }
        let extra = |n: u32| TokenId(HOLDINGS_MAX as u32 + n);
        holdings.trade(leader, extra(0), Side::Buy, Shares(1));
        assert_eq!(holdings.of(leader, extra(0)), Shares::ZERO);
        holdings.trade(leader, TokenId(7), Side::Sell, Shares(1));
        holdings.trade(leader, extra(1), Side::Buy, Shares(3));
        assert_eq!(holdings.of(leader, extra(1)), Shares(3));
        assert_eq!(holdings.of(leader, TokenId(8)), Shares(1));
    }

    #[test]
    fn an_average_price_stays_a_price() {
        let fallback = Price::from_micros(1).expect("a price");
        for (cash, shares, micros) in [(1_000_000, 2_000_000, 500_000), (5, 1, 999_999), (0, 9, 1), (1, 0, 1)] {
            assert_eq!(average_price(Usdc(cash), Shares(shares), fallback).micros(), micros);
        }
    }
}
