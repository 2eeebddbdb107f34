//! The sockets with everybody's trades: those of our leaders go to the hot thread, each once for each source, a token seen for
//! the first time goes by the tokens' actor.
//!
//! Several sockets tell the same, so that one that freezes costs nothing. Each is replaced once an hour, never two at once,
//! and only while another one tells on.

use std::{pin::Pin, time::Duration};

use futures_util::{Stream, StreamExt, stream::select_all};
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::{task::JoinHandle, time::MissedTickBehavior};
use tokio_stream::wrappers::ReceiverStream;
use tokio_util::sync::CancellationToken;

use super::Plant;
use crate::{
    clock,
    domain::Nanos,
    feed::{
        leader::{LeaderDecoder, Sighting, Sockets, Telling, source_of},
        socket::{self, ActivityKind, ActivitySocket, SocketEvent},
    },
    hot_loop::Closed,
};

/// A connection is replaced when it is so old, however well it does.
const AGE_MAX: Duration = Duration::from_secs(3_600);
/// The actor replaces connections, not the socket itself.
const NEVER: Duration = Duration::from_secs(10 * 365 * 24 * 3_600);
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The task that reads ended, which it does only when something is wrong.
pub struct LineEnded(&'static str);

pub struct ActivityFeed;

pub struct ActivityFeedState {
    stop: CancellationToken,
    reading: Option<JoinHandle<()>>,
}

impl Actor for ActivityFeed {
    type Msg = LineEnded;
    type State = ActivityFeedState;
    type Arguments = Plant;

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, plant: Plant) -> Result<Self::State, ActorProcessingErr> {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let hot = plant.inlet.runtime().clone();
        let reading = hot.spawn(async move {
            let reader = Reader::open(plant, AGE_MAX);
            let why = match reader.read(stopped).await {
                Ok(()) => "the activity sockets' tasks ended",
                Err(Closed) => "the hot thread has ended",
            };
            let _ = myself.cast(LineEnded(why));
        });
        Ok(ActivityFeedState { stop, reading: Some(reading) })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        LineEnded(why): LineEnded,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Err(why.into())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        state.stop.cancel();
        if let Some(reading) = state.reading.take() {
            // One that panicked has already said so.
            let _ = reading.await;
        }
        Ok(())
    }
}

type Events = Pin<Box<dyn Stream<Item = (usize, SocketEvent)> + Send>>;

struct Reader {
    plant: Plant,
    lines: Vec<ActivitySocket>,
    events: Vec<Events>,
    sockets: Sockets,
    decoder: LeaderDecoder,
    /// Whose turn it is to be replaced, and when.
    next: usize,
    replace_at: Nanos,
    turn: Nanos,
}

impl Reader {
    fn open(plant: Plant, age_max: Duration) -> Reader {
        let (feed, count) = (&plant.config.feed, plant.activity.len());
        let mut lines = Vec::with_capacity(count);
        let mut events: Vec<Events> = Vec::with_capacity(count);
        for socket in 0..count {
            let options = socket::Options {
                silence_max: feed.silence_max,
                age_max: NEVER,
                ..socket::Options::new(feed.activity_url.clone())
            };
            let (line, told) = ActivitySocket::open(options, &ActivityKind::ALL, clock::now);
            lines.push(line);
            events.push(Box::pin(ReceiverStream::new(told).map(move |event| (socket, event))));
        }
        let silence_max = Nanos(feed.silence_max.as_nanos() as u64);
        let since = plant.known_until;
        let turn = Nanos(age_max.as_nanos() as u64 / count.max(1) as u64);
        Reader {
            sockets: Sockets::new(count, since, silence_max),
            decoder: LeaderDecoder::new(),
            next: 0,
            replace_at: clock::now().plus(turn),
            turn,
            plant,
            lines,
            events,
        }
    }

    async fn read(mut self, stop: CancellationToken) -> Result<(), Closed> {
        let mut events = select_all(std::mem::take(&mut self.events));
        let mut look = tokio::time::interval(LOOK_EVERY);
        look.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                () = stop.cancelled() => break,
                event = events.next() => match event {
                    Some((socket, event)) => self.take(socket, event).await?,
                    None => break,
                },
                _ = look.tick() => self.look().await,
            }
        }
        for line in self.lines {
            line.close().await;
        }
        Ok(())
    }

    async fn take(&mut self, socket: usize, event: SocketEvent) -> Result<(), Closed> {
        let status = &self.plant.activity[socket];
        match event {
            SocketEvent::Connected => {
                status.connected(clock::now());
                tracing::info!(socket = socket + 1, "activity socket connected");
            }
            SocketEvent::Disconnected(lost) => {
                status.lost(clock::now(), lost.to_string());
                match lost.is_ours() {
                    true => tracing::info!(socket = socket + 1, %lost, "activity socket lost"),
                    false => tracing::warn!(socket = socket + 1, %lost, "activity socket lost"),
                }
                for gap in self.sockets.ended(socket, lost.gap_cause()) {
                    self.plant.missed(gap).await?;
                }
            }
            SocketEvent::Frame { bytes, received } => self.frame(socket, &bytes, received).await?,
        }
        Ok(())
    }

    async fn frame(&mut self, socket: usize, bytes: &[u8], received: Nanos) -> Result<(), Closed> {
        let status = &self.plant.activity[socket];
        status.frame(received);
        let sighting = match self.decoder.decode_rtds(bytes, &self.plant.registry.load()) {
            Ok(sighting) => sighting,
            Err(malformed) => {
                status.malformed(clock::now(), malformed.to_string());
                tracing::warn!(socket = socket + 1, %malformed, "activity frame refused");
                return Ok(());
            }
        };
        let (source, trade) = match &sighting {
            Sighting::Trade(trade) => (Some(trade.source), Some(trade.trade)),
            Sighting::ColdToken(trade) => (Some(trade.source), Some(trade.trade)),
            Sighting::Stranger => (source_of(bytes), None),
            Sighting::NotATrade => (None, None),
        };
        let Some(source) = source else { return Ok(()) };
        let gap = self.sockets.data(socket, source, received);
        let telling = trade.map(|trade| self.sockets.told(socket, source, trade, received));
        match telling {
            Some(Telling::Again) => status.told_again(),
            Some(Telling::First) => {
                status.told_first();
                self.plant.sighted(received, sighting).await?;
            }
            None => (),
        }
        // What is new comes first.
        if let Some(gap) = gap {
            self.plant.missed(gap).await?;
        }
        Ok(())
    }

    /// Counts what was missed, and replaces the socket whose turn it is while another one tells on.
    async fn look(&mut self) {
        let now = clock::now();
        let status = &self.plant.activity;
        self.sockets.judge(now, |socket| status[socket].missed());
        if now < self.replace_at || !self.sockets.may_rest(self.next, now) {
            return;
        }
        // A socket that is away already need not be replaced.
        if self.lines[self.next].status().is_connected {
            let _ = self.lines[self.next].reconnect().await;
        }
        self.next = (self.next + 1) % self.lines.len();
        self.replace_at = now.plus(self.turn);
    }
}
