//! How often the index is asked: at most half of what the venue takes from an address (PROTOCOL.md 2.12), and not at all while
//! it says that this was too much.

use std::{
    sync::{Mutex, PoisonError},
    time::Duration,
};

use crate::{domain::Nanos, venue::polymarket::rest::Failure};

/// Of 1000 requests in ten seconds, over all routes.
const ANY_EVERY: Nanos = Nanos::from_millis(20);
/// Of 200 in ten seconds, of positions.
const POSITIONS_EVERY: Nanos = Nanos::from_millis(100);
/// After a 429 that does not say how long.
const BUSY: Duration = Duration::from_secs(10);
/// The longest that an answer may have us wait.
const BUSY_MAX: Duration = Duration::from_secs(120);

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ask {
    Activity,
    Positions,
}

#[derive(Debug)]
pub struct Pace {
    clock: fn() -> Nanos,
    next: Mutex<Next>,
}

/// When the next request may be sent: any, and one for positions.
#[derive(Clone, Copy, Debug, Default)]
struct Next {
    any: Nanos,
    positions: Nanos,
}

/// Returns how long to wait for a place, which is taken.
fn place(next: &mut Nanos, every: Nanos, now: Nanos) -> Nanos {
    let at = now.max(*next);
    *next = at.plus(every);
    at.since(now)
}

impl Pace {
    pub fn new(clock: fn() -> Nanos) -> Pace {
        Pace { clock, next: Mutex::default() }
    }

    /// Waits until one more request may be sent.
    pub async fn turn(&self, ask: Ask) {
        // Their own limit first: who waits for that holds nobody else up.
        if ask == Ask::Positions {
            self.wait(|next, now| place(&mut next.positions, POSITIONS_EVERY, now)).await;
        }
        self.wait(|next, now| place(&mut next.any, ANY_EVERY, now)).await;
    }

    async fn wait(&self, place: impl FnOnce(&mut Next, Nanos) -> Nanos) {
        let now = (self.clock)();
        let wait = place(&mut self.next.lock().unwrap_or_else(PoisonError::into_inner), now);
        tokio::time::sleep(Duration::from_nanos(wait.0)).await;
    }

    /// Obeys a venue that says it is too much.
    pub fn heard(&self, failure: &Failure) {
        let Failure::Busy { wait, .. } = failure else { return };
        let until = (self.clock)().plus(Nanos(wait.unwrap_or(BUSY).min(BUSY_MAX).as_nanos() as u64));
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        next.any = next.any.max(until);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_are_spaced_and_a_busy_venue_is_left_alone() {
        let (mut next, now) = (Nanos::ZERO, Nanos::from_secs(1));
        let waits =
            [now, now, now, now.plus(Nanos::from_secs(9))].map(|now| place(&mut next, ANY_EVERY, now).as_millis());
        assert_eq!(waits, [0, 20, 40, 0]);
        let pace = Pace::new(|| Nanos::from_secs(100));
        let busy = |wait| Failure::Busy { what: String::new(), wait };
        pace.heard(&Failure::TooLong { what: String::new() });
        assert_eq!(pace.next.lock().expect("ours").any, Nanos::ZERO);
        pace.heard(&busy(Some(Duration::from_secs(7))));
        assert_eq!(pace.next.lock().expect("ours").any, Nanos::from_secs(107));
        pace.heard(&busy(None));
        assert_eq!(pace.next.lock().expect("ours").any, Nanos::from_secs(110));
        pace.heard(&busy(Some(Duration::from_secs(9_999))));
        assert_eq!(pace.next.lock().expect("ours").any, Nanos::from_secs(220));
    }
}
