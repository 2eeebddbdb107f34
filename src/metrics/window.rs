//! Stage times as they are read: since the process began, and of the last minutes.

use std::{sync::Arc, time::Duration};

use hdrhistogram::Histogram;

use super::{Stage, Stages};
use crate::domain::Nanos;

/// The recent times cover between one and two of these.
pub const WINDOW: Nanos = Nanos::from_secs(300);
/// How long one stage's recorders are waited for; what an idle one holds is read the next time it records.
const PATIENCE: Duration = Duration::from_millis(5);

/// All stages' times, in the order of [`Stage::ALL`].
#[derive(Clone)]
pub struct StageTimes {
    pub since_start: Arc<Vec<Histogram<u64>>>,
    pub recent: Arc<Vec<Histogram<u64>>>,
}

/// Reads stages again and again, and remembers how they were.
pub struct StageReader {
    older: Arc<Vec<Histogram<u64>>>,
    newer: Arc<Vec<Histogram<u64>>>,
    turned_at: Nanos,
    /// How much was counted in all when it was last read.
    counted: u64,
}

impl StageReader {
    pub fn new(now: Nanos) -> StageReader {
        let empty = || Histogram::new_with_bounds(1, u64::MAX / 2, 3).expect("the bounds are right");
        let none = Arc::new(Stage::ALL.iter().map(|_| empty()).collect::<Vec<_>>());
        StageReader { older: none.clone(), newer: none, turned_at: now, counted: 0 }
    }

    /// Returns the times until now. Blocks for some milliseconds a stage.
    pub fn read(&mut self, stages: &Stages, now: Nanos) -> StageTimes {
        let since_start = Arc::new(Stage::ALL.map(|stage| stages.read(stage, PATIENCE)).to_vec());
        let counted = since_start.iter().map(Histogram::len).sum();
        if counted < self.counted {
            // It is another process's, which began anew.
            *self = StageReader::new(now);
        }
        self.counted = counted;
        if WINDOW <= now.since(self.turned_at) {
            self.older = std::mem::replace(&mut self.newer, since_start.clone());
            self.turned_at = now;
        }
        let recent = since_start.iter().zip(self.older.iter()).map(|(all, old)| {
            let mut recent = all.clone();
            match recent.subtract(old) {
                Ok(()) => recent,
                // It began anew, and had counted more by now.
                Err(_) => all.clone(),
            }
        });
        StageTimes { recent: Arc::new(recent.collect()), since_start }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn recent_times_forget_what_all_times_keep() {
        let stages = Stages::new();
        let mut reader = StageReader::new(Nanos::ZERO);
        let counts = |times: &StageTimes| {
            let decide = Stage::Decide as usize;
            (times.since_start[decide].len(), times.recent[decide].len())
        };
        let record = |nanos| stages.recorder().record(Stage::Decide, nanos);
        record(100);
        assert_eq!(counts(&reader.read(&stages, Nanos::from_secs(1))), (1, 1));
        assert_eq!(counts(&reader.read(&stages, Nanos::from_secs(300))), (1, 1));
        record(u64::MAX);
        assert_eq!(counts(&reader.read(&stages, Nanos::from_secs(599))), (2, 2));
        assert_eq!(counts(&reader.read(&stages, Nanos::from_secs(600))), (2, 1));
        assert_eq!(counts(&reader.read(&stages, Nanos::from_secs(900))), (2, 0));
    }

    /// Stages may be another process's, which begins anew; then nothing of the past is taken off what it counts.
    #[test]
    fn what_another_process_counted_is_taken_over() {
        let (theirs, ours) = (Stages::new(), Stages::new());
        let mut reader = StageReader::new(Nanos::ZERO);
        let counts = |times: &StageTimes| (times.since_start[0].len(), times.recent[0].len());
        let patience = Duration::from_millis(50);
        let mut recorder = theirs.recorder();
        [100, 2_000_000, u64::MAX].into_iter().for_each(|nanos| recorder.record(Stage::Receive, nanos));
        drop(recorder);
        ours.copy(&theirs.counts(patience));
        assert_eq!(counts(&reader.read(&ours, Nanos::from_secs(300))), (3, 3));
        assert_eq!(ours.read(Stage::Receive, patience), theirs.read(Stage::Receive, patience));
        assert_eq!(counts(&reader.read(&ours, Nanos::from_secs(600))), (3, 0));
        let anew = Stages::new();
        let mut recorder = anew.recorder();
        recorder.record(Stage::Receive, 5);
        drop(recorder);
        ours.copy(&anew.counts(patience));
        assert_eq!(counts(&reader.read(&ours, Nanos::from_secs(601))), (1, 1));
        assert_eq!(counts(&reader.read(&ours, Nanos::from_secs(602))), (1, 1));
    }
}
