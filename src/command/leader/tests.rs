//! What `remora leader` says and does.

use std::collections::HashMap;

use rust_decimal::Decimal;

use super::{
    add,
    scout::{FeesFrom, Found, Scored},
    tables, *,
};
use crate::{
    domain::{Nanos, Price, Shares, Usdc},
    report::scout::{
        Deed, History, Prints, What as Did, score, summary::summary, walk::Assumptions, warnings::warnings,
    },
    store::query::LeaderSeen,
};

const WALLET: &str = "0x1ead000000000000000000000000000000000001";

fn found(deeds: Vec<Deed>) -> Found {
    let history = History {
        wallets: vec![WALLET.into()],
        name: "Ada\u{1b}[2J".into(),
        deeds,
        stands: HashMap::new(),
        unread: 2,
        is_cut: true,
    };
    let summary = summary(&history);
    let warnings = warnings(&history, &summary);
    Found { history, summary, warnings, days: 30 }
}

fn deed(secs: u64, what: Did) -> Deed {
    Deed {
        at: Nanos::from_secs(1_790_000_000 + secs),
        what,
        token: "1".into(),
        condition: "0xc".into(),
        title: "Will a very long question about something that may or may not happen be told in full?".into(),
        outcome: "Yes".into(),
        shares: Shares::whole(1_000_000),
        dollars: Usdc::whole(500_000),
    }
}

fn price(cents: u32) -> Price {
    Price::from_micros(cents * 10_000).expect("a price")
}

#[track_caller]
fn fits(text: &str, parts: &[&str]) {
    let on_one_line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    parts.iter().for_each(|part| assert!(on_one_line.contains(part), "{part}\n{text}"));
    assert!(!text.contains('\u{1b}'), "{text}");
    for line in text.lines() {
        assert!(line.chars().count() <= 80, "{line}\n{text}");
    }
}

#[test]
fn a_history_and_a_score_fit_eighty_columns() {
    let deeds = vec![deed(0, Did::Bought(price(50))), deed(5_400, Did::Sold(price(60))), deed(5_500, Did::MakerRebate)];
    let found = found(deeds);
    fits(
        &tables::show(&found),
        &[
            "2: 1 buys, 1 sales",
            "2026-09-21 14:13",
            "100 % of those",
            "+100,000 on 500,000",
            "90 min",
            "Beware:",
            "too_few",
            "maker_rebates",
            "2 rows",
        ],
    );
    let assumptions = Assumptions { delay: Nanos::from_secs(2), half_spread: 5_000, ..Assumptions::default() };
    let table = score::table(&found.history, &Prints::default(), &assumptions);
    let fees = FeesFrom::Markets { known: 0, assumed: 1, assumed_ppm: 40_000 };
    let scored = Scored { found, table, delay_ms: 2_000, spread: 10_000, fees };
    fits(
        &tables::score(&scored),
        &[
            "2 s behind him",
            "+17.8% of what it spent",
            "He earned +20.0%",
            "known for 0 of 2 trades",
            "2 times nobody was asked",
            "taken to have 4 %",
        ],
    );
    let nothing = self::found(Vec::new());
    fits(&tables::show(&nothing), &["nothing in the last 30 days", "fix: more --days"]);
}

#[test]
fn leaders_are_listed_with_what_was_seen_of_them_or_why_not() {
    let leader = |name: &str| LeaderConfig { name: name.into(), wallets: vec![WALLET.into()], capital: None };
    let seen = LeaderSeen {
        id: 0,
        wallet: WALLET.into(),
        name: "Ada".into(),
        seen: 12_345,
        last_at: Some(time::OffsetDateTime::UNIX_EPOCH),
        copied_paper: 1_000,
        copied_live: 234,
        noes: Vec::new(),
        behind_p50_us: None,
        behind_p90_us: None,
        behind_p99_us: None,
        behind: Vec::new(),
        score: None,
        realised_paper: Decimal::new(-12_345, 2),
        realised_live: Decimal::ZERO,
    };
    fits(
        &tables::list(&[leader("Ada")], &Ok(vec![seen])),
        &["0x1ead…0001", "1970-01-01 00:00", "12345", "1234", "-123.45"],
    );
    fits(
        &tables::list(&[leader("Ada")], &Err("nothing was recorded".into())),
        &["Ada", "not known: nothing was recorded"],
    );
    fits(
        &tables::list(&[], &Ok(Vec::new())),
        &["No leader is declared", "fix: remora leader score WALLET, and then remora leader add"],
    );
}

