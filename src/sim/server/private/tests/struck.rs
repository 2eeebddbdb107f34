//! The knobs as somebody who trades meets them: turned at run time, each seen in the answers or on the user channel.

use std::sync::Arc;

use serde_json::{Value, json};

use super::client::{Client, Kind, Spec, listing, start, token};
use crate::clock::now;
use crate::domain::{Price, Shares, Side};
use crate::sim::exchange::Funds;
use crate::sim::server::{Limits, Server};

const ALWAYS: u32 = 1_000_000;
const LONG: u64 = 3_600_000;

async fn turn(venue: &Server, knobs: Value) {
    let url = format!("{}/knobs", venue.urls.control);
    let answer = reqwest::Client::new().put(url).json(&knobs).send().await.expect("an answer");
    assert_eq!(answer.status(), 200, "{knobs}");
}

/// Anna, Bob with shares to sell, and the token.
async fn traders() -> (Arc<Server>, Client, Client, String) {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let token = token(&venue);
    bob.split(&token, 200);
    (venue, anna, bob, token)
}

#[tokio::test]
async fn an_accepted_order_is_answered_as_if_it_were_not() {
    let (venue, anna, _, token) = traders().await;
    let mut open = 0;
    for (knob, status) in [
        ("accept_then_5xx_ppm", 502),
        ("accept_then_html_ppm", 200),
        ("id_mismatch_ppm", 200),
        ("success_with_error_ppm", 200),
        ("empty_id_ppm", 200),
    ] {
        turn(&venue, json!({knob: ALWAYS})).await;
        let entry = anna.entry(&Spec::buy(&token, 40, 10)).to_string();
        let headers = anna.headers("POST", "/order", &entry);
        let mut request = anna.http.post(format!("{}/order", venue.clob_url)).body(entry);
        for (name, value) in headers {
            request = request.header(name, value);
        }
        let answer = request.send().await.expect("an answer");
        assert_eq!(answer.status(), status, "{knob}");
        let body = answer.text().await.expect("a body");
        let body: Value = serde_json::from_str(&body).unwrap_or(Value::String(body));
        // Whatever was said, it rests.
        open += 1;
        let orders = anna.get("/data/orders").await;
        assert_eq!(orders["count"], open, "{knob}");
        let is_known = orders["data"].as_array().expect("orders").iter().any(|order| order["id"] == body["orderID"]);
        match knob {
            "id_mismatch_ppm" => {
                assert!(!is_known && body["orderID"].as_str().is_some_and(|id| id.len() == 66), "{body}")
            }
            "success_with_error_ppm" => assert!(is_known && body["errorMsg"] == "order timed out", "{body}"),
            "empty_id_ppm" => assert!(body["success"] == true && body["orderID"] == "", "{body}"),
            _ => assert!(!is_known, "{body}"),
        }
    }
}

#[tokio::test]
async fn what_is_read_is_null_in_other_units_or_old() {
    let (venue, anna, bob, token) = traders().await;
    let made = bob.rest(Spec::sell(&token, 60, 20)).await;
    let path = format!("/data/order/{made}");
    let balance = "/balance-allowance?asset_type=COLLATERAL&signature_type=0";
    turn(&venue, json!({"balance_lag_ms": LONG, "order_null_ppm": ALWAYS, "order_null_for_ms": LONG})).await;
    let before = anna.get(balance).await;
    assert_eq!(bob.get(&path).await, Value::Null);
    assert_eq!(anna.place(Spec::buy(&token, 60, 5)).await.ok()["status"], "matched");
    assert_eq!(anna.get(balance).await, before);
    turn(&venue, json!({})).await;
    assert_ne!(anna.get(balance).await, before);
    assert_eq!(bob.get(&path).await["size_matched"], "5");
    turn(&venue, json!({"unit_flip_ppm": ALWAYS})).await;
    assert_eq!(bob.get(&path).await["size_matched"], "5000000");
    assert_eq!(bob.get("/data/orders").await["data"][0]["size_matched"], "5000000");
    // Who is old enough is shown.
    turn(&venue, json!({"order_null_ppm": ALWAYS, "order_null_for_ms": 0})).await;
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    assert_eq!(bob.get(&path).await["id"], made);
}

