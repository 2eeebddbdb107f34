//! The public half of the wire: what anybody may ask and listen to (PROTOCOL.md 2.4, 4, 5.1, 5.3, 6).
//!
//! The CLOB's reads are `quotes` and `prices` of tokens and `markets`; what the answers know of a market, `listings` says.
//! `gamma` lists markets and events; `data` answers late from the `archive` of fills and deeds, from which `positions` follow.
//! `channel` carries the market channel and the activity feed, with the prices of `coins`.

mod archive;
mod channel;
mod coins;
mod data;
mod gamma;
mod geoblock;
mod listings;
mod markets;
mod positions;
mod prices;
mod quotes;

use axum::Router;

pub use archive::{Archive, What};
pub(super) use channel::{serve, sized};
pub use coins::{CoinFilter, CoinPrice, EVERY_MS as COINS_EVERY_MS};
pub use data::routes as data_routes;
pub use gamma::routes as gamma_routes;
pub use geoblock::Region;
pub use prices::Tape;

use super::World;

/// What the CLOB answers to anybody.
pub fn routes() -> Router<World> {
    quotes::routes().merge(prices::routes()).merge(markets::routes()).merge(geoblock::routes())
}

/// The sockets that ask for no key.
pub fn channel_routes() -> Router<World> {
    channel::routes()
}
