//! WIRE TO WIRE: from the write of a leader's frame to the first read of our order's bytes, over TLS on loopback, with the whole
//! engine as a process: sockets, decoder, decision, journal, order, gate, connection.
//!
//! `cargo bench --bench wire`; `-- --json`; small under `cargo test --benches`. The leader trades at his own pace whatever the
//! engine does (no coordinated omission). Spin and park are measured in turn, so that both meet the same machine. Two cores are
//! the least: in spin mode the engine takes one, the relay that looks at the clock the other.

#[path = "wire/relay.rs"]
mod relay;

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Child, Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use relay::Relay;
use remora::{
    control::SENTENCE,
    domain::{OrderKind, Price, Shares, Side, Usdc},
    sim::{
        hand::{self, ByHand, Hand},
        server::{Funded, Knobs, Options, PrivateSettings, Server, tls::Identity},
    },
    store::testing::TestDatabase,
    venue::polymarket::{Key, SignatureType},
};

/// The leader trades so often.
const PACE: Duration = Duration::from_millis(120);
/// Trades for each way of waiting, in rounds taken in turn.
const TRADES: usize = 240;
const ROUNDS: usize = 2;
const TRADES_SMALL: usize = 4;
const START_PATIENCE: Duration = Duration::from_secs(60);

fn key(byte: u8) -> Key {
    Key::from_bytes([byte; 32]).expect("a key")
}

struct Stage {
    folder: tempfile::TempDir,
    relay: Relay,
    venue: Server,
    leader: Hand,
    /// One for each way of waiting: a database is of one journal.
    databases: HashMap<&'static str, String>,
}

async fn database() -> String {
    let options = TestDatabase::create().await.connect_options();
    let socket = options.get_socket().expect("a socket").display().to_string();
    format!("postgres:///{}?host={socket}&user=remora", options.get_database().expect("a name"))
}

impl Stage {
    async fn new() -> Stage {
        let target = Path::new(env!("CARGO_BIN_EXE_remora")).ancestors().nth(2).expect("a target folder");
        let folder = tempfile::Builder::new().prefix("wire-").tempdir_in(target).expect("a folder");
        fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o755)).expect("permissions");
        let money = [10_000, 200_000, 2_000_000].map(Usdc::whole);
        let accounts = (1..).zip(money).map(|(byte, money)| Funded { key: key(byte), money }).collect();
        let options = Options {
            rate_percent: 0,
            knobs: Knobs::CALM,
            private: PrivateSettings { accounts, ..PrivateSettings::default() },
            ..Options::default()
        };
        let venue = Server::start(options).await.expect("a venue");
        let http = hand::client(None).expect("a client");
        let leader = Hand::connect(&http, &venue.clob_url, key(2)).await.expect("a leader");
        let shop = Hand::connect(&http, &venue.clob_url, key(3)).await.expect("somebody who sells");
        for market in venue.open_markets().into_iter().filter(|market| !market.taker_delay && market.delay_secs == 0) {
            shop.keep_shop(&venue, &market, 20_000).await.unwrap_or_else(|error| panic!("{error}"));
        }
        let identity = Identity::generate().expect("a certificate");
        identity.write_authority(folder.path()).expect("written");
        let leaders = format!("{:#x}", leader.address());
        let port = |url: &str| reqwest::Url::parse(url).ok().and_then(|url| url.port()).expect("a port");
        let relay =
            Relay::start(identity, &leaders, port(&venue.activity_url), port(&venue.clob_url)).expect("a relay");
        let databases = HashMap::from([("spin", database().await), ("park", database().await)]);
        Stage { folder, relay, venue, leader, databases }
    }

    fn write_settings(&self, wait: &str) -> String {
        let file = self.folder.path().join("key");
        fs::write(&file, "01".repeat(32)).expect("written");
        fs::set_permissions(&file, fs::Permissions::from_mode(0o600)).expect("permissions");
        let Server { market_url, activity_url, gamma_url, data_url, .. } = &self.venue;
        let path = activity_url.splitn(4, '/').nth(3).unwrap_or_default();
        let (demo, user_url, rpc_url) = (remora::config::DEMO, &self.venue.urls.ws_user, &self.venue.urls.rpc_http);
        let Relay { activity_port, clob_port, .. } = &self.relay;
        let text = format!(
            "{demo}\n[feed]\nmarket_url = \"{market_url}\"\nactivity_url = \"wss://localhost:{activity_port}/{path}\"\n\
             clob_url = \"https://localhost:{clob_port}\"\ngamma_url = \"{gamma_url}\"\ndata_url = \"{data_url}\"\n\
             user_url = \"{user_url}\"\nauthority_file = \"{}\"\nsilence_s_max = 600\n\n[hot]\nwait = \"{wait}\"\n\n\
             [live]\nswitch = \"on\"\n\n[ceilings]\nusdc_per_order_max = 100\nusdc_per_minute_max = 0\n\n\
             [chain]\nrpc_url = \"{rpc_url}\"\n\n[wallet]\nkey = \"file:{}\"\nsignature_type = \"eoa\"\n\n\
             [[leader]]\nname = \"Hand\"\nwallet = \"{:#x}\"\n\n[[strategy]]\nname = \"real\"\nleaders = [\"Hand\"]\n\n\
             [strategy.paper]\ncapital_usdc = 500\n\n[strategy.live]\ncapital_usdc = 5000\n{LIVE}",
            self.folder.path().join("ca.pem").display(),
            file.display(),
            self.leader.address(),
        );
        let path = self.folder.path().join(format!("{wait}.toml"));
        fs::write(&path, text).expect("written");
        path.display().to_string()
    }

    fn command(&self, wait: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
        for name in ["REMORA_CONFIG", "REMORA_DATA_DIR", "REMORA_LISTEN", "REMORA_LOG_LEVEL"] {
            command.env_remove(name);
        }
        command.env("DATABASE_URL", &self.databases[wait]).arg("--data").arg(self.folder.path().join(wait));
        command.stdin(Stdio::null());
        command
    }

    /// Starts an engine, and returns it when live is on.
    async fn engine(&self, wait: &str) -> Engine {
        let output = self.folder.path().join(format!("{wait}.txt"));
        let file = fs::File::create(&output).expect("a file");
        let mut command = self.command(wait);
        command.args(["run", "--config", &self.write_settings(wait), "--listen", "127.0.0.1:0"]);
        let child = command.stderr(file.try_clone().expect("a handle")).stdout(file).spawn().expect("it starts");
        let engine = Engine(child);
        let began = Instant::now();
        loop {
            let mut on = self.command(wait);
            on.args(["on", "--sentence", SENTENCE]).stdout(Stdio::piped()).stderr(Stdio::piped());
            let said = tokio::task::spawn_blocking(move || on.output()).await.expect("no panic").expect("it runs");
            let text = String::from_utf8_lossy(&[said.stdout, said.stderr].concat()).into_owned();
            // One that was on stays so over a restart, and only looks for a while.
            if said.status.success() || text.contains("live is on") && !text.contains("cannot leave") {
                return engine;
            }
            let told = fs::read_to_string(&output).unwrap_or_default();
            assert!(began.elapsed() < START_PATIENCE, "{text}\n{told}");
            tokio::time::sleep(Duration::from_millis(500)).await;
        }
    }

    /// Lets the leader trade at his pace. Returns how long each copy took, in nanoseconds.
    async fn measure(&self, wait: &str, trades: usize) -> Vec<u64> {
        let engine = self.engine(wait).await;
        let markets: Vec<_> = self
            .venue
            .open_markets()
            .into_iter()
            .filter(|market| !market.taker_delay && market.delay_secs == 0)
            .collect();
        // Each token once: known, its book there, its next orders signed ahead.
        for turn in 0..markets.len() * 2 + trades {
            if turn == markets.len() * 2 {
                tokio::time::sleep(Duration::from_secs(2)).await;
                self.relay.seen.lock().expect("no panic").copied.clear();
            }
            let market = Arc::clone(&markets[turn / 2 % markets.len()]);
            let order = ByHand {
                market: &market,
                outcome: turn % 2,
                side: Side::Buy,
                kind: OrderKind::Fak,
                price: Price::from_micros(990_000).expect("a price"),
                shares: Shares::ZERO,
                usdc: Usdc::whole(10),
            };
            let next = tokio::time::Instant::now() + PACE;
            let placed =
                tokio::time::timeout(Duration::from_secs(5), self.leader.place(SignatureType::Eoa, &order)).await;
            let answer = placed.expect("an answer in time").expect("an answer");
            assert!(answer["success"] == true, "{answer}");
            tokio::time::sleep_until(next).await;
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        drop(engine);
        let seen = std::mem::take(&mut self.relay.seen.lock().expect("no panic").copied);
        seen.iter().map(|copied| copied.ordered_at - copied.told_at).collect()
    }
}

