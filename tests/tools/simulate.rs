//! Runs trials of the engine, as many as one likes: `scripts/simulate --seeds N [--from S]`.

use std::process::ExitCode;

use clap::Parser;
use remora::sim::trial::{self, Coverage, INPUTS};

/// Run seeded trials of the engine under the auditor's eyes.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Inputs of each trial, before its faults stop.
    #[arg(long, default_value_t = INPUTS)]
    inputs: usize,
    /// How much of what happened before a violation is told.
    #[arg(long, value_name = "LINES", default_value_t = 40)]
    story: u16,
    /// Say in the end what happened, by name and number.
    #[arg(long)]
    coverage: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    // A panic of the engine is told as a violation, once, with its seed.
    std::panic::set_hook(Box::new(|_| ()));
    let (mut coverage, mut violations) = (Coverage::default(), 0);
    for index in 0..arguments.seeds {
        match trial::run(arguments.from + index, arguments.inputs) {
            Ok(its) => coverage.merge(&its),
            Err(violation) => {
                violations += 1;
                println!("{violation:.*}", usize::from(arguments.story));
            }
        }
        if (index + 1) % (arguments.seeds / 20).max(1) == 0 {
            eprintln!("{} of {} seeds, {violations} violations", index + 1, arguments.seeds);
        }
    }
    if arguments.coverage {
        println!("{coverage}");
    }
    println!("seeds run: {}, violations: {violations}", arguments.seeds);
    if violations == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
