//! His deeds, oldest first, as positions: from the first share of a token to the last, his and those of somebody who copied him.
//!
//! The copy buys as many shares as he, at the last price of others within the delay (his own price where nobody traded, or
//! nobody was asked) and half the spread worse. It sells the part that he sells, in the same way, and is paid what the market
//! pays. It pays the taker's fee on each trade. What he got without a trade (a split) it does not copy, and what he gave up
//! without one (a merge, a conversion) it sells.

use std::collections::{BTreeMap, HashMap};

use super::{After, Deed, History, Prints, Status, What};
use crate::domain::{FeeSchedule, Nanos, Price, Shares, Usdc, money::ONE};

/// Less than this is nothing: the index rounds.
const NOTHING: Shares = Shares(10_000);

/// What a copy is assumed to suffer.
#[derive(Clone, Debug, Default)]
pub struct Assumptions {
    pub delay: Nanos,
    /// Millionths of a dollar a share.
    pub half_spread: u32,
    pub fees: Fees,
}

/// The fee of each token.
#[derive(Clone, Debug, Default)]
pub struct Fees {
    pub known: HashMap<String, FeeSchedule>,
    /// Of all others.
    pub otherwise: FeeSchedule,
}

impl Fees {
    fn of(&self, token: &str) -> FeeSchedule {
        self.known.get(token).copied().unwrap_or(self.otherwise)
    }
}

/// How a position ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// He sold the last of it.
    Sold,
    /// The market paid.
    Paid,
    /// Merged or converted.
    Left,
    /// It is held still, and counted at the market's price.
    Open,
    /// It is gone, and how is not known; or the index does not say where it stands.
    Unknown,
}

/// One position. Dollars of ours have the fees in them, his do not: the index does not tell them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Episode {
    pub token: String,
    pub condition: String,
    pub began_at: Nanos,
    /// His last deed in it.
    pub ended_at: Nanos,
    pub end: End,
    pub his_cost: Usdc,
    pub his_returned: Usdc,
    pub our_cost: Usdc,
    pub our_returned: Usdc,
    /// What the copy lost by fees, by the spread, and by the price's moves within the delay.
    pub fees: Usdc,
    pub spread: Usdc,
    pub moved: Usdc,
    pub buys: usize,
    pub sales: usize,
}

/// All positions, and what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Walk {
    pub episodes: Vec<Episode>,
    /// Sales of what he had before the history begins: there is nothing to copy.
    pub sales_before: usize,
    /// Trades by what is known of the price after them.
    pub moves_known: usize,
    pub moves_quiet: usize,
    pub moves_unknown: usize,
    /// Buys that would have cost a dollar a share or more.
    pub too_dear: usize,
}

struct Position {
    episode: Episode,
    his: Shares,
    ours: Shares,
    price_last: Price,
}

struct Walker<'a> {
    history: &'a History,
    prints: &'a Prints,
    assumptions: &'a Assumptions,
    open: BTreeMap<String, Position>,
    walk: Walk,
}

/// Returns his positions in the order in which they ended; those that did not at the end.
pub fn walk(history: &History, prints: &Prints, assumptions: &Assumptions) -> Walk {
    let mut walker = Walker { history, prints, assumptions, open: BTreeMap::new(), walk: Walk::default() };
    history.deeds.iter().for_each(|deed| walker.take(deed));
    walker.finish();
    walker.walk
}

