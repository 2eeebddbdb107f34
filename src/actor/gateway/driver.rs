//! The gateway at work: orders out, the venue's words in, and what follows from them. One task; what takes time runs beside it
//! and comes back as a message.

mod departure;
mod reading;
mod asking;

use std::{
    collections::{HashMap, VecDeque},
    sync::{Arc, Mutex, atomic::Ordering},
    time::Duration,
};

use serde_json::Value;
use tokio::{
    runtime::Handle,
    sync::mpsc,
    time::{MissedTickBehavior, interval, sleep, timeout},
};
use tokio_util::{sync::CancellationToken, task::AbortOnDropHandle};

use departure::{Departure, Departures};

use super::{
    desk::{Books, Desk},
    heart::Heart,
    opening::{Failed, Finding, Opening, Taken},
    world::{self, World},
};
use crate::{
    clock,
    control::console::CancelAll,
    domain::{Input, LiveOrders, Nanos, NotSent, Noted, Shares, TokenId, VenueOrderId},
    fault,
    feed::{
        account::Ours,
        socket::{AccountSocket, Bytes, Greeting, Options, SocketEvent},
    },
    hot_loop::{Command, Stamped},
    metrics::{AnswerClass, GatewayNow, Stage, StageRecorder},
    venue::polymarket::{
        answer::{self, Answer, Doubt, Reply},
        buckets::Buckets,
        connection::{Connections, Target},
        credentials::Credentials,
        dispatch::{Dispatch, Dispatched},
        follow::{Evidence, Read},
        rest::{Beat, Cancelled, Public, Rest},
    },
};

pub type SharedBuckets = Arc<Mutex<Buckets>>;

/// Who answers no PING for so long is gone; how often he is asked.
const SILENCE_MAX: Duration = Duration::from_secs(10);
const PING_EVERY: Duration = Duration::from_secs(4);
/// How often the world is asked whether it lets us trade: usually, while something is wrong, and where on earth we are.
const CHECK_EVERY: Duration = Duration::from_secs(60);
const CHECK_SOON: Duration = Duration::from_secs(5);
/// The pause after a step of the start that failed; it doubles up to [`CHECK_SOON`].
const PAUSE_MIN: Duration = Duration::from_millis(500);
const PLACE_EVERY: u32 = 60;
/// Messages in a token that has no id yet wait for it: so many, and so often they are tried again.
const PARKED_MAX: usize = 256;
const PARKED_TRIES: u32 = 100;
const PARKED_PAUSE: Duration = Duration::from_millis(50);
/// A heartbeat that takes longer counts as failed.
const BEAT_PATIENCE: Duration = Duration::from_secs(4);
/// Answers that are under way when it is to stop are waited for.
const STOP_PATIENCE: Duration = Duration::from_secs(3);

/// Finds a token's id by its text.
pub type FindToken = dyn Fn(&str) -> Option<TokenId> + Send + Sync;

/// What the driver uses of the rest of the process.
pub struct Around {
    /// For the hot thread.
    pub commands: mpsc::Sender<Command>,
    pub tokens: Box<FindToken>,
    /// Gives an id to a token that nobody knows.
    pub name_token: Box<dyn Fn(String) + Send + Sync>,
    pub asked: mpsc::Receiver<Asked>,
    pub stop: CancellationToken,
    pub stages: StageRecorder,
    /// Where orders leave: the hot thread's own runtime.
    pub hot: Handle,
}

/// What an operator asks for.
pub enum Asked {
    /// Cancel whatever rests; answers how many were cancelled, or why not all were.
    CancelAll(CancelAll),
}

/// What came of something that ran beside.
enum Done {
    Sent {
        departure: Departure,
        dispatched: Dispatched,
        began: u64,
    },
    Order {
        id: VenueOrderId,
        read: Result<Option<Value>, String>,
    },
    Trades {
        number: u64,
        read: Result<Vec<Value>, String>,
    },
    Cancel {
        id: VenueOrderId,
        answer: Result<Cancelled, String>,
    },
    Checked {
        found: Vec<Finding>,
        result: Result<(), Failed>,
    },
    /// The venue gave us another API key.
    Rekeyed,
    Beat {
        sent_at: Nanos,
        answer: Result<Beat, String>,
    },
}

/// Why the driver ended.
#[derive(Debug, PartialEq, Eq)]
pub enum Ended {
    Stopped,
    /// The hot thread takes nothing any more.
    Closed,
    /// The venue has another API key for us.
    Rekeyed,
    Failed(String),
}

