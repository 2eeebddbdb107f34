//! What somebody should hear of leaves a running engine once, over a real socket, also when nobody answered at first.

use std::{
    os::unix::fs::PermissionsExt,
    sync::{
        Arc,
        atomic::{AtomicU16, Ordering},
    },
    time::{Duration, Instant},
};

use axum::{Json, Router, extract::State, http::StatusCode, routing::post};
use remora::sim::server::{Options, Server};
use serde_json::Value;
use tokio::sync::mpsc;

use crate::{
    engine::{Engine, Home, PATIENCE, settings},
    switches::say,
};

/// Who is told: answers as it is set, and notes what it was told.
struct Hook {
    address: std::net::SocketAddr,
    status: Arc<AtomicU16>,
    told: mpsc::UnboundedReceiver<Value>,
}

#[derive(Clone)]
struct Ear {
    status: Arc<AtomicU16>,
    heard: mpsc::UnboundedSender<Value>,
}

impl Hook {
    async fn start() -> Hook {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
        let address = listener.local_addr().expect("an address");
        let (heard, told) = mpsc::unbounded_channel();
        let status = Arc::new(AtomicU16::new(200));
        let ear = Ear { status: Arc::clone(&status), heard };
        let router = Router::new().route("/hook/quite-secret", post(hear)).with_state(ear);
        tokio::spawn(async move { axum::serve(listener, router).await.expect("served") });
        Hook { address, status, told }
    }

    /// Waits until one of the `rules` was told, and returns `rule phase` of all until then.
    async fn until(&mut self, rule: &str) -> Vec<String> {
        let mut all = Vec::new();
        let told = async {
            while !all.iter().any(|told: &String| told.starts_with(rule)) {
                let message = self.told.recv().await.expect("it listens");
                all.extend(names(&message));
            }
        };
        let in_time = tokio::time::timeout(PATIENCE, told).await.is_ok();
        assert!(in_time, "{rule} was not told: {all:?}");
        all
    }

    /// Returns all that is told within a while.
    async fn within(&mut self, length: Duration) -> Vec<String> {
        tokio::time::sleep(length).await;
        std::iter::from_fn(|| self.told.try_recv().ok()).flat_map(|message| names(&message)).collect()
    }
}

async fn hear(State(ear): State<Ear>, Json(message): Json<Value>) -> StatusCode {
    let status = StatusCode::from_u16(ear.status.load(Ordering::SeqCst)).expect("a status");
    if status.is_success() {
        let _ = ear.heard.send(message);
    }
    status
}

fn names(message: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().expect("a text").to_owned();
    let alerts = message["alerts"].as_array().expect("a list");
    alerts.iter().map(|alert| format!("{} {}", text(&alert["rule"]), text(&alert["phase"]))).collect()
}

/// Blocks somewhere else, so that the hook goes on meanwhile.
async fn said(home: &Home, words: &[&str]) -> (Option<i32>, String) {
    tokio::task::block_in_place(|| say(home, words))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn what_happens_is_told_once_and_nothing_is_lost_over_a_restart() {
    let venue = Server::start(Options { rate_percent: 0, ..Options::default() }).await.expect("a venue");
    let (home, mut hook) = (Home::new(), Hook::start().await);
    let secret = home.write("hook", &format!("http://{}/hook/quite-secret\n", hook.address));
    std::fs::set_permissions(&secret, std::fs::Permissions::from_mode(0o600)).expect("ours alone");
    let more = format!(
        "\n[live]\nswitch = \"shadow\"\n\n[alerts]\nallow_loopback = true\n\n[[alert]]\nname = \"phone\"\nkind = \"webhook\"\n\
         secret = \"file:{}\"\non = [\"kill\", \"switch_changed\", \"test\"]\n",
        secret.display()
    );
    let config = home.write("config.toml", &settings(&venue, &more));
    let file = config.to_str().expect("a path");

    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("shadow", |status| status["live"] == "shadow");
    let (code, text) = said(&home, &["alert", "test", "phone", "--config", file]).await;
    assert!(code == Some(0) && text.contains("phone: it was delivered."), "{text}");
    assert_eq!(hook.until("test").await.last().map(String::as_str), Some("test happened"));
    assert_eq!(said(&home, &["off"]).await.0, Some(0));
    assert!(hook.until("kill").await.contains(&"kill raised".to_owned()));
    hook.within(Duration::from_secs(2)).await;

    // It shows with what became of it, and with no secret.
    let began = Instant::now();
    let shown = loop {
        let (code, body) = tokio::task::block_in_place(|| engine.get("/api/v1/alerts?rule=kill")).expect("an answer");
        assert_eq!(code, 200, "{body}");
        let shown: Value = serde_json::from_str(&body).expect("JSON");
        if shown["alerts"][0]["deliveries"][0]["channel"] == "phone" {
            break shown;
        }
        assert!(began.elapsed() < PATIENCE, "{body}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    };
    assert_eq!(shown["alerts"][0]["deliveries"][0]["wrong"], "");
    assert!(!shown.to_string().contains("quite-secret"));
    let (_, page) = tokio::task::block_in_place(|| engine.get("/alerts")).expect("a page");
    assert!(page.contains("Live killed") && page.contains("phone") && !page.contains("quite-secret"), "{page}");
    let (_, metrics) = tokio::task::block_in_place(|| engine.get("/metrics")).expect("metrics");
    assert!(metrics.contains("remora_alert_messages_total{channel=\"phone\",end=\"delivered\"}"), "{metrics}");

    // Another process: what lasts was told, and is not told again.
    let output = tokio::task::block_in_place(|| engine.stop());
    assert!(!output.contains("quite-secret"), "{output}");
    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("off", |status| status["live"] == "off");
    assert_eq!(hook.within(Duration::from_secs(3)).await, [""; 0]);

    // Nobody answers; the next process tells it.
    hook.status.store(500, Ordering::SeqCst);
    assert_eq!(said(&home, &["shadow"]).await.0, Some(0));
    engine.wait_until("shadow", |status| status["live"] == "shadow");
    tokio::time::sleep(Duration::from_secs(2)).await;
    tokio::task::block_in_place(|| engine.stop());
    hook.status.store(200, Ordering::SeqCst);
    let mut engine = Engine::run(&home, &config, &[]);
    assert_eq!(hook.until("switch_changed").await.last().map(String::as_str), Some("switch_changed happened"));
    engine.wait_until("an answer", |_| true);
    tokio::task::block_in_place(|| engine.stop());

    // Without an engine a channel is tried from here; a wrong name is told.
    let (code, text) = said(&home, &["alert", "test", "phone", "--config", file]).await;
    assert!(code == Some(0) && text.contains("delivered"), "{text}");
    let (code, text) = said(&home, &["alert", "test", "horn", "--config", file]).await;
    assert!(code == Some(2) && text.contains("one of them (phone)"), "{text}");
    venue.stop().await;
}
