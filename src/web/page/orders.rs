//! Orders and fills of a mode as lists: what we asked of the venue and what we got; of live ones also what others did with
//! the same wallet.

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
    mode, portfolio_name,
    scope::Tab,
    show, trade,
};
use crate::{
    domain::Nanos,
    store::query::{EVER, FilledRow, OrderFilter, OrderRow},
    web::{
        Web,
        figure::{self, Figure, When},
        server::Unread,
        words::{self, Verdict},
    },
};

pub const PAGE_ROWS: i64 = 50;

/// The address's question: a filter, and where the page begins.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// `live`, else paper; read by the API only: pages have it in their path.
    pub mode: String,
    pub portfolio: String,
    pub leader: String,
    /// A token's number.
    pub token: String,
    /// A part of the market's title, or the whole token id.
    pub market: String,
    pub side: String,
    pub state: String,
    pub origin: String,
    /// Days, both included.
    pub from: String,
    pub to: String,
    /// Of orders `micros.id`, of fills `record` of the row above the page's first.
    pub below: String,
}

impl Asked {
    /// Returns the filter. What is no number matches nothing rather than everything.
    pub fn filter(&self) -> OrderFilter {
        let code = |text| address::word(text, 100);
        OrderFilter {
            mode: mode(&self.mode).to_owned(),
            portfolio: address::id(&self.portfolio),
            leader: address::id(&self.leader),
            token: address::id(&self.token),
            market: code(&self.market),
            side: code(&self.side),
            state: code(&self.state),
            origin: code(&self.origin),
            time: address::days(&self.from, &self.to),
        }
    }

    /// Returns the address's question with another beginning; the mode is the path's.
    pub fn query(&self, below: &str) -> String {
        address::query(&[
            ("portfolio", self.portfolio.as_str()),
            ("leader", &self.leader),
            ("token", &self.token),
            ("market", &self.market),
            ("side", &self.side),
            ("state", &self.state),
            ("origin", &self.origin),
            ("from", &self.from),
            ("to", &self.to),
            ("below", below),
        ])
    }

    /// Returns the question of one mode's page.
    pub fn of(self, mode: &str) -> Asked {
        Asked { mode: mode.to_owned(), ..self }
    }

    fn is_filtered(&self) -> bool {
        self.filter() != OrderFilter::of(mode(&self.mode))
    }

    fn order_below(&self) -> (OffsetDateTime, i64) {
        address::place(&self.below).unwrap_or((EVER.1, i64::MAX))
    }

    fn fill_below(&self) -> i64 {
        self.below.parse().unwrap_or(i64::MAX)
    }
}

/// A page of rows, and the question of the next one; empty at the end.
pub struct Listed<R> {
    pub rows: Vec<R>,
    pub older: String,
}

impl<R> Listed<R> {
    fn new(mut rows: Vec<R>, limit: i64, asked: &Asked, cursor: impl Fn(&R) -> String) -> Listed<R> {
        let last = address::cut(&mut rows, limit).map(cursor);
        Listed { older: last.map_or_else(String::new, |last| asked.query(&last)), rows }
    }
}

pub async fn order_rows(web: &Web, asked: &Asked, limit: i64) -> Result<Listed<OrderRow>, Unread> {
    let rows = web.reader().await?.orders(&asked.filter(), asked.order_below(), limit + 1).await?;
    Ok(Listed::new(rows, limit, asked, |row| address::place_text(row.submitted_at, row.id)))
}

pub async fn fill_rows(web: &Web, asked: &Asked, limit: i64) -> Result<Listed<FilledRow>, Unread> {
    let rows = web.reader().await?.fills(&asked.filter(), asked.fill_below(), limit + 1).await?;
    Ok(Listed::new(rows, limit, asked, |row| row.seq.to_string()))
}

