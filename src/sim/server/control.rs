//! What steers the simulation while it runs: faults, knobs, modes, money, markets. No fault touches it, and it asks for no
//! key.

use alloy::primitives::Address;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::World;
use super::fault::Fault;
use super::hub::Hub;
use super::private::{Switch, Wallet};
use super::profile::Knobs;
use super::public::Region;
use super::refusal::{Refused, not_found, refused};
use crate::clock::now;
use crate::config::decimal;
use crate::domain::money::ONE;
use crate::domain::{Tick, Usdc};
use crate::sim::exchange::{Asset, Contract, Funds, MarketId};
use crate::sim::message::{Outcome, Resolution};
use crate::sim::wire::{MarketImage, Phase};
use crate::sim::workload::Trick;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/control/faults", post(inject))
        .route("/control/knobs", get(knobs).put(set_knobs).patch(turn_knobs))
        .route("/control/tricks", post(play))
        .route("/control/mode", post(switch))
        .route("/control/region", get(region).put(set_region))
        .route("/control/state", get(state))
        .route("/control/accounts", post(fund))
        .route("/control/accounts/{wallet}", get(holdings))
        .route("/control/accounts/{wallet}/approve", post(approve))
        .route("/control/markets/{condition}/resolve", post(resolve))
        .route("/control/markets/{condition}/tick", post(set_tick))
        .route("/control/markets/{condition}/close", post(close))
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
    turn(&mut world.hub(), &Knobs::CALM, &changes)
}

/// Sets the named knobs and leaves the others.
async fn turn_knobs(State(world): State<World>, Json(changes): Json<Value>) -> Result<Json<Knobs>, Refused> {
    let mut hub = world.hub();
    let before = hub.pending.knobs;
    turn(&mut hub, &before, &changes)
}

fn turn(hub: &mut Hub, before: &Knobs, changes: &Value) -> Result<Json<Knobs>, Refused> {
    let knobs = before.with(changes).map_err(|error| wrong(&error))?;
    hub.turn(knobs, now());
    Ok(Json(knobs))
}

/// Which trick is to be played.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Play {
    trick: Trick,
}

/// Lets the trickster play a trick now: `{"trick":"round_trip"}`.
async fn play(State(world): State<World>, Json(play): Json<Play>) -> StatusCode {
    world.hub().workload.play(play.trick, now());
    StatusCode::NO_CONTENT
}

/// A restart, cancel-only, somebody's standing, and the like: `{"switch":"restart","down_secs":2,"post_only_secs":5}`.
async fn switch(State(world): State<World>, Json(switch): Json<Switch>) -> StatusCode {
    world.hub().switch(switch, now());
    StatusCode::NO_CONTENT
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
    let open = hub.markets().filter(MarketImage::is_open).count();
    Json(json!({
        "time": now().as_millis(), "markets": hub.markets().count(), "markets_open": open,
        "sockets": hub.connections(), "private_requests": hub.requests(), "knobs": hub.pending.knobs,
        "region": hub.pending.region,
    }))
}

/// Money for somebody: into each wallet of an owner, which are opened if he is not known.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Gift {
    owner: Address,
    usd: String,
}

fn usdc(text: &str) -> Result<Usdc, Refused> {
    let micros = decimal::exact(text).and_then(|dollars| decimal::scaled(dollars, ONE as i64));
    let micros = micros.ok().filter(|micros| *micros >= 0);
    micros.map(Usdc).ok_or_else(|| wrong("usd is dollars with up to six decimals, such as \"100.5\""))
}

async fn fund(State(world): State<World>, Json(gift): Json<Gift>) -> Result<Json<Value>, Refused> {
    let amount = usdc(&gift.usd)?;
    let mut hub = world.hub();
    let known = hub.desk.identity.wallets_of(gift.owner);
    match known.is_empty() {
        true => hub.welcome(gift.owner, Funds::Of(amount)),
        false => known.iter().for_each(|wallet| hub.exchange_mut().deposit(wallet.account, amount)),
    }
    let wallets = hub.desk.identity.wallets_of(gift.owner);
    Ok(Json(wallets.iter().map(|wallet| wallet_row(&hub, wallet)).collect()))
}

