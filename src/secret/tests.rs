//! Secrets in files as people and systemd leave them.

use std::{
    fs::{OpenOptions, Permissions, set_permissions},
    io::Write,
    os::unix::fs::{OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use alloy::hex;

use super::{SecretError, Wallet, keystore, keystore::KeystoreError, wallet::load_key};
use crate::{
    config::{KeyPlace, WalletConfig},
    venue::polymarket::{Key, Network, SignatureType, wallet},
};

/// The first key that every test chain gives away.
const SECRET: &str = "ac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";
const ADDRESS: &str = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266";

fn written(dir: &Path, name: &str, text: &str, mode: u32) -> PathBuf {
    let path = dir.join(name);
    let mut file = OpenOptions::new().write(true).create_new(true).mode(mode).open(&path).expect("a new file");
    file.write_all(text.as_bytes()).expect("written");
    set_permissions(&path, Permissions::from_mode(mode)).expect("ours");
    path
}

fn config(key: Option<KeyPlace>, password: Option<KeyPlace>) -> WalletConfig {
    WalletConfig {
        key,
        password,
        signature_type: SignatureType::DepositWallet,
        funder: None,
        session_key: false,
        network: Network::Polygon,
    }
}

fn refused(config: &WalletConfig) -> String {
    let error = Wallet::load(config).expect_err("refused").to_string();
    let upper = error.to_uppercase();
    assert!(!upper.contains(&SECRET[..16].to_uppercase()) && !upper.contains(&SECRET[48..].to_uppercase()), "{error}");
    assert!(error.contains("fix: "), "{error}");
    error
}

#[test]
fn a_key_in_a_file_is_read_if_nobody_else_can() {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, text) in [("plain", SECRET.to_owned()), ("as_editors_do", format!("0x{SECRET}\n"))] {
        let path = written(dir.path(), name, &text, 0o400);
        let wallet = Wallet::load(&config(Some(KeyPlace::File(path)), None)).expect("a key");
        assert_eq!(wallet.signer().to_string(), ADDRESS);
        assert_eq!(wallet.funder, wallet::deposit(wallet.signer()));
        assert!(!format!("{wallet:?}").contains(&SECRET[..8]));
    }
    let of = |name: &str, text: &str, mode| {
        refused(&config(Some(KeyPlace::File(written(dir.path(), name, text, mode))), None))
    };
    for mode in [0o440, 0o604, 0o644, 0o410] {
        let said = of(&format!("open{mode:o}"), SECRET, mode);
        assert!(said.contains("others may read") && said.contains(&format!("{mode:04o}")), "{said}");
    }
    assert!(of("short", &SECRET[1..], 0o400).contains("64 hex digits"));
    assert!(of("twice", &format!("0x0x{SECRET}"), 0o400).contains("64 hex digits"));
    assert!(of("none", &"0".repeat(64), 0o400).contains("no secret key"));
    assert!(of("long", &SECRET.repeat(400), 0o400).contains("more than"));
    assert!(refused(&config(Some(KeyPlace::File(dir.path().join("nowhere"))), None)).contains("cannot be read"));
    assert!(refused(&config(Some(KeyPlace::File(dir.path().to_owned())), None)).contains("no plain file"));
    assert!(refused(&config(None, None)).contains("remora key import"));
    assert!(matches!(load_key(&config(None, None)), Err(SecretError::NoPlace)));
}

#[test]
fn a_wallet_that_is_not_the_keys_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = written(dir.path(), "key", SECRET, 0o400);
    let key: Key = SECRET.parse().expect("a key");
    let with = |signature_type, funder, session_key| WalletConfig {
        signature_type,
        funder,
        session_key,
        ..config(Some(KeyPlace::File(path.clone())), None)
    };
    let safe = wallet::safe(key.address());
    let other = Some(safe);
    assert_eq!(Wallet::load(&with(SignatureType::Safe, other, false)).expect("its Safe").funder, safe);
    let uups = wallet::deposit_uups(key.address());
    assert_eq!(Wallet::load(&with(SignatureType::DepositWallet, Some(uups), false)).expect("older").funder, uups);
    let said = refused(&with(SignatureType::DepositWallet, other, false));
    assert!(said.contains(&wallet::deposit(key.address()).to_string()) && said.contains("session_key"), "{said}");
    // A session key's wallet is somebody else's: whether it is authorised, only the venue knows.
    assert!(Wallet::load(&with(SignatureType::DepositWallet, other, true)).expect("in session").is_session);
}

#[test]
fn a_keystore_opens_by_its_password_only() {
    let dir = tempfile::tempdir().expect("a folder");
    let key: Key = SECRET.parse().expect("a key");
    // Light: what is tried here is the format. The official test vectors are below.
    let text = keystore::seal_with(&key.to_secret(), key.address(), b"correct horse", &[7; 64], 4);
    let store = KeyPlace::Keystore(written(dir.path(), "store", &text, 0o600));
    let password = |name: &str, text: &str| Some(KeyPlace::File(written(dir.path(), name, text, 0o400)));
    let right = config(Some(store.clone()), password("right", "correct horse\n"));
    assert_eq!(Wallet::load(&right).expect("opened").signer().to_string(), ADDRESS);
    assert!(refused(&config(Some(store.clone()), password("wrong", "incorrect"))).contains("password"));
    assert!(refused(&config(Some(store), None)).contains("keystore_password"));
    let missing = config(Some(KeyPlace::Credential("remora-key".to_owned())), None);
    assert!(refused(&missing).contains("LoadCredentialEncrypted"));
}

