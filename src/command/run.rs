//! `remora run`: follows the leaders in the settings, on the real venue: on paper, and live where it is turned on.

use std::{sync::Arc, time::Duration};

use clap::Args;

use super::{Engine, Exit, Global, logs, parse, table};
use crate::{
    config::{Config, Written},
    domain::LiveSwitch,
    secret,
    session::{Session, Summary, Until},
    web::DataSource,
};

/// Follow the leaders in the settings and copy them: with simulated money, and with real money where live is on.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct RunArgs {
    /// Stop after this time, such as 30s, 5m or 2h [default: at Ctrl-C]
    #[arg(long = "for", value_name = "DURATION", value_parser = parse::duration)]
    pub duration: Option<Duration>,

    #[command(flatten)]
    pub engine: Engine,
}

const AFTER_HELP: &str = "\
Examples:
  remora run --config my.toml
  remora run --config my.toml --for 5m --listen 127.0.0.1:9000
  remora run --config my.toml --database-url postgres://me@localhost/remora

No key is needed: nothing is signed and no order is sent, unless live.switch is
\"on\" in the settings.";

/// Runs the engine on the venue until it is asked to stop.
pub fn execute(global: &Global, args: &RunArgs) -> Exit {
    let config = match global.settings_in_force(Written::DefaultsOnly, &args.engine) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    if config.strategies.is_empty() {
        eprintln!(
            "There is no strategy in the settings, so nobody would be copied.\n  fix: write one (see `remora config default`) \
             and give the file with --config; or try `remora demo`"
        );
        return Exit::Misused;
    }
    // Before the key is read, which only a run with live "on" does.
    if config.live.switch == LiveSwitch::On
        && let Err(error) = secret::process::close()
    {
        eprintln!(
            "this process cannot be kept out of core dumps: {error}\n  fix: run it where prctl and setrlimit are allowed"
        );
        return Exit::Failed;
    }
    logs::init(&config.log);
    let path = global.config.as_ref().map_or_else(String::new, |path| path.display().to_string());
    engine_runtime().block_on(async {
        match start(global, config, path, DataSource::Venue, args.duration).await {
            Ok(session) => finish(global, session, args.duration).await,
            Err(exit) => exit,
        }
    })
}

/// Starts a session and says where its pages are.
pub async fn start(
    global: &Global,
    config: Config,
    config_path: String,
    data: DataSource,
    duration: Option<Duration>,
) -> Result<Session, Exit> {
    let listen = config.web.listen;
    let session = Session::start(Arc::new(config), config_path, data).await.map_err(|error| {
        eprintln!("{error}");
        Exit::Failed
    })?;
    for notice in &session.notices {
        eprintln!("note: {notice}");
    }
    if !global.json {
        let ends = duration.map_or("Ctrl-C stops it".to_owned(), |length| format!("stops after {length:?}"));
        println!("Dashboard: http://{listen}   ({ends})");
    }
    Ok(session)
}

/// Runs a session to its end and says what came of it.
pub async fn finish(global: &Global, session: Session, duration: Option<Duration>) -> Exit {
    let until = duration.map_or(Until::Asked, Until::Passed);
    match session.run(until).await {
        Ok(summary) => {
            print_summary(global, &summary);
            Exit::Done
        }
        Err(error) => {
            eprintln!("{error}");
            Exit::Failed
        }
    }
}

fn print_summary(global: &Global, summary: &Summary) {
    if global.json {
        println!("{}", serde_json::to_string_pretty(summary).expect("a summary is JSON"));
        return;
    }
    let mut table =
        table::with_header(["strategy", "deposits", "equity", "available", "locked", "cooling", "realised"]);
    for strategy in &summary.strategies {
        let amounts = [
            &strategy.deposits,
            &strategy.equity,
            &strategy.available,
            &strategy.locked,
            &strategy.cooling,
            &strategy.realised,
        ];
        table.add_row(
            std::iter::once(strategy.name.clone()).chain(amounts.into_iter().map(|amount| table::cents(amount))),
        );
    }
    println!(
        "Ran {:.1} s: {} signals, {} orders, {} fills, {} positions open. A decision took {} (p99 {}).",
        summary.ran_s,
        summary.signals,
        summary.orders,
        summary.fills,
        summary.positions_open,
        nanos(summary.decide_ns[0]),
        nanos(summary.decide_ns[1])
    );
    println!("{table}");
    let counts = |counts: &[(&str, u64)]| {
        counts.iter().map(|(code, count)| format!("{code} {count}")).collect::<Vec<_>>().join(", ")
    };
    if !summary.skips.is_empty() {
        println!("Skipped: {}", counts(&summary.skips));
    }
    if !summary.refusals.is_empty() {
        println!("Refused: {}", counts(&summary.refusals));
    }
    println!("All of it is in the journal ({} records) and in Postgres.", summary.journal_records);
}

/// Returns a length for people.
fn nanos(nanos: u64) -> String {
    match nanos {
        0..10_000 => format!("{nanos} ns"),
        10_000..10_000_000 => format!("{:.1} us", nanos as f64 / 1e3),
        _ => format!("{:.1} ms", nanos as f64 / 1e6),
    }
}

/// Returns a runtime for the control plane: the hot thread has its own.
pub fn engine_runtime() -> tokio::runtime::Runtime {
    let builder = &mut tokio::runtime::Builder::new_multi_thread();
    builder.worker_threads(2).enable_all().build().expect("the system has threads, a timer and a poller")
}
