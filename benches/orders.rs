//! A live order -> its signed request: built, signed, encoded, authenticated. Found signed ahead, signed on demand, and the way
//! of a peer (alloy's typed structs, serde_json, the wrapper's signature) beside them; and how often each asks for memory.
//!
//! `cargo bench --bench orders`; small with `-- --test`. `cargo bench --bench orders -- --signatures 10000000` makes so many
//! signatures instead, each twice, and looks at each: it verifies, is low, is the same again, and no nonce is used twice.

use std::{
    collections::HashSet,
    hint::black_box,
    time::{Duration, Instant},
};

use alloy::{
    hex,
    primitives::{B256, U256, keccak256},
};
use criterion::{Criterion, criterion_group};
use remora::{
    domain::{Generation, Market, Millis, Nanos, Usdc, event::Submitted},
    venue::polymarket::{
        Exchange, Key, Network, Order, SignatureType, amounts,
        auth::Request,
        curve,
        key::recover,
        prepare::{Account, names::Names},
    },
};
use secp256k1::{Message, SecretKey, ecdsa::RecoverableSignature};
use serde_json::json;

#[path = "peers/counting.rs"]
mod counting;
#[path = "shared/foresight.rs"]
mod foresight;

use counting::Counting;
use foresight::{Foresight, NAME, NOW, SIZES, TOKEN, account, market, order, prepared, sizes};

#[global_allocator]
static ALLOCATOR: Counting<mimalloc::MiMalloc> = Counting(mimalloc::MiMalloc);

const GENERATIONS: [Generation; 2] = [Generation::V2, Generation::V3];
const TYPES: [SignatureType; 2] = [SignatureType::Safe, SignatureType::DepositWallet];

/// As the official clients do: fields into a typed struct, hashed and signed, JSON by serde, a MAC with a new key.
fn as_a_peer(account: &Account, secret: &SecretKey, token: &str, order: &Submitted, market: &Market) -> Vec<u8> {
    let amounts = amounts::market_buy(market.tick, order.limit, order.budget).expect("amounts");
    let exchange = Exchange::of(market.generation, market.neg_risk);
    let plain = Order {
        salt: NOW.as_millis(),
        maker: account.funder,
        signer: account.signer(),
        token: U256::from_str_radix(token, 10).expect("a token"),
        maker_amount: amounts.maker,
        taker_amount: amounts.taker,
        side: order.side,
        signature_type: account.signature_type,
        timestamp: Millis(NOW.as_millis()),
        metadata: B256::ZERO,
        builder: B256::ZERO,
    };
    let digest = plain.id(exchange, Network::Polygon);
    let signature = match account.signature_type {
        SignatureType::DepositWallet => {
            remora::venue::polymarket::signature::sign(&plain, &account.key, exchange, Network::Polygon)
        }
        SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe => wrapped(secret, digest).to_vec(),
    };
    let body = json!({
        "deferExec": false, "postOnly": false, "owner": account.api.id, "orderType": "FAK",
        "order": {
            "salt": plain.salt, "maker": plain.maker.to_string(), "signer": plain.signer.to_string(), "tokenId": token,
            "makerAmount": plain.maker_amount.to_string(), "takerAmount": plain.taker_amount.to_string(),
            "side": "BUY", "signatureType": plain.signature_type.number(), "expiration": "0",
            "timestamp": plain.timestamp.0.to_string(), "metadata": plain.metadata, "builder": plain.builder,
            "signature": format!("0x{}", hex::encode(signature)),
        },
    })
    .to_string();
    let timestamp = NOW.as_secs().to_string();
    let request = Request { timestamp: &timestamp, method: "POST", path: "/order", body: body.as_bytes() };
    let mac = account.api.secret.sign(&request);
    format!(
        "POST /order HTTP/1.1\r\nhost: {}\r\ncontent-type: application/json\r\nPOLY_ADDRESS: {}\r\nPOLY_API_KEY: \
         {}\r\nPOLY_PASSPHRASE: {}\r\nPOLY_TIMESTAMP: {timestamp}\r\nPOLY_SIGNATURE: {mac}\r\ncontent-length: \
         {}\r\n\r\n{body}",
        account.host,
        account.key.address(),
        account.api.id,
        account.api.passphrase(),
        body.len(),
    )
    .into_bytes()
}

/// The library's wrapper: it blinds its context after every signature.
fn wrapped(secret: &SecretKey, digest: B256) -> [u8; 65] {
    let signature = RecoverableSignature::sign_ecdsa_recoverable(Message::from_digest(digest.0), secret);
    let (id, compact) = signature.serialize_compact();
    let mut bytes = [27 + u8::from(id); 65];
    bytes[..64].copy_from_slice(&compact);
    bytes
}

