//! What the simulated venue carries on this machine, its clients included: orders over HTTP keep-alive, and book messages
//! to sockets.
//!
//! `cargo bench --bench venue`; small under `cargo test --benches`. `cargo bench --bench venue -- --soak 600` loads it for so
//! many seconds instead and says every half a minute what memory that takes, for everything: venue and clients.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use alloy::hex;
use alloy::primitives::{B256, U256};
use futures_util::{SinkExt, StreamExt};
use remora::domain::{Generation, Millis, Price, Shares, Side, Tick, Usdc};
use remora::sim::listing::Listing;
use remora::sim::server::{Funded, Limits, Options, PrivateSettings, Server};
use remora::venue::polymarket::auth::{ClobAuth, Request, Secret};
use remora::venue::polymarket::{Exchange, Key, Network, Order, SignatureType, amounts, signature};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::Message as Frame;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

const CONNECTIONS: usize = 8;
const SUBSCRIBERS: usize = 10;

/// What the soak does in a second, on each of its connections: place an order, cancel it.
const SOAK_ORDERS: u64 = 250;
const SOAK_CONNECTIONS: u64 = 2;
const SOAK_RATE_PERCENT: u64 = 1_000;
const SOAK_REPORT: Duration = Duration::from_secs(30);

/// How much is done: much for a figure, little to see that it works.
#[derive(Clone, Copy)]
struct Load {
    orders: usize,
    rate_percent: u64,
    listen: Duration,
}

fn main() {
    // Cargo says `--bench` when it measures, and nothing when it tests.
    let load = if std::env::args().any(|argument| argument == "--bench") {
        Load { orders: 20_000, rate_percent: 8_000, listen: Duration::from_secs(10) }
    } else {
        Load { orders: 80, rate_percent: 100, listen: Duration::from_millis(500) }
    };
    remora::feed::install_tls();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    if let Some(secs) = std::env::args().skip_while(|argument| argument != "--soak").nth(1) {
        let length = Duration::from_secs(secs.parse().expect("--soak takes a number of seconds"));
        return runtime.block_on(soak(length));
    }
    runtime.block_on(async {
        orders(load).await;
        books(load).await;
    });
}

/// Places orders that rest, then places and cancels in turn, over a few connections, in a world that trades on.
async fn orders(load: Load) {
    let (venue, client) = funded(100).await;
    let token = plain_token(&venue);

    // Signed before the clock starts; the timestamps hold for 30 seconds.
    let batches = |cancels: Cancels| {
        let each = load.orders / CONNECTIONS / 2;
        (0..CONNECTIONS).map(|nth| client.requests(&token, (nth * each) as u64, each, cancels)).collect::<Vec<_>>()
    };
    for (what, cancels) in [("placed", Cancels::None), ("placed and cancelled", Cancels::EachAtOnce)] {
        let batches = batches(cancels);
        let (start, cpu) = (Instant::now(), cpu_secs());
        let address = venue.clob_url.trim_start_matches("http://").to_owned();
        let carried = batches.into_iter().map(|requests| tokio::spawn(carry(address.clone(), requests)));
        let mut orders = 0;
        for connection in carried.collect::<Vec<_>>() {
            orders += connection.await.expect("a connection that lasts");
        }
        let secs = start.elapsed().as_secs_f64();
        // On a machine that others use, the time that we had says more than the time that passed.
        let cpu = cpu_secs() - cpu;
        println!(
            "{what}: {orders} orders in {secs:.2} s = {:.0} orders/s; {:.0} us of one core each",
            f64::from(orders) / secs,
            cpu / f64::from(orders) * 1e6,
        );
    }
    venue.stop().await;
}

