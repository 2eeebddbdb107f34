//! What a socket has subscribed to, and what it is told.

use alloy::primitives::Address;
use serde_json::{Value, json};

use super::filter::Filter;
use super::rpc::{Error, hex};
use super::{Chain, Notice, write};

/// More subscriptions on one socket are refused.
const SUBSCRIPTIONS_MAX: usize = 256;

/// The subscriptions of one socket.
#[derive(Debug)]
pub struct Subscriptions {
    /// The first notice that was not told yet.
    next: u64,
    /// Makes the ids of this socket unlike those of others.
    salt: u64,
    made: u64,
    wanted: Vec<(String, Topic)>,
}

#[derive(Clone, Debug)]
enum Topic {
    NewHeads,
    Logs(Filter),
    Pending(Detail),
    /// As Alchemy has it: transactions to or from some addresses; an empty list stands for any.
    PendingOf {
        to: Vec<Address>,
        from: Vec<Address>,
        detail: Detail,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Detail {
    Hashes,
    Full,
}

/// So much happened since the socket was last told that some of it is forgotten.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Missed;

impl Subscriptions {
    /// Starts without any; what happened before is not told.
    pub fn new(chain: &Chain, salt: u64) -> Subscriptions {
        Subscriptions { next: chain.next_notice(), salt, made: 0, wanted: Vec::new() }
    }

    /// Adds a subscription by the arguments of `eth_subscribe`; returns its id.
    pub fn add(&mut self, params: &[Value]) -> Result<String, Error> {
        if self.wanted.len() >= SUBSCRIPTIONS_MAX {
            return Err(Error::new(-32_000, "too many subscriptions on this connection"));
        }
        let topic = Topic::read(params)?;
        self.made += 1;
        let id = format!("0x{:016x}{:016x}", self.salt, self.made);
        self.wanted.push((id.clone(), topic));
        Ok(id)
    }

    /// Returns whether there was such a subscription.
    pub fn remove(&mut self, id: &str) -> bool {
        let before = self.wanted.len();
        self.wanted.retain(|(wanted, _)| wanted != id);
        self.wanted.len() < before
    }

    /// Returns what happened since this was last asked, one message each.
    pub fn news(&mut self, chain: &mut Chain) -> Result<Vec<Value>, Missed> {
        let notices: Vec<Notice> = chain.notices(self.next).ok_or(Missed)?.collect();
        self.next += notices.len() as u64;
        let mut told = Vec::new();
        for notice in &notices {
            for (id, topic) in &self.wanted {
                for result in topic.results(chain, notice) {
                    let is_log = matches!(topic, Topic::Logs(_));
                    if !(is_log && chain.misses_log()) {
                        told.push(json!({
                            "jsonrpc": "2.0",
                            "method": "eth_subscription",
                            "params": { "subscription": id, "result": result },
                        }));
                    }
                }
            }
        }
        Ok(told)
    }
}

impl Topic {
    fn read(params: &[Value]) -> Result<Topic, Error> {
        let name = params
            .first()
            .and_then(Value::as_str)
            .ok_or_else(|| Error::params("missing value for required argument 0"))?;
        let argument = params.get(1);
        match name {
            "newHeads" => Ok(Topic::NewHeads),
            "logs" => Filter::read(argument.unwrap_or(&json!({}))).map(Topic::Logs),
            "newPendingTransactions" => {
                let is_full = argument == Some(&json!(true));
                Ok(Topic::Pending(if is_full { Detail::Full } else { Detail::Hashes }))
            }
            "alchemy_pendingTransactions" => {
                let of = |key: &str| addresses(argument.and_then(|argument| argument.get(key)));
                let hashes_only = argument.and_then(|argument| argument.get("hashesOnly")) == Some(&json!(true));
                let detail = if hashes_only { Detail::Hashes } else { Detail::Full };
                Ok(Topic::PendingOf { to: of("toAddress")?, from: of("fromAddress")?, detail })
            }
            name => Err(Error::new(-32_601, format!("no \"{name}\" subscription in eth namespace"))),
        }
    }

    fn results(&self, chain: &Chain, notice: &Notice) -> Vec<Value> {
        match (self, notice) {
            (Topic::NewHeads, Notice::Block(number)) => chain.block(*number).map(write::header).into_iter().collect(),
            (Topic::Logs(filter), Notice::Block(number)) => filter.find(chain, *number, *number).collect(),
            (Topic::Logs(filter), Notice::Removed(removed)) => removed.wanted(filter).collect(),
            (Topic::Pending(detail), Notice::Pending(hash)) => {
                chain.transaction(*hash).map(|known| detail.write(chain, known)).into_iter().collect()
            }
            (Topic::PendingOf { to, from, detail }, Notice::Pending(hash)) => {
                let is_wanted = |known: &&super::Known| {
                    let body = &known.transaction.body;
                    (to.is_empty() || body.to.is_some_and(|address| to.contains(&address)))
                        && (from.is_empty() || from.contains(&known.transaction.from))
                };
                chain.transaction(*hash).filter(is_wanted).map(|known| detail.write(chain, known)).into_iter().collect()
            }
            (Topic::NewHeads | Topic::Logs(_), Notice::Pending(_))
            | (Topic::NewHeads, Notice::Removed(_))
            | (Topic::Pending(_) | Topic::PendingOf { .. }, Notice::Block(_) | Notice::Removed(_)) => Vec::new(),
        }
    }
}

impl Detail {
    fn write(self, chain: &Chain, known: &super::Known) -> Value {
        match self {
            Detail::Hashes => json!(known.transaction.hash),
            Detail::Full => write::transaction(known, chain),
        }
    }
}

fn addresses(value: Option<&Value>) -> Result<Vec<Address>, Error> {
    let values = match value {
        None | Some(Value::Null) => Vec::new(),
        Some(Value::Array(values)) => values.clone(),
        Some(value) => vec![value.clone()],
    };
    values
        .iter()
        .map(|value| hex(value, 40).map_err(|reason| Error::params(format!("invalid argument 1: {reason}"))))
        .collect()
}
