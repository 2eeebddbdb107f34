//! What one channel was not told yet: held in quiet hours, no faster than its rate, tried again with growing pauses, never more
//! than fits.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};

use super::{
    board::{Note, Phase},
    rule::Severity,
};
use crate::{config::Quiet, domain::Nanos};

/// The most notes that wait for one channel; beyond them the oldest that is not critical is dropped, and counted.
pub const WAITING_MAX: usize = 200;
/// The most notes that one message puts together.
pub const TOGETHER_MAX: usize = 20;
/// How often one message is tried.
pub const TRIES_MAX: u32 = 10;
const PAUSE_FIRST: Nanos = Nanos::from_secs(2);
const PAUSE_MAX: Nanos = Nanos::from_secs(300);
/// A server may ask for a longer pause, but not for any.
const PAUSE_ASKED_MAX: Nanos = Nanos::from_secs(3_600);
const MINUTE: Nanos = Nanos::from_secs(60);

/// What became of a try.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    Delivered,
    /// It may work later; a server may say when.
    Later {
        why: String,
        after: Option<Nanos>,
    },
    /// It will not work, however often it is tried.
    Never {
        why: String,
    },
}

/// How the settings bound a channel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    pub quiet: Option<Quiet>,
    pub per_minute_max: u32,
}

/// How a message ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Ended {
    pub notes: Vec<Note>,
    pub tries: u32,
    /// Empty: it was delivered.
    pub why: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Queue {
    waiting: VecDeque<Note>,
    /// Notes that are being told, or were tried and will be again.
    sending: Vec<Note>,
    tries: u32,
    /// Not before.
    next_at: Nanos,
    /// When the last messages left.
    left: VecDeque<Nanos>,
    /// Notes that were dropped and not spoken of yet.
    dropped: u64,
    #[serde(skip)]
    is_busy: bool,
}

impl Queue {
    pub fn len(&self) -> usize {
        self.waiting.len() + self.sending.len()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Adds a note, and drops the least needed one where there are too many. Returns how many were dropped.
    pub fn push(&mut self, note: Note, pace: Pace, now: Nanos) -> u64 {
        let is_held = |note: &Note| is_held(note, pace, now);
        if note.phase == Phase::Passed && is_held(&note) {
            // It came and went while nobody was to be woken: nothing is left to tell.
            let before = self.waiting.len();
            self.waiting.retain(|other| other.id != note.id || !is_held(other));
            if self.waiting.len() < before {
                return 0;
            }
        }
        self.waiting.push_back(note);
        if self.waiting.len() <= WAITING_MAX {
            return 0;
        }
        let least = self.waiting.iter().position(|note| note.rule.severity() < Severity::Critical).unwrap_or(0);
        self.waiting.remove(least);
        self.dropped += 1;
        1
    }

    /// Returns the notes to put into a message now, and how many were dropped before it. The caller says how it ended.
    pub fn take(&mut self, pace: Pace, now: Nanos) -> Option<(Vec<Note>, u64)> {
        while self.left.front().is_some_and(|at| MINUTE <= now.since(*at)) {
            self.left.pop_front();
        }
        if self.is_busy || now < self.next_at || pace.per_minute_max as usize <= self.left.len() {
            return None;
        }
        if self.sending.is_empty() {
            let mut kept = VecDeque::with_capacity(self.waiting.len());
            for note in self.waiting.drain(..) {
                match is_held(&note, pace, now) || self.sending.len() == TOGETHER_MAX {
                    true => kept.push_back(note),
                    false => self.sending.push(note),
                }
            }
            self.waiting = kept;
        }
        if self.sending.is_empty() {
            return None;
        }
        self.is_busy = true;
        self.tries += 1;
        self.left.push_back(now);
        Some((self.sending.clone(), self.dropped))
    }

    /// Takes how the message ended; returns it where it is not tried again.
    pub fn ended(&mut self, outcome: Outcome, now: Nanos) -> Option<Ended> {
        self.is_busy = false;
        let why = match outcome {
            Outcome::Delivered => {
                self.dropped = 0;
                String::new()
            }
            Outcome::Later { after, .. } if self.tries < TRIES_MAX => {
                let pause = Nanos(PAUSE_FIRST.0 << (self.tries - 1).min(10)).min(PAUSE_MAX);
                self.next_at = now.plus(after.map_or(pause, |asked| asked.clamp(pause, PAUSE_ASKED_MAX)));
                return None;
            }
            Outcome::Later { why, .. } | Outcome::Never { why } => why,
        };
        let ended = Ended { notes: std::mem::take(&mut self.sending), tries: self.tries, why };
        (self.tries, self.next_at) = (0, Nanos::ZERO);
        Some(ended)
    }
}

fn is_held(note: &Note, pace: Pace, now: Nanos) -> bool {
    note.rule.severity() < Severity::Critical && pace.quiet.and_then(|quiet| quiet.until(now)).is_some()
}
