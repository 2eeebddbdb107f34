//! The real portfolio: what the wallet holds, beside what our books say.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::OffsetDateTime;

use super::Reader;

/// The most things of a wallet that are shown.
const ROWS_MAX: i64 = 1_000;

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct WalletRow {
    /// `cash` or `shares`.
    pub what: String,
    pub token_id: i32,
    pub token: String,
    pub title: String,
    pub token_outcome: String,
    pub ours: Decimal,
    pub external: Decimal,
    pub theirs: Decimal,
    /// What is too much or too little, once it was told; zero: nothing.
    pub difference: Decimal,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

const WALLET: &str = "
    select a.what, a.token_id, coalesce(t.token, '') as token, coalesce(t.title, '') as title,
        coalesce(t.outcome, '') as token_outcome, a.ours, a.external, a.theirs, coalesce(d.gap, 0) as difference, a.at
    from account_positions a
    left join tokens t on a.what = 'shares' and t.id = a.token_id
    left join lateral (select theirs - ours as gap from differences
        where what = a.what and coalesce(token_id, 0) = a.token_id order by seq desc limit 1) d on true
    where a.what = 'cash' or a.ours <> 0 or a.theirs <> 0
    order by a.what, abs(coalesce(d.gap, 0)) desc, title, a.token_id limit $1";

impl Reader {
    /// Returns what the wallet holds: dollars first, then what differs, then the rest.
    pub async fn wallet(&mut self) -> sqlx::Result<Vec<WalletRow>> {
        sqlx::query_as(WALLET).bind(ROWS_MAX).fetch_all(&mut *self.0).await
    }
}
