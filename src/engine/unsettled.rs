//! Matches that wait for their settlement. One that waits for too long says that something is wrong with its market: nothing is
//! added there until the venue says how it ended. Nobody takes it for failed, and nothing is bought again for it.

use super::{apply::StateHash, leg::LEGS_MAX};
use crate::domain::{Nanos, OrderId, TokenId, TradeKey};

/// A match usually settles within seconds; after this something is wrong.
pub const STUCK_AFTER: Nanos = Nanos::from_secs(60);

/// A match that may yet be void.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waiting {
    pub order: OrderId,
    pub trade: TradeKey,
    pub token: TokenId,
    pub since: Nanos,
}

/// All of them; the room is taken at once, and as large as that of the legs.
#[derive(Debug)]
pub struct Unsettled(Vec<Waiting>);

impl Default for Unsettled {
    fn default() -> Unsettled {
        Unsettled(Vec::with_capacity(LEGS_MAX))
    }
}

impl Unsettled {
    pub fn count(&self) -> usize {
        self.0.len()
    }

    /// Returns since when the oldest waits of those in tokens that `counts` takes.
    pub fn oldest(&self, counts: impl Fn(TokenId) -> bool) -> Option<Nanos> {
        self.0.iter().filter(|waiting| counts(waiting.token)).map(|waiting| waiting.since).min()
    }

    pub(super) fn push(&mut self, waiting: Waiting) {
        assert!(self.0.len() < LEGS_MAX, "each has a leg");
        self.0.push(waiting);
    }

    pub(super) fn remove(&mut self, order: OrderId, trade: TradeKey) {
        let at = self.0.iter().position(|waiting| (waiting.order, waiting.trade) == (order, trade));
        self.0.swap_remove(at.expect("a match that waits"));
    }

    pub(super) fn mix(&self, hash: &mut StateHash) {
        for Waiting { order, since, .. } in &self.0 {
            hash.mix(order.0);
            hash.mix(since.0);
        }
    }
}
