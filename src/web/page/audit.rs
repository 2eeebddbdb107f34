//! Audit: what operators said to the engine, newest first, and what was answered.

use std::sync::Arc;

use askama::Template;
use axum::{
    Json,
    extract::{Query, State},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::json;

use super::{Frame, address, show};
use crate::{
    store::query::AuditRow,
    web::{
        Web,
        api::unread,
        figure::{When, tame},
        server::Unread,
    },
};

const ROWS: i64 = 50;
const TEXT_MAX: usize = 200;

#[derive(Deserialize)]
pub struct Asked {
    /// Words before this record.
    before: Option<i64>,
}

struct Line {
    at: When,
    who: String,
    what: String,
    of_what: String,
    change: String,
    ok: bool,
    said: String,
}

#[derive(Template)]
#[template(path = "audit.html")]
struct Page {
    frame: Frame,
    lines: Vec<Line>,
    older: Option<i64>,
    is_newest: bool,
}

/// Returns a page of words, and what asks for the next one.
async fn rows(web: &Web, asked: &Asked) -> Result<(Vec<AuditRow>, Option<i64>), Unread> {
    let before = asked.before.unwrap_or(i64::MAX);
    let mut rows = web.reader().await?.audit(before, ROWS + 1).await?;
    let older = address::cut(&mut rows, ROWS).map(|row| row.seq);
    Ok((rows, older))
}

pub async fn audit(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    let mut frame = Frame::new(&web, "Audit", "controls");
    let (rows, older) = rows(&web, &asked).await.unwrap_or_else(|why| {
        frame.stale =
            format!("Postgres cannot be read ({}). The words are in the journal and show here when it is back.", why.0);
        (Vec::new(), None)
    });
    let now = (web.state.clock)();
    show(&Page {
        lines: rows.iter().map(|row| line(row, now)).collect(),
        older,
        is_newest: asked.before.is_none(),
        frame,
    })
}

pub async fn api(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    match rows(&web, &asked).await {
        Ok((rows, older)) => {
            Json(json!({"audit": rows, "older": older.map(|seq| format!("before={seq}"))})).into_response()
        }
        Err(why) => unread(&why),
    }
}

fn line(row: &AuditRow, now: crate::domain::Nanos) -> Line {
    let (was, became) = (tame(&row.was, TEXT_MAX), tame(&row.became, TEXT_MAX));
    Line {
        at: When::new(row.at, now),
        who: tame(&row.who, TEXT_MAX),
        what: row.what.replace('_', " "),
        of_what: tame(&row.of_what, TEXT_MAX),
        change: match (was.as_str(), became.as_str()) {
            ("", became) => became.to_owned(),
            (was, became) if was == became => format!("still {became}"),
            (was, became) => format!("{was} → {became}"),
        },
        ok: row.ok,
        said: tame(&row.said, 400),
    }
}
