//! How many of what: a fold over the events.

use crate::domain::{Event, Refusal, Skip, Usdc};

/// Counts since the process (or the replay) began.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    pub events: u64,
    pub signals: u64,
    pub repeated: u64,
    pub parked: u64,
    pub orders: u64,
    pub fills: u64,
    pub fees: Usdc,
    pub rejected: u64,
    pub exits_due: u64,
    pub settled: u64,
    pub diverged: u64,
    pub resynced: u64,
    pub faults: u64,
    /// In the order of [`Skip::ALL`] and [`Refusal::ALL`].
    pub skips: [u64; Skip::ALL.len()],
    pub refusals: [u64; Refusal::ALL.len()],
}

impl Default for Tally {
    fn default() -> Tally {
        Tally {
            events: 0,
            signals: 0,
            repeated: 0,
            parked: 0,
            orders: 0,
            fills: 0,
            fees: Usdc::ZERO,
            rejected: 0,
            exits_due: 0,
            settled: 0,
            diverged: 0,
            resynced: 0,
            faults: 0,
            skips: [0; Skip::ALL.len()],
            refusals: [0; Refusal::ALL.len()],
        }
    }
}

impl Tally {
    pub fn add(&mut self, event: &Event) {
        use crate::domain::OrderEnd;
        self.events += 1;
        match event {
            Event::Signal(_) => self.signals += 1,
            Event::Repeated { .. } => {
                self.repeated += 1;
                self.skips[Skip::SeenBefore as usize] += 1;
            }
            Event::Parked { .. } => self.parked += 1,
            Event::Skipped { reason, .. } => self.skips[*reason as usize] += 1,
            Event::Refused { reason, .. } => self.refusals[*reason as usize] += 1,
            Event::ExitDue { .. } => self.exits_due += 1,
            Event::Submitted(_) => self.orders += 1,
            Event::Filled(filled) => {
                self.fills += 1;
                self.fees = self.fees + filled.fee;
            }
            Event::Closed { end: OrderEnd::Rejected(_), .. } => self.rejected += 1,
            Event::Settled(_) => self.settled += 1,
            Event::Diverged { .. } => self.diverged += 1,
            Event::Resynced { .. } => self.resynced += 1,
            Event::Faulted { .. } => self.faults += 1,
            Event::Closed { end: OrderEnd::Filled | OrderEnd::Cancelled, .. }
            | Event::Accepted { .. }
            | Event::Deposited { .. }
            | Event::Withdrawn { .. }
            | Event::Resolved { .. }
            | Event::Released { .. }
            | Event::Paused { .. }
            | Event::Unpaused { .. }
            | Event::Valued(_) => (),
        }
    }

    /// Yields the skips that occurred, by code.
    pub fn skips(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Skip::ALL.iter().map(|reason| (reason.code(), self.skips[*reason as usize])).filter(|(_, count)| *count > 0)
    }

    /// Yields the refusals that occurred, by code.
    pub fn refusals(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Refusal::ALL
            .iter()
            .map(|reason| (reason.code(), self.refusals[*reason as usize]))
            .filter(|(_, count)| *count > 0)
    }
}
