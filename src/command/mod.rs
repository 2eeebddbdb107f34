//! What people type: the subcommands, one file each, with their arguments, help and bodies.
//!
//! A body returns an [`Exit`]; what it found goes to standard output (a table, or JSON with `--json`), mistakes and logs to
//! standard error.

pub mod alert;
pub mod bench;
pub mod completions;
pub mod config;
pub mod control;
pub mod demo;
pub mod doctor;
pub mod explain;
pub mod key;
pub mod leader;
pub mod logs;
pub mod parse;
pub mod record;
pub mod replay;
pub mod report;
pub mod run;
pub mod setup;
pub mod status;
pub mod strategy;
pub mod table;
pub mod token;
pub mod trace;
pub mod venue;
pub mod wallet;
pub mod web;

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, builder::TypedValueParser};

use crate::config::{Config, LogLevel, Overrides, Problems, Written};

/// How the process ends. The numbers are documented in `remora --help`, and stay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    Done = 0,
    /// It was tried and did not succeed: a required check failed, a file could not be written.
    Failed = 1,
    /// The arguments or the settings have mistakes; nothing was tried. clap ends with this number, too.
    Misused = 2,
    /// Nothing answers where the engine should be.
    NotRunning = 3,
}

/// Copies the trades of wallets you follow on Polymarket: on paper first, and live where you turn it on.
#[derive(Debug, Parser)]
#[command(name = "remora", version, propagate_version = true, after_help = AFTER_HELP, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    pub global: Global,
    #[command(subcommand)]
    pub command: Command,
}

#[derive(Debug, Subcommand)]
pub enum Command {
    Run(run::RunArgs),
    Demo(demo::DemoArgs),
    Venue(venue::VenueArgs),

    Record(record::RecordArgs),
    Explain(explain::ExplainArgs),
    Status(status::StatusArgs),
    Web(web::WebArgs),
    #[command(subcommand)]
    Token(token::TokenCommand),
    Off(control::OffArgs),
    Shadow(control::ShadowArgs),
    On(control::OnArgs),
    Leader(leader::LeaderArgs),
    #[command(subcommand)]
    Strategy(strategy::StrategyCommand),
    Pause(control::PauseArgs),
    Resume(control::ResumeArgs),
    CancelAll(control::CancelAllArgs),
    #[command(subcommand)]
    Alert(alert::AlertCommand),
    Doctor(doctor::DoctorArgs),
    Setup(setup::SetupArgs),
    Completions(completions::CompletionsArgs),
    Bench(bench::BenchArgs),
    Replay(replay::ReplayArgs),
    Report(report::ReportArgs),
    Trace(trace::TraceArgs),
    #[command(subcommand)]
    Key(key::KeyCommand),
    #[command(subcommand)]
    Wallet(wallet::WalletCommand),
    #[command(subcommand)]
    Config(config::ConfigCommand),
}

impl Command {
    /// Whether it works until it is stopped, also where nobody reads what it prints.
    pub fn goes_on(&self) -> bool {
        matches!(self, Command::Run(_) | Command::Demo(_) | Command::Venue(_) | Command::Record(_))
    }
}

/// What every subcommand understands.
#[derive(Args, Clone, Debug, Default)]
pub struct Global {
    /// Settings over the defaults; `remora config show` prints what is in force
    #[arg(long, global = true, value_name = "FILE", env = "REMORA_CONFIG", hide_env_values = true)]
    pub config: Option<PathBuf>,

    /// Where journal and database keep their files [default: /var/lib/remora for root, else ~/.local/share/remora]
    #[arg(long, global = true, value_name = "FOLDER", env = "REMORA_DATA_DIR", hide_env_values = true)]
    pub data: Option<PathBuf>,

    /// Print JSON instead of tables
    #[arg(long, global = true)]
    pub json: bool,

    /// How much is logged to standard error [default: info]
    #[arg(long, global = true, value_name = "LEVEL", env = "REMORA_LOG_LEVEL", hide_env_values = true, value_parser = log_level())]
    pub log_level: Option<LogLevel>,
}

/// Where an engine serves its pages and keeps its tables.
#[derive(Args, Clone, Debug, Default)]
pub struct Engine {
    /// Where the pages and the API are served [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS", env = "REMORA_LISTEN", hide_env_values = true)]
    pub listen: Option<String>,

