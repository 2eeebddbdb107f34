//! Sums over a long history: kept for a while, and made again behind the back of who asks, so that nobody waits for them twice
//! and a hundred viewers cost no more than one.
//!
//! What took a millisecond is a second old at most; what took a second is twenty.

use std::{
    any::Any,
    collections::HashMap,
    sync::{Arc, Mutex},
};

use super::{Web, server::Unread};
use crate::domain::Nanos;

/// A sum is good for so many times as long as it took,
const WORTH: u64 = 20;
/// but within these.
const FRESH_MIN: Nanos = Nanos::from_secs(1);
const FRESH_MAX: Nanos = Nanos::from_secs(60);
/// An older one is shown while it is made again, up to so many times as old; then it is as if there were none.
const STALE: u64 = 4;
/// The most sums that are kept; the oldest goes.
const KEPT_MAX: usize = 64;

#[derive(Default)]
pub struct Kept(Mutex<HashMap<String, Entry>>);

struct Entry {
    sum: Arc<dyn Any + Send + Sync>,
    made_at: Nanos,
    fresh_for: Nanos,
    is_being_made: bool,
}

/// What is kept of a sum.
enum Found<T> {
    Fresh(Arc<T>),
    /// Somebody must make it again: the one who is told so.
    Stale(Arc<T>),
    Nothing,
}

impl Kept {
    fn find<T: Send + Sync + 'static>(&self, key: &str, now: Nanos) -> Found<T> {
        let mut all = self.0.lock().expect("not poisoned");
        let Some(entry) = all.get_mut(key) else { return Found::Nothing };
        let Ok(sum) = entry.sum.clone().downcast::<T>() else { return Found::Nothing };
        match now.since(entry.made_at) {
            age if age <= entry.fresh_for => Found::Fresh(sum),
            age if age.0 > entry.fresh_for.0.saturating_mul(STALE) => Found::Nothing,
            _stale if entry.is_being_made => Found::Fresh(sum),
            _stale => {
                entry.is_being_made = true;
                Found::Stale(sum)
            }
        }
    }

    fn keep(&self, key: String, sum: Arc<dyn Any + Send + Sync>, begun: Nanos, ended: Nanos) {
        let cost = ended.since(begun);
        let fresh_for = Nanos(cost.0.saturating_mul(WORTH).clamp(FRESH_MIN.0, FRESH_MAX.0));
        let mut all = self.0.lock().expect("not poisoned");
        all.insert(key, Entry { sum, made_at: begun, fresh_for, is_being_made: false });
        if KEPT_MAX < all.len() {
            let oldest = all.iter().min_by_key(|(_, entry)| entry.made_at).map(|(key, _)| key.clone());
            oldest.and_then(|key| all.remove(&key));
        }
    }

    /// The one who was to make it could not.
    fn give_up(&self, key: &str) {
        if let Some(entry) = self.0.lock().expect("not poisoned").get_mut(key) {
            entry.is_being_made = false;
        }
    }
}

/// Returns the sum of that name, made by `make` where none is kept. Fails like `make`, and while Postgres cannot be read.
pub async fn kept<T, F>(web: &Arc<Web>, key: String, make: impl FnOnce(Arc<Web>) -> F + Send) -> Result<Arc<T>, Unread>
where
    T: Send + Sync + 'static,
    F: Future<Output = Result<T, Unread>> + Send + 'static,
{
    if let Err(why) = &web.pulse().head {
        return Err(Unread(why.clone()));
    }
    let begun = (web.state.clock)();
    match web.kept.find(&key, begun) {
        Found::Fresh(sum) => Ok(sum),
        Found::Stale(sum) => {
            let (of, making) = (web.clone(), make(web.clone()));
            tokio::spawn(async move {
                match making.await {
                    Ok(sum) => of.kept.keep(key, Arc::new(sum), begun, (of.state.clock)()),
                    Err(_) => of.kept.give_up(&key),
                }
            });
            Ok(sum)
        }
        Found::Nothing => {
            let sum = Arc::new(make(web.clone()).await?);
            web.kept.keep(key, sum.clone(), begun, (web.state.clock)());
            Ok(sum)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sum_is_good_for_as_long_as_it_was_dear() {
        let kept = Kept::default();
        let at = Nanos::from_millis;
        let look = |ms: u64| match kept.find::<u32>("a", at(ms)) {
            Found::Fresh(sum) => format!("fresh {sum}"),
            Found::Stale(sum) => format!("stale {sum}"),
            Found::Nothing => "nothing".to_owned(),
        };
        assert_eq!(look(0), "nothing");
        kept.keep("a".into(), Arc::new(7_u32), at(0), at(200));
        assert_eq!((look(4_000), look(4_001), look(4_002)), ("fresh 7".into(), "stale 7".into(), "fresh 7".into()));
        kept.give_up("a");
        assert_eq!((look(4_003), look(16_001)), ("stale 7".into(), "nothing".into()));
        kept.keep("a".into(), Arc::new(8_u32), at(20_000), at(20_001));
        assert_eq!((look(21_000), look(25_000)), ("fresh 8".into(), "nothing".into()));
        assert!(matches!(kept.find::<u64>("a", at(20_000)), Found::Nothing), "of another kind");
        for n in 0..2 * KEPT_MAX as u64 {
            kept.keep(n.to_string(), Arc::new(n), at(n), at(n));
        }
        assert!(kept.0.lock().expect("not poisoned").len() <= KEPT_MAX);
    }
}
