//! Recordings through the program, as people run it: the same input makes the same decisions, and bad files say why.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use remora::{
    domain::Nanos,
    feed::recording::{RecordingReader, RecordingWriter, SideReader, Source},
};
use serde_json::Value;

const BEGIN_MS: u64 = 1_776_082_800_000;
const TOKEN: &str = "7132104571";
const WALLET: &str = "0x1ead000000000000000000000000000000000001";

fn remora(args: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    for name in ["REMORA_CONFIG", "REMORA_DATA_DIR", "REMORA_LISTEN", "REMORA_LOG_LEVEL", "DATABASE_URL"] {
        command.env_remove(name);
    }
    command.arg("replay").args(args).output().expect("the program starts")
}

/// Replays to an end and returns the JSON.
fn replayed(args: &[&str]) -> Value {
    let output = remora(&[args, &["--json"]].concat());
    let err = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(0), "{err}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

/// A session of a minute: a book whose best bid walks with the seed, each step a message with both levels that changed.
fn frames(seed: u64) -> Vec<String> {
    let (mut state, mut bid) = (seed, 50u64);
    let book = |bid: u64, at: u64| {
        let (low, ask, high) = (bid - 1, bid + 1, bid + 2);
        format!(
            r#"{{"event_type":"book","market":"0xaa","asset_id":"{TOKEN}","timestamp":"{at}","bids":[{{"price":"0.{low:02}","size":"900"}},{{"price":"0.{bid:02}","size":"500"}}],"asks":[{{"price":"0.{high:02}","size":"900"}},{{"price":"0.{ask:02}","size":"500"}}]}}"#
        )
    };
    let mut frames = vec![book(bid, BEGIN_MS)];
    for step in 1..=240 {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        bid = if state >> 63 == 0 { (bid - 1).max(30) } else { (bid + 1).min(70) };
        frames.push(book(bid, BEGIN_MS + step * 250));
    }
    frames
}

fn recording(path: &Path, frames: &[String]) {
    let mut writer = RecordingWriter::create(path).expect("created");
    for (step, frame) in frames.iter().enumerate() {
        let at = Nanos::from_millis(BEGIN_MS + step as u64 * 250);
        writer.write(Some(at), Source::Market, frame.as_bytes()).expect("written");
    }
    writer.finish().expect("ended");
}

fn row(second: u64, side: &str, price: &str, size: &str) -> String {
    let (at, seen) = (BEGIN_MS / 1_000 + second, (BEGIN_MS + second * 1_000 + 100) * 1_000_000);
    format!(
        r#"{{"type":"TRADE","proxy_wallet":"{WALLET}","token_id":"{TOKEN}","side":"{side}","price":"{price}","size":"{size}","timestamp":{at},"transaction_hash":"0x{second:064x}","seen_ns":{seen}}}"#
    )
}

/// What a test needs: a folder with a recording in three forms, leaders' rows, outcomes.
struct Stand {
    folder: tempfile::TempDir,
}

impl Stand {
    fn new() -> Stand {
        let stand = Stand { folder: tempfile::tempdir().expect("a folder") };
        let frames = frames(7);
        for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
            recording(&stand.folder.path().join(name), &frames);
        }
        let rows = [row(2, "BUY", "0.51", "400"), row(20, "BUY", "0.60", "300"), row(40, "SELL", "0.50", "350")];
        stand.file("leaders.jsonl", &rows.join("\n"));
        let end = BEGIN_MS / 1_000 + 300;
        let outcome = format!(
            r#"{{"slug":"s","token_ids":["{TOKEN}","9"],"outcome_prices":["1","0"],"start_sec":{},"end_sec":{end}}}"#,
            BEGIN_MS / 1_000
        );
        stand.file("outcomes.jsonl", &outcome);
        stand.file("wide.toml", "[strategy_default.paper]\nslippage_buy_percent = 50\nprice_guard_buy_percent = 50\n");
        stand
    }

    fn path(&self, name: &str) -> String {
        self.folder.path().join(name).display().to_string()
    }

    fn file(&self, name: &str, text: &str) -> String {
        fs::write(self.folder.path().join(name), text).expect("written");
        self.path(name)
    }

    fn play(&self, market: &str, more: &[&str]) -> Value {
        let (market, leaders) = (self.path(market), self.path("leaders.jsonl"));
        replayed(&[&["--market", &market, "--leaders", &leaders], more].concat())
    }
}

