//! `remora bench`: what this machine makes of the engine, and what to tune on it.

mod machine;
mod cores;
mod probe;
mod network;
mod engine;
mod figure;
mod advice;
mod tables;
mod plot;

use std::{
    fs, io,
    os::unix::fs::DirBuilderExt,
    path::{Path, PathBuf},
    process,
    time::Duration,
};

use alloy::primitives::B256;
use clap::{Args, ValueEnum};
use serde::{Serialize, Serializer};

use super::{Engine as Overridden, Exit, Global, logs, parse, run::engine_runtime};
use crate::{
    config::{Config, HotConfig, LogConfig, LogFormat, LogLevel, Wait, Written},
    venue::polymarket::Key,
};

/// Measure what this machine makes of the engine: each of its stages, the clock, the cores, the disk; and say what to tune.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct BenchArgs {
    /// How long the engine runs; the other measurements take about as long together
    #[arg(long = "for", value_name = "DURATION", default_value = "10s", value_parser = parse::duration)]
    pub duration: Duration,

    /// How the hot thread waits [default: as the settings say]
    #[arg(long, value_name = "HOW")]
    pub wait: Option<Waits>,

    /// Ask the venue's hosts, too: a few connections and a few public questions
    #[arg(long)]
    pub network: bool,

    /// Draw the stages into this file, an SVG
    #[arg(long, value_name = "FILE")]
    pub plot: Option<PathBuf>,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
pub enum Waits {
    /// It sleeps until it is woken
    Park,
    /// It asks all the time, and takes a whole core
    Spin,
}

const AFTER_HELP: &str = "\
Examples:
  remora bench
  remora bench --for 30s --plot stages.svg
  remora bench --wait spin                  what spinning would be worth here
  remora bench --network                    how far the venue is, too
  remora bench --json > before.json         to compare with, after tuning
  remora bench --config my.toml --data /var/lib/remora

An engine of its own runs on a simulated venue on this machine, in a folder of
its own in the data folder, on the disk that the journal is on; both are gone
afterwards. It trades with nobody, and asks nobody outside without --network.
Stop other work meanwhile, a running Remora too: it would be measured.
Ends with 1 if something could not be measured.";

/// All that was found.
#[derive(Debug, Serialize)]
pub struct Report {
    pub machine: machine::Machine,
    pub clock: probe::Clock,
    pub jitter: Vec<cores::Jitter>,
    pub waking: probe::Waking,
    pub signature: figure::Figure,
    #[serde(serialize_with = "or_wrong")]
    pub disk: Result<probe::Disk, String>,
    #[serde(serialize_with = "or_wrong")]
    pub engine: Result<engine::Engine, String>,
    /// Empty where nobody was asked.
    pub network: Vec<network::Distance>,
    pub advice: Vec<advice::Advice>,
}

/// Writes what was found, or `{"wrong": "..."}`.
fn or_wrong<T: Serialize, S: Serializer>(found: &Result<T, String>, to: S) -> Result<S::Ok, S::Error> {
    match found {
        Ok(found) => found.serialize(to),
        Err(wrong) => serde_json::json!({ "wrong": wrong }).serialize(to),
    }
}

/// A folder that is gone when it is dropped.
struct Folder(PathBuf);

impl Folder {
    /// Makes one in the data folder. Others may pass through it: as root, Postgres runs as another user.
    fn make(data: &Path) -> io::Result<Folder> {
        let path = data.join(format!("bench-{}", process::id()));
        fs::DirBuilder::new().recursive(true).mode(0o755).create(&path)?;
        Ok(Folder(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if let Err(error) = fs::remove_dir_all(&self.0) {
            eprintln!("note: {} is left over: {error}", self.0.display());
        }
    }
}

pub fn execute(global: &Global, args: &BenchArgs) -> Exit {
    let config = match global.settings(Written::DefaultsOnly, &Overridden::default()) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    logs::init(&LogConfig { format: LogFormat::Pretty, level: global.log_level.unwrap_or(LogLevel::Error) });
    let wait = match args.wait {
        Some(Waits::Park) => Wait::Park,
        Some(Waits::Spin) => Wait::Spin,
        None => config.hot.wait,
    };
    let hot = HotConfig { wait, ..config.hot };
    let folder = match Folder::make(&config.data.dir) {
        Ok(folder) => folder,
        Err(error) => {
            let data = config.data.dir.display();
            eprintln!(
                "remora bench: no folder in {data}: {error}\n  fix: choose one that this user may write, with --data FOLDER"
            );
            return Exit::Failed;
        }
    };
    let report = measure(&config, args, &hot, &folder.0);
    drop(folder);
    match global.json {
        true => println!("{}", serde_json::to_string_pretty(&report).expect("a report is JSON")),
        false => println!("{}", tables::text(&report)),
    }
    if let Some(path) = &args.plot {
        if let Err(error) = fs::write(path, plot::svg(&report)) {
            eprintln!("remora bench: {}: {error}", path.display());
            return Exit::Failed;
        }
        eprintln!("drawn: {}", path.display());
    }
    if report.disk.is_ok() && report.engine.is_ok() { Exit::Done } else { Exit::Failed }
}

/// Measures one thing after the other: two at once would measure each other.
fn measure(config: &Config, args: &BenchArgs, hot: &HotConfig, folder: &Path) -> Report {
    const STEPS: u32 = 6;
    let say = |step: u32, text: &str| eprintln!("[{step}/{STEPS}] {text}");
    let machine = machine::Machine::look();
    let part = args.duration / 10;
    say(1, "the clock and the cores");
    let clock = probe::clock();
    // Nobody is put on an isolated core unasked, so it is not among ours; it is the first one that matters.
    let cores = [cores::listed(&machine.isolated), machine.cores.clone()].concat();
    let jitter = cores::jitter(&cores, part * 4);
    say(2, "threads that are woken");
    let waking = probe::waking(machine.cores.len(), part * 2);
    say(3, "signatures");
    let key = Key::from_bytes(B256::repeat_byte(1).0).expect("a key that everybody knows");
    let signature = probe::signatures(&key, part);
    say(4, "the disk");
    let disk = probe::disk(folder, part * 2);
    let (engine, network) = engine_runtime().block_on(async {
        let engine = engine::run(folder, hot, args.duration, &|text| say(5, text)).await;
        if !args.network {
            return (engine, vec![]);
        }
        say(6, "the way to the venue");
        (engine, network::look(config).await)
    });
    let mut report = Report { machine, clock, jitter, waking, signature, disk, engine, network, advice: vec![] };
    report.advice = advice::all(&report, hot.wait);
    report
}

#[cfg(test)]
mod tests;
