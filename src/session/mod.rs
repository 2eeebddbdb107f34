//! One engine from start to stop: lock, recover, open the database, run the hot thread, the actors and the web, and end in
//! the order that loses nothing.

mod desk;
mod lease;
mod machine;
pub mod pages;
mod summary;

use std::{
    fmt,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use ractor::{Actor, ActorRef};
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::mpsc,
};
use tokio_util::sync::CancellationToken;

use lease::{Lease, Pace};
pub use summary::Summary;

use crate::{
    actor::{
        self, Plant, Supervisor, SupervisorMessage, alerter::AlerterArguments, gateway::GatewayMessage,
        supervisor::SupervisorArguments, web::WebArguments, writer::WriterArguments,
    },
    alert::send::Services,
    clock,
    config::Config,
    control::{Console, KillWatch, kill},
    domain::{Input, LiveSwitch, Mode, PortfolioId, TokenId},
    hot_loop::{Audited, Command, Core, HotThread, Stamped},
    journal::{Full, Journal, JournalError, Tail, Torn},
    metrics::{FeedStatus, Published, Stages},
    secret::Wallet,
    start::{self, Names, Notice, Process, StartError},
    store::{Database, DatabaseChoice, DatabaseError},
    venue::gate::Gate,
    web::{About, DataSource, Door, WebState},
};

/// What ends a session.
#[derive(Clone, Debug)]
pub enum Until {
    /// Ctrl-C or SIGTERM.
    Asked,
    /// The same, or so much time.
    Passed(Duration),
}

#[derive(Debug)]
pub enum SessionError {
    Journal(JournalError),
    Start(StartError),
    Database(DatabaseError),
    /// A part could not be started.
    Part(String),
    /// The journal has no room left.
    Full(Full),
    /// Something failed that must not be worked around.
    Fatal(String),
}

impl fmt::Display for SessionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SessionError::Journal(error) => error.fmt(f),
            SessionError::Start(error) => error.fmt(f),
            SessionError::Database(error) => error.fmt(f),
            SessionError::Part(error) => f.write_str(error),
            SessionError::Full(full) => write!(
                f,
                "the journal has no room left, so the engine stopped: nothing is decided that is not recorded.\n  {full}\n  \
                 fix: make room on that disk, then start again; it goes on where it stopped"
            ),
            SessionError::Fatal(error) => write!(f, "{error}\n  Start again: it goes on where it stopped."),
        }
    }
}

impl std::error::Error for SessionError {}

impl From<JournalError> for SessionError {
    fn from(error: JournalError) -> SessionError {
        SessionError::Journal(error)
    }
}
impl From<StartError> for SessionError {
    fn from(error: StartError) -> SessionError {
        SessionError::Start(error)
    }
}
impl From<DatabaseError> for SessionError {
    fn from(error: DatabaseError) -> SessionError {
        SessionError::Database(error)
    }
}

/// A running engine.
pub struct Session {
    hot: HotThread,
    /// The root of all parts; its children are found by the messages they take.
    pub supervisor: ActorRef<SupervisorMessage>,
    database: Database,
    published: Published,
    stages: Arc<Stages>,
    strategies: Vec<String>,
    complete: CancellationToken,
    fatal: mpsc::Receiver<String>,
    asked: AskedToStop,
    lease: Option<lease::Kept>,
    _kills: (KillWatch, kill::Signal),
    _only_here: Option<lease::OnlyHere>,
    pub notices: Vec<Notice>,
    /// Tokens that positions were held in at the start.
    pub held: Vec<(TokenId, String)>,
}

/// Makes the data folder where there is none. Others may pass through it (as root, Postgres runs as another user), but each
/// part's folder in it is its own.
fn make_data_dir(dir: &Path) -> Result<(), SessionError> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o755).create(dir).map_err(|error| {
        SessionError::Part(format!(
            "the data folder {} cannot be made: {error}\n  fix: choose one that this user may write, with --data FOLDER",
            dir.display()
        ))
    })
}

/// What the data folder gave back, and the database beside it.
struct Recovered {
    core: Core<Journal>,
    names: Names,
    notices: Vec<Notice>,
    tail: Tail,
    database: Database,
    lease: Option<Lease>,
}

