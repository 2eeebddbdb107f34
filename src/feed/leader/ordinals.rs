//! Equal fills of one transaction -> which of them it is.
//!
//! A leader may have two orders of one size filled in one transaction. A source tells them apart by a mark of its own (the
//! order's hash on the chain, the price on a socket), and numbers them as they come. Which of them is number 0 does not
//! matter: each source counts as many as there are, so together they are counted once.

use crate::domain::TradeKey;

/// How many fills are remembered. One that was forgotten is number 0 again: seen before, never counted twice.
const REMEMBERED: usize = 64;

#[derive(Clone, Copy, Debug, Default)]
struct Fill {
    /// The key with ordinal 0.
    first: TradeKey,
    mark: u64,
    ordinal: u32,
}

/// What one source told last.
#[derive(Debug)]
pub struct Ordinals {
    fills: [Fill; REMEMBERED],
    oldest: usize,
}

impl Default for Ordinals {
    fn default() -> Ordinals {
        Ordinals { fills: [Fill::default(); REMEMBERED], oldest: 0 }
    }
}

impl Ordinals {
    /// Returns the number of the fill among those with the same `first` key: the one it had, if this `mark` was told before.
    pub fn of(&mut self, first: TradeKey, mark: u64) -> u32 {
        let equal = || self.fills.iter().filter(|fill| fill.first == first);
        if let Some(known) = equal().find(|fill| fill.mark == mark) {
            return known.ordinal;
        }
        let ordinal = equal().map(|fill| fill.ordinal + 1).max().unwrap_or(0);
        self.fills[self.oldest] = Fill { first, mark, ordinal };
        self.oldest = (self.oldest + 1) % REMEMBERED;
        ordinal
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_fills_are_numbered_and_one_told_again_keeps_its_number() {
        let mut ordinals = Ordinals::default();
        let (one, other) = (TradeKey([1, 1]), TradeKey([2, 2]));
        let told = [(one, 7, 0), (one, 8, 1), (other, 7, 0), (one, 7, 0), (one, 8, 1), (one, 9, 2)];
        for (first, mark, ordinal) in told {
            assert_eq!(ordinals.of(first, mark), ordinal, "{first:?} {mark}");
        }
    }

    #[test]
    fn a_forgotten_fill_is_the_first_again() {
        let mut ordinals = Ordinals::default();
        assert_eq!((ordinals.of(TradeKey([1, 1]), 1), ordinals.of(TradeKey([1, 1]), 2)), (0, 1));
        (2..=1 + REMEMBERED as u64).for_each(|n| assert_eq!(ordinals.of(TradeKey([n, n]), 1), 0));
        assert_eq!(ordinals.of(TradeKey([1, 1]), 2), 0);
    }
}
