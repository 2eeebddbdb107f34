//! What the venue's index of the chain says that a wallet holds (PROTOCOL.md 6). Behind by seconds, or a minute and more.

use alloy::primitives::Address;
use serde_json::Value;

use super::{
    escaped,
    request::{Failure, Method, Place, Requester},
};
use crate::{
    domain::{Shares, Usdc},
    venue::polymarket::follow::message::millionths,
};

/// Rows of a page, and the most pages that are read.
const ROWS: usize = 100;
const PAGES_MAX: usize = 50;

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

    async fn pages(&self, asked: &str, rows: &mut Vec<Row>) -> Result<(), Failure> {
        let mut query = asked.to_owned();
        for _ in 0..PAGES_MAX {
            let place = Place { method: Method::Get, path: "/v2/positions", query: &query };
            let answer = self.requester.ask(&place, vec![], String::new()).await?;
            let page = answer["data"].as_array().ok_or_else(|| place.strange("data", &answer))?;
            for value in page {
                rows.push(row(value).ok_or_else(|| place.strange("token_id, current_size and current_value", value))?);
            }
            match answer["pagination"]["next_cursor"].as_str() {
                Some(next) => query = format!("{asked}&cursor={}", escaped(next)),
                None => return Ok(()),
            }
        }
        Err(Failure::TooLong { what: "GET /v2/positions".to_owned() })
    }
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
