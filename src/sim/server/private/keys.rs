//! API keys are made, found again, listed and revoked (PROTOCOL.md 2.2, 2.4).

use std::sync::Arc;

use axum::extract::State;
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};

use super::auth::{Attested, Call};
use super::identity::{ApiKey, Standing};
use super::refusal::Refusal;
use crate::clock::now;
use crate::domain::Usdc;
use crate::sim::exchange::Funds;
use crate::sim::server::World;

pub fn routes() -> Router<World> {
    Router::new()
        .route("/auth/api-key", post(create).delete(revoke).get(list))
        .route("/auth/derive-api-key", get(derive))
        .route("/auth/api-keys", get(list).delete(revoke))
        .route("/auth/ban-status/closed-only", get(closed_only))
}

/// Makes the key of a nonce, or finds it: the same nonce has the same key.
async fn create(State(world): State<World>, claim: Attested) -> Result<Json<Value>, Refusal> {
    issue(&world, &claim).map(|key| credentials(&key)).ok_or(Refusal::KeyNotCreated)
}

/// As [`create`], but a key that was revoked stays so.
async fn derive(State(world): State<World>, claim: Attested) -> Result<Json<Value>, Refusal> {
    if world.hub().desk.identity.is_revoked(claim.address, claim.nonce) {
        return Err(Refusal::KeyNotDerived);
    }
    issue(&world, &claim).map(|key| credentials(&key)).ok_or(Refusal::KeyNotDerived)
}

fn issue(world: &World, claim: &Attested) -> Option<Arc<ApiKey>> {
    let mut hub = world.hub();
    let key = hub.desk.identity.create(claim.address, claim.nonce)?;
    // A stranger may come, with empty wallets.
    hub.welcome(claim.address, Funds::Of(Usdc::ZERO));
    Some(key)
}

fn credentials(key: &ApiKey) -> Json<Value> {
    Json(json!({"apiKey": key.id, "secret": key.secret.to_base64(), "passphrase": key.passphrase}))
}

async fn list(State(world): State<World>, call: Call) -> Json<Value> {
    Json(json!({"apiKeys": world.hub().desk.identity.keys_of(call.key.address)}))
}

/// Revokes the key that the request is signed with.
async fn revoke(State(world): State<World>, call: Call) -> Json<Value> {
    let mut hub = world.hub();
    hub.desk.identity.revoke(&call.key.id);
    hub.desk.heartbeats.forget(&call.key.id);
    Json(json!("OK"))
}

async fn closed_only(State(world): State<World>, call: Call) -> Json<Value> {
    let hub = world.hub();
    let is_closed_only = hub.desk.identity.standing(call.key.address) == Standing::ClosedOnly;
    Json(json!({"closed_only": is_closed_only || hub.pending.is_closed_only(now())}))
}
