//! Paper and live side by side: switches, shadows, and that paper never notices.

use proptest::prelude::*;

use super::{
    recovery::{Step, any_step, play},
    *,
};
use crate::domain::{LeaderSwitch, settings::Limits};

const LIVE: PortfolioId = PortfolioId(1);

fn options(live: LiveSwitch, live_orders: LiveOrders) -> Options {
    Options { value_every: Nanos::from_secs(7), live, live_orders, ..Options::default() }
}

/// A paper and a live portfolio of one strategy, each with 1,000 dollars, after one leader.
fn both(settings: Settings, live: Settings, options: Options) -> World {
    let mut world = World::with(settings, options);
    world.engine.install_portfolio(LIVE, Mode::Live, live);
    world.engine.follow(LEADER, LIVE);
    world.input(Input::Deposit { portfolio: LIVE, amount: Usdc::whole(1_000) });
    liquid(&mut world);
    world.said();
    world
}

fn ready() -> Options {
    options(LiveSwitch::Off, LiveOrders::Ready)
}

#[test]
fn off_skips_shadow_records_and_on_orders() {
    let settings = open_settings();
    let check = |live: LiveSwitch, leader: LeaderSwitch, said: &str| {
        let mut world = both(settings, settings, ready());
        world.input(Input::SwitchLive { to: live });
        world.input(Input::SwitchLeader { leader: LEADER, to: leader });
        world.said();
        world.leader(Side::Buy, 0.50, 200.0);
        assert_eq!(world.said(), format!("buy $50 @ 0.51; {said}"), "{live:?} {leader:?}");
        world.audit();
        world
    };
    use LeaderSwitch::{ForceOff, ForceOn, Inherit};
    use LiveSwitch::{Off, On, Shadow};
    check(Off, Inherit, "skipped live_off");
    check(Off, ForceOn, "skipped live_off");
    check(Shadow, ForceOff, "skipped leader_off");
    check(On, ForceOff, "skipped leader_off");
    check(On, Inherit, "buy $50 @ 0.51");
    check(Shadow, ForceOn, "buy $50 @ 0.51");
    let world = check(Shadow, Inherit, "buy $50 @ 0.51; shadow");
    // Nothing of a shadow stays: no order, no money, no position, nothing spent.
    let live = &world.engine.portfolios()[LIVE.index()];
    assert_eq!((live.ledger.locked(), live.standing.spent), (Usdc::ZERO, Usdc::ZERO));
    assert_eq!(world.live.next_due(), Nanos::NEVER);
    assert!(world.engine.positions().iter().all(|position| position.portfolio == PAPER));
}

#[test]
fn without_a_way_for_orders_live_is_never_on() {
    let mut world = both(open_settings(), open_settings(), options(LiveSwitch::Shadow, LiveOrders::Missing));
    world.input(Input::SwitchLive { to: LiveSwitch::On });
    world.input(Input::SwitchLeader { leader: LEADER, to: LeaderSwitch::ForceOn });
    world.leader(Side::Buy, 0.50, 200.0);
    let said = "declined live_not_ready; declined live_not_ready; buy $50 @ 0.51; buy $50 @ 0.51; shadow";
    assert_eq!(world.said(), said);
    // A journal that says otherwise does not help.
    world.engine.apply(world.now, &Event::LiveSwitched { to: LiveSwitch::On });
    world.engine.apply(world.now, &Event::LeaderSwitched { leader: LEADER, to: LeaderSwitch::ForceOn });
    assert_eq!(world.engine.live_for(LEADER), LiveSwitch::Shadow);
}

#[test]
fn live_settings_limits_and_money_are_its_own() {
    let live = sized(SizeRule::Fixed(Usdc::whole(20)));
    let live = Settings { limits: Limits { day_usdc_max: Usdc::whole(30), ..Limits::OPEN }, ..live };
    let mut world = both(open_settings(), live, ready());
    world.input(Input::SwitchLive { to: LiveSwitch::On });
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(3));
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 201.0);
    let said = world.said();
    assert!(said.starts_with("live on; buy $50 @ 0.51; buy $20 @ 0.51; "), "{said}");
    assert!(said.ends_with("; buy $50 @ 0.51; refused daily_budget"), "{said}");
    let locked = |portfolio: PortfolioId| world.engine.portfolios()[portfolio.index()].ledger.locked();
    assert_eq!((locked(PAPER), locked(LIVE)), (Usdc::whole(100), Usdc::whole(20)));
    let live = world.engine.orders().iter().filter(|order| OrderId::LIVE < order.submitted.order).count();
    assert_eq!(live, 0);
}

#[test]
fn live_sales_wait_while_live_is_not_on_and_no_leaders_switch_holds_them() {
    let mut world = both(open_settings(), open_settings(), ready());
    world.input(Input::SwitchLive { to: LiveSwitch::On });
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(3));
    liquid(&mut world);
    world.said();
    for to in [LiveSwitch::Off, LiveSwitch::Shadow] {
        world.input(Input::SwitchLive { to });
        world.leader(Side::Sell, 0.49, 40.0);
        liquid(&mut world);
    }
    let said = world.said();
    assert_eq!(said.matches("due leader_exit").count(), 4);
    assert_eq!(said.matches("sell").count(), 1, "paper's first: {said}");
    world.input(Input::SwitchLeader { leader: LEADER, to: LeaderSwitch::ForceOff });
    world.input(Input::SwitchLive { to: LiveSwitch::On });
    liquid(&mut world);
    assert!(world.said().contains("live on; sell 40"));
    world.audit();
}

