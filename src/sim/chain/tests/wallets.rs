//! What wallets do with the contracts.

use alloy::primitives::address;
use alloy::sol_types::{SolCall, SolEvent, SolValue};

use super::*;
use crate::venue::polymarket::contracts as at;

const STRANGER: Address = address!("00000000000000000000000000000000000000aa");

fn balance(world: &mut World, account: AccountId) -> u64 {
    let call = abi::Erc20::balanceOfCall { owner: wallet_of(account) };
    let answer = world.get("eth_call", json!([{ "to": at::PUSD, "data": write::data(call.abi_encode()) }, "latest"]));
    answer.as_str().expect("hex").parse::<U256>().expect("a word").to()
}

fn view(world: &mut World, to: Address, call: &impl SolCall) -> U256 {
    let answer = world.get("eth_call", json!([{ "to": to, "data": write::data(call.abi_encode()) }, "latest"]));
    answer.as_str().expect("hex").parse().expect("a word")
}

fn redemption(condition: &Condition, collateral: Address) -> Vec<u8> {
    let sets = vec![U256::from(1), U256::from(2)];
    let call = abi::ConditionalTokens::redeemPositionsCall {
        collateral,
        parent: B256::ZERO,
        conditionId: condition.id,
        indexSets: sets,
    };
    call.abi_encode()
}

/// Sends a call, lets a block pass; returns whether it succeeded, and its logs.
fn execute(world: &mut World, account: AccountId, to: Address, call: Vec<u8>) -> (bool, Vec<Log>) {
    let hash = world.send(account, to, call).expect("the transaction is taken");
    world.pass(2_000);
    let receipt = world.chain.transaction(hash).and_then(|known| known.receipt.clone()).expect("it is mined");
    (receipt.succeeded, receipt.logs)
}

#[test]
fn an_approval_binds_the_exchange_once_it_is_mined() {
    let mut world = World::new();
    let exchange = Exchange::V2.address(Network::Polygon);
    let allowance = abi::Erc20::allowanceCall { owner: wallet_of(ALICE), spender: exchange };
    assert_eq!(view(&mut world, at::PUSD, &allowance), U256::MAX);
    let call = abi::Erc20::approveCall { spender: exchange, amount: U256::from(7) }.abi_encode();
    world.send(ALICE, at::PUSD, call).expect("taken");
    assert_eq!(view(&mut world, at::PUSD, &allowance), U256::MAX, "not mined yet");
    world.pass(2_000);
    assert_eq!(view(&mut world, at::PUSD, &allowance), U256::from(7));
    assert_eq!(world.books.orders.allowance(ALICE, Contract::V2, Asset::Collateral), 7);

    let operator = Exchange::V3.address(Network::Polygon);
    let of = abi::Erc1155::isApprovedForAllCall { owner: wallet_of(ALICE), operator };
    assert_eq!(view(&mut world, at::POSITION_MANAGER, &of), U256::from(1));
    let call = abi::Erc1155::setApprovalForAllCall { operator, approved: false }.abi_encode();
    let (succeeded, logs) = execute(&mut world, ALICE, at::POSITION_MANAGER, call);
    assert!(succeeded && abi::Erc1155::ApprovalForAll::decode_log(&logs[0]).is_ok());
    assert_eq!(view(&mut world, at::POSITION_MANAGER, &of), U256::ZERO);
    assert_eq!(view(&mut world, at::CONDITIONAL_TOKENS, &of), U256::ZERO, "each contract has its own approvals");
}

