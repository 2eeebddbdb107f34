//! Alerts: what is told when, and real sockets for how it leaves.

mod addresses;
mod mailed;
mod rules;
mod sent;
mod server;
mod told;
