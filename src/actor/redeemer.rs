//! The redeemer: turns what the wallet holds of markets that ended into money, and tells people. Slow, and by itself: it tells
//! the engine nothing, because the engine booked the result when the market ended; what the wallet then has, the reconciler
//! compares.

use std::{
    collections::HashMap,
    path::{Path, PathBuf},
    time::Duration,
};

use alloy::primitives::U256;
use ractor::{Actor, ActorProcessingErr, ActorRef};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

use super::Plant;
use crate::{
    clock,
    domain::{Nanos, Usdc},
    feed::rest::Metadata,
    metrics::health::RedeemNow,
    venue::{
        chain::{Collector, Purse},
        polymarket::redeem::{News, Power, Totals},
    },
};

/// The task that redeems ended by itself, which it does only when something is wrong.
pub struct RedeemingEnded;

pub struct Redeemer;

pub struct RedeemerState {
    stop: CancellationToken,
    redeeming: Option<JoinHandle<()>>,
}

/// How often all tokens are looked through.
const SEARCH_EVERY: Nanos = Nanos::from_secs(120);
/// Not more often than this, however many markets end.
const SEARCH_PAUSE: Nanos = Nanos::from_secs(10);
const STEP_PAUSE_MIN: Duration = Duration::from_millis(200);
/// When each redemption that waits was first seen: all that is kept, so that a day stays a day over restarts.
const SEEN_FILE: &str = "redemptions.json";

impl Actor for Redeemer {
    type Msg = RedeemingEnded;
    type State = RedeemerState;
    type Arguments = (Plant, Purse);

    async fn pre_start(
        &self,
        myself: ActorRef<Self::Msg>,
        (plant, purse): (Plant, Purse),
    ) -> Result<Self::State, ActorProcessingErr> {
        let stop = CancellationToken::new();
        let stopped = stop.clone();
        let redeeming = tokio::spawn(async move {
            // Wherever it is cut off: what the wallet holds is looked at first at the next start.
            stopped.run_until_cancelled(redeem_again_and_again(plant, purse)).await;
            if !stopped.is_cancelled() {
                let _ = myself.cast(RedeemingEnded);
            }
        });
        Ok(RedeemerState { stop, redeeming: Some(redeeming) })
    }

    async fn handle(
        &self,
        _: ActorRef<Self::Msg>,
        RedeemingEnded: RedeemingEnded,
        _: &mut Self::State,
    ) -> Result<(), ActorProcessingErr> {
        Err("nothing is redeemed any more".into())
    }

    async fn post_stop(&self, _: ActorRef<Self::Msg>, state: &mut Self::State) -> Result<(), ActorProcessingErr> {
        state.stop.cancel();
        if let Some(redeeming) = state.redeeming.take() {
            let _ = redeeming.await;
        }
        Ok(())
    }
}

/// Never ends by itself.
async fn redeem_again_and_again(plant: Plant, purse: Purse) {
    let path = plant.config.data.dir.join(SEEN_FILE);
    let needs_owner = purse.power() == Power::NeedsOwner;
    let mut collector = Collector::new(purse, Metadata::new(&plant.config.feed.clob_url, &plant.config.feed.gamma_url));
    collector.seen = read_seen(&path);
    let mut searched_at = Nanos::ZERO;
    let mut is_answered = true;
    loop {
        let now = clock::now();
        let mut answered = Ok(());
        if searched_at.plus(SEARCH_EVERY) <= now {
            let before = collector.seen.clone();
            searched_at = now;
            answered = collector.search(&tokens(&plant), now).await;
            if before != collector.seen {
                write_seen(&path, &collector.seen);
            }
        }
        let until = collector.step(clock::now()).await.unwrap_or_else(|error| {
            answered = Err(error);
            Nanos::ZERO
        });
        // Said when it begins and when it is over, not each time.
        match (&answered, is_answered) {
            (Err(error), true) => {
                tracing::warn!(%error, "redemption waits; it is tried again until there is an answer")
            }
            (Ok(()), false) => tracing::info!("redemption goes on: there are answers again"),
            (Err(_), false) | (Ok(()), true) => {}
        }
        is_answered = answered.is_ok();
        for (token, news) in collector.redemptions.take_news() {
            tell(token, &news);
        }
        plant.redeem_status.store(status(&collector, needs_owner).into());
        let until = until.min(searched_at.plus(SEARCH_EVERY));
        let wait = Duration::from_nanos(until.since(clock::now()).0).max(STEP_PAUSE_MIN);
        tokio::select! {
            () = tokio::time::sleep(wait) => {}
            () = plant.redeem_bell.notified() => {
                let soonest = searched_at.plus(SEARCH_PAUSE).since(clock::now());
                tokio::time::sleep(Duration::from_nanos(soonest.0)).await;
                searched_at = Nanos::ZERO;
            }
        }
    }
}

