//! Breakers: what trips them, what resets them, and the day that begins at midnight UTC.

use super::{Engine, Events, Portfolio, ledger::Account};
use crate::domain::{
    Breaker, Declined, Event, Nanos, Numbers, PortfolioId, Side, Usdc,
    money::ONE,
    settings::{BreakerReset, Limits},
};

/// A portfolio that an event changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Touched {
    portfolio: PortfolioId,
    fell: Fell,
}

/// Whether its worth may have fallen, and how that is known.
#[derive(Clone, Copy, Debug)]
enum Fell {
    No,
    ByResult,
    ByValue,
}

impl Engine {
    /// Returns when the next day begins: at once before the first.
    pub(super) fn midnight(&self) -> Nanos {
        self.day.map_or(Nanos::ZERO, |day| Nanos::of_day(day + 1))
    }

    /// Begins the day of `now`, however long after its midnight: daily counters are zero again.
    #[cold]
    pub(super) fn begin_day(&mut self, now: Nanos, events: &mut Events) {
        self.emit(now, Event::DayBegan { day: now.day() }, events);
        for index in 0..self.portfolios.len() {
            match self.portfolios[index].settings.limits.reset {
                BreakerReset::ByHand => (),
                BreakerReset::AtMidnight => self.reset_tripped(now, PortfolioId(index as u16), events),
            }
        }
    }

    pub(super) fn reset_breakers(&mut self, now: Nanos, portfolio: PortfolioId, events: &mut Events) {
        match self.knows(portfolio) {
            true => self.reset_tripped(now, portfolio, events),
            false => self.decline(now, portfolio, Declined::NotKnown, Numbers::NONE, events),
        }
    }

    fn reset_tripped(&mut self, now: Nanos, portfolio: PortfolioId, events: &mut Events) {
        for breaker in Breaker::ALL {
            if self.portfolios[portfolio.index()].standing.has_tripped(breaker).is_none() {
                continue;
            }
            if breaker == Breaker::Drawdown {
                // What it is worth now is its new peak.
                let valued = self.valued(portfolio);
                self.emit(now, Event::Valued(valued), events);
            }
            self.emit(now, Event::BreakerReset { portfolio, breaker }, events);
        }
    }

    /// Returns whose standing an event may have changed. Asked before it is applied, while its order is open.
    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    pub(super) fn touched(&self, event: &Event) -> Option<Touched> {
        let order = |id| self.orders.get(id).map(|order| order.submitted);
        let changed = |portfolio| Some(Touched { portfolio, fell: Fell::No });
        match *event {
            Event::Submitted(submitted) => changed(submitted.portfolio),
            Event::Filled(filled) => {
                let submitted = order(filled.order)?;
                let is_loss = submitted.side == Side::Sell && filled.cash - filled.fee < filled.basis;
                Some(Touched { portfolio: submitted.portfolio, fell: if is_loss { Fell::ByResult } else { Fell::No } })
            }
            Event::Matched(matched) => {
                let submitted = self.live_order(matched.order)?.submitted;
                let is_loss = submitted.side == Side::Sell && matched.cash - matched.fee < matched.basis;
                Some(Touched { portfolio: submitted.portfolio, fell: if is_loss { Fell::ByResult } else { Fell::No } })
            }
            Event::Confirmed { order, trade, .. } | Event::Voided { order, trade } => {
                changed(self.legs.get(order, trade)?.moved?.portfolio)
            }
            Event::Adopted { order, .. } => changed(self.live_order(order)?.submitted.portfolio),
            Event::Settled(settled) => {
                let fell = if settled.proceeds < settled.basis { Fell::ByResult } else { Fell::No };
                Some(Touched { portfolio: settled.portfolio, fell })
            }
            Event::WrittenOff(off) => Some(Touched { portfolio: off.portfolio, fell: Fell::ByResult }),
            Event::TakenIn(taken) => changed(taken.portfolio),
            Event::Valued(valued) => Some(Touched { portfolio: valued.portfolio, fell: Fell::ByValue }),
            Event::Closed { order: id, .. } | Event::Unknown { order: id } => changed(order(id)?.portfolio),
            Event::Deposited { portfolio, .. }
            | Event::Withdrawn { portfolio, .. }
            | Event::Released { portfolio, .. }
            | Event::Configured { portfolio, .. } => changed(portfolio),
            Event::Moved { from, .. } => changed(from),
            Event::Signal(_)
            | Event::Repeated { .. }
            | Event::Parked { .. }
            | Event::Skipped { .. }
            | Event::Refused { .. }
            | Event::ExitDue { .. }
            | Event::Accepted { .. }
            | Event::Resolved { .. }
            | Event::Diverged { .. }
            | Event::Resynced { .. }
            | Event::Faulted { .. }
            | Event::Paused { .. }
            | Event::Unpaused { .. }
            | Event::Scored(_)
            | Event::Buffered { .. }
            | Event::Merged { .. }
            | Event::LeaderHolds { .. }
            | Event::LeaderBlocked { .. }
            | Event::LeaderUnblocked { .. }
            | Event::Peaked { .. }
            | Event::CancelDue { .. }
            | Event::PlanRepaired { .. }
            | Event::Unplanned { .. }
            | Event::DayBegan { .. }
            | Event::Tripped { .. }
            | Event::BreakerReset { .. }
            | Event::BalanceLow { .. }
            | Event::Declined { .. }
            | Event::PaperSwitched { .. }
            | Event::LiveSwitched { .. }
            | Event::LeaderSwitched { .. }
            | Event::Funded { .. }
            | Event::Signed(_)
            | Event::External(_)
            | Event::HeldBack { .. }
            | Event::HoldEnded { .. }
            | Event::Differs(_)
            | Event::WalletHolds(_)
            | Event::Explained { .. }
            | Event::Gap(_) => None,
        }
    }

