//! Matches of live orders: provisional until the venue says that they settled or failed. Its words come in any order and
//! number; each match moves money and shares once, and a void moves the very same back, once.
//!
//! A buy's shares are held at once, but are no lot and cannot be sold until they are confirmed. A sell's lots leave at once, and
//! its proceeds sit in cooling without a time until they are confirmed. The ledger, the limits and the breakers go by the match
//! (so the sums hold, and a loss counts early); reports of results go by what settled, and so do losses in a row: a sale counts
//! once, when all that was matched of it by then is settled.

use super::{
    Engine, Events,
    apply::{StateHash, sellable},
    ledger::Account,
    leg::{Leg, Moved, Settlement},
    order::{Happening, Order, next_state},
    unsettled::{Unsettled, Waiting},
};
use crate::domain::{
    Event, Fault, Nanos, OrderEnd, OrderId, Shares, Side, TradeKey, Usdc, event::Matched, money::SHARES_MAX,
};

/// A match as the venue tells it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    pub order: OrderId,
    pub trade: TradeKey,
    pub shares: Shares,
    pub cash: Usdc,
    pub fee: Usdc,
}

impl Engine {
    // -- deciding ------------------------------------------------------------------------------------------------------

    /// Returns a live order that is open, or that ended and is remembered.
    pub fn live_order(&self, order: OrderId) -> Option<&Order> {
        let open = self.orders.get(order).filter(|_| OrderId::LIVE < order);
        open.or_else(|| self.ended.get(order))
    }

    /// Returns the live orders that ended and are remembered: a match of theirs may still be told.
    pub fn ended(&self) -> impl Iterator<Item = &Order> {
        self.ended.iter()
    }

    /// Returns what is kept of the matches of live orders.
    pub fn legs(&self) -> impl Iterator<Item = &Leg> {
        self.legs.iter()
    }

    /// Returns the matches that wait for their settlement.
    pub fn unsettled(&self) -> &Unsettled {
        &self.unsettled
    }

    pub(super) fn matched(&mut self, now: Nanos, told: Told, events: &mut Events) {
        let Told { order, trade, shares, cash, fee } = told;
        let known = self.legs.get(order, trade).copied();
        match known.map(|leg| (leg.settlement, leg.moved)) {
            Some((Settlement::Void, None)) => return,
            Some((_, Some(moved))) if (moved.shares, moved.cash) == (shares, cash) => return,
            Some((_, Some(_))) => return self.fault(now, Fault::Retold, order, events),
            Some((_, None)) | None => (),
        }
        let (basis, brought) = match self.may_match(&told) {
            Ok(allowed) => allowed,
            Err(fault) => return self.fault(now, fault, order, events),
        };
        if known.is_none() && !self.legs.has_room(&self.orders) {
            return self.fault(now, Fault::TooManyMatches, order, events);
        }
        if let Some(brought) = brought {
            self.emit(now, Event::Adopted { order, trade, brought }, events);
        }
        self.emit(now, Event::Matched(Matched { order, trade, shares, cash, fee, basis }), events);
        if known.is_some() {
            self.confirm(now, order, trade, events);
        }
        self.settled_more(now, order, events);
    }

    /// Returns what the sold lots had cost, and for an order that ended what must be brought to pay for it; or why the match
    /// cannot be.
    fn may_match(&self, told: &Told) -> Result<(Usdc, Option<Usdc>), Fault> {
        let order = self.live_order(told.order).ok_or(Fault::UnknownOrder)?;
        let submitted = &order.submitted;
        if !order.may_fill(told.shares, told.cash, told.fee) {
            return Err(Fault::Overfill);
        }
        let is_open = self.orders.get(told.order).is_some();
        let slot = self.positions.find(submitted.portfolio, submitted.leader, submitted.token);
        match submitted.side {
            Side::Buy if is_open => Ok((Usdc::ZERO, None)),
            Side::Buy if slot.is_none() && !self.positions.has_room() => Err(Fault::TooManyMatches),
            Side::Buy => {
                let available = self.portfolios[submitted.portfolio.index()].ledger.balance(Account::Available);
                Ok((Usdc::ZERO, Some((told.cash + told.fee - available).max(Usdc::ZERO))))
            }
            Side::Sell => {
                let slot = slot.filter(|slot| told.shares <= self.positions.at(*slot).shares).ok_or(Fault::Overfill)?;
                Ok((self.positions.basis(slot, told.shares), (!is_open).then_some(Usdc::ZERO)))
            }
        }
    }

