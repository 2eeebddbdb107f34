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
pub use snapshot::{COOLING_SHOWN, CoolingNow, Mark, PortfolioNow, Published, Snapshot};
pub use stage::{Stage, StageRecorder, Stages};
pub use tally::Tally;

pub use window::StageTimes;
