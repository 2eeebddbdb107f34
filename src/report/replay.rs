//! Recordings through the same engine: the same decoder, core and paper venue as a live session, in recorded time.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

use super::{
    outcomes::{self, Outcome},
    result::{self, ReplayResult},
};
use crate::{
    clock,
    config::{CAPITAL_DEFAULT, Config},
    domain::{Divergence, Input, LeaderId, Mode, Nanos, PortfolioId, Price, Shares, Side, TokenId, Usdc},
    engine::{Engine, book::Trust},
    feed::{
        hash::{HashVerifier, Verdict},
        leader::{LeaderDecoder, LeaderRows, Sighting},
        lines::FileError,
        market::{Batch, MalformedCode, MarketDecoder, Proof},
        recording::{RecordingReader, SideReader, Source},
        registry::{MarketIds, Registry, RegistryError},
    },
    hot_loop::{Core, Digest},
    metrics::{Stage, StageRecorder, Stages},
    start::{Names, denied, engine_options, paper_options},
    venue::paper::Paper,
};

/// Whether the venue's book hashes are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verify {
    Hashes,
    Nothing,
}

/// How fast recorded time passes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Speed {
    Max,
    /// So many recorded seconds a second.
    Times(f64),
}

/// What to play, and how.
#[derive(Clone, Debug)]
pub struct Replay {
    /// Played one after the other.
    pub market: Vec<PathBuf>,
    /// Trades of leaders, merged by time.
    pub leaders: Option<PathBuf>,
    pub outcomes: Option<PathBuf>,
    pub verify: Verify,
    pub speed: Speed,
}

#[derive(Debug)]
pub enum ReplayError {
    File(FileError),
    Registry(RegistryError),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReplayError::File(error) => error.fmt(f),
            ReplayError::Registry(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for ReplayError {}

impl From<FileError> for ReplayError {
    fn from(error: FileError) -> ReplayError {
        ReplayError::File(error)
    }
}
impl From<RegistryError> for ReplayError {
    fn from(error: RegistryError) -> ReplayError {
        ReplayError::Registry(error)
    }
}

/// How far it is, for a progress bar.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    pub messages: u64,
    pub bytes: u64,
    /// The recorded time that was reached.
    pub at: Nanos,
}

/// Messages between two reports of progress.
const PROGRESS_EVERY: u64 = 4_096;

/// Plays it all and returns what came of it. Strategies and leaders are those of the settings; if there is no strategy, a
/// default one follows every wallet in the leaders' file.
pub fn run(config: &Config, replay: &Replay, progress: impl FnMut(Progress)) -> Result<ReplayResult, ReplayError> {
    let begun = clock::mono();
    let stages = Stages::new();
    let mut player = Player::new(config, replay, &stages, progress)?;
    for path in &replay.market {
        player.play(path)?;
    }
    player.finish()?;
    let result = player.result(clock::mono() - begun);
    // Recorders hold back what they recorded until they are gone.
    Ok(ReplayResult { stages: result::stages(&stages), ..result })
}

struct Player<'a, P> {
    config: &'a Config,
    core: Core<Digest>,
    stages: StageRecorder,
    names: Names,
    /// What each portfolio begins with.
    capitals: Vec<Usdc>,
    market: MarketDecoder,
    leaders: LeaderDecoder,
    batch: Batch,
    hashes: Option<HashVerifier>,
    verdicts: [u64; 3],
    /// What is still to come, earliest last.
    rows: Vec<(Nanos, Row)>,
    outcomes: Vec<Outcome>,
    leader_trades: u64,
    messages: u64,
    bytes: u64,
    first: Option<Nanos>,
    pace: Pace,
    progress: P,
}

type Row = crate::feed::leader::LeaderRow;

