//! What the market channel says (PROTOCOL.md 5.1).

use serde::Serialize;
use serde_json::{Value, json};

use super::book::book_message;
use super::{activity_frame, best, decimal, event_id, fee_schedule, market_id, side_name, spread, text, to_text};
use crate::domain::Millis;
use crate::sim::listing::Listing;
use crate::sim::message::{Change, Message, Outcome, Resolution, Top};

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

/// Writes a message of the market channel, or an activity frame of the type `trades`.
pub fn json(message: &Message) -> String {
    match message {
        Message::Book(image) => book_message(image),
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
    json!({"id": event_id(listing), "ticker": listing.event_slug, "slug": listing.event_slug, "title": listing.event_title,
        "description": "Simulated."})
}

fn new_market(listing: &Listing, at: Millis) -> Value {
    json!({
        "id": market_id(listing), "question": listing.title, "market": listing.condition, "slug": listing.slug,
        "description": "Simulated.", "assets_ids": listing.tokens, "outcomes": listing.outcomes,
        "event_message": event_message(listing), "timestamp": at.0.to_string(), "tags": [listing.category],
        "condition_id": listing.condition, "active": true, "clob_token_ids": listing.tokens,
        "sports_market_type": "", "line": "", "game_start_time": "", "order_price_min_tick_size": "0.01",
        "group_item_title": listing.group_title, "taker_base_fee": "1000", "fees_enabled": listing.fee_rate_ppm != 0,
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
        "id": market_id(listing), "market": listing.condition, "assets_ids": listing.tokens,
        "winning_asset_id": asset, "winning_outcome": outcome, "event_message": event_message(listing),
        "timestamp": at.0.to_string(), "tags": [listing.category], "event_type": "market_resolved",
    })
}
