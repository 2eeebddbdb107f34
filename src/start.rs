//! START-UP IS RECOVERY: the journal gives names and state back, the settings say what goes on from there.

mod live;
mod past;

use std::fmt;

pub use live::{LOOK_BACK, LiveLeft, Resumed};
pub use past::{Past, Process};

use crate::{
    config::{Config, LeaderConfig, StrategyConfig},
    domain::{
        LeaderId, LiveOrders, Market, Mode, Nanos, PaperSwitch, PortfolioId, PortfolioSet, Settings, TokenId, Usdc,
        settings::{Filter, Limits},
    },
    engine::{Engine, Options},
    feed::registry::{MarketIds, Registry, RegistryError},
    hot_loop::Core,
    journal::{Full, Journal, JournalError, MarketAbout, Record, recover},
    metrics::StageRecorder,
    venue::paper::{Paper, PaperOptions},
};

/// What a portfolio whose strategy left the settings does: nothing new; what it holds stays until the end of its markets.
fn retired() -> Settings {
    let filter = Filter { trade_age_max: Nanos::ZERO, close_time_min: Nanos::NEVER, ..Filter::OPEN };
    let limits = Limits { position_usdc_max: Usdc::ZERO, exposure_usdc_max: Usdc::ZERO, ..Limits::OPEN };
    Settings { filter, limits, ..Settings::OPEN }
}

/// Who is who: everything with a name, by dense id.
pub struct Names {
    pub registry: Registry,
    pub portfolios: Vec<(String, Mode)>,
    /// What is known of each token's market, for filters by condition, slug or tag.
    pub markets: Vec<MarketName>,
    pub ids: MarketIds,
    /// What the journal knows of live orders.
    pub live: LiveLeft,
    /// Which processes wrote it.
    pub past: Past,
    /// When the last of them wrote last.
    pub known_until: Option<Nanos>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MarketName {
    pub condition: String,
    pub slug: String,
    /// What the markets of one event of the venue share.
    pub event: String,
    /// As [`tag`](crate::config::tag) writes them; `None` while the venue has not said which there are.
    pub tags: Option<Vec<String>>,
}

/// A message for the operator about something start-up found.
pub type Notice = String;

#[derive(Debug)]
pub enum StartError {
    Journal(JournalError),
    Full(Full),
    Registry(RegistryError),
    /// Replaying the journal led to another state than the process that wrote it had.
    StateDiffers {
        seq: u64,
        written: u64,
        rebuilt: u64,
    },
    /// The journal is of another wallet.
    OtherWallet {
        before: String,
        now: String,
    },
    /// A record names ids out of order: it was not written by this program.
    OutOfOrder {
        seq: u64,
        what: &'static str,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            StartError::Journal(error) => error.fmt(f),
            StartError::Full(error) => error.fmt(f),
            StartError::Registry(error) => error.fmt(f),
            StartError::StateDiffers { seq, written, rebuilt } => write!(
                f,
                "the journal's checkpoint {seq} has state {written:016x}, but replaying the records before it gives \
                 {rebuilt:016x}.\n  The journal was written by another version or changed since. Nothing was changed.\n  \
                 fix: start with the version that wrote it, or with an empty data folder (--data DIR)"
            ),
            StartError::OtherWallet { before, now } => write!(
                f,
                "this data folder keeps the books of the wallet {before}, and the settings name {now}: its orders, positions and \
                 money are not those of the other. Nothing was changed.\n  fix: name the wallet of before in [wallet], or give \
                 this one a folder of its own (--data DIR)"
            ),
            StartError::OutOfOrder { seq, what } => write!(
                f,
                "journal record {seq} names a {what} out of order: it was not written by this program.\n  \
                 fix: restore the journal from a backup, or start with an empty data folder (--data DIR)"
            ),
        }
    }
}

impl std::error::Error for StartError {}

impl From<JournalError> for StartError {
    fn from(error: JournalError) -> StartError {
        StartError::Journal(error)
    }
}
impl From<Full> for StartError {
    fn from(error: Full) -> StartError {
        StartError::Full(error)
    }
}
impl From<RegistryError> for StartError {
    fn from(error: RegistryError) -> StartError {
        StartError::Registry(error)
    }
}

/// Returns what the engine is told once.
pub fn engine_options(config: &Config) -> Options {
    Options {
        group_window: config.signals.group_window,
        metadata_wait: config.feed.metadata_wait,
        value_every: Nanos(config.values.every.as_nanos() as u64),
        weights: config.weights,
        paper: if config.paper.enabled { PaperSwitch::On } else { PaperSwitch::Off },
        live: config.live.switch,
        live_orders: LiveOrders::Missing,
    }
}

pub fn paper_options(config: &Config) -> PaperOptions {
    PaperOptions { fill_delay: config.paper.fill_delay, depth_memory: config.paper.depth_memory }
}

