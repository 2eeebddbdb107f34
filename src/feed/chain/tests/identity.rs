//! One fill, one key: from the call before it is mined, from the logs after, and from what the venue tells of it.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::{Duration, Instant};

use reqwest::Client;

use super::*;
use crate::domain::TradeKey;
use crate::feed::leader::LeaderDecoder;
use crate::feed::socket::{ActivityKind, ActivitySocket, Options as SocketOptions, SocketEvent};
use crate::sim::chain::tests::{World, wallet_of};
use crate::sim::exchange::{AccountId, Trade};
use crate::sim::message::Outcome;
use crate::sim::random::Random;
use crate::sim::server::{Knobs, Options, Server};

/// Key, price, whether it was the taker's, and token of a fill.
type Seen = (TradeKey, u32, bool, String);

fn seen(sighting: Sighting) -> Option<Seen> {
    match sighting {
        Sighting::ColdToken(trade) => {
            Some((trade.trade, trade.price.micros(), trade.role == Role::Taker, trade.token.as_str().to_owned()))
        }
        Sighting::Trade(trade) => panic!("no token is known here: {trade:?}"),
        Sighting::Stranger | Sighting::NotATrade => None,
    }
}

fn in_call(transaction: &Value, registry: &Registry) -> BTreeSet<Seen> {
    let (mut all, json) = (BTreeSet::new(), transaction.to_string());
    let mut decoder = ChainDecoder::new(Network::Polygon);
    let told = decoder.decode_transaction(json.as_bytes(), (Source::Pending, NOW), registry, |sighting| {
        assert!(all.insert(seen(sighting).expect("a leader's fill")), "twice: {sighting:?}");
    });
    told.unwrap_or_else(|malformed| panic!("{malformed}: {transaction}"));
    all
}

fn in_logs(receipt: &Value, registry: &Registry) -> BTreeSet<Seen> {
    let mut decoder = ChainDecoder::new(Network::Polygon);
    let logs = receipt["logs"]
        .as_array()
        .expect("logs")
        .iter()
        .filter(|log| log["topics"].as_array().map(Vec::len) == Some(4));
    let told = logs.map(|log| decoder.decode_log(log.to_string().as_bytes(), NOW, registry).expect("a log").sighting);
    told.filter_map(seen).collect()
}

/// Random orders in plain, neg-risk and V3 markets: they meet in every way, in part, at better prices, several at once.
#[test]
fn a_call_and_its_logs_tell_the_same_fills() {
    let mut registry = Registry::new();
    for account in [0, 1, 2].map(AccountId) {
        registry.add_leader(&format!("{:#x}", wallet_of(account))).expect("a wallet");
    }
    let mut met: BTreeMap<(&str, usize), u32> = BTreeMap::new();
    for seed in 0..6 {
        let (mut world, mut random) = (World::new(), Random::new(seed));
        for _ in 0..120 {
            let mut pick = |from, to| random.range(from, to);
            let account = AccountId(pick(0, 3) as u32);
            let outcome = Outcome::BOTH[pick(0, 2) as usize];
            let side = if pick(0, 5) < 2 { Side::Sell } else { Side::Buy };
            let market = [0, 2, 3][pick(0, 3) as usize];
            world.try_place(account, market, outcome, side, (pick(30, 71), pick(500, 4_000)));
            let trades = world.tell();
            world.pass(50);
            for (trade, hash) in trades {
                let transaction = world.get("eth_getTransactionByHash", json!([hash]));
                while world.get("eth_getTransactionReceipt", json!([hash])).is_null() {
                    world.pass(500);
                }
                let receipt = world.get("eth_getTransactionReceipt", json!([hash]));
                let transaction = if transaction.is_null() {
                    world.get("eth_getTransactionByHash", json!([hash]))
                } else {
                    transaction
                };
                let (call, logs) = (in_call(&transaction, &registry), in_logs(&receipt, &registry));
                assert_eq!(call, logs, "SEED={seed}: {trade:?}");
                assert_eq!(call.len(), trade.makers.len() + 1, "SEED={seed}: {trade:?}");
                let keys: BTreeSet<TradeKey> = call.iter().map(|(key, ..)| *key).collect();
                assert_eq!(keys, on_the_feed(&world, &trade, hash, &registry), "SEED={seed}: {trade:?}");
                let kinds = trade.makers.iter().map(|maker| match (maker.side, trade.taker.side) {
                    (Side::Buy, Side::Buy) => "mint",
                    (Side::Sell, Side::Sell) => "merge",
                    (Side::Buy, Side::Sell) | (Side::Sell, Side::Buy) => "complementary",
                });
                for kind in kinds.collect::<BTreeSet<&str>>() {
                    *met.entry((kind, market as usize)).or_default() += 1;
                }
                *met.entry(("several", 0)).or_default() += u32::from(trade.makers.len() > 1);
                *met.entry(("rounded", 0)).or_default() += u32::from(trade.taker.shares.0 % 10_000 != 0);
            }
        }
    }
    for kind in ["mint", "merge", "complementary"] {
        for market in [0, 2, 3] {
            assert!(met.get(&(kind, market)).is_some_and(|count| *count >= 1), "{kind} in {market}: {met:?}");
        }
    }
    assert!(met[&("several", 0)] >= 10 && met[&("rounded", 0)] >= 10, "{met:?}");
}

