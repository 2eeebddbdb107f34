//! How the parts around the engine are: written by the part itself, read by the web and the metrics. Reading and writing never wait.

use std::sync::{
    Arc,
    atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
};

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use crate::domain::{Nanos, Usdc};

/// What went wrong last, and when; `at` is zero while nothing did.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trouble {
    pub at: Nanos,
    pub text: String,
}

/// How the writer (journal to Postgres) is.
#[derive(Debug, Default)]
pub struct StoreStatus {
    connected: AtomicBool,
    lag: AtomicU64,
    last_error: ArcSwap<Trouble>,
}

impl StoreStatus {
    /// Notes that a batch is committed and `lag` journal records are left to write.
    pub fn committed(&self, lag: u64) {
        self.lag.store(lag, Relaxed);
        self.connected.store(true, Relaxed);
    }

    /// Notes that the writer cannot write and `lag` journal records wait.
    pub fn failed(&self, now: Nanos, lag: u64, error: impl Into<String>) {
        self.lag.store(lag, Relaxed);
        self.connected.store(false, Relaxed);
        self.last_error.store(Arc::new(Trouble { at: now, text: error.into() }));
    }

    pub fn connected(&self) -> bool {
        self.connected.load(Relaxed)
    }

    /// Returns how many journal records are not in Postgres yet, as the writer last said.
    pub fn lag(&self) -> u64 {
        self.lag.load(Relaxed)
    }

    pub fn last_error(&self) -> Arc<Trouble> {
        self.last_error.load_full()
    }

    pub fn now(&self) -> StoreNow {
        StoreNow { connected: self.connected(), lag: self.lag(), last_error: Trouble::clone(&self.last_error()) }
    }

    /// Says what another process's status says.
    pub fn copy(&self, now: &StoreNow) {
        self.connected.store(now.connected, Relaxed);
        self.lag.store(now.lag, Relaxed);
        self.last_error.store(Arc::new(now.last_error.clone()));
    }
}

/// A [`StoreStatus`] at a moment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoreNow {
    pub connected: bool,
    pub lag: u64,
    pub last_error: Trouble,
}

/// How redemption is, as the redeemer last said; nothing of it without a wallet.
pub type RedeemStatus = ArcSwap<RedeemNow>;

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RedeemNow {
    /// Tokens whose shares are to be redeemed, what they pay, and since when the first of them waits.
    pub due: u64,
    pub due_usdc: Usdc,
    pub oldest: Option<Nanos>,
    /// Only the wallet's owner can.
    pub needs_owner: bool,
    /// Since the process began: redeemed by us and what it paid, redeemed by others, tries that failed.
    pub redeemed: u64,
    pub paid: Usdc,
    pub elsewhere: u64,
    pub failures: u64,
}

/// What a feed is there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Carries {
    /// Leaders' trades: one such feed that lives is enough.
    Trades,
    Others,
}

/// How one socket, or another source that is asked again and again, is. Counts are since the process began.
#[derive(Debug)]
pub struct FeedStatus {
    name: String,
    carries: Carries,
    /// Zero while there is no connection.
    connected_since: AtomicU64,
    last_data_at: AtomicU64,
    frames: AtomicU64,
    reconnects: AtomicU64,
    malformed: AtomicU64,
    first: AtomicU64,
    again: AtomicU64,
    missed: AtomicU64,
    last_error: ArcSwap<Trouble>,
}

impl FeedStatus {
    pub fn new(name: impl Into<String>) -> FeedStatus {
        FeedStatus::carrying(Carries::Others, name)
    }

    /// One that tells leaders' trades.
    pub fn of_trades(name: impl Into<String>) -> FeedStatus {
        FeedStatus::carrying(Carries::Trades, name)
    }

    fn carrying(carries: Carries, name: impl Into<String>) -> FeedStatus {
        FeedStatus {
            name: name.into(),
            carries,
            connected_since: AtomicU64::new(0),
            last_data_at: AtomicU64::new(0),
            frames: AtomicU64::new(0),
            reconnects: AtomicU64::new(0),
            malformed: AtomicU64::new(0),
            first: AtomicU64::new(0),
            again: AtomicU64::new(0),
            missed: AtomicU64::new(0),
            last_error: ArcSwap::default(),
        }
    }

    pub fn connected(&self, now: Nanos) {
        self.connected_since.store(now.0, Relaxed);
    }

