//! One token's order book. The market is bounded, so a price is an index into a flat ladder.
//!
//! A book is only worth trading on while it is [`Trust::Good`]: it began with a snapshot, and what the venue says of its
//! best prices (and hash) agrees with it. Disagreement inside one burst of messages is normal and passes; disagreement
//! that lasts means that an update was lost, and only a new snapshot cures it.

use crate::domain::{Divergence, Millis, Nanos, Price, Shares, Side, input::Best, market::PIP_MICROS, money::ONE};

/// Sign of disagreement older than this, by the venue's clock, is no transient (RELIABILITY.md F56).
const SETTLE: Millis = Millis(50);
/// A hash may cover a last trade price that is only sent later (F75), so a single bad one proves nothing.
const HASHES_BAD_MAX: u8 = 3;

const COARSE: u32 = 1_000; // millionths of a dollar per slot
const FINE: u32 = PIP_MICROS;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trust {
    /// No snapshot yet.
    Cold,
    /// Between the first level of a snapshot and its end.
    Loading,
    Good,
    /// Disagreed with the venue at this venue time; perhaps a transient.
    Suspect(Divergence, Millis),
    Diverged(Divergence),
}

/// What the end of a message made of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    Updated,
    Diverged(Divergence),
    Resynced,
}

/// Shares offered within a bound, and what they cost at the offered prices.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Depth {
    pub shares: Shares,
    /// Millionths of a dollar, rounded up.
    pub cost: i64,
}

#[derive(Debug)]
pub struct Book {
    bids: Ladder,
    asks: Ladder,
    trust: Trust,
    /// A snapshot older than the book is read past.
    passing: bool,
    /// The snapshot being loaded replaces a diverged book.
    cures: bool,
    hashes_bad: u8,
    /// Venue time of the last message; our time when it was handled.
    at: Millis,
    heard: Nanos,
}

impl Default for Book {
    fn default() -> Book {
        Book {
            bids: Ladder::empty(),
            asks: Ladder::empty(),
            trust: Trust::Cold,
            passing: false,
            cures: false,
            hashes_bad: 0,
            at: Millis(0),
            heard: Nanos::ZERO,
        }
    }
}

impl Book {
    #[inline]
    pub fn trust(&self) -> Trust {
        self.trust
    }

    /// Returns when the last message for this token was handled, by our clock.
    pub fn heard(&self) -> Nanos {
        self.heard
    }

    pub fn best_bid(&self) -> Option<Price> {
        self.bids.highest()
    }

    pub fn best_ask(&self) -> Option<Price> {
        self.asks.lowest()
    }

    /// Returns the size at one price; zero if there is none.
    pub fn size(&self, side: Side, price: Price) -> Shares {
        match side {
            Side::Buy => self.bids.size(price),
            Side::Sell => self.asks.size(price),
        }
    }

    /// Yields bids from the lowest, as the venue lists them.
    pub fn bids_up(&self) -> impl Iterator<Item = (Price, Shares)> {
        self.bids.up_from(1)
    }

    /// Yields asks from the lowest: the best first.
    pub fn asks_up(&self) -> impl Iterator<Item = (Price, Shares)> {
        self.asks.up_from(1)
    }

    /// Yields bids from the highest: the best first.
    pub fn bids_down(&self) -> impl Iterator<Item = (Price, Shares)> {
        self.bids.down()
    }

    /// Yields asks from the highest, as the venue lists them.
    pub fn asks_down(&self) -> impl Iterator<Item = (Price, Shares)> {
        self.asks.down()
    }

