//! THE OPERATOR'S SWITCHES from outside: a socket that only this user can open, a file, and a signal.
//!
//! Off works at once, three ways, none of which needs another: the file `KILL` in the data folder, SIGUSR1, a word at the
//! socket. Each shuts the [`gate`](crate::venue::gate) first, then has the engine record Off; the file stays, so that a
//! restart is off, too. On is hard: only at the socket, with a typed sentence, the state that was looked at, and every check
//! green; only it takes the file away.
//!
//! Whoever turns something, from the terminal or from a page, says it at the socket, in an envelope that says who he is: each
//! word is noted in the journal ([`journal::AuditAbout`](crate::journal::AuditAbout)), done once, and not after it expired.

pub mod kill;
pub mod words;
pub mod memory;
pub mod outlook;
pub mod console;
pub mod settings;
mod money;
pub mod wallet;
pub mod server;
pub mod client;

pub use console::Console;
pub use kill::KillWatch;
pub use words::{Answer, Command, Envelope, SENTENCE, Weight};

#[cfg(test)]
mod tests;
