//! The conversation with a node: what is subscribed to and asked for, and what its messages mean. No socket and no clock.
//!
//! Alive is a node that tells new blocks; what it answers proves nothing of its subscriptions. Each end of a connection, and
//! each start, makes a gap for every source here; what the logs of that time show is then asked for ([`reading`]).

mod reading;
#[cfg(test)]
mod tests;
mod wanted;

use std::collections::{HashMap, HashSet, VecDeque};

use serde::Deserialize;
use serde_json::{Value, json, value::RawValue};

use super::{
    ChainDecoder, Contracts, Frame, Logged, RpcError, Standing,
    log::{ORDER_FILLED, topic},
    word::{Word, quantity},
};
use crate::{
    domain::{GapCause, Nanos, Source, TradeKey, event::Gap},
    feed::{leader::Sighting, market::Malformed, registry::Registry},
    venue::polymarket::Network,
};
use reading::{Head, Next, Reading, Why};
use wanted::{Ask, Hash, Wanted};

/// Wallets in one filter; nodes take up to a thousand.
const WALLETS_PER_FILTER: usize = 500;
/// How often the newest blocks' logs are read once more, for notices that never came.
const READ_AGAIN_EVERY: Nanos = Nanos::from_secs(10);
/// Where a node tells only hashes of what waits, so many are asked for; those of the whole chain come along.
const HASHES_PER_SECOND_MAX: u32 = 50;
/// An answer is not waited for any longer.
const ANSWER_MAX: Nanos = Nanos::from_secs(10);
/// Fills that were told, for those that are read once more.
const KNOWN_MAX: usize = 8_192;

/// What is wanted of a node.
#[derive(Clone, Debug)]
pub struct Wants {
    pub network: Network,
    /// Of leaders, in lower case.
    pub wallets: Vec<String>,
    pub logs: bool,
    pub pending: bool,
    pub prints_per_second_max: u32,
    /// No new block for so long: the connection is made anew.
    pub silence_max: Nanos,
    pub backfill_max: Nanos,
    /// Up to when all is known: the last record of the journal.
    pub since: Option<Nanos>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Deed {
    Say(String),
    /// A leader's fill.
    Sighted(Sighting),
    Gap(Gap),
    /// The connection is dead.
    Reconnect,
}

/// What happened since this began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Fills told by notices of logs, and those that only reading once more showed.
    pub logs: u64,
    pub logs_missed: u64,
    /// Logs of blocks that were replaced.
    pub removed: u64,
    pub transactions: u64,
    /// What the node refused to say, or did not say in time.
    pub refused: u64,
    /// Transactions of prints, or of hashes, that were not asked for, or that the node never had.
    pub given_up: u64,
    pub malformed: u64,
}

/// What a subscription tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Topic {
    Heads,
    Logs,
    Pending,
}

/// How to ask for what waits to be mined: nodes differ. Filtered, all in full, hashes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Pool {
    Filtered,
    Full,
    Hashes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Question {
    Subscribe(Topic, Pool),
    Block(u64),
    Logs,
    Transaction(Ask),
}

#[derive(Deserialize)]
struct RawHead<'a> {
    number: &'a str,
    timestamp: &'a str,
}

impl RawHead<'_> {
    fn read(json: &str) -> Option<Head> {
        let head: RawHead<'_> = serde_json::from_str(json).ok()?;
        let number = |text: &str| quantity(text.as_bytes());
        let seconds = number(head.timestamp).filter(|seconds| *seconds < u64::MAX / 1_000_000_000)?;
        Some(Head { number: number(head.number)?, at: Nanos::from_secs(seconds) })
    }
}

