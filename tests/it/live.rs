//! Live orders, end to end: a leader's trade at the simulated venue over TLS leads to signed orders of ours there, each sent
//! once, by the venue's own truth log. In shadow nothing is asked for that shows who we are.

use std::{
    collections::{BTreeMap, BTreeSet},
    os::unix::fs::PermissionsExt,
    path::Path,
    sync::Arc,
    time::Instant,
};

use remora::{
    config::{Config, Overrides, Written},
    control::{
        Answer, Command, SENTENCE, client,
        wallet::{ChoiceWord, WalletNow},
    },
    domain::{Event, Input, LiveSwitch, Shares, Usdc},
    journal::{Reader, Record, Tail},
    session::{Session, SessionError, Summary, Until},
    sim::server::{
        Funded, Options, PrivateSettings, Server,
        tls::Identity,
        truth::{self, Bytes, Entry, Truth},
    },
    store::testing::TestDatabase,
    venue::polymarket::Key,
    web::DataSource,
};
use tokio::{
    task::JoinHandle,
    time::{Duration, sleep},
};

use crate::{
    engine::{Home, PATIENCE, free_port, settings},
    tables,
};

const SECRET: &str = "0101010101010101010101010101010101010101010101010101010101010101";

/// What the venue said of live orders.
pub const ANSWERED: &str = "select count(*) from events where kind in ('accepted', 'closed', 'matched')
    and coalesce(body->'Accepted'->>'order', body->'Closed'->>'order', body->'Matched'->>'order')::bigint >= 1099511627776";

/// A venue over TLS with leaders, and money for the wallet of our key.
pub async fn venue(home: &Home) -> Server {
    venue_for(home, SECRET).await
}

/// The same for the wallet of another key.
pub async fn venue_for(home: &Home, secret: &str) -> Server {
    venue_with(home, secret, 300).await
}

async fn venue_with(home: &Home, secret: &str, rate_percent: u64) -> Server {
    let identity = Identity::generate().expect("a certificate");
    identity.write_authority(home.path()).expect("written");
    let key: Key = secret.parse().expect("a key");
    let private =
        PrivateSettings { accounts: vec![Funded { key, money: Usdc::whole(1_000) }], ..PrivateSettings::default() };
    let truth = Some(Truth::begin(&home.path().join("truth.jsonl")).expect("a file"));
    let options = Options { rate_percent, private, tls: Some(identity), truth, ..Options::default() };
    Server::start(options).await.expect("a venue")
}

/// The settings of a strategy that copies all leaders with real money, and the file with its key.
pub fn text(home: &Home, venue: &Server, switch: &str, secret: &str) -> String {
    let key = home.write("key", secret);
    std::fs::set_permissions(&key, std::fs::Permissions::from_mode(0o600)).expect("permissions");
    let (user_url, authority) = (&venue.urls.ws_user, home.path().join("ca.pem"));
    let more = format!(
        "user_url = \"{user_url}\"\nauthority_file = \"{}\"\n\n[live]\nswitch = \"{switch}\"\n\n[wallet]\nkey = \
         \"file:{}\"\nsignature_type = \"eoa\"\n\n[[strategy]]\nname = \"real\"\nleaders = [\"Ada\", \"Bo\", \"Cy\"]\n\
         [strategy.paper]\ncapital_usdc = 500\n\n\
         [strategy.live]\ncapital_usdc = 500\nsize_usdc = 5\n",
        authority.display(),
        key.display()
    );
    settings(venue, &more)
}

pub fn config(home: &Home, venue: &Server, switch: &str, url: &str) -> Arc<Config> {
    config_with(home, venue, switch, url, "")
}

fn config_with(home: &Home, venue: &Server, switch: &str, url: &str, more: &str) -> Arc<Config> {
    let text = text(home, venue, switch, SECRET) + more;
    let source = Written::Text { name: "test".into(), text };
    let overrides = Overrides {
        data: Some(home.data()),
        listen: Some(format!("127.0.0.1:{}", free_port())),
        database_url: Some(url.to_owned()),
        log_level: None,
    };
    Arc::new(Config::load(&source, &overrides).unwrap_or_else(|problems| panic!("{problems}")))
}

async fn started(config: Arc<Config>) -> Session {
    Session::start(config, String::new(), DataSource::Demo).await.unwrap_or_else(|error| panic!("{error}"))
}

