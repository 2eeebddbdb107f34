//! Entries: what is copied, and each no.

use super::*;

/// A liquid book, and a leader who buys 200 shares at 0.50, under settings changed by `narrow`.
fn check(narrow: impl FnOnce(&mut Settings), said: &str) {
    let mut settings = open_settings();
    narrow(&mut settings);
    let mut world = World::new(settings);
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), said);
    world.audit();
}

#[test]
fn a_buy_is_copied_within_the_guard_and_the_slippage() {
    check(|_| (), "buy $50 @ 0.51");
    check(|s| s.sizing.rule = SizeRule::Percent(250_000), "buy $25 @ 0.51");
    check(|s| (s.guards.buy.price_guard_ppm, s.guards.buy.slippage_ppm) = (100_000, 40_000), "buy $50 @ 0.52");
    check(|s| s.sizing.order_usdc_max = Usdc(12_345_678), "buy $12.34 @ 0.51");
}

#[test]
fn each_filter_and_guardrail_binds() {
    let dollars = Usdc::whole;
    check(|s| s.filter.price_min = price(0.51), "skipped price_outside_band");
    check(|s| s.filter.price_max = price(0.49), "skipped price_outside_band");
    check(|s| s.filter.leader_trade_usdc_min = dollars(101), "skipped leader_trade_too_small");
    check(|s| s.filter.leader_trade_usdc_max = dollars(99), "skipped leader_trade_too_large");
    check(|s| s.guards.buy.spread_max = 9_999, "skipped spread_too_wide");
    check(|s| s.guards.buy.depth_ppm_max = 1, "skipped depth_too_thin");
    check(|s| s.guards.buy.depth_factor_ppm_min = 200_000_000, "skipped depth_too_thin");
    check(|s| s.sizing.order_usdc_min = dollars(51), "skipped below_minimum");
    check(|s| s.sizing.rule = SizeRule::Percent(20_000), "skipped below_minimum");
    check(|s| s.guards.buy.depth_ppm_max = 5_000, "buy $25.25 @ 0.51");
}

#[test]
fn each_risk_limit_binds() {
    check(|s| s.limits.position_usdc_max = Usdc(49_999_999), "refused position_size");
    check(|s| s.limits.exposure_usdc_max = Usdc(49_999_999), "refused total_exposure");
    check(
        |s| (s.limits.position_usdc_max, s.limits.exposure_usdc_max) = (Usdc::whole(50), Usdc::whole(50)),
        "buy $50 @ 0.51",
    );
}

#[test]
fn the_book_must_be_there_fresh_and_agree() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.now = world.now.plus(Nanos::from_millis(10_001));
    world.leader(Side::Buy, 0.50, 200.0);
    world.book(&[(0.48, 5_000.0)], &[]);
    world.leader(Side::Buy, 0.50, 201.0);
    world.book(&[], &[(0.50, 5_000.0)]);
    world.leader(Side::Buy, 0.50, 202.0);
    world.input(Input::BookLost { token: TOKEN });
    world.leader(Side::Buy, 0.50, 203.0);
    let said = "deposited $1000; skipped book_stale; skipped no_asks; skipped spread_too_wide; diverged gap; skipped book_diverged";
    assert_eq!(world.said(), said);
}

#[test]
fn a_price_that_ran_away_is_not_chased() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.48, 100.0);
    assert_eq!(world.said(), "skipped price_moved");
    // On a grid of a cent nothing lies between the ask 0.505 (an odd lot of a finer grid) and the bound 0.5059.
    world.now = world.now.plus(Nanos::from_secs(3));
    world.book(&[(0.495, 5_000.0)], &[(0.505, 5_000.0)]);
    world.input(Input::TickChanged { token: TOKEN, tick: Tick::CENT });
    world.leader(Side::Buy, 0.4959, 100.0);
    assert_eq!(world.said(), "skipped rounding_breaks_bound");
}

#[test]
fn an_old_trade_is_not_copied_and_a_future_one_is_not_old() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.said();
    world.leader_late(Side::Buy, 0.50, 200.0, Nanos::from_millis(3_001));
    assert_eq!(world.said(), "skipped too_old");
    world.leader_late(Side::Buy, 0.50, 201.0, Nanos::from_millis(3_000));
    assert_eq!(world.said(), "buy $50 @ 0.51");
}

