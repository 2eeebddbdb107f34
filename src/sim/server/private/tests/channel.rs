//! The user channel (PROTOCOL.md 5.2).

use serde_json::{Value, json};

use super::client::{Client, Kind, Socket, Spec, listing};
use super::{start, token};
use crate::clock::now;
use crate::domain::Nanos;
use crate::sim::exchange::Delay;
use crate::sim::server::Limits;

#[tokio::test]
async fn an_order_is_told_from_its_placement_to_its_end() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let market = listing(&venue, Kind::Plain);
    let mut socket = anna.listen().await;
    let id = anna.rest(Spec::buy(&market.tokens[0], 50, 10)).await;
    let mut placed = socket.next().await;
    let created_at: u64 = placed["created_at"].as_str().expect("text").parse().expect("seconds");
    let timestamp: u64 = placed["timestamp"].as_str().expect("text").parse().expect("milliseconds");
    assert_eq!(timestamp / 1_000, created_at);
    placed["created_at"].take();
    placed["timestamp"].take();
    let expected = json!({
        "event_type": "order", "type": "PLACEMENT", "id": id, "market": market.condition, "asset_id": market.tokens[0],
        "side": "BUY", "price": "0.5", "original_size": "10", "size_matched": "0", "status": "LIVE", "order_type": "GTC",
        "outcome": market.outcomes[0], "owner": anna.id, "order_owner": anna.id,
        "maker_address": anna.key.address().to_string(), "associate_trades": null, "created_at": null,
        "expiration": "0", "timestamp": null,
    });
    assert_eq!(placed, expected);
    anna.call("DELETE", "/cancel-all", "").await.ok();
    let canceled = socket.next().await;
    assert_eq!(
        (&canceled["type"], &canceled["status"], &canceled["id"]),
        (&json!("CANCELLATION"), &json!("CANCELED"), &json!(id))
    );
}

#[tokio::test]
async fn both_sides_hear_of_a_trade_until_it_is_confirmed() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let market = listing(&venue, Kind::Plain);
    let mut sockets = [anna.listen().await, bob.listen().await];
    let made = bob.rest(Spec::buy(&market.tokens[1], 40, 25)).await;
    let taken = anna.place(Spec::buy(&market.tokens[0], 60, 25)).await.ok()["orderID"].clone();
    for (socket, (side, key)) in sockets.iter_mut().zip([("TAKER", &anna.id), ("MAKER", &bob.id)]) {
        let trade = socket.until("trade", "MATCHED").await;
        assert_eq!(
            (&trade["type"], &trade["trader_side"], &trade["trade_owner"]),
            (&json!("TRADE"), &json!(side), &json!(key))
        );
        assert_eq!((&trade["taker_order_id"], &trade["owner"]), (&taken, &json!(anna.id)));
        assert_eq!(
            (&trade["size"], &trade["price"], &trade["transaction_hash"]),
            (&json!("25"), &json!("0.6"), &json!(""))
        );
        // A mint: the maker bought the other token, at his own price.
        let maker = &trade["maker_orders"][0];
        assert_eq!((&maker["order_id"], &maker["owner"]), (&json!(made), &json!(bob.id)));
        assert_eq!(
            (&maker["asset_id"], &maker["price"], &maker["side"]),
            (&json!(market.tokens[1]), &json!("0.4"), &json!("BUY"))
        );
        assert_eq!(maker["matched_amount"], "25");
        for status in ["MINED", "CONFIRMED"] {
            let later = socket.until("trade", status).await;
            assert_eq!(later["id"], trade["id"]);
            assert_eq!(later["transaction_hash"].as_str().map(str::len), Some(66), "{later}");
        }
    }
    let update = anna.get(&format!("/data/order/{}", taken.as_str().expect("an id"))).await;
    assert_eq!((&update["status"], &update["size_matched"]), (&json!("MATCHED"), &json!("25")));
}

