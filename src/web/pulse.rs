//! Looks at the tables and the stages once a second, for all pages and streams together: many viewers cost no more than one.

use std::{sync::Arc, time::Duration};

use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use super::{WebState, figure};
use crate::{
    metrics::{StageTimes, window::StageReader},
    store::query::{Head, LeaderRow, PortfolioRow, Reader, Standing},
};

const EVERY: Duration = Duration::from_secs(1);
/// How long Postgres is waited for before it is called unreachable.
pub const PATIENCE: Duration = Duration::from_millis(2_500);

/// What was seen.
#[derive(Clone)]
pub struct Pulse {
    /// How far the tables are, or why they cannot be read.
    pub head: Result<Head, String>,
    /// As last read: names outlive a Postgres that is down.
    pub portfolios: Arc<Vec<PortfolioRow>>,
    pub leaders: Arc<Vec<LeaderRow>>,
    /// Breakers, switches, blocks and pauses, as last read.
    pub standing: Arc<Standing>,
    pub times: StageTimes,
}

/// Looks once, then goes on until `stop` in a task of its own.
pub async fn start(state: WebState, stop: CancellationToken) -> watch::Receiver<Arc<Pulse>> {
    let reader = StageReader::new((state.clock)());
    let (times, mut reader) = read_stages(&state, reader).await;
    let mut pulse = Pulse {
        head: Err("not asked yet".into()),
        portfolios: Arc::default(),
        leaders: Arc::default(),
        standing: Arc::default(),
        times,
    };
    read_tables(&state, &mut pulse).await;
    let (sender, receiver) = watch::channel(Arc::new(pulse.clone()));
    tokio::spawn(async move {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        ticks.tick().await;
        while stop.run_until_cancelled(ticks.tick()).await.is_some() {
            read_tables(&state, &mut pulse).await;
            (pulse.times, reader) = read_stages(&state, reader).await;
            sender.send_replace(Arc::new(pulse.clone()));
        }
    });
    receiver
}

async fn read_stages(state: &WebState, mut reader: StageReader) -> (StageTimes, StageReader) {
    let (stages, now) = (state.stages.clone(), (state.clock)());
    let read = tokio::task::spawn_blocking(move || (reader.read(&stages, now), reader));
    read.await.expect("reading histograms does not panic")
}

async fn read_tables(state: &WebState, pulse: &mut Pulse) {
    let read = async {
        let mut reader = Reader::open(&state.pool).await?;
        let names = (reader.portfolios().await?, reader.leaders().await?);
        Ok::<_, sqlx::Error>((reader.head().await?, names, reader.standing().await?))
    };
    match tokio::time::timeout(PATIENCE, read).await {
        Ok(Ok((head, (portfolios, leaders), standing))) => {
            pulse.standing = Arc::new(standing);
            pulse.head = Ok(head);
            pulse.portfolios = Arc::new(portfolios);
            pulse.leaders = Arc::new(leaders);
        }
        Ok(Err(error)) => pulse.head = Err(in_words(&error)),
        Err(_) => pulse.head = Err(format!("no answer within {} ms", PATIENCE.as_millis())),
    }
}

/// Returns what Postgres or the way to it said, fit to show.
pub fn in_words(error: &sqlx::Error) -> String {
    match error {
        sqlx::Error::PoolTimedOut => "no connection within the time allowed".into(),
        other => figure::tame(&other.to_string(), 300),
    }
}
