//! A websocket to the venue that stays up: it connects, says what it wants, watches that data comes, and starts again.
//!
//! Alive is who sends data. PONG proves nothing: the venue's fan-out can die behind a socket that still answers pings. Only
//! the user channel, where nothing may come for hours, is asked whether it answers; what it tells is checked by reads.
//! What arrives goes into a bounded queue as it is; decoding is another's work.

mod session;
mod speech;

use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::JoinHandle;
pub use tokio_tungstenite::tungstenite::Bytes;

pub use speech::{ASSETS_PER_FRAME, ActivityKind, Command, Greeting, Speech};

use crate::domain::{GapCause, Nanos};

/// The longest message that is taken, in bytes; a longer one ends the connection. Equal to the decoder's `FRAME_MAX`.
pub const MESSAGE_MAX: usize = 4 << 20;
/// Beyond so many tokens a connection is reported to lose its first snapshots: open another one.
pub const ASSETS_MAX: usize = 200;
/// How many commands wait while a connection is being made.
const COMMANDS_MAX: usize = 256;

#[derive(Clone, Debug)]
pub struct Options {
    pub url: String,
    /// The same for logs and errors: what stands behind a host may be a key.
    pub shown: String,
    /// No data for so long, whatever else comes: connect again.
    pub silence_max: Duration,
    pub ping_every: Duration,
    /// A connection is replaced when it is so old, however well it does.
    pub age_max: Duration,
    pub connect_timeout: Duration,
    /// How many events wait for their reader. When they are too many the connection is given up, and with it what it
    /// would have told: the reader learns of the gap by [`SocketEvent::Disconnected`].
    pub events_max: usize,
}

impl Options {
    /// Returns the usual options for an address.
    pub fn new(url: impl Into<String>) -> Options {
        let url = url.into();
        Options {
            shown: url.clone(),
            url,
            silence_max: Duration::from_secs(30),
            ping_every: Duration::from_secs(5),
            age_max: Duration::from_secs(3_600),
            connect_timeout: Duration::from_secs(5),
            events_max: 8_192,
        }
    }
}

/// What a socket tells. `Connected` and `Disconnected` alternate; frames come between them only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SocketEvent {
    Connected,
    /// A message, and when it was received by the clock that was passed in.
    Frame {
        bytes: Bytes,
        received: Nanos,
    },
    Disconnected(Lost),
}

/// Why a connection ended, or was not made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lost {
    /// No data for longer than allowed.
    Silent { silence_max: Duration },
    /// It was so old that it was replaced.
    Aged,
    /// The owner asked for a new one.
    Asked,
    /// There is nothing left to listen for.
    Idle,
    /// The reader did not keep up.
    Overrun { events_max: usize },
    /// A message was longer than [`MESSAGE_MAX`].
    TooLong { size: usize },
    /// The venue closed it.
    Closed { reason: String },
    /// It could not be made, or broke.
    Failed { error: String },
    /// The owner let go of the socket or of its events.
    Stopped,
}

impl Lost {
    /// Whether we wanted it so.
    pub fn is_ours(&self) -> bool {
        match self {
            Lost::Aged | Lost::Asked | Lost::Idle | Lost::Stopped => true,
            Lost::Silent { .. }
            | Lost::Overrun { .. }
            | Lost::TooLong { .. }
            | Lost::Closed { .. }
            | Lost::Failed { .. } => false,
        }
    }

