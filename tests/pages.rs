//! The pages in a real Chromium over a real server and Postgres: `tests/pages/check.mjs` looks, this file makes the world it sees.
//! Screenshots are left in `target/screenshots`.

#[allow(dead_code, reason = "shared with the Prometheus test")]
#[path = "pages/server.rs"]
mod server;

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
};

use remora::{
    domain::Nanos,
    metrics::Snapshot,
    store::testing::TestDatabase,
    web::{DataSource, door},
};
use sqlx::{ConnectOptions, Connection, PgPool};

const NODE: &str = "/usr/bin/node";
const CHROMIUM: &str = "/usr/bin/chromium";
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/pages");

#[tokio::test(flavor = "multi_thread")]
async fn pages_work_in_a_browser() {
    let modules = format!("{FOLDER}/node_modules/playwright-core/package.json");
    // Where they are missing: apt-get install chromium nodejs npm; npm ci --prefix tests/pages
    if !server::have("the page test", &[NODE, CHROMIUM, &modules]) {
        return;
    }
    let pool = TestDatabase::create().await;
    sqlx::raw_sql(server::SEED).execute(&pool).await.expect("seeded");
    let snapshot = server::as_seeded(&pool).await;
    let full = server::start(pool, snapshot, DataSource::Venue).await;
    server::speak(&full.data);
    server::record_times(&full.stages, 20_000);
    let empty = server::start(TestDatabase::create().await, server::fresh(), DataSource::Demo).await;
    let halted = Snapshot { halted: "the journal's disk is full".into(), entries_stopped: true, ..server::fresh() };
    let halted = server::start(TestDatabase::create().await, halted, DataSource::Venue).await;

    let locked = server::start(TestDatabase::create().await, server::fresh(), DataSource::Venue).await;
    server::speak(&locked.data);
    let hash = door::password::hash(server::PASSWORD).expect("long enough");
    door::kept::write(&door::password::path(&locked.data), &hash).expect("written");

    let screenshots = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
    std::fs::create_dir_all(&screenshots).expect("a folder");
    let profile = tempfile::tempdir().expect("a folder");
    let mut browser = Command::new(NODE)
        .arg(format!("{FOLDER}/check.mjs"))
        .env("FULL", format!("http://{}", full.address))
        .env("EMPTY", format!("http://{}", empty.address))
        .env("HALTED", format!("http://{}", halted.address))
        .env("LOCKED", format!("http://{}", locked.address))
        .env("PASSWORD", server::PASSWORD)
        .env("SCREENSHOTS", &screenshots)
        .env("PROFILE", profile.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("node");
    let (mut orders, reports) = (browser.stdin.take().expect("piped"), browser.stdout.take().expect("piped"));
    let (says, mut said) = tokio::sync::mpsc::unbounded_channel();
    std::thread::spawn(move || {
        BufReader::new(reports).lines().map_while(Result::ok).try_for_each(|line| says.send(line))
    });
    // The script asks for what it cannot do itself, and waits for the answer.
    while let Some(line) = said.recv().await {
        match line.as_str() {
            "do: a new signal" => new_signal(&full.pool).await,
            "do: trip a breaker" => {
                say(&full.pool, "tripped", r#"{"Tripped": {"portfolio": 0, "breaker": "DailyLoss", "numbers": {"limit": 50000000, "actual": 61250000}}}"#).await;
            }
            "do: reset the breaker" => {
                say(&full.pool, "breaker_reset", r#"{"BreakerReset": {"portfolio": 0, "breaker": "DailyLoss"}}"#).await;
            }
            "do: stop Postgres" => stop_postgres(&full.pool).await,
            "do: stop the writer" => full.store.failed(server::now(), 4_211, "connection refused"),
            "do: stop the server" => full.stop.cancel(),
            other => {
                println!("{other}");
                continue;
            }
        }
        writeln!(orders, "done").expect("the script listens");
    }
    let status = tokio::task::spawn_blocking(move || browser.wait()).await.expect("no panic").expect("ended");
    assert!(status.success(), "tests/pages/check.mjs found faults; see above");
    empty.stop.cancel();
    halted.stop.cancel();
    locked.stop.cancel();
}

async fn new_signal(pool: &PgPool) {
    sqlx::raw_sql(
        "insert into signals select 141, now(), now() - interval '240 ms', 141, 0, 0, 'buy', 0.37, 222, 0.37, 222, 0, 'new';
         insert into decisions values (141, 0, now(), 'skipped', 'no_asks', '', null, null, null);
         update journal_cursor set next_seq = next_seq + 2, written_at = now();",
    )
    .execute(pool)
    .await
    .expect("inserted");
}

/// Adds an event as the writer would.
async fn say(pool: &PgPool, kind: &str, body: &str) {
    sqlx::query("insert into events select max(seq) + 1, now(), $1, $2::jsonb from events")
        .bind(kind)
        .bind(body)
        .execute(pool)
        .await
        .expect("inserted");
    sqlx::query("update journal_cursor set next_seq = next_seq + 1").execute(pool).await.expect("moved");
}

/// Takes the database away under the pages: all connections break, and no new one is let in.
async fn stop_postgres(pool: &PgPool) {
    let name: String = sqlx::query_scalar("select current_database()").fetch_one(pool).await.expect("a name");
    let options = pool.connect_options().as_ref().clone().database("postgres");
    let mut other = options.connect().await.expect("connected");
    let statement = format!("drop database {name} with (force)");
    sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut other).await.expect("dropped");
    other.close().await.expect("closed");
}

/// What is asked, by which name, and the status of the answer.
const ASKED: &[(&str, &str, &str, u16)] = &[
    ("GET", "localhost", "/", 200),
    ("HEAD", "127.0.0.1:1", "/paper-trades", 200),
    ("GET", "remora.test", "/healthz", 200),
    ("GET", "evil.example", "/", 421),
    ("GET", "127.0.0.1.evil.example", "/api/v1/status", 421),
    ("POST", "localhost", "/", 403),
    ("DELETE", "localhost", "/no-such-page", 405),
    ("GET", "localhost", "/no-such-page", 404),
    ("GET", "localhost", "/copy-attempts", 308),
    ("GET", "localhost", "/portfolio", 308),
    ("GET", "localhost", "/paper-trades?mode=live&leader=1", 308),
    ("GET", "localhost", "/paper-portfolio?mode=live", 308),
    ("GET", "localhost", "/live-trades?portfolio=x&from=%00&to=1&market=%27%25", 200),
    ("GET", "localhost", "/live-trades.csv?reason=live_off", 200),
    ("GET", "localhost", "/live-trades/orders?below=x&token=-9&state=%3Cscript%3E", 200),
    ("GET", "localhost", "/live-trades/orders.csv", 200),
    ("GET", "localhost", "/live-trades/fills?origin=external&below=9", 200),
    ("GET", "localhost", "/paper-trades/fills.csv", 200),
    ("GET", "localhost", "/signals?leader=x&outcome=%00&below=1&market=%5C", 200),
    ("GET", "localhost", "/logs?level=x&kind=%3Cb%3E&order=z&below=%27", 200),
    ("GET", "localhost", "/execution?mode=live&range=day&strategy=%27", 200),
    ("GET", "localhost", "/api/v1/execution?range=all", 200),
    ("GET", "localhost", "/tokens/4", 200),
    ("GET", "localhost", "/tokens/999999", 404),
    ("GET", "localhost", "/tokens/x%27", 404),
    ("GET", "localhost", "/api/v1/tokens/4", 200),
    ("GET", "localhost", "/api/v1/tokens/-4", 404),
    ("GET", "localhost", "/api/v1/traces/120", 200),
    ("GET", "localhost", "/api/v1/traces/order-3", 200),
    ("GET", "localhost", "/api/v1/traces/999999", 404),
    ("GET", "localhost", "/api/v1/traces/x%27", 404),
    ("GET", "localhost", "/api/v1/events?kind=tripped", 200),
    ("GET", "localhost", "/real-portfolio", 200),
    ("GET", "localhost", "/real-portfolio?portfolio=99", 200),
    ("GET", "localhost", "/api/v1/portfolio?mode=live", 200),
    ("GET", "localhost", "/api/v1/live/fills?origin=app&market=%3Cimg", 200),
    ("GET", "localhost", "/signals/1", 200),
    ("GET", "localhost", "/signals/999999", 404),
    ("GET", "localhost", "/signals/-1", 404),
    ("GET", "localhost", "/signals/1'%20or%201=1", 404),
    ("GET", "localhost", "/orders/1", 200),
    ("GET", "localhost", "/paper-trades?portfolio=x&leader=1%27&below=%00&reason=%3Cscript%3E", 200),
    ("GET", "localhost", "/paper-portfolio?portfolio=99", 200),
    ("GET", "localhost", "/api/v1/portfolio?portfolio=99", 404),
    ("GET", "localhost", "/api/v1/portfolio?portfolio=1&range=all", 200),
    ("GET", "localhost", "/api/v1/trades", 200),
    ("GET", "localhost", "/api/v1/latency", 200),
    ("GET", "localhost", "/skips?strategy=x%27&range=%00&mode=live", 200),
    ("GET", "localhost", "/results?by=market&range=all", 200),
    ("GET", "localhost", "/api/v1/skips?range=all", 200),
    ("GET", "localhost", "/api/v1/results?by=day", 200),
    ("GET", "localhost", "/api/v1/scores?range=all", 200),
    ("GET", "localhost", "/leaders?range=%00&mode=x", 200),
    ("GET", "localhost", "/api/v1/leaders?range=all", 200),
    ("GET", "localhost", "/api/v1/sources?range=all", 200),
    ("GET", "localhost", "/audit?before=5", 200),
    ("GET", "localhost", "/api/v1/audit", 200),
    ("GET", "localhost", "/controls?answer=x%27", 200),
    ("GET", "localhost", "/strategies?answer=x%27", 200),
    ("GET", "localhost", "/strategies/x%27?mode=%00", 200),
    ("GET", "localhost", "/config?mode=all", 200),
    ("GET", "localhost", "/api/v1/settings", 503),
    ("GET", "localhost", "/api/v1/strategies", 503),
    ("GET", "localhost", "/control", 405),
    ("GET", "localhost", "/api/v1/control", 405),
    ("GET", "localhost", "/login?next=//evil.example", 200),
    ("GET", "localhost", "/readyz", 200),
    ("GET", "localhost", "/assets/..%2fmod.rs", 404),
    ("GET", "localhost", "/favicon.ico", 200),
];

#[tokio::test(flavor = "multi_thread")]
async fn the_server_guards_itself() {
    let pool = TestDatabase::create().await;
    sqlx::raw_sql(server::SEED).execute(&pool).await.expect("seeded");
    let dashboard = server::start(pool, server::fresh(), DataSource::Venue).await;
    let address = dashboard.address;
    let ask = move |method: &'static str, host: &'static str, path: &'static str| {
        let (head, body) = server::get(address, method, host, path);
        let code: u16 = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        (code, head.to_ascii_lowercase(), body)
    };
    tokio::task::spawn_blocking(move || {
        for &(method, host, path, code) in ASKED {
            let (found, head, body) = ask(method, host, path);
            assert_eq!(found, code, "{method} {host} {path}\n{body}");
            assert!(head.contains("content-security-policy: default-src 'self'; base-uri 'none'"), "{head}");
            assert!(
                head.contains("frame-ancestors 'none'") && head.contains("x-content-type-options: nosniff"),
                "{head}"
            );
            assert!(head.contains("referrer-policy: same-origin"), "{head}");
        }
        let (_, _, page) = ask("GET", "localhost", "/paper-trades");
        assert!(!page.contains("<img") && page.contains("onerror=alert(1)"), "a title is text");
        assert!(!page.contains(['\u{202e}', '\u{2066}', '\u{7}']), "nothing reorders text");
        assert!(!page.contains(" style=") && !page.contains("<script>"), "nothing inline");
        all_pages_of_trades_are_all_trades(address);
        each_mode_is_asked_for_by_itself(address);
        leaders_and_sources_say_the_same_everywhere(address);
        every_page_of_a_list_is_all_of_it(address);
        money_is_exact(&ask("GET", "localhost", "/api/v1/portfolio?portfolio=0&range=week").2);
    })
    .await
    .expect("no panic");
    dashboard.stop.cancel();
}

fn all_pages_of_trades_are_all_trades(address: std::net::SocketAddr) {
    let (mut query, mut seen) = (String::new(), std::collections::HashSet::new());
    loop {
        let (_, body) = server::get(address, "GET", "localhost", &format!("/api/v1/trades?{query}"));
        let page: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        for row in page["trades"].as_array().expect("rows") {
            assert!(seen.insert(format!("{}.{}.{}", row["kind"], row["id"], row["portfolio_id"])), "{row} came twice");
        }
        match page["older"].as_str() {
            Some(older) => query = older.to_owned(),
            None => break,
        }
    }
    // 139 signals in two portfolios, one that waits, three orders without a signal.
    assert_eq!(seen.len(), 139 * 2 + 1 + 3);
}

fn every_page_of_a_list_is_all_of_it(address: std::net::SocketAddr) {
    for (path, list, key) in LISTS {
        let (mut query, mut seen, mut pages) = (String::new(), std::collections::HashSet::new(), 0);
        loop {
            let (_, body) = server::get(address, "GET", "localhost", &format!("{path}?{query}"));
            let page: serde_json::Value = serde_json::from_str(&body).expect("JSON");
            for row in page[list].as_array().unwrap_or_else(|| panic!("{path}: {body}")) {
                assert!(seen.insert(row[key].to_string()), "{path}: {row} came twice");
            }
            pages += 1;
            match page["older"].as_str() {
                Some(older) => query = older.to_owned(),
                None => break,
            }
        }
        assert!(pages > 1 || path.contains("live"), "{path} has one page");
        assert!(!seen.is_empty(), "{path}");
    }
}

/// A list's address, its name and what names a row of it.
const LISTS: [(&str, &str, &str); 6] = [
    ("/api/v1/signals", "signals", "id"),
    ("/api/v1/events", "events", "seq"),
    ("/api/v1/orders", "orders", "id"),
    ("/api/v1/fills", "fills", "seq"),
    ("/api/v1/live/orders", "orders", "id"),
    ("/api/v1/live/fills", "fills", "seq"),
];

fn each_mode_is_asked_for_by_itself(address: std::net::SocketAddr) {
    let json = |path: &str| -> serde_json::Value {
        serde_json::from_str(&server::get(address, "GET", "localhost", path).1).expect("JSON")
    };
    for (path, list) in [("/api/v1/skips", "skips"), ("/api/v1/results", "results"), ("/api/v1/scores", "scores")] {
        let rows = |mode: &str| json(&format!("{path}?range=all&mode={mode}"))[list].clone();
        assert!(rows("paper").as_array().is_some_and(|rows| !rows.is_empty()), "{path}");
        assert!(list == "scores" || rows("live") != rows("paper"), "{path}");
    }
    let of = |path: &str, list: &str, name: &str| -> Vec<String> {
        let page = json(path);
        page[list].as_array().expect("rows").iter().map(|row| row[name].to_string()).collect()
    };
    let live = of("/api/v1/trades?mode=live", "trades", "portfolio_id");
    assert!(live.len() > 30 && live.iter().all(|id| id == "2" || id == "-1"), "{live:?}");
    assert!(of("/api/v1/live/orders", "orders", "portfolio_id").iter().all(|id| id == "2"));
    assert!(of("/api/v1/orders", "orders", "portfolio_id").iter().all(|id| id != "2"));
    for (state, count) in [("open", 1), ("not_sent", 3), ("rejected", 5), ("unknown", 0)] {
        assert_eq!(of(&format!("/api/v1/live/orders?state={state}"), "orders", "id").len(), count, "{state}");
    }
    let (all, ours) =
        (of("/api/v1/live/fills", "fills", "origin"), of("/api/v1/live/fills?origin=app", "fills", "origin"));
    assert_eq!(of("/api/v1/live/fills?origin=external", "fills", "origin"), ["\"external\"", "\"external\""]);
    assert_eq!(all.len(), ours.len() + 2);
    assert!(of("/api/v1/fills?origin=external", "fills", "seq").is_empty(), "paper has nothing of others");
    assert_eq!(of("/api/v1/live/fills?state=provisional", "fills", "seq").len(), 1);
    assert_eq!(
        of("/api/v1/live/fills?market=onerror", "fills", "title").len(),
        of("/api/v1/live/fills?token=4", "fills", "title").len()
    );
    assert!(of("/api/v1/orders?from=2020-01-01&to=2020-12-31", "orders", "id").is_empty());
}

fn leaders_and_sources_say_the_same_everywhere(address: std::net::SocketAddr) {
    let json = |path: &str| -> serde_json::Value {
        serde_json::from_str(&server::get(address, "GET", "localhost", path).1).expect("JSON")
    };
    let (leaders, sources) = (json("/api/v1/leaders?range=all"), json("/api/v1/sources?range=all"));
    let sum = |rows: &serde_json::Value, name: &str| -> i64 {
        rows.as_array().expect("rows").iter().map(|row| row[name].as_i64().expect("a count")).sum()
    };
    assert_eq!((sum(&leaders["leaders"], "seen"), sum(&sources["sources"], "first")), (140, 140));
    let results = json("/api/v1/results?range=all&by=leader");
    for row in results["results"].as_array().expect("rows") {
        let his = leaders["leaders"].as_array().expect("rows").iter().find(|leader| leader["wallet"] == row["id"]);
        assert_eq!(his.expect("a leader")["realised_paper"], row["realised"], "{row}");
    }
    let (_, page) = server::get(address, "GET", "localhost", "/leaders?range=all");
    assert!(page.contains("bold") && !page.contains("<b>") && !page.contains('\u{202e}'), "a name is text");
    assert!(!page.contains(" style="), "nothing inline");
}

fn money_is_exact(body: &str) {
    let page: serde_json::Value = serde_json::from_str(body).expect("JSON");
    let decimal = |value: &serde_json::Value| -> rust_decimal::Decimal {
        value.as_str().expect("exact decimals are strings").parse().expect("a number")
    };
    let (contents, money) = (&page["portfolio"], &page["portfolio"]["money"]);
    let sum = |names: &[&str]| names.iter().map(|name| decimal(&money[*name])).sum::<rust_decimal::Decimal>();
    assert_eq!(sum(&["available", "reserved", "deployed", "cooling"]), sum(&["deposits", "realised"]));
    for results in ["by_leader", "by_cause"] {
        let rows = contents[results].as_array().expect("rows");
        let total: rust_decimal::Decimal = rows.iter().map(|row| decimal(&row["realised"])).sum();
        assert_eq!(total, decimal(&money["realised"]), "{results}");
    }
    assert!(contents["curve"].as_array().expect("points").len() > 400);
}

#[tokio::test(flavor = "multi_thread")]
async fn readiness_tells_degraded_from_dead() {
    let pool = TestDatabase::create().await;
    let dashboard = server::start_silent(pool, server::fresh(), DataSource::Venue).await;
    let address = dashboard.address;
    let ready = async move || {
        let asked = tokio::task::spawn_blocking(move || server::get(address, "GET", "localhost", "/readyz")).await;
        let (head, body) = asked.expect("no panic");
        let health: serde_json::Value = serde_json::from_str(&body).expect("JSON");
        (head.contains(" 200 "), health["level"].as_str().expect("a level").to_owned())
    };
    let expected = |trades: bool, level: &str| (trades, level.to_owned());
    assert_eq!(ready().await, expected(true, "ok"));
    dashboard.store.failed(server::now(), 12, "connection refused");
    assert_eq!(ready().await, expected(true, "degraded"));
    dashboard.store.committed(0);
    dashboard.published.store(Snapshot { halted: "disk full".into(), ..server::fresh() }.into());
    assert_eq!(ready().await, expected(false, "failed"));
    dashboard.published.store(Snapshot { at: server::now().since(Nanos::from_secs(6)), ..server::fresh() }.into());
    assert_eq!(ready().await, expected(false, "failed"));
    dashboard.published.store(Snapshot { entries_stopped: true, ..server::fresh() }.into());
    assert_eq!(ready().await, expected(true, "degraded"));
    dashboard.stop.cancel();
}
