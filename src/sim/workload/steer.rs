//! What is done to the world from outside, beside what happens in it by itself.

use std::sync::Arc;

use super::{Workload, change_tick};
use crate::domain::{Millis, Nanos, Tick};
use crate::sim::message::{Message, Resolution};
use crate::sim::place::Place;
use crate::sim::wire::Phase;

/// What a tick is flipped to.
const FINE: Tick = Tick::from_micros(1_000).expect("a tick");

impl Workload {
    /// Changes the tick of every open market between a cent and a tenth of it. What moves prices may change it back.
    pub fn flip_ticks(&mut self, now: Nanos) -> Vec<Message> {
        let open = self.places.values_mut().filter(|place| place.phase == Phase::Open);
        let flip = |place: &mut Place| {
            let tick = if place.book.tick == Tick::CENT { FINE } else { Tick::CENT };
            change_tick(place, Millis(now.as_millis()), tick)
        };
        open.flat_map(flip).collect()
    }

    /// Changes the tick of one market; `None` if it is not open.
    pub fn set_tick(&mut self, condition: &str, tick: Tick, now: Nanos) -> Option<Vec<Message>> {
        let market = self.number(condition)?;
        let place = self.place(market)?;
        Some(change_tick(place, Millis(now.as_millis()), tick))
    }

    /// Ends trading in a market, as at its time; `None` if it is not open.
    pub fn end_trading(&mut self, condition: &str, now: Nanos) -> Option<Vec<Message>> {
        let market = self.number(condition)?;
        self.place(market)?;
        Some(self.close(now, market))
    }

    /// Resolves a market, and ends trading before if that goes on; `None` if it is not known or is resolved.
    pub fn decide(&mut self, condition: &str, resolution: Resolution, now: Nanos) -> Option<Vec<Message>> {
        let market = self.number(condition)?;
        let mut messages = match self.places.get(&market)?.phase {
            Phase::Open => self.close(now, market),
            Phase::Closed => Vec::new(),
            Phase::Resolved(_) => return None,
        };
        let place = self.places.get_mut(&market)?;
        place.phase = Phase::Resolved(resolution);
        let listing = Arc::clone(&place.listing);
        self.leaders.iter_mut().for_each(|leader| leader.redeem(market));
        messages.push(Message::Resolved { listing, at: Millis(now.as_millis()), resolution });
        Some(messages)
    }

    fn number(&self, condition: &str) -> Option<u64> {
        let (number, _) = self.places.iter().find(|(_, place)| place.listing.condition == condition)?;
        Some(*number)
    }
}