    /// Returns what is offered at no more than `limit` (`Sell`), or bid for at no less (`Buy`), by levels that stand since
    /// `since` or longer.
    ///
    /// How long a level stands is a bound: from when it last grew, so that the older part of a level that grew is not counted
    /// either. A new snapshot that confirms a level leaves it its age; one that cures a diverged book does not.
    pub fn depth(&self, side: Side, limit: Price, since: Nanos) -> Depth {
        let mut depth = Depth::default();
        let mut add = |(price, size): (Price, Shares), stands_since: Nanos| {
            if stands_since <= since {
                depth.shares = Shares(depth.shares.0.saturating_add(size.0));
                depth.cost = depth.cost.saturating_add(price.cost_ceil(size).0);
            }
        };
        match side {
            Side::Sell => {
                let levels = self.asks_up().take_while(|(price, _)| *price <= limit);
                levels.for_each(|level| add(level, self.asks.since(level.0)));
            }
            Side::Buy => {
                let levels = self.bids_down().take_while(|(price, _)| limit <= *price);
                levels.for_each(|level| add(level, self.bids.since(level.0)));
            }
        }
        depth
    }

    /// Returns whether a level may be stored without a finer ladder.
    #[inline]
    pub(super) fn fits(&self, price: Price) -> bool {
        match self.bids.unit {
            COARSE => price.micros().is_multiple_of(COARSE),
            unit => unit == FINE,
        }
    }

    /// Begins a snapshot stamped `at`. One older than the book is read past, and makes the book diverge.
    pub(super) fn begin(&mut self, at: Millis) {
        if at < self.at && self.trust != Trust::Cold {
            self.passing = true;
            return;
        }
        self.cures = matches!(self.trust, Trust::Diverged(_));
        for ladder in [&mut self.bids, &mut self.asks] {
            ladder.clear();
            if self.cures {
                ladder.forget_before();
            }
        }
        self.trust = Trust::Loading;
        self.hashes_bad = 0;
        self.at = at;
    }

    /// Sets the total at one price. The ladder must [`fits`](Self::fits) it.
    #[inline]
    pub(super) fn set(&mut self, now: Nanos, side: Side, price: Price, size: Shares) {
        if self.passing || self.trust == Trust::Cold {
            return; // Changes before the first snapshot mean nothing.
        }
        match side {
            Side::Buy => self.bids.set(now, price, size),
            Side::Sell => self.asks.set(now, price, size),
        }
    }

    /// Ends a message: compares the book with what the venue says of it.
    pub(super) fn end(&mut self, now: Nanos, at: Millis, best: Best) -> Option<Change> {
        if self.passing {
            self.passing = false;
            return self.diverge(Divergence::StaleSnapshot);
        }
        self.heard = now;
        self.at = self.at.max(at);
        match self.trust {
            Trust::Cold | Trust::Diverged(_) => None,
            Trust::Loading => {
                [&mut self.bids, &mut self.asks].into_iter().for_each(Ladder::forget_before);
                self.trust = match self.disagreement(best) {
                    Some(cause) => Trust::Suspect(cause, at),
                    None => Trust::Good,
                };
                Some(if self.cures { Change::Resynced } else { Change::Updated })
            }
            Trust::Good => {
                if let Some(cause) = self.disagreement(best) {
                    self.trust = Trust::Suspect(cause, at);
                }
                Some(Change::Updated)
            }
            Trust::Suspect(_, since) => match self.disagreement(best) {
                None => {
                    self.trust = Trust::Good;
                    Some(Change::Updated)
                }
                Some(cause) if at.0 > since.0 + SETTLE.0 => self.diverge(cause),
                Some(_) => Some(Change::Updated),
            },
        }
    }

    /// Takes the verdict on the venue's hash of this book.
    pub(super) fn hash_checked(&mut self, good: bool) -> Option<Change> {
        self.hashes_bad = if good { 0 } else { self.hashes_bad.saturating_add(1) };
        if self.hashes_bad >= HASHES_BAD_MAX { self.diverge(Divergence::Hash) } else { None }
    }

    /// Marks the book as not to be traded on until the next snapshot. `None` if it was so already, or never was a book.
    pub(super) fn diverge(&mut self, cause: Divergence) -> Option<Change> {
        if matches!(self.trust, Trust::Cold | Trust::Diverged(_)) {
            return None;
        }
        self.trust = Trust::Diverged(cause);
        Some(Change::Diverged(cause))
    }

