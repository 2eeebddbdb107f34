//! THE CHAIN: blocks, transactions, logs and receipts of the simulated venue's settlements, and the contracts that a wallet
//! calls (PROTOCOL.md 9). Pure: virtual time, no clock, no socket. [`serve`] puts it on the wire as a node's JSON-RPC.
//!
//! A trade becomes a signed `matchOrders` transaction of the operator at its match: its hash is that of its bytes and is known
//! at once. Nodes hear of it a moment later; it is mined in the first block after the exchange says that it is settled. An
//! attempt that the exchange calls failed is mined, too, as reverted, and a retry is another transaction.
//!
//! What is invented: state roots, gas used, who proposes, fees of blocks. Transactions, logs and calldata are exact.

pub mod abi;
pub mod block;
pub mod contracts;
pub mod house;
pub mod relay;
pub mod rpc;
pub mod serve;
pub mod settlement;
pub mod transaction;
pub mod vault;

mod action;
mod filter;
pub mod moves;
mod pool;
mod reorg;
mod subscription;
mod view;
mod write;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use alloy::primitives::{Address, B256, Bytes, Log, U256};

pub use block::{Block, Known, Receipt, Work};
pub use contracts::{Call, Contracts, Revert};
pub use house::{House, Signed, Terms};
pub use pool::Refusal;
pub use settlement::Match;
use transaction::{Fees, Transaction, Unsigned};
pub use vault::{Condition, Token, Vault};

use super::exchange::{Settlement, TradeId};
use super::random::Random;
use crate::domain::Nanos;
use crate::venue::polymarket::{Key, Network};

/// About where Polygon is.
const FIRST_BLOCK: u64 = 81_000_000;
/// A day of blocks.
const BLOCKS_MAX: usize = 43_200;
/// What sockets may lag behind before they miss something.
const NOTICES_MAX: usize = 4_096;
/// Trades that never settle are forgotten beyond these.
const UNSETTLED_MAX: usize = 20_000;

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub seed: u64,
    pub network: Network,
    /// The first block is the last one before this.
    pub start: Nanos,
    /// Blocks are made at multiples of this since 1970, so that others can tell when.
    pub block_every: Nanos,
    /// From the match until nodes hear of its transaction.
    pub seen_after: Nanos,
    /// So many mined transactions are remembered; blocks before the oldest of them count as pruned.
    pub transactions_max: usize,
}

impl Options {
    /// Polygon as it is: a block every two seconds, a transaction in the pools 70 ms after its match (PROTOCOL.md 8).
    pub fn usual(seed: u64, start: Nanos) -> Options {
        Options {
            seed,
            network: Network::Polygon,
            start,
            block_every: Nanos::from_millis(2_000),
            seen_after: Nanos::from_millis(70),
            // About 60 MB.
            transactions_max: 20_000,
        }
    }
}

#[derive(Debug)]
pub struct Chain {
    options: Options,
    pub house: House,
    pub contracts: Contracts,
    pub submissions: relay::Submissions,
    operator: Arc<Key>,
    oracle: Arc<Key>,
    relayer: Arc<Key>,
    now: Nanos,
    blocks: VecDeque<Block>,
    known: HashMap<B256, Known>,
    /// Mined transactions, oldest first.
    mined: VecDeque<B256>,
    first_kept: u64,
    /// Transactions that no node has heard of yet.
    unseen: BTreeMap<(Nanos, u64), B256>,
    /// To be mined in the next block, in order, and whether they succeed.
    ready: Vec<(B256, Result<(), ()>)>,
    /// Transactions of wallets that wait for their turn.
    pool: BTreeMap<(Address, u64), B256>,
    attempts: BTreeMap<TradeId, Attempt>,
    /// How many transactions an address has had mined; of our own keys, how many were made.
    nonces: HashMap<Address, u64>,
    notices: VecDeque<(u64, Notice)>,
    noticed: u64,
    counted: u64,
    /// How often blocks were replaced.
    reorganised: u64,
    /// Notices of logs that subscribers miss, in parts per million.
    pub log_miss_ppm: u32,
    random: Random,
}

