//! What is printed is what the engine said: each case is compared with its events.

use clap::{Args, FromArgMatches};

use super::*;
use crate::{
    config::Overrides,
    domain::{Event, OrderEnd, Refusal, Rejection, Skip},
};

const STRICT: &str = r#"
leader = [{ name = "Ada", wallet = "0x1ead000000000000000000000000000000000001" }]
[[strategy]]
name = "poor"
leaders = ["Ada"]
paper = { capital_usdc = 10, order_usdc_min = 20, depth_buy_percent_max = 100 }
[[strategy]]
name = "small"
leaders = ["Ada"]
paper = { capital_usdc = 1000, position_usdc_max = 20, sizing = "percent", size_percent = 10 }
[[strategy]]
name = "mirror"
leaders = ["Ada"]
paper = { capital_usdc = 1000, sizing = "mirror", tiers = [[400, 2]], order_usdc_max = 100, bankroll_percent_max = 4 }
[[strategy]]
name = "kelly"
leaders = ["Ada"]
paper = { capital_usdc = 1000, sizing = "kelly", order_usdc_max = 500, order_kind = "FOK_THEN_FAK" }
[[strategy]]
name = "sure"
leaders = ["Ada"]
paper = { capital_usdc = 1000, sizing = "conviction", conviction_full_usdc = 50 }
[[strategy]]
name = "raised"
leaders = ["Ada"]
paper = { capital_usdc = 1000, sizing = "percent", size_percent = 0.1, below_minimum = "raise", roles = "maker" }
[[strategy]]
name = "choosy"
leaders = ["Ada"]
markets_deny = ["rain"]
paper = { capital_usdc = 1000, leader_trade_usdc_min = 100 }
"#;

