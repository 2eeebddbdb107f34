//! What becomes of orders that are taken: resting, matched, cancelled; and how their owner reads that.

use std::sync::Arc;

use serde_json::{Value, json};

use super::client::{Client, Kind, Spec, key, listing};
use super::{start, token};
use crate::clock::now;
use crate::domain::Usdc;
use crate::sim::server::{Funded, Limits, Options, PrivateSettings, Server, Switch};
use crate::venue::polymarket::{Exchange, Network, Order, SignatureType, signature};

fn text(value: &Value) -> String {
    value.as_str().expect("text").to_owned()
}

#[tokio::test]
async fn an_order_rests_is_read_and_is_cancelled() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let market = listing(&venue, Kind::Plain);
    let spec = Spec::buy(&market.tokens[1], 30, 10);
    let answer = anna.place(spec).await.ok();
    let id = text(&answer["orderID"]);
    assert_eq!(
        answer,
        json!({"success": true, "errorMsg": "", "orderID": id, "status": "live", "makingAmount": "", "takingAmount": "",
            "transactionsHashes": [], "tradeIDs": []})
    );
    let order = anna.get(&format!("/data/order/{id}")).await;
    let created_at = order["created_at"].as_u64().expect("seconds");
    assert!(created_at.abs_diff(now().as_secs()) < 30);
    let expected = json!({
        "id": id, "status": "LIVE", "market": market.condition, "asset_id": market.tokens[1], "original_size": "10",
        "size_matched": "0", "price": "0.3", "side": "BUY", "outcome": market.outcomes[1], "owner": anna.id,
        "maker_address": anna.key.address().to_string(), "order_type": "GTC", "associate_trades": [],
        "created_at": created_at, "expiration": "0",
    });
    assert_eq!(order, expected);
    let page = json!({"limit": 100, "count": 1, "next_cursor": "LTE=", "data": [expected]});
    assert_eq!(anna.get("/data/orders").await, page);
    for (query, count) in [
        (format!("id={id}"), 1),
        (format!("market={}&next_cursor=MA==", market.condition), 1),
        (format!("asset_id={}", market.tokens[1]), 1),
        (format!("asset_id={}", market.tokens[0]), 0),
        ("market=0x00".to_owned(), 0),
        ("next_cursor=LTE=".to_owned(), 0),
    ] {
        assert_eq!(anna.get(&format!("/data/orders?{query}")).await["count"], count, "{query}");
    }
    assert_eq!(anna.call("GET", "/data/orders?next_cursor=x", "").await.status, 400);

    // It is nobody else's.
    assert_eq!(bob.call("GET", &format!("/data/order/{id}"), "").await.status, 404);
    let cancel = json!({"orderID": id}).to_string();
    let not_his = json!({"canceled": [], "not_canceled": {id.clone(): "already canceled or matched"}});
    assert_eq!(bob.call("DELETE", "/order", &cancel).await.ok(), not_his);

    let canceled = json!({"canceled": [id], "not_canceled": {}});
    assert_eq!(anna.call("DELETE", "/order", &cancel).await.ok(), canceled);
    assert_eq!(anna.call("DELETE", "/order", &cancel).await.ok(), not_his);
    assert_eq!(anna.get(&format!("/data/order/{id}")).await["status"], "CANCELED");
    assert_eq!(anna.get("/data/orders").await["count"], 0);
}

