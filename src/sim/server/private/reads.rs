//! Somebody's own orders and trades (PROTOCOL.md 2.4, 3).

use axum::extract::{Path, State};
use axum::routing::get;
use axum::{Json, Router};
use base64::prelude::{BASE64_STANDARD, Engine};
use serde_json::{Value, json};

use super::auth::Call;
use super::payload::{MarketFilter, parse_id};
use super::records::Told;
use super::refusal::Refusal;
use super::wire;
use crate::sim::exchange::Leg;
use crate::sim::server::World;
use crate::sim::server::hub::Hub;
use crate::sim::server::params::Params;

/// Rows of one page.
const PAGE: usize = 100;
/// The cursor behind the last page: -1.
const END: &str = "LTE=";

pub fn routes() -> Router<World> {
    Router::new()
        .route("/data/order/{id}", get(order))
        .route("/order/{id}", get(order))
        .route("/data/orders", get(orders))
        .route("/data/trades", get(trades))
}

async fn order(State(world): State<World>, Path(id): Path<String>, call: Call) -> Result<Json<Value>, Refusal> {
    let id = parse_id(&id)?;
    let hub = world.hub();
    let record = hub.desk.orders.get(&id).filter(|record| record.owner.address == call.key.address);
    let (record, order) = record.zip(hub.exchange().order(&id)).ok_or(Refusal::NoSuchOrder)?;
    Ok(Json(wire::order_row(order, record, &hub.desk.identity)))
}

async fn orders(State(world): State<World>, call: Call) -> Result<Json<Value>, Refusal> {
    let hub = world.hub();
    let text = |name| call.query.text(name).map(str::to_owned);
    let filter = MarketFilter { condition: text("market"), token: text("asset_id") };
    let is_named = |id: String| call.query.text("id").is_none_or(|named| named.eq_ignore_ascii_case(&id));
    let open = hub.open_orders(call.key.address);
    let found = open.filter(|found| found.is_in(&filter) && is_named(found.order.new.id.to_string()));
    page(&call.query, found, |found| wire::order_row(found.order, found.record, &hub.desk.identity))
}

async fn trades(State(world): State<World>, call: Call) -> Result<Json<Value>, Refusal> {
    let hub = world.hub();
    let filter = TradeFilter::read(&call.query)?;
    let found = hub.desk.trades.of(call.key.address).filter(|told| filter.holds(told, &hub));
    let owners = |leg: &Leg| hub.desk.party(leg);
    page(&call.query, found, |told| wire::trade_row(told, call.key.address, &hub.desk.identity, &owners))
}

/// Which trades are asked for. Some clients say `maker` and `taker` where others say `maker_address`.
struct TradeFilter<'a> {
    id: Option<&'a str>,
    market: Option<&'a str>,
    token: Option<&'a str>,
    wallet: Option<&'a str>,
    before: Option<u64>,
    after: Option<u64>,
}

impl TradeFilter<'_> {
    fn read(query: &Params) -> Result<TradeFilter<'_>, Refusal> {
        let secs = |name: &'static str| match query.text(name).map(str::parse::<u64>) {
            Some(Ok(secs)) => Ok(Some(secs)),
            Some(Err(_)) => Err(Refusal::BadQuery { name }),
            None => Ok(None),
        };
        Ok(TradeFilter {
            id: query.text("id"),
            market: query.text("market"),
            token: query.text("asset_id"),
            wallet: query.text("maker_address").or(query.text("maker")).or(query.text("taker")),
            before: secs("before")?,
            after: secs("after")?,
        })
    }

    fn holds(&self, told: &Told, hub: &Hub) -> bool {
        let trade = &told.trade;
        let legs = || std::iter::once(&trade.taker).chain(&trade.makers);
        let is = |named: &str, text: &str| named.eq_ignore_ascii_case(text);
        let at = trade.at.as_secs();
        self.before.is_none_or(|before| at < before)
            && self.after.is_none_or(|after| after < at)
            && self.market.is_none_or(|market| is(market, &told.listing.condition))
            && self.id.is_none_or(|id| is(id, &hub.desk.identity.trade(trade.id)))
            && self.token.is_none_or(|token| legs().any(|leg| told.listing.tokens[leg.outcome.index()] == token))
            && self.wallet.is_none_or(|wallet| legs().any(|leg| is(wallet, &hub.desk.party(leg).wallet.to_string())))
    }
}

/// Writes the page that the cursor asks for. Cursors are base64 of how many rows come before.
fn page<T>(query: &Params, rows: impl Iterator<Item = T>, write: impl Fn(T) -> Value) -> Result<Json<Value>, Refusal> {
    let cursor = query.text("next_cursor").unwrap_or_default();
    let skipped = skipped(cursor).ok_or(Refusal::BadQuery { name: "next_cursor" })?;
    let mut rows = rows.skip(skipped).peekable();
    let data: Vec<Value> = rows.by_ref().take(PAGE).map(write).collect();
    let next = match rows.peek() {
        Some(_) => BASE64_STANDARD.encode((skipped + PAGE).to_string()),
        None => END.to_owned(),
    };
    Ok(Json(json!({"limit": PAGE, "count": data.len(), "next_cursor": next, "data": data})))
}

/// Returns how many rows come before the page of a cursor: none without one, all at the end.
fn skipped(cursor: &str) -> Option<usize> {
    match cursor {
        "" => Some(0),
        END => Some(usize::MAX - PAGE),
        _ => String::from_utf8(BASE64_STANDARD.decode(cursor).ok()?).ok()?.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cursors_say_how_many_rows_come_before() {
        assert_eq!((skipped(""), skipped("MA=="), skipped("MTAw")), (Some(0), Some(0), Some(100)));
        assert!(skipped(END).is_some_and(|skipped| skipped > 1 << 40));
        assert_eq!((skipped("x"), skipped("eA==")), (None, None));
    }
}
