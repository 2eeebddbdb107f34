//! A key and API secrets that would be known anywhere go through a live session, and are then looked for in everything that
//! it wrote, said and showed (RELIABILITY.md T4, I-13).

use std::{
    fs,
    path::Path,
    time::{Duration, Instant},
};

use alloy::{hex, primitives::U256};
use base64::{
    Engine as _,
    prelude::{BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD},
};
use remora::{
    clock,
    config::{Config, Overrides, Written},
    control::SENTENCE,
    feed,
    secret::Wallet,
    store::testing::TestDatabase,
    venue::polymarket::{
        Network,
        prepare::{Account, SignedBy},
        rest::Public,
    },
};

use crate::{
    engine::{Engine, Home, PATIENCE, remora},
    live,
    switches::say,
    tables,
};

const SECRET: &str = "7ca4a21e5f10c0ffeec0decafef00dd15ea5edbadc0dedeadbeefa11ce0b0b1e";
/// What people look at, and machines.
const PAGES: [&str; 17] = [
    "/",
    "/paper-trades",
    "/paper-trades.csv",
    "/paper-portfolio",
    "/skips",
    "/results",
    "/latency",
    "/signals/1",
    "/orders/1",
    "/readyz",
    "/metrics",
    "/api/v1/status",
    "/api/v1/trades",
    "/api/v1/portfolio",
    "/api/v1/latency",
    "/api/v1/skips",
    "/api/v1/results",
];
const WORDS: [&[&str]; 4] = [&["status", "--json"], &["config", "show"], &["key", "show"], &["key", "check"]];

/// A secret in one of the ways in which it could be written down.
struct Form {
    of: &'static str,
    bytes: Vec<u8>,
}

/// Returns the forms of a secret's bytes: raw, as digits and as text. Its halves count: nobody needs all of it to be alarmed.
fn forms(of: &'static str, secret: &[u8]) -> Vec<Form> {
    let (first, second) = secret.split_at(secret.len() / 2);
    let decimals = |separator: &str| secret[..8].iter().map(u8::to_string).collect::<Vec<_>>().join(separator);
    let mut forms: Vec<Vec<u8>> = vec![decimals(", ").into(), decimals(",").into(), decimals(" ").into()];
    for half in [first, second] {
        let backwards: Vec<u8> = half.iter().rev().copied().collect();
        forms.extend([half.to_vec(), backwards]);
        forms.extend([hex::encode(half).into_bytes(), hex::encode_upper(half).into_bytes()]);
    }
    for engine in [BASE64_STANDARD, BASE64_STANDARD_NO_PAD, BASE64_URL_SAFE, BASE64_URL_SAFE_NO_PAD] {
        forms.push(engine.encode(secret).into_bytes());
    }
    if secret.len() == 32 {
        forms.push(U256::from_be_slice(secret).to_string().into_bytes());
    }
    forms.into_iter().map(|bytes| Form { of, bytes }).collect()
}

/// Says in which of these texts one of the secrets is.
fn check(forms: &[Form], place: &str, text: &[u8]) {
    for Form { of, bytes } in forms {
        let found = memchr::memmem::find(text, bytes);
        assert_eq!(found, None, "the {of} is in {place}, as {:?}", String::from_utf8_lossy(bytes));
    }
}

/// Everything in a folder but sockets.
fn check_folder(forms: &[Form], folder: &Path) -> usize {
    let mut files = 0;
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let (path, kind) = (entry.path(), entry.file_type().expect("a kind"));
        if kind.is_dir() {
            files += check_folder(forms, &path);
        } else if kind.is_file() {
            check(forms, &path.display().to_string(), &fs::read(&path).expect("a file of ours"));
            files += 1;
        }
    }
    files
}

/// Returns all rows of all tables, as text.
async fn dump(pool: &sqlx::PgPool) -> String {
    let tables = "select table_name::text from information_schema.tables where table_schema = 'public'";
    let names: Vec<String> = sqlx::query_scalar(tables).fetch_all(pool).await.expect("names");
    let mut text = String::new();
    for name in names {
        let rows = sqlx::AssertSqlSafe(format!("select t::text from {name} t"));
        let rows: Vec<String> = sqlx::query_scalar(rows).fetch_all(pool).await.expect("rows");
        text.push_str(&rows.join("\n"));
    }
    text
}

