//! THE DESK: what the venue keeps about those who trade over the private wire, beside what the exchange knows. It hears
//! every event of the exchange and says who must be told.

use std::collections::HashMap;
use std::sync::Arc;

use alloy::primitives::Address;
use tokio::sync::oneshot;

use super::heartbeat::Heartbeats;
use super::identity::{Funded, Identity};
use super::limits::{Buckets, Limits};
use super::mode::Mode;
use super::records::{Orders, Told, Trades};
use super::wire::{self, Party};
use crate::domain::Nanos;
use crate::sim::exchange::{Event, Leg, OrderId, Placed, Reject, Settlement, Trade};
use crate::sim::listing::Listing;

/// What the private wire is started with.
#[derive(Clone, Debug, Default)]
pub struct Settings {
    /// Who has money from the start.
    pub accounts: Vec<Funded>,
    pub limits: Limits,
}

#[derive(Debug)]
pub struct Desk {
    pub identity: Identity,
    pub buckets: Buckets,
    pub heartbeats: Heartbeats,
    pub mode: Mode,
    pub orders: Orders,
    pub trades: Trades,
    /// Requests that wait for the end of a hold.
    waiting: HashMap<OrderId, oneshot::Sender<Result<Placed, Reject>>>,
}

/// A frame for the user channel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// Whose keys are told.
    pub address: Address,
    pub condition: String,
    pub text: String,
}

impl Desk {
    pub fn new(seed: u64, settings: &Settings) -> Desk {
        Desk {
            identity: Identity::new(seed),
            buckets: Buckets::new(settings.limits),
            heartbeats: Heartbeats::default(),
            mode: Mode::default(),
            orders: Orders::default(),
            trades: Trades::default(),
            waiting: HashMap::new(),
        }
    }

    /// Returns how a hold will have ended, once it has.
    pub fn wait_for(&mut self, order: OrderId) -> oneshot::Receiver<Result<Placed, Reject>> {
        let (teller, answer) = oneshot::channel();
        self.waiting.insert(order, teller);
        answer
    }

    /// Takes in what became true, and returns what users are told of it. `listing` is the market's.
    pub fn hear(&mut self, event: &Event, listing: &Arc<Listing>, now: Nanos) -> Vec<Notice> {
        match event {
            Event::Order { order, what } => {
                if !order.is_open() {
                    self.orders.end(order.new.id);
                }
                let Some(record) = self.orders.get(&order.new.id) else { return Vec::new() };
                let event = wire::order_event(order, record, *what, now, &self.identity);
                vec![notice(record.owner.address, listing, &event)]
            }
            Event::Matched(trade) => match self.note(trade, listing) {
                Some(told) => self.tell(&told),
                None => Vec::new(),
            },
            Event::Settled { trade, to } => match self.trades.settle(trade, *to, now).cloned() {
                Some(told) => self.tell(&told),
                None => Vec::new(),
            },
            Event::Released { order, result } => {
                if let Some(waiting) = self.waiting.remove(order) {
                    // Whoever hung up does not hear it; the order is what it is.
                    waiting.send(result.clone()).unwrap_or_default();
                }
                Vec::new()
            }
            Event::Book { .. }
            | Event::Moved(_)
            | Event::Tick { .. }
            | Event::Closed { .. }
            | Event::Resolved { .. } => Vec::new(),
        }
    }

    /// Lists a trade if somebody with a key had a part in it.
    fn note(&mut self, trade: &Arc<Trade>, listing: &Arc<Listing>) -> Option<Told> {
        let legs = std::iter::once(&trade.taker).chain(&trade.makers);
        let mut parties: Vec<Address> = Vec::new();
        for address in legs.filter_map(|leg| Some(self.orders.get(&leg.order)?.owner.address)) {
            if !parties.contains(&address) {
                parties.push(address);
            }
        }
        if parties.is_empty() {
            return None;
        }
        let bucket = self.orders.get_mut(&trade.taker.order).map_or(0, |record| {
            record.buckets += 1;
            record.buckets - 1
        });
        let told = Told {
            trade: Arc::clone(trade),
            listing: Arc::clone(listing),
            status: Settlement::Matched,
            updated_at: trade.at,
            bucket,
            parties,
        };
        self.trades.insert(told.clone());
        Some(told)
    }

    fn tell(&self, told: &Told) -> Vec<Notice> {
        let owners = |leg: &Leg| self.party(leg);
        let legs = || std::iter::once(&told.trade.taker).chain(&told.trade.makers);
        let tell = |address: &Address| {
            let key = legs().map(&owners).find(|party| party.address == Some(*address))?.owner;
            let event = wire::trade_event(told, *address, &key, &self.identity, &owners);
            Some(notice(*address, &told.listing, &event))
        };
        told.parties.iter().filter_map(tell).collect()
    }

    /// Returns who is behind a leg of a trade.
    pub fn party(&self, leg: &Leg) -> Party {
        match self.orders.get(&leg.order) {
            Some(record) => Party {
                owner: record.owner.id.clone(),
                wallet: record.entry.order.maker,
                address: Some(record.owner.address),
            },
            None => Party {
                owner: self.identity.stranger(leg.account),
                wallet: self.identity.address(leg.account),
                address: None,
            },
        }
    }
}

fn notice(address: Address, listing: &Listing, event: &serde_json::Value) -> Notice {
    Notice { address, condition: listing.condition.clone(), text: event.to_string() }
}
