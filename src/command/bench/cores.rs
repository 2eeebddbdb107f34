//! Which cores there are for us, and how long each is taken away from who spins on it.

use std::{mem, thread, time::Duration};

use serde::Serialize;

use super::figure::{Figure, histogram};
use crate::clock::mono;

/// A shorter gap between two looks at the clock is the look itself.
const GAP_MIN: u64 = 1_000;
/// The most cores that are looked at, one after the other.
const CORES_MAX: usize = 8;

/// What was missing of a core's time.
#[derive(Clone, Debug, Serialize)]
pub struct Jitter {
    pub core: usize,
    /// Gaps of a microsecond or more.
    pub gaps: Figure,
    pub gaps_per_second: f64,
    /// The share of time in such gaps, in percent.
    pub lost_percent: f64,
}

/// Returns the cores that this process may run on; one where the system does not say.
pub fn allowed() -> Vec<usize> {
    // SAFETY: a set of cores is an array of numbers, for which zeros are right: it is empty.
    let mut set: libc::cpu_set_t = unsafe { mem::zeroed() };
    // SAFETY: the call writes one set, which lives on this stack, and is told its size; 0 is this thread.
    let told = unsafe { libc::sched_getaffinity(0, size_of::<libc::cpu_set_t>(), &mut set) };
    // SAFETY: the numbers are within the set.
    let is_in = |core: &usize| unsafe { libc::CPU_ISSET(*core, &set) };
    let found: Vec<usize> = (0..libc::CPU_SETSIZE as usize).filter(is_in).collect();
    if told != 0 || found.is_empty() { vec![0] } else { found }
}

/// Reads a list as the kernel writes it: `2-3,7`.
pub fn listed(text: &str) -> Vec<usize> {
    let range = |part: &str| {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        Some(first.trim().parse().ok()?..=last.trim().parse().ok()?)
    };
    text.split(',').filter_map(range).flatten().collect()
}

/// Keeps the calling thread on a core, if the system lets it.
pub fn stay_on(core: usize) {
    // SAFETY: as above; the set is read only. That it fails changes nothing: then the thread is where it was.
    unsafe {
        let mut set: libc::cpu_set_t = mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &set);
    }
}

/// Spins on one core after the other, for `length` in all.
pub fn jitter(cores: &[usize], length: Duration) -> Vec<Jitter> {
    let looked: Vec<usize> = cores.iter().copied().take(CORES_MAX).collect();
    let each = length / looked.len().max(1) as u32;
    let spun = |core: usize| thread::spawn(move || spin(core, each)).join().expect("it only looks at the clock");
    looked.into_iter().map(spun).collect()
}

fn spin(core: usize, length: Duration) -> Jitter {
    stay_on(core);
    let mut gaps = histogram();
    let began = mono();
    let (mut before, mut lost) = (began, 0);
    while before - began < length.as_nanos() as u64 {
        let now = mono();
        if GAP_MIN <= now - before {
            gaps.saturating_record(now - before);
            lost += now - before;
        }
        before = now;
    }
    let spent = (before - began).max(1) as f64;
    Jitter {
        core,
        gaps_per_second: gaps.len() as f64 / spent * 1e9,
        gaps: Figure::of(&gaps),
        lost_percent: lost as f64 / spent * 100.0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_of_cores_is_read() {
        assert_eq!(listed("2-3,7"), [2, 3, 7]);
        assert_eq!((listed(""), listed("x")), (vec![], vec![]));
    }
}
