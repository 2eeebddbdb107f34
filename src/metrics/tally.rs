//! How many of what: a fold over the events.

use crate::domain::{Event, Refusal, Rejection, Skip, Usdc, ids::PORTFOLIOS_MAX};

/// Counts since the process (or the replay) began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    pub events: u64,
    pub signals: u64,
    pub parked: u64,
    pub orders: u64,
    pub fills: u64,
    pub fees: Usdc,
    /// In the order of [`Rejection::ALL`].
    pub rejections: [u64; Rejection::ALL.len()],
    pub exits_due: u64,
    pub settled: u64,
    /// Cooled proceeds that became available again, by portfolio.
    pub released: Vec<Usdc>,
    pub diverged: u64,
    pub resynced: u64,
    pub faults: u64,
    pub scored: u64,
    pub buffered: u64,
    pub merged: u64,
    pub tripped: u64,
    pub leaders_blocked: u64,
    pub declined: u64,
    /// In the order of [`Skip::ALL`] and [`Refusal::ALL`].
    pub skips: [u64; Skip::ALL.len()],
    pub refusals: [u64; Refusal::ALL.len()],
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            events: 0,
            signals: 0,
            parked: 0,
            orders: 0,
            fills: 0,
            fees: Usdc::ZERO,
            rejections: [0; Rejection::ALL.len()],
            exits_due: 0,
            settled: 0,
            released: vec![Usdc::ZERO; PORTFOLIOS_MAX],
            diverged: 0,
            resynced: 0,
            faults: 0,
            scored: 0,
            buffered: 0,
            merged: 0,
            tripped: 0,
            leaders_blocked: 0,
            declined: 0,
            skips: [0; Skip::ALL.len()],
            refusals: [0; Refusal::ALL.len()],
        }
    }
}

impl Tally {
    #[expect(clippy::too_many_lines, reason = "one arm for each event")]
    pub fn add(&mut self, event: &Event) {
        use crate::domain::OrderEnd;
        self.events += 1;
        match event {
            Event::Signal(_) => self.signals += 1,
            Event::Parked { .. } => self.parked += 1,
            Event::Skipped { reason, .. } => self.skips[*reason as usize] += 1,
            Event::Refused { reason, .. } => self.refusals[*reason as usize] += 1,
            Event::ExitDue { .. } => self.exits_due += 1,
            Event::Submitted(_) => self.orders += 1,
            Event::Filled(filled) => {
                self.fills += 1;
                self.fees = self.fees + filled.fee;
            }
            Event::Closed { end: OrderEnd::Rejected(rejection), .. } => self.rejections[*rejection as usize] += 1,
            Event::Settled(_) => self.settled += 1,
            Event::Released { portfolio, amount } => {
                let released = &mut self.released[portfolio.index()];
                *released = *released + *amount;
            }
            Event::Diverged { .. } => self.diverged += 1,
            Event::Resynced { .. } => self.resynced += 1,
            Event::Faulted { .. } => self.faults += 1,
            Event::Scored(_) => self.scored += 1,
            Event::Buffered { .. } => self.buffered += 1,
            Event::Merged { .. } => self.merged += 1,
            Event::Tripped { .. } => self.tripped += 1,
            Event::LeaderBlocked { .. } => self.leaders_blocked += 1,
            Event::Declined { .. } => self.declined += 1,
            Event::Closed {
                end:
                    OrderEnd::Filled
                    | OrderEnd::Cancelled
                    | OrderEnd::Expired
                    | OrderEnd::NotSent(_)
                    | OrderEnd::Shadow
                    | OrderEnd::Absent,
                ..
            }
            | Event::Accepted { .. }
            | Event::Deposited { .. }
            | Event::Withdrawn { .. }
            | Event::Resolved { .. }
            | Event::Paused { .. }
            | Event::Unpaused { .. }
            | Event::LeaderHolds { .. }
            | Event::LeaderUnblocked { .. }
            | Event::Peaked { .. }
            | Event::CancelDue { .. }
            | Event::PlanRepaired { .. }
            | Event::Unplanned { .. }
            | Event::Unknown { .. }
            | Event::DayBegan { .. }
            | Event::BreakerReset { .. }
            | Event::BalanceLow { .. }
            | Event::Moved { .. }
            | Event::Funded { .. }
            | Event::Signed(_)
            | Event::Matched(_)
            | Event::Confirmed { .. }
            | Event::Voided { .. }
            | Event::External(_)
            | Event::Adopted { .. }
            | Event::HeldBack { .. }
            | Event::HoldEnded { .. }
            | Event::Differs(_)
            | Event::WalletHolds(_)
            | Event::Explained { .. }
            | Event::TakenIn(_)
            | Event::WrittenOff(_)
            // Sources race: each but the first tells again.
            | Event::Repeated { .. }
            | Event::Gap(_)
            | Event::Configured { .. }
            | Event::PaperSwitched { .. }
            | Event::LiveSwitched { .. }
            | Event::LeaderSwitched { .. }
            | Event::Valued(_) => (),
        }
    }

