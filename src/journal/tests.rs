//! The journal as a whole, on a real disk: whatever happens to it, what it gives back is what was appended, in order.

use std::{
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Command, Stdio},
    time::Duration,
};

use super::*;
use crate::domain::{
    Event, LeaderId, Market, Mode, Nanos, Numbers, OrderId, PortfolioId, SignalId, Skip, TokenId, Usdc, event::Filled,
};

const SMALL: Options = Options { segment_bytes: 8 * 1_024, sync_interval: Duration::from_millis(1) };
const TEXT: &str = "Will it rain? \u{1f327} \0 <script>";

/// Every kind of record, short and long, told apart by their number.
fn sample(seq: u64) -> Record<'static> {
    let (token, portfolio) = (TokenId(seq as u32), PortfolioId(seq as u16));
    match seq % 8 {
        0 => Record::Session { version: "0.1.0", config: seq },
        1 => Record::Token { id: token, text: TEXT },
        2 => Record::Market {
            token,
            market: Market::COMMON,
            about: MarketAbout {
                condition: TEXT,
                slug: TEXT,
                title: TEXT,
                outcome: "Yes",
                event: TEXT,
                tags: Some(TEXT),
            },
        },
        3 => Record::Leader { id: LeaderId(seq as u32), wallet: TEXT, name: "" },
        4 => Record::Portfolio { id: portfolio, strategy: "mirror", mode: Mode::Paper },
        5 => Record::Event(Event::Skipped {
            signal: SignalId(seq),
            portfolio,
            reason: Skip::TooOld,
            numbers: Numbers { limit: i64::MIN, actual: i64::MAX },
        }),
        6 => Record::Event(Event::Filled(Filled {
            order: OrderId(seq),
            shares: crate::domain::Shares(u64::MAX),
            cash: Usdc(-1),
            fee: Usdc(seq as i64),
            basis: Usdc(0),
            release_at: Nanos::NEVER,
        })),
        _ => Record::Checkpoint { state: seq },
    }
}

fn append(journal: &mut Journal, count: u64) {
    for _ in 0..count {
        while journal.reserve(1).is_err() {
            std::thread::sleep(Duration::from_millis(1));
        }
        let seq = journal.next_seq();
        assert_eq!(journal.append(Nanos(seq * 7), &sample(seq)), seq);
    }
}

/// Reads everything from `from` on, compares it with what was appended, and returns how many records there are.
fn verify(dir: &Path, from: u64, tail: &Tail) -> u64 {
    let mut reader = Reader::open(dir, from, tail.clone()).expect("a reader");
    let mut expected = from;
    while let Some((seq, at, record)) = reader.read().expect("a record") {
        assert_eq!((seq, at, record), (expected, Nanos(expected * 7), sample(expected)));
        expected += 1;
    }
    expected
}

#[test]
fn what_was_appended_is_read_back_from_any_record_on() {
    let dir = tempfile::tempdir().expect("a folder");
    for round in 0..3 {
        let (mut journal, found) = Journal::open(dir.path(), &SMALL).expect("opened");
        assert_eq!(found, Found { records: round * 500, torn: None });
        append(&mut journal, 500);
        assert_eq!(journal.tail().written(), journal.next_seq());
        journal.close();
    }
    let segments = segment::list(dir.path()).expect("segments").len();
    assert!(segments > 8, "{segments} segments");
    let tail = Tail::of(dir.path()).expect("whole");
    for from in [0, 1, 499, 500, 777, 1_499, 1_500] {
        assert_eq!(verify(dir.path(), from, &tail), 1_500);
    }
    assert!(matches!(
        Reader::open(dir.path(), 1_501, tail),
        Err(JournalError::Ahead { wanted: 1_501, next: 1_500, .. })
    ));
}

#[test]
fn a_close_syncs_everything() {
    let dir = tempfile::tempdir().expect("a folder");
    let options = Options { sync_interval: Duration::from_secs(3_600), ..SMALL };
    let (mut journal, _) = Journal::open(dir.path(), &options).expect("opened");
    append(&mut journal, 20);
    let tail = journal.tail();
    journal.close();
    assert_eq!((tail.written(), tail.synced()), (20, 20));
}

