//! What the truth log says: orders as they arrived, what was matched of each and how it settled.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::books;
use crate::{
    domain::{Nanos, event::Signed},
    sim::{
        hand,
        server::truth::{Bytes, Entry, Line, Part},
    },
};

/// An order as it arrived; what of it is signed is what tells it from others.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Post {
    pub at: Nanos,
    pub request: u64,
    pub face: Face,
}

/// The signed fields in which two orders of one wallet differ.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Face {
    pub salt: u64,
    pub maker_amount: String,
    pub taker_amount: String,
    pub timestamp: String,
}

impl Face {
    pub fn of(signed: &Signed) -> Face {
        Face {
            salt: signed.salt,
            maker_amount: signed.maker_amount.to_string(),
            taker_amount: signed.taker_amount.to_string(),
            timestamp: signed.timestamp.0.to_string(),
        }
    }
}

/// How far the chain came with a trade.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    Unsettled,
    Confirmed(Nanos),
    Failed(Nanos),
}

/// What one order got of one trade.
#[derive(Clone, Debug)]
pub struct Leg {
    pub trade: u64,
    pub part: Part,
    /// Only the taker pays one.
    pub fee: i64,
}

#[derive(Debug, Default)]
pub struct Venue {
    pub posts: Vec<Post>,
    /// By the order's id.
    pub legs: BTreeMap<String, Vec<Leg>>,
    pub fates: BTreeMap<u64, Fate>,
    /// Orders that the venue ended, and why.
    pub cancelled: BTreeMap<String, String>,
    /// What was answered, or would have been, to each request: status and body.
    answers: BTreeMap<u64, (u16, String)>,
    pub requests: usize,
    pub withheld: usize,
    pub ended_at: Nanos,
}

impl Venue {
    pub fn of(lines: &[Line]) -> Venue {
        let mut venue = Venue::default();
        for line in lines {
            venue.ended_at = line.at;
            venue.take(line.at, &line.entry);
        }
        venue
    }

    fn take(&mut self, at: Nanos, entry: &Entry) {
        match entry {
            Entry::Received { request, method, path, body } => {
                self.requests += 1;
                let path = path.split('?').next().unwrap_or_default();
                if method == "POST" && (path == "/order" || path == "/orders") {
                    let faces = faces(&text(body));
                    // What people order by hand is in no journal of ours; what it trades for our wallet is told as external.
                    let faces = faces.into_iter().filter(|face| hand::SALT_END <= face.salt);
                    self.posts.extend(faces.map(|face| Post { at, request: *request, face }));
                }
            }
            Entry::Answered { request, status, body } => {
                self.answers.insert(*request, (*status, text(body)));
            }
            Entry::Withheld { request, status, body, .. } => {
                self.withheld += 1;
                self.answers.insert(*request, (*status, text(body)));
            }
            Entry::Matched { trade, fee_micros, taker, makers, .. } => {
                self.fates.insert(*trade, Fate::Unsettled);
                let parts = std::iter::once((taker, *fee_micros)).chain(makers.iter().map(|maker| (maker, 0)));
                for (part, fee) in parts {
                    let leg = Leg { trade: *trade, part: part.clone(), fee };
                    self.legs.entry(part.order.clone()).or_default().push(leg);
                }
            }
            Entry::Settled { trade, to } => match to.as_str() {
                "confirmed" => drop(self.fates.insert(*trade, Fate::Confirmed(at))),
                "failed" => drop(self.fates.insert(*trade, Fate::Failed(at))),
                _ => (),
            },
            Entry::Cancelled { order, why, .. } => {
                self.cancelled.insert(order.clone(), why.clone());
            }
            Entry::Began { .. } | Entry::Moved { .. } | Entry::Ended => (),
        }
    }

    /// Returns when, and in which requests, an order of these fields arrived.
    pub fn posts_of(&self, face: &Face) -> impl Iterator<Item = &Post> {
        self.posts.iter().filter(move |post| post.face == *face)
    }

    pub fn was_posted(&self, order: &books::Order) -> bool {
        order.signed.iter().any(|(signed, _)| self.posts_of(&Face::of(signed)).next().is_some())
    }

    pub fn legs_of(&self, id: &str) -> &[Leg] {
        self.legs.get(id).map_or(&[], Vec::as_slice)
    }

    /// Whether the venue took the order: it matched, or it was answered with a yes, or rested until it was cancelled.
    pub fn has_taken(&self, signed: &Signed) -> bool {
        let id = signed.id.to_string();
        let is_taken = |post: &Post| self.answers.get(&post.request).is_some_and(|(_, body)| is_yes(body));
        let rested = self.cancelled.get(&id).is_some_and(|why| !why.starts_with("rejected"));
        rested || !self.legs_of(&id).is_empty() || self.posts_of(&Face::of(signed)).any(is_taken)
    }

    /// The accounts that these orders traded for.
    pub fn accounts_of(&self, ids: &BTreeSet<String>) -> BTreeSet<u32> {
        let legs = self.legs.iter().filter(|(id, _)| ids.contains(*id)).flat_map(|(_, legs)| legs);
        legs.map(|leg| leg.part.account).collect()
    }
}

fn text(body: &Bytes) -> String {
    match body {
        Bytes::Text(text) => text.clone(),
        Bytes::Base64(_) => String::new(),
    }
}

fn faces(body: &str) -> Vec<Face> {
    let entries = match serde_json::from_str(body) {
        Ok(Value::Array(entries)) => entries,
        Ok(entry) => vec![entry],
        Err(_) => vec![],
    };
    let text = |order: &Value, name: &str| order[name].as_str().unwrap_or_default().to_owned();
    let face = |entry: &Value| {
        let order = &entry["order"];
        Some(Face {
            salt: order["salt"].as_u64()?,
            maker_amount: text(order, "makerAmount"),
            taker_amount: text(order, "takerAmount"),
            timestamp: text(order, "timestamp"),
        })
    };
    entries.iter().filter_map(face).collect()
}

/// An answer that takes the order, as the venue meant it.
fn is_yes(body: &str) -> bool {
    let Ok(answer) = serde_json::from_str::<Value>(body) else { return false };
    let is_named = answer["orderID"].as_str().is_some_and(|id| !id.is_empty());
    answer["success"] == true && is_named && answer["errorMsg"].as_str().unwrap_or_default().is_empty()
}