struct Driver<'a> {
    desk: Arc<Desk>,
    around: &'a mut Around,
    public: Public,
    rest: Rest,
    api: Credentials,
    ours: Ours,
    dispatch: Dispatch,
    world: World,
    departures: Departures,
    /// What may have to be sent once more.
    kept: HashMap<VenueOrderId, Departure>,
    parked: VecDeque<(Bytes, u32)>,
    heart: Heart,
    done: mpsc::UnboundedSender<Done>,
    /// What failed last; empty when all is well.
    step: String,
    checks: u32,
}

/// Keeps the way to the venue open, until it is told to stop. With another API key all begins anew: no part failed for that.
pub async fn run(desk: Arc<Desk>, mut around: Around) -> Ended {
    loop {
        let ended = open_and_drive(&desk, &mut around).await;
        if ended != Ended::Rekeyed {
            return ended;
        }
        tracing::warn!("the venue has another API key for us: all begins anew with it");
        tokio::select! {
            () = sleep(CHECK_SOON) => {}
            () = around.stop.cancelled() => return Ended::Stopped,
        }
    }
}

async fn open_and_drive(desk: &Arc<Desk>, around: &mut Around) -> Ended {
    let buckets = SharedBuckets::default();
    let mut world = World::new(desk.places.observe);
    let target = match Target::new(&desk.places.clob_url) {
        Ok(target) => target,
        Err(error) => return Ended::Failed(error),
    };
    let host = target.host.clone();
    let connections = Connections::new(target);
    let _kept = AbortOnDropHandle::new(around.hot.spawn(Arc::clone(&connections).keep()));
    let public = Public::new(&desk.places.clob_url, &desk.places.geoblock_url);
    if tell_state(desk, around, LiveOrders::Starting).await.is_err() {
        return Ended::Closed;
    }
    let (mut pause, mut opening) = (PAUSE_MIN, Opening::new(desk, &public, &buckets, &host));
    let (api, rest) = loop {
        let taken = tokio::select! {
            taken = opening.take_step(&mut world) => taken,
            () = around.stop.cancelled() => return Ended::Stopped,
        };
        let failed = match taken {
            Ok(Taken::Open(api, rest)) => break (*api, *rest),
            Ok(Taken::Next) => {
                pause = PAUSE_MIN;
                continue;
            }
            Err(failed) => failed,
        };
        tracing::error!(step = failed.step.code(), why = failed.why, "live orders cannot leave yet");
        desk.status.set(GatewayNow { state: failed.state, step: failed.to_string(), ..GatewayNow::default() });
        if tell_state(desk, around, failed.state).await.is_err() {
            return Ended::Closed;
        }
        refuse_all(desk);
        if tell_inputs(desk, around).await.is_err() {
            return Ended::Closed;
        }
        tokio::select! {
            () = sleep(pause) => pause = (pause * 2).min(CHECK_SOON),
            () = around.stop.cancelled() => return Ended::Stopped,
            Some(Asked::CancelAll(answer)) = around.asked.recv() => {
                let _ = answer.send(Err(format!("the way to the venue is not open: {failed}")));
            }
        }
    };
    drop(opening);
    desk.rest.store(Some(Arc::new(rest.clone())));
    let ours = Ours { key_id: api.id.clone(), wallet: desk.wallet.funder.to_string() };
    let dispatch = Dispatch { connections, gate: Arc::clone(&desk.gate), buckets, clock: clock::now };
    let (done, dones) = mpsc::unbounded_channel();
    let departures = Departures::new(desk, &dispatch, &done, &around.hot);
    let driver = Driver {
        desk: Arc::clone(desk),
        around,
        public,
        rest,
        api,
        ours,
        dispatch,
        departures,
        world,
        kept: HashMap::new(),
        parked: VecDeque::new(),
        heart: Heart::default(),
        done,
        step: String::new(),
        checks: 0,
    };
    driver.drive(dones).await
}

/// Tells the engine whether live orders can leave, if that changed.
async fn tell_state(desk: &Desk, around: &Around, to: LiveOrders) -> Result<(), Ended> {
    {
        let mut books = desk.books().map_err(Ended::Failed)?;
        if books.state == to {
            return Ok(());
        }
        books.state = to;
    }
    tracing::info!(state = ?to, "live orders: {}", world::text(to));
    send(around, Input::LiveOrders { to }).await
}

async fn send(around: &Around, input: Input) -> Result<(), Ended> {
    let command = Command::Input(Stamped { at: clock::now(), input });
    around.commands.send(command).await.map_err(|_| Ended::Closed)
}

