//! What happens to private requests on their way in and out: the truth log hears of them all, the knobs strike some.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use axum::Json;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::http::{HeaderValue, Method, StatusCode, header, response::Parts};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::World;
use super::drift::{DRIFTS, drift};
use super::fault::Pending;
use super::refusal::refused;
use super::truth::{self, Entry};
use crate::clock::now;
use crate::domain::Nanos;
use crate::sim::random::Random;

/// Larger bodies are refused before they are read to their end.
const BODY_MAX: usize = 1 << 20;
/// How many questions about balances are remembered, each with so many answers.
const BALANCES_MAX: usize = 1_024;
const BALANCE_ANSWERS_MAX: usize = 256;

/// What an answer was meant to be, before anything goes wrong with it.
struct Answer {
    parts: Parts,
    body: Bytes,
}

/// What is drawn for one request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    /// It is done, and its answer may be distorted.
    Do,
    /// It is not done.
    Storm,
    Unauthorized,
    /// It is done later.
    LandLate(Duration),
    /// It is done, and its answer is kept back.
    Withhold(Instead),
}

/// What the client gets instead of the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Instead {
    Nothing,
    AnswerAfter(Duration),
    BadGateway,
    Reset,
    Html,
}

impl Instead {
    fn name(self) -> String {
        match self {
            Instead::Nothing => "nothing".to_owned(),
            Instead::AnswerAfter(wait) => format!("the answer after {} ms", wait.as_millis()),
            Instead::BadGateway => "502".to_owned(),
            Instead::Reset => "reset".to_owned(),
            Instead::Html => "html".to_owned(),
        }
    }
}

/// Draws what happens to a request. Placing orders is what clients are most in doubt about.
fn plan(pending: &mut Pending, is_placement: bool, now: Nanos) -> Plan {
    let knobs = pending.knobs;
    if pending.is_on(now, knobs.unauthorized_every_ms, knobs.unauthorized_for_ms) {
        return Plan::Unauthorized;
    }
    if pending.is_on(now, knobs.storm_every_ms, knobs.storm_for_ms) && pending.strikes(knobs.storm_ppm) {
        return Plan::Storm;
    }
    if !is_placement {
        return Plan::Do;
    }
    if pending.strikes(knobs.late_landing_ppm) {
        return Plan::LandLate(Duration::from_millis(pending.between(0, knobs.late_landing_ms_max)));
    }
    if pending.strikes(knobs.accept_then_timeout_ppm) {
        let wait = pending.between(knobs.answer_late_ms_min, knobs.answer_late_ms_max);
        let is_never = pending.strikes(500_000);
        return Plan::Withhold(if is_never {
            Instead::Nothing
        } else {
            Instead::AnswerAfter(Duration::from_millis(wait))
        });
    }
    for (ppm, instead) in [
        (knobs.accept_then_5xx_ppm, Instead::BadGateway),
        (knobs.accept_then_reset_ppm, Instead::Reset),
        (knobs.accept_then_html_ppm, Instead::Html),
    ] {
        if pending.strikes(ppm) {
            return Plan::Withhold(instead);
        }
    }
    Plan::Do
}

/// Serves one private request. What is begun is done, whether or not the client waits for it.
pub async fn mishaps(State(world): State<World>, request: Request, next: Next) -> Response {
    let (parts, body) = request.into_parts();
    let Ok(body) = to_bytes(body, BODY_MAX).await else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, "Invalid order payload").into_response();
    };
    let asked = Asked::of(&parts);
    let is_placement = parts.method == Method::POST && matches!(parts.uri.path(), "/order" | "/orders");
    let (number, plan) = {
        let mut hub = world.hub();
        let number = hub.count_request();
        let entry = Entry::Received {
            request: number,
            method: parts.method.to_string(),
            path: parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default(),
            body: truth::Bytes::of(&body),
        };
        hub.tell_truth(now(), entry);
        (number, plan(&mut hub.pending, is_placement, now()))
    };
    let request = Request::from_parts(parts, Body::from(body));
    // A client that hangs up drops this future, not the task.
    let served = tokio::spawn(async move {
        let answer = match plan {
            Plan::Storm => refused(StatusCode::INTERNAL_SERVER_ERROR, "could not run the execution").into_response(),
            Plan::Unauthorized => refused(StatusCode::UNAUTHORIZED, "Unauthorized/Invalid api key").into_response(),
            Plan::LandLate(wait) => {
                tokio::time::sleep(wait).await;
                next.run(request).await
            }
            Plan::Do | Plan::Withhold(_) => next.run(request).await,
        };
        finish(&world, number, &asked, plan, answer).await
    });
    match served.await {
        Ok(response) => response,
        Err(_) => {
            refused(StatusCode::INTERNAL_SERVER_ERROR, "the simulated venue has a fault of its own").into_response()
        }
    }
}