/// Rebuilds the state from the journal, brings it in line with the settings, and ends what the last process left open.
pub fn recovered(
    config: &Config,
    journal: Journal,
    process: &Process,
    stages: StageRecorder,
    now: Nanos,
) -> Result<(Core<Journal>, Names, Vec<Notice>), StartError> {
    let mut engine = Engine::new(engine_options(config));
    let mut names = Names {
        registry: Registry::new(),
        portfolios: vec![],
        markets: vec![],
        ids: MarketIds::default(),
        live: LiveLeft::default(),
        past: Past::default(),
        known_until: None,
    };
    let (dir, tail) = (journal.dir().to_owned(), journal.tail());
    recover(&dir, &tail, |seq, at, record| replayed(&mut engine, &mut names, config, seq, at, &record))?;
    names.past.fits(process)?;
    let mut core = Core::new(engine, Paper::new(paper_options(config)), journal, stages);
    core.set_ceilings(config.ceilings);
    // Three of the process, and a name for each leader and portfolio of the settings.
    let wallets: usize = config.leaders.iter().map(|leader| leader.wallets.len()).sum();
    core.log.reserve(3 + wallets + 2 * config.strategies.len())?;
    core.log.append(now, &Record::Session { version: env!("CARGO_PKG_VERSION"), config: config.hash() });
    process.write(&mut core.log, now);
    let mut notices = follow_settings(config, &mut core, &mut names, now)?;
    notices.extend(past::off_unless_the_same(config, &mut core, &names.past, now)?);
    notices.extend(past::hold_back(config, process, &mut core, &names, now)?);
    core.resume(now)?;
    Ok((core, names, notices))
}

fn replayed(
    engine: &mut Engine,
    names: &mut Names,
    config: &Config,
    seq: u64,
    at: Nanos,
    record: &Record<'_>,
) -> Result<(), StartError> {
    names.known_until = Some(at);
    let in_order = |holds: bool, what| if holds { Ok(()) } else { Err(StartError::OutOfOrder { seq, what }) };
    match *record {
        Record::Session { .. }
        | Record::Boot { .. }
        | Record::Wallet { .. }
        | Record::Changed { .. }
        | Record::Ended => names.past.fold(record),
        Record::Token { id, text } => {
            in_order(names.registry.add_token(text)? == (id, true), "token")?;
            engine.install_token(id);
            names.markets.push(MarketName::default());
        }
        Record::Market { token, market, about } => {
            in_order(token.index() < names.markets.len(), "market")?;
            let name = MarketName::of(&about);
            let known = names.identified(market, &name);
            let is_same = |ids: (u32, u32)| ids.0 == 0 || ids.0 == ids.1;
            in_order(is_same((market.condition.0, known.condition.0)), "condition")?;
            in_order(is_same((market.venue_event.0, known.venue_event.0)), "event")?;
            engine.set_market(token, known);
            names.markets[token.index()] = name;
        }
        Record::Leader { id, wallet, .. } => in_order(names.registry.add_leader(wallet)? == (id, true), "leader")?,
        Record::Portfolio { id, strategy, mode } => {
            in_order(id.index() == names.portfolios.len(), "portfolio")?;
            let told = config.strategies.iter().find(|s| s.name == strategy).and_then(|s| s.portfolio(mode));
            engine.install_portfolio(id, mode, told.map_or(retired(), |told| told.settings));
            names.portfolios.push((strategy.to_owned(), mode));
        }
        Record::Event(event) => {
            names.live.fold(at, &event);
            engine.apply(at, &event);
        }
        Record::Checkpoint { state } => {
            let rebuilt = engine.state_hash();
            if rebuilt != state {
                return Err(StartError::StateDiffers { seq, written: state, rebuilt });
            }
        }
    }
    Ok(())
}

/// Gives names to what is new in the settings, says who follows whom, and brings capital to what they say.
fn follow_settings(
    config: &Config,
    core: &mut Core<Journal>,
    names: &mut Names,
    now: Nanos,
) -> Result<Vec<Notice>, StartError> {
    let mut notices = vec![];
    let mut leaders = Vec::with_capacity(config.leaders.len());
    for leader in &config.leaders {
        let ids = wallets_of(leader, core, names, now)?;
        for id in &ids {
            if let Some(capital) = leader.capital {
                core.engine.set_capital(*id, capital);
            }
        }
        notices.extend((ids.len() > 1).then(|| not_joined(leader, &ids, names)));
        leaders.push(ids);
    }
    for strategy in &config.strategies {
        for mode in [Mode::Paper, Mode::Live] {
            let Some(told) = strategy.portfolio(mode) else { continue };
            let id = portfolio_of(core, names, &strategy.name, mode, told.settings, now);
            let followed = strategy.leaders.iter().flat_map(|index| &leaders[*index]);
            followed.for_each(|leader| core.engine.follow(*leader, id));
            let missing = core.set_up(now, |engine, now, events| engine.fund(now, id, told.capital, events))?;
            if missing == Usdc::ZERO {
                continue;
            }
            notices.push(format!(
                "strategy {:?}: its {} capital was lowered, but ${missing} of it is not available yet; it is withdrawn at a \
                 later start, when enough positions are closed",
                strategy.name,
                mode.code()
            ));
        }
    }
    for (index, (name, mode)) in names.portfolios.iter().enumerate() {
        let id = PortfolioId(index as u16);
        let holds = core.engine.positions().iter().filter(|position| position.portfolio == id).count();
        let is_told = |strategy: &StrategyConfig| strategy.name == *name && strategy.portfolio(*mode).is_some();
        if holds > 0 && !config.strategies.iter().any(is_told) {
            notices.push(format!(
                "strategy {name:?} is not in the settings any more, but holds {holds} positions; they stay until their \
                 markets end. Put it back to have its exits followed"
            ));
        }
    }
    for token in 0..names.markets.len() {
        let token = TokenId(token as u32);
        core.engine.deny(token, denied(config, names, token));
    }
    Ok(notices)
}

