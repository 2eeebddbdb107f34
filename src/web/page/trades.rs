//! Paper Trades: every signal with why or why not, and every order that no signal led to.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::{IntoResponse, Redirect, Response},
};
use serde::Deserialize;
use time::OffsetDateTime;

use super::{
    Frame,
    address::{self, Choice, Filters, choices},
    mode,
    orders::OrderLine,
    scope::Tab,
    show, stand,
    trade::Trade,
};
use crate::{
    store::query::{Cursor, TradeFilter, TradeRow},
    web::{Web, figure, server::Unread, words},
};

pub const PAGE_ROWS: i64 = 50;

/// The address's question: a filter, and where the page begins.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// `live`, else paper.
    pub mode: String,
    pub portfolio: String,
    pub leader: String,
    pub outcome: String,
    pub reason: String,
    pub side: String,
    /// A part of the market's title, or the whole token id.
    pub market: String,
    /// Days, both included.
    pub from: String,
    pub to: String,
    /// `micros.kind.id.portfolio` of the row above the page's first.
    pub below: String,
}

impl Asked {
    /// Returns the filter. What is no number or longer than any code matches nothing rather than everything.
    pub fn filter(&self) -> TradeFilter {
        let code = |text| address::word(text, 60);
        TradeFilter {
            mode: self.mode().to_owned(),
            portfolio: address::id(&self.portfolio),
            leader: address::id(&self.leader),
            outcome: code(&self.outcome),
            reason: code(&self.reason),
            side: code(&self.side),
            market: code(&self.market),
            time: address::days(&self.from, &self.to),
        }
    }

    /// Returns the question of one mode's page.
    pub fn of(self, mode: &str) -> Asked {
        Asked { mode: mode.to_owned(), ..self }
    }

    /// Returns where the page of this mode is.
    pub fn path(&self) -> &'static str {
        address::path(self.mode())
    }

    pub fn mode(&self) -> &'static str {
        mode(&self.mode)
    }

    pub fn cursor(&self) -> Cursor {
        parse_cursor(&self.below).unwrap_or(Cursor::TOP)
    }

    /// Returns the address's question with another beginning; the mode is the path's.
    pub fn query(&self, below: &str) -> String {
        address::query(&[
            ("portfolio", self.portfolio.as_str()),
            ("leader", &self.leader),
            ("outcome", &self.outcome),
            ("reason", &self.reason),
            ("side", &self.side),
            ("market", &self.market),
            ("from", &self.from),
            ("to", &self.to),
            ("below", below),
        ])
    }

    fn is_filtered(&self) -> bool {
        self.filter() != TradeFilter { mode: self.mode().to_owned(), ..TradeFilter::default() }
    }
}

fn parse_cursor(text: &str) -> Option<Cursor> {
    let mut parts = text.split('.');
    let micros: i64 = parts.next()?.parse().ok()?;
    let cursor = Cursor {
        at: OffsetDateTime::from_unix_timestamp_nanos(i128::from(micros) * 1_000).ok()?,
        kind: parts.next()?.parse().ok()?,
        id: parts.next()?.parse().ok()?,
        portfolio: parts.next()?.parse().ok()?,
    };
    parts.next().is_none().then_some(cursor)
}

pub fn cursor_text(cursor: Cursor) -> String {
    let micros = cursor.at.unix_timestamp_nanos() / 1_000;
    format!("{micros}.{}.{}.{}", cursor.kind, cursor.id, cursor.portfolio)
}

#[derive(Template)]
#[template(path = "trades.html")]
struct Page {
    frame: Frame,
    views: Vec<Tab>,
    mode: &'static str,
    path: &'static str,
    /// Of live: how its switches stand, and what is open.
    stand: Vec<stand::Line>,
    open: Vec<OrderLine>,
    filters: Filters,
    outcomes: Vec<Choice>,
    reasons: Vec<Choice>,
    market: String,
    from: String,
    to: String,
    trades: Vec<Trade>,
    filtered: bool,
    is_first: bool,
    first: String,
    older: String,
    csv: String,
    csv_rows_max: usize,
}

