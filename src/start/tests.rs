//! Start-up after real sessions: a journal is written, left, and opened again.

use std::path::Path;

use super::*;
use crate::{
    config::{Overrides, Written},
    domain::{Input, LeaderId, LeaderTrade, Market, Millis, Price, Role, Shares, Side, Source, TradeKey, input::Best},
    journal,
    metrics::Stages,
};

const SMALL: journal::Options =
    journal::Options { segment_bytes: 4 << 20, sync_interval: std::time::Duration::from_millis(5) };
const START: Nanos = Nanos::from_secs(1_000_000);
const TOKEN: TokenId = TokenId(0);
const CONDITION: &str = "0xcccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc";
const WALLET: &str = "0x1ead000000000000000000000000000000000001";

/// Settings with these strategies, each `name: what its paper table says`, and filters.
fn config(strategies: &[(&str, &str, &str)]) -> Config {
    let mut text = format!("leader = [{{ name = \"Ada\", wallet = \"{WALLET}\" }}]\n");
    for (name, paper, filter) in strategies {
        text += &format!("[[strategy]]\nname = \"{name}\"\nleaders = [\"Ada\"]\n{filter}\npaper = {{ {paper} }}\n");
    }
    let source = Written::Text { name: "test".to_owned(), text };
    Config::load(&source, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn started(dir: &Path, config: &Config, at: Nanos) -> Result<(Core<Journal>, Names, Vec<Notice>), StartError> {
    let (journal, _) = Journal::open(dir, &SMALL)?;
    recovered(config, journal, &process("boot"), Stages::new().recorder(), at)
}

fn process(boot: &str) -> Process {
    Process { boot: boot.to_owned(), wallet: None }
}

fn about() -> MarketAbout<'static> {
    let (event, tags) = ("weather-this-week", Some("up-or-down weather"));
    MarketAbout { condition: CONDITION, slug: "rain", event, tags, ..MarketAbout::default() }
}

/// Announces the token as the hot thread does.
fn announce(core: &mut Core<Journal>) {
    core.log.reserve(2).expect("room");
    core.log.append(core.now(), &Record::Token { id: TOKEN, text: "77" });
    core.engine.install_token(TOKEN);
    core.log.append(core.now(), &Record::Market { token: TOKEN, market: Market::COMMON, about: about() });
    core.handle(core.now(), &Input::MarketKnown { token: TOKEN, market: Market::COMMON }).expect("room");
}

/// A fresh book at `now`, and a trade of the leader.
fn trade(core: &mut Core<Journal>, number: u64) {
    trade_of(core, number, LeaderId(0));
}

fn trade_of(core: &mut Core<Journal>, number: u64, leader: LeaderId) {
    let (token, at) = (TOKEN, Millis(core.now().as_millis()));
    let price = |micros| Price::from_micros(micros).expect("a price");
    let level = |side, micros| Input::Level { token, side, price: price(micros), size: Shares::whole(9_000) };
    let fill = LeaderTrade {
        trade: TradeKey([number, 1]),
        leader,
        token,
        side: Side::Buy,
        price: price(500_000),
        shares: Shares::whole(400),
        role: Role::Unknown,
        source: Source::Activity,
        traded_at: core.now(),
    };
    let done = Input::BookDone { token, at, best: Best::Unstated };
    let snapshot = Input::Snapshot { token, at };
    for input in [snapshot, level(Side::Buy, 490_000), level(Side::Sell, 500_000), done, Input::LeaderTrade(fill)] {
        core.handle(core.now(), &input).expect("room");
    }
}

/// A session that bought once.
fn session(dir: &Path, config: &Config) -> Core<Journal> {
    let (mut core, _, notices) = started(dir, config, START).expect("started");
    assert_eq!(notices, Vec::<Notice>::new());
    announce(&mut core);
    trade(&mut core, 1);
    core.advance(START.plus(Nanos::from_secs(1))).expect("room");
    assert_eq!((core.tally.fills, core.engine.positions().open()), (1, 1));
    core
}

#[test]
fn a_second_start_finds_the_state_the_names_and_the_portfolios_of_the_first() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = config(&[("a", "capital_usdc = 1000", "")]);
    let mut core = session(dir.path(), &config);
    let state = core.engine.state_hash();
    core.log.reserve(1).expect("room");
    core.log.append(core.now(), &Record::Checkpoint { state });
    let before = core.now();
    drop(core);
    let (core, names, notices) = started(dir.path(), &config, before).expect("started again");
    assert_eq!((core.engine.state_hash(), notices), (state, vec![]));
    assert_eq!((names.registry.token_text(TOKEN), names.registry.leader_wallet(LeaderId(0))), ("77", WALLET));
    assert_eq!(names.portfolios, [("a".to_owned(), Mode::Paper)]);
    assert_eq!((names.markets[0].condition.as_str(), names.markets[0].slug.as_str()), (CONDITION, "rain"));
}

