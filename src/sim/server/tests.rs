//! The venue as a stranger's client sees it: plain HTTP, plain websockets, the venue's own hash rule.

use std::collections::BTreeMap;

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};
use tokio_tungstenite::tungstenite::Message as Frame;

use super::*;
use crate::sim::wire;

mod channels;
mod control;
mod data;
mod gamma;
mod knobs;
mod public;
mod tls;

const PATIENCE: Duration = Duration::from_secs(20);

async fn get(url: String) -> (u16, Value) {
    crate::feed::install_tls();
    let answer = reqwest::get(url).await.expect("an answer");
    (answer.status().as_u16(), answer.json().await.expect("JSON"))
}

/// Subscribes to tokens and returns the JSON frames that come.
struct Client(tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>);

impl Client {
    async fn subscribe(venue: &Server, tokens: &[String]) -> Client {
        let (mut socket, _) = tokio_tungstenite::connect_async(&venue.market_url).await.expect("a socket");
        let request = json!({"type": "market", "assets_ids": tokens, "custom_feature_enabled": true});
        socket.send(Frame::text(request.to_string())).await.expect("a listener");
        Client(socket)
    }

    /// The next message; `None` once the venue closed.
    async fn next(&mut self) -> Option<String> {
        match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a frame in time")?.ok()? {
            Frame::Text(text) => Some(text.to_string()),
            other => panic!("expected text, got {other:?}"),
        }
    }

    async fn next_json(&mut self) -> Value {
        serde_json::from_str(&self.next().await.expect("an open socket")).expect("JSON")
    }
}

/// A book kept from messages alone: levels by side and price text.
#[derive(Default)]
struct Kept {
    levels: BTreeMap<(String, String), String>,
    frames: u32,
}

impl Kept {
    fn snapshot(&mut self, book: &Value) {
        self.levels.clear();
        for (key, side) in [("bids", "BUY"), ("asks", "SELL")] {
            for level in book[key].as_array().expect("levels") {
                self.set(side, level);
            }
        }
    }

    fn set(&mut self, side: &str, level: &Value) {
        let text = |key: &str| level[key].as_str().expect("text").to_owned();
        match text("size").as_str() {
            "0" => self.levels.remove(&(side.to_owned(), text("price"))),
            size => self.levels.insert((side.to_owned(), text("price")), size.to_owned()),
        };
    }

    fn best(&self, side: &str) -> String {
        let prices = self.levels.keys().filter(|(of, _)| of == side).map(|(_, price)| price);
        let number = |price: &&String| (price.parse::<f64>().expect("a number") * 1e6) as u64;
        let best = if side == "BUY" { prices.max_by_key(number) } else { prices.min_by_key(number) };
        best.cloned().unwrap_or_default()
    }

    /// Takes a message in. Returns whether what it states of the best prices of `token` is what we have.
    fn agrees(&mut self, message: &Value, token: &str) -> bool {
        self.frames += 1;
        if let Some(books) = message.as_array() {
            books.iter().filter(|book| book["asset_id"] == token).for_each(|book| self.snapshot(book));
            return true;
        }
        if message["event_type"] == "book" && message["asset_id"] == token {
            self.snapshot(message);
        }
        let changes: Vec<&Value> = message["price_changes"].as_array().into_iter().flatten().collect();
        let ours = changes.into_iter().filter(|change| change["asset_id"] == token).collect::<Vec<&Value>>();
        ours.iter().for_each(|change| self.set(change["side"].as_str().expect("a side"), change));
        ours.last().is_none_or(|last| last["best_bid"] == self.best("BUY") && last["best_ask"] == self.best("SELL"))
    }
}

#[tokio::test]
async fn books_agree_between_socket_and_rest_and_carry_the_venues_hash() {
    let venue = Server::start(Options::default()).await.expect("a free port");
    let token = venue.open_markets()[0].tokens[1].clone();
    let (status, book) = get(format!("{}/book?token_id={token}", venue.clob_url)).await;
    assert_eq!((status, &book["asset_id"]), (200, &json!(token)));
    // The rule of the venue, applied to the bytes as they came.
    let text = reqwest::get(format!("{}/book?token_id={token}", venue.clob_url)).await.expect("a book");
    let text = text.text().await.expect("a body");
    let hash = text.split_once("\"hash\":\"").expect("a hash").1[..40].to_owned();
    let digest = Sha1::digest(text.replace(&hash, ""));
    assert_eq!(digest.iter().map(|byte| format!("{byte:02x}")).collect::<String>(), hash);

    let mut client = Client::subscribe(&venue, std::slice::from_ref(&token)).await;
    let mut kept = Kept::default();
    while kept.frames < 60 {
        let message = client.next_json().await;
        assert!(kept.agrees(&message, &token), "{message}");
    }
    venue.stop().await;
    // What was under way still comes; then the socket ends.
    while client.next().await.is_some() {}
}

#[tokio::test]
async fn an_omitted_removal_makes_a_reader_diverge() {
    let venue = Server::start(Options::default()).await.expect("a free port");
    let token = venue.open_markets()[0].tokens[0].clone();
    let mut client = Client::subscribe(&venue, std::slice::from_ref(&token)).await;
    let mut kept = Kept::default();
    loop {
        (0..50).for_each(|_| venue.inject(Fault::OmitRemoval));
        if !kept.agrees(&client.next_json().await, &token) {
            break;
        }
    }
}

