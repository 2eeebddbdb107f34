//! Orders signed ahead, as the hot thread uses them: when they are found, when they are dropped, and what is counted.

use super::*;
use crate::{
    domain::Tick,
    metrics::Miss,
    venue::polymarket::prepare::{ahead::Options, signer::Signer},
};

/// The leader's price bounds the order, too: so a cent's grid has two bounds near the touch.
fn guarded() -> Settings {
    let mut settings = settings();
    settings.guards.buy.price_guard_ppm = 20_000;
    settings
}

struct Foresight {
    world: World,
    signer: Signer,
}

impl Foresight {
    /// A world in which a leader traded once, and what he may do next is signed.
    fn new(settings: Settings, options: Options) -> Foresight {
        let mut prepared = prepared();
        let signer = prepared.sign_ahead(options, START);
        let mut foresight = Foresight { world: World::with(settings, prepared), signer };
        foresight.world.trade(1, Side::Buy);
        assert_eq!(foresight.misses(), [(Miss::Off, 1)]);
        foresight.world.out();
        foresight.settle();
        foresight
    }

    fn usual() -> Foresight {
        Foresight::new(guarded(), Options::USUAL)
    }

    /// Lets the hot thread look at everything, the other one sign it, and the first take it.
    fn settle(&mut self) {
        let core = &mut self.world.core;
        core.advance(core.now().plus(Nanos::from_millis(100))).expect("room");
        while core.prepare() <= core.now() {}
        self.signer.sign(core.now(), 1_000);
        core.prepare();
    }

    fn misses(&self) -> Vec<(Miss, u64)> {
        let misses = self.world.core.ahead_now().misses;
        Miss::ALL.into_iter().zip(misses).filter(|(_, count)| *count > 0).collect()
    }

    fn kept(&self) -> u32 {
        self.world.core.ahead_now().kept
    }

    fn signed(&self) -> Vec<Signed> {
        let log = self.world.log.lock().expect("not poisoned");
        let signed = |event: &Event| match event {
            Event::Signed(signed) => Some(*signed),
            _ => None,
        };
        log.iter().filter_map(|(event, _)| signed(event)).collect()
    }
}

#[test]
fn the_next_copy_is_found_signed_and_is_what_would_have_been_signed() {
    let mut foresight = Foresight::usual();
    assert!(foresight.kept() > 0);
    foresight.world.trade(2, Side::Buy);
    let now = foresight.world.core.ahead_now();
    assert_eq!((now.hits, now.smaller, foresight.misses()), (1, 0, vec![(Miss::Off, 1)]));
    let (sent, signed) = (foresight.world.out().sent, foresight.signed());
    let fields = |signed: &Signed| (signed.maker_amount, signed.taker_amount);
    assert_eq!(fields(&signed[0]), fields(&signed[1]));
    assert!(signed[0].id != signed[1].id && signed[0].salt != signed[1].salt);
    // It was signed before it was wanted, and it is followed from when it was wanted.
    let at = foresight.world.core.now();
    assert_eq!((sent.id, sent.at, sent.budget), (signed[1].id, at, Usdc::whole(10)));
    assert!(signed[1].timestamp.nanos() < at);
    assert_eq!(foresight.world.core.engine.orders().get(sent.order).expect("open").id, Some(sent.id));
    // Its record was written while nothing of it was in any queue but the first order's name.
    let log = foresight.world.log.lock().expect("not poisoned");
    let written = log.iter().find(|(event, _)| matches!(event, Event::Signed(of) if of.id == sent.id));
    assert_eq!(written.expect("recorded").1, 1);
}

