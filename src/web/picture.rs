//! What the pages look at, beside Postgres, as one value: the engine shows it once a second at its socket, and a process of the
//! pages alone ([`Mirror`]) holds it up in the place of the engine's own.

use std::{sync::Arc, time::Duration};

use serde::{Deserialize, Serialize};

use super::{About, WebState};
use crate::{
    alert::AlertsNow,
    metrics::{FeedNow, FeedStatus, GatewayPicture, GatewayStatus, RedeemNow, Snapshot, StoreNow, stage::Counts},
};

/// How long recorders of stages are waited for.
const PATIENCE: Duration = Duration::from_millis(5);

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Picture {
    pub about: About,
    pub snapshot: Snapshot,
    pub stages: Vec<Counts>,
    pub store: StoreNow,
    pub feeds: Vec<FeedNow>,
    pub redeem: RedeemNow,
    pub gateway: Option<GatewayPicture>,
    pub alerts: AlertsNow,
}

impl Picture {
    /// Returns how it all is now. Blocks for some milliseconds.
    pub fn of(state: &WebState) -> Picture {
        Picture {
            about: state.about.clone(),
            snapshot: Snapshot::clone(&state.published.load()),
            stages: state.stages.counts(PATIENCE),
            store: state.store.now(),
            feeds: state.feeds.iter().map(|feed| feed.now()).collect(),
            redeem: RedeemNow::clone(&state.redeem.load()),
            gateway: state.gateway.as_ref().map(|gateway| gateway.picture()),
            alerts: AlertsNow::clone(&state.alerts.now()),
        }
    }

    /// Makes handles of its kind, which say what it says.
    pub fn install(&self, state: &mut WebState) {
        state.about = self.about.clone();
        state.feeds = Arc::new(self.feeds.iter().map(|feed| Arc::new(FeedStatus::like(feed))).collect());
        state.gateway = self.gateway.as_ref().map(|_| Arc::new(GatewayStatus::default()));
        self.show(state);
    }

    /// Says through the handles what it says.
    pub fn show(&self, state: &WebState) {
        state.published.store(Arc::new(self.snapshot.clone()));
        state.stages.copy(&self.stages);
        state.store.copy(&self.store);
        state.feeds.iter().zip(&self.feeds).for_each(|(feed, now)| feed.copy(now));
        state.redeem.store(Arc::new(self.redeem.clone()));
        state.alerts.set(self.alerts.clone());
        if let (Some(gateway), Some(now)) = (&state.gateway, &self.gateway) {
            gateway.copy(now);
        }
    }

    /// Says whether the handles are of its kind: the same feeds, and a gateway or none.
    pub fn fits(&self, state: &WebState) -> bool {
        let kinds = |feed: &FeedNow| (feed.name.clone(), feed.carries);
        self.about == state.about
            && self.gateway.is_some() == state.gateway.is_some()
            && self.feeds.iter().map(kinds).eq(state.feeds.iter().map(|feed| kinds(&feed.now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Nanos, Usdc},
        metrics::{Published, Stage, Stages},
        store::{Database, DatabaseChoice},
        web::{DataSource, Door},
    };

    fn state() -> WebState {
        let choice = DatabaseChoice::Url("postgres://nobody@127.0.0.1:1/none".to_owned());
        WebState {
            pool: Database::visit(&choice).expect("an address"),
            published: Published::default(),
            stages: Arc::new(Stages::new()),
            store: Arc::default(),
            feeds: Arc::default(),
            redeem: Arc::default(),
            gateway: None,
            alerts: Arc::default(),
            about: About::default(),
            door: Door::new(std::path::Path::new("/nonexistent")),
            hosts: vec![],
            clock: || Nanos::ZERO,
        }
    }

    #[tokio::test]
    async fn a_picture_shows_elsewhere_what_it_shows_here() {
        let mut here = state();
        here.about = About { version: "9".to_owned(), data: DataSource::Demo, ..About::default() };
        let feed = FeedStatus::of_trades("activity 1");
        feed.connected(Nanos(5));
        feed.malformed(Nanos(7), "not JSON");
        here.feeds = Arc::new(vec![Arc::new(feed)]);
        let gateway = GatewayStatus::default();
        gateway.alarmed();
        here.gateway = Some(Arc::new(gateway));
        here.store.failed(Nanos(9), 40, "connection refused");
        here.redeem.store(Arc::new(RedeemNow { due: 2, due_usdc: Usdc(-5), ..RedeemNow::default() }));
        here.published.store(Arc::new(Snapshot { at: Nanos::NEVER, halted: "why".to_owned(), ..Snapshot::default() }));
        let mut recorder = here.stages.recorder();
        recorder.record(Stage::Decide, 1_234);
        drop(recorder);

        let shown = Picture::of(&here);
        let line = serde_json::to_string(&shown).expect("JSON");
        let told: Picture = serde_json::from_str(&line).expect("the same");
        assert!(told == shown && !line.contains('\n'));
        let mut there = state();
        assert!(!told.fits(&there));
        told.install(&mut there);
        assert!(told.fits(&there));
        assert_eq!(Picture::of(&there), shown);
        here.feeds[0].lost(Nanos(11), "reset by peer");
        let later = Picture::of(&here);
        assert!(later.fits(&there));
        later.show(&there);
        assert_eq!(Picture::of(&there), later);
    }
}
