//! Kills engines that trade with (simulated) real money, starts them again, and audits what they left: `scripts/crash-trials N`.

#[path = "crash_trials/trial.rs"]
mod trial;

use std::{collections::BTreeMap, path::PathBuf, process::ExitCode, sync::Arc, time::Duration};

use clap::Parser;
use remora::sim::live_audit::Extent;
use tokio::{
    sync::Semaphore,
    task::{JoinSet, LocalSet},
};
use trial::{Behaviour, Outcome, Plan};

/// Kill an engine with live orders at named points and random instants, restart it, and audit journal, tables and truth log.
#[derive(Parser)]
#[command(after_help = "\
Examples:
  scripts/crash-trials 120
  scripts/crash-trials 1 --seed 17 --keep     the same trial again, and its files
  scripts/crash-trials --hell 600             no kill: ten minutes of the hell profile, 5 signals a second")]
struct Arguments {
    /// How many trials.
    #[arg(default_value_t = 10)]
    trials: u64,
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many at once: with too many the machine is slower than the leaders, and all their trades are too old
    #[arg(long, default_value_t = 8)]
    jobs: usize,
    /// Seconds of the hell profile without a kill, instead of trials.
    #[arg(long, value_name = "SECONDS")]
    hell: Option<u64>,
    /// The program; a debug build, for a release build has no points.
    #[arg(long, default_value = "target/debug/remora")]
    program: PathBuf,
    /// Keep the folders of trials, too, in which nothing was wrong.
    #[arg(long)]
    keep: bool,
    /// Print the summary as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Default, serde::Serialize)]
struct Summary {
    trials: u64,
    failed: u64,
    /// Trials in which no order reached the venue: they prove nothing.
    idle: u64,
    kills: u64,
    /// How often each point was where it died; `random` are instants.
    points: BTreeMap<String, u64>,
    behaviours: BTreeMap<String, u64>,
    extent: Extent,
    violations: Vec<String>,
}

impl Summary {
    fn add(&mut self, plan: &Plan, outcome: &Result<Outcome, String>) {
        self.trials += 1;
        *self.behaviours.entry(plan.behaviour.name().to_owned()).or_default() += 1;
        match outcome {
            Ok(Outcome { extent, violations, died_at }) => {
                self.kills += died_at.len() as u64;
                died_at.iter().for_each(|point| *self.points.entry(point.clone()).or_default() += 1);
                self.extent = self.extent.plus(*extent);
                self.failed += u64::from(!violations.is_empty());
                self.idle += u64::from(extent.posted == 0);
                self.violations.extend(violations.iter().map(|what| format!("seed {}: {what}", plan.seed)));
            }
            Err(error) => {
                self.failed += 1;
                self.violations.push(format!("seed {}: {error}", plan.seed));
            }
        }
    }

    fn is_idle(&self) -> bool {
        self.trials < 2 * self.idle
    }

    fn print(&self) {
        let table = |counts: &BTreeMap<String, u64>| {
            counts.iter().for_each(|(name, count)| println!("  {name:<28}{count:>6}"));
        };
        println!("died at");
        table(&self.points);
        println!("venue");
        table(&self.behaviours);
        println!("{:#?}", self.extent);
        self.violations.iter().for_each(|violation| println!("VIOLATION {violation}"));
        println!("trials: {}, idle: {}, kills: {}, failed: {}", self.trials, self.idle, self.kills, self.failed);
        if self.is_idle() {
            println!(
                "In most trials no order reached the venue: this proves nothing. Fewer --jobs, or a quieter machine."
            );
        }
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    LocalSet::new().run_until(run(Arguments::parse())).await
}

async fn run(arguments: Arguments) -> ExitCode {
    let plans: Vec<Plan> = match arguments.hell {
        Some(seconds) => vec![Plan::hell(arguments.seed, Duration::from_secs(seconds))],
        None => (arguments.seed..arguments.seed + arguments.trials).map(Plan::of).collect(),
    };
    let (room, mut running) = (Arc::new(Semaphore::new(arguments.jobs.max(1))), JoinSet::new());
    let (count, mut summary) = (plans.len(), Summary::default());
    for plan in plans {
        let (room, program, keep) = (Arc::clone(&room), arguments.program.clone(), arguments.keep);
        running.spawn_local(async move {
            let _place = room.acquire_owned().await.expect("nobody closes it");
            let outcome = trial::run(&plan, &program, keep).await;
            (plan, outcome)
        });
    }
    while let Some(ended) = running.join_next().await {
        match ended {
            Ok((plan, outcome)) => {
                let known = summary.violations.len();
                summary.add(&plan, &outcome);
                summary.violations[known..].iter().for_each(|violation| eprintln!("VIOLATION {violation}"));
                eprintln!(
                    "{} of {count}: seed {}, {}: {}",
                    summary.trials,
                    plan.seed,
                    plan.behaviour.name(),
                    said(&outcome)
                );
            }
            Err(error) => {
                summary.failed += 1;
                summary.violations.push(format!("a trial panicked: {error}"));
            }
        }
    }
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&summary).expect("JSON"));
    } else {
        summary.print();
    }
    if summary.failed == 0 && !summary.is_idle() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn said(outcome: &Result<Outcome, String>) -> String {
    match outcome {
        Ok(Outcome { extent, violations, died_at }) => {
            let Extent { posted, matched, unknown, voided, .. } = extent;
            format!(
                "died at {died_at:?}; {posted} orders arrived, {matched} matches, {unknown} in doubt, {voided} void; {} violations",
                violations.len()
            )
        }
        Err(error) => error.clone(),
    }
}

/// Which behaviours there are is part of the summary's meaning.
const _: () = assert!(Behaviour::ALL.len() == 10);
