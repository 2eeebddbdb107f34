//! Reads the bodies of requests that place and cancel (PROTOCOL.md 2.7, 2.9).

use alloy::primitives::{Address, B256, U256};
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use super::refusal::{CANCELS_MAX, ORDERS_MAX, Refusal};
use crate::domain::{Millis, Nanos, Side};
use crate::sim::exchange::{Kind, OrderId};
use crate::venue::polymarket::{Order, SignatureType, key};

/// A salt is a JSON number: clients that know only doubles must be able to write it.
const SALT_END: u64 = 1 << 53;

/// One order as it was sent, well-formed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    pub order: Order,
    pub signature: Vec<u8>,
    /// The token as it was written.
    pub token: String,
    /// The id of an API key.
    pub owner: String,
    pub kind: Kind,
    pub post_only: bool,
    /// Seconds since 1970; 0: none.
    pub expiration: u64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct EntryWire {
    order: OrderWire,
    owner: String,
    order_type: String,
    post_only: Option<bool>,
    // The venue takes it; what it does with it nobody says.
    #[serde(rename = "deferExec")]
    _defer_exec: Option<bool>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct OrderWire {
    salt: u64,
    maker: Address,
    signer: Address,
    token_id: String,
    maker_amount: String,
    taker_amount: String,
    side: String,
    signature_type: u64,
    signature: String,
    expiration: Option<String>,
    timestamp: Option<String>,
    metadata: Option<B256>,
    builder: Option<B256>,
    /// Only orders of the first generation have these.
    nonce: Option<Value>,
    fee_rate_bps: Option<Value>,
}

/// Returns the entries of a batch, each still to be read. Refuses an empty one and one that is too long.
pub fn batch(body: &[u8]) -> Result<Vec<&RawValue>, Refusal> {
    let entries: Vec<&RawValue> = serde_json::from_slice(body).map_err(|_| Refusal::Payload)?;
    match entries.len() {
        0 => Err(Refusal::Payload),
        1..=ORDERS_MAX => Ok(entries),
        orders => Err(Refusal::TooManyOrders { orders }),
    }
}

impl Entry {
    pub fn read(body: &[u8]) -> Result<Entry, Refusal> {
        let entry: EntryWire = serde_json::from_slice(body).map_err(|_| Refusal::Payload)?;
        if entry.order.timestamp.is_none() && (entry.order.nonce.is_some() || entry.order.fee_rate_bps.is_some()) {
            return Err(Refusal::Version);
        }
        let expiration = number(entry.order.expiration.as_deref().unwrap_or("0"))?;
        let kind = match entry.order_type.as_str() {
            "GTC" => Kind::Gtc,
            "GTD" => Kind::Gtd { expires_at: Nanos::from_secs(expiration) },
            "FOK" => Kind::Fok,
            "FAK" => Kind::Fak,
            _ => return Err(Refusal::Payload),
        };
        let post_only = entry.post_only.unwrap_or_default();
        match kind {
            Kind::Fok | Kind::Fak if post_only => return Err(Refusal::Payload),
            Kind::Gtc | Kind::Fok | Kind::Fak if expiration != 0 => return Err(Refusal::Expiration),
            Kind::Gtc | Kind::Gtd { .. } | Kind::Fok | Kind::Fak => {}
        }
        let signature = key::decode_hex(&entry.order.signature).map_err(|_| Refusal::Signature)?;
        let order = signed(&entry.order)?;
        Ok(Entry { order, signature, token: entry.order.token_id, owner: entry.owner, kind, post_only, expiration })
    }
}

fn signed(wire: &OrderWire) -> Result<Order, Refusal> {
    let side = match wire.side.as_str() {
        "BUY" => Side::Buy,
        "SELL" => Side::Sell,
        _ => return Err(Refusal::Payload),
    };
    if wire.salt >= SALT_END {
        return Err(Refusal::Payload);
    }
    Ok(Order {
        salt: wire.salt,
        maker: wire.maker,
        signer: wire.signer,
        token: U256::from_str_radix(&wire.token_id, 10).map_err(|_| Refusal::Payload)?,
        maker_amount: number(&wire.maker_amount)?,
        taker_amount: number(&wire.taker_amount)?,
        side,
        signature_type: SignatureType::from_number(wire.signature_type).ok_or(Refusal::Payload)?,
        timestamp: Millis(number(wire.timestamp.as_deref().ok_or(Refusal::Payload)?)?),
        metadata: wire.metadata.unwrap_or_default(),
        builder: wire.builder.unwrap_or_default(),
    })
}

/// Reads decimal digits, as all numbers but the salt are written.
fn number(text: &str) -> Result<u64, Refusal> {
    let is_digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| is_digits).ok_or(Refusal::Payload)
}

