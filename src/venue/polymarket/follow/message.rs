//! What the venue says of orders and trades of our wallet, decoded: the same words on the user channel and in REST rows
//! (PROTOCOL.md 3, 5.2). Texts of ids and numbers become numbers here.

use sha2::{Digest, Sha256};

use crate::{
    domain::{Price, Rejection, Shares, Side, TokenId, TradeKey, VenueOrderId},
    feed::decimal::{self, Excess},
    venue::polymarket::answer::{Meaning, meaning},
};

/// An order as the venue sees it: an event of the user channel, or a row that was read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderMessage {
    pub id: VenueOrderId,
    pub token: TokenId,
    pub side: Side,
    pub price: Option<Price>,
    /// As written, in millionths of whatever unit the venue means; `None` where it is empty or missing.
    pub original_size: Option<u64>,
    pub size_matched: Option<u64>,
    pub status: OrderStatus,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    Live,
    /// Nothing is left of it.
    Matched,
    Delayed,
    /// It was held and found nothing. An order that may rest does so from now on.
    Unmatched,
    Cancelled,
    Expired,
    /// Cancelled with a no of the venue's own words.
    Refused(Rejection),
    Invalid,
    /// A word that is not published. It proves that the order is there, and nothing more.
    Unpublished,
}

impl OrderStatus {
    /// Reads the venue's word, with or without the prefix that it had before.
    pub fn parse(text: &str) -> OrderStatus {
        let text = text.strip_prefix("ORDER_STATUS_").unwrap_or(text);
        match text.to_ascii_uppercase().as_str() {
            "LIVE" => OrderStatus::Live,
            "MATCHED" => OrderStatus::Matched,
            "DELAYED" => OrderStatus::Delayed,
            "UNMATCHED" => OrderStatus::Unmatched,
            "INVALID" => OrderStatus::Invalid,
            "CANCELED_EXPIRED_ORDER" => OrderStatus::Expired,
            "CANCELED" | "CANCELLED" => OrderStatus::Cancelled,
            other if other.starts_with("CANCELED_") => match meaning(&other["CANCELED_".len()..]) {
                Some(Meaning::Refused(rejection)) => OrderStatus::Refused(rejection),
                Some(Meaning::Doubtful(_)) | None => OrderStatus::Cancelled,
            },
            _ => OrderStatus::Unpublished,
        }
    }
}

/// A match in which our wallet has a part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TradeMessage {
    pub trade: TradeKey,
    pub status: TradeStatus,
    pub taker: Leg,
    /// Each resting order that it met, with what was matched of it. Of others' wallets, too: they tell the taker's amounts.
    pub makers: Vec<Leg>,
    /// When it was matched, in seconds since 1970.
    pub matched_at_s: u64,
}

/// One order's part in a match. Side, token and price are the order's own: in a mint both sides buy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Leg {
    pub order: VenueOrderId,
    pub token: TokenId,
    pub side: Side,
    pub shares: Shares,
    pub price: Price,
    /// The order is of our wallet or key, whether we sent it or somebody else.
    pub is_ours: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TradeStatus {
    /// On its way through the chain: matched, not broadcasted, mined, or tried again.
    Pending,
    Confirmed,
    Failed,
    /// A word that is not published: as pending, and worth a look.
    Unpublished,
}

impl TradeStatus {
    /// Reads the venue's word, with or without the prefix that REST gives it.
    pub fn parse(text: &str) -> TradeStatus {
        let text = text.strip_prefix("TRADE_STATUS_").unwrap_or(text);
        match text.to_ascii_uppercase().as_str() {
            "MATCHED" | "MATCHED_NOT_BROADCASTED" | "MINED" | "RETRYING" => TradeStatus::Pending,
            "CONFIRMED" => TradeStatus::Confirmed,
            "FAILED" => TradeStatus::Failed,
            _ => TradeStatus::Unpublished,
        }
    }
}

/// Reads `0x` and 64 hexadecimal digits in whatever case.
pub fn order_id(text: &str) -> Option<VenueOrderId> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    let mut id = [0; 32];
    (digits.len() == 64).then_some(())?;
    alloy::hex::decode_to_slice(digits, &mut id).ok()?;
    Some(VenueOrderId(id))
}

/// Returns the key of the venue's id of a trade: a UUID's own 128 bits, or of another text as many of its hash.
pub fn trade_key(text: &str) -> TradeKey {
    let digits: String = text.chars().filter(|c| *c != '-').collect();
    let is_uuid = text.len() == 36 && digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    let bits = match u128::from_str_radix(&digits, 16) {
        Ok(bits) if is_uuid => bits,
        Ok(_) | Err(_) => {
            let hash = Sha256::digest(text.as_bytes());
            hash[..16].iter().fold(0, |bits, byte| bits << 8 | u128::from(*byte))
        }
    };
    TradeKey([(bits >> 64) as u64, bits as u64])
}

/// Reads a decimal in millionths, cut behind the sixth place; `None` where it is empty or no decimal.
pub fn millionths(text: &str) -> Option<u64> {
    decimal::micros(text.as_bytes(), Excess::Cut)
}