/// One order.
pub struct OrderLine {
    pub id: i64,
    pub at: When,
    pub portfolio: String,
    pub leader: LeaderName,
    pub market: MarketName,
    pub token_id: i32,
    pub side: String,
    pub side_word: String,
    pub kind: String,
    pub cause: String,
    pub attempt: Option<i16>,
    pub signal: Option<i64>,
    pub wanted: Figure,
    pub limit: Figure,
    pub reserved: Figure,
    pub verdict: Verdict,
    /// What was filled of it, at what price; none before a fill.
    pub filled: Option<(Figure, Figure)>,
    pub against: Figure,
    /// Until its end.
    pub lasted: Option<Figure>,
}

impl OrderLine {
    pub fn new(web: &Web, row: &OrderRow, now: Nanos) -> OrderLine {
        let average = trade::average(row.filled, row.cash);
        OrderLine {
            id: row.id,
            at: When::new(row.submitted_at, now),
            portfolio: portfolio_name(web, row.portfolio_id),
            leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
            market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
            token_id: row.token_id,
            side: figure::tame(&row.side, 10),
            side_word: words::side(&row.side).to_owned(),
            kind: figure::tame(&row.kind, 10).to_uppercase(),
            cause: words::cause(&row.cause),
            attempt: Some(row.attempt).filter(|attempt| 1 < *attempt),
            signal: row.signal_id,
            wanted: match row.side.as_str() {
                "buy" => Figure::usd(row.budget),
                _sell => Figure::shares(row.shares).with_unit("shares"),
            },
            limit: Figure::price(row.limit_price),
            reserved: Figure::usd(row.reserved),
            verdict: words::order_state(&row.state, row.filled),
            filled: average.map(|average| (Figure::shares(row.filled), Figure::price_average(average))),
            against: match average {
                Some(average) => Figure::worse(trade::worse(&row.side, average, row.reference), row.reference),
                None => Figure::none("nothing was filled"),
            },
            lasted: row.closed_at.map(|closed| Figure::delay(row.submitted_at, closed)),
        }
    }
}

/// One fill, ours or not.
struct FillLine {
    at: When,
    is_ours: bool,
    order: Option<i64>,
    signal: Option<i64>,
    portfolio: String,
    leader: Option<LeaderName>,
    market: MarketName,
    token_id: i32,
    side: String,
    side_word: String,
    cause: String,
    shares: Figure,
    price: Figure,
    cash: Figure,
    fee: Figure,
    realised: Figure,
    settlement: Verdict,
    venue_id: String,
}

impl FillLine {
    fn new(web: &Web, row: &FilledRow, now: Nanos) -> FillLine {
        let price = trade::average(row.shares, row.cash);
        FillLine {
            at: When::new(row.at, now),
            is_ours: row.origin == "app",
            order: row.order_id,
            signal: row.signal_id,
            portfolio: row.portfolio_id.map_or_else(String::new, |id| portfolio_name(web, id)),
            leader: row.leader_id.map(|id| LeaderName::new(&row.leader, &row.wallet, id)),
            market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
            token_id: row.token_id,
            side: figure::tame(&row.side, 10),
            side_word: words::side(&row.side).to_owned(),
            cause: if row.cause.is_empty() { String::new() } else { words::cause(&row.cause) },
            shares: Figure::shares(row.shares),
            price: price.map_or_else(|| Figure::none("no shares"), Figure::price_average),
            cash: Figure::usd(row.cash),
            fee: Figure::usd(row.fee),
            realised: row
                .realised
                .map_or_else(|| Figure::none("what others do earns us nothing in our books"), Figure::result),
            settlement: words::settlement(&row.settlement),
            venue_id: figure::tame(&row.venue_id, 80),
        }
    }
}

/// What both lists have around their rows.
struct Around {
    views: Vec<Tab>,
    mode: &'static str,
    path: String,
    filters: Filters,
    states: Vec<Choice>,
    origins: Vec<Choice>,
    token: String,
    market: String,
    from: String,
    to: String,
    filtered: bool,
    is_first: bool,
    first: String,
    older: String,
}

