//! WARM CONNECTIONS FOR ORDERS: made ahead, kept up by pings, retired before the venue's edge would cut them, each for one
//! request at a time. What is written is the caller's bytes as they are: nothing here repeats, redirects or goes round.
//!
//! A failure says whether a byte of the request left: if none did, the order is certainly not at the venue.

mod line;
mod reply;

use std::collections::VecDeque;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::{sleep, timeout};

use line::Line;
pub use line::{ANSWER_TIMEOUT, CONNECT_TIMEOUT};
pub use reply::Reply;

use crate::clock;
use crate::venue::gate::LivePermit;

/// How many connections are kept.
pub const CONNECTIONS: usize = 4;
/// A connection that was not used for so long is asked something harmless, before the venue closes it.
const IDLE_MAX: Duration = Duration::from_secs(15);
/// The venue's edge cuts a connection after about 10,000 requests: it is replaced before, when nothing is on it.
pub const REQUESTS_MAX: u32 = 9_000;
/// The pause after a connection that could not be made; it doubles up to the second.
const PAUSE_MIN: Duration = Duration::from_millis(100);
const PAUSE_MAX: Duration = Duration::from_secs(5);

/// Where orders go.
#[derive(Clone, Debug)]
pub struct Target {
    /// As it stands in the header: with the port, if that is not the usual one.
    pub host: String,
    name: String,
    port: u16,
    tls: Option<Arc<rustls::ClientConfig>>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Not a byte of the request left.
    NotWritten { why: String },
    /// Some of it, or all, may have come to the venue.
    Written { why: String },
}

/// How the connections are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConnectionsNow {
    pub open: usize,
    pub idle: usize,
    /// How many were made since the start.
    pub made: usize,
    /// Why the last one could not be made, or was lost.
    pub error: Option<String>,
}

impl Target {
    /// Reads an origin such as `https://clob.polymarket.com`. Without TLS only where the address says `http`.
    pub fn new(url: &str) -> Result<Target, String> {
        let bad = || format!("{url:?} is not the address of a server: expected https://NAME or https://NAME:PORT");
        let parsed = reqwest::Url::parse(url).map_err(|_| bad())?;
        let name = parsed.host_str().ok_or_else(bad)?.to_owned();
        let port = parsed.port_or_known_default().ok_or_else(bad)?;
        let host = parsed.port().map_or(name.clone(), |port| format!("{name}:{port}"));
        let tls = match parsed.scheme() {
            "https" => {
                let mut config = crate::feed::client_tls();
                config.alpn_protocols = vec![b"http/1.1".to_vec()];
                Some(Arc::new(config))
            }
            "http" => None,
            _ => return Err(bad()),
        };
        Ok(Target { host, name, port, tls })
    }
}

/// The pool. Someone must run [`Connections::keep`].
pub struct Connections {
    target: Target,
    ping: Vec<u8>,
    idle: Mutex<VecDeque<Line>>,
    open: AtomicUsize,
    made: AtomicUsize,
    error: Mutex<Option<String>>,
    /// Rung when a connection became free.
    freed: Notify,
    /// Rung when one is missing.
    missing: Notify,
}

/// A connection that is ours until it is sent on or let go; let go unused it goes back.
pub struct Warm {
    pool: Arc<Connections>,
    line: Option<Line>,
    is_spent: bool,
}

impl Connections {
    pub fn new(target: Target) -> Arc<Connections> {
        let ping = format!("GET /time HTTP/1.1\r\nHost: {}\r\nUser-Agent: remora\r\nAccept: */*\r\n\r\n", target.host);
        Arc::new(Connections {
            target,
            ping: ping.into_bytes(),
            idle: Mutex::default(),
            open: AtomicUsize::new(0),
            made: AtomicUsize::new(0),
            error: Mutex::default(),
            freed: Notify::new(),
            missing: Notify::new(),
        })
    }

    pub fn target(&self) -> &Target {
        &self.target
    }

