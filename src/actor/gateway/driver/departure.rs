//! ORDERS LEAVE HERE, on the hot thread: between a decision and the first byte of its order no other thread must wake. What
//! became of each the driver hears.

use std::sync::{Arc, atomic::Ordering};

use tokio::{runtime::Handle, sync::mpsc};
use tokio_util::sync::CancellationToken;

use super::{Desk, Done};
use crate::{
    clock,
    domain::{LeaderId, Nanos, NotSent, OrderKind, Side, VenueOrderId},
    venue::{
        outbox::Outgoing,
        polymarket::dispatch::{Dispatch, Dispatched, Leaving},
    },
};

/// An order on its way to the venue.
pub struct Departure {
    pub id: VenueOrderId,
    pub leader: LeaderId,
    pub side: Side,
    /// It does not leave after this.
    pub leave_by: Nanos,
    pub request: Vec<u8>,
    /// Where in `request` the body begins.
    pub body_at: usize,
}

impl Departure {
    fn new(outgoing: &Outgoing) -> Departure {
        Departure {
            id: outgoing.sent.id,
            leader: outgoing.sent.leader,
            side: outgoing.sent.side,
            leave_by: outgoing.leave_by,
            request: outgoing.request[..outgoing.len].to_vec(),
            body_at: outgoing.body_at,
        }
    }

    /// Returns what may be sent again under other headers.
    pub fn body(&self) -> &str {
        str::from_utf8(&self.request[self.body_at..]).expect("a body is JSON")
    }
}

/// Lets orders out. Cheap to clone.
#[derive(Clone)]
pub struct Departures {
    desk: Arc<Desk>,
    dispatch: Dispatch,
    done: mpsc::UnboundedSender<Done>,
    hot: Handle,
}

impl Departures {
    /// `hot` is the hot thread's runtime.
    pub fn new(desk: &Arc<Desk>, dispatch: &Dispatch, done: &mpsc::UnboundedSender<Done>, hot: &Handle) -> Departures {
        Departures { desk: Arc::clone(desk), dispatch: dispatch.clone(), done: done.clone(), hot: hot.clone() }
    }

    /// Lets out what the hot thread pushes, until it is told to stop; it stops between two orders.
    pub async fn run(self, stop: CancellationToken) {
        loop {
            for outgoing in self.desk.outbox.take() {
                let is_well = clock::now().0 < self.desk.well_until.load(Ordering::Relaxed);
                if outgoing.sent.kind == OrderKind::Gtc && !is_well {
                    let dispatched = Dispatched::NotSent(NotSent::NoConnection);
                    self.tell(Departure::new(&outgoing), dispatched, clock::mono());
                } else {
                    self.begin(Departure::new(&outgoing));
                }
            }
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.desk.outbox.order_bell.notified() => {}
            }
        }
    }

    /// Each waits for a connection on its own, and is looked at again after that.
    pub fn begin(&self, departure: Departure) {
        self.desk.in_flight().insert(departure.id);
        let this = self.clone();
        self.hot.spawn(async move {
            let Departure { leader, side, leave_by, .. } = departure;
            let began = clock::mono();
            let leaving = Leaving { request: &departure.request, leader, side, leave_by };
            let dispatched = this.dispatch.send(leaving).await;
            this.tell(departure, dispatched, began);
        });
    }

    /// Nobody listens any more when the driver failed: its successor asks the venue.
    fn tell(&self, departure: Departure, dispatched: Dispatched, began: u64) {
        let _ = self.done.send(Done::Sent { departure, dispatched, began });
    }
}
