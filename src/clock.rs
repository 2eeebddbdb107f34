//! The only place where clocks are read; everywhere else time is an argument.

use std::{
    sync::OnceLock,
    time::{Instant, SystemTime, UNIX_EPOCH},
};

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
