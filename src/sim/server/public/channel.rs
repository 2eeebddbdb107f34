//! The two sockets of the simulated venue: the market channel (PROTOCOL.md 5.1) and the activity feed (5.3).

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::extract::ws::{Message as Frame, WebSocket, WebSocketUpgrade};
use axum::response::Response;
use axum::routing::any;
use futures_util::SinkExt;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::coins::{CoinFilter, Source};
use crate::clock::now;
use crate::sim::server::World;
use crate::sim::server::hub::{ActivityFilter, ActivityWants, Hub, MarketWants, Wants};
use crate::sim::server::lossy::{Channel, Lossy};

/// A reader who does not take a frame for so long is gone.
const SEND_TIMEOUT: Duration = Duration::from_secs(5);
const REQUEST_BYTES_MAX: usize = 256 * 1024;
/// What comes from a client is short, and each look for it clears a buffer of this size.
const READ_BYTES: usize = 4 * 1024;
/// So many waiting frames go out with one write.
const FRAMES_AT_ONCE: usize = 256;
/// A frame that waits to be overtaken waits no longer than this.
const OVERTAKE_TIMEOUT: Duration = Duration::from_millis(250);
/// What the venue says to what it does not understand.
const INVALID: &str = "INVALID OPERATION";

/// What a client says on the market channel.
#[derive(Deserialize)]
struct MarketRequest {
    #[serde(rename = "type", default)]
    channel: String,
    #[serde(default)]
    operation: String,
    assets_ids: Vec<String>,
    #[serde(default)]
    custom_feature_enabled: bool,
    #[serde(default = "yes")]
    initial_dump: bool,
}

fn yes() -> bool {
    true
}

/// What a client says on the activity feed.
#[derive(Deserialize)]
struct ActivityRequest {
    action: String,
    subscriptions: Vec<ActivitySubscription>,
}

#[derive(Deserialize)]
struct ActivitySubscription {
    topic: String,
    #[serde(rename = "type")]
    kind: String,
    /// JSON in a string; `""`: all.
    #[serde(default)]
    filters: String,
}

/// What `filters` holds.
#[derive(Default, Deserialize)]
struct Slugs {
    event_slug: Option<String>,
    market_slug: Option<String>,
}

impl ActivitySubscription {
    /// Returns what is subscribed to; `None` if the filters are no JSON.
    fn filter(self) -> Option<ActivityFilter> {
        let slugs = match self.filters.as_str() {
            "" => Slugs::default(),
            text => serde_json::from_str(text).ok()?,
        };
        Some(ActivityFilter { kind: self.kind, event: slugs.event_slug, market: slugs.market_slug })
    }
}

pub fn routes() -> Router<World> {
    Router::new().route("/ws/market", any(market)).route("/rtds", any(activity))
}

async fn market(State(world): State<World>, upgrade: WebSocketUpgrade) -> Response {
    let wants = Wants::Market(MarketWants::default());
    sized(upgrade).on_upgrade(move |socket| serve(world, socket, wants, hear_market))
}

async fn activity(State(world): State<World>, upgrade: WebSocketUpgrade) -> Response {
    let wants = Wants::Activity(ActivityWants::default());
    sized(upgrade).on_upgrade(move |socket| serve(world, socket, wants, hear_activity))
}

/// Bounds what a client may send, and the buffers for it.
pub fn sized(upgrade: WebSocketUpgrade) -> WebSocketUpgrade {
    upgrade.max_message_size(REQUEST_BYTES_MAX).read_buffer_size(READ_BYTES)
}

