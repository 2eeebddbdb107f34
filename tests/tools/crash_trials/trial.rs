//! One trial: a venue with a truth log, an engine that copies a leader with live on, kills, a last start, rest, the audit.

mod leader;
mod plan;

use std::{
    fs::{self, File, Permissions},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use leader::Leader;
pub use plan::{Behaviour, Death, Plan};
use remora::{
    domain::{Nanos, Usdc},
    sim::{
        live_audit::{self, Evidence, Extent, Keys, Rest, Terms, WINDOW},
        server::{Funded, Knobs, Options, PrivateSettings, Server, truth::Truth},
    },
    store::testing::TestDatabase,
    venue::polymarket::Key,
};
use sqlx::PgPool;
use tokio::time::sleep;

/// Longer than a start takes on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// A point that is not passed so long after live is on is not passed in this trial: it dies all the same.
const POINT_PATIENCE: Duration = Duration::from_secs(8);
/// Longer than an engine only looks.
const READY_PATIENCE: Duration = Duration::from_secs(9);
/// How many orders are open, and matches unsettled.
const MOVING: &str = include_str!("../rest.sql");
/// The events of orders that are open, or have matches that are neither confirmed nor void.
const STORY: &str = "with words as (
        select (jsonb_path_query_first(body, '$.*.order'))::bigint as id, kind, seq, at, body from events
    ), moving as (
        select id from words where id >= 1099511627776 group by id having count(*) filter (where kind = 'closed') = 0
            or count(*) filter (where kind = 'matched') > count(*) filter (where kind in ('confirmed', 'voided'))
    )
    select seq || ' ' || to_char(at, 'MI:SS.MS ') || body::text from words join moving using (id) order by id, seq";
/// What passes the age limit of the settings may wait as long again for its connection; the feed says whole seconds.
const AGE_MAX: Nanos = Nanos::from_millis(7_500);

pub struct Outcome {
    pub extent: Extent,
    pub violations: Vec<String>,
    pub died_at: Vec<String>,
}

struct Bench<'a> {
    program: &'a Path,
    folder: PathBuf,
    url: String,
    pool: PgPool,
}

/// Runs a trial in a folder under `target/`; one in which something was wrong stays.
pub async fn run(plan: &Plan, program: &Path, keep: bool) -> Result<Outcome, String> {
    let target = program.ancestors().nth(2).ok_or("the program is in no target folder")?;
    let folder = target.join(format!("crash-trials/{}-{}", plan.behaviour.name(), plan.seed));
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).map_err(|error| format!("{}: {error}", folder.display()))?;
    let folder = folder.canonicalize().map_err(|error| error.to_string())?;
    let pool = TestDatabase::create().await;
    let options = pool.connect_options();
    let socket = options.get_socket().ok_or("Postgres has no socket")?.display().to_string();
    let url = format!("postgres:///{}?host={socket}&user=remora", options.get_database().unwrap_or_default());
    let bench = Bench { program, folder: folder.clone(), url, pool };
    let outcome = bench.play(plan).await;
    if !keep {
        TestDatabase::drop(bench.pool).await;
    }
    let outcome = outcome?;
    if outcome.violations.is_empty() && !keep {
        let _ = fs::remove_dir_all(&folder);
    }
    Ok(outcome)
}

