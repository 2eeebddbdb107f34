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
    /// What a share pays, once its market ended.
    pub payout: Option<Decimal>,
    pub ours: Decimal,
    pub external: Decimal,
    pub theirs: Decimal,
    /// What is too much or too little, once it was told; zero: nothing.
    pub difference: Decimal,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
}

/// What one leader's copies hold of a token, in all live portfolios.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct ShareRow {
    pub token_id: i32,
    pub leader_id: i32,
    pub leader: String,
    pub wallet: String,
    pub shares: Decimal,
    /// Of them, those whose match did not settle yet.
    pub provisional: Decimal,
    pub cost: Decimal,
}

/// Where books and wallet parted; both the same: they agreed again.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct DifferenceRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// shares, cash, or open_orders.
    pub what: String,
    pub token_id: Option<i32>,
    pub token: String,
    pub title: String,
    pub token_outcome: String,
    pub ours: Decimal,
    pub theirs: Decimal,
    /// What the operator made of it: ignored, own; empty while nobody said.
    pub choice: String,
}

/// The most differences that are listed.
const DIFFERENCES_MAX: i64 = 50;

const SHARES: &str = "
    select p.token_id, p.leader_id, coalesce(l.name, '') as leader, coalesce(l.wallet, '') as wallet, sum(p.shares) as shares,
        sum(p.provisional) as provisional, sum(p.cost) as cost
    from positions p join portfolios o on o.id = p.portfolio_id and o.mode = 'live'
    left join leaders l on l.id = p.leader_id
    where p.shares > 0 group by 1, 2, 3, 4 order by 1, shares desc limit $1";

const DIFFERENCES: &str = "
    select d.seq, d.at, d.what, d.token_id, coalesce(t.token, '') as token, coalesce(t.title, '') as title,
        coalesce(t.outcome, '') as token_outcome, d.ours, d.theirs, d.choice
    from differences d left join tokens t on t.id = d.token_id
    order by d.seq desc limit $1";

const WALLET: &str = "
    select a.what, a.token_id, coalesce(t.token, '') as token, coalesce(t.title, '') as title,
        coalesce(t.outcome, '') as token_outcome, t.payout, a.ours, a.external, a.theirs, coalesce(d.gap, 0) as difference, a.at
    from account_positions a
    left join tokens t on a.what = 'shares' and t.id = a.token_id
    left join lateral (select case choice when 'own' then 0 else theirs - ours end as gap from differences
        where what = a.what and coalesce(token_id, 0) = a.token_id order by seq desc limit 1) d on true
    where a.what = 'cash' or a.ours <> 0 or a.theirs <> 0
    order by a.what, abs(coalesce(d.gap, 0)) desc, title, a.token_id limit $1";

impl Reader {
    /// Returns what the wallet holds: dollars first, then what differs, then the rest.
    pub async fn wallet(&mut self) -> sqlx::Result<Vec<WalletRow>> {
        sqlx::query_as(WALLET).bind(ROWS_MAX).fetch_all(&mut *self.0).await
    }

    /// Returns what each leader's copies hold of each token with real money, the most of it first.
    pub async fn wallet_shares(&mut self) -> sqlx::Result<Vec<ShareRow>> {
        sqlx::query_as(SHARES).bind(ROWS_MAX).fetch_all(&mut *self.0).await
    }

    /// Returns the newest differences, and those that are over.
    pub async fn differences(&mut self) -> sqlx::Result<Vec<DifferenceRow>> {
        sqlx::query_as(DIFFERENCES).bind(DIFFERENCES_MAX).fetch_all(&mut *self.0).await
    }
}
