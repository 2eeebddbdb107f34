//! For random settings, books and trades: what is ordered is inside every cap and bound, on the grid, and taken by the venue.

use proptest::prelude::*;

use super::*;
use crate::{
    domain::{
        FeeSchedule, Generation, Millis, SizeRule, Tick,
        input::Best,
        money::{ONE, SHARES_MAX},
        settings::{BelowMinimum, Guard, TIERS_MAX, Tier},
    },
    engine::book::Ladders,
    sim::{
        exchange::{Exchange, Funds, Kind, NewOrder, OrderId, Reject, Rules, Settings as ExchangeSettings},
        message::Outcome,
    },
    venue::polymarket::amounts::{Amounts, market_buy, market_sell},
};

const NOW: Nanos = Nanos::from_secs(1_000);

fn price(micros: u32) -> Price {
    Price::from_micros(micros).expect("a price")
}

fn a_book(levels: &[(Side, Price, Shares)]) -> Book {
    let (mut ladders, mut book) = (Ladders::new(1, 1), Book::default());
    ladders.make();
    book.begin(Millis(1));
    for (side, price, size) in levels {
        assert!(ladders.lend(&mut book, *price));
        book.set(NOW, *side, *price, *size);
    }
    book.end(NOW, Millis(1), Best::Unstated);
    book
}

fn situation<'a>(settings: &'a Settings, market: &'a Market, book: &'a Book) -> Situation<'a> {
    Situation {
        settings,
        market,
        book,
        now: NOW,
        traded_at: NOW,
        price: price(500_000),
        shares: Shares::whole(200),
        counted: Shares::whole(200),
        part_ppm: ONE as u32,
        role: Role::Taker,
        ordered: Usdc::ZERO,
        waiting: Usdc::ZERO,
        carried: Usdc::ZERO,
        reference: price(500_000),
        entries: 0,
        equity: Usdc::whole(1_000),
        probability: None,
        confidence_ppm: None,
        worth: None,
    }
}

