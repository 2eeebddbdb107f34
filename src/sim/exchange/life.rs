//! What becomes of a market: its grid changes, it closes, it is resolved.

use super::Exchange;
use super::event::Event;
use super::market::Standing;
use super::order::{MarketId, OrderId, State};
use super::reject::{Canceled, Reject};
use crate::domain::{Side, Tick};
use crate::sim::message::Resolution;

impl Exchange {
    /// Gives an open market another grid; orders that rest off it are cancelled first. Does nothing otherwise.
    pub fn change_tick(&mut self, market: MarketId, new: Tick) {
        let Some(found) = self.market(market).filter(|market| market.standing == Standing::Open) else { return };
        let old = found.rules.tick;
        let off = self.resting(market).into_iter().filter(|id| !new.holds(self.orders[id].price));
        let off: Vec<OrderId> = off.collect();
        self.cancel_together(market, &off, Canceled::OffGrid);
        if new != old {
            self.known(market).rules.tick = new;
            self.events.push(Event::Tick { market, old, new });
        }
    }

    /// Ends trading in an open market and all its open orders, held ones too. Does nothing otherwise.
    pub fn close(&mut self, market: MarketId) {
        if self.market(market).is_none_or(|market| market.standing != Standing::Open) {
            return;
        }
        self.known(market).standing = Standing::Closed;
        let resting = self.resting(market);
        self.cancel_together(market, &resting, Canceled::MarketResolved);
        let held = self.orders.values().filter(|order| order.state == State::Held && order.new.market == market);
        let mut held: Vec<(u64, OrderId)> = held.map(|order| (order.arrival, order.new.id)).collect();
        held.sort_unstable();
        for (_, order) in held {
            self.end(&order, State::Canceled(Canceled::MarketResolved));
            self.events.push(Event::Released { order, result: Err(Reject::NotReady) });
        }
        self.events.push(Event::Closed { market });
    }

    /// Says how a market ended; closes it first if it is open. From now on its shares can be redeemed. Does nothing if
    /// that was said before.
    pub fn resolve(&mut self, market: MarketId, resolution: Resolution) {
        self.close(market);
        if self.market(market).is_some_and(|market| market.standing == Standing::Closed) {
            self.known(market).standing = Standing::Resolved(resolution);
            self.events.push(Event::Resolved { market, resolution });
        }
    }

    fn resting(&self, market: MarketId) -> Vec<OrderId> {
        let sides = [Side::Buy, Side::Sell].into_iter();
        sides
            .flat_map(|side| self.market(market).into_iter().flat_map(move |market| market.ladder.queue(side)))
            .collect()
    }

    fn cancel_together(&mut self, market: MarketId, orders: &[OrderId], why: Canceled) {
        for order in orders {
            self.take_off_book(order);
            self.end(order, State::Canceled(why));
        }
        self.tell_book(market);
    }
}