/// Nothing of the limits is measured here.
const LIVE: &str = "size_usdc = 5\nprice_guard_buy_percent = 20\nslippage_buy_percent = 20\nspread_buy_max = 1\n\
    losses_in_row_max = 0\nround_trips_max = 0\nmedian_factor_max = 0\norders_per_minute_max = 0\ncooling_minutes = 0\n\
    position_usdc_max = \"none\"\nexposure_usdc_max = \"none\"\nmarket_usdc_max = \"none\"\nevent_usdc_max = \"none\"\n\
    day_usdc_max = \"none\"\nleader_day_usdc_max = \"none\"\nleader_usdc_max = \"none\"\n";

struct Engine(Child);

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = Command::new("kill").args(["-TERM", &self.0.id().to_string()]).status();
        let _ = self.0.wait();
    }
}

fn at(sorted: &[u64], per_mille: usize) -> f64 {
    sorted[(sorted.len() - 1) * per_mille / 1_000] as f64 / 1_000.0
}

#[tokio::main]
async fn main() {
    let is_small = !std::env::args().any(|arg| arg == "--bench");
    let is_json = std::env::args().any(|arg| arg == "--json");
    let (rounds, trades) = if is_small { (1, TRADES_SMALL) } else { (ROUNDS, TRADES / ROUNDS) };
    let stage = Stage::new().await;
    let mut taken = [("spin", vec![]), ("park", vec![])];
    for round in 0..rounds {
        for (wait, times) in &mut taken {
            eprintln!("round {}: {trades} trades, {wait}", round + 1);
            times.extend(stage.measure(wait, trades).await);
        }
    }
    for (wait, mut times) in taken {
        times.sort_unstable();
        let told = fs::read_to_string(stage.folder.path().join(format!("{wait}.txt"))).unwrap_or_default();
        assert!(!times.is_empty(), "{wait}: no trade was copied\n{told}");
        let [p50, p90, p99, most] = [500, 900, 990, 1_000].map(|per_mille| at(&times, per_mille));
        let copies = times.len();
        if is_json {
            println!(
                "{}",
                serde_json::json!({"wait": wait, "copies": copies, "p50_us": p50, "p90_us": p90, "p99_us": p99, "max_us": most})
            );
        } else {
            println!(
                "wire to wire, {wait}: {copies} copies, p50 {p50:.1} us, p90 {p90:.1}, p99 {p99:.1}, max {most:.1}"
            );
        }
    }
}
