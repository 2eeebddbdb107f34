//! Recording itself: sockets in, lines out, until it is told to stop.

use std::{future::Future, path::PathBuf, time::Duration};

use futures_util::{StreamExt, stream};

use crate::{
    clock,
    domain::Nanos,
    feed::{
        lines::FileError,
        market::{Batch, Counters, MarketDecoder},
        recording::{RecordingWriter, Source},
        registry::{Registry, RegistryError},
        socket::{ASSETS_MAX, MarketSocket, Options, SocketEvent},
    },
};

/// How often lines are handed to the disk, and progress is told.
const FLUSH_EVERY: Duration = Duration::from_millis(500);

/// What to record, and where.
#[derive(Clone, Debug)]
pub struct Plan {
    pub url: String,
    pub tokens: Vec<String>,
    pub out: PathBuf,
    pub silence_max: Duration,
    /// At most [`ASSETS_MAX`].
    pub tokens_per_socket_max: usize,
}

/// How far it is, and in the end what came of it.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recorded {
    pub frames: u64,
    pub bytes: u64,
    pub sockets: usize,
    /// Connections beyond each socket's first.
    pub reconnects: u64,
    /// Connections that were lost: what the venue said until the next one is missing.
    pub gaps: u64,
    /// Messages that are no JSON, such as the venue's complaints: left out.
    pub left_out: u64,
    /// When data came last; zero before the first.
    pub data_at: Nanos,
    pub counters: Counters,
}

/// What there is to tell meanwhile.
pub enum News<'a> {
    Progress(&'a Recorded),
    /// Something that a person should know now.
    Said(String),
}

#[derive(Debug)]
pub enum RecordError {
    File(FileError),
    Registry(RegistryError),
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RecordError::File(error) => error.fmt(f),
            RecordError::Registry(error) => error.fmt(f),
        }
    }
}

impl std::error::Error for RecordError {}

impl From<FileError> for RecordError {
    fn from(error: FileError) -> RecordError {
        RecordError::File(error)
    }
}
impl From<RegistryError> for RecordError {
    fn from(error: RegistryError) -> RecordError {
        RecordError::Registry(error)
    }
}

struct Session {
    writer: RecordingWriter,
    recorded: Recorded,
    /// Counts what the frames are; what it refuses is recorded all the same.
    decoder: MarketDecoder,
    registry: Registry,
    batch: Batch,
    /// Connections made so far, by socket.
    connects: Vec<u64>,
}

/// Records until `stop`. The file is whole afterwards, also after an error of the sockets.
pub async fn record(
    plan: &Plan,
    stop: impl Future<Output = ()>,
    mut tell: impl FnMut(News<'_>),
) -> Result<Recorded, RecordError> {
    let mut registry = Registry::new();
    for token in &plan.tokens {
        registry.add_token(token)?;
    }
    let writer = RecordingWriter::create(&plan.out)?;
    let (sockets, streams) = open(plan).await;
    let mut events = stream::select_all(streams);
    let mut session = Session {
        writer,
        recorded: Recorded { sockets: sockets.len(), ..Recorded::default() },
        decoder: MarketDecoder::new(),
        registry,
        batch: Batch::default(),
        connects: vec![0; sockets.len()],
    };
    let mut ticks = tokio::time::interval(FLUSH_EVERY);
    let mut refused = None;
    tokio::pin!(stop);
    loop {
        tokio::select! {
            biased;
            () = &mut stop => break,
            _ = ticks.tick() => {
                session.writer.flush()?;
                tell(News::Progress(&session.recorded));
                let unmade = sockets.iter().map(MarketSocket::status).find(|status| status.connects == 0);
                let why = unmade.and_then(|status| status.lost).map(|lost| lost.to_string());
                if why.is_some() && why != refused {
                    refused = why;
                    tell(News::Said(format!("{}; trying again", refused.as_deref().unwrap_or_default())));
                }
            }
            Some((index, event)) = events.next() => session.take(index, event, &mut tell)?,
        }
    }
    session.finish(sockets, events).await
}

type Events = stream::BoxStream<'static, (usize, SocketEvent)>;

/// Opens as many sockets as the tokens need, and subscribes.
async fn open(plan: &Plan) -> (Vec<MarketSocket>, Vec<Events>) {
    let (mut sockets, mut streams) = (vec![], vec![]);
    let options = Options { silence_max: plan.silence_max, ..Options::new(plan.url.clone()) };
    for (index, tokens) in plan.tokens.chunks(plan.tokens_per_socket_max.min(ASSETS_MAX)).enumerate() {
        let (mut socket, mut events) = MarketSocket::open(options.clone(), clock::now);
        socket.subscribe(tokens.to_vec()).await.expect("it has room, and its task runs");
        let stream = stream::poll_fn(move |context| events.poll_recv(context));
        streams.push(stream.map(move |event| (index, event)).boxed());
        sockets.push(socket);
    }
    (sockets, streams)
}

impl Session {
    fn take(&mut self, index: usize, event: SocketEvent, tell: &mut impl FnMut(News<'_>)) -> Result<(), RecordError> {
        match event {
            SocketEvent::Frame { bytes, received } => self.write(&bytes, received)?,
            SocketEvent::Connected => {
                self.connects[index] += 1;
                if self.connects[index] > 1 {
                    self.recorded.reconnects += 1;
                    tell(News::Said(format!("socket {} is connected again", index + 1)));
                }
            }
            SocketEvent::Disconnected(lost) => {
                self.recorded.gaps += 1;
                tell(News::Said(format!("socket {} lost its connection: {lost}; a gap begins", index + 1)));
            }
        }
        Ok(())
    }

    fn write(&mut self, bytes: &[u8], received: Nanos) -> Result<(), RecordError> {
        // A line that is no JSON would end whoever reads the recording.
        if serde_json::from_slice::<&serde_json::value::RawValue>(bytes).is_err() || !is_structure(bytes) {
            self.recorded.left_out += 1;
            return Ok(());
        }
        // Refusals are in the counters; a recording holds what came, right or wrong.
        let _ = self.decoder.decode(bytes, &self.registry, &mut self.batch);
        self.writer.write(Some(received), Source::Market, bytes)?;
        self.recorded.frames += 1;
        self.recorded.bytes += bytes.len() as u64;
        self.recorded.data_at = received;
        self.recorded.counters = self.decoder.counters;
        Ok(())
    }

    /// Closes the sockets, writes what they still had, and ends the file.
    async fn finish(
        mut self,
        sockets: Vec<MarketSocket>,
        mut events: impl futures_util::Stream<Item = (usize, SocketEvent)> + Unpin,
    ) -> Result<Recorded, RecordError> {
        drop(sockets);
        while let Some((_, event)) = events.next().await {
            // A connection that ends now ends because we want it.
            if let SocketEvent::Frame { bytes, received } = event {
                self.write(&bytes, received)?;
            }
        }
        self.writer.finish()?;
        Ok(self.recorded)
    }
}

fn is_structure(bytes: &[u8]) -> bool {
    matches!(bytes.trim_ascii_start().first(), Some(b'{' | b'['))
}
