//! POLYMARKET: what is signed, by whom, and whether it holds; what the venue says of it; and how both travel. The
//! cryptography and the words are used by the orders that we send and by the simulated venue that takes them.
//!
//! Follow an order: [`amounts`] makes whole millionths of price and size, [`Order`] is what is signed, its [`Order::id`] is
//! the order id everywhere, [`signature`] signs it for one of the four kinds of wallets of [`wallet`] and checks it.
//! [`auth`] is how a request says who sends it. [`prepare`] does all that again without a detour, for the trading path;
//! [`dispatch`] looks a last time and writes it on a [`connection`]. [`answer`] reads what the venue says to an order, and
//! [`follow`] goes with each order to its end, with what [`rest`] reads; [`reconcile`] compares our books with the wallet. What a wallet does on the chain itself is in
//! [`onchain`], and [`redeem`] goes with shares that won until they are money. Source of all facts: PROTOCOL.md 1 and 2,
//! proven by the vectors in `tests/data`, which the official clients made.

pub mod account;
pub mod amounts;
pub mod auth;
pub mod buckets;
pub mod connection;
pub mod contracts;
pub mod credentials;
pub mod curve;
pub mod dispatch;
pub mod key;
pub mod order;
pub mod order_v1;
pub mod prepare;
pub mod rest;
pub mod signature;
pub mod wallet;
pub mod answer;
pub mod follow;
pub mod reconcile;
pub mod onchain;
pub mod redeem;

pub use contracts::{Exchange, Network};
pub use credentials::Credentials;
pub use key::{BadKey, BadSignature, Key};
pub use order::{Order, SignatureType};
pub use signature::Signer;

#[cfg(test)]
mod tests;
