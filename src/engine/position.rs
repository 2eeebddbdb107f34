//! Positions: FIFO lots per (portfolio, leader, token), from our own fills.

use crate::domain::{Cause, LeaderId, Nanos, OrderId, PortfolioId, Price, Shares, SignalId, TokenId, Unplanned, Usdc};

/// How many positions may be open at once, and how many lots they may have in all.
pub const POSITIONS_MAX: usize = 4_096;
pub const LOTS_MAX: usize = 16_384;

const NONE: u32 = u32::MAX;
/// How many chains the positions are spread over: twice the positions, so that a chain is short.
const CHAINS: usize = 2 * POSITIONS_MAX;

/// What we hold of one token because of one leader, in one portfolio.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    pub portfolio: PortfolioId,
    pub leader: LeaderId,
    pub token: TokenId,
    pub shares: Shares,
    /// What the lots cost, without fees.
    pub cost: Usdc,
    /// Bought, but not settled yet, and what was paid for it: neither can be sold, and no lot yet.
    pub unsettled: Shares,
    pub unsettled_cost: Usdc,
    /// Sold, but not settled yet: it may come back.
    pub sold: Shares,
    /// Money and shares of open entries.
    pub reserved: Usdc,
    pub pending: Shares,
    /// When the leader made the first of the trades that what is pending or unsettled copies.
    pub coming_led_at: Nanos,
    /// Shares in open sales, also that of the exit plan; no more than are held, unless a sale that had ended turns out to have
    /// been made.
    pub selling: Shares,
    /// The sale that is still owed, and why; it never exceeds what is held or pending.
    pub exit: Exit,
    /// When the first of these shares was bought, and the highest bid that a trailing stop saw since.
    pub opened_at: Nanos,
    pub peak: Option<Price>,
    pub plan: Plan,
    lots: Fifo,
    /// The next position of the token, and of the chain.
    next: u32,
    chained: u32,
}

/// A sale that must happen as soon as it can.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit {
    pub shares: Shares,
    pub cause: Cause,
    pub signal: SignalId,
    /// What its price is measured against.
    pub reference: Option<Price>,
    /// When it began to be owed.
    pub since: Nanos,
    /// After a sale that found nobody: not before this moment.
    pub retry_at: Nanos,
    pub tries: u8,
}

impl Exit {
    pub const NONE: Exit = Exit {
        shares: Shares::ZERO,
        cause: Cause::LeaderExit,
        signal: SignalId::NONE,
        reference: None,
        since: Nanos::ZERO,
        retry_at: Nanos::ZERO,
        tries: 0,
    };
}

/// The sale that rests for an exit plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    pub order: Option<OrderId>,
    /// Why there is none, once that was said.
    pub unplanned: Option<Unplanned>,
    /// After one that ended by itself: the next is not laid before this moment.
    pub retry_at: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Fifo {
    first: u32,
    last: u32,
}

#[derive(Clone, Copy, Debug)]
struct Lot {
    shares: Shares,
    cost: Usdc,
    /// When the leader made the trade that it copies; of lots that were merged the first.
    led_at: Nanos,
    next: u32,
}

/// All positions, each in the list of its token. The room is taken at once; its memory is touched as it is needed.
#[derive(Debug)]
pub struct Positions {
    slots: Vec<Option<Position>>,
    free: Vec<u32>,
    lots: Vec<Lot>,
    lots_free: Vec<u32>,
    /// One more than the first position of each token.
    heads: Vec<u32>,
    /// One more than the first position of each chain: a hundred portfolios may be in one token, and each asks for its own.
    chains: Vec<u32>,
    open: usize,
}

impl Positions {
    /// Makes room for positions in `tokens` tokens.
    pub fn new(tokens: usize) -> Positions {
        Positions {
            slots: Vec::with_capacity(POSITIONS_MAX),
            free: Vec::with_capacity(POSITIONS_MAX),
            lots: Vec::with_capacity(LOTS_MAX),
            lots_free: Vec::with_capacity(LOTS_MAX),
            heads: vec![0; tokens],
            chains: vec![0; CHAINS],
            open: 0,
        }
    }

