//! What portfolios hold, are worth, and earned.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::OffsetDateTime;

use super::Reader;

/// The most positions of one portfolio that a page shows.
pub const POSITIONS_MAX: i64 = 500;
/// The most ended positions and settlements that a page shows.
pub const ENDED_MAX: i64 = 100;
/// The most points of an equity curve.
pub const POINTS_MAX: i64 = 1_000;

/// What a portfolio had earned before a moment.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct BaselineRow {
    pub portfolio_id: i32,
    /// Realised and unrealised; zero before the first valuation.
    pub earned: Decimal,
}

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct EquityPoint {
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub equity: Decimal,
    /// Realised and unrealised together: equity without deposits.
    pub earned: Decimal,
    /// The most it fell below its highest `earned` in the range, within this point's interval; never negative.
    pub drawdown: Decimal,
}

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct PositionRow {
    pub leader_id: i32,
    pub leader: String,
    pub wallet: String,
    pub token_id: i32,
    pub token: String,
    pub title: String,
    pub token_outcome: String,
    pub payout: Option<Decimal>,
    #[serde(with = "time::serde::rfc3339::option")]
    pub closes_at: Option<OffsetDateTime>,
    pub shares: Decimal,
    pub cost: Decimal,
    pub realised: Decimal,
    pub fees: Decimal,
    pub exit_due: Decimal,
    pub exit_cause: String,
    #[serde(with = "time::serde::rfc3339")]
    pub opened_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339")]
    pub updated_at: OffsetDateTime,
}

#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct SettlementRow {
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub leader_id: i32,
    pub leader: String,
    pub wallet: String,
    pub token_id: i32,
    pub token: String,
    pub title: String,
    pub token_outcome: String,
    pub shares: Decimal,
    pub basis: Decimal,
    pub proceeds: Decimal,
    /// `resolved`, or `written_off`.
    pub why: String,
}

/// What came of one leader, or of one cause.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct ResultRow {
    /// The leader's name, or the cause's code (`resolved`: the market ended).
    pub name: String,
    /// The leader's; empty for a cause.
    pub wallet: String,
    pub count: i64,
    /// Net of `fees`.
    pub realised: Decimal,
    pub fees: Decimal,
}

const POSITIONS: &str = "
    select p.leader_id, coalesce(l.name, '') as leader, coalesce(l.wallet, '') as wallet, p.token_id, coalesce(t.token, '') as token,
        coalesce(t.title, '') as title, coalesce(t.outcome, '') as token_outcome, t.payout, t.closes_at, p.shares,
        p.cost, p.realised, p.fees, least(p.exit_due, p.shares) as exit_due, p.exit_cause, p.opened_at, p.updated_at
    from positions p
    left join leaders l on l.id = p.leader_id
    left join tokens t on t.id = p.token_id
    where p.portfolio_id = $1 and (p.shares > 0) = $2
    order by p.updated_at desc, p.token_id, p.leader_id limit $3";

const CURVE: &str = "
    with valued as (
        select at, seq, available + reserved + deployed + cooling + unrealised as equity, realised + unrealised as earned,
            floor(date_part('epoch', at - $2) / greatest(date_part('epoch', $3 - $2) / $4, 1)) as part
        from portfolio_values where portfolio_id = $1 and at >= $2
    ), fallen as (
        select seq, part, max(earned) over (order by seq rows unbounded preceding) - earned as below from valued
    ), parts as (
        select part, max(seq) as seq, max(below) as drawdown from fallen group by part
    )
    select v.at, v.equity, v.earned, p.drawdown from parts p join valued v on v.seq = p.seq order by p.seq limit $4 + 1";

const RESULTS_BY_LEADER: &str = "
    select coalesce(max(l.name), '') as name, coalesce(max(l.wallet), '') as wallet, sum(r.orders)::bigint as count,
        sum(r.realised) as realised, sum(r.fees) as fees
    from (
        select o.leader_id, count(distinct o.id) as orders, sum(f.realised) as realised, sum(f.fee) as fees
        from fills f join orders o on o.id = f.order_id where f.portfolio_id = $1 and f.settlement = 'confirmed'
        group by o.leader_id
        union all
        select leader_id, count(*), sum(proceeds - basis), 0 from settlements
        where portfolio_id = $1 group by leader_id
    ) r left join leaders l on l.id = r.leader_id
    group by r.leader_id order by realised desc, r.leader_id limit $2";

