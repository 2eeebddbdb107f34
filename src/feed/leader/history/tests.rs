//! The traps of an index that is read again and again.

use super::*;
use crate::domain::{Shares, Side};

const WALLET: &str = "0x510f4963b66b1b18505faab74b0bb943d1dda43c";
const OVERLAP: Nanos = Nanos::from_secs(600);

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add_leader(WALLET).expect("a wallet");
    registry.add_token("7").expect("room");
    registry
}

/// A trade of so many shares in transaction `tx`.
fn trade(at: u64, tx: &str, shares: u32) -> String {
    format!(
        r#"{{"type":"TRADE","proxy_wallet":"{WALLET}","token_id":"7","condition_id":"0xc","side":"SELL","size":{shares},"price":0.5,"timestamp":{at},"transaction_hash":"0x{tx}"}}"#
    )
}

fn doing(at: u64, kind: &str, shares: u32) -> String {
    format!(
        r#"{{"type":"{kind}","proxy_wallet":"{WALLET}","token_id":"","condition_id":"0xC","side":"","size":{shares},"price":0,"timestamp":{at},"transaction_hash":"0xd"}}"#
    )
}

fn page(rows: &[String]) -> Vec<u8> {
    format!(r#"{{"data":[{}],"pagination":{{"limit":2,"has_more":false}}}}"#, rows.join(",")).into_bytes()
}

/// Reads pages, and returns the keys and shares of the new trades in them.
fn read(history: &mut History, pages: &[&[String]]) -> Vec<(TradeKey, u64)> {
    let (mut read, mut heard) = (Read::default(), Vec::new());
    for rows in pages {
        assert_eq!(read.page(&page(rows)), Ok(rows.len()));
    }
    let from = history.from(OVERLAP, None);
    history.take(from, &read, OVERLAP, &registry(), |what| match what {
        Heard::Sighting(Sighting::Trade(trade)) => {
            assert_eq!((trade.source, trade.side), (Source::Index, Side::Sell));
            heard.push((trade.trade, trade.shares.0 / 1_000_000));
        }
        other => panic!("{other:?}"),
    });
    heard
}

fn shares(told: &[(TradeKey, u64)]) -> Vec<u64> {
    told.iter().map(|(_, shares)| *shares).collect()
}

#[test]
fn each_row_is_told_once_and_late_ones_are_found() {
    let mut history = History::begin(Nanos::from_secs(1_000));
    assert_eq!(history.from(OVERLAP, None), Nanos::from_secs(1_000));
    let (first, second, late) = (trade(1_010, "a", 1), trade(1_010, "b", 2), trade(1_005, "c", 3));
    assert_eq!(shares(&read(&mut history, &[std::slice::from_ref(&first)])), [1]);
    // Of the same second, and of one before, indexed later.
    assert_eq!(shares(&read(&mut history, &[&[late, first, second]])), [3, 2]);
    assert_eq!(history.from(OVERLAP, None), Nanos::from_secs(1_000), "never before the beginning");
    assert_eq!(shares(&read(&mut history, &[&[trade(2_000, "d", 4)]])), [4]);
    assert_eq!(history.from(OVERLAP, None), Nanos::from_secs(1_400));
    // What no read can tell again is forgotten.
    assert_eq!(history.len(), 1);
}

#[test]
fn equal_rows_are_counted_over_the_read() {
    let (one, other) = (trade(1_010, "a", 1), trade(1_010, "b", 2));
    let [twice, once] = [[one.clone(), one.clone()], [one.clone(), other.clone()]];
    let mut history = History::begin(Nanos::from_secs(1_000));
    let told = read(&mut history, &[&twice]);
    assert_eq!(shares(&told), [1, 1]);
    assert_ne!(told[0].0, told[1].0);
    // The second of them was late.
    let mut history = History::begin(Nanos::from_secs(1_000));
    let first = read(&mut history, &[&once]);
    let second = read(&mut history, &[&twice, std::slice::from_ref(&other)]);
    assert_eq!((shares(&first), shares(&second)), (vec![1, 2], vec![1]));
    assert_eq!([first[0].0, second[0].0], [told[0].0, told[1].0]);
}

#[test]
fn a_row_that_moved_to_the_next_page_is_not_counted_twice() {
    let (one, other) = (trade(1_010, "a", 1), trade(1_010, "b", 2));
    let split: [&[String]; 2] = [&[other.clone(), one.clone()], std::slice::from_ref(&one)];
    let mut history = History::begin(Nanos::from_secs(1_000));
    assert_eq!(shares(&read(&mut history, &split)), [2, 1]);
    // It had moved: the next read has it once.
    let mut moved = History::begin(Nanos::from_secs(1_000));
    assert_eq!(shares(&read(&mut moved, &split)), [2, 1]);
    assert!(read(&mut moved, &[&[other, one.clone()]]).is_empty());
    // There are two indeed: the next read has them again.
    assert_eq!(shares(&read(&mut history, &split)), [1]);
    assert!(read(&mut history, &split).is_empty());
}

#[test]
fn what_is_no_trade_is_a_way_out_or_a_reason_to_look() {
    let mut history = History::begin(Nanos::from_secs(1_000));
    let kinds = ["MERGE", "REDEEM", "SPLIT", "CONVERSION", "MIGRATION", "MERGE"];
    let rows: Vec<String> = kinds.iter().zip(1_001..).map(|(kind, at)| doing(at, kind, 5)).collect();
    let (mut all, mut heard) = (Read::default(), Vec::new());
    all.page(&page(&rows)).expect("a page");
    history.take(Nanos::from_secs(1_000), &all, OVERLAP, &registry(), |what| heard.push(what));
    let left: Vec<Left> =
        heard.iter().filter_map(|what| if let Heard::Left(left) = what { Some(*left) } else { None }).collect();
    // Equal but for their seconds: the second one is number 1.
    assert_eq!((heard.len(), left.len()), (6, 3));
    assert!(left.iter().all(|left| left.condition() == "0xc" && left.leader == LeaderId(0)));
    let [merge, redeem, again] = [0, 1, 2].map(|index: usize| left[index].of(TokenId(0), "7"));
    assert_eq!((merge.shares, merge.left_at), (Shares::whole(5), Nanos::from_secs(1_001)));
    let other = left[0].of(TokenId(1), "8");
    let keys = [merge.trade, redeem.trade, again.trade, other.trade];
    assert!((0..4).all(|one| (0..one).all(|other| keys[one] != keys[other])), "{keys:?}");
}

#[test]
fn a_bad_row_is_counted_and_a_page_that_is_none_is_an_error() {
    let mut read = Read::default();
    let bad = trade(1_010, "a", 1).replace("SELL", "HOLD");
    assert_eq!(read.page(&page(&[bad, trade(1_010, "b", 2)])), Ok(2));
    assert_eq!((read.len(), read.refused), (1, 1));
    for page in ["", "[]", "{}", "<html>"] {
        assert!(read.page(page.as_bytes()).is_err(), "{page}");
    }
}

#[test]
fn a_gap_from_before_the_beginning_is_read_too() {
    let mut history = History::begin(Nanos::from_secs(1_000));
    read(&mut history, &[&[trade(2_000, "a", 1)]]);
    assert_eq!(history.from(OVERLAP, Some(Nanos::from_secs(1_500))), Nanos::from_secs(1_400));
    assert_eq!(history.from(OVERLAP, Some(Nanos::from_secs(900))), Nanos::from_secs(900));
}
