//! What a batch writes: a struct a table, a field a column. Rows travel as JSON and Postgres turns them into columns,
//! so a row is described once; amounts are decimals in text on the way, and exact.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::Serialize;
use time::OffsetDateTime;

use crate::domain::{Nanos, Numbers, Price, Shares, Unit, Usdc};

#[derive(Serialize)]
pub struct SessionRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub version: String,
    pub config_hash: String,
}

#[derive(Serialize)]
pub struct TokenRow {
    pub id: i32,
    pub token: String,
}

#[derive(Serialize)]
pub struct MarketRow {
    pub id: i32,
    pub condition_id: String,
    pub slug: String,
    pub title: String,
    pub outcome: String,
    pub tick: Decimal,
    pub minimum: Decimal,
    pub fee_rate: Decimal,
    pub neg_risk: bool,
    #[serde(with = "time::serde::rfc3339::option")]
    pub closes_at: Option<OffsetDateTime>,
}

#[derive(Serialize)]
pub struct PayoutRow {
    pub id: i32,
    pub payout: Decimal,
    /// The last signal before it paid.
    pub resolved_after: i64,
}

#[derive(Serialize)]
pub struct LeaderRow {
    pub id: i32,
    pub wallet: String,
    pub name: String,
}

#[derive(Serialize)]
pub struct PortfolioRow {
    pub id: i32,
    pub strategy: String,
    pub mode: &'static str,
}

/// By how much a portfolio's buckets change.
#[derive(Default, Serialize)]
pub struct BucketsRow {
    pub id: i32,
    pub deposits: Decimal,
    pub available: Decimal,
    pub reserved: Decimal,
    pub deployed: Decimal,
    pub cooling: Decimal,
    pub realised: Decimal,
    pub fees: Decimal,
}

#[derive(Serialize)]
pub struct SignalRow {
    pub id: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub traded_at: OffsetDateTime,
    pub group_id: i64,
    pub leader_id: i32,
    pub token_id: i32,
    pub side: &'static str,
    pub price: Decimal,
    pub shares: Decimal,
    pub group_price: Decimal,
    pub group_shares: Decimal,
    pub leader_held: Decimal,
    pub trade_key: String,
    pub how: &'static str,
}

/// A source told of a leader's trade.
#[derive(Serialize)]
pub struct SightingRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub seen_at: OffsetDateTime,
    pub trade_key: String,
    pub leader_id: i32,
    pub token_id: i32,
    pub source: &'static str,
    pub is_first: bool,
    /// The first one's, and how far behind it this is; `None`: it is not known any more.
    pub signal_id: Option<i64>,
    pub lag_us: Option<i64>,
}

#[derive(Serialize)]
pub struct GapRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub source: &'static str,
    pub cause: &'static str,
    #[serde(with = "time::serde::rfc3339")]
    pub began_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub ended_at: OffsetDateTime,
}

/// A probability or a feature is a part of 1.
#[derive(Serialize)]
pub struct ScoreRow {
    pub signal_id: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub leader_record: Decimal,
    pub book_imbalance: Decimal,
    pub momentum: Decimal,
    pub spread: Decimal,
    pub time_left: Decimal,
    pub market_prior: Decimal,
    pub prior: Decimal,
    pub additive: Decimal,
    pub bayesian: Decimal,
    pub model: Option<Decimal>,
    pub ask: Option<Decimal>,
}

#[derive(Serialize)]
pub struct DecisionRow {
    pub signal_id: i64,
    pub portfolio_id: i32,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub outcome: &'static str,
    pub reason: &'static str,
    pub unit: &'static str,
    pub limit_amount: Option<Decimal>,
    pub actual_amount: Option<Decimal>,
    pub order_id: Option<i64>,
    pub wanted: Option<Decimal>,
    pub merged_into: Option<i64>,
}

