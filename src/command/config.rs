//! `remora config`: is it right, and what is in force?

use clap::Subcommand;
use serde_json::json;

use super::{Engine, Exit, Global};
use crate::config::{Config, DEFAULT, Problems, Written};

/// Check the settings, or show what is in force
#[derive(Clone, Debug, Subcommand)]
pub enum ConfigCommand {
    /// Report every mistake at once, with its line and its fix
    #[command(after_help = "\
Examples:
  remora config check --config my.toml
  remora config check --config my.toml --json

Ends with 0 if there is no mistake, otherwise with 2.")]
    Check,
    /// Print every setting in force as TOML, and where it came from
    #[command(after_help = "\
Examples:
  remora config show --config my.toml
  REMORA_LISTEN=127.0.0.1:9000 remora config show --json

Settings without a remark have their default. Passwords are shown as ***.")]
    Show,
    /// Print the documented defaults: a file to begin with
    #[command(after_help = "\
Examples:
  remora config default
  remora config default > my.toml")]
    Default,
}

pub fn execute(global: &Global, command: &ConfigCommand) -> Exit {
    let loaded = Config::load_changed(&global.source_or(Written::DefaultsOnly), &global.overrides(&Engine::default()));
    match command {
        ConfigCommand::Check => check(global, loaded),
        ConfigCommand::Show => match loaded {
            Ok(config) => show(global, &config),
            Err(problems) => {
                eprint!("{problems}");
                Exit::Misused
            }
        },
        ConfigCommand::Default => {
            print!("{DEFAULT}");
            Exit::Done
        }
    }
}

fn check(global: &Global, loaded: Result<Config, Problems>) -> Exit {
    let exit = if loaded.is_ok() { Exit::Done } else { Exit::Misused };
    match (loaded, global.json) {
        (Ok(config), false) => println!("{}", summary(&config)),
        (Err(problems), false) => eprint!("{problems}"),
        (Ok(config), true) => {
            let (leaders, strategies) = (config.leaders.len(), config.strategies.len());
            let hash = format!("{:016x}", config.hash());
            println!(
                "{}",
                json!({ "ok": true, "leaders": leaders, "strategies": strategies, "hash": hash, "problems": [] })
            );
        }
        (Err(problems), true) => println!("{}", json!({ "ok": false, "problems": problems })),
    }
    exit
}

fn summary(config: &Config) -> String {
    let (leaders, strategies) = (config.leaders.len(), config.strategies.len());
    match strategies {
        0 => "OK, but there is no [[strategy]], so nothing would be copied. config/demo.toml has three.".to_owned(),
        _ => format!("OK: leaders {leaders}, strategies {strategies}, hash {:016x}.", config.hash()),
    }
}

fn show(global: &Global, config: &Config) -> Exit {
    if global.json {
        let settings: Vec<_> = config
            .entries()
            .map(|(section, key, value, place)| {
                json!({ "section": section, "key": key, "toml": value, "from": place.to_string() })
            })
            .collect();
        println!("{}", json!({ "hash": format!("{:016x}", config.hash()), "settings": settings }));
    } else {
        print!("{}", config.show());
    }
    Exit::Done
}
