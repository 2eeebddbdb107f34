//! The whole life of one signal or order: who told it, what was decided, ordered and filled, how long each stage took, and
//! every event of it.

use std::sync::Arc;

use askama::Template;
use axum::{
    extract::{Path, State},
    response::Response,
};
use rust_decimal::Decimal;

use super::{
    Frame, LeaderName, MarketName, not_found, portfolio_name, show,
    trade::{self, Trade},
};
use crate::{
    domain::Nanos,
    report::trace::{self, Trace, TraceId},
    store::query::{EventRow, FillRow, OrderRow, SightingRow, SignalRow},
    web::{
        Web,
        figure::{self, Figure, When},
        happening,
        server::Unread,
        words::{self, Verdict},
    },
};

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
    token_id: i32,
    traded_at: When,
    at: When,
    trade_key: String,
    /// Where he did not trade: what he did; else empty.
    how: &'static str,
    score: Option<trade::Score>,
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
    token_id: i32,
    venue_id: String,
}

struct Fill {
    at: When,
    shares: Figure,
    price: Figure,
    cash: Figure,
    fee: Figure,
    realised: Figure,
    settlement: Verdict,
}

/// One word of one source.
struct Seen {
    source: String,
    at: When,
    is_first: bool,
    lag: Figure,
    behind: Figure,
}

/// The stages of an order, or what is before all orders.
struct Chain {
    heading: String,
    order: Option<i64>,
    steps: Vec<Stage>,
}

struct Stage {
    text: String,
    at: When,
    elapsed: Figure,
    since_start: Figure,
}

struct Happened {
    seq: i64,
    at: When,
    /// Since the first moment shown.
    after: Figure,
    what: String,
    parts: Vec<(&'static str, String)>,
}

#[derive(Default, Template)]
#[template(path = "life.html")]
struct Page {
    frame: Frame,
    heading: String,
    signal: Option<Signal>,
    seen: Vec<Seen>,
    decisions: Vec<Trade>,
    chains: Vec<Chain>,
    orders: Vec<Order>,
    events: Vec<Happened>,
    /// The same as JSON.
    json: String,
}

pub async fn signal(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    let id = id.parse().ok().filter(|id| 0 < *id);
    match id {
        Some(id) => page(&web, format!("Signal {id}"), &TraceId::Signal(id), &id.to_string()).await,
        None => not_found(&web, "A signal's address ends in its number."),
    }
}

pub async fn order(State(web): State<Arc<Web>>, Path(id): Path<String>) -> Response {
    match id.parse() {
        Ok(id) => page(&web, format!("Order {id}"), &TraceId::Order(id), &format!("order-{id}")).await,
        Err(_) => not_found(&web, "An order's address ends in its number."),
    }
}

/// Returns the trace of what an address or a person names; `None` where the tables have nothing of it.
pub async fn trace(web: &Web, id: &TraceId) -> Result<Option<Trace>, Unread> {
    Ok(trace::read(&mut web.reader().await?, id).await?)
}

async fn page(web: &Web, heading: String, id: &TraceId, name: &str) -> Response {
    let mut page = Page {
        frame: Frame::new(web, "One trade's life", "signals"),
        heading,
        json: format!("/api/v1/traces/{name}"),
        ..Page::default()
    };
    match trace(web, id).await {
        Ok(Some(trace)) => page.fill(web, &trace),
        Ok(None) => return not_found(web, &format!("There is no {}. It may not be in Postgres yet.", page.heading)),
        Err(why) => page.frame.miss(&why, "Its life is in the journal and shows here when Postgres is back."),
    }
    show(&page)
}

impl Page {
    fn fill(&mut self, web: &Web, trace: &Trace) {
        let now = (web.state.clock)();
        let began = trace.chains.first().and_then(|chain| chain.steps.first()).map(|step| step.at);
        self.signal = trace.signal.as_ref().map(|row| signal_view(row, now));
        let traded = trace.signal.as_ref().map(|signal| signal.traded_at);
        self.seen = trace.sightings.iter().map(|row| seen(row, traded.unwrap_or(row.seen_at), now)).collect();
        self.decisions = trace.decisions.iter().map(|row| Trade::new(web, row, now)).collect();
        self.chains = trace.chains.iter().map(|of| chain(web, of, now)).collect();
        self.orders = trace.orders.iter().map(|row| order_view(web, row, &trace.fills, now)).collect();
        self.events = trace.events.iter().map(|row| happened(row, began.unwrap_or(row.at), now)).collect();
    }
}

fn seen(row: &SightingRow, traded: time::OffsetDateTime, now: Nanos) -> Seen {
    let lag = |us: i64| Figure::length(Nanos(us.unsigned_abs() * 1_000));
    Seen {
        source: figure::tame(&row.source, 20),
        at: When::fine(row.seen_at, now),
        is_first: row.is_first,
        lag: row.lag_us.filter(|_| !row.is_first).map_or_else(|| Figure::none("it was the first"), lag),
        behind: Figure::delay(traded, row.seen_at),
    }
}

fn chain(web: &Web, of: &trace::Chain, now: Nanos) -> Chain {
    let us = |us: i64| Figure::milliseconds(Decimal::new(us, 3));
    let stage = |step: &trace::Step| Stage {
        text: figure::tame(&step.text, 80),
        at: When::fine(step.at, now),
        elapsed: step.elapsed_us.map_or_else(|| Figure::none("the first"), us),
        since_start: us(step.since_start_us),
    };
    Chain {
        heading: match (of.order, of.portfolio_id) {
            (Some(order), Some(portfolio)) => format!("Order {order} for {}", portfolio_name(web, portfolio)),
            (Some(order), None) => format!("Order {order}"),
            (None, _) => "Until it was taken in".to_owned(),
        },
        order: of.order,
        steps: of.steps.iter().map(stage).collect(),
    }
}

fn signal_view(row: &SignalRow, now: Nanos) -> Signal {
    Signal {
        leader: LeaderName::new(&row.leader, &row.wallet, row.leader_id),
        market: MarketName::new(&row.title, &row.token_outcome, &row.token, row.token_id),
        token_id: row.token_id,
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
        score: trade::Score::of(row.prior, row.additive, row.bayesian, row.model),
        traded_at: When::fine(row.traded_at, now),
        at: When::fine(row.at, now),
        trade_key: figure::tame(&row.trade_key, 80),
    }
}

fn order_view(web: &Web, row: &OrderRow, fills: &[FillRow], now: Nanos) -> Order {
    let average = trade::average(row.filled, row.cash);
    let against = |reference: Decimal| match average {
        Some(average) => Figure::worse(trade::worse(&row.side, average, reference), reference),
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
        token_id: row.token_id,
        venue_id: figure::tame(&row.venue_id, 80),
        fills: fills.iter().filter(|fill| fill.order_id == row.id).map(|fill| fill_view(fill, now)).collect(),
    }
}

fn fill_view(row: &FillRow, now: Nanos) -> Fill {
    let price = trade::average(row.shares, row.cash);
    Fill {
        at: When::fine(row.at, now),
        shares: Figure::shares(row.shares),
        price: price.map_or_else(|| Figure::none("no shares"), Figure::price_average),
        cash: Figure::usd(row.cash),
        fee: Figure::usd(row.fee),
        realised: Figure::result(row.realised),
        settlement: words::settlement(&row.settlement),
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
