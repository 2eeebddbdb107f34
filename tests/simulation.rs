//! A thousand seeds: each a world for the engine, its faults and its restarts, under the eyes of the auditor.
//! More of them: `scripts/simulate --seeds N`.

use remora::sim::trial::{self, Coverage, INPUTS};

/// Trials in each of the tests, which run side by side.
const SEEDS: u64 = 125;

/// What happens in any hundred trials.
const OFTEN: &[&str] = &[
    "signal",
    "repeated",
    "parked",
    "filled",
    "settled",
    "released",
    "restart",
    "restart in the middle of an input",
    "diverged gap",
    "diverged best_prices",
    "diverged crossed",
    "resynced",
    "due leader_exit",
    "due stop_loss",
    "closed cancelled",
    "closed rejected_no_match",
    "closed rejected_not_fully_filled",
    "closed rejected_venue_restarted",
    "skipped grouped",
    "skipped too_old",
    "skipped strategy_paused",
    "refused available_cash",
    "refused position_size",
];

/// Runs the trials of so many seeds, and fails with the first violation and how to see it again.
fn run(from: u64) -> Coverage {
    let mut coverage = Coverage::default();
    for seed in from..from + SEEDS {
        match trial::run(seed, INPUTS) {
            Ok(its) => coverage.merge(&its),
            Err(violation) => panic!("SEED={seed}\n{violation}"),
        }
    }
    println!("{coverage}");
    coverage
}

/// Fails unless all of this happened: a rule that was never at stake was not tried.
fn happened(coverage: &Coverage, names: &[&str]) {
    let missing: Vec<&&str> = names.iter().filter(|name| coverage.count(name) == 0).collect();
    assert!(missing.is_empty(), "in {SEEDS} trials there was none of {missing:?}\n{coverage}");
}

macro_rules! trials {
    ($($name:ident = $part:literal;)*) => {
        $(#[test]
        fn $name() {
            let coverage = run($part * SEEDS);
            happened(&coverage, OFTEN);
        })*
    };
}

// Eight tests, so that they run side by side: seeds 0 to 999.
trials! {
    first_seeds = 0;
    second_seeds = 1;
    third_seeds = 2;
    fourth_seeds = 3;
    fifth_seeds = 4;
    sixth_seeds = 5;
    seventh_seeds = 6;
    eighth_seeds = 7;
}
