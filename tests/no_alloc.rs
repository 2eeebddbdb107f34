//! The trading path does not allocate: counted, not promised. A binary of its own, because it brings its own allocator.

use std::{
    alloc::{GlobalAlloc, Layout},
    cell::Cell,
};

use alloy::primitives::U256;
use remora::{
    config::{Config, Overrides, Written},
    domain::{
        Cause, Event, Input, LeaderId, LeaderLeft, LeaderTrade, LiveOrders, LiveSwitch, Market, Millis, Mode, Nanos,
        PortfolioId, Price, Role, Settings, Shares, Side, SizeRule, Source, TokenId, TradeKey, Usdc,
        input::Best,
        settings::{Buffer, ExitPlan, Gate, Hedges, Netting},
    },
    engine::{self, Engine},
    feed::{
        chain::ChainDecoder,
        leader::{LeaderDecoder, Sighting},
        market::{Batch, MarketDecoder},
        registry::Registry,
    },
    hot_loop::{Core, Live, Log},
    journal::{Full, Journal, Options},
    metrics::Stages,
    secret::Sealed,
    start::{engine_options, paper_options},
    venue::{
        gate,
        outbox::Outbox,
        paper::{Paper, PaperOptions},
        polymarket::{
            Credentials, Exchange, Network, SignatureType,
            auth::Secret,
            prepare::{Account, Prepared, SignedBy, ahead},
        },
    },
};
use zeroize::Zeroizing;

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

