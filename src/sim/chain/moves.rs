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

fn share_move(condition: &Condition, operator: Address, from: Address, to: Address, id: U256, value: u64) -> Log {
    let data = abi::Erc1155::TransferSingle { operator, from, to, id, value: U256::from(value) };
    log(positions(condition.exchange), data.encode_log_data())
}

/// The sets of outcomes that a binary condition is split into.
fn both() -> Vec<U256> {
    vec![U256::from(1), U256::from(2)]
}

pub fn redeem(
    vault: &mut dyn Vault,
    owner: Address,
    id: B256,
    through: Address,
    logs: &mut Vec<Log>,
) -> Result<(), Revert> {
    let condition = vault.condition(id).ok_or_else(|| revert("condition not prepared yet"))?;
    let held = condition.tokens.map(|token| (token, vault.position(owner, token)));
    let payout = vault.redeem(owner, id)?;
    for (token, amount) in held.into_iter().filter(|(_, amount)| *amount > 0) {
        logs.push(share_move(&condition, through, owner, Address::ZERO, token, amount));
    }
    if condition.exchange != Exchange::V3 {
        let redeemer = if through == known::CONDITIONAL_TOKENS { owner } else { through };
        let redemption = abi::ConditionalTokens::PayoutRedemption {
            redeemer,
            collateral: known::PUSD,
            parent: B256::ZERO,
            conditionId: id,
            indexSets: both(),
            payout: U256::from(payout),
        };
        logs.push(log(known::CONDITIONAL_TOKENS, redemption.encode_log_data()));
    }
    logs.push(transfer(through, owner, payout));
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
    let condition = vault.condition(id).ok_or_else(|| revert("condition not prepared yet"))?;
    vault.split(owner, id, amount)?;
    logs.push(transfer(owner, through, amount));
    for token in condition.tokens {
        logs.push(share_move(&condition, through, Address::ZERO, owner, token, amount));
    }
    if condition.exchange != Exchange::V3 {
        let split = abi::ConditionalTokens::PositionSplit {
            stakeholder: if through == known::CONDITIONAL_TOKENS { owner } else { through },
            collateral: known::PUSD,
            parent: B256::ZERO,
            conditionId: id,
            partition: both(),
            amount: U256::from(amount),
        };
        logs.push(log(known::CONDITIONAL_TOKENS, split.encode_log_data()));
    }
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
    let condition = vault.condition(id).ok_or_else(|| revert("condition not prepared yet"))?;
    vault.merge(owner, id, amount)?;
    for token in condition.tokens {
        logs.push(share_move(&condition, through, owner, Address::ZERO, token, amount));
    }
    if condition.exchange != Exchange::V3 {
        let merge = abi::ConditionalTokens::PositionsMerge {
            stakeholder: if through == known::CONDITIONAL_TOKENS { owner } else { through },
            collateral: known::PUSD,
            parent: B256::ZERO,
            conditionId: id,
            partition: both(),
            amount: U256::from(amount),
        };
        logs.push(log(known::CONDITIONAL_TOKENS, merge.encode_log_data()));
    }
    logs.push(transfer(through, owner, amount));
    Ok(())
}
