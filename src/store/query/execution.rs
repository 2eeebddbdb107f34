//! How well signals became trades: time by stage, share ordered and filled, slippage, noes and pace over time; of one mode.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::OffsetDateTime;

use super::{Reader, Scope};

/// The most points of a chart over time.
pub const SLOTS_MAX: i64 = 500;
/// The most reasons that are listed.
pub const REASONS_MAX: i64 = 100;
/// Bounds of how much worse than a reference our fills were, in basis points. Counts have one more: above all of them.
pub const SLIPPAGE_BPS: [i32; 11] = [-200, -100, -50, -25, 0, 25, 50, 100, 200, 500, 1_000];

/// How signals ended and what orders got, all together.
#[derive(Clone, Debug, Default, PartialEq, FromRow, Serialize)]
pub struct Quality {
    /// Decisions that are over or waited for; of them orders (alone or with others), skips and refusals.
    pub decisions: i64,
    pub ordered: i64,
    pub skipped: i64,
    pub refused: i64,
    /// Orders; of them those with fills, filled in whole, ended without any, rejected by the venue, and not sent.
    pub orders: i64,
    pub filled: i64,
    pub filled_whole: i64,
    pub unfilled: i64,
    pub rejected: i64,
    pub not_sent: i64,
    /// Of what was wanted of entries in dollars, and of exits in shares, how much was filled: a part of 1.
    pub fill_rate_buy: Option<Decimal>,
    pub fill_rate_sell: Option<Decimal>,
    /// How much worse than the leader's price fills were, in basis points; negative is better.
    pub slippage_p50: Option<Decimal>,
    pub slippage_p90: Option<Decimal>,
    pub slippage_p99: Option<Decimal>,
}

/// How long one stage took. Times in microseconds.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct StageRow {
    pub stage: String,
    pub count: i64,
    pub p50_us: i64,
    pub p95_us: i64,
    pub p99_us: i64,
    pub max_us: i64,
}

/// What happened within one slot of time.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct SlotRow {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub orders: i64,
    pub filled: i64,
    /// Volume-weighted, in basis points, against the leader's price.
    pub slippage_bps: Option<Decimal>,
    pub noes: i64,
    /// From the leader's trade to our order.
    pub behind_us: Option<i64>,
}

/// How often a reason was said.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct ReasonRow {
    /// skipped, refused, rejected, not_sent, or ended (as this state).
    pub what: String,
    pub reason: String,
    pub count: i64,
    /// Of them those of the last while.
    pub lately: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub last_at: OffsetDateTime,
}

const QUALITY: &str = "
    with ours as (select id from portfolios where mode = $1 and ($2 = '' or strategy = $2)),
    ends as (
        select count(*) as decisions, count(*) filter (where outcome in ('ordered', 'merged')) as ordered,
            count(*) filter (where outcome = 'skipped') as skipped, count(*) filter (where outcome = 'refused') as refused
        from decisions where portfolio_id in (select id from ours) and at >= $3
    ), placed as (
        select o.*, case when filled > 0 and reference > 0 then
                (case side when 'sell' then reference - cash / filled else cash / filled - reference end) / reference * 10000 end as bps
        from orders o where portfolio_id in (select id from ours) and submitted_at >= $3
    ), got as (
        select count(*) as orders, count(*) filter (where filled > 0) as filled, count(*) filter (where state = 'filled') as filled_whole,
            count(*) filter (where filled = 0 and closed_at is not null) as unfilled,
            count(*) filter (where state like 'rejected%') as rejected, count(*) filter (where state like 'not_sent%') as not_sent,
            round(sum(least(cash, budget)) filter (where side = 'buy' and closed_at is not null)
                / nullif(sum(budget) filter (where side = 'buy' and closed_at is not null), 0), 6) as fill_rate_buy,
            round(sum(filled) filter (where side = 'sell' and closed_at is not null)
                / nullif(sum(shares) filter (where side = 'sell' and closed_at is not null), 0), 6) as fill_rate_sell,
            round((percentile_disc(0.5) within group (order by bps))::numeric, 2) as slippage_p50,
            round((percentile_disc(0.9) within group (order by bps))::numeric, 2) as slippage_p90,
            round((percentile_disc(0.99) within group (order by bps))::numeric, 2) as slippage_p99
        from placed
    )
    select * from ends, got";

const STAGES: &str = "
    with ours as (select id from portfolios where mode = $1 and ($2 = '' or strategy = $2)),
    placed as (
        select o.*, s.at as taken_in, s.traded_at, s.how from orders o left join signals s on s.id = o.signal_id
        where o.portfolio_id in (select id from ours) and o.submitted_at >= $3
    ), first_fills as (
        select order_id, min(at) as at from fills where portfolio_id in (select id from ours) and at >= $3 group by order_id
    ), took as (
        select v.place, v.stage, (date_part('epoch', v.ended - v.began) * 1000000)::bigint as us
        from placed p left join first_fills f on f.order_id = p.id
        cross join lateral (values
            (1, 'seen', case when p.how = 'traded' then p.traded_at end, p.taken_in),
            (2, 'ordered', p.taken_in, p.submitted_at),
            (3, 'accepted', p.submitted_at, p.accepted_at),
            (4, 'filled', p.submitted_at, f.at),
            (5, 'ended', p.submitted_at, p.closed_at),
            (6, 'behind_leader', case when p.how = 'traded' then p.traded_at end, p.submitted_at)) v (place, stage, began, ended)
        where v.began is not null and v.ended is not null
    )
    select stage, count(*) as count, percentile_disc(0.5) within group (order by us) as p50_us,
        percentile_disc(0.95) within group (order by us) as p95_us, percentile_disc(0.99) within group (order by us) as p99_us,
        max(us) as max_us
    from took group by place, stage order by place";

