//! `remora off`, `shadow`, `on` and the like: the switches of the running engine.

use std::{io::IsTerminal, path::Path};

use clap::Args;
use serde_json::json;

use super::{Engine, Exit, Global};
use crate::{
    config::{Config, Written},
    control::{
        Answer, Command, SENTENCE,
        client::{pid_of, say, signal},
        kill,
        words::LeaderWord,
    },
};

/// Turn live off, at once and whatever happens: nothing leaves any more.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora off
  remora off --data /var/lib/remora --json

Three ways, each tried: the file KILL in the data folder, the engine's socket, a
signal.
The file stays until `remora on`, so that a restart is off, too. By hand:
touch /var/lib/remora/KILL")]
pub struct OffArgs {}

/// Turn live to shadow: all is decided and recorded, nothing is sent.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora shadow
  remora shadow --data /var/lib/remora")]
pub struct ShadowArgs {}

/// Turn live on: orders with real money leave. Only from shadow, with every check green.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora on
  remora on --sentence \"trade with real money\"

It asks for a sentence. What is not green is listed, and then it stays as it is.")]
pub struct OnArgs {
    /// What would be typed, for a script
    #[arg(long, value_name = "TEXT")]
    pub sentence: Option<String>,
}

/// Cancel every order of ours that rests at the venue.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora cancel-all
  remora cancel-all --json")]
pub struct CancelAllArgs {}

/// Stop a strategy's entries, or those of every portfolio with real money; exits go on.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora pause careful
  remora pause --live")]
pub struct PauseArgs {
    /// Which strategy of the settings
    #[arg(value_name = "STRATEGY", required_unless_present = "live", conflicts_with = "live")]
    pub strategy: Option<String>,

    /// Every portfolio with real money
    #[arg(long)]
    pub live: bool,
}

/// Let a strategy enter again after a pause, or after its breakers tripped.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora resume careful
  remora resume careful --breakers")]
pub struct ResumeArgs {
    /// Which strategy of the settings
    #[arg(value_name = "STRATEGY")]
    pub strategy: String,

    /// Let breakers go back that tripped, instead of ending a pause
    #[arg(long)]
    pub breakers: bool,

    /// What would be typed where it is about real money, for a script
    #[arg(long, value_name = "TEXT")]
    pub sentence: Option<String>,
}

/// Turn live for one leader: on or off whatever the switch says (but off is off), or as the switch says.
#[derive(Clone, Debug)]
pub struct LeaderSwitchArgs {
    pub name: String,
    pub to: LeaderWord,
    pub sentence: Option<String>,
}

pub fn leader_word(text: &str) -> Result<LeaderWord, String> {
    match text {
        "on" => Ok(LeaderWord::On),
        "off" => Ok(LeaderWord::Off),
        "inherit" => Ok(LeaderWord::Inherit),
        other => Err(format!("{other:?} is none of on, off, inherit")),
    }
}

/// Runs `with` the settings; with mistakes, prints them.
fn with_settings(global: &Global, with: impl FnOnce(&Config) -> Exit) -> Exit {
    match global.settings(Written::DefaultsOnly, &Engine::default()) {
        Ok(config) => with(&config),
        Err(exit) => exit,
    }
}

