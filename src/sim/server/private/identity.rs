//! Who may trade: wallets and their owners, API keys and their secrets (PROTOCOL.md 1.7, 2.2).
//!
//! An owner (EOA) has one wallet of each kind, each an account of its own at the exchange. A key speaks for one address: an
//! owner's, or that of a session key which a deposit wallet has authorised.

use std::collections::{BTreeMap, HashMap};
use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use alloy::primitives::{Address, U256};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

use crate::config::decimal;
use crate::domain::{Nanos, Usdc, money::ONE};
use crate::sim::exchange::{AccountId, TradeId};
use crate::venue::polymarket::auth::Secret;
use crate::venue::polymarket::{Key, SignatureType, wallet};

/// More keys than this are refused: anybody may ask for one.
const KEYS_MAX: usize = 100_000;

/// An owner who has money from the start: so much in each of his wallets, with every approval given.
#[derive(Debug, PartialEq, Eq)]
pub struct Funded {
    pub key: Key,
    pub money: Usdc,
}

/// A key is never cloned where it signs for money; those of a simulated venue sign for none.
impl Clone for Funded {
    fn clone(&self) -> Funded {
        Funded { key: Key::from_slice(&self.key.to_secret()).expect("it was a key"), money: self.money }
    }
}

/// A text is not `HEXKEY:USD`. Never says what it was: it may hold a secret.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadFunded;

/// Where money lies, and who signs for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wallet {
    pub address: Address,
    pub owner: Address,
    pub kind: SignatureType,
    pub account: AccountId,
}

/// What a client shows with every private request.
#[derive(Debug)]
pub struct ApiKey {
    /// A UUID.
    pub id: String,
    pub secret: Secret,
    pub passphrase: String,
    /// Whose key it is.
    pub address: Address,
}

/// Whether somebody may trade.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Standing {
    #[default]
    Good,
    /// May sell what he has and cancel, nothing else.
    ClosedOnly,
    Banned,
    /// Paused himself at the exchange contract: what he signs is void.
    PausedOnChain,
}

/// A key that may sign for a deposit wallet, until it expires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Session {
    pub key: Address,
    pub wallet: Address,
    pub valid_until: Nanos,
}

#[derive(Debug)]
pub struct Identity {
    seed: u64,
    keys: HashMap<String, Arc<ApiKey>>,
    /// By address and nonce; `None` once revoked.
    issued: HashMap<(Address, U256), Option<String>>,
    revocations: HashMap<(Address, U256), u32>,
    wallets: HashMap<Address, Wallet>,
    addresses: HashMap<AccountId, Address>,
    sessions: BTreeMap<Address, Session>,
    standings: HashMap<Address, Standing>,
}

impl Identity {
    /// Keys follow from the seed, the address, the nonce and how often it was revoked: the same in every run.
    pub fn new(seed: u64) -> Identity {
        Identity {
            seed,
            keys: HashMap::new(),
            issued: HashMap::new(),
            revocations: HashMap::new(),
            wallets: HashMap::new(),
            addresses: HashMap::new(),
            sessions: BTreeMap::new(),
            standings: HashMap::new(),
        }
    }

    /// Notes the wallets of an owner who is not known yet, each with the account that `open` gives it. Returns the new
    /// ones.
    pub fn meet(&mut self, owner: Address, mut open: impl FnMut() -> AccountId) -> Vec<Wallet> {
        let of = |kind, address| Wallet { address, owner, kind, account: AccountId(0) };
        let wallets = [
            of(SignatureType::Eoa, owner),
            of(SignatureType::Proxy, wallet::proxy(owner)),
            of(SignatureType::Safe, wallet::safe(owner)),
            of(SignatureType::DepositWallet, wallet::deposit(owner)),
            of(SignatureType::DepositWallet, wallet::deposit_uups(owner)),
        ];
        let new = wallets.into_iter().filter(|wallet| !self.wallets.contains_key(&wallet.address));
        let new: Vec<Wallet> = new.map(|wallet| Wallet { account: open(), ..wallet }).collect();
        for wallet in &new {
            self.wallets.insert(wallet.address, *wallet);
            self.addresses.insert(wallet.account, wallet.address);
        }
        new
    }

    pub fn wallet(&self, address: Address) -> Option<&Wallet> {
        self.wallets.get(&address)
    }

    /// Returns the wallets that are an owner's, one of each kind; none of an owner who is not known.
    pub fn wallets_of(&self, owner: Address) -> Vec<Wallet> {
        SignatureType::ALL.into_iter().filter_map(|kind| self.wallet_for(owner, kind).copied()).collect()
    }

    /// Returns the wallet of a kind that an address speaks for: its own, or the one that authorised it.
    pub fn wallet_for(&self, address: Address, kind: SignatureType) -> Option<&Wallet> {
        let own = match kind {
            SignatureType::Eoa => address,
            SignatureType::Proxy => wallet::proxy(address),
            SignatureType::Safe => wallet::safe(address),
            SignatureType::DepositWallet => {
                self.sessions.get(&address).map_or_else(|| wallet::deposit(address), |session| session.wallet)
            }
        };
        self.wallet(own)
    }

    /// Returns the accounts of all wallets that an address speaks for.
    pub fn accounts_for(&self, address: Address) -> Vec<AccountId> {
        let own = [address, wallet::proxy(address), wallet::safe(address)];
        let deposit = [wallet::deposit(address), wallet::deposit_uups(address)];
        let session = self.sessions.get(&address).map(|session| session.wallet);
        let all = own.into_iter().chain(deposit).chain(session);
        all.filter_map(|address| self.wallets.get(&address)).map(|wallet| wallet.account).collect()
    }

