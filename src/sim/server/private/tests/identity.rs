//! Keys: who gets one, and what it opens.

use serde_json::{Value, json};

use super::client::{Client, attestation, key, send};
use super::start;
use crate::clock::now;
use crate::sim::server::{Funded, Limits, Standing, Switch};
use crate::venue::polymarket::SignatureType;

const UNAUTHORIZED: &str = "Unauthorized/Invalid api key";

#[tokio::test]
async fn a_nonce_has_one_key_in_every_run() {
    let mut runs = Vec::new();
    for _ in 0..2 {
        let venue = start(Limits::NONE).await;
        let http = reqwest::Client::new();
        let ask = async |create: bool, nonce: &str| {
            let headers = attestation(&key(7), nonce, now().as_secs());
            let (create_url, derive_url) =
                (format!("{}/auth/api-key", venue.clob_url), format!("{}/auth/derive-api-key", venue.clob_url));
            let request = if create { http.post(create_url) } else { http.get(derive_url) };
            send(request, &headers, String::new()).await.ok()
        };
        let created = ask(true, "0").await;
        assert_eq!((ask(true, "0").await, ask(false, "0").await), (created.clone(), created.clone()));
        assert_ne!(ask(true, "1").await["apiKey"], created["apiKey"]);
        assert_eq!(created["apiKey"].as_str().map(str::len), Some(36));
        runs.push(created);
    }
    assert_eq!(runs[0], runs[1]);
}

#[tokio::test]
async fn an_attestation_must_be_fresh_and_of_its_address() {
    let venue = start(Limits::NONE).await;
    let http = reqwest::Client::new();
    let good = attestation(&key(7), "0", now().as_secs());
    let other = attestation(&key(8), "0", now().as_secs());
    let with = |index: usize, value: String| {
        let mut headers = good.clone();
        headers[index].1 = value;
        headers
    };
    for (what, headers) in [
        ("another's address", with(0, other[0].1.clone())),
        ("another's signature", with(1, other[1].1.clone())),
        ("no hex", with(1, "signature".to_owned())),
        ("another time", with(2, (now().as_secs() - 1).to_string())),
        ("another nonce", with(3, "1".to_owned())),
        ("no headers", Vec::new()),
        ("old", attestation(&key(7), "0", now().as_secs() - 60)),
        ("of the future", attestation(&key(7), "0", now().as_secs() + 60)),
    ] {
        let reply = send(http.post(format!("{}/auth/api-key", venue.clob_url)), &headers, String::new()).await;
        assert_eq!(reply.error(), (401, "Invalid L1 Request headers".to_owned()), "{what}");
    }
    assert_eq!(venue.wallets(key(7).address()), []);
}

#[tokio::test]
async fn a_request_must_be_signed_with_its_key() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let body = json!(["0x00"]).to_string();
    let good = anna.headers("POST", "/orders-scoring", &body);
    let with = |index: usize, value: &str| {
        let mut headers = good.clone();
        headers[index].1 = value.to_owned();
        headers
    };
    let foreign = bob.headers("POST", "/orders-scoring", &body);
    for (what, headers) in [
        ("another's address", with(0, &foreign[0].1)),
        ("another's MAC", with(1, &foreign[1].1)),
        ("the MAC of another body", anna.headers("POST", "/orders-scoring", "[]")),
        ("the MAC of another path", anna.headers("POST", "/orders", &body)),
        ("the MAC of another method", anna.headers("GET", "/orders-scoring", &body)),
        ("a stale time", with(2, &(now().as_secs() - 31).to_string())),
        ("an unknown key", with(3, "00000000-0000-0000-0000-000000000000")),
        ("another's passphrase", with(4, &foreign[4].1)),
        ("no headers", Vec::new()),
    ] {
        let reply = anna.call_with("POST", "/orders-scoring", &body, &headers).await;
        assert_eq!(reply.error(), (401, UNAUTHORIZED.to_owned()), "{what}");
    }
    // The query is not signed.
    assert_eq!(anna.call_with("POST", "/orders-scoring?x=1", &body, &good).await.status, 400);
}

#[tokio::test]
async fn every_private_endpoint_asks_for_a_key() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    for (method, path) in [
        ("GET", "/auth/api-keys"),
        ("GET", "/auth/api-key"),
        ("DELETE", "/auth/api-key"),
        ("GET", "/auth/ban-status/closed-only"),
        ("POST", "/order"),
        ("POST", "/orders"),
        ("DELETE", "/order"),
        ("DELETE", "/orders"),
        ("DELETE", "/cancel-all"),
        ("DELETE", "/cancel-market-orders"),
        ("GET", "/data/order/0x00"),
        ("GET", "/data/orders"),
        ("GET", "/data/trades"),
        ("GET", "/balance-allowance"),
        ("GET", "/balance-allowance/update"),
        ("POST", "/v1/heartbeats"),
        ("POST", "/heartbeats"),
        ("GET", "/order-scoring"),
        ("POST", "/orders-scoring"),
        ("GET", "/notifications"),
        ("DELETE", "/notifications"),
        ("GET", "/v1/user/rate-limit-tier"),
        ("GET", "/v1/user/session-signers"),
    ] {
        let reply = anna.call_with(method, path, "", &[]).await;
        assert_eq!(reply.error(), (401, UNAUTHORIZED.to_owned()), "{method} {path}");
    }
}

