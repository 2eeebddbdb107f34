//! Legs: what each match of a live order moved, once for each pair of order and trade, and how it settled. What is kept of
//! settled ones makes every further word of them do nothing.

use super::{apply::StateHash, order::Orders};
use crate::domain::{LeaderId, Nanos, OrderId, PortfolioId, Shares, Side, SignalId, TokenId, TradeKey, Usdc};

/// Legs that are kept. A leg that is not settled, or whose order is open, is never forgotten: while all are such, one more match
/// is a fault. Else the one that came longest ago makes room, and its order is forgotten with it: a later word of either is one
/// of an order that nobody knows.
pub const LEGS_MAX: usize = 8_192;

/// So many voids in a token, or after a leader, within the window keep out of entries there.
pub const VOIDS_MAX: usize = 2;
pub const VOIDS_WINDOW: Nanos = Nanos::from_secs(600);
/// The latest voids that are remembered: beyond so many in a window the oldest do not count.
const VOIDS_KEPT: usize = 256;

/// Where a leg is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It was confirmed before anybody told of the match.
    Foretold,
    /// Matched; it may yet be void.
    Provisional,
    /// Matched, and confirmed before: that follows at once.
    Due,
    Confirmed,
    /// It did not settle. A word of the match that comes now is too late.
    Void,
}

/// What a match moved; a void moves it back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moved {
    pub portfolio: PortfolioId,
    pub leader: LeaderId,
    pub token: TokenId,
    pub side: Side,
    pub group: SignalId,
    pub led_at: Nanos,
    pub shares: Shares,
    pub cash: Usdc,
    pub fee: Usdc,
    /// A sell: what the lots had cost, and by how much less was owed afterwards.
    pub basis: Usdc,
    pub owed: Shares,
    /// When it was matched, and when its order was submitted.
    pub day: Option<u32>,
    pub ordered: Option<u32>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    pub order: OrderId,
    pub trade: TradeKey,
    pub settlement: Settlement,
    /// `None`: the match was never told.
    pub moved: Option<Moved>,
}

impl Moved {
    /// Returns what it added to the realised result.
    pub fn result(&self) -> Usdc {
        match self.side {
            Side::Buy => -self.fee,
            Side::Sell => self.cash - self.fee - self.basis,
        }
    }
}

impl Leg {
    pub fn is_unsettled(&self) -> bool {
        match self.settlement {
            Settlement::Provisional | Settlement::Due => true,
            Settlement::Foretold | Settlement::Confirmed | Settlement::Void => false,
        }
    }

    fn is_kept(&self, orders: &Orders) -> bool {
        self.is_unsettled() || orders.get(self.order).is_some()
    }
}

/// All legs, each in the chain of its name. The room is taken at once.
#[derive(Debug)]
pub struct Legs {
    slots: Box<[Option<Leg>]>,
    /// One more than the first slot of each chain, and than the one after each slot.
    heads: Box<[u32]>,
    after: Box<[u32]>,
    /// Where the next leg is looked for a place: behind the latest.
    cursor: usize,
}

impl Default for Legs {
    fn default() -> Legs {
        let links = || vec![0; LEGS_MAX].into();
        Legs { slots: vec![None; LEGS_MAX].into(), heads: links(), after: links(), cursor: 0 }
    }
}

impl Legs {
    pub fn get(&self, order: OrderId, trade: TradeKey) -> Option<&Leg> {
        self.slots[self.find(order, trade)?].as_ref()
    }

    pub fn iter(&self) -> impl Iterator<Item = &Leg> {
        self.slots.iter().flatten()
    }

    /// Returns whether one more can be kept.
    pub fn has_room(&self, orders: &Orders) -> bool {
        self.vacancy(orders).is_some()
    }

    pub(super) fn get_mut(&mut self, order: OrderId, trade: TradeKey) -> Option<&mut Leg> {
        self.slots[self.find(order, trade)?].as_mut()
    }

    /// Keeps a leg that is not there, and returns the one that made room for it. Panics where none can: see
    /// [`has_room`](Self::has_room).
    pub(super) fn insert(&mut self, leg: Leg, orders: &Orders) -> Option<Leg> {
        let slot = self.vacancy(orders).expect("room for a leg");
        self.cursor = (slot + 1) % LEGS_MAX;
        let old = self.slots[slot];
        if let Some(old) = old {
            self.unlink(slot, chain(old.order, old.trade));
        }
        let chain = chain(leg.order, leg.trade);
        self.slots[slot] = Some(leg);
        (self.after[slot], self.heads[chain]) = (self.heads[chain], slot as u32 + 1);
        old
    }

    fn vacancy(&self, orders: &Orders) -> Option<usize> {
        let mut slots = (0..LEGS_MAX).map(|later| (self.cursor + later) % LEGS_MAX);
        slots.find(|slot| self.slots[*slot].is_none_or(|leg| !leg.is_kept(orders)))
    }

    fn find(&self, order: OrderId, trade: TradeKey) -> Option<usize> {
        let mut at = self.heads[chain(order, trade)];
        while at != 0 {
            let slot = at as usize - 1;
            if self.slots[slot].is_some_and(|leg| (leg.order, leg.trade) == (order, trade)) {
                return Some(slot);
            }
            at = self.after[slot];
        }
        None
    }

