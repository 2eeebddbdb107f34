//! `remora wallet differences`, and what is to become of them: the running engine is told, at its socket.

use clap::Args;
use rust_decimal::Decimal;

use super::{Exit, Global};
use crate::{
    command::{
        Engine,
        control::{confirmed, ended, nobody, told},
        table,
    },
    config::{Config, Written},
    control::{Command, client::say, wallet::ChoiceWord, words::Answer},
};

/// Show what the running engine's books and the wallet hold, and where they differ.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora wallet differences
  remora wallet differences --json

Ends with 1 while something differs that nobody said to know of.")]
pub struct DifferencesArgs {}

/// Take shares that the wallet holds into the books of a strategy's live portfolio.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora wallet adopt 713210 --shares 25 --strategy calm --leader ada
  remora wallet adopt 713210 --shares 9 --strategy calm --leader bo --price 0.4
  remora wallet adopt 713210 --shares 25 --own

From then on they are a copy of the leader's: sold when he sells, by the
strategy's rules. They count as a deposit of what they are worth. With --own
they stay the owner's: nothing is traded with them.")]
pub struct AdoptArgs {
    /// The token: its id, or the beginning of it
    pub token: String,
    /// How many shares; with --own all that are too many, as they were shown
    #[arg(long)]
    pub shares: Decimal,
    /// Into whose books
    #[arg(long, required_unless_present = "own", conflicts_with = "own")]
    pub strategy: Option<String>,
    /// Whose copy they are from then on
    #[arg(long, required_unless_present = "own", conflicts_with = "own")]
    pub leader: Option<String>,
    /// Dollars that a share counts as; without it the best bid
    #[arg(long, conflicts_with = "own")]
    pub price: Option<String>,
    /// They are the owner's own, and stay so
    #[arg(long)]
    pub own: bool,
    /// What would be typed, for a script
    #[arg(long, value_name = "TEXT")]
    pub sentence: Option<String>,
}

/// Leave a difference as it is: nobody is told of it until it changes.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora wallet ignore 7132104 --by -25
  remora wallet ignore cash --by -12.50")]
pub struct IgnoreArgs {
    /// The token (its id, or the beginning of it), cash, or open_orders
    #[arg(value_name = "WHAT")]
    pub of: String,
    /// The difference as it was shown: the wallet less the books
    #[arg(long, allow_negative_numbers = true)]
    pub by: Decimal,
}

/// Write off what the books hold and the wallet does not.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora wallet write-off 7132104 25
  remora wallet write-off cash 12.50 --strategy careful

Shares leave the books at a loss. Dollars are booked as taken out of the
strategy.")]
pub struct WriteOffArgs {
    /// The token (its id, or the beginning of it), or cash
    #[arg(value_name = "WHAT")]
    pub of: String,
    /// How many shares, or dollars
    pub amount: Decimal,
    /// Whose dollars are gone
    #[arg(long)]
    pub strategy: Option<String>,
    /// What would be typed, for a script
    #[arg(long, value_name = "TEXT")]
    pub sentence: Option<String>,
}

/// Runs `with` the settings; with mistakes, prints them.
fn with_settings(global: &Global, with: impl FnOnce(&Config) -> Exit) -> Exit {
    match global.settings(Written::DefaultsOnly, &Engine::default()) {
        Ok(config) => with(&config),
        Err(exit) => exit,
    }
}

pub fn differences(global: &Global, _: &DifferencesArgs) -> Exit {
    with_settings(global, |config| match say(&config.data.dir, &Command::Wallet) {
        Ok(answer) if answer.ok => {
            let differs = answer.wallet.iter().flat_map(|now| &now.differences).any(|one| !one.ignored);
            match global.json {
                true => println!("{}", serde_json::to_string(&answer.wallet).expect("a wallet is JSON")),
                false => print(&answer),
            }
            if differs { Exit::Failed } else { Exit::Done }
        }
        Ok(answer) => ended(global, &answer),
        Err(error) => nobody(global, config, &error),
    })
}

fn print(answer: &Answer) {
    let Some(now) = &answer.wallet else { return };
    println!("{}.", answer.said);
    if let Some(secs) = now.compared_secs_ago {
        println!("Compared {secs} s ago.");
    }
    if !now.failed.is_empty() {
        println!("The last comparison failed: {}", now.failed);
    }
    if !now.differences.is_empty() {
        let mut rows = table::with_header(["what differs", "books", "wallet", "by", ""]);
        table::right(&mut rows, 1..4);
        for one in &now.differences {
            let word = if one.ignored { "ignored" } else { "" };
            rows.add_row([&one.of, &plain(one.books), &plain(one.wallet), &plain(one.by), word]);
        }
        println!("{rows}");
    }
    if !now.held.is_empty() {
        let mut rows = table::with_header(["token", "books", "owner's own", "wallet"]);
        table::right(&mut rows, 1..4);
        for held in &now.held {
            rows.add_row([&held.token, &plain(held.books), &plain(held.external), &plain(held.wallet)]);
        }
        println!("{rows}");
    }
    if now.differences.iter().any(|one| !one.ignored) {
        println!("To decide: remora wallet adopt, ignore, or write-off (each has --help).");
    }
}

fn plain(amount: Decimal) -> String {
    amount.normalize().to_string()
}

pub fn adopt(global: &Global, args: &AdoptArgs) -> Exit {
    let AdoptArgs { token, shares, strategy, leader, price, own, sentence } = args.clone();
    with_settings(global, |config| match (strategy, leader) {
        (Some(strategy), Some(leader)) if !own => {
            confirmed(global, config, sentence, |sentence, seen| Command::Adopt {
                strategy,
                leader,
                token,
                shares,
                price: price.unwrap_or_default(),
                sentence: Some(sentence),
                seen: Some(seen),
            })
        }
        (_, _) => told(global, config, &Command::Difference { of: token, by: shares, choice: ChoiceWord::Own }),
    })
}

pub fn ignore(global: &Global, args: &IgnoreArgs) -> Exit {
    let IgnoreArgs { of, by } = args.clone();
    with_settings(global, |config| told(global, config, &Command::Difference { of, by, choice: ChoiceWord::Ignore }))
}

pub fn write_off(global: &Global, args: &WriteOffArgs) -> Exit {
    let WriteOffArgs { of, amount, strategy, sentence } = args.clone();
    with_settings(global, |config| {
        confirmed(global, config, sentence, |sentence, seen| Command::WriteOff {
            of,
            amount,
            strategy,
            sentence: Some(sentence),
            seen: Some(seen),
        })
    })
}