#[test]
fn a_start_never_opens_a_switch_further_than_it_was_left() {
    use LiveSwitch::{Off, On, Shadow};
    let check = |config: (PaperSwitch, LiveSwitch), turned: &[Event], holds: (PaperSwitch, LiveSwitch)| {
        let mut engine = Engine::new(Options { paper: config.0, ..options(config.1, LiveOrders::Ready) });
        turned.iter().for_each(|event| engine.apply(Nanos::from_secs(1), event));
        let mut events = Events::default();
        engine.resume(Nanos::from_secs(2), &mut events);
        assert_eq!((engine.switches().paper(), engine.switches().live()), holds, "{config:?} {turned:?}");
    };
    let live = |to| Event::LiveSwitched { to };
    let paper = |to| Event::PaperSwitched { to };
    let (on, off) = (PaperSwitch::On, PaperSwitch::Off);
    check((on, Off), &[], (on, Off));
    check((on, Shadow), &[], (on, Shadow));
    check((on, Shadow), &[live(Off)], (on, Off));
    check((on, Shadow), &[live(Off), live(On)], (on, Shadow));
    check((on, Off), &[live(On)], (on, Off));
    check((on, Shadow), &[live(On), live(Off)], (on, Off));
    // The settings only allow it: a person turns it on.
    check((on, On), &[], (on, Shadow));
    check((on, On), &[live(On)], (on, On));
    check((on, On), &[live(Off)], (on, Off));
    check((off, Off), &[], (off, Off));
    check((off, Off), &[paper(on)], (off, Off));
    check((on, Off), &[paper(off)], (off, Off));
    check((on, Off), &[paper(off), paper(on)], (on, Off));
}

#[test]
fn the_paper_switch_is_turned_in_flight() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.said();
    world.input(Input::SwitchPaper { to: PaperSwitch::Off });
    world.leader(Side::Buy, 0.50, 200.0);
    world.input(Input::SwitchPaper { to: PaperSwitch::On });
    world.leader(Side::Buy, 0.50, 201.0);
    assert_eq!(world.said(), "paper off; skipped paper_off; paper on; buy $50 @ 0.51");
}

/// What was said that is not live's, byte for byte.
fn of_paper(log: &[(Nanos, Event)]) -> Vec<Vec<u8>> {
    let is_live = |event: &Event| {
        let value = serde_json::to_value(event).expect("an event is JSON");
        let body = value.as_object().and_then(|variant| variant.values().next()).expect("an event has a body").clone();
        let order = body["order"].as_u64().is_some_and(|order| OrderId::LIVE.0 <= order);
        order || body["portfolio"] == LIVE.0 || matches!(event, Event::LiveSwitched { .. })
    };
    let kept = log.iter().filter(|(_, event)| !is_live(event));
    let encoded = |entry| postcard::to_slice(entry, &mut [0; 256]).expect("an event is short").to_vec();
    kept.map(encoded).collect()
}

/// Plays the same story without and with a live portfolio, and returns what paper said of it.
fn told(story: &[Step], live: Option<LiveSwitch>) -> (Vec<Vec<u8>>, usize) {
    let mut settings = sized(SizeRule::Percent(100_000));
    (settings.exit.stop_loss_ppm, settings.exit.take_profit_ppm) = (200_000, 150_000);
    let mut world = World::with(settings, ready());
    if let Some(to) = live {
        // Other sizes and another stop, so that live's orders and exits come at other times.
        let mut live = sized(SizeRule::Percent(250_000));
        live.exit.stop_loss_ppm = 100_000;
        world.engine.install_portfolio(LIVE, Mode::Live, live);
        world.engine.follow(LEADER, LIVE);
        world.input(Input::Deposit { portfolio: LIVE, amount: Usdc::whole(5_000) });
        world.input(Input::SwitchLive { to });
    }
    for step in story {
        play(&mut world, step);
        world.audit();
    }
    let live_orders =
        world.log.iter().filter(|(_, event)| matches!(event, Event::Submitted(order) if order.portfolio == LIVE));
    (of_paper(&world.log), live_orders.count())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]
    #[test]
    fn paper_is_the_same_byte_for_byte_whatever_live_does(story in prop::collection::vec(any_step(), 1..60)) {
        let (alone, _) = told(&story, None);
        for live in [LiveSwitch::Off, LiveSwitch::Shadow, LiveSwitch::On] {
            let (beside, live_orders) = told(&story, Some(live));
            prop_assert!(live != LiveSwitch::Off || live_orders == 0);
            prop_assert_eq!(&alone, &beside, "{:?}", live);
        }
    }
}

#[test]
fn the_story_of_the_digests_has_orders_of_both() {
    let story = [Step::Book(40, 5_000), Step::Buy(500), Step::Wait(1_000), Step::Book(30, 5_000), Step::Wait(2_000)];
    for (live, orders) in [(LiveSwitch::Off, 0), (LiveSwitch::Shadow, 1), (LiveSwitch::On, 2)] {
        let (paper, live_orders) = told(&story, Some(live));
        assert_eq!((live_orders, paper == told(&story, None).0), (orders, true), "{live:?}");
    }
}
