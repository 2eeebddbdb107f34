//! The program as people start it: its help, its answers to mistakes, how it ends.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;

/// Runs the program with `line` as its arguments and nothing of ours in the environment.
fn remora(line: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    for name in ["REMORA_CONFIG", "REMORA_DATA_DIR", "REMORA_LISTEN", "REMORA_LOG_LEVEL", "DATABASE_URL"] {
        command.env_remove(name);
    }
    command.args(line.split_whitespace()).output().expect("the program starts")
}

fn out(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

fn err(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("text")
}

fn in_repository(path: &str) -> String {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path).display().to_string()
}

const TEN_MISTAKES: &str = r#"
[paper]
enabled = "yes"
fill_delay = 250

[feed]
silence_s_max = 1

[[leader]]
name = "Ada"
wallet = "0x123"

[[leader]]
name = "Ada"
wallet = "0x1ead000000000000000000000000000000000002"

[[strategy]]
name = "first"
leaders = ["Eve"]

[strategy.paper]
capital_usdc = 1000
price_min = 0.9
price_max = 0.1
order_kind = "IOC"
slippage_buy_percnt = 2
spread_buy_max = 0.00000001
"#;

#[test]
fn a_file_with_ten_mistakes_is_answered_with_ten() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("ten.toml");
    fs::write(&path, TEN_MISTAKES).expect("written");
    let output = remora(&format!("config check --config {}", path.display()));
    assert_eq!(output.status.code(), Some(2));
    let text = err(&output);
    let expected = [
        (3, "paper.enabled", "is the text \"yes\", not a switch", "the default is: enabled = true"),
        (4, "paper.fill_delay", "is not a key that exists here", "did you mean `fill_delay_ms`?"),
        (7, "feed.silence_s_max", "1 is below 5", "the default is: silence_s_max = 30"),
        (11, "leader 1.wallet", "has 3 digits after 0x", "for example: wallet = \"0x"),
        (14, "leader 2.name", "a second leader is called \"Ada\"", "give it another name"),
        (19, "strategy 1.leaders", "\"Eve\" is not a declared leader; there are: Ada", "correct it"),
        (24, "strategy 1.paper.price_max", "0.1 is below price_min, which is 0.9", "raise it, or lower price_min"),
        (25, "strategy 1.paper.order_kind", "\"IOC\" is not one of the words", "the default is: order_kind = \"FAK\""),
        (26, "strategy 1.paper.slippage_buy_percnt", "is not a key", "did you mean `slippage_buy_percent`?"),
        (27, "strategy 1.paper.spread_buy_max", "0.00000001 has more decimals than the 6 that are kept", "0.02"),
    ];
    for (index, (line, key, wrong, fix)) in expected.into_iter().enumerate() {
        let start = format!("mistake {} of 10: {}:{line}:", index + 1, path.display());
        let mistake = text.split("mistake ").find(|part| format!("mistake {part}").starts_with(&start));
        let mistake = mistake.unwrap_or_else(|| panic!("no `{start}` in\n{text}"));
        assert!(mistake.contains(&format!(" {key}: {wrong}")), "{key} {wrong}\n{mistake}");
        assert!(mistake.contains("    allowed: "), "{mistake}");
        assert!(mistake.contains(fix), "{fix}\n{mistake}");
    }

    let json = remora(&format!("config check --json --config {}", path.display()));
    assert_eq!(json.status.code(), Some(2));
    let answer: Value = serde_json::from_str(&out(&json)).expect("JSON");
    assert_eq!((answer["ok"].as_bool(), answer["problems"].as_array().map(Vec::len)), (Some(false), Some(10)));
    assert_eq!(answer["problems"][2]["place"]["line"], 7);
}

#[test]
fn a_right_file_is_said_to_be_right_and_shown_with_its_origin() {
    let demo = in_repository("config/demo.toml");
    let output = remora(&format!("config check --config {demo}"));
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    assert!(out(&output).starts_with("OK: leaders 3, strategies 3, hash "), "{}", out(&output));

    let shown = out(&remora(&format!("config show --config {demo} --data /srv/x")));
    assert!(shown.contains("dir = \"/srv/x\"  # --data or REMORA_DATA_DIR"), "{shown}");
    assert!(shown.contains(&format!("capital_usdc = 1000  # {demo}:")), "{shown}");
    assert!(shown.contains("wait = \"park\"\n"), "{shown}");
    assert_eq!(out(&remora("config default")), include_str!("../config/default.toml"));
}

#[test]
fn a_file_that_is_not_there_or_not_toml_is_named() {
    let missing = remora("config check --config /nowhere/my.toml");
    assert_eq!(missing.status.code(), Some(2));
    assert!(err(&missing).contains("/nowhere/my.toml: cannot be read: No such file"), "{}", err(&missing));

    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("broken.toml");
    fs::write(&path, "[paper]\nenabled = \"true\nx = 1\n").expect("written");
    let broken = err(&remora(&format!("status --config {}", path.display())));
    assert!(broken.contains("broken.toml:2:") && broken.contains("| enabled = \"true"), "{broken}");
}

