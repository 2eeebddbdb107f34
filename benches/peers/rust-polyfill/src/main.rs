//! polyfill-rs: orders from their values to a body with its headers, frames to its book or to typed messages.

use std::{hint::black_box, str::FromStr};

use alloy_signer_local::PrivateKeySigner;
use polyfill_rs::{
    ApiCredentials, OrderBookManager, OrderType, Side, WsBookUpdateProcessor,
    auth::{PreparedApiCredentials, create_l2_headers_with_body_bytes},
    decode::parse_stream_messages_bytes,
    orders::{OrderBuilder, PreparedOrderPath, SigType},
    types::{PostOrder, PostOrderOptions, SignedOrderRequest},
};
use rust_decimal::Decimal;
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

const CHAIN: u64 = 137;
const ORDER: &str = "price and size -> PreparedOrderPath::create_limit_order, PostOrder as JSON, its L2 headers";
const OPTIONS: PostOrderOptions = PostOrderOptions { order_type: OrderType::FAK, post_only: false, defer_exec: false };

struct Account<'a> {
    signer: &'a PrivateKeySigner,
    path: PreparedOrderPath,
    api: &'a PreparedApiCredentials,
}

impl Account<'_> {
    fn sign(&self, price: Decimal, shares: Decimal) -> SignedOrderRequest {
        self.path.create_limit_order(Side::BUY, price, shares, None).expect("a signature")
    }

    /// What `post_order` does before it sends.
    fn request(&self, price: Decimal, shares: Decimal) {
        let body = PostOrder::new(self.sign(price, shares), self.api.api_key.clone(), OPTIONS);
        let body = serde_json::to_vec(&body).expect("JSON");
        let headers = create_l2_headers_with_body_bytes(self.signer, self.api, "POST", "/order", Some(&body));
        black_box((headers.expect("headers"), body));
    }
}

/// Returns the amounts that are signed for each order.
fn amounts(account: &Account<'_>, orders: &[(Decimal, Decimal)]) -> Vec<Value> {
    let of = |(price, shares): &(Decimal, Decimal)| {
        let order = account.sign(*price, *shares);
        json!([order.maker_amount, order.taker_amount])
    };
    orders.iter().map(of).collect()
}

/// Its way without an allocation. It writes over the bytes it reads, so they are copied first.
fn book(frames: Vec<String>, token: &str) -> Case<'static> {
    let books = OrderBookManager::new(1_000);
    books.get_or_create_book(token).expect("a book");
    let longest = frames.iter().map(String::len).max().unwrap_or_default();
    let (mut reader, mut bytes) = (WsBookUpdateProcessor::new(longest), Vec::with_capacity(longest));
    let work = "frame -> WsBookUpdateProcessor, its updated book (and a copy: it writes over what it reads)";
    Case::new("book_100", work, move |nth| {
        bytes.clear();
        bytes.extend_from_slice(black_box(frames[nth % frames.len()].as_bytes()));
        let applied = reader.process_bytes(&mut bytes, &books).expect("a book");
        assert_eq!(applied.book_levels_applied, 200);
    })
}

fn main() {
    let work = work::Work::read();
    let signer = PrivateKeySigner::from_str(work.text("key")).expect("a key");
    let funder = Some(work.text("funder").parse().expect("an address"));
    let api = PreparedApiCredentials::try_new(ApiCredentials {
        api_key: work.text("api_key").to_owned(),
        secret: work.text("secret").to_owned(),
        passphrase: work.text("passphrase").to_owned(),
    });
    let (api, token) = (api.expect("credentials"), work.text("token"));
    let account = |signature_type| {
        let builder = OrderBuilder::new(signer.clone(), Some(signature_type), funder);
        let path = builder.prepare_order_path(CHAIN, token, Decimal::new(1, 2), false, None, None);
        Account { signer: &signer, path: path.expect("a path"), api: &api }
    };
    let (safe, deposit) = (account(SigType::PolyGnosisSafe), account(SigType::Poly1271));
    let orders = work.orders::<Decimal>();
    let signed = json!({ "order_safe": amounts(&safe, &orders), "order_deposit": amounts(&deposit, &orders) });
    let order = |name, account| {
        let (orders, account): (_, &Account<'_>) = (&orders, account);
        Case::new(name, ORDER, move |nth| {
            let (price, shares) = orders[nth % orders.len()];
            account.request(black_box(price), black_box(shares));
        })
    };
    let mut cases = vec![order("order_safe", &safe), order("order_deposit", &deposit)];
    cases.push(book(work.frames("book_100"), token));
    for name in ["change_1", "change_4"] {
        let frames = work.frames(name);
        let work = "frame -> parse_stream_messages_bytes, its typed message (it has no faster way for these)";
        cases.push(Case::new(name, work, move |nth| {
            let messages = parse_stream_messages_bytes(black_box(frames[nth % frames.len()].as_bytes()));
            assert_eq!(black_box(messages.expect("a message")).len(), 1);
        }));
    }
    serve(work::version(include_str!("../Cargo.lock"), "polyfill-rs"), &signed, cases);
}
