//! What the official client submits, byte for byte, and what is wrong with it.

use std::sync::{Arc, Mutex};

use reqwest::Client;

use super::*;
use crate::sim::chain::tests::{Shared, World};
use crate::sim::exchange::{AccountId, Asset, Contract};
use crate::venue::polymarket::Key;

const VECTORS: &str = include_str!("../../../../tests/data/vectors_relayer.json");

fn secret() -> Secret {
    Secret::from_bytes(vec![7; 32])
}

/// Whose key the builder's is.
fn owner() -> Key {
    Key::from_bytes([9; 32]).expect("a key")
}

impl RelayerHost for Shared {
    fn relayer_key(&self, id: &str) -> Option<RelayerKey> {
        let key = RelayerKey { secret: secret(), passphrase: "open".to_owned(), address: owner().address() };
        (id == "builder").then_some(key)
    }
}

struct Relayer {
    world: Shared,
    url: String,
    client: Client,
}

impl Relayer {
    async fn start() -> (Relayer, [AccountId; 3]) {
        crate::feed::tls::install_tls();
        let mut world = World::new();
        let wallet = |at: usize, key: &str| -> Address {
            submissions()[at][key].as_str().and_then(|text| text.parse().ok()).expect("a wallet")
        };
        let deposit = submissions()[3]["depositWalletParams"]["depositWallet"].clone();
        let deposit = deposit.as_str().and_then(|text| text.parse().ok()).expect("a wallet");
        let accounts = [wallet(0, "proxyWallet"), wallet(2, "proxyWallet"), deposit].map(|wallet| world.adopt(wallet));
        let world = Shared(Arc::new(Mutex::new(world)));
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let router = routes::<Shared>().with_state(world.clone());
        tokio::spawn(async move { axum::serve(listener, router).await });
        (Relayer { world, url, client: Client::new() }, accounts)
    }

    fn pass(&self, millis: u64) {
        self.world.0.lock().expect("nobody panicked").pass(millis);
    }

    /// Sends a request with a builder's headers; returns status and answer.
    async fn ask(&self, method: &str, path: &str, body: &str) -> (u16, Value) {
        let timestamp = crate::clock::now().as_secs().to_string();
        let bare = path.split('?').next().expect("a path");
        let signed = Signed { timestamp: &timestamp, method, path: bare, body: body.as_bytes() };
        let request = self.client.request(method.parse().expect("a method"), format!("{}{path}", self.url));
        let request = request
            .header("POLY_BUILDER_API_KEY", "builder")
            .header("POLY_BUILDER_PASSPHRASE", "open")
            .header("POLY_BUILDER_SIGNATURE", secret().sign(&signed))
            .header("POLY_BUILDER_TIMESTAMP", &timestamp)
            .header("Idempotency-Key", "once")
            .body(body.to_owned());
        let answer = request.send().await.expect("an answer");
        (answer.status().as_u16(), answer.json().await.expect("JSON"))
    }

    async fn submit(&self, body: &Value) -> (u16, Value) {
        self.ask("POST", "/submit", &body.to_string()).await
    }

    async fn state(&self, id: &Value) -> Value {
        let id = id.as_str().expect("an id");
        self.ask("GET", &format!("/v1/account/transactions/{id}"), "").await.1["state"].clone()
    }
}

fn submissions() -> Vec<Value> {
    let file: Value = serde_json::from_str(VECTORS).expect("JSON");
    file["submissions"].as_array().expect("submissions").clone()
}

#[tokio::test]
async fn what_the_official_client_signs_is_executed() {
    let (relayer, [safe, proxy, deposit]) = Relayer::start().await;
    let allowances = |account| {
        let world = relayer.world.0.lock().expect("nobody panicked");
        [Asset::Collateral, Asset::ALL_SHARES].map(|asset| world.books.orders.allowance(account, Contract::V2, asset))
    };
    let expected = [
        (safe, [7, 0]),
        // The second one is a multisend of two calls.
        (safe, [7, u64::MAX]),
        (proxy, [7, u64::MAX]),
        (deposit, [7, u64::MAX]),
        // Signed by the session key that the one before has authorised.
        (deposit, [7, u64::MAX]),
    ];
    for (submission, (account, allowed)) in submissions().iter().zip(expected) {
        let (status, answer) = relayer.submit(submission).await;
        assert_eq!((status, &answer["state"]), (200, &json!("STATE_NEW")), "{answer}");
        let id = &answer["transactionID"];
        assert_eq!(relayer.state(id).await, "STATE_NEW");
        let (status, busy) = relayer.submit(submission).await;
        assert_eq!((status, &busy["error"]), (400, &json!("wallet busy: it has an active action")));
        relayer.pass(100);
        assert_eq!(relayer.state(id).await, "STATE_EXECUTED");
        relayer.pass(1_900);
        assert_eq!(relayer.state(id).await, "STATE_MINED");
        assert_eq!(allowances(account), allowed);
        relayer.pass(4_000);
        assert_eq!(relayer.state(id).await, "STATE_CONFIRMED");
        let listed = relayer.ask("GET", &format!("/transaction?id={}", id.as_str().expect("an id")), "").await.1;
        assert_eq!(listed[0]["state"], "STATE_CONFIRMED");
        let (status, again) = relayer.submit(submission).await;
        let error = again["error"].as_str().expect("an error");
        assert!(status == 400 && error.contains("does not match on-chain nonce"), "{error}");
    }
}

