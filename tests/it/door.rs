//! Who may do what, at a running engine: forms of others, replays, logins, tokens, and the pages as a process of their own.

use std::{
    io::Write,
    net::IpAddr,
    process::{Output, Stdio},
    time::{Duration, Instant, SystemTime},
};

use remora::{
    control::SENTENCE,
    sim::server::{Options, Server},
    store::testing::TestDatabase,
};
use reqwest::{Client, RequestBuilder, Response, StatusCode, redirect::Policy};
use serde_json::{Value, json};

use crate::{
    engine::{Engine, Home, PATIENCE, remora, settings},
    switches::say,
    tables,
};

const PASSWORD: &str = "correct horse battery";
const FORM: &str = "application/x-www-form-urlencoded";

/// Asks from an address of this machine, follows nothing and keeps no cookie.
fn client(from: [u8; 4]) -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    let client = Client::builder().no_proxy().redirect(Policy::none()).local_address(IpAddr::from(from));
    client.timeout(Duration::from_secs(20)).build().expect("a client")
}

/// A running engine with a strategy, and somebody who asks.
struct Scene {
    home: Home,
    pool: sqlx::PgPool,
    venue: Server,
    engine: Engine,
    client: Client,
}

impl Scene {
    async fn new(more: &str) -> Scene {
        let venue = Server::start(Options { rate_percent: 0, ..Options::default() }).await.expect("a venue");
        let (home, pool) = (Home::new(), TestDatabase::create().await);
        let config = home.write("config.toml", &settings(&venue, more));
        let mut engine = Engine::run(&home, &config, &["--database-url", &tables::url(&pool)]);
        engine.wait_until("an answer", |status| status["portfolios"].as_array().is_some_and(|all| !all.is_empty()));
        Scene { home, pool, venue, engine, client: client([127, 0, 0, 1]) }
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.engine.port)
    }

    async fn get(&self, path: &str) -> (StatusCode, String) {
        read(self.client.get(self.url(path))).await
    }

    fn post(&self, path: &str, form: &[(&str, &str)]) -> RequestBuilder {
        let fields: Vec<String> =
            form.iter().map(|(name, value)| format!("{name}={}", value.replace(' ', "+"))).collect();
        self.client.post(self.url(path)).header("content-type", FORM).body(fields.join("&"))
    }

    /// Waits until so many words about this are in the tables.
    async fn audited(&self, what: &str, count: i64) {
        let query = format!("select count(*) from audit where what = '{what}'");
        let began = Instant::now();
        while tables::count(&self.pool, &query).await < count {
            assert!(began.elapsed() < PATIENCE, "never {count} of {what}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        assert_eq!(tables::count(&self.pool, &query).await, count, "{what}");
    }

    async fn end(self) {
        self.engine.stop();
        self.venue.stop().await;
    }
}

async fn sent(request: RequestBuilder) -> Response {
    request.send().await.expect("an answer")
}

async fn read(request: RequestBuilder) -> (StatusCode, String) {
    let answer = sent(request).await;
    (answer.status(), answer.text().await.expect("a body"))
}

/// Returns what a page's forms say with what they ask for.
fn field(page: &str, name: &str) -> String {
    let (_, rest) =
        page.split_once(&format!("name=\"{name}\" value=\"")).unwrap_or_else(|| panic!("no {name}: {page}"));
    rest.split('"').next().expect("a value").to_owned()
}

fn ms_from_now(ms: i64) -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("after 1970").as_millis() as i64;
    (now + ms) as u64
}

/// Runs a command that reads `input`.
fn typed(home: &Home, words: &[&str], input: &str) -> String {
    let mut child = remora()
        .args(words)
        .arg("--data")
        .arg(home.data())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    child.stdin.take().expect("piped").write_all(input.as_bytes()).expect("written");
    let Output { stdout, stderr, .. } = child.wait_with_output().expect("its end");
    String::from_utf8_lossy(&[stdout, stderr].concat()).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "one story, from the first word to the last")]
