//! Orders are cancelled by their owner (PROTOCOL.md 2.4, 2.9).

use alloy::primitives::Address;
use axum::extract::State;
use axum::response::{IntoResponse, Response};
use axum::routing::delete;
use axum::{Json, Router};
use serde_json::{Map, Value, json};

use super::auth::Call;
use super::limits::Cost;
use super::meter;
use super::payload::{self, MarketFilter};
use super::refusal::Refusal;
use crate::clock::now;
use crate::domain::Nanos;
use crate::sim::exchange::{NotCanceled, Order, OrderId};
use crate::sim::server::World;
use crate::sim::server::hub::Hub;

pub fn routes() -> Router<World> {
    Router::new().route("/cancel-all", delete(all)).route("/cancel-market-orders", delete(of_market))
}

/// What was cancelled, and what was not and why.
#[derive(Debug, Default)]
pub struct Canceled {
    canceled: Vec<String>,
    not_canceled: Map<String, Value>,
}

impl IntoResponse for Canceled {
    fn into_response(self) -> Response {
        Json(json!({"canceled": self.canceled, "not_canceled": self.not_canceled})).into_response()
    }
}

pub async fn one(State(world): State<World>, call: Call) -> Response {
    let ids = payload::order_id(&call.body).map(|id| vec![id]);
    cancel_ids(&world, &call, ids)
}

pub async fn several(State(world): State<World>, call: Call) -> Response {
    let ids = payload::order_ids(&call.body);
    cancel_ids(&world, &call, ids)
}

fn cancel_ids(world: &World, call: &Call, ids: Result<Vec<OrderId>, Refusal>) -> Response {
    let ids = match ids {
        Ok(ids) => ids,
        Err(refusal) => return refusal.into_response(),
    };
    let stamp = meter::admit(world, call.key.address, Cost::Cancels(ids.len() as u64));
    if let Some(refusal) = stamp.refusal() {
        return stamp.on(refusal);
    }
    let canceled = world.hub().cancel(call.key.address, &ids, now());
    stamp.on(canceled)
}

async fn all(State(world): State<World>, call: Call) -> Response {
    sweep(&world, &call, |_| true)
}

async fn of_market(State(world): State<World>, call: Call) -> Response {
    match payload::market_filter(&call.body) {
        Ok(filter) => sweep(&world, &call, |order| order.is_in(&filter)),
        Err(refusal) => refusal.into_response(),
    }
}

/// Cancels the open orders that are meant; each of them costs.
fn sweep(world: &World, call: &Call, is_meant: impl Fn(&Found<'_>) -> bool) -> Response {
    let stamp = meter::admit(world, call.key.address, Cost::Cancels(1));
    if let Some(refusal) = stamp.refusal() {
        return stamp.on(refusal);
    }
    let mut hub = world.hub();
    let ids: Vec<OrderId> = hub.found(call.key.address, &is_meant);
    let canceled = hub.cancel(call.key.address, &ids, now());
    hub.desk.buckets.charge_cancels(call.key.address, canceled.canceled.len() as u64);
    drop(hub);
    stamp.on(canceled)
}

/// An open order and what is known of it.
pub struct Found<'a> {
    pub order: &'a Order,
    pub record: &'a super::records::Record,
}

impl Found<'_> {
    /// Returns whether the order is of that condition and token, where they are named.
    pub fn is_in(&self, filter: &MarketFilter) -> bool {
        let is_named =
            |named: &Option<String>, is: &str| named.as_ref().is_none_or(|name| name.eq_ignore_ascii_case(is));
        is_named(&filter.condition, &self.record.listing.condition) && is_named(&filter.token, &self.record.entry.token)
    }
}

impl Hub {
    /// Yields the open orders that an address placed, whatever wallet pays; oldest first.
    pub fn open_orders(&self, address: Address) -> impl Iterator<Item = Found<'_>> {
        let accounts = self.desk.identity.accounts_for(address);
        let mut found: Vec<Found<'_>> = accounts
            .into_iter()
            .flat_map(|account| self.exchange().open_orders(account))
            .filter_map(|order| Some(Found { order, record: self.desk.orders.get(&order.new.id)? }))
            .filter(|found| found.record.owner.address == address)
            .collect();
        found.sort_by_key(|found| found.order.arrival);
        found.into_iter()
    }

    fn found(&self, address: Address, is_meant: &impl Fn(&Found<'_>) -> bool) -> Vec<OrderId> {
        self.open_orders(address).filter(is_meant).map(|found| found.order.new.id).collect()
    }

    /// Cancels what an address may cancel of these orders, and tells of it.
    pub fn cancel(&mut self, address: Address, ids: &[OrderId], now: Nanos) -> Canceled {
        let mut canceled = Canceled::default();
        for id in ids {
            let owner = self.desk.orders.get(id).map(|record| record.owner.address);
            let account = self.exchange().order(id).map(|order| order.new.account);
            let result = match account.filter(|_| owner == Some(address)) {
                Some(account) => self.exchange_mut().cancel(account, id),
                None => Err(NotCanceled::MatchedOrCanceled),
            };
            match result {
                Ok(()) => canceled.canceled.push(id.to_string()),
                Err(reason) => {
                    canceled.not_canceled.insert(id.to_string(), json!(reason.to_string()));
                }
            }
        }
        self.tell(now);
        canceled
    }

    /// Cancels the orders of those whose heartbeat has stopped.
    pub fn bury_silent(&mut self, now: Nanos) {
        for key in self.desk.heartbeats.silent(now) {
            let Some(key) = self.desk.identity.key(&key) else { continue };
            let ids = self.found(key.address, &|found: &Found<'_>| found.record.owner.id == key.id);
            self.cancel(key.address, &ids, now);
        }
    }
}
