//! One outcome token: its market, and what portfolios hold of it.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::OffsetDateTime;

use super::{Reader, trades::PARTS_MAX};

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct TokenRow {
    pub id: i32,
    pub token: String,
    pub condition_id: String,
    pub slug: String,
    pub title: String,
    pub outcome: String,
    pub tick: Option<Decimal>,
    pub minimum: Option<Decimal>,
    pub fee_rate: Option<Decimal>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub closes_at: Option<OffsetDateTime>,
    /// What a share pays, once its market ended.
    pub payout: Option<Decimal>,
}

/// What a portfolio's copies of one leader hold, or held.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct LotRow {
    pub portfolio_id: i32,
    pub leader_id: i32,
    pub leader: String,
    pub wallet: String,
    pub shares: Decimal,
    pub cost: Decimal,
    pub realised: Decimal,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

const TOKEN: &str = "select id, token, condition_id, slug, title, outcome, tick, minimum, fee_rate, closes_at, payout
    from tokens where id = $1";

const LOTS: &str = "
    select p.portfolio_id, p.leader_id, coalesce(l.name, '') as leader, coalesce(l.wallet, '') as wallet, p.shares, p.cost,
        p.realised, p.updated_at
    from positions p left join leaders l on l.id = p.leader_id
    where p.token_id = $1 order by p.shares desc, p.portfolio_id, p.leader_id limit $2";

impl Reader {
    pub async fn token(&mut self, id: i32) -> sqlx::Result<Option<TokenRow>> {
        sqlx::query_as(TOKEN).bind(id).fetch_optional(&mut *self.0).await
    }

    /// Returns what all portfolios hold and held of a token, the largest position first.
    pub async fn lots(&mut self, token: i32) -> sqlx::Result<Vec<LotRow>> {
        sqlx::query_as(LOTS).bind(token).bind(PARTS_MAX).fetch_all(&mut *self.0).await
    }
}