/// Starts a session and turns live on, which is declined until the gateway has armed the hot thread.
async fn live_session(config: Arc<Config>, pool: &sqlx::PgPool) -> JoinHandle<Result<Summary, SessionError>> {
    let session = started(config).await;
    let began = Instant::now();
    while tables::count(pool, "select count(*) from events where kind = 'live_switched'").await == 0 {
        assert!(began.elapsed() < PATIENCE, "live cannot be turned on");
        session.tell(Input::SwitchLive { to: LiveSwitch::On }).await;
        sleep(Duration::from_millis(200)).await;
    }
    running(session)
}

fn running(session: Session) -> JoinHandle<Result<Summary, SessionError>> {
    tokio::spawn(session.run(Until::Passed(2 * PATIENCE)))
}

pub async fn until(pool: &sqlx::PgPool, query: &str, least: i64) {
    let began = Instant::now();
    while tables::count(pool, query).await < least {
        assert!(began.elapsed() < 2 * PATIENCE, "never {least}: {query}");
        sleep(Duration::from_millis(50)).await;
    }
}

/// Returns how often each order was sent, by its salt, and how many private requests there were in all.
fn requests(path: &Path) -> (BTreeMap<u64, usize>, usize) {
    let lines = truth::read(path).expect("the venue's truth");
    let received = lines.iter().filter_map(|line| match &line.entry {
        Entry::Received { method, path, body, .. } => Some((method.as_str(), path.as_str(), body)),
        _ => None,
    });
    let (mut orders, mut all) = (BTreeMap::new(), 0);
    for (method, path, body) in received {
        all += 1;
        if let ("POST", "/order", Bytes::Text(body)) = (method, path, body) {
            let body: serde_json::Value = serde_json::from_str(body).expect("JSON");
            *orders.entry(body["order"]["salt"].as_u64().expect("a salt")).or_default() += 1;
        }
    }
    (orders, all)
}

#[tokio::test(flavor = "multi_thread")]
async fn leaders_trades_lead_to_orders_that_are_each_sent_once() {
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let venue = venue(&home).await;
    let running = live_session(config(&home, &venue, "on", &tables::url(&pool)), &pool).await;
    until(&pool, "select count(*) from events where kind = 'signed'", 1).await;
    // What was sent is answered, and the engine is told.
    until(&pool, ANSWERED, 1).await;
    // The wallet is read, and kept beside our books.
    until(&pool, "select count(*) from account_positions where what = 'cash' and ours <= 500 and theirs > 0", 1).await;
    running.abort();
    venue.finish().await.expect("the truth is whole");
    let (orders, all) = requests(&home.path().join("truth.jsonl"));
    assert!(!orders.is_empty() && orders.len() < all, "{orders:?} of {all}");
    assert!(orders.values().all(|times| *times == 1), "{orders:?}");
    let signed = signed(&home.journal());
    assert!(orders.keys().all(|salt| signed.contains(salt)), "sent: {orders:?}; in the journal before: {signed:?}");
}

/// Returns the salts of the orders that the journal has.
fn signed(journal: &Path) -> BTreeSet<u64> {
    let mut reader = Reader::open(journal, 0, Tail::of(journal).expect("a whole journal")).expect("readable");
    let mut salts = BTreeSet::new();
    while let Some((_, _, record)) = reader.read().expect("readable") {
        if let Record::Event(Event::Signed(signed)) = record {
            salts.insert(signed.salt);
        }
    }
    salts
}

/// I-20: no key is read (there is none to read), and the venue sees no private request.
async fn is_never_private(switch: &str) {
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let venue = venue(&home).await;
    let config = config(&home, &venue, switch, &tables::url(&pool));
    std::fs::remove_file(home.path().join("key")).expect("a key file");
    let running = running(started(config).await);
    until(&pool, "select count(*) from signals", 5).await;
    assert_eq!(tables::count(&pool, "select count(*) from events where kind = 'signed'").await, 0);
    running.abort();
    venue.finish().await.expect("the truth is whole");
    assert_eq!(requests(&home.path().join("truth.jsonl")), (BTreeMap::new(), 0), "{switch}");
}

