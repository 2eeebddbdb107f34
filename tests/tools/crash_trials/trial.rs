//! One trial: a venue with a truth log, an engine that copies its leaders with live on, kills, a last start, rest, the audit.

use std::{
    fs::{self, File, Permissions},
    os::unix::{fs::PermissionsExt, process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use remora::{
    domain::{Nanos, Usdc},
    fault::POINTS,
    sim::{
        live_audit::{self, Evidence, Extent, Keys, Rest, Terms, WINDOW},
        random::Random,
        server::{Funded, Knobs, Options, PrivateSettings, Profile, Server, truth::Truth},
    },
    store::testing::TestDatabase,
    venue::polymarket::Key,
};
use sqlx::PgPool;
use tokio::time::sleep;

/// Longer than a start takes on a busy machine.
const START_PATIENCE: Duration = Duration::from_secs(90);
/// Longer than a calm chain takes to settle, with the start's time to observe.
const REST_PATIENCE: Duration = Duration::from_secs(90);
/// What passes the age limit of the settings may wait as long again for its connection; the feed says whole seconds.
const AGE_MAX: Nanos = Nanos::from_millis(7_500);

/// What the venue does with orders.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Behaviour {
    Accepted,
    Refused,
    Delayed,
    Timeout,
    Ghost,
    Hell,
}

impl Behaviour {
    pub const ALL: [Behaviour; 5] =
        [Behaviour::Accepted, Behaviour::Refused, Behaviour::Delayed, Behaviour::Timeout, Behaviour::Ghost];

    pub fn name(self) -> &'static str {
        match self {
            Behaviour::Accepted => "accepted",
            Behaviour::Refused => "refused",
            Behaviour::Delayed => "delayed",
            Behaviour::Timeout => "timeout",
            Behaviour::Ghost => "ghost",
            Behaviour::Hell => "hell",
        }
    }

    fn knobs(self) -> Knobs {
        match self {
            Behaviour::Accepted | Behaviour::Refused => Knobs::CALM,
            Behaviour::Delayed => Knobs { delayed_ppm: 1_000_000, delayed_ms: 1_500, ..Knobs::CALM },
            Behaviour::Timeout => Knobs {
                accept_then_timeout_ppm: 700_000,
                answer_late_ms_min: 5_000,
                answer_late_ms_max: 9_000,
                ..Knobs::CALM
            },
            Behaviour::Ghost => {
                Knobs { ghost_fill_ppm: 700_000, ghost_fill_ms_min: 1_000, ghost_fill_ms_max: 3_000, ..Knobs::CALM }
            }
            Behaviour::Hell => Profile::Hell.knobs(),
        }
    }

    /// Where orders are to be refused, there is money for one or two.
    fn money(self) -> Usdc {
        match self {
            Behaviour::Refused => Usdc::whole(9),
            Behaviour::Accepted | Behaviour::Delayed | Behaviour::Timeout | Behaviour::Ghost | Behaviour::Hell => {
                Usdc::whole(1_000)
            }
        }
    }
}

/// When an engine dies.
#[derive(Clone, Copy, Debug)]
pub enum Death {
    At(&'static str, u64),
    After(Duration),
}

#[derive(Clone, Debug)]
pub struct Plan {
    pub seed: u64,
    pub behaviour: Behaviour,
    deaths: Vec<Death>,
    rate_percent: u64,
    /// How long the last engine trades before it is to come to rest.
    trades_for: Duration,
}

impl Plan {
    /// Behaviours in turn, points in turn; every third trial dies at random instants, every fourth twice.
    pub fn of(seed: u64) -> Plan {
        let mut random = Random::new(seed);
        let behaviour = Behaviour::ALL[(seed % 5) as usize];
        let point = POINTS[(seed / 5) as usize % POINTS.len()];
        let first = match seed % 3 {
            0 => Death::After(Duration::from_millis(random.range(0, 8_000))),
            _ => Death::At(point, random.range(1, 3)),
        };
        let mut deaths = vec![first];
        if seed.is_multiple_of(4) {
            deaths.push(Death::After(Duration::from_millis(random.range(0, 8_000))));
        }
        // It only observes for the first five seconds.
        let trades_for = Duration::from_millis(random.range(8_000, 16_000));
        Plan { seed, behaviour, deaths, rate_percent: 200, trades_for }
    }

    pub fn hell(seed: u64, length: Duration) -> Plan {
        Plan { seed, behaviour: Behaviour::Hell, deaths: vec![], rate_percent: 1_500, trades_for: length }
    }
}

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
    let outcome = bench.play(plan).await?;
    if outcome.violations.is_empty() && !keep {
        let _ = fs::remove_dir_all(&folder);
    }
    Ok(outcome)
}

