//! The REST answers of the simulated venue: CLOB reads (PROTOCOL.md 2.4 to 2.6, 4.4), Gamma's market listing, Data API v2.

use std::time::Duration;

use axum::extract::{Path, Query, Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::fault::{Fault, Treatment};
use super::{World, now};
use crate::domain::Side;
use crate::sim::place::Place;
use crate::sim::wire;

type Refused = (StatusCode, Json<Value>);

pub fn routes() -> Router<World> {
    Router::new()
        .route("/ok", get(|| async { "OK" }))
        .route("/time", get(|| async { now().as_secs().to_string() }))
        .route("/version", get(|| async { r#"{"version":2}"# }))
        .route("/book", get(book))
        .route("/books", post(books))
        .route("/markets-by-token/{token}", get(market_by_token))
        .route("/clob-markets/{condition}", get(clob_market))
        .route("/markets/{condition}", get(market))
        .route("/gamma/markets", get(gamma_markets))
        .route("/data-api/v2/activity", get(activity))
}

/// What steers the simulation; no fault touches it.
pub fn control_routes() -> Router<World> {
    Router::new().route("/control/faults", post(inject))
}

fn not_found(message: &str) -> Refused {
    (StatusCode::NOT_FOUND, Json(json!({"error": message})))
}

fn json_text(text: String) -> Response {
    ([(header::CONTENT_TYPE, "application/json")], text).into_response()
}

#[derive(Deserialize)]
struct TokenQuery {
    token_id: String,
}

async fn book(State(world): State<World>, Query(query): Query<TokenQuery>) -> Result<Response, Refused> {
    book_of(&world, &query.token_id)
        .map(json_text)
        .ok_or_else(|| not_found("No orderbook exists for the requested token id"))
}

async fn books(State(world): State<World>, Json(tokens): Json<Vec<TokenQuery>>) -> Response {
    let books: Vec<String> = tokens.iter().filter_map(|token| book_of(&world, &token.token_id)).collect();
    json_text(format!("[{}]", books.join(",")))
}

fn book_of(world: &World, token: &str) -> Option<String> {
    let mut hub = world.hub();
    let stale = hub.pending.stale_snapshots.remove(token);
    stale.or_else(|| hub.workload.book(token, now())).map(|image| wire::book_answer(&image))
}

async fn market_by_token(State(world): State<World>, Path(token): Path<String>) -> Result<Json<Value>, Refused> {
    let hub = world.hub();
    let (place, _) = hub.workload.token(&token).ok_or_else(|| not_found("market not found"))?;
    let [primary, secondary] = &place.listing.tokens;
    Ok(Json(json!({
        "condition_id": place.listing.condition, "primary_token_id": primary, "secondary_token_id": secondary,
    })))
}

async fn clob_market(State(world): State<World>, Path(condition): Path<String>) -> Result<Json<Value>, Refused> {
    about(&world, &condition, |place| wire::clob_market_answer(&place.listing, place.book.tick.micros(), place.phase))
}

async fn market(State(world): State<World>, Path(condition): Path<String>) -> Result<Json<Value>, Refused> {
    about(&world, &condition, |place| wire::market_answer(&place.listing, place.book.tick.micros(), place.phase))
}

fn about(world: &World, condition: &str, write: fn(&Place) -> Value) -> Result<Json<Value>, Refused> {
    let hub = world.hub();
    let place = hub.workload.condition(condition).ok_or_else(|| not_found("market not found"))?;
    Ok(Json(write(place)))
}

#[derive(Deserialize)]
struct GammaQuery {
    clob_token_ids: String,
}

async fn gamma_markets(State(world): State<World>, Query(query): Query<GammaQuery>) -> Json<Value> {
    let hub = world.hub();
    let found = query.clob_token_ids.split(',').filter_map(|token| hub.workload.token(token));
    let markets = found.map(|(place, _)| wire::gamma_market(&place.listing, place.book.tick.micros(), place.phase));
    Json(Value::Array(markets.collect()))
}

#[derive(Deserialize)]
struct ActivityQuery {
    #[serde(default)]
    user: String,
    #[serde(default = "page_default")]
    limit: usize,
    cursor: Option<u64>,
    offset: Option<u64>,
    start: Option<u64>,
    end: Option<u64>,
    side: Option<String>,
    #[serde(default)]
    sort_direction: String,
}

fn page_default() -> usize {
    100
}

const PAGE_MAX: usize = 1_000;

/// The cursor is the number of the last row of the page before.
async fn activity(State(world): State<World>, Query(query): Query<ActivityQuery>) -> Result<Json<Value>, Refused> {
    if query.user.is_empty() || query.offset.is_some() || !(1..=PAGE_MAX).contains(&query.limit) {
        let error = "user is required, limit is 1 to 1000, offset is not supported: use cursor";
        let body = json!({"error": error, "code": "bad_request", "retryable": false, "trace_id": "simulated"});
        return Err((StatusCode::BAD_REQUEST, Json(body)));
    }
    let ascends = query.sort_direction.eq_ignore_ascii_case("asc");
    let hub = world.hub();
    let mut rows: Vec<_> = hub
        .history(&query.user, now())
        .filter(|told| {
            let at = told.activity.traded_at.0 / 1_000;
            let is_side = |name: &String| name.eq_ignore_ascii_case(side_name(told.activity.side));
            query.start.is_none_or(|start| start <= at)
                && query.end.is_none_or(|end| at <= end)
                && query.side.as_ref().is_none_or(is_side)
                && query.cursor.is_none_or(|last| if ascends { told.number > last } else { told.number < last })
        })
        .collect();
    if !ascends {
        rows.reverse();
    }
    let has_more = rows.len() > query.limit;
    rows.truncate(query.limit);
    let next = rows.last().filter(|_| has_more).map(|told| told.number.to_string());
    let data: Vec<Value> = rows.iter().map(|told| wire::activity_row(&told.activity)).collect();
    Ok(Json(json!({
        "data": data,
        "pagination": {"limit": query.limit, "offset": 0, "has_more": has_more, "next_cursor": next.unwrap_or_default()},
    })))
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

async fn inject(State(world): State<World>, Json(fault): Json<Fault>) -> StatusCode {
    world.hub().inject(fault, now());
    StatusCode::NO_CONTENT
}

/// Answers a request, or fails or delays it where a fault says so.
pub async fn with_faults(State(world): State<World>, request: Request, next: Next) -> Response {
    let treatment = world.hub().pending.treat_request();
    match treatment {
        Treatment::Answer => next.run(request).await,
        Treatment::Fail => {
            (StatusCode::INTERNAL_SERVER_ERROR, Json(json!({"error": "simulated failure"}))).into_response()
        }
        Treatment::AnswerAfter { millis } => {
            tokio::time::sleep(Duration::from_millis(millis)).await;
            next.run(request).await
        }
    }
}