/// Starts a venue where our client has money and no limits.
async fn funded(rate_percent: u64) -> (Server, Client) {
    let key = Key::from_bytes([1; 32]).expect("a key");
    let accounts = vec![Funded { key, money: Usdc::whole(100_000_000) }];
    let private = PrivateSettings { accounts, limits: Limits::NONE };
    let venue = Server::start(Options { rate_percent, private, ..Options::default() }).await.expect("free ports");
    let client = Client::connect(&venue, Key::from_bytes([1; 32]).expect("a key")).await;
    (venue, client)
}

fn plain_token(venue: &Server) -> String {
    let is_plain = |listing: &Listing| listing.generation == Generation::V2 && !listing.neg_risk;
    venue.open_markets().into_iter().find(|listing| is_plain(listing)).expect("a market").tokens[0].clone()
}

#[derive(Clone, Copy, PartialEq)]
enum Cancels {
    None,
    EachAtOnce,
}

struct Client {
    key: Key,
    id: String,
    secret: Secret,
    passphrase: String,
}

impl Client {
    async fn connect(venue: &Server, key: Key) -> Client {
        let timestamp = seconds();
        let attestation = ClobAuth { address: key.address(), timestamp: &timestamp, nonce: U256::ZERO };
        let signature = attestation.sign(&key, Network::Polygon);
        let answer = reqwest::Client::new()
            .post(format!("{}/auth/api-key", venue.clob_url))
            .header("POLY_ADDRESS", key.address().to_string())
            .header("POLY_SIGNATURE", format!("0x{}", hex::encode(signature)))
            .header("POLY_TIMESTAMP", &timestamp)
            .header("POLY_NONCE", "0");
        let keys: Value = answer.send().await.expect("an answer").json().await.expect("JSON");
        let text = |name: &str| keys[name].as_str().expect("text").to_owned();
        let secret = Secret::from_base64(&text("secret")).expect("base64");
        Client { key, id: text("apiKey"), secret, passphrase: text("passphrase") }
    }

    /// Returns whole requests, ready to be sent: small buys at a cent, far below what anybody asks.
    fn requests(&self, token: &str, first: u64, count: usize, cancels: Cancels) -> Vec<Vec<u8>> {
        let mut requests = Vec::new();
        for nth in 0..count as u64 {
            let salt = first + nth + if cancels == Cancels::None { 0 } else { 1 << 40 };
            let order = self.order(token, salt);
            requests.push(self.request("POST", &self.entry(token, &order).to_string()));
            if cancels == Cancels::EachAtOnce {
                let id = order.id(Exchange::V2, Network::Polygon);
                requests.push(self.request("DELETE", &json!({"orderID": id}).to_string()));
            }
        }
        requests
    }

    fn order(&self, token: &str, salt: u64) -> Order {
        let price = Price::from_micros(10_000).expect("a price");
        let amounts = amounts::limit(Tick::CENT, Side::Buy, price, Shares::whole(5)).expect("amounts");
        Order {
            salt,
            maker: self.key.address(),
            signer: self.key.address(),
            token: U256::from_str_radix(token, 10).expect("a token"),
            maker_amount: amounts.maker,
            taker_amount: amounts.taker,
            side: Side::Buy,
            signature_type: SignatureType::Eoa,
            timestamp: Millis(remora::clock::now().as_millis()),
            metadata: B256::ZERO,
            builder: B256::ZERO,
        }
    }

    fn entry(&self, token: &str, order: &Order) -> Value {
        let signature = signature::sign(order, &self.key, Exchange::V2, Network::Polygon);
        json!({
            "deferExec": false, "postOnly": false, "owner": self.id, "orderType": "GTC",
            "order": {
                "salt": order.salt, "maker": order.maker.to_string(), "signer": order.signer.to_string(),
                "tokenId": token, "makerAmount": order.maker_amount.to_string(),
                "takerAmount": order.taker_amount.to_string(), "side": "BUY", "signatureType": 0,
                "timestamp": order.timestamp.0.to_string(), "expiration": "0", "metadata": order.metadata,
                "builder": order.builder, "signature": format!("0x{}", hex::encode(signature)),
            },
        })
    }

