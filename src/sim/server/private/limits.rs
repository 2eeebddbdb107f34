//! How often somebody may ask: a token bucket for each signer's orders and one for his cancels, and windows for all
//! requests of one address (PROTOCOL.md 2.12).

use std::collections::HashMap;

use alloy::primitives::Address;
use axum::http::Method;
use serde::Deserialize;

use crate::domain::Nanos;

const SECOND: u64 = 1_000_000_000;

/// What happens to those who ask too often.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Enforcement {
    /// Nothing is counted.
    Off,
    /// They are told, and served.
    Warn,
    Enforce,
}

/// By the volume of 30 days.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Tier {
    #[default]
    Standard,
    Copper,
    Bronze,
    Silver,
    Gold,
    Platinum,
    Diamond,
    Elite,
}

/// How fast a bucket fills, a second, and how much it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Rate {
    fill: u64,
    burst: u64,
}

/// Whether a bucket may owe.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Debt {
    /// A request passes if anything is there, and takes what it costs.
    Allowed,
    /// A request passes if all that it costs is there.
    Refused,
}

impl Tier {
    pub const ALL: [Tier; 8] = [
        Tier::Standard,
        Tier::Copper,
        Tier::Bronze,
        Tier::Silver,
        Tier::Gold,
        Tier::Platinum,
        Tier::Diamond,
        Tier::Elite,
    ];

    pub const fn name(self) -> &'static str {
        match self {
            Tier::Standard => "standard",
            Tier::Copper => "copper",
            Tier::Bronze => "bronze",
            Tier::Silver => "silver",
            Tier::Gold => "gold",
            Tier::Platinum => "platinum",
            Tier::Diamond => "diamond",
            Tier::Elite => "elite",
        }
    }

    /// Orders a second and their burst.
    pub const fn orders(self) -> (u64, u64) {
        match self {
            Tier::Standard => (40, 60),
            Tier::Copper => (60, 90),
            Tier::Bronze => (80, 120),
            Tier::Silver => (200, 300),
            Tier::Gold => (400, 600),
            Tier::Platinum => (450, 675),
            Tier::Diamond => (525, 787),
            Tier::Elite => (600, 900),
        }
    }

    /// Cancels a second and their burst: twice as many.
    pub const fn cancels(self) -> (u64, u64) {
        if let Tier::Diamond = self {
            return (1_050, 1_575);
        }
        let (fill, burst) = self.orders();
        (2 * fill, 2 * burst)
    }

    const fn debt_of_cancels(self) -> Debt {
        match self {
            Tier::Standard | Tier::Copper | Tier::Bronze | Tier::Silver | Tier::Gold => Debt::Allowed,
            Tier::Platinum | Tier::Diamond | Tier::Elite => Debt::Refused,
        }
    }
}

/// What a request draws from which bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    Orders(u64),
    Cancels(u64),
}

/// What a signer is told of his bucket.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gauge {
    /// Tokens; negative where the tier allows debt.
    pub remaining: i64,
    /// When enough will be there, in seconds since 1970; now, if enough is.
    pub reset: u64,
    pub tier: Tier,
    pub verdict: Verdict,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Admitted,
    /// Too much, but served: warning mode.
    Warned,
    Refused {
        retry_after_secs: u64,
    },
}

/// In billionths of a token; exact, since rates are per second and time is in nanoseconds.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    level: i64,
    at: Nanos,
}

impl Bucket {
    fn full(rate: Rate, now: Nanos) -> Bucket {
        Bucket { level: (rate.burst * SECOND) as i64, at: now }
    }

    fn fill(&mut self, rate: Rate, now: Nanos) {
        let gained = u128::from(now.since(self.at).0) * u128::from(rate.fill);
        let full = (rate.burst * SECOND) as i64;
        let gained = i64::try_from(gained).unwrap_or(i64::MAX);
        self.level = self.level.saturating_add(gained).min(full);
        self.at = self.at.max(now);
    }

    /// Returns how many seconds pass until `level` is reached, rounded up.
    fn wait_secs(&self, rate: Rate, level: i64) -> u64 {
        let missing = level.saturating_sub(self.level).max(0) as u64;
        missing.div_ceil(rate.fill.max(1)).div_ceil(SECOND)
    }
}

