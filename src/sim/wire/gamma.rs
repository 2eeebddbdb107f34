//! What Gamma says of markets, events, tags and series (PROTOCOL.md 4).

use serde_json::{Value, json};
use sha1::{Digest, Sha1};

use super::metadata::{EventImage, MarketImage, Phase, minimum};
use super::{decimal, event_id, fee_schedule, market_id, number, to_text, version};
use crate::domain::{Generation, Price};
use crate::sim::listing::{Listing, iso};
use crate::sim::message::Outcome;

pub fn gamma_market_id(listing: &Listing) -> String {
    market_id(listing)
}

/// Returns the number of the event that a market belongs to; those of a neg-risk group share theirs.
pub fn gamma_event_id(listing: &Listing) -> String {
    event_id(listing)
}

/// Writes one market. What is a list of strings elsewhere is JSON in a string here, but for `positionIds` (4.2).
pub fn gamma_market(market: &MarketImage, event: &EventImage) -> Value {
    let mut row = market_row(market);
    row["events"] = json!([event_row(event)]);
    row["tags"] = json!([gamma_tag(market.listing.category)]);
    row
}

/// Writes one event with its markets.
pub fn gamma_event(event: &EventImage) -> Value {
    let first = event.first();
    let mut row = event_row(event);
    row["markets"] = event.markets.iter().map(market_row).collect();
    row["tags"] = json!([gamma_tag(first.category)]);
    row["series"] = json!(gamma_series(first).into_iter().collect::<Vec<Value>>());
    row
}

/// Writes the tag that stands for a category.
pub fn gamma_tag(category: &str) -> Value {
    let slug = category.to_lowercase().replace(' ', "-");
    json!({"id": number_of(&slug), "label": category, "slug": slug})
}

/// Writes the series that a short market belongs to; `None` for one that stands alone.
pub fn gamma_series(listing: &Listing) -> Option<Value> {
    let (name, _) = listing.slug.split_once("-updown-")?;
    let (slug, title) = (format!("{name}-updown"), format!("{} Up or Down", name.to_uppercase()));
    let id = number_of(&slug);
    Some(json!({
        "id": id, "ticker": slug, "slug": slug, "title": title, "seriesType": "single", "recurrence": "5m",
        "active": true, "closed": false, "archived": false,
    }))
}

/// The venue numbers tags and series; a digest of the slug does here.
fn number_of(slug: &str) -> String {
    let digest = Sha1::digest(slug);
    (u32::from_be_bytes([0, digest[0], digest[1], digest[2]]) % 1_000_000).to_string()
}

fn event_row(event: &EventImage) -> Value {
    let (listing, volume) = (event.first(), micros(event.volume().0));
    json!({
        "id": event_id(listing), "ticker": listing.event_slug, "slug": listing.event_slug, "title": listing.event_title,
        "description": "Simulated.", "active": true, "closed": event.is_over(), "archived": false, "new": false,
        "featured": false, "restricted": false, "startDate": iso(listing.opens_at), "endDate": iso(listing.closes_at),
        "liquidity": micros(event.liquidity().0), "volume": volume, "volume24hr": volume,
        "enableOrderBook": event.markets.iter().any(MarketImage::is_open), "negRisk": listing.neg_risk,
        "negRiskMarketID": listing.neg_risk_id,
    })
}

fn market_row(market: &MarketImage) -> Value {
    let mut row = words(market);
    for part in [rules(market), figures(market)] {
        let Value::Object(fields) = part else { unreachable!("all three are objects") };
        row.as_object_mut().expect("all three are objects").extend(fields);
    }
    row
}

/// What a market is called, and where it is in its life.
fn words(market: &MarketImage) -> Value {
    let listing = &market.listing;
    json!({
        "id": market_id(listing), "question": listing.title, "slug": listing.slug, "conditionId": condition(listing),
        "version": version(listing), "clobTokenIds": to_text(&listing.tokens), "positionIds": position_ids(listing),
        "outcomes": to_text(&listing.outcomes), "description": "Simulated.", "category": listing.category, "image": "",
        "icon": "", "questionID": listing.condition, "groupItemTitle": listing.group_title, "active": true, "closed": market.is_over(),
        "archived": false, "startDate": iso(listing.opens_at), "endDate": iso(listing.closes_at),
        "endDateIso": iso(listing.closes_at)[..10], "umaResolutionStatus": gamma_resolution(market),
        "umaResolutionStatuses": "[]",
    })
}

/// What an order must obey.
fn rules(market: &MarketImage) -> Value {
    let listing = &market.listing;
    json!({
        "orderPriceMinTickSize": number(market.tick.micros().into()), "orderMinSize": minimum(listing.minimum),
        "negRisk": listing.neg_risk, "negRiskOther": false, "negRiskMarketID": listing.neg_risk_id, "acceptingOrders": market.is_open(),
        "acceptingOrdersTimestamp": iso(listing.opens_at), "enableOrderBook": market.is_open(),
        "secondsDelay": listing.delay_secs, "feesEnabled": listing.fee_rate_ppm != 0, "feeType": fee_type(listing),
        "feeSchedule": fee_schedule(listing), "makerBaseFee": 1000, "takerBaseFee": 1000, "clearBookOnStart": false,
        "rewardsMinSize": 0, "rewardsMaxSpread": 0,
    })
}

fn figures(market: &MarketImage) -> Value {
    let worth = Outcome::BOTH.map(|outcome| decimal(market.worth(outcome) as u32));
    let spread = market.bid.zip(market.ask).map(|(bid, ask)| number(ask.micros().saturating_sub(bid.micros()).into()));
    json!({
        "outcomePrices": to_text(&worth), "bestBid": side(market.bid), "bestAsk": side(market.ask),
        "lastTradePrice": side(market.traded), "spread": spread, "volume": decimal_of(market.volume.0),
        "volumeNum": micros(market.volume.0), "volume24hr": micros(market.volume.0),
        "liquidity": decimal_of(market.liquidity.0), "liquidityNum": micros(market.liquidity.0),
    })
}

/// Gamma shows the 31 bytes of a Protocol V2 condition, where the CLOB wants 32 (PROTOCOL.md 1.6).
fn condition(listing: &Listing) -> &str {
    match listing.generation {
        Generation::V2 => &listing.condition,
        Generation::V3 => &listing.condition[..64],
    }
}

fn position_ids(listing: &Listing) -> Value {
    match listing.generation {
        Generation::V2 => Value::Null,
        Generation::V3 => json!(listing.tokens),
    }
}

/// The families are named after categories: `crypto_fees`, `sports_fees`.
fn fee_type(listing: &Listing) -> Value {
    if listing.fee_rate_ppm == 0 {
        return Value::Null;
    }
    json!(format!("{}_fees", listing.category.to_lowercase()))
}

/// Returns what `umaResolutionStatus` is; null while the market is open.
pub fn gamma_resolution(market: &MarketImage) -> Value {
    match market.phase {
        Phase::Open => Value::Null,
        Phase::Closed => json!("proposed"),
        Phase::Resolved(_) => json!("resolved"),
    }
}

fn side(price: Option<Price>) -> Value {
    price.map_or(Value::Null, |price| number(price.micros().into()))
}

fn micros(amount: i64) -> Value {
    number(amount.max(0) as u64)
}

fn decimal_of(amount: i64) -> String {
    micros(amount).to_string()
}