#[test]
fn a_reader_follows_while_records_are_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = Journal::open(dir.path(), &SMALL).expect("opened");
    let tail = journal.tail();
    std::thread::scope(|scope| {
        scope.spawn(|| append(&mut journal, 5_000));
        let mut from = 0;
        while from < 5_000 {
            from = verify(dir.path(), from, &tail);
        }
    });
}

#[test]
fn one_engine_writes_into_a_directory() {
    let dir = tempfile::tempdir().expect("a folder");
    let (journal, _) = Journal::open(dir.path(), &SMALL).expect("opened");
    let refusal = Journal::open(dir.path(), &SMALL).expect_err("refused");
    assert!(matches!(refusal, JournalError::InUse { .. }), "{refusal}");
    journal.close();
    Journal::open(dir.path(), &SMALL).expect("opened again");
}

#[test]
fn a_torn_end_is_cut_off_and_the_journal_goes_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = Journal::open(dir.path(), &SMALL).expect("opened");
    append(&mut journal, 10);
    journal.close();
    let path = segment::path_of(dir.path(), 1);
    let checked = check::check(dir.path()).expect("whole").expect("a journal");
    let mut bytes = std::fs::read(&path).expect("bytes");
    bytes.truncate(checked.offset as usize);
    bytes.extend([0xff; 37]);
    std::fs::write(&path, &bytes).expect("written");

    let (mut journal, found) = Journal::open(dir.path(), &SMALL).expect("opened");
    let torn = Torn { path: path.clone(), offset: checked.offset, bytes: 37 };
    assert_eq!(found, Found { records: 10, torn: Some(torn) });
    append(&mut journal, 500);
    assert_eq!(verify(dir.path(), 0, &journal.tail()), 510);
}

#[test]
fn damage_in_the_middle_is_refused_and_left_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = Journal::open(dir.path(), &SMALL).expect("opened");
    append(&mut journal, 500);
    journal.close();
    let second = segment::path_of(dir.path(), 2);
    let whole = std::fs::read(&second).expect("bytes");
    let mut bytes = whole.clone();
    bytes[4_000] ^= 1;
    std::fs::write(&second, &bytes).expect("written");
    let refusal = Journal::open(dir.path(), &SMALL).expect_err("refused").to_string();
    assert!(refusal.contains("0000000002.journal") && refusal.contains("restore"), "{refusal}");
    assert_eq!(std::fs::read(&second).expect("bytes"), bytes);

    std::fs::remove_file(&second).expect("removed");
    let refusal = Journal::open(dir.path(), &SMALL).expect_err("refused").to_string();
    assert!(refusal.contains("0000000003.journal") && refusal.contains("missing"), "{refusal}");
    std::fs::write(&second, &whole).expect("restored");
    assert_eq!(Journal::open(dir.path(), &SMALL).expect("opened").1.records, 500);
}

