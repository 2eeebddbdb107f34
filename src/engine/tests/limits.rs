//! Risk: each limit where it refuses, beside the same story where it does not; and the sums that limits are measured by.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::domain::{ConditionId, Numbers, Refusal, VenueEventId, settings::Limits};

pub const BO: LeaderId = LeaderId(1);
/// The other outcome of [`TOKEN`]'s market, another market of its event, and a token of which nothing is known.
pub const OTHER_SIDE: TokenId = TokenId(1);
pub const SAME_EVENT: TokenId = TokenId(2);
pub const STRANGER: TokenId = TokenId(3);

const MARKETS: [(u32, u32); 4] = [(1, 1), (1, 1), (2, 1), (0, 0)];

fn market(condition: u32, venue_event: u32) -> Market {
    Market { condition: ConditionId(condition), venue_event: VenueEventId(venue_event), ..Market::COMMON }
}

/// Tokens that belong together and one that does not, all with liquid books; one portfolio that follows two leaders.
pub fn four_tokens(settings: Settings) -> World {
    let mut world = World::new(settings);
    world.engine.follow(BO, PAPER);
    for (index, (condition, venue_event)) in MARKETS.into_iter().enumerate() {
        let token = TokenId(index as u32);
        if token != TOKEN {
            world.engine.install_token(token);
        }
        world.input(Input::MarketKnown { token, market: market(condition, venue_event) });
    }
    refresh(&mut world);
    world.said();
    world
}

pub fn refresh(world: &mut World) {
    for token in 0..MARKETS.len() as u32 {
        world.book_of(TokenId(token), &[(0.48, 5_000.0), (0.49, 5_000.0)], &[(0.50, 5_000.0), (0.51, 5_000.0)]);
    }
}

/// A copy of 50 dollars, if nothing forbids it.
pub fn buy(world: &mut World, leader: LeaderId, token: TokenId) {
    world.trade(leader, token, Side::Buy, 0.50, 200.0);
}

fn numbers(world: &World) -> Option<Numbers> {
    world.log.iter().rev().find_map(|(_, event)| match event {
        Event::Refused { numbers, .. } => Some(*numbers),
        _ => None,
    })
}

/// After a first copy (50 dollars, leader 0, `TOKEN`) a second one `bound` is refused one millionth below 100 dollars and
/// ordered at 100; one that is `free` of the limit is ordered in both cases.
fn check(
    limit: fn(&mut Limits) -> &mut Usdc,
    reason: Refusal,
    bound: (LeaderId, TokenId),
    free: Option<(LeaderId, TokenId)>,
) {
    let story = |most: i64, second: (LeaderId, TokenId)| {
        let mut settings = open_settings();
        *limit(&mut settings.limits) = Usdc(most);
        let mut world = four_tokens(settings);
        buy(&mut world, LEADER, TOKEN);
        buy(&mut world, second.0, second.1);
        let numbers = numbers(&world);
        (world.said(), numbers)
    };
    let copied = "buy $50 @ 0.51; buy $50 @ 0.51";
    let refused = format!("buy $50 @ 0.51; refused {}", reason.code());
    let numbers = Some(Numbers { limit: 99_999_999, actual: 100_000_000 });
    assert_eq!(story(99_999_999, bound), (refused, numbers));
    assert_eq!(story(100_000_000, bound), (copied.to_owned(), None), "{reason:?}");
    if let Some(free) = free {
        assert_eq!(story(99_999_999, free), (copied.to_owned(), None), "{reason:?}");
    }
}

