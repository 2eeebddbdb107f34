//! Leaders' trades: frames of RTDS and rows of the Data API -> [`LeaderTrade`]. Those of the chain: [`super::chain`].
//!
//! ```text
//! RTDS frame -> scanner: whose? (a stranger's, nearly always: done) -> fields --+-> trade -> Sighting
//!          \-> serde (other forms, verdicts) ----------------------> fields --+
//! Data API page (v1 camelCase, v2 snake_case) -> serde ------------> fields --+
//! and what is read again and again of a wallet -> history: each row once --------> Heard
//! ```

mod fields;
mod history;
mod inventory;
mod ordinals;
mod rows;
mod rtds;
mod sockets;
#[cfg(test)]
mod tests;

pub(in crate::feed) use fields::Values;
pub use history::{Heard, History, Left, Read};
pub use inventory::{Inventory, Reading};
pub use ordinals::Ordinals;
pub use rows::{LeaderRow, LeaderRows};
pub use rtds::source_of;
pub use sockets::{Sockets, Telling};

use super::{market::Malformed, registry::Registry, text::Text};
use crate::domain::{LeaderId, LeaderTrade, Nanos, Price, Role, Shares, Side, Source, TokenId, TradeKey};

/// What a frame or row says about the leaders we follow.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sighting {
    Trade(LeaderTrade),
    /// Somebody traded whom we do not follow.
    Stranger,
    /// A leader traded a token that the registry does not know yet.
    ColdToken(ColdTrade),
    /// No trade: another topic, a deposit, a redemption, a keep-alive.
    NotATrade,
}

/// A [`LeaderTrade`] whose token has no id yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ColdTrade {
    pub trade: TradeKey,
    pub leader: LeaderId,
    pub token: Text<80>,
    pub side: Side,
    pub price: Price,
    pub shares: Shares,
    pub role: Role,
    pub source: Source,
    pub traded_at: Nanos,
}

impl ColdTrade {
    /// Returns the trade, now that its token has an id.
    pub fn of(&self, token: TokenId) -> LeaderTrade {
        let ColdTrade { trade, leader, side, price, shares, role, source, traded_at, .. } = *self;
        LeaderTrade { trade, leader, token, side, price, shares, role, source, traded_at }
    }
}

/// What a decoder saw since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeaderCounters {
    pub frames: u64,
    pub rows: u64,
    /// Frames the scanner gave up on.
    pub slow_frames: u64,
    pub trades: u64,
    pub strangers: u64,
    pub cold: u64,
    pub not_trades: u64,
    pub malformed: u64,
}

/// Reads leaders' trades.
#[derive(Debug, Default)]
pub struct LeaderDecoder {
    pub counters: LeaderCounters,
    kinds: rtds::Kinds,
}

impl LeaderDecoder {
    pub fn new() -> LeaderDecoder {
        LeaderDecoder::default()
    }

    /// Reads a frame of RTDS: `activity` in its envelope, or the bare payload. Does not allocate for frames as RTDS sends
    /// them. A stranger's frame is told by its wallet alone, the rest of it may be anything.
    pub fn decode_rtds(&mut self, frame: &[u8], registry: &Registry) -> Result<Sighting, Malformed> {
        self.counters.frames += 1;
        let sighting = match rtds::scan(frame, registry, &mut self.kinds) {
            Some(sighting) => Ok(sighting),
            None => {
                self.counters.slow_frames += 1;
                rtds::read(frame, registry, &mut self.kinds)
            }
        };
        self.count(sighting)
    }

    /// Reads a page of the Data API (v2 or v1: an array of rows, one row, or `{"data":[...]}`), and calls `each` with every
    /// row's sighting. `Err` where the page is no JSON of that kind; a bad row is an error of its own.
    pub fn decode_rows(
        &mut self,
        page: &[u8],
        registry: &Registry,
        mut each: impl FnMut(Result<Sighting, Malformed>),
    ) -> Result<(), Malformed> {
        let counted = rows::page(page, |row| {
            self.counters.rows += 1;
            let sighting = row.map(|row| row.map_or(Sighting::NotATrade, |row| row.sighting(registry)));
            each(self.count(sighting));
        });
        if counted.is_err() {
            self.counters.malformed += 1;
        }
        counted
    }

    fn count(&mut self, sighting: Result<Sighting, Malformed>) -> Result<Sighting, Malformed> {
        match &sighting {
            Ok(Sighting::Trade(_)) => self.counters.trades += 1,
            Ok(Sighting::Stranger) => self.counters.strangers += 1,
            Ok(Sighting::ColdToken(_)) => self.counters.cold += 1,
            Ok(Sighting::NotATrade) => self.counters.not_trades += 1,
            Err(_) => self.counters.malformed += 1,
        }
        sighting
    }
}
