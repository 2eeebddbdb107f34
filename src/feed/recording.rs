//! Recordings: what arrived, one JSON line each: `{"recv_ns":1776082810553680000,"msg":{...}}`, with `"src":"..."` before
//! `msg` where it is not the market channel. Plain, gzip or zstd.

use std::{
    fs::File,
    io::{self, BufWriter, Write},
    path::{Path, PathBuf},
};

use serde::Deserialize;
use serde_json::value::RawValue;

pub use super::lines::{FileError, LINE_MAX};
use super::{
    hash::Said,
    lines::LineReader,
    scan::{Cursor, first, leading_digits, not_digits},
    text::Text,
};
use crate::domain::Nanos;

/// Where a message came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The market channel; what a line without `src` is.
    Market,
    /// Leaders' trades: frames of RTDS or rows of the Data API.
    Leader,
    /// Anything else.
    Other,
}

impl Source {
    const fn code(self) -> &'static str {
        match self {
            Source::Market => "market",
            Source::Leader => "leader",
            Source::Other => "other",
        }
    }

    fn of(text: &str) -> Source {
        match text {
            "market" => Source::Market,
            "leader" | "activity" | "rtds" => Source::Leader,
            _ => Source::Other,
        }
    }
}

/// One line of a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// From 1.
    pub number: u64,
    /// When it arrived by the recorder's clock, where that was kept.
    pub recv: Option<Nanos>,
    pub source: Source,
    /// The message as it was received. Only known to be JSON where the line was not in the usual form.
    pub msg: &'a [u8],
}

/// Reads a recording line by line.
pub struct RecordingReader {
    lines: LineReader,
    path: PathBuf,
}

impl RecordingReader {
    pub fn open(path: &Path) -> Result<RecordingReader, FileError> {
        Ok(RecordingReader { lines: LineReader::open(path)?, path: path.to_owned() })
    }

    /// Returns the next line; `None` behind the last.
    #[allow(clippy::should_implement_trait, reason = "a lending iterator cannot be an Iterator")]
    pub fn next(&mut self) -> Result<Option<Line<'_>>, FileError> {
        let RecordingReader { lines, path } = self;
        let Some((number, bytes)) = lines.next()? else { return Ok(None) };
        let Some((recv, source, msg)) = usual(bytes).or_else(|| unusual(bytes)) else {
            let text = "neither {\"recv_ns\":...,\"msg\":...} nor a bare message of the market channel; \
                        remove the line, or the file was cut off here";
            return Err(FileError { path: path.clone(), line: number, text: text.into() });
        };
        Ok(Some(Line { number, recv, source, msg }))
    }
}

/// Reads `{"recv_ns":N,"msg":M}` as our writer and most recorders put it.
#[inline]
fn usual(line: &[u8]) -> Option<(Option<Nanos>, Source, &[u8])> {
    let mut cursor = Cursor::new(line);
    cursor.eat_all(b"{\"recv_ns\":")?;
    let recv = match cursor.eat_all(b"null") {
        Some(()) => None,
        None => {
            let mut nanos: u64 = 0;
            loop {
                let word = cursor.word(0);
                let len = first(not_digits(word));
                if len == 0 {
                    break;
                }
                nanos = nanos.checked_mul(10u64.pow(len as u32))?.checked_add(leading_digits(word, len))?;
                cursor.at += len;
            }
            Some(Nanos(nanos))
        }
    };
    cursor.eat_all(b",\"msg\":")?;
    // With another key behind the message, the line would end in that key's value.
    match line {
        [.., b'}' | b']', b'}'] => Some((recv, Source::Market, &line[cursor.at..line.len() - 1])),
        _ => None,
    }
}

#[derive(Deserialize)]
struct Envelope<'a> {
    recv_ns: Option<u64>,
    src: Option<String>,
    #[serde(borrow)]
    msg: Option<&'a RawValue>,
    #[serde(borrow)]
    event_type: Option<&'a RawValue>,
    #[serde(borrow)]
    asset_id: Option<&'a RawValue>,
    #[serde(borrow)]
    bids: Option<&'a RawValue>,
}

/// Reads an envelope with its keys in any order, or a bare message.
fn unusual(line: &[u8]) -> Option<(Option<Nanos>, Source, &[u8])> {
    let line = line.trim_ascii();
    if line.first() == Some(&b'[') {
        serde_json::from_slice::<&RawValue>(line).ok()?;
        return Some((None, Source::Market, line));
    }
    let envelope: Envelope<'_> = serde_json::from_slice(line).ok()?;
    let source = envelope.src.as_deref().map_or(Source::Market, Source::of);
    if let Some(msg) = envelope.msg {
        return Some((envelope.recv_ns.map(Nanos), source, msg.get().as_bytes()));
    }
    let bare = envelope.event_type.is_some() || envelope.asset_id.is_some() || envelope.bids.is_some();
    bare.then_some((None, Source::Market, line))
}

