//! The sync thread: writes new records to the disk in groups, and has the next segment ready before it is needed.

use std::{
    collections::VecDeque,
    path::{Path, PathBuf},
    sync::{Arc, atomic::Ordering},
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use super::{
    JournalError,
    append::{Options, Shared},
    segment::{self, Segment, Unfinished, io_error},
};

/// How long after a failure the disk is asked for room again.
const RETRY: Duration = Duration::from_millis(200);

struct Syncing {
    dir: PathBuf,
    options: Options,
    shared: Arc<Shared>,
    /// Segments with unsynced records, the current one, the prepared one. Also keeps unmapping away from the hot
    /// thread.
    segments: VecDeque<Arc<Segment>>,
    unfinished: Option<Unfinished>,
    failed: Option<Instant>,
}

pub fn start(
    dir: &Path,
    options: &Options,
    shared: Arc<Shared>,
    segment: Arc<Segment>,
) -> Result<JoinHandle<()>, JournalError> {
    let segments = VecDeque::from([segment]);
    let mut syncing =
        Syncing { dir: dir.to_owned(), options: *options, shared, segments, unfinished: None, failed: None };
    let thread = thread::Builder::new().name("journal-sync".to_owned());
    thread.spawn(move || syncing.run()).map_err(io_error(dir, "start the sync thread of"))
}

impl Syncing {
    fn run(&mut self) {
        loop {
            // Read before the sync: what was appended before the close is then in it.
            let closing = self.shared.closing.load(Ordering::Acquire);
            self.sync();
            if closing {
                return;
            }
            if !self.prepare() {
                thread::park_timeout(self.options.sync_interval);
            }
        }
    }

    fn sync(&mut self) {
        let written = self.shared.written.load(Ordering::Acquire);
        if written == self.shared.synced.load(Ordering::Relaxed) {
            return;
        }
        crate::fault::point("in_group_sync");
        let current = self.shared.current.load(Ordering::Acquire);
        while let Some(segment) = self.segments.front()
            && segment.number <= current
        {
            // After a failed sync the kernel may have dropped the pages and says "fine" the next time, so there is
            // none.
            if let Err(error) = segment.sync() {
                eprintln!("cannot sync {}: {error}; stopping, because records may be lost", segment.path.display());
                std::process::abort();
            }
            if segment.number == current {
                segment.make_ready(self.shared.offset.load(Ordering::Relaxed));
                break;
            }
            self.segments.pop_front();
        }
        self.shared.synced.store(written, Ordering::Release);
    }

    /// Does a part of making the next segment; true if there is more to do at once.
    fn prepare(&mut self) -> bool {
        let newest = self.segments.back().expect("the current segment").number;
        if self.shared.current.load(Ordering::Acquire) < newest || self.failed.is_some_and(|at| at.elapsed() < RETRY) {
            return false;
        }
        match self.prepare_part(newest + 1) {
            Ok(more) => more,
            Err(error) => {
                if let Some(unfinished) = self.unfinished.take() {
                    unfinished.remove();
                }
                self.shared.trouble.store(Some(Arc::new(error.to_string())));
                self.failed = Some(Instant::now());
                false
            }
        }
    }

    fn prepare_part(&mut self, number: u32) -> Result<bool, JournalError> {
        let mut unfinished = match self.unfinished.take() {
            Some(unfinished) => unfinished,
            None => Unfinished::create(&self.dir, number)?,
        };
        match unfinished.grow(self.options.segment_bytes) {
            Ok(true) => {}
            not_yet => {
                self.unfinished = Some(unfinished);
                return not_yet.map(|_| true);
            }
        }
        let segment = Arc::new(unfinished.finish()?);
        segment::sync_dir(&self.dir)?;
        self.shared.trouble.store(None);
        self.failed = None;
        self.segments.push_back(Arc::clone(&segment));
        self.shared.prepared.push(segment).expect("one is prepared at a time");
        Ok(false)
    }
}