    pub fn open(&self) -> usize {
        self.open
    }

    fn head(&self, token: TokenId) -> u32 {
        self.heads[token.index()].wrapping_sub(1)
    }

    pub fn any_in(&self, token: TokenId) -> bool {
        self.head(token) != NONE
    }

    pub fn iter(&self) -> impl Iterator<Item = &Position> {
        self.slots.iter().flatten()
    }

    /// Yields the slots of all open positions.
    pub fn open_slots(&self) -> impl Iterator<Item = usize> {
        self.slots.iter().enumerate().filter(|(_, slot)| slot.is_some()).map(|(slot, _)| slot)
    }

    /// Yields the slots of a token's positions.
    pub fn slots_in(&self, token: TokenId) -> impl Iterator<Item = usize> {
        let mut at = self.head(token);
        std::iter::from_fn(move || {
            let slot = (at != NONE).then_some(at as usize)?;
            at = self.slots[slot].as_ref()?.next;
            Some(slot)
        })
    }

    pub fn at(&self, slot: usize) -> &Position {
        self.slots[slot].as_ref().expect("an open position")
    }

    pub fn get(&self, slot: usize) -> Option<&Position> {
        self.slots.get(slot)?.as_ref()
    }

    /// Yields the slots of what a portfolio has in a token, a position for each leader.
    fn slots_of(&self, portfolio: PortfolioId, token: TokenId) -> impl Iterator<Item = usize> {
        let mut at = self.chains[chain(portfolio, token)].wrapping_sub(1);
        let chained = std::iter::from_fn(move || {
            let slot = (at != NONE).then_some(at as usize)?;
            at = self.slots[slot].as_ref()?.chained;
            Some(slot)
        });
        chained.filter(move |slot| (self.at(*slot).portfolio, self.at(*slot).token) == (portfolio, token))
    }

    pub fn find(&self, portfolio: PortfolioId, leader: LeaderId, token: TokenId) -> Option<usize> {
        self.slots_of(portfolio, token).find(|slot| self.at(*slot).leader == leader)
    }

    /// Returns the shares that a portfolio has or waits for in a token, and what they cost or may cost, whoever led it there.
    pub fn entered(&self, portfolio: PortfolioId, token: TokenId) -> (Shares, Usdc) {
        let ours = self.slots_of(portfolio, token).map(|slot| self.at(slot));
        ours.fold((Shares::ZERO, Usdc::ZERO), |(shares, cost), position| {
            (shares + position.coming(), cost + position.committed())
        })
    }

    /// Returns what a portfolio has in a token, deployed and reserved, whoever led it there.
    pub fn committed(&self, portfolio: PortfolioId, token: TokenId) -> Usdc {
        let ours = self.slots_of(portfolio, token).map(|slot| self.at(slot));
        ours.fold(Usdc::ZERO, |sum, position| sum + position.committed())
    }

    /// Returns whether one more position fits. Its first lot then fits, too.
    pub fn has_room(&self) -> bool {
        self.open < POSITIONS_MAX
    }

    pub(super) fn at_mut(&mut self, slot: usize) -> &mut Position {
        self.slots[slot].as_mut().expect("an open position")
    }

