//! Paper Trades: every signal with why or why not, and every order that no signal led to.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Query, State},
    response::Response,
};
use rust_decimal::Decimal;
use serde::Deserialize;
use time::OffsetDateTime;

use super::{Frame, LeaderName, MarketName, mode, portfolio_name, scope::Tab, show};
use crate::{
    domain::Nanos,
    store::query::{Cursor, TradeFilter, TradeRow},
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
    /// `live`, else paper.
    pub mode: String,
    pub portfolio: String,
    pub leader: String,
    pub outcome: String,
    pub reason: String,
    pub side: String,
    /// `micros.kind.id.portfolio` of the row above the page's first.
    pub below: String,
}

impl Asked {
    /// Returns the filter. What is no number or longer than any code matches nothing rather than everything.
    pub fn filter(&self) -> TradeFilter {
        let id = |text: &str| if text.is_empty() { -1 } else { text.parse().unwrap_or(i32::MAX) };
        let code = |text: &str| text.chars().filter(|c| !c.is_control()).take(60).collect();
        TradeFilter {
            mode: self.mode().to_owned(),
            portfolio: id(&self.portfolio),
            leader: id(&self.leader),
            outcome: code(&self.outcome),
            reason: code(&self.reason),
            side: code(&self.side),
        }
    }

    pub fn mode(&self) -> &'static str {
        mode(&self.mode)
    }

    pub fn cursor(&self) -> Cursor {
        parse_cursor(&self.below).unwrap_or(Cursor::TOP)
    }

    /// Returns the address's question with another beginning.
    pub fn query(&self, below: &str) -> String {
        let parts = [
            ("mode", self.mode.as_str()),
            ("portfolio", self.portfolio.as_str()),
            ("leader", &self.leader),
            ("outcome", &self.outcome),
            ("reason", &self.reason),
            ("side", &self.side),
            ("below", below),
        ];
        let given: Vec<String> = parts
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name}={}", percent_encoded(value)))
            .collect();
        given.join("&")
    }

    fn is_filtered(&self) -> bool {
        self.filter() != TradeFilter { mode: self.mode().to_owned(), ..TradeFilter::default() }
    }
}

pub(super) fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
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

/// One line.
pub struct Trade {
    pub link: String,
    pub at: When,
    pub portfolio: String,
    pub leader: LeaderName,
    pub market: MarketName,
    pub side: String,
    pub side_word: String,
    /// The leader's own trade; none where no leader led to the order.
    pub leader_price: Option<Figure>,
    pub leader_shares: Option<Figure>,
    pub leader_usdc: Option<Figure>,
    /// Where the trade is one of several that belong together.
    pub group: Option<Group>,
    pub verdict: Verdict,
    pub score: Option<Score>,
    /// Dollars of a copy that waits or waited, and the signal it was ordered with.
    pub wanted: Option<Figure>,
    pub merged_into: Option<i64>,
    /// What each dollar of a copy that was not made would have earned.
    pub would: Option<Figure>,
    pub why: Option<Why>,
    pub order: Option<Order>,
    /// From the leader's trade to our order, or to our decision.
    pub delay: Option<Figure>,
    pub delay_word: &'static str,
}

pub struct Group {
    pub id: i64,
    pub shares: Figure,
    pub price: Figure,
}

/// What the models made of it: probabilities that the outcome comes true.
pub struct Score {
    pub bayesian: Figure,
    pub additive: Figure,
    pub market: Figure,
    pub model: Option<Figure>,
}

impl Score {
    pub fn of(
        prior: Option<Decimal>,
        additive: Option<Decimal>,
        bayesian: Option<Decimal>,
        model: Option<Decimal>,
    ) -> Option<Score> {
        Some(Score {
            bayesian: Figure::percent(bayesian?),
            additive: Figure::percent(additive?),
            market: Figure::percent(prior?),
            model: model.map(Figure::percent),
        })
    }
}

/// Why not.
pub struct Why {
    pub text: String,
    pub numbers: Option<(Figure, Figure)>,
    pub knob: &'static str,
}