#[test]
fn capital_follows_the_settings_as_far_as_it_is_available() {
    let dir = tempfile::tempdir().expect("a folder");
    let with = |capital: &str| config(&[("a", &format!("capital_usdc = {capital}"), "")]);
    let mut at = session(dir.path(), &with("1000")).now();
    for (capital, deposits, notice) in [("1500", 1_500, None), ("1200", 1_200, None), ("10", 50, Some("$40 of it"))] {
        at = at.plus(Nanos::from_secs(1));
        let (core, _, notices) = started(dir.path(), &with(capital), at).expect("started");
        assert_eq!(core.engine.portfolios()[0].ledger.deposits(), Usdc::whole(deposits), "{notices:?}");
        assert_eq!(notices.len(), usize::from(notice.is_some()));
        assert!(notice.is_none_or(|text| notices[0].contains(text)), "{notices:?}");
    }
}

#[test]
fn a_strategy_that_left_the_settings_is_named_while_it_holds_something() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(session(dir.path(), &config(&[("a", "capital_usdc = 1000", "")])));
    let later = START.plus(Nanos::from_secs(9));
    let other = config(&[("b", "capital_usdc = 500", "")]);
    let (mut core, names, notices) = started(dir.path(), &other, later).expect("started");
    assert!(matches!(&notices[..], [one] if one.contains("\"a\" is not in the settings any more")), "{notices:?}");
    assert_eq!(names.portfolios.len(), 2);
    trade(&mut core, 2);
    // Only the one in the settings goes on.
    assert_eq!(core.tally.orders, 1);
    assert!(core.engine.orders().iter().all(|order| order.submitted.portfolio == PortfolioId(1)));
}

/// Binds: markets_allow, markets_deny, tags_allow, tags_deny.
#[test]
fn market_filters_bind_by_token_condition_slug_and_tag() {
    let dir = tempfile::tempdir().expect("a folder");
    drop(session(dir.path(), &config(&[("a", "capital_usdc = 1000", "")])));
    let filters = [
        ("markets_deny = [\"77\"]", true),
        ("markets_deny = [\"0xcccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc\"]", true),
        ("markets_deny = [\"rain\"]", true),
        ("markets_deny = [\"snow\"]", false),
        ("markets_allow = [\"rain\"]", false),
        ("markets_allow = [\"77\", \"snow\"]", false),
        ("markets_allow = [\"snow\"]", true),
        ("tags_deny = [\"Up or Down\"]", true),
        ("tags_deny = [\"Sports\"]", false),
        ("tags_allow = [\"Weather\", \"Sports\"]", false),
        ("tags_allow = [\"Sports\"]", true),
    ];
    for (number, (filter, is_denied)) in filters.into_iter().enumerate() {
        let later = START.plus(Nanos::from_secs(10 + 10 * number as u64));
        let none = "market_usdc_max = \"none\", event_usdc_max = \"none\", day_usdc_max = \"none\", leader_day_usdc_max = \"none\"";
        let paper = format!("capital_usdc = 1000, position_usdc_max = 2000, exposure_usdc_max = 2000, {none}");
        let config = config(&[("a", &paper, filter)]);
        let (mut core, ..) = started(dir.path(), &config, later).expect("started");
        trade(&mut core, 2 + number as u64);
        let skips: Vec<_> = core.tally.skips().collect();
        let expected: &[(&str, u64)] = if is_denied { &[("market_denied", 1)] } else { &[] };
        assert_eq!((skips.as_slice(), core.tally.orders), (expected, u64::from(!is_denied)), "{filter}");
    }
}

