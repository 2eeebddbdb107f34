//! What a day brought so far, in one mode.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::OffsetDateTime;

use super::Reader;

#[derive(Clone, Debug, Default, PartialEq, FromRow, Serialize)]
pub struct TodayRow {
    /// Decisions: copied (alone or with others), the strategy's noes, and risk's.
    pub ordered: i64,
    pub skipped: i64,
    pub refused: i64,
    pub orders: i64,
    pub fills: i64,
    /// What entries cost and exits brought, before fees.
    pub bought: Decimal,
    pub sold: Decimal,
    /// Net of fees, of what settled; markets that ended included.
    pub realised: Decimal,
}

const TODAY: &str = "
    with ours as (select id from portfolios where mode = $1),
    ends as (
        select count(*) filter (where outcome in ('ordered', 'merged')) as ordered, count(*) filter (where outcome = 'skipped') as skipped,
            count(*) filter (where outcome = 'refused') as refused
        from decisions where portfolio_id in (select id from ours) and at >= $2
    ), placed as (
        select count(*) as orders from orders where portfolio_id in (select id from ours) and submitted_at >= $2
    ), got as (
        select count(*) as fills, coalesce(sum(f.cash) filter (where o.side = 'buy'), 0) as bought,
            coalesce(sum(f.cash) filter (where o.side = 'sell'), 0) as sold,
            coalesce(sum(f.realised) filter (where f.settlement = 'confirmed'), 0) as realised
        from fills f join orders o on o.id = f.order_id
        where f.portfolio_id in (select id from ours) and f.at >= $2 and f.settlement <> 'void'
    ), paid as (
        select coalesce(sum(proceeds - basis), 0) as settled from settlements where portfolio_id in (select id from ours) and at >= $2
    )
    select ordered, skipped, refused, orders, fills, bought, sold, realised + settled as realised from ends, placed, got, paid";

impl Reader {
    /// Returns what happened in a mode since `midnight`.
    pub async fn today(&mut self, mode: &str, midnight: OffsetDateTime) -> sqlx::Result<TodayRow> {
        sqlx::query_as(TODAY).bind(mode).bind(midnight).fetch_one(&mut *self.0).await
    }
}