impl Walker<'_> {
    fn take(&mut self, deed: &Deed) {
        match deed.what {
            What::Bought(price) => self.bought(deed, price),
            What::Sold(price) => self.sold(deed, price),
            What::Split => self.split(deed),
            What::Merged | What::Converted => self.left(deed),
            What::Redeemed => self.redeemed(deed),
            What::Rewarded | What::MakerRebate | What::Moved => {}
        }
    }

    /// Returns what others paid when the copy would have come, or his price where nobody knows better.
    fn price_then(&mut self, deed: &Deed, price: Price) -> Price {
        if self.assumptions.delay == Nanos::ZERO {
            return price;
        }
        // Prints are known to the second: a part of one is a whole one.
        let seconds = self.assumptions.delay.0.div_ceil(1_000_000_000);
        let until = deed.at.plus(Nanos::from_secs(seconds));
        match self.prints.after(&deed.condition, &deed.token, deed.at, until) {
            After::Was(price) => {
                self.walk.moves_known += 1;
                price
            }
            After::Quiet => {
                self.walk.moves_quiet += 1;
                price
            }
            After::Unknown => {
                self.walk.moves_unknown += 1;
                price
            }
        }
    }

    fn bought(&mut self, deed: &Deed, price: Price) {
        let then = self.price_then(deed, price);
        let (half, fees) = (self.assumptions.half_spread, self.assumptions.fees.of(&deed.token));
        let position = self.open.entry(deed.token.clone()).or_insert_with(|| Position::new(deed, price));
        let episode = &mut position.episode;
        position.his = position.his + deed.shares;
        position.price_last = price;
        episode.his_cost = episode.his_cost + price.cost_ceil(deed.shares);
        (episode.ended_at, episode.buys) = (deed.at, episode.buys + 1);
        let Some(paid) = Price::from_micros(then.micros() + half) else {
            self.walk.too_dear += 1;
            return;
        };
        let cost = paid.cost_ceil(deed.shares);
        let fee = fees.fee(deed.shares, cost);
        position.ours = position.ours + deed.shares;
        episode.our_cost = episode.our_cost + cost + fee;
        episode.fees = episode.fees + fee;
        episode.spread = episode.spread + (cost - then.cost_ceil(deed.shares));
        episode.moved = episode.moved + (then.cost_ceil(deed.shares) - price.cost_ceil(deed.shares));
    }

    fn sold(&mut self, deed: &Deed, price: Price) {
        if !self.open.contains_key(&deed.token) {
            self.walk.sales_before += 1;
            return;
        }
        let then = self.price_then(deed, price);
        let fees = self.assumptions.fees.of(&deed.token);
        let Some(position) = self.open.get_mut(&deed.token) else { return };
        position.episode.sales += 1;
        let his = deed.shares.min(position.his);
        position.gives(his, price, then, self.assumptions.half_spread, fees);
        position.price_last = price;
        self.end_if_empty(&deed.token, deed.at, End::Sold);
    }

    /// He pays a dollar for one share of each outcome, so each counts half of it. Tokens that he never traded are not known.
    fn split(&mut self, deed: &Deed) {
        for position in self.open.values_mut().filter(|position| position.episode.condition == deed.condition) {
            position.his = position.his + deed.shares;
            position.episode.his_cost = position.episode.his_cost + Usdc((deed.shares.0 / 2) as i64);
        }
    }

    fn left(&mut self, deed: &Deed) {
        for token in self.tokens_of(&deed.condition) {
            let fees = self.assumptions.fees.of(&token);
            let Some(position) = self.open.get_mut(&token) else { continue };
            let (gone, last) = (deed.shares.min(position.his), position.price_last);
            position.gives(gone, last, last, self.assumptions.half_spread, fees);
            self.end_if_empty(&token, deed.at, End::Left);
        }
    }

    fn redeemed(&mut self, deed: &Deed) {
        let tokens = match deed.token.as_str() {
            "" => self.tokens_of(&deed.condition),
            token => vec![token.to_owned()],
        };
        let is_one = tokens.len() == 1;
        for token in tokens {
            let Some(position) = self.open.get(&token) else { continue };
            let stand = self.history.stands.get(&token).filter(|stand| stand.status != Status::Open);
            let worth = match stand {
                Some(stand) => Some(stand.worth),
                None if deed.dollars.0 <= 0 => Some(0),
                // All that was paid was paid for it.
                None if is_one && position.his.0 > 0 => {
                    let each = u128::from(deed.dollars.0.unsigned_abs()) * u128::from(ONE) / u128::from(position.his.0);
                    Some(each.min(u128::from(ONE)) as u32)
                }
                None => None,
            };
            self.pay(&token, deed.at, worth);
        }
    }

    fn finish(&mut self) {
        let tokens: Vec<String> = self.open.keys().cloned().collect();
        for token in tokens {
            let Some(at) = self.open.get(&token).map(|position| position.episode.ended_at) else { continue };
            let stand = self.history.stands.get(&token);
            match stand.map(|stand| (stand.status, stand.worth)) {
                Some((Status::Redeemable, worth)) => self.pay(&token, at, Some(worth)),
                // Of a price at the very edge there is no market any more.
                Some((Status::Closed, worth)) if worth == 0 || worth == ONE as u32 => self.pay(&token, at, Some(worth)),
                Some((Status::Open, worth)) => self.end(&token, at, End::Open, worth),
                Some((Status::Closed, _)) | None => self.pay(&token, at, None),
            }
        }
    }

    fn tokens_of(&self, condition: &str) -> Vec<String> {
        let its = self.open.iter().filter(|(_, position)| position.episode.condition == condition);
        its.map(|(token, _)| token.clone()).collect()
    }

    fn pay(&mut self, token: &str, at: Nanos, worth: Option<u32>) {
        match worth {
            Some(worth) => self.end(token, at, End::Paid, worth),
            None => self.end(token, at, End::Unknown, 0),
        }
    }

    fn end_if_empty(&mut self, token: &str, at: Nanos, end: End) {
        if self.open.get(token).is_some_and(|position| position.his < NOTHING) {
            self.end(token, at, end, 0);
        }
    }

    /// What is left counts `worth` a share.
    fn end(&mut self, token: &str, at: Nanos, end: End, worth: u32) {
        let Some(mut position) = self.open.remove(token) else { return };
        let value = |shares: Shares| Usdc((u128::from(shares.0) * u128::from(worth) / u128::from(ONE)) as i64);
        let episode = &mut position.episode;
        episode.his_returned = episode.his_returned + value(position.his);
        episode.our_returned = episode.our_returned + value(position.ours);
        (episode.end, episode.ended_at) = (end, at);
        self.walk.episodes.push(position.episode);
    }
}

