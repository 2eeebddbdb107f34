//! The metadata answers as the venue writes them (PROTOCOL.md 2.4, 2.6, 4.4); what we do not need is passed over.

use serde::Deserialize;
use serde_json::Value;
use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{Date, OffsetDateTime, Time};

use crate::domain::{FeeSchedule, Nanos};

#[derive(Debug, Deserialize)]
pub struct ByToken {
    pub condition_id: String,
}

/// `/clob-markets/{condition}`, by its short keys.
#[derive(Debug, Deserialize)]
pub struct ClobMarket {
    /// Tick size.
    pub mts: Value,
    /// Minimum order size, in shares.
    pub mos: Value,
    /// Negative risk: another exchange contract.
    pub nr: bool,
    /// Fees.
    #[serde(default)]
    pub fd: Option<FeeAnswer>,
    /// The taker fee's cap in basis points: a remnant, but it tells a free market from a fee that was left out.
    #[serde(default)]
    pub tbf: Value,
    /// Accepting orders, and since when.
    pub ao: bool,
    pub aot: Option<String>,
    /// Seconds of delay of marketable orders.
    pub sd: Option<u32>,
    /// Taker delay enabled.
    pub itode: Option<bool>,
}

#[derive(Debug, Deserialize)]
pub struct FeeAnswer {
    /// Rate and exponent of `shares * rate * (p * (1 - p)) ^ exponent`.
    pub r: Value,
    #[serde(default)]
    pub e: Value,
}

impl ClobMarket {
    /// Returns the fees; an error where the formula is another than ours.
    pub fn fees(&self) -> Result<FeeSchedule, String> {
        let Some(fees) = &self.fd else {
            return match micros(&self.tbf) {
                Some(0) => Ok(FeeSchedule::NONE),
                None if self.tbf.is_null() => Ok(FeeSchedule::NONE),
                Some(_) | None => Err(format!("fee schedule not understood: no fd although tbf is {}", self.tbf)),
            };
        };
        let not_understood = || format!("fee schedule not understood: rate {}, exponent {}", fees.r, fees.e);
        match (micros(&fees.r), micros(&fees.e)) {
            (Some(0), _) => Ok(FeeSchedule::NONE),
            // A rate of a dollar a share or more is no rate.
            (Some(rate @ 1..1_000_000), Some(1_000_000)) => Ok(FeeSchedule { rate_ppm: rate as u32 }),
            (Some(_) | None, _) => Err(not_understood()),
        }
    }
}

/// `/markets/{condition}`.
#[derive(Debug, Deserialize)]
pub struct MarketAnswer {
    pub question: String,
    pub market_slug: String,
    pub end_date_iso: Option<String>,
    pub accepting_orders: bool,
    pub closed: bool,
    /// Null on some markets, and only "All" on many.
    #[serde(default)]
    pub tags: Option<Vec<String>>,
    /// What the markets of a neg-risk event share; empty for others.
    #[serde(default)]
    pub neg_risk_market_id: Option<String>,
    #[serde(default)]
    is_50_50_outcome: bool,
    tokens: Vec<TokenAnswer>,
}

#[derive(Debug, Deserialize)]
struct TokenAnswer {
    token_id: String,
    outcome: String,
    #[serde(default)]
    winner: bool,
}

impl MarketAnswer {
    pub fn outcome_of(&self, token: &str) -> Option<&str> {
        self.tokens.iter().find(|answer| answer.token_id == token).map(|answer| answer.outcome.as_str())
    }

    /// Returns what a share of the token pays, in millionths of a dollar; `None` while the market is not resolved.
    pub fn payout_of(&self, token: &str) -> Option<u32> {
        let winner = self.tokens.iter().find(|answer| answer.winner);
        match winner {
            Some(winner) if self.closed => Some(if winner.token_id == token { 1_000_000 } else { 0 }),
            None if self.closed && self.is_50_50_outcome => Some(500_000),
            Some(_) | None => None,
        }
    }

    /// Returns when trading ends, as far as the answer says. All of a hundred real answers say midnight: the time of day is
    /// not told, so a midnight means some time of that day, and the day's end is taken.
    pub fn closes_at(&self) -> Option<Nanos> {
        const DAY: Nanos = Nanos::from_secs(86_400);
        let at = self.end_date_iso.as_deref().and_then(moment)?;
        Some(if at.0.is_multiple_of(DAY.0) { at.plus(DAY) } else { at })
    }
}

