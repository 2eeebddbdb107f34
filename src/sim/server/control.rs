//! What steers the simulation while it runs: faults, knobs, state. No fault touches it, and it asks for no key.

use axum::extract::State;
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::World;
use super::fault::Fault;
use super::geoblock::Region;
use super::profile::Knobs;
use super::refusal::{Refused, refused};
use crate::clock::now;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/control/faults", post(inject))
        .route("/control/knobs", get(knobs).put(set_knobs).patch(turn_knobs))
        .route("/control/region", get(region).put(set_region))
        .route("/control/state", get(state))
}

fn wrong(what: &str) -> Refused {
    refused(StatusCode::UNPROCESSABLE_ENTITY, what)
}

async fn inject(State(world): State<World>, Json(fault): Json<Fault>) -> StatusCode {
    world.hub().inject(fault, now());
    StatusCode::NO_CONTENT
}

async fn knobs(State(world): State<World>) -> Json<Knobs> {
    Json(world.hub().pending.knobs)
}

/// Sets all knobs; those not named are as in calm weather.
async fn set_knobs(State(world): State<World>, Json(changes): Json<Value>) -> Result<Json<Knobs>, Refused> {
    turn(&world, &Knobs::CALM, &changes)
}

/// Sets the named knobs and leaves the others.
async fn turn_knobs(State(world): State<World>, Json(changes): Json<Value>) -> Result<Json<Knobs>, Refused> {
    let before = world.hub().pending.knobs;
    turn(&world, &before, &changes)
}

fn turn(world: &World, before: &Knobs, changes: &Value) -> Result<Json<Knobs>, Refused> {
    let knobs = before.with(changes).map_err(|error| wrong(&error))?;
    world.hub().turn(knobs, now());
    Ok(Json(knobs))
}

async fn region(State(world): State<World>) -> Json<Region> {
    Json(world.hub().pending.region.clone())
}

async fn set_region(State(world): State<World>, Json(region): Json<Region>) -> StatusCode {
    world.hub().pending.region = region;
    StatusCode::NO_CONTENT
}

async fn state(State(world): State<World>) -> Json<Value> {
    let hub = world.hub();
    let open = hub.markets().filter(crate::sim::wire::MarketImage::is_open).count();
    Json(json!({
        "time": now().as_millis(), "markets": hub.markets().count(), "markets_open": open,
        "sockets": hub.connections(), "private_requests": hub.requests(), "knobs": hub.pending.knobs,
        "region": hub.pending.region,
    }))
}
