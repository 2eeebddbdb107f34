//! Skips: every reason for a no, how often it was said, and what the copies that were not made would have earned.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use rust_decimal::Decimal;

use super::{
    Frame,
    address::Choice,
    scope::{Asked, Tab},
    show,
};
use crate::{
    store::query::NoRow,
    web::{
        Web,
        figure::{self, Figure},
        kept::kept,
        server::Unread,
        words::{self, Verdict},
    },
};

struct Line {
    code: String,
    text: String,
    knob: &'static str,
    verdict: Verdict,
    count: Figure,
    copies: Figure,
    known: Figure,
    a_dollar: Figure,
    would: Figure,
}

#[derive(Template)]
#[template(path = "skips.html")]
struct Page {
    frame: Frame,
    modes: Vec<Tab>,
    mode: &'static str,
    strategies: Vec<Choice>,
    ranges: Vec<Choice>,
    lines: Vec<Line>,
    /// What all the noes together cost or saved, in words; empty while nothing is known.
    verdict: String,
    /// What the noes brought: a plus where they saved something.
    total: Figure,
}

pub async fn rows(web: &Arc<Web>, asked: &Asked) -> Result<Arc<Vec<NoRow>>, Unread> {
    let scope = asked.scope((web.state.clock)());
    let make = async move |web: Arc<Web>| Ok(web.reader().await?.noes(&scope).await?);
    kept(web, format!("skips {}", asked.query("by", "")), make).await
}

pub async fn skips(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    let mut frame = Frame::new(&web, "Skips", "skips");
    let rows = rows(&web, &asked).await.unwrap_or_else(|why| {
        frame.stale =
            format!("Postgres cannot be read ({}). The noes are in the journal and show here when it is back.", why.0);
        Arc::default()
    });
    let known: Vec<Decimal> = rows.iter().filter_map(|row| row.would).collect();
    let total: Decimal = known.iter().sum();
    let verdict = match total.cmp(&Decimal::ZERO) {
        _ if known.is_empty() => "",
        std::cmp::Ordering::Greater => "The noes cost that: the copies would have earned it.",
        std::cmp::Ordering::Less => "The noes saved that: the copies would have lost it.",
        std::cmp::Ordering::Equal => "The noes neither cost nor saved anything.",
    };
    show(&Page {
        modes: asked.modes("/skips"),
        mode: asked.mode(),
        strategies: asked.strategies(&web),
        ranges: asked.ranges(),
        lines: rows.iter().map(line).collect(),
        verdict: verdict.to_owned(),
        total: Figure::result(-total),
        frame,
    })
}

fn line(row: &NoRow) -> Line {
    let reason = words::reason(&row.reason);
    let unknown = || Figure::none("not known before the leader's own trade ends");
    Line {
        code: figure::tame(&row.reason, 60),
        text: reason.map_or_else(String::new, |reason| reason.text.to_owned()),
        knob: reason.map_or("", |reason| reason.knob),
        verdict: words::outcome(&row.outcome),
        count: Figure::count(row.count),
        copies: Figure::count(row.copies),
        known: Figure::count(row.known),
        a_dollar: row.a_dollar.map_or_else(unknown, Figure::gain),
        would: row.would.map_or_else(unknown, Figure::result),
    }
}
