//! Which blocks' logs to read next: all from where we know everything up to now, in ranges that the node takes.
//!
//! A notice may be lost on its way, and blocks change their mind, so the newest blocks are read again in a while; and what
//! was missed while there was no connection is read the same way, from the same mark on.

use crate::domain::Nanos;

/// The newest blocks are told by notices; they are read only once they are so old.
const BEHIND: u64 = 2;
/// So many blocks are read once more: they might have been replaced.
const AGAIN: u64 = 16;
/// Blocks asked for at once: at first, and at most. Many nodes take no more than some hundreds.
const SPAN: u64 = 256;
const SPAN_MAX: u64 = 2_048;
/// After so many refusals of a single block the node is asked no more for what is old.
const REFUSALS_MAX: u32 = 5;
const PAUSE: Nanos = Nanos::from_secs(1);
/// Questions for when the blocks of a moment were, at most.
const ROUNDS_MAX: u32 = 8;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    pub number: u64,
    pub at: Nanos,
}

/// What to ask now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    Nothing,
    /// The time of this block.
    Block(u64),
    /// The logs of these blocks, both included.
    Logs {
        from: u64,
        to: u64,
    },
}

/// Why a range was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// Nobody listened then.
    Missed,
    /// To be sure.
    Again,
}

#[derive(Debug)]
enum From {
    /// Where the blocks after this moment begin is not known yet.
    Moment {
        at: Nanos,
        guess: Option<u64>,
        rounds: u32,
    },
    Block(u64),
    /// The first head says.
    Now,
}

#[derive(Debug)]
pub struct Reading {
    every: Nanos,
    backfill_max: Nanos,
    head: Option<Head>,
    from: From,
    /// What was before this block is nobody's business here.
    first: u64,
    why: Why,
    span: u64,
    /// What the node took, as far as is known.
    span_max: u64,
    asked: Option<(u64, u64)>,
    read_at: Nanos,
    not_before: Nanos,
    refusals: u32,
}

impl Reading {
    /// Begins at `since`, but not more than `backfill_max` back; without it, with the first new block.
    pub fn new(since: Option<Nanos>, backfill_max: Nanos, every: Nanos) -> Reading {
        let from = since.map_or(From::Now, |at| From::Moment { at, guess: None, rounds: 0 });
        let (why, span, span_max) = (Why::Missed, SPAN, SPAN_MAX);
        let (read_at, not_before, refusals) = (Nanos::ZERO, Nanos::ZERO, 0);
        Reading {
            every,
            backfill_max,
            head: None,
            from,
            first: 0,
            why,
            span,
            span_max,
            asked: None,
            read_at,
            not_before,
            refusals,
        }
    }

    /// There is a new connection: what was asked before is not answered any more.
    pub fn connected(&mut self) {
        if self.asked.take().is_some() {
            // Perhaps the answer was what ended the connection.
            self.span = (self.span / 2).max(1);
        }
        (self.why, self.head, self.span_max) = (Why::Missed, None, SPAN_MAX);
    }

    pub fn head(&mut self, head: Head) {
        self.head = Some(head);
        match &mut self.from {
            From::Now => (self.from, self.first) = (From::Block(head.number), head.number),
            From::Moment { at, .. } => *at = (*at).max(Nanos(head.at.0.saturating_sub(self.backfill_max.0))),
            From::Block(_) => {}
        }
    }

    /// Returns what to ask at `now`. What it returns counts as asked.
    pub fn next(&mut self, now: Nanos) -> Next {
        let Some(head) = self.head else { return Next::Nothing };
        if self.asked.is_some() || now < self.not_before {
            return Next::Nothing;
        }
        let from = match &mut self.from {
            From::Now => return Next::Nothing,
            From::Moment { at, guess, .. } => {
                let block = guess.unwrap_or_else(|| before(head, *at, Nanos::from_secs(2)));
                self.asked = Some((block, block));
                return Next::Block(block);
            }
            From::Block(from) => *from,
        };
        let newest = head.number.saturating_sub(BEHIND);
        if newest < from || (self.why == Why::Again && now.since(self.read_at) < self.every) {
            return Next::Nothing;
        }
        let to = newest.min(from + self.span - 1);
        self.asked = Some((from, to));
        Next::Logs { from, to }
    }

    /// Takes in when the block that was asked for was; `None` if the node does not have it.
    pub fn block_was(&mut self, block: u64, was: Option<Nanos>) {
        let Some(head) = self.head.filter(|_| self.asked.take() == Some((block, block))) else { return };
        let From::Moment { at, guess, rounds } = &mut self.from else { return };
        *rounds += 1;
        let far = |was: Nanos| *at < was && block < head.number && *rounds < ROUNDS_MAX;
        match was.filter(|was| far(*was)) {
            // Blocks come quicker than was thought: further back.
            Some(was) => {
                let pace = Nanos((head.at.since(was).0 / (head.number - block)).max(1));
                *guess = Some(before(head, *at, pace).min(block.saturating_sub(1)));
            }
            None => self.from = From::Block(block),
        }
    }

    /// Returns why the range that was asked for was wanted.
    pub fn why(&self) -> Why {
        self.why
    }

    /// The logs that were asked for are all here.
    pub fn read(&mut self, now: Nanos) {
        let (Some((_, to)), Some(head)) = (self.asked.take(), self.head) else { return };
        (self.refusals, self.read_at, self.span) = (0, now, (self.span * 2).min(self.span_max));
        if to >= head.number.saturating_sub(BEHIND) {
            self.why = Why::Again;
            self.from = From::Block((to + 1).saturating_sub(AGAIN).max(self.first));
        } else {
            self.from = From::Block(to + 1);
        }
    }

