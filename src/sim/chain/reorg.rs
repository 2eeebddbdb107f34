//! The chain changes its mind: its newest blocks are replaced by others of the same numbers.

use std::sync::Arc;

use alloy::primitives::B256;
use serde_json::Value;

use super::{Chain, Notice, filter::Filter, write};

/// What a replaced block had logged, with the log as it was told.
#[derive(Clone, Debug, PartialEq)]
pub struct Removed {
    logs: Vec<(alloy::primitives::Log, Value)>,
}

impl Removed {
    /// Yields the logs that a subscriber asked for, each marked as removed.
    pub fn wanted<'a>(&'a self, filter: &'a Filter) -> impl Iterator<Item = Value> + 'a {
        self.logs.iter().filter(|(log, _)| filter.holds(log)).map(|(_, told)| told.clone())
    }
}

impl Chain {
    /// Replaces the newest `blocks` blocks, the first of all excepted. Their transactions are mined again, all in the last
    /// of the new blocks; what they did stays done, so receipts and logs come back with another block.
    pub fn reorganise(&mut self, blocks: usize) {
        let kept = self.blocks.len().saturating_sub(blocks).max(1);
        let mut hashes: Vec<B256> = Vec::new();
        for number in (kept..self.blocks.len()).rev() {
            let removed = self.removed(number);
            self.notice(Notice::Removed(Arc::new(removed)));
        }
        let gone: Vec<super::Block> = self.blocks.drain(kept..).collect();
        gone.iter().for_each(|block| hashes.extend(&block.transactions));
        self.reorganised += 1;
        for (nth, old) in (1..).zip(&gone) {
            let mut block = super::Block::on(self.latest(), old.timestamp);
            if nth == gone.len() {
                for hash in &hashes {
                    let Some(known) = self.known.get_mut(hash) else { continue };
                    let Some(before) = known.receipt.take() else { continue };
                    let result = if before.succeeded { Ok(before.logs) } else { Err(()) };
                    known.receipt = Some(block.add(&known.transaction, result));
                }
            }
            block.seal(self.options.seed ^ self.reorganised << 32);
            self.notice(Notice::Block(block.number));
            self.blocks.push_back(block);
        }
    }

    fn removed(&self, index: usize) -> Removed {
        let known = self.blocks[index].transactions.iter().filter_map(|hash| self.known.get(hash));
        let receipts = known.filter_map(|known| Some((known, known.receipt.as_ref()?)));
        let logs = receipts.flat_map(|(known, receipt)| {
            receipt.logs.iter().enumerate().map(move |(nth, log)| {
                let mut told = write::log(self, known, receipt, nth);
                told["removed"] = Value::Bool(true);
                (log.clone(), told)
            })
        });
        Removed { logs: logs.collect() }
    }
}
