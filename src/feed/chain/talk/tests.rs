//! Conversations with a node, by script.

use super::*;
use crate::feed::chain::tests::{OTHER, TX, WALLET, log};
use crate::feed::market::MalformedCode;

const T: fn(u64) -> Nanos = Nanos::from_secs;

/// A talk, and what it said that was not looked at yet.
struct Scene {
    talk: Talk,
    deeds: Vec<Deed>,
    now: Nanos,
    head: u64,
}

fn wants() -> Wants {
    Wants {
        network: Network::Polygon,
        wallets: vec![OTHER.to_owned(), WALLET.to_owned()],
        logs: true,
        pending: false,
        prints_per_second_max: 0,
        silence_max: T(30),
        backfill_max: T(86_400),
        since: None,
    }
}

fn registry() -> Registry {
    let mut registry = Registry::new();
    registry.add_leader(WALLET).expect("a wallet");
    registry
}

impl Scene {
    fn new(wants: Wants) -> Scene {
        Scene { talk: Talk::new(wants), deeds: vec![], now: T(1_795_260_000), head: 1_000 }
    }

    /// Connects, and has all that is subscribed to granted at once; what is subscribed to is called by its name.
    fn connect(&mut self) {
        self.talk.connected(self.now, &mut self.deeds);
        for said in self.said() {
            assert_eq!(said["method"], "eth_subscribe");
            self.answer(&said, said["params"][0].clone());
        }
    }

    fn hear(&mut self, message: &Value) -> Result<(), Malformed> {
        self.talk.hear(message.to_string().as_bytes(), self.now, &registry(), &mut self.deeds)
    }

    fn answer(&mut self, question: &Value, result: Value) {
        self.hear(&json!({ "jsonrpc": "2.0", "id": question["id"], "result": result })).expect("an answer");
    }

    fn refuse(&mut self, question: &Value) {
        let error = json!({ "code": -32_601, "message": "no \"such\" thing" });
        self.hear(&json!({ "jsonrpc": "2.0", "id": question["id"], "error": error })).expect("an answer");
    }

    fn notice(&mut self, subscription: &str, result: Value) -> Result<(), Malformed> {
        let params = json!({ "subscription": subscription, "result": result });
        self.hear(&json!({ "jsonrpc": "2.0", "method": "eth_subscription", "params": params }))
    }

    /// The next block comes, so many seconds after now.
    fn block(&mut self, seconds: u64) {
        (self.now, self.head) = (self.now.plus(T(seconds)), self.head + 1);
        let head = json!({ "number": format!("{:#x}", self.head), "timestamp": format!("{:#x}", self.now.as_secs()) });
        self.notice("newHeads", head).expect("a head");
    }

    /// Returns what was said since the last look; other deeds stay.
    fn said(&mut self) -> Vec<Value> {
        let (said, rest) = std::mem::take(&mut self.deeds).into_iter().partition(|deed| matches!(deed, Deed::Say(_)));
        self.deeds = rest;
        let said: Vec<Deed> = said;
        said.iter()
            .filter_map(|deed| if let Deed::Say(text) = deed { serde_json::from_str(text).ok() } else { None })
            .collect()
    }

    fn gaps(&mut self) -> Vec<(Source, Nanos, Nanos, GapCause)> {
        let gaps = self.deeds.iter().filter_map(|deed| if let Deed::Gap(gap) = deed { Some(gap) } else { None });
        gaps.map(|gap| (gap.source, gap.from, gap.until, gap.cause)).collect()
    }

    fn sighted(&self) -> usize {
        self.deeds.iter().filter(|deed| matches!(deed, Deed::Sighted(_))).count()
    }
}

fn a_log() -> Value {
    serde_json::from_str(&log("", Value::Null)).expect("JSON")
}

#[test]
fn leaders_are_filtered_by_the_node() {
    let mut scene = Scene::new(wants());
    scene.talk.connected(scene.now, &mut scene.deeds);
    let said = scene.said();
    assert_eq!(said[0]["params"], json!(["newHeads"]));
    let filter = &said[1]["params"][1];
    assert_eq!(filter["address"].as_array().map(Vec::len), Some(3));
    assert_eq!(filter["topics"], json!([ORDER_FILLED, null, [topic(OTHER), topic(WALLET)]]));
    // A thousand wallets are two filters.
    let wallets = (0..1_000).map(|n| format!("0x{n:040x}")).collect();
    let mut scene = Scene::new(Wants { wallets, ..wants() });
    scene.talk.connected(scene.now, &mut scene.deeds);
    assert_eq!(scene.said().len(), 3);
}

#[test]
fn a_log_is_told_and_one_that_was_not_is_read() {
    let mut scene = Scene::new(wants());
    scene.connect();
    scene.block(2);
    scene.notice("logs", a_log()).expect("a log");
    assert_eq!(scene.sighted(), 1);
    (0..7).for_each(|_| scene.block(2));
    let said = scene.said();
    assert_eq!((said.len(), &said[0]["method"]), (1, &json!("eth_getLogs")));
    assert_eq!(
        (&said[0]["params"][0]["fromBlock"], &said[0]["params"][0]["toBlock"]),
        (&json!("0x3e9"), &json!("0x3e9"))
    );
    // The one that was told is known; that of another order is new.
    let mut missed = a_log();
    missed["topics"][1] = json!(TX);
    scene.answer(&said[0], json!([a_log(), missed.clone()]));
    assert_eq!(
        (scene.sighted(), scene.talk.counters.logs_missed),
        (2, 0),
        "nobody listened to these blocks from their begin"
    );
    let said = scene.said();
    assert_eq!(
        (&said[0]["params"][0]["fromBlock"], &said[0]["params"][0]["toBlock"]),
        (&json!("0x3ea"), &json!("0x3ee"))
    );
    scene.answer(&said[0], json!([]));
    scene.block(10);
    let said = scene.said();
    assert_eq!(said[0]["params"][0]["fromBlock"], "0x3e9", "read once more");
    missed["transactionHash"] = missed["topics"][3].clone();
    let answer = json!({ "jsonrpc": "2.0", "id": said[0]["id"], "result": [missed, "no log", a_log()] });
    assert!(scene.hear(&answer).is_err(), "one of them is no log");
    assert_eq!((scene.sighted(), scene.talk.counters.logs_missed), (3, 1));
}

