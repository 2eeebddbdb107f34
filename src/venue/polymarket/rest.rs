//! WHAT IS ASKED OF THE VENUE OVER REST: who we are to it, how our orders and trades stand, cancels, and whether the world lets
//! us trade. Off the trading path. One request is one request: no repeat, no redirect, no proxy (RELIABILITY.md F26).

mod index;
mod request;

use std::sync::{Arc, Mutex};

use alloy::primitives::{Address, U256};
use serde_json::Value;

pub use index::{ActivityPage, DataApi, OpenPosition, Row};
pub use request::{Failure, Place};
use request::{Method, Requester};

use super::auth::ClobAuth;
use super::buckets::{Buckets, Draw};
use super::credentials::Credentials;
use super::{Exchange, Key, Network, SignatureType};
use crate::domain::{Nanos, VenueOrderId};

/// The cursor behind the last page, and the most pages that are read: 10,000 rows.
const END: &str = "LTE=";
const PAGES_MAX: usize = 100;

/// What everybody may ask, and how an API key is found.
#[derive(Clone, Debug)]
pub struct Public {
    requester: Requester,
    geoblock_url: String,
}

/// What the owner of an API key may ask. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Rest {
    requester: Requester,
    /// Of the signing key.
    address: Address,
    api: Arc<Credentials>,
    buckets: Arc<Mutex<Buckets>>,
    clock: fn() -> Nanos,
}

/// What is held of something, and who may move how much of it; in millionths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Balance {
    pub held: u64,
    pub allowances: Vec<(Address, U256)>,
}

/// Of what a balance is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asset<'a> {
    Collateral,
    /// A token of V2.
    Conditional(&'a str),
    /// A position id of V3.
    Position(&'a str),
}

/// What came of a cancel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cancelled {
    Yes,
    /// In the venue's words: matched or cancelled before, or held.
    No(String),
}

/// What came of a heartbeat.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Beat {
    /// The next one carries this.
    Taken { next: String },
    /// It carried another id than this one.
    Expected { id: String },
}

impl Balance {
    /// Returns the exchanges that may take none of it.
    pub fn missing(&self, network: Network) -> Vec<Exchange> {
        let may_take = |exchange: &Exchange| {
            let spender = exchange.address(network);
            self.allowances.iter().any(|(known, amount)| *known == spender && !amount.is_zero())
        };
        Exchange::ALL.into_iter().filter(|exchange| !may_take(exchange)).collect()
    }
}

impl Public {
    /// `geoblock_url` is on another host than the CLOB.
    pub fn new(clob_url: &str, geoblock_url: &str) -> Public {
        Public { requester: Requester::new(clob_url), geoblock_url: geoblock_url.to_owned() }
    }

    /// Returns the venue's clock, in seconds since 1970.
    pub async fn time(&self) -> Result<u64, Failure> {
        let place = Place { method: Method::Get, path: "/time", query: "" };
        let answer = self.requester.ask(&place, vec![], String::new()).await?;
        let secs = answer.as_u64().or_else(|| answer.as_str()?.parse().ok());
        secs.ok_or_else(|| place.strange("a number of seconds", &answer))
    }

    /// Returns which generation of orders the venue takes.
    pub async fn version(&self) -> Result<u64, Failure> {
        let place = Place { method: Method::Get, path: "/version", query: "" };
        let answer = self.requester.ask(&place, vec![], String::new()).await?;
        answer["version"].as_u64().ok_or_else(|| place.strange("a version", &answer))
    }

    /// Returns whether the venue does not serve the place that we are at, and which that is.
    pub async fn is_blocked(&self) -> Result<(bool, String), Failure> {
        let requester = Requester::new("");
        let place = Place { method: Method::Get, path: &self.geoblock_url, query: "" };
        let answer = requester.ask(&place, vec![], String::new()).await?;
        let is_blocked = answer["blocked"].as_bool().ok_or_else(|| place.strange("blocked", &answer))?;
        let word = |name: &str| answer[name].as_str().unwrap_or("?").chars().take(8).collect::<String>();
        Ok((is_blocked, format!("{} {}", word("country"), word("region"))))
    }

    /// Returns the API key of `key` with nonce 0. Finds it again; makes none.
    pub async fn derive(&self, key: &Key, network: Network, now: Nanos) -> Result<Credentials, Failure> {
        let place = Place { method: Method::Get, path: "/auth/derive-api-key", query: "" };
        self.api_key(&place, key, network, now).await
    }

    /// Makes the API key of `key` with nonce 0, where there is none yet.
    pub async fn create(&self, key: &Key, network: Network, now: Nanos) -> Result<Credentials, Failure> {
        let place = Place { method: Method::Post, path: "/auth/api-key", query: "" };
        self.api_key(&place, key, network, now).await
    }

