//! Transactions that the node is to be asked for: a bounded queue, the newest first in line when it overflows, and not more a
//! second than is allowed.

use std::collections::VecDeque;

use crate::domain::{Nanos, Source};

/// How many wait. Beyond it the oldest is given up.
const WAITING_MAX: usize = 64;
/// A transaction told by two prints, or by a print and the pool, is asked for once while it is remembered.
const REMEMBERED: usize = 256;
/// A print is told before the node has heard of its transaction: then it is asked again, each time after twice as long.
const AGAIN_AFTER: Nanos = Nanos::from_millis(100);
const TRIES_MAX: u32 = 5;

/// A transaction's hash as text.
pub type Hash = [u8; 66];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ask {
    pub hash: Hash,
    pub source: Source,
    tries: u32,
    due: Nanos,
}

#[derive(Debug)]
pub struct Wanted {
    per_second_max: u32,
    second: u64,
    used: u32,
    waiting: VecDeque<Ask>,
    remembered: VecDeque<Hash>,
    pub given_up: u64,
}

impl Wanted {
    pub fn new(per_second_max: u32) -> Wanted {
        let (waiting, remembered) = (VecDeque::with_capacity(WAITING_MAX), VecDeque::with_capacity(REMEMBERED));
        Wanted { per_second_max, second: 0, used: 0, waiting, remembered, given_up: 0 }
    }

    /// Wants a transaction, unless it was wanted just before.
    pub fn add(&mut self, hash: Hash, source: Source, now: Nanos) {
        if self.remembered.contains(&hash) {
            return;
        }
        if self.remembered.len() == REMEMBERED {
            self.remembered.pop_front();
        }
        self.remembered.push_back(hash);
        self.push(Ask { hash, source, tries: 0, due: now });
    }

    /// The node does not have it yet: it is asked again in a while, or given up.
    pub fn not_yet(&mut self, ask: Ask, now: Nanos) {
        let tries = ask.tries + 1;
        if tries == TRIES_MAX {
            self.given_up += 1;
        } else {
            self.push(Ask { tries, due: now.plus(Nanos(AGAIN_AFTER.0 << ask.tries)), ..ask });
        }
    }

    /// Returns what may be asked for now; what it returns counts as asked.
    pub fn next(&mut self, now: Nanos) -> Option<Ask> {
        if self.second != now.as_secs() {
            (self.second, self.used) = (now.as_secs(), 0);
        }
        let due = self.waiting.iter().position(|ask| ask.due <= now).filter(|_| self.used < self.per_second_max)?;
        self.used += 1;
        self.waiting.remove(due)
    }

    fn push(&mut self, ask: Ask) {
        if self.waiting.len() == WAITING_MAX {
            self.waiting.pop_front();
            self.given_up += 1;
        }
        self.waiting.push_back(ask);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hash(n: u8) -> Hash {
        [n; 66]
    }

    #[test]
    fn not_more_a_second_than_allowed_and_each_once() {
        let mut wanted = Wanted::new(2);
        let now = Nanos::from_secs(5);
        [1, 2, 1, 3].iter().for_each(|n| wanted.add(hash(*n), Source::Print, now));
        let next = |wanted: &mut Wanted, now| wanted.next(now).map(|ask| ask.hash[0]);
        assert_eq!([next(&mut wanted, now), next(&mut wanted, now), next(&mut wanted, now)], [Some(1), Some(2), None]);
        assert_eq!(next(&mut wanted, Nanos::from_secs(6)), Some(3));
    }

    #[test]
    fn the_newest_stay_when_there_are_too_many() {
        let mut wanted = Wanted::new(1_000);
        (0..WAITING_MAX as u8 + 3).for_each(|n| wanted.add(hash(n), Source::Print, Nanos::ZERO));
        assert_eq!((wanted.given_up, wanted.next(Nanos::ZERO).map(|ask| ask.hash[0])), (3, Some(3)));
    }

    #[test]
    fn one_that_the_node_has_not_heard_of_is_asked_again_then_given_up() {
        let mut wanted = Wanted::new(1_000);
        wanted.add(hash(1), Source::Print, Nanos::ZERO);
        let (mut now, mut asked) = (Nanos::ZERO, vec![]);
        while now < Nanos::from_secs(10) {
            if let Some(ask) = wanted.next(now) {
                asked.push(now.as_millis());
                wanted.not_yet(ask, now);
            }
            now = now.plus(Nanos::from_millis(50));
        }
        assert_eq!((asked, wanted.given_up), (vec![0, 100, 300, 700, 1_500], 1));
    }
}
