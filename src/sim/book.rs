//! The order book of one simulated market: one ladder, seen by two tokens.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::listing::Listing;
use super::message::{BookImage, Change, Level, Outcome, Top};
use super::wire;
use crate::domain::{Millis, Price, Shares, Side, Tick};

/// The ladder is kept as the first token sees it.
#[derive(Clone, Debug)]
pub struct Book {
    listing: Arc<Listing>,
    bids: BTreeMap<Price, Shares>,
    asks: BTreeMap<Price, Shares>,
    pub tick: Tick,
    /// The last trade of each token.
    pub traded: [Option<Price>; 2],
}

/// What a taker got from one level, in the prices of the token that he traded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Taken {
    pub price: Price,
    pub size: Shares,
}

impl Book {
    pub fn new(listing: Arc<Listing>, tick: Tick) -> Book {
        Book { listing, bids: BTreeMap::new(), asks: BTreeMap::new(), tick, traded: [None; 2] }
    }

    pub fn side(&self, side: Side) -> &BTreeMap<Price, Shares> {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    pub fn best_bid(&self) -> Option<Price> {
        self.bids.last_key_value().map(|(price, _)| *price)
    }

    pub fn best_ask(&self) -> Option<Price> {
        self.asks.first_key_value().map(|(price, _)| *price)
    }

    /// Sets the total at one level; zero removes it.
    pub fn apply(&mut self, change: Change) {
        let levels = match change.side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        };
        match change.level.size {
            Shares::ZERO => levels.remove(&change.level.price),
            size => levels.insert(change.level.price, size),
        };
    }

    /// Returns what a taker of `outcome` who wants `size` on `side` would take from the best `depth` levels, and the
    /// changes that this makes. Takes nothing from a book that is empty on that side.
    pub fn sweep(&self, outcome: Outcome, side: Side, size: Shares, depth: usize) -> (Vec<Taken>, Vec<Change>) {
        // Buying the second token takes bids of the first: its ask is their complement.
        let made_on = match (outcome, side) {
            (Outcome::Yes, Side::Buy) | (Outcome::No, Side::Sell) => Side::Sell,
            (Outcome::Yes, Side::Sell) | (Outcome::No, Side::Buy) => Side::Buy,
        };
        let best_first: Vec<Level> = match made_on {
            Side::Buy => self.bids.iter().rev().take(depth).map(level).collect(),
            Side::Sell => self.asks.iter().take(depth).map(level).collect(),
        };
        let (mut taken, mut changes, mut wanted) = (Vec::new(), Vec::new(), size);
        for Level { price, size } in best_first {
            let part = size.min(wanted);
            if part == Shares::ZERO {
                break;
            }
            wanted = wanted - part;
            let price_seen = match outcome {
                Outcome::Yes => price,
                Outcome::No => price.complement(),
            };
            taken.push(Taken { price: price_seen, size: part });
            changes.push(Change { side: made_on, level: Level { price, size: size - part } });
        }
        (taken, changes)
    }

    /// Returns the book as `outcome` sees it, with its hash.
    pub fn image(&self, outcome: Outcome, at: Millis) -> BookImage {
        let mirrored = |(price, size): (&Price, &Shares)| Level { price: price.complement(), size: *size };
        let (bids, asks) = match outcome {
            Outcome::Yes => (self.bids.iter().map(level).collect(), self.asks.iter().rev().map(level).collect()),
            Outcome::No => (self.asks.iter().rev().map(mirrored).collect(), self.bids.iter().map(mirrored).collect()),
        };
        let traded = self.traded[outcome.index()];
        let mut image = BookImage {
            listing: Arc::clone(&self.listing),
            outcome,
            at,
            bids,
            asks,
            tick: self.tick,
            traded,
            hash: String::new(),
        };
        image.hash = wire::book_hash(&image);
        image
    }

    /// Returns the best prices and hashes that both tokens have now.
    pub fn tops(&self, at: Millis) -> [Top; 2] {
        Outcome::BOTH.map(|outcome| self.image(outcome, at).top())
    }
}

fn level((price, size): (&Price, &Shares)) -> Level {
    Level { price: *price, size: *size }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::listing::Listing;
    use crate::sim::random::Random;

    fn price(cents: u32) -> Price {
        Price::from_micros(cents * 10_000).expect("a price")
    }

    fn book() -> Book {
        let mut book = Book::new(Arc::new(Listing::standing(0, &mut Random::new(1), Millis(0))), Tick::CENT);
        for (side, cents, size) in
            [(Side::Buy, 48, 10), (Side::Buy, 50, 20), (Side::Sell, 53, 30), (Side::Sell, 55, 40)]
        {
            book.apply(Change { side, level: Level { price: price(cents), size: Shares::whole(size) } });
        }
        book
    }

    #[test]
    fn a_sweep_takes_best_prices_first_in_the_prices_of_its_token() {
        for (outcome, side, size, expected) in [
            (Outcome::Yes, Side::Buy, 35, vec![(53, 30), (55, 5)]),
            (Outcome::Yes, Side::Sell, 5, vec![(50, 5)]),
            (Outcome::No, Side::Buy, 25, vec![(50, 20), (52, 5)]),
            (Outcome::No, Side::Sell, 1_000, vec![(47, 30), (45, 40)]),
            (Outcome::No, Side::Sell, 0, vec![]),
        ] {
            let (taken, changes) = book().sweep(outcome, side, Shares::whole(size), 5);
            let expected: Vec<Taken> = expected
                .into_iter()
                .map(|(cents, size)| Taken { price: price(cents), size: Shares::whole(size) })
                .collect();
            assert_eq!(taken, expected, "{outcome:?} {side:?} {size}");
            assert_eq!(changes.len(), expected.len());
        }
    }

    #[test]
    fn the_two_tokens_see_mirror_images_with_the_best_last() {
        let [yes, no] = Outcome::BOTH.map(|outcome| book().image(outcome, Millis(1)));
        assert_eq!((yes.top().bid, yes.top().ask), (Some(price(50)), Some(price(53))));
        assert_eq!((no.top().bid, no.top().ask), (Some(price(47)), Some(price(50))));
        assert_eq!(no.bids, [(45, 40), (47, 30)].map(|(c, s)| Level { price: price(c), size: Shares::whole(s) }));
        assert_ne!(yes.hash, no.hash);
    }
}
