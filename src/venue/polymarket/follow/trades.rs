//! Matches: what each says of our orders, and of what is ours and no order of ours.

use super::{
    Follower,
    message::{OrderMessage, TradeMessage, TradeStatus},
    part,
    word::{Alarm, Told},
};
use crate::domain::{Nanos, Noted, Shares, TradeKey, Usdc, VenueOrderId, event::External};

impl Follower {
    /// Takes one telling of a match, from the user channel or from a read.
    pub(super) fn traded(&mut self, now: Nanos, message: &TradeMessage, told: &mut Told) {
        let mut seen: Vec<VenueOrderId> = Vec::new();
        for leg in std::iter::once(&message.taker).chain(&message.makers) {
            // An order that met itself, or is listed twice, is told in one.
            if seen.contains(&leg.order) {
                continue;
            }
            let ours = self.names.get(&leg.order).and_then(|order| self.orders.get_mut(order));
            if let Some(order) = ours {
                seen.push(leg.order);
                if message.status == TradeStatus::Unpublished {
                    told.alarms.push(Alarm::Unpublished { id: leg.order });
                }
                if let Some(part) = part::part(message, leg.order, order.sent.fees) {
                    order.matched_in(now, message.trade, part, message.makers.len(), message.status, told);
                }
            } else if leg.is_ours {
                seen.push(leg.order);
                self.note_foreign_trade(message, leg.order, told);
            }
        }
    }

    /// Notes once a trade of our wallet that no order of ours explains.
    fn note_foreign_trade(&mut self, message: &TradeMessage, id: VenueOrderId, told: &mut Told) {
        let legs = || std::iter::once(&message.taker).chain(&message.makers);
        let Some(leg) = legs().find(|leg| leg.order == id) else { return };
        if message.status == TradeStatus::Failed || !self.is_new_foreign(message.trade, id) {
            return;
        }
        let fees = self.fees.get(&leg.token).copied().unwrap_or_default();
        let Some(part) = part::part(message, id, fees) else { return };
        told.alarms.push(Alarm::Foreign { id });
        told.noted.push(Noted::External(External {
            id,
            trade: message.trade,
            token: leg.token,
            side: leg.side,
            shares: part.shares,
            cash: part.cash,
            fee: part.fee,
            traded_at: Nanos::from_secs(message.matched_at_s),
        }));
    }

    /// Notes once an order of our wallet that is none of ours. Nothing is traded by it yet.
    pub(super) fn note_foreign_order(&mut self, now: Nanos, message: &OrderMessage, told: &mut Told) {
        if !self.is_new_foreign(TradeKey::default(), message.id) {
            return;
        }
        told.alarms.push(Alarm::Foreign { id: message.id });
        told.noted.push(Noted::External(External {
            id: message.id,
            trade: TradeKey::default(),
            token: message.token,
            side: message.side,
            shares: Shares::ZERO,
            cash: Usdc::ZERO,
            fee: Usdc::ZERO,
            traded_at: now,
        }));
    }
}
