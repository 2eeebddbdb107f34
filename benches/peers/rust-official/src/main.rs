//! polymarket_client_sdk_v2: orders from their values to a request with its headers, frames to typed messages.

use std::{hint::black_box, str::FromStr};

use alloy::{
    primitives::Address,
    signers::{Signer as _, local::PrivateKeySigner},
};
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use hmac::{Hmac, Mac as _};
use polymarket_client_sdk_v2::{
    POLYGON,
    auth::{Credentials, Normal, state::Authenticated},
    clob::{
        Client, Config,
        types::{OrderType, Side, SignatureType, SignedOrder, TickSize},
        ws::{interest::MessageInterest, types::response::parse_if_interested},
    },
    types::U256,
};
use reqwest::{
    Method, Request,
    header::{HeaderMap, HeaderValue},
};
use rust_decimal::Decimal;
use serde_json::{Value, json};
use tokio::runtime::Runtime;
use uuid::Uuid;

#[path = "../../counting.rs"]
mod counting;
#[path = "../../measure.rs"]
mod measure;
#[path = "../../work.rs"]
mod work;

use measure::{Case, serve};

#[global_allocator]
static ALLOCATOR: counting::Counting<std::alloc::System> = counting::Counting(std::alloc::System);

/// Answers what the client asks while it is set up; nothing of that is measured.
fn venue() -> String {
    use std::io::{Read, Write};
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("an address"));
    std::thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            std::thread::spawn(move || {
                let mut request = [0; 8_192];
                while let Ok(1..) = stream.read(&mut request) {
                    let body = if request.starts_with(b"GET /time") { "1794700800" } else { r#"{"version":2}"# };
                    let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length:";
                    if write!(stream, "{head} {}\r\n\r\n{body}", body.len()).is_err() {
                        return;
                    }
                }
            });
        }
    });
    url
}

/// An account, and what its client needs.
struct Account<'a> {
    runtime: &'a Runtime,
    client: Client<Authenticated<Normal>>,
    signer: &'a PrivateKeySigner,
    http: reqwest::Client,
    token: U256,
    key: Uuid,
    secret: String,
    passphrase: String,
}

impl Account<'_> {
    fn sign(&self, price: Decimal, shares: Decimal) -> SignedOrder {
        self.runtime.block_on(async {
            let order = self.client.limit_order().order_type(OrderType::FAK).token_id(self.token).side(Side::Buy);
            let order = order.price(price).size(shares).build().await.expect("an order");
            self.client.sign(self.signer, order).await.expect("a signature")
        })
    }

    /// What `post_order` does before it sends.
    fn request(&self, price: Decimal, shares: Decimal) -> (Request, HeaderMap) {
        let order = self.sign(price, shares);
        let request = self.http.request(Method::POST, "http://127.0.0.1:1/order").json(&order);
        let request = request.build().expect("a request");
        let headers = self.headers(&request);
        (request, headers)
    }

    /// `auth::l2::create_headers` as it is there, where it is private.
    fn headers(&self, request: &Request) -> HeaderMap {
        let timestamp = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time").as_secs();
        let body = request.body().and_then(|body| body.as_bytes());
        let body = body.map(String::from_utf8_lossy).map(|body| body.replace('\'', "\"")).unwrap_or_default();
        let message = format!("{timestamp}{}{}{body}", request.method(), request.url().path());
        let secret = URL_SAFE.decode(&self.secret).expect("a secret");
        let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).expect("a key");
        mac.update(message.as_bytes());
        let mac = URL_SAFE.encode(mac.finalize().into_bytes());
        let value = |text: &str| text.parse::<HeaderValue>().expect("a header");
        let mut headers = HeaderMap::new();
        headers.insert("POLY_ADDRESS", value(&self.signer.address().to_checksum(None)));
        headers.insert("POLY_API_KEY", value(&self.key.to_string()));
        headers.insert("POLY_PASSPHRASE", value(&self.passphrase));
        headers.insert("POLY_SIGNATURE", value(&mac));
        headers.insert("POLY_TIMESTAMP", value(&timestamp.to_string()));
        headers
    }
}

/// Returns the amounts that are signed for each order.
fn amounts(account: &Account<'_>, orders: &[(Decimal, Decimal)]) -> Vec<Value> {
    let of = |(price, shares): &(Decimal, Decimal)| {
        let body = serde_json::to_value(account.sign(*price, *shares)).expect("JSON");
        json!([body["order"]["makerAmount"], body["order"]["takerAmount"]])
    };
    orders.iter().map(of).collect()
}

const ORDER: &str = "price and size -> limit_order().build(), sign(), reqwest::Request with its L2 headers";

fn main() {
    let work = work::Work::read();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    let signer = PrivateKeySigner::from_str(work.text("key")).expect("a key").with_chain_id(Some(POLYGON));
    let funder: Address = work.text("funder").parse().expect("an address");
    let (token, url) = (U256::from_str(work.text("token")).expect("a token"), venue());
    let key: Uuid = work.text("api_key").parse().expect("a key");
    let account = |signature_type: SignatureType| {
        let (secret, passphrase) = (work.text("secret").to_owned(), work.text("passphrase").to_owned());
        let client = runtime.block_on(async {
            let credentials = Credentials::new(key, secret.clone(), passphrase.clone());
            let client = Client::new(&url, Config::default()).expect("a client");
            let builder = client.authentication_builder(&signer).credentials(credentials);
            builder.signature_type(signature_type).funder(funder).authenticate().await.expect("authenticated")
        });
        client.set_tick_size(token, TickSize::Hundredth);
        client.set_neg_risk(token, false);
        client.set_fee_rate_bps(token, 0);
        let http = reqwest::Client::new();
        Account { runtime: &runtime, client, signer: &signer, http, token, key, secret, passphrase }
    };
    let (safe, deposit) = (account(SignatureType::GnosisSafe), account(SignatureType::Poly1271));
    let orders = work.orders::<Decimal>();
    let signed = json!({ "order_safe": amounts(&safe, &orders), "order_deposit": amounts(&deposit, &orders) });
    let order = |name, account| {
        let (orders, account): (_, &Account<'_>) = (&orders, account);
        Case::new(name, ORDER, move |nth| {
            let (price, shares) = orders[nth % orders.len()];
            black_box(account.request(black_box(price), black_box(shares)));
        })
    };
    let mut cases = vec![order("order_safe", &safe), order("order_deposit", &deposit)];
    for name in ["book_100", "change_1", "change_4"] {
        let frames = work.frames(name);
        cases.push(Case::new(name, "frame -> parse_if_interested, its typed message", move |nth| {
            let frame = frames[nth % frames.len()].as_bytes();
            let messages = parse_if_interested(black_box(frame), &MessageInterest::ALL).expect("a message");
            assert_eq!(black_box(messages).len(), 1);
        }));
    }
    serve(work::version(include_str!("../Cargo.lock"), "polymarket_client_sdk_v2"), &signed, cases);
}
