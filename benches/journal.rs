//! What an append costs the hot thread, beside the two usual ways in the same run; how long recovery takes, and the
//! way into Postgres.
//!
//! `cargo bench --bench journal`; `cargo test --benches` runs it small.

use std::{
    fs::File,
    io::Write,
    path::Path,
    time::{Duration, Instant},
};

use criterion::{Criterion, criterion_group, criterion_main};
use remora::{
    domain::{
        Cause, Event, LeaderId, Mode, Nanos, OrderEnd, OrderId, OrderKind, PortfolioId, Price, Shares, Side, SignalId,
        TokenId, Usdc,
        event::{Filled, Submitted},
    },
    journal::{Journal, JournalError, Options, Record, recover},
    store::{Batches, Writer, testing::TestDatabase},
};

/// One of the longest events.
fn submitted(seq: u64) -> Record<'static> {
    let price = |micros| Price::from_micros(micros).expect("a price");
    Record::Event(Event::Submitted(Submitted {
        order: OrderId(seq),
        signal: SignalId(seq),
        portfolio: PortfolioId(3),
        leader: LeaderId(40),
        token: TokenId(500),
        side: Side::Buy,
        kind: OrderKind::Fak,
        cause: Cause::Entry,
        limit: price(560_000),
        shares: Shares::whole(80),
        budget: Usdc::whole(40),
        reserved: Usdc::whole(41),
        touch: price(540_000),
        reference: price(530_000),
        attempt: 1,
    }))
}

/// A folder on the disk that the program is built on: /tmp may be memory.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).expect("a folder")
}

fn reserve(journal: &mut Journal, records: usize) {
    while journal.reserve(records).is_err() {
        std::thread::sleep(Duration::from_millis(1));
    }
}

fn appends(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("journal");
    let dir = folder();
    let (mut journal, _) = Journal::open(&dir.path().join("journal"), &Options::default()).expect("a journal");
    group.bench_function("append", |bench| {
        bench.iter_custom(|count| {
            let (mut spent, mut left) = (Duration::ZERO, count);
            while 0 < left {
                let records = left.min(1_000);
                reserve(&mut journal, records as usize);
                let began = Instant::now();
                for seq in 0..records {
                    journal.append(Nanos(seq), &submitted(seq));
                }
                spent += began.elapsed();
                left -= records;
            }
            spent
        });
    });
    print_percentiles(&mut journal);
    journal.close();

    let bytes = [7; 64]; // as long as the record above
    let mut file = File::create(dir.path().join("write")).expect("a file");
    group.bench_function("peer: write()", |bench| bench.iter(|| file.write_all(&bytes).expect("written")));
    let mut file = File::create(dir.path().join("write_and_sync")).expect("a file");
    group.sample_size(10);
    group.bench_function("peer: write() + fdatasync()", |bench| {
        bench.iter(|| {
            file.write_all(&bytes).expect("written");
            file.sync_data().expect("synced");
        });
    });
    group.finish();
}

/// Five times a millisecond a step with 4 events, while the sync thread works. Lengths are per append, without the
/// clock's.
fn print_percentiles(journal: &mut Journal) {
    let steps = if is_small() { 100 } else { 50_000 };
    let mut histogram = hdrhistogram::Histogram::<u64>::new(3).expect("a histogram");
    let clock = (0..1_000).map(|_| Instant::now().elapsed().as_nanos()).min().expect("some") as u64;
    for step in 0..steps {
        reserve(journal, 4);
        let began = Instant::now();
        for event in 0..4 {
            journal.append(Nanos(step), &submitted(step + event));
        }
        let length = began.elapsed().as_nanos() as u64;
        histogram.record(length.saturating_sub(clock) / 4).expect("a length");
        while began.elapsed() < Duration::from_micros(200) {}
    }
    let at = |quantile| histogram.value_at_quantile(quantile);
    println!("append, paced: p10 {} p50 {} p99 {} p99.9 {} ns", at(0.1), at(0.5), at(0.99), at(0.999));
}

fn recovery(_: &mut Criterion) {
    let records = if is_small() { 1_000 } else { 1_000_000 };
    let dir = folder();
    let (mut journal, _) = Journal::open(dir.path(), &Options::default()).expect("a journal");
    for seq in 0..records {
        reserve(&mut journal, 1);
        journal.append(Nanos(seq), &submitted(seq));
    }
    journal.close();
    let began = Instant::now();
    let (journal, found) = Journal::open(dir.path(), &Options::default()).expect("a journal");
    let opened = began.elapsed();
    let count = replay(dir.path(), &journal);
    assert_eq!((found.records, count), (records, records));
    println!("recovery of {records} records: {:?}, of which opening and verifying {opened:?}", began.elapsed());
}

fn replay(dir: &Path, journal: &Journal) -> u64 {
    let mut sum = 0;
    let count = recover::<JournalError>(dir, &journal.tail(), |seq, _, record| {
        sum += seq;
        std::hint::black_box(record);
        Ok(())
    });
    std::hint::black_box(sum);
    count.expect("recovered")
}

/// The writer, in batches as its loop makes them: orders that are submitted, accepted, filled and closed.
fn projection(_: &mut Criterion) {
    let orders = if is_small() { 100 } else { 50_000 };
    let portfolio = PortfolioId(3);
    let names = [
        Record::Portfolio { id: portfolio, strategy: "mirror", mode: Mode::Paper },
        Record::Event(Event::Deposited { portfolio, amount: Usdc::whole(1_000_000_000) }),
    ];
    let lives = (1..=orders).flat_map(|id| {
        let (order, shares, cash) = (OrderId(id), Shares::whole(80), Usdc::whole(40));
        let filled = Filled { order, shares, cash, fee: Usdc(500_000), basis: Usdc::ZERO, release_at: Nanos::ZERO };
        let closed = Event::Closed { order, end: OrderEnd::Filled, released: Usdc(500_000) };
        [
            submitted(id),
            Record::Event(Event::Accepted { order }),
            Record::Event(Event::Filled(filled)),
            Record::Event(closed),
        ]
    });
    let records: Vec<Record<'_>> = names.into_iter().chain(lives).collect();
    let runtime = tokio::runtime::Runtime::new().expect("a runtime");
    let spent = runtime.block_on(async {
        let pool = TestDatabase::create().await;
        let began = Instant::now();
        let mut writer = Writer::open(&pool, 1).await.expect("a writer");
        for (seq, record) in (0..).zip(&records) {
            writer.fold(seq, Nanos::from_millis(seq), record).expect("folded");
            if writer.pending() == Batches::default().records_max {
                writer = writer.commit().await.expect("committed");
            }
        }
        writer.commit().await.expect("committed");
        began.elapsed()
    });
    let rate = records.len() as f64 / spent.as_secs_f64();
    println!("projection of {} records into Postgres: {spent:?}, {rate:.0} a second", records.len());
}

/// `cargo bench` says `--bench`; in tests a bench runs without it, or with `--test`.
fn is_small() -> bool {
    let asked = |name: &str| std::env::args().any(|argument| argument == name);
    asked("--test") || !asked("--bench")
}

criterion_group!(benches, appends, recovery, projection);
criterion_main!(benches);