fn config() -> Config {
    let text = STRICT.to_owned();
    let source = Written::Text { name: "strict".to_owned(), text };
    Config::load(&source, &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn demo() -> Config {
    Config::load(&Written::demo(), &Overrides::default()).unwrap_or_else(|problems| panic!("{problems}"))
}

fn args(line: &str) -> ExplainArgs {
    let command = ExplainArgs::augment_args(clap::Command::new("test").no_binary_name(true));
    let matches = command.try_get_matches_from(line.split_whitespace()).expect("right arguments");
    ExplainArgs::from_arg_matches(&matches).expect("right arguments")
}

/// Returns the text with all white space as single blanks and without the lines of the table.
fn flat(text: &str) -> String {
    text.split(|c: char| c.is_whitespace() || "│┆".contains(c))
        .filter(|word| !word.is_empty())
        .collect::<Vec<_>>()
        .join(" ")
}

/// Returns what the events say, as phrases that must be in the text.
fn phrases(events: &[Event]) -> Vec<String> {
    events
        .iter()
        .filter_map(|event| match event {
            Event::Submitted(order) if order.side == Side::Buy => {
                Some(format!("buy for ${} at no more than {}", order.budget, order.limit))
            }
            Event::Submitted(order) => Some(format!("sell {} shares at no less than {}", order.shares, order.limit)),
            Event::Filled(filled) => Some(format!("{} shares for ${} at", filled.shares, filled.cash)),
            Event::Skipped { reason, .. } => Some(format!("skipped {}", reason.text())),
            Event::Refused { reason, .. } => Some(format!("refused {}", reason.text())),
            Event::Closed { end: OrderEnd::Rejected(_), .. } => Some("rejected by the venue".to_owned()),
            _ => None,
        })
        .collect()
}

fn check(config: &Config, line: &str, expected: &[&str]) {
    let args = args(line);
    let case = case(config, strategy(config, &args.strategy).expect("known"), &args).expect("right");
    let told = story::tell(&case);
    let text = explained(&Global::default(), &args, config).expect("explained");
    assert!(text.lines().all(|line| line.chars().count() <= 80), "{text}");
    let flat = flat(&text);
    let said: Vec<String> = [phrases(&told.buy), phrases(&told.sale)].concat();
    assert!(!said.is_empty(), "{told:?}");
    for phrase in said.iter().map(String::as_str).chain(expected.iter().copied()) {
        assert!(flat.contains(phrase), "{line}: {phrase:?} is not in\n{text}");
    }
}

#[expect(clippy::too_many_lines, reason = "a table")]
#[test]
fn what_is_printed_is_what_the_engine_said() {
    let (demo, strict) = (demo(), config());
    check(
        &demo,
        "--strategy careful --leader-usdc 500 --price 0.42",
        &["buys 1190.476191 shares at 0.42: $500", "fixed: $50", "limit 0.42", "buy for $50", "those of the demo"],
    );
    check(
        &demo,
        "--strategy mirror-ada --leader-usdc 500 --price 0.42 --fee-rate-percent 7",
        &["10% of the leader's dollars: $50", "reserved $53.5", "fee $2.02999"],
    );
    check(
        &demo,
        "--strategy careful --leader-usdc 500 --price 0.42 --bid 0.45 --ask 0.47",
        &[Skip::PriceMoved.text(), "allowed 0.43, was 0.47", "setting price_guard_buy_percent"],
    );
    check(&demo, "--strategy careful --leader-usdc 500 --price 0.42 --bid 0.30", &[Skip::SpreadTooWide.text()]);
    check(
        &demo,
        "--strategy careful --leader-usdc 500 --price 0.99",
        &["allowed 0.97, was 0.99", "price_min / price_max"],
    );
    check(&demo, "--strategy careful --leader-usdc 500 --price 0.42 --depth-shares 20", &[Skip::DepthTooThin.text()]);
    check(&demo, "--strategy careful --leader-usdc 500 --price 0.42 --depth-shares 800", &["buy for $33.6"]);
    check(
        &demo,
        "--strategy swift --leader-usdc 200 --price 0.6 --side sell",
        &["sells 333.333334 shares", "all we hold of his", "limit 0.58", "slippage 0% against", "free again in 5 min"],
    );
    check(
        &strict,
        "--strategy choosy --leader-usdc 50 --price 0.5 --side sell",
        &["allowed $100, was $50", Skip::NothingToSell.text(), "let in by the filters of markets and tags"],
    );
    check(&strict, "--strategy poor --leader-usdc 50 --price 0.5", &[Refusal::AvailableCash.text(), "capital_usdc"]);
    check(&strict, "--strategy small --leader-usdc 500 --price 0.5", &["allowed $20, was $50", "position_usdc_max"]);
    check(
        &strict,
        "--strategy mirror --leader-usdc 500 --price 0.42 --leader-capital 20000",
        &[
            "100% of the part that his $500 are of $20000, of our $1000: $25 (mirror)",
            "times 2 from $400 of his on: $50 (tiers)",
            "at most $100, kept (order_usdc_max); lowered to $40, 4%",
            "buy for $40 at",
        ],
    );
    check(
        &strict,
        "--strategy kelly --leader-usdc 500 --price 0.42 --probability 55 --depth-shares 100000",
        &[
            "25% of Kelly's stake, the model's 55% against the limit of 0.42: $56.03 (kelly)",
            "in full or not at all (FOK)",
        ],
    );
    check(
        &strict,
        "--strategy kelly --leader-usdc 500 --price 0.42 --probability 40",
        &[Skip::NoEdge.text(), "was 40%"],
    );
    check(
        &strict,
        "--strategy raised --leader-usdc 500 --price 0.42 --role maker",
        &["is below the minimum of $2.1, and raised to it (below_minimum)", "buy for $2.1 at"],
    );
    check(
        &strict,
        "--strategy raised --leader-usdc 500 --price 0.42",
        &[Skip::RoleNotFollowed.text(), "setting roles"],
    );
    check(
        &strict,
        "--strategy sure --leader-usdc 500 --price 0.42",
        &["$50 times the score's confidence of", "(conviction)"],
    );
    check(&demo, "--strategy careful --leader-usdc 500 --price 0.425 --tick 0.005 --ask 0.425", &["limit 0.43"]);
}

#[test]
fn programs_get_the_same_as_json() {
    let global = Global { json: true, ..Global::default() };
    let answer = |line: &str| -> serde_json::Value {
        let text = explained(&global, &args(line), &demo()).expect("explained");
        serde_json::from_str(&text).expect("JSON")
    };
    let order = answer("--strategy careful --leader-usdc 500 --price 0.42");
    assert_eq!(order["outcome"]["decision"], "order");
    assert_eq!(order["outcome"]["order"]["limit"], "0.42");
    assert_eq!(order["outcome"]["fill"]["cash"], "50");
    assert_eq!((&order["outcome"]["end"], &order["outcome"]["no"]), (&json!("filled"), &json!(null)));
    assert_eq!(order["steps"][0]["step"], "leader");

    let skipped = answer("--strategy careful --leader-usdc 500 --price 0.42 --bid 0.45 --ask 0.47");
    let no = json!({ "code": "price_moved", "text": Skip::PriceMoved.text(), "setting": Skip::PriceMoved.knob(),
        "allowed": "0.43", "was": "0.47" });
    assert_eq!((&skipped["outcome"]["decision"], &skipped["outcome"]["no"]), (&json!("skipped"), &no));
    assert_eq!(skipped["outcome"]["order"], json!(null));
}

#[test]
fn wrong_arguments_are_named_with_their_fix() {
    let (global, demo) = (Global::default(), demo());
    for (line, wrong) in [
        ("--strategy carefull --leader-usdc 1 --price 0.5", "did you mean --strategy careful?"),
        ("--strategy x --leader-usdc 1 --price 0.5", "there are: careful, mirror-ada, swift"),
        ("--strategy careful --leader-usdc 1 --price 0.5 --bid 0.6", "the best bid 0.6 is not below the best ask 0.5"),
        ("--strategy careful --leader-usdc 1 --price 0.5 --ask 0.505", "--ask 0.505 is not on the price grid of 0.01"),
    ] {
        let error = explained(&global, &args(line), &demo).expect_err(line);
        assert!(error.contains(wrong) && error.contains("fix: "), "{error}");
    }
    let strict = config();
    for (line, wrong) in [
        ("--strategy mirror --leader-usdc 1 --price 0.5", "such as --leader-capital 20000"),
        ("--strategy kelly --leader-usdc 1 --price 0.5", "such as --probability 55"),
    ] {
        let error = explained(&global, &args(line), &strict).expect_err(line);
        assert!(error.contains(wrong) && error.contains("fix: "), "{error}");
    }
    let none = Config::load(&Written::DefaultsOnly, &Overrides::default()).expect("the defaults are right");
    assert!(strategy(&none, "x").expect_err("none").contains("no strategy"));
}

#[test]
fn numbers_are_in_the_unit_of_their_reason() {
    use crate::domain::Unit;
    for (unit, number, text) in [
        (Unit::None, 5, ""),
        (Unit::Usdc, 1_250_000, "$1.25"),
        (Unit::Shares, 12_300_000, "12.3 shares"),
        (Unit::Price, 420_000, "0.42"),
        (Unit::Milliseconds, 350, "350 ms"),
        (Unit::Milliseconds, 3_000, "3 s"),
        (Unit::Milliseconds, 300_000, "5 min"),
        (Unit::Ppm, 25_000, "2.5%"),
        (Unit::Count, 7, "7"),
    ] {
        assert_eq!(steps::amount(unit, number), text);
    }
    assert_eq!(Rejection::NoMatch.code(), "rejected_no_match");
}