#[test]
fn each_bound_and_tier_is_signed_and_an_exit_of_all_that_is_held() {
    let mut tiered = guarded();
    let tier = |dollars, factor_ppm| crate::domain::settings::Tier { from: Usdc::whole(dollars), factor_ppm };
    tiered.sizing.tiers[..2].copy_from_slice(&[tier(20, 500_000), tier(100, 2_000_000)]);
    let mut foresight = Foresight::new(tiered, Options::USUAL);
    // 52 and 53 cents; 10, 5 and 20 dollars.
    assert_eq!(foresight.kept(), 6);
    foresight.world.trade(2, Side::Buy);
    assert_eq!(foresight.world.core.ahead_now().hits, 1);
    let order = foresight.world.out().sent.order;
    foresight.world.tell(Input::Filled { order, shares: Shares(9_615_300), cash: Usdc::whole(5), fee: Usdc::ZERO });
    foresight.world.tell(Input::Closed { order, end: OrderEnd::Filled });
    foresight.world.book(520_000);
    foresight.settle();
    foresight.world.trade(3, Side::Sell);
    assert_eq!((foresight.world.out().sent.side, foresight.world.core.ahead_now().hits), (Side::Sell, 2));
}

/// Binds: ladder_usdc.
#[test]
fn sizes_that_go_by_the_leaders_are_those_of_the_ladder() {
    let mut ladder = Options::USUAL.ladder;
    ladder[..3].copy_from_slice(&[5, 20, 100].map(Usdc::whole));
    let check = |percent_ppm: u32, shortfall_ppm_max: u32, hits: u64, budget: i64| {
        let mut settings = guarded();
        settings.sizing.rule = SizeRule::Percent(percent_ppm);
        settings.sizing.order_usdc_max = Usdc::whole(50);
        let mut foresight = Foresight::new(settings, Options { ladder, shortfall_ppm_max, ..Options::USUAL });
        // Two bounds; the two rungs below the most there may be, and that.
        assert_eq!(foresight.kept(), 6);
        foresight.world.trade(2, Side::Buy);
        let (now, outgoing) = (foresight.world.core.ahead_now(), foresight.world.out());
        assert_eq!((now.hits, outgoing.sent.budget), (hits, Usdc(budget)), "{percent_ppm} {shortfall_ppm_max}");
        let signed = foresight.signed().pop().expect("signed");
        assert_eq!(signed.maker_amount, budget as u64);
        // What was decided is reserved, whatever was signed; the rest comes back with the order's end.
        let order = *foresight.world.core.engine.orders().get(outgoing.sent.order).expect("open");
        assert!(order.submitted.budget.0 as u64 >= signed.maker_amount);
        let locked = |foresight: &Foresight| foresight.world.core.engine.portfolios()[0].ledger.locked();
        let (before, cash) = (locked(&foresight), Usdc(budget));
        let id = order.submitted.order;
        foresight.world.tell(Input::Filled { order: id, shares: Shares(signed.taker_amount), cash, fee: Usdc::ZERO });
        foresight.world.tell(Input::Closed { order: id, end: OrderEnd::Filled });
        assert_eq!(locked(&foresight), before - order.submitted.reserved + cash);
    };
    // He trades for 52 dollars: 5.20, and 20.80, and more than the most.
    check(100_000, 0, 0, 5_200_000);
    check(100_000, 38_462, 1, 5_000_000);
    check(400_000, 0, 0, 20_800_000);
    check(400_000, 38_462, 1, 20_000_000);
    check(2_000_000, 0, 1, 50_000_000);
}

#[test]
fn what_changes_the_question_drops_the_answers() {
    let check = |change: &dyn Fn(&mut World)| {
        let mut foresight = Foresight::usual();
        assert!(foresight.kept() > 0);
        change(&mut foresight.world);
        assert_eq!(foresight.kept(), 0);
    };
    check(&|world| world.tell(Input::TickChanged { token: TOKEN, tick: Tick::from_micros(1_000).expect("a tick") }));
    check(&|world| {
        world.tell(Input::MarketKnown { token: TOKEN, market: Market { neg_risk: true, ..Market::COMMON } })
    });
    check(&|world| world.tell(Input::Resolved { token: TOKEN, payout: 0 }));
    check(&|world| world.tell(Input::BookLost { token: TOKEN }));
    check(&|world| {
        let configure = |engine: &mut Engine, now, events: &mut _| {
            engine.configure(now, LIVE, &Settings { sizing: Settings::OPEN.sizing, ..guarded() }, events);
        };
        world.core.set_up(world.core.now(), configure).expect("room");
    });
    let closes = |change: &dyn Fn(&mut World)| {
        check(&|world| {
            change(world);
            world.core.prepare();
        });
    };
    closes(&|world| world.tell(Input::SwitchLive { to: LiveSwitch::Off }));
    closes(&|world| world.tell(Input::SwitchLive { to: LiveSwitch::Shadow }));
    closes(&|world| world.tell(Input::LiveOrders { to: LiveOrders::ChannelDown }));
    closes(&|world| world.gate.kill());
}

