//! The life of a leader's trade: seen once, and ended once for each portfolio that follows.

use std::collections::{BTreeMap, BTreeSet};

use super::figure;
use crate::domain::{
    Input, LeaderTrade, Side,
    event::{How, Signal},
};

/// What was told of a leader that may become a signal.
#[derive(Clone, Copy, Debug)]
pub enum Told {
    Trade(LeaderTrade),
    /// He gave shares up, or was read to hold less.
    Left(Input),
}

impl Told {
    /// Checks that a signal says what was told.
    fn is_told_by(self, signal: &Signal) -> Result<(), String> {
        let is_same = match self {
            Told::Trade(LeaderTrade { trade, leader, token, side, price, shares, role, source, traded_at }) => {
                let told = (trade, leader, token, side, price, shares, role, source, traded_at, How::Traded);
                let Signal { trade, leader, token, side, price, shares, role, source, traded_at, how, .. } = *signal;
                told == (trade, leader, token, side, price, shares, role, source, traded_at, how)
            }
            // What he gave up before, too little then to be followed, is followed with it.
            Told::Left(Input::LeaderLeft(left)) => {
                let is_his = (left.trade, left.leader, left.token) == (signal.trade, signal.leader, signal.token);
                is_his && left.shares <= signal.shares && signal.side == Side::Sell && signal.how == How::Left
            }
            Told::Left(Input::LeaderHolds { leader, token, .. }) => {
                (leader, token, Side::Sell, How::Observed) == (signal.leader, signal.token, signal.side, signal.how)
            }
            Told::Left(_) => false,
        };
        if is_same { Ok(()) } else { Err(format!("the signal is not what was told: {self:?}")) }
    }
}

/// Where a portfolio is with a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    Open,
    /// Too small: it waits for company.
    Waits,
    /// Skipped or refused, or merged into another.
    Ended,
    /// A purchase was ordered; so many times.
    Bought(u8),
    /// A sale is owed.
    Owes,
}

#[derive(Clone, Debug)]
pub struct Story {
    pub signal: Signal,
    pub decisions: BTreeMap<u16, Decision>,
}

/// All signals so far, what was seen, and what the leaders hold by what was seen of them.
#[derive(Clone, Debug, Default)]
pub struct Stories {
    pub all: BTreeMap<u64, Story>,
    seen: BTreeSet<[u64; 2]>,
    pub held: BTreeMap<(u32, u32), i128>,
    /// What the venue's readings corrected: what is held is then not the sum of what was seen.
    pub corrected: BTreeSet<(u32, u32)>,
    /// What waits of each (signal, portfolio), in dollars and at which price; and what was merged into another.
    pub waiting: BTreeMap<(u64, u16), (i128, i128)>,
    pub merged: BTreeMap<(u64, u16), Vec<(i128, i128)>>,
}

impl Stories {
    pub fn is_seen(&self, key: [u64; 2]) -> bool {
        self.seen.contains(&key)
    }

    /// Checks a new signal against the trade that led to it and against what was seen before, and begins its story.
    pub fn begin(
        &mut self,
        signal: &Signal,
        trade: Option<Told>,
        window: u64,
        followers: &BTreeSet<u16>,
    ) -> Result<(), String> {
        let told = trade.ok_or("a signal without a leader's trade")?;
        told.is_told_by(signal)?;
        if !self.seen.insert(signal.trade.0) {
            return Err("a fill that was seen before became a signal".to_owned());
        }
        let next = self.all.last_key_value().map_or(1, |(last, _)| last + 1);
        if signal.signal.0 != next {
            return Err(format!("signal {} is not the next, {next}", signal.signal.0));
        }
        self.check_group(signal, window)?;
        let key = (signal.leader.0, signal.token.0);
        if signal.how != How::Traded {
            self.corrected.insert(key);
        }
        let held = self.held.entry(key).or_default();
        if !self.corrected.contains(&key) && *held != i128::from(signal.leader_held.0) {
            return Err(format!("the leader held {held}, not {}", signal.leader_held.0));
        }
        let shares = i128::from(signal.shares.0);
        *held = if signal.side == Side::Buy { *held + shares } else { (*held - shares).max(0) };
        let decisions = followers.iter().map(|portfolio| (*portfolio, Decision::Open)).collect();
        self.all.insert(signal.signal.0, Story { signal: *signal, decisions });
        Ok(())
    }

