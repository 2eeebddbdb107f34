//! Settings are changed in a running engine: at once, as a whole or not at all, and the next start goes by them.

use remora::sim::server::{Options, Server};
use serde_json::Value;

use crate::{
    engine::{Engine, Home, settings},
    switches::say,
    tables,
};

/// Says it, and wants it done or refused.
fn said(home: &Home, words: &[&str], code: i32, expected: &str) {
    let (status, text) = say(home, words);
    assert!(status == Some(code) && text.contains(expected), "{words:?}: {status:?} {text}");
}

fn value(home: &Home, name: &str, section: &str, key: &str) -> Option<String> {
    let (_, text) = say(home, &["strategy", "show", name, "--all", "--json"]);
    let shown: Value = serde_json::from_str(&text).expect("JSON");
    let settings = shown["settings"].as_array().expect("a list");
    let one = settings.iter().find(|one| one["section"] == section && one["key"] == key)?;
    one["value"].as_str().map(str::to_owned)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_running_engine_takes_other_settings_and_the_next_start_goes_by_them() {
    let venue = Server::start(Options { rate_percent: 0, ..Options::default() }).await.expect("a venue");
    let home = Home::new();
    let config = home.write("config.toml", &settings(&venue, ""));
    let mut engine = Engine::run(&home, &config, &[]);
    let status =
        engine.wait_until("an answer", |status| status["portfolios"].as_array().is_some_and(|all| !all.is_empty()));
    let name = status["portfolios"][0]["name"].as_str().expect("a name").to_owned();
    let paper = format!("strategy {name}, paper");
    let before = value(&home, &name, &paper, "size_usdc").expect("a size");
    assert_ne!(before, "37");

    // Wrong ones change nothing, and say all that is wrong.
    said(&home, &["strategy", "set", &name, "paper.size_usdc=-1", "paper.price_max=7"], 1, "price_max");
    said(&home, &["strategy", "set", "nobody", "paper.size_usdc=1"], 1, "no strategy is called");
    said(&home, &["strategy", "set", &name, "paper.size_usdc=37", "--dry-run"], 0, "would change: 1, at once");
    assert_eq!(value(&home, &name, &paper, "size_usdc"), Some(before.clone()));
    assert!(!home.data().join("changes.toml").exists());

    said(&home, &["strategy", "set", &name, "paper.size_usdc=37"], 0, "changed: 1, at once");
    assert_eq!(value(&home, &name, &paper, "size_usdc").as_deref(), Some("37"));
    said(&home, &["strategy", "create", "bold", "--leaders", "*", "--capital", "500"], 0, "from the next start on");
    said(&home, &["strategy", "deposit", &name, "12.50"], 0, "deposited");
    said(&home, &["strategy", "deposit", &name, "-99999999"], 1, "declined");
    said(&home, &["strategy", "deposit", &name, "0.0000001"], 1, "is no amount");
    said(&home, &["strategy", "exit", &name], 0, "on sale");
    said(&home, &["strategy", "exit", &name, "--live"], 1, "with a live portfolio");
    said(&home, &["strategy", "exit", &name, "--token", "123"], 1, "no token");
    let pool = tables::private(&home).await;
    crate::live::until(&pool, "select count(*) from events where kind = 'configured'", 1).await;
    crate::live::until(
        &pool,
        "select count(*) from events where kind = 'deposited' and body->'Deposited'->>'amount' = '12500000'",
        1,
    )
    .await;
    drop(pool);
    engine.stop();

    // By the files, where none runs; then a start goes by all of it.
    let file = config.to_str().expect("a path");
    said(&home, &["strategy", "set", "bold", "paper.size_usdc=5", "--config", file], 0, "from the next start on");
    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("the new one", |status| {
        status["portfolios"].as_array().is_some_and(|all| all.iter().any(|one| one["name"] == "bold"))
    });
    assert_eq!(value(&home, &name, &paper, "size_usdc").as_deref(), Some("37"));
    assert_eq!(value(&home, "bold", "strategy bold, paper", "size_usdc").as_deref(), Some("5"));
    said(&home, &["strategy", "reset", &name], 0, "changed: 1, at once");
    assert_eq!(value(&home, &name, &paper, "size_usdc"), Some(before));
    engine.stop();
    venue.stop().await;
}
