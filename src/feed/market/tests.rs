//! Tables of frames, and the scanner against the tape over generated and damaged frames.

use std::fmt::Write;

use proptest::prelude::*;

use super::{draft::Draft, tape::TapeReader, *};
use crate::domain::{Side, input::Best};

fn registry() -> Registry {
    let mut registry = Registry::new();
    for token in ["101", "202", LONG] {
        registry.add_token(token).expect("room");
    }
    registry
}

const LONG: &str = "71321045679252212594626385532706912750332728571942532289631379312455583992563";

/// Writes inputs as short lines: `snapshot 0 @5`, `bid 0 0.5 x 10`, `done 0 @5 0.5/-`.
fn written(inputs: &[Input]) -> String {
    let mut text = String::new();
    for input in inputs {
        let separator = if text.is_empty() { "" } else { "; " };
        write!(text, "{separator}{}", one(input)).expect("a string");
    }
    text
}

fn one(input: &Input) -> String {
    let side = |best: Option<crate::domain::Price>| best.map_or("-".to_owned(), |price| price.to_string());
    match *input {
        Input::Snapshot { token, at } => format!("snapshot {} @{}", token.0, at.0),
        Input::Level { token, side: Side::Buy, price, size } => format!("bid {} {price} x {size}", token.0),
        Input::Level { token, side: Side::Sell, price, size } => format!("ask {} {price} x {size}", token.0),
        Input::BookDone { token, at, best: Best::Unstated } => format!("done {} @{}", token.0, at.0),
        Input::BookDone { token, at, best: Best::Stated { bid, ask } } => {
            format!("done {} @{} {}/{}", token.0, at.0, side(bid), side(ask))
        }
        Input::TickChanged { token, tick } => format!("tick {} {}", token.0, tick.micros()),
        Input::Resolved { token, payout } => format!("resolved {} {payout}", token.0),
        other => panic!("no input of the market channel: {other:?}"),
    }
}

/// Decodes; an error is written as its code, field and offset.
fn decoded(frame: &str) -> String {
    let mut batch = Batch::default();
    // Something from before that must go.
    batch.inputs.push(Input::Timer);
    match MarketDecoder::new().decode(frame.as_bytes(), &registry(), &mut batch) {
        Ok(()) => written(&batch.inputs),
        Err(error) => {
            assert!(batch.inputs.is_empty() && batch.proofs.is_empty() && batch.unknown.is_empty());
            format!("{} {} {}", error.code.code(), error.field, error.offset)
        }
    }
}

fn check(frame: &str, expected: &str) {
    assert_eq!(decoded(frame), expected, "{frame}");
    // Blanks between values change nothing, and take the slow way.
    if !expected.contains('_') {
        let spaced = frame.replace("\":", "\" : ").replace(",\"", " ,\n\"");
        assert_eq!(decoded(&spaced), expected, "{spaced}");
    }
}

