//! Each rule is told when it should be, and not before.

use super::super::{
    board::{Change, Told},
    names::Names,
    rule::{Rule, Thresholds},
    watch::{Rules, SNAPSHOT_AGE_MAX, Seen, Watch},
};
use crate::{
    domain::{
        Breaker, Cause, Event, Fault, LeaderId, LeaderSwitch, LiveOrders, LiveSwitch, Mode, Nanos, NotSent, Numbers,
        OrderEnd, OrderId, OrderKind, PaperSwitch, PortfolioId, Price, Rejection, Shares, Side, SignalId, TokenId,
        TradeKey, Usdc, VenueOrderId,
        event::{Difference, Differs, External, Matched, Settled, Submitted},
    },
    metrics::{FeedStatus, GatewayNow, PortfolioNow, Snapshot, health::FeedNow},
};

const RULES: Rules = Rules {
    thresholds: Thresholds {
        order_unknown: Nanos::from_secs(60),
        live_orders_stopped: Nanos::from_secs(120),
        feed_silent: Nanos::from_secs(100),
        store_down: Nanos::from_secs(60),
        store_lag_records: 1_000,
        balance_min: Usdc::whole(50),
        failures: 3,
        failures_within: Nanos::from_secs(600),
        slippage_ppm: 50_000,
    },
    paper: false,
};
const LIVE: PortfolioId = PortfolioId(1);

fn names() -> Names {
    let mut names = Names {
        portfolios: vec![("careful".to_owned(), Mode::Paper), ("careful".to_owned(), Mode::Live)],
        ..Names::default()
    };
    names.learn(TokenId(0), "Will it rain?\u{202e} http://evil.example", "Yes");
    names.learn_leader(LeaderId(0), "Ada", "0x1ead");
    names
}

fn at(secs: u64) -> Nanos {
    Nanos::from_secs(1_800_000_000 + secs)
}

/// A world in which all is well.
struct World {
    snapshot: Snapshot,
    feeds: Vec<FeedNow>,
    connected: bool,
    lag: u64,
    gateway: GatewayNow,
    cash: Option<Usdc>,
    killed: bool,
}

fn well(secs: u64) -> World {
    let feed = |status: FeedStatus| {
        status.connected(at(0));
        status.frame(at(secs));
        status.now()
    };
    World {
        snapshot: Snapshot { at: at(secs), books_live: 1, live: LiveSwitch::On, ..Snapshot::default() },
        feeds: vec![feed(FeedStatus::new("market channel")), feed(FeedStatus::of_trades("activity 1"))],
        connected: true,
        lag: 0,
        gateway: GatewayNow { state: LiveOrders::Ready, ..GatewayNow::default() },
        cash: Some(Usdc::whole(100)),
        killed: false,
    }
}

/// Looks at one moment; returns `rule subject`, with `?` where it is not sure.
fn look(watch: &mut Watch, secs: u64, world: &World) -> Vec<String> {
    let seen = Seen {
        now: at(secs),
        snapshot: &world.snapshot,
        feeds: &world.feeds,
        store_connected: world.connected,
        store_lag: world.lag,
        gateway: Some(&world.gateway),
        cash: world.cash,
        killed: world.killed,
        index_every: Nanos::from_secs(30),
    };
    let levels = watch.see(&seen, RULES, &names());
    let sure = |text: &Option<String>| if text.is_some() { "" } else { "?" };
    levels.iter().map(|level| format!("{} {}{}", level.rule.code(), level.subject, sure(&level.text))).collect()
}

/// Changes a world that is well, and says what is told at each second.
fn check(change: impl Fn(&mut World, u64), expected: &[(u64, &[&str])]) {
    let mut watch = Watch::default();
    assert_eq!(look(&mut watch, 0, &well(0)), [""; 0], "all is well");
    for (secs, told) in expected {
        let mut world = well(*secs);
        change(&mut world, *secs);
        assert_eq!(look(&mut watch, *secs, &world), *told, "after {secs} s");
    }
}

#[test]
fn an_engine_that_stopped_is_told() {
    check(|world, _| world.snapshot.halted = "the disk is full".to_owned(), &[(1, &["engine_stopped engine"])]);
    check(|world, _| world.snapshot.entries_stopped = true, &[(1, &["engine_stopped engine"])]);
    let last = SNAPSHOT_AGE_MAX.as_secs();
    check(|world, _| world.snapshot.at = at(0), &[(last, &[]), (last + 1, &["engine_stopped engine"])]);
}