#[tokio::test]
async fn a_trade_that_fails_is_retried_and_undone() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let token = token(&venue);
    bob.split(&token, 100);
    bob.rest(Spec::sell(&token, 50, 20)).await;
    {
        let mut hub = venue.world.hub();
        let settings = hub.exchange_mut().settings_mut();
        (settings.retrying_after, settings.failed_after) = (Delay::millis(20, 20), Delay::millis(20, 20));
        hub.exchange_mut().fail_next_settlement();
    }
    let balance = async || anna.get("/balance-allowance?asset_type=COLLATERAL").await["balance"].take();
    let before = balance().await;
    let mut socket = anna.listen().await;
    let id = anna.place(Spec::buy(&token, 50, 20)).await.ok()["tradeIDs"][0].clone();
    let mut seen = Vec::new();
    for status in ["MATCHED", "RETRYING", "FAILED"] {
        seen.push(socket.until("trade", status).await["id"].take());
    }
    assert_eq!(seen, vec![id.clone(); 3]);
    let read = anna.get(&format!("/data/trades?id={}", id.as_str().expect("an id"))).await;
    assert_eq!(read["data"][0]["status"], "FAILED");
    assert_eq!(balance().await, before);
}

#[tokio::test]
async fn orders_end_in_the_venues_words() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let market = listing(&venue, Kind::Plain);
    let mut socket = anna.listen().await;
    let wallet = venue.wallets(anna.key.address())[0];
    let expiration = now().as_secs() + 200;
    let spec = Spec::buy(&market.tokens[0], 50, 10);
    anna.rest(Spec { expiration, ..spec.clone().of("GTD") }).await;
    let (expired, now) = (Nanos::from_secs(expiration - 60), now());
    {
        let mut hub = venue.world.hub();
        hub.exchange_mut().advance(expired);
        hub.tell(now);
    }
    socket.until("order", "CANCELED_EXPIRED_ORDER").await;
    anna.rest(spec.clone()).await;
    {
        let mut hub = venue.world.hub();
        let all = hub.exchange().balance(wallet.account).held;
        hub.exchange_mut().withdraw(wallet.account, all).expect("it is held");
        hub.tell(now);
        hub.exchange_mut().deposit(wallet.account, all);
    }
    socket.until("order", "CANCELED_NOT_ENOUGH_BALANCE").await;
    let id = anna.rest(spec).await;
    {
        let mut hub = venue.world.hub();
        let market = hub.spot(&market.tokens[0]).expect("a market").market;
        hub.exchange_mut().close(market);
        hub.tell(now);
    }
    socket.until("order", "CANCELED_MARKET_RESOLVED").await;
    assert_eq!(anna.get(&format!("/order/{id}")).await["status"], "CANCELED_MARKET_RESOLVED");
    let late = anna.place(Spec::buy(&market.tokens[0], 50, 10)).await;
    assert_eq!(late.error(), (400, "the market is not yet ready to process new orders".to_owned()));
}

#[tokio::test]
async fn a_partial_match_updates_and_a_rest_is_cancelled() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let token = token(&venue);
    bob.split(&token, 100);
    bob.rest(Spec::sell(&token, 50, 8)).await;
    let mut socket = anna.listen().await;
    anna.place(Spec::buy(&token, 50, 20).of("FAK")).await.ok();
    let mut seen: Vec<Value> = Vec::new();
    while seen.len() < 4 {
        seen.push(socket.next().await);
    }
    let told: Vec<(&str, &str)> = seen
        .iter()
        .map(|event| (event["type"].as_str().expect("text"), event["status"].as_str().expect("text")))
        .collect();
    assert_eq!(told, [("PLACEMENT", "LIVE"), ("TRADE", "MATCHED"), ("UPDATE", "LIVE"), ("CANCELLATION", "CANCELED")]);
    let last = seen.last().expect("four");
    assert_eq!((&last["size_matched"], &last["original_size"]), (&json!("8"), &json!("10")));
}

