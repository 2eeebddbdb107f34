//! The writer's loop, while Postgres stops, freezes and comes back.

use std::{
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use sqlx::PgPool;
use tokio::{task::JoinHandle, time::sleep};
use tokio_util::sync::CancellationToken;

use super::{
    super::{Database, DatabaseChoice, Follower, Progress, WriterError, private::Private, testing::TestDatabase},
    assert_equal, dump, stream,
    stream::Line,
};
use crate::journal::{Journal, Options, Tail};

const OPTIONS: Options = Options { segment_bytes: 64 * 1_024, sync_interval: Duration::from_millis(1) };

fn append(journal: &mut Journal, lines: &[Line]) {
    for (at, record) in lines {
        while journal.reserve(1).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        journal.append(*at, record);
    }
}

/// Makes a journal of `lines` and closes it.
fn record(dir: &Path, lines: &[Line]) -> Tail {
    let (mut journal, _) = Journal::open(dir, &OPTIONS).expect("a journal");
    append(&mut journal, lines);
    journal.tail()
}

/// Follows the journal to its end.
async fn follow(pool: &PgPool, dir: &Path, tail: Tail) -> Result<(), WriterError> {
    let stop = CancellationToken::new();
    stop.cancel();
    Follower::new(pool.clone(), dir, tail).run(stop).await
}

struct Running {
    progress: std::sync::Arc<arc_swap::ArcSwap<Progress>>,
    stop: CancellationToken,
    task: JoinHandle<Result<(), WriterError>>,
}

impl Running {
    fn start(pool: &PgPool, journal: &Journal) -> Running {
        let follower = Follower::new(pool.clone(), journal.dir(), journal.tail());
        let (progress, stop) = (follower.progress(), CancellationToken::new());
        let task = tokio::spawn(follower.run(stop.clone()));
        Running { progress, stop, task }
    }

    async fn wait(&self, what: &str, is_there: impl Fn(&Progress) -> bool) {
        let began = Instant::now();
        while !is_there(&self.progress.load()) {
            assert!(began.elapsed() < Duration::from_secs(60), "waited for {what}: {:?}", self.progress.load());
            sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Sends a signal to the server `pid` and all its processes.
fn signal(signal: &str, pid: &str) {
    let children = std::fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).expect("its processes");
    let all = [pid].into_iter().chain(children.split_whitespace());
    assert!(Command::new("kill").arg(signal).args(all).status().expect("kill").success());
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_lost_or_doubled_while_postgres_stops_and_freezes() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::set_permissions(dir.path(), PermissionsExt::from_mode(0o755)).expect("permissions");
    let root = dir.path().join("private");
    let database = Database::open(&DatabaseChoice::Private { root: root.clone() }).await.expect("a database");
    let lines = stream::journal(4, 8_000);
    let (mut journal, _) = Journal::open(&dir.path().join("journal"), &OPTIONS).expect("a journal");
    let running = Running::start(database.pool(), &journal);
    append(&mut journal, &lines[..3_000]);
    running.wait("the first records", |progress| 0 < progress.cursor).await;

    // A real stop, in the middle of writing.
    let private = Private::open(&root).expect("it runs");
    tokio::task::spawn_blocking(move || private.stop()).await.expect("no panic").expect("stopped");
    append(&mut journal, &lines[3_000..5_000]);
    running.wait("the stop to be noticed", |progress| !progress.connected && 0 < progress.failures).await;
    database.revive().await.expect("started again");
    running.wait("5,000 records", |progress| progress.connected && progress.cursor == 5_000 && progress.lag == 0).await;

    // A freeze: connections stay, and nobody answers.
    let pid = std::fs::read_to_string(root.join("postgres/data/postmaster.pid")).expect("a pid file");
    let pid = pid.lines().next().expect("a pid").to_owned();
    let failures = running.progress.load().failures;
    signal("-STOP", &pid);
    append(&mut journal, &lines[5_000..7_000]);
    running.wait("the freeze to be noticed", |progress| failures < progress.failures).await;
    signal("-CONT", &pid);
    running.wait("7,000 records", |progress| progress.connected && progress.cursor == 7_000).await;

    append(&mut journal, &lines[7_000..]);
    let (journal_dir, tail) = (journal.dir().to_owned(), journal.tail());
    journal.close();
    running.stop.cancel();
    running.task.await.expect("no panic").expect("drained");
    assert_eq!(running.progress.load().cursor, lines.len() as u64);

    let expected = TestDatabase::create().await;
    follow(&expected, &journal_dir, tail).await.expect("followed");
    assert_equal(&dump(database.pool()).await, &dump(&expected).await);
    database.stop().await.expect("stopped");
}

#[tokio::test]
async fn an_older_database_is_brought_up_to_date_and_a_newer_one_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let (whole, lost) = (dir.path().join("whole"), dir.path().join("lost"));
    let lines = stream::journal(5, 3_000);
    let begun = record(&whole, &lines[..1_000]);
    std::fs::create_dir(&lost).expect("a folder");
    for entry in std::fs::read_dir(&whole).expect("segments") {
        let entry = entry.expect("a segment");
        std::fs::copy(entry.path(), lost.join(entry.file_name())).expect("copied");
    }
    let (older, new) = (TestDatabase::create().await, TestDatabase::create().await);
    follow(&older, &whole, begun).await.expect("the first part");
    let tail = record(&whole, &lines[1_000..]);
    follow(&older, &whole, tail.clone()).await.expect("the rest");
    follow(&new, &whole, tail).await.expect("all at once");
    let expected = dump(&new).await;
    assert_equal(&dump(&older).await, &expected);

    // The journal lost what the database has.
    let ahead = follow(&older, &lost, Tail::of(&lost).expect("a journal")).await.expect_err("refused");
    assert!(matches!(ahead, WriterError::Ahead { cursor: 3_000.., journal: 1_000 }), "{ahead}");
    // Another journal began in its place, and is longer.
    let other = dir.path().join("other");
    let tail = record(&other, &stream::journal(6, 4_000));
    let refusal = follow(&older, &other, tail).await.expect_err("refused");
    assert!(matches!(refusal, WriterError::OtherJournal), "{refusal}");
    assert_equal(&dump(&older).await, &expected);
}
