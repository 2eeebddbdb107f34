//! `remora report`: what trading earned, what the noes cost or saved, whether the scores are worth anything, and which source
//! saw leaders' trades first.

mod sources;
mod tables;

use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;
use time::OffsetDateTime;

use super::{Exit, Global, parse, small_runtime};
use crate::{
    clock,
    config::{Config, Written},
    report::scores,
    session::journal_dir,
    store::{
        Database, DatabaseChoice,
        private::Private,
        query::{By, EarnedRow, JudgedRow, LeaderSeen, NoRow, Reader, Scope, SourceRow, TRADES_REPORT_MAX, WalletRow},
    },
};

/// Add up what was traded, and what was not.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct ReportArgs {
    #[command(subcommand)]
    pub what: What,
}

#[derive(Clone, Debug, Subcommand)]
pub enum What {
    /// Each reason's noes, and what the copies that were not made would have earned
    Skips(ScopeArgs),
    /// What was earned, by leader, market, day, exit reason or strategy
    Results(ResultsArgs),
    /// How good the scores' probabilities were, beside the market's: Brier score, log loss, calibration
    Scores(ScopeArgs),
    /// Who told of leaders' trades, how soon, what each source missed, and how far behind each leader we were
    Sources(SourcesArgs),
    /// What the wallet really holds beside what our books say: ours, of others, and what differs
    Wallet(WalletArgs),
}

#[derive(Args, Clone, Debug)]
pub struct ScopeArgs {
    /// Only this strategy [default: all]
    #[arg(long, value_name = "NAME", default_value = "", hide_default_value = true)]
    pub strategy: String,

    /// Simulated or real money: the two are never added up
    #[arg(long, value_name = "paper|live", default_value = "paper")]
    pub mode: ModeArg,

    /// How long back: 12h, 7d, or a day such as 2026-11-01 (UTC) [default: everything]
    #[arg(long, value_name = "LENGTH|DAY", value_parser = parse::since)]
    pub since: Option<parse::Since>,

