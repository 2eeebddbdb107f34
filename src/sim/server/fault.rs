//! What can be made to go wrong at the simulated venue.

use std::collections::HashMap;

use serde::Deserialize;

use crate::domain::{Millis, Shares, Side};
use crate::sim::message::{BookImage, Change, Level, Message};
use crate::sim::place::{Place, removal};

/// Injected by [`super::Server::inject`] or `POST /control/faults` with `{"fault":"freeze"}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "fault", rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// The next removal of a level is not told: readers' books silently diverge.
    OmitRemoval,
    /// Two messages of the same moment: one that crosses a book, one that uncrosses it.
    CrossedBurst,
    /// Every socket is cut.
    DropConnections,
    /// The sockets of now get no more data, but PONG. New ones do.
    Freeze,
    /// Every socket gets a frame that is not JSON.
    GarbageFrame,
    /// Every socket gets one message of so many bytes.
    OversizedFrame { bytes: usize },
    /// So many frames of the activity feed are sent twice.
    DuplicateActivity { frames: u32 },
    /// The next snapshot of each book is the one of now, however old it is then.
    StaleSnapshot,
    /// So many REST requests are answered with 500.
    RestErrors { requests: u32 },
    /// So many REST requests are answered only after `millis`.
    RestSlow { requests: u32, millis: u64 },
}

/// The faults that wait for their occasion.
#[derive(Debug, Default)]
pub struct Pending {
    pub removals_to_omit: u32,
    pub activity_to_repeat: u32,
    pub rest_errors: u32,
    pub rest_slow: u32,
    pub rest_slow_millis: u64,
    /// By token.
    pub stale_snapshots: HashMap<String, BookImage>,
}

/// How a REST request is to be answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Treatment {
    Answer,
    Fail,
    AnswerAfter { millis: u64 },
}

impl Pending {
    /// Uses up a fault for one REST request.
    pub fn treat_request(&mut self) -> Treatment {
        if self.rest_errors > 0 {
            self.rest_errors -= 1;
            return Treatment::Fail;
        }
        if self.rest_slow > 0 {
            self.rest_slow -= 1;
            return Treatment::AnswerAfter { millis: self.rest_slow_millis };
        }
        Treatment::Answer
    }

    /// Leaves a removal out of a message if that is due. Returns what is left to tell; `None` if nothing is.
    pub fn omit_removal(&mut self, message: Message) -> Option<Message> {
        let Message::PriceChange { listing, at, mut changes, after } = message else { return Some(message) };
        let removes = changes.iter().position(|change| change.level.size == Shares::ZERO);
        if let Some(position) = removes.filter(|_| self.removals_to_omit > 0) {
            self.removals_to_omit -= 1;
            changes.remove(position);
        }
        (!changes.is_empty()).then_some(Message::PriceChange { listing, at, changes, after })
    }
}

/// Returns a bid at or above the best ask and its removal; `None` for a book without asks. The book itself is unchanged.
pub fn crossed_burst(place: &Place, at: Millis) -> Option<[Message; 2]> {
    let ask = place.book.best_ask()?;
    let price = place.book.tick.ceil(ask.up(place.book.tick.micros())).unwrap_or(ask);
    let mut book = place.book.clone();
    let crossing = Change { side: Side::Buy, level: Level { price, size: Shares::whole(10) } };
    Some([crossing, removal(Side::Buy, price)].map(|change| {
        book.apply(change);
        let listing = std::sync::Arc::clone(&place.listing);
        Message::PriceChange { listing, at, changes: vec![change], after: book.tops(at) }
    }))
}