#[derive(Debug)]
pub struct Talk {
    wants: Wants,
    contracts: Contracts,
    logs: ChainDecoder,
    calls: ChainDecoder,
    pub counters: Counters,
    asked: HashMap<u64, (Question, Nanos)>,
    ids: u64,
    topics: Vec<(String, Topic)>,
    reading: Reading,
    /// Answers to the range that is being read that are still to come; a filter each.
    answers_left: usize,
    known: HashSet<TradeKey>,
    known_by_age: VecDeque<TradeKey>,
    prints: Wanted,
    hashes: Wanted,
    /// Since when there is a connection.
    connected_at: Option<Nanos>,
    /// When the last block was told.
    head_at: Option<Nanos>,
    /// A gap that ends with the next block.
    gap: Option<(Nanos, GapCause)>,
}

impl Talk {
    pub fn new(wants: Wants) -> Talk {
        let decoder = || ChainDecoder::new(wants.network);
        Talk {
            contracts: Contracts::of(wants.network),
            logs: decoder(),
            calls: decoder(),
            counters: Counters::default(),
            asked: HashMap::new(),
            ids: 0,
            topics: vec![],
            reading: Reading::new(wants.since, wants.backfill_max, READ_AGAIN_EVERY),
            answers_left: 0,
            known: HashSet::with_capacity(KNOWN_MAX),
            known_by_age: VecDeque::with_capacity(KNOWN_MAX),
            prints: Wanted::new(wants.prints_per_second_max),
            hashes: Wanted::new(HASHES_PER_SECOND_MAX),
            connected_at: None,
            head_at: None,
            gap: wants.since.map(|since| (since, GapCause::Start)),
            wants,
        }
    }

    pub fn connected(&mut self, now: Nanos, deeds: &mut Vec<Deed>) {
        self.connected_at = Some(now);
        (self.answers_left, self.topics) = (0, vec![]);
        self.asked.clear();
        self.reading.connected();
        self.subscribe(Topic::Heads, Pool::Filtered, now, deeds);
        if self.wants.logs {
            self.subscribe(Topic::Logs, Pool::Filtered, now, deeds);
        }
        if self.wants.pending {
            self.subscribe(Topic::Pending, Pool::Filtered, now, deeds);
        }
    }

    /// The connection ended, or could not be made.
    pub fn lost(&mut self, now: Nanos, cause: GapCause) {
        if self.connected_at.take().is_some() && self.gap.is_none() {
            self.gap = Some((self.head_at.unwrap_or(now), cause));
        }
    }

    /// Wants the transaction of a print. What is no hash is passed over.
    pub fn print(&mut self, hash: &[u8], now: Nanos, deeds: &mut Vec<Deed>) {
        if let Ok(hash) = Hash::try_from(hash) {
            self.prints.add(hash, Source::Print, now);
            self.ask_transactions(now, deeds);
        }
    }

    /// Lets time pass; to be called some times a second.
    pub fn tick(&mut self, now: Nanos, deeds: &mut Vec<Deed>) {
        let Some(connected_at) = self.connected_at else { return };
        if now.since(connected_at.max(self.head_at.unwrap_or(Nanos::ZERO))) > self.wants.silence_max {
            self.lost(now, GapCause::Silent);
            return deeds.push(Deed::Reconnect);
        }
        let late = |(_, at): &(Question, Nanos)| now.since(*at) > ANSWER_MAX;
        let late: Vec<u64> = self.asked.iter().filter(|(_, asked)| late(asked)).map(|(id, _)| *id).collect();
        for id in late {
            tracing::warn!("the node did not answer in {} s", ANSWER_MAX.as_secs());
            self.unanswered(id, now, deeds);
        }
        self.ask_transactions(now, deeds);
        self.read_on(now, deeds);
    }

    /// Takes a message in.
    pub fn hear(
        &mut self,
        bytes: &[u8],
        received: Nanos,
        registry: &Registry,
        deeds: &mut Vec<Deed>,
    ) -> Result<(), Malformed> {
        let heard = match Frame::read(bytes) {
            Ok(Frame::Notice { subscription, result }) => self.notice(subscription, result, received, registry, deeds),
            Ok(Frame::Answer { id, result }) => self.answer(id, result, received, registry, deeds),
            Ok(Frame::Refused { id, error }) => {
                self.refused(id, &error, received, deeds);
                Ok(())
            }
            Err(malformed) => Err(malformed),
        };
        self.counters.malformed += u64::from(heard.is_err());
        self.counters.given_up = self.prints.given_up + self.hashes.given_up;
        heard
    }

