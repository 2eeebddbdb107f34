//! A client that signs for itself.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use alloy::hex;
use alloy::primitives::{Address, B256, U256};
use futures_util::{SinkExt, StreamExt};
use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message as Frame;

use crate::clock::now;
use crate::domain::{Generation, Millis, Price, Shares, Side, Tick, Usdc};
use crate::sim::listing::Listing;
use crate::sim::server::{Funded, Limits, Options, PrivateSettings, Server};
use crate::venue::polymarket::auth::{ClobAuth, Request, Secret};
use crate::venue::polymarket::{Exchange, Key, Network, Order, SignatureType, amounts, signature, wallet};

pub const PATIENCE: Duration = Duration::from_secs(20);
pub const MONEY: Usdc = Usdc::whole(1_000);

/// Starts a venue that nobody but clients trades at, with money for Anna (key 1) and Bob (key 2).
pub async fn start(limits: Limits) -> Arc<Server> {
    crate::feed::install_tls();
    let accounts = [1, 2].map(|byte| Funded { key: key(byte), money: MONEY }).into();
    let private = PrivateSettings { accounts, limits };
    let options = Options { rate_percent: 0, private, ..Options::default() };
    Arc::new(Server::start(options).await.expect("free ports"))
}

pub fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32]).expect("a key")
}

/// A market of each kind that matters here.
#[derive(Clone, Copy, Debug)]
pub enum Kind {
    Plain,
    Sports,
    NegRisk,
    V3,
    Crypto,
}

pub fn listing(venue: &Server, kind: Kind) -> Arc<Listing> {
    let fits = |listing: &Listing| match kind {
        Kind::Plain => !listing.neg_risk && !listing.taker_delay && listing.delay_secs == 0 && is_v2(listing),
        Kind::Sports => listing.delay_secs > 0,
        Kind::NegRisk => listing.neg_risk && is_v2(listing),
        Kind::V3 => !is_v2(listing),
        Kind::Crypto => listing.taker_delay,
    };
    venue.open_markets().into_iter().find(|listing| fits(listing)).expect("such a market")
}

fn is_v2(listing: &Listing) -> bool {
    listing.generation == Generation::V2
}

/// The first token of the plain market.
pub fn token(venue: &Server) -> String {
    listing(venue, Kind::Plain).tokens[0].clone()
}

pub struct Client {
    pub key: Key,
    pub http: reqwest::Client,
    pub venue: Arc<Server>,
    pub id: String,
    pub secret: Secret,
    pub passphrase: String,
}

/// What an order is made of; a test changes what it is about.
#[derive(Clone, Debug)]
pub struct Spec {
    pub token: String,
    pub side: Side,
    pub cents: u32,
    pub size: u64,
    pub order_type: &'static str,
    pub post_only: bool,
    pub expiration: u64,
    pub wallet: SignatureType,
    pub exchange: Exchange,
}

impl Spec {
    pub fn buy(token: &str, cents: u32, size: u64) -> Spec {
        Spec {
            token: token.to_owned(),
            side: Side::Buy,
            cents,
            size,
            order_type: "GTC",
            post_only: false,
            expiration: 0,
            wallet: SignatureType::Eoa,
            exchange: Exchange::V2,
        }
    }

    pub fn sell(token: &str, cents: u32, size: u64) -> Spec {
        Spec { side: Side::Sell, ..Spec::buy(token, cents, size) }
    }

    pub fn of(self, order_type: &'static str) -> Spec {
        Spec { order_type, ..self }
    }
}

/// What was answered.
#[derive(Clone, Debug)]
pub struct Reply {
    pub status: u16,
    pub headers: HeaderMap,
    pub body: Value,
}

impl Reply {
    /// Returns the body of a success.
    pub fn ok(self) -> Value {
        assert_eq!(self.status, 200, "{}", self.body);
        self.body
    }

    /// Returns status and text of a refusal.
    pub fn error(&self) -> (u16, String) {
        (self.status, self.body["error"].as_str().unwrap_or_default().to_owned())
    }
}

impl Client {
    /// Comes with a key of its own, and asks for an API key.
    pub async fn connect(venue: &Arc<Server>, key: Key) -> Client {
        let http = reqwest::Client::new();
        let headers = attestation(&key, "0", now().as_secs());
        let url = format!("{}/auth/api-key", venue.clob_url);
        let reply = send(http.post(url), &headers, String::new()).await.ok();
        let text = |name: &str| reply[name].as_str().expect("text").to_owned();
        let secret = Secret::from_base64(&text("secret")).expect("base64");
        Client { key, http, venue: Arc::clone(venue), id: text("apiKey"), secret, passphrase: text("passphrase") }
    }

