//! What redeeming, splitting and merging move, and the logs that it leaves.

use alloy::primitives::{Address, B256, Log, U256};
use alloy::sol_types::SolEvent;

use super::abi;
use super::contracts::{Revert, revert};
use super::settlement::{log, positions};
use super::vault::{Condition, Vault};
use crate::venue::polymarket::{Exchange, contracts as known};

pub fn transfer(from: Address, to: Address, amount: u64) -> Log {
    log(known::PUSD, abi::Erc20::Transfer { from, to, value: U256::from(amount) }.encode_log_data())
}

/// Moves of shares of one condition as they are logged: who acts, and through which contract.
#[derive(Clone, Copy, Debug)]
pub struct Mover<'a> {
    pub condition: &'a Condition,
    pub owner: Address,
    pub through: Address,
}

impl Mover<'_> {
    /// Returns the contract that owners use for a condition's kind of market.
    pub const fn usual(exchange: Exchange) -> Address {
        match exchange {
            Exchange::V2 => known::COLLATERAL_ADAPTER,
            Exchange::V2NegRisk => known::NEG_RISK_COLLATERAL_ADAPTER,
            Exchange::V3 => known::ROUTER,
        }
    }

    /// Returns the log of a redemption of what was held of each token.
    pub fn redeemed(&self, held: [u64; 2], payout: u64) -> Vec<Log> {
        let mut logs = self.moved(self.owner, Address::ZERO, held);
        let redemption = abi::ConditionalTokens::PayoutRedemption {
            redeemer: self.stakeholder(),
            collateral: known::PUSD,
            parent: B256::ZERO,
            conditionId: self.condition.id,
            indexSets: both(),
            payout: U256::from(payout),
        };
        logs.extend(self.noted(&redemption));
        logs.push(transfer(self.through, self.owner, payout));
        logs
    }

    pub fn split(&self, amount: u64) -> Vec<Log> {
        let mut logs = vec![transfer(self.owner, self.through, amount)];
        logs.extend(self.moved(Address::ZERO, self.owner, [amount; 2]));
        let split = abi::ConditionalTokens::PositionSplit {
            stakeholder: self.stakeholder(),
            collateral: known::PUSD,
            parent: B256::ZERO,
            conditionId: self.condition.id,
            partition: both(),
            amount: U256::from(amount),
        };
        logs.extend(self.noted(&split));
        logs
    }

    pub fn merged(&self, amount: u64) -> Vec<Log> {
        let mut logs = self.moved(self.owner, Address::ZERO, [amount; 2]);
        let merge = abi::ConditionalTokens::PositionsMerge {
            stakeholder: self.stakeholder(),
            collateral: known::PUSD,
            parent: B256::ZERO,
            conditionId: self.condition.id,
            partition: both(),
            amount: U256::from(amount),
        };
        logs.extend(self.noted(&merge));
        logs.push(transfer(self.through, self.owner, amount));
        logs
    }

    /// The contract of the tokens of generation V2 notes what was done with them.
    fn noted(&self, what: &impl SolEvent) -> Option<Log> {
        let notes = self.condition.exchange != Exchange::V3;
        notes.then(|| log(known::CONDITIONAL_TOKENS, what.encode_log_data()))
    }

    /// Returns the logs of shares that came or went, and nothing else.
    pub fn moved(&self, from: Address, to: Address, shares: [u64; 2]) -> Vec<Log> {
        let tokens = self.condition.tokens.into_iter().zip(shares).filter(|(_, amount)| *amount > 0);
        tokens.map(|(token, amount)| self.share_move(from, to, token, amount)).collect()
    }

    /// The contract of the tokens knows only who calls it.
    fn stakeholder(&self) -> Address {
        if self.through == known::CONDITIONAL_TOKENS { self.owner } else { self.through }
    }

    fn share_move(&self, from: Address, to: Address, id: U256, value: u64) -> Log {
        let data = abi::Erc1155::TransferSingle { operator: self.through, from, to, id, value: U256::from(value) };
        log(positions(self.condition.exchange), data.encode_log_data())
    }
}

/// The sets of outcomes that a binary condition is split into.
fn both() -> Vec<U256> {
    vec![U256::from(1), U256::from(2)]
}

fn condition(vault: &dyn Vault, id: B256) -> Result<Condition, Revert> {
    vault.condition(id).ok_or_else(|| revert("condition not prepared yet"))
}

pub fn redeem(
    vault: &mut dyn Vault,
    owner: Address,
    id: B256,
    through: Address,
    logs: &mut Vec<Log>,
) -> Result<(), Revert> {
    let condition = condition(vault, id)?;
    let held = condition.tokens.map(|token| vault.position(owner, token));
    let payout = vault.redeem(owner, id)?;
    logs.extend(Mover { condition: &condition, owner, through }.redeemed(held, payout));
    Ok(())
}

pub fn split(
    vault: &mut dyn Vault,
    owner: Address,
    id: B256,
    through: Address,
    amount: u64,
    logs: &mut Vec<Log>,
) -> Result<(), Revert> {
    let condition = condition(vault, id)?;
    vault.split(owner, id, amount)?;
    logs.extend(Mover { condition: &condition, owner, through }.split(amount));
    Ok(())
}

pub fn merge(
    vault: &mut dyn Vault,
    owner: Address,
    id: B256,
    through: Address,
    amount: u64,
    logs: &mut Vec<Log>,
) -> Result<(), Revert> {
    let condition = condition(vault, id)?;
    vault.merge(owner, id, amount)?;
    logs.extend(Mover { condition: &condition, owner, through }.merged(amount));
    Ok(())
}