pub fn off(global: &Global, _: &OffArgs) -> Exit {
    // Mistakes in the settings do not keep live on: they only hide in which folder the engine is.
    let place = global.settings(Written::DefaultsOnly, &Engine::default()).or_else(|mistakes| {
        eprintln!("The settings have mistakes; what is looked for is the engine of --data, or of the usual folder.");
        let plain = Global { config: None, ..global.clone() };
        plain.settings(Written::DefaultsOnly, &Engine::default()).map_err(|_| mistakes)
    });
    let config = match place {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let data = &config.data.dir;
    let file = kill::make(data);
    let said = say(data, &Command::Off);
    let has_answered = said.as_ref().is_ok_and(|answer| answer.ok);
    let pid = pid_of(data);
    // An engine that has answered shut its gate already.
    let signalled = (!has_answered).then(|| pid.map(signal)).flatten();
    let was_signalled = matches!(signalled, Some(Ok(())));
    let ways = [
        ("file", file.as_ref().map_or_else(ToString::to_string, |()| "made".to_owned()), file.is_ok()),
        ("socket", said.map_or_else(|error| error.to_string(), |answer| answer.said), has_answered),
        (
            "signal",
            match (&signalled, pid) {
                (Some(Ok(())), _) => "sent".to_owned(),
                (Some(Err(error)), _) => error.to_string(),
                (None, None) => "no engine runs in this data folder".to_owned(),
                (None, Some(_)) => "not needed".to_owned(),
            },
            was_signalled,
        ),
    ];
    let is_off = has_answered || was_signalled || file.is_ok();
    match global.json {
        true => {
            let ways: serde_json::Map<_, _> =
                ways.iter().map(|(way, said, ok)| ((*way).to_owned(), json!({ "ok": ok, "said": said }))).collect();
            println!("{}", json!({ "ok": is_off, "running": pid.is_some(), "ways": ways }));
        }
        false => {
            for (way, said, ok) in &ways {
                println!("{way:>7}: {}{said}", if *ok { "" } else { "no: " });
            }
            println!("{}", verdict(is_off, pid.is_some() || has_answered, data));
        }
    }
    match is_off {
        true => Exit::Done,
        false => Exit::Failed,
    }
}

fn verdict(is_off: bool, is_running: bool, data: &Path) -> String {
    match (is_off, is_running) {
        (true, true) => "Live is off.".to_owned(),
        (true, false) => format!("No engine runs in {}; one that starts there will be off.", data.display()),
        (false, _) => format!("NOTHING WORKED for {}: end the engine's process.", data.display()),
    }
}

pub fn shadow(global: &Global, _: &ShadowArgs) -> Exit {
    with_settings(global, |config| told(global, config, &Command::Shadow))
}

pub fn cancel_all(global: &Global, _: &CancelAllArgs) -> Exit {
    with_settings(global, |config| told(global, config, &Command::CancelAll))
}

pub fn pause(global: &Global, args: &PauseArgs) -> Exit {
    let command = match &args.strategy {
        Some(strategy) => Command::Pause { strategy: strategy.clone() },
        None => Command::StopEntries,
    };
    with_settings(global, |config| told(global, config, &command))
}

pub fn resume(global: &Global, args: &ResumeArgs) -> Exit {
    let ResumeArgs { strategy, breakers, sentence } = args.clone();
    let command = |sentence: Option<String>, seen: Option<String>| {
        let strategy = strategy.clone();
        match breakers {
            true => Command::ResetBreakers { strategy, sentence, seen },
            false => Command::Resume { strategy, sentence, seen },
        }
    };
    with_settings(global, |config| told_or_confirmed(global, config, sentence, command))
}

pub fn on(global: &Global, args: &OnArgs) -> Exit {
    with_settings(global, |config| {
        confirmed(global, config, args.sentence.clone(), |sentence, seen| Command::On { sentence, seen })
    })
}

pub fn leader(global: &Global, args: &LeaderSwitchArgs) -> Exit {
    let LeaderSwitchArgs { name, to, sentence } = args.clone();
    with_settings(global, |config| match to {
        LeaderWord::On => confirmed(global, config, sentence, |sentence, seen| Command::Leader {
            name,
            to,
            sentence: Some(sentence),
            seen: Some(seen),
        }),
        LeaderWord::Off | LeaderWord::Inherit => told_or_confirmed(global, config, sentence, |sentence, seen| {
            Command::Leader { name: name.clone(), to, sentence, seen }
        }),
    })
}

/// Says it; where the engine answers that it is about real money, has the sentence typed and says it with that.
fn told_or_confirmed(
    global: &Global,
    config: &Config,
    sentence: Option<String>,
    command: impl Fn(Option<String>, Option<String>) -> Command,
) -> Exit {
    match say(&config.data.dir, &command(None, None)) {
        Ok(Answer { needs_sentence: true, .. }) => {
            confirmed(global, config, sentence, |sentence, seen| command(Some(sentence), Some(seen)))
        }
        Ok(answer) => ended(global, &answer),
        Err(error) => nobody(global, config, &error),
    }
}

/// Looks first, then has the sentence typed, then says it with what was seen.
pub(super) fn confirmed(
    global: &Global,
    config: &Config,
    sentence: Option<String>,
    command: impl FnOnce(String, String) -> Command,
) -> Exit {
    let state = match say(&config.data.dir, &Command::Status) {
        Ok(Answer { state: Some(state), .. }) => state,
        Ok(answer) => return ended(global, &answer),
        Err(error) => return nobody(global, config, &error),
    };
    let sentence = match sentence {
        Some(sentence) => sentence,
        None if std::io::stdin().is_terminal() => {
            eprintln!("live is {}, paper is {}. To go on, type: {SENTENCE}", state.live, state.paper);
            let mut line = String::new();
            if std::io::stdin().read_line(&mut line).is_err() {
                return Exit::Failed;
            }
            line.trim().to_owned()
        }
        None => {
            eprintln!(
                "This opens something, so somebody must type it.\n  fix: in a terminal, or --sentence {SENTENCE:?}"
            );
            return Exit::Misused;
        }
    };
    told(global, config, &command(sentence, state.seen))
}

pub(super) fn told(global: &Global, config: &Config, command: &Command) -> Exit {
    match say(&config.data.dir, command) {
        Ok(answer) => ended(global, &answer),
        Err(error) => nobody(global, config, &error),
    }
}

pub(super) fn ended(global: &Global, answer: &Answer) -> Exit {
    match (global.json, answer.ok) {
        (true, _) => println!("{}", serde_json::to_string(answer).expect("an answer is JSON")),
        (false, true) => {
            if !answer.differences.is_empty() {
                println!("{}", super::strategy::table(&answer.differences));
            }
            println!("{}", answer.said);
        }
        (false, false) => {
            eprintln!("Refused: {}.", answer.said);
            answer.red.iter().for_each(|red| eprintln!("  - {red}"));
            eprintln!("  fix: {}", answer.fix);
        }
    }
    if answer.ok { Exit::Done } else { Exit::Failed }
}

pub(super) fn nobody(global: &Global, config: &Config, error: &std::io::Error) -> Exit {
    let (data, fix) = (config.data.dir.display(), "start one, or say where it keeps its files: --data FOLDER");
    match global.json {
        true => println!("{}", json!({ "ok": false, "running": false, "wrong": error.to_string(), "fix": fix })),
        false => eprintln!("No engine listens in {data}: {error}.\n  fix: {fix}"),
    }
    Exit::NotRunning
}
