//! How many instructions the hot functions take, by valgrind: the same on a busy machine. `scripts/instructions` compares them
//! with `benches/instructions.json`; under `cargo test --benches` each function only runs.
//!
//! `-- --count` has valgrind run this program again with `--counted`, reads what it counted and compares; `--write` makes that
//! the baseline.

use std::{
    collections::BTreeMap,
    fs,
    hint::black_box,
    path::{Path, PathBuf},
    process::{Command, ExitCode},
    sync::Arc,
    time::Duration,
};

use remora::{
    config::{Config, Overrides, Written},
    domain::{
        Cause, Event, FeeSchedule, Input, LeaderId, LeaderTrade, LiveOrders, Market, Millis, Mode, Nanos, OrderId,
        OrderKind, PortfolioId, Price, Role, Settings, Shares, Side, SignalId, SizeRule, Source, TokenId, TradeKey,
        Usdc, event::Submitted, input::Best,
    },
    engine::{Engine, Events, Options},
    feed::{
        leader::{LeaderDecoder, Sighting},
        market::{Batch, MarketDecoder},
        registry::Registry,
    },
    journal::{self, Journal, Record},
    secret::Sealed,
    venue::polymarket::{
        Credentials, Network, SignatureType,
        auth::Secret,
        prepare::{Account, Prepared, SignedBy, ahead},
    },
};
use serde::{Deserialize, Serialize};
use zeroize::Zeroizing;

const TEXT: &str = "71321045679252212594626385532706912750332728571942532289631379312455583992563";
const CONDITION: &str = "0x747dc809fb79e1b05be09c42d6179459a58de2ef3e40f02484a4e1260f741f75";
const WALLET: &str = "0x510f4963b66b1b18505faab74b0bb943d1dda43c";
const TOKEN: TokenId = TokenId(0);
const LEADER: LeaderId = LeaderId(0);
const NOW: Nanos = Nanos::from_secs(1_794_700_800);
/// How often each is called; the mean of it counts.
const TIMES: usize = 3;
/// What is signed ahead and taken again, in whole dollars.
const DOLLARS: [i64; TIMES] = [5, 6, 7];

// ---- What is counted: valgrind knows these functions by the beginning of their names.

#[inline(never)]
fn counted_decode_leader_frame(decoder: &mut LeaderDecoder, registry: &Registry, frame: &[u8]) {
    let sighting = decoder.decode_rtds(black_box(frame), registry).expect("a good frame");
    assert!(matches!(sighting, Sighting::Trade(_)), "a leader's");
}

#[inline(never)]
fn counted_decode_price_change(decoder: &mut MarketDecoder, registry: &Registry, frame: &[u8], batch: &mut Batch) {
    decoder.decode(black_box(frame), registry, batch).expect("a good frame");
}

#[inline(never)]
fn counted_apply_to_book(engine: &mut Engine, inputs: &[Input], events: &mut Events) {
    inputs.iter().for_each(|input| engine.step(NOW, black_box(input), events));
}

#[inline(never)]
fn counted_decide_for_1(engine: &mut Engine, trade: &Input, events: &mut Events) {
    engine.step(NOW, black_box(trade), events);
}

#[inline(never)]
fn counted_decide_for_100(engine: &mut Engine, trade: &Input, events: &mut Events) {
    engine.step(NOW, black_box(trade), events);
}

#[inline(never)]
fn counted_order_signed_ahead(prepared: &mut Prepared, now: Nanos, order: &Submitted, market: &Market) {
    black_box(prepared.order(now, now, black_box(order), market, Usdc::ZERO).expect("amounts"));
    black_box(prepared.outgoing());
}

#[inline(never)]
fn counted_order_signed_on_demand(prepared: &mut Prepared, order: &Submitted, market: &Market) {
    black_box(prepared.order(NOW, NOW, black_box(order), market, Usdc::ZERO).expect("amounts"));
    black_box(prepared.outgoing());
}

#[inline(never)]
fn counted_journal_append(journal: &mut Journal, record: &Record<'_>) {
    journal.append(NOW, black_box(record));
}

const COUNTED: [&str; 8] = [
    "apply_to_book",
    "decide_for_1",
    "decide_for_100",
    "decode_leader_frame",
    "decode_price_change",
    "journal_append",
    "order_signed_ahead",
    "order_signed_on_demand",
];

// ---- What it is counted on.

fn price(micros: u32) -> Price {
    Price::from_micros(micros).expect("a price")
}