    /// Returns the position's slot, opening an empty one if there is none. Panics when the table is full:
    /// risk asks [`has_room`](Self::has_room) first.
    pub(super) fn open_slot(&mut self, portfolio: PortfolioId, leader: LeaderId, token: TokenId) -> usize {
        if let Some(slot) = self.find(portfolio, leader, token) {
            return slot;
        }
        let slot = self.free.pop().unwrap_or(self.slots.len() as u32);
        let position = Position {
            portfolio,
            leader,
            token,
            shares: Shares::ZERO,
            cost: Usdc::ZERO,
            unsettled: Shares::ZERO,
            unsettled_cost: Usdc::ZERO,
            sold: Shares::ZERO,
            reserved: Usdc::ZERO,
            pending: Shares::ZERO,
            coming_led_at: Nanos::ZERO,
            selling: Shares::ZERO,
            exit: Exit::NONE,
            opened_at: Nanos::ZERO,
            peak: None,
            plan: Plan::default(),
            lots: Fifo { first: NONE, last: NONE },
            next: self.head(token),
            chained: self.chains[chain(portfolio, token)].wrapping_sub(1),
        };
        if slot as usize == self.slots.len() {
            assert!(self.slots.len() < POSITIONS_MAX, "more than {POSITIONS_MAX} positions");
            self.slots.push(None);
        }
        self.slots[slot as usize] = Some(position);
        self.heads[token.index()] = slot + 1;
        self.chains[chain(portfolio, token)] = slot + 1;
        self.open += 1;
        slot as usize
    }

    /// Returns how much of a position, and of what is coming to it, copies trades that the leader made by a moment.
    pub fn led_by(&self, slot: usize, at: Nanos) -> Shares {
        let position = self.at(slot);
        let coming = if position.coming_led_at <= at { position.pending + position.unsettled } else { Shares::ZERO };
        let (mut sum, mut next) = (coming, position.lots.first);
        while let Some(lot) = self.lots.get(next as usize) {
            sum = if lot.led_at <= at { sum + lot.shares } else { sum };
            next = lot.next;
        }
        sum
    }

    /// Adds a lot. When no more lots are free than positions may want a first one, it is merged into the position's newest.
    pub(super) fn add(&mut self, slot: usize, shares: Shares, cost: Usdc, led_at: Nanos) {
        let position = self.slots[slot].as_mut().expect("an open position");
        position.shares = position.shares + shares;
        position.cost = position.cost + cost;
        let last = position.lots.last;
        let free = LOTS_MAX - self.lots.len() + self.lots_free.len();
        if last != NONE && free <= POSITIONS_MAX {
            let newest = &mut self.lots[last as usize];
            (newest.shares, newest.cost) = (newest.shares + shares, newest.cost + cost);
            return;
        }
        let lot = self.lots_free.pop().unwrap_or(self.lots.len() as u32);
        let new = Lot { shares, cost, led_at, next: NONE };
        match self.lots.get_mut(lot as usize) {
            Some(free) => *free = new,
            None => self.lots.push(new),
        }
        if last == NONE {
            position.lots.first = lot;
        } else {
            self.lots[last as usize].next = lot;
        }
        position.lots.last = lot;
    }

    /// Returns what the oldest `shares` of a position cost; a part of a lot costs its part, rounded down.
    pub fn basis(&self, slot: usize, shares: Shares) -> Usdc {
        let (mut left, mut basis, mut at) = (shares, Usdc::ZERO, self.at(slot).lots.first);
        while left > Shares::ZERO {
            let lot = self.lots.get(at as usize).expect("no more is sold than is held");
            let part = left.min(lot.shares);
            basis = basis + part_cost(lot, part);
            left = left - part;
            at = lot.next;
        }
        basis
    }

    /// Takes the oldest `shares` out; their cost is what [`basis`](Self::basis) says.
    pub(super) fn take(&mut self, slot: usize, shares: Shares) {
        let mut left = shares;
        while left > Shares::ZERO {
            let position = self.slots[slot].as_mut().expect("an open position");
            let first = position.lots.first;
            let lot = &mut self.lots[first as usize];
            let part = left.min(lot.shares);
            let cost = part_cost(lot, part);
            (lot.shares, lot.cost) = (lot.shares - part, lot.cost - cost);
            (position.shares, position.cost) = (position.shares - part, position.cost - cost);
            left = left - part;
            if lot.shares == Shares::ZERO {
                position.lots.first = lot.next;
                if lot.next == NONE {
                    position.lots.last = NONE;
                }
                self.lots_free.push(first);
            }
        }
    }