/// Returns all tokens that were ever traded or watched here. What the wallet holds of others is not ours to touch.
fn tokens(plant: &Plant) -> Vec<String> {
    let registry = plant.registry.load();
    (0..registry.tokens_len()).map(|id| registry.token_text(crate::domain::TokenId(id as u32)).to_owned()).collect()
}

fn tell(token: U256, news: &News) {
    match news {
        News::Due(pays) => tracing::info!(%token, %pays, "shares of a market that ended are to be redeemed"),
        News::NeedsOwner(pays) => tracing::warn!(
            %token,
            %pays,
            "shares of a market that ended pay, but a session key cannot redeem: its owner can, on the venue's page, or the \
             venue's auto-redeemer, if the wallet allows it (`remora wallet check` says so)"
        ),
        News::Redeemed(pays) => tracing::info!(%token, %pays, "redeemed"),
        News::Elsewhere => tracing::info!(%token, "redeemed by somebody else: the venue's auto-redeemer, or by hand"),
        News::Failed { why, again_in } => {
            tracing::warn!(%token, why, again_in_s = again_in.as_secs(), "not redeemed yet");
        }
        News::Late { since } => tracing::error!(
            %token,
            since_s = since.as_secs(),
            "shares wait for their redemption for more than a day: `remora wallet check` says what may be missing"
        ),
    }
}

fn status(collector: &Collector, needs_owner: bool) -> RedeemNow {
    let open = || collector.redemptions.open();
    let Totals { redeemed, paid, elsewhere, failures } = collector.redemptions.totals;
    RedeemNow {
        due: open().count() as u64,
        due_usdc: open().fold(Usdc::ZERO, |sum, (_, pays, _)| sum + pays),
        oldest: open().map(|(_, _, since)| since).min(),
        needs_owner,
        redeemed,
        paid,
        elsewhere,
        failures,
    }
}

/// Returns nothing where there is no such file, or it cannot be read: then a day counts from now.
fn read_seen(path: &Path) -> HashMap<U256, Nanos> {
    let Ok(text) = std::fs::read(path) else { return HashMap::new() };
    serde_json::from_slice(&text).unwrap_or_else(|error| {
        tracing::warn!(%error, path = %path.display(), "what waits for redemption is counted anew: the file is not as it was written");
        HashMap::new()
    })
}

/// Complete or not at all.
fn write_seen(path: &Path, seen: &HashMap<U256, Nanos>) {
    let part: PathBuf = path.with_extension("part");
    let text = serde_json::to_vec(seen).expect("a map of numbers is JSON");
    if let Err(error) = std::fs::write(&part, text).and_then(|()| std::fs::rename(&part, path)) {
        tracing::warn!(%error, path = %path.display(), "since when redemptions wait is not written down");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn since_when_something_waits_survives_a_restart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(SEEN_FILE);
        assert_eq!(read_seen(&path), HashMap::new());
        let seen = HashMap::from([(U256::MAX, Nanos::from_secs(5)), (U256::from(1), Nanos::from_secs(7))]);
        write_seen(&path, &seen);
        assert_eq!(read_seen(&path), seen);
        std::fs::write(&path, "no JSON").expect("written");
        assert_eq!(read_seen(&path), HashMap::new());
    }
}
