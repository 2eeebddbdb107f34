//! Settings as people write them, right and wrong.

use super::*;
use crate::domain::{
    FeeSchedule, Price, Shares, SizeRule, Tick,
    settings::{
        BelowMinimum, BreakerReset, Buffer, Conduct, Guard, Hedges, Limits, Netting, OrderPolicy, Roles, Sides, Tier,
    },
};

const ADA: &str = "[[leader]]\nname = \"Ada\"\nwallet = \"0x1EAD000000000000000000000000000000000001\"\n";

fn load(text: &str) -> Result<Config, Problems> {
    Config::load(&Written::Text { name: "my.toml".into(), text: text.into() }, &Overrides::default())
}

/// The mistakes in `text`, one a line: `line:column key: what is wrong`.
fn mistakes(text: &str) -> Vec<String> {
    let problems = load(text).err().unwrap_or_default();
    problems.0.iter().map(|p| format!("{}:{} {}: {}", p.place.line, p.place.column, p.key, p.wrong)).collect()
}

#[test]
fn the_defaults_are_right_and_nobody_is_followed() {
    let config = Config::load(&Written::DefaultsOnly, &Overrides::default()).expect("the defaults are right");
    assert_eq!((config.leaders.len(), config.strategies.len()), (0, 0));
    assert!(config.web.listen.ip().is_loopback());
    assert_eq!(config.replay.market, Market { tick: Tick::CENT, fees: FeeSchedule::NONE, ..Market::COMMON });
    assert_eq!(config.replay.market.minimum, Shares::whole(5));
    assert_eq!(config.store.database_url, None);
    assert_eq!(config.feed.silence_max, Duration::from_secs(30));
    assert_eq!(config.journal.segment_bytes, 64 * 1024 * 1024);
}

#[test]
fn a_strategy_has_the_conservative_settings_unless_it_says_otherwise() {
    let config =
        load(&format!("{ADA}[[strategy]]\nname = \"s\"\nleaders = [\"Ada\"]\npaper = {{ capital_usdc = 1000.5 }}\n"))
            .expect("right");
    assert_eq!(config.leaders[0].wallets, ["0x1ead000000000000000000000000000000000001"]);
    let strategy = &config.strategies[0];
    assert_eq!((strategy.capital, &strategy.leaders), (Usdc(1_000_500_000), &vec![0]));
    let price = |micros| Price::from_micros(micros).expect("a price");
    let mut expected = Settings::OPEN;
    expected.sizing.order_usdc_max = Usdc::whole(50);
    (expected.filter.price_min, expected.filter.price_max) = (price(30_000), price(970_000));
    (expected.filter.close_time_min, expected.filter.close_life_ppm_min) = (Nanos::from_secs(300), 200_000);
    expected.filter.probability_age_max = Nanos::from_secs(60);
    expected.guards.buy = Guard {
        spread_max: 20_000,
        price_guard_ppm: 20_000,
        depth_factor_ppm_min: 1_250_000,
        depth_ppm_max: 100_000,
        ..Guard::OPEN
    };
    expected.buffer = Buffer { window: Nanos::from_secs(300), netting: Netting::On };
    expected.conduct =
        Conduct { round_trips_max: 3, median_factor_ppm_max: 3_000_000, probation_ppm: 100_000, ..Conduct::OPEN };
    expected.limits = Limits {
        position_usdc_max: Usdc::whole(100),
        exposure_usdc_max: Usdc::whole(500),
        market_usdc_max: Usdc(100_050_000),
        event_usdc_max: Usdc(100_050_000),
        leader_usdc_max: Usdc(500_250_000),
        day_usdc_max: Usdc(100_050_000),
        leader_day_usdc_max: Usdc(100_050_000),
        day_loss_usdc_max: Usdc::whole(50),
        leader_day_loss_usdc_max: Usdc(50_025_000),
        leader_loss_usdc_max: Usdc(150_075_000),
        drawdown_ppm_max: 100_000,
        losses_in_row_max: 5,
        reset: BreakerReset::AtMidnight,
        orders_per_minute_max: 30,
        unknown_orders_max: 1,
        unknown_burst_max: 3,
        balance_low_usdc: Usdc::whole(10),
    };
    (expected.exit.guard_patience, expected.exit.cooling) = (Nanos::from_secs(60), Nanos::from_secs(3 * 3_600));
    (expected.scoring.confidence_ppm_min, expected.scoring.model_age_max) = (500_000, Nanos::from_secs(60));
    assert_eq!(strategy.settings, expected);
}

#[test]
fn a_strategy_wins_over_the_file_and_the_file_over_the_defaults() {
    let config = load(&format!(
        "[strategy_default.paper]\nprice_min = 0.29\nspread_buy_max = 0.1\n{ADA}
[[strategy]]\nname = \"s\"\nleaders = [\"Ada\"]\n[strategy.paper]\ncapital_usdc = 1_000\nspread_buy_max = 5e-2\nsizing = \"percent\"\n"
    ))
    .expect("right");
    let settings = &config.strategies[0].settings;
    assert_eq!(settings.filter.price_min, Price::from_micros(290_000).expect("a price"));
    assert_eq!(settings.guards.buy.spread_max, 50_000);
    assert_eq!(settings.sizing.rule, SizeRule::Percent(100_000));
}

