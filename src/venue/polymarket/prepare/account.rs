//! Who trades: whose money it is, what signs for it, and the API key that the venue knows it by.

use std::{fmt, sync::Arc};

use alloy::primitives::Address;

use crate::{
    secret::Sealed,
    venue::polymarket::{Credentials, Network, SignatureType},
};

/// An account at the venue. Its secrets are never printed.
#[derive(Clone, Debug)]
pub struct Account {
    pub key: Arc<Sealed>,
    pub signed_by: SignedBy,
    pub signature_type: SignatureType,
    /// The wallet that holds the funds.
    pub funder: Address,
    pub network: Network,
    pub api: Credentials,
    /// The venue's REST interface as requests name it: host, and port where it is not the usual one.
    pub host: String,
}

/// Whose key it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignedBy {
    /// The owner's of the wallet.
    Owner,
    /// One that a deposit wallet has authorised for a time.
    Session,
}

/// Why no requests can be made for an account. Never says what the texts were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfit {
    /// One of the account's texts is empty, too long, or has characters that a header cannot carry.
    Text(&'static str),
    /// Only deposit wallets know session keys.
    SessionOfAnother,
}

/// The longest id, passphrase or host.
const TEXT_MAX: usize = 255;

impl Account {
    /// Returns who stands in an order as its signer: the wallet itself where it is a contract that checks signatures.
    pub fn signer(&self) -> Address {
        match self.signature_type {
            SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe => self.key.address(),
            SignatureType::DepositWallet => self.funder,
        }
    }

    /// Refuses what would not be a request, or could be another one.
    pub(super) fn check(&self) -> Result<(), Unfit> {
        let passphrase = self.api.passphrase();
        for (name, text) in
            [("API key", self.api.id.as_str()), ("API passphrase", passphrase), ("venue's host", self.host.as_str())]
        {
            let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'"' | b'\\');
            if !(1..=TEXT_MAX).contains(&text.len()) || !text.bytes().all(is_plain) {
                return Err(Unfit::Text(name));
            }
        }
        match (self.signed_by, self.signature_type) {
            (SignedBy::Owner, _) | (SignedBy::Session, SignatureType::DepositWallet) => Ok(()),
            (SignedBy::Session, SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe) => {
                Err(Unfit::SessionOfAnother)
            }
        }
    }
}

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unfit::Text(name) => write!(
                f,
                "the {name} is empty, longer than {TEXT_MAX} characters, or has blanks, quotes or other characters that \
                 no header carries: copy it again as the venue gave it"
            ),
            Unfit::SessionOfAnother => write!(
                f,
                "a session key signs for a deposit wallet only: wallet.signature_type = \"deposit_wallet\", or \
                 wallet.session_key = false"
            ),
        }
    }
}
impl std::error::Error for Unfit {}