/// What we ordered and got.
pub struct Order {
    pub cause: String,
    /// Where it was sent again: how often.
    pub attempt: Option<i16>,
    pub limit: Figure,
    pub wanted: Figure,
    pub filled: Figure,
    pub has_fills: bool,
    pub average: Figure,
    pub cash: Figure,
    pub fee: Figure,
    pub against_leader: Figure,
    pub reference_word: &'static str,
    pub against_touch: Figure,
}

impl Trade {
    pub fn new(web: &Web, row: &TradeRow, now: Nanos) -> Trade {
        let order = order(row);
        let verdict = match &row.state {
            Some(state) => words::order_state(state, row.filled.unwrap_or_default()),
            None => words::outcome(&row.outcome),
        };
        let link = match (row.signal_id, row.order_id) {
            (Some(signal), _) => format!("/signals/{signal}"),
            (None, Some(order)) => format!("/orders/{order}"),
            (None, None) => String::new(),
        };
        let until = row.submitted_at.unwrap_or(row.at);
        Trade {
            link,
            at: When::new(row.at, now),
            portfolio: if row.portfolio_id < 0 { String::new() } else { portfolio_name(web, row.portfolio_id) },
            leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
            market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
            side: figure::tame(&row.side, 10),
            side_word: words::side(&row.side).to_owned(),
            leader_price: row.price.map(Figure::price),
            leader_shares: row.shares.map(Figure::shares),
            leader_usdc: row.price.zip(row.shares).map(|(price, shares)| Figure::usd(price * shares)),
            group: group(row),
            score: Score::of(row.prior, row.additive, row.bayesian, row.model),
            wanted: row.wanted.map(Figure::usd),
            merged_into: row.merged_into,
            would: row.would.map(Figure::gain),
            why: why(row, &verdict),
            verdict,
            order,
            delay: row.traded_at.map(|traded| Figure::delay(traded, until)),
            delay_word: match (row.submitted_at, row.outcome.as_str()) {
                (Some(_), _) => "to our order",
                (None, "waiting") => "until we saw it",
                (None, _) => "to our decision",
            },
        }
    }
}

fn group(row: &TradeRow) -> Option<Group> {
    let (id, shares, price) = (row.group_id?, row.group_shares?, row.group_price?);
    let alone = Some(id) == row.signal_id && Some(shares) == row.shares;
    (!alone).then(|| Group { id, shares: Figure::shares(shares), price: Figure::price_average(price) })
}

fn why(row: &TradeRow, verdict: &Verdict) -> Option<Why> {
    if let Some(reason) = words::reason(&row.reason) {
        let numbers =
            words::numbers(reason.unit, row.limit_amount.unwrap_or_default(), row.actual_amount.unwrap_or_default());
        return Some(Why { text: reason.text.to_owned(), numbers, knob: reason.knob });
    }
    let text = match (verdict.text.as_str(), row.reason.as_str()) {
        ("", "") => return None,
        ("", code) => figure::tame(code, 80),
        (text, _) => text.to_owned(),
    };
    Some(Why { text, numbers: None, knob: "" })
}

/// Returns the average price of what was filled; none before a fill.
pub fn average(filled: Decimal, cash: Decimal) -> Option<Decimal> {
    (!filled.is_zero()).then(|| cash / filled)
}

/// Returns how much worse than `reference` the fills were, a share.
pub fn worse(side: &str, average: Decimal, reference: Decimal) -> Decimal {
    if side == "sell" { reference - average } else { average - reference }
}

