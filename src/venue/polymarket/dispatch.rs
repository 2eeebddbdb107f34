//! THE WAY OUT OF AN ORDER: it waits for a connection, is looked at a last time, and its bytes are written. What is looked at
//! is looked at after every wait: its age, the venue's rate limit, and last of all the gate.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use super::buckets::{Buckets, Draw};
use super::connection::{Connections, Failure, Reply};
use crate::clock;
use crate::domain::{LeaderId, Nanos, NotSent, Side};
use crate::venue::gate::Gate;

/// The longest wait for a connection: an order that waited longer is worth nothing.
const PATIENCE: Duration = Duration::from_secs(1);

/// What is needed to let an order out. Cheap to clone.
#[derive(Clone)]
pub struct Dispatch {
    pub connections: Arc<Connections>,
    pub gate: Arc<Gate>,
    pub buckets: Arc<Mutex<Buckets>>,
    pub clock: fn() -> Nanos,
}

/// A request and what decides whether it may leave.
#[derive(Clone, Copy, Debug)]
pub struct Leaving<'a> {
    pub request: &'a [u8],
    pub leader: LeaderId,
    pub side: Side,
    /// It does not leave after this.
    pub leave_by: Nanos,
}

/// What became of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Dispatched {
    NotSent(NotSent),
    Replied(Reply),
    /// Some of it was written, and no answer came.
    Lost {
        why: String,
    },
}

impl Dispatch {
    /// Lets an order out, or not.
    pub async fn send(&self, leaving: Leaving<'_>) -> Dispatched {
        let left = Duration::from_nanos(leaving.leave_by.since((self.clock)()).0);
        let Some(warm) = self.connections.take(left.min(PATIENCE)).await else {
            let is_late = leaving.leave_by <= (self.clock)();
            return Dispatched::NotSent(if is_late { NotSent::TooOld } else { NotSent::NoConnection });
        };
        // No wait from here to the first byte.
        let now = (self.clock)();
        if leaving.leave_by <= now {
            return Dispatched::NotSent(NotSent::TooOld);
        }
        let draw = draw(leaving.side);
        if !self.buckets.lock().expect("nobody panicked with the buckets in hand").draw(now, draw) {
            return Dispatched::NotSent(NotSent::RateLimit);
        }
        let permit = match self.gate.permit(leaving.leader, leaving.side, clock::since_boot()) {
            Ok(permit) => permit,
            Err(cause) => return Dispatched::NotSent(cause),
        };
        match warm.send(permit, leaving.request).await {
            Ok(reply) => {
                self.follow_limits(draw, &reply);
                Dispatched::Replied(reply)
            }
            Err(Failure::NotWritten { why }) => {
                tracing::warn!(why, "an order was not sent: not a byte of it was written");
                Dispatched::NotSent(NotSent::NoConnection)
            }
            Err(Failure::Written { why }) => Dispatched::Lost { why },
        }
    }

    fn follow_limits(&self, draw: Draw, reply: &Reply) {
        let now = (self.clock)();
        let number = |name: &str| reply.header(name).and_then(|text| text.parse::<i64>().ok());
        let remaining = number("poly-ratelimit-remaining");
        let reset = number("poly-ratelimit-reset").filter(|_| reply.status == 429);
        let shut_until = reset.and_then(|secs| u64::try_from(secs).ok()).map(Nanos::from_secs);
        self.buckets.lock().expect("nobody panicked with the buckets in hand").told(now, draw, remaining, shut_until);
        if reply.header("poly-ratelimit-warning").is_some() {
            tracing::warn!("the venue warns: orders come faster than its rate limit allows");
        }
    }
}

