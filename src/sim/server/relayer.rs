//! The relayer's wire: sends what owners of contract wallets signed, at the venue's expense (PROTOCOL.md 9.4). Requests that
//! cost something show a builder's key, by the rule of L2; or a relayer key, which is shown bare.

mod sessions;

use std::fmt;

use alloy::primitives::{Address, Bytes as Data, U256};
use axum::body::Bytes;
use axum::extract::{FromRequestParts, Path, State};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::params::Params;
use crate::domain::Nanos;
use crate::sim::chain::relay::{ProxyRequest, Rejected, Request, SafeRequest, Submission, WalletRequest};
use crate::sim::chain::rpc::Node;
use crate::sim::chain::serve::Host;
use crate::venue::polymarket::auth::{Request as Signed, Secret};
use crate::venue::polymarket::{SignatureType, wallet};

/// A timestamp may be so far from the relayer's clock, either way.
const WINDOW_SECS: u64 = 30;
const METADATA_MAX: usize = 500;

/// A key that may send through the relayer.
#[derive(Clone, Debug)]
pub struct RelayerKey {
    pub secret: Secret,
    pub passphrase: String,
    pub address: Address,
}

/// Whoever has the chain and knows the keys.
pub trait RelayerHost: Host {
    fn relayer_key(&self, id: &str) -> Option<RelayerKey>;
}

pub fn routes<H: RelayerHost>() -> Router<H> {
    Router::new()
        .route("/submit", post(submit::<H>))
        .route("/v1/account/transactions/params", get(params::<H>))
        .route("/v1/account/transactions/{id}", get(transaction::<H>))
        .route("/transaction", get(transactions::<H>))
        .route("/relay-payload", get(params::<H>))
        .route("/nonce", get(nonce::<H>))
        .route("/deployed", get(deployed::<H>))
        .merge(sessions::routes())
}

