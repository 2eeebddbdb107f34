//! Each knob strikes where it says: turned at run time, seen by a client.

use super::*;

const ALWAYS: u32 = 1_000_000;

/// A venue and how to turn its knobs while it runs.
struct Struck {
    venue: Server,
    client: reqwest::Client,
}

impl Struck {
    async fn start() -> Struck {
        crate::feed::install_tls();
        let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a free port");
        let client = reqwest::Client::builder().timeout(PATIENCE).build().expect("a client");
        Struck { venue, client }
    }

    /// Sets all knobs.
    async fn turn(&self, knobs: Value) {
        let url = format!("{}/knobs", self.venue.urls.control);
        let answer = self.client.put(url).json(&knobs).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{knobs}");
    }

    fn order(&self) -> reqwest::RequestBuilder {
        self.client.post(format!("{}/order", self.venue.clob_url)).body("{}")
    }
}

#[tokio::test]
async fn knobs_are_read_set_and_turned_one_by_one() {
    let struck = Struck::start().await;
    let url = format!("{}/knobs", struck.venue.urls.control);
    let knobs = async || get(url.clone()).await.1;
    let calm = knobs().await;
    assert_eq!(calm, serde_json::to_value(Knobs::CALM).expect("JSON"));
    let patch = struck.client.patch(&url).json(&json!({"drift_ppm": 7})).send().await.expect("an answer");
    assert_eq!(patch.json::<Value>().await.expect("JSON")["drift_ppm"], 7);
    let patch = struck.client.patch(&url).json(&json!({"storm_ppm": 8})).send().await.expect("an answer");
    assert_eq!(patch.json::<Value>().await.expect("JSON")["drift_ppm"], 7);
    struck.turn(json!({})).await;
    assert_eq!(knobs().await, calm);
    for wrong in [json!({"drft_ppm": 7}), json!({"drift_ppm": 1_000_001}), json!({"drift_ppm": -1}), json!(7)] {
        let answer = struck.client.patch(&url).json(&wrong).send().await.expect("an answer");
        assert_eq!(answer.status(), 422, "{wrong}");
        assert!(answer.json::<Value>().await.expect("JSON")["error"].is_string());
    }
    assert_eq!(knobs().await, calm);
    let (_, state) = get(format!("{}/state", struck.venue.urls.control)).await;
    assert_eq!((&state["knobs"], &state["private_requests"]), (&calm, &json!(0)));
}

/// No key is shown: in calm weather the answer is 401.
#[tokio::test]
async fn answers_to_orders_are_replaced_cut_or_late() {
    let struck = Struck::start().await;
    let answer = struck.order().send().await.expect("an answer");
    assert_eq!(answer.status(), 401);
    for (knobs, status, content) in [
        (json!({"accept_then_5xx_ppm": ALWAYS}), 502, "application/json"),
        (json!({"accept_then_html_ppm": ALWAYS}), 200, "text/html; charset=utf-8"),
        (json!({"storm_ppm": ALWAYS, "storm_every_ms": 1, "storm_for_ms": 1}), 500, "application/json"),
        (json!({"unauthorized_every_ms": 1, "unauthorized_for_ms": 1}), 401, "application/json"),
        (json!({"late_landing_ppm": ALWAYS, "late_landing_ms_max": 1}), 401, "application/json"),
    ] {
        struck.turn(knobs.clone()).await;
        let answer = struck.order().send().await.expect("an answer");
        assert_eq!(
            (answer.status().as_u16(), &answer.headers()["content-type"]),
            (status, &content.parse().expect("a header")),
            "{knobs}"
        );
    }
    struck.turn(json!({"accept_then_reset_ppm": ALWAYS})).await;
    let error = struck.order().send().await.expect_err("no answer");
    assert!(!error.is_timeout(), "{error:?}");
    // Every second time late, every other never.
    struck.turn(json!({"accept_then_timeout_ppm": ALWAYS, "answer_late_ms_min": 1, "answer_late_ms_max": 1})).await;
    let (mut late, mut never) = (0, 0);
    while late == 0 || never == 0 {
        match struck.order().timeout(Duration::from_millis(400)).send().await {
            Ok(answer) => late += u32::from(answer.status() == 401),
            Err(error) => never += u32::from(error.is_timeout()),
        }
    }
    // Reads are left alone.
    let read = struck.client.get(format!("{}/data/orders", struck.venue.clob_url)).send().await.expect("an answer");
    assert_eq!(read.status(), 401);
}