    pub fn now(&self) -> ConnectionsNow {
        ConnectionsNow {
            open: self.open.load(Ordering::Relaxed),
            idle: self.idle().len(),
            made: self.made.load(Ordering::Relaxed),
            error: self.error.lock().expect("nobody panicked with it in hand").clone(),
        }
    }

    /// Returns a connection that is up as far as can be seen; waits for one at most so long.
    pub async fn take(self: &Arc<Self>, patience: Duration) -> Option<Warm> {
        let wait = async {
            loop {
                let freed = self.freed.notified();
                if let Some(line) = self.take_idle() {
                    return Warm { pool: Arc::clone(self), line: Some(line), is_spent: false };
                }
                freed.await;
            }
        };
        timeout(patience, wait).await.ok()
    }

    /// Keeps the connections up: makes those that are missing, asks something harmless on those that idle. Never ends.
    pub async fn keep(self: Arc<Self>) {
        let mut pause = PAUSE_MIN;
        loop {
            while self.open.load(Ordering::Relaxed) < CONNECTIONS {
                match Line::connect(&self.target).await {
                    Ok(line) => {
                        pause = PAUSE_MIN;
                        self.open.fetch_add(1, Ordering::Relaxed);
                        self.made.fetch_add(1, Ordering::Relaxed);
                        self.give_back(line);
                    }
                    Err(error) => {
                        tracing::warn!(error, "no connection for orders");
                        self.note(error);
                        sleep(pause).await;
                        pause = (pause * 2).min(PAUSE_MAX);
                    }
                }
            }
            let wait = timeout(Duration::from_secs(1), self.missing.notified());
            if wait.await.is_err() {
                self.ping_one().await;
            }
        }
    }

    /// Pings the one that idles longest, if it idles too long: at most one is away at a time.
    async fn ping_one(&self) {
        let idles = |line: &Line| IDLE_MAX.as_nanos() as u64 <= clock::mono().saturating_sub(line.used_at);
        let line = {
            let mut idle = self.idle();
            let oldest = idle.iter().position(idles);
            oldest.and_then(|index| idle.remove(index))
        };
        let Some(mut line) = line else { return };
        match line.exchange(&self.ping).await {
            Ok((_, true)) if line.requests < REQUESTS_MAX => self.give_back(line),
            Ok(_) => self.drop_line("retired"),
            Err(Failure::NotWritten { why } | Failure::Written { why }) => self.drop_line(&why),
        }
    }

    /// The one used last is the warmest; those that the venue closed meanwhile are dropped.
    fn take_idle(&self) -> Option<Line> {
        loop {
            let mut line = self.idle().pop_back()?;
            if line.is_quiet() {
                return Some(line);
            }
            self.drop_line("closed by the venue");
        }
    }

    fn give_back(&self, line: Line) {
        self.idle().push_back(line);
        self.freed.notify_one();
    }

    fn drop_line(&self, why: &str) {
        self.note(why.to_owned());
        self.open.fetch_sub(1, Ordering::Relaxed);
        self.missing.notify_one();
    }

    fn note(&self, error: String) {
        *self.error.lock().expect("nobody panicked with it in hand") = Some(error);
    }

    fn idle(&self) -> MutexGuard<'_, VecDeque<Line>> {
        self.idle.lock().expect("nobody panicked with the connections in hand")
    }
}

impl Warm {
    /// Sends an order: the only way there is. The permit was given at this instant, after every wait, and is used up.
    pub async fn send(mut self, permit: LivePermit, request: &[u8]) -> Result<Reply, Failure> {
        drop(permit);
        // Given up half-way, or failed, it is not used again.
        self.is_spent = true;
        let line = self.line.as_mut().expect("a connection is there until it is let go");
        let (reply, is_reusable) = line.exchange(request).await?;
        self.is_spent = !is_reusable || REQUESTS_MAX <= line.requests;
        Ok(reply)
    }
}

impl Drop for Warm {
    fn drop(&mut self) {
        match self.line.take() {
            Some(line) if !self.is_spent => self.pool.give_back(line),
            Some(_) | None => self.pool.drop_line("used up"),
        }
    }
}

#[cfg(test)]
mod tests;
