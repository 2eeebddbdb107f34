//! Books and what follows from them: prices, midpoints, spreads, and the rules of a token (PROTOCOL.md 2.4, 2.5).

use axum::extract::{FromRequest, Request, State};
use axum::response::Response;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::clock::now;
use crate::domain::money::ONE;
use crate::domain::{Nanos, Side};
use crate::sim::message::{Outcome, Top};
use crate::sim::server::World;
use crate::sim::server::params::Params;
use crate::sim::server::refusal::{Refused, bad_request, json_text, not_found};
use crate::sim::wire::{self, MarketImage};

/// How many tokens one request may ask about.
const BATCH_MAX: usize = 500;
const NO_BOOK: &str = "No orderbook exists for the requested token id";
const NO_MARKET: &str = "market not found";

pub fn routes() -> Router<World> {
    Router::new()
        .route("/ok", get(|| async { "OK" }))
        // The Rust SDK asks here whether the venue is up, and reads JSON.
        .route("/", get(|| async { Json("OK") }))
        .route("/time", get(|| async { now().as_secs().to_string() }))
        .route("/version", get(|| async { Json(json!({"version": 2})) }))
        .route("/book", get(book))
        .route("/books", post(books))
        .route("/price", get(price))
        .route("/prices", post(prices))
        .route("/midpoint", get(midpoint))
        .route("/midpoints", post(midpoints))
        .route("/spread", get(spread))
        .route("/spreads", post(spreads))
        .route("/tick-size", get(tick_size))
        .route("/tick-size/{token}", get(tick_size))
        .route("/neg-risk", get(neg_risk))
        .route("/fee-rate", get(fee_rate))
        .route("/fee-rate/{token}", get(fee_rate))
}

/// One item of a batch.
#[derive(Debug, Deserialize)]
pub struct Asked {
    pub token_id: String,
    #[serde(default)]
    side: String,
}

/// The body of a batch read. What is no list of tokens gets the venue's text.
pub struct Batch(pub Vec<Asked>);

impl<S: Send + Sync> FromRequest<S> for Batch {
    type Rejection = Refused;

    async fn from_request(request: Request, state: &S) -> Result<Batch, Refused> {
        let body = axum::body::Bytes::from_request(request, state).await.map_err(|_| bad_request("Invalid payload"))?;
        serde_json::from_slice(&body).map(Batch).map_err(|_| bad_request("Invalid payload"))
    }
}

pub fn check_size(asked: &[Asked]) -> Result<(), Refused> {
    if asked.len() > BATCH_MAX { Err(bad_request("Payload exceeds the limit")) } else { Ok(()) }
}

/// The best prices of a token in millionths. A side without quotes counts as the edge that it ends at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Best {
    bid: u64,
    ask: u64,
}

impl Best {
    fn of(top: &Top) -> Best {
        Best {
            bid: top.bid.map_or(0, |price| price.micros().into()),
            ask: top.ask.map_or(ONE, |price| price.micros().into()),
        }
    }

    fn midpoint(self) -> String {
        wire::decimal(((self.bid + self.ask) / 2) as u32)
    }

    fn spread(self) -> String {
        wire::decimal(self.ask.saturating_sub(self.bid) as u32)
    }

    /// BUY is the best bid, SELL the best ask, as the OpenAPI text has it (PROTOCOL.md 13.12).
    fn price(self, side: Side) -> String {
        wire::decimal(match side {
            Side::Buy => self.bid as u32,
            Side::Sell => self.ask as u32,
        })
    }
}

fn best(world: &World, token: &str, now: Nanos) -> Option<Best> {
    world.hub().book(token, now).map(|image| Best::of(&image.top()))
}

fn side(name: &str) -> Result<Side, Refused> {
    match name {
        "BUY" | "buy" => Ok(Side::Buy),
        "SELL" | "sell" => Ok(Side::Sell),
        _ => Err(bad_request("Invalid side")),
    }
}

fn token(params: &Params) -> Result<&str, Refused> {
    params.text("token_id").ok_or_else(|| bad_request("Invalid token id"))
}

async fn book(State(world): State<World>, params: Params) -> Result<Response, Refused> {
    let image = world.hub().book(token(&params)?, now()).ok_or_else(|| not_found(NO_BOOK))?;
    Ok(json_text(wire::book_answer(&image)))
}