/// An order as it stands. Open ones are kept in memory, because later events name them by id alone.
#[derive(Clone, Serialize, sqlx::FromRow)]
pub struct OrderRow {
    pub id: i64,
    pub signal_id: Option<i64>,
    pub portfolio_id: i32,
    pub leader_id: i32,
    pub token_id: i32,
    pub side: String,
    pub kind: String,
    pub cause: String,
    pub limit_price: Decimal,
    pub shares: Decimal,
    pub budget: Decimal,
    pub reserved: Decimal,
    pub touch: Decimal,
    pub reference: Decimal,
    pub state: String,
    #[serde(with = "time::serde::rfc3339")]
    pub submitted_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub accepted_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub closed_at: Option<OffsetDateTime>,
    pub filled: Decimal,
    pub cash: Decimal,
    pub fee: Decimal,
    pub attempt: i16,
    pub venue_id: String,
}

impl OrderRow {
    /// Portfolio, leader and token of its position.
    pub fn position(&self) -> (i32, i32, i32) {
        (self.portfolio_id, self.leader_id, self.token_id)
    }
}

/// A fill, or a match as it stands.
#[derive(Clone, Serialize, sqlx::FromRow)]
pub struct FillRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub order_id: i64,
    pub portfolio_id: i32,
    pub shares: Decimal,
    pub cash: Decimal,
    pub fee: Decimal,
    pub basis: Decimal,
    pub realised: Decimal,
    pub trade_key: String,
    pub settlement: String,
    pub owed: Decimal,
}

#[derive(Serialize)]
pub struct ExternalRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub venue_id: String,
    pub trade_key: String,
    pub token_id: i32,
    pub side: &'static str,
    pub shares: Decimal,
    pub cash: Decimal,
    pub fee: Decimal,
    #[serde(with = "time::serde::rfc3339")]
    pub traded_at: OffsetDateTime,
}

#[derive(Serialize)]
pub struct DifferenceRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub what: &'static str,
    pub token_id: Option<i32>,
    pub ours: Decimal,
    pub theirs: Decimal,
    /// What the operator made of it; empty while nobody said.
    pub choice: &'static str,
}

#[derive(Serialize)]
pub struct AccountRow {
    pub what: &'static str,
    /// Of cash: 0.
    pub token_id: i32,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub ours: Decimal,
    pub external: Decimal,
    pub theirs: Decimal,
}

/// By how much a position changes.
#[derive(Serialize)]
pub struct PositionRow {
    pub portfolio_id: i32,
    pub leader_id: i32,
    pub token_id: i32,
    pub shares: Decimal,
    /// Of them, those that are not settled.
    pub provisional: Decimal,
    pub cost: Decimal,
    pub realised: Decimal,
    pub fees: Decimal,
    /// What must be sold of it, if that changed.
    pub exit_due: Option<Decimal>,
    pub exit_cause: Option<&'static str>,
    /// The first time that the batch touches it.
    #[serde(with = "time::serde::rfc3339")]
    pub touched_at: OffsetDateTime,
    /// When the first shares of it were bought, if it had none.
    #[serde(with = "time::serde::rfc3339::option")]
    pub opened_at: Option<OffsetDateTime>,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

#[derive(Serialize)]
pub struct SettlementRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub portfolio_id: i32,
    pub leader_id: i32,
    pub token_id: i32,
    pub shares: Decimal,
    pub basis: Decimal,
    pub proceeds: Decimal,
    /// `resolved`, or `written_off`.
    pub why: &'static str,
}

#[derive(Serialize)]
pub struct ValueRow {
    pub portfolio_id: i32,
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub available: Decimal,
    pub reserved: Decimal,
    pub deployed: Decimal,
    pub cooling: Decimal,
    pub realised: Decimal,
    pub unrealised: Decimal,
}

/// What may have ended the leader's own trade, and with it the copies that were not made: tokens that paid or that he left,
/// and signals that only now got a no.
#[derive(Default, Serialize)]
pub struct EndedRow {
    pub tokens: BTreeSet<i32>,
    pub signals: BTreeSet<i64>,
}