    fn disagreement(&self, best: Best) -> Option<Divergence> {
        let (bid, ask) = (self.best_bid(), self.best_ask());
        if let (Some(bid), Some(ask)) = (bid, ask)
            && bid >= ask
        {
            return Some(Divergence::Crossed);
        }
        match best {
            Best::Unstated => None,
            Best::Stated { bid: stated_bid, ask: stated_ask } => {
                ((bid, ask) != (stated_bid, stated_ask)).then_some(Divergence::BestPrices)
            }
        }
    }
}

/// Sizes by price, with two levels of occupancy bits over them.
#[derive(Debug)]
struct Ladder {
    /// Millionths of a dollar per slot; 0: no slots yet.
    unit: u32,
    /// Empty until it is lent: a fine ladder is large, and memory that nobody touched costs nothing. Where the bit is not set
    /// the size is that of before.
    sizes: Vec<u64>,
    /// When each size was last grown to, in nanoseconds: 8 bytes a slot, 16 MB for all coarse books and 20 MB for all fine.
    grown: Vec<u64>,
    words: Vec<u64>,
    /// What was occupied before the snapshot that is being read; nothing at other times.
    before: Vec<u64>,
    summary: [u64; 3],
}

impl Ladder {
    /// Returns a ladder without slots; allocates nothing.
    fn empty() -> Ladder {
        let [sizes, grown, words, before] = [const { Vec::new() }; 4];
        Ladder { unit: 0, sizes, grown, words, before, summary: [0; 3] }
    }

    fn with_unit(unit: u32) -> Ladder {
        let slots = ONE as usize / unit as usize + 1;
        let [sizes, grown] = [slots; 2].map(Vec::with_capacity);
        let [words, before] = [slots.div_ceil(64); 2].map(Vec::with_capacity);
        Ladder { unit, sizes, grown, words, before, summary: [0; 3] }
    }

    /// Fills the room it was made with. Allocates nothing.
    fn unfold(&mut self) {
        let slots = ONE as usize / self.unit as usize + 1;
        self.sizes.resize(slots, 0);
        self.grown.resize(slots, 0);
        self.words.resize(slots.div_ceil(64), 0);
        self.before.resize(slots.div_ceil(64), 0);
    }

    /// Returns the slot of a price that is occupied.
    fn occupied(&self, price: Price) -> Option<usize> {
        if self.unit == 0 || !price.micros().is_multiple_of(self.unit) {
            return None;
        }
        let slot = (price.micros() / self.unit) as usize;
        (self.words[slot / 64] & 1 << (slot % 64) != 0).then_some(slot)
    }

    fn size(&self, price: Price) -> Shares {
        self.occupied(price).map_or(Shares::ZERO, |slot| Shares(self.sizes[slot]))
    }

    /// Returns since when a level has at least its size.
    fn since(&self, price: Price) -> Nanos {
        self.occupied(price).map_or(Nanos::NEVER, |slot| Nanos(self.grown[slot]))
    }

    #[inline]
    fn set(&mut self, now: Nanos, price: Price, size: Shares) {
        // Both units are constants: a division by a constant is a multiplication.
        let slot = if self.unit == COARSE { price.micros() / COARSE } else { price.micros() / FINE } as usize;
        let (word, bit) = (slot / 64, 1 << (slot % 64));
        let is_occupied = self.words[word] & bit != 0;
        let is_known = (self.words[word] | self.before[word]) & bit != 0;
        let was = std::mem::replace(&mut self.sizes[slot], size.0);
        if !is_known || was < size.0 {
            self.grown[slot] = now.0;
        }
        if is_occupied == (size.0 != 0) {
            return; // Most levels only change their size.
        }
        self.words[word] ^= bit;
        let (group, flag) = (word / 64, 1 << (word % 64));
        if self.words[word] == 0 {
            self.summary[group] &= !flag;
        } else {
            self.summary[group] |= flag;
        }
    }

    /// Empties it; which levels there were is remembered until [`Self::forget_before`].
    fn clear(&mut self) {
        self.before.copy_from_slice(&self.words);
        self.words.fill(0);
        self.summary = [0; 3];
    }

    fn forget_before(&mut self) {
        self.before.fill(0);
    }

