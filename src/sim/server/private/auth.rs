//! Who sends a request: the headers of L1 and L2, checked (PROTOCOL.md 2.2, 2.3).

use std::sync::Arc;

use alloy::primitives::{Address, U256};
use axum::body::Bytes;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::HeaderMap;
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};

use super::identity::ApiKey;
use super::refusal::Refusal;
use crate::clock::now;
use crate::domain::Nanos;
use crate::sim::server::World;
use crate::sim::server::params::Params;
use crate::venue::polymarket::auth::{ClobAuth, Request as Signed};
use crate::venue::polymarket::{Network, key};

/// A timestamp may be so far from the venue's clock, either way.
const WINDOW_SECS: u64 = 30;

/// A request whose sender is known by his API key.
pub struct Call {
    pub key: Arc<ApiKey>,
    pub query: Params,
    /// As it was received.
    pub body: Bytes,
}

/// A request whose sender has shown that he controls an address.
pub struct Attested {
    pub address: Address,
    pub nonce: U256,
}

impl FromRequest<World> for Call {
    type Rejection = Response;

    async fn from_request(request: Request, world: &World) -> Result<Call, Response> {
        let (mut parts, body) = request.into_parts();
        let query = Params::from_request_parts(&mut parts, world).await.map_err(IntoResponse::into_response)?;
        let claim = Claim::read(&parts).ok_or_else(|| Refusal::Unauthorized.into_response())?;
        let request = Request::from_parts(parts, body);
        // Answers 413 to a body that is too long.
        let body = Bytes::from_request(request, world).await.map_err(IntoResponse::into_response)?;
        let known = world.hub().desk.identity.key(&claim.key);
        let key = known.filter(|key| claim.holds(key, &body)).ok_or_else(|| Refusal::Unauthorized.into_response())?;
        Ok(Call { key, query, body })
    }
}

/// What the L2 headers claim, and what their MAC covers beside the body.
struct Claim {
    address: Address,
    key: String,
    passphrase: String,
    signature: String,
    timestamp: String,
    method: String,
    path: String,
}

impl Claim {
    fn read(parts: &Parts) -> Option<Claim> {
        let text = |name| text(&parts.headers, name).map(str::to_owned);
        Some(Claim {
            address: text("POLY_ADDRESS")?.parse().ok()?,
            key: text("POLY_API_KEY")?,
            passphrase: text("POLY_PASSPHRASE")?,
            signature: text("POLY_SIGNATURE")?,
            timestamp: text("POLY_TIMESTAMP").filter(|text| is_fresh(text, now()))?,
            method: parts.method.as_str().to_owned(),
            path: parts.uri.path().to_owned(),
        })
    }

    fn holds(&self, key: &ApiKey, body: &[u8]) -> bool {
        let signed = Signed { timestamp: &self.timestamp, method: &self.method, path: &self.path, body };
        key.address == self.address
            && key.passphrase == self.passphrase
            && key.secret.verifies(&signed, &self.signature)
    }
}

impl<S: Sync> FromRequestParts<S> for Attested {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Attested, Refusal> {
        attested(&parts.headers, now()).ok_or(Refusal::BadL1)
    }
}

fn attested(headers: &HeaderMap, now: Nanos) -> Option<Attested> {
    let address: Address = text(headers, "POLY_ADDRESS")?.parse().ok()?;
    let timestamp = text(headers, "POLY_TIMESTAMP").filter(|text| is_fresh(text, now))?;
    let nonce = U256::from_str_radix(text(headers, "POLY_NONCE").unwrap_or("0"), 10).ok()?;
    let signature = key::decode_hex(text(headers, "POLY_SIGNATURE")?).ok()?;
    let attestation = ClobAuth { address, timestamp, nonce };
    attestation.check(&signature, Network::Polygon).ok()?;
    Some(Attested { address, nonce })
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}

fn is_fresh(timestamp: &str, now: Nanos) -> bool {
    timestamp.parse::<u64>().is_ok_and(|secs| secs.abs_diff(now.as_secs()) <= WINDOW_SECS)
}
