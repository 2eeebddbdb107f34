//! Session keys through the relayer: a deposit wallet's owner signs the call that lets a key sign for it, or not any more.

use alloy::primitives::{Address, Bytes as Data};
use alloy::sol_types::SolCall;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, Method, Uri};
use axum::routing::post;
use axum::{Json, Router};
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Claim, Refusal, RelayerHost, id, number};
use crate::sim::chain::abi::DepositWallet;
use crate::sim::chain::relay::{Request, WalletRequest};

pub fn routes<H: RelayerHost>() -> Router<H> {
    Router::new()
        .route("/v1/session-signers/authorizations", post(authorize::<H>))
        .route("/v1/session-signers/revocations", post(revoke::<H>))
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OperationWire {
    wallet_address: Address,
    session_signer_address: Address,
    /// Of an authorization.
    valid_until: Option<String>,
    #[serde(default)]
    scopes: Vec<String>,
    deadline: String,
    nonce: String,
    signature: Data,
}

async fn authorize<H: RelayerHost>(
    State(host): State<H>,
    claim: Claim,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let owner = claim.check(&host, &method, &uri, &body)?;
    let wire = read(&headers, &body)?;
    if wire.scopes.is_empty() {
        return Err(Refusal::Body("scopes is empty".to_owned()));
    }
    let until = wire.valid_until.as_deref().ok_or_else(|| Refusal::Body("missing field `validUntil`".to_owned()))?;
    let (signer, valid_until) = (wire.session_signer_address, number(until)?);
    let call = DepositWallet::authorizeSessionSignerCall { signer, validUntil: valid_until }.abi_encode();
    let number = submit(&host, wire, owner, call.into())?;
    Ok(Json(json!({ "status": "SUBMITTED", "transactionId": id(number), "transactionHash": null })))
}

async fn revoke<H: RelayerHost>(
    State(host): State<H>,
    claim: Claim,
    method: Method,
    uri: Uri,
    headers: HeaderMap,
    body: Bytes,
) -> Result<Json<Value>, Refusal> {
    let owner = claim.check(&host, &method, &uri, &body)?;
    let wire = read(&headers, &body)?;
    let call = DepositWallet::revokeSessionSignerCall { signer: wire.session_signer_address }.abi_encode();
    let number = submit(&host, wire, owner, call.into())?;
    Ok(Json(json!({ "status": "CHAIN_SUBMITTED", "fenced": true, "transactionId": id(number) })))
}

/// The same operation sent again is refused by its nonce, so the key of idempotency only has to be there.
fn read(headers: &HeaderMap, body: &[u8]) -> Result<OperationWire, Refusal> {
    if !headers.contains_key("Idempotency-Key") {
        return Err(Refusal::Body("missing header Idempotency-Key".to_owned()));
    }
    serde_json::from_slice(body).map_err(|error| Refusal::Body(error.to_string()))
}

fn submit<H: RelayerHost>(host: &H, wire: OperationWire, owner: Address, call: Data) -> Result<u64, Refusal> {
    let request = Request::Wallet(WalletRequest {
        signer: owner,
        wallet: wire.wallet_address,
        nonce: number(&wire.nonce)?.saturating_to(),
        deadline: number(&wire.deadline)?.saturating_to(),
        calls: vec![(wire.wallet_address, call)],
        signature: wire.signature,
    });
    host.with_node(|node| {
        let is_wallet = node.vault.is_wallet(request.wallet());
        node.chain.submit_relayed(&request, is_wallet, node.now).map_err(Refusal::Rejected)
    })
}