#[test]
fn the_tokens_of_a_market_share_its_ids_also_after_a_restart() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = config(&[("a", "capital_usdc = 1000", "")]);
    let mut core = session(dir.path(), &config);
    let other = MarketAbout { condition: "0xother", slug: "snow", ..about() };
    core.log.reserve(4).expect("room");
    for (number, text, about) in [(1, "78", about()), (2, "79", other)] {
        let token = TokenId(number);
        core.log.append(core.now(), &Record::Token { id: token, text });
        core.log.append(core.now(), &Record::Market { token, market: Market::COMMON, about });
    }
    drop(core);
    let (mut core, mut names, _) = started(dir.path(), &config, START.plus(Nanos::from_secs(9))).expect("started");
    let ids = |core: &Core<Journal>| {
        let tokens = core.engine.tokens().iter();
        tokens.map(|token| (token.market.condition.0, token.market.venue_event.0)).collect::<Vec<_>>()
    };
    assert_eq!(ids(&core), [(1, 1), (1, 1), (2, 1)]);
    assert_eq!(names.markets[0].tags, Some(vec!["up-or-down".to_owned(), "weather".to_owned()]));
    let new = MarketName { condition: "0xnew".to_owned(), event: "alone".to_owned(), ..MarketName::default() };
    let market = names.identified(Market::COMMON, &new);
    assert_eq!((market.condition.0, market.venue_event.0), (3, 2));

    // A record with other ids than its texts lead to was not written by this program.
    core.log.reserve(1).expect("room");
    core.log.append(core.now(), &Record::Market { token: TOKEN, market, about: about() });
    drop(core);
    let error = started(dir.path(), &config, START.plus(Nanos::from_secs(10))).err().expect("refused");
    assert!(matches!(error, StartError::OutOfOrder { what: "condition", .. }), "{error}");
}

#[test]
fn a_checkpoint_that_differs_stops_the_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = config(&[("a", "capital_usdc = 1000", "")]);
    let mut core = session(dir.path(), &config);
    let rebuilt = core.engine.state_hash();
    core.log.reserve(1).expect("room");
    let seq = core.log.append(core.now(), &Record::Checkpoint { state: rebuilt ^ 1 });
    drop(core);
    let error = started(dir.path(), &config, START.plus(Nanos::from_secs(9))).err().expect("refused");
    let expected = (seq, rebuilt ^ 1, rebuilt);
    assert!(
        matches!(error, StartError::StateDiffers { seq, written, rebuilt } if (seq, written, rebuilt) == expected),
        "{error}"
    );
    assert!(error.to_string().contains("fix: "), "{error}");
}

#[test]
fn paper_orders_of_a_process_that_is_gone_end_as_rejected() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = config(&[("a", "capital_usdc = 1000, position_usdc_max = 900", "")]);
    let mut core = session(dir.path(), &config);
    // Beyond the window of the first trade's group.
    core.advance(START.plus(Nanos::from_secs(5))).expect("room");
    trade(&mut core, 2);
    assert_eq!(core.engine.orders().open(), 1);
    drop(core);
    let (core, ..) = started(dir.path(), &config, START.plus(Nanos::from_secs(9))).expect("started");
    assert_eq!((core.engine.orders().open(), core.tally.rejections.iter().sum::<u64>()), (0, 1));
    let mut ends = vec![];
    let tail = core.log.tail();
    let read: Result<u64, JournalError> = recover(core.log.dir(), &tail, |_, _, record| {
        if let Record::Event(crate::domain::Event::Closed { end, .. }) = record {
            ends.push(end.code());
        }
        Ok(())
    });
    read.expect("whole");
    assert_eq!(ends, ["filled", "rejected_venue_restarted"]);
}

#[test]
fn a_second_engine_on_the_same_data_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = config(&[("a", "capital_usdc = 1000", "")]);
    let _first = session(dir.path(), &config);
    let error = started(dir.path(), &config, START).err().expect("refused");
    assert!(matches!(error, StartError::Journal(JournalError::InUse { .. })), "{error}");
}