/// How the limits are set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Limits {
    pub signer: Enforcement,
    pub address: Enforcement,
    /// Of the venue's own rates; 25 is a quarter.
    pub rate_percent: u64,
    pub headers: Headers,
}

/// Whether the signer limits are told in headers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Headers {
    Sent,
    Withheld,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits {
            signer: Enforcement::Enforce,
            address: Enforcement::Enforce,
            rate_percent: 100,
            headers: Headers::Sent,
        }
    }
}

impl Limits {
    /// Nobody is limited: for measuring.
    pub const NONE: Limits =
        Limits { signer: Enforcement::Off, address: Enforcement::Off, rate_percent: 100, headers: Headers::Withheld };
}

#[derive(Debug, Default)]
pub struct Buckets {
    pub limits: Limits,
    tiers: HashMap<Address, Tier>,
    orders: HashMap<Address, Bucket>,
    cancels: HashMap<Address, Bucket>,
    windows: HashMap<usize, Window>,
}

impl Buckets {
    pub fn new(limits: Limits) -> Buckets {
        Buckets { limits, ..Buckets::default() }
    }

    pub fn tier(&self, signer: Address) -> Tier {
        self.tiers.get(&signer).copied().unwrap_or_default()
    }

    pub fn set_tier(&mut self, signer: Address, tier: Tier) {
        self.tiers.insert(signer, tier);
    }

    /// Draws what a request costs. A refused one draws nothing. `None` where signers are not limited.
    pub fn draw(&mut self, signer: Address, cost: Cost, now: Nanos) -> Option<Gauge> {
        if self.limits.signer == Enforcement::Off {
            return None;
        }
        let tier = self.tier(signer);
        let (buckets, (fill, burst), debt, tokens) = match cost {
            Cost::Orders(tokens) => (&mut self.orders, tier.orders(), Debt::Refused, tokens),
            Cost::Cancels(tokens) => (&mut self.cancels, tier.cancels(), tier.debt_of_cancels(), tokens),
        };
        let share = |number: u64| (number * self.limits.rate_percent / 100).max(1);
        let rate = Rate { fill: share(fill), burst: share(burst) };
        let bucket = buckets.entry(signer).or_insert_with(|| Bucket::full(rate, now));
        bucket.fill(rate, now);
        let price = (tokens * SECOND) as i64;
        let needed = match debt {
            Debt::Allowed => (SECOND as i64).min(price),
            Debt::Refused => price,
        };
        let wait = bucket.wait_secs(rate, needed);
        let verdict = match (bucket.level >= needed, self.limits.signer) {
            (true, _) => Verdict::Admitted,
            (false, Enforcement::Enforce) => Verdict::Refused { retry_after_secs: wait.max(1) },
            (false, Enforcement::Warn | Enforcement::Off) => Verdict::Warned,
        };
        if verdict == Verdict::Admitted {
            bucket.level -= price;
        }
        let remaining = bucket.level.div_euclid(SECOND as i64);
        Some(Gauge { remaining, reset: now.as_secs() + wait, tier, verdict })
    }

    /// Takes what a request turned out to cost beyond what it drew: each order that `cancel-all` cancelled.
    pub fn charge_cancels(&mut self, signer: Address, tokens: u64) {
        if let Some(bucket) = self.cancels.get_mut(&signer) {
            bucket.level = bucket.level.saturating_sub((tokens * SECOND) as i64);
        }
    }

    /// Counts a request of an address. All addresses are one here: the loopback.
    pub fn count(&mut self, service: Service, method: &Method, path: &str, now: Nanos) -> Admission {
        if self.limits.address != Enforcement::Enforce {
            return Admission::Now;
        }
        let of = ADDRESS_LIMITS.iter().enumerate().filter(|(_, limit)| limit.is_for(service, method, path));
        let mut admission = Admission::Now;
        for (index, limit) in of {
            let count = (limit.count * self.limits.rate_percent / 100).max(1);
            let window = self.windows.entry(index).or_insert(Window { began: now, count: 0 });
            admission = admission.max(window.count(count, Nanos::from_secs(limit.secs), now));
        }
        admission
    }
}

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
        Admission::Refused { retry_after_secs: left.0.div_ceil(SECOND).max(1) }
    }
}

