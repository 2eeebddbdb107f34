//! Against the simulated venue, over real sockets.

use std::collections::BTreeSet;
use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::Value;
use tokio::time::timeout;

use super::*;
use crate::sim::server::{Fault, Options as VenueOptions, Server};

const PATIENCE: Duration = Duration::from_secs(20);

fn clock() -> Nanos {
    Nanos(SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_nanos() as u64)
}

async fn venue() -> Server {
    Server::start(VenueOptions { rate_percent: 100, ..VenueOptions::default() }).await.expect("a free port")
}

fn tokens(venue: &Server) -> Vec<String> {
    venue.open_markets().iter().flat_map(|listing| listing.tokens.clone()).collect()
}

async fn next(events: &mut mpsc::Receiver<SocketEvent>) -> SocketEvent {
    timeout(PATIENCE, events.recv()).await.expect("an event in time").expect("the socket lives")
}

async fn lost(events: &mut mpsc::Receiver<SocketEvent>) -> Lost {
    loop {
        if let SocketEvent::Disconnected(lost) = next(events).await {
            return lost;
        }
    }
}

/// The next frame that is JSON and of which `pick` makes something.
async fn seen<T>(events: &mut mpsc::Receiver<SocketEvent>, pick: impl Fn(&Value) -> Option<T>) -> T {
    loop {
        let SocketEvent::Frame { bytes, received } = next(events).await else { continue };
        assert!(received > Nanos::from_secs(1_700_000_000));
        if let Some(found) = serde_json::from_slice(&bytes).ok().as_ref().and_then(&pick) {
            return found;
        }
    }
}

/// The tokens of a frame of snapshots.
fn snapshots(frame: &Value) -> Option<BTreeSet<String>> {
    let books = frame.as_array()?;
    Some(books.iter().map(|book| book["asset_id"].as_str().expect("a token").to_owned()).collect())
}

fn change_of(token: &str) -> impl Fn(&Value) -> Option<()> {
    move |frame| {
        let changes = frame["price_changes"].as_array()?;
        changes.iter().any(|change| change["asset_id"] == token).then_some(())
    }
}

#[tokio::test]
async fn a_subscription_brings_snapshots_then_changes_and_a_resync_brings_snapshots_again() {
    let venue = venue().await;
    let (mut socket, mut events) = MarketSocket::open(Options::new(&venue.market_url), clock);
    let tokens = tokens(&venue);
    socket.subscribe(tokens[..2].to_vec()).await.expect("room");
    assert_eq!(next(&mut events).await, SocketEvent::Connected);
    assert_eq!(seen(&mut events, snapshots).await, tokens[..2].iter().cloned().collect());
    seen(&mut events, change_of(&tokens[1])).await;

    socket.subscribe(tokens[1..3].to_vec()).await.expect("room");
    assert_eq!(seen(&mut events, snapshots).await, [tokens[2].clone()].into(), "the known token gets no new one");
    socket.resync(tokens[..1].to_vec()).await.expect("a socket");
    assert_eq!(seen(&mut events, snapshots).await, [tokens[0].clone()].into());

    socket.unsubscribe(tokens[..3].to_vec()).await.expect("a socket");
    assert_eq!(lost(&mut events).await, Lost::Idle);
    let status = socket.status();
    assert!(!status.is_connected && status.connects == 1 && status.frames > 3, "{status:?}");
    socket.close().await;
    assert_eq!(events.recv().await, None);
    venue.stop().await;
}