#[test]
fn every_help_has_examples_and_ends_well() {
    for line in [
        "",
        "status",
        "doctor",
        "bench",
        "setup",
        "completions",
        "alert list",
        "alert test",
        "venue",
        "report",
        "report sources",
        "leader",
        "leader add",
        "leader list",
        "leader show",
        "leader score",
        "key import",
        "key show",
        "key check",
        "wallet check",
        "wallet approve",
        "config check",
        "config show",
        "config default",
    ] {
        let output = remora(&format!("{line} --help"));
        assert_eq!(output.status.code(), Some(0), "{line}");
        let text = out(&output);
        assert!(text.contains("Examples:\n  remora "), "{line}\n{text}");
    }
    let text = out(&remora("--help"));
    for (number, meaning) in [(0, "done"), (1, "did not succeed"), (2, "mistakes"), (3, "no engine")] {
        let is_told =
            text.lines().any(|line| line.trim_start().starts_with(&number.to_string()) && line.contains(meaning));
        assert!(is_told, "{number}\n{text}");
    }
}

#[test]
fn wrong_arguments_end_with_two_and_a_hint() {
    for (line, hint) in [
        ("", "Usage:"),
        ("statsu", "'status'"),
        ("status --jsno", "'--json'"),
        ("status --log-level loud", "possible values"),
    ] {
        let output = remora(line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(err(&output).contains(hint), "{line}\n{}", err(&output));
    }
}

/// Port 1 needs root and is nobody's, so nothing runs there.
#[test]
fn the_status_of_nothing_says_how_to_start() {
    let output = remora("status --listen 127.0.0.1:1");
    assert_eq!(output.status.code(), Some(3));
    let text = err(&output);
    assert!(
        text.contains("No engine answers at http://127.0.0.1:1/") && text.contains("fix: start one: `scripts/run`"),
        "{text}"
    );
    let json: Value = serde_json::from_str(&out(&remora("status --json --listen 127.0.0.1:1"))).expect("JSON");
    assert_eq!(json["running"], false);
}

#[test]
fn a_report_of_nothing_says_how_to_begin_and_makes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let data = folder.path().join("data");
    let output = remora(&format!("report skips --data {}", data.display()));
    assert_eq!(output.status.code(), Some(1));
    assert!(err(&output).contains("nothing was recorded in") && err(&output).contains("fix: start the engine"));
    assert!(!data.exists(), "asking makes no database");
    for (line, wrong) in [
        ("report results --by nonsense", "invalid value 'nonsense'"),
        ("report skips --since yesterday", "neither a length of time (12h, 7d) nor a day"),
        ("report scores --mode real", "invalid value 'real'"),
    ] {
        let output = remora(line);
        assert_eq!(output.status.code(), Some(2), "{line}");
        assert!(err(&output).contains(wrong), "{line}: {}", err(&output));
    }
}

#[test]
fn the_doctor_finds_what_is_there_and_what_is_not() {
    let folder = tempfile::tempdir().expect("a folder");
    let base = format!(
        "doctor --offline --json --data {} --config {}",
        folder.path().display(),
        in_repository("config/demo.toml")
    );
    let output = remora(&format!("{base} --listen 127.0.0.1:0 --database-url postgres://me:secret@127.0.0.1:1/x"));
    assert_eq!(output.status.code(), Some(1), "{}", err(&output));
    let answer: Value = serde_json::from_str(&out(&output)).expect("JSON");
    assert_eq!(answer["ok"], false);
    let checks = answer["checks"].as_array().expect("checks");
    let verdict = |name: &str| {
        let check = checks.iter().find(|check| check["name"] == name).unwrap_or_else(|| panic!("{name} in {checks:?}"));
        assert!(check["found"].is_string() && check["fix"].is_string(), "{check}");
        check["verdict"].as_str().expect("a word").to_owned()
    };
    for (name, expected) in
        [("settings", "good"), ("Postgres", "failed"), ("port", "good"), ("clock", "good"), ("kernel", "good")]
    {
        assert_eq!(verdict(name), expected, "{name}");
    }
    for name in ["data folder", "cores", "clock source"] {
        assert_ne!(verdict(name), "", "{name}");
    }
    assert!(!out(&output).contains("secret"), "{}", out(&output));
    assert_eq!(fs::read_dir(folder.path()).expect("the folder").count(), 0, "the doctor leaves nothing behind");
}

#[test]
fn the_doctor_names_what_to_mend_in_eighty_columns() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("file");
    fs::write(&file, "x").expect("written");
    let output = remora(&format!("doctor --offline --data {} --listen 127.0.0.1:0", file.display()));
    assert_eq!(output.status.code(), Some(1));
    let text = out(&output);
    assert!(text.contains("FAILED") && text.contains("It will not run yet: "), "{text}");
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    assert!(
        text.lines().filter(|line| line.starts_with(['│', '┌', '└'])).all(|line| line.chars().count() <= 80),
        "{text}"
    );
}

