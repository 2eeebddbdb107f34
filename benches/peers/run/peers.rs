//! Who is compared: how each is built, started and asked.

use std::{
    collections::BTreeMap,
    fs,
    io::{BufRead, BufReader, Lines, Write},
    path::{Path, PathBuf},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
};

use serde::Deserialize;
use serde_json::Value;

use super::given;

#[derive(Clone, Copy)]
pub struct Peer {
    pub name: &'static str,
    pub shown: &'static str,
    program: Program,
}

#[derive(Clone, Copy)]
enum Program {
    Ours,
    /// Built into the folder that all Rust peers share.
    Rust(&'static str),
    Python,
    Node,
}

pub const OURS: Peer = Peer { name: "remora", shown: "remora", program: Program::Ours };

pub const PEERS: [Peer; 5] = [
    Peer {
        name: "rust-official",
        shown: "polymarket_client_sdk_v2 (official, Rust)",
        program: Program::Rust("peer-rust-official"),
    },
    Peer { name: "rust-polyfill", shown: "polyfill-rs", program: Program::Rust("peer-rust-polyfill") },
    Peer { name: "nautilus", shown: "nautilus-polymarket", program: Program::Rust("peer-nautilus") },
    Peer { name: "python", shown: "py-clob-client-v2 (official, Python)", program: Program::Python },
    Peer { name: "node", shown: "@polymarket/clob-client-v2 (official, Node)", program: Program::Node },
];

/// Where things are built, and what all programs read.
pub struct Places {
    into: PathBuf,
    sources: PathBuf,
    work: PathBuf,
}

impl Places {
    pub fn new(into: &Path, work: &Value) -> Result<Places, String> {
        let (into, sources) = (into.to_owned(), Path::new(env!("CARGO_MANIFEST_DIR")).join("benches/peers"));
        let places = Places { work: into.join("work.json"), into, sources };
        let written = fs::create_dir_all(&places.into).and_then(|()| fs::write(&places.work, work.to_string()));
        written.map_err(|error| {
            format!("{} cannot be written: {error}. Set CARGO_TARGET_DIR to a folder of yours", places.work.display())
        })?;
        Ok(places)
    }

    fn log(&self, peer: &Peer) -> PathBuf {
        self.into.join(format!("{}.log", peer.name))
    }
}

/// A program that does not answer for so long is ended.
const SILENT_SECONDS_MAX: &str = "3600";
const LOG_LINES_SHOWN: usize = 6;

/// Returns the end of a log, as one line.
fn end_of(log: &Path) -> String {
    let text = fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect();
    let shown = lines[lines.len().saturating_sub(LOG_LINES_SHOWN)..].join(" | ");
    if shown.is_empty() { "it said nothing".to_owned() } else { shown }
}

impl Peer {
    /// Builds or installs it, unless that is done already.
    pub fn prepare(&self, places: &Places, minutes: u32) -> Result<(), String> {
        let log = places.log(self);
        let opened = fs::File::create(&log).and_then(|file| Ok((file.try_clone()?, file)));
        let (out, err) = opened.map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = Command::new("timeout");
        command
            .args(["--foreground", "--kill-after=10"])
            .arg(format!("{minutes}m"))
            .arg("nice")
            .arg(places.sources.join("prepare"));
        let status = command.arg(self.name).arg(&places.into).stdin(Stdio::null()).stdout(out).stderr(err).status();
        let log = log.display();
        match status.map_err(|error| format!("timeout or nice is missing: {error}"))?.code() {
            Some(0) => Ok(()),
            Some(124 | 137) => Err(format!(
                "not ready after {minutes} minutes. Say --build-minutes {}, it goes on where it was; see {log}",
                minutes * 2
            )),
            _ => Err(format!("not built: {}; see {log}", end_of(&places.log(self)))),
        }
    }

    fn command(&self, places: &Places) -> Result<Command, String> {
        let mut command = Command::new("timeout");
        command.args(["--foreground", SILENT_SECONDS_MAX]);
        match self.program {
            Program::Ours => {
                let own = std::env::current_exe().map_err(|error| format!("our own program is gone: {error}"))?;
                command.arg(own).arg("--into").arg(&places.into).arg("--serve");
                return Ok(command);
            }
            Program::Rust(name) => command.arg(places.into.join("cargo/release").join(name)),
            Program::Python => {
                command.arg(places.into.join("python/bin/python")).arg(places.sources.join("python/measure.py"))
            }
            Program::Node => command.arg("node").arg(places.into.join("node/measure.mjs")),
        };
        command.arg(&places.work);
        Ok(command)
    }
}

/// What a program says of itself when it begins.
#[derive(Deserialize)]
struct Hello {
    version: String,
    cases: BTreeMap<String, String>,
    orders: BTreeMap<String, Value>,
}

/// What was measured of a case in one turn.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct Sample {
    pub ns: f64,
    pub least: f64,
    pub allocations: Option<f64>,
}

/// A program that waits to be asked.
pub struct Running {
    pub peer: Peer,
    pub version: String,
    /// Their names, and what is done in each.
    pub cases: BTreeMap<String, String>,
    orders: BTreeMap<String, Value>,
    child: Child,
    asked: Option<ChildStdin>,
    answers: Lines<BufReader<ChildStdout>>,
    log: PathBuf,
}

impl Running {
    pub fn start(peer: &Peer, places: &Places) -> Result<Running, String> {
        let log = places.log(peer);
        let errors = fs::File::options().create(true).append(true).open(&log);
        let errors = errors.map_err(|error| format!("{}: {error}", log.display()))?;
        let mut command = peer.command(places)?;
        let child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(errors).spawn();
        let mut child = child.map_err(|error| format!("not started: {error}"))?;
        let asked = child.stdin.take();
        let answers = BufReader::new(child.stdout.take().expect("it is piped")).lines();
        let (version, cases, orders) = (String::new(), BTreeMap::new(), BTreeMap::new());
        let mut running = Running { peer: *peer, version, cases, orders, child, asked, answers, log };
        let hello: Hello = running.answer()?;
        (running.version, running.cases, running.orders) = (hello.version, hello.cases, hello.orders);
        Ok(running)
    }

    fn answer<T: for<'a> Deserialize<'a>>(&mut self) -> Result<T, String> {
        let line = self.answers.next().and_then(Result::ok);
        let Some(line) = line else { return Err(format!("it ended: {}", end_of(&self.log))) };
        serde_json::from_str(&line).map_err(|error| format!("it said '{line}': {error}"))
    }

    pub fn has(&self, case: &str) -> bool {
        self.cases.contains_key(case)
    }

    pub fn measure(&mut self, case: &str, millis: u32) -> Result<Sample, String> {
        let written = self.asked.as_mut().map(|asked| writeln!(asked, "{case} {millis}"));
        match written {
            Some(Ok(())) => self.answer(),
            Some(Err(_)) | None => Err(format!("{case}: it ended: {}", end_of(&self.log))),
        }
    }

    /// Returns where it signs other orders than it was given: then its figure is of something else.
    pub fn differs(&self) -> Vec<String> {
        let expected = given::amounts();
        let is_other = |(case, amounts): (&String, &Value)| {
            (*amounts != expected).then(|| format!("{case}: signs {amounts}, and was given {expected}"))
        };
        self.orders.iter().filter_map(is_other).collect()
    }
}

impl Drop for Running {
    /// It ends when nobody can ask any more.
    fn drop(&mut self) {
        self.asked = None;
        // How it ends does not matter: everything it had to say is said.
        let _ = self.child.wait();
    }
}
