//! The rules of the tree that a machine can check. Each test shows first that its rule sees a violation.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use remora::{
    config::{Config, DEFAULT, Overrides, Written},
    domain::{Refusal, Skip},
};

/// A file of the tree; `path` is relative to its root.
struct File {
    path: String,
    text: String,
}

impl File {
    fn new(path: &str, text: &str) -> File {
        File { path: path.to_owned(), text: text.to_owned() }
    }

    fn is_in(&self, folder: &str) -> bool {
        self.path.starts_with(folder)
    }

    /// Returns the text before the tests at its end, and the tests; one of them may be empty.
    fn parts(&self) -> (&str, &str) {
        let is_test =
            !self.is_in("src/") || ["/tests.rs", "/tests/", "/testing.rs"].iter().any(|part| self.path.contains(part));
        // A module of tests that is elsewhere (`mod tests;`) does not end the program's part.
        let begins = |start: &usize| self.text[*start..].lines().nth(1).is_some_and(|line| line.contains('{'));
        match self.text.match_indices("#[cfg(test)]\nmod ").map(|(start, _)| start).find(begins) {
            _ if is_test => ("", &self.text),
            Some(start) => self.text.split_at(start),
            None => (&self.text, ""),
        }
    }

    /// Yields the lines that are part of the program, numbered, without comments.
    fn code(&self) -> impl Iterator<Item = (usize, &str)> {
        self.parts().0.lines().enumerate().map(|(index, line)| (index + 1, without_comment(line)))
    }

    fn at(&self, line: usize, what: &str) -> String {
        format!("{}:{line}: {what}", self.path)
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// All files below `folder` whose name has one of `endings` (`""`: any).
fn files(folder: &str, endings: &[&str]) -> Vec<File> {
    fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            match entry.path() {
                path if path.is_dir() => walk(&path, found),
                path => found.push(path),
            }
        }
    }
    let mut found = Vec::new();
    walk(&root().join(folder), &mut found);
    found.sort();
    let is_wanted = |path: &PathBuf| endings.iter().any(|ending| path.to_string_lossy().ends_with(ending));
    let file = |path: PathBuf| {
        let text = fs::read_to_string(&path).ok()?;
        Some(File { path: path.strip_prefix(root()).ok()?.display().to_string(), text })
    };
    found.into_iter().filter(is_wanted).filter_map(file).collect()
}

fn sources() -> Vec<File> {
    let found = files("src", &[".rs"]);
    assert!(found.len() > 10, "the sources were not found: {}", found.len());
    found
}

/// All Rust files but this one, which holds what it forbids.
fn all_rust() -> Vec<File> {
    let folders = ["src", "tests", "benches"];
    folders.iter().flat_map(|folder| files(folder, &[".rs"])).filter(|file| file.path != "tests/tidy.rs").collect()
}

fn without_comment(line: &str) -> &str {
    let mut in_text = false;
    let mut before = ' ';
    for (index, c) in line.char_indices() {
        match c {
            '"' if before != '\\' && before != '\'' => in_text = !in_text,
            '/' if before == '/' && !in_text => return &line[..index - 1],
            _ => {}
        }
        before = c;
    }
    line
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|word| !word.is_empty())
}

#[track_caller]
fn none(violations: Vec<String>) {
    assert!(violations.is_empty(), "{} violations:\n{}", violations.len(), violations.join("\n"));
}

// ---- The engine touches nothing.

const NEVER: [&str; 10] =
    ["tokio", "reqwest", "sqlx", "tracing", "Instant", "SystemTime", "Mutex", "RwLock", "f32", "f64"];
/// Words of ours, too; as parts of a path they are not.
const NEVER_IN_PATHS: [&str; 4] = ["net", "fs", "thread", "log"];

fn touches_the_world(files: &[File]) -> Vec<String> {
    let inner = files.iter().filter(|file| file.is_in("src/engine/") || file.is_in("src/domain/"));
    let lines = inner.flat_map(|file| file.code().map(move |(line, code)| (file, line, code)));
    lines
        .filter_map(|(file, line, code)| {
            let in_path = |word: &str| code.contains(&format!("{word}::")) || code.contains(&format!("::{word}"));
            let is_outside = |word: &&str| NEVER.contains(word) || NEVER_IN_PATHS.contains(word) && in_path(word);
            let word = words(code).find(is_outside)?;
            Some(file.at(line, &format!("`{word}` in a module that touches nothing")))
        })
        .collect()
}

