//! What the venue's index of the chain says that a wallet did and holds (PROTOCOL.md 6). Behind by seconds, or a minute and more.

use std::time::Duration;

use alloy::primitives::Address;
use serde::Deserialize;
use serde_json::Value;

use super::{
    escaped,
    request::{Failure, Method, Place, Requester},
};
use crate::{
    domain::{Nanos, Shares, Usdc},
    venue::polymarket::follow::message::millionths,
};

/// Rows of a page, and the most pages that are read.
const ROWS: usize = 100;
const PAGES_MAX: usize = 50;
/// The same, where there is most: of what a wallet did.
const ACTIVITY_ROWS: usize = 1_000;
/// What of it makes a position larger or smaller.
const TYPES: &str = "TRADE,SPLIT,MERGE,REDEEM,CONVERSION,MIGRATION";

/// The venue's Data API. Cheap to clone.
#[derive(Clone, Debug)]
pub struct DataApi {
    requester: Requester,
}

/// One token of a wallet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    pub token: String,
    pub shares: Shares,
    /// What its shares pay, once its market has ended and they wait for their redemption.
    pub redeemable: Usdc,
}

/// One token that a wallet holds, of a market that is not over.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenPosition {
    pub token: String,
    pub shares: Shares,
    /// At the market's price.
    pub worth: Usdc,
    pub changed_at: Nanos,
}

/// A page of what a wallet did, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ActivityPage {
    pub json: Vec<u8>,
    /// Where the next one begins, if there is one.
    pub next: Option<String>,
}

/// What an envelope says besides its rows.
#[derive(Deserialize)]
struct Paged {
    pagination: Pagination,
}

#[derive(Deserialize)]
struct Pagination {
    has_more: bool,
    next_cursor: Option<String>,
}

impl DataApi {
    pub fn new(url: &str) -> DataApi {
        DataApi { requester: Requester::new(url) }
    }

    /// Returns what a wallet holds, to the last page. Less than a tenth of a share is not told.
    pub async fn positions(&self, wallet: Address) -> Result<Vec<Row>, Failure> {
        let mut rows = Vec::new();
        for status in ["OPEN", "REDEEMABLE"] {
            self.pages(&format!("user={wallet}&limit={ROWS}&status={status}"), &mut rows).await?;
        }
        Ok(rows)
    }

    /// Returns a page of whatever the index lists, as it is, and the cursor of the next one.
    pub async fn page(
        &self,
        path: &str,
        asked: &str,
        cursor: Option<&str>,
    ) -> Result<(Vec<Value>, Option<String>), Failure> {
        let cursor = cursor.map(|cursor| format!("&cursor={}", escaped(cursor))).unwrap_or_default();
        let query = format!("{asked}{cursor}");
        let place = Place { method: Method::Get, path, query: &query };
        let mut answer = self.requester.ask(&place, vec![], String::new()).await?;
        let next = answer["pagination"]["next_cursor"].as_str().map(str::to_owned);
        match answer["data"].take() {
            Value::Array(rows) => Ok((rows, next)),
            found => Err(place.strange("data", &found)),
        }
    }

    /// Returns a page of what a wallet did from a second on, oldest first: what is told later comes behind it.
    pub async fn activity(&self, wallet: &str, from: Nanos, cursor: Option<&str>) -> Result<ActivityPage, Failure> {
        let cursor = cursor.map(|cursor| format!("&cursor={}", escaped(cursor))).unwrap_or_default();
        let query = format!(
            "user={wallet}&start={}&type={TYPES}&sort_direction=ASC&limit={ACTIVITY_ROWS}{cursor}",
            from.as_secs()
        );
        let place = Place { method: Method::Get, path: "/v2/activity", query: &query };
        let json = self.requester.bytes(&place, vec![], String::new()).await?;
        let Paged { pagination } = serde_json::from_slice(&json).map_err(|_| place.unlike("rows and a pagination"))?;
        let next = pagination.next_cursor.filter(|_| pagination.has_more);
        match (pagination.has_more, &next) {
            (true, None) => Err(place.unlike("a cursor, since there is more")),
            (true, Some(_)) | (false, _) => Ok(ActivityPage { json, next }),
        }
    }

