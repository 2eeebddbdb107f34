//! Who must be allowed to take what of our wallet, for trading and for redemption (PROTOCOL.md 9.3). Nobody else ever is.

use alloy::primitives::{Address, Bytes, U256};
use alloy::sol_types::SolCall;

use super::{Call, abi};
use crate::venue::polymarket::contracts::{
    AUTO_REDEEMER, COLLATERAL_ADAPTER, CONDITIONAL_TOKENS, Exchange, NEG_RISK_COLLATERAL_ADAPTER, Network,
    POSITION_MANAGER, PUSD, ROUTER,
};

/// Leave for one contract to take one kind of thing out of a wallet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Approval {
    /// The token contract that is asked and told.
    pub token: Address,
    pub spender: Address,
    /// What people call both.
    pub name: &'static str,
    pub purpose: Purpose,
}

/// What does not work without it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Purpose {
    Trading,
    Redemption,
    /// Redemption by the venue itself, for wallets whose owner's key is not here.
    AutoRedemption,
}

impl Purpose {
    pub const fn code(self) -> &'static str {
        match self {
            Purpose::Trading => "trading",
            Purpose::Redemption => "redemption",
            Purpose::AutoRedemption => "auto-redemption",
        }
    }
}

/// Returns every approval that a wallet may need on a network.
pub fn all(network: Network) -> [Approval; 11] {
    use Purpose::{AutoRedemption, Redemption, Trading};
    let [v2, neg_risk, v3] = Exchange::ALL.map(|exchange| exchange.address(network));
    [
        (PUSD, v2, "pUSD, exchange V2", Trading),
        (PUSD, neg_risk, "pUSD, neg-risk exchange V2", Trading),
        (PUSD, v3, "pUSD, exchange V3", Trading),
        (CONDITIONAL_TOKENS, v2, "outcome tokens, exchange V2", Trading),
        (CONDITIONAL_TOKENS, neg_risk, "outcome tokens, neg-risk exchange V2", Trading),
        (POSITION_MANAGER, v3, "positions, exchange V3", Trading),
        (CONDITIONAL_TOKENS, COLLATERAL_ADAPTER, "outcome tokens, collateral adapter", Redemption),
        (CONDITIONAL_TOKENS, NEG_RISK_COLLATERAL_ADAPTER, "outcome tokens, neg-risk collateral adapter", Redemption),
        (POSITION_MANAGER, ROUTER, "positions, router", Redemption),
        (CONDITIONAL_TOKENS, AUTO_REDEEMER, "outcome tokens, auto-redeemer", AutoRedemption),
        (POSITION_MANAGER, AUTO_REDEEMER, "positions, auto-redeemer", AutoRedemption),
    ]
    .map(|(token, spender, name, purpose)| Approval { token, spender, name, purpose })
}

impl Approval {
    /// Returns the question to [`Approval::token`] how much is allowed.
    pub fn question(&self, owner: Address) -> Bytes {
        let (spender, operator) = (self.spender, self.spender);
        match self.is_of_money() {
            true => abi::Erc20::allowanceCall { owner, spender }.abi_encode().into(),
            false => abi::Erc1155::isApprovedForAllCall { owner, operator }.abi_encode().into(),
        }
    }

    /// Returns whether the answer allows enough: of shares all, of money at least what the wallet has.
    pub fn suffices(&self, answer: U256, money: U256) -> bool {
        match self.is_of_money() {
            true => !answer.is_zero() && money <= answer,
            false => !answer.is_zero(),
        }
    }

    /// Returns the call that allows all there is, without end.
    pub fn call(&self) -> Call {
        let (spender, operator) = (self.spender, self.spender);
        let data = match self.is_of_money() {
            true => abi::Erc20::approveCall { spender, amount: U256::MAX }.abi_encode(),
            false => abi::Erc1155::setApprovalForAllCall { operator, approved: true }.abi_encode(),
        };
        Call { to: self.token, data: data.into() }
    }

    fn is_of_money(&self) -> bool {
        self.token == PUSD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_is_allowed_to_exchanges_only() {
        for network in Network::BOTH {
            let exchanges = Exchange::ALL.map(|exchange| exchange.address(network));
            let money = all(network).into_iter().filter(|approval| approval.token == PUSD);
            assert_eq!(money.map(|approval| approval.spender).collect::<Vec<_>>(), exchanges);
            for exchange in exchanges {
                assert_eq!(all(network).iter().filter(|approval| approval.spender == exchange).count(), 2);
            }
        }
    }

    #[test]
    fn an_allowance_below_the_money_there_is_does_not_suffice() {
        let [money, .., shares] = all(Network::Polygon);
        let check = |approval: Approval, answer: u64, held: u64, suffices| {
            assert_eq!(approval.suffices(U256::from(answer), U256::from(held)), suffices, "{answer} for {held}");
        };
        check(money, 0, 0, false);
        check(money, 7, 7, true);
        check(money, 7, 8, false);
        check(shares, 0, 0, false);
        check(shares, 1, 8, true);
    }
}
