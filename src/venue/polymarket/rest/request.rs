//! One request to the venue's REST, with limits of time and length.

use std::fmt;
use std::time::Duration;

use reqwest::header::{HeaderValue, RETRY_AFTER};
use reqwest::{Client, StatusCode};
use serde_json::Value;

/// The longest answer that is read, in bytes.
const BODY_MAX: usize = 8 << 20;
const TIMEOUT: Duration = Duration::from_secs(5);
const CONNECT_TIMEOUT: Duration = Duration::from_secs(1);
/// How much of an answer that is a no is kept, in characters.
const EXCERPT_MAX: usize = 200;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    Get,
    Post,
    Delete,
}

impl Method {
    pub const fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Post => "POST",
            Method::Delete => "DELETE",
        }
    }
}

/// What is asked where.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'a> {
    pub method: Method,
    /// Without host; signed as it stands here.
    pub path: &'a str,
    /// Without the question mark; not signed.
    pub query: &'a str,
}

/// Why there is no answer that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// Our own rate limit leaves no room: nothing was sent.
    NoRoom {
        what: String,
    },
    /// Nobody answered, or not in time.
    NoAnswer {
        what: String,
        error: String,
    },
    /// 429: more than the venue takes. It says when it takes more, if it says anything.
    Busy {
        what: String,
        wait: Option<Duration>,
    },
    /// A no, by its status.
    Status {
        what: String,
        status: u16,
        said: String,
    },
    /// An answer that is not what the protocol says.
    Unlike {
        what: String,
        expected: &'static str,
        found: String,
    },
    TooLong {
        what: String,
    },
}

impl Failure {
    /// Returns whether the venue does not take our credentials.
    pub const fn is_unauthorised(&self) -> bool {
        matches!(self, Failure::Status { status: 401, .. })
    }

    /// Whether the same request may be answered a little later.
    pub fn may_pass(&self) -> bool {
        match self {
            Failure::Busy { .. } | Failure::NoAnswer { .. } | Failure::NoRoom { .. } => true,
            Failure::Status { status, .. } => *status >= 500,
            Failure::Unlike { .. } | Failure::TooLong { .. } => false,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Failure::NoRoom { what } => write!(f, "{what}: not asked: our rate limit leaves no room for it now"),
            Failure::NoAnswer { what, error } => write!(f, "{what}: no answer: {error}"),
            Failure::Busy { what, wait: Some(wait) } => write!(f, "{what}: HTTP 429: more in {wait:?}"),
            Failure::Busy { what, wait: None } => write!(f, "{what}: HTTP 429"),
            Failure::Status { what, status, said } => write!(f, "{what}: HTTP {status}: {said}"),
            Failure::Unlike { what, expected, found } => write!(f, "{what}: expected {expected}, got {found}"),
            Failure::TooLong { what } => write!(f, "{what}: the answer is longer than is read"),
        }
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Place<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.method.name(), self.path)
    }
}

impl Place<'_> {
    pub fn strange(&self, expected: &'static str, found: &Value) -> Failure {
        let found = found.to_string().chars().take(EXCERPT_MAX).collect();
        Failure::Unlike { what: self.to_string(), expected, found }
    }

    /// The same, of an answer that is not to be repeated.
    pub fn unlike(&self, expected: &'static str) -> Failure {
        Failure::Unlike { what: self.to_string(), expected, found: "something else".to_owned() }
    }
}

#[derive(Clone, Debug)]
pub struct Requester {
    client: Client,
    origin: String,
}

impl Requester {
    /// Panics if the TLS settings are not those of the reqwest that is linked, which a build cannot change at run time.
    pub fn new(origin: &str) -> Requester {
        let client = Client::builder()
            .tls_backend_preconfigured(crate::feed::client_tls())
            .retry(reqwest::retry::never())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .user_agent(concat!("remora/", env!("CARGO_PKG_VERSION")))
            .tcp_nodelay(true)
            .connect_timeout(CONNECT_TIMEOUT)
            .timeout(TIMEOUT)
            .build()
            .expect("settings that are the same on every machine");
        Requester { client, origin: origin.trim_end_matches('/').to_owned() }
    }

    /// Sends one request and reads the JSON of a success.
    pub async fn ask(
        &self,
        place: &Place<'_>,
        headers: Vec<(&'static str, String)>,
        body: String,
    ) -> Result<Value, Failure> {
        let bytes = self.bytes(place, headers, body).await?;
        serde_json::from_slice(&bytes).map_err(|_| place.unlike("JSON"))
    }

    /// Sends one request and returns the bytes of a success.
    pub async fn bytes(
        &self,
        place: &Place<'_>,
        headers: Vec<(&'static str, String)>,
        body: String,
    ) -> Result<Vec<u8>, Failure> {
        let mark = if place.query.is_empty() { "" } else { "?" };
        let url = format!("{}{}{mark}{}", self.origin, place.path, place.query);
        let mut request = match place.method {
            Method::Get => self.client.get(url),
            Method::Post => self.client.post(url),
            Method::Delete => self.client.delete(url),
        };
        for (name, value) in headers {
            let mut value = HeaderValue::try_from(value).expect("digits, letters and base64");
            value.set_sensitive(true);
            request = request.header(name, value);
        }
        if !body.is_empty() {
            request = request.header("content-type", "application/json").body(body);
        }
        let what = || place.to_string();
        let failed = |error: reqwest::Error| Failure::NoAnswer { what: what(), error: causes(&error) };
        let mut response = request.send().await.map_err(failed)?;
        let status = response.status();
        let wait = response.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.trim().parse().ok());
        let wait = wait.map(Duration::from_secs);
        let mut bytes = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if BODY_MAX < bytes.len() + chunk.len() {
                return Err(Failure::TooLong { what: what() });
            }
            bytes.extend_from_slice(&chunk);
        }
        if status == StatusCode::TOO_MANY_REQUESTS {
            return Err(Failure::Busy { what: what(), wait });
        }
        if !status.is_success() {
            let said = String::from_utf8_lossy(&bytes).chars().take(EXCERPT_MAX).collect();
            return Err(Failure::Status { what: what(), status: status.as_u16(), said });
        }
        Ok(bytes)
    }
}

/// reqwest says what failed only in the chain of its causes; the address in it is without secrets.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
