//! What became of what each leader bought: built from signals and resolutions alone, so that recovery has the same.

use crate::domain::{LeaderId, Shares, Side, TokenId, event::How, event::Signal, money::ONE};
use crate::engine::LEADERS_MAX;

/// Stakes (what a leader bought of a token) that are watched to their end, in sets of [`WAYS`]: the one that was longest
/// untouched makes room for a new one of its set, and is then no part of the record.
pub const STAKES_MAX: usize = SETS * WAYS;
const SETS: usize = 4_096;
const WAYS: usize = 8;

/// Ended stakes of a leader that count in full; then the older ones count half.
const ENDS_MAX: i64 = 200;
/// A record begins as if there had been so many stakes that earned nothing: a few lucky ones prove little.
const ENDS_BEFORE: i64 = 10;
/// A stake ended when less than this part of what was bought is left.
const DUST_PPM: u64 = 10_000;

#[derive(Clone, Copy, Debug, Default)]
struct Stake {
    /// Zero: nothing is here.
    key: u64,
    /// Shares held, and shares ever bought.
    held: Shares,
    bought: Shares,
    /// Dollars paid and got back, in millionths.
    paid: i64,
    back: i64,
    /// The last signal that changed it.
    touched: u64,
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    /// What each ended stake earned a share (millionths of a dollar), added up.
    earned: i64,
    ends: i64,
}

#[derive(Debug)]
pub struct Records {
    stakes: Box<[Stake]>,
    leaders: Box<[Record]>,
    /// One more than the highest leader seen: a resolution asks all of them.
    leaders_seen: u32,
    /// Every change mixed into one number: what decides must be in the state's hash.
    digest: u64,
}

impl Default for Records {
    fn default() -> Records {
        let leaders = vec![Record::default(); LEADERS_MAX].into();
        Records { stakes: vec![Stake::default(); STAKES_MAX].into(), leaders, leaders_seen: 0, digest: 0 }
    }
}

impl Records {
    /// Returns what a share of the leader's ended stakes earned on average, in millionths of a dollar, drawn towards zero
    /// while there are few.
    ///
    /// Who buys at fair prices and holds has zero here, however often he wins: a favourite that wins earns little, one that
    /// loses costs much.
    pub fn of(&self, leader: LeaderId) -> i32 {
        let Record { earned, ends } = self.leaders.get(leader.index()).copied().unwrap_or_default();
        (earned / (ends + ENDS_BEFORE)).clamp(-(ONE as i64), ONE as i64) as i32
    }

    pub fn digest(&self) -> u64 {
        self.digest
    }

    pub(in crate::engine) fn trade(&mut self, signal: &Signal) {
        if LEADERS_MAX <= signal.leader.index() {
            return;
        }
        let key = key(signal.leader, signal.token);
        self.leaders_seen = self.leaders_seen.max(signal.leader.0 + 1);
        match signal.side {
            Side::Buy => {
                let stake = self.slot(key);
                stake.touched = signal.signal.0;
                stake.held = Shares(stake.held.0.saturating_add(signal.shares.0));
                stake.bought = Shares(stake.bought.0.saturating_add(signal.shares.0));
                stake.paid = stake.paid.saturating_add(signal.price.cost_ceil(signal.shares).0);
            }
            Side::Sell => {
                let Some(stake) = self.find(key) else { return };
                stake.touched = signal.signal.0;
                // He may have held some before we began to watch.
                let sold = signal.shares.min(stake.held);
                let back = match signal.how {
                    How::Traded => signal.price.cost_floor(sold).0,
                    // Nobody knows what he got: neither gain nor loss.
                    How::Left | How::Observed => part(stake.paid, sold, stake.bought),
                };
                stake.held = stake.held - sold;
                stake.back = stake.back.saturating_add(back);
                let ended = *stake;
                if stake.held <= stake.bought.part_floor(DUST_PPM) {
                    *stake = Stake::default();
                    self.ended(signal.leader, &ended, 0);
                }
            }
        }
        self.mix(key ^ signal.shares.0.rotate_left(32));
    }

    /// Ends the stakes of all leaders in a token that pays `payout` millionths a share.
    pub(in crate::engine) fn resolved(&mut self, token: TokenId, payout: u32) {
        for leader in (0..self.leaders_seen).map(LeaderId) {
            if let Some(stake) = self.find(key(leader, token)) {
                let ended = std::mem::take(stake);
                self.ended(leader, &ended, payout);
            }
        }
        self.mix(u64::from(token.0) << 32 | u64::from(payout));
    }

    fn ended(&mut self, leader: LeaderId, stake: &Stake, payout: u32) {
        let paid_out = i128::from(stake.held.0) * i128::from(payout) / i128::from(ONE);
        let gain = i128::from(stake.back) + paid_out - i128::from(stake.paid);
        let a_share = gain * i128::from(ONE) / i128::from(stake.bought.0.max(1));
        let record = &mut self.leaders[leader.index()];
        record.earned += a_share.clamp(-i128::from(ONE), i128::from(ONE)) as i64;
        record.ends += 1;
        if record.ends == ENDS_MAX {
            *record = Record { earned: record.earned / 2, ends: record.ends / 2 };
        }
    }

    fn set(key: u64) -> std::ops::Range<usize> {
        let set = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize % SETS;
        set * WAYS..(set + 1) * WAYS
    }

    fn find(&mut self, key: u64) -> Option<&mut Stake> {
        self.stakes[Self::set(key)].iter_mut().find(|stake| stake.key == key)
    }

