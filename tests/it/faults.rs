//! What the venue and the network do wrong: noticed, lived through, and never traded on.

use remora::{
    feed::socket::MESSAGE_MAX,
    sim::server::{Fault, Options, Server},
    store::testing::TestDatabase,
};
use serde_json::Value;
use sqlx::PgPool;

use crate::{
    engine::{Engine, Home, PATIENCE, complaints, number, settings},
    tables,
};

/// Returns a number of each socket's part of a status, market first.
fn feeds(status: &Value, name: &str) -> [u64; 2] {
    [0, 1].map(|feed| status["feeds"][feed][name].as_u64().expect("a number"))
}

fn are_connected(status: &Value) -> bool {
    [0, 1].iter().all(|feed: &usize| !status["feeds"][*feed]["connected_since"].is_null())
}

/// Waits until the tables hold something that the pages do not show.
async fn told(pool: &PgPool, what: &str) {
    let query = format!("select count(*) from events where {what}");
    let began = std::time::Instant::now();
    while tables::count(pool, &query).await == 0 {
        assert!(began.elapsed() < PATIENCE, "never: {what}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

/// Waits until it decides as before: sockets up, all books trusted, new signals.
fn recovered(engine: &mut Engine, after: &str) {
    let before = number(&engine.status().expect("it runs"), "signals");
    engine.wait_until(after, |status| {
        are_connected(status) && number(status, "books_diverged") == 0 && number(status, "signals") > before
    });
}

#[tokio::test(flavor = "multi_thread")]
async fn faults_of_the_venue_are_lived_through() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a venue");
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let config = home.write("config.toml", &settings(&venue, ""));
    venue.inject(Fault::RestErrors { requests: 2 });
    let mut engine = Engine::run(&home, &config, &["--database-url", &tables::url(&pool)]);
    let calm = engine.wait_until("4 books", |status| number(status, "books_live") >= 4);
    assert_eq!(calm["engine"]["skips"]["no_token"], 0, "two failed requests are asked again");

    // Inside of one moment a book may be crossed: no reason to distrust it.
    (0..5).for_each(|_| venue.inject(Fault::CrossedBurst));
    recovered(&mut engine, "trading after crossed bursts");
    // A burst is stamped by the real clock, a little ahead of the simulated world's: a first snapshot on its way just then is
    // stale beside it, and says so. That is another matter.
    let distrusted =
        "select count(*) from events where kind = 'diverged' and body->'Diverged'->>'cause' <> 'StaleSnapshot'";
    assert_eq!(tables::count(&pool, distrusted).await, 0);

    // First, because a fresh snapshot is asked for at once the first time, while there is no connection. What is sent after the connection is made is then older than what was known before.
    venue.inject(Fault::StaleSnapshot);
    recovered(&mut engine, "more trading");
    reconnects(&mut engine, &venue, Fault::DropConnections, "");
    told(&pool, "kind = 'diverged' and body->'Diverged'->>'cause' = 'Gap'").await;

    // Not every removal shows: one deep in the book stays unseen until that price is the best.
    (0..60).for_each(|_| venue.inject(Fault::OmitRemoval));
    told(&pool, "kind = 'diverged' and body->'Diverged'->>'cause' in ('BestPrices', 'Crossed')").await;
    told(&pool, "kind = 'resynced'").await;

    // Nothing is lost with what is no message.
    let before = engine.status().expect("it runs");
    venue.inject(Fault::GarbageFrame);
    let after = engine.wait_until("both sockets refuse a frame", |status| {
        [0, 1].iter().all(|feed: &usize| feeds(status, "malformed")[*feed] > feeds(&before, "malformed")[*feed])
    });
    assert_eq!(feeds(&after, "reconnects"), feeds(&before, "reconnects"), "the connections stand");
    recovered(&mut engine, "trading after garbage");

    reconnects(&mut engine, &venue, Fault::OversizedFrame { bytes: MESSAGE_MAX + 1 }, "is longer than the");
    reconnects(&mut engine, &venue, Fault::Freeze, "no data for 5s");

    venue.inject(Fault::DuplicateActivity { frames: 300 });
    told(&pool, "kind = 'repeated'").await;

    venue.inject(Fault::RestErrors { requests: 9 });
    recovered(&mut engine, "trading after failed requests");
    engine.wait_until("no signal waits", |status| number(status, "parked") == 0);
    let output = engine.stop();
    assert!(!output.contains("panicked") && !output.contains("ERROR"), "{:#?}", complaints(&output));
    tables::audit(&pool, &home.journal()).await;
    venue.stop().await;
}

/// Both sockets are lost by `fault`, for a reason that says `why`, and come back with their books.
fn reconnects(engine: &mut Engine, venue: &Server, fault: Fault, why: &str) {
    let before = feeds(&engine.status().expect("it runs"), "reconnects");
    venue.inject(fault);
    let after = engine.wait_until(&format!("{fault:?} breaks both connections"), |status| {
        let now = feeds(status, "reconnects");
        now[0] > before[0] && now[1] > before[1]
    });
    for feed in 0..2 {
        let error = after["feeds"][feed]["last_error"]["text"].as_str().expect("a text");
        assert!(error.contains(why), "{fault:?}: {error}");
    }
    recovered(engine, &format!("trading after {fault:?}"));
}