/// Returns a number, written as one or as text, in millionths; `None` if it is finer, negative, or beyond a billion.
pub fn micros(value: &Value) -> Option<u64> {
    let number = match value {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    let micros = (number * 1e6).round();
    let is_exact = (micros / 1e6 - number).abs() < 1e-9;
    ((0.0..=1e15).contains(&micros) && is_exact).then_some(micros as u64)
}

/// Reads a moment, or a date as its midnight, in UTC.
pub fn moment(text: &str) -> Option<Nanos> {
    let at = OffsetDateTime::parse(text, &Rfc3339).or_else(|_| {
        let date = Date::parse(text, format_description!("[year]-[month]-[day]"))?;
        Ok::<_, time::error::Parse>(date.with_time(Time::MIDNIGHT).assume_utc())
    });
    u64::try_from(at.ok()?.unix_timestamp()).ok().map(Nanos::from_secs)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_market_pays_when_it_is_closed_and_its_outcome_is_known() {
        let answer = |closed: bool, even: bool, winners: [bool; 2]| -> MarketAnswer {
            let token = |id: &str, winner: bool| json!({"token_id": id, "outcome": "", "winner": winner});
            serde_json::from_value(json!({
                "question": "", "market_slug": "", "end_date_iso": null, "accepting_orders": false, "closed": closed,
                "is_50_50_outcome": even, "tokens": [token("1", winners[0]), token("2", winners[1])],
            }))
            .expect("an answer")
        };
        for (closed, even, winners, payouts) in [
            (true, false, [true, false], [Some(1_000_000), Some(0)]),
            (true, false, [false, true], [Some(0), Some(1_000_000)]),
            (true, true, [false, false], [Some(500_000); 2]),
            (true, false, [false, false], [None; 2]),
            (false, false, [true, false], [None; 2]),
        ] {
            let answer = answer(closed, even, winners);
            assert_eq!(["1", "2"].map(|token| answer.payout_of(token)), payouts, "{closed} {even} {winners:?}");
        }
    }

    #[test]
    fn a_close_at_midnight_means_some_time_of_that_day() {
        let closes = |end: &str| -> Option<Nanos> {
            let answer: MarketAnswer = serde_json::from_value(json!({
                "question": "", "market_slug": "", "end_date_iso": end, "accepting_orders": true, "closed": false, "tokens": [],
            }))
            .expect("an answer");
            answer.closes_at()
        };
        assert_eq!(closes("2026-01-01T00:00:00Z"), moment("2026-01-02T00:00:00Z"));
        assert_eq!(closes("2026-01-01"), moment("2026-01-02T00:00:00Z"));
        assert_eq!(closes("2026-01-01T09:25:00Z"), moment("2026-01-01T09:25:00Z"));
        assert_eq!(closes("soon"), None);
    }

    #[test]
    fn fees_that_are_not_understood_are_errors() {
        for (answer, rate_ppm) in [
            (json!({"fd": {"r": 0.07, "e": 1, "to": true}, "tbf": 1000}), Some(70_000)),
            (json!({"fd": {"r": "0.05", "e": "1"}}), Some(50_000)),
            (json!({"fd": {"r": 0, "e": 2}, "tbf": 1000}), Some(0)),
            (json!({"fd": {"r": 0}}), Some(0)),
            (json!({}), Some(0)),
            (json!({"fd": null, "tbf": 0}), Some(0)),
            (json!({"tbf": 1000}), None),
            (json!({"fd": {"r": 0.07, "e": 2}}), None),
            (json!({"fd": {"r": 0.07}}), None),
            (json!({"fd": {"r": 1, "e": 1}}), None),
            (json!({"fd": {"r": -0.01, "e": 1}}), None),
            (json!({"fd": {"r": "much", "e": 1}}), None),
        ] {
            let mut market = json!({"mts": 0.01, "mos": 5, "nr": false, "ao": true});
            market.as_object_mut().expect("an object").extend(answer.as_object().expect("an object").clone());
            let market: ClobMarket = serde_json::from_value(market).expect("a market");
            assert_eq!(market.fees().ok().map(|fees| fees.rate_ppm), rate_ppm, "{answer}");
        }
    }

    #[test]
    fn numbers_and_moments_are_read_in_all_their_forms() {
        for (value, expected) in [
            (json!(0.001), Some(1_000)),
            (json!("0.0025"), Some(2_500)),
            (json!(15), Some(15_000_000)),
            (json!(-1), None),
            (json!(1e300), None),
            (json!(0.000_000_1), None),
            (json!("NaN"), None),
            (json!([1]), None),
        ] {
            assert_eq!(micros(&value), expected, "{value}");
        }
        for (text, expected) in [
            ("2026-11-21T11:40:00Z", Some(1_795_261_200)),
            ("2026-11-21", Some(1_795_219_200)),
            ("2026-11-21T06:40:00-05:00", Some(1_795_261_200)),
            ("soon", None),
            ("1969-12-31", None),
        ] {
            assert_eq!(moment(text), expected.map(Nanos::from_secs), "{text}");
        }
    }
}
