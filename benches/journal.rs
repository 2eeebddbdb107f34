//! What an append costs the hot thread, beside the two usual ways in the same run, and how long recovery takes.
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
        Cause, Event, LeaderId, Nanos, OrderId, OrderKind, PortfolioId, Price, Shares, Side, SignalId, TokenId, Usdc,
        event::Submitted,
    },
    journal::{Journal, JournalError, Options, Record, recover},
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

    let bytes = [7; 76]; // as long as the record above
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

/// At 20,000 appends a second, while the sync thread works: one clock reading (about 28 ns) is in each.
fn print_percentiles(journal: &mut Journal) {
    let count = if is_small() { 100 } else { 100_000 };
    let mut histogram = hdrhistogram::Histogram::<u64>::new(3).expect("a histogram");
    for seq in 0..count {
        reserve(journal, 1);
        let began = Instant::now();
        journal.append(Nanos(seq), &submitted(seq));
        histogram.record(began.elapsed().as_nanos() as u64).expect("a length");
        while began.elapsed() < Duration::from_micros(50) {}
    }
    let at = |quantile| histogram.value_at_quantile(quantile);
    println!("append, paced: p50 {} p99 {} p99.9 {} max {} ns", at(0.5), at(0.99), at(0.999), histogram.max());
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

/// `cargo test` runs a bench with `--test`.
fn is_small() -> bool {
    std::env::args().any(|argument| argument == "--test")
}

criterion_group!(benches, appends, recovery);
criterion_main!(benches);