#[test]
fn the_end_of_a_market_is_left_to_the_leader() {
    let mut settings = open_settings();
    (settings.filter.close_time_min, settings.filter.close_life_ppm_min) = (Nanos::from_secs(300), 200_000);
    let check = |opens: u64, left: u64, said: &str| {
        let mut world = World::new(settings);
        let closes_at = world.now.plus(Nanos::from_secs(left));
        let opens_at = if opens == 0 { Nanos::ZERO } else { Nanos(closes_at.0 - Nanos::from_secs(opens).0) };
        world.input(Input::MarketKnown { token: TOKEN, market: Market { opens_at, closes_at, ..Market::COMMON } });
        liquid(&mut world);
        world.said();
        world.leader(Side::Buy, 0.50, 200.0);
        assert_eq!(world.said(), said, "life {opens} s, {left} s left");
    };
    check(0, 299, "skipped near_close");
    check(0, 300, "buy $50 @ 0.51");
    // A fifth of a five-minute market is a minute.
    check(300, 59, "skipped near_close");
    check(300, 61, "buy $50 @ 0.51");
    check(0, 0, "skipped near_close");
}

#[test]
fn filters_of_markets_and_switches_bind() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    let mut denied = PortfolioSet::EMPTY;
    denied.insert(PAPER);
    world.engine.deny(TOKEN, denied);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    world.engine.deny(TOKEN, PortfolioSet::EMPTY);
    world.input(Input::Resolved { token: TOKEN, payout: 1_000_000 });
    world.leader(Side::Buy, 0.50, 201.0);
    assert_eq!(world.said(), "skipped market_denied; resolved 1000000; skipped market_closed");

    let mut world = World::with(open_settings(), Options { paper: PaperSwitch::Off, ..Options::default() });
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), "skipped paper_off");
}

#[test]
fn the_same_fill_is_copied_once() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    world.trades -= 1;
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), "buy $50 @ 0.51; repeated");
}

/// Binds: group_window_ms.
#[test]
fn fills_of_a_group_are_copied_for_their_sum() {
    let options = Options { group_window: Nanos::from_secs(2), value_every: Nanos::NEVER, ..Options::default() };
    let mut world = World::with(sized(SizeRule::Percent(100_000)), options);
    liquid(&mut world);
    world.said();
    // 10 % of 50, 100, 150, 1,050 dollars: the first three are copied as they come, for the difference.
    for count in [100.0, 100.0, 100.0, 1_800.0] {
        world.leader(Side::Buy, 0.50, count);
    }
    assert_eq!(world.said(), "buy $5 @ 0.51; buy $5 @ 0.51; buy $5 @ 0.51; buy $90 @ 0.51");
    world.wait(Nanos::from_millis(2_001));
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 100.0);
    assert_eq!(world.said(), "buy $5 @ 0.51");
}

#[test]
fn small_fills_of_a_group_add_up_to_the_minimum_and_a_fixed_size_is_ordered_once() {
    let mut world = World::new(sized(SizeRule::Percent(10_000)));
    liquid(&mut world);
    world.said();
    for _ in 0..3 {
        world.leader(Side::Buy, 0.50, 200.0);
    }
    assert_eq!(world.said(), "skipped below_minimum; skipped below_minimum; buy $3 @ 0.51");

    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), "buy $50 @ 0.51; skipped grouped");
}

#[test]
fn an_order_is_lowered_to_the_available_cash_and_refused_below_the_minimum() {
    let mut world = World::new(sized(SizeRule::Fixed(Usdc::whole(700))));
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 2_000.0);
    // 99 % of the 300 left.
    world.now = world.now.plus(Nanos::from_secs(3));
    world.leader(Side::Buy, 0.50, 2_001.0);
    world.now = world.now.plus(Nanos::from_secs(3));
    world.leader(Side::Buy, 0.50, 2_002.0);
    // What is left is $3: 5 shares at 0.51 and 99 % of it still fit; after that nothing does.
    world.now = world.now.plus(Nanos::from_secs(3));
    world.leader(Side::Buy, 0.50, 2_003.0);
    assert_eq!(world.said(), "buy $700 @ 0.51; buy $297 @ 0.51; buy $2.97 @ 0.51; refused available_cash");
    world.audit();
}

