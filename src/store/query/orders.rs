//! Orders and fills: one by one, and as lists of one mode, newest first, paged by key.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::{OffsetDateTime, macros::datetime};

use super::{Reader, trades::PARTS_MAX};

/// Before and after all that is traded.
pub const EVER: (OffsetDateTime, OffsetDateTime) = (OffsetDateTime::UNIX_EPOCH, datetime!(9999-12-31 00:00 UTC));

/// Which orders or fills to list; an empty text or a negative id leaves that part open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderFilter {
    /// `paper` or `live`.
    pub mode: String,
    pub portfolio: i32,
    pub leader: i32,
    pub token: i32,
    /// A part of the market's title, or the whole token id.
    pub market: String,
    pub side: String,
    /// Of orders: open, filled, unfilled, rejected, not_sent, or a state's code. Of fills: how they settled.
    pub state: String,
    /// Of fills: app (an order of ours), external (somebody else with the same wallet).
    pub origin: String,
    /// Of its time: from the first, before the second.
    pub time: (OffsetDateTime, OffsetDateTime),
}

impl OrderFilter {
    pub fn of(mode: &str) -> OrderFilter {
        OrderFilter {
            mode: mode.to_owned(),
            portfolio: -1,
            leader: -1,
            token: -1,
            market: String::new(),
            side: String::new(),
            state: String::new(),
            origin: String::new(),
            time: EVER,
        }
    }
}

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct OrderRow {
    pub id: i64,
    pub signal_id: Option<i64>,
    pub portfolio_id: i32,
    pub leader_id: i32,
    pub leader: String,
    pub wallet: String,
    pub token_id: i32,
    pub token: String,
    pub title: String,
    pub token_outcome: String,
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
    /// Its name at the venue; empty: never signed.
    pub venue_id: String,
}

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct FillRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub order_id: i64,
    pub shares: Decimal,
    pub cash: Decimal,
    pub fee: Decimal,
    pub basis: Decimal,
    pub realised: Decimal,
    /// `provisional`, `confirmed` or `void`.
    pub settlement: String,
    /// Of a match at the venue: which one.
    pub trade_key: String,
}

/// A fill, or a trade of our wallet that no order of ours explains.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct FilledRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    /// `app` or `external`.
    pub origin: String,
    /// Of an external one there is none of these.
    pub order_id: Option<i64>,
    pub signal_id: Option<i64>,
    pub portfolio_id: Option<i32>,
    pub leader_id: Option<i32>,
    pub leader: String,
    pub wallet: String,
    pub cause: String,
    pub realised: Option<Decimal>,
    pub token_id: i32,
    pub token: String,
    pub title: String,
    pub token_outcome: String,
    pub side: String,
    pub shares: Decimal,
    pub cash: Decimal,
    pub fee: Decimal,
    /// `provisional`, `confirmed` or `void`; of an external one empty.
    pub settlement: String,
    pub trade_key: String,
    pub venue_id: String,
}

macro_rules! orders_where {
    ($condition:literal) => {
        concat!(
            "select o.id, o.signal_id, o.portfolio_id, o.leader_id, coalesce(l.name, '') as leader,
                coalesce(l.wallet, '') as wallet, o.token_id, coalesce(t.token, '') as token, coalesce(t.title, '') as title,
                coalesce(t.outcome, '') as token_outcome, o.side, o.kind, o.cause, o.limit_price, o.shares, o.budget, o.reserved,
                o.touch, o.reference, o.state, o.submitted_at, o.accepted_at, o.closed_at, o.filled, o.cash, o.fee, o.attempt,
                o.venue_id
            from orders o
            left join leaders l on l.id = o.leader_id
            left join tokens t on t.id = o.token_id ",
            $condition
        )
    };
}

const ORDERS_OF_SIGNAL: &str = orders_where!("where o.signal_id = $1 order by o.id limit $2");
const ORDER: &str = orders_where!("where o.id = $1");
const ORDER_AT_VENUE: &str = orders_where!("where o.venue_id = $1 and o.venue_id <> '' limit 1");
const ORDERS: &str = orders_where!(
    "where o.portfolio_id in (select id from portfolios where mode = $1)
        and (o.submitted_at, o.id) < ($2, $3) and o.submitted_at >= $4 and o.submitted_at < $5
        and ($6 < 0 or o.portfolio_id = $6) and ($7 < 0 or o.leader_id = $7) and ($8 < 0 or o.token_id = $8)
        and ($9 = '' or o.token_id in (select id from tokens where token = $9 or strpos(lower(title), lower($9)) > 0))
        and ($10 = '' or o.side = $10)
        and ($11 = '' or case $11
            when 'open' then o.closed_at is null
            when 'filled' then o.filled > 0
            when 'unfilled' then o.closed_at is not null and o.filled = 0
            when 'rejected' then o.state like 'rejected%'
            when 'not_sent' then o.state like 'not_sent%'
            else o.state = $11 end)
    order by o.submitted_at desc, o.id desc limit $12"
);

