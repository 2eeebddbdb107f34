//! POLYMARKET'S CRYPTOGRAPHY: what is signed, by whom, and whether it holds. Used by the orders that we send and by the
//! simulated venue that takes them. Pure: no clock, no socket, no randomness.
//!
//! Follow an order: [`amounts`] makes whole millionths of price and size, [`Order`] is what is signed, its [`Order::id`] is
//! the order id everywhere, [`signature`] signs it for one of the four kinds of wallets of [`wallet`] and checks it.
//! [`auth`] is how a request says who sends it. [`prepare`] does all that again without a detour, for the trading path.
//! Source of all facts: PROTOCOL.md 1 and 2, proven by the vectors in `tests/data`, which the official clients made.

pub mod amounts;
pub mod auth;
pub mod contracts;
pub mod key;
pub mod order;
pub mod order_v1;
pub mod prepare;
pub mod signature;
pub mod wallet;

pub use contracts::{Exchange, Network};
pub use key::{BadKey, BadSignature, Key};
pub use order::{Order, SignatureType};
pub use signature::Signer;

#[cfg(test)]
mod tests;
