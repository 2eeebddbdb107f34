//! What the report says, advises and draws, of numbers made up; the measurements themselves in small. Nothing here says how fast
//! something is.

use std::time::Duration;

use super::*;
use crate::{clock::Discipline, metrics::Stage};

/// A machine that leaves nothing to be wished for.
fn good() -> Report {
    let figure =
        |p50_ns| figure::Figure { count: 10, p50_ns, p99_ns: p50_ns * 2, p999_ns: p50_ns * 3, max_ns: p50_ns * 4 };
    let stage = |stage: Stage| engine::StageTimes {
        stage: stage.code(),
        text: stage.text(),
        figure: if stage == Stage::Age { Default::default() } else { figure(1_000) },
        columns: if stage == Stage::Age { vec![] } else { vec![(1_000, 9), (12_589, 1)] },
    };
    Report {
        machine: machine::Machine {
            version: "0",
            processor: "A & B <fast>".into(),
            cores: vec![0, 1, 2, 3],
            isolated: "3".into(),
            clock_source: "tsc".into(),
            discipline: Some(Discipline { is_kept: true, error_us_max: 900 }),
            ..Default::default()
        },
        clock: probe::Clock { read_ns: 20, resolution_ns: 10 },
        jitter: vec![cores::Jitter { core: 0, gaps: figure(2_000), gaps_per_second: 4.0, lost_percent: 0.01 }],
        waking: probe::Waking { parked: figure(30_000), spinning: figure(150) },
        signature: figure(28_000),
        disk: Ok(probe::Disk { append: figure(100), sync: figure(300_000) }),
        engine: Ok(engine::Engine {
            wait: "spin",
            seconds: 10.0,
            inputs: 5,
            signals: 4,
            orders: 3,
            live_orders: 2,
            found_signed: 1,
            signed_on_demand: vec![("token", 1)],
            noes: vec![("too_old", 1)],
            queue_full: 0,
            stages: Stage::ALL.map(stage).to_vec(),
        }),
        network: vec![],
        advice: vec![],
    }
}

#[track_caller]
fn advised(wait: Wait, change: impl FnOnce(&mut Report), expected: &[&str]) {
    let mut report = good();
    change(&mut report);
    let found = advice::all(&report, wait);
    assert_eq!(found.iter().map(|advice| advice.what.as_str()).collect::<Vec<_>>(), expected);
    assert!(found.iter().all(|advice| !advice.why.is_empty() && !advice.how.is_empty()));
}

#[test]
fn what_could_be_better_is_said() {
    let spin = Wait::Spin;
    advised(spin, |_| (), &[]);
    advised(Wait::Park, |_| (), &["hot.wait = \"spin\""]);
    advised(Wait::Park, |report| report.waking.parked.p50_ns = 5_000, &[]);
    advised(Wait::Park, |report| report.machine.cores.truncate(2), &["more cores, then hot.wait = \"spin\""]);
    advised(spin, |report| report.machine.cores.truncate(1), &["hot.wait = \"park\""]);
    advised(spin, |report| report.jitter[0].gaps.max_ns = 4_000_000, &["a quieter machine"]);
    advised(spin, |report| report.jitter[0].lost_percent = 3.0, &["a quieter machine"]);
    advised(spin, |report| report.machine.quota = Some(1.5), &["no processor quota"]);
    advised(spin, |report| report.machine.load = 3.0, &["measure again"]);
    advised(spin, |report| report.machine.governor = "powersave".into(), &["the governor \"performance\""]);
    advised(spin, |report| report.machine.governor = "performance".into(), &[]);
    advised(spin, |report| report.machine.isolated.clear(), &["a core for the hot thread alone"]);
    advised(spin, |report| report.clock.read_ns = 900, &["a faster clock"]);
    advised(spin, |report| report.machine.discipline = None, &["a clock that is kept"]);
    let off = |is_kept, error_us_max| Some(Discipline { is_kept, error_us_max });
    advised(spin, |report| report.machine.discipline = off(false, 0), &["a clock that is kept"]);
    advised(spin, |report| report.machine.discipline = off(true, 90_000), &["a better source of time"]);
    advised(spin, |report| report.machine.swap_used_bytes = 1 << 20, &["no swap"]);
    advised(spin, |report| report.disk = Err("full".into()), &[]);
    let slow = figure::Figure { p99_ns: 20_000_000, ..Default::default() };
    advised(spin, |report| report.disk = Ok(probe::Disk { append: slow, sync: slow }), &["a faster disk"]);
    let far = |p50_ns| {
        let times = figure::Figure { count: 1, p50_ns, ..Default::default() };
        vec![network::Distance { host: "clob".into(), what: "answer", times, wrong: String::new() }]
    };
    advised(spin, |report| report.network = far(90_000_000), &["a server nearer to the venue"]);
    advised(spin, |report| report.network = far(2_000_000), &[]);
}

