//! A log `OrderFilled` of an exchange, as a node tells it (PROTOCOL.md 9.1).

use serde::Deserialize;

use super::{
    Contracts, Leg,
    word::{WORD_DIGITS, Word, address, quantity, wallet},
};
use crate::{
    domain::{Nanos, Role, Side},
    feed::{
        market::{Malformed, MalformedCode},
        registry::WALLET_TEXT_LEN,
    },
};

/// The same for both generations.
pub const ORDER_FILLED: &str = "0xd543adfd945773f1a62f74f0ee55a5e3b9b1a28262980ba90b1a89f2ea84d8ee";

/// As it stands in JSON. Nothing is copied: hex has no escapes.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawLog<'a> {
    address: &'a str,
    #[serde(borrow)]
    topics: [&'a str; 4],
    data: &'a str,
    transaction_hash: &'a str,
    /// Null while it waits for its block.
    #[serde(borrow)]
    block_number: Option<&'a str>,
    /// Not every node tells it.
    #[serde(borrow, default)]
    block_timestamp: Option<&'a str>,
    #[serde(default)]
    removed: bool,
}

/// Whether a log is on the chain, or was, in a block that was replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    Stands,
    Removed,
}

/// One fill of one order, whoever's it is.
pub(super) struct Filled<'a> {
    pub transaction: &'a [u8],
    pub leg: Leg,
    /// The block's time, if it was told.
    pub at: Option<Nanos>,
    pub block: Option<u64>,
    pub standing: Standing,
}

/// Reads a log; `None` for one of another event or contract.
pub(super) fn read<'a>(json: &'a [u8], contracts: &Contracts) -> Result<Option<Filled<'a>>, Malformed> {
    let log: RawLog<'_> = serde_json::from_slice(json).map_err(|error| Malformed::json(&error, json))?;
    let contract = need(address(log.address.as_bytes()), "address", MalformedCode::BadWallet)?;
    if !contracts.holds(&contract) || !log.topics[0].eq_ignore_ascii_case(ORDER_FILLED) {
        return Ok(None);
    }
    let topic = |nth: usize| log.topics[nth].strip_prefix("0x").unwrap_or_default().as_bytes();
    let order = need(Word::read(topic(1)), "topics[1]", MalformedCode::BadWord)?;
    let owner = need(wallet(topic(2)), "topics[2]", MalformedCode::BadWallet)?;
    let other = need(wallet(topic(3)).and_then(|wallet| address(&wallet)), "topics[3]", MalformedCode::BadWallet)?;
    let words = log.data.strip_prefix("0x").unwrap_or_default().as_bytes();
    let word = |nth: usize| words.get(nth * WORD_DIGITS..(nth + 1) * WORD_DIGITS).and_then(Word::read);
    let amount = |nth: usize| word(nth).and_then(Word::small);
    let side = need(amount(0).and_then(side), "data[0]", MalformedCode::BadSide)?;
    let token = need(word(1), "data[1]", MalformedCode::BadToken)?;
    let given = need(amount(2), "data[2]", MalformedCode::BadSize)?;
    let got = need(amount(3), "data[3]", MalformedCode::BadSize)?;
    let (shares, dollars) = match side {
        Side::Buy => (got, given),
        Side::Sell => (given, got),
    };
    // The taker's own leg names the exchange as its other side.
    let role = if contracts.holds(&other) { Role::Taker } else { Role::Maker };
    let leg = Leg { wallet: owner, role, side, token, shares, dollars, mark: order.mark() };
    let at = log.block_timestamp.and_then(|text| quantity(text.as_bytes())).filter(|seconds| *seconds < SECONDS_END);
    let at = at.map(Nanos::from_secs);
    let block = log.block_number.and_then(|text| quantity(text.as_bytes()));
    let standing = if log.removed { Standing::Removed } else { Standing::Stands };
    Ok(Some(Filled { transaction: log.transaction_hash.as_bytes(), leg, at, block, standing }))
}

/// The year 2500: a time of a block after this is none.
const SECONDS_END: u64 = 16_725_225_600;

pub(super) fn need<T>(value: Option<T>, field: &'static str, code: MalformedCode) -> Result<T, Malformed> {
    value.ok_or(Malformed { code, field, offset: 0 })
}

/// Reads a side as the contracts number it.
pub(super) fn side(number: u64) -> Option<Side> {
    match number {
        0 => Some(Side::Buy),
        1 => Some(Side::Sell),
        _ => None,
    }
}

/// A topic that stands for a wallet.
pub fn topic(wallet: &str) -> String {
    debug_assert_eq!(wallet.len(), WALLET_TEXT_LEN);
    format!("0x{:0>64}", wallet.trim_start_matches("0x"))
}
