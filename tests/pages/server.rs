//! A real dashboard on a loopback port over a real Postgres, for tests that look at it from outside.

use std::{
    io::{BufRead, BufReader, Write},
    net::SocketAddr,
    os::unix::net::UnixListener,
    path::{Path, PathBuf},
    sync::Arc,
    time::{Duration, SystemTime},
};

use remora::{
    config::{Config, Overrides, Written},
    control::{
        Answer,
        outlook::{Bound, LeaderNow, Outlook, StrategyNow},
        words::State,
    },
    domain::{Nanos, NotSent, Numbers, PortfolioId, Refusal, Skip, TokenId, Usdc},
    metrics::{
        BookNow, CoolingNow, FeedStatus, Mark, PortfolioNow, Published, Snapshot, Stage, Stages, StoreStatus, Use,
    },
    web::{self, About, DataSource, Door, WebState},
};
use sqlx::PgPool;
use tokio_util::sync::CancellationToken;

pub const SEED: &str = include_str!("seed.sql");

/// Of a dashboard that has one.
pub const PASSWORD: &str = "correct horse battery";

pub struct Dashboard {
    pub address: SocketAddr,
    /// The data folder; it is gone when the server has ended.
    pub data: PathBuf,
    pub pool: PgPool,
    pub published: Published,
    pub stages: Arc<Stages>,
    pub store: Arc<StoreStatus>,
    pub feeds: Arc<Vec<Arc<FeedStatus>>>,
    pub stop: CancellationToken,
}

pub fn now() -> Nanos {
    Nanos(SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_nanos() as u64)
}

/// Serves `pool`. Its engine is a snapshot that says again and again that it is there.
pub async fn start(pool: PgPool, snapshot: Snapshot, data: DataSource) -> Dashboard {
    let dashboard = start_silent(pool, snapshot, data).await;
    let (published, feeds, stop) = (dashboard.published.clone(), dashboard.feeds.clone(), dashboard.stop.clone());
    tokio::spawn(async move {
        while stop.run_until_cancelled(tokio::time::sleep(Duration::from_millis(500))).await.is_some() {
            feeds.iter().for_each(|feed| feed.frame(now()));
            published.rcu(|before| Snapshot { at: now(), inputs: before.inputs + 1_234, ..Snapshot::clone(before) });
        }
    });
    dashboard
}

/// Serves `pool`. Its engine says what `snapshot` says, and nothing more.
pub async fn start_silent(pool: PgPool, snapshot: Snapshot, data: DataSource) -> Dashboard {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let feeds = Arc::new(["market 0", "leaders"].map(|name| Arc::new(FeedStatus::new(name))).to_vec());
    for feed in feeds.iter() {
        feed.connected(now().since(Nanos::from_secs(4_000)));
        feed.frame(now());
    }
    let store = Arc::new(StoreStatus::default());
    store.committed(0);
    let data_dir = tempfile::tempdir().expect("a folder");
    let folder = data_dir.path().to_owned();
    let state = WebState {
        pool: pool.clone(),
        published: Arc::new(arc_swap::ArcSwap::from_pointee(snapshot)),
        stages: Arc::new(Stages::new()),
        store: store.clone(),
        feeds: feeds.clone(),
        redeem: Default::default(),
        alerts: Default::default(),
        gateway: None,
        about: About {
            version: "0.1.0-test".into(),
            config_path: "config/remora.toml".into(),
            mode: "paper".into(),
            data,
        },
        door: Door::new(data_dir.path()),
        hosts: vec!["remora.test".into()],
        clock: now,
    };
    let (published, stages, stop) = (state.published.clone(), state.stages.clone(), CancellationToken::new());
    let serving = stop.clone();
    tokio::spawn(async move {
        let _data_dir = data_dir;
        web::serve(listener, state, serving).await.expect("served");
    });
    Dashboard { address, data: folder, pool, published, stages, store, feeds, stop }
}

