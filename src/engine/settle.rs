//! The end of a market: what is held is paid out.

use super::{Engine, Events};
use crate::domain::{Event, Fault, Nanos, OrderId, Shares, TokenId, Usdc, event, money::ONE};

/// Stands for "no order" in a fault; real orders count from 1.
const NO_ORDER: OrderId = OrderId(0);

impl Engine {
    /// Ends a market: every position in it is settled at the payout (millionths of a dollar a share). The first word
    /// counts; the same again says nothing new, another one is a fault.
    pub(super) fn resolved(&mut self, now: Nanos, token: TokenId, payout: u32, events: &mut Events) {
        let before = self.tokens[token.index()].payout;
        if before == Some(payout) {
            return;
        }
        if before.is_some() || payout > ONE as u32 {
            return self.fault(now, Fault::Payout, NO_ORDER, events);
        }
        self.emit(now, Event::Resolved { token, payout }, events);
        self.settle(now, token, payout, events);
        self.ladders.take_back(&mut self.tokens[token.index()].book);
        // Nothing is left to wait for.
        self.wake(now, token, events);
    }

    /// Pays out what is held of a token and not on sale: a sale under way may have been made before the end, and is told
    /// later. What it leaves is settled when it closes.
    pub(super) fn settle(&mut self, now: Nanos, token: TokenId, payout: u32, events: &mut Events) {
        let mut slots = std::mem::take(&mut self.slots);
        slots.extend(self.positions.slots_in(token));
        for slot in slots.drain(..) {
            let position = *self.positions.at(slot);
            let shares = position.shares.minus(position.selling);
            if shares == Shares::ZERO {
                continue;
            }
            let micros = u128::from(shares.0) * u128::from(payout) / u128::from(ONE);
            let settled = event::Settled {
                portfolio: position.portfolio,
                leader: position.leader,
                token,
                shares,
                basis: self.positions.basis(slot, shares),
                proceeds: Usdc(micros as i64),
                release_at: now.plus(self.cooling_of(position.portfolio)),
            };
            self.emit(now, Event::Settled(settled), events);
        }
        self.slots = slots;
    }
}
