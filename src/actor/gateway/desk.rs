//! What the gateway knows and must not lose when its actor fails: it lives as long as the process.

use std::{
    collections::HashSet,
    sync::{Arc, Mutex, MutexGuard, atomic::AtomicU64},
};

use arc_swap::ArcSwapOption;

use crate::{
    clock,
    domain::{LiveOrders, Nanos, VenueOrderId},
    metrics::{FeedStatus, GatewayStatus},
    secret::Wallet,
    start::Resumed,
    venue::{
        gate::Gate,
        outbox::Outbox,
        polymarket::{
            credentials::Credentials,
            follow::{Evidence, Follower, Told},
            reconcile::{Comparison, Rules},
            rest::Rest,
        },
    },
};

/// Gives the hot thread its way out, once the venue has said which API key is ours; by the host that requests name.
pub type Arm = Box<dyn Fn(&Credentials, &str) -> Result<(), String> + Send + Sync>;

/// Where the venue is, and how long is waited.
#[derive(Clone, Debug)]
pub struct Places {
    pub clob_url: String,
    pub user_url: String,
    pub geoblock_url: String,
    /// After a start, so long nothing is ordered: no leader's trade is copied by two processes.
    pub observe: Nanos,
    /// How the wallet is compared with our books.
    pub reconcile: Rules,
}

/// The live side of a process: there is one where `live.switch` is "on".
pub struct Desk {
    pub wallet: Wallet,
    pub places: Places,
    pub gate: Arc<Gate>,
    pub outbox: Arc<Outbox>,
    pub status: Arc<GatewayStatus>,
    pub channel: Arc<FeedStatus>,
    pub arm: Arm,
    /// What may be asked of the venue; none before the way to it has been open.
    pub rest: ArcSwapOption<Rest>,
    /// Until when one more order may be left to rest: a time by the clock, in nanoseconds.
    pub well_until: AtomicU64,
    books: Mutex<Books>,
    /// Requests whose answer somebody waits for; who fails leaves them behind. Never held while anything is done.
    in_flight: Mutex<HashSet<VenueOrderId>>,
    comparison: Mutex<Comparison>,
}

/// What is known of our orders.
pub struct Books {
    pub follower: Follower,
    /// What followed and was not carried out yet.
    pub told: Told,
    /// What the engine was told last.
    pub state: LiveOrders,
}

impl Desk {
    pub fn new(
        wallet: Wallet,
        places: Places,
        gate: Arc<Gate>,
        outbox: Arc<Outbox>,
        arm: Arm,
        resumed: &Resumed,
    ) -> Desk {
        let now = clock::now();
        let (mut follower, mut told) = (Follower::new(resumed.since), Told::default());
        for (trade, id) in &resumed.foreign {
            follower.hear(now, &Evidence::KnownForeign { trade: *trade, id: *id }, &mut told);
        }
        for (sent, stands) in &resumed.orders {
            follower.hear(now, &Evidence::Resumed { sent: *sent, stands: *stands }, &mut told);
        }
        let comparison = Mutex::new(Comparison::new(places.reconcile, resumed.known.clone()));
        let books = Books { follower, told, state: LiveOrders::Missing };
        Desk {
            wallet,
            places,
            gate,
            outbox,
            status: Arc::default(),
            channel: Arc::new(FeedStatus::new("user channel")),
            arm,
            rest: ArcSwapOption::empty(),
            well_until: AtomicU64::new(Nanos::NEVER.0),
            books: Mutex::new(books),
            in_flight: Mutex::default(),
            comparison,
        }
    }

    /// Fails if somebody panicked with them in hand: what they say may be wrong, and restart is recovery.
    pub fn books(&self) -> Result<MutexGuard<'_, Books>, String> {
        self.books.lock().map_err(|_| "what is known of live orders is in doubt: start the process again".to_owned())
    }

    pub fn in_flight(&self) -> MutexGuard<'_, HashSet<VenueOrderId>> {
        self.in_flight.lock().expect("nobody panicked with it in hand")
    }

    /// The same as [`Desk::books`].
    pub fn comparison(&self) -> Result<MutexGuard<'_, Comparison>, String> {
        let doubt = |_| "what is known of the wallet is in doubt: start the process again".to_owned();
        self.comparison.lock().map_err(doubt)
    }
}