#[test]
fn a_wallet_is_an_address_or_a_name() {
    assert_eq!(wallet("0X1EAD000000000000000000000000000000000001").as_deref(), Ok(WALLET));
    for wrong in [
        "",
        "0x",
        "Ada",
        "0x1ead",
        "1ead000000000000000000000000000000000001",
        "0xgead000000000000000000000000000000000001",
    ] {
        assert!(wallet(wrong).is_err(), "{wrong}");
    }
    assert_eq!((cents("1"), cents("0.5"), cents("0")), (Ok(10_000), Ok(5_000), Ok(0)));
    assert!(cents("100").is_err() && cents("-1").is_err());
}

#[test]
fn a_leader_is_added_at_the_end_once_and_only_to_a_file_that_is_right() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("my.toml");
    let before = "# mine\n[[leader]]\nname = \"Bo\"\nwallet = \"0x1ead000000000000000000000000000000000002\"\n\n[[strategy]]\n\
                  name = \"first\"\nleaders = [\"Bo\"]\n[strategy.paper]\ncapital_usdc = 1000";
    std::fs::write(&path, before).expect("written");
    let global = Global { config: Some(path.clone()), ..Global::default() };
    let add = |wallet: &str, name: &str| add::execute(&global, &AddArgs { wallet: wallet.into(), name: name.into() });
    let text = || std::fs::read_to_string(&path).expect("a file");
    for (wallet, name, exit) in [
        ("0x1ead000000000000000000000000000000000002", "Ada", Exit::Failed),
        (WALLET, "Bo", Exit::Failed),
        (WALLET, "list", Exit::Failed),
        (WALLET, "no\nname", Exit::Misused),
    ] {
        assert_eq!((add(wallet, name), text().as_str()), (exit, before), "{wallet} {name:?}");
    }
    assert_eq!(add(WALLET, "Ada"), Exit::Done);
    assert_eq!(text(), format!("{before}\n\n[[leader]]\nname = \"Ada\"\nwallet = \"{WALLET}\"\n"));
    assert_eq!(add(WALLET, "Eve"), Exit::Failed, "he is there already");
    std::fs::write(&path, "[paper]\nenabled = 3\n").expect("written");
    assert_eq!(add(WALLET, "Ada"), Exit::Misused);
    assert_eq!(text(), "[paper]\nenabled = 3\n", "a wrong file is left alone");
    let nowhere = Global { config: None, ..Global::default() };
    assert_eq!(add::execute(&nowhere, &AddArgs { wallet: WALLET.into(), name: "Ada".into() }), Exit::Misused);
}

#[test]
fn the_old_way_to_switch_a_leader_stays() {
    use clap::Parser;
    let parse = |line: &str| crate::command::Cli::try_parse_from(line.split_whitespace());
    let switched = parse("remora leader Ada off").expect("right");
    let crate::command::Command::Leader(args) = switched.command else { panic!("a leader") };
    assert!(args.what.is_none() && args.name.as_deref() == Some("Ada") && args.to == Some(LeaderWord::Off));
    for line in [
        format!("remora leader show {WALLET}"),
        "remora leader list".into(),
        format!("remora leader add {WALLET} --name A"),
        "remora leader score Ada --delay-ms 10 --spread-cents 0.5 --fee-percent 2".into(),
    ] {
        let parsed = parse(&line).unwrap_or_else(|error| panic!("{line}: {error}"));
        let crate::command::Command::Leader(args) = parsed.command else { panic!("a leader") };
        assert!(args.what.is_some(), "{line}");
    }
    for line in
        ["remora leader", "remora leader Ada", "remora leader add 0x12 --name A", "remora leader score Ada --days 0"]
    {
        assert!(parse(line).is_err(), "{line}");
    }
}