    /// Puts shares that were taken back where they were: before all others. Where no more lots are free than positions may
    /// want a first one, they join the oldest.
    pub(super) fn put_back(&mut self, slot: usize, shares: Shares, cost: Usdc) {
        let position = self.slots[slot].as_mut().expect("an open position");
        (position.shares, position.cost) = (position.shares + shares, position.cost + cost);
        let first = position.lots.first;
        let free = LOTS_MAX - self.lots.len() + self.lots_free.len();
        if position.lots.last != NONE && free <= POSITIONS_MAX {
            let oldest = &mut self.lots[first as usize];
            (oldest.shares, oldest.cost) = (oldest.shares + shares, oldest.cost + cost);
            return;
        }
        let lot = self.lots_free.pop().unwrap_or(self.lots.len() as u32);
        let is_alone = position.lots.last == NONE;
        // The oldest there are.
        let new = Lot { shares, cost, led_at: Nanos::ZERO, next: if is_alone { NONE } else { first } };
        match self.lots.get_mut(lot as usize) {
            Some(free) => *free = new,
            None => self.lots.push(new),
        }
        position.lots.first = lot;
        if is_alone {
            position.lots.last = lot;
        }
    }

    /// Forgets a position that holds nothing and has nothing open.
    pub(super) fn close_if_empty(&mut self, slot: usize) {
        let position = *self.at(slot);
        let is_empty = position.shares == Shares::ZERO
            && position.unsettled == Shares::ZERO
            && position.sold == Shares::ZERO
            && position.pending == Shares::ZERO
            && position.reserved == Usdc::ZERO
            && position.selling == Shares::ZERO;
        if !is_empty {
            return;
        }
        debug_assert_eq!(position.cost, Usdc::ZERO);
        let slots = &mut self.slots;
        unlink(slots, &mut self.heads[position.token.index()], slot, |position| &mut position.next);
        let first = &mut self.chains[chain(position.portfolio, position.token)];
        unlink(slots, first, slot, |position| &mut position.chained);
        self.slots[slot] = None;
        self.free.push(slot as u32);
        self.open -= 1;
    }
}

impl Position {
    /// Returns what is held, settled or not, and what open entries surely bring.
    pub fn coming(&self) -> Shares {
        self.shares + self.unsettled + self.pending
    }

    /// Returns what it cost and may cost yet.
    pub fn committed(&self) -> Usdc {
        self.cost + self.unsettled_cost + self.reserved
    }
}

/// Where a portfolio's positions in a token are chained; others may be in the same chain.
fn chain(portfolio: PortfolioId, token: TokenId) -> usize {
    // Neighbouring tokens and portfolios are the usual ones: an odd factor keeps them apart.
    (token.index() * 263 + portfolio.index()) % CHAINS
}

/// Which of a position's links.
type Link = fn(&mut Position) -> &mut u32;

fn link(slots: &mut [Option<Position>], slot: usize, which: Link) -> &mut u32 {
    which(slots[slot].as_mut().expect("an open position"))
}

/// Takes a slot out of a list. `first` is one more than the list's first slot.
fn unlink(slots: &mut [Option<Position>], first: &mut u32, slot: usize, which: Link) {
    let after = *link(slots, slot, which);
    let mut at = first.wrapping_sub(1) as usize;
    if at == slot {
        *first = after.wrapping_add(1);
        return;
    }
    while *link(slots, at, which) as usize != slot {
        at = *link(slots, at, which) as usize;
    }
    *link(slots, at, which) = after;
}

