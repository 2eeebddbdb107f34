//! RECONCILING: what our books hold with real money beside what the venue says that the wallet holds. Sans-IO: it says what to
//! read, is told what was read, and says where the two part. It orders nothing and changes no books; people decide what a
//! difference means.
//!
//! The venue's words lag, and lag is no difference (RELIABILITY.md F03 to F05):
//!
//! - nothing is compared before a patience has passed since our books last changed there;
//! - what is matched and not settled may be there or not: anything between the two is right;
//! - a difference counts when it was seen again after 1, 2 and 3 seconds, each time after the venue was asked to look at the
//!   chain anew; until then the last good value stands;
//! - the index of the chain is compared two minutes after a change, and is only a reason to read the balance anew;
//! - a report that is not whole is none.
//!
//! What the wallet has beyond our books may be the user's own: his trades are EXTERNAL, and explain it.

mod item;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::{
    Nanos, Shares, Side, TokenId, Usdc,
    event::{Choice, Difference, Differs, External, TakenIn, WalletHolds},
};
use item::{Item, Span};

/// How long after each sighting of a difference it must be seen again.
pub const SEEN_AGAIN_AFTER: [Nanos; 3] = [Nanos::from_secs(1), Nanos::from_secs(2), Nanos::from_secs(3)];
/// The index of the chain knows a fill by then.
pub const INDEX_LAG: Nanos = Nanos::from_secs(120);
/// Less than this is no difference: a hundredth of a share, a cent.
pub const DUST: u64 = 10_000;
/// The index does not tell of less than this.
pub const INDEX_DUST: u64 = 100_000;
/// Balances read in one report; with more tokens than this, those that were read longest ago come first.
pub const TOKENS_MAX: usize = 50;
/// After a report that failed.
const FAILED_PAUSE: Nanos = Nanos::from_secs(5);

/// What is compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Topic {
    OpenOrders,
    Shares(TokenId),
    Cash,
}

/// What all live portfolios hold together, for comparison with the wallet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LiveBooks {
    /// Available, reserved and cooling.
    pub cash: Usdc,
    /// Proceeds of sales in it are not settled.
    pub is_selling: bool,
    /// How many positions ended with their market since the process began.
    pub settled: u64,
    pub holdings: Vec<Holding>,
}

/// What live portfolios hold of a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Holding {
    pub token: TokenId,
    pub shares: Shares,
    /// Bought and sold, and not settled yet.
    pub unsettled: Shares,
    pub sold: Shares,
}

/// How often, and how long after a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    pub every: Nanos,
    pub patience: Nanos,
}

/// What is known from before this process.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Known {
    /// When a live match last changed our books.
    pub matched_at: Nanos,
    /// Differences that were told, and not that they are over.
    pub differs: Vec<Differs>,
    /// Those of them that nobody wants to hear of any more.
    pub ignored: Vec<Differs>,
    /// Shares that others bought less what they sold, of each token.
    pub external: BTreeMap<TokenId, i64>,
}

/// How something is to be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// As the venue has it.
    Plain,
    /// After asking it to look at the chain anew.
    Anew,
}

/// What to read next, in this order: orders, index, shares, cash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asks {
    /// Of everything; else only what looks different, once more.
    pub is_whole: bool,
    pub orders: bool,
    pub shares: Vec<(TokenId, Look)>,
    pub cash: Option<Look>,
}

/// What was read, each with the moment at which the read was begun.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub orders: Option<(Nanos, Resting)>,
    pub index: Option<(Nanos, Index)>,
    pub shares: Vec<(Nanos, TokenId, Shares)>,
    pub cash: Option<(Nanos, Cash)>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Cash {
    pub held: Usdc,
    /// What shares of markets that ended pay when they are redeemed, as far as the chain was asked.
    pub redeemable: Usdc,
}

/// Orders of ours that rest as far as we know, and those of them that the venue lists.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Resting {
    pub ours: usize,
    pub listed: usize,
}

/// What the index of the chain says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Index {
    pub shares: BTreeMap<TokenId, Shares>,
    /// What shares of markets that ended pay when they are redeemed.
    pub redeemable: Usdc,
}

/// A token of the wallet: what is ours of it, what others of the wallet's traded, and what there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Held {
    pub token: TokenId,
    pub ours: Shares,
    pub external: i64,
    /// The last good value; `None` until there is one.
    pub theirs: Option<Shares>,
    /// What is too much or too little, once it was told.
    pub difference: i64,
    /// Somebody knows of it.
    #[serde(default)]
    pub is_ignored: bool,
}

