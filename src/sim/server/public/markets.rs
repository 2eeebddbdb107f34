//! The CLOB's lists of markets, its lookups, and what little it says of builders and rebates (PROTOCOL.md 2.4, 2.6, 4.4).

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use crate::clock::now;
use crate::sim::server::World;
use crate::sim::server::params::Params;
use crate::sim::server::refusal::{Refused, bad_request, not_found};
use crate::sim::wire::{self, MarketImage};

const PAGE: usize = 500;
/// `-1` in base64: there is no next page.
const END: &str = "LTE=";
const NO_MARKET: &str = "market not found";
/// How many trades `/markets/live-activity` shows.
const LIVE_MAX: usize = 50;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/markets", get(markets))
        .route("/simplified-markets", get(simplified))
        .route("/sampling-markets", get(sampling))
        .route("/sampling-simplified-markets", get(sampling_simplified))
        .route("/markets/{condition}", get(market))
        .route("/markets/live-activity/{condition}", get(live_activity))
        .route("/clob-markets/{condition}", get(clob_market))
        .route("/markets-by-token/{token}", get(market_by_token))
        .route("/builder/trades", get(builder_trades))
        .route("/fees/builder-fees/{code}", get(builder_fees))
        .route("/rebates/current", get(rebates))
}

/// Returns where a page begins. The cursor is a number in base64; none is `MA==`, the first page.
fn offset(params: &Params) -> Result<usize, Refused> {
    let Some(cursor) = params.text("next_cursor") else { return Ok(0) };
    let bytes = BASE64_STANDARD.decode(cursor).ok();
    let number = bytes.and_then(|bytes| String::from_utf8(bytes).ok()?.parse::<i64>().ok());
    match number {
        Some(-1) => Ok(usize::MAX),
        Some(number) if number >= 0 => Ok(number as usize),
        Some(_) | None => Err(bad_request("invalid next_cursor")),
    }
}

/// Writes one page of rows that are all there.
fn page(rows: Vec<Value>, params: &Params) -> Result<Json<Value>, Refused> {
    let start = offset(params)?.min(rows.len());
    let end = (start + PAGE).min(rows.len());
    let next = if end == rows.len() { END.to_owned() } else { BASE64_STANDARD.encode(end.to_string()) };
    Ok(Json(json!({"limit": PAGE, "count": end - start, "next_cursor": next, "data": rows[start..end]})))
}

fn listed(
    world: &World,
    params: &Params,
    is_wanted: fn(&MarketImage) -> bool,
    write: fn(&MarketImage) -> Value,
) -> Result<Json<Value>, Refused> {
    let hub = world.hub();
    let rows = hub.listed(now()).filter(is_wanted).map(|market| write(&market)).collect();
    drop(hub);
    page(rows, params)
}

async fn markets(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    listed(&world, &params, |_| true, wire::market_answer)
}

async fn simplified(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    listed(&world, &params, |_| true, wire::simplified_market_answer)
}

/// The markets that pay rewards; here those that are open.
async fn sampling(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    listed(&world, &params, MarketImage::is_open, wire::market_answer)
}

async fn sampling_simplified(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    listed(&world, &params, MarketImage::is_open, wire::simplified_market_answer)
}

fn about(world: &World, condition: &str, write: fn(&MarketImage) -> Value) -> Result<Json<Value>, Refused> {
    let market = world.hub().condition(condition, now()).ok_or_else(|| not_found(NO_MARKET))?;
    Ok(Json(write(&market)))
}

async fn market(State(world): State<World>, Path(condition): Path<String>) -> Result<Json<Value>, Refused> {
    about(&world, &condition, wire::market_answer)
}

async fn clob_market(State(world): State<World>, Path(condition): Path<String>) -> Result<Json<Value>, Refused> {
    about(&world, &condition, wire::clob_market_answer)
}

async fn market_by_token(State(world): State<World>, Path(token): Path<String>) -> Result<Json<Value>, Refused> {
    let (market, _) = world.hub().token(&token, now()).ok_or_else(|| not_found(NO_MARKET))?;
    let [primary, secondary] = &market.listing.tokens;
    Ok(Json(json!({
        "condition_id": market.listing.condition, "primary_token_id": primary, "secondary_token_id": secondary,
    })))
}

/// The last trades of a market, newest first.
async fn live_activity(State(world): State<World>, Path(condition): Path<String>) -> Result<Json<Value>, Refused> {
    let hub = world.hub();
    let market = hub.condition(&condition, now()).ok_or_else(|| not_found(NO_MARKET))?;
    let newest = hub.archive.known(now()).rev().filter_map(|told| told.what.fill());
    let of_market = newest.filter(|fill| fill.listing.condition == market.listing.condition);
    let rows: Vec<Value> = of_market.take(LIVE_MAX).map(wire::live_row).collect();
    Ok(Json(Value::Array(rows)))
}

fn is_builder_code(code: &str) -> bool {
    let digits = code.strip_prefix("0x").unwrap_or_default();
    digits.len() == 64 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
}

/// Nothing is attributed to builders here: the exchange does not keep the code of an order.
async fn builder_trades(params: Params) -> Result<Json<Value>, Refused> {
    if !params.text("builder_code").is_some_and(is_builder_code) {
        return Err(bad_request("invalid builder_code"));
    }
    page(Vec::new(), &params)
}

/// Every builder is registered, and takes nothing; but zero, which stands for no builder.
async fn builder_fees(Path(code): Path<String>) -> Result<Json<Value>, Refused> {
    if !is_builder_code(&code) {
        return Err(bad_request("invalid builder code"));
    }
    if code.bytes().skip(2).all(|digit| digit == b'0') {
        return Err(not_found("builder not found"));
    }
    Ok(Json(json!({"builder_maker_fee_rate_bps": 0, "builder_taker_fee_rate_bps": 0})))
}

/// Rebates are paid off the book (PROTOCOL.md 7), so there are never any.
async fn rebates(params: Params) -> Result<Json<Value>, Refused> {
    match (params.text("date"), params.text("maker_address")) {
        (Some(_), Some(_)) => Ok(Json(json!([]))),
        (None, _) | (_, None) => Err(bad_request("date and maker_address are required")),
    }
}
