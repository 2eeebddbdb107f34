//! WHO MAY DO WHAT: every request passes here before it reaches a page.
//!
//! - [`kept`] is how a small secret file is read and written; [`password`] and [`token`] are the two there are. Both are read
//!   again when they change, so that a revoked token is refused at once.
//! - [`session`] is who has logged in; [`rights`] the one table of who may do what.
//! - [`guard`] is the way in: names, origins, proofs, rights; [`entrance`] the login and the way out.
//!
//! Commands that pass go to the engine over its socket, with the name of who said them ([`order`]).

pub mod kept;
pub mod password;
pub mod token;
pub mod session;
pub mod rights;
pub(super) mod guard;
pub(super) mod entrance;
pub(super) mod order;

use std::{
    collections::VecDeque,
    io,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    num::NonZeroU32,
    path::{Path, PathBuf},
    sync::{Arc, Mutex},
    time::Duration,
};

use axum::http::{HeaderMap, header};
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use tokio::sync::Semaphore;

use crate::{control::Answer, domain::Nanos};
use kept::Kept;
use rights::{Known, Lock, Visitor};
use session::Sessions;
use token::{Scope, Token};

/// How often a password may be tried from one address: so often at once, and then once in so long.
pub const TRIES_MAX: NonZeroU32 = NonZeroU32::new(5).expect("not zero");
const TRY_EVERY: Duration = Duration::from_secs(60);
/// Addresses that are kept apart; with more, those that tried long ago are forgotten.
const ADDRESSES_MAX: usize = 10_000;
/// Answers that wait to be shown.
const ANSWERS_MAX: usize = 64;
const COOKIE: &str = "remora_session";

tokio::task_local! {
    /// Who asks for the page that is made: every page shows him what he may do.
    pub static VISITOR: Visitor;
}

/// What the pages know of those who may come in. It outlives a server that is started anew.
pub struct Door {
    pub data: PathBuf,
    password: Kept<String>,
    tokens: Kept<Vec<Token>>,
    /// For commands on this machine that may read the data folder.
    local: Mutex<Vec<Token>>,
    sessions: Sessions,
    tries: DefaultKeyedRateLimiter<IpAddr>,
    /// A hash takes 20 MB and its time: one after the other.
    hashing: Semaphore,
    /// What proves a form of somebody without a session.
    csrf: String,
    answers: Mutex<VecDeque<(String, Answer)>>,
}

/// Somebody showed a token that does not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoToken;

/// Why a login was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NoLogin {
    TooOften,
    Wrong,
    NoPassword,
}

impl Door {
    pub fn new(data: &Path) -> Arc<Door> {
        let quota = Quota::with_period(TRY_EVERY).expect("not zero").allow_burst(TRIES_MAX);
        Arc::new(Door {
            data: data.to_owned(),
            password: Kept::new(password::path(data), password::parse),
            tokens: Kept::new(token::path(data), token::parse),
            local: Mutex::default(),
            sessions: Sessions::default(),
            tries: RateLimiter::keyed(quota),
            hashing: Semaphore::new(1),
            csrf: session::random_hex(),
            answers: Mutex::default(),
        })
    }

    /// Says whether there is a password; one that cannot be read is one.
    pub fn lock(&self) -> Lock {
        match self.password.now() {
            Ok(None) => Lock::NoPassword,
            Ok(Some(_)) => Lock::Password,
            Err(wrong) => {
                tracing::error!(wrong, "the pages' password cannot be read: nobody can log in");
                Lock::Password
            }
        }
    }

    /// Writes a token for reading into the data folder, for `remora status` and its like on this machine.
    pub fn admit_local(&self, port: u16, now: Nanos) -> io::Result<()> {
        let (text, token) = token::make("local", Scope::Read, now, None);
        kept::write(&local_path(&self.data, port), &text)?;
        *self.local.lock().expect("not poisoned") = vec![token];
        Ok(())
    }

    /// Returns who asks.
    pub fn visitor(&self, headers: &HeaderMap, peer: SocketAddr, now: Nanos) -> Result<Visitor, NoToken> {
        let lock = self.lock();
        let is_here = rights::is_here(peer.ip()) && speaks_for_himself(headers);
        let nobody = Visitor { peer, is_here, is: Known::Nobody, lock, csrf: self.csrf.clone() };
        if let Some(shown) = headers.get(header::AUTHORIZATION) {
            let is = shown.to_str().ok().and_then(|shown| self.bearer(shown, now)).ok_or(NoToken)?;
            return Ok(Visitor { is, ..nobody });
        }
        let password = self.password.now().ok().flatten();
        let session = password.zip(cookie(headers)).and_then(|(hash, secret)| self.sessions.find(&secret, now, &hash));
        Ok(match session {
            Some(session) => Visitor { is: Known::Session { name: session.name }, csrf: session.csrf, ..nobody },
            None => nobody,
        })
    }