#[test]
fn the_demo_and_the_sample_in_the_defaults_are_right() {
    let demo = load(DEMO).expect("the demo is right");
    assert_eq!(demo.strategies.iter().map(|s| s.leaders.len()).collect::<Vec<_>>(), [3, 1, 2]);
    let sample: Vec<&str> = DEFAULT.lines().filter_map(|line| line.strip_prefix("#:")).map(str::trim_start).collect();
    let sample = load(&sample.join("\n")).expect("the sample is right");
    assert_eq!((sample.leaders.len(), sample.strategies.len()), (2, 1));
}

/// Each key stands in `config/default.toml` with its range, in the words that a mistake is answered with.
#[test]
fn every_key_is_documented_with_what_it_may_be() {
    let config = load(DEMO).expect("the demo is right");
    let mut documented = std::collections::HashMap::new();
    let (mut header, mut allowed) = (String::new(), String::new());
    for line in DEFAULT.lines().map(|line| line.strip_prefix("#:").unwrap_or(line).trim_start()) {
        if line.starts_with('[') {
            header = line.to_owned();
        } else if let Some(text) = line.strip_prefix("# Allowed: ") {
            allowed = text.trim_end_matches('.').to_owned();
        } else if let Some((key, _)) = line.split_once(" = ").filter(|_| !line.starts_with('#')) {
            documented.insert((header.clone(), key.to_owned()), std::mem::take(&mut allowed));
        }
    }
    let mut checked = 0;
    for group in &config.in_force {
        for entry in &group.entries {
            let shared = group.header.replace("[[strategy]]", "[strategy_default]");
            // What live may say is what paper may.
            let shared = shared.replace("[strategy.", "[strategy_default.").replace(".live]", ".paper]");
            let own = documented.get(&(group.header.clone(), entry.key.to_owned())).filter(|text| !text.is_empty());
            let found = own.or_else(|| documented.get(&(shared, entry.key.to_owned())));
            assert_eq!(found, Some(&entry.allowed), "{} {}", group.header, entry.key);
            checked += 1;
        }
    }
    assert!(checked > 100, "{checked}");
}

#[test]
fn each_mistake_in_a_section_has_its_place_and_its_words() {
    let check = |text: &str, expected: &[&str]| assert_eq!(mistakes(text), expected, "{text}");
    check("[feed]\nsilence_s_max = \"30\"", &["2:17 feed.silence_s_max: is the text \"30\", not a number"]);
    check("[feed]\nsilence_s_max = 4", &["2:17 feed.silence_s_max: 4 is below 5"]);
    check("[feed]\nsilence_s_max = 5.5", &["2:17 feed.silence_s_max: 5.5 is not a whole number"]);
    check(
        "[feed]\nmarket_url = \"ws://example.org\"",
        &["2:14 feed.market_url: \"ws://example.org\" is not encrypted, and not on this machine"],
    );
    check("[feed]\nmarket_url = \"ws://127.0.0.1:9/ws\"", &[]);
    check(
        "[feed]\nclob_url = \"clob\"",
        &["2:12 feed.clob_url: \"clob\" is not an address: relative URL without a base"],
    );
    check(
        "[model]\nurl = \"http://example.org/p\"",
        &["2:7 model.url: \"http://example.org/p\" is not encrypted, and not on this machine"],
    );
    check("[model]\nurl = \"http://127.0.0.1:9/p\"\nevery_ms = 99", &["3:12 model.every_ms: 99 is below 100"]);
    check("[scoring]\nadditive_spread = 2.1", &["2:19 scoring.additive_spread: 2.1 is above 2"]);
    check("[scoring]\nbayesian_momentum = -10", &[]);
    check("[fed]\nx = 1", &["1:2 fed: is not a key that exists here"]);
    check("feed = 3", &["1:1 feed: is not a section"]);
    check("[web]\nlisten = \"0.0.0.0:80\"", &["2:10 web.listen: 0.0.0.0:80 can be reached from other machines"]);
    check("[web]\nlisten = \"0.0.0.0:80\"\nlisten_beyond_this_machine = true", &[]);
    check("[web]\nhosts = [\"[::2]\", \"a.b\", \"a:80\"]", &["2:26 web.hosts: \"a:80\" is not a host name"]);
    check("[web]\nhosts = [\"a\", 1]", &["2:15 web.hosts: holds the number 1, not a text"]);
    check("[hot]\nwait = \"sleep\"", &["2:8 hot.wait: \"sleep\" is not one of the words"]);
    check("[paper]\nenabled = 1", &["2:11 paper.enabled: is the number 1, not a switch"]);
    check("[replay]\ntick = 0.02", &["2:8 replay.tick: 0.02 is not one of these"]);
    check(
        "[store]\ndatabase_url = \"mysql://me:secret@x/y\"",
        &["2:16 store.database_url: does not begin with postgres://"],
    );
    check("a = \nb = 1", &["1:5 : this is not TOML: string values must be quoted, expected literal string"]);
}