fn decoders() {
    let mut registry = Registry::new();
    registry.add_token(TEXT).expect("room");
    registry.add_leader(WALLET).expect("room");
    for n in 0..200 {
        registry.add_leader(&format!("0x{n:040x}")).expect("room");
    }
    let leader = format!(
        r#"{{"connection_id":"gXseIO-NQWeIKEhJwA==","payload":{{"asset":"{TEXT}","bio":"","conditionId":"{CONDITION}","eventSlug":"highest-temperature-in-wellington-on-august-19-2026","icon":"https://polymarket-upload.s3.us-east-2.amazonaws.com/weather.png","name":"Somebody","outcome":"No","outcomeIndex":1,"price":0.26,"profileImage":"","proxyWallet":"{WALLET}","pseudonym":"Rowdy-Tenement","side":"BUY","size":2.7027,"slug":"highest-temperature-in-wellington-on-august-19-2026-10c","timestamp":1787102287,"title":"Will the highest temperature in Wellington be 10C on August 19?","transactionHash":"0xb6acf6859bc84216f4b3e2567fb392a2eae19d275340ad96ea17218ccfec27b7"}},"timestamp":1787102287053,"topic":"activity","type":"trades"}}"#
    );
    let mut decoder = LeaderDecoder::new();
    (0..TIMES).for_each(|_| counted_decode_leader_frame(&mut decoder, &registry, leader.as_bytes()));
    assert_eq!(decoder.counters.slow_frames, 0, "the scanner reads what the venue sends");
    let change = format!(
        r#"{{"market":"{CONDITION}","price_changes":[{{"asset_id":"{TEXT}","price":"0.38","size":"1204.5","side":"BUY","hash":"5d8b4d4e1f0a2c6b7e9f3a1c0b2d4e6f8a9c7b5d","best_bid":"0.49","best_ask":"0.5"}}],"timestamp":"1776081408728","event_type":"price_change"}}"#
    );
    let (mut decoder, mut batch) = (MarketDecoder::new(), Batch::default());
    (0..TIMES).for_each(|_| counted_decode_price_change(&mut decoder, &registry, change.as_bytes(), &mut batch));
    assert_eq!(decoder.counters.slow_frames, 0, "the scanner reads what the venue sends");
}

/// An engine with a book from 0.01 to 0.99, and so many portfolios that follow one leader.
fn engine(portfolios: u16, mode: Mode, settings: Settings) -> Engine {
    let options = Options { live_orders: LiveOrders::Ready, ..Options::default() };
    let (mut engine, mut events, at) = (Engine::new(options), Events::default(), Millis(NOW.as_millis()));
    engine.install_token(TOKEN);
    engine.set_market(TOKEN, market());
    for id in (0..portfolios).map(PortfolioId) {
        engine.install_portfolio(id, mode, settings);
        engine.follow(LEADER, id);
        engine.fund(NOW, id, Usdc::whole(1_000_000), &mut events);
    }
    engine.step(NOW, &Input::Snapshot { token: TOKEN, at }, &mut events);
    for cents in 1..50 {
        for (side, cents) in [(Side::Buy, cents), (Side::Sell, 100 - cents)] {
            let level = Input::Level { token: TOKEN, side, price: price(cents * 10_000), size: Shares::whole(90_000) };
            engine.step(NOW, &level, &mut events);
        }
    }
    engine.step(NOW, &Input::BookDone { token: TOKEN, at, best: Best::Unstated }, &mut events);
    engine
}

fn market() -> Market {
    Market { fees: FeeSchedule::NONE, ..Market::COMMON }
}

fn engines() {
    let config = Config::load(&Written::DefaultsOnly, &Overrides::default()).expect("the defaults are right");
    let settings = config.strategy_default;
    let trade = |nth: u64| {
        Input::LeaderTrade(LeaderTrade {
            trade: TradeKey([nth, 1]),
            leader: LEADER,
            token: TOKEN,
            side: Side::Buy,
            price: price(510_000),
            shares: Shares::whole(1_000),
            role: Role::Unknown,
            source: Source::Activity,
            traded_at: NOW,
        })
    };
    let decided = |portfolios: u16, decide: fn(&mut Engine, &Input, &mut Events)| {
        for nth in 0..TIMES {
            let (mut engine, mut events) = (engine(portfolios, Mode::Paper, settings), Events::default());
            decide(&mut engine, &trade(nth as u64), &mut events);
            let orders = events.as_slice().iter().filter(|event| matches!(event, Event::Submitted(_))).count();
            assert_eq!(orders, usize::from(portfolios), "{:?}", events.as_slice());
        }
    };
    decided(1, counted_decide_for_1);
    decided(100, counted_decide_for_100);
    let (mut engine, mut events, at) = (engine(1, Mode::Paper, settings), Events::default(), Millis(NOW.as_millis()));
    for nth in 0..TIMES {
        let size = Shares::whole(1 + nth as u64);
        let level = Input::Level { token: TOKEN, side: Side::Buy, price: price(380_000), size };
        let done = Input::BookDone { token: TOKEN, at, best: Best::Unstated };
        counted_apply_to_book(&mut engine, &[level, done], &mut events);
        events.clear();
    }
}

