//! Points at which a trial kills the process (`scripts/crash-trials`): `REMORA_KILL_AT=name:3` is SIGKILL when the point is
//! passed for the third time.
//!
//! A release build has none of it: there `point` is empty and the variable is not read. In a debug build only the program's
//! start reads it, once, and a name that is no point is refused: nothing fires by accident.

/// Every point, in the order in which a copy of a trade passes them; then what goes on beside.
pub const POINTS: [&str; 24] = [
    "after_event_read",
    "after_submitted_record",
    "after_sign",
    "after_signed_record",
    "after_hand_over",
    "before_connect",
    "before_first_byte",
    "after_first_byte",
    "after_last_byte",
    "after_reply",
    "after_answer_record",
    "after_matched_record",
    "after_confirmed_record",
    "after_void_record",
    "after_record",
    "after_read",
    "in_cancel",
    "in_redeem",
    "in_switch",
    "in_append",
    "in_truncation",
    "in_group_sync",
    "in_tables_batch",
    "after_tables_commit",
];

/// Reads `REMORA_KILL_AT`. Fails if it names no point; does nothing in a release build.
pub fn arm() -> Result<(), String> {
    #[cfg(debug_assertions)]
    if let Ok(text) = std::env::var("REMORA_KILL_AT") {
        armed::arm(&text)?;
        eprintln!("REMORA_KILL_AT={text}: this process is going to kill itself there");
    }
    Ok(())
}

/// Kills the process if it is armed for this point and has passed it often enough.
#[inline(always)]
pub fn point(name: &'static str) {
    #[cfg(debug_assertions)]
    armed::pass(name);
    #[cfg(not(debug_assertions))]
    let _ = name;
}

/// Whether the next pass of this point is the last.
#[inline(always)]
pub fn is_next(name: &'static str) -> bool {
    #[cfg(debug_assertions)]
    return armed::is_next(name);
    #[cfg(not(debug_assertions))]
    {
        let _ = name;
        false
    }
}

#[cfg(debug_assertions)]
mod armed {
    use std::sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    };

    use super::POINTS;

    static POINT: OnceLock<&'static str> = OnceLock::new();
    static LEFT: AtomicU32 = AtomicU32::new(0);

    pub fn parse(text: &str) -> Result<(&'static str, u32), String> {
        let (name, hits) = text.split_once(':').unwrap_or((text, "1"));
        let point = POINTS.into_iter().find(|point| *point == name);
        let hits = hits.parse().ok().filter(|hits| 0 < *hits);
        point.zip(hits).ok_or_else(|| format!("REMORA_KILL_AT={text}: expected NAME:HITS, NAME one of {POINTS:?}"))
    }

    pub fn arm(text: &str) -> Result<(), String> {
        let (point, hits) = parse(text)?;
        LEFT.store(hits, Ordering::SeqCst);
        POINT.set(point).map_err(|_| "REMORA_KILL_AT is read once".to_owned())
    }

    pub fn pass(name: &str) {
        if POINT.get().is_some_and(|point| *point == name) && LEFT.fetch_sub(1, Ordering::SeqCst) == 1 {
            // SAFETY: raise takes a number and touches no memory of ours.
            let _ = unsafe { libc::raise(libc::SIGKILL) };
        }
    }

    pub fn is_next(name: &str) -> bool {
        POINT.get().is_some_and(|point| *point == name) && LEFT.load(Ordering::SeqCst) == 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_points_that_exist_can_be_armed() {
        assert_eq!(armed::parse("after_sign:3"), Ok(("after_sign", 3)));
        assert_eq!(armed::parse("after_sign"), Ok(("after_sign", 1)));
        for text in ["after_sing:1", "after_sign:0", "after_sign:x", ""] {
            assert!(armed::parse(text).is_err(), "{text}");
        }
        // Nobody armed this process: a pass is nothing.
        POINTS.into_iter().for_each(point);
    }
}
