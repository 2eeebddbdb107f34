//! The vectors: what the official clients made of the same input, byte for byte.

use alloy::primitives::{Address, B256, U256};
use alloy::sol_types::SolStruct;
use serde_json::Value;

use super::amounts::{self, Amounts};
use super::auth::{ClobAuth, Request, Secret};
use super::order_v1::{self, ExchangeV1, OrderV1};
use super::{Exchange, Key, Network, Order, SignatureType, Signer, key, signature};
use crate::domain::{Millis, Price, Shares, Side, Tick, Usdc};

const ORDERS_V1: &str = include_str!("../../../tests/data/vectors_orders_v1.json");
const ORDERS_V2: &str = include_str!("../../../tests/data/vectors_orders_v2.json");
const AUTH: &str = include_str!("../../../tests/data/vectors_auth.json");
const RELAYER: &str = include_str!("../../../tests/data/vectors_relayer.json");
const AMOUNTS: &str = include_str!("../../../tests/data/vectors_amounts.json");

fn file(text: &str) -> Value {
    serde_json::from_str(text).expect("JSON")
}

fn rows<'a>(file: &'a Value, key: &str) -> &'a [Value] {
    file[key].as_array().expect("rows")
}

/// Reads a number, or a text that holds one.
fn number(value: &Value) -> u64 {
    value.as_u64().or_else(|| value.as_str()?.parse().ok()).unwrap_or_else(|| panic!("a number: {value}"))
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("a text: {value}"))
}

fn word(value: &Value) -> B256 {
    text(value).parse().expect("32 bytes")
}

fn wallet(value: &Value) -> Address {
    text(value).parse().expect("an address")
}

fn uint(value: &Value) -> U256 {
    text(value).parse().expect("a decimal")
}

fn bytes(value: &Value) -> Vec<u8> {
    key::decode_hex(text(value)).expect("hex")
}

fn network(value: &Value) -> Network {
    Network::BOTH.into_iter().find(|network| network.chain_id() == number(value)).expect("a known chain")
}

/// Reads `0.29` as 290,000.
fn millionths(value: &Value) -> u64 {
    let (whole, part) = text(value).split_once('.').unwrap_or((text(value), ""));
    format!("{whole}{part:0<6}").parse().expect("at most six decimals")
}

fn side(value: &Value) -> Side {
    match (value.as_str(), value.as_u64()) {
        (Some("BUY"), _) | (_, Some(0)) => Side::Buy,
        (Some("SELL"), _) | (_, Some(1)) => Side::Sell,
        other => panic!("no side: {other:?}"),
    }
}

/// Reads the order of a vector or of a request: the field names are the same.
fn order(fields: &Value) -> Order {
    Order {
        salt: number(&fields["salt"]),
        maker: wallet(&fields["maker"]),
        signer: wallet(&fields["signer"]),
        token: uint(&fields["tokenId"]),
        maker_amount: number(&fields["makerAmount"]),
        taker_amount: number(&fields["takerAmount"]),
        side: side(&fields["side"]),
        signature_type: SignatureType::from_number(number(&fields["signatureType"])).expect("a type"),
        timestamp: Millis(number(&fields["timestamp"])),
        metadata: word(&fields["metadata"]),
        builder: word(&fields["builder"]),
    }
}

#[test]
fn orders_of_v2_and_v3_are_signed_as_by_the_official_clients() {
    let file = file(ORDERS_V2);
    let key: Key = text(&file["privateKey"]).parse().expect("a key");
    let vectors = rows(&file, "vectors");
    assert_eq!(vectors.len(), 107);
    for vector in vectors {
        let (id, order) = (&vector["id"], order(&vector["order"]));
        let network = network(&vector["chainId"]);
        let contract = wallet(&vector["domain"]["verifyingContract"]);
        let exchange = Exchange::ALL
            .into_iter()
            .find(|exchange| exchange.address(network) == contract)
            .unwrap_or_else(|| panic!("{id}: {contract}"));
        assert_eq!(exchange.domain_separator(network), word(&vector["domainSeparator"]), "{id}");
        assert_eq!(order.struct_hash(), word(&vector["structHash"]), "{id}");
        assert_eq!(order.id(exchange, network), word(&vector["digest"]), "{id}");
        let signed = signature::sign(&order, &key, exchange, network);
        assert_eq!(signed, bytes(&vector["signature"]), "{id}");
        assert_eq!(signature::check(&order, &signed, exchange, network), Ok(Signer::Owner(key.address())), "{id}");
        let body: Value = serde_json::from_str(text(&vector["postBody"])).expect("JSON");
        assert_eq!(self::order(&body["order"]), order, "{id}");
        assert_eq!(bytes(&body["order"]["signature"]), signed, "{id}");
    }
}

#[test]
fn a_session_key_wraps_its_signature_as_the_official_client_does() {
    let (orders, relayer) = (file(ORDERS_V2), file(RELAYER));
    let key: Key = text(&orders["privateKey"]).parse().expect("a key");
    let wrapped = &relayer["sessionOrder"];
    let vector = rows(&orders, "vectors").iter().find(|vector| vector["id"] == wrapped["id"]).expect("the vector");
    let contract = wallet(&vector["domain"]["verifyingContract"]);
    let exchange = Exchange::ALL.into_iter().find(|exchange| exchange.address(Network::Polygon) == contract);
    let signed = signature::sign_in_session(&order(&vector["order"]), &key, exchange.expect("known"), Network::Polygon);
    assert_eq!(signed, bytes(&wrapped["signature"]));
}