impl Around {
    fn new(web: &Web, asked: &Asked, end: &str, states: &[(&str, &str)]) -> Around {
        let mode = mode(&asked.mode);
        let owned = |(value, text): &(&str, &str)| ((*value).to_owned(), (*text).to_owned());
        let origins = [("app", "Ours (APP)"), ("external", "Not ours (EXTERNAL)")];
        Around {
            views: address::views(mode, end),
            mode,
            path: format!("{}{end}", address::path(mode)),
            filters: Filters::new(web, mode, &asked.portfolio, &asked.leader, &asked.side),
            states: choices(&asked.state, states.iter().map(owned)),
            origins: choices(&asked.origin, origins.iter().map(owned)),
            token: figure::tame(&asked.token, 12),
            market: figure::tame(&asked.market, 100),
            from: figure::tame(&asked.from, 10),
            to: figure::tame(&asked.to, 10),
            filtered: asked.is_filtered(),
            is_first: asked.below.is_empty(),
            first: asked.query(""),
            older: String::new(),
        }
    }
}

#[derive(Template)]
#[template(path = "orders.html")]
struct OrdersPage {
    frame: Frame,
    a: Around,
    orders: Vec<OrderLine>,
}

#[derive(Template)]
#[template(path = "fills.html")]
struct FillsPage {
    frame: Frame,
    a: Around,
    fills: Vec<FillLine>,
}

fn frame(web: &Web, mode: &str) -> Frame {
    match mode {
        "live" => Frame::new(web, "Live Trades", "live-trades"),
        _paper => Frame::new(web, "Paper Trades", "paper-trades"),
    }
}

const MISSING: &str = "Orders go on and are kept in the journal; they appear here when Postgres is back.";

pub async fn paper_orders(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    orders(&web, &asked.of("paper")).await
}

pub async fn live_orders(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    orders(&web, &asked.of("live")).await
}

pub async fn paper_fills(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    fills(&web, &asked.of("paper")).await
}

pub async fn live_fills(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    fills(&web, &asked.of("live")).await
}

async fn orders(web: &Web, asked: &Asked) -> Response {
    let now = (web.state.clock)();
    let mut page = OrdersPage {
        frame: frame(web, &asked.mode),
        a: Around::new(web, asked, "/orders", &words::ORDER_STATES),
        orders: Vec::new(),
    };
    match order_rows(web, asked, PAGE_ROWS).await {
        Ok(listed) => {
            page.orders = listed.rows.iter().map(|row| OrderLine::new(web, row, now)).collect();
            page.a.older = listed.older;
        }
        Err(why) => page.frame = page.frame.without_postgres(&why, MISSING),
    }
    show(&page)
}

async fn fills(web: &Web, asked: &Asked) -> Response {
    let now = (web.state.clock)();
    let mut page = FillsPage {
        frame: frame(web, &asked.mode),
        a: Around::new(web, asked, "/fills", &words::SETTLEMENTS),
        fills: Vec::new(),
    };
    match fill_rows(web, asked, PAGE_ROWS).await {
        Ok(listed) => {
            page.fills = listed.rows.iter().map(|row| FillLine::new(web, row, now)).collect();
            page.a.older = listed.older;
        }
        Err(why) => page.frame = page.frame.without_postgres(&why, MISSING),
    }
    show(&page)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_question_survives_the_address() {
        let asked = Asked { portfolio: "2".into(), market: "a&b".into(), ..Asked::default() };
        assert_eq!(asked.query("7.8"), "portfolio=2&market=a%26b&below=7.8");
        assert_eq!(asked.filter().portfolio, 2);
        assert!(asked.is_filtered() && !Asked::default().is_filtered());
        assert_eq!(Asked { leader: "x".into(), ..Asked::default() }.filter().leader, i32::MAX);
        let below = |text: &str| Asked { below: text.into(), ..Asked::default() };
        assert_eq!(below("1000000.8").order_below().1, 8);
        for nonsense in ["", "x", "1", "1.x", "9223372036854775807.1"] {
            assert_eq!(below(nonsense).order_below(), (EVER.1, i64::MAX), "{nonsense}");
        }
        assert_eq!((below("12").fill_below(), below("x").fill_below()), (12, i64::MAX));
    }
}
