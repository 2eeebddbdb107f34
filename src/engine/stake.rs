//! What is at stake, summed as it changes: for each portfolio by market (both its tokens) and by event of the venue.

use super::position::POSITIONS_MAX;
use crate::domain::{ConditionId, Market, PortfolioId, TokenId, Usdc, VenueEventId};

/// Each position is in two sums at most, and half of the slots stay empty, so that probes are short.
const SLOTS: usize = 4 * POSITIONS_MAX;

/// Whose sum it is; never zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Key(u64);

/// The sums that are not zero. The room is taken at once.
#[derive(Debug)]
pub struct Stakes {
    slots: Box<[(u64, Usdc)]>,
}

impl Default for Stakes {
    fn default() -> Stakes {
        Stakes { slots: vec![(0, Usdc::ZERO); SLOTS].into() }
    }
}

impl Key {
    /// Returns the sum that a token's market has in a portfolio. A market that is not known is the token's own.
    pub fn of_market(portfolio: PortfolioId, token: TokenId, market: &Market) -> Key {
        match market.condition {
            ConditionId::UNKNOWN => Key::new(1, portfolio, token.0),
            ConditionId(id) => Key::new(2, portfolio, id),
        }
    }

    /// Returns the sum that its event has. A market whose event is not known is an event of its own.
    pub fn of_event(portfolio: PortfolioId, token: TokenId, market: &Market) -> Key {
        match (market.venue_event, market.condition) {
            (VenueEventId::UNKNOWN, ConditionId::UNKNOWN) => Key::new(3, portfolio, token.0),
            (VenueEventId::UNKNOWN, ConditionId(id)) => Key::new(4, portfolio, id),
            (VenueEventId(id), _) => Key::new(5, portfolio, id),
        }
    }

    fn new(kind: u64, portfolio: PortfolioId, id: u32) -> Key {
        Key(kind << 48 | u64::from(portfolio.0) << 32 | u64::from(id))
    }

    fn home(self) -> usize {
        (self.0.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SLOTS.ilog2())) as usize
    }
}

impl Stakes {
    pub fn of(&self, key: Key) -> Usdc {
        self.find(key).map_or(Usdc::ZERO, |slot| self.slots[slot].1)
    }

    /// Adds to a sum, or takes from it. Panics below zero: nothing leaves a sum that did not enter it.
    pub(super) fn change(&mut self, key: Key, amount: Usdc) {
        match self.find(key) {
            Ok(slot) => {
                let sum = self.slots[slot].1 + amount;
                assert!(Usdc::ZERO <= sum, "a stake of {sum}");
                self.slots[slot].1 = sum;
                if sum == Usdc::ZERO {
                    self.remove(slot);
                }
            }
            Err(slot) if amount > Usdc::ZERO => self.slots[slot] = (key.0, amount),
            Err(_) => assert!(amount == Usdc::ZERO, "{amount} leaves a stake that is not there"),
        }
    }

    /// Returns where the sum is, or where it belongs.
    fn find(&self, key: Key) -> Result<usize, usize> {
        let mut slot = key.home();
        loop {
            match self.slots[slot].0 {
                found if found == key.0 => return Ok(slot),
                0 => return Err(slot),
                _ => slot = (slot + 1) % SLOTS,
            }
        }
    }

    /// Empties a slot and moves up those behind it that would not be found any more.
    fn remove(&mut self, slot: usize) {
        let (mut hole, mut at) = (slot, slot);
        loop {
            at = (at + 1) % SLOTS;
            if self.slots[at].0 == 0 {
                break;
            }
            let home = Key(self.slots[at].0).home();
            if (at + SLOTS - hole) % SLOTS <= (at + SLOTS - home) % SLOTS {
                self.slots[hole] = self.slots[at];
                hole = at;
            }
        }
        self.slots[hole] = (0, Usdc::ZERO);
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn what_is_not_known_is_its_own() {
        let market = |condition, venue_event| Market {
            condition: ConditionId(condition),
            venue_event: VenueEventId(venue_event),
            ..Market::COMMON
        };
        let key = |token, condition, event| {
            let market = market(condition, event);
            let portfolio = PortfolioId(3);
            (Key::of_market(portfolio, TokenId(token), &market).0, Key::of_event(portfolio, TokenId(token), &market).0)
        };
        let check = |a: (u64, u64), b: (u64, u64), same: (bool, bool)| assert_eq!((a.0 == b.0, a.1 == b.1), same);
        check(key(1, 7, 9), key(2, 7, 9), (true, true));
        check(key(1, 7, 9), key(2, 8, 9), (false, true));
        check(key(1, 7, 0), key(2, 7, 0), (true, true));
        check(key(1, 7, 0), key(2, 8, 0), (false, false));
        check(key(1, 0, 0), key(2, 0, 0), (false, false));
    }

    proptest! {
        /// Few homes and many collisions: keys that differ only where the home hardly looks.
        #[test]
        fn sums_are_those_of_a_plain_map(changes in prop::collection::vec((0u32..40, 0i64..5), 1..400)) {
            let mut stakes = Stakes::default();
            let mut naive: HashMap<u32, i64> = HashMap::new();
            // The same home for all: ids that the multiplication takes to one slot, found by trying.
            let home = Key::new(1, PortfolioId(0), 0).home();
            let near = |key: &Key| (key.home() + SLOTS - home) % SLOTS < 3;
            let keys: Vec<Key> = (0..).map(|id| Key::new(1, PortfolioId(0), id)).filter(near).take(40).collect();
            for (which, amount) in changes {
                let sum = naive.entry(which).or_default();
                // Every fifth change takes all there is.
                let amount = if amount == 0 { -*sum } else { amount };
                *sum += amount;
                stakes.change(keys[which as usize], Usdc(amount));
                for (which, sum) in &naive {
                    prop_assert_eq!(stakes.of(keys[*which as usize]), Usdc(*sum));
                }
            }
            let used = stakes.slots.iter().filter(|slot| slot.0 != 0).count();
            prop_assert_eq!(used, naive.values().filter(|sum| **sum != 0).count());
        }
    }
}