/// Settings with one strategy in both modes, and these sections.
fn both(sections: &str) -> Config {
    let tables = "[strategy.paper]\ncapital_usdc = 1000\n[strategy.live]\ncapital_usdc = 300\nsize_usdc = 10\n";
    let leader = format!("[[leader]]\nname = \"Ada\"\nwallet = \"{WALLET}\"\n");
    let text = format!("{sections}\n{leader}[[strategy]]\nname = \"a\"\nleaders = [\"Ada\"]\n{tables}");
    let source = Written::Text { name: "test".to_owned(), text };
    Config::load(&source, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

#[test]
fn a_live_table_makes_a_portfolio_beside_papers_that_sends_nothing() {
    let dir = tempfile::tempdir().expect("a folder");
    let (mut core, names, _) = started(dir.path(), &both("[live]\nswitch = \"shadow\""), START).expect("started");
    assert_eq!(names.portfolios, [("a".to_owned(), Mode::Paper), ("a".to_owned(), Mode::Live)]);
    let deposits: Vec<Usdc> = core.engine.portfolios().iter().map(|portfolio| portfolio.ledger.deposits()).collect();
    assert_eq!(deposits, [Usdc::whole(1_000), Usdc::whole(300)]);
    announce(&mut core);
    trade(&mut core, 1);
    core.advance(START.plus(Nanos::from_secs(1))).expect("room");
    // Two orders were decided, one is a shadow, one was filled.
    assert_eq!((core.tally.orders, core.tally.fills, core.engine.orders().open()), (2, 1, 0));
    assert!(core.engine.positions().iter().all(|position| position.portfolio == PortfolioId(0)));
    // The operator closes the switch: no start opens it again.
    core.handle(core.now(), &Input::SwitchLive { to: crate::domain::LiveSwitch::Off }).expect("room");
    let at = core.now();
    drop(core);
    let (core, ..) = started(dir.path(), &both("[live]\nswitch = \"shadow\""), at).expect("started");
    assert_eq!(core.engine.switches().live(), crate::domain::LiveSwitch::Off);
}

#[test]
fn what_the_operator_brought_survives_a_start() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = config(&[("a", "capital_usdc = 1000", "")]);
    let mut core = session(dir.path(), &config);
    core.handle(core.now(), &Input::Deposit { portfolio: PortfolioId(0), amount: Usdc::whole(77) }).expect("room");
    let at = core.now();
    drop(core);
    let (core, _, notices) = started(dir.path(), &config, at).expect("started");
    assert_eq!((core.engine.portfolios()[0].ledger.deposits(), notices.len()), (Usdc::whole(1_077), 0));
}

/// A core whose live orders go to a simulated venue, under these ceilings; it decided one trade.
fn live_core(dir: &Path, orders: u32, minute: i64, each: i64) -> Core<Journal> {
    let config = both("");
    let (journal, _) = Journal::open(dir, &SMALL).expect("opened");
    let mut engine = Engine::new(Options { live_orders: LiveOrders::Ready, ..engine_options(&config) });
    engine.install_token(TOKEN);
    engine.set_market(TOKEN, Market::COMMON);
    for (id, mode) in [(PortfolioId(0), Mode::Paper), (PortfolioId(1), Mode::Live)] {
        engine.install_portfolio(id, mode, config.strategies[0].portfolio(mode).expect("both").settings);
        engine.follow(LeaderId(0), id);
    }
    let mut core = Core::new(engine, Paper::new(paper_options(&config)), journal, Stages::new().recorder());
    core.set_live(Paper::new(paper_options(&config)));
    core.set_ceilings(crate::config::CeilingsConfig {
        orders_per_second_max: orders,
        usdc_per_minute_max: Usdc::whole(minute),
        usdc_per_order_max: Usdc::whole(each),
    });
    core.advance(START).expect("room");
    for portfolio in [PortfolioId(0), PortfolioId(1)] {
        core.handle(START, &Input::Deposit { portfolio, amount: Usdc::whole(300) }).expect("room");
    }
    core.handle(START, &Input::SwitchLive { to: crate::domain::LiveSwitch::On }).expect("room");
    trade(&mut core, 1);
    core
}

#[test]
fn a_ceiling_ends_a_live_order_before_it_leaves_and_never_papers() {
    let ends = |orders: u32, minute: i64, each: i64| {
        let dir = tempfile::tempdir().expect("a folder");
        let mut core = live_core(dir.path(), orders, minute, each);
        core.advance(START.plus(Nanos::from_secs(3))).expect("room");
        trade(&mut core, 2);
        core.advance(START.plus(Nanos::from_secs(6))).expect("room");
        let live = core.engine.portfolios()[1].ledger;
        assert_eq!(core.engine.portfolios()[0].ledger.locked(), Usdc::whole(100), "paper");
        assert_eq!(live.held(), Usdc::whole(300));
        let mut ends = vec![];
        let tail = core.log.tail();
        let read: Result<u64, JournalError> = recover(core.log.dir(), &tail, |_, _, record| {
            if let Record::Event(crate::domain::Event::Closed { order, end, .. }) = record
                && crate::domain::OrderId::LIVE < order
            {
                ends.push(end.code());
            }
            Ok(())
        });
        read.expect("whole");
        ends.join(" ")
    };
    assert_eq!(ends(0, 0, 0), "filled filled");
    assert_eq!(ends(1, 20, 10), "filled filled");
    assert_eq!(ends(0, 0, 9), "not_sent_dollars_per_order not_sent_dollars_per_order");
    assert_eq!(ends(0, 19, 0), "filled not_sent_dollars_per_minute");
}

#[test]
fn live_orders_without_a_venue_do_not_leave() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = both("");
    let (mut core, ..) = started(dir.path(), &config, START).expect("started");
    // As if a fault of ours had opened the switch: the last look is where orders leave.
    core.engine = Engine::new(Options { live_orders: LiveOrders::Ready, ..engine_options(&config) });
    core.engine.install_token(TOKEN);
    core.engine.set_market(TOKEN, Market::COMMON);
    core.engine.install_portfolio(PortfolioId(0), Mode::Live, config.strategies[0].settings);
    core.engine.follow(LeaderId(0), PortfolioId(0));
    core.handle(START, &Input::Deposit { portfolio: PortfolioId(0), amount: Usdc::whole(1_000) }).expect("room");
    core.handle(START, &Input::SwitchLive { to: crate::domain::LiveSwitch::On }).expect("room");
    trade(&mut core, 1);
    assert_eq!((core.tally.orders, core.engine.orders().open()), (1, 0));
    assert_eq!(core.engine.portfolios()[0].ledger.locked(), Usdc::ZERO);
}