    pub(super) fn confirmed(&mut self, now: Nanos, order: OrderId, trade: TradeKey, events: &mut Events) {
        match self.legs.get(order, trade).map(|leg| leg.settlement) {
            Some(Settlement::Foretold | Settlement::Due | Settlement::Confirmed) => (),
            Some(Settlement::Void) => self.fault(now, Fault::Retold, order, events),
            Some(Settlement::Provisional) => {
                self.confirm(now, order, trade, events);
                self.settled_more(now, order, events);
            }
            // Remembered until the match is told; of an order that nobody knows, it says nothing.
            None if self.is_noted(order) => self.confirm(now, order, trade, events),
            None => (),
        }
    }

    pub(super) fn voided(&mut self, now: Nanos, order: OrderId, trade: TradeKey, events: &mut Events) {
        match self.legs.get(order, trade).map(|leg| leg.settlement) {
            Some(Settlement::Void) => (),
            Some(Settlement::Foretold | Settlement::Due | Settlement::Confirmed) => {
                self.fault(now, Fault::Retold, order, events);
            }
            Some(Settlement::Provisional) => {
                self.emit(now, Event::Voided { order, trade }, events);
                self.settled_more(now, order, events);
            }
            None if self.is_noted(order) => self.emit(now, Event::Voided { order, trade }, events),
            None => (),
        }
    }

    /// Whether a word of a match that was never told is remembered.
    fn is_noted(&self, order: OrderId) -> bool {
        self.live_order(order).is_some() && self.legs.has_room(&self.orders)
    }

    fn confirm(&mut self, now: Nanos, order: OrderId, trade: TradeKey, events: &mut Events) {
        let moved = self.legs.get(order, trade).and_then(|leg| leg.moved);
        let sold = moved.filter(|moved| moved.side == Side::Sell);
        let release_at = sold.map_or(Nanos::ZERO, |moved| now.plus(self.cooling_of(moved.portfolio)));
        self.emit(now, Event::Confirmed { order, trade, release_at }, events);
    }

    /// Confirms what a crash left between a match and the confirmation that had come before it.
    pub(super) fn confirm_what_is_due(&mut self, now: Nanos, events: &mut Events) {
        let due = self.legs.iter().find(|leg| leg.settlement == Settlement::Due).map(|leg| (leg.order, leg.trade));
        if let Some((order, trade)) = due {
            self.confirm(now, order, trade, events);
            self.settled_more(now, order, events);
        }
    }

    /// After what is held, or can be sold, changed: its market may have ended, a sale may be owed.
    fn settled_more(&mut self, now: Nanos, order: OrderId, events: &mut Events) {
        let Some(order) = self.live_order(order) else { return };
        let submitted = order.submitted;
        if let Some(payout) = self.tokens[submitted.token.index()].payout {
            return self.settle(now, submitted.token, payout, events);
        }
        if let Some(slot) = self.positions.find(submitted.portfolio, submitted.leader, submitted.token) {
            self.look(now, slot, events);
        }
    }

    // -- applying ------------------------------------------------------------------------------------------------------

    pub(super) fn apply_matched(&mut self, at: Nanos, matched: &Matched) {
        let Matched { order: id, trade, shares, cash, fee, basis } = *matched;
        let is_open = self.orders.get(id).is_some();
        let order = match is_open {
            true => self.orders.open_mut(id),
            false => self.ended.get_mut(id).expect("an order that is remembered"),
        };
        let (before, left_before) = (order.state, order.shares_left());
        if is_open {
            order.state = next_state(before, Happening::Filled).expect("it may be filled");
        }
        order.filled = order.filled + shares;
        order.unsettled += 1;
        let submitted = order.submitted;
        let mut moved = Moved {
            portfolio: submitted.portfolio,
            leader: submitted.leader,
            token: submitted.token,
            side: submitted.side,
            group: order.group,
            led_at: order.led_at,
            shares,
            cash,
            fee,
            basis,
            owed: Shares::ZERO,
            day: self.day,
            ordered: order.day,
        };
        order.result = order.result + moved.result();
        if submitted.side == Side::Buy {
            order.reserved_left = order.reserved_left - cash - fee;
        }
        let gone = left_before - order.shares_left();
        match submitted.side {
            Side::Buy => self.take_in(at, &moved, gone, is_open),
            Side::Sell => moved.owed = self.give_out(&moved, is_open),
        }
        self.stand_matched(&moved, is_open);
        if is_open {
            self.portfolios[moved.portfolio.index()].standing.settle_doubt(before);
        }
        self.unsettled.push(Waiting { order: id, trade, token: submitted.token, since: at });
        match self.legs.get_mut(id, trade) {
            Some(leg) => (leg.settlement, leg.moved) = (Settlement::Due, Some(moved)),
            None => self.keep(Leg { order: id, trade, settlement: Settlement::Provisional, moved: Some(moved) }),
        }
    }