/// A whole engine on a simulated venue, for a moment. How fast it is, is not asked here.
#[test]
fn the_bench_measures_everything_and_leaves_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let (data, plot) = (folder.path().join("data"), folder.path().join("stages.svg"));
    let line = format!("bench --for 3s --json --data {} --plot {}", data.display(), plot.display());
    let output = remora(&line);
    assert_eq!(output.status.code(), Some(0), "{}\n{}", out(&output), err(&output));
    let report: Value = serde_json::from_str(&out(&output)).expect("JSON");
    let engine = &report["engine"];
    assert!(engine["inputs"].as_u64() > Some(0), "{engine}");
    let stages = engine["stages"].as_array().expect("stages");
    for wanted in ["decode", "queue", "book", "journal"] {
        let stage = stages.iter().find(|stage| stage["stage"] == wanted).expect("a stage");
        assert!(stage["count"].as_u64() > Some(0) && stage["p50_ns"].as_u64() > Some(0), "{stage}");
    }
    assert!(engine["seconds"].as_f64() > Some(3.0), "{engine}");
    assert!(report["disk"]["append"]["count"].as_u64() > Some(0), "{report}");
    assert!(report["network"].as_array().is_some_and(Vec::is_empty), "nobody was asked");
    assert!(fs::read_to_string(&plot).expect("a plot").contains(">book<"));
    assert_eq!(fs::read_dir(&data).expect("the folder").count(), 0, "the bench leaves nothing behind");
    assert!(err(&output).contains("[5/6] measuring for 3.00 s"), "{}", err(&output));
}

#[test]
fn the_setup_writes_a_right_file_once_and_says_what_is_next() {
    let folder = tempfile::tempdir().expect("a folder");
    let (file, data) = (folder.path().join("my.toml"), folder.path().join("data"));
    let line = format!("setup --config {} --data {}", file.display(), data.display());
    let output = remora(&format!("{line} --defaults --json --leader 0x1ead000000000000000000000000000000000001=Ada"));
    assert_eq!(output.status.code(), Some(0), "{}", err(&output));
    let answer: Value = serde_json::from_str(&out(&output)).expect("JSON");
    assert_eq!(answer["written"], true);
    let states = |answer: &Value| {
        let steps = answer["steps"].as_array().expect("steps");
        steps.iter().map(|step| step["state"].as_str().expect("a word").to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(states(&answer)[..4], ["done", "done", "next", "later"]);
    let text = fs::read_to_string(&file).expect("written");
    assert!(text.contains("name = \"Ada\"") && text.contains("order_usdc_max = 20"), "{text}");
    assert_eq!(remora(&format!("config check --config {}", file.display())).status.code(), Some(0));
    // Again: nothing is changed, whatever is asked for.
    let again = remora(&format!("{line} --defaults --capital 5"));
    assert!(out(&again).contains("Nothing was changed") && out(&again).contains("remora doctor"), "{}", out(&again));
    assert_eq!(fs::read_to_string(&file).expect("still there"), text);
    // What is wrong is said before anything is written.
    let other = folder.path().join("other.toml");
    let wrong = remora(&format!("setup --config {} --defaults --leader 0x12=Ada", other.display()));
    assert_eq!(wrong.status.code(), Some(2));
    assert!(err(&wrong).contains("40 hexadecimal digits") && !other.exists(), "{}", err(&wrong));
}

#[test]
fn completions_know_every_command() {
    for shell in ["bash", "zsh", "fish"] {
        let output = remora(&format!("completions {shell}"));
        assert_eq!(output.status.code(), Some(0), "{}", err(&output));
        for word in ["cancel-all", "doctor", "alert", "--log-level"] {
            let word = if shell == "fish" { word.trim_start_matches('-') } else { word };
            assert!(out(&output).contains(word), "{shell}: {word}");
        }
    }
    assert_eq!(remora("completions tcsh").status.code(), Some(2));
}

#[test]
fn channels_are_listed_with_what_is_wrong_with_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("my.toml");
    let nobody = remora(&format!("alert list --data {}", folder.path().display()));
    assert_eq!(nobody.status.code(), Some(0), "{}", err(&nobody));
    assert!(out(&nobody).contains("Nobody is told") && out(&nobody).contains("order_unknown"), "{}", out(&nobody));
    fs::write(&file, "[[alert]]\nname = \"phone\"\nkind = \"slack\"\nsecret = \"file:/nowhere\"\non = [\"kill\"]\n")
        .expect("written");
    let listed = remora(&format!("alert list --json --config {}", file.display()));
    assert_eq!(listed.status.code(), Some(1));
    let answer: Value = serde_json::from_str(&out(&listed)).expect("JSON");
    assert_eq!(answer["channels"][0]["name"], "phone");
    assert!(answer["channels"][0]["wrong"].as_str().expect("why").contains("/nowhere"), "{answer}");
}