#[tokio::test]
async fn a_connection_is_closed_after_so_many_requests() {
    let struck = Struck::start().await;
    struck.turn(json!({"close_after_requests": 3})).await;
    let mut closed = Vec::new();
    for _ in 0..6 {
        let answer = struck.order().send().await.expect("an answer");
        closed.push(answer.headers().get("connection").is_some_and(|value| value == "close"));
    }
    assert_eq!(closed, [false, false, true, false, false, true]);
}

#[tokio::test]
async fn the_market_channel_stalls_and_answers_pings() {
    let struck = Struck::start().await;
    let tokens: Vec<String> = struck.venue.open_markets().iter().flat_map(|market| market.tokens.clone()).collect();
    let mut client = Client::subscribe(&struck.venue, &tokens).await;
    client.next_json().await;
    client.next_json().await;
    struck.turn(json!({"market_stall_every_ms": 3_600_000, "market_stall_for_ms": 3_600_000})).await;
    // What was sent before the spell still comes; after the second PONG there is nothing between.
    let silence = async |client: &mut Client| {
        client.0.send(Frame::text("PING")).await.expect("a listener");
        let mut between = 0;
        while client.next().await.expect("an open socket") != "PONG" {
            between += 1;
        }
        between
    };
    silence(&mut client).await;
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert_eq!(silence(&mut client).await, 0);
    struck.turn(json!({})).await;
    client.next_json().await;
}

#[tokio::test]
async fn the_activity_feed_freezes_and_replays() {
    let struck = Struck::start().await;
    let mut feed =
        Feed::subscribe(&struck.venue, json!([{"topic": "activity", "type": "trades", "filters": ""}])).await;
    feed.next_json().await;
    struck.turn(json!({"feed_replay_ppm": ALWAYS, "feed_replay_age_ms": 3_600_000})).await;
    // The oldest fill there is comes again and again.
    let mut seen: BTreeMap<String, u32> = BTreeMap::new();
    while seen.values().all(|count| *count < 3) {
        *seen.entry(feed.next_json().await["payload"].to_string()).or_default() += 1;
    }
    struck.turn(json!({"feed_freeze_every_ms": 3_600_000, "feed_freeze_for_ms": 3_600_000})).await;
    feed.drain().await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(feed.drain().await, 0);
}

#[tokio::test]
async fn the_shapes_of_market_frames_drift() {
    let struck = Struck::start().await;
    let tokens: Vec<String> = struck.venue.open_markets().iter().flat_map(|market| market.tokens.clone()).collect();
    let mut client = Client::subscribe(&struck.venue, &tokens).await;
    struck.turn(json!({"drift_ppm": ALWAYS})).await;
    let (mut unknown, mut wrapped) = (0, 0);
    while unknown == 0 || wrapped == 0 {
        let frame = client.next_json().await;
        unknown += u32::from(frame.get("schema_revision").is_some());
        wrapped += u32::from(frame[0]["event_type"] == "price_change");
    }
}

#[tokio::test]
async fn the_truth_log_has_what_the_client_did_not_get() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("truth.jsonl");
    crate::feed::install_tls();
    let knobs = Knobs { accept_then_5xx_ppm: ALWAYS, ..Knobs::CALM };
    let truth = Some(truth::Truth::begin(&path).expect("a file"));
    let venue = Server::start(Options { seed: 9, knobs, truth, ..Options::default() }).await.expect("a free port");
    let client = reqwest::Client::new();
    let sent = client.post(format!("{}/order?a=b", venue.clob_url)).body("{\"x\":1}").send().await.expect("an answer");
    assert_eq!(sent.status(), 502);
    let read = client.get(format!("{}/data/orders", venue.clob_url)).send().await.expect("an answer");
    assert_eq!(read.status(), 401);
    let summary = venue.finish().await.expect("written");
    let lines = truth::read(&path).expect("lines");
    assert_eq!((summary.truth_lines, summary.private_requests), (lines.len() as u64, 2));
    let of_requests: Vec<&Entry> = lines
        .iter()
        .map(|line| &line.entry)
        .filter(|entry| matches!(entry, Entry::Received { .. } | Entry::Answered { .. } | Entry::Withheld { .. }))
        .collect();
    assert!(matches!(lines[0].entry, Entry::Began { seed: 9 }), "{lines:?}");
    match of_requests.as_slice() {
        [
            Entry::Received { request: 1, method, path, body },
            Entry::Withheld { request: 1, status: 401, instead, .. },
            Entry::Received { request: 2, .. },
            Entry::Answered { request: 2, status: 401, .. },
        ] => {
            assert_eq!((method.as_str(), path.as_str(), instead.as_str()), ("POST", "/order?a=b", "502"));
            assert_eq!(body, &truth::Bytes::Text("{\"x\":1}".to_owned()));
        }
        other => panic!("{other:?}"),
    }
    assert_eq!(lines.last().map(|line| &line.entry), Some(&Entry::Ended));
}

