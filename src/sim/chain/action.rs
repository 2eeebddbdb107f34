//! What a call asks for, read from its bytes.

use alloy::primitives::{Address, B256, FixedBytes, U256};
use alloy::sol_types::SolCall;

use super::abi;
use super::contracts::Call;
use crate::venue::polymarket::contracts as known;

#[derive(Clone, Debug)]
pub enum Action {
    /// Nothing that concerns us: a payment to somebody who has no code.
    Nothing,
    Approve {
        spender: Address,
        amount: U256,
    },
    ApproveAll {
        token: Address,
        operator: Address,
        approved: bool,
    },
    Pay {
        to: Address,
        amount: u64,
    },
    Redeem {
        condition: B256,
        collateral: Address,
        through: Address,
    },
    Split {
        condition: B256,
        collateral: Address,
        through: Address,
        amount: u64,
    },
    Merge {
        condition: B256,
        collateral: Address,
        through: Address,
        amount: u64,
    },
    Authorize {
        key: Address,
        until: u64,
    },
    Revoke {
        key: Address,
    },
}

/// Reads what a call to a contract asks for; `None` where the contract has no such function, or we know none.
pub fn read(call: &Call) -> Option<Action> {
    let (to, input) = (call.to, call.input.as_ref());
    match to {
        known::PUSD => read_erc20(input),
        known::ROUTER => read_router(input),
        known::CONDITIONAL_TOKENS => read_erc1155(to, input).or_else(|| read_conditional(to, input)),
        known::COLLATERAL_ADAPTER | known::NEG_RISK_COLLATERAL_ADAPTER => read_conditional(to, input),
        known::POSITION_MANAGER | known::NEG_RISK_ADAPTER => read_erc1155(to, input),
        _ if to == call.from => read_wallet(input),
        _ => None,
    }
}

/// Reads the arguments of a function if it is the one that is called.
pub fn arguments<C: SolCall>(input: &[u8]) -> Option<C> {
    C::abi_decode(input).ok().filter(|_| input.starts_with(&C::SELECTOR))
}

fn amount(number: U256) -> u64 {
    // More than all money there is; the balance check refuses it.
    u64::try_from(number).unwrap_or(u64::MAX)
}

fn read_erc20(input: &[u8]) -> Option<Action> {
    if let Some(call) = arguments::<abi::Erc20::approveCall>(input) {
        return Some(Action::Approve { spender: call.spender, amount: call.amount });
    }
    let call = arguments::<abi::Erc20::transferCall>(input)?;
    Some(Action::Pay { to: call.to, amount: amount(call.amount) })
}

fn read_erc1155(token: Address, input: &[u8]) -> Option<Action> {
    let call = arguments::<abi::Erc1155::setApprovalForAllCall>(input)?;
    Some(Action::ApproveAll { token, operator: call.operator, approved: call.approved })
}

fn read_conditional(through: Address, input: &[u8]) -> Option<Action> {
    if let Some(call) = arguments::<abi::ConditionalTokens::redeemPositionsCall>(input) {
        return Some(Action::Redeem { condition: call.conditionId, collateral: call.collateral, through });
    }
    if let Some(call) = arguments::<abi::ConditionalTokens::splitPositionCall>(input) {
        let (condition, collateral) = (call.conditionId, call.collateral);
        return Some(Action::Split { condition, collateral, through, amount: amount(call.amount) });
    }
    let call = arguments::<abi::ConditionalTokens::mergePositionsCall>(input)?;
    let (condition, collateral) = (call.conditionId, call.collateral);
    Some(Action::Merge { condition, collateral, through, amount: amount(call.amount) })
}

fn read_router(input: &[u8]) -> Option<Action> {
    let condition = |id: FixedBytes<31>| B256::right_padding_from(id.as_slice());
    let (collateral, through) = (known::PUSD, known::ROUTER);
    if let Some(call) = arguments::<abi::Router::redeemCall>(input) {
        return Some(Action::Redeem { condition: condition(call.conditionId), collateral, through });
    }
    if let Some(call) = arguments::<abi::Router::splitCall>(input) {
        let amount = amount(call.amount);
        return Some(Action::Split { condition: condition(call.conditionId), collateral, through, amount });
    }
    let call = arguments::<abi::Router::mergeCall>(input)?;
    Some(Action::Merge { condition: condition(call.conditionId), collateral, through, amount: amount(call.amount) })
}

fn read_wallet(input: &[u8]) -> Option<Action> {
    if let Some(call) = arguments::<abi::DepositWallet::authorizeSessionSignerCall>(input) {
        return Some(Action::Authorize { key: call.signer, until: amount(call.validUntil) });
    }
    let call = arguments::<abi::DepositWallet::revokeSessionSignerCall>(input)?;
    Some(Action::Revoke { key: call.signer })
}
