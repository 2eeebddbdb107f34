//! What the venue as a whole lets happen at the moment: all, cancels only, nothing, or a restart (PROTOCOL.md 2.9, 2.10).

use alloy::primitives::Address;
use serde::Deserialize;

use super::identity::Standing;
use super::limits::{Limits, Tier};
use super::refusal::Refusal;
use crate::domain::Nanos;

/// What can be switched while the venue runs.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize)]
#[serde(tag = "switch", rename_all = "snake_case", deny_unknown_fields)]
pub enum Switch {
    /// Everything is as usual; ends whatever was.
    Trade,
    CancelOnly,
    /// Not even cancels.
    Disabled,
    /// 425 for so long, then post-only for so long.
    Restart {
        down_secs: u64,
        post_only_secs: u64,
    },
    /// What becomes of an address, whatever wallet it trades from.
    Standing {
        address: Address,
        standing: Standing,
    },
    Tier {
        address: Address,
        tier: Tier,
    },
    Limits(Limits),
    /// The next orders come to grief in the engine. They change nothing.
    Trouble {
        trouble: Trouble,
        orders: u32,
    },
    /// All keys of an address are dead; others can be made.
    RevokeKeys {
        address: Address,
    },
    /// A deposit wallet lets a session key sign for it.
    Session {
        session: Address,
        wallet: Address,
        valid_until_secs: u64,
    },
}

/// What the matching engine says when something is wrong with it, not with the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trouble {
    TimedOut,
    NoMatchingOrders,
    FokKilled,
    Rounding,
    Discrepancy,
    CrossesBook,
    MatchDelayed,
    NotReady,
}

impl Trouble {
    pub const ALL: [Trouble; 8] = [
        Trouble::TimedOut,
        Trouble::NoMatchingOrders,
        Trouble::FokKilled,
        Trouble::Rounding,
        Trouble::Discrepancy,
        Trouble::CrossesBook,
        Trouble::MatchDelayed,
        Trouble::NotReady,
    ];
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Trading {
    #[default]
    Open,
    CancelOnly,
    Disabled,
    Restart {
        back_at: Nanos,
        open_at: Nanos,
    },
}

#[derive(Clone, Copy, Debug, Default)]
pub struct Mode {
    trading: Trading,
    trouble: Option<(Trouble, u32)>,
}

impl Mode {
    pub fn trade(&mut self) {
        *self = Mode::default();
    }

    pub fn cancel_only(&mut self) {
        self.trading = Trading::CancelOnly;
    }

    pub fn disable(&mut self) {
        self.trading = Trading::Disabled;
    }

    pub fn restart(&mut self, now: Nanos, down: Nanos, post_only: Nanos) {
        let back_at = now.plus(down);
        self.trading = Trading::Restart { back_at, open_at: back_at.plus(post_only) };
    }

    pub fn trouble(&mut self, trouble: Trouble, orders: u32) {
        self.trouble = Some((trouble, orders));
    }

    /// Returns why nobody may do anything with orders now.
    pub fn refuses_all(&self, now: Nanos) -> Option<Refusal> {
        match self.trading {
            Trading::Disabled => Some(Refusal::Disabled),
            Trading::Restart { back_at, .. } if now < back_at => Some(Refusal::Restarting),
            Trading::Open | Trading::CancelOnly | Trading::Restart { .. } => None,
        }
    }

    /// Returns why an order may not be placed now.
    pub fn refuses_order(&self, post_only: bool, now: Nanos) -> Option<Refusal> {
        match self.trading {
            Trading::CancelOnly => Some(Refusal::CancelOnly),
            Trading::Restart { open_at, .. } if now < open_at && !post_only => {
                Some(Refusal::PostOnlyMode { retry_after_secs: open_at.since(now).0.div_ceil(1_000_000_000) })
            }
            Trading::Open | Trading::Restart { .. } => None,
            Trading::Disabled => Some(Refusal::Disabled),
        }
    }

    /// Uses up the trouble that waits for an order.
    pub fn take_trouble(&mut self) -> Option<Trouble> {
        let (trouble, orders) = self.trouble.take()?;
        self.trouble = (orders > 1).then(|| (trouble, orders - 1));
        (orders > 0).then_some(trouble)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The usual restart: about 90 seconds of 425, then two minutes of post-only.
    const RESTART_DOWN: Nanos = Nanos::from_secs(90);
    const RESTART_POST_ONLY: Nanos = Nanos::from_secs(120);

    #[test]
    fn a_restart_is_425_then_post_only_then_over() {
        let start = Nanos::from_secs(1_000);
        let mut mode = Mode::default();
        mode.restart(start, RESTART_DOWN, RESTART_POST_ONLY);
        let at = |secs| start.plus(Nanos::from_secs(secs));
        let order = |secs, post_only| mode.refuses_order(post_only, at(secs));
        assert_eq!(mode.refuses_all(at(89)), Some(Refusal::Restarting));
        assert_eq!(mode.refuses_all(at(90)), None);
        assert_eq!(order(90, false), Some(Refusal::PostOnlyMode { retry_after_secs: 120 }));
        assert_eq!(order(131, false), Some(Refusal::PostOnlyMode { retry_after_secs: 79 }));
        assert_eq!(order(131, true), None);
        assert_eq!(order(210, false), None);
    }

    #[test]
    fn trouble_is_used_up() {
        let mut mode = Mode::default();
        mode.trouble(Trouble::Rounding, 2);
        assert_eq!([0; 3].map(|_| mode.take_trouble()), [Some(Trouble::Rounding), Some(Trouble::Rounding), None]);
    }

    #[test]
    fn switches_are_read_from_json() {
        let read = |text: &str| serde_json::from_str::<Switch>(text).ok();
        assert_eq!(read(r#"{"switch":"trade"}"#), Some(Switch::Trade));
        let restart = r#"{"switch":"restart","down_secs":1,"post_only_secs":2}"#;
        assert_eq!(read(restart), Some(Switch::Restart { down_secs: 1, post_only_secs: 2 }));
        let limits = Limits { rate_percent: 25, ..Limits::default() };
        assert_eq!(read(r#"{"switch":"limits","rate_percent":25}"#), Some(Switch::Limits(limits)));
        let trouble = Switch::Trouble { trouble: Trouble::TimedOut, orders: 3 };
        assert_eq!(read(r#"{"switch":"trouble","trouble":"timed_out","orders":3}"#), Some(trouble));
        assert_eq!(read(r#"{"switch":"earthquake"}"#), None);
    }
}