/// An operator's word. `by`, `of`, `from` and `to` are words of SQL, so their columns have other names.
#[derive(Serialize)]
pub struct AuditRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    #[serde(rename = "who")]
    pub by: String,
    pub what: String,
    #[serde(rename = "of_what")]
    pub of: String,
    #[serde(rename = "was")]
    pub from: String,
    #[serde(rename = "became")]
    pub to: String,
    pub ok: bool,
    pub said: String,
}

#[derive(Serialize)]
pub struct EventRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub kind: &'static str,
    pub body: crate::domain::Event,
}

/// Columns are numeric(20, 6): larger numbers, which nobody honest sends, are cut to this.
const AMOUNT_MAX: i128 = 99_999_999_999_999_999_999;

/// Returns `value` / 10^`scale`, which for millionths is 6.
fn decimal(value: i128, scale: u32) -> Decimal {
    let max = AMOUNT_MAX / 10_i128.pow(6 - scale);
    Decimal::from_i128_with_scale(value.clamp(-max, max), scale)
}

pub fn dollars(amount: Usdc) -> Decimal {
    decimal(amount.0.into(), 6)
}

pub fn shares(amount: Shares) -> Decimal {
    decimal(amount.0.into(), 6)
}

pub fn price(price: Price) -> Decimal {
    decimal(price.micros().into(), 6)
}

/// Returns parts per million, which may be below zero, as a part of 1.
pub fn part(ppm: i32) -> Decimal {
    decimal(ppm.into(), 6)
}

pub fn millionths(amount: u32) -> Decimal {
    decimal(amount.into(), 6)
}

/// Returns the unit's word, and the limit and the actual amount in it.
pub fn scaled(unit: Unit, numbers: Numbers) -> (&'static str, Option<Decimal>, Option<Decimal>) {
    let (word, scale) = match unit {
        Unit::None => return ("", None, None),
        Unit::Usdc => ("usdc", 6),
        Unit::Shares => ("shares", 6),
        Unit::Price => ("price", 6),
        Unit::Milliseconds => ("ms", 0),
        Unit::Ppm => ("ratio", 6),
        Unit::Count => ("count", 0),
    };
    (word, Some(decimal(numbers.limit.into(), scale)), Some(decimal(numbers.actual.into(), scale)))
}

/// Returns the moment in UTC, cut to the microseconds that Postgres keeps.
pub fn moment(at: Nanos) -> OffsetDateTime {
    let micros = i128::from(at.0 / 1_000);
    OffsetDateTime::from_unix_timestamp_nanos(micros * 1_000).expect("64 bits of nanoseconds end in 2554")
}

/// Returns the moment, `None` for one that never comes.
pub fn moment_if_ever(at: Nanos) -> Option<OffsetDateTime> {
    (at != Nanos::NEVER).then(|| moment(at))
}

/// Returns a stranger's text as Postgres can hold it: without NUL bytes.
pub fn text(text: &str) -> String {
    text.replace('\0', "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_scaled_by_their_unit() {
        let check = |unit, limit, expected: (&str, Option<&str>)| {
            let (word, amount, _) = scaled(unit, Numbers { limit, actual: 0 });
            assert_eq!((word, amount.map(|amount| amount.to_string()).as_deref()), expected);
        };
        check(Unit::None, 5, ("", None));
        check(Unit::Usdc, 1_500_000, ("usdc", Some("1.500000")));
        check(Unit::Shares, -1, ("shares", Some("-0.000001")));
        check(Unit::Price, 520_000, ("price", Some("0.520000")));
        check(Unit::Milliseconds, 2_000, ("ms", Some("2000")));
        check(Unit::Ppm, 20_000, ("ratio", Some("0.020000")));
        check(Unit::Count, i64::MAX, ("count", Some("99999999999999")));
        check(Unit::Usdc, i64::MIN, ("usdc", Some("-9223372036854.775808")));
    }

    #[test]
    fn moments_are_cut_to_microseconds() {
        assert_eq!(moment(Nanos(1_999)), moment(Nanos(1_000)));
        assert_eq!(moment_if_ever(Nanos::NEVER), None);
        assert_eq!(moment_if_ever(Nanos(u64::MAX - 1)).expect("a moment").year(), 2554);
    }
}
