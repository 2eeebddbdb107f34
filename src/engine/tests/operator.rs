//! What the operator says: money, settings; and what is declined.

use super::*;
use crate::domain::{Declined, LeaderSwitch, Numbers};

const OTHER: PortfolioId = PortfolioId(1);
const LIVE: PortfolioId = PortfolioId(2);
const NOBODY: PortfolioId = PortfolioId(9);

/// Two paper portfolios (1,000 dollars, of which 50 are locked, and 200) and a live one with nothing.
fn three() -> World {
    let mut world = World::new(open_settings());
    world.engine.install_portfolio(OTHER, Mode::Paper, open_settings());
    world.engine.install_portfolio(LIVE, Mode::Live, open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.input(Input::Deposit { portfolio: OTHER, amount: Usdc::whole(200) });
    world.said();
    world
}

fn check(input: Input, said: &str, numbers: Numbers) {
    let mut world = three();
    let before: Vec<ledger::Ledger> = world.engine.portfolios().iter().map(|portfolio| portfolio.ledger).collect();
    world.input(input);
    let found = world.log.iter().find_map(|(_, event)| match event {
        Event::Declined { numbers, .. } => Some(*numbers),
        _ => None,
    });
    assert_eq!((world.said().as_str(), found), (said, Some(numbers)), "{input:?}");
    let after: Vec<ledger::Ledger> = world.engine.portfolios().iter().map(|portfolio| portfolio.ledger).collect();
    assert_eq!(before, after);
}

#[test]
fn what_cannot_be_done_is_declined_with_its_numbers_and_changes_nothing() {
    let dollars = Usdc::whole;
    let numbers = |limit: i64, actual: i64| Numbers { limit, actual };
    let known = |reason: Declined| format!("declined {}", reason.code());
    let (none, unknown) = (Numbers::NONE, known(Declined::NotKnown));
    check(Input::Deposit { portfolio: NOBODY, amount: dollars(5) }, &unknown, none);
    check(Input::Withdraw { portfolio: NOBODY, amount: dollars(5) }, &unknown, none);
    check(Input::Move { from: PAPER, to: NOBODY, amount: dollars(5) }, &unknown, none);
    check(Input::Pause { portfolio: NOBODY }, &unknown, none);
    check(Input::Unpause { portfolio: NOBODY }, &unknown, none);
    check(Input::ResetBreakers { portfolio: NOBODY }, &unknown, none);
    let nobody = LeaderId(LEADERS_MAX as u32);
    check(Input::SwitchLeader { leader: nobody, to: LeaderSwitch::ForceOff }, &unknown, none);
    let not_positive = known(Declined::NotPositive);
    check(Input::Deposit { portfolio: PAPER, amount: Usdc::ZERO }, &not_positive, none);
    check(Input::Withdraw { portfolio: PAPER, amount: Usdc(-1) }, &not_positive, numbers(0, -1));
    check(Input::Move { from: PAPER, to: OTHER, amount: Usdc::ZERO }, &not_positive, none);
    let too_much = numbers(999_999_000_000_000, i64::MAX);
    check(Input::Deposit { portfolio: PAPER, amount: Usdc(i64::MAX) }, &known(Declined::TooMuch), too_much);
    let not_available = known(Declined::NotAvailable);
    let missing = numbers(950_000_000, 950_000_001);
    check(Input::Withdraw { portfolio: PAPER, amount: Usdc(950_000_001) }, &not_available, missing);
    check(Input::Move { from: PAPER, to: OTHER, amount: Usdc(950_000_001) }, &not_available, missing);
    check(Input::Move { from: PAPER, to: LIVE, amount: dollars(5) }, &known(Declined::OtherMode), none);
    check(Input::SwitchLive { to: LiveSwitch::On }, &known(Declined::LiveNotReady), none);
}

#[test]
fn money_is_brought_taken_and_moved_and_the_settings_capital_follows_beside_it() {
    let mut world = three();
    let deposits = |world: &World| [0, 1].map(|index| world.engine.portfolios()[index].ledger.deposits());
    world.input(Input::Deposit { portfolio: PAPER, amount: Usdc::whole(500) });
    world.input(Input::Withdraw { portfolio: PAPER, amount: Usdc::whole(100) });
    world.input(Input::Move { from: PAPER, to: OTHER, amount: Usdc::whole(50) });
    assert_eq!(world.said(), "deposited $500; withdrawn $100; moved $50");
    assert_eq!(deposits(&world), [Usdc::whole(1_350), Usdc::whole(250)]);
    // A start with the same capital takes nothing back; a higher one brings the difference.
    world.fund(1_000);
    assert_eq!(world.said(), "");
    world.fund(1_100);
    assert_eq!(world.said(), "deposited $100");
    assert_eq!(deposits(&world), [Usdc::whole(1_450), Usdc::whole(250)]);
    world.audit();
}

/// Binds: balance_low_usdc.
#[test]
fn a_low_balance_is_said_once_until_it_is_over() {
    let mut settings = open_settings();
    settings.limits.balance_low_usdc = Usdc::whole(10);
    let mut world = World::new(settings);
    let mut take = |amount: i64| {
        let (portfolio, dollars) = (PAPER, Usdc::whole(amount.abs()));
        let input = if amount < 0 {
            Input::Withdraw { portfolio, amount: dollars }
        } else {
            Input::Deposit { portfolio, amount: dollars }
        };
        world.said();
        world.input(input);
        world.said()
    };
    assert_eq!(take(-990), "withdrawn $990");
    assert_eq!(take(-1), "withdrawn $1; balance low $9");
    assert_eq!(take(-1), "withdrawn $1");
    assert_eq!(take(2), "deposited $2");
    assert_eq!(take(-1), "withdrawn $1; balance low $9");
}

#[test]
fn what_is_open_goes_on_under_other_settings() {
    let mut world = three();
    let mut settings = open_settings();
    settings.limits.exposure_usdc_max = Usdc::whole(60);
    settings.exit.take_profit_ppm = 200_000;
    let mut events = Events::default();
    world.engine.configure(world.now, PAPER, &settings, &mut events);
    world.engine.configure(world.now, PAPER, &open_settings(), &mut events);
    world.engine.configure(world.now, PAPER, &settings, &mut events);
    world.engine.configure(world.now, NOBODY, &settings, &mut events);
    let digests: Vec<Option<u64>> = events
        .as_slice()
        .iter()
        .map(|event| match event {
            Event::Configured { digest, .. } => Some(*digest),
            _ => None,
        })
        .collect();
    assert!(digests[0] == digests[2] && digests[0] != digests[1] && digests[3].is_none(), "{digests:?}");
    // The open order fills, the new limit refuses, the new target sells.
    world.wait(Nanos::from_secs(3));
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 201.0);
    world.book(&[(0.60, 5_000.0)], &[(0.61, 5_000.0)]);
    let said = "filled 100 for $50 fee 0; filled; refused total_exposure; due take_profit; sell 100 @ 0.59";
    assert_eq!(world.said(), said);
}

#[test]
fn a_breaker_trips_at_once_under_a_lower_limit() {
    let mut world = three();
    world.wait(Nanos::from_secs(1));
    world.input(Input::Resolved { token: TOKEN, payout: 0 });
    world.said();
    let mut settings = open_settings();
    settings.limits.day_loss_usdc_max = Usdc::whole(50);
    let mut events = Events::default();
    world.engine.configure(world.now, PAPER, &settings, &mut events);
    let phrases: Vec<String> = events.as_slice().iter().filter_map(phrase).collect();
    assert_eq!(phrases, ["configured", "tripped daily_loss"]);
}
