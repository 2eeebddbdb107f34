//! Writes orders and trades as their owner sees them, over REST (PROTOCOL.md 2.8, 3) and on the user channel (5.2).

use alloy::primitives::{Address, U256};
use serde_json::{Value, json};

use super::identity::Identity;
use super::records::{Record, Told};
use crate::domain::money::ONE;
use crate::domain::{Nanos, Price, Shares, Side};
use crate::sim::exchange::{
    Canceled, Happened, Kind, Leg, NewOrder, Order, OrderId, Reject, Settlement, State, TradeId,
};
use crate::sim::wire::side_name;

/// One trade in so many is answered with its transaction's hash; the others without (PROTOCOL.md 0.5).
const HASH_ONE_IN: u64 = 8;

/// What `POST /order` says of an order that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Live,
    /// Held, and on the book now.
    Unmatched,
    Delayed,
    Matched {
        making: u64,
        taking: u64,
        trades: Vec<(TradeId, String)>,
    },
}

/// Writes the answer to an order that was taken.
pub fn accepted(id: &OrderId, answer: &Answer, identity: &Identity) -> Value {
    let status = match answer {
        Answer::Live => "live",
        Answer::Unmatched => "unmatched",
        Answer::Delayed => "delayed",
        Answer::Matched { .. } => "matched",
    };
    let (making, taking, trades) = match answer {
        Answer::Live | Answer::Unmatched | Answer::Delayed => (String::new(), String::new(), [].as_slice()),
        Answer::Matched { making, taking, trades } => (decimal(*making), decimal(*taking), trades.as_slice()),
    };
    let told = trades.iter().filter(|(trade, _)| trade.0.is_multiple_of(HASH_ONE_IN));
    let hashes: Vec<&str> = told.map(|(_, hash)| hash.as_str()).collect();
    let trades: Vec<String> = trades.iter().map(|(trade, _)| identity.trade(*trade)).collect();
    json!({
        "success": true, "errorMsg": "", "orderID": id.to_string(), "status": status, "makingAmount": making,
        "takingAmount": taking, "transactionsHashes": hashes, "tradeIDs": trades,
    })
}

/// Writes the answer to an order that was held and then refused: HTTP 200, and yet a no.
pub fn refused_late(id: &OrderId, reject: &Reject) -> Value {
    json!({
        "success": false, "errorMsg": reject.to_string(), "orderID": id.to_string(), "status": "", "makingAmount": "",
        "takingAmount": "",
    })
}

/// Writes the answer to one entry of a batch that was refused. The clients want all keys, the venue says `success`.
pub fn refused_in_batch(error: &str) -> Value {
    json!({
        "success": true, "errorMsg": error, "orderID": "", "status": "", "makingAmount": "", "takingAmount": "",
    })
}

/// Writes an order as REST answers it.
pub fn order_row(order: &Order, record: &Record, identity: &Identity) -> Value {
    json!({
        "id": order.new.id.to_string(), "status": status(order), "market": record.listing.condition,
        "asset_id": record.entry.token, "original_size": original_size(order), "size_matched": order.matched.to_string(),
        "price": order.price.to_string(), "side": side_name(order.new.side), "outcome": outcome(order, record),
        "owner": record.owner.id, "maker_address": record.entry.order.maker.to_string(),
        "order_type": order_type(order.new.kind), "associate_trades": trade_ids(order, identity),
        "created_at": order.placed_at.as_secs(), "expiration": record.entry.expiration.to_string(),
    })
}

/// Writes an event of the user channel about an order. `created_at` is in seconds: official clients read it so.
pub fn order_event(order: &Order, record: &Record, what: Happened, now: Nanos, identity: &Identity) -> Value {
    let kind = match what {
        Happened::Placement => "PLACEMENT",
        Happened::Update => "UPDATE",
        Happened::Cancellation => "CANCELLATION",
    };
    // What comes from a hold to the book without a match is updated, and nothing of it is matched.
    let is_unmatched = what == Happened::Update && order.state == State::Live && order.matched == Shares::ZERO;
    let status = if is_unmatched { "UNMATCHED".to_owned() } else { status(order) };
    let trades = trade_ids(order, identity);
    let mut event = json!({
        "event_type": "order", "type": kind, "id": order.new.id.to_string(), "market": record.listing.condition,
        "asset_id": record.entry.token, "side": side_name(order.new.side), "price": order.price.to_string(),
        "original_size": original_size(order), "size_matched": order.matched.to_string(), "status": status,
        "order_type": order_type(order.new.kind), "outcome": outcome(order, record), "owner": record.owner.id,
        "order_owner": record.owner.id, "maker_address": record.entry.order.maker.to_string(),
        "associate_trades": if trades.is_empty() { Value::Null } else { json!(trades) },
        "created_at": order.placed_at.as_secs().to_string(), "expiration": record.entry.expiration.to_string(),
        "timestamp": now.as_millis().to_string(),
    });
    if order.state == State::Canceled(Canceled::Rejected(Reject::NotFilled)) {
        strip_killed(&mut event);
    }
    event
}

