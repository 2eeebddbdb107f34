//! The journal as its thread sees it: reserve before a step, append during it, never wait.

use std::{
    fs::{DirBuilder, File, OpenOptions},
    hash::{BuildHasher, RandomState},
    io::Write,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU32, AtomicU64, AtomicUsize, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use arc_swap::ArcSwapOption;
use crossbeam::{queue::ArrayQueue, utils::CachePadded};

use crate::{domain::Nanos, fault};

use super::{
    Full, JournalError, Record, Torn,
    check::{self, Checked},
    format::{self, HEADER, Header, Link, RECORD_MAX, TooLong},
    segment::{self, Segment, io_error},
    sync,
};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Options {
    /// The size of a new segment.
    pub segment_bytes: usize,
    /// How often new records are synced: what a power cut may cost (a crash of the process costs nothing).
    pub sync_interval: Duration,
}

impl Default for Options {
    fn default() -> Options {
        Options { segment_bytes: 64 * 1_024 * 1_024, sync_interval: Duration::from_millis(5) }
    }
}

/// What was on the disk when the journal was opened.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many records there are.
    pub records: u64,
    /// A half-written record, cut off. Nobody saw an effect of it: an append is over before the effect begins.
    pub torn: Option<Torn>,
}

/// The only writer of a journal directory; belongs to the hot thread.
#[derive(Debug)]
pub struct Journal {
    dir: PathBuf,
    segment: Arc<Segment>,
    next: Option<Arc<Segment>>,
    offset: usize,
    seq: u64,
    link: Link,
    buffer: Box<[u8; RECORD_MAX]>,
    shared: Arc<Shared>,
    syncing: Option<JoinHandle<()>>,
    _lock: File,
}

/// How far a journal is written and synced; cheap to clone, for any thread.
#[derive(Clone, Debug)]
pub struct Tail(pub(super) Arc<Shared>);

#[derive(Debug)]
pub(super) struct Shared {
    pub journal: u64,
    /// All records before this one are written; what a reader may read.
    pub written: CachePadded<AtomicU64>,
    /// Where the next record goes: the segment's number, and a hint of the offset.
    pub current: AtomicU32,
    pub offset: AtomicUsize,
    pub synced: AtomicU64,
    pub prepared: ArrayQueue<Arc<Segment>>,
    pub trouble: ArcSwapOption<String>,
    pub closing: AtomicBool,
}

impl Journal {
    /// Opens the journal in `dir`, or begins one. Locks the directory, verifies every record, cuts off a record that a
    /// crash interrupted, and starts the sync thread. Fails, and changes nothing, if anything but the end is damaged.
    pub fn open(dir: &Path, options: &Options) -> Result<(Journal, Found), JournalError> {
        let room = options.segment_bytes - HEADER;
        assert!(options.segment_bytes.is_multiple_of(4_096) && RECORD_MAX <= room, "a segment is some pages");
        DirBuilder::new().recursive(true).mode(0o700).create(dir).map_err(io_error(dir, "create"))?;
        let lock = lock(dir)?;
        let (checked, segment) = match check::check(dir)? {
            Some(checked) => {
                let segment = prepare_to_continue(dir, &checked, options)?;
                (checked, segment)
            }
            None => begin(dir, options)?,
        };
        let segment = Arc::new(segment);
        let shared = Arc::new(Shared::at(&checked));
        let syncing = sync::start(dir, options, Arc::clone(&shared), Arc::clone(&segment))?;
        let journal = Journal {
            dir: dir.to_owned(),
            segment,
            next: None,
            offset: checked.offset as usize,
            seq: checked.next_seq,
            link: checked.link,
            buffer: Box::new([0; RECORD_MAX]),
            shared,
            syncing: Some(syncing),
            _lock: lock,
        };
        Ok((journal, Found { records: checked.next_seq, torn: checked.torn }))
    }

    /// Makes sure that the next `records` appends succeed, however long they are. Does not wait and calls nobody: if
    /// the disk could not provide room in time, the caller must not begin what it wanted to record.
    pub fn reserve(&mut self, records: usize) -> Result<(), Full> {
        let need = records * RECORD_MAX;
        if need <= self.segment.size() - self.offset {
            return Ok(());
        }
        if self.next.is_none() {
            self.next = self.shared.prepared.pop();
        }
        match &self.next {
            Some(next) => {
                assert!(need <= next.size() - HEADER, "{records} records do not fit into one segment");
                Ok(())
            }
            None => Err(Full { trouble: self.shared.trouble.load_full() }),
        }
    }

    /// Appends a record and returns its number. It survives the process from here on, and the machine after the next
    /// sync. Panics without a reservation, and on a record that [`fits`] refuses.
    pub fn append(&mut self, at: Nanos, record: &Record<'_>) -> u64 {
        let encoded = format::encode(&mut self.buffer, self.link, self.seq, at, record);
        let (size, link) = encoded.expect("texts are checked before they get here");
        if self.segment.size() - self.offset < size {
            self.turn();
        }
        if fault::is_next("in_append") {
            // Half a record is in the journal when the process dies.
            self.segment.write(self.offset, &self.buffer[..size / 2]);
        }
        fault::point("in_append");
        self.segment.write(self.offset, &self.buffer[..size]);
        let seq = self.seq;
        (self.seq, self.link, self.offset) = (seq + 1, link, self.offset + size);
        self.shared.offset.store(self.offset, Ordering::Relaxed);
        self.shared.written.store(self.seq, Ordering::Release);
        seq
    }