    async fn api_key(
        &self,
        place: &Place<'_>,
        key: &Key,
        network: Network,
        now: Nanos,
    ) -> Result<Credentials, Failure> {
        let timestamp = now.as_secs().to_string();
        let attestation = ClobAuth { address: key.address(), timestamp: &timestamp, nonce: U256::ZERO };
        let signature = attestation.sign(key, network);
        let headers = vec![
            ("POLY_ADDRESS", key.address().to_string()),
            ("POLY_SIGNATURE", alloy::hex::encode_prefixed(signature)),
            ("POLY_TIMESTAMP", timestamp),
            ("POLY_NONCE", "0".to_owned()),
        ];
        let answer = self.requester.bytes(place, headers, String::new()).await?;
        // What was answered is secret, whatever it is.
        Credentials::from_answer(&answer).map_err(|_| place.unlike("apiKey, secret and passphrase"))
    }
}

impl Rest {
    pub fn new(
        clob_url: &str,
        address: Address,
        api: Arc<Credentials>,
        buckets: Arc<Mutex<Buckets>>,
        clock: fn() -> Nanos,
    ) -> Rest {
        Rest { requester: Requester::new(clob_url), address, api, buckets, clock }
    }

    /// Returns whether the account may only close what it holds.
    pub async fn closed_only(&self) -> Result<bool, Failure> {
        let place = Place { method: Method::Get, path: "/auth/ban-status/closed-only", query: "" };
        let answer = self.ask(Draw::Account, &place, String::new()).await?;
        answer["closed_only"].as_bool().ok_or_else(|| place.strange("closed_only", &answer))
    }

    /// Returns what the venue thinks that the wallet holds: it lags.
    pub async fn balance(&self, asset: Asset<'_>, kind: SignatureType) -> Result<Balance, Failure> {
        let query = asset.query(kind);
        let place = Place { method: Method::Get, path: "/balance-allowance", query: &query };
        let answer = self.ask(Draw::Account, &place, String::new()).await?;
        let held = answer["balance"].as_str().and_then(|text| text.parse().ok());
        let held = held.ok_or_else(|| place.strange("a balance", &answer))?;
        let allowance = |(spender, amount): (&String, &Value)| {
            Some((spender.parse().ok()?, U256::from_str_radix(amount.as_str()?, 10).ok()?))
        };
        let allowances = answer["allowances"].as_object().into_iter().flatten().filter_map(allowance).collect();
        Ok(Balance { held, allowances })
    }

    /// Has the venue look at the chain anew: needed after a deposit or an approval.
    pub async fn update_balance(&self, asset: Asset<'_>, kind: SignatureType) -> Result<(), Failure> {
        let query = asset.query(kind);
        let place = Place { method: Method::Get, path: "/balance-allowance/update", query: &query };
        self.ask(Draw::Account, &place, String::new()).await.map(drop)
    }

    /// Returns an order's row whatever its state; `None` where the venue does not know it (which is weak evidence).
    pub async fn order(&self, id: VenueOrderId) -> Result<Option<Value>, Failure> {
        let path = format!("/data/order/{id}");
        let place = Place { method: Method::Get, path: &path, query: "" };
        match self.ask(Draw::Read, &place, String::new()).await {
            Ok(Value::Null) | Err(Failure::Status { status: 404, .. }) => Ok(None),
            Ok(row) if row.is_object() => Ok(Some(row)),
            Ok(answer) => Err(place.strange("an order", &answer)),
            Err(failure) => Err(failure),
        }
    }

    /// Returns the rows of our open orders, to the last page.
    pub async fn open_orders(&self) -> Result<Vec<Value>, Failure> {
        self.pages("/data/orders", "").await
    }

    /// Returns the rows of our trades since then (seconds since 1970), to the last page.
    pub async fn trades(&self, after_s: u64) -> Result<Vec<Value>, Failure> {
        self.pages("/data/trades", &format!("after={after_s}")).await
    }

    pub async fn cancel(&self, id: VenueOrderId) -> Result<Cancelled, Failure> {
        let place = Place { method: Method::Delete, path: "/order", query: "" };
        let answer = self.ask(Draw::Cancel, &place, format!("{{\"orderID\":\"{id}\"}}")).await?;
        let id = id.to_string();
        let is_it = |text: &str| text.eq_ignore_ascii_case(&id);
        if answer["canceled"].as_array().into_iter().flatten().any(|one| one.as_str().is_some_and(is_it)) {
            return Ok(Cancelled::Yes);
        }
        let why = answer["not_canceled"].as_object().and_then(|all| all.iter().find(|(one, _)| is_it(one)));
        let why = why.map(|(_, why)| why.as_str().unwrap_or_default().chars().take(200).collect());
        why.map(Cancelled::No).ok_or_else(|| place.strange("canceled or not_canceled", &answer))
    }

