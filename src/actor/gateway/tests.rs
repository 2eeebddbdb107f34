//! The driver against the simulated venue over TLS; what it tells the hot thread is what is checked.

mod wallet;

use std::time::Duration;

use alloy::primitives::{B256, U256};
use serde_json::json;
use tokio::{sync::oneshot, time::timeout};
use zeroize::Zeroizing;

use super::*;
use crate::{
    clock,
    domain::{
        FeeSchedule, Input, LeaderId, LiveOrders, LiveSwitch, Millis, Nanos, NotSent, Noted, OrderEnd, OrderId,
        OrderKind, PortfolioId, Price, Shares, Side, Tick, TokenId, Usdc, VenueOrderId,
    },
    hot_loop::{Command, Stamped},
    metrics::{AnswerClass, Stages},
    secret::{Sealed, Wallet},
    sim::server::{Funded, Knobs, Options, PrivateSettings, Server, Standing, Switch, tls::Identity},
    start::Resumed,
    venue::{
        gate::Gate,
        outbox::{Outbox, Outgoing, REQUEST_MAX, Sent},
        polymarket::{
            Exchange, Key, Network, Order, SignatureType, amounts,
            credentials::Credentials,
            follow::Stands,
            reconcile::Rules,
            rest::{Beat, Public, Rest, signed},
            signature,
        },
    },
};

const PATIENCE: Duration = Duration::from_secs(30);
const MONEY: Usdc = Usdc::whole(1_000);

fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32]).expect("a key")
}

fn client() -> reqwest::Client {
    reqwest::Client::builder().tls_backend_preconfigured(crate::feed::client_tls()).build().expect("a client")
}

/// A venue that nobody but we trade at: Anna (key 1) is ours, Bob (key 2) makes prices.
struct Bench {
    venue: Server,
    token: String,
    exchange: Exchange,
    anna: Trader,
    bob: Trader,
    outbox: Arc<Outbox>,
    gate: Arc<Gate>,
}

struct Trader {
    key: Key,
    api: Credentials,
}

/// A gateway at work and what it said.
struct Work {
    desk: Arc<Desk>,
    commands: mpsc::Receiver<Command>,
    asks: mpsc::Sender<Asked>,
    stop: CancellationToken,
    task: JoinHandle<Ended>,
    heard: Vec<Input>,
}

async fn bench(knobs: Knobs) -> Bench {
    let identity = Identity::generate().expect("a certificate");
    crate::feed::install_tls();
    crate::feed::trust_also(&identity.authority_pem).expect("one authority in this process");
    let accounts = [1, 2].map(|byte| Funded { key: key(byte), money: MONEY }).to_vec();
    let private = PrivateSettings { accounts, ..PrivateSettings::default() };
    let options = Options { rate_percent: 0, private, knobs, tls: Some(identity), ..Options::default() };
    let venue = Server::start(options).await.expect("a venue");
    let plain = |listing: &&Arc<crate::sim::listing::Listing>| {
        !listing.neg_risk && !listing.taker_delay && listing.delay_secs == 0
    };
    let markets = venue.open_markets();
    let listing = markets.iter().find(plain).expect("a plain market");
    let (token, exchange) = (listing.tokens[0].clone(), Exchange::of(listing.generation, listing.neg_risk));
    let public = Public::new(&venue.clob_url, &venue.urls.geoblock);
    let trader = async |byte| {
        let key = key(byte);
        let api = public.derive(&key, Network::Polygon, clock::now()).await.expect("an API key");
        Trader { key, api }
    };
    let (anna, bob) = (trader(1).await, trader(2).await);
    let gate = Arc::new(Gate::default());
    gate.set_live(LiveSwitch::On);
    gate.hold_until(Nanos::NEVER);
    Bench { venue, token, exchange, anna, bob, outbox: Arc::default(), gate }
}

