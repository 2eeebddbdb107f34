//! WHAT PEOPLE SEE: pages, API, live stream and `/metrics`, for a browser on a desk or a phone.
//!
//! The web never holds the engine: it reads Postgres and the snapshot the engine publishes, and what people turn it says at
//! the engine's socket, as the terminal does. So it may as well be a process of its own ([`Picture`]).
//! Without Postgres the pages show what the snapshot knows, and say what is missing.
//!
//! - [`door`] who may do what: login, tokens, guards; [`server`] routes, time, size and headers.
//! - [`pulse`] looks at everything once a second.
//! - `page/*` makes a page each from rows and snapshot; `templates/` is how it looks; [`figure`] how a number reads.
//! - [`api`] is the same data as JSON; [`stream`] tells open pages that something changed, and they fetch themselves again.

mod api;
mod asset;
pub mod door;
mod figure;
pub mod happening;
mod health;
mod openapi;
mod kept;
mod kinds;
mod page;
mod picture;
mod pulse;
mod server;
mod stream;
mod words;

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use sqlx::PgPool;

use crate::{
    alert::AlertStatus,
    domain::Nanos,
    metrics::{FeedStatus, GatewayStatus, Published, RedeemStatus, Stages, StoreStatus},
};

pub use door::Door;
pub use figure::{length, moment, short_id, tame};
pub use picture::Picture;
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
    pub alerts: Arc<AlertStatus>,
    /// The way of live orders; `None` where the settings do not allow them.
    pub gateway: Option<Arc<GatewayStatus>>,
    pub about: About,
    /// Who may come in, and where the engine listens.
    pub door: Arc<Door>,
    /// Host names it answers to, besides localhost, 127.0.0.1 and `[::1]`: another name is an attack through DNS.
    pub hosts: Vec<String>,
    pub clock: fn() -> Nanos,
}

/// What runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    pub version: String,
    pub config_path: String,
    /// What is switched on, e.g. `paper`.
    pub mode: String,
    pub data: DataSource,
}

/// Where the market data come from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum DataSource {
    #[default]
    Venue,
    /// A simulated market: nothing on the pages is real.
    Demo,
}
