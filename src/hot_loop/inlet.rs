//! The way in: bounded lock-free rings from the feeds to the hot thread, and its wake-up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use crossbeam::queue::ArrayQueue;
use tokio::{
    runtime::Handle,
    sync::{Notify, mpsc},
    task::JoinHandle,
};

use super::Live;
use crate::{
    domain::{Input, Market, Nanos, Noted, PortfolioId, PortfolioSet, Settings, TokenId},
    journal::{AuditAbout, PAYLOAD_MAX},
};

/// An input and when it was received, by our clock.
#[derive(Clone, Copy, Debug)]
pub struct Stamped {
    pub at: Nanos,
    pub input: Input,
}

/// What the control plane tells the hot thread; in order with the inputs it sends itself.
pub enum Command {
    /// A token was seen for the first time. Inputs that name it come after.
    AddToken {
        id: TokenId,
        text: Box<str>,
    },
    /// A token's market became known, or known better.
    MarketKnown {
        token: TokenId,
        market: Market,
        denied: PortfolioSet,
        about: Box<About>,
    },
    Input(Stamped),
    /// The way out of live orders, which knows the names of all tokens that were added before.
    Arm(Box<Live>),
    /// Something of the wallet's that is only noted.
    Noted(Box<Noted>),
    /// Portfolios go by other settings; all settings have this hash now.
    Configure {
        portfolios: Vec<(PortfolioId, Settings)>,
        config: u64,
    },
    /// What an operator said, for the journal.
    Audit(Box<Audited>),
    Stop,
}

/// Who said what, and what became of it. Longer texts than a record has room for are cut.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Audited {
    pub by: String,
    pub what: String,
    pub of: String,
    pub from: String,
    pub to: String,
    pub ok: bool,
    pub said: String,
}

impl Audited {
    /// Returns it as it is recorded.
    pub fn about(&self) -> AuditAbout<'_> {
        let cut = |text: &str, bytes: usize| text.floor_char_boundary(bytes);
        let short = |text| cut(text, AUDIT_TEXT_MAX);
        AuditAbout {
            by: &self.by[..short(&self.by)],
            what: &self.what[..cut(&self.what, AUDIT_WHAT_MAX)],
            of: &self.of[..short(&self.of)],
            from: &self.from[..short(&self.from)],
            to: &self.to[..short(&self.to)],
            ok: self.ok,
            said: &self.said[..cut(&self.said, AUDIT_SAID_MAX)],
        }
    }
}

/// The most bytes of the texts of an audit; all of them fit into a record.
pub const AUDIT_WHAT_MAX: usize = 40;
pub const AUDIT_TEXT_MAX: usize = 160;
pub const AUDIT_SAID_MAX: usize = 300;
/// Beside the texts: a variant, a flag, and the length of each text.
const _: () = assert!(AUDIT_WHAT_MAX + 4 * AUDIT_TEXT_MAX + AUDIT_SAID_MAX + 1 + 1 + 6 * 2 <= PAYLOAD_MAX);

/// What people call a market.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    pub condition: String,
    pub slug: String,
    pub title: String,
    pub outcome: String,
    pub event: String,
    /// With blanks between them.
    pub tags: Option<String>,
}

/// Inputs that fit between a feed and the hot thread; a full ring makes the feed wait, and is counted.
pub const RING_MARKET: usize = 32_768;
pub const RING_LEADER: usize = 4_096;
pub const RING_CONTROL: usize = 1_024;

/// How long a feed waits before it looks at a full ring again.
const FULL_WAIT: Duration = Duration::from_micros(200);

pub struct Rings {
    pub(super) market: ArrayQueue<Stamped>,
    pub(super) leader: ArrayQueue<Stamped>,
    pub(super) control: ArrayQueue<Command>,
    pub(super) sleeping: AtomicBool,
    /// Rung when it sleeps and there is something for it.
    pub(super) bell: Notify,
    pub(super) queue_full: AtomicU64,
    /// The hot thread no longer takes anything.
    pub(super) closed: AtomicBool,
}

