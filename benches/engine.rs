//! Inputs -> events, and frame bytes -> book beside general parts (simd-json's tape, ordered maps). Data is made here.
//!
//! `cargo bench --bench engine`; small with `-- --test`.

use std::{collections::BTreeMap, hint::black_box, time::Instant};

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use remora::{
    config::{Config, Overrides, Written},
    domain::{
        Event, Input, LeaderId, LeaderTrade, Market, Millis, Mode, Nanos, PortfolioId, Price, Role, Shares, Side,
        Source, TokenId, TradeKey, Usdc,
        input::Best,
        settings::{Gate, Hedges, ScaleIn},
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
/// The book stood for a second by then.
const LATER: Nanos = Nanos(BEGIN.nanos().0 + 1_000_000_000);

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).expect("a price")
}

/// An engine with a book around 0.50 and so many portfolios that follow one leader.
fn engine(portfolios: usize) -> Engine {
    let config = Config::load(&Written::DefaultsOnly, &Overrides::default()).expect("the defaults are right");
    let mut settings = config.strategy_default;
    let most = Usdc::whole(1_000_000);
    let limits = &mut settings.limits;
    (limits.position_usdc_max, limits.exposure_usdc_max) = (most, most);
    (limits.market_usdc_max, limits.event_usdc_max, limits.leader_usdc_max) = (most, most, most);
    (limits.day_usdc_max, limits.leader_day_usdc_max) = (most, most);
    (limits.day_loss_usdc_max, limits.leader_day_loss_usdc_max, limits.leader_loss_usdc_max) = (most, most, most);
    (limits.drawdown_ppm_max, limits.losses_in_row_max, limits.orders_per_minute_max) = (500_000, 5, 240);
    let conduct = &mut settings.conduct;
    (conduct.reentry_min, conduct.round_trips_max, conduct.median_factor_ppm_max) =
        (Nanos::from_secs(600), 3, 3_000_000);
    conduct.hedges = Hedges::Skipped;
    (settings.scoring.gate, settings.scoring.confidence_ppm_min) = (Gate::Both, 1);
    (settings.filter.entries_max, settings.guards.buy.depth_age_min) = (5, Nanos(1));
    settings.exit.scale_in = ScaleIn::Below(10_000);
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
            engine.step(LATER, black_box(&level), &mut events);
            let done = Input::BookDone { token: TOKEN, at: BEGIN, best: Best::Unstated };
            engine.step(BEGIN.nanos(), &done, &mut events);
            events.clear();
        });
    });
}

/// What a leader does: the input that everything here is about.
const TRADE: LeaderTrade = LeaderTrade {
    trade: TradeKey([1, 1]),
    leader: LEADER,
    token: TOKEN,
    side: Side::Buy,
    price: match Price::from_micros(510_000) {
        Some(price) => price,
        None => panic!("a price"),
    },
    shares: Shares::whole(1_000),
    role: Role::Unknown,
    source: Source::Activity,
    traded_at: LATER,
};

/// A leader's trade becomes an order of each portfolio that follows him, with every filter, guard, limit and score on.
fn trades(c: &mut Criterion) {
    let mut group = c.benchmark_group("step: leader's trade -> orders");
    for portfolios in [1, 10, 100] {
        let ready = || (engine(portfolios), Events::default());
        group.throughput(Throughput::Elements(portfolios as u64));
        group.bench_function(format!("portfolios={portfolios}"), |bencher| {
            // A fresh engine each time: orders stay open here, because no venue answers.
            bencher.iter_batched_ref(
                ready,
                |(engine, events)| follow(engine, events, portfolios),
                BatchSize::PerIteration,
            );
        });
    }
    group.finish();
    cost_per_portfolio();
}

fn follow(engine: &mut Engine, events: &mut Events, portfolios: usize) {
    engine.step(LATER, black_box(&Input::LeaderTrade(TRADE)), events);
    let orders = events.as_slice().iter().filter(|event| matches!(event, Event::Submitted(_))).count();
    assert_eq!(orders, portfolios, "{:?}", events.as_slice());
}

/// Says what one portfolio more costs: the difference between a hundred of them and one, over 99. Medians.
fn cost_per_portfolio() {
    let median = |portfolios: usize| {
        let mut times: Vec<u128> = (0..31)
            .map(|_| {
                let (mut engine, mut events) = (engine(portfolios), Events::default());
                let begun = Instant::now();
                follow(&mut engine, &mut events, portfolios);
                begun.elapsed().as_nanos()
            })
            .collect();
        times.sort_unstable();
        times[times.len() / 2]
    };
    let (one, hundred) = (median(1), median(100));
    println!("cost per portfolio: {} ns ({one} ns for 1, {hundred} ns for 100)", hundred.saturating_sub(one) / 99);
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
