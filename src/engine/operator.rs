//! What the operator says: money, switches, pauses, other settings. What cannot be done is declined with its numbers.

use super::{Engine, Entries, Events, LEADERS_MAX, LiveOrders, apply::StateHash};
use crate::domain::{
    Declined, Event, LeaderId, LeaderSwitch, LiveSwitch, Mode, Nanos, Numbers, PaperSwitch, PortfolioId, Settings, Usdc,
};

/// The most that is put into one portfolio, so that sums never overflow.
pub const DEPOSITS_MAX: Usdc = Usdc::whole(1_000_000_000);

impl Engine {
    pub(super) fn knows(&self, portfolio: PortfolioId) -> bool {
        portfolio.index() < self.portfolios.len()
    }

    pub(super) fn decline(
        &mut self,
        now: Nanos,
        portfolio: PortfolioId,
        reason: Declined,
        numbers: Numbers,
        events: &mut Events,
    ) {
        self.emit(now, Event::Declined { portfolio, reason, numbers }, events);
    }

    pub(super) fn pause(&mut self, now: Nanos, portfolio: PortfolioId, to: Entries, events: &mut Events) {
        if !self.knows(portfolio) {
            return self.decline(now, portfolio, Declined::NotKnown, Numbers::NONE, events);
        }
        let event = match to {
            Entries::Running => Event::Unpaused { portfolio },
            Entries::Paused => Event::Paused { portfolio },
        };
        self.emit(now, event, events);
    }

    pub(super) fn deposit(&mut self, now: Nanos, portfolio: PortfolioId, amount: Usdc, events: &mut Events) {
        match self.may_take(portfolio, amount) {
            Ok(()) => self.emit(now, Event::Deposited { portfolio, amount }, events),
            Err((reason, numbers)) => self.decline(now, portfolio, reason, numbers, events),
        }
    }

    pub(super) fn withdraw(&mut self, now: Nanos, portfolio: PortfolioId, amount: Usdc, events: &mut Events) {
        match self.may_give(portfolio, amount) {
            Ok(()) => self.emit(now, Event::Withdrawn { portfolio, amount }, events),
            Err((reason, numbers)) => self.decline(now, portfolio, reason, numbers, events),
        }
    }

    pub(super) fn move_money(
        &mut self,
        now: Nanos,
        from: PortfolioId,
        to: PortfolioId,
        amount: Usdc,
        events: &mut Events,
    ) {
        let is_other_mode = |engine: &Engine| {
            let mode = |id: PortfolioId| engine.portfolios[id.index()].mode;
            if mode(from) == mode(to) { Ok(()) } else { Err((Declined::OtherMode, Numbers::NONE)) }
        };
        let checked = self.may_give(from, amount).and_then(|()| self.may_take(to, amount));
        match checked.and_then(|()| is_other_mode(self)) {
            Ok(()) => self.emit(now, Event::Moved { from, to, amount }, events),
            Err((reason, numbers)) => self.decline(now, from, reason, numbers, events),
        }
    }

    fn is_amount(&self, portfolio: PortfolioId, amount: Usdc) -> Result<(), (Declined, Numbers)> {
        if !self.knows(portfolio) {
            return Err((Declined::NotKnown, Numbers::NONE));
        }
        if amount <= Usdc::ZERO {
            return Err((Declined::NotPositive, Numbers { limit: 0, actual: amount.0 }));
        }
        Ok(())
    }

    fn may_take(&self, portfolio: PortfolioId, amount: Usdc) -> Result<(), (Declined, Numbers)> {
        self.is_amount(portfolio, amount)?;
        let room = DEPOSITS_MAX - self.portfolios[portfolio.index()].ledger.deposits();
        if room < amount {
            return Err((Declined::TooMuch, Numbers { limit: room.0, actual: amount.0 }));
        }
        Ok(())
    }

    fn may_give(&self, portfolio: PortfolioId, amount: Usdc) -> Result<(), (Declined, Numbers)> {
        self.is_amount(portfolio, amount)?;
        let available = self.portfolios[portfolio.index()].free();
        if available < amount {
            return Err((Declined::NotAvailable, Numbers { limit: available.0, actual: amount.0 }));
        }
        Ok(())
    }

    /// Holds back available cash of a live portfolio; what was held back before is replaced.
    pub(super) fn hold_back(
        &mut self,
        now: Nanos,
        portfolio: PortfolioId,
        amount: Usdc,
        until: Nanos,
        events: &mut Events,
    ) {
        if let Err((reason, numbers)) = self.is_amount(portfolio, amount) {
            return self.decline(now, portfolio, reason, numbers, events);
        }
        match self.portfolios[portfolio.index()].mode {
            Mode::Paper => self.decline(now, portfolio, Declined::OtherMode, Numbers::NONE, events),
            Mode::Live => self.emit(now, Event::HeldBack { portfolio, amount, until }, events),
        }
    }

    /// What live orders can do changed: sales that waited for it leave.
    pub(super) fn live_orders(&mut self, now: Nanos, to: LiveOrders, events: &mut Events) {
        self.switches.set_live_orders(to);
        self.look_at_live(now, events);
    }

    pub(super) fn switch_paper(&mut self, now: Nanos, to: PaperSwitch, events: &mut Events) {
        self.emit(now, Event::PaperSwitched { to }, events);
    }

    pub(super) fn switch_live(&mut self, now: Nanos, to: LiveSwitch, events: &mut Events) {
        // Where orders cannot leave only now, they wait for that; the switch is the operator's word.
        if to == LiveSwitch::On && self.switches.live_orders() == LiveOrders::Missing {
            return self.decline(now, PortfolioId::NONE, Declined::LiveNotReady, Numbers::NONE, events);
        }
        self.emit(now, Event::LiveSwitched { to }, events);
    }

    pub(super) fn switch_leader(&mut self, now: Nanos, leader: LeaderId, to: LeaderSwitch, events: &mut Events) {
        let declined = match to {
            _ if LEADERS_MAX <= leader.index() => Some(Declined::NotKnown),
            LeaderSwitch::ForceOn if self.switches.live_orders() == LiveOrders::Missing => Some(Declined::LiveNotReady),
            LeaderSwitch::ForceOn | LeaderSwitch::Inherit | LeaderSwitch::ForceOff => None,
        };
        match declined {
            Some(reason) => self.decline(now, PortfolioId::NONE, reason, Numbers::NONE, events),
            None if to == self.leader_switch(leader) => (),
            None => self.emit(now, Event::LeaderSwitched { leader, to }, events),
        }
    }

    /// Gives a portfolio other settings: what is open goes on under them. The event tells by a digest which they are.
    pub fn configure(&mut self, now: Nanos, portfolio: PortfolioId, settings: &Settings, events: &mut Events) {
        if !self.knows(portfolio) {
            return self.decline(now, portfolio, Declined::NotKnown, Numbers::NONE, events);
        }
        self.portfolios[portfolio.index()].settings = *settings;
        self.emit(now, Event::Configured { portfolio, digest: digest(settings) }, events);
        self.look_everywhere(now, events);
    }
}

/// Returns a hash of settings: of their text, which names every one of them.
pub fn digest(settings: &Settings) -> u64 {
    let mut hash = StateHash::new();
    std::fmt::write(&mut hash, format_args!("{settings:?}")).expect("a hash takes every text");
    hash.value()
}