#[test]
fn each_mistake_in_a_leader_or_strategy_has_its_place_and_its_words() {
    let check = |text: &str, expected: &[&str]| assert_eq!(mistakes(text), expected, "{text}");
    let strategy = |lines: &str| {
        format!("{ADA}[[strategy]]\nname=\"s\"\nleaders=[\"Ada\"]\n[strategy.paper]\ncapital_usdc=9\n{lines}")
    };
    let strategy_check = |lines: &str, expected: &[&str]| check(&strategy(lines), expected);

    check("[leader]\nname = \"Ada\"", &["1:2 leader: is not a list of tables"]);
    check("[[leader]]\nname = \"Ada\"\nwallet = \"0x12\"", &["3:10 leader 1.wallet: has 2 digits after 0x"]);
    check("[[leader]]\nname = \"Ada\"", &["1:1 leader 1.wallet: is missing"]);
    check(
        &format!("{ADA}{}", ADA.replace("Ada", "Bo")),
        &["6:10 leader 2.wallet: the leader \"Ada\" already has this wallet"],
    );
    check(&format!("{ADA}{}", ADA.replace("01\"", "02\"")), &["5:8 leader 2.name: a second leader is called \"Ada\""]);
    check(&ADA.replace("Ada", "A/a"), &["2:8 leader 1.name: \"A/a\" holds '/'"]);

    check(
        "[[strategy]]\nname = \"s\"\nleaders = [\"Eve\"]\npaper = { capital_usdc = 5 }",
        &["3:12 strategy 1.leaders: \"Eve\" is not a declared leader; there are none"],
    );
    check(
        "[[strategy]]\nname = \"s\"\nleaders = []\npaper = { capital_usdc = 5 }",
        &["3:11 strategy 1.leaders: is empty"],
    );
    check(
        &format!("{ADA}[[strategy]]\nname = \"s\"\nleaders = [\"Ada\"]"),
        &["4:1 strategy 1.paper.capital_usdc: is missing"],
    );
    check(
        &format!("{ADA}[[strategy]]\nname = \"s\"\nleaders = [\"Ada\", \"Ada\"]\npaper = {{ capital_usdc = 5 }}"),
        &["6:19 strategy 1.leaders: \"Ada\" stands in the list twice"],
    );
    strategy_check("", &[]);
    strategy_check("price_mim = 0.1", &["9:1 strategy 1.paper.price_mim: is not a key that exists here"]);
    strategy_check(
        "price_min = 0.98",
        &["9:13 strategy 1.paper.price_min: 0.98 is above price_max, which is 0.97 by default"],
    );
    strategy_check(
        "price_min = 0.98\nprice_max = 0.5",
        &["10:13 strategy 1.paper.price_max: 0.5 is below price_min, which is 0.98"],
    );
    strategy_check("price_min = 0.98\nprice_max = 0.98", &[]);
    strategy_check(
        "order_usdc_min = 60",
        &[
            "9:18 strategy 1.paper.order_usdc_min: 60 is above order_usdc_max, which is 50 by default",
            "9:18 strategy 1.paper.order_usdc_min: 60 is above size_usdc, which is 50 by default",
        ],
    );
    strategy_check(
        "spread_buy_max = 0.0000001",
        &["9:18 strategy 1.paper.spread_buy_max: 0.0000001 has more decimals than the 6 that are kept"],
    );
    strategy_check(
        "stop_loss_percent = inf",
        &["9:21 strategy 1.paper.stop_loss_percent: `inf` is not a number that can be kept exactly"],
    );
    strategy_check("score_gate = \"maybe\"", &["9:14 strategy 1.paper.score_gate: \"maybe\" is not one of the words"]);
    strategy_check("confidence_percent_min = 101", &["9:26 strategy 1.paper.confidence_percent_min: 101 is above 100"]);
    strategy_check("capital_usd = 0x10", &["9:1 strategy 1.paper.capital_usd: is not a key that exists here"]);
}

/// Settings of one strategy after Ada, with these lines for `[strategy.paper]`, from line 9 on.
fn paper(lines: &str) -> String {
    format!("{ADA}[[strategy]]\nname=\"s\"\nleaders=[\"Ada\"]\n[strategy.paper]\ncapital_usdc=9\n{lines}")
}

#[test]
fn each_rule_of_size_is_read_with_its_own_keys() {
    let check = |lines: &str, rule| {
        let config = load(&paper(lines)).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(config.strategies[0].settings.sizing.rule, rule, "{lines}");
    };
    let dollars = Usdc::whole;
    check("sizing = \"mirror\"", SizeRule::Mirror(1_000_000));
    check("sizing = \"mirror\"\nmirror_percent = 50", SizeRule::Mirror(500_000));
    let (small, large) = (dollars(100), dollars(10_000));
    check("sizing = \"adaptive\"", SizeRule::Adaptive { small, small_ppm: 200_000, large, large_ppm: 10_000 });
    check("sizing = \"budget\"\nbudget_usdc = 70", SizeRule::Budget(dollars(70)));
    check("sizing = \"kelly\"", SizeRule::Kelly(250_000));
    check("sizing = \"edge\"", SizeRule::Edge { full: dollars(50), edge_ppm: 50_000 });
    check("sizing = \"conviction\"\nconviction_full_usdc = 7", SizeRule::Conviction { full: dollars(7) });
}

