//! A venue for tests and demonstrations: the simulated world over loopback, with the real venue's wire.
//!
//! It checks nobody's identity and lets anybody inject faults; so it listens on the loopback interface only.

mod channel;
mod control;
mod data;
mod fault;
mod gamma;
mod geoblock;
mod hub;
mod listings;
mod markets;
mod mishap;
mod params;
mod positions;
mod prices;
mod private;
pub mod profile;
mod quotes;
mod refusal;
mod spot;
pub mod tls;
pub mod truth;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use alloy::primitives::Address;
use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use fault::Fault;
use hub::Hub;
use private::Desk;
pub use private::{
    BadFunded, Enforcement, Funded, Headers, Limits, Settings as PrivateSettings, Standing, Switch, Tier, Trouble,
    Wallet,
};
pub use profile::{Knobs, Profile};

use super::listing::Listing;
use super::wire::Phase;
use super::workload;
use crate::clock::now;
use crate::domain::{Nanos, Shares};

/// How finely real time is followed.
const TICK: Duration = Duration::from_millis(5);

#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    /// How busy the world is; 100 is about a hundred market messages a second.
    pub rate_percent: u64,
    /// Zero: any free port. The address is always 127.0.0.1.
    pub port: u16,
    pub short_life: Duration,
    pub knobs: Knobs,
    /// How many frames wait for a slow reader before he is cut off.
    pub queue_max: usize,
    pub private: private::Settings,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 1,
            rate_percent: 100,
            port: 0,
            short_life: Duration::from_secs(300),
            knobs: Knobs::CALM,
            queue_max: 4_096,
            private: private::Settings::default(),
        }
    }
}

/// A running venue. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    pub market_url: String,
    pub activity_url: String,
    pub clob_url: String,
    pub gamma_url: String,
    pub data_url: String,
    world: World,
    stopped: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
}

/// What the sockets and the REST answers share.
#[derive(Clone, Debug)]
struct World {
    hub: Arc<Mutex<Hub>>,
    stopped: CancellationToken,
}

impl World {
    fn hub(&self) -> MutexGuard<'_, Hub> {
        self.hub.lock().expect("nobody panicked with the world in hand")
    }
}

impl Server {
    /// Starts a venue on 127.0.0.1. Fails if the port is taken.
    pub async fn start(options: Options) -> io::Result<Server> {
        let address = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, options.port));
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let stopped = CancellationToken::new();
        let workload = workload::Options {
            seed: options.seed,
            rate_percent: options.rate_percent,
            start: now(),
            short_life: nanos(options.short_life),
        };
        let desk = Desk::new(options.seed, &options.private);
        let mut hub = Hub::new(workload, options.knobs, desk, None, options.queue_max);
        hub.follow(now());
        options.private.accounts.iter().for_each(|funded| hub.fund(funded));
        let world = World { hub: Arc::new(Mutex::new(hub)), stopped: stopped.clone() };
        let serving =
            axum::serve(listener, routes(world.clone())).with_graceful_shutdown(stopped.clone().cancelled_owned());
        let tasks = vec![
            tokio::spawn(async move {
                if let Err(error) = serving.await {
                    tracing::error!(%error, "the simulated venue stopped serving");
                }
            }),
            tokio::spawn(run(world.clone())),
        ];
        Ok(Server {
            market_url: format!("ws://{address}/ws/market"),
            activity_url: format!("ws://{address}/rtds"),
            clob_url: format!("http://{address}"),
            gamma_url: format!("http://{address}/gamma"),
            data_url: format!("http://{address}/data-api"),
            world,
            stopped,
            tasks,
        })
    }

    /// Makes something go wrong from now on.
    pub fn inject(&self, fault: Fault) {
        self.world.hub().inject(fault, now());
    }

    /// Returns the markets that are open now, in order of opening.
    pub fn open_markets(&self) -> Vec<Arc<Listing>> {
        let hub = self.world.hub();
        let open = hub.workload.places().filter(|place| place.phase == Phase::Open);
        open.map(|place| Arc::clone(&place.listing)).collect()
    }

    /// Turns a switch of the private wire from now on.
    pub fn switch(&self, switch: Switch) {
        self.world.hub().switch(switch, now());
    }

    /// Returns the wallets of an owner who had money from the start, or asked for a key: EOA, proxy, Safe, deposit wallet.
    pub fn wallets(&self, owner: Address) -> Vec<Wallet> {
        self.world.hub().desk.identity.wallets_of(owner)
    }

    /// Makes pairs of shares of a token's market out of a wallet's dollars; `None` if there are no such wallet, token and
    /// dollars.
    pub fn split(&self, wallet: Address, token: &str, shares: Shares) -> Option<()> {
        self.world.hub().split(wallet, token, shares, now())
    }

    /// Returns how many sockets are connected.
    pub fn connections(&self) -> usize {
        self.world.hub().connections()
    }

    /// Stops serving, closes all sockets and waits for that.
    pub async fn stop(mut self) {
        self.stopped.cancel();
        self.world.hub().inject(Fault::DropConnections, now());
        for task in self.tasks.drain(..) {
            // A task that panicked has already said so.
            task.await.unwrap_or_default();
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

/// Each part of the wire brings its own routes.
fn routes(world: World) -> Router {
    let struck = axum::middleware::from_fn_with_state(world.clone(), mishap::mishaps);
    let faulty = axum::middleware::from_fn_with_state(world.clone(), fault::with_faults);
    let counted = axum::middleware::from_fn_with_state(world.clone(), private::by_address);
    let clob = quotes::routes().merge(prices::routes()).merge(markets::routes()).merge(private::routes().layer(struck));
    let answers = clob.nest("/gamma", gamma::routes()).nest("/data-api", data::routes()).layer(faulty).layer(counted);
    answers
        .merge(geoblock::routes())
        .merge(channel::routes())
        .merge(private::channel_routes())
        .merge(control::routes())
        .with_state(world)
}

/// Lets the world go on in real time.
async fn run(world: World) {
    let mut ticks = tokio::time::interval(TICK);
    // A world that is too busy for this machine lags; it must not starve its readers to catch up.
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = world.stopped.cancelled() => return,
            _ = ticks.tick() => world.hub().advance(now()),
        }
    }
}

fn nanos(length: Duration) -> Nanos {
    Nanos(length.as_nanos() as u64)
}

#[cfg(test)]
mod tests;
