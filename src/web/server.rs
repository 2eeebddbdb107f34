//! Routes, and what is around them: the [`door`], time, size, and headers that keep a page from being abused.

use std::{net::SocketAddr, sync::Arc, time::Duration};

use axum::{
    Router,
    http::{HeaderName, HeaderValue, StatusCode, header},
    middleware,
    response::Redirect,
    routing::{get, post},
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;
use tower_http::{limit::RequestBodyLimitLayer, set_header::SetResponseHeaderLayer, timeout::TimeoutLayer};

use super::{
    WebState, api, asset,
    door::{entrance, guard::guard, order},
    kept, openapi, page, pulse, stream,
};
use crate::store::query::Reader;

const ANSWER_MAX: Duration = Duration::from_secs(10);
pub const BODY_BYTES_MAX: usize = 16 * 1024;

const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    // Not "no-referrer": then a form of ours would not say its origin.
    (header::REFERRER_POLICY, "same-origin"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// What every page can reach.
pub(super) struct Web {
    pub state: WebState,
    pub pulse: watch::Receiver<Arc<pulse::Pulse>>,
    pub kept: kept::Kept,
    pub streams: Arc<Semaphore>,
    pub stop: CancellationToken,
}

impl Web {
    /// Returns what was seen last. Nothing is locked by it: who looked twice at once would wait for the one that writes, and that
    /// one for him.
    pub fn pulse(&self) -> Arc<pulse::Pulse> {
        Arc::clone(&self.pulse.borrow())
    }

    /// Begins to read Postgres, or says in words why that cannot be. Does not wait where it was down a second ago.
    pub async fn reader(&self) -> Result<Reader, Unread> {
        if let Err(why) = &self.pulse().head {
            return Err(Unread(why.clone()));
        }
        match tokio::time::timeout(pulse::PATIENCE, Reader::open(&self.state.pool)).await {
            Ok(reader) => Ok(reader?),
            Err(_) => Err(Unread(format!("no answer within {} ms", pulse::PATIENCE.as_millis()))),
        }
    }
}

/// Why Postgres cannot be read.
#[derive(Clone, Debug)]
pub(super) struct Unread(pub String);

impl From<sqlx::Error> for Unread {
    fn from(error: sqlx::Error) -> Unread {
        Unread(pulse::in_words(&error))
    }
}

/// Serves the pages on `listener` until `stop`. Open streams end with it. Fails only where the listener does.
pub async fn serve(listener: TcpListener, state: WebState, stop: CancellationToken) -> std::io::Result<()> {
    if let Err(error) = state.door.admit_local(listener.local_addr()?.port(), (state.clock)()) {
        tracing::warn!(%error, "`remora status` cannot be let in where the pages have a password");
    }
    let pulse = pulse::start(state.clone(), stop.clone()).await;
    let streams = Arc::new(Semaphore::new(stream::STREAMS_MAX));
    let web = Arc::new(Web { state, pulse, kept: kept::Kept::default(), streams, stop: stop.clone() });
    let service = routes(web).into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stop.cancelled_owned()).await
}

fn routes(web: Arc<Web>) -> Router {
    let mut router = Router::new()
        .route("/", get(page::overview::overview))
        .route("/paper-trades", get(page::trades::paper))
        .route("/paper-trades.csv", get(page::csv::paper_trades))
        .route("/paper-trades/orders", get(page::orders::paper_orders))
        .route("/paper-trades/orders.csv", get(page::csv::paper_orders))
        .route("/paper-trades/fills", get(page::orders::paper_fills))
        .route("/paper-trades/fills.csv", get(page::csv::paper_fills))
        .route("/live-trades", get(page::trades::live))
        .route("/live-trades.csv", get(page::csv::live_trades))
        .route("/live-trades/orders", get(page::orders::live_orders))
        .route("/live-trades/orders.csv", get(page::csv::live_orders))
        .route("/live-trades/fills", get(page::orders::live_fills))
        .route("/live-trades/fills.csv", get(page::csv::live_fills))
        .route("/signals", get(page::signals::signals))
        .route("/logs", get(page::logs::logs))
        .route("/signals/{id}", get(page::life::signal))
        .route("/orders/{id}", get(page::life::order))
        .route("/paper-portfolio", get(page::portfolio::paper))
        .route("/real-portfolio", get(page::portfolio::real))
        .route("/tokens/{id}", get(page::token::token))
        .route("/execution", get(page::execution::execution))
        .route("/skips", get(page::skips::skips))
        .route("/results", get(page::results::results))
        .route("/latency", get(page::latency::latency))
        .route("/leaders", get(page::leaders::leaders))
        .route("/strategies", get(page::strategies::strategies).post(page::strategies::create))
        .route("/strategies/{name}", get(page::settings::strategy).post(page::settings::change_strategy))
        .route("/config", get(page::settings::defaults).post(page::settings::change_defaults))
        .route("/controls", get(page::controls::controls))
        .route("/audit", get(page::audit::audit))
        .route("/control", post(order::form))
        .route("/login", get(entrance::form).post(entrance::log_in))
        .route("/logout", post(entrance::log_out))
        .route("/alerts", get(page::alerts::alerts))
        .route("/setup", get(page::setup::setup))
        .route("/api", get(openapi::page))
        .route("/api/openapi.json", get(openapi::document))
        .route("/copy-attempts", get(|| async { Redirect::permanent("/paper-trades") }))
        .route("/portfolio", get(|| async { Redirect::permanent("/paper-portfolio") }))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(api::ready))
        .route("/metrics", get(api::metrics))
        .route("/events", get(stream::events))
        .route("/assets/{name}", get(asset::asset))
        .route("/favicon.ico", get(asset::favicon))
        .merge(api_routes())
        .fallback(page::missing)
        .with_state(web.clone())
        .layer(middleware::from_fn_with_state(web, guard))
        .layer(RequestBodyLimitLayer::new(BODY_BYTES_MAX))
        .layer(TimeoutLayer::with_status_code(StatusCode::GATEWAY_TIMEOUT, ANSWER_MAX));
    for (name, value) in HEADERS {
        router = router.layer(SetResponseHeaderLayer::overriding(name, HeaderValue::from_static(value)));
    }
    router
}

