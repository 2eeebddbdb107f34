//! What the contracts answer to a call that changes nothing (`eth_call`).

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::{SolCall, SolValue};

use super::abi;
use super::action::arguments;
use super::contracts::{Contracts, Revert, revert};
use super::settlement::positions;
use super::vault::Vault;
use crate::venue::polymarket::{Exchange, contracts as known};

impl Contracts {
    /// Returns what a call that changes nothing answers; nothing where there is no code.
    pub fn view(&self, vault: &dyn Vault, to: Address, input: &[u8]) -> Result<Bytes, Revert> {
        if !self.has_code(vault, to) {
            return Ok(Bytes::new());
        }
        let answer = match to {
            known::PUSD | known::USDC_E => self.view_erc20(vault, to, input),
            known::CONDITIONAL_TOKENS | known::POSITION_MANAGER | known::NEG_RISK_ADAPTER => {
                self.view_erc1155(vault, to, input).or_else(|| view_payouts(vault, input))
            }
            known::DEPOSIT_WALLET_FACTORY => arguments::<abi::DepositWalletFactory::BEACONCall>(input)
                .map(|_| known::DEPOSIT_WALLET_BEACON.abi_encode()),
            wallet => arguments::<abi::Safe::nonceCall>(input).map(|_| self.wallet_nonce(wallet).abi_encode()),
        };
        answer.map(Bytes::from).ok_or_else(|| revert(""))
    }

    fn view_erc20(&self, vault: &dyn Vault, token: Address, input: &[u8]) -> Option<Vec<u8>> {
        if let Some(call) = arguments::<abi::Erc20::balanceOfCall>(input) {
            let balance = if token == known::PUSD { vault.collateral(call.owner) } else { 0 };
            return Some(balance.abi_encode());
        }
        if let Some(call) = arguments::<abi::Erc20::allowanceCall>(input) {
            return Some(self.allowance(vault, token, call.owner, call.spender).abi_encode());
        }
        if arguments::<abi::Erc20::decimalsCall>(input).is_some() {
            return Some(6_u64.abi_encode());
        }
        arguments::<abi::Erc20::symbolCall>(input)?;
        let symbol = if token == known::PUSD { "pUSD" } else { "USDC.e" };
        Some(abi::Erc20::symbolCall::abi_encode_returns(&symbol.to_owned()))
    }

    fn view_erc1155(&self, vault: &dyn Vault, token: Address, input: &[u8]) -> Option<Vec<u8>> {
        if let Some(call) = arguments::<abi::Erc1155::balanceOfCall>(input) {
            return Some(balance(vault, token, call.owner, call.id).abi_encode());
        }
        if let Some(call) = arguments::<abi::Erc1155::balanceOfBatchCall>(input) {
            let pairs = call.owners.iter().zip(&call.ids).filter(|_| call.owners.len() == call.ids.len());
            let balances: Vec<U256> = pairs.map(|(owner, id)| U256::from(balance(vault, token, *owner, *id))).collect();
            let fits = balances.len() == call.owners.len();
            return fits.then(|| abi::Erc1155::balanceOfBatchCall::abi_encode_returns(&balances));
        }
        let call = arguments::<abi::Erc1155::isApprovedForAllCall>(input)?;
        Some(self.is_operator(vault, token, call.owner, call.operator).abi_encode())
    }
}

/// Returns what a wallet holds of a token at this contract: the tokens of other contracts are none of its own.
fn balance(vault: &dyn Vault, contract: Address, owner: Address, id: U256) -> u64 {
    let Some(condition) = vault.condition_of(id) else { return 0 };
    let is_here = match contract {
        known::NEG_RISK_ADAPTER => condition.exchange == Exchange::V2NegRisk,
        contract => contract == positions(condition.exchange),
    };
    if is_here { vault.position(owner, id) } else { 0 }
}

fn view_payouts(vault: &dyn Vault, input: &[u8]) -> Option<Vec<u8>> {
    let payouts = |id| vault.condition(id).and_then(|condition| condition.payouts);
    if let Some(call) = arguments::<abi::ConditionalTokens::payoutNumeratorsCall>(input) {
        let outcome = usize::try_from(call.index).ok().filter(|index| *index < 2)?;
        return Some(payouts(call.conditionId).map_or(0, |payouts| payouts[outcome]).abi_encode());
    }
    if let Some(call) = arguments::<abi::ConditionalTokens::payoutDenominatorCall>(input) {
        return Some(payouts(call.conditionId).map_or(0, |payouts| payouts.iter().sum::<u64>()).abi_encode());
    }
    let call = arguments::<abi::PositionManager::getPayoutCall>(input)?;
    let condition = vault.condition_of(call.positionId)?;
    let outcome = condition.tokens.iter().position(|token| *token == call.positionId)?;
    let payouts = condition.payouts.unwrap_or_default();
    let sum = payouts.iter().sum::<u64>().max(1);
    Some((call.amount.saturating_mul(U256::from(payouts[outcome])) / U256::from(sum)).abi_encode())
}
