//! Inputs -> events, and frame bytes -> book beside general parts (simd-json's tape, ordered maps). Data is made here.
//!
//! `cargo bench --bench engine`; small with `-- --test`.

use std::{collections::BTreeMap, hint::black_box};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use remora::{
    config::{Config, Overrides, Source},
    domain::{
        Input, LeaderId, LeaderTrade, Market, Millis, Mode, PortfolioId, Price, Role, Shares, Side, TokenId, TradeKey,
        Usdc, ids::PORTFOLIOS_MAX, input::Best,
    },
    engine::{Engine, Events, Options},
    feed::{
        market::{Batch, MarketDecoder},
        registry::Registry,
    },
};
use simd_json::prelude::*;

const TEXT: &str = "71321045679252212594626385532706912750332728571942532289631379312455583992563";
const TOKEN: TokenId = TokenId(0);
const LEADER: LeaderId = LeaderId(0);
const BEGIN: Millis = Millis(1_776_082_800_000);

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).expect("a price")
}

/// An engine with a book around 0.50 and so many portfolios that follow one leader.
fn engine(portfolios: usize) -> Engine {
    let config = Config::load(&Source::DefaultsOnly, &Overrides::default()).expect("the defaults are right");
    let mut settings = config.strategy_default;
    settings.limits.position_usdc_max = Usdc::whole(1_000_000);
    settings.limits.exposure_usdc_max = Usdc::whole(1_000_000);
    let (mut engine, mut events) = (Engine::new(Options::default()), Events::default());
    engine.install_token(TOKEN);
    engine.set_market(TOKEN, Market::COMMON);
    for index in 0..portfolios {
        let id = PortfolioId(index as u16);
        engine.install_portfolio(id, Mode::Paper, settings);
        engine.follow(LEADER, id);
        engine.fund(BEGIN.nanos(), id, Usdc::whole(1_000_000), &mut events);
    }
    engine.step(BEGIN.nanos(), &Input::Snapshot { token: TOKEN, at: BEGIN }, &mut events);
    for cents in 1..50 {
        for (side, cents) in [(Side::Buy, cents), (Side::Sell, 100 - cents)] {
            let level = Input::Level { token: TOKEN, side, price: price(cents), size: Shares::whole(90_000) };
            engine.step(BEGIN.nanos(), &level, &mut events);
        }
    }
    engine.step(BEGIN.nanos(), &Input::BookDone { token: TOKEN, at: BEGIN, best: Best::Unstated }, &mut events);
    engine
}

fn updates(c: &mut Criterion) {
    let (mut engine, mut events, mut n) = (engine(1), Events::default(), 0u64);
    c.bench_function("step: level update and end of message", |bencher| {
        bencher.iter(|| {
            n += 1;
            let (cents, size) = (1 + (n % 49) as u32, Shares::whole(1 + n % 7));
            let level = Input::Level { token: TOKEN, side: Side::Buy, price: price(cents), size };
            engine.step(BEGIN.nanos(), black_box(&level), &mut events);
            let done = Input::BookDone { token: TOKEN, at: BEGIN, best: Best::Unstated };
            engine.step(BEGIN.nanos(), &done, &mut events);
            events.clear();
        });
    });
}

fn trades(c: &mut Criterion) {
    for portfolios in [1, PORTFOLIOS_MAX.min(100)] {
        let name = format!("step: leader's trade -> order, portfolios={portfolios}");
        let ready = || (engine(portfolios), Events::default());
        c.bench_function(&name, |bencher| {
            let trade = LeaderTrade {
                trade: TradeKey([1, 1]),
                leader: LEADER,
                token: TOKEN,
                side: Side::Buy,
                price: price(51),
                shares: Shares::whole(1_000),
                role: Role::Unknown,
                traded_at: BEGIN.nanos(),
            };
            // A fresh engine each time: orders stay open here, because no venue answers.
            bencher.iter_batched_ref(
                ready,
                |(engine, events)| {
                    engine.step(BEGIN.nanos(), black_box(&Input::LeaderTrade(trade)), events);
                    assert!(events.as_slice().len() > portfolios, "{:?}", events.as_slice());
                },
                criterion::BatchSize::PerIteration,
            );
        });
    }
}

/// A book of 49 + 49 levels as the socket sends it.
fn frame() -> String {
    let level = |cents: u32| format!(r#"{{"price":"0.{cents:02}","size":"{}.{}"}}"#, 100 + cents * 37, cents % 10);
    let side = |cents: &mut dyn Iterator<Item = u32>| cents.map(level).collect::<Vec<_>>().join(",");
    let (bids, asks) = (side(&mut (1..50)), side(&mut (51..100).rev()));
    format!(
        r#"{{"event_type":"book","market":"0xaa","asset_id":"{TEXT}","timestamp":"{}","hash":"0","bids":[{bids}],"asks":[{asks}]}}"#,
        BEGIN.0
    )
}

fn books(c: &mut Criterion) {
    let frame = frame();
    let mut group = c.benchmark_group("frame -> book");
    group.throughput(Throughput::Bytes(frame.len() as u64));
    group.bench_function("remora", |bencher| {
        let (mut engine, mut events) = (engine(1), Events::default());
        let (mut registry, mut decoder, mut batch) = (Registry::new(), MarketDecoder::new(), Batch::default());
        registry.add_token(TEXT).expect("room");
        bencher.iter(|| {
            decoder.decode(black_box(frame.as_bytes()), &registry, &mut batch).expect("a book");
            batch.inputs.iter().for_each(|input| engine.step(BEGIN.nanos(), input, &mut events));
            events.clear();
        });
    });
    group.bench_function("simd-json tape and BTreeMap", |bencher| {
        let mut bytes = Vec::new();
        bencher.iter(|| {
            bytes.clear();
            bytes.extend_from_slice(black_box(frame.as_bytes()));
            let tape = simd_json::to_tape(&mut bytes).expect("JSON");
            let message = tape.as_value();
            let side = |name: &str| -> BTreeMap<u32, u64> {
                let levels = message.get(name).and_then(|levels| levels.as_array()).expect("levels");
                let micros = |text: Option<&str>| (text.expect("text").parse::<f64>().expect("a number") * 1e6) as u64;
                let of = |level: &simd_json::tape::Value<'_, '_>, key: &str| {
                    micros(level.get(key).and_then(|v| v.into_string()))
                };
                levels.iter().map(|level| (of(&level, "price") as u32, of(&level, "size"))).collect()
            };
            black_box((side("bids"), side("asks")))
        });
    });
    group.finish();
}

criterion_group!(benches, updates, trades, books);
criterion_main!(benches);