/// Tells the truth of an answer, then sends it, something else, or nothing.
async fn finish(world: &World, request: u64, asked: &Asked, plan: Plan, answer: Response) -> Response {
    let (parts, body) = answer.into_parts();
    // Answers of ours are whole in memory: reading them cannot fail.
    let body = to_bytes(body, usize::MAX).await.unwrap_or_default();
    let mut answer = Answer { parts, body };
    let status = answer.parts.status.as_u16();
    let Plan::Withhold(instead) = plan else {
        let mut hub = world.hub();
        asked.distort(&mut answer, &mut hub.pending, now());
        let body = truth::Bytes::of(&answer.body);
        hub.tell_truth(now(), Entry::Answered { request, status, body });
        return Response::from_parts(answer.parts, Body::from(answer.body));
    };
    let entry = Entry::Withheld { request, status, body: truth::Bytes::of(&answer.body), instead: instead.name() };
    world.hub().tell_truth(now(), entry);
    match instead {
        Instead::Nothing => {
            world.stopped.cancelled().await;
            reset()
        }
        Instead::AnswerAfter(wait) => {
            tokio::select! {
                () = tokio::time::sleep(wait) => {}
                () = world.stopped.cancelled() => {}
            }
            Response::from_parts(answer.parts, Body::from(answer.body))
        }
        Instead::BadGateway => (StatusCode::BAD_GATEWAY, Json(json!({"error": "bad gateway"}))).into_response(),
        Instead::Reset => reset(),
        Instead::Html => axum::response::Html("<html><body>Just a moment...</body></html>").into_response(),
    }
}

/// An answer that breaks off before its first byte: hyper closes the connection.
fn reset() -> Response {
    let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("cut")) });
    Response::new(Body::from_stream(broken))
}

/// What a request was about, as far as its answer may be distorted.
enum Asked {
    Placement,
    OneOrder,
    Orders,
    /// Who asked, and what.
    Balance(String),
    Other,
}

impl Asked {
    fn of(parts: &axum::http::request::Parts) -> Asked {
        let path = parts.uri.path();
        match (&parts.method, path) {
            (&Method::POST, "/order") => Asked::Placement,
            (&Method::GET, "/data/orders") => Asked::Orders,
            (&Method::GET, "/balance-allowance") => {
                let who = parts.headers.get("POLY_ADDRESS").and_then(|who| who.to_str().ok()).unwrap_or_default();
                Asked::Balance(format!("{who} {}", parts.uri.query().unwrap_or_default()))
            }
            (&Method::GET, path) if path.starts_with("/data/order/") => Asked::OneOrder,
            _ => Asked::Other,
        }
    }

    /// Makes of a good answer what the knobs say.
    fn distort(&self, answer: &mut Answer, pending: &mut Pending, now: Nanos) {
        if pending.closes_after_this() {
            answer.parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
        }
        if answer.parts.status == StatusCode::TOO_MANY_REQUESTS && pending.strikes(pending.knobs.rate_headerless_ppm) {
            let is_about_limits = |name: &str| name.starts_with("poly-ratelimit") || name == "retry-after";
            let gone: Vec<_> =
                answer.parts.headers.keys().filter(|name| is_about_limits(name.as_str())).cloned().collect();
            gone.iter().for_each(|name| drop(answer.parts.headers.remove(name)));
        }
        if answer.parts.status != StatusCode::OK {
            return;
        }
        if let Asked::Balance(question) = self {
            answer.body = pending.balances.answer(question, &answer.body, pending.knobs.balance_lag_ms, now);
        }
        let Ok(mut value) = serde_json::from_slice::<Value>(&answer.body) else { return };
        let before = value.clone();
        self.distort_value(&mut value, pending, now);
        if value != before {
            answer.body = Bytes::from(value.to_string());
            answer.parts.headers.remove(header::CONTENT_LENGTH);
        }
    }

    fn distort_value(&self, value: &mut Value, pending: &mut Pending, now: Nanos) {
        let knobs = pending.knobs;
        match self {
            Asked::Placement if value["success"] == true => {
                if pending.strikes(knobs.id_mismatch_ppm) {
                    let other = Random::new(now.0).hex(32);
                    value["orderID"] = json!(other);
                }
                if pending.strikes(knobs.success_with_error_ppm) {
                    value["errorMsg"] = json!("order timed out");
                }
                if pending.strikes(knobs.empty_id_ppm) {
                    value["orderID"] = json!("");
                }
            }
            Asked::OneOrder => {
                let age = now.as_secs().saturating_sub(value["created_at"].as_u64().unwrap_or_default());
                if age * 1_000 <= knobs.order_null_for_ms && pending.strikes(knobs.order_null_ppm) {
                    *value = Value::Null;
                } else if pending.strikes(knobs.unit_flip_ppm) {
                    flip_units(value);
                }
            }
            Asked::Orders if pending.strikes(knobs.unit_flip_ppm) => {
                value["data"].as_array_mut().into_iter().flatten().for_each(flip_units);
            }
            Asked::Placement | Asked::Orders | Asked::Balance(_) | Asked::Other => {}
        }
        if pending.strikes(knobs.drift_ppm) {
            let kind = pending.between(0, DRIFTS - 1);
            drift(value, kind);
        }
    }
}