/// A whole lot costs all of its cost, so nothing is left behind by rounding.
fn part_cost(lot: &Lot, part: Shares) -> Usdc {
    Usdc((i128::from(lot.cost.0) * i128::from(part.0) / i128::from(lot.shares.0)) as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const P: PortfolioId = PortfolioId(0);
    const L: LeaderId = LeaderId(0);
    const T: TokenId = TokenId(1);

    #[test]
    fn lots_leave_in_the_order_they_came() {
        let mut positions = Positions::new(2);
        let slot = positions.open_slot(P, L, T);
        positions.add(slot, Shares::whole(10), Usdc::whole(4), Nanos(1));
        positions.add(slot, Shares::whole(10), Usdc::whole(6), Nanos(1));
        assert_eq!(positions.basis(slot, Shares::whole(15)), Usdc::whole(7));
        positions.take(slot, Shares::whole(15));
        assert_eq!((positions.at(slot).shares, positions.at(slot).cost), (Shares::whole(5), Usdc::whole(3)));
        positions.take(slot, Shares::whole(5));
        positions.close_if_empty(slot);
        assert_eq!((positions.open(), positions.any_in(T)), (0, false));
    }

    #[test]
    fn positions_of_a_token_are_told_apart_and_summed() {
        let mut positions = Positions::new(2);
        let slots: Vec<usize> = (0..3).map(|leader| positions.open_slot(P, LeaderId(leader), T)).collect();
        for slot in &slots {
            positions.add(*slot, Shares::whole(1), Usdc::whole(1), Nanos(1));
        }
        positions.at_mut(slots[0]).reserved = Usdc::whole(5);
        assert_eq!(positions.committed(P, T), Usdc::whole(8));
        assert_eq!(positions.committed(PortfolioId(1), T), Usdc::ZERO);
        positions.take(slots[1], Shares::whole(1));
        positions.close_if_empty(slots[1]);
        assert_eq!(positions.find(P, LeaderId(1), T), None);
        assert_eq!(positions.find(P, LeaderId(0), T), Some(slots[0]));
        assert_eq!(positions.slots_in(T).count(), 2);
    }

    #[test]
    fn a_full_table_has_no_room_and_lots_merge_when_they_run_out() {
        let mut positions = Positions::new(POSITIONS_MAX);
        let slot = positions.open_slot(P, L, T);
        for _ in 0..LOTS_MAX + 5 {
            positions.add(slot, Shares(1), Usdc(1), Nanos(1));
        }
        assert_eq!(positions.basis(slot, Shares(LOTS_MAX as u64 + 5)), Usdc(LOTS_MAX as i64 + 5));
        // Whatever one position hoards, each that fits has its first lot.
        for token in 2..POSITIONS_MAX as u32 {
            let slot = positions.open_slot(P, L, TokenId(token));
            positions.add(slot, Shares(1), Usdc(1), Nanos(1));
        }
        assert!(positions.has_room());
        let slot = positions.open_slot(P, L, TokenId(0));
        positions.add(slot, Shares(1), Usdc(1), Nanos(1));
        assert!(!positions.has_room());
    }

    #[test]
    fn positions_are_found_however_they_come_and_go() {
        // Portfolio n of the last token is in the chain of portfolio n + 1 of the first.
        const NEIGHBOUR: u32 = 7351;
        assert_eq!(chain(PortfolioId(0), TokenId(NEIGHBOUR)), chain(PortfolioId(1), TokenId(0)));
        let mut positions = Positions::new(NEIGHBOUR as usize + 1);
        let mut naive: Vec<(u16, u32, u32)> = Vec::new();
        let mut state = 1u64;
        for _ in 0..20_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let pick = |shift: u32, below: u64| (state >> shift) % below;
            let key = (pick(20, 5) as u16, pick(30, 3) as u32, [0, 1, NEIGHBOUR][pick(40, 3) as usize]);
            let found = positions.find(PortfolioId(key.0), LeaderId(key.1), TokenId(key.2));
            assert_eq!(found.is_some(), naive.contains(&key), "{key:?}");
            match found {
                Some(slot) => {
                    positions.close_if_empty(slot);
                    naive.retain(|other| *other != key);
                }
                None => {
                    positions.open_slot(PortfolioId(key.0), LeaderId(key.1), TokenId(key.2));
                    naive.push(key);
                }
            }
            let in_token = naive.iter().filter(|other| other.2 == key.2).count();
            assert_eq!((positions.slots_in(TokenId(key.2)).count(), positions.open()), (in_token, naive.len()));
        }
    }

    #[derive(Clone, Debug)]
    enum Turn {
        Buy(u64, i64),
        Sell(u64),
    }

    fn turns() -> impl Strategy<Value = Vec<Turn>> {
        let buy = (1u64..1_000_000, 0i64..1_000_000).prop_map(|(shares, cost)| Turn::Buy(shares, cost));
        prop::collection::vec(prop_oneof![3 => buy, 1 => (1u64..2_000_000).prop_map(Turn::Sell)], 1..60)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        /// Against a plain queue of lots, also where so few lots are left that they are merged.
        #[test]
        fn lots_are_a_queue(turns in turns(), spare in 0usize..8) {
            let mut positions = Positions::new(3);
            let hoard = positions.open_slot(P, L, TokenId(2));
            (0..LOTS_MAX - POSITIONS_MAX - spare).for_each(|_| positions.add(hoard, Shares(1), Usdc(1), Nanos(1)));
            let slot = positions.open_slot(P, L, T);
            let mut queue = std::collections::VecDeque::<(u64, i64)>::new();
            for turn in turns {
                match turn {
                    Turn::Buy(shares, cost) => {
                        positions.add(slot, Shares(shares), Usdc(cost), Nanos(1));
                        let merges = spare <= queue.len();
                        match queue.back_mut() {
                            Some(last) if merges => *last = (last.0 + shares, last.1 + cost),
                            Some(_) | None => queue.push_back((shares, cost)),
                        }
                    }
                    Turn::Sell(shares) => {
                        let mut left = shares.min(queue.iter().map(|lot| lot.0).sum());
                        let (sold, mut basis) = (Shares(left), 0);
                        while left > 0 {
                            let lot = queue.front_mut().expect("no more is sold than is held");
                            let part = left.min(lot.0);
                            let cost = (i128::from(lot.1) * i128::from(part) / i128::from(lot.0)) as i64;
                            (*lot, left, basis) = ((lot.0 - part, lot.1 - cost), left - part, basis + cost);
                            queue.pop_front_if(|lot| lot.0 == 0);
                        }
                        prop_assert_eq!(positions.basis(slot, sold), Usdc(basis));
                        positions.take(slot, sold);
                    }
                }
                let held = queue.iter().fold((0, 0), |sum, lot| (sum.0 + lot.0, sum.1 + lot.1));
                prop_assert_eq!((positions.at(slot).shares.0, positions.at(slot).cost.0), held);
            }
        }

        #[test]
        fn cost_is_neither_made_nor_lost(buys in prop::collection::vec((1u64..1_000_000, 0i64..1_000_000), 1..20), sells in prop::collection::vec(1u64..2_000_000, 0..20)) {
            let mut positions = Positions::new(2);
            let slot = positions.open_slot(P, L, T);
            let (mut shares, mut cost) = (0, 0);
            for (lot_shares, lot_cost) in buys {
                positions.add(slot, Shares(lot_shares), Usdc(lot_cost), Nanos(1));
                shares += lot_shares;
                cost += lot_cost;
            }
            for sold in sells {
                let sold = Shares(sold.min(shares));
                let basis = positions.basis(slot, sold);
                positions.take(slot, sold);
                shares -= sold.0;
                cost -= basis.0;
                prop_assert_eq!(positions.at(slot).shares, Shares(shares));
                prop_assert_eq!(positions.at(slot).cost, Usdc(cost));
                prop_assert!(0 <= cost);
            }
            prop_assert_eq!(positions.basis(slot, Shares(shares)), Usdc(cost));
        }
    }
}
