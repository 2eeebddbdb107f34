//! Shares that come into the books and leave them because the operator says so, and what is declined.

use super::*;
use crate::{
    domain::{
        Breaker, Declined, Numbers,
        event::{TakenIn, WrittenOff},
        money::SHARES_MAX,
    },
    engine::{dealing::DEALINGS_MAX, ledger::Account, operator::DEPOSITS_MAX, position::POSITIONS_MAX},
};

const LIVE: PortfolioId = PortfolioId(1);

/// A live portfolio of 1,000 dollars beside the paper one; live is on, and paper off.
fn live_with(settings: Settings) -> World {
    let options = Options { value_every: Nanos::NEVER, live_orders: LiveOrders::Ready, ..Options::default() };
    let mut world = World::with(settings, options);
    world.engine.install_portfolio(LIVE, Mode::Live, settings);
    world.engine.follow(LEADER, LIVE);
    world.input(Input::SwitchPaper { to: PaperSwitch::Off });
    world.input(Input::Deposit { portfolio: LIVE, amount: Usdc::whole(1_000) });
    world.input(Input::SwitchLive { to: LiveSwitch::On });
    liquid(&mut world);
    world.said();
    world
}

fn taken(count: f64, dollars: i64) -> TakenIn {
    TakenIn { portfolio: LIVE, leader: LEADER, token: TOKEN, shares: shares(count), cost: Usdc::whole(dollars) }
}

/// Available, deployed and cooling dollars of the live portfolio, deposits and results.
fn money(world: &World) -> [i64; 5] {
    let ledger = &world.engine.portfolios()[LIVE.index()].ledger;
    let of = |account| ledger.balance(account);
    [of(Account::Available), of(Account::Deployed), of(Account::Cooling), ledger.deposits(), ledger.realised()]
        .map(|amount| amount.0 / 1_000_000)
}

fn is_recovered(world: &World) {
    let mut engine = live_with(open_settings()).engine;
    let begins = live_with(open_settings()).all.len();
    world.all[begins..].iter().for_each(|(at, event)| engine.apply(*at, event));
    assert_eq!(engine.state_hash(), world.engine.state_hash());
}

#[test]
fn what_is_taken_in_is_a_copy_like_any_other() {
    let mut world = live_with(open_settings());
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(3));
    liquid(&mut world);
    world.said();
    let bought = world.position().expect("the entry").shares;
    world.input(Input::TakeIn(taken(50.0, 20)));
    assert_eq!(world.said(), "taken in 50 for $20");
    assert_eq!(money(&world), [950, 70, 0, 1_020, 0]);
    let position = *world.position().expect("one");
    assert_eq!((position.shares, position.cost), (bought + shares(50.0), Usdc::whole(70)));
    is_recovered(&world);
    // The leader sells all: so do we, the older lot first.
    world.leader(Side::Sell, 0.49, 200.0);
    assert!(world.said().contains("sell 150 @"), "{:?}", world.all.last());
}

#[test]
fn what_is_taken_in_of_a_market_that_ended_is_paid() {
    let mut world = live_with(open_settings());
    world.input(Input::Resolved { token: TOKEN, payout: 1_000_000 });
    world.said();
    world.input(Input::TakeIn(taken(50.0, 20)));
    assert_eq!(world.said(), "taken in 50 for $20; settled 50 for $50");
    assert_eq!(money(&world), [1_000, 0, 50, 1_020, 30]);
    is_recovered(&world);
}

#[test]
fn what_is_written_off_is_a_loss_and_nothing_else_moves() {
    let mut world = live_with(open_settings());
    world.input(Input::TakeIn(taken(60.0, 30)));
    world.input(Input::TakeIn(taken(40.0, 10)));
    world.said();
    world.input(Input::WriteOff { token: TOKEN, shares: shares(80.0) });
    assert_eq!(world.said(), "written off 80 of $35");
    assert_eq!(money(&world), [1_000, 5, 0, 1_040, -35]);
    is_recovered(&world);
    world.input(Input::WriteOff { token: TOKEN, shares: shares(20.0) });
    assert_eq!((world.said().as_str(), world.position()), ("written off 20 of $5", None));
    assert_eq!(money(&world), [1_000, 0, 0, 1_040, -40]);
    is_recovered(&world);
}

#[test]
fn what_is_owed_shrinks_with_what_is_written_off() {
    let mut world = live_with(open_settings());
    world.input(Input::TakeIn(taken(100.0, 50)));
    world.book(&[], &[(0.51, 100.0)]);
    world.input(Input::ForceExit { portfolio: LIVE, token: None });
    world.input(Input::WriteOff { token: TOKEN, shares: shares(60.0) });
    assert_eq!(world.position().expect("the rest").exit.shares, shares(40.0));
    is_recovered(&world);
    world.input(Input::WriteOff { token: TOKEN, shares: shares(40.0) });
    assert_eq!(world.position(), None);
    is_recovered(&world);
}

#[test]
fn a_loss_that_is_written_off_trips_what_counts_losses_of_the_day() {
    let mut settings = open_settings();
    settings.limits.day_loss_usdc_max = Usdc::whole(30);
    let mut world = live_with(settings);
    world.input(Input::TakeIn(taken(100.0, 50)));
    world.input(Input::WriteOff { token: TOKEN, shares: shares(70.0) });
    let said = world.said();
    assert!(said.contains("written off") && said.contains(Breaker::DailyLoss.code()), "{said}");
}

