//! A live portfolio whose orders go to the queues of the wire, and a log that is read while they do.

use std::sync::{Arc, Mutex};

use zeroize::Zeroizing;

use super::*;
use crate::{
    config::CeilingsConfig,
    domain::{
        Event, Input, LeaderSwitch, LeaderTrade, LiveOrders, LiveSwitch, Market, Millis, Mode, OrderEnd, OrderState,
        PortfolioId, Price, Rejection, Role, Settings, Shares, SizeRule, Source, TradeKey, Usdc, input::Best,
        settings::ExitPlan,
    },
    engine::Options,
    hot_loop::{Core, Log},
    journal::Full,
    metrics::Stages,
    secret::Sealed,
    venue::{
        outbox::{OUTBOX_MAX, Outgoing},
        paper::{Paper, PaperOptions},
        polymarket::{
            Credentials, Network, SignatureType,
            auth::Secret,
            prepare::{Account, SignedBy},
        },
    },
};

mod ahead;

const START: Nanos = Nanos::from_secs(1_794_700_800);
const ADA: LeaderId = LeaderId(0);
const TOKEN: TokenId = TokenId(0);
const LIVE: PortfolioId = PortfolioId(0);

/// Events as they are written, and how many requests had left by then.
#[derive(Default)]
struct Kept(Arc<Mutex<Vec<(Event, usize)>>>, Arc<Outbox>);

impl Log for Kept {
    fn reserve(&mut self) -> Result<(), Full> {
        Ok(())
    }

    fn append(&mut self, _: Nanos, event: &Event) {
        self.0.lock().expect("not poisoned").push((*event, self.1.orders.len() + self.1.sent.len()));
    }
}

struct World {
    core: Core<Kept>,
    outbox: Arc<Outbox>,
    gate: Arc<Gate>,
    log: Arc<Mutex<Vec<(Event, usize)>>>,
}

fn prepared() -> Prepared {
    let key = Arc::new(Sealed::new(&Zeroizing::new([1; 32])).expect("a page"));
    let api = Credentials::new("id".to_owned(), Secret::from_bytes(vec![7; 32]), "p".to_owned());
    let account = Account {
        funder: key.address(),
        key,
        signed_by: SignedBy::Owner,
        signature_type: SignatureType::Eoa,
        network: Network::Polygon,
        api,
        host: "clob.polymarket.com".to_owned(),
    };
    Prepared::new(&account, START).expect("a fit account")
}

fn engine(settings: Settings) -> Engine {
    let mut engine = Engine::new(Options { live_orders: LiveOrders::Ready, ..Options::default() });
    engine.install_token(TOKEN);
    engine.set_market(TOKEN, Market::COMMON);
    engine.install_portfolio(LIVE, Mode::Live, settings);
    engine.follow(ADA, LIVE);
    engine
}

fn settings() -> Settings {
    let mut settings = Settings::OPEN;
    settings.sizing.rule = SizeRule::Fixed(Usdc::whole(10));
    settings
}

impl World {
    fn new(settings: Settings) -> World {
        World::with(settings, prepared())
    }

    fn with(settings: Settings, prepared: Prepared) -> World {
        World::of(engine(settings), prepared)
    }

    fn of(engine: Engine, prepared: Prepared) -> World {
        let (outbox, gate, log) = (Arc::new(Outbox::default()), Arc::new(Gate::default()), Arc::default());
        let kept = Kept(Arc::clone(&log), Arc::clone(&outbox));
        let paper = Paper::new(PaperOptions::default());
        let mut core = Core::new(engine, paper, kept, Stages::new().recorder());
        let mut live = Live::new(prepared, Arc::clone(&outbox), Arc::clone(&gate));
        live.name_token(TOKEN, "7");
        core.set_live_polymarket(live);
        core.advance(START).expect("room");
        let mut world = World { core, outbox, gate, log };
        world.tell(Input::Deposit { portfolio: LIVE, amount: Usdc::whole(10_000) });
        world.tell(Input::SwitchLive { to: LiveSwitch::On });
        world.book(520_000);
        world
    }

    fn tell(&mut self, input: Input) {
        self.core.handle(self.core.now(), &input).expect("room");
    }

    fn book(&mut self, ask: u32) {
        let at = Millis(self.core.now().as_millis());
        let level = |side, micros| Input::Level {
            token: TOKEN,
            side,
            price: Price::from_micros(micros).expect("a price"),
            size: Shares::whole(10_000),
        };
        for input in [
            Input::Snapshot { token: TOKEN, at },
            level(Side::Buy, ask - 20_000),
            level(Side::Sell, ask),
            Input::BookDone { token: TOKEN, at, best: Best::Unstated },
        ] {
            self.tell(input);
        }
    }

