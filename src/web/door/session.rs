//! Who has logged in: kept in memory, by the hash of what his cookie says, until he is idle for long or logs out.

use std::sync::Mutex;

use alloy::hex;

use super::token::digest;
use crate::domain::Nanos;

/// As many logins as one operator has devices, and more. The one that was idle longest makes room.
pub const SESSIONS_MAX: usize = 32;
pub const IDLE_MAX: Nanos = Nanos::from_secs(12 * 60 * 60);

#[derive(Debug, Default)]
pub struct Sessions(Mutex<Vec<Session>>);

#[derive(Clone, Debug)]
pub struct Session {
    /// For the audit; says nothing of the cookie.
    pub name: String,
    /// What a form or a script of our pages says with what it asks for.
    pub csrf: String,
    hash: String,
    /// The password it was begun with: another one ends it.
    password: String,
    seen_at: Nanos,
}

impl Sessions {
    /// Begins one for whoever knew the password with this hash. Returns what his cookie says.
    pub fn begin(&self, now: Nanos, password: &str) -> String {
        let secret = random_hex();
        let hash = digest(&secret);
        let name = hash[..6].to_owned();
        let begun = Session { name, csrf: random_hex(), hash, password: password.to_owned(), seen_at: now };
        let mut all = self.0.lock().expect("not poisoned");
        if all.len() == SESSIONS_MAX {
            let oldest = (0..all.len()).min_by_key(|index| all[*index].seen_at).expect("there are some");
            all.remove(oldest);
        }
        all.push(begun);
        secret
    }

    /// Returns the session of a cookie, which is not idle any more.
    pub fn find(&self, secret: &str, now: Nanos, password: &str) -> Option<Session> {
        let hash = digest(secret);
        let mut all = self.0.lock().expect("not poisoned");
        all.retain(|session| now.since(session.seen_at) < IDLE_MAX && session.password == password);
        // A hash of 256 random bits: how long the comparison takes tells nothing of the secret.
        let found = all.iter_mut().find(|session| session.hash == hash)?;
        found.seen_at = now;
        Some(found.clone())
    }

    pub fn end(&self, secret: &str) {
        let hash = digest(secret);
        self.0.lock().expect("not poisoned").retain(|session| session.hash != hash);
    }
}

/// Returns 256 random bits.
pub fn random_hex() -> String {
    let mut bytes = [0; 32];
    getrandom::fill(&mut bytes).expect("the system gives random bytes");
    hex::encode(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Binds: a session is over 12 hours after it was last used, at logout, and with another password; the 33rd ends the one
    /// that was idle longest.
    #[test]
    fn a_session_ends() {
        let sessions = Sessions::default();
        let at = |secs| Nanos::from_secs(1_000_000 + secs);
        let first = sessions.begin(at(0), "one");
        let is = |secret: &str, secs, password| sessions.find(secret, at(secs), password).is_some();
        assert!(is(&first, 1, "one") && !is("", 1, "one") && !is(&digest(&first), 1, "one"));
        let hours = 60 * 60;
        assert!(is(&first, 12 * hours, "one"), "it was used since");
        assert!(!is(&first, 24 * hours, "one"));
        let second = sessions.begin(at(0), "one");
        sessions.end(&second);
        assert!(!is(&second, 1, "one"));
        let third = sessions.begin(at(0), "one");
        assert!(!is(&third, 1, "two"));
        let many: Vec<String> = (0..=SESSIONS_MAX).map(|n| sessions.begin(at(n as u64), "one")).collect();
        assert!(!is(&many[0], 100, "one") && many[1..].iter().all(|secret| is(secret, 100, "one")));
    }
}