#[test]
fn filters_guards_and_policies_are_read() {
    let lines = "sides = \"buys\"\nroles = \"maker\"\nentries_max = 2\nprobability_percent_min = 55\n\
                 probability_age_ms_max = 7\ntiers = [[0, 0.5], [50, 2]]\nbankroll_percent_max = 5\n\
                 below_minimum = \"raise\"\norder_kind = \"FOK_UP_TO\"\nfok_usdc_max = 30\n\
                 book_age_sell_ms_max = 200\nspread_sell_max = 0.3\nprice_guard_sell_percent = 4\n\
                 slippage_sell_percent = 6\ndepth_factor_sell_min = 2\ndepth_sell_percent_max = 40\n\
                 depth_age_sell_ms_min = 9\ndepth_age_buy_ms_min = 8\n";
    let settings = load(&paper(lines)).expect("right").strategies[0].settings;
    assert_eq!((settings.filter.sides, settings.filter.roles), (Sides::BuysOnly, Roles::MakerOnly));
    let filter = settings.filter;
    assert_eq!((filter.entries_max, filter.probability_ppm_min), (2, 550_000));
    assert_eq!(filter.probability_age_max, Nanos::from_millis(7));
    let tiers = [(0, 500_000), (50, 2_000_000)].map(|(from, factor_ppm)| Tier { from: Usdc::whole(from), factor_ppm });
    assert_eq!((&settings.sizing.tiers[..2], settings.sizing.tiers[2]), (&tiers[..], Tier::UNUSED));
    assert_eq!((settings.sizing.bankroll_ppm_max, settings.sizing.below_minimum), (50_000, BelowMinimum::Raise));
    assert_eq!(settings.policy, OrderPolicy::FokUpTo(Usdc::whole(30)));
    let sell = Guard {
        book_age_max: Nanos::from_millis(200),
        spread_max: 300_000,
        price_guard_ppm: 40_000,
        slippage_ppm: 60_000,
        depth_factor_ppm_min: 2_000_000,
        depth_ppm_max: 400_000,
        depth_age_min: Nanos::from_millis(9),
    };
    assert_eq!((settings.guards.sell, settings.guards.buy.depth_age_min), (sell, Nanos::from_millis(8)));
}

#[test]
fn each_mistake_in_a_size_has_its_place_and_its_words() {
    let check = |lines: &str, expected: &[&str]| assert_eq!(mistakes(&paper(lines)), expected, "{lines}");
    check(
        "tiers = [[50, 1], [50, 2], [60, 0], [70], 5, [-1, 1]]",
        &[
            "9:19 strategy 1.paper.tiers: begins at $50, which is not above the $50 of the one before",
            "9:28 strategy 1.paper.tiers: has the factor 0",
            "9:37 strategy 1.paper.tiers: holds a list, not a pair",
            "9:43 strategy 1.paper.tiers: holds the number 5, not a pair",
            "9:46 strategy 1.paper.tiers: begins at $-1",
        ],
    );
    let nine: Vec<String> = (1..=9).map(|from| format!("[{from}, 1]")).collect();
    check(
        &format!("tiers = [{}]", nine.join(",")),
        &["9:66 strategy 1.paper.tiers: is one more than the 8 that there may be"],
    );
    check("tiers = 5", &["9:9 strategy 1.paper.tiers: is the number 5, not a list"]);
    check(
        "sizing = \"adaptive\"\nadaptive_small_usdc = 20000\nadaptive_large_percent = 30",
        &[
            "10:23 strategy 1.paper.adaptive_small_usdc: 20000 is above adaptive_large_usdc, which is 10000 by default",
            "11:26 strategy 1.paper.adaptive_large_percent: 30 is above adaptive_small_percent, which is 20 by default",
        ],
    );
    // What is too small is only a mistake where it is neither raised nor multiplied.
    check("size_usdc = 0.5\nbelow_minimum = \"raise\"", &[]);
    check("size_usdc = 0.5\ntiers = [[0, 10]]", &[]);
    check("size_usdc = 0.5", &["9:13 strategy 1.paper.size_usdc: 0.5 is below order_usdc_min, which is 1"]);
    check("kelly_percent = 101", &["9:17 strategy 1.paper.kelly_percent: 101 is above 100"]);
    check("order_kind = \"IOC\"", &["9:14 strategy 1.paper.order_kind: \"IOC\" is not one of the words"]);
}

