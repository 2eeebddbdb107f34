//! `remora demo`: the whole program on a simulated venue.

use std::time::Duration;

use clap::Args;

use super::{Engine, parse};

/// Show the whole program on a simulated venue: no network, no account, no key.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct DemoArgs {
    /// Stop after this time, such as 30s, 5m or 2h [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration)]
    pub duration: Option<Duration>,

    /// The same number makes the same session
    #[arg(long, default_value_t = 1)]
    pub seed: u64,

    #[command(flatten)]
    pub engine: Engine,
}

const AFTER_HELP: &str = "\
Examples:
  remora demo                                then open http://127.0.0.1:8080
  remora demo --for 30s --seed 7
  remora demo --config my.toml               your strategies, on the simulated leaders

Without --config it runs the strategies of config/demo.toml.";