    fn trade(&mut self, nth: u64, side: Side) {
        // Each is a group of its own.
        let at = self.core.now().plus(Nanos::from_secs(5));
        self.core.advance(at).expect("room");
        self.book(520_000);
        let price = Price::from_micros(520_000).expect("a price");
        let (trade, shares, role) = (TradeKey([nth, nth]), Shares::whole(100), Role::Taker);
        let trade = LeaderTrade {
            trade,
            leader: ADA,
            token: TOKEN,
            side,
            price,
            shares,
            role,
            source: Source::Activity,
            traded_at: at,
        };
        self.tell(Input::LeaderTrade(trade));
    }

    fn ends(&self) -> Vec<OrderEnd> {
        let log = self.log.lock().expect("not poisoned");
        let end = |event: &Event| match event {
            Event::Closed { end, .. } => Some(*end),
            _ => None,
        };
        log.iter().filter_map(|(event, _)| end(event)).collect()
    }

    fn out(&self) -> Outgoing {
        self.outbox.orders.pop().expect("a request")
    }
}

#[test]
fn an_order_has_its_name_on_disk_before_anything_of_it_leaves() {
    let mut world = World::new(settings());
    world.trade(1, Side::Buy);
    let (sent, outgoing) = (world.outbox.sent.pop().expect("its name"), world.out());
    assert_eq!(outgoing.sent, sent);
    assert!(outgoing.request.starts_with(b"POST /order HTTP/1.1\r\n") && outgoing.len > outgoing.body_at);
    let order = world.core.engine.orders().get(sent.order).expect("open");
    assert_eq!((order.id, order.state), (Some(sent.id), OrderState::Submitted));
    assert_eq!((sent.budget, sent.at), (Usdc::whole(10), world.core.now()));
    let log = world.log.lock().expect("not poisoned");
    let [submitted, signed] = [
        log.iter().position(|(event, _)| matches!(event, Event::Submitted(_))),
        log.iter().position(|(event, _)| matches!(event, Event::Signed(signed) if signed.id == sent.id)),
    ]
    .map(|found| found.expect("recorded"));
    assert!(submitted < signed);
    // Nothing was in any queue when the name was written.
    assert_eq!(log[signed].1, 0);
}

#[test]
fn an_entry_leaves_as_soon_as_the_trade_is_too_old_and_an_exit_has_half_a_minute() {
    let check = |age: Nanos, leaves: Nanos| {
        let mut settings = settings();
        settings.filter.trade_age_max = age;
        let mut world = World::new(settings);
        world.trade(1, Side::Buy);
        let outgoing = world.out();
        assert_eq!(outgoing.leave_by.since(world.core.now()), leaves);
        let order = outgoing.sent.order;
        world.tell(Input::Filled { order, shares: Shares(19_230_700), cash: Usdc::whole(10), fee: Usdc::ZERO });
        world.tell(Input::Closed { order, end: OrderEnd::Filled });
        world.trade(2, Side::Sell);
        let outgoing = world.out();
        assert_eq!((outgoing.sent.side, outgoing.leave_by.since(world.core.now())), (Side::Sell, EXIT_LEAVES));
    };
    check(Nanos::from_secs(3), Nanos::from_secs(3));
    check(Nanos::from_millis(200), ENTRY_LEAVES_MIN);
}

/// Binds: not_sent_queue_full, not_sent_no_amounts, not_sent_dollars_per_order.
#[test]
fn what_cannot_be_handed_over_ends_and_frees_its_money() {
    let mut world = World::new(settings());
    world.trade(1, Side::Buy);
    let other = world.out();
    while world.outbox.orders.push(other.clone()).is_ok() {}
    world.trade(2, Side::Buy);
    assert_eq!(world.ends(), [OrderEnd::NotSent(NotSent::QueueFull)]);
    // It was not signed either.
    assert_eq!((world.outbox.orders.len(), world.outbox.sent.len()), (OUTBOX_MAX, 1));
    world.out();
    world.trade(3, Side::Buy);
    assert_eq!((world.ends().len(), world.outbox.sent.len()), (1, 2));

    let mut world = World::new(settings());
    world.core.engine.install_token(TokenId(1));
    world.core.set_ceilings(CeilingsConfig { usdc_per_order_max: Usdc::whole(5), ..CeilingsConfig::NONE });
    world.trade(1, Side::Buy);
    assert_eq!(world.ends(), [OrderEnd::NotSent(NotSent::DollarsPerOrder)]);
    assert!(world.outbox.orders.is_empty() && world.outbox.sent.is_empty());

    // The venue has no such token.
    let mut world = World::new(settings());
    world.core.set_live_polymarket(Live::new(prepared(), Arc::clone(&world.outbox), Arc::clone(&world.gate)));
    world.core.name_token(TOKEN, "seven");
    world.trade(1, Side::Buy);
    assert_eq!(world.ends(), [OrderEnd::NotSent(NotSent::NoAmounts)]);
    assert_eq!(world.core.engine.portfolios()[0].ledger.locked(), Usdc::ZERO);
    assert!(world.outbox.sent.is_empty());
}

