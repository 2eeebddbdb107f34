//! `remora status`: what the running engine says of itself.

use std::{path::Path, time::Duration};

use clap::Args;
use serde_json::{Value, json};

use super::{Engine, Exit, Global, small_runtime, table};
use crate::{config::Written, web::door::local_path};

/// Show what the running engine does.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct StatusArgs {
    /// Where the engine serves its API [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", env = "REMORA_LISTEN", hide_env_values = true)]
    pub listen: Option<String>,
}

const AFTER_HELP: &str = "\
Examples:
  remora status
  remora status --listen 127.0.0.1:9000
  remora status --json

Ends with 3 if no engine answers there.";

/// How long the engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(3);

pub fn execute(global: &Global, args: &StatusArgs) -> Exit {
    let engine = Engine { listen: args.listen.clone(), ..Engine::default() };
    let config = match global.settings(Written::DefaultsOnly, &engine) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let address = format!("http://{}/api/v1/status", config.web.listen);
    let token = local_token(&config.data.dir, config.web.listen.port());
    match small_runtime().block_on(ask_as(&address, token.as_deref())) {
        Ok(answer) => {
            match global.json {
                true => println!("{answer}"),
                false => println!("{}", for_people(&answer)),
            }
            Exit::Done
        }
        Err(wrong) => {
            let fix = "start one: `scripts/run` or `remora run`; or say where it is: --listen ADDRESS";
            match global.json {
                true => println!("{}", json!({ "running": false, "wrong": wrong, "fix": fix })),
                false => eprintln!("No engine answers at {address}: {wrong}.\nfix: {fix}"),
            }
            Exit::NotRunning
        }
    }
}

/// Returns what lets a command in that may read the data folder, where the pages have a password.
pub fn local_token(data: &Path, port: u16) -> Option<String> {
    std::fs::read_to_string(local_path(data, port)).ok()
}

/// Returns the JSON that `address` answers with, or in words why there is none.
pub async fn ask_as(address: &str, token: Option<&str>) -> Result<Value, String> {
    // reqwest was built without a provider of its own and panics if there is none; a second installation is refused, and
    // changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(|error| in_words(&error))?;
    let mut question = client.get(address);
    if let Some(token) = token {
        question = question.bearer_auth(token);
    }
    let answer = question.send().await.map_err(|error| in_words(&error))?;
    let status = answer.status();
    if status == reqwest::StatusCode::UNAUTHORIZED {
        return Err("it asks for a login: say this as the user that runs it, with its --data FOLDER".to_owned());
    }
    if !status.is_success() {
        return Err(format!("something answers, but with {status}: is it Remora?"));
    }
    answer.json().await.map_err(|_| "something answers, but not with JSON: is it Remora?".to_owned())
}

/// Returns the innermost cause: the outer ones only repeat the address.
fn in_words(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

/// Returns the answer for people: is it well, what has each strategy, what did it do, and why not more.
fn for_people(answer: &Value) -> String {
    let mut health = table::with_header(["part", "", "now"]);
    for check in rows(&answer["health"]["checks"]) {
        health.add_row([&check["name"], &check["level"], &check["text"]].map(in_cell));
    }
    let mut money = table::with_header(["strategy", "equity", "available", "locked", "cooling", "realised", "entries"]);
    for portfolio in rows(&answer["portfolios"]) {
        let amounts = ["equity", "available", "locked", "cooling", "realised"];
        let name = std::iter::once(in_cell(&portfolio["name"]));
        let amounts = amounts.map(|amount| table::cents(&in_cell(&portfolio[amount])));
        money.add_row(name.chain(amounts).chain([entries(portfolio)]));
    }
    let engine = &answer["engine"];
    let counts = ["signals", "orders", "fills", "positions_open", "books_live", "books_diverged"];
    let counts = counts.map(|name| format!("{} {}", in_cell(&engine[name]), name.replace('_', " "))).join(", ");
    let switches = ["paper", "live"].map(|mode| format!("{mode} {}", in_cell(&answer[mode]))).join(", ");
    let mut text = format!("{health}\n{money}\n{switches}\n{counts}");
    let ahead = &engine["ahead"];
    let [hits, kept] = ["hits", "kept"].map(|name| ahead[name].as_u64().unwrap_or_default());
    let misses = commonest(&ahead["misses"]);
    if hits + kept > 0 || !misses.is_empty() {
        text.push_str(&format!("\nSigned ahead: {hits} found, {kept} wait"));
        if !misses.is_empty() {
            text.push_str(&format!("; signed on demand: {misses}"));
        }
    }
    for (name, title) in [("skips", "Skipped"), ("refusals", "Refused")] {
        let reasons = commonest(&engine[name]);
        if !reasons.is_empty() {
            text.push_str(&format!("\n{title}: {reasons}"));
        }
    }
    text
}

/// Returns what keeps a portfolio from entries: a pause, breakers; "yes" if nothing does.
fn entries(portfolio: &Value) -> String {
    let paused = (portfolio["paused"] == true).then(|| "paused".to_owned());
    let stops: Vec<String> = paused.into_iter().chain(rows(&portfolio["breakers"]).map(in_cell)).collect();
    if stops.is_empty() { "yes".to_owned() } else { stops.join(" ") }
}

fn rows(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}

/// Returns what was counted, commonest first; empty if nothing was.
fn commonest(counts: &Value) -> String {
    let counts = counts.as_object().into_iter().flatten();
    let mut counts: Vec<(&String, u64)> = counts.filter_map(|(code, count)| Some((code, count.as_u64()?))).collect();
    counts.retain(|(_, count)| *count > 0);
    counts.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
    counts.iter().map(|(code, count)| format!("{code} {count}")).collect::<Vec<_>>().join(", ")
}

fn in_cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_becomes_tables_of_eighty_columns() {
        let answer = json!({
            "health": { "checks": [{ "name": "engine", "level": "ok", "text": "word ".repeat(40) }] },
            "engine": { "signals": 12, "orders": 3, "skips": { "too_old": 2, "no_book": 5, "grouped": 0 }, "refusals": {},
                "ahead": { "hits": 7, "kept": 40, "misses": { "unforeseen": 3, "old": 1, "off": 0 } } },
            "paper": "on",
            "live": "shadow",
            "portfolios": [
                { "name": "careful", "equity": "950.512345", "locked": "192.13", "breakers": ["daily_loss"] },
                { "name": "swift", "equity": "1500", "paused": true, "breakers": [] },
            ],
        });
        let text = for_people(&answer);
        for part in [
            "engine",
            "careful",
            "950.51",
            "1,500.00",
            "12 signals",
            "Skipped: no_book 5, too_old 2",
            "Signed ahead: 7 found, 40 wait; signed on demand: unforeseen 3, old 1",
            "192.13",
            "daily_loss",
            "paused",
            "paper on, live shadow",
        ] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("grouped") && !text.contains("Refused"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
