//! One simulated market while it lives: a drifting fair value, and what the house offers around it.

use std::sync::Arc;

use super::book::Book;
use super::exchange::MarketId;
use super::listing::{BOATS, Listing};
use super::message::{Change, Level, opposite};
use super::random::Random;
use super::wire::Phase;
use crate::domain::{Millis, Price, Shares, Side, Tick, market::SHARES_STEP, money::ONE};

/// Fewer levels a side are filled up, unless the ladder ends at the edge.
const LEVELS_MIN: usize = 20;
/// More levels a side are thinned out.
const LEVELS_MAX: usize = 60;
/// The fair value stays this far inside zero and one.
const FAIR_EDGE: i64 = 2_500;
/// Beyond these prices (and beyond their complement) the grid becomes a tenth of a cent, and a cent again inside.
const FINE_BELOW: i64 = 40_000;
const COARSE_ABOVE: i64 = 60_000;
/// What the markets of an event begin at; together about a dollar.
const GROUP_ANCHORS: [i64; BOATS.len()] = [480_000, 310_000, 190_000];
const FINE: Tick = Tick::from_micros(1_000).expect("a tick");

/// What the market is about, which says how it moves and what follows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Standing(usize),
    Short(usize),
    /// One of the markets of an event of which one wins.
    Group(usize),
    /// Moves as it once moved; nobody of ours quotes it.
    Recorded,
}

/// Where the house offers something in a market, all its accounts together; lowest price first.
#[derive(Clone, Debug, Default)]
pub struct Offers {
    bids: Vec<Price>,
    asks: Vec<Price>,
}

impl Offers {
    /// Takes levels in any order, and more than once.
    pub fn of(levels: impl Iterator<Item = (Side, Price)>) -> Offers {
        let mut offers = Offers::default();
        for (side, price) in levels {
            match side {
                Side::Buy => offers.bids.push(price),
                Side::Sell => offers.asks.push(price),
            }
        }
        for prices in [&mut offers.bids, &mut offers.asks] {
            prices.sort_unstable();
            prices.dedup();
        }
        offers
    }

    fn side(&self, side: Side) -> &[Price] {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn best(&self, side: Side) -> Option<Price> {
        match side {
            Side::Buy => self.bids.last().copied(),
            Side::Sell => self.asks.first().copied(),
        }
    }
}

#[derive(Debug)]
pub struct Place {
    pub market: MarketId,
    pub listing: Arc<Listing>,
    pub kind: Kind,
    pub phase: Phase,
    pub book: Book,
    /// What a share of the first token is worth, in millionths.
    pub fair: i64,
    /// Where the fair value is drawn back to.
    pub anchor: i64,
    /// How much the fair value rose lately; it fades.
    pub rise: i64,
}

impl Place {
    pub fn open(market: MarketId, listing: Arc<Listing>, kind: Kind, random: &mut Random) -> Place {
        let anchor = match kind {
            Kind::Standing(_) => random.range(250_000, 750_000) as i64,
            Kind::Short(_) | Kind::Recorded => 500_000,
            Kind::Group(nth) => GROUP_ANCHORS[nth],
        };
        let book = Book::new(Arc::clone(&listing), Tick::CENT);
        Place { market, listing, kind, phase: Phase::Open, book, fair: anchor, anchor, rise: 0 }
    }

    /// Returns the ladder that the house begins with.
    pub fn first_quotes(&self, random: &mut Random) -> Vec<Change> {
        let (mut changes, offers) = (Vec::new(), Offers::default());
        for side in [Side::Buy, Side::Sell] {
            let levels = random.range(LEVELS_MIN as u64, LEVELS_MAX as u64 + 1) as i64;
            changes.extend((0..levels).filter_map(|depth| self.quote_at(&offers, side, depth, random)));
        }
        changes
    }

    /// Moves the fair value. A short market is drawn to one of its ends in the last fifth of its life, and rarely thrown
    /// back.
    pub fn drift(&mut self, now: Millis, random: &mut Random) {
        let pull = match self.kind {
            Kind::Standing(_) | Kind::Group(_) => (self.anchor - self.fair) / 50 + random.step(8_000),
            Kind::Recorded => 0,
            Kind::Short(_) => {
                let life = self.listing.closes_at.0 - self.listing.opens_at.0;
                let left = self.listing.closes_at.0.saturating_sub(now.0);
                let away = self.fair - 500_000;
                let end = if left < life / 5 { away / 12 } else { 0 };
                let news = if random.chance(2) { -away / 2 } else { 0 };
                end + news + random.step(30_000)
            }
        };
        let fair = (self.fair + pull).clamp(FAIR_EDGE, ONE as i64 - FAIR_EDGE);
        self.rise = self.rise * 9 / 10 + fair - self.fair;
        self.fair = fair;
    }

