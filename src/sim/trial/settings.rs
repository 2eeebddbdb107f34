//! What portfolios are told in a trial: mostly the usual, now and then something that binds.

use crate::{
    domain::{
        Nanos, Price, Settings, SizeRule, Usdc,
        settings::{ExitPlan, Guard, Limits, OrderPolicy, ScaleIn},
    },
    sim::random::Random,
};

/// Draws what a portfolio is told.
pub fn drawn(random: &mut Random) -> Settings {
    let mut settings = Settings::OPEN;
    sizing(&mut settings, random);
    filter(&mut settings, random);
    guards(&mut settings, random);
    limits(&mut settings.limits, random);
    exits(&mut settings, random);
    settings.policy = *random.pick(&[OrderPolicy::Fak, OrderPolicy::Fak, OrderPolicy::Fok]);
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
    sizing.rule = match random.range(0, 3) {
        0 => SizeRule::Fixed(Usdc::whole(*random.pick(&[5, 25, 200]))),
        _ => SizeRule::Percent(*random.pick(&[10_000, 100_000, 500_000, 1_000_000])),
    };
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
    maybe(random, 30, &mut settings.guards.sell.slippage_ppm, 100_000);
}

fn limits(limits: &mut Limits, random: &mut Random) {
    maybe(random, 30, &mut limits.position_usdc_max, Usdc::whole(100));
    maybe(random, 30, &mut limits.exposure_usdc_max, Usdc::whole(300));
}

fn exits(settings: &mut Settings, random: &mut Random) {
    let exit = &mut settings.exit;
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
