//! Settings: the defaults, one TOML file, and what the command line and the environment say over it, checked as a whole.
//!
//! `config/default.toml` is built in; it documents every key and holds its default. Nothing is guessed: an unknown key is
//! an error, and all mistakes are reported at once, each with its place and its fix.

pub mod changes;
pub mod decimal;
pub mod difference;
pub mod problem;
mod alerts;
mod literal;
mod prepare;
mod reader;
mod scoring;
mod section;
mod sections;
mod sources;
mod strategy;
mod values;

use std::{
    fmt::{self, Write},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::primitives::Address;
use sha2::{Digest, Sha256};

pub use alerts::{AlertsConfig, ChannelConfig, ChannelKind, MailConfig, Quiet};
pub use changes::{Change, Changes, Part};
pub use difference::{Difference, Explained, Setting, explain};
pub use problem::{Place, Problem, Problems};
pub use sections::{without_password, without_path};
pub use sources::SourcesConfig;
pub use strategy::{CAPITAL_DEFAULT, LEADERS_MAX, NAME_CHARS_MAX, markets::MarketFilter, markets::tag};

use crate::domain::{LiveSwitch, Market, Mode, Nanos, Settings, Usdc, settings::score::Weights};
use crate::venue::polymarket::{Network, SignatureType, prepare::ahead};
use reader::{Document, Group, Override, Reader};

/// The built-in file: every key, its meaning and its default.
pub const DEFAULT: &str = include_str!("../../config/default.toml");
/// Limits that go together, by name.
pub const PRESETS: &str = include_str!("../../config/presets.toml");
/// The strategies and leaders of the demo.
pub const DEMO: &str = include_str!("../../config/demo.toml");

/// Where the settings come from, besides the defaults.
#[derive(Clone, Debug, Default)]
pub enum Written {
    #[default]
    DefaultsOnly,
    File(PathBuf),
    /// A text that has a name in messages.
    Text {
        name: String,
        text: String,
    },
}

/// What the command line and the environment say over the file; `None`: nothing.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    pub data: Option<PathBuf>,
    pub listen: Option<String>,
    pub database_url: Option<String>,
    pub log_level: Option<LogLevel>,
}

/// Settings that are right, each and together.
#[derive(Clone, Debug)]
pub struct Config {
    pub data: DataConfig,
    pub paper: PaperConfig,
    pub live: LiveConfig,
    pub ceilings: CeilingsConfig,
    /// Which orders are signed before they are wanted; `None`: none.
    pub prepare: Option<ahead::Options>,
    pub wallet: WalletConfig,
    pub chain: ChainConfig,
    pub reconcile: ReconcileConfig,
    pub feed: FeedConfig,
    pub sources: SourcesConfig,
    pub signals: SignalsConfig,
    /// What each feature of a score counts.
    pub weights: Weights,
    pub model: ModelConfig,
    pub journal: JournalConfig,
    pub store: StoreConfig,
    pub web: WebConfig,
    pub alerts: AlertsConfig,
    pub hot: HotConfig,
    pub log: LogConfig,
    pub values: ValuesConfig,
    pub replay: ReplayConfig,
    pub leaders: Vec<LeaderConfig>,
    pub strategies: Vec<StrategyConfig>,
    /// What a strategy does that says nothing.
    pub strategy_default: Settings,
    /// What was changed over the file.
    pub changes: Changes,
    written: Texts,
    in_force: Vec<Group>,
    /// What live portfolios are told that say nothing themselves: not in force by itself.
    rehearsed: Vec<Group>,
}

/// What the settings were read from, to read them again with other changes. Has the file's secrets in it.
#[derive(Clone)]
struct Texts {
    file: Option<(String, String)>,
    overrides: Overrides,
}