    /// Notes that the connection is lost and will be made again.
    pub fn lost(&self, now: Nanos, error: impl Into<String>) {
        self.connected_since.store(0, Relaxed);
        self.reconnects.fetch_add(1, Relaxed);
        self.last_error.store(Arc::new(Trouble { at: now, text: error.into() }));
    }

    /// Notes a frame with data.
    pub fn frame(&self, now: Nanos) {
        self.last_data_at.store(now.0, Relaxed);
        self.frames.fetch_add(1, Relaxed);
    }

    /// Notes a frame that was refused.
    pub fn malformed(&self, now: Nanos, error: impl Into<String>) {
        self.malformed.fetch_add(1, Relaxed);
        self.last_error.store(Arc::new(Trouble { at: now, text: error.into() }));
    }

    /// Notes a leader's trade that it told before its like did.
    pub fn told_first(&self) {
        self.first.fetch_add(1, Relaxed);
    }

    /// Notes one that had been told.
    pub fn told_again(&self) {
        self.again.fetch_add(1, Relaxed);
    }

    /// Notes one that its like told and it did not.
    pub fn missed(&self) {
        self.missed.fetch_add(1, Relaxed);
    }

    /// Returns a status elsewhere that stands where this one stood.
    pub fn like(now: &FeedNow) -> FeedStatus {
        let status = FeedStatus::carrying(now.carries, now.name.clone());
        status.copy(now);
        status
    }

    /// Says what another process's status of the same feed says.
    pub fn copy(&self, now: &FeedNow) {
        let nanos = |moment: Option<Nanos>| moment.map_or(0, |at| at.0);
        self.connected_since.store(nanos(now.connected_since), Relaxed);
        self.last_data_at.store(nanos(now.last_data_at), Relaxed);
        self.frames.store(now.frames, Relaxed);
        self.reconnects.store(now.reconnects, Relaxed);
        self.malformed.store(now.malformed, Relaxed);
        self.first.store(now.first, Relaxed);
        self.again.store(now.again, Relaxed);
        self.missed.store(now.missed, Relaxed);
        self.last_error.store(Arc::new(now.last_error.clone()));
    }

    pub fn now(&self) -> FeedNow {
        let moment = |nanos: u64| (nanos != 0).then_some(Nanos(nanos));
        FeedNow {
            name: self.name.clone(),
            connected_since: moment(self.connected_since.load(Relaxed)),
            last_data_at: moment(self.last_data_at.load(Relaxed)),
            frames: self.frames.load(Relaxed),
            reconnects: self.reconnects.load(Relaxed),
            malformed: self.malformed.load(Relaxed),
            carries: self.carries,
            first: self.first.load(Relaxed),
            again: self.again.load(Relaxed),
            missed: self.missed.load(Relaxed),
            last_error: Trouble::clone(&self.last_error.load()),
        }
    }
}

/// A [`FeedStatus`] at a moment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FeedNow {
    pub name: String,
    pub connected_since: Option<Nanos>,
    pub last_data_at: Option<Nanos>,
    pub frames: u64,
    pub reconnects: u64,
    pub malformed: u64,
    pub carries: Carries,
    /// Leaders' trades that it told before its like, after it (or twice), and not at all.
    pub first: u64,
    pub again: u64,
    pub missed: u64,
    pub last_error: Trouble,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_says_what_happened_to_it() {
        let feed = FeedStatus::new("market 0");
        assert_eq!((feed.now().connected_since, feed.now().last_data_at), (None, None));
        feed.connected(Nanos(5));
        feed.frame(Nanos(6));
        feed.malformed(Nanos(7), "not JSON");
        assert_eq!(feed.now().connected_since, Some(Nanos(5)));
        feed.lost(Nanos(8), "reset by peer");
        let now = feed.now();
        assert_eq!((now.connected_since, now.last_data_at), (None, Some(Nanos(6))));
        assert_eq!((now.frames, now.reconnects, now.malformed), (1, 1, 1));
        assert_eq!(now.last_error, Trouble { at: Nanos(8), text: "reset by peer".into() });
    }

    #[test]
    fn the_writer_keeps_its_last_error_after_it_recovered() {
        let store = StoreStatus::default();
        assert!(!store.connected());
        store.failed(Nanos(1), 40, "connection refused");
        assert_eq!((store.connected(), store.lag()), (false, 40));
        store.committed(0);
        assert_eq!((store.connected(), store.lag()), (true, 0));
        assert_eq!(store.last_error().text, "connection refused");
    }
}
