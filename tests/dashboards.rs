//! The dashboards and alert rules in `config/` ask for what `/metrics` says, show every stage, and hold together; promtool
//! plays the rules.

#[allow(dead_code, reason = "shared with the page tests")]
#[path = "pages/server.rs"]
mod server;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    process::Command,
    sync::LazyLock,
};

use clap::CommandFactory;
use remora::{
    alert::{AlertsNow, status::ChannelNow},
    command::Cli,
    domain::{Breaker, Nanos, PortfolioId, Usdc},
    metrics::{
        FeedStatus, GatewayStatus, PortfolioNow, Snapshot, Stage, Stages, StoreStatus,
        export::{Exported, render},
        window::StageReader,
    },
};
use serde_json::Value;

const PROMTOOL: &str = "/usr/bin/promtool";

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

fn read(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn dashboards() -> Vec<(String, Value)> {
    let folder = std::fs::read_dir(root().join("config/grafana")).expect("dashboards");
    let mut names: Vec<_> =
        folder.map(|entry| entry.expect("a file").file_name().into_string().expect("a name")).collect();
    names.sort();
    assert!(names.len() >= 3, "{names:?}");
    let parsed = |name: String| {
        let json = serde_json::from_str(&read(&format!("config/grafana/{name}"))).expect("JSON");
        (name, json)
    };
    names.into_iter().map(parsed).collect()
}

/// Returns `/metrics` of an engine that has one of everything.
fn metrics() -> String {
    let stages = Stages::new();
    let mut recorder = stages.recorder();
    Stage::ALL.into_iter().for_each(|stage| recorder.record(stage, 1_000));
    drop(recorder);
    let [deposits, available, reserved, deployed, cooling, released, realised, unrealised] = [Usdc::ZERO; 8];
    let portfolio = PortfolioNow {
        id: PortfolioId(1),
        deposits,
        available,
        reserved,
        deployed,
        cooling,
        released,
        realised,
        unrealised,
        paused: false,
        tripped: [false; Breaker::ALL.len()],
    };
    render(&Exported {
        version: "0",
        snapshot: &Snapshot {
            portfolios: vec![portfolio],
            skips: vec![1; 99],
            refusals: vec![1; 99],
            ..Snapshot::default()
        },
        times: &StageReader::new(Nanos::ZERO).read(&stages, Nanos::from_secs(1)),
        store: &StoreStatus::default(),
        feeds: &["activity 1", "chain", "market channel"].map(|name| FeedStatus::of_trades(name).now()),
        redeem: &Default::default(),
        gateway: Some(&GatewayStatus::default()),
        portfolios: &[(1, "careful".into(), "paper".into())],
        alerts: &AlertsNow {
            channels: vec![ChannelNow { name: "phone".into(), ..Default::default() }],
            ..Default::default()
        },
        tripped: &[],
        resident_bytes: 1,
    })
}

/// What is exported: names of series, each with its labels and their values.
fn exported() -> BTreeMap<String, BTreeMap<String, BTreeSet<String>>> {
    let mut all: BTreeMap<String, BTreeMap<String, BTreeSet<String>>> = BTreeMap::new();
    for line in metrics().lines().filter(|line| !line.starts_with('#')) {
        let (name, labels) = line.rsplit_once(' ').expect("a value").0.split_once('{').unwrap_or((line, ""));
        let name = name.split(' ').next().expect("a name");
        let of = all.entry(name.to_owned()).or_default();
        for (label, value) in labels.trim_end_matches('}').split("\",").filter_map(|pair| pair.split_once("=\"")) {
            of.entry(label.to_owned()).or_default().insert(value.trim_end_matches('"').to_owned());
        }
    }
    all
}

/// Names of ours in an expression, each with what its braces hold.
fn asked(expr: &str) -> Vec<(String, String)> {
    let starts = expr.match_indices("remora_").map(|(start, _)| &expr[start..]);
    let parts = starts.map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(rest.len());
        let within =
            rest[end..].strip_prefix('{').and_then(|rest| rest.split_once('}')).map_or("", |(within, _)| within);
        (rest[..end].to_owned(), within.to_owned())
    });
    parts.collect()
}

