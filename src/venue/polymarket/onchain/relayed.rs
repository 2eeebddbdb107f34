//! Calls of a contract wallet, signed by its owner, as the relayer takes them: it sends them and pays for them (PROTOCOL.md
//! 9.4). Each kind of wallet has its own words and its own signature.

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::sol_types::{Eip712Domain, SolCall, SolStruct};
use serde_json::{Value, json};

use super::{Call, abi, abi::typed};
use crate::venue::polymarket::contracts::{DEPOSIT_WALLET_FACTORY, PROXY_FACTORY, RELAY_HUB, SAFE_MULTISEND};
use crate::venue::polymarket::order::digest;
use crate::venue::polymarket::{Key, Network, SignatureType};

/// What the relayer says of a wallet before something is signed for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Turn {
    /// Who will send it.
    pub relay: Address,
    pub nonce: u64,
}

/// Returns what the relayer calls a kind of wallet; `None` for an account of its own, which needs no relayer.
pub const fn kind_name(kind: SignatureType) -> Option<&'static str> {
    match kind {
        SignatureType::Eoa => None,
        SignatureType::Proxy => Some("PROXY"),
        SignatureType::Safe => Some("SAFE"),
        SignatureType::DepositWallet => Some("WALLET"),
    }
}

/// Returns the request in which a Safe makes all of the calls, or none: several go through the multisend contract.
pub fn safe(key: &Key, wallet: Address, calls: &[Call], turn: Turn, network: Network) -> Value {
    let (to, data, operation) = match calls {
        [call] => (call.to, call.data.clone(), 0),
        calls => (SAFE_MULTISEND, multisend(calls), 1),
    };
    let domain = Eip712Domain::new(None, None, Some(U256::from(network.chain_id())), Some(wallet), None);
    let transaction = typed::SafeTx {
        to,
        value: U256::ZERO,
        data: data.clone(),
        operation,
        safeTxGas: U256::ZERO,
        baseGas: U256::ZERO,
        gasPrice: U256::ZERO,
        gasToken: Address::ZERO,
        refundReceiver: Address::ZERO,
        nonce: U256::from(turn.nonce),
    };
    let mut signature = key.sign(as_message(digest(domain.separator(), transaction.eip712_hash_struct())));
    // So the Safe knows that it was signed as a message.
    signature[64] += 4;
    json!({
        "type": "SAFE",
        "from": checksummed(key.address()),
        "to": checksummed(to),
        "proxyWallet": checksummed(wallet),
        "data": data,
        "nonce": turn.nonce.to_string(),
        "signature": Bytes::copy_from_slice(&signature),
        "metadata": "",
        "signatureParams": {
            "baseGas": "0",
            "gasPrice": "0",
            "gasToken": checksummed(Address::ZERO),
            "operation": operation.to_string(),
            "refundReceiver": checksummed(Address::ZERO),
            "safeTxnGas": "0",
        },
    })
}

/// Returns what the factory is told to let a proxy wallet do.
pub fn proxy_call(calls: &[Call]) -> Call {
    /// A plain call, not one with the wallet's own rights.
    const CALL: u8 = 1;
    let of = |call: &Call| abi::ProxyCall { typeCode: CALL, to: call.to, value: U256::ZERO, data: call.data.clone() };
    let data = abi::ProxyFactory::proxyCall { calls: calls.iter().map(of).collect() }.abi_encode();
    Call { to: PROXY_FACTORY, data: data.into() }
}

/// Returns the request in which a proxy wallet makes all of the calls, or none.
pub fn proxy(key: &Key, wallet: Address, calls: &[Call], turn: Turn, gas_limit: u64) -> Value {
    let data = proxy_call(calls).data;
    let word = |number: u64| U256::from(number).to_be_bytes::<32>();
    let signed = [
        b"rlx:".as_slice(),
        key.address().as_slice(),
        PROXY_FACTORY.as_slice(),
        &data,
        &word(0),
        &word(0),
        &word(gas_limit),
        &word(turn.nonce),
        RELAY_HUB.as_slice(),
        turn.relay.as_slice(),
    ]
    .concat();
    let signature = key.sign(as_message(keccak256(signed)));
    json!({
        "type": "PROXY",
        "from": checksummed(key.address()),
        "to": checksummed(PROXY_FACTORY),
        "proxyWallet": checksummed(wallet),
        "data": data,
        "nonce": turn.nonce.to_string(),
        "signature": Bytes::copy_from_slice(&signature),
        "metadata": "",
        "signatureParams": {
            "gasLimit": gas_limit.to_string(),
            "gasPrice": "0",
            "relay": checksummed(turn.relay),
            "relayHub": checksummed(RELAY_HUB),
            "relayerFee": "0",
        },
    })
}

