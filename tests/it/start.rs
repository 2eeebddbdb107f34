//! What keeps it from starting: said in words that name the place and the fix, with nothing changed or left running.

use std::{
    fs,
    net::TcpListener,
    os::unix::{fs::FileExt, process::CommandExt},
    path::{Path, PathBuf},
    process::Output,
};

use remora::{
    journal::Tail,
    sim::server::{Options, Server},
    store::testing::TestDatabase,
};

use crate::{
    engine::{Engine, Home, free_port, number, remora, settings},
    tables,
};

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

/// Starts what cannot start, on `port`. It must end with `code`, and say all of `expected`.
#[track_caller]
fn refused(home: &Home, config: &Path, port: u16, more: &[&str], code: i32, expected: &[&str]) {
    let mut command = remora();
    command.arg("run").arg("--config").arg(config).arg("--data").arg(home.data());
    let output = command.args(["--listen", &format!("127.0.0.1:{port}")]).args(more).output().expect("it starts");
    let text = err(&output);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for expected in expected {
        assert!(text.contains(expected), "{expected:?} is not in:\n{text}");
    }
    assert!(!text.contains("panicked"), "{text}");
}

fn first_segment(home: &Home) -> PathBuf {
    let entries = fs::read_dir(home.journal()).expect("a journal").flatten().map(|entry| entry.path());
    entries.filter(|path| path.file_name().is_some_and(|name| name != "lock")).min().expect("a segment")
}

/// Where the records of a segment end: the rest of the file is zero.
fn records_end(bytes: &[u8]) -> usize {
    bytes.iter().rposition(|byte| *byte != 0).expect("records") + 1
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_or_closed_is_named() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a venue");
    let home = Home::new();
    let config = home.write("config.toml", &settings(&venue, ""));

    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("its address").port();
    refused(&home, &config, port, &[], 1, &[&format!("127.0.0.1:{port}"), "--listen", "in use"]);
    assert_eq!(home.postmaster(), None, "nothing is left running");

    // The lock is free, and the folder usable.
    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("a signal", |status| number(status, "signals") >= 1);
    let journal = home.journal().display().to_string();
    refused(&home, &config, free_port(), &[], 1, &["another engine uses the journal in", &journal, "--data"]);
    let before = number(&engine.status().expect("the first goes on"), "inputs");
    engine.wait_until("inputs, and Postgres", |status| {
        number(status, "inputs") > before && status["store"]["connected"] == true
    });
    engine.stop();
    venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settings_folders_and_addresses_that_are_wrong() {
    let venue = Server::start(Options::default()).await.expect("a venue");
    let home = Home::new();
    let wrong = home.write("wrong.toml", &settings(&venue, "[paper]\nfill_delay = 1\n"));
    refused(&home, &wrong, free_port(), &[], 2, &["wrong.toml", "fill_delay_ms"]);
    assert!(!home.data().exists(), "nothing was tried");

    let config = home.write("config.toml", &settings(&venue, ""));
    let nowhere = ["--database-url", "postgres://me:secret@127.0.0.1:1/tables"];
    refused(&home, &config, free_port(), &nowhere, 1, &["database tables of user me at 127.0.0.1:1", "DATABASE_URL"]);

    if fs::metadata("/proc/self").map(|me| std::os::unix::fs::MetadataExt::uid(&me)).expect("/proc") != 0 {
        println!("skipped: only root can try another user's rights");
        return;
    }
    let mut command = remora();
    command
        .arg("run")
        .arg("--config")
        .arg(&config)
        .arg("--data")
        .arg(home.path().join("closed"))
        .uid(65_534)
        .gid(65_534);
    let output = command.output().expect("it starts");
    let text = err(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains("closed cannot be made") && text.contains("--data FOLDER"), "{text}");
    venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_is_damaged_torn_or_anothers() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a venue");
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let (config, url) = (home.write("config.toml", &settings(&venue, "")), tables::url(&pool));
    let database = ["--database-url", url.as_str()];
    let mut engine = Engine::run(&home, &config, &database);
    engine.wait_until("orders", |status| number(status, "orders") >= 2);
    engine.stop();

    // A bit flips in the middle: nobody guesses.
    let path = first_segment(&home);
    let whole = fs::read(&path).expect("a segment");
    let (end, middle) = (records_end(&whole), records_end(&whole) / 2);
    let file = fs::OpenOptions::new().write(true).open(&path).expect("writable");
    file.write_all_at(&[whole[middle] ^ 4], middle as u64).expect("flipped");
    let damaged = fs::read(&path).expect("a segment");
    let named = path.display().to_string();
    refused(
        &home,
        &config,
        free_port(),
        &database,
        1,
        &["the journal is damaged", &named, "at byte", "nothing was changed"],
    );
    assert!(fs::read(&path).expect("a segment") == damaged, "nothing was changed");
    file.write_all_at(&whole[middle..=middle], middle as u64).expect("mended");

    // A record that was being written when the machine stopped: cut off, and said.
    let records = Tail::of(&home.journal()).expect("whole").written();
    let torn_at = end.next_multiple_of(8) as u64;
    file.write_all_at(&whole[whole.len().min(64)..whole.len().min(100)], torn_at).expect("a torn record");
    let mut engine = Engine::run(&home, &config, &database);
    engine.wait_until("more than before", |status| {
        number(status, "journal_next_seq") > records
            && status["store"]["connected"] == true
            && number(status, "parked") == 0
    });
    let output = engine.stop();
    assert!(output.contains("a half-written record were cut off"), "{output}");
    tables::audit(&pool, &home.journal()).await;

    // Tables of another journal are not written to, and trading goes on.
    let other = Home::new();
    let rows = tables::count(&pool, "select count(*) from events").await;
    let mut engine = Engine::run(&other, &config, &database);
    let status = engine.wait_until("signals", |status| {
        number(status, "signals") >= 1
            && status["store"]["connected"] == false
            && status["store"]["last_error"]["text"] != ""
    });
    assert!(status["store"]["last_error"]["text"].to_string().contains("made from another journal"), "{status:#}");
    engine.stop();
    assert_eq!(tables::count(&pool, "select count(*) from events").await, rows);
    venue.stop().await;
}
