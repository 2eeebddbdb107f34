//! The book object and its hash (PROTOCOL.md 2.5).

use serde::Serialize;
use sha1::{Digest, Sha1};

use super::{best, decimal, text, to_text};
use crate::domain::{Price, Shares};
use crate::sim::message::{BookImage, Level};

/// The keys and their order are those of the hash rule; `event_type` exists on the market channel only.
#[derive(Serialize)]
pub(super) struct BookWire<'a> {
    market: &'a str,
    asset_id: &'a str,
    #[serde(serialize_with = "text")]
    timestamp: u64,
    hash: &'a str,
    bids: Vec<LevelWire>,
    asks: Vec<LevelWire>,
    min_order_size: String,
    tick_size: String,
    neg_risk: bool,
    last_trade_price: String,
    #[serde(skip_serializing_if = "str::is_empty")]
    event_type: &'static str,
}

#[derive(Serialize)]
struct LevelWire {
    #[serde(serialize_with = "text")]
    price: Price,
    #[serde(serialize_with = "text")]
    size: Shares,
}

/// Returns the venue's hash of a book: SHA-1 of its compact JSON with an empty hash.
pub fn book_hash(image: &BookImage) -> String {
    let digest = Sha1::digest(to_text(&book(image, "", "")));
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Writes a book as REST answers it: without `event_type`.
pub fn book_answer(image: &BookImage) -> String {
    to_text(&book(image, &image.hash, ""))
}

pub(super) fn book<'a>(image: &'a BookImage, hash: &'a str, event_type: &'static str) -> BookWire<'a> {
    let levels = |levels: &[Level]| {
        levels.iter().map(|level| LevelWire { price: level.price, size: level.size }).collect::<Vec<LevelWire>>()
    };
    BookWire {
        market: &image.listing.condition,
        asset_id: &image.listing.tokens[image.outcome.index()],
        timestamp: image.at.0,
        hash,
        bids: levels(&image.bids),
        asks: levels(&image.asks),
        min_order_size: image.listing.minimum.to_string(),
        tick_size: decimal(image.tick.micros()),
        neg_risk: image.listing.neg_risk,
        last_trade_price: best(image.traded),
        event_type,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::domain::{Millis, Tick};
    use crate::sim::listing::Listing;
    use crate::sim::message::Outcome;
    use crate::sim::random::Random;

    fn micros(text: &str) -> u64 {
        (text.parse::<f64>().expect("a number") * 1e6).round() as u64
    }

    fn image(book: &Value) -> BookImage {
        let text = |key: &str| book[key].as_str().expect("text").to_owned();
        let mut listing = Listing::standing(0, &mut Random::new(1), Millis(0));
        listing.condition = text("market");
        listing.tokens[0] = text("asset_id");
        listing.minimum = Shares(micros(&text("min_order_size")));
        listing.neg_risk = book["neg_risk"].as_bool().expect("a flag");
        let levels = |key: &str| {
            let level = |level: &Value| Level {
                price: Price::from_micros(micros(level["price"].as_str().expect("text")) as u32).expect("a price"),
                size: Shares(micros(level["size"].as_str().expect("text"))),
            };
            book[key].as_array().expect("levels").iter().map(level).collect()
        };
        BookImage {
            listing: Arc::new(listing),
            outcome: Outcome::Yes,
            at: Millis(text("timestamp").parse().expect("a moment")),
            bids: levels("bids"),
            asks: levels("asks"),
            tick: Tick::from_micros(micros(&text("tick_size")) as u32).expect("a tick"),
            traded: text("last_trade_price")
                .parse::<f64>()
                .ok()
                .and_then(|price| Price::from_micros((price * 1e6) as u32)),
            hash: String::new(),
        }
    }

    /// The vectors of the official clients.
    #[test]
    fn the_hash_is_the_venues() {
        let file: Value =
            serde_json::from_str(include_str!("../../../tests/data/vectors_book_hash.json")).expect("JSON");
        let mut verified = 0;
        for vector in file["vectors"].as_array().expect("vectors") {
            let preimage = vector["preimage"].as_str().expect("text");
            let image = image(&serde_json::from_str(preimage).expect("JSON"));
            // A vector may hold numbers as nobody sends them ("7.0"); what is written differently hashes differently.
            if to_text(&book(&image, "", "")) == preimage {
                assert_eq!(book_hash(&image), vector["hash"].as_str().expect("text"));
                verified += 1;
            }
        }
        assert_eq!(verified, file["vectors"].as_array().expect("vectors").len());
    }
}