/// A difference that was told, and is not over.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Differing {
    pub differs: Differs,
    /// Somebody knows of it.
    pub is_ignored: bool,
}

#[derive(Clone, Debug)]
pub struct Comparison {
    rules: Rules,
    /// `None`: nothing was heard of our books yet.
    books: Option<LiveBooks>,
    matched_at: Nanos,
    items: BTreeMap<Topic, Item>,
    external: BTreeMap<TokenId, i64>,
    index: Index,
    /// What was told of the wallet.
    noted: BTreeMap<Option<TokenId>, WalletHolds>,
    /// When a market paid last: that may wait for its redemption, and the index does not tell yet.
    ended_at: Nanos,
    whole_next: Nanos,
    not_before: Nanos,
}

impl Comparison {
    pub fn new(rules: Rules, known: Known) -> Comparison {
        let Known { matched_at, differs, ignored, external } = known;
        let told = |differs: &Differs| {
            let topic = topic(differs.what, differs.token)?;
            let mut item = Item::told(matched_at, differs.theirs - differs.ours);
            item.is_ignored = ignored.contains(differs);
            Some((topic, item))
        };
        Comparison {
            rules,
            books: None,
            matched_at,
            items: differs.iter().filter_map(told).collect(),
            external,
            index: Index::default(),
            noted: BTreeMap::new(),
            ended_at: Nanos::ZERO,
            whole_next: Nanos::ZERO,
            not_before: Nanos::ZERO,
        }
    }

    /// Takes what our books hold now. What is held no more is compared no more: its difference is over.
    pub fn hear(&mut self, now: Nanos, books: &LiveBooks, found: &mut Vec<Differs>) {
        if self.books.as_ref() == Some(books) {
            return;
        }
        let before = self.books.replace(books.clone());
        // What the books begin with is as old as the last match.
        let changed_at = if before.is_none() { self.matched_at } else { now };
        let before = before.unwrap_or_default();
        if before.cash != books.cash {
            self.item(Topic::Cash).changed(changed_at);
        }
        if before.settled != books.settled {
            self.ended_at = changed_at;
        }
        for holding in &books.holdings {
            let item = self.items.entry(Topic::Shares(holding.token)).or_insert_with(|| Item::new(changed_at));
            if !before.holdings.contains(holding) {
                item.changed(changed_at);
            }
        }
        let gone = |topic: &Topic| match topic {
            Topic::Shares(token) => !books.holdings.iter().any(|holding| holding.token == *token),
            Topic::OpenOrders | Topic::Cash => false,
        };
        for (topic, item) in self.items.extract_if(.., |topic, _| gone(topic)) {
            found.extend((item.told != 0).then(|| differs(topic, 0, 0)));
        }
    }

    /// Takes what others did with the wallet.
    pub fn external(&mut self, now: Nanos, external: &External) {
        let shares = external.shares.0 as i64;
        let signed = match external.side {
            Side::Buy => shares,
            Side::Sell => -shares,
        };
        *self.external.entry(external.token).or_default() += signed;
        for topic in [Topic::Shares(external.token), Topic::Cash] {
            if let Some(item) = self.items.get_mut(&topic) {
                item.changed(now);
            }
        }
    }

    /// Takes what the operator makes of a difference: the one of this topic, if it is still `gap`. What is his own is EXTERNAL
    /// from here on, and explained. Returns the difference as it stands, or what it is instead.
    pub fn choose(
        &mut self,
        what: Difference,
        token: Option<TokenId>,
        gap: i64,
        choice: Choice,
    ) -> Result<Differs, Option<i64>> {
        let topic = topic(what, token).ok_or(None)?;
        let item = self.items.get_mut(&topic).filter(|item| item.told != 0).ok_or(None)?;
        let theirs = item.good.filter(|_| item.told == gap).ok_or(Some(item.told))?;
        match (choice, topic) {
            (Choice::Ignored, _) => item.is_ignored = true,
            // Only shares can be too many.
            (Choice::Own, Topic::Shares(token)) if gap > 0 => {
                (item.told, item.is_ignored) = (0, false);
                *self.external.entry(token).or_default() += gap;
            }
            (Choice::Own, Topic::Shares(_) | Topic::Cash | Topic::OpenOrders) => return Err(Some(gap)),
        }
        Ok(differs(topic, theirs - gap, theirs))
    }

    /// Takes that shares of others came into our books.
    pub fn taken_in(&mut self, now: Nanos, taken: &TakenIn) {
        let external = self.external.entry(taken.token).or_default();
        *external -= (taken.shares.0 as i64).min(*external).max(0);
        if let Some(item) = self.items.get_mut(&Topic::Shares(taken.token)) {
            item.changed(now);
        }
    }

