//! The writer's loop: follows the journal from the database's cursor, batch by batch, and comes back after every
//! failure.
//!
//! Postgres may stop, freeze, or be restored: the journal keeps everything, the cursor says where to go on, and memory
//! holds one batch. Only synced records are written, so that after a power cut the tables are never ahead of the
//! journal.

use std::{
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use arc_swap::ArcSwap;
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

use crate::{
    clock,
    journal::{Reader, Tail},
    metrics::{Stage, StageRecorder},
};

use super::writer::{Writer, WriterError};

const RETRY_FIRST: Duration = Duration::from_millis(100);
const RETRY_LAST: Duration = Duration::from_secs(5);

/// How the writing goes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Progress {
    pub connected: bool,
    /// The first record that is not in the tables.
    pub cursor: u64,
    /// How many records the tables are behind the journal.
    pub lag: u64,
    /// The last error; kept after it has passed. Empty if there was none.
    pub error: String,
    /// How many times it failed.
    pub failures: u64,
}

/// How much is written at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batches {
    /// The most records in one transaction.
    pub records_max: u64,
    /// How long new records wait for company.
    pub wait: Duration,
}

impl Default for Batches {
    fn default() -> Batches {
        Batches { records_max: 2_000, wait: Duration::from_millis(50) }
    }
}

/// Follows one journal into one database.
pub struct Follower {
    pool: PgPool,
    dir: PathBuf,
    tail: Tail,
    batches: Batches,
    stages: Option<StageRecorder>,
    progress: Arc<ArcSwap<Progress>>,
}

impl Follower {
    pub fn new(pool: PgPool, dir: &Path, tail: Tail) -> Follower {
        Follower {
            pool,
            dir: dir.to_owned(),
            tail,
            batches: Batches::default(),
            stages: None,
            progress: Arc::default(),
        }
    }

    /// Writes in batches like these.
    pub fn in_batches(self, batches: Batches) -> Follower {
        Follower { batches, ..self }
    }

    /// Records how long each batch's oldest record waited until it was committed.
    pub fn timed(self, stages: StageRecorder) -> Follower {
        Follower { stages: Some(stages), ..self }
    }

    /// Returns where to read how it goes; reading never waits.
    pub fn progress(&self) -> Arc<ArcSwap<Progress>> {
        Arc::clone(&self.progress)
    }

    /// Runs until `stop`, and then until everything synced is written; if the database fails by then, it stays as it
    /// is (the next start goes on). Ends with an error only where trying again cannot help.
    pub async fn run(mut self, stop: CancellationToken) -> Result<(), WriterError> {
        let mut retry = RETRY_FIRST;
        loop {
            let cursor = self.progress.load().cursor;
            let Err(error) = self.write_batches(&stop).await else { return Ok(()) };
            self.report_failure(&error);
            if !error.may_pass() {
                return Err(error);
            }
            if cursor < self.progress.load().cursor {
                retry = RETRY_FIRST;
            }
            if stop.is_cancelled() {
                return Ok(());
            }
            tokio::select! {
                () = tokio::time::sleep(retry) => {}
                () = stop.cancelled() => {}
            }
            retry = (retry * 2).min(RETRY_LAST);
        }
    }

    /// Ends well when everything is written and we were asked to stop.
    async fn write_batches(&mut self, stop: &CancellationToken) -> Result<(), WriterError> {
        let mut writer = Writer::open(&self.pool, self.tail.journal()).await?;
        self.report(writer.next_seq());
        let mut reader = Reader::open(&self.dir, writer.next_seq(), self.tail.clone())?;
        loop {
            // Read before the batch: what was appended before the stop is then in it.
            let stopping = stop.is_cancelled();
            let mut oldest = None;
            while writer.pending() < self.batches.records_max
                && reader.next_seq() < self.tail.synced()
                && let Some((seq, at, record)) = reader.read()?
            {
                writer.fold(seq, at, &record)?;
                oldest.get_or_insert(at);
            }
            let full = writer.pending() == self.batches.records_max;
            writer = writer.commit().await?;
            self.report(writer.next_seq());
            if let (Some(stages), Some(oldest)) = (&mut self.stages, oldest) {
                stages.record(Stage::Store, clock::now().since(oldest).0);
            }
            match (full, stopping) {
                (true, _) => {}
                (false, true) => return Ok(()),
                (false, false) => tokio::select! {
                    () = tokio::time::sleep(self.batches.wait) => {}
                    () = stop.cancelled() => {}
                },
            }
        }
    }

    fn report(&self, cursor: u64) {
        let before = self.progress.load();
        let lag = self.tail.written().saturating_sub(cursor);
        self.progress.store(Arc::new(Progress { connected: true, cursor, lag, ..Progress::clone(&before) }));
    }

    fn report_failure(&self, error: &WriterError) {
        let before = Progress::clone(&self.progress.load());
        let lag = self.tail.written().saturating_sub(before.cursor);
        let failures = before.failures + 1;
        let progress = Progress { connected: false, lag, error: error.to_string(), failures, ..before };
        self.progress.store(Arc::new(progress));
    }
}