/// Bytes after which the writer flushes by itself.
const FLUSH_EVERY: usize = 64 << 10;

enum Sink {
    Plain(BufWriter<File>),
    Gzip(flate2::write::GzEncoder<File>),
    Zstd(zstd::stream::write::Encoder<'static, File>),
}

/// Writes a recording. What was flushed can be read even if the program dies: every 64 kB, at [`RecordingWriter::flush`]
/// and at [`RecordingWriter::finish`].
pub struct RecordingWriter {
    path: PathBuf,
    sink: Sink,
    line: Vec<u8>,
    pending: usize,
}

impl RecordingWriter {
    /// Creates the file, which must not exist. A name that ends in `.gz` or `.zst` is compressed.
    pub fn create(path: &Path) -> Result<RecordingWriter, FileError> {
        let fail = |error: io::Error| FileError {
            path: path.to_owned(),
            line: 0,
            text: format!("cannot be created: {error}; choose a new file in a folder that exists"),
        };
        let file = File::create_new(path).map_err(fail)?;
        let sink = match path.extension().and_then(|extension| extension.to_str()) {
            Some("gz") => Sink::Gzip(flate2::write::GzEncoder::new(file, flate2::Compression::default())),
            // The default window: 2 MB of memory, where --long=27 would take 128.
            Some("zst") => Sink::Zstd(zstd::stream::write::Encoder::new(file, 3).map_err(fail)?),
            _ => Sink::Plain(BufWriter::with_capacity(FLUSH_EVERY, file)),
        };
        Ok(RecordingWriter { path: path.to_owned(), sink, line: Vec::new(), pending: 0 })
    }

    /// Adds one message, which must be JSON. Line ends in it, which JSON only allows between values, become blanks.
    pub fn write(&mut self, recv: Option<Nanos>, source: Source, msg: &[u8]) -> Result<(), FileError> {
        self.line.clear();
        match recv {
            Some(recv) => write!(self.line, "{{\"recv_ns\":{},", recv.0),
            None => write!(self.line, "{{\"recv_ns\":null,"),
        }
        .expect("memory takes it");
        if source != Source::Market {
            write!(self.line, "\"src\":\"{}\",", source.code()).expect("memory takes it");
        }
        self.line.extend_from_slice(b"\"msg\":");
        self.line.extend(msg.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }));
        self.line.extend_from_slice(b"}\n");
        self.pending += self.line.len();
        let written = self.sink.writer().write_all(&self.line);
        written.map_err(|error| self.fail(&error))?;
        if self.pending >= FLUSH_EVERY { self.flush() } else { Ok(()) }
    }

    /// Hands all lines so far to the operating system, in a form that can be read.
    pub fn flush(&mut self) -> Result<(), FileError> {
        self.pending = 0;
        let flushed = self.sink.writer().flush();
        flushed.map_err(|error| self.fail(&error))
    }

    /// Ends the file.
    pub fn finish(mut self) -> Result<(), FileError> {
        self.flush()?;
        let path = self.path;
        let ended = match self.sink {
            Sink::Plain(file) => file.into_inner().map(drop).map_err(|error| error.into_error()),
            Sink::Gzip(encoder) => encoder.finish().map(drop),
            Sink::Zstd(encoder) => encoder.finish().map(drop),
        };
        ended.map_err(|error| FileError { path, line: 0, text: format!("cannot be ended: {error}") })
    }

    fn fail(&self, error: &io::Error) -> FileError {
        FileError { path: self.path.clone(), line: 0, text: format!("cannot be written: {error}; is the disk full?") }
    }
}

impl Sink {
    fn writer(&mut self) -> &mut dyn Write {
        match self {
            Sink::Plain(file) => file,
            Sink::Gzip(encoder) => encoder,
            Sink::Zstd(encoder) => encoder,
        }
    }
}

/// What a side file says of one message: ingredients of its hash that the recording does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SideRow {
    pub server_ms: u64,
    pub token: Text<80>,
    pub tick_size: Text<20>,
    pub last_trade_price: Text<20>,
}

impl SideRow {
    /// Returns it for [`super::hash::HashVerifier::learn`]. The markets of recordings with side files have the common
    /// minimum of 5 shares and are not neg-risk, which the files do not say.
    pub fn said(&self) -> Said {
        Said {
            market: None,
            min_order_size: Text::new(b"5"),
            tick_size: Some(self.tick_size),
            neg_risk: Some(false),
            last_trade_price: Some(self.last_trade_price),
        }
    }
}

