//! What the trades page shows, as CSV with exact numbers.

use std::sync::Arc;

use axum::{
    extract::{Query, State},
    http::{StatusCode, header},
    response::{IntoResponse, Response},
};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::Value;
use time::OffsetDateTime;

use super::{
    orders::{self, Asked as AskedOrders},
    portfolio_name, trade,
    trades::{self, Asked},
};
use crate::{
    store::query::TradeRow,
    web::{Web, figure, server::Unread, words},
};

/// The most rows of one download.
pub const ROWS_MAX: usize = 5_000;
const BATCH: i64 = 1_000;

const COLUMNS: &str = "at,signal,order,portfolio,leader,wallet,market,outcome_token,token,side,leader_price,leader_shares,\
traded_at,ended,reason,reason_text,allowed,was,setting,cause,limit_price,state,submitted_at,closed_at,filled_shares,cash,\
fee,average_price,worse_than_reference,worse_than_touch,attempt,wanted,merged_into,would_earn_a_dollar,market_probability,\
additive_confidence,bayesian_confidence,model_probability";

/// Fields of orders and fills as the API has them, in the order of the file's columns.
const ORDERS: [&str; 27] = [
    "submitted_at",
    "id",
    "signal_id",
    "portfolio_id",
    "leader",
    "wallet",
    "title",
    "token_outcome",
    "token",
    "side",
    "kind",
    "cause",
    "limit_price",
    "shares",
    "budget",
    "reserved",
    "touch",
    "reference",
    "state",
    "accepted_at",
    "closed_at",
    "filled",
    "cash",
    "fee",
    "attempt",
    "venue_id",
    "leader_id",
];
const FILLS: [&str; 20] = [
    "at",
    "seq",
    "origin",
    "order_id",
    "signal_id",
    "portfolio_id",
    "leader",
    "wallet",
    "title",
    "token_outcome",
    "token",
    "side",
    "cause",
    "shares",
    "cash",
    "fee",
    "realised",
    "settlement",
    "trade_key",
    "venue_id",
];

pub async fn paper_trades(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    trades(&web, asked.of("paper")).await
}

pub async fn live_trades(State(web): State<Arc<Web>>, Query(asked): Query<Asked>) -> Response {
    trades(&web, asked.of("live")).await
}

pub async fn paper_orders(State(web): State<Arc<Web>>, Query(asked): Query<AskedOrders>) -> Response {
    orders(&web, asked.of("paper")).await
}

pub async fn live_orders(State(web): State<Arc<Web>>, Query(asked): Query<AskedOrders>) -> Response {
    orders(&web, asked.of("live")).await
}

pub async fn paper_fills(State(web): State<Arc<Web>>, Query(asked): Query<AskedOrders>) -> Response {
    fills(&web, asked.of("paper")).await
}

pub async fn live_fills(State(web): State<Arc<Web>>, Query(asked): Query<AskedOrders>) -> Response {
    fills(&web, asked.of("live")).await
}

async fn trades(web: &Web, asked: Asked) -> Response {
    let rows = rows(web, asked).await;
    send("trades", COLUMNS, rows.map(|rows| rows.iter().map(|row| line(web, row)).collect()))
}

async fn orders(web: &Web, asked: AskedOrders) -> Response {
    let rows = orders::order_rows(web, &asked, ROWS_MAX as i64).await;
    send("orders", &ORDERS.join(","), rows.map(|listed| listed.rows.iter().map(|row| fields(row, &ORDERS)).collect()))
}

async fn fills(web: &Web, asked: AskedOrders) -> Response {
    let rows = orders::fill_rows(web, &asked, ROWS_MAX as i64).await;
    send("fills", &FILLS.join(","), rows.map(|listed| listed.rows.iter().map(|row| fields(row, &FILLS)).collect()))
}

