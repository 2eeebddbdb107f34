//! Asking the venue: the reads that orders want, within their budget, and what happened while the user channel was down.

use std::collections::VecDeque;

use super::{
    Follower, ladder,
    message::{OrderMessage, TradeMessage},
    word::{Action, Read, Told},
};
use crate::domain::{Nanos, VenueOrderId};

/// A read of trades that is under way.
#[derive(Clone, Copy, Debug)]
struct Asked {
    number: u64,
    at: Nanos,
    after: Nanos,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Channel {
    Down,
    /// Since then.
    Up(Nanos),
}

#[derive(Clone, Debug)]
pub(super) struct Reads {
    channel: Channel,
    /// Trades since then may have been missed, until a read that was begun with the channel up has told them.
    missed_since: Option<Nanos>,
    /// Somebody wants the trades since then.
    wanted: Option<Nanos>,
    asked: Option<Asked>,
    number: u64,
    /// Not before, after a failure.
    not_before: Nanos,
    /// When the last reads were begun, at most [`ladder::READS_MAX`].
    recent: VecDeque<Nanos>,
    settle_next: Nanos,
}

impl Reads {
    pub fn new(since: Nanos) -> Reads {
        Reads {
            channel: Channel::Down,
            missed_since: Some(since),
            wanted: None,
            asked: None,
            number: 0,
            not_before: Nanos::ZERO,
            recent: VecDeque::with_capacity(ladder::READS_MAX),
            settle_next: Nanos::ZERO,
        }
    }

    pub fn is_whole(&self) -> bool {
        self.channel != Channel::Down && self.missed_since.is_none()
    }

    pub fn channel_is_down(&mut self, now: Nanos) {
        self.channel = Channel::Down;
        self.missed_since = Some(self.missed_since.map_or(now, |since| since.min(now)));
    }

    /// Asks for the trades since then, and a little before.
    pub fn want_trades(&mut self, since: Nanos) {
        let since = Nanos(since.0.saturating_sub(ladder::LOOK_BACK.0));
        self.wanted = Some(self.wanted.map_or(since, |wanted| wanted.min(since)));
    }

    /// As before, and as far back.
    fn want_again(&mut self, after: Nanos) {
        self.wanted = Some(self.wanted.map_or(after, |wanted| wanted.min(after)));
    }

    #[cfg(test)]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// Returns whether another read may begin, and counts it.
    fn take(&mut self, now: Nanos) -> bool {
        while self.recent.front().is_some_and(|at| at.plus(ladder::READS_TIME) <= now) {
            self.recent.pop_front();
        }
        let has_room = self.recent.len() < ladder::READS_MAX;
        if has_room {
            self.recent.push_back(now);
        }
        has_room
    }

    /// Returns when a read is due, of trades or of the orders that want one at `orders`: not before there is room for it.
    pub fn next_due(&self, orders: Option<Nanos>, oldest_pending: Option<Nanos>) -> Option<Nanos> {
        let settle = oldest_pending.map(|at| at.plus(ladder::SETTLE_READ).max(self.settle_next));
        let wanted = self.wanted.map(|_| self.not_before).into_iter().chain(settle).min();
        let is_free = self.asked.map_or(Nanos::ZERO, |asked| asked.at.plus(ladder::READ_PATIENCE));
        let lost = self.asked.map(|_| is_free);
        let trades = wanted.map(|at| at.max(is_free)).into_iter().chain(lost).min();
        let is_full = ladder::READS_MAX <= self.recent.len();
        let room = self.recent.front().filter(|_| is_full).map_or(Nanos::ZERO, |at| at.plus(ladder::READS_TIME));
        orders.into_iter().chain(trades).min().map(|at| at.max(room))
    }
}

impl Follower {
    /// The channel is up: what happened since it was last whole is read, of each order and of all trades.
    pub(super) fn channel_is_up(&mut self, now: Nanos) {
        self.reads.channel = Channel::Up(now);
        let since = self.reads.missed_since.unwrap_or(now);
        self.reads.missed_since = Some(since);
        self.reads.want_trades(since);
        for order in self.orders.values_mut().filter(|order| !order.is_over()) {
            order.mark_gap(now);
        }
    }

