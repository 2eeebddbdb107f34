//! `remora leader add`: puts a leader's lines at the end of the settings' file.

use std::{io::Write, path::Path};

use serde_json::json;

use super::AddArgs;
use crate::{
    command::{Engine, Exit, Global},
    config::{Config, Written},
};

/// Words that stand for something else after `remora leader`.
const TAKEN: [&str; 5] = ["add", "list", "show", "score", "help"];

pub fn execute(global: &Global, args: &AddArgs) -> Exit {
    match added(global, args) {
        Ok(said) => {
            match global.json {
                true => println!("{}", json!({ "ok": true, "name": args.name, "wallet": args.wallet, "next": said })),
                false => println!("{said}"),
            }
            Exit::Done
        }
        Err((wrong, exit)) => {
            match global.json {
                true => println!("{}", json!({ "ok": false, "wrong": wrong })),
                false => eprintln!("remora leader add: {wrong}"),
            }
            exit
        }
    }
}

fn added(global: &Global, args: &AddArgs) -> Result<String, (String, Exit)> {
    let Some(path) = &global.config else {
        let fix = "say which with --config FILE (`remora config default > my.toml` makes one)";
        return Err((format!("no settings' file is given\n  fix: {fix}"), Exit::Misused));
    };
    let text = std::fs::read_to_string(path).map_err(|error| {
        let fix = "correct the name, or make one: remora config default > my.toml";
        (format!("{}: cannot be read: {error}\n  fix: {fix}", path.display()), Exit::Misused)
    })?;
    let read = |text: &str| {
        let written = Written::Text { name: path.display().to_string(), text: text.to_owned() };
        Config::load(&written, &global.overrides(&Engine::default()))
    };
    let before = read(&text).map_err(|problems| {
        (format!("the file has mistakes already; nothing was changed\n{problems}"), Exit::Misused)
    })?;
    refuse_double(&before, args).map_err(|wrong| (wrong, Exit::Failed))?;
    let lines = lines(&text, args);
    let after = read(&format!("{text}{lines}")).map_err(|problems| {
        (format!("with him, the file would have mistakes; nothing was changed\n{problems}"), Exit::Misused)
    })?;
    append(path, &lines).map_err(|error| {
        (format!("{}: cannot be written: {error}\n  fix: look at its owner and mode", path.display()), Exit::Failed)
    })?;
    Ok(next(&after, path, args))
}

fn refuse_double(config: &Config, args: &AddArgs) -> Result<(), String> {
    if TAKEN.contains(&args.name.as_str()) {
        return Err(format!("{:?} is a word of `remora leader` itself\n  fix: give him another name", args.name));
    }
    if let Some(other) = config.leaders.iter().find(|leader| leader.wallets.contains(&args.wallet)) {
        let fix = "nothing: he is declared; follow him by that name";
        return Err(format!("the leader {:?} already has this wallet\n  fix: {fix}", other.name));
    }
    if config.leaders.iter().any(|leader| leader.name == args.name) {
        return Err(format!("another leader is called {:?}\n  fix: give this one another name: --name", args.name));
    }
    Ok(())
}

/// A JSON text is a TOML text as well.
fn lines(before: &str, args: &AddArgs) -> String {
    let name = serde_json::Value::from(args.name.as_str());
    let end = if before.is_empty() || before.ends_with('\n') { "" } else { "\n" };
    format!("{end}\n[[leader]]\nname = {name}\nwallet = \"{}\"\n", args.wallet)
}

fn append(path: &Path, lines: &str) -> std::io::Result<()> {
    let mut file = std::fs::OpenOptions::new().append(true).open(path)?;
    file.write_all(lines.as_bytes())?;
    file.sync_all()
}

fn next(config: &Config, path: &Path, args: &AddArgs) -> String {
    let place = config.leaders.len().saturating_sub(1);
    let strategies = config.strategies.iter().filter(|strategy| strategy.leaders.contains(&place));
    let followed: Vec<&str> = strategies.map(|strategy| strategy.name.as_str()).collect();
    let follow = match followed.as_slice() {
        [] => format!("No strategy follows him yet. Next: put {:?} into a strategy's `leaders`, then", args.name),
        names => format!("He is followed by: {}. Next:", names.join(", ")),
    };
    format!(
        "Added {:?} ({}) to {}.\n{follow}\n  remora config check --config {}\nand restart the engine: settings are read when it \
         starts.",
        args.name,
        args.wallet,
        path.display(),
        path.display()
    )
}
