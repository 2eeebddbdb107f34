//! Leaders are seen whatever becomes of the sources: no trade twice, and none missed that any of them showed. What the venue
//! knows of their fills at the end is compared with the journal's signals.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use remora::{
    domain::TradeKey,
    feed::{
        leader::{LeaderDecoder, Sighting},
        registry::Registry,
    },
    sim::{
        leader::{SECOND_WALLET, TRICKSTER},
        server::{Fault, Options, Server},
    },
    store::testing::TestDatabase,
};
use serde_json::{Value, json};
use sqlx::PgPool;
use tokio::time::sleep;

use crate::{
    engine::{Engine, Home, PATIENCE, settings},
    tables,
};

const WALLETS: [&str; 3] = [
    "0x1ead000000000000000000000000000000000001",
    "0x1ead000000000000000000000000000000000002",
    "0x1ead000000000000000000000000000000000003",
];

fn client() -> reqwest::Client {
    remora::sim::hand::client(None).expect("a client")
}

async fn turn(venue: &Server, knobs: Value) {
    let answer = client().patch(format!("{}/knobs", venue.urls.control)).json(&knobs).send().await.expect("an answer");
    assert!(answer.status().is_success(), "{knobs}");
}

/// Returns all fills of the leaders that the venue knows: key, wallet and second.
async fn truth(venue: &Server) -> BTreeMap<TradeKey, (String, u64)> {
    let mut registry = Registry::new();
    let mut all = BTreeMap::new();
    for wallet in WALLETS {
        registry.add_leader(wallet).expect("room");
        let (mut rows, mut cursor): (Vec<Value>, String) = (vec![], String::new());
        loop {
            let url = format!("{}/v2/trades?user={wallet}&limit=1000{cursor}", venue.data_url);
            let answer = client().get(url).send().await.expect("an answer");
            if !answer.status().is_success() {
                // Faults strike here, too.
                sleep(Duration::from_millis(50)).await;
                continue;
            }
            let mut page: Value = serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON");
            rows.append(page["data"].as_array_mut().expect("rows"));
            match page["pagination"]["next_cursor"].as_str() {
                Some(next) => cursor = format!("&cursor={next}"),
                None => break,
            }
        }
        let seconds: Vec<u64> = rows.iter().map(|row| row["timestamp"].as_u64().expect("a second")).collect();
        let (page, mut index) = (serde_json::to_vec(&rows).expect("JSON"), 0);
        LeaderDecoder::new()
            .decode_rows(&page, &registry, |row| {
                let Ok(Sighting::ColdToken(trade)) = row else { panic!("{row:?}") };
                all.insert(trade.trade, (wallet.to_owned(), seconds[index]));
                index += 1;
            })
            .expect("rows");
        assert_eq!(index, rows.len());
    }
    all
}

/// Returns the keys of all signals that are trades, in their order.
async fn signals(pool: &PgPool) -> Vec<TradeKey> {
    let query = "select body->'Signal'->'trade' from events where kind = 'signal' and body->'Signal'->>'how' = 'Traded'
        order by seq";
    let rows: Vec<Value> = sqlx::query_scalar(query).fetch_all(pool).await.expect("rows");
    let word = |row: &Value, index: usize| row[index].as_u64().unwrap_or_else(|| panic!("{row}"));
    rows.iter().map(|row| TradeKey([word(row, 0), word(row, 1)])).collect()
}

fn second() -> u64 {
    remora::clock::now().as_secs()
}

/// Waits until every fill of these seconds is a signal; no signal is a fill that there was not, and none came twice.
async fn seen(pool: &PgPool, venue: &Server, from: u64, until: u64) -> usize {
    let began = Instant::now();
    loop {
        let (told, known) = (signals(pool).await, truth(venue).await);
        let missing: Vec<_> = known
            .iter()
            .filter(|(key, (_, at))| (from..=until).contains(at) && !told.contains(key))
            .map(|(_, about)| about)
            .collect();
        let mut once = told.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), told.len(), "a trade became two signals");
        let ghosts = told.iter().filter(|key| !known.contains_key(key)).count();
        if missing.is_empty() && ghosts == 0 {
            return told.len();
        }
        assert!(began.elapsed() < PATIENCE, "{ghosts} signals of no trade; missing {missing:?}");
        sleep(Duration::from_millis(200)).await;
    }
}

async fn count(pool: &PgPool, what: &str) -> i64 {
    tables::count(pool, &format!("select count(*) from events where {what}")).await
}

async fn until(pool: &PgPool, what: &str) {
    let began = Instant::now();
    while count(pool, what).await == 0 {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        sleep(Duration::from_millis(50)).await;
    }
}

const GAP: &str = "kind = 'gap' and body->'Gap'->>'source' = 'Activity' and body->'Gap'->>'cause' <> 'Start'";