#[tokio::test]
async fn a_frozen_connection_is_replaced_and_nothing_subscribed_is_lost() {
    let venue = venue().await;
    let silence_max = Duration::from_millis(1_500);
    let ping_every = Duration::from_millis(100);
    let options = Options { silence_max, ping_every, ..Options::new(&venue.market_url) };
    let (mut socket, mut events) = MarketSocket::open(options, clock);
    let tokens: BTreeSet<String> = tokens(&venue).into_iter().collect();
    socket.subscribe(tokens.iter().cloned().collect()).await.expect("room");
    assert_eq!(seen(&mut events, snapshots).await, tokens);
    venue.inject(Fault::Freeze);
    // PONG goes on coming, and does not count.
    assert_eq!(lost(&mut events).await, Lost::Silent { silence_max });
    assert_eq!(next(&mut events).await, SocketEvent::Connected);
    assert_eq!(seen(&mut events, snapshots).await, tokens);
    assert_eq!(socket.status().connects, 2);
}

#[tokio::test]
async fn a_cut_connection_is_made_again_and_commands_given_meanwhile_count() {
    let venue = venue().await;
    let (mut socket, mut events) = MarketSocket::open(Options::new(&venue.market_url), clock);
    let tokens = tokens(&venue);
    socket.subscribe(tokens[..1].to_vec()).await.expect("room");
    seen(&mut events, snapshots).await;
    venue.inject(Fault::DropConnections);
    let why = lost(&mut events).await;
    assert!(matches!(why, Lost::Closed { .. } | Lost::Failed { .. }), "{why:?}");
    socket.subscribe(tokens[3..4].to_vec()).await.expect("room");
    assert_eq!(next(&mut events).await, SocketEvent::Connected);
    let both = [tokens[0].clone(), tokens[3].clone()].into();
    assert_eq!(seen(&mut events, snapshots).await, both);
}

#[tokio::test]
async fn garbage_passes_as_it_is_and_too_much_ends_the_connection() {
    let venue = venue().await;
    let (mut socket, mut events) = MarketSocket::open(Options::new(&venue.market_url), clock);
    socket.subscribe(tokens(&venue)).await.expect("room");
    seen(&mut events, snapshots).await;
    venue.inject(Fault::GarbageFrame);
    loop {
        let SocketEvent::Frame { bytes, .. } = next(&mut events).await else { panic!("the connection stays") };
        if serde_json::from_slice::<Value>(&bytes).is_err() {
            break;
        }
    }
    venue.inject(Fault::OversizedFrame { bytes: MESSAGE_MAX + 1 });
    assert_eq!(lost(&mut events).await, Lost::TooLong { size: MESSAGE_MAX + 1 });
    assert!(socket.status().lost.expect("a reason").to_string().contains("longer than the 4194304 allowed"));
    assert_eq!(next(&mut events).await, SocketEvent::Connected);
    seen(&mut events, snapshots).await;
}

