//! What each portfolio has at stake because of each leader, spent and won or lost because of him.

use crate::domain::{LeaderId, PortfolioId, Usdc};

/// Pairs of a portfolio and a leader whom it copied at least once. One more is a refusal.
pub const DEALINGS_MAX: usize = 1 << 15;
const SLOTS: usize = 2 * DEALINGS_MAX;

/// Amounts of one portfolio because of one leader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Dealing {
    /// Reserved and deployed now.
    pub stake: Usdc,
    /// What entries of the day cost, fees and open orders at their worst included.
    pub spent: Usdc,
    /// Realised, net of fees: of the day, and in all.
    pub day_result: Usdc,
    pub result: Usdc,
}

impl Dealing {
    const NONE: Dealing = Dealing { stake: Usdc::ZERO, spent: Usdc::ZERO, day_result: Usdc::ZERO, result: Usdc::ZERO };
}

/// All of them; none is ever forgotten. Memory is touched as it is needed.
#[derive(Debug)]
pub struct Dealings {
    all: Vec<(PortfolioId, LeaderId, Dealing)>,
    /// One more than the place in `all`.
    slots: Box<[u32]>,
}

impl Default for Dealings {
    fn default() -> Dealings {
        Dealings { all: Vec::with_capacity(DEALINGS_MAX), slots: vec![0; SLOTS].into() }
    }
}

impl Dealings {
    pub fn of(&self, portfolio: PortfolioId, leader: LeaderId) -> Dealing {
        self.find(portfolio, leader).map_or(Dealing::NONE, |index| self.all[index].2)
    }

    /// Returns whether there is one, or room for it.
    pub fn has_room(&self, portfolio: PortfolioId, leader: LeaderId) -> bool {
        self.all.len() < DEALINGS_MAX || self.find(portfolio, leader).is_ok()
    }

    pub fn iter(&self) -> impl Iterator<Item = &(PortfolioId, LeaderId, Dealing)> {
        self.all.iter()
    }

    /// Returns the dealing to change, a new one if there is none. Panics when the table is full: risk asks
    /// [`has_room`](Self::has_room) first.
    pub(super) fn with(&mut self, portfolio: PortfolioId, leader: LeaderId) -> &mut Dealing {
        let index = self.find(portfolio, leader).unwrap_or_else(|slot| {
            assert!(self.all.len() < DEALINGS_MAX, "more than {DEALINGS_MAX} dealings");
            self.all.push((portfolio, leader, Dealing::NONE));
            self.slots[slot] = self.all.len() as u32;
            self.all.len() - 1
        });
        &mut self.all[index].2
    }

    pub(super) fn begin_day(&mut self) {
        for (.., dealing) in &mut self.all {
            (dealing.spent, dealing.day_result) = (Usdc::ZERO, Usdc::ZERO);
        }
    }

    /// Returns the place in `all`, or the slot where it belongs.
    fn find(&self, portfolio: PortfolioId, leader: LeaderId) -> Result<usize, usize> {
        let key = u64::from(portfolio.0) << 32 | u64::from(leader.0);
        let mut slot = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (64 - SLOTS.ilog2())) as usize;
        loop {
            match self.slots[slot] {
                0 => return Err(slot),
                taken => {
                    let index = taken as usize - 1;
                    if (self.all[index].0, self.all[index].1) == (portfolio, leader) {
                        return Ok(index);
                    }
                }
            }
            slot = (slot + 1) % SLOTS;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_told_apart_days_end_and_a_full_table_has_no_room() {
        let mut dealings = Dealings::default();
        let pair = |n: u32| (PortfolioId((n % 250) as u16), LeaderId(n / 250));
        for n in 0..DEALINGS_MAX as u32 {
            let (portfolio, leader) = pair(n);
            assert!(dealings.has_room(portfolio, leader));
            *dealings.with(portfolio, leader) =
                Dealing { stake: Usdc(1), spent: Usdc(2), day_result: Usdc(3), result: Usdc(n.into()) };
        }
        let (portfolio, leader) = pair(DEALINGS_MAX as u32);
        assert!(!dealings.has_room(portfolio, leader) && dealings.has_room(pair(5).0, pair(5).1));
        dealings.begin_day();
        for n in 0..DEALINGS_MAX as u32 {
            let expected = Dealing { stake: Usdc(1), result: Usdc(n.into()), ..Dealing::NONE };
            assert_eq!(dealings.of(pair(n).0, pair(n).1), expected);
        }
        assert_eq!(dealings.of(portfolio, leader), Dealing::NONE);
    }
}
