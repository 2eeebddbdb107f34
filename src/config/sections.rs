//! The settings of the program itself, section by section.

use std::{path::PathBuf, time::Duration};

use alloy::primitives::Address;

use super::{
    CeilingsConfig, ChainConfig, DataConfig, FeedConfig, HotConfig, JournalConfig, KeyPlace, LiveConfig, LogConfig,
    LogFormat, LogLevel, PaperConfig, ReconcileConfig, ReplayConfig, SignalsConfig, StoreConfig, ValuesConfig, Wait,
    WalletConfig, WebConfig, reader::Reader, section::Section, values::duration,
};
use crate::domain::{FeeSchedule, LiveSwitch, Market, Shares, Tick};
use crate::venue::polymarket::{Network, SignatureType};

pub fn data(reader: &mut Reader<'_>) -> DataConfig {
    const ALLOWED: &str = "a folder, or \"\"";
    let mut section = reader.section("data");
    let written = section.text("dir", ALLOWED, "\"/var/lib/remora\"", |_| Ok(()));
    let dir = match written.as_str() {
        "" => folder_of_this_user(),
        written => Some(PathBuf::from(written)),
    };
    if dir.is_none() {
        let fix = "say where: data.dir = \"/some/folder\", or --data /some/folder";
        section.conflict("dir", "is empty, and this user has no home folder", ALLOWED, fix);
    }
    section.finish();
    DataConfig { dir: dir.unwrap_or_default() }
}

/// Returns the data folder of the user who runs this; `None` for a user without a home.
fn folder_of_this_user() -> Option<PathBuf> {
    use std::os::unix::fs::MetadataExt;
    let is_root = std::fs::metadata("/proc/self").is_ok_and(|process| process.uid() == 0);
    match is_root {
        true => Some(PathBuf::from("/var/lib/remora")),
        false => std::env::home_dir().filter(|home| home.is_absolute()).map(|home| home.join(".local/share/remora")),
    }
}

pub fn paper(reader: &mut Reader<'_>) -> PaperConfig {
    let mut section = reader.section("paper");
    let paper = PaperConfig {
        enabled: section.switch("enabled"),
        fill_delay: section.millis("fill_delay_ms", 0, 60_000),
        depth_memory: section.seconds("depth_memory_s", 0, 3_600),
    };
    section.finish();
    paper
}

pub fn live(reader: &mut Reader<'_>) -> LiveConfig {
    let mut section = reader.section("live");
    let choices = [("off", LiveSwitch::Off), ("shadow", LiveSwitch::Shadow), ("on", LiveSwitch::On)];
    let live = LiveConfig { switch: section.choice("switch", &choices) };
    section.finish();
    live
}

pub fn ceilings(reader: &mut Reader<'_>) -> CeilingsConfig {
    let mut section = reader.section("ceilings");
    let ceilings = CeilingsConfig {
        orders_per_second_max: section.whole("orders_per_second_max", 0, 1_000),
        usdc_per_minute_max: section.usdc("usdc_per_minute_max", 0, 100_000_000),
        usdc_per_order_max: section.usdc("usdc_per_order_max", 0, 100_000_000),
    };
    section.finish();
    ceilings
}

/// `live`: with "on" there must be something to sign with.
pub fn wallet(reader: &mut Reader<'_>, live: &LiveConfig) -> WalletConfig {
    const PLACE: &str = "\"\", \"credential:NAME\", \"file:/PATH\" or \"keystore:/PATH\"";
    const PASSWORD: &str = "\"\", \"credential:NAME\" or \"file:/PATH\"";
    const ADDRESS: &str = "0x and 40 hex digits, or \"\"";
    let mut section = reader.section("wallet");
    let is_wrong = std::cell::Cell::new(false);
    let key = section.text("key", PLACE, "\"credential:remora-key\"", |text| {
        secret_place(text).map(drop).inspect_err(|_| is_wrong.set(true))
    });
    let password = section.text("keystore_password", PASSWORD, "\"credential:remora-password\"", |text| {
        match secret_place(text)? {
            Some(KeyPlace::Keystore(_)) => Err("a keystore's password is not in a keystore".to_owned()),
            Some(KeyPlace::Credential(_) | KeyPlace::File(_)) | None => Ok(()),
        }
    });
    let funder = section.text("funder", ADDRESS, "\"0x0123456789abcdef0123456789abcdef01234567\"", |text| {
        if text.is_empty() || text.parse::<Address>().is_ok() { Ok(()) } else { Err(format!("{text:?} is no address")) }
    });
    let signature_type = section.choice(
        "signature_type",
        &[
            ("eoa", SignatureType::Eoa),
            ("proxy", SignatureType::Proxy),
            ("safe", SignatureType::Safe),
            ("deposit_wallet", SignatureType::DepositWallet),
        ],
    );
    let wallet = WalletConfig {
        key: secret_place(&key).ok().flatten(),
        password: secret_place(&password).ok().flatten(),
        signature_type,
        funder: funder.parse().ok(),
        session_key: section.switch("session_key"),
        network: section.choice("network", &[("polygon", Network::Polygon), ("amoy", Network::Amoy)]),
    };
    // A text that says no place was reported already.
    if live.switch == LiveSwitch::On && key.is_empty() && !is_wrong.get() {
        let fix =
            "say where the key is (`remora key import` writes its file), or live.switch = \"shadow\", which needs none";
        section.conflict("key", "is empty, and live.switch is \"on\": nothing could be signed", PLACE, fix);
    }
    if wallet.session_key && (signature_type != SignatureType::DepositWallet || wallet.funder.is_none()) {
        let fix = "signature_type = \"deposit_wallet\" and funder = the deposit wallet's address";
        section.conflict("session_key", "is true without a deposit wallet that it is of", "true or false", fix);
    }
    if matches!(wallet.key, Some(KeyPlace::Keystore(_))) && wallet.password.is_none() {
        let fix = "keystore_password = \"credential:NAME\" or \"file:/PATH\"";
        section.conflict("keystore_password", "is empty, and the key is in a keystore", PASSWORD, fix);
    }
    section.finish();
    wallet
}