impl Bench<'_> {
    async fn play(&self, plan: &Plan) -> Result<Outcome, String> {
        let venue = self.venue(plan).await.map_err(|error| format!("the venue: {error}"))?;
        self.write_settings(&venue).map_err(|error| format!("the settings: {error}"))?;
        let mut died_at = Vec::new();
        for (nth, death) in plan.deaths.iter().enumerate() {
            died_at.push(self.live_and_die(nth, *death).await?);
        }
        let mut last = self.start("last", None)?;
        self.turn_on(&mut last).await?;
        sleep(plan.trades_for).await;
        if plan.behaviour == Behaviour::Hell {
            turn_calm(&venue).await?;
        }
        let said = self.say(&["off"]).await;
        let is_still = self.rest().await;
        self.stop(last).await?;
        venue.finish().await.map_err(|error| format!("the truth log: {error}"))?;
        let mut violations = self.audit().await?;
        if !is_still {
            violations.1.push(format!("it did not come to rest in {REST_PATIENCE:?} (off: {said:?})"));
        }
        Ok(Outcome { extent: violations.0, violations: violations.1, died_at })
    }

    async fn venue(&self, plan: &Plan) -> std::io::Result<Server> {
        let key = Key::from_bytes([1; 32]).expect("a key");
        let accounts = vec![Funded { key, money: plan.behaviour.money() }];
        let options = Options {
            seed: plan.seed,
            rate_percent: plan.rate_percent,
            knobs: plan.behaviour.knobs(),
            private: PrivateSettings { accounts, ..PrivateSettings::default() },
            truth: Some(Truth::begin(&self.folder.join("truth.jsonl"))?),
            ..Options::default()
        };
        Server::start(options).await
    }

    fn write_settings(&self, venue: &Server) -> std::io::Result<()> {
        let key = self.folder.join("key");
        fs::write(&key, "01".repeat(32))?;
        fs::set_permissions(&key, Permissions::from_mode(0o600))?;
        let Server { market_url, activity_url, clob_url, gamma_url, data_url, .. } = venue;
        let (demo, user_url) = (remora::config::DEMO, &venue.urls.ws_user);
        let text = format!(
            "{demo}\n[feed]\nmarket_url = \"{market_url}\"\nactivity_url = \"{activity_url}\"\nclob_url = \"{clob_url}\"\n\
             gamma_url = \"{gamma_url}\"\ndata_url = \"{data_url}\"\nuser_url = \"{user_url}\"\nsilence_s_max = 5\n\n[live]\nswitch = \"on\"\n\n[wallet]\n\
             key = \"file:{}\"\nsignature_type = \"eoa\"\n\n[[strategy]]\nname = \"real\"\nleaders = [\"Ada\", \"Bo\", \"Cy\"]\n\n\
             [strategy.paper]\ncapital_usdc = 500\n\n[strategy.live]\ncapital_usdc = 500\nsize_usdc = 5\nprice_guard_buy_percent = 20\nslippage_buy_percent = 20\n",
            key.display()
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
            Death::At(point, _) => (point, Duration::from_secs(20)),
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
            if said.starts_with("0 ") || said.contains("live is on") {
                return Ok(());
            }
            sleep(Duration::from_millis(700)).await;
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

    /// Waits until no order is open and every match has settled; says whether that came.
    async fn rest(&self) -> bool {
        // An order that nobody answered for is in doubt for ten minutes: the auditor asks whether it may be.
        const OPEN: &str = "with words as (
                select (jsonb_path_query_first(body, '$.*.order'))::bigint as id, kind from events
            ), live as (
                select id, count(*) filter (where kind = 'closed') as closed, count(*) filter (where kind = 'matched') as matched,
                    count(*) filter (where kind in ('confirmed', 'voided')) as settled,
                    count(*) filter (where kind = 'unknown') > count(*) filter (where kind = 'accepted') as in_doubt
                from words where id >= 1099511627776 group by id
            )
            select coalesce(sum(case when closed = 0 and not (in_doubt and matched = 0) then 1 else 0 end
                + greatest(0, matched - settled)), 0)::bigint from live";
        let began = Instant::now();
        let mut still = 0;
        while began.elapsed() < REST_PATIENCE {
            let open: Result<i64, _> = sqlx::query_scalar(OPEN).fetch_one(&self.pool).await;
            // The user channel may yet tell of something: it must stay so for a while.
            still = if open.is_ok_and(|open| open <= 0) { still + 1 } else { 0 };
            if still == 12 {
                return true;
            }
            sleep(Duration::from_millis(500)).await;
        }
        false
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

    async fn audit(&self) -> Result<(Extent, Vec<String>), String> {
        let truth = live_audit::read_truth(&self.folder.join("truth.jsonl")).map_err(|error| error.to_string())?;
        let journal = live_audit::read_journal(&self.folder.join("data/journal")).map_err(|error| error.to_string())?;
        let rows: Result<Vec<(i64, serde_json::Value)>, _> =
            sqlx::query_as("select seq, body from events order by seq").fetch_all(&self.pool).await;
        let rows = rows.map_err(|error| error.to_string())?;
        let archive = Some(rows.into_iter().map(|(seq, body)| (seq as u64, body)).collect());
        let terms = Terms {
            rest: Rest::AtRest,
            keys: Keys::Loaded,
            age_max: AGE_MAX,
            grace: Nanos::from_millis(250),
            absent_after: WINDOW,
        };
        let (found, extent) = live_audit::audit(&Evidence { truth, journal, archive }, &terms);
        Ok((extent, found.iter().map(ToString::to_string).collect()))
    }
}

/// The storm is over; what is under way may end.
async fn turn_calm(venue: &Server) -> Result<(), String> {
    let url = format!("{}/knobs", venue.urls.control);
    remora::feed::install_tls();
    let client = reqwest::Client::builder().tls_backend_preconfigured(remora::feed::client_tls()).build();
    let client = client.map_err(|error| error.to_string())?;
    let answer = client.put(url).json(&serde_json::json!({})).send().await;
    answer.map(|_| ()).map_err(|error| format!("the knobs cannot be turned: {error}"))
}
