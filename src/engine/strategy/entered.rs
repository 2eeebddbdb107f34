//! How often each portfolio entered each token: groups of fills that bought something, also after the position closed.
//! Rebuilt by `apply`.

use crate::domain::{PortfolioId, SignalId, TokenId};

/// (portfolio, token) pairs that are remembered. When they are used up, those of ended markets make room; if there are
/// none, a further pair counts as entered as often as can be: the limit then lets nothing through.
pub const ENTERED_MAX: usize = 16_384;
/// Groups of one pair that are told apart: those of so many leaders may interleave. Beyond that a group may count twice,
/// never not at all.
const GROUPS: usize = 4;

#[derive(Debug)]
pub struct Entered {
    slots: Box<[Pair]>,
    count: usize,
}

/// What one portfolio did in one token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Pair {
    /// Never zero, which means an empty slot.
    key: u64,
    /// Groups that bought something and are not told apart any more.
    earlier: u32,
    groups: [Group; GROUPS],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Group {
    /// [`SignalId::NONE`]: a free place.
    first: SignalId,
    /// Orders that may still buy something.
    open: u32,
    /// How many fills bought something, and were not void.
    bought: u32,
}

const FREE: Group = Group { first: SignalId::NONE, open: 0, bought: 0 };
const EMPTY: Pair = Pair { key: 0, earlier: 0, groups: [FREE; GROUPS] };

impl Default for Entered {
    fn default() -> Entered {
        Entered { slots: vec![EMPTY; ENTERED_MAX * 2].into(), count: 0 }
    }
}

impl Entered {
    /// Returns how many groups other than `group` bought something, or still may.
    pub fn others(&self, portfolio: PortfolioId, token: TokenId, group: SignalId) -> u32 {
        match find(&self.slots, key(portfolio, token)) {
            Ok(slot) => {
                let pair = &self.slots[slot];
                let others = pair.groups.iter().filter(|of| of.first != group && of.counts());
                pair.earlier.saturating_add(others.count() as u32)
            }
            Err(_) if self.count < ENTERED_MAX => 0,
            Err(_) => u32::MAX,
        }
    }

    /// Notes an order of a group. `is_over` says which markets ended.
    pub(in crate::engine) fn ordered(
        &mut self,
        portfolio: PortfolioId,
        token: TokenId,
        group: SignalId,
        is_over: impl Fn(TokenId) -> bool,
    ) {
        self.make_room(is_over);
        let key = key(portfolio, token);
        let slot = match find(&self.slots, key) {
            Ok(slot) => slot,
            Err(slot) if self.count < ENTERED_MAX => slot,
            Err(_) => return,
        };
        if self.slots[slot].key == 0 {
            self.slots[slot].key = key;
            self.count += 1;
        }
        self.slots[slot].of(group).open += 1;
    }

    /// Notes that an order of a group bought something.
    pub(in crate::engine) fn bought(&mut self, portfolio: PortfolioId, token: TokenId, group: SignalId) {
        if let Some(group) = self.known(portfolio, token, group) {
            group.bought = group.bought.saturating_add(1);
        }
    }

    /// Notes that what an order of a group bought was void.
    pub(in crate::engine) fn unbought(&mut self, portfolio: PortfolioId, token: TokenId, group: SignalId) {
        if let Some(group) = self.known(portfolio, token, group) {
            group.bought = group.bought.saturating_sub(1);
        }
    }

    /// Notes that an order of a group ended.
    pub(in crate::engine) fn closed(&mut self, portfolio: PortfolioId, token: TokenId, group: SignalId) {
        if let Some(group) = self.known(portfolio, token, group) {
            group.open = group.open.saturating_sub(1);
        }
    }

    /// Yields all that it knows, as numbers: equal states, equal numbers.
    pub(in crate::engine) fn numbers(&self) -> impl Iterator<Item = u64> {
        self.slots.iter().filter(|pair| pair.key != 0).flat_map(|pair| {
            let groups = pair.groups.into_iter();
            let groups = groups.flat_map(|of| [of.first.0, u64::from(of.open) << 32 | u64::from(of.bought)]);
            [pair.key, u64::from(pair.earlier)].into_iter().chain(groups)
        })
    }

    fn known(&mut self, portfolio: PortfolioId, token: TokenId, group: SignalId) -> Option<&mut Group> {
        let slot = find(&self.slots, key(portfolio, token)).ok()?;
        self.slots[slot].groups.iter_mut().find(|of| of.first == group)
    }

    /// Makes room, where there is none left, by forgetting the pairs of ended markets.
    pub(in crate::engine) fn make_room(&mut self, is_over: impl Fn(TokenId) -> bool) {
        if self.count < ENTERED_MAX {
            return;
        }
        for slot in 0..self.slots.len() {
            // Another may have moved there.
            while self.slots[slot].key != 0 && is_over(token_of(self.slots[slot].key)) {
                remove(&mut self.slots, slot);
                self.count -= 1;
            }
        }
    }
}

impl Group {
    /// Whether it bought something, or still may.
    fn counts(&self) -> bool {
        self.bought > 0 || self.open > 0
    }
}

