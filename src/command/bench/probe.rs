//! What the parts under the engine cost here: a look at the clock, a signature, a thread that is woken, the disk.

use std::{
    fs::File,
    io::{self, Write},
    path::Path,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering::Acquire, Ordering::Release},
    },
    thread,
    time::Duration,
};

use alloy::primitives::B256;
use serde::Serialize;

use super::figure::{Figure, histogram};
use crate::{
    clock::mono,
    domain::{Event, Nanos, TokenId},
    journal::{Journal, Options, Record},
    venue::polymarket::Key,
};

/// How long a thread sleeps before it is woken, and between two records: long enough for the system to think it idle.
const PAUSE: Duration = Duration::from_micros(200);

#[derive(Clone, Copy, Debug, Serialize)]
pub struct Clock {
    /// What a look costs, and the least that it tells apart.
    pub read_ns: u64,
    pub resolution_ns: u64,
}

/// Looks often. The least of some rounds counts: in others somebody else had the core.
pub fn clock() -> Clock {
    const ROUNDS: usize = 100;
    const LOOKS: u64 = 1_000;
    let mut resolution_ns = u64::MAX;
    let mut round = || {
        let began = mono();
        let mut before = began;
        for _ in 0..LOOKS {
            let now = mono();
            if before < now {
                resolution_ns = resolution_ns.min(now - before);
            }
            before = now;
        }
        (before - began) / LOOKS
    };
    let read_ns = (0..ROUNDS).map(|_| round()).min().unwrap_or_default();
    Clock { read_ns, resolution_ns }
}

/// Signs again and again for `length`, as an order is signed that was not foreseen.
pub fn signatures(key: &Key, length: Duration) -> Figure {
    let mut took = histogram();
    let until = mono() + length.as_nanos() as u64;
    let mut digest = [0; 32];
    while mono() < until {
        digest[..8].copy_from_slice(&took.len().to_be_bytes());
        let began = mono();
        std::hint::black_box(key.sign(B256::new(digest)));
        took.saturating_record(mono() - began);
    }
    Figure::of(&took)
}

/// From one thread's word to another one that waits for it.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Waking {
    /// It sleeps, and is woken.
    pub parked: Figure,
    /// It looks all the time. On one core it cannot: nothing is measured.
    pub spinning: Figure,
}

pub fn waking(cores: usize, length: Duration) -> Waking {
    let spinning = if cores < 2 { Figure::default() } else { handed(length / 2, std::hint::spin_loop) };
    Waking { parked: handed(length / 2, || thread::park_timeout(Duration::from_millis(100))), spinning }
}

/// Hands the time over to a thread that waits in such a way, until `length` is over.
fn handed(length: Duration, wait: impl Fn() + Send + 'static) -> Figure {
    /// What ends the other thread.
    const LAST: u64 = u64::MAX;
    let word = Arc::new(AtomicU64::new(0));
    let heard = Arc::clone(&word);
    let other = thread::spawn(move || {
        let (mut took, mut before) = (histogram(), 0);
        loop {
            match heard.load(Acquire) {
                LAST => return Figure::of(&took),
                same if same == before => wait(),
                at => {
                    took.saturating_record(mono().saturating_sub(at));
                    before = at;
                }
            }
        }
    });
    let until = mono() + length.as_nanos() as u64;
    while mono() < until {
        thread::sleep(PAUSE);
        word.store(mono(), Release);
        other.thread().unpark();
    }
    thread::sleep(PAUSE);
    word.store(LAST, Release);
    other.thread().unpark();
    other.join().expect("it only looks at the clock")
}

/// What a record costs on the disk of `folder`.
#[derive(Clone, Debug, Serialize)]
pub struct Disk {
    /// A record into the journal, as the hot thread appends it, while another thread syncs.
    pub append: Figure,
    /// 4 KiB onto the disk, and waited for.
    pub sync: Figure,
}

pub fn disk(folder: &Path, length: Duration) -> Result<Disk, String> {
    let append = appends(&folder.join("appends"), length / 2)?;
    let sync = syncs(&folder.join("syncs"), length / 2).map_err(|error| format!("{}: {error}", folder.display()))?;
    Ok(Disk { append, sync })
}

fn appends(folder: &Path, length: Duration) -> Result<Figure, String> {
    let (mut journal, _) = Journal::open(folder, &Options::default()).map_err(|error| error.to_string())?;
    let record = Record::Event(Event::Resynced { token: TokenId(0) });
    let mut took = histogram();
    let until = mono() + length.as_nanos() as u64;
    while mono() < until {
        journal.reserve(1).map_err(|full| full.to_string())?;
        let began = mono();
        journal.append(Nanos(began), &record);
        took.saturating_record(mono() - began);
        thread::sleep(PAUSE);
    }
    journal.close();
    Ok(Figure::of(&took))
}

fn syncs(path: &Path, length: Duration) -> io::Result<Figure> {
    let mut file = File::create(path)?;
    let mut took = histogram();
    let until = mono() + length.as_nanos() as u64;
    while mono() < until {
        let began = mono();
        file.write_all(&[7; 4096])?;
        file.sync_data()?;
        took.saturating_record(mono() - began);
    }
    Ok(Figure::of(&took))
}