/// Why the relayer refuses; its own texts where they are known, as the official client reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Refusal {
    Unauthorized,
    Body(String),
    Query(&'static str),
    UnknownTransaction,
    Rejected(Rejected),
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct SubmitWire {
    r#type: String,
    from: Address,
    to: Option<Address>,
    proxy_wallet: Option<Address>,
    data: Option<Data>,
    nonce: Option<String>,
    value: Option<String>,
    signature: Option<Data>,
    #[serde(default)]
    signature_params: SignatureParamsWire,
    deposit_wallet_params: Option<WalletParamsWire>,
    #[serde(default)]
    metadata: String,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct SignatureParamsWire {
    operation: Option<String>,
    gas_limit: Option<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct WalletParamsWire {
    deposit_wallet: Address,
    deadline: String,
    calls: Vec<CallWire>,
}

#[derive(Deserialize)]
struct CallWire {
    target: Address,
    value: String,
    data: Data,
}

async fn submit<H: RelayerHost>(
    State(host): State<H>,
    claim: Claim,
    method: Method,
    uri: Uri,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    claim.check(&host, &method, &uri, &body)?;
    let wire: SubmitWire = serde_json::from_slice(&body).map_err(|error| Refusal::Body(error.to_string()))?;
    let request = wire.request()?;
    host.with_node(|node| {
        let is_wallet = node.vault.is_wallet(request.wallet());
        let number = node.chain.submit_relayed(&request, is_wallet, node.now).map_err(Refusal::Rejected)?;
        // Since 2026-04-21 without the hash.
        Ok(Json(json!({ "transactionID": id(number), "transactionHash": "", "state": "STATE_NEW" })))
    })
}

impl SubmitWire {
    fn request(self) -> Result<Request, Refusal> {
        if self.metadata.len() > METADATA_MAX {
            return Err(Refusal::Body(format!("metadata is longer than {METADATA_MAX}")));
        }
        let missing = |field: &str| Refusal::Body(format!("missing field `{field}`"));
        let signature = || self.signature.clone().ok_or_else(|| missing("signature"));
        let nonce = || {
            let nonce = self.nonce.as_deref().ok_or_else(|| missing("nonce"))?;
            nonce.parse::<u64>().map_err(|_| Refusal::Body("nonce is not a number".to_owned()))
        };
        match self.r#type.as_str() {
            "SAFE" => Ok(Request::Safe(SafeRequest {
                owner: self.from,
                safe: self.proxy_wallet.ok_or_else(|| missing("proxyWallet"))?,
                to: self.to.ok_or_else(|| missing("to"))?,
                value: number(self.value.as_deref().unwrap_or("0"))?,
                data: self.data.clone().ok_or_else(|| missing("data"))?,
                operation: number(self.signature_params.operation.as_deref().unwrap_or("0"))?.saturating_to(),
                nonce: nonce()?,
                signature: signature()?,
            })),
            "PROXY" => Ok(Request::Proxy(ProxyRequest {
                owner: self.from,
                proxy: self.proxy_wallet.ok_or_else(|| missing("proxyWallet"))?,
                data: self.data.clone().ok_or_else(|| missing("data"))?,
                gas_limit: number(self.signature_params.gas_limit.as_deref().ok_or_else(|| missing("gasLimit"))?)?,
                nonce: nonce()?,
                signature: signature()?,
            })),
            "WALLET" => {
                let (nonce, signature) = (nonce()?, signature()?);
                let params = self.deposit_wallet_params.ok_or_else(|| missing("depositWalletParams"))?;
                let paid = |call: &CallWire| number(&call.value).is_ok_and(|value| value == U256::ZERO);
                if !params.calls.iter().all(paid) {
                    return Err(Refusal::Body("calls with a value are not supported here".to_owned()));
                }
                Ok(Request::Wallet(WalletRequest {
                    signer: self.from,
                    wallet: params.deposit_wallet,
                    nonce,
                    deadline: number(&params.deadline)?.saturating_to(),
                    calls: params.calls.into_iter().map(|call| (call.target, call.data)).collect(),
                    signature,
                }))
            }
            "SAFE-CREATE" => Ok(Request::CreateSafe { owner: self.from, signature: signature()? }),
            "WALLET-CREATE" => Ok(Request::CreateWallet { owner: self.from }),
            other => Err(Refusal::Body(format!("unknown type {other:?}"))),
        }
    }
}

fn number(text: &str) -> Result<U256, Refusal> {
    text.parse().map_err(|_| Refusal::Body(format!("{text:?} is not a number")))
}

/// As the client of today polls it.
async fn transaction<H: RelayerHost>(
    State(host): State<H>,
    claim: Claim,
    method: Method,
    uri: Uri,
    Path(wanted): Path<String>,
) -> Result<Json<Value>, Refusal> {
    claim.check(&host, &method, &uri, b"")?;
    host.with_node(|node| {
        let submission = find(node, &wanted)?;
        let state = node.chain.state_of(submission);
        Ok(Json(json!({
            "transaction_id": wanted,
            "transaction_hash": submission.hash,
            "state": state.name(),
            "type": submission.kind,
            "from": submission.owner,
            "wallet": submission.wallet,
            "created_at": submission.at.as_secs(),
            "error_msg": if state.name() == "STATE_FAILED" { json!("execution reverted") } else { Value::Null },
        })))
    })
}

/// As older clients poll it: a list of one.
async fn transactions<H: RelayerHost>(State(host): State<H>, query: Params) -> Result<Json<Value>, Refusal> {
    let wanted = query.text("id").ok_or(Refusal::Query("id is required"))?;
    host.with_node(|node| {
        let submission = find(node, wanted)?;
        Ok(Json(json!([{
            "transactionID": wanted,
            "transactionHash": submission.hash,
            "state": node.chain.state_of(submission).name(),
            "type": submission.kind,
            "from": submission.owner,
            "proxyAddress": submission.wallet,
            "createdAt": crate::sim::listing::iso(crate::domain::Millis(submission.at.as_millis())),
        }])))
    })
}

/// The relay that pays, and the nonce to sign next.
async fn params<H: RelayerHost>(State(host): State<H>, query: Params) -> Result<Json<Value>, Refusal> {
    host.with_node(|node| {
        let nonce = next_nonce(node, &query)?;
        Ok(Json(json!({ "address": node.chain.relayer(), "nonce": nonce.to_string() })))
    })
}

async fn nonce<H: RelayerHost>(State(host): State<H>, query: Params) -> Result<Json<Value>, Refusal> {
    host.with_node(|node| Ok(Json(json!({ "nonce": next_nonce(node, &query)?.to_string() }))))
}

async fn deployed<H: RelayerHost>(State(host): State<H>, query: Params) -> Result<Json<Value>, Refusal> {
    let (address, kind) = asked(&query)?;
    host.with_node(|node| {
        let stands = |wallet| node.chain.contracts.has_code(node.vault, wallet);
        let deployed = stands(address) || kind.is_some_and(|kind| stands(wallet_of(address, kind)));
        Ok(Json(json!({ "deployed": deployed })))
    })
}

fn next_nonce(node: &Node<'_>, query: &Params) -> Result<u64, Refusal> {
    let (owner, kind) = asked(query)?;
    let kind = kind.ok_or(Refusal::Query("type is required"))?;
    let derived = node.chain.contracts.wallet_nonce(wallet_of(owner, kind));
    // A session key asks for the wallet that it signs for by the wallet's address.
    Ok(derived.max(node.chain.contracts.wallet_nonce(owner)))
}

fn asked(query: &Params) -> Result<(Address, Option<SignatureType>), Refusal> {
    let address = query.text("address").and_then(|text| text.parse().ok());
    let address = address.ok_or(Refusal::Query("address is required"))?;
    let kind = match query.text("type") {
        None => None,
        Some("SAFE") => Some(SignatureType::Safe),
        Some("PROXY") => Some(SignatureType::Proxy),
        Some("WALLET") => Some(SignatureType::DepositWallet),
        Some(_) => return Err(Refusal::Query("type is none of SAFE, PROXY, WALLET")),
    };
    Ok((address, kind))
}

fn wallet_of(owner: Address, kind: SignatureType) -> Address {
    match kind {
        SignatureType::Eoa => owner,
        SignatureType::Proxy => wallet::proxy(owner),
        SignatureType::Safe => wallet::safe(owner),
        SignatureType::DepositWallet => wallet::deposit(owner),
    }
}

/// Writes a submission's number as the UUID that clients expect.
fn id(number: u64) -> String {
    format!("01999999-0000-7000-8000-{number:012x}")
}

fn find<'a>(node: &'a Node<'_>, id: &str) -> Result<&'a Submission, Refusal> {
    let number = id.rsplit('-').next().and_then(|digits| u64::from_str_radix(digits, 16).ok());
    let found = number.filter(|number| self::id(*number) == id).and_then(|number| node.chain.submissions.get(number));
    found.ok_or(Refusal::UnknownTransaction)
}

/// What the headers claim.
enum Claim {
    Builder { key: String, passphrase: String, signature: String, timestamp: String, now: Nanos },
    Relayer { key: String, address: Address },
}

impl<S: Sync> FromRequestParts<S> for Claim {
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Claim, Refusal> {
        let text = |name| Some(parts.headers.get(name)?.to_str().ok()?.to_owned());
        let builder = || {
            Some(Claim::Builder {
                key: text("POLY_BUILDER_API_KEY")?,
                passphrase: text("POLY_BUILDER_PASSPHRASE")?,
                signature: text("POLY_BUILDER_SIGNATURE")?,
                timestamp: text("POLY_BUILDER_TIMESTAMP")?,
                now: crate::clock::now(),
            })
        };
        let relayer = || {
            let address = text("RELAYER_API_KEY_ADDRESS")?.parse().ok()?;
            Some(Claim::Relayer { key: text("RELAYER_API_KEY")?, address })
        };
        builder().or_else(relayer).ok_or(Refusal::Unauthorized)
    }
}

impl Claim {
    /// Returns whose key it is.
    fn check<H: RelayerHost>(&self, host: &H, method: &Method, uri: &Uri, body: &[u8]) -> Result<Address, Refusal> {
        let holds = match self {
            Claim::Builder { key, passphrase, signature, timestamp, now } => {
                let signed = Signed { timestamp, method: method.as_str(), path: uri.path(), body };
                let is_fresh = timestamp.parse::<u64>().is_ok_and(|at| at.abs_diff(now.as_secs()) <= WINDOW_SECS);
                let known = host.relayer_key(key).filter(|key| key.passphrase == *passphrase);
                known.filter(|key| is_fresh && key.secret.verifies(&signed, signature))
            }
            Claim::Relayer { key, address } => host.relayer_key(key).filter(|key| key.address == *address),
        };
        holds.map(|key| key.address).ok_or(Refusal::Unauthorized)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let status = match self {
            Refusal::Unauthorized => StatusCode::UNAUTHORIZED,
            Refusal::Body(_) | Refusal::Query(_) | Refusal::Rejected(_) => StatusCode::BAD_REQUEST,
            Refusal::UnknownTransaction => StatusCode::NOT_FOUND,
        };
        (status, Json(json!({ "error": self.to_string() }))).into_response()
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unauthorized => write!(f, "invalid authorization"),
            Refusal::Body(why) => write!(f, "invalid request: {why}"),
            Refusal::Query(why) => write!(f, "invalid query: {why}"),
            Refusal::UnknownTransaction => write!(f, "transaction not found"),
            Refusal::Rejected(rejected) => write!(f, "{rejected}"),
        }
    }
}

#[cfg(test)]
mod tests;
