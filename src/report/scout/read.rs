//! Reads a wallet's history, and what others traded around it, from the venue's Data API, page by page.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;

use super::{
    Deed, History, Prints, What,
    rows::{self, Row},
};
use crate::{
    domain::{Nanos, Usdc},
    venue::polymarket::rest::{DataApi, Failure},
};

/// Rows of a page, and the most pages of a history.
const ROWS: usize = 500;
const PAGES_MAX: usize = 60;
/// The most requests for what others traded, each a page of a market in a time.
const WINDOWS_MAX: usize = 200;
/// Markets are asked for what others traded from a moment before his trade.
const BEFORE: Nanos = Nanos::from_secs(1);
const TRIES: u32 = 3;
const PAUSE: Duration = Duration::from_millis(700);
/// No longer than this is waited, whatever the venue says.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// Says how far the reading is.
pub type Progress<'a> = &'a mut dyn FnMut(&str);

/// Returns what `wallet` did since `from`, and where its tokens stand. More than [`PAGES_MAX`] pages are not read: then the
/// oldest deeds are missing, and the history says so.
pub async fn history(
    data: &DataApi,
    wallet: &str,
    from: Nanos,
    now: Nanos,
    progress: Progress<'_>,
) -> Result<History, Failure> {
    let mut history = History { wallets: vec![wallet.to_ascii_lowercase()], ..History::default() };
    let asked =
        format!("user={wallet}&limit={ROWS}&start={}&end={}&sort_direction=DESC", from.as_secs(), now.as_secs());
    history.is_cut = pages(data, "/v2/activity", &asked, PAGES_MAX, |page, rows| {
        progress(&format!("his history: page {page}"));
        for row in rows {
            if history.name.is_empty() {
                rows::name(row).clone_into(&mut history.name);
            }
            match rows::activity(row) {
                Row::Deed(deed) => history.deeds.push(*deed),
                Row::Strange => history.unread += 1,
            }
        }
    })
    .await?;
    // Newest first came, and of one second in the order of the venue.
    history.deeds.reverse();
    history.deeds.sort_by_key(|deed| deed.at);
    for status in ["OPEN", "REDEEMABLE", "CLOSED"] {
        let asked = format!("user={wallet}&limit={ROWS}&status={status}");
        pages(data, "/v2/positions", &asked, PAGES_MAX, |page, rows| {
            progress(&format!("where his tokens stand: {status}, page {page}"));
            for stand in rows.iter().filter_map(rows::stand) {
                history.stands.entry(stand.token.clone()).or_insert(stand);
            }
        })
        .await?;
    }
    Ok(history)
}

/// Returns what others traded within `length` of each of his trades: those with the most dollars first, as long as
/// [`WINDOWS_MAX`] requests last. What does not fit into one page is not known.
pub async fn prints(
    data: &DataApi,
    history: &History,
    length: Nanos,
    progress: Progress<'_>,
) -> Result<Prints, Failure> {
    let mut prints = Prints::default();
    let windows = windows(history, length);
    let count = windows.len().min(WINDOWS_MAX);
    for (place, window) in windows.into_iter().take(WINDOWS_MAX).enumerate() {
        progress(&format!("what others traded around his trades: {} of {count}", place + 1));
        let Window { condition, from, until, .. } = window;
        let asked = format!(
            "condition_id={condition}&limit=1000&taker_only=false&start={}&end={}",
            from.as_secs(),
            until.as_secs()
        );
        let is_cut = pages(data, "/v2/trades", &asked, 1, |_, rows| {
            for row in rows.iter().filter(|row| !is_of(row, &history.wallets)) {
                if let Some((token, at, price)) = rows::print(row) {
                    prints.of.entry(token).or_default().push((at, price));
                }
            }
        })
        .await?;
        if !is_cut {
            prints.known.entry(condition).or_default().push((from, until));
        }
    }
    // Newest first came; of one second the last one counts.
    for of_token in prints.of.values_mut() {
        of_token.reverse();
        of_token.sort_by_key(|print| print.0);
    }
    Ok(prints)
}

