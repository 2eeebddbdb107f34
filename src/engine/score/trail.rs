//! Where a token's mid price was some seconds ago.

use crate::domain::{Nanos, Price};

/// How far apart the remembered prices are, and how many of these lie between then and now.
const PERIOD: Nanos = Nanos::from_secs(5);
const PERIODS_BACK: u64 = 6;
const KEPT: u64 = 8;

/// A price a period; the first message of a period sets it, and a period without one has the price before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Trail {
    /// Millionths of a dollar.
    mids: [u32; KEPT as usize],
    /// The latest period with a message, counted from 1970; 0: there was none.
    period: u64,
}

/// Returns the price between bid and ask, rounded down; `None` where a side is empty.
pub fn mid(bid: Option<Price>, ask: Option<Price>) -> Option<u32> {
    bid.zip(ask).map(|(bid, ask)| bid.micros().midpoint(ask.micros()))
}

impl Trail {
    /// Notes the book of a message; `mid` is asked at most once a period.
    #[inline]
    pub fn note(&mut self, now: Nanos, mid: impl FnOnce() -> Option<u32>) {
        let period = now.0 / PERIOD.0;
        if self.period < period {
            self.begin(period, mid());
        }
    }

    #[cold]
    fn begin(&mut self, period: u64, mid: Option<u32>) {
        let Some(mid) = mid else { return };
        let before = if self.period == 0 { mid } else { self.mids[(self.period % KEPT) as usize] };
        for missed in (period - (period - self.period).min(KEPT) + 1)..period {
            self.mids[(missed % KEPT) as usize] = before;
        }
        self.mids[(period % KEPT) as usize] = mid;
        self.period = period;
    }

    /// Returns the mid price of 25 to 30 seconds before `now`, or the oldest that is known.
    pub fn before(&self, now: Nanos) -> Option<u32> {
        let wanted = (now.0 / PERIOD.0).saturating_sub(PERIODS_BACK).min(self.period);
        (self.period != 0).then(|| self.mids[(wanted % KEPT) as usize])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trail(notes: &[(u64, u32)]) -> Trail {
        let mut trail = Trail::default();
        notes.iter().for_each(|(second, mid)| trail.note(Nanos::from_secs(1_000_000 + second), || Some(*mid)));
        trail
    }

    #[test]
    fn half_a_minute_ago_is_remembered() {
        for (notes, now, before) in [
            (&[][..], 0, None),
            (&[(0, 50)], 0, Some(50)),
            (&[(0, 50)], 1_000, Some(50)),
            (&[(0, 50), (29, 70)], 29, Some(50)),
            (&[(0, 50), (29, 70)], 54, Some(50)),
            (&[(0, 50), (29, 70)], 55, Some(70)),
            // The first message of a period counts, and silence keeps the price.
            (&[(0, 50), (1, 60), (30, 70)], 30, Some(50)),
            (&[(0, 50), (5, 60), (35, 70)], 35, Some(60)),
            (&[(0, 50), (300, 60)], 300, Some(50)),
            (&[(0, 50), (300, 60)], 330, Some(60)),
        ] {
            assert_eq!(trail(notes).before(Nanos::from_secs(1_000_000 + now)), before, "{notes:?} {now}");
        }
    }

    #[test]
    fn a_book_without_a_side_leaves_the_trail_alone() {
        let mut trail = trail(&[(0, 50)]);
        trail.note(Nanos::from_secs(1_000_005), || None);
        assert_eq!(trail, self::trail(&[(0, 50)]));
        assert_eq!(mid(Price::from_micros(480_000), Price::from_micros(510_001)), Some(495_000));
        assert_eq!(mid(None, Price::from_micros(510_000)), None);
    }
}