/// Carries one socket until either end has enough.
pub async fn serve(world: World, mut socket: WebSocket, wants: Wants, hear: fn(&mut Hub, u64, &str)) {
    let channel = wants.channel();
    if channel == Channel::User && world.hub().pending.is_gap(now()) {
        return;
    }
    let mut lossy = Lossy::new(channel);
    let (id, mut frames) = world.hub().connect(wants);
    let mut waiting = Vec::new();
    loop {
        tokio::select! {
            () = world.stopped.cancelled() => break,
            count = frames.recv_many(&mut waiting, FRAMES_AT_ONCE) => {
                if count == 0 {
                    break;
                }
                let passed = lossy.pass(std::mem::take(&mut waiting), &mut world.hub().pending);
                if !send(&mut socket, passed).await {
                    break;
                }
            }
            () = tokio::time::sleep(OVERTAKE_TIMEOUT), if lossy.holds_one() => {
                if !send(&mut socket, lossy.release().into_iter().collect()).await {
                    break;
                }
            }
            request = socket.recv() => match request {
                Some(Ok(Frame::Text(text))) if text.as_str() == "PING" => world.hub().send(id, "PONG"),
                Some(Ok(Frame::Text(text))) => hear(&mut world.hub(), id, &text),
                Some(Ok(Frame::Binary(_) | Frame::Ping(_) | Frame::Pong(_))) => {}
                Some(Ok(Frame::Close(_)) | Err(_)) | None => break,
            },
        }
    }
    world.hub().disconnect(id);
}

/// Returns whether the reader took them in time. They go out together.
async fn send(socket: &mut WebSocket, frames: Vec<Frame>) -> bool {
    let sent = async {
        for frame in frames {
            socket.feed(frame).await?;
        }
        socket.flush().await
    };
    matches!(tokio::time::timeout(SEND_TIMEOUT, sent).await, Ok(Ok(())))
}

/// Answers what is not understood, and closes the socket of who does not even speak JSON.
fn refuse(hub: &mut Hub, id: u64, text: &str) {
    hub.send(id, INVALID);
    if serde_json::from_str::<IgnoredAny>(text).is_err() {
        hub.disconnect(id);
    }
}

fn hear_market(hub: &mut Hub, id: u64, text: &str) {
    let Ok(request) = serde_json::from_str::<MarketRequest>(text) else { return refuse(hub, id, text) };
    let Some(Wants::Market(wants)) = hub.wants(id) else { return };
    let is_first = request.channel == "market" && !wants.is_subscribed;
    match request.operation.as_str() {
        "unsubscribe" => wants.assets.retain(|asset| !request.assets_ids.contains(asset)),
        "subscribe" | "" if is_first || request.operation == "subscribe" => {
            wants.is_subscribed = true;
            wants.custom |= request.custom_feature_enabled;
            // A token that is known already gets no new snapshot.
            let new: Vec<String> =
                request.assets_ids.into_iter().filter(|asset| wants.assets.insert(asset.clone())).collect();
            if !request.initial_dump {
                return;
            }
            if let Some(books) = hub.snapshots(new.iter(), now()) {
                hub.send(id, &books);
            }
        }
        // The venue ignores a second `type:market` frame.
        "" => {}
        _ => hub.send(id, INVALID),
    }
}

fn hear_activity(hub: &mut Hub, id: u64, text: &str) {
    let Ok(request) = serde_json::from_str::<ActivityRequest>(text) else { return refuse(hub, id, text) };
    let Some(Wants::Activity(wants)) = hub.wants(id) else { return };
    let (mut filters, mut coins) = (Vec::new(), Vec::new());
    for subscription in request.subscriptions {
        let is_read = match (subscription.topic.as_str(), Source::of_topic(&subscription.topic)) {
            ("activity", _) => subscription.filter().map(|filter| filters.push(filter)),
            (_, Some(source)) => CoinFilter::read(source, &subscription.filters).map(|filter| coins.push(filter)),
            // The venue has topics of which nothing happens here.
            (_, None) => Some(()),
        };
        if is_read.is_none() {
            return hub.send(id, INVALID);
        }
    }
    match request.action.as_str() {
        "subscribe" => {
            wants.subscriptions.extend(filters);
            wants.coins.extend(coins);
        }
        "unsubscribe" => {
            wants.subscriptions.retain(|filter| !filters.contains(filter));
            wants.coins.retain(|filter| !coins.contains(filter));
        }
        _ => hub.send(id, INVALID),
    }
}
