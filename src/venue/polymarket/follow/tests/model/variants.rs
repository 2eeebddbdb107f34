//! The table of RELIABILITY.md 5.4: what holds, and what breaks it.

use super::*;

const SHORT: Nanos = Nanos::from_secs(1);
const LONG: Nanos = Nanos::from_secs(10);

/// The protocol, one intent told twice, nothing that dies.
const PROTOCOL: Rules = Rules {
    intents: 1,
    tellings: 2,
    kills: 0,
    power_losses: 0,
    has_switch: false,
    restart: SHORT,
    has_age_gate: true,
    observes: true,
    journals_first: true,
    signs_again_when_lost: false,
    signs_again_when_absent: false,
    patience: Patience { window: ladder::WINDOW, empty_reads: ladder::EMPTY_READS },
    lies_max: LIES_MAX,
    again_late: None,
};

#[track_caller]
fn check(name: &str, rules: Rules, expected: Option<&str>) {
    let (states, broken) = explore(&rules);
    println!("{name}: {states} states, {broken:?}");
    assert_eq!(broken, expected, "{name} after {states} states");
}

#[test]
fn the_protocol_holds_through_kills() {
    check("kill -9", Rules { kills: 1, ..PROTOCOL }, None);
    check("kill -9, no age gate", Rules { kills: 1, has_age_gate: false, observes: false, ..PROTOCOL }, None);
}

#[test]
fn the_protocol_holds_with_two_intents_of_one_token_and_the_switch() {
    check("two intents, switch", Rules { intents: 2, tellings: 1, has_switch: true, ..PROTOCOL }, None);
}

#[test]
fn the_age_gate_and_observing_cover_a_power_loss() {
    let lost = Rules { power_losses: 1, ..PROTOCOL };
    check("power loss, long restart", Rules { restart: LONG, observes: false, ..lost }, None);
    check("power loss, short restart", Rules { observes: false, ..lost }, Some("I-1"));
    check("power loss, short restart, observing", lost, None);
    check(
        "power loss, no age gate",
        Rules { has_age_gate: false, restart: LONG, observes: false, ..lost },
        Some("I-1"),
    );
}

#[test]
fn a_second_signature_or_a_late_record_doubles_an_order() {
    check("signs again when lost", Rules { signs_again_when_lost: true, ..PROTOCOL }, Some("I-1"));
    check("signs again when absent", Rules { signs_again_when_absent: true, ..PROTOCOL }, Some("I-1"));
    let late = Rules { journals_first: false, kills: 1, observes: false, ..PROTOCOL };
    check("journal after send", late, Some("I-1"));
}

#[test]
fn less_patience_releases_money_too_early() {
    let patience = |window, empty_reads| Rules { patience: Patience { window, empty_reads }, ..PROTOCOL };
    check("null is absence", patience(Nanos::ZERO, 0), Some("I-16"));
    check("short window", patience(Nanos::from_secs(120), ladder::EMPTY_READS), Some("I-16"));
    check("no final read", Rules { lies_max: Nanos::NEVER, ..PROTOCOL }, Some("I-16"));
}

#[test]
fn the_window_must_run_from_the_last_sending() {
    let late = |is_told| Rules { again_late: Some((Nanos::from_secs(200), is_told)), ..PROTOCOL };
    check("window from the first sending", late(false), Some("I-16"));
    check("window from the last sending", late(true), None);
}