/// Tokens without a book are left out.
async fn books(State(world): State<World>, Batch(asked): Batch) -> Result<Response, Refused> {
    check_size(&asked)?;
    let mut hub = world.hub();
    let images = asked.iter().filter_map(|asked| hub.book(&asked.token_id, now()));
    let books: Vec<String> = images.map(|image| wire::book_answer(&image)).collect();
    Ok(json_text(format!("[{}]", books.join(","))))
}

async fn price(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let side = side(params.text("side").unwrap_or_default())?;
    let best = best(&world, token(&params)?, now()).ok_or_else(|| not_found(NO_BOOK))?;
    Ok(Json(json!({"price": best.price(side)})))
}

async fn prices(State(world): State<World>, Batch(asked): Batch) -> Result<Json<Value>, Refused> {
    check_size(&asked)?;
    let mut answer = Map::new();
    for Asked { token_id, side: name } in asked {
        let side = side(&name)?;
        if let Some(best) = best(&world, &token_id, now()) {
            let sides = answer.entry(token_id).or_insert_with(|| json!({}));
            sides[wire::side_name(side)] = json!(best.price(side));
        }
    }
    Ok(Json(Value::Object(answer)))
}

async fn midpoint(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let best = best(&world, token(&params)?, now()).ok_or_else(|| not_found(NO_BOOK))?;
    Ok(Json(json!({"mid": best.midpoint()})))
}

async fn midpoints(State(world): State<World>, Batch(asked): Batch) -> Result<Json<Value>, Refused> {
    each(&world, asked, Best::midpoint)
}

async fn spread(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let best = best(&world, token(&params)?, now()).ok_or_else(|| not_found(NO_BOOK))?;
    Ok(Json(json!({"spread": best.spread()})))
}

async fn spreads(State(world): State<World>, Batch(asked): Batch) -> Result<Json<Value>, Refused> {
    each(&world, asked, Best::spread)
}

fn each(world: &World, asked: Vec<Asked>, write: fn(Best) -> String) -> Result<Json<Value>, Refused> {
    check_size(&asked)?;
    let answers = asked.into_iter().filter_map(|asked| {
        let best = best(world, &asked.token_id, now())?;
        Some((asked.token_id, Value::String(write(best))))
    });
    Ok(Json(Value::Object(answers.collect())))
}

/// The token is a parameter of the query, or the end of the path.
fn rules(world: &World, params: &Params, path: Option<&String>) -> Result<(MarketImage, Outcome), Refused> {
    let token = path.map_or_else(|| token(params), |token| Ok(token.as_str()))?;
    world.hub().token(token, now()).ok_or_else(|| not_found(NO_MARKET))
}

type OnPath = Option<axum::extract::Path<String>>;

async fn tick_size(State(world): State<World>, path: OnPath, params: Params) -> Result<Json<Value>, Refused> {
    let (market, _) = rules(&world, &params, path.as_deref())?;
    Ok(Json(json!({"minimum_tick_size": wire::number(market.tick.micros().into())})))
}

async fn neg_risk(State(world): State<World>, params: Params) -> Result<Json<Value>, Refused> {
    let (market, _) = rules(&world, &params, None)?;
    Ok(Json(json!({"neg_risk": market.listing.neg_risk})))
}

/// A cap of V1's days, not the fee (PROTOCOL.md 7).
async fn fee_rate(State(world): State<World>, path: OnPath, params: Params) -> Result<Json<Value>, Refused> {
    let (market, _) = rules(&world, &params, path.as_deref())?;
    Ok(Json(json!({"base_fee": if market.listing.fee_rate_ppm == 0 { 0 } else { 1_000 }})))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Price;

    #[test]
    fn a_side_without_quotes_counts_as_its_edge() {
        let check = |bid: Option<u32>, ask: Option<u32>, expected: [&str; 4]| {
            let price = |cents: u32| Price::from_micros(cents * 10_000).expect("a price");
            let best = Best::of(&Top { bid: bid.map(price), ask: ask.map(price), hash: String::new() });
            let written = [best.midpoint(), best.spread(), best.price(Side::Buy), best.price(Side::Sell)];
            assert_eq!(written, expected, "{bid:?} {ask:?}");
        };
        check(Some(51), Some(52), ["0.515", "0.01", "0.51", "0.52"]);
        check(None, Some(52), ["0.26", "0.52", "0", "0.52"]);
        check(Some(51), None, ["0.755", "0.49", "0.51", "1"]);
    }
}