fn turn_on(home: &Home, engine: &Engine) {
    let began = Instant::now();
    loop {
        let (code, said) = say(home, &["on", "--sentence", SENTENCE]);
        if code == Some(0) {
            break;
        }
        assert!(began.elapsed() < 2 * PATIENCE, "live cannot be turned on: {said}\n{}", engine.output());
        std::thread::sleep(Duration::from_secs(1));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_key_and_the_api_secrets_are_in_nothing_that_a_live_session_leaves_behind() {
    let (home, pool) = (Home::new(), TestDatabase::create().await);
    let venue = live::venue_for(&home, SECRET).await;
    // Any order will do, after whomever, however late it is on a busy machine. Live is not on before it is so old.
    let eager = "size_usdc = 5\ntrade_age_ms_max = 15000\nspread_buy_max = 1\nprice_guard_buy_percent = 50\n\
                 round_trips_max = 0\nmedian_factor_max = 0\ndepth_factor_buy_min = 0\ndepth_buy_percent_max = 100\n";
    let text = live::text(&home, &venue, "on", SECRET).replace("size_usdc = 5\n", eager);
    // Small files are searched sooner.
    let text = format!("{text}[journal]\nsegment_mib = 4\n");
    let config = home.write("config.toml", &text);
    let url = tables::url(&pool);
    let mut engine = Engine::run(&home, &config, &["--database-url", &url, "--log-level", "debug"]);
    engine.wait_until("an answer", |status| status["live"] == "shadow");
    turn_on(&home, &engine);
    // Signed, sent, and answered.
    live::until(&pool, "select count(*) from events where kind = 'signed'", 1).await;
    live::until(&pool, live::ANSWERED, 1).await;

    // What the venue knows us by: derived anew, it is the same.
    let pem = fs::read_to_string(home.path().join("ca.pem")).expect("the authority");
    feed::install_tls();
    feed::trust_also(&pem).expect("a certificate");
    let source = Written::Text { name: "test".into(), text };
    let overrides = Overrides { data: Some(home.data()), ..Overrides::default() };
    let settings = Config::load(&source, &overrides).unwrap_or_else(|problems| panic!("{problems}"));
    let wallet = Wallet::load(&settings.wallet).unwrap_or_else(|error| panic!("{error}"));
    let public = Public::new(&venue.clob_url, "");
    let api = public.derive(&wallet.key, Network::Polygon, clock::now()).await.expect("an API key");
    let passphrase = Form { of: "API passphrase", bytes: api.passphrase().as_bytes().to_vec() };
    let secret = BASE64_URL_SAFE.decode(api.secret.to_base64()).expect("base64");
    let key = hex::decode(SECRET).expect("hex");
    let mut all = forms("key", &key);
    all.extend(forms("API secret", &secret));
    all.push(passphrase);
    // The search finds what is there.
    let file = fs::read(home.path().join("key")).expect("the key's file");
    assert!(all.iter().any(|form| memchr::memmem::find(&file, &form.bytes).is_some()));

    for page in PAGES {
        let (code, body) = engine.get(page).unwrap_or_else(|| panic!("no answer: {page}"));
        assert!(code < 500, "{page}: {code}");
        check(&all, page, body.as_bytes());
    }
    let listen = format!("127.0.0.1:{}", engine.port);
    for words in WORDS {
        let more: &[&str] =
            if words[0] == "status" { &["--listen", &listen] } else { &["--config", &config.display().to_string()] };
        let said = remora().args(words).args(more).output().expect("the program starts");
        check(&all, &format!("remora {}", words.join(" ")), &[said.stdout, said.stderr].concat());
    }
    for name in ["environ", "cmdline"] {
        let path = format!("/proc/{}/{name}", engine.pid());
        check(&all, name, &fs::read(path).expect("a process of ours"));
    }
    let account = Account {
        key: wallet.key.clone(),
        signed_by: SignedBy::Owner,
        signature_type: wallet.signature_type,
        funder: wallet.funder,
        network: wallet.network,
        api,
        host: "localhost".to_owned(),
    };
    check(&all, "Debug", format!("{account:?} {wallet:?} {settings:?} {:?}", account.api.secret).as_bytes());

    let output = engine.stop();
    assert!(output.contains("DEBUG") || output.contains("INFO"), "{output}");
    check(&all, "the log", output.as_bytes());
    let dump = dump(&pool).await;
    assert!(dump.contains("maker_amount"), "the signed orders are in the dump");
    check(&all, "Postgres", dump.as_bytes());
    assert!(check_folder(&all, &home.data()) > 0);
    venue.finish().await.expect("the truth is whole");
}