    /// Returns the number that the next record will have, which is how many there are.
    pub fn next_seq(&self) -> u64 {
        self.seq
    }

    pub fn tail(&self) -> Tail {
        Tail(Arc::clone(&self.shared))
    }

    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Syncs everything and lets others open the directory. So does dropping it.
    pub fn close(self) {
        drop(self);
    }

    /// Goes on in the next segment. The rest of this one stays zero.
    fn turn(&mut self) {
        self.segment = self.next.take().expect("room was reserved");
        let number = self.segment.number;
        let header = Header { number, journal: self.shared.journal, first_seq: self.seq, link: self.link };
        self.segment.write(0, &format::encode_header(&header));
        self.offset = HEADER;
        self.shared.offset.store(HEADER, Ordering::Relaxed);
        self.shared.current.store(number, Ordering::Release);
    }
}

impl Drop for Journal {
    fn drop(&mut self) {
        self.shared.closing.store(true, Ordering::Release);
        if let Some(syncing) = self.syncing.take() {
            syncing.thread().unpark();
            syncing.join().expect("the sync thread aborts rather than panics");
        }
    }
}

/// Says whether a record is short enough to be appended. Events always are; ask for those with texts of strangers.
pub fn fits(record: &Record<'_>) -> Result<(), TooLong> {
    format::encode(&mut [0; RECORD_MAX], Link::START, 0, Nanos::ZERO, record).map(|_| ())
}

impl Tail {
    /// Returns the end of the journal in `dir` as it is now, after a check of all of it. It does not move: for
    /// programs other than the engine, and they need no lock.
    pub fn of(dir: &Path) -> Result<Tail, JournalError> {
        match check::check(dir)? {
            Some(checked) => Ok(Tail(Arc::new(Shared::at(&checked)))),
            None => Err(JournalError::Ahead { dir: dir.to_owned(), wanted: 0, next: 0 }),
        }
    }

    /// Returns how many records are written: a reader sees those before this number.
    pub fn written(&self) -> u64 {
        self.0.written.load(Ordering::Acquire)
    }

    /// Returns how many records would survive a power cut.
    pub fn synced(&self) -> u64 {
        self.0.synced.load(Ordering::Acquire)
    }

    /// Returns the journal's random name: what was made from one journal must not go on with another.
    pub fn journal(&self) -> u64 {
        self.0.journal
    }
}

impl Shared {
    fn at(checked: &Checked) -> Shared {
        Shared {
            journal: checked.journal,
            written: CachePadded::new(AtomicU64::new(checked.next_seq)),
            current: AtomicU32::new(checked.number),
            offset: AtomicUsize::new(checked.offset as usize),
            synced: AtomicU64::new(checked.next_seq),
            prepared: ArrayQueue::new(1),
            trouble: ArcSwapOption::empty(),
            closing: AtomicBool::new(false),
        }
    }
}

fn lock(dir: &Path) -> Result<File, JournalError> {
    let path = dir.join("lock");
    let open = OpenOptions::new().write(true).create(true).truncate(false).open(&path);
    let mut lock = open.map_err(io_error(&path, "create"))?;
    match lock.try_lock() {
        Ok(()) => {
            // For `remora off`, which sends this process a signal where nothing else works.
            let written = lock.set_len(0).and_then(|()| writeln!(lock, "{}", std::process::id()));
            written.map_err(io_error(&path, "write"))?;
            Ok(lock)
        }
        Err(std::fs::TryLockError::WouldBlock) => Err(JournalError::InUse { dir: dir.to_owned() }),
        Err(std::fs::TryLockError::Error(error)) => Err(io_error(&path, "lock")(error)),
    }
}

fn prepare_to_continue(dir: &Path, checked: &Checked, options: &Options) -> Result<Segment, JournalError> {
    for path in &checked.unused {
        std::fs::remove_file(path).map_err(io_error(path, "remove"))?;
    }
    let path = segment::path_of(dir, checked.number);
    let size = std::fs::metadata(&path).map_err(io_error(&path, "read the size of"))?.len();
    // A cut may leave any size; a mapping wants whole pages.
    let whole = size.next_multiple_of(4_096).max(options.segment_bytes as u64);
    if checked.torn.is_some() || size < whole {
        segment::blank_from(&path, checked.offset, whole)?;
    }
    segment::sync_dir(dir)?;
    Segment::open(dir, checked.number)
}

fn begin(dir: &Path, options: &Options) -> Result<(Checked, Segment), JournalError> {
    let segment = segment::create(dir, 1, options.segment_bytes)?;
    // The standard library's hash keys are its only source of randomness.
    let journal = RandomState::new().hash_one(std::process::id()) >> 1;
    let header = Header { number: 1, journal, first_seq: 0, link: Link::START };
    segment.write(0, &format::encode_header(&header));
    segment.sync().map_err(io_error(&segment.path, "sync"))?;
    let offset = HEADER as u64;
    let checked =
        Checked { journal, next_seq: 0, link: Link::START, number: 1, offset, torn: None, unused: Vec::new() };
    Ok((checked, segment))
}