/// Reads the side file of a recording: row n belongs to message n.
pub struct SideReader {
    lines: LineReader,
}

impl SideReader {
    /// Returns where the side file of a recording lies: `X.jsonl.zst` has `X.ltp.tsv.zst`.
    pub fn path_for(recording: &Path) -> Option<PathBuf> {
        let name = recording.file_name()?.to_str()?;
        let (stem, rest) = name.split_once(".jsonl")?;
        Some(recording.with_file_name(format!("{stem}.ltp.tsv{rest}")))
    }

    /// Opens the file and steps over its heading.
    pub fn open(path: &Path) -> Result<SideReader, FileError> {
        let mut lines = LineReader::open(path)?;
        let heading = lines.next()?.map(|(_, line)| line.trim_ascii().to_vec());
        match heading.as_deref() {
            Some(b"recv_ns\tserver_ts_ms\tasset_id\ttick_size\tlast_trade_price") => Ok(SideReader { lines }),
            _ => Err(lines.fail(1, "not the heading of a side file (recv_ns, server_ts_ms, asset_id, ...)".into())),
        }
    }

    #[allow(clippy::should_implement_trait, reason = "may fail, like the reader of the recording")]
    pub fn next(&mut self) -> Result<Option<SideRow>, FileError> {
        let Some((number, line)) = self.lines.next()? else { return Ok(None) };
        let row = side_row(line);
        match row {
            Some(row) => Ok(Some(row)),
            None => Err(self.lines.fail(number, "not five columns of a side file".into())),
        }
    }
}

fn side_row(line: &[u8]) -> Option<SideRow> {
    let mut columns = line.split(|byte| *byte == b'\t');
    columns.next()?;
    let server_ms = super::decimal::millis(columns.next()?)?;
    let (token, tick_size) = (Text::new(columns.next()?)?, Text::new(columns.next()?)?);
    let last_trade_price = Text::new(columns.next()?.trim_ascii_end())?;
    Some(SideRow { server_ms, token, tick_size, last_trade_price })
}

#[cfg(test)]
mod tests {
    use super::*;

    type Read = (u64, Option<u64>, Source, String);

    /// Returns the lines up to the first error, and the error.
    fn read(path: &Path) -> (Vec<Read>, Option<String>) {
        let mut reader = RecordingReader::open(path).expect("opened");
        let mut lines = Vec::new();
        loop {
            match reader.next() {
                Ok(Some(Line { number, recv, source, msg })) => {
                    lines.push((number, recv.map(|recv| recv.0), source, String::from_utf8_lossy(msg).into_owned()));
                }
                Ok(None) => return (lines, None),
                Err(error) => return (lines, Some(error.to_string())),
            }
        }
    }

    fn file(folder: &tempfile::TempDir, name: &str, bytes: &[u8]) -> PathBuf {
        let path = folder.path().join(name);
        std::fs::write(&path, bytes).expect("written");
        path
    }

