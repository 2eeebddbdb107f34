//! How hostile the venue is: every knob of RELIABILITY.md 4.2, and three settings of all of them.
//!
//! Chances are in millionths (`_ppm`), times in milliseconds (`_ms`). A fault that comes in spells has a period (`_every_ms`)
//! and a length (`_for_ms`); spells lie at the end of each period, counted from the start of the venue.

mod tables;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::Nanos;
use crate::sim::workload::Trick;

/// What goes wrong, and how often. Zero everywhere is a venue on which nothing does.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Knobs {
    /// POST `/order` and `/orders`: done, but the answer comes after `answer_late_ms_min` to `_max`, or (every second
    /// time) never.
    pub accept_then_timeout_ppm: u32,
    pub answer_late_ms_min: u64,
    pub answer_late_ms_max: u64,
    /// The same requests: done, but answered with 502.
    pub accept_then_5xx_ppm: u32,
    /// The same requests: done, but the connection is closed without an answer.
    pub accept_then_reset_ppm: u32,
    /// The same requests: done, but answered with a page of HTML and 200.
    pub accept_then_html_ppm: u32,
    /// The same requests: done only after up to `late_landing_ms_max`, whether or not the client still waits.
    pub late_landing_ppm: u32,
    pub late_landing_ms_max: u64,
    /// Any private request during a spell: not done, answered with 500.
    pub storm_ppm: u32,
    pub storm_every_ms: u64,
    pub storm_for_ms: u64,
    /// The matching engine restarts: 425 for `restart_for_ms`, then only post-only orders for `post_only_for_ms`.
    pub restart_every_ms: u64,
    pub restart_for_ms: u64,
    pub post_only_for_ms: u64,
    /// Trades: MATCHED, then RETRYING, then FAILED after `ghost_fill_ms_min` to `_max`.
    pub ghost_fill_ppm: u32,
    pub ghost_fill_ms_min: u64,
    pub ghost_fill_ms_max: u64,
    /// Trades: how long until MINED; 0 is the venue's usual time.
    pub settle_ms_min: u64,
    pub settle_ms_max: u64,
    /// Trades: never settled.
    pub settle_never_ppm: u32,
    /// Marketable orders: held as `delayed` for `delayed_ms`, then matched or put on the book.
    pub delayed_ppm: u32,
    pub delayed_ms: u64,
    /// Held orders: the house takes away the quotes that they would meet, so that they are unmatched.
    pub delayed_unmatched_ppm: u32,
    /// Orders that meet a quote of the house: a tick better than it, so that a BUY gets more shares than it named.
    pub overfill_ppm: u32,
    /// Orders that match: less than 0.01 share of them stays unmatched.
    pub dust_ppm: u32,
    /// GET `/balance-allowance`: answered as it was so long ago.
    pub balance_lag_ms: u64,
    /// The Data API knows a fill so much later than the activity feed.
    pub index_lag_ms: u64,
    /// The CLOB answers 404 for a market that opened less than this ago, while Gamma has it.
    pub new_market_lag_ms: u64,
    /// GET `/data/order/{id}`: `null` for an order younger than `order_null_for_ms`.
    pub order_null_ppm: u32,
    pub order_null_for_ms: u64,
    /// Frames of the user channel: sent twice, after the next one, or not at all.
    pub user_duplicate_ppm: u32,
    pub user_reorder_ppm: u32,
    pub user_drop_ppm: u32,
    /// The user channel's sockets are closed, and no new one is let in during the spell.
    pub user_gap_every_ms: u64,
    pub user_gap_for_ms: u64,
    /// The market channel sends PONG but no data; in every second spell about one token only.
    pub market_stall_every_ms: u64,
    pub market_stall_for_ms: u64,
    /// The activity feed sends PONG but no data.
    pub feed_freeze_every_ms: u64,
    pub feed_freeze_for_ms: u64,
    /// Frames of the activity feed: followed by one of a fill at least `feed_replay_age_ms` old (the oldest there is, if
    /// none is).
    pub feed_replay_ppm: u32,
    pub feed_replay_age_ms: u64,
    /// Frames of the activity feed, for each socket by itself: sent twice, after the next one, or not at all.
    pub feed_duplicate_ppm: u32,
    pub feed_reorder_ppm: u32,
    pub feed_drop_ppm: u32,
    /// Requests to the Data API: answered with 429, and `Retry-After` a second.
    pub index_busy_ppm: u32,
    /// Rows of the Data API: known so much later than those behind them.
    pub index_late_ppm: u32,
    pub index_late_ms: u64,
    /// Every open market changes its tick between 0.01 and 0.001.
    pub tick_flip_every_ms: u64,
    /// Answers to private requests, and frames of the market and user channels: an unknown field, a number for a string, an
    /// unknown word for a status, side or type, or a list around the object.
    pub drift_ppm: u32,
    /// Orders that GET answers: `size_matched` in millionths instead of shares.
    pub unit_flip_ppm: u32,
    /// Every so many private answers close their connection: what GOAWAY is to HTTP/2.
    pub close_after_requests: u32,
    /// Private requests during the spell: 401, as if the key were dead.
    pub unauthorized_every_ms: u64,
    pub unauthorized_for_ms: u64,
    /// New orders during the spell: 503, cancels are taken.
    pub cancel_only_every_ms: u64,
    pub cancel_only_for_ms: u64,
    /// Everybody is in closed-only mode during the spell: no buys, cancels and sales are taken.
    pub closed_only_every_ms: u64,
    pub closed_only_for_ms: u64,
    /// The signers' buckets fill at this share of the real rate, 100; 0 leaves them as they are.
    pub rate_percent: u32,
    /// Answers with 429: without the headers that say how long to wait.
    pub rate_headerless_ppm: u32,
    /// POST `/order`, accepted: another `orderID` than the digest, an `errorMsg` beside `success`, or an empty `orderID`.
    pub id_mismatch_ppm: u32,
    pub success_with_error_ppm: u32,
    pub empty_id_ppm: u32,
    /// The chain's last `reorg_blocks` blocks are replaced: subscribers hear of their logs again, as removed, then of the
    /// same transactions in the last of the new blocks.
    pub reorg_every_ms: u64,
    pub reorg_blocks: u64,
    /// Notices of `eth_subscribe` to logs: not sent. `eth_getLogs` has them.
    pub log_miss_ppm: u32,
    /// The node is behind: its blocks and pending transactions come so much later. Balances are of now.
    pub rpc_lag_ms: u64,
    /// Leaders trick their copiers (RELIABILITY.md 3.4), each trick at the beginning of each of its periods; see
    /// [`Trick`] for what they do.
    pub trick_distribute_every_ms: u64,
    pub trick_round_trip_every_ms: u64,
    pub trick_hedge_every_ms: u64,
    pub trick_merge_every_ms: u64,
    pub trick_oracle_push_every_ms: u64,
    pub trick_dust_every_ms: u64,
    pub trick_fragment_every_ms: u64,
    pub trick_giant_every_ms: u64,
}