impl Bench<'_> {
    async fn play(&self, plan: &Plan) -> Result<Outcome, String> {
        let venue = Arc::new(self.venue(plan).await.map_err(|error| format!("the venue: {error}"))?);
        self.write_settings(&venue, plan).map_err(|error| format!("the settings: {error}"))?;
        let leader = Leader::begin(&venue, plan.seed, plan.behaviour).await?;
        let (is_hell, knobs) = (plan.behaviour == Behaviour::Hell, plan.behaviour.knobs());
        turn(&venue, if is_hell { &Knobs::CALM } else { &knobs }).await?;
        let mut died_at = Vec::new();
        for (nth, death) in plan.deaths.iter().enumerate() {
            died_at.push(self.live_and_die(nth, *death).await?);
        }
        let mut last = self.start("last", None)?;
        self.turn_on(&mut last).await?;
        // In hell not all would ever be green: live is turned on before.
        turn(&venue, &knobs).await?;
        sleep(plan.trades_for).await;
        if is_hell {
            turn(&venue, &Knobs::CALM).await?;
        }
        leader.ends().await;
        let said = self.say(&["off"]).await;
        let (patience, must_rest) = plan.patience();
        let is_still = self.rest(plan.behaviour, patience).await;
        let moving = if is_still || !must_rest { vec![] } else { self.moving().await };
        self.stop(last).await?;
        let venue = Arc::into_inner(venue).ok_or("somebody still trades")?;
        venue.finish().await.map_err(|error| format!("the truth log: {error}"))?;
        let rest = if is_still || must_rest { Rest::AtRest } else { Rest::Moving };
        let (extent, mut violations) = self.audit(rest).await?;
        if !is_still && must_rest {
            violations.push(format!("it did not come to rest in {patience:?} (off: {said:?}); {}", moving.join("; ")));
        }
        Ok(Outcome { extent, violations, died_at })
    }

    async fn venue(&self, plan: &Plan) -> std::io::Result<Server> {
        let ours = Funded { key: Key::from_bytes([1; 32]).expect("a key"), money: plan.behaviour.money() };
        let his = Funded { key: leader::key(), money: Usdc::whole(10_000) };
        let shop = Funded { key: leader::shop_key(), money: Usdc::whole(100_000) };
        let options = Options {
            seed: plan.seed,
            rate_percent: plan.rate_percent,
            block_every: plan.block_every,
            private: PrivateSettings { accounts: vec![ours, his, shop], ..PrivateSettings::default() },
            truth: Some(Truth::begin(&self.folder.join("truth.jsonl"))?),
            ..Options::default()
        };
        Server::start(options).await
    }

    fn write_settings(&self, venue: &Server, plan: &Plan) -> std::io::Result<()> {
        let key = self.folder.join("key");
        fs::write(&key, "01".repeat(32))?;
        fs::set_permissions(&key, Permissions::from_mode(0o600))?;
        let Server { market_url, activity_url, clob_url, gamma_url, data_url, .. } = venue;
        let (demo, user_url, rpc_url) = (remora::config::DEMO, &venue.urls.ws_user, &venue.urls.rpc_http);
        let (hand, more) = (leader::key().address(), plan.settings());
        let text = format!(
            "{demo}\n[feed]\nmarket_url = \"{market_url}\"\nactivity_url = \"{activity_url}\"\nclob_url = \"{clob_url}\"\n\
             gamma_url = \"{gamma_url}\"\ndata_url = \"{data_url}\"\nuser_url = \"{user_url}\"\n\n[live]\nswitch = \"on\"\n\n[ceilings]\n\
             usdc_per_minute_max = 0\n\n[chain]\nrpc_url = \"{rpc_url}\"\n\n[wallet]\nkey = \"file:{}\"\n\
             signature_type = \"eoa\"\n\n[[leader]]\nname = \"Hand\"\nwallet = \"{hand:#x}\"\n\n\
             [[strategy]]\nname = \"real\"\nleaders = [{}]\n\n[strategy.paper]\ncapital_usdc = 500\n\n\
             [strategy.live]\ncapital_usdc = 5000\nsize_usdc = 5\nprice_guard_buy_percent = 20\nslippage_buy_percent = 20\n\
             spread_buy_max = 1\nunknown_orders_max = 4\nunknown_burst_max = 0\nlosses_in_row_max = 0\nround_trips_max = 0\n\
             median_factor_max = 0\norders_per_minute_max = 0\ncooling_minutes = 0\n{more}",
            key.display(),
            if plan.rate_percent == 0 { "\"Hand\"" } else { "\"Hand\", \"Ada\", \"Bo\", \"Cy\"" }
        );
        fs::write(self.folder.join("config.toml"), text)
    }

    fn command(&self, words: &[&str]) -> Command {
        let mut command = Command::new(self.program);
        for name in ["REMORA_CONFIG", "REMORA_DATA_DIR", "REMORA_LISTEN", "REMORA_LOG_LEVEL", "REMORA_KILL_AT"] {
            command.env_remove(name);
        }
        command.env("DATABASE_URL", &self.url).args(words).arg("--data").arg(self.folder.join("data"));
        command
    }

    fn start(&self, name: &str, death: Option<Death>) -> Result<Child, String> {
        let error = |error: std::io::Error| format!("the engine: {error}");
        let output = File::create(self.folder.join(format!("output-{name}.txt"))).map_err(error)?;
        let config = self.folder.join("config.toml").display().to_string();
        // Any port, and the same settings each time: under others live would begin off.
        let mut command = self.command(&["run", "--config", &config, "--listen", "127.0.0.1:0"]);
        if let Some(Death::At(point, hits)) = death {
            command.env("REMORA_KILL_AT", format!("{point}:{hits}"));
        }
        let errors = output.try_clone().map_err(error)?;
        command.stdin(Stdio::null()).stdout(output).stderr(errors).spawn().map_err(error)
    }

    /// Starts an engine and lets it die. Returns where it did.
    async fn live_and_die(&self, nth: usize, death: Death) -> Result<String, String> {
        let mut engine = self.start(&nth.to_string(), Some(death))?;
        let (point, patience) = match death {
            Death::At(point, _) => (point, POINT_PATIENCE),
            // The second time: somewhere in the recovery.
            Death::After(after) if nth > 0 => ("random", after),
            Death::After(after) => {
                self.turn_on(&mut engine).await?;
                ("random", after)
            }
        };
        if let Death::At(..) = death
            && self.turn_on(&mut engine).await.is_err()
            && engine.try_wait().is_ok_and(|ended| ended.is_none())
        {
            return Err("live could not be turned on".to_owned());
        }
        let began = Instant::now();
        while began.elapsed() < patience {
            if let Ok(Some(status)) = engine.try_wait() {
                let is_killed = status.signal() == Some(9);
                return if is_killed {
                    Ok(point.to_owned())
                } else {
                    Err(format!("the engine ended by itself: {status}"))
                };
            }
            sleep(Duration::from_millis(10)).await;
        }
        engine.kill().and_then(|()| engine.wait()).map_err(|error| error.to_string())?;
        Ok(if point == "random" { point.to_owned() } else { format!("random, not {point}") })
    }

    /// Turns live on as soon as everything is green. One that is on stays so over a restart.
    async fn turn_on(&self, engine: &mut Child) -> Result<(), String> {
        let began = Instant::now();
        let mut said = String::new();
        while began.elapsed() < START_PATIENCE {
            if let Ok(Some(status)) = engine.try_wait() {
                return Err(format!("the engine ended: {status}; {said}"));
            }
            said = self.say(&["on", "--sentence", "trade with real money"]).await;
            // One that is on stays so over a restart, and only looks for a while; a venue that restarts keeps it so.
            let is_on = said.contains("live is on");
            if said.starts_with("0 ") || is_on && (!said.contains("cannot leave") || READY_PATIENCE < began.elapsed()) {
                return Ok(());
            }
            if said.contains("live is off") {
                // Another port is another setting: a person looks first.
                self.say(&["shadow"]).await;
            }
            sleep(Duration::from_millis(500)).await;
        }
        Err(format!("live could not be turned on: {said}"))
    }

    /// Runs the program beside the engine. Returns its exit code and what it said.
    async fn say(&self, words: &[&str]) -> String {
        let mut command = self.command(words);
        let output = tokio::task::spawn_blocking(move || command.stdin(Stdio::null()).output()).await;
        match output {
            Ok(Ok(output)) => {
                let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                format!("{} {}", output.status.code().unwrap_or(-1), text.trim())
            }
            Ok(Err(error)) => format!("-1 {error}"),
            Err(error) => format!("-1 {error}"),
        }
    }

    /// Waits until no order is open and every match has settled, and stays so; says whether that came.
    async fn rest(&self, behaviour: Behaviour, patience: Duration) -> bool {
        let began = Instant::now();
        let mut still_since = Instant::now();
        while began.elapsed() < patience {
            // What rests in the book rests until somebody takes it away.
            self.say(&["cancel-all"]).await;
            let open: Result<i64, _> = sqlx::query_scalar(MOVING).fetch_one(&self.pool).await;
            if open.is_ok_and(|open| open > 0) {
                still_since = Instant::now();
            } else if behaviour.stillness() < still_since.elapsed() {
                return true;
            }
            sleep(Duration::from_millis(300)).await;
        }
        false
    }

    /// Tells the story of what keeps it from rest.
    async fn moving(&self) -> Vec<String> {
        let rows: Result<Vec<String>, _> = sqlx::query_scalar(STORY).fetch_all(&self.pool).await;
        rows.unwrap_or_else(|error| vec![error.to_string()])
    }

    async fn stop(&self, mut engine: Child) -> Result<(), String> {
        let _ = Command::new("kill").args(["-TERM", &engine.id().to_string()]).status();
        let began = Instant::now();
        while began.elapsed() < START_PATIENCE {
            if let Ok(Some(status)) = engine.try_wait() {
                return if status.success() { Ok(()) } else { Err(format!("the last engine ended with {status}")) };
            }
            sleep(Duration::from_millis(50)).await;
        }
        let _ = engine.kill();
        Err("the last engine did not stop".to_owned())
    }

    async fn audit(&self, rest: Rest) -> Result<(Extent, Vec<String>), String> {
        let truth = live_audit::read_truth(&self.folder.join("truth.jsonl")).map_err(|error| error.to_string())?;
        let journal = live_audit::read_journal(&self.folder.join("data/journal")).map_err(|error| error.to_string())?;
        let rows: Result<Vec<(i64, serde_json::Value)>, _> =
            sqlx::query_as("select seq, body from events order by seq").fetch_all(&self.pool).await;
        let rows = rows.map_err(|error| error.to_string())?;
        let archive = Some(rows.into_iter().map(|(seq, body)| (seq as u64, body)).collect());
        let terms = Terms {
            rest,
            keys: Keys::Loaded,
            age_max: AGE_MAX,
            // The venue stamps an order when its turn comes, on a machine that many trials share. That what waits stays in is
            // shown to the millisecond by `off_keeps_in_what_waits_and_follows_what_left`.
            grace: Nanos::from_secs(1),
            absent_after: WINDOW,
        };
        let (found, extent) = live_audit::audit(&Evidence { truth, journal, archive }, &terms);
        Ok((extent, found.iter().map(ToString::to_string).collect()))
    }
}

/// Changes how the venue behaves; what is under way goes on.
async fn turn(venue: &Server, knobs: &Knobs) -> Result<(), String> {
    let url = format!("{}/knobs", venue.urls.control);
    remora::feed::install_tls();
    let client = reqwest::Client::builder().tls_backend_preconfigured(remora::feed::client_tls()).build();
    let client = client.map_err(|error| error.to_string())?;
    let answer = client.put(url).json(knobs).send().await;
    answer.map(|_| ()).map_err(|error| format!("the knobs cannot be turned: {error}"))
}
