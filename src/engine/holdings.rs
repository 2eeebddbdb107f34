//! What each leader holds: what we saw him buy and not sell, corrected by what the venue says he holds.
//!
//! It is the measure of how large a part of his position he gives up. A trade that was made before his position was read
//! at the venue is part of what was read: a sale that a reading showed already is not followed twice.

use crate::domain::{
    LeaderId, Nanos, Price, Shares, Side, TokenId,
    event::{How, Signal},
};

/// (leader, token) pairs with a holding.
pub const HOLDINGS_MAX: usize = 1 << 15;
/// A sale so soon after a buy of the same token makes the two a round trip.
pub const ROUND_TRIP: Nanos = Nanos::from_secs(60);

/// What is known of one leader in one token.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Holding {
    pub shares: Shares,
    /// Given up without selling, in parts too small to mean it, since such a part was followed last: together they may.
    pub slipped: Shares,
    /// Followed as an exit because a reading showed it, and not explained yet by a sale.
    pub unexplained: Shares,
    /// His latest trade, and its price.
    pub traded_at: Nanos,
    pub price: Option<Price>,
    /// When what was read last was true.
    pub read_at: Nanos,
    /// His latest buy that no sale made a round trip of.
    pub bought_at: Nanos,
}

/// Whether a sale came right after a buy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    None,
    RoundTrip,
}

impl Holding {
    /// Returns how much of what he gave up at a moment was followed already, because a reading showed it.
    pub fn explained(&self, shares: Shares, at: Nanos) -> Shares {
        if at <= self.read_at { self.unexplained.min(shares) } else { Shares::ZERO }
    }

    /// Returns what counts when he gave up `shares` without selling: with what slipped before, of what he held then.
    pub fn given_up(&self, shares: Shares) -> (Shares, Shares) {
        let held = Shares(self.shares.0.saturating_add(self.slipped.0));
        (Shares(self.slipped.0.saturating_add(shares.0)), held)
    }

    fn traded(&mut self, side: Side, shares: Shares, price: Price, at: Nanos) -> Turn {
        let is_in_reading = self.read_at > Nanos::ZERO && at <= self.read_at;
        let turn = match side {
            Side::Buy if is_in_reading => Turn::None,
            Side::Buy => {
                self.shares = Shares(self.shares.0.saturating_add(shares.0));
                Turn::None
            }
            Side::Sell => {
                let explained = self.explained(shares, at);
                self.unexplained = self.unexplained - explained;
                // He may have held some before we began to watch.
                let left = self.shares.minus(shares - explained);
                self.slipped = self.slipped.fraction_floor(left, self.shares);
                self.shares = left;
                let is_turn =
                    Nanos::ZERO < self.bought_at && self.bought_at <= at && at.since(self.bought_at) <= ROUND_TRIP;
                if is_turn { Turn::RoundTrip } else { Turn::None }
            }
        };
        match (side, turn) {
            (Side::Buy, _) => self.bought_at = self.bought_at.max(at),
            (Side::Sell, Turn::RoundTrip) => self.bought_at = Nanos::ZERO,
            (Side::Sell, Turn::None) => (),
        }
        if self.traded_at <= at {
            (self.traded_at, self.price) = (at, Some(price));
        }
        turn
    }

    /// `shares`: with what slipped before.
    fn left(&mut self, shares: Shares, at: Nanos) {
        let gone = shares.minus(self.slipped);
        let explained = self.explained(gone, at);
        self.unexplained = self.unexplained - explained;
        self.shares = self.shares.minus(gone - explained);
        // Until somebody follows it.
        self.slipped = shares.minus(explained);
    }

    /// `shares` of `held`: both with what slipped before.
    fn observed(&mut self, shares: Shares, held: Shares, at: Nanos) {
        self.unexplained = Shares(self.unexplained.0.saturating_add(shares.minus(self.slipped).0));
        (self.shares, self.slipped, self.read_at) = (held.minus(shares), shares, self.read_at.max(at));
    }