#[tokio::test]
async fn a_reader_who_falls_behind_learns_of_the_gap() {
    let venue = venue().await;
    let options = Options { events_max: 8, ..Options::new(&venue.market_url) };
    let (mut socket, mut events) = MarketSocket::open(options, clock);
    socket.subscribe(tokens(&venue)).await.expect("room");
    while socket.status().lost.is_none() {
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert_eq!(lost(&mut events).await, Lost::Overrun { events_max: 8 });
    assert_eq!(next(&mut events).await, SocketEvent::Connected);
}

#[tokio::test]
async fn a_connection_is_replaced_when_old_or_when_asked() {
    let venue = venue().await;
    let options = Options { age_max: Duration::from_secs(1), ..Options::new(&venue.market_url) };
    let (mut socket, mut events) = MarketSocket::open(options, clock);
    socket.subscribe(tokens(&venue)).await.expect("room");
    assert_eq!(lost(&mut events).await, Lost::Aged);
    assert_eq!(next(&mut events).await, SocketEvent::Connected);
    socket.reconnect().await.expect("a socket");
    assert_eq!(lost(&mut events).await, Lost::Asked);
}

#[tokio::test]
async fn a_venue_that_is_not_there_is_an_error_in_the_status() {
    let (mut socket, mut events) = MarketSocket::open(Options::new("ws://127.0.0.1:1/ws/market"), clock);
    socket.subscribe(vec!["1".to_owned()]).await.expect("room");
    let error = loop {
        match socket.status().lost {
            Some(lost) => break lost.to_string(),
            None => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    assert!(error.starts_with("cannot connect to ws://127.0.0.1:1/ws/market: "), "{error}");
    socket.close().await;
    assert_eq!(events.recv().await, None, "what was never connected is not lost");
}

#[tokio::test]
async fn a_socket_takes_no_more_tokens_than_the_venue_serves() {
    let (mut socket, _events) = MarketSocket::open(Options::new("ws://127.0.0.1:1/ws/market"), clock);
    let tokens = |range: std::ops::Range<usize>| range.map(|number| number.to_string()).collect::<Vec<String>>();
    socket.subscribe(tokens(0..ASSETS_MAX)).await.expect("room");
    socket.subscribe(tokens(5..9)).await.expect("known ones need no room");
    assert_eq!(socket.subscribe(tokens(199..201)).await, Err(SubscribeError::Full));
    socket.unsubscribe(tokens(0..1)).await.expect("a socket");
    assert_eq!(socket.room(), 1);
}

#[tokio::test]
async fn the_activity_feed_tells_fills_and_repeats_them_when_the_venue_does() {
    let venue = Server::start(VenueOptions { rate_percent: 1_000, ..VenueOptions::default() }).await.expect("a port");
    let (socket, mut events) = ActivitySocket::open(Options::new(&venue.activity_url), &[ActivityKind::Trades], clock);
    let fill = |frame: &Value| (frame["type"] == "trades").then(|| frame["payload"].clone());
    let first = seen(&mut events, fill).await;
    assert!(first["proxyWallet"].as_str().is_some_and(|wallet| wallet.len() == 42));
    venue.inject(Fault::DuplicateActivity { frames: 1_000 });
    let mut before = seen(&mut events, fill).await;
    loop {
        let now = seen(&mut events, fill).await;
        if now == before {
            break;
        }
        before = now;
    }
    venue.inject(Fault::DropConnections);
    lost(&mut events).await;
    seen(&mut events, fill).await;
    assert_eq!(socket.status().connects, 2);
}

#[tokio::test]
async fn the_user_channel_lives_by_its_pongs_and_a_wrong_key_is_shown_out() {
    crate::feed::install_tls();
    let venue = Server::start(VenueOptions { rate_percent: 0, ..VenueOptions::default() }).await.expect("a free port");
    let key = crate::venue::polymarket::Key::from_bytes([7; 32]).expect("a key");
    let public = crate::venue::polymarket::rest::Public::new(&venue.clob_url, &venue.urls.geoblock);
    let api = public.derive(&key, crate::venue::polymarket::Network::Polygon, clock()).await.expect("an API key");
    let quick = |silence: u64| Options {
        silence_max: Duration::from_millis(silence),
        ping_every: Duration::from_millis(50),
        ..Options::new(&venue.urls.ws_user)
    };
    let greeting = Greeting::new(&api.id, &api.secret.to_base64(), api.passphrase());
    assert_eq!(format!("{greeting:?}"), "Greeting(..)");
    let (socket, mut events) = AccountSocket::open(quick(1_000), greeting.clone(), clock);
    assert_eq!(next(&mut events).await, SocketEvent::Connected);
    for _ in 0..30 {
        assert!(matches!(next(&mut events).await, SocketEvent::Frame { bytes, .. } if bytes.as_ref() == b"PONG"));
    }
    assert_eq!(socket.status().connects, 1, "silent for longer than it may be, but for its answers");
    socket.close().await;
    let wrong = Greeting::new(&api.id, &api.secret.to_base64(), "wrong");
    let (socket, mut events) = AccountSocket::open(quick(1_000), wrong, clock);
    assert!(matches!(lost(&mut events).await, Lost::Closed { .. } | Lost::Failed { .. }));
    socket.close().await;
}
