//! What was told to people, and how the alerter is.

use serde::Serialize;
use sqlx::{FromRow, types::Json};
use time::OffsetDateTime;

use super::Reader;
use crate::alert::AlertsNow;

/// The most messages that are shown of one alert.
const DELIVERIES_MAX: i64 = 50;

#[derive(Clone, Debug, PartialEq, Eq, FromRow, Serialize)]
pub struct AlertRow {
    /// A text in JSON: it is larger than what a browser counts exactly.
    #[serde(serialize_with = "as_text")]
    pub id: i64,
    pub rule: String,
    pub subject: String,
    pub severity: String,
    pub text: String,
    #[serde(with = "time::serde::rfc3339")]
    pub raised_at: OffsetDateTime,
    #[serde(with = "time::serde::rfc3339::option")]
    pub passed_at: Option<OffsetDateTime>,
    /// It happened; there is no end to wait for.
    pub is_happening: bool,
    pub times: i64,
    pub deliveries: Json<Vec<Delivery>>,
}

/// A message about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, serde::Deserialize)]
pub struct Delivery {
    pub at: String,
    pub channel: String,
    pub tries: i32,
    /// Empty: it arrived.
    pub wrong: String,
}

const ALERTS: &str = "
    select a.id, a.rule, a.subject, a.severity, a.text, a.raised_at, a.passed_at, a.is_happening, a.times,
        coalesce((select json_agg(json_build_object(
            'at', to_char(d.at at time zone 'UTC', 'YYYY-MM-DD HH24:MI:SS'), 'channel', d.channel, 'tries', d.tries, 'wrong', d.wrong) order by d.id desc)
            from (select * from alert_deliveries where alerts @> array[a.id] order by id desc limit $4) d), '[]') as deliveries
    from alerts a
    where ($1 = 0 or a.id < $1) and ($2 = '' or a.rule = $2)
    order by a.id desc limit $3";

fn as_text<S: serde::Serializer>(id: &i64, to: S) -> Result<S::Ok, S::Error> {
    to.collect_str(id)
}

impl Reader {
    /// Returns what was told, latest first; older than `before` (0: all), of one rule (empty: of all).
    pub async fn alerts(&mut self, before: i64, rule: &str, limit: i64) -> sqlx::Result<Vec<AlertRow>> {
        let rows = sqlx::query_as(ALERTS).bind(before).bind(rule).bind(limit).bind(DELIVERIES_MAX);
        rows.fetch_all(&mut *self.0).await
    }

    /// Returns how the alerter is, as it last said; `None`: it has said nothing yet.
    pub async fn alerting(&mut self) -> sqlx::Result<Option<AlertsNow>> {
        let body: Option<Json<AlertsNow>> =
            sqlx::query_scalar("select body from alert_state").fetch_optional(&mut *self.0).await?;
        Ok(body.map(|body| body.0))
    }
}
