//! When to look an order up, and how long until a silence counts (RELIABILITY.md 5.3, 6.1). Start values from there.

use crate::domain::Nanos;

/// After a lost answer the same bytes are sent once more, so much later.
pub const AGAIN_AFTER: Nanos = Nanos::from_millis(100);
/// And only while the order is so young: later it might buy what nobody wants any more.
pub const AGAIN_AGE_MAX: Nanos = Nanos::from_millis(1_500);
/// A registered order of which the gateway says nothing for so long is taken for sent and lost.
pub const SILENCE_MAX: Nanos = Nanos::from_secs(60);
/// Empty reads count from here on after the last sending; the venue's index lags by so much.
pub const LAG_MAX: Nanos = Nanos::from_secs(60);
/// Until then after the last sending an order may still land. The final reads are begun after it.
pub const WINDOW: Nanos = Nanos::from_secs(600);
/// So many empty reads of each source make an absence.
pub const EMPTY_READS: u8 = 3;
/// What an end without amounts is believed after: trades of before it are listed by then.
pub const END_LAG: Nanos = Nanos::from_secs(5);
/// Trades may be stamped before the order that made them.
pub const LOOK_BACK: Nanos = Nanos::from_secs(60);
/// A match that is neither confirmed nor void for so long raises an alarm.
pub const PROVISIONAL_MAX: Nanos = Nanos::from_secs(60);
/// Matches that wait for their confirmation are looked up from here on, and so often.
pub const SETTLE_READ: Nanos = Nanos::from_secs(20);
/// A read that is not answered for so long has failed.
pub const READ_PATIENCE: Nanos = Nanos::from_secs(30);
/// A read that failed is done again so much later.
pub const READ_AGAIN: Nanos = Nanos::from_secs(1);
/// At most so many reads in each such time.
pub const READS_MAX: usize = 10;
pub const READS_TIME: Nanos = Nanos::from_millis(500);

/// How long a silence must be to count. The model check shows what shorter ones break.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Patience {
    pub window: Nanos,
    pub empty_reads: u8,
}

impl Default for Patience {
    fn default() -> Patience {
        Patience { window: WINDOW, empty_reads: EMPTY_READS }
    }
}

/// What to read of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    Order,
    Trades,
    Both,
}

impl Look {
    pub fn with(self, other: Look) -> Look {
        if self == other { self } else { Look::Both }
    }

    pub const fn is_at_order(self) -> bool {
        matches!(self, Look::Order | Look::Both)
    }

    pub const fn is_at_trades(self) -> bool {
        matches!(self, Look::Trades | Look::Both)
    }
}

/// A timetable: looks at moments after its begin, and then on and on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timetable {
    looks: &'static [(u64, Look)],
    then_every_ms: u64,
    then: Look,
}

/// Of an order whose answer was lost.
pub const UNKNOWN: Timetable = Timetable {
    looks: &[
        (250, Look::Order),
        (500, Look::Trades),
        (1_000, Look::Order),
        (2_000, Look::Trades),
        (3_000, Look::Order),
        (5_000, Look::Trades),
        (10_000, Look::Both),
        (20_000, Look::Both),
        (40_000, Look::Both),
        (60_000, Look::Both),
    ],
    then_every_ms: 60_000,
    then: Look::Both,
};
/// Of an order that the venue has, and that should soon end by itself.
pub const HELD: Timetable = Timetable {
    looks: &[(5_000, Look::Both), (10_000, Look::Both), (20_000, Look::Both), (40_000, Look::Both)],
    then_every_ms: 60_000,
    then: Look::Both,
};
/// Of an order that rests in the book.
pub const RESTING: Timetable = Timetable { looks: &[], then_every_ms: 60_000, then: Look::Order };
/// Of an order that ended, as long as not all of its fills are told.
pub const ENDED: Timetable = Timetable {
    looks: &[
        (500, Look::Both),
        (2_000, Look::Trades),
        (5_000, Look::Both),
        (10_000, Look::Both),
        (20_000, Look::Both),
        (40_000, Look::Both),
    ],
    then_every_ms: 60_000,
    then: Look::Both,
};

impl Timetable {
    /// Returns the nth look: how long after the begin, and at what.
    pub fn look(&self, n: usize) -> (Nanos, Look) {
        match self.looks.get(n) {
            Some((after_ms, look)) => (Nanos::from_millis(*after_ms), *look),
            None => {
                let last_ms = self.looks.last().map_or(0, |(after_ms, _)| *after_ms);
                let more = (n - self.looks.len()) as u64 + 1;
                (Nanos::from_millis(last_ms + more * self.then_every_ms), self.then)
            }
        }
    }
}
