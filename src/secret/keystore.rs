//! Web3 keystores, version 3: a key under a password, as geth, Foundry and the wallets write them.

use std::fmt;

use aes::Aes128;
use alloy::{
    hex,
    primitives::{Address, Keccak256},
};
use ctr::{
    Ctr128BE,
    cipher::{KeyIvInit, StreamCipher},
};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;
use zeroize::Zeroizing;

/// What ours take to open: 2^17 rounds of 1 KiB, as geth's.
const SCRYPT_LOG_N: u8 = 17;
/// The most work and memory that a keystore of somebody's may ask for: 2^20 x 1 KiB is a gigabyte.
const SCRYPT_LOG_N_MAX: u8 = 20;
const SCRYPT_R: u32 = 8;
const SCRYPT_P: u32 = 1;
const PBKDF2_ROUNDS_MAX: u32 = 10_000_000;
/// Half of it is the cipher's key, half of it proves the password.
const DERIVED_BYTES: usize = 32;

/// Why a keystore gives no key. Never says what was in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeystoreError {
    NotJson,
    Version {
        version: u32,
    },
    /// Cipher or key derivation is none of those of version 3.
    Unknown {
        part: &'static str,
    },
    /// A number of it is outside what can be worked with.
    Outside {
        part: &'static str,
    },
    WrongPassword,
}

#[derive(Serialize, Deserialize)]
struct Keystore {
    #[serde(default)]
    address: Option<String>,
    #[serde(alias = "Crypto")]
    crypto: Crypto,
    #[serde(default)]
    id: String,
    version: u32,
}

#[derive(Serialize, Deserialize)]
struct Crypto {
    cipher: String,
    ciphertext: String,
    cipherparams: CipherParams,
    kdf: String,
    kdfparams: KdfParams,
    mac: String,
}

#[derive(Serialize, Deserialize)]
struct CipherParams {
    iv: String,
}

/// Of both ways to derive; each uses its own.
#[derive(Default, Serialize, Deserialize)]
struct KdfParams {
    dklen: u32,
    salt: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    r: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    p: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    c: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    prf: Option<String>,
}

/// Returns the key in a keystore's text.
pub fn open(text: &[u8], password: &[u8]) -> Result<Zeroizing<[u8; 32]>, KeystoreError> {
    let keystore: Keystore = serde_json::from_slice(text).map_err(|_| KeystoreError::NotJson)?;
    if keystore.version != 3 {
        return Err(KeystoreError::Version { version: keystore.version });
    }
    let crypto = &keystore.crypto;
    if crypto.cipher != "aes-128-ctr" {
        return Err(KeystoreError::Unknown { part: "cipher" });
    }
    let mut key = Zeroizing::new(bytes::<32>(&crypto.ciphertext, "ciphertext")?);
    let iv = bytes::<16>(&crypto.cipherparams.iv, "cipherparams.iv")?;
    let expected = bytes::<32>(&crypto.mac, "mac")?;
    let derived = derive(&crypto.kdf, &crypto.kdfparams, password)?;
    if mac(&derived, key.as_ref()).ct_eq(&expected).unwrap_u8() == 0 {
        return Err(KeystoreError::WrongPassword);
    }
    apply(&derived, &iv, key.as_mut());
    Ok(key)
}

/// Returns the text of a keystore with this key; `random` is the salt, the initial vector and the id.
pub fn seal(key: &[u8; 32], address: Address, password: &[u8], random: &[u8; 64]) -> String {
    seal_with(key, address, password, random, SCRYPT_LOG_N)
}

pub(super) fn seal_with(key: &[u8; 32], address: Address, password: &[u8], random: &[u8; 64], log_n: u8) -> String {
    let (salt, rest) = random.split_at(32);
    let (iv, id) = rest.split_at(16);
    let kdfparams = KdfParams {
        dklen: DERIVED_BYTES as u32,
        salt: hex::encode(salt),
        n: Some(1 << log_n),
        r: Some(SCRYPT_R),
        p: Some(SCRYPT_P),
        ..KdfParams::default()
    };
    let derived = derive("scrypt", &kdfparams, password).expect("parameters of ours");
    // The key itself is worked on in memory that is erased; the ciphertext is no secret.
    let mut text = Zeroizing::new(*key);
    apply(&derived, iv.try_into().expect("16 bytes"), text.as_mut());
    let id = hex::encode(id);
    let keystore = Keystore {
        address: Some(hex::encode(address)),
        id: format!("{}-{}-{}-{}-{}", &id[..8], &id[8..12], &id[12..16], &id[16..20], &id[20..]),
        crypto: Crypto {
            cipher: "aes-128-ctr".to_owned(),
            ciphertext: hex::encode(text.as_ref()),
            cipherparams: CipherParams { iv: hex::encode(iv) },
            kdf: "scrypt".to_owned(),
            kdfparams,
            mac: hex::encode(mac(&derived, text.as_ref())),
        },
        version: 3,
    };
    serde_json::to_string_pretty(&keystore).expect("a keystore is JSON")
}