async fn what_other_pages_send_is_refused_and_closing_needs_no_login_here() {
    let scene = Scene::new("[live]\nswitch = \"shadow\"\n").await;
    let (code, page) = scene.get("/controls").await;
    assert_eq!(code, 200);
    assert!(
        page.contains("remora web password") && page.contains("Turn live OFF") && !page.contains(">Resume<"),
        "{page}"
    );
    let csrf = field(&page, "csrf");
    let host = format!("127.0.0.1:{}", scene.engine.port);
    let ours = format!("http://{host}");
    let stop = |csrf: &str| scene.post("/control", &[("csrf", csrf), ("do", "stop_entries")]);
    for (what, request, expected) in [
        ("a form of another site", stop(&csrf).header("sec-fetch-site", "cross-site").header("origin", &ours), 403),
        ("a neighbour's", stop(&csrf).header("sec-fetch-site", "same-site"), 403),
        (
            "a foreign origin",
            stop(&csrf).header("sec-fetch-site", "same-origin").header("origin", "http://evil.test"),
            403,
        ),
        ("a foreign origin of an old browser", stop(&csrf).header("origin", "http://evil.test"), 403),
        ("an origin that is hidden", stop(&csrf).header("origin", "null"), 403),
        ("a name that is not ours", stop(&csrf).header("host", "evil.test"), 421),
        ("a wrong proof", stop("0000").header("origin", &ours), 403),
        ("no proof", scene.post("/control", &[("do", "stop_entries")]).header("origin", &ours), 403),
        ("a wrong proof in a header", stop(&csrf).header("x-csrf-token", "0000"), 403),
        (
            "plain text",
            scene
                .client
                .post(scene.url("/control"))
                .header("content-type", "text/plain")
                .body(format!("csrf={csrf}&do=off")),
            403,
        ),
        ("not by asking", scene.client.get(scene.url("/control?do=stop_entries")), 405),
        ("nor of the API", scene.client.get(scene.url("/api/v1/control")), 405),
        ("another method", scene.client.put(scene.url("/api/v1/control")), 405),
        (
            "JSON without a proof",
            scene.client.post(scene.url("/api/v1/control")).json(&json!({"command": {"do": "stop_entries"}})),
            403,
        ),
        ("what opens", scene.post("/control", &[("csrf", &csrf), ("id", "1"), ("do", "shadow")]), 403),
        (
            "what opens, with all it needs",
            scene
                .post("/control", &[("csrf", &csrf), ("id", "2"), ("do", "on"), ("sentence", SENTENCE), ("seen", "1")]),
            403,
        ),
        ("nonsense", scene.post("/control", &[("csrf", &csrf), ("do", "fly")]), 400),
        ("too long", scene.post("/control", &[("csrf", &csrf), ("do", &"x".repeat(20_000))]), 413),
        ("a form for nothing", scene.post("/trades", &[("csrf", &csrf)]), 403),
    ] {
        let (code, body) = read(request).await;
        assert_eq!(code.as_u16(), expected, "{what}: {body}");
    }
    assert_eq!(tables::count(&scene.pool, "select count(*) from audit").await, 0, "nothing was said to the engine");

    let is_live = |status: &Value| status["live"].as_str().expect("a word").to_owned();
    assert_eq!(is_live(&scene.engine.status().expect("it runs")), "shadow");
    let off = scene
        .post("/control", &[("csrf", &csrf), ("do", "off")])
        .header("sec-fetch-site", "same-origin")
        .header("origin", &ours);
    let answer = sent(off).await;
    assert_eq!(answer.status(), 303);
    let place = answer.headers()["location"].to_str().expect("a place").to_owned();
    let (_, page) = scene.get(&place).await;
    assert!(page.contains("role=\"status\"") && page.contains("live is off: nothing leaves"), "{page}");
    assert_eq!(is_live(&scene.engine.status().expect("it runs")), "off");
    assert!(scene.home.data().join("KILL").exists());
    scene.audited("off", 1).await;

    // Who it was, the same in the tables, on the page and in the API; also what the terminal, a signal and the file said.
    assert_eq!(say(&scene.home, &["shadow"]).0, Some(0));
    scene.engine.signal("USR1");
    scene.audited("off", 2).await;
    assert_eq!(say(&scene.home, &["shadow"]).0, Some(0));
    let kill = scene.home.data().join("KILL");
    std::fs::remove_file(&kill).expect("it was there");
    let (code, said) = say(&scene.home, &["on", "--sentence", SENTENCE]);
    assert!(code == Some(1) && said.contains("at most"), "{said}");
    scene.audited("on", 1).await;
    let (_, body) = scene.get("/api/v1/audit").await;
    let rows: Value = serde_json::from_str(&body).expect("JSON");
    let line = |row: &Value| {
        let text = |name: &str| row[name].as_str().expect("a text").to_owned();
        (
            text("what"),
            text("who").split(' ').next().expect("a word").to_owned(),
            text("was"),
            text("became"),
            row["ok"] == true,
        )
    };
    let lines: Vec<_> = rows["audit"].as_array().expect("rows").iter().map(line).collect();
    let line =
        |what: &str, who: &str, was: &str, became: &str, ok| (what.into(), who.into(), was.into(), became.into(), ok);
    assert_eq!(lines[0], line("on", "cli", "shadow", "shadow", false));
    assert!(lines.contains(&line("off", "web", "shadow", "off", true)), "{lines:?}");
    assert!(lines.contains(&line("off", "signal", "shadow", "off", true)), "{lines:?}");
    let (_, page) = scene.get("/audit").await;
    assert!(page.contains("web 127.0.0.1") && page.contains("signal USR1"), "{page}");
    scene.end().await;
}