#[test]
fn what_is_used_of_each_limit_is_what_risk_would_compare() {
    let mut settings = open_settings();
    settings.limits.exposure_usdc_max = Usdc::whole(500);
    settings.limits.day_usdc_max = Usdc::whole(400);
    settings.limits.orders_per_minute_max = 10;
    let mut world = four_tokens(settings);
    buy(&mut world, LEADER, TOKEN);
    buy(&mut world, BO, SAME_EVENT);
    let uses = world.engine.uses(world.now, PAPER).into_iter().filter_map(|(limit, numbers)| Some((limit, numbers?)));
    let of = |limit: i64, actual: i64| Numbers { limit, actual };
    let expected = [
        (Refusal::TotalExposure, of(500_000_000, 100_000_000)),
        (Refusal::DailyBudget, of(400_000_000, 100_000_000)),
        (Refusal::OrdersPerMinute, of(10, 2)),
    ];
    assert_eq!(uses.collect::<Vec<_>>(), expected);
}

#[test]
fn each_limit_on_what_is_at_stake_binds() {
    check(|l| &mut l.position_usdc_max, Refusal::PositionSize, (BO, TOKEN), Some((BO, OTHER_SIDE)));
    check(|l| &mut l.exposure_usdc_max, Refusal::TotalExposure, (BO, STRANGER), None);
    check(|l| &mut l.market_usdc_max, Refusal::MarketExposure, (BO, OTHER_SIDE), Some((BO, SAME_EVENT)));
    check(|l| &mut l.event_usdc_max, Refusal::EventExposure, (BO, SAME_EVENT), Some((BO, STRANGER)));
    check(|l| &mut l.leader_usdc_max, Refusal::LeaderExposure, (LEADER, STRANGER), Some((BO, TOKEN)));
}

#[test]
fn each_budget_of_a_day_binds() {
    check(|l| &mut l.day_usdc_max, Refusal::DailyBudget, (BO, STRANGER), None);
    check(|l| &mut l.leader_day_usdc_max, Refusal::LeaderDailyBudget, (LEADER, STRANGER), Some((BO, STRANGER)));
}

#[test]
fn limits_are_asked_in_their_order() {
    type Narrow = fn(&mut Limits);
    let all: [(Narrow, &str); 7] = [
        (|l| l.position_usdc_max = Usdc::ZERO, "position_size"),
        (|l| l.exposure_usdc_max = Usdc::ZERO, "total_exposure"),
        (|l| l.market_usdc_max = Usdc::ZERO, "market_exposure"),
        (|l| l.event_usdc_max = Usdc::ZERO, "event_exposure"),
        (|l| l.leader_usdc_max = Usdc::ZERO, "leader_exposure"),
        (|l| l.day_usdc_max = Usdc::ZERO, "daily_budget"),
        (|l| l.leader_day_usdc_max = Usdc::ZERO, "leader_daily_budget"),
    ];
    for from in 0..all.len() {
        let mut settings = open_settings();
        all[from..].iter().for_each(|(narrow, _)| narrow(&mut settings.limits));
        let mut world = four_tokens(settings);
        buy(&mut world, LEADER, TOKEN);
        assert_eq!(world.said(), format!("refused {}", all[from].1));
    }
}

