//! How long each step of a trade takes: one histogram per stage, recorded by the thread that does it.

use std::sync::Mutex;

use hdrhistogram::{
    Histogram,
    sync::{Recorder, SyncHistogram},
};

/// A step between the leader's trade and its record in Postgres.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// The leader's trade (venue's clock) -> its frame at our socket.
    Receive,
    /// Frame bytes -> inputs.
    Decode,
    /// Input made -> taken by the hot thread.
    Queue,
    /// A market message -> book updated and its exits looked at.
    Book,
    /// A leader's trade -> events.
    Decide,
    /// Events -> in the journal.
    Journal,
    /// A live order -> its signed request.
    Sign,
    /// An order was signed ahead -> it was used.
    Age,
    /// Its name in the journal -> the request in the queue to the wire.
    HandOver,
    /// The bytes of a live order handed to a connection -> the venue's answer.
    Post,
    /// Order submitted -> its first fill.
    Fill,
    /// In the journal -> committed in Postgres.
    Store,
    /// The leader's trade (venue's clock) -> our order submitted.
    BehindLeader,
}

impl Stage {
    pub const ALL: [Stage; 13] = [
        Stage::Receive,
        Stage::Decode,
        Stage::Queue,
        Stage::Book,
        Stage::Decide,
        Stage::Journal,
        Stage::Sign,
        Stage::Age,
        Stage::HandOver,
        Stage::Post,
        Stage::Fill,
        Stage::Store,
        Stage::BehindLeader,
    ];

    pub const fn code(self) -> &'static str {
        match self {
            Stage::Receive => "receive",
            Stage::Decode => "decode",
            Stage::Queue => "queue",
            Stage::Book => "book",
            Stage::Decide => "decide",
            Stage::Journal => "journal",
            Stage::Sign => "sign",
            Stage::Age => "age",
            Stage::HandOver => "hand_over",
            Stage::Post => "post",
            Stage::Fill => "fill",
            Stage::Store => "store",
            Stage::BehindLeader => "behind_leader",
        }
    }

    /// Returns what it measures, for people.
    pub const fn text(self) -> &'static str {
        match self {
            Stage::Receive => "leader's trade to its frame at our socket",
            Stage::Decode => "frame bytes to inputs",
            Stage::Queue => "input made to taken by the hot thread",
            Stage::Book => "market message to book updated",
            Stage::Decide => "leader's trade to decision",
            Stage::Journal => "events to journal",
            Stage::Sign => "live order to its signed request",
            Stage::Age => "order signed ahead to its use",
            Stage::HandOver => "live order's name recorded to its request handed over",
            Stage::Post => "live order's bytes handed over to the venue's answer",
            Stage::Fill => "order submitted to its first fill",
            Stage::Store => "journal to Postgres",
            Stage::BehindLeader => "leader's trade to our order",
        }
    }
}

/// Longest time kept: ten minutes; longer ones count as ten minutes.
const NANOS_MAX: u64 = 600_000_000_000;

/// Digits kept: a quantile is exact to a hundredth of itself, and each histogram takes 60 KB.
const DIGITS: u8 = 2;

/// All stages' histograms since the process began.
pub struct Stages(Mutex<Vec<SyncHistogram<u64>>>);

/// One thread's way to record; recording neither waits nor allocates.
pub struct StageRecorder(Vec<Recorder<u64>>);

impl Default for Stages {
    fn default() -> Stages {
        Stages::new()
    }
}

impl Stages {
    pub fn new() -> Stages {
        let histogram = || Histogram::new_with_bounds(1, NANOS_MAX, DIGITS).expect("the bounds are right").into_sync();
        Stages(Mutex::new(Stage::ALL.iter().map(|_| histogram()).collect()))
    }

    /// Returns a recorder for the calling thread.
    pub fn recorder(&self) -> StageRecorder {
        StageRecorder(self.0.lock().expect("not poisoned").iter().map(SyncHistogram::recorder).collect())
    }

    /// Returns a copy of one stage's histogram, with all that recorders held. Waits for recorders at most `patience`.
    pub fn read(&self, stage: Stage, patience: std::time::Duration) -> Histogram<u64> {
        let mut all = self.0.lock().expect("not poisoned");
        let histogram = &mut all[stage as usize];
        histogram.refresh_timeout(patience);
        Histogram::clone(histogram)
    }
}

/// What a histogram counted: pairs of a length and how often it was.
pub type Counts = Vec<(u64, u64)>;

impl Stages {
    /// Returns what all stages counted, in the order of [`Stage::ALL`].
    pub fn counts(&self, patience: std::time::Duration) -> Vec<Counts> {
        let counted = |stage| {
            let read = self.read(stage, patience);
            read.iter_recorded().map(|at| (at.value_iterated_to(), at.count_at_value())).collect()
        };
        Stage::ALL.map(counted).to_vec()
    }

    /// Says what another process's stages counted, in the place of all that was said before.
    pub fn copy(&self, counts: &[Counts]) {
        let mut all = self.0.lock().expect("not poisoned");
        for (histogram, counts) in all.iter_mut().zip(counts) {
            histogram.reset();
            counts.iter().for_each(|(nanos, count)| histogram.saturating_record_n(*nanos, *count));
        }
    }
}

impl StageRecorder {
    pub fn record(&mut self, stage: Stage, nanos: u64) {
        self.0[stage as usize].saturating_record(nanos.max(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_threads_record_is_read_together() {
        let stages = Stages::new();
        let mut here = stages.recorder();
        here.record(Stage::Decide, 100);
        here.record(Stage::Decide, u64::MAX);
        let mut there = stages.recorder();
        std::thread::spawn(move || there.record(Stage::Decide, 300)).join().expect("recorded");
        drop(here);
        let read = stages.read(Stage::Decide, std::time::Duration::from_millis(50));
        assert_eq!(read.len(), 3);
        assert_eq!(read.value_at_quantile(0.0), 100);
        assert!(read.max() >= NANOS_MAX);
        assert!(stages.read(Stage::Queue, std::time::Duration::from_millis(50)).is_empty());
    }
}