    pub async fn anna(venue: &Arc<Server>) -> Client {
        Client::connect(venue, key(1)).await
    }

    pub async fn bob(venue: &Arc<Server>) -> Client {
        Client::connect(venue, key(2)).await
    }

    /// Returns the L2 headers of a request of now.
    pub fn headers(&self, method: &str, path: &str, body: &str) -> Vec<(&'static str, String)> {
        let timestamp = now().as_secs().to_string();
        let path = path.split('?').next().expect("a path");
        let request = Request { timestamp: &timestamp, method, path, body: body.as_bytes() };
        vec![
            ("POLY_ADDRESS", self.key.address().to_string()),
            ("POLY_SIGNATURE", self.secret.sign(&request)),
            ("POLY_TIMESTAMP", timestamp),
            ("POLY_API_KEY", self.id.clone()),
            ("POLY_PASSPHRASE", self.passphrase.clone()),
        ]
    }

    pub async fn call(&self, method: &str, path: &str, body: &str) -> Reply {
        self.call_with(method, path, body, &self.headers(method, path, body)).await
    }

    pub async fn call_with(&self, method: &str, path: &str, body: &str, headers: &[(&'static str, String)]) -> Reply {
        let url = format!("{}{path}", self.venue.clob_url);
        let method = method.parse().expect("a method");
        send(self.http.request(method, url), headers, body.to_owned()).await
    }

    pub async fn get(&self, path: &str) -> Value {
        self.call("GET", path, "").await.ok()
    }

    pub async fn place(&self, spec: Spec) -> Reply {
        self.call("POST", "/order", &self.entry(&spec).to_string()).await
    }

    /// Places an order that must be taken. Returns its id.
    pub async fn rest(&self, spec: Spec) -> String {
        let answer = self.place(spec).await.ok();
        assert_eq!(answer["status"], "live", "{answer}");
        answer["orderID"].as_str().expect("an id").to_owned()
    }

    pub fn wallet(&self, kind: SignatureType) -> Address {
        let owner = self.key.address();
        match kind {
            SignatureType::Eoa => owner,
            SignatureType::Proxy => wallet::proxy(owner),
            SignatureType::Safe => wallet::safe(owner),
            SignatureType::DepositWallet => wallet::deposit(owner),
        }
    }

    /// Returns an order that is signed as it should be, unlike any before it.
    pub fn order(&self, spec: &Spec) -> Order {
        static SALT: AtomicU64 = AtomicU64::new(1);
        let price = Price::from_micros(spec.cents * 10_000).expect("a price");
        let size = Shares::whole(spec.size);
        let amounts = match (spec.order_type, spec.side) {
            ("FOK" | "FAK", Side::Buy) => amounts::market_buy(Tick::CENT, price, price.cost_ceil(size)),
            ("FOK" | "FAK", Side::Sell) => amounts::market_sell(Tick::CENT, price, size),
            (_, side) => amounts::limit(Tick::CENT, side, price, size),
        };
        let amounts = amounts.expect("amounts");
        let maker = self.wallet(spec.wallet);
        Order {
            salt: SALT.fetch_add(1, Ordering::Relaxed),
            maker,
            signer: if spec.wallet == SignatureType::DepositWallet { maker } else { self.key.address() },
            token: U256::from_str_radix(&spec.token, 10).expect("a token"),
            maker_amount: amounts.maker,
            taker_amount: amounts.taker,
            side: spec.side,
            signature_type: spec.wallet,
            timestamp: Millis(now().as_millis()),
            metadata: B256::ZERO,
            builder: B256::ZERO,
        }
    }

    /// Returns the body of `POST /order`.
    pub fn entry(&self, spec: &Spec) -> Value {
        let order = self.order(spec);
        let signature = signature::sign(&order, &self.key, spec.exchange, Network::Polygon);
        self.signed(spec, &order, &signature)
    }

    pub fn signed(&self, spec: &Spec, order: &Order, signature: &[u8]) -> Value {
        json!({
            "deferExec": false, "postOnly": spec.post_only, "owner": self.id, "orderType": spec.order_type,
            "order": {
                "salt": order.salt, "maker": order.maker.to_string(), "signer": order.signer.to_string(),
                "tokenId": spec.token, "makerAmount": order.maker_amount.to_string(),
                "takerAmount": order.taker_amount.to_string(),
                "side": if order.side == Side::Buy { "BUY" } else { "SELL" },
                "signatureType": order.signature_type.number(), "timestamp": order.timestamp.0.to_string(),
                "expiration": spec.expiration.to_string(), "metadata": order.metadata, "builder": order.builder,
                "signature": format!("0x{}", hex::encode(signature)),
            },
        })
    }

    /// Makes pairs of shares of the token's market out of dollars.
    pub fn split(&self, token: &str, shares: u64) {
        self.venue.split(self.key.address(), token, Shares::whole(shares)).expect("dollars");
    }

    /// Returns everything that a refusal must not change: money, shares, open orders, trades.
    pub async fn state(&self) -> Value {
        let token = token(&self.venue);
        let mut all = Vec::new();
        for kind in SignatureType::ALL.map(SignatureType::number) {
            for asset in ["COLLATERAL".to_owned(), format!("CONDITIONAL&token_id={token}")] {
                all.push(self.get(&format!("/balance-allowance?asset_type={asset}&signature_type={kind}")).await);
            }
        }
        json!([all, self.get("/data/orders").await, self.get("/data/trades").await])
    }

    /// Opens the user channel for the whole account.
    pub async fn listen(&self) -> Socket {
        let mut socket = Socket::open(&self.venue).await;
        socket.say(&self.hello(&json!([]))).await;
        // An answer to PING proves that what came before it was taken.
        socket.ping().await;
        socket
    }

    pub fn hello(&self, markets: &Value) -> String {
        let auth = json!({"apiKey": self.id, "secret": self.secret.to_base64(), "passphrase": self.passphrase});
        json!({"type": "user", "auth": auth, "markets": markets}).to_string()
    }
}

/// A socket of the user channel.
pub struct Socket(tokio_tungstenite::WebSocketStream<tokio_tungstenite::MaybeTlsStream<tokio::net::TcpStream>>);

impl Socket {
    pub async fn open(venue: &Server) -> Socket {
        Socket(tokio_tungstenite::connect_async(&venue.urls.ws_user).await.expect("a socket").0)
    }

    pub async fn say(&mut self, text: &str) {
        self.0.send(Frame::text(text.to_owned())).await.expect("a listener");
    }

    pub async fn ping(&mut self) {
        self.say("PING").await;
        assert_eq!(self.next_text().await.as_deref(), Some("PONG"));
    }

    /// Returns the next frame; `None` once the venue closed.
    pub async fn next_text(&mut self) -> Option<String> {
        match tokio::time::timeout(PATIENCE, self.0.next()).await.expect("a frame in time")? {
            Ok(Frame::Text(text)) => Some(text.to_string()),
            Ok(Frame::Close(_)) | Err(_) => None,
            Ok(other) => panic!("expected text, got {other:?}"),
        }
    }

    pub async fn next(&mut self) -> Value {
        serde_json::from_str(&self.next_text().await.expect("an open socket")).expect("JSON")
    }

    /// Skips to the next event of this kind and status.
    pub async fn until(&mut self, kind: &str, status: &str) -> Value {
        loop {
            let event = self.next().await;
            if event["event_type"] == kind && event["status"] == status {
                return event;
            }
        }
    }
}

/// Returns the L1 headers of a key.
pub fn attestation(key: &Key, nonce: &str, secs: u64) -> Vec<(&'static str, String)> {
    let timestamp = secs.to_string();
    let number = U256::from_str_radix(nonce, 10).expect("a nonce");
    let attestation = ClobAuth { address: key.address(), timestamp: &timestamp, nonce: number };
    let signature = attestation.sign(key, Network::Polygon);
    vec![
        ("POLY_ADDRESS", key.address().to_string()),
        ("POLY_SIGNATURE", format!("0x{}", hex::encode(signature))),
        ("POLY_TIMESTAMP", timestamp),
        ("POLY_NONCE", nonce.to_owned()),
    ]
}

pub async fn send(request: reqwest::RequestBuilder, headers: &[(&'static str, String)], body: String) -> Reply {
    let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, value));
    let answer = request.body(body).send().await.expect("an answer");
    let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
    let text = answer.text().await.expect("a body");
    Reply { status, headers, body: serde_json::from_str(&text).unwrap_or(Value::String(text)) }
}