/// Answers at the socket of a data folder as an engine of the seeded tables would.
pub fn speak(data: &Path) {
    let listener = UnixListener::bind(data.join("control.sock")).expect("a socket");
    std::thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let mut said = String::new();
            let _ = BufReader::new(&stream).read_line(&mut said);
            let answer = match said {
                status if status.contains(r#"{"do":"status"}"#) => standing(),
                settings if settings.contains(r#"{"do":"settings"}"#) => in_force(),
                other => pressed(&other),
            };
            let _ = writeln!(&stream, "{}", serde_json::to_string(&answer).expect("JSON"));
        }
    });
}

fn in_force() -> Answer {
    let config = Config::load(&Written::demo(), &Overrides::default()).expect("right");
    Answer { settings: Some(remora::control::settings::now(&config)), ..Answer::done("everything in force") }
}

fn pressed(said: &str) -> Answer {
    if said.contains(r#""do":"on""#) {
        let red = vec!["Postgres is not written".to_owned(), "no source of leaders' trades is connected".to_owned()];
        return Answer { red, ..Answer::refused("not everything is green", "mend what is said, then once more") };
    }
    Answer::done("live is off: nothing leaves")
}

fn standing() -> Answer {
    let text = str::to_owned;
    let bound = |of: &str, at: &str| Bound { of: text(of), at: text(at) };
    let live = ["$500", "$25", "$100", "$300", "$200", "$50"];
    let of = ["capital", "one order", "one position", "all at once", "entries of a day", "loss of a day"];
    let live = of.iter().zip(live).map(|(of, at)| bound(of, at)).collect();
    let strategy = |name: &str, entries: &str, tripped: &[&str]| StrategyNow {
        name: text(name),
        entries: text(entries),
        tripped: tripped.iter().copied().map(text).collect(),
        needs_sentence: false,
        live: vec![],
    };
    let outlook = Outlook {
        red: vec![],
        strategies: vec![
            StrategyNow { live, ..strategy("careful", "1 of 2 paused", &["daily_loss (live)"]) },
            strategy("swift", "running", &[]),
        ],
        leaders: ["Ada", "Bo", "Cy <b>bold</b>"]
            .map(|name| LeaderNow {
                name: text(name),
                switch: text(if name == "Bo" { "force_off" } else { "inherit" }),
            })
            .to_vec(),
        ceilings: vec![
            bound("one order", "$250"),
            bound("entries in a minute", "$1000"),
            bound("orders in a second", "no limit"),
        ],
        wallet: text("0x9d84ce0306F8551e02efef1680475Fc0f1dC1344"),
        allowed: text("on"),
    };
    let state = State { live: text("shadow"), paper: text("on"), killed: false, seen: text("1-0-shadow-0") };
    Answer { outlook: Some(Box::new(outlook)), state: Some(state), ..Answer::done("running") }
}

/// An engine that has just begun.
pub fn fresh() -> Snapshot {
    Snapshot {
        at: now(),
        started_at: now(),
        skips: vec![0; Skip::ALL.len()],
        refusals: vec![0; Refusal::ALL.len()],
        ..Snapshot::default()
    }
}

