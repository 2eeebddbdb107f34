//! WORLD -> INPUT: what arrives as bytes leaves as [`crate::domain::Input`].
//!
//! ```text
//! registry    texts and 256-bit ids -> dense ids; the last place where they are text
//! market/     frames of the market channel -> inputs of books
//! hash        the venue's hash of a book, to check ours
//! leader/     frames of RTDS, rows of the Data API -> leaders' trades
//! recording   what arrived, as a file: read and written
//! lines       lines of files that may be compressed
//! scan        eight bytes at a time, for the scanners of market/ and leader/
//! decimal     decimal text -> millionths and back; the reference for scan
//! text        short texts without an allocation
//! ```
//!
//! Bytes come from outside: whatever they are, nothing here panics or grows without a limit, and what is refused is
//! counted and says why.

mod decimal;
pub mod hash;
pub mod leader;
pub mod lines;
pub mod market;
pub mod recording;
pub mod registry;
mod scan;
pub mod text;

#[cfg(test)]
mod real_data;