    fn unlink(&mut self, slot: usize, chain: usize) {
        let (mut at, after) = (self.heads[chain] as usize - 1, self.after[slot]);
        if at == slot {
            self.heads[chain] = after;
            return;
        }
        while self.after[at] as usize != slot + 1 {
            at = self.after[at] as usize - 1;
        }
        self.after[at] = after;
    }

    pub(super) fn mix(&self, hash: &mut StateHash) {
        for leg in self.iter() {
            [leg.order.0, leg.trade.0[0], leg.trade.0[1], leg.settlement as u64].into_iter().for_each(|n| hash.mix(n));
            if let Some(moved) = leg.moved {
                let amounts = [moved.cash, moved.fee, moved.basis].map(|amount| amount.0 as u64);
                let amounts = amounts.into_iter().chain([moved.shares.0, moved.owed.0]);
                let days = [moved.day, moved.ordered].map(|day| day.map_or(0, u64::from));
                amounts.chain(days).for_each(|number| hash.mix(number));
            }
        }
        hash.mix(self.cursor as u64);
    }
}

fn chain(order: OrderId, trade: TradeKey) -> usize {
    let name = order.0 ^ trade.0[0].rotate_left(17) ^ trade.0[1].rotate_left(41);
    (name.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - LEGS_MAX.ilog2())) as usize
}

/// The latest matches that were void: when, after whom, and in which token.
#[derive(Debug)]
pub struct Voids {
    latest: Box<[(Nanos, LeaderId, TokenId)]>,
    count: usize,
}

impl Default for Voids {
    fn default() -> Voids {
        Voids { latest: vec![(Nanos::ZERO, LeaderId(0), TokenId(0)); VOIDS_KEPT].into(), count: 0 }
    }
}

impl Voids {
    pub(super) fn push(&mut self, at: Nanos, leader: LeaderId, token: TokenId) {
        self.latest[self.count % VOIDS_KEPT] = (at, leader, token);
        self.count += 1;
    }

    /// Returns how many there were within the window in a token, or after a leader, whichever is more.
    pub fn of_late(&self, now: Nanos, leader: LeaderId, token: TokenId) -> usize {
        let kept = self.latest.iter().take(self.count.min(VOIDS_KEPT));
        let late = kept.filter(|(at, ..)| now.since(*at) < VOIDS_WINDOW);
        let (of_leader, in_token) = late.fold((0, 0), |(of_leader, in_token), (_, after, of)| {
            (of_leader + usize::from(*after == leader), in_token + usize::from(*of == token))
        });
        of_leader.max(in_token)
    }

    pub(super) fn mix(&self, hash: &mut StateHash) {
        hash.mix(self.count as u64);
        for (at, leader, token) in self.latest.iter().take(self.count.min(VOIDS_KEPT)) {
            [at.0, u64::from(leader.0), u64::from(token.0)].into_iter().for_each(|number| hash.mix(number));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn leg(n: u64, settlement: Settlement) -> Leg {
        Leg { order: OrderId(OrderId::LIVE.0 + 1), trade: TradeKey([n, 7 * n]), settlement, moved: None }
    }

    #[test]
    fn the_oldest_settled_leg_makes_room_and_the_unsettled_never() {
        let (mut legs, orders) = (Legs::default(), Orders::default());
        for n in 0..LEGS_MAX as u64 {
            let settlement = if n == 0 { Settlement::Provisional } else { Settlement::Confirmed };
            assert_eq!(legs.insert(leg(n, settlement), &orders), None);
        }
        assert_eq!(legs.insert(leg(90_000, Settlement::Void), &orders), Some(leg(1, Settlement::Confirmed)));
        assert_eq!(legs.get(leg(1, Settlement::Void).order, TradeKey([1, 7])), None);
        for n in (0..LEGS_MAX as u64).filter(|n| *n != 1).chain([90_000]) {
            let found = legs.get(OrderId(OrderId::LIVE.0 + 1), TradeKey([n, 7 * n]));
            assert_eq!(found.map(|leg| leg.trade.0[0]), Some(n));
        }
        legs.slots.iter_mut().flatten().for_each(|leg| leg.settlement = Settlement::Provisional);
        assert!(!legs.has_room(&orders));
    }

    #[test]
    fn voids_count_within_their_window_by_token_and_by_leader() {
        let mut voids = Voids::default();
        let at = |secs: u64| Nanos::from_secs(1_000 + secs);
        voids.push(at(0), LeaderId(1), TokenId(1));
        voids.push(at(9), LeaderId(1), TokenId(2));
        let check = |now, leader, token, count| {
            assert_eq!(voids.of_late(at(now), LeaderId(leader), TokenId(token)), count, "{now} {leader} {token}");
        };
        check(10, 1, 9, 2);
        check(10, 2, 1, 1);
        check(10, 2, 9, 0);
        check(599, 1, 9, 2);
        check(600, 1, 9, 1);
        check(609, 1, 9, 0);
    }
}