fn draw(side: Side) -> Draw {
    match side {
        Side::Buy => Draw::Entry,
        Side::Sell => Draw::Exit,
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio::sync::mpsc;

    use super::*;
    use crate::domain::LiveSwitch;
    use crate::venue::polymarket::connection::{CONNECTIONS, Target};

    const REQUEST: &[u8] = b"POST /order HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";

    /// A venue that says what it got, and answers each request when it is told to.
    async fn venue(answer: &'static str) -> (Dispatch, mpsc::Receiver<usize>, Arc<tokio::sync::Semaphore>) {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let connections = Connections::new(Target::new(&url).expect("an address"));
        tokio::spawn(Arc::clone(&connections).keep());
        let (told, got) = mpsc::channel(64);
        let answers = Arc::new(tokio::sync::Semaphore::new(0));
        let allowed = Arc::clone(&answers);
        tokio::spawn(async move {
            loop {
                let (mut socket, _) = listener.accept().await.expect("a connection");
                let (told, allowed) = (told.clone(), Arc::clone(&allowed));
                tokio::spawn(async move {
                    let mut bytes = [0; 1_024];
                    while let Ok(read @ 1..) = socket.read(&mut bytes).await {
                        told.send(read).await.unwrap_or_default();
                        allowed.acquire().await.expect("open").forget();
                        socket.write_all(answer.as_bytes()).await.unwrap_or_default();
                    }
                });
            }
        });
        let gate = Arc::new(Gate::default());
        gate.set_live(LiveSwitch::On);
        gate.hold_until(Nanos::NEVER);
        (Dispatch { connections, gate, buckets: Arc::default(), clock: clock::now }, got, answers)
    }

    fn leaving(side: Side, leave_in: Nanos) -> Leaving<'static> {
        Leaving { request: REQUEST, leader: LeaderId(0), side, leave_by: clock::now().plus(leave_in) }
    }

    const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n";

    /// I-6: the switch is read after the queue.
    #[tokio::test]
    async fn an_order_that_waits_while_the_switch_goes_off_does_not_leave() {
        let (dispatch, mut got, answers) = venue(OK).await;
        let send = |side| {
            let dispatch = dispatch.clone();
            tokio::spawn(async move { dispatch.send(leaving(side, Nanos::from_secs(5))).await })
        };
        // Every connection carries an order whose answer does not come; the next one waits.
        let first: Vec<_> = (0..CONNECTIONS).map(|_| send(Side::Buy)).collect();
        for _ in 0..CONNECTIONS {
            assert_eq!(got.recv().await, Some(REQUEST.len()));
        }
        let waits = [send(Side::Buy), send(Side::Sell)];
        tokio::time::sleep(Duration::from_millis(50)).await;
        dispatch.gate.kill();
        answers.add_permits(CONNECTIONS);
        for sent in first {
            assert!(matches!(sent.await.expect("no panic"), Dispatched::Replied(reply) if reply.status == 200));
        }
        for waited in waits {
            assert_eq!(waited.await.expect("no panic"), Dispatched::NotSent(NotSent::LiveOff));
        }
        assert!(got.try_recv().is_err(), "not a byte left after the switch went off");
    }

    /// Binds: not_sent_wallet_not_held.
    /// Binds: `leave_by`, the rate limit, and the wait for a connection (NotSent::TooOld, RateLimit, NoConnection, LiveOff).
    #[tokio::test]
    async fn what_is_too_old_or_too_much_does_not_leave() {
        const LIMITED: &str = "HTTP/1.1 429 x\r\nPoly-RateLimit-Remaining: 0\r\nPoly-RateLimit-Reset: 99999999999\r\n\
                               content-length: 0\r\n\r\n";
        let (dispatch, mut got, answers) = venue(LIMITED).await;
        answers.add_permits(10);
        let sent = dispatch.send(leaving(Side::Buy, Nanos::ZERO)).await;
        assert_eq!(sent, Dispatched::NotSent(NotSent::TooOld));
        let long = Nanos::from_secs(60);
        assert!(matches!(dispatch.send(leaving(Side::Sell, long)).await, Dispatched::Replied(_)));
        assert_eq!(got.recv().await, Some(REQUEST.len()));
        // The venue said that its bucket is empty, and until when.
        assert_eq!(dispatch.send(leaving(Side::Sell, long)).await, Dispatched::NotSent(NotSent::RateLimit));
        assert!(got.try_recv().is_err());
        *dispatch.buckets.lock().expect("buckets") = Buckets::default();
        dispatch.gate.set_live(LiveSwitch::Off);
        assert_eq!(dispatch.send(leaving(Side::Sell, long)).await, Dispatched::NotSent(NotSent::LiveOff));
        dispatch.gate.set_live(LiveSwitch::On);
        dispatch.gate.hold_until(clock::since_boot());
        assert_eq!(dispatch.send(leaving(Side::Sell, long)).await, Dispatched::NotSent(NotSent::WalletNotHeld));

        let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
        let nobody = Connections::new(Target::new(&format!("http://{free}")).expect("an address"));
        let alone = Dispatch { connections: nobody, ..dispatch };
        assert_eq!(alone.send(leaving(Side::Buy, long)).await, Dispatched::NotSent(NotSent::NoConnection));
    }
}
