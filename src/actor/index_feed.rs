//! What the venue's index says leaders did and hold: read again and again, seconds late and complete. It fills the gaps of the
//! quicker sources, and shows ways out that are no sales.
//!
//! ```text
//! watch       each leader's rows, spread over the interval; all at once after a gap    -> LeaderTrade, LeaderLeft
//! inventory   each leader's positions                                                  -> LeaderHolds, LeaderWorth
//! ```

mod index;
mod inventory;
mod pace;
#[cfg(test)]
mod tests;
mod watch;

use std::sync::{Arc, Mutex};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::{
    sync::{Notify, mpsc},
    task::JoinHandle,
};
use tokio_util::sync::CancellationToken;

use super::Plant;
use crate::{
    domain::{LeaderId, Nanos, event::Gap},
    hot_loop::Closed,
};

use index::Index;
use inventory::Keeper;
use watch::Watch;

/// Leaders whose positions are wanted at once, because of what they did.
const LOOKS_MAX: usize = 1_024;

pub enum IndexFeedMessage {
    /// A source may have missed something.
    Gap(Gap),
    /// A task ended, which it does only when something is wrong.
    Ended(&'static str),
}

/// Why somebody's positions are to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Look {
    /// He bought a token, so it is his until a reading lacks it.
    Bought { leader: LeaderId, token: String },
    /// He did something that only his positions show.
    Changed { leader: LeaderId },
}

/// From when on leaders' rows are wanted at once.
#[derive(Debug, Default)]
struct Wanted {
    from: Mutex<Option<Nanos>>,
    bell: Notify,
}

impl Wanted {
    fn want(&self, from: Nanos) {
        let mut wanted = self.from.lock().expect("nobody panicked with it in hand");
        *wanted = Some(wanted.map_or(from, |before| before.min(from)));
        drop(wanted);
        self.bell.notify_one();
    }

    fn take(&self) -> Option<Nanos> {
        self.from.lock().expect("nobody panicked with it in hand").take()
    }
}

/// One wallet of a leader.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Followed {
    leader: LeaderId,
    wallet: String,
}

/// Returns the wallets of those who are followed, in order of the settings.
fn followed(plant: &Plant) -> Vec<Followed> {
    let registry = plant.registry.load();
    let wallets = plant.config.leaders.iter().flat_map(|leader| &leader.wallets);
    let known =
        |wallet: &String| Some(Followed { leader: registry.leader(wallet.as_bytes())?, wallet: wallet.clone() });
    wallets.filter_map(known).collect()
}

pub struct IndexFeed;

pub struct IndexFeedState {
    stop: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    wanted: Arc<Wanted>,
}

impl Actor for IndexFeed {
    type Msg = IndexFeedMessage;
    type State = IndexFeedState;
    type Arguments = Plant;

    async fn pre_start(&self, myself: ActorRef<Self::Msg>, plant: Plant) -> Result<Self::State, ActorProcessingErr> {
        let url = plant.config.feed.data_url.as_deref().ok_or("there is no index to ask")?;
        let index = Arc::new(Index::new(url));
        let (stop, wanted) = (CancellationToken::new(), Arc::<Wanted>::default());
        let (looks, to_look) = mpsc::channel(LOOKS_MAX);
        let mut tasks = Vec::new();
        let sources = &plant.config.sources;
        if let Some(every) = sources.index_every {
            let watch = Watch::new(plant.clone(), Arc::clone(&index), every, Arc::clone(&wanted), looks);
            tasks.push(spawn(&myself, &stop, watch.run()));
        }
        if let Some(every) = sources.positions_every {
            let keeper = Keeper::new(plant.clone(), index, every, to_look);
            tasks.push(spawn(&myself, &stop, keeper.run()));
        }
        plant.index_feed.set(myself);
        Ok(IndexFeedState { stop, tasks, wanted })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            IndexFeedMessage::Gap(gap) => {
                state.wanted.want(gap.from);
                Ok(())
            }
            IndexFeedMessage::Ended(why) => Err(why.into()),
        }
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        state.stop.cancel();
        for task in state.tasks.drain(..) {
            // One that panicked has already said so.
            let _ = task.await;
        }
        Ok(())
    }
}

fn spawn(
    myself: &ActorRef<IndexFeedMessage>,
    stop: &CancellationToken,
    work: impl Future<Output = Closed> + Send + 'static,
) -> JoinHandle<()> {
    let (myself, stop) = (myself.clone(), stop.clone());
    tokio::spawn(async move {
        // Wherever it is cut off: what was not passed on is read again by the next one.
        if let Some(Closed) = stop.run_until_cancelled(work).await {
            let _ = myself.cast(IndexFeedMessage::Ended("the hot thread has ended"));
        }
    })
}