fn wallet_row(hub: &Hub, wallet: &Wallet) -> Value {
    let balance = hub.exchange().balance(wallet.account);
    json!({
        "address": wallet.address.to_string(), "owner": wallet.owner.to_string(),
        "collateral_micros": balance.held, "reserved_micros": balance.reserved,
    })
}

fn wallet_of(hub: &Hub, address: Address) -> Result<Wallet, Refused> {
    hub.desk.identity.wallet(address).copied().ok_or_else(|| not_found("no such wallet: fund its owner first"))
}

async fn holdings(State(world): State<World>, Path(address): Path<Address>) -> Result<Json<Value>, Refused> {
    let hub = world.hub();
    let wallet = wallet_of(&hub, address)?;
    Ok(Json(wallet_row(&hub, &wallet)))
}

/// What a contract may take of a wallet, in millionths. An allowance of shares is for all shares.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Approval {
    contract: Contract,
    asset: Spent,
    allowance: u64,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Spent {
    Collateral,
    Shares,
}

async fn approve(
    State(world): State<World>,
    Path(address): Path<Address>,
    Json(approval): Json<Approval>,
) -> Result<StatusCode, Refused> {
    let mut hub = world.hub();
    let wallet = wallet_of(&hub, address)?;
    let asset = match approval.asset {
        Spent::Collateral => Asset::Collateral,
        Spent::Shares => Asset::ALL_SHARES,
    };
    hub.exchange_mut().approve(wallet.account, approval.contract, asset, approval.allowance);
    hub.tell(now());
    Ok(StatusCode::NO_CONTENT)
}

/// How a market ends: `{"outcome":"first"}`, `second` or `even`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Verdict {
    outcome: Winner,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Winner {
    First,
    Second,
    Even,
}

async fn resolve(
    State(world): State<World>,
    Path(condition): Path<String>,
    Json(verdict): Json<Verdict>,
) -> Result<StatusCode, Refused> {
    let resolution = match verdict.outcome {
        Winner::First => Resolution::Won(Outcome::Yes),
        Winner::Second => Resolution::Won(Outcome::No),
        Winner::Even => Resolution::Even,
    };
    let mut hub = world.hub();
    let market = hub.market_until(&condition, Phase::Closed)?;
    hub.exchange_mut().resolve(market, resolution);
    hub.tell(now());
    Ok(StatusCode::NO_CONTENT)
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Grid {
    tick: String,
}

async fn set_tick(
    State(world): State<World>,
    Path(condition): Path<String>,
    Json(grid): Json<Grid>,
) -> Result<StatusCode, Refused> {
    let micros = decimal::exact(&grid.tick).and_then(|tick| decimal::scaled(tick, ONE as i64));
    let tick = micros.ok().and_then(|micros| Tick::from_micros(u32::try_from(micros).ok()?));
    let tick = tick.ok_or_else(|| wrong("tick is 0.1, 0.01, 0.005, 0.0025, 0.001 or 0.0001"))?;
    let mut hub = world.hub();
    let market = hub.market_until(&condition, Phase::Open)?;
    hub.exchange_mut().change_tick(market, tick);
    hub.tell(now());
    Ok(StatusCode::NO_CONTENT)
}

async fn close(State(world): State<World>, Path(condition): Path<String>) -> Result<StatusCode, Refused> {
    let mut hub = world.hub();
    let market = hub.market_until(&condition, Phase::Open)?;
    hub.exchange_mut().close(market);
    hub.tell(now());
    Ok(StatusCode::NO_CONTENT)
}

impl Hub {
    /// Returns a market that is in this phase, or not there yet.
    fn market_until(&self, condition: &str, phase: Phase) -> Result<MarketId, Refused> {
        let place = self.workload.condition(condition);
        let place = place.filter(|place| place.phase == Phase::Open || place.phase == phase);
        place.map(|place| place.market).ok_or_else(|| not_found("no such market, or it is past that"))
    }
}
