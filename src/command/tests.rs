//! The arguments of every subcommand, also of those that are not plugged in here.

use clap::{Args, CommandFactory, FromArgMatches};

use super::*;

/// Parses `line` as the arguments of the subcommand `A`; an error is its text.
fn parse<A: Args + FromArgMatches>(line: &str) -> Result<A, String> {
    let command = A::augment_args(clap::Command::new("test").no_binary_name(true));
    let matches = command.try_get_matches_from(line.split_whitespace()).map_err(|error| error.to_string())?;
    A::from_arg_matches(&matches).map_err(|error| error.to_string())
}

/// The help of a command, and of those under it, has an explanation, of each argument too; it or the one above it has examples
/// that begin with its name; and what we broke into lines ourselves fits a terminal of 80 columns.
fn helped(name: &str, command: &clap::Command, is_shown: bool) {
    assert!(command.get_about().is_some(), "{name}");
    let unexplained = command.get_arguments().find(|argument| argument.get_help().is_none());
    assert!(unexplained.is_none(), "{name}: {unexplained:?}");
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let long = after.lines().find(|line| line.chars().count() > 80);
    assert_eq!(long, None, "{name}");
    let is_shown = is_shown || after.contains(&format!("Examples:\n  {name}"));
    assert!(is_shown || command.has_subcommands(), "{name}\n{after}");
    for under in command.get_subcommands().filter(|under| under.get_name() != "help") {
        helped(&format!("{name} {}", under.get_name()), under, is_shown && name != "remora");
    }
}

#[test]
fn every_command_explains_itself() {
    Cli::command().debug_assert();
    helped("remora", &Cli::command(), false);
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
