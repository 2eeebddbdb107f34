//! Balances, allowances, heartbeats, and the smaller things of an account (PROTOCOL.md 2.4, 2.11).

use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::auth::Call;
use super::payload::parse_id;
use super::refusal::Refusal;
use super::wire;
use crate::clock::now;
use crate::sim::exchange::{AccountId, Asset, Contract};
use crate::sim::server::World;
use crate::sim::server::hub::Hub;
use crate::sim::server::params::Params;
use crate::venue::polymarket::{Network, SignatureType};

pub fn routes() -> Router<World> {
    Router::new()
        .route("/balance-allowance", get(balance))
        .route("/balance-allowance/update", get(update_balance))
        .route("/v1/heartbeats", post(beat))
        .route("/heartbeats", post(beat_as_before))
        .route("/order-scoring", get(scoring))
        .route("/orders-scoring", post(scorings))
        .route("/notifications", get(notifications).delete(drop_notifications))
        .route("/v1/user/rate-limit-tier", get(tier))
        .route("/v1/user/session-signers", get(session_signers))
}

async fn balance(State(world): State<World>, call: Call) -> Result<Json<Value>, Refusal> {
    let hub = world.hub();
    let (account, asset) = hub.asked(&call)?;
    let exchange = hub.exchange();
    let balance = match asset {
        Asset::Collateral => exchange.balance(account).held.0.max(0) as u64,
        Asset::Shares(market, outcome) => exchange.shares(account, market, outcome).held.0,
    };
    let allowances = Contract::ALL.map(|contract| {
        let allowance = exchange.allowance(account, contract, asset);
        (contract.address(Network::Polygon).to_string(), json!(wire::allowance(allowance)))
    });
    Ok(Json(json!({"balance": balance.to_string(), "allowances": Map::from_iter(allowances)})))
}

/// The venue looks at the chain anew. This one never looks away.
async fn update_balance(State(world): State<World>, call: Call) -> Result<Json<Value>, Refusal> {
    world.hub().asked(&call)?;
    Ok(Json(json!("OK")))
}

impl Hub {
    /// Returns whose balance of what is asked for.
    fn asked(&self, call: &Call) -> Result<(AccountId, Asset), Refusal> {
        let query = &call.query;
        let kind = signature_type(query)?;
        let wallet = self.desk.identity.wallet_for(call.key.address, kind);
        let account = wallet.ok_or(Refusal::BadQuery { name: "signature_type" })?.account;
        let asset = match query.text("asset_type") {
            Some("COLLATERAL") => Asset::Collateral,
            Some("CONDITIONAL" | "CONDITIONAL-V2") => {
                let token = query.text("token_id").unwrap_or_default();
                let spot = self.spot(token).ok_or(Refusal::BadQuery { name: "token_id" })?;
                Asset::Shares(spot.market, spot.outcome)
            }
            Some(_) | None => return Err(Refusal::BadQuery { name: "asset_type" }),
        };
        Ok((account, asset))
    }
}

fn signature_type(query: &Params) -> Result<SignatureType, Refusal> {
    let wrong = Refusal::BadQuery { name: "signature_type" };
    let number = query.text("signature_type").unwrap_or("0").parse().map_err(|_| wrong.clone())?;
    SignatureType::from_number(number).ok_or(wrong)
}

async fn beat(State(world): State<World>, call: Call) -> Response {
    match take_beat(&world, &call) {
        Ok(Ok(next)) => Json(json!({"heartbeat_id": next})).into_response(),
        Ok(Err(expected)) => {
            let body = json!({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": expected});
            (StatusCode::BAD_REQUEST, Json(body)).into_response()
        }
        Err(refusal) => refusal.into_response(),
    }
}

/// The path of before `/v1`: it carries no id, and its answer none.
async fn beat_as_before(State(world): State<World>, call: Call) -> Json<Value> {
    world.hub().beat_anyway(&call.key.id);
    Json(json!({"status": "ok"}))
}

fn take_beat(world: &World, call: &Call) -> Result<Result<String, String>, Refusal> {
    #[derive(Deserialize)]
    struct Beat {
        heartbeat_id: Option<String>,
    }
    let beat: Beat = serde_json::from_slice(&call.body).map_err(|_| Refusal::Payload)?;
    Ok(world.hub().beat(&call.key.id, &beat.heartbeat_id.unwrap_or_default()))
}

impl Hub {
    fn beat(&mut self, key: &str, id: &str) -> Result<String, String> {
        let desk = &mut self.desk;
        desk.heartbeats.beat(key, id, now(), |number| desk.identity.uuid("heartbeat", number))
    }

    fn beat_anyway(&mut self, key: &str) {
        if let Err(expected) = self.beat(key, "") {
            self.beat(key, &expected).expect("what is expected is taken");
        }
    }
}

/// Nothing scores: this venue pays no rewards.
async fn scoring(call: Call) -> Result<Json<Value>, Refusal> {
    parse_id(call.query.text("order_id").unwrap_or_default())?;
    Ok(Json(json!({"scoring": false})))
}

async fn scorings(call: Call) -> Result<Json<Value>, Refusal> {
    let ids: Vec<String> = serde_json::from_slice(&call.body).map_err(|_| Refusal::Payload)?;
    ids.iter().try_for_each(|id| parse_id(id).map(|_| ()))?;
    Ok(Json(Value::Object(ids.into_iter().map(|id| (id, json!(false))).collect())))
}

/// What the pages of the venue show; nothing is noted for programs.
async fn notifications(_call: Call) -> Json<Value> {
    Json(json!([]))
}

async fn drop_notifications(_call: Call) -> Json<Value> {
    Json(json!("OK"))
}

async fn tier(State(world): State<World>, call: Call) -> Json<Value> {
    let tier = world.hub().desk.buckets.tier(call.key.address);
    let ((orders, orders_burst), (cancels, cancels_burst)) = (tier.orders(), tier.cancels());
    Json(json!({
        "tier": tier.name(), "orders_per_second": orders, "orders_burst": orders_burst, "cancels_per_second": cancels,
        "cancels_burst": cancels_burst,
    }))
}

async fn session_signers(State(world): State<World>, call: Call) -> Result<Json<Value>, Refusal> {
    let hub = world.hub();
    let wallet = hub.desk.identity.wallet_for(call.key.address, SignatureType::DepositWallet);
    let wallet = wallet.ok_or(Refusal::Unauthorized)?;
    let sessions = hub.desk.identity.sessions_of(wallet.owner);
    let registered = sessions.map(|session| (session.key, session.valid_until.as_secs()));
    let signers: Vec<Value> = registered
        .chain(hub.sessions_on_chain(wallet.address, now()))
        .map(|(key, valid_until)| json!({"address": key.to_string(), "scopes": ["ALL"], "valid_until": valid_until}))
        .collect();
    Ok(Json(json!({"wallet": wallet.address.to_string(), "signers": signers})))
}