    /// Returns the grid that the fair value calls for, where it is not the present one.
    pub fn tick_due(&self) -> Option<Tick> {
        let edge = self.fair.min(ONE as i64 - self.fair);
        let due = if edge < FINE_BELOW {
            FINE
        } else if edge > COARSE_ABOVE {
            Tick::CENT
        } else {
            self.book.tick
        };
        (due != self.book.tick).then_some(due)
    }

    /// Returns what the house offers next: at most a few levels. Empty if all is as it should be. Its own offers never
    /// cross; those of others that the fair value has run past are taken.
    pub fn requote(&self, offers: &Offers, random: &mut Random) -> Vec<Change> {
        let side = *random.pick(&[Side::Buy, Side::Sell]);
        let (stale, stale_across) = (self.stale(offers, side), self.stale(offers, opposite(side)));
        if !stale.is_empty() || !stale_across.is_empty() {
            return if stale.is_empty() { stale_across } else { stale };
        }
        let (levels, best) = (offers.side(side), offers.best(side));
        if let Some(change) = self.quote_at(offers, side, 0, random).filter(|change| Some(change.level.price) != best) {
            return std::iter::once(change).chain(self.quote_at(offers, side, 1, random)).collect();
        }
        let (count, worst) = match side {
            Side::Buy => (levels.len(), levels.first()),
            Side::Sell => (levels.len(), levels.last()),
        };
        if let Some(price) = worst.filter(|_| count > LEVELS_MAX) {
            return vec![removal(side, *price)];
        }
        let depth = random.range(0, LEVELS_MIN as u64).min(random.range(0, LEVELS_MAX as u64)) as i64;
        let Some(change) = self.quote_at(offers, side, depth, random) else { return Vec::new() };
        let is_there = levels.binary_search(&change.level.price).is_ok();
        if is_there && count > LEVELS_MIN && depth > 0 && random.chance(25) {
            return vec![removal(side, change.level.price)];
        }
        vec![change]
    }

    /// The removals of levels that the fair value has run past, best first, at most three.
    fn stale(&self, offers: &Offers, side: Side) -> Vec<Change> {
        let (limit, levels) = (self.target(side, 0), offers.side(side).iter());
        let stale: Vec<&Price> = match side {
            Side::Buy => levels.rev().take_while(|price| i64::from(price.micros()) > limit).take(3).collect(),
            Side::Sell => levels.take_while(|price| i64::from(price.micros()) < limit).take(3).collect(),
        };
        stale.into_iter().map(|price| removal(side, *price)).collect()
    }

    /// The price, in millionths, of the level `depth` ticks behind the best that the fair value allows.
    fn target(&self, side: Side, depth: i64) -> i64 {
        let tick = i64::from(self.book.tick.micros());
        match side {
            Side::Buy => ((self.fair - tick / 4).div_euclid(tick) - depth) * tick,
            Side::Sell => (-(-(self.fair + tick / 4)).div_euclid(tick) + depth) * tick,
        }
    }

    /// A quote of a new size `depth` ticks behind the best; `None` beyond the edge or where the house would cross itself.
    fn quote_at(&self, offers: &Offers, side: Side, depth: i64, random: &mut Random) -> Option<Change> {
        let price = u32::try_from(self.target(side, depth)).ok().and_then(Price::from_micros)?;
        let crosses = match side {
            Side::Buy => offers.best(Side::Sell).is_some_and(|ask| price >= ask),
            Side::Sell => offers.best(Side::Buy).is_some_and(|bid| price <= bid),
        };
        (!crosses).then(|| Change { side, level: Level { price, size: size(depth as u64, random) } })
    }
}

pub fn removal(side: Side, price: Price) -> Change {
    Change { side, level: Level { price, size: Shares::ZERO } }
}

/// Sizes grow away from the best; most are whole, some have cents.
fn size(depth: u64, random: &mut Random) -> Shares {
    let whole = random.range(5, 60 + 90 * (depth + 1)) * (1 + random.range(0, 10) / 7 * 5);
    let cents = if random.chance(35) { random.range(0, 100) } else { 0 };
    Shares(whole * ONE + cents * SHARES_STEP)
}
