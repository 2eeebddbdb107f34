//! POLYMARKET'S CRYPTOGRAPHY AND WORDS: what is signed, by whom, whether it holds, and what the venue says of it. Used by the
//! orders that we send and by the simulated venue that takes them. Pure: no clock, no socket, no randomness.
//!
//! Follow an order: [`amounts`] makes whole millionths of price and size, [`Order`] is what is signed, its [`Order::id`] is
//! the order id everywhere, [`signature`] signs it for one of the four kinds of wallets of [`wallet`] and checks it.
//! [`auth`] is how a request says who sends it. [`answer`] reads what the venue says to an order, and [`follow`] goes with
//! each order to its end. Source of all facts: PROTOCOL.md 1 and 2, proven by the vectors in `tests/data`, which the official
//! clients made.

pub mod amounts;
pub mod auth;
pub mod contracts;
pub mod key;
pub mod order;
pub mod order_v1;
pub mod signature;
pub mod wallet;
pub mod answer;
pub mod follow;

pub use contracts::{Exchange, Network};
pub use key::{BadKey, BadSignature, Key};
pub use order::{Order, SignatureType};
pub use signature::Signer;

#[cfg(test)]
mod tests;
