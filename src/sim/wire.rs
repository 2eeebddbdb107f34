//! Writes what happens in the simulated world as the venue's JSON (PROTOCOL.md 2.5, 4.4, 5.1, 5.3, 6).

use std::fmt::Display;

use serde::{Serialize, Serializer};
use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::listing::{Listing, iso};
use super::message::{Activity, BookImage, Change, Level, Message, Outcome, Resolution, Top};
use crate::domain::money::ONE;
use crate::domain::{Generation, Millis, Price, Shares, Side};

/// The keys and their order are those of the hash rule; `event_type` exists on the market channel only.
#[derive(Serialize)]
struct BookWire<'a> {
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

#[derive(Serialize)]
struct PriceChangeWire<'a> {
    market: &'a str,
    price_changes: Vec<ChangeWire<'a>>,
    #[serde(serialize_with = "text")]
    timestamp: u64,
    event_type: &'static str,
}

#[derive(Serialize)]
struct ChangeWire<'a> {
    asset_id: &'a str,
    price: String,
    size: String,
    side: &'static str,
    hash: &'a str,
    best_bid: String,
    best_ask: String,
}

fn text<T: Display, S: Serializer>(value: &T, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(value)
}

/// Writes a message of the market channel, or an activity frame of the type `trades`.
pub fn json(message: &Message) -> String {
    match message {
        Message::Book(image) => to_text(&book(image, &image.hash, "book")),
        Message::PriceChange { listing, at, changes, after } => price_change(listing, *at, changes, after),
        Message::LastTrade { listing, outcome, at, side, price, size, transaction } => json!({
            "market": listing.condition, "asset_id": listing.tokens[outcome.index()], "price": price.to_string(),
            "size": size.to_string(), "fee_rate_bps": "0", "side": side_name(*side), "timestamp": at.0.to_string(),
            "transaction_hash": transaction, "event_type": "last_trade_price",
        })
        .to_string(),
        Message::TickChange { listing, outcome, at, old, new } => json!({
            "market": listing.condition, "asset_id": listing.tokens[outcome.index()],
            "old_tick_size": decimal(old.micros()), "new_tick_size": decimal(new.micros()),
            "timestamp": at.0.to_string(), "event_type": "tick_size_change",
        })
        .to_string(),
        Message::BestBidAsk { listing, outcome, at, top } => json!({
            "market": listing.condition, "asset_id": listing.tokens[outcome.index()], "best_bid": best(top.bid),
            "best_ask": best(top.ask), "spread": spread(top), "timestamp": at.0.to_string(),
            "event_type": "best_bid_ask",
        })
        .to_string(),
        Message::NewMarket { listing, at } => new_market(listing, *at).to_string(),
        Message::Resolved { listing, at, resolution } => resolved(listing, *at, *resolution).to_string(),
        Message::Activity(activity) => activity_frame(activity, "trades").to_string(),
    }
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

fn to_text(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("strings and numbers become JSON")
}

fn book<'a>(image: &'a BookImage, hash: &'a str, event_type: &'static str) -> BookWire<'a> {
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

fn price_change(listing: &Listing, at: Millis, changes: &[Change], after: &[Top; 2]) -> String {
    let seen = changes.iter().flat_map(|change| {
        Outcome::BOTH.map(|outcome| {
            let (seen, top) = (change.seen_by(outcome), &after[outcome.index()]);
            ChangeWire {
                asset_id: &listing.tokens[outcome.index()],
                price: seen.level.price.to_string(),
                size: seen.level.size.to_string(),
                side: side_name(seen.side),
                hash: &top.hash,
                best_bid: best(top.bid),
                best_ask: best(top.ask),
            }
        })
    });
    to_text(&PriceChangeWire {
        market: &listing.condition,
        price_changes: seen.collect(),
        timestamp: at.0,
        event_type: "price_change",
    })
}

fn event_message(listing: &Listing) -> Value {
    json!({"id": event_id(listing), "ticker": listing.slug, "slug": listing.slug, "title": listing.title,
        "description": "Simulated."})
}

/// The venue numbers its markets; the low digits of the condition do here.
fn event_id(listing: &Listing) -> String {
    u32::from_str_radix(&listing.condition[2..9], 16).unwrap_or_default().to_string()
}