/// `size_matched` in millionths instead of shares.
fn flip_units(order: &mut Value) {
    let shares = order["size_matched"].as_str().and_then(|text| text.parse::<f64>().ok());
    if let Some(shares) = shares {
        order["size_matched"] = json!(format!("{:.0}", shares * 1e6));
    }
}

/// The answers about balances, for those who get old ones.
#[derive(Debug, Default)]
pub struct Balances {
    answers: HashMap<String, VecDeque<(Nanos, Bytes)>>,
}

impl Balances {
    /// Notes what is true now, and returns what was true `lag_ms` ago: the newest answer that is so old, else the oldest.
    fn answer(&mut self, question: &str, truth: &Bytes, lag_ms: u64, now: Nanos) -> Bytes {
        if lag_ms == 0 {
            self.answers.clear();
            return truth.clone();
        }
        if self.answers.len() >= BALANCES_MAX && !self.answers.contains_key(question) {
            self.answers.clear();
        }
        let answers = self.answers.entry(question.to_owned()).or_default();
        if answers.len() >= BALANCE_ANSWERS_MAX {
            answers.pop_front();
        }
        answers.push_back((now, truth.clone()));
        let lag = Nanos::from_millis(lag_ms);
        while answers.get(1).is_some_and(|(at, _)| at.plus(lag) <= now) {
            answers.pop_front();
        }
        answers.front().map_or_else(|| truth.clone(), |(_, answer)| answer.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::server::profile::Knobs;

    #[test]
    fn each_knob_draws_its_mishap() {
        const ALWAYS: u32 = 1_000_000;
        let check = |knobs: Knobs, expected: &[Plan]| {
            let mut pending = Pending::new(knobs, 7, Nanos::ZERO);
            let mut drawn: Vec<Plan> = Vec::new();
            for at in 0..64 {
                let plan = plan(&mut pending, true, Nanos::from_millis(at));
                if !drawn.contains(&plan) {
                    drawn.push(plan);
                }
            }
            for plan in expected {
                assert!(drawn.contains(plan), "{plan:?} in {drawn:?}");
            }
            assert_eq!(drawn.len(), expected.len(), "{drawn:?}");
        };
        let calm = Knobs { answer_late_ms_min: 5, answer_late_ms_max: 5, late_landing_ms_max: 0, ..Knobs::CALM };
        let late = Instead::AnswerAfter(Duration::from_millis(5));
        check(calm, &[Plan::Do]);
        check(Knobs { late_landing_ppm: ALWAYS, ..calm }, &[Plan::LandLate(Duration::ZERO)]);
        check(
            Knobs { accept_then_timeout_ppm: ALWAYS, ..calm },
            &[Plan::Withhold(Instead::Nothing), Plan::Withhold(late)],
        );
        check(Knobs { accept_then_5xx_ppm: ALWAYS, ..calm }, &[Plan::Withhold(Instead::BadGateway)]);
        check(Knobs { accept_then_reset_ppm: ALWAYS, ..calm }, &[Plan::Withhold(Instead::Reset)]);
        check(Knobs { accept_then_html_ppm: ALWAYS, ..calm }, &[Plan::Withhold(Instead::Html)]);
        let storm = Knobs { storm_ppm: ALWAYS, storm_every_ms: 32, storm_for_ms: 16, ..calm };
        check(storm, &[Plan::Do, Plan::Storm]);
        let dead = Knobs { unauthorized_every_ms: 32, unauthorized_for_ms: 16, ..calm };
        check(dead, &[Plan::Do, Plan::Unauthorized]);
    }

    #[test]
    fn a_balance_is_told_as_it_was() {
        let mut balances = Balances::default();
        let mut check = |question: &str, at: u64, truth: &'static str, lag: u64, expected: &str| {
            let answer = balances.answer(question, &Bytes::from(truth), lag, Nanos::from_millis(at));
            assert_eq!(answer, expected, "{question} at {at}");
        };
        check("a", 0, "1", 100, "1");
        check("a", 50, "2", 100, "1");
        check("b", 50, "9", 100, "9");
        check("a", 149, "3", 100, "1");
        check("a", 150, "4", 100, "2");
        check("a", 300, "5", 100, "4");
        check("a", 301, "6", 0, "6");
    }

    #[test]
    fn units_flip() {
        let mut order = json!({"size_matched": "7.25"});
        flip_units(&mut order);
        assert_eq!(order, json!({"size_matched": "7250000"}));
    }
}
