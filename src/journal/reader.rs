//! Reading: from any record on, in order, also while the journal is being written.

use std::{
    fs::File,
    io::ErrorKind,
    ops::Range,
    os::unix::fs::FileExt,
    path::{Path, PathBuf},
};

use crate::domain::Nanos;

use super::{
    JournalError, Record, Tail,
    format::{self, HEADER, Header, HeaderError, Link, RECORD_HEAD},
    segment::{self, io_error},
};

const BUFFER: usize = 256 * 1_024;

/// Follows a journal. Reads files, not the mapping: the kernel shows what is written in one to the other at once.
#[derive(Debug)]
pub struct Reader {
    dir: PathBuf,
    tail: Tail,
    file: File,
    number: u32,
    /// Where in the file the next record is.
    offset: u64,
    /// Bytes of the file; those from `position` on begin at `offset`.
    buffer: Box<[u8]>,
    position: usize,
    filled: usize,
    seq: u64,
    link: Link,
}

impl Reader {
    /// Returns a reader whose first record is number `from`. Reads (and verifies) the segment that holds it.
    pub fn open(dir: &Path, from: u64, tail: Tail) -> Result<Reader, JournalError> {
        let next = tail.written();
        if next < from {
            return Err(JournalError::Ahead { dir: dir.to_owned(), wanted: from, next });
        }
        let mut number = 1;
        while let Some((_, header)) = open_segment(dir, number + 1)?
            && header.first_seq <= from
        {
            number += 1;
        }
        let Some((file, header)) = open_segment(dir, number)? else {
            let (path, what) = (segment::path_of(dir, number), "the segment is missing or has no header");
            return Err(JournalError::Corrupt { path, offset: 0, seq: from, what });
        };
        let mut reader = Reader {
            dir: dir.to_owned(),
            tail,
            file,
            number,
            offset: HEADER as u64,
            buffer: vec![0; BUFFER].into_boxed_slice(),
            position: 0,
            filled: 0,
            seq: header.first_seq,
            link: header.link,
        };
        while reader.seq < from {
            reader.advance()?;
        }
        Ok(reader)
    }

    /// Returns the number of the record that comes next.
    pub fn next_seq(&self) -> u64 {
        self.seq
    }

    pub fn tail(&self) -> &Tail {
        &self.tail
    }

    /// Returns the next record, or `None` where nothing more is written yet.
    pub fn read(&mut self) -> Result<Option<(u64, Nanos, Record<'_>)>, JournalError> {
        if self.tail.written() <= self.seq {
            return Ok(None);
        }
        let (seq, at, payload) = self.advance()?;
        match postcard::from_bytes(&self.buffer[payload]) {
            Ok(record) => Ok(Some((seq, at, record))),
            Err(_) => Err(JournalError::Unreadable { path: segment::path_of(&self.dir, self.number), seq }),
        }
    }

    /// Steps over the next record, which must have been written, and says where in the buffer its payload is.
    fn advance(&mut self) -> Result<(u64, Nanos, Range<usize>), JournalError> {
        let mut fresh = false;
        loop {
            if let Some(raw) = format::decode(&self.buffer[self.position..self.filled])
                && (raw.seq, raw.before) == (self.seq, self.link)
            {
                let payload = self.position + RECORD_HEAD;
                let found = (raw.seq, raw.at, payload..payload + raw.payload.len());
                (self.seq, self.link) = (raw.seq + 1, raw.link);
                self.position += raw.size;
                self.offset += raw.size as u64;
                return Ok(found);
            }
            // What was read may end in the middle of the record, or be older than it.
            if fresh {
                self.turn()?;
            }
            self.fill()?;
            fresh = true;
        }
    }

    fn fill(&mut self) -> Result<(), JournalError> {
        let read = self.file.read_at(&mut self.buffer, self.offset);
        self.filled = read.map_err(|error| io_error(&segment::path_of(&self.dir, self.number), "read")(error))?;
        self.position = 0;
        Ok(())
    }

    /// Goes on in the next segment, which must continue this one.
    fn turn(&mut self) -> Result<(), JournalError> {
        match open_segment(&self.dir, self.number + 1)? {
            Some((file, header)) if (header.first_seq, header.link) == (self.seq, self.link) => {
                (self.file, self.number, self.offset) = (file, header.number, HEADER as u64);
                Ok(())
            }
            Some(_) | None => Err(JournalError::Corrupt {
                path: segment::path_of(&self.dir, self.number),
                offset: self.offset,
                seq: self.seq,
                what: "a record that was written is not there",
            }),
        }
    }
}

/// Returns a segment that is in use; `None` if there is none of that number, or it was only prepared.
fn open_segment(dir: &Path, number: u32) -> Result<Option<(File, Header)>, JournalError> {
    let path = segment::path_of(dir, number);
    let file = match File::open(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(io_error(&path, "open")(error)),
    };
    let mut bytes = [0; HEADER];
    let length = file.read_at(&mut bytes, 0).map_err(io_error(&path, "read"))?;
    match format::decode_header(&bytes[..length]) {
        Ok(header) => Ok(Some((file, header))),
        Err(HeaderError::Blank | HeaderError::Damaged) => Ok(None),
        Err(HeaderError::Version(found)) => Err(JournalError::Version { path, found }),
    }
}
