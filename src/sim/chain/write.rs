//! Blocks, transactions, logs and receipts as a node writes them in JSON.

use std::fmt::LowerHex;

use alloy::primitives::{Address, B256, hex, keccak256};
use serde_json::{Value, json};

use super::block::{BASE_FEE, Block, GAS_LIMIT, Known, Receipt};
use super::transaction::Fees;
use super::{Chain, transaction};

/// Writes a number: hex without leading zeros.
pub fn quantity(number: impl LowerHex) -> String {
    format!("{number:#x}")
}

pub fn data(bytes: impl AsRef<[u8]>) -> String {
    hex::encode_prefixed(bytes)
}

/// Writes an address in lower case, as nodes do.
pub fn address(address: Address) -> String {
    data(address)
}

/// Which transactions of a block are wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    Hashes,
    Full,
}

/// Writes a block. Roots, size and seal are invented; `extraData` has the length that it has on Polygon.
pub fn block(chain: &Chain, block: &Block, detail: Detail) -> Value {
    let transactions: Vec<Value> = match detail {
        Detail::Hashes => block.transactions.iter().map(|hash| json!(hash)).collect(),
        Detail::Full => {
            let known = block.transactions.iter().filter_map(|hash| chain.transaction(*hash));
            known.map(|known| transaction(known, chain)).collect()
        }
    };
    let mut head = header(block);
    let rest = json!({ "size": quantity(600 + 250 * block.transactions.len() as u64), "uncles": [], "transactions": transactions });
    join(&mut head, rest);
    head
}

/// Writes a block as subscribers to `newHeads` get it.
pub fn header(block: &Block) -> Value {
    let invented = |what: &str| json!(keccak256([what.as_bytes(), block.hash.as_slice()].concat()));
    json!({
        "number": quantity(block.number),
        "hash": block.hash,
        "parentHash": block.parent,
        "timestamp": quantity(block.timestamp),
        "sha3Uncles": "0x1dcc4de8dec75d7aab85b567b6ccd41ad312451b948a7413f0a142fd40d49347",
        "miner": address(Address::ZERO),
        "stateRoot": invented("state"),
        "transactionsRoot": invented("transactions"),
        "receiptsRoot": invented("receipts"),
        "logsBloom": data(block.bloom),
        "difficulty": "0x1",
        "gasLimit": quantity(GAS_LIMIT),
        "gasUsed": quantity(block.gas_used),
        "extraData": data([0_u8; 97]),
        "mixHash": B256::ZERO,
        "nonce": "0x0000000000000000",
        "baseFeePerGas": quantity(BASE_FEE),
    })
}

/// Writes a transaction; `blockHash`, `blockNumber` and `transactionIndex` are null until it is mined.
pub fn transaction(known: &Known, chain: &Chain) -> Value {
    let (transaction, body) = (&known.transaction, &known.transaction.body);
    let mut written = json!({
        "hash": transaction.hash,
        "type": quantity(body.fees.type_number()),
        "chainId": quantity(body.chain_id),
        "nonce": quantity(body.nonce),
        "from": address(transaction.from),
        "to": body.to.map(address),
        "value": quantity(body.value),
        "gas": quantity(body.gas_limit),
        "input": data(&body.input),
        "gasPrice": quantity(price(&body.fees)),
        "v": quantity(transaction.v()),
        "r": quantity(transaction.r),
        "s": quantity(transaction.s),
        "blockHash": null,
        "blockNumber": null,
        "transactionIndex": null,
    });
    if let Fees::Dynamic { max_fee, max_priority } = &body.fees {
        join(
            &mut written,
            json!({
                "maxFeePerGas": quantity(*max_fee),
                "maxPriorityFeePerGas": quantity(*max_priority),
                "accessList": [],
                "yParity": quantity(u8::from(transaction.is_odd)),
            }),
        );
    }
    if let Some(receipt) = &known.receipt {
        join(
            &mut written,
            json!({
                "blockHash": block_hash(chain, receipt),
                "blockNumber": quantity(receipt.block),
                "transactionIndex": quantity(receipt.index),
            }),
        );
    }
    written
}

/// Writes the receipt of a mined transaction; `null` until then.
pub fn receipt(known: &Known, chain: &Chain) -> Value {
    let Some(receipt) = &known.receipt else { return Value::Null };
    let transaction = &known.transaction;
    json!({
        "transactionHash": transaction.hash,
        "transactionIndex": quantity(receipt.index),
        "blockHash": block_hash(chain, receipt),
        "blockNumber": quantity(receipt.block),
        "from": address(transaction.from),
        "to": transaction.body.to.map(address),
        "contractAddress": null,
        "cumulativeGasUsed": quantity(receipt.gas_used_before + receipt.gas_used),
        "gasUsed": quantity(receipt.gas_used),
        "effectiveGasPrice": quantity(price(&transaction.body.fees)),
        "type": quantity(transaction.body.fees.type_number()),
        "status": quantity(u8::from(receipt.succeeded)),
        "logsBloom": data(receipt.bloom),
        "logs": (0..receipt.logs.len()).map(|nth| log(chain, known, receipt, nth)).collect::<Vec<_>>(),
    })
}

/// Writes the `nth` log of a receipt.
pub fn log(chain: &Chain, known: &Known, receipt: &Receipt, nth: usize) -> Value {
    let log = &receipt.logs[nth];
    json!({
        "address": address(log.address),
        "topics": log.data.topics(),
        "data": data(&log.data.data),
        "blockNumber": quantity(receipt.block),
        "blockHash": block_hash(chain, receipt),
        "blockTimestamp": quantity(chain.block(receipt.block).map_or(0, |block| block.timestamp)),
        "transactionHash": known.transaction.hash,
        "transactionIndex": quantity(receipt.index),
        "logIndex": quantity(receipt.first_log + nth as u64),
        "removed": false,
    })
}

fn block_hash(chain: &Chain, receipt: &Receipt) -> Option<B256> {
    chain.block(receipt.block).map(|block| block.hash)
}

/// Returns what is paid for a unit of gas.
fn price(fees: &transaction::Fees) -> u128 {
    match fees {
        Fees::Legacy { gas_price } => *gas_price,
        Fees::Dynamic { max_fee, max_priority } => (*max_fee).min(u128::from(BASE_FEE) + max_priority),
    }
}

fn join(object: &mut Value, more: Value) {
    if let (Value::Object(object), Value::Object(more)) = (object, more) {
        object.extend(more);
    }
}