#[tokio::test]
async fn ticks_flip_to_and_fro() {
    let struck = Struck::start().await;
    // A market whose price calls for a cent: nothing else changes its tick.
    let images = struck.venue.market_images().into_iter();
    let mid = images.filter(|image| image.worth(crate::sim::message::Outcome::Yes).abs_diff(500_000) < 250_000);
    let tokens: Vec<String> = mid.flat_map(|image| image.listing.tokens.clone()).collect();
    let mut client = Client::subscribe(&struck.venue, &tokens).await;
    struck.turn(json!({"tick_flip_every_ms": 300})).await;
    let mut grids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    while grids.values().all(|grids| grids.len() < 2) {
        let frame = client.next_json().await;
        if frame["event_type"] == "tick_size_change" {
            let text = |key: &str| frame[key].as_str().expect("text").to_owned();
            let seen = grids.entry(text("asset_id")).or_default();
            assert_ne!(text("old_tick_size"), text("new_tick_size"), "{frame}");
            assert!(seen.last().is_none_or(|last| *last == text("old_tick_size")), "{frame}");
            seen.push(text("new_tick_size"));
        }
    }
    let twice = grids.values().find(|grids| grids.len() == 2).expect("the loop ended");
    assert!(twice.contains(&"0.01".to_owned()) && twice.contains(&"0.001".to_owned()), "{twice:?}");
}

/// A socket of the node.
struct NodeSocket(Client);

impl NodeSocket {
    async fn subscribe(venue: &Server, topics: &[Value]) -> NodeSocket {
        let (mut socket, _) = tokio_tungstenite::connect_async(&venue.urls.rpc_ws).await.expect("a socket");
        for topic in topics {
            let request = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_subscribe", "params": topic});
            socket.send(Frame::text(request.to_string())).await.expect("a listener");
        }
        let mut socket = NodeSocket(Client(socket));
        for _ in topics {
            assert!(socket.0.next_json().await["result"].is_string());
        }
        socket
    }

    async fn next(&mut self) -> Value {
        self.0.next_json().await["params"]["result"].clone()
    }
}

async fn block_number(venue: &Server) -> u64 {
    let request = json!({"jsonrpc": "2.0", "id": 1, "method": "eth_blockNumber", "params": []});
    let answer = reqwest::Client::new().post(&venue.urls.rpc_http).json(&request).send().await.expect("an answer");
    let answer: Value = answer.json().await.expect("JSON");
    u64::from_str_radix(&answer["result"].as_str().expect("text")[2..], 16).expect("a number")
}

#[tokio::test]
async fn blocks_are_replaced_and_their_logs_removed() {
    let struck = Struck::start().await;
    let mut node = NodeSocket::subscribe(&struck.venue, &[json!(["logs", {}])]).await;
    let log = node.next().await;
    assert_eq!(log["removed"], false);
    struck.turn(json!({"reorg_every_ms": 500, "reorg_blocks": 2})).await;
    let key = |log: &Value| json!([log["transactionHash"], log["data"], log["topics"], log["address"]]);
    let removed = loop {
        let log = node.next().await;
        if log["removed"] == true {
            break log;
        }
    };
    let again = loop {
        let log = node.next().await;
        if log["removed"] == false && key(&log) == key(&removed) {
            break log;
        }
    };
    assert_ne!(again["blockHash"], removed["blockHash"]);
}

