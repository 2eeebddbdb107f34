//! Each limit and each switch has a test that shows it refuse: the table in `tests/LIMITS.md`, made from the code.
//!
//! A reason is shown by a test in which the story says it (`"skipped too_old"`, `"refused daily_loss"`) or which asks for
//! it by name (`Refusal::TooManyOrders`). A key of a strategy is shown by a test that says the reason whose knob it is and
//! narrows the key's field, or that says `/// Binds: key.` of itself and narrows it. After a change:
//! `REMORA_LIMITS=write cargo test --test limits`.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt::Write as _,
    fs,
    path::{Path, PathBuf},
};

use remora::{
    config::DEFAULT,
    domain::{Breaker, Declined, NotSent, Refusal, Skip},
};

/// Parts of the settings whose keys limit or switch what is decided.
const DECIDING: [&str; 9] = [
    "paper",
    "live",
    "ceilings",
    "prepare",
    "signals",
    "strategy_default",
    "strategy_default.paper",
    "strategy_default.live",
    "leader",
];
/// Keys that the code calls by another word.
const CALLED: [(&str, &str); 4] =
    [("enabled", "paper_switch"), ("switch", "live_switch"), ("score_gate", "gate"), ("scale_in_step", "scale_in")];
/// Words of keys and fields that say a unit only.
const UNITS: [&str; 9] = ["ms", "s", "percent", "ppm", "minutes", "hours", "usdc", "micros", "shares"];

/// A test function: where it is, what it says of itself, and what it does.
struct Story {
    path: String,
    name: String,
    binds: Vec<String>,
    words: BTreeSet<String>,
    text: String,
}

impl Story {
    fn link(&self) -> String {
        format!("`{}` ({})", self.name, self.path)
    }

    /// Returns whether the test takes the field that a key sets.
    fn narrows(&self, key: &str) -> bool {
        let bare = bare(key);
        let called = CALLED.iter().find(|(key, _)| *key == bare).map_or(bare.as_str(), |(_, called)| called);
        self.words.contains(called)
    }
}

/// Returns a name without its units: `trade_age_ms_max` and `trade_age_max` are the same.
fn bare(name: &str) -> String {
    name.split('_').filter(|word| !UNITS.contains(word)).collect::<Vec<_>>().join("_")
}

/// Returns a type's name as a field's: `ExitPlan` is `exit_plan`.
fn snake(name: &str) -> String {
    let mut snake = String::new();
    for (at, c) in name.char_indices() {
        if c.is_uppercase() && at > 0 && name.contains(char::is_lowercase) {
            snake.push('_');
        }
        snake.extend(c.to_lowercase());
    }
    snake
}

/// Yields the test functions of a file, with those helpers of the same file that they call.
fn stories(path: &str, text: &str) -> Vec<Story> {
    let functions = functions(text);
    let helpers: Vec<&Function<'_>> = functions.iter().filter(|function| !function.is_test).collect();
    let tests = functions.iter().filter(|function| function.is_test);
    tests
        .map(|test| {
            let mut body = test.body.to_owned();
            for helper in helpers.iter().filter(|helper| test.body.contains(&format!("{}(", helper.name))) {
                body.push_str(helper.body);
            }
            let body = body.replace("\\n", " ");
            let words = body.split(|c: char| !c.is_alphanumeric() && c != '_');
            let words = words.filter(|word| !word.is_empty()).map(|word| bare(&snake(word))).collect();
            let (path, name, binds) = (path.to_owned(), test.name.to_owned(), test.binds.clone());
            Story { path, name, binds, words, text: body }
        })
        .collect()
}

struct Function<'a> {
    name: &'a str,
    is_test: bool,
    binds: Vec<String>,
    body: &'a str,
}

