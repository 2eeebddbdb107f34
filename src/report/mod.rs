//! WHAT IT ADDS UP TO: recordings played through the engine, and what came of them.

pub mod coverage;
pub mod outcomes;
pub mod replay;
pub mod result;
pub mod scores;
pub mod scout;
pub mod steps;
pub mod trace;

pub use replay::{Replay, ReplayError, Speed, Verify};
pub use result::ReplayResult;
