//! Frame bytes -> inputs, beside general JSON readers that stop at the same values. Data is made here, from a seed.
//!
//! `cargo bench --bench decode`; small under `cargo test --benches`.

use std::hint::black_box;

use alloy::{
    primitives::{Address, B256, Bytes, LogData, U256, hex},
    sol_types::{SolCall, SolEvent},
};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use remora::{
    domain::{Nanos, Source},
    feed::{
        chain::ChainDecoder,
        leader::{LeaderDecoder, Sighting, Sockets, Telling, source_of},
        market::{Batch, MarketDecoder},
        registry::Registry,
    },
    sim::chain::abi::{Exchange as Events, ExchangeV2, SignedOrder},
    venue::polymarket::{Exchange, Network},
};
use serde::Deserialize;

#[path = "shared/frames.rs"]
mod frames;

use frames::{Chance, DOWN, UP, leader_frame, price_change, snapshot};

/// What a careful user of serde would write: borrowed texts, no tagged enum, no tree.
#[derive(Deserialize)]
struct Frame<'a> {
    asset_id: Option<&'a str>,
    timestamp: &'a str,
    #[serde(default, borrow)]
    bids: Vec<Level<'a>>,
    #[serde(default, borrow)]
    asks: Vec<Level<'a>>,
    #[serde(default, borrow)]
    price_changes: Vec<Entry<'a>>,
}

#[derive(Deserialize)]
struct Level<'a> {
    price: &'a str,
    size: &'a str,
}

#[derive(Deserialize)]
struct Entry<'a> {
    asset_id: &'a str,
    price: &'a str,
    size: &'a str,
    side: &'a str,
    best_bid: &'a str,
    best_ask: &'a str,
}

/// Looks at every text that our decoder turns into a number.
fn touch(frame: &Frame<'_>) -> usize {
    let levels = frame.bids.iter().chain(&frame.asks).map(|level| level.price.len() + level.size.len()).sum::<usize>();
    let entries = frame.price_changes.iter().map(|entry| {
        let Entry { asset_id, price, size, side, best_bid, best_ask } = entry;
        [asset_id, price, size, side, best_bid, best_ask].into_iter().map(|text| text.len()).sum::<usize>()
    });
    levels + entries.sum::<usize>() + frame.timestamp.len() + frame.asset_id.map_or(0, str::len)
}

fn market(criterion: &mut Criterion) {
    let mut chance = Chance(20_261_121);
    let mut registry = Registry::new();
    for token in [UP, DOWN] {
        registry.add_token(token).expect("room");
    }
    let frames = [
        ("snapshot_100+100", snapshot(&mut chance, UP)),
        ("price_change_x1", price_change(&mut chance, 1)),
        ("price_change_x4", price_change(&mut chance, 4)),
    ];
    for (name, json) in &frames {
        let mut group = criterion.benchmark_group(*name);
        group.throughput(Throughput::Bytes(json.len() as u64));
        let (mut decoder, mut batch) = (MarketDecoder::new(), Batch::default());
        group.bench_function("remora", |bencher| {
            bencher.iter(|| {
                decoder.decode(black_box(json.as_bytes()), &registry, &mut batch).expect("a good frame");
                batch.inputs.len()
            });
        });
        assert_eq!(decoder.counters.slow_frames, 0, "the scanner reads what the venue sends");
        group.bench_function("serde_json_typed", |bencher| {
            bencher.iter(|| touch(&serde_json::from_slice(black_box(json.as_bytes())).expect("a good frame")));
        });
        let (mut copy, mut buffers) = (Vec::new(), simd_json::Buffers::default());
        group.bench_function("simd_json_typed", |bencher| {
            bencher.iter(|| {
                copy.clear();
                copy.extend_from_slice(black_box(json.as_bytes()));
                touch(&simd_json::serde::from_slice_with_buffers(&mut copy, &mut buffers).expect("a good frame"))
            });
        });
        group.bench_function("simd_json_tape", |bencher| {
            bencher.iter(|| {
                copy.clear();
                copy.extend_from_slice(black_box(json.as_bytes()));
                simd_json::to_tape_with_buffers(&mut copy, &mut buffers).expect("a good frame").0.len()
            });
        });
        group.finish();
    }
}

