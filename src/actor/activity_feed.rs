//! The socket with everybody's trades: those of our leaders go to the hot thread, a token seen for the first time goes by
//! the tokens' actor.

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::{sync::mpsc, task::JoinHandle};

use super::{Plant, tokens::TokensMessage};
use crate::{
    clock,
    domain::{Input, Nanos},
    feed::{
        leader::{LeaderDecoder, Sighting},
        socket::{self, ActivityKind, ActivitySocket, SocketEvent},
    },
    hot_loop::Closed,
};

/// The socket's task ended, which it does only when something is wrong.
pub struct LineEnded(&'static str);

pub struct ActivityFeed;

pub struct ActivityFeedState {
    socket: Option<ActivitySocket>,
    reading: JoinHandle<()>,
}

impl Actor for ActivityFeed {
    type Msg = LineEnded;
    type State = ActivityFeedState;
    type Arguments = Plant;

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, plant: Plant) -> Result<Self::State, ActorProcessingErr> {
        let feed = &plant.config.feed;
        let options =
            socket::Options { silence_max: feed.silence_max, ..socket::Options::new(feed.activity_url.clone()) };
        let (socket, events) = ActivitySocket::open(options, ActivityKind::Trades, clock::now);
        let reading = tokio::spawn(async move {
            let why = match read(plant, events).await {
                Ok(()) => "the activity socket's task ended",
                Err(Closed) => "the hot thread has ended",
            };
            let _ = myself.cast(LineEnded(why));
        });
        Ok(ActivityFeedState { socket: Some(socket), reading })
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
        state.reading.abort();
        if let Some(socket) = state.socket.take() {
            socket.close().await;
        }
        Ok(())
    }
}

async fn read(plant: Plant, mut events: mpsc::Receiver<SocketEvent>) -> Result<(), Closed> {
    let mut decoder = LeaderDecoder::new();
    while let Some(event) = events.recv().await {
        let status = &plant.activity_status;
        match event {
            SocketEvent::Connected => {
                status.connected(clock::now());
                tracing::info!("activity socket connected");
            }
            SocketEvent::Disconnected(lost) => {
                status.lost(clock::now(), lost.to_string());
                tracing::warn!(%lost, "activity socket lost: leaders' trades may be missed until it is back");
            }
            SocketEvent::Frame { bytes, received } => {
                status.frame(received);
                let sighting = decoder.decode_rtds(&bytes, &plant.registry.load());
                match sighting {
                    Ok(sighting) => sighted(&plant, received, sighting).await?,
                    Err(malformed) => {
                        status.malformed(clock::now(), malformed.to_string());
                        tracing::warn!(%malformed, "activity frame refused");
                    }
                }
            }
        }
    }
    Ok(())
}

/// Hands a leader's trade to the hot thread, from whatever source; its token is woken, or named first.
pub(super) async fn sighted(plant: &Plant, received: Nanos, sighting: Sighting) -> Result<(), Closed> {
    match sighting {
        Sighting::Stranger | Sighting::NotATrade => Ok(()),
        Sighting::Trade(trade) => {
            if !plant.awake.contains(trade.token) {
                plant.tokens.cast(TokensMessage::Wake(trade.token));
            }
            plant.inlet.leader(received, Input::LeaderTrade(trade)).await
        }
        Sighting::ColdToken(trade) => {
            plant.tokens.cast(TokensMessage::Cold { trade, received });
            Ok(())
        }
    }
}