/// Binds: leaders_deny.
#[test]
fn a_strategy_may_follow_all_leaders_but_some() {
    let bo = ADA.replace("Ada", "Bo").replace("01\"", "02\"");
    let text = |lines: &str| format!("{ADA}{bo}[[strategy]]\nname = \"s\"\n{lines}\npaper = {{ capital_usdc = 5 }}");
    let followed = |lines: &str| load(&text(lines)).expect("right").strategies[0].leaders.clone();
    assert_eq!(followed("leaders = [\"*\"]"), [0, 1]);
    assert_eq!(followed("leaders = [\"*\"]\nleaders_deny = [\"Ada\"]"), [1]);
    assert_eq!(followed("leaders = [\"Bo\"]"), [1]);
    let check = |lines: &str, expected: &[&str]| assert_eq!(mistakes(&text(lines)), expected, "{lines}");
    check("leaders = [\"*\", \"Ada\"]", &["9:11 strategy 1.leaders: names leaders beside \"*\", which is all of them"]);
    check(
        "leaders = [\"Ada\"]\nleaders_deny = [\"Ada\"]",
        &["10:16 strategy 1.leaders_deny: leaves no leader to follow"],
    );
    check(
        "leaders = [\"*\"]\nleaders_deny = [\"Eve\"]",
        &["10:17 strategy 1.leaders_deny: \"Eve\" is not a declared leader; there are: Ada, Bo"],
    );
    check(
        "leaders = [\"*\"]\ntags_deny = [\"!\"]",
        &["10:14 strategy 1.tags_deny: \"!\" has neither a letter nor a digit"],
    );
}

#[test]
fn what_waits_and_what_leaders_may_do_is_read_within_its_range() {
    let with = |lines: &str| {
        format!("{ADA}[[strategy]]\nname=\"s\"\nleaders=[\"Ada\"]\n[strategy.paper]\ncapital_usdc=9\n{lines}")
    };
    let check = |line: &str, expected: &str| {
        let expected: Vec<String> = if expected.is_empty() { vec![] } else { vec![expected.to_owned()] };
        assert_eq!(mistakes(&with(line)), expected, "{line}");
    };
    check("buffer_window_s = 86401", "9:19 strategy 1.paper.buffer_window_s: 86401 is above 86400");
    check("buffer_netting = true", "9:18 strategy 1.paper.buffer_netting: is the switch true, not one of the words");
    check("reentry_s_min = -1", "9:17 strategy 1.paper.reentry_s_min: -1 is below 0");
    check("round_trips_max = 1.5", "9:19 strategy 1.paper.round_trips_max: 1.5 is not a whole number");
    check("median_factor_max = 1001", "9:21 strategy 1.paper.median_factor_max: 1001 is above 1000");
    check("probation_trades = 100001", "9:20 strategy 1.paper.probation_trades: 100001 is above 100000");
    check("probation_percent = 0", "9:21 strategy 1.paper.probation_percent: 0 is below 0.0001");
    check("hedges = \"yes\"", "9:10 strategy 1.paper.hedges: \"yes\" is not one of the words");
    let lines = "buffer_window_s = 9\nbuffer_netting = \"off\"\nreentry_s_min = 600\nround_trips_max = 0\n\
                 median_factor_max = 2.5\nprobation_trades = 50\nprobation_percent = 20\nhedges = \"skip\"";
    let settings = load(&with(lines)).expect("right").strategies[0].settings;
    assert_eq!(settings.buffer, Buffer { window: Nanos::from_secs(9), netting: Netting::Off });
    let conduct = Conduct {
        reentry_min: Nanos::from_secs(600),
        round_trips_max: 0,
        median_factor_ppm_max: 2_500_000,
        probation_trades: 50,
        probation_ppm: 200_000,
        hedges: Hedges::Skipped,
    };
    assert_eq!(settings.conduct, conduct);
}

#[test]
fn a_leaders_capital_may_be_said_and_must_be_right_then() {
    let capital = |line: &str| load(&format!("{ADA}{line}")).expect("right").leaders[0].capital;
    assert_eq!((capital(""), capital("capital_usdc = 2500.5")), (None, Some(Usdc(2_500_500_000))));
    let wrong = mistakes(&format!("{ADA}capital_usdc = 0"));
    assert_eq!(wrong, ["4:16 leader 1.capital_usdc: 0 is below 1"]);
}

#[test]
fn all_mistakes_are_reported_at_once_each_once_and_in_order() {
    let text = format!(
        "[strategy_default.paper]\nprice_guard_buy_percent = 200\nspread = 1\n{ADA}
[[strategy]]\nname = \"a\"\nleaders = [\"Ada\"]\npaper = {{ capital_usdc = 0 }}
[[strategy]]\nname = \"b\"\nleaders = [\"Ada\"]\npaper = {{ capital_usdc = 5 }}\n"
    );
    let expected = [
        "2:27 strategy_default.paper.price_guard_buy_percent: 200 is above 100",
        "3:1 strategy_default.paper.spread: is not a key that exists here",
        "11:26 strategy 1.paper.capital_usdc: 0 is below 1",
    ];
    assert_eq!(mistakes(&text), expected);
    let printed = load(&text).expect_err("three mistakes").to_string();
    let lines: Vec<&str> = printed.lines().collect();
    assert_eq!(
        lines[0],
        "mistake 1 of 3: my.toml:2:27: strategy_default.paper.price_guard_buy_percent: 200 is above 100"
    );
    assert_eq!(lines[1], "    | price_guard_buy_percent = 200");
    assert_eq!(lines[2], "    |                           ^^^");
    assert_eq!(lines[3], "    allowed: 0 to 100");
    assert_eq!(lines[4], "    fix: the default is: price_guard_buy_percent = 2");
    assert!(printed.contains("fix: did you mean `spread_buy_max`?"), "{printed}");
}

