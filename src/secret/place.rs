//! Reads a secret from the place that the settings name, if nobody else can.

use std::{
    fmt,
    fs::File,
    io::Read,
    os::unix::fs::MetadataExt,
    path::{Path, PathBuf},
};

use zeroize::Zeroizing;

use super::keystore::KeystoreError;
use crate::{config::KeyPlace, venue::polymarket::BadKey};

/// The longest secret or keystore that is read.
const BYTES_MAX: usize = 16 * 1_024;
/// Where systemd says its credentials are: a path, no secret.
pub const CREDENTIALS_DIR: &str = "CREDENTIALS_DIRECTORY";

/// Why there is no key. Every text names the place and the fix; none says what the secret is.
#[derive(Debug)]
pub enum SecretError {
    /// `wallet.key` is empty.
    NoPlace,
    /// The settings name a credential, and systemd handed over none.
    NoCredentials {
        name: String,
    },
    Unreadable {
        path: PathBuf,
        error: std::io::Error,
    },
    /// Others may read it, too.
    Open {
        path: PathBuf,
        mode: u32,
    },
    /// It belongs to another user.
    Foreign {
        path: PathBuf,
        owner: u32,
    },
    /// Not a plain file: a folder, a pipe, a device.
    NoFile {
        path: PathBuf,
    },
    TooLong {
        path: PathBuf,
    },
    BadKey {
        path: PathBuf,
        wrong: BadKey,
    },
    Keystore {
        path: PathBuf,
        wrong: KeystoreError,
    },
    /// The key is in a keystore, and the settings name no password.
    NoPassword,
    /// The wallet in the settings is not one that belongs to this key.
    OtherWallet {
        signer: String,
        funder: String,
        kind: &'static str,
        expected: String,
    },
    /// The system gives no page for the key.
    NoPage {
        error: std::io::Error,
    },
}

/// Returns the file of a place.
pub fn path_of(place: &KeyPlace) -> Result<PathBuf, SecretError> {
    match place {
        KeyPlace::File(path) | KeyPlace::Keystore(path) => Ok(path.clone()),
        KeyPlace::Credential(name) => match std::env::var_os(CREDENTIALS_DIR) {
            Some(dir) => Ok(Path::new(&dir).join(name)),
            None => Err(SecretError::NoCredentials { name: name.clone() }),
        },
    }
}

/// Returns what is in a secret's file. Refuses one that others may read, and one that is not ours: of two users one would
/// know it who should not.
pub fn read(path: &Path) -> Result<Zeroizing<Vec<u8>>, SecretError> {
    let unreadable = |error| SecretError::Unreadable { path: path.to_owned(), error };
    let mut file = File::open(path).map_err(unreadable)?;
    // Of the open file, not of the name: that may mean another one a moment later.
    let about = file.metadata().map_err(unreadable)?;
    if !about.is_file() {
        return Err(SecretError::NoFile { path: path.to_owned() });
    }
    // SAFETY: this call takes nothing and cannot fail.
    let us = unsafe { libc::geteuid() };
    // systemd keeps credentials as root's, and lets the service read them.
    if about.uid() != us && about.uid() != 0 {
        return Err(SecretError::Foreign { path: path.to_owned(), owner: about.uid() });
    }
    if about.mode() & 0o077 != 0 && !is_credential(path) {
        return Err(SecretError::Open { path: path.to_owned(), mode: about.mode() & 0o7777 });
    }
    // One allocation of the whole length: a text that grows leaves copies behind.
    let mut bytes = Zeroizing::new(vec![0; BYTES_MAX + 1]);
    let mut len = 0;
    loop {
        match file.read(&mut bytes[len..]).map_err(unreadable)? {
            0 => break,
            read => len += read,
        }
        if len > BYTES_MAX {
            return Err(SecretError::TooLong { path: path.to_owned() });
        }
    }
    bytes.truncate(len);
    Ok(bytes)
}

/// systemd guards the folder of its credentials itself; an access list of its own shows as the group's bits.
fn is_credential(path: &Path) -> bool {
    std::env::var_os(CREDENTIALS_DIR).is_some_and(|dir| path.parent() == Some(Path::new(&dir)))
}

/// Returns the text without the line's end, as people's editors write it.
pub fn without_line_end(bytes: &[u8]) -> &[u8] {
    bytes.trim_ascii()
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SecretError::NoPlace => write!(
                f,
                "wallet.key is empty: there is nothing to sign with\n  fix: `remora key import` writes a key's file; then say \
                 where it is, such as wallet.key = \"file:/etc/remora/key\""
            ),
            SecretError::NoCredentials { name } => write!(
                f,
                "wallet.key names the credential {name:?}, but {CREDENTIALS_DIR} is not set: systemd handed over none\n  fix: \
                 LoadCredentialEncrypted={name}:FILE in the unit, or name a file: wallet.key = \"file:/PATH\""
            ),
            SecretError::Unreadable { path, error } => write!(
                f,
                "the secret {} cannot be read: {error}\n  fix: check the path in [wallet], and that this user may read it",
                path.display()
            ),
            SecretError::Open { path, mode } => write!(
                f,
                "others may read the secret {} (mode {mode:04o})\n  fix: chmod 0400 {}; if others had access to this \
                 machine, take a new key",
                path.display(),
                path.display()
            ),
            SecretError::Foreign { path, owner } => write!(
                f,
                "the secret {} belongs to user {owner}, not to this one\n  fix: chown it to the user that runs Remora",
                path.display()
            ),
            SecretError::NoFile { path } => {
                write!(f, "{} is no plain file\n  fix: name the file that holds the secret", path.display())
            }
            SecretError::TooLong { path } => write!(
                f,
                "{} has more than {BYTES_MAX} bytes: that is no key\n  fix: name the file that holds the secret",
                path.display()
            ),
            SecretError::BadKey { path, wrong } => {
                write!(f, "{}: {wrong}\n  fix: write the key's file anew with `remora key import`", path.display())
            }
            SecretError::Keystore { path, wrong } => write!(f, "{}: {wrong}", path.display()),
            SecretError::NoPassword => write!(
                f,
                "the key is in a keystore, and wallet.keystore_password is empty\n  fix: wallet.keystore_password = \
                 \"credential:NAME\" or \"file:/PATH\""
            ),
            SecretError::OtherWallet { signer, funder, kind, expected } => write!(
                f,
                "the {kind} wallet that belongs to the key of {signer} is {expected}, not wallet.funder = {funder}\n  fix: \
                 correct wallet.funder or wallet.signature_type, or take the key that owns this wallet; a session key says \
                 session_key = true"
            ),
            SecretError::NoPage { error } => {
                write!(
                    f,
                    "the system gives no page of memory for the key: {error}\n  fix: free memory, then start again"
                )
            }
        }
    }
}

impl std::error::Error for SecretError {}
