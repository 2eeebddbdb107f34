//! Results: what was earned, by day, leader, market, reason of the exit, or strategy.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use rust_decimal::Decimal;

use super::{
    Frame, LeaderName, MarketName,
    address::Choice,
    scope::{Asked, Tab},
    show,
};
use crate::{
    store::query::{By, EarnedRow},
    web::{
        Web,
        figure::{self, Figure},
        kept::kept,
        server::Unread,
        words,
    },
};

const BREAKDOWNS: [(By, &str); 5] = [
    (By::Leader, "By leader"),
    (By::Market, "By market"),
    (By::Day, "By day"),
    (By::Cause, "By exit reason"),
    (By::Strategy, "By strategy"),
];

struct Line {
    name: String,
    /// A wallet or a condition id, whole.
    id: String,
    ends: Figure,
    won: Figure,
    bought: Figure,
    returned: Figure,
    fees: Figure,
    realised: Figure,
}

#[derive(Template)]
#[template(path = "results.html")]
struct Page {
    frame: Frame,
    modes: Vec<Tab>,
    mode: &'static str,
    strategies: Vec<Choice>,
    ranges: Vec<Choice>,
    breakdowns: Vec<Tab>,
    heading: &'static str,
    by: &'static str,
    query: String,
    lines: Vec<Line>,
    total: Figure,
    fees: Figure,
}

pub fn by(asked: &Asked) -> By {
    BREAKDOWNS.iter().map(|(by, _)| *by).find(|by| by.code() == asked.by).unwrap_or(By::Leader)
}

pub async fn rows(web: &Arc<Web>, asked: &Asked) -> Result<Arc<Vec<EarnedRow>>, Unread> {
    let (scope, by) = (asked.scope((web.state.clock)()), by(asked));
    let make = async move |web: Arc<Web>| Ok(web.reader().await?.results(&scope, by).await?);
    kept(web, format!("results {}", asked.query("by", by.code())), make).await
}

pub async fn results(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    let mut frame = Frame::new(&web, "Results", "results");
    let rows = rows(&web, &asked).await.unwrap_or_else(|why| {
        frame.stale = format!("Postgres cannot be read ({}). Results show here when it is back.", why.0);
        Arc::default()
    });
    let by = by(&asked);
    let tab = |(other, text): &(By, &'static str)| Tab {
        text,
        href: format!("/results?{}", asked.query("by", other.code())),
        chosen: *other == by,
    };
    show(&Page {
        modes: asked.modes("/results"),
        mode: asked.mode(),
        strategies: asked.strategies(&web),
        ranges: asked.ranges(),
        breakdowns: BREAKDOWNS.iter().map(tab).collect(),
        heading: BREAKDOWNS.iter().find(|(other, _)| *other == by).map_or("", |(_, text)| text),
        by: by.code(),
        query: asked.query("by", "day"),
        lines: rows.iter().map(|row| line(by, row)).collect(),
        total: Figure::result(rows.iter().map(|row| row.realised).sum()),
        fees: Figure::usd(rows.iter().map(|row| row.fees).sum()),
        frame,
    })
}

fn line(by: By, row: &EarnedRow) -> Line {
    let none = || Figure::none("no position ended");
    let share = |won: i64| Decimal::from(won) / Decimal::from(row.ends);
    Line {
        name: match by {
            By::Leader => LeaderName::new(if row.name == row.id { "" } else { &row.name }, &row.id, 0).name,
            By::Market => MarketName::new(if row.name == row.id { "" } else { &row.name }, "", &row.id, 0).title,
            By::Cause => words::cause(&row.name),
            By::Day | By::Strategy => figure::tame(&row.name, 60),
        },
        id: figure::tame(&row.id, 80),
        ends: Figure::count(row.ends),
        won: if row.ends == 0 { none() } else { Figure::percent(share(row.won)) },
        bought: Figure::usd(row.bought),
        returned: Figure::usd(row.returned),
        fees: Figure::usd(row.fees),
        realised: Figure::result(row.realised),
    }
}