#[test]
fn the_address_of_a_node_may_hold_a_key_and_is_not_shown() {
    let load = |rpc_url: &str| {
        let text = format!("[chain]\nrpc_url = \"{rpc_url}\"\n");
        Config::load(&Written::Text { name: "test".to_owned(), text }, &Overrides::default())
    };
    for (url, shown) in [
        ("https://node.example/v2/secret", "https://node.example/***"),
        ("https://node.example:8545/?key=secret", "https://node.example:8545/***"),
        ("http://127.0.0.1:8545", "http://127.0.0.1:8545"),
    ] {
        let config = load(url).expect("an address");
        assert_eq!(config.chain.rpc_url.as_deref(), Some(url));
        let text = config.show();
        assert!(text.contains(&format!("rpc_url = \"{shown}\"")) && !text.contains("secret"), "{text}");
    }
    for url in ["http://node.example/secret", "ftp://secret", "secret"] {
        let said = load(url).expect_err("no address").to_string();
        assert!(said.contains("chain.rpc_url: is no such address"), "{said}");
    }
    let text = "[chain]\nrelayer_key = \"keystore:/secret\"\n".to_owned();
    let wrong = Config::load(&Written::Text { name: "test".to_owned(), text }, &Overrides::default());
    assert!(wrong.expect_err("no keystore").to_string().contains("not in a keystore"));
}

#[test]
fn what_the_command_line_says_wins_and_is_checked_too() {
    let file = Written::Text { name: "my.toml".into(), text: "[web]\nlisten = \"127.0.0.1:1\"".into() };
    let overrides = Overrides {
        data: Some("/srv/remora".into()),
        listen: Some("127.0.0.1:2".into()),
        database_url: Some("postgres://me:secret@db/remora?password=secret".into()),
        log_level: Some(LogLevel::Debug),
    };
    let config = Config::load(&file, &overrides).expect("right");
    assert_eq!(config.data.dir, PathBuf::from("/srv/remora"));
    assert_eq!(config.web.listen.port(), 2);
    assert_eq!(config.log.level, LogLevel::Debug);
    assert!(config.store.database_url.as_ref().is_some_and(|url| url.contains("me:secret@")));
    let shown = config.show();
    assert!(shown.contains("listen = \"127.0.0.1:2\"  # --listen or REMORA_LISTEN"), "{shown}");
    assert!(!shown.contains("secret") && shown.contains("postgres://me:***@db/remora"), "{shown}");

    let overrides = Overrides { listen: Some("here".into()), ..Overrides::default() };
    let problems = Config::load(&file, &overrides).expect_err("not an address");
    assert!(problems.to_string().starts_with("mistake 1 of 1: --listen or REMORA_LISTEN: web.listen: \"here\" is not"));
}

#[test]
fn the_hash_follows_the_settings_and_not_their_spelling() {
    let hash = |text: &str| load(text).expect("right").hash();
    let (spelled, again) = (hash("[paper]\nfill_delay_ms = 300"), hash("# x\n[paper]\n  fill_delay_ms = 300.0\n"));
    assert_eq!(spelled, again);
    assert_ne!(spelled, hash("[paper]\nfill_delay_ms = 301"));
    assert_eq!(hash(""), hash("[paper]\nfill_delay_ms = 250"));
}

#[test]
fn what_is_shown_can_be_read_again() {
    let config = load(DEMO).expect("right");
    let again = load(&config.show()).expect("what is shown is right");
    assert_eq!((config.hash(), &config.strategies), (again.hash(), &again.strategies));
}

/// A strategy `s` with these tables.
fn strategy(tables: &str) -> Result<StrategyConfig, Problems> {
    let text = format!("{ADA}[[strategy]]\nname = \"s\"\nleaders = [\"Ada\"]\n{tables}\n");
    load(&text).map(|config| config.strategies[0].clone())
}

#[test]
fn a_limit_is_dollars_a_percentage_of_the_capital_or_none() {
    let limit = |written: &str| {
        let table = format!("[strategy.paper]\ncapital_usdc = 2000\nmarket_usdc_max = {written}");
        strategy(&table).map(|strategy| strategy.settings.limits.market_usdc_max)
    };
    assert_eq!(limit("12.5").expect("right"), Usdc(12_500_000));
    assert_eq!(limit("\"2.5%\"").expect("right"), Usdc::whole(50));
    assert_eq!(limit("\"none\"").expect("right"), Limits::NONE);
    let check = |written: &str, wrong: &str| {
        let problems = limit(written).expect_err("wrong").0;
        assert_eq!(problems.iter().map(|problem| problem.wrong.as_str()).collect::<Vec<_>>(), [wrong], "{written}");
        let allowed = "1 to 100000000, a percentage of the capital such as \"5%\", or \"none\"";
        assert_eq!(problems[0].allowed, allowed);
    };
    check("0.99", "0.99 is below 1");
    check("100000001", "100000001 is above 100000000");
    check("\"0%\"", "\"0%\" is nothing of the capital");
    check("\"1001%\"", "\"1001%\" is above 1000%");
    check("\"much\"", "\"much\" is neither a percentage nor \"none\"");
    check("\"x%\"", "`x` is not a number that can be kept exactly");
    check("true", "is the switch true, not a number");
}

