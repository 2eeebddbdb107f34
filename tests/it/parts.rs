//! A part that fails is started again; one that fails too often ends the process, with everything on disk.

use std::{path::Path, sync::Arc, time::Instant};

use ractor::{ActorCell, Message};
use remora::{
    actor::{market_feed::MarketFeedMessage, strategy::StrategyMessage, supervisor::RESTARTS_MAX},
    config::{Config, Overrides, Written},
    session::{Session, SessionError, Until},
    sim::server::{Options, Server},
    store::testing::TestDatabase,
    web::DataSource,
};
use tokio::time::{Duration, sleep};

use crate::{
    engine::{Home, PATIENCE, free_port, settings},
    tables,
};

/// Returns a part that takes such messages; waits while it is being started again.
async fn part<M: Message>(root: &ActorCell, without: Option<&ActorCell>) -> ActorCell {
    let began = Instant::now();
    loop {
        let is = |cell: &ActorCell| {
            cell.is_message_type_of::<M>() == Some(true) && without.is_none_or(|old| old.get_id() != cell.get_id())
        };
        if let Some(found) = root.get_children().into_iter().find(is) {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "the part is not there");
        sleep(Duration::from_millis(10)).await;
    }
}

async fn count_until(pool: &sqlx::PgPool, query: &str, least: i64) -> i64 {
    let began = Instant::now();
    loop {
        let count = tables::count(pool, query).await;
        if count >= least {
            return count;
        }
        assert!(began.elapsed() < PATIENCE, "{count} of {least}: {query}");
        sleep(Duration::from_millis(50)).await;
    }
}

fn config(data: &Path, venue: &Server, url: &str) -> Arc<Config> {
    let source = Written::Text { name: "test".into(), text: settings(venue, "") };
    let overrides = Overrides {
        data: Some(data.to_owned()),
        listen: Some(format!("127.0.0.1:{}", free_port())),
        database_url: Some(url.to_owned()),
        log_level: None,
    };
    Arc::new(Config::load(&source, &overrides).unwrap_or_else(|problems| panic!("{problems}")))
}

#[tokio::test(flavor = "multi_thread")]
async fn parts_pause_fail_and_are_started_again() {
    const SIGNALS: &str = "select count(*) from signals";
    const PAUSED: &str = "select count(*) from decisions where reason = 'strategy_paused'";
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a venue");
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let config = config(&home.data(), &venue, &tables::url(&pool));
    let session =
        Session::start(config, String::new(), DataSource::Demo).await.unwrap_or_else(|error| panic!("{error}"));
    let root = session.supervisor.get_cell();
    let running = tokio::spawn(session.run(Until::Asked));
    count_until(&pool, "select count(*) from fills", 2).await;

    // Every strategy pauses: no entries, and exits go on.
    let strategies =
        || root.get_children().into_iter().filter(|cell| cell.is_message_type_of::<StrategyMessage>() == Some(true));
    assert_eq!(strategies().count(), 3);
    strategies().for_each(|cell| cell.send_message(StrategyMessage::Pause).expect("it listens"));
    count_until(&pool, "select count(*) from events where kind = 'paused'", 3).await;
    count_until(&pool, PAUSED, 5).await;
    let entries =
        "select count(*) from events e, events p where e.kind = 'submitted' and e.body->'Submitted'->>'cause' = 'Entry'
        and p.kind = 'paused' and p.seq < e.seq and p.body->'Paused'->>'portfolio' = e.body->'Submitted'->>'portfolio'";
    assert_eq!(tables::count(&pool, entries).await, 0, "a paused strategy enters nothing");
    count_until(
        &pool,
        "select count(*) from decisions d join events p on p.kind = 'paused' and p.at < d.at
        where d.outcome = 'exit_due' or d.reason = 'nothing_to_sell'",
        1,
    )
    .await;
    strategies().for_each(|cell| cell.send_message(StrategyMessage::Unpause).expect("it listens"));
    count_until(&pool, "select count(*) from events where kind = 'unpaused'", 3).await;

    // The market feed fails: its books are distrusted, and fetched again by its successor.
    let feed = part::<MarketFeedMessage>(&root, None).await;
    let seen = tables::count(&pool, SIGNALS).await;
    feed.send_message(MarketFeedMessage::LineEnded("so the test wants it")).expect("it listens");
    let mut feed = part::<MarketFeedMessage>(&root, Some(&feed)).await;
    count_until(&pool, "select count(*) from events where kind = 'resynced'", 1).await;
    count_until(&pool, SIGNALS, seen + 3).await;

    // It fails again and again: that is nothing a restart of the part mends.
    for _ in 1..RESTARTS_MAX {
        feed.send_message(MarketFeedMessage::LineEnded("so the test wants it")).expect("it listens");
        feed = part::<MarketFeedMessage>(&root, Some(&feed)).await;
    }
    assert!(!running.is_finished(), "{RESTARTS_MAX} restarts are allowed");
    feed.send_message(MarketFeedMessage::LineEnded("so the test wants it")).expect("it listens");
    let ended = tokio::time::timeout(PATIENCE, running).await.expect("it ends").expect("no panic");
    match ended {
        Err(SessionError::Fatal(why)) => assert!(why.contains("MarketFeed failed and is not started again"), "{why}"),
        other => panic!("{other:?}"),
    }
    assert!(tables::ends_with_checkpoint(&home.journal()), "it stopped in order all the same");
    venue.stop().await;
}