/// Returns the functions of formatted source: from `fn` to the brace under its first letter.
fn functions(text: &str) -> Vec<Function<'_>> {
    let (mut found, mut above, mut at) = (vec![], vec![], 0);
    for line in text.split_inclusive('\n') {
        let (code, begin) = (line.trim(), at);
        at += line.len();
        if code.starts_with("///") || code.starts_with("#[") {
            above.push(code);
            continue;
        }
        let attributes = std::mem::take(&mut above);
        let code = code.strip_prefix("pub ").unwrap_or(code);
        let code = code.strip_prefix("async ").unwrap_or(code);
        let Some(name) = code.strip_prefix("fn ") else { continue };
        let indent = &line[..line.len() - line.trim_start().len()];
        let end = text[begin..].find(&format!("\n{indent}}}")).map_or(text.len(), |end| begin + end);
        let binds = attributes.iter().filter_map(|line| line.strip_prefix("/// Binds: "));
        found.push(Function {
            name: name.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default(),
            is_test: attributes.iter().any(|line| line.starts_with("#[test]") || line.starts_with("#[tokio::test")),
            binds: binds.flat_map(|keys| keys.trim_end_matches('.').split(", ")).map(str::to_owned).collect(),
            body: &text[begin..end],
        });
    }
    found
}

fn all_stories() -> Vec<Story> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() && !path.ends_with("node_modules") && !path.ends_with("clients") {
                walk(&path, found);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                found.push(path);
            }
        }
    }
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut paths = vec![];
    ["src", "tests"].iter().for_each(|folder| walk(&root.join(folder), &mut paths));
    paths.sort();
    let here = root.join(file!());
    // That something is told to people does not show that it refuses.
    let alerts = root.join("src/alert");
    let shows = |path: &PathBuf| *path != here && !path.starts_with(&alerts);
    let texts = paths.iter().filter(|path| shows(path)).map(|path| {
        let name = path.strip_prefix(&root).expect("under the root").display().to_string();
        (name, fs::read_to_string(path).expect("a source"))
    });
    texts.flat_map(|(path, text)| stories(&path, &text)).collect()
}

/// A no: how it is told, and by which name the code calls it.
struct Reason {
    said: &'static str,
    code: &'static str,
    path: String,
    knob: &'static str,
}

impl Reason {
    fn is_shown_by(&self, story: &Story) -> bool {
        let phrase = format!("{} {}", self.said, self.code);
        let ends = |text: &str| !text.starts_with(|c: char| c.is_alphanumeric() || c == '_');
        let says = |what: &str| story.text.match_indices(what).any(|(at, _)| ends(&story.text[at + what.len()..]));
        let (of, name) = self.path.split_once("::").unwrap_or_default();
        let is_imported = || story.text.contains(&format!("{of}::{{")) && says(&format!("({name})"));
        says(phrase.trim()) || says(&self.path) || is_imported()
    }
}

fn reasons() -> Vec<Reason> {
    let skips = Skip::ALL.iter().map(|r| ("skipped", r.code(), format!("Skip::{r:?}"), r.knob()));
    let refusals = Refusal::ALL.iter().map(|r| ("refused", r.code(), format!("Refusal::{r:?}"), r.knob()));
    let declined = Declined::ALL.iter().map(|r| ("declined", r.code(), format!("Declined::{r:?}"), r.knob()));
    let breakers = Breaker::ALL.iter().map(|r| ("tripped", r.code(), format!("Breaker::{r:?}"), ""));
    let not_sent = NotSent::ALL.iter().map(|r| ("", r.code(), format!("NotSent::{r:?}"), ""));
    let all = skips.chain(refusals).chain(declined).chain(breakers).chain(not_sent);
    all.map(|(said, code, path, knob)| Reason { said, code, path, knob }).collect()
}

/// Returns the keys of the deciding parts of the settings, as `part.key`.
fn keys() -> Vec<(String, String)> {
    let mut part = "";
    let mut keys = vec![];
    for line in DEFAULT.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            part = name;
        } else if let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.contains(['#', ' ', '"']))
            && DECIDING.contains(&part)
        {
            keys.push((part.to_owned(), key.to_owned()));
        }
    }
    keys
}

/// Returns the test that shows a key binding: one that says its reason and narrows it, or claims to bind it and does.
fn shows_key<'a>(key: &str, reasons: &[Reason], stories: &'a [Story]) -> Option<&'a Story> {
    let claimed = stories.iter().find(|story| story.binds.iter().any(|bound| bound == key) && story.narrows(key));
    let mine = |reason: &&Reason| reason.knob.split(" / ").any(|knob| knob.rsplit('.').next() == Some(key));
    let by_reason = || {
        let told = |story: &&Story| reasons.iter().filter(mine).any(|reason| reason.is_shown_by(story));
        stories.iter().filter(told).find(|story| story.narrows(key))
    };
    claimed.or_else(by_reason)
}

