//! Live orders on their way out: signed, recorded by whoever asks, then handed to the wire.

use std::{collections::VecDeque, sync::Arc};

use crate::{
    domain::{
        LeaderId, LiveOrders, LiveSwitch, Nanos, NotSent, OrderId, Side, TokenId, VenueOrderId,
        event::{Signed, Submitted},
    },
    engine::{Engine, LEADERS_MAX, order::ORDERS_OPEN_MAX, strategy::size},
    metrics::AheadNow,
    venue::{
        gate::Gate,
        outbox::Outbox,
        polymarket::prepare::{Ahead, Prepared},
    },
};

/// An entry may leave for at least so long after it was decided, however short the strategy's trade age is.
const ENTRY_LEAVES_MIN: Nanos = Nanos::from_secs(1);
/// An exit may leave for so long: late is better than never.
const EXIT_LEAVES: Nanos = Nanos::from_secs(30);

/// The hot thread's end of the way to Polymarket.
pub struct Live {
    prepared: Prepared,
    outbox: Arc<Outbox>,
    gate: Arc<Gate>,
    /// Cancels that found no room; asked again whenever there is nothing else to do.
    cancels: VecDeque<(OrderId, VenueOrderId)>,
}

impl Live {
    pub fn new(prepared: Prepared, outbox: Arc<Outbox>, gate: Arc<Gate>) -> Live {
        Live { prepared, outbox, gate, cancels: VecDeque::with_capacity(ORDERS_OPEN_MAX) }
    }

    pub fn name_token(&mut self, token: TokenId, text: &str) {
        self.prepared.add_token(token, text);
    }

    /// Does ahead what the next order needs, and what waited for room. Returns when there is more to do.
    pub fn prepare(&mut self, now: Nanos, engine: &Engine) -> Nanos {
        self.prepared.warm(now);
        self.push_cancels();
        if self.may_leave(engine) {
            return self.prepared.look_ahead(now, engine);
        }
        self.change_ahead(Ahead::close);
        Nanos::NEVER
    }

    /// Changes what is signed ahead, if anything is.
    pub fn change_ahead(&mut self, change: impl FnOnce(&mut Ahead)) {
        if let Some(ahead) = self.prepared.ahead() {
            change(ahead);
        }
    }

    /// Returns how long ago the last order was signed, if that was ahead.
    pub fn age(&self) -> Option<Nanos> {
        self.prepared.age()
    }

    pub fn ahead_now(&self) -> AheadNow {
        self.prepared.ahead_now()
    }

    /// Whether any order could leave: signed orders are not kept for later.
    fn may_leave(&self, engine: &Engine) -> bool {
        let switches = engine.switches();
        let is_on = match switches.live() {
            LiveSwitch::On => true,
            LiveSwitch::Shadow => engine.leaders_forced_on() > 0,
            LiveSwitch::Off => false,
        };
        is_on && switches.live_orders() == LiveOrders::Ready && !self.gate.is_killed()
    }

    /// Brings the gate in line with what the engine recorded.
    pub fn tell_gate(&self, engine: &Engine) {
        self.gate.set_live(engine.switches().live());
        for leader in (0..LEADERS_MAX as u32).map(LeaderId) {
            self.gate.set_leader(leader, engine.leader_switch(leader));
        }
    }

    /// Makes the signed request of an order, or says why it does not leave.
    pub fn sign(&mut self, now: Nanos, order: &Submitted, engine: &Engine) -> Result<Signed, NotSent> {
        if self.outbox.orders.is_full() || self.outbox.sent.is_full() {
            return Err(NotSent::QueueFull);
        }
        let age_max = engine.portfolios()[order.portfolio.index()].settings.filter.trade_age_max;
        let leaves = match order.side {
            Side::Buy => age_max.max(ENTRY_LEAVES_MIN),
            Side::Sell => EXIT_LEAVES,
        };
        let market = &engine.token(order.token).market;
        let least = size::minimum(&engine.portfolios()[order.portfolio.index()].settings, market, order.limit);
        self.prepared.order(now, now.plus(leaves), order, market, least)
    }

    /// Hands over what was signed last: first its name, so that whoever hears of it knows it, then the request.
    pub fn hand_over(&mut self) -> Result<(), NotSent> {
        let outgoing = self.prepared.outgoing();
        self.outbox.sent.push(outgoing.sent).map_err(|_| NotSent::QueueFull)?;
        self.outbox.orders.push(outgoing.clone()).map_err(|_| NotSent::QueueFull)?;
        self.outbox.order_bell.notify_one();
        Ok(())
    }

    /// Asks the wire to cancel an order. One without a name never left, and ends for that reason.
    pub fn cancel(&mut self, order: OrderId, engine: &Engine) {
        let Some(id) = engine.orders().get(order).and_then(|order| order.id) else { return };
        self.cancels.push_back((order, id));
        self.push_cancels();
    }

    fn push_cancels(&mut self) {
        let mut pushed = false;
        while let Some(cancel) = self.cancels.front() {
            if self.outbox.cancels.push(*cancel).is_err() {
                break;
            }
            self.cancels.pop_front();
            pushed = true;
        }
        if pushed {
            self.outbox.bell.notify_one();
        }
    }
}

#[cfg(test)]
mod tests;
