//! What an account holds, has reserved, and lets the exchange contracts take.

use std::collections::{BTreeSet, HashMap};

use super::Contract;
use super::order::{AccountId, MarketId, NewOrder, OrderId};
use super::reject::Reject;
use crate::domain::{Shares, Side, Usdc};
use crate::sim::message::Outcome;

/// Where an account's money comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Funds {
    /// Never refused for want of money, shares or allowance; may owe both. For those who make the world go round.
    Endless,
    /// So much and no more, until somebody deposits.
    Of(Usdc),
}

/// Something that can be held, given and reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Asset {
    Collateral,
    Shares(MarketId, Outcome),
}

impl Asset {
    /// What an allowance of shares is about: those of all markets.
    pub const ALL_SHARES: Asset = Asset::Shares(MarketId(0), Outcome::Yes);

    /// What the order gives.
    pub(super) fn given_by(new: &NewOrder) -> Asset {
        match new.side {
            Side::Buy => Asset::Collateral,
            Side::Sell => Asset::Shares(new.market, new.outcome),
        }
    }
}

/// Collateral of an account. What waits in escrow for its settlement is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Balance {
    /// Negative only for endless funds.
    pub held: Usdc,
    /// Part of `held`: the makers' amounts of open BUY orders.
    pub reserved: Usdc,
}

/// Shares of an account. What waits in escrow for its settlement is not in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Holding {
    /// Zero where endless funds owe.
    pub held: Shares,
    /// Part of `held`: what open SELL orders have left.
    pub reserved: Shares,
}

/// Something was to be taken from an account that is not there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotEnough {
    pub held: u64,
    pub wanted: u64,
}

/// An amount held, and the part of it that open orders will need; per contract, since allowances are.
#[derive(Clone, Copy, Debug, Default)]
struct Purse {
    held: i64,
    reserved: [u64; Contract::ALL.len()],
}

impl Purse {
    fn reserved(&self) -> u64 {
        self.reserved.iter().sum()
    }
}

#[derive(Debug)]
pub(super) struct Account {
    funds: Funds,
    collateral: Purse,
    shares: HashMap<(MarketId, Outcome), Purse>,
    /// What a contract may still take; `u64::MAX` does not wear.
    collateral_allowance: [u64; Contract::ALL.len()],
    shares_allowance: [u64; Contract::ALL.len()],
    /// Open orders by arrival.
    pub open: BTreeSet<(u64, OrderId)>,
}

impl Account {
    pub fn new(funds: Funds) -> Account {
        let collateral = match funds {
            Funds::Endless => Purse::default(),
            Funds::Of(dollars) => Purse { held: dollars.0, ..Purse::default() },
        };
        let (shares, open) = (HashMap::new(), BTreeSet::new());
        Account { funds, collateral, shares, collateral_allowance: [0; 3], shares_allowance: [0; 3], open }
    }

    pub fn is_endless(&self) -> bool {
        self.funds == Funds::Endless
    }

    pub fn balance(&self) -> Balance {
        Balance { held: Usdc(self.collateral.held), reserved: Usdc(self.collateral.reserved() as i64) }
    }

    pub fn holding(&self, market: MarketId, outcome: Outcome) -> Holding {
        let purse = self.shares.get(&(market, outcome)).copied().unwrap_or_default();
        Holding { held: Shares(purse.held.max(0) as u64), reserved: Shares(purse.reserved()) }
    }

    /// Returns what is held; negative where endless funds owe.
    pub fn held(&self, asset: Asset) -> i64 {
        self.purse(asset).held
    }

    fn purse(&self, asset: Asset) -> Purse {
        match asset {
            Asset::Collateral => self.collateral,
            Asset::Shares(market, outcome) => self.shares.get(&(market, outcome)).copied().unwrap_or_default(),
        }
    }

    fn purse_mut(&mut self, asset: Asset) -> &mut Purse {
        match asset {
            Asset::Collateral => &mut self.collateral,
            Asset::Shares(market, outcome) => self.shares.entry((market, outcome)).or_default(),
        }
    }