#[test]
fn after_a_change_it_is_signed_anew_for_what_holds_now() {
    let mut foresight = Foresight::usual();
    let finer = Tick::from_micros(1_000).expect("a tick");
    foresight.world.tell(Input::TickChanged { token: TOKEN, tick: finer });
    foresight.world.book(520_000);
    foresight.settle();
    // A finer grid has more bounds: three are thought of.
    assert_eq!(foresight.kept(), 3);
    foresight.world.trade(2, Side::Buy);
    assert_eq!((foresight.world.core.ahead_now().hits, foresight.world.out().sent.limit.micros()), (1, 530_000));
    // The price went away from what was signed, and comes after it.
    foresight.settle();
    foresight.world.book(600_000);
    foresight.settle();
    let kept = foresight.kept();
    assert!(kept > 0);
    foresight.world.trade(3, Side::Buy);
    assert_eq!(foresight.misses(), [(Miss::Off, 1), (Miss::Unforeseen, 1)]);
    // While live is off nothing is signed; when it is on again, all of it.
    foresight.world.tell(Input::SwitchLive { to: LiveSwitch::Off });
    foresight.settle();
    assert_eq!(foresight.kept(), 0);
    foresight.world.tell(Input::SwitchLive { to: LiveSwitch::On });
    foresight.settle();
    assert_eq!(foresight.kept(), 3);
}

/// Binds: ahead.
#[test]
fn with_none_signed_ahead_orders_leave_as_ever() {
    let mut prepared = prepared();
    assert!(prepared.ahead().is_none());
    let mut world = World::with(settings(), prepared);
    world.trade(1, Side::Buy);
    world.core.prepare();
    world.trade(2, Side::Buy);
    assert_eq!(world.outbox.orders.len(), 2);
    assert_eq!(world.core.ahead_now(), crate::metrics::AheadNow::default());
}

#[test]
fn a_restart_begins_with_none_and_looks_at_what_is_held() {
    let mut foresight = Foresight::usual();
    foresight.world.trade(2, Side::Buy);
    let order = foresight.world.out().sent.order;
    foresight.world.tell(Input::Filled { order, shares: Shares(19_230_700), cash: Usdc::whole(10), fee: Usdc::ZERO });
    foresight.world.tell(Input::Closed { order, end: OrderEnd::Filled });
    let events = std::mem::take(&mut *foresight.world.log.lock().expect("not poisoned"));
    let mut engine = engine(guarded());
    events.iter().for_each(|(event, _)| engine.apply(START, event));
    let mut prepared = prepared();
    let signer = prepared.sign_ahead(Options::USUAL, foresight.world.core.now());
    let mut second = Foresight { world: World::with(guarded(), prepared), signer };
    assert_eq!(second.kept(), 0);
    // The wallet's way is armed when the engine has its state.
    let mut prepared = super::prepared();
    second.signer = prepared.sign_ahead(Options::USUAL, foresight.world.core.now());
    second.world.core.engine = engine;
    let (outbox, gate) = (Arc::clone(&second.world.outbox), Arc::clone(&second.world.gate));
    second.world.core.set_live_polymarket(Live::new(prepared, outbox, gate));
    second.world.core.name_token(TOKEN, "7");
    second.world.core.advance(foresight.world.core.now()).expect("room");
    second.world.tell(Input::SwitchLive { to: LiveSwitch::On });
    second.world.book(520_000);
    second.settle();
    assert!(second.kept() > 0);
    second.world.trade(3, Side::Sell);
    assert_eq!((second.world.core.ahead_now().hits, second.world.out().sent.side), (1, Side::Sell));
}