/// Returns the table, and what is missing from it.
fn table(reasons: &[Reason], keys: &[(String, String)], stories: &[Story]) -> (String, Vec<String>) {
    let mut missing = vec![];
    let mut text = "# Limits, and the tests that show them refuse\n\nMade from the code by `tests/limits.rs`, which fails \
                    when a line is missing or this file is old.\nTo make it anew: `REMORA_LIMITS=write cargo test --test \
                    limits`.\n\n## Reasons\n\n| reason | what would change it | shown by |\n|---|---|---|\n"
        .to_owned();
    for reason in reasons {
        let shown = stories.iter().find(|story| reason.is_shown_by(story)).map(Story::link);
        missing.extend(shown.is_none().then(|| format!("no test shows `{} {}`", reason.said, reason.code)));
        let (name, knob) = (format!("{} {}", reason.said, reason.code), reason.knob);
        let _ = writeln!(text, "| {} | {knob} | {} |", name.trim(), shown.unwrap_or_default());
    }
    text.push_str("\n## Settings\n\n| part | key | shown by |\n|---|---|---|\n");
    for (part, key) in keys {
        let shown = shows_key(key, reasons, stories).map(Story::link);
        missing.extend(shown.is_none().then(|| {
            format!("no test shows `{part}.{key}` binding; write one that narrows it and say `/// Binds: {key}.` of it")
        }));
        let _ = writeln!(text, "| {part} | {key} | {} |", shown.unwrap_or_default());
    }
    (text, missing)
}

#[test]
fn the_search_finds_a_story_and_misses_one_that_is_not_there() {
    let text = "/// Binds: stop_loss_percent.\n#[test]\nfn a() {\n    s.stop_loss_ppm = 1;\n}\n\n#[test]\nfn b() {\n    \
                check(|s| s.trade_age_max = x, \"skipped too_old\");\n}\n\nfn check() {\n    other_key\n}\n";
    let stories = stories("x.rs", text);
    assert_eq!(stories.iter().map(|story| story.name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    let reason = |code| reasons().into_iter().find(|reason| reason.code == code).expect("a reason");
    let named = |reason: &str, story: usize| self::reason_of(reason).is_shown_by(&stories[story]);
    assert_eq!((named("too_old", 1), named("too_old", 0), named("no_book", 1)), (true, false, false));
    let reasons = [reason("too_old"), reason("no_book")];
    let shown = |key| shows_key(key, &reasons, &stories).map(|story| story.name.as_str());
    assert_eq!((shown("stop_loss_percent"), shown("trade_age_ms_max")), (Some("a"), Some("b")));
    // Neither a claim without the deed, nor a deed without the reason, nor a longer word.
    assert_eq!((shown("take_profit_percent"), shown("other_key"), shown("trade_age_ms")), (None, None, None));
    let keys = [("part".to_owned(), "hold_minutes_max".to_owned())];
    assert_eq!(table(&reasons, &keys, &stories).1.len(), 2);
}

fn reason_of(code: &str) -> Reason {
    reasons().into_iter().find(|reason| reason.code == code).expect("a reason")
}

#[test]
fn codes_are_told_apart() {
    let story = &stories("x.rs", "#[test]\nfn a() {\n    \"refused daily_loss_more\"\n}\n")[0];
    assert!(!reason_of("daily_loss").is_shown_by(story));
    let codes: BTreeMap<(&str, &str), usize> = reasons().iter().fold(BTreeMap::new(), |mut counts, reason| {
        *counts.entry((reason.said, reason.code)).or_default() += 1;
        counts
    });
    assert!(codes.values().all(|count| *count == 1), "{codes:?}");
}

#[test]
fn every_limit_has_a_test_that_shows_it_refuse() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/LIMITS.md");
    let (text, missing) = table(&reasons(), &keys(), &all_stories());
    if std::env::var("REMORA_LIMITS").is_ok_and(|word| word == "write") {
        fs::write(&path, &text).expect("written");
    }
    assert!(missing.is_empty(), "{} limits are not shown:\n{}", missing.len(), missing.join("\n"));
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(written == text, "tests/LIMITS.md is old. To make it anew: REMORA_LIMITS=write cargo test --test limits");
}