#[test]
fn breakers_kills_and_low_balances_are_told_while_they_last() {
    let portfolio = |tripped| PortfolioNow {
        id: LIVE,
        deposits: Usdc::ZERO,
        available: Usdc::ZERO,
        reserved: Usdc::ZERO,
        deployed: Usdc::ZERO,
        cooling: Usdc::ZERO,
        released: Usdc::ZERO,
        realised: Usdc::ZERO,
        unrealised: Usdc::ZERO,
        paused: false,
        tripped,
    };
    let tripped = Breaker::ALL.map(|breaker| breaker == Breaker::Drawdown);
    check(|world, _| world.snapshot.portfolios = vec![portfolio(tripped)], &[(1, &["breaker portfolio 1 drawdown"])]);
    check(|world, _| world.killed = true, &[(1, &["kill gate"])]);
    check(|world, _| world.cash = Some(Usdc::whole(49)), &[(1, &["balance_low wallet"])]);
    check(|world, _| world.cash = None, &[(1, &["balance_low wallet?"])]);
    let of_paper = PortfolioNow { id: PortfolioId(0), ..portfolio(tripped) };
    check(|world, _| world.snapshot.portfolios = vec![of_paper], &[(1, &[])]);
}

#[test]
fn a_feed_that_is_gone_or_says_nothing_is_told() {
    let silent = |world: &mut World, _| {
        let status = FeedStatus::new("market channel");
        status.connected(at(0));
        world.feeds[0] = status.now();
    };
    check(
        silent,
        &[
            (5, &[]),
            (6, &["feed_silent market channel?"]),
            (99, &["feed_silent market channel?"]),
            (100, &["feed_silent market channel"]),
        ],
    );
    // Without books there is nothing to hear of.
    check(
        |world, secs| {
            silent(world, secs);
            world.snapshot.books_live = 0;
        },
        &[(1_000, &[])],
    );
    let gone = |world: &mut World, _| world.feeds[1] = FeedStatus::of_trades("activity 1").now();
    let all = ["feed_silent activity 1", "feed_silent leaders' trades"];
    check(gone, &[(1, &["feed_silent activity 1?"]), (100, &["feed_silent activity 1?"]), (101, &all)]);
    let one_of_two = |world: &mut World, secs| {
        let other = FeedStatus::of_trades("activity 2");
        other.connected(at(0));
        other.frame(at(secs));
        world.feeds.push(other.now());
        gone(world, secs);
    };
    check(one_of_two, &[(1, &["feed_silent activity 1?"]), (200, &["feed_silent activity 1"])]);
}

#[test]
fn postgres_and_the_venue_are_told_when_it_lasts() {
    check(
        |world, _| world.connected = false,
        &[(1, &["store_behind down?"]), (60, &["store_behind down?"]), (61, &["store_behind down"])],
    );
    check(|world, _| world.lag = 1_001, &[(1, &["store_behind lag"])]);
    let state = |state| move |world: &mut World, _| world.gateway.state = state;
    check(state(LiveOrders::ChannelDown), &[(1, &["live_orders gateway?"]), (121, &["live_orders gateway"])]);
    check(state(LiveOrders::AuthMissing), &[(1, &["credentials venue?"]), (11, &["credentials venue"])]);
    check(state(LiveOrders::WalletNotHeld), &[(1, &["credentials venue?"]), (11, &["credentials venue"])]);
    check(state(LiveOrders::Starting), &[(1, &["credentials venue?", "live_orders gateway?"])]);
    let off =
        |world: &mut World, _| (world.gateway.state, world.snapshot.live) = (LiveOrders::ChannelDown, LiveSwitch::Off);
    check(off, &[(1, &[]), (500, &[])]);
}

fn submitted(order: u64, portfolio: PortfolioId) -> Event {
    Event::Submitted(Submitted {
        order: OrderId(order),
        signal: SignalId(1),
        portfolio,
        leader: LeaderId(0),
        token: TokenId(0),
        side: Side::Buy,
        kind: OrderKind::Fak,
        cause: Cause::Entry,
        limit: Price::from_micros(450_000).expect("a price"),
        shares: Shares::whole(20),
        budget: Usdc::whole(9),
        reserved: Usdc::whole(9),
        touch: Price::from_micros(400_000).expect("a price"),
        reference: Price::from_micros(400_000).expect("a price"),
        attempt: 1,
    })
}