/// Returns where a secret is, as a text says it; `None` for an empty one.
pub fn secret_place(text: &str) -> Result<Option<KeyPlace>, String> {
    let place = match text.split_once(':') {
        _ if text.is_empty() => return Ok(None),
        Some(("credential", name)) if !name.is_empty() && !name.contains('/') => KeyPlace::Credential(name.to_owned()),
        Some(("file", path)) if path.starts_with('/') => KeyPlace::File(path.into()),
        Some(("keystore", path)) if path.starts_with('/') => KeyPlace::Keystore(path.into()),
        // What was written may be the key itself, so it is not repeated.
        _ => return Err("does not say where the secret is; the secret itself does not belong here".to_owned()),
    };
    Ok(Some(place))
}

pub fn chain(reader: &mut Reader<'_>) -> ChainConfig {
    const PLACE: &str = "\"\", \"credential:NAME\" or \"file:/PATH\"";
    let mut section = reader.section("chain");
    let rpc_url = section.keyed_url_or_none("rpc_url", "https", "http", "\"https://polygon-rpc.com\"");
    let relayer_url = section.url("relayer_url", "https", "http", "\"https://relayer-v2.polymarket.com\"");
    let key = section.text("relayer_key", PLACE, "\"credential:remora-relayer\"", |text| match secret_place(text)? {
        Some(KeyPlace::Keystore(_)) => Err("the relayer's key is not in a keystore".to_owned()),
        Some(KeyPlace::Credential(_) | KeyPlace::File(_)) | None => Ok(()),
    });
    section.finish();
    ChainConfig { rpc_url, relayer_url, relayer_key: secret_place(&key).ok().flatten() }
}

/// Returns the address with stars for everything behind the host.
pub fn without_path(url: &str) -> String {
    let Ok(url) = reqwest::Url::parse(url) else { return String::new() };
    let host = url.host_str().unwrap_or_default();
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let rest = if url.path() == "/" && url.query().is_none() { "" } else { "/***" };
    format!("{}://{host}{port}{rest}", url.scheme())
}

pub fn reconcile(reader: &mut Reader<'_>) -> ReconcileConfig {
    let mut section = reader.section("reconcile");
    let reconcile = ReconcileConfig {
        every: section.seconds("every_s", 5, 3_600),
        patience: section.seconds("patience_s", 5, 3_600),
    };
    section.finish();
    reconcile
}

pub fn feed(reader: &mut Reader<'_>) -> FeedConfig {
    let mut section = reader.section("feed");
    let authority = section.text("authority_file", "\"\", or the absolute path of a PEM file", "\"\"", |text| {
        if text.is_empty() || text.starts_with('/') { Ok(()) } else { Err(format!("{text:?} is no absolute path")) }
    });
    let feed = FeedConfig {
        market_url: section.url("market_url", "wss", "ws", "\"wss://ws-subscriptions-clob.polymarket.com/ws/market\""),
        activity_url: section.url("activity_url", "wss", "ws", "\"wss://ws-live-data.polymarket.com\""),
        user_url: section.url("user_url", "wss", "ws", "\"wss://ws-subscriptions-clob.polymarket.com/ws/user\""),
        clob_url: section.url("clob_url", "https", "http", "\"https://clob.polymarket.com\""),
        gamma_url: section.url("gamma_url", "https", "http", "\"https://gamma-api.polymarket.com\""),
        data_url: section.url_or_none("data_url", "https", "http", "\"https://data-api.polymarket.com\""),
        authority_file: Some(authority).filter(|path| !path.is_empty()).map(PathBuf::from),
        metadata_wait: section.millis("metadata_wait_ms", 0, 60_000),
        silence_max: duration(section.seconds("silence_s_max", 5, 3_600)),
        tokens_per_socket_max: section.whole("tokens_per_socket_max", 1, 500) as usize,
    };
    section.finish();
    feed
}