/// Buys 100 Yes for Alice, lets Yes win, and redeems by each of the ways.
#[test]
fn a_winning_position_is_redeemed_for_dollars() {
    for (market, to, needs_approval) in [
        (0, at::CONDITIONAL_TOKENS, false),
        (0, at::COLLATERAL_ADAPTER, true),
        (2, at::NEG_RISK_COLLATERAL_ADAPTER, true),
        (3, at::ROUTER, true),
    ] {
        let mut world = World::new();
        let condition = world.books.conditions[market as usize];
        world.place(CAROL, market, Outcome::No, Side::Buy, (60, 100));
        world.place(ALICE, market, Outcome::Yes, Side::Buy, (40, 100));
        world.pass(4_000);
        let before = balance(&mut world, ALICE);
        let call = if to == at::ROUTER {
            let id = alloy::primitives::FixedBytes::<31>::from_slice(&condition.id[..31]);
            let index = U256::ZERO;
            abi::Router::redeemCall { conditionId: id, outcomeIndex: index, amount: U256::from(100_000_000) }
                .abi_encode()
        } else {
            redemption(&condition, at::PUSD)
        };
        assert!(!execute(&mut world, ALICE, to, call.clone()).0, "not resolved yet");
        world.books.orders.resolve(MarketId(market), Resolution::Won(Outcome::Yes));
        world.pass(2_000);
        let token = settlement::positions(condition.exchange);
        if needs_approval {
            assert!(!execute(&mut world, ALICE, to, call.clone()).0, "the adapter may not take the shares");
            let approve = abi::Erc1155::setApprovalForAllCall { operator: to, approved: true }.abi_encode();
            assert!(execute(&mut world, ALICE, token, approve).0);
        }
        let (succeeded, logs) = execute(&mut world, ALICE, to, call);
        assert!(succeeded);
        assert_eq!(balance(&mut world, ALICE), before + 100_000_000, "a dollar a share");
        assert_eq!(world.books.position(wallet_of(ALICE), condition.tokens[0]), 0);
        let redeemed = logs.iter().filter_map(|log| abi::ConditionalTokens::PayoutRedemption::decode_log(log).ok());
        let payouts: Vec<U256> = redeemed.map(|log| log.payout).collect();
        let expected = if to == at::ROUTER { vec![] } else { vec![U256::from(100_000_000)] };
        assert_eq!(payouts, expected);
    }
}

#[test]
fn payouts_can_be_asked_for() {
    let mut world = World::new();
    let [plain, _, _, v3] = world.books.conditions[..] else { panic!("four conditions") };
    let numerator =
        |index: u64| abi::ConditionalTokens::payoutNumeratorsCall { conditionId: plain.id, index: U256::from(index) };
    let denominator = abi::ConditionalTokens::payoutDenominatorCall { conditionId: plain.id };
    let payout = |token| abi::PositionManager::getPayoutCall { positionId: token, amount: U256::from(9) };
    assert_eq!(view(&mut world, at::CONDITIONAL_TOKENS, &denominator), U256::ZERO);
    world.books.orders.resolve(MarketId(0), Resolution::Even);
    world.books.orders.resolve(MarketId(3), Resolution::Won(Outcome::No));
    world.pass(2_000);
    assert_eq!(view(&mut world, at::CONDITIONAL_TOKENS, &denominator), U256::from(2));
    assert_eq!(view(&mut world, at::CONDITIONAL_TOKENS, &numerator(0)), U256::from(1));
    assert_eq!(view(&mut world, at::CONDITIONAL_TOKENS, &numerator(1)), U256::from(1));
    assert_eq!(view(&mut world, at::POSITION_MANAGER, &payout(v3.tokens[0])), U256::ZERO);
    assert_eq!(view(&mut world, at::POSITION_MANAGER, &payout(v3.tokens[1])), U256::from(9));
    let logs = world.get(
        "eth_getLogs",
        json!([{
            "fromBlock": "earliest",
            "topics": [abi::ConditionalTokens::ConditionResolution::SIGNATURE_HASH, [plain.id, v3.id]],
        }]),
    );
    assert_eq!(logs.as_array().map(Vec::len), Some(2));
}

