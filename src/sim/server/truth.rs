//! The truth log: what the venue received, answered, matched and settled, as JSON lines, for auditors.
//!
//! A line is never lost in silence: the queue to the writer's thread is bounded, and when it is full, or the disk is, the
//! venue stops.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, TryRecvError, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use base64::prelude::{BASE64_STANDARD, Engine};
use serde::{Deserialize, Serialize};
use tokio_util::sync::CancellationToken;

use crate::domain::Nanos;
use crate::sim::exchange::{Canceled, Event, Leg, Settlement, State, Trade};

/// Lines that wait for the disk.
const QUEUE_MAX: usize = 65_536;

/// One line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Line {
    /// Counted from 1, without gaps.
    pub sequence: u64,
    /// The venue's time, in nanoseconds since 1970.
    pub at: Nanos,
    #[serde(flatten)]
    pub entry: Entry,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub enum Entry {
    Began {
        seed: u64,
    },
    /// A private request arrived. Nothing was done yet.
    Received {
        request: u64,
        method: String,
        /// With its query.
        path: String,
        body: Bytes,
    },
    /// It was done, and this was sent back.
    Answered {
        request: u64,
        status: u16,
        body: Bytes,
    },
    /// It was done, and this was not sent back, or too late.
    Withheld {
        request: u64,
        status: u16,
        body: Bytes,
        /// What the client got instead.
        instead: String,
    },
    Matched {
        trade: u64,
        market: u64,
        fee_micros: i64,
        taker: Part,
        makers: Vec<Part>,
    },
    Settled {
        trade: u64,
        to: String,
    },
    /// Shares came or went without a trade.
    Moved {
        account: u32,
        market: u64,
        kind: String,
        shares_micros: [u64; 2],
        collateral_micros: [i64; 2],
    },
    Cancelled {
        order: String,
        account: u32,
        /// Of the order, in millionths of a share.
        matched_micros: u64,
        why: String,
    },
    Ended,
}

/// What one order gave and got, in millionths.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    pub order: String,
    pub account: u32,
    pub outcome: u8,
    pub side: String,
    pub shares_micros: u64,
    pub collateral_micros: i64,
}

/// A body as it came: text where it is text, base64 where not.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Bytes {
    Text(String),
    Base64(String),
}

impl Bytes {
    pub fn of(bytes: &[u8]) -> Bytes {
        match std::str::from_utf8(bytes) {
            Ok(text) => Bytes::Text(text.to_owned()),
            Err(_) => Bytes::Base64(BASE64_STANDARD.encode(bytes)),
        }
    }
}

impl Entry {
    /// Returns what an auditor must know of an event of the exchange; `None` for what only moved a book.
    pub fn of(event: &Event) -> Option<Entry> {
        match event {
            Event::Matched(trade) => Some(matched(trade)),
            Event::Moved(moved) => Some(Entry::Moved {
                account: moved.account.0,
                market: moved.market.0,
                kind: format!("{:?}", moved.kind).to_lowercase(),
                shares_micros: moved.shares.map(|shares| shares.0),
                collateral_micros: moved.collateral.map(|dollars| dollars.0),
            }),
            Event::Settled { trade, to } => {
                let to = match to {
                    Settlement::Matched => "matched",
                    Settlement::Mined => "mined",
                    Settlement::Confirmed => "confirmed",
                    Settlement::Retrying => "retrying",
                    Settlement::Failed => "failed",
                };
                Some(Entry::Settled { trade: trade.id.0, to: to.to_owned() })
            }
            Event::Order { order, .. } => match order.state {
                State::Canceled(why) => Some(Entry::Cancelled {
                    order: order.new.id.to_string(),
                    account: order.new.account.0,
                    matched_micros: order.matched.0,
                    why: reason(why),
                }),
                State::Held | State::Live | State::Matched => None,
            },
            Event::Book { .. }
            | Event::Released { .. }
            | Event::Tick { .. }
            | Event::Closed { .. }
            | Event::Resolved { .. } => None,
        }
    }
}

