//! ORDER -> WORLD: where orders go. The paper venue answers with the same inputs as the real one; a live order passes the
//! [`gate`] at the last instant, and leaves through the [`outbox`].

pub mod gate;
pub mod outbox;
pub mod paper;
pub mod polymarket;
