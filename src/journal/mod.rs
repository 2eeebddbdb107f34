//! EVENTS -> DISK -> STATE: the local log that everything else is rebuilt from.
//!
//! Records are appended to memory-mapped segment files before their effects leave the process. An append is a copy: no
//! lock, no allocation, no system call. A sync thread writes groups of records to the disk and has the next segment
//! ready in time. What survives: a crash of the process costs nothing, a power cut at most what was appended since the
//! last sync.
//!
//! [`Journal`] appends, [`Reader`] follows, [`recover`] rebuilds. `format` says what the bytes are, `check` whether
//! they are whole: bytes after the last whole record are a torn end and cut off, unless a later record is found in
//! them; that, like any other damage, is [`JournalError::Corrupt`] and changes nothing. A power cut may, rarely, look
//! like damage: the kernel may have written a later page of the last unsynced records and not an earlier one. A person
//! decides then.

mod append;
mod check;
mod error;
mod format;
mod reader;
pub mod record;
mod recover;
mod segment;
mod sync;

pub use append::{Found, Journal, Options, Tail, fits};
pub use check::Torn;
pub use error::{Full, JournalError};
pub use format::{PAYLOAD_MAX, RECORD_MAX, TooLong};
pub use reader::Reader;
pub use record::{AuditAbout, MarketAbout, Record};
pub use recover::recover;

#[cfg(test)]
mod tests;
