//! The market sockets: as many as the tokens need. Decodes on its own tasks and hands inputs to the hot thread.

use std::sync::Arc;

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Awake, Plant, chain_feed, tokens::TokensMessage};
use crate::{
    clock,
    domain::{Input, TokenId},
    feed::{
        market::{Batch, MarketDecoder},
        socket::{self, MarketSocket, SocketEvent},
    },
    hot_loop::Closed,
    metrics::Stage,
};

pub enum MarketFeedMessage {
    Subscribe(TokenId),
    Unsubscribe(TokenId),
    /// The token's book is not trusted: a fresh snapshot is wanted.
    Resync(TokenId),
    /// A socket's task ended, which it does only when something is wrong.
    LineEnded(&'static str),
}

pub struct MarketFeed;

/// One socket, its tokens, and the task that reads it.
struct Line {
    socket: MarketSocket,
    tokens: Arc<Awake>,
    reading: JoinHandle<()>,
}

pub struct MarketFeedState {
    plant: Plant,
    lines: Vec<Line>,
}

impl Actor for MarketFeed {
    type Msg = MarketFeedMessage;
    type State = MarketFeedState;
    type Arguments = Plant;

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, plant: Plant) -> Result<Self::State, ActorProcessingErr> {
        plant.market_feed.set(myself.clone());
        // After a restart of this actor nothing of the old sockets counts.
        for token in plant.awake.iter() {
            let lost = plant.inlet.market(clock::now(), &[Input::BookLost { token }]).await;
            lost.map_err(|Closed| "the hot thread has ended")?;
            myself.cast(MarketFeedMessage::Subscribe(token))?;
        }
        Ok(MarketFeedState { plant, lines: vec![] })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            MarketFeedMessage::Subscribe(token) => state.subscribe(token, &myself).await,
            MarketFeedMessage::Unsubscribe(token) => {
                let text = state.text(token);
                if let Some(line) = state.line_of(token) {
                    line.tokens.clear(token);
                    line.socket.unsubscribe(vec![text]).await?;
                }
                Ok(())
            }
            MarketFeedMessage::Resync(token) => {
                let text = state.text(token);
                if let Some(line) = state.line_of(token) {
                    line.socket.resync(vec![text]).await?;
                }
                Ok(())
            }
            MarketFeedMessage::LineEnded(why) => Err(why.into()),
        }
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        for line in state.lines.drain(..) {
            line.reading.abort();
            line.socket.close().await;
        }
        Ok(())
    }
}

impl MarketFeedState {
    fn text(&self, token: TokenId) -> String {
        self.plant.registry.load().token_text(token).to_owned()
    }

    fn line_of(&mut self, token: TokenId) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.tokens.contains(token))
    }

    async fn subscribe(
        &mut self,
        token: TokenId,
        myself: &ActorRef<MarketFeedMessage>,
    ) -> Result<(), ActorProcessingErr> {
        if self.line_of(token).is_some() {
            return Ok(());
        }
        let most = self.plant.config.feed.tokens_per_socket_max;
        let with_room = self.lines.iter().position(|line| line.tokens.iter().count() < most && line.socket.room() > 0);
        let index = with_room.unwrap_or_else(|| {
            self.lines.push(open(&self.plant, myself.clone()));
            self.lines.len() - 1
        });
        let text = self.text(token);
        let line = &mut self.lines[index];
        line.tokens.set(token);
        line.socket.subscribe(vec![text]).await?;
        Ok(())
    }
}

fn open(plant: &Plant, myself: ActorRef<MarketFeedMessage>) -> Line {
    let feed = &plant.config.feed;
    let options = socket::Options { silence_max: feed.silence_max, ..socket::Options::new(feed.market_url.clone()) };
    let (socket, events) = MarketSocket::open(options, clock::now);
    let tokens: Arc<Awake> = Arc::default();
    let reader = Reader {
        plant: plant.clone(),
        tokens: Arc::clone(&tokens),
        decoder: MarketDecoder::new(),
        batch: Batch::default(),
        stages: plant.stages.recorder(),
        asks_for_prints: chain_feed::asks_for_prints(&plant.config.sources),
    };
    let reading = tokio::spawn(async move {
        let why = match reader.read(events).await {
            Ok(()) => "a market socket's task ended",
            Err(Closed) => "the hot thread has ended",
        };
        let _ = myself.cast(MarketFeedMessage::LineEnded(why));
    });
    Line { socket, tokens, reading }
}

struct Reader {
    plant: Plant,
    tokens: Arc<Awake>,
    decoder: MarketDecoder,
    batch: Batch,
    stages: crate::metrics::StageRecorder,
    /// A node is asked for the transactions of prints.
    asks_for_prints: bool,
}

impl Reader {
    async fn read(mut self, mut events: mpsc::Receiver<SocketEvent>) -> Result<(), Closed> {
        while let Some(event) = events.recv().await {
            let status = &self.plant.market_status;
            match event {
                SocketEvent::Connected => {
                    status.connected(clock::now());
                    tracing::info!("market socket connected");
                }
                SocketEvent::Frame { bytes, received } => {
                    status.frame(received);
                    self.frame(&bytes, received).await?;
                }
                SocketEvent::Disconnected(lost) => {
                    status.lost(clock::now(), lost.to_string());
                    const WHAT: &str = "market socket lost; its books are not traded on until they are fetched again";
                    match lost.is_ours() {
                        true => tracing::info!(%lost, "{WHAT}"),
                        false => tracing::warn!(%lost, "{WHAT}"),
                    }
                    let tokens: Vec<TokenId> = self.tokens.iter().collect();
                    for token in tokens {
                        self.plant.inlet.market(clock::now(), &[Input::BookLost { token }]).await?;
                    }
                }
            }
        }
        Ok(())
    }

    async fn frame(&mut self, bytes: &[u8], received: crate::domain::Nanos) -> Result<(), Closed> {
        let registry = self.plant.registry.load();
        let begun = clock::mono();
        let decoded = self.decoder.decode(bytes, &registry, &mut self.batch);
        drop(registry);
        self.stages.record(Stage::Decode, clock::mono() - begun);
        if let Err(malformed) = decoded {
            // The frame changes nothing. Whether it held an update shows in the best prices of the next one.
            self.plant.market_status.malformed(clock::now(), malformed.to_string());
            tracing::warn!(%malformed, bytes = bytes.len(), "market frame refused");
            return Ok(());
        }
        // A message speaks of both tokens of a market. If the other one is another socket's, that socket's order of messages
        // counts for it: two sockets' updates of one book would undo each other.
        let tokens = &self.tokens;
        self.batch.inputs.retain(|input| input.token().is_none_or(|token| tokens.contains(token)));
        self.plant.inlet.market(received, &self.batch.inputs).await?;
        if self.asks_for_prints {
            self.plant.prints.found_in(bytes);
        }
        for input in &self.batch.inputs {
            if let Input::Resolved { token, .. } = input {
                self.plant.tokens.cast(TokensMessage::Ended(*token));
            }
        }
        Ok(())
    }
}
