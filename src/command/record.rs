//! `remora record`: frames of the market channel into a file that `replay` reads.

use std::{path::PathBuf, time::Duration};

use clap::Args;

use super::parse;

/// Record the market channel of some tokens.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP, group(clap::ArgGroup::new("which").required(true).multiple(true)))]
pub struct RecordArgs {
    /// The market channel [default: feed.market_url of the settings]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// Token ids to record
    #[arg(long = "token", value_name = "ID", num_args = 1.., group = "which")]
    pub tokens: Vec<String>,

    /// A file with one token id a line
    #[arg(long, value_name = "FILE", group = "which")]
    pub tokens_file: Option<PathBuf>,

    /// Where to write; the ending says how: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Stop after this time, such as 30s, 5m or 2h [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration)]
    pub duration: Option<Duration>,
}

const AFTER_HELP: &str = "\
Examples:
  remora record --token 7132104571 5211431950 --out monday.jsonl.zst
  remora record --tokens-file tokens.txt --out hour.jsonl.gz --for 1h
  remora record --url ws://127.0.0.1:9000/ws/market --token 1 --out sim.jsonl";
