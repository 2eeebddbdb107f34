//! Tokens: for programs that ask and turn things over HTTP. Of each only its SHA-256 is kept.

use std::path::{Path, PathBuf};

use alloy::hex;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::domain::Nanos;

/// As many as anybody can keep apart.
pub const TOKENS_MAX: usize = 64;
/// Shows what it is to people, and to programs that look for secrets in what is published.
const PREFIX: &str = "remora_";

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scope {
    /// To see everything.
    Read,
    /// To turn everything, too.
    Control,
}

/// What is kept of a token.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Token {
    pub name: String,
    pub scope: Scope,
    /// Of its text, in hex.
    pub sha256: String,
    /// Seconds since 1970.
    pub made_s: u64,
    /// The same; `None`: until it is revoked.
    pub until_s: Option<u64>,
}

pub fn path(data: &Path) -> PathBuf {
    data.join("web-tokens.json")
}

/// Makes a token of 256 bits. Returns its text, which nobody sees again, and what is kept.
pub fn make(name: &str, scope: Scope, now: Nanos, days: Option<u32>) -> (String, Token) {
    let mut secret = [0; 32];
    getrandom::fill(&mut secret).expect("the system gives random bytes");
    let text = format!("{PREFIX}{}", hex::encode(secret));
    let made_s = now.as_millis() / 1_000;
    let until_s = days.map(|days| made_s + u64::from(days) * 86_400);
    (text.clone(), Token { name: name.to_owned(), scope, sha256: digest(&text), made_s, until_s })
}

/// Returns the token that has this text and holds now.
pub fn find<'a>(tokens: &'a [Token], text: &str, now: Nanos) -> Option<&'a Token> {
    let asked = digest(text);
    // All are compared, each in the same time.
    let found = tokens.iter().fold(None, |found, token| {
        let is_it = token.sha256.as_bytes().ct_eq(asked.as_bytes());
        if bool::from(is_it) { Some(token) } else { found }
    });
    found.filter(|token| token.holds(now))
}

impl Token {
    pub fn holds(&self, now: Nanos) -> bool {
        self.until_s.is_none_or(|until| now.as_millis() / 1_000 < until)
    }
}

impl Scope {
    pub const fn code(self) -> &'static str {
        match self {
            Scope::Read => "read",
            Scope::Control => "control",
        }
    }
}

/// Says whether a token may be called this: it stands in logs and in the audit.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_.".contains(c);
    (1..=40).contains(&name.len()) && name.chars().all(plain)
}

pub fn parse(text: &str) -> Result<Vec<Token>, String> {
    serde_json::from_str(text).map_err(|error| format!("it is no list of tokens: {error}. fix: remora token create"))
}

pub fn digest(text: &str) -> String {
    hex::encode(Sha256::digest(text.as_bytes()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_found_by_its_text_while_it_holds() {
        let (now, day) = (Nanos::from_secs(1_000_000), Nanos::from_secs(86_400));
        let (first, kept) = make("grafana", Scope::Read, now, None);
        let (second, short) = make("phone", Scope::Control, now, Some(1));
        assert!(first.len() == 7 + 64 && first != second && !kept.sha256.contains(&first[7..]));
        let tokens = parse(&serde_json::to_string(&[kept, short]).expect("JSON")).expect("the same");
        let name = |text: &str, now| find(&tokens, text, now).map(|token| token.name.as_str());
        assert_eq!((name(&first, now), name(&second, now)), (Some("grafana"), Some("phone")));
        assert_eq!((name(&first, now.plus(day)), name(&second, now.plus(day))), (Some("grafana"), None));
        assert_eq!((name("", now), name(&first[..70], now), name(&tokens[0].sha256, now)), (None, None, None));
        assert!(is_name("grafana-2.x") && !is_name("") && !is_name("a b") && !is_name(&"x".repeat(41)));
    }
}
