//! A relay over TLS between an engine and the simulated venue. It notes when a leader's trade was written to the engine, and
//! when an order came from it. Its runtime never sleeps, so that no wake-up of its own is measured.

use std::{
    collections::HashMap,
    io,
    sync::{Arc, Mutex},
    thread::JoinHandle,
};

use axum::serve::Listener;
use remora::{
    clock,
    sim::server::tls::{Identity, TlsListener},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    task::yield_now,
};
use tokio_util::sync::CancellationToken;

/// A leader's trade of a token, from its first frame to the order that copied it, by the clock that only measures.
#[derive(Clone, Copy, Debug)]
pub struct Copied {
    pub told_at: u64,
    pub ordered_at: u64,
}

/// What was seen.
#[derive(Default)]
pub struct Seen {
    /// The newest trade of each token, if it has no order so far: token, and when it was told first.
    open: HashMap<String, u64>,
    /// Trades whose first frame was seen, by transaction and token: each is told several times.
    told: HashMap<(String, String), ()>,
    pub copied: Vec<Copied>,
}

/// Whose trades are looked for.
#[derive(Clone)]
struct Watch {
    seen: Arc<Mutex<Seen>>,
    leader: String,
}

pub struct Relay {
    pub activity_port: u16,
    pub clob_port: u16,
    pub seen: Arc<Mutex<Seen>>,
    stop: CancellationToken,
    thread: Option<JoinHandle<()>>,
}

impl Relay {
    /// Starts relays to the ports of a venue without TLS.
    pub fn start(identity: Identity, leader: &str, activity_to: u16, clob_to: u16) -> io::Result<Relay> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let (seen, stop) = (Arc::new(Mutex::new(Seen::default())), CancellationToken::new());
        let watch = Watch { seen: Arc::clone(&seen), leader: leader.to_ascii_lowercase() };
        let (ports, opened) = std::sync::mpsc::channel();
        let stopped = stop.clone();
        let thread = std::thread::spawn(move || {
            runtime.block_on(async move {
                for to in [activity_to, clob_to] {
                    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
                    ports.send(listener.local_addr().expect("an address").port()).expect("somebody waits");
                    let listener = TlsListener::new(listener, &identity).expect("a listener");
                    tokio::spawn(accept(listener, to, watch.clone()));
                }
                while !stopped.is_cancelled() {
                    yield_now().await;
                }
            });
            runtime.shutdown_background();
        });
        let port = || opened.recv().map_err(io::Error::other);
        let (activity_port, clob_port) = (port()?, port()?);
        Ok(Relay { activity_port, clob_port, seen, stop, thread: Some(thread) })
    }
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.stop.cancel();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn accept(mut listener: TlsListener, to: u16, watch: Watch) {
    loop {
        let (near, _) = listener.accept().await;
        near.get_ref().0.set_nodelay(true).expect("a socket");
        let watch = watch.clone();
        tokio::spawn(async move {
            let Ok(far) = TcpStream::connect(("127.0.0.1", to)).await else { return };
            far.set_nodelay(true).expect("a socket");
            let (mut from_engine, mut to_engine) = tokio::io::split(near);
            let (mut from_venue, mut to_venue) = far.into_split();
            let (mut down, mut up) = (vec![0; 1 << 16], vec![0; 1 << 16]);
            let telling = async {
                while let Ok(read @ 1..) = from_venue.read(&mut down).await {
                    watch.told(&down[..read]);
                    if to_engine.write_all(&down[..read]).await.is_err() || to_engine.flush().await.is_err() {
                        break;
                    }
                }
            };
            let asking = async {
                while let Ok(read @ 1..) = from_engine.read(&mut up).await {
                    watch.asked(&up[..read]);
                    if to_venue.write_all(&up[..read]).await.is_err() {
                        break;
                    }
                }
            };
            tokio::select! { () = telling => {}, () = asking => {} }
        });
    }
}

impl Watch {
    /// Looks for the leader's trades in what is about to be written to the engine.
    fn told(&self, bytes: &[u8]) {
        let now = clock::mono();
        let text = String::from_utf8_lossy(bytes);
        for frame in text.split("connection_id").skip(1) {
            let wallet = field(frame, "proxyWallet").unwrap_or_default().to_ascii_lowercase();
            if wallet != self.leader {
                continue;
            }
            let (Some(token), Some(transaction)) = (field(frame, "asset"), field(frame, "transactionHash")) else {
                continue;
            };
            let mut seen = self.seen.lock().expect("no panic");
            if seen.told.insert((transaction.to_owned(), token.to_owned()), ()).is_none() {
                // One that was not copied is over: an order is after the newest trade of its token.
                seen.open.insert(token.to_owned(), now);
            }
        }
    }

    /// Looks for an order in what came from the engine.
    fn asked(&self, bytes: &[u8]) {
        if !bytes.starts_with(b"POST /order ") {
            return;
        }
        let ordered_at = clock::mono();
        let text = String::from_utf8_lossy(bytes);
        let mut seen = self.seen.lock().expect("no panic");
        if let Some(told_at) = field(&text, "tokenId").and_then(|token| seen.open.remove(token)) {
            seen.copied.push(Copied { told_at, ordered_at });
        }
    }
}

/// Returns a text field of a JSON text, wherever in it.
fn field<'a>(text: &'a str, name: &str) -> Option<&'a str> {
    let begin = text.find(&format!("\"{name}\":\""))? + name.len() + 4;
    text[begin..].split('"').next()
}
