//! The node's wire: `POST /rpc`, and a websocket at the same address.

use std::time::Duration;

use axum::body::Bytes;
use axum::extract::ws::{Message, WebSocket, WebSocketUpgrade};
use axum::extract::{DefaultBodyLimit, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Router, body::Body};
use serde_json::Value;
use tokio::time::{MissedTickBehavior, interval};

use super::rpc::{Caller, Node, answer};
use super::subscription::Subscriptions;

/// As nodes have it.
const REQUEST_BYTES_MAX: usize = 5 * 1024 * 1024;
/// How often a socket looks for news.
const LOOK_EVERY: Duration = Duration::from_millis(5);

/// Whoever has the chain: lends it, with what stands behind the contracts and the time.
pub trait Host: Clone + Send + Sync + 'static {
    /// Runs `work` with the chain in hand; time has been let pass before.
    fn with_node<R>(&self, work: impl FnOnce(&mut Node<'_>) -> R) -> R;
}

/// Returns the routes of a node.
pub fn routes<H: Host>() -> Router<H> {
    let limit = DefaultBodyLimit::max(REQUEST_BYTES_MAX);
    Router::new().route("/rpc", post(request::<H>).get(socket::<H>)).layer(limit)
}

async fn request<H: Host>(State(host): State<H>, body: Bytes) -> Response {
    let answer = host.with_node(|node| answer(node, &mut Caller::Http, &body));
    let text = answer.map_or_else(String::new, |answer| answer.to_string());
    ([(header::CONTENT_TYPE, "application/json")], Body::from(text)).into_response()
}

async fn socket<H: Host>(State(host): State<H>, upgrade: WebSocketUpgrade) -> Response {
    upgrade.max_message_size(REQUEST_BYTES_MAX).on_upgrade(move |socket| serve(host, socket))
}

/// Answers requests and tells what was subscribed to, until the other side goes, or is told less than it asked for.
async fn serve<H: Host>(host: H, mut socket: WebSocket) {
    let mut subscriptions = host.with_node(|node| {
        let salt = node.chain.count_socket();
        Subscriptions::new(node.chain, salt)
    });
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let told: Vec<Value> = tokio::select! {
            message = socket.recv() => match message {
                Some(Ok(Message::Text(text))) => {
                    let mut caller = Caller::Socket(&mut subscriptions);
                    host.with_node(|node| answer(node, &mut caller, text.as_bytes())).into_iter().collect()
                }
                Some(Ok(Message::Binary(bytes))) => {
                    let mut caller = Caller::Socket(&mut subscriptions);
                    host.with_node(|node| answer(node, &mut caller, &bytes)).into_iter().collect()
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Vec::new(),
                Some(Ok(Message::Close(_)) | Err(_)) | None => return,
            },
            _ = looks.tick() => match host.with_node(|node| subscriptions.news(node.chain)) {
                Ok(news) => news,
                // Who misses something must know it: the connection ends.
                Err(_) => return,
            },
        };
        for value in told {
            if socket.send(Message::text(value.to_string())).await.is_err() {
                return;
            }
        }
    }
}