    fn notice(
        &mut self,
        subscription: &str,
        result: &RawValue,
        received: Nanos,
        registry: &Registry,
        deeds: &mut Vec<Deed>,
    ) -> Result<(), Malformed> {
        let topic = self.topics.iter().find(|(id, _)| id == subscription).map(|(_, topic)| *topic);
        match topic {
            // Of another connection's, or told before the answer that names it: reading once more will show it.
            None => Ok(()),
            Some(Topic::Heads) => {
                if let Some(head) = RawHead::read(result.get()) {
                    self.head(head, received, deeds);
                }
                Ok(())
            }
            Some(Topic::Logs) => {
                let logged = self.logs.decode_log(result.get().as_bytes(), received, registry)?;
                self.logged(&logged, deeds);
                Ok(())
            }
            Some(Topic::Pending) => match result.get().strip_prefix('"').and_then(|text| text.strip_suffix('"')) {
                Some(hash) => {
                    if let Ok(hash) = Hash::try_from(hash.as_bytes()) {
                        self.hashes.add(hash, Source::Pending, received);
                        self.ask_transactions(received, deeds);
                    }
                    Ok(())
                }
                None => self.transaction(result, (Source::Pending, received), registry, deeds),
            },
        }
    }

    fn head(&mut self, head: Head, received: Nanos, deeds: &mut Vec<Deed>) {
        self.reading.head(head);
        self.head_at = Some(received);
        if let Some((from, cause)) = self.gap.take() {
            let sources = [
                (self.wants.logs, Source::Log),
                (self.wants.pending, Source::Pending),
                (self.prints_on(), Source::Print),
            ];
            for (_, source) in sources.into_iter().filter(|(is_on, _)| *is_on) {
                deeds.push(Deed::Gap(Gap { source, from, until: received, cause }));
            }
        }
        self.read_on(received, deeds);
    }

    fn prints_on(&self) -> bool {
        self.wants.prints_per_second_max > 0
    }

    fn logged(&mut self, logged: &Logged, deeds: &mut Vec<Deed>) {
        let Some(key) = key_of(&logged.sighting) else { return };
        match logged.standing {
            Standing::Stands => {
                self.counters.logs += 1;
                self.know(key);
                deeds.push(Deed::Sighted(logged.sighting));
            }
            Standing::Removed => {
                self.counters.removed += 1;
                tracing::warn!(
                    block = logged.block,
                    "a block with a leader's fill was replaced; the fill most likely comes in another one"
                );
            }
        }
    }

    fn transaction(
        &mut self,
        json: &RawValue,
        from: (Source, Nanos),
        registry: &Registry,
        deeds: &mut Vec<Deed>,
    ) -> Result<(), Malformed> {
        self.counters.transactions += 1;
        let each = |sighting| deeds.extend(key_of(&sighting).map(|_| Deed::Sighted(sighting)));
        self.calls.decode_transaction(json.get().as_bytes(), from, registry, each)
    }

    fn answer(
        &mut self,
        id: u64,
        result: &RawValue,
        received: Nanos,
        registry: &Registry,
        deeds: &mut Vec<Deed>,
    ) -> Result<(), Malformed> {
        let Some((question, _)) = self.asked.remove(&id) else { return Ok(()) };
        match question {
            Question::Subscribe(topic, _) => {
                self.topics.extend(serde_json::from_str(result.get()).ok().map(|id: String| (id, topic)));
                Ok(())
            }
            Question::Block(block) => {
                self.reading.block_was(block, RawHead::read(result.get()).map(|head| head.at));
                self.read_on(received, deeds);
                Ok(())
            }
            Question::Logs => {
                let read = self.logs_answered(result, received, registry, deeds);
                self.answers_left = self.answers_left.saturating_sub(1);
                if self.answers_left == 0 {
                    self.reading.read(received);
                    self.read_on(received, deeds);
                }
                read
            }
            Question::Transaction(ask) if result.get() == "null" => {
                let queue = if ask.source == Source::Print { &mut self.prints } else { &mut self.hashes };
                queue.not_yet(ask, received);
                Ok(())
            }
            Question::Transaction(ask) => self.transaction(result, (ask.source, received), registry, deeds),
        }
    }

