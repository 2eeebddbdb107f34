//! What the metadata answers know of the markets at one moment.

use std::sync::Arc;

use crate::domain::{Nanos, Side, Usdc};
use crate::sim::message::{BookImage, Outcome};
use crate::sim::place::Place;
use crate::sim::server::hub::Hub;
use crate::sim::wire::MarketImage;

impl Hub {
    /// Yields every market that is remembered, in order of opening.
    pub fn markets(&self) -> impl Iterator<Item = MarketImage> {
        self.workload.places().map(|place| self.market(place))
    }

    /// Yields every market that the CLOB knows.
    pub fn listed(&self, now: Nanos) -> impl Iterator<Item = MarketImage> {
        self.workload.places().filter(move |place| self.is_listed(place, now)).map(|place| self.market(place))
    }

    /// Returns the market and the outcome of a token, as the CLOB knows them: a new market only after its lag.
    pub fn token(&self, token: &str, now: Nanos) -> Option<(MarketImage, Outcome)> {
        let (place, outcome) = self.workload.token(token)?;
        self.is_listed(place, now).then(|| (self.market(place), outcome))
    }

    /// Returns the market of a condition of 32 bytes, as the CLOB knows it.
    pub fn condition(&self, condition: &str, now: Nanos) -> Option<MarketImage> {
        let place = self.workload.condition(&condition.to_ascii_lowercase())?;
        self.is_listed(place, now).then(|| self.market(place))
    }

    /// Returns the book of a token that is traded now; an old one where a fault left it.
    pub fn book(&mut self, token: &str, now: Nanos) -> Option<BookImage> {
        let (place, _) = self.workload.token(token)?;
        if !self.is_listed(place, now) {
            return None;
        }
        let stale = self.pending.stale_snapshots.remove(token);
        stale.or_else(|| self.workload.book(token, now))
    }

    /// Gamma knows a market at once, the CLOB a while later (PROTOCOL.md 4.2).
    pub fn is_listed(&self, place: &Place, now: Nanos) -> bool {
        let lag = Nanos::from_millis(self.pending.knobs.new_market_lag_ms);
        place.listing.opens_at.nanos().plus(lag) <= now
    }

    fn market(&self, place: &Place) -> MarketImage {
        let condition = &place.listing.condition;
        let of_first = |outcome: Outcome| {
            let last = self.tape.last(condition, outcome)?.price;
            Some(match outcome {
                Outcome::Yes => last,
                Outcome::No => last.complement(),
            })
        };
        let bids = place.book.side(Side::Buy).iter().map(|(price, size)| price.cost_floor(*size).0);
        let asks = place.book.side(Side::Sell).iter().map(|(price, size)| price.complement().cost_floor(*size).0);
        MarketImage {
            listing: Arc::clone(&place.listing),
            phase: place.phase,
            tick: place.book.tick,
            bid: place.book.best_bid(),
            ask: place.book.best_ask(),
            traded: of_first(Outcome::Yes).or_else(|| of_first(Outcome::No)),
            volume: self.tape.volume(condition),
            liquidity: Usdc(bids.chain(asks).sum()),
        }
    }
}
