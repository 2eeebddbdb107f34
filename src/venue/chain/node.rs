//! A node of the chain, asked by JSON-RPC over HTTP.

use alloy::primitives::{Address, B256, Bytes, U256};
use alloy::sol_types::SolCall;
use serde::{Deserialize, Deserializer, de::DeserializeOwned};
use serde_json::{Value, json};

use super::{ChainError, Service};
use crate::venue::polymarket::onchain::{Call, Fees, abi};

/// Calls in one request; free nodes take no more.
const BATCH_MAX: usize = 50;
/// Balances in one call.
pub const BALANCES_MAX: usize = 200;
/// What a node says of a transaction that it has already.
const KNOWN: [&str; 2] = ["already known", "known transaction"];

#[derive(Clone, Debug)]
pub struct Node(Service);

/// How a transaction ended in a block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Receipt {
    pub block: u64,
    pub succeeded: bool,
}

/// How many transactions of an account are mined, and how many with those that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Nonces {
    pub mined: u64,
    pub pending: u64,
}

/// A number as a node writes it: `0x` and hex digits.
#[derive(Clone, Copy, Debug)]
struct Quantity(U256);

impl<'de> Deserialize<'de> for Quantity {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Quantity, D::Error> {
        // Alloy reads decimals, too; a node never writes any.
        let text = String::deserialize(deserializer)?;
        let digits = text.strip_prefix("0x").ok_or_else(|| serde::de::Error::custom("a quantity begins with 0x"))?;
        U256::from_str_radix(digits, 16).map(Quantity).map_err(serde::de::Error::custom)
    }
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    result: Value,
    error: Option<Refusal>,
}

#[derive(Deserialize)]
struct Refusal {
    #[serde(default)]
    code: i64,
    message: String,
}

impl Node {
    /// Returns a node at an address such as `https://polygon-rpc.com`.
    pub fn new(url: &str) -> Node {
        Node(Service::new(url))
    }

    pub async fn chain_id(&self) -> Result<u64, ChainError> {
        self.number("eth_chainId", json!([])).await
    }

    pub async fn block_number(&self) -> Result<u64, ChainError> {
        self.number("eth_blockNumber", json!([])).await
    }

    pub async fn nonces(&self, account: Address) -> Result<Nonces, ChainError> {
        let mined = self.number("eth_getTransactionCount", json!([account, "latest"])).await?;
        let pending = self.number("eth_getTransactionCount", json!([account, "pending"])).await?;
        Ok(Nonces { mined, pending })
    }

