//! The words: what the rest of the program speaks of. No clock, no socket, no text longer than a code.
//!
//! Every value here is small and `Copy`. Strings and 256-bit ids live in [`crate::feed::registry`]; inside, an id is an index.

pub mod event;
pub mod ids;
pub mod input;
pub mod market;
pub mod money;
pub mod order;
pub mod reason;
pub mod settings;
pub mod time;

pub use event::Event;
pub use ids::{LeaderId, OrderId, PortfolioId, PortfolioSet, SignalId, TokenId, TradeKey};
pub use input::{Input, LeaderTrade};
pub use market::{FeeSchedule, Generation, Market, Tick};
pub use money::{Price, Shares, Usdc};
pub use order::{Cause, OrderEnd, OrderKind, OrderState, Rejection, Side};
pub use reason::{Divergence, Fault, Numbers, Refusal, Skip, Unit};
pub use settings::{Mode, Settings, Sizing};
pub use time::{Millis, Nanos};