    /// A group is its fills: their sum, and their price by volume.
    fn check_group(&self, signal: &Signal, window: u64) -> Result<(), String> {
        let same = |other: &&Signal| other.group == signal.group;
        let before: Vec<&Signal> = self.all.values().map(|story| &story.signal).filter(same).collect();
        if before.is_empty() != (signal.group == signal.signal) {
            return Err(format!("group {} begins with another signal", signal.group.0));
        }
        let mut shares = i128::from(signal.shares.0);
        let mut cash = figure::cost_up(i128::from(signal.price.micros()), shares);
        for other in before {
            if (other.leader, other.token, other.side) != (signal.leader, signal.token, signal.side) {
                return Err("a group of different things".to_owned());
            }
            if other.group == other.signal && other.traded_at.0.abs_diff(signal.traded_at.0) > window {
                return Err("a fill in a group that began too long ago".to_owned());
            }
            shares += i128::from(other.shares.0);
            cash += figure::cost_up(i128::from(other.price.micros()), i128::from(other.shares.0));
        }
        let price = if signal.group == signal.signal {
            i128::from(signal.price.micros())
        } else {
            (cash * figure::MILLION / shares).clamp(1, figure::MILLION - 1)
        };
        let said = (i128::from(signal.group_shares.0), i128::from(signal.group_price.micros()));
        if said != (shares, price) {
            return Err(format!("the group is {shares} at {price}, not {said:?}"));
        }
        Ok(())
    }

    /// A copy waits, or waits for less.
    pub fn wait(&mut self, signal: u64, portfolio: u16, wanted: i128, price: i128) -> Result<(), String> {
        self.decide(signal, portfolio, Decision::Waits)?;
        match self.waiting.insert((signal, portfolio), (wanted, price)) {
            Some((before, _)) if before < wanted => Err(format!("{before} waited, and now {wanted}")),
            Some(_) | None => Ok(()),
        }
    }

    /// What waits is ordered with another.
    pub fn merge(&mut self, signal: u64, portfolio: u16, into: u64) -> Result<(), String> {
        self.decide(signal, portfolio, Decision::Ended)?;
        let waited = self.waiting.remove(&(signal, portfolio)).ok_or("what did not wait was merged")?;
        self.merged.entry((into, portfolio)).or_default().push(waited);
        Ok(())
    }

    /// Returns the dollars that were merged into a signal.
    pub fn carried(&self, signal: u64, portfolio: u16) -> i128 {
        self.merged.get(&(signal, portfolio)).map_or(0, |all| all.iter().map(|(wanted, _)| wanted).sum())
    }

    /// Moves a portfolio's decision about a signal on. Fails where it was decided before.
    pub fn decide(&mut self, signal: u64, portfolio: u16, to: Decision) -> Result<(), String> {
        let story = self.all.get_mut(&signal).ok_or_else(|| format!("signal {signal} is not known"))?;
        let decision = story.decisions.get_mut(&portfolio);
        let decision = decision.ok_or_else(|| format!("portfolio {portfolio} does not follow signal {signal}"))?;
        let is_allowed = match (*decision, to) {
            (Decision::Open, _) => true,
            // What waits may wait for less, after a sale took some of it away.
            (Decision::Waits, Decision::Waits | Decision::Ended | Decision::Bought(1) | Decision::Owes) => true,
            // A killed order may be repeated once.
            (Decision::Bought(1), Decision::Bought(2)) => true,
            // What is owed may be ordered in parts.
            (Decision::Owes, Decision::Owes) => true,
            (Decision::Waits | Decision::Ended | Decision::Bought(_) | Decision::Owes, _) => false,
        };
        if !is_allowed {
            return Err(format!("signal {signal} of portfolio {portfolio} was {decision:?}, and is {to:?} again"));
        }
        *decision = to;
        Ok(())
    }

    /// Returns signals that some portfolio has not ended, apart from those that `is_excused`.
    pub fn unended(&self) -> Vec<(u64, u16, Decision)> {
        let open = self.all.iter().flat_map(|(id, story)| story.decisions.iter().map(|(p, d)| (*id, *p, *d)));
        open.filter(|(.., decision)| matches!(decision, Decision::Open | Decision::Waits)).collect()
    }
}
