//! What the operator makes of the wallet where it is not what the books say: shares are taken into the books, or written off.
//! Nothing is traded by it, and money moves as everywhere: by transfer, what shares count as comes from outside with them.

use super::{Engine, Events, apply::sellable, ledger::Account, operator::DEPOSITS_MAX, position::Position};
use crate::domain::{
    Declined, Event, Mode, Nanos, Numbers, PortfolioId, Shares, TokenId, Usdc,
    event::{TakenIn, WrittenOff},
    money::SHARES_MAX,
};

impl Engine {
    // -- deciding ------------------------------------------------------------------------------------------------------

    /// Takes shares into the books of a live portfolio, as a copy of a leader's.
    pub(super) fn take_in_shares(&mut self, now: Nanos, taken: &TakenIn, events: &mut Events) {
        if let Err((reason, numbers)) = self.may_take_in(taken) {
            return self.decline(now, taken.portfolio, reason, numbers, events);
        }
        self.emit(now, Event::TakenIn(*taken), events);
        if let Some(payout) = self.tokens[taken.token.index()].payout {
            return self.settle(now, taken.token, payout, events);
        }
        if let Some(slot) = self.positions.find(taken.portfolio, taken.leader, taken.token) {
            self.look(now, slot, events);
        }
    }

    fn may_take_in(&self, taken: &TakenIn) -> Result<(), (Declined, Numbers)> {
        let TakenIn { portfolio, leader, token, shares, cost } = *taken;
        if !self.knows(portfolio) || super::LEADERS_MAX <= leader.index() || self.tokens.len() <= token.index() {
            return Err((Declined::NotKnown, Numbers::NONE));
        }
        let of = &self.portfolios[portfolio.index()];
        let room = DEPOSITS_MAX - of.ledger.deposits();
        let has_slot = self.positions.find(portfolio, leader, token).is_some() || self.positions.has_room();
        // A share pays a dollar at most, and both are counted in millionths.
        let worth_most = Usdc(shares.0.min(SHARES_MAX.0) as i64);
        let numbers = |limit: i64, actual: i64| Numbers { limit, actual };
        let checks = [
            (of.mode == Mode::Live, Declined::OtherMode, Numbers::NONE),
            (Shares::ZERO < shares, Declined::NotPositive, numbers(0, 0)),
            (shares <= SHARES_MAX, Declined::TooMuch, numbers(SHARES_MAX.0 as i64, shares.0 as i64)),
            (Usdc::ZERO <= cost && cost <= worth_most, Declined::WorthTooMuch, numbers(worth_most.0, cost.0)),
            (cost <= room, Declined::TooMuch, numbers(room.0, cost.0)),
            (self.dealings.has_room(portfolio, leader) && has_slot, Declined::NoRoom, Numbers::NONE),
        ];
        match checks.into_iter().find(|(holds, ..)| !holds) {
            Some((_, reason, numbers)) => Err((reason, numbers)),
            None => Ok(()),
        }
    }

    /// Writes off shares of a token that live portfolios hold, wherever they are free.
    pub(super) fn write_off(&mut self, now: Nanos, token: TokenId, shares: Shares, events: &mut Events) {
        let decline = |engine: &mut Engine, reason, limit: Shares, events: &mut Events| {
            let numbers = Numbers { limit: limit.0 as i64, actual: shares.0 as i64 };
            engine.decline(now, PortfolioId::NONE, reason, numbers, events);
        };
        if shares == Shares::ZERO {
            return decline(self, Declined::NotPositive, Shares::ZERO, events);
        }
        let mut slots = std::mem::take(&mut self.slots);
        slots.extend(self.positions.slots_in(token));
        slots.retain(|slot| self.portfolios[self.positions.at(*slot).portfolio.index()].mode == Mode::Live);
        let held = slots.iter().fold(Shares::ZERO, |sum, slot| sum + free(self.positions.at(*slot)));
        let mut left = shares;
        if held < shares {
            let reason = if slots.is_empty() { Declined::NothingHeld } else { Declined::OnSale };
            decline(self, reason, held, events);
            slots.clear();
        }
        for slot in slots.drain(..) {
            let position = *self.positions.at(slot);
            let shares = left.min(free(&position));
            if shares == Shares::ZERO {
                continue;
            }
            left = left - shares;
            let Position { portfolio, leader, .. } = position;
            let basis = self.positions.basis(slot, shares);
            self.emit(now, Event::WrittenOff(WrittenOff { portfolio, leader, token, shares, basis }), events);
            if self.positions.get(slot).is_some_and(|left| (left.portfolio, left.token) == (portfolio, token)) {
                self.look(now, slot, events);
            }
        }
        self.slots = slots;
    }

    // -- applying ------------------------------------------------------------------------------------------------------

    pub(super) fn apply_taken_in(&mut self, at: Nanos, taken: &TakenIn) {
        let TakenIn { portfolio, leader, token, shares, cost } = *taken;
        let slot = self.positions.open_slot(portfolio, leader, token);
        let position = self.positions.at_mut(slot);
        if position.shares + position.unsettled == Shares::ZERO {
            (position.opened_at, position.peak) = (at, None);
        }
        // What was owed before does not mean what this brings.
        position.exit.shares = sellable(position.exit.shares.min(position.coming()));
        self.positions.add(slot, shares, cost, at);
        self.transfer(portfolio, Account::Outside, Account::Deployed, cost);
        self.portfolios[portfolio.index()].standing.flow(cost);
        self.stake(portfolio, leader, token, cost);
    }

    pub(super) fn apply_written_off(&mut self, off: &WrittenOff) {
        let WrittenOff { portfolio, leader, token, shares, basis } = *off;
        let slot = self.positions.find(portfolio, leader, token).expect("a position to write off from");
        self.positions.take(slot, shares);
        let position = self.positions.at_mut(slot);
        position.exit.shares = sellable(position.exit.shares.min(position.coming()));
        self.transfer(portfolio, Account::Deployed, Account::Result, basis);
        self.stake(portfolio, leader, token, -basis);
        self.gain(portfolio, leader, -basis);
        self.positions.close_if_empty(slot);
    }
}

/// Returns what of a position is held, and is not on sale.
fn free(position: &Position) -> Shares {
    position.shares.minus(position.selling)
}