    /// Trips what must trip after an event, and says when the balance is low.
    pub(super) fn watch_standing(&mut self, now: Nanos, touched: Touched, events: &mut Events) {
        let Touched { portfolio, .. } = touched;
        let limits = self.portfolios[portfolio.index()].settings.limits;
        let standing = &self.portfolios[portfolio.index()].standing;
        let count = |limit: u32, actual: usize| Numbers { limit: limit.into(), actual: actual as i64 };
        let lost = Numbers { limit: limits.day_loss_usdc_max.0, actual: standing.day_loss().0 };
        let losses = count(limits.losses_in_row_max, standing.losses as usize);
        let burst_max = limits.unknown_burst_max as usize;
        let burst = count(limits.unknown_burst_max, standing.doubted.in_a_minute(now, burst_max));
        for (breaker, numbers, is_counted) in [
            (Breaker::DailyLoss, lost, limits.day_loss_usdc_max < Limits::NONE),
            (Breaker::LossesInRow, losses, limits.losses_in_row_max > 0),
            (Breaker::UnknownBurst, burst, limits.unknown_burst_max > 0),
        ] {
            if is_counted && numbers.limit <= numbers.actual {
                self.trip(now, portfolio, breaker, numbers, events);
            }
        }
        self.watch_drawdown(now, touched, limits.drawdown_ppm_max, events);
        self.watch_balance(now, portfolio, limits.balance_low_usdc, events);
    }

    /// The fall from the peak is looked at with each value, and after each losing sale or settlement at the books' prices.
    fn watch_drawdown(&mut self, now: Nanos, touched: Touched, ppm_max: u32, events: &mut Events) {
        let Touched { portfolio, fell } = touched;
        let standing = &self.portfolios[portfolio.index()].standing;
        let is_tripped = standing.has_tripped(Breaker::Drawdown).is_some();
        if ONE as u32 <= ppm_max || is_tripped || standing.peak <= Usdc::ZERO {
            return;
        }
        let equity = match fell {
            Fell::No => return,
            Fell::ByValue => standing.worth,
            Fell::ByResult => self.equity(portfolio),
        };
        let fallen = i128::from((standing.peak - equity).0) * i128::from(ONE) / i128::from(standing.peak.0);
        let numbers = Numbers { limit: ppm_max.into(), actual: fallen as i64 };
        if numbers.limit <= numbers.actual {
            self.trip(now, portfolio, Breaker::Drawdown, numbers, events);
        }
    }

    fn trip(&mut self, now: Nanos, portfolio: PortfolioId, breaker: Breaker, numbers: Numbers, events: &mut Events) {
        if self.portfolios[portfolio.index()].standing.has_tripped(breaker).is_none() {
            self.emit(now, Event::Tripped { portfolio, breaker, numbers }, events);
        }
    }

    fn watch_balance(&mut self, now: Nanos, portfolio: PortfolioId, low: Usdc, events: &mut Events) {
        let Portfolio { ledger, standing, .. } = &mut self.portfolios[portfolio.index()];
        let available = ledger.balance(Account::Available);
        if low <= available {
            // Not part of the state: a start forgets it only where the balance is not low.
            standing.low_said = false;
        } else if !standing.low_said && Usdc::ZERO < ledger.deposits() {
            self.emit(now, Event::BalanceLow { portfolio, available }, events);
        }
    }

    /// Returns what a portfolio is worth now, positions at the best bid.
    pub fn equity(&self, portfolio: PortfolioId) -> Usdc {
        let ledger = &self.portfolios[portfolio.index()].ledger;
        ledger.held() + self.unrealised(portfolio)
    }
}
