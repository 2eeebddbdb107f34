//! One GET with limits: time, length, tries.

use std::time::Duration;

use reqwest::{Client, StatusCode};
use serde::de::DeserializeOwned;

use super::RestError;

/// The longest answer that is read, in bytes.
pub const BODY_MAX: usize = 8 << 20;
const TIMEOUT: Duration = Duration::from_secs(2);
const TRIES: u32 = 3;
/// The pause before the second try; it doubles before the third.
const PAUSE: Duration = Duration::from_millis(200);
/// How much of an error's body is kept, in characters.
const EXCERPT_MAX: usize = 200;

#[derive(Clone, Debug)]
pub struct Reader(Client);

impl Reader {
    /// Panics if the TLS settings are not those of the reqwest that is linked, which a build cannot change at run time.
    pub fn new() -> Reader {
        let client = Client::builder()
            .tls_backend_preconfigured(super::super::client_tls())
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .tcp_nodelay(true)
            .timeout(TIMEOUT)
            .build()
            .expect("settings that are the same on every machine");
        Reader(client)
    }

    /// Reads a JSON answer. Tries three times where the venue fails, is busy or does not answer.
    pub async fn get<Answer: DeserializeOwned>(&self, url: &str) -> Result<Answer, RestError> {
        let mut tried = 1;
        let body = loop {
            match self.get_once(url).await {
                Ok(body) => break body,
                Err(error) if tried < TRIES && is_worth_another_try(&error) => {
                    tokio::time::sleep(PAUSE * 2_u32.pow(tried - 1)).await;
                    tried += 1;
                }
                Err(error) => return Err(error),
            }
        };
        serde_json::from_slice(&body)
            .map_err(|error| RestError::Malformed { url: url.to_owned(), error: error.to_string() })
    }

    async fn get_once(&self, url: &str) -> Result<Vec<u8>, RestError> {
        let failed = |error: reqwest::Error| RestError::Failed { url: url.to_owned(), error: causes(&error) };
        let mut response = self.0.get(url).send().await.map_err(failed)?;
        let status = response.status();
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > BODY_MAX {
                return Err(RestError::TooLong { url: url.to_owned() });
            }
            body.extend_from_slice(&chunk);
        }
        match status {
            StatusCode::OK => Ok(body),
            StatusCode::NOT_FOUND => Err(RestError::NotFound { url: url.to_owned() }),
            status => {
                let excerpt = String::from_utf8_lossy(&body).chars().take(EXCERPT_MAX).collect();
                Err(RestError::Status { url: url.to_owned(), status: status.as_u16(), body: excerpt })
            }
        }
    }
}

fn is_worth_another_try(error: &RestError) -> bool {
    match error {
        RestError::Failed { .. } => true,
        RestError::Status { status, .. } => *status == 429 || *status >= 500,
        RestError::NotAToken { .. }
        | RestError::NotFound { .. }
        | RestError::TooLong { .. }
        | RestError::Malformed { .. }
        | RestError::NotUnderstood { .. } => false,
    }
}

/// reqwest says what failed only in the chain of its causes.
fn causes(error: &reqwest::Error) -> String {
    let mut text = error.to_string();
    let mut cause = std::error::Error::source(error);
    while let Some(error) = cause {
        text = format!("{text}: {error}");
        cause = error.source();
    }
    text
}
