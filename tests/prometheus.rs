//! A real Prometheus scrapes `/metrics` and gives the quantiles back; its own checker finds nothing to say about the text.

#[allow(dead_code, reason = "shared with the page tests")]
#[path = "pages/server.rs"]
mod server;

use std::{
    io::Write,
    net::SocketAddr,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use remora::{metrics::Stage, store::testing::TestDatabase, web::DataSource};

const PROMETHEUS: &str = "/usr/bin/prometheus";
const PROMTOOL: &str = "/usr/bin/promtool";

struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn prometheus_reads_what_we_measured() {
    if !server::have("the Prometheus test", &[PROMETHEUS, PROMTOOL]) {
        return;
    }
    let pool = TestDatabase::create().await;
    sqlx::raw_sql(server::SEED).execute(&pool).await.expect("seeded");
    let snapshot = server::as_seeded(&pool).await;
    let dashboard = server::start(pool, snapshot, DataSource::Venue).await;
    server::record_times(&dashboard.stages, 20_000);
    let exact = dashboard.stages.read(Stage::Decide, Duration::from_millis(100));
    let address = dashboard.address;
    tokio::task::spawn_blocking(move || {
        let (_, text) = server::get(address, "GET", "localhost", "/metrics");
        lint(&text);
        let prometheus = Prometheus::start(address);
        for quantile in [0.5, 0.9, 0.99, 0.999] {
            let query = format!("histogram_quantile({quantile},remora_stage_seconds_bucket{{stage=\"decide\"}})");
            let (read, true_value) = (prometheus.ask(&query), exact.value_at_quantile(quantile) as f64 / 1e9);
            // A bound is at most 1.28 times the one before it.
            assert!((1.0 / 1.28..=1.28).contains(&(read / true_value)), "{quantile}: {read} s, true {true_value} s");
        }
        assert_eq!(prometheus.ask("remora_stage_seconds_count{stage=\"decide\"}"), 20_000.0);
        assert_eq!(prometheus.ask("remora_skips_total{reason=\"too_old\"}"), 25.0);
        assert_eq!(prometheus.ask("remora_deposits_dollars{portfolio=\"1\"}"), 2_500.0);
        let off = "sum(remora_bucket_dollars)-sum(remora_deposits_dollars)-sum(remora_realised_dollars)";
        assert!(prometheus.ask(off).abs() < 1e-6);
        assert_eq!(prometheus.ask("remora_feed_connected{feed=\"market 0\"}"), 1.0);
    })
    .await
    .expect("no panic");
    dashboard.stop.cancel();
}

fn lint(text: &str) {
    let mut promtool = Command::new(PROMTOOL)
        .args(["check", "metrics"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("promtool");
    promtool.stdin.take().expect("piped").write_all(text.as_bytes()).expect("written");
    let output = promtool.wait_with_output().expect("ended");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success() && said.is_empty(), "{}\n{text}", String::from_utf8_lossy(&said));
}

struct Prometheus {
    address: SocketAddr,
    _running: Running,
    _folder: tempfile::TempDir,
}

impl Prometheus {
    fn start(target: SocketAddr) -> Prometheus {
        let folder = tempfile::tempdir().expect("a folder");
        let config = folder.path().join("prometheus.yml");
        let text = format!(
            "global: {{scrape_interval: 1s}}\nscrape_configs:\n- job_name: remora\n  static_configs:\n  - targets: ['{target}']\n"
        );
        std::fs::write(&config, text).expect("written");
        let free = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
        let address = free.local_addr().expect("an address");
        drop(free);
        let running = Command::new(PROMETHEUS)
            .arg(format!("--config.file={}", config.display()))
            .arg(format!("--storage.tsdb.path={}", folder.path().join("data").display()))
            .arg(format!("--web.listen-address={address}"))
            .arg("--log.level=error")
            .current_dir(folder.path())
            .spawn()
            .expect("Prometheus");
        Prometheus { address, _running: Running(running), _folder: folder }
    }

    /// Returns the value of `query`, as soon as there is one.
    fn ask(&self, query: &str) -> f64 {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02X}")).collect();
        let began = Instant::now();
        loop {
            if std::net::TcpStream::connect(self.address).is_ok() {
                let (_, body) =
                    server::get(self.address, "GET", "localhost", &format!("/api/v1/query?query={encoded}"));
                let answer: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
                if let Some(value) = answer["data"]["result"][0]["value"][1].as_str() {
                    return value.parse().expect("a number");
                }
            }
            assert!(began.elapsed() < Duration::from_secs(60), "Prometheus has no value for {query}");
            std::thread::sleep(Duration::from_millis(200));
        }
    }
}
