//! Orders that are held before they are matched (PROTOCOL.md 2.10).

use std::time::Duration;

use serde_json::{Value, json};

use super::client::{Client, Kind, Spec, listing};
use super::start;
use crate::sim::server::Limits;

#[tokio::test]
async fn on_crypto_markets_the_answer_waits_for_the_hold() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let token = listing(&venue, Kind::Crypto).tokens[0].clone();
    bob.split(&token, 100);
    bob.rest(Spec::sell(&token, 50, 20)).await;
    let answer = anna.place(Spec::buy(&token, 50, 20)).await.ok();
    assert_eq!((&answer["status"], &answer["takingAmount"]), (&json!("matched"), &json!("20")));

    // What was there is gone when the hold ends: it rests.
    let made = bob.rest(Spec::sell(&token, 50, 20)).await;
    let (cancel, spec) = (json!({"orderID": made}).to_string(), Spec::buy(&token, 50, 20));
    let (answer, _) = tokio::join!(anna.place(spec), async {
        tokio::time::sleep(Duration::from_millis(15)).await;
        bob.call("DELETE", "/order", &cancel).await.ok()
    });
    let answer = answer.ok();
    assert_eq!((&answer["status"], &answer["makingAmount"]), (&json!("unmatched"), &json!("")));
    anna.call("DELETE", "/cancel-all", "").await.ok();

    // A FOK cannot rest: HTTP 200, and yet a no.
    let made = bob.rest(Spec::sell(&token, 50, 20)).await;
    let cancel = json!({"orderID": made}).to_string();
    let (answer, _) = tokio::join!(anna.place(Spec::buy(&token, 50, 20).of("FOK")), async {
        tokio::time::sleep(Duration::from_millis(15)).await;
        bob.call("DELETE", "/order", &cancel).await.ok()
    });
    let answer = answer.ok();
    assert_eq!(answer["success"], false);
    assert_eq!(answer["errorMsg"], "order couldn't be fully filled. FOK orders are fully filled or killed.");
    assert_eq!(anna.get("/data/orders").await["count"], 0);
}

#[tokio::test]
async fn on_sports_markets_the_answer_is_delayed_and_the_socket_tells_the_rest() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let token = listing(&venue, Kind::Sports).tokens[0].clone();
    bob.split(&token, 100);
    bob.rest(Spec::sell(&token, 50, 20)).await;
    let mut socket = anna.listen().await;
    let answer = anna.place(Spec::buy(&token, 50, 20)).await.ok();
    assert_eq!(
        (&answer["status"], &answer["makingAmount"], &answer["tradeIDs"]),
        (&json!("delayed"), &json!(""), &json!([]))
    );
    let id = answer["orderID"].as_str().expect("an id").to_owned();
    let held = socket.next().await;
    assert_eq!((&held["type"], &held["status"], &held["id"]), (&json!("PLACEMENT"), &json!("DELAYED"), &json!(id)));
    // It is open, it is reserved, and it cannot be cancelled.
    assert_eq!(anna.get("/data/orders").await["data"][0]["status"], "DELAYED");
    let cancel = anna.call("DELETE", "/order", &json!({"orderID": id}).to_string()).await.ok();
    let reason = "cannot cancel because the order is in pending/delayed status";
    assert_eq!(cancel, json!({"canceled": [], "not_canceled": {id.clone(): reason}}));
    let trade = socket.until("trade", "MATCHED").await;
    assert_eq!(trade["taker_order_id"], json!(id));
    let order = socket.until("order", "MATCHED").await;
    assert_eq!((&order["size_matched"], &order["associate_trades"]), (&json!("20"), &json!([trade["id"]])));

    // Without a match it comes to the book.
    let made = bob.rest(Spec::sell(&token, 50, 20)).await;
    let answer = anna.place(Spec::buy(&token, 50, 20)).await.ok();
    bob.call("DELETE", "/order", &json!({"orderID": made}).to_string()).await.ok();
    let unmatched: Value = socket.until("order", "UNMATCHED").await;
    assert_eq!((&unmatched["id"], &unmatched["size_matched"]), (&answer["orderID"], &json!("0")));
    assert_eq!(anna.get("/data/orders").await["data"][0]["status"], "LIVE");
}

#[tokio::test]
async fn a_client_that_hangs_up_leaves_his_held_order() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let token = listing(&venue, Kind::Crypto).tokens[0].clone();
    bob.split(&token, 100);
    bob.rest(Spec::sell(&token, 50, 20)).await;
    let mut socket = anna.listen().await;
    let place = anna.place(Spec::buy(&token, 50, 20));
    assert!(tokio::time::timeout(Duration::from_millis(25), place).await.is_err());
    assert_eq!(socket.until("trade", "MATCHED").await["size"], "20");
}