/// Runs the ignored test `name` of this program in a process of its own.
fn child(wrapper: &[&str], name: &str, dir: &Path) -> Command {
    let program = std::env::current_exe().expect("this program");
    let mut words = wrapper.iter().map(|word| word.to_string()).chain([program.display().to_string()]);
    let mut command = Command::new(words.next().expect("a program"));
    command.args(words).args([name, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env("JOURNAL_DIR", dir).stdout(Stdio::piped());
    command
}

fn child_dir() -> std::path::PathBuf {
    std::env::var_os("JOURNAL_DIR").expect("set by the parent").into()
}

#[test]
fn kill_nine_loses_nothing_that_was_acknowledged() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut acknowledged = 0;
    for round in 0..12_u64 {
        let mut process =
            child(&[], "journal::tests::child_appends_until_killed", dir.path()).spawn().expect("a child");
        let mut lines = BufReader::new(process.stdout.take().expect("its output")).lines();
        // Killed after a number of acknowledgements that jumps about, a few segments at most.
        let last = 1 + round * 7_919 % 400;
        let mut acknowledge = |line: String| {
            if let Some(seq) = line.strip_prefix("acknowledged ") {
                acknowledged = seq.parse::<u64>().expect("a number") + 1;
            }
        };
        // The test harness of the child says a few lines first.
        for _ in 0..last + 4 {
            acknowledge(lines.next().expect("it runs").expect("a line"));
        }
        process.kill().expect("killed");
        // What is still in the pipe was acknowledged, too. A line is one write: there are no halves.
        lines.map_while(Result::ok).for_each(acknowledge);
        process.wait().expect("it ended");
        let tail = Tail::of(dir.path()).expect("whole");
        let records = verify(dir.path(), 0, &tail);
        assert!(acknowledged <= records, "round {round}: {acknowledged} were acknowledged, {records} are there");
    }
    assert!(acknowledged > 500, "{acknowledged}");
}

#[test]
#[ignore = "a child of kill_nine_loses_nothing_that_was_acknowledged"]
fn child_appends_until_killed() {
    let (mut journal, _) = Journal::open(&child_dir(), &SMALL).expect("opened");
    let mut output = std::io::stdout();
    loop {
        append(&mut journal, 1);
        writeln!(output, "acknowledged {}", journal.next_seq() - 1).expect("written");
    }
}

#[test]
fn a_full_disk_is_refused_before_anything_is_written_and_the_journal_goes_on_when_there_is_room() {
    let dir = tempfile::tempdir().expect("a folder");
    let mount = r#"mount -t tmpfs -o size=1m none "$JOURNAL_DIR" && exec "$0" "$@""#;
    let wrapper = ["unshare", "--mount", "--map-root-user", "sh", "-c", mount];
    let possible = Command::new("unshare").args(["--mount", "--map-root-user", "true"]).status();
    if !possible.is_ok_and(|status| status.success()) {
        println!("SKIPPED: no mount namespaces here, so no disk of 1 MiB to fill");
        return;
    }
    let output = child(&wrapper, "journal::tests::child_fills_a_disk", dir.path()).output().expect("a child");
    let output = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.contains("1 passed"), "{output}");
}

#[test]
#[ignore = "a child of a_full_disk_is_refused"]
fn child_fills_a_disk() {
    let (dir, ballast) = (child_dir().join("journal"), child_dir().join("ballast"));
    std::fs::write(&ballast, vec![1; 300 * 1_024]).expect("300 of 1,024 KiB");
    let options = Options { segment_bytes: 128 * 1_024, ..SMALL };
    let (mut journal, _) = Journal::open(&dir, &options).expect("opened");
    let full = loop {
        match journal.reserve(1) {
            Ok(()) => {
                let seq = journal.next_seq();
                journal.append(Nanos(seq * 7), &sample(seq));
            }
            Err(Full { trouble: Some(trouble) }) => break trouble,
            Err(Full { trouble: None }) => std::thread::yield_now(),
        }
    };
    assert!(full.contains("No space left"), "{full}");
    let before = journal.next_seq();
    assert_eq!(verify(&dir, 0, &journal.tail()), before);
    std::fs::remove_file(&ballast).expect("removed");
    append(&mut journal, 500);
    journal.close();
    let (journal, found) = Journal::open(&dir, &options).expect("opened");
    assert_eq!(found, Found { records: before + 500, torn: None });
    assert_eq!(verify(&dir, 0, &journal.tail()), before + 500);
}

#[test]
fn a_text_that_is_too_long_is_refused() {
    let long = "x".repeat(PAYLOAD_MAX);
    let about = MarketAbout { title: &long, ..MarketAbout::default() };
    assert_eq!(fits(&Record::Market { token: TokenId(0), market: Market::COMMON, about }), Err(TooLong));
    assert_eq!((0..8).map(|seq| fits(&sample(seq))).collect::<Vec<_>>(), [Ok(()); 8]);
}

#[test]
fn recovery_ends_at_the_first_error() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut journal, _) = Journal::open(dir.path(), &SMALL).expect("opened");
    append(&mut journal, 100);
    let tail = journal.tail();
    let mut count = 0;
    let all: Result<u64, JournalError> = recover(dir.path(), &tail, |_, _, _| {
        count += 1;
        Ok(())
    });
    assert_eq!((all.expect("recovered"), count), (100, 100));
    let stopped: Result<u64, Box<dyn std::error::Error>> =
        recover(dir.path(), &tail, |seq, _, _| if seq == 42 { Err("stop".into()) } else { Ok(()) });
    assert_eq!(stopped.expect_err("stopped").to_string(), "stop");
}
