//! The way in: bounded lock-free rings from the feeds to the hot thread, and its wake-up.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::Thread,
    time::Duration,
};

use crossbeam::queue::ArrayQueue;
use tokio::{sync::mpsc, task::JoinHandle};

use super::Live;
use crate::domain::{Input, Market, Nanos, Noted, PortfolioId, PortfolioSet, Settings, TokenId};

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
    Stop,
}

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
    pub(super) queue_full: AtomicU64,
    /// The hot thread no longer takes anything.
    pub(super) closed: AtomicBool,
}

/// A feed's end of the rings; cheap to clone.
#[derive(Clone)]
pub struct Inlet {
    rings: Arc<Rings>,
    hot: Thread,
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
            queue_full: AtomicU64::new(0),
            closed: AtomicBool::new(false),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.market.is_empty() && self.leader.is_empty() && self.control.is_empty()
    }
}

impl Inlet {
    pub(super) fn new(rings: Arc<Rings>, hot: Thread) -> Inlet {
        Inlet { rings, hot }
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
            self.hot.unpark();
        }
    }
}
