//! WHAT PEOPLE SEE: pages, API, live stream and `/metrics`, for a browser on a desk or a phone.
//!
//! The web never holds the engine: it reads Postgres and the snapshot the engine publishes, and nothing here can write.
//! Without Postgres the pages show what the snapshot knows, and say what is missing.
//!
//! - [`server`] routes, guards (host, method, time, size) and headers; [`pulse`] looks at everything once a second.
//! - `page/*` makes a page each from rows and snapshot; `templates/` is how it looks; [`figure`] how a number reads.
//! - [`api`] is the same data as JSON; [`stream`] tells open pages that something changed, and they fetch themselves again.

mod api;
mod asset;
mod figure;
pub mod happening;
mod health;
mod kept;
mod kinds;
mod page;
mod pulse;
mod server;
mod stream;
mod words;

use std::sync::Arc;

use sqlx::PgPool;

use crate::{
    domain::Nanos,
    metrics::{FeedStatus, GatewayStatus, Published, RedeemStatus, Stages, StoreStatus},
};

use server::Web;
pub use server::serve;

/// All the web looks at.
#[derive(Clone)]
pub struct WebState {
    pub pool: PgPool,
    pub published: Published,
    pub stages: Arc<Stages>,
    pub store: Arc<StoreStatus>,
    pub feeds: Arc<Vec<Arc<FeedStatus>>>,
    pub redeem: Arc<RedeemStatus>,
    /// The way of live orders; `None` where the settings do not allow them.
    pub gateway: Option<Arc<GatewayStatus>>,
    pub about: About,
    /// Host names it answers to, besides localhost, 127.0.0.1 and `[::1]`: another name is an attack through DNS.
    pub hosts: Vec<String>,
    pub clock: fn() -> Nanos,
}

/// What runs.
#[derive(Clone, Debug, Default)]
pub struct About {
    pub version: String,
    pub config_path: String,
    /// What is switched on, e.g. `paper`.
    pub mode: String,
    pub data: DataSource,
}

/// Where the market data come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DataSource {
    #[default]
    Venue,
    /// A simulated market: nothing on the pages is real.
    Demo,
}