    /// A Postgres of yours [default: the private one in the data folder]
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct WalletArgs {
    /// A Postgres of yours [default: the private one in the data folder]
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

#[derive(Args, Clone, Debug)]
#[command(after_help = "\
Examples:
  remora report sources
  remora report sources --since 24h
  remora report sources --since 2026-11-01 --json

The sources of leaders' trades race. One that never wins, is never alone and
costs something may go: [sources] in the settings.")]
pub struct SourcesArgs {
    /// How long back: 12h, 7d, or a day such as 2026-11-01 (UTC) [default: everything]
    #[arg(long, value_name = "LENGTH|DAY", value_parser = parse::since)]
    pub since: Option<parse::Since>,

    /// A Postgres of yours [default: the private one in the data folder]
    #[arg(long, value_name = "URL", env = "DATABASE_URL", hide_env_values = true)]
    pub database_url: Option<String>,
}

#[derive(Args, Clone, Debug)]
pub struct ResultsArgs {
    #[command(flatten)]
    pub scope: ScopeArgs,

    /// What to break the results down by
    #[arg(long, value_name = "WHAT", default_value = "leader")]
    pub by: ByArg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ModeArg {
    Paper,
    Live,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum ByArg {
    Strategy,
    Leader,
    Market,
    Day,
    Cause,
}

const AFTER_HELP: &str = "\
Examples:
  remora report skips --since 7d
      what the noes of a week cost or saved
  remora report results --by day             what each day earned
  remora report results --by cause --strategy careful --json
  remora report scores
      are the models better than the market?
  remora report sources --since 24h
      which source was first, and what each missed
  remora report wallet
      does the wallet hold what our books say?

A copy that was not made would have been bought at the best ask of that moment
(or at the leader's price, where that was worse), sold as the leader sold, and
paid what its market paid; fees included. Until the leader's own trade ended it
is not known. Its size is the one that was wanted, where that is known, else the
portfolio's usual one.";

/// What the tables say.
enum Found {
    Skips(Vec<NoRow>),
    Results(By, Vec<EarnedRow>),
    Scores(Vec<JudgedRow>),
    Sources(Vec<SourceRow>, Vec<LeaderSeen>),
    Wallet(Vec<WalletRow>),
}

pub fn execute(global: &Global, args: &ReportArgs) -> Exit {
    let scope = &args.what.scope();
    let engine = super::Engine { database_url: scope.database_url.clone(), ..super::Engine::default() };
    let config = match global.settings(Written::DefaultsOnly, &engine) {
        Ok(config) => config,
        Err(exit) => return exit,
    };
    match small_runtime().block_on(read(&config, &args.what, scope)) {
        Ok(found) => {
            match global.json {
                true => println!("{}", in_json(&found, scope)),
                false => println!("{}", in_words(&found)),
            }
            Exit::Done
        }
        Err(wrong) => {
            eprintln!("remora report: {wrong}");
            Exit::Failed
        }
    }
}

async fn read(config: &Config, what: &What, scope: &ScopeArgs) -> Result<Found, String> {
    in_tables(config, async |database| ask(database, what, scope).await).await
}

/// Asks something of the engine's tables, wherever they are; makes none where there are none.
pub async fn in_tables<Answer>(
    config: &Config,
    ask: impl AsyncFnOnce(&Database) -> Result<Answer, String>,
) -> Result<Answer, String> {
    let choice = match &config.store.database_url {
        Some(url) => DatabaseChoice::Url(url.clone()),
        None => {
            // Asking must not make a database where nothing was ever recorded.
            if !journal_dir(config).exists() {
                let dir = config.data.dir.display();
                let fix = "start the engine (`remora run` or `remora demo`), or say where its data are: --data FOLDER";
                return Err(format!("nothing was recorded in {dir}\n  fix: {fix}"));
            }
            DatabaseChoice::Private { root: config.data.dir.clone() }
        }
    };
    // A Postgres that nobody had started is nobody's to stop later.
    let was_up = matches!(choice, DatabaseChoice::Private { .. }) && Private::seems_up(&config.data.dir);
    let database = Database::open(&choice).await.map_err(|error| error.to_string())?;
    let found = ask(&database).await;
    if !was_up {
        database.stop().await.map_err(|error| error.to_string())?;
    }
    found
}

async fn ask(database: &Database, what: &What, scope: &ScopeArgs) -> Result<Found, String> {
    let wrong = |error: sqlx::Error| format!("the tables cannot be read: {error}\n  fix: look at `remora doctor`");
    let mut reader = Reader::open(database.pool()).await.map_err(wrong)?.patient().await.map_err(wrong)?;
    let asked = Scope { mode: scope.mode.code().to_owned(), strategy: scope.strategy.clone(), since: scope.from() };
    if !scope.strategy.is_empty() {
        let known: Vec<String> =
            reader.portfolios().await.map_err(wrong)?.into_iter().map(|portfolio| portfolio.strategy).collect();
        if !known.contains(&scope.strategy) {
            return Err(format!("there is no strategy {:?}; there are: {}", scope.strategy, known.join(", ")));
        }
    }
    Ok(match what {
        What::Skips(_) => Found::Skips(reader.noes(&asked).await.map_err(wrong)?),
        What::Results(results) => {
            let by = results.by.of_tables();
            Found::Results(by, reader.results(&asked, by).await.map_err(wrong)?)
        }
        What::Scores(_) => Found::Scores(reader.scores_judged(&asked).await.map_err(wrong)?),
        What::Sources(_) => {
            let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(clock::now().0));
            let sources = reader
                .sources(asked.since, now.unwrap_or(OffsetDateTime::UNIX_EPOCH), TRADES_REPORT_MAX)
                .await
                .map_err(wrong)?;
            Found::Sources(sources, reader.leaders_seen(asked.since).await.map_err(wrong)?)
        }
        What::Wallet(_) => Found::Wallet(reader.wallet().await.map_err(wrong)?),
    })
}

fn in_json(found: &Found, scope: &ScopeArgs) -> String {
    let scope = json!({
        "mode": scope.mode.code(),
        "strategy": scope.strategy,
        "since": scope.since.as_ref().map(|_| scope.from().to_string()),
    });
    let value = match found {
        Found::Skips(rows) => json!({ "scope": scope, "skips": rows }),
        Found::Results(by, rows) => json!({ "scope": scope, "by": by.code(), "results": rows }),
        Found::Scores(rows) => json!({ "scope": scope, "resolved": rows.len(), "scores": scores::judged(rows) }),
        Found::Sources(rows, leaders) => sources::in_json(rows, leaders, &json!({ "since": scope["since"] })),
        Found::Wallet(rows) => json!({ "wallet": rows }),
    };
    serde_json::to_string_pretty(&value).expect("numbers and texts")
}

fn in_words(found: &Found) -> String {
    match found {
        Found::Skips(rows) => tables::skips(rows),
        Found::Results(by, rows) => tables::results(*by, rows),
        Found::Scores(rows) => tables::scores(&scores::judged(rows)),
        Found::Sources(rows, leaders) => sources::in_words(rows, leaders),
        Found::Wallet(rows) => tables::wallet(rows),
    }
}

impl What {
    fn scope(&self) -> ScopeArgs {
        match self {
            What::Skips(scope) | What::Scores(scope) => scope.clone(),
            What::Results(results) => results.scope.clone(),
            What::Sources(SourcesArgs { since, database_url }) => ScopeArgs {
                strategy: String::new(),
                mode: ModeArg::Paper,
                since: *since,
                database_url: database_url.clone(),
            },
            What::Wallet(WalletArgs { database_url }) => ScopeArgs {
                strategy: String::new(),
                mode: ModeArg::Live,
                since: None,
                database_url: database_url.clone(),
            },
        }
    }
}

impl ScopeArgs {
    /// Returns the moment from which on things count.
    fn from(&self) -> OffsetDateTime {
        let now = OffsetDateTime::from_unix_timestamp_nanos(i128::from(clock::now().0));
        match self.since {
            None => OffsetDateTime::UNIX_EPOCH,
            Some(parse::Since::Day(day)) => day.midnight().assume_utc(),
            Some(parse::Since::Length(length)) => {
                let now = now.unwrap_or(OffsetDateTime::UNIX_EPOCH);
                now - length.min(Duration::from_secs(now.unix_timestamp().unsigned_abs()))
            }
        }
    }
}

impl ModeArg {
    const fn code(self) -> &'static str {
        match self {
            ModeArg::Paper => "paper",
            ModeArg::Live => "live",
        }
    }
}

impl ByArg {
    const fn of_tables(self) -> By {
        match self {
            ByArg::Strategy => By::Strategy,
            ByArg::Leader => By::Leader,
            ByArg::Market => By::Market,
            ByArg::Day => By::Day,
            ByArg::Cause => By::Cause,
        }
    }
}
