//! The matches of one order: each is told to the engine once, and settles or not once.

use super::super::{
    ladder,
    message::TradeStatus,
    part::Part,
    word::{Alarm, Told},
};
use super::Followed;
use crate::domain::{Input, Nanos, OrderId, Shares, TradeKey, Usdc};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Settlement {
    Pending,
    Confirmed,
    Void,
}

#[derive(Clone, Copy, Debug)]
struct Leg {
    trade: TradeKey,
    part: Part,
    settlement: Settlement,
    told_at: Nanos,
    is_alarmed: bool,
}

#[derive(Clone, Debug, Default)]
pub(super) struct Legs(Vec<Leg>);

impl Legs {
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Returns whether any of it was not undone.
    pub fn has_fill(&self) -> bool {
        self.0.iter().any(|leg| leg.settlement != Settlement::Void)
    }

    /// Returns the shares of all matches. Those that failed were matched, too: the venue counts them.
    pub fn shares(&self) -> Shares {
        self.0.iter().fold(Shares::ZERO, |sum, leg| sum + leg.part.shares)
    }

    pub fn cash(&self) -> Usdc {
        self.0.iter().fold(Usdc::ZERO, |sum, leg| sum + leg.part.cash)
    }

    pub fn oldest_pending(&self) -> Option<Nanos> {
        self.pending().map(|leg| leg.told_at).min()
    }

    fn pending(&self) -> impl Iterator<Item = &Leg> {
        self.0.iter().filter(|leg| leg.settlement == Settlement::Pending)
    }

    pub fn next_alarm(&self) -> Option<Nanos> {
        let quiet = self.pending().filter(|leg| !leg.is_alarmed);
        quiet.map(|leg| leg.told_at.plus(ladder::PROVISIONAL_MAX)).min()
    }

    /// Says once of each match that it waits too long.
    pub fn alarm_stuck(&mut self, now: Nanos, order: OrderId, told: &mut Told) {
        let pending = self.0.iter_mut().filter(|leg| leg.settlement == Settlement::Pending && !leg.is_alarmed);
        for leg in pending.filter(|leg| leg.told_at.plus(ladder::PROVISIONAL_MAX) <= now) {
            leg.is_alarmed = true;
            told.alarms.push(Alarm::Stuck { order, trade: leg.trade });
        }
    }
}

impl Followed {
    /// Takes a match, or what became of it. The first telling of its amounts stands, and so does its first end.
    pub fn matched_in(
        &mut self,
        now: Nanos,
        trade: TradeKey,
        part: Part,
        makers: usize,
        status: TradeStatus,
        told: &mut Told,
    ) {
        let order = self.sent.order;
        self.found(told);
        let known = self.legs.0.iter_mut().find(|leg| leg.trade == trade);
        let leg = match known {
            Some(leg) => leg,
            None => {
                if self.has_ended_here {
                    told.alarms.push(Alarm::Late { order, trade });
                }
                if status != TradeStatus::Failed {
                    let Part { shares, cash, fee } = part;
                    told.inputs.push(Input::Matched { order, trade, shares, cash, fee });
                }
                let leg = Leg { trade, part, settlement: Settlement::Pending, told_at: now, is_alarmed: false };
                self.legs.0.push(leg);
                self.legs.0.last_mut().expect("just pushed")
            }
        };
        if !part.is_told_by(&leg.part, makers) {
            told.alarms.push(Alarm::Retold { order, trade });
            self.has_fault = true;
        }
        match (leg.settlement, status) {
            (Settlement::Pending, TradeStatus::Confirmed) => {
                leg.settlement = Settlement::Confirmed;
                told.inputs.push(Input::Confirmed { order, trade });
            }
            (Settlement::Pending, TradeStatus::Failed) => {
                leg.settlement = Settlement::Void;
                told.inputs.push(Input::Voided { order, trade });
            }
            (Settlement::Confirmed, TradeStatus::Failed) | (Settlement::Void, TradeStatus::Confirmed) => {
                told.alarms.push(Alarm::Flipped { order, trade });
            }
            (Settlement::Pending | Settlement::Confirmed | Settlement::Void, TradeStatus::Pending)
            | (Settlement::Pending | Settlement::Confirmed | Settlement::Void, TradeStatus::Unpublished)
            | (Settlement::Confirmed, TradeStatus::Confirmed)
            | (Settlement::Void, TradeStatus::Failed) => {}
        }
    }
}
