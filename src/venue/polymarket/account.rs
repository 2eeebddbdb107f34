//! What the venue says of an account, asked a few times by a person: for `remora key`, `remora doctor`, and before live is
//! turned on. Nothing here sends an order.

use std::{collections::BTreeMap, fmt, time::Duration};

use alloy::{
    hex,
    primitives::{Address, B256, U256, keccak256},
};
use reqwest::{Client, Method, StatusCode};
use serde::Deserialize;

use super::{
    Exchange, Order, SignatureType,
    auth::{ClobAuth, Request},
    credentials::{Credentials, NoCredentials},
    order::{TYPE, digest, hash_words, side_number},
    signature,
};
use crate::{
    clock,
    domain::{Millis, Side, Usdc},
    feed::client_tls,
    secret::Wallet,
};

const PATIENCE: Duration = Duration::from_secs(5);
const BODY_MAX: usize = 64 * 1_024;
/// How much of an error's body is shown, in characters.
const EXCERPT_MAX: usize = 200;
/// The venue says where it serves, at another host than it trades at.
const CLOB: &str = "https://clob.polymarket.com";
const GEOBLOCK: &str = "https://polymarket.com/api/geoblock";

/// An account's view of the venue.
pub struct Account<'a> {
    http: Client,
    clob_url: &'a str,
    wallet: &'a Wallet,
}

/// What was asked and what came instead of an answer. Never holds what was sent: that has secrets in its headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccountError {
    pub url: String,
    pub wrong: String,
    /// The venue refused who asked, not what was asked.
    pub is_refused: bool,
}

/// A wallet's collateral at the venue, and which contracts may take it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Funds {
    pub balance: Usdc,
    /// The contracts of this network's exchanges that may take none of it.
    pub missing: Vec<Exchange>,
}

