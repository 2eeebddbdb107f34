//! How much we may ask of the venue, kept here as the venue keeps it: token buckets for each signer's orders and cancels
//! (PROTOCOL.md 2.12) and for groups of reads. Exits come before entries: an entry leaves half of the orders' bucket alone.
//! Pure.

use crate::domain::Nanos;

/// The lowest tier's: a higher one has more than we use.
const ORDERS: Rate = Rate { per_second: 40, burst: 60 };
const CANCELS: Rate = Rate { per_second: 80, burst: 120 };
/// `/data/orders`, `/data/trades` and orders by id: 500 in ten seconds for this address; half of it is ours.
const READS: Rate = Rate { per_second: 25, burst: 50 };
/// Balances, keys and the rest: the least is 50 in ten seconds.
const ACCOUNT: Rate = Rate { per_second: 2, burst: 10 };
/// What an entry leaves in the orders' bucket.
const LEFT_FOR_EXITS: i64 = 30;
const NANOS: i64 = 1_000_000_000;

/// What is asked of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Draw {
    Entry,
    Exit,
    Cancel,
    Read,
    Account,
}

#[derive(Clone, Copy, Debug)]
struct Rate {
    per_second: u64,
    burst: i64,
}

/// The buckets of one signer.
#[derive(Clone, Debug)]
pub struct Buckets {
    orders: Bucket,
    cancels: Bucket,
    reads: Bucket,
    account: Bucket,
}

/// Levels are in billionths of a token: exact, since rates are per second.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    rate: Rate,
    level: i64,
    at: Nanos,
    /// Nothing before this: the venue said so.
    shut_until: Nanos,
}

impl Default for Buckets {
    fn default() -> Buckets {
        Buckets {
            orders: Bucket::full(ORDERS),
            cancels: Bucket::full(CANCELS),
            reads: Bucket::full(READS),
            account: Bucket::full(ACCOUNT),
        }
    }
}

impl Buckets {
    /// Takes a token, if there is one for this. Nothing is taken where there is none.
    pub fn draw(&mut self, now: Nanos, what: Draw) -> bool {
        let left = if what == Draw::Entry { LEFT_FOR_EXITS } else { 0 };
        self.bucket(what).draw(now, left)
    }

    /// Follows what the venue says of the bucket that this drew from: `remaining` tokens, and where it refused, until when.
    pub fn told(&mut self, now: Nanos, what: Draw, remaining: Option<i64>, shut_until: Option<Nanos>) {
        let bucket = self.bucket(what);
        bucket.fill(now);
        if let Some(remaining) = remaining {
            // The venue has counted what ours cannot know: another process of the same signer.
            bucket.level = bucket.level.min(remaining.clamp(-bucket.rate.burst, bucket.rate.burst) * NANOS);
        }
        if let Some(until) = shut_until {
            bucket.shut_until = bucket.shut_until.max(until);
        }
    }

    fn bucket(&mut self, what: Draw) -> &mut Bucket {
        match what {
            Draw::Entry | Draw::Exit => &mut self.orders,
            Draw::Cancel => &mut self.cancels,
            Draw::Read => &mut self.reads,
            Draw::Account => &mut self.account,
        }
    }
}

impl Bucket {
    fn full(rate: Rate) -> Bucket {
        Bucket { rate, level: rate.burst * NANOS, at: Nanos::ZERO, shut_until: Nanos::ZERO }
    }

    fn fill(&mut self, now: Nanos) {
        let gained = u128::from(now.since(self.at).0) * u128::from(self.rate.per_second);
        let gained = i64::try_from(gained).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(gained).min(self.rate.burst * NANOS);
        self.at = self.at.max(now);
    }

    fn draw(&mut self, now: Nanos, left: i64) -> bool {
        self.fill(now);
        let may = self.shut_until <= now && (left + 1) * NANOS <= self.level;
        self.level -= if may { NANOS } else { 0 };
        may
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: Nanos = Nanos::from_secs(1_000);

    fn drawn(buckets: &mut Buckets, now: Nanos, what: Draw) -> usize {
        (0..1_000).take_while(|_| buckets.draw(now, what)).count()
    }

    /// Binds: the bursts, the rates, and what entries leave for exits.
    #[test]
    fn entries_leave_half_for_exits_and_all_fill_again() {
        let mut buckets = Buckets::default();
        assert_eq!(drawn(&mut buckets, START, Draw::Entry), 30);
        assert_eq!(drawn(&mut buckets, START, Draw::Exit), 30);
        assert_eq!(drawn(&mut buckets, START, Draw::Cancel), 120);
        assert_eq!(drawn(&mut buckets, START, Draw::Read), 50);
        assert_eq!(drawn(&mut buckets, START, Draw::Account), 10);
        let later = START.plus(Nanos::from_millis(500));
        assert_eq!(drawn(&mut buckets, later, Draw::Entry), 0, "20 of 60: they are for exits");
        assert_eq!(drawn(&mut buckets, later, Draw::Exit), 20);
        assert_eq!(drawn(&mut buckets, later, Draw::Account), 1);
        let much_later = START.plus(Nanos::from_secs(1_000_000));
        assert_eq!(drawn(&mut buckets, much_later, Draw::Cancel), 120);
    }

    #[test]
    fn the_venues_word_counts_where_it_is_stricter() {
        let mut buckets = Buckets::default();
        buckets.told(START, Draw::Exit, Some(3), None);
        assert_eq!(drawn(&mut buckets, START, Draw::Exit), 3);
        buckets.told(START, Draw::Exit, Some(50), None);
        assert_eq!(drawn(&mut buckets, START, Draw::Exit), 0, "ours has counted more");
        buckets.told(START, Draw::Cancel, Some(-20), None);
        assert_eq!(drawn(&mut buckets, START.plus(Nanos::from_millis(250)), Draw::Cancel), 0, "debt is paid first");
        buckets.told(START, Draw::Read, None, Some(START.plus(Nanos::from_secs(2))));
        assert_eq!(drawn(&mut buckets, START.plus(Nanos::from_secs(1)), Draw::Read), 0);
        assert_eq!(drawn(&mut buckets, START.plus(Nanos::from_secs(2)), Draw::Read), 50);
    }
}
