//! HOW LONG, HOW MANY: stage histograms, the snapshot the engine publishes, how feeds and the writer are, and the text for Prometheus.

pub mod ahead;
pub mod export;
pub mod gateway;
pub mod health;
pub mod snapshot;
pub mod stage;
pub mod tally;

pub mod window;

pub use ahead::{AheadNow, Miss};
pub use gateway::{AnswerClass, GatewayNow, GatewayPicture, GatewayStatus, LeaseNow, ReconcileNow};
pub use health::{FeedNow, FeedStatus, RedeemNow, RedeemStatus, StoreNow, StoreStatus};
pub use snapshot::{
    BOOKS_SHOWN, BookNow, COOLING_SHOWN, CoolingNow, LEVELS_SHOWN, Mark, PortfolioNow, Published, Snapshot, Use,
};
pub use stage::{Stage, StageRecorder, Stages};
pub use tally::Tally;

pub use window::StageTimes;
