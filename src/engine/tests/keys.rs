//! The keys of a strategy as people write them: each binds beside the same story in which it does not.

use super::*;
use crate::{
    config::{Config, Overrides, Written},
    domain::Skip,
    engine::strategy::{Sale, sell_bound, sell_shares},
};

/// Returns what a paper portfolio is told by these lines of `[strategy.paper]`, and by the defaults. Nothing waits for
/// company here: a copy that is too small ends at once.
fn settings(lines: &str) -> Settings {
    let leader = "[[leader]]\nname = \"Ada\"\nwallet = \"0x1ead000000000000000000000000000000000001\"\n";
    let strategy =
        "[[strategy]]\nname = \"s\"\nleaders = [\"Ada\"]\n[strategy.paper]\ncapital_usdc = 1000\nbuffer_window_s = 0\n";
    let text = format!("{leader}{strategy}{lines}");
    let config = Config::load(&Written::Text { name: "keys".to_owned(), text }, &Overrides::default());
    config.unwrap_or_else(|problems| panic!("{problems}")).strategies[0].settings
}

/// What is said to a leader who buys 200 shares at 0.50 of a liquid book, after `prepare`.
fn check(lines: &str, prepare: impl FnOnce(&mut World), said: &str) {
    let mut world = World::new(settings(lines));
    liquid(&mut world);
    prepare(&mut world);
    world.said();
    world.leader(Side::Buy, 0.50, 200.0);
    assert_eq!(world.said(), said, "{lines}");
}

fn wait(millis: u64) -> impl FnOnce(&mut World) {
    move |world| world.wait(Nanos::from_millis(millis))
}

fn thinks(ppm: u32) -> impl FnOnce(&mut World) {
    move |world| world.input(Input::Probability { token: TOKEN, ppm, at: world.now })
}

/// Binds: trade_age_ms_max, price_min, price_max, leader_trade_usdc_min, leader_trade_usdc_max, sides, roles.
/// Binds: probability_percent_min, probability_age_ms_max.
#[test]
fn keys_of_filters_bind() {
    check("", |_| (), "buy $50 @ 0.51");
    for (age, said) in [(500, "buy $50 @ 0.51"), (499, "skipped too_old")] {
        let mut world = World::new(settings(&format!("trade_age_ms_max = {age}")));
        liquid(&mut world);
        world.said();
        world.leader_late(Side::Buy, 0.50, 200.0, Nanos::from_millis(500));
        assert_eq!(world.said(), said);
    }
    check("price_min = 0.5", |_| (), "buy $50 @ 0.51");
    check("price_min = 0.501", |_| (), "skipped price_outside_band");
    check("price_max = 0.499", |_| (), "skipped price_outside_band");
    check("leader_trade_usdc_min = 100", |_| (), "buy $50 @ 0.51");
    check("leader_trade_usdc_min = 100.01", |_| (), "skipped leader_trade_too_small");
    check("leader_trade_usdc_max = 99.99", |_| (), "skipped leader_trade_too_large");
    check("sides = \"buys\"", |_| (), "buy $50 @ 0.51");
    check("sides = \"sells\"", |_| (), "skipped side_not_followed");
    check("roles = \"maker\"", |_| (), "skipped role_not_followed");
    check("probability_percent_min = 55", |_| (), "skipped probability_unknown");
    check("probability_percent_min = 55", thinks(550_000), "buy $50 @ 0.51");
    check("probability_percent_min = 55.1", thinks(550_000), "skipped probability_too_low");
    let later = |world: &mut World| {
        thinks(600_000)(world);
        wait(700)(world);
    };
    check("probability_percent_min = 55\nprobability_age_ms_max = 700", later, "buy $50 @ 0.51");
    check("probability_percent_min = 55\nprobability_age_ms_max = 699", later, "skipped probability_unknown");
}