    fn keep(&mut self, leg: Leg) {
        if let Some(old) = self.legs.insert(leg, &self.orders) {
            // Without its legs an order would take a match for a new one.
            self.ended.forget(old.order);
        }
    }

    /// Takes what was bought; `gone` is by how much less the order surely brings yet.
    fn take_in(&mut self, at: Nanos, moved: &Moved, gone: Shares, is_open: bool) {
        let Moved { portfolio, leader, token, shares, cash, fee, .. } = *moved;
        let slot = self.positions.open_slot(portfolio, leader, token);
        let position = self.positions.at_mut(slot);
        if is_open {
            position.reserved = position.reserved - cash - fee;
            position.pending = position.pending - gone;
        }
        if position.shares + position.unsettled == Shares::ZERO {
            (position.opened_at, position.peak) = (at, None);
        }
        position.unsettled = position.unsettled + shares;
        position.unsettled_cost = position.unsettled_cost + cash;
        self.entered.bought(portfolio, token, moved.group);
        let from = if is_open { Account::Reserved } else { Account::Available };
        self.transfer(portfolio, from, Account::Deployed, cash);
        self.transfer(portfolio, from, Account::Result, fee);
    }

    /// Gives out what was sold. Returns by how much less is owed.
    fn give_out(&mut self, moved: &Moved, is_open: bool) -> Shares {
        let Moved { portfolio, leader, token, shares, basis, .. } = *moved;
        let slot = self.positions.find(portfolio, leader, token).expect("a position to sell of");
        self.positions.take(slot, shares);
        let position = self.positions.at_mut(slot);
        position.sold = position.sold + shares;
        if is_open {
            position.selling = position.selling - shares;
        }
        let owed_before = position.exit.shares;
        // What is owed in full stays so until nothing is left; should it come back later, it is owed again.
        let owed = if owed_before < SHARES_MAX {
            position.exit.shares = sellable(owed_before.minus(shares));
            owed_before - position.exit.shares
        } else {
            shares
        };
        position.exit.tries = 0;
        position.exit.retry_at = Nanos::ZERO;
        let ledger = &mut self.portfolios[portfolio.index()].ledger;
        ledger.transfer(Account::Deployed, Account::Cooling, basis);
        ledger.settle(Account::Cooling, moved.result());
        owed
    }

    fn stand_matched(&mut self, moved: &Moved, is_open: bool) {
        let Moved { portfolio, leader, token, cash, fee, .. } = *moved;
        match (moved.side, is_open) {
            (Side::Buy, true) => self.stake(portfolio, leader, token, -fee),
            (Side::Buy, false) => {
                self.stake(portfolio, leader, token, cash);
                if moved.ordered == self.day {
                    self.spend(portfolio, leader, cash + fee);
                }
            }
            (Side::Sell, _) => self.stake(portfolio, leader, token, -moved.basis),
        }
        self.gain(portfolio, leader, moved.result());
    }

    pub(super) fn apply_confirmed(&mut self, id: OrderId, trade: TradeKey, release_at: Nanos) {
        let Some(leg) = self.legs.get_mut(id, trade) else {
            return self.keep(Leg { order: id, trade, settlement: Settlement::Foretold, moved: None });
        };
        leg.settlement = Settlement::Confirmed;
        self.unsettled.remove(id, trade);
        let moved = leg.moved.expect("a match that settles");
        let Moved { portfolio, leader, token, shares, cash, fee, .. } = moved;
        let slot = self.positions.find(portfolio, leader, token).expect("a position with something unsettled");
        let position = self.positions.at_mut(slot);
        match moved.side {
            Side::Buy => {
                position.unsettled = position.unsettled - shares;
                position.unsettled_cost = position.unsettled_cost - cash;
                self.positions.add(slot, shares, cash, moved.led_at);
            }
            Side::Sell => {
                position.sold = position.sold - shares;
                self.cooling.add(release_at, portfolio, cash - fee);
            }
        }
        self.count_settled(id);
        self.positions.close_if_empty(slot);
    }

    pub(super) fn apply_voided(&mut self, at: Nanos, id: OrderId, trade: TradeKey) {
        let Some(leg) = self.legs.get_mut(id, trade) else {
            return self.keep(Leg { order: id, trade, settlement: Settlement::Void, moved: None });
        };
        leg.settlement = Settlement::Void;
        self.unsettled.remove(id, trade);
        let moved = leg.moved.expect("a match to undo");
        let is_open = self.orders.get(id).is_some();
        let order = match is_open {
            true => Some(self.orders.open_mut(id)),
            false => self.ended.get_mut(id),
        };
        let mut more = Shares::ZERO;
        if let Some(order) = order {
            let left_before = order.shares_left();
            order.filled = order.filled - moved.shares;
            order.result = order.result - moved.result();
            if moved.side == Side::Buy {
                order.reserved_left = order.reserved_left + moved.cash + moved.fee;
            }
            more = order.shares_left() - left_before;
        }
        let slot = match moved.side {
            Side::Buy => self.hand_back(&moved, more, is_open),
            Side::Sell => self.get_back(&moved, is_open),
        };
        self.stand_voided(&moved, is_open);
        self.voids.push(at, moved.leader, moved.token);
        self.count_settled(id);
        self.positions.close_if_empty(slot);
    }