fn new_market(listing: &Listing, at: Millis) -> Value {
    json!({
        "id": event_id(listing), "question": listing.title, "market": listing.condition, "slug": listing.slug,
        "description": "Simulated.", "assets_ids": listing.tokens, "outcomes": listing.outcomes,
        "event_message": event_message(listing), "timestamp": at.0.to_string(), "tags": [listing.category],
        "condition_id": listing.condition, "active": true, "clob_token_ids": listing.tokens,
        "sports_market_type": "", "line": "", "game_start_time": "", "order_price_min_tick_size": "0.01",
        "group_item_title": "", "taker_base_fee": "1000", "fees_enabled": listing.fee_rate_ppm != 0,
        "fee_schedule": fee_schedule(listing), "event_type": "new_market",
    })
}

fn resolved(listing: &Listing, at: Millis, resolution: Resolution) -> Value {
    let (asset, outcome) = match resolution {
        Resolution::Won(outcome) => {
            (listing.tokens[outcome.index()].as_str(), listing.outcomes[outcome.index()].as_str())
        }
        Resolution::Even => ("", ""),
    };
    json!({
        "id": event_id(listing), "market": listing.condition, "assets_ids": listing.tokens,
        "winning_asset_id": asset, "winning_outcome": outcome, "event_message": event_message(listing),
        "timestamp": at.0.to_string(), "tags": [listing.category], "event_type": "market_resolved",
    })
}

pub fn fee_schedule(listing: &Listing) -> Value {
    json!({"rate": number(listing.fee_rate_ppm.into()), "exponent": 1, "takerOnly": true, "rebateRate": 0.2})
}

/// Writes a frame of the activity feed. `kind` is `trades` or `orders_matched`.
pub fn activity_frame(activity: &Activity, kind: &str) -> Value {
    let listing = &activity.listing;
    json!({
        "connection_id": "c2ltdWxhdGVkCg==", "topic": "activity", "type": kind, "timestamp": activity.traded_at.0,
        "payload": {
            "asset": listing.tokens[activity.outcome.index()], "bio": "", "conditionId": listing.condition,
            "eventSlug": listing.slug, "icon": "", "name": activity.name, "outcome": listing.outcomes[activity.outcome.index()],
            "outcomeIndex": activity.outcome.index(), "price": number(activity.price.micros().into()), "profileImage": "",
            "proxyWallet": activity.wallet, "pseudonym": activity.name, "side": side_name(activity.side),
            "size": number(activity.size.0), "slug": listing.slug, "timestamp": activity.traded_at.0 / 1_000,
            "title": listing.title, "transactionHash": activity.transaction,
        },
    })
}

/// Writes a row of `/v2/activity` and `/v2/trades` of the Data API.
pub fn activity_row(activity: &Activity) -> Value {
    let listing = &activity.listing;
    json!({
        "proxy_wallet": activity.wallet, "token_id": listing.tokens[activity.outcome.index()],
        "condition_id": listing.condition, "side": side_name(activity.side), "size": number(activity.size.0),
        "price": number(activity.price.micros().into()), "timestamp": activity.traded_at.0 / 1_000,
        "transaction_hash": activity.transaction, "title": listing.title, "slug": listing.slug, "icon": "",
        "event_slug": listing.slug, "outcome": listing.outcomes[activity.outcome.index()],
        "outcome_index": activity.outcome.index(), "name": activity.name, "pseudonym": activity.name, "bio": "",
        "profile_image": "", "type": "TRADE",
        "usdc_size": number(activity.price.cost_floor(activity.size).0 as u64), "is_combo": false,
    })
}

/// Where a market is in its life, for the metadata answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Phase {
    Open,
    Closed,
    Resolved(Resolution),
}

/// Writes `/markets/{condition}` (PROTOCOL.md 4.4).
pub fn market_answer(listing: &Listing, tick_micros: u32, phase: Phase) -> Value {
    let tokens = Outcome::BOTH.map(|outcome| {
        json!({"token_id": listing.tokens[outcome.index()], "outcome": listing.outcomes[outcome.index()], "price": 0.5,
            "winner": phase == Phase::Resolved(Resolution::Won(outcome))})
    });
    json!({
        "enable_order_book": phase == Phase::Open, "active": true, "closed": matches!(phase, Phase::Resolved(_)),
        "archived": false, "accepting_orders": phase == Phase::Open,
        "accepting_order_timestamp": iso(listing.opens_at), "minimum_order_size": listing.minimum.0 / 1_000_000,
        "minimum_tick_size": number(tick_micros.into()), "version": version(listing), "condition_id": listing.condition,
        "question_id": listing.condition, "question": listing.title, "description": "Simulated.",
        "market_slug": listing.slug, "end_date_iso": iso(listing.closes_at), "game_start_time": null,
        "seconds_delay": listing.delay_secs, "fpmm": "", "maker_base_fee": 1000, "taker_base_fee": 1000,
        "neg_risk": listing.neg_risk, "neg_risk_market_id": "", "neg_risk_request_id": "",
        "is_50_50_outcome": phase == Phase::Resolved(Resolution::Even),
        "rewards": {"rates": null, "min_size": 0, "max_spread": 0}, "tokens": tokens, "tags": [listing.category],
    })
}

