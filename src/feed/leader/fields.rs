//! The texts of a trade, wherever they were read -> its values and its key.

use super::Ordinals;
use crate::{
    domain::{Nanos, Price, Shares, Side, TradeKey, money::SHARES_MAX},
    feed::{
        decimal::{self, Excess},
        market::{Malformed, MalformedCode},
        registry::{WALLET_TEXT_LEN, is_token, lower_wallet},
        text::Text,
    },
};

/// A trade as text: numbers as they stand in JSON, without quotes. Empty: not there.
#[derive(Clone, Copy, Default)]
pub(super) struct Fields<'a> {
    pub wallet: &'a [u8],
    pub token: &'a [u8],
    pub side: &'a [u8],
    pub price: &'a [u8],
    pub size: &'a [u8],
    pub timestamp: &'a [u8],
    pub transaction: &'a [u8],
}

/// A trade of whoever it was, before ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::feed) struct Values {
    pub wallet: Text<WALLET_TEXT_LEN>,
    pub token: Text<80>,
    pub side: Side,
    pub price: Price,
    pub shares: Shares,
    pub traded_at: Nanos,
    pub transaction: Text<80>,
}

/// What somebody did with a market beside trading, before ids.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Doing {
    pub wallet: Text<WALLET_TEXT_LEN>,
    pub condition: Text<80>,
    pub shares: Shares,
    pub at: Nanos,
    pub transaction: Text<80>,
}

impl Fields<'_> {
    /// Returns what is known of something that is no trade; `condition` names its market.
    pub fn doing(&self, condition: &[u8]) -> Result<Doing, Malformed> {
        Ok(Doing {
            wallet: need(self.wallet, "proxyWallet", MalformedCode::BadWallet, wallet)?,
            condition: need(condition, "conditionId", MalformedCode::MissingField, transaction)?,
            shares: need(self.size, "size", MalformedCode::BadSize, shares)?,
            at: need(self.timestamp, "timestamp", MalformedCode::BadTime, moment)?,
            transaction: need(self.transaction, "transactionHash", MalformedCode::MissingField, transaction)?,
        })
    }

    /// Returns the values, or which field is missing or wrong.
    pub fn values(&self) -> Result<Values, Malformed> {
        Ok(Values {
            wallet: need(self.wallet, "proxyWallet", MalformedCode::BadWallet, wallet)?,
            token: need(self.token, "asset", MalformedCode::BadToken, |text| {
                if is_token(text) { Text::new(text) } else { None }
            })?,
            side: need(self.side, "side", MalformedCode::BadSide, side)?,
            price: need(self.price, "price", MalformedCode::BadPrice, price)?,
            shares: need(self.size, "size", MalformedCode::BadSize, shares)?,
            traded_at: need(self.timestamp, "timestamp", MalformedCode::BadTime, moment)?,
            transaction: need(self.transaction, "transactionHash", MalformedCode::MissingField, transaction)?,
        })
    }
}

fn need<T>(
    text: &[u8],
    field: &'static str,
    code: MalformedCode,
    rule: impl Fn(&[u8]) -> Option<T>,
) -> Result<T, Malformed> {
    if text.is_empty() {
        return Err(Malformed { code: MalformedCode::MissingField, field, offset: 0 });
    }
    rule(text).ok_or(Malformed { code, field, offset: 0 })
}

fn wallet(text: &[u8]) -> Option<Text<WALLET_TEXT_LEN>> {
    Text::new(&lower_wallet(text)?)
}

fn side(text: &[u8]) -> Option<Side> {
    match text {
        b"BUY" => Some(Side::Buy),
        b"SELL" => Some(Side::Sell),
        _ => None,
    }
}

/// A price of several fills in one is an average with many decimals: rounded half up to millionths.
fn price(text: &[u8]) -> Option<Price> {
    Price::from_micros(u32::try_from(number(text, Excess::Round)?).ok()?)
}

