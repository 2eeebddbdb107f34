//! `remora replay`: a recorded session again, with the settings of today.

use std::path::PathBuf;

use clap::Args;

use super::parse::{self, Speed};

/// Run a recorded session through the engine: the same input makes the same decisions.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ReplayArgs {
    /// Recorded market frames, in order (.jsonl, .gz or .zst)
    #[arg(long, value_name = "FILE", num_args = 1.., required = true)]
    pub market: Vec<PathBuf>,

    /// Recorded trades of leaders; without it only books are rebuilt
    #[arg(long, value_name = "FILE")]
    pub leaders: Option<PathBuf>,

    /// How the markets were resolved, to settle what is still held at the end
    #[arg(long, value_name = "FILE")]
    pub outcomes: Option<PathBuf>,

    /// Check every book against the venue's hash of it, and fail at a difference
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
  remora replay --market monday.jsonl --leaders leaders.jsonl --speed 10 --json";