/// Writes the event about a FOK that was killed at once, and so never was on the book.
pub fn killed_event(new: &NewOrder, record: &Record, now: Nanos, identity: &Identity) -> Value {
    let (collateral, shares) = match new.side {
        Side::Buy => (new.maker_amount, new.taker_amount),
        Side::Sell => (new.taker_amount, new.maker_amount),
    };
    let micros = u128::from(collateral) * u128::from(ONE) / u128::from(shares.max(1));
    let price = u32::try_from(micros).ok().and_then(Price::from_micros);
    let killed = Order {
        new: *new,
        placed_at: now,
        arrival: 0,
        state: State::Canceled(Canceled::Rejected(Reject::NotFilled)),
        size: Shares(shares),
        matched: Shares::ZERO,
        left: new.maker_amount,
        price: price.expect("the exchange has accepted the price before it looked for makers"),
        trades: Vec::new(),
    };
    order_event(&killed, record, Happened::Cancellation, now, identity)
}

/// What the venue leaves empty about a FOK that was killed.
fn strip_killed(event: &mut Value) {
    for key in ["size_matched", "created_at", "outcome"] {
        event[key] = json!("");
    }
}

fn status(order: &Order) -> String {
    match order.state {
        State::Held => "DELAYED".to_owned(),
        State::Live => "LIVE".to_owned(),
        State::Matched => "MATCHED".to_owned(),
        State::Canceled(why) => why.to_string(),
    }
}

/// Shares; but for a FOK or FAK BUY the dollars of its maker amount, as the venue has it.
fn original_size(order: &Order) -> String {
    match (order.new.kind, order.new.side) {
        (Kind::Fok | Kind::Fak, Side::Buy) => decimal(order.new.maker_amount),
        (Kind::Fok | Kind::Fak, Side::Sell) | (Kind::Gtc | Kind::Gtd { .. }, _) => order.size.to_string(),
    }
}

const fn order_type(kind: Kind) -> &'static str {
    match kind {
        Kind::Gtc => "GTC",
        Kind::Gtd { .. } => "GTD",
        Kind::Fok => "FOK",
        Kind::Fak => "FAK",
    }
}

fn outcome<'a>(order: &Order, record: &'a Record) -> &'a str {
    &record.listing.outcomes[order.new.outcome.index()]
}

fn trade_ids(order: &Order, identity: &Identity) -> Vec<String> {
    order.trades.iter().map(|trade| identity.trade(*trade)).collect()
}

/// Writes a trade as REST answers it to one of its parties.
pub fn trade_row(told: &Told, viewer: Address, identity: &Identity, owners: &impl Fn(&Leg) -> Party) -> Value {
    let trade = &told.trade;
    let (taker, by) = (&trade.taker, owners(&trade.taker));
    let makers: Vec<Value> = trade.makers.iter().map(|leg| maker_row(leg, told, &owners(leg))).collect();
    json!({
        "id": identity.trade(trade.id), "taker_order_id": taker.order.to_string(), "market": told.listing.condition,
        "asset_id": told.listing.tokens[taker.outcome.index()], "side": side_name(taker.side),
        "size": taker.shares.to_string(), "price": taker.price.to_string(), "fee_rate_bps": "0",
        "status": settlement(told.status), "match_time": trade.at.as_secs().to_string(),
        "last_update": told.updated_at.as_secs().to_string(),
        "outcome": told.listing.outcomes[taker.outcome.index()], "bucket_index": told.bucket, "owner": by.owner,
        "maker_address": by.wallet.to_string(), "trader_side": if by.address == Some(viewer) { "TAKER" } else { "MAKER" },
        "transaction_hash": transaction(told), "maker_orders": makers,
    })
}

/// Writes an event of the user channel about a trade, for one of its parties.
pub fn trade_event(
    told: &Told,
    viewer: Address,
    viewers_key: &str,
    identity: &Identity,
    owners: &impl Fn(&Leg) -> Party,
) -> Value {
    let mut event = trade_row(told, viewer, identity, owners);
    event["event_type"] = json!("trade");
    event["type"] = json!("TRADE");
    event["trade_owner"] = json!(viewers_key);
    event["timestamp"] = json!(told.updated_at.as_millis().to_string());
    event
}

/// Who is behind a leg: a key and its address where there is one, a stranger's name where not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Party {
    /// The id of an API key.
    pub owner: String,
    pub wallet: Address,
    /// Whose key it is; `None` for the house.
    pub address: Option<Address>,
}

fn maker_row(leg: &Leg, told: &Told, by: &Party) -> Value {
    json!({
        "order_id": leg.order.to_string(), "owner": by.owner, "maker_address": by.wallet.to_string(),
        "matched_amount": leg.shares.to_string(), "price": leg.price.to_string(), "fee_rate_bps": "0",
        "asset_id": told.listing.tokens[leg.outcome.index()], "outcome": told.listing.outcomes[leg.outcome.index()],
        "outcome_index": leg.outcome.index(), "side": side_name(leg.side),
    })
}

const fn settlement(status: Settlement) -> &'static str {
    match status {
        Settlement::Matched => "MATCHED",
        Settlement::Mined => "MINED",
        Settlement::Confirmed => "CONFIRMED",
        Settlement::Retrying => "RETRYING",
        Settlement::Failed => "FAILED",
    }
}

/// Private readers learn the hash once the transaction was sent: not yet at the match.
fn transaction(told: &Told) -> String {
    match told.status {
        Settlement::Matched => String::new(),
        Settlement::Mined | Settlement::Confirmed | Settlement::Retrying | Settlement::Failed => {
            told.trade.transaction.to_string()
        }
    }
}

/// Writes an allowance as the chain has it: the endless one is the largest number of 256 bits.
pub fn allowance(amount: u64) -> String {
    if amount == u64::MAX { U256::MAX.to_string() } else { amount.to_string() }
}

/// Writes millionths as a decimal with up to six places.
pub fn decimal(micros: u64) -> String {
    Shares(micros).to_string()
}
