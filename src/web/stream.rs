//! `/events`: once a second how it is and how far the tables are. A page that sees a change fetches itself again.

use std::{convert::Infallible, sync::Arc, time::Duration};

use axum::{
    extract::State,
    http::StatusCode,
    response::{
        IntoResponse, Response,
        sse::{Event, KeepAlive, Sse},
    },
};
use futures_util::StreamExt;
use serde::Serialize;
use tokio_stream::wrappers::WatchStream;

use super::{Web, health};

/// More browsers than this are refused: each holds a connection.
pub const STREAMS_MAX: usize = 64;

#[derive(Serialize)]
struct Status {
    level: &'static str,
    word: &'static str,
    /// Milliseconds since 1970, for the page's clock.
    at: u64,
    /// Changes when the tables did; -1 while they cannot be read.
    rows: i64,
    /// Changes when the engine's own picture of itself did.
    snapshot: u64,
}

pub async fn events(State(web): State<Arc<Web>>) -> Response {
    let Ok(seat) = web.streams.clone().try_acquire_owned() else {
        let text = format!("{STREAMS_MAX} browsers are watching already; close one\n");
        return (StatusCode::SERVICE_UNAVAILABLE, text).into_response();
    };
    let (watched, stop) = (web.pulse.clone(), web.stop.clone());
    let statuses = WatchStream::new(watched).map(move |_| {
        let _seat = &seat;
        Ok::<_, Infallible>(Event::default().event("status").json_data(status(&web)).unwrap_or_default())
    });
    let until_stop = statuses.take_until(stop.cancelled_owned());
    Sse::new(until_stop).keep_alive(KeepAlive::new().interval(Duration::from_secs(10))).into_response()
}

fn status(web: &Web) -> Status {
    let level = health::look(web).level;
    Status {
        level: level.code(),
        word: level.word(),
        at: (web.state.clock)().as_millis(),
        rows: web.pulse().head.as_ref().map_or(-1, |head| head.next_seq),
        snapshot: web.state.published.load().at.0,
    }
}
