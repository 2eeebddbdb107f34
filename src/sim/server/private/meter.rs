//! Lets requests through the limits: a signer's buckets, told in headers, and the windows of an address.

use alloy::primitives::Address;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::limits::{Admission, Cost, Gauge, Headers, Service, Verdict};
use super::refusal::Refusal;
use crate::clock::now;
use crate::sim::server::World;

const REMAINING: HeaderName = HeaderName::from_static("poly-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("poly-ratelimit-reset");
const TIER: HeaderName = HeaderName::from_static("poly-ratelimit-tier");
const WARNING: HeaderName = HeaderName::from_static("poly-ratelimit-warning");

/// What a signer is told of his limits with the answer.
pub struct Stamp(Option<Gauge>);

/// Draws what a request costs. Returns the 429 where that is too much.
pub fn draw(world: &World, signer: Address, cost: Cost) -> Result<Stamp, Response> {
    let (gauge, headers) = {
        let mut hub = world.hub();
        (hub.desk.buckets.draw(signer, cost, now()), hub.desk.buckets.limits.headers)
    };
    let told = match headers {
        Headers::Sent => gauge,
        Headers::Withheld => None,
    };
    match gauge.map(|gauge| gauge.verdict) {
        Some(Verdict::Refused { retry_after_secs }) => {
            let mut response = Refusal::TooManyRequests { retry_after_secs }.into_response();
            if told.is_none() {
                response.headers_mut().remove(header::RETRY_AFTER);
            }
            Err(Stamp(told).on(response))
        }
        Some(Verdict::Admitted | Verdict::Warned) | None => Ok(Stamp(told)),
    }
}

impl Stamp {
    pub fn on(self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        if let Some(gauge) = self.0 {
            write(response.headers_mut(), gauge);
        }
        response
    }
}

fn write(headers: &mut HeaderMap, gauge: Gauge) {
    headers.insert(REMAINING, HeaderValue::from(gauge.remaining));
    headers.insert(RESET, HeaderValue::from(gauge.reset));
    headers.insert(TIER, HeaderValue::from_static(gauge.tier.name()));
    if gauge.verdict == Verdict::Warned {
        headers.insert(WARNING, HeaderValue::from_static("true"));
    }
}

/// Makes a request wait, or refuses it, where its address asks too often.
pub async fn by_address(State((world, service)): State<(World, Service)>, request: Request, next: Next) -> Response {
    let admission = world.hub().desk.buckets.count(service, request.method(), request.uri().path(), now());
    match admission {
        Admission::Now => next.run(request).await,
        Admission::After(wait) => {
            tokio::time::sleep(std::time::Duration::from_nanos(wait.0)).await;
            next.run(request).await
        }
        Admission::Refused { retry_after_secs } => Refusal::TooManyRequests { retry_after_secs }.into_response(),
    }
}
