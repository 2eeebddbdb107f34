//! What the venue says of an account, asked a few times by a person: for `remora key`, `remora doctor`, and before live is
//! turned on. Nothing here sends an order.

use std::sync::Arc;

use alloy::primitives::{B256, U256, keccak256};

use super::{
    Exchange, Order, SignatureType,
    credentials::Credentials,
    order::{TYPE, digest, hash_words, side_number},
    rest::{Asset, Failure, Public, Rest},
    signature,
};
use crate::{
    clock,
    domain::{Millis, Side, Usdc},
    secret::Wallet,
};

/// The venue says where it serves, at another host than it trades at.
const CLOB: &str = "https://clob.polymarket.com";
const GEOBLOCK: &str = "https://polymarket.com/api/geoblock";

/// An account's view of the venue.
pub struct Account<'a> {
    clob_url: &'a str,
    public: Public,
    wallet: &'a Wallet,
}

/// A wallet's collateral at the venue, and which contracts may take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funds {
    pub balance: Usdc,
    /// The contracts of this network's exchanges that may take none of it.
    pub missing: Vec<Exchange>,
}

/// Returns where the venue says whether it serves a place: a simulated one does so itself.
pub fn geoblock_url(clob_url: &str) -> String {
    match clob_url.trim_end_matches('/') {
        CLOB => GEOBLOCK.to_owned(),
        other => format!("{other}/api/geoblock"),
    }
}

impl<'a> Account<'a> {
    pub fn new(clob_url: &'a str, wallet: &'a Wallet) -> Account<'a> {
        Account { clob_url, public: Public::new(clob_url, &geoblock_url(clob_url)), wallet }
    }

    /// Returns how many seconds our clock is ahead of the venue's; it tells whole seconds, so one is none.
    pub async fn clock_ahead(&self) -> Result<i64, Failure> {
        let theirs = self.public.time().await?;
        Ok(clock::system().as_secs().cast_signed() - theirs.cast_signed())
    }

    /// Returns whether the venue does not serve the place that we are at, and which that is.
    pub async fn place(&self) -> Result<(bool, String), Failure> {
        self.public.is_blocked().await
    }

    /// Returns the API key that the venue keeps for this signer. Never makes one: that would end another's.
    pub async fn derive(&self) -> Result<Credentials, Failure> {
        self.public.derive(&self.wallet.key, self.wallet.network, clock::system()).await
    }

    /// Makes the API key of this signer, where there is none yet.
    pub async fn create(&self) -> Result<Credentials, Failure> {
        self.public.create(&self.wallet.key, self.wallet.network, clock::system()).await
    }

    pub async fn is_closed_only(&self, credentials: &Credentials) -> Result<bool, Failure> {
        self.rest(credentials).closed_only().await
    }

    /// Returns what a wallet of this signer has to buy with.
    pub async fn funds(&self, credentials: &Credentials, kind: SignatureType) -> Result<Funds, Failure> {
        let balance = self.rest(credentials).balance(Asset::Collateral, kind).await?;
        let held = i64::try_from(balance.held).unwrap_or(i64::MAX);
        Ok(Funds { balance: Usdc(held), missing: balance.missing(self.wallet.network) })
    }

    fn rest(&self, credentials: &Credentials) -> Rest {
        let api = Arc::new(credentials.clone());
        Rest::new(self.clob_url, self.wallet.signer(), api, Arc::default(), clock::system)
    }
}

/// Signs an order that is never sent, on every exchange, and says what does not hold: the id against one made word by word,
/// the signature against the rules of the venue.
pub fn try_signing(wallet: &Wallet) -> Result<(), String> {
    let signs_for_itself = wallet.signature_type == SignatureType::DepositWallet;
    let order = Order {
        salt: 1,
        maker: wallet.funder,
        signer: if signs_for_itself { wallet.funder } else { wallet.signer() },
        token: U256::from(1),
        maker_amount: 10_000,
        taker_amount: 1_000_000,
        side: Side::Buy,
        signature_type: wallet.signature_type,
        timestamp: Millis(1),
        metadata: B256::ZERO,
        builder: B256::ZERO,
    };
    for exchange in Exchange::ALL {
        let network = wallet.network;
        if order.id(exchange, network) != digest(exchange.domain_separator(network), by_words(&order)) {
            return Err(format!("the order's id on {exchange:?} is not that of its words"));
        }
        let signature = match wallet.is_session {
            true => signature::sign_in_session(&order, &wallet.key, exchange, network),
            false => signature::sign(&order, &wallet.key, exchange, network),
        };
        signature::check(&order, &signature, exchange, network).map_err(|wrong| format!("{exchange:?}: {wrong}"))?;
    }
    Ok(())
}

fn by_words(order: &Order) -> B256 {
    let number = |number: u64| B256::from(U256::from(number));
    hash_words(&[
        keccak256(TYPE),
        number(order.salt),
        order.maker.into_word(),
        order.signer.into_word(),
        B256::from(order.token),
        number(order.maker_amount),
        number(order.taker_amount),
        number(u64::from(side_number(order.side))),
        number(u64::from(order.signature_type.number())),
        number(order.timestamp.0),
        order.metadata,
        order.builder,
    ])
}