fn number(value: &Value) -> f64 {
    value.as_str().expect("text").parse().expect("a number")
}

#[test]
fn the_same_input_makes_the_same_decisions() {
    let stand = Stand::new();
    let plain = stand.play("a.jsonl", &[]);
    assert_eq!((plain["messages"].as_u64(), plain["books"].as_u64()), (Some(241), Some(241)), "{plain}");
    assert_eq!((plain["leader_trades"].as_u64(), plain["signals"].as_u64()), (Some(3), Some(3)), "{plain}");
    assert!(plain["orders"].as_u64() >= Some(1) && plain["fills"].as_u64() >= Some(1), "{plain}");
    for name in ["a.jsonl", "a.jsonl.gz", "a.jsonl.zst"] {
        assert_eq!(stand.play(name, &[])["digest"], plain["digest"], "{name}");
    }
    let wide = stand.play("a.jsonl", &["--config", &stand.path("wide.toml")]);
    assert_ne!(wide["digest"], plain["digest"]);
    // No money appears or vanishes.
    for result in [&plain, &wide] {
        let portfolio = &result["portfolios"][0];
        let held: f64 =
            ["available", "reserved", "deployed", "cooling"].iter().map(|bucket| number(&portfolio[bucket])).sum();
        let made = number(&portfolio["deposits"]) + number(&portfolio["realised"]);
        assert!((held - made).abs() < 1e-6, "{result}");
    }
}

#[test]
fn outcomes_settle_what_is_held() {
    let stand = Stand::new();
    let held = stand.play("a.jsonl", &[]);
    assert_eq!(held["settled"].as_u64(), Some(0));
    assert_eq!(held["positions"].as_array().map(Vec::len), Some(1), "{held}");
    let ended = stand.play("a.jsonl", &["--outcomes", &stand.path("outcomes.jsonl")]);
    assert_eq!(ended["settled"].as_u64(), Some(1), "{ended}");
    assert_eq!(ended["positions"].as_array().map(Vec::len), Some(0));
    assert!(number(&ended["realised_pnl"]) > number(&held["realised_pnl"]), "{ended}");
    assert_eq!(number(&ended["portfolios"][0]["deployed"]), 0.0);
}

#[test]
fn a_book_that_disagrees_is_not_traded_on() {
    let stand = Stand::new();
    let mut frames = frames(7);
    frames.truncate(1);
    // What the venue says is best is not what the book says, for longer than a burst lasts.
    for step in 1..=40 {
        let at = BEGIN_MS + step * 250;
        frames.push(format!(
            r#"{{"event_type":"price_change","market":"0xaa","price_changes":[{{"asset_id":"{TOKEN}","price":"0.10","size":"5","side":"BUY","best_bid":"0.40","best_ask":"0.51"}}],"timestamp":"{at}"}}"#
        ));
    }
    recording(&stand.folder.path().join("bad.jsonl"), &frames);
    let result = stand.play("bad.jsonl", &[]);
    assert_eq!(result["diverged"].as_u64(), Some(1), "{result}");
    assert_eq!(result["orders"].as_u64(), Some(0), "{result}");
    assert!(result["skips"]["book_diverged"].as_u64() >= Some(1), "{result}");
}

#[test]
fn malformed_frames_are_counted_and_harmless() {
    let stand = Stand::new();
    let good = stand.play("a.jsonl", &[]);
    let mut text = fs::read_to_string(stand.path("a.jsonl")).expect("there");
    for (n, bad) in [
        r#"{"asset_id":"7132104571","timestamp":"1","bids":{},"asks":[]}"#,
        r#"{"event_type":"?"}"#,
        "[7]",
        r#"{"bids":[],"asks":[],"timestamp":"1"}"#,
    ]
    .iter()
    .enumerate()
    {
        let at = text.match_indices('\n').nth(10 * (n + 1)).expect("a line").0 + 1;
        text.insert_str(at, &format!("{{\"recv_ns\":{},\"msg\":{bad}}}\n", BEGIN_MS * 1_000_000));
    }
    stand.file("dirty.jsonl", &text);
    let result = stand.play("dirty.jsonl", &[]);
    let refused: u64 = result["malformed"].as_object().expect("counts").values().filter_map(Value::as_u64).sum();
    assert_eq!((refused, result["ignored"].as_u64()), (3, Some(1)), "{result}");
    assert_eq!(result["digest"], good["digest"]);
}

