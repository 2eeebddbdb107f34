//! Leaders seen on the chain: all that the venue's own record has of them, each once; through lost notices, replaced blocks, and
//! a node that is away for a while.

use std::{
    collections::BTreeSet,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use remora::{
    feed::{
        leader::{LeaderDecoder, Sighting},
        registry::Registry,
    },
    sim::server::{Knobs, Options, Server},
    store::testing::TestDatabase,
};
use serde_json::Value;
use sqlx::PgPool;
use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::Notify,
};

use crate::{
    engine::{Engine, Home, PATIENCE, free_port, number, settings},
    tables,
};

const BLOCK: Duration = Duration::from_millis(250);

/// Stands between the engine and the node, so that the way can be cut.
struct Way {
    url: String,
    cut: Arc<Notify>,
    /// Milliseconds until somebody is let through again.
    closed_for: Arc<AtomicU64>,
}

impl Way {
    async fn to(url: &str) -> Way {
        let (_, rest) = url.split_once("://").expect("an address");
        let (host, path) = rest.split_once('/').expect("a path");
        let (host, path) = (host.to_owned(), path.to_owned());
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("ws://{}/{path}", listener.local_addr().expect("an address"));
        let (cut, closed_for) = (Arc::new(Notify::new()), Arc::new(AtomicU64::new(0)));
        let way = Way { url, cut: Arc::clone(&cut), closed_for: Arc::clone(&closed_for) };
        tokio::spawn(async move {
            while let Ok((mut near, _)) = listener.accept().await {
                tokio::time::sleep(Duration::from_millis(closed_for.swap(0, Ordering::Relaxed))).await;
                let Ok(mut far) = TcpStream::connect(&host).await else { continue };
                let cut = Arc::clone(&cut);
                tokio::spawn(async move {
                    tokio::select! {
                        _ = copy_bidirectional(&mut near, &mut far) => {}
                        () = cut.notified() => {}
                    }
                });
            }
        });
        way
    }

    fn cut(&self, for_ms: u64) {
        self.closed_for.store(for_ms, Ordering::Relaxed);
        self.cut.notify_waiters();
    }
}

/// What the Data API has of the demo's leaders: each fill's key, and the second of its match.
async fn record(venue: &Server) -> Vec<(String, u64)> {
    remora::feed::install_tls();
    let wallets = remora::config::DEMO.lines().filter_map(|line| line.trim().strip_prefix("wallet = "));
    let wallets: Vec<&str> = wallets.map(|wallet| wallet.split('"').nth(1).expect("in quotes")).collect();
    assert!(wallets.len() >= 3);
    let mut registry = Registry::new();
    wallets.iter().for_each(|wallet| assert!(registry.add_leader(wallet).is_ok(), "{wallet}"));
    let mut all = vec![];
    for wallet in wallets {
        let url = format!("{}/v2/trades?user={wallet}&limit=1000", venue.data_url);
        let page = reqwest::get(url).await.expect("an answer").bytes().await.expect("a body");
        let told = LeaderDecoder::new().decode_rows(&page, &registry, |row| match row.expect("a row") {
            Sighting::ColdToken(trade) => {
                let key = trade.trade.0;
                all.push((format!("{:016x}{:016x}", key[0], key[1]), trade.traded_at.as_secs()));
            }
            Sighting::Trade(_) | Sighting::Stranger | Sighting::NotATrade => panic!("{row:?}"),
        });
        told.expect("a page");
    }
    all
}

/// Stops the engine and compares: each fill between the two moments is a signal, and no signal is anything else or twice.
async fn compare(engine: Engine, venue: &Server, pool: &PgPool, (from, until): (u64, u64)) -> usize {
    let output = engine.stop();
    assert!(!output.contains("panicked") && !output.contains("ERROR"), "{output}");
    let signals: Vec<String> =
        sqlx::query_scalar("select trade_key from signals").fetch_all(pool).await.expect("signals");
    let seen: BTreeSet<&String> = signals.iter().collect();
    assert_eq!(seen.len(), signals.len(), "no fill is two signals");
    // The Data API comes some seconds after the node.
    let began = std::time::Instant::now();
    let record = loop {
        let record = record(venue).await;
        let known: BTreeSet<&String> = record.iter().map(|(key, _)| key).collect();
        if seen.is_subset(&known) {
            break record;
        }
        assert!(began.elapsed() < PATIENCE, "no fills of a leader: {:?}", seen.difference(&known));
        tokio::time::sleep(Duration::from_millis(500)).await;
    };
    let wanted = record.iter().filter(|(_, at)| (from..=until).contains(at));
    let missed: Vec<_> = wanted.clone().filter(|(key, _)| !seen.contains(key)).collect();
    assert!(missed.is_empty(), "{} of {} missed: {missed:?}\n{output}", missed.len(), wanted.count());
    wanted.count()
}

