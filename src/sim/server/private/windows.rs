//! How often one address may ask, whoever it is: windows of time for groups of paths (PROTOCOL.md 2.12).

use std::collections::HashMap;

use axum::http::Method;

use super::limits::{Enforcement, Limits};
use crate::domain::Nanos;

/// When a request is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Admission {
    Now,
    /// Over the limit: queued.
    After(Nanos),
    /// Far over it: 429.
    Refused {
        retry_after_secs: u64,
    },
}

/// The requests of one address. All come from one here: the loopback.
#[derive(Debug, Default)]
pub struct Windows {
    /// By position among the limits.
    windows: HashMap<usize, Window>,
}

impl Windows {
    /// Counts a request. Says when it is served: the latest moment that any of its groups allows.
    pub fn count(&mut self, limits: &Limits, service: Service, method: &Method, path: &str, now: Nanos) -> Admission {
        if limits.address != Enforcement::Enforce {
            return Admission::Now;
        }
        let mut admission = Admission::Now;
        for (index, limit) in ADDRESS_LIMITS.iter().enumerate().filter(|(_, limit)| limit.is_for(service, method, path))
        {
            let count = (limit.count * limits.rate_percent / 100).max(1);
            let window = self.windows.entry(index).or_insert(Window { began: now, count: 0 });
            admission = admission.max(window.count(count, Nanos::from_secs(limit.secs), now));
        }
        admission
    }
}

#[derive(Clone, Copy, Debug)]
struct Window {
    began: Nanos,
    count: u64,
}

impl Window {
    /// A tenth more than the limit waits its turn at the limit's own pace; what is beyond that is refused.
    fn count(&mut self, limit: u64, length: Nanos, now: Nanos) -> Admission {
        if now.since(self.began) >= length {
            *self = Window { began: now, count: 0 };
        }
        self.count += 1;
        let over = self.count.saturating_sub(limit);
        if over == 0 {
            return Admission::Now;
        }
        if over <= limit.div_ceil(10) {
            return Admission::After(Nanos(length.0 / limit * over));
        }
        self.count -= 1;
        let left = self.began.plus(length).since(now);
        Admission::Refused { retry_after_secs: left.0.div_ceil(1_000_000_000).max(1) }
    }
}

/// Which of the venue's hosts is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Clob,
    Gamma,
    Data,
    Relayer,
}

/// So many requests in so many seconds, for one group of paths.
struct AddressLimit {
    service: Service,
    method: Option<Method>,
    /// A path, or the beginning of one if it ends in a slash.
    paths: &'static [&'static str],
    count: u64,
    secs: u64,
}

impl AddressLimit {
    fn is_for(&self, service: Service, method: &Method, path: &str) -> bool {
        self.service == service
            && self.method.as_ref().is_none_or(|only| only == method)
            && self.paths.iter().any(|at| path == *at || at.ends_with('/') && path.starts_with(at))
    }
}

const fn limit(paths: &'static [&'static str], count: u64, secs: u64) -> AddressLimit {
    AddressLimit { service: Service::Clob, method: None, paths, count, secs }
}

const fn of(method: Method, paths: &'static [&'static str], count: u64, secs: u64) -> AddressLimit {
    AddressLimit { service: Service::Clob, method: Some(method), paths, count, secs }
}

const fn at(service: Service, paths: &'static [&'static str], count: u64) -> AddressLimit {
    AddressLimit { service, method: None, paths, count, secs: 10 }
}

