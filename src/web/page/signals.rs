//! Signals: every trade of a leader that was worth deciding on, who told it, and how it ended in each portfolio.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use serde::Deserialize;
use time::OffsetDateTime;

use super::{
    Frame, LeaderName, MarketName,
    address::{self, Choice, Filters, choices},
    portfolio_name, show,
};
use crate::{
    domain::{Nanos, Source},
    store::query::{EVER, SignalEnd, SignalFilter, SignalLine},
    web::{
        Web,
        figure::{self, Figure, When},
        server::Unread,
        words::{self, Verdict},
    },
};

const PAGE_ROWS: i64 = 50;

/// The address's question: a filter, and where the page begins.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    pub portfolio: String,
    pub leader: String,
    pub outcome: String,
    pub reason: String,
    pub side: String,
    pub source: String,
    /// A part of the market's title, or the whole token id.
    pub market: String,
    /// Days, both included.
    pub from: String,
    pub to: String,
    /// `micros.id` of the row above the page's first.
    pub below: String,
}

impl Asked {
    /// Returns the filter. What is no number matches nothing rather than everything.
    fn filter(&self) -> SignalFilter {
        let code = |text| address::word(text, 100);
        SignalFilter {
            portfolio: address::id(&self.portfolio),
            leader: address::id(&self.leader),
            outcome: code(&self.outcome),
            reason: code(&self.reason),
            side: code(&self.side),
            source: code(&self.source),
            market: code(&self.market),
            time: address::days(&self.from, &self.to),
        }
    }

    fn query(&self, below: &str) -> String {
        address::query(&[
            ("portfolio", self.portfolio.as_str()),
            ("leader", &self.leader),
            ("outcome", &self.outcome),
            ("reason", &self.reason),
            ("side", &self.side),
            ("source", &self.source),
            ("market", &self.market),
            ("from", &self.from),
            ("to", &self.to),
            ("below", below),
        ])
    }

    fn below(&self) -> (OffsetDateTime, i64) {
        address::place(&self.below).unwrap_or((EVER.1, i64::MAX))
    }
}

/// Returns a page of signals, and the question of the next one; empty at the end.
pub async fn rows(web: &Web, asked: &Asked, limit: i64) -> Result<(Vec<SignalLine>, String), Unread> {
    let mut rows = web.reader().await?.signals(&asked.filter(), asked.below(), limit + 1).await?;
    let last = address::cut(&mut rows, limit);
    let older = last.map_or_else(String::new, |row| asked.query(&address::place_text(row.at, row.id)));
    Ok((rows, older))
}

struct Line {
    id: i64,
    at: When,
    leader: LeaderName,
    market: MarketName,
    token_id: i32,
    side: String,
    side_word: String,
    shares: Figure,
    price: Figure,
    usdc: Figure,
    /// Where it is one of several that belong together: the first of them.
    group: Option<i64>,
    source: String,
    sources: i64,
    behind: Figure,
    ends: Vec<End>,
}

/// How it ended in one portfolio.
struct End {
    portfolio: String,
    verdict: Verdict,
    order: Option<i64>,
    code: String,
    text: &'static str,
    numbers: Option<(Figure, Figure)>,
    filled: Option<Figure>,
}

impl Line {
    fn new(web: &Web, row: &SignalLine, now: Nanos) -> Line {
        Line {
            id: row.id,
            at: When::new(row.at, now),
            leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
            market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
            token_id: row.token_id,
            side: figure::tame(&row.side, 10),
            side_word: words::side(&row.side).to_owned(),
            shares: Figure::shares(row.shares),
            price: Figure::price(row.price),
            usdc: Figure::usd(row.price * row.shares),
            group: Some(row.group_id).filter(|group| *group != row.id),
            source: match &row.source {
                Some(source) => figure::tame(source, 20),
                None => "positions".to_owned(),
            },
            sources: row.sources,
            behind: Figure::delay(row.traded_at, row.at),
            ends: row.ends.iter().map(|end| End::new(web, end)).collect(),
        }
    }
}

impl End {
    fn new(web: &Web, row: &SignalEnd) -> End {
        let reason = words::reason(&row.reason);
        let numbers = reason.and_then(|reason| {
            words::numbers(reason.unit, row.limit_amount.unwrap_or_default(), row.actual_amount.unwrap_or_default())
        });
        End {
            portfolio: portfolio_name(web, row.portfolio_id),
            verdict: match &row.state {
                Some(state) => words::order_state(state, row.filled.unwrap_or_default()),
                None => words::outcome(&row.outcome),
            },
            order: row.order_id,
            code: figure::tame(&row.reason, 60),
            text: reason.map_or("", |reason| reason.text),
            numbers,
            filled: row.cash.filter(|cash| !cash.is_zero()).map(Figure::usd),
        }
    }
}

#[derive(Template)]
#[template(path = "signals.html")]
struct Page {
    frame: Frame,
    filters: Filters,
    outcomes: Vec<Choice>,
    reasons: Vec<Choice>,
    sources: Vec<Choice>,
    market: String,
    from: String,
    to: String,
    lines: Vec<Line>,
    filtered: bool,
    is_first: bool,
    first: String,
    older: String,
}

pub async fn signals(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    let now = (web.state.clock)();
    let mut frame = Frame::new(&web, "Signals", "signals");
    let (rows, older) = rows(&web, &asked, PAGE_ROWS).await.unwrap_or_else(|why| {
        frame.miss(&why, "Signals are still decided and kept in the journal; they appear here when Postgres is back.");
        (Vec::new(), String::new())
    });
    let owned = |(value, text): (&str, &str)| (value.to_owned(), text.to_owned());
    let outcomes = words::OUTCOMES.into_iter().filter(|(code, _)| *code != "unprompted");
    let sources = Source::ALL.into_iter().map(|source| (source.code().to_owned(), source.code().to_owned()));
    show(&Page {
        filters: Filters::new(&web, "", &asked.portfolio, &asked.leader, &asked.side),
        outcomes: choices(&asked.outcome, outcomes.map(owned)),
        reasons: choices(&asked.reason, words::reasons().into_iter().map(|(code, text)| (code.to_owned(), text))),
        sources: choices(&asked.source, sources),
        market: figure::tame(&asked.market, 100),
        from: figure::tame(&asked.from, 10),
        to: figure::tame(&asked.to, 10),
        lines: rows.iter().map(|row| Line::new(&web, row, now)).collect(),
        filtered: asked.filter() != SignalFilter::default(),
        is_first: asked.below.is_empty(),
        first: asked.query(""),
        older,
        frame,
    })
}