    /// Yields the skips that occurred, by code.
    pub fn skips(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Skip::ALL.iter().map(|reason| (reason.code(), self.skips[*reason as usize])).filter(|(_, count)| *count > 0)
    }

    /// Yields the venue's noes that occurred, by code.
    pub fn rejections(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let counted = Rejection::ALL.iter().map(|reason| (reason.code(), self.rejections[*reason as usize]));
        counted.filter(|(_, count)| *count > 0)
    }

    /// Yields the refusals that occurred, by code.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::ALL
            .iter()
            .map(|reason| (reason.code(), self.refusals[*reason as usize]))
            .filter(|(_, count)| *count > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Numbers, OrderEnd, OrderId, PortfolioId, Rejection, Shares, SignalId, TokenId, event::Filled};

    fn tallied(events: impl IntoIterator<Item = Event>) -> Tally {
        let mut tally = Tally::default();
        events.into_iter().for_each(|event| tally.add(&event));
        tally
    }

    #[test]
    fn every_no_is_counted_by_its_reason() {
        let (signal, portfolio, numbers) = (SignalId(1), PortfolioId(0), Numbers::NONE);
        for reason in Skip::ALL {
            let tally = tallied([Event::Skipped { signal, portfolio, reason: *reason, numbers }; 2]);
            assert_eq!(tally.skips().collect::<Vec<_>>(), [(reason.code(), 2)]);
            assert_eq!((tally.events, tally.refusals().count()), (2, 0));
        }
        for reason in Refusal::ALL {
            let tally = tallied([Event::Refused { signal, portfolio, reason: *reason, numbers }; 3]);
            assert_eq!(tally.refusals().collect::<Vec<_>>(), [(reason.code(), 3)]);
            assert_eq!((tally.events, tally.skips().count()), (3, 0));
        }
    }

    #[test]
    fn what_is_no_no_is_counted_by_kind() {
        let (order, portfolio, token) = (OrderId(0), PortfolioId(0), TokenId(0));
        let closed = |end| Event::Closed { order, end, released: Usdc::ZERO };
        let filled = Filled {
            order,
            shares: Shares::whole(1),
            cash: Usdc(500_000),
            fee: Usdc(10_000),
            basis: Usdc::ZERO,
            release_at: crate::domain::Nanos::ZERO,
        };
        let tally = tallied([
            Event::Deposited { portfolio, amount: Usdc::whole(5) },
            Event::Filled(filled),
            Event::Filled(filled),
            closed(OrderEnd::Filled),
            closed(OrderEnd::Cancelled),
            closed(OrderEnd::Rejected(Rejection::NoMatch)),
            Event::Diverged { token, cause: crate::domain::Divergence::Gap },
            Event::Resynced { token },
            Event::Faulted { fault: crate::domain::Fault::Overfill, order },
            Event::Paused { portfolio },
            Event::Merged { signal: SignalId(1), portfolio, into: SignalId(2) },
            Event::Tripped { portfolio, breaker: crate::domain::Breaker::DailyLoss, numbers: Numbers::NONE },
            Event::Declined { portfolio, reason: crate::domain::Declined::NotPositive, numbers: Numbers::NONE },
        ]);
        let counts = Tally { merged: 1, tripped: 1, declined: 1, ..Tally::default() };
        let mut expected =
            Tally { events: 13, fills: 2, fees: Usdc(20_000), diverged: 1, resynced: 1, faults: 1, ..counts };
        expected.rejections[Rejection::NoMatch as usize] = 1;
        assert_eq!(tally, expected);
        assert_eq!(tally.rejections().collect::<Vec<_>>(), [("rejected_no_match", 1)]);
    }
}
