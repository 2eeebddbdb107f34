//! The user channel (PROTOCOL.md 5.2): what becomes of somebody's orders and trades, told to sockets that showed a key.

use std::collections::HashSet;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::WebSocketUpgrade;
use axum::response::Response;
use axum::routing::any;
use serde::Deserialize;

use super::identity::ApiKey;
use crate::sim::server::World;
use crate::sim::server::hub::{Hub, Wants};
use crate::sim::server::public::{serve, sized};
use crate::venue::polymarket::auth::Secret;
use alloy::primitives::Address;

/// What a socket of the user channel wants.
#[derive(Debug, Default)]
pub struct UserWants {
    /// `None` until it has shown a key.
    key: Option<Arc<ApiKey>>,
    /// Conditions; `None`: all.
    markets: Option<HashSet<String>>,
}

impl UserWants {
    pub fn includes(&self, address: Address, condition: &str) -> bool {
        self.key.as_ref().is_some_and(|key| key.address == address)
            && self.markets.as_ref().is_none_or(|markets| markets.contains(condition))
    }
}

#[derive(Deserialize)]
struct UserRequest {
    #[serde(rename = "type", default)]
    channel: String,
    #[serde(default)]
    operation: String,
    auth: Option<Credentials>,
    markets: Option<Vec<String>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Credentials {
    api_key: String,
    secret: String,
    passphrase: String,
}

pub fn routes() -> Router<World> {
    Router::new().route("/ws/user", any(user))
}

async fn user(State(world): State<World>, upgrade: WebSocketUpgrade) -> Response {
    let wants = Wants::User(UserWants::default());
    sized(upgrade).on_upgrade(move |socket| serve(world, socket, wants, hear))
}

/// Closes the socket on whatever is not JSON, has no key that holds, or asks for what there is not.
fn hear(hub: &mut Hub, id: u64, text: &str) {
    let request = serde_json::from_str::<UserRequest>(text).ok();
    let known = request.as_ref().and_then(|request| hub.known(request.auth.as_ref()?));
    let Some(Wants::User(wants)) = hub.wants(id) else { return };
    if request.and_then(|request| wants.take(request, known)).is_none() {
        hub.disconnect(id);
    }
}

impl UserWants {
    /// Takes a request in; `None` if the socket must be closed. `known` is the key that it shows, if that holds.
    fn take(&mut self, request: UserRequest, known: Option<Arc<ApiKey>>) -> Option<()> {
        if self.key.is_none() {
            if !request.channel.eq_ignore_ascii_case("user") {
                return None;
            }
            self.key = Some(known?);
            self.markets = request.markets.filter(|markets| !markets.is_empty()).map(lower);
            return Some(());
        }
        let markets = lower(request.markets.unwrap_or_default());
        match (request.operation.as_str(), &mut self.markets) {
            ("subscribe", Some(wanted)) => wanted.extend(markets),
            ("unsubscribe", Some(wanted)) => wanted.retain(|condition| !markets.contains(condition)),
            // Who hears of the whole account hears of these too; and the venue takes a first frame only once.
            ("subscribe" | "unsubscribe", None) => {}
            ("", _) if request.channel.eq_ignore_ascii_case("user") => {}
            _ => return None,
        }
        Some(())
    }
}

fn lower(markets: Vec<String>) -> HashSet<String> {
    markets.into_iter().map(|condition| condition.to_ascii_lowercase()).collect()
}

impl Hub {
    fn known(&self, shown: &Credentials) -> Option<Arc<ApiKey>> {
        let key = self.desk.identity.key(&shown.api_key)?;
        let secret = Secret::from_base64(&shown.secret).ok()?;
        (secret == key.secret && shown.passphrase == key.passphrase).then_some(key)
    }
}