/// The example of the RFP: a bot said "locked $192.13 of $197.39" and refused a $15 order for its exposure. What is true:
/// the order does not fit into what is available, whatever the equity.
#[test]
fn what_is_locked_is_not_available() {
    let mut settings = sized(SizeRule::Fixed(Usdc(150_000_000)));
    let mut world = four_tokens(settings);
    let locked = |world: &World| world.engine.portfolios()[0].ledger.locked();
    world.engine.fund(world.now, PAPER, Usdc(197_390_000), &mut Events::default());
    world.trade(LEADER, TOKEN, Side::Buy, 0.50, 2_000.0);
    world.wait(Nanos::from_secs(1));
    settings.sizing.rule = SizeRule::Fixed(Usdc(42_130_000));
    world.engine.configure(world.now, PAPER, &settings, &mut Events::default());
    world.trade(LEADER, STRANGER, Side::Buy, 0.50, 2_000.0);
    let ledger = world.engine.portfolios()[0].ledger;
    let amounts = [ledger::Account::Deployed, ledger::Account::Reserved, ledger::Account::Available];
    assert_eq!(amounts.map(|account| ledger.balance(account)), [Usdc::whole(150), Usdc(42_130_000), Usdc(5_260_000)]);
    assert_eq!((locked(&world), ledger.held()), (Usdc(192_130_000), Usdc(197_390_000)));

    // Fifteen dollars or nothing: lowering the copy to what is there is what the strategy does not want.
    (settings.sizing.rule, settings.sizing.order_usdc_min) = (SizeRule::Fixed(Usdc::whole(15)), Usdc::whole(15));
    // Equity leaves room for it, so this limit is not what forbids it.
    settings.limits.exposure_usdc_max = Usdc(207_130_000);
    world.engine.configure(world.now, PAPER, &settings, &mut Events::default());
    world.said();
    buy(&mut world, BO, SAME_EVENT);
    assert_eq!(numbers(&world), Some(Numbers { limit: 5_260_000, actual: 15_000_000 }));
    assert_eq!(world.said(), "refused available_cash");

    // With the cash there, and one cent less of exposure allowed, it is the exposure: locked and this order, 207.13.
    world.input(Input::Deposit { portfolio: PAPER, amount: Usdc::whole(10) });
    settings.limits.exposure_usdc_max = Usdc(207_120_000);
    world.engine.configure(world.now, PAPER, &settings, &mut Events::default());
    world.trade(BO, SAME_EVENT, Side::Buy, 0.50, 201.0);
    assert_eq!(numbers(&world), Some(Numbers { limit: 207_120_000, actual: 207_130_000 }));
    assert_eq!(world.said(), "deposited $10; refused total_exposure");
    world.audit();
}

#[test]
fn orders_of_a_minute_bind_until_it_is_over() {
    let story = |most: u32, wait: u64| {
        let mut settings = open_settings();
        settings.limits.orders_per_minute_max = most;
        let mut world = four_tokens(settings);
        [TOKEN, OTHER_SIDE].into_iter().for_each(|token| buy(&mut world, LEADER, token));
        world.said();
        world.wait(Nanos::from_millis(wait));
        refresh(&mut world);
        world.said();
        buy(&mut world, LEADER, STRANGER);
        world.said()
    };
    assert_eq!(story(2, 59_999), "refused orders_per_minute");
    assert_eq!(story(2, 60_000), "buy $50 @ 0.51");
    assert_eq!(story(3, 0), "buy $50 @ 0.51");
}

/// What the sums should be, from the positions alone.
fn naive(engine: &Engine) -> BTreeMap<(u16, &'static str, u64), i64> {
    let mut sums = BTreeMap::new();
    for position in engine.positions().iter() {
        let market = &engine.token(position.token).market;
        let stake = (position.cost + position.reserved).0;
        let (condition, event) = (u64::from(market.condition.0), u64::from(market.venue_event.0));
        // What is not known is told apart by the token, far from real ids.
        let own = 1 << 40 | u64::from(position.token.0);
        let of_market = if condition == 0 { own } else { condition };
        let of_event = if event == 0 { 1 << 50 | of_market } else { event };
        for (kind, id) in [("market", of_market), ("event", of_event), ("leader", position.leader.0.into())] {
            *sums.entry((position.portfolio.0, kind, id)).or_default() += stake;
        }
    }
    sums
}

fn kept(engine: &Engine) -> BTreeMap<(u16, &'static str, u64), i64> {
    let mut sums = BTreeMap::new();
    for position in engine.positions().iter() {
        let (portfolio, token) = (position.portfolio, position.token);
        let market = &engine.token(token).market;
        let own = 1 << 40 | u64::from(token.0);
        let of_market = if market.condition.0 == 0 { own } else { market.condition.0.into() };
        let of_event = if market.venue_event.0 == 0 { 1 << 50 | of_market } else { market.venue_event.0.into() };
        let stakes = &engine.stakes;
        sums.insert((portfolio.0, "market", of_market), stakes.of(stake::Key::of_market(portfolio, token, market)).0);
        sums.insert((portfolio.0, "event", of_event), stakes.of(stake::Key::of_event(portfolio, token, market)).0);
    }
    for (portfolio, leader, dealing) in engine.dealings.iter().filter(|(.., dealing)| dealing.stake.0 != 0) {
        sums.insert((portfolio.0, "leader", leader.0.into()), dealing.stake.0);
    }
    sums
}

