//! Unmodified official clients of other people live an ordinary day against `remora venue`, each in its own environment.
//! What they do is in `tests/clients/*/life.*`, what they cannot be pointed at in `tests/clients/README.md`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::Duration,
};

use serde_json::Value;

/// The well-known first key of Anvil: nobody's money.
const KEY: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

#[test]
fn py_clob_client_v2() {
    live(&environment("py_clob_client_v2/bin/python"), &[&program("py_clob_client_v2/life.py")], Wire::Clear);
}

#[test]
fn polymarket_client() {
    live(&environment("polymarket_client/bin/python"), &[&program("polymarket_client/life.py")], Wire::Tls);
}

#[test]
fn clob_client_v2() {
    // A module is looked up from where the program lies, so the program is laid beside the modules.
    let modules = environment("clob_client_v2/node_modules");
    let life = modules.with_file_name("life.mjs");
    fs::copy(program("clob_client_v2/life.mjs"), &life).expect("copied");
    live(Path::new("node"), &[&life], Wire::Clear);
}

#[test]
#[ignore = "its first build takes minutes: scripts/test --clients"]
fn polymarket_client_sdk_v2() {
    live(&environment("rust/debug/life"), &[], Wire::Clear);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wire {
    Clear,
    Tls,
}

/// Returns a path of an installed client.
fn environment(path: &str) -> PathBuf {
    let target = Path::new(env!("CARGO_BIN_EXE_remora")).ancestors().nth(2).expect("target/debug/remora");
    let found = target.join("clients").join(path);
    let how = if path.starts_with("rust") { "tests/clients/install rust" } else { "tests/clients/install" };
    assert!(found.exists(), "{} is missing. Install the clients: {how}", found.display());
    found
}

fn program(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/clients").join(path)
}

/// Runs a program with its arguments and the ready file of a venue that was started for it.
fn live(program: &Path, arguments: &[&Path], wire: Wire) {
    let folder = tempfile::tempdir().expect("a folder");
    let venue = Venue::start(folder.path(), wire);
    let life = Command::new(program)
        .args(arguments)
        .arg(&venue.ready)
        .env("POLYMARKET_PRIVATE_KEY", KEY)
        .envs((wire == Wire::Tls).then(|| ("SSL_CERT_FILE", folder.path().join("ca.pem"))))
        .output()
        .unwrap_or_else(|error| panic!("{} does not start: {error}", program.display()));
    let said = [life.stdout, life.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    assert!(life.status.success(), "{}\n{}\nThe venue said:\n{}", said[0], said[1], venue.said());
    let done = said[0].lines().filter(|line| line.starts_with("ok ")).count();
    assert!(done >= 40, "only {done} things were done:\n{}", said[0]);
    println!("{done} things done");
}

struct Venue {
    process: Child,
    ready: PathBuf,
    log: PathBuf,
}

impl Venue {
    fn start(folder: &Path, wire: Wire) -> Venue {
        let (ready, log) = (folder.join("ready.json"), folder.join("venue.log"));
        let account = format!("{KEY}:10000");
        let process = Command::new(env!("CARGO_BIN_EXE_remora"))
            .args(["venue", "--listen", "127.0.0.1:0", "--seed", "7", "--account", &account, "--ready-file"])
            .arg(&ready)
            .args(match wire {
                Wire::Clear => vec![],
                Wire::Tls => vec![Path::new("--tls"), folder],
            })
            .stdout(Stdio::null())
            .stderr(fs::File::create(&log).expect("a file"))
            .spawn()
            .expect("the venue starts");
        let mut venue = Venue { process, ready, log };
        while !venue.is_ready() {
            let ended = venue.process.try_wait().expect("a process");
            assert!(ended.is_none(), "the venue ended at once: {ended:?}\n{}", venue.said());
            std::thread::sleep(Duration::from_millis(20));
        }
        venue
    }

    /// The file may be seen half written.
    fn is_ready(&self) -> bool {
        fs::read(&self.ready).is_ok_and(|bytes| serde_json::from_slice::<Value>(&bytes).is_ok())
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }
}

impl Drop for Venue {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