fn submitted(dollars: i64) -> Submitted {
    let budget = Usdc::whole(dollars);
    Submitted {
        order: OrderId(OrderId::LIVE.0 + 1),
        signal: SignalId(1),
        portfolio: PortfolioId(0),
        leader: LEADER,
        token: TOKEN,
        side: Side::Buy,
        kind: OrderKind::Fak,
        cause: Cause::Entry,
        limit: price(520_000),
        shares: Shares::ZERO,
        budget,
        reserved: budget,
        touch: price(510_000),
        reference: price(510_000),
        attempt: 1,
    }
}

fn prepared() -> Prepared {
    let key = Arc::new(Sealed::new(&Zeroizing::new([1; 32])).expect("a page"));
    let id = "01234567-89ab-cdef-0123-456789abcdef".to_owned();
    let api = Credentials::new(id, Secret::from_bytes(vec![7; 32]), "ab".repeat(32));
    let (funder, host) = (key.address(), "clob.polymarket.com".to_owned());
    let (signed_by, signature_type) = (SignedBy::Owner, SignatureType::Safe);
    let account = Account { key, signed_by, signature_type, funder, network: Network::Polygon, api, host };
    let mut prepared = Prepared::new(&account, NOW).expect("a fit account");
    prepared.add_token(TOKEN, TEXT);
    prepared.warm(NOW);
    prepared
}

fn orders() {
    let (market, mut on_demand) = (market(), prepared());
    DOLLARS.iter().for_each(|dollars| counted_order_signed_on_demand(&mut on_demand, &submitted(*dollars), &market));

    let mut settings = Settings::OPEN;
    settings.sizing.rule = SizeRule::Percent(100_000);
    settings.guards.buy.book_age_max = Nanos::from_secs(1_000_000);
    let engine = engine(1, Mode::Live, settings);
    let mut prepared = prepared();
    let mut options = ahead::Options::USUAL;
    options.ladder.iter_mut().zip(DOLLARS).for_each(|(rung, dollars)| *rung = Usdc::whole(dollars));
    let mut signer = prepared.sign_ahead(options, NOW);
    prepared.ahead().expect("set up").watch(TOKEN);
    let now = NOW.plus(Nanos::from_millis(100));
    prepared.look_ahead(now, &engine);
    signer.sign(now, 100);
    prepared.look_ahead(now, &engine);
    prepared.warm(now);
    for dollars in DOLLARS {
        counted_order_signed_ahead(&mut prepared, now, &submitted(dollars), &market);
        assert!(prepared.age().is_some(), "found signed");
    }
}

fn journals() {
    let folder = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder");
    // The thread that syncs is not to be counted.
    let options = journal::Options { sync_interval: Duration::from_secs(3_600), ..journal::Options::default() };
    let (mut journal, _) = Journal::open(&folder.path().join("journal"), &options).expect("a journal");
    let record = Record::Event(Event::Submitted(submitted(5)));
    journal.reserve(TIMES).expect("room");
    (0..TIMES).for_each(|_| counted_journal_append(&mut journal, &record));
}

fn run_all() {
    decoders();
    engines();
    orders();
    journals();
}

// ---- Counting and comparing.

/// More than that is slower; and better than that, a baseline that is out of date.
const TOLERANCE: f64 = 0.10;

type Counts = BTreeMap<String, u64>;

#[derive(Serialize, Deserialize)]
struct Baseline {
    rustc: String,
    instructions: Counts,
}

/// By profile.
type Baselines = BTreeMap<String, Baseline>;

fn file() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/instructions.json")
}

/// Runs this program under valgrind, and reads what it wrote.
fn count() -> Result<Counts, String> {
    let folder = tempfile::tempdir().map_err(|error| error.to_string())?;
    let out = folder.path().join("out");
    let me = std::env::current_exe().map_err(|error| error.to_string())?;
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", &format!("--callgrind-out-file={}", out.display())])
        .arg(me)
        .arg("--counted")
        .output()
        .map_err(|error| format!("valgrind cannot be run: {error}\n  fix: scripts/install test"))?;
    if !output.status.success() {
        return Err(String::from_utf8_lossy(&output.stderr).into_owned());
    }
    fs::read_to_string(&out).map(|text| counted(&text)).map_err(|error| error.to_string())
}

