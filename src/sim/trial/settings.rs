//! What portfolios are told in a trial: mostly the usual, now and then something that binds.

use crate::{
    domain::{
        Nanos, Price, Settings, SizeRule, Usdc,
        settings::{
            BelowMinimum, BreakerReset, Conduct, ExitPlan, Guard, Hedges, Limits, Netting, OrderPolicy, Roles, ScaleIn,
            Sides, Tier,
        },
    },
    sim::random::Random,
};

/// Draws what a portfolio is told.
pub fn drawn(random: &mut Random) -> Settings {
    let mut settings = Settings::OPEN;
    sizing(&mut settings, random);
    filter(&mut settings, random);
    guards(&mut settings, random);
    buffer(&mut settings, random);
    conduct(&mut settings.conduct, random);
    limits(&mut settings.limits, random);
    exits(&mut settings, random);
    settings.policy = *random.pick(&[
        OrderPolicy::Fak,
        OrderPolicy::Fak,
        OrderPolicy::Fok,
        OrderPolicy::FokUpTo(Usdc::whole(20)),
        OrderPolicy::FokThenFak,
    ]);
    settings
}

/// Sets a field to a value in `percent` of 100 cases.
fn maybe<T>(random: &mut Random, percent: u64, field: &mut T, value: T) {
    if random.chance(percent) {
        *field = value;
    }
}

fn sizing(settings: &mut Settings, random: &mut Random) {
    let sizing = &mut settings.sizing;
    sizing.rule = match random.range(0, 12) {
        0..3 => SizeRule::Fixed(Usdc::whole(*random.pick(&[5, 25, 200]))),
        3..6 => SizeRule::Percent(*random.pick(&[10_000, 100_000, 500_000, 1_000_000])),
        6 => SizeRule::Mirror(2_000_000),
        7 => {
            let (small, large) = (Usdc::whole(20), Usdc::whole(1_000));
            SizeRule::Adaptive { small, small_ppm: 800_000, large, large_ppm: 50_000 }
        }
        8 => SizeRule::Budget(Usdc::whole(500)),
        9 => SizeRule::Kelly(250_000),
        10 => SizeRule::Edge { full: Usdc::whole(100), edge_ppm: 200_000 },
        _ => SizeRule::Percent(300_000),
    };
    if random.chance(30) {
        sizing.tiers[0] = Tier { from: Usdc::ZERO, factor_ppm: 500_000 };
        sizing.tiers[1] = Tier { from: Usdc::whole(50), factor_ppm: 2_000_000 };
    }
    maybe(random, 25, &mut sizing.below_minimum, BelowMinimum::Raise);
    maybe(random, 25, &mut sizing.bankroll_ppm_max, 20_000);
    sizing.order_usdc_max = Usdc::whole(*random.pick(&[20, 100, 5_000]));
    maybe(random, 20, &mut sizing.order_usdc_min, Usdc::whole(3));
}

fn filter(settings: &mut Settings, random: &mut Random) {
    let filter = &mut settings.filter;
    filter.trade_age_max = Nanos::from_secs(*random.pick(&[3, 3, 10]));
    maybe(random, 20, &mut filter.price_min, Price::from_micros(30_000).expect("a price"));
    maybe(random, 20, &mut filter.price_max, Price::from_micros(970_000).expect("a price"));
    maybe(random, 20, &mut filter.leader_trade_usdc_min, Usdc::whole(20));
    maybe(random, 20, &mut filter.leader_trade_usdc_max, Usdc::whole(2_000));
    maybe(random, 8, &mut filter.sides, Sides::BuysOnly);
    maybe(random, 8, &mut filter.sides, Sides::SellsOnly);
    maybe(random, 10, &mut filter.roles, Roles::TakerOnly);
    maybe(random, 10, &mut filter.roles, Roles::MakerOnly);
    maybe(random, 20, &mut filter.entries_max, 2);
    maybe(random, 10, &mut filter.probability_ppm_min, 400_000);
    maybe(random, 50, &mut filter.probability_age_max, Nanos::from_secs(120));
    maybe(random, 30, &mut filter.close_time_min, Nanos::from_secs(300));
    maybe(random, 30, &mut filter.close_life_ppm_min, 200_000);
}