const SLIPPAGE: &str = "
    select width_bucket((case side when 'sell' then reference - cash / filled else cash / filled - reference end) / reference * 10000,
        $4::numeric[]) as place, count(*)
    from orders where portfolio_id in (select id from portfolios where mode = $1 and ($2 = '' or strategy = $2))
        and submitted_at >= $3 and filled > 0 and reference > 0
    group by 1";

// Slots are whole parts of the time since 1970, so that they stay where they are.
const SLOTS: &str = "
    with ours as (select id from portfolios where mode = $1 and ($2 = '' or strategy = $2)),
    placed as (
        select date_bin(make_interval(secs => $4::float8), o.submitted_at, 'epoch'::timestamptz) as slot, count(*) as orders, count(*) filter (where o.filled > 0) as filled,
            round(sum((case o.side when 'sell' then o.reference * o.filled - o.cash else o.cash - o.reference * o.filled end))
                / nullif(sum(o.reference * o.filled), 0) * 10000, 2) as slippage_bps,
            (percentile_disc(0.5) within group (order by case when s.how = 'traded' then o.submitted_at - s.traded_at end)) as behind
        from orders o left join signals s on s.id = o.signal_id
        where o.portfolio_id in (select id from ours) and o.submitted_at >= $3 group by 1
    ), noes as (
        select date_bin(make_interval(secs => $4::float8), at, 'epoch'::timestamptz) as slot, count(*) as noes from decisions
        where portfolio_id in (select id from ours) and at >= $3 and outcome in ('skipped', 'refused') group by 1
    )
    select coalesce(p.slot, n.slot) as at, coalesce(p.orders, 0) as orders, coalesce(p.filled, 0) as filled,
        p.slippage_bps, coalesce(n.noes, 0) as noes, (date_part('epoch', p.behind) * 1000000)::bigint as behind_us
    from placed p full join noes n on n.slot = p.slot
    order by 1 desc limit $5";

const REASONS: &str = "
    with ours as (select id from portfolios where mode = $1 and ($2 = '' or strategy = $2))
    select what, reason, count(*) as count, count(*) filter (where at >= $4) as lately, max(at) as last_at
    from (
        select outcome as what, reason, at from decisions
        where portfolio_id in (select id from ours) and at >= $3 and outcome in ('skipped', 'refused')
        union all
        select case when state like 'rejected%' then 'rejected' when state like 'not_sent%' then 'not_sent' else 'ended' end, state, closed_at
        from orders where portfolio_id in (select id from ours) and submitted_at >= $3 and closed_at is not null
            and (state like 'rejected%' or state like 'not_sent%' or state in ('expired', 'absent') or (state = 'cancelled' and filled = 0))
    ) said
    group by 1, 2 order by 3 desc, 1, 2 limit $5";

impl Reader {
    /// Returns how signals ended and what orders got, in a scope.
    pub async fn quality(&mut self, scope: &Scope) -> sqlx::Result<Quality> {
        sqlx::query_as(QUALITY).bind(&scope.mode).bind(&scope.strategy).bind(scope.since).fetch_one(&mut *self.0).await
    }

    /// Returns how long each stage took for the orders of a scope, in the order of the stages.
    pub async fn stages(&mut self, scope: &Scope) -> sqlx::Result<Vec<StageRow>> {
        sqlx::query_as(STAGES).bind(&scope.mode).bind(&scope.strategy).bind(scope.since).fetch_all(&mut *self.0).await
    }

    /// Returns how many orders fell under each of [`SLIPPAGE_BPS`], and above all of them.
    pub async fn slippage(&mut self, scope: &Scope) -> sqlx::Result<Vec<i64>> {
        let rows: Vec<(i32, i64)> = sqlx::query_as(SLIPPAGE)
            .bind(&scope.mode)
            .bind(&scope.strategy)
            .bind(scope.since)
            .bind(SLIPPAGE_BPS.map(Decimal::from))
            .fetch_all(&mut *self.0)
            .await?;
        let mut counts = vec![0; SLIPPAGE_BPS.len() + 1];
        rows.into_iter().for_each(|(place, count)| counts[place as usize] = count);
        Ok(counts)
    }

    /// Returns the newest [`SLOTS_MAX`] slots of `seconds` in which anything happened, oldest first.
    pub async fn slots(&mut self, scope: &Scope, seconds: i64) -> sqlx::Result<Vec<SlotRow>> {
        let mut rows: Vec<SlotRow> = sqlx::query_as(SLOTS)
            .bind(&scope.mode)
            .bind(&scope.strategy)
            .bind(scope.since)
            .bind(seconds)
            .bind(SLOTS_MAX)
            .fetch_all(&mut *self.0)
            .await?;
        rows.reverse();
        Ok(rows)
    }

    /// Returns what stopped signals and orders in a scope, the most frequent first; and how many since `lately`.
    pub async fn reasons(&mut self, scope: &Scope, lately: OffsetDateTime) -> sqlx::Result<Vec<ReasonRow>> {
        sqlx::query_as(REASONS)
            .bind(&scope.mode)
            .bind(&scope.strategy)
            .bind(scope.since)
            .bind(lately)
            .bind(REASONS_MAX)
            .fetch_all(&mut *self.0)
            .await
    }
}
