//! THE EXCHANGE: orders in, trades out. Pure: virtual time, no clock, no task, no wire.

mod event;
mod order;

pub use event::{Event, Happened, Leg, Settlement, Trade, TradeId};
pub use order::{AccountId, Canceled, Kind, MarketId, NewOrder, NotCanceled, Order, OrderId, Placed, Reject, State};
