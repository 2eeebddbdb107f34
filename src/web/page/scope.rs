//! Whose doings a page adds up, and since when: the part of an address that Skips and Results share.

use serde::Deserialize;
use time::OffsetDateTime;

use super::{
    address::{self, Choice, choices},
    mode,
};
use crate::{
    domain::Nanos,
    store::query::Scope,
    web::{Web, figure},
};

/// How far back, with the length in seconds; 0: everything.
const RANGES: [(&str, &str, u64); 4] =
    [("week", "7 days", 604_800), ("day", "24 hours", 86_400), ("month", "30 days", 2_592_000), ("all", "All", 0)];

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct Asked {
    /// `live`, else paper.
    pub mode: String,
    /// Empty: all.
    pub strategy: String,
    pub range: String,
    /// What to break down by; read by the page that does.
    pub by: String,
}

/// A way to the same page with another answer.
pub struct Tab {
    pub text: &'static str,
    pub href: String,
    pub chosen: bool,
}

impl Asked {
    pub fn mode(&self) -> &'static str {
        mode(&self.mode)
    }

    pub fn range(&self) -> &'static str {
        RANGES.iter().find(|(code, ..)| *code == self.range).unwrap_or(&RANGES[0]).0
    }

    pub fn scope(&self, now: Nanos) -> Scope {
        let seconds = RANGES.iter().find(|(code, ..)| *code == self.range()).map_or(0, |(.., seconds)| *seconds);
        let since = match seconds {
            0 => OffsetDateTime::UNIX_EPOCH,
            seconds => figure::moment(now.since(Nanos::from_secs(seconds))),
        };
        let strategy = address::word(&self.strategy, 60);
        Scope { mode: self.mode().to_owned(), strategy, since }
    }

    /// Returns the address's question with `part` said otherwise.
    pub fn query(&self, part: &str, value: &str) -> String {
        let parts = [
            ("mode", self.mode()),
            ("strategy", self.strategy.as_str()),
            ("range", self.range()),
            ("by", self.by.as_str()),
        ];
        let said = parts.map(|(name, said)| (name, if name == part { value } else { said }));
        address::query(&said)
    }

    /// Returns the tabs of paper and live.
    pub fn modes(&self, path: &str) -> Vec<Tab> {
        let tab = |(code, text)| Tab {
            text,
            href: format!("{path}?{}", self.query("mode", code)),
            chosen: self.mode() == code,
        };
        [("paper", "Paper"), ("live", "Live")].map(tab).into()
    }

    pub fn ranges(&self) -> Vec<Choice> {
        choices(self.range(), RANGES.map(|(code, text, _)| (code.to_owned(), text.to_owned())))
    }

    /// Returns the strategies that have a portfolio of this mode.
    pub fn strategies(&self, web: &Web) -> Vec<Choice> {
        let pulse = web.pulse();
        let ours = pulse.portfolios.iter().filter(|row| row.mode == self.mode());
        let named = ours.map(|row| (row.strategy.clone(), figure::tame(&row.strategy, super::NAME_MAX)));
        choices(&self.strategy, named.collect::<Vec<_>>())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_says_the_scope_and_what_it_does_not_know_means_the_usual() {
        let now = Nanos::from_secs(1_000_000_000);
        let asked = |mode: &str, range: &str| Asked { mode: mode.into(), range: range.into(), ..Asked::default() };
        let scope = |asked: Asked| {
            let scope = asked.scope(now);
            (scope.mode, scope.since.unix_timestamp())
        };
        assert_eq!(scope(asked("", "")), ("paper".into(), 1_000_000_000 - 604_800));
        assert_eq!(scope(asked("live", "all")), ("live".into(), 0));
        assert_eq!(scope(asked("x", "x")), ("paper".into(), 1_000_000_000 - 604_800));
        assert_eq!(asked("live", "day").query("range", "all"), "mode=live&range=all");
        let hostile = Asked { strategy: "a&b\u{0}".into(), ..Asked::default() };
        assert_eq!(hostile.scope(now).strategy, "a&b");
        assert_eq!(hostile.query("by", "day"), "mode=paper&strategy=a%26b%00&range=week&by=day");
    }
}