fn matched(trade: &Trade) -> Entry {
    let part = |leg: &Leg| Part {
        order: leg.order.to_string(),
        account: leg.account.0,
        outcome: leg.outcome.index() as u8,
        side: crate::sim::wire::side_name(leg.side).to_owned(),
        shares_micros: leg.shares.0,
        collateral_micros: leg.collateral.0,
    };
    Entry::Matched {
        trade: trade.id.0,
        market: trade.market.0,
        fee_micros: trade.fee.0,
        taker: part(&trade.taker),
        makers: trade.makers.iter().map(part).collect(),
    }
}

fn reason(why: Canceled) -> String {
    match why {
        Canceled::ByOwner => "by_owner".to_owned(),
        Canceled::Expired => "expired".to_owned(),
        Canceled::MarketResolved => "market_resolved".to_owned(),
        Canceled::NotEnoughBalance => "not_enough_balance".to_owned(),
        Canceled::FakRest => "fak_rest".to_owned(),
        Canceled::OffGrid => "off_grid".to_owned(),
        Canceled::Rejected(reject) => format!("rejected: {reject:?}"),
    }
}

/// Where lines are told. Clones write to one file.
#[derive(Clone, Debug)]
pub struct Truth {
    told: Arc<Mutex<Told>>,
    /// Cancelled when a line could not be kept: the venue must stop.
    broken: CancellationToken,
}

#[derive(Debug)]
struct Told {
    sequence: u64,
    /// `None` once it ended or broke.
    queue: Option<SyncSender<Line>>,
    writer: Option<JoinHandle<io::Result<()>>>,
}

impl Truth {
    /// Creates the file; what was there before is gone.
    pub fn begin(path: &Path) -> io::Result<Truth> {
        let file = File::create(path)?;
        let broken = CancellationToken::new();
        let (queue, lines) = sync_channel(QUEUE_MAX);
        Ok(Truth::over(BufWriter::new(file), queue, lines, broken))
    }

    fn over(
        file: impl Write + Send + 'static,
        queue: SyncSender<Line>,
        lines: Receiver<Line>,
        broken: CancellationToken,
    ) -> Truth {
        let stop = broken.clone();
        let writer = std::thread::spawn(move || {
            let result = write_all(file, &lines);
            if let Err(error) = &result {
                tracing::error!(%error, "the truth log cannot be written: the venue stops");
                stop.cancel();
            }
            result
        });
        let told = Told { sequence: 0, queue: Some(queue), writer: Some(writer) };
        Truth { told: Arc::new(Mutex::new(told)), broken }
    }

    /// Adds a line. Without room for it the log ends there and the venue stops.
    pub fn tell(&self, at: Nanos, entry: Entry) {
        let mut told = self.told.lock().expect("nobody panicked while telling");
        let Some(queue) = told.queue.clone() else { return };
        told.sequence += 1;
        if queue.try_send(Line { sequence: told.sequence, at, entry }).is_err() {
            told.queue = None;
            tracing::error!(
                sequence = told.sequence,
                "the truth log is slower than the venue: it stops before this line"
            );
            self.broken.cancel();
        }
    }

    /// Resolves when a line was lost.
    pub async fn broken(&self) {
        self.broken.cancelled().await;
    }

    pub fn is_broken(&self) -> bool {
        self.broken.is_cancelled()
    }

    /// Writes what is queued, and closes the file. Returns how many lines were told. Blocks until the disk has them.
    pub fn end(&self, at: Nanos) -> io::Result<u64> {
        self.tell(at, Entry::Ended);
        let (sequence, writer) = {
            let mut told = self.told.lock().expect("nobody panicked while telling");
            told.queue = None;
            (told.sequence, told.writer.take())
        };
        match writer.map(JoinHandle::join) {
            Some(Ok(result)) => result.map(|()| sequence),
            Some(Err(_)) => Err(io::Error::other("the writer of the truth log panicked")),
            None => Ok(sequence),
        }
    }
}

/// Writes lines until the last teller is gone; gives them to the system whenever it has caught up.
fn write_all(mut file: impl Write, lines: &Receiver<Line>) -> io::Result<()> {
    loop {
        let line = match lines.try_recv() {
            Ok(line) => line,
            Err(TryRecvError::Empty) => {
                file.flush()?;
                match lines.recv() {
                    Ok(line) => line,
                    Err(_) => return Ok(()),
                }
            }
            Err(TryRecvError::Disconnected) => return file.flush(),
        };
        serde_json::to_writer(&mut file, &line)?;
        file.write_all(b"\n")?;
    }
}