/// Opens journal and database, takes the wallet's lease where live orders are allowed, and rebuilds the state. What fails leaves
/// nothing running.
async fn recover(
    config: &Config,
    dir: &Path,
    wallet: Option<&Wallet>,
    stages: &Stages,
    asked: &mut AskedToStop,
) -> Result<Recovered, SessionError> {
    let boot = machine::boot()?;
    let options = crate::journal::Options {
        segment_bytes: config.journal.segment_bytes as usize,
        sync_interval: config.journal.sync_interval,
    };
    let (journal, found) = Journal::open(dir, &options)?;
    let choice = match &config.store.database_url {
        Some(url) => DatabaseChoice::Url(url.clone()),
        None => DatabaseChoice::Private { root: config.data.dir.clone() },
    };
    let database = Database::open(&choice).await?;
    let tail = journal.tail();
    let lease = match leased(&database, wallet, &boot, dir, tail.journal(), asked).await {
        Ok(lease) => lease,
        Err(error) => {
            let _ = database.stop().await;
            return Err(error);
        }
    };
    let process = Process { boot, wallet: lease.as_ref().map(|lease| (lease.claim.wallet.clone(), lease.epoch)) };
    match start::recovered(config, journal, &process, stages.recorder(), clock::now()) {
        Ok((core, names, mut notices)) => {
            notices.extend(found.torn.map(interrupted));
            Ok(Recovered { core, names, notices, tail, database, lease })
        }
        Err(error) => {
            if let Some(lease) = lease {
                lease.release().await;
            }
            let _ = database.stop().await;
            Err(error.into())
        }
    }
}

/// Takes the wallet's lease, unless it is to stop before that.
async fn leased(
    database: &Database,
    wallet: Option<&Wallet>,
    boot: &str,
    dir: &Path,
    journal: u64,
    asked: &mut AskedToStop,
) -> Result<Option<Lease>, SessionError> {
    let Some(wallet) = wallet else { return Ok(None) };
    let claim = lease::claim(wallet, boot, dir, journal)?;
    tokio::select! {
        lease = lease::take(database.pool(), claim, Pace::USUAL) => lease.map(Some),
        () = asked.wait() => Err(SessionError::Part("stopped while it waited for the wallet's lease".to_owned())),
    }
}

/// Where the journal lies in a data folder.
pub fn journal_dir(config: &Config) -> PathBuf {
    config.data.dir.join("journal")
}

impl Session {
    /// Starts everything. What fails says what to do; nothing is left running then. Ctrl-C and SIGTERM count from here on:
    /// [`run`](Self::run) stops in order at once if one came meanwhile.
    pub async fn start(config: Arc<Config>, config_path: String, data: DataSource) -> Result<Session, SessionError> {
        // A whole engine is on its way through this: too large for the callers' stacks.
        Box::pin(Session::begin(config, config_path, data)).await
    }