/// Writes `/clob-markets/{condition}` (PROTOCOL.md 2.6).
pub fn clob_market_answer(listing: &Listing, tick_micros: u32, phase: Phase) -> Value {
    let tokens = Outcome::BOTH
        .map(|outcome| json!({"t": listing.tokens[outcome.index()], "o": listing.outcomes[outcome.index()]}));
    json!({
        "c": listing.condition, "t": tokens, "mts": number(tick_micros.into()), "mos": listing.minimum.0 / 1_000_000,
        "nr": listing.neg_risk, "fd": {"r": number(listing.fee_rate_ppm.into()), "e": 1, "to": true}, "mbf": 1000,
        "tbf": 1000, "ao": phase == Phase::Open, "aot": iso(listing.opens_at), "sd": listing.delay_secs,
        "gst": null, "cbos": false, "itode": listing.taker_delay, "rfqe": false,
    })
}

/// Writes one market of Gamma's listing (PROTOCOL.md 4.2).
pub fn gamma_market(listing: &Listing, tick_micros: u32, phase: Phase) -> Value {
    let prices = match phase {
        Phase::Open | Phase::Closed | Phase::Resolved(Resolution::Even) => ["0.5", "0.5"],
        Phase::Resolved(Resolution::Won(Outcome::Yes)) => ["1", "0"],
        Phase::Resolved(Resolution::Won(Outcome::No)) => ["0", "1"],
    };
    json!({
        "id": event_id(listing), "question": listing.title, "slug": listing.slug, "conditionId": listing.condition,
        "version": version(listing), "clobTokenIds": to_text(&listing.tokens), "outcomes": to_text(&listing.outcomes),
        "outcomePrices": to_text(&prices), "orderPriceMinTickSize": number(tick_micros.into()),
        "orderMinSize": listing.minimum.0 / 1_000_000, "negRisk": listing.neg_risk, "active": true,
        "closed": matches!(phase, Phase::Resolved(_)), "archived": false, "acceptingOrders": phase == Phase::Open,
        "enableOrderBook": phase == Phase::Open, "startDate": iso(listing.opens_at), "endDate": iso(listing.closes_at),
        "secondsDelay": listing.delay_secs, "feesEnabled": listing.fee_rate_ppm != 0,
        "feeSchedule": fee_schedule(listing),
    })
}

fn version(listing: &Listing) -> &'static str {
    match listing.generation {
        Generation::V2 => "v1",
        Generation::V3 => "v2",
    }
}

fn side_name(side: Side) -> &'static str {
    match side {
        Side::Buy => "BUY",
        Side::Sell => "SELL",
    }
}

fn best(price: Option<Price>) -> String {
    price.map(|price| price.to_string()).unwrap_or_default()
}

fn spread(top: &Top) -> String {
    match (top.bid, top.ask) {
        (Some(bid), Some(ask)) => decimal(ask.micros().saturating_sub(bid.micros())),
        (None, _) | (_, None) => String::new(),
    }
}

/// Writes millionths as an exact decimal.
fn decimal(micros: u32) -> String {
    Shares(u64::from(micros)).to_string()
}

/// Millionths as a JSON number: whole ones without a point, as the venue writes them.
fn number(micros: u64) -> Value {
    if micros.is_multiple_of(ONE) { json!(micros / ONE) } else { json!(micros as f64 / ONE as f64) }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::domain::Tick;
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
        let file: Value = serde_json::from_str(include_str!("../../tests/data/vectors_book_hash.json")).expect("JSON");
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

    #[test]
    fn whole_numbers_have_no_point() {
        assert_eq!(number(2_702_700).to_string(), "2.7027");
        assert_eq!(number(12_000_000).to_string(), "12");
        assert_eq!(number(0).to_string(), "0");
    }
}