/// Cut to millionths of a share.
fn shares(text: &[u8]) -> Option<Shares> {
    let micros = number(text, Excess::Cut)?;
    (0 < micros && micros <= SHARES_MAX.0).then_some(Shares(micros))
}

/// Numbers may have an exponent in JSON (1e-05), though the venue hardly sends one.
fn number(text: &[u8], excess: Excess) -> Option<u64> {
    if !text.iter().any(|byte| matches!(byte, b'e' | b'E')) {
        return decimal::micros(text, excess);
    }
    let value: f64 = std::str::from_utf8(text).ok()?.parse().ok()?;
    decimal::micros(format!("{value:.12}").as_bytes(), excess)
}

/// Seconds or milliseconds since 1970, told apart by size: in seconds, 100 billion is the year 5138; in milliseconds, 1973.
fn moment(text: &[u8]) -> Option<Nanos> {
    const MILLIS_MIN: u64 = 100_000_000_000;
    match decimal::millis(text)? {
        0 => None,
        seconds if seconds < MILLIS_MIN => Some(Nanos::from_secs(seconds)),
        millis if millis < MILLIS_MIN * 1_000 => Some(Nanos::from_millis(millis)),
        _ => None,
    }
}

fn transaction(text: &[u8]) -> Option<Text<80>> {
    let mut lower = [0; 80];
    let lower = lower.get_mut(..text.len())?;
    lower.copy_from_slice(text);
    lower.make_ascii_lowercase();
    Text::new(lower)
}

impl Values {
    /// Returns which of the transaction's equal fills it is, for a source that says nothing else of them than their price:
    /// the same fill told twice is one.
    pub fn ordinal(&self, ordinals: &mut Ordinals) -> u32 {
        ordinals.of(self.key(0), self.price.micros().into())
    }

    /// Returns the key of this fill: the same from every source, because sizes and cases are made equal first. The price is
    /// not in it: each source rounds an average in its own way. `ordinal` tells equal fills of one transaction apart, from
    /// 0. Keys are kept in journals: this must never change.
    pub fn key(&self, ordinal: u32) -> TradeKey {
        let mut lanes = Lanes([0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344]);
        lanes.text(self.transaction.as_bytes());
        lanes.text(self.wallet.as_bytes());
        lanes.text(self.token.as_bytes());
        lanes.word(match self.side {
            Side::Buy => 1,
            Side::Sell => 2,
        });
        lanes.word(self.shares.0);
        lanes.word(u64::from(ordinal));
        TradeKey(lanes.0)
    }
}

impl Doing {
    /// Returns the key of what this does to one of the market's tokens; of the whole of it for an empty one. `kind` is from 16
    /// on, so that it is never a trade's. Keys are kept in journals: this must never change.
    pub fn key(&self, kind: u64, token: &str, ordinal: u32) -> TradeKey {
        let mut lanes = Lanes([0x243f_6a88_85a3_08d3, 0x1319_8a2e_0370_7344]);
        lanes.text(self.transaction.as_bytes());
        lanes.text(self.wallet.as_bytes());
        lanes.text(self.condition.as_bytes());
        lanes.text(token.as_bytes());
        lanes.word(kind);
        lanes.word(self.shares.0);
        lanes.word(u64::from(ordinal));
        TradeKey(lanes.0)
    }
}

/// Two 64-bit hashes side by side, each by folded multiplication. Not for secrets.
struct Lanes([u64; 2]);

impl Lanes {
    fn text(&mut self, text: &[u8]) {
        self.word(text.len() as u64);
        for chunk in text.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            self.word(u64::from_le_bytes(word));
        }
    }

    fn word(&mut self, word: u64) {
        const FACTORS: [u64; 2] = [0xa076_1d64_78bd_642f, 0xe703_7ed1_a0b4_28db];
        for (lane, factor) in self.0.iter_mut().zip(FACTORS) {
            let product = u128::from(*lane ^ word) * u128::from(factor);
            *lane = (product as u64 ^ (product >> 64) as u64).wrapping_add(factor);
        }
    }
}
