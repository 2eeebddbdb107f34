//! Live is turned off three ways, and stays off; on is refused where anything is not green.

use std::{
    os::unix::fs::PermissionsExt,
    process::Output,
    time::{Duration, Instant},
};

use remora::{
    control::SENTENCE,
    sim::server::{Options, Server},
};
use serde_json::Value;

use crate::engine::{Engine, Home, remora, settings};

pub fn say(home: &Home, words: &[&str]) -> (Option<i32>, String) {
    let Output { status, stdout, stderr } =
        remora().args(words).arg("--data").arg(home.data()).output().expect("the program starts");
    (status.code(), String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned())
}

fn is_live(status: &Value, live: &str) -> bool {
    status["live"] == live
}

#[tokio::test(flavor = "multi_thread")]
async fn off_works_three_ways_and_holds_over_a_restart() {
    let venue = Server::start(Options { rate_percent: 0, ..Options::default() }).await.expect("a venue");
    let home = Home::new();
    let kill = home.data().join("KILL");
    let config = home.write("config.toml", &settings(&venue, "[live]\nswitch = \"shadow\"\n"));

    // The socket: only this user's, and the engine answers when the word is in the journal.
    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("shadow", |status| is_live(status, "shadow"));
    let mode = std::fs::metadata(home.data().join("control.sock")).expect("a socket").permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let (code, said) = say(&home, &["off"]);
    assert_eq!(code, Some(0), "{said}");
    assert!(said.contains("socket: live is off") && said.contains("Live is off."), "{said}");
    assert!(kill.exists() && is_live(&engine.status().expect("it runs"), "off"));
    let output = engine.stop();
    assert!(output.contains("live is killed"), "{output}");

    // A restart is never more open, and says why.
    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("off", |status| is_live(status, "off"));
    // Shadow sends nothing, so it needs no sentence; on needs everything.
    assert_eq!(
        say(&home, &["shadow"]),
        (Some(0), "live is in shadow: all is decided and recorded, nothing is sent\n".into())
    );
    engine.wait_until("shadow", |status| is_live(status, "shadow"));
    let (code, said) = say(&home, &["on", "--sentence", "yes"]);
    assert!(code == Some(1) && said.contains("not the sentence"), "{said}");
    let (code, said) = say(&home, &["on", "--sentence", SENTENCE]);
    assert_eq!(code, Some(1), "{said}");
    for red in ["the settings allow live.switch = \"shadow\" at most", "orders cannot leave yet"] {
        assert!(said.contains(red), "{said}");
    }
    assert!(kill.exists(), "a refusal takes nothing away");
    let (code, said) = say(&home, &["leader", "Nobody", "off"]);
    assert!(code == Some(1) && said.contains("no leader"), "{said}");
    let output = engine.stop();
    assert!(output.contains("KILL is there, so live is off"), "{output}");

    // The file, by hand: noticed within 100 ms and the time that a status takes.
    std::fs::remove_file(&kill).expect("it was there");
    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("shadow again, as it was left", |status| is_live(status, "shadow"));
    std::fs::write(&kill, "").expect("written");
    wait_for_off(&engine);

    // The signal, in the handler of it; the file is made, so that it holds.
    engine.stop();
    std::fs::remove_file(&kill).expect("it was there");
    let mut engine = Engine::run(&home, &config, &[]);
    engine.wait_until("off, as it was left", |status| is_live(status, "off"));
    assert_eq!(say(&home, &["shadow"]).0, Some(0));
    engine.wait_until("shadow", |status| is_live(status, "shadow"));
    engine.signal("USR1");
    wait_for_off(&engine);
    assert!(kill.exists());
    engine.stop();

    // Nobody runs: the next start will be off.
    std::fs::remove_file(&kill).expect("it was there");
    let (code, said) = say(&home, &["off"]);
    assert!(code == Some(0) && said.contains("No engine runs") && kill.exists(), "{said}");
    assert_eq!(say(&home, &["shadow"]).0, Some(3));
    venue.stop().await;
}

fn wait_for_off(engine: &Engine) {
    let began = Instant::now();
    while !engine.status().is_some_and(|status| is_live(&status, "off")) {
        assert!(began.elapsed() < Duration::from_secs(2), "{}", engine.output());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn entries_are_paused_and_let_go_on() {
    let venue = Server::start(Options { rate_percent: 0, ..Options::default() }).await.expect("a venue");
    let home = Home::new();
    let config = home.write("config.toml", &settings(&venue, ""));
    let mut engine = Engine::run(&home, &config, &[]);
    let status =
        engine.wait_until("an answer", |status| status["portfolios"].as_array().is_some_and(|all| !all.is_empty()));
    let name = status["portfolios"][0]["name"].as_str().expect("a name").to_owned();
    let is_paused = |status: &Value| status["portfolios"][0]["paused"] == true;
    assert_eq!(say(&home, &["pause", &name]).0, Some(0));
    engine.wait_until("a pause", is_paused);
    assert_eq!(say(&home, &["resume", &name]).0, Some(0));
    engine.wait_until("no pause", |status| !is_paused(status));
    assert_eq!(say(&home, &["resume", &name, "--breakers"]).0, Some(0));
    let (code, said) = say(&home, &["pause", "nobody"]);
    assert!(code == Some(1) && said.contains("no portfolio is meant"), "{said}");
    let (code, said) = say(&home, &["cancel-all"]);
    assert!(code == Some(1) && said.contains("no gateway runs"), "{said}");
    engine.stop();
    venue.stop().await;
}