    /// Hands on what no notice told. A bad log does not hide the others.
    fn logs_answered(
        &mut self,
        result: &RawValue,
        received: Nanos,
        registry: &Registry,
        deeds: &mut Vec<Deed>,
    ) -> Result<(), Malformed> {
        let logs: Vec<&RawValue> =
            serde_json::from_str(result.get()).map_err(|error| Malformed::json(&error, result.get().as_bytes()))?;
        let mut read = Ok(());
        for log in logs {
            match self.logs.decode_log(log.get().as_bytes(), received, registry) {
                Ok(Logged { sighting, .. }) => {
                    let Some(key) = key_of(&sighting).filter(|key| self.know(*key)) else { continue };
                    if self.reading.why() == Why::Again {
                        self.counters.logs_missed += 1;
                        tracing::warn!(
                            ?key,
                            "the node had not told a log of a leader's fill; reading once more showed it"
                        );
                    }
                    deeds.push(Deed::Sighted(sighting));
                }
                Err(malformed) => read = Err(malformed),
            }
        }
        read
    }

    /// Remembers a fill. Returns whether it is new.
    fn know(&mut self, key: TradeKey) -> bool {
        if !self.known.insert(key) {
            return false;
        }
        self.known_by_age.push_back(key);
        if self.known_by_age.len() > KNOWN_MAX
            && let Some(oldest) = self.known_by_age.pop_front()
        {
            self.known.remove(&oldest);
        }
        true
    }

    fn refused(&mut self, id: Option<u64>, error: &RpcError<'_>, now: Nanos, deeds: &mut Vec<Deed>) {
        let asked = id.and_then(|id| Some((id, self.asked.get(&id)?.0)));
        let Some((id, question)) = asked else {
            tracing::warn!(error = error.text(), "the node did not understand something");
            return;
        };
        match question {
            Question::Subscribe(Topic::Pending, pool) if next_of(pool).is_some() => {
                tracing::info!(
                    error = error.text(),
                    ?pool,
                    "the node does not tell what waits in this way; asking in another"
                );
            }
            Question::Subscribe(..) | Question::Block(_) | Question::Logs | Question::Transaction(_) => {
                tracing::warn!(error = error.text(), ?question, "the node refused");
            }
        }
        self.unanswered(id, now, deeds);
    }

    /// A question was refused or is overdue.
    fn unanswered(&mut self, id: u64, now: Nanos, deeds: &mut Vec<Deed>) {
        let Some((question, _)) = self.asked.remove(&id) else { return };
        self.counters.refused += 1;
        match question {
            Question::Subscribe(Topic::Pending, pool) => {
                if let Some(other) = next_of(pool) {
                    self.subscribe(Topic::Pending, other, now, deeds);
                }
            }
            // Without it the node is of no use: the silence ends the connection.
            Question::Subscribe(Topic::Heads | Topic::Logs, _) => {}
            Question::Transaction(ask) => {
                let queue = if ask.source == Source::Print { &mut self.prints } else { &mut self.hashes };
                queue.not_yet(ask, now);
            }
            Question::Block(_) | Question::Logs => {
                self.answers_left = 0;
                self.asked.retain(|_, (question, _)| *question != Question::Logs);
                if self.reading.refused(now) {
                    tracing::warn!(
                        "the node does not tell old logs: what leaders did meanwhile must come from elsewhere"
                    );
                }
            }
        }
    }