/// Tells the engine what became of its orders while the way is not open yet.
async fn tell_inputs(desk: &Desk, around: &Around) -> Result<(), Ended> {
    let inputs = std::mem::take(&mut desk.books().map_err(Ended::Failed)?.told.inputs);
    for input in inputs {
        send(around, input).await?;
    }
    Ok(())
}

/// Orders that wait while the way is not open do not leave.
fn refuse_all(desk: &Desk) {
    let Ok(mut books) = desk.books() else { return };
    let Books { follower, told, .. } = &mut *books;
    let mut hear = |evidence| follower.hear(clock::now(), &evidence, told);
    let waiting = desk.outbox.take();
    desk.outbox.names().for_each(|sent| hear(Evidence::Registered(sent)));
    for outgoing in waiting {
        hear(Evidence::Answered { id: outgoing.sent.id, answer: Answer::NotSent(NotSent::NoConnection) });
    }
}

fn failed<T>(why: &str) -> Read<T> {
    tracing::warn!(why, "a read of our orders failed: it is read again");
    Read::Failed
}

impl Driver<'_> {
    async fn drive(mut self, mut dones: mpsc::UnboundedReceiver<Done>) -> Ended {
        match self.begin() {
            Ok(()) => {}
            Err(ended) => return ended,
        }
        let (stop, mut leaving) = self.let_out();
        let secret = self.api.secret.to_base64();
        let greeting = Greeting::new(&self.api.id, &secret, self.api.passphrase());
        let options = Options {
            silence_max: SILENCE_MAX,
            ping_every: PING_EVERY,
            ..Options::new(self.desk.places.user_url.clone())
        };
        let (socket, mut events) = AccountSocket::open(options, greeting, clock::now);
        let mut checks = interval(CHECK_SOON);
        checks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut since_check = Duration::ZERO;
        let mut is_up = false;
        let ended = loop {
            if let Err(ended) = self.turn().await {
                break ended;
            }
            let due = self.next_due();
            let bell = self.desk.outbox.bell.notified();
            let result = tokio::select! {
                () = self.around.stop.cancelled() => break Ended::Stopped,
                () = bell => Ok(()),
                Some(done) = dones.recv() => self.done(done),
                event = events.recv() => match event {
                    Some(event) => self.channel(event, &mut is_up),
                    None => Err(Ended::Failed("the user channel's task ended".to_owned())),
                },
                Some(asked) = self.around.asked.recv() => { self.asked(asked); Ok(()) }
                _ = checks.tick() => {
                    since_check += CHECK_SOON;
                    if CHECK_EVERY <= since_check || self.world.wants_check() {
                        since_check = Duration::ZERO;
                        self.check();
                    }
                    Ok(())
                }
                () = sleep(due) => self.tick(),
            };
            if let Err(ended) = result {
                break ended;
            }
        };
        stop.cancel();
        // The hot thread may have ended, and with it what ran there.
        let _ = timeout(STOP_PATIENCE, &mut leaving).await;
        if ended == Ended::Stopped {
            self.finish(&mut dones).await;
        }
        socket.close().await;
        ended
    }

    /// From here on orders leave. Returns what stops that, and what ends then.
    fn let_out(&self) -> (CancellationToken, AbortOnDropHandle<()>) {
        let stop = CancellationToken::new();
        let leaving = self.around.hot.spawn(self.departures.clone().run(stop.clone()));
        (stop, AbortOnDropHandle::new(leaving))
    }

    /// What somebody before us sent and nobody waits for: nobody knows what became of it.
    fn begin(&mut self) -> Result<(), Ended> {
        self.hear_names()?;
        let mut books = self.desk.books().map_err(Ended::Failed)?;
        let books = &mut *books;
        let forgotten = std::mem::take(&mut *self.desk.in_flight());
        for id in forgotten {
            let answer = Answer::Unknown(Doubt::Forgotten);
            books.follower.hear(clock::now(), &Evidence::Answered { id, answer }, &mut books.told);
        }
        Ok(())
    }

    /// Learns what left, carries out what follows, and says how things are.
    async fn turn(&mut self) -> Result<(), Ended> {
        self.hear_names()?;
        self.cancel_what_waits();
        self.tick()?;
        self.carry_out().await?;
        self.beat();
        self.desk.well_until.store(self.heart.well_until().0, Ordering::Relaxed);
        let (state, now) = self.now()?;
        tell_state(&self.desk, self.around, state).await?;
        self.desk.status.set(now);
        Ok(())
    }

    fn now(&mut self) -> Result<(LiveOrders, GatewayNow), Ended> {
        let (follower, (orders_open, orders_unknown)) = {
            let books = self.desk.books().map_err(Ended::Failed)?;
            (books.follower.state(), books.follower.open())
        };
        let world = self.world.state(clock::now(), follower);
        let is_held = clock::since_boot() < self.desk.gate.held_until();
        let state = if is_held { world } else { LiveOrders::WalletNotHeld };
        if state == LiveOrders::Ready {
            self.step.clear();
        }
        let connections = self.dispatch.connections.now();
        let now = GatewayNow {
            state,
            step: if self.step.is_empty() && state != LiveOrders::Ready {
                world::text(state).to_owned()
            } else {
                self.step.clone()
            },
            connections_open: connections.open,
            connections_idle: connections.idle,
            connections_made: connections.made,
            orders_open,
            orders_unknown,
        };
        Ok((state, now))
    }

    fn next_due(&self) -> Duration {
        let now = clock::now();
        let follower = self.desk.books().ok().and_then(|books| books.follower.next_due());
        let due =
            follower.into_iter().chain(self.world.next_due(now)).chain(self.heart.next_due(self.has_resting())).min();
        let due = due.map_or(CHECK_SOON, |due| Duration::from_nanos(due.since(now).0));
        let held = self.desk.gate.held_until().since(clock::since_boot());
        let due = if held == Nanos::ZERO { due } else { due.min(Duration::from_nanos(held.0)) };
        let due = due.min(CHECK_SOON).max(Duration::from_millis(1));
        if self.parked.is_empty() { due } else { due.min(PARKED_PAUSE) }
    }

    fn has_resting(&self) -> bool {
        self.desk.books().is_ok_and(|books| books.follower.has_resting())
    }

    fn hear(&self, evidence: &Evidence) -> Result<(), Ended> {
        let mut books = self.desk.books().map_err(Ended::Failed)?;
        let books = &mut *books;
        books.follower.hear(clock::now(), evidence, &mut books.told);
        Ok(())
    }

    fn tick(&mut self) -> Result<(), Ended> {
        {
            let mut books = self.desk.books().map_err(Ended::Failed)?;
            let books = &mut *books;
            books.follower.tick(clock::now(), &mut books.told);
        }
        for _ in 0..self.parked.len() {
            let Some((bytes, tries)) = self.parked.pop_front() else { break };
            self.message(&bytes, tries + 1)?;
        }
        Ok(())
    }

    /// Does what the follower asks for, and tells the engine what it says.
    async fn carry_out(&mut self) -> Result<(), Ended> {
        let told = {
            let mut books = self.desk.books().map_err(Ended::Failed)?;
            let told = books.told.clone();
            books.told.clear();
            told
        };
        for input in &told.inputs {
            send(self.around, *input).await?;
        }
        for noted in &told.noted {
            self.desk.status.met_foreign();
            if let Noted::External(external) = noted {
                if external.shares > Shares::ZERO {
                    self.world.met_foreign(clock::now(), external.traded_at);
                }
                self.desk.comparison().map_err(Ended::Failed)?.external(clock::now(), external);
            }
            let command = Command::Noted(Box::new(*noted));
            self.around.commands.send(command).await.map_err(|_| Ended::Closed)?;
        }
        for alarm in &told.alarms {
            self.desk.status.alarmed();
            tracing::error!(?alarm, "{}", alarm.text());
        }
        for (order, doubt) in &told.doubts {
            self.desk.status.answered(AnswerClass::Unknown);
            tracing::warn!(order = order.0, doubt = doubt.code(), "{}", doubt.text());
        }
        for action in told.actions {
            self.act(action)?;
        }
        Ok(())
    }

    fn done(&mut self, done: Done) -> Result<(), Ended> {
        // Who hears of an order must know its name.
        self.hear_names()?;
        match done {
            Done::Sent { departure, dispatched, began } => self.answered(departure, &dispatched, began),
            Done::Order { id, read } => {
                fault::point("after_read");
                let read = match read {
                    Ok(Some(row)) => self.order_row(&row),
                    Ok(None) => Read::Absent,
                    Err(why) => failed(&why),
                };
                self.hear(&Evidence::OrderRead { id, read })
            }
            Done::Trades { number, read } => {
                fault::point("after_read");
                let read = match read {
                    Ok(rows) => self.trade_rows(&rows),
                    Err(why) => failed(&why),
                };
                self.hear(&Evidence::TradesRead { number, read })
            }
            Done::Cancel { id, answer } => match answer {
                Ok(answer) => self.hear(&Evidence::CancelAnswered { id, cancelled: answer == Cancelled::Yes }),
                Err(why) => {
                    tracing::warn!(why, "a cancel failed; the order is looked up");
                    Ok(())
                }
            },
            Done::Rekeyed => Err(Ended::Rekeyed),
            Done::Beat { sent_at, answer } => {
                let answer =
                    answer.inspect_err(|why| tracing::warn!(why, "a heartbeat failed: orders that rest may die"));
                self.heart.answered(clock::now(), sent_at, answer.ok());
                Ok(())
            }
            Done::Checked { found, result } => {
                for (state, is_there) in found {
                    self.world.checked(state, is_there);
                }
                if let Err(failed) = result {
                    tracing::warn!(step = failed.step.code(), why = failed.why, "a check of the venue failed");
                    if failed.state == LiveOrders::AuthMissing {
                        self.world.checked(LiveOrders::AuthMissing, true);
                    }
                    self.step = failed.to_string();
                }
                Ok(())
            }
        }
    }

    fn answered(&mut self, departure: Departure, dispatched: &Dispatched, began: u64) -> Result<(), Ended> {
        let id = departure.id;
        let millis = (clock::mono() - began) / 1_000_000;
        let heard = match dispatched {
            Dispatched::NotSent(cause) => {
                answer::Heard { answer: Answer::NotSent(*cause), state: None, retry_after_s: None, said: String::new() }
            }
            Dispatched::Lost { why } => {
                tracing::warn!(%id, why, "no answer to an order: it is looked up");
                answer::hear(id, Reply::Lost)
            }
            Dispatched::Replied { reply, took } => {
                self.around.stages.record(Stage::Post, *took);
                let by_rate_limit = reply.headers.iter().any(|(name, _)| name.starts_with("poly-ratelimit-"));
                let retry_after_s = reply.header("retry-after").and_then(|text| text.parse().ok());
                answer::hear(id, Reply::Http { status: reply.status, by_rate_limit, retry_after_s, body: &reply.body })
            }
        };
        if let Some(state) = heard.state {
            tracing::warn!(%id, said = heard.said, "live orders: {}", world::text(state));
            self.world.said(clock::now(), state, heard.retry_after_s);
        }
        let class = match &heard.answer {
            Answer::Accepted(_) => Some(AnswerClass::Accepted),
            Answer::Rejected(_) => Some(AnswerClass::Rejected),
            Answer::NotSent(_) => Some(AnswerClass::NotSent),
            // Counted where the follower tells of the doubt.
            Answer::Unknown(_) => None,
        };
        class.into_iter().for_each(|class| self.desk.status.answered(class));
        tracing::info!(%id, millis, answer = ?heard.answer, said = heard.said, "order answered");
        if matches!(heard.answer, Answer::Unknown(_)) {
            self.kept.insert(id, departure);
        }
        self.desk.in_flight().remove(&id);
        self.hear(&Evidence::Answered { id, answer: heard.answer })
    }

    fn channel(&mut self, event: SocketEvent, is_up: &mut bool) -> Result<(), Ended> {
        self.hear_names()?;
        match event {
            SocketEvent::Connected => Ok(()),
            SocketEvent::Frame { bytes, received } => {
                // Its first frame proves that the key was taken.
                if !*is_up {
                    *is_up = true;
                    self.desk.channel.connected(received);
                    self.hear(&Evidence::ChannelUp)?;
                }
                // Silence is usual here: an answer to our PING counts as a sign of life.
                self.desk.channel.frame(received);
                if bytes.as_ref() == b"PONG" {
                    return Ok(());
                }
                self.message(&bytes, 0)
            }
            SocketEvent::Disconnected(lost) => {
                self.desk.channel.lost(clock::now(), lost.to_string());
                if std::mem::take(is_up) {
                    tracing::warn!(%lost, "user channel lost: what happens meanwhile is read when it is back");
                }
                self.hear(&Evidence::ChannelDown)
            }
        }
    }

    /// Nothing new leaves; what is under way is waited for.
    async fn finish(&mut self, dones: &mut mpsc::UnboundedReceiver<Done>) {
        refuse_all(&self.desk);
        let wait = async {
            while !self.desk.in_flight().is_empty() {
                let Some(done) = dones.recv().await else { return };
                if self.done(done).is_err() {
                    return;
                }
            }
        };
        let _ = timeout(STOP_PATIENCE, wait).await;
        let told = self.desk.books().map(|mut books| {
            let inputs = books.told.inputs.clone();
            books.told.inputs.clear();
            inputs
        });
        for input in told.unwrap_or_default() {
            if send(self.around, input).await.is_err() {
                return;
            }
        }
    }
}