#[test]
fn domain_and_engine_touch_nothing() {
    let check = |path: &str, text: &str, count: usize| {
        assert_eq!(touches_the_world(&[File::new(path, text)]).len(), count, "{path}: {text}");
    };
    check("src/engine/mod.rs", "use std::time::Instant;", 1);
    check("src/engine/mod.rs", "use std::{net::TcpStream};", 1);
    check("src/engine/risk.rs", "let share: f64 = 0.1;", 1);
    check("src/domain/money.rs", "use std::sync::Mutex;", 1);
    check("src/domain/money.rs", "tracing::info!(\"x\");", 1);
    check("src/domain/money.rs", "let net = gross - fee; // std::net", 0);
    check("src/domain/money.rs", "fn a() {}\n#[cfg(test)]\nmod tests { fn b(x: f64) {} }", 0);
    check("src/feed/socket.rs", "use tokio::net;", 0);
    none(touches_the_world(&sources()));
}

// ---- Clocks are read in one file.

const CLOCK_FILE: &str = "src/clock.rs";
/// Files that measure how long something outside lets them wait. No trade is decided by it.
const WAITING: [&str; 4] =
    ["src/feed/socket/session.rs", "src/journal/sync.rs", "src/store/database.rs", "src/store/private.rs"];

fn reads_a_clock(files: &[File]) -> Vec<String> {
    const TIME_OF_DAY: [&str; 3] = ["SystemTime::now", "DateTime::now", "clock_gettime"];
    const LENGTHS: [&str; 1] = ["Instant::now"];
    let others = files.iter().filter(|file| file.path != CLOCK_FILE);
    let lines = others.flat_map(|file| file.code().map(move |(line, code)| (file, line, code)));
    let reads = |code: &str, clocks: &[&str]| clocks.iter().any(|clock| code.contains(clock));
    let is_wrong = |file: &File, code: &str| {
        reads(code, &TIME_OF_DAY) || reads(code, &LENGTHS) && !WAITING.contains(&file.path.as_str())
    };
    lines
        .filter(|(file, _, code)| is_wrong(file, code))
        .map(|(file, line, _)| file.at(line, "reads a clock; src/clock.rs does that"))
        .collect()
}

#[test]
fn clocks_are_read_in_one_file() {
    let text = "let now = std::time::Instant::now();";
    assert_eq!(reads_a_clock(&[File::new("src/feed/socket.rs", text), File::new(CLOCK_FILE, text)]).len(), 1);
    assert_eq!(reads_a_clock(&[File::new("src/a.rs", "time::OffsetDateTime::now_utc()")]).len(), 1);
    assert_eq!(reads_a_clock(&[File::new("tests/a.rs", text), File::new("src/a/tests.rs", text)]).len(), 0);
    let waits = |text: &str| reads_a_clock(&[File::new(WAITING[0], text)]).len();
    assert_eq!((waits("Instant::now()"), waits("SystemTime::now()")), (0, 1));
    none(reads_a_clock(&sources()));
}

// ---- SQL is written in the store.

fn speaks_sql(files: &[File]) -> Vec<String> {
    const SQL: [&str; 7] =
        ["SELECT ", "INSERT INTO ", "DELETE FROM ", "UPDATE ", "CREATE TABLE", "ALTER TABLE", "TRUNCATE "];
    let others = files.iter().filter(|file| !file.is_in("src/store/"));
    let lines = others.flat_map(|file| file.code().map(move |(line, code)| (file, line, code)));
    lines
        .filter(|(_, _, code)| code.contains('"') && SQL.iter().any(|sql| code.contains(sql)))
        .map(|(file, line, _)| file.at(line, "SQL outside src/store/"))
        .collect()
}

#[test]
fn sql_is_written_in_the_store_only() {
    let text = "sqlx::query(\"SELECT 1\")";
    assert_eq!(speaks_sql(&[File::new("src/web/api.rs", text), File::new("src/store/a.rs", text)]).len(), 1);
    assert_eq!(speaks_sql(&[File::new("src/web/api.rs", "// SELECT \"x\"")]).len(), 0);
    none(speaks_sql(&sources()));
}

