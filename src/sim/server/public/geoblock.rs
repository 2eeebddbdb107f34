//! Where the venue takes a client to be (PROTOCOL.md 2.13).

use axum::extract::State;
use axum::routing::get;
use axum::{Json, Router};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::sim::server::World;

/// Everybody here comes from one place. The default is one that may trade.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Region {
    pub blocked: bool,
    /// Two letters.
    pub country: String,
    pub region: String,
}

impl Default for Region {
    fn default() -> Region {
        Region { blocked: false, country: "IS".to_owned(), region: "1".to_owned() }
    }
}

pub fn routes() -> Router<World> {
    Router::new().route("/api/geoblock", get(geoblock))
}

async fn geoblock(State(world): State<World>) -> Json<Value> {
    let region = world.hub().pending.region.clone();
    Json(json!({"blocked": region.blocked, "ip": "127.0.0.1", "country": region.country, "region": region.region}))
}
