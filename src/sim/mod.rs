//! A WORLD TO RUN ON: a seeded, endless session of markets, strangers and leaders, and a venue that serves it over real
//! loopback sockets with the real venue's wire. `remora demo` and the tests run on it, so they exercise the code that talks
//! to the real venue.
//!
//! `workload` (with `book`, `listing`, `leader`, `random`) is pure: virtual time, no clock, no task. `wire` writes what it
//! says as the venue would. `server` serves it.

pub mod book;
pub mod chain;
pub mod exchange;
pub mod leader;
pub mod listing;
pub mod message;
pub mod place;
pub mod random;
pub mod server;
pub mod wire;
pub mod workload;

pub use message::{Activity, Message, Outcome};
pub use server::{Fault, Server};
pub use workload::{Step, Workload};