// ---- Files are short.

const LINES_USUAL: usize = 400;
const LINES_MAX: usize = 800;

fn is_long(files: &[File]) -> Vec<String> {
    let lines = |file: &File| file.text.lines().count();
    let has_reason = |file: &File| {
        file.text.lines().take_while(|line| line.starts_with("//!")).any(|line| line.contains("Longer than 800 lines"))
    };
    let mut found: Vec<String> = files
        .iter()
        .filter(|file| lines(file) > LINES_MAX && !has_reason(file))
        .map(|file| file.at(lines(file), "longer than 800 lines, and its header does not say why"))
        .collect();
    let long: Vec<&File> = files.iter().filter(|file| lines(file) > LINES_USUAL).collect();
    if files.len() < long.len() * 10 {
        found.extend(long.iter().map(|file| file.at(lines(file), "one of too many files above 400 lines")));
    }
    found
}

#[test]
fn files_are_short() {
    let file =
        |path: &str, header: &str, lines: usize| File::new(path, &format!("{header}\n{}", "x\n".repeat(lines - 1)));
    let nine: Vec<File> = (0..9).map(|_| file("short", "", 400)).collect();
    let with =
        |more: Vec<File>| is_long(&nine.iter().map(|f| File::new(&f.path, &f.text)).chain(more).collect::<Vec<_>>());
    assert_eq!(with(vec![file("a", "", 800)]).len(), 0);
    assert_eq!(with(vec![file("a", "", 401), file("b", "", 401)]).len(), 2);
    assert_eq!(with(vec![file("a", "", 801)]).len(), 1);
    assert_eq!(with(vec![file("a", "//! Longer than 800 lines because it is one table.", 801)]).len(), 0);
    none(is_long(&all_rust()));
}

// ---- Every setting is documented, read, and used.

#[test]
fn every_documented_key_is_read() {
    let load = |text: String| Config::load(&Written::Text { name: "text".into(), text }, &Overrides::default());
    let unread = load(format!("{DEFAULT}\nunread_key = 1\n")).expect_err("a key that nobody reads is a mistake");
    assert!(unread.to_string().contains("strategy_default.live.unread_key"), "{unread}");
    // The file as it is, over itself: each key in it is asked for.
    load(DEFAULT.to_owned()).expect("every key is read");
}

/// Returns the public fields of the struct `name` that `users` never take.
fn unused_fields(name: &str, text: &str, users: &[File]) -> Vec<String> {
    let body = text.split_once(&format!("pub struct {name} {{")).map_or("", |(_, rest)| rest);
    let body = body.split_once("\n}").map_or("", |(body, _)| body);
    let fields =
        body.lines().filter_map(|line| line.trim().strip_prefix("pub ")?.split_once(':')).map(|(field, _)| field);
    // Taken one by one, or all at once: `let Name { field, .. } = ...`.
    let takes = |code: &str, field: &str| {
        code.contains(&format!(".{field}")) || code.contains(&format!("{name} {{")) && words(code).any(|w| w == field)
    };
    let is_used = |field: &str| users.iter().any(|file| file.code().any(|(_, code)| takes(code, field)));
    fields
        .filter(|field| !is_used(field))
        .map(|field| format!("{name}.{field} is read from the file, and used nowhere"))
        .collect()
}

#[test]
fn every_setting_of_a_strategy_binds() {
    let text = "pub struct A {\n    pub used: u8,\n    /// x\n    pub idle: u8,\n}\n";
    let user = File::new("src/engine/a.rs", "#[cfg(test)]\nmod tests;\nlet x = self.used; // self.idle");
    assert_eq!(unused_fields("A", text, &[user]), ["A.idle is read from the file, and used nowhere"]);
    let user = File::new("src/engine/a.rs", "let A { used, idle } = self.a;");
    assert_eq!(unused_fields("A", text, &[user]), [""; 0]);

    let engine = files("src/engine", &[".rs"]);
    if engine.is_empty() {
        return println!("note: there is no src/engine yet");
    }
    let settings = files("src/domain/settings", &[".rs"]);
    let structs = |file: &File| -> Vec<String> {
        file.text
            .lines()
            .filter_map(|line| Some(line.strip_prefix("pub struct ")?.strip_suffix(" {")?.to_owned()))
            .collect()
    };
    let unused = settings.iter().flat_map(|file| {
        structs(file).into_iter().flat_map(|name| unused_fields(&name, &file.text, &engine)).collect::<Vec<_>>()
    });
    none(unused.collect());
}