/// Returns the request in which a deposit wallet makes all of the calls, or none, until `deadline` (seconds since 1970).
pub fn deposit(key: &Key, wallet: Address, calls: &[Call], nonce: u64, deadline: u64, network: Network) -> Value {
    let chain_id = U256::from(network.chain_id());
    let domain = Eip712Domain::new(Some("DepositWallet".into()), Some("1".into()), Some(chain_id), Some(wallet), None);
    let of = |call: &Call| typed::Call { target: call.to, value: U256::ZERO, data: call.data.clone() };
    let batch = typed::Batch {
        wallet,
        nonce: U256::from(nonce),
        deadline: U256::from(deadline),
        calls: calls.iter().map(of).collect(),
    };
    let signature = key.sign(digest(domain.separator(), batch.eip712_hash_struct()));
    let written = calls.iter().map(|call| json!({ "target": checksummed(call.to), "value": "0", "data": call.data }));
    json!({
        "type": "WALLET",
        "from": checksummed(key.address()),
        "to": checksummed(DEPOSIT_WALLET_FACTORY),
        "nonce": nonce.to_string(),
        "signature": Bytes::copy_from_slice(&signature),
        "metadata": "",
        "depositWalletParams": {
            "depositWallet": checksummed(wallet),
            "deadline": deadline.to_string(),
            "calls": written.collect::<Vec<Value>>(),
        },
    })
}

/// Writes the calls as the multisend contract reads them: kind, address, value, length and data, one after another.
fn multisend(calls: &[Call]) -> Bytes {
    let mut packed = Vec::new();
    for call in calls {
        packed.push(0);
        packed.extend_from_slice(call.to.as_slice());
        packed.extend_from_slice(&[0; 32]);
        packed.extend_from_slice(&U256::from(call.data.len()).to_be_bytes::<32>());
        packed.extend_from_slice(&call.data);
    }
    abi::MultiSend::multiSendCall { transactions: packed.into() }.abi_encode().into()
}

/// Returns what is signed when a wallet signs a hash as a message (EIP-191).
fn as_message(hash: B256) -> B256 {
    keccak256([b"\x19Ethereum Signed Message:\n32".as_slice(), hash.as_slice()].concat())
}

fn checksummed(address: Address) -> String {
    address.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    const VECTORS: &str = include_str!("../../../../tests/data/vectors_relayer.json");
    const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    fn address(value: &Value) -> Address {
        value.as_str().and_then(|text| text.parse().ok()).expect("an address")
    }

    fn number(value: &Value) -> u64 {
        value.as_str().and_then(|text| text.parse().ok()).expect("a number")
    }

    fn calls(list: &Value) -> Vec<Call> {
        let call = |call: &Value| Call {
            to: address(&call["target"]),
            data: call["data"].as_str().and_then(|text| text.parse().ok()).expect("hex"),
        };
        list.as_array().expect("calls").iter().map(call).collect()
    }

    #[test]
    fn requests_are_those_of_the_official_client() {
        let file: Value = serde_json::from_str(VECTORS).expect("JSON");
        let [one, two, proxied, deposited, _in_session] = &file["submissions"].as_array().expect("submissions")[..]
        else {
            panic!("five submissions")
        };
        let key: Key = KEY.parse().expect("a key");
        let relay = address(&file["relay"]);
        let turn = |vector: &Value| Turn { relay, nonce: number(&vector["nonce"]) };
        // The calls of all three are those that the deposit wallet's list shows.
        let all = calls(&deposited["depositWalletParams"]["calls"]);
        let check = |mut made: Value, vector: &Value| {
            made["metadata"] = vector["metadata"].clone();
            assert_eq!(&made, vector);
        };
        let wallet = address(&one["proxyWallet"]);
        check(safe(&key, wallet, &all[..1], turn(one), Network::Polygon), one);
        check(safe(&key, wallet, &all[..2], turn(two), Network::Polygon), two);
        let wallet = address(&proxied["proxyWallet"]);
        check(proxy(&key, wallet, &all[..2], turn(proxied), 200_000), proxied);
        let params = &deposited["depositWalletParams"];
        let (wallet, deadline) = (address(&params["depositWallet"]), number(&params["deadline"]));
        check(deposit(&key, wallet, &all, number(&deposited["nonce"]), deadline, Network::Polygon), deposited);
    }
}
