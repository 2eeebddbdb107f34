//! `remora alert`: the channels of alerts, their rules, and whether a channel works.

use clap::{Args, Subcommand};
use serde_json::{Value, json};

use super::{Engine, Exit, Global, small_runtime, table};
use crate::{
    actor::alerter::{in_words, test_note},
    alert::{
        Rule,
        send::{Services, place_text, secret},
        words::Message,
    },
    clock,
    config::{AlertsConfig, ChannelConfig, ChannelKind, Config, Written},
    control::{Command, client::say},
};

/// Alerts: who is told of what, and whether it arrives.
#[derive(Debug, Subcommand)]
pub enum AlertCommand {
    List(ListArgs),
    Test(TestArgs),
}

/// List the channels and the rules, and whether each channel's secret can be read.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora alert list --config my.toml
  remora alert list --json

Channels are [[alert]] tables of the settings; config/default.toml shows how.
Ends with 1 if a channel's secret cannot be read.")]
pub struct ListArgs {}

/// Send a test message to a channel: by the running engine, or from here where none runs.
#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora alert test phone
  remora alert test phone --config my.toml --json")]
pub struct TestArgs {
    /// Which channel of the settings
    #[arg(value_name = "NAME")]
    pub name: String,
}

pub fn execute(global: &Global, command: &AlertCommand) -> Exit {
    let config = match global.settings(Written::DefaultsOnly, &Engine::default()) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match command {
        AlertCommand::List(_) => list(global, &config.alerts),
        AlertCommand::Test(args) => test(global, &config, &args.name),
    }
}

fn list(global: &Global, config: &AlertsConfig) -> Exit {
    let secrets: Vec<Result<(), String>> = config.channels.iter().map(|channel| secret(channel).map(drop)).collect();
    match global.json {
        true => println!("{}", in_json(config, &secrets)),
        false => println!("{}", in_tables(config, &secrets)),
    }
    if secrets.iter().all(Result::is_ok) { Exit::Done } else { Exit::Failed }
}

fn in_json(config: &AlertsConfig, secrets: &[Result<(), String>]) -> Value {
    let channels = config.channels.iter().zip(secrets).map(|(channel, secret)| {
        json!({
            "name": channel.name,
            "kind": channel.kind.code(),
            "to": to(&channel.kind),
            "secret": channel.secret.as_ref().map(place_text),
            "on": channel.on,
            "wrong": secret.as_ref().err(),
        })
    });
    let rules = rules().map(|rule| {
        json!({
            "rule": rule,
            "severity": rule.severity(),
            "text": rule.text(),
            "limits": rule.limits(&config.thresholds),
        })
    });
    json!({ "channels": channels.collect::<Vec<_>>(), "rules": rules.collect::<Vec<_>>() })
}

fn in_tables(config: &AlertsConfig, secrets: &[Result<(), String>]) -> String {
    let mut text = match config.channels.is_empty() {
        true => {
            "Nobody is told: there is no [[alert]] in the settings.\n  fix: add one; config/default.toml shows how\n\n"
                .to_owned()
        }
        false => String::new(),
    };
    if !config.channels.is_empty() {
        let mut lines = table::with_header(["channel", "kind", "to", "secret", "hears"]);
        for (channel, secret) in config.channels.iter().zip(secrets) {
            let place = channel.secret.as_ref().map_or_else(|| "none needed".to_owned(), place_text);
            let place = if secret.is_ok() { place } else { format!("{place}: cannot be read") };
            lines.add_row([&channel.name, channel.kind.code(), &to(&channel.kind), &place, &hears(channel)]);
        }
        text.push_str(&format!("{lines}\n"));
        secrets.iter().filter_map(|secret| secret.as_ref().err()).for_each(|why| text.push_str(&format!("  {why}\n")));
        text.push('\n');
    }
    let mut lines = table::with_header(["rule", "how bad", "when"]);
    for rule in rules() {
        let limits = match rule.limits(&config.thresholds) {
            limits if limits.is_empty() => String::new(),
            limits => format!(" Now: {limits}."),
        };
        lines.add_row([rule.code(), rule.severity().code(), &format!("{}{limits}", rule.text())]);
    }
    format!("{text}{lines}")
}

fn rules() -> impl Iterator<Item = Rule> {
    Rule::ALL.into_iter().filter(|rule| *rule != Rule::Test)
}

/// Returns whom a channel tells, where that is no secret.
fn to(kind: &ChannelKind) -> String {
    match kind {
        ChannelKind::Telegram { chat } => format!("chat {chat}"),
        ChannelKind::Email(mail) => format!("{} by {}", mail.to, mail.host),
        ChannelKind::Slack | ChannelKind::Discord | ChannelKind::Webhook => String::new(),
    }
}

fn hears(channel: &ChannelConfig) -> String {
    match channel.on.len() == Rule::ALL.len() {
        true => "everything".to_owned(),
        false => channel.on.iter().map(|rule| rule.code()).collect::<Vec<_>>().join(", "),
    }
}

fn test(global: &Global, config: &Config, name: &str) -> Exit {
    let Some(channel) = config.alerts.channels.iter().find(|channel| channel.name == name) else {
        let known: Vec<&str> = config.alerts.channels.iter().map(|channel| channel.name.as_str()).collect();
        let known = if known.is_empty() { "there is no [[alert]] at all".to_owned() } else { known.join(", ") };
        eprintln!("No channel is called {name:?} in these settings.\n  fix: one of them ({known}), or --config FILE");
        return Exit::Misused;
    };
    let said = match say(&config.data.dir, &Command::TestAlert { channel: name.to_owned() }) {
        Ok(answer) if answer.ok => Ok(answer.said),
        Ok(answer) => Err(answer.said),
        // No engine runs here: what it would do can be done without it.
        Err(_) => small_runtime().block_on(from_here(&config.alerts, channel)),
    };
    match (global.json, &said) {
        (true, _) => println!(
            "{}",
            json!({ "channel": name, "ok": said.is_ok(), "said": said.as_ref().unwrap_or_else(|why| why) })
        ),
        (false, Ok(said)) => println!("{name}: {said}."),
        (false, Err(why)) => eprintln!(
            "{name}: it did not arrive: {why}\n  fix: `remora alert list` says where its secret is looked for; then once more"
        ),
    }
    if said.is_ok() { Exit::Done } else { Exit::Failed }
}

async fn from_here(config: &AlertsConfig, channel: &ChannelConfig) -> Result<String, String> {
    let now = clock::now();
    let note = test_note(now.0, &channel.name, now);
    let message = Message { notes: std::slice::from_ref(&note), dropped: 0, link: config.link.as_deref() };
    in_words(&Services::new(config.allow_loopback).send(channel, &message).await)
}