/// Reads callgrind's file: after the name of a function that is called (given once, then by its number) comes how often, and
/// then what that took with all that it called in turn.
fn counted(text: &str) -> Counts {
    let (mut names, mut called, mut sums) = (BTreeMap::new(), None, BTreeMap::<&str, [u64; 2]>::new());
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        let told = line.strip_prefix("cfn=").or_else(|| line.strip_prefix("fn="));
        if let Some((number, name)) = told.and_then(|told| told.split_once(')')) {
            if let Some(name) = name.split("counted_").nth(1).and_then(known).filter(|_| !name.contains("closure")) {
                names.insert(number, name);
            }
            called = line.starts_with('c').then(|| names.get(number).copied()).flatten();
        }
        let Some(calls) = line.strip_prefix("calls=") else { continue };
        let cost = lines.next().and_then(|line| line.rsplit(' ').next()?.parse::<u64>().ok());
        if let (Some(name), Some(cost)) = (called, cost) {
            let calls = calls.split(' ').next().and_then(|calls| calls.parse::<u64>().ok()).unwrap_or(0);
            let [of_calls, of_costs] = sums.entry(name).or_default();
            (*of_calls, *of_costs) = (*of_calls + calls, *of_costs + cost);
        }
    }
    sums.into_iter().map(|(name, [calls, cost])| (name.to_owned(), cost / calls.max(1))).collect()
}

fn known(begins: &str) -> Option<&'static str> {
    COUNTED.into_iter().filter(|known| begins.starts_with(known)).max_by_key(|known| known.len())
}

fn rustc() -> String {
    let output = Command::new("rustc").arg("--version").output();
    output.map_or_else(|error| error.to_string(), |output| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

fn compare(before: &Baseline, now: &Counts) -> Result<(), String> {
    println!("{:<24} {:>12} {:>12} {:>8}", "instructions", "baseline", "now", "change");
    let (mut slower, mut quicker) = (vec![], vec![]);
    for (name, count) in now {
        let Some(base) = before.instructions.get(name) else {
            slower.push(format!("{name}, which has no baseline"));
            continue;
        };
        let change = *count as f64 / *base as f64 - 1.0;
        println!("{name:<24} {base:>12} {count:>12} {:>7.1}%", change * 100.0);
        if TOLERANCE < change {
            slower.push(format!("{name} by {:.1} %", change * 100.0));
        }
        if change < -TOLERANCE {
            quicker.push(name.as_str());
        }
    }
    if !quicker.is_empty() {
        println!("Quicker: {}. Make that the baseline: scripts/instructions --write", quicker.join(", "));
    }
    if slower.is_empty() {
        return Ok(());
    }
    Err(format!(
        "more instructions than benches/instructions.json allows: {}\n  fix: find out why; if it is worth it, scripts/instructions \
         --write, and say so in the commit",
        slower.join(", ")
    ))
}

fn judge(is_written: bool) -> Result<(), String> {
    let profile = if cfg!(debug_assertions) { "dev" } else { "release" };
    let (now, rustc) = (count()?, rustc());
    if now.len() != COUNTED.len() {
        return Err(format!("valgrind saw {} of {} functions: {:?}", now.len(), COUNTED.len(), now.keys()));
    }
    let text = fs::read_to_string(file()).unwrap_or_else(|_| "{}".to_owned());
    let mut baselines: Baselines =
        serde_json::from_str(&text).map_err(|error| format!("{}: {error}", file().display()))?;
    if is_written {
        println!("{now:#?}");
        baselines.insert(profile.to_owned(), Baseline { rustc, instructions: now });
        let text = serde_json::to_string_pretty(&baselines).expect("JSON");
        return fs::write(file(), text + "\n").map_err(|error| format!("{}: {error}", file().display()));
    }
    let Some(before) = baselines.get(profile) else {
        return Err(format!("no baseline for the profile {profile}\n  fix: scripts/instructions --write"));
    };
    let judged = compare(before, &now);
    if before.rustc != rustc {
        println!("Not judged: the baseline is of {}, this is {rustc}, which may compile otherwise.", before.rustc);
        return Ok(());
    }
    judged
}

fn main() -> ExitCode {
    let has = |wanted: &str| std::env::args().any(|argument| argument == wanted);
    if !has("--count") {
        run_all();
        return ExitCode::SUCCESS;
    }
    match judge(has("--write")) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}
