//! Against servers of our own on real sockets, and the simulated venue over TLS.

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;

use super::*;
use crate::domain::{LeaderId, LiveSwitch, Nanos, Side};
use crate::sim::server::tls::Identity;
use crate::sim::server::{Options, Server};
use crate::venue::gate::Gate;

const REQUEST: &[u8] = b"POST /order HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\n{}";
const OK: &[u8] = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
const PATIENCE: Duration = Duration::from_secs(20);

fn open_gate() -> Gate {
    let gate = Gate::default();
    gate.set_live(LiveSwitch::On);
    gate.hold_until(Nanos::NEVER);
    gate
}

fn permit(gate: &Gate) -> LivePermit {
    gate.permit(LeaderId(0), Side::Buy, Nanos::ZERO).expect("an open gate")
}

/// A server that answers each request of each connection with these bytes, if any, then goes on or closes.
async fn served(answer: &'static [u8], then: Then) -> (Arc<Connections>, mpsc::Receiver<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let pool = pool(listener.local_addr().expect("an address"));
    let (told, requests) = mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            let (socket, _) = listener.accept().await.expect("a connection");
            tokio::spawn(serve(socket, answer, then, told.clone()));
        }
    });
    (pool, requests)
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Then {
    GoOn,
    Close,
    /// Closes before anything is asked.
    CloseAtOnce,
}

async fn serve(mut socket: TcpStream, answer: &[u8], then: Then, told: mpsc::Sender<Vec<u8>>) {
    let mut bytes = vec![0; 4_096];
    while then != Then::CloseAtOnce
        && let Ok(read @ 1..) = socket.read(&mut bytes).await
    {
        told.send(bytes[..read].to_vec()).await.unwrap_or_default();
        socket.write_all(answer).await.unwrap_or_default();
        if then == Then::Close {
            return;
        }
    }
}

fn pool(address: std::net::SocketAddr) -> Arc<Connections> {
    let pool = Connections::new(Target::new(&format!("http://{address}")).expect("an address"));
    tokio::spawn(Arc::clone(&pool).keep());
    pool
}

async fn sent(pool: &Arc<Connections>) -> Result<Reply, Failure> {
    let warm = pool.take(PATIENCE).await.expect("a connection");
    warm.send(permit(&open_gate()), REQUEST).await
}

async fn until(pool: &Connections, is: impl Fn(&ConnectionsNow) -> bool) {
    let wait = async {
        while !is(&pool.now()) {
            sleep(Duration::from_millis(5)).await;
        }
    };
    timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("never: {:?}", pool.now()));
}

#[test]
fn a_target_is_an_origin() {
    let host = |url: &str| Target::new(url).map(|target| (target.host, target.port, target.tls.is_some()));
    assert_eq!(host("https://clob.polymarket.com"), Ok(("clob.polymarket.com".to_owned(), 443, true)));
    assert_eq!(host("http://127.0.0.1:8080/"), Ok(("127.0.0.1:8080".to_owned(), 8_080, false)));
    for wrong in ["", "clob.polymarket.com", "ws://127.0.0.1:1"] {
        assert!(host(wrong).is_err(), "{wrong}");
    }
}

#[tokio::test]
async fn the_bytes_are_written_as_they_are_and_connections_are_used_again() {
    let (pool, mut requests) = served(OK, Then::GoOn).await;
    for _ in 0..10 {
        let reply = sent(&pool).await.expect("an answer");
        assert_eq!((reply.status, reply.body.as_slice()), (200, b"ok".as_slice()));
        assert_eq!(requests.recv().await.as_deref(), Some(REQUEST));
    }
    until(&pool, |now| now.idle == CONNECTIONS).await;
    assert_eq!(pool.now().made, CONNECTIONS);
    // One that is let go unused goes back; one whose answer nobody waits for is not used again.
    drop(pool.take(PATIENCE).await);
    assert_eq!(pool.now().idle, CONNECTIONS);
    let warm = pool.take(PATIENCE).await.expect("a connection");
    tokio::select! {
        biased;
        sent = warm.send(permit(&open_gate()), REQUEST) => panic!("answered at once: {sent:?}"),
        () = std::future::ready(()) => {}
    }
    until(&pool, |now| now.made == CONNECTIONS + 1).await;
}