    async fn begin(config: Arc<Config>, config_path: String, data: DataSource) -> Result<Session, SessionError> {
        let mut asked = AskedToStop::listen();
        let wallet = desk::wallet(&config)?;
        let only_here = wallet.as_ref().map(|wallet| lease::only_here(wallet, &config.feed.clob_url)).transpose()?;
        desk::trust(&config)?;
        let purse = desk::purse(&config, wallet.as_ref())?;
        let dir = journal_dir(&config);
        make_data_dir(&config.data.dir)?;
        let (gate, signal) = hear_kills()?;
        let live_allowed = config.live.switch;
        let (config, killed) = unless_killed(config, &gate);
        let stages = Arc::new(Stages::new());
        let recovered = recover(&config, &dir, wallet.as_ref(), &stages, &mut asked).await?;
        let Recovered { core, names, mut notices, tail, database, lease } = recovered;
        let resumed = names.live.resumed(&core.engine);
        let found = killed.as_ref().map(|_| kill::found_at_start());
        notices.extend(killed);
        let held = held(&core);
        let led = core.engine.positions().iter().map(|position| (position.leader, position.token)).collect();
        let held_names = held.iter().map(|token| (*token, names.registry.token_text(*token).to_owned())).collect();
        let published = Published::default();
        let hot = hot_thread(core, &published, &stages, &config)?;
        note(&hot, found).await;
        let complete = CancellationToken::new();
        let tokens = Arc::default();
        let desk =
            wallet.map(|wallet| desk::live_side(&config, wallet, Arc::clone(&gate), &resumed, Arc::clone(&tokens)));
        let lease =
            lease.zip(desk.as_ref()).map(|(lease, desk)| lease.keep(Arc::clone(&gate), Arc::clone(&desk.status)));
        let plant = plant(&config, &hot, &names, &stages, &published, &database);
        let plant = Plant { gate, live_allowed, tokens, desk, purse, led, ..plant };
        let (data_dir, gate) = (&config.data.dir, Arc::clone(&plant.gate));
        let kills = (KillWatch::start(data_dir, gate, hot.inlet.clone(), Arc::clone(&published), &signal), signal);
        let web = WebArguments { config: config.web.clone(), state: web_state(&plant, config_path, data) };
        let console = console(&plant, &names, &web.state);
        let alerter = alerter(&plant, &names, &dir, &tail);
        let writer = WriterArguments { plant: plant.clone(), journal: dir, tail, complete: complete.clone() };
        let strategies: Vec<(String, PortfolioId)> = strategies(&config, &names);
        let (fatal_in, fatal) = mpsc::channel(1);
        let all = names.portfolios.iter().map(|(name, mode)| label(name, *mode)).collect();
        let arguments =
            SupervisorArguments { plant, names, held, strategies, writer, alerter, web, console, fatal: fatal_in };
        match Actor::spawn(None, Supervisor, arguments).await {
            Ok((supervisor, _)) => Ok(Session {
                hot,
                supervisor,
                database,
                published,
                stages,
                strategies: all,
                complete,
                fatal,
                asked,
                lease,
                _only_here: only_here,
                _kills: kills,
                notices,
                held: held_names,
            }),
            Err(error) => {
                let _ = hot.inlet.command(Command::Stop).await;
                let _ = tokio::task::spawn_blocking(move || hot.join()).await;
                if let Some(lease) = lease {
                    lease.release().await;
                }
                let _ = database.stop().await;
                Err(SessionError::Part(actor::spawn_failure(&error)))
            }
        }
    }

    /// Returns what the engine shows of itself; it stays readable after the end.
    pub fn published(&self) -> Published {
        Arc::clone(&self.published)
    }

    /// Returns how long its steps take; they stay readable after the end.
    pub fn stages(&self) -> Arc<Stages> {
        Arc::clone(&self.stages)
    }

    /// Tells the engine something, as an operator does.
    pub async fn tell(&self, input: Input) {
        let _ = self.hot.inlet.command(Command::Input(Stamped { at: clock::now(), input })).await;
    }

    /// Tells the engine how a token's market ended, where no socket does; nobody looks after the token any more.
    pub async fn resolve(&self, token: TokenId, payout: u32) {
        self.tell(Input::Resolved { token, payout }).await;
        let _ = self.supervisor.cast(SupervisorMessage::Ended(token));
    }

    /// Runs until it is time, then stops in order. An error is why it ended early; what was decided is on disk either way.
    pub async fn run(mut self, until: Until) -> Result<Summary, SessionError> {
        let ended = self.wait(until).await;
        match self.stop().await {
            // Parts fail when the hot thread has ended: then its reason is the reason.
            Err(full @ SessionError::Full(_)) => Err(full),
            stopped => ended.and(stopped),
        }
    }

    async fn wait(&mut self, until: Until) -> Result<(), SessionError> {
        let deadline = match until {
            Until::Asked => Duration::MAX,
            Until::Passed(length) => length,
        };
        let deadline = tokio::time::sleep(deadline.min(Duration::from_secs(60 * 60 * 24 * 365 * 10)));
        let mut deadline = std::pin::pin!(deadline);
        let mut look = tokio::time::interval(Duration::from_millis(50));
        loop {
            tokio::select! {
                () = self.asked.wait() => return Ok(()),
                () = &mut deadline => return Ok(()),
                fatal = self.fatal.recv() => return Err(SessionError::Fatal(fatal.unwrap_or_default())),
                Some(token) = self.hot.resync.recv() => {
                    let _ = self.supervisor.cast(SupervisorMessage::Resync(token));
                }
                _ = look.tick() => if self.hot.is_finished() {
                    return Ok(()); // `stop` says why.
                }
            }
        }
    }

