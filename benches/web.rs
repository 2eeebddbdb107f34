//! How long every page and list takes with a long history in Postgres: 1,000,000 events and 100,000 signals.
//!
//! `cargo bench --bench web`; small under `cargo test --benches`. Fails where a page takes longer than [`PAGE_MS_MAX`] (only
//! with the long history). Most of the time is Postgres', so `cargo test --bench web -- --bench` says nearly the same.

#[allow(dead_code, reason = "shared with the tests of the pages")]
#[path = "../tests/pages/server.rs"]
mod server;

use std::time::{Duration, Instant};

use remora::{store::testing::TestDatabase, web::DataSource};
use sqlx::PgPool;

/// Nobody waits for a page for longer.
const PAGE_MS_MAX: u128 = 200;
const SIGNALS: u64 = 100_000;
const SIGNALS_SMALL: u64 = 300;
const TIMES: usize = 5;

const SCALE: &str = include_str!("../tests/pages/scale.sql");

/// Every page and list. `MIDDLE` is a signal from the middle of the history.
const PATHS: &[&str] = &[
    "/",
    "/paper-trades",
    "/paper-trades?reason=price_moved",
    "/paper-trades?outcome=filled&leader=7",
    "/paper-trades?market=case%20900",
    "/paper-trades?outcome=unprompted",
    "/paper-trades/orders",
    "/paper-trades/orders?state=rejected",
    "/paper-trades/fills",
    "/live-trades",
    "/live-trades?reason=live_off",
    "/live-trades/orders?state=open",
    "/live-trades/orders?leader=3",
    "/live-trades/fills",
    "/live-trades/fills?origin=external",
    "/paper-portfolio?range=all",
    "/paper-portfolio?range=day",
    "/real-portfolio?range=month",
    "/signals",
    "/signals?outcome=refused",
    "/signals?reason=no_asks&leader=11",
    "/signals?outcome=waiting",
    "/signals?market=case%20900",
    "/signals/MIDDLE",
    "/orders/FIRST",
    "/tokens/700",
    "/logs",
    "/logs?level=error",
    "/logs?level=fine",
    "/logs?portfolio=2&level=error",
    "/logs?leader=39&level=fine",
    "/logs?order=FIRST",
    "/execution",
    "/execution?range=all",
    "/execution?mode=live&range=month",
    "/skips",
    "/skips?range=all",
    "/results",
    "/results?range=all&by=day",
    "/leaders",
    "/leaders?range=all",
    "/latency",
    "/api/v1/trades",
    "/api/v1/signals",
    "/api/v1/events",
    "/api/v1/live/fills",
    "/api/v1/execution?range=all",
    "/api/v1/traces/MIDDLE",
    "/api/v1/portfolio?range=all",
];

fn main() {
    let is_full = std::env::args().any(|argument| argument == "--bench");
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime");
    let late = runtime.block_on(measure(if is_full { SIGNALS } else { SIGNALS_SMALL }));
    assert!(!is_full || late.is_empty(), "longer than {PAGE_MS_MAX} ms: {late:?}");
}

/// Loads every page some times; returns those that took too long.
async fn measure(signals: u64) -> Vec<String> {
    let pool = TestDatabase::create().await;
    fill(&pool, signals).await;
    let dashboard = server::start(pool.clone(), server::fresh(), DataSource::Venue).await;
    let address = dashboard.address;
    let late = tokio::task::spawn_blocking(move || {
        let mut late = Vec::new();
        println!("{:>9} {:>9}  page, with {signals} signals and {} events", "first ms", "median ms", signals * 10);
        for path in PATHS {
            let path = path.replace("MIDDLE", &(signals / 2).to_string()).replace("FIRST", "30");
            let mut times: Vec<Duration> = (0..TIMES).map(|_| load(address, &path)).collect();
            let first = times[0];
            times.sort_unstable();
            let median = times[TIMES / 2];
            println!("{:>9} {:>9}  {path}", first.as_millis(), median.as_millis());
            if PAGE_MS_MAX < median.as_millis() {
                late.push(format!("{path} {} ms", median.as_millis()));
            }
        }
        late
    });
    let late = late.await.expect("no panic");
    dashboard.stop.cancel();
    late
}

async fn fill(pool: &PgPool, signals: u64) {
    let begun = Instant::now();
    let mut connection = pool.acquire().await.expect("a connection");
    sqlx::raw_sql("set statement_timeout = 0").execute(&mut *connection).await.expect("patient");
    let statements = SCALE.replace("SIGNALS", &signals.to_string());
    sqlx::raw_sql(sqlx::AssertSqlSafe(statements)).execute(&mut *connection).await.expect("filled");
    sqlx::raw_sql("vacuum analyze").execute(&mut *connection).await.expect("vacuumed");
    println!("filled in {} ms", begun.elapsed().as_millis());
}

fn load(address: std::net::SocketAddr, path: &str) -> Duration {
    let begun = Instant::now();
    let (head, body) = server::get(address, "GET", "localhost", path);
    let took = begun.elapsed();
    assert!(head.contains(" 200 "), "{path}: {head}\n{body}");
    assert!(!body.contains("Postgres cannot be read"), "{path}: a statement took too long");
    took
}
