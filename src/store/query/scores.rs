//! Scores beside what became of the outcomes they were about.

use serde::Serialize;
use sqlx::{FromRow, types::Decimal};

use super::{Reader, results::Scope};

/// The most scores that are compared: the latest.
pub const SCORES_MAX: i64 = 100_000;

/// A score whose market paid, and what it paid a share.
#[derive(Clone, Debug, PartialEq, FromRow, Serialize)]
pub struct JudgedRow {
    pub signal_id: i64,
    pub prior: Decimal,
    pub additive: Decimal,
    pub bayesian: Decimal,
    pub model: Option<Decimal>,
    pub payout: Decimal,
}

const JUDGED: &str = "
    select c.signal_id, c.prior, c.additive, c.bayesian, c.model, t.payout
    from scores c join signals s on s.id = c.signal_id join tokens t on t.id = s.token_id
    where t.payout is not null and s.id = s.group_id and c.at >= $3
        and exists (select from decisions d join portfolios p on p.id = d.portfolio_id
            where d.signal_id = s.id and p.mode = $1 and ($2 = '' or p.strategy = $2))
    order by c.signal_id desc limit $4";

impl Reader {
    /// Returns the scores of a scope whose markets paid, latest first: of each group the first, so that a trade in many fills
    /// counts once.
    pub async fn scores_judged(&mut self, scope: &Scope) -> sqlx::Result<Vec<JudgedRow>> {
        sqlx::query_as(JUDGED)
            .bind(&scope.mode)
            .bind(&scope.strategy)
            .bind(scope.since)
            .bind(SCORES_MAX)
            .fetch_all(&mut *self.0)
            .await
    }
}