/// Binds: sizing, size_usdc, size_percent, mirror_percent, budget_usdc, kelly_percent, edge_full_usdc, edge_percent.
/// Binds: adaptive_small_usdc, adaptive_small_percent, adaptive_large_usdc, adaptive_large_percent.
/// Binds: tiers, conviction_full_usdc, order_usdc_min, order_usdc_max, bankroll_percent_max, below_minimum.
#[test]
fn keys_of_sizes_bind() {
    let owns = |world: &mut World| {
        let (capital, exposure) = (Usdc::whole(5_000), Usdc::whole(2_500));
        world.input(Input::LeaderWorth { leader: LEADER, capital, exposure });
    };
    let with = |rule: &str, lines: &str| format!("sizing = \"{rule}\"\norder_usdc_max = 90\n{lines}");
    check("size_usdc = 40", |_| (), "buy $40 @ 0.51");
    check(&with("percent", ""), |_| (), "buy $10 @ 0.51");
    check(&with("percent", "size_percent = 30"), |_| (), "buy $30 @ 0.51");
    check(&with("mirror", ""), owns, "buy $20 @ 0.51");
    check(&with("mirror", "mirror_percent = 50"), owns, "buy $10 @ 0.51");
    check(&with("adaptive", ""), |_| (), "buy $20 @ 0.51");
    check(&with("adaptive", "adaptive_small_percent = 40"), |_| (), "buy $40 @ 0.51");
    let falling = "adaptive_small_usdc = 50\nadaptive_large_usdc";
    check(&with("adaptive", &format!("{falling} = 100")), |_| (), "skipped below_minimum");
    check(&with("adaptive", &format!("{falling} = 100\nadaptive_large_percent = 6")), |_| (), "buy $6 @ 0.51");
    check(&with("adaptive", &format!("{falling} = 150\nadaptive_large_percent = 6")), |_| (), "buy $13 @ 0.51");
    check(&with("budget", ""), owns, "buy $20 @ 0.51");
    check(&with("budget", "budget_usdc = 250"), owns, "buy $10 @ 0.51");
    check(&with("kelly", "kelly_percent = 5"), thinks(755_000), "buy $25 @ 0.51");
    check(&with("kelly", "kelly_percent = 10"), thinks(755_000), "buy $50 @ 0.51");
    check(&with("edge", ""), thinks(560_000), "buy $50 @ 0.51");
    check(&with("edge", "edge_full_usdc = 80"), thinks(560_000), "buy $80 @ 0.51");
    check(&with("edge", "edge_percent = 10"), thinks(560_000), "buy $25 @ 0.51");
    check("tiers = [[100, 0.5]]", |_| (), "buy $25 @ 0.51");
    check("tiers = [[101, 0.5]]", |_| (), "buy $50 @ 0.51");
    check("order_usdc_max = 30", |_| (), "buy $30 @ 0.51");
    check("bankroll_percent_max = 3", |_| (), "buy $30 @ 0.51");
    check("size_usdc = 8\norder_usdc_min = 8", |_| (), "buy $8 @ 0.51");
    check("sizing = \"percent\"\nsize_percent = 7\norder_usdc_min = 8", |_| (), "skipped below_minimum");
    let raised = "sizing = \"percent\"\nsize_percent = 7\norder_usdc_min = 8\nbelow_minimum = \"raise\"";
    check(raised, |_| (), "buy $8 @ 0.51");

    // The score comes from elsewhere, so the rule is asked with one.
    for (full, dollars) in [(50, 30), (80, 48)] {
        let settings = settings(&with("conviction", &format!("conviction_full_usdc = {full}")));
        let mut world = World::new(settings);
        liquid(&mut world);
        let price = price(0.51);
        let situation = world.engine.situation(world.now, PAPER, LEADER, TOKEN, price);
        let sure = strategy::Situation { confidence_ppm: Some(600_000), ..situation };
        assert_eq!(strategy::size::sizes(&sure, price).map(|sizes| sizes.total), Ok(Usdc::whole(dollars)));
    }
}

