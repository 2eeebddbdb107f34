//! What signs ahead: wishes in, signed orders out, over two bounded queues, on a thread that nobody waits for.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use crossbeam::queue::ArrayQueue;

use crate::{
    clock,
    domain::{Nanos, TokenId},
    venue::polymarket::curve,
};

use super::{
    SALT_END,
    names::Name,
    pen::{Asked, Pen, Written},
};

/// Wishes, and signed orders, that wait.
const WAITING_MAX: usize = 256;
/// How the thread paces itself: so many signatures, then a rest. At most a tenth of a core, also where all books move.
const BATCH: usize = 32;
const REST: Duration = Duration::from_millis(10);
/// Salts of what is signed ahead have this bit, salts of what is signed on demand have it not (until the year 2112): so the
/// two count on their own and never meet.
pub const AHEAD: u64 = SALT_END / 2;

/// An order to be signed.
#[derive(Clone, Copy, Debug)]
pub struct Wish {
    pub ticket: u64,
    pub asked: Asked,
    pub name: Name,
}

/// A signed order, for the wish of this ticket.
#[derive(Debug)]
pub struct Made {
    pub token: TokenId,
    pub ticket: u64,
    pub written: Written,
}

struct Queues {
    wishes: ArrayQueue<Wish>,
    made: ArrayQueue<Made>,
    has_ended: AtomicBool,
}

/// The end of the queues that wishes. When it is dropped, the thread ends.
pub struct Wishes(Arc<Queues>);

/// The end that signs.
pub struct Signer {
    queues: Arc<Queues>,
    pen: Pen,
    salt: u64,
}

impl Wishes {
    /// Returns whether there was room.
    pub fn push(&self, wish: Wish) -> bool {
        self.0.wishes.push(wish).is_ok()
    }

    pub fn made(&self) -> Option<Made> {
        self.0.made.pop()
    }
}

impl Drop for Wishes {
    fn drop(&mut self) {
        self.0.has_ended.store(true, Ordering::Release);
    }
}

impl Signer {
    /// `began`: when this process did, as for the orders signed on demand.
    pub fn new(pen: Pen, began: Nanos) -> (Wishes, Signer) {
        let queues = Arc::new(Queues {
            wishes: ArrayQueue::new(WAITING_MAX),
            made: ArrayQueue::new(WAITING_MAX),
            has_ended: AtomicBool::new(false),
        });
        (Wishes(Arc::clone(&queues)), Signer { queues, pen, salt: began.0 / 1_000 })
    }

    /// Signs at most `most` of the orders that are wished for, and returns how many.
    pub fn sign(&mut self, now: Nanos, most: usize) -> usize {
        for nth in 0..most {
            if self.queues.made.is_full() {
                return nth;
            }
            let Some(Wish { ticket, asked, name }) = self.queues.wishes.pop() else { return nth };
            self.salt += 1;
            let written = self.pen.write(&asked, &name, AHEAD | (self.salt % AHEAD), now);
            let made = self.queues.made.push(Made { token: asked.token, ticket, written });
            assert!(made.is_ok(), "only this thread fills the queue, and there was room");
        }
        most
    }

    /// Signs on a thread of its own until the other end is gone. It asks now and then rather than being woken: to wake a
    /// thread costs the hot one more than all it does for an order.
    pub fn start(mut self) -> JoinHandle<()> {
        let sign = move || {
            while !self.queues.has_ended.load(Ordering::Acquire) {
                self.sign(clock::now(), BATCH);
                curve::blind();
                std::thread::sleep(REST);
            }
        };
        std::thread::Builder::new().name("signer".into()).spawn(sign).expect("a thread can be started")
    }
}
