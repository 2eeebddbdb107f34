//! The hot thread with real rings, a real journal and feeds that are tasks.

use std::{
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Duration,
};

use super::{
    About, Closed, Command, HotThread, Inlet, Stamped,
    inlet::{RING_LEADER, Rings},
};
use crate::{
    clock,
    config::{Config, Overrides, Source, Wait},
    domain::{Input, Market, Millis, PortfolioSet, TokenId, input::Best},
    journal::{self, Journal, JournalError, Record, recover},
    metrics::{Published, Stages},
    start::recovered,
};

const SMALL: journal::Options = journal::Options { segment_bytes: 4 << 20, sync_interval: Duration::from_millis(2) };

fn start(dir: &Path) -> (HotThread, Published) {
    let config = Config::load(&Source::demo(), &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"));
    let (journal, _) = Journal::open(dir, &SMALL).expect("opened");
    let stages = Stages::new();
    let (core, ..) = recovered(&config, journal, stages.recorder(), clock::now()).expect("recovered");
    let published = Published::default();
    (HotThread::start(core, Arc::clone(&published), stages.recorder(), Wait::Park), published)
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
    const TOKENS: u32 = 500;
    let dir = tempfile::tempdir().expect("a folder");
    let (hot, published) = start(dir.path());
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
    let (hot, published) = start(dir.path());
    hot.inlet.command(add(0)).await.expect("it runs");
    // No folder, no next segment; what is mapped can still be written.
    std::fs::remove_dir_all(dir.path()).expect("removed");
    while hot.inlet.command(market(0)).await.is_ok() {}
    let full = hot.join().expect_err("full").to_string();
    assert!(full.starts_with("the journal"), "{full}");
    assert_eq!(published.load().halted, full);
}

#[tokio::test]
async fn a_full_ring_makes_the_feed_wait_and_is_counted() {
    let rings = Arc::new(Rings::new());
    let inlet = Inlet::new(Arc::clone(&rings), std::thread::current());
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
