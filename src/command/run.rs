//! `remora run`: follows the leaders in the settings, on the real venue, with simulated money.

use std::time::Duration;

use clap::Args;

use super::{Engine, parse};

/// Follow the leaders in the settings and copy them with simulated money.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct RunArgs {
    /// Stop after this time, such as 30s, 5m or 2h [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration)]
    pub duration: Option<Duration>,

    #[command(flatten)]
    pub engine: Engine,
}

const AFTER_HELP: &str = "\
Examples:
  remora run --config my.toml
  remora run --config my.toml --for 5m --listen 127.0.0.1:9000
  remora run --config my.toml --database-url postgres://me@localhost/remora

No key is needed: nothing is signed and no order is sent.";
