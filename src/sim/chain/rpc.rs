//! JSON-RPC 2.0 as a node speaks it: requests, batches, answers, errors by the node's codes and texts.

use alloy::primitives::{Address, B256, Bytes, U256};
use serde_json::{Value, json};

use super::block::BASE_FEE;
use super::filter::{self, LOGS_MAX};
use super::subscription::Subscriptions;
use super::write::{self, Detail, data, quantity};
use super::{Block, Call, Chain, Revert, Vault};
use crate::domain::Nanos;
use crate::venue::polymarket::contracts as known;

/// More requests in a batch are refused.
const BATCH_MAX: usize = 1_000;
/// Blocks that are final are this far behind the newest.
const FINAL_BEHIND: u64 = 2;

/// What a request is answered from.
pub struct Node<'a> {
    pub chain: &'a mut Chain,
    pub vault: &'a mut dyn Vault,
    pub now: Nanos,
}

/// How the request came: only a socket can be told more later.
pub enum Caller<'a> {
    Http,
    Socket(&'a mut Subscriptions),
}

/// What is wrong with a request.
#[derive(Clone, Debug, PartialEq)]
pub struct Error {
    pub code: i64,
    pub message: String,
    pub data: Option<String>,
}

impl Error {
    pub fn new(code: i64, message: impl Into<String>) -> Error {
        Error { code, message: message.into(), data: None }
    }

    pub fn params(message: impl Into<String>) -> Error {
        Error::new(-32_602, message)
    }

    fn missing(index: usize) -> Error {
        Error::params(format!("missing value for required argument {index}"))
    }
}

impl From<Revert> for Error {
    fn from(revert: Revert) -> Error {
        let data = if revert.0.is_empty() { "0x".to_owned() } else { data(revert.data()) };
        Error { code: 3, message: revert.to_string(), data: Some(data) }
    }
}

/// Answers a request or a batch of them. Nothing is to be sent if all it has are notifications.
pub fn answer(node: &mut Node<'_>, caller: &mut Caller<'_>, text: &[u8]) -> Option<Value> {
    match serde_json::from_slice::<Value>(text) {
        Err(_) => Some(failed(Value::Null, &Error::new(-32_700, "parse error"))),
        Ok(Value::Array(batch)) if batch.is_empty() => Some(failed(Value::Null, &Error::new(-32_600, "empty batch"))),
        Ok(Value::Array(batch)) if batch.len() > BATCH_MAX => {
            Some(failed(Value::Null, &Error::new(-32_600, "batch too large")))
        }
        Ok(Value::Array(batch)) => {
            let answers: Vec<Value> = batch.iter().filter_map(|request| one(node, caller, request)).collect();
            (!answers.is_empty()).then_some(Value::Array(answers))
        }
        Ok(request) => one(node, caller, &request),
    }
}

fn one(node: &mut Node<'_>, caller: &mut Caller<'_>, request: &Value) -> Option<Value> {
    let invalid = || failed(request.get("id").cloned().unwrap_or_default(), &Error::new(-32_600, "invalid request"));
    let Some(method) = request.get("method").and_then(Value::as_str) else { return Some(invalid()) };
    if request.get("jsonrpc") != Some(&json!("2.0")) {
        return Some(invalid());
    }
    let nothing = Vec::new();
    let params = match request.get("params") {
        None | Some(Value::Null) => &nothing,
        Some(Value::Array(params)) => params,
        Some(_) => {
            let error = Error::params("non-array args");
            return Some(failed(request.get("id").cloned().unwrap_or_default(), &error));
        }
    };
    let result = call(node, caller, method, Params(params));
    let id = request.get("id")?.clone();
    Some(match result {
        Ok(result) => json!({ "jsonrpc": "2.0", "id": id, "result": result }),
        Err(error) => failed(id, &error),
    })
}

fn failed(id: Value, error: &Error) -> Value {
    let mut body = json!({ "code": error.code, "message": error.message });
    if let Some(data) = &error.data {
        body["data"] = json!(data);
    }
    json!({ "jsonrpc": "2.0", "id": id, "error": body })
}