impl<'a, P: FnMut(Progress)> Player<'a, P> {
    fn new(config: &'a Config, replay: &Replay, stages: &Stages, progress: P) -> Result<Player<'a, P>, ReplayError> {
        let mut names = Names {
            registry: Registry::new(),
            portfolios: vec![],
            markets: vec![],
            ids: MarketIds::default(),
            live: crate::start::LiveLeft::default(),
            past: crate::start::Past::default(),
            known_until: None,
        };
        let rows = match &replay.leaders {
            Some(path) => leader_rows(path)?,
            None => vec![],
        };
        let mut outcomes = match &replay.outcomes {
            Some(path) => outcomes::read(path, config.replay.market)?,
            None => vec![],
        };
        outcomes.reverse();
        let paper = Paper::new(paper_options(config));
        let mut core = Core::new(Engine::new(engine_options(config)), paper, Digest::new(), stages.recorder());
        let capitals = install(config, &mut core, &mut names, &rows)?;
        let (market, hashes) = match replay.verify {
            Verify::Hashes => (MarketDecoder::with_proofs(), Some(HashVerifier::new())),
            Verify::Nothing => (MarketDecoder::new(), None),
        };
        Ok(Player {
            config,
            core,
            stages: stages.recorder(),
            names,
            capitals,
            market,
            leaders: LeaderDecoder::new(),
            batch: Batch::default(),
            hashes,
            verdicts: [0; 3],
            rows,
            outcomes,
            leader_trades: 0,
            messages: 0,
            bytes: 0,
            first: None,
            pace: Pace { speed: replay.speed, begun: None },
            progress,
        })
    }

    fn play(&mut self, path: &Path) -> Result<(), ReplayError> {
        let mut reader = RecordingReader::open(path)?;
        let side = SideReader::path_for(path).filter(|side| self.hashes.is_some() && side.is_file());
        let mut side = side.map(|path| SideReader::open(&path)).transpose()?;
        while let Some(line) = reader.next()? {
            self.messages += 1;
            self.bytes += line.msg.len() as u64;
            let row = side.as_mut().map(SideReader::next).transpose()?.flatten();
            match line.source {
                Source::Market => {
                    let is_read = self.decode(line.msg)?;
                    let at = line.recv.or_else(|| self.batch_time()).unwrap_or(self.core.now());
                    self.pace.wait(at);
                    self.until(at)?;
                    if let (Some(row), Some(hashes)) = (row, &mut self.hashes) {
                        let token = self.names.registry.token(row.token.as_bytes());
                        token.into_iter().for_each(|token| hashes.learn(token, &row.said()));
                    }
                    if is_read {
                        self.apply(at);
                    }
                }
                Source::Leader => {
                    let sighting = self.leaders.decode_rtds(line.msg, &self.names.registry);
                    let at = line.recv.unwrap_or(self.core.now());
                    self.pace.wait(at);
                    self.until(at)?;
                    // What is wrong with it is counted by the decoder.
                    if let Ok(sighting) = sighting {
                        self.sighted(at, &sighting)?;
                    }
                }
                Source::Other => (),
            }
            if self.messages.is_multiple_of(PROGRESS_EVERY) {
                let (messages, bytes, at) = (self.messages, self.bytes, self.core.now());
                (self.progress)(Progress { messages, bytes, at });
            }
        }
        Ok(())
    }

    /// Decodes a frame into the batch; tokens seen for the first time are installed. Returns whether it was well-formed.
    fn decode(&mut self, frame: &[u8]) -> Result<bool, ReplayError> {
        let begun = clock::mono();
        let counted = self.market.counters;
        let mut result = self.market.decode(frame, &self.names.registry, &mut self.batch);
        if !self.batch.unknown.is_empty() {
            let unknown = std::mem::take(&mut self.batch.unknown);
            for text in &unknown {
                self.install_token(text)?;
            }
            // It is one frame, even if it is read twice.
            self.market.counters = counted;
            result = self.market.decode(frame, &self.names.registry, &mut self.batch);
        }
        self.stages.record(Stage::Decode, clock::mono() - begun);
        Ok(result.is_ok())
    }

    fn install_token(&mut self, text: &str) -> Result<TokenId, ReplayError> {
        let (id, is_new) = self.names.registry.add_token(text)?;
        if is_new {
            let known = self.outcomes.iter().find(|outcome| outcome.token == text);
            let market = known.map_or(self.config.replay.market, |outcome| outcome.market);
            let name = known.map(|known| known.name.clone()).unwrap_or_default();
            let market = self.names.identified(market, &name);
            self.names.markets.push(name);
            self.core.engine.install_token(id);
            self.core.engine.set_market(id, market);
            self.core.engine.deny(id, denied(self.config, &self.names, id));
        }
        Ok(id)
    }

    /// Returns the time in the message itself, for recordings that did not keep when it was received.
    fn batch_time(&self) -> Option<Nanos> {
        self.batch.inputs.iter().find_map(|input| match input {
            Input::Snapshot { at, .. } | Input::BookDone { at, .. } => Some(at.nanos()),
            _ => None,
        })
    }

    /// Pays in the capital before the first thing happens: recorded time begins there, and not in 1970.
    fn begin(&mut self, at: Nanos) {
        if self.first.is_some() {
            return;
        }
        let at = self.rows.last().map_or(at, |(row, _)| at.min(*row));
        self.first = Some(at);
        for (index, capital) in self.capitals.iter().enumerate() {
            let id = PortfolioId(index as u16);
            let fund = |engine: &mut Engine, now, events: &mut _| engine.fund(now, id, *capital, events);
            self.core.set_up(at, fund).expect("a digest has always room");
        }
    }

    /// Lets everything happen that the leaders' file and the outcomes have before `at`.
    fn until(&mut self, at: Nanos) -> Result<(), ReplayError> {
        self.begin(at);
        loop {
            let row = self.rows.last().map_or(Nanos::NEVER, |(at, _)| *at);
            let end = self.outcomes.last().map_or(Nanos::NEVER, |outcome| outcome.ends_at);
            if at < row.min(end) {
                return Ok(());
            }
            if row <= end {
                if let Some((at, row)) = self.rows.pop() {
                    let sighting = row.sighting(&self.names.registry);
                    self.sighted(at, &sighting)?;
                }
            } else if let Some(outcome) = self.outcomes.pop() {
                self.ended(&outcome);
            }
        }
    }

    fn sighted(&mut self, at: Nanos, sighting: &Sighting) -> Result<(), ReplayError> {
        let trade = match sighting {
            Sighting::Stranger | Sighting::NotATrade => return Ok(()),
            Sighting::Trade(trade) => *trade,
            Sighting::ColdToken(cold) => cold.of(self.install_token(cold.token.as_str())?),
        };
        self.leader_trades += 1;
        self.handle(at, &Input::LeaderTrade(trade));
        Ok(())
    }

    fn ended(&mut self, outcome: &Outcome) {
        let token = self.names.registry.token(outcome.token.as_bytes());
        if let (Some(token), Some(payout)) = (token, outcome.payout) {
            self.handle(outcome.ends_at, &Input::Resolved { token, payout });
        }
    }

    /// Feeds the batch to the engine, checking hashes where they belong.
    fn apply(&mut self, at: Nanos) {
        let batch = std::mem::take(&mut self.batch);
        let mut applied = 0;
        for proof in &batch.proofs {
            batch.inputs[applied..proof.after].iter().for_each(|input| self.handle(at, input));
            self.prove(at, proof, &batch.inputs[applied..proof.after]);
            applied = proof.after;
        }
        batch.inputs[applied..].iter().for_each(|input| self.handle(at, input));
        self.batch = batch;
    }

    /// Checks the book after a message, which consisted of `inputs`.
    fn prove(&mut self, at: Nanos, proof: &Proof, inputs: &[Input]) {
        let Some(hashes) = &mut self.hashes else { return };
        let token = proof.token;
        let book = &self.core.engine.token(token).book;
        let is_snapshot = inputs.iter().any(|input| matches!(input, Input::Snapshot { token: of, .. } if *of == token));
        if is_snapshot && matches!(book.trust(), Trust::Diverged(Divergence::StaleSnapshot)) {
            // The engine keeps the newer book, so the hash speaks of the message alone.
            let (bids, asks) = (levels(inputs, token, Side::Buy), levels(inputs, token, Side::Sell));
            let verdict = hashes.check(&self.names.registry, proof, bids.into_iter(), asks.into_iter().rev());
            self.verdicts[verdict as usize] += u64::from(proof.hash.is_some());
            return;
        }
        let verdict = hashes.check(&self.names.registry, proof, book.bids_up(), book.asks_down());
        if proof.hash.is_none() {
            return; // Only ingredients.
        }
        self.verdicts[verdict as usize] += 1;
        match verdict {
            Verdict::Good => self.handle(at, &Input::HashChecked { token, good: true }),
            Verdict::Bad => self.handle(at, &Input::HashChecked { token, good: false }),
            Verdict::Unknown => (),
        }
    }

    fn handle(&mut self, at: Nanos, input: &Input) {
        self.core.handle(at, input).expect("a digest has always room");
        // Nobody fetches books in a replay: the recording's next snapshot is what there is.
        self.core.resync.clear();
    }

    /// Lets what is left of the leaders' file and of the outcomes happen, and the orders under way meet the last books.
    fn finish(&mut self) -> Result<(), ReplayError> {
        let end = self.rows.first().map_or(self.core.now(), |(at, _)| *at);
        self.begin(end);
        self.until(Nanos(Nanos::NEVER.0 - 1))?;
        let settled = self.core.now().plus(self.config.paper.fill_delay);
        self.core.advance(settled).expect("a digest has always room");
        let worth = |engine: &mut Engine, now, events: &mut _| engine.value_all(now, events);
        self.core.set_up(settled, worth).expect("a digest has always room");
        Ok(())
    }

    fn result(self, elapsed: u64) -> ReplayResult {
        let (engine, tally, counters) = (&self.core.engine, &self.core.tally, &self.market.counters);
        let names: Vec<String> = self.names.portfolios.iter().map(|(name, _)| name.clone()).collect();
        let (realised, unrealised) = result::pnl(engine);
        let malformed = MalformedCode::ALL.iter().zip(counters.malformed).filter(|(_, count)| *count > 0);
        ReplayResult {
            messages: self.messages,
            books: counters.messages.book,
            price_changes: counters.messages.price_change,
            ignored: counters.messages.unknown_type,
            malformed: malformed.map(|(code, count)| (code.code(), count)).collect(),
            hash_ok: self.verdicts[Verdict::Good as usize],
            hash_bad: self.verdicts[Verdict::Bad as usize],
            hash_unknown: self.verdicts[Verdict::Unknown as usize],
            diverged: tally.diverged,
            resynced: tally.resynced,
            tokens: engine.tokens().len(),
            leader_trades: self.leader_trades,
            signals: tally.signals,
            skips: tally.skips().collect(),
            refusals: tally.refusals().collect(),
            orders: tally.orders,
            rejections: tally.rejections().collect(),
            fills: tally.fills,
            settled: tally.settled,
            fees: tally.fees.to_string(),
            realised_pnl: realised.to_string(),
            unrealised_pnl: unrealised.to_string(),
            portfolios: result::portfolios(engine, &names),
            positions: result::positions(engine, &self.names.registry, &names),
            digest: self.core.log.hex(),
            first_at_ns: self.first.unwrap_or_default().0,
            last_at_ns: self.core.now().0,
            elapsed_s: elapsed as f64 / 1e9,
            bytes: self.bytes,
            bytes_per_s: (u128::from(self.bytes) * 1_000_000_000 / u128::from(elapsed.max(1))) as u64,
            peak_rss_bytes: result::peak_rss_bytes(),
            stages: Default::default(),
        }
    }
}

/// Returns one side of a message's levels from the lowest price.
fn levels(inputs: &[Input], of: TokenId, on: Side) -> BTreeMap<Price, Shares> {
    let level = |input: &Input| match *input {
        Input::Level { token, side, price, size } if token == of && side == on => Some((price, size)),
        _ => None,
    };
    inputs.iter().filter_map(level).filter(|(_, size)| *size > Shares::ZERO).collect()
}

/// Returns the rows with the times they were seen (or, where nobody wrote that down, traded), earliest last.
fn leader_rows(path: &Path) -> Result<Vec<(Nanos, Row)>, FileError> {
    let rows = LeaderRows::open(path)?.rows;
    let mut rows: Vec<_> = rows.into_iter().map(|row| (row.seen_at.unwrap_or(row.traded_at()), row)).collect();
    // Stable, so that rows of one moment stay in the file's order.
    rows.reverse();
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    Ok(rows)
}

/// Installs the settings' leaders and strategies, or a default strategy that follows everybody in the rows. Returns what
/// each portfolio begins with.
fn install(
    config: &Config,
    core: &mut Core<Digest>,
    names: &mut Names,
    rows: &[(Nanos, Row)],
) -> Result<Vec<Usdc>, ReplayError> {
    let (mut leaders, mut capitals): (Vec<LeaderId>, _) = (vec![], vec![]);
    for leader in &config.leaders {
        let mut wallets = leader.wallets.iter();
        let first = wallets.next().expect("at least one wallet");
        let id = names.registry.add_leader(first)?.0;
        for wallet in wallets {
            let other = names.registry.add_leader(wallet)?.0;
            names.registry.join(other, id);
        }
        if let Some(capital) = leader.capital {
            core.engine.set_capital(id, capital);
        }
        leaders.push(id);
    }
    let mut add = |name: &str, settings, capital, follows: &[LeaderId]| {
        let id = PortfolioId(names.portfolios.len() as u16);
        names.portfolios.push((name.to_owned(), Mode::Paper));
        core.engine.install_portfolio(id, Mode::Paper, settings);
        follows.iter().for_each(|leader| core.engine.follow(*leader, id));
        capitals.push(capital);
    };
    if config.strategies.is_empty() {
        for (_, row) in rows {
            leaders.push(names.registry.add_leader(row.wallet())?.0);
        }
        add("everybody", config.strategy_default, CAPITAL_DEFAULT, &leaders);
    }
    for strategy in &config.strategies {
        let follows: Vec<LeaderId> = strategy.leaders.iter().map(|index| leaders[*index]).collect();
        add(&strategy.name, strategy.settings, strategy.capital, &follows);
    }
    Ok(capitals)
}

/// Keeps recorded time from passing faster than asked.
struct Pace {
    speed: Speed,
    begun: Option<(Nanos, u64)>,
}

impl Pace {
    fn wait(&mut self, at: Nanos) {
        let Speed::Times(times) = self.speed else { return };
        let (first, begun) = *self.begun.get_or_insert((at, clock::mono()));
        let due = begun + (at.since(first).0 as f64 / times) as u64;
        let now = clock::mono();
        if now < due {
            std::thread::sleep(Duration::from_nanos(due - now));
        }
    }
}
