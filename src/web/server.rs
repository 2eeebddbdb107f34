//! Routes, and what guards them: host names, methods, time, size, and headers that keep a page from being abused.

use std::{sync::Arc, time::Duration};

use axum::{
    Router,
    extract::{Request, State},
    http::{HeaderName, HeaderValue, Method, StatusCode, header},
    middleware::{self, Next},
    response::{IntoResponse, Redirect, Response},
    routing::get,
};
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;
use tower_http::{limit::RequestBodyLimitLayer, set_header::SetResponseHeaderLayer, timeout::TimeoutLayer};

use super::{WebState, api, asset, kept, page, pulse, stream};
use crate::store::query::Reader;

const ANSWER_MAX: Duration = Duration::from_secs(10);
const BODY_BYTES_MAX: usize = 16 * 1024;

const HEADERS: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// What every page can reach.
pub(super) struct Web {
    pub state: WebState,
    pub pulse: watch::Receiver<pulse::Pulse>,
    pub kept: kept::Kept,
    pub streams: Arc<Semaphore>,
    pub stop: CancellationToken,
}

impl Web {
    /// Begins to read Postgres, or says in words why that cannot be. Does not wait where it was down a second ago.
    pub async fn reader(&self) -> Result<Reader, Unread> {
        if let Err(why) = &self.pulse.borrow().head {
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
    let pulse = pulse::start(state.clone(), stop.clone()).await;
    let streams = Arc::new(Semaphore::new(stream::STREAMS_MAX));
    let web = Arc::new(Web { state, pulse, kept: kept::Kept::default(), streams, stop: stop.clone() });
    axum::serve(listener, routes(web)).with_graceful_shutdown(stop.cancelled_owned()).await
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
        .route("/copy-attempts", get(|| async { Redirect::permanent("/paper-trades") }))
        .route("/portfolio", get(|| async { Redirect::permanent("/paper-portfolio") }))
        .route("/healthz", get(|| async { "alive\n" }))
        .route("/readyz", get(api::ready))
        .route("/metrics", get(api::metrics))
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
        .route("/events", get(stream::events))
        .route("/assets/{name}", get(asset::asset))
        .route("/favicon.ico", get(asset::favicon))
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

/// Lets through what reads, and asks for us by a name that is ours.
async fn guard(State(web): State<Arc<Web>>, request: Request, next: Next) -> Response {
    if request.method() != Method::GET && request.method() != Method::HEAD {
        let allow = [(header::ALLOW, "GET, HEAD")];
        return (StatusCode::METHOD_NOT_ALLOWED, allow, "these pages only show; nothing can be changed here\n")
            .into_response();
    }
    let host = request.headers().get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.or_else(|| request.uri().host()).unwrap_or_default();
    if !is_ours(host, &web.state.hosts) {
        let text = "this name is not one of ours. If it should be, add it to web.hosts in the settings\n";
        return (StatusCode::MISDIRECTED_REQUEST, text).into_response();
    }
    next.run(request).await
}

fn is_ours(host: &str, configured: &[String]) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) && !name.is_empty() => name,
        _ => host,
    };
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    ["127.0.0.1", "localhost", "[::1]"].contains(&name.as_str())
        || configured.iter().any(|ours| ours.eq_ignore_ascii_case(&name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_names_are_answered() {
        let configured = ["remora.example.com".to_owned()];
        for (host, ours) in [
            ("127.0.0.1:8080", true),
            ("localhost", true),
            ("LOCALHOST:1", true),
            ("localhost.:8080", true),
            ("[::1]:8080", true),
            ("[::1]", true),
            ("remora.example.com:443", true),
            ("evil.example.com", false),
            ("127.0.0.1.evil.com", false),
            ("localhost:8080.evil.com", false),
            ("", false),
            (":8080", false),
        ] {
            assert_eq!(is_ours(host, &configured), ours, "{host}");
        }
    }
}