fn order(row: &TradeRow) -> Option<Order> {
    let (filled, cash) = (row.filled?, row.cash?);
    let average = average(filled, cash);
    let against = |reference: Option<Decimal>| match (average, reference) {
        (Some(average), Some(reference)) => Figure::worse(worse(&row.side, average, reference), reference),
        (None, _) | (_, None) => Figure::none("nothing was filled"),
    };
    let cause = row.cause.as_deref().unwrap_or_default();
    Some(Order {
        cause: words::cause(cause),
        attempt: row.attempt.filter(|attempt| 1 < *attempt),
        limit: Figure::price(row.limit_price?),
        wanted: if row.side == "buy" {
            Figure::usd(row.budget?)
        } else {
            Figure::shares(row.order_shares?).with_unit("shares")
        },
        filled: Figure::shares(filled),
        has_fills: average.is_some(),
        average: average.map_or_else(|| Figure::none("nothing was filled"), Figure::price_average),
        cash: Figure::usd(cash),
        fee: Figure::usd(row.fee?),
        against_leader: against(row.reference),
        reference_word: if row.signal_id.is_some() { "vs leader" } else { "vs our price" },
        against_touch: against(row.touch),
    })
}

/// A choice of a filter.
pub struct Choice {
    pub value: String,
    pub text: String,
    pub chosen: bool,
}

pub fn choices(asked: &str, all: impl IntoIterator<Item = (String, String)>) -> Vec<Choice> {
    all.into_iter().map(|(value, text)| Choice { chosen: value == asked, value, text }).collect()
}

#[derive(Template)]
#[template(path = "trades.html")]
struct Page {
    frame: Frame,
    modes: Vec<Tab>,
    mode: &'static str,
    portfolios: Vec<Choice>,
    leaders: Vec<Choice>,
    outcomes: Vec<Choice>,
    reasons: Vec<Choice>,
    sides: Vec<Choice>,
    trades: Vec<Trade>,
    filtered: bool,
    is_first: bool,
    first: String,
    older: String,
    csv: String,
    csv_rows_max: usize,
}

pub async fn trades(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    let now = (web.state.clock)();
    let mode = asked.mode();
    let mut frame = Frame::new(&web, if mode == "live" { "Live Trades" } else { "Paper Trades" }, "trades");
    let mut rows = match rows(&web, &asked, PAGE_ROWS + 1).await {
        Ok(rows) => rows,
        Err(why) => {
            let missing = "Signals are still decided and kept in the journal; they appear here when Postgres is back.";
            frame = frame.without_postgres(&why, missing);
            Vec::new()
        }
    };
    let has_older = rows.len() > PAGE_ROWS as usize;
    rows.truncate(PAGE_ROWS as usize);
    let older = rows.last().filter(|_| has_older).map(|row| asked.query(&cursor_text(row.cursor())));
    let pulse = web.pulse.borrow().clone();
    let paper = pulse.portfolios.iter().filter(|row| row.mode == mode);
    let leader = |row: &crate::store::query::LeaderRow| LeaderName::new(&row.name, &row.wallet, row.id).name;
    let owned = |(value, text): (&str, &str)| (value.to_owned(), text.to_owned());
    let tab = |(code, text): (&str, &'static str)| Tab {
        text,
        href: format!("/paper-trades?mode={code}"),
        chosen: code == mode,
    };
    show(&Page {
        modes: [("paper", "Paper"), ("live", "Live")].map(tab).into(),
        mode,
        portfolios: choices(
            &asked.portfolio,
            paper.map(|row| (row.id.to_string(), figure::tame(&row.strategy, super::NAME_MAX))),
        ),
        leaders: choices(&asked.leader, pulse.leaders.iter().map(|row| (row.id.to_string(), leader(row)))),
        outcomes: choices(&asked.outcome, words::OUTCOMES.map(owned)),
        reasons: choices(&asked.reason, words::reasons().into_iter().map(|(code, text)| (code.to_owned(), text))),
        sides: choices(&asked.side, [("buy", "Buys"), ("sell", "Sells")].map(owned)),
        trades: rows.iter().map(|row| Trade::new(&web, row, now)).collect(),
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

    #[test]
    fn worse_is_against_us_on_both_sides() {
        let cents = |text: &str| text.parse::<Decimal>().expect("a number");
        assert_eq!(worse("buy", cents("0.51"), cents("0.50")), cents("0.01"));
        assert_eq!(worse("sell", cents("0.51"), cents("0.50")), cents("-0.01"));
    }
}
