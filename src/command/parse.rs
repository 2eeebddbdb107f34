//! Arguments as people write them: lengths of time, dollars, prices, shares.

use std::{num::NonZeroU32, time::Duration};

use crate::{
    config::decimal,
    domain::{Price, Role, Shares, Side, Tick, Usdc, money::ONE},
};

/// How fast recorded time passes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speed {
    /// As fast as this machine can.
    Max,
    /// So many times faster than it was.
    Times(NonZeroU32),
}

/// Reads `500ms`, `30s`, `5m` or `2h`.
pub fn duration(text: &str) -> Result<Duration, String> {
    let wrong = || format!("`{text}` is no length of time; write 500ms, 30s, 5m or 2h");
    let digits = text.find(|c: char| !c.is_ascii_digit()).ok_or_else(wrong)?;
    let count: u64 = text[..digits].parse().map_err(|_| wrong())?;
    let millis: u64 = match &text[digits..] {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        _ => return Err(wrong()),
    };
    count.checked_mul(millis).map(Duration::from_millis).ok_or_else(wrong)
}

/// How far back something counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Since {
    Length(Duration),
    /// Its beginning, UTC.
    Day(time::Date),
}

/// Reads a length of time (also in days: `7d`), or a day such as `2026-11-01`.
pub fn since(text: &str) -> Result<Since, String> {
    let day = time::macros::format_description!("[year]-[month]-[day]");
    if let Ok(day) = time::Date::parse(text, &day) {
        return Ok(Since::Day(day));
    }
    let days = text.strip_suffix('d').and_then(|days| days.parse::<u64>().ok()?.checked_mul(86_400));
    match days {
        Some(seconds) => Ok(Since::Length(Duration::from_secs(seconds))),
        None => {
            let wrong = || format!("`{text}` is neither a length of time (12h, 7d) nor a day (2026-11-01)");
            duration(text).map(Since::Length).map_err(|_| wrong())
        }
    }
}

/// Reads `max`, or how many times faster than recorded.
pub fn speed(text: &str) -> Result<Speed, String> {
    match text {
        "max" => Ok(Speed::Max),
        number => {
            let times = number.parse().map_err(|_| format!("`{text}` is neither `max` nor a whole number above 0"))?;
            Ok(Speed::Times(times))
        }
    }
}

/// Reads dollars above zero, with up to six decimals.
pub fn usdc(text: &str) -> Result<Usdc, String> {
    positive_micros(text).map(Usdc)
}

/// Reads shares above zero, with up to six decimals.
pub fn shares(text: &str) -> Result<Shares, String> {
    positive_micros(text).map(|micros| Shares(micros as u64))
}

/// Reads a price above 0 and below 1.
pub fn price(text: &str) -> Result<Price, String> {
    let price = u32::try_from(positive_micros(text)?).ok().and_then(Price::from_micros);
    price.ok_or_else(|| format!("{text} is no price; prices are above 0 and below 1"))
}

/// Reads 0 to 100 percent, with up to four decimals. Returns parts per million.
pub fn percent(text: &str) -> Result<u32, String> {
    let ppm = decimal::scaled(decimal::exact(text)?, 10_000)?;
    let ppm = u32::try_from(ppm).ok().filter(|ppm| *ppm <= ONE as u32);
    ppm.ok_or_else(|| format!("{text} is not between 0 and 100"))
}

/// Reads a market's price grid.
pub fn tick(text: &str) -> Result<Tick, String> {
    let tick = u32::try_from(positive_micros(text)?).ok().and_then(Tick::from_micros);
    tick.ok_or_else(|| format!("{text} is no tick; ticks are 0.1, 0.01, 0.005, 0.0025, 0.001 or 0.0001"))
}

/// Reads `buy` or `sell`.
pub fn side(text: &str) -> Result<Side, String> {
    [Side::Buy, Side::Sell]
        .into_iter()
        .find(|side| side.code() == text)
        .ok_or_else(|| format!("`{text}` is neither `buy` nor `sell`"))
}

/// Reads `maker` or `taker`.
pub fn role(text: &str) -> Result<Role, String> {
    match text {
        "maker" => Ok(Role::Maker),
        "taker" => Ok(Role::Taker),
        other => Err(format!("`{other}` is neither `maker` nor `taker`")),
    }
}

fn positive_micros(text: &str) -> Result<i64, String> {
    let micros = decimal::scaled(decimal::exact(text)?, ONE as i64)?;
    if micros > 0 { Ok(micros) } else { Err(format!("{text} is not above 0")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_time_need_their_unit() {
        let check = |text: &str, expected: Option<u64>| {
            assert_eq!(duration(text).ok(), expected.map(Duration::from_millis), "{text}");
        };
        check("500ms", Some(500));
        check("30s", Some(30_000));
        check("5m", Some(300_000));
        check("2h", Some(7_200_000));
        for wrong in ["", "30", "s", "1.5s", "-1s", "30 s", "3d", "99999999999999999999s", "9999999999999999999h"] {
            check(wrong, None);
        }
    }

    #[test]
    fn what_counts_begins_with_a_day_or_a_length_ago() {
        assert_eq!(since("7d"), Ok(Since::Length(Duration::from_secs(604_800))));
        assert_eq!(since("12h"), Ok(Since::Length(Duration::from_secs(43_200))));
        assert_eq!(since("2026-11-01"), Ok(Since::Day(time::macros::date!(2026 - 11 - 01))));
        for wrong in ["", "d", "-1d", "2026-13-01", "yesterday", "99999999999999999d"] {
            assert!(since(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn amounts_are_exact_and_positive() {
        assert_eq!(usdc("0.29"), Ok(Usdc(290_000)));
        assert_eq!(shares("1200"), Ok(Shares::whole(1_200)));
        assert_eq!(price("0.42").map(Price::micros), Ok(420_000));
        assert_eq!(tick("0.01"), Ok(Tick::CENT));
        assert_eq!((percent("0"), percent("7.2"), percent("100")), (Ok(0), Ok(72_000), Ok(1_000_000)));
        assert_eq!((side("buy"), side("sell")), (Ok(Side::Buy), Ok(Side::Sell)));
        assert_eq!((speed("max"), speed("10")), (Ok(Speed::Max), Ok(Speed::Times(NonZeroU32::new(10).expect("ten")))));
        for (name, refused) in [
            ("zero dollars", usdc("0").is_err()),
            ("too many decimals", usdc("0.0000001").is_err()),
            ("a price of one", price("1").is_err()),
            ("a price above what a number holds", price("5000").is_err()),
            ("no tick", tick("0.03").is_err()),
            ("a side in capitals", side("BUY").is_err()),
            ("below zero percent", percent("-1").is_err()),
            ("above a hundred percent", percent("100.1").is_err()),
            ("speed zero", speed("0").is_err()),
        ] {
            assert!(refused, "{name}");
        }
    }
}
