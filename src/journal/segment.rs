//! Segment files: their names, their making (ahead of need, wholly written with zeros), their mapping.

use std::{
    fs::{File, OpenOptions},
    io::{self, Write},
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use memmap2::{Advice, MmapOptions, MmapRaw};

use super::{JournalError, format::HEADER};

const PAGE: usize = 4_096;
/// How far ahead of the hot thread pages are made ready for writing. Each sync then writes as much, so it is little.
const READY_AHEAD: usize = 16 * 1_024;
/// How far ahead of the next record its cache lines are called near: a leader's trade makes some records at once.
const FETCHED_AHEAD: usize = 512;
/// How much of a new segment is written at once, so that the sync thread can look after the current one in between.
const CHUNK: usize = 1_024 * 1_024;

/// A mapped segment file. One thread writes (the journal's), one syncs.
#[derive(Debug)]
pub struct Segment {
    pub number: u32,
    pub path: PathBuf,
    file: File,
    map: MmapRaw,
}

/// A segment on its way: a file that does not have all its bytes yet.
#[derive(Debug)]
pub struct Unfinished {
    number: u32,
    path: PathBuf,
    file: File,
    written: usize,
}

pub fn io_error(path: &Path, doing: &'static str) -> impl FnOnce(io::Error) -> JournalError {
    let path = path.to_owned();
    move |error| JournalError::Io { path, doing, error }
}

pub fn path_of(dir: &Path, number: u32) -> PathBuf {
    dir.join(format!("{number:010}.journal"))
}

/// Returns the numbers of the segments in `dir`, in order.
pub fn list(dir: &Path) -> Result<Vec<u32>, JournalError> {
    let entries = std::fs::read_dir(dir).map_err(io_error(dir, "list"))?;
    let mut numbers = Vec::new();
    for entry in entries {
        let name = entry.map_err(io_error(dir, "list"))?.file_name();
        let number = name.to_str().and_then(|name| name.strip_suffix(".journal")?.parse::<u32>().ok());
        numbers.extend(number);
    }
    numbers.sort_unstable();
    Ok(numbers)
}

/// Makes what was created or removed in `dir` last.
pub fn sync_dir(dir: &Path) -> Result<(), JournalError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(io_error(dir, "sync"))
}

impl Segment {
    /// Maps an existing file, which must have all its bytes.
    pub fn open(dir: &Path, number: u32) -> Result<Segment, JournalError> {
        let path = path_of(dir, number);
        let file = OpenOptions::new().read(true).write(true).open(&path).map_err(io_error(&path, "open"))?;
        Segment::map(number, path, file)
    }

    fn map(number: u32, path: PathBuf, file: File) -> Result<Segment, JournalError> {
        let map = MmapOptions::new().map_raw(&file).map_err(io_error(&path, "map"))?;
        let segment = Segment { number, path, file, map };
        segment.make_ready(0);
        Ok(segment)
    }

    /// Returns its size in bytes, header included.
    pub fn size(&self) -> usize {
        self.map.len()
    }

    /// Copies `bytes` to `offset`. Panics beyond the end. Only the journal's thread may call this.
    pub fn write(&self, offset: usize, bytes: &[u8]) {
        let end = offset.checked_add(bytes.len()).expect("an offset in the segment");
        assert!(HEADER <= end && end <= self.map.len(), "bytes {offset}..{end} are not in the segment");
        // SAFETY: The range is inside the mapping (asserted), which lives as long as `self`. `bytes` cannot overlap
        // it, because nobody makes a reference into the mapping: readers read the file. One thread writes: `Journal`
        // is the only caller, by `&mut self`. The file keeps its size while it is mapped (the directory is locked), so
        // no page is missing.
        unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), self.map.as_mut_ptr().add(offset), bytes.len()) }
        #[cfg(target_arch = "x86_64")]
        self.fetch(end);
    }

    /// Calls the cache lines after `offset` near, so that the next records do not wait for memory.
    #[cfg(target_arch = "x86_64")]
    fn fetch(&self, offset: usize) {
        for line in (offset..self.map.len().min(offset + FETCHED_AHEAD)).step_by(64) {
            use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
            // SAFETY: The range is inside the mapping. It is a hint, which reads and writes nothing.
            unsafe { _mm_prefetch::<_MM_HINT_ET0>(self.map.as_ptr().add(line).cast()) }
        }
    }

    /// Takes the page faults of the bytes after `offset` here, so that the journal's thread does not have to.
    pub fn make_ready(&self, offset: usize) {
        let from = offset / PAGE * PAGE;
        let length = READY_AHEAD.min(self.map.len().saturating_sub(from));
        // Kernels before 5.14 cannot; the faults then happen where they happen.
        let _ = self.map.advise_range(Advice::PopulateWrite, from, length);
    }

    /// Writes everything that was copied so far to the disk, and waits for it.
    pub fn sync(&self) -> io::Result<()> {
        self.file.sync_data()
    }
}

impl Unfinished {
    pub fn create(dir: &Path, number: u32) -> Result<Unfinished, JournalError> {
        let path = path_of(dir, number);
        let file = OpenOptions::new()
            .read(true)
            .write(true)
            .create(true)
            .truncate(true)
            .open(&path)
            .map_err(io_error(&path, "create"))?;
        Ok(Unfinished { number, path, file, written: 0 })
    }

    /// Writes the next bytes, to `size` at most; true when all are written. Zeros are written rather than reserved: a
    /// full disk shows here and not as a crash at an access, and later syncs find no file map to change.
    pub fn grow(&mut self, size: usize) -> Result<bool, JournalError> {
        let chunk = CHUNK.min(size - self.written);
        self.file.write_all(&vec![0; chunk]).map_err(io_error(&self.path, "enlarge"))?;
        self.file.sync_data().map_err(io_error(&self.path, "sync"))?;
        self.written += chunk;
        Ok(self.written == size)
    }

    pub fn finish(self) -> Result<Segment, JournalError> {
        self.file.sync_all().map_err(io_error(&self.path, "sync"))?;
        Segment::map(self.number, self.path, self.file)
    }

    /// Gives the space back.
    pub fn remove(self) {
        // If even this fails, the next attempt truncates it.
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Creates a whole segment at once.
pub fn create(dir: &Path, number: u32, size: usize) -> Result<Segment, JournalError> {
    let mut unfinished = Unfinished::create(dir, number)?;
    let written = loop {
        match unfinished.grow(size) {
            Ok(false) => {}
            Ok(true) => break unfinished.finish(),
            Err(error) => {
                unfinished.remove();
                return Err(error);
            }
        }
    };
    sync_dir(dir)?;
    written
}

/// Overwrites everything from `offset` with zeros, makes the file at least `size` long, and syncs it.
pub fn blank_from(path: &Path, offset: u64, size: u64) -> Result<(), JournalError> {
    let file = OpenOptions::new().write(true).open(path).map_err(io_error(path, "open"))?;
    let end = file.metadata().map_err(io_error(path, "read the size of"))?.len().max(size);
    let zeros = vec![0; CHUNK];
    let mut at = offset;
    while at < end {
        let length = (end - at).min(CHUNK as u64);
        file.write_all_at(&zeros[..length as usize], at).map_err(io_error(path, "write"))?;
        at += length;
        crate::fault::point("in_truncation");
    }
    file.sync_all().map_err(io_error(path, "sync"))
}