impl Pair {
    /// Returns the place of a group: its own, or a new one.
    fn of(&mut self, group: SignalId) -> &mut Group {
        let known = self.groups.iter().position(|of| of.first == group);
        let place = known.unwrap_or_else(|| {
            // A place that counts nothing, else the one that goes back farthest among those that have ended.
            let worth_least = |of: &Group| (of.counts(), of.open > 0, of.first);
            let place = (0..GROUPS).min_by_key(|at| worth_least(&self.groups[*at])).expect("there are some");
            let old = self.groups[place];
            self.earlier = self.earlier.saturating_add(u32::from(old.counts()));
            self.groups[place] = Group { first: group, ..FREE };
            place
        });
        &mut self.groups[place]
    }
}

fn key(portfolio: PortfolioId, token: TokenId) -> u64 {
    (u64::from(portfolio.0) << 32 | u64::from(token.0)) + 1
}

fn token_of(key: u64) -> TokenId {
    TokenId((key - 1) as u32)
}

fn home(slots: &[Pair], key: u64) -> usize {
    (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize % slots.len()
}

/// Returns the key's slot, or the empty one where it belongs.
fn find(slots: &[Pair], key: u64) -> Result<usize, usize> {
    let mut slot = home(slots, key);
    loop {
        if slots[slot].key == key {
            return Ok(slot);
        }
        if slots[slot].key == 0 {
            return Err(slot);
        }
        slot = (slot + 1) % slots.len();
    }
}

/// Frees a slot, and closes the gap that this leaves in a run of slots.
fn remove(slots: &mut [Pair], slot: usize) {
    let (count, mut gap, mut at) = (slots.len(), slot, slot);
    loop {
        at = (at + 1) % count;
        if slots[at].key == 0 {
            break;
        }
        let (from_home, from_gap) = ((at + count - home(slots, slots[at].key)) % count, (at + count - gap) % count);
        if from_gap <= from_home {
            slots[gap] = slots[at];
            gap = at;
        }
    }
    slots[gap] = EMPTY;
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const US: PortfolioId = PortfolioId(3);
    const TOKEN: TokenId = TokenId(7);
    const NEW: SignalId = SignalId(1_000);

    fn never(_: TokenId) -> bool {
        false
    }

    #[test]
    fn what_bought_something_or_may_yet_counts_once() {
        let mut entered = Entered::default();
        let others = |entered: &Entered| entered.others(US, TOKEN, NEW);
        entered.ordered(US, TOKEN, SignalId(1), never);
        assert_eq!((others(&entered), entered.others(US, TOKEN, SignalId(1))), (1, 0));
        entered.closed(US, TOKEN, SignalId(1));
        assert_eq!(others(&entered), 0, "it bought nothing");
        for _ in 0..3 {
            entered.ordered(US, TOKEN, SignalId(1), never);
            entered.bought(US, TOKEN, SignalId(1));
            entered.closed(US, TOKEN, SignalId(1));
        }
        assert_eq!(others(&entered), 1);
        assert_eq!((entered.others(US, TokenId(8), NEW), entered.others(PortfolioId(4), TOKEN, NEW)), (0, 0));
        for group in 2..=20 {
            entered.ordered(US, TOKEN, SignalId(group), never);
            entered.bought(US, TOKEN, SignalId(group));
            entered.closed(US, TOKEN, SignalId(group));
        }
        assert_eq!(others(&entered), 20);
    }

    #[test]
    fn a_full_table_lets_nothing_new_through_until_markets_end() {
        let mut entered = Entered::default();
        for token in 0..ENTERED_MAX as u32 {
            entered.ordered(US, TokenId(token), SignalId(1), never);
        }
        let (extra, first) = (TokenId(ENTERED_MAX as u32), TokenId(0));
        entered.ordered(US, extra, SignalId(1), never);
        assert_eq!((entered.others(US, extra, NEW), entered.others(US, first, NEW)), (u32::MAX, 1));
        entered.ordered(US, extra, SignalId(1), |token| token.0 % 2 == 1);
        let counts = [extra, first, TokenId(1), TokenId(2)].map(|token| entered.others(US, token, NEW));
        assert_eq!((counts, entered.count), ([1, 1, 0, 1], ENTERED_MAX / 2 + 1));
        assert!((0..ENTERED_MAX as u32).step_by(2).all(|token| entered.others(US, TokenId(token), NEW) == 1));
    }

    proptest! {
        /// With at most four groups at a time the count is that of a naive set.
        #[test]
        fn it_counts_as_a_set_does(steps in prop::collection::vec((0u64..12, 0u8..3), 1..80)) {
            let (mut entered, mut bought, mut open) = (Entered::default(), vec![0u32; 40], vec![0u32; 40]);
            for (index, (group, what)) in steps.into_iter().enumerate() {
                // Groups come and go: a window of three slides along.
                let group = 1 + index as u64 / 8 + group % 3;
                let at = group as usize;
                match what {
                    0 => {
                        entered.ordered(US, TOKEN, SignalId(group), never);
                        open[at] += 1;
                    }
                    1 if open[at] > 0 => {
                        entered.bought(US, TOKEN, SignalId(group));
                        bought[at] += 1;
                    }
                    _ if open[at] > 0 => {
                        entered.closed(US, TOKEN, SignalId(group));
                        open[at] -= 1;
                    }
                    _ => (),
                }
                // What was left open behind the window ends.
                for (old, open) in open.iter_mut().enumerate().take(1 + index / 8) {
                    (0..std::mem::take(open)).for_each(|_| entered.closed(US, TOKEN, SignalId(old as u64)));
                }
                let naive = (1..40).filter(|at| bought[*at] > 0 || open[*at] > 0).count();
                prop_assert_eq!(entered.others(US, TOKEN, NEW), naive as u32);
            }
        }
    }
}