    /// Returns what to offer for gas; `None` while it is dearer than what we pay.
    pub async fn fees(&self) -> Result<Option<Fees>, ChainError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Block {
            base_fee_per_gas: Quantity,
        }
        let block: Block = self.ask("eth_getBlockByNumber", json!(["latest", false])).await?;
        let tip: Quantity = self.ask("eth_maxPriorityFeePerGas", json!([])).await?;
        Ok(Fees::for_base(block.base_fee_per_gas.0.saturating_to(), tip.0.saturating_to()))
    }

    /// Returns the gas that a call would use. Refused where it would revert, with the contract's words.
    pub async fn gas(&self, from: Address, call: &Call) -> Result<u64, ChainError> {
        self.number("eth_estimateGas", json!([{ "from": from, "to": call.to, "data": call.data }])).await
    }

    /// Returns how a transaction ended; `None` while it is in no block.
    pub async fn receipt(&self, hash: B256) -> Result<Option<Receipt>, ChainError> {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Found {
            block_number: Quantity,
            status: Quantity,
        }
        let found: Option<Found> = self.ask("eth_getTransactionReceipt", json!([hash])).await?;
        Ok(found.map(|found| Receipt {
            block: found.block_number.0.saturating_to(),
            succeeded: found.status.0 == U256::from(1),
        }))
    }

    /// Sends a signed transaction. One that the node has already is as good as taken.
    pub async fn send(&self, bytes: &[u8]) -> Result<(), ChainError> {
        let sent: Result<B256, ChainError> =
            self.ask("eth_sendRawTransaction", json!([Bytes::copy_from_slice(bytes)])).await;
        match sent {
            Err(ChainError::Refused { said, .. }) if KNOWN.iter().any(|known| said.contains(known)) => Ok(()),
            sent => sent.map(drop),
        }
    }

    /// Returns what a wallet holds of each token, in millionths, in their order.
    pub async fn balances(&self, contract: Address, wallet: Address, tokens: &[U256]) -> Result<Vec<u64>, ChainError> {
        let of = |chunk: &[U256]| {
            let data = abi::Erc1155::balanceOfBatchCall { owners: vec![wallet; chunk.len()], ids: chunk.to_vec() };
            Call { to: contract, data: data.abi_encode().into() }
        };
        let chunks: Vec<&[U256]> = tokens.chunks(BALANCES_MAX).collect();
        let answers = self.views(&chunks.iter().map(|chunk| of(chunk)).collect::<Vec<_>>()).await?;
        let mut balances = Vec::with_capacity(tokens.len());
        for (chunk, answer) in chunks.iter().zip(&answers) {
            let held = abi::Erc1155::balanceOfBatchCall::abi_decode_returns(answer);
            let held = held.map_err(|error| self.0.malformed(error))?;
            if held.len() != chunk.len() {
                return Err(self.0.malformed("not as many balances as were asked for"));
            }
            balances.extend(held.into_iter().map(|amount| u64::try_from(amount).unwrap_or(u64::MAX)));
        }
        Ok(balances)
    }

    /// Returns the words that views answer, in the order of the questions.
    pub async fn words(&self, questions: &[Call]) -> Result<Vec<U256>, ChainError> {
        let answers = self.views(questions).await?;
        let word = |answer: &Bytes| match answer.len() {
            32 => Ok(U256::from_be_slice(answer)),
            bytes => {
                Err(self.0.malformed(format!("a view answers with {bytes} bytes, not 32: no such contract here?")))
            }
        };
        answers.iter().map(word).collect()
    }

    /// Returns what views answer, in the order of the questions. All or none.
    async fn views(&self, questions: &[Call]) -> Result<Vec<Bytes>, ChainError> {
        let mut found = Vec::with_capacity(questions.len());
        for chunk in questions.chunks(BATCH_MAX) {
            let request = |(id, call): (usize, &Call)| {
                let params = json!([{ "to": call.to, "data": call.data }, "latest"]);
                json!({ "jsonrpc": "2.0", "id": id, "method": "eth_call", "params": params })
            };
            let batch: Vec<Value> = chunk.iter().enumerate().map(request).collect();
            let mut answers: Vec<Answer> = self.post(&Value::Array(batch)).await?;
            // A batch is answered in any order.
            answers.sort_by_key(|answer| answer.id.as_u64());
            if answers.len() != chunk.len() {
                return Err(self.0.malformed("not as many answers as questions"));
            }
            for (id, answer) in (0..).zip(answers) {
                if answer.id.as_u64() != Some(id) {
                    return Err(self.0.malformed("an answer to another question"));
                }
                found.push(self.result(answer)?);
            }
        }
        Ok(found)
    }

    async fn number(&self, method: &str, params: Value) -> Result<u64, ChainError> {
        self.ask(method, params).await.map(|Quantity(number)| number.saturating_to())
    }

    async fn ask<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, ChainError> {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params });
        let answer = self.post(&request).await?;
        self.result(answer)
    }

    async fn post<T: DeserializeOwned>(&self, body: &Value) -> Result<T, ChainError> {
        let request = self.0.client.post(&self.0.url).header("content-type", "application/json").body(body.to_string());
        let body = self.0.ask(request).await?;
        serde_json::from_slice(&body).map_err(|error| self.0.malformed(error))
    }

    fn result<T: DeserializeOwned>(&self, answer: Answer) -> Result<T, ChainError> {
        match answer.error {
            Some(Refusal { code, message }) => {
                let said = format!("{} ({code})", message.chars().take(super::EXCERPT_MAX).collect::<String>());
                Err(ChainError::Refused { host: self.0.host.clone(), said })
            }
            None => serde_json::from_value(answer.result).map_err(|error| self.0.malformed(error)),
        }
    }
}
