//! One market: its rules, its phase, and one ladder in prices of the first token.

use std::collections::BTreeMap;

use super::Contract;
use super::order::{AccountId, MarketId, OrderId};
use crate::domain::money::ONE;
use crate::domain::{FeeSchedule, Generation, Nanos, Price, Shares, Side, Tick};
use crate::sim::message::{Change, Level, Resolution};

/// What a market is opened with. Only the tick changes later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub tick: Tick,
    /// The smallest order that may rest, and the smallest SELL.
    pub minimum: Shares,
    pub fee: FeeSchedule,
    /// How long a marketable order is held; [`Nanos::ZERO`]: not at all.
    pub hold: Nanos,
    pub generation: Generation,
    pub neg_risk: bool,
}

impl Rules {
    /// Returns the contract that settles the market: allowances are given to it (PROTOCOL.md 1.2).
    pub const fn contract(&self) -> Contract {
        Contract::of(self.generation, self.neg_risk)
    }
}

/// Whether a market takes orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Open,
    Closed,
    Resolved(Resolution),
}

#[derive(Debug)]
pub(super) struct Market {
    pub rules: Rules,
    pub standing: Standing,
    pub ladder: Ladder,
    /// The last trade of each token, and the side of its taker.
    pub traded: [Option<(Price, Side)>; 2],
    /// Collateral behind the shares: a dollar for each pair until the market is redeemed.
    pub locked: i64,
    /// The house's order at a level.
    pub quotes: BTreeMap<(AccountId, Price), (Side, OrderId)>,
}

impl Market {
    pub fn new(rules: Rules) -> Market {
        let (ladder, quotes) = (Ladder::default(), BTreeMap::new());
        Market { rules, standing: Standing::Open, ladder, traded: [None; 2], locked: 0, quotes }
    }
}

/// Resting orders by price, then arrival; and what stands at each price in all.
#[derive(Debug, Default)]
pub(super) struct Ladder {
    bids: Half,
    asks: Half,
    /// What levels had before the cause that is being worked; few at a time.
    before: Vec<(Side, Price, Shares)>,
}

#[derive(Debug, Default)]
struct Half {
    /// Best first: by distance from the best possible price, then by arrival.
    queue: BTreeMap<(u32, u64), OrderId>,
    totals: BTreeMap<Price, Shares>,
}

/// Ranks prices of a side, best first.
fn rank(side: Side, price: Price) -> u32 {
    match side {
        Side::Buy => ONE as u32 - price.micros(),
        Side::Sell => price.micros(),
    }
}

impl Ladder {
    fn half(&self, side: Side) -> &Half {
        match side {
            Side::Buy => &self.bids,
            Side::Sell => &self.asks,
        }
    }

    fn half_mut(&mut self, side: Side) -> &mut Half {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }

    /// Yields the orders of a side in the order in which they are matched.
    pub fn queue(&self, side: Side) -> impl Iterator<Item = OrderId> {
        self.half(side).queue.values().copied()
    }

    /// Yields levels, best first.
    pub fn levels(&self, side: Side) -> impl Iterator<Item = Level> {
        let level = |(price, size): (&Price, &Shares)| Level { price: *price, size: *size };
        let totals = &self.half(side).totals;
        let (bids, asks) = match side {
            Side::Buy => (Some(totals.iter().rev().map(level)), None),
            Side::Sell => (None, Some(totals.iter().map(level))),
        };
        bids.into_iter().flatten().chain(asks.into_iter().flatten())
    }

    pub fn total(&self, side: Side, price: Price) -> Shares {
        self.half(side).totals.get(&price).copied().unwrap_or_default()
    }

    pub fn insert(&mut self, side: Side, price: Price, arrival: u64, order: OrderId) {
        self.half_mut(side).queue.insert((rank(side, price), arrival), order);
    }

    /// Panics if the order does not rest there.
    pub fn remove(&mut self, side: Side, price: Price, arrival: u64) {
        self.half_mut(side).queue.remove(&(rank(side, price), arrival)).expect("a resting order is in its queue");
    }

    /// Notes that an order at this level has `to` left where it had `from`.
    pub fn shift(&mut self, side: Side, price: Price, from: Shares, to: Shares) {
        let total = self.total(side, price);
        if !self.before.iter().any(|(of, at, _)| (*of, *at) == (side, price)) {
            self.before.push((side, price, total));
        }
        match total - from + to {
            Shares::ZERO => self.half_mut(side).totals.remove(&price),
            total => self.half_mut(side).totals.insert(price, total),
        };
    }

    /// Returns the levels that have another total than when this was last asked.
    pub fn take_changes(&mut self) -> Vec<Change> {
        let before = std::mem::take(&mut self.before);
        let changed = before.into_iter().filter_map(|(side, price, before)| {
            let size = self.total(side, price);
            (size != before).then_some(Change { side, level: Level { price, size } })
        });
        changed.collect()
    }
}

/// Ids are given in order; `None` for one that was never given.
pub(super) fn index(market: MarketId) -> usize {
    market.0 as usize
}