    /// What was asked for is refused, or not answered. Returns true where what is old is given up.
    pub fn refused(&mut self, now: Nanos) -> bool {
        let (Some((from, to)), Some(head)) = (self.asked.take(), self.head) else { return false };
        self.not_before = now.plus(PAUSE);
        match self.from {
            From::Moment { .. } => {
                self.from = From::Block(from);
                false
            }
            From::Block(_) | From::Now if to > from => {
                self.span = (to - from).div_ceil(2);
                self.span_max = self.span;
                false
            }
            From::Block(_) | From::Now => {
                self.refusals += 1;
                let gives_up = self.refusals >= REFUSALS_MAX;
                if gives_up {
                    (self.from, self.why) = (From::Block(head.number), Why::Again);
                    (self.refusals, self.span, self.span_max) = (0, SPAN, SPAN_MAX);
                }
                gives_up
            }
        }
    }
}

/// Returns the block of a moment if blocks come every `pace`, or rather one before it.
fn before(head: Head, at: Nanos, pace: Nanos) -> u64 {
    let blocks = head.at.since(at).0 / pace.0;
    head.number.saturating_sub(blocks + blocks / 8 + AGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;

    const T: fn(u64) -> Nanos = Nanos::from_secs;

    fn reading(since: Option<u64>) -> Reading {
        Reading::new(since.map(T), T(86_400), T(10))
    }

    #[test]
    fn without_a_past_reading_begins_now_and_is_done_again_in_a_while() {
        let mut reading = reading(None);
        reading.connected();
        assert_eq!(reading.next(T(1_000)), Next::Nothing);
        reading.head(Head { number: 500, at: T(1_000) });
        assert_eq!(reading.next(T(1_000)), Next::Nothing);
        reading.head(Head { number: 503, at: T(1_006) });
        assert_eq!(reading.next(T(1_006)), Next::Logs { from: 500, to: 501 });
        assert_eq!((reading.next(T(1_006)), reading.why()), (Next::Nothing, Why::Missed));
        reading.read(T(1_007));
        reading.head(Head { number: 505, at: T(1_010) });
        assert_eq!(reading.next(T(1_016)), Next::Nothing);
        // Nothing before the first block: it was nobody's to tell.
        assert_eq!((reading.next(T(1_017)), reading.why()), (Next::Logs { from: 500, to: 503 }, Why::Again));
        reading.read(T(1_017));
        reading.head(Head { number: 522, at: T(1_044) });
        assert_eq!(reading.next(T(1_044)), Next::Logs { from: 500, to: 520 });
        reading.read(T(1_044));
        reading.head(Head { number: 525, at: T(1_054) });
        assert_eq!(reading.next(T(1_054)), Next::Logs { from: 505, to: 523 });
    }

    #[test]
    fn after_a_gap_everything_since_is_read_in_ranges() {
        let mut reading = reading(None);
        reading.head(Head { number: 500, at: T(1_000) });
        reading.head(Head { number: 502, at: T(1_004) });
        assert_eq!(reading.next(T(1_004)), Next::Logs { from: 500, to: 500 });
        reading.read(T(1_004));
        reading.connected();
        assert_eq!(reading.next(T(3_000)), Next::Nothing, "no head yet");
        reading.head(Head { number: 1_500, at: T(3_000) });
        for (from, to) in [(500, 1_011), (1_012, 1_498)] {
            assert_eq!((reading.next(T(3_000)), reading.why()), (Next::Logs { from, to }, Why::Missed));
            reading.read(T(3_000));
        }
        assert_eq!((reading.next(T(3_000)), reading.why()), (Next::Nothing, Why::Again));
    }

    #[test]
    fn the_past_is_found_by_the_blocks_times() {
        // Blocks come every second, twice as quick as is thought at first.
        let mut reading = reading(Some(9_000));
        let block_at = |number: u64| T(10_000 - (100_000 - number));
        reading.head(Head { number: 100_000, at: T(10_000) });
        let mut asked = vec![];
        while let Next::Block(block) = reading.next(T(10_000)) {
            asked.push(block);
            reading.block_was(block, Some(block_at(block)));
        }
        let From::Block(from) = reading.from else { panic!("{reading:?}") };
        assert!(block_at(from) <= T(9_000) && block_at(from) > T(8_500), "{from}");
        assert_eq!(asked, [99_422, 98_859]);
    }

    #[test]
    fn no_more_is_asked_than_is_wanted_and_an_unknown_block_is_taken_for_the_first() {
        let mut reading = reading(Some(0));
        reading.head(Head { number: 100_000, at: T(200_000) });
        let Next::Block(block) = reading.next(T(200_000)) else { panic!() };
        assert_eq!(block, 100_000 - 43_200 - 5_400 - AGAIN, "a day back, and some more");
        reading.block_was(block, None);
        assert_eq!(reading.next(T(200_000)), Next::Logs { from: block, to: block + SPAN - 1 });
    }

    #[test]
    fn a_refused_range_is_halved_and_what_is_never_told_given_up() {
        let mut reading = reading(None);
        reading.head(Head { number: 100, at: T(0) });
        reading.head(Head { number: 1_000, at: T(0) });
        let (mut now, mut spans) = (T(10), vec![]);
        loop {
            let Next::Logs { from, to } = reading.next(now) else { panic!("{reading:?}") };
            assert_eq!(from, 100);
            spans.push(to - from + 1);
            if reading.refused(now) {
                break;
            }
            assert_eq!(reading.next(now), Next::Nothing, "not at once");
            now = now.plus(PAUSE);
        }
        assert_eq!(spans, [256, 128, 64, 32, 16, 8, 4, 2, 1, 1, 1, 1, 1]);
        reading.head(Head { number: 1_002, at: T(100) });
        assert_eq!(reading.next(T(100)), Next::Logs { from: 1_000, to: 1_000 });
    }
}
