//! The simulated venue on the wire (PROTOCOL.md): each service on its own port of this machine.
//!
//! One [`Hub`] behind one lock holds the world. What everybody may ask is `public`; what needs a key, `private` and
//! `relayer`. The node of the chain: `chain`. What goes wrong: `profile` names the knobs, `mishap` strikes requests, `lossy`
//! sockets, `drift` the shapes of both, `weather` the exchange and the chain, `fault` is asked for once; `control` turns all
//! of it, for anybody who can reach it, so it listens on the loopback interface only. `truth` writes down everything that
//! came and what became of it.

mod chain;
mod control;
mod drift;
mod fault;
mod hub;
mod listen;
mod lossy;
mod mishap;
mod params;
mod private;
pub mod profile;
mod public;
mod refusal;
mod relayer;
mod spot;
pub mod tls;
pub mod truth;
mod weather;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use alloy::primitives::Address;
use axum::Router;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use fault::Fault;
use hub::Hub;
pub use hub::Summary;
use listen::Ports;
pub use listen::Urls;
pub use private::{
    BadFunded, Enforcement, Funded, Headers, Limits, Settings as PrivateSettings, Standing, Switch, Tier, Trouble,
    Wallet,
};
use private::{Desk, Service};
pub use profile::{Knobs, Profile};
use truth::{Entry, Truth};

use super::chain::{Chain, Options as ChainOptions, serve as node};
use super::listing::Listing;
use super::wire::{MarketImage, Phase};
use super::workload::{self, Workload};
use crate::clock::now;
use crate::domain::{Nanos, Shares};

/// How finely real time is followed.
const TICK: Duration = Duration::from_millis(5);

#[derive(Clone, Debug)]
pub struct Options {
    pub seed: u64,
    /// How busy the world is; 100 is about a hundred market messages a second. 0: nobody trades but clients.
    pub rate_percent: u64,
    /// Where the CLOB listens; the other services take the ports after it. Port 0: any free ones. Must be this machine's.
    pub listen: SocketAddr,
    pub short_life: Duration,
    /// How often the chain makes a block. Only tests are in a hurry.
    pub block_every: Duration,
    pub scene: Scene,
    pub knobs: Knobs,
    /// How many frames wait for a slow reader before he is cut off.
    pub queue_max: usize,
    pub private: private::Settings,
    /// Everything is served over TLS only.
    pub tls: Option<tls::Identity>,
    pub truth: Option<Truth>,
}

/// What goes on at the venue beside clients.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scene {
    /// Makers, strangers and leaders from a seed.
    Seeded,
    /// The markets of a recording of the market channel, at `rate_percent` of its pace, which must not be zero.
    Recorded(PathBuf),
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 1,
            rate_percent: 100,
            listen: SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, 0)),
            short_life: Duration::from_secs(300),
            block_every: Duration::from_secs(2),
            scene: Scene::Seeded,
            knobs: Knobs::CALM,
            queue_max: 4_096,
            private: private::Settings::default(),
            tls: None,
            truth: None,
        }
    }
}