/// Reads a log back. An error says in which line; so does a sequence with a gap.
pub fn read(path: &Path) -> io::Result<Vec<Line>> {
    let named = |number: usize, what: &dyn std::fmt::Display| {
        let place: PathBuf = path.into();
        io::Error::new(io::ErrorKind::InvalidData, format!("{}:{number}: {what}", place.display()))
    };
    let mut lines: Vec<Line> = Vec::new();
    for (number, text) in (1..).zip(BufReader::new(File::open(path)?).lines()) {
        let line: Line = serde_json::from_str(&text?).map_err(|error| named(number, &error))?;
        if line.sequence != number as u64 {
            return Err(named(number, &format!("a gap: this is line {}", line.sequence)));
        }
        lines.push(line);
    }
    Ok(lines)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn received(request: u64, body: &[u8]) -> Entry {
        let (method, path) = ("POST".to_owned(), "/order?x=1".to_owned());
        Entry::Received { request, method, path, body: Bytes::of(body) }
    }

    #[test]
    fn what_was_told_is_read_back_in_order() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("truth.jsonl");
        let truth = Truth::begin(&path).expect("a file");
        let entries = [
            Entry::Began { seed: 7 },
            received(1, b"{\"a\":\"\xc3\xa9\"}"),
            received(2, b"\xff\x00"),
            Entry::Withheld { request: 1, status: 200, body: Bytes::of(b"{}"), instead: "nothing".to_owned() },
            Entry::Settled { trade: 1, to: "failed".to_owned() },
        ];
        for (at, entry) in (1..).zip(&entries) {
            truth.clone().tell(Nanos(at), entry.clone());
        }
        assert_eq!(truth.end(Nanos(9)).expect("written"), 6);
        assert!(!truth.is_broken());
        // Who comes late is not heard, and nothing breaks.
        truth.tell(Nanos(10), Entry::Ended);
        let lines = read(&path).expect("lines");
        assert_eq!(lines.iter().map(|line| line.sequence).collect::<Vec<u64>>(), [1, 2, 3, 4, 5, 6]);
        assert_eq!(lines.iter().take(5).map(|line| line.entry.clone()).collect::<Vec<Entry>>(), entries);
        assert_eq!((lines[5].at, &lines[5].entry), (Nanos(9), &Entry::Ended));
        assert!(matches!(&lines[2].entry, Entry::Received { body: Bytes::Base64(text), .. } if text == "/wA="));
    }

    /// A disk that takes nothing.
    struct Full;

    impl Write for Full {
        fn write(&mut self, _: &[u8]) -> io::Result<usize> {
            Err(io::Error::from(io::ErrorKind::StorageFull))
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[tokio::test]
    async fn a_log_that_cannot_be_kept_breaks_loudly() {
        let (queue, lines) = sync_channel(8);
        let full = Truth::over(Full, queue, lines, CancellationToken::new());
        full.tell(Nanos(1), Entry::Ended);
        full.broken().await;
        assert_eq!(full.end(Nanos(2)).expect_err("a full disk").kind(), io::ErrorKind::StorageFull);

        // Nobody takes lines out of this queue.
        let (queue, lines) = sync_channel(2);
        let told = Told { sequence: 0, queue: Some(queue), writer: None };
        let slow = Truth { told: Arc::new(Mutex::new(told)), broken: CancellationToken::new() };
        for count in 0..3 {
            assert!(!slow.is_broken(), "{count}");
            slow.tell(Nanos(count), Entry::Ended);
        }
        slow.broken().await;
        assert_eq!(lines.try_iter().map(|line| line.sequence).collect::<Vec<u64>>(), [1, 2]);
    }

    #[test]
    fn a_gap_and_a_torn_line_are_named() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("truth.jsonl");
        let check = |text: &str, expected: &str| {
            std::fs::write(&path, text).expect("written");
            let error = read(&path).expect_err(text).to_string();
            assert!(error.contains(expected), "{error}");
        };
        let first = r#"{"sequence":1,"at":1,"what":"began","seed":1}"#;
        check(&format!("{first}\n{{\"sequence\":3,\"at\":1,\"what\":\"ended\"}}\n"), ":2: a gap: this is line 3");
        check(&format!("{first}\n{{\"sequence\":2,\"at"), ":2: EOF");
    }
}
