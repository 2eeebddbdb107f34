//! What the chain does to an account beside trades: deposits, withdrawals, approvals, splits, merges, redemptions.
//!
//! The chain knows nothing of open orders: it may take what they have reserved. The newest of them are cancelled then,
//! until the others are covered.

use super::Contract;
use super::Exchange;
use super::account::{Asset, Balance, Holding, NotEnough};
use super::market::Standing;
use super::order::{AccountId, MarketId, OrderId, State};
use super::reject::Canceled;
use crate::domain::{Shares, Usdc};
use crate::sim::message::{Outcome, Resolution};

impl Exchange {
    pub fn balance(&self, account: AccountId) -> Balance {
        self.account(account).balance()
    }

    pub fn shares(&self, account: AccountId, market: MarketId, outcome: Outcome) -> Holding {
        self.account(account).holding(market, outcome)
    }

    /// Returns what a contract may take, in millionths; `u64::MAX` is endless.
    pub fn allowance(&self, account: AccountId, contract: Contract, asset: Asset) -> u64 {
        self.account(account).allowance(contract, asset)
    }

    /// Sets what a contract may take. Of shares the chain knows only all or nothing: `u64::MAX` or zero, for all markets.
    pub fn approve(&mut self, account: AccountId, contract: Contract, asset: Asset, allowance: u64) {
        self.account_mut(account).allow(contract, asset, allowance);
        self.cover(account);
    }

    /// Lets every contract take everything.
    pub fn approve_all(&mut self, account: AccountId) {
        for contract in Contract::ALL {
            for asset in [Asset::Collateral, Asset::ALL_SHARES] {
                self.account_mut(account).allow(contract, asset, u64::MAX);
            }
        }
    }

    /// Panics for a negative amount.
    pub fn deposit(&mut self, account: AccountId, amount: Usdc) {
        assert!(amount >= Usdc::ZERO, "a deposit of {amount}");
        self.account_mut(account).give(Asset::Collateral, amount.0 as u64);
    }

    /// Panics for a negative amount.
    pub fn withdraw(&mut self, account: AccountId, amount: Usdc) -> Result<(), NotEnough> {
        assert!(amount >= Usdc::ZERO, "a withdrawal of {amount}");
        self.take_held(account, Asset::Collateral, amount.0 as u64)?;
        self.cover(account);
        Ok(())
    }

    /// Moves shares from one account to another, as a transfer on the chain does.
    pub fn give_shares(
        &mut self,
        [from, to]: [AccountId; 2],
        market: MarketId,
        outcome: Outcome,
        shares: Shares,
    ) -> Result<(), NotEnough> {
        let asset = Asset::Shares(market, outcome);
        self.take_held(from, asset, shares.0)?;
        self.account_mut(to).give(asset, shares.0);
        self.cover(from);
        Ok(())
    }

    /// Makes pairs of shares out of dollars, one of each outcome for a dollar.
    pub fn split(&mut self, account: AccountId, market: MarketId, shares: Shares) -> Result<(), NotEnough> {
        self.take_held(account, Asset::Collateral, shares.0)?;
        Outcome::BOTH.iter().for_each(|outcome| {
            self.account_mut(account).give(Asset::Shares(market, *outcome), shares.0);
        });
        self.known(market).locked += shares.0 as i64;
        self.cover(account);
        Ok(())
    }

    /// Makes dollars out of pairs of shares.
    pub fn merge(&mut self, account: AccountId, market: MarketId, shares: Shares) -> Result<(), NotEnough> {
        let pair = Outcome::BOTH.map(|outcome| Asset::Shares(market, outcome));
        for asset in pair {
            self.account(account).check_held(asset, shares.0)?;
        }
        pair.into_iter().for_each(|asset| self.account_mut(account).take(asset, shares.0));
        self.account_mut(account).give(Asset::Collateral, shares.0);
        self.known(market).locked -= shares.0 as i64;
        self.cover(account);
        Ok(())
    }

    /// Pays out what the account holds of a resolved market, and takes the shares. Returns what was paid, rounded down for
    /// each outcome; nothing while the market is not resolved.
    pub fn redeem(&mut self, account: AccountId, market: MarketId) -> Usdc {
        let Some(Standing::Resolved(resolution)) = self.standing(market) else { return Usdc::ZERO };
        let mut paid = 0;
        for outcome in Outcome::BOTH {
            let asset = Asset::Shares(market, outcome);
            let held = self.account(account).held(asset);
            paid += match resolution {
                Resolution::Won(winner) if winner == outcome => held,
                Resolution::Won(_) => 0,
                Resolution::Even => held.div_euclid(2),
            };
            self.account_mut(account).add(asset, -held);
        }
        self.account_mut(account).add(Asset::Collateral, paid);
        self.known(market).locked -= paid;
        Usdc(paid)
    }

    fn take_held(&mut self, account: AccountId, asset: Asset, amount: u64) -> Result<(), NotEnough> {
        self.account(account).check_held(asset, amount)?;
        self.account_mut(account).take(asset, amount);
        Ok(())
    }

    /// Cancels the newest resting orders whose funds are gone. Held ones are asked at their release.
    fn cover(&mut self, account: AccountId) {
        let newest_first: Vec<OrderId> = self.account(account).open_ids().rev().collect();
        for id in newest_first {
            let order = &self.orders[&id];
            let (contract, asset) = (self.contract(order.new.market), Asset::given_by(&order.new));
            if order.state == State::Live && self.account(account).is_short_of(contract, asset) {
                self.cancel_resting(&id, Canceled::NotEnoughBalance);
            }
        }
    }
}
