//! A journal is written by one process and opened by the next: on another boot, with other settings, for another wallet.

use std::{path::Path, time::Duration};

use super::*;
use crate::{
    config::{Overrides, Written},
    domain::{LiveOrders, PortfolioId},
    journal::{Options, recover},
    metrics::Stages,
    start::recovered,
};

const SMALL: Options = Options { segment_bytes: 4 << 20, sync_interval: Duration::from_millis(5) };
const START: Nanos = Nanos::from_secs(1_000_000);
const LIVE: PortfolioId = PortfolioId(1);

/// Settings under which one strategy may trade with a thousand dollars of paper, and of real money.
fn config(more: &str) -> Config {
    let text = format!(
        "leader = [{{ name = \"Ada\", wallet = \"0x1ead000000000000000000000000000000000001\" }}]\n{more}\n[live]\nswitch = \
         \"on\"\n[wallet]\nkey = \"file:/nowhere\"\n[[strategy]]\nname = \"a\"\nleaders = [\"Ada\"]\npaper = {{ capital_usdc = \
         1000 }}\nlive = {{ capital_usdc = 1000 }}\n"
    );
    let source = Written::Text { name: "test".to_owned(), text };
    Config::load(&source, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn process(boot: &str, wallet: &str) -> Process {
    Process { boot: boot.to_owned(), wallet: Some((wallet.to_owned(), 7)) }
}

type Started = Result<(Core<Journal>, Names, Vec<Notice>), StartError>;

fn started(dir: &Path, config: &Config, process: &Process, at: Nanos) -> Started {
    let (journal, _) = Journal::open(dir, &SMALL)?;
    recovered(config, journal, process, Stages::new().recorder(), at)
}

/// A process on the first boot, in which somebody turned live on.
fn first(dir: &Path, config: &Config) -> Core<Journal> {
    let (mut core, _, notices) = started(dir, config, &process("monday", "0xa"), START).expect("started");
    assert_eq!(notices, Vec::<Notice>::new());
    core.handle(START, &Input::LiveOrders { to: LiveOrders::Ready }).expect("room");
    core.handle(START, &Input::SwitchLive { to: LiveSwitch::On }).expect("room");
    assert_eq!(core.engine.switches().live(), LiveSwitch::On);
    core
}

fn later(secs: u64) -> Nanos {
    START.plus(Nanos::from_secs(secs))
}

#[test]
fn another_wallet_is_refused_and_nothing_is_written() {
    let dir = tempfile::tempdir().expect("a folder");
    let config = config("");
    drop(first(dir.path(), &config));
    let records = || {
        let (journal, found) = Journal::open(dir.path(), &SMALL).expect("opened");
        let mut wallets = vec![];
        let (dir, tail) = (journal.dir().to_owned(), journal.tail());
        let read: Result<u64, StartError> = recover(&dir, &tail, |_, _, record| {
            if let Record::Wallet { address, epoch } = record {
                wallets.push((address.to_owned(), epoch));
            }
            Ok(())
        });
        read.expect("whole");
        (found.records, wallets)
    };
    let before = records();
    assert_eq!(before.1, [("0xa".to_owned(), 7)]);
    let Err(error) = started(dir.path(), &config, &process("monday", "0xb"), later(1)) else { panic!("it started") };
    let error = error.to_string();
    assert!(error.contains("the wallet 0xa, and the settings name 0xb") && error.contains("--data DIR"), "{error}");
    assert_eq!(records(), before);
    // Without live orders there is no wallet to compare.
    let paper = Process { boot: "monday".to_owned(), wallet: None };
    started(dir.path(), &config, &paper, later(1)).expect("started");
    started(dir.path(), &config, &process("monday", "0xa"), later(2)).expect("started");
}

/// Binds: switch. What was on stays on only under the same settings; and once it is off, a later start does not open it.
#[test]
fn live_is_off_after_a_change_of_the_settings_until_somebody_turns_it_on() {
    let dir = tempfile::tempdir().expect("a folder");
    let monday = process("monday", "0xa");
    let live = |core: &mut Core<Journal>| {
        core.handle(core.now(), &Input::LiveOrders { to: LiveOrders::Ready }).expect("room");
        core.engine.switches().live()
    };
    drop(first(dir.path(), &config("")));
    let (mut core, _, notices) = started(dir.path(), &config(""), &monday, later(1)).expect("started");
    assert_eq!((live(&mut core), notices.len()), (LiveSwitch::On, 0));
    drop(core);
    let other = config("[ceilings]\nusdc_per_order_max = 90");
    let (mut core, _, notices) = started(dir.path(), &other, &monday, later(2)).expect("started");
    assert_eq!(live(&mut core), LiveSwitch::Off);
    assert!(notices[0].contains("the settings are not those of the last run"), "{notices:?}");
    drop(core);
    let (mut core, _, notices) = started(dir.path(), &other, &monday, later(3)).expect("started");
    assert_eq!((live(&mut core), notices.len()), (LiveSwitch::Off, 0));
}

/// How much is held back, and until when.
fn held(core: &Core<Journal>) -> Option<(Usdc, Nanos)> {
    core.engine.portfolios()[LIVE.index()].held_back.map(|held| (held.amount, held.until))
}

/// RELIABILITY.md 5.4, rule 4.
#[test]
fn after_a_power_cut_what_the_lost_orders_may_have_cost_is_held_back() {
    let check = |more: &str, expected: i64| {
        let (dir, config) = (tempfile::tempdir().expect("a folder"), config(more));
        drop(first(dir.path(), &config));
        let (mut core, _, notices) =
            started(dir.path(), &config, &process("tuesday", "0xa"), later(60)).expect("started");
        assert_eq!(held(&core), Some((Usdc::whole(expected), later(660))), "{more}");
        assert!(notices[0].contains("the machine went down") && notices[0].contains(&format!("${expected} of \"a\"")));
        // A crash meanwhile changes nothing of it.
        drop(core);
        (core, ..) = started(dir.path(), &config, &process("tuesday", "0xa"), later(120)).expect("started");
        assert_eq!(held(&core), Some((Usdc::whole(expected), later(660))), "{more}");
        core.advance(later(659)).expect("room");
        assert!(held(&core).is_some());
        core.advance(later(660)).expect("room");
        assert_eq!(held(&core), None);
    };
    check("[ceilings]\nusdc_per_order_max = 20\norders_per_second_max = 3\nusdc_per_minute_max = 500", 60);
    check("[ceilings]\nusdc_per_order_max = 20\norders_per_second_max = 3\nusdc_per_minute_max = 50", 50);
    check("[ceilings]\nusdc_per_order_max = 0\norders_per_second_max = 0\nusdc_per_minute_max = 0", 1_000);
}

#[test]
fn nothing_is_held_back_where_nothing_can_be_lost() {
    let check = |ends: bool, next: &Process| {
        let (dir, config) = (tempfile::tempdir().expect("a folder"), config(""));
        let mut core = first(dir.path(), &config);
        if ends {
            core.log.reserve(1).expect("room");
            core.log.append(START, &Record::Ended);
        }
        drop(core);
        let (core, _, notices) = started(dir.path(), &config, next, later(60)).expect("started");
        assert_eq!((held(&core), notices.len()), (None, 0), "{ends} {next:?}");
    };
    // A crash of the process alone costs no record.
    check(false, &process("monday", "0xa"));
    // The last process had ended in order.
    check(true, &process("tuesday", "0xa"));
    // Nobody trades with real money.
    check(false, &Process { wallet: None, ..process("tuesday", "0xa") });
}
