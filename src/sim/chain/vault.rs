//! What the token contracts know and the exchange keeps: balances, allowances, conditions. The chain asks and moves them by
//! wallet address; whose account that is, its owner knows.

use alloy::primitives::{Address, B256, U256};

use super::contracts::Revert;
use crate::sim::listing::Listing;
use crate::venue::polymarket::Exchange;

/// A market as the contracts know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Condition {
    /// 32 bytes; of V3 31 and a zero.
    pub id: B256,
    pub tokens: [U256; 2],
    pub exchange: Exchange,
    /// What a share of each outcome pays, over the sum of both: (1, 0), (0, 1) or (1, 1). `None` until it is resolved.
    pub payouts: Option<[u64; 2]>,
}

impl Condition {
    /// Returns the condition of a market that is not resolved. Panics where the listing's ids are no numbers: we made them.
    pub fn of(listing: &Listing) -> Condition {
        let token = |text: &String| text.parse().expect("a token id is a decimal of 256 bits");
        Condition {
            id: listing.condition.parse().expect("a condition id is 32 bytes"),
            tokens: [token(&listing.tokens[0]), token(&listing.tokens[1])],
            exchange: Exchange::of(listing.generation, listing.neg_risk),
            payouts: None,
        }
    }
}

/// The two kinds of things that an exchange is allowed to take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Token {
    /// pUSD; an allowance is in millionths and wears, unless it is `u64::MAX`.
    Collateral,
    /// Outcome tokens; allowed (`u64::MAX`) or not (0).
    Positions,
}

/// Amounts are in millionths.
pub trait Vault {
    /// Returns whether a contract wallet stands at this address.
    fn is_wallet(&self, wallet: Address) -> bool;
    fn collateral(&self, wallet: Address) -> u64;
    fn position(&self, wallet: Address, token: U256) -> u64;
    fn condition(&self, id: B256) -> Option<Condition>;
    fn condition_of(&self, token: U256) -> Option<Condition>;
    fn allowance(&self, wallet: Address, exchange: Exchange, token: Token) -> u64;

    /// What follows is done by this transaction.
    fn begin(&mut self, transaction: B256);

    /// Does nothing for a wallet without an account.
    fn allow(&mut self, wallet: Address, exchange: Exchange, token: Token, amount: u64);
    /// Turns all positions of a resolved condition into collateral; returns how much.
    fn redeem(&mut self, wallet: Address, condition: B256) -> Result<u64, Revert>;
    /// Turns collateral into as many shares of both outcomes.
    fn split(&mut self, wallet: Address, condition: B256, amount: u64) -> Result<(), Revert>;
    /// Turns as many shares of both outcomes into collateral.
    fn merge(&mut self, wallet: Address, condition: B256, amount: u64) -> Result<(), Revert>;
    /// Moves collateral. Money sent to a wallet without an account leaves the exchange.
    fn pay(&mut self, from: Address, to: Address, amount: u64) -> Result<(), Revert>;
}
