//! Lines of a file that may be compressed: bounded memory, no copy of a line, errors that name file and line.

use std::{
    fmt,
    fs::File,
    io::{self, Read},
    path::{Path, PathBuf},
};

/// Longest line that is read.
pub const LINE_MAX: usize = 4 << 20;
/// How much is asked of the file at a time.
const READ: usize = 256 << 10;
/// Largest zstd window that is accepted: 128 MiB, `zstd --long=27`.
const ZSTD_WINDOW_LOG: u32 = 27;

/// A file that cannot be read on.
#[derive(Debug)]
pub struct FileError {
    pub path: PathBuf,
    /// The line it is about; 0 where it is about the file.
    pub line: u64,
    pub text: String,
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path.display(), self.text),
            line => write!(f, "{}, line {line}: {}", self.path.display(), self.text),
        }
    }
}

impl std::error::Error for FileError {}

/// Opens a file, plain or compressed with gzip or zstd, which its first bytes tell.
pub(crate) fn open(path: &Path) -> Result<Box<dyn Read + Send>, FileError> {
    let fail =
        |error: io::Error| FileError { path: path.to_owned(), line: 0, text: format!("cannot be opened: {error}") };
    let mut file = File::open(path).map_err(fail)?;
    let mut magic = [0; 4];
    let mut len = 0;
    while len < magic.len() {
        match file.read(&mut magic[len..]).map_err(fail)? {
            0 => break,
            more => len += more,
        }
    }
    let whole = io::Cursor::new(magic).take(len as u64).chain(file);
    Ok(match magic {
        [0x1f, 0x8b, ..] => Box::new(flate2::read::MultiGzDecoder::new(io::BufReader::with_capacity(READ, whole))),
        [0x28, 0xb5, 0x2f, 0xfd] => {
            let mut decoder = zstd::stream::read::Decoder::new(whole).map_err(fail)?;
            decoder.window_log_max(ZSTD_WINDOW_LOG).map_err(fail)?;
            Box::new(decoder)
        }
        _ => Box::new(whole),
    })
}

/// Reads a file line by line. Keeps one line and what was read ahead, at most [`LINE_MAX`] and some.
pub struct LineReader {
    path: PathBuf,
    input: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    /// What of the buffer is not read yet.
    start: usize,
    end: usize,
    line: u64,
    ended: bool,
}

impl LineReader {
    pub fn open(path: &Path) -> Result<LineReader, FileError> {
        let input = open(path)?;
        Ok(LineReader {
            path: path.to_owned(),
            input,
            buffer: vec![0; 2 * READ],
            start: 0,
            end: 0,
            line: 0,
            ended: false,
        })
    }

    /// Returns the next line without its end, and its number from 1; `None` behind the last. Empty lines are counted and
    /// left out. A compressed file that breaks off yields its whole lines first, then the error.
    #[allow(clippy::should_implement_trait, reason = "a lending iterator cannot be an Iterator")]
    pub fn next(&mut self) -> Result<Option<(u64, &[u8])>, FileError> {
        let mut searched = 0;
        loop {
            if let Some(len) = memchr::memchr(b'\n', &self.buffer[self.start + searched..self.end]) {
                let from = self.start;
                let to = from + searched + len;
                self.start = to + 1;
                self.line += 1;
                searched = 0;
                if !self.buffer[from..to].trim_ascii().is_empty() {
                    return Ok(Some((self.line, &self.buffer[from..to])));
                }
                continue;
            }
            searched = self.end - self.start;
            if self.ended {
                return self.last();
            }
            self.read_on()?;
        }
    }

    /// The last line may lack its end.
    fn last(&mut self) -> Result<Option<(u64, &[u8])>, FileError> {
        let line = self.start..self.end;
        self.start = self.end;
        if self.buffer[line.clone()].trim_ascii().is_empty() {
            return Ok(None);
        }
        self.line += 1;
        Ok(Some((self.line, &self.buffer[line])))
    }

    fn read_on(&mut self) -> Result<(), FileError> {
        if self.end - self.start > LINE_MAX {
            let text = format!("longer than {LINE_MAX} bytes; cut it into messages, one a line");
            return Err(self.fail(self.line + 1, text));
        }
        if self.buffer.len() - self.end < READ {
            self.buffer.copy_within(self.start..self.end, 0);
            self.end -= self.start;
            self.start = 0;
            if self.buffer.len() - self.end < READ {
                self.buffer.resize(self.buffer.len() * 2, 0);
            }
        }
        match self.input.read(&mut self.buffer[self.end..]) {
            Ok(0) => self.ended = true,
            Ok(more) => self.end += more,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                let text = format!(
                    "the file breaks off or is damaged behind this line ({error}); what stands before it was read"
                );
                return Err(self.fail(self.line, text));
            }
        }
        Ok(())
    }

    /// Returns an error about this file.
    pub fn fail(&self, line: u64, text: String) -> FileError {
        FileError { path: self.path.clone(), line, text }
    }
}