fn matched(order: u64, cash: i64) -> Event {
    let (shares, cash) = (Shares::whole(20), Usdc(cash));
    let trade = TradeKey([order, 1]);
    Event::Matched(Matched { order: OrderId(order), trade, shares, cash, fee: Usdc::ZERO, basis: Usdc::ZERO })
}

fn hear(watch: &mut Watch, secs: u64, event: Event) -> Option<Told> {
    watch.hear(at(secs), &event, RULES, &names())
}

/// Returns `rule subject`, and the text.
fn told(watch: &mut Watch, event: Event) -> (String, String) {
    let Told { rule, subject, change, .. } = hear(watch, 5, event).expect("it is told");
    let (Change::Raised(text) | Change::Passed(text) | Change::Noticed(text) | Change::Happened(text)) = change;
    (format!("{} {subject}", rule.code()), text)
}

#[test]
fn a_live_order_whose_outcome_stays_unknown_is_told_and_a_paper_one_is_not() {
    let mut watch = Watch::default();
    for (order, portfolio) in [(1, LIVE), (2, LIVE), (3, PortfolioId(0))] {
        assert_eq!(hear(&mut watch, 0, submitted(order, portfolio)), None);
        assert_eq!(hear(&mut watch, 1, Event::Unknown { order: OrderId(order) }), None);
    }
    assert_eq!(look(&mut watch, 60, &well(60)), [""; 0]);
    // What was sent is remembered over a restart.
    let mut watch: Watch = serde_json::from_str(&serde_json::to_string(&watch).expect("JSON")).expect("read back");
    assert_eq!(look(&mut watch, 61, &well(61)), ["order_unknown order 1", "order_unknown order 2"]);
    hear(&mut watch, 62, Event::Accepted { order: OrderId(1) });
    hear(&mut watch, 62, Event::Closed { order: OrderId(2), end: OrderEnd::Absent, released: Usdc::ZERO });
    assert_eq!(look(&mut watch, 63, &well(63)), [""; 0]);
}

#[test]
fn orders_that_fail_are_told_when_there_are_several() {
    let mut watch = Watch::default();
    let mut fail = |secs, order, end| {
        hear(&mut watch, secs, submitted(order, LIVE));
        hear(&mut watch, secs, Event::Closed { order: OrderId(order), end, released: Usdc::ZERO });
        look(&mut watch, secs, &well(secs))
    };
    // That nothing was left to fill is no failure.
    for order in 1..=5 {
        assert_eq!(fail(1, order, OrderEnd::Rejected(Rejection::NoMatch)), [""; 0]);
    }
    assert_eq!(fail(10, 6, OrderEnd::Rejected(Rejection::Balance)), [""; 0]);
    assert_eq!(fail(20, 7, OrderEnd::NotSent(NotSent::NoConnection)), [""; 0]);
    assert_eq!(fail(30, 8, OrderEnd::Absent), ["execution_failed orders"]);
    assert_eq!(look(&mut watch, 610, &well(610)), ["execution_failed orders"]);
    assert_eq!(look(&mut watch, 611, &well(611)), [""; 0]);
}

#[test]
fn a_fill_that_is_much_worse_than_the_leaders_is_told() {
    let mut watch = Watch::default();
    for order in 1..=4 {
        hear(&mut watch, 0, submitted(order, LIVE));
    }
    assert_eq!(hear(&mut watch, 1, matched(1, 8_000_000)), None);
    assert_eq!(hear(&mut watch, 1, matched(2, 8_400_000)), None, "exactly the limit");
    let (what, text) = told(&mut watch, matched(3, 8_800_000));
    assert_eq!(what, "slippage portfolio 1 token 0");
    assert!(text.contains("at $0.44: 10.0% worse than the leader's $0.4"), "{text}");
    assert!(text.contains("careful (live)") && text.contains("Will it rain? http:/ /evil.example"), "{text}");
    assert_eq!(hear(&mut watch, 1, matched(99, 9_000_000)), None, "nobody knows that order");
    let paper = Rules { paper: true, ..RULES };
    watch.hear(at(1), &submitted(5, PortfolioId(0)), paper, &names());
    assert!(watch.hear(at(1), &matched(5, 9_000_000), paper, &names()).is_some(), "paper counts where it is asked for");
}

