//! EVENTS -> DISK -> STATE: the local log that everything else is rebuilt from.

pub mod record;

pub use record::{MarketAbout, Record};