    fn price(&self, slot: usize) -> Option<Price> {
        Price::from_micros(slot as u32 * self.unit)
    }

    fn lowest(&self) -> Option<Price> {
        self.next_up(0).and_then(|slot| self.price(slot))
    }

    fn highest(&self) -> Option<Price> {
        self.next_down(self.sizes.len()).and_then(|slot| self.price(slot))
    }

    /// Returns the first occupied slot at or above `from`.
    fn next_up(&self, from: usize) -> Option<usize> {
        let word = from / 64;
        let bits = self.words.get(word)? & (!0 << (from % 64));
        if bits != 0 {
            return Some(word * 64 + bits.trailing_zeros() as usize);
        }
        let after = word + 1;
        let mut mask = !0 << (after % 64);
        for group in after / 64..self.summary.len() {
            let bits = self.summary[group] & mask;
            if bits != 0 {
                let word = group * 64 + bits.trailing_zeros() as usize;
                return Some(word * 64 + self.words[word].trailing_zeros() as usize);
            }
            mask = !0;
        }
        None
    }

    /// Returns the last occupied slot below `to`.
    fn next_down(&self, to: usize) -> Option<usize> {
        let last = to.checked_sub(1)?;
        let word = last / 64;
        let bits = self.words.get(word)? & (!0 >> (63 - last % 64));
        if bits != 0 {
            return Some(word * 64 + 63 - bits.leading_zeros() as usize);
        }
        let before = word.checked_sub(1)?;
        let mut mask = !0 >> (63 - before % 64);
        for group in (0..=before / 64).rev() {
            let bits = self.summary[group] & mask;
            if bits != 0 {
                let word = group * 64 + 63 - bits.leading_zeros() as usize;
                return Some(word * 64 + 63 - self.words[word].leading_zeros() as usize);
            }
            mask = !0;
        }
        None
    }

    fn up_from(&self, from: usize) -> impl Iterator<Item = (Price, Shares)> {
        let mut next = from;
        std::iter::from_fn(move || {
            let slot = self.next_up(next)?;
            next = slot + 1;
            Some((self.price(slot)?, Shares(self.sizes[slot])))
        })
    }

    fn down(&self) -> impl Iterator<Item = (Price, Shares)> {
        let mut end = self.sizes.len();
        std::iter::from_fn(move || {
            let slot = self.next_down(end)?;
            end = slot;
            Some((self.price(slot)?, Shares(self.sizes[slot])))
        })
    }
}

/// Ladders made at set-up and lent to books, so that a new book or a finer grid allocates nothing.
#[derive(Debug)]
pub struct Ladders {
    coarse: Vec<[Ladder; 2]>,
    fine: Vec<[Ladder; 2]>,
    /// Pairs that may still be made.
    coarse_left: usize,
    fine_left: usize,
}

impl Ladders {
    /// Allows `coarse` books on grids of 0.001 and coarser, and `fine` ones down to 0.0001. Makes none yet.
    pub fn new(coarse: usize, fine: usize) -> Ladders {
        let (coarse_pairs, fine_pairs) = (Vec::with_capacity(coarse), Vec::with_capacity(fine));
        Ladders { coarse: coarse_pairs, fine: fine_pairs, coarse_left: coarse, fine_left: fine }
    }

    /// Makes what one more token may need, as far as allowed: at set-up, so that lending allocates nothing.
    pub fn make(&mut self) {
        let pair = |unit: u32| [Ladder::with_unit(unit), Ladder::with_unit(unit)];
        if self.coarse_left > 0 {
            self.coarse_left -= 1;
            self.coarse.push(pair(COARSE));
        }
        if self.fine_left > 0 {
            self.fine_left -= 1;
            self.fine.push(pair(FINE));
        }
    }