    /// Begins the reads that are due, within the budget. What finds no room waits.
    pub(super) fn ask(&mut self, now: Nanos, told: &mut Told) {
        for order in self.orders.values_mut() {
            if order.next_read().is_none_or(|at| now < at) {
                continue;
            }
            let look = order.take_look(now);
            if look.is_some_and(|look| look.is_at_trades()) {
                self.reads.want_trades(order.trades_from().plus(ladder::LOOK_BACK));
            }
            let is_wanted = order.has_gap() || look.is_some_and(|look| look.is_at_order());
            if !is_wanted || order.is_asked(now) {
                continue;
            }
            if self.reads.take(now) {
                order.asked_at = Some(now);
                told.actions.push(Action::ReadOrder { order: order.sent.order, id: order.sent.id });
            } else {
                order.put_off(now);
            }
        }
        self.ask_for_trades(now, told);
    }

    /// Returns since when a match waits for its settlement.
    pub(super) fn oldest_pending(&self) -> Option<Nanos> {
        self.orders.values().filter_map(|order| order.oldest_pending()).min()
    }

    fn ask_for_trades(&mut self, now: Nanos, told: &mut Told) {
        if let Some(oldest) = self.oldest_pending().filter(|oldest| oldest.plus(ladder::SETTLE_READ) <= now)
            && self.reads.settle_next <= now
        {
            self.reads.want_trades(oldest);
            self.reads.settle_next = now.plus(ladder::SETTLE_READ);
        }
        if let Some(lost) = self.reads.asked.take_if(|asked| asked.at.plus(ladder::READ_PATIENCE) <= now) {
            self.reads.want_again(lost.after);
        }
        let is_free = self.reads.asked.is_none() && self.reads.not_before <= now;
        let Some(after) = self.reads.wanted.filter(|_| is_free) else { return };
        if !self.reads.take(now) {
            return;
        }
        self.reads.number += 1;
        self.reads.wanted = None;
        self.reads.asked = Some(Asked { number: self.reads.number, at: now, after });
        told.actions.push(Action::ReadTrades { number: self.reads.number, after_s: after.as_secs() });
    }

    pub(super) fn order_was_read(&mut self, now: Nanos, id: VenueOrderId, read: &Read<OrderMessage>, told: &mut Told) {
        let Some(order) = self.names.get(&id).and_then(|order| self.orders.get_mut(order)) else { return };
        let Some(asked_at) = order.asked_at.take() else { return };
        match read {
            Read::Found(message) => {
                order.said(now, message, told);
                order.was_read(asked_at);
                if order.is_to_cancel(message.status) {
                    told.actions.push(Action::Cancel { order: order.sent.order, id: order.sent.id });
                }
            }
            Read::Absent => {
                order.not_found(now, asked_at);
                order.was_read(asked_at);
            }
            Read::Failed => order.read_failed(now),
        }
    }

    pub(super) fn trades_were_read(
        &mut self,
        now: Nanos,
        number: u64,
        read: &Read<Vec<TradeMessage>>,
        told: &mut Told,
    ) {
        let Some(asked) = self.reads.asked.take_if(|asked| asked.number == number) else { return };
        let trades = match read {
            Read::Found(trades) => trades.as_slice(),
            Read::Absent => &[],
            Read::Failed => {
                self.reads.want_again(asked.after);
                self.reads.not_before = now.plus(ladder::READ_AGAIN);
                return;
            }
        };
        for trade in trades {
            self.traded(now, trade, told);
        }
        for order in self.orders.values_mut().filter(|order| asked.after <= order.trades_from()) {
            order.trades_told(asked.at);
        }
        let Channel::Up(up_at) = self.reads.channel else { return };
        let since = |missed: Nanos| Nanos(missed.0.saturating_sub(ladder::LOOK_BACK.0));
        if up_at <= asked.at && self.reads.missed_since.is_some_and(|missed| asked.after <= since(missed)) {
            self.reads.missed_since = None;
        }
    }
}