#[tokio::test]
async fn one_that_the_venue_closed_is_not_used() {
    let (pool, _requests) = served(OK, Then::CloseAtOnce).await;
    // Each is seen to be closed before a byte is written, and another is made.
    assert!(pool.take(Duration::from_millis(300)).await.is_none_or(|mut warm| {
        std::thread::sleep(Duration::from_millis(50));
        !warm.line.as_mut().expect("a line").is_quiet()
    }));
    until(&pool, |now| now.made > CONNECTIONS).await;
}

/// Binds: the wait for a connection, and the time an answer may take.
#[tokio::test]
async fn it_is_known_whether_a_byte_left() {
    // Nobody listens: there is no connection, and nothing was written.
    let free = TcpListener::bind("127.0.0.1:0").await.expect("a port").local_addr().expect("an address");
    let nobody = pool(free);
    assert!(nobody.take(Duration::from_millis(300)).await.is_none());
    until(&nobody, |now| now.error.as_ref().is_some_and(|error| error.contains("cannot connect to"))).await;

    // The venue takes the request and never answers; or not to the end.
    let (silent, mut requests) = served(b"", Then::GoOn).await;
    let failure = sent(&silent).await.expect_err("no answer");
    assert_eq!(failure, Failure::Written { why: format!("no answer in {ANSWER_TIMEOUT:?}") });
    assert_eq!(requests.recv().await.as_deref(), Some(REQUEST));
    until(&silent, |now| now.made == CONNECTIONS + 1).await;
    let (rude, _requests) = served(&OK[..20], Then::Close).await;
    let failure = sent(&rude).await.expect_err("half an answer");
    assert_eq!(failure, Failure::Written { why: reply::BadReply::Cut.to_string() });
    // It broke before the first byte: the request certainly did not leave.
    let (pool, _requests) = served(OK, Then::GoOn).await;
    let mut warm = pool.take(PATIENCE).await.expect("a connection");
    warm.line.as_mut().expect("a line").shut_down().await;
    let failure = warm.send(permit(&open_gate()), REQUEST).await.expect_err("no connection");
    assert!(matches!(failure, Failure::NotWritten { .. }), "{failure:?}");
}

/// Binds: how often a connection is used.
#[tokio::test]
async fn a_connection_is_replaced_before_the_venues_edge_cuts_it() {
    let (pool, _requests) = served(OK, Then::GoOn).await;
    for (before, replaced) in [(REQUESTS_MAX - 2, 0), (REQUESTS_MAX - 1, 1)] {
        until(&pool, |now| now.idle == CONNECTIONS).await;
        let mut warm = pool.take(PATIENCE).await.expect("a connection");
        warm.line.as_mut().expect("a line").requests = before;
        warm.send(permit(&open_gate()), REQUEST).await.expect("an answer");
        sleep(Duration::from_millis(50)).await;
        until(&pool, |now| now.made == CONNECTIONS + replaced).await;
    }
}

#[tokio::test]
async fn over_tls_the_simulated_venue_answers_on_a_warm_connection() {
    let identity = Identity::generate().expect("a certificate");
    crate::feed::trust_also(&identity.authority_pem).expect("a certificate");
    let options = Options { rate_percent: 0, tls: Some(identity), ..Options::default() };
    let venue = Server::start(options).await.expect("a venue");
    let pool = Connections::new(Target::new(&venue.clob_url).expect("an address"));
    tokio::spawn(Arc::clone(&pool).keep());
    let gate = open_gate();
    let warm = pool.take(PATIENCE).await.expect("a connection");
    let reply = warm.send(permit(&gate), REQUEST).await.expect("an answer");
    assert_eq!(reply.status, 401, "an order without credentials: {reply:?}");
    // A ping keeps one up that idles.
    until(&pool, |now| now.idle == CONNECTIONS).await;
    pool.idle().iter_mut().for_each(|line| line.used_at = 0);
    sleep(Duration::from_millis(10)).await;
    pool.ping_one().await;
    assert_eq!(pool.now().open, CONNECTIONS);
    venue.stop().await;
}
