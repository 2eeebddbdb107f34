//! SCOUTING: is a wallet worth copying? His own history from the venue's index, what he does and how it ended, and what copying
//! it would have earned after spread, fee and delay. Reading is [`read`]'s; everything else touches nothing and is integers.
//!
//! - [`rows`] the index's rows -> deeds, stands, prints
//! - [`read`] pages of the Data API -> a [`History`] and the [`Prints`] around his trades
//! - [`walk`] deeds, oldest first -> positions from their beginning to their end, his and the copy's
//! - [`summary`] what he does; [`score`] what copying it would have earned; [`warnings`] what makes him one to keep away from

pub mod read;
pub mod rows;
pub mod score;
pub mod summary;
pub mod walk;
pub mod warnings;

use std::collections::HashMap;

use crate::domain::{Nanos, Price, Shares, Usdc};

/// Something he did. The index knows the time to the second.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deed {
    pub at: Nanos,
    pub what: What,
    /// Empty where it is about a market, not about one of its tokens.
    pub token: String,
    pub condition: String,
    pub title: String,
    pub outcome: String,
    pub shares: Shares,
    /// Paid or received, without the fee.
    pub dollars: Usdc,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    Bought(Price),
    Sold(Price),
    /// Dollars became shares of all outcomes,
    Split,
    /// shares of all outcomes became dollars,
    Merged,
    /// and shares of one outcome became others.
    Converted,
    /// A market that ended paid.
    Redeemed,
    /// He got a reward or a rebate,
    Rewarded,
    /// one for orders that rested: he makes markets.
    MakerRebate,
    /// Money went in or out.
    Moved,
}

/// Where a token of his stands now.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stand {
    pub token: String,
    pub condition: String,
    pub status: Status,
    /// What a share is worth, in millionths: the market's price, or what it pays.
    pub worth: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    Open,
    /// The market ended.
    Redeemable,
    /// He holds none any more.
    Closed,
}

/// What he did, oldest first, and where his tokens stand.
#[derive(Clone, Debug, Default)]
pub struct History {
    /// Lower case; all of one owner.
    pub wallets: Vec<String>,
    /// As the venue calls him; a stranger's text.
    pub name: String,
    pub deeds: Vec<Deed>,
    pub stands: HashMap<String, Stand>,
    /// How many rows were not understood.
    pub unread: usize,
    /// There was more than is read: the oldest is missing.
    pub is_cut: bool,
}

impl History {
    /// Takes in what another wallet of the same owner did.
    pub fn join(&mut self, more: History) {
        self.wallets.extend(more.wallets);
        self.deeds.extend(more.deeds);
        self.deeds.sort_by_key(|deed| deed.at);
        for (token, stand) in more.stands {
            let known = self.stands.entry(token).or_insert_with(|| stand.clone());
            // What one wallet holds none of another may hold.
            if known.status == Status::Closed {
                *known = stand;
            }
        }
        if self.name.is_empty() {
            self.name = more.name;
        }
        self.unread += more.unread;
        self.is_cut |= more.is_cut;
    }
}

/// What others traded around his trades.
#[derive(Clone, Debug, Default)]
pub struct Prints {
    /// Of each token, oldest first.
    pub of: HashMap<String, Vec<(Nanos, Price)>>,
    /// Of each market: which times were asked for, and told whole.
    pub known: HashMap<String, Vec<(Nanos, Nanos)>>,
}

/// What the price of a token did in a while.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum After {
    /// The last print.
    Was(Price),
    /// Nobody traded.
    Quiet,
    /// Nobody was asked.
    Unknown,
}

impl Prints {
    /// Returns what a token did after `at` until `until`. Prints within the very second of `at` are left out: whether they came
    /// before or after is not known.
    pub fn after(&self, condition: &str, token: &str, at: Nanos, until: Nanos) -> After {
        let is_known = |windows: &Vec<(Nanos, Nanos)>| windows.iter().any(|(from, to)| *from <= at && until <= *to);
        if !self.known.get(condition).is_some_and(is_known) {
            return After::Unknown;
        }
        let prints = self.of.get(token).map_or(&[][..], Vec::as_slice);
        let first = prints.partition_point(|print| print.0 <= at);
        let end = prints.partition_point(|print| print.0 <= until);
        prints[first.min(end)..end].last().map_or(After::Quiet, |print| After::Was(print.1))
    }
}

#[cfg(test)]
mod tests;
