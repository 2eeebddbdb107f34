//! `remora replay`: a recorded session again, with the settings of today.

mod tables;

use std::path::PathBuf;

use clap::Args;
use indicatif::{HumanBytes, HumanCount, ProgressBar, ProgressStyle};

use super::{
    Engine, Exit, Global,
    parse::{self, Speed},
};
use crate::{
    config::Written,
    report::{self, Replay, Verify, replay::Progress},
};

/// Run a recorded session through the engine: the same input makes the same decisions.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ReplayArgs {
    /// Recorded market frames, in order (.jsonl, .gz or .zst)
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub market: Vec<PathBuf>,

    /// Trades of leaders: rows of the Data API, as JSON lines; without it only books are rebuilt
    #[arg(long, value_name = "FILE")]
    pub leaders: Option<PathBuf>,

    /// How the markets were resolved (JSON lines), to settle what is held at their end
    #[arg(long, value_name = "FILE")]
    pub outcomes: Option<PathBuf>,

    /// Check every book against the venue's hash of it, and count the differences
    #[arg(long)]
    pub verify_hashes: bool,

    /// `max`, or how many times faster than it was recorded
    #[arg(long, value_name = "max|N", default_value = "max", value_parser = parse::speed)]
    pub speed: Speed,
}

const AFTER_HELP: &str = "\
Examples:
  remora replay --market monday.jsonl.zst --verify-hashes
  remora replay --market mon.gz tue.gz --leaders leaders.jsonl --config my.toml
  remora replay --market monday.jsonl --leaders leaders.jsonl --speed 10 --json

Without strategies in the settings, one follows every wallet in the leaders'
file with $10,000 and the defaults of `strategy_default`. A recording without
those trades can be given some: scripts/derive-leaders.

The same files and settings always make the same decisions; the digest says
whether two runs did.";

pub fn execute(global: &Global, args: &ReplayArgs) -> Exit {
    let config = match global.settings(Written::DefaultsOnly, &Engine::default()) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let replay = Replay {
        market: args.market.clone(),
        leaders: args.leaders.clone(),
        outcomes: args.outcomes.clone(),
        verify: if args.verify_hashes { Verify::Hashes } else { Verify::Nothing },
        speed: match args.speed {
            Speed::Max => report::Speed::Max,
            Speed::Times(times) => report::Speed::Times(f64::from(times.get())),
        },
    };
    let bar = if global.json { ProgressBar::hidden() } else { progress_bar() };
    let played = report::replay::run(&config, &replay, |progress| show(&bar, &progress));
    bar.finish_and_clear();
    match played {
        Ok(result) => {
            match global.json {
                true => println!("{}", serde_json::to_string_pretty(&result).expect("numbers and texts")),
                false => println!("{}", tables::of(&result)),
            }
            Exit::Done
        }
        Err(error) => {
            eprintln!("remora replay: {error}");
            Exit::Failed
        }
    }
}

/// Returns what moves on standard error while it plays; nothing where that is no terminal.
fn progress_bar() -> ProgressBar {
    let style = ProgressStyle::with_template("{spinner} {elapsed_precise} {msg}").expect("the template is right");
    ProgressBar::new_spinner().with_style(style)
}

fn show(bar: &ProgressBar, progress: &Progress) {
    let Progress { messages, bytes, at } = *progress;
    let rate = bytes as f64 / bar.elapsed().as_secs_f64().max(1e-3);
    let (messages, bytes, rate) = (HumanCount(messages), HumanBytes(bytes), HumanBytes(rate as u64));
    bar.set_message(format!("{messages} messages, {bytes} ({rate}/s), at {}", tables::clock_time(at)));
    bar.tick();
}