/// A feed's end of the rings; cheap to clone.
#[derive(Clone)]
pub struct Inlet {
    rings: Arc<Rings>,
    runtime: Handle,
}

/// The hot thread is gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Closed;

impl Rings {
    pub(super) fn new() -> Rings {
        Rings {
            market: ArrayQueue::new(RING_MARKET),
            leader: ArrayQueue::new(RING_LEADER),
            control: ArrayQueue::new(RING_CONTROL),
            sleeping: AtomicBool::new(false),
            bell: Notify::new(),
            queue_full: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.market.is_empty() && self.leader.is_empty() && self.control.is_empty()
    }
}

impl Inlet {
    pub(super) fn new(rings: Arc<Rings>, runtime: Handle) -> Inlet {
        Inlet { rings, runtime }
    }

    /// Returns where tasks run on the hot thread itself, between its turns: sockets on the way of an order, from the leader's
    /// frame to the request's bytes, so that none of it waits for another thread to wake. Not a place for long work.
    pub fn runtime(&self) -> &Handle {
        &self.runtime
    }

    /// Hands over the inputs of one market message.
    pub async fn market(&self, at: Nanos, inputs: &[Input]) -> Result<(), Closed> {
        for input in inputs {
            self.push(&self.rings.market, Stamped { at, input: *input }).await?;
        }
        self.wake();
        Ok(())
    }

    /// Hands over a leader's trade (or what else a leader's source tells).
    pub async fn leader(&self, at: Nanos, input: Input) -> Result<(), Closed> {
        self.push(&self.rings.leader, Stamped { at, input }).await?;
        self.wake();
        Ok(())
    }

    pub async fn command(&self, command: Command) -> Result<(), Closed> {
        self.push(&self.rings.control, command).await?;
        self.wake();
        Ok(())
    }

    /// Makes a bounded queue of commands, and a task that passes them on until nobody sends any more or the hot thread ends.
    pub fn queue(&self, max: usize) -> (mpsc::Sender<Command>, JoinHandle<()>) {
        let (commands, mut waiting) = mpsc::channel(max);
        let inlet = self.clone();
        let passing_on = tokio::spawn(async move {
            while let Some(command) = waiting.recv().await {
                if inlet.command(command).await.is_err() {
                    return;
                }
            }
        });
        (commands, passing_on)
    }

    /// Says whether the hot thread has ended.
    pub fn is_closed(&self) -> bool {
        self.rings.closed.load(Ordering::Acquire)
    }

    async fn push<T>(&self, ring: &ArrayQueue<T>, item: T) -> Result<(), Closed> {
        let mut item = item;
        loop {
            if self.is_closed() {
                return Err(Closed);
            }
            match ring.push(item) {
                Ok(()) => return Ok(()),
                Err(back) => item = back,
            }
            self.rings.queue_full.fetch_add(1, Ordering::Relaxed);
            self.wake();
            tokio::time::sleep(FULL_WAIT).await;
        }
    }

    /// Wakes the hot thread if it sleeps. Costs a load when it does not.
    fn wake(&self) {
        if self.rings.sleeping.swap(false, Ordering::SeqCst) {
            self.rings.bell.notify_one();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::journal::{Record, fits};

    /// Binds: texts of an audit are cut between characters to what a record has room for.
    #[test]
    fn an_audit_fits_into_a_record_whatever_was_said() {
        let long = || "ä€𝄞".repeat(200);
        let (by, what, of, from, to, said) = (long(), long(), long(), long(), long(), long());
        let audited = Audited { by, what, of, from, to, ok: true, said };
        let about = audited.about();
        assert!(fits(&Record::Audit(about)).is_ok());
        assert!(AUDIT_SAID_MAX - 4 < about.said.len() && about.said.len() <= AUDIT_SAID_MAX);
        assert!(AUDIT_TEXT_MAX - 4 < about.by.len() && about.what.len() <= AUDIT_WHAT_MAX);
    }
}
