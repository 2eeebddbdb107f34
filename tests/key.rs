//! `remora key` as people use it, against a venue; and that nothing it says holds a secret.

use std::{
    fs,
    io::Write,
    os::unix::fs::PermissionsExt,
    path::Path,
    process::{Command, Output, Stdio},
};

use remora::{
    domain::Usdc,
    sim::server::{Funded, Limits, Options, PrivateSettings, Server},
    venue::polymarket::Key,
};
use serde_json::Value;

/// Of nobody; not one of those that are given away, so that a find is ours.
const SECRET: &str = "c0ffee254729296a45a3885639ac7e10f9d54979a5d3c0ffee1d5b6c7f8a9b0c";

fn remora(arguments: &[&str], input: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_remora"));
    for name in ["REMORA_CONFIG", "REMORA_DATA_DIR", "REMORA_LISTEN", "REMORA_LOG_LEVEL", "DATABASE_URL"] {
        command.env_remove(name);
    }
    command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the program starts");
    child.stdin.take().expect("a pipe").write_all(input.as_bytes()).expect("it listens");
    let output = child.wait_with_output().expect("it ends");
    without_secrets(&output);
    output
}

/// The key, its halves, backwards and in capitals.
fn without_secrets(output: &Output) {
    let text = [output.stdout.as_slice(), &output.stderr].concat();
    let text = String::from_utf8_lossy(&text).to_lowercase();
    let reversed: String = SECRET.chars().rev().collect();
    for canary in [&SECRET[..32], &SECRET[32..], &reversed[..32], &reversed[32..]] {
        assert!(!text.contains(canary), "{text}");
    }
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&[output.stdout.as_slice(), &output.stderr].concat()).into_owned()
}

fn settings(folder: &Path, venue: &str, key: &Path, more: &str) -> String {
    let path = folder.join("my.toml");
    let text = format!(
        "[live]\nswitch = \"on\"\n[wallet]\nkey = \"file:{}\"\nsignature_type = \"safe\"\n{more}\n[feed]\nclob_url = \"{venue}\"\n",
        key.display()
    );
    fs::write(&path, text).expect("written");
    path.display().to_string()
}

#[test]
fn a_key_is_imported_once_and_for_this_user_only() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("key");
    let to = path.to_str().expect("a path");
    let first = remora(&["key", "import", "--to", to], &format!("0x{SECRET}\n"));
    assert_eq!(first.status.code(), Some(0), "{}", said(&first));
    assert!(said(&first).contains(&format!("key = \"file:{to}\"")), "{}", said(&first));
    assert_eq!(fs::metadata(&path).expect("a file").permissions().mode() & 0o777, 0o600);
    let again = remora(&["key", "import", "--to", to], SECRET);
    assert_eq!(again.status.code(), Some(1));
    assert!(said(&again).contains("never written over"), "{}", said(&again));
    assert_eq!(fs::read_to_string(&path).expect("it is still there").trim(), SECRET);
    let other = folder.path().join("other");
    for wrong in ["", &SECRET[1..], &"0".repeat(64), &"f".repeat(64)] {
        let refused = remora(&["key", "import", "--to", other.to_str().expect("a path")], wrong);
        assert_eq!((refused.status.code(), other.exists()), (Some(1), false), "{wrong:?}");
    }

    // A keystore opens with its password, and shows the same signer.
    let (store, password) = (folder.path().join("store"), folder.path().join("password"));
    fs::write(&password, "correct horse\n").expect("written");
    fs::set_permissions(&password, fs::Permissions::from_mode(0o400)).expect("ours");
    let (store, password) = (store.to_str().expect("a path"), password.to_str().expect("a path"));
    let sealed = remora(
        &["key", "import", "--to", store, "--keystore", "--password-file", password, "--from", to, "--json"],
        "",
    );
    assert_eq!(sealed.status.code(), Some(0), "{}", said(&sealed));
    let text = fs::read_to_string(store).expect("a keystore");
    assert!(text.contains("aes-128-ctr") && !text.contains(SECRET), "{text}");
    let config = folder.path().join("store.toml");
    let wallet = format!("[wallet]\nkey = \"keystore:{store}\"\nkeystore_password = \"file:{password}\"\n");
    fs::write(&config, wallet).expect("written");
    let shown = remora(&["key", "show", "--config", config.to_str().expect("a path"), "--json"], "");
    let shown: Value = serde_json::from_slice(&shown.stdout).expect("JSON");
    let key: Key = SECRET.parse().expect("a key");
    assert_eq!(shown["signer"], key.address().to_string().to_lowercase());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_is_tried_at_the_venue() {
    remora::feed::install_tls();
    let accounts = vec![Funded { key: SECRET.parse().expect("a key"), money: Usdc::whole(750) }];
    let private = PrivateSettings { accounts, limits: Limits::NONE };
    let venue = Server::start(Options { rate_percent: 0, private, ..Options::default() }).await.expect("free ports");
    let folder = tempfile::tempdir().expect("a folder");
    let key = folder.path().join("key");
    fs::write(&key, SECRET).expect("written");
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("ours");
    let config = settings(folder.path(), &venue.clob_url, &key, "");

    let derived = remora(&["key", "derive-api", "--config", &config], "");
    assert_eq!(derived.status.code(), Some(0), "{}", said(&derived));
    assert!(said(&derived).starts_with("API key "), "{}", said(&derived));
    let shown = said(&remora(&["key", "show", "--funds", "--config", &config], ""));
    assert_eq!(shown.matches("750.00").count(), 4, "{shown}");
    let checked = remora(&["key", "check", "--config", &config], "");
    let text = said(&checked);
    assert_eq!(checked.status.code(), Some(0), "{text}");
    for name in ["signing", "clock", "place", "credentials", "account", "funds"] {
        assert!(text.contains(name), "{name}\n{text}");
    }

    // Others may read it: nothing goes on, and it is said how to mend it.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o644)).expect("ours");
    let open = remora(&["key", "check", "--config", &config], "");
    assert_eq!(open.status.code(), Some(1));
    assert!(said(&open).contains("chmod 0400"), "{}", said(&open));
    // A wallet that is not this key's.
    fs::set_permissions(&key, fs::Permissions::from_mode(0o400)).expect("ours");
    let foreign = settings(folder.path(), &venue.clob_url, &key, &format!("funder = \"0x{}\"", "1".repeat(40)));
    let refused = remora(&["key", "show", "--config", &foreign], "");
    assert_eq!(refused.status.code(), Some(1));
    assert!(said(&refused).contains("wallet.funder"), "{}", said(&refused));
    venue.stop().await;
}
