//! Transactions that wallets send: taken or refused as a node does, and mined in the order of their nonces.

use std::fmt;

use alloy::primitives::{Address, B256};

use super::block::{BASE_FEE, GAS_LIMIT};
use super::transaction::{BadTransaction, Fees, Transaction};
use super::{Call, Chain, Work};
use crate::domain::Nanos;

/// Bor's least tip, in wei.
const TIP_MIN: u128 = 25_000_000_000;
const TRANSACTION_BYTES_MAX: usize = 128 * 1024;
const POOL_MAX: usize = 4_096;

/// Why a transaction was not taken; written as a node writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refusal {
    Bad(BadTransaction),
    Oversized { bytes: usize },
    AlreadyKnown,
    NonceTooLow { next: u64, nonce: u64 },
    ReplacementUnderpriced,
    TipTooLow { tip: u128 },
    IntrinsicGas { have: u64, want: u64 },
    GasLimit,
    PoolFull,
}

impl Chain {
    /// Takes a signed transaction; it is mined in the first block in which all lower nonces of its sender are.
    pub fn submit(&mut self, bytes: &[u8], now: Nanos) -> Result<B256, Refusal> {
        if bytes.len() > TRANSACTION_BYTES_MAX {
            return Err(Refusal::Oversized { bytes: bytes.len() });
        }
        let chain_id = self.options.network.chain_id();
        let transaction = Transaction::decode(bytes, chain_id).map_err(Refusal::Bad)?;
        if self.known.contains_key(&transaction.hash) {
            return Err(Refusal::AlreadyKnown);
        }
        check_gas(&transaction)?;
        let (sender, nonce) = (transaction.from, transaction.body.nonce);
        let next = self.nonce(sender);
        if nonce < next {
            return Err(Refusal::NonceTooLow { next, nonce });
        }
        match self.pool.get(&(sender, nonce)).copied() {
            Some(before) => {
                // A node wants ten per cent more for taking another in its place.
                let least = tip(&self.known[&before].transaction) / 10 * 11;
                if tip(&transaction) < least {
                    return Err(Refusal::ReplacementUnderpriced);
                }
                self.known.remove(&before);
            }
            None if self.pool.len() >= POOL_MAX => return Err(Refusal::PoolFull),
            None => {}
        }
        let to = transaction.body.to;
        let calls = to.map(|to| Call { from: sender, to, input: transaction.body.input.clone() });
        let hash = self.learn(transaction, Work::Calls(calls.into_iter().collect()), now);
        self.pool.insert((sender, nonce), hash);
        self.now = self.now.max(now);
        Ok(hash)
    }

    /// Returns how many transactions of an address are mined (of our own keys: are made).
    pub fn nonce(&self, address: Address) -> u64 {
        self.nonces.get(&address).copied().unwrap_or_default()
    }

    /// Returns the nonce that an address should use next, with what waits counted.
    pub fn nonce_pending(&self, address: Address) -> u64 {
        let mut next = self.nonce(address);
        while self.pool.contains_key(&(address, next)) {
            next += 1;
        }
        next
    }

    /// Takes what can be mined at that time out of the pool: of each sender, the nonces that follow his last.
    pub(super) fn take_executable(&mut self, at: Nanos) -> Vec<B256> {
        let mut taken = Vec::new();
        let waiting: Vec<(Address, u64)> = self.pool.keys().copied().collect();
        for (sender, nonce) in waiting {
            let hash = self.pool[&(sender, nonce)];
            if nonce == self.nonce(sender) && self.known[&hash].seen_at <= at {
                self.pool.remove(&(sender, nonce));
                self.nonces.insert(sender, nonce + 1);
                taken.push(hash);
            }
        }
        taken
    }
}

fn tip(transaction: &Transaction) -> u128 {
    match transaction.body.fees {
        Fees::Legacy { gas_price } => gas_price.saturating_sub(u128::from(BASE_FEE)),
        Fees::Dynamic { max_fee, max_priority } => max_priority.min(max_fee.saturating_sub(u128::from(BASE_FEE))),
    }
}

fn check_gas(transaction: &Transaction) -> Result<(), Refusal> {
    let body = &transaction.body;
    let nonzero = body.input.iter().filter(|byte| **byte != 0).count() as u64;
    let want = 21_000 + 16 * nonzero + 4 * (body.input.len() as u64 - nonzero);
    if body.gas_limit > GAS_LIMIT {
        return Err(Refusal::GasLimit);
    }
    if body.gas_limit < want {
        return Err(Refusal::IntrinsicGas { have: body.gas_limit, want });
    }
    let tip = match body.fees {
        Fees::Legacy { gas_price } => gas_price,
        Fees::Dynamic { max_priority, .. } => max_priority,
    };
    if tip < TIP_MIN { Err(Refusal::TipTooLow { tip }) } else { Ok(()) }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Bad(error) => write!(f, "{error}"),
            Refusal::Oversized { bytes } => {
                write!(f, "oversized data: transaction size {bytes}, limit {TRANSACTION_BYTES_MAX}")
            }
            Refusal::AlreadyKnown => write!(f, "already known"),
            Refusal::NonceTooLow { next, nonce } => write!(f, "nonce too low: next nonce {next}, tx nonce {nonce}"),
            Refusal::ReplacementUnderpriced => write!(f, "replacement transaction underpriced"),
            Refusal::TipTooLow { tip } => {
                write!(f, "transaction underpriced: gas tip cap {tip}, minimum needed {TIP_MIN}")
            }
            Refusal::IntrinsicGas { have, want } => {
                write!(f, "intrinsic gas too low: gas {have}, minimum needed {want}")
            }
            Refusal::GasLimit => write!(f, "exceeds block gas limit"),
            Refusal::PoolFull => write!(f, "txpool is full"),
        }
    }
}
impl std::error::Error for Refusal {}