fn leader(criterion: &mut Criterion) {
    let wallet = "0x510F4963b66B1B18505faaB74b0bB943D1dDa43C";
    let mut registry = Registry::new();
    registry.add_token(UP).expect("room");
    registry.add_leader(wallet).expect("room");
    for n in 0..200 {
        registry.add_leader(&format!("0x{n:040x}")).expect("room");
    }
    let mut group = criterion.benchmark_group("leader_frame");
    let mut decoder = LeaderDecoder::new();
    for (name, wallet) in [("followed", wallet), ("stranger", "0x6af75d4e4aaf700450efbac3708cce1665810ff1")] {
        let json = leader_frame(wallet);
        group.throughput(Throughput::Bytes(json.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let sighting = decoder.decode_rtds(black_box(json.as_bytes()), &registry).expect("a good frame");
                assert_eq!(matches!(sighting, Sighting::Trade(_)), name == "followed");
            });
        });
    }
    assert_eq!(decoder.counters.slow_frames, 0, "the scanner reads what the venue sends");
    group.finish();
}

/// A second of everybody's trades as two sockets tell them, both kinds of frames: 1,000 fills by 100,000 wallets, 200 of which
/// are leaders'. Returned is what goes to the hot thread.
fn leaders_second(criterion: &mut Criterion) {
    let mut chance = Chance(20_261_122);
    let mut registry = Registry::new();
    registry.add_token(UP).expect("room");
    let wallet = |n: u64| format!("0x{:040x}", n.wrapping_mul(0x9e37_79b9_7f4a_7c15));
    for n in 0..200 {
        registry.add_leader(&wallet(n)).expect("room");
    }
    let mut frames = Vec::new();
    for n in 0..1_000_u64 {
        // Leaders trade more than others do: one fill in twenty is theirs.
        let who = if n % 20 == 0 { chance.below(200) } else { chance.below(100_000) };
        let frame = leader_frame(&wallet(who)).replace("0xb6acf685", &format!("0x{n:08x}"));
        frames.push(frame.replace("\"type\":\"trades\"", "\"type\":\"orders_matched\""));
        frames.push(frame);
    }
    let mut group = criterion.benchmark_group("leader_stream");
    group.throughput(Throughput::Elements(1_000));
    group.bench_function("a_second_of_two_sockets", |bencher| {
        bencher.iter(|| {
            let mut decoder = LeaderDecoder::new();
            let mut sockets = Sockets::new(2, None, Nanos::from_secs(30));
            let (mut told, mut now) = (0, Nanos::from_secs(1_787_000_000));
            for frame in &frames {
                for socket in 0..2 {
                    now = now.plus(Nanos(1_000));
                    let sighting = decoder.decode_rtds(black_box(frame.as_bytes()), &registry).expect("a good frame");
                    let source = source_of(frame.as_bytes()).expect("a trade");
                    assert_eq!(sockets.data(socket, source, now), None);
                    if let Sighting::Trade(trade) = sighting {
                        told += usize::from(sockets.told(socket, source, trade.trade, now) == Telling::First);
                    }
                }
            }
            sockets.judge(now, |_| ());
            // Of each fill of a leader both kinds, once.
            assert!((100..=120).contains(&told), "{told}");
            told
        });
    });
    group.finish();
}

const MAKER: &str = "0x510f4963b66b1b18505faab74b0bb943d1dda43c";
const TAKER: &str = "0x6af75d4e4aaf700450efbac3708cce1665810ff1";
const TRANSACTION: &str = "0xb6acf6859bc84216f4b3e2567fb392a2eae19d275340ad96ea17218ccfec27b7";

fn signed_order(maker: &str, nth: u64) -> SignedOrder {
    SignedOrder {
        salt: U256::from(nth),
        maker: maker.parse().expect("an address"),
        signer: Address::ZERO,
        tokenId: UP.parse().expect("a number"),
        makerAmount: U256::from(9_000_000),
        takerAmount: U256::from(5_940_000),
        side: u8::from(nth > 0),
        signatureType: 2,
        timestamp: U256::from(1_795_260_900_000_u64),
        metadata: B256::ZERO,
        builder: B256::ZERO,
        signature: Bytes::from(vec![7; 65]),
    }
}