/// Returns what `expr` asks for and nobody says. Labels of the scrape are Prometheus's own; patterns are not looked at.
fn unknown(expr: &str) -> Vec<String> {
    static EXPORTED: LazyLock<BTreeMap<String, BTreeMap<String, BTreeSet<String>>>> = LazyLock::new(exported);
    let exported = &*EXPORTED;
    let mut found = vec![];
    for (name, within) in asked(expr) {
        let Some(labels) = exported.get(&name) else {
            found.push(format!("{name} is not exported"));
            continue;
        };
        for (label, value) in within.split(',').filter_map(|pair| pair.split_once("=\"")) {
            let (value, is_exact) = (value.trim_end_matches('"'), !label.ends_with('!') && label != "instance");
            let is_said = labels.get(label.trim_end_matches('!')).is_some_and(|values| values.contains(value));
            if is_exact && !is_said {
                found.push(format!("{name} has no {label}=\"{value}\""));
            }
        }
    }
    found
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().expect("panels")
}

fn expressions(panel: &Value) -> Vec<&str> {
    let targets = panel["targets"].as_array().map_or(&[][..], Vec::as_slice);
    targets.iter().map(|target| target["expr"].as_str().expect("an expression")).collect()
}

#[test]
fn what_is_asked_for_is_exported() {
    assert_eq!(unknown("remora_fills_total{instance=~\"$instance\"}"), [""; 0]);
    assert_eq!(unknown("sum(remora_fish) + remora_stage_seconds_count{stage=\"nap\"}").len(), 2);
    let mut asks =
        ["config/prometheus/alerts.yml", "tests/prometheus/alerts.yml", "tests/prometheus/days.yml"].map(read).to_vec();
    for (_, dashboard) in dashboards() {
        asks.extend(panels(&dashboard).iter().flat_map(expressions).map(str::to_owned));
    }
    let lines =
        asks.iter().flat_map(|text| text.lines()).filter(|line| !line.contains("summary:") && !line.contains("fix:"));
    let wrong: Vec<String> = lines.flat_map(unknown).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_metric_and_every_stage_has_a_panel() {
    let dashboards = dashboards();
    let shown: Vec<&str> = dashboards.iter().flat_map(|(_, all)| panels(all)).flat_map(expressions).collect();
    let of_histograms: String = shown.iter().filter(|expr| expr.contains("histogram_quantile(")).copied().collect();
    for stage in Stage::ALL {
        for quantile in ["0.5", "0.99", "0.999"] {
            let begins = format!("histogram_quantile({quantile}, ");
            let label = format!("stage=\"{}\"", stage.code());
            let is_shown = of_histograms
                .split("histogram_quantile")
                .any(|rest| format!("histogram_quantile{rest}").starts_with(&begins) && rest.contains(&label));
            assert!(is_shown, "no panel shows the {quantile} quantile of {}", stage.code());
        }
    }
    let names: BTreeSet<String> = shown.iter().flat_map(|expr| asked(expr)).map(|(name, _)| name).collect();
    let unseen: Vec<String> = exported().into_keys().filter(|name| !names.contains(name)).collect();
    assert_eq!(unseen, [""; 0], "no panel shows them");
}

#[test]
fn dashboards_hold_together() {
    let mut uids = BTreeSet::new();
    for (file, dashboard) in dashboards() {
        let uid = dashboard["uid"].as_str().expect("a uid");
        assert_eq!(format!("{uid}.json"), file);
        assert!(uids.insert(uid.to_owned()) && dashboard["title"].is_string(), "{file}");
        let variables = dashboard["templating"]["list"].as_array().expect("variables");
        let names: Vec<&str> = variables.iter().filter_map(|variable| variable["name"].as_str()).collect();
        assert_eq!(names, ["datasource", "instance", "window"], "{file}");
        let mut ids = BTreeSet::new();
        let mut taken = BTreeSet::new();
        for panel in panels(&dashboard) {
            let title = panel["title"].as_str().expect("a title");
            assert!(ids.insert(panel["id"].as_u64().expect("an id")), "{file}: {title}: its id is taken");
            let of = |key: &str| panel["gridPos"][key].as_u64().expect("a place");
            for x in of("x")..of("x") + of("w") {
                assert!(x < 24, "{file}: {title}: beyond the edge");
                for y in of("y")..of("y") + of("h") {
                    assert!(taken.insert((x, y)), "{file}: {title}: over another panel");
                }
            }
            if panel["type"] == "row" {
                continue;
            }
            assert_eq!(panel["datasource"]["uid"], "${datasource}", "{file}: {title}");
            assert!(panel["fieldConfig"]["defaults"]["unit"].is_string(), "{file}: {title}: no unit");
            assert!(panel["description"].as_str().is_some_and(|text| text.ends_with('.')), "{file}: {title}");
            assert!(!expressions(panel).is_empty(), "{file}: {title}: shows nothing");
            for expr in expressions(panel) {
                assert!(expr.contains("instance=~\"$instance\""), "{file}: {title}: {expr}: of which engine?");
            }
        }
    }
}

/// Backquoted commands of ours in the rules can be typed.
#[test]
fn what_the_rules_say_to_do_can_be_done() {
    let cli = Cli::command();
    let text = read("config/prometheus/alerts.yml");
    let commands: BTreeSet<&str> =
        text.split("`remora ").skip(1).filter_map(|rest| rest.split(['`', ' ']).next()).collect();
    assert!(commands.len() > 3);
    for command in commands {
        assert!(cli.find_subcommand(command).is_some(), "`remora {command}`");
    }
}

#[test]
fn every_rule_is_played() {
    let rules = read("config/prometheus/alerts.yml");
    let tests = read("tests/prometheus/alerts.yml") + &read("tests/prometheus/days.yml");
    let names: Vec<&str> = rules.lines().filter_map(|line| line.trim().strip_prefix("- alert: ")).collect();
    assert!(names.len() > 30);
    for name in &names {
        assert!(tests.contains(&format!("alertname=\"{name}\"}}', value: 1")), "{name} is never seen to fire");
    }
    assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "two rules have one name");
}

