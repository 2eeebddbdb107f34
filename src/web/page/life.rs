//! The whole life of one signal, or of one order that no signal led to: what was decided, ordered and filled, event by event.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use rust_decimal::Decimal;

use super::{
    Frame, LeaderName, MarketName, not_found, portfolio_name, show,
    trades::{self, Trade},
};
use crate::{
    domain::Nanos,
    store::query::{EventRow, FillRow, OrderRow, SignalRow, TradeRow},
    web::{
        Web,
        figure::{self, Figure, When},
        happening,
        server::Unread,
        words::{self, Verdict},
    },
};

/// What the tables say of it.
struct Rows {
    signal: Option<SignalRow>,
    decisions: Vec<TradeRow>,
    orders: Vec<OrderRow>,
    fills: Vec<FillRow>,
    events: Vec<EventRow>,
}

struct Signal {
    leader: LeaderName,
    market: MarketName,
    condition: String,
    side: String,
    side_word: String,
    price: Figure,
    shares: Figure,
    usdc: Figure,
    group_id: i64,
    group_price: Figure,
    group_shares: Figure,
    leader_held: Figure,
    traded_at: When,
    at: When,
    trade_key: String,
    /// Where he did not trade: what he did; else empty.
    how: &'static str,
    score: Option<trades::Score>,
}

struct Order {
    id: i64,
    portfolio: String,
    leader: LeaderName,
    market: MarketName,
    side_word: String,
    kind: String,
    cause: String,
    verdict: Verdict,
    limit: Figure,
    wanted: Figure,
    reserved: Figure,
    touch: Figure,
    reference: Figure,
    submitted_at: When,
    accepted: Figure,
    closed: Figure,
    filled: Figure,
    average: Figure,
    cash: Figure,
    fee: Figure,
    against_reference: Figure,
    against_touch: Figure,
    fills: Vec<Fill>,
}

struct Fill {
    at: When,
    shares: Figure,
    price: Figure,
    cash: Figure,
    fee: Figure,
    realised: Figure,
}