#[test]
fn books() {
    let levels = r#""bids":[{"price":"0.01","size":"100"},{"price":"0.5","size":"10.5"}],"asks":[{"price":"0.999","size":"0.000001"}]"#;
    let inputs = "bid 0 0.01 x 100; bid 0 0.5 x 10.5; ask 0 0.999 x 0.000001; done 0 @5";
    for frame in [
        format!(r#"{{"event_type":"book","asset_id":"101","timestamp":"5",{levels}}}"#),
        format!(r#"{{"market":"0x1","asset_id":"101",{levels},"hash":"abc","timestamp":"5","event_type":"book"}}"#),
        format!(r#"{{{levels},"asset_id":"101","timestamp":"5"}}"#),
        format!(r#"{{"timestamp":5,"token":"101",{levels}}}"#),
        format!(r#"[{{"asset_id":"101","timestamp":"5",{levels}}}]"#),
        format!(r#"{{"asset_id":"101","timestamp":"5",{levels},"tick_size":"","neg_risk":true,"new":"x"}}"#),
        format!(r#"{{"asset_id":"101","timestamp":"5",{levels},"new":{{"deep":[1,2.5,null]}}}}"#),
    ] {
        check(&frame, &format!("snapshot 0 @5; {inputs}"));
    }
    check(
        &format!(r#"{{"asset_id":"101","timestamp":"5",{levels},"tick_size":"0.01","last_trade_price":""}}"#),
        &format!("tick 0 10000; snapshot 0 @5; {inputs}"),
    );
    check(r#"{"asset_id":"202","timestamp":"5","bids":[],"asks":[]}"#, "snapshot 1 @5; done 1 @5");
    // Sizes longer than the scanner's short cut.
    check(
        r#"{"asset_id":"202","timestamp":"5","bids":[{"price":"0.1","size":"999999999.999999"}],"asks":[{"price":"0.2","size":"12345678"}]}"#,
        "snapshot 1 @5; bid 1 0.1 x 999999999.999999; ask 1 0.2 x 12345678; done 1 @5",
    );
    // The size stands before the price.
    check(
        r#"{"asset_id":"202","timestamp":"5","bids":[{"size":"7","price":"0.1"}],"asks":[]}"#,
        "snapshot 1 @5; bid 1 0.1 x 7; done 1 @5",
    );
}

#[test]
fn price_changes_of_three_times() {
    check(
        r#"{"asset_id":"101","event_type":"price_change","hash":"ab","market":"0x1","price":"0.514","side":"SELL","size":"21574.08","timestamp":"9"}"#,
        "ask 0 0.514 x 21574.08; done 0 @9",
    );
    check(
        r#"{"asset_id":"101","changes":[{"price":"0.5","side":"BUY","size":"1"},{"price":"0.6","side":"SELL","size":"0"}],"event_type":"price_change","hash":"ab","market":"0x1","timestamp":"9"}"#,
        "bid 0 0.5 x 1; ask 0 0.6 x 0; done 0 @9",
    );
    let entry = |token: &str, price: &str, bests: &str| {
        format!(r#"{{"asset_id":"{token}","price":"{price}","size":"7","side":"BUY","hash":"cc"{bests}}}"#)
    };
    let message = |entries: &[String]| {
        let entries = entries.join(",");
        format!(r#"{{"market":"0x1","price_changes":[{entries}],"timestamp":"9","event_type":"price_change"}}"#)
    };
    let bests = |bid: &str, ask: &str| format!(r#","best_bid":"{bid}","best_ask":"{ask}""#);
    check(&message(&[entry(LONG, "0.5", &bests("0.5", "0.51"))]), "bid 2 0.5 x 7; done 2 @9 0.5/0.51");
    // Two tokens; the last word on each counts.
    check(
        &message(&[
            entry("101", "0.1", &bests("0.1", "0.2")),
            entry("202", "0.9", &bests("", "1")),
            entry("101", "0.3", &bests("0.3", "")),
        ]),
        "bid 0 0.1 x 7; bid 1 0.9 x 7; bid 0 0.3 x 7; done 0 @9 0.3/-; done 1 @9 -/-",
    );
    check(&message(&[entry("101", "0.1", &bests("0", "0"))]), "bid 0 0.1 x 7; done 0 @9 -/-");
    check(&message(&[entry("101", "0.1", "")]), "bid 0 0.1 x 7; done 0 @9");
    check(&message(&[entry("101", "0.1", r#","best_bid":"0.1""#)]), "bid 0 0.1 x 7; done 0 @9");
    // The other token of the market is not ours.
    check(&message(&[entry("303", "0.1", &bests("0.1", "0.2")), entry("202", "0.9", "")]), "bid 1 0.9 x 7; done 1 @9");
    check(&message(&[]), "");
}

#[test]
fn other_messages() {
    check(
        r#"{"event_type":"tick_size_change","asset_id":"101","new_tick_size":"0.001","old_tick_size":"0.01","timestamp":"3"}"#,
        "tick 0 1000",
    );
    check(
        r#"{"event_type":"best_bid_ask","asset_id":"101","best_bid":"0.73","best_ask":"0.77","spread":"0.04","timestamp":"3"}"#,
        "done 0 @3 0.73/0.77",
    );
    check(
        r#"{"event_type":"market_resolved","assets_ids":["101","202","303"],"winning_asset_id":"202","timestamp":"3"}"#,
        "resolved 0 0; resolved 1 1000000",
    );
    // The winner may be named first.
    check(r#"{"winning_asset_id":"101","assets_ids":["101"],"event_type":"market_resolved"}"#, "resolved 0 1000000");
    check(
        r#"{"event_type":"last_trade_price","asset_id":"101","price":"0.49","side":"SELL","size":"85.36","timestamp":"3"}"#,
        "",
    );
    // What we do not act on may look as it likes.
    for ignored in [
        r#"{"event_type":"new_market","assets_ids":["1","2"],"market":7,"timestamp":null}"#,
        r#"{"event_type":"crypto","price":123.4,"bids":"none","asset_id":["x"]}"#,
        r#"{"event_type":"crypto","bids":[{"price":"9","size":"x"}],"asks":[]}"#,
        r#"{"question":"?"}"#,
        r#"{}"#,
        r#"[]"#,
        r#"[{"event_type":"\u0062ook 2"},{"event_type":"settlement_preview","sequence":2}]"#,
    ] {
        check(ignored, "");
    }
    // An escape does not hide a key or a value.
    check(
        r#"{"event_type":"\u0062ook","\u0061sset_id":"101","bids":[],"asks":[],"timestamp":"1"}"#,
        "snapshot 0 @1; done 0 @1",
    );
}

#[test]
fn refusals_name_the_reason_and_the_place() {
    let book = |level: &str| format!(r#"{{"asset_id":"101","timestamp":"5","bids":[{level}],"asks":[]}}"#);
    for (price, code) in [
        ("0", "bad_price price 52"),
        ("1", "bad_price price 52"),
        ("0.00005", "bad_price price 52"),
        ("-0.5", "bad_price price 52"),
        ("NaN", "bad_price price 52"),
        ("", "bad_price price 52"),
        ("5e-1", "bad_price price 52"),
        (".5", "bad_price price 52"),
    ] {
        check(&book(&format!(r#"{{"price":"{price}","size":"1"}}"#)), code);
    }
    for size in ["-1", "1e3", "NaN", "", "1.", "0.1234567", "1000000000.000001", "99999999999999999999"] {
        check(&book(&format!(r#"{{"price":"0.5","size":"{size}"}}"#)), "bad_size size 65");
    }
    for (frame, expected) in [
        ("", "syntax  0"),
        ("PONG", "syntax  0"),
        ("7", "not_a_message  0"),
        ("[7]", "not_a_message  0"),
        (r#"{"asset_id":"101""#, "syntax  16"),
        (r#"{"asset_id":"101","bids":[],"asks":[],"asset_id":"101","timestamp":"1"}"#, "duplicate_key asset_id 39"),
        (r#"{"asset_id":"101","token":"101","bids":[],"asks":[],"timestamp":"1"}"#, "duplicate_key asset_id 19"),
        (r#"{"asset_id":"101","bids":[],"asks":[]}"#, "missing_field timestamp 0"),
        (r#"{"bids":[],"asks":[],"timestamp":"1"}"#, "missing_field asset_id 0"),
        (r#"{"asset_id":"101","bids":[],"asks":[],"timestamp":"1.5"}"#, "bad_time timestamp 51"),
        (r#"{"asset_id":"101","bids":[],"asks":[],"timestamp":-1}"#, "bad_time timestamp 0"),
        (r#"{"asset_id":101,"bids":[],"asks":[],"timestamp":"1"}"#, "wrong_type asset_id 2"),
        (r#"{"asset_id":"","bids":[],"asks":[],"timestamp":"1"}"#, "bad_token asset_id 13"),
        (r#"{"asset_id":"101","bids":{},"asks":[],"timestamp":"1"}"#, "wrong_type bids 19"),
        (r#"{"asset_id":"101","bids":[],"asks":[],"timestamp":"1","tick_size":"0.3"}"#, "bad_tick tick_size 67"),
        (r#"{"asset_id":"101","bids":[],"asks":[],"changes":[],"timestamp":"1"}"#, "mixed_shapes  0"),
        (r#"{"event_type":"price_change","asset_id":"101","bids":[],"timestamp":"1"}"#, "mixed_shapes  0"),
        (r#"{"event_type":["book"]}"#, "wrong_type event_type 2"),
        (r#"{"event_type":"market_resolved","assets_ids":["101"]}"#, "missing_field winning_asset_id 0"),
        (
            r#"{"event_type":"best_bid_ask","asset_id":"101","best_bid":"1","best_ask":"1","timestamp":"1"}"#,
            "bad_best best_bid 58",
        ),
    ] {
        let found = decoded(frame);
        // Where a number has no place of its own, or the parser's place is its own affair, the code is what counts.
        let code = |text: &str| text.split(' ').take(2).collect::<Vec<_>>().join(" ");
        assert_eq!(code(&found), code(expected), "{frame}: {found}");
    }
    // All or nothing: the second message is bad, so the first does not count.
    let good = r#"{"asset_id":"101","timestamp":"5","bids":[],"asks":[]}"#;
    assert!(decoded(&format!("[{good},{}]", book(r#"{"price":"0.5"}"#))).starts_with("missing_field size"));
}

#[test]
fn limits_are_refusals() {
    let code = |frame: &[u8]| {
        let mut batch = Batch::default();
        MarketDecoder::new().decode(frame, &registry(), &mut batch).map_err(|error| error.code)
    };
    assert_eq!(code(&vec![b' '; FRAME_MAX + 1]), Err(MalformedCode::TooLong));
    let deep = |depth: usize| format!(r#"{{"event_type":"x","y":{}{}}}"#, "[".repeat(depth), "]".repeat(depth));
    assert_eq!(code(deep(DEPTH_MAX - 2).as_bytes()), Ok(()));
    assert_eq!(code(deep(DEPTH_MAX + 1).as_bytes()), Err(MalformedCode::TooDeep));
    assert_eq!(code(deep(FRAME_MAX / 2 - 50).as_bytes()), Err(MalformedCode::TooDeep));
    let levels = |count| {
        let levels = vec![r#"{"price":"0.5","size":"1"}"#; count].join(",");
        format!(r#"{{"asset_id":"101","timestamp":"5","bids":[{levels}],"asks":[]}}"#)
    };
    assert_eq!(code(levels(LEVELS_MAX).as_bytes()), Ok(()));
    assert_eq!(code(levels(LEVELS_MAX + 1).as_bytes()), Err(MalformedCode::TooManyLevels));
    let mut many = Registry::new();
    let entries: Vec<String> = (0..=TOKENS_PER_MESSAGE_MAX)
        .map(|n| {
            many.add_token(&n.to_string()).expect("room");
            format!(r#"{{"asset_id":"{n}","price":"0.5","size":"1","side":"BUY"}}"#)
        })
        .collect();
    let frame = format!(r#"{{"price_changes":[{}],"timestamp":"1"}}"#, entries.join(","));
    let refused = MarketDecoder::new().decode(frame.as_bytes(), &many, &mut Batch::default());
    assert_eq!(refused.map_err(|error| error.code), Err(MalformedCode::TooManyTokens));
}

#[test]
fn counters_and_unknown_tokens() {
    let (mut decoder, mut batch, registry) = (MarketDecoder::new(), Batch::default(), registry());
    let book = r#"{"asset_id":"303","timestamp":"5","bids":[{"price":"0.5","size":"1"}],"asks":[]}"#;
    for frame in [book, book, &format!("[{book},{book}]"), "{", r#"{"event_type":"?"}"#] {
        let _ = decoder.decode(frame.as_bytes(), &registry, &mut batch);
        assert!(batch.inputs.is_empty() && batch.unknown.len() <= 1);
    }
    let Counters { frames, messages, slow_frames, .. } = decoder.counters;
    assert_eq!((frames, slow_frames, messages.book, messages.unknown_type), (5, 1, 4, 1));
    assert_eq!((messages.unknown_tokens, decoder.counters.malformed_total()), (4, 1));
    assert_eq!(decoder.counters.malformed[MalformedCode::Syntax as usize], 1);
    for (place, code) in MalformedCode::ALL.into_iter().enumerate() {
        assert_eq!(code as usize, place, "{}", code.code());
    }
}

#[test]
fn proofs_are_made_once_a_token_and_message() {
    let (mut decoder, mut batch, registry) = (MarketDecoder::with_proofs(), Batch::default(), registry());
    let hash = "5511583ad6f3eb4678e0a374e0cc2bd3b1975d07";
    let frame = format!(
        r#"[{{"market":"0xaa","asset_id":"101","timestamp":"5","bids":[],"asks":[],"hash":"{hash}","tick_size":"0.01","neg_risk":true,"last_trade_price":"0.590","min_order_size":"5"}},{{"market":"0xaa","price_changes":[{{"asset_id":"202","price":"0.5","size":"1","side":"BUY","hash":"no hash"}},{{"asset_id":"202","price":"0.6","size":"1","side":"BUY","hash":"{hash}"}}],"timestamp":"6"}},{{"event_type":"last_trade_price","asset_id":"101","price":"0.49","timestamp":"7"}}]"#
    );
    decoder.decode(frame.as_bytes(), &registry, &mut batch).expect("good");
    let [book, change, trade] = &batch.proofs[..] else { panic!("{:?}", batch.proofs) };
    assert_eq!((book.after, book.hash.map(|hash| hash[..2].to_vec())), (3, Some(vec![0x55, 0x11])));
    assert_eq!(book.said.last_trade_price.expect("said").as_str(), "0.590");
    assert_eq!((book.said.neg_risk, book.said.tick_size.expect("said").as_str()), (Some(true), "0.01"));
    assert_eq!((change.after, change.hash, change.at), (6, book.hash, Millis(6)));
    assert_eq!(change.said.market.expect("said").as_str(), "0xaa");
    assert_eq!((trade.hash, trade.said.last_trade_price.expect("said").as_str()), (None, "0.49"));
}

/// What one of the readers makes of a frame, or `None` for a refusal.
type Reading = Option<(Vec<Input>, Vec<Proof>, Vec<String>, Messages)>;

struct Both {
    registry: Registry,
    done: Vec<draft::Done>,
    tape: TapeReader,
    batch: Batch,
    scanned: u64,
}

impl Both {
    fn new() -> Both {
        Both { registry: registry(), done: Vec::new(), tape: TapeReader::new(), batch: Batch::default(), scanned: 0 }
    }

    fn scan(&mut self, frame: &[u8]) -> Reading {
        let mut draft = Draft::new(frame, &self.registry, &mut self.batch, &mut self.done, true);
        scanner::scan(frame, &mut draft)?;
        let counts = draft.counts;
        Some((self.batch.inputs.clone(), self.batch.proofs.clone(), self.batch.unknown.clone(), counts))
    }

    fn read(&mut self, frame: &[u8]) -> Reading {
        let copy = self.tape.copy(frame);
        let mut draft = Draft::new(copy, &self.registry, &mut self.batch, &mut self.done, true);
        self.tape.read(&mut draft).ok()?;
        let counts = draft.counts;
        Some((self.batch.inputs.clone(), self.batch.proofs.clone(), self.batch.unknown.clone(), counts))
    }

    /// What the scanner accepts, the tape reads the same way.
    fn agree(&mut self, frame: &[u8]) {
        let scanned = self.scan(frame);
        if scanned.is_some() {
            self.scanned += 1;
            assert_eq!(scanned, self.read(frame), "{}", String::from_utf8_lossy(frame));
        }
    }
}

/// A good frame of any shape, by a seed.
fn generated(chance: &mut impl FnMut(u64) -> u64) -> String {
    let pick = |chance: &mut dyn FnMut(u64) -> u64, from: &[&str]| from[chance(from.len() as u64) as usize].to_owned();
    let price = |chance: &mut dyn FnMut(u64) -> u64| pick(chance, &["0.5", "0.01", "0.999", "0.1234", "0.25", "0.9"]);
    let size = |chance: &mut dyn FnMut(u64) -> u64| {
        pick(chance, &["0", "1", "15632.27", "0.000001", "1234567.123456", "12345678", "999999999", "7.5"])
    };
    let token = |chance: &mut dyn FnMut(u64) -> u64| pick(chance, &["101", "202", LONG, "303"]);
    let mut fields: Vec<String> = vec![
        format!(r#""timestamp":"{}""#, 1_776_082_810_581 + chance(9)),
        format!(r#""market":"0x{:064x}""#, chance(9)),
    ];
    let shape = chance(5);
    if shape != 0 {
        fields.push(format!(r#""asset_id":"{}""#, token(chance)));
    }
    match shape {
        0 => {
            let entries: Vec<String> = (0..chance(4))
                .map(|_| {
                    let (side, best) = (pick(chance, &["BUY", "SELL"]), pick(chance, &["", "0", "0.5", "0.51"]));
                    let (token, price, size) = (token(chance), price(chance), size(chance));
                    format!(
                        r#"{{"asset_id":"{token}","price":"{price}","size":"{size}","side":"{side}","hash":"5511583ad6f3eb4678e0a374e0cc2bd3b1975d07","best_bid":"{best}","best_ask":"{best}"}}"#
                    )
                })
                .collect();
            fields.push(format!(r#""price_changes":[{}]"#, entries.join(",")));
            fields.push(r#""event_type":"price_change""#.to_owned());
        }
        1 => {
            let side = pick(chance, &["BUY", "SELL"]);
            fields.push(format!(
                r#""changes":[{{"price":"{}","side":"{side}","size":"{}"}}]"#,
                price(chance),
                size(chance)
            ));
        }
        2 => {
            fields.push(format!(r#""price":"{}","size":"{}","side":"BUY""#, price(chance), size(chance)));
            fields.push(format!(r#""event_type":"{}""#, pick(chance, &["price_change", "last_trade_price"])));
        }
        _ => {
            for side in ["bids", "asks"] {
                let levels: Vec<String> = (0..chance(5))
                    .map(|_| format!(r#"{{"price":"{}","size":"{}"}}"#, price(chance), size(chance)))
                    .collect();
                fields.push(format!(r#""{side}":[{}]"#, levels.join(",")));
            }
            fields.push(format!(r#""tick_size":"{}""#, pick(chance, &["0.01", "0.001", ""])));
            fields.push(r#""neg_risk":false,"hash":"abc""#.to_owned());
        }
    }
    // Any order of keys.
    for n in (1..fields.len()).rev() {
        fields.swap(n, chance(n as u64 + 1) as usize);
    }
    format!("{{{}}}", fields.join(","))
}

fn xorshift(mut state: u64) -> impl FnMut(u64) -> u64 {
    move |bound| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state % bound
    }
}

/// Damages a frame in one of many ways.
fn damage(frame: &mut Vec<u8>, chance: &mut impl FnMut(u64) -> u64) {
    const TOKENS: [&[u8]; 12] =
        [b"\"", b"\\", b"{", b"}", b"[", b"]", b",", b":", b"\"price\":\"0.5\",", b"\"bids\":[],", b"0", b"\xff"];
    let at = chance(frame.len() as u64) as usize;
    match chance(6) {
        0 => frame[at] ^= 1 << chance(8),
        1 => frame[at] = chance(256) as u8,
        2 => frame.truncate(at),
        3 => {
            frame.remove(at);
        }
        4 => {
            let token = TOKENS[chance(TOKENS.len() as u64) as usize];
            frame.splice(at..at, token.iter().copied());
        }
        _ => {
            // Twice the same piece: keys, entries, levels.
            let end = (at + 1 + chance(60) as usize).min(frame.len());
            let piece = frame[at..end].to_vec();
            frame.splice(at..at, piece);
        }
    }
}

#[test]
fn the_scanner_agrees_with_the_tape_on_damaged_frames() {
    const SEED: u64 = 20_261_121;
    let rounds = if cfg!(debug_assertions) { 4_000 } else { 200_000 };
    let (mut both, mut chance) = (Both::new(), xorshift(SEED));
    for _ in 0..rounds / 4 {
        let good = generated(&mut chance).into_bytes();
        assert!(both.scan(&good).is_some(), "the scanner knows it: {}", String::from_utf8_lossy(&good));
        both.agree(&good);
        for _ in 0..4 {
            let mut bad = good.clone();
            for _ in 0..=chance(2) {
                if !bad.is_empty() {
                    damage(&mut bad, &mut chance);
                }
            }
            both.agree(&bad);
            // The public way must not panic whatever comes.
            let _ = both.read(&bad);
        }
    }
    println!("SEED={SEED}: the scanner accepted {} frames", both.scanned);
    assert!(both.scanned > rounds / 4);
}

#[test]
fn the_scanner_agrees_with_the_tape_on_every_truncation() {
    let (mut both, mut chance) = (Both::new(), xorshift(7));
    for _ in 0..20 {
        let frame = generated(&mut chance);
        for end in 0..frame.len() {
            assert!(both.scan(&frame.as_bytes()[..end]).is_none(), "{}", &frame[..end]);
            assert!(both.read(&frame.as_bytes()[..end]).is_none(), "{}", &frame[..end]);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(if cfg!(debug_assertions) { 256 } else { 2_048 }))]

    /// Decimals of all forms, in a level and in an entry, as the only thing that is odd.
    #[test]
    fn the_scanner_agrees_with_the_tape_on_numbers(
        price in r"(0\.[0-9]{1,7}|[01]|[0-9]?\.[0-9]?|0\.[0-9]{2}[ -~]?)",
        size in r"([0-9]{1,12}(\.[0-9]{1,8})?|[0-9.eE+-]{0,5}|[0-9]{1,3}[ !#-Z^-~])",
    ) {
        let mut both = Both::new();
        both.agree(format!(r#"{{"asset_id":"101","timestamp":"5","bids":[{{"price":"{price}","size":"{size}"}}],"asks":[]}}"#).as_bytes());
        both.agree(format!(r#"{{"price_changes":[{{"asset_id":"{LONG}","price":"{price}","size":"{size}","side":"BUY","hash":"5511583ad6f3eb4678e0a374e0cc2bd3b1975d07","best_bid":"{price}","best_ask":"{price}"}}],"timestamp":"5"}}"#).as_bytes());
    }

    /// Bytes of all kinds where texts stand.
    #[test]
    fn the_scanner_agrees_with_the_tape_on_texts(market in r"[\x00-\x7f]{0,70}", token in r"[ -~]{1,90}") {
        let mut both = Both::new();
        both.agree(format!(r#"{{"market":"{market}","asset_id":"{token}","timestamp":"5","bids":[],"asks":[],"{market}":"x"}}"#).as_bytes());
    }

    #[test]
    fn no_bytes_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = MarketDecoder::with_proofs().decode(&bytes, &registry(), &mut Batch::default());
    }
}