impl fmt::Debug for Texts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Texts(..)")
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataConfig {
    pub dir: PathBuf,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PaperConfig {
    pub enabled: bool,
    pub fill_delay: Nanos,
    pub depth_memory: Nanos,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LiveConfig {
    /// What a start may open the live switch to.
    pub switch: LiveSwitch,
}

/// Whose money it is, and what signs for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletConfig {
    /// Where the secret key is; `None`: there is none, and nothing can be signed.
    pub key: Option<KeyPlace>,
    /// Of a keystore.
    pub password: Option<KeyPlace>,
    pub signature_type: SignatureType,
    /// The wallet that holds the funds; `None`: the one that belongs to the key's address.
    pub funder: Option<Address>,
    /// The key is a session key of the deposit wallet, not its owner's.
    pub session_key: bool,
    pub network: Network,
}

/// Where a secret is kept. Never in the settings and never in the environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyPlace {
    /// A credential that systemd hands over (`LoadCredential=`, `LoadCredentialEncrypted=`), by name.
    Credential(String),
    /// A file of 64 hex digits that nobody else may read.
    File(PathBuf),
    /// A Web3 keystore (version 3), which needs a password.
    Keystore(PathBuf),
}

/// The chain itself, for redemption and approvals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainConfig {
    /// A node; `None`: nothing is redeemed from here, and no approval is looked at.
    pub rpc_url: Option<String>,
    pub relayer_url: String,
    /// Where the key for the relayer is; `None`: nothing can be sent for a contract wallet.
    pub relayer_key: Option<KeyPlace>,
}

/// The most that leaves with real money; zero: no limit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CeilingsConfig {
    pub orders_per_second_max: u32,
    /// Entries, at their worst cost.
    pub usdc_per_minute_max: Usdc,
    pub usdc_per_order_max: Usdc,
}

impl CeilingsConfig {
    pub const NONE: CeilingsConfig =
        CeilingsConfig { orders_per_second_max: 0, usdc_per_minute_max: Usdc::ZERO, usdc_per_order_max: Usdc::ZERO };
}

/// How the wallet is compared with our books.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReconcileConfig {
    pub every: Nanos,
    /// After a change of ours, nothing is compared for so long.
    pub patience: Nanos,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedConfig {
    pub market_url: String,
    pub activity_url: String,
    /// The venue's user channel: our own orders and fills.
    pub user_url: String,
    pub clob_url: String,
    pub gamma_url: String,
    /// The venue's index of the chain; `None`: it is not asked.
    pub data_url: Option<String>,
    /// A certificate authority that is trusted besides the usual ones.
    pub authority_file: Option<PathBuf>,
    pub metadata_wait: Nanos,
    pub silence_max: Duration,
    pub tokens_per_socket_max: usize,
}

/// What makes leaders' trades into signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignalsConfig {
    pub group_window: Nanos,
}