#[tokio::test]
async fn what_is_not_signed_by_the_owner_is_refused() {
    let (relayer, _) = Relayer::start().await;
    let all = submissions();
    let changed = |nth: usize, pointer: &str, value: Value| {
        let mut body = all[nth].clone();
        *body.pointer_mut(pointer).expect("a field") = value;
        body
    };
    let other = json!("0x00000000000000000000000000000000000000aa");
    for (body, expected) in [
        (changed(0, "/nonce", json!("1")), "batch nonce 1 does not match on-chain nonce 0"),
        (changed(0, "/to", other.clone()), "invalid signature: signed by"),
        (changed(0, "/proxyWallet", other.clone()), "is not deployed"),
        (changed(0, "/from", other.clone()), "the signer does not own the wallet"),
        (changed(0, "/signature", json!("0x1234")), "invalid signature: the signature has 2 bytes"),
        (changed(0, "/signatureParams/operation", json!("1")), "invalid signature: signed by"),
        (changed(2, "/signatureParams/gasLimit", json!("1")), "invalid signature: signed by"),
        (changed(3, "/depositWalletParams/deadline", json!("1795264501")), "invalid signature: signed by"),
        (changed(3, "/depositWalletParams/deadline", json!("1")), "the deadline has passed"),
        (changed(3, "/depositWalletParams/calls/0/value", json!("5")), "calls with a value"),
        (changed(4, "/nonce", json!("0")), "the signer does not own the wallet"),
        (changed(0, "/type", json!("MAGIC")), "unknown type \"MAGIC\""),
        (changed(0, "/signature", Value::Null), "missing field `signature`"),
        (changed(0, "/metadata", json!("x".repeat(501))), "metadata is longer"),
        (json!({ "type": "SAFE" }), "missing field `from`"),
    ] {
        let (status, answer) = relayer.submit(&body).await;
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(status == 400 && error.contains(expected), "{expected}: {status} {answer}");
    }
}

#[tokio::test]
async fn who_shows_no_key_is_not_served() {
    let (relayer, _) = Relayer::start().await;
    let post = || relayer.client.post(format!("{}/submit", relayer.url)).body("{}");
    assert_eq!(post().send().await.expect("an answer").status(), 401);
    let (key, address) = ("RELAYER_API_KEY", "RELAYER_API_KEY_ADDRESS");
    let stranger = post().header(key, "nobody").header(address, Address::ZERO.to_string());
    assert_eq!(stranger.send().await.expect("an answer").status(), 401);
    let known = post().header(key, "builder").header(address, owner().address().to_string());
    assert_eq!(known.send().await.expect("an answer").status(), 400, "known, but what it sends is empty");
    let stale = post()
        .header("POLY_BUILDER_API_KEY", "builder")
        .header("POLY_BUILDER_PASSPHRASE", "open")
        .header(
            "POLY_BUILDER_SIGNATURE",
            secret().sign(&Signed { timestamp: "1", method: "POST", path: "/submit", body: b"{}" }),
        )
        .header("POLY_BUILDER_TIMESTAMP", "1");
    assert_eq!(stale.send().await.expect("an answer").status(), 401);
    let unknown = relayer.ask("GET", "/v1/account/transactions/none", "").await;
    assert_eq!(unknown, (404, json!({ "error": "transaction not found" })));
}

