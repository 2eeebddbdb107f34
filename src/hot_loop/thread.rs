//! The thread itself: drains the rings, market before leaders, runs what is due, publishes what it sees. Between its turns it
//! polls the sockets on the way of an order ([`Inlet::runtime`]): from a leader's frame to our request no thread must wake.

use std::{
    io,
    sync::{
        Arc,
        atomic::{Ordering, fence},
    },
    thread::JoinHandle,
    time::Duration,
};

use tokio::{runtime, task::yield_now, time::timeout};

use super::{
    Core, Log,
    inlet::{Command, Inlet, Rings, Stamped},
};
use crate::{
    clock,
    config::{HotConfig, Wait},
    domain::{Input, Mode, Nanos, PortfolioId, Shares, Source, TokenId},
    engine::{Engine, Entries, Events, book::Trust, ledger::Account, position::Position},
    fault,
    journal::{Full, Journal, MarketAbout, Record, fits},
    metrics::{
        BOOKS_SHOWN, BookNow, COOLING_SHOWN, CoolingNow, LEVELS_SHOWN, Mark, PortfolioNow, Published, Snapshot, Stage,
        StageRecorder, Use,
    },
    venue::polymarket::reconcile::{Holding, LiveBooks},
};

/// Inputs taken from one ring before the others are looked at.
const DRAIN_MAX: usize = 4_096;
/// How often the snapshot is renewed, and the longest sleep.
const PUBLISH_EVERY: Nanos = Nanos::from_millis(100);
/// How often the journal notes the state's hash, for recovery to compare.
const CHECKPOINT_EVERY: Nanos = Nanos::from_secs(60);
/// How often a book that is still diverged is asked for again: the request or its answer may be lost, or stale.
const RESYNC_EVERY: Nanos = Nanos::from_secs(5);

/// A running hot thread.
pub struct HotThread {
    pub inlet: Inlet,
    /// Tokens whose books must be fetched again.
    pub resync: tokio::sync::mpsc::Receiver<TokenId>,
    thread: JoinHandle<Result<(), Full>>,
}

struct Hot {
    core: Core<Journal>,
    rings: Arc<Rings>,
    published: Published,
    stages: StageRecorder,
    resync: tokio::sync::mpsc::Sender<TokenId>,
    wait: Wait,
    started_at: Nanos,
    publish_at: Nanos,
    checkpoint_at: Nanos,
    resync_at: Nanos,
}

impl HotThread {
    /// Starts it. It ends by [`Command::Stop`], or when the journal has no room left: then `published` says why. Fails if it
    /// cannot have the core that the settings name.
    pub fn start(
        core: Core<Journal>,
        published: Published,
        stages: StageRecorder,
        config: &HotConfig,
    ) -> io::Result<HotThread> {
        let rings = Arc::new(Rings::new());
        let (resync_in, resync) = tokio::sync::mpsc::channel(crate::engine::BOOKS_MAX);
        let now = clock::now();
        let hot = Hot {
            core,
            rings: Arc::clone(&rings),
            published,
            stages,
            resync: resync_in,
            wait: config.wait,
            started_at: now,
            publish_at: Nanos::ZERO,
            checkpoint_at: now.plus(CHECKPOINT_EVERY),
            resync_at: now.plus(RESYNC_EVERY),
        };
        let runtime = runtime::Builder::new_current_thread().enable_all().build()?;
        let inlet = Inlet::new(rings, runtime.handle().clone());
        let (stays_on, (pinned, is_pinned)) = (config.core, std::sync::mpsc::channel());
        let run = move || {
            let result = stays_on.map_or(Ok(()), stay_on);
            let is_here = result.is_ok();
            if pinned.send(result).is_err() || !is_here {
                return Ok(());
            }
            let result = runtime.block_on(hot.run());
            // Who looks up a name in another thread is not waited for.
            runtime.shutdown_background();
            result
        };
        let thread = std::thread::Builder::new().name("hot".into()).spawn(run)?;
        is_pinned.recv().map_err(io::Error::other)??;
        Ok(HotThread { inlet, resync, thread })
    }

    pub fn is_finished(&self) -> bool {
        self.thread.is_finished()
    }

