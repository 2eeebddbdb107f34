//! The venue's relayer: sends what owners of contract wallets signed, at the venue's expense (PROTOCOL.md 9.4).

use std::fmt;

use alloy::primitives::Address;
use reqwest::Method;
use reqwest::header::HeaderValue;
use serde::{Deserialize, de::DeserializeOwned};

use super::{ChainError, Service};
use crate::clock;
use crate::venue::polymarket::SignatureType;
use crate::venue::polymarket::auth::{Request, Secret};
use crate::venue::polymarket::onchain::relayed::{Turn, kind_name};
use crate::venue::polymarket::onchain::{Answer, Progress, Ticket};

/// What lets us send through the relayer. Cannot move anything by itself. Is never printed.
#[derive(Clone)]
pub enum RelayerKey {
    /// A builder's API key: requests carry a MAC.
    Builder { id: String, secret: Secret, passphrase: String },
    /// A relayer key of the account: shown as it is.
    Bare { key: String, address: Address },
}

/// A text is not the key. Never says what it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadRelayerKey;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyWire {
    key: String,
    secret: Option<String>,
    passphrase: Option<String>,
    address: Option<Address>,
}

impl RelayerKey {
    /// Reads `{"key", "secret", "passphrase"}` of a builder, or `{"key", "address"}` of a relayer key.
    pub fn parse(text: &[u8]) -> Result<RelayerKey, BadRelayerKey> {
        let wire: KeyWire = serde_json::from_slice(text).map_err(|_| BadRelayerKey)?;
        match wire {
            KeyWire { key, secret: Some(secret), passphrase: Some(passphrase), address: None } => {
                let secret = Secret::from_base64(&secret).map_err(|_| BadRelayerKey)?;
                Ok(RelayerKey::Builder { id: key, secret, passphrase })
            }
            KeyWire { key, secret: None, passphrase: None, address: Some(address) } => {
                Ok(RelayerKey::Bare { key, address })
            }
            KeyWire { .. } => Err(BadRelayerKey),
        }
    }

    /// Returns the headers of a request.
    fn headers(&self, method: &str, path: &str, body: &[u8]) -> Vec<(&'static str, String)> {
        match self {
            RelayerKey::Builder { id, secret, passphrase } => {
                let timestamp = clock::system().as_secs().to_string();
                let signature = secret.sign(&Request { timestamp: &timestamp, method, path, body });
                vec![
                    ("POLY_BUILDER_API_KEY", id.clone()),
                    ("POLY_BUILDER_PASSPHRASE", passphrase.clone()),
                    ("POLY_BUILDER_SIGNATURE", signature),
                    ("POLY_BUILDER_TIMESTAMP", timestamp),
                ]
            }
            RelayerKey::Bare { key, address } => {
                vec![("RELAYER_API_KEY", key.clone()), ("RELAYER_API_KEY_ADDRESS", address.to_string())]
            }
        }
    }
}

/// The relayer, and our key for it.
#[derive(Clone, Debug)]
pub struct Relayer {
    service: Service,
    key: RelayerKey,
}

impl Relayer {
    /// Returns the relayer at an address such as `https://relayer-v2.polymarket.com`.
    pub fn new(url: &str, key: RelayerKey) -> Relayer {
        Relayer { service: Service::new(url), key }
    }

    /// Returns the nonce that an owner's wallet signs next, and who would send it.
    pub async fn turn(&self, owner: Address, kind: SignatureType) -> Result<Turn, ChainError> {
        #[derive(Deserialize)]
        struct Params {
            address: Address,
            nonce: String,
        }
        let name = kind_name(kind).unwrap_or_default();
        let query = format!("?address={owner}&type={name}");
        let params: Params = self.ask(Method::GET, "/v1/account/transactions/params", &query, "").await?;
        let nonce = params.nonce.parse().map_err(|_| self.service.malformed("the nonce is no number"))?;
        Ok(Turn { relay: params.address, nonce })
    }

    /// Submits a request once.
    pub async fn submit(&self, body: &str) -> Answer {
        #[derive(Deserialize)]
        struct Submitted {
            #[serde(rename = "transactionID")]
            id: String,
        }
        match self.ask::<Submitted>(Method::POST, "/submit", "", body).await {
            Ok(Submitted { id }) => Answer::Taken(Ticket::Relayed(id)),
            Err(ChainError::TooMany { host, secs }) => {
                Answer::Later { why: format!("{host}: the relayer's quota is used up"), secs }
            }
            Err(error) if error.is_in_doubt() => Answer::Unknown(error.to_string()),
            Err(error) => Answer::Refused(error.to_string()),
        }
    }

    pub async fn progress(&self, id: &str) -> Result<Progress, ChainError> {
        #[derive(Deserialize)]
        struct Transaction {
            state: String,
            #[serde(default)]
            error_msg: Option<String>,
        }
        let path = format!("/v1/account/transactions/{id}");
        let found: Transaction = self.ask(Method::GET, &path, "", "").await?;
        let why = || found.error_msg.as_deref().unwrap_or("no reason told").to_owned();
        match found.state.as_str() {
            "STATE_NEW" | "STATE_EXECUTED" => Ok(Progress::Waiting),
            "STATE_MINED" => Ok(Progress::Mined),
            "STATE_CONFIRMED" => Ok(Progress::Confirmed),
            "STATE_FAILED" => Ok(Progress::Failed(format!("undone on the chain: {}", why()))),
            "STATE_INVALID" => Ok(Progress::Failed(format!("the relayer will not send it: {}", why()))),
            other => Err(self.service.malformed(format!("state {other:?}"))),
        }
    }

    async fn ask<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        query: &str,
        body: &str,
    ) -> Result<T, ChainError> {
        let Service { client, url, .. } = &self.service;
        let headers = self.key.headers(method.as_str(), path, body.as_bytes());
        let request = client.request(method, format!("{url}{path}{query}"));
        let request = request.header("content-type", "application/json").body(body.to_owned());
        let mut with = request;
        for (name, value) in headers {
            let mut value = HeaderValue::try_from(value).map_err(|_| self.unsendable())?;
            value.set_sensitive(true);
            with = with.header(name, value);
        }
        let body = self.service.ask(with).await?;
        serde_json::from_slice(&body).map_err(|error| self.service.malformed(error))
    }

    fn unsendable(&self) -> ChainError {
        let said = "the relayer key has characters that no header can carry: copy it again".to_owned();
        ChainError::Refused { host: self.service.host.clone(), said }
    }
}

impl fmt::Debug for RelayerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            RelayerKey::Builder { .. } => write!(f, "RelayerKey::Builder(..)"),
            RelayerKey::Bare { address, .. } => write!(f, "RelayerKey::Bare({address})"),
        }
    }
}

impl fmt::Display for BadRelayerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "not the relayer's key: {{\"key\": .., \"secret\": .., \"passphrase\": ..}} of a builder, or \
             {{\"key\": .., \"address\": ..}} of a relayer key, as the venue's settings page shows them"
        )
    }
}
impl std::error::Error for BadRelayerKey {}