#[test]
fn the_fee_is_reserved_and_never_makes_cash_short() {
    let mut world = World::new(sized(SizeRule::Fixed(Usdc::whole(1_000))));
    let fees = crate::domain::FeeSchedule { rate_ppm: 70_000 };
    world.input(Input::MarketKnown { token: TOKEN, market: Market { fees, ..Market::COMMON } });
    liquid(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 10_000.0);
    world.wait(Nanos::from_secs(1));
    // 990 / 1.07 = 925.23; 1850.46 shares at 0.50 pay 0.07 x 0.25 each.
    assert_eq!(world.said(), "buy $925.23 @ 0.51; filled 1850.46 for $925.23 fee 32.38305; filled");
    world.audit();
}

#[test]
fn a_cold_token_parks_until_its_book_comes() {
    let mut world = World::new(open_settings());
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_millis(500));
    liquid(&mut world);
    assert_eq!(world.said(), "parked; buy $50 @ 0.51");
}

#[test]
fn a_cold_token_that_stays_cold_is_a_skip_with_its_cause() {
    let mut world = World::new(open_settings());
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(2));
    assert_eq!(world.said(), "parked; skipped no_book");
    world.engine.install_token(TokenId(1));
    let unknown = |trade: u64, now: Nanos| LeaderTrade {
        trade: TradeKey([trade, 9]),
        leader: LEADER,
        token: TokenId(1),
        side: Side::Buy,
        price: price(0.5),
        shares: shares(100.0),
        role: Role::Unknown,
        source: Source::Activity,
        traded_at: now,
    };
    world.input(Input::LeaderTrade(unknown(1, world.now)));
    world.wait(Nanos::from_secs(2));
    world.input(Input::LeaderTrade(unknown(2, world.now)));
    world.input(Input::MarketUnknown { token: TokenId(1) });
    assert_eq!(world.said(), "parked; skipped no_token; parked; skipped no_token");
}

#[test]
fn full_tables_refuse_by_name() {
    let mut world = World::new(sized(SizeRule::Fixed(Usdc(3_000_000))));
    world.fund(100_000);
    liquid(&mut world);
    for _ in 0..order::ORDERS_OPEN_MAX {
        world.leader(Side::Buy, 0.50, 6.0);
        world.now = world.now.plus(Nanos::from_millis(2_001));
        liquid(&mut world);
    }
    assert_eq!(world.engine.orders().open(), order::ORDERS_OPEN_MAX);
    world.said();
    world.leader(Side::Buy, 0.50, 6.0);
    assert_eq!(world.said(), "refused too_many_orders");
}

#[test]
fn a_full_table_of_positions_refuses_by_name() {
    let mut world = World::new(sized(SizeRule::Fixed(Usdc(3_000_000))));
    world.fund(100_000);
    liquid(&mut world);
    for token in 1..=POSITIONS_MAX as u32 {
        world.engine.install_token(TokenId(token));
        let slot = world.engine.positions.open_slot(PortfolioId(0), LeaderId(1), TokenId(token));
        world.engine.positions.at_mut(slot).pending = Shares(1);
        if !world.engine.positions.has_room() {
            break;
        }
    }
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), "refused too_many_positions");
}

#[test]
fn a_fault_stops_entries_but_not_exits() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.wait(Nanos::from_secs(3));
    liquid(&mut world);
    world.said();
    world.input(Input::Filled { order: OrderId(77), shares: shares(1.0), cash: Usdc(1), fee: Usdc::ZERO });
    world.leader(Side::Buy, 0.50, 200.0);
    world.leader(Side::Sell, 0.49, 400.0);
    assert_eq!(world.said(), "fault unknown_order; refused entries_stopped; due leader_exit; sell 100 @ 0.49");
}

#[test]
fn a_fill_larger_than_the_order_is_a_fault_and_changes_nothing() {
    let mut world = World::new(open_settings());
    liquid(&mut world);
    world.leader(Side::Buy, 0.50, 200.0);
    world.said();
    let before = world.engine.portfolios()[0].ledger;
    world.input(Input::Filled { order: OrderId(1), shares: shares(101.0), cash: Usdc(50_000_001), fee: Usdc::ZERO });
    assert_eq!(world.said(), "fault overfill");
    assert_eq!(world.engine.portfolios()[0].ledger, before);
}