fn derive(kdf: &str, params: &KdfParams, password: &[u8]) -> Result<Zeroizing<[u8; DERIVED_BYTES]>, KeystoreError> {
    let outside = |part| KeystoreError::Outside { part };
    if params.dklen as usize != DERIVED_BYTES {
        return Err(outside("kdfparams.dklen"));
    }
    let salt = hex::decode(&params.salt).map_err(|_| outside("kdfparams.salt"))?;
    let mut derived = Zeroizing::new([0; DERIVED_BYTES]);
    match kdf {
        "scrypt" => {
            let n = params.n.filter(|n| n.is_power_of_two() && *n > 1).ok_or(outside("kdfparams.n"))?;
            let log_n = n.trailing_zeros() as u8;
            let (r, p) = (params.r.unwrap_or(0), params.p.unwrap_or(0));
            // Memory goes with n x r, time with n x r x p.
            if log_n > SCRYPT_LOG_N_MAX || !(1..=SCRYPT_R).contains(&r) || !(1..=16).contains(&p) {
                return Err(outside("kdfparams"));
            }
            let params = scrypt::Params::new(log_n, r, p).map_err(|_| outside("kdfparams"))?;
            scrypt::scrypt(password, &salt, &params, derived.as_mut()).map_err(|_| outside("kdfparams.dklen"))?;
        }
        "pbkdf2" => {
            if params.prf.as_deref() != Some("hmac-sha256") {
                return Err(KeystoreError::Unknown { part: "kdfparams.prf" });
            }
            let rounds = params.c.filter(|c| (1..=PBKDF2_ROUNDS_MAX).contains(c)).ok_or(outside("kdfparams.c"))?;
            pbkdf2::pbkdf2_hmac::<Sha256>(password, &salt, rounds, derived.as_mut());
        }
        _ => return Err(KeystoreError::Unknown { part: "kdf" }),
    }
    Ok(derived)
}

fn mac(derived: &[u8; DERIVED_BYTES], ciphertext: &[u8]) -> [u8; 32] {
    let mut hash = Keccak256::new();
    hash.update(&derived[16..]);
    hash.update(ciphertext);
    hash.finalize().0
}

/// Ciphers or deciphers: it is the same.
fn apply(derived: &[u8; DERIVED_BYTES], iv: &[u8; 16], text: &mut [u8]) {
    let mut cipher = Ctr128BE::<Aes128>::new_from_slices(&derived[..16], iv).expect("16 bytes each");
    cipher.apply_keystream(text);
}

fn bytes<const LEN: usize>(text: &str, part: &'static str) -> Result<[u8; LEN], KeystoreError> {
    let mut bytes = [0; LEN];
    hex::decode_to_slice(text, &mut bytes).map_err(|_| KeystoreError::Outside { part })?;
    Ok(bytes)
}

impl fmt::Display for KeystoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const FIX: &str = "\n  fix: name a Web3 keystore of version 3, or write one with `remora key import`";
        match self {
            KeystoreError::NotJson => write!(f, "this is no keystore: not the JSON of one{FIX}"),
            KeystoreError::Version { version } => write!(f, "a keystore of version {version}; only 3 is known{FIX}"),
            KeystoreError::Unknown { part } => write!(f, "the keystore's {part} is not one of version 3{FIX}"),
            KeystoreError::Outside { part } => write!(f, "the keystore's {part} is not what it can be{FIX}"),
            KeystoreError::WrongPassword => write!(
                f,
                "the password does not open this keystore\n  fix: check wallet.keystore_password (a line's end does not \
                 count, blanks inside do)"
            ),
        }
    }
}