/// A running venue. Dropping it stops it.
#[derive(Debug)]
pub struct Server {
    pub urls: Urls,
    pub market_url: String,
    pub activity_url: String,
    pub clob_url: String,
    pub gamma_url: String,
    pub data_url: String,
    world: World,
    stopped: CancellationToken,
    tasks: Vec<JoinHandle<()>>,
    truth: Option<Truth>,
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
    /// Starts a venue. Fails if a port is taken, or a recording cannot be played.
    pub async fn start(options: Options) -> io::Result<Server> {
        let ports = Ports::bind(options.listen).await?;
        let tls = options.tls.as_ref();
        let urls = ports.urls(tls)?;
        let stopped = CancellationToken::new();
        let workload = workload::Options {
            seed: options.seed,
            rate_percent: options.rate_percent,
            start: now(),
            short_life: nanos(options.short_life),
        };
        let played = match &options.scene {
            Scene::Seeded => Workload::new(workload),
            Scene::Recorded(path) => Workload::recorded(workload, path).map_err(io::Error::other)?,
        };
        let desk = Desk::new(options.seed, &options.private);
        let usual = ChainOptions::usual(options.seed, workload.start);
        let chain = Chain::new(ChainOptions { block_every: nanos(options.block_every), ..usual });
        let mut hub = Hub::new(played, workload, options.knobs, desk, chain, options.truth.clone(), options.queue_max);
        hub.tell_truth(now(), Entry::Began { seed: options.seed });
        hub.exchange_mut().settings_mut().block_every = nanos(options.block_every);
        hub.turn(options.knobs, now());
        hub.name_people();
        options.private.accounts.iter().for_each(|funded| hub.fund(funded));
        let world = World { hub: Arc::new(Mutex::new(hub)), stopped: stopped.clone() };
        let mut tasks = vec![tokio::spawn(run(world.clone()))];
        let Ports { clob, gamma, data, relayer } = ports;
        let counted = |router: Router<World>, service| {
            router.layer(axum::middleware::from_fn_with_state((world.clone(), service), private::by_address))
        };
        let routers = [
            counted(clob_routes(&world), Service::Clob).merge(node::routes()),
            counted(public::gamma_routes(), Service::Gamma),
            counted(public::data_routes(), Service::Data),
            counted(relayer::routes(), Service::Relayer),
        ];
        for (listener, router) in [clob, gamma, data, relayer].into_iter().zip(routers) {
            let faulty = axum::middleware::from_fn_with_state(world.clone(), fault::with_faults);
            let router = router.layer(faulty).with_state(world.clone());
            tasks.push(listen::serve(listener, tls, router, &stopped)?);
        }
        Ok(Server {
            market_url: urls.ws_market.clone(),
            activity_url: urls.rtds.clone(),
            clob_url: urls.clob.clone(),
            gamma_url: urls.gamma.clone(),
            data_url: urls.data.clone(),
            urls,
            world,
            stopped,
            tasks,
            truth: options.truth,
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

    /// Returns what the CLOB says of all its markets, in order of opening.
    pub fn market_images(&self) -> Vec<MarketImage> {
        self.world.hub().listed(Nanos::NEVER).collect()
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

    /// Sends shares from one wallet to another; `None` if there are no such wallets, token and shares.
    pub fn send(&self, wallets: [Address; 2], token: &str, shares: Shares) -> Option<()> {
        self.world.hub().give_shares(wallets, token, shares, now())
    }

    /// Returns how many sockets are connected.
    pub fn connections(&self) -> usize {
        self.world.hub().connections()
    }

    /// Resolves when the venue cannot go on: its truth log lost a line.
    pub async fn broken(&self) {
        match &self.truth {
            Some(truth) => truth.broken().await,
            None => std::future::pending().await,
        }
    }

    /// Stops serving, closes all sockets and waits for that. What could not be written then is logged.
    pub async fn stop(self) {
        if let Err(error) = self.finish().await {
            tracing::error!(%error, "the truth log was not written to its end");
        }
    }

    /// The same, and returns what happened. Fails if the truth log could not be written to its end.
    pub async fn finish(mut self) -> io::Result<Summary> {
        self.stopped.cancel();
        self.world.hub().inject(Fault::DropConnections, now());
        for task in self.tasks.drain(..) {
            // A task that panicked has already said so.
            task.await.unwrap_or_default();
        }
        let summary = self.world.hub().summary();
        let Some(truth) = self.truth.clone() else { return Ok(summary) };
        let lines = tokio::task::spawn_blocking(move || truth.end(now())).await.map_err(io::Error::other)??;
        Ok(Summary { truth_lines: lines, ..summary })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stopped.cancel();
    }
}

/// Each part of the wire brings its own routes.
fn clob_routes(world: &World) -> Router<World> {
    let struck = axum::middleware::from_fn_with_state(world.clone(), mishap::mishaps);
    let sockets = public::channel_routes().merge(private::channel_routes());
    public::routes().merge(private::routes().layer(struck)).merge(sockets).merge(control::routes())
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
