//! A trade's transaction: its bytes, its moments, its logs.

use alloy::sol_types::{SolCall, SolEvent};

use super::*;
use crate::venue::polymarket::Signer;

/// Every way in which orders meet, on every exchange: the calldata has the orders as they were signed, the hash is that of
/// the transaction's bytes, and the moves of shares in the logs are those of the exchange.
#[test]
fn a_trade_is_a_transaction_of_its_signed_orders() {
    for market in [0, 2, 3] {
        let mut world = World::new();
        let exchange = world.books.conditions[market as usize].exchange;
        // Mint: two buyers. Then complementary: Bob buys what Alice has. Then merge: Bob and Carol sell both.
        world.place(ALICE, market, Outcome::Yes, Side::Buy, (40, 100));
        world.place(CAROL, market, Outcome::No, Side::Buy, (60, 100));
        let mint = world.tell();
        world.pass(4_000);
        world.place(ALICE, market, Outcome::Yes, Side::Sell, (45, 50));
        world.place(BOB, market, Outcome::Yes, Side::Buy, (50, 50));
        let complementary = world.tell();
        world.pass(4_000);
        world.place(CAROL, market, Outcome::No, Side::Sell, (55, 20));
        world.place(BOB, market, Outcome::Yes, Side::Sell, (45, 20));
        let merge = world.tell();
        world.pass(4_000);
        let mut held: HashMap<(Address, U256), i64> = HashMap::new();
        for (trade, hash) in [mint, complementary, merge].concat() {
            let known = world.chain.transaction(hash).expect("nodes know it");
            assert_eq!(alloy::primitives::keccak256(known.transaction.bytes()), hash);
            assert_eq!(known.transaction.body.to, Some(exchange.address(Network::Polygon)));
            check_calldata(exchange, &trade, &known.transaction.body.input);
            let receipt = known.receipt.as_ref().expect("it is mined");
            assert!(receipt.succeeded);
            check_logs(&world, exchange, &trade, &receipt.logs);
            for log in &receipt.logs {
                if let Ok(moved) = abi::Erc1155::TransferSingle::decode_log(log) {
                    let value = moved.value.to::<i64>();
                    *held.entry((moved.from, moved.id)).or_default() -= value;
                    *held.entry((moved.to, moved.id)).or_default() += value;
                }
            }
        }
        for account in [ALICE, BOB, CAROL].map(wallet_of) {
            for token in world.books.conditions[market as usize].tokens {
                let told = held.get(&(account, token)).copied().unwrap_or_default();
                assert_eq!(told, world.books.position(account, token) as i64, "market {market}, {account}");
            }
        }
    }
}

fn check_calldata(exchange: Exchange, trade: &Trade, input: &[u8]) {
    let (taker, makers, takers_fill, fills, fee) = match listing_generation(exchange) {
        Generation::V2 => {
            let call = abi::ExchangeV2::matchOrdersCall::abi_decode(input).expect("a V2 call");
            assert_eq!(call.makerFees, vec![U256::ZERO; call.makers.len()]);
            (call.taker, call.makers, call.takerFill, call.makerFills, call.takerFee)
        }
        Generation::V3 => {
            let call = abi::ExchangeV3::matchOrdersCall::abi_decode(input).expect("a V3 call");
            let got = U256::from(if trade.taker.side == Side::Buy {
                trade.taker.shares.0
            } else {
                trade.taker.collateral.0 as u64
            });
            assert_eq!(call.fill.takerReceive, got);
            (call.taker, call.makers, call.fill.takerFill, call.makerFills, call.fill.takerFee)
        }
    };
    assert_eq!(fee, U256::from(trade.fee.0));
    assert_eq!(makers.len(), trade.makers.len());
    let legs = std::iter::once(&trade.taker).chain(&trade.makers);
    let orders = std::iter::once((taker, takers_fill)).chain(makers.into_iter().zip(fills));
    for (leg, (order, fill)) in legs.zip(orders) {
        let given = if leg.side == Side::Buy { leg.collateral.0 as u64 } else { leg.shares.0 };
        assert_eq!(fill, U256::from(given), "in the order's own maker units");
        let signed = Order {
            salt: order.salt.to(),
            maker: order.maker,
            signer: order.signer,
            token: order.tokenId,
            maker_amount: order.makerAmount.to(),
            taker_amount: order.takerAmount.to(),
            side: leg.side,
            signature_type: SignatureType::from_number(order.signatureType.into()).expect("a type"),
            timestamp: Millis(order.timestamp.to()),
            metadata: order.metadata,
            builder: order.builder,
        };
        let holds = signature::check(&signed, &order.signature, exchange, Network::Polygon);
        assert_eq!(holds, Ok(Signer::Owner(key(leg.account).address())));
        assert_eq!(signed.id(exchange, Network::Polygon).0, leg.order.0);
    }
}