fn send(name: &str, columns: &str, lines: Result<Vec<String>, Unread>) -> Response {
    match lines {
        Ok(lines) => {
            let text = std::iter::once(columns.to_owned()).chain(lines).map(|line| line + "\r\n").collect::<String>();
            let file = format!("attachment; filename=\"remora-{name}.csv\"");
            let headers =
                [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, file)];
            (headers, text).into_response()
        }
        Err(why) => {
            let text = format!("Postgres cannot be read ({}); try again when it is back\n", why.0);
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

/// Returns a row's fields as a line; one that is null is empty.
fn fields(row: &impl Serialize, names: &[&str]) -> String {
    let row = serde_json::to_value(row).unwrap_or_default();
    let text = |name: &&str| match &row[*name] {
        Value::Null => String::new(),
        Value::String(text) => cell(&figure::tame(text, 300)),
        other => other.to_string(),
    };
    names.iter().map(text).collect::<Vec<_>>().join(",")
}

/// Reads on from where the address says, batch by batch.
async fn rows(web: &Web, mut asked: Asked) -> Result<Vec<TradeRow>, Unread> {
    let mut all: Vec<TradeRow> = Vec::new();
    while all.len() < ROWS_MAX {
        let batch = trades::rows(web, &asked, BATCH.min((ROWS_MAX - all.len()) as i64)).await?;
        let is_last = (batch.len() as i64) < BATCH;
        all.extend(batch);
        match all.last() {
            Some(last) if !is_last => asked.below = trades::cursor_text(last.cursor()),
            Some(_) | None => break,
        }
    }
    Ok(all)
}

fn line(web: &Web, row: &TradeRow) -> String {
    let number = |number: Option<Decimal>| number.map(|n| n.normalize().to_string()).unwrap_or_default();
    let at = |at: Option<OffsetDateTime>| at.map(figure::stamp).unwrap_or_default();
    let id = |id: Option<i64>| id.map(|id| id.to_string()).unwrap_or_default();
    let text = |text: &str| cell(&figure::tame(text, 300));
    let reason = words::reason(&row.reason);
    let average = row.filled.zip(row.cash).and_then(|(filled, cash)| trade::average(filled, cash));
    let worse = |reference: Option<Decimal>| {
        number(average.zip(reference).map(|(average, r)| trade::worse(&row.side, average, r).round_dp(8)))
    };
    let portfolio = if row.portfolio_id < 0 { String::new() } else { portfolio_name(web, row.portfolio_id) };
    [
        figure::stamp(row.at),
        id(row.signal_id),
        id(row.order_id),
        text(&portfolio),
        text(&row.leader),
        text(&row.wallet),
        text(&row.title),
        text(&row.token_outcome),
        text(&row.token),
        text(&row.side),
        number(row.price),
        number(row.shares),
        at(row.traded_at),
        text(&row.outcome),
        text(&row.reason),
        cell(reason.map_or("", |reason| reason.text)),
        number(row.limit_amount),
        number(row.actual_amount),
        cell(reason.map_or("", |reason| reason.knob)),
        text(row.cause.as_deref().unwrap_or_default()),
        number(row.limit_price),
        text(row.state.as_deref().unwrap_or_default()),
        at(row.submitted_at),
        at(row.closed_at),
        number(row.filled),
        number(row.cash),
        number(row.fee),
        number(average.map(|average| average.round_dp(8))),
        worse(row.reference),
        worse(row.touch),
        row.attempt.map(|attempt| attempt.to_string()).unwrap_or_default(),
        number(row.wanted),
        id(row.merged_into),
        number(row.would),
        number(row.prior),
        number(row.additive),
        number(row.bayesian),
        number(row.model),
    ]
    .join(",")
}

/// Quotes where needed. Text that a spreadsheet would run as a formula gets an apostrophe before it.
fn cell(text: &str) -> String {
    let guard = if text.starts_with(['=', '+', '-', '@', '\t', '\r']) { "'" } else { "" };
    if guard.is_empty() && !text.contains(['"', ',', '\n', '\r', '\'']) {
        return text.to_owned();
    }
    format!("\"{guard}{}\"", text.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cell_is_one_cell_and_no_formula() {
        for (text, expected) in [
            ("plain", "plain"),
            ("a, b", "\"a, b\""),
            ("say \"yes\"", "\"say \"\"yes\"\"\""),
            ("=cmd()", "\"'=cmd()\""),
            ("@x", "\"'@x\""),
            ("", ""),
        ] {
            assert_eq!(cell(text), expected);
        }
    }
}
