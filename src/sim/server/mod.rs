//! A venue for tests and demonstrations: the simulated world over loopback, with the real venue's wire.
//!
//! It checks nobody's identity and lets anybody inject faults; so it listens on the loopback interface only.

mod channel;
mod fault;
mod hub;
mod private;
mod rest;

use std::io;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use axum::Router;
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

pub use fault::Fault;
use hub::Hub;

use super::listing::Listing;
use super::wire::Phase;
use super::workload;
use crate::clock::now;
use crate::domain::Nanos;

/// How finely real time is followed.
const TICK: Duration = Duration::from_millis(5);

#[derive(Clone, Copy, Debug)]
pub struct Options {
    pub seed: u64,
    /// How busy the world is; 100 is about a hundred market messages a second.
    pub rate_percent: u64,
    /// Zero: any free port. The address is always 127.0.0.1.
    pub port: u16,
    pub short_life: Duration,
    /// How much later than the feed the Data API knows a fill.
    pub index_lag: Duration,
    /// How many frames wait for a slow reader before he is cut off.
    pub queue_max: usize,
}

impl Default for Options {
    fn default() -> Options {
        Options {
            seed: 1,
            rate_percent: 100,
            port: 0,
            short_life: Duration::from_secs(300),
            index_lag: Duration::from_secs(4),
            queue_max: 4_096,
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
        let hub = Hub::new(workload, nanos(options.index_lag), options.queue_max);
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
    let faulty = axum::middleware::from_fn_with_state(world.clone(), rest::with_faults);
    let answers = rest::routes().merge(private::routes()).layer(faulty);
    answers.merge(channel::routes()).merge(rest::control_routes()).with_state(world)
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
