//! Books that move, gap, cross, lose updates, go empty and change their grid.

use std::collections::BTreeMap;

use crate::{
    domain::{Input, Market, Millis, Nanos, Price, Shares, Side, Tick, TokenId, input::Best},
    sim::random::Random,
};

/// The true book of one token: what the venue has, whether or not we hear of it.
#[derive(Clone, Debug)]
pub struct Place {
    pub token: TokenId,
    pub market: Market,
    pub is_known: bool,
    pub has_ended: bool,
    /// What a share is worth, in millionths.
    pub worth: u32,
    bids: BTreeMap<u32, u64>,
    asks: BTreeMap<u32, u64>,
}

impl Place {
    pub fn new(token: TokenId, market: Market, worth: u32, is_known: bool) -> Place {
        let (bids, asks) = (BTreeMap::new(), BTreeMap::new());
        Place { token, market, is_known, has_ended: false, worth, bids, asks }
    }

    pub fn best_ask(&self) -> Option<Price> {
        self.asks.keys().next().and_then(|price| Price::from_micros(*price))
    }

    pub fn best_bid(&self) -> Option<Price> {
        self.bids.keys().next_back().and_then(|price| Price::from_micros(*price))
    }

    /// Returns a price near what a share is worth, on the grid.
    pub fn fair(&self) -> Price {
        let tick = self.market.tick.micros();
        let price = (self.worth / tick * tick).clamp(tick, 1_000_000 - tick);
        Price::from_micros(price).expect("between the first and the last tick")
    }

    /// Moves the worth by some ticks.
    pub fn drift(&mut self, ticks: i64) {
        let tick = i64::from(self.market.tick.micros());
        self.worth = (i64::from(self.worth) + ticks * tick).clamp(3 * tick, 1_000_000 - 3 * tick) as u32;
    }

    /// Fills the book anew around the worth, `depth` levels a side of about `size` shares.
    pub fn refill(&mut self, depth: u64, size: u64, random: &mut Random) {
        self.bids.clear();
        self.asks.clear();
        let (tick, fair) = (self.market.tick.micros(), self.fair().micros());
        let gap = random.range(0, 2) as u32;
        for level in 0..depth as u32 {
            let mut shares = || (1 + random.range(size / 4, size)) * 1_000_000 + random.range(0, 100) * 10_000;
            let (bid, ask) = (fair.checked_sub(tick * level), fair + tick * (1 + gap + level));
            if let Some(bid) = bid.filter(|bid| *bid >= tick) {
                self.bids.insert(bid, shares());
            }
            if ask <= 1_000_000 - tick {
                self.asks.insert(ask, shares());
            }
        }
    }

    pub fn empty(&mut self, side: Side) {
        match side {
            Side::Buy => self.bids.clear(),
            Side::Sell => self.asks.clear(),
        }
    }

    /// Changes the grid, and the book with it.
    pub fn regrid(&mut self, tick: Tick, random: &mut Random) -> Input {
        self.market.tick = tick;
        self.refill(3, 500, random);
        Input::TickChanged { token: self.token, tick }
    }

    /// Says the whole book.
    pub fn snapshot(&self, at: Nanos, inputs: &mut Vec<Input>) {
        let (token, at) = (self.token, Millis(at.as_millis()));
        inputs.push(Input::Snapshot { token, at });
        self.levels(Side::Buy, &self.bids, inputs);
        self.levels(Side::Sell, &self.asks, inputs);
        inputs.push(Input::BookDone { token, at, best: Best::Unstated });
    }

    fn levels(&self, side: Side, levels: &BTreeMap<u32, u64>, inputs: &mut Vec<Input>) {
        let token = self.token;
        inputs.extend(levels.iter().filter_map(|(price, size)| {
            Some(Input::Level { token, side, price: Price::from_micros(*price)?, size: Shares(*size) })
        }));
    }

    /// Says what differs from `before`; in `lost_percent` of 100 cases a level is not said.
    pub fn changes(&self, before: &Place, at: Nanos, lost_percent: u64, random: &mut Random, inputs: &mut Vec<Input>) {
        let token = self.token;
        for (side, old, new) in [(Side::Buy, &before.bids, &self.bids), (Side::Sell, &before.asks, &self.asks)] {
            let gone = old.keys().filter(|price| !new.contains_key(price)).map(|price| (*price, 0));
            let fresh = new.iter().filter(|(price, size)| old.get(price) != Some(size)).map(|(p, s)| (*p, *s));
            for (price, size) in gone.chain(fresh) {
                let Some(price) = Price::from_micros(price).filter(|_| !random.chance(lost_percent)) else { continue };
                inputs.push(Input::Level { token, side, price, size: Shares(size) });
            }
        }
        let best = Best::Stated { bid: self.best_bid(), ask: self.best_ask() };
        inputs.push(Input::BookDone { token, at: Millis(at.as_millis()), best });
    }
}