    #[test]
    fn lines_of_all_forms() {
        let folder = tempfile::tempdir().expect("a folder");
        let check = |line: &str, recv: Option<u64>, source: Source, msg: &str| {
            let path = file(&folder, "line", line.as_bytes());
            assert_eq!(read(&path), (vec![(1, recv, source, msg.to_owned())], None), "{line}");
        };
        check(
            r#"{"recv_ns":1776082810553680000,"msg":{"a":[1]}}"#,
            Some(1_776_082_810_553_680_000),
            Source::Market,
            r#"{"a":[1]}"#,
        );
        check(r#"{"recv_ns":null,"msg":[{"a":1}]}"#, None, Source::Market, r#"[{"a":1}]"#);
        check(r#"{"recv_ns":18446744073709551615,"msg":[]}"#, Some(u64::MAX), Source::Market, "[]");
        check(r#"{"recv_ns":5,"src":"leader","msg":{"a":1}}"#, Some(5), Source::Leader, r#"{"a":1}"#);
        check(r#"{"recv_ns":5,"msg":{"a":1},"src":"activity"}"#, Some(5), Source::Leader, r#"{"a":1}"#);
        check(r#"{"recv_ns":5,"spot":0.5,"msg":{"a":1}}"#, Some(5), Source::Market, r#"{"a":1}"#);
        check(r#" { "msg" : {"a": 1} , "src": "user" } "#, None, Source::Other, r#"{"a": 1}"#);
        check(r#"{"event_type":"book","bids":[]}"#, None, Source::Market, r#"{"event_type":"book","bids":[]}"#);
        check(r#"[{"event_type":"book"}]"#, None, Source::Market, r#"[{"event_type":"book"}]"#);
        check("{\"recv_ns\":5,\"msg\":{}}\r\n", Some(5), Source::Market, "{}");
    }

    #[test]
    fn bad_lines_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        for bad in ["{\"recv_ns\":1,\"msg\":{\"a\"", "{}", "nonsense", "{\"recv_ns\":1}", "[1,"] {
            let path = file(&folder, "bad", format!("{{\"recv_ns\":1,\"msg\":{{}}}}\n\n{bad}").as_bytes());
            let (lines, error) = read(&path);
            assert_eq!(lines.len(), 1);
            let error = error.expect("an error");
            assert!(error.starts_with(&format!("{}, line 3: neither", path.display())), "{error}");
        }
        let mut long = vec![b'x'; LINE_MAX + (1 << 20)];
        long.splice(0..0, *b"{\"recv_ns\":1,\"msg\":{}}\n");
        let (lines, error) = read(&file(&folder, "long", &long));
        assert_eq!(lines.len(), 1);
        assert!(error.expect("an error").contains("line 2: longer than 4194304 bytes"));
        assert!(RecordingReader::open(&folder.path().join("none")).is_err());
    }

    #[test]
    fn what_is_written_is_read_again() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
            let path = folder.path().join(name);
            let mut writer = RecordingWriter::create(&path).expect("created");
            let mut expected = Vec::new();
            for n in 0..3_000u64 {
                let (recv, source) =
                    ((n % 7 != 0).then_some(n), [Source::Market, Source::Leader, Source::Other][n as usize % 3]);
                let msg = format!("{{\"n\":\n{n},\"pad\":\"{}\"}}", "x".repeat(n as usize % 700));
                writer.write(recv.map(Nanos), source, msg.as_bytes()).expect("written");
                expected.push((n + 1, recv, source, msg.replace('\n', " ")));
            }
            writer.finish().expect("ended");
            assert_eq!(read(&path), (expected, None), "{name}");
            assert!(RecordingWriter::create(&path).is_err(), "an old recording is never written over");
        }
    }

    /// As after a crash: whatever a flushed file was cut to, its whole lines are read, then the error says so.
    #[test]
    fn a_cut_file_yields_its_whole_lines() {
        let folder = tempfile::tempdir().expect("a folder");
        for name in ["b.jsonl", "b.jsonl.gz", "b.jsonl.zst"] {
            let path = folder.path().join(name);
            let mut writer = RecordingWriter::create(&path).expect("created");
            for n in 0..200u64 {
                writer.write(Some(Nanos(n)), Source::Market, format!("{{\"n\":{n}}}").as_bytes()).expect("written");
                if n == 99 {
                    writer.flush().expect("flushed");
                    let bytes = std::fs::read(&path).expect("there");
                    let (lines, error) = read(&file(&folder, "crashed", &bytes));
                    assert_eq!((lines.len(), error.is_none()), (100, name == "b.jsonl"), "{name}");
                }
            }
            writer.finish().expect("ended");
            let bytes = std::fs::read(&path).expect("there");
            let (lines, error) = read(&file(&folder, "cut", &bytes[..bytes.len() - 12]));
            assert!((99..=200).contains(&lines.len()), "{name}: {}", lines.len());
            assert!(error.expect("an error").contains("line"), "{name}");
        }
    }

    #[test]
    fn side_files_are_found_and_read() {
        assert_eq!(SideReader::path_for(Path::new("/a/X.jsonl.zst")), Some(PathBuf::from("/a/X.ltp.tsv.zst")));
        assert_eq!(SideReader::path_for(Path::new("X.jsonl")), Some(PathBuf::from("X.ltp.tsv")));
        assert_eq!(SideReader::path_for(Path::new("X.zip")), None);
        let folder = tempfile::tempdir().expect("a folder");
        let heading = "recv_ns\tserver_ts_ms\tasset_id\ttick_size\tlast_trade_price\n";
        let path = file(&folder, "side", format!("{heading}1\t2\t33\t0.01\t0.500\n1\t2\n").as_bytes());
        let mut side = SideReader::open(&path).expect("opened");
        let row = side.next().expect("good").expect("a row");
        assert_eq!((row.server_ms, row.token.as_str(), row.last_trade_price.as_str()), (2, "33", "0.500"));
        assert!(side.next().expect_err("two columns").to_string().contains("line 3"));
        assert!(SideReader::open(&file(&folder, "other", b"a\tb\n")).is_err());
    }
}