    fn request(&self, method: &str, body: &str) -> Vec<u8> {
        let timestamp = seconds();
        let request = Request { timestamp: &timestamp, method, path: "/order", body: body.as_bytes() };
        let (signature, address) = (self.secret.sign(&request), self.key.address());
        format!(
            "{method} /order HTTP/1.1\r\nhost: venue\r\ncontent-type: application/json\r\nPOLY_ADDRESS: {address}\r\n\
             POLY_SIGNATURE: {signature}\r\nPOLY_TIMESTAMP: {timestamp}\r\nPOLY_API_KEY: {}\r\nPOLY_PASSPHRASE: {}\r\n\
             content-length: {}\r\n\r\n{body}",
            self.id,
            self.passphrase,
            body.len(),
        )
        .into_bytes()
    }
}

/// Returns the processor time that this process has used, in all its threads; the clients' included.
fn cpu_secs() -> f64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields = stat.rsplit(") ").next().unwrap_or_default().split(' ').skip(11).take(2);
    // In hundredths of a second on every Linux.
    fields.filter_map(|ticks| ticks.parse::<f64>().ok()).sum::<f64>() / 100.0
}

fn seconds() -> String {
    remora::clock::now().as_secs().to_string()
}

/// Sends requests one after another over one connection, each after the answer to the one before. Returns how many orders
/// were accepted; panics on any other answer.
async fn carry(address: String, requests: Vec<Vec<u8>>) -> u32 {
    let (mut line, mut placed) = (Line::connect(&address).await, 0);
    for request in requests {
        placed += u32::from(line.ask(&request).await);
    }
    placed
}

/// A connection that is kept.
struct Line {
    socket: TcpStream,
    answer: Vec<u8>,
}

impl Line {
    async fn connect(address: &str) -> Line {
        let socket = TcpStream::connect(address).await.expect("a connection");
        socket.set_nodelay(true).expect("a socket");
        Line { socket, answer: Vec::with_capacity(8_192) }
    }

