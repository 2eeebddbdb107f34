//! One portfolio's money, position by position and order by order, as the auditor adds it up.

use std::collections::BTreeMap;

use super::figure::Lots;
use crate::domain::{Breaker, Mode, Nanos, OrderKind, Settings, event::Submitted};

/// Whose shares: a leader and a token.
pub type Key = (u32, u32);

/// What one portfolio has.
#[derive(Clone, Debug)]
pub struct Purse {
    pub mode: Mode,
    pub settings: Settings,
    /// Deposits less withdrawals, and moves.
    pub paid_in: i128,
    pub available: i128,
    /// Available, but for no entry yet.
    pub held_back: i128,
    pub realised: i128,
    /// Proceeds that wait, with their release times in nanoseconds.
    pub cooling: Vec<(u64, i128)>,
    /// Proceeds of sales that are not settled: they wait without a time.
    pub unsettled: i128,
    pub holdings: BTreeMap<Key, Holding>,
    pub is_paused: bool,
    pub tripped: Vec<Breaker>,
    /// What entries were submitted, by time: (nanoseconds, order).
    pub entries: Vec<(u64, u64)>,
    /// Realised by day (UTC).
    pub realised_by_day: BTreeMap<u64, i128>,
    /// What entries of a day cost so far, and what open ones may cost: by day, and by day and leader.
    pub spent_by_day: BTreeMap<u64, i128>,
    pub spent_by_leader: BTreeMap<(u64, u32), i128>,
    pub lost_by_leader: BTreeMap<u32, i128>,
    pub lost_by_leader_day: BTreeMap<(u64, u32), i128>,
}

/// What is held because of one leader in one token.
#[derive(Clone, Debug, Default)]
pub struct Holding {
    pub lots: Lots,
    /// Shares that were bought and are not settled, and what they cost; and those that were sold and are not.
    pub unsettled: (i128, i128),
    pub sold: i128,
    /// What must still be sold in all.
    pub owed: i128,
    /// Since when something is held, in nanoseconds, and the highest bid noted since.
    pub opened_at: u64,
    /// When the leader made the last of the trades that it copies.
    pub led_at: u64,
    pub peak: Option<i128>,
}

/// An open order.
#[derive(Clone, Debug)]
pub struct Open {
    pub submitted: Submitted,
    pub at: u64,
    pub filled: i128,
    /// A buy: what is still reserved for it.
    pub reserved: i128,
    /// It was sent, and no answer came.
    pub is_unknown: bool,
}

impl Open {
    /// Returns what a sale may still sell, and what a purchase at least still buys.
    pub fn shares_left(&self) -> i128 {
        (i128::from(self.submitted.shares.0) - self.filled).max(0)
    }

    pub fn rests(&self) -> bool {
        self.submitted.kind == OrderKind::Gtc
    }

    pub fn key(&self) -> Key {
        (self.submitted.leader.0, self.submitted.token.0)
    }
}

impl Holding {
    /// Returns what all of it cost, settled or not.
    pub fn cost(&self) -> i128 {
        self.lots.cost() + self.unsettled.1
    }

    /// Returns whether nothing is held, and nothing may come back.
    pub fn is_empty(&self) -> bool {
        self.lots.shares() == 0 && self.unsettled.0 == 0 && self.sold == 0
    }
}

impl Purse {
    pub fn new(mode: Mode, settings: Settings) -> Purse {
        Purse {
            mode,
            settings,
            paid_in: 0,
            available: 0,
            held_back: 0,
            realised: 0,
            cooling: vec![],
            unsettled: 0,
            holdings: BTreeMap::new(),
            is_paused: false,
            tripped: vec![],
            entries: vec![],
            realised_by_day: BTreeMap::new(),
            spent_by_day: BTreeMap::new(),
            spent_by_leader: BTreeMap::new(),
            lost_by_leader: BTreeMap::new(),
            lost_by_leader_day: BTreeMap::new(),
        }
    }

    pub fn deployed(&self) -> i128 {
        self.holdings.values().map(Holding::cost).sum()
    }

    pub fn cooling(&self) -> i128 {
        self.cooling.iter().map(|(_, amount)| amount).sum::<i128>() + self.unsettled
    }

    /// Books a gain or loss of `leader` on `day`.
    pub fn realise(&mut self, day: u64, leader: u32, result: i128) {
        self.realised += result;
        *self.realised_by_day.entry(day).or_default() += result;
        *self.lost_by_leader.entry(leader).or_default() -= result;
        *self.lost_by_leader_day.entry((day, leader)).or_default() -= result;
    }

    /// Books what an entry of `day` after `leader` cost.
    pub fn spend(&mut self, day: u64, leader: u32, amount: i128) {
        *self.spent_by_day.entry(day).or_default() += amount;
        *self.spent_by_leader.entry((day, leader)).or_default() += amount;
    }

    pub fn holding(&mut self, key: Key) -> &mut Holding {
        self.holdings.entry(key).or_default()
    }

    /// Lets an amount cool, if its time is right.
    pub fn cools(&mut self, now: Nanos, until: Nanos, amount: i128) -> Result<(), String> {
        let should = now.plus(self.settings.exit.cooling);
        if until != should {
            return Err(format!("proceeds cool until {}, not {}", until.0, should.0));
        }
        if amount > 0 {
            self.cooling.push((until.0, amount));
        }
        Ok(())
    }

    /// Takes one amount that is due out of what cools; `None` if no such amount is due.
    pub fn release(&mut self, now: u64, amount: i128) -> Option<()> {
        let due = self.cooling.iter().position(|(at, waits)| *at <= now && *waits == amount)?;
        self.cooling.remove(due);
        self.available += amount;
        Some(())
    }

    /// Checks the identity of R1 and that no inner account is negative. `reserved`: of the open orders.
    pub fn balanced(&self, reserved: i128) -> Result<(), String> {
        let (deployed, cooling) = (self.deployed(), self.cooling());
        let held = self.available + reserved + deployed + cooling;
        if held != self.paid_in + self.realised {
            return Err(format!("{held} held, but {} paid in and {} realised", self.paid_in, self.realised));
        }
        let inner = [self.available, reserved, deployed, cooling];
        if inner.iter().any(|account| *account < 0) {
            return Err(format!("an account is negative: {inner:?}"));
        }
        Ok(())
    }
}