#[test]
fn promtool_agrees() {
    if !server::have("the alert rules' test", &[PROMTOOL]) {
        return;
    }
    // The expressions of the dashboards are checked as rules, too.
    let folder = tempfile::tempdir().expect("a folder");
    let all = dashboards();
    let exprs = all.iter().flat_map(|(_, all)| panels(all)).flat_map(expressions);
    let recorded = |(nth, expr): (usize, &str)| {
        let expr = expr.replace("$window", "5m").replace("$__rate_interval", "5m");
        format!("  - {{record: 'panel:{nth}', expr: {}}}\n", serde_json::to_string(&expr).expect("a text"))
    };
    let text: String = exprs.enumerate().map(recorded).collect();
    let path = folder.path().join("panels.yml");
    std::fs::write(&path, format!("groups:\n- name: panels\n  rules:\n{text}")).expect("written");
    let path = path.to_str().expect("a path");
    for arguments in [
        ["check", "config", "config/prometheus/prometheus.yml"],
        ["check", "rules", "config/prometheus/alerts.yml"],
        ["test", "rules", "tests/prometheus/alerts.yml"],
        ["test", "rules", "tests/prometheus/days.yml"],
        ["check", "rules", path],
    ] {
        let output = Command::new(PROMTOOL).args(arguments).current_dir(root()).output().expect("promtool");
        let said = [output.stdout, output.stderr].concat();
        assert!(output.status.success(), "promtool {arguments:?}\n{}", String::from_utf8_lossy(&said));
    }
}
