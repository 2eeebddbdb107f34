//! Changes over a settings' file: what they reach, what they do not, and that nothing wrong gets in.

use super::*;
use crate::{
    config::{Config, Difference, Overrides, Written, explain},
    domain::Usdc,
};

const FILE_TEXT: &str = r#"
[[leader]]
name = "Ada"
wallet = "0x1ead000000000000000000000000000000000001"
[[leader]]
name = "Bo"
wallet = "0x1ead000000000000000000000000000000000002"
[[strategy]]
name = "careful"
leaders = ["Ada"]
[strategy.paper]
capital_usdc = 1000
size_usdc = 20
[strategy.live]
capital_usdc = 100
"#;

fn file() -> Config {
    let text = FILE_TEXT.to_owned();
    Config::load(&Written::Text { name: "my.toml".to_owned(), text }, &Overrides::default()).expect("right")
}

fn change(strategy: Option<&str>, part: Part, key: &str, to: Option<&str>) -> Change {
    Change { strategy: strategy.map(str::to_owned), part, key: key.to_owned(), to: to.map(str::to_owned) }
}

fn with(changes: &[Change]) -> Result<Config, Problems> {
    let all = changes.iter().fold(Changes::default(), |all, change| all.with(change).expect("TOML"));
    file().with(all)
}

fn lines(differences: &[Difference]) -> Vec<String> {
    let value = |value: &Option<String>| value.clone().unwrap_or("-".to_owned());
    let line = |one: &Difference| {
        let when = if one.at_once { "at once" } else { "later" };
        format!("{}: {} {} -> {} {when}", one.section, one.key, value(&one.from), value(&one.to))
    };
    differences.iter().map(line).collect()
}

#[test]
fn a_change_reaches_what_it_names_and_what_takes_over_from_it() {
    let check = |changes: &[Change], expected: &[&str]| {
        let after = with(changes).unwrap_or_else(|problems| panic!("{problems}"));
        assert_eq!(lines(&file().differences(&after)), expected, "{changes:?}");
    };
    check(&[], &[]);
    // Live is told what paper is told, unless it says otherwise.
    check(
        &[change(Some("careful"), Part::Paper, "size_usdc", Some("40"))],
        &["strategy careful, paper: size_usdc 20 -> 40 at once", "strategy careful, live: size_usdc 20 -> 40 at once"],
    );
    check(
        &[change(Some("careful"), Part::Live, "size_usdc", Some("5"))],
        &["strategy careful, live: size_usdc 20 -> 5 at once"],
    );
    check(
        &[change(Some("careful"), Part::Both, "leaders", Some("[\"Ada\", \"Bo\"]"))],
        &["strategy careful: leaders [\"Ada\"] -> [\"Ada\", \"Bo\"] later"],
    );
    check(
        &[change(Some("careful"), Part::Live, "capital_usdc", Some("200"))],
        &["strategy careful, live: capital_usdc 100 -> 200 later"],
    );
    // The file says 20 itself, and stays stronger than a change of the defaults.
    check(
        &[change(None, Part::Paper, "size_usdc", Some("7"))],
        &["strategy_default.paper: size_usdc 50 -> 7 at once", "strategy_default.live: size_usdc 50 -> 7 at once"],
    );
    check(
        &[change(None, Part::Paper, "price_max", Some("0.9"))],
        &[
            "strategy_default.paper: price_max 0.97 -> 0.9 at once",
            "strategy careful, paper: price_max 0.97 -> 0.9 at once",
            "strategy careful, live: price_max 0.97 -> 0.9 at once",
            "strategy_default.live: price_max 0.97 -> 0.9 at once",
        ],
    );
}

