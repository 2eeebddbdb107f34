//! A WORLD TO RUN ON: markets, strangers and leaders, seeded and endless or out of a recording, and the whole venue around
//! them over real loopback sockets, with the real venue's wire. `remora venue` is it as a program of its own; the demo and
//! the tests run on it, so they exercise the code that talks to the real venue.
//!
//! Pure, in virtual time, without clock or task: `exchange` matches and settles orders, `workload` (with `listing`, `place`,
//! `leader`, `book`, `random`) is who trades there and says what the public sees, `chain` makes blocks of it. `wire` writes
//! what they say as the venue would; `server` serves it, to friends and to clients with keys, such as a `hand`.
//!
//! Another world, of inputs alone and as pure, is `trial`: it tries the engine, and the `auditor` judges it. What a whole session
//! with live orders leaves behind, on disk and at the venue, `live_audit` judges.

pub mod auditor;
pub mod book;
pub mod chain;
pub mod exchange;
pub mod hand;
pub mod leader;
pub mod listing;
pub mod live_audit;
pub mod message;
pub mod place;
pub mod random;
pub mod server;
pub mod trial;
pub mod wire;
pub mod workload;

pub use message::{Activity, Message, Outcome};
pub use server::{Fault, Server};
pub use workload::{Step, Workload};