#[tokio::test(flavor = "multi_thread")]
async fn in_shadow_nothing_is_sent_that_shows_who_we_are() {
    is_never_private("shadow").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn switched_off_nothing_is_sent_that_shows_who_we_are() {
    is_never_private("off").await;
}

/// Says a command to the engine of a data folder.
async fn say(data: &Path, command: Command) -> Answer {
    let data = data.to_owned();
    let said = tokio::task::spawn_blocking(move || client::say(&data, &command)).await.expect("no panic");
    said.expect("an engine listens")
}

/// Asks how books and wallet stand until it is so.
async fn wallet_until(data: &Path, is: impl Fn(&WalletNow) -> bool) -> (WalletNow, Option<String>) {
    let began = Instant::now();
    loop {
        let answer = say(data, Command::Wallet).await;
        if let Some(now) = answer.wallet.filter(|now| is(now)) {
            return (*now, answer.state.map(|state| state.seen));
        }
        assert!(began.elapsed() < 2 * PATIENCE, "never so: {}", answer.said);
        sleep(Duration::from_millis(200)).await;
    }
}

/// C3: what the wallet holds beside the books is taken in, what it lacks is left as it is, then written off; each on the
/// operator's word, in the journal, the tables and the audit.
#[tokio::test(flavor = "multi_thread")]
async fn what_differs_is_adopted_ignored_and_written_off() {
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let venue = venue_with(&home, SECRET, 0).await;
    let more = "\n[reconcile]\nevery_s = 5\npatience_s = 5\n";
    let (data, config) = (home.data(), config_with(&home, &venue, "on", &tables::url(&pool), more));
    let running = live_session(config, &pool).await;
    let key: Key = SECRET.parse().expect("a key");
    let wallets = venue.wallets(key.address());
    let token = venue.open_markets()[0].tokens[0].clone();
    venue.split(wallets[0].address, &token, Shares::whole(20)).expect("twenty of each");
    let holds = |now: &WalletNow| now.held.iter().any(|held| held.token == token && held.wallet == 20.into());
    let (_, seen) = wallet_until(&data, holds).await;
    let adopt = |shares: i64, sentence: &str, seen: &Option<String>| Command::Adopt {
        strategy: "real".to_owned(),
        leader: "Ada".to_owned(),
        token: token[..12].to_owned(),
        shares: shares.into(),
        price: "0.25".to_owned(),
        sentence: Some(sentence.to_owned()),
        seen: seen.clone(),
    };
    for (command, wrong) in [
        (adopt(20, "yes", &seen), "not the sentence"),
        (adopt(20, SENTENCE, &Some("before".to_owned())), "something changed"),
        (adopt(21, SENTENCE, &seen), "and not 21"),
    ] {
        let answer = say(&data, command).await;
        assert!(!answer.ok && answer.said.contains(wrong), "{answer:?}");
    }
    let answer = say(&data, adopt(20, SENTENCE, &seen)).await;
    assert!(answer.ok, "{answer:?}");
    let held = "select count(*) from positions p join portfolios o on o.id = p.portfolio_id where o.mode = 'live' and \
                p.shares = 20 and p.cost = 5 and o.deposits = 505 and o.deployed = 5";
    until(&pool, held, 1).await;
    // Somebody sends eight of them away.
    venue.send([wallets[0].address, wallets[1].address], &token, Shares::whole(8)).expect("eight");
    let (now, seen) = wallet_until(&data, |now| !now.differences.is_empty()).await;
    assert_eq!((now.differences[0].by, now.differences[0].ignored), ((-8).into(), false), "{now:?}");
    let ignore = |by: i64| Command::Difference { of: token.clone(), by: by.into(), choice: ChoiceWord::Ignore };
    assert!(!say(&data, ignore(-7)).await.ok, "another difference");
    assert!(say(&data, ignore(-8)).await.ok);
    wallet_until(&data, |now| now.differences[0].ignored).await;
    until(&pool, "select count(*) from differences where choice = 'ignored' and ours = 20 and theirs = 12", 1).await;
    let off = |amount: i64| Command::WriteOff {
        of: token.clone(),
        amount: amount.into(),
        strategy: None,
        sentence: Some(SENTENCE.to_owned()),
        seen: seen.clone(),
    };
    assert!(!say(&data, off(9)).await.ok, "more than is missing");
    let answer = say(&data, off(8)).await;
    assert!(answer.ok, "{answer:?}");
    let lost =
        "select count(*) from settlements where why = 'written_off' and shares = 8 and basis = 2 and proceeds = 0";
    until(&pool, lost, 1).await;
    until(&pool, "select count(*) from portfolios where mode = 'live' and realised = -2 and deployed = 3", 1).await;
    wallet_until(&data, |now| now.differences.is_empty()).await;
    until(&pool, "select count(*) from audit where what in ('adopt', 'difference', 'write_off')", 8).await;
    running.abort();
    venue.finish().await.expect("the truth is whole");
}
