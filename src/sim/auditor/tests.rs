//! The auditor sees what is wrong: each finding beside the same story without it.

use super::*;
use crate::domain::{
    Cause, LeaderTrade, Market, Millis, OrderId, OrderKind, Price, Role, Shares, SignalId, Source, TradeKey, Usdc,
    event::{How, Signal},
    input::Best,
};

const TOKEN: TokenId = TokenId(0);
const LEADER: LeaderId = LeaderId(0);
const PAPER: PortfolioId = PortfolioId(0);
const NOW: Nanos = Nanos::from_secs(1_776_038_400);

fn price(micros: u32) -> Price {
    Price::from_micros(micros).expect("a price")
}

fn auditor() -> Auditor {
    let mut auditor = Auditor::new(Terms {
        portfolios: vec![(Mode::Paper, Settings::OPEN)],
        follows: vec![(LEADER, PAPER)],
        denied: vec![],
        group_window: Nanos::from_secs(2),
        paper: PaperSwitch::On,
        live: LiveSwitch::Off,
    });
    let at = Millis(NOW.as_millis());
    let level = |side, micros| Input::Level { token: TOKEN, side, price: price(micros), size: Shares::whole(1_000) };
    for input in [
        Input::MarketKnown { token: TOKEN, market: Market::COMMON },
        Input::Snapshot { token: TOKEN, at },
        level(Side::Buy, 490_000),
        level(Side::Sell, 500_000),
        Input::BookDone { token: TOKEN, at, best: Best::Unstated },
    ] {
        auditor.input(NOW, &input);
    }
    auditor.event(NOW, &Event::Deposited { portfolio: PAPER, amount: Usdc::whole(100) }).expect("a deposit");
    auditor
}

fn trade() -> LeaderTrade {
    LeaderTrade {
        trade: TradeKey([1, 1]),
        leader: LEADER,
        token: TOKEN,
        side: Side::Buy,
        price: price(500_000),
        shares: Shares::whole(200),
        role: Role::Unknown,
        source: Source::Activity,
        traded_at: NOW,
    }
}

fn signal() -> Signal {
    let LeaderTrade { trade, leader, token, side, price, shares, role, source, traded_at } = trade();
    Signal {
        signal: SignalId(1),
        group: SignalId(1),
        trade,
        leader,
        token,
        side,
        price,
        shares,
        group_price: price,
        group_shares: shares,
        leader_held: Shares::ZERO,
        role,
        source,
        how: How::Traded,
        traded_at,
    }
}

fn order() -> Submitted {
    Submitted {
        order: OrderId(1),
        signal: SignalId(1),
        portfolio: PAPER,
        leader: LEADER,
        token: TOKEN,
        side: Side::Buy,
        kind: OrderKind::Fak,
        cause: Cause::Entry,
        limit: price(510_000),
        shares: Shares(98_039_200),
        budget: Usdc::whole(50),
        reserved: Usdc::whole(50),
        touch: price(500_000),
        reference: price(500_000),
        attempt: 1,
    }
}

fn fill() -> Filled {
    Filled {
        order: OrderId(1),
        shares: Shares::whole(100),
        cash: Usdc::whole(50),
        fee: Usdc::ZERO,
        basis: Usdc::ZERO,
        release_at: Nanos::ZERO,
    }
}

/// Tells the auditor the trade, then these events; returns what it finds first.
fn finds(events: &[Event]) -> Finding {
    let mut auditor = auditor();
    auditor.input(NOW, &Input::LeaderTrade(trade()));
    events.iter().try_for_each(|event| auditor.event(NOW, event))
}

#[test]
fn an_honest_story_is_fine() {
    let closed = Event::Closed { order: OrderId(1), end: OrderEnd::Filled, released: Usdc::ZERO };
    let story = [Event::Signal(signal()), Event::Submitted(order()), Event::Filled(fill()), closed];
    assert_eq!(finds(&story), Ok(()));
}