#[test]
fn the_table_fits_eighty_columns_and_the_json_is_whole() {
    let mut report = good();
    report.network = vec![network::Distance {
        host: "ws-subscriptions-clob.polymarket.com".into(),
        what: "connection",
        times: report.signature,
        wrong: "no answer in 4 s".into(),
    }];
    report.advice = advice::all(&report, Wait::Park);
    for engine in [true, false] {
        if !engine {
            report.engine = Err("there is no Postgres on this machine\n  fix: scripts/install".into());
        }
        let text = tables::text(&report);
        let long = text.lines().find(|line| line.chars().count() > 80);
        assert_eq!(long, None, "{text}");
        assert!(text.contains("a sleeping thread woken") && text.contains("28.0 us"), "{text}");
        assert_eq!(text.contains("behind_leader"), engine, "{text}");
        let json = serde_json::to_value(&report).expect("JSON");
        assert_eq!(json["engine"]["stages"][4]["p50_ns"].as_u64(), engine.then_some(1_000), "{json}");
        assert_eq!(json["engine"]["wrong"].is_string(), !engine);
    }
}

#[test]
fn the_plot_has_a_row_for_each_stage_that_was_measured() {
    let svg = plot::svg(&good());
    assert_eq!(svg.matches("<g>").count(), Stage::ALL.len() - 1);
    assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n") && svg.contains("A &amp; B &lt;fast&gt;"));
    assert!(!svg.contains("NaN") && !svg.contains("<script") && svg.contains("1.00 us · 2.00 us"));
    let mut report = good();
    report.engine = Err("no".into());
    assert_eq!(plot::svg(&report).matches("<g>").count(), 0);
}

/// The real clock, threads, key and disk, for a moment.
#[test]
fn parts_are_measured() {
    let moment = Duration::from_millis(40);
    let clock = probe::clock();
    assert!(clock.resolution_ns > 0);
    let cores = cores::allowed();
    assert!(!cores.is_empty());
    let jitter = cores::jitter(&cores, moment);
    assert_eq!(jitter.len(), cores.len().min(8));
    assert!(jitter.iter().all(|jitter| (0.0..=100.0).contains(&jitter.lost_percent)));
    let waking = probe::waking(cores.len(), moment);
    assert!(waking.parked.count > 0 && (waking.spinning.count > 0 || cores.len() < 2), "{waking:?}");
    let key = Key::from_bytes([1; 32]).expect("a key");
    assert!(probe::signatures(&key, moment).count > 0);
    let folder = tempfile::tempdir().expect("a folder");
    let disk = probe::disk(folder.path(), moment).expect("it can be written");
    assert!(disk.append.count > 0 && disk.sync.count > 0);
    let machine = machine::Machine::look();
    assert!(machine.memory_bytes > 0 && !machine.kernel.is_empty(), "{machine:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hosts_are_asked_or_named() {
    let venue = crate::sim::server::Server::start(Default::default()).await.expect("a venue");
    let mut config = Config::load(&Written::DefaultsOnly, &Default::default()).expect("right");
    config.feed.clob_url.clone_from(&venue.clob_url);
    // Nobody listens there.
    for url in [&mut config.feed.market_url, &mut config.feed.activity_url, &mut config.feed.gamma_url] {
        *url = "http://127.0.0.1:1".into();
    }
    config.feed.data_url = None;
    let found = network::look(&config).await;
    let counts: Vec<_> = found.iter().map(|one| (one.what, one.times.count, one.wrong.is_empty())).collect();
    assert!(counts.contains(&("answer", 10, true)) && counts.contains(&("connection", 3, true)), "{counts:?}");
    assert!(counts.contains(&("connection", 0, false)), "{counts:?}");
    venue.stop().await;
}
