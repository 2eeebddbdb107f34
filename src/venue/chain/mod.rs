//! THE CHAIN: a node is asked, a transaction or a request to the relayer is sent and followed. Slow, and never on the trading
//! path; nobody who trades on paper needs any of it.

pub mod collector;
pub mod purse;
pub mod relayer;
pub mod node;

use std::{fmt, time::Duration};

use reqwest::{Client, RequestBuilder, StatusCode};

pub use collector::Collector;
pub use node::Node;
pub use purse::{Purse, Setup};

pub use relayer::{Relayer, RelayerKey};

const PATIENCE: Duration = Duration::from_secs(10);
const BODY_MAX: usize = 4 << 20;
/// How much of an answer's words is kept, in characters.
const EXCERPT_MAX: usize = 300;

/// Why there is no usable answer. Names the host: an address may hold a key, and a request does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ChainError {
    /// Nobody answers, or not in time.
    Unreachable { host: String, error: String },
    /// The service is in trouble itself: 5xx.
    Broken { host: String, status: u16, said: String },
    /// It was understood and refused; nothing was done.
    Refused { host: String, said: String },
    /// Asked too often; nothing was done.
    TooMany { host: String, secs: u64 },
    /// Not what the protocol says.
    Malformed { host: String, error: String },
}

impl ChainError {
    /// Returns whether what was asked for may have been done.
    pub const fn is_in_doubt(&self) -> bool {
        match self {
            ChainError::Unreachable { .. } | ChainError::Broken { .. } | ChainError::Malformed { .. } => true,
            ChainError::Refused { .. } | ChainError::TooMany { .. } => false,
        }
    }
}

impl fmt::Display for ChainError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ChainError::Unreachable { host, error } => write!(f, "{host}: no answer: {error}"),
            ChainError::Broken { host, status, said } => write!(f, "{host}: HTTP {status}: {said}"),
            ChainError::Refused { host, said } => write!(f, "{host}: {said}"),
            ChainError::TooMany { host, secs } => write!(f, "{host}: asked too often; again in {secs} s"),
            ChainError::Malformed { host, error } => write!(f, "{host}: unexpected answer: {error}"),
        }
    }
}

impl std::error::Error for ChainError {}

/// One service, and how it is reached.
#[derive(Clone, Debug)]
struct Service {
    client: Client,
    url: String,
    /// What people see of the address.
    host: String,
}

impl Service {
    fn new(url: &str) -> Service {
        let client = Client::builder()
            .tls_backend_preconfigured(crate::feed::client_tls())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .timeout(PATIENCE)
            .build()
            .expect("settings that are the same on every machine");
        let host = reqwest::Url::parse(url).ok().and_then(|url| url.host_str().map(str::to_owned)).unwrap_or_default();
        Service { client, url: url.trim_end_matches('/').to_owned(), host }
    }

    /// Sends a request once and reads the answer of a success.
    async fn ask(&self, request: RequestBuilder) -> Result<Vec<u8>, ChainError> {
        let host = || self.host.clone();
        let failed = |error: reqwest::Error| ChainError::Unreachable { host: host(), error: causes(error) };
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let again_in = response.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > BODY_MAX {
                return Err(self.malformed(format!("longer than {BODY_MAX} bytes")));
            }
            body.extend_from_slice(&chunk);
        }
        let said = || String::from_utf8_lossy(&body).chars().take(EXCERPT_MAX).collect::<String>();
        match status {
            status if status.is_success() => Ok(body),
            StatusCode::TOO_MANY_REQUESTS => Err(ChainError::TooMany { host: host(), secs: again_in.unwrap_or(60) }),
            status if status.is_client_error() => {
                let said = format!("HTTP {}: {}", status.as_u16(), words(&body).unwrap_or_else(said));
                Err(ChainError::Refused { host: host(), said })
            }
            status => Err(ChainError::Broken { host: host(), status: status.as_u16(), said: said() }),
        }
    }

    fn malformed(&self, error: impl fmt::Display) -> ChainError {
        ChainError::Malformed { host: self.host.clone(), error: error.to_string() }
    }
}

/// Returns the `error` of a JSON answer.
fn words(body: &[u8]) -> Option<String> {
    let answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    Some(answer.get("error")?.as_str()?.chars().take(EXCERPT_MAX).collect())
}

/// reqwest says what failed only in the chain of its causes, and the address, which may hold a key, in its first words.
fn causes(error: reqwest::Error) -> String {
    let error = error.without_url();
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(&error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests;
