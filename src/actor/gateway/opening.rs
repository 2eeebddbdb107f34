//! THE START SEQUENCE of live orders (RELIABILITY.md 5.3): who we are to the venue, whether clock, version, account and place
//! let us trade, and what the wallet may spend. What fails is said with its step and its fix, and tried again.

use std::{fmt, sync::Arc};

use super::{desk::Desk, world::World};
use crate::{
    clock,
    domain::{LiveOrders, Nanos},
    venue::polymarket::{
        Exchange,
        credentials::Credentials,
        rest::{Asset, Failure, Public, Rest},
    },
};

/// The generation of orders that we speak: V2, of which V3 has the struct (PROTOCOL.md 1.3).
const VERSION: u64 = 2;
/// Our clock and the venue's may differ by less than this.
const CLOCK_OFF: u64 = 2;

/// Whether a trouble is there.
pub type Finding = (LiveOrders, bool);

/// What is done one after the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    Credentials,
    Clock,
    Version,
    Account,
    Place,
    Allowances,
    HotThread,
}

/// Why a step failed, and what that says of live orders.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    pub step: Step,
    pub state: LiveOrders,
    pub why: String,
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.step.code(), self.why)
    }
}

impl Step {
    pub const fn code(self) -> &'static str {
        match self {
            Step::Credentials => "credentials",
            Step::Clock => "clock",
            Step::Version => "version",
            Step::Account => "account",
            Step::Place => "place",
            Step::Allowances => "allowances",
            Step::HotThread => "hot thread",
        }
    }

    fn failed(self, state: LiveOrders, why: impl fmt::Display) -> Failed {
        Failed { step: self, state, why: why.to_string() }
    }

    /// Returns what a failure to ask means: nothing is known of the world.
    fn unasked(self, failure: &Failure) -> Failed {
        let is_ours = failure.is_unauthorised() || self == Step::Credentials && is_no(failure);
        self.failed(if is_ours { LiveOrders::AuthMissing } else { LiveOrders::Starting }, failure)
    }
}

/// Returns whether the venue answered, with a no to what was asked.
fn is_no(failure: &Failure) -> bool {
    matches!(failure, Failure::Status { status: 400..=403, .. })
}

/// The steps of a start, each taken until it succeeds: a venue that answers half of what it is asked would never answer all of
/// it in a row.
pub struct Opening<'a> {
    desk: &'a Desk,
    public: &'a Public,
    buckets: &'a super::driver::SharedBuckets,
    host: &'a str,
    step: Step,
    /// From the first step on.
    open: Option<(Credentials, Rest)>,
}

pub enum Taken {
    Next,
    /// That was the last.
    Open(Box<Credentials>, Box<Rest>),
}

impl<'a> Opening<'a> {
    pub fn new(
        desk: &'a Desk,
        public: &'a Public,
        buckets: &'a super::driver::SharedBuckets,
        host: &'a str,
    ) -> Opening<'a> {
        Opening { desk, public, buckets, host, step: Step::Credentials, open: None }
    }

    /// Takes the next step; `world` learns what it finds.
    pub async fn take_step(&mut self, world: &mut World) -> Result<Taken, Failed> {
        let Some((api, rest)) = &self.open else {
            let api = credentials(self.desk, self.public).await?;
            let rest = rest(self.desk, &api, self.buckets);
            (self.open, self.step) = (Some((api, rest)), Step::Clock);
            return Ok(Taken::Next);
        };
        let mut found = Vec::new();
        self.step = match self.step {
            Step::Credentials | Step::Clock | Step::Version | Step::Account => {
                let result = checks(self.public, rest, &mut found).await;
                if result.as_ref().is_err_and(|failed| failed.state == LiveOrders::AuthMissing) {
                    // It may be another key by now.
                    self.open = None;
                }
                result?;
                Step::Place
            }
            Step::Place => {
                place(self.public, &mut found).await?;
                Step::Allowances
            }
            Step::Allowances => {
                allowances(self.desk, rest).await?;
                Step::HotThread
            }
            Step::HotThread => {
                let failed = |why: String| Step::HotThread.failed(LiveOrders::Missing, why);
                (self.desk.arm)(api, self.host).map_err(failed)?;
                return Ok(Taken::Open(Box::new(api.clone()), Box::new(rest.clone())));
            }
        };
        found.into_iter().for_each(|(state, is_there)| world.checked(state, is_there));
        Ok(Taken::Next)
    }
}