#[test]
fn dollars_become_pairs_and_pairs_dollars() {
    let mut world = World::new();
    let condition = world.books.conditions[0];
    let amount = U256::from(10_000_000);
    let partition = vec![U256::from(1), U256::from(2)];
    let split = abi::ConditionalTokens::splitPositionCall {
        collateral: at::PUSD,
        parent: B256::ZERO,
        conditionId: condition.id,
        partition: partition.clone(),
        amount,
    };
    let merge = abi::ConditionalTokens::mergePositionsCall {
        collateral: at::PUSD,
        parent: B256::ZERO,
        conditionId: condition.id,
        partition,
        amount,
    };
    let adapter = at::COLLATERAL_ADAPTER;
    assert!(!execute(&mut world, ALICE, adapter, split.abi_encode()).0, "no allowance");
    let approve = abi::Erc20::approveCall { spender: adapter, amount };
    assert!(execute(&mut world, ALICE, at::PUSD, approve.abi_encode()).0);
    let (succeeded, logs) = execute(&mut world, ALICE, adapter, split.abi_encode());
    assert!(succeeded && logs.iter().any(|log| abi::ConditionalTokens::PositionSplit::decode_log(log).is_ok()));
    assert_eq!(balance(&mut world, ALICE), 990_000_000);
    assert!(!execute(&mut world, ALICE, adapter, split.abi_encode()).0, "the allowance is used up");
    let ids = abi::Erc1155::balanceOfBatchCall { owners: vec![wallet_of(ALICE); 2], ids: condition.tokens.to_vec() };
    let request = json!([{ "to": at::CONDITIONAL_TOKENS, "data": write::data(ids.abi_encode()) }]);
    let answer = world.get("eth_call", request);
    let bytes = alloy::hex::decode(answer.as_str().expect("hex")).expect("hex");
    assert_eq!(Vec::<U256>::abi_decode(&bytes), Ok(vec![amount, amount]));

    assert!(!execute(&mut world, ALICE, adapter, merge.abi_encode()).0, "the adapter may not take the shares");
    let approve = abi::Erc1155::setApprovalForAllCall { operator: adapter, approved: true };
    assert!(execute(&mut world, ALICE, at::CONDITIONAL_TOKENS, approve.abi_encode()).0);
    let (succeeded, logs) = execute(&mut world, ALICE, adapter, merge.abi_encode());
    assert!(succeeded && logs.iter().any(|log| abi::ConditionalTokens::PositionsMerge::decode_log(log).is_ok()));
    assert_eq!(balance(&mut world, ALICE), 1_000_000_000);
    assert!(!execute(&mut world, ALICE, adapter, merge.abi_encode()).0, "nothing is left to merge");
}

#[test]
fn dollars_can_be_sent_away_but_not_more_than_there_are() {
    let mut world = World::new();
    let transfer = |amount: u64| abi::Erc20::transferCall { to: STRANGER, amount: U256::from(amount) }.abi_encode();
    assert!(execute(&mut world, ALICE, at::PUSD, transfer(400_000_000)).0);
    assert_eq!(balance(&mut world, ALICE), 600_000_000);
    assert!(!execute(&mut world, ALICE, at::PUSD, transfer(600_000_001)).0);
    let friend = abi::Erc20::transferCall { to: wallet_of(BOB), amount: U256::from(1) };
    assert!(execute(&mut world, ALICE, at::PUSD, friend.abi_encode()).0);
    assert_eq!(balance(&mut world, BOB), 1_000_000_001);
}

#[test]
fn a_call_that_would_revert_says_why_before_it_is_sent() {
    let mut world = World::new();
    let [plain, _, neg_risk, v3] = world.books.conditions[..] else { panic!("four conditions") };
    let unknown = Condition { id: B256::repeat_byte(9), ..plain };
    let too_much = abi::Erc20::transferCall { to: STRANGER, amount: U256::MAX }.abi_encode();
    for (to, input, reason) in [
        (at::PUSD, too_much, "ERC20: transfer amount exceeds balance"),
        (at::CONDITIONAL_TOKENS, redemption(&plain, at::PUSD), "result for condition not received yet"),
        (at::CONDITIONAL_TOKENS, redemption(&unknown, at::PUSD), "condition not prepared yet"),
        (at::CONDITIONAL_TOKENS, redemption(&plain, STRANGER), "unknown collateral"),
        (at::COLLATERAL_ADAPTER, redemption(&neg_risk, at::PUSD), "this condition is neg-risk"),
        (at::NEG_RISK_COLLATERAL_ADAPTER, redemption(&plain, at::PUSD), "this condition is binary"),
        (at::COLLATERAL_ADAPTER, redemption(&v3, at::PUSD), "condition not prepared yet"),
        (at::COLLATERAL_ADAPTER, redemption(&plain, at::USDC_E), "unknown collateral"),
        (at::ROUTER, vec![1, 2, 3, 4], ""),
        (at::PUSD, vec![], ""),
    ] {
        let call = json!({ "from": wallet_of(ALICE), "to": to, "data": write::data(&input) });
        let message = Revert(reason.to_owned()).to_string();
        for method in ["eth_call", "eth_estimateGas"] {
            let answer = world.ask(method, json!([call]));
            assert_eq!(answer["error"]["code"], 3, "{method} {answer}");
            assert_eq!(answer["error"]["message"], json!(message), "{method}");
        }
    }
}