impl Bench {
    /// Starts a gateway for Anna.
    fn work(&self, resumed: &Resumed) -> Work {
        let wallet = Wallet {
            key: Arc::new(Sealed::new(&Zeroizing::new([1; 32])).expect("a page")),
            signature_type: SignatureType::Eoa,
            funder: key(1).address(),
            is_session: false,
            network: Network::Polygon,
        };
        let places = Places {
            clob_url: self.venue.clob_url.clone(),
            user_url: self.venue.urls.ws_user.clone(),
            geoblock_url: self.venue.urls.geoblock.clone(),
            observe: Nanos::from_millis(200),
            reconcile: Rules { every: Nanos::from_secs(1), patience: Nanos::from_secs(6) },
        };
        let arm: Arm = Box::new(|_, _| Ok(()));
        let desk = Desk::new(wallet, places, Arc::clone(&self.gate), Arc::clone(&self.outbox), arm, resumed);
        self.work_with(Arc::new(desk))
    }

    fn work_with(&self, desk: Arc<Desk>) -> Work {
        let (told, commands) = mpsc::channel(256);
        let (asks, asked) = mpsc::channel(4);
        let stop = CancellationToken::new();
        let token = self.token.clone();
        let around = Around {
            commands: told,
            tokens: Box::new(move |text| (text == token).then_some(TokenId(0))),
            name_token: Box::new(|_| {}),
            asked,
            stop: stop.clone(),
            stages: Stages::new().recorder(),
            hot: tokio::runtime::Handle::current(),
        };
        let task = tokio::spawn(driver::run(Arc::clone(&desk), around));
        Work { desk, commands, asks, stop, task, heard: vec![] }
    }

    fn order(
        &self,
        trader: &Trader,
        side: Side,
        cents: u32,
        shares: u64,
        salt: u64,
        kind: OrderKind,
    ) -> (Order, VenueOrderId) {
        let tick = Tick::from_micros(10_000).expect("a tick");
        let price = Price::from_micros(cents * 10_000).expect("a price");
        let amounts = match (kind, side) {
            (OrderKind::Gtc, side) => amounts::limit(tick, side, price, Shares::whole(shares)),
            (_, Side::Buy) => amounts::market_buy(tick, price, price.cost_ceil(Shares::whole(shares))),
            (_, Side::Sell) => amounts::market_sell(tick, price, Shares::whole(shares)),
        };
        let amounts = amounts.expect("amounts");
        let order = Order {
            salt,
            maker: trader.key.address(),
            signer: trader.key.address(),
            token: U256::from_str_radix(&self.token, 10).expect("a token"),
            maker_amount: amounts.maker,
            taker_amount: amounts.taker,
            side,
            signature_type: SignatureType::Eoa,
            timestamp: Millis(clock::now().as_millis()),
            metadata: B256::ZERO,
            builder: B256::ZERO,
        };
        (order, VenueOrderId(order.id(self.exchange, Network::Polygon).0))
    }

    fn body(&self, trader: &Trader, order: &Order, kind: OrderKind) -> String {
        let signature = signature::sign(order, &trader.key, self.exchange, Network::Polygon);
        json!({
            "deferExec": false, "postOnly": false, "owner": trader.api.id, "orderType": kind.code().to_uppercase(),
            "order": {
                "salt": order.salt, "maker": order.maker.to_string(), "signer": order.signer.to_string(),
                "tokenId": self.token, "makerAmount": order.maker_amount.to_string(),
                "takerAmount": order.taker_amount.to_string(),
                "side": if order.side == Side::Buy { "BUY" } else { "SELL" }, "signatureType": 0,
                "timestamp": order.timestamp.0.to_string(), "expiration": "0", "metadata": order.metadata,
                "builder": order.builder, "signature": format!("0x{}", alloy::hex::encode(signature)),
            },
        })
        .to_string()
    }

