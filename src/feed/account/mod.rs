//! What the venue says of our own orders and trades: messages of the user channel and rows of REST, which have the same
//! fields (PROTOCOL.md 3, 5.2). Tolerant: fields may be missing, new, numbers or texts; words that are not published are
//! kept. What cannot be read is refused with its reason, for somebody to look at, and never taken for nothing.

use std::fmt;

use serde_json::Value;

use crate::{
    domain::{Price, Shares, Side, TokenId},
    venue::polymarket::follow::{
        Leg, OrderMessage, OrderStatus, TradeMessage, TradeStatus,
        message::{millionths, order_id, trade_key},
    },
};

/// The token of somebody else's leg in a token that we never met: nothing is looked up by it.
pub const STRANGERS_TOKEN: TokenId = TokenId(u32::MAX);
/// A match brings together fewer makers than this.
const MAKERS_MAX: usize = 1_000;
/// So many values of a batch are read.
const BATCH_MAX: usize = 1_000;
/// A time that is greater is in milliseconds.
const SECONDS_MAX: u64 = 100_000_000_000;

/// Who we are in messages.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ours {
    /// The id of our API key.
    pub key_id: String,
    /// The wallet that holds the funds, as `0x` and hex digits in any case.
    pub wallet: String,
}

/// A message of the user channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    Order(OrderMessage),
    Trade(TradeMessage),
}

/// Why a message or a row cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Strange {
    NotJson,
    /// A kind of message that is not published.
    Kind {
        kind: String,
    },
    /// A field that must be there is not, or is not what it can be.
    Field {
        name: &'static str,
        found: String,
    },
    /// It is ours, in a token that has no id yet: give it one and read the message again.
    NewToken {
        token: String,
    },
    TooMany,
}

impl fmt::Display for Strange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Strange::NotJson => f.write_str("not JSON"),
            Strange::Kind { kind } => write!(f, "event_type {kind:?} is not known"),
            Strange::Field { name, found } => write!(f, "{name}: {found} is not what it can be"),
            Strange::NewToken { token } => write!(f, "token {token} was never met"),
            Strange::TooMany => write!(f, "more than {BATCH_MAX} messages in one, or {MAKERS_MAX} makers in a match"),
        }
    }
}

/// Reads a frame: one message, or an array of them. Each is read for itself: one that is strange spoils no other.
pub fn frame(
    bytes: &[u8],
    ours: &Ours,
    tokens: &impl Fn(&str) -> Option<TokenId>,
) -> Result<Vec<Result<Message, Strange>>, Strange> {
    match serde_json::from_slice(bytes).map_err(|_| Strange::NotJson)? {
        Value::Array(all) if BATCH_MAX < all.len() => Err(Strange::TooMany),
        Value::Array(all) => Ok(all.iter().map(|one| message(one, ours, tokens)).collect()),
        one => Ok(vec![message(&one, ours, tokens)]),
    }
}

fn message(value: &Value, ours: &Ours, tokens: &impl Fn(&str) -> Option<TokenId>) -> Result<Message, Strange> {
    let kind = text(value, "event_type").unwrap_or_default();
    match kind.as_str() {
        "order" => order(value, tokens).map(Message::Order),
        "trade" => trade(value, ours, tokens).map(Message::Trade),
        _ => Err(Strange::Kind { kind: kind.chars().take(40).collect() }),
    }
}

/// Reads an order: it is ours, or we would not be told of it.
pub fn order(value: &Value, tokens: &impl Fn(&str) -> Option<TokenId>) -> Result<OrderMessage, Strange> {
    let token = must(value, "asset_id", text)?;
    Ok(OrderMessage {
        id: must(value, "id", |value, name| order_id(&text(value, name)?))?,
        token: tokens(&token).ok_or(Strange::NewToken { token })?,
        side: must(value, "side", side)?,
        price: price(value, "price"),
        original_size: number(value, "original_size"),
        size_matched: number(value, "size_matched"),
        status: OrderStatus::parse(&text(value, "status").unwrap_or_default()),
    })
}

/// Reads a match in which our wallet has a part.
pub fn trade(value: &Value, ours: &Ours, tokens: &impl Fn(&str) -> Option<TokenId>) -> Result<TradeMessage, Strange> {
    // Of a match in which we are a maker the owner that is named may be the taker, or ourselves.
    let is_taker = text(value, "trader_side").is_none_or(|side| !side.eq_ignore_ascii_case("MAKER"));
    let taker = leg(value, ["taker_order_id", "size"], is_taker && ours.are(value), tokens)?;
    let makers = match &value["maker_orders"] {
        Value::Array(makers) if MAKERS_MAX < makers.len() => return Err(Strange::TooMany),
        Value::Array(makers) => makers.as_slice(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => &[],
    };
    let makers = makers.iter().map(|maker| leg(maker, ["order_id", "matched_amount"], ours.are(maker), tokens));
    let matched_at = ["match_time", "matchtime", "timestamp"].into_iter().find_map(|name| seconds(value, name));
    Ok(TradeMessage {
        trade: trade_key(&must(value, "id", text)?),
        status: TradeStatus::parse(&text(value, "status").unwrap_or_default()),
        taker,
        makers: makers.collect::<Result<Vec<Leg>, Strange>>()?,
        matched_at_s: matched_at.unwrap_or(0),
    })
}

fn leg(
    value: &Value,
    [id, size]: [&'static str; 2],
    is_ours: bool,
    tokens: &impl Fn(&str) -> Option<TokenId>,
) -> Result<Leg, Strange> {
    let named = must(value, "asset_id", text)?;
    let token = match tokens(&named) {
        Some(token) => token,
        None if is_ours => return Err(Strange::NewToken { token: named }),
        None => STRANGERS_TOKEN,
    };
    Ok(Leg {
        order: must(value, id, |value, name| order_id(&text(value, name)?))?,
        token,
        side: must(value, "side", side)?,
        shares: Shares(must(value, size, number)?),
        price: must(value, "price", price)?,
        is_ours,
    })
}

impl Ours {
    /// Returns whether an order or a leg is of our key or of our wallet.
    fn are(&self, value: &Value) -> bool {
        let is = |name, ours: &str| text(value, name).is_some_and(|text| text.eq_ignore_ascii_case(ours));
        is("owner", &self.key_id) || is("maker_address", &self.wallet)
    }
}

fn must<T>(value: &Value, name: &'static str, read: impl Fn(&Value, &'static str) -> Option<T>) -> Result<T, Strange> {
    let found = || value[name].to_string().chars().take(80).collect();
    read(value, name).ok_or_else(|| Strange::Field { name, found: found() })
}

/// Returns a text, or a number as it is written.
fn text(value: &Value, name: &'static str) -> Option<String> {
    match &value[name] {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => None,
    }
}

fn number(value: &Value, name: &'static str) -> Option<u64> {
    millionths(&text(value, name)?)
}

fn price(value: &Value, name: &'static str) -> Option<Price> {
    Price::from_micros(u32::try_from(number(value, name)?).ok()?)
}

fn side(value: &Value, name: &'static str) -> Option<Side> {
    let side = text(value, name)?;
    let is = |word: &str| side.eq_ignore_ascii_case(word);
    if is("BUY") { Some(Side::Buy) } else { is("SELL").then_some(Side::Sell) }
}

/// Reads a time in seconds or milliseconds.
fn seconds(value: &Value, name: &'static str) -> Option<u64> {
    let number: u64 = text(value, name)?.parse().ok()?;
    Some(if SECONDS_MAX < number { number / 1_000 } else { number })
}

#[cfg(test)]
mod tests;