/// Binds: book_age_buy_ms_max, spread_buy_max, price_guard_buy_percent, slippage_buy_percent, depth_factor_buy_min.
/// Binds: depth_buy_percent_max, depth_age_buy_ms_min.
#[test]
fn keys_of_guards_bind_when_we_buy() {
    check("book_age_buy_ms_max = 500", wait(500), "buy $50 @ 0.51");
    check("book_age_buy_ms_max = 500", wait(501), "skipped book_stale");
    check("spread_buy_max = 0.01", |_| (), "buy $50 @ 0.51");
    check("spread_buy_max = 0.0099", |_| (), "skipped spread_too_wide");
    let dearer = |world: &mut World| world.book(&[(0.51, 5_000.0)], &[(0.52, 5_000.0)]);
    check("price_guard_buy_percent = 4", dearer, "buy $50 @ 0.52");
    check("price_guard_buy_percent = 3.9", dearer, "skipped price_moved");
    check("slippage_buy_percent = 1.9", |_| (), "buy $50 @ 0.5");
    // 80 shares at 0.50 are 40 dollars.
    let thin = |world: &mut World| world.book(&[(0.49, 5_000.0)], &[(0.50, 80.0)]);
    let lines = |factor: &str| format!("depth_buy_percent_max = 50\ndepth_factor_buy_min = {factor}");
    check(&lines("2"), thin, "buy $20 @ 0.51");
    check(&lines("2.1"), thin, "skipped depth_too_thin");
    check("depth_buy_percent_max = 25", thin, "buy $10 @ 0.51");
    check("depth_age_buy_ms_min = 300", wait(300), "buy $50 @ 0.51");
    check("depth_age_buy_ms_min = 300", wait(299), "skipped depth_too_thin");
}

/// Binds: book_age_sell_ms_max, spread_sell_max, price_guard_sell_percent, slippage_sell_percent, depth_factor_sell_min.
/// Binds: depth_sell_percent_max, depth_age_sell_ms_min.
#[test]
fn keys_of_guards_bind_when_we_sell() {
    // 100 shares are owed after a leader who sold at 0.50; 80 are bid for at 0.49, half a second ago.
    let check = |lines: &str, expected: Result<(&str, u64), Skip>| {
        let mut world = World::new(settings(lines));
        world.book(&[(0.49, 80.0)], &[(0.51, 80.0)]);
        world.wait(Nanos::from_millis(500));
        let (token, guard) = (world.engine.token(TOKEN), &world.engine.portfolios()[0].settings.guards.sell);
        let (reference, shares) = (Some(price(0.50)), Shares::whole(100));
        let sale = Sale { guard, market: &token.market, book: &token.book, now: world.now, reference, shares };
        let sold = sell_bound(&sale, price(0.49)).and_then(|limit| Ok((limit, sell_shares(&sale, limit)?)));
        let sold = sold.map(|(limit, shares)| (limit.to_string(), shares.0 / ONE)).map_err(|(skip, _)| skip);
        assert_eq!(sold, expected.map(|(limit, shares)| (limit.to_owned(), shares)), "{lines}");
    };
    check("", Ok(("0.49", 80)));
    check("book_age_sell_ms_max = 499", Err(Skip::BookStale));
    check("spread_sell_max = 0.0199", Err(Skip::SpreadTooWide));
    check("price_guard_sell_percent = 1", Ok(("0.49", 80)));
    check("slippage_sell_percent = 3", Ok(("0.48", 80)));
    check("slippage_sell_percent = 3\nprice_guard_sell_percent = 2", Ok(("0.49", 80)));
    check("depth_sell_percent_max = 50", Ok(("0.49", 40)));
    check("depth_sell_percent_max = 5", Err(Skip::DepthTooThin));
    check("depth_factor_sell_min = 1.01", Err(Skip::DepthTooThin));
    check("depth_age_sell_ms_min = 500", Ok(("0.49", 80)));
    check("depth_age_sell_ms_min = 501", Err(Skip::DepthTooThin));
}

/// Binds: order_kind, fok_usdc_max.
#[test]
fn keys_of_the_order_bind() {
    for (lines, kind) in [
        ("", OrderKind::Fak),
        ("order_kind = \"FOK\"", OrderKind::Fok),
        ("order_kind = \"FOK_UP_TO\"\nfok_usdc_max = 50", OrderKind::Fok),
        ("order_kind = \"FOK_UP_TO\"\nfok_usdc_max = 49", OrderKind::Fak),
        ("order_kind = \"FOK_THEN_FAK\"", OrderKind::Fok),
    ] {
        let mut world = World::new(settings(lines));
        liquid(&mut world);
        world.leader(Side::Buy, 0.50, 200.0);
        let order = world.engine.orders().iter().next().expect("an order");
        assert_eq!(order.submitted.kind, kind, "{lines}");
    }
}