    /// Returns what a wallet holds of markets that are not over, to the last page, dust too.
    pub async fn open_positions(&self, wallet: &str) -> Result<Vec<OpenPosition>, Failure> {
        let mut rows = Vec::new();
        let asked = format!("user={wallet}&limit={ROWS}&status=OPEN&filter_type=TOKENS&filter_amount=0");
        self.each_row(&asked, "token_id, current_size, current_value and last_event_at", |value| {
            rows.push(open_position(value)?);
            Some(())
        })
        .await?;
        Ok(rows)
    }

    /// Returns the tokens that wait for their redemption in a wallet.
    pub async fn redeemable_tokens(&self, wallet: &str) -> Result<Vec<String>, Failure> {
        let mut tokens = Vec::new();
        let asked = format!("user={wallet}&limit={ROWS}&status=REDEEMABLE&filter_type=TOKENS&filter_amount=0");
        self.each_row(&asked, "token_id", |value| {
            tokens.push(value["token_id"].as_str()?.to_owned());
            Some(())
        })
        .await?;
        Ok(tokens)
    }

    /// Returns how far the index is behind the chain.
    pub async fn lag(&self) -> Result<Duration, Failure> {
        let place = Place { method: Method::Get, path: "/v2/status", query: "" };
        let answer = self.requester.ask(&place, vec![], String::new()).await?;
        let inner = answer.get("data").unwrap_or(&answer);
        let lag = inner["serving"]["lag_seconds"].as_f64().and_then(|lag| Duration::try_from_secs_f64(lag).ok());
        lag.ok_or_else(|| place.strange("serving.lag_seconds", &answer))
    }

    async fn pages(&self, asked: &str, rows: &mut Vec<Row>) -> Result<(), Failure> {
        self.each_row(asked, "token_id, current_size and current_value", |value| {
            rows.push(row(value)?);
            Some(())
        })
        .await
    }

    /// Reads `/v2/positions` to the last page; `take` returns `None` for a row that is not as `expected`.
    async fn each_row(
        &self,
        asked: &str,
        expected: &'static str,
        mut take: impl FnMut(&Value) -> Option<()>,
    ) -> Result<(), Failure> {
        let (path, mut cursor) = ("/v2/positions", None);
        for _ in 0..PAGES_MAX {
            let (rows, next) = self.page(path, asked, cursor.as_deref()).await?;
            let place = Place { method: Method::Get, path, query: asked };
            for value in &rows {
                take(value).ok_or_else(|| place.strange(expected, value))?;
            }
            cursor = next;
            if cursor.is_none() {
                return Ok(());
            }
        }
        Err(Failure::TooLong { what: "GET /v2/positions".to_owned() })
    }
}

fn open_position(value: &Value) -> Option<OpenPosition> {
    let worth = number(&value["current_value"]).unwrap_or(0);
    Some(OpenPosition {
        token: value["token_id"].as_str()?.to_owned(),
        shares: Shares(number(&value["current_size"])?),
        worth: Usdc(i64::try_from(worth).ok()?),
        changed_at: Nanos::from_secs(value["last_event_at"].as_u64().unwrap_or(0)),
    })
}

fn row(value: &Value) -> Option<Row> {
    let pays = if value["redeemable"].as_bool()? { number(&value["current_value"])? } else { 0 };
    Some(Row {
        token: value["token_id"].as_str()?.to_owned(),
        shares: Shares(number(&value["current_size"])?),
        redeemable: Usdc(i64::try_from(pays).ok()?),
    })
}

/// Reads a number, or a text, in millionths.
fn number(value: &Value) -> Option<u64> {
    match value {
        Value::String(text) => millionths(text),
        Value::Number(number) => millionths(&number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}