/// Whether the venue serves this place.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Place {
    pub blocked: bool,
    #[serde(default)]
    pub country: String,
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
        let http = Client::builder()
            .tls_backend_preconfigured(client_tls())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(PATIENCE)
            .build()
            .expect("settings that are the same on every machine");
        Account { http, clob_url: clob_url.trim_end_matches('/'), wallet }
    }

    /// Returns how many seconds our clock is ahead of the venue's; it tells whole seconds, so one is none.
    pub async fn clock_ahead(&self) -> Result<i64, AccountError> {
        let url = format!("{}/time", self.clob_url);
        let body = self.get(&url, &[]).await?;
        let theirs: i64 = read(&url, &body)?;
        Ok(clock::system().as_secs() as i64 - theirs)
    }

    pub async fn place(&self) -> Result<Place, AccountError> {
        let url = geoblock_url(self.clob_url);
        read(&url, &self.get(&url, &[]).await?)
    }

    /// Returns the API key that the venue keeps for this signer. Never makes one: that would end another's.
    pub async fn derive(&self) -> Result<Credentials, AccountError> {
        self.ask_for_key(Method::GET, "/auth/derive-api-key").await
    }

    /// Makes the API key of this signer, where there is none yet.
    pub async fn create(&self) -> Result<Credentials, AccountError> {
        self.ask_for_key(Method::POST, "/auth/api-key").await
    }

    async fn ask_for_key(&self, method: Method, path: &str) -> Result<Credentials, AccountError> {
        let timestamp = clock::system().as_secs().to_string();
        let address = self.wallet.signer();
        let claim = ClobAuth { address, timestamp: &timestamp, nonce: U256::ZERO };
        let signature = claim.sign(&self.wallet.key, self.wallet.network);
        let headers = [
            ("POLY_ADDRESS", address.to_string()),
            ("POLY_SIGNATURE", hex::encode_prefixed(signature)),
            ("POLY_TIMESTAMP", timestamp.clone()),
            ("POLY_NONCE", "0".to_owned()),
        ];
        let url = format!("{}{path}", self.clob_url);
        let body = self.ask(method, &url, &headers).await?;
        Credentials::from_answer(&body).map_err(|wrong: NoCredentials| AccountError::new(&url, wrong))
    }

    pub async fn is_closed_only(&self, credentials: &Credentials) -> Result<bool, AccountError> {
        #[derive(Deserialize)]
        struct Answer {
            closed_only: bool,
        }
        let (url, body) = self.get_privately(credentials, "/auth/ban-status/closed-only", "").await?;
        read::<Answer>(&url, &body).map(|answer| answer.closed_only)
    }

    /// Returns what a wallet of this signer has to buy with.
    pub async fn funds(&self, credentials: &Credentials, kind: SignatureType) -> Result<Funds, AccountError> {
        #[derive(Deserialize)]
        struct Answer {
            balance: String,
            #[serde(default)]
            allowances: BTreeMap<String, String>,
        }
        let query = format!("?asset_type=COLLATERAL&signature_type={}", kind.number());
        let (url, body) = self.get_privately(credentials, "/balance-allowance", &query).await?;
        let answer: Answer = read(&url, &body)?;
        let balance = answer.balance.parse().map_err(|_| AccountError::new(&url, "the balance is no whole number"))?;
        let may_take = |exchange: Exchange| {
            let contract = exchange.address(self.wallet.network);
            answer.allowances.iter().any(|(spender, allowance)| {
                spender.parse::<Address>() == Ok(contract)
                    && allowance.parse::<U256>().is_ok_and(|some| !some.is_zero())
            })
        };
        let missing = Exchange::ALL.into_iter().filter(|exchange| !may_take(*exchange)).collect();
        Ok(Funds { balance: Usdc(balance), missing })
    }

    async fn get_privately(
        &self,
        credentials: &Credentials,
        path: &str,
        query: &str,
    ) -> Result<(String, Vec<u8>), AccountError> {
        let timestamp = clock::system().as_secs().to_string();
        let request = Request { timestamp: &timestamp, method: "GET", path, body: b"" };
        let headers = [
            ("POLY_ADDRESS", self.wallet.signer().to_string()),
            ("POLY_SIGNATURE", credentials.secret.sign(&request)),
            ("POLY_TIMESTAMP", timestamp.clone()),
            ("POLY_API_KEY", credentials.id.clone()),
            ("POLY_PASSPHRASE", credentials.passphrase().to_owned()),
        ];
        let url = format!("{}{path}{query}", self.clob_url);
        let body = self.get(&url, &headers).await?;
        Ok((url, body))
    }

    async fn get(&self, url: &str, headers: &[(&str, String)]) -> Result<Vec<u8>, AccountError> {
        self.ask(Method::GET, url, headers).await
    }

    async fn ask(&self, method: Method, url: &str, headers: &[(&str, String)]) -> Result<Vec<u8>, AccountError> {
        let failed = |error: reqwest::Error| AccountError::new(url, format!("no answer: {}", error.without_url()));
        let request = headers.iter().fold(self.http.request(method, url), |request, (name, value)| {
            let mut value = reqwest::header::HeaderValue::try_from(value).expect("digits, letters and base64");
            value.set_sensitive(true);
            request.header(*name, value)
        });
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > BODY_MAX {
                return Err(AccountError::new(url, format!("the answer is longer than {BODY_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        if status == StatusCode::OK {
            return Ok(body);
        }
        let excerpt: String = String::from_utf8_lossy(&body).chars().take(EXCERPT_MAX).collect();
        let is_refused = status == StatusCode::UNAUTHORIZED || status == StatusCode::FORBIDDEN;
        Err(AccountError { is_refused, ..AccountError::new(url, format!("HTTP {}: {excerpt}", status.as_u16())) })
    }
}

impl AccountError {
    fn new(url: &str, wrong: impl fmt::Display) -> AccountError {
        AccountError { url: url.to_owned(), wrong: wrong.to_string(), is_refused: false }
    }
}

impl fmt::Display for AccountError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.url, self.wrong)
    }
}

impl std::error::Error for AccountError {}

fn read<T: for<'de> Deserialize<'de>>(url: &str, body: &[u8]) -> Result<T, AccountError> {
    // What stands in the answer may be a secret: only where it is wrong is told.
    serde_json::from_slice(body).map_err(|error| {
        AccountError::new(url, format!("unexpected answer at line {} column {}", error.line(), error.column()))
    })
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
