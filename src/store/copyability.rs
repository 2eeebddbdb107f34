//! What was said last of each wallet that somebody scored. It is no projection: the journal does not know of it.

use serde::Serialize;
use sqlx::{FromRow, PgPool};
use time::OffsetDateTime;

/// What a copy would have earned, under what was assumed.
#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct LeaderScore {
    pub wallet: String,
    #[serde(with = "time::serde::rfc3339")]
    pub scored_at: OffsetDateTime,
    pub days: i32,
    pub delay_ms: i64,
    pub ended: i32,
    pub return_ppm: Option<i64>,
    pub his_return_ppm: Option<i64>,
    /// Codes, with spaces between.
    pub warnings: String,
}

/// Keeps a score in the place of the one before.
pub async fn keep(pool: &PgPool, score: &LeaderScore) -> sqlx::Result<()> {
    const KEEP: &str = "insert into leader_scores (wallet, scored_at, days, delay_ms, ended, return_ppm, his_return_ppm, warnings) \
        values ($1, $2, $3, $4, $5, $6, $7, $8) on conflict (wallet) do update set scored_at = excluded.scored_at, \
        days = excluded.days, delay_ms = excluded.delay_ms, ended = excluded.ended, return_ppm = excluded.return_ppm, \
        his_return_ppm = excluded.his_return_ppm, warnings = excluded.warnings";
    sqlx::query(KEEP)
        .bind(&score.wallet)
        .bind(score.scored_at)
        .bind(score.days)
        .bind(score.delay_ms)
        .bind(score.ended)
        .bind(score.return_ppm)
        .bind(score.his_return_ppm)
        .bind(&score.warnings)
        .execute(pool)
        .await
        .map(|_| ())
}