#[tokio::test]
async fn cancels_come_in_four_kinds() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let (plain, v3) = (listing(&venue, Kind::Plain), listing(&venue, Kind::V3));
    let rest = async || {
        let one = anna.rest(Spec::buy(&plain.tokens[0], 10, 10)).await;
        let other = anna.rest(Spec { wallet: SignatureType::Safe, ..Spec::buy(&plain.tokens[1], 10, 10) }).await;
        let third = anna.rest(Spec { exchange: Exchange::V3, ..Spec::buy(&v3.tokens[0], 10, 10) }).await;
        [one, other, third]
    };
    let cancel = async |path: &str, body: Value| {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let mut answer = anna.call("DELETE", path, &body).await.ok();
        assert_eq!(answer["not_canceled"], json!({}));
        anna.call("DELETE", "/cancel-all", "").await.ok();
        answer["canceled"].take()
    };
    let ids = rest().await;
    assert_eq!(cancel("/orders", json!([ids[2], ids[0], ids[2]])).await, json!([ids[2], ids[0]]));
    let ids = rest().await;
    assert_eq!(cancel("/cancel-market-orders", json!({"market": plain.condition})).await, json!([ids[0], ids[1]]));
    let ids = rest().await;
    let body = json!({"market": null, "asset_id": plain.tokens[1]});
    assert_eq!(cancel("/cancel-market-orders", body).await, json!([ids[1]]));
    let ids = rest().await;
    assert_eq!(cancel("/cancel-market-orders", json!({"market": v3.condition, "asset_id": ""})).await, json!([ids[2]]));
    let ids = rest().await;
    assert_eq!(cancel("/cancel-all", Value::Null).await, json!(ids));
}

#[tokio::test]
async fn a_match_is_answered_in_decimals_and_read_by_both() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let market = listing(&venue, Kind::Plain);
    bob.split(&market.tokens[0], 100);
    let made = bob.rest(Spec::sell(&market.tokens[0], 66, 50)).await;
    // 5 dollars at 0.66: the taker's collateral binds, and the shares are more than he asked for.
    let answer = anna.place(Spec { size: 5, cents: 70, ..Spec::buy(&market.tokens[0], 66, 8).of("FAK") }).await.ok();
    assert_eq!(
        (&answer["status"], &answer["makingAmount"], &answer["takingAmount"]),
        (&json!("matched"), &json!("3.5"), &json!("5.303031"))
    );
    let (taken, trade) = (text(&answer["orderID"]), text(&answer["tradeIDs"][0]));
    assert_eq!(answer["tradeIDs"].as_array().map(Vec::len), Some(1));

    let order = anna.get(&format!("/data/order/{taken}")).await;
    // Dollars, not shares: so the venue has it for FAK and FOK buys.
    assert_eq!((&order["original_size"], &order["size_matched"]), (&json!("3.5"), &json!("5.303031")));
    assert_eq!((&order["status"], &order["associate_trades"]), (&json!("MATCHED"), &json!([trade])));

    let mut seen = anna.get(&format!("/data/trades?id={trade}")).await["data"][0].take();
    let (match_time, status) = (text(&seen["match_time"]), text(&seen["status"]));
    assert!(match_time.parse::<u64>().is_ok_and(|secs| secs.abs_diff(now().as_secs()) < 30));
    assert!(["MATCHED", "MINED", "CONFIRMED"].contains(&status.as_str()), "{status}");
    for key in ["match_time", "last_update", "status", "transaction_hash"] {
        seen[key].take();
    }
    let maker = json!({
        "order_id": made, "owner": bob.id, "maker_address": bob.key.address().to_string(), "matched_amount": "5.303031",
        "price": "0.66", "fee_rate_bps": "0", "asset_id": market.tokens[0], "outcome": market.outcomes[0],
        "outcome_index": 0, "side": "SELL",
    });
    let mut expected = json!({
        "id": trade, "taker_order_id": taken, "market": market.condition, "asset_id": market.tokens[0], "side": "BUY",
        "size": "5.303031", "price": "0.659999", "fee_rate_bps": "0", "outcome": market.outcomes[0], "bucket_index": 0,
        "owner": anna.id, "maker_address": anna.key.address().to_string(), "trader_side": "TAKER",
        "maker_orders": [maker], "match_time": null, "last_update": null, "status": null, "transaction_hash": null,
    });
    assert_eq!(seen["price"], expected["price"]);
    assert_eq!(seen, expected);
    // Bob sees the same trade from the other side.
    let mut other = bob.get(&format!("/data/trades?id={trade}")).await["data"][0].take();
    for key in ["match_time", "last_update", "status", "transaction_hash"] {
        other[key].take();
    }
    expected["trader_side"] = json!("MAKER");
    assert_eq!(other, expected);
    assert_eq!(bob.get(&format!("/data/order/{made}")).await["size_matched"], "5.303031");
}

