//! The disk is full while it runs: nothing is decided that is not recorded.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use remora::{
    domain::Nanos,
    engine::EVENTS_MAX,
    hot_loop::core::EVENTS_PER_RECORD,
    journal::{Journal, Options, Record},
    sim::server,
    store::testing::TestDatabase,
};

use crate::{
    engine::{Engine, Home, complaints, number, settings},
    tables,
};

/// A file system of its own size; unmounted when dropped.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Returns `None` where that is not allowed.
    fn mount(at: &Path, bytes: usize) -> Option<SmallDisk> {
        fs::create_dir_all(at).expect("a folder");
        let disk = SmallDisk(at.to_owned());
        disk.tell(&["-t", "tmpfs", "-o", &format!("size={bytes}"), "tmpfs"]).then_some(disk)
    }

    fn grow(&self, bytes: usize) {
        assert!(self.tell(&["-o", &format!("remount,size={bytes}")]), "remounted");
    }

    fn tell(&self, arguments: &[&str]) -> bool {
        let mut command = Command::new("mount");
        command.args(arguments).arg(&self.0).output().is_ok_and(|output| output.status.success())
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg(&self.0).status();
    }
}

const SEGMENT: usize = 4 << 20;
/// As many records as one step may need, and some that the session may write before it is full.
const LEFT: usize = EVENTS_MAX / EVENTS_PER_RECORD + 4;

/// Fills a journal until little room is left in its only segment.
fn fill(dir: &Path) {
    let options = Options { segment_bytes: SEGMENT, sync_interval: Duration::from_millis(10) };
    let (mut journal, _) = Journal::open(dir, &options).expect("a new journal");
    let version = "x".repeat(400);
    while journal.reserve(LEFT).is_ok() {
        journal.append(Nanos(1), &Record::Session { version: &version, config: 0 });
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_halts_it_and_room_lets_it_go_on() {
    let home = Home::new();
    let Some(disk) = SmallDisk::mount(&home.journal(), SEGMENT + (64 << 10)) else {
        println!("skipped: a small disk can only be mounted by root");
        return;
    };
    fill(&home.journal());
    let venue = server::Options { rate_percent: 300, ..server::Options::default() };
    let venue = server::Server::start(venue).await.expect("a venue");
    let pool = TestDatabase::create().await;
    let config = home.write("config.toml", &settings(&venue, "[journal]\nsegment_mib = 4\n"));
    let url = tables::url(&pool);
    let mut engine = Engine::run(&home, &config, &["--database-url", &url]);
    let mut why = String::new();
    let ended = loop {
        if let Some((503, health)) = engine.get("/readyz")
            && health.contains("halted")
        {
            why = health;
        }
        if let Some(status) = engine.has_ended() {
            break status;
        }
        tokio::time::sleep(Duration::from_millis(2)).await;
    };
    let output = engine.output();
    assert_eq!(ended.code(), Some(1), "{output}");
    assert!(output.contains("the journal has no room left, so the engine stopped"), "{output}");
    assert!(output.contains("fix: make room on that disk, then start again"), "{output}");
    assert_eq!(complaints(&output), Vec::<&str>::new(), "no part is blamed for it");
    // It is ready to go before it goes: whoever asks in that moment is told.
    assert!(why.is_empty() || why.contains("halted: the journal"), "{why:?}\n{output}");

    disk.grow(64 << 20);
    let mut engine = Engine::run(&home, &config, &["--database-url", &url]);
    engine.wait_until("a decision, and nothing waits", |status| {
        number(status, "orders") >= 1 && number(status, "parked") == 0
    });
    engine.stop();
    assert!(tables::ends_with_checkpoint(&home.journal()));
    tables::audit(&pool, &home.journal()).await;
    venue.stop().await;
}
