//! Messages as PROTOCOL.md 3 and 5.2 show them, their quirks, and what is none.

use serde_json::json;

use super::*;
use crate::domain::{Rejection, VenueOrderId};

const OURS: [u8; 32] = [0x11; 32];
const THEIRS: [u8; 32] = [0x22; 32];

fn hex(id: [u8; 32]) -> String {
    VenueOrderId(id).to_string()
}

fn ours() -> Ours {
    Ours { key_id: "our-key".into(), wallet: "0xABcd000000000000000000000000000000000001".into() }
}

/// Two tokens are known: "100" and "101".
fn token(text: &str) -> Option<TokenId> {
    match text {
        "100" => Some(TokenId(0)),
        "101" => Some(TokenId(1)),
        _ => None,
    }
}

fn order_event() -> Value {
    json!({
        "event_type": "order", "type": "UPDATE", "id": hex(OURS), "market": "0xc", "asset_id": "100", "side": "BUY",
        "price": "0.5", "original_size": "1.01", "size_matched": "0", "status": "LIVE", "order_type": "GTC",
        "outcome": "Yes", "owner": "our-key", "associate_trades": null, "created_at": "1794700800000",
        "something_new": {"a": 1},
    })
}

fn trade_event() -> Value {
    json!({
        "event_type": "trade", "type": "TRADE", "id": "5b3cbb20-9a35-4cb1-ba18-3bd3a3ed0ba6",
        "taker_order_id": hex(OURS), "market": "0xc", "asset_id": "100", "side": "BUY", "size": "25", "price": "0.5",
        "status": "MATCHED", "trader_side": "TAKER", "owner": "our-key", "match_time": "1794700805",
        "maker_orders": [{
            "order_id": hex(THEIRS), "owner": "their-key", "maker_address": "0x1", "matched_amount": "25",
            "price": "0.5", "side": "BUY", "asset_id": "999",
        }],
    })
}

fn read(value: &Value) -> Result<Message, Strange> {
    let mut all = frame(value.to_string().as_bytes(), &ours(), &token)?;
    assert_eq!(all.len(), 1);
    all.remove(0)
}

fn changed(mut value: Value, changes: &[(&str, Value)]) -> Value {
    for (name, to) in changes {
        value[*name] = to.clone();
    }
    value
}

#[test]
fn an_order_is_read_with_its_quirks() {
    let Ok(Message::Order(order)) = read(&order_event()) else { panic!("an order") };
    let expected = OrderMessage {
        id: VenueOrderId(OURS),
        token: TokenId(0),
        side: Side::Buy,
        price: Price::from_micros(500_000),
        original_size: Some(1_010_000),
        size_matched: Some(0),
        status: OrderStatus::Live,
    };
    assert_eq!(order, expected);
    // A killed FOK leaves things empty; numbers may be numbers; a word may be new.
    let killed = "CANCELED_order couldn't be fully filled. FOK orders are fully filled or killed.";
    for (changes, status, matched) in [
        (
            vec![("status", json!(killed)), ("size_matched", json!(""))],
            OrderStatus::Refused(Rejection::NotFullyFilled),
            None,
        ),
        (vec![("size_matched", json!(2.5)), ("status", json!("MATCHED"))], OrderStatus::Matched, Some(2_500_000)),
        (vec![("status", json!("HIBERNATING"))], OrderStatus::Unpublished, Some(0)),
        (vec![("status", Value::Null)], OrderStatus::Unpublished, Some(0)),
    ] {
        let Ok(Message::Order(order)) = read(&changed(order_event(), &changes)) else { panic!("{changes:?}") };
        assert_eq!((order.status, order.size_matched), (status, matched), "{changes:?}");
    }
}

#[test]
fn a_trade_is_read_from_our_side_and_from_the_others() {
    let Ok(Message::Trade(trade)) = read(&trade_event()) else { panic!("a trade") };
    assert_eq!((trade.taker.token, trade.taker.is_ours, trade.status), (TokenId(0), true, TradeStatus::Pending));
    assert_eq!((trade.taker.shares, trade.matched_at_s), (Shares::whole(25), 1_794_700_805));
    assert_eq!((trade.makers[0].token, trade.makers[0].is_ours), (STRANGERS_TOKEN, false), "a stranger's token");
    assert_eq!(trade.makers[0].side, Side::Buy, "a mint: both buy");

    // We are the maker: by our key, or by our wallet in whatever case; the owner that is named may be ours.
    for by in [json!({"owner": "our-key"}), json!({"maker_address": "0xabcd000000000000000000000000000000000001"})] {
        let mut makers = trade_event()["maker_orders"].clone();
        makers[0]["asset_id"] = json!("101");
        by.as_object().expect("fields").iter().for_each(|(name, to)| makers[0][name] = to.clone());
        let event = changed(trade_event(), &[("maker_orders", makers), ("trader_side", json!("MAKER"))]);
        let Ok(Message::Trade(trade)) = read(&event) else { panic!("{by}") };
        assert_eq!((trade.taker.is_ours, trade.makers[0].is_ours), (false, true), "{by}");
        assert_eq!(trade.makers[0].token, TokenId(1));
    }
    // REST's prefix, milliseconds, no makers.
    let changes = [
        ("status", json!("TRADE_STATUS_CONFIRMED")),
        ("match_time", json!(1_794_700_805_123_u64)),
        ("maker_orders", json!(null)),
    ];
    let Ok(Message::Trade(trade)) = read(&changed(trade_event(), &changes)) else { panic!("a trade") };
    assert_eq!((trade.status, trade.matched_at_s, trade.makers.len()), (TradeStatus::Confirmed, 1_794_700_805, 0));
}

/// Binds: how many messages one frame may be, and makers one match.
#[test]
fn what_cannot_be_read_says_why_and_spoils_nothing_else() {
    assert_eq!(frame(b"PONG", &ours(), &token), Err(Strange::NotJson));
    let field = |name, found: &str| Strange::Field { name, found: found.to_owned() };
    for (changes, strange) in [
        (("event_type", json!("weather")), Strange::Kind { kind: "weather".into() }),
        (("id", json!("0x12")), field("id", "\"0x12\"")),
        (("side", json!("HOLD")), field("side", "\"HOLD\"")),
        (("asset_id", Value::Null), field("asset_id", "null")),
        (("asset_id", json!("7")), Strange::NewToken { token: "7".into() }),
    ] {
        assert_eq!(read(&changed(order_event(), &[changes])), Err(strange));
    }
    let other = changed(trade_event(), &[("price", json!("two"))]);
    assert_eq!(read(&other), Err(field("price", "\"two\"")));
    let both = json!([other, order_event()]).to_string();
    let read = frame(both.as_bytes(), &ours(), &token).expect("an array");
    assert!(matches!(read[..], [Err(Strange::Field { .. }), Ok(Message::Order(_))]), "{read:?}");
    let many = json!(vec![1; BATCH_MAX + 1]).to_string();
    assert_eq!(frame(many.as_bytes(), &ours(), &token), Err(Strange::TooMany));
    let makers = vec![trade_event()["maker_orders"][0].clone(); MAKERS_MAX + 1];
    let many = changed(trade_event(), &[("maker_orders", json!(makers))]);
    assert_eq!(trade(&many, &ours(), &token), Err(Strange::TooMany));
}
