//! Setup: the way from nothing to paper to shadow to live, with what is done and how to do the next step.

use std::sync::Arc;

use askama::Template;
use axum::{extract::State, response::Response};

use super::{Frame, show};
use crate::{
    domain::Nanos,
    report::steps::{Facts, Step, steps},
    web::Web,
};

#[derive(Template)]
#[template(path = "setup.html")]
struct Page {
    frame: Frame,
    steps: Vec<Step>,
    is_done: bool,
}

/// Returns the steps, as far as the engine and the tables know.
pub async fn known(web: &Web) -> Vec<Step> {
    let channels = match web.reader().await {
        Ok(mut reader) => reader.alerting().await.ok().flatten().map_or(0, |now| now.channels.len()),
        Err(_) => 0,
    };
    let (pulse, now) = (web.pulse(), web.state.published.load());
    let of_mode = |mode: &str| pulse.portfolios.iter().filter(|row| row.mode == mode).count();
    steps(&Facts {
        leaders: pulse.leaders.len(),
        strategies: of_mode("paper"),
        live_strategies: of_mode("live"),
        is_running: now.at > Nanos::ZERO,
        signals: pulse.head.as_ref().map_or(0, |head| head.signal_last.unsigned_abs()),
        channels,
        has_key: web.state.gateway.is_some(),
        live: now.live,
    })
}

pub async fn setup(State(web): State<Arc<Web>>) -> Response {
    let steps = known(&web).await;
    let is_done = steps.iter().all(|step| step.state == crate::report::steps::State::Done);
    show(&Page { frame: Frame::new(&web, "Setup", "setup"), steps, is_done })
}