/// Makes a leader's wallets one. Returns his id; and those of wallets that stay leaders of their own because positions hang on
/// them, whose exits are theirs.
fn wallets_of(
    leader: &LeaderConfig,
    core: &mut Core<Journal>,
    names: &mut Names,
    now: Nanos,
) -> Result<Vec<LeaderId>, StartError> {
    let mut ids = Vec::with_capacity(leader.wallets.len());
    for wallet in &leader.wallets {
        let (id, is_new) = names.registry.add_leader(wallet)?;
        if is_new {
            core.log.append(now, &Record::Leader { id, wallet, name: &leader.name });
        }
        ids.push(id);
    }
    // The oldest: he stays who he is when wallets are added.
    let owner = ids.iter().copied().min().expect("at least one wallet");
    let is_led = |id: &LeaderId| core.engine.positions().iter().any(|position| position.leader == *id);
    let (own, joined): (Vec<LeaderId>, Vec<LeaderId>) = ids.into_iter().partition(|id| *id == owner || is_led(id));
    joined.into_iter().for_each(|id| names.registry.join(id, owner));
    Ok(own)
}

fn not_joined(leader: &LeaderConfig, own: &[LeaderId], names: &Names) -> Notice {
    let wallets: Vec<&str> = own.iter().map(|id| names.registry.leader_wallet(*id)).collect();
    format!(
        "leader {:?}: positions are held because of more than one of his wallets ({}); until they are closed each of these is \
         followed as a leader of its own. Start again then",
        leader.name,
        wallets.join(", ")
    )
}

fn portfolio_of(
    core: &mut Core<Journal>,
    names: &mut Names,
    strategy: &str,
    mode: Mode,
    settings: Settings,
    now: Nanos,
) -> PortfolioId {
    if let Some(id) = names.portfolio(strategy, mode) {
        return id;
    }
    let id = PortfolioId(names.portfolios.len() as u16);
    core.log.append(now, &Record::Portfolio { id, strategy, mode });
    core.engine.install_portfolio(id, mode, settings);
    names.portfolios.push((strategy.to_owned(), mode));
    id
}

impl Names {
    /// Returns a strategy's portfolio of this mode, if there ever was one.
    pub fn portfolio(&self, strategy: &str, mode: Mode) -> Option<PortfolioId> {
        let index = self.portfolios.iter().position(|(name, of)| name == strategy && *of == mode);
        index.map(|index| PortfolioId(index as u16))
    }
}

/// Returns the portfolios whose market filter keeps a token out: by token id, condition id, slug or tag.
pub fn denied(config: &Config, names: &Names, token: TokenId) -> PortfolioSet {
    let text = names.registry.token_text(token);
    let MarketName { condition, slug, tags, .. } = &names.markets[token.index()];
    let mut denied = PortfolioSet::EMPTY;
    for strategy in &config.strategies {
        let is_kept_out = strategy.markets.keeps_out(&[text, condition, slug], tags.as_deref());
        let both = [Mode::Paper, Mode::Live].into_iter().filter_map(|mode| names.portfolio(&strategy.name, mode));
        both.filter(|_| is_kept_out).for_each(|id| denied.insert(id));
    }
    denied
}

impl Names {
    /// Returns a market with the ids of its condition and event.
    pub fn identified(&mut self, market: Market, name: &MarketName) -> Market {
        let (condition, venue_event) = (self.ids.condition(&name.condition), self.ids.venue_event(&name.event));
        Market { condition, venue_event, ..market }
    }
}

impl MarketName {
    pub fn of(about: &MarketAbout<'_>) -> MarketName {
        let tags = about.tags.map(|tags| tags.split_whitespace().map(str::to_owned).collect());
        let [condition, slug, event] = [about.condition, about.slug, about.event].map(str::to_owned);
        MarketName { condition, slug, event, tags }
    }
}

#[cfg(test)]
mod tests;