pub fn signals(reader: &mut Reader<'_>) -> SignalsConfig {
    let mut section = reader.section("signals");
    let signals = SignalsConfig { group_window: section.millis("group_window_ms", 0, 60_000) };
    section.finish();
    signals
}

pub fn journal(reader: &mut Reader<'_>) -> JournalConfig {
    let mut section = reader.section("journal");
    let journal = JournalConfig {
        segment_bytes: u64::from(section.whole("segment_mib", 4, 4_096)) << 20,
        sync_interval: duration(section.millis("sync_interval_ms", 1, 10_000)),
    };
    section.finish();
    journal
}

pub fn store(reader: &mut Reader<'_>) -> StoreConfig {
    let mut section = reader.section("store");
    let database_url = database_url(&mut section);
    let store = StoreConfig {
        database_url,
        batch_records_max: section.whole("batch_records_max", 1, 100_000) as usize,
        batch_wait: duration(section.millis("batch_wait_ms", 1, 10_000)),
    };
    section.finish();
    store
}

fn database_url(section: &mut Section<'_, '_>) -> Option<String> {
    let example = "\"postgres://remora@localhost/remora\"";
    let url = section.text("database_url", "a postgres:// address, or \"\"", example, |text| {
        // What is wrong is said without the text, which may hold a password.
        match text.split_once("://") {
            None if text.is_empty() => Ok(()),
            Some(("postgres" | "postgresql", _)) => {
                reqwest::Url::parse(text).map(drop).map_err(|wrong| format!("is not an address: {wrong}"))
            }
            _ => Err("does not begin with postgres://".to_owned()),
        }
    });
    section.hide_last(&without_password(&url));
    (!url.is_empty()).then_some(url)
}

/// Returns the address with stars for its password and its options.
pub fn without_password(url: &str) -> String {
    let Ok(mut shown) = reqwest::Url::parse(url) else { return String::new() };
    if shown.password().is_some() && shown.set_password(Some("***")).is_err() {
        return String::new();
    }
    if shown.query().is_some() {
        shown.set_query(Some("***"));
    }
    shown.to_string()
}

pub fn web(reader: &mut Reader<'_>) -> WebConfig {
    const HOSTS: &str = "a list of host names or addresses, without a port";
    let mut section = reader.section("web");
    let inside = section.switch("inside");
    let listen = section.socket_address("listen");
    let beyond = section.switch("listen_beyond_this_machine");
    if !listen.ip().is_loopback() && !beyond {
        let wrong = format!("{listen} can be reached from other machines");
        let allowed = "127.0.0.1 or [::1], and a port; others with listen_beyond_this_machine = true";
        section.conflict("listen", &wrong, allowed, "listen on 127.0.0.1 and reach it by `ssh -L 8080:127.0.0.1:8080`");
    }
    let hosts = section.list("hosts", 0, HOSTS, "[\"remora.example.org\"]", |host| {
        let unbracketed =
            host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).filter(|rest| rest.contains(':'));
        if unbracketed.is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok()) {
            return Ok(());
        }
        let plain = host.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c));
        if plain && !host.is_empty() { Ok(()) } else { Err(format!("{host:?} is not a host name")) }
    });
    let database_url = database_url(&mut section);
    section.finish();
    WebConfig { inside, listen, hosts, database_url }
}

pub fn hot(reader: &mut Reader<'_>) -> HotConfig {
    let mut section = reader.section("hot");
    let wait = section.choice("wait", &[("park", Wait::Park), ("spin", Wait::Spin)]);
    let hot = HotConfig { wait, core: section.core("core") };
    section.finish();
    hot
}

pub fn log(reader: &mut Reader<'_>) -> LogConfig {
    let mut section = reader.section("log");
    let log = LogConfig {
        format: section.choice("format", &[("pretty", LogFormat::Pretty), ("json", LogFormat::Json)]),
        level: section.choice("level", &LogLevel::ALL.map(|level| (level.code(), level))),
    };
    section.finish();
    log
}

pub fn values(reader: &mut Reader<'_>) -> ValuesConfig {
    let mut section = reader.section("values");
    let every: Duration = duration(section.seconds("every_s", 1, 86_400));
    section.finish();
    ValuesConfig { every }
}

pub fn replay(reader: &mut Reader<'_>) -> ReplayConfig {
    let mut section = reader.section("replay");
    let tick = section.micros_of("tick", &Tick::KNOWN.map(Tick::micros));
    let market = Market {
        tick: Tick::from_micros(tick).expect("one of the known ticks"),
        minimum: Shares(section.usdc("minimum_shares", 0, 1_000_000).0 as u64),
        fees: FeeSchedule { rate_ppm: section.percent("fee_rate_percent", 0, 100) },
        ..Market::COMMON
    };
    section.finish();
    ReplayConfig { market }
}
