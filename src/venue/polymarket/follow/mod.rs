//! FOLLOWING EACH LIVE ORDER TO ITS END. Sans-IO: what the venue says, by whatever way, is [`Evidence`]; the [`Follower`] makes
//! of it what the engine is told, and what is to be done next. The protocol is that of RELIABILITY.md 5.3.
//!
//! Its promises. One order is one signature: nothing here makes another; the same bytes are sent again at most once, early, and
//! only where their answer was lost. An order whose outcome is not known keeps its money until the venue was asked, with
//! success, after everything that was sent must have landed. An order ends only when all its fills are told. What comes later
//! is told, too.
//!
//! ```text
//!  registered --> answer --> rejected, not sent ------------------------------------------------> closed
//!      |             |-----> accepted: rests --------+--> ended, by a message, a read -----+        ^
//!      |             |-----> accepted: matched ------|-------------------------------------+-> ended: all fills told?
//!      |             '-----> delayed, in doubt ------+    or the answer                    |
//!      '--> silence --------> looked up by the timetable, sent again once; never found: absent
//! ```

pub mod message;
pub mod ladder;
mod part;
mod order;
mod trades;
mod reads;
mod word;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use message::{Leg, OrderMessage, OrderStatus, TradeMessage, TradeStatus};
pub use part::Part;
pub use word::{Action, Alarm, Evidence, Read, Stands, Told};

use crate::{
    domain::{FeeSchedule, LiveOrders, Nanos, OrderId, TokenId, TradeKey, VenueOrderId},
    venue::outbox::Sent,
};
use ladder::Patience;
use order::Followed;
use reads::Reads;

/// Ended orders that are watched for late evidence, and foreign things that were noted: the oldest are forgotten first.
pub const ENDED_MAX: usize = 4_096;
pub const FOREIGN_MAX: usize = 4_096;
/// Orders that are not over: with more, entries stop. (The engine has fewer open; the rest wait for settlement.)
pub const OPEN_MAX: usize = 2_048;

/// Every live order that is not over, those that ended lately, and what is under way to learn more of them.
#[derive(Clone, Debug)]
pub struct Follower {
    patience: Patience,
    orders: BTreeMap<OrderId, Followed>,
    /// The venue's names of orders; one that goes by another name than we signed has two.
    names: BTreeMap<VenueOrderId, OrderId>,
    /// Ended, oldest first.
    ended: VecDeque<OrderId>,
    /// What the market of each token takes of takers, for trades that are not ours.
    fees: BTreeMap<TokenId, FeeSchedule>,
    foreign: BTreeSet<(TradeKey, VenueOrderId)>,
    foreign_in_order: VecDeque<(TradeKey, VenueOrderId)>,
    reads: Reads,
    /// What stops entries until somebody has looked: the venue does not mean what we mean.
    has_fault: bool,
    is_crowded: bool,
}

impl Follower {
    /// The user channel is down at first; what happened since `since` is to be read when it is up.
    pub fn new(since: Nanos) -> Follower {
        Follower {
            patience: Patience::default(),
            orders: BTreeMap::new(),
            names: BTreeMap::new(),
            ended: VecDeque::new(),
            fees: BTreeMap::new(),
            foreign: BTreeSet::new(),
            foreign_in_order: VecDeque::new(),
            reads: Reads::new(since),
            has_fault: false,
            is_crowded: false,
        }
    }

    /// Takes what the world says, and adds what follows from it to `told`.
    pub fn hear(&mut self, now: Nanos, evidence: &Evidence, told: &mut Told) {
        match evidence {
            Evidence::Registered(sent) => self.register(now, sent, Stands::Unanswered, told),
            Evidence::Resumed { sent, stands } => self.resume(now, sent, *stands, told),
            Evidence::KnownForeign { trade, id } => drop(self.is_new_foreign(*trade, *id)),
            Evidence::Answered { id, answer } => self.on(*id, |order| order.answered(now, answer, told)),
            Evidence::CancelAnswered { id, cancelled } => self.on(*id, |order| order.cancel_answered(now, *cancelled)),
            Evidence::Order(message) => self.ordered(now, message, told),
            Evidence::Trade(message) => self.traded(now, message, told),
            Evidence::OrderRead { id, read } => self.order_was_read(now, *id, read, told),
            Evidence::TradesRead { number, read } => self.trades_were_read(now, *number, read, told),
            Evidence::ChannelUp => self.channel_is_up(now),
            Evidence::ChannelDown => self.reads.channel_is_down(now),
            Evidence::Swept { since } => self.reads.want_trades(*since),
        }
        self.settle_up(now, told);
    }

    /// Does what is due: looks orders up, sends again, ends what is absent, raises alarms.
    pub fn tick(&mut self, now: Nanos, told: &mut Told) {
        for order in self.orders.values_mut() {
            order.tick(now, told);
        }
        self.ask(now, told);
        self.settle_up(now, told);
    }

    /// Returns when [`Follower::tick`] has something to do next. Each word that is heard may change it.
    pub fn next_due(&self) -> Option<Nanos> {
        let orders = self.orders.values().filter_map(Followed::next_due).min();
        let reads = self.orders.values().filter_map(Followed::next_read).min();
        [orders, self.reads.next_due(reads, self.oldest_pending())].into_iter().flatten().min()
    }