fn call(node: &mut Node<'_>, caller: &mut Caller<'_>, method: &str, params: Params<'_>) -> Result<Value, Error> {
    let chain = &*node.chain;
    match method {
        "eth_chainId" => Ok(json!(quantity(chain.options.network.chain_id()))),
        "net_version" => Ok(json!(chain.options.network.chain_id().to_string())),
        "web3_clientVersion" => Ok(json!("bor/v2.9.0-remora-simulated/linux-amd64")),
        "eth_syncing" => Ok(json!(false)),
        "eth_accounts" => Ok(json!([])),
        "eth_blockNumber" => Ok(json!(quantity(chain.latest().number))),
        "eth_getBlockByNumber" | "eth_getBlockByHash" => block(chain, method, params),
        "eth_getLogs" => logs(chain, params),
        "eth_getTransactionByHash" => {
            let known = chain.transaction(params.word(0)?);
            Ok(known.map_or(Value::Null, |known| write::transaction(known, chain)))
        }
        "eth_getTransactionReceipt" => {
            let known = chain.transaction(params.word(0)?);
            Ok(known.map_or(Value::Null, |known| write::receipt(known, chain)))
        }
        "eth_getTransactionCount" => {
            let address = params.address(0)?;
            let is_pending = params.0.get(1) == Some(&json!("pending"));
            Ok(json!(quantity(if is_pending { chain.nonce_pending(address) } else { chain.nonce(address) })))
        }
        // Gas costs nobody anything here: who asks has enough.
        "eth_getBalance" => params.address(0).map(|_| json!(quantity(100_000_000_000_000_000_000_u128))),
        "eth_getCode" => Ok(json!(code(node, params.address(0)?))),
        "eth_gasPrice" => Ok(json!(quantity(BASE_FEE + TIP))),
        "eth_maxPriorityFeePerGas" => Ok(json!(quantity(TIP))),
        "eth_feeHistory" => fee_history(chain, params),
        "eth_estimateGas" => estimate(node, params),
        "eth_call" => view(node, params),
        "eth_sendRawTransaction" => {
            let bytes = params.bytes(0)?;
            let hash = node.chain.submit(&bytes, node.now);
            hash.map(|hash| json!(hash)).map_err(|refusal| Error::new(-32_000, refusal.to_string()))
        }
        "eth_subscribe" | "eth_unsubscribe" => match caller {
            Caller::Http => Err(Error::new(-32_001, "notifications not supported")),
            Caller::Socket(subscriptions) if method == "eth_subscribe" => {
                subscriptions.add(params.0).map(|id| json!(id))
            }
            Caller::Socket(subscriptions) => Ok(json!(subscriptions.remove(params.text(0)?))),
        },
        _ => Err(Error::new(-32_601, format!("the method {method} does not exist/is not available"))),
    }
}

const TIP: u64 = 30_000_000_000;

/// The arguments of a request, read by position.
#[derive(Clone, Copy)]
pub struct Params<'a>(pub &'a [Value]);

impl Params<'_> {
    fn get(&self, index: usize) -> Result<&Value, Error> {
        self.0.get(index).filter(|value| !value.is_null()).ok_or_else(|| Error::missing(index))
    }

    fn text(&self, index: usize) -> Result<&str, Error> {
        let value = self.get(index)?;
        value.as_str().ok_or_else(|| Error::params(format!("invalid argument {index}: not a string")))
    }

    fn address(&self, index: usize) -> Result<Address, Error> {
        hex(self.get(index)?, 40).map_err(|reason| Error::params(format!("invalid argument {index}: {reason}")))
    }

    fn word(&self, index: usize) -> Result<B256, Error> {
        hex(self.get(index)?, 64).map_err(|reason| Error::params(format!("invalid argument {index}: {reason}")))
    }

    fn bytes(&self, index: usize) -> Result<Bytes, Error> {
        bytes(self.get(index)?).map_err(|reason| Error::params(format!("invalid argument {index}: {reason}")))
    }
}