/// Binds: five tries of the password in a row from one address.
#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "one story, from the first word to the last")]
async fn a_login_opens_what_needs_one_and_ends() {
    let mut scene = Scene::new("").await;
    let status = scene.engine.status().expect("it runs");
    let strategy = status["portfolios"][0]["name"].as_str().expect("a name").to_owned();
    assert!(typed(&scene.home, &["web", "password", "--from-stdin"], "short\n").contains("at least 10"));
    assert!(typed(&scene.home, &["web", "password", "--from-stdin"], &format!("{PASSWORD}\n")).contains("from now on"));

    // It holds at once, for all but what everybody may have.
    for (path, expected) in [
        ("/", 303),
        ("/controls", 303),
        ("/api/v1/status", 401),
        ("/api/v1/audit", 401),
        ("/events", 401),
        ("/healthz", 200),
        ("/readyz", 200),
        ("/metrics", 200),
        ("/assets/remora.css", 200),
        ("/login", 200),
    ] {
        assert_eq!(scene.get(path).await.0.as_u16(), expected, "{path}");
    }
    let (code, said) = say(&scene.home, &["status", "--listen", &format!("127.0.0.1:{}", scene.engine.port)]);
    assert!(code == Some(0) && said.contains("engine"), "{said}");
    let (_, page) = scene.get("/login?next=/controls").await;
    let csrf = field(&page, "csrf");
    assert_eq!(read(scene.post("/control", &[("csrf", &csrf), ("do", "off")])).await.0, 303, "the login comes first");
    assert_eq!(tables::count(&scene.pool, "select count(*) from audit").await, 0);

    let try_it = |scene: &Scene, password: &str| {
        scene.post("/login", &[("csrf", &csrf), ("next", "/controls"), ("password", password)])
    };
    for _ in 0..5 {
        let (code, page) = read(try_it(&scene, "wrong horse")).await;
        assert!(code == 401 && page.contains("This is not the password"), "{code}");
    }
    let (code, page) = read(try_it(&scene, PASSWORD)).await;
    assert!(code == 429 && page.contains("Too many tries"), "{code}");
    // No header makes it another address; another address does.
    assert_eq!(read(try_it(&scene, PASSWORD).header("x-forwarded-for", "192.0.2.1")).await.0, 429);
    scene.client = client([127, 0, 0, 2]);
    let answer = sent(try_it(&scene, PASSWORD)).await;
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["location"]),
        (303, &"/controls".parse().expect("a place"))
    );
    let cookie = answer.headers()["set-cookie"].to_str().expect("a cookie").to_owned();
    for part in ["; HttpOnly", "; SameSite=Strict", "; Path=/", "; Max-Age=43200"] {
        assert!(cookie.contains(part), "{cookie}");
    }
    let cookie = cookie.split(';').next().expect("a pair").to_owned();

    let with = |request: RequestBuilder| request.header("cookie", &cookie);
    let (code, page) = read(with(scene.client.get(scene.url("/controls")))).await;
    assert!(code == 200 && page.contains(">Resume<") && page.contains("Log out"), "{page}");
    let (own, id) = (field(&page, "csrf"), "an id of this form");
    assert_ne!(own, csrf);
    let pause =
        |proof: &str| with(scene.post("/control", &[("csrf", proof), ("strategy", &strategy), ("do", "pause")]));
    assert_eq!(read(pause(&csrf)).await.0, 403, "the proof of before the login is another's");
    assert_eq!(read(pause(&own)).await.0, 303);
    let resume =
        || with(scene.post("/control", &[("csrf", &own), ("id", id), ("strategy", &strategy), ("do", "resume")]));
    for _ in 0..20 {
        assert_eq!(read(resume()).await.0, 303);
    }
    scene.audited("pause", 1).await;
    scene.audited("resume", 1).await;

    // The way out, and another password.
    let log_in = async |password: &str| {
        let answer = sent(try_it(&scene, password)).await;
        assert_eq!(answer.status(), 303);
        answer.headers()["set-cookie"].to_str().expect("a cookie").split(';').next().expect("a pair").to_owned()
    };
    let second = log_in(PASSWORD).await;
    let is_in =
        async |cookie: &str| sent(scene.client.get(scene.url("/")).header("cookie", cookie)).await.status() == 200;
    assert!(is_in(&cookie).await && is_in(&second).await);
    assert_eq!(read(with(scene.post("/logout", &[("csrf", &own)]))).await.0, 303);
    assert!(!is_in(&cookie).await && is_in(&second).await);
    assert!(!is_in("remora_session=0000").await);
    typed(&scene.home, &["web", "password", "--from-stdin"], "another horse battery\n");
    assert!(!is_in(&second).await, "another password ends every login");
    let file = std::fs::read_to_string(scene.home.data().join("web-password")).expect("a file");
    assert!(file.starts_with("$argon2id$"), "{file}");
    let output = scene.engine.output();
    assert!(!output.contains("horse") && !output.contains(&cookie[15..]), "no secret in a log");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[allow(clippy::too_many_lines, reason = "one story, from the first word to the last")]