    fn request(&self, trader: &Trader, body: &str) -> Vec<u8> {
        let host = self.venue.clob_url.trim_start_matches("https://");
        let mut head = format!("POST /order HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n");
        for (name, value) in signed(&trader.api, trader.key.address(), "POST", "/order", body, clock::now()) {
            head.push_str(&format!("{name}: {value}\r\n"));
        }
        format!("{head}content-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    /// Does what Anna's or Bob's own hand would: not through the gateway. Returns the answer.
    async fn by_hand(&self, trader: &Trader, side: Side, cents: u32, shares: u64, salt: u64) -> serde_json::Value {
        let (order, _) = self.order(trader, side, cents, shares, salt, OrderKind::Gtc);
        let body = self.body(trader, &order, OrderKind::Gtc);
        let mut request =
            client().post(format!("{}/order", self.venue.clob_url)).header("content-type", "application/json");
        for (name, value) in signed(&trader.api, trader.key.address(), "POST", "/order", &body, clock::now()) {
            request = request.header(name, value);
        }
        request.body(body).send().await.expect("an answer").json().await.expect("JSON")
    }

    /// Turns knobs of the venue.
    async fn turn(&self, changes: &serde_json::Value) {
        let url = format!("{}/knobs", self.venue.urls.control);
        let answer = client().patch(url).json(changes).send().await.expect("an answer");
        assert_eq!(answer.status(), 200, "{changes}");
    }

    /// Bob offers shares, which he makes out of dollars.
    async fn bob_offers(&self, cents: u32, shares: u64, salt: u64) {
        self.venue.split(self.bob.key.address(), &self.token, Shares::whole(shares)).expect("dollars");
        let answer = self.by_hand(&self.bob, Side::Sell, cents, shares, salt).await;
        assert_eq!(answer["status"], "live", "{answer}");
    }

    /// Returns an order of ours as the hot thread hands it over.
    fn outgoing(&self, number: u64, side: Side, cents: u32, shares: u64, kind: OrderKind) -> Outgoing {
        let (order, id) = self.order(&self.anna, side, cents, shares, number, kind);
        let bytes = self.request(&self.anna, &self.body(&self.anna, &order, kind));
        let mut request = [0; REQUEST_MAX];
        request[..bytes.len()].copy_from_slice(&bytes);
        let body_at = bytes.windows(4).position(|four| four == b"\r\n\r\n").expect("a head") + 4;
        let price = Price::from_micros(cents * 10_000).expect("a price");
        let budget = if side == Side::Buy { Usdc(order.maker_amount as i64) } else { Usdc::ZERO };
        let sent = Sent {
            order: OrderId(OrderId::LIVE.0 + number),
            id,
            portfolio: PortfolioId(0),
            leader: LeaderId(0),
            token: TokenId(0),
            side,
            kind,
            limit: price,
            shares: Shares::whole(shares),
            budget,
            fees: FeeSchedule::NONE,
            at: clock::now(),
        };
        let leave_by = clock::now().plus(Nanos::from_secs(20));
        Outgoing { sent, leave_by, request, len: bytes.len(), body_at }
    }

    fn push(&self, outgoing: &Outgoing) {
        self.outbox.sent.push(outgoing.sent).expect("room");
        self.outbox.orders.push(outgoing.clone()).expect("room");
        self.outbox.order_bell.notify_one();
    }
}

impl Work {
    /// Waits until an input satisfies `is`, and returns it. All that came is in `heard`.
    async fn until(&mut self, what: &str, is: impl Fn(&Input) -> bool) -> Input {
        let wait = async {
            loop {
                let Some(command) = self.commands.recv().await else { panic!("it ended before {what}") };
                let Command::Input(Stamped { input, .. }) = command else { continue };
                self.heard.push(input);
                if is(&input) {
                    return input;
                }
            }
        };
        match timeout(PATIENCE, wait).await {
            Ok(input) => input,
            Err(_) => panic!("never: {what}; {:?}; heard {:?}", self.desk.status.now(), self.heard),
        }
    }

    async fn ready(&mut self) {
        self.until("ready", |input| *input == Input::LiveOrders { to: LiveOrders::Ready }).await;
    }

    fn count(&self, is: impl Fn(&Input) -> bool) -> usize {
        self.heard.iter().filter(|input| is(input)).count()
    }

    async fn stopped(self) -> Arc<Desk> {
        self.stop.cancel();
        let ended = timeout(PATIENCE, self.task).await.expect("it stops").expect("no panic");
        assert_eq!(ended, Ended::Stopped);
        self.desk
    }
}

fn closed(order: OrderId) -> impl Fn(&Input) -> bool {
    move |input| matches!(input, Input::Closed { order: closed, .. } if *closed == order)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_sent_once_filled_and_confirmed() {
    let bench = bench(Knobs::CALM).await;
    bench.bob_offers(50, 100, 1).await;
    let mut work = bench.work(&Resumed::default());
    work.ready().await;
    assert_eq!(work.heard[0], Input::LiveOrders { to: LiveOrders::Starting });
    let outgoing = bench.outgoing(1, Side::Buy, 50, 20, OrderKind::Fak);
    let order = outgoing.sent.order;
    bench.push(&outgoing);
    let ended = work.until("the end", closed(order)).await;
    assert_eq!(ended, Input::Closed { order, end: OrderEnd::Filled });
    let is_match = |input: &Input| match input {
        Input::Matched { order: matched, shares, cash, .. } => {
            *matched == order && *shares == Shares::whole(20) && *cash == Usdc::whole(10)
        }
        _ => false,
    };
    if work.count(is_match) == 0 {
        work.until("the match", is_match).await;
    }
    work.until("the settlement", |input| matches!(input, Input::Confirmed { order: of, .. } if *of == order)).await;
    assert_eq!(work.desk.status.answers(AnswerClass::Accepted), 1);
    // Nothing is offered at this price any more: the venue's no is told as such.
    let poor = bench.outgoing(2, Side::Buy, 40, 20, OrderKind::Fak);
    bench.push(&poor);
    let ended = work.until("the end", closed(poor.sent.order)).await;
    let Input::Closed { end, .. } = ended else { panic!("{ended:?}") };
    assert_eq!(end, OrderEnd::Rejected(crate::domain::Rejection::NoMatch));
    work.stopped().await;
    bench.venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn accepted_then_silent_is_looked_up_and_fills_once() {
    let bench = bench(Knobs::CALM).await;
    bench.bob_offers(50, 100, 1).await;
    let mut work = bench.work(&Resumed::default());
    work.ready().await;
    let late = json!({"accept_then_timeout_ppm": 1_000_000, "answer_late_ms_min": 9_000, "answer_late_ms_max": 9_001});
    bench.turn(&late).await;
    let outgoing = bench.outgoing(1, Side::Buy, 50, 20, OrderKind::Fak);
    let order = outgoing.sent.order;
    bench.push(&outgoing);
    work.until("the end", closed(order)).await;
    work.until("the settlement", |input| matches!(input, Input::Confirmed { order: of, .. } if *of == order)).await;
    assert_eq!(work.count(|input| matches!(input, Input::Matched { .. })), 1);
    work.stopped().await;
    bench.venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn off_keeps_in_and_what_nobody_ordered_is_foreign() {
    let bench = bench(Knobs::CALM).await;
    bench.bob_offers(50, 100, 1).await;
    let mut work = bench.work(&Resumed::default());
    work.ready().await;
    bench.gate.kill();
    let outgoing = bench.outgoing(1, Side::Buy, 50, 20, OrderKind::Fak);
    let order = outgoing.sent.order;
    bench.push(&outgoing);
    let ended = work.until("the end", closed(order)).await;
    assert_eq!(ended, Input::Closed { order, end: OrderEnd::NotSent(NotSent::LiveOff) });
    // Anna trades by hand.
    let answer = bench.by_hand(&bench.anna, Side::Buy, 50, 10, 77).await;
    assert_eq!(answer["status"], "matched", "{answer}");
    let wait = async {
        loop {
            match work.commands.recv().await {
                // The order is noted by itself, before what it bought.
                Some(Command::Noted(noted)) => match *noted {
                    Noted::External(external) if external.shares > Shares::ZERO => return external,
                    Noted::External(_) => {}
                    Noted::Signed(_)
                    | Noted::Differs(_)
                    | Noted::WalletHolds(_)
                    | Noted::Gap(_)
                    | Noted::Explained { .. } => panic!("{noted:?}"),
                },
                Some(_) => {}
                None => panic!("it ended"),
            }
        }
    };
    let external = timeout(PATIENCE, wait).await.expect("noted in time");
    assert_eq!((external.token, external.side, external.shares), (TokenId(0), Side::Buy, Shares::whole(10)));
    work.stopped().await;
    bench.venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_the_last_process_sent_is_found_again() {
    let bench = bench(Knobs::CALM).await;
    bench.bob_offers(50, 100, 1).await;
    // One that was sent and filled before anybody heard of it, and one that never came to the venue.
    let sent = bench.outgoing(1, Side::Buy, 50, 20, OrderKind::Gtc);
    let answer = bench.by_hand(&bench.anna, Side::Buy, 50, 20, 1).await;
    assert_eq!(answer["status"], "matched", "{answer}");
    let id = answer["orderID"].as_str().and_then(crate::venue::polymarket::follow::message::order_id).expect("an id");
    let sent = Sent { id, ..sent.sent };
    let resumed = Resumed {
        orders: vec![(sent, Stands::Unanswered)],
        foreign: vec![],
        since: clock::now(),
        ..Resumed::default()
    };
    let mut work = bench.work(&resumed);
    work.until("the match", |input| matches!(input, Input::Matched { order, .. } if *order == sent.order)).await;
    assert_eq!(work.heard.iter().filter(|input| **input == Input::Unknown { order: sent.order }).count(), 1);
    work.until("the settlement", |input| matches!(input, Input::Confirmed { order, .. } if *order == sent.order)).await;
    work.stopped().await;
    bench.venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_states_of_the_world_are_told() {
    let bench = bench(Knobs::CALM).await;
    bench.bob_offers(50, 100, 1).await;
    bench.venue.switch(Switch::Standing { address: bench.anna.key.address(), standing: Standing::ClosedOnly });
    let mut work = bench.work(&Resumed::default());
    let is = |state| move |input: &Input| *input == Input::LiveOrders { to: state };
    work.until("closed only", is(LiveOrders::ClosedOnly)).await;
    bench.venue.switch(Switch::Standing { address: bench.anna.key.address(), standing: Standing::Good });
    work.ready().await;
    bench.venue.switch(Switch::CancelOnly);
    let outgoing = bench.outgoing(1, Side::Buy, 50, 20, OrderKind::Fak);
    bench.push(&outgoing);
    work.until("cancel only", is(LiveOrders::CancelOnly)).await;
    bench.venue.switch(Switch::Trade);
    // Whatever rests can be cancelled by the operator's word.
    let answer = bench.by_hand(&bench.anna, Side::Buy, 10, 20, 5).await;
    assert_eq!(answer["status"], "live", "{answer}");
    let (answer, answered) = oneshot::channel();
    work.asks.send(Asked::CancelAll(answer)).await.expect("it listens");
    assert_eq!(answered.await.expect("an answer"), Ok(1));
    // The key dies: nothing leaves until the venue takes it again.
    bench.venue.switch(Switch::RevokeKeys { address: bench.anna.key.address() });
    bench.push(&bench.outgoing(2, Side::Buy, 50, 20, OrderKind::Fak));
    work.until("no credentials", is(LiveOrders::AuthMissing)).await;
    // Its owner makes another one: all begins anew with that.
    let public = Public::new(&bench.venue.clob_url, &bench.venue.urls.geoblock);
    let made = public.create(&bench.anna.key, Network::Polygon, clock::now()).await.expect("another API key");
    assert_ne!(made.id, bench.anna.api.id);
    work.ready().await;
    let bench = Bench { anna: Trader { api: made, key: key(1) }, ..bench };
    let outgoing = bench.outgoing(3, Side::Buy, 10, 20, OrderKind::Gtc);
    bench.push(&outgoing);
    work.until("it is accepted", |input| *input == Input::Accepted { order: outgoing.sent.order }).await;
    work.stopped().await;
    bench.venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn while_an_order_rests_the_venue_hears_that_we_live() {
    let bench = bench(Knobs::CALM).await;
    let mut work = bench.work(&Resumed::default());
    work.ready().await;
    let (address, api) = (bench.anna.key.address(), Arc::new(bench.anna.api.clone()));
    let rest = Rest::new(&bench.venue.clob_url, address, api, Arc::default(), clock::now);
    let outgoing = bench.outgoing(1, Side::Buy, 10, 20, OrderKind::Gtc);
    bench.push(&outgoing);
    work.until("it rests", |input| *input == Input::Accepted { order: outgoing.sent.order }).await;
    // Whoever beats without the id of the gateway's last beat is told that there is one.
    tokio::time::sleep(Duration::from_secs(1)).await;
    let theirs = rest.heartbeat("").await.expect("an answer");
    assert!(matches!(&theirs, Beat::Expected { id } if !id.is_empty()), "{theirs:?}");
    // For longer than the venue's patience.
    tokio::time::sleep(Duration::from_secs(17)).await;
    assert_eq!(rest.open_orders().await.expect("an answer").len(), 1);
    work.stopped().await;
    let began = tokio::time::Instant::now();
    while !rest.open_orders().await.expect("an answer").is_empty() {
        assert!(began.elapsed() < PATIENCE, "nobody lives, and the order rests");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bench.venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_credentials_nothing_opens_and_the_step_is_said() {
    let bench = bench(Knobs::CALM).await;
    bench.venue.switch(Switch::RevokeKeys { address: bench.anna.key.address() });
    let mut work = bench.work(&Resumed::default());
    let auth = Input::LiveOrders { to: LiveOrders::AuthMissing };
    work.until("no credentials", |input| *input == auth).await;
    let now = work.desk.status.now();
    assert!(now.step.starts_with("credentials: "), "{}", now.step);
    let (answer, answered) = oneshot::channel();
    work.asks.send(Asked::CancelAll(answer)).await.expect("it listens");
    assert!(answered.await.expect("an answer").is_err_and(|why| why.contains("credentials")));
    work.stopped().await;
    bench.venue.stop().await;
}

/// The actor fails with an order on its way: its successor finds it.
#[tokio::test(flavor = "multi_thread")]
async fn a_successor_asks_for_what_was_in_flight() {
    let bench = bench(Knobs::CALM).await;
    bench.bob_offers(50, 100, 1).await;
    let mut work = bench.work(&Resumed::default());
    work.ready().await;
    let outgoing = bench.outgoing(1, Side::Buy, 50, 20, OrderKind::Fak);
    let order = outgoing.sent.order;
    bench.push(&outgoing);
    // It dies as soon as the order is in flight.
    while work.desk.in_flight().is_empty() && bench.venue.connections() < 1_000 {
        if work.desk.status.answers(AnswerClass::Accepted) > 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    work.task.abort();
    let desk = Arc::clone(&work.desk);
    let mut heard = work.heard;
    while let Ok(command) = work.commands.try_recv() {
        if let Command::Input(Stamped { input, .. }) = command {
            heard.push(input);
        }
    }
    let mut next = bench.work_with(desk);
    next.heard = heard;
    let is_confirmed = |input: &Input| matches!(input, Input::Confirmed { order: of, .. } if *of == order);
    if next.count(is_confirmed) == 0 {
        next.until("the settlement", is_confirmed).await;
    }
    assert_eq!(next.count(|input| matches!(input, Input::Matched { .. })), 1, "{:?}", next.heard);
    next.stopped().await;
    bench.venue.stop().await;
}