    /// Returns the stake of `key`, empty if it is new.
    fn slot(&mut self, key: u64) -> &mut Stake {
        let set = &mut self.stakes[Self::set(key)];
        let known = set.iter().position(|stake| stake.key == key);
        // One that was never used was touched by no signal at all.
        let oldest = || set.iter().enumerate().min_by_key(|(_, stake)| stake.touched).map_or(0, |(way, _)| way);
        let way = known.unwrap_or_else(oldest);
        if set[way].key != key {
            set[way] = Stake { key, ..Stake::default() };
        }
        &mut set[way]
    }

    fn mix(&mut self, value: u64) {
        self.digest = (self.digest.rotate_left(7) ^ value).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }
}

fn key(leader: LeaderId, token: TokenId) -> u64 {
    // Never zero, which means that nothing is there.
    (u64::from(leader.0) << 32 | u64::from(token.0)) + 1
}

fn part(of: i64, shares: Shares, all: Shares) -> i64 {
    (i128::from(of) * i128::from(shares.0) / i128::from(all.0.max(1))) as i64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Nanos, Price, Role, SignalId, Source, TradeKey};

    const ADA: LeaderId = LeaderId(3);

    #[derive(Default)]
    struct Story {
        records: Records,
        signals: u64,
    }

    impl Story {
        fn trade(&mut self, token: u32, side: Side, cents: u32, count: u64, how: How) {
            self.signals += 1;
            let price = Price::from_micros(cents * 10_000).expect("a price");
            self.records.trade(&Signal {
                signal: SignalId(self.signals),
                group: SignalId(self.signals),
                trade: TradeKey([self.signals, 0]),
                leader: ADA,
                token: TokenId(token),
                side,
                price,
                shares: Shares::whole(count),
                group_price: price,
                group_shares: Shares::whole(count),
                leader_held: Shares::ZERO,
                role: Role::Unknown,
                source: Source::Activity,
                how,
                traded_at: Nanos::ZERO,
            });
        }

        fn buy(&mut self, token: u32, cents: u32, count: u64) {
            self.trade(token, Side::Buy, cents, count, How::Traded);
        }

        fn sell(&mut self, token: u32, cents: u32, count: u64) {
            self.trade(token, Side::Sell, cents, count, How::Traded);
        }

        fn resolve(&mut self, token: u32, payout: u32) {
            self.records.resolved(TokenId(token), payout);
        }
    }

    /// What `ends` stakes that earned so many cents a share in all make of a record.
    fn record(cents: i32, ends: i32) -> i32 {
        cents * 10_000 / (ends + 10)
    }

    #[test]
    fn a_stake_counts_once_when_it_ends() {
        type Tell = fn(&mut Story);
        let stories: [(&str, Tell, i32); 9] = [
            ("bought only", |s| s.buy(0, 50, 100), 0),
            ("sold in parts, the last one ends it", |s| (s.buy(0, 50, 100), s.sell(0, 60, 60)).1, 0),
            ("ten cents", |s| (s.buy(0, 50, 100), s.sell(0, 60, 60), s.sell(0, 60, 40)).2, record(10, 1)),
            ("at his average", |s| (s.buy(0, 40, 50), s.buy(0, 60, 50), s.sell(0, 60, 100)).2, record(10, 1)),
            ("won", |s| (s.buy(0, 90, 100), s.resolve(0, 1_000_000)).1, record(10, 1)),
            ("lost", |s| (s.buy(0, 90, 100), s.resolve(0, 0)).1, record(-90, 1)),
            ("another token", |s| (s.buy(0, 90, 100), s.resolve(1, 0)).1, 0),
            ("sold what nobody saw him buy", |s| s.sell(0, 90, 100), 0),
            ("merged: neither gain nor loss", |s| (s.buy(0, 90, 100), s.trade(0, Side::Sell, 10, 100, How::Left)).1, 0),
        ];
        for (what, tell, expected) in stories {
            let mut story = Story::default();
            tell(&mut story);
            assert_eq!(story.records.of(ADA), expected, "{what}");
            assert_eq!(story.records.of(LeaderId(9)), 0);
        }
    }

    #[test]
    fn who_buys_favourites_at_fair_prices_has_no_record() {
        let mut story = Story::default();
        for token in 0..10 {
            story.buy(token, 90, 10);
            story.resolve(token, if token == 0 { 0 } else { 1_000_000 });
        }
        assert_eq!(story.records.of(ADA), 0);
    }

    #[test]
    fn old_ends_fade_and_a_full_set_forgets_the_longest_untouched() {
        let mut story = Story::default();
        for token in 0..1_000 {
            story.buy(token, 50, 10);
            story.resolve(token, 1_000_000);
        }
        let best = story.records.of(ADA);
        for token in 0..200 {
            story.buy(token, 50, 10);
            story.resolve(token, 0);
        }
        assert!(best > 450_000 && story.records.of(ADA) < -100_000, "{best} {}", story.records.of(ADA));

        let mut story = Story::default();
        (0..2 * STAKES_MAX as u32).for_each(|token| story.buy(token, 50, 10));
        story.resolve(0, 1_000_000);
        assert_eq!(story.records.of(ADA), 0, "the first was forgotten");
        story.resolve(2 * STAKES_MAX as u32 - 1, 1_000_000);
        assert_eq!(story.records.of(ADA), record(50, 1), "the last was not");
    }

    #[test]
    fn extreme_amounts_do_not_overflow() {
        let mut story = Story::default();
        for _ in 0..20 {
            story.buy(0, 99, 1_000_000_000);
        }
        story.resolve(0, 0);
        assert_eq!(story.records.of(ADA), record(-99, 1));
    }
}