/// The engine as the seeded tables have it, with marks for what is held.
pub async fn as_seeded(pool: &PgPool) -> Snapshot {
    type Row = (i32, i64, i64, i64, i64, i64, i64, i64);
    let rows: Vec<Row> = sqlx::query_as(
        "with m as (select id, (deposits * 1e6)::bigint, (available * 1e6)::bigint, (reserved * 1e6)::bigint,
             (deployed * 1e6)::bigint, (cooling * 1e6)::bigint, (realised * 1e6)::bigint,
             (select coalesce(sum(shares * 550000 - cost * 1000000), 0)::bigint from positions where portfolio_id = id)
         from portfolios) select * from m order by 1",
    )
    .fetch_all(pool)
    .await
    .expect("portfolios");
    let portfolio = |row: &Row| PortfolioNow {
        id: PortfolioId(row.0 as u16),
        deposits: Usdc(row.1),
        available: Usdc(row.2),
        reserved: Usdc(row.3),
        deployed: Usdc(row.4),
        released: Usdc::ZERO,
        cooling: Usdc(row.5),
        realised: Usdc(row.6),
        unrealised: Usdc(row.7),
        paused: false,
        tripped: [false; 4],
    };
    let mut snapshot = Snapshot {
        started_at: now().since(Nanos::from_secs(250_000)),
        journal_next_seq: 1_204_233,
        inputs: 48_121_902,
        events: 1_203_876,
        signals: 140,
        orders: 163,
        fills: 139,
        orders_open: 2,
        positions_open: 21,
        parked: 1,
        tokens: 612,
        books_live: 609,
        books_diverged: 3,
        portfolios: rows.iter().map(portfolio).collect(),
        cooling: (1..=4_u64)
            .map(|n| CoolingNow {
                portfolio: PortfolioId(0),
                until: now().plus(Nanos::from_secs(n * 1_900)),
                amount: Usdc(12_400_000 * n as i64),
            })
            .collect(),
        books: books(),
        uses: uses(),
        ceilings: vec![(NotSent::DollarsPerMinute, Numbers { limit: 500_000_000, actual: 24_000_000 })],
        marks: (0..6).filter(|id| *id != 5).map(|id| Mark { token: TokenId(id), bid: 550_000, ask: 560_000 }).collect(),
        ..fresh()
    };
    for (index, count) in [(1, 25), (17, 22), (19, 24), (16, 21), (21, 40)] {
        snapshot.skips[index] = count;
    }
    snapshot.refusals[1] = 23;
    snapshot
}

fn books() -> Vec<BookNow> {
    vec![BookNow {
        token: TokenId(0),
        bids: vec![(420_000, 310_000_000), (410_000, 950_500_000), (400_000, 40_000_000)],
        asks: vec![(430_000, 120_000_000), (450_000, 480_000_000)],
        is_trusted: true,
    }]
}

fn uses() -> Vec<Use> {
    [
        (Refusal::TotalExposure, 500_000_000, 132_400_000),
        (Refusal::DailyBudget, 100_000_000, 98_000_000),
        (Refusal::LossesInRow, 5, 5),
    ]
    .map(|(limit, most, used)| Use { portfolio: PortfolioId(2), limit, numbers: Numbers { limit: most, actual: used } })
    .to_vec()
}

/// Times as an engine has them: each stage around its own length, with a tail.
pub fn record_times(stages: &Stages, count: u64) {
    let mut recorder = stages.recorder();
    let lengths = [58_000_000_u64, 2_400, 31_000, 900, 1_150, 780, 240_000, 9_000_000, 58_300_000];
    for n in 0..count {
        let spread =
            700 + n * 7_919 % 900 + if n % 97 == 0 { 6_000 } else { 0 } + if n % 1_009 == 0 { 80_000 } else { 0 };
        for (stage, length) in Stage::ALL.into_iter().zip(lengths) {
            recorder.record(stage, length * spread / 1_000);
        }
    }
}

/// Fetches `path` as any HTTP client would; returns the head and the body.
pub fn get(address: SocketAddr, method: &str, host: &str, path: &str) -> (String, String) {
    use std::io::Read;
    let mut stream = std::net::TcpStream::connect(address).expect("connected");
    write!(stream, "{method} {path} HTTP/1.0\r\nHost: {host}\r\n\r\n").expect("asked");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("answered");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    (head.to_owned(), body.to_owned())
}

/// Returns whether `programs` are there. Their absence is an error where all tests are to run, else a note.
pub fn have(what: &str, programs: &[&str]) -> bool {
    let missing: Vec<_> = programs.iter().filter(|program| !std::path::Path::new(program).exists()).collect();
    assert!(missing.is_empty() || std::env::var_os("REMORA_TEST_ALL").is_none(), "{what} needs {missing:?}");
    if !missing.is_empty() {
        println!("SKIPPED: {what} needs {missing:?}");
    }
    missing.is_empty()
}