    /// Returns the key of an address and a nonce, which is made if it is not there. `None` if there are too many keys.
    pub fn create(&mut self, address: Address, nonce: U256) -> Option<Arc<ApiKey>> {
        if let Some(Some(id)) = self.issued.get(&(address, nonce)) {
            return self.keys.get(id).cloned();
        }
        if self.keys.len() >= KEYS_MAX {
            return None;
        }
        let key = Arc::new(self.derive(address, nonce));
        self.issued.insert((address, nonce), Some(key.id.clone()));
        self.keys.insert(key.id.clone(), Arc::clone(&key));
        Some(key)
    }

    /// Returns whether the key of an address and a nonce was given out and revoked.
    pub fn is_revoked(&self, address: Address, nonce: U256) -> bool {
        self.issued.get(&(address, nonce)) == Some(&None)
    }

    pub fn key(&self, id: &str) -> Option<Arc<ApiKey>> {
        self.keys.get(id).cloned()
    }

    /// Returns the ids of the keys of an address, in alphabetical order.
    pub fn keys_of(&self, address: Address) -> Vec<&str> {
        let mut ids: Vec<&str> =
            self.keys.values().filter(|key| key.address == address).map(|key| key.id.as_str()).collect();
        ids.sort_unstable();
        ids
    }

    pub fn revoke(&mut self, id: &str) {
        self.keys.remove(id);
        for (whose, issued) in self.issued.iter_mut().filter(|(_, issued)| issued.as_deref() == Some(id)) {
            *issued = None;
            *self.revocations.entry(*whose).or_default() += 1;
        }
    }

    pub fn standing(&self, address: Address) -> Standing {
        self.standings.get(&address).copied().unwrap_or_default()
    }

    pub fn set_standing(&mut self, address: Address, standing: Standing) {
        self.standings.insert(address, standing);
    }

    /// Lets a session key sign for a deposit wallet.
    pub fn authorise(&mut self, session: Session) {
        self.sessions.insert(session.key, session);
    }

    /// Returns whether a session key may sign for a wallet now.
    pub fn is_authorised(&self, key: Address, wallet: Address, now: Nanos) -> bool {
        self.sessions.get(&key).is_some_and(|session| session.wallet == wallet && now < session.valid_until)
    }

    /// Yields the session keys of an owner's deposit wallets.
    pub fn sessions_of(&self, owner: Address) -> impl Iterator<Item = &Session> {
        self.sessions
            .values()
            .filter(move |session| self.wallets.get(&session.wallet).is_some_and(|wallet| wallet.owner == owner))
    }

    fn derive(&self, address: Address, nonce: U256) -> ApiKey {
        // What is made after a revocation is another key.
        let revocations = self.revocations.get(&(address, nonce)).copied().unwrap_or_default();
        let about = [address.as_slice(), &nonce.to_be_bytes::<32>(), &revocations.to_be_bytes()].concat();
        let word = |label: &str| self.word(label, &about);
        ApiKey {
            id: uuid(&word("id")),
            secret: Secret::from_bytes(word("secret").to_vec()),
            passphrase: word("passphrase").iter().map(|byte| format!("{byte:02x}")).collect(),
            address,
        }
    }

    /// Returns 32 bytes that follow from the seed and what they are for.
    fn word(&self, label: &str, about: &[u8]) -> [u8; 32] {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.seed.to_be_bytes()).expect("a key of any length will do");
        mac.update(label.as_bytes());
        mac.update(about);
        mac.finalize().into_bytes().into()
    }

    /// Returns the id of a trade on the wire.
    pub fn trade(&self, trade: TradeId) -> String {
        self.uuid("trade", trade.0)
    }

    /// Returns the address of an account's wallet: that of a client, the one that the world knows it by, or one that
    /// follows from the seed.
    pub fn address(&self, account: AccountId) -> Address {
        let known = self.addresses.get(&account).copied();
        known.unwrap_or_else(|| Address::from_slice(&self.word("wallet", &account.0.to_be_bytes())[12..]))
    }

    /// Gives an account of the world the wallet that it is known by.
    pub fn name(&mut self, account: AccountId, wallet: Address) {
        self.addresses.insert(account, wallet);
    }

    /// Returns an API key id for an account that has none.
    pub fn stranger(&self, account: AccountId) -> String {
        self.uuid("stranger", account.0.into())
    }

    /// Returns a UUID that follows from the seed, a label and a number.
    pub fn uuid(&self, label: &str, number: u64) -> String {
        uuid(&self.word(label, &number.to_be_bytes()))
    }
}

/// Writes the first 16 bytes as a random UUID (version 4).
fn uuid(bytes: &[u8; 32]) -> String {
    let mut bytes: [u8; 16] = std::array::from_fn(|index| bytes[index]);
    bytes[6] = bytes[6] & 0x0f | 0x40;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// Reads `HEXKEY:USD`: dollars with up to six decimals.
impl FromStr for Funded {
    type Err = BadFunded;

    fn from_str(text: &str) -> Result<Funded, BadFunded> {
        let (key, dollars) = text.split_once(':').ok_or(BadFunded)?;
        let micros = decimal::exact(dollars).and_then(|dollars| decimal::scaled(dollars, ONE as i64));
        let money = micros.ok().filter(|micros| 0 <= *micros).map(Usdc).ok_or(BadFunded)?;
        Ok(Funded { key: key.parse().map_err(|_| BadFunded)?, money })
    }
}

impl fmt::Display for BadFunded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "an account is HEXKEY:USD, a secret key of 64 hex digits and dollars, such as 0x59c6…:1000")
    }
}
impl std::error::Error for BadFunded {}
