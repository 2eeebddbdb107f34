//! THE HOT THREAD: take an input, step, record, hand orders on.

pub mod ceilings;
pub mod core;
pub mod inlet;
pub mod live;
pub mod thread;

pub use ceilings::Ceilings;
pub use core::{Core, Digest, Log};
pub use inlet::{About, Audited, Closed, Command, Inlet, Stamped};
pub use live::Live;
pub use thread::HotThread;

#[cfg(test)]
mod tests;
