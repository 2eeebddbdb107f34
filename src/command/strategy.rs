//! `remora strategy`: what the strategies are told, and changing it while the engine runs.

use clap::{Args, Subcommand};
use rust_decimal::Decimal;
use serde::Serialize;
use serde_json::json;

use super::{
    Engine, Exit, Global,
    control::{confirmed, nobody, told},
    table as tables,
};
use crate::{
    config::{Change, Config, Difference, Part, Setting, Written},
    control::{
        Answer, Command,
        client::{pid_of, say},
        settings::{changed, now, said},
    },
};

/// List, show and change strategies; a running engine takes it at once
#[derive(Clone, Debug, Subcommand)]
pub enum StrategyCommand {
    /// All strategies of the settings
    #[command(after_help = "\
Examples:
  remora strategy list --config my.toml
  remora strategy list --json")]
    List,
    /// What one strategy is told, and where that was written
    #[command(after_help = "\
Examples:
  remora strategy show careful
  remora strategy show careful --all --json")]
    Show(ShowArgs),
    /// Change settings of a strategy, or of all that do not say otherwise
    #[command(after_help = SET_HELP)]
    Set(SetArgs),
    /// Make a strategy; it begins at the next start
    #[command(after_help = "\
Examples:
  remora strategy create bold --leaders Ada,Bo --capital 500
  remora strategy create bold --leaders '*' --capital 500 paper.size_usdc=10")]
    Create(CreateArgs),
    /// Take back what was changed of a strategy; one that was made here is gone
    #[command(after_help = "\
Examples:
  remora strategy reset careful
  remora strategy reset bold

What it holds stays in the books, and is sold as its leaders sell, or by hand.")]
    Reset(ResetArgs),
    /// Sell what a strategy holds, now
    #[command(after_help = "\
Examples:
  remora strategy exit careful
  remora strategy exit careful --live --token 7141...")]
    Exit(ExitArgs),
    /// Put dollars into a portfolio, or take them out
    #[command(after_help = "\
Examples:
  remora strategy deposit careful 250
  remora strategy deposit careful -100.50
  remora strategy deposit careful 50 --live

Only the books change: real money comes and goes by the wallet.")]
    Deposit(DepositArgs),
}

const SET_HELP: &str = "\
Examples:
  remora strategy set careful paper.size_usdc=40
  remora strategy set careful live.order_usdc_max=10 live.daily_loss_usdc_max=25
  remora strategy set careful 'leaders=[\"Ada\"]' --dry-run
  remora strategy set careful paper.size_usdc=
  remora strategy set --default paper.price_max=0.9

A key is as in the settings' file: paper.KEY, live.KEY, or KEY for both modes.
Nothing behind the = takes a change back. What differs is shown. The changes are
kept in changes.toml in the data folder, over your settings' file. Ceilings,
keys and addresses cannot be changed here. Where real money is at stake, the
sentence of `remora on` is asked for.";

#[derive(Args, Clone, Debug)]
pub struct ShowArgs {
    /// Which strategy
    #[arg(value_name = "STRATEGY")]
    pub name: String,

    /// Also what has its default
    #[arg(long)]
    pub all: bool,
}

#[derive(Args, Clone, Debug)]
pub struct SetArgs {
    /// A strategy's name, then what is changed, as in the settings' file
    #[arg(value_name = "STRATEGY KEY=VALUE", required = true)]
    pub words: Vec<String>,

    /// Change what all strategies do that do not say otherwise
    #[arg(long)]
    pub default: bool,

    /// Only show what would differ
    #[arg(long)]
    pub dry_run: bool,

