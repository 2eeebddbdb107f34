//! Writes what happens in the simulated world as the venue's JSON.

mod book;
mod channel;
mod gamma;
mod metadata;
mod trades;

use std::fmt::Display;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

pub use book::{book_answer, book_hash};
pub use channel::json;
pub use gamma::{
    gamma_event, gamma_event_id, gamma_market, gamma_market_id, gamma_resolution, gamma_series, gamma_tag,
};
pub use metadata::{EventImage, MarketImage, Phase, clob_market_answer, market_answer, simplified_market_answer};
pub use trades::{activity_frame, activity_row, deed_dollars, deed_row, deed_type, live_row, trade_row};

use super::listing::Listing;
use super::message::Top;
use crate::domain::money::ONE;
use crate::domain::{Generation, Price, Shares, Side};

fn text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

fn to_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers become JSON")
}

/// How Gamma calls the generation of a market (PROTOCOL.md 1.6).
fn version(listing: &Listing) -> &'static str {
    match listing.generation {
        Generation::V2 => "v1",
        Generation::V3 => "v2",
    }
}

/// Returns the name of a side on the wire.
pub fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

/// Writes a price; nothing where there is none.
pub fn best(price: Option<Price>) -> String {
    price.map(|price| price.to_string()).unwrap_or_default()
}

/// Writes what lies between the best prices; nothing where one is missing.
pub fn spread(top: &Top) -> String {
    match (top.bid, top.ask) {
        (Some(bid), Some(ask)) => decimal(ask.micros().saturating_sub(bid.micros())),
        (None, _) | (_, None) => String::new(),
    }
}

/// Writes millionths as an exact decimal.
pub fn decimal(micros: u32) -> String {
    Shares(u64::from(micros)).to_string()
}

/// Millionths as a JSON number: whole ones without a point, as the venue writes them.
pub fn number(micros: u64) -> Value {
    if micros.is_multiple_of(ONE) { json!(micros / ONE) } else { json!(micros as f64 / ONE as f64) }
}

/// The venue numbers its markets; the first digits of the condition do here.
fn market_id(listing: &Listing) -> String {
    u32::from_str_radix(&listing.condition[2..9], 16).unwrap_or_default().to_string()
}

/// The venue numbers its events; a digest of the slug does here.
fn event_id(listing: &Listing) -> String {
    let digest = Sha1::digest(&listing.event_slug);
    (u32::from_be_bytes([digest[0], digest[1], digest[2], digest[3]]) >> 4).to_string()
}

fn fee_schedule(listing: &Listing) -> Value {
    json!({"rate": number(listing.fee_rate_ppm.into()), "exponent": 1, "takerOnly": true, "rebateRate": 0.2})
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whole_numbers_have_no_point() {
        assert_eq!(number(2_702_700).to_string(), "2.7027");
        assert_eq!(number(12_000_000).to_string(), "12");
        assert_eq!(number(0).to_string(), "0");
    }
}