/// A transaction in which a leader is one of four makers, as a node tells it.
fn chain_transaction() -> String {
    let makers: Vec<SignedOrder> =
        [TAKER, TAKER, MAKER, TAKER].iter().zip(1..).map(|(of, n)| signed_order(of, n)).collect();
    let call = ExchangeV2::matchOrdersCall {
        conditionId: B256::ZERO,
        taker: signed_order(TAKER, 0),
        makers,
        takerFill: U256::from(8_000_000),
        makerFills: vec![U256::from(3_000_000); 4],
        takerFee: U256::ZERO,
        makerFees: vec![U256::ZERO; 4],
    };
    let (to, input) = (Exchange::V2.address(Network::Polygon), hex::encode_prefixed(call.abi_encode()));
    format!(
        r#"{{"blockHash":null,"blockNumber":null,"from":"{TAKER}","gas":"0x4c4b40","hash":"{TRANSACTION}","input":"{input}","nonce":"0x1","to":"{to:#x}","value":"0x0","type":"0x2","chainId":"0x89"}}"#
    )
}

/// A leader's fill as a log of a node's notice.
fn chain_log() -> String {
    let of = |wallet: &str| wallet.parse::<Address>().expect("an address");
    let filled = Events::OrderFilled {
        orderHash: B256::repeat_byte(5),
        maker: of(MAKER),
        taker: of(TAKER),
        side: 1,
        tokenId: UP.parse().expect("a number"),
        makerAmountFilled: U256::from(3_000_000),
        takerAmountFilled: U256::from(1_980_000),
        fee: U256::ZERO,
        builder: B256::ZERO,
        metadata: B256::ZERO,
    };
    let log = filled.encode_log_data();
    let topics: Vec<String> = log.topics().iter().map(|topic| format!("\"{topic:#x}\"")).collect();
    format!(
        r#"{{"address":"{:#x}","topics":[{}],"data":"{}","blockNumber":"0x4d3f640","transactionHash":"{TRANSACTION}","transactionIndex":"0x1","blockHash":"{TRANSACTION}","blockTimestamp":"0x6b015f2e","logIndex":"0x2","removed":false}}"#,
        Exchange::V2.address(Network::Polygon),
        topics.join(","),
        hex::encode_prefixed(&log.data),
    )
}

/// The parts of a log and a transaction that alloy's decoder begins with, as its own types read them.
#[derive(Deserialize)]
struct PeerLog {
    topics: Vec<B256>,
    data: Bytes,
}

#[derive(Deserialize)]
struct PeerTransaction {
    input: Bytes,
}

fn chain(criterion: &mut Criterion) {
    let mut registry = Registry::new();
    registry.add_token(UP).expect("room");
    registry.add_leader(MAKER).expect("room");
    let (log, transaction, now) = (chain_log(), chain_transaction(), Nanos::from_secs(1_795_260_900));
    let mut decoder = ChainDecoder::new(Network::Polygon);
    let mut group = criterion.benchmark_group("chain_log");
    group.throughput(Throughput::Bytes(log.len() as u64));
    group.bench_function("remora", |bencher| {
        bencher.iter(|| {
            let logged = decoder.decode_log(black_box(log.as_bytes()), now, &registry).expect("a good log");
            assert!(matches!(logged.sighting, Sighting::Trade(_)));
        });
    });
    group.bench_function("alloy", |bencher| {
        bencher.iter(|| {
            let log: PeerLog = serde_json::from_slice(black_box(log.as_bytes())).expect("a good log");
            let data = LogData::new_unchecked(log.topics, log.data);
            Events::OrderFilled::decode_log_data(&data).expect("a good log").makerAmountFilled
        });
    });
    group.finish();
    let mut group = criterion.benchmark_group("chain_call_x4");
    group.throughput(Throughput::Bytes(transaction.len() as u64));
    group.bench_function("remora", |bencher| {
        bencher.iter(|| {
            let mut seen = 0;
            let from = (Source::Pending, now);
            let read = decoder.decode_transaction(black_box(transaction.as_bytes()), from, &registry, |_| seen += 1);
            assert_eq!((read, seen), (Ok(()), 1));
        });
    });
    group.bench_function("alloy", |bencher| {
        bencher.iter(|| {
            let read: PeerTransaction = serde_json::from_slice(black_box(transaction.as_bytes())).expect("good JSON");
            ExchangeV2::matchOrdersCall::abi_decode(&read.input).expect("a good call").makers.len()
        });
    });
    group.finish();
}

criterion_group!(benches, market, leader, leaders_second, chain);
criterion_main!(benches);
