//! What happened in trials, by name and number: a simulation in which nothing happens proves nothing.

use std::{collections::BTreeMap, fmt};

use crate::domain::{Event, Side};

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage(BTreeMap<String, u64>);

impl Coverage {
    pub fn count(&self, name: &str) -> u64 {
        self.0.get(name).copied().unwrap_or(0)
    }

    pub fn add(&mut self, name: &str) {
        *self.0.entry(name.to_owned()).or_default() += 1;
    }

    /// Adds all that another trial had.
    pub fn merge(&mut self, other: &Coverage) {
        other.0.iter().for_each(|(name, count)| *self.0.entry(name.clone()).or_default() += count);
    }

    pub fn add_event(&mut self, event: &Event) {
        let name = match event {
            Event::Signal(_) => "signal",
            Event::Scored(_) => "scored",
            Event::Deposited { .. } => "deposited",
            Event::Withdrawn { .. } => "withdrawn",
            Event::Funded { .. } => "funded",
            Event::Signed(_) => "signed",
            Event::Matched(_) => "matched",
            Event::Confirmed { .. } => "confirmed",
            Event::Voided { .. } => "voided",
            Event::External(_) => "external",
            Event::Differs(_) => "differs",
            Event::WalletHolds(_) => "wallet holds",
            Event::Explained { .. } => "explained",
            Event::TakenIn(_) => "taken in",
            Event::WrittenOff(_) => "written off",
            Event::Gap(_) => "gap",
            Event::Adopted { .. } => "adopted",
            Event::HeldBack { .. } => "held back",
            Event::HoldEnded { .. } => "hold ended",
            Event::Repeated { .. } => "repeated",
            Event::Parked { .. } => "parked",
            Event::Skipped { reason, .. } => return self.add(&format!("skipped {}", reason.code())),
            Event::Refused { reason, .. } => return self.add(&format!("refused {}", reason.code())),
            Event::ExitDue { cause, .. } => return self.add(&format!("due {}", cause.code())),
            Event::Submitted(order) if order.side == Side::Buy => {
                return self.add(&format!("buy {}, attempt {}", order.kind.code(), order.attempt));
            }
            Event::Submitted(order) => return self.add(&format!("sell {}", order.cause.code())),
            Event::Accepted { .. } => "accepted",
            Event::Filled(_) => "filled",
            Event::Closed { end, .. } => return self.add(&format!("closed {}", end.code())),
            Event::Resolved { .. } => "resolved",
            Event::Settled(_) => "settled",
            Event::Released { .. } => "released",
            Event::Valued(_) => "valued",
            Event::Diverged { cause, .. } => return self.add(&format!("diverged {}", cause.code())),
            Event::Resynced { .. } => "resynced",
            Event::Faulted { fault, .. } => return self.add(&format!("fault {}", fault.code())),
            Event::Paused { .. } => "paused",
            Event::Unpaused { .. } => "unpaused",
            Event::Buffered { .. } => "buffered",
            Event::Merged { .. } => "merged",
            Event::LeaderHolds { .. } => "leader holds",
            Event::LeaderBlocked { .. } => "leader blocked",
            Event::LeaderUnblocked { .. } => "leader unblocked",
            Event::Peaked { .. } => "peaked",
            Event::CancelDue { .. } => "cancel due",
            Event::PlanRepaired { .. } => "plan repaired",
            Event::Unplanned { reason, .. } => return self.add(&format!("unplanned {}", reason.code())),
            Event::Unknown { .. } => "unknown",
            Event::DayBegan { .. } => "day began",
            Event::Tripped { breaker, .. } => return self.add(&format!("tripped {}", breaker.code())),
            Event::BreakerReset { breaker, .. } => return self.add(&format!("reset {}", breaker.code())),
            Event::BalanceLow { .. } => "balance low",
            Event::Moved { .. } => "moved",
            Event::Declined { reason, .. } => return self.add(&format!("declined {}", reason.code())),
            Event::Configured { .. } => "configured",
            Event::PaperSwitched { to } => return self.add(&format!("paper {}", to.code())),
            Event::LiveSwitched { to } => return self.add(&format!("live {}", to.code())),
            Event::LeaderSwitched { to, .. } => return self.add(&format!("leader {}", to.code())),
        };
        self.add(name);
    }
}

impl fmt::Display for Coverage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|(name, count)| writeln!(f, "{count:>12}  {name}"))
    }
}