impl Position {
    fn new(deed: &Deed, price: Price) -> Position {
        let episode = Episode {
            token: deed.token.clone(),
            condition: deed.condition.clone(),
            began_at: deed.at,
            ended_at: deed.at,
            end: End::Unknown,
            his_cost: Usdc::ZERO,
            his_returned: Usdc::ZERO,
            our_cost: Usdc::ZERO,
            our_returned: Usdc::ZERO,
            fees: Usdc::ZERO,
            spread: Usdc::ZERO,
            moved: Usdc::ZERO,
            buys: 0,
            sales: 0,
        };
        Position { episode, his: Shares::ZERO, ours: Shares::ZERO, price_last: price }
    }

    /// He gives `his` at `price`; the copy gives the same part, half the spread below `then`.
    fn gives(&mut self, his: Shares, price: Price, then: Price, half: u32, fees: FeeSchedule) {
        let ours = self.ours.fraction_floor(his, self.his);
        let (got, wished, at_his) = (then.down(half).cost_floor(ours), then.cost_floor(ours), price.cost_floor(ours));
        let fee = fees.fee(ours, got);
        let episode = &mut self.episode;
        episode.his_returned = episode.his_returned + price.cost_floor(his);
        episode.our_returned = episode.our_returned + (got - fee);
        episode.fees = episode.fees + fee;
        episode.spread = episode.spread + (wished - got);
        episode.moved = episode.moved + (at_his - wished);
        (self.his, self.ours) = (self.his.minus(his), self.ours.minus(ours));
    }
}