/// Reads `0x` and so many hex digits.
pub fn hex<T: std::str::FromStr>(value: &Value, digits: usize) -> Result<T, String> {
    let text = value.as_str().ok_or("not a string")?;
    let found = text.strip_prefix("0x").ok_or("json: cannot unmarshal hex string without 0x prefix")?;
    if found.len() != digits {
        return Err(format!("hex string has length {}, want {digits}", found.len()));
    }
    text.parse().map_err(|_| "json: cannot unmarshal invalid hex string".to_owned())
}

fn bytes(value: &Value) -> Result<Bytes, String> {
    let text = value.as_str().filter(|text| text.starts_with("0x"));
    let text = text.ok_or("json: cannot unmarshal hex string without 0x prefix")?;
    text.parse().map_err(|_| "json: cannot unmarshal invalid hex string".to_owned())
}

/// Returns the block that a tag, a number or an object with either names; `None` if there is none.
pub fn find_block<'a>(chain: &'a Chain, tag: Option<&Value>) -> Result<Option<&'a Block>, Error> {
    let latest = chain.latest();
    let invalid = || Error::params("invalid argument: hex string without 0x prefix");
    match tag {
        None | Some(Value::Null) => Ok(Some(latest)),
        Some(Value::Object(object)) => match object.get("blockHash") {
            Some(hash) => {
                let hash: B256 = hex(hash, 64).map_err(Error::params)?;
                Ok(chain.block_of_hash(hash))
            }
            None => find_block(chain, object.get("blockNumber")),
        },
        Some(tag) => Ok(match tag.as_str().ok_or_else(invalid)? {
            "latest" | "pending" => Some(latest),
            "safe" | "finalized" => chain.block(latest.number - FINAL_BEHIND).or(chain.blocks.front()),
            "earliest" => chain.blocks.front(),
            number => {
                let digits = number.strip_prefix("0x").ok_or_else(invalid)?;
                chain.block(u64::from_str_radix(digits, 16).map_err(|_| invalid())?)
            }
        }),
    }
}

fn block(chain: &Chain, method: &str, params: Params<'_>) -> Result<Value, Error> {
    let found = match method {
        "eth_getBlockByHash" => chain.block_of_hash(params.word(0)?),
        _ => find_block(chain, Some(params.get(0)?))?,
    };
    let detail = if params.0.get(1) == Some(&json!(true)) { Detail::Full } else { Detail::Hashes };
    Ok(found.map_or(Value::Null, |block| write::block(chain, block, detail)))
}

fn logs(chain: &Chain, params: Params<'_>) -> Result<Value, Error> {
    let wanted = params.get(0)?;
    let filter = filter::Filter::read(wanted)?;
    let (from, to) = match wanted.get("blockHash").filter(|hash| !hash.is_null()) {
        Some(hash) => {
            let hash: B256 = hex(hash, 64).map_err(Error::params)?;
            let block = chain.block_of_hash(hash).ok_or_else(|| Error::new(-32_000, "unknown block"))?;
            (block.number, block.number)
        }
        None => {
            let (from, to) = (bound(chain, wanted.get("fromBlock"))?, bound(chain, wanted.get("toBlock"))?);
            if to < from && wanted.get("toBlock").is_some_and(|to| !to.is_null()) {
                return Err(Error::params("invalid block range params"));
            }
            (from, to)
        }
    };
    let kept = chain.first_kept();
    if chain.blocks[0].number <= from && from < kept {
        return Err(Error::new(4_444, format!("pruned history unavailable: blocks before {kept} are gone")));
    }
    let found: Vec<Value> = filter.find(chain, from, to).take(LOGS_MAX + 1).collect();
    if found.len() > LOGS_MAX {
        return Err(Error::new(-32_005, format!("query returned more than {LOGS_MAX} results")));
    }
    Ok(Value::Array(found))
}

/// Returns the number that a bound of a range stands for, whether there is such a block or not.
fn bound(chain: &Chain, tag: Option<&Value>) -> Result<u64, Error> {
    match number(tag) {
        Some(number) => Ok(number),
        None => Ok(find_block(chain, tag)?.map_or(0, |block| block.number)),
    }
}

