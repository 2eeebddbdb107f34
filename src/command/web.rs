//! `remora web`: the pages as a process of their own, and their password.

use std::io::{IsTerminal, Read};

use clap::{Args, Subcommand};
use serde_json::json;
use tokio::signal::unix::{SignalKind, signal};
use tokio_util::sync::CancellationToken;
use zeroize::Zeroizing;

use super::{Engine, Exit, Global, logs, run::engine_runtime};
use crate::{
    config::Written,
    session::pages,
    web::door::{kept, password},
};

/// Serve the pages alone, in a process that has no key; or set their password.
#[derive(Args, Clone, Debug)]
#[command(args_conflicts_with_subcommands = true, after_help = AFTER_HELP)]
pub struct WebArgs {
    #[command(subcommand)]
    pub command: Option<WebCommand>,

    #[command(flatten)]
    pub engine: Engine,
}

#[derive(Clone, Debug, Subcommand)]
pub enum WebCommand {
    Password(PasswordArgs),
}

/// Set the password of the pages; it holds at once, and ends every login.
#[derive(Args, Clone, Debug)]
pub struct PasswordArgs {
    /// Take it from standard input, for a script
    #[arg(long)]
    pub from_stdin: bool,

    /// Take the password away: then this machine may look and close, and nobody may open
    #[arg(long, conflicts_with = "from_stdin")]
    pub remove: bool,
}

const AFTER_HELP: &str = "\
Examples:
  remora web --config my.toml          the pages of the engine that runs
  remora web password                  asks twice, and shows nothing
  systemd-ask-password | remora web password --from-stdin

`remora run` serves the pages itself unless web.inside = false. Both need the
same data folder: there the engine listens, and the password is kept.";

pub fn execute(global: &Global, args: &WebArgs) -> Exit {
    match &args.command {
        None => serve(global, &args.engine),
        Some(WebCommand::Password(args)) => match set_password(global, args) {
            Ok(said) => {
                match global.json {
                    true => println!("{}", json!({ "ok": true, "said": said })),
                    false => println!("{said}"),
                }
                Exit::Done
            }
            Err((exit, wrong)) => {
                match global.json {
                    true => println!("{}", json!({ "ok": false, "wrong": wrong })),
                    false => eprintln!("{wrong}"),
                }
                exit
            }
        },
    }
}

fn serve(global: &Global, engine: &Engine) -> Exit {
    let config = match global.settings(Written::DefaultsOnly, engine) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    logs::init(&config.log);
    let path = global.config.as_ref().map_or_else(String::new, |path| path.display().to_string());
    let listen = config.web.listen;
    engine_runtime().block_on(async {
        let stop = CancellationToken::new();
        let stopping = stop.clone();
        let mut asked = [SignalKind::interrupt(), SignalKind::terminate()]
            .map(|kind| signal(kind).expect("a handler can be installed"));
        tokio::spawn(async move {
            let [interrupted, terminated] = &mut asked;
            tokio::select! {
                _ = interrupted.recv() => (),
                _ = terminated.recv() => (),
            }
            stopping.cancel();
        });
        if !global.json {
            println!("Dashboard: http://{listen}   (Ctrl-C stops it)");
        }
        match pages::run(&config, path, stop).await {
            Ok(()) => Exit::Done,
            Err(wrong) => {
                eprintln!("{wrong}");
                Exit::Failed
            }
        }
    })
}

fn set_password(global: &Global, args: &PasswordArgs) -> Result<String, (Exit, String)> {
    let failed = |wrong: String| (Exit::Failed, wrong);
    let config = global.settings(Written::DefaultsOnly, &Engine::default()).map_err(|exit| (exit, String::new()))?;
    let path = password::path(&config.data.dir);
    if args.remove {
        return match std::fs::remove_file(&path) {
            Ok(()) => {
                Ok("There is no password any more: this machine may look and close, and nobody may open.".to_owned())
            }
            Err(error) => Err(failed(format!("{}: {error}", path.display()))),
        };
    }
    let typed = match (args.from_stdin, std::io::stdin().is_terminal()) {
        (true, _) => {
            let mut text = Zeroizing::new(String::new());
            let read = std::io::stdin().take(password::BYTES_MAX as u64 + 2).read_to_string(&mut text);
            read.map_err(|error| failed(format!("standard input: {error}")))?;
            Zeroizing::new(text.trim_end_matches(['\r', '\n']).to_owned())
        }
        (false, true) => {
            let question = dialoguer::Password::new().with_prompt("Password for the pages");
            let asked = question.with_confirmation("Once more", "They differ").interact();
            Zeroizing::new(asked.map_err(|error| failed(error.to_string()))?)
        }
        (false, false) => {
            let fix = "in a terminal, or with --from-stdin";
            return Err((Exit::Misused, format!("This is no terminal, so nobody can type.\n  fix: {fix}")));
        }
    };
    let hash = password::hash(&typed).map_err(|wrong| (Exit::Misused, wrong))?;
    std::fs::create_dir_all(&config.data.dir)
        .and_then(|()| kept::write(&path, &format!("{hash}\n")))
        .map_err(|error| failed(format!("{} cannot be written: {error}", path.display())))?;
    Ok(format!("The pages ask for it from now on. Its hash is in {}.", path.display()))
}
