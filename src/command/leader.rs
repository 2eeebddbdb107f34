//! `remora leader`: look at wallets before they are followed, declare leaders, and turn live for one of them.

mod add;
mod list;
mod scout;
mod tables;

use clap::{Args, Subcommand};

use super::{
    Exit, Global,
    control::{self, LeaderSwitchArgs},
    parse,
};
use crate::{
    config::{Config, LeaderConfig},
    control::words::LeaderWord,
};

/// Look at wallets, declare leaders, list them; or turn live for one of them.
#[derive(Args, Clone, Debug)]
#[command(
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true,
    after_help = "\
Examples:
  remora leader score 0x1ead000000000000000000000000000000000001
      what copying this wallet would have earned, with several delays
  remora leader show Ada --days 7
  remora leader add 0x1ead000000000000000000000000000000000001 --name Ada
      declares him in the file given with --config
  remora leader list
  remora leader Ada off
      no live entries after him; `inherit`: as the switch for all; `on`"
)]
pub struct LeaderArgs {
    #[command(subcommand)]
    pub what: Option<What>,

    /// As the settings call him
    #[arg(required = true)]
    pub name: Option<String>,

    /// `on`, `off`, or `inherit`: live for him, whatever the switch says (but off is off)
    #[arg(required = true, value_parser = control::leader_word)]
    pub to: Option<LeaderWord>,

    /// What would be typed to turn him on, for a script
    #[arg(long, value_name = "TEXT")]
    pub sentence: Option<String>,
}

#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// Declare a leader in the settings' file, which is checked before and after
    Add(AddArgs),
    /// The declared leaders: last seen, copied, earned
    List(ListArgs),
    /// What a wallet did lately, from the venue's index
    Show(ShowArgs),
    /// What copying a wallet would have earned after spread, fee and delay, and what to beware of
    Score(ScoreArgs),
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora leader add 0x1ead000000000000000000000000000000000001 --name Ada \\
      --config my.toml

The lines are put at the file's end; nothing else in it is touched.")]
pub struct AddArgs {
    /// `0x` and 40 hexadecimal digits: the address that trades (his proxy or deposit wallet)
    #[arg(value_name = "WALLET", value_parser = wallet)]
    pub wallet: String,

    /// What to call him
    #[arg(long, value_name = "NAME")]
    pub name: String,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora leader list --config my.toml
  remora leader list --json

What was seen and earned is read from Postgres, where it can be reached.")]
pub struct ListArgs {
    /// A Postgres of yours [default: the private one in the data folder]
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora leader show 0x1ead000000000000000000000000000000000001
  remora leader show Ada --days 7 --json")]
pub struct ShowArgs {
    /// A wallet's address, or a declared leader's name
    #[arg(value_name = "WALLET|NAME")]
    pub who: String,

    /// How far back his history is read
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=365))]
    pub days: u32,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora leader score 0x1ead000000000000000000000000000000000001
  remora leader score Ada --delay-ms 800 --spread-cents 2 --days 90
  remora leader score Ada --fee-percent 0 --json

How it is reckoned: the copy buys as many shares as he, at the last price that
others paid within the delay, and half the spread worse; it sells the part that
he sells, in the same way; what he holds to the end is paid what the market
paid. The fee is the taker's, by the market's own rate. What the index does not
tell is said, and in no result: positions that are still open, ends that are not
known, prices that nobody asked for.")]
pub struct ScoreArgs {
    /// A wallet's address, or a declared leader's name
    #[arg(value_name = "WALLET|NAME")]
    pub who: String,

    /// From his trade to ours; `remora report sources` says what is real. The index knows whole seconds
    #[arg(long, value_name = "MS", default_value_t = 2_000, value_parser = clap::value_parser!(u64).range(0..=60_000))]
    pub delay_ms: u64,

    /// Between the best bid and the best ask; a copy pays half of it on each trade
    #[arg(long, value_name = "CENTS", default_value = "1", value_parser = cents)]
    pub spread_cents: u32,

    /// The fee's rate on all markets: the fee is shares x rate x price x (1 - price) [default: each market's own]
    #[arg(long, value_name = "PERCENT", value_parser = parse::percent)]
    pub fee_percent: Option<u32>,

    /// How far back his history is read
    #[arg(long, value_name = "DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=365))]
    pub days: u32,
}

pub fn execute(global: &Global, args: LeaderArgs) -> Exit {
    let LeaderArgs { what, name, to, sentence } = args;
    match (what, name, to) {
        (Some(What::Add(args)), ..) => add::execute(global, &args),
        (Some(What::List(args)), ..) => list::execute(global, &args),
        (Some(What::Show(args)), ..) => scout::show(global, &args),
        (Some(What::Score(args)), ..) => scout::score(global, &args),
        (None, Some(name), Some(to)) => control::leader(global, &LeaderSwitchArgs { name, to, sentence }),
        (None, ..) => unreachable!("clap asks for a name and a word where there is no subcommand"),
    }
}

fn wallet(text: &str) -> Result<String, String> {
    let wrong = || format!("`{text}` is no wallet: expected 0x and 40 hexadecimal digits");
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")).ok_or_else(wrong)?;
    let is_right = digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit());
    is_right.then(|| format!("0x{}", digits.to_ascii_lowercase())).ok_or_else(wrong)
}

/// Reads 0 to 99 cents, with up to four decimals. Returns millionths of a dollar.
fn cents(text: &str) -> Result<u32, String> {
    let micros = crate::config::decimal::scaled(crate::config::decimal::exact(text)?, 10_000)?;
    let micros = u32::try_from(micros).ok().filter(|micros| *micros <= 990_000);
    micros.ok_or_else(|| format!("{text} is not between 0 and 99 cents"))
}

/// Returns the wallet that `who` is, or all those of the leader whose name it is.
fn wallets_of(config: &Config, who: &str) -> Result<Vec<String>, String> {
    if let Ok(wallet) = wallet(who) {
        return Ok(vec![wallet]);
    }
    match config.leaders.iter().find(|leader| leader.name == who) {
        Some(LeaderConfig { wallets, .. }) => Ok(wallets.clone()),
        None => {
            let names: Vec<&str> = config.leaders.iter().map(|leader| leader.name.as_str()).collect();
            let there_are = match names.as_slice() {
                [] => "none is declared in these settings".to_owned(),
                names => format!("there are: {}", names.join(", ")),
            };
            Err(format!(
                "{who:?} is neither a wallet (0x and 40 hexadecimal digits) nor a declared leader; {there_are}\n  fix: give \
                 the wallet's address, or the settings with --config FILE"
            ))
        }
    }
}

#[cfg(test)]
mod tests;