#[test]
fn a_bad_file_is_named_with_its_line() {
    let stand = Stand::new();
    let fails = |args: &[&str], said: &[&str]| {
        let output = remora(args);
        let err = String::from_utf8_lossy(&output.stderr).into_owned();
        assert_eq!(output.status.code(), Some(1), "{err}");
        assert!(said.iter().all(|part| err.contains(part)), "{err}");
    };
    for name in ["a.jsonl.gz", "a.jsonl.zst"] {
        let bytes = fs::read(stand.path(name)).expect("there");
        let cut = format!("cut-{name}");
        fs::write(stand.path(&cut), &bytes[..bytes.len() / 2]).expect("written");
        fails(&["--market", &stand.path(&cut)], &[&cut, "line ", "breaks off"]);
    }
    fails(&["--market", &stand.path("none.jsonl")], &["none.jsonl"]);
    let market = stand.path("a.jsonl");
    let no_price = row(2, "BUY", "0.51", "400").replace("\"price\":\"0.51\",", "");
    let leaders = stand.file("bad-leaders.jsonl", &format!("{}\n{no_price}\n", row(1, "BUY", "0.51", "400")));
    fails(&["--market", &market, "--leaders", &leaders], &["bad-leaders.jsonl, line 2", "price"]);
    let outcomes = stand.file("bad-outcomes.jsonl", "{\"token_ids\":[\"1\"],\"end_sec\":5,\"outcome_prices\":[\"2\"]}");
    fails(&["--market", &market, "--outcomes", &outcomes], &["bad-outcomes.jsonl, line 1", "between 0 and 1"]);
}

/// Returns where a file of the recorded data is; `None`, with a note, where there is no such data.
fn recorded(name: &str) -> Option<PathBuf> {
    let root = std::env::var_os("REMORA_DATA")
        .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), PathBuf::from);
    let path = root.join(name);
    if !path.exists() {
        println!("skipped: no {}; set REMORA_DATA", path.display());
        return None;
    }
    Some(path)
}

#[test]
fn every_hash_of_a_recorded_window_is_good() {
    let name = "market_ws/btc5m_books_one_window_1776082800.jsonl.gz";
    let (Some(window), Some(side)) = (recorded(name), recorded("market_ws/btc5m_books_20260413.ltp.tsv.zst")) else {
        return;
    };
    // The side file belongs to the long recording; the window's rows are cut out of it.
    let folder = tempfile::tempdir().expect("a folder");
    let market = folder.path().join("window.jsonl.gz");
    fs::copy(&window, &market).expect("copied");
    let mut wanted = std::collections::HashSet::new();
    let mut reader = RecordingReader::open(&window).expect("opened");
    while let Some(line) = reader.next().expect("read") {
        wanted.insert(line.recv.expect("kept").0.to_string());
    }
    let unpacked = zstd::stream::read::Decoder::new(fs::File::open(side).expect("opened")).and_then(|mut decoder| {
        decoder.window_log_max(27)?;
        std::io::read_to_string(decoder)
    });
    let unpacked = unpacked.expect("text");
    let rows = unpacked
        .lines()
        .enumerate()
        .filter(|(n, line)| *n == 0 || wanted.contains(line.split('\t').next().expect("a column")));
    let text: String = rows.map(|(_, line)| format!("{line}\n")).collect();
    fs::write(SideReader::path_for(&market).expect("a name"), text).expect("written");
    let result = replayed(&["--market", &market.display().to_string(), "--verify-hashes"]);
    let hashes = ["hash_ok", "hash_bad", "hash_unknown"].map(|key| result[key].as_u64().expect("a count"));
    assert_eq!(hashes, [2_992, 0, 0], "{result}");
    assert_eq!((result["books"].as_u64(), result["diverged"].as_u64()), (Some(2_992), Some(0)));
}

#[test]
fn the_recorded_edges_are_what_they_were() {
    let check = |name: &str, expected: [u64; 4]| {
        let Some(path) = recorded(name) else { return };
        let result = replayed(&["--market", &path.display().to_string()]);
        let found =
            ["messages", "books", "price_changes", "diverged"].map(|key| result[key].as_u64().expect("a count"));
        assert_eq!(found, expected, "{name}: {result}");
    };
    check("market_ws/edge_crossing_burst_20260929.jsonl", [51, 2, 49, 0]);
    check("market_ws/old_shape_changes_2024_2025.jsonl", [20, 6, 9, 2]);
}
