//! Crash trials and hell, in small: engines with live orders are killed, started again, and audited with the venue's truth log.
//!
//! A trial takes 15 to 30 s (each start observes for five seconds), and about eight at once are what two cores carry before a
//! leader's trades are too old to copy: so there are seven. More of them: `scripts/crash-trials 1000`; hell for ten minutes:
//! `scripts/crash-trials --hell 600`.

#[path = "tools/crash_trials/trial.rs"]
mod trial;

use std::{path::Path, time::Duration};

use remora::sim::live_audit::Extent;
use trial::{Behaviour, Outcome, Plan};

/// Runs trials side by side; fails with all that is wrong, and how to see it again.
async fn run(plans: Vec<Plan>) -> Extent {
    let program = Path::new(env!("CARGO_BIN_EXE_remora"));
    let trials = plans.iter().map(|plan| async move { (plan.seed, trial::run(plan, program, false).await) });
    let (mut sum, mut wrong) = (Extent::default(), vec![]);
    for (seed, outcome) in futures_util::future::join_all(trials).await {
        match outcome {
            Ok(Outcome { extent, violations, died_at }) => {
                println!("seed {seed} died at {died_at:?}: {extent:?}");
                sum = sum.plus(extent);
                wrong.extend(violations.iter().map(|what| format!("SEED={seed} {what}")));
            }
            Err(error) => wrong.push(format!("SEED={seed} {error}")),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    sum
}

macro_rules! trials {
    ($($name:ident = $seeds:expr;)*) => {
        $(#[tokio::test(flavor = "multi_thread")]
        async fn $name() {
            let extent = run($seeds.map(Plan::of).collect()).await;
            assert!(0 < extent.posted && 2 < extent.sessions, "nothing was at stake: {extent:?}");
        })*
    };
}

trials! {
    killed_on_the_way_out = 1..=4;
    killed_on_the_way_back = 7..=9;
}

#[tokio::test(flavor = "multi_thread")]
async fn hell_for_a_while() {
    let plan = Plan::hell(1, Duration::from_secs(20));
    assert_eq!(plan.behaviour, Behaviour::Hell);
    let extent = run(vec![plan]).await;
    assert!(0 < extent.signals, "{extent:?}");
}
