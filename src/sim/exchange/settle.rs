//! What comes later: releases of held orders, expirations, and the chain that settles trades.

use std::sync::Arc;

use super::account::Asset;
use super::event::{Event, Leg, Settlement, Trade, TradeId};
use super::order::{MarketId, OrderId};
use super::reject::Canceled;
use super::{ENDED_MAX, Exchange, State};
use crate::domain::{Nanos, Side};
use crate::sim::random::Random;

/// How the chain behaves. Shares are parts per million of the trades; what they leave settles.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settings {
    pub seed: u64,
    /// What the chain says of a trade comes with a block, at a multiple of this since 1970: the delays below end with the
    /// first block after them.
    pub block_every: Nanos,
    /// From the match to MINED.
    pub mined_after: Delay,
    /// From MINED to CONFIRMED.
    pub confirmed_after: Delay,
    /// From the match to RETRYING.
    pub retrying_after: Delay,
    /// From RETRYING to FAILED.
    pub failed_after: Delay,
    /// MATCHED, RETRYING, FAILED.
    pub failed_ppm: u32,
    /// MATCHED, RETRYING, MINED, CONFIRMED.
    pub retried_ppm: u32,
    /// MATCHED, and nothing more.
    pub stuck_ppm: u32,
    /// Orders that would match, and are held for `delayed_for` whatever their market says.
    pub delayed_ppm: u32,
    pub delayed_for: Nanos,
    /// Held orders: the quotes of the house that they would meet are gone when they are released.
    pub delayed_unmatched_ppm: u32,
    /// Orders that meet a quote of the house: they get it for a tick less. A BUY gets more shares than it named.
    pub improved_ppm: u32,
    /// Orders that match: less than 0.01 share of them stays unmatched.
    pub dust_ppm: u32,
}

/// A length of time between the two, both included.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Delay {
    pub least: Nanos,
    pub most: Nanos,
}

impl Delay {
    pub const fn millis(least: u64, most: u64) -> Delay {
        Delay { least: Nanos::from_millis(least), most: Nanos::from_millis(most) }
    }

    fn draw(self, random: &mut Random) -> Nanos {
        let most = self.most.max(self.least);
        Nanos(random.range(self.least.0, most.0.saturating_add(1)))
    }
}

impl Default for Settings {
    /// A chain on a good day: mined 1.5 s after the match on average (PROTOCOL.md 8), confirmed some seconds later, nothing
    /// fails.
    fn default() -> Settings {
        Settings {
            seed: 1,
            block_every: Nanos::from_secs(2),
            mined_after: Delay::millis(400, 600),
            confirmed_after: Delay::millis(3_000, 5_000),
            retrying_after: Delay::millis(1_000, 3_000),
            failed_after: Delay::millis(5_000, 60_000),
            failed_ppm: 0,
            retried_ppm: 0,
            stuck_ppm: 0,
            delayed_ppm: 0,
            delayed_for: Nanos::from_secs(3),
            delayed_unmatched_ppm: 0,
            improved_ppm: 0,
            dust_ppm: 0,
        }
    }
}

impl Settings {
    /// The same chain with a block so often, and all that it takes by itself in proportion.
    pub fn paced(self, block_every: Nanos) -> Settings {
        let paced = |delay: Delay| Delay {
            least: Nanos(scaled(delay.least.0, block_every.0, self.block_every.0)),
            most: Nanos(scaled(delay.most.0, block_every.0, self.block_every.0)),
        };
        Settings {
            block_every,
            mined_after: paced(self.mined_after),
            confirmed_after: paced(self.confirmed_after),
            retrying_after: paced(self.retrying_after),
            ..self
        }
    }
}

fn scaled(nanos: u64, by: u64, of: u64) -> u64 {
    (u128::from(nanos) * u128::from(by) / u128::from(of)) as u64
}

/// What the chain will do with a trade; drawn at the match.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    Settles,
    SettlesLate,
    Fails,
    Sticks,
}

#[derive(Debug)]
pub(super) struct Settling {
    pub trade: Arc<Trade>,
    pub settlement: Settlement,
    fate: Fate,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Due {
    Release(OrderId),
    Expire(OrderId),
    Settle(TradeId),
}

impl Exchange {
    /// Does everything that is due up to `now`, in order of time.
    pub fn advance(&mut self, now: Nanos) {
        while let Some(entry) = self.due.first_entry().filter(|entry| entry.key().0 <= now) {
            let ((at, _), due) = entry.remove_entry();
            match due {
                Due::Release(order) => self.release(at, order),
                Due::Expire(order) => self.expire(order),
                Due::Settle(trade) => self.settle(at, trade),
            }
        }
    }

    /// Returns when [`Exchange::advance`] has something to do next.
    pub fn next_due(&self) -> Option<Nanos> {
        self.due.first_key_value().map(|((at, _), _)| *at)
    }

    /// Tells a trade as it is on the chain from now on: with that transaction, and the ids that its orders have there.
    pub fn name_trade(&mut self, trade: &Arc<Trade>) {
        if let Some(settling) = self.trades.get_mut(&trade.id) {
            settling.trade = Arc::clone(trade);
        }
    }

    pub(super) fn at(&mut self, at: Nanos, due: Due) {
        let number = self.count();
        self.due.insert((at, number), due);
    }

    fn expire(&mut self, order: OrderId) {
        if self.orders.get(&order).is_some_and(|order| order.state == State::Live) {
            self.cancel_resting(&order, Canceled::Expired);
        }
    }

