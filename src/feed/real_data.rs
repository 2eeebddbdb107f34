//! Replays of recordings of the venue: the only proof that we read it right. Skipped where the data is not there.

use std::{
    collections::{BTreeMap, HashMap},
    path::PathBuf,
};

use super::{
    hash::{HashVerifier, Said, Verdict},
    leader::{LeaderDecoder, LeaderRows, Sighting},
    market::{Batch, MarketDecoder},
    recording::{RecordingReader, SideReader},
    registry::Registry,
    text::Text,
};
use crate::domain::{Input, Price, Shares, Side, TokenId, input::Best};

/// Returns where a file of the recorded data is; `None`, with a note, where there is no such data.
pub(crate) fn path(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("REMORA_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join(name);
    if !path.exists() {
        println!("skipped: no {}; set REMORA_DATA", path.display());
        return None;
    }
    Some(path)
}

/// As plain as a book can be.
#[derive(Clone, Default, PartialEq, Debug)]
struct Book {
    bids: BTreeMap<Price, Shares>,
    asks: BTreeMap<Price, Shares>,
}

impl Book {
    fn best(&self) -> Best {
        let (bid, ask) = (self.bids.keys().next_back(), self.asks.keys().next());
        Best::Stated { bid: bid.copied(), ask: ask.copied() }
    }
}

/// Everything between a frame and a verdict.
struct Replay {
    decoder: MarketDecoder,
    verifier: HashVerifier,
    registry: Registry,
    batch: Batch,
    books: HashMap<TokenId, Book>,
    bests: [u64; 2],
    verdicts: HashMap<TokenId, [u64; 3]>,
}

impl Replay {
    fn new() -> Replay {
        Replay {
            decoder: MarketDecoder::with_proofs(),
            verifier: HashVerifier::new(),
            registry: Registry::new(),
            batch: Batch::default(),
            books: HashMap::new(),
            bests: [0; 2],
            verdicts: HashMap::new(),
        }
    }

    fn token(&mut self, text: &str) -> TokenId {
        self.registry.add_token(text).expect("room").0
    }

    fn frame(&mut self, frame: &[u8]) {
        let Replay { decoder, verifier, registry, batch, books, bests, verdicts } = self;
        decoder.decode(frame, registry, batch).unwrap_or_else(|error| panic!("{error}"));
        let mut applied = 0;
        for proof in &batch.proofs {
            batch.inputs[applied..proof.after].iter().for_each(|input| apply(books, bests, input));
            applied = proof.after;
            let book = books.entry(proof.token).or_default();
            let bids = book.bids.iter().map(|(price, size)| (*price, *size));
            let asks = book.asks.iter().rev().map(|(price, size)| (*price, *size));
            let verdict = verifier.check(registry, proof, bids, asks);
            if proof.hash.is_some() {
                verdicts.entry(proof.token).or_default()[verdict as usize] += 1;
            }
        }
        batch.inputs[applied..].iter().for_each(|input| apply(books, bests, input));
    }

    fn verdicts(&self, token: TokenId, verdict: Verdict) -> u64 {
        self.verdicts.get(&token).map_or(0, |counts| counts[verdict as usize])
    }
}

fn apply(books: &mut HashMap<TokenId, Book>, bests: &mut [u64; 2], input: &Input) {
    match *input {
        Input::Snapshot { token, .. } => *books.entry(token).or_default() = Book::default(),
        Input::Level { token, side, price, size } => {
            let book = books.entry(token).or_default();
            let levels = match side {
                Side::Buy => &mut book.bids,
                Side::Sell => &mut book.asks,
            };
            if size == Shares::ZERO {
                levels.remove(&price);
            } else {
                levels.insert(price, size);
            }
        }
        Input::BookDone { token, best, .. } if best != Best::Unstated && books.contains_key(&token) => {
            bests[usize::from(books[&token].best() == best)] += 1;
        }
        _ => {}
    }
}

fn said(neg_risk: bool) -> Said {
    Said { min_order_size: Text::new(b"5"), neg_risk: Some(neg_risk), ..Said::default() }
}

#[test]
fn every_hash_of_a_recorded_window_is_good() {
    let Some(path) = path("market_ws/btc5m_books_one_window_1776082800.jsonl.gz") else { return };
    let whole = path.with_file_name("btc5m_books_20260413.jsonl.zst");
    let mut side = SideReader::open(&SideReader::path_for(&whole).expect("a name")).expect("a side file");
    // The side file is of the whole day: its rows for this window are found by token and time.
    let mut rows = HashMap::new();
    while let Some(row) = side.next().expect("a row") {
        rows.insert((row.token.as_str().to_owned(), row.server_ms), row);
    }
    let mut replay = Replay::new();
    let token = replay.token("83942414208075453123440275999283449263463298254653468061917941323089783700161");
    let mut reader = RecordingReader::open(&path).expect("a recording");
    let mut lines = 0;
    while let Some(line) = reader.next().expect("a line") {
        let text = std::str::from_utf8(line.msg).expect("text");
        let time = &text[text.find("\"timestamp\":\"").expect("a time") + 13..][..13];
        let name = replay.registry.token_text(token).to_owned();
        if let Some(row) = rows.get(&(name, time.parse().expect("a number"))) {
            replay.verifier.learn(token, &row.said());
        }
        replay.frame(line.msg);
        lines += 1;
    }
    assert_eq!(lines, 2_992);
    assert_eq!(replay.decoder.counters.slow_frames, 0);
    assert_eq!((replay.verdicts(token, Verdict::Good), replay.verdicts(token, Verdict::Bad)), (2_992, 0));
}

/// All of the recorded day. Minutes in a debug build: `cargo test --release -- --ignored whole_day`.
#[test]
#[ignore = "515 MB; run it with --release -- --ignored"]
fn every_hash_of_the_whole_day_is_good() {
    let Some(path) = path("market_ws/btc5m_books_20260413.jsonl.zst") else { return };
    let mut side = SideReader::open(&SideReader::path_for(&path).expect("a name")).expect("a side file");
    let mut reader = RecordingReader::open(&path).expect("a recording");
    let mut replay = Replay::new();
    while let Some(line) = reader.next().expect("a line") {
        let row = side.next().expect("a row").expect("as many rows as messages");
        let token = replay.token(row.token.as_str());
        replay.verifier.learn(token, &row.said());
        replay.frame(line.msg);
    }
    let total = |verdict| replay.verdicts.values().map(|counts| counts[verdict as usize]).sum::<u64>();
    assert_eq!((total(Verdict::Good), total(Verdict::Bad), total(Verdict::Unknown)), (149_842, 0, 0));
    assert_eq!(replay.decoder.counters.slow_frames, 0);
}

/// A burst of messages with one timestamp passes through crossed states: two of 49 disagree on the way, the end agrees.
#[test]
fn a_burst_of_crossing_changes_ends_in_the_next_snapshot() {
    let Some(path) = path("market_ws/edge_crossing_burst_20260929.jsonl") else { return };
    let mut replay = Replay::new();
    let token = replay.token("76670567130917723816490572615540605537878462672464291990940067659127658071111");
    replay.verifier.learn(token, &said(false));
    let mut reader = RecordingReader::open(&path).expect("a recording");
    // The burst is one trade at 0.301, which the recording leaves out; the hash of the last snapshot tells it.
    const BURST: u64 = 48;
    let mut before_last = None;
    while let Some(line) = reader.next().expect("a line") {
        before_last = replay.books.get(&token).cloned();
        if line.number == BURST {
            replay.verifier.learn(token, &Said { last_trade_price: Text::new(b"0.301"), ..Said::default() });
        }
        replay.frame(line.msg);
    }
    assert_eq!(before_last.as_ref(), replay.books.get(&token));
    assert_eq!(replay.bests, [2, 47]);
    // 47 of 49 changes and both snapshots.
    assert_eq!((replay.verdicts(token, Verdict::Good), replay.verdicts(token, Verdict::Bad)), (49, 2));
}

/// The server left out a removal: best prices agree all the way, only the hash tells.
#[test]
fn a_missing_removal_is_seen_by_the_hash_alone() {
    let Some(path) = path("market_ws/edge_missing_removal_202610.json") else { return };
    let file: serde_json::Value = serde_json::from_slice(&std::fs::read(path).expect("a file")).expect("JSON");
    let mut replay = Replay::new();
    let token = replay.token("25663133457378123576323784576240398371707736910467282857389343185533474954726");
    replay.verifier.learn(token, &said(true));
    for event in file["missing_removal"]["events"].as_array().expect("events") {
        replay.frame(event.to_string().as_bytes());
    }
    assert_eq!(replay.bests, [0, 9]);
    // Only the snapshot before the gap is good.
    assert_eq!((replay.verdicts(token, Verdict::Good), replay.verdicts(token, Verdict::Bad)), (1, 9));
    let replayed = replay.books[&token].clone();
    replay.frame(file["missing_removal"]["replacement"].to_string().as_bytes());
    assert_ne!(replayed, replay.books[&token]);
    assert_eq!(replay.verdicts(token, Verdict::Good), 2);
}

#[test]
fn books_of_the_rest_api_equal_the_replayed_ones() {
    let Some(path) = path("market_ws/new_shape_with_rest_books_20251023.jsonl") else { return };
    let mut replay = Replay::new();
    let token = replay.token("94022367472047775158269173293876979533288470167463650966689320774843018181757");
    replay.verifier.learn(token, &said(false));
    let mut reader = RecordingReader::open(&path).expect("a recording");
    let mut equal = 0;
    while let Some(line) = reader.next().expect("a line") {
        let before = replay.books.get(&token).cloned();
        replay.frame(line.msg);
        // A body of REST is a book without a type.
        if !line.msg.windows(10).any(|text| text == b"event_type") {
            assert_eq!(before.as_ref(), replay.books.get(&token));
            equal += 1;
        }
    }
    assert_eq!(equal, 2);
    assert_eq!(replay.bests, [0, 2]);
    assert_eq!(replay.verdicts(token, Verdict::Bad), 0);
}

/// Every small file of the market channel: no message is refused, and few go the slow way.
#[test]
fn every_recorded_message_is_read() {
    for (name, slow) in [
        ("market_ws/single_messages.jsonl", 12),
        ("market_ws/old_shape_changes_2024_2025.jsonl", 2),
        ("aligned/sol15m_20251211_books_and_prints.jsonl", 0),
        ("aligned/btc15m_20251211_prints.jsonl", 0),
    ] {
        let Some(path) = path(name) else { return };
        let (mut decoder, mut registry, mut batch) = (MarketDecoder::with_proofs(), Registry::new(), Batch::default());
        let mut reader = RecordingReader::open(&path).expect("a recording");
        let mut errors = Vec::new();
        while let Some(line) = reader.next().expect("a line") {
            for _ in 0..2 {
                if let Err(error) = decoder.decode(line.msg, &registry, &mut batch) {
                    errors.push((line.number, error));
                }
                for token in &batch.unknown {
                    registry.add_token(token).expect("room");
                }
            }
        }
        assert!(errors.is_empty(), "{name}: {errors:?}");
        assert_eq!(decoder.counters.slow_frames, slow, "{name}");
    }
}

#[test]
fn recorded_leader_trades_are_read() {
    let Some(frames) = path("leaders/rtds_and_book_frames.jsonl") else { return };
    let wallet = "0x510f4963b66b1b18505faab74b0bb943d1dda43c";
    let mut registry = Registry::new();
    registry.add_leader(wallet).expect("a wallet");
    let mut reader = RecordingReader::open(&frames).expect("a recording");
    let line = reader.next().expect("a line").expect("one line");
    let mut decoder = LeaderDecoder::new();
    let Ok(Sighting::ColdToken(cold)) = decoder.decode_rtds(line.msg, &registry) else { panic!("a cold trade") };
    assert_eq!((cold.side, cold.price.micros(), cold.shares), (Side::Buy, 260_000, Shares(2_702_700)));
    assert_eq!(cold.traded_at.as_secs(), 1_787_102_287);
    assert_eq!(decoder.counters.slow_frames, 0);

    for (name, trades, others) in [
        ("rest/pscanner_kch123/activity.json", 10, 0),
        ("rest/edulabrador_DEEDDIT/activity_all.json", 42, 8),
        ("rest/hugompt/data_activity.json", 0, 3),
        ("rest/hugompt/data_trades.json", 3, 0),
        ("rest/nautilus/data_api_trades_captured_response.json", 3, 0),
    ] {
        let Some(path) = path(name) else { return };
        let rows = LeaderRows::open(&path).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((rows.rows.len(), rows.not_trades), (trades, others), "{name}");
        let keys: std::collections::HashSet<_> = rows.rows.iter().map(super::leader::LeaderRow::key).collect();
        assert_eq!(keys.len(), rows.rows.len(), "{name}: every fill has its key");
    }
}

/// Derived data: real books, invented messages between them. Each change names its hash.
#[test]
fn derived_changes_agree_with_their_books() {
    let Some(path) = path("derived/btc5m_price_change_20260413T1200.jsonl.zst") else { return };
    let lines = if cfg!(debug_assertions) { 5_000 } else { usize::MAX };
    let mut replay = Replay::new();
    let mut reader = RecordingReader::open(&path).expect("a recording");
    for _ in 0..lines {
        let Some(line) = reader.next().expect("a line") else { break };
        let mut unknown = Batch::default();
        replay.decoder.decode(line.msg, &replay.registry, &mut unknown).expect("good");
        for token in &unknown.unknown {
            replay.token(token);
        }
        replay.frame(line.msg);
    }
    assert_eq!(replay.bests[0], 0);
    assert!(replay.bests[1] > 4_000, "{:?}", replay.bests);
}
