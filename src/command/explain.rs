//! `remora explain`: what a strategy would make of a leader's trade.

use clap::Args;

use super::parse;
use crate::domain::{Price, Shares, Side, Tick, Usdc};

/// Say what a strategy would do about a leader's trade, step by step.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ExplainArgs {
    /// Which strategy of the settings
    #[arg(long, value_name = "NAME")]
    pub strategy: String,

    /// The dollars of the leader's trade
    #[arg(long, value_name = "DOLLARS", value_parser = parse::usdc)]
    pub leader_usdc: Usdc,

    /// The leader's price
    #[arg(long, value_parser = parse::price)]
    pub price: Price,

    /// What the leader did: buy or sell
    #[arg(long, default_value = "buy", value_parser = parse::side)]
    pub side: Side,

    /// The book's best bid [default: a tick below the ask]
    #[arg(long, value_name = "PRICE", value_parser = parse::price)]
    pub bid: Option<Price>,

    /// The book's best ask [default: the leader's price]
    #[arg(long, value_name = "PRICE", value_parser = parse::price)]
    pub ask: Option<Price>,

    /// Shares at each of them
    #[arg(long, value_name = "SHARES", default_value = "10000", value_parser = parse::shares)]
    pub depth_shares: Shares,

    /// The market's price grid
    #[arg(long, default_value = "0.01", value_parser = parse::tick)]
    pub tick: Tick,
}

const AFTER_HELP: &str = "\
Examples:
  remora explain --config my.toml --strategy careful --leader-usdc 500 --price 0.42
  remora explain --config my.toml --strategy careful --leader-usdc 500 --price 0.42 \\
      --bid 0.41 --ask 0.43 --depth-shares 800
  remora explain --config my.toml --strategy careful --leader-usdc 200 --price 0.6 --side sell";
