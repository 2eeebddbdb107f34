//! What was told to people: written by the alerter when Postgres is there, kept by it meanwhile. Nothing waits for it.

use std::time::Duration;

use sqlx::PgPool;

use crate::{
    alert::{
        AlertsNow, Rule,
        board::{Note, Phase},
    },
    domain::{Nanos, TokenId},
};

use super::rows::{moment, text};

const TIMEOUT: Duration = Duration::from_secs(4);
/// The most names of tokens that are read.
const TOKENS_MAX: i64 = 20_000;

/// A thing that was told, as it is now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldRow {
    pub id: u64,
    pub rule: Rule,
    pub subject: String,
    pub text: String,
    pub raised_at: Nanos,
    pub passed_at: Option<Nanos>,
    pub is_happening: bool,
    /// How much more often it happened.
    pub times: u64,
}

/// A message that left, or could not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeliveryRow {
    pub at: Nanos,
    pub channel: String,
    pub alerts: Vec<u64>,
    pub tries: u32,
    pub wrong: String,
}

/// What is new since it was written last.
#[derive(Clone, Debug, Default)]
pub struct News {
    pub told: Vec<ToldRow>,
    pub deliveries: Vec<DeliveryRow>,
}

const UPSERT: &str = "
    insert into alerts (id, rule, subject, severity, text, raised_at, passed_at, is_happening, times)
    values ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    on conflict (id) do update set text = excluded.text, passed_at = excluded.passed_at, times = alerts.times + excluded.times";
const DELIVERED: &str = "insert into alert_deliveries (at, channel, alerts, tries, wrong) values ($1, $2, $3, $4, $5)";
const STATE: &str = "
    insert into alert_state (at, body) values ($1, $2)
    on conflict (single) do update set at = excluded.at, body = excluded.body";

impl ToldRow {
    /// Returns what `note` adds to the row of its thing.
    pub fn of(note: &Note) -> ToldRow {
        let times = match note.phase {
            Phase::Raised => 1,
            Phase::Happened => note.more.max(1),
            Phase::Still | Phase::Passed => note.more,
        };
        ToldRow {
            id: note.id,
            rule: note.rule,
            subject: note.subject.clone(),
            text: note.text.clone(),
            raised_at: note.at,
            passed_at: (note.phase == Phase::Passed).then_some(note.at),
            is_happening: note.phase == Phase::Happened,
            times: times.into(),
        }
    }
}

/// Writes what is new, and how the alerter is.
pub async fn write(pool: &PgPool, news: &News, now: &AlertsNow) -> Result<(), String> {
    let written = tokio::time::timeout(TIMEOUT, write_all(pool, news, now)).await;
    written.map_err(|_| "no answer in time".to_owned())?.map_err(|error| error.to_string())
}

async fn write_all(pool: &PgPool, news: &News, now: &AlertsNow) -> sqlx::Result<()> {
    let mut transaction = pool.begin().await?;
    for row in &news.told {
        sqlx::query(UPSERT)
            .bind(row.id.cast_signed())
            .bind(row.rule.code())
            .bind(text(&row.subject))
            .bind(row.rule.severity().code())
            .bind(text(&row.text))
            .bind(moment(row.raised_at))
            .bind(row.passed_at.map(moment))
            .bind(row.is_happening)
            .bind(row.times.cast_signed())
            .execute(&mut *transaction)
            .await?;
    }
    for row in &news.deliveries {
        let alerts: Vec<i64> = row.alerts.iter().map(|id| id.cast_signed()).collect();
        sqlx::query(DELIVERED)
            .bind(moment(row.at))
            .bind(&row.channel)
            .bind(alerts)
            .bind(row.tries.cast_signed())
            .bind(text(&row.wrong))
            .execute(&mut *transaction)
            .await?;
    }
    sqlx::query(STATE).bind(moment(now.at)).bind(sqlx::types::Json(now)).execute(&mut *transaction).await?;
    transaction.commit().await
}

/// Returns what people call the tokens that were seen last: id, title, outcome.
pub async fn titles(pool: &PgPool) -> Result<Vec<(TokenId, String, String)>, String> {
    const TITLES: &str = "select id, title, outcome from tokens where title <> '' order by id desc limit $1";
    let read = sqlx::query_as::<_, (i32, String, String)>(TITLES).bind(TOKENS_MAX).fetch_all(pool);
    let rows = tokio::time::timeout(TIMEOUT, read).await.map_err(|_| "no answer in time".to_owned())?;
    let rows = rows.map_err(|error| error.to_string())?;
    Ok(rows.into_iter().map(|(id, title, outcome)| (TokenId(id.cast_unsigned()), title, outcome)).collect())
}