    /// Asks for the logs that come next.
    fn read_on(&mut self, now: Nanos, deeds: &mut Vec<Deed>) {
        if !self.wants.logs || self.connected_at.is_none() {
            return;
        }
        match self.reading.next(now) {
            Next::Nothing => {}
            Next::Block(block) => {
                let params = json!([format!("{block:#x}"), false]);
                self.say(Question::Block(block), "eth_getBlockByNumber", params, now, deeds);
            }
            Next::Logs { from, to } => {
                let filters = self.filters();
                self.answers_left = filters.len();
                if filters.is_empty() {
                    self.reading.read(now); // There are no leaders.
                }
                for mut filter in filters {
                    filter["fromBlock"] = json!(format!("{from:#x}"));
                    filter["toBlock"] = json!(format!("{to:#x}"));
                    self.say(Question::Logs, "eth_getLogs", json!([filter]), now, deeds);
                }
            }
        }
    }

    fn ask_transactions(&mut self, now: Nanos, deeds: &mut Vec<Deed>) {
        if self.connected_at.is_none() {
            return;
        }
        while let Some(ask) = self.prints.next(now).or_else(|| self.hashes.next(now)) {
            if let Ok(hash) = std::str::from_utf8(&ask.hash)
                && hash.strip_prefix("0x").is_some_and(|hex| Word::read(hex.as_bytes()).is_some())
            {
                self.say(Question::Transaction(ask), "eth_getTransactionByHash", json!([hash]), now, deeds);
            }
        }
    }

    fn subscribe(&mut self, topic: Topic, pool: Pool, now: Nanos, deeds: &mut Vec<Deed>) {
        let all = match (topic, pool) {
            (Topic::Heads, _) => vec![json!(["newHeads"])],
            (Topic::Logs, _) => self.filters().into_iter().map(|filter| json!(["logs", filter])).collect(),
            (Topic::Pending, Pool::Filtered) => {
                let to: Vec<String> = self.contracts.texts().collect();
                vec![json!(["alchemy_pendingTransactions", { "toAddress": to, "hashesOnly": false }])]
            }
            (Topic::Pending, Pool::Full) => vec![json!(["newPendingTransactions", true])],
            (Topic::Pending, Pool::Hashes) => vec![json!(["newPendingTransactions"])],
        };
        for params in all {
            self.say(Question::Subscribe(topic, pool), "eth_subscribe", params, now, deeds);
        }
    }

    /// Returns the filters of leaders' fills: as few as a node takes.
    fn filters(&self) -> Vec<Value> {
        let contracts: Vec<String> = self.contracts.texts().collect();
        let of = |wallets: &[String]| {
            let topics: Vec<String> = wallets.iter().map(|wallet| topic(wallet)).collect();
            json!({ "address": contracts, "topics": [ORDER_FILLED, null, topics] })
        };
        self.wants.wallets.chunks(WALLETS_PER_FILTER).map(of).collect()
    }

    fn say(&mut self, question: Question, method: &str, params: Value, now: Nanos, deeds: &mut Vec<Deed>) {
        self.ids += 1;
        self.asked.insert(self.ids, (question, now));
        let said = json!({ "jsonrpc": "2.0", "id": self.ids, "method": method, "params": params });
        deeds.push(Deed::Say(said.to_string()));
    }
}

fn next_of(pool: Pool) -> Option<Pool> {
    match pool {
        Pool::Filtered => Some(Pool::Full),
        Pool::Full => Some(Pool::Hashes),
        Pool::Hashes => None,
    }
}

/// Returns the key of a leader's fill; `None` for what is none.
fn key_of(sighting: &Sighting) -> Option<TradeKey> {
    match sighting {
        Sighting::Trade(trade) => Some(trade.trade),
        Sighting::ColdToken(trade) => Some(trade.trade),
        Sighting::Stranger | Sighting::NotATrade => None,
    }
}