#[test]
fn what_is_no_contract_takes_everything_and_answers_nothing() {
    let mut world = World::new();
    assert_eq!(world.get("eth_call", json!([{ "to": STRANGER, "data": "0x1234" }])), "0x");
    assert_eq!(world.get("eth_getCode", json!([STRANGER, "latest"])), "0x");
    assert_ne!(world.get("eth_getCode", json!([at::PUSD, "latest"])), "0x");
    assert_ne!(world.get("eth_getCode", json!([Exchange::V3.address(Network::Polygon)])), "0x");
    assert!(execute(&mut world, ALICE, STRANGER, vec![]).0);
}

#[test]
fn nonces_are_taken_in_order() {
    let mut world = World::new();
    let (key, sender) = (key(ALICE), key(ALICE).address());
    let bytes = |nonce| raw(&key, nonce, STRANGER, vec![]);
    world.chain.submit(&bytes(1), world.now).expect("waits for nonce 0");
    world.pass(2_000);
    assert_eq!((world.chain.nonce(sender), world.chain.nonce_pending(sender)), (0, 0));
    world.chain.submit(&bytes(0), world.now).expect("taken");
    assert_eq!(world.chain.nonce_pending(sender), 2);
    assert_eq!(world.chain.submit(&bytes(0), world.now), Err(Refusal::AlreadyKnown));
    world.pass(2_000);
    assert_eq!(world.chain.nonce(sender), 2, "both in one block");
    assert_eq!(world.chain.submit(&bytes(0), world.now), Err(Refusal::AlreadyKnown));
    let other = raw(&key, 0, STRANGER, vec![1]);
    assert_eq!(world.chain.submit(&other, world.now), Err(Refusal::NonceTooLow { next: 2, nonce: 0 }));
}

#[test]
fn a_transaction_is_replaced_for_more_money_only() {
    let mut world = World::new();
    let body = |max_priority: u128, gas_limit| Unsigned {
        chain_id: 137,
        nonce: 0,
        fees: Fees::Dynamic { max_fee: 500_000_000_000, max_priority },
        gas_limit,
        to: Some(STRANGER),
        value: U256::ZERO,
        input: Bytes::new(),
    };
    let mut submit = |body: Unsigned| world.chain.submit(&body.sign(&key(ALICE)).bytes(), START);
    let first = submit(body(30_000_000_000, 21_000)).expect("taken");
    assert_eq!(submit(body(32_000_000_000, 21_000)), Err(Refusal::ReplacementUnderpriced));
    let second = submit(body(33_000_000_000, 21_000)).expect("ten per cent more");
    assert_eq!(submit(body(1, 21_000)), Err(Refusal::TipTooLow { tip: 1 }));
    assert_eq!(submit(body(40_000_000_000, 20_999)), Err(Refusal::IntrinsicGas { have: 20_999, want: 21_000 }));
    assert_eq!(submit(body(40_000_000_000, 1 << 40)), Err(Refusal::GasLimit));
    let huge = Unsigned { input: Bytes::from(vec![0; 140_000]), ..body(40_000_000_000, 21_000) };
    assert!(matches!(submit(huge), Err(Refusal::Oversized { .. })));
    world.pass(2_000);
    assert!(world.chain.transaction(first).is_none());
    assert!(world.chain.transaction(second).is_some_and(|known| known.receipt.is_some()));
}

#[test]
fn a_deposit_wallet_lets_a_key_sign_until_it_expires() {
    let mut world = World::new();
    let wallet = crate::venue::polymarket::wallet::deposit(key(ALICE).address());
    let until = world.now.as_secs() + 60;
    let call = abi::DepositWallet::authorizeSessionSignerCall { signer: STRANGER, validUntil: U256::from(until) };
    world.chain.contracts.create_wallet(wallet);
    let calls = vec![Call { from: wallet, to: wallet, input: call.abi_encode().into() }];
    assert!(!world.chain.contracts.has_session(wallet, STRANGER, world.now));
    world.chain.relay(at::DEPOSIT_WALLET_FACTORY, Bytes::new(), calls, world.now);
    world.pass(2_000);
    assert!(world.chain.contracts.has_session(wallet, STRANGER, world.now));
    assert!(!world.chain.contracts.has_session(wallet, STRANGER, Nanos::from_secs(until)));
}
