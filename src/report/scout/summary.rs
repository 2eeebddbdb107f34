//! What he does: how much, how often, in what, for how long, and how it ended.

use std::collections::{BTreeMap, BTreeSet};

use super::{
    History, Prints, What,
    walk::{Assumptions, End, walk},
};
use crate::domain::{Nanos, Usdc, money::ONE};

/// The most markets that are named.
const MARKETS_MAX: usize = 5;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    pub first_at: Option<Nanos>,
    pub last_at: Option<Nanos>,
    pub buys: usize,
    pub sells: usize,
    pub bought: Usdc,
    pub sold: Usdc,
    /// Half of his trades are no larger.
    pub trade_p50: Usdc,
    /// Different markets that he traded.
    pub markets: usize,
    /// Merges, splits, conversions.
    pub moves: usize,
    pub redeemed: usize,
    pub rewards: Usdc,
    /// Positions that ended, those that earned something, and what all of them earned before fees.
    pub ended: usize,
    pub won: usize,
    pub spent: Usdc,
    pub result: Usdc,
    /// Positions that are held still, and those whose end is not known.
    pub open: usize,
    pub unknown: usize,
    /// Half of the positions that ended were held no longer.
    pub held_p50: Option<Nanos>,
    /// Where most of his dollars went: title, dollars, trades.
    pub top: Vec<(String, Usdc, usize)>,
}

impl Summary {
    pub fn trades(&self) -> usize {
        self.buys + self.sells
    }

    pub fn volume(&self) -> Usdc {
        self.bought + self.sold
    }
}

pub fn summary(history: &History) -> Summary {
    let mut found = Summary::default();
    let mut sizes = Vec::new();
    let mut markets: BTreeMap<&str, (&str, Usdc, usize)> = BTreeMap::new();
    for deed in &history.deeds {
        match deed.what {
            What::Bought(_) => (found.buys, found.bought) = (found.buys + 1, found.bought + deed.dollars),
            What::Sold(_) => (found.sells, found.sold) = (found.sells + 1, found.sold + deed.dollars),
            What::Split | What::Merged | What::Converted => found.moves += 1,
            What::Redeemed => found.redeemed += 1,
            What::Rewarded | What::MakerRebate => found.rewards = found.rewards + deed.dollars,
            What::Moved => {}
        }
        if let What::Bought(_) | What::Sold(_) = deed.what {
            found.first_at.get_or_insert(deed.at);
            found.last_at = Some(deed.at);
            sizes.push(deed.dollars);
            let market = markets.entry(&deed.condition).or_insert((&deed.title, Usdc::ZERO, 0));
            (market.1, market.2) = (market.1 + deed.dollars, market.2 + 1);
        }
    }
    found.trade_p50 = middle(sizes).unwrap_or_default();
    found.markets = markets.len();
    let mut top: Vec<_> = markets.into_values().collect();
    top.sort_by_key(|(title, dollars, _)| (std::cmp::Reverse(*dollars), *title));
    top.truncate(MARKETS_MAX);
    found.top = top.into_iter().map(|(title, dollars, trades)| (title.to_owned(), dollars, trades)).collect();
    positions(history, &mut found);
    found
}

fn positions(history: &History, found: &mut Summary) {
    let mut held = Vec::new();
    for episode in walk(history, &Prints::default(), &Assumptions::default()).episodes {
        match episode.end {
            End::Sold | End::Paid | End::Left => {
                found.ended += 1;
                found.won += usize::from(episode.his_cost < episode.his_returned);
                found.spent = found.spent + episode.his_cost;
                found.result = found.result + (episode.his_returned - episode.his_cost);
                held.push(episode.ended_at.since(episode.began_at));
            }
            End::Open => found.open += 1,
            End::Unknown => found.unknown += 1,
        }
    }
    found.held_p50 = middle(held);
}

/// Returns the value in the middle; of two, the lower.
fn middle<T: Ord + Copy>(mut values: Vec<T>) -> Option<T> {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied()
}

/// Returns `part` of `whole` in parts per million; nothing of nothing is nothing.
pub fn ppm(part: Usdc, whole: Usdc) -> u32 {
    if whole.0 <= 0 {
        return 0;
    }
    (i128::from(part.0) * i128::from(ONE) / i128::from(whole.0)).clamp(0, i128::from(ONE)) as u32
}

/// Returns how many different tokens of each market he bought.
pub fn tokens_bought(history: &History) -> BTreeMap<&str, usize> {
    let mut tokens: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for deed in history.deeds.iter().filter(|deed| matches!(deed.what, What::Bought(_))) {
        tokens.entry(&deed.condition).or_default().insert(&deed.token);
    }
    tokens.into_iter().map(|(condition, tokens)| (condition, tokens.len())).collect()
}