#[derive(Clone, Debug)]
enum Happens {
    Buy(u32, u32, u32),
    Sell(u32, u32, u32),
    Wait(u64),
    /// A token's market turns out to be this one.
    Market(u32, u32, u32),
    Lost(u64),
    Resolved(u32, u32),
}

fn any_happening() -> impl Strategy<Value = Happens> {
    prop_oneof![
        4 => (0u32..2, 0u32..4, 50u32..900).prop_map(|(leader, token, count)| Happens::Buy(leader, token, count)),
        2 => (0u32..2, 0u32..4, 50u32..900).prop_map(|(leader, token, count)| Happens::Sell(leader, token, count)),
        3 => (1u64..9_000).prop_map(Happens::Wait),
        1 => (0u32..4, 0u32..3, 0u32..3).prop_map(|(token, condition, event)| Happens::Market(token, condition, event)),
        1 => (1u64..20).prop_map(Happens::Lost),
        1 => (0u32..40, 0u32..3).prop_map(|(token, payout)| Happens::Resolved(token, payout * 500_000)),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn the_sums_are_those_of_the_positions_and_come_back_from_the_journal(
        story in prop::collection::vec(any_happening(), 1..80),
    ) {
        let settings = sized(SizeRule::Percent(100_000));
        let mut world = four_tokens(settings);
        let fees = crate::domain::FeeSchedule { rate_ppm: 50_000 };
        world.engine.install_portfolio(PortfolioId(1), Mode::Paper, settings);
        world.engine.follow(BO, PortfolioId(1));
        world.log.clear();
        world.input(Input::Deposit { portfolio: PortfolioId(1), amount: Usdc::whole(300) });
        for happening in story {
            match happening {
                Happens::Buy(leader, token, count) => {
                    refresh(&mut world);
                    world.trade(LeaderId(leader), TokenId(token), Side::Buy, 0.50, f64::from(count));
                }
                Happens::Sell(leader, token, count) => {
                    world.trade(LeaderId(leader), TokenId(token), Side::Sell, 0.48, f64::from(count));
                }
                Happens::Wait(ms) => world.wait(Nanos::from_millis(ms)),
                Happens::Market(token, condition, event) => {
                    let market = Market { fees, ..market(condition, event) };
                    world.input(Input::MarketKnown { token: TokenId(token), market });
                }
                Happens::Lost(order) if world.engine.orders().get(OrderId(order)).is_some() => {
                    world.input(Input::Unknown { order: OrderId(order) });
                }
                Happens::Lost(_) => (),
                // Rarely: a resolved token is over for the rest of the story.
                Happens::Resolved(token, payout) if token < 4 => {
                    world.input(Input::Resolved { token: TokenId(token), payout });
                }
                Happens::Resolved(..) => (),
            }
            world.audit();
            let naive: BTreeMap<_, _> = naive(&world.engine);
            let naive_leaders = naive.iter().filter(|(key, sum)| key.1 != "leader" || **sum != 0);
            prop_assert_eq!(kept(&world.engine), naive_leaders.map(|(key, sum)| (*key, *sum)).collect());
            let unknown = world.engine.orders().iter().filter(|order| order.state == crate::domain::OrderState::Unknown);
            let counted: u32 = world.engine.portfolios().iter().map(|portfolio| portfolio.standing.unknown).sum();
            prop_assert_eq!(unknown.count() as u32, counted);
        }
    }
}
