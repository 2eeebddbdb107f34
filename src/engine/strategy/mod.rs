//! What would this portfolio do about a leader's trade? Reads only; `explain` asks the same question.
//!
//! Filters come first, then the score's gate, then the book and the price, then the size; the first no counts.

pub mod entered;
pub mod filter;
pub mod policy;
pub mod price;
pub mod size;

use super::{book::Book, conduct::Worth, score};
use crate::domain::{Market, Nanos, Numbers, Price, Role, Settings, Shares, Side, Skip, Usdc};

pub use price::{Sale, sell_bound, sell_shares};

/// What an entry is decided on.
#[derive(Clone, Copy, Debug)]
pub struct Situation<'a> {
    pub settings: &'a Settings,
    pub market: &'a Market,
    pub book: &'a Book,
    pub now: Nanos,
    /// The leader's trade, or all of its group so far.
    pub traded_at: Nanos,
    pub price: Price,
    pub shares: Shares,
    /// Of these, how many count for the size: what is beyond the leader's usual does not.
    pub counted: Shares,
    /// How much of the size is copied, in parts per million: less than all while the leader is on probation.
    pub part_ppm: u32,
    /// His part in the last fill of it.
    pub role: Role,
    /// What this portfolio already ordered for the group,
    pub ordered: Usdc,
    /// and what of the group's copies waits, because it is too small to order, or was taken back by a sale of his.
    pub waiting: Usdc,
    /// Earlier copies that wait, and would be ordered with this one: those of the group, too.
    pub carried: Usdc,
    /// What the price guard is measured against: the group's price, or that of everything that would be ordered together.
    pub reference: Price,
    /// How many other groups made it enter this token.
    pub entries: u32,
    /// What the portfolio has in all, positions at cost.
    pub equity: Usdc,
    /// What the model thinks the token will pay.
    pub probability: Option<Probability>,
    /// How sure the score is that the strategy goes by.
    pub confidence_ppm: Option<u32>,
    /// What the leader owns.
    pub worth: Option<Worth>,
}

/// What the external model thinks a token will pay (ppm), and when it thought so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Probability {
    pub ppm: u32,
    pub at: Nanos,
}

/// What a portfolio would do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Intent {
    pub side: Side,
    pub limit: Price,
    /// Dollars to spend, without the fee; whole cents. Zero for a sell.
    pub budget: Usdc,
    /// A sell: shares to sell. A buy: what the budget surely buys.
    pub shares: Shares,
    pub touch: Price,
    /// A buy below this is not worth sending, or the venue would refuse it.
    pub budget_min: Usdc,
}

/// A strategy's no with its numbers.
pub type No = (Skip, Numbers);

/// Returns the buy that follows a leader's buy, or why there is none. [`Skip::BelowMinimum`] comes before the depth is looked
/// at, and its second number is the dollars wanted: what a buffer adds up.
pub fn entry(s: &Situation<'_>) -> Result<Intent, No> {
    filter::check(s)?;
    score::gate(&s.settings.scoring, s.confidence_ppm, s.probability, s.now)?;
    let ask = price::best_ask(s)?;
    let limit = price::buy_bound(s.settings, s.market, s.reference, ask)?;
    let wanted = size::wanted(s, limit)?;
    buy(s, ask, limit, wanted)
}

/// Returns the buy of at most `wanted` that the depth within `limit` allows.
pub(super) fn buy(s: &Situation<'_>, ask: Price, limit: Price, wanted: Usdc) -> Result<Intent, No> {
    let budget_min = size::minimum(s.settings, s.market, limit);
    let budget = size::within_depth(&s.settings.guards.buy, s.book, s.now, limit, wanted, budget_min)?;
    let shares = size::sure_shares(s.market, limit, budget);
    Ok(Intent { side: Side::Buy, limit, budget, shares, touch: ask, budget_min })
}

impl Situation<'_> {
    /// Returns the model's probability if there is one that is not too old.
    fn fresh_probability(&self) -> Result<u32, No> {
        let age_max = self.settings.filter.probability_age_max;
        let Some(probability) = self.probability else {
            return Err((Skip::ProbabilityUnknown, Numbers::NONE));
        };
        let age = self.now.since(probability.at);
        if age_max < age {
            return Err(no(Skip::ProbabilityUnknown, millis(age_max), millis(age)));
        }
        Ok(probability.ppm)
    }
}

fn no(reason: Skip, limit: i64, actual: i64) -> No {
    (reason, Numbers { limit, actual })
}

fn micros(price: Price) -> i64 {
    i64::from(price.micros())
}

fn millis(length: Nanos) -> i64 {
    length.as_millis() as i64
}

#[cfg(test)]
mod tests;