    pub fn allowance(&self, contract: Contract, asset: Asset) -> u64 {
        match asset {
            Asset::Collateral => self.collateral_allowance[contract as usize],
            Asset::Shares(..) => self.shares_allowance[contract as usize],
        }
    }

    pub fn allow(&mut self, contract: Contract, asset: Asset, allowance: u64) {
        match asset {
            Asset::Collateral => self.collateral_allowance[contract as usize] = allowance,
            Asset::Shares(..) => self.shares_allowance[contract as usize] = allowance,
        }
    }

    /// Fails unless `wanted` is there beside what open orders have reserved, and the contract may take it.
    pub fn check(&self, contract: Contract, asset: Asset, wanted: u64) -> Result<(), Reject> {
        if self.is_endless() {
            return Ok(());
        }
        let purse = self.purse(asset);
        let balance = (purse.held as u64).saturating_sub(purse.reserved());
        if balance < wanted {
            return Err(Reject::NotEnoughBalance { balance, wanted });
        }
        let allowance = self.allowance(contract, asset).saturating_sub(purse.reserved[contract as usize]);
        if allowance < wanted {
            return Err(Reject::NotEnoughAllowance { allowance, wanted });
        }
        Ok(())
    }

    /// Returns whether what open orders have reserved is more than is held, or than a contract may take of it.
    pub fn is_short_of(&self, contract: Contract, asset: Asset) -> bool {
        let purse = self.purse(asset);
        !self.is_endless()
            && ((purse.held as u64) < purse.reserved()
                || self.allowance(contract, asset) < purse.reserved[contract as usize])
    }

    pub fn reserve(&mut self, contract: Contract, asset: Asset, amount: u64) {
        if !self.is_endless() {
            self.purse_mut(asset).reserved[contract as usize] += amount;
        }
    }

    pub fn release(&mut self, contract: Contract, asset: Asset, amount: u64) {
        if !self.is_endless() {
            let reserved = &mut self.purse_mut(asset).reserved[contract as usize];
            *reserved = reserved.checked_sub(amount).expect("what is released was reserved");
        }
    }

    /// Takes what is not reserved (any more). Panics if it is not there: somebody checked before.
    pub fn take(&mut self, asset: Asset, amount: u64) {
        let is_endless = self.is_endless();
        let held = &mut self.purse_mut(asset).held;
        *held -= amount as i64;
        assert!(*held >= 0 || is_endless, "{asset:?}: {amount} was taken, {held} is left");
    }

    pub fn give(&mut self, asset: Asset, amount: u64) {
        self.add(asset, amount as i64);
    }

    pub fn add(&mut self, asset: Asset, amount: i64) {
        self.purse_mut(asset).held += amount;
    }

    /// A contract used up allowance, as ERC-20 has it: the endless one does not wear.
    pub fn wear(&mut self, contract: Contract, asset: Asset, amount: u64) {
        if let Asset::Collateral = asset {
            let allowance = &mut self.collateral_allowance[contract as usize];
            if *allowance != u64::MAX {
                *allowance = allowance.saturating_sub(amount);
            }
        }
    }

    /// Yields open orders, oldest first.
    pub fn open_ids(&self) -> impl DoubleEndedIterator<Item = OrderId> {
        self.open.iter().map(|(_, id)| *id)
    }

    /// Fails unless so much is held, reserved or not: the chain knows nothing of orders.
    pub fn check_held(&self, asset: Asset, wanted: u64) -> Result<(), NotEnough> {
        let held = self.held(asset);
        if self.is_endless() || wanted as i128 <= i128::from(held) {
            return Ok(());
        }
        Err(NotEnough { held: held as u64, wanted })
    }
}

/// Ids are given in order; one that was never given is a fault of ours.
pub(super) fn index(account: AccountId) -> usize {
    account.0 as usize
}
