//! The contracts' functions that we call or ask, as Solidity declares them (PROTOCOL.md 9.3), and the typed data that owners of
//! contract wallets sign (9.4).

alloy::sol! {
    interface Erc20 {
        function balanceOf(address owner) view returns (uint256 balance);
        function allowance(address owner, address spender) view returns (uint256 allowance);
        function approve(address spender, uint256 amount) returns (bool);
    }

    interface Erc1155 {
        function balanceOfBatch(address[] owners, uint256[] ids) view returns (uint256[] balances);
        function isApprovedForAll(address owner, address operator) view returns (bool approved);
        function setApprovalForAll(address operator, bool approved);
    }

    /// Of the outcome tokens of generation V2; the adapters redeem by the same call.
    interface ConditionalTokens {
        function payoutNumerators(bytes32 conditionId, uint256 index) view returns (uint256 numerator);
        function payoutDenominator(bytes32 conditionId) view returns (uint256 denominator);
        function redeemPositions(address collateral, bytes32 parent, bytes32 conditionId, uint256[] indexSets);
    }

    /// Of the positions of generation V3.
    interface PositionManager {
        function getPayout(uint256 positionId, uint256 amount) view returns (uint256 payout);
    }

    interface Router {
        function redeem(bytes31 conditionId, uint256 outcomeIndex, uint256 amount);
    }

    interface MultiSend {
        function multiSend(bytes transactions);
    }

    struct ProxyCall {
        uint8 typeCode;
        address to;
        uint256 value;
        bytes data;
    }

    interface ProxyFactory {
        function proxy(ProxyCall[] calls);
    }
}

pub mod typed {
    alloy::sol! {
        struct SafeTx {
            address to;
            uint256 value;
            bytes data;
            uint8 operation;
            uint256 safeTxGas;
            uint256 baseGas;
            uint256 gasPrice;
            address gasToken;
            address refundReceiver;
            uint256 nonce;
        }

        struct Call {
            address target;
            uint256 value;
            bytes data;
        }

        struct Batch {
            address wallet;
            uint256 nonce;
            uint256 deadline;
            Call[] calls;
        }
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::hex;
    use alloy::sol_types::SolCall;

    use super::*;

    #[test]
    fn selectors_are_those_of_the_protocol() {
        for (selector, expected) in [
            (ConditionalTokens::redeemPositionsCall::SELECTOR, hex!("01b7037c")),
            (Router::redeemCall::SELECTOR, hex!("d217a3cc")),
            (PositionManager::getPayoutCall::SELECTOR, hex!("4c619e4c")),
        ] {
            assert_eq!(selector, expected);
        }
    }
}