/// The keys of the frames that tell the legs of a trade.
fn on_the_feed(world: &World, trade: &Trade, hash: B256, registry: &Registry) -> BTreeSet<TradeKey> {
    let mut decoder = LeaderDecoder::new();
    let legs = std::iter::once(&trade.taker).chain(&trade.makers).map(|leg| {
        let token = world.books.conditions[trade.market.0 as usize].tokens[leg.outcome.index()].to_string();
        let side = if leg.side == Side::Buy { "BUY" } else { "SELL" };
        let payload = json!({
            "asset": token, "price": f64::from(leg.price.micros()) / 1e6, "proxyWallet": wallet_of(leg.account), "side": side,
            "size": leg.shares.0 as f64 / 1e6, "timestamp": 1_795_260_907, "transactionHash": hash,
        });
        let frame = json!({ "topic": "activity", "type": "trades", "payload": payload }).to_string();
        seen(decoder.decode_rtds(frame.as_bytes(), registry).expect("a frame")).expect("a leader's").0
    });
    legs.collect()
}

/// Everything that a busy venue says of its fills for a while, asked on the wire.
#[tokio::test]
async fn all_sources_of_the_venue_name_a_fill_alike() {
    let knobs = Knobs { index_lag_ms: 0, dust_ppm: 300_000, ..Knobs::CALM };
    let options = Options { rate_percent: 400, block_every: Duration::from_millis(200), knobs, ..Options::default() };
    let venue = Server::start(options).await.expect("a free port");
    let frames = activity(&venue).await;
    let mut registry = Registry::new();
    let text = |row: &Value, key: &str| row[key].as_str().expect("text").to_owned();
    let payloads: Vec<Value> =
        frames.iter().map(|frame| serde_json::from_slice::<Value>(frame).expect("JSON")["payload"].clone()).collect();
    for payload in &payloads {
        registry.add_leader(&text(payload, "proxyWallet")).expect("a wallet");
    }
    let mut told: HashMap<String, BTreeSet<TradeKey>> = HashMap::new();
    let mut decoder = LeaderDecoder::new();
    for (frame, payload) in frames.iter().zip(&payloads) {
        let sighting = decoder.decode_rtds(frame, &registry).expect("a frame");
        let (key, ..) = seen(sighting).expect("a leader's");
        told.entry(text(payload, "transactionHash")).or_default().insert(key);
    }
    let indexed = rows(&venue, &registry).await;
    let (mut all, mut takers) = (0, 0);
    for (hash, keys) in &told {
        let of = |fills: &BTreeSet<Seen>| fills.iter().map(|(key, ..)| *key).collect::<BTreeSet<TradeKey>>();
        let transaction = ask(&venue, "eth_getTransactionByHash", hash).await;
        let receipt = ask(&venue, "eth_getTransactionReceipt", hash).await;
        let (call, logs) = (in_call(&transaction, &registry), in_logs(&receipt, &registry));
        assert_eq!(call, logs, "{hash}");
        assert_eq!(&of(&call), keys, "{hash}: the call, and the activity feed");
        assert_eq!(indexed.get(hash), Some(keys), "{hash}: the Data API, and the activity feed");
        all += keys.len();
        takers += call.iter().filter(|(.., is_taker, _)| *is_taker).count();
    }
    // Nobody whom the seeded world knows by name lets orders rest; makers are in the test above.
    assert!(all >= 30 && takers >= 10, "{all} fills, {takers} of takers");
    venue.stop().await;
}

/// Listens until there is enough, and leaves out what was told last: the rest of its transaction may be still to come.
async fn activity(venue: &Server) -> Vec<Vec<u8>> {
    let (socket, mut events) =
        ActivitySocket::open(SocketOptions::new(&venue.activity_url), &[ActivityKind::Trades], crate::clock::now);
    let (mut frames, began) = (vec![], Instant::now());
    let mut last = None;
    while frames.len() < 50 && began.elapsed() < Duration::from_secs(40) {
        if let Ok(Some(SocketEvent::Frame { bytes, .. })) =
            tokio::time::timeout(Duration::from_secs(5), events.recv()).await
        {
            let frame: Value = serde_json::from_slice(&bytes).unwrap_or_default();
            if let Some(hash) = frame["payload"]["transactionHash"].as_str() {
                last = Some(hash.to_owned());
                frames.push(bytes.to_vec());
            }
        }
    }
    socket.close().await;
    // All that was told is mined by then.
    tokio::time::sleep(Duration::from_secs(3)).await;
    let last = last.expect("fills");
    frames.retain(|frame| !String::from_utf8_lossy(frame).contains(&last));
    frames
}

/// The Data API's keys, by transaction.
async fn rows(venue: &Server, registry: &Registry) -> HashMap<String, BTreeSet<TradeKey>> {
    let url = format!("{}/v2/trades?limit=1000", venue.data_url);
    let page = Client::new().get(url).send().await.expect("an answer").bytes().await.expect("a body");
    let read: Value = serde_json::from_slice(&page).expect("JSON");
    let hashes =
        read["data"].as_array().expect("rows").iter().map(|row| row["transaction_hash"].as_str().expect("text"));
    let mut keys = vec![];
    let mut decoder = LeaderDecoder::new();
    let told = decoder.decode_rows(&page, registry, |row| keys.push(seen(row.expect("a row")).map(|(key, ..)| key)));
    told.expect("a page");
    let mut indexed: HashMap<String, BTreeSet<TradeKey>> = HashMap::new();
    for (hash, key) in hashes.zip(keys) {
        indexed.entry(hash.to_owned()).or_default().extend(key);
    }
    indexed
}

async fn ask(venue: &Server, method: &str, hash: &str) -> Value {
    let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": [hash] });
    let answer = Client::new().post(&venue.urls.rpc_http).json(&request).send().await.expect("an answer");
    answer.json::<Value>().await.expect("JSON")["result"].take()
}
