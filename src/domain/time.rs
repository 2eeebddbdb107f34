//! Time is an argument: a number of nanoseconds since 1970, read from a clock elsewhere.

use serde::{Deserialize, Serialize};

/// A moment (since the Unix epoch, UTC) or a length of time, in nanoseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Nanos(pub u64);

/// A moment as the venue writes it: milliseconds since the Unix epoch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Millis(pub u64);

const SECS_PER_DAY: u64 = 86_400;

impl Nanos {
    pub const ZERO: Nanos = Nanos(0);
    /// Later than everything: a deadline that never comes.
    pub const NEVER: Nanos = Nanos(u64::MAX);

    pub const fn from_secs(secs: u64) -> Nanos {
        Nanos(secs.saturating_mul(1_000_000_000))
    }

    pub const fn from_millis(millis: u64) -> Nanos {
        Nanos(millis.saturating_mul(1_000_000))
    }

    pub const fn as_millis(self) -> u64 {
        self.0 / 1_000_000
    }

    pub const fn as_secs(self) -> u64 {
        self.0 / 1_000_000_000
    }

    /// Returns which day (UTC) this moment is in, counted from 1970.
    pub const fn day(self) -> u32 {
        (self.as_secs() / SECS_PER_DAY) as u32
    }

    /// Returns when a day (UTC, counted from 1970) begins.
    pub const fn of_day(day: u32) -> Nanos {
        Nanos::from_secs(day as u64 * SECS_PER_DAY)
    }

    /// Returns the later moment; stops at [`Nanos::NEVER`].
    pub const fn plus(self, length: Nanos) -> Nanos {
        Nanos(self.0.saturating_add(length.0))
    }

    /// Returns how long after `earlier` this is; zero if it is not after it.
    pub const fn since(self, earlier: Nanos) -> Nanos {
        Nanos(self.0.saturating_sub(earlier.0))
    }
}

impl Millis {
    pub const fn nanos(self) -> Nanos {
        Nanos::from_millis(self.0)
    }
}
