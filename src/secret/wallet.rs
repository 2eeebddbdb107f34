//! The wallet that the settings name: who signs, and whose money it is.

use std::{path::Path, sync::Arc};

use alloy::primitives::Address;
use zeroize::Zeroizing;

use super::{
    Sealed, SecretError, keystore,
    place::{path_of, read, without_line_end},
    sealed::{SealError, wipe_stack},
};
use crate::{
    config::{KeyPlace, WalletConfig},
    venue::polymarket::{Network, SignatureType, key, wallet},
};

/// A key and the wallet it signs for. Cheap to clone: there is one key.
#[derive(Clone, Debug)]
pub struct Wallet {
    pub key: Arc<Sealed>,
    pub signature_type: SignatureType,
    /// What holds the funds: the maker of every order.
    pub funder: Address,
    /// The key is a session key of the deposit wallet.
    pub is_session: bool,
    pub network: Network,
}

impl Wallet {
    /// Returns the wallet as the journal and the database name it: in lower case.
    pub fn text(&self) -> String {
        format!("{:#x}", self.funder)
    }

    /// Reads the key and finds its wallet. Fails where the wallet in the settings is not the key's.
    pub fn load(config: &WalletConfig) -> Result<Wallet, SecretError> {
        let key = Arc::new(load_key(config)?);
        let funder = funder(config, key.address())?;
        let WalletConfig { signature_type, session_key: is_session, network, .. } = *config;
        Ok(Wallet { key, signature_type, funder, is_session, network })
    }

    /// Returns who signs.
    pub fn signer(&self) -> Address {
        self.key.address()
    }
}

/// Reads the key from its place, into its page.
pub fn load_key(config: &WalletConfig) -> Result<Sealed, SecretError> {
    let place = config.key.as_ref().ok_or(SecretError::NoPlace)?;
    let path = path_of(place)?;
    let bytes = match place {
        KeyPlace::File(_) | KeyPlace::Credential(_) => from_file(&path)?,
        KeyPlace::Keystore(_) => {
            let password = config.password.as_ref().ok_or(SecretError::NoPassword)?;
            let password = read(&path_of(password)?)?;
            from_keystore(&path, without_line_end(&password))?
        }
    };
    wipe_stack();
    Sealed::new(&bytes).map_err(|error| match error {
        SealError::Bad(wrong) => SecretError::BadKey { path, wrong },
        SealError::NoPage(error) => SecretError::NoPage { error },
    })
}

/// Boxed: a move of the box moves no key.
pub fn from_file(path: &Path) -> Result<Box<Zeroizing<[u8; 32]>>, SecretError> {
    let text = read(path)?;
    let bytes = key::digits(without_line_end(&text));
    bytes.map(Box::new).map_err(|wrong| SecretError::BadKey { path: path.to_owned(), wrong })
}

pub fn from_keystore(path: &Path, password: &[u8]) -> Result<Box<Zeroizing<[u8; 32]>>, SecretError> {
    let text = read(path)?;
    let bytes = keystore::open(&text, password);
    bytes.map(Box::new).map_err(|wrong| SecretError::Keystore { path: path.to_owned(), wrong })
}

/// Returns the wallet that holds the funds; one that is not the key's is refused (the venue would say `invalid signature`).
pub fn funder(config: &WalletConfig, signer: Address) -> Result<Address, SecretError> {
    let kind = config.signature_type;
    let derived = of(kind, signer);
    match config.funder {
        Some(funder) if config.session_key || wallet::belongs(funder, kind, signer) => Ok(funder),
        None => Ok(derived),
        Some(funder) => Err(SecretError::OtherWallet {
            signer: signer.to_string(),
            funder: funder.to_string(),
            kind: code(kind),
            expected: derived.to_string(),
        }),
    }
}

/// Returns the wallet of a kind that belongs to an owner.
pub fn of(kind: SignatureType, owner: Address) -> Address {
    match kind {
        SignatureType::Eoa => owner,
        SignatureType::Proxy => wallet::proxy(owner),
        SignatureType::Safe => wallet::safe(owner),
        SignatureType::DepositWallet => wallet::deposit(owner),
    }
}

/// Returns what the settings call a kind of wallet.
pub fn code(kind: SignatureType) -> &'static str {
    match kind {
        SignatureType::Eoa => "eoa",
        SignatureType::Proxy => "proxy",
        SignatureType::Safe => "safe",
        SignatureType::DepositWallet => "deposit_wallet",
    }
}