#[tokio::test]
async fn a_wallet_is_made_and_its_nonce_counted() {
    let (relayer, _) = Relayer::start().await;
    let owner = "0x1000000000000000000000000000000000000001";
    let deployed = async |kind: &str| {
        relayer.ask("GET", &format!("/deployed?address={owner}&type={kind}"), "").await.1["deployed"].clone()
    };
    assert_eq!(deployed("WALLET").await, json!(false));
    let create = json!({ "type": "WALLET-CREATE", "from": owner, "to": owner, "metadata": "" });
    assert_eq!(relayer.submit(&create).await.0, 200);
    relayer.pass(2_000);
    assert_eq!((deployed("WALLET").await, deployed("SAFE").await), (json!(true), json!(false)));
    let (_, again) = relayer.submit(&create).await;
    assert_eq!(again["error"], "the wallet is deployed already");

    let safe = submissions()[0].clone();
    let path =
        format!("/v1/account/transactions/params?address={}&type=SAFE", safe["from"].as_str().expect("an owner"));
    assert_eq!(relayer.ask("GET", &path, "").await.1["nonce"], "0");
    relayer.submit(&safe).await;
    assert_eq!(relayer.ask("GET", &path, "").await.1["nonce"], "1");
    for path in ["/nonce", "/nonce?address=0x12", &format!("/nonce?address={owner}&type=EOA")] {
        assert_eq!(relayer.ask("GET", path, "").await.0, 400, "{path}");
    }
}

#[tokio::test]
async fn a_session_key_is_authorised_and_revoked() {
    use crate::sim::chain::abi::DepositWallet as abi;
    use alloy::sol_types::SolCall;

    let (relayer, _) = Relayer::start().await;
    let (key, session) = (owner(), Key::from_bytes([8; 32]).expect("a key").address());
    let wallet = wallet::deposit(key.address());
    relayer.world.0.lock().expect("nobody panicked").adopt(wallet);
    let until = 4_000_000_000_u64;
    // Signed by the owner, with this nonce.
    let operation = |call: Vec<u8>, nonce: u64| {
        let world = relayer.world.0.lock().expect("nobody panicked");
        let (deadline, calls) = (until, vec![(wallet, call.into())]);
        let signer = key.address();
        let request = WalletRequest { signer, wallet, nonce, deadline, calls, signature: Data::new() };
        let signature = key.sign(world.chain.batch_hash(&request));
        json!({
            "walletAddress": wallet, "sessionSignerAddress": session, "deadline": until.to_string(),
            "nonce": nonce.to_string(), "signature": Data::from(signature.to_vec()), "validUntil": until.to_string(),
            "scopes": ["ALL"],
        })
    };
    let sessions = || {
        let world = relayer.world.0.lock().expect("nobody panicked");
        world.chain.contracts.sessions_of(wallet, world.now)
    };
    let authorize = abi::authorizeSessionSignerCall { signer: session, validUntil: U256::from(until) }.abi_encode();
    let good = operation(authorize.clone(), 0);
    let path = "/v1/session-signers/authorizations";
    let changed = |name: &str, value: Value| {
        let mut body = good.clone();
        body[name] = value;
        body
    };
    for (body, expected) in [
        (changed("scopes", json!([])), "scopes is empty"),
        (changed("validUntil", Value::Null), "missing field `validUntil`"),
        (changed("validUntil", json!("5")), "invalid signature: signed by"),
        (changed("nonce", json!("7")), "batch nonce 7 does not match on-chain nonce 0"),
        (changed("walletAddress", json!(session)), "is not deployed"),
        (json!({}), "missing field `walletAddress`"),
    ] {
        let (status, answer) = relayer.ask("POST", path, &body.to_string()).await;
        let error = answer["error"].as_str().unwrap_or_default();
        assert!(status == 400 && error.contains(expected), "{expected}: {status} {answer}");
    }
    let (status, answer) = relayer.ask("POST", path, &good.to_string()).await;
    assert_eq!((status, &answer["status"]), (200, &json!("SUBMITTED")), "{answer}");
    assert_eq!(sessions(), []);
    relayer.pass(2_000);
    assert_eq!(relayer.state(&answer["transactionId"]).await, "STATE_MINED");
    assert_eq!(sessions(), [(session, until)]);
    let revoke = operation(abi::revokeSessionSignerCall { signer: session }.abi_encode(), 1);
    let (status, answer) = relayer.ask("POST", "/v1/session-signers/revocations", &revoke.to_string()).await;
    assert_eq!((status, &answer["fenced"]), (200, &json!(true)), "{answer}");
    relayer.pass(2_000);
    assert_eq!(sessions(), []);
}
