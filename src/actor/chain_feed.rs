//! A node of the chain: leaders' fills from the logs of new blocks, from transactions before they are in one, and from those
//! behind the prints of the market channel.
//!
//! The socket is that of the other feeds, not alloy's provider: what keeps a feed alive (data or a new connection, planned ones,
//! back-off, a bounded queue) is there already, and the five kinds of requests need no library.

use std::{
    sync::{
        LazyLock,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam::queue::ArrayQueue;
use memchr::memmem::Finder;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
    time::{MissedTickBehavior, interval},
};

use super::Plant;
use crate::{
    clock,
    config::{SourcesConfig, without_path},
    domain::Nanos,
    feed::{
        chain::{Deed, Talk, Wants},
        socket::{self, NodeSocket, SocketEvent},
    },
    hot_loop::Closed,
};

/// How often what is overdue is looked for.
const TICK: Duration = Duration::from_millis(50);
/// Hashes of prints that wait for the node's socket; of more, the oldest go.
const PRINTS_MAX: usize = 64;
/// Characters of a transaction's hash.
const HASH_LEN: usize = 66;

/// The task that talks with the node ended, which it does only when something is wrong.
pub struct TalkEnded(&'static str);

pub struct ChainFeed;

/// Whether the settings want anything of a node.
pub fn is_wanted(sources: &SourcesConfig) -> bool {
    sources.node_url.is_some() && (sources.logs || sources.pending || asks_for_prints(sources))
}

pub fn asks_for_prints(sources: &SourcesConfig) -> bool {
    sources.node_url.is_some() && sources.prints_per_second_max > 0
}

/// The way of prints' transactions from the market channel to the node. Nobody waits on either side.
pub struct Prints {
    hashes: ArrayQueue<[u8; HASH_LEN]>,
    bell: Notify,
    dropped: AtomicU64,
}

impl Default for Prints {
    fn default() -> Prints {
        Prints { hashes: ArrayQueue::new(PRINTS_MAX), bell: Notify::new(), dropped: AtomicU64::new(0) }
    }
}

impl Prints {
    /// Takes the hashes out of a frame of the market channel. Costs one search where there are none.
    pub fn found_in(&self, frame: &[u8]) {
        static NAME: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"transaction_hash\""));
        for at in NAME.find_iter(frame) {
            let rest = frame[at + NAME.needle().len()..].trim_ascii_start();
            let value = rest.strip_prefix(b":").map(<[u8]>::trim_ascii_start).and_then(|rest| rest.strip_prefix(b"\""));
            let hash = value.and_then(<[u8]>::first_chunk::<HASH_LEN>);
            if let Some(hash) = hash.filter(|hash| hash.starts_with(b"0x")) {
                self.dropped.fetch_add(u64::from(self.hashes.force_push(*hash).is_some()), Ordering::Relaxed);
                self.bell.notify_one();
            }
        }
    }
}

impl Actor for ChainFeed {
    type Msg = TalkEnded;
    type State = JoinHandle<()>;
    type Arguments = Plant;

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, plant: Plant) -> Result<Self::State, ActorProcessingErr> {
        let url = plant.config.sources.node_url.clone().ok_or("there is no node to ask")?;
        let options = socket::Options {
            silence_max: plant.config.feed.silence_max,
            shown: without_path(&url),
            ..socket::Options::new(url)
        };
        let (socket, events) = NodeSocket::open(options, clock::now);
        Ok(tokio::spawn(async move {
            let why = match follow(&plant, &socket, events).await {
                Ok(()) => "the node's socket has ended",
                Err(Closed) => "the hot thread has ended",
            };
            let _ = myself.cast(TalkEnded(why));
        }))
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        TalkEnded(why): TalkEnded,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Err(why.into())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, task: &mut Self::State) -> Result<(), ActorProcessingErr> {
        // The socket goes with it.
        task.abort();
        Ok(())
    }
}