/// Reads `{"orderID":"0x…"}`.
pub fn order_id(body: &[u8]) -> Result<OrderId, Refusal> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "orderID")]
        id: String,
    }
    let wire: Wire = serde_json::from_slice(body).map_err(|_| Refusal::Payload)?;
    parse_id(&wire.id)
}

/// Reads `["0x…", …]`; an id that stands there twice counts once.
pub fn order_ids(body: &[u8]) -> Result<Vec<OrderId>, Refusal> {
    let texts: Vec<String> = serde_json::from_slice(body).map_err(|_| Refusal::Payload)?;
    if texts.len() > CANCELS_MAX {
        return Err(Refusal::TooManyCancels);
    }
    let mut seen = std::collections::HashSet::new();
    let ids: Vec<OrderId> = texts.iter().map(|text| parse_id(text)).collect::<Result<_, Refusal>>()?;
    Ok(ids.into_iter().filter(|id| seen.insert(*id)).collect())
}

/// Which orders `cancel-market-orders` is about: of a condition, of a token, or of both.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MarketFilter {
    pub condition: Option<String>,
    pub token: Option<String>,
}

/// Reads `{"market":"0x…","asset_id":"…"}`, of which one may be missing, `null` or empty.
pub fn market_filter(body: &[u8]) -> Result<MarketFilter, Refusal> {
    #[derive(Deserialize)]
    struct Wire {
        market: Option<String>,
        asset_id: Option<String>,
    }
    let wire: Wire = serde_json::from_slice(body).map_err(|_| Refusal::Payload)?;
    let given = |text: Option<String>| text.filter(|text| !text.is_empty());
    let filter = MarketFilter { condition: given(wire.market), token: given(wire.asset_id) };
    if filter.condition.is_none() && filter.token.is_none() {
        return Err(Refusal::Payload);
    }
    Ok(filter)
}

