//! What happens because time passed.

use super::{Engine, Events, Portfolio, ledger::Account};
use crate::domain::{Event, Nanos, PortfolioId, Usdc, event::Valued};

/// Cooled amounts released, and waiting signals decided, in one step.
const RELEASES_PER_STEP: usize = 256;
pub(super) const DECISIONS_PER_STEP: usize = 2;

impl Engine {
    /// Returns when the next [`Input::Timer`](crate::domain::Input::Timer) is due.
    pub fn next_deadline(&self) -> Nanos {
        let parked = self.parked.iter().map(|parked| parked.until).min().unwrap_or(Nanos::NEVER);
        let value = if self.portfolios.is_empty() { Nanos::NEVER } else { self.value_at };
        let days = self.midnight().min(self.next_window_end()).min(self.next_hold_end());
        parked.min(value).min(self.look_at).min(self.cooling.next()).min(days)
    }

    /// Does what is due. At most so much at once that the events of one step stay bounded; what is left is still due.
    pub(super) fn timer(&mut self, now: Nanos, events: &mut Events) {
        for _ in 0..RELEASES_PER_STEP {
            let Some((portfolio, amount)) = self.cooling.due(now) else { break };
            self.emit(now, Event::Released { portfolio, amount }, events);
        }
        self.end_holds(now, events);
        for _ in 0..DECISIONS_PER_STEP {
            let Some(at) = self.parked.find(|parked| parked.until <= now) else { break };
            self.decide_parked(now, at, events);
        }
        self.end_windows(now, events);
        if self.look_at <= now {
            self.look_where_due(now, events);
        }
        if self.value_at <= now {
            self.value_all(now, events);
            self.value_at = now.plus(self.options.value_every);
        }
    }

    fn next_hold_end(&self) -> Nanos {
        let held = self.portfolios.iter().filter_map(|portfolio| portfolio.held_back);
        held.map(|held| held.until).min().unwrap_or(Nanos::NEVER)
    }

    fn end_holds(&mut self, now: Nanos, events: &mut Events) {
        for index in 0..self.portfolios.len() {
            if self.portfolios[index].held_back.is_some_and(|held| held.until <= now) {
                self.emit(now, Event::HoldEnded { portfolio: PortfolioId(index as u16) }, events);
            }
        }
    }

    /// Records what each portfolio is worth now.
    pub fn value_all(&mut self, now: Nanos, events: &mut Events) {
        for index in 0..self.portfolios.len() {
            let valued = self.valued(PortfolioId(index as u16));
            self.emit(now, Event::Valued(valued), events);
        }
    }

    /// Returns what a portfolio is worth, positions at the best bid.
    pub fn valued(&self, portfolio: PortfolioId) -> Valued {
        let ledger = &self.portfolios[portfolio.index()].ledger;
        Valued {
            portfolio,
            available: ledger.balance(Account::Available),
            reserved: ledger.balance(Account::Reserved),
            deployed: ledger.balance(Account::Deployed),
            cooling: ledger.balance(Account::Cooling),
            realised: ledger.realised(),
            unrealised: self.unrealised(portfolio),
        }
    }

    /// Follows the settings' capital from what it was before, as far as available cash allows a withdrawal; what the
    /// operator brought or took stays beside it. Returns what is missing.
    pub fn fund(&mut self, now: Nanos, portfolio: PortfolioId, capital: Usdc, events: &mut Events) -> Usdc {
        let Portfolio { ledger, standing, .. } = &self.portfolios[portfolio.index()];
        let (known, available) = (standing.capital, ledger.balance(Account::Available));
        let before = known.unwrap_or(ledger.deposits());
        let taken = (before - capital).max(Usdc::ZERO).min(available);
        let reached = if before < capital { capital } else { before - taken };
        if before < capital {
            self.emit(now, Event::Deposited { portfolio, amount: capital - before }, events);
        } else if taken > Usdc::ZERO {
            self.emit(now, Event::Withdrawn { portfolio, amount: taken }, events);
        }
        if known != Some(reached) {
            self.emit(now, Event::Funded { portfolio, capital: reached }, events);
        }
        reached - capital
    }

    /// Ends what a crash left undecided: entries are too old by now, exits never are. Call once after
    /// recovery; what waited for a cold token is due at the next timer.
    pub fn resume(&mut self, now: Nanos, events: &mut Events) {
        self.switches.resume(self.options.paper, self.options.live);
        if let Some(undecided) = self.parked.current {
            self.decide(now, &undecided.signal, events);
        }
        self.parked.hasten(now, |_| true);
        self.confirm_what_is_due(now, events);
        self.look_everywhere(now, events);
    }
}