#[test]
fn what_happens_is_told_in_words() {
    let mut watch = Watch::default();
    let numbers = Numbers { limit: 1, actual: 2 };
    let check = |watch: &mut Watch, event, what: &str, words: &str| {
        let (found, text) = told(watch, event);
        assert_eq!(found, what);
        assert!(text.contains(words), "{text}");
    };
    let external = External {
        id: VenueOrderId([0; 32]),
        trade: TradeKey([1, 2]),
        token: TokenId(0),
        side: Side::Sell,
        shares: Shares::whole(5),
        cash: Usdc::whole(2),
        fee: Usdc::ZERO,
        traded_at: at(0),
    };
    check(&mut watch, Event::External(external), "external_fill token 0 sell", "sold 5 shares");
    let order = OrderId(7);
    check(
        &mut watch,
        Event::Adopted { order, trade: TradeKey([1, 2]), brought: Usdc::whole(3) },
        "external_fill order 7",
        "$3 came in",
    );
    check(&mut watch, Event::Voided { order, trade: TradeKey([1, 2]) }, "match_void order 7", "did not settle");
    check(&mut watch, Event::Faulted { fault: Fault::Overfill, order }, "engine_stopped engine", "overfill");
    check(
        &mut watch,
        Event::Tripped { portfolio: LIVE, breaker: Breaker::DailyLoss, numbers },
        "breaker portfolio 1 daily_loss",
        "lost too much today",
    );
    check(
        &mut watch,
        Event::BalanceLow { portfolio: LIVE, available: Usdc::whole(4) },
        "balance_low portfolio 1",
        "$4 available",
    );
    check(
        &mut watch,
        Event::LeaderBlocked { leader: LeaderId(0), until: at(7_205), numbers },
        "leader_blocked leader 0",
        "Ada trades on his copiers: no entries after him for 2 hours",
    );
    check(&mut watch, Event::LiveSwitched { to: LiveSwitch::On }, "switch_changed live on", "Live is on now");
    check(&mut watch, Event::PaperSwitched { to: PaperSwitch::Off }, "switch_changed paper off", "Paper is off now");
    check(
        &mut watch,
        Event::LeaderSwitched { leader: LeaderId(0), to: LeaderSwitch::ForceOff },
        "switch_changed leader 0 force_off",
        "Ada is on force_off",
    );
    let differs =
        |theirs| Event::Differs(Differs { what: Difference::Shares, token: Some(TokenId(0)), ours: 5_000_000, theirs });
    check(&mut watch, differs(6_000_000), "wallet_differs Shares 0", "our books say 5 shares, the venue says 6 shares");
    check(&mut watch, differs(5_000_000), "wallet_differs Shares 0", "agree again");
    assert_eq!(hear(&mut watch, 0, Event::BalanceLow { portfolio: PortfolioId(0), available: Usdc::ZERO }), None);
}

#[test]
fn a_market_that_pays_a_part_is_told_to_who_is_in_it() {
    let mut watch = Watch::default();
    let settled = |portfolio| {
        let (leader, token, shares, basis) = (LeaderId(0), TokenId(0), Shares::whole(10), Usdc::whole(4));
        Event::Settled(Settled { portfolio, leader, token, shares, basis, proceeds: Usdc::whole(5), release_at: at(9) })
    };
    assert_eq!(hear(&mut watch, 0, Event::Resolved { token: TokenId(0), payout: 1_000_000 }), None);
    assert_eq!(hear(&mut watch, 0, settled(LIVE)), None);
    assert_eq!(hear(&mut watch, 0, Event::Resolved { token: TokenId(0), payout: 500_000 }), None);
    assert_eq!(hear(&mut watch, 0, settled(PortfolioId(0))), None);
    let (what, text) = told(&mut watch, settled(LIVE));
    assert_eq!(what, "match_void portfolio 1 token 0");
    assert!(text.contains("resolved with $0.5 a share: careful (live) got $5"), "{text}");
}

#[test]
fn rules_have_names_of_their_own() {
    for rule in Rule::ALL {
        assert_eq!(Rule::of(rule.code()), Some(rule));
        assert_eq!(serde_json::to_value(rule).expect("JSON"), rule.code());
    }
    assert_eq!(Rule::of("none"), None);
}