fn check_logs(world: &World, exchange: Exchange, trade: &Trade, logs: &[Log]) {
    let contract = exchange.address(Network::Polygon);
    let of_exchange: Vec<&Log> = logs.iter().filter(|log| log.address == contract).collect();
    let filled = of_exchange.iter().filter_map(|log| abi::Exchange::OrderFilled::decode_log(log).ok());
    let filled: Vec<_> = filled.map(|log| log.data).collect();
    let legs: Vec<_> = trade.makers.iter().chain([&trade.taker]).collect();
    assert_eq!(filled.len(), legs.len(), "a log for each leg");
    for (log, leg) in filled.iter().zip(&legs) {
        assert_eq!(log.orderHash.0, leg.order.0);
        assert_eq!(log.maker, world.books.wallet(leg.account));
        let is_taker = leg.order == trade.taker.order;
        assert_eq!(log.taker, if is_taker { contract } else { world.books.wallet(trade.taker.account) });
        assert_eq!(log.fee, U256::from(if is_taker { trade.fee.0 } else { 0 }));
        let amounts = settlement::given_and_got(leg);
        assert_eq!((log.makerAmountFilled, log.takerAmountFilled), amounts);
    }
    let matched = of_exchange.iter().filter_map(|log| abi::Exchange::OrdersMatched::decode_log(log).ok());
    let matched: Vec<_> = matched.map(|log| log.data).collect();
    assert_eq!(matched.len(), 1);
    assert_eq!(matched[0].takerOrderMaker, world.books.wallet(trade.taker.account));
    let fees = of_exchange.iter().filter_map(|log| abi::Exchange::FeeCharged::decode_log(log).ok());
    let fees: Vec<U256> = fees.map(|log| log.data.amount).collect();
    let expected = if trade.fee.0 == 0 { vec![] } else { vec![U256::from(trade.fee.0)] };
    assert_eq!(fees, expected);
}

#[test]
fn a_transaction_is_heard_of_then_mined() {
    let mut world = World::new();
    world.place(ALICE, 0, Outcome::Yes, Side::Buy, (40, 100));
    world.place(CAROL, 0, Outcome::No, Side::Buy, (60, 100));
    let (_, hash) = world.tell().remove(0);
    let seen = |world: &mut World| world.get("eth_getTransactionByHash", json!([hash]))["blockNumber"].clone();
    let is_known = |world: &mut World| !world.get("eth_getTransactionByHash", json!([hash])).is_null();
    world.pass(69);
    assert!(!is_known(&mut world));
    world.pass(1);
    assert!(is_known(&mut world));
    assert_eq!(seen(&mut world), Value::Null, "pending");
    assert_eq!(world.get("eth_getTransactionReceipt", json!([hash])), Value::Null);
    // Settled after 1.4 to 1.6 s, so mined in the next block.
    world.pass(1_930);
    let receipt = world.get("eth_getTransactionReceipt", json!([hash]));
    assert_eq!(receipt["status"], "0x1");
    assert_eq!(receipt["blockNumber"], seen(&mut world));
    let block = world.get("eth_getBlockByHash", json!([receipt["blockHash"], true]));
    assert_eq!(block["transactions"][0]["hash"], json!(hash));
    assert_eq!(block["timestamp"], json!(format!("{:#x}", START.as_secs() + 2)));
}

#[test]
fn an_attempt_that_fails_is_mined_as_reverted_and_a_retry_is_another_transaction() {
    let mut world = World::new();
    world.books.orders.fail_next_settlement();
    world.place(ALICE, 0, Outcome::Yes, Side::Buy, (40, 100));
    world.place(CAROL, 0, Outcome::No, Side::Buy, (60, 100));
    let (trade, first) = world.tell().remove(0);
    assert_eq!(world.chain.transaction_of(trade.id), Some(first));
    for _ in 0..40 {
        world.pass(100);
    }
    let second = world.chain.transaction_of(trade.id).expect("it is tried again");
    assert_ne!(first, second);
    for _ in 0..650 {
        world.pass(100);
    }
    for hash in [first, second] {
        let receipt = world.get("eth_getTransactionReceipt", json!([hash]));
        assert_eq!((&receipt["status"], &receipt["logs"]), (&json!("0x0"), &json!([])));
    }
    assert_eq!(world.chain.transaction_of(trade.id), None, "failed for good");
}

#[test]
fn the_same_world_has_the_same_blocks() {
    let run = || {
        let mut world = World::new();
        world.place(ALICE, 0, Outcome::Yes, Side::Buy, (40, 100));
        world.place(CAROL, 0, Outcome::No, Side::Buy, (60, 100));
        world.tell();
        world.pass(10_000);
        world.chain.latest().clone()
    };
    assert_eq!(run(), run());
    assert_eq!(run().number, FIRST_BLOCK + 5);
}