async fn a_token_does_what_its_scope_says_once_and_in_time() {
    let scene = Scene::new("").await;
    let status = scene.engine.status().expect("it runs");
    let strategy = status["portfolios"][0]["name"].as_str().expect("a name").to_owned();
    typed(&scene.home, &["web", "password", "--from-stdin"], &format!("{PASSWORD}\n"));
    let make = |name: &str, scope: &str| {
        let (code, said) = say(&scene.home, &["token", "create", name, "--scope", scope]);
        assert_eq!(code, Some(0), "{said}");
        said.lines().next().expect("a token").to_owned()
    };
    let (reads, turns) = (make("eyes", "read"), make("hand", "control"));
    assert_eq!(say(&scene.home, &["token", "create", "eyes", "--scope", "read"]).0, Some(2), "one of a name");
    let get = async |token: &str| {
        sent(scene.client.get(scene.url("/api/v1/status")).bearer_auth(token)).await.status().as_u16()
    };
    assert_eq!((get(&reads).await, get(&turns).await, get("remora_00").await), (200, 200, 401));
    let post =
        |token: &str, body: Value| scene.client.post(scene.url("/api/v1/control")).bearer_auth(token).json(&body);
    let ask = async |token: &str, body: Value| {
        let (code, body) = read(post(token, body)).await;
        (code.as_u16(), serde_json::from_str::<Value>(&body).unwrap_or_default())
    };
    let pause = json!({"command": {"do": "pause", "strategy": strategy}});
    let resume = |id: &str, ms: i64| json!({"command": {"do": "resume", "strategy": strategy}, "id": id, "until_ms": ms_from_now(ms)});
    assert_eq!(ask(&reads, pause.clone()).await.0, 403);
    assert_eq!(ask(&reads, json!({"command": {"do": "off"}})).await.0, 403);
    assert_eq!(ask(&turns, json!({"command": {"do": "fly"}})).await.0, 400);
    assert_eq!(ask(&turns, json!({"command": {"do": "resume", "strategy": strategy}})).await.0, 400, "no id");
    let (code, answer) = ask(&turns, pause).await;
    assert!(code == 200 && answer["ok"] == true, "{answer}");

    // What may have been said before the engine began is refused.
    let reset = json!({"command": {"do": "reset_breakers", "strategy": strategy}, "id": "early", "until_ms": ms_from_now(1_000)});
    let (code, answer) = ask(&turns, reset).await;
    assert!(
        code == 409 && answer["said"].as_str().is_some_and(|said| said.contains("before the engine began")),
        "{answer}"
    );
    tokio::time::sleep(Duration::from_secs(3)).await;
    // A hundred times at once, one effect.
    let hundred = (0..100).map(|_| ask(&turns, resume("once", 29_000)));
    let answers = futures_util::future::join_all(hundred).await;
    assert!(answers.iter().all(|(code, answer)| *code == 200 && answer["said"] == answers[0].1["said"]), "{answers:?}");
    scene.audited("pause", 1).await;
    scene.audited("resume", 1).await;
    let unpaused = "select count(*) from events where kind = 'unpaused'";
    let portfolios = "select count(distinct body->'Unpaused'->>'portfolio') from events where kind = 'unpaused'";
    assert_eq!(tables::count(&scene.pool, unpaused).await, tables::count(&scene.pool, portfolios).await);

    // Binds: a command holds for 30 seconds at most.
    for (what, body) in [
        ("too late", resume("late", -1_000)),
        ("for too long", resume("long", 60_000)),
        (
            "another's id",
            json!({"command": {"do": "reset_breakers", "strategy": strategy}, "id": "once", "until_ms": ms_from_now(29_000)}),
        ),
    ] {
        let (code, answer) = ask(&turns, body).await;
        assert!(code == 409 && answer["ok"] == false, "{what}: {answer}");
    }
    scene.audited("resume", 3).await;

    // On needs the sentence, what was seen, and green lights; each no is noted, and with whose token.
    let (_, body) = read(scene.client.get(scene.url("/api/v1/controls")).bearer_auth(&reads)).await;
    let controls: Value = serde_json::from_str(&body).expect("JSON");
    let seen = controls["switches"]["seen"].as_str().expect("a word");
    assert!(!controls["outlook"]["red"].as_array().expect("a list").is_empty(), "{controls}");
    let on = |id: &str, sentence: &str, seen: &str| json!({"command": {"do": "on", "sentence": sentence, "seen": seen}, "id": id, "until_ms": ms_from_now(29_000)});
    for (body, said) in [
        (on("a", "yes", seen), "not the sentence"),
        (on("b", SENTENCE, "x"), "something changed"),
        (on("c", SENTENCE, seen), "not everything is green"),
    ] {
        let (code, answer) = ask(&turns, body).await;
        assert!(code == 409 && answer["said"].as_str().is_some_and(|text| text.contains(said)), "{answer}");
    }
    scene.audited("on", 3).await;
    assert_eq!(
        tables::count(&scene.pool, "select count(*) from audit where what = 'on' and who = 'token hand' and not ok")
            .await,
        3
    );

    assert_eq!(say(&scene.home, &["token", "revoke", "hand"]).0, Some(0));
    assert_eq!(ask(&turns, on("d", SENTENCE, seen)).await.0, 401, "refused at once");
    assert_eq!(get(&reads).await, 200);
    let file = std::fs::read_to_string(scene.home.data().join("web-tokens.json")).expect("a file");
    assert!(file.contains("eyes") && !file.contains(&reads[7..]), "{file}");
    scene.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_run_as_a_process_of_their_own_and_outlive_the_engine() {
    let venue = Server::start(Options { rate_percent: 300, ..Options::default() }).await.expect("a venue");
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let more = "[live]\nswitch = \"shadow\"\n\n[web]\ninside = false\n";
    let config = home.write("config.toml", &settings(&venue, more));
    let (config, url) = (config.display().to_string(), tables::url(&pool));
    let line = |word: &'static str| [word, "--config", &config, "--database-url", &url].map(str::to_owned);
    let start = |word: &'static str| Engine::start(&home, &line(word).each_ref().map(String::as_str));
    // The pages first: they wait for an engine.
    let mut pages = start("web");
    pages.wait_until("no engine", |status| status["health"]["level"] == "failed");
    let engine = start("run");
    let status = pages.wait_until("signals", |status| {
        let counts = [&status["engine"]["signals"], &status["store"]["tables"]["signal_last"]];
        counts.iter().all(|count| count.as_u64() > Some(0))
    });
    assert!(engine.get("/healthz").is_none(), "the engine serves no pages");
    assert!(status["feeds"].as_array().is_some_and(|feeds| feeds.len() > 1) && status["live"] == "shadow", "{status}");
    let is_shown = |metrics: &str| {
        let decided = metrics.lines().find(|line| line.starts_with("remora_stage_seconds_count{stage=\"decide\"}"));
        decided.is_some_and(|line| !line.ends_with(" 0"))
    };
    let began = Instant::now();
    // The stages come with a later picture than the counts, where the machine is busy.
    while !pages.get("/metrics").is_some_and(|(_, metrics)| is_shown(&metrics)) {
        assert!(began.elapsed() < PATIENCE, "no decision was timed");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }

    // What is pressed there arrives here.
    let client = client([127, 0, 0, 1]);
    let port = pages.port;
    let place = |path: &str| format!("http://127.0.0.1:{port}{path}");
    let (_, page) = read(client.get(place("/controls"))).await;
    let csrf = field(&page, "csrf");
    let body = format!("csrf={csrf}&do=off");
    let answer = read(client.post(place("/control")).header("content-type", FORM).body(body.clone())).await;
    assert_eq!(answer.0, 303);
    pages.wait_until("off", |status| status["live"] == "off");

    // The engine goes: pages say so, and how old they are; off works by the file.
    engine.stop();
    let kill = home.data().join("KILL");
    std::fs::remove_file(&kill).expect("it was there");
    pages.wait_until("the engine is gone", |status| status["health"]["level"] == "failed");
    let (code, page) = pages.get("/").expect("a page");
    assert!(code == 200 && page.contains("said nothing for"), "{code}");
    for path in
        ["/paper-trades", "/paper-portfolio", "/controls", "/audit", "/latency", "/leaders", "/skips", "/results"]
    {
        assert_eq!(pages.get(path).expect("a page").0, 200, "{path}");
    }
    let answer = sent(client.post(place("/control")).header("content-type", FORM).body(body)).await;
    let shown = answer.headers()["location"].to_str().expect("a place").to_owned();
    let (_, page) = read(client.get(place(&shown))).await;
    assert!(page.contains("The file KILL is made") && kill.exists(), "{page}");

    // And comes back.
    let engine = start("run");
    let back = pages
        .wait_until("the engine is back", |status| status["health"]["level"] != "failed" && status["live"] == "off");
    assert!(back["engine"]["started_at"] != status["engine"]["started_at"]);
    let found = "select count(*) from audit where who = 'file KILL' and said like 'it was there at the start%'";
    let began = Instant::now();
    while tables::count(&pool, found).await == 0 {
        assert!(began.elapsed() < PATIENCE, "the file is not in the audit");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    engine.stop();
    pages.stop();
    venue.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn other_machines_are_served_only_with_a_password() {
    let venue = Server::start(Options { rate_percent: 0, ..Options::default() }).await.expect("a venue");
    let home = Home::new();
    let config = home.write("config.toml", &settings(&venue, "[web]\nlisten_beyond_this_machine = true\n"));
    let config = config.display().to_string();
    let mut start = remora();
    start.args(["web", "--config", &config, "--listen", "0.0.0.0:0", "--data"]).arg(home.data());
    let ended = tokio::task::spawn_blocking(move || start.output()).await.expect("no panic");
    let Output { status, stderr, .. } = ended.expect("it starts");
    let said = String::from_utf8_lossy(&stderr).into_owned();
    assert_eq!(status.code(), Some(1), "{said}");
    assert!(said.contains("they have no password") && said.contains("remora web password"), "{said}");
    venue.stop().await;
}
