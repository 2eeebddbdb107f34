//! Orders rest, reserve what they may give, and end.

use super::accept::EXPIRES_EARLY;
use super::account::Asset;
use super::event::{Event, Happened};
use super::order::{Kind, Order, OrderId, State};
use super::reject::Canceled;
use super::settle::Due;
use super::{ENDED_MAX, Exchange};
use crate::domain::{Nanos, Shares};

impl Exchange {
    pub(super) fn rest(&mut self, order: Order) {
        let (market, (side, price), rest) = (order.new.market, order.spot(), order.rest());
        if let Kind::Gtd { expires_at } = order.new.kind {
            self.at(Nanos(expires_at.0 - EXPIRES_EARLY.0), Due::Expire(order.new.id));
        }
        let ladder = &mut self.known(market).ladder;
        ladder.insert(side, price, order.arrival, order.new.id);
        ladder.shift(side, price, Shares::ZERO, rest);
        self.keep_open(order);
    }

    /// Reserves what an open order has left, and remembers the order.
    pub(super) fn keep_open(&mut self, order: Order) {
        let (contract, asset) = (self.contract(order.new.market), Asset::given_by(&order.new));
        let account = self.account_mut(order.new.account);
        account.reserve(contract, asset, order.left);
        account.open.insert((order.arrival, order.new.id));
        self.orders.insert(order.new.id, order);
    }

    /// Releases what an open order had reserved. It stays among the orders, with its old state.
    pub(super) fn let_go(&mut self, id: &OrderId) {
        let order = &self.orders[id];
        let (new, left, arrival) = (order.new, order.left, order.arrival);
        let contract = self.contract(new.market);
        let account = self.account_mut(new.account);
        account.release(contract, Asset::given_by(&new), left);
        account.open.remove(&(arrival, new.id));
    }

    pub(super) fn take_off_book(&mut self, id: &OrderId) {
        let order = &self.orders[id];
        let (market, (side, price), rest, arrival) = (order.new.market, order.spot(), order.rest(), order.arrival);
        let account = order.new.account;
        let market = self.known(market);
        market.ladder.remove(side, price, arrival);
        market.ladder.shift(side, price, rest, Shares::ZERO);
        if market.quotes.get(&(account, price)).is_some_and(|(_, quote)| quote == id) {
            market.quotes.remove(&(account, price));
        }
    }

    /// Takes an order off the book for good, and says so.
    pub(super) fn cancel_resting(&mut self, id: &OrderId, why: Canceled) {
        let market = self.orders[id].new.market;
        self.take_off_book(id);
        self.end(id, State::Canceled(why));
        self.tell_book(market);
    }

    /// Ends an open order that is not on the book (any more).
    pub(super) fn end(&mut self, id: &OrderId, state: State) {
        self.let_go(id);
        let order = self.orders.remove(id).expect("an open order is known");
        self.keep_ended(order, state);
    }

    /// Remembers an ended order, and says that it ended where that is news.
    pub(super) fn keep_ended(&mut self, mut order: Order, state: State) {
        order.state = state;
        let id = order.new.id;
        match state {
            State::Canceled(_) => self.push_order(&order, Happened::Cancellation),
            State::Matched => self.push_order(&order, Happened::Update),
            State::Held | State::Live => {}
        }
        // What was never matched of the house concerns nobody.
        if id.is_of_house() && order.trades.is_empty() {
            return;
        }
        self.orders.insert(id, order);
        self.ended.push_back(id);
        if self.ended.len() > ENDED_MAX {
            let oldest = self.ended.pop_front().expect("more than none");
            self.orders.remove(&oldest);
        }
    }

    pub(super) fn push_order(&mut self, order: &Order, what: Happened) {
        if !order.new.id.is_of_house() {
            self.events.push(Event::Order { order: order.clone(), what });
        }
    }
}
