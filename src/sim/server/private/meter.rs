//! Lets requests through the limits: a signer's buckets, told in headers, and the windows of an address.

use alloy::primitives::Address;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::limits::{Buckets, Cost, Gauge, Headers, Verdict};
use super::refusal::Refusal;
use super::windows::{Admission, Service};
use crate::clock::now;
use crate::sim::server::World;

const REMAINING: HeaderName = HeaderName::from_static("poly-ratelimit-remaining");
const RESET: HeaderName = HeaderName::from_static("poly-ratelimit-reset");
const TIER: HeaderName = HeaderName::from_static("poly-ratelimit-tier");
const WARNING: HeaderName = HeaderName::from_static("poly-ratelimit-warning");

/// Whether a request about orders is served, and what its signer is told of his limits with the answer.
pub struct Stamp {
    told: Option<Gauge>,
    refusal: Option<Refusal>,
}

/// Asks whether the venue takes anything about orders now, and draws what the request costs.
pub fn admit(world: &World, signer: Address, cost: Cost) -> Stamp {
    let mut hub = world.hub();
    let desk = &mut hub.desk;
    if let Some(closed) = desk.mode.refuses_all(now()) {
        return Stamp { told: None, refusal: Some(closed) };
    }
    let gauge = desk.buckets.draw(signer, cost, now());
    let told = match desk.buckets.limits.headers {
        Headers::Sent => gauge,
        Headers::Withheld => None,
    };
    let refusal = gauge.and_then(|gauge| match gauge.verdict {
        Verdict::Refused { retry_after_secs } => {
            Some(Refusal::TooManyRequests { retry_after_secs: told.map(|_| retry_after_secs) })
        }
        Verdict::Admitted | Verdict::Warned => None,
    });
    Stamp { told, refusal }
}

impl Stamp {
    /// Returns why the request is not served.
    pub fn refusal(&self) -> Option<Refusal> {
        self.refusal.clone()
    }

    pub fn on(self, answer: impl IntoResponse) -> Response {
        let mut response = answer.into_response();
        if let Some(gauge) = self.told {
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
    let admission = {
        let Buckets { windows, limits, .. } = &mut world.hub().desk.buckets;
        windows.count(limits, service, request.method(), request.uri().path(), now())
    };
    match admission {
        Admission::Now => next.run(request).await,
        Admission::After(wait) => {
            tokio::time::sleep(std::time::Duration::from_nanos(wait.0)).await;
            next.run(request).await
        }
        Admission::Refused { retry_after_secs } => {
            Refusal::TooManyRequests { retry_after_secs: Some(retry_after_secs) }.into_response()
        }
    }
}
