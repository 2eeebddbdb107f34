//! `remora status`: what the running engine says of itself.

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::{Engine, Exit, Global, small_runtime, table};
use crate::config::Source;

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
    let config = match global.settings(Source::DefaultsOnly, &engine) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let address = format!("http://{}/api/v1/status", config.web.listen);
    match small_runtime().block_on(ask(&address)) {
        Ok(answer) => {
            match (global.json, &answer) {
                (false, Value::Object(fields)) => println!("{}", in_tables(fields)),
                _ => println!("{answer}"),
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

/// Returns the JSON that `address` answers with, or in words why there is none.
pub async fn ask(address: &str) -> Result<Value, String> {
    // reqwest was built without a provider of its own and panics if there is none; a second installation is refused, and
    // changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = reqwest::Client::builder()
        .no_proxy()
        .redirect(reqwest::redirect::Policy::none())
        .timeout(PATIENCE)
        .build()
        .map_err(|error| in_words(&error))?;
    let answer = client.get(address).send().await.map_err(|error| in_words(&error))?;
    let status = answer.status();
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

/// Returns single values as one table, and each list of objects as another below it.
fn in_tables(fields: &Map<String, Value>) -> String {
    let mut single = table::without_header();
    let mut lists = String::new();
    for (name, value) in fields {
        match value {
            Value::Array(rows) => {
                if let Some(rows) = list(rows) {
                    lists.push_str(&format!("\n\n{name}\n{rows}"));
                }
            }
            Value::Object(inner) => {
                for (key, value) in inner {
                    single.add_row([format!("{name}.{key}"), in_cell(value)]);
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
                single.add_row([name.clone(), in_cell(value)]);
            }
        }
    }
    format!("{single}{lists}")
}

/// Returns a table with a column for each field of the first row; `None` without rows.
fn list(rows: &[Value]) -> Option<comfy_table::Table> {
    let mut table = table::without_header();
    match rows.first()? {
        Value::Object(first) => {
            let columns: Vec<&String> = first.keys().collect();
            table.set_header(&columns);
            table.add_rows(
                rows.iter().map(|row| columns.iter().map(|column| in_cell(&row[column.as_str()])).collect::<Vec<_>>()),
            );
        }
        _ => {
            table.add_rows(rows.iter().map(|row| [in_cell(row)]));
        }
    }
    Some(table)
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
            "state": "running", "orders": 12, "halted": null, "engine": { "tokens": 3 },
            "portfolios": [{ "strategy": "careful", "cash": "950.5" }, { "strategy": "swift", "cash": "1500" }],
            "alerts": [], "long": "word ".repeat(40),
        });
        let text = in_tables(answer.as_object().expect("an object"));
        for part in ["engine.tokens", "running", "portfolios\n", "950.5", "swift"] {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains("alerts"), "{text}");
        assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    }
}