const ALWAYS: u32 = 1_000_000;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Profile {
    /// Nothing goes wrong.
    Calm,
    /// What the real venue does on bad days, all the time.
    Soak,
    /// As bad as it was ever seen.
    Hell,
}

impl Profile {
    pub const ALL: [Profile; 3] = [Profile::Calm, Profile::Soak, Profile::Hell];

    pub const fn code(self) -> &'static str {
        match self {
            Profile::Calm => "calm",
            Profile::Soak => "soak",
            Profile::Hell => "hell",
        }
    }

    /// Returns the columns of RELIABILITY.md 4.2.
    pub const fn knobs(self) -> Knobs {
        match self {
            Profile::Calm => Knobs::CALM,
            Profile::Soak => Knobs::SOAK,
            Profile::Hell => Knobs::HELL,
        }
    }
}

impl Knobs {
    /// Returns these knobs with some set anew. The error names what is not a knob or not of its type.
    pub fn with(&self, changes: &Value) -> Result<Knobs, String> {
        let Value::Object(changes) = changes else { return Err("knobs are a JSON object".to_owned()) };
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in changes {
            if all.get(name).is_none() {
                return Err(format!("there is no knob {name}; {}", nearest(name, &all)));
            }
            all[name] = value.clone();
            // The error of one value at a time names the knob.
            Knobs::deserialize(&all).map_err(|error| format!("{name}: {error}"))?;
        }
        let knobs: Knobs = serde_json::from_value(all).map_err(|error| error.to_string())?;
        knobs.check()
    }

    /// Returns how often a trick is played; zero: never.
    pub const fn trick_every_ms(&self, trick: Trick) -> u64 {
        match trick {
            Trick::Distribute => self.trick_distribute_every_ms,
            Trick::RoundTrip => self.trick_round_trip_every_ms,
            Trick::Hedge => self.trick_hedge_every_ms,
            Trick::Merge => self.trick_merge_every_ms,
            Trick::OraclePush => self.trick_oracle_push_every_ms,
            Trick::Dust => self.trick_dust_every_ms,
            Trick::Fragment => self.trick_fragment_every_ms,
            Trick::Giant => self.trick_giant_every_ms,
        }
    }

