//! The order book of one market as the public sees it: what the exchange told of one ladder, seen by two tokens.

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
    fn the_two_tokens_see_mirror_images_with_the_best_last() {
        let [yes, no] = Outcome::BOTH.map(|outcome| book().image(outcome, Millis(1)));
        assert_eq!((yes.top().bid, yes.top().ask), (Some(price(50)), Some(price(53))));
        assert_eq!((no.top().bid, no.top().ask), (Some(price(47)), Some(price(50))));
        assert_eq!(no.bids, [(45, 40), (47, 30)].map(|(c, s)| Level { price: price(c), size: Shares::whole(s) }));
        assert_ne!(yes.hash, no.hash);
    }
}
