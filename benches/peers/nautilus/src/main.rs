//! nautilus-polymarket: orders from their values to a body with its headers, frames to the deltas of its book.

use std::{collections::HashMap, hint::black_box};

use nautilus_core::UnixNanos;
use nautilus_model::{data::OrderBookDeltas, identifiers::InstrumentId};
use nautilus_polymarket::{
    common::{
        credential::{Credential, EvmPrivateKey},
        enums::{PolymarketOrderSide, PolymarketOrderType, SignatureType},
    },
    execution::order_builder::PolymarketOrderBuilder,
    http::models::PolymarketOrder,
    signing::eip712::OrderSigner,
    websocket::{
        messages::MarketWsMessage,
        parse::{parse_book_deltas, parse_book_snapshot},
    },
};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::{Value, json};

#[path = "../../counting.rs"]
mod counting;
#[path = "../../measure.rs"]
mod measure;
#[path = "../../work.rs"]
mod work;

use measure::{Case, serve};

#[global_allocator]
static ALLOCATOR: counting::Counting<std::alloc::System> = counting::Counting(std::alloc::System);

const ORDER: &str =
    "price and size -> build_limit_order, the body as JSON, its L2 headers (their own code is private: as there)";

/// As in its `http::clob`, where it is private.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PostOrderBody<'a> {
    order: &'a PolymarketOrder,
    owner: &'a str,
    order_type: PolymarketOrderType,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    post_only: bool,
}

struct Account<'a> {
    builder: PolymarketOrderBuilder,
    credential: Credential,
    address: String,
    passphrase: &'a str,
    token: &'a str,
}

impl Account<'_> {
    fn sign(&self, price: Decimal, shares: Decimal) -> PolymarketOrder {
        let side = PolymarketOrderSide::Buy;
        self.builder.build_limit_order(self.token, side, price, shares, "0", false, 2).expect("a signature")
    }

    /// What `post_order` does before it sends.
    fn request(&self, price: Decimal, shares: Decimal) -> (Vec<u8>, HashMap<String, String>) {
        let (order, order_type) = (self.sign(price, shares), PolymarketOrderType::FAK);
        let owner = self.credential.api_key().to_string();
        let body = PostOrderBody { order: &order, owner: &owner, order_type, post_only: false };
        let body = serde_json::to_vec(&body).expect("JSON");
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a time");
        let timestamp = now.as_secs().to_string();
        let text = std::str::from_utf8(&body).expect("text");
        let signature = self.credential.sign(&timestamp, "POST", "/order", text);
        let headers = HashMap::from([
            ("POLY_ADDRESS".to_string(), self.address.clone()),
            ("POLY_SIGNATURE".to_string(), signature),
            ("POLY_TIMESTAMP".to_string(), timestamp),
            ("POLY_API_KEY".to_string(), self.credential.api_key().to_string()),
            ("POLY_PASSPHRASE".to_string(), self.passphrase.to_string()),
        ]);
        (body, headers)
    }
}

/// Returns the amounts that are signed for each order.
fn amounts(account: &Account<'_>, orders: &[(Decimal, Decimal)]) -> Vec<Value> {
    let of = |(price, shares): &(Decimal, Decimal)| {
        let order = account.sign(*price, *shares);
        json!([order.maker_amount.normalize().to_string(), order.taker_amount.normalize().to_string()])
    };
    orders.iter().map(of).collect()
}

fn deltas(frame: &str, instrument: InstrumentId) -> OrderBookDeltas {
    let now = UnixNanos::default();
    match serde_json::from_str::<MarketWsMessage>(frame).expect("a message") {
        MarketWsMessage::Book(book) => parse_book_snapshot(&book, instrument, 3, 6, now).expect("a book"),
        MarketWsMessage::PriceChange(change) => parse_book_deltas(&change, instrument, 3, 6, now).expect("changes"),
        other => panic!("neither a book nor a change: {other:?}"),
    }
}

fn main() {
    let work = work::Work::read();
    let key = || OrderSigner::new(&EvmPrivateKey::new(work.text("key")).expect("a key")).expect("a signer");
    let address = work.text("funder").to_owned();
    let builder = PolymarketOrderBuilder::new(key(), address.clone(), address.clone(), SignatureType::PolyGnosisSafe);
    let passphrase = work.text("passphrase");
    let credential = Credential::new(work.text("api_key"), work.text("secret"), passphrase.to_owned());
    let credential = credential.expect("credentials");
    let account = Account { builder, credential, address, passphrase, token: work.text("token") };
    let orders = work.orders::<Decimal>();
    let signed = json!({ "order_safe": amounts(&account, &orders) });
    let mut cases = vec![Case::new("order_safe", ORDER, |nth| {
        let (price, shares) = orders[nth % orders.len()];
        black_box(account.request(black_box(price), black_box(shares)));
    })];
    let instrument = InstrumentId::from("0xdd-713.POLYMARKET");
    for (name, count) in [("book_100", 201), ("change_1", 1), ("change_4", 4)] {
        let frames = work.frames(name);
        let work = "frame -> MarketWsMessage, then its OrderBookDeltas (not applied to a book)";
        cases.push(Case::new(name, work, move |nth| {
            let deltas = deltas(black_box(&frames[nth % frames.len()]), instrument);
            assert_eq!(black_box(deltas).deltas.len(), count);
        }));
    }
    serve(work::version(include_str!("../Cargo.lock"), "nautilus-polymarket"), &signed, cases);
}