    /// Waits for its end. A panic in it ends the process: money may be wrong, and restart is recovery.
    pub fn join(self) -> Result<(), Full> {
        match self.thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Keeps this thread on a core.
fn stay_on(core: usize) -> io::Result<()> {
    // SAFETY: all zeros is a set without cores, and `core` is below the 1,024 that it has room for (config).
    let failed = unsafe {
        let mut set: libc::cpu_set_t = std::mem::zeroed();
        libc::CPU_SET(core, &mut set);
        libc::sched_setaffinity(0, size_of::<libc::cpu_set_t>(), &raw const set)
    };
    if failed == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

impl Hot {
    async fn run(mut self) -> Result<(), Full> {
        let result = self.turn_until_stopped().await;
        self.rings.closed.store(true, Ordering::Release);
        if let Err(full) = &result {
            self.publish(clock::now(), full.to_string());
        }
        result
    }

    async fn turn_until_stopped(&mut self) -> Result<(), Full> {
        loop {
            if !self.drain_control()? {
                self.end(clock::now())?;
                self.checkpoint(clock::now())?;
                self.publish(clock::now(), String::new());
                return Ok(());
            }
            self.drain(|rings| &rings.market)?;
            self.drain(|rings| &rings.leader)?;
            let now = clock::now();
            self.core.advance(now)?;
            let prepare_at = self.core.prepare();
            self.ask_for_resync(now);
            if self.checkpoint_at <= now {
                self.checkpoint(now)?;
            }
            if self.publish_at <= now {
                self.publish(now, String::new());
            }
            self.rest(now, prepare_at).await;
        }
    }

    /// Runs all commands. Returns false when one says stop.
    fn drain_control(&mut self) -> Result<bool, Full> {
        while let Some(command) = self.rings.control.pop() {
            match command {
                Command::AddToken { id, text } => {
                    Log::reserve(&mut self.core.log)?;
                    self.core.log.append(clock::now(), &Record::Token { id, text: &text });
                    self.core.engine.install_token(id);
                    self.core.name_token(id, &text);
                }
                Command::MarketKnown { token, market, denied, about } => {
                    let about = MarketAbout {
                        condition: &about.condition,
                        slug: &about.slug,
                        title: &about.title,
                        outcome: &about.outcome,
                        event: &about.event,
                        tags: about.tags.as_deref(),
                    };
                    Log::reserve(&mut self.core.log)?;
                    let record = Record::Market { token, market, about };
                    // Strangers write titles: one that is too long is left out rather than the market.
                    let short = Record::Market { token, market, about: MarketAbout { title: "", ..about } };
                    self.core.log.append(clock::now(), if fits(&record).is_ok() { &record } else { &short });
                    self.core.engine.deny(token, denied);
                    self.core.handle(clock::now(), &Input::MarketKnown { token, market })?;
                }
                Command::Input(Stamped { at, input }) => self.core.handle(at.max(self.core.now()), &input)?,
                Command::Arm(live) => self.core.set_live_polymarket(*live),
                Command::Noted(noted) => {
                    let note = |engine: &mut Engine, now, events: &mut Events| engine.note(now, &noted, events);
                    self.core.set_up(clock::now(), note)?;
                }
                Command::Configure { portfolios, config } => {
                    for (portfolio, settings) in &portfolios {
                        let configure = |engine: &mut Engine, now, events: &mut Events| {
                            engine.configure(now, *portfolio, settings, events);
                        };
                        self.core.set_up(clock::now(), configure)?;
                    }
                    Log::reserve(&mut self.core.log)?;
                    self.core.log.append(clock::now(), &Record::Changed { config });
                }
                Command::Audit(audited) => {
                    Log::reserve(&mut self.core.log)?;
                    self.core.log.append(clock::now(), &Record::Audit(audited.about()));
                }
                Command::Stop => return Ok(false),
            }
        }
        Ok(true)
    }

    fn drain(&mut self, ring: impl Fn(&Rings) -> &crossbeam::queue::ArrayQueue<Stamped>) -> Result<(), Full> {
        for _ in 0..DRAIN_MAX {
            let Some(Stamped { at, input }) = ring(&self.rings).pop() else { break };
            if !self.knows(&input)? {
                // Not announced even now: of a token that could not be added.
                continue;
            }
            if matches!(input, Input::LeaderTrade(_)) {
                fault::point("after_event_read");
            }
            if matches!(input, Input::BookDone { .. } | Input::LeaderTrade(_)) {
                let now = clock::now();
                self.stages.record(Stage::Queue, now.since(at).0);
                // The index tells of what may be a day old.
                if let Input::LeaderTrade(trade) = input
                    && trade.source != Source::Index
                {
                    self.stages.record(Stage::Receive, at.since(trade.traded_at).0);
                }
            }
            // Rings are independent, so an input may carry an earlier time than one already handled: it happens now.
            self.core.handle(at.max(self.core.now()), &input)?;
        }
        Ok(())
    }

    /// A token is announced by a command before any input names it, but in another ring: look there first.
    fn knows(&mut self, input: &Input) -> Result<bool, Full> {
        let Some(token) = input.token() else { return Ok(true) };
        if token.index() < self.core.engine.tokens().len() {
            return Ok(true);
        }
        if !self.drain_control()? {
            // Stop: put it back for the main loop to see.
            let _ = self.rings.control.push(Command::Stop);
        }
        Ok(token.index() < self.core.engine.tokens().len())
    }

    /// A request that finds no room is made again; whoever hears them spaces them out.
    fn ask_for_resync(&mut self, now: Nanos) {
        for token in self.core.resync.drain(..) {
            let _ = self.resync.try_send(token);
        }
        if now < self.resync_at {
            return;
        }
        self.resync_at = now.plus(RESYNC_EVERY);
        for (index, token) in self.core.engine.tokens().iter().enumerate() {
            if matches!(token.book.trust(), Trust::Diverged(_)) {
                let _ = self.resync.try_send(TokenId(index as u32));
            }
        }
    }

    fn checkpoint(&mut self, now: Nanos) -> Result<(), Full> {
        Log::reserve(&mut self.core.log)?;
        let state = self.core.engine.state_hash();
        self.core.log.append(now, &Record::Checkpoint { state });
        self.checkpoint_at = now.plus(CHECKPOINT_EVERY);
        Ok(())
    }

    fn end(&mut self, now: Nanos) -> Result<(), Full> {
        Log::reserve(&mut self.core.log)?;
        self.core.log.append(now, &Record::Ended);
        Ok(())
    }

    /// Gives the sockets of this thread their turn, then goes on: at once, or when there is something to do.
    async fn rest(&self, now: Nanos, prepare_at: Nanos) {
        match self.wait {
            Wait::Spin => yield_now().await,
            Wait::Park => {
                let until = self.core.next_deadline().min(self.publish_at).min(prepare_at);
                self.rings.sleeping.store(true, Ordering::SeqCst);
                fence(Ordering::SeqCst);
                // What was pushed before the flag was seen must not be slept on.
                if self.rings.is_empty() && now < until {
                    let _ = timeout(Duration::from_nanos(until.since(now).0), self.rings.bell.notified()).await;
                } else {
                    yield_now().await;
                }
                self.rings.sleeping.store(false, Ordering::SeqCst);
            }
        }
    }

    fn publish(&mut self, now: Nanos, halted: String) {
        self.publish_at = now.plus(PUBLISH_EVERY);
        let engine = &self.core.engine;
        let (mut live, mut diverged) = (0, 0);
        for token in engine.tokens() {
            match token.book.trust() {
                Trust::Good | Trust::Suspect(..) => live += 1,
                Trust::Diverged(_) => diverged += 1,
                Trust::Cold | Trust::Loading => (),
            }
        }
        let tally = &self.core.tally;
        let snapshot = Snapshot {
            at: now,
            started_at: self.started_at,
            halted,
            entries_stopped: engine.entries_stopped(),
            paper: engine.switches().paper(),
            live: engine.switches().live(),
            live_orders: engine.switches().live_orders(),
            leaders_forced_on: engine.leaders_forced_on(),
            leaders_switched: engine.leaders_switched().collect(),
            journal_next_seq: self.core.log.next_seq(),
            inputs: self.core.inputs,
            events: tally.events,
            signals: tally.signals,
            orders: tally.orders,
            fills: tally.fills,
            orders_open: engine.orders().open() as u32,
            positions_open: engine.positions().open() as u32,
            unsettled: engine.unsettled().count() as u32,
            unsettled_since: engine.unsettled().oldest(|_| true),
            parked: engine.parked() as u32,
            tokens: engine.tokens().len() as u32,
            books_live: live,
            books_diverged: diverged,
            queue_full: self.rings.queue_full.load(Ordering::Relaxed),
            skips: tally.skips.to_vec(),
            refusals: tally.refusals.to_vec(),
            portfolios: self.portfolios(),
            scored: tally.scored,
            buffered: tally.buffered,
            merged: tally.merged,
            tripped: tally.tripped,
            leaders_blocked: tally.leaders_blocked,
            declined: tally.declined,
            cooling: self.cooling(),
            marks: self.marks(),
            ahead: self.core.ahead_now(),
            live_books: self.live_books(),
            books: self.books(),
            uses: self.uses(now),
            ceilings: self.core.ceilings_now(now).to_vec(),
        };
        self.published.store(Arc::new(snapshot));
    }

    fn cooling(&self) -> Vec<CoolingNow> {
        let waits =
            |(until, portfolio, amount): &_| CoolingNow { portfolio: *portfolio, until: *until, amount: *amount };
        let mut waiting: Vec<CoolingNow> = self.core.engine.cooling().iter().map(waits).collect();
        waiting.sort_unstable_by_key(|waits| waits.until);
        waiting.truncate(COOLING_SHOWN);
        waiting
    }

    fn portfolios(&self) -> Vec<PortfolioNow> {
        let engine = &self.core.engine;
        let now = |index: usize| {
            let id = PortfolioId(index as u16);
            let worth = engine.valued(id);
            PortfolioNow {
                id,
                deposits: engine.portfolios()[index].ledger.deposits(),
                available: worth.available,
                reserved: worth.reserved,
                deployed: worth.deployed,
                cooling: worth.cooling,
                released: self.core.tally.released[index],
                realised: worth.realised,
                unrealised: worth.unrealised,
                paused: engine.portfolios()[index].entries == Entries::Paused,
                tripped: engine.portfolios()[index].standing.tripped.map(|numbers| numbers.is_some()),
            }
        };
        (0..engine.portfolios().len()).map(now).collect()
    }

    fn uses(&self, now: Nanos) -> Vec<Use> {
        let engine = &self.core.engine;
        let of = |index: usize| {
            let portfolio = PortfolioId(index as u16);
            let some = engine.uses(now, portfolio).into_iter();
            some.filter_map(move |(limit, numbers)| Some(Use { portfolio, limit, numbers: numbers? }))
        };
        (0..engine.portfolios().len()).flat_map(of).collect()
    }

    fn live_books(&self) -> LiveBooks {
        let engine = &self.core.engine;
        let is_live = |id: PortfolioId| engine.portfolios()[id.index()].mode == Mode::Live;
        let mut books = LiveBooks { settled: self.core.tally.settled, ..LiveBooks::default() };
        for portfolio in engine.portfolios().iter().filter(|portfolio| portfolio.mode == Mode::Live) {
            books.cash = books.cash + portfolio.ledger.held() - portfolio.ledger.balance(Account::Deployed);
        }
        for position in engine.positions().iter().filter(|position| is_live(position.portfolio)) {
            let Position { token, shares, unsettled, sold, .. } = *position;
            books.is_selling |= sold > Shares::ZERO;
            // What its market pays is no position any more, whatever still waits for its settlement.
            if shares + unsettled + sold > Shares::ZERO && engine.token(token).payout.is_none() {
                books.holdings.push(Holding { token, shares, unsettled, sold });
            }
        }
        books.holdings.sort_unstable_by_key(|holding| holding.token);
        books.holdings.dedup_by(|next, sum| {
            let is_same = next.token == sum.token;
            if is_same {
                sum.shares = sum.shares + next.shares;
                sum.unsettled = sum.unsettled + next.unsettled;
                sum.sold = sum.sold + next.sold;
            }
            is_same
        });
        books
    }

    /// Those with an open order first: somebody may look at them.
    fn books(&self) -> Vec<BookNow> {
        let engine = &self.core.engine;
        let ordered = engine.orders().live().map(|order| order.submitted.token);
        let mut tokens: Vec<TokenId> = Vec::with_capacity(BOOKS_SHOWN);
        for token in ordered.chain(engine.positions().iter().map(|position| position.token)) {
            if tokens.len() == BOOKS_SHOWN {
                break;
            }
            if !tokens.contains(&token) {
                tokens.push(token);
            }
        }
        let book = |token: TokenId| {
            let book = &engine.token(token).book;
            let level = |(price, shares): (crate::domain::Price, Shares)| (price.micros(), shares.0);
            BookNow {
                token,
                bids: book.bids_down().take(LEVELS_SHOWN).map(level).collect(),
                asks: book.asks_up().take(LEVELS_SHOWN).map(level).collect(),
                is_trusted: book.trust() == Trust::Good,
            }
        };
        tokens.into_iter().map(book).collect()
    }

    fn marks(&self) -> Vec<Mark> {
        let engine = &self.core.engine;
        let mut tokens: Vec<TokenId> = engine.positions().iter().map(|position| position.token).collect();
        tokens.sort_unstable();
        tokens.dedup();
        let mark = |token: TokenId| {
            let book = &engine.token(token).book;
            let micros = |price: Option<crate::domain::Price>| price.map_or(0, |price| price.micros());
            Mark { token, bid: micros(book.best_bid()), ask: micros(book.best_ask()) }
        };
        tokens.into_iter().map(mark).collect()
    }
}
