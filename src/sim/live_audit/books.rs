//! What the journal says of live orders, and the plain order of things in it: I-1 and I-18 as far as they need no venue.

use std::collections::{BTreeMap, BTreeSet};

use super::{Findings, Invariant, Kept, What};
use crate::domain::{
    Event, LeaderId, LeaderSwitch, LiveSwitch, Nanos, OrderEnd, OrderId, Side, TradeKey,
    event::{External, Matched, Signal, Signed, Submitted},
};

/// Where a match is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stands {
    Provisional,
    Confirmed,
    Void,
}

#[derive(Clone, Copy, Debug)]
pub struct Leg {
    /// `None`: confirmed or void before anybody told of the match.
    pub matched: Option<Matched>,
    pub stands: Stands,
}

#[derive(Clone, Debug)]
pub struct Order {
    pub submitted: Submitted,
    pub at: Nanos,
    pub signed: Vec<(Signed, Nanos)>,
    pub was_unknown: bool,
    pub ended: Option<(OrderEnd, Nanos)>,
    pub legs: BTreeMap<TradeKey, Leg>,
}

impl Order {
    pub fn legs_told(&self) -> impl Iterator<Item = (Matched, Stands)> {
        self.legs.values().filter_map(|leg| Some((leg.matched?, leg.stands)))
    }
}

/// How the switches stand from a moment on.
#[derive(Clone, Debug, Default)]
pub struct Switches {
    pub live: LiveSwitch,
    pub leaders: BTreeMap<u32, LeaderSwitch>,
}

impl Switches {
    /// Whether an order may leave: a sale also where only the leader is shut out.
    pub fn let_out(&self, leader: LeaderId, side: Side) -> bool {
        let own = self.leaders.get(&leader.0).copied().unwrap_or_default();
        match (self.live, own, side) {
            (LiveSwitch::Off, _, _) => false,
            (LiveSwitch::On, LeaderSwitch::ForceOff, side) => side == Side::Sell,
            (LiveSwitch::Shadow, LeaderSwitch::ForceOff | LeaderSwitch::Inherit, _) => false,
            (LiveSwitch::On, LeaderSwitch::Inherit | LeaderSwitch::ForceOn, _)
            | (LiveSwitch::Shadow, LeaderSwitch::ForceOn, _) => true,
        }
    }
}

#[derive(Debug, Default)]
pub struct Books {
    pub orders: BTreeMap<OrderId, Order>,
    pub signals: BTreeMap<u64, Signal>,
    pub external: Vec<External>,
    /// In order of time; nothing leaves before the first.
    pub switches: Vec<(Nanos, Switches)>,
    pub sessions: usize,
}

impl Books {
    pub fn of(journal: &[Kept], found: &mut Findings) -> Books {
        let mut books = Books::default();
        let mut seen = BTreeSet::new();
        for kept in journal {
            match &kept.what {
                What::Session => books.sessions += 1,
                What::Event(Event::Signal(signal)) => {
                    found.check(seen.insert(signal.trade), Invariant::OneOrder, || {
                        format!("record {}: the trade of signal {} was a signal before", kept.seq, signal.signal.0)
                    });
                    books.signals.insert(signal.signal.0, *signal);
                }
                What::Event(event) => books.take(kept.seq, kept.at, event, found),
                What::Token { .. } | What::Leader { .. } | What::Portfolio { .. } | What::Other => (),
            }
        }
        books
    }

    fn take(&mut self, seq: u64, at: Nanos, event: &Event, found: &mut Findings) {
        if let Event::Submitted(submitted) = event {
            self.submit(at, submitted);
        } else if let Event::LiveSwitched { to } = event {
            self.turn(at, |switches| switches.live = *to);
        } else if let Event::LeaderSwitched { leader, to } = event {
            self.turn(at, |switches| {
                switches.leaders.insert(leader.0, *to);
            });
        } else if let Event::External(external) = event {
            self.external.push(*external);
        } else if let Event::Signed(signed) = event {
            self.on(seq, signed.order, found, |order, _| order.signed.push((*signed, at)));
        } else if let Event::Unknown { order } = event {
            self.on(seq, *order, found, |order, found| {
                order.was_unknown = true;
                still_open(seq, order, "unknown", found);
            });
        } else if let Event::Accepted { order } = event {
            self.on(seq, *order, found, |order, found| still_open(seq, order, "accepted", found));
        } else if let Event::Closed { order, end, .. } = event {
            self.on(seq, *order, found, |order, found| {
                still_open(seq, order, "closed", found);
                order.ended = Some((*end, at));
            });
        } else {
            self.settle(seq, event, found);
        }
    }

