//! `remora setup`: asks for what a beginning needs, checks each answer at once, writes the settings' file, and says what comes
//! next. Run again, it changes nothing that is there, and says how far it is.

use std::{
    fs::OpenOptions,
    io::{IsTerminal, Write},
    path::{Path, PathBuf},
};

use clap::Args;
use dialoguer::{Confirm, Input};
use serde_json::json;

use super::{Engine, Exit, Global, parse, table};
use crate::{
    config::{Config, Written},
    control::{Command, client::say},
    domain::{LiveSwitch, Mode, Usdc},
    report::steps::{Facts, Step, steps},
};

/// Ask for what is needed, write the settings' file, and say what comes next.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora setup                                asks, and writes my.toml
  remora setup --config mine.toml             the same, into another file
  remora setup --defaults --leader 0x1ead...=Ada
                                              asks nothing

Run again it changes nothing that is there, and says which steps are done and
how to do the next one. The page /setup says the same.")]
pub struct SetupArgs {
    /// Ask nothing: take what is given here, and the defaults
    #[arg(long)]
    pub defaults: bool,

    /// A wallet to follow, and what to call it; any number of them
    #[arg(long = "leader", value_name = "WALLET=NAME", value_parser = leader)]
    pub leaders: Vec<Leader>,

    /// Simulated dollars to begin with
    #[arg(long, value_name = "USDC", value_parser = parse::usdc, default_value = "1000")]
    pub capital: Usdc,

    /// The most dollars of one copy
    #[arg(long, value_name = "USDC", value_parser = parse::usdc, default_value = "20")]
    pub order: Usdc,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leader {
    pub wallet: String,
    pub name: String,
}

const FILE: &str = "my.toml";

fn leader(text: &str) -> Result<Leader, String> {
    let (wallet, name) = text.split_once('=').ok_or("write WALLET=NAME")?;
    wallet_like(wallet)?;
    Ok(Leader { wallet: wallet.to_ascii_lowercase(), name: name.to_owned() })
}

fn wallet_like(text: &str) -> Result<(), String> {
    let digits = text.strip_prefix("0x").filter(|digits| digits.len() == 40);
    match digits.is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit())) {
        true => Ok(()),
        false => Err("a wallet is 0x and 40 hexadecimal digits".to_owned()),
    }
}

pub fn execute(global: &Global, args: &SetupArgs) -> Exit {
    let path = global.config.clone().unwrap_or_else(|| PathBuf::from(FILE));
    let is_new = !path.exists();
    if is_new {
        let asked = match args.defaults || !std::io::stdin().is_terminal() {
            true => Ok(args.clone()),
            false => ask(args),
        };
        let written = asked.map_err(|error| error.to_string()).and_then(|asked| write(global, &path, &asked));
        if let Err(wrong) = written {
            eprintln!("remora setup: {wrong}");
            return Exit::Failed;
        }
    }
    let global = Global { config: Some(path.clone()), ..global.clone() };
    let config = match global.settings(Written::DefaultsOnly, &Engine::default()) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    show(&global, &path, is_new, &steps(&facts(&config)));
    Exit::Done
}

/// Asks, and asks again until an answer is right.
fn ask(args: &SetupArgs) -> dialoguer::Result<SetupArgs> {
    let mut asked = args.clone();
    eprintln!(
        "Paper trading needs somebody to follow, simulated dollars, and a limit. Everything can be changed later."
    );
    while asked.leaders.is_empty() || Confirm::new().with_prompt("Follow another one?").default(false).interact()? {
        let wallet: String = Input::new()
            .with_prompt("His wallet (0x...; his profile's address on the venue)")
            .validate_with(|text: &String| wallet_like(text.trim()))
            .interact_text()?;
        let name = Input::new()
            .with_prompt("What to call him")
            .default(format!("leader-{}", asked.leaders.len() + 1))
            .interact_text()?;
        asked.leaders.push(Leader { wallet: wallet.trim().to_ascii_lowercase(), name });
    }
    asked.capital = dollars("Simulated dollars to begin with", asked.capital)?;
    asked.order = dollars("The most dollars of one copy", asked.order)?;
    Ok(asked)
}

fn dollars(prompt: &str, usual: Usdc) -> dialoguer::Result<Usdc> {
    let text: String = Input::new()
        .with_prompt(prompt)
        .default(usual.to_string())
        .validate_with(|text: &String| parse::usdc(text).map(drop))
        .interact_text()?;
    Ok(parse::usdc(&text).unwrap_or(usual))
}

/// Writes a file that is right, where there was none.
fn write(global: &Global, path: &Path, asked: &SetupArgs) -> Result<(), String> {
    let text = text(asked);
    let written = Written::Text { name: path.display().to_string(), text: text.clone() };
    Config::load(&written, &global.overrides(&Engine::default())).map_err(|problems| problems.to_string())?;
    let unwritable = |error: std::io::Error| {
        format!("{}: cannot be written: {error}\n  fix: choose another place: --config FILE", path.display())
    };
    let mut file = OpenOptions::new().write(true).create_new(true).open(path).map_err(unwritable)?;
    file.write_all(text.as_bytes()).and_then(|()| file.sync_all()).map_err(unwritable)
}

/// A JSON text is a TOML text as well.
fn text(asked: &SetupArgs) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let mut text = "# Written by `remora setup`. `remora config default` explains every key; `remora config check --config FILE`\n\
                    # finds every mistake.\n"
        .to_owned();
    for leader in &asked.leaders {
        text.push_str(&format!("\n[[leader]]\nname = {}\nwallet = {}\n", quoted(&leader.name), quoted(&leader.wallet)));
    }
    if asked.leaders.is_empty() {
        text.push_str(
            "\n# Nobody is followed yet: remora leader add WALLET --name NAME --config FILE, then a [[strategy]].\n",
        );
        return text;
    }
    text.push_str(&format!(
        "\n[[strategy]]\nname = \"first\"\nleaders = [\"*\"]\n\n[strategy.paper]\ncapital_usdc = {}\norder_usdc_max = {}\n",
        asked.capital, asked.order
    ));
    text
}

fn facts(config: &Config) -> Facts {
    let state = say(&config.data.dir, &Command::Status).ok().and_then(|answer| answer.state);
    let live = state.as_ref().map_or("off", |state| state.live.as_str());
    let live = [LiveSwitch::Shadow, LiveSwitch::On].into_iter().find(|switch| switch.code() == live);
    Facts {
        leaders: config.leaders.len(),
        strategies: config.strategies.len(),
        live_strategies: config.strategies.iter().filter(|one| one.portfolio(Mode::Live).is_some()).count(),
        is_running: state.is_some(),
        // Only the tables know; `remora setup` does not open them.
        signals: u64::from(state.is_some()),
        channels: config.alerts.channels.len(),
        has_key: config.wallet.key.is_some(),
        live: live.unwrap_or_default(),
    }
}

fn show(global: &Global, path: &Path, is_new: bool, steps: &[Step]) {
    if global.json {
        return println!("{}", json!({ "config": path, "written": is_new, "steps": steps }));
    }
    let what = if is_new { "Written" } else { "Nothing was changed" };
    println!("{what}: {}", path.display());
    let mut lines = table::with_header(["step", "", "how"]);
    for step in steps {
        let how = if step.state == crate::report::steps::State::Done { "" } else { step.how };
        lines.add_row([step.title, step.state.word(), how]);
    }
    println!("{lines}");
}
