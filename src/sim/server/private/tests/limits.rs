//! Limits as a client feels them, and the dead-man switch.

use serde_json::{Value, json};

use super::client::{Client, Spec};
use super::{start, token};
use crate::sim::server::{Enforcement, Headers, Limits, Switch, Tier};

fn signer_only(signer: Enforcement) -> Limits {
    Limits { signer, headers: Headers::Sent, ..Limits::NONE }
}

#[tokio::test]
async fn a_signer_has_his_burst_and_is_told() {
    let venue = start(signer_only(Enforcement::Enforce)).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let spec = Spec::buy(&token(&venue), 10, 10);
    let batch = |entries: usize| json!(vec![json!({}); entries]).to_string();
    let first = anna.call("POST", "/orders", &batch(15)).await;
    assert_eq!(first.status, 200);
    assert_eq!(first.headers["poly-ratelimit-tier"], "standard");
    assert_eq!(first.headers["poly-ratelimit-remaining"], "45");
    assert!(!first.headers.contains_key("poly-ratelimit-warning"));
    // 60 at once; what comes back meanwhile is 40 a second, so a few more batches must hit the wall.
    let mut refused = None;
    for _ in 0..20 {
        let reply = anna.call("POST", "/orders", &batch(15)).await;
        if reply.status == 429 {
            refused = Some(reply);
            break;
        }
    }
    let refused = refused.expect("a refusal");
    assert_eq!(refused.error(), (429, "Too Many Requests".to_owned()));
    assert_eq!(refused.headers["retry-after"], "1");
    assert!(refused.headers.contains_key("poly-ratelimit-reset"));
    // Cancels have a bucket of their own, and so has Bob.
    assert_eq!(anna.call("DELETE", "/cancel-all", "").await.status, 200);
    bob.rest(spec.clone()).await;
    venue.switch(Switch::Limits(Limits { headers: Headers::Withheld, ..signer_only(Enforcement::Enforce) }));
    let mut silent = anna.call("POST", "/orders", &batch(15)).await;
    while silent.status != 429 {
        silent = anna.call("POST", "/orders", &batch(15)).await;
    }
    assert!(!silent.headers.contains_key("poly-ratelimit-tier") && !silent.headers.contains_key("retry-after"));
}

#[tokio::test]
async fn cancel_all_costs_what_it_cancels_and_a_tier_gives_more() {
    let venue = start(signer_only(Enforcement::Enforce)).await;
    let anna = Client::anna(&venue).await;
    venue.switch(Switch::Tier { address: anna.key.address(), tier: Tier::Elite });
    let spec = Spec::buy(&token(&venue), 10, 10);
    let entries: Vec<Value> = (0..15).map(|_| anna.entry(&spec)).collect();
    anna.call("POST", "/orders", &json!(entries).to_string()).await.ok();
    let reply = anna.call("DELETE", "/cancel-all", "").await;
    assert_eq!(reply.headers["poly-ratelimit-tier"], "elite");
    assert_eq!(reply.ok()["canceled"].as_array().map(Vec::len), Some(15));
    assert_eq!(anna.get("/v1/user/rate-limit-tier").await["orders_per_second"], 600);
}

#[tokio::test]
async fn a_warning_is_only_a_warning() {
    let venue = start(signer_only(Enforcement::Warn)).await;
    let anna = Client::anna(&venue).await;
    let ids = json!(vec![format!("0x{}", "ab".repeat(32)); 1]).to_string();
    let mut warned = false;
    for _ in 0..400 {
        let reply = anna.call("DELETE", "/orders", &ids).await;
        assert_eq!(reply.status, 200);
        if reply.headers.contains_key("poly-ratelimit-warning") {
            warned = true;
            break;
        }
        anna.call("POST", "/orders", &json!(vec![json!({}); 15]).to_string()).await.ok();
        let reply = anna.call("POST", "/orders", &json!(vec![json!({}); 15]).to_string()).await;
        warned |= reply.headers.get("poly-ratelimit-warning").is_some_and(|value| value == "true");
        if warned {
            break;
        }
    }
    assert!(warned);
}

#[tokio::test]
async fn an_address_that_asks_too_often_is_refused() {
    let venue = start(Limits { address: Enforcement::Enforce, rate_percent: 10, ..Limits::NONE }).await;
    let anna = Client::anna(&venue).await;
    // 5 updates of balances in 10 s, one more that waits; what is beyond is refused.
    let path = "/balance-allowance/update?asset_type=COLLATERAL";
    for _ in 0..6 {
        assert_eq!(anna.call("GET", path, "").await.status, 200);
    }
    let refused = anna.call("GET", path, "").await;
    assert_eq!(refused.error(), (429, "Too Many Requests".to_owned()));
    assert!(refused.headers.contains_key("retry-after"));
    assert_eq!(anna.call("GET", "/data/orders", "").await.status, 200);
}

#[tokio::test]
async fn heartbeats_name_the_next() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let beat = async |id: Value| anna.call("POST", "/v1/heartbeats", &json!({"heartbeat_id": id}).to_string()).await;
    let first = beat(json!("")).await.ok()["heartbeat_id"].clone();
    let second = beat(first.clone()).await.ok()["heartbeat_id"].clone();
    assert_ne!(first, second);
    let wrong = beat(first).await;
    assert_eq!((wrong.status, wrong.body), (400, json!({"error_msg": "Invalid Heartbeat ID", "heartbeat_id": second})));
    assert_eq!(beat(json!(null)).await.status, 400);
    assert_eq!(beat(second).await.status, 200);
    assert_eq!(anna.call("POST", "/v1/heartbeats", "beat").await.error(), (400, "Invalid order payload".to_owned()));
    assert_eq!(anna.call("POST", "/heartbeats", "").await.ok(), json!({"status": "ok"}));
}

#[tokio::test]
async fn who_falls_silent_loses_his_orders_and_others_do_not() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let spec = Spec::buy(&token(&venue), 10, 10);
    let (annas, bobs) = (anna.rest(spec.clone()).await, bob.rest(spec).await);
    let mut socket = anna.listen().await;
    anna.call("POST", "/v1/heartbeats", &json!({"heartbeat_id": ""}).to_string()).await.ok();
    let canceled = socket.until("order", "CANCELED").await;
    assert_eq!(canceled["id"], json!(annas));
    assert_eq!(bob.get("/data/orders").await["data"][0]["id"], json!(bobs));
}
