//! How alerting is: written by the alerter, read by the metrics and the tests. Reading never waits.

use std::sync::Arc;

use arc_swap::ArcSwap;
use serde::{Deserialize, Serialize};

use super::{board::Firing, queue::Outcome};
use crate::domain::Nanos;

/// Since the process began, where it counts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct AlertsNow {
    pub at: Nanos,
    pub firing: Vec<Firing>,
    pub channels: Vec<ChannelNow>,
    pub rules: Vec<RuleNow>,
    /// Things that were not told because too many were.
    pub overlooked: u64,
    /// Why what was told is not remembered; empty: it is.
    pub trouble: String,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChannelNow {
    pub name: String,
    pub kind: String,
    /// Codes of the rules that it hears.
    pub on: Vec<String>,
    /// The quiet hours in words; empty: none.
    pub quiet: String,
    pub waiting: usize,
    pub delivered: u64,
    pub failed: u64,
    pub dropped: u64,
    pub delivered_at: Option<Nanos>,
    /// What went wrong last, and when.
    pub wrong: String,
    pub wrong_at: Option<Nanos>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleNow {
    pub code: String,
    pub title: String,
    pub text: String,
    pub limits: String,
    pub severity: String,
    /// Names of the channels that hear it.
    pub channels: Vec<String>,
}

impl ChannelNow {
    /// Notes what came of a try.
    pub fn heard(&mut self, outcome: &Outcome, now: Nanos) {
        match outcome {
            Outcome::Delivered => self.delivered_at = Some(now),
            Outcome::Later { why, .. } | Outcome::Never { why } => {
                (self.wrong, self.wrong_at) = (why.clone(), Some(now));
            }
        }
    }

    /// Notes that a message arrived, or never will.
    pub fn ended(&mut self, is_delivered: bool) {
        match is_delivered {
            true => self.delivered += 1,
            false => self.failed += 1,
        }
    }
}

#[derive(Debug, Default)]
pub struct AlertStatus(ArcSwap<AlertsNow>);

impl AlertStatus {
    pub fn set(&self, now: AlertsNow) {
        self.0.store(Arc::new(now));
    }

    pub fn now(&self) -> Arc<AlertsNow> {
        self.0.load_full()
    }
}