    /// What would be typed, for a script
    #[arg(long, value_name = "TEXT")]
    pub sentence: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct CreateArgs {
    /// What it is called
    #[arg(value_name = "STRATEGY")]
    pub name: String,

    /// Declared leaders' names with commas between, or '*' for all
    #[arg(long, value_name = "NAMES", value_delimiter = ',', required = true)]
    pub leaders: Vec<String>,

    /// Simulated dollars to begin with
    #[arg(long, value_name = "DOLLARS")]
    pub capital: Decimal,

    /// KEY=VALUE, as in the settings' file
    #[arg(value_name = "KEY=VALUE")]
    pub settings: Vec<String>,

    /// What would be typed, for a script
    #[arg(long, value_name = "TEXT")]
    pub sentence: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct ResetArgs {
    /// Which strategy
    #[arg(value_name = "STRATEGY")]
    pub name: String,

    /// What would be typed, for a script
    #[arg(long, value_name = "TEXT")]
    pub sentence: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct ExitArgs {
    /// Which strategy
    #[arg(value_name = "STRATEGY")]
    pub name: String,

    /// The portfolio with real money
    #[arg(long)]
    pub live: bool,

    /// One outcome's token [default: all that it holds]
    #[arg(long, value_name = "TOKEN")]
    pub token: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct DepositArgs {
    /// Which strategy
    #[arg(value_name = "STRATEGY")]
    pub name: String,

    /// Below zero: a withdrawal
    #[arg(value_name = "DOLLARS", allow_negative_numbers = true)]
    pub usdc: Decimal,

    /// The portfolio with real money
    #[arg(long)]
    pub live: bool,

    /// What would be typed, for a script
    #[arg(long, value_name = "TEXT")]
    pub sentence: Option<String>,
}

pub fn execute(global: &Global, command: StrategyCommand) -> Exit {
    let found =
        global.settings(Written::DefaultsOnly, &Engine::default()).and_then(|place| match pid_of(&place.data.dir) {
            Some(_) => Ok(place),
            None => global.settings_in_force(Written::DefaultsOnly, &Engine::default()),
        });
    let config = match found {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match command {
        StrategyCommand::List => list(global, &config),
        StrategyCommand::Show(args) => show(global, &config, &args),
        StrategyCommand::Set(args) => set(global, &config, args),
        StrategyCommand::Create(args) => create(global, &config, args),
        StrategyCommand::Reset(args) => {
            let wanted = Wanted { out: vec![args.name], sentence: args.sentence, ..Wanted::default() };
            change(global, &config, wanted)
        }
        StrategyCommand::Exit(ExitArgs { name, live, token }) => {
            told(global, &config, &Command::ForceExit { strategy: name, live, token })
        }
        StrategyCommand::Deposit(args) => deposit(global, &config, args),
    }
}

/// Returns what is in force: in the engine that runs, or else by the files.
fn in_force(config: &Config) -> Vec<Setting> {
    match say(&config.data.dir, &Command::Settings) {
        Ok(Answer { settings: Some(now), .. }) => now.settings,
        Ok(_) | Err(_) => config.settings(),
    }
}

/// What `list` shows of a strategy: values as TOML.
#[derive(Default, Serialize)]
struct Line<'a> {
    name: &'a str,
    leaders: &'a str,
    sizing: &'a str,
    paper_capital_usdc: &'a str,
    live_capital_usdc: Option<&'a str>,
}

fn lines(settings: &[Setting]) -> Vec<Line<'_>> {
    let mut lines: Vec<Line<'_>> = vec![];
    for one in settings {
        let Some(section) = one.section.strip_prefix("strategy ") else { continue };
        let (name, part) = section.split_once(", ").unwrap_or((section, ""));
        if lines.last().is_none_or(|line| line.name != name) {
            lines.push(Line { name, ..Line::default() });
        }
        let Some(line) = lines.last_mut() else { continue };
        match (part, one.key.as_str()) {
            ("", "leaders") => line.leaders = &one.value,
            ("paper", "sizing") => line.sizing = one.value.trim_matches('"'),
            ("paper", "capital_usdc") => line.paper_capital_usdc = &one.value,
            ("live", "capital_usdc") => line.live_capital_usdc = Some(&one.value),
            (_, _) => {}
        }
    }
    lines
}

fn list(global: &Global, config: &Config) -> Exit {
    let settings = in_force(config);
    let lines = lines(&settings);
    if global.json {
        println!("{}", json!({ "strategies": lines }));
        return Exit::Done;
    }
    if lines.is_empty() {
        println!("There is none. Make one: remora strategy create NAME --leaders NAMES --capital 500");
        return Exit::Done;
    }
    let mut shown = tables::with_header(["strategy", "leaders", "size", "paper $", "live $"]);
    for line in &lines {
        shown.add_row([
            tables::plain(line.name),
            tables::plain(line.leaders.trim_matches(['[', ']'])),
            line.sizing.to_owned(),
            tables::cents(line.paper_capital_usdc),
            line.live_capital_usdc.map_or("-".to_owned(), tables::cents),
        ]);
    }
    tables::right(&mut shown, 3..5);
    println!("{shown}\nThe engine's side of them: remora status");
    Exit::Done
}

fn show(global: &Global, config: &Config, args: &ShowArgs) -> Exit {
    let (own, inner) = (format!("strategy {}", args.name), format!("strategy {}, ", args.name));
    let mut settings = in_force(config);
    settings.retain(|one| one.section == own || one.section.starts_with(&inner));
    if settings.is_empty() {
        eprintln!("No strategy is called {:?}.\n  fix: `remora strategy list` shows what there is", args.name);
        return Exit::Misused;
    }
    settings.retain(|one| args.all || !one.from.is_empty());
    if global.json {
        println!("{}", json!({ "strategy": args.name, "settings": settings }));
        return Exit::Done;
    }
    let mut lines = tables::with_header(["", "setting", "value", "from"]);
    for one in &settings {
        let part = one.section.strip_prefix(&inner).unwrap_or_default();
        lines.add_row([part.to_owned(), one.key.clone(), tables::plain(&one.value), one.from.clone()]);
    }
    println!("{lines}");
    if !args.all {
        println!("All else has its default: --all shows it, `remora config default` explains it.");
    }
    Exit::Done
}

fn set(global: &Global, config: &Config, args: SetArgs) -> Exit {
    let (name, settings) = match args.words.split_first() {
        Some((name, settings)) if !name.contains('=') && !args.default => (Some(name.as_str()), settings),
        Some(_) | None => (None, args.words.as_slice()),
    };
    if name.is_none() && !args.default {
        eprintln!("No strategy is named.\n  fix: its name first; or --default for all that do not say otherwise");
        return Exit::Misused;
    }
    let changes: Vec<Change> = match settings.iter().map(|text| parsed(name, text)).collect() {
        Ok(changes) => changes,
        Err(wrong) => {
            eprintln!("{wrong}");
            return Exit::Misused;
        }
    };
    if changes.is_empty() {
        eprintln!("Nothing is said to be changed.\n  fix: give KEY=VALUE, such as paper.size_usdc=40");
        return Exit::Misused;
    }
    change(global, config, Wanted { changes, sentence: args.sentence, dry: args.dry_run, ..Wanted::default() })
}

fn create(global: &Global, config: &Config, args: CreateArgs) -> Exit {
    if lines(&in_force(config)).iter().any(|line| line.name == args.name) {
        eprintln!("A strategy is called {:?} already.\n  fix: another name; or `remora strategy set`", args.name);
        return Exit::Misused;
    }
    let strategy = Some(args.name.clone());
    let leaders = serde_json::to_string(&args.leaders).expect("texts are JSON, and such a list is TOML, too");
    let mut changes = vec![
        Change { strategy: strategy.clone(), part: Part::Both, key: "leaders".to_owned(), to: Some(leaders) },
        Change {
            strategy: strategy.clone(),
            part: Part::Paper,
            key: "capital_usdc".to_owned(),
            to: Some(args.capital.to_string()),
        },
    ];
    match args.settings.iter().map(|text| parsed(strategy.as_deref(), text)).collect::<Result<Vec<_>, _>>() {
        Ok(more) => changes.extend(more),
        Err(wrong) => {
            eprintln!("{wrong}");
            return Exit::Misused;
        }
    }
    change(global, config, Wanted { changes, sentence: args.sentence, ..Wanted::default() })
}

fn deposit(global: &Global, config: &Config, args: DepositArgs) -> Exit {
    let DepositArgs { name: strategy, usdc, live, sentence } = args;
    if live && usdc > Decimal::ZERO {
        return confirmed(global, config, sentence, |sentence, seen| Command::Deposit {
            strategy,
            live,
            usdc,
            sentence: Some(sentence),
            seen: Some(seen),
        });
    }
    told(global, config, &Command::Deposit { strategy, live, usdc, sentence: None, seen: None })
}

#[derive(Default)]
struct Wanted {
    changes: Vec<Change>,
    out: Vec<String>,
    dry: bool,
    sentence: Option<String>,
}

/// Has the running engine change its settings, or the file where none runs.
fn change(global: &Global, config: &Config, wanted: Wanted) -> Exit {
    let Wanted { changes, out, dry, sentence } = wanted;
    let data = &config.data.dir;
    if pid_of(data).is_none() {
        return alone(global, config, Wanted { changes, out, dry, sentence });
    }
    let version = match say(data, &Command::Settings) {
        Ok(Answer { settings: Some(settings), .. }) => settings.version,
        Ok(_) => return told(global, config, &Command::Settings),
        Err(error) => return nobody(global, config, &error),
    };
    let command = |sentence, seen, dry| Command::Change {
        changes: changes.clone(),
        strategies_out: out.clone(),
        version: version.clone(),
        dry,
        sentence,
        seen,
    };
    if dry {
        return told(global, config, &command(None, None, true));
    }
    let would = match say(data, &command(None, None, true)) {
        Ok(answer) => answer,
        Err(error) => return nobody(global, config, &error),
    };
    // What is not about real money needs no sentence, and neither does what is refused anyway.
    if !would.ok || !would.needs_sentence {
        return told(global, config, &command(sentence, None, false));
    }
    if !global.json {
        println!("{}", table(&would.differences));
    }
    confirmed(global, config, sentence, |sentence, seen| command(Some(sentence), Some(seen), false))
}

/// No engine runs: the next start goes by it.
fn alone(global: &Global, config: &Config, wanted: Wanted) -> Exit {
    let answer = match changed(config, wanted.changes, wanted.out) {
        Err(answer) => answer,
        Ok(after) => {
            let mut differences = config.differences(&after);
            differences.iter_mut().for_each(|one| one.at_once = false);
            let written =
                if wanted.dry || differences.is_empty() { Ok(()) } else { after.changes.write(&after.data.dir) };
            let verb = if wanted.dry { "would change" } else { "changed" };
            let done = Answer { settings: Some(now(&after)), ..Answer::done(said(&differences, verb)) };
            let fix = "make the data folder (a first start does), and see that it can be written";
            let failed =
                |error: std::io::Error| Answer::refused(format!("the changes cannot be written: {error}"), fix);
            Answer { differences, ..written.map_or_else(failed, |()| done) }
        }
    };
    super::control::ended(global, &answer)
}

/// Shows what differs, in eighty columns.
pub(super) fn table(differences: &[Difference]) -> comfy_table::Table {
    let mut lines = tables::with_header(["where", "setting", "was", "is", "takes effect"]);
    for one in differences {
        let value = |value: &Option<String>| value.as_deref().map_or("-".to_owned(), tables::plain);
        let when = if one.at_once { "at once" } else { "at the next start" };
        lines.add_row([one.section.clone(), one.key.clone(), value(&one.from), value(&one.to), when.to_owned()]);
    }
    lines
}

/// Reads `paper.size_usdc=40`.
fn parsed(strategy: Option<&str>, text: &str) -> Result<Change, String> {
    let path_and_value = text.split_once('=');
    path_and_value
        .and_then(|(path, value)| Change::of(strategy, path, value))
        .ok_or_else(|| format!("`{text}` is no setting: expected KEY=VALUE, such as paper.size_usdc=40"))
}

#[cfg(test)]
mod tests;