#[test]
fn each_limit_out_of_its_range_is_a_mistake() {
    for (written, wrong) in [
        ("preset = \"bold\"", "\"bold\" is not one of the words"),
        ("event_usdc_max = 0", "0 is below 1"),
        ("leader_usdc_max = 0", "0 is below 1"),
        ("day_usdc_max = 0", "0 is below 1"),
        ("leader_day_usdc_max = 0", "0 is below 1"),
        ("day_loss_usdc_max = 0", "0 is below 0.01"),
        ("leader_day_loss_usdc_max = 0", "0 is below 0.01"),
        ("leader_loss_usdc_max = 0", "0 is below 0.01"),
        ("drawdown_percent_max = 101", "101 is above 100"),
        ("losses_in_row_max = 1001", "1001 is above 1000"),
        ("breaker_reset = \"never\"", "\"never\" is not one of the words"),
        ("orders_per_minute_max = 241", "241 is above 240"),
        ("unknown_orders_max = 1001", "1001 is above 1000"),
        ("unknown_burst_max = 17", "17 is above 16"),
        ("balance_low_usdc = -1", "-1 is below 0"),
    ] {
        let problems = strategy(&format!("[strategy.paper]\ncapital_usdc = 1000\n{written}")).expect_err("wrong").0;
        assert_eq!(problems.iter().map(|problem| problem.wrong.as_str()).collect::<Vec<_>>(), [wrong], "{written}");
    }
    let check = |text: &str, expected: &str| assert_eq!(mistakes(text), [expected], "{text}");
    check("[ceilings]\norders_per_second_max = 1001", "2:25 ceilings.orders_per_second_max: 1001 is above 1000");
    check("[ceilings]\nusdc_per_minute_max = -1", "2:23 ceilings.usdc_per_minute_max: -1 is below 0");
    check("[ceilings]\nusdc_per_order_max = -1", "2:22 ceilings.usdc_per_order_max: -1 is below 0");
    let on = "wallet.key: is empty, and live.switch is \"on\": nothing could be signed";
    assert!(mistakes("[live]\nswitch = \"on\"").iter().any(|said| said.ends_with(on)));
    // The key itself where its place belongs: said once, and not repeated.
    let itself = mistakes(&format!("[live]\nswitch = \"on\"\n[wallet]\nkey = \"{}\"", "ab".repeat(32)));
    assert!(itself.len() == 1 && !itself[0].contains("abab"), "{itself:?}");
    // Nor is the line shown that a key, or an address with one, stands in: of a wrong value, an unknown key, or no TOML at all.
    let key = "ab".repeat(32);
    for text in [
        format!("[wallet]\nkey = \"{key}\""),
        format!("[wallet]\nprivate_key = \"0x{key}\""),
        format!("key = {key}\"\n"),
        "[chain]\nrpc_url = \"htps://node.example/abababab\"".to_owned(),
    ] {
        let said = load(&text).expect_err("wrong").to_string();
        assert!(!said.contains("abab"), "{said}");
    }
    let whole = load("[live]\nswitch = \"on\"\n[wallet]\nkey = \"credential:remora-key\"").expect("right");
    assert_eq!(whole.live.switch, LiveSwitch::On);
    check("[live]\nswitch = \"half\"", "2:10 live.switch: \"half\" is not one of the words");
    assert_eq!(load("[live]\nswitch = \"shadow\"").expect("right").live.switch, LiveSwitch::Shadow);
    assert_eq!(load("").expect("right").live.switch, LiveSwitch::Off);
}

/// Binds: preset.
#[test]
fn a_preset_fills_what_its_table_does_not_say() {
    let told = |table: &str| {
        let settings = strategy(&format!("[strategy.paper]\ncapital_usdc = 1000\n{table}")).expect("right").settings;
        let Limits { exposure_usdc_max, day_usdc_max, day_loss_usdc_max, drawdown_ppm_max, .. } = settings.limits;
        let dollars = [settings.sizing.order_usdc_max, exposure_usdc_max, day_usdc_max, day_loss_usdc_max];
        let dollars = dollars.map(|limit| if limit == Limits::NONE { None } else { Some(limit.0 / 1_000_000) });
        (dollars, drawdown_ppm_max)
    };
    // Dollars a trade, exposure, a day, lost a day, drawdown: SPEC.md R4.
    let conservative = ([Some(50), Some(500), Some(100), Some(50)], 100_000);
    assert_eq!(told(""), conservative);
    assert_eq!(told("preset = \"conservative\""), conservative);
    assert_eq!(told("preset = \"moderate\""), ([Some(100), None, Some(250), Some(100)], 200_000));
    assert_eq!(told("preset = \"aggressive\""), ([None, None, None, Some(200)], 300_000));
    // What the table says itself wins; what the file says for all strategies does not.
    let own = "preset = \"aggressive\"\nday_usdc_max = 75";
    assert_eq!(told(own), ([None, None, Some(75), Some(200)], 300_000));
    let text = format!(
        "[strategy_default.paper]\npreset = \"moderate\"\nday_loss_usdc_max = 5\n{ADA}
[[strategy]]\nname = \"a\"\nleaders = [\"Ada\"]\npaper = {{ capital_usdc = 100, preset = \"aggressive\" }}
[[strategy]]\nname = \"b\"\nleaders = [\"Ada\"]\npaper = {{ capital_usdc = 100, preset = \"none\" }}\n
[[strategy]]\nname = \"c\"\nleaders = [\"Ada\"]\npaper = {{ capital_usdc = 100 }}\n"
    );
    let config = load(&text).expect("right");
    let of = |index: usize| {
        let Limits { day_loss_usdc_max, drawdown_ppm_max, .. } = config.strategies[index].settings.limits;
        (day_loss_usdc_max, drawdown_ppm_max)
    };
    assert_eq!(
        [of(0), of(1), of(2)],
        [(Usdc::whole(200), 300_000), (Usdc::whole(5), 100_000), (Usdc::whole(5), 200_000)]
    );
    let again = load(&config.show()).expect("what is shown is right");
    assert_eq!((config.hash(), &config.strategies), (again.hash(), &again.strategies));
}

