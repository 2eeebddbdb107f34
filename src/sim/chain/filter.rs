//! Which logs are wanted: by contract and by topics, each one, one of several, or any.

use alloy::primitives::{Address, B256, Log};
use serde_json::Value;

use super::rpc::{Error, hex};
use super::{Chain, write};

/// More logs are not answered at once.
pub const LOGS_MAX: usize = 10_000;
const TOPICS_MAX: usize = 4;

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Filter {
    /// Empty: any.
    addresses: Vec<Address>,
    /// By position; empty: any, but there must be a topic.
    topics: Vec<Vec<B256>>,
}

impl Filter {
    /// Reads `address` and `topics`; either may be missing, a value, null or a list.
    pub fn read(wanted: &Value) -> Result<Filter, Error> {
        let invalid = |reason: String| Error::params(format!("invalid argument 0: {reason}"));
        let several = |value: Option<&Value>| match value {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(values)) => values.clone(),
            Some(value) => vec![value.clone()],
        };
        let addresses = several(wanted.get("address")).iter().map(|value| hex(value, 40)).collect::<Result<_, _>>();
        let by_position = match wanted.get("topics") {
            None | Some(Value::Null) => Vec::new(),
            Some(Value::Array(topics)) => topics.clone(),
            Some(_) => return Err(invalid("topics are a list".to_owned())),
        };
        if by_position.len() > TOPICS_MAX {
            return Err(Error::params("exceed max topics"));
        }
        let position = |value: &Value| match value {
            // A null among several stands for any, as in geth.
            Value::Array(values) if values.iter().any(Value::is_null) => Ok(Vec::new()),
            value => several(Some(value)).iter().map(|value| hex(value, 64)).collect::<Result<Vec<B256>, _>>(),
        };
        let topics = by_position.iter().map(position).collect::<Result<_, _>>().map_err(invalid)?;
        Ok(Filter { addresses: addresses.map_err(invalid)?, topics })
    }

    pub fn holds(&self, log: &Log) -> bool {
        let topics = log.data.topics();
        (self.addresses.is_empty() || self.addresses.contains(&log.address))
            && self.topics.len() <= topics.len()
            && self.topics.iter().zip(topics).all(|(wanted, topic)| wanted.is_empty() || wanted.contains(topic))
    }

    /// Yields the logs of the blocks `from` to `to`, both included, in order, as they are written.
    pub fn find<'a>(&'a self, chain: &'a Chain, from: u64, to: u64) -> impl Iterator<Item = Value> + 'a {
        let first = chain.blocks[0].number;
        let blocks = chain.blocks.iter().skip(from.saturating_sub(first) as usize);
        let blocks = blocks.take_while(move |block| block.number <= to);
        let known = blocks.flat_map(|block| &block.transactions).filter_map(|hash| chain.transaction(*hash));
        let receipts = known.filter_map(|known| Some((known, known.receipt.as_ref()?)));
        receipts.flat_map(move |(known, receipt)| {
            let wanted = receipt.logs.iter().enumerate().filter(|(_, log)| self.holds(log));
            wanted.map(move |(nth, _)| write::log(chain, known, receipt, nth))
        })
    }
}

#[cfg(test)]
mod tests {
    use alloy::primitives::LogData;
    use serde_json::json;

    use super::*;

    #[test]
    fn topics_match_by_position() {
        let word = |byte: u8| B256::repeat_byte(byte);
        let contract = Address::repeat_byte(9);
        let data = LogData::new_unchecked(vec![word(1), word(2), word(3)], Default::default());
        let log = Log { address: contract, data };
        for (wanted, holds) in [
            (json!({}), true),
            (json!({ "address": contract }), true),
            (json!({ "address": [Address::ZERO, contract] }), true),
            (json!({ "address": [] }), true),
            (json!({ "address": Address::ZERO }), false),
            (json!({ "topics": [] }), true),
            (json!({ "topics": [word(1)] }), true),
            (json!({ "topics": [word(2)] }), false),
            (json!({ "topics": [null, word(2)] }), true),
            (json!({ "topics": [null, [word(7), word(2)], null] }), true),
            (json!({ "topics": [null, [word(7), null]] }), true),
            (json!({ "topics": [null, [word(7)]] }), false),
            (json!({ "topics": [null, null, null, null] }), false),
        ] {
            assert_eq!(Filter::read(&wanted).expect("a filter").holds(&log), holds, "{wanted}");
        }
    }

    #[test]
    fn what_is_no_filter_is_said() {
        let word = B256::ZERO;
        for (wanted, message) in [
            (json!({ "address": "0x12" }), "invalid argument 0: hex string has length 2, want 40"),
            (json!({ "topics": ["12"] }), "invalid argument 0: json: cannot unmarshal hex string without 0x prefix"),
            (json!({ "topics": [5] }), "invalid argument 0: not a string"),
            (json!({ "topics": "0x" }), "invalid argument 0: topics are a list"),
            (json!({ "topics": [word, word, word, word, word] }), "exceed max topics"),
        ] {
            let error = Filter::read(&wanted).expect_err("no filter");
            assert_eq!((error.code, error.message.as_str()), (-32_602, message), "{wanted}");
        }
    }
}