#[test]
fn every_setting_of_the_program_is_used() {
    let program = sources();
    if !program.iter().any(|file| file.path == "src/command/run.rs" && file.text.contains("pub fn execute")) {
        return println!("note: `remora run` is not plugged in yet");
    }
    let config = fs::read_to_string(root().join("src/config/mod.rs")).expect("the settings");
    let users: Vec<File> = program.into_iter().filter(|file| !file.is_in("src/config/")).collect();
    let structs = config.lines().filter_map(|line| line.strip_prefix("pub struct ")?.strip_suffix("Config {"));
    let names: Vec<String> = structs.map(|name| format!("{name}Config")).collect();
    assert!(names.len() > 10, "{names:?}");
    none(names.iter().flat_map(|name| unused_fields(name, &config, &users)).collect());
}

// ---- Every no is tested.

fn untested<'a>(reasons: impl Iterator<Item = (String, &'a str)>, tests: &str) -> Vec<String> {
    let known: BTreeSet<&str> = words(tests).collect();
    let is_tested = |variant: &str, code: &str| known.contains(variant) || known.contains(code);
    reasons
        .filter(|(variant, code)| !is_tested(variant, code))
        .map(|(variant, code)| format!("{variant} (`{code}`) occurs in no test"))
        .collect()
}

#[test]
fn every_reason_occurs_in_a_test() {
    let pairs = [("TooOld".to_owned(), "too_old"), ("NoBook".to_owned(), "no_book"), ("NoAsks".to_owned(), "no_asks")];
    assert_eq!(untested(pairs.into_iter(), "Skip::TooOld \"no_book\""), ["NoAsks (`no_asks`) occurs in no test"]);

    if files("src/engine", &[".rs"]).is_empty() {
        return println!("note: there is no src/engine yet");
    }
    let tests: String = all_rust().iter().map(|file| file.parts().1.to_owned()).collect();
    let skips = Skip::ALL.iter().map(|skip| (format!("{skip:?}"), skip.code()));
    let refusals = Refusal::ALL.iter().map(|refusal| (format!("{refusal:?}"), refusal.code()));
    none(untested(skips.chain(refusals), &tests));
}

// ---- Names say what a thing is.

fn has_empty_name(files: &[File]) -> Vec<String> {
    const EMPTY: [&str; 5] = ["manager", "helper", "util", "handler", "processor"];
    // Somebody else's name is what it is.
    let is_empty = |name: &str| EMPTY.iter().any(|word| name.to_lowercase().replace("nautilus", "").contains(word));
    let mut found = Vec::new();
    for file in files {
        if is_empty(&file.path) {
            found.push(file.at(1, "a name that says nothing"));
        }
        for (index, line) in file.text.lines().enumerate() {
            let mut words = words(without_comment(line)).skip_while(|word| matches!(*word, "pub" | "crate" | "super"));
            let is_type = matches!(words.next(), Some("struct" | "enum" | "trait" | "type" | "mod"));
            if is_type && words.next().is_some_and(is_empty) {
                found.push(file.at(index + 1, "a type whose name says nothing"));
            }
        }
    }
    found
}

#[test]
fn names_say_what_a_thing_is() {
    let check =
        |path: &str, text: &str, count: usize| assert_eq!(has_empty_name(&[File::new(path, text)]).len(), count);
    check("src/feed/utils.rs", "", 1);
    check("benches/peers/nautilus/src/main.rs", "", 0);
    check("src/a.rs", "pub(crate) struct OrderManager;", 1);
    check("src/a.rs", "enum EventHandler {}\nmod helpers {}", 2);
    check("src/a.rs", "// struct Manager\nlet manager = 1;", 0);
    none(has_empty_name(&all_rust()));
}

// ---- Nothing is unfinished.

fn is_unfinished(files: &[File]) -> Vec<String> {
    const MARKS: [&str; 6] = ["TODO", "FIXME", "XXX", "unimplemented!", "todo!", "dbg!"];
    let lines =
        files.iter().flat_map(|file| file.text.lines().enumerate().map(move |(index, line)| (file, index + 1, line)));
    lines
        .filter_map(|(file, line, text)| {
            let mark = MARKS.iter().find(|mark| text.contains(*mark))?;
            Some(file.at(line, &format!("`{mark}`")))
        })
        .collect()
}