    fn read(&mut self, shares: Shares, at: Nanos) {
        self.slipped = if shares < self.shares {
            Shares(self.slipped.0.saturating_add((self.shares - shares).0))
        } else {
            self.slipped.minus(shares - self.shares)
        };
        (self.shares, self.read_at) = (shares, self.read_at.max(at));
    }
}

/// All holdings, in a table whose memory the system gives only as it is used: plain zeroed words.
#[derive(Debug)]
pub struct Holdings {
    slots: Box<[Words]>,
    spare: Box<[Words]>,
    count: usize,
    /// The sum of the holdings' hashes: equal holdings, equal digests.
    digest: u64,
}

/// A key, which is zero where the slot is empty, and a [`Holding`].
type Words = [u64; 8];

const EMPTY: Words = [0; 8];

impl Default for Holdings {
    fn default() -> Holdings {
        let slots = || vec![EMPTY; HOLDINGS_MAX * 2].into();
        Holdings { slots: slots(), spare: slots(), count: 0, digest: 0 }
    }
}

impl Holdings {
    /// Returns what the leader is known to hold; zero if nothing is known.
    pub fn of(&self, leader: LeaderId, token: TokenId) -> Shares {
        self.get(leader, token).shares
    }

    /// Returns what is known of him in this token.
    pub fn get(&self, leader: LeaderId, token: TokenId) -> Holding {
        find(&self.slots, key(leader, token)).map_or(Holding::default(), |slot| holding(self.slots[slot]))
    }

    pub fn digest(&self) -> u64 {
        self.digest
    }

    /// Takes a fill, or another way out, into account. When the table is full of real holdings, new ones are not
    /// remembered: a later sale then counts as a sale of everything, which is the safe side.
    pub(super) fn signal(&mut self, signal: &Signal) -> Turn {
        let Signal { leader, token, side, shares, leader_held, price, traded_at, how, .. } = *signal;
        let mut turn = Turn::None;
        let change = |holding: &mut Holding| match how {
            How::Traded => turn = holding.traded(side, shares, price, traded_at),
            How::Left => holding.left(shares, traded_at),
            How::Observed => holding.observed(shares, leader_held, traded_at),
        };
        match side {
            Side::Buy => self.change(leader, token, change),
            Side::Sell => self.change_known(leader, token, change),
        }
        turn
    }

    /// Notes that somebody followed a part that was given up without selling.
    pub(super) fn followed(&mut self, leader: LeaderId, token: TokenId) {
        self.change_known(leader, token, |holding| holding.slipped = Shares::ZERO);
    }

    /// Takes what the venue says he held at a moment.
    pub(super) fn read(&mut self, leader: LeaderId, token: TokenId, shares: Shares, at: Nanos) {
        self.change(leader, token, |holding| holding.read(shares, at));
    }

    fn change_known(&mut self, leader: LeaderId, token: TokenId, change: impl FnOnce(&mut Holding)) {
        if find(&self.slots, key(leader, token)).is_ok() {
            self.change(leader, token, change);
        }
    }

    fn change(&mut self, leader: LeaderId, token: TokenId, change: impl FnOnce(&mut Holding)) {
        let key = key(leader, token);
        let slot = match find(&self.slots, key) {
            Ok(slot) => slot,
            Err(slot) if self.count < HOLDINGS_MAX => {
                self.count += 1;
                slot
            }
            Err(_) => match self.sweep(key) {
                Some(slot) => slot,
                None => return,
            },
        };
        let before = self.slots[slot];
        let mut known = holding(before);
        change(&mut known);
        self.slots[slot] = words(key, &known);
        self.digest = self.digest.wrapping_sub(hashed(&before)).wrapping_add(hashed(&self.slots[slot]));
    }

    /// Drops holdings that ended, and returns a slot for `key` if that made room.
    fn sweep(&mut self, key: u64) -> Option<usize> {
        self.spare.fill(EMPTY);
        let (mut count, mut digest) = (0, 0u64);
        for words in self.slots.iter().filter(|words| holding(**words).shares > Shares::ZERO) {
            if let Err(slot) = find(&self.spare, words[0]) {
                self.spare[slot] = *words;
                count += 1;
                digest = digest.wrapping_add(hashed(words));
            }
        }
        std::mem::swap(&mut self.slots, &mut self.spare);
        (self.count, self.digest) = (count, digest);
        if HOLDINGS_MAX <= count {
            return None;
        }
        self.count += 1;
        find(&self.slots, key).err()
    }
}

