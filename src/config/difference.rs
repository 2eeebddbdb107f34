//! Settings for people: each in force with its meaning, and what two states of them say differently.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::{
    Config, DEFAULT,
    reader::{Entry, Group},
};

/// One setting in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Setting {
    /// `web`; `strategy careful` and `strategy careful, paper`; `leader Ada`
    pub section: String,
    pub key: String,
    /// As TOML. Passwords are stars.
    pub value: String,
    /// Where it was written; empty for a default.
    pub from: String,
    pub allowed: String,
}

/// One setting that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Difference {
    pub section: String,
    pub key: String,
    /// As TOML; `None`: it was not there.
    pub from: Option<String>,
    pub to: Option<String>,
    /// It is about real money.
    pub live: bool,
    /// A running engine takes it at once; otherwise it takes effect at the next start.
    pub at_once: bool,
}

impl Config {
    /// Returns everything in force.
    pub fn settings(&self) -> Vec<Setting> {
        let setting = |(section, entry): (String, &Entry)| Setting {
            section,
            key: entry.key.to_owned(),
            value: entry.value.clone(),
            from: if entry.place.source == super::DEFAULT_NAME { String::new() } else { entry.place.to_string() },
            allowed: entry.allowed.clone(),
        };
        all(self).map(setting).collect()
    }

    /// Returns what `other` says differently, in its order; what it does not say any more comes last.
    pub fn differences(&self, other: &Config) -> Vec<Difference> {
        let values = |config: &Config| -> BTreeMap<(String, &'static str), String> {
            all(config).map(|(section, entry)| ((section, entry.key), entry.value.clone())).collect()
        };
        let (old, new) = (values(self), values(other));
        let was_there = |section: &str| old.keys().any(|(name, _)| name == section);
        let gone = old.keys().filter(|place| !new.contains_key(*place)).cloned();
        let places = all(other).map(|(section, entry)| (section, entry.key)).chain(gone);
        places
            .filter(|place| old.get(place) != new.get(place))
            .map(|place| {
                let (from, to) = (old.get(&place).cloned(), new.get(&place).cloned());
                let (section, key) = place;
                let is_default = section.starts_with("strategy_default");
                let is_portfolio = section.contains(", ") && was_there(&section) && to.is_some();
                let at_once = is_default || is_portfolio && key != "capital_usdc";
                Difference { live: section.ends_with(", live"), key: key.to_owned(), section, from, to, at_once }
            })
            .collect()
    }
}

fn all(config: &Config) -> impl Iterator<Item = (String, &Entry)> {
    named(&config.in_force).chain(named(&config.rehearsed))
}

/// Yields all that is in force, by sections with the names of leaders and strategies in them.
fn named(groups: &[Group]) -> impl Iterator<Item = (String, &Entry)> {
    let mut name = "";
    groups.iter().flat_map(move |group| {
        let title = group.header.trim_matches(['[', ']']);
        let is_element = group.header.starts_with("[[");
        if is_element {
            let own = group.entries.iter().find(|entry| entry.key == "name");
            name = own.map_or("", |entry| entry.value.trim_matches('"'));
        }
        let section = match title.split_once('.') {
            Some(("strategy", part)) => format!("strategy {name}, {part}"),
            Some(_) => title.to_owned(),
            None if is_element => format!("{title} {name}"),
            None => title.to_owned(),
        };
        group.entries.iter().map(move |entry| (section.clone(), entry))
    })
}

/// What the documented defaults say of a key.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explained {
    /// The words above it, without what is allowed.
    pub meaning: String,
    /// As TOML; empty where there is none.
    pub default: &'static str,
}

/// Explains a setting by the documented defaults.
pub fn explain(section: &str, key: &str) -> Explained {
    let table = match section.rsplit_once([',', '.']).map(|(_, part)| part.trim()) {
        // What live does not say itself is as in paper, and explained there.
        Some("live") if is_written("strategy_default.live", key) => "strategy_default.live".to_owned(),
        Some("live" | "paper") => "strategy_default.paper".to_owned(),
        Some(_) | None if section.starts_with("strategy ") => "strategy_default".to_owned(),
        Some(_) | None => section.to_owned(),
    };
    // A key without words of its own is explained by those above it, the first by those above the table.
    let mut said = String::new();
    let mut words: Vec<&str> = above(&table);
    for line in lines_of(&table) {
        match line.strip_prefix('#') {
            Some(comment) if comment.trim_start().starts_with("Allowed:") => {}
            Some(comment) => words.push(comment.trim()),
            None => {
                if !words.is_empty() {
                    said = words.join(" ");
                }
                if is_of(line, key) {
                    let default = line.split_once('=').map_or("", |(_, value)| value.trim());
                    return Explained { meaning: said, default };
                }
                words.clear();
            }
        }
    }
    Explained { meaning: of_elements(key).to_owned(), default: "" }
}

/// What leaders and strategies say themselves, so that no default explains it.
fn of_elements(key: &str) -> &'static str {
    match key {
        "name" => "What it is called everywhere.",
        "wallet" | "wallets" => "The wallets whose trades are this leader's.",
        "leaders" => "Whose trades are copied; \"*\": all declared leaders'.",
        "capital_usdc" => "Dollars that the portfolio, or the leader, begins with.",
        _ => "",
    }
}

fn is_of(line: &str, key: &str) -> bool {
    line.split('=').next().is_some_and(|name| name.trim() == key)
}

/// Returns the comment right above a table's header.
fn above(table: &str) -> Vec<&'static str> {
    let header = format!("[{table}]");
    let lines: Vec<&str> = DEFAULT.lines().take_while(|line| *line != header).collect();
    let comment = lines.iter().rev().map_while(|line| line.strip_prefix('#')).map(str::trim);
    comment.collect::<Vec<_>>().into_iter().rev().collect()
}

fn is_written(table: &str, key: &str) -> bool {
    lines_of(table).any(|line| is_of(line, key))
}

/// Yields the lines of a table of the documented defaults.
fn lines_of(table: &str) -> impl Iterator<Item = &'static str> {
    let header = format!("[{table}]");
    DEFAULT.lines().skip_while(move |line| *line != header).skip(1).take_while(|line| !line.starts_with('['))
}