    /// Yields the differences that were told and are not over, once the wallet was read.
    pub fn differing(&self) -> impl Iterator<Item = Differing> {
        let told = self.items.iter().filter(|(_, item)| item.told != 0);
        told.filter_map(|(topic, item)| {
            let theirs = item.good?;
            Some(Differing { differs: differs(*topic, theirs - item.told, theirs), is_ignored: item.is_ignored })
        })
    }

    /// Returns what to read now, if anything is.
    pub fn asks(&self, now: Nanos) -> Option<Asks> {
        if self.books.is_none() || now < self.not_before {
            return None;
        }
        let is_whole = self.whole_next <= now;
        let due = |topic: Topic| self.items.get(&topic).is_some_and(|item| item.is_due(now));
        let mut items: Vec<(TokenId, &Item)> = self.tokens().filter(|(_, item)| is_whole || item.is_due(now)).collect();
        items.sort_by_key(|(_, item)| item.read_at);
        items.truncate(TOKENS_MAX);
        let cash = is_whole || due(Topic::Cash);
        let asks = Asks {
            is_whole,
            orders: is_whole || due(Topic::OpenOrders),
            shares: items.into_iter().map(|(token, item)| (token, item.look())).collect(),
            cash: cash.then(|| self.items.get(&Topic::Cash).map_or(Look::Plain, Item::look)),
        };
        (is_whole || asks.orders || !asks.shares.is_empty() || cash).then_some(asks)
    }

    /// Takes that what was asked for could not be read as a whole: it is asked for again, and nothing else changes.
    pub fn failed(&mut self, now: Nanos) {
        self.not_before = now.plus(FAILED_PAUSE);
    }

    /// Compares what was asked for at `asked_at` with our books; what parts from them, or agrees again, is added to `found`.
    pub fn compare(&mut self, asked_at: Nanos, asks: &Asks, report: &Report, found: &mut Vec<Differs>) {
        if asks.is_whole {
            self.whole_next = asked_at.plus(self.rules.every);
        }
        if let Some((at, Resting { ours, listed })) = report.orders {
            let item = self.item(Topic::OpenOrders);
            let told = item.compare(at, Span::of(ours as i64), listed as i64, 1);
            found.extend(told.map(|(ours, theirs)| differs(Topic::OpenOrders, ours, theirs)));
        }
        if let Some((at, index)) = &report.index {
            self.index = index.clone();
            self.doubt(*at);
        }
        for (at, token, shares) in &report.shares {
            let asked = asks.shares.iter().find(|(asked, _)| asked == token);
            let look = asked.map_or(Look::Plain, |(_, look)| *look);
            self.compare_shares(*at, *token, look, *shares, found);
        }
        if let Some((at, cash)) = report.cash {
            self.compare_cash(at, cash, found);
        }
    }

    /// The index says something else for long enough: the balance is read anew.
    fn doubt(&mut self, at: Nanos) {
        for (topic, item) in &mut self.items {
            let Topic::Shares(token) = *topic else { continue };
            let shares = self.index.shares.get(&token).copied().unwrap_or_default();
            let span = span(self.books.as_ref(), &self.external, token);
            if item.changed_at.plus(INDEX_LAG) <= at && span.gap(shares.0 as i64).unsigned_abs() >= INDEX_DUST {
                item.doubt(shares);
            }
        }
    }

    fn compare_shares(&mut self, at: Nanos, token: TokenId, look: Look, shares: Shares, found: &mut Vec<Differs>) {
        let (patience, topic) = (self.rules.patience, Topic::Shares(token));
        let span = span(self.books.as_ref(), &self.external, token);
        let Some(item) = self.items.get_mut(&topic) else { return };
        item.was_read(at, look);
        if at < item.changed_at.plus(patience) {
            item.forget_suspicion();
        } else {
            let told = item.compare(at, span, shares.0 as i64, DUST);
            found.extend(told.map(|(ours, theirs)| differs(topic, ours, theirs)));
        }
    }

    /// More than the books say is nobody's business: the wallet may hold what no strategy was given.
    fn compare_cash(&mut self, at: Nanos, cash: Cash, found: &mut Vec<Differs>) {
        let Some(books) = &self.books else { return };
        let least = books.cash - self.index.redeemable.max(cash.redeemable);
        let (is_selling, patience, ended_at) = (books.is_selling, self.rules.patience, self.ended_at);
        let item = self.item(Topic::Cash);
        item.was_read(at, Look::Anew);
        // Proceeds that are not settled are in the books, and not in the wallet.
        if is_selling || at < item.changed_at.plus(patience) || at < ended_at.plus(INDEX_LAG) {
            item.forget_suspicion();
        } else {
            let told = item.compare(at, Span { least: least.0, most: i64::MAX }, cash.held.0, DUST);
            found.extend(told.map(|(ours, theirs)| differs(Topic::Cash, ours, theirs)));
        }
    }

