//! What shadow would have done beside what paper did, strategy by strategy: what to look at before live is turned on.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};
use time::OffsetDateTime;

use super::{PORTFOLIOS_MAX, Reader};

#[derive(Clone, Debug, Default, PartialEq, FromRow, Serialize)]
pub struct RolloutRow {
    pub strategy: String,
    /// Orders that shadow would have sent, and what their entries would have cost at worst.
    pub shadow_orders: i64,
    pub shadow_usdc: Decimal,
    /// Paper's orders, those of them that were filled at least in part, and what their entries cost.
    pub paper_orders: i64,
    pub paper_filled: i64,
    pub paper_usdc: Decimal,
    /// Signals that both ordered for, and that only one did.
    pub signals_both: i64,
    pub signals_shadow: i64,
    pub signals_paper: i64,
    /// Signals that live said no to.
    pub shadow_noes: i64,
}

const ROLLOUT: &str = "
    with s as (select strategy, max(id) filter (where mode = 'live') as live, max(id) filter (where mode = 'paper') as paper
        from portfolios group by strategy having bool_or(mode = 'live')),
    o as (select s.strategy, o.portfolio_id = s.live as is_live, o.signal_id, o.side, o.reserved, o.cash, o.filled
        from orders o join s on o.portfolio_id in (s.live, s.paper)
        where o.submitted_at >= $1 and (o.portfolio_id = s.paper or o.state = 'shadow')),
    t as (select strategy, count(*) filter (where is_live) as shadow_orders,
            sum(reserved) filter (where is_live and side = 'buy') as shadow_usdc,
            count(*) filter (where not is_live) as paper_orders,
            count(*) filter (where not is_live and filled > 0) as paper_filled,
            sum(cash) filter (where not is_live and side = 'buy') as paper_usdc
        from o group by strategy),
    g as (select strategy, count(*) filter (where l and p) as both_of_them, count(*) filter (where l and not p) as only_live,
            count(*) filter (where p and not l) as only_paper
        from (select strategy, signal_id, bool_or(is_live) as l, bool_or(not is_live) as p
            from o where signal_id is not null group by strategy, signal_id) x group by strategy),
    n as (select s.strategy, count(*) as noes from decisions d join s on d.portfolio_id = s.live
        where d.at >= $1 and d.outcome in ('skipped', 'refused') group by s.strategy)
    select s.strategy, coalesce(t.shadow_orders, 0) as shadow_orders, coalesce(t.shadow_usdc, 0) as shadow_usdc,
        coalesce(t.paper_orders, 0) as paper_orders, coalesce(t.paper_filled, 0) as paper_filled,
        coalesce(t.paper_usdc, 0) as paper_usdc, coalesce(g.both_of_them, 0) as signals_both,
        coalesce(g.only_live, 0) as signals_shadow, coalesce(g.only_paper, 0) as signals_paper,
        coalesce(n.noes, 0) as shadow_noes
    from s left join t using (strategy) left join g using (strategy) left join n using (strategy)
    order by s.strategy limit $2";

impl Reader {
    /// Returns what was ordered since then by strategies that have a portfolio with real money.
    pub async fn rollout(&mut self, since: OffsetDateTime) -> sqlx::Result<Vec<RolloutRow>> {
        sqlx::query_as(ROLLOUT).bind(since).bind(PORTFOLIOS_MAX).fetch_all(&mut *self.0).await
    }
}