#[test]
fn the_gate_follows_what_is_recorded() {
    let mut world = World::new(settings());
    world.gate.hold_until(Nanos::NEVER);
    let is_open = |world: &World| world.gate.permit(ADA, Side::Buy, Nanos::ZERO).is_ok();
    assert!(is_open(&world));
    world.tell(Input::SwitchLeader { leader: ADA, to: LeaderSwitch::ForceOff });
    assert!(!is_open(&world));
    world.tell(Input::SwitchLeader { leader: ADA, to: LeaderSwitch::Inherit });
    assert!(is_open(&world));
    world.tell(Input::SwitchLive { to: LiveSwitch::Shadow });
    assert!(!is_open(&world));
    world.tell(Input::SwitchLive { to: LiveSwitch::On });
    world.tell(Input::LiveOrders { to: LiveOrders::Missing });
    assert!(!is_open(&world));
    world.tell(Input::LiveOrders { to: LiveOrders::Ready });
    assert!(is_open(&world));
}

#[test]
fn a_cancel_goes_to_the_wire_by_name_and_waits_for_room() {
    let mut settings = settings();
    settings.exit.plan = ExitPlan::RestAt(200_000);
    let mut world = World::new(settings);
    world.trade(1, Side::Buy);
    let order = world.out().sent.order;
    world.tell(Input::Filled { order, shares: Shares(19_230_700), cash: Usdc::whole(10), fee: Usdc::ZERO });
    world.tell(Input::Closed { order, end: OrderEnd::Filled });
    let plan = world.out().sent;
    world.tell(Input::Accepted { order: plan.order });
    let other = (OrderId(1), VenueOrderId([1; 32]));
    while world.outbox.cancels.push(other).is_ok() {}
    world.tell(Input::ForceExit { portfolio: LIVE, token: None });
    while world.outbox.cancels.pop().is_some_and(|cancel| cancel == other) {}
    assert!(world.outbox.cancels.is_empty());
    world.core.prepare();
    assert_eq!(world.outbox.cancels.pop(), Some((plan.order, plan.id)));
}

/// What has a name may be at the venue still; what has none never left.
#[test]
fn a_restart_ends_only_what_never_had_a_name() {
    let mut world = World::new(settings());
    world.trade(1, Side::Buy);
    let named = world.out().sent;
    let mut unnamed = None;
    let events = std::mem::take(&mut *world.log.lock().expect("not poisoned"));
    let mut engine = engine(settings());
    for (event, _) in &events {
        engine.apply(START, event);
        if let Event::Submitted(order) = event {
            // Another, and the process ends before it is signed.
            let second = Submitted { order: OrderId(order.order.0 + 1), ..*order };
            unnamed = Some(second);
        }
    }
    engine.apply(START, &Event::Submitted(unnamed.expect("ordered")));
    let kept = Kept::default();
    let log = Arc::clone(&kept.0);
    let mut core = Core::new(engine, Paper::new(PaperOptions::default()), kept, Stages::new().recorder());
    core.set_live_polymarket(Live::new(prepared(), Arc::default(), Arc::clone(&world.gate)));
    core.resume(START.plus(Nanos::from_secs(60))).expect("room");
    let open: Vec<OrderId> = core.engine.orders().iter().map(|order| order.submitted.order).collect();
    assert_eq!(open, [named.order]);
    let ended = Event::Closed {
        order: unnamed.expect("ordered").order,
        end: OrderEnd::Rejected(Rejection::VenueRestarted),
        released: unnamed.expect("ordered").reserved,
    };
    assert!(log.lock().expect("not poisoned").iter().any(|(event, _)| *event == ended));
}

#[test]
fn two_orders_of_one_step_leave_once_each() {
    const OTHER: PortfolioId = PortfolioId(1);
    let mut engine = engine(settings());
    let mut larger = settings();
    larger.sizing.rule = SizeRule::Fixed(Usdc::whole(20));
    engine.install_portfolio(OTHER, Mode::Live, larger);
    engine.follow(ADA, OTHER);
    let mut world = World::of(engine, prepared());
    world.tell(Input::Deposit { portfolio: OTHER, amount: Usdc::whole(10_000) });
    world.trade(1, Side::Buy);
    let named: Vec<_> = std::iter::from_fn(|| world.outbox.sent.pop()).collect();
    let leaving: Vec<_> = std::iter::from_fn(|| world.outbox.orders.pop()).collect();
    assert_eq!(named, leaving.iter().map(|outgoing| outgoing.sent).collect::<Vec<_>>());
    let orders: Vec<_> = named.iter().map(|sent| (sent.order.0 - OrderId::LIVE.0, sent.portfolio)).collect();
    assert_eq!(orders, [(1, LIVE), (2, OTHER)]);
    let body = |outgoing: &Outgoing| outgoing.request[outgoing.body_at..outgoing.len].to_vec();
    assert_ne!(body(&leaving[0]), body(&leaving[1]));
}