fn signatures(c: &mut Criterion) {
    let (key, secret) =
        (Key::from_bytes([1; 32]).expect("a key"), SecretKey::from_secret_bytes([1; 32]).expect("a key"));
    let digest = keccak256("something");
    let mut group = c.benchmark_group("signature");
    group.bench_function("bare", |bencher| bencher.iter(|| key.sign(black_box(digest))));
    group.bench_function("by the wrapper, blinded each time", |bencher| {
        bencher.iter(|| wrapped(&secret, black_box(digest)));
    });
    group.bench_function("bare, and blinded each time", |bencher| {
        bencher.iter(|| {
            curve::blind();
            key.sign(black_box(digest))
        });
    });
    group.finish();
}

fn orders(c: &mut Criterion) {
    let secret = SecretKey::from_secret_bytes([1; 32]).expect("a key");
    for (generation, signature_type) in GENERATIONS.into_iter().flat_map(|of| TYPES.map(|kind| (of, kind))) {
        let mut group = c.benchmark_group(format!("order {generation:?} {signature_type:?}"));
        let market = market(generation);
        let mut foresight = Foresight::new(signature_type, generation);
        let allocations = counted(SIZES, || sizes(SIZES).for_each(|dollars| foresight.take(dollars)));
        foresight.refill();
        println!("signed ahead: {allocations} allocations an order");
        group.bench_function("signed ahead", |bencher| {
            bencher.iter_custom(|orders| {
                let mut spent = Duration::ZERO;
                foresight.take_many(orders, |part| {
                    let begun = Instant::now();
                    part();
                    spent += begun.elapsed();
                });
                spent
            });
        });

        let mut prepared = prepared(signature_type);
        let mut on_demand = |dollars| {
            let signed = prepared.order(NOW, NOW, black_box(&order(dollars)), &market, Usdc::ZERO).expect("amounts");
            black_box((signed, prepared.outgoing()));
        };
        on_demand(1);
        println!("on demand: {} allocations an order", counted(SIZES, || sizes(SIZES).for_each(&mut on_demand)));
        group.bench_function("on demand", |bencher| bencher.iter(|| on_demand(10)));

        let account = account(signature_type);
        let peer = || black_box(as_a_peer(&account, &secret, NAME, black_box(&order(10)), &market));
        println!("as a peer: {} allocations an order", counted(1, || drop(peer())));
        group.bench_function("as a peer", |bencher| bencher.iter(peer));
        group.finish();
    }
}

/// What the hot thread pays for it while it waits: one token looked at, everything signed.
fn looks(c: &mut Criterion) {
    let mut foresight = Foresight::new(SignatureType::DepositWallet, Generation::V2);
    let mut names = Names::default();
    names.add(TOKEN, NAME);
    c.bench_function("look at a token of sixteen orders", |bencher| {
        bencher.iter(|| {
            let ahead = foresight.prepared.ahead().expect("set up");
            ahead.moved(TOKEN);
            foresight.now = foresight.now.plus(Nanos::from_millis(50));
            ahead.look(black_box(foresight.now), &foresight.engine, &names)
        });
    });
}

fn counted(orders: i64, work: impl FnOnce()) -> u64 {
    let before = counting::allocations();
    work();
    (counting::allocations() - before) / orders as u64
}

/// RELIABILITY.md T6.
fn many_signatures(count: u64) {
    let keys: Vec<Key> = (1..=7).map(|byte| Key::from_bytes([byte; 32]).expect("a key")).collect();
    let (mut nonces, begun) = (HashSet::new(), Instant::now());
    for nth in 0..count {
        let (key, digest) = (&keys[nth as usize % keys.len()], keccak256(nth.to_be_bytes()));
        let signature = key.sign(digest);
        // Refuses a high s, and names the signer.
        assert_eq!(recover(digest, &signature), Ok(key.address()), "{digest}");
        if nth.is_multiple_of(100) {
            curve::blind();
        }
        assert_eq!(key.sign(digest), signature, "{digest}");
        // Half of r tells ten million apart, and lets them fit into memory.
        let half: [u8; 16] = signature[..16].try_into().expect("16 bytes");
        assert!(nonces.insert(half), "a nonce again: {digest}");
        if (nth + 1).is_multiple_of(100_000) {
            println!("{} signatures, each made twice, after {} s", nth + 1, begun.elapsed().as_secs());
        }
    }
    println!("{count} signatures verify, are low, are the same again, and have {} nonces", nonces.len());
}

criterion_group!(benches, signatures, orders, looks);

fn main() {
    let count = std::env::args().skip_while(|argument| argument != "--signatures").nth(1);
    if let Some(count) = count {
        return many_signatures(count.parse().expect("--signatures takes a number"));
    }
    benches();
    Criterion::default().configure_from_args().final_summary();
}
