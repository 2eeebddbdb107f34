//! What the chain does to an account beside trades: deposits, withdrawals, approvals, splits, merges, redemptions.
//!
//! The chain knows nothing of open orders: it may take what they have reserved. The newest of them are cancelled then,
//! until the others are covered.

use super::Contract;
use super::Exchange;
use super::account::{Asset, Balance, Holding, NotEnough};
use super::event::{Event, Move, MoveKind};
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
        let moved = Outcome::BOTH.map(|of| if of == outcome { shares } else { Shares::ZERO });
        self.tell_move(from, market, MoveKind::Send, moved, [Usdc::ZERO; 2]);
        self.tell_move(to, market, MoveKind::Receive, moved, [Usdc::ZERO; 2]);
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
        self.tell_move(account, market, MoveKind::Split, [shares; 2], halves(shares));
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
        self.tell_move(account, market, MoveKind::Merge, [shares; 2], halves(shares));
        self.cover(account);
        Ok(())
    }

    /// Pays out what the account holds of a resolved market, and takes the shares. Returns what was paid, rounded down for
    /// each outcome; nothing while the market is not resolved.
    pub fn redeem(&mut self, account: AccountId, market: MarketId) -> Usdc {
        let Some(Standing::Resolved(resolution)) = self.standing(market) else { return Usdc::ZERO };
        let (mut paid, mut gone) = ([0; 2], [Shares::ZERO; 2]);
        for outcome in Outcome::BOTH {
            let asset = Asset::Shares(market, outcome);
            let held = self.account(account).held(asset);
            paid[outcome.index()] = match resolution {
                Resolution::Won(winner) if winner == outcome => held,
                Resolution::Won(_) => 0,
                Resolution::Even => held.div_euclid(2),
            };
            gone[outcome.index()] = Shares(held.max(0) as u64);
            self.account_mut(account).add(asset, -held);
        }
        let sum: i64 = paid.iter().sum();
        self.account_mut(account).add(Asset::Collateral, sum);
        self.known(market).locked -= sum;
        if gone != [Shares::ZERO; 2] {
            self.tell_move(account, market, MoveKind::Redeem, gone, paid.map(Usdc));
        }
        Usdc(sum)
    }

    /// Makes of shares of the second outcome of `given` markets a share of the first outcome of each of `others`, and a
    /// dollar for each of the given but one. All are the markets of one neg-risk group, of which exactly one's first outcome
    /// wins: what stands behind their shares stands behind them together. Panics if nothing is given.
    pub fn convert(
        &mut self,
        account: AccountId,
        given: &[MarketId],
        others: &[MarketId],
        shares: Shares,
    ) -> Result<Usdc, NotEnough> {
        let (first, rest) = given.split_first().expect("something is given");
        for market in given {
            self.account(account).check_held(Asset::Shares(*market, Outcome::No), shares.0)?;
        }
        for market in given {
            self.account_mut(account).take(Asset::Shares(*market, Outcome::No), shares.0);
            // The first is paid by what the others' first outcomes are worth.
            let paid = if market == first { 0 } else { shares.0 as i64 };
            let collateral = [Usdc::ZERO, Usdc(paid)];
            self.tell_move(account, *market, MoveKind::Convert, [Shares::ZERO, shares], collateral);
        }
        for market in others {
            self.account_mut(account).give(Asset::Shares(*market, Outcome::Yes), shares.0);
            self.tell_move(account, *market, MoveKind::Receive, [shares, Shares::ZERO], [Usdc::ZERO; 2]);
        }
        let paid = shares.0 as i64 * rest.len() as i64;
        self.account_mut(account).add(Asset::Collateral, paid);
        self.known(*first).locked -= paid;
        self.cover(account);
        Ok(Usdc(paid))
    }

    fn tell_move(
        &mut self,
        account: AccountId,
        market: MarketId,
        kind: MoveKind,
        shares: [Shares; 2],
        collateral: [Usdc; 2],
    ) {
        self.moves += 1;
        self.events.push(Event::Moved(Move { account, market, kind, shares, collateral }));
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

/// Half a dollar for a share of each outcome, a dollar for both.
fn halves(shares: Shares) -> [Usdc; 2] {
    let half = shares.0 as i64 / 2;
    [Usdc(half), Usdc(shares.0 as i64 - half)]
}
