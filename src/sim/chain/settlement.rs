//! How a trade looks on the chain: the operator's call and the logs it leaves (PROTOCOL.md 9.1 and 9.2).

use alloy::primitives::{Address, B256, Bytes, Log, LogData, U256, address};
use alloy::sol_types::{SolCall, SolEvent};

use super::abi;
use super::house::Signed;
use super::vault::Condition;
use crate::domain::Side;
use crate::sim::exchange::{Leg, Trade};
use crate::venue::polymarket::order::side_number;
use crate::venue::polymarket::{Exchange, Network, contracts};

/// Who gets the fees. Not published by the venue; this is nobody's.
pub const FEE_RECEIVER: Address = address!("feefeefeefeefeefeefeefeefeefeefeefeefee0");

/// A trade with the signed orders that met in it.
#[derive(Clone, Copy, Debug)]
pub struct Match<'a> {
    pub trade: &'a Trade,
    pub condition: &'a Condition,
    pub taker: &'a Signed,
    /// In the order of the trade's makers.
    pub makers: &'a [Signed],
}

/// Returns what a leg gives and gets, in the order of `makerAmount` and `takerAmount`, without the fee.
pub fn given_and_got(leg: &Leg) -> (U256, U256) {
    let (collateral, shares) = (U256::from(leg.collateral.0), U256::from(leg.shares.0));
    match leg.side {
        Side::Buy => (collateral, shares),
        Side::Sell => (shares, collateral),
    }
}

/// Returns the `matchOrders` call of the exchange.
pub fn calldata(of: &Match<'_>) -> Bytes {
    let (taker_fill, taker_receive) = given_and_got(&of.trade.taker);
    let taker_fee = U256::from(of.trade.fee.0);
    let taker = of.taker.calldata();
    let makers = of.makers.iter().map(Signed::calldata).collect();
    let maker_fills = of.trade.makers.iter().map(|leg| given_and_got(leg).0).collect();
    let maker_fees = vec![U256::ZERO; of.makers.len()];
    match of.condition.exchange {
        Exchange::V2 | Exchange::V2NegRisk => abi::ExchangeV2::matchOrdersCall {
            conditionId: of.condition.id,
            taker,
            makers,
            takerFill: taker_fill,
            makerFills: maker_fills,
            takerFee: taker_fee,
            makerFees: maker_fees,
        }
        .abi_encode(),
        Exchange::V3 => abi::ExchangeV3::matchOrdersCall {
            taker,
            makers,
            makerFills: maker_fills,
            makerFees: maker_fees,
            fill: abi::TakerFill { takerFill: taker_fill, takerReceive: taker_receive, takerFee: taker_fee },
        }
        .abi_encode(),
    }
    .into()
}

/// Returns what the call logs: for each maker the moves of shares and his leg, then the taker's leg, the match, the fee.
/// A maker leg names the taker's wallet as its taker; the taker's leg names the exchange.
pub fn logs(of: &Match<'_>, network: Network) -> Vec<Log> {
    let exchange = of.condition.exchange.address(network);
    let (taker, taker_wallet) = (&of.trade.taker, of.taker.order.maker);
    let mut logs = Vec::with_capacity(of.makers.len() * 3 + 3);
    for (leg, signed) in of.trade.makers.iter().zip(of.makers) {
        for (from, to, shares_of) in moves(leg, signed.order.maker, taker, taker_wallet) {
            let move_of = abi::Erc1155::TransferSingle {
                operator: exchange,
                from,
                to,
                id: of.condition.tokens[shares_of.outcome.index()],
                value: U256::from(leg.shares.0),
            };
            logs.push(log(positions(of.condition.exchange), move_of.encode_log_data()));
        }
        logs.push(log(exchange, filled(leg, signed, taker_wallet, U256::ZERO)));
    }
    logs.push(log(exchange, filled(taker, of.taker, exchange, U256::from(of.trade.fee.0))));
    let (given, got) = given_and_got(taker);
    let matched = abi::Exchange::OrdersMatched {
        takerOrderHash: of.taker.id,
        takerOrderMaker: taker_wallet,
        side: side_number(taker.side),
        tokenId: of.taker.order.token,
        makerAmountFilled: given,
        takerAmountFilled: got,
    };
    logs.push(log(exchange, matched.encode_log_data()));
    if of.trade.fee.0 != 0 {
        let fee = abi::Exchange::FeeCharged { receiver: FEE_RECEIVER, amount: U256::from(of.trade.fee.0) };
        logs.push(log(exchange, fee.encode_log_data()));
    }
    logs
}

/// Returns the ERC-1155 contract that holds the outcome tokens of an exchange's markets.
pub const fn positions(exchange: Exchange) -> Address {
    match exchange {
        Exchange::V2 | Exchange::V2NegRisk => contracts::CONDITIONAL_TOKENS,
        Exchange::V3 => contracts::POSITION_MANAGER,
    }
}

pub fn log(address: Address, data: LogData) -> Log {
    Log { address, data }
}

/// Returns from whom to whom the shares of one maker's match go, and whose outcome they are of: from seller to buyer; out of
/// nothing to two buyers; from two sellers into nothing.
fn moves<'a>(
    maker: &'a Leg,
    maker_wallet: Address,
    taker: &'a Leg,
    taker_wallet: Address,
) -> Vec<(Address, Address, &'a Leg)> {
    match (maker.side, taker.side) {
        (Side::Sell, Side::Buy) => vec![(maker_wallet, taker_wallet, maker)],
        (Side::Buy, Side::Sell) => vec![(taker_wallet, maker_wallet, maker)],
        (Side::Buy, Side::Buy) => {
            vec![(Address::ZERO, maker_wallet, maker), (Address::ZERO, taker_wallet, taker)]
        }
        (Side::Sell, Side::Sell) => {
            vec![(maker_wallet, Address::ZERO, maker), (taker_wallet, Address::ZERO, taker)]
        }
    }
}

fn filled(leg: &Leg, signed: &Signed, counterparty: Address, fee: U256) -> LogData {
    let (given, got) = given_and_got(leg);
    abi::Exchange::OrderFilled {
        orderHash: signed.id,
        maker: signed.order.maker,
        taker: counterparty,
        side: side_number(leg.side),
        tokenId: signed.order.token,
        makerAmountFilled: given,
        takerAmountFilled: got,
        fee,
        builder: signed.order.builder,
        metadata: signed.order.metadata,
    }
    .encode_log_data()
}

/// Returns the call and the log that tell how a condition ended. V3 has no published event; it is modelled on V2's.
pub fn resolution(condition: &Condition, payouts: [u64; 2], oracle: Address) -> (Bytes, Log) {
    // Which question the condition answers is not known here; its hash serves.
    let question: B256 = alloy::primitives::keccak256(condition.id);
    let payouts: Vec<U256> = payouts.map(U256::from).to_vec();
    let call = abi::ConditionalTokens::reportPayoutsCall { questionId: question, payouts: payouts.clone() };
    let resolved = abi::ConditionalTokens::ConditionResolution {
        conditionId: condition.id,
        oracle,
        questionId: question,
        outcomeSlotCount: U256::from(2),
        payoutNumerators: payouts,
    };
    (call.abi_encode().into(), log(positions(condition.exchange), resolved.encode_log_data()))
}