/// Reads an order id: 0x and 64 hex digits.
pub fn parse_id(text: &str) -> Result<OrderId, Refusal> {
    let bytes = key::decode_hex(text).ok().and_then(|bytes| <[u8; 32]>::try_from(bytes).ok());
    bytes.map(OrderId).ok_or(Refusal::BadOrderId)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn good() -> Value {
        json!({"deferExec": false, "postOnly": false, "owner": "key", "orderType": "GTC", "order": {
            "salt": 479_249_096_354_u64, "maker": Address::repeat_byte(1), "signer": Address::repeat_byte(2),
            "tokenId": "7132", "makerAmount": "5200000", "takerAmount": "10000000", "side": "BUY", "signatureType": 2,
            "timestamp": "1794700800123", "expiration": "0", "metadata": B256::ZERO, "builder": B256::ZERO,
            "signature": "0x01"}})
    }

    fn read(body: &Value) -> Result<Entry, Refusal> {
        Entry::read(body.to_string().as_bytes())
    }

    #[test]
    fn an_order_is_read() {
        let entry = read(&good()).expect("an order");
        assert_eq!((entry.order.salt, entry.order.maker_amount), (479_249_096_354, 5_200_000));
        assert_eq!((entry.kind, entry.order.side, entry.signature), (Kind::Gtc, Side::Buy, vec![1]));
    }

    #[test]
    fn what_is_not_an_order_is_refused() {
        let check = |pointer: &str, value: Value, refusal: Refusal| {
            let mut body = good();
            let (parent, name) = pointer.rsplit_once('/').expect("a pointer");
            let parent = body.pointer_mut(parent).expect("a parent").as_object_mut().expect("an object");
            match &value {
                Value::Null => parent.remove(name),
                _ => parent.insert(name.to_owned(), value.clone()),
            };
            assert_eq!(read(&body), Err(refusal), "{pointer} = {value}");
        };
        for (pointer, value) in [
            ("/owner", json!(7)),
            ("/owner", Value::Null),
            ("/orderType", json!("IOC")),
            ("/order/side", json!("buy")),
            ("/order/salt", json!("7")),
            ("/order/salt", json!(1_u64 << 53)),
            ("/order/salt", json!(-1)),
            ("/order/maker", json!("0x01")),
            ("/order/tokenId", json!("0x12")),
            ("/order/tokenId", json!("9".repeat(90))),
            ("/order/makerAmount", json!("5.2")),
            ("/order/makerAmount", json!("+5")),
            ("/order/takerAmount", json!(10)),
            ("/order/signatureType", json!(4)),
            ("/order/timestamp", Value::Null),
            ("/order/expiration", json!("soon")),
        ] {
            check(pointer, value, Refusal::Payload);
        }
        check("/order/signature", json!("nothing"), Refusal::Signature);
        check("/order/expiration", json!("1794700800"), Refusal::Expiration);
        assert_eq!(Entry::read(b"{"), Err(Refusal::Payload));
        let mut post_only = good();
        post_only["postOnly"] = json!(true);
        assert!(read(&post_only).is_ok());
        post_only["orderType"] = json!("FOK");
        assert_eq!(read(&post_only), Err(Refusal::Payload));
    }

    #[test]
    fn the_first_generation_is_told_so() {
        let mut body = good();
        let order = body["order"].as_object_mut().expect("an object");
        order.retain(|name, _| !["timestamp", "metadata", "builder"].contains(&name.as_str()));
        order.insert("nonce".into(), json!("0"));
        order.insert("feeRateBps".into(), json!("0"));
        assert_eq!(read(&body), Err(Refusal::Version));
    }

    #[test]
    fn a_batch_has_one_to_fifteen_entries() {
        let count = |entries: usize| batch(json!(vec![good(); entries]).to_string().as_bytes()).map(|all| all.len());
        assert_eq!(count(0), Err(Refusal::Payload));
        assert_eq!((count(1), count(15)), (Ok(1), Ok(15)));
        assert_eq!(count(16), Err(Refusal::TooManyOrders { orders: 16 }));
        assert_eq!(batch(b"{}").map(|all| all.len()), Err(Refusal::Payload));
    }

    #[test]
    fn cancels_are_read() {
        let id = OrderId([0xab; 32]);
        assert_eq!(order_id(json!({"orderID": id.to_string()}).to_string().as_bytes()), Ok(id));
        assert_eq!(order_id(br#"{"orderID":"0x12"}"#), Err(Refusal::BadOrderId));
        assert_eq!(order_id(br#"{"orderId":"0x12"}"#), Err(Refusal::Payload));
        let twice = json!([id.to_string(), id.to_string()]);
        assert_eq!(order_ids(twice.to_string().as_bytes()), Ok(vec![id]));
        let many = json!(vec![id.to_string(); 1_001]);
        assert_eq!(order_ids(many.to_string().as_bytes()), Err(Refusal::TooManyCancels));
        let filter = |condition: Option<&str>, token: Option<&str>| {
            Ok(MarketFilter { condition: condition.map(str::to_owned), token: token.map(str::to_owned) })
        };
        assert_eq!(market_filter(br#"{"market":"0x1","asset_id":null}"#), filter(Some("0x1"), None));
        assert_eq!(market_filter(br#"{"market":"","asset_id":"7"}"#), filter(None, Some("7")));
        assert_eq!(market_filter(b"{}"), Err(Refusal::Payload));
    }
}