    /// Returns the knobs if chances are at most one and spans begin before they end.
    pub fn check(self) -> Result<Knobs, String> {
        let all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in all.as_object().into_iter().flatten() {
            if name.ends_with("_ppm") && value.as_u64().is_some_and(|chance| chance > u64::from(ALWAYS)) {
                return Err(format!("{name}: {value} is above 1000000, which is always"));
            }
            let max = name.strip_suffix("_min").and_then(|stem| all.get(format!("{stem}_max")));
            if max.is_some_and(|max| max.as_u64() < value.as_u64()) {
                return Err(format!("{name}: {value} is above its maximum"));
            }
            let every = name.strip_suffix("_for_ms").and_then(|stem| all.get(format!("{stem}_every_ms")));
            if every.and_then(Value::as_u64).is_some_and(|every| every > 0 && value.as_u64() > Some(every)) {
                return Err(format!("{name}: {value} is longer than its period"));
            }
        }
        Ok(self)
    }
}

/// Names the knobs that somebody may have meant: the likest three.
fn nearest(name: &str, all: &Value) -> String {
    let mut known: Vec<(usize, &String)> = all
        .as_object()
        .into_iter()
        .flatten()
        .map(|(known, _)| known)
        .map(|known| {
            let distance = strsim::damerau_levenshtein(name, known);
            (if known.contains(name) { 0 } else { distance }, known)
        })
        .collect();
    known.sort_unstable();
    let likest: Vec<&str> = known.iter().take(3).map(|(_, known)| known.as_str()).collect();
    format!("the likest are {}; GET /control/knobs names all", likest.join(", "))
}

/// Returns whether a fault in spells is on, `age` after the venue began.
pub fn is_spell(age: Nanos, every_ms: u64, for_ms: u64) -> bool {
    every_ms > 0 && age.as_millis() % every_ms >= every_ms.saturating_sub(for_ms)
}

/// Counts the spells that have begun, `age` after the venue did.
pub fn spells(age: Nanos, every_ms: u64, for_ms: u64) -> u64 {
    (age.as_millis() + for_ms.min(every_ms)).checked_div(every_ms).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn profiles_are_right_and_calm_does_nothing() {
        for profile in Profile::ALL {
            profile.knobs().check().unwrap_or_else(|error| panic!("{profile:?}: {error}"));
        }
        let calm = serde_json::to_value(Knobs::CALM).expect("JSON");
        for (name, value) in calm.as_object().expect("knobs") {
            assert!(!(name.ends_with("_ppm") || name.ends_with("_every_ms")) || value == 0, "{name}: {value}");
        }
    }

    #[test]
    fn hell_turns_on_every_knob() {
        let hell = serde_json::to_value(Knobs::HELL).expect("JSON");
        for (name, value) in hell.as_object().expect("knobs") {
            assert_ne!(value, 0, "{name}");
        }
    }

    #[test]
    fn an_unknown_knob_is_answered_in_one_line() {
        let error = Knobs::CALM.with(&json!({"x": 1})).expect_err("a mistake");
        assert!(error.len() < 160, "{error}");
    }

    #[test]
    fn changes_are_taken_by_name_and_refused_with_it() {
        let knobs = Knobs::CALM.with(&json!({"ghost_fill_ppm": 250_000, "index_lag_ms": 0})).expect("knobs");
        assert_eq!((knobs.ghost_fill_ppm, knobs.index_lag_ms), (250_000, 0));
        for (changes, expected) in [
            (json!({"ghost_fil_ppm": 1}), "there is no knob ghost_fil_ppm; the likest are ghost_fill_ppm, "),
            (json!({"reorg": 1}), "there is no knob reorg; the likest are reorg_blocks, reorg_every_ms, "),
            (json!({"drift_ppm": "1"}), "drift_ppm: invalid type"),
            (json!({"drift_ppm": 1_000_001}), "drift_ppm: 1000001 is above 1000000"),
            (json!({"answer_late_ms_min": 99_999}), "answer_late_ms_min: 99999 is above its maximum"),
            (json!({"storm_every_ms": 5, "storm_for_ms": 6}), "storm_for_ms: 6 is longer"),
            (json!([]), "object"),
        ] {
            let error = Knobs::CALM.with(&changes).expect_err("a mistake");
            assert!(error.contains(expected), "{error}");
        }
    }

    #[test]
    fn spells_lie_at_the_end_of_their_periods() {
        let check = |age, every, length, expected: (bool, u64)| {
            let age = Nanos::from_millis(age);
            assert_eq!(
                (is_spell(age, every, length), spells(age, every, length)),
                expected,
                "{age:?} {every} {length}"
            );
        };
        check(0, 0, 0, (false, 0));
        check(7_999, 10_000, 2_000, (false, 0));
        check(8_000, 10_000, 2_000, (true, 1));
        check(10_000, 10_000, 2_000, (false, 1));
        check(18_000, 10_000, 2_000, (true, 2));
        check(5, 1, 1, (true, 6));
        check(9_999, 10_000, 0, (false, 0));
        check(10_000, 10_000, 0, (false, 1));
    }
}