fn words(key: u64, holding: &Holding) -> Words {
    let Holding { shares, slipped, unexplained, traded_at, price, read_at, bought_at } = *holding;
    let price = price.map_or(0, |price| u64::from(price.micros()));
    [key, shares.0, slipped.0, unexplained.0, traded_at.0, price, read_at.0, bought_at.0]
}

fn holding([_, shares, slipped, unexplained, traded_at, price, read_at, bought_at]: Words) -> Holding {
    Holding {
        shares: Shares(shares),
        slipped: Shares(slipped),
        unexplained: Shares(unexplained),
        traded_at: Nanos(traded_at),
        price: Price::from_micros(price as u32),
        read_at: Nanos(read_at),
        bought_at: Nanos(bought_at),
    }
}

/// Returns a hash of some words; of an empty slot it is zero.
pub(super) fn hashed(words: &[u64]) -> u64 {
    words.iter().fold(0, |hash: u64, word| {
        let mixed = (hash ^ word).wrapping_mul(0x9E37_79B9_7F4A_7C15);
        mixed ^ mixed >> 29
    })
}

fn key(leader: LeaderId, token: TokenId) -> u64 {
    // Never zero, which means an empty slot.
    (u64::from(leader.0) << 32 | u64::from(token.0)) + 1
}