/// What programs ask; every way of it is in `openapi.json`.
fn api_routes() -> Router<Arc<Web>> {
    Router::new()
        .route("/api/v1/status", get(api::status))
        .route("/api/v1/trades", get(api::trades))
        .route("/api/v1/orders", get(api::orders))
        .route("/api/v1/fills", get(api::fills))
        .route("/api/v1/live/orders", get(api::live_orders))
        .route("/api/v1/live/fills", get(api::live_fills))
        .route("/api/v1/signals", get(api::signals))
        .route("/api/v1/traces/{id}", get(api::trace))
        .route("/api/v1/events", get(api::events))
        .route("/api/v1/portfolio", get(api::portfolio))
        .route("/api/v1/latency", get(api::latency))
        .route("/api/v1/tokens/{id}", get(api::token))
        .route("/api/v1/execution", get(api::execution))
        .route("/api/v1/skips", get(api::skips))
        .route("/api/v1/results", get(api::results))
        .route("/api/v1/scores", get(api::scores))
        .route("/api/v1/sources", get(api::sources))
        .route("/api/v1/leaders", get(api::leaders))
        .route("/api/v1/strategies", get(page::strategies::api))
        .route("/api/v1/settings", get(page::settings::api))
        .route("/api/v1/audit", get(page::audit::api))
        .route("/api/v1/controls", get(page::controls::api))
        .route("/api/v1/control", post(order::api))
        .route("/api/v1/alerts", get(api::alerts))
        .route("/api/v1/setup", get(api::setup))
}