/// The transaction that is to settle a trade.
#[derive(Clone, Debug)]
struct Attempt {
    hash: B256,
    to: Address,
    input: Bytes,
    logs: Vec<Log>,
}

/// What subscribers are told, in order.
#[derive(Clone, Debug, PartialEq)]
pub enum Notice {
    /// Nodes have heard of this transaction.
    Pending(B256),
    /// There is a block of this number.
    Block(u64),
    /// A block was replaced, with these logs.
    Removed(Arc<reorg::Removed>),
}

impl Chain {
    pub fn new(options: Options) -> Chain {
        let timestamp = Nanos(options.start.0 - options.start.0 % options.block_every.0).as_secs();
        let nowhere = Block {
            number: FIRST_BLOCK - 1,
            hash: B256::ZERO,
            parent: B256::ZERO,
            timestamp,
            transactions: Vec::new(),
            gas_used: 0,
            bloom: alloy::primitives::Bloom::ZERO,
            logs: 0,
        };
        let mut first = Block::on(&nowhere, timestamp);
        first.seal(options.seed);
        Chain {
            house: House::new(options.seed, options.network),
            contracts: Contracts::new(options.network),
            submissions: relay::Submissions::default(),
            operator: Arc::new(house::secret(options.seed, "operator", 0)),
            oracle: Arc::new(house::secret(options.seed, "oracle", 0)),
            relayer: Arc::new(house::secret(options.seed, "relayer", 0)),
            now: options.start,
            blocks: VecDeque::from([first]),
            known: HashMap::new(),
            mined: VecDeque::new(),
            first_kept: 0,
            unseen: BTreeMap::new(),
            ready: Vec::new(),
            pool: BTreeMap::new(),
            attempts: BTreeMap::new(),
            nonces: HashMap::new(),
            notices: VecDeque::new(),
            noticed: 0,
            counted: 0,
            reorganised: 0,
            log_miss_ppm: 0,
            random: Random::new(options.seed ^ 0x0c4a_1470),
            options,
        }
    }

    /// Makes the transaction that settles a trade, and returns its hash: the one that the market channel, the user channel
    /// and the Data API name. Panics unless each leg has its order.
    pub fn matched(&mut self, of: &Match<'_>) -> B256 {
        assert_eq!(of.makers.len(), of.trade.makers.len(), "each maker of {:?} has an order", of.trade.id);
        let mut attempt = Attempt {
            hash: B256::ZERO,
            to: of.condition.exchange.address(self.options.network),
            input: settlement::calldata(of),
            logs: settlement::logs(of, self.options.network),
        };
        attempt.hash = self.attempt(&attempt, of.trade.at);
        let hash = attempt.hash;
        self.attempts.insert(of.trade.id, attempt);
        if self.attempts.len() > UNSETTLED_MAX
            && let Some((_, forgotten)) = self.attempts.pop_first()
        {
            self.known.remove(&forgotten.hash);
        }
        hash
    }

    /// Takes in what became of a trade. Returns the hash of the transaction that is now about it: another one after
    /// [`Settlement::Retrying`]; `None` for a trade that was never told or is settled already.
    pub fn settled(&mut self, trade: TradeId, to: Settlement, at: Nanos) -> Option<B256> {
        let hash = self.attempts.get(&trade)?.hash;
        match to {
            Settlement::Matched | Settlement::Confirmed => {}
            Settlement::Mined => {
                self.ready.push((hash, Ok(())));
                self.attempts.remove(&trade);
            }
            Settlement::Failed => {
                self.ready.push((hash, Err(())));
                self.attempts.remove(&trade);
            }
            Settlement::Retrying => {
                self.ready.push((hash, Err(())));
                let mut again = self.attempts[&trade].clone();
                again.hash = self.attempt(&again, at);
                let hash = again.hash;
                self.attempts.insert(trade, again);
                return Some(hash);
            }
        }
        Some(hash)
    }

