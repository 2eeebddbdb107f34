//! A token of a wallet as the contracts know it, and the call that redeems it (PROTOCOL.md 1.6 and 9.3).

use alloy::primitives::{Address, B256, FixedBytes, U256};
use alloy::sol_types::SolCall;

use crate::domain::Generation;
use crate::venue::polymarket::contracts::{
    COLLATERAL_ADAPTER, CONDITIONAL_TOKENS, NEG_RISK_COLLATERAL_ADAPTER, POSITION_MANAGER, PUSD, ROUTER,
};
use crate::venue::polymarket::onchain::{Call, abi};

/// Where a token belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Market {
    /// Outcome tokens say nothing of their market: the venue does.
    V2 { condition: B256, neg_risk: bool },
    /// Position ids say all.
    V3,
}

/// Returns the contract that keeps the tokens of a generation.
pub const fn contract(generation: Generation) -> Address {
    match generation {
        Generation::V2 => CONDITIONAL_TOKENS,
        Generation::V3 => POSITION_MANAGER,
    }
}

impl Market {
    /// Returns the call that turns all that a wallet holds of the token into money. Of generation V2 it redeems both outcomes
    /// of the condition, whatever is held of them.
    pub fn redemption(self, token: U256, shares: u64) -> Call {
        match self {
            Market::V2 { condition, neg_risk } => {
                let sets = vec![U256::from(1), U256::from(2)];
                let data = abi::ConditionalTokens::redeemPositionsCall {
                    collateral: PUSD,
                    parent: B256::ZERO,
                    conditionId: condition,
                    indexSets: sets,
                };
                let to = if neg_risk { NEG_RISK_COLLATERAL_ADAPTER } else { COLLATERAL_ADAPTER };
                Call { to, data: data.abi_encode().into() }
            }
            Market::V3 => {
                let id = token.to_be_bytes::<32>();
                let data = abi::Router::redeemCall {
                    conditionId: FixedBytes::from_slice(&id[..31]),
                    outcomeIndex: U256::from(id[31]),
                    amount: U256::from(shares),
                };
                Call { to: ROUTER, data: data.abi_encode().into() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::chain::abi as solidity;

    #[test]
    fn the_contracts_read_what_is_redeemed() {
        let (condition, token) = (B256::repeat_byte(5), U256::from_be_bytes([7; 32]));
        for (neg_risk, to) in [(false, COLLATERAL_ADAPTER), (true, NEG_RISK_COLLATERAL_ADAPTER)] {
            let call = Market::V2 { condition, neg_risk }.redemption(token, 9);
            let read = solidity::ConditionalTokens::redeemPositionsCall::abi_decode(&call.data).expect("this call");
            assert_eq!((call.to, read.collateral, read.parent, read.conditionId), (to, PUSD, B256::ZERO, condition));
            assert_eq!(read.indexSets, [U256::from(1), U256::from(2)]);
        }
        let call = Market::V3.redemption(token, 9);
        let read = solidity::Router::redeemCall::abi_decode(&call.data).expect("this call");
        assert_eq!((call.to, read.conditionId, read.outcomeIndex), (ROUTER, FixedBytes::from([7; 31]), U256::from(7)));
        assert_eq!(read.amount, U256::from(9));
    }
}
