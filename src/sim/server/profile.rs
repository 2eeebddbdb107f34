//! How hostile the venue is: every knob of RELIABILITY.md 4.2, and three settings of all of them.
//!
//! Chances are in millionths (`_ppm`), times in milliseconds (`_ms`). A fault that comes in spells has a period (`_every_ms`)
//! and a length (`_for_ms`); spells lie at the end of each period, counted from the start of the venue.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::domain::Nanos;

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
    /// Every open market changes its tick between 0.01 and 0.001.
    pub tick_flip_every_ms: u64,
    /// Answers to private requests, and frames of the market and user channels: an unknown field, a number for a string, or
    /// a list around the object.
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
    /// The signers' buckets fill at this share of the real rate, 100; 0 leaves them as they are.
    pub rate_percent: u32,
    /// Answers with 429: without the headers that say how long to wait.
    pub rate_headerless_ppm: u32,
    /// POST `/order`, accepted: another `orderID` than the digest, an `errorMsg` beside `success`, or an empty `orderID`.
    pub id_mismatch_ppm: u32,
    pub success_with_error_ppm: u32,
    pub empty_id_ppm: u32,
}

const PERCENT: u32 = 10_000;
const SECOND: u64 = 1_000;
const MINUTE: u64 = 60 * SECOND;
const DAY: u64 = 24 * 60 * MINUTE;

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
    /// The index of the real venue lags in calm weather, too.
    pub const CALM: Knobs = Knobs {
        accept_then_timeout_ppm: 0,
        answer_late_ms_min: 5 * SECOND,
        answer_late_ms_max: 45 * SECOND,
        accept_then_5xx_ppm: 0,
        accept_then_reset_ppm: 0,
        accept_then_html_ppm: 0,
        late_landing_ppm: 0,
        late_landing_ms_max: MINUTE,
        storm_ppm: 0,
        storm_every_ms: 0,
        storm_for_ms: 0,
        restart_every_ms: 0,
        restart_for_ms: 90 * SECOND,
        post_only_for_ms: 120 * SECOND,
        ghost_fill_ppm: 0,
        ghost_fill_ms_min: 5 * SECOND,
        ghost_fill_ms_max: MINUTE,
        settle_ms_min: 0,
        settle_ms_max: 0,
        settle_never_ppm: 0,
        delayed_ppm: 0,
        delayed_ms: 3 * SECOND,
        balance_lag_ms: 0,
        index_lag_ms: 4 * SECOND,
        new_market_lag_ms: 0,
        order_null_ppm: 0,
        order_null_for_ms: 40 * SECOND,
        user_duplicate_ppm: 0,
        user_reorder_ppm: 0,
        user_drop_ppm: 0,
        user_gap_every_ms: 0,
        user_gap_for_ms: 0,
        market_stall_every_ms: 0,
        market_stall_for_ms: 0,
        feed_freeze_every_ms: 0,
        feed_freeze_for_ms: 0,
        feed_replay_ppm: 0,
        feed_replay_age_ms: 30 * MINUTE,
        tick_flip_every_ms: 0,
        drift_ppm: 0,
        unit_flip_ppm: 0,
        close_after_requests: 0,
        unauthorized_every_ms: 0,
        unauthorized_for_ms: 0,
        cancel_only_every_ms: 0,
        cancel_only_for_ms: 0,
        rate_percent: 0,
        rate_headerless_ppm: 0,
        id_mismatch_ppm: 0,
        success_with_error_ppm: 0,
        empty_id_ppm: 0,
    };

    const SOAK: Knobs = Knobs {
        accept_then_timeout_ppm: PERCENT,
        accept_then_5xx_ppm: PERCENT / 2,
        accept_then_reset_ppm: PERCENT / 2,
        accept_then_html_ppm: PERCENT / 2,
        late_landing_ppm: PERCENT / 5,
        storm_ppm: 60 * PERCENT,
        storm_every_ms: 20 * MINUTE,
        storm_for_ms: 30 * SECOND,
        restart_every_ms: 30 * MINUTE,
        ghost_fill_ppm: 2 * PERCENT,
        settle_ms_min: 2 * SECOND,
        settle_ms_max: 10 * SECOND,
        delayed_ppm: 10 * PERCENT,
        balance_lag_ms: 1_500,
        index_lag_ms: 5 * SECOND,
        new_market_lag_ms: 5 * SECOND,
        order_null_ppm: 5 * PERCENT,
        user_duplicate_ppm: 30 * PERCENT,
        user_reorder_ppm: 10 * PERCENT,
        user_drop_ppm: PERCENT / 10,
        user_gap_every_ms: 10 * MINUTE,
        user_gap_for_ms: 2 * SECOND,
        market_stall_every_ms: 30 * MINUTE,
        market_stall_for_ms: 40 * SECOND,
        feed_freeze_every_ms: 38 * MINUTE,
        feed_freeze_for_ms: 40 * SECOND,
        feed_replay_ppm: PERCENT / 10,
        tick_flip_every_ms: 12 * MINUTE,
        drift_ppm: PERCENT / 10,
        close_after_requests: 10_000,
        unauthorized_every_ms: DAY,
        unauthorized_for_ms: MINUTE,
        cancel_only_every_ms: DAY,
        cancel_only_for_ms: MINUTE,
        rate_percent: 100,
        id_mismatch_ppm: PERCENT / 10,
        success_with_error_ppm: PERCENT / 10,
        empty_id_ppm: PERCENT / 10,
        ..Knobs::CALM
    };

    const HELL: Knobs = Knobs {
        accept_then_timeout_ppm: 20 * PERCENT,
        accept_then_5xx_ppm: 10 * PERCENT,
        accept_then_reset_ppm: 10 * PERCENT,
        accept_then_html_ppm: 10 * PERCENT,
        late_landing_ppm: 5 * PERCENT,
        storm_ppm: 60 * PERCENT,
        storm_every_ms: 1,
        storm_for_ms: 1,
        restart_every_ms: 5 * MINUTE,
        ghost_fill_ppm: 25 * PERCENT,
        settle_ms_min: 10 * SECOND,
        settle_ms_max: MINUTE,
        settle_never_ppm: PERCENT,
        delayed_ppm: 50 * PERCENT,
        balance_lag_ms: 70 * SECOND,
        index_lag_ms: 120 * SECOND,
        new_market_lag_ms: 30 * SECOND,
        order_null_ppm: 50 * PERCENT,
        user_duplicate_ppm: 100 * PERCENT,
        user_reorder_ppm: 50 * PERCENT,
        user_drop_ppm: 5 * PERCENT,
        user_gap_every_ms: 30 * SECOND,
        user_gap_for_ms: 5 * SECOND,
        market_stall_every_ms: 2 * MINUTE,
        market_stall_for_ms: 40 * SECOND,
        feed_freeze_every_ms: MINUTE,
        feed_freeze_for_ms: 20 * SECOND,
        feed_replay_ppm: 10 * PERCENT,
        tick_flip_every_ms: 10 * SECOND,
        drift_ppm: 10 * PERCENT,
        unit_flip_ppm: 50 * PERCENT,
        close_after_requests: 50,
        unauthorized_every_ms: 10 * MINUTE,
        unauthorized_for_ms: 20 * SECOND,
        cancel_only_every_ms: 10 * MINUTE,
        cancel_only_for_ms: 20 * SECOND,
        rate_percent: 25,
        rate_headerless_ppm: 50 * PERCENT,
        id_mismatch_ppm: 5 * PERCENT,
        success_with_error_ppm: 5 * PERCENT,
        empty_id_ppm: 5 * PERCENT,
        ..Knobs::CALM
    };

    /// Returns these knobs with some set anew. The error names what is not a knob or not of its type.
    pub fn with(&self, changes: &Value) -> Result<Knobs, String> {
        let Value::Object(changes) = changes else { return Err("knobs are a JSON object".to_owned()) };
        let mut all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in changes {
            all[name] = value.clone();
        }
        let knobs: Knobs = serde_json::from_value(all).map_err(|error| error.to_string())?;
        knobs.check()
    }

    /// Returns the knobs if chances are at most one and spans begin before they end.
    pub fn check(self) -> Result<Knobs, String> {
        let all = serde_json::to_value(self).map_err(|error| error.to_string())?;
        for (name, value) in all.as_object().into_iter().flatten() {
            if name.ends_with("_ppm") && value.as_u64().is_some_and(|chance| chance > u64::from(100 * PERCENT)) {
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
    fn changes_are_taken_by_name_and_refused_with_it() {
        let knobs = Knobs::CALM.with(&json!({"ghost_fill_ppm": 250_000, "index_lag_ms": 0})).expect("knobs");
        assert_eq!((knobs.ghost_fill_ppm, knobs.index_lag_ms), (250_000, 0));
        for (changes, expected) in [
            (json!({"ghost_fil_ppm": 1}), "unknown field `ghost_fil_ppm`"),
            (json!({"drift_ppm": "1"}), "invalid type"),
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