/// Which of the venue's hosts is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    Clob,
    Gamma,
    Data,
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

    const ANNA: Address = Address::repeat_byte(1);

    fn enforced(rate_percent: u64) -> Buckets {
        Buckets::new(Limits { rate_percent, ..Limits::default() })
    }

    fn at(millis: u64) -> Nanos {
        Nanos::from_millis(1_000_000 + millis)
    }

    #[test]
    fn a_burst_passes_then_the_rate() {
        let mut buckets = enforced(100);
        let mut draw = |tokens, millis| buckets.draw(ANNA, Cost::Orders(tokens), at(millis)).expect("limits").verdict;
        assert_eq!(draw(60, 0), Verdict::Admitted);
        assert_eq!(draw(1, 0), Verdict::Refused { retry_after_secs: 1 });
        // 40 a second: one after 25 ms, and no second one.
        assert_eq!(draw(1, 25), Verdict::Admitted);
        assert_eq!(draw(1, 49), Verdict::Refused { retry_after_secs: 1 });
        // A batch is taken whole or not at all, and what is refused costs nothing.
        assert_eq!(draw(15, 300), Verdict::Refused { retry_after_secs: 1 });
        assert_eq!(draw(11, 300), Verdict::Admitted);
        // Waiting for ever gives no more than the burst.
        assert_eq!(draw(61, 60_000), Verdict::Refused { retry_after_secs: 1 });
        assert_eq!(draw(60, 60_000), Verdict::Admitted);
    }

    #[test]
    fn cancels_may_owe_in_the_lower_tiers_only() {
        for tier in Tier::ALL {
            let mut buckets = enforced(100);
            buckets.set_tier(ANNA, tier);
            let burst = tier.cancels().1;
            let gauge = buckets.draw(ANNA, Cost::Cancels(burst + 80), at(0)).expect("limits");
            let owes = (gauge.verdict, gauge.remaining) == (Verdict::Admitted, -80);
            assert_eq!(owes, tier < Tier::Platinum, "{tier:?}: {gauge:?}");
        }
    }

    #[test]
    fn the_gauge_says_when_to_come_back() {
        let mut buckets = enforced(100);
        let gauge = buckets.draw(ANNA, Cost::Orders(1), at(0)).expect("limits");
        assert_eq!((gauge.remaining, gauge.reset, gauge.tier), (59, 1_000, Tier::Standard));
        buckets.charge_cancels(ANNA, 5);
        buckets.draw(ANNA, Cost::Cancels(120), at(0));
        buckets.charge_cancels(ANNA, 159);
        let gauge = buckets.draw(ANNA, Cost::Cancels(1), at(0)).expect("limits");
        assert_eq!((gauge.remaining, gauge.reset), (-159, 1_002));
        assert_eq!(gauge.verdict, Verdict::Refused { retry_after_secs: 2 });
    }

    #[test]
    fn a_warning_serves_and_off_says_nothing() {
        let warn = Limits { signer: Enforcement::Warn, ..Limits::default() };
        let mut buckets = Buckets::new(warn);
        assert_eq!(buckets.draw(ANNA, Cost::Orders(61), at(0)).expect("limits").verdict, Verdict::Warned);
        assert_eq!(Buckets::new(Limits::NONE).draw(ANNA, Cost::Orders(61), at(0)), None);
    }

    #[test]
    fn an_address_waits_first_and_is_refused_then() {
        let mut buckets = enforced(10);
        let mut count = |millis| buckets.count(Service::Clob, &Method::DELETE, "/cancel-all", at(millis));
        assert!((0..25).all(|_| count(0) == Admission::Now));
        assert_eq!(count(1), Admission::After(Nanos::from_millis(400)));
        assert_eq!(count(1), Admission::After(Nanos::from_millis(800)));
        assert_eq!(count(1), Admission::After(Nanos::from_millis(1_200)));
        assert_eq!(count(1), Admission::Refused { retry_after_secs: 10 });
        assert_eq!(count(10_000), Admission::Now);
        assert_eq!(buckets.count(Service::Clob, &Method::GET, "/data/orders", at(1)), Admission::Now);
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
