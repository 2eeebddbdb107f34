//! The life of a leader's trade: seen once, and ended once for each portfolio that follows.

use std::collections::{BTreeMap, BTreeSet};

use super::figure;
use crate::domain::{LeaderTrade, Side, event::Signal};

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
}

impl Stories {
    pub fn is_seen(&self, key: [u64; 2]) -> bool {
        self.seen.contains(&key)
    }

    /// Checks a new signal against the trade that led to it and against what was seen before, and begins its story.
    pub fn begin(
        &mut self,
        signal: &Signal,
        trade: Option<&LeaderTrade>,
        window: u64,
        followers: &BTreeSet<u16>,
    ) -> Result<(), String> {
        let trade = trade.ok_or("a signal without a leader's trade")?;
        let told = (trade.trade, trade.leader, trade.token, trade.side, trade.price, trade.shares, trade.traded_at);
        let said =
            (signal.trade, signal.leader, signal.token, signal.side, signal.price, signal.shares, signal.traded_at);
        if told != said {
            return Err(format!("the signal {said:?} is not the trade {told:?}"));
        }
        if !self.seen.insert(signal.trade.0) {
            return Err("a fill that was seen before became a signal".to_owned());
        }
        let next = self.all.last_key_value().map_or(1, |(last, _)| last + 1);
        if signal.signal.0 != next {
            return Err(format!("signal {} is not the next, {next}", signal.signal.0));
        }
        self.check_group(signal, window)?;
        let held = self.held.entry((signal.leader.0, signal.token.0)).or_default();
        if *held != i128::from(signal.leader_held.0) {
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

    /// Moves a portfolio's decision about a signal on. Fails where it was decided before.
    pub fn decide(&mut self, signal: u64, portfolio: u16, to: Decision) -> Result<(), String> {
        let story = self.all.get_mut(&signal).ok_or_else(|| format!("signal {signal} is not known"))?;
        let decision = story.decisions.get_mut(&portfolio);
        let decision = decision.ok_or_else(|| format!("portfolio {portfolio} does not follow signal {signal}"))?;
        let is_allowed = match (*decision, to) {
            (Decision::Open, _) => true,
            (Decision::Waits, Decision::Ended | Decision::Bought(1) | Decision::Owes) => true,
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