#[tokio::test]
async fn a_crossed_burst_crosses_and_uncrosses_at_one_moment() {
    let venue = Server::start(Options::default()).await.expect("a free port");
    let token = venue.open_markets()[0].tokens[0].clone();
    let mut client = Client::subscribe(&venue, std::slice::from_ref(&token)).await;
    client.next_json().await;
    venue.inject(Fault::CrossedBurst);
    let is_crossed = |message: &Value| {
        let change = &message["price_changes"][0];
        let number = |key: &str| change[key].as_str().and_then(|text| text.parse::<f64>().ok());
        number("best_bid").zip(number("best_ask")).is_some_and(|(bid, ask)| bid >= ask)
    };
    let crossed = loop {
        let message = client.next_json().await;
        if is_crossed(&message) {
            break message;
        }
    };
    let after = client.next_json().await;
    assert_eq!(after["timestamp"], crossed["timestamp"]);
    assert_eq!(after["price_changes"][0]["size"], "0");
    assert!(!is_crossed(&after));
}

#[tokio::test]
async fn the_control_endpoint_takes_faults_and_refuses_what_it_does_not_know() {
    crate::feed::install_tls();
    let venue = Server::start(Options::default()).await.expect("a free port");
    let token = venue.open_markets()[0].tokens[0].clone();
    let book_url = format!("{}/book?token_id={token}", venue.clob_url);
    let control = async |fault: Value| {
        let request = reqwest::Client::new().post(format!("{}/control/faults", venue.clob_url)).json(&fault);
        request.send().await.expect("an answer").status().as_u16()
    };
    assert_eq!(control(json!({"fault": "stale_snapshot"})).await, 204);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let (_, stale) = get(book_url.clone()).await;
    let (_, fresh) = get(book_url.clone()).await;
    let moment = |book: &Value| book["timestamp"].as_str().expect("text").parse::<u64>().expect("a number");
    assert!(moment(&stale) + 50 <= moment(&fresh));
    assert_eq!(control(json!({"fault": "rest_errors", "requests": 1})).await, 204);
    assert_eq!(get(book_url.clone()).await.0, 500);
    assert_eq!(get(book_url).await.0, 200);
    for unknown in [json!({"fault": "earthquake"}), json!({"fault": "rest_errors"}), json!({})] {
        assert_eq!(control(unknown).await, 422);
    }
}

#[tokio::test]
async fn a_reader_who_does_not_read_is_cut_off_and_the_others_are_not() {
    let options = Options { rate_percent: 500, queue_max: 256, ..Options::default() };
    let venue = Server::start(options).await.expect("a free port");
    let tokens: Vec<String> = venue.open_markets().iter().flat_map(|listing| listing.tokens.clone()).collect();
    let stuck = Client::subscribe(&venue, &tokens).await;
    let mut reads = Client::subscribe(&venue, &tokens[..1]).await;
    while venue.connections() < 2 {
        reads.next().await.expect("it reads");
    }
    // More than the buffers of a loopback connection hold.
    venue.inject(Fault::OversizedFrame { bytes: 15 << 20 });
    while venue.connections() > 1 {
        reads.next().await.expect("it reads");
    }
    reads.next().await.expect("it still reads");
    drop(stuck);
}

#[tokio::test]
async fn the_data_api_pages_through_a_leaders_fills() {
    let options = Options { rate_percent: 300, knobs: Knobs { index_lag_ms: 0, ..Knobs::CALM }, ..Options::default() };
    let venue = Server::start(options).await.expect("a free port");
    let wallet = "0x1EAD000000000000000000000000000000000003";
    let page = async |query: &str| get(format!("{}/v2/activity?user={wallet}{query}", venue.data_url)).await.1;
    let all = loop {
        let page = page("").await;
        if page["data"].as_array().expect("rows").len() >= 5 {
            break page;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    for row in all["data"].as_array().expect("rows") {
        assert_eq!(row["proxy_wallet"], wallet.to_lowercase());
        assert_eq!(row["type"], "TRADE");
        assert!(row["price"].as_f64().is_some_and(|price| 0.0 < price && price < 1.0), "{row}");
    }
    let first = page("&limit=2&sort_direction=ASC").await;
    assert_eq!(first["pagination"]["has_more"], true);
    let cursor = first["pagination"]["next_cursor"].as_str().expect("a cursor");
    let second = page(&format!("&limit=2&sort_direction=ASC&cursor={cursor}")).await;
    let rows = all["data"].as_array().expect("rows");
    let oldest: Vec<&Value> = rows.iter().rev().take(4).collect();
    let paged = [&first["data"][0], &first["data"][1], &second["data"][0], &second["data"][1]];
    assert_eq!(paged.to_vec(), oldest);
    let (status, refusal) = get(format!("{}/v2/activity", venue.data_url)).await;
    assert_eq!((status, &refusal["retryable"]), (400, &json!(false)));
}

/// A reader of the activity feed.
struct Feed(Client);

impl Feed {
    async fn subscribe(venue: &Server, subscriptions: Value) -> Feed {
        let (mut socket, _) = tokio_tungstenite::connect_async(&venue.activity_url).await.expect("a socket");
        let request = json!({"action": "subscribe", "subscriptions": subscriptions});
        socket.send(Frame::text(request.to_string())).await.expect("a listener");
        Feed(Client(socket))
    }

    async fn next_json(&mut self) -> Value {
        self.0.next_json().await
    }

    /// Reads what has come before the answer to a PING. Returns how many frames that were.
    async fn drain(&mut self) -> u32 {
        self.0.0.send(Frame::text("PING")).await.expect("a listener");
        let mut count = 0;
        while self.0.next().await.expect("an open socket") != "PONG" {
            count += 1;
        }
        count
    }
}