    /// Tells how a condition ended; mined in the next block. Returns the transaction's hash.
    pub fn resolved(&mut self, condition: &Condition, payouts: [u64; 2], at: Nanos) -> B256 {
        let (input, log) = settlement::resolution(condition, payouts, self.oracle.address());
        let hash = self.send(Arc::clone(&self.oracle), log.address, input, Work::Told(vec![log]), at);
        self.ready.push((hash, Ok(())));
        hash
    }

    /// Sends what a contract wallet's owner signed, paid for by the relayer; mined in the next block. Returns the hash.
    pub fn relay(&mut self, to: Address, input: Bytes, calls: Vec<Call>, at: Nanos) -> B256 {
        let hash = self.send(Arc::clone(&self.relayer), to, input, Work::Calls(calls), at);
        self.ready.push((hash, Ok(())));
        hash
    }

    /// Sends something that was done elsewhere, paid for by the relayer; mined in the next block with these logs. What it
    /// calls is not written. Returns the hash.
    pub fn done(&mut self, to: Address, logs: Vec<Log>, at: Nanos) -> B256 {
        let hash = self.send(Arc::clone(&self.relayer), to, Bytes::new(), Work::Told(logs), at);
        self.ready.push((hash, Ok(())));
        hash
    }

    /// Returns the address that pays for relayed transactions.
    pub fn relayer(&self) -> Address {
        self.relayer.address()
    }

    /// Lets time pass: transactions become known, blocks are made. Call it often; blocks that were missed are made up for.
    pub fn advance(&mut self, now: Nanos, vault: &mut dyn Vault) {
        loop {
            let block_at = self.next_block_at();
            let seen_at = self.unseen.first_key_value().map_or(Nanos::NEVER, |((at, _), _)| *at);
            if now < block_at.min(seen_at) {
                break;
            }
            if seen_at <= block_at {
                let (_, hash) = self.unseen.pop_first().expect("there is one");
                self.notice(Notice::Pending(hash));
            } else {
                self.make_block(block_at, vault);
            }
        }
        self.now = self.now.max(now);
    }

    /// Returns when [`Chain::advance`] has something to do next.
    pub fn next_due(&self) -> Nanos {
        self.unseen.first_key_value().map_or(Nanos::NEVER, |((at, _), _)| *at).min(self.next_block_at())
    }

    pub fn latest(&self) -> &Block {
        self.blocks.back().expect("there is a first block")
    }

    pub fn block(&self, number: u64) -> Option<&Block> {
        let index = number.checked_sub(self.blocks[0].number)?;
        self.blocks.get(usize::try_from(index).ok()?)
    }

    pub fn block_of_hash(&self, hash: B256) -> Option<&Block> {
        self.blocks.iter().rev().find(|block| block.hash == hash)
    }

    /// Returns the first block whose transactions are all remembered.
    pub fn first_kept(&self) -> u64 {
        self.first_kept.max(self.blocks[0].number)
    }

    /// Returns a transaction that nodes have heard of.
    pub fn transaction(&self, hash: B256) -> Option<&Known> {
        self.known.get(&hash).filter(|known| known.seen_at <= self.now)
    }

    /// Returns the trade's transaction while it is not settled.
    pub fn transaction_of(&self, trade: TradeId) -> Option<B256> {
        self.attempts.get(&trade).map(|attempt| attempt.hash)
    }

    /// Numbers a socket.
    pub fn count_socket(&mut self) -> u64 {
        self.counted += 1;
        self.counted
    }

    /// Returns the number of the next notice.
    pub fn next_notice(&self) -> u64 {
        self.noticed
    }

    /// Yields the notices from number `from` on; `None` if some of them are forgotten already.
    pub fn notices(&self, from: u64) -> Option<impl Iterator<Item = Notice>> {
        let oldest = self.notices.front().map_or(self.noticed, |(number, _)| *number);
        let skip = from.checked_sub(oldest)?;
        Some(self.notices.iter().skip(skip as usize).map(|(_, notice)| notice.clone()))
    }

