//! The private half of the wire: keys, orders, own orders and trades, balances, the user channel (PROTOCOL.md 2.2 to 2.12,
//! 3, 5.2).
//!
//! Follow an order: [`auth`] knows its sender, [`payload`] reads it, [`orders`] asks [`mode`], [`identity`] and the
//! signature whether it may be placed, and hands it to the exchange. What the exchange says of it, [`desk`] hears and
//! [`wire`] writes: to who waits for the answer, and to the sockets of [`user_channel`].

mod account;
mod auth;
mod cancels;
mod desk;
mod heartbeat;
mod identity;
mod keys;
mod limits;
mod meter;
mod mode;
mod orders;
mod payload;
mod reads;
mod records;
mod refusal;
mod switch;
mod user_channel;
mod windows;
mod wire;

use axum::Router;

pub use desk::{Desk, Settings};
pub use identity::{BadFunded, Funded, Standing, Wallet};
pub use limits::{Enforcement, Headers, Limits, Tier};
pub use meter::by_address;
pub use mode::{Switch, Trouble};
pub(super) use records::Record;
pub use user_channel::UserWants;
pub use windows::Service;

use super::World;

/// What asks for a key, or gives one.
pub fn routes() -> Router<World> {
    keys::routes().merge(orders::routes()).merge(cancels::routes()).merge(reads::routes()).merge(account::routes())
}

/// The socket.
pub fn channel_routes() -> Router<World> {
    user_channel::routes()
}

#[cfg(test)]
mod tests;
