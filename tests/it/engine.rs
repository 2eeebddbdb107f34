//! The program as a process: started on a folder of its own, asked over HTTP, stopped or killed.

use std::{
    fs::{self, File, Permissions},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::{Child, Command, ExitStatus, Stdio},
    time::{Duration, Instant},
};

use remora::{sim::server::Server, store::private::Private};
use serde_json::Value;

/// Longer than anything here may take on a busy machine; only a failure waits so long.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A data folder under `target/`, where the user that Postgres runs as may pass. Dropped, it takes everything along.
pub struct Home {
    folder: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Home {
        let target = Path::new(env!("CARGO_BIN_EXE_remora")).ancestors().nth(2).expect("target/debug/remora");
        let folder = tempfile::Builder::new().prefix("it-").tempdir_in(target).expect("a folder");
        fs::set_permissions(folder.path(), Permissions::from_mode(0o755)).expect("permissions");
        Home { folder }
    }

    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    pub fn journal(&self) -> PathBuf {
        self.data().join("journal")
    }

    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        fs::write(&path, text).expect("written");
        path
    }

    /// Returns the process id of the private Postgres, if it has one.
    pub fn postmaster(&self) -> Option<u32> {
        let text = fs::read_to_string(self.data().join("postgres/data/postmaster.pid")).ok()?;
        let pid = text.lines().next()?.parse().ok()?;
        Path::new("/proc").join(format!("{pid}")).exists().then_some(pid)
    }
}

impl Drop for Home {
    fn drop(&mut self) {
        if self.postmaster().is_some() {
            let stopped = Private::open(&self.data()).and_then(|private| private.stop());
            stopped.unwrap_or_else(|error| eprintln!("the private Postgres of a test is left running: {error}"));
        }
    }
}

/// Returns a port that nobody listens on.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port").port()
}

/// Returns the program with nothing of ours in its environment.
pub fn remora() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    for name in ["REMORA_CONFIG", "REMORA_DATA_DIR", "REMORA_LISTEN", "REMORA_LOG_LEVEL", "DATABASE_URL"] {
        command.env_remove(name);
    }
    command
}

/// Returns settings that follow the leaders of `venue` with the demo's strategies.
pub fn settings(venue: &Server, more: &str) -> String {
    let demo = remora::config::DEMO.replace("every_s = 5", "every_s = 1");
    let Server { market_url, activity_url, clob_url, gamma_url, data_url, .. } = venue;
    format!(
        "{demo}\n[feed]\nmarket_url = \"{market_url}\"\nactivity_url = \"{activity_url}\"\nclob_url = \"{clob_url}\"\n\
         gamma_url = \"{gamma_url}\"\ndata_url = \"{data_url}\"\nsilence_s_max = 5\n{more}"
    )
}

/// A running program. Dropped, it is killed.
pub struct Engine {
    pub port: u16,
    child: Child,
    /// What it wrote, both streams.
    output: PathBuf,
}

impl Engine {
    /// Starts `remora <line> --data <home's>` on a free port; does not wait for anything.
    pub fn start(home: &Home, line: &[&str]) -> Engine {
        let port = free_port();
        let output = home.path().join(format!("output-{port}.txt"));
        let file = File::create(&output).expect("a file for the output");
        let child = remora()
            .args(line)
            .arg("--data")
            .arg(home.data())
            .args(["--listen", &format!("127.0.0.1:{port}")])
            .stdin(Stdio::null())
            .stderr(file.try_clone().expect("a second handle"))
            .stdout(file)
            .spawn()
            .expect("the program starts");
        Engine { port, child, output }
    }

    /// Follows the settings in `config`.
    pub fn run(home: &Home, config: &Path, more: &[&str]) -> Engine {
        let config = config.display().to_string();
        Engine::start(home, &[&["run", "--config", &config], more].concat())
    }

    pub fn output(&self) -> String {
        fs::read_to_string(&self.output).expect("what it wrote")
    }

    /// Asks for a page. Returns the status and the body; `None` if nobody answers.
    pub fn get(&self, path: &str) -> Option<(u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).ok()?;
        write!(stream, "GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n").ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        Some((head.split_whitespace().nth(1)?.parse().ok()?, body.to_owned()))
    }

    pub fn status(&self) -> Option<Value> {
        let (code, body) = self.get("/api/v1/status")?;
        assert_eq!(code, 200, "{body}");
        Some(serde_json::from_str(&body).expect("JSON"))
    }

    /// Waits until its status satisfies `is`, and returns it.
    #[track_caller]
    pub fn wait_until(&mut self, what: &str, is: impl Fn(&Value) -> bool) -> Value {
        let began = Instant::now();
        let mut last = None;
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.status() {
                if is(&status) {
                    return status;
                }
                last = Some(status);
            }
            if let Some(status) = self.has_ended() {
                panic!("it ended with {status} before this: {what}\n{}", self.output());
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("never: {what}\n{last:#?}\n{}", self.output());
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    pub fn signal(&self, name: &str) {
        kill(self.child.id(), name);
    }

    /// Kills it the hard way.
    pub fn kill(mut self) {
        self.child.kill().expect("a child of ours");
        self.child.wait().expect("its end");
    }

    /// Returns how it ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child of ours")
    }

    /// Waits for its end.
    #[track_caller]
    pub fn ended(&mut self) -> ExitStatus {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.has_ended() {
                return status;
            }
            std::thread::sleep(Duration::from_millis(20));
        }
        panic!("it did not end\n{}", self.output());
    }

    /// Asks it to stop; it must end well. Returns all it wrote.
    #[track_caller]
    pub fn stop(mut self) -> String {
        self.signal("TERM");
        let ended = self.ended();
        assert_eq!(ended.code(), Some(0), "{}", self.output());
        self.output()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        // One that ended is not ours to complain about.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Sends a signal to a process of ours.
pub fn kill(pid: u32, name: &str) {
    let sent = Command::new("kill").args([&format!("-{name}"), &pid.to_string()]).status().expect("kill");
    assert!(sent.success(), "no process {pid}");
}

/// Returns a number of the engine's part of a status.
pub fn number(status: &Value, name: &str) -> u64 {
    status["engine"][name].as_u64().unwrap_or_else(|| panic!("engine.{name} is no number: {status}"))
}

/// Returns the lines of a log that warn or complain. An alert says what is, and blames no part.
pub fn complaints(output: &str) -> Vec<&str> {
    let is_complaint = |line: &&str| ["WARN", "ERROR", "panicked"].iter().any(|word| line.contains(word));
    output.lines().filter(is_complaint).filter(|line| !line.contains("remora::actor::alerter: alert rule=")).collect()
}
