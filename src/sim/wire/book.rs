//! The book object and its hash (PROTOCOL.md 2.5). Written by hand: every change of a book is hashed for both tokens.

use sha1::{Digest, Sha1};

use crate::domain::money::ONE;
use crate::sim::message::{BookImage, Level};

/// Returns the venue's hash of a book: SHA-1 of its compact JSON with an empty hash.
pub fn book_hash(image: &BookImage) -> String {
    let digest = Sha1::digest(book_text(image, ""));
    let digits = b"0123456789abcdef";
    let hex = digest.iter().flat_map(|byte| [byte >> 4, byte & 0xf]).map(|digit| char::from(digits[digit as usize]));
    hex.collect()
}

/// Writes a book as REST answers it: without `event_type`.
pub fn book_answer(image: &BookImage) -> String {
    book_text(image, &image.hash)
}

/// Writes a book as the market channel tells it.
pub(super) fn book_message(image: &BookImage) -> String {
    let mut text = book_answer(image);
    text.pop();
    text.push_str(r#","event_type":"book"}"#);
    text
}

/// The keys and their order are those of the hash rule.
fn book_text(image: &BookImage, hash: &str) -> String {
    let listing = &image.listing;
    let mut text = String::with_capacity(500 + 40 * (image.bids.len() + image.asks.len()));
    let mut write = |parts: &[&str]| parts.iter().for_each(|part| text.push_str(part));
    write(&[r#"{"market":""#, &listing.condition, r#"","asset_id":""#, &listing.tokens[image.outcome.index()]]);
    write(&[r#"","timestamp":""#, &image.at.0.to_string(), r#"","hash":""#, hash, r#"","bids":["#]);
    push_levels(&mut text, &image.bids);
    text.push_str(r#"],"asks":["#);
    push_levels(&mut text, &image.asks);
    text.push_str(r#"],"min_order_size":""#);
    push_decimal(&mut text, listing.minimum.0);
    text.push_str(r#"","tick_size":""#);
    push_decimal(&mut text, image.tick.micros().into());
    text.push_str(if listing.neg_risk { r#"","neg_risk":true"# } else { r#"","neg_risk":false"# });
    text.push_str(r#","last_trade_price":""#);
    if let Some(price) = image.traded {
        push_decimal(&mut text, price.micros().into());
    }
    text.push_str(r#""}"#);
    text
}

fn push_levels(text: &mut String, levels: &[Level]) {
    for (nth, level) in levels.iter().enumerate() {
        text.push_str(if nth == 0 { r#"{"price":""# } else { r#",{"price":""# });
        push_decimal(text, level.price.micros().into());
        text.push_str(r#"","size":""#);
        push_decimal(text, level.size.0);
        text.push_str(r#""}"#);
    }
}

/// Writes millionths as an exact decimal without trailing zeros.
fn push_decimal(text: &mut String, micros: u64) {
    let (mut whole, mut part) = (micros / ONE, micros % ONE);
    // From the right: six places, the point, and as many digits as a u64 has.
    let mut digits = [b'0'; 27];
    let (mut start, mut end) = (20, 20);
    if part > 0 {
        digits[20] = b'.';
        for place in (21..27).rev() {
            digits[place] = b'0' + (part % 10) as u8;
            part /= 10;
        }
        end = 27;
        while digits[end - 1] == b'0' {
            end -= 1;
        }
    }
    loop {
        start -= 1;
        digits[start] = b'0' + (whole % 10) as u8;
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    text.push_str(std::str::from_utf8(&digits[start..end]).expect("digits and a point"));
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use serde_json::Value;

    use super::*;
    use crate::domain::{Millis, Price, Shares, Tick};
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
            if book_text(&image, "") == preimage {
                assert_eq!(book_hash(&image), vector["hash"].as_str().expect("text"));
                verified += 1;
            }
        }
        assert_eq!(verified, file["vectors"].as_array().expect("vectors").len());
    }

    #[test]
    fn decimals_are_exact_and_short() {
        for micros in [0, 1, 10, 999_999, 1_000_000, 1_500_000, 10_000_001, 123_456_000_000, u64::MAX] {
            let mut text = String::new();
            push_decimal(&mut text, micros);
            assert_eq!(text, Shares(micros).to_string());
        }
    }
}