    /// Cancels whatever rests of this key; returns how many were, and how many could not be cancelled.
    pub async fn cancel_all(&self) -> Result<(usize, usize), Failure> {
        let place = Place { method: Method::Delete, path: "/cancel-all", query: "" };
        let answer = self.ask(Draw::Cancel, &place, String::new()).await?;
        let cancelled = answer["canceled"].as_array().ok_or_else(|| place.strange("canceled", &answer))?.len();
        Ok((cancelled, answer["not_canceled"].as_object().map_or(0, serde_json::Map::len)))
    }

    /// Says that we live, with the id that the venue gave last; the first time with none.
    pub async fn heartbeat(&self, id: &str) -> Result<Beat, Failure> {
        let place = Place { method: Method::Post, path: "/v1/heartbeats", query: "" };
        let named = |answer: &Value| answer["heartbeat_id"].as_str().map(str::to_owned);
        let body = serde_json::json!({ "heartbeat_id": id }).to_string();
        match self.ask(Draw::Account, &place, body).await {
            Ok(answer) => {
                named(&answer).map(|next| Beat::Taken { next }).ok_or_else(|| place.strange("a heartbeat_id", &answer))
            }
            Err(Failure::Status { what, status: 400, said }) => {
                let expected = serde_json::from_str(&said).ok().and_then(|answer| named(&answer));
                expected.map(|id| Beat::Expected { id }).ok_or(Failure::Status { what, status: 400, said })
            }
            Err(failure) => Err(failure),
        }
    }

    async fn pages(&self, path: &str, query: &str) -> Result<Vec<Value>, Failure> {
        let (mut rows, mut cursor) = (Vec::new(), String::new());
        for _ in 0..PAGES_MAX {
            let both = if query.is_empty() || cursor.is_empty() { "" } else { "&" };
            let at = if cursor.is_empty() { String::new() } else { format!("next_cursor={}", escaped(&cursor)) };
            let query = format!("{query}{both}{at}");
            let place = Place { method: Method::Get, path, query: &query };
            let mut answer = self.ask(Draw::Read, &place, String::new()).await?;
            // Older answers are the rows themselves.
            let next = answer["next_cursor"].as_str().unwrap_or(END).to_owned();
            let page = if answer.is_array() { answer.take() } else { answer["data"].take() };
            let Value::Array(page) = page else { return Err(place.unlike("a page of rows")) };
            rows.extend(page);
            if next.is_empty() || next == END || next == cursor {
                return Ok(rows);
            }
            cursor = next;
        }
        Err(Failure::TooLong { what: path.to_owned() })
    }

    /// Signs a request with the API key and sends it, if our own rate limit lets it.
    async fn ask(&self, draw: Draw, place: &Place<'_>, body: String) -> Result<Value, Failure> {
        let now = (self.clock)();
        if !self.buckets.lock().expect("nobody panicked with the buckets in hand").draw(now, draw) {
            return Err(Failure::NoRoom { what: place.to_string() });
        }
        let headers = signed(&self.api, self.address, place.method.name(), place.path, &body, now);
        self.requester.ask(place, headers, body).await
    }
}

/// Returns the L2 headers of a request.
pub fn signed(
    api: &Credentials,
    address: Address,
    method: &str,
    path: &str,
    body: &str,
    now: Nanos,
) -> Vec<(&'static str, String)> {
    let timestamp = now.as_secs().to_string();
    let request = super::auth::Request { timestamp: &timestamp, method, path, body: body.as_bytes() };
    let signature = api.secret.sign(&request);
    vec![
        ("POLY_ADDRESS", address.to_string()),
        ("POLY_SIGNATURE", signature),
        ("POLY_TIMESTAMP", timestamp),
        ("POLY_API_KEY", api.id.clone()),
        ("POLY_PASSPHRASE", api.passphrase().to_owned()),
    ]
}

impl Asset<'_> {
    fn query(&self, kind: SignatureType) -> String {
        let kind = kind.number();
        match self {
            Asset::Collateral => format!("asset_type=COLLATERAL&signature_type={kind}"),
            Asset::Conditional(token) => {
                format!("asset_type=CONDITIONAL&token_id={token}&signature_type={kind}")
            }
            Asset::Position(token) => format!("asset_type=CONDITIONAL-V2&token_id={token}&signature_type={kind}"),
        }
    }
}

/// A cursor is base64: of what that has, only these mean something in a query.
fn escaped(cursor: &str) -> String {
    cursor.replace('%', "%25").replace('+', "%2B").replace('/', "%2F").replace('=', "%3D").replace('&', "%26")
}

#[cfg(test)]
mod tests;
