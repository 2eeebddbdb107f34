//! The market channel and the activity feed as their clients use them.

use super::*;

#[tokio::test]
async fn tokens_come_and_go_and_custom_messages_are_asked_for() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a free port");
    let markets = venue.open_markets();
    let (first, second) = (markets[0].tokens[0].clone(), markets[1].tokens[0].clone());
    let mut client = Client::subscribe(&venue, std::slice::from_ref(&first)).await;
    assert_eq!(client.next_json().await[0]["asset_id"], first);
    let mut kinds = std::collections::BTreeSet::new();
    while !(kinds.contains("price_change") && kinds.contains("best_bid_ask") && kinds.contains("last_trade_price")) {
        let message = client.next_json().await;
        assert_eq!(message["market"], markets[0].condition, "{message}");
        kinds.insert(message["event_type"].as_str().expect("text").to_owned());
    }
    let say = async |client: &mut Client, request: Value| {
        client.0.send(Frame::text(request.to_string())).await.expect("a listener");
    };
    // A second frame of this type does nothing, and a token that is known gets no new snapshot.
    say(&mut client, json!({"type": "market", "assets_ids": [second]})).await;
    say(&mut client, json!({"operation": "subscribe", "assets_ids": [first]})).await;
    say(&mut client, json!({"operation": "subscribe", "assets_ids": [second]})).await;
    let snapshot = loop {
        let message = client.next_json().await;
        if message.is_array() {
            break message;
        }
        assert_eq!(message["market"], markets[0].condition, "{message}");
    };
    assert_eq!((&snapshot[0]["asset_id"], snapshot.as_array().map(Vec::len)), (&json!(second), Some(1)));
    say(&mut client, json!({"operation": "unsubscribe", "assets_ids": [first, second]})).await;
    say(&mut client, json!({"operation": "subscribe", "assets_ids": [first], "initial_dump": false})).await;
    say(&mut client, json!({"operation": "dance", "assets_ids": []})).await;
    while client.next().await.expect("an open socket") != "INVALID OPERATION" {}
    for _ in 0..20 {
        let message = client.next_json().await;
        assert_eq!((message.is_object(), &message["market"]), (true, &json!(markets[0].condition)), "{message}");
    }
}

#[tokio::test]
async fn without_custom_features_there_are_none() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a free port");
    let tokens: Vec<String> = venue.open_markets().iter().flat_map(|market| market.tokens.clone()).collect();
    let (mut socket, _) = tokio_tungstenite::connect_async(&venue.market_url).await.expect("a socket");
    let request = json!({"type": "market", "assets_ids": tokens, "initial_dump": false});
    socket.send(Frame::text(request.to_string())).await.expect("a listener");
    let mut client = Client(socket);
    for _ in 0..200 {
        let message = client.next_json().await;
        let kind = message["event_type"].as_str().expect("no snapshot comes");
        assert!(["book", "price_change", "last_trade_price", "tick_size_change"].contains(&kind), "{message}");
    }
}

#[tokio::test]
async fn every_hash_of_a_price_change_is_that_of_the_book_after_it() {
    let venue = Server::start(Options::default()).await.expect("a free port");
    let market = &venue.open_markets()[0];
    let mut client = Client::subscribe(&venue, std::slice::from_ref(&market.tokens[0])).await;
    let snapshot = client.next_json().await[0].clone();
    let mut book = snapshot.clone();
    let mut verified = 0;
    while verified < 20 {
        let message = client.next_json().await;
        match message["event_type"].as_str() {
            Some("book") => book = message,
            Some("price_change") => {
                let ours = message["price_changes"].as_array().expect("changes").iter();
                let ours: Vec<&Value> = ours.filter(|change| change["asset_id"] == market.tokens[0]).collect();
                ours.iter().for_each(|change| apply(&mut book, change));
                book["timestamp"] = message["timestamp"].clone();
                assert_eq!(hash(&book), ours[ours.len() - 1]["hash"].as_str().expect("text"), "{message}");
                verified += 1;
            }
            Some("last_trade_price") => book["last_trade_price"] = message["price"].clone(),
            Some("tick_size_change") => book["tick_size"] = message["new_tick_size"].clone(),
            _ => {}
        }
    }
}

/// Puts a new total where it belongs: bids ascend, asks descend.
fn apply(book: &mut Value, change: &Value) {
    let key = if change["side"] == "BUY" { "bids" } else { "asks" };
    let levels = book[key].as_array_mut().expect("levels");
    let number = |value: &Value| value.as_str().and_then(|text| text.parse::<f64>().ok()).expect("a number");
    levels.retain(|level| level["price"] != change["price"]);
    if change["size"] != "0" {
        levels.push(json!({"price": change["price"], "size": change["size"]}));
    }
    levels.sort_by(|a, b| number(&a["price"]).total_cmp(&number(&b["price"])));
    if key == "asks" {
        levels.reverse();
    }
}

/// The venue's rule, written once more by hand.
fn hash(book: &Value) -> String {
    let levels = |key: &str| {
        let level = |level: &Value| format!("{{\"price\":{},\"size\":{}}}", level["price"], level["size"]);
        book[key].as_array().expect("levels").iter().map(level).collect::<Vec<String>>().join(",")
    };
    let preimage = format!(
        "{{\"market\":{},\"asset_id\":{},\"timestamp\":{},\"hash\":\"\",\"bids\":[{}],\"asks\":[{}],\"min_order_size\":{},\
         \"tick_size\":{},\"neg_risk\":{},\"last_trade_price\":{}}}",
        book["market"],
        book["asset_id"],
        book["timestamp"],
        levels("bids"),
        levels("asks"),
        book["min_order_size"],
        book["tick_size"],
        book["neg_risk"],
        book["last_trade_price"],
    );
    Sha1::digest(preimage).iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn the_activity_feed_filters_by_type_and_slug() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a free port");
    let slug = venue.open_markets()[0].slug.clone();
    let filters = json!({"market_slug": slug}).to_string();
    let subscription = json!([{"topic": "activity", "type": "orders_matched", "filters": filters}]);
    let mut feed = Feed::subscribe(&venue, subscription).await;
    for _ in 0..3 {
        let frame = feed.next_json().await;
        assert_eq!((&frame["topic"], &frame["type"]), (&json!("activity"), &json!("orders_matched")));
        assert_eq!((&frame["payload"]["slug"], frame["connection_id"].is_string()), (&json!(slug), true));
    }
    let refused = async |feed: &mut Feed| while feed.0.next().await.expect("an open socket") != "INVALID OPERATION" {};
    feed.0.0.send(Frame::text(r#"{"action":"dance","subscriptions":[]}"#)).await.expect("a listener");
    refused(&mut feed).await;
    feed.next_json().await;
    // Who does not even speak JSON is told so, and closed.
    feed.0.0.send(Frame::text("{")).await.expect("a listener");
    refused(&mut feed).await;
    while feed.0.next().await.is_some() {}
}
