//! `remora doctor`: what this machine lacks to run Remora, and how to mend it.

mod checks;
pub mod live;
mod world;

use clap::Args;
use serde::Serialize;
use serde_json::json;

use super::{Engine, Exit, Global, small_runtime, table};
use crate::config::{Config, Written};

/// Check everything a run needs, and say how to mend what is missing.
#[derive(Args, Clone, Debug)]
#[command(after_help = AFTER_HELP)]
pub struct DoctorArgs {
    #[command(flatten)]
    pub engine: Engine,

    /// Ask nobody outside: neither the venue's hosts nor its index
    #[arg(long)]
    pub offline: bool,
}

const AFTER_HELP: &str = "\
Examples:
  remora doctor
  remora doctor --config my.toml --data /var/lib/remora
  remora doctor --json
  remora doctor --offline

Ends with 1 if a required check failed. A warning costs speed or comfort, not
correctness. Nothing is changed, but that the data folder is made where it is
missing, and a file written into it and removed again.";

/// What one check found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Check {
    pub name: &'static str,
    pub verdict: Verdict,
    pub found: String,
    /// Empty where nothing needs mending.
    pub fix: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    Good,
    /// It will run, but worse than it could.
    Warning,
    /// It will not run.
    Failed,
}

pub fn execute(global: &Global, args: &DoctorArgs) -> Exit {
    let checks = match Config::load_changed(&global.source_or(Written::DefaultsOnly), &global.overrides(&args.engine)) {
        Ok(config) => all(&config, args.offline),
        Err(problems) => {
            let mut found = vec![checks::settings_wrong(&problems)];
            found.extend(checks::machine());
            found
        }
    };
    report(global, &checks)
}

/// Prints what was found, and says how to end.
pub fn report(global: &Global, checks: &[Check]) -> Exit {
    let failed = checks.iter().any(|check| check.verdict == Verdict::Failed);
    if global.json {
        println!("{}", json!({ "ok": !failed, "checks": checks }));
    } else {
        println!("{}", in_table(checks));
        println!("{}", last_line(checks));
    }
    if failed { Exit::Failed } else { Exit::Done }
}

fn all(config: &Config, is_offline: bool) -> Vec<Check> {
    let mut found = vec![checks::settings_right(config), checks::data_folder(&config.data.dir)];
    found.push(small_runtime().block_on(checks::database(config.store.database_url.as_deref())));
    found.push(small_runtime().block_on(checks::port(config.web.listen, &config.data.dir)));
    found.push(checks::cores(config.hot.wait));
    found.extend(checks::machine());
    found.extend([world::strategies(config), world::alerts(config)]);
    if !is_offline {
        let (hosts, leaders) =
            small_runtime().block_on(async { tokio::join!(world::hosts(config), world::leaders(config)) });
        found.extend([hosts, leaders]);
    }
    // Only where somebody set it up: paper and shadow never look for a key.
    if config.wallet.key.is_some() {
        found.extend(small_runtime().block_on(live::checks(config)));
    }
    found
}

fn in_table(checks: &[Check]) -> comfy_table::Table {
    let mut table = table::with_header(["check", "", "found", "fix"]);
    for Check { name, verdict, found, fix } in checks {
        table.add_row([*name, verdict.word(), found, fix]);
    }
    table
}

fn last_line(checks: &[Check]) -> String {
    let count = |verdict| checks.iter().filter(|check| check.verdict == verdict).count();
    match (count(Verdict::Failed), count(Verdict::Warning)) {
        (0, 0) => "All is well. Next: scripts/run, or remora run --config FILE".to_owned(),
        (0, warnings) => format!("It will run; warnings: {warnings}. Next: scripts/run, or remora run --config FILE"),
        (failed, _) => format!(
            "It will not run yet: {failed} of {} checks failed. Mend them as said, and ask again.",
            checks.len()
        ),
    }
}

impl Verdict {
    fn word(self) -> &'static str {
        match self {
            Verdict::Good => "good",
            Verdict::Warning => "WARNING",
            Verdict::Failed => "FAILED",
        }
    }
}

impl Check {
    fn good(name: &'static str, found: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Good, found: found.into(), fix: String::new() }
    }

    fn warning(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Warning, found: found.into(), fix: fix.into() }
    }

    fn failed(name: &'static str, found: impl Into<String>, fix: impl Into<String>) -> Check {
        Check { name, verdict: Verdict::Failed, found: found.into(), fix: fix.into() }
    }
}