    /// Returns whether the answer says that an order rests; panics unless it says that, or that one was cancelled.
    async fn ask(&mut self, request: &[u8]) -> bool {
        self.socket.write_all(request).await.expect("a listener");
        self.answer.clear();
        let body = loop {
            if let Some(start) = body_start(&self.answer) {
                break start;
            }
            assert_ne!(self.socket.read_buf(&mut self.answer).await.expect("an answer"), 0, "the venue hung up");
        };
        let text = std::str::from_utf8(&self.answer[body..]).expect("text");
        let is_placed = text.contains(r#""status":"live""#);
        assert!(is_placed || text.contains(r#""not_canceled":{}"#), "{text}");
        is_placed
    }
}

/// Returns where the body of a whole answer begins; `None` while it is not whole.
fn body_start(answer: &[u8]) -> Option<usize> {
    let start = answer.windows(4).position(|window| window == b"\r\n\r\n")? + 4;
    let head = std::str::from_utf8(&answer[..start]).ok()?.to_ascii_lowercase();
    let length: usize = head.split("content-length: ").nth(1)?.split("\r\n").next()?.parse().ok()?;
    (answer.len() >= start + length).then_some(start)
}

/// Places and cancels orders at an even pace while the world trades and two sockets listen to its books, and says what
/// memory that takes.
async fn soak(length: Duration) {
    let (venue, client) = funded(SOAK_RATE_PERCENT).await;
    let (token, address) = (plain_token(&venue), venue.clob_url.trim_start_matches("http://").to_owned());
    let (client, heard) = (Arc::new(client), Arc::new(AtomicU64::new(0)));
    let tokens: Vec<String> = venue.open_markets().iter().flat_map(|listing| listing.tokens.clone()).collect();
    for _ in 0..2 {
        let (mut socket, heard) = (subscribe(&venue, &tokens).await, Arc::clone(&heard));
        tokio::spawn(async move {
            while let Some(Ok(_)) = socket.next().await {
                heard.fetch_add(1, Ordering::Relaxed);
            }
        });
    }
    let (placed, mut clients) = (Arc::new(AtomicU64::new(0)), Vec::new());
    for nth in 0..SOAK_CONNECTIONS {
        let (client, token, placed) = (Arc::clone(&client), token.clone(), Arc::clone(&placed));
        let mut line = Line::connect(&address).await;
        clients.push(tokio::spawn(async move {
            let mut pace = tokio::time::interval(Duration::from_secs(1) / SOAK_ORDERS as u32);
            for salt in 0.. {
                pace.tick().await;
                // A cancel goes with each order, so what grows is what has ended.
                for request in client.requests(&token, salt * SOAK_CONNECTIONS + nth, 1, Cancels::EachAtOnce) {
                    placed.fetch_add(u64::from(line.ask(&request).await), Ordering::Relaxed);
                }
            }
        }));
    }
    let start = Instant::now();
    while start.elapsed() < length {
        tokio::time::sleep(SOAK_REPORT.min(length.saturating_sub(start.elapsed()))).await;
        println!(
            "{:>4.0} s: {:>6.1} MB resident, {} orders placed and cancelled, {} book messages",
            start.elapsed().as_secs_f64(),
            resident_mb(),
            placed.load(Ordering::Relaxed),
            heard.load(Ordering::Relaxed),
        );
    }
    clients.iter().for_each(tokio::task::JoinHandle::abort);
    venue.stop().await;
}

/// Returns the memory that this process has from the machine.
fn resident_mb() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap_or_default();
    let kilobytes = line.trim().trim_end_matches(" kB").parse::<f64>().unwrap_or_default();
    kilobytes / 1024.0
}

type Socket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// Subscribes to all that the market channel says of these tokens.
async fn subscribe(venue: &Server, tokens: &[String]) -> Socket {
    // A client that reads into a larger buffer spends its time on clearing it.
    let config = WebSocketConfig::default().read_buffer_size(16 * 1024);
    let (mut socket, _) =
        tokio_tungstenite::connect_async_with_config(&venue.market_url, Some(config), true).await.expect("a socket");
    let hello = json!({"type": "market", "assets_ids": tokens, "custom_feature_enabled": true});
    socket.send(Frame::text(hello.to_string())).await.expect("a listener");
    socket
}

/// Listens to all books with many sockets in a busy world.
async fn books(load: Load) {
    let options = Options { rate_percent: load.rate_percent, queue_max: 65_536, ..Options::default() };
    let venue = Server::start(options).await.expect("free ports");
    let tokens: Vec<String> = venue.open_markets().iter().flat_map(|listing| listing.tokens.clone()).collect();
    let mut sockets = Vec::new();
    for _ in 0..SUBSCRIBERS {
        sockets.push(subscribe(&venue, &tokens).await);
    }
    let (start, until) = (Instant::now(), tokio::time::Instant::now() + load.listen);
    let listening = sockets.into_iter().map(|mut socket| {
        tokio::spawn(async move {
            let (mut messages, mut bytes) = (0_u64, 0_u64);
            while let Ok(Some(Ok(frame))) = tokio::time::timeout_at(until, socket.next()).await {
                messages += 1;
                bytes += frame.len() as u64;
            }
            (messages, bytes)
        })
    });
    let (mut messages, mut bytes) = (0, 0);
    for socket in listening.collect::<Vec<_>>() {
        let heard = socket.await.expect("a socket that lasts");
        messages += heard.0;
        bytes += heard.1;
    }
    let secs = start.elapsed().as_secs_f64();
    assert!(messages > 0, "the world was silent");
    println!(
        "heard: {messages} book messages by {SUBSCRIBERS} subscribers in {secs:.2} s = {:.0} messages/s, {:.1} MB/s",
        messages as f64 / secs,
        bytes as f64 / secs / 1e6,
    );
    venue.stop().await;
}
