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
    with noes as (
        select d.signal_id, d.portfolio_id, d.reason, d.outcome, d.would, d.wanted, s.side = 'buy'
            and row_number() over (partition by d.portfolio_id, s.group_id order by d.signal_id desc) = 1
            and not exists (select from signals g join decisions o on o.signal_id = g.id and o.portfolio_id = d.portfolio_id
                where g.group_id = s.group_id and o.outcome in ('ordered', 'merged')) as copy
        from decisions d join signals s on s.id = d.signal_id join portfolios p on p.id = d.portfolio_id
        where d.outcome in ('skipped', 'refused') and p.mode = $1 and ($2 = '' or p.strategy = $2) and d.at >= $3
    ), usual as (
        select portfolio_id, avg(budget) as budget from orders where side = 'buy' group by portfolio_id
    )
    select n.reason, n.outcome, count(*) as count, count(*) filter (where copy) as copies,
        count(n.would) filter (where copy) as known, round(avg(n.would) filter (where copy), 6) as a_dollar,
        round(sum(n.would * coalesce(n.wanted, u.budget)) filter (where copy), 6) as would
    from noes n left join usual u on u.portfolio_id = n.portfolio_id
    group by n.reason, n.outcome order by count(*) desc, n.reason";

impl Reader {
    /// Returns each reason's noes in a scope, the commonest first.
    pub async fn noes(&mut self, scope: &Scope) -> sqlx::Result<Vec<NoRow>> {
        sqlx::query_as(NOES).bind(&scope.mode).bind(&scope.strategy).bind(scope.since).fetch_all(&mut *self.0).await
    }
}
