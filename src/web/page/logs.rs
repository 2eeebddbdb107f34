//! Logs: what happened last in words, filtered, with ways to the traces; and where the structured logs are.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;

use super::{
    Frame,
    address::{self, Choice, Filters, choices},
    portfolio_name, show,
};
use crate::{
    domain::{Event, Nanos},
    store::query::{EventFilter, EventPage, EventRow},
    web::{
        Web,
        figure::{self, When},
        happening,
        kinds::{self, Weight},
        server::Unread,
    },
};

const PAGE_ROWS: i64 = 100;

/// The address's question: a filter, and where the page begins.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub kind: String,
    /// error, warn, info or fine: so much or more; read where no kind is asked for.
    pub level: String,
    pub portfolio: String,
    pub leader: String,
    pub order: String,
    pub signal: String,
    /// The record above the page's first.
    pub below: String,
}

impl Asked {
    /// Returns the filter. What is no number matches nothing rather than everything.
    fn filter(&self) -> EventFilter {
        EventFilter {
            kinds: match (self.kind.as_str(), self.level()) {
                ("", Weight::Fine) => Vec::new(),
                ("", level) => kinds::at_least(level),
                (kind, _) => vec![address::word(kind, 40)],
            },
            portfolio: address::id(&self.portfolio),
            leader: address::id(&self.leader),
            order: address::number(&self.order),
            signal: address::number(&self.signal),
        }
    }

    fn level(&self) -> Weight {
        Weight::ALL.into_iter().find(|level| level.code() == self.level).unwrap_or(Weight::Info)
    }

    fn query(&self, below: &str) -> String {
        address::query(&[
            ("kind", self.kind.as_str()),
            ("level", &self.level),
            ("portfolio", &self.portfolio),
            ("leader", &self.leader),
            ("order", &self.order),
            ("signal", &self.signal),
            ("below", below),
        ])
    }

    fn is_filtered(&self) -> bool {
        !Asked { below: String::new(), ..self.clone() }.query("").is_empty()
    }
}

/// Returns a page of events, and the question of the next one; empty at the end.
pub async fn rows(web: &Web, asked: &Asked, limit: i64) -> Result<(EventPage, String), Unread> {
    let below = asked.below.parse().unwrap_or(i64::MAX);
    let page = web.reader().await?.events(&asked.filter(), below, limit).await?;
    let older = page.older.map_or_else(String::new, |seq| asked.query(&seq.to_string()));
    Ok((page, older))
}

/// One event.
struct Line {
    seq: i64,
    at: When,
    level: &'static str,
    class: &'static str,
    kind: String,
    what: String,
    parts: Vec<(&'static str, String)>,
    /// The trace that it is part of: its address, and what it is called.
    trace: Option<(String, String)>,
}

impl Line {
    fn new(web: &Web, row: &EventRow, now: Nanos) -> Line {
        let event: Option<Event> = serde_json::from_value(row.body.0.clone()).ok();
        let weight = event.as_ref().map_or_else(|| kinds::weight(&row.kind), kinds::weight_of);
        let parts = event.as_ref().map_or_else(
            // One of a newer version of the program.
            || vec![("body", figure::tame(&row.body.0.to_string(), 300))],
            happening::parts,
        );
        let named = |(name, text): (&'static str, String)| match name {
            "portfolio" => (name, text.parse().map_or(text, |id| portfolio_name(web, id))),
            name => (name, text),
        };
        Line {
            seq: row.seq,
            at: When::new(row.at, now),
            level: weight.code(),
            class: weight.class(),
            kind: figure::tame(&row.kind, 40),
            what: event
                .as_ref()
                .map_or_else(|| figure::tame(&row.kind, 40), |event| happening::sentence(event).to_owned()),
            parts: parts.into_iter().filter(|(name, _)| *name != "order").map(named).collect(),
            trace: trace(row),
        }
    }
}

/// Returns the signal or the order that an event names.
fn trace(row: &EventRow) -> Option<(String, String)> {
    let fields = row.body.0.as_object()?.values().next()?;
    let id = |name: &str| fields[name].as_i64();
    match (id("order"), id("signal")) {
        (Some(order), _) => Some((format!("/orders/{order}"), format!("order {order}"))),
        (None, Some(signal)) if 0 < signal => Some((format!("/signals/{signal}"), format!("signal {signal}"))),
        (None, Some(_) | None) => None,
    }
}

#[derive(Template)]
#[template(path = "logs.html")]
struct Page {
    frame: Frame,
    levels: Vec<Choice>,
    kinds: Vec<Choice>,
    filters: Filters,
    order: String,
    signal: String,
    lines: Vec<Line>,
    /// The oldest record that was looked at, where that was not all of them.
    looked_back_to: Option<i64>,
    filtered: bool,
    is_first: bool,
    first: String,
    older: String,
}

pub async fn logs(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    let now = (web.state.clock)();
    let mut frame = Frame::new(&web, "Logs and traces", "logs");
    let (page, older) = rows(&web, &asked, PAGE_ROWS).await.unwrap_or_else(|why| {
        frame.miss(&why, "What happens is kept in the journal and shows here when Postgres is back.");
        (EventPage::default(), String::new())
    });
    let words =
        [("error", "Errors"), ("warn", "Warnings and worse"), ("info", "All but bookkeeping"), ("fine", "Everything")];
    let mut kinds: Vec<&str> = kinds::KINDS.iter().map(|(kind, _)| *kind).collect();
    kinds.sort_unstable();
    show(&Page {
        levels: choices(asked.level().code(), words.map(|(code, text)| (code.to_owned(), text.to_owned()))),
        kinds: choices(&asked.kind, kinds.iter().map(|kind| ((*kind).to_owned(), kind.replace('_', " ")))),
        filters: Filters::new(&web, "", &asked.portfolio, &asked.leader, ""),
        order: figure::tame(&asked.order, 20),
        signal: figure::tame(&asked.signal, 20),
        lines: page.rows.iter().map(|row| Line::new(&web, row, now)).collect(),
        looked_back_to: page.looked_back_to,
        filtered: asked.is_filtered(),
        is_first: asked.below.is_empty(),
        first: asked.query(""),
        older,
        frame,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_its_kinds_and_worse_ones_and_a_kind_is_itself() {
        let asked = |kind: &str, level: &str| Asked { kind: kind.into(), level: level.into(), ..Asked::default() };
        let kinds = |kind: &str, level: &str| asked(kind, level).filter().kinds;
        assert!(kinds("", "error").iter().all(|kind| kinds::weight(kind) == Weight::Error));
        assert!(kinds("", "").contains(&"filled".to_owned()) && !kinds("", "").contains(&"valued".to_owned()));
        assert!(kinds("", "fine").is_empty(), "all of them");
        assert_eq!(kinds("valued", "error"), ["valued"]);
        assert_eq!(Asked { order: "x".into(), ..Asked::default() }.filter().order, i64::MAX);
    }
}
