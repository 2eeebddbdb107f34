//! The writer: follows the journal into Postgres. Postgres may be down for as long as it likes: trading goes on, and what is
//! missing is written when it is back.

use std::{path::PathBuf, time::Duration};

use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Plant;
use crate::{
    clock,
    journal::Tail,
    store::{Batches, Follower, Progress, WriterError},
};

pub enum WriterMessage {
    Look,
    Ended(Result<(), WriterError>),
}

pub struct Writer;

#[derive(Clone)]
pub struct WriterArguments {
    pub plant: Plant,
    pub journal: PathBuf,
    pub tail: Tail,
    /// Cancelled when the journal is complete: write what is left, then end.
    pub complete: CancellationToken,
}

pub struct WriterState {
    plant: Plant,
    progress: std::sync::Arc<arc_swap::ArcSwap<Progress>>,
    following: Option<JoinHandle<()>>,
    failures: u64,
    looks_down: u32,
}

const LOOK_EVERY: Duration = Duration::from_millis(250);
/// Looks at a database that is down before it is started again, if it is ours.
const REVIVE_AFTER: u32 = 8;

impl Actor for Writer {
    type Msg = WriterMessage;
    type State = WriterState;
    type Arguments = WriterArguments;

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        WriterArguments { plant, journal, tail, complete }: WriterArguments,
    ) -> Result<Self::State, ActorProcessingErr> {
        let store = &plant.config.store;
        let batches = Batches { records_max: store.batch_records_max as u64, wait: store.batch_wait };
        let follower = Follower::new(plant.database.pool().clone(), &journal, tail);
        let follower = follower.in_batches(batches).timed(plant.stages.recorder());
        let progress = follower.progress();
        let me = myself.clone();
        let following = tokio::spawn(async move {
            let ended = follower.run(complete).await;
            let _ = me.cast(WriterMessage::Ended(ended));
        });
        myself.send_interval(LOOK_EVERY, || WriterMessage::Look);
        Ok(WriterState { plant, progress, following: Some(following), failures: 0, looks_down: 0 })
    }

    async fn handle(
        &self,
        myself: ActorRef<Self::Msg>,
        message: Self::Msg,
        state: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        match message {
            WriterMessage::Look => state.look().await,
            WriterMessage::Ended(Ok(())) => {
                state.look().await;
                myself.stop(None);
            }
            WriterMessage::Ended(Err(error)) => {
                // Trying again cannot help: a person must look. Trading goes on; the journal keeps everything.
                tracing::error!(%error, "nothing more is written to Postgres");
                state.plant.store_status.failed(clock::now(), state.progress.load().lag, error.to_string());
                state.following = None;
            }
        }
        Ok(())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        if let Some(following) = state.following.take() {
            following.abort();
        }
        Ok(())
    }
}

impl WriterState {
    async fn look(&mut self) {
        if self.following.is_none() {
            return; // The last word was said.
        }
        let progress = self.progress.load_full();
        if progress.connected {
            self.plant.store_status.committed(progress.lag);
            self.looks_down = 0;
            return;
        }
        if self.failures < progress.failures {
            self.failures = progress.failures;
            self.plant.store_status.failed(clock::now(), progress.lag, progress.error.clone());
            tracing::warn!(error = progress.error, lag = progress.lag, "Postgres does not take what is written");
        }
        self.looks_down += 1;
        if self.looks_down == REVIVE_AFTER {
            self.looks_down = 0;
            if let Err(error) = self.plant.database.revive().await {
                tracing::warn!(%error, "the private Postgres cannot be started again");
            }
        }
    }
}
