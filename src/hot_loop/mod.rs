//! THE HOT THREAD: take an input, step, record, hand orders on.

pub mod core;

pub use core::{Core, Log};
