//! The private half of the wire: keys, orders, own orders and trades, balances, the user channel (PROTOCOL.md 2.2 to 2.12, 3, 5.2).

use axum::Router;

use super::World;

/// What asks for a key, or gives one.
pub fn routes() -> Router<World> {
    Router::new()
}
