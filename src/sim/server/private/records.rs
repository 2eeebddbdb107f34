//! What those with keys have ordered and traded: what the exchange does not know of an order, and how far each trade is.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::Arc;

use alloy::primitives::Address;

use super::identity::ApiKey;
use super::payload::Entry;
use crate::domain::Nanos;
use crate::sim::exchange::{ENDED_MAX, OrderId, Settlement, Trade, TradeId};
use crate::sim::listing::Listing;

/// So many trades are listed; the oldest are forgotten first.
const TRADES_MAX: usize = 50_000;
/// So many orders that were killed at once are known again.
const KILLED_MAX: usize = 50_000;

/// An order that was taken, as it was sent.
#[derive(Clone, Debug)]
pub struct Record {
    pub entry: Entry,
    pub owner: Arc<ApiKey>,
    pub listing: Arc<Listing>,
    /// How many trades it made as a taker.
    pub buckets: u32,
}

/// Orders by id, open and ended. Of the ended ones the last [`ENDED_MAX`].
#[derive(Debug, Default)]
pub struct Orders {
    records: HashMap<OrderId, Record>,
    ended: VecDeque<OrderId>,
    killed: HashSet<OrderId>,
    killed_in_order: VecDeque<OrderId>,
}

impl Orders {
    pub fn get(&self, id: &OrderId) -> Option<&Record> {
        self.records.get(id)
    }

    pub fn get_mut(&mut self, id: &OrderId) -> Option<&mut Record> {
        self.records.get_mut(id)
    }

    /// Returns whether an order of this id was taken, or killed, before.
    pub fn is_known(&self, id: &OrderId) -> bool {
        self.records.contains_key(id) || self.killed.contains(id)
    }

    pub fn insert(&mut self, id: OrderId, record: Record) {
        self.records.insert(id, record);
    }

    /// Forgets an order that was not taken after all.
    pub fn remove(&mut self, id: &OrderId) -> Option<Record> {
        self.records.remove(id)
    }

    /// Notes that an order came to the engine and found nothing: the same bytes are a duplicate from now on.
    pub fn kill(&mut self, id: OrderId) {
        if self.killed.insert(id) {
            self.killed_in_order.push_back(id);
        }
        if self.killed.len() > KILLED_MAX {
            let oldest = self.killed_in_order.pop_front().expect("one for each that is known");
            self.killed.remove(&oldest);
        }
    }

    /// Notes that an order is open no more.
    pub fn end(&mut self, id: OrderId) {
        self.ended.push_back(id);
        if self.ended.len() > ENDED_MAX {
            let oldest = self.ended.pop_front().expect("one too many");
            self.records.remove(&oldest);
        }
    }
}

/// A trade in which somebody with a key had a part.
#[derive(Clone, Debug)]
pub struct Told {
    pub trade: Arc<Trade>,
    pub listing: Arc<Listing>,
    pub status: Settlement,
    pub updated_at: Nanos,
    /// Which of the trades of one taker order it is, from 0.
    pub bucket: u32,
    /// Whose keys had a part; the taker first.
    pub parties: Vec<Address>,
}

/// Trades by number, the last [`TRADES_MAX`].
#[derive(Debug, Default)]
pub struct Trades {
    told: BTreeMap<TradeId, Told>,
}

impl Trades {
    pub fn insert(&mut self, told: Told) {
        self.told.insert(told.trade.id, told);
        if self.told.len() > TRADES_MAX {
            self.told.pop_first();
        }
    }

    /// Notes how far a trade is; `None` for one that is not listed.
    pub fn settle(&mut self, trade: &Arc<Trade>, status: Settlement, now: Nanos) -> Option<&Told> {
        let told = self.told.get_mut(&trade.id)?;
        // A retry is another transaction.
        told.trade = Arc::clone(trade);
        told.status = status;
        told.updated_at = now;
        Some(told)
    }

    /// Yields the trades of an address, newest first.
    pub fn of(&self, address: Address) -> impl Iterator<Item = &Told> {
        self.told.values().rev().filter(move |told| told.parties.contains(&address))
    }
}
