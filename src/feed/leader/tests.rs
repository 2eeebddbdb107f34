//! Tables of frames, rows and files.

use super::*;
use crate::{domain::TokenId, feed::market::MalformedCode};

const WALLET: &str = "0x510f4963b66b1b18505faab74b0bb943d1dda43c";
const TOKEN: &str = "72551024098258542594534683942523606143014690620243023298497729957846870197074";
const TX: &str = "0xb6acf6859bc84216f4b3e2567fb392a2eae19d275340ad96ea17218ccfec27b7";

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add_leader("0x0000000000000000000000000000000000000001").expect("a wallet");
    registry.add_leader(WALLET).expect("a wallet");
    registry.add_token(TOKEN).expect("room");
    registry
}

/// The fields of a payload, in RTDS's order, with one of them replaced; an empty value leaves it out.
fn payload(name: &str, value: &str) -> String {
    let fields = [
        ("asset", format!("\"{TOKEN}\"")),
        ("name", r#""A \"quoted\" name, \"proxyWallet\":\"0x1\"""#.to_owned()),
        ("outcomeIndex", "1".to_owned()),
        ("price", "0.26".to_owned()),
        ("proxyWallet", "\"0x510F4963b66B1B18505faaB74b0bB943D1dDa43C\"".to_owned()),
        ("side", "\"BUY\"".to_owned()),
        ("size", "2.7027".to_owned()),
        ("timestamp", "1787102287".to_owned()),
        ("title", "\"10\u{b0}C on August 19?\"".to_owned()),
        ("transactionHash", format!("\"{TX}\"")),
    ];
    let text: Vec<String> = fields
        .iter()
        .map(|(field, usual)| (*field, if *field == name { value } else { usual }))
        .filter(|(_, value)| !value.is_empty())
        .map(|(field, value)| format!("\"{field}\":{value}"))
        .collect();
    format!("{{{}}}", text.join(","))
}

fn frame(payload: &str) -> String {
    format!(
        r#"{{"connection_id":"x","payload":{payload},"timestamp":1787102287053,"topic":"activity","type":"trades"}}"#
    )
}

fn sighting(frame: &str) -> Result<Sighting, Malformed> {
    LeaderDecoder::new().decode_rtds(frame.as_bytes(), &registry())
}

fn trade(frame: &str) -> LeaderTrade {
    match sighting(frame) {
        Ok(Sighting::Trade(trade)) => trade,
        other => panic!("{frame}: {other:?}"),
    }
}

#[test]
fn a_followed_frame_is_a_trade_whichever_way_it_is_read() {
    let usual = trade(&frame(&payload("", "")));
    assert_eq!((usual.leader, usual.token, usual.side), (LeaderId(1), TokenId(0), Side::Buy));
    assert_eq!((usual.price.micros(), usual.shares), (260_000, Shares(2_702_700)));
    assert_eq!(usual.traded_at, Nanos::from_secs(1_787_102_287));
    let spaced = frame(&payload("", "")).replace("\":", "\": ");
    let renamed = frame(&payload("", "")).replace("proxyWallet\":\"0x51", "proxy_wallet\":\"0x51");
    let (first, second) = (frame(&payload("", "")), payload("", ""));
    let reordered = format!(r#"{{"type":"orders_matched","topic":"activity","payload":{second}}}"#);
    for other in [&spaced, &renamed, &second, &reordered, &first.replace("0.26", "\"0.26\"")] {
        let source = if *other == reordered { Source::Matched } else { Source::Activity };
        assert_eq!(trade(other), LeaderTrade { source, ..usual }, "{other}");
    }
    let mut decoder = LeaderDecoder::new();
    for fast in [&first, &reordered] {
        decoder.decode_rtds(fast.as_bytes(), &registry()).expect("good");
    }
    assert_eq!((decoder.counters.trades, decoder.counters.slow_frames), (2, 0));
}

#[test]
fn strangers_cold_tokens_and_other_frames() {
    let stranger = "\"0x6af75d4e4aaf700450efbac3708cce1665810ff1\"";
    assert_eq!(sighting(&frame(&payload("proxyWallet", stranger))), Ok(Sighting::Stranger));
    assert_eq!(sighting(&payload("proxyWallet", stranger)), Ok(Sighting::Stranger));
    let Ok(Sighting::ColdToken(cold)) = sighting(&frame(&payload("asset", "\"555\""))) else { panic!("a cold token") };
    assert_eq!((cold.token.as_str(), cold.leader, cold.shares), ("555", LeaderId(1), Shares(2_702_700)));
    for other in [
        "",
        "PONG",
        "{}",
        r#"{"topic":"crypto_prices","type":"update","payload":{"symbol":"btcusdt","value":1.5}}"#,
        r#"{"topic":"activity","type":"comment","payload":{}}"#,
        &frame(&payload("", "")).replace("\"activity\"", "\"comments\""),
        r#"{"message":"subscribed"}"#,
    ] {
        assert_eq!(sighting(other), Ok(Sighting::NotATrade), "{other}");
    }
}

#[test]
fn a_bad_field_is_named() {
    for (field, value, code) in [
        ("asset", "", MalformedCode::MissingField),
        ("asset", "\"\"", MalformedCode::MissingField),
        ("price", "", MalformedCode::MissingField),
        ("price", "0", MalformedCode::BadPrice),
        ("price", "1", MalformedCode::BadPrice),
        ("price", "-0.5", MalformedCode::BadPrice),
        ("price", "true", MalformedCode::BadPrice),
        ("side", "", MalformedCode::MissingField),
        ("side", "\"HOLD\"", MalformedCode::BadSide),
        ("size", "", MalformedCode::MissingField),
        ("size", "0", MalformedCode::BadSize),
        ("size", "0.0000001", MalformedCode::BadSize),
        ("size", "1e30", MalformedCode::BadSize),
        ("timestamp", "", MalformedCode::MissingField),
        ("timestamp", "1.5", MalformedCode::BadTime),
        ("timestamp", "1787102287053000000", MalformedCode::BadTime),
        ("transactionHash", "", MalformedCode::MissingField),
        ("proxyWallet", "", MalformedCode::MissingField),
        ("proxyWallet", "\"0x51\"", MalformedCode::BadWallet),
    ] {
        let error = sighting(&frame(&payload(field, value))).expect_err(value);
        assert_eq!((error.field, error.code), (field, code), "{field}: {value}");
        assert!(error.to_string().contains(field));
    }
    assert_eq!(sighting("{\"topic\":").map_err(|error| error.code), Err(MalformedCode::Syntax));
    // Twice the same field: which one counts?
    let twice = frame(&payload("price", "0.26,\"price\":0.9"));
    assert_eq!(sighting(&twice).map_err(|error| error.code), Err(MalformedCode::WrongType));
}

#[test]
fn numbers_are_brought_to_millionths_and_times_to_nanoseconds() {
    for (text, micros) in [("0.860000001148", 860_000), ("0.9685345", 968_535), ("0.5", 500_000), ("5e-3", 5_000)] {
        assert_eq!(trade(&frame(&payload("price", text))).price.micros(), micros, "{text}");
    }
    for (text, micros) in [("714.2857139", 714_285_713), ("30", 30_000_000), ("\"1.5\"", 1_500_000)] {
        assert_eq!(trade(&frame(&payload("size", text))).shares, Shares(micros), "{text}");
    }
    for (text, nanos) in [("1787102287", 1_787_102_287_000_000_000), ("1787102287053", 1_787_102_287_053_000_000)] {
        assert_eq!(trade(&frame(&payload("timestamp", text))).traded_at, Nanos(nanos), "{text}");
    }
}

/// A row of v1 for the same fill as [`payload`].
fn row(kind: &str, price: &str) -> String {
    format!(
        r#"{{"proxyWallet":"{WALLET}","timestamp":1787102287,"type":"{kind}","size":2.7027,"usdcSize":0.7,"transactionHash":"{TX}","price":{price},"asset":"{TOKEN}","side":"BUY"}}"#
    )
}

fn sightings(page: &str) -> Vec<Result<Sighting, Malformed>> {
    let mut all = Vec::new();
    LeaderDecoder::new().decode_rows(page.as_bytes(), &registry(), |sighting| all.push(sighting)).expect("a page");
    all
}

#[test]
fn the_same_fill_has_the_same_key_from_every_source() {
    let key = trade(&frame(&payload("", ""))).trade;
    // Keys are kept in journals: this number must never change.
    assert_eq!(key, TradeKey([1_681_653_300_817_703_331, 14_868_823_758_054_973_951]), "the key as it always was");
    let v1 = row("TRADE", "0.26000000001");
    let v2 = v1
        .replace("proxyWallet", "proxy_wallet")
        .replace("asset", "token_id")
        .replace("transactionHash", "transaction_hash")
        .replace(TX, &TX.to_uppercase().replace("0X", "0x"));
    for page in [format!("[{v1}]"), format!("{{\"data\":[{v2}],\"pagination\":{{}}}}"), v1.clone(), v2.clone()] {
        let [Ok(Sighting::Trade(found))] = sightings(&page)[..] else { panic!("{page}") };
        assert_eq!(found.trade, key, "{page}");
    }
    // Any difference makes another key.
    for (field, value) in [("size", "2.7028"), ("side", "\"SELL\""), ("transactionHash", "\"0x1\"")] {
        assert_ne!(trade(&frame(&payload(field, value))).trade, key, "{field}");
    }
    assert_eq!(
        trade(&frame(&payload("price", "0.2600004"))).trade,
        key,
        "each source rounds an average in its own way"
    );
    // Equal fills of one page are told apart by their ordinal.
    let equal = sightings(&format!("[{v1},{v1},{v2}]"));
    let keys: std::collections::HashSet<TradeKey> = equal
        .iter()
        .map(|sighting| match sighting {
            Ok(Sighting::Trade(trade)) => trade.trade,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(keys.len(), 3);
    assert!(keys.contains(&key));
}

#[test]
fn a_page_counts_its_rows_and_goes_on_after_a_bad_one() {
    let redeem = row("REDEEM", "0").replace("\"BUY\"", "\"\"").replace(TOKEN, "");
    let page = format!("[{redeem},{},{}]", row("TRADE", "7"), row("TRADE", "0.5"));
    let mut decoder = LeaderDecoder::new();
    let mut errors = Vec::new();
    decoder.decode_rows(page.as_bytes(), &registry(), |row| errors.extend(row.err())).expect("a page");
    let LeaderCounters { rows, trades, not_trades, malformed, .. } = decoder.counters;
    assert_eq!((rows, trades, not_trades, malformed), (3, 1, 1, 1));
    assert_eq!((errors[0].field, errors[0].offset), ("price", redeem.len() + 2));
    for bad in ["", "7", "{\"data\":7}", "[{]"] {
        assert!(decoder.decode_rows(bad.as_bytes(), &registry(), |_| ()).is_err(), "{bad}");
    }
}

#[test]
fn files_of_rows() {
    let folder = tempfile::tempdir().expect("a folder");
    let open = |text: &str| {
        let path = folder.path().join("leaders.jsonl");
        std::fs::write(&path, text).expect("written");
        LeaderRows::open(&path)
    };
    let (early, late) = (row("TRADE", "0.5"), row("TRADE", "0.6").replace("2287,", "2299,\"seen_ns\":77,"));
    let lines = open(&format!("{late}\n\n{early}\n{}\n{early}", row("YIELD", "0"))).expect("good");
    assert_eq!((lines.rows.len(), lines.not_trades), (3, 1));
    let [first, second, again] = &lines.rows[..] else { panic!("three rows") };
    assert_eq!((first.seen_at, first.traded_at().as_secs()), (Some(Nanos(77)), 1_787_102_299));
    assert_eq!((second.wallet(), second.token(), second.seen_at), (WALLET, TOKEN, None));
    assert_eq!((second.side(), second.price().micros(), second.shares()), (Side::Buy, 500_000, Shares(2_702_700)));
    assert_ne!(second.key(), again.key());
    assert!(matches!(second.sighting(&registry()), Sighting::Trade(_)));
    assert_eq!(open(&format!("[\n{early},\n{late}\n]")).expect("good").rows.len(), 2);
    assert_eq!(open("").expect("an empty file has no rows").rows.len(), 0);
    let error = open(&format!("{early}\n{}\n", row("TRADE", "2"))).expect_err("a bad price").to_string();
    assert!(error.contains("line 2") && error.contains("`price`"), "{error}");
    assert!(open(&format!("{early}\n{{\"pro")).expect_err("cut off").to_string().contains("line"));
    assert!(LeaderRows::open(&folder.path().join("none")).is_err());
}