#[tokio::test]
async fn notices_of_logs_are_missed_and_those_of_blocks_are_not() {
    let struck = Struck::start().await;
    struck.turn(json!({"log_miss_ppm": ALWAYS})).await;
    let mut node = NodeSocket::subscribe(&struck.venue, &[json!(["newHeads"]), json!(["logs", {}])]).await;
    let mut with_transactions = 0;
    while with_transactions < 2 {
        let head = node.next().await;
        assert!(head.get("logsBloom").is_some() && head.get("topics").is_none(), "{head}");
        with_transactions += u32::from(head["gasUsed"] != "0x0");
    }
}

#[tokio::test]
async fn a_node_is_behind() {
    let struck = Struck::start().await;
    let before = block_number(&struck.venue).await;
    struck.turn(json!({"rpc_lag_ms": 3_600_000})).await;
    let behind = block_number(&struck.venue).await;
    tokio::time::sleep(Duration::from_millis(2_500)).await;
    assert_eq!(block_number(&struck.venue).await, behind, "no block in more than two seconds");
    struck.turn(json!({})).await;
    while block_number(&struck.venue).await <= before {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[tokio::test]
async fn tricks_are_played_on_demand_and_by_the_knobs() {
    let struck = Struck::start().await;
    let mut feed =
        Feed::subscribe(&struck.venue, json!([{"topic": "activity", "type": "trades", "filters": ""}])).await;
    let url = format!("{}/tricks", struck.venue.urls.control);
    let (_, wallet) = crate::sim::leader::TRICKSTER;
    let next = async |feed: &mut Feed| loop {
        let frame = feed.next_json().await;
        if frame["payload"]["proxyWallet"] == wallet {
            break frame["payload"].clone();
        }
    };
    let play = struck.client.post(&url).json(&json!({"trick": "fragment"})).send().await.expect("an answer");
    assert_eq!(play.status(), 204);
    let fill = next(&mut feed).await;
    let dollars = |fill: &Value| fill["size"].as_f64().expect("a number") * fill["price"].as_f64().expect("a number");
    assert!(fill["side"] == "BUY" && dollars(&fill) < 2.01, "{fill}");
    // Not so often that a slow machine cannot follow.
    struck.turn(json!({"trick_round_trip_every_ms": 3_000})).await;
    while dollars(&next(&mut feed).await) < 2.01 {}
    for wrong in [json!({"trick": "earthquake"}), json!({})] {
        assert_eq!(struck.client.post(&url).json(&wrong).send().await.expect("an answer").status(), 422);
    }
}

#[tokio::test]
async fn coins_have_prices_on_the_feed() {
    let struck = Struck::start().await;
    let mut feed = Feed::subscribe(
        &struck.venue,
        json!([
            {"topic": "crypto_prices", "type": "update", "filters": "btcusdt"},
            {"topic": "crypto_prices_chainlink", "type": "*", "filters": "{\"symbol\":\"eth/usd\"}"},
        ]),
    )
    .await;
    let mut seen: BTreeMap<String, f64> = BTreeMap::new();
    for _ in 0..4 {
        let frame = feed.next_json().await;
        let (topic, payload) = (frame["topic"].as_str().expect("text"), &frame["payload"]);
        let symbol = payload["symbol"].as_str().expect("text");
        assert_eq!(symbol, if topic == "crypto_prices" { "btcusdt" } else { "eth/usd" }, "{frame}");
        assert_eq!((&frame["type"], &frame["timestamp"]), (&json!("update"), &payload["timestamp"]));
        seen.insert(symbol.to_owned(), payload["value"].as_f64().expect("a number"));
    }
    assert!(
        (90_000.0..105_000.0).contains(&seen["btcusdt"]) && (3_000.0..4_000.0).contains(&seen["eth/usd"]),
        "{seen:?}"
    );
    struck.turn(json!({"feed_freeze_every_ms": 3_600_000, "feed_freeze_for_ms": 3_600_000})).await;
    feed.drain().await;
    tokio::time::sleep(Duration::from_millis(1_200)).await;
    assert_eq!(feed.drain().await, 0);
}