    /// Intake, then the hot thread with its journal, then the writer, the web and the database.
    async fn stop(self) -> Result<Summary, SessionError> {
        let patience = Some(Duration::from_secs(30));
        let _ = self.supervisor.call(SupervisorMessage::StopIntake, patience).await;
        let _ = self.hot.inlet.command(Command::Stop).await;
        let hot = self.hot;
        let ended = tokio::task::spawn_blocking(move || hot.join()).await;
        self.complete.cancel();
        let _ = self.supervisor.call(SupervisorMessage::StopRest, patience).await;
        let _ = self.supervisor.stop_and_wait(None, patience).await;
        if let Some(lease) = self.lease {
            lease.release().await;
        }
        let summary = Summary::of(&self.published.load(), &self.stages, &self.strategies);
        let database = self.database.stop().await;
        match ended {
            Ok(result) => result.map_err(SessionError::Full)?,
            // The hot thread panicked: money may be wrong, so nothing goes on.
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
        database?;
        Ok(summary)
    }
}

fn plant(
    config: &Arc<Config>,
    hot: &HotThread,
    names: &Names,
    stages: &Arc<Stages>,
    published: &Published,
    database: &Database,
) -> Plant {
    Plant {
        config: Arc::clone(config),
        inlet: hot.inlet.clone(),
        registry: Arc::new(arc_swap::ArcSwap::from_pointee(names.registry.clone())),
        awake: Arc::default(),
        stages: Arc::clone(stages),
        published: Arc::clone(published),
        database: database.clone(),
        store_status: Arc::default(),
        market_status: Arc::new(FeedStatus::new("market channel")),
        activity: (1..=config.sources.activity_sockets)
            .map(|socket| Arc::new(FeedStatus::of_trades(format!("activity {socket}"))))
            .collect(),
        index_status: Arc::new(FeedStatus::of_trades("index")),
        index_feed: Arc::default(),
        led: Arc::default(),
        chain_status: Arc::new(FeedStatus::of_trades("chain")),
        prints: Arc::default(),
        known_until: names.known_until,
        model_status: Arc::new(FeedStatus::new("model")),
        redeem_status: Arc::default(),
        redeem_bell: Arc::default(),
        purse: None,
        market_feed: Arc::default(),
        tokens: Arc::default(),
        gateway: Arc::default(),
        alerter: Arc::default(),
        alerts: Arc::default(),
        desk: None,
        gate: Arc::default(),
        live_allowed: LiveSwitch::Off,
    }
}

fn interrupted(torn: Torn) -> Notice {
    format!(
        "the last process was interrupted while it wrote: {} bytes of a half-written record were cut off ({}, byte {}); \
         nothing of it had taken effect",
        torn.bytes,
        torn.path.display(),
        torn.offset
    )
}

/// Before anything else runs: a signal that nobody hears ends the process.
fn hot_thread(
    core: Core<Journal>,
    published: &Published,
    stages: &Stages,
    config: &Config,
) -> Result<HotThread, SessionError> {
    HotThread::start(core, Arc::clone(published), stages.recorder(), &config.hot).map_err(|error| {
        let place = config.hot.core.map_or(String::new(), |core| format!(" on core {core} (hot.core)"));
        let fix = "fix: name a core of this machine, or -1";
        SessionError::Part(format!("the hot thread cannot run{place}: {error}\n  {fix}"))
    })
}

fn hear_kills() -> Result<(Arc<Gate>, kill::Signal), SessionError> {
    let gate = Arc::<Gate>::default();
    let deaf = |error| SessionError::Part(format!("SIGUSR1 cannot be listened to: {error}"));
    let signal = kill::hear_signal(&gate).map_err(deaf)?;
    Ok((gate, signal))
}

/// With the file `KILL` in the data folder the gate is shut from the first moment, and live begins off.
fn unless_killed(config: Arc<Config>, gate: &Gate) -> (Arc<Config>, Option<Notice>) {
    let file = kill::path(&config.data.dir);
    if !file.exists() {
        return (config, None);
    }
    gate.kill();
    let mut off = (*config).clone();
    off.live.switch = LiveSwitch::Off;
    let notice = format!(
        "{} is there, so live is off and nothing leaves; `remora on` takes it away when everything is green, or remove it by \
         hand and start again",
        file.display()
    );
    // Who never trades live need not be told.
    (Arc::new(off), (config.live.switch != LiveSwitch::Off).then_some(notice))
}

/// Has the journal note a kill from before the engine began.
async fn note(hot: &HotThread, found: Option<Audited>) {
    if let Some(found) = found {
        // The hot thread has just begun: it takes this.
        let _ = hot.inlet.command(Command::Audit(Box::new(found))).await;
    }
}

/// Returns the tokens that some portfolio holds, each once.
fn held(core: &Core<Journal>) -> Vec<TokenId> {
    let mut held: Vec<TokenId> = core.engine.positions().iter().map(|position| position.token).collect();
    held.sort_unstable();
    held.dedup();
    held
}

fn console(plant: &Plant, names: &Names, state: &WebState) -> Console {
    let portfolios = names.portfolios.iter().enumerate();
    let portfolios = portfolios.map(|(index, (name, mode))| (name.clone(), *mode, PortfolioId(index as u16))).collect();
    let cancel_all = plant.desk.as_ref().map(|_| {
        let (ask, mut asked) = mpsc::channel(1);
        let gateway = Arc::clone(&plant.gateway);
        tokio::spawn(async move {
            while let Some(answer) = asked.recv().await {
                gateway.cast(GatewayMessage::CancelAll(answer));
            }
        });
        ask
    });
    let config = Arc::new(tokio::sync::Mutex::new(Arc::clone(&plant.config)));
    Console {
        plant: plant.clone(),
        portfolios: Arc::new(portfolios),
        cancel_all,
        opened: Arc::default(),
        config,
        memory: Arc::default(),
        picture: Arc::new(state.clone()),
    }
}

fn alerter(plant: &Plant, names: &Names, journal: &Path, tail: &Tail) -> AlerterArguments {
    AlerterArguments {
        plant: plant.clone(),
        journal: journal.to_owned(),
        tail: tail.clone(),
        portfolios: names.portfolios.clone(),
        services: Arc::new(Services::new(plant.config.alerts.allow_loopback)),
    }
}

fn web_state(plant: &Plant, config_path: String, data: DataSource) -> WebState {
    WebState {
        pool: plant.database.pool().clone(),
        published: Arc::clone(&plant.published),
        stages: Arc::clone(&plant.stages),
        store: Arc::clone(&plant.store_status),
        feeds: Arc::new(plant.feeds()),
        alerts: Arc::clone(&plant.alerts),
        redeem: Arc::clone(&plant.redeem_status),
        gateway: plant.desk.as_ref().map(|desk| Arc::clone(&desk.status)),
        about: About { version: env!("CARGO_PKG_VERSION").to_owned(), config_path, mode: "paper".to_owned(), data },
        door: Door::new(&plant.config.data.dir),
        hosts: plant.config.web.hosts.clone(),
        clock: clock::now,
    }
}

fn strategies(config: &Config, names: &Names) -> Vec<(String, PortfolioId)> {
    let mut portfolios = vec![];
    for strategy in &config.strategies {
        for mode in [Mode::Paper, Mode::Live] {
            let id = strategy.portfolio(mode).and_then(|_| names.portfolio(&strategy.name, mode));
            portfolios.extend(id.map(|id| (label(&strategy.name, mode), id)));
        }
    }
    portfolios
}

/// Returns what a portfolio is called where its mode is not said beside it.
fn label(strategy: &str, mode: Mode) -> String {
    match mode {
        Mode::Paper => strategy.to_owned(),
        Mode::Live => format!("{strategy} (live)"),
    }
}

/// Ctrl-C and SIGTERM, noted from the moment this is made: one that comes during the start is not lost, and does not kill
/// the process while its Postgres has just been started.
struct AskedToStop {
    interrupted: Signal,
    terminated: Signal,
}

impl AskedToStop {
    fn listen() -> AskedToStop {
        let listen = |kind| signal(kind).expect("a handler can be installed");
        AskedToStop { interrupted: listen(SignalKind::interrupt()), terminated: listen(SignalKind::terminate()) }
    }

    async fn wait(&mut self) {
        tokio::select! {
            _ = self.interrupted.recv() => (),
            _ = self.terminated.recv() => (),
        }
    }
}