    /// Returns why what it would have told was missed.
    pub fn gap_cause(&self) -> GapCause {
        match self {
            Lost::Silent { .. } => GapCause::Silent,
            Lost::Overrun { .. } | Lost::TooLong { .. } => GapCause::Refused,
            Lost::Aged | Lost::Asked | Lost::Idle | Lost::Closed { .. } | Lost::Failed { .. } | Lost::Stopped => {
                GapCause::Lost
            }
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Lost::Silent { silence_max } => write!(f, "no data for {silence_max:?}"),
            Lost::Aged => f.write_str("replaced, as planned"),
            Lost::Asked => f.write_str("replaced, as asked"),
            Lost::Idle => f.write_str("nothing to listen for"),
            Lost::Overrun { events_max } => write!(f, "{events_max} events are waiting: the reader is too slow"),
            Lost::TooLong { size } => write!(f, "a message of {size} bytes is longer than the {MESSAGE_MAX} allowed"),
            Lost::Closed { reason } => write!(f, "closed by the venue: {reason}"),
            Lost::Failed { error } => f.write_str(error),
            Lost::Stopped => f.write_str("stopped"),
        }
    }
}

/// How a socket does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SocketStatus {
    pub is_connected: bool,
    /// When data came last; zero before the first.
    pub data_at: Nanos,
    pub frames: u64,
    /// How often a connection was made.
    pub connects: u64,
    /// Why the last connection ended or was not made.
    pub lost: Option<Lost>,
}

/// Why a subscription was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscribeError {
    /// One connection carries [`ASSETS_MAX`] tokens: open another socket.
    Full,
    /// The socket's task has ended.
    Stopped,
}

impl fmt::Display for SubscribeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SubscribeError::Full => write!(f, "a socket carries {ASSETS_MAX} tokens: open another one"),
            SubscribeError::Stopped => f.write_str("the socket was stopped: open a new one"),
        }
    }
}

impl std::error::Error for SubscribeError {}

/// Books and trades of tokens. Not connected while there are no tokens. Dropping it closes the connection.
#[derive(Debug)]
pub struct MarketSocket {
    line: Line,
    assets: BTreeSet<String>,
}

impl MarketSocket {
    /// Starts a socket and returns where its events come out. Needs a tokio runtime.
    pub fn open(options: Options, clock: impl Fn() -> Nanos + Send + 'static) -> (Self, mpsc::Receiver<SocketEvent>) {
        let (line, events) = Line::open(options, Speech::Market { assets: Vec::new() }, clock);
        (MarketSocket { line, assets: BTreeSet::new() }, events)
    }

    /// Listens to more tokens, for good: also on every connection to come. All or none are refused.
    pub async fn subscribe(&mut self, assets: Vec<String>) -> Result<(), SubscribeError> {
        let new = assets.iter().filter(|asset| !self.assets.contains(*asset)).collect::<BTreeSet<_>>().len();
        if self.assets.len() + new > ASSETS_MAX {
            return Err(SubscribeError::Full);
        }
        self.assets.extend(assets.iter().cloned());
        self.line.command(Command::Subscribe(assets)).await
    }

    pub async fn unsubscribe(&mut self, assets: Vec<String>) -> Result<(), SubscribeError> {
        assets.iter().for_each(|asset| drop(self.assets.take(asset)));
        self.line.command(Command::Unsubscribe(assets)).await
    }

    /// Asks for fresh snapshots of tokens that are subscribed to; passes over others.
    pub async fn resync(&mut self, assets: Vec<String>) -> Result<(), SubscribeError> {
        self.line.command(Command::Resync(assets)).await
    }

    pub async fn reconnect(&mut self) -> Result<(), SubscribeError> {
        self.line.command(Command::Reconnect).await
    }

    /// Returns how many more tokens it takes.
    pub fn room(&self) -> usize {
        ASSETS_MAX - self.assets.len()
    }

    pub fn status(&self) -> SocketStatus {
        self.line.status()
    }

    /// Closes the connection and waits for that.
    pub async fn close(self) {
        self.line.close().await;
    }
}

/// Everybody's fills, for the leaders among them. Dropping it closes the connection.
#[derive(Debug)]
pub struct ActivitySocket {
    line: Line,
}