#[tokio::test]
async fn trades_end_as_ghosts_and_late() {
    let (venue, anna, bob, token) = traders().await;
    turn(&venue, json!({"ghost_fill_ppm": ALWAYS, "ghost_fill_ms_min": 1, "ghost_fill_ms_max": 2})).await;
    bob.rest(Spec::sell(&token, 60, 20)).await;
    let answer = anna.place(Spec::buy(&token, 60, 5)).await.ok();
    let ghost = answer["tradeIDs"][0].as_str().expect("a trade").to_owned();
    // Knobs that are not named go back: a ghost that is under way must still end soon. 1 ms to MINED: the next block.
    let soon = json!({"ghost_fill_ms_min": 1, "ghost_fill_ms_max": 2, "settle_ms_min": 1, "settle_ms_max": 1});
    turn(&venue, soon.clone()).await;
    let answer = anna.place(Spec::buy(&token, 60, 5)).await.ok();
    let good = answer["tradeIDs"][0].as_str().expect("a trade").to_owned();
    let mut never = soon;
    never["settle_never_ppm"] = json!(ALWAYS);
    turn(&venue, never).await;
    let answer = anna.place(Spec::buy(&token, 60, 5)).await.ok();
    let stuck = answer["tradeIDs"][0].as_str().expect("a trade").to_owned();
    let status = async |id: &str| anna.get(&format!("/data/trades?id={id}")).await["data"][0]["status"].clone();
    while status(&ghost).await != "FAILED"
        || !["MINED", "CONFIRMED"].contains(&status(&good).await.as_str().expect("text"))
    {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(status(&stuck).await, "MATCHED");
}

#[tokio::test]
async fn an_order_is_delayed_where_none_should_be() {
    let (venue, anna, bob, token) = traders().await;
    bob.rest(Spec::sell(&token, 60, 20)).await;
    turn(&venue, json!({"delayed_ppm": ALWAYS, "delayed_ms": 1_500})).await;
    let mut socket = anna.listen().await;
    let answer = anna.place(Spec::buy(&token, 60, 5)).await.ok();
    assert_eq!(answer["status"], "delayed", "{answer}");
    while socket.next().await["type"] != "TRADE" {}
}

#[tokio::test]
async fn the_user_channel_repeats_loses_and_closes() {
    let (venue, anna, _, token) = traders().await;
    let mut socket = anna.listen().await;
    turn(&venue, json!({"user_duplicate_ppm": ALWAYS})).await;
    let id = anna.rest(Spec::buy(&token, 40, 10)).await;
    let (first, second) = (socket.next().await, socket.next().await);
    assert_eq!((&first["id"], &first), (&json!(id), &second));
    turn(&venue, json!({"user_drop_ppm": ALWAYS})).await;
    anna.rest(Spec::buy(&token, 41, 10)).await;
    socket.ping().await;
    turn(&venue, json!({"user_reorder_ppm": ALWAYS})).await;
    let overtaken = anna.rest(Spec::buy(&token, 42, 10)).await;
    let overtakes = anna.rest(Spec::buy(&token, 43, 10)).await;
    let ids = [socket.next().await["id"].clone(), socket.next().await["id"].clone()];
    assert_eq!(ids, [json!(overtakes), json!(overtaken)]);
    // The spell is on as soon as it is set: who is there is cut, who comes is not let in.
    turn(&venue, json!({"user_gap_every_ms": LONG, "user_gap_for_ms": LONG})).await;
    while socket.next_text().await.is_some() {}
    let mut late = super::client::Socket::open(&venue).await;
    assert_eq!(late.next_text().await, None);
    turn(&venue, json!({})).await;
    anna.listen().await;
}

#[tokio::test]
async fn the_venue_restarts_and_takes_cancels_only() {
    let (venue, anna, _, token) = traders().await;
    let refused = async |status: u16| {
        loop {
            let reply = anna.place(Spec::buy(&token, 40, 10)).await;
            if reply.status == status {
                break reply;
            }
            assert_eq!(reply.status, 200, "{}", reply.body);
            tokio::time::sleep(std::time::Duration::from_millis(10)).await;
        }
    };
    turn(&venue, json!({"restart_every_ms": 300, "restart_for_ms": 300, "post_only_for_ms": 300})).await;
    refused(425).await;
    turn(&venue, json!({})).await;
    let url = format!("{}/mode", venue.urls.control);
    reqwest::Client::new().post(&url).json(&json!({"switch": "trade"})).send().await.expect("an answer");
    let id = anna.rest(Spec::buy(&token, 40, 10)).await;
    turn(&venue, json!({"cancel_only_every_ms": 200, "cancel_only_for_ms": 200})).await;
    tokio::time::sleep(std::time::Duration::from_millis(250)).await;
    refused(503).await;
    let canceled = anna.call("DELETE", "/order", &json!({"orderID": id}).to_string()).await.ok();
    assert_eq!(canceled["canceled"], json!([id]));
}

#[tokio::test]
async fn the_buckets_fill_at_the_rate_of_the_knob_and_may_not_say_so() {
    let venue = start(Limits::default()).await;
    let anna = Client::anna(&venue).await;
    turn(&venue, json!({"rate_percent": 1, "rate_headerless_ppm": ALWAYS})).await;
    let token = token(&venue);
    let too_many = loop {
        let reply = anna.place(Spec::buy(&token, 40, 5)).await;
        if reply.status == 429 {
            break reply;
        }
    };
    assert!(!too_many.headers.contains_key("retry-after"), "{:?}", too_many.headers);
    turn(&venue, json!({"rate_percent": 1})).await;
    let reply = anna.place(Spec::buy(&token, 40, 5)).await;
    assert_eq!((reply.status, reply.headers.contains_key("retry-after")), (429, true));
}

/// Lets the house sell 100 shares of a token at 52 cents.
fn quote(venue: &Server, token: &str) {
    let mut hub = venue.world.hub();
    let market = hub.spot(token).expect("a market").market;
    let house = hub.exchange_mut().open_account(Funds::Endless);
    let price = Price::from_micros(520_000).expect("a price");
    hub.exchange_mut().quote(now(), house, market, Side::Sell, price, Shares::whole(100));
    hub.tell(now());
}

#[tokio::test]
async fn an_order_gets_more_than_it_named_or_a_hair_less() {
    let (venue, anna, _, token) = traders().await;
    quote(&venue, &token);
    let spec = Spec::buy(&token, 52, 10).of("FAK");
    let took = async |knobs: Value| {
        turn(&venue, knobs).await;
        let answer = anna.place(spec.clone()).await.ok();
        let order = anna.get(&format!("/data/order/{}", answer["orderID"].as_str().expect("an id"))).await;
        assert_eq!((&answer["status"], &order["status"]), (&json!("matched"), &json!("MATCHED")), "{answer}");
        answer["takingAmount"].as_str().expect("text").parse::<f64>().expect("a number")
    };
    assert_eq!(took(json!({})).await, 10.0);
    assert_eq!(took(json!({"overfill_ppm": ALWAYS})).await, 10.19);
    let short = took(json!({"dust_ppm": ALWAYS})).await;
    assert!((9.99..10.0).contains(&short), "{short}");
}

#[tokio::test]
async fn what_a_held_order_would_meet_is_gone() {
    let (venue, anna, _, _) = traders().await;
    let token = listing(&venue, Kind::Crypto).tokens[0].clone();
    quote(&venue, &token);
    assert_eq!(anna.place(Spec::buy(&token, 52, 10)).await.ok()["status"], "matched");
    turn(&venue, json!({"delayed_unmatched_ppm": ALWAYS})).await;
    assert_eq!(anna.place(Spec::buy(&token, 52, 10)).await.ok()["status"], "unmatched");
    quote(&venue, &token);
    anna.call("DELETE", "/cancel-all", "").await.ok();
    quote(&venue, &token);
    let killed = anna.place(Spec::buy(&token, 52, 10).of("FAK")).await.ok();
    assert_eq!((&killed["success"], &killed["orderID"]), (&json!(false), &killed["orderID"]), "{killed}");
    assert!(killed["errorMsg"].as_str().is_some_and(|text| text.starts_with("no orders found")), "{killed}");
}

#[tokio::test]
async fn nobody_buys_while_all_are_closed_only() {
    let (venue, anna, bob, token) = traders().await;
    let resting = anna.rest(Spec::buy(&token, 40, 10)).await;
    turn(&venue, json!({"closed_only_every_ms": LONG, "closed_only_for_ms": LONG})).await;
    let refused = anna.place(Spec::buy(&token, 40, 10)).await;
    assert_eq!(refused.error(), (400, format!("'{}' address in closed only mode", anna.key.address())));
    assert_eq!(anna.get("/auth/ban-status/closed-only").await, json!({"closed_only": true}));
    bob.rest(Spec::sell(&token, 60, 20)).await;
    let canceled = anna.call("DELETE", "/order", &json!({"orderID": resting}).to_string()).await.ok();
    assert_eq!(canceled["canceled"], json!([resting]));
    turn(&venue, json!({})).await;
    anna.rest(Spec::buy(&token, 40, 10)).await;
}
