//! `remora venue` as people and scripts start it.

use std::{
    io::{BufRead, BufReader, Read},
    path::Path,
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;

/// The secret keys that every test chain gives away, and the address of the first.
const FIRST: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const SECOND: &str = "59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";
const FIRST_ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

fn command(arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    for name in ["REMORA_CONFIG", "REMORA_DATA_DIR", "REMORA_LISTEN", "REMORA_LOG_LEVEL", "DATABASE_URL"] {
        command.env_remove(name);
    }
    command.arg("venue").args(arguments).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// A venue that said it is ready.
struct Venue {
    child: Child,
    ready: Value,
}

impl Venue {
    fn start(arguments: &[&str]) -> Venue {
        let mut child = command(&[&["--json"], arguments].concat()).spawn().expect("the program starts");
        let mut line = String::new();
        BufReader::new(child.stdout.as_mut().expect("a pipe")).read_line(&mut line).expect("a line");
        let ready = serde_json::from_str(&line).unwrap_or_else(|error| panic!("{error}: {line}"));
        Venue { child, ready }
    }

    fn url(&self, name: &str) -> String {
        self.ready[name].as_str().unwrap_or_else(|| panic!("{name} in {}", self.ready)).to_owned()
    }

    /// Asks it to stop, and returns how it ended and what it said.
    fn stop(self, signal: i32) -> (Option<i32>, String) {
        // SAFETY: this call takes two numbers; the process is our child and not waited for yet.
        let sent = unsafe { libc::kill(self.child.id() as i32, signal) };
        assert_eq!(sent, 0);
        self.end()
    }

    fn end(mut self) -> (Option<i32>, String) {
        let status = self.child.wait().expect("it ends");
        let mut said = String::new();
        self.child.stderr.take().expect("a pipe").read_to_string(&mut said).expect("text");
        (status.code(), said)
    }
}

fn refused(arguments: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } = command(arguments).output().expect("the program starts");
    assert_eq!(String::from_utf8_lossy(&stdout), "", "{arguments:?}");
    (status.code(), String::from_utf8(stderr).expect("text"))
}

fn get(url: &str) -> Value {
    let (host, path) = url.trim_start_matches("http://").split_once('/').expect("a path");
    let mut socket = std::net::TcpStream::connect(host).expect("a listener");
    std::io::Write::write_all(&mut socket, format!("GET /{path} HTTP/1.0\r\nhost: {host}\r\n\r\n").as_bytes())
        .expect("sent");
    let mut answer = String::new();
    socket.read_to_string(&mut answer).expect("an answer");
    serde_json::from_str(answer.split_once("\r\n\r\n").expect("a body").1).expect("JSON")
}

#[test]
fn it_says_where_it_is_who_has_money_and_what_is_traded() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("venue.json");
    let path = file.to_str().expect("a path");
    let second = format!("{SECOND}:50.25");
    let venue = Venue::start(&[
        "--seed",
        "7",
        "--ready-file",
        path,
        "--account",
        &format!("{FIRST}:1000"),
        "--account",
        &second,
    ]);
    let written: Value = serde_json::from_slice(&std::fs::read(&file).expect("the file")).expect("JSON");
    assert_eq!(written, venue.ready);
    assert_eq!(std::fs::read_dir(folder.path()).expect("the folder").count(), 1);

    for (name, scheme) in [
        ("clob", "http://"),
        ("ws_market", "ws://"),
        ("ws_user", "ws://"),
        ("rtds", "ws://"),
        ("gamma", "http://"),
        ("data", "http://"),
        ("rpc_http", "http://"),
        ("rpc_ws", "ws://"),
        ("relayer", "http://"),
        ("control", "http://"),
        ("geoblock", "http://"),
    ] {
        assert!(venue.url(name).starts_with(&format!("{scheme}127.0.0.1:")), "{name}");
    }
    assert_eq!(get(&format!("{}/version", venue.url("clob")))["version"], 2);
    assert_eq!(get(&venue.url("geoblock"))["blocked"], false);
    assert_eq!(get(&format!("{}/v2/status", venue.url("data")))["data"]["age_seconds"], 0);
    assert_eq!(get(&format!("{}/state", venue.url("control")))["sockets"], 0);

    let accounts = venue.ready["accounts"].as_array().expect("accounts");
    assert_eq!(accounts.len(), 2);
    let first = serde_json::json!({
        "address": FIRST_ADDRESS, "proxy": "0x365f0CA36Ae1f641E02fE3B7743673da42A13A70",
        "safe": "0xd93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47",
        "deposit_wallet": "0xBc0fF067b7740Eff76C1ca93c875Ba6B890d6B50", "usd": "1000.00",
    });
    assert_eq!((&accounts[0], &accounts[1]["usd"]), (&first, &Value::from("50.25")));
    let text = venue.ready.to_string();
    assert!(!text.contains(&FIRST[2..]) && !text.contains(SECOND), "no key is told");

    let markets = venue.ready["markets"].as_array().expect("markets");
    let has = |key: &str, value: Value| markets.iter().any(|market| market[key] == value);
    assert!(
        has("generation", "v2".into()) && has("generation", "v3".into()) && has("neg_risk", true.into()),
        "{markets:?}"
    );
    for market in markets {
        let token = market["tokens"][0].as_str().expect("a token");
        let book = get(&format!("{}/book?token_id={token}", venue.url("clob")));
        assert_eq!((&book["market"], &book["tick_size"]), (&market["condition"], &market["tick"]));
    }
    let (status, said) = venue.stop(libc::SIGTERM);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("Stopped: ") && said.contains(" private requests"), "{said}");
}

