//! Postgres fails while the engine trades: nothing waits for it, and nothing is missing afterwards.

use std::fs;

use remora::sim::server::{Options, Server};

use crate::{
    engine::{Engine, Home, kill, number, settings},
    tables,
};

/// The server process and all that it started.
fn family(postmaster: u32) -> Vec<u32> {
    let children = fs::read_to_string(format!("/proc/{postmaster}/task/{postmaster}/children")).expect("its children");
    std::iter::once(postmaster).chain(children.split_whitespace().map(|pid| pid.parse().expect("a pid"))).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_may_freeze_and_die() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a venue");
    let home = Home::new();
    let config = home.write("config.toml", &settings(&venue, ""));
    let mut engine = Engine::run(&home, &config, &[]);
    let is_written =
        |status: &serde_json::Value| status["store"]["connected"] == true && status["store"]["lag_records"] == 0;
    engine.wait_until("rows", |status| number(status, "signals") >= 3 && is_written(status));

    // Frozen: connections stand, and nobody answers.
    let frozen = family(home.postmaster().expect("a private Postgres"));
    frozen.iter().for_each(|pid| kill(*pid, "STOP"));
    let before = number(&engine.status().expect("the pages answer"), "signals");
    let during = engine.wait_until("signals without Postgres", |status| {
        number(status, "signals") >= before + 8 && status["store"]["connected"] == false
    });
    assert_eq!(engine.get("/readyz").expect("an answer").0, 200, "it trades, so it is ready");
    assert_eq!(during["health"]["level"], "degraded");
    frozen.iter().rev().for_each(|pid| kill(*pid, "CONT"));
    engine.wait_until("what is missing is written", is_written);

    // Dead: an immediate shutdown, as by a crash. It is started again by us.
    let dead = home.postmaster().expect("a private Postgres");
    kill(dead, "QUIT");
    engine.wait_until("it is noticed", |status| status["store"]["connected"] == false);
    let before = number(&engine.status().expect("the pages answer"), "signals");
    engine.wait_until("signals, and all of it written", |status| {
        number(status, "signals") >= before + 3 && is_written(status)
    });
    assert_ne!(home.postmaster(), Some(dead), "another server process");

    let signals = number(&engine.status().expect("it runs"), "signals");
    engine.stop();
    let pool = tables::private(&home).await;
    tables::audit(&pool, &home.journal()).await;
    assert!(tables::count(&pool, "select count(*) from signals").await as u64 >= signals);
    pool.close().await;
    venue.stop().await;
}