/// A leader's 100 dollars at 0.50 under a rule and tiers; the limit is 0.51.
fn check_rule(narrow: impl FnOnce(&mut Settings, &mut Situation<'_>), expected: Result<i64, Skip>) {
    let (market, book) = (Market::COMMON, Book::default());
    let (mut settings, open) = (Settings::OPEN, Settings::OPEN);
    let mut s = situation(&open, &market, &book);
    narrow(&mut settings, &mut s);
    let s = Situation { settings: &settings, ..s };
    let found = size::sizes(&s, price(510_000)).map(|sizes| sizes.total.0).map_err(|(skip, _)| skip);
    assert_eq!(found, expected, "{:?}", settings.sizing);
}

#[test]
fn each_rule_says_what_its_formula_says() {
    let dollars = Usdc::whole;
    let worth = |capital, exposure| Some(Worth { capital: dollars(capital), exposure: Some(dollars(exposure)) });
    let check = |rule, narrow: &dyn Fn(&mut Situation<'_>), expected| {
        check_rule(
            |settings, s| {
                settings.sizing.rule = rule;
                narrow(s);
            },
            expected,
        );
    };
    let nothing: &dyn Fn(&mut Situation<'_>) = &|_| ();
    check(SizeRule::Fixed(dollars(50)), nothing, Ok(50_000_000));
    check(SizeRule::Percent(333_333), nothing, Ok(33_333_300));
    check(SizeRule::Percent(333_333), &|s| s.part_ppm = 500_000, Ok(16_666_650));
    check(SizeRule::Percent(333_333), &|s| s.counted = Shares::whole(100), Ok(16_666_650));

    // 1,000 x 100 / 7,000 = 14.285714...
    check(SizeRule::Mirror(1_000_000), &|s| s.worth = worth(7_000, 0), Ok(14_285_714));
    check(SizeRule::Mirror(2_000_000), &|s| s.worth = worth(7_000, 0), Ok(28_571_428));
    check(SizeRule::Mirror(1_000_000), nothing, Err(Skip::LeaderWorthUnknown));
    check(SizeRule::Mirror(1_000_000), &|s| s.worth = worth(0, 0), Err(Skip::LeaderWorthUnknown));

    let adaptive = |small, large| SizeRule::Adaptive {
        small: dollars(small),
        small_ppm: 400_000,
        large: dollars(large),
        large_ppm: 100_000,
    };
    check(adaptive(100, 200), nothing, Ok(40_000_000));
    check(adaptive(50, 100), nothing, Ok(10_000_000));
    check(adaptive(50, 200), nothing, Ok(30_000_000)); // A third of the way down.
    check(adaptive(100, 100), nothing, Ok(40_000_000));

    check(SizeRule::Budget(dollars(500)), &|s| s.worth = worth(0, 3_000), Ok(16_666_666));
    check(SizeRule::Budget(dollars(500)), &|s| s.worth = worth(0, 10), Ok(500_000_000));
    check(SizeRule::Budget(dollars(500)), nothing, Err(Skip::LeaderWorthUnknown));

    let thinks = |ppm| move |s: &mut Situation<'_>| s.probability = Some(Probability { ppm, at: NOW });
    // (0.755 - 0.51) / 0.49 = a half of 1,000; a quarter of that.
    check(SizeRule::Kelly(250_000), &thinks(755_000), Ok(125_000_000));
    check(SizeRule::Kelly(250_000), &thinks(510_000), Err(Skip::NoEdge));
    check(SizeRule::Kelly(250_000), nothing, Err(Skip::ProbabilityUnknown));
    let edge = SizeRule::Edge { full: dollars(50), edge_ppm: 50_000 };
    check(edge, &thinks(530_000), Ok(20_000_000));
    check(edge, &thinks(560_000), Ok(50_000_000));
    check(edge, &thinks(900_000), Ok(50_000_000));
    check(edge, &thinks(100_000), Err(Skip::NoEdge));
    check(SizeRule::Conviction { full: dollars(50) }, &|s| s.confidence_ppm = Some(600_000), Ok(30_000_000));
    check(SizeRule::Conviction { full: dollars(50) }, nothing, Err(Skip::ScoreTooLow));
}

#[test]
fn a_tier_begins_at_its_dollars_and_lasts_to_the_next() {
    let tier = |from, factor_ppm| Tier { from: Usdc::whole(from), factor_ppm };
    let check = |used: &[Tier], expected: i64| {
        let mut tiers = [Tier::UNUSED; TIERS_MAX];
        tiers[..used.len()].copy_from_slice(used);
        check_rule(|settings, _| settings.sizing.tiers = tiers, Ok(expected * ONE as i64));
    };
    check(&[], 50);
    check(&[tier(0, 500_000)], 25);
    check(&[tier(0, 500_000), tier(100, 3_000_000)], 150);
    check(&[tier(0, 500_000), tier(101, 3_000_000)], 25);
    check(&[tier(101, 3_000_000)], 50);
}

#[test]
fn old_thoughts_are_none() {
    let check = |age_ms: u64, expected: Result<i64, Skip>| {
        check_rule(
            |settings, s| {
                settings.filter.probability_age_max = Nanos::from_millis(500);
                settings.sizing.rule = SizeRule::Edge { full: Usdc::whole(50), edge_ppm: 10_000 };
                let at = Nanos(NOW.0 - Nanos::from_millis(age_ms).0);
                s.probability = Some(Probability { ppm: 600_000, at });
            },
            expected,
        );
    };
    check(500, Ok(50_000_000));
    check(501, Err(Skip::ProbabilityUnknown));
}

/// A sale of 100 shares against a bid of 0.49 for 50 shares and one of 0.48 for 500; the leader sold at 0.50.
fn check_sale(narrow: impl FnOnce(&mut Guard), expected: Result<(u32, u64), Skip>) {
    let mut guard = Guard { price_guard_ppm: 50_000, slippage_ppm: 50_000, ..Guard::OPEN };
    narrow(&mut guard);
    let levels = [(Side::Buy, 490_000, 50), (Side::Buy, 480_000, 500), (Side::Sell, 520_000, 100)];
    let book = a_book(&levels.map(|(side, at, count)| (side, price(at), Shares::whole(count))));
    let now = NOW.plus(Nanos::from_secs(2));
    let (market, reference) = (Market::COMMON, Some(price(500_000)));
    let sale = Sale { guard: &guard, market: &market, book: &book, now, reference, shares: Shares::whole(100) };
    let bid = book.best_bid().expect("a bid");
    let found = sell_bound(&sale, bid).and_then(|limit| Ok((limit.micros(), sell_shares(&sale, limit)?.0 / ONE)));
    assert_eq!(found.map_err(|(skip, _)| skip), expected, "{guard:?}");
}

#[test]
fn each_guard_of_a_sale_binds() {
    check_sale(|_| (), Ok((480_000, 100))); // 0.475 from the leader's price, 0.4655 from the bid; ceiled to the grid.
    check_sale(|g| g.price_guard_ppm = 1_000_000, Ok((470_000, 100)));
    // Only what is bid for within the bound is sold.
    check_sale(|g| g.slippage_ppm = 0, Ok((490_000, 50)));
    check_sale(|g| g.price_guard_ppm = 0, Ok((490_000, 50))); // Never less than a tick.
    check_sale(|g| g.depth_ppm_max = 100_000, Ok((480_000, 55)));
    check_sale(|g| g.depth_ppm_max = 5_000, Err(Skip::DepthTooThin));
    check_sale(|g| g.depth_factor_ppm_min = 5_500_000, Ok((480_000, 100)));
    check_sale(|g| g.depth_factor_ppm_min = 5_500_001, Err(Skip::DepthTooThin));
    check_sale(|g| g.depth_age_min = Nanos::from_secs(2), Ok((480_000, 100)));
    check_sale(|g| g.depth_age_min = Nanos::from_millis(2_001), Err(Skip::DepthTooThin));
    check_sale(|g| g.spread_max = 30_000, Ok((480_000, 100)));
    check_sale(|g| g.spread_max = 29_999, Err(Skip::SpreadTooWide));
    check_sale(|g| g.book_age_max = Nanos::from_secs(2), Ok((480_000, 100)));
    check_sale(|g| g.book_age_max = Nanos::from_millis(1_999), Err(Skip::BookStale));
}

#[test]
fn a_sale_is_not_made_far_below_the_leaders_price_nor_off_the_grid() {
    let check = |bid: u32, tick: u32, reference: Option<u32>, expected: Result<u32, Skip>| {
        let book = a_book(&[(Side::Buy, price(bid), Shares::whole(100))]);
        let guard = Guard { price_guard_ppm: 20_000, slippage_ppm: 1_000, ..Guard::OPEN };
        let market = Market { tick: Tick::from_micros(tick).expect("a tick"), ..Market::COMMON };
        let (reference, shares) = (reference.map(price), Shares::whole(10));
        let sale = Sale { guard: &guard, market: &market, book: &book, now: NOW, reference, shares };
        let found = sell_bound(&sale, price(bid)).map(Price::micros).map_err(|(skip, _)| skip);
        assert_eq!(found, expected, "bid {bid}, tick {tick}, {reference:?}");
    };
    check(490_000, 10_000, Some(500_000), Ok(490_000));
    check(480_000, 10_000, Some(500_000), Err(Skip::PriceMoved));
    check(480_000, 10_000, None, Ok(480_000));
    // An odd lot of a finer grid: the next price of the grid is above it.
    check(495_000, 10_000, None, Err(Skip::RoundingBreaksBound));
    check(495_000, 1_000, None, Ok(495_000));
}

/// What a random case is made of.
#[derive(Clone, Debug)]
struct Case {
    settings: Settings,
    market: Market,
    levels: Vec<(Side, Price, Shares)>,
    leader: (Price, Shares),
    had: (i64, i64, i64),
    equity: Usdc,
    known: (Option<Probability>, Option<u32>, Option<Worth>),
}

fn any_rule() -> impl Strategy<Value = SizeRule> {
    let usdc = || prop_oneof![0i64..2_000_000_000, any::<i64>().prop_map(|n| n.saturating_abs())].prop_map(Usdc);
    prop_oneof![
        usdc().prop_map(SizeRule::Fixed),
        any::<u32>().prop_map(SizeRule::Percent),
        any::<u32>().prop_map(SizeRule::Mirror),
        (usdc(), any::<u32>(), usdc(), any::<u32>()).prop_map(|(small, small_ppm, large, large_ppm)| {
            SizeRule::Adaptive { small, small_ppm, large, large_ppm }
        }),
        usdc().prop_map(SizeRule::Budget),
        (0u32..1_000_001).prop_map(SizeRule::Kelly),
        (usdc(), any::<u32>()).prop_map(|(full, edge_ppm)| SizeRule::Edge { full, edge_ppm }),
        usdc().prop_map(|full| SizeRule::Conviction { full }),
    ]
}

fn any_settings() -> impl Strategy<Value = Settings> {
    let guards = (0u32..1_000_001, 0u32..1_000_001, 0u32..5_000_000, 1u32..1_000_001);
    let sizing = (any_rule(), 1_000_000i64..5_000_000, 1_000_000i64..2_000_000_000, 1u32..1_000_001, any::<bool>());
    let tiers = (0i64..200_000_000, any::<u32>());
    (guards, sizing, tiers).prop_map(|(guards, sizing, tier)| {
        let mut settings = Settings::OPEN;
        let (price_guard_ppm, slippage_ppm, depth_factor_ppm_min, depth_ppm_max) = guards;
        settings.guards.buy =
            Guard { price_guard_ppm, slippage_ppm, depth_factor_ppm_min, depth_ppm_max, ..Guard::OPEN };
        let (rule, min, max, bankroll_ppm_max, raises) = sizing;
        (settings.sizing.rule, settings.sizing.bankroll_ppm_max) = (rule, bankroll_ppm_max);
        (settings.sizing.order_usdc_min, settings.sizing.order_usdc_max) = (Usdc(min), Usdc(max));
        settings.sizing.below_minimum = if raises { BelowMinimum::Raise } else { BelowMinimum::Skip };
        settings.sizing.tiers[0] = Tier { from: Usdc(tier.0), factor_ppm: tier.1 };
        settings
    })
}

fn any_case() -> impl Strategy<Value = Case> {
    let tick = prop::sample::select(Tick::KNOWN.to_vec());
    let leader = (1u32..1_000_000, prop_oneof![1u64..2_000_000_000, any::<u64>()]);
    let levels = prop::collection::vec((any::<bool>(), 1u32..10_000, 0u64..2_000_000_000), 1..12);
    let had = prop_oneof![Just((0, 0, 0)), (0i64..50_000_000, 0i64..50_000_000, 0i64..50_000_000)];
    let equity = prop_oneof![0i64..5_000_000_000, any::<i64>()].prop_map(Usdc);
    let worth = (any::<i64>(), prop::option::of(any::<i64>()))
        .prop_map(|(capital, exposure)| Worth { capital: Usdc(capital), exposure: exposure.map(Usdc) });
    let probability = (0u32..1_000_001).prop_map(|ppm| Probability { ppm, at: NOW });
    let known = (prop::option::of(probability), prop::option::of(any::<u32>()), prop::option::of(worth));
    (any_settings(), tick, 0u64..20, leader, levels, had, equity, known).prop_map(
        |(settings, tick, minimum, (at, count), levels, had, equity, known)| {
            let market = Market { tick, minimum: Shares::whole(minimum), ..Market::COMMON };
            // Bids below the half, asks above: a book that is not crossed.
            let level = |(is_bid, at, size): (bool, u32, u64)| {
                let half = at % 5_000 * 100;
                let (side, micros) = if is_bid { (Side::Buy, half) } else { (Side::Sell, 500_000 + half) };
                Some((side, tick.floor(Price::from_micros(micros)?)?, Shares(size)))
            };
            let levels = levels.into_iter().filter_map(level).collect();
            Case { settings, market, levels, leader: (price(at), Shares(count)), had, equity, known }
        },
    )
}

/// Returns what the exchange says to these amounts, with enough on the other side at the limit.
fn told(tick: Tick, side: Side, limit: Price, amounts: Amounts, minimum: Shares) -> Result<(), Reject> {
    let mut exchange = Exchange::new(ExchangeSettings::default());
    let (fee, hold) = (FeeSchedule::NONE, Nanos::ZERO);
    let rules = Rules { tick, minimum, fee, hold, generation: Generation::V2, neg_risk: false };
    let market = exchange.open_market(rules);
    let [house, us] = [(); 2].map(|()| exchange.open_account(Funds::Endless));
    let other = if side == Side::Buy { Side::Sell } else { Side::Buy };
    exchange.quote(NOW, house, market, other, limit, Shares(SHARES_MAX.0 / 2));
    let (maker_amount, taker_amount) = (amounts.maker, amounts.taker);
    let (id, outcome, kind) = (OrderId([7; 32]), Outcome::Yes, Kind::Fak);
    let order = NewOrder { id, account: us, market, outcome, side, maker_amount, taker_amount, kind, post_only: false };
    exchange.place(NOW, order).map(|_| ())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, max_global_rejects: 100_000, ..ProptestConfig::default() })]
    /// Also at the edges of what the numbers can be: nothing panics.
    #[test]
    fn a_buy_is_inside_every_cap_and_bound_and_the_venue_takes_it(case in any_case()) {
        let book = a_book(&case.levels);
        let settings = &case.settings;
        let (probability, confidence_ppm, worth) = case.known;
        let (leader, count) = case.leader;
        let (ordered, waiting, carried) = (Usdc(case.had.0), Usdc(case.had.1), Usdc(case.had.2.max(case.had.1)));
        let s = Situation {
            price: leader, reference: leader, shares: count, counted: count, ordered, waiting, carried,
            equity: case.equity, probability, confidence_ppm, worth,
            ..situation(settings, &case.market, &book)
        };
        let found = entry(&s);
        prop_assume!(found.is_ok());
        let intent = found.expect("assumed");
        let Intent { limit, budget, touch, budget_min, shares, .. } = intent;
        let guard = &settings.guards.buy;

        // Price: on the grid, between the ask and both bounds.
        prop_assert!(case.market.tick.holds(limit) && touch <= limit && Some(touch) == book.best_ask());
        let tick = case.market.tick.micros();
        let guarded = i64::from(leader.micros()) + i64::from(leader.part(guard.price_guard_ppm).max(tick));
        let slipped = i64::from(touch.micros()) + i64::from(touch.part(guard.slippage_ppm));
        prop_assert!(i64::from(limit.micros()) <= guarded.min(slipped));

        // Size: whole cents, from the minimum up to each cap, from which even a raise is not free.
        prop_assert_eq!(budget, budget.floor_cents());
        prop_assert!(Usdc::whole(1) <= budget_min && budget_min <= budget);
        prop_assert!(budget <= settings.sizing.order_usdc_max);
        let of_equity = i128::from(case.equity.0.max(0)) * i128::from(settings.sizing.bankroll_ppm_max);
        let is_asked = u64::from(settings.sizing.bankroll_ppm_max) < ONE;
        prop_assert!(!is_asked || i128::from(budget.0) * i128::from(ONE) <= of_equity);
        let depth: i128 = book.asks_up().filter(|(at, _)| *at <= limit)
            .map(|(at, size)| i128::from(at.cost_ceil(size).0)).sum();
        prop_assert!(i128::from(budget.0) * i128::from(ONE) <= depth * i128::from(guard.depth_ppm_max));
        prop_assert!(i128::from(budget.0) * i128::from(guard.depth_factor_ppm_min) < (depth + 1) * i128::from(ONE));
        let sizes = size::sizes(&s, limit).expect("it was sized");
        let is_raised = settings.sizing.below_minimum == BelowMinimum::Raise && budget == budget_min;
        prop_assert!(is_raised || ordered + budget <= sizes.total + carried - waiting);
        prop_assert!(sizes.total <= sizes.capped && sizes.capped <= sizes.copied && sizes.copied <= sizes.tiered);

        // The venue takes it: decimals, grid, minimum.
        let amounts = market_buy(case.market.tick, limit, budget).expect("amounts");
        prop_assert!(case.market.minimum <= shares && shares.0 <= amounts.taker);
        if budget < Usdc::whole(100_000_000) {
            prop_assert_eq!(told(case.market.tick, Side::Buy, limit, amounts, case.market.minimum), Ok(()));
        }
    }

    #[test]
    fn a_second_attempt_is_never_dearer_nor_larger(
        case in any_case(), again in any_case(), limit in 1u32..1_000_000, budget in 100i64..100_000,
    ) {
        let book = a_book(&again.levels);
        let market = Market { tick: again.market.tick, ..case.market };
        let s = Situation { reference: case.leader.0, ..situation(&case.settings, &market, &book) };
        let mut first = crate::engine::order::tests::submitted(1, Side::Buy);
        (first.limit, first.budget) = (price(limit), Usdc(budget * 10_000));
        let found = policy::again(&s, &first);
        prop_assume!(found.is_ok());
        let intent = found.expect("assumed");
        prop_assert!(intent.limit <= first.limit && intent.budget <= first.budget);
        prop_assert!(market.tick.holds(intent.limit) && Some(intent.touch) == book.best_ask());
        prop_assert!(intent.touch <= intent.limit && intent.budget_min <= intent.budget);
    }

    #[test]
    fn a_sale_is_inside_its_bounds_and_the_venue_takes_it(case in any_case(), has_reference in any::<bool>()) {
        let book = a_book(&case.levels);
        let (guard, now) = (&case.settings.guards.buy, NOW);
        let reference = has_reference.then_some(case.leader.0);
        let sale = Sale { guard, market: &case.market, book: &book, now, reference, shares: case.leader.1 };
        let bound = book.best_bid().and_then(|bid| Some((bid, sell_bound(&sale, bid).ok()?)));
        let sold = bound.and_then(|(_, limit)| sell_shares(&sale, limit).ok());
        prop_assume!(sold.is_some());
        let ((bid, limit), shares) = bound.zip(sold).expect("assumed");
        prop_assert!(case.market.tick.holds(limit) && limit <= bid);
        prop_assert!(bid.micros() - bid.part(guard.slippage_ppm) <= limit.micros());
        if let Some(reference) = reference {
            let worst = reference.part(guard.price_guard_ppm).max(case.market.tick.micros());
            prop_assert!(reference.micros().saturating_sub(worst) <= limit.micros());
        }
        let depth: u128 = book.bids_down().filter(|(at, _)| limit <= *at).map(|(_, size)| u128::from(size.0)).sum();
        prop_assert!(shares <= case.leader.1 && case.market.minimum <= shares);
        prop_assert!(u128::from(shares.0) * u128::from(ONE) <= depth * u128::from(guard.depth_ppm_max));
        let amounts = market_sell(case.market.tick, limit, shares).expect("amounts");
        prop_assert_eq!(told(case.market.tick, Side::Sell, limit, amounts, case.market.minimum), Ok(()));
    }

    /// More of what a rule goes by is never less of a size.
    #[test]
    fn sizes_grow_with_what_they_go_by(
        rule in any_rule(), count in 0u64..2_000_000_000, more in 0u64..2_000_000_000,
        equity in 0i64..1_000_000_000, ppm in 0u32..1_000_001, up in 0u32..1_000_001,
    ) {
        let (market, book) = (Market::COMMON, Book::default());
        let mut settings = Settings::OPEN;
        settings.sizing.rule = rule;
        let worth = Some(Worth { capital: Usdc::whole(5_000), exposure: Some(Usdc::whole(900)) });
        let thinks = |ppm: u32| Some(Probability { ppm: ppm.min(ONE as u32), at: NOW });
        let base = Situation {
            counted: Shares(count), equity: Usdc(equity), worth, probability: thinks(ppm), confidence_ppm: Some(ppm),
            ..situation(&settings, &market, &book)
        };
        let total = |s: &Situation<'_>| size::sizes(s, price(510_000)).map_or(Usdc::ZERO, |sizes| sizes.rule);
        let before = total(&base);
        // An adaptive share falls as the trade grows, so only there may a larger trade be a smaller copy.
        if !matches!(rule, SizeRule::Adaptive { .. }) {
            let larger = Situation { counted: Shares(count + more), ..base };
            prop_assert!(before <= total(&larger));
        }
        let richer = Situation { equity: Usdc(equity + more as i64), ..base };
        prop_assert!(before <= total(&richer));
        let sure = Situation { probability: thinks(ppm.saturating_add(up)), confidence_ppm: Some(ppm + up), ..base };
        prop_assert!(before <= total(&sure));
    }
}