    /// Gives `book` ladders that hold `price`, keeping its levels. Returns false, changing nothing, when none are left.
    pub fn lend(&mut self, book: &mut Book, price: Price) -> bool {
        if book.fits(price) {
            return true;
        }
        let coarse_fits = price.micros().is_multiple_of(COARSE) && book.bids.unit == 0;
        let lent = if coarse_fits { self.coarse.pop().or_else(|| self.fine.pop()) } else { self.fine.pop() };
        let Some([mut bids, mut asks]) = lent else { return false };
        bids.unfold();
        asks.unfold();
        for (from, to) in [(&book.bids, &mut bids), (&book.asks, &mut asks)] {
            from.up_from(1).for_each(|(price, size)| to.set(from.since(price), price, size));
        }
        let old = [std::mem::replace(&mut book.bids, bids), std::mem::replace(&mut book.asks, asks)];
        self.put_back(old);
        true
    }

    /// Takes a finished book's ladders back.
    pub fn take_back(&mut self, book: &mut Book) {
        let old =
            [std::mem::replace(&mut book.bids, Ladder::empty()), std::mem::replace(&mut book.asks, Ladder::empty())];
        book.trust = Trust::Cold;
        self.put_back(old);
    }

    fn put_back(&mut self, mut pair: [Ladder; 2]) {
        for ladder in &mut pair {
            ladder.clear();
            ladder.forget_before();
        }
        match pair[0].unit {
            COARSE => self.coarse.push(pair),
            FINE => self.fine.push(pair),
            _ => (), // A book that never had any.
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    fn ladders(coarse: usize, fine: usize) -> Ladders {
        let mut ladders = Ladders::new(coarse, fine);
        ladders.make();
        ladders
    }

    fn price(micros: u32) -> Price {
        Price::from_micros(micros).expect("a price")
    }

    fn best(bid: u32, ask: u32) -> Best {
        Best::Stated { bid: Price::from_micros(bid), ask: Price::from_micros(ask) }
    }

    /// A book with bid 0.50 and ask 0.52, stamped 1000.
    fn two_sided(ladders: &mut Ladders) -> Book {
        let mut book = Book::default();
        assert!(ladders.lend(&mut book, price(500_000)));
        book.begin(Millis(1000));
        book.set(Nanos(1), Side::Buy, price(500_000), Shares::whole(10));
        book.set(Nanos(1), Side::Sell, price(520_000), Shares::whole(10));
        assert_eq!(book.end(Nanos(1), Millis(1000), Best::Unstated), Some(Change::Updated));
        assert_eq!(book.trust(), Trust::Good);
        book
    }

    proptest! {
        #[test]
        fn a_flat_book_is_a_sorted_book(fine in any::<bool>(), sets in prop::collection::vec((any::<bool>(), 1u32..1000, 0u64..5), 1..400)) {
            let mut ladders = ladders(1, 1);
            let (mut book, mut bids, mut asks) = (Book::default(), BTreeMap::new(), BTreeMap::new());
            let unit = if fine { FINE } else { COARSE };
            ladders.lend(&mut book, price(unit));
            book.begin(Millis(1));
            for (is_bid, slot, size) in sets {
                let (at, side) = (price(slot * unit), if is_bid { Side::Buy } else { Side::Sell });
                book.set(Nanos(1), side, at, Shares(size));
                let naive = if is_bid { &mut bids } else { &mut asks };
                if size == 0 { naive.remove(&at); } else { naive.insert(at, Shares(size)); }
            }
            let up = |naive: &BTreeMap<Price, Shares>| naive.iter().map(|(p, s)| (*p, *s)).collect::<Vec<_>>();
            prop_assert_eq!(book.bids_up().collect::<Vec<_>>(), up(&bids));
            prop_assert_eq!(book.asks_up().collect::<Vec<_>>(), up(&asks));
            let mut down = book.asks_down().collect::<Vec<_>>();
            down.reverse();
            prop_assert_eq!(down, up(&asks));
            prop_assert_eq!(book.best_bid(), bids.keys().next_back().copied());
            prop_assert_eq!(book.best_ask(), asks.keys().next().copied());
            let limit = price(500 * unit);
            let shares: u64 = asks.range(..=limit).map(|(_, size)| size.0).sum();
            prop_assert_eq!(book.depth(Side::Sell, limit, Nanos(1)).shares, Shares(shares));
            book.begin(Millis(2));
            prop_assert_eq!(book.bids_up().count() + book.asks_up().count(), 0);
        }
    }

    #[test]
    fn a_finer_grid_keeps_the_levels() {
        let mut ladders = ladders(1, 1);
        let mut book = two_sided(&mut ladders);
        assert!(!book.fits(price(510_100)));
        assert!(ladders.lend(&mut book, price(510_100)));
        book.set(Nanos(1), Side::Buy, price(510_100), Shares::whole(1));
        assert_eq!((book.best_bid(), book.best_ask()), (Some(price(510_100)), Some(price(520_000))));
        // The coarse pair came back and can be lent again; a second fine one cannot.
        assert!(ladders.lend(&mut Book::default(), price(1_000)));
        assert!(!ladders.lend(&mut Book::default(), price(100)));
    }

    #[test]
    fn disagreement_inside_a_burst_passes() {
        let mut book = two_sided(&mut ladders(1, 0));
        book.set(Nanos(1), Side::Buy, price(530_000), Shares::whole(1));
        book.end(Nanos(2), Millis(1001), Best::Unstated);
        assert_eq!(book.trust(), Trust::Suspect(Divergence::Crossed, Millis(1001)));
        book.set(Nanos(1), Side::Sell, price(520_000), Shares::ZERO);
        assert_eq!(book.end(Nanos(3), Millis(1001), best(530_000, 0)), Some(Change::Updated));
        assert_eq!(book.trust(), Trust::Good);
    }

    #[test]
    fn disagreement_that_lasts_diverges_until_a_snapshot() {
        let mut book = two_sided(&mut ladders(1, 0));
        assert_eq!(book.end(Nanos(2), Millis(1001), best(510_000, 520_000)), Some(Change::Updated));
        assert_eq!(book.end(Nanos(3), Millis(1051), best(510_000, 520_000)), Some(Change::Updated));
        let diverged = Some(Change::Diverged(Divergence::BestPrices));
        assert_eq!(book.end(Nanos(4), Millis(1052), best(510_000, 520_000)), diverged);
        // Agreement by luck does not cure it.
        assert_eq!(book.end(Nanos(5), Millis(1053), best(500_000, 520_000)), None);
        book.begin(Millis(1060));
        book.set(Nanos(1), Side::Buy, price(510_000), Shares::whole(1));
        assert_eq!(book.end(Nanos(6), Millis(1060), Best::Unstated), Some(Change::Resynced));
        assert_eq!((book.trust(), book.best_ask()), (Trust::Good, None));
    }

    #[test]
    fn a_stale_snapshot_changes_no_level_and_diverges() {
        let mut book = two_sided(&mut ladders(1, 0));
        book.begin(Millis(999));
        book.set(Nanos(1), Side::Buy, price(400_000), Shares::whole(1));
        let diverged = Some(Change::Diverged(Divergence::StaleSnapshot));
        assert_eq!(book.end(Nanos(2), Millis(999), Best::Unstated), diverged);
        assert_eq!(book.best_bid(), Some(price(500_000)));
        // The same stale snapshot again does not resync it.
        book.begin(Millis(999));
        assert_eq!(book.end(Nanos(3), Millis(999), Best::Unstated), None);
        assert_eq!(book.trust(), Trust::Diverged(Divergence::StaleSnapshot));
    }

    #[test]
    fn one_bad_hash_is_forgiven_three_are_not() {
        let mut book = two_sided(&mut ladders(1, 0));
        let verdicts = [false, false, true, false, false].map(|good| book.hash_checked(good));
        assert_eq!(verdicts, [None; 5]);
        assert_eq!(book.hash_checked(false), Some(Change::Diverged(Divergence::Hash)));
    }

    #[test]
    fn changes_before_the_first_snapshot_mean_nothing() {
        let mut book = Book::default();
        ladders(1, 0).lend(&mut book, price(500_000));
        book.set(Nanos(1), Side::Buy, price(500_000), Shares::whole(1));
        assert_eq!(book.end(Nanos(1), Millis(5), Best::Unstated), None);
        assert_eq!((book.trust(), book.best_bid()), (Trust::Cold, None));
    }
}
