//! The only place where clocks are read; everywhere else time is an argument.

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

use serde::Serialize;

use crate::domain::Nanos;

/// Returns the time of day, UTC, as it was when the process first asked plus what has passed since: it never goes back, and
/// a step of the system clock does not move it.
pub fn now() -> Nanos {
    static START: OnceLock<(Nanos, Instant)> = OnceLock::new();
    let (wall, mono) = START.get_or_init(|| {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is after 1970");
        (Nanos(since.as_nanos() as u64), Instant::now())
    });
    wall.plus(Nanos(mono.elapsed().as_nanos() as u64))
}

/// Returns the system's time of day as it is right now: for showing drift, not for deciding.
pub fn system() -> Nanos {
    Nanos(SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as u64))
}

/// Returns how long the machine has been up. Unlike [`now`] it goes on while the machine sleeps: for what others count on
/// meanwhile.
pub fn since_boot() -> Nanos {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the call writes one `timespec`, which lives on this stack.
    let told = unsafe { libc::clock_gettime(libc::CLOCK_BOOTTIME, &mut time) };
    assert_eq!(told, 0, "Linux has this clock");
    Nanos(time.tv_sec as u64 * 1_000_000_000 + time.tv_nsec as u64)
}

/// Returns nanoseconds on a clock that only measures lengths.
pub fn mono() -> u64 {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed().as_nanos() as u64
}

/// How well the system's clock is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Discipline {
    /// Whether somebody keeps it right: chrony, systemd-timesyncd, an NTP or PTP daemon, or the host.
    pub is_kept: bool,
    /// How far off it may be at most, as its keeper says, in microseconds.
    pub error_us_max: u64,
}

/// Returns how well the system's clock is kept; `None` where the system does not say.
pub fn discipline() -> Option<Discipline> {
    // SAFETY: a `timex` is numbers only, for which zeros are right; no mode is set, so nothing is changed.
    let mut told: libc::timex = unsafe { std::mem::zeroed() };
    // SAFETY: the call writes one `timex`, which lives on this stack.
    let state = unsafe { libc::adjtimex(&mut told) };
    let is_kept = state != libc::TIME_ERROR && told.status & libc::STA_UNSYNC == 0;
    (state >= 0).then_some(Discipline { is_kept, error_us_max: told.maxerror.max(0) as u64 })
}