    fn settle(&mut self, seq: u64, event: &Event, found: &mut Findings) {
        if let Event::Matched(matched) = event {
            self.on(seq, matched.order, found, |order, found| match order.legs.get_mut(&matched.trade) {
                None => {
                    let leg = Leg { matched: Some(*matched), stands: Stands::Provisional };
                    order.legs.insert(matched.trade, leg);
                }
                // Foretold: its confirmation is said once more.
                Some(leg) if leg.matched.is_none() && leg.stands == Stands::Confirmed => {
                    *leg = Leg { matched: Some(*matched), stands: Stands::Provisional };
                }
                Some(leg) => found.add(Invariant::Monotone, format!("record {seq}: matched, and was {:?}", leg.stands)),
            });
        } else if let Event::Confirmed { order, trade, .. } = event {
            self.on(seq, *order, found, |order, found| move_on(seq, order, *trade, Stands::Confirmed, found));
        } else if let Event::Voided { order, trade } = event {
            self.on(seq, *order, found, |order, found| move_on(seq, order, *trade, Stands::Void, found));
        }
    }

    fn submit(&mut self, at: Nanos, submitted: &Submitted) {
        if submitted.order < OrderId::LIVE {
            return;
        }
        let order =
            Order { submitted: *submitted, at, signed: vec![], was_unknown: false, ended: None, legs: BTreeMap::new() };
        self.orders.insert(submitted.order, order);
    }

    fn turn(&mut self, at: Nanos, change: impl FnOnce(&mut Switches)) {
        let mut switches = self.switches.last().map(|(_, switches)| switches.clone()).unwrap_or_default();
        change(&mut switches);
        self.switches.push((at, switches));
    }

    /// Takes what is said of a live order; paper's are others' business.
    fn on(&mut self, seq: u64, id: OrderId, found: &mut Findings, take: impl FnOnce(&mut Order, &mut Findings)) {
        match self.orders.get_mut(&id) {
            Some(order) => take(order, found),
            None if id < OrderId::LIVE => (),
            None => found.add(Invariant::Monotone, format!("record {seq}: of order {}, never submitted", id.0)),
        }
    }

    /// Whether an order could leave at some instant between the two.
    pub fn let_out(&self, from: Nanos, to: Nanos, leader: LeaderId, side: Side) -> bool {
        let mut until = to;
        for (since, switches) in self.switches.iter().rev() {
            if *since <= to && from <= until && switches.let_out(leader, side) {
                return true;
            }
            until = *since;
        }
        false
    }

    /// The least open that the live switch stood at a moment.
    pub fn live_at(&self, at: Nanos) -> LiveSwitch {
        let before = self.switches.iter().rev().find(|(since, _)| *since <= at);
        before.map_or(LiveSwitch::Shadow, |(_, switches)| switches.live)
    }
}

fn still_open(seq: u64, order: &Order, what: &str, found: &mut Findings) {
    if let Some((end, _)) = order.ended {
        let id = order.submitted.order.0;
        found.add(Invariant::Monotone, format!("record {seq}: order {id} is {what}, and had ended: {}", end.code()));
    }
}

fn move_on(seq: u64, order: &mut Order, trade: TradeKey, to: Stands, found: &mut Findings) {
    match order.legs.get_mut(&trade) {
        None => drop(order.legs.insert(trade, Leg { matched: None, stands: to })),
        Some(leg) if leg.stands == Stands::Provisional => leg.stands = to,
        Some(leg) => {
            let was = leg.stands;
            found.add(Invariant::Monotone, format!("record {seq}: a match is {to:?}, and was {was:?}"));
        }
    }
}