fn is_of(row: &Value, wallets: &[String]) -> bool {
    row["proxy_wallet"].as_str().is_some_and(|his| wallets.contains(&his.to_ascii_lowercase()))
}

struct Window {
    condition: String,
    from: Nanos,
    until: Nanos,
    dollars: Usdc,
}

/// Returns the times that must be known, those that touch made one, most dollars first.
fn windows(history: &History, length: Nanos) -> Vec<Window> {
    let mut of: BTreeMap<&str, Vec<Window>> = BTreeMap::new();
    let is_trade = |deed: &&Deed| matches!(deed.what, What::Bought(_) | What::Sold(_));
    for deed in history.deeds.iter().filter(is_trade).filter(|deed| !deed.condition.is_empty()) {
        let (from, until) = (deed.at.since(BEFORE), deed.at.plus(length));
        let windows = of.entry(&deed.condition).or_default();
        match windows.last_mut().filter(|last| from <= last.until) {
            Some(last) => (last.until, last.dollars) = (last.until.max(until), last.dollars + deed.dollars),
            None => {
                windows.push(Window { condition: deed.condition.clone(), from, until, dollars: deed.dollars });
            }
        }
    }
    let mut all: Vec<Window> = of.into_values().flatten().collect();
    all.sort_by_key(|window| std::cmp::Reverse(window.dollars));
    all
}

/// Reads pages until the last one, or `pages_max`; returns whether there are more.
async fn pages(
    data: &DataApi,
    path: &str,
    asked: &str,
    pages_max: usize,
    mut take: impl FnMut(usize, &[Value]),
) -> Result<bool, Failure> {
    let mut next = None;
    for page in 1..=pages_max {
        let (rows, after) = patient(data, path, asked, next.as_deref()).await?;
        take(page, &rows);
        next = after;
        if next.is_none() {
            return Ok(false);
        }
    }
    Ok(true)
}

/// Asks again where the venue is busy or silent.
async fn patient(
    data: &DataApi,
    path: &str,
    asked: &str,
    cursor: Option<&str>,
) -> Result<(Vec<Value>, Option<String>), Failure> {
    let mut tried = 1;
    loop {
        let failure = match data.page(path, asked, cursor).await {
            Ok(page) => return Ok(page),
            Err(failure) => failure,
        };
        let usual = PAUSE * 2_u32.pow(tried - 1);
        if tried == TRIES || !failure.may_pass() {
            return Err(failure);
        }
        let wanted = if let Failure::Busy { wait, .. } = &failure { *wait } else { None };
        let pause = wanted.unwrap_or(usual).min(PAUSE_MAX);
        tokio::time::sleep(pause).await;
        tried += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Price, Shares};

    #[test]
    fn times_that_touch_are_asked_for_once() {
        let deed = |secs: u64, condition: &str, dollars: i64| Deed {
            at: Nanos::from_secs(secs),
            what: What::Bought(Price::from_micros(500_000).expect("a price")),
            token: "1".into(),
            condition: condition.into(),
            title: String::new(),
            outcome: String::new(),
            shares: Shares::whole(2),
            dollars: Usdc::whole(dollars),
        };
        let deeds =
            vec![deed(100, "a", 1), deed(110, "b", 50), deed(150, "a", 2), deed(1_000, "a", 9), deed(1, "", 99)];
        let history = History { deeds, ..History::default() };
        let found: Vec<(String, u64, u64, i64)> = windows(&history, Nanos::from_secs(60))
            .into_iter()
            .map(|one| (one.condition, one.from.as_secs(), one.until.as_secs(), one.dollars.0 / 1_000_000))
            .collect();
        let expected = [("b".to_owned(), 109, 170, 50), ("a".to_owned(), 999, 1_060, 9), ("a".to_owned(), 99, 210, 3)];
        assert_eq!(found, expected);
    }
}
