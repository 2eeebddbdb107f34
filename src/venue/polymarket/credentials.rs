//! What the venue gives a signer for its private calls. In memory only, derived anew at each start, and never printed.

use std::fmt;

use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;

use super::auth::{BadSecret, Secret};

/// An API key with its secret and passphrase.
#[derive(Clone)]
pub struct Credentials {
    /// Names the key in requests; it is no secret by itself.
    pub id: String,
    pub secret: Secret,
    passphrase: SecretString,
}

/// As the venue answers.
#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "apiKey")]
    id: String,
    secret: SecretString,
    passphrase: SecretString,
}

/// The answer is not an API key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoCredentials;

impl Credentials {
    pub fn new(id: String, secret: Secret, passphrase: String) -> Credentials {
        Credentials { id, secret, passphrase: passphrase.into() }
    }

    /// Reads the answer to a request for an API key.
    pub fn from_answer(body: &[u8]) -> Result<Credentials, NoCredentials> {
        let Answer { id, secret, passphrase } = serde_json::from_slice(body).map_err(|_| NoCredentials)?;
        let secret = Secret::from_base64(secret.expose_secret()).map_err(|BadSecret| NoCredentials)?;
        Ok(Credentials { id, secret, passphrase })
    }

    /// Returns the passphrase for the header `POLY_PASSPHRASE`, and for nothing else.
    pub fn passphrase(&self) -> &str {
        self.passphrase.expose_secret()
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Credentials({}, ..)", self.id)
    }
}

impl fmt::Display for NoCredentials {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the venue's answer is not an API key with a secret and a passphrase")
    }
}

impl std::error::Error for NoCredentials {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_read_and_not_printed() {
        let body = br#"{"apiKey":"aaaa-bbbb","secret":"-__-AA==","passphrase":"open sesame"}"#;
        let credentials = Credentials::from_answer(body).expect("credentials");
        assert_eq!((credentials.id.as_str(), credentials.passphrase()), ("aaaa-bbbb", "open sesame"));
        assert_eq!(format!("{credentials:?}"), "Credentials(aaaa-bbbb, ..)");
        for wrong in [&b"{}"[..], b"<html>", br#"{"apiKey":"a","secret":"!","passphrase":"p"}"#] {
            assert_eq!(Credentials::from_answer(wrong).err(), Some(NoCredentials));
        }
    }
}