#[test]
fn without_accounts_there_is_the_known_one() {
    let venue = Venue::start(&[]);
    let accounts = &venue.ready["accounts"];
    assert_eq!((accounts[0]["address"].as_str(), accounts[0]["usd"].as_str()), (Some(FIRST_ADDRESS), Some("10000.00")));
    assert_eq!(venue.ready["profile"], "calm");
    let (status, said) = venue.stop(libc::SIGINT);
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains("note: no --account"), "{said}");
}

#[test]
fn two_venues_on_one_port_say_so() {
    let first = Venue::start(&[]);
    let address = first.url("clob").trim_start_matches("http://").to_owned();
    let (status, said) = refused(&["--listen", &address]);
    assert_eq!(status, Some(1), "{said}");
    assert!(said.contains(&format!("{address}: another program listens there")), "{said}");
    assert_eq!(first.stop(libc::SIGTERM).0, Some(0));
}

#[test]
fn mistakes_are_named_and_keys_are_not_shown() {
    let good = format!("{FIRST}:1");
    let cut = format!("{}:1", &FIRST[..40]);
    let poor = format!("{FIRST}:many");
    for (arguments, expected) in [
        (vec!["--account", &good, "--account", &cut], "account 2 of 2: "),
        (vec!["--account", &poor], "account 1 of 1: "),
        (vec!["--account", FIRST], "account 1 of 1: "),
        (vec!["--account", &good, "--account", &good], "account 2 of 2: its key was given before"),
        (vec!["--knob", "ghost_fil_ppm=1"], "there is no knob ghost_fil_ppm; the likest are ghost_fill_ppm"),
        (vec!["--knob", "ghost_fill_ppm"], "write NAME=VALUE"),
        (vec!["--knob", "drift_ppm=1000001"], "drift_ppm: 1000001 is above 1000000"),
        (vec!["--profile", "storm"], "[possible values: calm, soak, hell]"),
        (vec!["--listen", "here"], "'here' for '--listen"),
        (vec!["--rate", "0"], "0 is not in 1..=100000"),
        (vec!["--for", "7"], "7"),
    ] {
        let (status, said) = refused(&arguments);
        assert_eq!(status, Some(2), "{said}");
        assert!(said.contains(expected), "{expected}\n{said}");
        assert!(!said.contains(&FIRST[2..40]), "{said}");
    }
    for (arguments, expected) in [
        (vec!["--listen", "0.0.0.0:0"], "0.0.0.0:0 is not an address of this machine alone"),
        (vec!["--truth", "/nowhere/truth.jsonl"], "/nowhere/truth.jsonl: No such file"),
        (vec!["--ready-file", "/nowhere/venue.json"], "/nowhere/venue.part: No such file"),
        (vec!["--tls", "/proc/nothing"], "/proc/nothing: "),
        (vec!["--market", "/nowhere/day.jsonl"], "/nowhere/day.jsonl"),
    ] {
        let (status, said) = refused(&arguments);
        assert_eq!(status, Some(1), "{said}");
        assert!(said.contains(expected), "{expected}\n{said}");
    }
}

#[test]
fn it_stops_by_itself_and_leaves_its_truth_and_its_authority() {
    let folder = tempfile::tempdir().expect("a folder");
    let (truth, tls) = (folder.path().join("truth.jsonl"), folder.path().join("certs"));
    let text = |path: &Path| path.to_str().expect("a path").to_owned();
    let venue = Venue::start(&[
        "--for",
        "300ms",
        "--profile",
        "hell",
        "--knob",
        "drift_ppm=0",
        "--truth",
        &text(&truth),
        "--tls",
        &text(&tls),
    ]);
    assert!(venue.url("clob").starts_with("https://") && venue.url("rtds").starts_with("wss://"));
    let authority = std::fs::read_to_string(venue.url("ca")).expect("the certificate");
    assert!(authority.starts_with("-----BEGIN CERTIFICATE-----"), "{authority}");
    let (status, said) = venue.end();
    assert_eq!(status, Some(0), "{said}");
    assert!(said.contains(" lines in the truth log."), "{said}");
    let lines = std::fs::read_to_string(&truth).expect("the log");
    let lines: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert_eq!((&lines[0]["what"], &lines[lines.len() - 1]["what"]), (&Value::from("began"), &Value::from("ended")));
}

#[test]
fn its_help_has_examples() {
    let output = command(&["--help"]).output().expect("the program starts");
    let text = String::from_utf8(output.stdout).expect("text");
    assert_eq!(output.status.code(), Some(0));
    assert!(text.contains("Examples:\n  remora venue") && text.contains("--ready-file <FILE>"), "{text}");
}
