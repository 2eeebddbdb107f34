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
