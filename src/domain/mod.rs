//! The words: what the rest of the program speaks of. No clock, no socket, no text longer than a code.
//!
//! Every value here is small and `Copy`. Strings and 256-bit ids live in [`crate::feed::registry`]; inside, an id is an index.

pub mod breaker;
pub mod event;
pub mod ids;
pub mod input;
pub mod market;
pub mod money;
pub mod order;
pub mod reason;
pub mod rejection;
pub mod settings;
pub mod source;
pub mod switch;
pub mod time;

pub use breaker::Breaker;
pub use event::Event;
pub use ids::{
    ConditionId, LeaderId, OrderId, PortfolioId, PortfolioSet, SignalId, TokenId, TradeKey, VenueEventId, VenueOrderId,
};
pub use input::{Input, LeaderLeft, LeaderTrade, Noted};
pub use market::{FeeSchedule, Generation, Market, Tick};
pub use money::{Price, Shares, Usdc};
pub use order::{Cause, NotSent, OrderEnd, OrderKind, OrderState, Role, Side};
pub use reason::{Declined, Divergence, Fault, Numbers, Refusal, Skip, Unit, Unplanned};
pub use rejection::{Permanence, Rejection};
pub use settings::{Mode, Settings, SizeRule, Sizing};
pub use source::{GapCause, Source};
pub use switch::{LeaderSwitch, LiveOrders, LiveSwitch, PaperSwitch};
pub use time::{Millis, Nanos};
