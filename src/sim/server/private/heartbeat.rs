//! The dead-man switch: who has once sent a heartbeat and stops loses his open orders (PROTOCOL.md 2.11).

use std::collections::HashMap;

use crate::domain::Nanos;

/// Without a heartbeat for so long, the orders die.
const SILENCE_MAX: Nanos = Nanos::from_secs(10);
/// How often that is checked: it may take so much longer.
const CHECK_EVERY: Nanos = Nanos::from_secs(5);

#[derive(Debug)]
struct Beat {
    /// What the next heartbeat must carry.
    id: String,
    at: Nanos,
}

/// The last heartbeat of each API key.
#[derive(Debug, Default)]
pub struct Heartbeats {
    beats: HashMap<String, Beat>,
    check_at: Nanos,
    sent: u64,
}

impl Heartbeats {
    /// Takes a heartbeat of `key` that carries `id`. Returns the id of the next one, made by `name` of a number, or the id
    /// that was expected. Whoever has not sent one for too long starts afresh, with an empty id.
    pub fn beat(
        &mut self,
        key: &str,
        id: &str,
        now: Nanos,
        name: impl FnOnce(u64) -> String,
    ) -> Result<String, String> {
        let last = self.beats.get(key);
        let is_expected = match last {
            Some(last) if last.id == id => true,
            Some(last) if is_alive(last, now) => return Err(last.id.clone()),
            Some(_) | None if id.is_empty() => true,
            Some(last) => return Err(last.id.clone()),
            None => false,
        };
        if !is_expected {
            return Err(String::new());
        }
        self.sent += 1;
        let next = name(self.sent);
        self.beats.insert(key.to_owned(), Beat { id: next.clone(), at: now });
        Ok(next)
    }

    /// Returns the keys whose orders must die now; again at each check until a heartbeat comes.
    pub fn silent(&mut self, now: Nanos) -> Vec<String> {
        if now < self.check_at {
            return Vec::new();
        }
        self.check_at = now.plus(CHECK_EVERY);
        let silent = self.beats.iter().filter(|(_, beat)| !is_alive(beat, now));
        let mut silent: Vec<String> = silent.map(|(key, _)| key.clone()).collect();
        silent.sort_unstable();
        silent
    }

    pub fn forget(&mut self, key: &str) {
        self.beats.remove(key);
    }
}

fn is_alive(beat: &Beat, now: Nanos) -> bool {
    now.since(beat.at) < SILENCE_MAX
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Nanos {
        Nanos::from_secs(secs)
    }

    #[test]
    fn each_heartbeat_names_the_next() {
        let mut beats = Heartbeats::default();
        let mut beat = |id: &str, secs| beats.beat("key", id, at(secs), |number| format!("id-{number}"));
        assert_eq!(beat("", 0), Ok("id-1".into()));
        assert_eq!(beat("id-1", 5), Ok("id-2".into()));
        assert_eq!(beat("id-1", 6), Err("id-2".into()));
        assert_eq!(beat("", 6), Err("id-2".into()));
        assert_eq!(beat("id-2", 9), Ok("id-3".into()));
        // Dead: either goes on.
        assert_eq!(beat("nonsense", 30), Err("id-3".into()));
        assert_eq!(beat("", 30), Ok("id-4".into()));
        assert_eq!(beats.beat("other", "nonsense", at(30), |_| "x".into()), Err(String::new()));
    }

    #[test]
    fn silence_is_noticed_at_the_next_check() {
        let mut beats = Heartbeats::default();
        beats.beat("key", "", at(1), |_| "id".into()).expect("the first one");
        assert_eq!(beats.silent(at(3)), [""; 0]);
        assert_eq!(beats.silent(at(8)), [""; 0]);
        // Silent for 10 s, but the next check is due at 13 s.
        assert_eq!(beats.silent(at(12)), [""; 0]);
        assert_eq!(beats.silent(at(13)), ["key"]);
        assert_eq!(beats.silent(at(14)), [""; 0]);
        assert_eq!(beats.silent(at(18)), ["key"]);
        beats.beat("key", "id", at(19), |_| "id".into()).expect("the expected id");
        assert_eq!(beats.silent(at(23)), [""; 0]);
    }
}