/// A log and a call of a leader's fill, and calls that promise more than they have.
#[test]
fn what_a_node_tells_is_decoded_without_allocating() {
    let exchange = Exchange::V2.address(Network::Polygon);
    let (registry, mut decoder, now) =
        (registry(), ChainDecoder::new(Network::Polygon), Nanos::from_secs(1_776_082_800));
    let word = |number: u64| format!("{number:064x}");
    let wallet = format!("{:0>64}", &WALLET[2..]);
    let (hash, token) = (format!("0x{}", word(7)), TOKEN.parse::<U256>().expect("a number"));
    let filled = "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee";
    let data = format!("{}{token:064x}{}", word(0), [980_000, 2_000_000, 0, 0, 0].map(word).concat());
    let log = format!(
        r#"{{"address":"{exchange:#x}","topics":["{filled}","{hash}","0x{wallet}","0x{wallet}"],"data":"0x{data}","blockNumber":"0x4d3f640","blockTimestamp":"0x6b015f2e","transactionHash":"{hash}","removed":false}}"#
    );
    let order = |side: u64, gives: u64, wants: u64| {
        let numbers = [gives, wants, side, 2, 1, 0, 0, 12 * 32, 0].map(word).concat();
        format!("{}{wallet}{wallet}{token:064x}{numbers}", word(gives))
    };
    // Taker, one maker, his fill; the offsets count from the arguments' begin.
    let (taker, maker) = (order(0, 5_000_000, 10_000_000), order(1, 9_000_000, 4_500_000));
    let bytes = |text: &str| text.len() as u64 / 2;
    let makers_at = 7 * 32 + bytes(&taker);
    let fills_at = makers_at + 2 * 32 + bytes(&maker);
    let call = |makers: u64| {
        let head = [0, 7 * 32, makers_at, 5_000_000, fills_at, 0, fills_at].map(word).concat();
        let input = format!("{head}{taker}{}{}{maker}{}", word(makers), word(32), [1, 10_000_000].map(word).concat());
        format!(r#"{{"hash":"{hash}","to":"{exchange:#x}","input":"0x3c2b4399{input}"}}"#)
    };
    let (call, hostile) = (call(1), [u64::MAX, 1 << 40, 200].map(call));
    let from = (Source::Pending, now);
    let mut read = |json: &str| decoder.decode_transaction(json.as_bytes(), from, &registry, |_| {});
    assert_eq!(read(&call), Ok(()));
    for hostile in &hostile {
        assert!(read(hostile).is_err());
    }
    let counted = [&call, &hostile[0], &hostile[1], &hostile[2]].map(|json| {
        allocations_during(|| {
            let _ = read(json);
        })
    });
    assert_eq!(counted, [0; 4]);
    let mut seen = 0;
    decoder.decode_transaction(call.as_bytes(), from, &registry, |_| seen += 1).expect("a call");
    assert_eq!(seen, 2);
    let mut read = || {
        let logged = decoder.decode_log(log.as_bytes(), now, &registry).expect("a log");
        assert!(matches!(logged.sighting, Sighting::Trade(_)));
    };
    read();
    assert_eq!(allocations_during(&mut read), 0);
}

#[test]
fn a_trade_becomes_an_order_and_a_fill_without_allocating() {
    let config = Config::load(&Written::DefaultsOnly, &Overrides::default()).expect("the defaults are right");
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
        let trade = LeaderTrade {
            trade,
            leader,
            token,
            side,
            price,
            shares,
            role: Role::Unknown,
            source: Source::Activity,
            traded_at: at.nanos(),
        };
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

/// A log with room for all that these tests write.
struct Kept(Vec<Event>);

impl Log for Kept {
    fn reserve(&mut self) -> Result<(), Full> {
        Ok(())
    }

    fn append(&mut self, _: Nanos, event: &Event) {
        assert!(self.0.len() < self.0.capacity(), "the test writes more than it has room for");
        self.0.push(*event);
    }
}

/// Everything that may be on, is on: a portfolio whose small copies wait, with a plan, stops and a longest hold.
fn all_on() -> Settings {
    let mut settings =
        Config::load(&Written::DefaultsOnly, &Overrides::default()).expect("the defaults are right").strategy_default;
    settings.sizing.rule = SizeRule::Percent(100_000);
    settings.buffer = Buffer { window: Nanos::from_secs(300), netting: Netting::On };
    settings.scoring.gate = Gate::Both;
    settings.scoring.confidence_ppm_min = 1;
    settings.conduct.hedges = Hedges::Skipped;
    settings.conduct.median_factor_ppm_max = 100_000_000;
    settings.conduct.round_trips_max = 100;
    settings.exit.plan = ExitPlan::RestAt(200_000);
    (settings.exit.stop_loss_ppm, settings.exit.trailing_stop_ppm) = (300_000, 200_000);
    settings.exit.hold_max = Nanos::from_secs(7_200);
    settings
}

/// Gives the token a book of two levels a side with its best ask at so many cents.
fn book(core: &mut Core<Kept>, now: Nanos, cents: u32) {
    let (token, at) = (TokenId(0), Millis(now.as_millis()));
    core.handle(now, &Input::Snapshot { token, at }).expect("room");
    for (side, cents) in [(Side::Buy, cents - 1), (Side::Buy, cents - 2), (Side::Sell, cents), (Side::Sell, cents + 1)]
    {
        let price = Price::from_micros(cents * 10_000).expect("a price");
        core.handle(now, &Input::Level { token, side, price, size: Shares::whole(50_000) }).expect("room");
    }
    core.handle(now, &Input::BookDone { token, at, best: Best::Unstated }).expect("room");
}

#[test]
fn waiting_merging_leaving_and_time_do_not_allocate() {
    let stages = Stages::new();
    let options = engine_options(&Config::load(&Written::DefaultsOnly, &Overrides::default()).expect("defaults"));
    let paper = Paper::new(PaperOptions::default());
    let mut core = Core::new(Engine::new(options), paper, Kept(Vec::with_capacity(20_000)), stages.recorder());
    let (token, leader) = (TokenId(0), LeaderId(0));
    core.engine.install_token(token);
    core.engine.set_market(token, Market::COMMON);
    let begin = Nanos::from_secs(1_776_082_800);
    for id in 0..3 {
        core.engine.install_portfolio(PortfolioId(id), Mode::Paper, all_on());
        core.engine.follow(leader, PortfolioId(id));
        let fund = |engine: &mut Engine, now, events: &mut _| {
            engine.fund(now, PortfolioId(id), Usdc::whole(1_000), events);
        };
        core.set_up(begin, fund).expect("room");
    }
    let price = |cents: u32| Price::from_micros(cents * 10_000).expect("a price");
    let trade = |core: &mut Core<Kept>, now: Nanos, n: u64, side: Side, shares: u64| {
        let (trade, shares, role) = (TradeKey([n, n]), Shares::whole(shares), Role::Taker);
        let trade = LeaderTrade {
            trade,
            leader,
            token,
            side,
            price: price(50),
            shares,
            role,
            source: Source::Activity,
            traded_at: now,
        };
        core.handle(now, &Input::LeaderTrade(trade)).expect("room");
    };
    let mut day = |first: u64, begin: Nanos| {
        let at = |seconds: u64| begin.plus(Nanos::from_secs(seconds));
        book(&mut core, at(1), 50);
        // Ten cents each wait; the sixth of them and a larger one are ordered, one is netted, one waits in vain.
        (0..6).for_each(|n| trade(&mut core, at(2 + 5 * n), first + n, Side::Buy, 10));
        book(&mut core, at(33), 50);
        trade(&mut core, at(34), first + 10, Side::Buy, 400);
        trade(&mut core, at(40), first + 11, Side::Buy, 4);
        trade(&mut core, at(41), first + 12, Side::Sell, 2);
        book(&mut core, at(50), 50);
        trade(&mut core, at(51), first + 13, Side::Sell, 100);
        // He leaves a part, the bid falls to the stop, and time does the rest.
        let left = LeaderLeft {
            trade: TradeKey([first, 1]),
            leader,
            token,
            shares: Shares::whole(50),
            source: Source::Index,
            left_at: at(60),
        };
        core.handle(at(60), &Input::LeaderLeft(left)).expect("room");
        book(&mut core, at(70), 50);
        book(&mut core, at(80), 34);
        core.advance(at(80_000)).expect("room");
    };
    // The first day may find its places.
    day(100, begin);
    assert_eq!(allocations_during(|| day(200, begin.plus(Nanos::from_secs(86_400)))), 0);
    let count = |is: fn(&Event) -> bool| core.log.0.iter().filter(|event| is(event)).count();
    let counts = [
        count(|event| matches!(event, Event::Scored(_))),
        count(|event| matches!(event, Event::Buffered { .. })),
        count(|event| matches!(event, Event::Merged { .. })),
        count(|event| matches!(event, Event::Filled(_))),
        count(|event| matches!(event, Event::ExitDue { cause: Cause::StopLoss, .. })),
        count(|event| matches!(event, Event::ExitDue { cause: Cause::LeaderLeft, .. })),
        count(|event| matches!(event, Event::Submitted(order) if order.cause == Cause::Plan)),
        count(|event| matches!(event, Event::Released { .. })),
    ];
    assert!(counts.iter().all(|count| *count >= 2), "{counts:?}");
}

/// Frame bytes of a leader's trade -> the bytes of a signed request in the queue to the wire.
#[test]
fn a_leaders_frame_becomes_a_signed_request_without_allocating() {
    for (signature_type, signed_by) in [
        (SignatureType::Eoa, SignedBy::Owner),
        (SignatureType::DepositWallet, SignedBy::Owner),
        (SignatureType::DepositWallet, SignedBy::Session),
    ] {
        for (foresight, expected) in [(Foresight::None, 0), (Foresight::Usual, 9)] {
            let (counted, hits) = live_orders(signature_type, signed_by, foresight);
            assert_eq!((counted, hits), (0, expected), "{signature_type:?} {signed_by:?} {foresight:?}");
        }
    }
}

/// Whether orders are signed ahead.
#[derive(Clone, Copy, Debug)]
enum Foresight {
    None,
    Usual,
}

/// Returns how often memory was asked for, and how many orders were found signed.
fn live_orders(signature_type: SignatureType, signed_by: SignedBy, foresight: Foresight) -> (u64, u64) {
    let config = Config::load(&Written::DefaultsOnly, &Overrides::default()).expect("the defaults are right");
    let folder = tempfile::tempdir().expect("a folder");
    let (journal, _) = Journal::open(folder.path(), &Options::default()).expect("opened");
    let stages = Stages::new();
    let engine = Engine::new(engine::Options { live_orders: LiveOrders::Ready, ..engine_options(&config) });
    let mut core = Core::new(engine, Paper::new(paper_options(&config)), journal, stages.recorder());
    let (registry, mut leaders) = (registry(), LeaderDecoder::new());
    let (token, leader) =
        (registry.token(TOKEN.as_bytes()).expect("known"), registry.leader(WALLET.as_bytes()).expect("known"));
    core.engine.install_token(token);
    core.engine.set_market(token, Market::COMMON);
    let mut settings = config.strategy_default;
    settings.limits.position_usdc_max = Usdc::whole(5_000);
    settings.limits.exposure_usdc_max = Usdc::whole(5_000);
    core.engine.install_portfolio(PortfolioId(0), Mode::Live, settings);
    core.engine.follow(leader, PortfolioId(0));
    let begin = Nanos::from_secs(1_776_082_800);
    let key = std::sync::Arc::new(Sealed::new(&Zeroizing::new([1; 32])).expect("a page"));
    let api = Credentials::new("id".to_owned(), Secret::from_bytes(vec![7; 32]), "p".to_owned());
    let host = "clob.polymarket.com".to_owned();
    let (funder, network) = (key.address(), Network::Polygon);
    let account = Account { key, signed_by, signature_type, funder, network, api, host };
    let outbox = std::sync::Arc::new(Outbox::default());
    let mut prepared = Prepared::new(&account, begin).expect("a fit account");
    let mut signer = match foresight {
        Foresight::None => None,
        Foresight::Usual => Some(prepared.sign_ahead(ahead::Options::USUAL, begin)),
    };
    core.set_live_polymarket(Live::new(
        prepared,
        std::sync::Arc::clone(&outbox),
        std::sync::Arc::new(gate::Gate::default()),
    ));
    core.name_token(token, TOKEN);
    core.advance(begin).expect("room");
    core.handle(begin, &Input::Deposit { portfolio: PortfolioId(0), amount: Usdc::whole(10_000) }).expect("room");
    core.handle(begin, &Input::SwitchLive { to: LiveSwitch::On }).expect("room");
    let (mut decoder, mut batch) = (MarketDecoder::new(), Batch::default());
    let (book, hash) = (frame(BOOK), "b6acf6859bc84216f4b3e2567fb392a2eae19d275340ad96ea17218ccfec27b7");
    let trades: Vec<String> = (0..10)
        .map(|n| {
            frame(TRADE)
                .replace(hash, &format!("{n:064x}"))
                .replace("1776082800", &format!("{}", 1_776_082_800 + 5 * n))
        })
        .collect();
    let mut round = |n: u64| {
        let at = begin.plus(Nanos::from_secs(5 * n));
        decoder.decode(book.as_bytes(), &registry, &mut batch).expect("a book");
        batch.inputs.iter().for_each(|input| core.handle(at, input).expect("room"));
        while core.prepare() <= at {}
        // The other thread's part, on this one: it asks for no memory either.
        if let Some(signer) = &mut signer {
            signer.sign(at, 100);
        }
        core.prepare();
        let Ok(Sighting::Trade(trade)) = leaders.decode_rtds(trades[n as usize].as_bytes(), &registry) else {
            panic!("a trade")
        };
        core.handle(at, &Input::LeaderTrade(trade)).expect("room");
    };
    // The first signature of a thread makes its context.
    round(0);
    let counted = allocations_during(|| (1..10).for_each(&mut round));
    assert_eq!((outbox.orders.len(), outbox.sent.len()), (10, 10), "{:?}", core.tally);
    (counted, core.ahead_now().hits)
}
