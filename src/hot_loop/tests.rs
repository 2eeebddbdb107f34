//! The hot thread with real rings, a real journal and feeds that are tasks.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::{
    About, Closed, Command, Core, Digest, HotThread, Inlet, Stamped,
    inlet::{RING_LEADER, Rings},
};
use crate::{
    clock,
    config::{Config, HotConfig, Overrides, Wait, Written},
    domain::{
        Input, LeaderId, LeaderTrade, Market, Millis, Mode, Nanos, PortfolioId, PortfolioSet, Price, Role, Settings,
        Shares, Side, Source, TokenId, TradeKey, Usdc, input::Best, settings::ExitPlan,
    },
    engine::{self, Engine},
    journal::{self, Journal, JournalError, Record, recover},
    metrics::{Published, Stages},
    start::{Process, recovered},
    venue::paper::{Paper, PaperOptions},
};

const SMALL: journal::Options = journal::Options { segment_bytes: 4 << 20, sync_interval: Duration::from_millis(2) };

fn on(wait: Wait, core: Option<usize>) -> HotConfig {
    HotConfig { wait, core }
}

fn start(dir: &Path, wait: Wait) -> (HotThread, Published) {
    let config = Config::load(&Written::demo(), &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"));
    let (journal, _) = Journal::open(dir, &SMALL).expect("opened");
    let (stages, process) = (Stages::new(), Process { boot: "boot".to_owned(), wallet: None });
    let (core, ..) = recovered(&config, journal, &process, stages.recorder(), clock::now()).expect("recovered");
    let published = Published::default();
    let hot = HotThread::start(core, Arc::clone(&published), stages.recorder(), &on(wait, None));
    (hot.expect("started"), published)
}

fn add(id: u32) -> Command {
    Command::AddToken { id: TokenId(id), text: id.to_string().into() }
}

fn market(id: u32) -> Command {
    let (token, market, denied) = (TokenId(id), Market::COMMON, PortfolioSet::EMPTY);
    let about = About { title: "t".repeat(800), ..About::default() };
    Command::MarketKnown { token, market, denied, about: Box::new(about) }
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_announced_by_tasks_are_known_before_their_inputs_and_stop_writes_a_checkpoint() {
    for wait in [Wait::Park, Wait::Spin] {
        announce_and_stop(wait).await;
    }
}

async fn announce_and_stop(wait: Wait) {
    const TOKENS: u32 = 500;
    let dir = tempfile::tempdir().expect("a folder");
    let (hot, published) = start(dir.path(), wait);
    let feeds: Vec<_> = (0..3)
        .map(|_| {
            let inlet = hot.inlet.clone();
            let (announce, mut announced) = tokio::sync::mpsc::unbounded_channel::<TokenId>();
            let feed = tokio::spawn(async move {
                while let Some(token) = announced.recv().await {
                    let at = Millis(clock::now().as_millis());
                    let inputs = [Input::Snapshot { token, at }, Input::BookDone { token, at, best: Best::Unstated }];
                    inlet.market(clock::now(), &inputs).await.expect("it runs");
                    inlet.leader(clock::now(), Input::BookLost { token }).await.expect("it runs");
                }
            });
            (announce, feed)
        })
        .collect();
    for id in 0..TOKENS {
        hot.inlet.command(add(id)).await.expect("it runs");
        feeds.iter().for_each(|(announce, _)| announce.send(TokenId(id)).expect("it listens"));
    }
    for (announce, feed) in feeds {
        drop(announce);
        feed.await.expect("no panic");
    }
    // The rings are drained before the thread sleeps, and it publishes ten times a second.
    while published.load().inputs < u64::from(9 * TOKENS) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    hot.inlet.command(Command::Stop).await.expect("it runs");
    let inlet = hot.inlet.clone();
    hot.join().expect("stopped");
    assert_eq!((published.load().tokens, published.load().halted.as_str()), (TOKENS, ""));
    assert_eq!(inlet.command(Command::Stop).await, Err(Closed));
    let (journal, _) = Journal::open(dir.path(), &SMALL).expect("opened");
    let mut is_checkpoint = false;
    let read: Result<u64, JournalError> = recover(dir.path(), &journal.tail(), |_, _, record| {
        is_checkpoint = matches!(record, Record::Checkpoint { .. });
        Ok(())
    });
    assert!(read.expect("whole") > u64::from(TOKENS) && is_checkpoint);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_without_room_ends_the_thread_and_says_why() {
    let dir = tempfile::tempdir().expect("a folder");
    let (hot, published) = start(dir.path(), Wait::Park);
    hot.inlet.command(add(0)).await.expect("it runs");
    // No folder, no next segment; what is mapped can still be written.
    std::fs::remove_dir_all(dir.path()).expect("removed");
    while hot.inlet.command(market(0)).await.is_ok() {}
    let full = hot.join().expect_err("full").to_string();
    assert!(full.starts_with("the journal"), "{full}");
    assert_eq!(published.load().halted, full);
}

/// What runs on its runtime runs on the thread itself, whichever way it waits, and its sockets are heard.
#[tokio::test(flavor = "multi_thread")]
async fn tasks_on_the_hot_thread_have_their_turn() {
    for wait in [Wait::Park, Wait::Spin] {
        let dir = tempfile::tempdir().expect("a folder");
        let (hot, _) = start(dir.path(), wait);
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let heard = hot.inlet.runtime().spawn(async move {
            let mut socket = tokio::net::TcpStream::connect(address).await.expect("a connection");
            let mut bytes = [0; 5];
            socket.read_exact(&mut bytes).await.expect("bytes");
            (bytes, std::thread::current().name().map(str::to_owned))
        });
        let (mut socket, _) = listener.accept().await.expect("a connection");
        socket.write_all(b"hello").await.expect("written");
        assert_eq!(heard.await.expect("no panic"), (*b"hello", Some("hot".to_owned())));
        hot.inlet.command(Command::Stop).await.expect("it runs");
        hot.join().expect("stopped");
    }
}

/// Binds: `hot.core`.
#[tokio::test]
async fn it_stays_on_the_core_of_the_settings_or_does_not_start() {
    for (core, starts) in [(0, true), (1_023, false)] {
        let dir = tempfile::tempdir().expect("a folder");
        let config =
            Config::load(&Written::demo(), &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"));
        let (journal, _) = Journal::open(dir.path(), &SMALL).expect("opened");
        let (stages, process) = (Stages::new(), Process { boot: "boot".to_owned(), wallet: None });
        let (all, ..) = recovered(&config, journal, &process, stages.recorder(), clock::now()).expect("recovered");
        let hot = HotThread::start(all, Published::default(), stages.recorder(), &on(Wait::Park, Some(core)));
        assert_eq!(hot.is_ok(), starts, "core {core}");
        let Ok(hot) = hot else { continue };
        let allowed = hot.inlet.runtime().spawn(async { std::fs::read_to_string("/proc/thread-self/status") });
        let status = allowed.await.expect("no panic").expect("read");
        assert!(status.contains("Cpus_allowed_list:\t0\n"), "{status}");
        hot.inlet.command(Command::Stop).await.expect("it runs");
        hot.join().expect("stopped");
    }
}

#[tokio::test]
async fn a_full_ring_makes_the_feed_wait_and_is_counted() {
    let rings = Arc::new(Rings::new());
    let inlet = Inlet::new(Arc::clone(&rings), tokio::runtime::Handle::current());
    for _ in 0..RING_LEADER {
        inlet.leader(clock::now(), Input::Timer).await.expect("room");
    }
    assert_eq!(rings.queue_full.load(Ordering::Relaxed), 0);
    let late = inlet.clone();
    let one_more = tokio::spawn(async move { late.leader(clock::now(), Input::Timer).await });
    while rings.queue_full.load(Ordering::Relaxed) == 0 {
        tokio::task::yield_now().await;
    }
    assert!(!one_more.is_finished());
    let Stamped { .. } = rings.leader.pop().expect("full");
    assert_eq!(one_more.await.expect("no panic"), Ok(()));
    assert_eq!(rings.leader.len(), RING_LEADER);
    rings.closed.store(true, Ordering::Release);
    assert_eq!(inlet.leader(clock::now(), Input::Timer).await, Err(Closed));
}

/// A core that holds 100 shares, with a sale of them resting in the paper venue at 0.60.
fn with_a_plan() -> Core<Digest> {
    let (token, portfolio, leader) = (TokenId(0), PortfolioId(0), LeaderId(0));
    let mut engine = Engine::new(engine::Options { value_every: Nanos::NEVER, ..engine::Options::default() });
    let mut settings = Settings::OPEN;
    settings.exit.plan = ExitPlan::RestAt(200_000);
    engine.install_token(token);
    engine.install_portfolio(portfolio, Mode::Paper, settings);
    engine.follow(leader, portfolio);
    let stages = Stages::new();
    let mut core = Core::new(engine, Paper::new(PaperOptions::default()), Digest::new(), stages.recorder());
    let begin = Nanos::from_secs(1_000_000);
    core.set_up(begin, |engine, now, events| engine.fund(now, portfolio, Usdc::whole(1_000), events)).expect("room");
    core.handle(begin, &Input::MarketKnown { token, market: Market::COMMON }).expect("room");
    bids(&mut core, 490_000);
    let (price, shares) = (Price::from_micros(500_000).expect("a price"), Shares::whole(200));
    let traded_at = core.now();
    let trade = TradeKey([1, 1]);
    let trade = LeaderTrade {
        trade,
        leader,
        token,
        side: Side::Buy,
        price,
        shares,
        role: Role::Unknown,
        source: Source::Activity,
        traded_at,
    };
    core.handle(traded_at, &Input::LeaderTrade(trade)).expect("room");
    core.advance(traded_at.plus(Nanos::from_secs(1))).expect("room");
    assert_eq!(resting(&core), [Shares::whole(100)]);
    core
}

/// Lets the book have a single bid, and an ask at 0.50 or above it.
fn bids(core: &mut Core<Digest>, bid: u32) {
    let (token, at) = (TokenId(0), Millis(core.now().as_millis()));
    let level = |side, micros: u32| {
        let price = Price::from_micros(micros).expect("a price");
        Input::Level { token, side, price, size: Shares::whole(1_000) }
    };
    let now = core.now();
    for input in [
        Input::Snapshot { token, at },
        level(Side::Buy, bid),
        level(Side::Sell, 500_000.max(bid + 10_000)),
        Input::BookDone { token, at, best: Best::Unstated },
    ] {
        core.handle(now, &input).expect("room");
    }
}

fn resting(core: &Core<Digest>) -> Vec<Shares> {
    core.engine.orders().iter().map(|order| order.shares_left()).collect()
}

#[test]
fn a_plan_rests_at_the_paper_venue_fills_there_and_is_cancelled_there() {
    let mut core = with_a_plan();
    bids(&mut core, 600_000);
    core.advance(core.now()).expect("room");
    assert_eq!((core.engine.positions().open(), resting(&core)), (0, vec![]));

    let mut core = with_a_plan();
    core.handle(core.now(), &Input::ForceExit { portfolio: PortfolioId(0), token: None }).expect("room");
    core.advance(core.now().plus(Nanos::from_secs(1))).expect("room");
    // Cancelled first, then sold at the bid; were it still resting, this would fill it.
    bids(&mut core, 600_000);
    core.advance(core.now().plus(Nanos::from_secs(1))).expect("room");
    assert_eq!((core.engine.positions().open(), resting(&core)), (0, vec![]));
    assert_eq!((core.engine.entries_stopped(), core.tally.fills), (false, 2));
}

#[test]
fn after_a_restart_the_plan_is_laid_again() {
    let mut core = with_a_plan();
    let stages = Stages::new();
    // The paper venue of the last process is gone, and what rested there with it.
    core = Core::new(core.engine, Paper::new(PaperOptions::default()), Digest::new(), stages.recorder());
    core.resume(Nanos::from_secs(1_000_060)).expect("room");
    assert_eq!((resting(&core), core.tally.orders), (vec![Shares::whole(100)], 1));
    bids(&mut core, 600_000);
    core.advance(core.now().plus(Nanos::from_secs(1))).expect("room");
    assert_eq!((core.engine.positions().open(), core.engine.entries_stopped()), (0, false));
}
