//! `remora record`: frames of the market channel into a file that `replay` reads.

mod session;

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    time::Duration,
};

use clap::Args;
use indicatif::{HumanBytes, ProgressBar};
use serde_json::json;

use self::session::{News, Plan, Recorded};
use super::{Engine, Exit, Global, parse, small_runtime, table};
use crate::{
    clock,
    config::Written,
    domain::Nanos,
    feed::{registry::TOKEN_TEXT_MAX, socket::ASSETS_MAX},
};

/// Record the market channel of some tokens.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP, group(clap::ArgGroup::new("which").required(true).multiple(true)))]
pub struct RecordArgs {
    /// The market channel [default: feed.market_url of the settings]
    #[arg(long, value_name = "URL")]
    pub url: Option<String>,

    /// Token ids to record
    #[arg(long = "token", value_name = "ID", num_args = 1.., group = "which")]
    pub tokens: Vec<String>,

    /// A file with one token id a line
    #[arg(long, value_name = "FILE", group = "which")]
    pub tokens_file: Option<PathBuf>,

    /// Where to write; the ending says how: .jsonl, .jsonl.gz or .jsonl.zst
    #[arg(long, value_name = "FILE")]
    pub out: PathBuf,

    /// Stop after this time, such as 30s, 5m or 2h [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration)]
    pub duration: Option<Duration>,
}

const AFTER_HELP: &str = "\
Examples:
  remora record --token 7132104571 5211431950 --out monday.jsonl.zst
  remora record --tokens-file tokens.txt --out hour.jsonl.gz --for 1h
  remora record --url ws://127.0.0.1:9000/ws/market --token 1 --out sim.jsonl";

pub fn execute(global: &Global, args: RecordArgs) -> Exit {
    let config = match global.settings(Written::DefaultsOnly, &Engine::default()) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    let tokens = match tokens(&args) {
        Ok(tokens) => tokens,
        Err(wrong) => {
            eprintln!("{wrong}");
            return Exit::Misused;
        }
    };
    let plan = Plan {
        url: args.url.unwrap_or(config.feed.market_url),
        tokens,
        out: args.out,
        silence_max: config.feed.silence_max,
        tokens_per_socket_max: config.feed.tokens_per_socket_max.min(ASSETS_MAX),
    };
    let begun = clock::now();
    let bar = ProgressBar::new_spinner().with_message("connecting");
    let tell = |news: News<'_>| match news {
        News::Progress(recorded) => {
            bar.set_message(progress(recorded, begun, clock::now()));
            bar.tick();
        }
        News::Said(text) => bar.suspend(|| eprintln!("{text}")),
    };
    let result = small_runtime().block_on(session::record(&plan, ended(args.duration), tell));
    bar.finish_and_clear();
    match result {
        Ok(recorded) => {
            println!("{}", summary(global, &plan, &recorded, clock::now().since(begun)));
            if recorded.frames > 0 { Exit::Done } else { Exit::Failed }
        }
        Err(error) => {
            eprintln!("{error}");
            Exit::Failed
        }
    }
}

/// Ends at Ctrl-C, at SIGTERM, or after `length`.
async fn ended(length: Option<Duration>) {
    use tokio::signal::unix::{SignalKind, signal};
    let mut terminated = signal(SignalKind::terminate()).expect("the system has signals");
    let over = async {
        match length {
            Some(length) => tokio::time::sleep(length).await,
            None => std::future::pending().await,
        }
    };
    tokio::select! {
        () = over => (),
        _ = terminated.recv() => (),
        _ = tokio::signal::ctrl_c() => (),
    }
}

/// Returns the tokens of the command line and of the file, each once, in their order.
fn tokens(args: &RecordArgs) -> Result<Vec<String>, String> {
    let mut all = vec![];
    for text in &args.tokens {
        token(text).map_err(|wrong| format!("--token {wrong}"))?;
        all.push(text.clone());
    }
    if let Some(path) = &args.tokens_file {
        all.extend(tokens_of(path)?);
    }
    let mut seen = BTreeSet::new();
    all.retain(|text| seen.insert(text.clone()));
    if all.is_empty() {
        return Err(
            "there are no tokens to record\n  fix: name some with --token, or one a line in --tokens-file".to_owned()
        );
    }
    Ok(all)
}

/// Reads a file with one token id a line; blank lines and what follows a `#` are passed over.
fn tokens_of(path: &Path) -> Result<Vec<String>, String> {
    let text = fs::read_to_string(path).map_err(|error| {
        format!("{} cannot be read: {error}\n  fix: check the path given with --tokens-file", path.display())
    })?;
    let mut tokens = vec![];
    for (index, line) in text.lines().enumerate() {
        let text = line.split('#').next().unwrap_or_default().trim();
        if !text.is_empty() {
            token(text).map_err(|wrong| format!("{}, line {}: {wrong}", path.display(), index + 1))?;
            tokens.push(text.to_owned());
        }
    }
    Ok(tokens)
}

fn token(text: &str) -> Result<(), String> {
    let is_id = text.len() <= TOKEN_TEXT_MAX && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    let fix = "a token id is a whole number, such as 71321045...; the market's page at the venue's API has it";
    if is_id { Ok(()) } else { Err(format!("`{text}` is no token id\n  fix: {fix}")) }
}

fn progress(recorded: &Recorded, begun: Nanos, now: Nanos) -> String {
    let data = match recorded.data_at {
        Nanos::ZERO => "none yet".to_owned(),
        at => format!("{:.1} s ago", now.since(at).as_millis() as f64 / 1_000.0),
    };
    let (frames, bytes) = (recorded.frames, HumanBytes(recorded.bytes));
    format!("{frames} frames, {bytes}, {} s; last data {data}", now.since(begun).as_secs())
}

fn summary(global: &Global, plan: &Plan, recorded: &Recorded, length: Nanos) -> String {
    let size = fs::metadata(&plan.out).map_or(0, |file| file.len());
    let (books, malformed) = (recorded.counters.messages.book, recorded.counters.malformed_total());
    let out = plan.out.display().to_string();
    if global.json {
        let answer = json!({
            "out": out, "size": size, "millis": length.as_millis(), "tokens": plan.tokens.len(),
            "sockets": recorded.sockets, "frames": recorded.frames, "bytes": recorded.bytes, "books": books,
            "malformed": malformed, "left_out": recorded.left_out, "gaps": recorded.gaps,
            "reconnects": recorded.reconnects,
        });
        return answer.to_string();
    }
    let mut table = table::without_header();
    table.add_rows([
        ["file".to_owned(), out],
        ["size".to_owned(), HumanBytes(size).to_string()],
        ["time".to_owned(), format!("{} s", length.as_secs())],
        ["tokens".to_owned(), format!("{} on {} sockets", plan.tokens.len(), recorded.sockets)],
        ["frames".to_owned(), format!("{}, {} of them malformed", recorded.frames, malformed)],
        ["books".to_owned(), books.to_string()],
        ["gaps".to_owned(), format!("{}, {} reconnects", recorded.gaps, recorded.reconnects)],
        ["left out".to_owned(), format!("{} messages that are no JSON", recorded.left_out)],
    ]);
    match recorded.frames {
        0 => format!("{table}\nNothing came: is the address right ({}), and do the tokens trade?", plan.url),
        _ => table.to_string(),
    }
}

#[cfg(test)]
mod tests;
