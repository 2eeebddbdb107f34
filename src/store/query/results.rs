//! What trading earned, by whom, where, when and why; of one mode of portfolios.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::OffsetDateTime;

use super::Reader;

/// The most lines of one breakdown.
pub const RESULTS_MAX: i64 = 500;

/// What results are broken down by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum By {
    Strategy,
    Leader,
    Market,
    /// UTC.
    Day,
    /// Why we ordered; `resolved`: the market ended.
    Cause,
}

impl By {
    pub const ALL: [By; 5] = [By::Strategy, By::Leader, By::Market, By::Day, By::Cause];

    pub const fn code(self) -> &'static str {
        match self {
            By::Strategy => "strategy",
            By::Leader => "leader",
            By::Market => "market",
            By::Day => "day",
            By::Cause => "cause",
        }
    }
}

/// Whose results, and since when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scope {
    /// `paper` or `live`: the two are never added up.
    pub mode: String,
    /// Empty: all.
    pub strategy: String,
    pub since: OffsetDateTime,
}

/// One line. A sale or a market's end is an end; an entry has none, and its result is its fee.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct EarnedRow {
    /// The leader's, market's or strategy's name, the day, or the cause's code.
    pub name: String,
    /// The leader's wallet or the market's condition id; else empty.
    pub id: String,
    pub ends: i64,
    /// Ends that earned something.
    pub won: i64,
    /// What was bought, and what it was sold or settled for, before fees.
    pub bought: Decimal,
    pub returned: Decimal,
    /// Net of `fees`.
    pub realised: Decimal,
    pub fees: Decimal,
}

const EARNED: &str = "
    with earned as (
        select o.portfolio_id, o.leader_id, o.token_id, (f.at at time zone 'UTC')::date as day, o.cause, o.id as what,
            o.side = 'sell' as ends, sum(f.realised) as realised, sum(f.fee) as fee, sum(f.cash) as cash
        from fills f join orders o on o.id = f.order_id where f.at >= $3 and f.settlement = 'confirmed'
        group by o.id, day
        union all
        select portfolio_id, leader_id, token_id, (at at time zone 'UTC')::date, why, seq, true, proceeds - basis, 0, proceeds
        from settlements where at >= $3
    ), named as (
        select e.*, p.strategy, coalesce(l.name, '') as leader, coalesce(l.wallet, '') as wallet,
            coalesce(nullif(t.condition_id, ''), t.token, '') as market, coalesce(t.title, '') as title
        from earned e join portfolios p on p.id = e.portfolio_id
        left join leaders l on l.id = e.leader_id
        left join tokens t on t.id = e.token_id
        where p.mode = $1 and ($2 = '' or p.strategy = $2)
    ), keyed as (
        select *, case $4 when 'strategy' then strategy when 'leader' then wallet when 'market' then market
                when 'day' then to_char(day, 'YYYY-MM-DD') else cause end as key,
            case $4 when 'leader' then leader when 'market' then title else '' end as label
        from named
    )
    select coalesce(nullif(max(label), ''), key) as name, case when $4 in ('leader', 'market') then key else '' end as id,
        count(*) filter (where ends) as ends, count(*) filter (where ends and realised > 0) as won,
        coalesce(sum(cash) filter (where not ends), 0) as bought, coalesce(sum(cash) filter (where ends), 0) as returned,
        sum(realised) as realised, sum(fee) as fees
    from keyed group by key
    order by case when $4 = 'day' then key end, sum(realised) desc, key limit $5";

impl Reader {
    /// Returns the results of a scope: days in their order, all else best first. The lines of each breakdown add up to the
    /// same.
    pub async fn results(&mut self, scope: &Scope, by: By) -> sqlx::Result<Vec<EarnedRow>> {
        sqlx::query_as(EARNED)
            .bind(&scope.mode)
            .bind(&scope.strategy)
            .bind(scope.since)
            .bind(by.code())
            .bind(RESULTS_MAX)
            .fetch_all(&mut *self.0)
            .await
    }
}