    fn next_block_at(&self) -> Nanos {
        let every = self.options.block_every.0;
        let made = self.latest().number - FIRST_BLOCK + 1;
        Nanos((self.options.start.0 / every + made) * every)
    }

    fn make_block(&mut self, at: Nanos, vault: &mut dyn Vault) {
        let mut block = Block::on(self.latest(), at.as_secs());
        for (hash, fate) in std::mem::take(&mut self.ready) {
            self.mine(&mut block, at, hash, fate, vault);
        }
        for hash in self.take_executable(at) {
            self.mine(&mut block, at, hash, Ok(()), vault);
        }
        block.seal(self.options.seed);
        self.notice(Notice::Block(block.number));
        self.blocks.push_back(block);
        if self.blocks.len() > BLOCKS_MAX {
            self.blocks.pop_front();
        }
    }

    /// Mines a transaction. One that was not heard of is heard of first.
    fn mine(&mut self, block: &mut Block, at: Nanos, hash: B256, fate: Result<(), ()>, vault: &mut dyn Vault) {
        let Some(known) = self.known.get_mut(&hash) else { return };
        vault.begin(hash);
        let result = match (&known.work, fate) {
            (_, Err(())) => Err(()),
            (Work::Told(logs), Ok(())) => Ok(logs.clone()),
            (Work::Calls(calls), Ok(())) => self.contracts.perform(vault, calls).map_err(|_| ()),
        };
        let receipt = block.add(&known.transaction, result);
        known.receipt = Some(receipt);
        // The logs are in the receipt from here on.
        known.work = Work::Told(Vec::new());
        if known.seen_at > at {
            known.seen_at = at;
            self.unseen.retain(|_, unseen| *unseen != hash);
            self.notice(Notice::Pending(hash));
        }
        self.mined.push_back(hash);
        if self.mined.len() > self.options.transactions_max
            && let Some(forgotten) = self.mined.pop_front().and_then(|hash| self.known.remove(&hash))
        {
            let block = forgotten.receipt.map_or(0, |receipt| receipt.block);
            self.first_kept = block + 1;
        }
    }

    fn attempt(&mut self, attempt: &Attempt, at: Nanos) -> B256 {
        self.send(Arc::clone(&self.operator), attempt.to, attempt.input.clone(), Work::Told(attempt.logs.clone()), at)
    }

    /// Signs a transaction with one of our own keys; nodes hear of it in a moment.
    fn send(&mut self, key: Arc<Key>, to: Address, input: Bytes, work: Work, at: Nanos) -> B256 {
        let nonce = self.nonces.entry(key.address()).or_default();
        let body = Unsigned {
            chain_id: self.options.network.chain_id(),
            nonce: *nonce,
            fees: Fees::usual(),
            gas_limit: 5_000_000,
            to: Some(to),
            value: U256::ZERO,
            input,
        };
        *nonce += 1;
        self.learn(body.sign(&key), work, at.plus(self.options.seen_after))
    }

    fn learn(&mut self, transaction: Transaction, work: Work, seen_at: Nanos) -> B256 {
        let hash = transaction.hash;
        self.counted += 1;
        self.unseen.insert((seen_at, self.counted), hash);
        self.known.insert(hash, Known { transaction, seen_at, work, receipt: None });
        hash
    }

    /// Returns whether a subscriber misses a notice of a log now.
    fn misses_log(&mut self) -> bool {
        self.log_miss_ppm > 0 && self.random.range(0, 1_000_000) < u64::from(self.log_miss_ppm)
    }

    fn notice(&mut self, notice: Notice) {
        self.notices.push_back((self.noticed, notice));
        self.noticed += 1;
        if self.notices.len() > NOTICES_MAX {
            self.notices.pop_front();
        }
    }
}

#[cfg(test)]
pub(crate) mod tests;
