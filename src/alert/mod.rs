//! WHAT SOMEBODY SHOULD HEAR OF, wherever he is: trouble and changes, told once, repeated while they last, and taken back when
//! they passed.
//!
//! ```text
//! status, once a second --+                                                     +-- queue --> telegram
//!                         +--> watch --> board: told before? repeat? passed? --+-- queue --> mail
//! journal's events -------+                                                     +-- ...
//! ```
//!
//! [`watch`] judges, [`board`] remembers what was told, [`queue`] holds what a channel was not told yet (quiet hours, rates,
//! tries): all three are pure, and [`state`] keeps them over a restart, with the place in the journal, so that nothing is lost
//! and nothing old is told again. [`words`] writes the messages, [`send`] brings them out by [`reach`], which connects to
//! public addresses only, or by [`mail`]. [`crate::actor::alerter`] drives them; nothing waits for it.

pub mod rule;
pub mod names;
pub mod watch;
pub mod board;
pub mod queue;
pub mod state;
pub mod status;
pub mod words;
pub mod reach;
pub mod mail;
pub mod send;

pub use board::{Board, Note, Phase};
pub use rule::{Rule, Severity, Thresholds};
pub use status::{AlertStatus, AlertsNow};

#[cfg(test)]
mod tests;