fn find(slots: &[Words], key: u64) -> Result<usize, usize> {
    let mut slot = (key.wrapping_mul(0x9E37_79B9_7F4A_7C15) >> 40) as usize % slots.len();
    loop {
        if slots[slot][0] == key {
            return Ok(slot);
        }
        if slots[slot][0] == 0 {
            return Err(slot);
        }
        slot = (slot + 1) % slots.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{Role, SignalId, Source, TradeKey};

    const L: LeaderId = LeaderId(1);
    const T: TokenId = TokenId(2);

    fn signal(token: TokenId, side: Side, shares: Shares, at: u64) -> Signal {
        Signal {
            signal: SignalId(1),
            group: SignalId(1),
            trade: TradeKey([1, 1]),
            leader: L,
            token,
            side,
            price: Price::from_micros(500_000).expect("a price"),
            shares,
            group_price: Price::from_micros(500_000).expect("a price"),
            group_shares: shares,
            leader_held: Shares::ZERO,
            role: Role::Unknown,
            source: Source::Activity,
            how: How::Traded,
            traded_at: Nanos::from_secs(at),
        }
    }

    fn trade(holdings: &mut Holdings, side: Side, shares: u64, at: u64) -> Turn {
        holdings.signal(&signal(T, side, Shares::whole(shares), at))
    }

    fn leave(holdings: &mut Holdings, how: How, shares: u64, at: u64) {
        let (shares, leader_held) = holdings.get(L, T).given_up(Shares::whole(shares));
        holdings.signal(&Signal { how, leader_held, ..signal(T, Side::Sell, shares, at) });
    }

    #[test]
    fn holdings_follow_trades_and_never_go_below_zero() {
        let mut holdings = Holdings::default();
        for (side, shares, held) in
            [(Side::Sell, 5, 0), (Side::Buy, 10, 10), (Side::Sell, 4, 6), (Side::Sell, 40, 0), (Side::Buy, 3, 3)]
        {
            trade(&mut holdings, side, shares, 10);
            assert_eq!(holdings.of(L, T), Shares::whole(held), "{side:?} {shares}");
        }
    }

    #[test]
    fn what_was_traded_before_a_reading_is_in_it() {
        let mut holdings = Holdings::default();
        trade(&mut holdings, Side::Buy, 100, 10);
        holdings.read(L, T, Shares::whole(150), Nanos::from_secs(20));
        // The buy that the reading knew of comes late, a newer one does not.
        trade(&mut holdings, Side::Buy, 50, 20);
        assert_eq!(holdings.of(L, T), Shares::whole(150));
        trade(&mut holdings, Side::Buy, 50, 21);
        assert_eq!(holdings.of(L, T), Shares::whole(200));
        // A drop that was followed is explained by the sale that comes late, once.
        leave(&mut holdings, How::Observed, 120, 30);
        let known = holdings.get(L, T);
        assert_eq!((known.shares, known.unexplained), (Shares::whole(80), Shares::whole(120)));
        let sale = Shares::whole(100);
        assert_eq!(known.explained(sale, Nanos::from_secs(31)), Shares::ZERO);
        assert_eq!(known.explained(sale, Nanos::from_secs(30)), sale);
        trade(&mut holdings, Side::Sell, 100, 29);
        let known = holdings.get(L, T);
        assert_eq!((known.shares, known.unexplained), (Shares::whole(80), Shares::whole(20)));
        assert_eq!(known.explained(sale, Nanos::from_secs(29)), Shares::whole(20));
        trade(&mut holdings, Side::Sell, 100, 29);
        assert_eq!(holdings.of(L, T), Shares::ZERO);
    }

    #[test]
    fn small_parts_given_up_add_up_until_they_are_followed() {
        let mut holdings = Holdings::default();
        trade(&mut holdings, Side::Buy, 100, 10);
        leave(&mut holdings, How::Left, 4, 20);
        holdings.read(L, T, Shares::whole(93), Nanos::from_secs(30));
        assert_eq!(holdings.get(L, T).given_up(Shares::whole(3)), (Shares::whole(10), Shares::whole(100)));
        // Half of what is left is sold: half of what slipped goes with it.
        trade(&mut holdings, Side::Sell, 46, 40);
        assert_eq!(holdings.of(L, T), Shares::whole(47));
        assert_eq!(holdings.get(L, T).slipped, Shares(7_000_000 * 47 / 93));
        holdings.followed(L, T);
        assert_eq!(holdings.get(L, T).given_up(Shares::whole(3)), (Shares::whole(3), Shares::whole(47)));
        // More than we knew of: what slipped came back.
        leave(&mut holdings, How::Left, 1, 50);
        holdings.read(L, T, Shares::whole(80), Nanos::from_secs(60));
        assert_eq!(holdings.get(L, T).slipped, Shares::ZERO);
    }

    #[test]
    fn a_sale_within_a_minute_of_a_buy_is_a_round_trip_once() {
        let check = |bought: u64, sold: &[u64], turns: usize| {
            let mut holdings = Holdings::default();
            trade(&mut holdings, Side::Buy, 100, bought);
            let found = sold.iter().filter(|at| trade(&mut holdings, Side::Sell, 10, **at) == Turn::RoundTrip);
            assert_eq!(found.count(), turns, "bought {bought}, sold {sold:?}");
        };
        check(100, &[160], 1);
        check(100, &[161], 0);
        check(100, &[99], 0);
        check(100, &[100, 101, 102], 1);
    }

    #[test]
    fn a_full_table_sweeps_the_ended_ones_and_then_stops_remembering() {
        let mut holdings = Holdings::default();
        let buy = |holdings: &mut Holdings, token: u32, shares: u64| {
            holdings.signal(&signal(TokenId(token), Side::Buy, Shares(shares), 1));
        };
        for token in 0..HOLDINGS_MAX as u32 {
            buy(&mut holdings, token, 1);
        }
        let extra = |n: u32| HOLDINGS_MAX as u32 + n;
        buy(&mut holdings, extra(0), 1);
        assert_eq!(holdings.of(L, TokenId(extra(0))), Shares::ZERO);
        holdings.signal(&signal(TokenId(7), Side::Sell, Shares(1), 2));
        buy(&mut holdings, extra(1), 3);
        assert_eq!(holdings.of(L, TokenId(extra(1))), Shares(3));
        assert_eq!(holdings.of(L, TokenId(8)), Shares(1));
        // The digest is that of what is there, however it came to be there.
        let there = holdings.slots.iter().map(|words| hashed(words)).fold(0, u64::wrapping_add);
        assert_eq!(holdings.digest(), there);
    }
}