    /// A Postgres of yours [default: a private one in the data folder]
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

const AFTER_HELP: &str = "\
Examples:
  remora setup               asks what a beginning needs, and writes my.toml
  remora demo                a simulated session, pages on http://127.0.0.1:8080
  remora run --config my.toml          your leaders and your strategies
  remora status                        what the running engine does
  remora off                           no order leaves any more, at once
  remora doctor                        what this machine lacks, and its fix
  remora bench                         what this machine makes of the engine
  remora config check --config my.toml every mistake in the settings at once
  remora explain --strategy careful --leader-usdc 500 --price 0.42
                                       what a strategy would do, and why
  remora report skips --since 7d       what the noes of a week cost or saved
  remora trace 120                     the whole life of a signal
  remora leader score 0x1ead...        would copying this wallet have paid?
  remora record --tokens-file tokens.txt --out monday.jsonl.zst
                                       the market channel, for replay
  remora venue --ready-file venue.json a simulated Polymarket for any client

Ends with:
  0  done
  1  it was tried and did not succeed
  2  the arguments or the settings have mistakes
  3  no engine is running";

impl Global {
    /// Returns the file given with `--config`, or `otherwise`.
    pub fn source_or(&self, otherwise: Written) -> Written {
        self.config.clone().map_or(otherwise, Written::File)
    }

    /// Returns what was said on the command line or in the environment.
    pub fn overrides(&self, engine: &Engine) -> Overrides {
        Overrides {
            data: self.data.clone(),
            listen: engine.listen.clone(),
            database_url: engine.database_url.clone(),
            log_level: self.log_level,
        }
    }

    /// Returns the settings without what was changed in a running engine: enough to find it. With mistakes, prints all of them
    /// and says how to end.
    pub fn settings(&self, otherwise: Written, engine: &Engine) -> Result<Config, Exit> {
        Config::load(&self.source_or(otherwise), &self.overrides(engine)).map_err(|problems| misused(&problems))
    }

    /// The same with what was changed, which needs the file that the engine was started with: what a start goes by.
    pub fn settings_in_force(&self, otherwise: Written, engine: &Engine) -> Result<Config, Exit> {
        Config::load_changed(&self.source_or(otherwise), &self.overrides(engine)).map_err(|problems| misused(&problems))
    }
}

fn misused(problems: &Problems) -> Exit {
    eprint!("{problems}");
    Exit::Misused
}

/// Runs what was asked for, to its end.
pub fn execute(cli: Cli) -> Exit {
    let Cli { global, command } = cli;
    match command {
        Command::Run(args) => run::execute(&global, &args),
        Command::Demo(args) => demo::execute(&global, &args),
        Command::Venue(args) => venue::execute(&global, &args),

        Command::Record(args) => record::execute(&global, args),
        Command::Explain(args) => explain::execute(&global, &args),
        Command::Status(args) => status::execute(&global, &args),
        Command::Web(args) => web::execute(&global, &args),
        Command::Token(command) => token::execute(&global, &command),
        Command::Off(args) => control::off(&global, &args),
        Command::Shadow(args) => control::shadow(&global, &args),
        Command::On(args) => control::on(&global, &args),
        Command::Leader(args) => leader::execute(&global, args),
        Command::Strategy(command) => strategy::execute(&global, command),
        Command::Pause(args) => control::pause(&global, &args),
        Command::Resume(args) => control::resume(&global, &args),
        Command::CancelAll(args) => control::cancel_all(&global, &args),
        Command::Alert(command) => alert::execute(&global, &command),
        Command::Setup(args) => setup::execute(&global, &args),
        Command::Completions(args) => completions::execute(&args),
        Command::Doctor(args) => doctor::execute(&global, &args),
        Command::Bench(args) => bench::execute(&global, &args),
        Command::Replay(args) => replay::execute(&global, &args),
        Command::Report(args) => report::execute(&global, &args),
        Command::Trace(args) => trace::execute(&global, &args),
        Command::Key(command) => key::execute(&global, &command),
        Command::Wallet(command) => wallet::execute(&global, &command),
        Command::Config(command) => config::execute(&global, &command),
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        std::process::ExitCode::from(exit as u8)
    }
}

fn log_level() -> impl TypedValueParser<Value = LogLevel> {
    let codes = LogLevel::ALL.map(LogLevel::code);
    clap::builder::PossibleValuesParser::new(codes)
        .map(|code| LogLevel::ALL.into_iter().find(|level| level.code() == code).expect("clap lets only these through"))
}

/// Returns a runtime for a subcommand that asks a few questions over the network.
fn small_runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_all().build().expect("the system has a timer and a poller")
}

#[cfg(test)]
mod tests;
