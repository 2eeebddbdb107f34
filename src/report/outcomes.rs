//! How markets ended, from a file of JSON lines: `token_ids`, `outcome_prices` and `end_sec` of each market, as collectors of
//! Polymarket data keep them; the Gamma object in `raw`, where there is one, says fee, tick and minimum.

use std::path::Path;

use rust_decimal::{Decimal, prelude::ToPrimitive};
use serde::Deserialize;

use crate::{
    domain::{FeeSchedule, Market, Nanos, Shares, Tick, money::ONE},
    feed::{
        lines::{FileError, LineReader},
        rest::Group,
    },
    start::MarketName,
};

/// One token's end.
#[derive(Clone, Debug, PartialEq)]
pub struct Outcome {
    pub token: String,
    pub ends_at: Nanos,
    /// Millionths of a dollar a share; `None` for a market that was not resolved when the file was made.
    pub payout: Option<u32>,
    pub market: Market,
    pub name: MarketName,
}

#[derive(Deserialize)]
struct Row {
    token_ids: Vec<String>,
    #[serde(default)]
    outcome_prices: Option<Vec<String>>,
    #[serde(default)]
    start_sec: u64,
    end_sec: u64,
    #[serde(default)]
    condition_id: String,
    #[serde(default)]
    slug: String,
    #[serde(default)]
    raw: Gamma,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Gamma {
    order_min_size: Option<Decimal>,
    neg_risk: Option<bool>,
    #[serde(default)]
    fees_enabled: bool,
    fee_schedule: Option<Schedule>,
    #[serde(flatten)]
    group: Group,
}

#[derive(Deserialize)]
struct Schedule {
    rate: Decimal,
    exponent: Decimal,
}

/// Returns every token's end, earliest first. `common` is what is taken for granted where the file is silent.
pub fn read(path: &Path, common: Market) -> Result<Vec<Outcome>, FileError> {
    let mut lines = LineReader::open(path)?;
    let mut outcomes = vec![];
    while let Some((number, line)) = lines.next()? {
        if line.trim_ascii().is_empty() {
            continue;
        }
        match outcomes_of(line, common) {
            Ok(row) => outcomes.extend(row),
            Err(wrong) => return Err(lines.fail(number, wrong)),
        }
    }
    outcomes.sort_by_key(|outcome| outcome.ends_at);
    Ok(outcomes)
}

fn outcomes_of(line: &[u8], common: Market) -> Result<Vec<Outcome>, String> {
    let row: Row = serde_json::from_slice(line)
        .map_err(|error| format!("not a market's outcome (token_ids, outcome_prices, end_sec): {error}"))?;
    let prices = row.outcome_prices.unwrap_or_default();
    if !prices.is_empty() && prices.len() != row.token_ids.len() {
        return Err(format!("{} token_ids, but {} outcome_prices", row.token_ids.len(), prices.len()));
    }
    let ends_at = Nanos::from_secs(row.end_sec);
    let opens_at = Nanos::from_secs(row.start_sec);
    let market = Market { opens_at, closes_at: ends_at, ..market_of(&row.raw, common)? };
    let name = MarketName {
        event: row.raw.group.event("", &row.condition_id),
        tags: row.raw.group.tags(&[]),
        condition: row.condition_id,
        slug: row.slug,
    };
    let outcome = |(index, token): (usize, String)| {
        let payout = prices.get(index).map(|price| payout_of(price)).transpose()?;
        Ok(Outcome { token, ends_at, payout, market, name: name.clone() })
    };
    row.token_ids.into_iter().enumerate().map(outcome).collect()
}

fn payout_of(text: &str) -> Result<u32, String> {
    let price: Decimal = text.parse().map_err(|_| format!("outcome price {text:?} is not a number"))?;
    let micros = (price * Decimal::from(ONE)).to_u32().filter(|micros| u64::from(*micros) <= ONE);
    micros.ok_or_else(|| format!("outcome price {text:?} is not between 0 and 1"))
}

fn market_of(gamma: &Gamma, common: Market) -> Result<Market, String> {
    let micros = |number: Decimal| (number * Decimal::from(ONE)).to_u64();
    let fees = match &gamma.fee_schedule {
        Some(schedule) if gamma.fees_enabled && !schedule.rate.is_zero() => {
            if schedule.exponent != Decimal::ONE {
                return Err(format!("fee schedule not understood: exponent {} (only 1 is known)", schedule.exponent));
            }
            let rate_ppm = micros(schedule.rate).and_then(|ppm| u32::try_from(ppm).ok());
            FeeSchedule { rate_ppm: rate_ppm.ok_or("a fee rate that is no share of 1")? }
        }
        Some(_) => FeeSchedule::NONE,
        None => common.fees,
    };
    let minimum = gamma.order_min_size.and_then(micros).map_or(common.minimum, Shares);
    // The tick of the file is that of the end, near 0 or 1, where it is finer: the books say what it was before.
    let tick: Tick = common.tick;
    Ok(Market { tick, minimum, fees, neg_risk: gamma.neg_risk.unwrap_or(common.neg_risk), ..common })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(line: &str, said: &str) {
        let phrase = match outcomes_of(line.as_bytes(), Market::COMMON) {
            Ok(outcomes) => {
                let one = |o: &Outcome| format!("{}={:?} fee {}", o.token, o.payout, o.market.fees.rate_ppm);
                outcomes.iter().map(one).collect::<Vec<_>>().join(", ")
            }
            Err(wrong) => wrong,
        };
        assert!(phrase.starts_with(said), "{phrase}");
    }

    #[test]
    fn rows_are_read_or_say_what_is_wrong() {
        check(
            r#"{"token_ids":["1","2"],"outcome_prices":["1","0"],"end_sec":9}"#,
            "1=Some(1000000) fee 0, 2=Some(0) fee 0",
        );
        check(r#"{"token_ids":["1","2"],"outcome_prices":["0.5","0.5"],"end_sec":9}"#, "1=Some(500000)");
        check(r#"{"token_ids":["1"],"end_sec":9}"#, "1=None");
        let fee =
            r#"{"token_ids":["1"],"end_sec":9,"raw":{"feesEnabled":true,"feeSchedule":{"rate":0.07,"exponent":1}}}"#;
        check(fee, "1=None fee 70000");
        check(&fee.replace("\"exponent\":1", "\"exponent\":2"), "fee schedule not understood");
        check(r#"{"token_ids":["1","2"],"outcome_prices":["1"],"end_sec":9}"#, "2 token_ids, but 1 outcome_prices");
        check(r#"{"token_ids":["1"],"outcome_prices":["1.1"],"end_sec":9}"#, "outcome price \"1.1\" is not between");
        check(r#"{"token_ids":["1"],"outcome_prices":["-1"],"end_sec":9}"#, "outcome price \"-1\" is not between");
        check(r#"{"token_ids":["1"]}"#, "not a market's outcome");
    }
}