    /// Puts what both sides give into escrow and the trade on its way through the chain.
    pub(super) fn start_settlement(&mut self, trade: Arc<Trade>) {
        let fee = trade.fee.0;
        for leg in legs(&trade) {
            self.escrow += match leg.side {
                Side::Buy => leg.collateral.0,
                Side::Sell => 0,
            };
        }
        self.escrow += match trade.taker.side {
            Side::Buy => fee,
            Side::Sell => 0,
        };
        let fate = self.draw_fate();
        let after = match fate {
            Fate::Settles => Some(self.settings.mined_after),
            Fate::SettlesLate | Fate::Fails => Some(self.settings.retrying_after),
            Fate::Sticks => None,
        };
        if let Some(after) = after {
            let at = self.block_after(trade.at, after);
            self.at(at, Due::Settle(trade.id));
        }
        self.trades.insert(trade.id, Settling { trade, settlement: Settlement::Matched, fate });
    }

    fn block_after(&mut self, since: Nanos, delay: Delay) -> Nanos {
        let at = since.plus(delay.draw(&mut self.random));
        Nanos(at.0.next_multiple_of(self.settings.block_every.0))
    }

    fn draw_fate(&mut self) -> Fate {
        let drawn = self.random.range(0, 1_000_000);
        if self.forced_failures > 0 {
            self.forced_failures -= 1;
            return Fate::Fails;
        }
        let failed = u64::from(self.settings.failed_ppm);
        let retried = failed + u64::from(self.settings.retried_ppm);
        let stuck = retried + u64::from(self.settings.stuck_ppm);
        match drawn {
            drawn if drawn < failed => Fate::Fails,
            drawn if drawn < retried => Fate::SettlesLate,
            drawn if drawn < stuck => Fate::Sticks,
            _ => Fate::Settles,
        }
    }

    /// Takes the trade one step further.
    fn settle(&mut self, at: Nanos, id: TradeId) {
        let Some(settling) = self.trades.get(&id) else { return };
        let (to, then) = match (settling.settlement, settling.fate) {
            (Settlement::Matched, Fate::Fails) => (Settlement::Retrying, Some(self.settings.failed_after)),
            (Settlement::Matched, Fate::SettlesLate) => (Settlement::Retrying, Some(self.settings.mined_after)),
            (Settlement::Matched, Fate::Settles | Fate::Sticks) => {
                (Settlement::Mined, Some(self.settings.confirmed_after))
            }
            (Settlement::Retrying, Fate::Fails) => (Settlement::Failed, None),
            (Settlement::Retrying, Fate::Settles | Fate::SettlesLate | Fate::Sticks) => {
                (Settlement::Mined, Some(self.settings.confirmed_after))
            }
            (Settlement::Mined, _) => (Settlement::Confirmed, None),
            (Settlement::Confirmed | Settlement::Failed, _) => return,
        };
        self.move_to(id, to);
        match then {
            Some(after) => {
                let next = self.block_after(at, after);
                self.at(next, Due::Settle(id));
            }
            None => self.forget_oldest(id),
        }
    }

    fn move_to(&mut self, id: TradeId, to: Settlement) {
        let settling = self.trades.get_mut(&id).expect("looked up before");
        settling.settlement = to;
        let trade = Arc::clone(&settling.trade);
        match to {
            Settlement::Mined => self.deliver(&trade),
            Settlement::Failed => self.give_back(&trade),
            Settlement::Matched | Settlement::Confirmed | Settlement::Retrying => {}
        }
        self.events.push(Event::Settled { trade, to });
    }

    fn forget_oldest(&mut self, settled: TradeId) {
        self.settled.push_back(settled);
        if self.settled.len() > ENDED_MAX {
            let oldest = self.settled.pop_front().expect("more than none");
            self.trades.remove(&oldest);
        }
    }

    /// Mined: everybody gets what he bought. What buyers paid more than sellers get is behind new pairs of shares; what
    /// they paid less comes from pairs that are no more.
    fn deliver(&mut self, trade: &Trade) {
        let (mut paid, mut got) = (0, 0);
        for leg in legs(trade) {
            let collateral = leg.collateral.0;
            match leg.side {
                Side::Buy => {
                    paid += collateral;
                    self.account_mut(leg.account).give(Asset::Shares(trade.market, leg.outcome), leg.shares.0);
                }
                Side::Sell => {
                    got += collateral;
                    self.account_mut(leg.account).give(Asset::Collateral, collateral as u64);
                }
            }
        }
        match trade.taker.side {
            Side::Buy => self.escrow -= trade.fee.0,
            Side::Sell => self.account_mut(trade.taker.account).take(Asset::Collateral, trade.fee.0 as u64),
        }
        self.fees += trade.fee.0;
        self.escrow -= paid;
        self.known(trade.market).locked += paid - got;
    }

    fn give_back(&mut self, trade: &Trade) {
        for leg in legs(trade) {
            let collateral = leg.collateral.0;
            match leg.side {
                Side::Buy => {
                    self.escrow -= collateral;
                    self.account_mut(leg.account).give(Asset::Collateral, collateral as u64);
                }
                Side::Sell => {
                    let asset = Asset::Shares(trade.market, leg.outcome);
                    self.account_mut(leg.account).give(asset, leg.shares.0);
                }
            }
        }
        if trade.taker.side == Side::Buy {
            self.escrow -= trade.fee.0;
            self.account_mut(trade.taker.account).give(Asset::Collateral, trade.fee.0 as u64);
        }
    }

    /// Returns the collateral of trades that are not settled yet, and of fees of those that are.
    pub fn escrow_and_fees(&self) -> (i64, i64) {
        (self.escrow, self.fees)
    }

    /// Returns the collateral that stands behind the shares of a market.
    pub fn locked(&self, market: MarketId) -> i64 {
        self.market(market).map_or(0, |market| market.locked)
    }
}

fn legs(trade: &Trade) -> impl Iterator<Item = &Leg> {
    std::iter::once(&trade.taker).chain(&trade.makers)
}