const RESULTS_BY_CAUSE: &str = "
    select o.cause as name, '' as wallet, count(distinct o.id) as count, sum(f.realised) as realised, sum(f.fee) as fees
    from fills f join orders o on o.id = f.order_id where f.portfolio_id = $1 and f.settlement = 'confirmed' group by o.cause
    union all
    select why, '', count(*), sum(proceeds - basis), 0 from settlements where portfolio_id = $1 group by why
    order by name limit $2";

impl Reader {
    /// Returns what each portfolio had earned at its last valuation before `before`.
    pub async fn baselines(&mut self, before: OffsetDateTime) -> sqlx::Result<Vec<BaselineRow>> {
        sqlx::query_as(
            "select p.id as portfolio_id, coalesce(v.earned, 0) as earned
             from portfolios p
             left join lateral (select realised + unrealised as earned from portfolio_values v
                 where v.portfolio_id = p.id and v.at < $1 order by v.at desc, v.seq desc limit 1) v on true
             order by p.id limit $2",
        )
        .bind(before)
        .bind(super::PORTFOLIOS_MAX)
        .fetch_all(&mut *self.0)
        .await
    }

    /// Returns the portfolio's worth over `from..to` in at most [`POINTS_MAX`] + 1 points of equal intervals.
    pub async fn curve(
        &mut self,
        portfolio: i32,
        from: OffsetDateTime,
        to: OffsetDateTime,
    ) -> sqlx::Result<Vec<EquityPoint>> {
        sqlx::query_as(CURVE).bind(portfolio).bind(from).bind(to).bind(POINTS_MAX).fetch_all(&mut *self.0).await
    }

    /// Returns when the portfolio was first valued.
    pub async fn valued_first(&mut self, portfolio: i32) -> sqlx::Result<Option<OffsetDateTime>> {
        sqlx::query_scalar("select min(at) from portfolio_values where portfolio_id = $1")
            .bind(portfolio)
            .fetch_one(&mut *self.0)
            .await
    }

    pub async fn positions_open(&mut self, portfolio: i32) -> sqlx::Result<Vec<PositionRow>> {
        sqlx::query_as(POSITIONS).bind(portfolio).bind(true).bind(POSITIONS_MAX).fetch_all(&mut *self.0).await
    }

    pub async fn positions_ended(&mut self, portfolio: i32) -> sqlx::Result<Vec<PositionRow>> {
        sqlx::query_as(POSITIONS).bind(portfolio).bind(false).bind(ENDED_MAX).fetch_all(&mut *self.0).await
    }

    pub async fn settlements(&mut self, portfolio: i32) -> sqlx::Result<Vec<SettlementRow>> {
        sqlx::query_as(
            "select s.seq, s.at, s.leader_id, coalesce(l.name, '') as leader, coalesce(l.wallet, '') as wallet, s.token_id,
                 coalesce(t.token, '') as token, coalesce(t.title, '') as title, coalesce(t.outcome, '') as token_outcome, s.shares, s.basis, s.proceeds, s.why
             from settlements s
             left join leaders l on l.id = s.leader_id
             left join tokens t on t.id = s.token_id
             where s.portfolio_id = $1 order by s.seq desc limit $2",
        )
        .bind(portfolio)
        .bind(ENDED_MAX)
        .fetch_all(&mut *self.0)
        .await
    }

    /// Returns realised results by leader, best first. All rows together are the portfolio's realised result.
    pub async fn results_by_leader(&mut self, portfolio: i32) -> sqlx::Result<Vec<ResultRow>> {
        sqlx::query_as(RESULTS_BY_LEADER).bind(portfolio).bind(super::LEADERS_MAX).fetch_all(&mut *self.0).await
    }

    /// Returns realised results by what made us order: an entry's is its fees, an exit's is what it earned.
    pub async fn results_by_cause(&mut self, portfolio: i32) -> sqlx::Result<Vec<ResultRow>> {
        sqlx::query_as(RESULTS_BY_CAUSE).bind(portfolio).bind(POSITIONS_MAX).fetch_all(&mut *self.0).await
    }
}
