//! What the auditor knows of tokens: their rules, and their books kept in the plainest way.

use std::collections::BTreeMap;

use crate::domain::{Market, Side};

#[derive(Clone, Debug)]
pub struct Token {
    pub market: Market,
    pub is_known: bool,
    pub payout: Option<u32>,
    /// Sizes by price.
    bids: BTreeMap<i128, i128>,
    asks: BTreeMap<i128, i128>,
    /// A snapshot came since the connection or the process began.
    began: bool,
    /// Of the newest message, in the venue's milliseconds; an older snapshot is not taken.
    at: u64,
    passing: bool,
    /// When the last message was over, in nanoseconds.
    pub heard: u64,
}

impl Default for Token {
    fn default() -> Token {
        Token {
            market: Market::COMMON,
            is_known: false,
            payout: None,
            bids: BTreeMap::new(),
            asks: BTreeMap::new(),
            began: false,
            at: 0,
            passing: false,
            heard: 0,
        }
    }
}

impl Token {
    pub fn best_bid(&self) -> Option<i128> {
        self.bids.last_key_value().map(|(price, _)| *price)
    }

    pub fn best_ask(&self) -> Option<i128> {
        self.asks.first_key_value().map(|(price, _)| *price)
    }

    /// Returns what is offered at no more than `limit`, in dollars at the offered prices, rounded up level by level.
    pub fn ask_cost(&self, limit: i128) -> i128 {
        self.asks.range(..=limit).map(|(price, size)| super::figure::cost_up(*price, *size)).sum()
    }

    /// Forgets the book: the process that held it is gone.
    pub fn forget_book(&mut self) {
        let fresh = Token::default();
        *self = Token { market: self.market, is_known: self.is_known, payout: self.payout, ..fresh };
    }

    /// A whole book begins, as of the venue's `at` in milliseconds.
    pub fn snapshot(&mut self, at: u64) {
        if self.began && at < self.at {
            self.passing = true;
            return;
        }
        (self.began, self.at) = (true, at);
        self.bids.clear();
        self.asks.clear();
    }

    pub fn level(&mut self, side: Side, price: i128, size: i128) {
        if !self.began || self.passing {
            return;
        }
        let levels = self.side(side);
        if size == 0 {
            levels.remove(&price);
        } else {
            levels.insert(price, size);
        }
    }

    /// The message is over.
    pub fn done(&mut self, now: u64, at: u64) {
        if !std::mem::take(&mut self.passing) {
            (self.heard, self.at) = (now, self.at.max(at));
        }
    }

    fn side(&mut self, side: Side) -> &mut BTreeMap<i128, i128> {
        match side {
            Side::Buy => &mut self.bids,
            Side::Sell => &mut self.asks,
        }
    }
}