/// Paper Trades; an address of old that asks for live ones is sent there.
pub async fn paper(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    match asked.mode() {
        "live" => Redirect::permanent(&format!("/live-trades?{}", asked.query(&asked.below))).into_response(),
        _paper => trades(&web, &asked).await,
    }
}

pub async fn live(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    trades(&web, &asked.of("live")).await
}

async fn trades(web: &Web, asked: &Asked) -> Response {
    let now = (web.state.clock)();
    let mode = asked.mode();
    let (title, place) = if mode == "live" { ("Live Trades", "live-trades") } else { ("Paper Trades", "paper-trades") };
    let mut frame = Frame::new(web, title, place);
    let read = async {
        let rows = rows(web, asked, PAGE_ROWS + 1).await?;
        let open = if mode == "live" { stand::open(web, now).await? } else { Vec::new() };
        Ok::<_, Unread>((rows, open))
    };
    let (mut rows, open) = match read.await {
        Ok(both) => both,
        Err(why) => {
            let missing = "Signals are still decided and kept in the journal; they appear here when Postgres is back.";
            frame = frame.without_postgres(&why, missing);
            (Vec::new(), Vec::new())
        }
    };
    let older = address::cut(&mut rows, PAGE_ROWS).map(|row| asked.query(&cursor_text(row.cursor())));
    let owned = |(value, text): (&str, &str)| (value.to_owned(), text.to_owned());
    show(&Page {
        views: address::views(mode, ""),
        mode,
        path: asked.path(),
        stand: if mode == "live" { stand::lines(web) } else { Vec::new() },
        open,
        filters: Filters::new(web, mode, &asked.portfolio, &asked.leader, &asked.side),
        outcomes: choices(&asked.outcome, words::OUTCOMES.map(owned)),
        reasons: choices(&asked.reason, words::reasons().into_iter().map(|(code, text)| (code.to_owned(), text))),
        market: figure::tame(&asked.market, 100),
        from: figure::tame(&asked.from, 10),
        to: figure::tame(&asked.to, 10),
        trades: rows.iter().map(|row| Trade::new(web, row, now)).collect(),
        filtered: asked.is_filtered(),
        is_first: asked.below.is_empty(),
        first: asked.query(""),
        older: older.unwrap_or_default(),
        csv: asked.query(""),
        csv_rows_max: super::csv::ROWS_MAX,
        frame,
    })
}

pub async fn rows(web: &Web, asked: &Asked, limit: i64) -> Result<Vec<TradeRow>, Unread> {
    let mut reader = web.reader().await?;
    Ok(reader.trades(&asked.filter(), asked.cursor(), limit).await?)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Nanos;

    #[test]
    fn a_cursor_survives_the_address() {
        let cursor = Cursor { at: figure::moment(Nanos(1_700_000_000_123_456_000)), kind: 0, id: 42, portfolio: -1 };
        assert_eq!(parse_cursor(&cursor_text(cursor)), Some(cursor));
        for text in ["", "1", "1.2.3", "1.2.3.4.5", "a.0.1.1", "9223372036854775807.0.1.1"] {
            assert_eq!(parse_cursor(text), None, "{text}");
        }
    }

    #[test]
    fn a_filter_that_is_no_number_matches_nothing() {
        let asked = |portfolio: &str| Asked { portfolio: portfolio.into(), ..Asked::default() };
        assert_eq!(asked("").filter(), TradeFilter::default());
        assert_eq!(asked("3").filter().portfolio, 3);
        assert_eq!(asked("x' or 1=1").filter().portfolio, i32::MAX);
        assert_eq!(asked("a&b").query("1.2"), "portfolio=a%26b&below=1.2");
    }
}
