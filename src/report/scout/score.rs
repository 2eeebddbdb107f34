//! Copyability: what copying all of his trades would have earned, with a delay.

use super::{
    History, Prints,
    walk::{Assumptions, End, walk},
};
use crate::domain::{Nanos, Usdc, money::ONE};

/// Delays that a table compares, in milliseconds. Prints are known to the second, so one below a second counts as one.
pub const DELAYS_MS: [u64; 7] = [0, 1_000, 2_000, 5_000, 10_000, 30_000, 60_000];

/// What copying would have earned. Dollars are those of a copy as large as he is; `result` over `spent` is what counts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Copyability {
    pub delay_ms: u64,
    /// Positions that ended, and those that earned something for the copy.
    pub ended: usize,
    pub won: usize,
    pub spent: Usdc,
    pub returned: Usdc,
    pub result: Usdc,
    /// What he earned with the same positions, before fees.
    pub his_spent: Usdc,
    pub his_result: Usdc,
    /// What lies between his result and the copy's.
    pub fees: Usdc,
    pub spread: Usdc,
    pub moved: Usdc,
    /// Positions that are held still, and what they would bring at the market's price. In no sum above.
    pub open: usize,
    pub open_spent: Usdc,
    pub open_worth: Usdc,
    /// Positions whose end is not known. In no sum above.
    pub unknown: usize,
    pub unknown_spent: Usdc,
    /// Trades after which the price is known, after which nobody traded, and about which nobody was asked.
    pub moves_known: usize,
    pub moves_quiet: usize,
    pub moves_unknown: usize,
    pub too_dear: usize,
    pub sales_before: usize,
}

impl Copyability {
    /// Returns the result in parts per million of what was spent; nothing where nothing was.
    pub fn return_ppm(&self) -> Option<i64> {
        part(self.result, self.spent)
    }

    pub fn his_return_ppm(&self) -> Option<i64> {
        part(self.his_result, self.his_spent)
    }
}

fn part(result: Usdc, spent: Usdc) -> Option<i64> {
    (spent.0 > 0).then(|| (i128::from(result.0) * i128::from(ONE) / i128::from(spent.0)) as i64)
}

/// Returns what copying would have earned under `assumptions`.
pub fn score(history: &History, prints: &Prints, assumptions: &Assumptions) -> Copyability {
    let walk = walk(history, prints, assumptions);
    let mut found = Copyability {
        delay_ms: assumptions.delay.as_millis(),
        moves_known: walk.moves_known,
        moves_quiet: walk.moves_quiet,
        moves_unknown: walk.moves_unknown,
        too_dear: walk.too_dear,
        sales_before: walk.sales_before,
        ..Copyability::default()
    };
    for episode in &walk.episodes {
        match episode.end {
            End::Sold | End::Paid | End::Left => {
                found.ended += 1;
                found.won += usize::from(episode.our_cost < episode.our_returned);
                found.spent = found.spent + episode.our_cost;
                found.returned = found.returned + episode.our_returned;
                found.his_spent = found.his_spent + episode.his_cost;
                found.his_result = found.his_result + (episode.his_returned - episode.his_cost);
                found.fees = found.fees + episode.fees;
                found.spread = found.spread + episode.spread;
                found.moved = found.moved + episode.moved;
            }
            End::Open => {
                found.open += 1;
                found.open_spent = found.open_spent + episode.our_cost;
                found.open_worth = found.open_worth + episode.our_returned;
            }
            End::Unknown => {
                found.unknown += 1;
                found.unknown_spent = found.unknown_spent + episode.our_cost;
            }
        }
    }
    found.result = found.returned - found.spent;
    found
}

/// Returns the scores of all of [`DELAYS_MS`] and of `delay`, shortest first.
pub fn table(history: &History, prints: &Prints, assumptions: &Assumptions) -> Vec<Copyability> {
    let mut delays: Vec<u64> = DELAYS_MS.to_vec();
    delays.push(assumptions.delay.as_millis());
    delays.sort_unstable();
    delays.dedup();
    let at = |delay_ms| Assumptions { delay: Nanos::from_millis(delay_ms), ..assumptions.clone() };
    delays.into_iter().map(|delay_ms| score(history, prints, &at(delay_ms))).collect()
}
