//! Addresses: the paths and questions that pages of lists share.

use time::{Date, OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::{LeaderName, NAME_MAX, figure, scope::Tab};
use crate::{
    store::query::{EVER, LeaderRow, PortfolioRow},
    web::Web,
};

/// Returns where the trades of a mode are.
pub fn path(mode: &str) -> &'static str {
    if mode == "live" { "/live-trades" } else { "/paper-trades" }
}

/// Reads `micros.id`: the place of a row in a list by time.
pub fn place(text: &str) -> Option<(OffsetDateTime, i64)> {
    let (micros, id) = text.split_once('.')?;
    let nanos = i128::from(micros.parse::<i64>().ok()?) * 1_000;
    Some((OffsetDateTime::from_unix_timestamp_nanos(nanos).ok()?, id.parse().ok()?))
}

pub fn place_text(at: OffsetDateTime, id: i64) -> String {
    format!("{}.{id}", at.unix_timestamp_nanos() / 1_000)
}

/// Reads a number of a filter: an empty one leaves it open, what is none matches nothing rather than everything.
pub fn number(text: &str) -> i64 {
    if text.is_empty() { -1 } else { text.parse().unwrap_or(i64::MAX) }
}

/// The same for what is numbered with 32 bits.
pub fn id(text: &str) -> i32 {
    i32::try_from(number(text)).unwrap_or(i32::MAX)
}

/// Reads a word of a filter; what is longer than any matches nothing.
pub fn word(text: &str, chars_max: usize) -> String {
    text.chars().filter(|c| !c.is_control()).take(chars_max).collect()
}

/// Cuts a list that was asked for one row more than `limit`. Returns its last row where there are more.
pub fn cut<R>(rows: &mut Vec<R>, limit: i64) -> Option<&R> {
    let has_older = rows.len() > limit as usize;
    rows.truncate(limit as usize);
    rows.last().filter(|_| has_older)
}

/// Returns what is given of `parts`, as the question of an address.
pub fn query(parts: &[(&str, &str)]) -> String {
    let given = parts.iter().filter(|(_, value)| !value.is_empty());
    let given: Vec<String> = given.map(|(name, value)| format!("{name}={}", percent_encoded(value))).collect();
    given.join("&")
}

/// Returns the time from the beginning of one day to the end of another (UTC). What is no day leaves its side open.
pub fn days(from: &str, to: &str) -> (OffsetDateTime, OffsetDateTime) {
    let day = |text: &str| Date::parse(text, DAY).ok();
    let begins = day(from).map_or(EVER.0, |day| day.midnight().assume_utc());
    let ends = day(to).and_then(Date::next_day).map_or(EVER.1, |day| day.midnight().assume_utc());
    (begins, ends)
}

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day]");

pub fn percent_encoded(text: &str) -> String {
    let encode = |byte: u8| match byte {
        b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'.' | b'_' | b'-' => char::from(byte).to_string(),
        other => format!("%{other:02X}"),
    };
    text.bytes().map(encode).collect()
}

/// A choice of a filter.
pub struct Choice {
    pub value: String,
    pub text: String,
    pub chosen: bool,
}

pub fn choices(asked: &str, all: impl IntoIterator<Item = (String, String)>) -> Vec<Choice> {
    all.into_iter().map(|(value, text)| Choice { chosen: value == asked, value, text }).collect()
}

/// What a list of trades, orders or fills can be filtered by, whatever the page.
pub struct Filters {
    pub portfolios: Vec<Choice>,
    pub leaders: Vec<Choice>,
    pub sides: Vec<Choice>,
}

impl Filters {
    pub fn new(web: &Web, mode: &str, portfolio: &str, leader: &str, side: &str) -> Filters {
        let pulse = web.pulse();
        let ours = pulse.portfolios.iter().filter(|row| mode.is_empty() || row.mode == mode);
        let strategy = |row: &PortfolioRow| figure::tame(&row.strategy, NAME_MAX);
        let named = |row: &PortfolioRow| match mode {
            "" => format!("{} ({})", strategy(row), row.mode),
            _ => strategy(row),
        };
        let name = |row: &LeaderRow| LeaderName::new(&row.name, &row.wallet, row.id).name;
        let both = [("buy", "Buys"), ("sell", "Sells")].map(|(code, text)| (code.to_owned(), text.to_owned()));
        Filters {
            portfolios: choices(portfolio, ours.map(|row| (row.id.to_string(), named(row)))),
            leaders: choices(leader, pulse.leaders.iter().map(|row| (row.id.to_string(), name(row)))),
            sides: choices(side, both),
        }
    }
}

/// The ways to look at what was traded in a mode.
pub fn views(mode: &str, chosen: &str) -> Vec<Tab> {
    let tab =
        |(end, text): (&str, &'static str)| Tab { text, href: format!("{}{end}", path(mode)), chosen: end == chosen };
    [("", "Signals, copied or not"), ("/orders", "Orders"), ("/fills", "Fills")].map(tab).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_are_whole_and_nonsense_is_open() {
        let check = |from: &str, to: &str, expected: (i64, i64)| {
            let (begins, ends) = days(from, to);
            assert_eq!((begins.unix_timestamp(), ends.unix_timestamp()), expected, "{from} {to}");
        };
        let ever = (EVER.0.unix_timestamp(), EVER.1.unix_timestamp());
        check("2026-11-01", "2026-11-01", (1_793_491_200, 1_793_577_600));
        check("", "x", ever);
        check("2026-13-01", "9999-12-31", ever);
    }
}
