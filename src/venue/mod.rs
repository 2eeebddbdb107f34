//! ORDER -> WORLD: where orders go. The paper venue answers with the same inputs as the real one; a live order passes the
//! [`gate`] at the last instant, and leaves through the [`outbox`]. What needs no order book, redemption and approvals, goes to
//! the [`chain`].

pub mod gate;
pub mod outbox;
pub mod paper;
pub mod polymarket;
pub mod chain;