#[test]
fn live_says_only_what_differs_from_paper_and_its_own_capital() {
    let tables = "[strategy.paper]\ncapital_usdc = 1000\nsize_usdc = 20\nspread_buy_max = 0.01\n";
    assert_eq!(strategy(tables).expect("right").live, None);
    let with = format!("{tables}[strategy.live]\ncapital_usdc = 300\nsize_usdc = 10\n");
    let told = strategy(&with).expect("right");
    let live = told.live.expect("a live table");
    assert_eq!((told.capital, live.capital), (Usdc::whole(1_000), Usdc::whole(300)));
    assert_eq!(
        (told.settings.sizing.rule, live.settings.sizing.rule),
        (SizeRule::Fixed(Usdc::whole(20)), SizeRule::Fixed(Usdc::whole(10)))
    );
    assert_eq!(live.settings.guards, told.settings.guards);
    // A percentage is of its own capital.
    assert_eq!(live.settings.limits.day_usdc_max, Usdc::whole(30));
    assert_eq!(told.portfolio(Mode::Live), Some(live));

    let wrongs = |tables: &str| -> Vec<String> {
        strategy(tables)
            .expect_err("wrong")
            .0
            .iter()
            .map(|problem| format!("{}: {}", problem.key, problem.wrong))
            .collect()
    };
    let missing = wrongs(&format!("{tables}[strategy.live]\nsize_usdc = 10\n"));
    assert_eq!(missing, ["strategy 1.paper.capital_usdc: is missing for live: paper's is not taken over"]);
    let unknown = wrongs(&format!("{with}sizes = 3\n"));
    assert_eq!(unknown, ["strategy 1.live.sizes: is not a key that exists here"]);
    assert_eq!(
        mistakes("[strategy_default.live]\nsize_usdc = 0"),
        ["2:13 strategy_default.live.size_usdc: 0 is below 0.01"]
    );
    let text = format!(
        "[strategy_default.live]\nsize_usdc = 5\n{ADA}[[strategy]]\nname = \"s\"\nleaders = [\"Ada\"]\n{tables}[strategy.live]\ncapital_usdc = 300\n"
    );
    let config = load(&text).expect("right");
    let size = |told: PortfolioConfig| told.settings.sizing.rule;
    assert_eq!(config.strategies[0].portfolio(Mode::Live).map(size), Some(SizeRule::Fixed(Usdc::whole(5))));
    let again = load(&config.show()).expect("what is shown is right");
    assert_eq!((config.hash(), &config.strategies), (again.hash(), &again.strategies));
}

#[test]
fn a_leader_may_have_several_wallets_each_once() {
    let check = |text: &str, expected: &[&str]| assert_eq!(mistakes(text), expected, "{text}");
    let wallets = |wallets: &str| format!("{ADA}[[leader]]\nname = \"Bo\"\nwallets = {wallets}");
    let [one, two] = ["0x1ead000000000000000000000000000000000001", "0x2EAD000000000000000000000000000000000002"];
    check(&wallets(&format!("[{two:?}]")), &[]);
    let has = "6:11 leader 2.wallets: the leader \"Ada\" already has the wallet";
    check(&wallets(&format!("[{two:?}, {one:?}]")), &[&format!("{has} {one}")]);
    let twice = wallets(&format!("[{two:?}, {:?}]", two.to_lowercase()));
    check(&twice, &[&format!("6:11 leader 2.wallets: has {} twice", two.to_lowercase())]);
    check(&wallets("[]"), &["6:11 leader 2.wallets: is empty"]);
    check(&wallets("[\"0x12\"]"), &["6:12 leader 2.wallets: has 2 digits after 0x"]);
    let many: Vec<String> = (1..=17).map(|n| format!("\"0x{n:040x}\"")).collect();
    check(&wallets(&format!("[{}]", many.join(","))), &["6:11 leader 2.wallets: are 17"]);
    let both = format!("{}wallets = [{two:?}]", ADA);
    check(&both, &["4:11 leader 1.wallets: stands beside wallet"]);
    let bo = load(&wallets(&format!("[{two:?}, \"0x{:040x}\"]", 3))).expect("right").leaders.remove(1);
    assert_eq!(bo.wallets, [two.to_lowercase(), format!("0x{:040x}", 3)]);
}
