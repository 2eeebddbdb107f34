//! One POST to an address that somebody wrote into a file: to public addresses only, encrypted, no redirects, no proxies, and no
//! more of the answer than is needed. The name is resolved once, and what was checked is what is connected to.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr},
    time::Duration,
};

use reqwest::{Client, Url, header};
use serde_json::Value;

use super::queue::Outcome;
use crate::{domain::Nanos, feed};

/// How long one message may take, from the name to the answer.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// The most of an answer that is read.
const ANSWER_MAX: usize = 64 * 1_024;
/// How much of it is shown.
const SHOWN_MAX: usize = 160;

/// Where messages may go.
#[derive(Clone, Debug)]
pub struct Reach {
    /// This machine is allowed, without encryption, too.
    pub allow_loopback: bool,
    pub tls: rustls::ClientConfig,
}

/// An address that was checked.
#[derive(Debug)]
pub struct Target {
    pub url: Url,
    host: String,
    addresses: Vec<SocketAddr>,
}

/// Why nothing is sent to an address. Never says what is behind the host: that may be a secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsafe {
    NoAddress,
    NotEncrypted,
    HasUser,
    /// The name stands for an address that is not public.
    NotPublic {
        host: String,
    },
    Unresolved {
        host: String,
        why: String,
    },
}

impl Reach {
    pub fn new(allow_loopback: bool) -> Reach {
        Reach { allow_loopback, tls: feed::client_tls() }
    }

    /// Checks an address, and every address that its name stands for.
    pub async fn check(&self, text: &str) -> Result<Target, Unsafe> {
        let url = Url::parse(text.trim()).map_err(|_| Unsafe::NoAddress)?;
        let host = url.host_str().ok_or(Unsafe::NoAddress)?.to_owned();
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Unsafe::HasUser);
        }
        if url.scheme() != "https" && !(url.scheme() == "http" && self.allow_loopback) {
            return Err(Unsafe::NotEncrypted);
        }
        let port = url.port_or_known_default().ok_or(Unsafe::NoAddress)?;
        let bare = host.trim_matches(['[', ']']).to_owned();
        let unresolved = |why: String| Unsafe::Unresolved { host: bare.clone(), why };
        let found = tokio::time::timeout(PATIENCE, tokio::net::lookup_host((bare.as_str(), port))).await;
        let found = found.map_err(|_| unresolved("no answer in time".to_owned()))?;
        let addresses: Vec<SocketAddr> = found.map_err(|error| unresolved(error.to_string()))?.collect();
        if addresses.is_empty() {
            return Err(unresolved("it stands for no address".to_owned()));
        }
        // One that is not public among others is how names are turned around between the check and the connection.
        let may_be = |address: &SocketAddr| match is_loopback(address.ip()) && self.allow_loopback {
            true => true,
            false => is_public(address.ip()) && url.scheme() == "https",
        };
        match addresses.iter().all(may_be) {
            true => Ok(Target { url, host, addresses }),
            false => Err(Unsafe::NotPublic { host: bare }),
        }
    }

    /// Sends a message to an address that was checked. What went wrong is said without the address.
    pub async fn post(&self, target: &Target, body: &Value) -> Outcome {
        let client = Client::builder()
            .tls_backend_preconfigured(self.tls.clone())
            .resolve_to_addrs(&target.host, &target.addresses)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .referer(false)
            .pool_max_idle_per_host(0)
            .timeout(PATIENCE)
            .build()
            .expect("settings that are the same on every machine");
        let sent = client.post(target.url.clone()).header(header::USER_AGENT, "remora").json(body).send().await;
        let mut answer = match sent {
            Ok(answer) => answer,
            Err(error) => return Outcome::Later { why: causes(&error.without_url()), after: None },
        };
        let after = answer.headers().get(header::RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let mut said = Vec::new();
        // Of an answer that does not end, its status is what counts.
        while let Ok(Some(chunk)) = answer.chunk().await {
            said.extend_from_slice(&chunk[..chunk.len().min(ANSWER_MAX - said.len())]);
            if said.len() == ANSWER_MAX {
                break;
            }
        }
        let status = answer.status();
        let why = || format!("it answered {}{}", status.as_u16(), shown(&said, target.url.as_str()));
        match status.as_u16() {
            200..=299 => Outcome::Delivered,
            300..=399 => Outcome::Never { why: format!("{}: it points elsewhere, which is not followed", why()) },
            408 | 429 | 500..=599 => Outcome::Later { why: why(), after: after.map(Nanos::from_secs) },
            _ => Outcome::Never { why: why() },
        }
    }
}

/// Returns the beginning of what a service said, unless it repeats a part of the address.
fn shown(said: &[u8], address: &str) -> String {
    let text = String::from_utf8_lossy(said);
    let has_secret = address.split(['/', '?', '&', '=']).any(|part| part.len() >= 12 && text.contains(part));
    match crate::web::tame(&text, SHOWN_MAX) {
        text if text.is_empty() || has_secret => String::new(),
        text => format!(": {text}"),
    }
}

/// reqwest says what failed only in the chain of its causes.
fn causes(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return format!("no answer within {} s", PATIENCE.as_secs());
    }
    let mut cause: &dyn std::error::Error = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    crate::web::tame(&cause.to_string(), SHOWN_MAX)
}

pub fn is_loopback(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback(),
        IpAddr::V6(address) => address.to_ipv4_mapped().map_or(address.is_loopback(), |mapped| mapped.is_loopback()),
    }
}

/// Whether an address is one of the internet's, whichever way it is written.
pub fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => is_public_v4(address),
        IpAddr::V6(address) => is_public_v6(address),
    }
}

fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    let is_special = match (a, b, c) {
        (0 | 10 | 127 | 224..=255, _, _) => true,
        (100, 64..=127, _) => true, // carriers' own
        (169, 254, _) => true,      // link-local: where clouds tell their secrets
        (172, 16..=31, _) => true,
        (192, 168, _) => true,
        (192, 0, 0 | 2) => true,                // protocols, examples
        (192, 88, 99) => true,                  // 6to4
        (198, 18..=19, _) => true,              // benchmarks
        (198, 51, 100) | (203, 0, 113) => true, // examples
        _ => false,
    };
    !is_special
}

fn is_public_v6(address: Ipv6Addr) -> bool {
    let parts = address.segments();
    // Addresses of the other kind in this one's clothes: mapped, compatible, translated (64:ff9b::/96), 6to4, Teredo.
    let inner = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match parts {
        [0, 0, 0, 0, 0, 0 | 0xffff, high, low] => is_public_v4(inner(high, low)),
        [0x64, 0xff9b, 0, 0, 0, 0, high, low] => is_public_v4(inner(high, low)),
        [0x2002, high, low, ..] => is_public_v4(inner(high, low)),
        [0x2001, 0, ..] => false,
        [0x2001, 0xdb8, ..] => false,
        // Only 2000::/3 is given out; fc00::/7, fe80::/10, ff00::/8 and the rest are nobody's.
        [first, ..] => first & 0xe000 == 0x2000,
    }
}

impl fmt::Display for Unsafe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsafe::NoAddress => f.write_str("the secret is no address; fix: keep a whole https:// address in it"),
            Unsafe::NotEncrypted => f.write_str("the address does not begin with https://; nothing was sent"),
            Unsafe::HasUser => f.write_str("the address has a user or a password in it; fix: take them out"),
            Unsafe::NotPublic { host } => {
                write!(f, "{host} is not a public address: messages do not go into this network; nothing was sent")
            }
            Unsafe::Unresolved { host, why } => write!(f, "{host} cannot be resolved: {why}"),
        }
    }
}