#[tokio::test]
async fn trades_are_filtered_and_paged() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let market = listing(&venue, Kind::Plain);
    let started = now().as_secs();
    bob.split(&market.tokens[0], 600);
    for _ in 0..105 {
        bob.rest(Spec::sell(&market.tokens[0], 50, 5)).await;
        anna.place(Spec::buy(&market.tokens[0], 50, 5)).await.ok();
    }
    let first = anna.get("/data/trades").await;
    assert_eq!((&first["count"], &first["limit"], &first["next_cursor"]), (&json!(100), &json!(100), &json!("MTAw")));
    let second = anna.get("/data/trades?next_cursor=MTAw").await;
    assert_eq!((&second["count"], &second["next_cursor"]), (&json!(5), &json!("LTE=")));
    let wallet = anna.key.address();
    for (query, count) in [
        (format!("market={}", market.condition), 100),
        ("market=0x00".to_owned(), 0),
        (format!("asset_id={}", market.tokens[0]), 100),
        (format!("asset_id={}", market.tokens[1]), 0),
        (format!("maker_address={wallet}"), 100),
        (format!("maker={wallet}"), 100),
        (format!("maker_address={}", alloy::primitives::Address::ZERO), 0),
        (format!("before={started}"), 0),
        (format!("after={}", started - 60), 100),
        (format!("after={}", started + 600), 0),
    ] {
        assert_eq!(anna.get(&format!("/data/trades?{query}")).await["count"], count, "{query}");
    }
    assert_eq!(anna.call("GET", "/data/trades?after=noon", "").await.status, 400);
}

#[tokio::test]
async fn all_wallets_trade_in_all_generations() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    for (kind, exchange) in
        [(Kind::Plain, Exchange::V2), (Kind::NegRisk, Exchange::V2NegRisk), (Kind::V3, Exchange::V3)]
    {
        let tokens = listing(&venue, kind).tokens.clone();
        for wallet in SignatureType::ALL {
            // Two buyers of opposite outcomes: a mint.
            bob.rest(Spec { exchange, wallet, ..Spec::buy(&tokens[1], 40, 20) }).await;
            let answer = anna.place(Spec { exchange, wallet, ..Spec::buy(&tokens[0], 60, 20).of("FOK") }).await.ok();
            assert_eq!(
                (&answer["status"], &answer["takingAmount"]),
                (&json!("matched"), &json!("20")),
                "{wallet:?} {kind:?}"
            );
        }
    }
}

#[tokio::test]
async fn a_gtd_rests_until_it_expires() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let expiration = now().as_secs() + 200;
    let id = anna.rest(Spec { expiration, ..Spec::buy(&token(&venue), 50, 10).of("GTD") }).await;
    let order = anna.get(&format!("/data/order/{id}")).await;
    assert_eq!((&order["order_type"], &order["expiration"]), (&json!("GTD"), &json!(expiration.to_string())));
}

#[tokio::test]
async fn money_is_reserved_and_comes_back() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let token = token(&venue);
    let all = Spec::buy(&token, 50, 2_000);
    let id = anna.rest(all.clone()).await;
    let (status, error) = anna.place(Spec::buy(&token, 50, 10)).await.error();
    assert_eq!((status, error.contains("the balance is not enough")), (400, true), "{error}");
    anna.call("DELETE", "/order", &json!({"orderID": id}).to_string()).await.ok();
    anna.rest(all).await;
}