#[test]
fn a_strategy_is_made_and_taken_out_again() {
    let made = with(&[
        change(Some("bold"), Part::Both, "leaders", Some("[\"*\"]")),
        change(Some("bold"), Part::Paper, "capital_usdc", Some("500")),
    ])
    .unwrap_or_else(|problems| panic!("{problems}"));
    let bold = &made.strategies[1];
    assert_eq!((bold.name.as_str(), bold.capital, bold.leaders.len()), ("bold", Usdc::whole(500), 2));
    assert!(file().differences(&made).iter().all(|one| !one.at_once && one.section.starts_with("strategy bold")));
    let out = made.with(made.changes.clone().without("bold")).expect("right");
    assert_eq!((out.hash(), &out.changes), (file().hash(), &Changes::default()));
}

#[test]
fn what_is_wrong_is_refused_with_its_place() {
    let check = |changes: &[Change], says: &str| {
        let problems = with(changes).expect_err(says).to_string();
        assert!(problems.contains(says) && problems.contains("changes.toml"), "{problems}");
    };
    check(&[change(Some("careful"), Part::Paper, "size_usdc", Some("-1"))], "size_usdc");
    check(&[change(Some("careful"), Part::Paper, "size_dollars", Some("1"))], "is not a key that exists here");
    check(&[change(Some("careful"), Part::Both, "leaders", Some("[\"Eve\"]"))], "is not a declared leader");
    check(&[change(Some("bold"), Part::Paper, "capital_usdc", Some("500"))], "leaders");
    for text in ["", "1 2", "1\nother = 2", "[", "nonsense"] {
        let wrong = Changes::default().with(&change(None, Part::Paper, "size_usdc", Some(text)));
        assert!(wrong.expect_err("no value").contains("is not a value"), "{text:?}");
    }
}

#[test]
fn only_strategies_leaders_and_their_defaults_can_be_changed() {
    for text in ["[ceilings]\nusdc_per_order_max = 0", "[wallet]\nkey = \"file:/k\"", "[web]\nlisten = \"0.0.0.0:80\""]
    {
        let changes = Changes(text.parse().expect("TOML"));
        let problems = file().with(changes).expect_err("not here").to_string();
        assert!(problems.contains("cannot be changed here"), "{problems}");
    }
}

#[test]
fn they_are_read_from_the_folder_that_they_were_written_to() {
    let folder = tempfile::tempdir().expect("a folder");
    assert_eq!(Changes::read(folder.path()).expect("none yet"), Changes::default());
    let none = Changes::default();
    let changes = none.clone().with(&change(Some("careful"), Part::Paper, "size_usdc", Some("40"))).expect("TOML");
    changes.write(folder.path()).expect("written");
    assert_eq!(Changes::read(folder.path()).expect("read"), changes);
    assert_ne!(changes.version(), none.version());
    let overrides = Overrides { data: Some(folder.path().to_owned()), ..Overrides::default() };
    let written = Written::Text { name: "my.toml".to_owned(), text: FILE_TEXT.to_owned() };
    let load = || Config::load_changed(&written, &overrides);
    assert_eq!(load().expect("right").differences(&Config::load(&written, &overrides).expect("right")).len(), 2);
    let back = changes.with(&change(Some("careful"), Part::Paper, "size_usdc", None)).expect("TOML");
    assert_eq!(back, none);
    std::fs::write(folder.path().join(FILE), "[[strategy]\n").expect("written");
    let problems = load().expect_err("no TOML").to_string();
    assert!(problems.contains("is not TOML") && problems.contains("move it away"), "{problems}");
}

#[test]
fn every_setting_has_a_meaning() {
    let settings = file().settings();
    let unsaid: Vec<String> = settings
        .iter()
        .filter(|one| !["leader Ada", "leader Bo"].contains(&one.section.as_str()))
        .filter(|one| explain(&one.section, &one.key).meaning.is_empty())
        .map(|one| format!("{} {}", one.section, one.key))
        .collect();
    assert!(settings.len() > 200, "{}", settings.len());
    assert_eq!(unsaid, Vec::<String>::new());
    assert!(explain("strategy careful, live", "size_usdc") == explain("strategy_default.paper", "size_usdc"));
}