#[test]
fn nothing_is_unfinished() {
    for text in ["// TODO: later", "todo!()", "let x = dbg!(y);", "unimplemented!(\"x\")"] {
        assert_eq!(is_unfinished(&[File::new("a", text)]).len(), 1, "{text}");
    }
    none(is_unfinished(&all_rust()));
    let others = ["config", "scripts", ".ci"].iter().flat_map(|folder| files(folder, &[""]));
    none(is_unfinished(&others.collect::<Vec<_>>()));
}

// ---- Every module says what it is for.

fn is_undocumented(files: &[File]) -> Vec<String> {
    let lacks = |file: &&File| !file.text.starts_with("//! ");
    files.iter().filter(lacks).map(|file| file.at(1, "does not begin with `//!` and what it is for")).collect()
}

#[test]
fn every_module_says_what_it_is_for() {
    let wrong = File::new("src/a.rs", "use x;\n//! late");
    assert_eq!(is_undocumented(&[wrong, File::new("src/b.rs", "//! What b is for.\n")]).len(), 1);
    let modules = sources().into_iter().filter(|file| file.path != "src/lib.rs" && !file.parts().0.is_empty());
    none(is_undocumented(&modules.collect::<Vec<_>>()));
}

// ---- No crate gets in that deny.toml bans, nor from elsewhere than crates.io.

fn banned(deny: &str, lock: &str) -> Vec<String> {
    let parse = |text: &str| text.parse::<toml::Table>().expect("TOML");
    let (deny, lock) = (parse(deny), parse(lock));
    let bans = deny["bans"]["deny"].as_array().expect("a list");
    let bans: BTreeSet<&str> = bans.iter().filter_map(|ban| ban["crate"].as_str()).collect();
    let mut found = Vec::new();
    for package in lock["package"].as_array().expect("a list") {
        let name = package["name"].as_str().expect("a name");
        // Hyphens and underscores are the same to cargo.
        if bans.iter().any(|ban| ban.replace('-', "_") == name.replace('-', "_")) {
            found.push(format!("{name} is banned by deny.toml"));
        }
        let source = package.get("source").and_then(toml::Value::as_str);
        if source.is_some_and(|source| source != "registry+https://github.com/rust-lang/crates.io-index") {
            found.push(format!("{name} does not come from crates.io"));
        }
    }
    found
}

#[test]
fn no_banned_crate_is_in_the_lock() {
    let deny = "[bans]\ndeny = [{ crate = \"faster_log\" }]";
    let lock = "[[package]]\nname = \"faster-log\"\n[[package]]\nname = \"x\"\nsource = \"git+https://example.org\"";
    assert_eq!(banned(deny, lock).len(), 2);
    let read = |name: &str| fs::read_to_string(root().join(name)).expect("the file");
    let (deny, lock) = (read("deny.toml"), read("Cargo.lock"));
    for name in ["openssl-sys", "aws-lc-sys", "polymarket-clients-sdk"] {
        let with = format!("{lock}\n[[package]]\nname = \"{name}\"\n");
        assert_eq!(banned(&deny, &with), [format!("{name} is banned by deny.toml")]);
    }
    none(banned(&deny, &lock));
}

// ---- The two commands are where people look for them.

fn unnamed_scripts(readme: &str, names: &[String]) -> Vec<String> {
    names
        .iter()
        .filter(|name| !readme.contains(name.as_str()))
        .map(|name| format!("README.md does not name {name}"))
        .collect()
}

#[test]
fn the_readme_names_the_scripts() {
    let names = ["scripts/run".to_owned(), "scripts/test".to_owned()];
    assert_eq!(unnamed_scripts("first scripts/run", &names), ["README.md does not name scripts/test"]);
    let readme = fs::read_to_string(root().join("README.md")).expect("the readme");
    none(unnamed_scripts(&readme, &names));
    for name in ["scripts/install", "scripts/run", "scripts/test", ".ci/run"] {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(root().join(name)).expect("the script").permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{name} cannot be run");
    }
}
