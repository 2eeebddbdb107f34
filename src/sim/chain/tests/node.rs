//! JSON-RPC, line by line.

use super::*;
use crate::sim::chain::subscription::{Missed, Subscriptions};

#[test]
fn requests_that_are_none_are_refused_as_by_a_node() {
    let mut world = World::new();
    for (text, code, message) in [
        ("", -32_700, "parse error"),
        ("{", -32_700, "parse error"),
        ("[]", -32_600, "empty batch"),
        ("{}", -32_600, "invalid request"),
        ("5", -32_600, "invalid request"),
        (r#"{"jsonrpc":"1.0","id":1,"method":"eth_chainId"}"#, -32_600, "invalid request"),
        (r#"{"jsonrpc":"2.0","id":1,"method":5}"#, -32_600, "invalid request"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_mine"}"#,
            -32_601,
            "the method eth_mine does not exist/is not available",
        ),
        (r#"{"jsonrpc":"2.0","id":1,"method":"eth_call","params":{}}"#, -32_602, "non-array args"),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getTransactionByHash","params":[]}"#,
            -32_602,
            "missing value for required argument 0",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getTransactionByHash","params":["0x12"]}"#,
            -32_602,
            "invalid argument 0: hex string has length 2, want 64",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getCode","params":["12"]}"#,
            -32_602,
            "invalid argument 0: json: cannot unmarshal hex string without 0x prefix",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_sendRawTransaction","params":["0x"]}"#,
            -32_000,
            "rlp: input too short",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_subscribe","params":["newHeads"]}"#,
            -32_001,
            "notifications not supported",
        ),
        (
            r#"{"jsonrpc":"2.0","id":1,"method":"eth_getLogs","params":[{"fromBlock":"0x6","toBlock":"0x5"}]}"#,
            -32_602,
            "invalid block range params",
        ),
    ] {
        let answer = world.answer(text.as_bytes()).expect("an answer");
        let error = &answer["error"];
        assert_eq!((error["code"].as_i64(), error["message"].as_str()), (Some(code), Some(message)), "{text}");
    }
    let many = format!("[{}]", vec!["1"; 1_001].join(","));
    assert_eq!(world.answer(many.as_bytes()).expect("an answer")["error"]["message"], "batch too large");
}

#[test]
fn a_batch_is_answered_in_order_and_notifications_are_not() {
    let mut world = World::new();
    let call = |id: Value, method: &str| json!({ "jsonrpc": "2.0", "id": id, "method": method });
    let batch = json!([call(json!("a"), "eth_chainId"), call(json!(2), "net_version"), call(json!(3), "no_such")]);
    let answer = world.answer(batch.to_string().as_bytes()).expect("answers");
    assert_eq!(answer[0], json!({ "jsonrpc": "2.0", "id": "a", "result": "0x89" }));
    assert_eq!(answer[1]["result"], "137");
    assert_eq!(answer[2]["error"]["code"], -32_601);
    let silent = json!({ "jsonrpc": "2.0", "method": "eth_chainId" });
    assert_eq!(world.answer(silent.to_string().as_bytes()), None);
    assert_eq!(world.answer(json!([silent]).to_string().as_bytes()), None);
}

#[test]
fn blocks_are_found_by_number_tag_and_hash() {
    let mut world = World::new();
    world.pass(20_000);
    let latest = FIRST_BLOCK + 10;
    let number =
        |world: &mut World, tag: Value| world.get("eth_getBlockByNumber", json!([tag, false]))["number"].clone();
    for (tag, expected) in [
        (json!("latest"), Some(latest)),
        (json!("pending"), Some(latest)),
        (json!("finalized"), Some(latest - 2)),
        (json!("earliest"), Some(FIRST_BLOCK)),
        (json!(format!("{:#x}", latest - 5)), Some(latest - 5)),
        (json!(format!("{:#x}", latest + 1)), None),
        (json!("0x0"), None),
    ] {
        assert_eq!(number(&mut world, tag.clone()), json!(expected.map(|number| format!("{number:#x}"))), "{tag}");
    }
    let block = world.get("eth_getBlockByNumber", json!(["latest", false]));
    let parent = world.get("eth_getBlockByHash", json!([block["parentHash"], false]));
    assert_eq!(parent["number"], json!(format!("{:#x}", latest - 1)));
    let history = world.get("eth_feeHistory", json!(["0x4", "latest", [50]]));
    assert_eq!(history["baseFeePerGas"].as_array().map(Vec::len), Some(5));
    assert_eq!(history["reward"].as_array().map(Vec::len), Some(4));
}

#[test]
fn a_leaders_fills_are_found_by_his_topic() {
    let mut world = World::new();
    for _ in 0..3 {
        world.place(ALICE, 0, Outcome::Yes, Side::Buy, (40, 10));
        world.place(CAROL, 0, Outcome::No, Side::Buy, (60, 10));
        world.pass(2_000);
    }
    world.pass(2_000);
    let topic = |account| json!(wallet_of(account).into_word());
    let filled = json!("0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee");
    let exchange = json!(Exchange::V2.address(Network::Polygon));
    let found =
        |world: &mut World, filter: Value| world.get("eth_getLogs", json!([filter])).as_array().expect("logs").len();
    let first = json!(format!("{FIRST_BLOCK:#x}"));
    for (filter, count) in [
        (json!({ "fromBlock": first, "address": exchange, "topics": [filled, null, topic(ALICE)] }), 3),
        (json!({ "fromBlock": first, "topics": [filled, null, [topic(ALICE), topic(CAROL)]] }), 6),
        (json!({ "fromBlock": first, "topics": [filled, null, null, topic(CAROL)] }), 3),
        (json!({ "fromBlock": first, "topics": [filled, null, topic(BOB)] }), 0),
        (json!({ "fromBlock": "0x0", "toBlock": "latest", "address": exchange, "topics": [filled] }), 6),
        (json!({ "fromBlock": first, "toBlock": first, "topics": [filled] }), 0),
        (json!({ "fromBlock": "0xffffffff", "topics": [filled] }), 0),
        (json!({ "topics": [filled] }), 0),
    ] {
        assert_eq!(found(&mut world, filter.clone()), count, "{filter}");
    }
    let logs = world.get("eth_getLogs", json!([{ "fromBlock": first, "topics": [filled] }]));
    let by_hash = json!({ "blockHash": logs[0]["blockHash"], "topics": [filled] });
    assert_eq!(found(&mut world, by_hash), 2);
    let receipt = world.get("eth_getTransactionReceipt", json!([logs[0]["transactionHash"]]));
    let index = receipt["logs"].as_array().expect("logs").iter().position(|log| *log == logs[0]);
    assert!(index.is_some(), "a log is the same everywhere");
}

#[test]
fn subscribers_are_told_what_they_asked_for() {
    let mut world = World::new();
    let mut subscriptions = Subscriptions::new(&world.chain, 1);
    let exchange = Exchange::V2.address(Network::Polygon);
    let leader = json!(wallet_of(ALICE).into_word());
    let ids: Vec<String> = [
        json!(["newHeads"]),
        json!(["logs", { "address": exchange, "topics": [null, null, leader] }]),
        json!(["newPendingTransactions"]),
        json!(["newPendingTransactions", true]),
        json!(["alchemy_pendingTransactions", { "toAddress": [exchange] }]),
        json!(["alchemy_pendingTransactions", { "toAddress": wallet_of(BOB), "hashesOnly": true }]),
    ]
    .iter()
    .map(|params| subscriptions.add(params.as_array().expect("a list")).expect("subscribed"))
    .collect();
    world.place(ALICE, 0, Outcome::Yes, Side::Buy, (40, 10));
    world.place(CAROL, 0, Outcome::No, Side::Buy, (60, 10));
    let (_, hash) = world.tell().remove(0);
    let told = |subscriptions: &mut Subscriptions, world: &mut World| -> Vec<(usize, Value)> {
        let news = subscriptions.news(&mut world.chain).expect("nothing is missed");
        news.iter()
            .map(|told| {
                let params = &told["params"];
                let nth = ids.iter().position(|id| params["subscription"] == json!(id)).expect("ours");
                (nth, params["result"].clone())
            })
            .collect()
    };
    world.pass(100);
    let pending = told(&mut subscriptions, &mut world);
    let whom: Vec<usize> = pending.iter().map(|(nth, _)| *nth).collect();
    assert_eq!(whom, [2, 3, 4], "nobody waits for transactions to Bob");
    assert_eq!(pending[0].1, json!(hash));
    assert_eq!(pending[1].1["hash"], json!(hash));
    assert_eq!(pending[2].1["blockNumber"], Value::Null);
    assert_eq!(told(&mut subscriptions, &mut world), []);
    world.pass(1_900);
    let mined = told(&mut subscriptions, &mut world);
    let whom: Vec<usize> = mined.iter().map(|(nth, _)| *nth).collect();
    assert_eq!(whom, [0, 1], "the block and Alice's leg, once");
    assert_eq!(mined[1].1["transactionHash"], json!(hash));
    assert!(subscriptions.remove(&ids[0]) && !subscriptions.remove(&ids[0]));
    world.pass(2_000);
    assert_eq!(told(&mut subscriptions, &mut world), []);
    for params in [json!([]), json!(["noSuch"]), json!(["logs", { "topics": 5 }])] {
        assert!(subscriptions.add(params.as_array().expect("a list")).is_err(), "{params}");
    }
}

#[test]
fn who_lags_too_far_behind_is_told_that_he_missed_something() {
    let mut world = World::new();
    let mut subscriptions = Subscriptions::new(&world.chain, 1);
    world.pass(2_000 * (NOTICES_MAX as u64 + 1));
    assert_eq!(subscriptions.news(&mut world.chain), Err(Missed));
}

#[test]
fn old_transactions_are_forgotten_and_that_is_said() {
    const KEPT: usize = 10;
    let mut world = World::new();
    world.chain.options.transactions_max = KEPT;
    let send = |world: &mut World, count: usize| {
        let hashes = (0..count).map(|_| world.chain.relay(Address::ZERO, Bytes::new(), Vec::new(), world.now));
        let hashes: Vec<B256> = hashes.collect();
        world.pass(2_000);
        hashes
    };
    let first = send(&mut world, KEPT);
    assert!(world.chain.transaction(first[0]).is_some());
    assert_eq!(world.chain.first_kept(), FIRST_BLOCK);
    send(&mut world, 1);
    assert!(world.chain.transaction(first[0]).is_none() && world.chain.transaction(first[1]).is_some());
    let answer = world.ask("eth_getLogs", json!([{ "fromBlock": "earliest" }]));
    assert_eq!(answer["error"]["code"], 4_444);
    let kept = format!("{:#x}", world.chain.first_kept());
    assert_eq!(kept, format!("{:#x}", FIRST_BLOCK + 2));
    assert_eq!(world.get("eth_getLogs", json!([{ "fromBlock": kept }])), json!([]));
}

/// A match in a block of its own, and what a subscriber to all logs hears.
fn matched() -> (World, Subscriptions, B256) {
    let mut world = World::new();
    let mut subscriptions = Subscriptions::new(&world.chain, 1);
    subscriptions.add(&[json!("logs"), json!({})]).expect("subscribed");
    world.place(ALICE, 0, Outcome::Yes, Side::Buy, (40, 10));
    world.place(CAROL, 0, Outcome::No, Side::Buy, (60, 10));
    let (_, hash) = world.tell().remove(0);
    (world, subscriptions, hash)
}

fn results(subscriptions: &mut Subscriptions, world: &mut World) -> Vec<Value> {
    let news = subscriptions.news(&mut world.chain).expect("nothing is missed");
    news.iter().map(|told| told["params"]["result"].clone()).collect()
}

#[test]
fn replaced_blocks_take_their_logs_back_and_bring_them_again() {
    let (mut world, mut subscriptions, hash) = matched();
    world.pass(4_000);
    let before = results(&mut subscriptions, &mut world);
    let receipt = world.get("eth_getTransactionReceipt", json!([hash]));
    let number = world.get("eth_blockNumber", json!([]));
    assert!(!before.is_empty() && before.iter().all(|log| log["removed"] == false), "{before:?}");
    world.chain.reorganise(2);
    let told = results(&mut subscriptions, &mut world);
    let (removed, again): (Vec<Value>, Vec<Value>) = told.into_iter().partition(|log| log["removed"] == true);
    let without = |logs: &[Value]| -> Vec<Value> {
        let bare = |log: &Value| json!([log["address"], log["topics"], log["data"], log["transactionHash"]]);
        logs.iter().map(bare).collect()
    };
    assert_eq!((without(&removed), without(&again)), (without(&before), without(&before)));
    assert!(removed.iter().zip(&before).all(|(log, was)| log["blockHash"] == was["blockHash"]), "{removed:?}");
    assert!(again.iter().all(|log| log["removed"] == false), "{again:?}");
    assert!(again.iter().zip(&before).all(|(log, was)| log["blockHash"] != was["blockHash"]), "{again:?}");
    // The same number of blocks; the transaction succeeded as before, in another one.
    let now = world.get("eth_getTransactionReceipt", json!([hash]));
    assert_eq!(world.get("eth_blockNumber", json!([])), number);
    assert_eq!((&now["status"], &now["transactionHash"]), (&receipt["status"], &receipt["transactionHash"]));
    assert_ne!(now["blockHash"], receipt["blockHash"]);
    let found = world.get("eth_getLogs", json!([{ "blockHash": now["blockHash"] }]));
    assert_eq!(without(found.as_array().expect("logs")), without(&before));
    // More than there is leaves the first one.
    world.chain.reorganise(1_000);
    assert_eq!(world.get("eth_blockNumber", json!([])), number);
}

#[test]
fn subscribers_miss_logs_that_a_question_finds() {
    let (mut world, mut subscriptions, _) = matched();
    world.chain.log_miss_ppm = 1_000_000;
    world.pass(2_000);
    assert_eq!(results(&mut subscriptions, &mut world), [Value::Null; 0]);
    let all = json!([{ "fromBlock": "earliest", "toBlock": "latest" }]);
    assert!(!world.get("eth_getLogs", all).as_array().expect("logs").is_empty());
}
