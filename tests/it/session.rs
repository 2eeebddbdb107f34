//! Whole sessions: a calm one, and one that is killed again and again.

use std::time::Duration;

use remora::sim::server::{Fault, Options, Server};

use crate::{
    engine::{Engine, Home, PATIENCE, complaints, number, remora, settings},
    tables,
};

#[tokio::test]
async fn a_demo_runs_trades_and_stops_in_order() {
    let home = Home::new();
    let mut engine = Engine::start(&home, &["demo"]);
    let status = engine.wait_until("6 signals, 3 fills and no parked signal", |status| {
        number(status, "signals") >= 6 && number(status, "fills") >= 3 && number(status, "parked") == 0
    });
    assert_eq!(status["health"]["level"], "ok", "{:#}", status["health"]);
    assert_eq!(status["demo"], true);
    assert_eq!(engine.get("/readyz").expect("an answer").0, 200);
    for page in ["/", "/paper-trades", "/paper-portfolio", "/latency", "/metrics", "/signals/1"] {
        assert_eq!(engine.get(page).expect("an answer").0, 200, "{page}");
    }
    let output = engine.stop();
    assert!(output.contains("Dashboard: http://127.0.0.1:"), "{output}");
    assert!(output.contains(" signals, ") && output.contains("All of it is in the journal"), "{output}");
    assert_eq!(complaints(&output), Vec::<&str>::new(), "a calm session has nothing to complain about");
    assert_eq!(home.postmaster(), None, "its Postgres was stopped");
    assert!(tables::ends_with_checkpoint(&home.journal()));

    // A report needs Postgres for a moment, and leaves it as it was.
    let report = remora().args(["report", "skips", "--data"]).arg(home.data()).output().expect("the program starts");
    assert!(report.status.success(), "{}", String::from_utf8_lossy(&report.stderr));
    assert_eq!(home.postmaster(), None, "its Postgres was stopped again");

    // Another day: the markets of the first are gone, what was held in them is settled, and nobody complains.
    let mut engine = Engine::start(&home, &["demo", "--seed", "2"]);
    engine.wait_until("a signal", |status| number(status, "signals") >= 1 && number(status, "parked") == 0);
    let output = engine.stop();
    assert!(output.contains("markets of an earlier demo are gone"), "{output}");
    assert_eq!(complaints(&output), Vec::<&str>::new());

    let pool = tables::private(&home).await;
    tables::audit(&pool, &home.journal()).await;
    assert!(tables::count(&pool, "select count(*) from signals").await > 6);
    assert!(tables::count(&pool, "select count(*) from settlements").await >= 1);
    pool.close().await;
}

/// Whoever stops it while it starts must not be left with a Postgres that nobody stops.
#[test]
fn a_session_stopped_while_it_starts_stops_in_order() {
    let home = Home::new();
    let mut engine = Engine::start(&home, &["demo"]);
    let began = std::time::Instant::now();
    while !home.journal().exists() {
        assert!(began.elapsed() < PATIENCE, "no journal\n{}", engine.output());
        std::thread::sleep(Duration::from_millis(1));
    }
    assert_eq!(home.postmaster(), None, "its Postgres comes after the journal");
    engine.signal("TERM");
    assert_eq!(engine.ended().code(), Some(0), "{}", engine.output());
    assert_eq!(home.postmaster(), None, "its Postgres was stopped");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_killed_at_any_moment_goes_on_where_it_was() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a venue");
    let home = Home::new();
    let config = home.write("config.toml", &settings(&venue, "[paper]\nfill_delay_ms = 1500\n"));
    let mut signals = 0;
    // The first time with a signal that waits for its market.
    venue.inject(Fault::RestSlow { requests: 1, millis: 1_900 });
    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("a parked signal", |status| number(status, "parked") >= 1);
    engine.kill();
    for more_ms in [0, 137, 411] {
        let mut engine = Engine::run(&home, &config, &[]);
        engine.wait_until("orders", |status| number(status, "orders") >= 3 && number(status, "orders_open") >= 1);
        tokio::time::sleep(Duration::from_millis(more_ms)).await;
        signals += number(&engine.status().expect("it runs"), "signals");
        engine.kill();
    }
    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("a fill", |status| number(status, "fills") >= 1 && number(status, "parked") == 0);
    let output = engine.stop();
    assert!(tables::ends_with_checkpoint(&home.journal()));
    assert!(!output.contains("ERROR"), "{output}");
    // Another start rebuilds the state from all of them, and compares its hash with the checkpoint just written.
    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("a signal, and none that waits", |status| {
        number(status, "signals") >= 1 && number(status, "parked") == 0
    });
    engine.stop();

    let pool = tables::private(&home).await;
    tables::audit(&pool, &home.journal()).await;
    tables::audit_notices(&pool).await;
    let seen = tables::count(&pool, "select count(*) from signals").await;
    assert!(seen as u64 >= signals, "{seen} signals are in the tables, {signals} had been shown before the kills");
    assert_eq!(tables::count(&pool, "select count(*) from sessions").await, 6);
    let interrupted = "select count(*) from orders where state = 'rejected_venue_restarted'";
    assert!(tables::count(&pool, interrupted).await >= 1, "an order was open when a process was killed");
    pool.close().await;
    venue.stop().await;
}