#[tokio::test(flavor = "multi_thread")]
async fn no_trade_is_missed_or_counted_twice_whatever_the_sources_do() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a venue");
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let text = settings(&venue, "\n[sources]\nindex_every_s = 1\npositions_every_s = 2\n");
    let config = home.write("config.toml", &text);
    turn(&venue, json!({"index_lag_ms": 1_000})).await;
    let url = tables::url(&pool);
    let mut engine = Engine::run(&home, &config, &["--database-url", &url]);
    engine.wait_until("three sources", |status| {
        let is_up = |feed: &usize| !status["feeds"][*feed]["connected_since"].is_null();
        [1, 2, 3].iter().all(is_up)
    });
    let began = second() + 1;
    turn(
        &venue,
        json!({
            "feed_drop_ppm": 200_000, "feed_duplicate_ppm": 100_000, "feed_reorder_ppm": 200_000, "feed_replay_ppm": 100_000,
            "index_late_ppm": 100_000, "index_late_ms": 4_000, "index_busy_ppm": 50_000,
        }),
    )
    .await;
    sleep(Duration::from_secs(5)).await;
    // One socket freezes: the other tells on, and nothing is missing.
    venue.inject(Fault::FreezeActivity { sockets: 1 });
    engine.wait_until("it is replaced", |status| {
        [1, 2].iter().any(|feed: &usize| status["feeds"][*feed]["reconnects"] != json!(0))
    });
    assert_eq!(count(&pool, GAP).await, 0);
    // All of them do: that is a gap, and the index fills it.
    venue.inject(Fault::FreezeActivity { sockets: 2 });
    until(&pool, &format!("{GAP} and body->'Gap'->>'cause' = 'Silent'")).await;
    venue.inject(Fault::RestErrors { requests: 5 });
    venue.inject(Fault::DropConnections);
    until(&pool, &format!("{GAP} and body->'Gap'->>'cause' = 'Lost'")).await;
    let ended = second();
    let fills = seen(&pool, &venue, began, ended).await;
    assert!(fills >= 10, "{fills} are no test");
    // What the engine did not live to see is read after its start; what it saw before is known again.
    engine.kill();
    sleep(Duration::from_secs(3)).await;
    let mut engine = Engine::run(&home, &config, &["--database-url", &url]);
    engine.wait_until("it goes on", |status| !status["feeds"][1]["connected_since"].is_null());
    seen(&pool, &venue, began, second()).await;
    for source in ["Activity", "Matched", "Index"] {
        let start = format!("kind = 'gap' and body->'Gap'->>'source' = '{source}' and body->'Gap'->>'cause' = 'Start'");
        until(&pool, &start).await;
    }
    let output = engine.stop();
    assert!(!output.contains("panicked") && !output.contains("ERROR"), "{output}");
    tables::audit(&pool, &home.journal()).await;
    venue.stop().await;
}

/// All but the index are dead; and leaders leave without selling, from wallets that are one leader's.
#[tokio::test(flavor = "multi_thread")]
async fn the_index_alone_is_enough_and_shows_ways_out_that_are_no_sales() {
    let venue = Server::start(Options { rate_percent: 200, ..Options::default() }).await.expect("a venue");
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let more = format!(
        "\n[sources]\nindex_every_s = 1\npositions_every_s = 1\n\n[[leader]]\nname = \"Di\"\nwallets = [{:?}, {:?}]\n\n\
         [[strategy]]\nname = \"after-di\"\nleaders = [\"Di\"]\n\n[strategy.paper]\ncapital_usdc = 500\n\
         trade_age_ms_max = 60000\nprice_guard_buy_percent = 90\nslippage_buy_percent = 90\nspread_buy_max = 1\n",
        TRICKSTER.1, SECOND_WALLET.1
    );
    let config = home.write("config.toml", &settings(&venue, &more));
    turn(
        &venue,
        json!({
            "index_lag_ms": 500, "feed_freeze_every_ms": 3_600_000, "feed_freeze_for_ms": 3_600_000,
            "trick_merge_every_ms": 4_000,
        }),
    )
    .await;
    let mut engine = Engine::run(&home, &config, &["--database-url", &tables::url(&pool)]);
    engine.wait_until("the index", |status| !status["feeds"][3]["connected_since"].is_null());
    let began = second() + 1;
    sleep(Duration::from_secs(6)).await;
    let known_until = second();
    let wallets = tables::count(&pool, "select count(*) from leaders where name = 'Di'").await;
    assert_eq!(wallets, 2, "each wallet has its row");
    until(&pool, "kind = 'signal' and body->'Signal'->>'how' in ('Left', 'Observed')").await;
    // What they hold is read, too: of a token that nobody trades at the moment a reading is news.
    until(&pool, "kind = 'leader_holds' or kind = 'signal' and body->'Signal'->>'how' = 'Observed'").await;
    // One id stands for both wallets.
    let ids =
        "select count(distinct s.leader_id) from signals s join leaders l on l.id = s.leader_id where l.name = 'Di'";
    assert_eq!(tables::count(&pool, ids).await, 1);
    let sources = "kind = 'signal' and body->'Signal'->>'how' = 'Traded' and body->'Signal'->>'source' <> 'Index'";
    assert_eq!(count(&pool, sources).await, 0, "the sockets are dead");
    let missing =
        format!("kind = 'signal' and body->'Signal'->>'source' = 'Index' and at < to_timestamp({known_until})");
    assert!(count(&pool, &missing).await > 0);
    assert!(began < known_until);
    let output = engine.stop();
    assert!(!output.contains("panicked") && !output.contains("ERROR"), "{output}");
    venue.stop().await;
}
