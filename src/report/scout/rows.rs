//! ROWS -> WORDS: what the Data API says, v2 (snake_case) and the retired v1 (camelCase) of old files.

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde_json::Value;

use super::{Deed, Stand, Status, What};
use crate::domain::{Nanos, Price, Shares, Usdc, money::ONE};

/// More shares than anybody ever traded at once: such a row is not believed, and sums cannot overflow.
const SHARES_MAX: i64 = 100_000_000 * ONE as i64;

/// What a row of `/v2/activity` is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Row {
    Deed(Box<Deed>),
    /// Of a type that there was not when this was written, or without what it needs.
    Strange,
}

pub fn activity(row: &Value) -> Row {
    let deed = || {
        let what = match text(row, "type", "type") {
            "TRADE" | "" => match text(row, "side", "side") {
                "BUY" => What::Bought(price(row)?),
                "SELL" => What::Sold(price(row)?),
                _ => return None,
            },
            "SPLIT" => What::Split,
            "MERGE" => What::Merged,
            "CONVERSION" => What::Converted,
            "REDEEM" => What::Redeemed,
            "MAKER_REBATE" => What::MakerRebate,
            "REWARD" | "YIELD" | "TAKER_REBATE" | "REFERRAL_REWARD" | "TIP" => What::Rewarded,
            "DEPOSIT" | "WITHDRAWAL" | "MIGRATION" => What::Moved,
            _ => return None,
        };
        let within = |amount: &i64| (0..=SHARES_MAX).contains(amount);
        let shares = Shares(millionths(&row["size"]).filter(within)?.unsigned_abs());
        let paid = row.get("usdc_size").or_else(|| row.get("usdcSize")).and_then(millionths).filter(within);
        let dollars = match (paid, what) {
            (Some(paid), _) => Usdc(paid),
            (None, What::Bought(price) | What::Sold(price)) => price.cost_floor(shares),
            (None, _) => Usdc::ZERO,
        };
        Some(Deed {
            at: Nanos::from_secs(row["timestamp"].as_u64()?),
            what,
            token: text(row, "token_id", "asset").to_owned(),
            condition: text(row, "condition_id", "conditionId").to_owned(),
            title: text(row, "title", "title").to_owned(),
            outcome: text(row, "outcome", "outcome").to_owned(),
            shares,
            dollars,
        })
    };
    match deed() {
        Some(deed) => Row::Deed(Box::new(deed)),
        None => Row::Strange,
    }
}

/// Returns where a token stands, from a row of `/v2/positions`.
pub fn stand(row: &Value) -> Option<Stand> {
    let status = match text(row, "status", "status") {
        "OPEN" => Status::Open,
        "REDEEMABLE" => Status::Redeemable,
        "CLOSED" => Status::Closed,
        _ if row["redeemable"] == true => Status::Redeemable,
        _ => Status::Open,
    };
    let worth = row.get("current_price").or_else(|| row.get("curPrice")).and_then(millionths)?;
    Some(Stand {
        token: text(row, "token_id", "asset").to_owned(),
        condition: text(row, "condition_id", "conditionId").to_owned(),
        status,
        worth: u32::try_from(worth).ok().filter(|worth| *worth <= ONE as u32)?,
    })
}

/// Returns the token, the time and the price of a row of `/v2/trades`.
pub fn print(row: &Value) -> Option<(String, Nanos, Price)> {
    let token = text(row, "token_id", "asset");
    (!token.is_empty()).then_some(())?;
    Some((token.to_owned(), Nanos::from_secs(row["timestamp"].as_u64()?), price(row)?))
}

/// Returns the name that a row tells of its wallet.
pub fn name(row: &Value) -> &str {
    match text(row, "name", "name") {
        "" => text(row, "pseudonym", "pseudonym"),
        name => name,
    }
}

fn text<'a>(row: &'a Value, name: &str, before: &str) -> &'a str {
    row[name].as_str().or_else(|| row[before].as_str()).unwrap_or_default()
}

fn price(row: &Value) -> Option<Price> {
    Price::from_micros(u32::try_from(millionths(&row["price"])?).ok()?)
}

/// Returns a number, or a text, in millionths; more digits are cut.
fn millionths(value: &Value) -> Option<i64> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let number = text.parse::<Decimal>().or_else(|_| Decimal::from_scientific(&text)).ok()?;
    number.checked_mul(Decimal::from(ONE))?.trunc().to_i64()
}
