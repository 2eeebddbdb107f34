//! `remora token`: for programs that ask and turn things over HTTP.

use std::path::Path;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use super::{Engine, Exit, Global, table};
use crate::{
    clock,
    config::Written,
    web::door::{
        kept::{Kept, write},
        token::{self, Scope, TOKENS_MAX, Token},
    },
};

/// Make, list and revoke tokens for the API.
#[derive(Clone, Debug, Subcommand)]
#[command(after_help = AFTER_HELP)]
pub enum TokenCommand {
    Create(CreateArgs),
    List(ListArgs),
    Revoke(RevokeArgs),
}

/// Make a token; it is shown once.
#[derive(Args, Clone, Debug)]
pub struct CreateArgs {
    /// What the audit calls whoever shows it
    #[arg(value_name = "NAME")]
    pub name: String,

    /// What it lets in for: to see everything, or to turn everything, too
    #[arg(long, value_name = "SCOPE")]
    pub scope: ScopeWord,

    /// After so many days it does not hold any more [default: it holds until it is revoked]
    #[arg(long, value_name = "DAYS", value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub days: Option<u32>,
}

/// List the tokens, without what they say.
#[derive(Args, Clone, Debug)]
pub struct ListArgs {}

/// Take a token back; it is refused at once.
#[derive(Args, Clone, Debug)]
pub struct RevokeArgs {
    /// As it was called when it was made
    #[arg(value_name = "NAME")]
    pub name: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ScopeWord {
    Read,
    Control,
}

const AFTER_HELP: &str = "\
Examples:
  remora token create grafana --scope read
  remora token create phone --scope control --days 30
  remora token list
  remora token revoke phone

A program shows it in a header: Authorization: Bearer remora_...";

pub fn execute(global: &Global, command: &TokenCommand) -> Exit {
    let config = match global.settings(Written::DefaultsOnly, &Engine::default()) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let data = &config.data.dir;
    let done = match command {
        TokenCommand::Create(args) => create(global, data, args),
        TokenCommand::List(ListArgs {}) => list(global, data),
        TokenCommand::Revoke(args) => revoke(global, data, args),
    };
    match done {
        Ok(()) => Exit::Done,
        Err((exit, wrong)) => {
            match global.json {
                true => println!("{}", json!({ "ok": false, "wrong": wrong })),
                false => eprintln!("{wrong}"),
            }
            exit
        }
    }
}

type Done = Result<(), (Exit, String)>;

fn tokens(data: &Path) -> Result<Vec<Token>, (Exit, String)> {
    let kept = Kept::new(token::path(data), token::parse).now().map_err(|wrong| (Exit::Failed, wrong))?;
    Ok(kept.map_or_else(Vec::new, |tokens| Vec::clone(&tokens)))
}

fn keep(data: &Path, tokens: &[Token]) -> Done {
    let path = token::path(data);
    let text = serde_json::to_string_pretty(tokens).expect("tokens are JSON");
    let written = std::fs::create_dir_all(data).and_then(|()| write(&path, &text));
    written.map_err(|error| (Exit::Failed, format!("{} cannot be written: {error}", path.display())))
}

fn create(global: &Global, data: &Path, args: &CreateArgs) -> Done {
    let misused = |wrong: String| Err((Exit::Misused, wrong));
    let name = &args.name;
    if !token::is_name(name) {
        return misused(format!("{name:?} is no name\n  fix: 1 to 40 letters, digits, dots, dashes or underscores"));
    }
    let mut all = tokens(data)?;
    let now = clock::system();
    all.retain(|token| token.holds(now));
    if all.iter().any(|token| token.name == *name) {
        return misused(format!(
            "a token is called {name} already\n  fix: another name, or first `remora token revoke {name}`"
        ));
    }
    if all.len() >= TOKENS_MAX {
        return misused(format!("there are {TOKENS_MAX} tokens already\n  fix: revoke those that nobody uses"));
    }
    let scope = match args.scope {
        ScopeWord::Read => Scope::Read,
        ScopeWord::Control => Scope::Control,
    };
    let (text, token) = token::make(name, scope, now, args.days);
    all.push(token);
    keep(data, &all)?;
    match global.json {
        true => println!("{}", json!({ "ok": true, "name": name, "scope": scope, "token": text })),
        false => {
            println!("{text}");
            eprintln!("This is shown once: only its hash is kept. It lets in for: {}.", scope.code());
        }
    }
    Ok(())
}

fn list(global: &Global, data: &Path) -> Done {
    let (all, now) = (tokens(data)?, clock::system());
    if global.json {
        let tokens: Vec<_> = all
            .iter()
            .map(|token| {
                let (name, scope) = (&token.name, token.scope);
                json!({ "name": name, "scope": scope, "made_s": token.made_s, "until_s": token.until_s, "holds": token.holds(now) })
            })
            .collect();
        println!("{}", json!({ "tokens": tokens }));
        return Ok(());
    }
    if all.is_empty() {
        println!("There is no token. `remora token create NAME --scope read` makes one.");
        return Ok(());
    }
    let mut shown = table::with_header(["name", "scope", "made", "holds until"]);
    let day = |secs: u64| {
        let at = i64::try_from(secs).ok().and_then(|secs| time::OffsetDateTime::from_unix_timestamp(secs).ok());
        at.map_or_else(String::new, |at| at.date().to_string())
    };
    for token in &all {
        let until = match token.until_s {
            None => "it is revoked".to_owned(),
            Some(until) if token.holds(now) => day(until),
            Some(until) => format!("{} (over)", day(until)),
        };
        shown.add_row([table::plain(&token.name), token.scope.code().to_owned(), day(token.made_s), until]);
    }
    println!("{shown}");
    Ok(())
}

fn revoke(global: &Global, data: &Path, args: &RevokeArgs) -> Done {
    let mut all = tokens(data)?;
    let before = all.len();
    all.retain(|token| token.name != args.name);
    if all.len() == before {
        return Err((Exit::Failed, format!("no token is called {:?}\n  fix: `remora token list`", args.name)));
    }
    keep(data, &all)?;
    match global.json {
        true => println!("{}", json!({ "ok": true, "name": args.name })),
        false => println!("{} is revoked: it is refused from now on.", args.name),
    }
    Ok(())
}
