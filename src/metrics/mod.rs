//! HOW LONG, HOW MANY: stage histograms and the snapshot the engine publishes.

pub mod snapshot;
pub mod stage;

pub use snapshot::{Mark, PortfolioNow, Published, Snapshot};
pub use stage::{Stage, StageRecorder, Stages};