    /// Returns whether every fill would be seen: the user channel is up, and what happened while it was not has been read.
    pub fn is_whole(&self) -> bool {
        self.reads.is_whole() && !self.orders.values().any(Followed::has_gap)
    }

    /// Returns what keeps live entries in, of what is known here.
    pub fn state(&self) -> Option<LiveOrders> {
        if self.has_fault {
            Some(LiveOrders::OtherVersion)
        } else if !self.is_whole() || self.is_crowded {
            Some(LiveOrders::ChannelDown)
        } else {
            None
        }
    }

    /// Returns how many orders are not over, and of how many of them nobody knows the outcome.
    pub fn open(&self) -> (usize, usize) {
        let open = self.orders.values().filter(|order| !order.is_over());
        let unknown = open.clone().filter(|order| order.is_unknown());
        (open.count(), unknown.count())
    }

    /// Yields the names of orders that rest in the book as far as is known.
    pub fn resting(&self) -> impl Iterator<Item = VenueOrderId> {
        self.orders.values().filter(|order| order.rests()).map(|order| order.sent.id)
    }

    /// Returns what was sent under this name.
    pub fn sent(&self, id: VenueOrderId) -> Option<&Sent> {
        self.orders.get(self.names.get(&id)?).map(|order| &order.sent)
    }

    fn register(&mut self, now: Nanos, sent: &Sent, stands: Stands, told: &mut Told) {
        if self.orders.contains_key(&sent.order) {
            // Told twice; the first time is the one that counts.
            return;
        }
        self.names.insert(sent.id, sent.order);
        self.fees.insert(sent.token, sent.fees);
        self.orders.insert(sent.order, Followed::new(now, *sent, stands));
        if self.foreign.iter().any(|(_, id)| *id == sent.id) {
            // It was taken for somebody else's: what it did is read again.
            told.alarms.push(Alarm::LateName { order: sent.order });
            self.reads.want_trades(sent.at);
        }
        let open = self.orders.len() - self.ended.len();
        if !self.is_crowded && open > OPEN_MAX {
            self.is_crowded = true;
            told.alarms.push(Alarm::Crowded);
        }
    }

    fn resume(&mut self, now: Nanos, sent: &Sent, stands: Stands, told: &mut Told) {
        if self.orders.contains_key(&sent.order) {
            return;
        }
        self.register(now, sent, stands, told);
        match stands {
            Stands::Unanswered => self.on(sent.id, |order| order.forgotten(now, told)),
            Stands::Accepted => {}
            Stands::Settling => {
                self.ended.push_back(sent.order);
                self.reads.want_trades(sent.at);
            }
            Stands::Ended => self.ended.push_back(sent.order),
        }
    }

    /// Does something with the order of that name, if it is ours.
    fn on(&mut self, id: VenueOrderId, act: impl FnOnce(&mut Followed)) {
        if let Some(order) = self.names.get(&id).and_then(|order| self.orders.get_mut(order)) {
            act(order);
        }
    }

    fn ordered(&mut self, now: Nanos, message: &OrderMessage, told: &mut Told) {
        if self.names.contains_key(&message.id) {
            return self.on(message.id, |order| order.said(now, message, told));
        }
        self.note_foreign_order(now, message, told);
    }

    /// After each word: learns other names, ends what can end, and keeps no more than it may.
    fn settle_up(&mut self, now: Nanos, told: &mut Told) {
        let ended_before = told.ended.len();
        for order in self.orders.values_mut() {
            if let Some(other) = order.take_other_name() {
                self.names.insert(other, order.sent.order);
                self.has_fault = true;
            }
            self.has_fault |= order.has_fault();
            order.try_close(now, self.patience, self.reads.is_whole(), told);
        }
        debug_assert!(ended_before <= told.ended.len());
        self.ended.extend(told.ended.drain(..));
        self.forget();
        self.is_crowded &= self.orders.len() - self.ended.len() > OPEN_MAX / 2;
    }

    /// Forgets the oldest that ended, but none that waits for its settlement.
    fn forget(&mut self) {
        for _ in 0..self.ended.len() {
            if self.ended.len() <= ENDED_MAX {
                return;
            }
            let Some(oldest) = self.ended.pop_front() else { return };
            if self.orders.get(&oldest).is_some_and(Followed::is_settling) {
                self.ended.push_back(oldest);
                continue;
            }
            self.orders.remove(&oldest);
            self.names.retain(|_, order| *order != oldest);
        }
    }

    /// Returns whether something of ours that no order explains is seen for the first time.
    fn is_new_foreign(&mut self, trade: TradeKey, id: VenueOrderId) -> bool {
        let is_new = self.foreign.insert((trade, id));
        if is_new {
            self.foreign_in_order.push_back((trade, id));
            if self.foreign_in_order.len() > FOREIGN_MAX
                && let Some(oldest) = self.foreign_in_order.pop_front()
            {
                self.foreign.remove(&oldest);
            }
        }
        is_new
    }
}

#[cfg(test)]
mod tests;
