//! THE DEAD-MAN SWITCH of sales that rest (exit plans; no other order of ours does): while one does, the venue hears from us
//! every five seconds, and once it has, it cancels them when we fall silent for ten (PROTOCOL.md 2.11). Nothing is sent while
//! nothing rests. Pure.

use crate::{domain::Nanos, venue::polymarket::rest::Beat};

const EVERY: Nanos = Nanos::from_secs(5);
/// After a beat that failed.
const AGAIN_AFTER: Nanos = Nanos::from_secs(1);
/// Without a beat that was taken for so long, the venue is about to cancel what rests: nothing more is laid beside it.
const WELL_FOR: Nanos = Nanos::from_secs(9);

#[derive(Debug, Default)]
pub struct Heart {
    /// What the next beat carries: the venue gives it.
    id: String,
    is_under_way: bool,
    next_at: Nanos,
    /// When the last beat was taken; `None`: the switch is not armed.
    taken_at: Option<Nanos>,
}

impl Heart {
    /// Returns what the beat carries that is due, if something rests.
    pub fn beat(&mut self, now: Nanos, rests: bool) -> Option<String> {
        if !rests {
            self.taken_at = None;
        }
        if !rests || self.is_under_way || now < self.next_at {
            return None;
        }
        self.is_under_way = true;
        Some(self.id.clone())
    }

    /// Takes what came of the beat that was sent at `sent_at`; `None`: nobody knows.
    pub fn answered(&mut self, now: Nanos, sent_at: Nanos, answer: Option<Beat>) {
        self.is_under_way = false;
        match answer {
            Some(Beat::Taken { next }) => {
                (self.id, self.taken_at, self.next_at) = (next, Some(sent_at), sent_at.plus(EVERY));
            }
            // At once, but where that is the one that was sent: then the venue does not mean what it says.
            Some(Beat::Expected { id }) => {
                self.next_at = if id == self.id { now.plus(AGAIN_AFTER) } else { now };
                self.id = id;
            }
            None => self.next_at = now.plus(AGAIN_AFTER),
        }
    }

    /// Returns until when one more order may be left to rest.
    pub fn well_until(&self) -> Nanos {
        self.taken_at.map_or(Nanos::NEVER, |at| at.plus(WELL_FOR))
    }

    /// Returns when the next beat is due.
    pub fn next_due(&self, rests: bool) -> Option<Nanos> {
        (rests && !self.is_under_way).then_some(self.next_at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_well(heart: &Heart, now: Nanos) -> bool {
        now < heart.well_until()
    }

    fn at(millis: u64) -> Nanos {
        Nanos::from_secs(1_000).plus(Nanos::from_millis(millis))
    }

    fn taken(next: &str) -> Option<Beat> {
        Some(Beat::Taken { next: next.to_owned() })
    }

    #[test]
    fn it_beats_every_five_seconds_while_something_rests_with_the_id_that_the_venue_gave() {
        let mut heart = Heart::default();
        assert_eq!((heart.beat(at(0), false), heart.next_due(false)), (None, None));
        assert_eq!(heart.beat(at(0), true), Some(String::new()));
        assert_eq!((heart.beat(at(1), true), heart.next_due(true)), (None, None), "one is under way");
        heart.answered(at(30), at(0), taken("a"));
        assert_eq!((heart.beat(at(4_999), true), heart.next_due(true)), (None, Some(at(5_000))));
        assert_eq!(heart.beat(at(5_000), true).as_deref(), Some("a"));
        // Another process of ours had gone on: its id is taken over, at once.
        heart.answered(at(5_030), at(5_000), Some(Beat::Expected { id: "b".to_owned() }));
        assert_eq!(heart.beat(at(5_030), true).as_deref(), Some("b"));
        // Once.
        heart.answered(at(5_060), at(5_030), Some(Beat::Expected { id: "b".to_owned() }));
        assert_eq!((heart.beat(at(6_059), true), heart.beat(at(6_060), true).is_some()), (None, true));
    }

    #[test]
    fn nothing_more_is_laid_while_the_venue_may_be_about_to_cancel() {
        let mut heart = Heart::default();
        heart.beat(at(0), true);
        heart.answered(at(10), at(0), None);
        assert!(is_well(&heart, at(60_000)), "a switch that was never armed cancels nothing");
        assert!(heart.beat(at(1_010), true).is_some());
        heart.answered(at(1_020), at(1_010), taken("a"));
        assert_eq!((is_well(&heart, at(10_009)), is_well(&heart, at(10_010))), (true, false));
        // Nothing rests any more: there is nothing to cancel.
        assert_eq!(heart.beat(at(10_010), false), None);
        assert!(is_well(&heart, at(10_010)));
    }
}