/// Finds the API key again. Makes none: another process of the same key would lose its own.
pub async fn credentials(desk: &Desk, public: &Public) -> Result<Credentials, Failed> {
    let found = public.derive(&desk.wallet.key, desk.wallet.network, clock::now()).await;
    found.map_err(|failure| match is_no(&failure) {
        true => Step::Credentials.failed(
            LiveOrders::AuthMissing,
            format!("{failure}\n  fix: `remora key derive-api` shows what the venue says; a new account needs an API key first"),
        ),
        false => Step::Credentials.unasked(&failure),
    })
}

/// Asks whether the world lets us trade, and notes what it finds. Fails where something could not be asked.
pub async fn checks(public: &Public, rest: &Rest, found: &mut Vec<Finding>) -> Result<(), Failed> {
    let before = clock::now();
    let theirs = public.time().await.map_err(|failure| Step::Clock.unasked(&failure))?;
    let is_off = is_off(before, theirs, clock::now());
    found.push((LiveOrders::ClockOff, is_off));
    if is_off {
        let ours = clock::now().as_secs();
        tracing::error!(ours, theirs, "our clock and the venue's differ: see to NTP (chrony)");
    }
    let version = public.version().await.map_err(|failure| Step::Version.unasked(&failure))?;
    found.push((LiveOrders::OtherVersion, version != VERSION));
    if version != VERSION {
        tracing::error!(version, "the venue speaks another version of orders: look for an update of this program");
    }
    let closed_only = rest.closed_only().await.map_err(|failure| Step::Account.unasked(&failure))?;
    found.push((LiveOrders::AuthMissing, false));
    found.push((LiveOrders::ClosedOnly, closed_only));
    Ok(())
}

/// Asks whether the venue serves this place: on another host, and rarely.
pub async fn place(public: &Public, found: &mut Vec<Finding>) -> Result<(), Failed> {
    let (is_blocked, place) = public.is_blocked().await.map_err(|failure| Step::Place.unasked(&failure))?;
    found.push((LiveOrders::Blocked, is_blocked));
    if is_blocked {
        tracing::error!(place, "the venue does not serve this place");
    }
    Ok(())
}

/// Asks whether the exchanges may move the wallet's dollars.
pub async fn allowances(desk: &Desk, rest: &Rest) -> Result<(), Failed> {
    let balance = rest.balance(Asset::Collateral, desk.wallet.signature_type).await;
    let balance = balance.map_err(|failure| Step::Allowances.unasked(&failure))?;
    let missing = balance.missing(desk.wallet.network);
    if missing.len() == Exchange::ALL.len() {
        let why = format!(
            "none of the exchanges may move the dollars of {}\n  fix: approve them (the venue's page does so with the first \
             trade by hand), then start again",
            desk.wallet.funder
        );
        return Err(Step::Allowances.failed(LiveOrders::Starting, why));
    }
    if !missing.is_empty() {
        tracing::warn!(?missing, "exchanges that may not move the wallet's dollars: their markets refuse our orders");
    }
    Ok(())
}

/// Returns whether two clocks differ by [`CLOCK_OFF`] seconds or more, whatever part of a second the venue left out.
fn is_off(before: Nanos, theirs: u64, after: Nanos) -> bool {
    let earliest = Nanos::from_secs(theirs);
    let latest = Nanos::from_secs(theirs + 1);
    let off = Nanos::from_secs(CLOCK_OFF);
    after.plus(off) <= earliest || latest.plus(off) <= before
}

/// Says which API key is ours where it is needed: the address and name of requests.
pub fn rest(desk: &Desk, api: &Credentials, buckets: &super::driver::SharedBuckets) -> Rest {
    Rest::new(&desk.places.clob_url, desk.wallet.key.address(), Arc::new(api.clone()), Arc::clone(buckets), clock::now)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Binds: how much two clocks may differ (LiveOrders::ClockOff).
    #[test]
    fn clocks_are_off_only_if_they_surely_are() {
        let at = |millis| Nanos::from_secs(1_000).plus(Nanos::from_millis(millis));
        for (before, theirs, after, off) in [
            (at(0), 1_000, at(100), false),
            (at(2_900), 1_000, at(2_950), false),
            (at(3_000), 1_000, at(3_050), true),
            (at(0), 1_002, at(50), false),
            (at(0), 1_003, at(999), true),
            (at(0), 1_003, at(1_001), false),
        ] {
            assert_eq!(is_off(before, theirs, after), off, "{before:?} {theirs}");
        }
    }
}
