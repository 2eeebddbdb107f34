//! The contracts as Solidity declares them: calls and logs of the exchanges, the tokens, the wallets (PROTOCOL.md 9).

#![allow(clippy::too_many_arguments)] // As many as the contracts have.

alloy::sol! {
    /// An order of V2 or V3 with its signature, as it stands in calldata.
    #[derive(Debug, PartialEq, Eq)]
    struct SignedOrder {
        uint256 salt;
        address maker;
        address signer;
        uint256 tokenId;
        uint256 makerAmount;
        uint256 takerAmount;
        uint8 side;
        uint8 signatureType;
        uint256 timestamp;
        bytes32 metadata;
        bytes32 builder;
        bytes signature;
    }

    struct TakerFill {
        uint256 takerFill;
        uint256 takerReceive;
        uint256 takerFee;
    }

    interface ExchangeV2 {
        function matchOrders(
            bytes32 conditionId,
            SignedOrder taker,
            SignedOrder[] makers,
            uint256 takerFill,
            uint256[] makerFills,
            uint256 takerFee,
            uint256[] makerFees
        );
    }

    interface ExchangeV3 {
        function matchOrders(
            SignedOrder taker,
            SignedOrder[] makers,
            uint256[] makerFills,
            uint256[] makerFees,
            TakerFill fill
        );
    }

    /// The logs of both exchanges.
    interface Exchange {
        event OrderFilled(
            bytes32 indexed orderHash,
            address indexed maker,
            address indexed taker,
            uint8 side,
            uint256 tokenId,
            uint256 makerAmountFilled,
            uint256 takerAmountFilled,
            uint256 fee,
            bytes32 builder,
            bytes32 metadata
        );
        event OrdersMatched(
            bytes32 indexed takerOrderHash,
            address indexed takerOrderMaker,
            uint8 side,
            uint256 tokenId,
            uint256 makerAmountFilled,
            uint256 takerAmountFilled
        );
        event FeeCharged(address indexed receiver, uint256 amount);
    }

    interface Erc20 {
        function balanceOf(address owner) view returns (uint256 balance);
        function allowance(address owner, address spender) view returns (uint256 allowance);
        function decimals() view returns (uint8 decimals);
        function symbol() view returns (string symbol);
        function approve(address spender, uint256 amount) returns (bool);
        function transfer(address to, uint256 amount) returns (bool);
        event Approval(address indexed owner, address indexed spender, uint256 value);
        event Transfer(address indexed from, address indexed to, uint256 value);
    }

    interface Erc1155 {
        function balanceOf(address owner, uint256 id) view returns (uint256 balance);
        function balanceOfBatch(address[] owners, uint256[] ids) view returns (uint256[] balances);
        function isApprovedForAll(address owner, address operator) view returns (bool approved);
        function setApprovalForAll(address operator, bool approved);
        event ApprovalForAll(address indexed owner, address indexed operator, bool approved);
        event TransferSingle(
            address indexed operator, address indexed from, address indexed to, uint256 id, uint256 value
        );
    }

    /// Outcome tokens of V2, and the adapters before them, which have the same calls.
    interface ConditionalTokens {
        function payoutNumerators(bytes32 conditionId, uint256 index) view returns (uint256 numerator);
        function payoutDenominator(bytes32 conditionId) view returns (uint256 denominator);
        function reportPayouts(bytes32 questionId, uint256[] payouts);
        function splitPosition(
            address collateral, bytes32 parent, bytes32 conditionId, uint256[] partition, uint256 amount
        );
        function mergePositions(
            address collateral, bytes32 parent, bytes32 conditionId, uint256[] partition, uint256 amount
        );
        function redeemPositions(address collateral, bytes32 parent, bytes32 conditionId, uint256[] indexSets);
        event ConditionResolution(
            bytes32 indexed conditionId,
            address indexed oracle,
            bytes32 indexed questionId,
            uint256 outcomeSlotCount,
            uint256[] payoutNumerators
        );
        event PositionSplit(
            address indexed stakeholder,
            address collateral,
            bytes32 indexed parent,
            bytes32 indexed conditionId,
            uint256[] partition,
            uint256 amount
        );
        event PositionsMerge(
            address indexed stakeholder,
            address collateral,
            bytes32 indexed parent,
            bytes32 indexed conditionId,
            uint256[] partition,
            uint256 amount
        );
        event PayoutRedemption(
            address indexed redeemer,
            address indexed collateral,
            bytes32 indexed parent,
            bytes32 conditionId,
            uint256[] indexSets,
            uint256 payout
        );
    }

    /// Positions of V3.
    interface PositionManager {
        function getPayout(uint256 positionId, uint256 amount) view returns (uint256 payout);
    }

    interface Router {
        function split(bytes31 conditionId, uint256 amount);
        function merge(bytes31 conditionId, uint256 amount);
        function redeem(bytes31 conditionId, uint256 outcomeIndex, uint256 amount);
    }

    interface DepositWallet {
        function authorizeSessionSigner(address signer, uint256 validUntil);
        function revokeSessionSigner(address signer);
    }

    interface DepositWalletFactory {
        function BEACON() view returns (address beacon);
    }

    interface Safe {
        function nonce() view returns (uint256 nonce);
        function execTransaction(
            address to,
            uint256 value,
            bytes data,
            uint8 operation,
            uint256 safeTxGas,
            uint256 baseGas,
            uint256 gasPrice,
            address gasToken,
            address refundReceiver,
            bytes signatures
        ) returns (bool success);
    }

    interface RelayHub {
        function relayCall(
            address from,
            address recipient,
            bytes encodedFunction,
            uint256 transactionFee,
            uint256 gasPrice,
            uint256 gasLimit,
            uint256 nonce,
            bytes signature,
            bytes approvalData
        );
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

#[cfg(test)]
mod tests {
    use alloy::primitives::{B256, hex};
    use alloy::sol_types::{SolCall, SolEvent};

    use super::*;

    #[test]
    fn selectors_are_those_of_the_protocol() {
        for (selector, expected) in [
            (ExchangeV2::matchOrdersCall::SELECTOR, hex!("3c2b4399")),
            (ExchangeV3::matchOrdersCall::SELECTOR, hex!("0fb25ba4")),
            (ConditionalTokens::redeemPositionsCall::SELECTOR, hex!("01b7037c")),
            (ConditionalTokens::splitPositionCall::SELECTOR, hex!("72ce4275")),
            (ConditionalTokens::mergePositionsCall::SELECTOR, hex!("9e7212ad")),
            (Router::redeemCall::SELECTOR, hex!("d217a3cc")),
            (Router::splitCall::SELECTOR, hex!("82d3b9f1")),
            (Router::mergeCall::SELECTOR, hex!("5b63685e")),
            (PositionManager::getPayoutCall::SELECTOR, hex!("4c619e4c")),
        ] {
            assert_eq!(selector, expected);
        }
        // The selector that the official client asks the factory with.
        assert_eq!(DepositWalletFactory::BEACONCall::SELECTOR, hex!("49493a4d"));
    }

    #[test]
    fn topics_are_those_of_the_protocol() {
        let topic = |text: &str| text.parse::<B256>().expect("a topic");
        for (hash, expected) in [
            (
                Exchange::OrderFilled::SIGNATURE_HASH,
                "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee",
            ),
            (
                Exchange::OrdersMatched::SIGNATURE_HASH,
                "0x174b3811690657c217184f89418266767c87e4805d09680c39fc9c031c0cab7c",
            ),
            (
                Exchange::FeeCharged::SIGNATURE_HASH,
                "0x55bb3cade9d43b798a4fe5ffdd05024b2d7870df53920673bfc7e68047cd0ab1",
            ),
            (
                Erc1155::TransferSingle::SIGNATURE_HASH,
                "0xc3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62",
            ),
            (
                ConditionalTokens::ConditionResolution::SIGNATURE_HASH,
                "0xb44d84d3289691f71497564b85d4233648d9dbae8cbdbb4329f301c3a0185894",
            ),
            (
                ConditionalTokens::PayoutRedemption::SIGNATURE_HASH,
                "0x2682012a4a4f1973119f1c9b90745d1bd91fa2bab387344f044cb3586864d18d",
            ),
            (
                ConditionalTokens::PositionSplit::SIGNATURE_HASH,
                "0x2e6bb91f8cbcda0c93623c54d0403a43514fabc40084ec96b6d5379a74786298",
            ),
            (
                ConditionalTokens::PositionsMerge::SIGNATURE_HASH,
                "0x6f13ca62553fcc2bcd2372180a43949c1e4cebba603901ede2f4e14f36b282ca",
            ),
        ] {
            assert_eq!(hash, topic(expected));
        }
    }
}
