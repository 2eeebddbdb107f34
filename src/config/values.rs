//! What a single setting can be: a number in a range, one of some words, an address. All are read exactly.

use std::{net::SocketAddr, time::Duration};

use reqwest::Url;
use toml::de::DeValue;

use super::sections::without_path;
use super::{
    decimal,
    literal::{describe, number},
    section::{Section, Text},
};
use crate::domain::{Nanos, Price, Usdc, money::ONE, settings::Limits};

/// What is given back for a value that could not be read. It is never used: a mistake was reported, so there is no
/// `Config`.
const UNREAD: i64 = 1;
/// Kept of dollars, shares and prices: millionths.
const MICROS: i64 = ONE as i64;
/// Parts per million in a percent.
const PPM_IN_PERCENT: i64 = 10_000;

impl<'a> Section<'_, 'a> {
    /// Reads a decimal between `min` and `max`, both counted in parts of size 1/`scale`, as is what it returns.
    fn scaled(&mut self, key: &'static str, scale: i64, min: i64, max: i64) -> i64 {
        let [low, high] = [min, max].map(|bound| decimal::written(bound, scale));
        self.value(key, &format!("{low} to {high}"), &low, |value| {
            let found = decimal::scaled(number(value)?, scale)?;
            match found {
                _ if found < min => Err(format!("{} is below {low}", decimal::written(found, scale))),
                _ if found > max => Err(format!("{} is above {high}", decimal::written(found, scale))),
                _ => Ok(found),
            }
        })
        .unwrap_or(UNREAD)
    }

    /// Reads a whole number.
    pub fn whole(&mut self, key: &'static str, min: u32, max: u32) -> u32 {
        self.scaled(key, 1, i64::from(min), i64::from(max)) as u32
    }

    /// Reads the number of a core; -1: none.
    pub fn core(&mut self, key: &'static str) -> Option<usize> {
        usize::try_from(self.scaled(key, 1, -1, 1_023)).ok()
    }

    /// Reads dollars; the bounds are millionths.
    pub fn usdc(&mut self, key: &'static str, min: i64, max_dollars: i64) -> Usdc {
        Usdc(self.scaled(key, MICROS, min, max_dollars * MICROS))
    }

    /// Reads a limit: dollars (the bounds are as with [`usdc`](Self::usdc)), a percentage of the capital, or none.
    pub fn limit(&mut self, key: &'static str, min: i64, max_dollars: i64) -> Usdc {
        let [low, high] = [min, max_dollars * MICROS].map(|bound| decimal::written(bound, MICROS));
        let capital = self.capital;
        let allowed = format!("{low} to {high}, a percentage of the capital such as \"5%\", or \"none\"");
        let unread = Usdc(UNREAD);
        self.value(key, &allowed, &low, |value| match value.as_str() {
            Some("none") => Ok(Limits::NONE),
            Some(text) => match text.strip_suffix('%').map(str::trim) {
                Some(percent) => {
                    let ppm = decimal::scaled(decimal::exact(percent)?, PPM_IN_PERCENT)?;
                    let whole = 1_000 * PPM_IN_PERCENT;
                    match ppm {
                        ..=0 => Err(format!("{text:?} is nothing of the capital")),
                        ppm if ppm > whole => Err(format!("{text:?} is above 1000%")),
                        ppm => Ok(capital.part_floor(ppm as u64)),
                    }
                }
                None => Err(format!("{text:?} is neither a percentage nor \"none\"")),
            },
            None => match decimal::scaled(number(value)?, MICROS)? {
                found if found < min => Err(format!("{} is below {low}", decimal::written(found, MICROS))),
                found if found > max_dollars * MICROS => {
                    Err(format!("{} is above {high}", decimal::written(found, MICROS)))
                }
                found => Ok(Usdc(found)),
            },
        })
        .unwrap_or(unread)
    }

    /// Reads a price on the venue's finest grid's range, 0.0001 to 0.9999.
    pub fn price(&mut self, key: &'static str) -> Price {
        let micros = self.scaled(key, MICROS, 100, 999_900);
        Price::from_micros(micros as u32).expect("the range lies inside (0, 1)")
    }

    /// Reads a decimal and returns millionths; so are the bounds.
    pub fn micros(&mut self, key: &'static str, min: u32, max: u32) -> u32 {
        self.scaled(key, MICROS, i64::from(min), i64::from(max)) as u32
    }

    /// Reads a decimal that may be below zero, and returns millionths; so are the bounds.
    pub fn signed_micros(&mut self, key: &'static str, min: i32, max: i32) -> i32 {
        self.scaled(key, MICROS, i64::from(min), i64::from(max)) as i32
    }

    /// Reads a percentage and returns parts per million; `min` is one, too.
    pub fn percent(&mut self, key: &'static str, min: u32, max_percent: u32) -> u32 {
        self.scaled(key, PPM_IN_PERCENT, i64::from(min), i64::from(max_percent) * PPM_IN_PERCENT) as u32
    }

    /// Reads a whole number of milliseconds.
    pub fn millis(&mut self, key: &'static str, min: u32, max: u32) -> Nanos {
        Nanos::from_millis(u64::from(self.whole(key, min, max)))
    }

    /// Reads a whole number of seconds.
    pub fn seconds(&mut self, key: &'static str, min: u32, max: u32) -> Nanos {
        Nanos::from_secs(u64::from(self.whole(key, min, max)))
    }

    /// Reads a whole number of minutes.
    pub fn minutes(&mut self, key: &'static str, min: u32, max: u32) -> Nanos {
        Nanos::from_secs(60 * u64::from(self.whole(key, min, max)))
    }

    pub fn switch(&mut self, key: &'static str) -> bool {
        self.value(key, "true or false", "true", |value| match value {
            DeValue::Boolean(value) => Ok(*value),
            other => Err(format!("is {}, not a switch", describe(other))),
        })
        .unwrap_or_default()
    }

    /// Reads one of the words of `choices`, and returns what it stands for.
    pub fn choice<T: Copy>(&mut self, key: &'static str, choices: &[(&str, T)]) -> T {
        let quoted: Vec<String> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
        let (last, first) = quoted.split_last().expect("there is a choice");
        self.value(key, &format!("{} or {last}", first.join(", ")), last, |value| {
            let text = value.as_str().ok_or_else(|| format!("is {}, not one of the words", describe(value)))?;
            let found = choices.iter().find(|(word, _)| *word == text);
            found.map(|(_, choice)| *choice).ok_or_else(|| format!("{text:?} is not one of the words"))
        })
        .unwrap_or(choices[0].1)
    }

    /// Reads one of the numbers of `choices`, all counted in millionths.
    pub fn micros_of(&mut self, key: &'static str, choices: &[u32]) -> u32 {
        let written: Vec<String> = choices.iter().map(|micros| decimal::written(i64::from(*micros), MICROS)).collect();
        let (last, first) = written.split_last().expect("there is a choice");
        self.value(key, &format!("{} or {last}", first.join(", ")), last, |value| {
            let found = decimal::scaled(number(value)?, MICROS)?;
            let choice = choices.iter().find(|choice| i64::from(**choice) == found);
            choice.copied().ok_or_else(|| format!("{} is not one of these", decimal::written(found, MICROS)))
        })
        .unwrap_or(choices[0])
    }

    /// Reads a text that `check` takes.
    pub fn text(
        &mut self,
        key: &'static str,
        allowed: &str,
        example: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> String {
        self.value(key, allowed, example, |value| {
            let text = value.as_str().ok_or_else(|| format!("is {}, not a text", describe(value)))?;
            check(text).map(|()| text.to_owned())
        })
        .unwrap_or_default()
    }

    /// Reads the address of a service that speaks `scheme`; `plain`, which is not encrypted, only on this machine.
    pub fn url(&mut self, key: &'static str, scheme: &str, plain: &str, example: &str) -> String {
        self.text(key, &url_allowed(scheme, plain), example, |text| is_url(text, scheme, plain))
    }

    /// The same, where an empty text says that there is none.
    pub fn url_or_none(&mut self, key: &'static str, scheme: &str, plain: &str, example: &str) -> Option<String> {
        let allowed = format!("{}, or \"\"", url_allowed(scheme, plain));
        let found = self.text(key, &allowed, example, |text| match text {
            "" => Ok(()),
            text => is_url(text, scheme, plain),
        });
        (!found.is_empty()).then_some(found)
    }

    /// The same for an address with a key in it, as providers of nodes hand them out: what stands behind the host is neither
    /// shown nor repeated.
    pub fn keyed_url_or_none(&mut self, key: &'static str, scheme: &str, plain: &str, example: &str) -> Option<String> {
        let allowed = format!("{}, or \"\"", url_allowed(scheme, plain));
        let found = self.text(key, &allowed, example, |text| match text {
            "" => Ok(()),
            text => is_url(text, scheme, plain).map_err(|_| "is no such address".to_owned()),
        });
        self.hide_last(&without_path(&found));
        (!found.is_empty()).then_some(found)
    }

    /// Reads an IP address and a port.
    pub fn socket_address(&mut self, key: &'static str) -> SocketAddr {
        const ALLOWED: &str = "an IP address and a port, such as 127.0.0.1:8080";
        let text = self.text(key, ALLOWED, "\"127.0.0.1:8080\"", |text| {
            text.parse::<SocketAddr>().map(drop).map_err(|_| format!("{text:?} is not an IP address with a port"))
        });
        text.parse().unwrap_or_else(|_| SocketAddr::from(([127, 0, 0, 1], 0)))
    }

    /// Reads a list of at least `least` texts that `check` takes, each of them once.
    pub fn list(
        &mut self,
        key: &'static str,
        least: usize,
        allowed: &str,
        example: &str,
        check: impl Fn(&str) -> Result<(), String>,
    ) -> Vec<String> {
        let mut seen: Vec<String> = Vec::new();
        for Text { text, place } in self.texts(key, least, allowed, example) {
            let wrong = match check(text) {
                Err(wrong) => wrong,
                Ok(()) if seen.iter().any(|other| other == text) => format!("{text:?} stands in the list twice"),
                Ok(()) => {
                    seen.push(text.to_owned());
                    continue;
                }
            };
            self.report(place, key, &wrong, allowed, "correct it or take it out");
        }
        seen
    }
}

fn url_allowed(scheme: &str, plain: &str) -> String {
    let article = if scheme.starts_with('h') { "an" } else { "a" };
    format!("{article} {scheme}:// address ({plain}:// only to this machine)")
}

pub fn is_url(text: &str, scheme: &str, plain: &str) -> Result<(), String> {
    let url = Url::parse(text).map_err(|wrong| format!("{text:?} is not an address: {wrong}"))?;
    let here = matches!(url.host_str(), Some("localhost" | "127.0.0.1" | "[::1]"));
    match url.scheme() {
        found if found == scheme => Ok(()),
        found if found == plain && here => Ok(()),
        found if found == plain => Err(format!("{text:?} is not encrypted, and not on this machine")),
        found => Err(format!("{text:?} begins with {found}://")),
    }
}

/// Returns `length` for code that waits by the machine's clock.
pub fn duration(length: Nanos) -> Duration {
    Duration::from_nanos(length.0)
}