    fn bearer(&self, shown: &str, now: Nanos) -> Option<Known> {
        let (scheme, text) = shown.split_once(' ')?;
        if !scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        let kept = self.tokens.now().unwrap_or_else(|wrong| {
            tracing::error!(wrong, "the tokens cannot be read: none holds");
            None
        });
        let local = self.local.lock().expect("not poisoned").clone();
        let of = |tokens: &[Token]| {
            let found = token::find(tokens, text.trim(), now)?;
            Some(Known::Token { name: found.name.clone(), scope: found.scope })
        };
        of(&local).or_else(|| of(&kept?))
    }

    /// Begins a session for who knows the password. Returns what his cookie says.
    pub async fn log_in(&self, peer: SocketAddr, password: String, now: Nanos) -> Result<String, NoLogin> {
        if self.tries.len() > ADDRESSES_MAX {
            self.tries.retain_recent();
        }
        if self.tries.check_key(&network(peer.ip())).is_err() {
            tracing::warn!(from = %peer.ip(), "too many tries of the pages' password");
            return Err(NoLogin::TooOften);
        }
        let hash = self.password.now().ok().flatten().ok_or(NoLogin::NoPassword)?;
        let _turn = self.hashing.acquire().await.expect("never closed");
        let known = Arc::clone(&hash);
        let checked = tokio::task::spawn_blocking(move || password::is_right(&password, &known));
        match checked.await.unwrap_or(false) {
            true => {
                tracing::info!(from = %peer.ip(), "somebody logged in to the pages");
                Ok(self.sessions.begin(now, &hash))
            }
            false => {
                tracing::warn!(from = %peer.ip(), "a wrong password for the pages");
                Err(NoLogin::Wrong)
            }
        }
    }

    pub fn log_out(&self, headers: &HeaderMap) {
        if let Some(secret) = cookie(headers) {
            self.sessions.end(&secret);
        }
    }

    /// Keeps an answer until its page is made. Returns what it is found by.
    pub fn keep_answer(&self, answer: Answer) -> String {
        let id = session::random_hex();
        let mut all = self.answers.lock().expect("not poisoned");
        if all.len() == ANSWERS_MAX {
            all.pop_front();
        }
        all.push_back((id.clone(), answer));
        id
    }

    pub fn answer(&self, id: &str) -> Option<Answer> {
        let all = self.answers.lock().expect("not poisoned");
        all.iter().find(|(kept, _)| kept == id).map(|(_, answer)| answer.clone())
    }
}

/// Returns where the token for commands on this machine is.
pub fn local_path(data: &Path, port: u16) -> PathBuf {
    data.join(format!("web-local-{port}"))
}

/// Who has one address of IPv6 has many: the network counts.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => {
            let bits = u128::from(address) & !u128::from(u64::MAX);
            IpAddr::V6(Ipv6Addr::from(bits))
        }
        v4 @ IpAddr::V4(_) => v4,
    }
}

fn cookie(headers: &HeaderMap) -> Option<String> {
    let all = headers.get_all(header::COOKIE).iter().filter_map(|line| line.to_str().ok());
    let mut parts = all.flat_map(|line| line.split(';')).filter_map(|part| part.trim().split_once('='));
    parts.find(|(name, _)| *name == COOKIE).map(|(_, secret)| secret.to_owned())
}

/// Whether no proxy on this machine passed a request on: those say so, or for which name of theirs it was.
fn speaks_for_himself(headers: &HeaderMap) -> bool {
    let is_passed_on = ["forwarded", "via", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto", "x-real-ip"]
        .iter()
        .any(|name| headers.contains_key(*name));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok()).unwrap_or_default();
    !is_passed_on && guard::is_ours(host, &[])
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderName, HeaderValue};

    use super::*;

    #[test]
    fn who_comes_through_a_proxy_is_not_here() {
        let check = |host: &'static str, more: Option<&'static str>, expected: bool| {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static(host));
            more.map(|name| headers.insert(HeaderName::from_static(name), HeaderValue::from_static("192.0.2.7")));
            assert_eq!(speaks_for_himself(&headers), expected, "{host} {more:?}");
        };
        check("127.0.0.1:8080", None, true);
        check("localhost", None, true);
        check("remora.example.com", None, false);
        check("localhost", Some("x-forwarded-for"), false);
        check("127.0.0.1", Some("x-real-ip"), false);
        check("127.0.0.1", Some("forwarded"), false);
    }
}