/// From the definition of version 3 (Web3 Secret Storage), both ways to derive.
#[test]
fn the_keystores_of_the_definition_open() {
    const KEY: &str = "7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d";
    let of = |kdf: &str, params: &str, iv: &str, text: &str, mac: &str| {
        format!(
            "{{\"crypto\":{{\"cipher\":\"aes-128-ctr\",\"cipherparams\":{{\"iv\":\"{iv}\"}},\"ciphertext\":\"{text}\",\
             \"kdf\":\"{kdf}\",\"kdfparams\":{params},\"mac\":\"{mac}\"}},\"id\":\"3198bc9c-6672-5ab3-d995-4942343ae5b6\",\
             \"version\":3}}"
        )
    };
    let pbkdf2 = of(
        "pbkdf2",
        "{\"c\":262144,\"dklen\":32,\"prf\":\"hmac-sha256\",\"salt\":\"ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd\"}",
        "6087dab2f9fdbbfaddc31a909735c1e6",
        "5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46",
        "517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2",
    );
    assert_eq!(hex::encode(keystore::open(pbkdf2.as_bytes(), b"testpassword").expect("a key").as_ref()), KEY);
    let wrong = |from: &str, to: &str| keystore::open(pbkdf2.replace(from, to).as_bytes(), b"testpassword").err();
    assert_eq!(wrong("\"version\":3", "\"version\":1"), Some(KeystoreError::Version { version: 1 }));
    assert_eq!(wrong("aes-128-ctr", "aes-128-cbc"), Some(KeystoreError::Unknown { part: "cipher" }));
    assert_eq!(wrong("hmac-sha256", "hmac-sha1"), Some(KeystoreError::Unknown { part: "kdfparams.prf" }));
    assert_eq!(wrong("262144", "0"), Some(KeystoreError::Outside { part: "kdfparams.c" }));
    assert_eq!(wrong("262144", "4000000000"), Some(KeystoreError::Outside { part: "kdfparams.c" }));
    assert_eq!(wrong("\"dklen\":32", "\"dklen\":64"), Some(KeystoreError::Outside { part: "kdfparams.dklen" }));
    assert_eq!(wrong("517ead", "517eae"), Some(KeystoreError::WrongPassword));
    assert_eq!(wrong("{", "["), Some(KeystoreError::NotJson));
    let huge = of("scrypt", "{\"dklen\":32,\"n\":4194304,\"r\":8,\"p\":1,\"salt\":\"00\"}", &"0".repeat(32), KEY, KEY);
    assert_eq!(keystore::open(huge.as_bytes(), b""), Err(KeystoreError::Outside { part: "kdfparams" }));
}

/// T2: neither a core file nor another process of this user gets at our memory.
#[test]
fn a_closed_process_leaves_no_core() {
    super::process::close().expect("allowed");
    assert!(!super::process::is_dumpable());
    let mut limit = libc::rlimit { rlim_cur: 1, rlim_max: 1 };
    // SAFETY: the call fills in the two numbers.
    assert_eq!(unsafe { libc::getrlimit(libc::RLIMIT_CORE, &mut limit) }, 0);
    assert_eq!((limit.rlim_cur, limit.rlim_max), (0, 0));
}

/// T3: the whole memory of this process holds the key once. The file is made by another process, and what is looked for is
/// kept masked, so that the search does not find itself.
#[test]
fn a_key_is_once_in_memory() {
    use std::io::{Read, Seek, SeekFrom};
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("key");
    let make = format!("umask 077; head -c 32 /dev/urandom | od -An -v -tx1 | tr -d ' \\n' > {}", path.display());
    assert!(std::process::Command::new("sh").args(["-c", &make]).status().expect("a shell").success());
    let wallet = Wallet::load(&config(Some(KeyPlace::File(path)), None)).expect("a key");
    let masked: Vec<u8> = {
        let secret = wallet.key.to_secret();
        secret.iter().map(|byte| byte ^ 0x55).collect()
    };
    let _ = wallet.key.sign(alloy::primitives::keccak256("something"));
    super::sealed::wipe_stack();
    let maps = std::fs::read_to_string("/proc/self/maps").expect("maps");
    let mut memory = std::fs::File::open("/proc/self/mem").expect("our memory");
    let mut found = vec![];
    // One buffer, made before: what is read into it is a copy, too, so it is left out.
    let mut buffer = vec![0_u8; 1 << 20];
    let own = buffer.as_ptr() as u64..buffer.as_ptr() as u64 + buffer.len() as u64;
    for line in maps.lines().filter(|line| line.contains(" rw")) {
        let (from, to) = line.split_once(' ').and_then(|(range, _)| range.split_once('-')).expect("a range");
        let (mut at, to) = (u64::from_str_radix(from, 16).expect("hex"), u64::from_str_radix(to, 16).expect("hex"));
        while at < to {
            let length = (to - at).min(buffer.len() as u64) as usize;
            let read = memory.seek(SeekFrom::Start(at)).and_then(|_| memory.read(&mut buffer[..length])).unwrap_or(0);
            let hits = buffer[..read].windows(32).enumerate();
            let hits = hits.filter(|(_, window)| window.iter().zip(&masked).all(|(byte, mask)| byte ^ 0x55 == *mask));
            found.extend(hits.map(|(offset, _)| at + offset as u64).filter(|place| !own.contains(place)));
            if read < 32 {
                break;
            }
            // Windows overlap, so that none is cut in two.
            at += if read as u64 == to - at { read as u64 } else { read as u64 - 31 };
        }
    }
    found.sort_unstable();
    found.dedup();
    assert_eq!(found.len(), 1, "{found:x?}\n{maps}");
}