const FILLS: &str = "
    with page as (
        (select f.seq, f.at, 'app' as origin, f.order_id, o.signal_id, f.portfolio_id, o.leader_id, o.cause, f.realised,
            o.token_id, o.side, f.shares, f.cash, f.fee, f.settlement, f.trade_key, o.venue_id
        from fills f join orders o on o.id = f.order_id
        where f.portfolio_id in (select id from portfolios where mode = $1) and f.seq < $2
            and f.at >= $3 and f.at < $4 and ($5 < 0 or f.portfolio_id = $5) and ($6 < 0 or o.leader_id = $6)
            and ($7 < 0 or o.token_id = $7)
            and ($8 = '' or o.token_id in (select id from tokens where token = $8 or strpos(lower(title), lower($8)) > 0))
            and ($9 = '' or o.side = $9) and ($10 = '' or f.settlement = $10) and $11 in ('', 'app')
        order by f.seq desc limit $12)
        union all
        (select e.seq, e.at, 'external', null, null, null, null, '', null, e.token_id, e.side, e.shares, e.cash, e.fee, '',
            e.trade_key, e.venue_id
        from external_trades e
        where $1 = 'live' and e.seq < $2 and e.at >= $3 and e.at < $4 and $5 < 0 and $6 < 0 and ($7 < 0 or e.token_id = $7)
            and ($8 = '' or e.token_id in (select id from tokens where token = $8 or strpos(lower(title), lower($8)) > 0))
            and ($9 = '' or e.side = $9) and $10 = '' and $11 in ('', 'external')
        order by e.seq desc limit $12)
    )
    select p.*, coalesce(l.name, '') as leader, coalesce(l.wallet, '') as wallet, coalesce(t.token, '') as token,
        coalesce(t.title, '') as title, coalesce(t.outcome, '') as token_outcome
    from page p
    left join leaders l on l.id = p.leader_id
    left join tokens t on t.id = p.token_id
    order by p.seq desc limit $12";

impl Reader {
    /// Returns up to `limit` orders below (submitted, id), newest first.
    pub async fn orders(
        &mut self,
        filter: &OrderFilter,
        below: (OffsetDateTime, i64),
        limit: i64,
    ) -> sqlx::Result<Vec<OrderRow>> {
        sqlx::query_as(ORDERS)
            .bind(&filter.mode)
            .bind(below.0)
            .bind(below.1)
            .bind(filter.time.0)
            .bind(filter.time.1)
            .bind(filter.portfolio)
            .bind(filter.leader)
            .bind(filter.token)
            .bind(&filter.market)
            .bind(&filter.side)
            .bind(&filter.state)
            .bind(limit)
            .fetch_all(&mut *self.0)
            .await
    }

    /// Returns up to `limit` fills below record `below`, newest first; of live ones also those that are not ours.
    pub async fn fills(&mut self, filter: &OrderFilter, below: i64, limit: i64) -> sqlx::Result<Vec<FilledRow>> {
        sqlx::query_as(FILLS)
            .bind(&filter.mode)
            .bind(below)
            .bind(filter.time.0)
            .bind(filter.time.1)
            .bind(filter.portfolio)
            .bind(filter.leader)
            .bind(filter.token)
            .bind(&filter.market)
            .bind(&filter.side)
            .bind(&filter.state)
            .bind(&filter.origin)
            .bind(limit)
            .fetch_all(&mut *self.0)
            .await
    }

    pub async fn orders_of(&mut self, signal: i64) -> sqlx::Result<Vec<OrderRow>> {
        sqlx::query_as(ORDERS_OF_SIGNAL).bind(signal).bind(PARTS_MAX).fetch_all(&mut *self.0).await
    }

    pub async fn order(&mut self, id: i64) -> sqlx::Result<Option<OrderRow>> {
        sqlx::query_as(ORDER).bind(id).fetch_optional(&mut *self.0).await
    }

    /// Returns the order that has this name at the venue.
    pub async fn order_at_venue(&mut self, venue_id: &str) -> sqlx::Result<Option<OrderRow>> {
        sqlx::query_as(ORDER_AT_VENUE).bind(venue_id).fetch_optional(&mut *self.0).await
    }

    /// Returns the newest order of a mode.
    pub async fn order_last(&mut self, mode: &str) -> sqlx::Result<Option<OrderRow>> {
        const LAST: &str = "select o.id from orders o join portfolios p on p.id = o.portfolio_id where p.mode = $1 \
            order by o.submitted_at desc, o.id desc limit 1";
        let last: Option<i64> = sqlx::query_scalar(LAST).bind(mode).fetch_optional(&mut *self.0).await?;
        match last {
            Some(id) => self.order(id).await,
            None => Ok(None),
        }
    }

    pub async fn fills_of(&mut self, orders: &[i64]) -> sqlx::Result<Vec<FillRow>> {
        sqlx::query_as(
            "select seq, at, order_id, shares, cash, fee, basis, realised, settlement, trade_key from fills
             where order_id = any($1) order by seq limit $2",
        )
        .bind(orders)
        .bind(PARTS_MAX)
        .fetch_all(&mut *self.0)
        .await
    }
}
