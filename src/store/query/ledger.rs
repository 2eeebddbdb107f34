//! The skip ledger: how often which no was said, and what the copies that were not made would have earned.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};

use super::{Reader, results::Scope};

/// One reason's noes.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct NoRow {
    pub reason: String,
    /// `skipped` or `refused`.
    pub outcome: String,
    pub count: i64,
    /// Copies that were not made because of it: fills of one group are one copy, and a group that was ordered after all is
    /// none.
    pub copies: i64,
    /// How many of these would have ended by now,
    pub known: i64,
    /// what each dollar of them would have earned on average, net of fees,
    pub a_dollar: Option<Decimal>,
    /// and all of them, at their own size where it is known, else at the portfolio's usual one.
    pub would: Option<Decimal>,
}

const NOES: &str = "
    with ours as (select id from portfolios where mode = $1 and ($2 = '' or strategy = $2)),
    noes as (
        select d.signal_id, d.portfolio_id, d.reason, d.outcome, d.would, d.wanted, s.group_id, s.side
        from decisions d join signals s on s.id = d.signal_id
        where d.outcome in ('skipped', 'refused') and d.portfolio_id in (select id from ours) and d.at >= $3
    ), lasts as (
        select portfolio_id, group_id, max(signal_id) as signal_id from noes group by 1, 2
    ), ordered as (
        select d.portfolio_id, s.group_id from decisions d join signals s on s.id = d.signal_id
        where d.outcome in ('ordered', 'merged') and d.portfolio_id in (select id from ours) group by 1, 2
    ), judged as (
        select n.*, n.side = 'buy' and l.signal_id is not null and o.group_id is null as copy
        from noes n left join lasts l on l.portfolio_id = n.portfolio_id and l.signal_id = n.signal_id
        left join ordered o on o.portfolio_id = n.portfolio_id and o.group_id = n.group_id
    ), usual as (
        select portfolio_id, avg(budget) as budget from orders where side = 'buy' group by portfolio_id
    )
    select n.reason, n.outcome, count(*) as count, count(*) filter (where copy) as copies,
        count(n.would) filter (where copy) as known, round(avg(n.would) filter (where copy), 6) as a_dollar,
        round(sum(n.would * coalesce(n.wanted, u.budget)) filter (where copy), 6) as would
    from judged n left join usual u on u.portfolio_id = n.portfolio_id
    group by n.reason, n.outcome order by count(*) desc, n.reason";

impl Reader {
    /// Returns each reason's noes in a scope, the commonest first.
    pub async fn noes(&mut self, scope: &Scope) -> sqlx::Result<Vec<NoRow>> {
        sqlx::query_as(NOES).bind(&scope.mode).bind(&scope.strategy).bind(scope.since).fetch_all(&mut *self.0).await
    }
}