#[tokio::test]
async fn a_killed_fok_is_told_oddly() {
    let venue = start(Limits::NONE).await;
    let anna = Client::anna(&venue).await;
    let mut socket = anna.listen().await;
    assert_eq!(anna.place(Spec::buy(&token(&venue), 50, 20).of("FOK")).await.status, 400);
    let killed = socket.next().await;
    let status = "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.";
    assert_eq!((&killed["type"], &killed["status"]), (&json!("CANCELLATION"), &json!(status)));
    for key in ["size_matched", "created_at", "outcome"] {
        assert_eq!(killed[key], "", "{key}");
    }
    assert_eq!(killed["original_size"], "10");
}

#[tokio::test]
async fn only_the_markets_that_are_wanted_are_told() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let (plain, sports) = (listing(&venue, Kind::Plain), listing(&venue, Kind::Sports));
    let mut socket = Socket::open(&venue).await;
    socket.say(&anna.hello(&json!([plain.condition.to_uppercase().replace("0X", "0x")]))).await;
    socket.ping().await;
    let both = async || {
        bob.rest(Spec::buy(&plain.tokens[0], 11, 10)).await;
        let sports = anna.rest(Spec::buy(&sports.tokens[0], 12, 10)).await;
        [sports, anna.rest(Spec::buy(&plain.tokens[0], 13, 10)).await]
    };
    let operation =
        |operation: &str, condition: &str| json!({"operation": operation, "markets": [condition]}).to_string();
    let [_, in_plain] = both().await;
    assert_eq!(socket.next().await["id"], json!(in_plain));
    socket.say(&operation("subscribe", &sports.condition)).await;
    socket.ping().await;
    let [in_sports, in_plain] = both().await;
    assert_eq!(
        [socket.next().await["id"].take(), socket.next().await["id"].take()],
        [json!(in_sports), json!(in_plain)]
    );
    socket.say(&operation("unsubscribe", &plain.condition)).await;
    socket.ping().await;
    let [in_sports, _] = both().await;
    assert_eq!(socket.next().await["id"], json!(in_sports));
    // As one of the official clients says it.
    let again = json!({"type": "user", "operation": "subscribe", "markets": [plain.condition], "assets_ids": []});
    socket.say(&again.to_string()).await;
    socket.ping().await;
    let [in_sports, in_plain] = both().await;
    assert_eq!(
        [socket.next().await["id"].take(), socket.next().await["id"].take()],
        [json!(in_sports), json!(in_plain)]
    );
}

#[tokio::test]
async fn who_has_no_key_is_closed_upon() {
    let venue = start(Limits::NONE).await;
    let (anna, bob) = (Client::anna(&venue).await, Client::bob(&venue).await);
    let hello: Value = serde_json::from_str(&anna.hello(&json!([]))).expect("JSON");
    let with = |pointer: &str, value: &str| {
        let mut hello = hello.clone();
        *hello.pointer_mut(pointer).expect("a field") = json!(value);
        hello.to_string()
    };
    for (what, text) in [
        ("garbage", "{".to_owned()),
        ("no object", "7".to_owned()),
        ("no key", json!({"type": "user", "markets": []}).to_string()),
        ("another channel", with("/type", "market")),
        ("an unknown key", with("/auth/apiKey", "key")),
        ("another's secret", with("/auth/secret", &bob.secret.to_base64())),
        ("another's passphrase", with("/auth/passphrase", &bob.passphrase)),
        ("an operation before the key", json!({"operation": "subscribe", "markets": []}).to_string()),
    ] {
        let mut socket = Socket::open(&venue).await;
        socket.say(&text).await;
        assert_eq!(socket.next_text().await, None, "{what}");
    }
    let mut socket = anna.listen().await;
    socket.say("garbage").await;
    assert_eq!(socket.next_text().await, None);
}