fn number(value: Option<&Value>) -> Option<u64> {
    u64::from_str_radix(value?.as_str()?.strip_prefix("0x")?, 16).ok()
}

fn code(node: &Node<'_>, address: Address) -> &'static str {
    // What kind of contract it is cannot be read off it: nothing here runs it.
    const SOME: &str = "0x363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3";
    if node.chain.contracts.has_code(node.vault, address) { SOME } else { "0x" }
}

fn fee_history(chain: &Chain, params: Params<'_>) -> Result<Value, Error> {
    let count = params.get(0)?;
    let count = number(Some(count)).or(count.as_u64()).ok_or_else(|| Error::params("invalid argument 0"))?.min(1_024);
    let newest = find_block(chain, params.0.get(1))?.ok_or_else(|| Error::new(-32_000, "request beyond head block"))?;
    let count = count.min(newest.number - chain.blocks[0].number + 1);
    let percentiles = params.0.get(2).and_then(Value::as_array).map_or(0, Vec::len);
    let count_usize = count as usize;
    let mut history = json!({
        "oldestBlock": quantity(newest.number + 1 - count),
        "baseFeePerGas": vec![quantity(BASE_FEE); count_usize + 1],
        "gasUsedRatio": vec![0.5; count_usize],
    });
    if percentiles > 0 {
        history["reward"] = json!(vec![vec![quantity(TIP); percentiles]; count_usize]);
    }
    Ok(history)
}

/// Reads `from`, `to` and `data` (or `input`) of a call.
fn read_call(params: Params<'_>) -> Result<Option<Call>, Error> {
    let call = params.get(0)?;
    let invalid = |reason: String| Error::params(format!("invalid argument 0: {reason}"));
    let field = |key: &str| call.get(key).filter(|value| !value.is_null());
    let from = field("from").map_or(Ok(Address::ZERO), |from| hex(from, 40)).map_err(invalid)?;
    let input = field("input").or(field("data")).map_or(Ok(Bytes::new()), bytes).map_err(invalid)?;
    let Some(to) = field("to") else { return Ok(None) };
    Ok(Some(Call { from, to: hex(to, 40).map_err(invalid)?, input }))
}

fn estimate(node: &Node<'_>, params: Params<'_>) -> Result<Value, Error> {
    /// More than what any of our calls uses.
    const CALL: u64 = 250_000;
    let call = read_call(params)?;
    let Some(call) = call else { return Ok(json!(quantity(CALL))) };
    if !node.chain.contracts.has_code(node.vault, call.to) && call.input.is_empty() {
        return Ok(json!(quantity(21_000_u64)));
    }
    // The relayer's clients ask what a call of a wallet's factory would cost; the wallet's own calls are checked when it acts.
    if call.to != known::PROXY_FACTORY && node.chain.contracts.view(node.vault, call.to, &call.input).is_err() {
        node.chain.contracts.check(node.vault, &call)?;
    }
    Ok(json!(quantity(CALL + 16 * call.input.len() as u64)))
}

fn view(node: &Node<'_>, params: Params<'_>) -> Result<Value, Error> {
    let Some(call) = read_call(params)? else { return Ok(json!("0x")) };
    if find_block(node.chain, params.0.get(1))?.is_none() {
        return Err(Error::new(-32_000, "header not found"));
    }
    let contracts = &node.chain.contracts;
    match contracts.view(node.vault, call.to, &call.input) {
        Ok(answer) => Ok(json!(data(answer))),
        // A call that changes something is asked for its revert; if it has none, most answer nothing, ERC-20's true.
        Err(revert) => match contracts.check(node.vault, &call) {
            Err(reason) if !reason.0.is_empty() => Err(reason.into()),
            Err(_) => Err(revert.into()),
            Ok(()) if call.to == known::PUSD => Ok(json!(data(U256::from(1).to_be_bytes::<32>()))),
            Ok(()) => Ok(json!("0x")),
        },
    }
}