fn guards(settings: &mut Settings, random: &mut Random) {
    let buy = &mut settings.guards.buy;
    *buy = Guard { spread_max: 100_000, price_guard_ppm: 20_000, ..Guard::OPEN };
    maybe(random, 20, &mut buy.spread_max, 20_000);
    maybe(random, 30, &mut buy.price_guard_ppm, 100_000);
    maybe(random, 30, &mut buy.depth_factor_ppm_min, 1_250_000);
    maybe(random, 30, &mut buy.depth_ppm_max, 100_000);
    maybe(random, 20, &mut buy.book_age_max, Nanos::from_secs(2));
    maybe(random, 20, &mut buy.slippage_ppm, 0);
    maybe(random, 20, &mut buy.depth_age_min, Nanos::from_millis(500));
    let sell = &mut settings.guards.sell;
    maybe(random, 20, &mut sell.price_guard_ppm, 50_000);
    maybe(random, 20, &mut sell.spread_max, 50_000);
    maybe(random, 20, &mut sell.depth_ppm_max, 200_000);
    maybe(random, 30, &mut settings.guards.sell.slippage_ppm, 100_000);
}

fn buffer(settings: &mut Settings, random: &mut Random) {
    let window = Nanos::from_secs(*random.pick(&[5, 120, 300]));
    maybe(random, 60, &mut settings.buffer.window, window);
    maybe(random, 50, &mut settings.buffer.netting, Netting::On);
}

fn conduct(conduct: &mut Conduct, random: &mut Random) {
    maybe(random, 15, &mut conduct.reentry_min, Nanos::from_secs(600));
    maybe(random, 25, &mut conduct.round_trips_max, 3);
    maybe(random, 25, &mut conduct.median_factor_ppm_max, 3_000_000);
    if random.chance(15) {
        (conduct.probation_trades, conduct.probation_ppm) = (4, 200_000);
    }
    maybe(random, 15, &mut conduct.hedges, Hedges::Skipped);
}

fn limits(limits: &mut Limits, random: &mut Random) {
    maybe(random, 30, &mut limits.position_usdc_max, Usdc::whole(100));
    maybe(random, 30, &mut limits.exposure_usdc_max, Usdc::whole(300));
    maybe(random, 20, &mut limits.market_usdc_max, Usdc::whole(120));
    maybe(random, 20, &mut limits.event_usdc_max, Usdc::whole(150));
    maybe(random, 20, &mut limits.leader_usdc_max, Usdc::whole(150));
    maybe(random, 20, &mut limits.day_usdc_max, Usdc::whole(200));
    maybe(random, 20, &mut limits.leader_day_usdc_max, Usdc::whole(120));
    maybe(random, 20, &mut limits.day_loss_usdc_max, Usdc::whole(20));
    maybe(random, 20, &mut limits.leader_day_loss_usdc_max, Usdc::whole(15));
    maybe(random, 20, &mut limits.leader_loss_usdc_max, Usdc::whole(30));
    maybe(random, 20, &mut limits.drawdown_ppm_max, 50_000);
    maybe(random, 20, &mut limits.losses_in_row_max, 3);
    maybe(random, 20, &mut limits.orders_per_minute_max, 3);
    maybe(random, 20, &mut limits.unknown_orders_max, 0);
    maybe(random, 20, &mut limits.unknown_burst_max, 2);
    maybe(random, 50, &mut limits.reset, BreakerReset::ByHand);
    maybe(random, 20, &mut limits.balance_low_usdc, Usdc::whole(10));
}

fn exits(settings: &mut Settings, random: &mut Random) {
    let exit = &mut settings.exit;
    maybe(random, 50, &mut exit.guard_patience, Nanos::from_secs(30));
    exit.cooling = Nanos::from_secs(*random.pick(&[0, 60, 10_800]));
    maybe(random, 25, &mut exit.stop_loss_ppm, 150_000);
    maybe(random, 25, &mut exit.take_profit_ppm, 150_000);
    maybe(random, 25, &mut exit.trailing_stop_ppm, 100_000);
    maybe(random, 25, &mut exit.hold_max, Nanos::from_secs(900));
    maybe(random, 25, &mut exit.plan, ExitPlan::RestAt(30_000));
    exit.scale_in = *random.pick(&[
        ScaleIn::WithLeader,
        ScaleIn::WithLeader,
        ScaleIn::Never,
        ScaleIn::Below(50_000),
        ScaleIn::Above(20_000),
    ]);
}
