//! How often somebody may order and cancel: a token bucket for each signer's orders and one for his cancels (PROTOCOL.md
//! 2.12).

use std::collections::HashMap;

use alloy::primitives::Address;
use serde::Deserialize;

use super::windows::Windows;
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
    pub windows: Windows,
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
}

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
}
