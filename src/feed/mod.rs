//! WORLD -> INPUT: what arrives as bytes leaves as [`crate::domain::Input`].
//!
//! ```text
//! socket/     websockets to the venue that stay up; alive is who sends data
//! rest/       a token's market, read over REST; never while deciding
//! tls         the one TLS provider and the roots that are trusted
//! registry    texts and 256-bit ids -> dense ids; the last place where they are text
//! market/     frames of the market channel -> inputs of books
//! hash        the venue's hash of a book, to check ours
//! account/    what the venue says of our own orders and trades
//! leader/     frames of RTDS, rows of the Data API -> leaders' trades, each once; what leaders hold; gaps
//! chain/      logs and transactions of a node -> leaders' trades
//! recording   what arrived, as a file: read and written
//! lines       lines of files that may be compressed
//! scan        eight bytes at a time, for the scanners of market/ and leader/
//! hex         hex digits -> bytes
//! decimal     decimal text -> millionths and back; the reference for scan
//! text        short texts without an allocation
//! ```
//!
//! Bytes come from outside: whatever they are, nothing here panics or grows without a limit, and what is refused is
//! counted and says why.

pub mod account;
pub mod chain;
pub(crate) mod decimal;
pub mod hash;
mod hex;
pub mod leader;
pub mod lines;
pub mod market;
pub mod recording;
pub mod registry;
pub mod rest;
mod scan;
pub mod socket;
pub mod text;
pub mod tls;

pub use tls::{client_tls, install_tls, trust_also};

#[cfg(test)]
mod real_data;
