//! Blocks, and what a transaction became in one.

use alloy::primitives::{B256, Bloom, BloomInput, Log, keccak256};

use super::contracts::Call;
use super::transaction::Transaction;
use crate::domain::Nanos;

/// What a unit of gas costs every block, in wei.
pub const BASE_FEE: u64 = 25_000_000_000;
pub const GAS_LIMIT: u64 = 60_000_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Block {
    pub number: u64,
    pub hash: B256,
    pub parent: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
    pub transactions: Vec<B256>,
    pub gas_used: u64,
    pub bloom: Bloom,
    /// How many logs all its transactions have.
    pub logs: u64,
}

impl Block {
    /// Returns an empty block on `parent`. Its hash comes with [`Block::seal`].
    pub fn on(parent: &Block, timestamp: u64) -> Block {
        Block {
            number: parent.number + 1,
            hash: B256::ZERO,
            parent: parent.hash,
            timestamp,
            transactions: Vec::new(),
            gas_used: 0,
            bloom: Bloom::ZERO,
            logs: 0,
        }
    }

    /// Adds what a transaction left, and returns its receipt.
    pub fn add(&mut self, transaction: &Transaction, result: Result<Vec<Log>, ()>) -> Receipt {
        let gas_used = gas(transaction, &result);
        self.gas_used += gas_used;
        let logs = result.clone().unwrap_or_default();
        let mut bloom = Bloom::ZERO;
        for log in &logs {
            bloom.accrue(BloomInput::Raw(log.address.as_slice()));
            log.data.topics().iter().for_each(|topic| bloom.accrue(BloomInput::Raw(topic.as_slice())));
        }
        self.bloom.accrue_bloom(&bloom);
        let receipt = Receipt {
            block: self.number,
            index: self.transactions.len() as u64,
            succeeded: result.is_ok(),
            gas_used,
            gas_used_before: self.gas_used - gas_used,
            first_log: self.logs,
            logs,
            bloom,
        };
        self.transactions.push(transaction.hash);
        self.logs += receipt.logs.len() as u64;
        receipt
    }

    /// Gives the block its hash, which follows from its parent, its time and its transactions.
    pub fn seal(&mut self, salt: u64) {
        let words = [self.parent, keccak256(self.transactions.concat())].concat();
        let numbers = [self.number, self.timestamp, salt].map(u64::to_be_bytes).concat();
        self.hash = keccak256([words, numbers].concat());
    }
}

/// Invented, but about what is used on the real chain: a match costs by its makers.
fn gas(transaction: &Transaction, result: &Result<Vec<Log>, ()>) -> u64 {
    let logs = result.as_ref().map_or(0, Vec::len) as u64;
    let used = 21_000 + 16 * transaction.body.input.len() as u64 + 12_000 * logs;
    used.min(transaction.body.gas_limit.max(21_000))
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub block: u64,
    pub index: u64,
    pub succeeded: bool,
    pub gas_used: u64,
    pub gas_used_before: u64,
    /// Number of its first log in the block.
    pub first_log: u64,
    pub logs: Vec<Log>,
    pub bloom: Bloom,
}

/// A transaction that the chain has heard of.
#[derive(Clone, Debug)]
pub struct Known {
    pub transaction: Transaction,
    /// When nodes hear of it.
    pub seen_at: Nanos,
    pub work: Work,
    /// `None` until it is mined.
    pub receipt: Option<Receipt>,
}

/// What a transaction does when it is mined.
#[derive(Clone, Debug)]
pub enum Work {
    /// It leaves these logs; what it moves was moved elsewhere.
    Told(Vec<Log>),
    /// Calls are made with the contracts of the moment.
    Calls(Vec<Call>),
}