impl ActivitySocket {
    /// Starts a socket and returns where its events come out. Needs a tokio runtime.
    pub fn open(
        options: Options,
        kinds: &'static [ActivityKind],
        clock: impl Fn() -> Nanos + Send + 'static,
    ) -> (Self, mpsc::Receiver<SocketEvent>) {
        let (line, events) = Line::open(options, Speech::Activity(kinds), clock);
        (ActivitySocket { line }, events)
    }

    pub async fn reconnect(&mut self) -> Result<(), SubscribeError> {
        self.line.command(Command::Reconnect).await
    }

    pub fn status(&self) -> SocketStatus {
        self.line.status()
    }

    /// Closes the connection and waits for that.
    pub async fn close(self) {
        self.line.close().await;
    }
}

/// What becomes of our own orders. It is quiet by nature: alive is who answers our PING, and that answer is a frame, too.
/// Dropping it closes the connection.
#[derive(Debug)]
pub struct AccountSocket {
    line: Line,
}

impl AccountSocket {
    /// Starts a socket and returns where its events come out. Needs a tokio runtime.
    pub fn open(
        options: Options,
        greeting: Greeting,
        clock: impl Fn() -> Nanos + Send + 'static,
    ) -> (Self, mpsc::Receiver<SocketEvent>) {
        let (line, events) = Line::open(options, Speech::Account(greeting), clock);
        (AccountSocket { line }, events)
    }

    pub fn status(&self) -> SocketStatus {
        self.line.status()
    }

    /// Closes the connection and waits for that.
    pub async fn close(self) {
        self.line.close().await;
    }
}

/// A node of the chain (JSON-RPC). Its owner says what he wants on each new connection, and knows whether data comes: any answer
/// keeps it here. Dropping it closes the connection.
#[derive(Debug)]
pub struct NodeSocket {
    line: Line,
}

impl NodeSocket {
    /// Starts a socket and returns where its events come out. Needs a tokio runtime.
    pub fn open(options: Options, clock: impl Fn() -> Nanos + Send + 'static) -> (Self, mpsc::Receiver<SocketEvent>) {
        let (line, events) = Line::open(options, Speech::Node, clock);
        (NodeSocket { line }, events)
    }

    /// Says something on the connection of now; without one, or when too much waits, it is lost, and returns false.
    pub fn say(&self, text: String) -> bool {
        self.line.commands.try_send(Command::Say(text)).is_ok()
    }

    /// Breaks the connection and makes a new one. Returns false where that must be asked for again.
    pub fn reconnect(&self) -> bool {
        self.line.commands.try_send(Command::Reconnect).is_ok()
    }

    /// Closes the connection and waits for that.
    pub async fn close(self) {
        self.line.close().await;
    }
}

/// The owner's end of a socket's task.
#[derive(Debug)]
struct Line {
    commands: mpsc::Sender<Command>,
    status: Arc<Mutex<SocketStatus>>,
    task: JoinHandle<()>,
}

impl Line {
    fn open(
        options: Options,
        speech: Speech,
        clock: impl Fn() -> Nanos + Send + 'static,
    ) -> (Line, mpsc::Receiver<SocketEvent>) {
        super::install_tls();
        let (commands, heard) = mpsc::channel(COMMANDS_MAX);
        let (events, told) = mpsc::channel(options.events_max);
        let status = Arc::new(Mutex::new(SocketStatus::default()));
        let session = session::Session { options, speech, clock, commands: heard, events, status: Arc::clone(&status) };
        (Line { commands, status, task: tokio::spawn(session.run()) }, told)
    }

    async fn command(&self, command: Command) -> Result<(), SubscribeError> {
        self.commands.send(command).await.map_err(|_| SubscribeError::Stopped)
    }

    fn status(&self) -> SocketStatus {
        self.status.lock().expect("nobody panicked with the status in hand").clone()
    }

    async fn close(self) {
        drop(self.commands);
        // A task that panicked has already said so.
        self.task.await.unwrap_or_default();
    }
}

#[cfg(test)]
mod tests;
