//! The file and the signal that turn live off, whatever else goes on in this process.

use std::{
    fs::OpenOptions,
    io,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use signal_hook_registry::SigId;
use tokio::runtime::Handle;

use crate::{
    clock,
    domain::{Input, LiveSwitch},
    hot_loop::{Audited, Command, Inlet, Stamped},
    metrics::Published,
    venue::gate::Gate,
};

/// How often the file is looked for: well below the 100 ms in which it must hold.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Returns the file in a data folder that keeps live off while it is there.
pub fn path(data: &Path) -> PathBuf {
    data.join("KILL")
}

/// Makes the file, unless it is there.
pub fn make(data: &Path) -> io::Result<()> {
    OpenOptions::new().write(true).create(true).truncate(false).open(path(data)).map(drop)
}

/// Returns what the journal notes where the file was there before the engine.
pub fn found_at_start() -> Audited {
    let said = "it was there at the start: live begins off, and nothing leaves".to_owned();
    let (by, what, to) = ("file KILL".to_owned(), "off".to_owned(), LiveSwitch::Off.code().to_owned());
    Audited { by, what, to, ok: true, said, ..Audited::default() }
}

/// SIGUSR1 shuts the gate, from here to the drop: in the handler itself, so that no thread of ours need be alive for it.
#[derive(Debug)]
pub struct Signal {
    id: SigId,
    heard: Arc<AtomicU64>,
}

pub fn hear_signal(gate: &Arc<Gate>) -> io::Result<Signal> {
    let (gate, heard) = (Arc::clone(gate), Arc::new(AtomicU64::new(0)));
    let counted = Arc::clone(&heard);
    let kill = move || {
        gate.kill();
        counted.fetch_add(1, Ordering::SeqCst);
    };
    // SAFETY: the handler adds to atomics, which is sound in a signal handler; it takes no lock and no memory.
    let id = unsafe { signal_hook_registry::register(libc::SIGUSR1, kill) };
    id.map(|id| Signal { id, heard })
}

impl Signal {
    /// Returns the count of signals that came, as it goes on.
    pub fn heard(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.heard)
    }
}

impl Drop for Signal {
    fn drop(&mut self) {
        signal_hook_registry::unregister(self.id);
    }
}

/// Looks for the file and for kills, until it is dropped; a thread of its own, which waits for nothing but the hot thread.
#[derive(Debug)]
pub struct KillWatch {
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

struct Watched {
    data: PathBuf,
    gate: Arc<Gate>,
    inlet: Inlet,
    published: Published,
    runtime: Handle,
    /// How many kills the engine was told of.
    told: u64,
    /// How many signals came, and how many of them are in the journal.
    signals: Arc<AtomicU64>,
    audited: u64,
}

impl KillWatch {
    /// Must be called in a runtime.
    pub fn start(data: &Path, gate: Arc<Gate>, inlet: Inlet, published: Published, signal: &Signal) -> KillWatch {
        let over = Arc::new(AtomicBool::new(false));
        let (data, runtime, signals) = (data.to_owned(), Handle::current(), signal.heard());
        let mut watched = Watched { data, gate, inlet, published, runtime, told: 0, signals, audited: 0 };
        let is_over = Arc::clone(&over);
        let watch = move || {
            while !is_over.load(Ordering::Acquire) {
                watched.look();
                std::thread::sleep(LOOK_EVERY);
            }
        };
        let thread = std::thread::Builder::new().name("kill".into()).spawn(watch).expect("a thread can be started");
        KillWatch { over, thread: Some(thread) }
    }
}

impl Drop for KillWatch {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            // A panic in it was told, and there is nothing left to watch.
            let _ = thread.join();
        }
    }
}

impl Watched {
    fn look(&mut self) {
        let is_there = path(&self.data).exists();
        let from = self.published.load().live;
        let by_file = is_there && !self.gate.is_killed();
        if by_file {
            self.gate.kill();
        }
        self.hold(is_there);
        // What is noted may wait for the engine; nothing that closes waits for it.
        if by_file {
            self.audit("file KILL", from);
        }
        let signals = self.signals.load(Ordering::SeqCst);
        if self.audited != signals {
            self.audited = signals;
            self.audit("signal USR1", from);
        }
    }

    /// Where the gate is shut by a kill, makes the file that holds over a restart, then has the engine record Off.
    fn hold(&mut self, is_there: bool) {
        if !self.gate.is_killed() {
            return;
        }
        let kills = self.gate.kills();
        let is_new = kills != self.told;
        // An order to turn on may have been on its way to the engine while this kill came.
        let was_overtaken = self.published.load().live == LiveSwitch::On;
        if !is_new && !was_overtaken {
            return;
        }
        if is_new {
            tracing::warn!(kills, "live is killed: nothing leaves, and the switch goes off");
        }
        if !is_there && let Err(error) = make(&self.data) {
            tracing::error!(%error, file = %path(&self.data).display(), "cannot be made: a restart goes by the journal alone");
        }
        let off = Stamped { at: clock::now(), input: Input::SwitchLive { to: LiveSwitch::Off } };
        // The hot thread is gone at the end of a session: then nothing leaves anyway.
        let _ = self.runtime.block_on(self.inlet.command(Command::Input(off)));
        self.told = kills;
    }

    /// Has the journal note a kill that nobody said at the socket.
    fn audit(&self, by: &str, from: LiveSwitch) {
        let off = LiveSwitch::Off.code().to_owned();
        let (from, said) = (from.code().to_owned(), "live is off: nothing leaves".to_owned());
        let noted =
            Audited { by: by.to_owned(), what: "off".to_owned(), of: String::new(), from, to: off, ok: true, said };
        let _ = self.runtime.block_on(self.inlet.command(Command::Audit(Box::new(noted))));
    }
}