/// The groups of PROTOCOL.md 2.12.
const ADDRESS_LIMITS: &[AddressLimit] = &[
    AddressLimit {
        service: Service::Relayer,
        method: Some(Method::POST),
        paths: &["/submit", "/v1/session-signers/"],
        count: 25,
        secs: 60,
    },
    limit(&["/"], 9_000, 10),
    limit(&["/ok"], 100, 10),
    limit(&["/book"], 1_500, 10),
    limit(&["/price"], 1_500, 10),
    limit(&["/midpoint"], 1_500, 10),
    limit(&["/books", "/prices", "/midpoints"], 500, 10),
    limit(&["/prices-history"], 1_000, 10),
    limit(&["/tick-size"], 200, 10),
    limit(&["/data/orders", "/data/trades"], 500, 10),
    limit(&["/data/order/", "/data/orders", "/data/trades", "/notifications"], 900, 10),
    limit(&["/notifications"], 125, 10),
    of(Method::POST, &["/order"], 5_000, 10),
    of(Method::POST, &["/order"], 120_000, 600),
    of(Method::DELETE, &["/order"], 5_000, 10),
    of(Method::DELETE, &["/order"], 120_000, 600),
    of(Method::POST, &["/orders"], 2_000, 10),
    of(Method::POST, &["/orders"], 21_000, 600),
    of(Method::DELETE, &["/orders"], 2_000, 10),
    of(Method::DELETE, &["/orders"], 15_000, 600),
    limit(&["/cancel-all"], 250, 10),
    limit(&["/cancel-all"], 6_000, 600),
    limit(&["/cancel-market-orders"], 1_500, 10),
    limit(&["/cancel-market-orders"], 21_000, 600),
    limit(&["/balance-allowance"], 200, 10),
    limit(&["/balance-allowance/update"], 50, 10),
    limit(&["/auth/"], 100, 10),
    at(Service::Gamma, &["/"], 4_000),
    at(Service::Gamma, &["/events", "/events/keyset"], 500),
    at(Service::Gamma, &["/markets", "/markets/keyset"], 300),
    at(Service::Gamma, &["/public-search"], 350),
    at(Service::Gamma, &["/comments", "/tags"], 200),
    at(Service::Data, &["/"], 1_000),
    at(Service::Data, &["/v2/trades"], 200),
    at(Service::Data, &["/v2/positions"], 200),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_relayer_takes_25_a_minute() {
        let (mut windows, limits) = (Windows::default(), Limits::default());
        let mut count = |path: &str, secs: u64| {
            windows.count(&limits, Service::Relayer, &Method::POST, path, Nanos::from_secs(1_000 + secs))
        };
        assert!((0..24).all(|_| count("/submit", 0) == Admission::Now));
        assert_eq!(count("/v1/session-signers/revocations", 0), Admission::Now);
        assert!((0..3).all(|_| matches!(count("/submit", 1), Admission::After(_))));
        assert_eq!(count("/submit", 10), Admission::Refused { retry_after_secs: 50 });
        assert_eq!(count("/submit", 60), Admission::Now);
    }

    #[test]
    fn an_address_waits_first_and_is_refused_then() {
        let limits = Limits { rate_percent: 10, ..Limits::default() };
        let (mut windows, at) = (Windows::default(), |millis: u64| Nanos::from_millis(1_000_000 + millis));
        let mut count = |millis| windows.count(&limits, Service::Clob, &Method::DELETE, "/cancel-all", at(millis));
        assert!((0..25).all(|_| count(0) == Admission::Now));
        assert_eq!(count(1), Admission::After(Nanos::from_millis(400)));
        assert_eq!(count(1), Admission::After(Nanos::from_millis(800)));
        assert_eq!(count(1), Admission::After(Nanos::from_millis(1_200)));
        assert_eq!(count(1), Admission::Refused { retry_after_secs: 10 });
        assert_eq!(count(10_000), Admission::Now);
        assert_eq!(windows.count(&limits, Service::Clob, &Method::GET, "/data/orders", at(1)), Admission::Now);
        assert_eq!(windows.count(&Limits::NONE, Service::Clob, &Method::DELETE, "/cancel-all", at(1)), Admission::Now);
    }

    #[test]
    fn groups_overlap() {
        let groups = |service, method, path: &str| {
            ADDRESS_LIMITS.iter().filter(|limit| limit.is_for(service, &method, path)).count()
        };
        assert_eq!(groups(Service::Clob, Method::POST, "/order"), 3);
        assert_eq!(groups(Service::Clob, Method::GET, "/data/order/0x1"), 2);
        assert_eq!(groups(Service::Clob, Method::GET, "/data/orders"), 3);
        assert_eq!(groups(Service::Clob, Method::GET, "/books"), 2);
        assert_eq!(groups(Service::Gamma, Method::GET, "/markets"), 2);
        assert_eq!(groups(Service::Data, Method::GET, "/v2/trades"), 2);
    }
}