#[test]
fn bodies_of_orders_are_authenticated_as_by_the_official_clients() {
    for file in [file(ORDERS_V1), file(ORDERS_V2)] {
        let secret = Secret::from_base64(text(&file["apiCreds"]["secret"])).expect("base64");
        for vector in rows(&file, "vectors") {
            let headers = &vector["l2Headers"];
            let request = Request {
                timestamp: text(&headers["POLY_TIMESTAMP"]),
                method: "POST",
                path: "/order",
                body: text(&vector["postBody"]).as_bytes(),
            };
            assert_eq!(secret.sign(&request), text(&headers["POLY_SIGNATURE"]), "{}", vector["id"]);
        }
    }
}

#[test]
fn orders_of_v1_are_recognised() {
    let file = file(ORDERS_V1);
    let key: Key = text(&file["privateKey"]).parse().expect("a key");
    let vectors = rows(&file, "vectors");
    assert_eq!(vectors.len(), 64);
    for vector in vectors {
        let (id, fields) = (&vector["id"], &vector["order"]);
        let order = OrderV1 {
            salt: uint(&fields["salt"]),
            maker: wallet(&fields["maker"]),
            signer: wallet(&fields["signer"]),
            taker: wallet(&fields["taker"]),
            tokenId: uint(&fields["tokenId"]),
            makerAmount: uint(&fields["makerAmount"]),
            takerAmount: uint(&fields["takerAmount"]),
            expiration: uint(&fields["expiration"]),
            nonce: uint(&fields["nonce"]),
            feeRateBps: uint(&fields["feeRateBps"]),
            side: number(&fields["side"]) as u8,
            signatureType: number(&fields["signatureType"]) as u8,
        };
        let network = network(&vector["chainId"]);
        let contract = wallet(&vector["domain"]["verifyingContract"]);
        let exchange = ExchangeV1::BOTH.into_iter().find(|exchange| exchange.address(network) == contract);
        let exchange = exchange.unwrap_or_else(|| panic!("{id}: {contract}"));
        assert_eq!(exchange.domain_separator(network), word(&vector["domainSeparator"]), "{id}");
        assert_eq!(order.eip712_hash_struct(), word(&vector["structHash"]), "{id}");
        let digest = order_v1::id(&order, exchange, network);
        assert_eq!(digest, word(&vector["digest"]), "{id}");
        assert_eq!(key.sign(digest).as_slice(), bytes(&vector["signature"]), "{id}");
    }
}

#[test]
fn wallets_attest_as_by_the_official_clients() {
    let file = file(AUTH);
    let key: Key = text(&file["privateKey"]).parse().expect("a key");
    let vectors = rows(&file, "l1");
    assert_eq!(vectors.len(), 7);
    for vector in vectors {
        let (id, headers) = (&vector["id"], &vector["headers"]);
        let network = network(&vector["chainId"]);
        let auth = ClobAuth {
            address: wallet(&headers["POLY_ADDRESS"]),
            timestamp: text(&headers["POLY_TIMESTAMP"]),
            nonce: uint(&headers["POLY_NONCE"]),
        };
        assert_eq!(auth.struct_hash(), word(&vector["structHash"]), "{id}");
        assert_eq!(auth.digest(network), word(&vector["digest"]), "{id}");
        let signed = auth.sign(&key, network);
        assert_eq!(signed.as_slice(), bytes(&headers["POLY_SIGNATURE"]), "{id}");
        assert_eq!(auth.check(&signed, network), Ok(()), "{id}");
    }
}

#[test]
fn requests_are_authenticated_as_by_the_official_clients() {
    let file = file(AUTH);
    let vectors = rows(&file, "l2");
    assert_eq!(vectors.len(), 20);
    let check = |secret: &Value, request: Request<'_>, expected: &Value| {
        let secret = Secret::from_base64(text(secret)).expect("base64");
        assert_eq!(secret.sign(&request), text(expected), "{request:?}");
        assert!(secret.verifies(&request, text(expected)), "{request:?}");
    };
    for vector in vectors {
        let headers = &vector["headers"];
        let request = Request {
            timestamp: text(&headers["POLY_TIMESTAMP"]),
            method: text(&vector["method"]),
            path: text(&vector["requestPath"]),
            body: vector["body"].as_str().unwrap_or_default().as_bytes(),
        };
        check(&vector["secret"], request, &headers["POLY_SIGNATURE"]);
    }
    let [plain, raw] = rows(&file, "rustSdkTestVectors") else { panic!("two vectors of the Rust client") };
    let timestamp = number(&plain["timestamp"]).to_string();
    let request = Request { timestamp: &timestamp, method: "GET", path: text(&plain["path"]), body: b"" };
    check(&plain["secret"], request, &plain["signature"]);
    let message = text(&raw["message"]).as_bytes();
    check(&raw["secret"], Request { timestamp: "", method: "", path: "", body: message }, &raw["signature"]);
}

#[test]
fn amounts_are_those_of_exact_decimals() {
    let file = file(AMOUNTS);
    let vectors = rows(&file, "vectors");
    assert_eq!(vectors.len(), 630);
    for vector in vectors {
        let price = Price::from_micros(millionths(&vector["price"]) as u32).expect("a price");
        let tick = Tick::from_micros(millionths(&vector["tick"]) as u32).expect("a tick");
        let made = match (text(&vector["kind"]), side(&vector["side"])) {
            ("limit", side) => amounts::limit(tick, side, price, Shares(millionths(&vector["size"]))),
            ("market", Side::Buy) => amounts::market_buy(tick, price, Usdc(millionths(&vector["amount"]) as i64)),
            ("market", Side::Sell) => amounts::market_sell(tick, price, Shares(millionths(&vector["amount"]))),
            other => panic!("no such kind: {other:?}"),
        };
        let expected = Amounts { maker: number(&vector["makerAmount"]), taker: number(&vector["takerAmount"]) };
        assert_eq!(made, Ok(expected), "{vector}");
    }
}