#[tokio::test]
async fn keys_are_listed_and_revoked() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    assert_eq!(anna.get("/auth/api-keys").await, json!({"apiKeys": [anna.id]}));
    assert_eq!(anna.call("DELETE", "/auth/api-key", "").await.ok(), json!("OK"));
    assert_eq!(anna.call("GET", "/auth/api-keys", "").await.status, 401);
    let headers = attestation(&key(1), "0", now().as_secs());
    let derive = send(anna.http.get(format!("{}/auth/derive-api-key", venue.clob_url)), &headers, String::new()).await;
    assert_eq!(derive.error(), (400, "Could not derive api key!".to_owned()));
    // Who asks for it again has it again.
    let again = Client::anna(&venue).await;
    assert_ne!(again.id, anna.id);
    venue.switch(Switch::RevokeKeys { address: key(1).address() });
    assert_eq!(again.call("GET", "/auth/api-keys", "").await.status, 401);
}

#[tokio::test]
async fn an_account_has_four_wallets_with_money_and_approvals() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let wallets = venue.wallets(key(1).address());
    assert_eq!(
        wallets.iter().map(|wallet| wallet.address).collect::<Vec<_>>(),
        SignatureType::ALL.map(|kind| anna.wallet(kind))
    );
    let endless = alloy::primitives::U256::MAX.to_string();
    for kind in 0..4 {
        let path = format!("/balance-allowance?asset_type=COLLATERAL&signature_type={kind}");
        let balance = anna.get(&path).await;
        assert_eq!(balance["balance"], "1000000000");
        let allowances = balance["allowances"].as_object().expect("an object");
        assert_eq!(allowances.len(), 3);
        assert!(allowances.values().all(|allowance| allowance == &json!(endless)), "{balance}");
    }
    // A stranger has wallets, too, with nothing in them.
    let stranger = Client::connect(&venue, key(9)).await;
    let balance = stranger.get("/balance-allowance?asset_type=COLLATERAL&signature_type=3").await;
    assert_eq!(balance["balance"], "0");
    for query in ["", "asset_type=GOLD", "asset_type=CONDITIONAL&token_id=7", "asset_type=COLLATERAL&signature_type=9"]
    {
        assert_eq!(anna.call("GET", &format!("/balance-allowance?{query}"), "").await.status, 400, "{query}");
    }
    assert_eq!(anna.get("/balance-allowance/update?asset_type=COLLATERAL").await, json!("OK"));
}

#[tokio::test]
async fn the_smaller_things_of_an_account() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let id = format!("0x{}", "ab".repeat(32));
    let closed_only = json!({"closed_only": false});
    for (path, expected) in [
        ("/auth/ban-status/closed-only", closed_only),
        ("/notifications?signature_type=0", json!([])),
        (format!("/order-scoring?order_id={id}").as_str(), json!({"scoring": false})),
    ] {
        assert_eq!(anna.get(path).await, expected, "{path}");
    }
    let scorings = anna.call("POST", "/orders-scoring", &json!([id]).to_string()).await.ok();
    assert_eq!(scorings, json!({id: false}));
    assert_eq!(anna.call("DELETE", "/notifications?ids=1", "").await.ok(), json!("OK"));
    assert_eq!(anna.get("/v1/user/rate-limit-tier").await["tier"], "standard");
    venue.switch(Switch::Standing { address: key(1).address(), standing: Standing::ClosedOnly });
    assert_eq!(anna.get("/auth/ban-status/closed-only").await, json!({"closed_only": true}));

    let (session, wallet) = (key(5).address(), anna.wallet(SignatureType::DepositWallet));
    venue.switch(Switch::Session { session, wallet, valid_until_secs: 4_000_000_000 });
    let signers = anna.get("/v1/user/session-signers").await;
    assert_eq!(signers["wallet"], wallet.to_string());
    assert_eq!(signers["signers"][0]["address"], session.to_string());
    assert_eq!(signers["signers"][0]["valid_until"], 4_000_000_000_u64);
}

#[test]
fn an_account_is_read_from_its_argument() {
    let hex = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
    for (text, dollars) in [(format!("{hex}:1000"), 1_000_000_000), (format!("0x{hex}:0.5"), 500_000)] {
        assert_eq!(text.parse::<Funded>().map(|funded| funded.money.0), Ok(dollars), "{text}");
    }
    for text in ["", "1000", &format!("{hex}:"), &format!("{hex}:-1"), &format!("{hex}:1.0000001"), "00:5"] {
        assert!(text.parse::<Funded>().is_err(), "{text}");
    }
}

#[tokio::test]
async fn a_body_that_is_too_long_is_not_read() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let body = " ".repeat(3 << 20);
    let before = anna.state().await;
    assert_eq!(anna.call("POST", "/order", &body).await.status, 413);
    assert_eq!(anna.state().await, before);
    assert_ne!(before, Value::Null);
}
