//! HOW LONG, HOW MANY: stage histograms and the snapshot the engine publishes.

pub mod snapshot;
pub mod stage;
pub mod tally;

pub use snapshot::{Mark, PortfolioNow, Published, Snapshot};
pub use stage::{Stage, StageRecorder, Stages};
pub use tally::Tally;