fn wants(plant: &Plant) -> Wants {
    let (config, sources) = (&plant.config, &plant.config.sources);
    Wants {
        network: config.wallet.network,
        wallets: config.leaders.iter().flat_map(|leader| leader.wallets.iter().cloned()).collect(),
        logs: sources.logs,
        pending: sources.pending,
        prints_per_second_max: sources.prints_per_second_max,
        silence_max: Nanos(config.feed.silence_max.as_nanos() as u64),
        backfill_max: sources.backfill_max,
        since: plant.known_until,
    }
}

async fn follow(plant: &Plant, socket: &NodeSocket, mut events: mpsc::Receiver<SocketEvent>) -> Result<(), Closed> {
    let (mut talk, mut deeds) = (Talk::new(wants(plant)), vec![]);
    let mut ticks = interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let now = tokio::select! {
            event = events.recv() => match event {
                Some(event) => heard(plant, event, &mut talk, &mut deeds),
                None => return Ok(()),
            },
            () = plant.prints.bell.notified() => {
                let now = clock::now();
                while let Some(hash) = plant.prints.hashes.pop() {
                    talk.print(&hash, now, &mut deeds);
                }
                now
            }
            _ = ticks.tick() => {
                let now = clock::now();
                talk.tick(now, &mut deeds);
                now
            }
        };
        for deed in deeds.drain(..) {
            match deed {
                // What is not said is asked for again when it is overdue.
                Deed::Say(text) => drop(socket.say(text)),
                Deed::Sighted(sighting) => plant.sighted(now, sighting).await?,
                Deed::Gap(gap) => plant.missed(gap).await?,
                Deed::Reconnect => {
                    tracing::warn!("the node told no new block for too long; connecting again");
                    socket.reconnect();
                }
            }
        }
    }
}

/// Takes in what the socket tells. Returns when that was.
fn heard(plant: &Plant, event: SocketEvent, talk: &mut Talk, deeds: &mut Vec<Deed>) -> Nanos {
    let status = &plant.chain_status;
    match event {
        SocketEvent::Connected => {
            let now = clock::now();
            status.connected(now);
            tracing::info!("the node is connected");
            talk.connected(now, deeds);
            now
        }
        SocketEvent::Disconnected(lost) => {
            let now = clock::now();
            status.lost(now, lost.to_string());
            let prints_dropped = plant.prints.dropped.load(Ordering::Relaxed);
            const WHAT: &str = "the node is lost; what it would have told is read later";
            let counters = talk.counters;
            match lost.is_ours() {
                true => tracing::info!(%lost, ?counters, prints_dropped, "{WHAT}"),
                false => tracing::warn!(%lost, ?counters, prints_dropped, "{WHAT}"),
            }
            talk.lost(now, lost.gap_cause());
            now
        }
        SocketEvent::Frame { bytes, received } => {
            status.frame(received);
            if let Err(malformed) = talk.hear(&bytes, received, &plant.registry.load(), deeds) {
                status.malformed(received, malformed.to_string());
                tracing::warn!(%malformed, "a message of the node was refused");
            }
            received
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_are_found_in_prints_and_the_newest_stay() {
        let prints = Prints::default();
        let print =
            |n: usize| format!(r#"{{"event_type":"last_trade_price","transaction_hash":"0x{n:064x}","price":"0.5"}}"#);
        for frame in ["{}", r#"{"transaction_hash":"0x12"}"#, r#"{"transaction_hash":null}"#, "\"transaction_hash\""] {
            prints.found_in(frame.as_bytes());
        }
        assert!(prints.hashes.is_empty());
        prints.found_in(format!("[{},{}]", print(1), print(2).replace("\":", "\": ")).as_bytes());
        assert_eq!(prints.hashes.len(), 2);
        (3..3 + PRINTS_MAX).for_each(|n| prints.found_in(print(n).as_bytes()));
        assert_eq!((prints.hashes.len(), prints.dropped.load(Ordering::Relaxed)), (PRINTS_MAX, 2));
        assert_eq!(prints.hashes.pop().map(|hash| hash[65]), Some(b'3'));
    }
}
