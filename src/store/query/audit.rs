//! What operators said, and what was answered.

use serde::Serialize;
use sqlx::FromRow;
use time::OffsetDateTime;

use super::Reader;

#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct AuditRow {
    /// Its record in the journal; `before` for the next page.
    pub seq: i64,
    #[serde(with = "time::serde::rfc3339")]
    pub at: OffsetDateTime,
    pub who: String,
    pub what: String,
    pub of_what: String,
    pub was: String,
    pub became: String,
    pub ok: bool,
    pub said: String,
}

impl Reader {
    /// Returns the newest words before a record, newest first.
    pub async fn audit(&mut self, before: i64, limit: i64) -> sqlx::Result<Vec<AuditRow>> {
        sqlx::query_as(
            "select seq, at, who, what, of_what, was, became, ok, said from audit where seq < $1 order by seq desc limit $2",
        )
        .bind(before)
        .bind(limit)
        .fetch_all(&mut *self.0)
        .await
    }
}