    /// Undoes a purchase; `more` is by how much more the order surely brings again.
    fn hand_back(&mut self, moved: &Moved, more: Shares, is_open: bool) -> usize {
        let Moved { portfolio, leader, token, shares, cash, fee, .. } = *moved;
        let slot = self.positions.find(portfolio, leader, token).expect("a position with something unsettled");
        let position = self.positions.at_mut(slot);
        position.unsettled = position.unsettled - shares;
        position.unsettled_cost = position.unsettled_cost - cash;
        if is_open {
            position.reserved = position.reserved + cash + fee;
            position.pending = position.pending + more;
        }
        self.entered.unbought(portfolio, token, moved.group);
        let to = if is_open { Account::Reserved } else { Account::Available };
        self.transfer(portfolio, Account::Deployed, to, cash);
        self.transfer(portfolio, Account::Result, to, fee);
        slot
    }

    /// Undoes a sale: the shares are the oldest again, and what was owed of them is.
    fn get_back(&mut self, moved: &Moved, is_open: bool) -> usize {
        let Moved { portfolio, leader, token, shares, basis, .. } = *moved;
        let slot = self.positions.find(portfolio, leader, token).expect("a position with something unsettled");
        self.positions.put_back(slot, shares, basis);
        let position = self.positions.at_mut(slot);
        position.sold = position.sold - shares;
        if is_open {
            position.selling = position.selling + shares;
        }
        if position.exit.shares < SHARES_MAX {
            position.exit.shares = position.exit.shares + moved.owed;
        }
        let ledger = &mut self.portfolios[portfolio.index()].ledger;
        ledger.settle(Account::Cooling, -moved.result());
        ledger.transfer(Account::Cooling, Account::Deployed, basis);
        slot
    }

    /// What a match did to limits is undone: to those of a day only on that day.
    fn stand_voided(&mut self, moved: &Moved, is_open: bool) {
        let Moved { portfolio, leader, token, cash, fee, .. } = *moved;
        match (moved.side, is_open) {
            (Side::Buy, true) => self.stake(portfolio, leader, token, fee),
            (Side::Buy, false) => {
                self.stake(portfolio, leader, token, -cash);
                if moved.ordered == self.day {
                    self.spend(portfolio, leader, -(cash + fee));
                }
            }
            (Side::Sell, _) => self.stake(portfolio, leader, token, moved.basis),
        }
        let result = -moved.result();
        if moved.day == self.day {
            return self.gain(portfolio, leader, result);
        }
        let dealing = self.dealings.with(portfolio, leader);
        dealing.result = dealing.result + result;
    }

    /// One match less waits for its settlement; with the last one, a sale that ended is judged.
    fn count_settled(&mut self, id: OrderId) {
        if self.orders.get(id).is_some() {
            self.orders.open_mut(id).unsettled -= 1;
            return;
        }
        let Some(order) = self.ended.get_mut(id) else { return };
        order.unsettled -= 1;
        if order.unsettled == 0 && order.submitted.side == Side::Sell && !order.judged {
            let (portfolio, result) = (order.submitted.portfolio, order.result);
            order.judged = result != Usdc::ZERO;
            self.portfolios[portfolio.index()].standing.judge(result);
        }
    }

    /// Keeps a live order in mind after its end. Nobody can match one that was not to leave.
    pub(super) fn remember_ended(&mut self, order: &Order, end: OrderEnd) {
        if order.submitted.order < OrderId::LIVE || end == OrderEnd::Shadow {
            return;
        }
        // What was judged at the end is not judged again, though a late match may change what it came to.
        let judged = order.unsettled == 0 && order.result != Usdc::ZERO;
        self.ended.insert(Order { judged, ..*order });
    }

    pub(super) fn mix_settlements(&self, hash: &mut StateHash) {
        self.legs.mix(hash);
        self.voids.mix(hash);
        self.unsettled.mix(hash);
        for order in self.ended.iter() {
            let amounts = [order.filled.0, order.reserved_left.0 as u64, order.result.0 as u64];
            let counts = [order.submitted.order.0, order.unsettled.into(), order.judged.into()];
            counts.into_iter().chain(amounts).for_each(|n| hash.mix(n));
        }
    }
}
