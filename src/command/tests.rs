//! The arguments of every subcommand, also of those that are not plugged in here.

use clap::{Args, CommandFactory, FromArgMatches};

use super::*;

/// Parses `line` as the arguments of the subcommand `A`; an error is its text.
fn parse<A: Args + FromArgMatches>(line: &str) -> Result<A, String> {
    let command = A::augment_args(clap::Command::new("test").no_binary_name(true));
    let matches = command.try_get_matches_from(line.split_whitespace()).map_err(|error| error.to_string())?;
    A::from_arg_matches(&matches).map_err(|error| error.to_string())
}

/// The help of the subcommand `A` has an explanation, examples that begin with its name, and fits 100 columns.
fn helped<A: Args>(name: &'static str) {
    let mut command = A::augment_args(clap::Command::new(name)).term_width(100);
    command.build();
    let help = command.render_long_help().to_string();
    assert!(command.get_about().is_some(), "{name}");
    assert!(help.contains(&format!("Examples:\n  remora {name}")), "{help}");
    assert!(help.lines().all(|line| line.chars().count() <= 100), "{help}");
}

#[test]
fn every_subcommand_explains_itself() {
    Cli::command().debug_assert();
    helped::<run::RunArgs>("run");
    helped::<demo::DemoArgs>("demo");
    helped::<replay::ReplayArgs>("replay");
    helped::<record::RecordArgs>("record");
    helped::<explain::ExplainArgs>("explain");
    helped::<status::StatusArgs>("status");
    helped::<doctor::DoctorArgs>("doctor");
}

#[test]
fn arguments_are_read_or_refused() {
    let run = parse::<run::RunArgs>("--for 5m --listen 127.0.0.1:9").expect("right");
    assert_eq!((run.duration.map(|d| d.as_secs()), run.engine.listen.as_deref()), (Some(300), Some("127.0.0.1:9")));
    assert_eq!(parse::<demo::DemoArgs>("--seed 7").expect("right").seed, 7);
    let replay = parse::<replay::ReplayArgs>("--market a b --leaders c --verify-hashes --speed 3").expect("right");
    assert_eq!((replay.market.len(), replay.verify_hashes), (2, true));
    assert_eq!(parse::<replay::ReplayArgs>("--market a").expect("right").speed, parse::Speed::Max);
    let record = parse::<record::RecordArgs>("--token 1 2 --out f.jsonl").expect("right");
    assert_eq!(record.tokens, ["1", "2"]);
    let explain = parse::<explain::ExplainArgs>("--strategy s --leader-usdc 500 --price 0.42").expect("right");
    assert_eq!((explain.tick, explain.side), (crate::domain::Tick::CENT, crate::domain::Side::Buy));

    for (what, error) in [
        ("a length without unit", parse::<run::RunArgs>("--for 5").err()),
        ("nothing to replay", parse::<replay::ReplayArgs>("--leaders c").err()),
        ("no tokens", parse::<record::RecordArgs>("--out f").err()),
        ("no such price", parse::<explain::ExplainArgs>("--strategy s --leader-usdc 500 --price 1.2").err()),
    ] {
        assert!(error.is_some(), "{what}");
    }
}