#[test]
fn each_wrong_order_is_found() {
    let check = |change: fn(&mut Submitted), says: &str| {
        let mut order = order();
        change(&mut order);
        let finding = finds(&[Event::Signal(signal()), Event::Submitted(order)]).expect_err(says);
        assert!(finding.contains(says), "{finding}");
    };
    check(|o| o.limit = price(505_000), "tick");
    check(|o| o.limit = price(520_000), "the limit");
    check(|o| o.touch = price(490_000), "the best ask");
    check(|o| (o.budget, o.reserved) = (Usdc::whole(51), Usdc::whole(51)), "the rule says");
    check(|o| o.reserved = Usdc::whole(49), "reserved");
    check(|o| o.budget = Usdc(50_005_000), "a budget of");
    check(|o| o.shares = Shares::whole(99), "do not buy");
    check(|o| o.kind = OrderKind::Fok, "attempt");
    check(|o| o.attempt = 2, "attempt 2");
    check(|o| o.signal = SignalId(7), "not known");
}

#[test]
fn each_wrong_event_is_found() {
    let begun = [Event::Signal(signal()), Event::Submitted(order())];
    let check = |event: Event, says: &str| {
        let finding = finds(&[&begun[..], &[event]].concat()).expect_err(says);
        assert!(finding.contains(says), "{finding}");
    };
    let signal = signal();
    check(Event::Signal(signal), "without a leader's trade");
    let (order, portfolio) = (OrderId(1), PAPER);
    let (signal, reason, numbers) = (SignalId(1), crate::domain::Skip::TooOld, crate::domain::Numbers::NONE);
    check(Event::Skipped { signal, portfolio, reason, numbers }, "again");
    check(Event::Closed { order, end: OrderEnd::Filled, released: Usdc(1) }, "released");
    check(Event::Filled(Filled { cash: Usdc::whole(51), ..fill() }), "beyond its money");
    check(Event::Filled(Filled { shares: Shares::whole(90), ..fill() }), "beyond its money or its limit");
    check(Event::Filled(Filled { order: OrderId(2), ..fill() }), "not open");
    check(Event::Released { portfolio, amount: Usdc(1) }, "does not cool");
    check(
        Event::Repeated { trade: TradeKey([9, 9]), leader: LEADER, token: TOKEN, source: Source::Activity },
        "a new fill",
    );
    check(Event::Withdrawn { portfolio, amount: Usdc::whole(51) }, "negative");
    let due = |signal, shares, cause| Event::ExitDue {
        signal,
        portfolio,
        leader: LEADER,
        token: TOKEN,
        cause,
        shares,
        reference: price(500_000),
    };
    check(due(SignalId::NONE, Shares::whole(1), Cause::StopLoss), "not due");
    check(due(SignalId(1), Shares::whole(1), Cause::LeaderExit), "again");
}

#[test]
fn what_is_said_and_what_is_differ() {
    let mut auditor = auditor();
    let said = Valued {
        portfolio: PAPER,
        available: Usdc::whole(100),
        reserved: Usdc::ZERO,
        deployed: Usdc::ZERO,
        cooling: Usdc::ZERO,
        realised: Usdc::ZERO,
        unrealised: Usdc::ZERO,
    };
    assert_eq!(auditor.statement(&said), Ok(()));
    assert!(auditor.statement(&Valued { available: Usdc::whole(99), ..said }).is_err());
    assert_eq!(auditor.holdings(vec![]), Ok(()));
    let held = Held {
        portfolio: 0,
        leader: 0,
        token: 0,
        shares: 1,
        cost: 0,
        reserved: 0,
        selling: 0,
        unsettled: 0,
        unsettled_cost: 0,
        sold: 0,
    };
    assert!(auditor.holdings(vec![held]).is_err());
    assert_eq!((auditor.at_rest(), auditor.at_end()), (Ok(()), Ok(())));
    auditor.input(NOW, &Input::LeaderTrade(trade()));
    auditor.event(NOW, &Event::Signal(signal())).expect("a signal");
    assert!(auditor.at_rest().expect_err("undecided").contains("never ended"));
    auditor.event(NOW, &Event::Submitted(order())).expect("an order");
    assert!(auditor.at_rest().expect_err("open").contains("order 1 never ended"));
    assert!(auditor.at_end().expect_err("open").contains("order 1 is open"));
}
