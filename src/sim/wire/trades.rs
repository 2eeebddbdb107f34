//! The fills of wallets as the activity feed (PROTOCOL.md 5.3) and the Data API (6) tell them.

use serde_json::{Value, json};

use super::{number, side_name};
use crate::domain::Usdc;
use crate::sim::exchange::MoveKind;
use crate::sim::message::{Activity, Deed};

/// Writes a frame of the activity feed. `kind` is `trades` or `orders_matched`.
pub fn activity_frame(activity: &Activity, kind: &str) -> Value {
    let listing = &activity.listing;
    json!({
        "connection_id": "c2ltdWxhdGVkCg==", "topic": "activity", "type": kind, "timestamp": activity.traded_at.0,
        "payload": {
            "asset": listing.tokens[activity.outcome.index()], "bio": "", "conditionId": listing.condition,
            "eventSlug": listing.event_slug, "icon": "", "name": activity.name, "outcome": listing.outcomes[activity.outcome.index()],
            "outcomeIndex": activity.outcome.index(), "price": number(activity.price.micros().into()), "profileImage": "",
            "proxyWallet": activity.wallet, "pseudonym": activity.name, "side": side_name(activity.side),
            "size": number(activity.size.0), "slug": listing.slug, "timestamp": activity.traded_at.0 / 1_000,
            "title": listing.title, "transactionHash": activity.transaction,
        },
    })
}

/// Writes a row of `/v2/trades` of the Data API.
pub fn trade_row(activity: &Activity) -> Value {
    let listing = &activity.listing;
    json!({
        "proxy_wallet": activity.wallet, "token_id": listing.tokens[activity.outcome.index()],
        "condition_id": listing.condition, "side": side_name(activity.side), "size": number(activity.size.0),
        "price": number(activity.price.micros().into()), "timestamp": activity.traded_at.0 / 1_000,
        "transaction_hash": activity.transaction, "title": listing.title, "slug": listing.slug, "icon": "",
        "event_slug": listing.event_slug, "outcome": listing.outcomes[activity.outcome.index()],
        "outcome_index": activity.outcome.index(), "name": activity.name, "pseudonym": activity.name, "bio": "",
        "profile_image": "",
    })
}

/// Writes a row of `/v2/activity` of the Data API. `usdc_size` is without the fee.
pub fn activity_row(activity: &Activity) -> Value {
    let mut row = trade_row(activity);
    row["type"] = json!("TRADE");
    row["usdc_size"] = number(activity.price.cost_floor(activity.size).0 as u64);
    row["is_combo"] = json!(false);
    row
}

/// Writes a row of `/markets/live-activity`.
pub fn live_row(activity: &Activity) -> Value {
    let listing = &activity.listing;
    json!({
        "event_type": "trade",
        "market": {"condition_id": listing.condition, "asset_id": listing.tokens[activity.outcome.index()],
            "question": listing.title, "icon": "", "slug": listing.slug},
        "user": {"address": activity.wallet, "username": activity.name, "profile_picture": "",
            "optimized_profile_picture": "", "pseudonym": activity.name},
        "side": side_name(activity.side), "size": activity.size.to_string(), "fee_rate_bps": "0",
        "price": activity.price.to_string(), "outcome": listing.outcomes[activity.outcome.index()],
        "outcome_index": activity.outcome.index(), "transaction_hash": activity.transaction,
        "timestamp": (activity.traded_at.0 / 1_000).to_string(),
    })
}

/// Returns the name of what somebody did; `None` for what the Data API shows in positions only.
pub const fn deed_type(deed: &Deed) -> Option<&'static str> {
    match deed.moved.kind {
        MoveKind::Split => Some("SPLIT"),
        MoveKind::Merge => Some("MERGE"),
        MoveKind::Redeem => Some("REDEEM"),
        MoveKind::Convert => Some("CONVERSION"),
        MoveKind::Receive | MoveKind::Send => None,
    }
}

/// Returns what was paid or paid out for all of it.
pub fn deed_dollars(deed: &Deed) -> Usdc {
    Usdc(deed.moved.collateral.iter().map(|dollars| dollars.0.max(0)).sum())
}

/// Writes a row of `/v2/activity` that is about a market, not about one of its tokens.
pub fn deed_row(deed: &Deed) -> Value {
    let listing = &deed.listing;
    let shares = deed.moved.shares[0].max(deed.moved.shares[1]);
    json!({
        "proxy_wallet": deed.wallet, "type": deed_type(deed), "condition_id": listing.condition, "token_id": "",
        "side": "", "price": 0, "size": number(shares.0), "usdc_size": number(deed_dollars(deed).0 as u64),
        "is_combo": false, "timestamp": deed.at.0 / 1_000, "transaction_hash": deed.transaction,
        "title": listing.title, "slug": listing.slug, "icon": "", "event_slug": listing.event_slug, "outcome": "",
        "outcome_index": null, "name": deed.name, "pseudonym": deed.name, "bio": "", "profile_image": "",
    })
}