    /// Yields what is known of the wallet: first what our books hold, then what else the index tells of.
    pub fn held(&self) -> impl Iterator<Item = Held> {
        let ours = self.tokens().map(|(token, item)| Held {
            token,
            ours: self.holding(token).map_or(Shares::ZERO, |holding| holding.shares + holding.unsettled),
            external: self.external.get(&token).copied().unwrap_or_default(),
            theirs: item.good.map(|good| Shares(good as u64)),
            difference: item.told,
            is_ignored: item.is_ignored,
        });
        let others = self.index.shares.iter().filter(|(token, _)| self.holding(**token).is_none());
        ours.chain(others.map(|(token, shares)| Held {
            token: *token,
            ours: Shares::ZERO,
            external: self.external.get(token).copied().unwrap_or_default(),
            theirs: Some(*shares),
            difference: 0,
            is_ignored: false,
        }))
    }

    /// Returns what of the wallet changed since this was last asked.
    pub fn news(&mut self) -> Vec<WalletHolds> {
        let cash = self.books.as_ref().zip(self.cash()).map(|(books, cash)| WalletHolds {
            token: None,
            ours: books.cash.0,
            external: 0,
            theirs: cash.0,
        });
        let tokens = self.held().filter_map(|held| {
            let (token, ours, external) = (Some(held.token), held.ours.0 as i64, held.external);
            Some(WalletHolds { token, ours, external, theirs: held.theirs?.0 as i64 })
        });
        let now: BTreeMap<_, _> = tokens.chain(cash).map(|holds| (holds.token, holds)).collect();
        let before = std::mem::replace(&mut self.noted, now);
        // What neither our books nor the index tell of any more is gone.
        let gone = before.keys().filter(|token| !self.noted.contains_key(token));
        let gone = gone.map(|token| WalletHolds { token: *token, ours: 0, external: 0, theirs: 0 });
        self.noted.values().filter(|holds| before.get(&holds.token) != Some(holds)).copied().chain(gone).collect()
    }

    /// Returns the last good value of the wallet's dollars.
    pub fn cash(&self) -> Option<Usdc> {
        self.items.get(&Topic::Cash)?.good.map(Usdc)
    }

    /// Returns how many differences there are that nobody said to know of.
    pub fn differences(&self) -> usize {
        self.items.values().filter(|item| item.told != 0 && !item.is_ignored).count()
    }

    fn item(&mut self, topic: Topic) -> &mut Item {
        self.items.entry(topic).or_insert_with(|| Item::new(Nanos::ZERO))
    }

    fn tokens(&self) -> impl Iterator<Item = (TokenId, &Item)> {
        self.items.iter().filter_map(|(topic, item)| match topic {
            Topic::Shares(token) => Some((*token, item)),
            Topic::OpenOrders | Topic::Cash => None,
        })
    }

    fn holding(&self, token: TokenId) -> Option<&Holding> {
        holding(self.books.as_ref(), token)
    }
}

fn holding(books: Option<&LiveBooks>, token: TokenId) -> Option<&Holding> {
    books?.holdings.iter().find(|holding| holding.token == token)
}

/// Returns what the wallet may hold of a token: what settled surely, what did not perhaps, and what others bought.
fn span(books: Option<&LiveBooks>, external: &BTreeMap<TokenId, i64>, token: TokenId) -> Span {
    let external = external.get(&token).copied().unwrap_or_default().max(0);
    let Some(holding) = holding(books, token) else { return Span { least: 0, most: external } };
    let least = holding.shares.0 as i64;
    Span { least, most: least + (holding.unsettled + holding.sold).0 as i64 + external }
}

fn topic(what: Difference, token: Option<TokenId>) -> Option<Topic> {
    match what {
        Difference::OpenOrders => Some(Topic::OpenOrders),
        Difference::Cash => Some(Topic::Cash),
        Difference::Shares => token.map(Topic::Shares),
    }
}

fn differs(topic: Topic, ours: i64, theirs: i64) -> Differs {
    let (what, token) = match topic {
        Topic::OpenOrders => (Difference::OpenOrders, None),
        Topic::Shares(token) => (Difference::Shares, Some(token)),
        Topic::Cash => (Difference::Cash, None),
    };
    Differs { what, token, ours, theirs }
}

#[cfg(test)]
mod tests;