/// Binds: not_known, not_positive, other_mode, worth_too_much, too_much, nothing_held, on_sale.
#[test]
fn what_cannot_be_done_is_declined_and_changes_nothing() {
    let check = |input: Input, reason: Declined, numbers: Numbers| {
        let mut world = live_with(open_settings());
        world.input(Input::TakeIn(taken(100.0, 50)));
        let before = (money(&world), world.engine.state_hash());
        world.said();
        world.input(input);
        let (_, event) = world.log[0];
        assert!(
            matches!(event, Event::Declined { reason: found, numbers: with, .. } if (found, with) == (reason, numbers)),
            "{input:?}: {event:?}"
        );
        assert_eq!(before, (money(&world), world.engine.state_hash()));
    };
    let take = |change: fn(&mut TakenIn)| {
        let mut wanted = taken(10.0, 5);
        change(&mut wanted);
        Input::TakeIn(wanted)
    };
    let numbers = |limit: u64, actual: i64| Numbers { limit: limit as i64, actual };
    let none = Numbers::NONE;
    check(take(|taken| taken.portfolio = PortfolioId(9)), Declined::NotKnown, none);
    check(take(|taken| taken.leader = LeaderId(LEADERS_MAX as u32)), Declined::NotKnown, none);
    check(take(|taken| taken.token = TokenId(7)), Declined::NotKnown, none);
    check(take(|taken| taken.portfolio = PAPER), Declined::OtherMode, none);
    check(take(|taken| taken.shares = Shares::ZERO), Declined::NotPositive, numbers(0, 0));
    let most = SHARES_MAX.0;
    check(take(|taken| taken.shares = Shares(SHARES_MAX.0 + 1)), Declined::TooMuch, numbers(most, most as i64 + 1));
    check(take(|taken| taken.cost = Usdc(-1)), Declined::WorthTooMuch, numbers(10_000_000, -1));
    check(take(|taken| taken.cost = Usdc(10_000_001)), Declined::WorthTooMuch, numbers(10_000_000, 10_000_001));
    let room = DEPOSITS_MAX.0 as u64 - 1_050_000_000;
    let all = |taken: &mut TakenIn| (taken.shares, taken.cost) = (SHARES_MAX, Usdc(SHARES_MAX.0 as i64));
    check(take(all), Declined::TooMuch, numbers(room, most as i64));
    check(Input::WriteOff { token: TOKEN, shares: Shares::ZERO }, Declined::NotPositive, numbers(0, 0));
    let more = Shares(100_000_001);
    check(Input::WriteOff { token: TOKEN, shares: more }, Declined::OnSale, numbers(100_000_000, 100_000_001));
    // On sale: not free.
    let mut world = live_with(open_settings());
    world.input(Input::WriteOff { token: TOKEN, shares: shares(1.0) });
    assert_eq!(world.said(), format!("declined {}", Declined::NothingHeld.code()));
    world.input(Input::TakeIn(taken(100.0, 50)));
    world.input(Input::ForceExit { portfolio: LIVE, token: None });
    world.said();
    world.input(Input::WriteOff { token: TOKEN, shares: shares(1.0) });
    assert_eq!(world.said(), format!("declined {}", Declined::OnSale.code()));
}

/// Binds: no_room.
#[test]
fn a_full_table_takes_no_more_in() {
    let mut world = live_with(open_settings());
    for id in 1..=POSITIONS_MAX as u32 {
        world.engine.install_token(TokenId(id));
    }
    for id in 0..POSITIONS_MAX as u32 {
        world.input(Input::TakeIn(TakenIn { token: TokenId(id), ..taken(1.0, 0) }));
    }
    world.said();
    world.input(Input::TakeIn(TakenIn { token: TokenId(POSITIONS_MAX as u32), ..taken(1.0, 0) }));
    assert_eq!(world.said(), format!("declined {}", Declined::NoRoom.code()));
    // There is room for more of what is held; and a leader more than can be counted is refused, too.
    world.input(Input::TakeIn(taken(1.0, 0)));
    assert_eq!(world.said(), "taken in 1 for $0");
    const { assert!(POSITIONS_MAX < DEALINGS_MAX) };
}

#[test]
fn only_what_is_free_and_live_is_written_off() {
    let mut world = live_with(open_settings());
    world.input(Input::SwitchPaper { to: PaperSwitch::On });
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(3));
    let of = |world: &World, portfolio| {
        let ours = world.engine.positions().iter().filter(|position| position.portfolio == portfolio);
        ours.fold(Shares::ZERO, |sum, position| sum + position.shares)
    };
    let (paper, live) = (of(&world, PAPER), of(&world, LIVE));
    assert!(paper > Shares::ZERO && live > Shares::ZERO);
    world.input(Input::WriteOff { token: TOKEN, shares: live });
    assert_eq!((of(&world, PAPER), of(&world, LIVE)), (paper, Shares::ZERO));
    let found = world.all.iter().find_map(|(_, event)| match event {
        Event::WrittenOff(WrittenOff { portfolio, .. }) => Some(*portfolio),
        _of_something_else => None,
    });
    assert_eq!(found, Some(LIVE));
}