#[test]
fn a_removed_log_is_no_trade() {
    let mut scene = Scene::new(wants());
    scene.connect();
    let mut removed = a_log();
    removed["removed"] = json!(true);
    scene.notice("logs", removed).expect("a log");
    assert_eq!((scene.sighted(), scene.talk.counters.removed), (0, 1));
}

#[test]
fn the_end_of_a_connection_and_the_start_are_gaps_and_are_read() {
    let since = T(1_795_250_000);
    let mut scene = Scene::new(Wants { since: Some(since), pending: true, prints_per_second_max: 1, ..wants() });
    scene.connect();
    scene.head = 100_000;
    scene.block(1);
    let began = scene.now;
    let all = [Source::Log, Source::Pending, Source::Print];
    assert_eq!(scene.gaps(), all.map(|source| (source, since, began, GapCause::Start)));
    let said = scene.said();
    assert_eq!(said[0]["method"], "eth_getBlockByNumber");
    scene.answer(&said[0], json!({ "number": "0x1", "timestamp": format!("{:#x}", since.as_secs() - 5) }));
    let said = scene.said();
    assert_eq!((&said[0]["method"], said.len()), (&json!("eth_getLogs"), 1));
    scene.deeds.clear();
    scene.talk.lost(scene.now.plus(T(1)), GapCause::Lost);
    scene.talk.lost(scene.now.plus(T(9)), GapCause::Lost);
    scene.connect();
    scene.block(20);
    assert_eq!(scene.gaps(), all.map(|source| (source, began, scene.now, GapCause::Lost)));
}

#[test]
fn a_node_that_tells_no_blocks_is_left_though_it_answers() {
    let mut scene = Scene::new(Wants { prints_per_second_max: 5, ..wants() });
    scene.connect();
    scene.block(2);
    let last = scene.now;
    for _ in 0..29 {
        scene.now = scene.now.plus(T(1));
        scene.talk.print(format!("0x{:064x}", scene.now.0).as_bytes(), scene.now, &mut scene.deeds);
        scene.talk.tick(scene.now, &mut scene.deeds);
        for said in scene.said() {
            let nothing = if said["method"] == "eth_getLogs" { json!([]) } else { Value::Null };
            scene.answer(&said, nothing);
        }
    }
    assert!(!scene.deeds.contains(&Deed::Reconnect));
    scene.now = last.plus(T(31));
    scene.talk.tick(scene.now, &mut scene.deeds);
    assert!(scene.deeds.contains(&Deed::Reconnect));
    scene.talk.lost(scene.now, GapCause::Lost);
    scene.connect();
    scene.block(1);
    assert_eq!(scene.gaps()[0].3, GapCause::Silent, "{:?}", scene.gaps());
}

#[test]
fn what_waits_is_asked_for_in_the_way_that_the_node_knows() {
    let mut scene = Scene::new(Wants { logs: false, pending: true, ..wants() });
    scene.talk.connected(scene.now, &mut scene.deeds);
    let mut asked = vec![];
    while let Some(said) = scene.said().into_iter().find(|said| said["params"][0] != "newHeads") {
        asked.push((said["params"][0].as_str().expect("text").to_owned(), said["params"][1] == true));
        if asked.len() == 3 {
            scene.answer(&said, json!("0xpool"));
            break;
        }
        scene.refuse(&said);
    }
    let name = "newPendingTransactions".to_owned();
    assert_eq!(asked, [("alchemy_pendingTransactions".to_owned(), false), (name.clone(), true), (name, false)]);
    // It tells hashes: they are asked for.
    scene.notice("0xpool", json!(TX)).expect("a hash");
    let said = scene.said();
    assert_eq!((&said[0]["method"], &said[0]["params"]), (&json!("eth_getTransactionByHash"), &json!([TX])));
    scene.answer(&said[0], Value::Null);
    scene.now = scene.now.plus(T(1));
    scene.talk.tick(scene.now, &mut scene.deeds);
    assert_eq!(scene.said().len(), 1, "asked again");
}

#[test]
fn nonsense_is_refused_and_an_answer_to_nobody_passed_over() {
    let mut scene = Scene::new(wants());
    scene.connect();
    scene.hear(&json!({ "jsonrpc": "2.0", "id": 99, "result": "0x" })).expect("nobody asked");
    scene.notice("0xunknown", json!({})).expect("of another connection");
    scene.hear(&json!({ "jsonrpc": "2.0", "id": null, "error": { "code": 1, "message": null } })).expect("a no");
    let code = |heard: Result<(), Malformed>| heard.map_err(|malformed| malformed.code);
    assert_eq!(code(scene.hear(&json!({ "method": "other" }))), Err(MalformedCode::NotAMessage));
    assert_eq!(code(scene.hear(&json!(5))), Err(MalformedCode::WrongType));
    assert_eq!(scene.talk.counters.malformed, 2);
}