/// The external model that is asked for probabilities.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelConfig {
    /// `None`: nobody is asked.
    pub url: Option<String>,
    pub every: Duration,
    pub patience: Duration,
    pub tokens_max: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct JournalConfig {
    pub segment_bytes: u64,
    pub sync_interval: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoreConfig {
    /// `None`: a private Postgres in the data folder.
    pub database_url: Option<String>,
    pub batch_records_max: usize,
    pub batch_wait: Duration,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WebConfig {
    /// Whether `remora run` serves the pages itself.
    pub inside: bool,
    pub listen: SocketAddr,
    pub hosts: Vec<String>,
    /// What `remora web` reads; `None`: what the engine writes.
    pub database_url: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HotConfig {
    pub wait: Wait,
    /// The core that it stays on; `None`: any.
    pub core: Option<usize>,
}

/// How the hot thread waits for its next input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wait {
    Park,
    Spin,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogConfig {
    pub format: LogFormat,
    pub level: LogLevel,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogFormat {
    Pretty,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LogLevel {
    Error,
    Warn,
    Info,
    Debug,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ValuesConfig {
    pub every: Duration,
}

/// What a replay takes for granted about markets that its recording says nothing of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReplayConfig {
    pub market: Market,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LeaderConfig {
    pub name: String,
    /// Each `0x` and 40 hexadecimal digits, all lower case. At least one; they are one leader.
    pub wallets: Vec<String>,
    /// What the operator says that he owns.
    pub capital: Option<Usdc>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StrategyConfig {
    pub name: String,
    /// Positions in [`Config::leaders`]; at least one, each once.
    pub leaders: Vec<usize>,
    /// Simulated dollars that the paper portfolio begins with.
    pub capital: Usdc,
    /// What the paper portfolio does.
    pub settings: Settings,
    /// The portfolio with real money, if there is one.
    pub live: Option<PortfolioConfig>,
    pub markets: MarketFilter,
}

/// What a portfolio begins with and does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PortfolioConfig {
    pub capital: Usdc,
    pub settings: Settings,
}

impl StrategyConfig {
    /// Returns what its portfolio of this mode begins with and does, if it has one.
    pub fn portfolio(&self, mode: Mode) -> Option<PortfolioConfig> {
        match mode {
            Mode::Paper => Some(PortfolioConfig { capital: self.capital, settings: self.settings }),
            Mode::Live => self.live,
        }
    }
}

impl Written {
    /// Returns the strategies and leaders of the demo.
    pub fn demo() -> Written {
        Written::Text { name: "config/demo.toml (built in)".to_owned(), text: DEMO.to_owned() }
    }
}

impl LogLevel {
    pub const ALL: [LogLevel; 4] = [LogLevel::Error, LogLevel::Warn, LogLevel::Info, LogLevel::Debug];

    pub const fn code(self) -> &'static str {
        match self {
            LogLevel::Error => "error",
            LogLevel::Warn => "warn",
            LogLevel::Info => "info",
            LogLevel::Debug => "debug",
        }
    }
}

impl Config {
    /// Reads and checks the settings, without what was changed over them. Fails with every mistake there is; a file that
    /// cannot be read is one.
    pub fn load(source: &Written, overrides: &Overrides) -> Result<Config, Problems> {
        let file = match source {
            Written::DefaultsOnly => None,
            Written::Text { name, text } => Some((name.clone(), text.clone())),
            Written::File(path) => Some((path.display().to_string(), file_text(path)?)),
        };
        read(Texts { file, overrides: overrides.clone() }, Changes::default())
    }

    /// The same with what was changed: by the file of changes in the data folder.
    pub fn load_changed(source: &Written, overrides: &Overrides) -> Result<Config, Problems> {
        let config = Config::load(source, overrides)?;
        match Changes::read(&config.data.dir)? {
            none if none == Changes::default() => Ok(config),
            changes => config.with(changes),
        }
    }

    /// Returns the same settings with other changes.
    pub fn with(&self, changes: Changes) -> Result<Config, Problems> {
        read(self.written.clone(), changes)
    }

    /// Returns a hash of everything in force, the same for the same settings wherever they were written. A password in
    /// the database's address does not count.
    pub fn hash(&self) -> u64 {
        let digest = Sha256::digest(self.text(|_| String::new()));
        u64::from_le_bytes(digest[..8].try_into().expect("a digest has 32 bytes"))
    }

    /// Returns everything in force as TOML, each line with where it came from. Passwords are stars.
    pub fn show(&self) -> String {
        self.text(|place| match place.source.as_str() {
            DEFAULT_NAME => String::new(),
            _ => format!("  # {place}"),
        })
    }

    /// Yields everything in force: section, key, value (as TOML), place.
    pub fn entries(&self) -> impl Iterator<Item = (&str, &str, &str, &Place)> {
        self.in_force.iter().flat_map(|group| {
            group.entries.iter().map(|entry| (group.header.as_str(), entry.key, entry.value.as_str(), &entry.place))
        })
    }

    fn text(&self, remark: impl Fn(&Place) -> String) -> String {
        let mut text = String::new();
        for group in self.in_force.iter().filter(|group| !group.entries.is_empty()) {
            let _ = writeln!(text, "{}", group.header);
            for entry in &group.entries {
                let _ = writeln!(text, "{} = {}{}", entry.key, entry.value, remark(&entry.place));
            }
            text.push('\n');
        }
        text
    }
}

const DEFAULT_NAME: &str = "config/default.toml (built in)";

fn file_text(path: &Path) -> Result<String, Problems> {
    std::fs::read_to_string(path).map_err(|error| {
        Problems(vec![Problem {
            place: Place::named(&path.display().to_string()),
            key: String::new(),
            wrong: format!("cannot be read: {error}"),
            allowed: "a text file with settings in TOML".to_owned(),
            fix: "check the path given with --config (or REMORA_CONFIG), and that this user may read it".to_owned(),
        }])
    })
}

fn read(written: Texts, changes: Changes) -> Result<Config, Problems> {
    let defaults = Document::parse(DEFAULT_NAME, DEFAULT)?;
    let presets = Document::parse("config/presets.toml (built in)", PRESETS)?;
    let file = written.file.as_ref().map(|(name, text)| Document::parse(name, text)).transpose()?;
    let overrides = outside(&written.overrides);
    let changed = changes.to_string();
    let changed = Document::parse(changes::FILE, &changed)?;
    let mut reader = Reader::new(file.iter().chain([&defaults]).collect(), &presets, &overrides).with_changes(&changed);

    let data = sections::data(&mut reader);
    let paper = sections::paper(&mut reader);
    let live = sections::live(&mut reader);
    let ceilings = sections::ceilings(&mut reader);
    let prepare = prepare::read(&mut reader);
    let wallet = sections::wallet(&mut reader, &live);
    let chain = sections::chain(&mut reader);
    let reconcile = sections::reconcile(&mut reader);
    let feed = sections::feed(&mut reader);
    let sources = sources::read(&mut reader, feed.data_url.as_deref());
    let signals = sections::signals(&mut reader);
    let weights = scoring::weights(&mut reader);
    let model = scoring::model(&mut reader);
    let journal = sections::journal(&mut reader);
    let store = sections::store(&mut reader);
    let web = sections::web(&mut reader);
    let alerts = alerts::read(&mut reader);
    let hot = sections::hot(&mut reader);
    let log = sections::log(&mut reader);
    let values = sections::values(&mut reader);
    let replay = sections::replay(&mut reader);
    let leaders = strategy::leaders(&mut reader);
    let (strategies, strategy_default) = strategy::strategies(&mut reader, &leaders);

    let mut top = reader.section("");
    for name in SECTIONS {
        top.knows(name);
    }
    top.finish();
    let (in_force, rehearsed) = reader.finish()?;
    drop((file, changed));
    Ok(Config {
        data,
        paper,
        live,
        ceilings,
        prepare,
        wallet,
        chain,
        reconcile,
        feed,
        sources,
        signals,
        weights,
        model,
        journal,
        store,
        web,
        alerts,
        hot,
        log,
        values,
        replay,
        leaders,
        strategies,
        strategy_default,
        changes,
        written,
        in_force,
        rehearsed,
    })
}

const SECTIONS: [&str; 25] = [
    "data",
    "paper",
    "live",
    "ceilings",
    "prepare",
    "wallet",
    "chain",
    "reconcile",
    "feed",
    "sources",
    "signals",
    "scoring",
    "model",
    "journal",
    "store",
    "web",
    "alerts",
    "alert",
    "hot",
    "log",
    "values",
    "replay",
    "leader",
    "strategy",
    "strategy_default",
];

fn outside(overrides: &Overrides) -> Vec<Override> {
    let Overrides { data, listen, database_url, log_level } = overrides;
    let text = |key, value: Option<String>, source| value.map(|value| Override { key, value, source });
    let all = [
        text("data.dir", data.as_ref().map(|path| path.display().to_string()), "--data or REMORA_DATA_DIR"),
        text("web.listen", listen.clone(), "--listen or REMORA_LISTEN"),
        text("store.database_url", database_url.clone(), "--database-url or DATABASE_URL"),
        text("log.level", log_level.map(|level| level.code().to_owned()), "--log-level or REMORA_LOG_LEVEL"),
    ];
    all.into_iter().flatten().collect()
}

#[cfg(test)]
mod tests;
