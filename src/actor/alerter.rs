//! The alerter: looks once a second at how everything is and at what the journal says, and has people told. It waits for nobody,
//! and nobody waits for it: each message is sent by a task of its own, and Postgres is written when it is there.

use std::{path::PathBuf, sync::Arc, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::{sync::oneshot, task::JoinSet};

use super::Plant;
use crate::{
    alert::{
        AlertsNow, Note, Phase, Rule,
        board::Rhythm,
        names::Names,
        queue::{Outcome, Pace, Queue},
        send::Services,
        state::{self, Keep, State},
        status::{ChannelNow, RuleNow},
        watch::{Rules, Seen},
        words::Message,
    },
    clock,
    config::{ChannelConfig, Quiet},
    domain::{LeaderId, Mode, Nanos},
    journal::{Reader, Record, Tail},
    metrics::health::FeedNow,
    store::alerts::{self, DeliveryRow, News, ToldRow},
};

const LOOK_EVERY: Duration = Duration::from_secs(1);
/// Records that are heard before something else has its turn.
const RECORDS_AT_ONCE: u64 = 5_000;
/// How often the place in the journal is kept while there is nothing to tell.
const KEEP_EVERY: Nanos = Nanos::from_secs(10);
/// The most that waits for a Postgres that is down; what was first is dropped first.
const NEWS_MAX: usize = 2_000;
/// How long the last messages of an engine that ends may take.
const LAST_WORDS: Duration = Duration::from_secs(3);

pub enum AlerterMessage {
    Look,
    /// More of the journal is there.
    More,
    Sent {
        channel: usize,
        outcome: Outcome,
    },
    Written {
        news: News,
        result: Result<(), String>,
    },
    Learned(Vec<(crate::domain::TokenId, String, String)>),
    Test {
        channel: String,
        answer: oneshot::Sender<Result<String, String>>,
    },
    Tested {
        channel: usize,
        note: Note,
        outcome: Outcome,
    },
}

pub struct Alerter;

#[derive(Clone)]
pub struct AlerterArguments {
    pub plant: Plant,
    pub journal: PathBuf,
    pub tail: Tail,
    pub portfolios: Vec<(String, Mode)>,
    pub services: Arc<Services>,
}

pub struct AlerterState {
    arguments: AlerterArguments,
    myself: ActorRef<AlerterMessage>,
    names: Names,
    reader: Option<Reader>,
    kept: State,
    kept_at: Nanos,
    channels: Vec<ChannelNow>,
    news: News,
    is_writing: bool,
    sends: JoinSet<()>,
    trouble: String,
}

impl Actor for Alerter {
    type Msg = AlerterMessage;
    type State = AlerterState;
    type Arguments = AlerterArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<AlerterMessage>,
        arguments: AlerterArguments,
    ) -> Result<AlerterState, ActorProcessingErr> {
        let plant = &arguments.plant;
        plant.alerter.set(myself.clone());
        let (kept, trouble) = resumed(&arguments);
        let mut names = Names { portfolios: arguments.portfolios.clone(), ..Names::default() };
        learn_leaders(plant, &mut names);
        let pool = plant.database.pool().clone();
        let me = myself.clone();
        tokio::spawn(async move {
            // Without them alerts say the tokens' numbers.
            if let Ok(titles) = alerts::titles(&pool).await {
                let _ = me.cast(AlerterMessage::Learned(titles));
            }
        });
        let channels = plant.config.alerts.channels.iter().map(channel_now).collect();
        myself.send_interval(LOOK_EVERY, || AlerterMessage::Look);
        Ok(AlerterState {
            myself,
            names,
            reader: None,
            kept,
            kept_at: Nanos::ZERO,
            channels,
            news: News::default(),
            is_writing: false,
            sends: JoinSet::new(),
            trouble,
            arguments,
        })
    }

    async fn handle(
        &self,
        _: ActorRef<AlerterMessage>,
        message: AlerterMessage,
        state: &mut AlerterState,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            AlerterMessage::Look => state.look(Moment::Usual).await,
            AlerterMessage::More => state.hear_all().await,
            AlerterMessage::Sent { channel, outcome } => state.sent(channel, outcome).await,
            AlerterMessage::Written { news, result } => state.written(news, result),
            AlerterMessage::Learned(titles) => {
                titles.iter().for_each(|(token, title, outcome)| state.names.learn(*token, title, outcome));
            }
            AlerterMessage::Test { channel, answer } => state.test(&channel, answer),
            AlerterMessage::Tested { channel, note, outcome } => state.tested(channel, &note, &outcome),
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<AlerterMessage>, state: &mut AlerterState) -> Result<(), ActorProcessingErr> {
        // Why the engine ends may be in its last records; who should know hears it now if that is quick, else after the next start.
        state.look(Moment::Last).await;
        let sent = async { while state.sends.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(LAST_WORDS, sent).await;
        Ok(())
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Moment {
    Usual,
    Last,
}

impl AlerterState {
    fn plant(&self) -> &Plant {
        &self.arguments.plant
    }

    fn rules(&self) -> Rules {
        let told = &self.plant().config.alerts;
        Rules { thresholds: told.thresholds, paper: told.paper }
    }

    async fn look(&mut self, moment: Moment) {
        let now = clock::now();
        self.hear_all().await;
        let mut notes = Vec::new();
        let told = &self.plant().config.alerts;
        let rhythm = Rhythm { repeat: told.repeat, calm: told.calm };
        let levels = self.see(now);
        if moment == Moment::Usual {
            self.kept.board.see(now, levels, rhythm, &mut notes);
        } else {
            // Sockets that are closed because we end are no news.
            let stopped = levels.into_iter().filter(|level| level.rule == Rule::EngineStopped);
            for level in stopped.filter_map(|level| Some((level.subject, level.text?))) {
                let change = crate::alert::board::Change::Noticed(level.1);
                let told = crate::alert::board::Told { rule: Rule::EngineStopped, subject: level.0, at: now, change };
                self.kept.board.hear(told, &mut notes);
            }
        }
        self.tell(notes, now).await;
        let has_news = self.send(now);
        if has_news || KEEP_EVERY <= now.since(self.kept_at) || moment == Moment::Last {
            self.keep(Keep::Lightly, now).await;
        }
        self.publish(now);
        self.write();
    }

    fn see(&mut self, now: Nanos) -> Vec<crate::alert::board::Level> {
        let plant = self.plant().clone();
        let (snapshot, rules) = (plant.published.load(), self.rules());
        let feeds: Vec<FeedNow> = plant.feeds().iter().map(|feed| feed.now()).collect();
        let gateway = plant.desk.as_ref().map(|desk| desk.status.now());
        let seen = Seen {
            now,
            snapshot: &snapshot,
            feeds: &feeds,
            store_connected: plant.store_status.connected(),
            store_lag: plant.store_status.lag(),
            gateway: gateway.as_deref(),
            cash: plant.desk.as_ref().and_then(|desk| desk.status.wallet().cash),
            killed: plant.gate.is_killed(),
            index_every: plant.config.sources.index_every.unwrap_or_default(),
        };
        self.kept.watch.see(&seen, rules, &self.names)
    }

    /// Hears what the journal says since it was heard last; what is not on disk yet has its turn later.
    async fn hear_all(&mut self) {
        let mut notes = Vec::new();
        match self.hear(&mut notes) {
            Ok(true) => drop(self.myself.cast(AlerterMessage::More)),
            Ok(false) => {}
            Err(error) => {
                let why = format!("the journal cannot be heard: {error}");
                if self.trouble != why {
                    tracing::error!(%error, "the alerter cannot read the journal");
                }
                (self.trouble, self.reader) = (why, None);
            }
        }
        self.tell(notes, clock::now()).await;
    }

    /// Returns whether there is more.
    fn hear(&mut self, notes: &mut Vec<Note>) -> Result<bool, crate::journal::JournalError> {
        let rules = self.rules();
        let mut reader = match self.reader.take() {
            Some(reader) => reader,
            None => Reader::open(&self.arguments.journal, self.kept.next_seq, self.arguments.tail.clone())?,
        };
        let synced = self.arguments.tail.synced();
        let until = synced.min(reader.next_seq() + RECORDS_AT_ONCE);
        while reader.next_seq() < until
            && let Some((seq, at, record)) = reader.read()?
        {
            self.kept.next_seq = seq + 1;
            match record {
                Record::Event(event) => {
                    if let Some(told) = self.kept.watch.hear(at, &event, rules, &self.names) {
                        self.kept.board.hear(told, notes);
                    }
                }
                Record::Market { token, about, .. } => self.names.learn(token, about.title, about.outcome),
                Record::Leader { id, wallet, name } => self.names.learn_leader(id, name, wallet),
                Record::Portfolio { id, strategy, mode } => self.names.learn_portfolio(id, strategy, mode),
                Record::Session { .. }
                | Record::Token { .. }
                | Record::Checkpoint { .. }
                | Record::Boot { .. }
                | Record::Wallet { .. }
                | Record::Audit(_)
                | Record::Changed { .. }
                | Record::Ended => {}
            }
        }
        let has_more = reader.next_seq() < synced;
        self.reader = Some(reader);
        Ok(has_more)
    }

    /// Puts notes where they wait for each channel that hears them, and keeps that before anything leaves.
    async fn tell(&mut self, notes: Vec<Note>, now: Nanos) {
        if notes.is_empty() {
            return;
        }
        let config = Arc::clone(&self.plant().config);
        for note in notes {
            tracing::warn!(rule = note.rule.code(), subject = note.subject, phase = ?note.phase, text = note.text, "alert");
            for (told, channel) in self.channels.iter_mut().zip(&config.alerts.channels) {
                if channel.on.contains(&note.rule) {
                    let queue = self.kept.queues.entry(channel.name.clone()).or_default();
                    told.dropped += queue.push(note.clone(), pace(channel, config.alerts.messages_per_minute_max), now);
                }
            }
            self.news.told.push(ToldRow::of(&note));
        }
        let surplus = self.news.told.len().saturating_sub(NEWS_MAX);
        self.news.told.drain(..surplus);
        self.keep(Keep::Durably, now).await;
    }

    /// Lets messages leave that may. Returns whether any did.
    fn send(&mut self, now: Nanos) -> bool {
        while self.sends.try_join_next().is_some() {}
        let config = Arc::clone(&self.plant().config);
        let mut has_left = false;
        for (index, channel) in config.alerts.channels.iter().enumerate() {
            let Some(queue) = self.kept.queues.get_mut(&channel.name) else { continue };
            let Some((notes, dropped)) = queue.take(pace(channel, config.alerts.messages_per_minute_max), now) else {
                continue;
            };
            has_left = true;
            let (me, config, services) =
                (self.myself.clone(), Arc::clone(&config), Arc::clone(&self.arguments.services));
            self.sends.spawn(async move {
                let message = Message { notes: &notes, dropped, link: config.alerts.link.as_deref() };
                let outcome = services.send(&config.alerts.channels[index], &message).await;
                let _ = me.cast(AlerterMessage::Sent { channel: index, outcome });
            });
        }
        has_left
    }

    async fn sent(&mut self, index: usize, outcome: Outcome) {
        let now = clock::now();
        let channel = &self.arguments.plant.config.alerts.channels[index];
        self.channels[index].heard(&outcome, now);
        if let Outcome::Later { why, .. } | Outcome::Never { why } = &outcome {
            tracing::warn!(channel = channel.name, why, "an alert did not arrive");
        }
        let Some(queue) = self.kept.queues.get_mut(&channel.name) else { return };
        if let Some(ended) = queue.ended(outcome, now) {
            self.channels[index].ended(ended.why.is_empty());
            let alerts = ended.notes.iter().map(|note| note.id).collect();
            let (channel, tries, wrong) = (channel.name.clone(), ended.tries, ended.why);
            self.delivered(DeliveryRow { at: now, channel, alerts, tries, wrong });
        }
        self.keep(Keep::Durably, now).await;
        self.send(now);
    }

    fn delivered(&mut self, row: DeliveryRow) {
        self.news.deliveries.push(row);
        let surplus = self.news.deliveries.len().saturating_sub(NEWS_MAX);
        self.news.deliveries.drain(..surplus);
    }

    fn test(&mut self, name: &str, answer: oneshot::Sender<Result<String, String>>) {
        let config = Arc::clone(&self.plant().config);
        let Some(index) = config.alerts.channels.iter().position(|channel| channel.name == name) else {
            let _ = answer.send(Err(format!("no channel is called {name:?}")));
            return;
        };
        let note = test_note(self.kept.board.next_id(clock::now()), name, clock::now());
        let (me, services) = (self.myself.clone(), Arc::clone(&self.arguments.services));
        tokio::spawn(async move {
            let message =
                Message { notes: std::slice::from_ref(&note), dropped: 0, link: config.alerts.link.as_deref() };
            let outcome = services.send(&config.alerts.channels[index], &message).await;
            let _ = answer.send(in_words(&outcome));
            let _ = me.cast(AlerterMessage::Tested { channel: index, note, outcome });
        });
    }

    fn tested(&mut self, index: usize, note: &Note, outcome: &Outcome) {
        let now = clock::now();
        self.channels[index].heard(outcome, now);
        self.channels[index].ended(*outcome == Outcome::Delivered);
        self.news.told.push(ToldRow::of(note));
        let wrong = in_words(outcome).err().unwrap_or_default();
        let channel = self.channels[index].name.clone();
        self.delivered(DeliveryRow { at: now, channel, alerts: vec![note.id], tries: 1, wrong });
        self.publish(now);
        self.write();
    }

    /// Writes it where a disk that is slow keeps no other task waiting; returns when it is written.
    async fn keep(&mut self, how: Keep, now: Nanos) {
        let path = state::path(&self.plant().config.data.dir);
        self.kept_at = now;
        let (place, text) = (path.clone(), state::text(&self.kept));
        let writing = tokio::task::spawn_blocking(move || state::save(&place, &text, how));
        match writing.await {
            Ok(Ok(())) => {}
            Err(panicked) => std::panic::resume_unwind(panicked.into_panic()),
            Ok(Err(error)) => {
                let why = format!(
                    "{} cannot be written: {error}; after a restart old alerts may be told again",
                    path.display()
                );
                if self.trouble != why {
                    tracing::error!(why, "what was told is not kept");
                }
                self.trouble = why;
            }
        }
    }

    fn publish(&mut self, now: Nanos) {
        for channel in &mut self.channels {
            channel.waiting = self.kept.queues.get(&channel.name).map_or(0, Queue::len);
        }
        let config = &self.plant().config.alerts;
        let told = AlertsNow {
            at: now,
            firing: self.kept.board.firing().cloned().collect(),
            channels: self.channels.clone(),
            rules: Rule::ALL
                .into_iter()
                .filter(|rule| *rule != Rule::Test)
                .map(|rule| rule_now(rule, config))
                .collect(),
            overlooked: self.kept.board.overlooked,
            trouble: self.trouble.clone(),
        };
        self.plant().alerts.set(told);
    }

    /// Writes to Postgres what is new, and how it is, unless the last writing is not over.
    fn write(&mut self) {
        if self.is_writing {
            return;
        }
        self.is_writing = true;
        let news = std::mem::take(&mut self.news);
        let (pool, now, me) = (self.plant().database.pool().clone(), self.plant().alerts.now(), self.myself.clone());
        tokio::spawn(async move {
            let result = alerts::write(&pool, &news, &now).await;
            let _ = me.cast(AlerterMessage::Written { news, result });
        });
    }

    fn written(&mut self, news: News, result: Result<(), String>) {
        self.is_writing = false;
        if result.is_err() {
            // It is written with what comes next.
            let since = std::mem::replace(&mut self.news, news);
            self.news.told.extend(since.told);
            self.news.deliveries.extend(since.deliveries);
        }
    }
}

/// Goes on where the process before stopped; where there was none, or it was another journal's, with what comes next.
fn resumed(arguments: &AlerterArguments) -> (State, String) {
    let (tail, path) = (&arguments.tail, state::path(&arguments.plant.config.data.dir));
    let (left, trouble) = match state::load(&path) {
        Ok(left) => (left, String::new()),
        Err(why) => {
            tracing::error!(why, "what was told before is not known");
            (None, why)
        }
    };
    let begin = State { journal: tail.journal(), next_seq: tail.written(), ..State::default() };
    let state = match left {
        Some(left) if left.journal == tail.journal() && left.next_seq <= tail.written() => left,
        Some(_) | None => begin,
    };
    (state, trouble)
}

fn learn_leaders(plant: &Plant, names: &mut Names) {
    let registry = plant.registry.load();
    for leader in &plant.config.leaders {
        for wallet in &leader.wallets {
            if let Some(id) = registry.leader(wallet.as_bytes()) {
                let id: LeaderId = id;
                names.learn_leader(id, &leader.name, wallet);
            }
        }
    }
}

pub fn test_note(id: u64, channel: &str, now: Nanos) -> Note {
    let text = format!("This is a test of the channel {channel}. Nothing happened.");
    Note { id, rule: Rule::Test, subject: channel.to_owned(), phase: Phase::Happened, text, at: now, more: 0 }
}

/// Returns what came of a try, in words.
pub fn in_words(outcome: &Outcome) -> Result<String, String> {
    match outcome {
        Outcome::Delivered => Ok("it was delivered".to_owned()),
        Outcome::Later { why, .. } | Outcome::Never { why } => Err(why.clone()),
    }
}

fn pace(channel: &ChannelConfig, per_minute_max: u32) -> Pace {
    Pace { quiet: channel.quiet, per_minute_max }
}

fn channel_now(channel: &ChannelConfig) -> ChannelNow {
    let time = |minute: u32| format!("{:02}:{:02}", minute / 60, minute % 60);
    let quiet = |quiet: Quiet| format!("{} to {} UTC", time(quiet.from), time(quiet.to));
    ChannelNow {
        name: channel.name.clone(),
        kind: channel.kind.code().to_owned(),
        on: channel.on.iter().map(|rule| rule.code().to_owned()).collect(),
        quiet: channel.quiet.map_or_else(String::new, quiet),
        ..ChannelNow::default()
    }
}

fn rule_now(rule: Rule, config: &crate::config::AlertsConfig) -> RuleNow {
    let hear = config.channels.iter().filter(|channel| channel.on.contains(&rule));
    RuleNow {
        code: rule.code().to_owned(),
        title: rule.title().to_owned(),
        text: rule.text().to_owned(),
        limits: rule.limits(&config.thresholds),
        severity: rule.severity().code().to_owned(),
        channels: hear.map(|channel| channel.name.clone()).collect(),
    }
}
