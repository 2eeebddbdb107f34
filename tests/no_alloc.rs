//! The trading path does not allocate: counted, not promised. A binary of its own, because it brings its own allocator.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
};

use remora::{
    config::{Config, Overrides, Source},
    domain::{
        Input, LeaderTrade, Millis, Mode, Nanos, PortfolioId, Price, Role, Shares, Side, TradeKey, Usdc, input::Best,
        settings::ExitPlan,
    },
    engine::Engine,
    feed::{
        leader::{LeaderDecoder, Sighting},
        market::{Batch, MarketDecoder},
        registry::Registry,
    },
    hot_loop::Core,
    journal::{Journal, Options},
    metrics::Stages,
    start::{engine_options, paper_options},
    venue::paper::Paper,
};

struct Counting(mimalloc::MiMalloc);

thread_local! {
    // The tests of this binary run side by side, each counts its own.
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

// SAFETY: every call is handed on unchanged to an allocator that keeps the contract; counting touches only a `Cell` that
// needs neither initialisation nor a destructor.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { self.0.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        COUNT.with(|count| count.set(count.get() + 1));
        // SAFETY: as above.
        unsafe { self.0.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting(mimalloc::MiMalloc);

/// Returns how often this thread asked for memory while `work` ran.
fn allocations_during(work: impl FnOnce()) -> u64 {
    let before = COUNT.get();
    work();
    COUNT.get() - before
}

const TOKEN: &str = "71321045679252212594626385532706912750332728571942532289631379312455583992563";
const WALLET: &str = "0x1ead000000000000000000000000000000000001";
const BOOK: &str = r#"{"event_type":"book","market":"0xaa","asset_id":"TOKEN","timestamp":"1776082800000","hash":"0","bids":[{"price":"0.48","size":"900"},{"price":"0.49","size":"5000"}],"asks":[{"price":"0.52","size":"900"},{"price":"0.51","size":"5000"}]}"#;
const CHANGE: &str = r#"{"market":"0xaa","price_changes":[{"asset_id":"TOKEN","price":"0.48","size":"120","side":"BUY","hash":"5511583ad6f3eb4678e0a374e0cc2bd3b1975d07","best_bid":"0.49","best_ask":"0.51"}],"timestamp":"1776082800100","event_type":"price_change"}"#;
const TRADE: &str = r#"{"payload":{"asset":"TOKEN","price":0.51,"proxyWallet":"0x1ead000000000000000000000000000000000001","side":"BUY","size":100,"timestamp":1776082800,"transactionHash":"0xb6acf6859bc84216f4b3e2567fb392a2eae19d275340ad96ea17218ccfec27b7"},"topic":"activity","type":"trades"}"#;

fn frame(text: &str) -> String {
    text.replace("TOKEN", TOKEN)
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add_token(TOKEN).expect("room");
    registry.add_leader(WALLET).expect("room");
    registry
}

#[test]
fn it_counts() {
    assert!(allocations_during(|| drop(std::hint::black_box(vec![1u8; 100]))) >= 1);
}

#[test]
fn frames_are_decoded_without_allocating() {
    let (registry, mut decoder, mut leaders) = (registry(), MarketDecoder::new(), LeaderDecoder::new());
    let mut batch = Batch::default();
    let (book, change, trade) = (frame(BOOK), frame(CHANGE), frame(TRADE));
    let mut all = || {
        decoder.decode(book.as_bytes(), &registry, &mut batch).expect("a book");
        decoder.decode(change.as_bytes(), &registry, &mut batch).expect("a change");
        let sighting = leaders.decode_rtds(trade.as_bytes(), &registry).expect("a trade");
        assert!(matches!(sighting, Sighting::Trade(_)));
    };
    all();
    assert_eq!(allocations_during(&mut all), 0);
}

#[test]
fn a_trade_becomes_an_order_and_a_fill_without_allocating() {
    let config = Config::load(&Source::DefaultsOnly, &Overrides::default()).expect("the defaults are right");
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _) = Journal::open(folder.path(), &Options::default()).expect("opened");
    let stages = Stages::new();
    let engine = Engine::new(engine_options(&config));
    let mut core = Core::new(engine, Paper::new(paper_options(&config)), journal, stages.recorder());
    let registry = registry();
    let (token, leader) =
        (registry.token(TOKEN.as_bytes()).expect("known"), registry.leader(WALLET.as_bytes()).expect("known"));
    let portfolio = PortfolioId(0);
    core.engine.install_token(token);
    core.engine.set_market(token, config.replay.market);
    let mut settings = config.strategy_default;
    settings.limits.position_usdc_max = Usdc::whole(5_000);
    settings.limits.exposure_usdc_max = Usdc::whole(5_000);
    // Each round the resting sale is taken away and laid again for what is then held.
    settings.exit.plan = ExitPlan::RestAt(200_000);
    settings.exit.trailing_stop_ppm = 500_000;
    core.engine.install_portfolio(portfolio, Mode::Paper, settings);
    core.engine.follow(leader, portfolio);
    let begin = Millis(1_776_082_800_000);
    let fund = |engine: &mut Engine, now, events: &mut _| engine.fund(now, portfolio, Usdc::whole(10_000), events);
    core.set_up(begin.nanos(), fund).expect("room");
    let (mut decoder, mut batch) = (MarketDecoder::new(), Batch::default());
    decoder.decode(frame(BOOK).as_bytes(), &registry, &mut batch).expect("a book");
    for input in &batch.inputs {
        core.handle(begin.nanos(), input).expect("room");
    }
    let price = Price::from_micros(510_000).expect("a price");
    // Each round: an update of the book, a trade, its order, and its fill a second later; the last round is a sale.
    let mut round = |n: u64, side: Side| {
        let at = Millis(begin.0 + n * 5_000);
        let level = Input::Level { token, side: Side::Buy, price: price.down(30_000), size: Shares::whole(n) };
        core.handle(at.nanos(), &level).expect("room");
        core.handle(at.nanos(), &Input::BookDone { token, at, best: Best::Unstated }).expect("room");
        let trade = TradeKey([n, n]);
        let shares = Shares::whole(100);
        let trade =
            LeaderTrade { trade, leader, token, side, price, shares, role: Role::Unknown, traded_at: at.nanos() };
        core.handle(at.nanos(), &Input::LeaderTrade(trade)).expect("room");
        core.advance(Nanos(at.nanos().0 + 1_000_000_000)).expect("room");
    };
    round(1, Side::Buy);
    let counted = allocations_during(|| {
        (2..12).for_each(|n| round(n, Side::Buy));
        round(12, Side::Sell);
    });
    assert_eq!(counted, 0);
    assert!(core.tally.orders >= 12 && core.tally.fills >= 12, "{:?}", core.tally);
}
