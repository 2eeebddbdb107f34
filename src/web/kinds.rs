//! Kinds of events: how much each matters to a person, and what it is called in a list.

use crate::{domain::Event, store::fold};

/// How much it matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weight {
    /// The bookkeeping of every second.
    Fine,
    /// What the program is there for.
    Info,
    /// A person may want to look.
    Warn,
    /// A person must look.
    Error,
}

impl Weight {
    pub const ALL: [Weight; 4] = [Weight::Error, Weight::Warn, Weight::Info, Weight::Fine];

    pub const fn code(self) -> &'static str {
        match self {
            Weight::Fine => "fine",
            Weight::Info => "info",
            Weight::Warn => "warn",
            Weight::Error => "error",
        }
    }

    /// Returns the class of its colour.
    pub const fn class(self) -> &'static str {
        match self {
            Weight::Fine => "off",
            Weight::Info => "open",
            Weight::Warn => "warn",
            Weight::Error => "bad",
        }
    }
}

/// Every kind that the tables have.
pub const KINDS: [(&str, Weight); 57] = [
    ("faulted", Weight::Error),
    ("voided", Weight::Error),
    ("adopted", Weight::Error),
    ("differs", Weight::Error),
    ("unknown", Weight::Error),
    ("explained", Weight::Warn),
    ("taken_in", Weight::Warn),
    ("written_off", Weight::Warn),
    ("tripped", Weight::Warn),
    ("balance_low", Weight::Warn),
    ("declined", Weight::Warn),
    ("diverged", Weight::Warn),
    ("external", Weight::Warn),
    ("gap", Weight::Warn),
    ("held_back", Weight::Warn),
    ("leader_blocked", Weight::Warn),
    ("plan_repaired", Weight::Warn),
    ("unplanned", Weight::Warn),
    ("refused", Weight::Warn),
    ("accepted", Weight::Info),
    ("breaker_reset", Weight::Info),
    ("buffered", Weight::Info),
    ("cancel_due", Weight::Info),
    ("closed", Weight::Info),
    ("configured", Weight::Info),
    ("confirmed", Weight::Info),
    ("day_began", Weight::Info),
    ("deposited", Weight::Info),
    ("exit_due", Weight::Info),
    ("filled", Weight::Info),
    ("funded", Weight::Info),
    ("hold_ended", Weight::Info),
    ("leader_switched", Weight::Info),
    ("leader_unblocked", Weight::Info),
    ("live_switched", Weight::Info),
    ("matched", Weight::Info),
    ("merged", Weight::Info),
    ("moved", Weight::Info),
    ("paper_switched", Weight::Info),
    ("paused", Weight::Info),
    ("released", Weight::Info),
    ("resolved", Weight::Info),
    ("settled", Weight::Info),
    ("signal", Weight::Info),
    ("signed", Weight::Info),
    ("skipped", Weight::Info),
    ("submitted", Weight::Info),
    ("unpaused", Weight::Info),
    ("withdrawn", Weight::Info),
    ("leader_holds", Weight::Fine),
    ("parked", Weight::Fine),
    ("peaked", Weight::Fine),
    ("repeated", Weight::Fine),
    ("resynced", Weight::Fine),
    ("scored", Weight::Fine),
    ("valued", Weight::Fine),
    ("wallet_holds", Weight::Fine),
];

/// Returns how much an event of this kind matters; one of a newer version a little.
pub fn weight(kind: &str) -> Weight {
    KINDS.iter().find(|(known, _)| *known == kind).map_or(Weight::Info, |(_, weight)| *weight)
}

/// The same of an event: that books and wallet agree again is no error.
pub fn weight_of(event: &Event) -> Weight {
    match event {
        Event::Differs(differs) if differs.ours == differs.theirs => Weight::Info,
        other => weight(fold::kind(other)),
    }
}

/// Returns the kinds that matter at least so much.
pub fn at_least(least: Weight) -> Vec<String> {
    KINDS.iter().filter(|(_, weight)| least <= *weight).map(|(kind, _)| (*kind).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_a_weight() {
        let source = include_str!("../store/fold.rs");
        let kinds = source.split_once("pub fn kind(").expect("the function of kinds").1;
        let named: Vec<&str> = kinds.split("=> \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        assert!(named.len() > 40, "{named:?}");
        for kind in &named {
            assert!(KINDS.iter().any(|(known, _)| known == kind), "{kind} has no weight");
        }
        assert_eq!(named.len(), KINDS.len());
        assert!(at_least(Weight::Error).contains(&"faulted".to_owned()) && at_least(Weight::Fine).len() == KINDS.len());
    }
}