#[tokio::test]
async fn a_session_key_trades_for_the_wallet_that_knows_it() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let session = Client::connect(&venue, key(5)).await;
    let (token, wallet) = (token(&venue), anna.wallet(SignatureType::DepositWallet));
    let spec = Spec { wallet: SignatureType::DepositWallet, ..Spec::buy(&token, 50, 10) };
    let entry = || {
        let order = Order { maker: wallet, signer: wallet, ..session.order(&spec) };
        let bytes = signature::sign_in_session(&order, &session.key, Exchange::V2, Network::Polygon);
        session.signed(&spec, &order, &bytes).to_string()
    };
    assert_eq!(session.call("POST", "/order", &entry()).await.status, 400);
    let valid_until_secs = now().as_secs() + 600;
    venue.switch(Switch::Session { session: session.key.address(), wallet, valid_until_secs });
    let id = session.call("POST", "/order", &entry()).await.ok()["orderID"].clone();
    // It sees its own orders, and the wallet's balance; the owner's key does not see them.
    assert_eq!(session.get("/data/orders").await["data"][0]["id"], id);
    assert_eq!(anna.get("/data/orders").await["count"], 0);
    let balance = session.get("/balance-allowance?asset_type=COLLATERAL&signature_type=3").await;
    assert_eq!(balance["balance"], "1000000000");
    venue.switch(Switch::Session { session: session.key.address(), wallet, valid_until_secs: 1 });
    assert_eq!(session.call("POST", "/order", &entry()).await.status, 400);
}

#[tokio::test]
async fn the_world_trades_with_clients() {
    crate::feed::install_tls();
    let private =
        PrivateSettings { accounts: vec![Funded { key: key(1), money: Usdc::whole(1_000) }], limits: Limits::NONE };
    let options = Options { rate_percent: 1, private, ..Options::default() };
    let venue = Arc::new(Server::start(options).await.expect("free ports"));
    let anna = Client::anna(&venue).await;
    let token = token(&venue);
    let book = anna.get(&format!("/book?token_id={token}")).await;
    let best = |side: &str| book[side].as_array().and_then(|levels| levels.last()).expect("a level")["price"].clone();
    let ask = best("asks").as_str().expect("text").parse::<f64>().expect("a price");
    let spec = Spec::buy(&token, (ask * 100.0).round() as u32, 5).of("FAK");
    let answer = anna.place(spec).await.ok();
    assert_eq!(answer["status"], "matched", "{answer}");
    let trade = anna.get(&format!("/data/trades?id={}", text(&answer["tradeIDs"][0]))).await["data"][0].take();
    let maker = &trade["maker_orders"][0];
    // A stranger's key looks like a key, and his wallet like a wallet.
    assert_eq!(text(&maker["owner"]).len(), 36);
    assert_eq!(text(&maker["maker_address"]).len(), 42);
    // He sold this token, or bought the other.
    let price = text(&maker["price"]).parse::<f64>().expect("a price");
    let expected = if maker["asset_id"] == token.as_str() { ask } else { 1.0 - ask };
    assert!((price - expected).abs() < 1e-9, "{maker}");
    let on_chain = settled_orders(&venue, &anna, &text(&trade["id"])).await;
    assert!(on_chain.contains(&maker["order_id"]) && on_chain.contains(&answer["orderID"]), "{on_chain:?} {maker}");
    // What rests of a client's is in the book that all see.
    anna.rest(Spec::buy(&token, 1, 100)).await;
    let book = anna.get(&format!("/book?token_id={token}")).await;
    assert!(book["bids"].as_array().expect("bids").contains(&json!({"price": "0.01", "size": "100"})), "{book}");
}

/// Waits for the block that has a trade's transaction. Returns the first words of its logs: the ids of the orders that it
/// settles.
async fn settled_orders(venue: &Server, client: &Client, trade: &str) -> Vec<Value> {
    for _ in 0..400 {
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        let told = client.get(&format!("/data/trades?id={trade}")).await;
        let hash = &told["data"][0]["transaction_hash"];
        let ask = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_getTransactionReceipt", "params": [hash]});
        let answer = reqwest::Client::new().post(&venue.urls.rpc_http).json(&ask).send().await.expect("an answer");
        let answer: Value = answer.json().await.expect("JSON");
        if let Some(logs) = answer["result"]["logs"].as_array() {
            return logs.iter().map(|log| log["topics"][1].clone()).collect();
        }
    }
    panic!("trade {trade} is in no block after 20 seconds");
}