struct Happened {
    seq: i64,
    at: When,
    /// Since the first moment shown.
    after: Figure,
    what: String,
    parts: Vec<(&'static str, String)>,
}

#[derive(Template)]
#[template(path = "life.html")]
struct Page {
    frame: Frame,
    heading: String,
    signal: Option<Signal>,
    decisions: Vec<Trade>,
    orders: Vec<Order>,
    events: Vec<Happened>,
}

pub async fn signal(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    let id = id.parse().ok().filter(|id| 0 < *id);
    let Some(id) = id else {
        return not_found(&web, "A signal's address ends in its number.");
    };
    let rows = signal_rows(&web, id).await;
    page(&web, format!("Signal {id}"), rows, &format!("There is no signal {id}. It may not be in Postgres yet."))
}

pub async fn order(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    let Ok(id) = id.parse() else {
        return not_found(&web, "An order's address ends in its number.");
    };
    let rows = order_rows(&web, id).await;
    page(&web, format!("Order {id}"), rows, &format!("There is no order {id}. It may not be in Postgres yet."))
}

async fn signal_rows(web: &Web, id: i64) -> Result<Option<Rows>, Unread> {
    let mut reader = web.reader().await?;
    let Some(signal) = reader.signal(id).await? else {
        return Ok(None);
    };
    let decisions = reader.decisions_of(&signal).await?;
    let orders = reader.orders_of(id).await?;
    let ids: Vec<i64> = orders.iter().map(|order| order.id).collect();
    let fills = reader.fills_of(&ids).await?;
    let events = reader.events_of(id, &ids).await?;
    Ok(Some(Rows { signal: Some(signal), decisions, orders, fills, events }))
}

async fn order_rows(web: &Web, id: i64) -> Result<Option<Rows>, Unread> {
    let mut reader = web.reader().await?;
    let Some(order) = reader.order(id).await? else {
        return Ok(None);
    };
    let fills = reader.fills_of(&[id]).await?;
    let events = reader.events_of(0, &[id]).await?;
    Ok(Some(Rows { signal: None, decisions: Vec::new(), orders: vec![order], fills, events }))
}

fn page(web: &Web, heading: String, rows: Result<Option<Rows>, Unread>, absent: &str) -> Response {
    let frame = Frame::new(web, "One trade's life", "trades");
    let now = (web.state.clock)();
    match rows {
        Ok(Some(rows)) => {
            let began = rows.signal.as_ref().map(|signal| signal.traded_at);
            let began = began.or_else(|| rows.orders.first().map(|order| order.submitted_at));
            show(&Page {
                frame,
                heading,
                signal: rows.signal.as_ref().map(|row| signal_view(row, now)),
                decisions: rows.decisions.iter().map(|row| Trade::new(web, row, now)).collect(),
                orders: rows.orders.iter().map(|row| order_view(web, row, &rows.fills, now)).collect(),
                events: rows.events.iter().map(|row| happened(row, began.unwrap_or(row.at), now)).collect(),
            })
        }
        Ok(None) => not_found(web, absent),
        Err(why) => {
            let frame =
                frame.without_postgres(&why, "Its life is in the journal and shows here when Postgres is back.");
            let (decisions, orders, events) = (Vec::new(), Vec::new(), Vec::new());
            show(&Page { frame, heading, signal: None, decisions, orders, events })
        }
    }
}

fn signal_view(row: &SignalRow, now: Nanos) -> Signal {
    Signal {
        leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
        market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
        condition: figure::tame(&row.condition_id, 80),
        side: figure::tame(&row.side, 10),
        side_word: words::side(&row.side).to_owned(),
        price: Figure::price(row.price),
        shares: Figure::shares(row.shares),
        usdc: Figure::usd(row.price * row.shares),
        group_id: row.group_id,
        group_price: Figure::price_average(row.group_price),
        group_shares: Figure::shares(row.group_shares),
        leader_held: Figure::shares(row.leader_held),
        how: match row.how.as_str() {
            "left" => "he left without selling: merged, converted, redeemed or sent away",
            "observed" => "his position, read from the venue, is smaller than his trades say",
            _traded => "",
        },
        score: trades::Score::of(row.prior, row.additive, row.bayesian, row.model),
        traded_at: When::fine(row.traded_at, now),
        at: When::fine(row.at, now),
        trade_key: figure::tame(&row.trade_key, 80),
    }
}

fn order_view(web: &Web, row: &OrderRow, fills: &[FillRow], now: Nanos) -> Order {
    let average = trades::average(row.filled, row.cash);
    let against = |reference: Decimal| match average {
        Some(average) => Figure::worse(trades::worse(&row.side, average, reference), reference),
        None => Figure::none("nothing was filled"),
    };
    let after = |at: Option<time::OffsetDateTime>| match at {
        Some(at) => Figure::delay(row.submitted_at, at),
        None => Figure::none("not yet"),
    };
    Order {
        id: row.id,
        portfolio: portfolio_name(web, row.portfolio_id),
        leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
        market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
        side_word: words::side(&row.side).to_owned(),
        kind: figure::tame(&row.kind, 10).to_uppercase(),
        cause: words::cause(&row.cause),
        verdict: words::order_state(&row.state, row.filled),
        limit: Figure::price(row.limit_price),
        wanted: if row.side == "buy" {
            Figure::usd(row.budget)
        } else {
            Figure::shares(row.shares).with_unit("shares")
        },
        reserved: Figure::usd(row.reserved),
        touch: Figure::price(row.touch),
        reference: Figure::price_average(row.reference),
        submitted_at: When::fine(row.submitted_at, now),
        accepted: after(row.accepted_at),
        closed: after(row.closed_at),
        filled: Figure::shares(row.filled),
        average: average.map_or_else(|| Figure::none("nothing was filled"), Figure::price_average),
        cash: Figure::usd(row.cash),
        fee: Figure::usd(row.fee),
        against_reference: against(row.reference),
        against_touch: against(row.touch),
        fills: fills.iter().filter(|fill| fill.order_id == row.id).map(|fill| fill_view(fill, now)).collect(),
    }
}

fn fill_view(row: &FillRow, now: Nanos) -> Fill {
    let price = trades::average(row.shares, row.cash);
    Fill {
        at: When::fine(row.at, now),
        shares: Figure::shares(row.shares),
        price: price.map_or_else(|| Figure::none("no shares"), Figure::price_average),
        cash: Figure::usd(row.cash),
        fee: Figure::usd(row.fee),
        realised: Figure::result(row.realised),
    }
}

fn happened(row: &EventRow, began: time::OffsetDateTime, now: Nanos) -> Happened {
    let (what, parts) = match serde_json::from_value(row.body.0.clone()) {
        Ok(event) => (happening::sentence(&event).to_owned(), happening::parts(&event)),
        // An event of a newer version of the program.
        Err(_) => (figure::tame(&row.kind, 40), vec![("body", figure::tame(&row.body.0.to_string(), 300))]),
    };
    Happened { seq: row.seq, at: When::fine(row.at, now), after: Figure::delay(began, row.at), what, parts }
}