fn seconds() -> u64 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.expect("after 1970").as_secs()
}

/// The last second of which the venue's record has a fill.
async fn recorded_until(venue: &Server) -> u64 {
    record(venue).await.iter().map(|(_, at)| *at).max().expect("fills")
}

async fn count_of(pool: &PgPool, what: &str) -> i64 {
    tables::count(pool, &format!("select count(*) from events where {what}")).await
}

async fn told(pool: &PgPool, what: &str) {
    let began = std::time::Instant::now();
    while count_of(pool, what).await == 0 {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

fn is_connected(status: &Value) -> bool {
    let feeds = status["feeds"].as_array().expect("feeds");
    feeds.iter().any(|feed| feed["name"] == "chain" && !feed["connected_since"].is_null())
}

async fn venue(knobs: Knobs) -> Server {
    let knobs = Knobs { index_lag_ms: 0, ..knobs };
    Server::start(Options { rate_percent: 150, block_every: BLOCK, knobs, ..Options::default() })
        .await
        .expect("a venue")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_chain_alone_shows_every_fill_of_leaders_once() {
    // One of five notices is lost, and blocks change their mind all the time.
    let knobs = Knobs { log_miss_ppm: 200_000, reorg_every_ms: 3_000, reorg_blocks: 2, ..Knobs::CALM };
    let venue = venue(knobs).await;
    let way = Way::to(&venue.urls.rpc_ws).await;
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let sources = format!(
        "\n[sources]\nactivity_sockets = 0\nnode_url = \"{}\"\nindex_every_s = 0\npositions_every_s = 0\n",
        way.url
    );
    let text = settings(&venue, &sources);
    // Nobody listens there: whatever the settings say of the activity feed, there is none.
    let config =
        home.write("config.toml", &text.replace(&venue.activity_url, &format!("ws://127.0.0.1:{}", free_port())));
    let mut engine = Engine::run(&home, &config, &["--database-url", &tables::url(&pool)]);
    engine.wait_until("the node", is_connected);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let from = seconds();
    engine.wait_until("signals", |status| number(status, "signals") >= 8);
    // The node is away for some blocks; the journal knows of it, and what leaders did meanwhile is read.
    way.cut(4_000);
    told(&pool, "kind = 'gap' and body->'Gap'->>'source' = 'Log' and body->'Gap'->>'cause' = 'Lost'").await;
    let before = number(&engine.status().expect("it runs"), "signals");
    engine.wait_until("more signals", |status| number(status, "signals") >= before + 8);
    let until = recorded_until(&venue).await;
    // Time enough for the logs to be read once more.
    tokio::time::sleep(Duration::from_secs(16)).await;
    engine.wait_until("no signal waits", |status| number(status, "parked") == 0);
    assert!(compare(engine, &venue, &pool, (from, until)).await >= 12);
    let told = "select count(*) from events where kind = 'signal' and body->'Signal'->>'source' <> 'Log'";
    assert_eq!(tables::count(&pool, told).await, 0);
    tables::audit(&pool, &home.journal()).await;
    venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sources_that_race_count_a_fill_once() {
    let venue = venue(Knobs::CALM).await;
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let node = &venue.urls.rpc_ws;
    let sources = format!(
        "\n[sources]\nactivity_sockets = 1\nnode_url = \"{node}\"\npending = true\nprints_per_second_max = 100\n\
         index_every_s = 0\npositions_every_s = 0\n"
    );
    let config = home.write("config.toml", &settings(&venue, &sources));
    let mut engine = Engine::run(&home, &config, &["--database-url", &tables::url(&pool)]);
    engine.wait_until("the node", is_connected);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let from = seconds();
    engine.wait_until("signals", |status| number(status, "signals") >= 15);
    let until = recorded_until(&venue).await;
    for source in ["Activity", "Pending", "Log", "Print"] {
        told(&pool, &format!("body->'Signal'->>'source' = '{source}' or body->'Repeated'->>'source' = '{source}'"))
            .await;
    }
    tokio::time::sleep(Duration::from_secs(3)).await;
    engine.wait_until("no signal waits", |status| number(status, "parked") == 0);
    assert!(compare(engine, &venue, &pool, (from, until)).await >= 10);
    // What waits to be mined is seen before its log, always.
    let first = "body->'Signal'->>'source' = 'Pending'";
    assert!(count_of(&pool, first).await > count_of(&pool, "body->'Signal'->>'source' = 'Log'").await);
    tables::audit(&pool, &home.journal()).await;
    venue.stop().await;
}
