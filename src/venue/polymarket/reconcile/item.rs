//! One thing that is compared: a token's shares, the dollars, the orders that rest.

use super::{Look, SEEN_AGAIN_AFTER};
use crate::domain::{Nanos, Shares};

/// What the venue may say without parting from our books.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    pub least: i64,
    pub most: i64,
}

impl Span {
    pub const fn of(amount: i64) -> Span {
        Span { least: amount, most: amount }
    }

    fn nearest(self, theirs: i64) -> i64 {
        theirs.clamp(self.least, self.most)
    }

    /// Returns by how much they say too much, or (below zero) too little.
    pub fn gap(self, theirs: i64) -> i64 {
        theirs - self.nearest(theirs)
    }
}

/// A difference that was seen, and not often enough yet.
#[derive(Clone, Copy, Debug)]
struct Suspicion {
    gap: i64,
    sightings: usize,
    next: Nanos,
}

#[derive(Clone, Debug)]
pub struct Item {
    /// When our books last changed here.
    pub changed_at: Nanos,
    pub read_at: Nanos,
    /// The last value that was believed.
    pub good: Option<i64>,
    /// The difference that was told; zero: none.
    pub told: i64,
    /// Somebody knows of it: it is no news while it stays as it is.
    pub is_ignored: bool,
    suspicion: Option<Suspicion>,
    /// What the index says instead; and whether the balance was not read since.
    doubted: Option<Shares>,
    is_doubtful: bool,
}

impl Item {
    pub fn new(changed_at: Nanos) -> Item {
        Item::told(changed_at, 0)
    }

    pub fn told(changed_at: Nanos, told: i64) -> Item {
        Item {
            changed_at,
            read_at: Nanos::ZERO,
            good: None,
            told,
            is_ignored: false,
            suspicion: None,
            doubted: None,
            is_doubtful: false,
        }
    }

    /// Whether it is to be read once more.
    pub fn is_due(&self, now: Nanos) -> bool {
        self.is_doubtful || self.suspicion.is_some_and(|suspicion| suspicion.next <= now)
    }

    pub fn look(&self) -> Look {
        if self.is_doubtful || self.suspicion.is_some() { Look::Anew } else { Look::Plain }
    }

    /// Notes that the index says something else: once for each thing that it says.
    pub fn doubt(&mut self, shares: Shares) {
        self.is_doubtful |= self.doubted != Some(shares);
        self.doubted = Some(shares);
    }

    /// Notes that our books changed here: what was seen before says nothing any more.
    pub fn changed(&mut self, at: Nanos) {
        self.changed_at = at;
        self.forget_suspicion();
    }

    pub fn forget_suspicion(&mut self) {
        self.suspicion = None;
    }

    /// A doubt stays until the balance was read anew.
    pub fn was_read(&mut self, at: Nanos, look: Look) {
        self.read_at = at;
        self.is_doubtful &= look == Look::Plain;
    }

    /// Takes what the venue says. Returns ours and theirs where there is something to tell: another difference than the one
    /// that was told, seen often enough; or (both the same) that there is none any more.
    pub fn compare(&mut self, at: Nanos, span: Span, theirs: i64, dust: u64) -> Option<(i64, i64)> {
        let is_dust = |amount: i64| amount.unsigned_abs() < dust;
        let gap = span.gap(theirs);
        if is_dust(gap) || is_dust(gap - self.told) {
            self.suspicion = None;
            self.good = Some(theirs);
            let is_over = is_dust(gap) && self.told != 0;
            if is_over {
                (self.told, self.is_ignored) = (0, false);
            }
            return is_over.then_some((theirs, theirs));
        }
        let seen = self.suspicion.filter(|suspicion| is_dust(suspicion.gap - gap));
        if seen.is_some_and(|suspicion| at < suspicion.next) {
            return None;
        }
        let sightings = seen.map_or(0, |suspicion| suspicion.sightings);
        if let Some(pause) = SEEN_AGAIN_AFTER.get(sightings) {
            self.suspicion = Some(Suspicion { gap, sightings: sightings + 1, next: at.plus(*pause) });
            return None;
        }
        self.suspicion = None;
        self.good = Some(theirs);
        (self.told, self.is_ignored) = (gap, false);
        Some((span.nearest(theirs), theirs))
    }
}