/// The wallets of one leader are one from the start, in whatever order they come; who holds because of one of them keeps it apart.
#[test]
fn wallets_of_one_leader_are_one_once_nothing_hangs_on_them() {
    let dir = tempfile::tempdir().expect("a folder");
    let [second, third] = [2, 3].map(|n| format!("0x{n:040x}"));
    let with = |wallets: &[&str]| {
        let text = format!(
            "leader = [{{ name = \"Ada\", wallets = {wallets:?} }}]\n[[strategy]]\nname = \"a\"\nleaders = [\"Ada\"]\n\
             paper = {{ capital_usdc = 1000 }}\n"
        );
        Config::load(&Written::Text { name: "test".to_owned(), text }, &Overrides::default()).expect("right")
    };
    let ids = |names: &Names| [WALLET, &second, &third].map(|wallet| names.registry.leader(wallet.as_bytes()));
    let at = session(dir.path(), &with(&[WALLET, &second])).now();
    let (core, names, notices) = started(dir.path(), &with(&[&third, &second, WALLET]), at).expect("started again");
    assert_eq!((ids(&names), notices), ([Some(LeaderId(0)); 3], vec![]));
    assert!(names.known_until.is_some_and(|until| START < until && until <= at));
    drop(core);
    // What was bought because of the first stays his: the second as the only one cannot take it.
    let alone = with(&[&second]);
    let (core, names, _) = started(dir.path(), &alone, at).expect("started again");
    assert_eq!(ids(&names)[..2], [Some(LeaderId(0)), Some(LeaderId(1))]);
    drop(core);
    // Positions hang on a wallet that is not the oldest: it stays apart, and both are followed.
    let other = tempfile::tempdir().expect("a folder");
    let (core, ..) = started(other.path(), &alone, START).expect("started");
    drop(core);
    let (mut core, ..) = started(other.path(), &with(&[WALLET]), START).expect("started");
    announce(&mut core);
    let fill = |leader| LeaderTrade {
        trade: TradeKey([7, 1]),
        leader,
        token: TOKEN,
        side: Side::Sell,
        price: Price::from_micros(490_000).expect("a price"),
        shares: Shares::whole(1),
        role: Role::Unknown,
        source: Source::Activity,
        traded_at: START,
    };
    trade_of(&mut core, 1, LeaderId(1));
    core.advance(START.plus(Nanos::from_secs(1))).expect("room");
    assert_eq!(core.engine.positions().iter().map(|held| held.leader).collect::<Vec<_>>(), [LeaderId(1)]);
    let at = core.now();
    drop(core);
    let (mut core, names, notices) = started(other.path(), &with(&[&second, WALLET]), at).expect("started again");
    assert_eq!(ids(&names)[..2], [Some(LeaderId(1)), Some(LeaderId(0))]);
    assert!(notices.len() == 1 && notices[0].contains("until they are closed"), "{notices:?}");
    core.handle(at, &Input::LeaderTrade(fill(LeaderId(1)))).expect("room");
    assert_eq!(core.engine.positions().iter().filter(|held| held.exit.shares > Shares::ZERO).count(), 1);
}
