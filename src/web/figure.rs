//! Numbers, times and strangers' text as people read them. Every figure carries its exact value in its title.

use std::fmt;

use askama::filters::HtmlSafe;
use rust_decimal::{Decimal, RoundingStrategy, prelude::ToPrimitive};
use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use crate::domain::Nanos;

/// A number in its unit: short text, exact title, and whether it is good or bad where that is its meaning.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Figure {
    pub text: String,
    pub exact: String,
    tone: Tone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Tone {
    Plain,
    Good,
    Bad,
}

impl Figure {
    fn plain(text: String, exact: String) -> Figure {
        Figure { text, exact, tone: Tone::Plain }
    }

    /// Stands where there is no number; `why` says why.
    pub fn none(why: &str) -> Figure {
        Figure::plain("–".into(), why.into())
    }

    /// Dollars to the cent; less than a cent is shown in full.
    pub fn usd(amount: Decimal) -> Figure {
        Figure::plain(dollars(amount, ""), format!("{} dollars", amount.normalize()))
    }

    /// A result: a plus or minus sign, and its colour.
    pub fn result(amount: Decimal) -> Figure {
        let sign = if Decimal::ZERO < amount { "+" } else { "" };
        let tone = tone(-amount);
        Figure { text: dollars(amount, sign), exact: format!("{} dollars", amount.normalize()), tone }
    }

    /// The price of a share in cents.
    pub fn price(price: Decimal) -> Figure {
        let cents = (price * Decimal::ONE_HUNDRED).normalize();
        Figure::plain(format!("{cents}¢"), format!("{} dollars a share", price.normalize()))
    }

    /// The average price of a fill, in cents to the hundredth.
    pub fn price_average(price: Decimal) -> Figure {
        let cents = rounded(price * Decimal::ONE_HUNDRED, 2).normalize();
        Figure::plain(format!("{cents}¢"), format!("{} dollars a share", price.round_dp(8).normalize()))
    }

    pub fn shares(shares: Decimal) -> Figure {
        let places = if shares.abs() < Decimal::ONE { 6 } else { 2 };
        Figure::plain(grouped(rounded(shares, places).normalize()), format!("{} shares", shares.normalize()))
    }

    /// Adds the unit's word to the text.
    pub fn with_unit(mut self, unit: &str) -> Figure {
        self.text = format!("{} {unit}", self.text);
        self
    }

    pub fn count(count: impl Into<i128>) -> Figure {
        let count = count.into();
        let text = Decimal::from_i128_with_scale(count, 0);
        Figure::plain(grouped(text), count.to_string())
    }

    /// How much worse than `reference` a price was for us, in cents and basis points; negative is better.
    pub fn worse(worse: Decimal, reference: Decimal) -> Figure {
        if reference.is_zero() {
            return Figure::none("no price to compare with");
        }
        let bps = rounded(worse / reference * Decimal::from(10_000), 0).normalize();
        let cents = rounded(worse * Decimal::ONE_HUNDRED, 2).normalize();
        let text = match worse.cmp(&Decimal::ZERO) {
            std::cmp::Ordering::Equal => "same price".into(),
            std::cmp::Ordering::Greater => format!("{cents}¢ worse (+{bps} bps)"),
            std::cmp::Ordering::Less => format!("{}¢ better ({} bps)", -cents, minus(bps)),
        };
        Figure { text, exact: format!("{} dollars a share", worse.round_dp(8).normalize()), tone: tone(worse) }
    }

    /// How much worse a price was in basis points; negative is better.
    pub fn bps(bps: Decimal) -> Figure {
        let number = rounded(bps, 1).normalize();
        let sign = if Decimal::ZERO < number { "+" } else { "" };
        Figure {
            text: format!("{sign}{} bps", minus(number)),
            exact: format!("{} basis points", bps.normalize()),
            tone: tone(bps),
        }
    }

    /// A length of time in the unit a person reads.
    pub fn length(nanos: Nanos) -> Figure {
        Figure::plain(length(nanos), format!("{} ns", nanos.0))
    }

    /// A length of time given in milliseconds.
    pub fn milliseconds(amount: Decimal) -> Figure {
        let nanos = (amount.abs() * Decimal::from(1_000_000)).to_u64().unwrap_or(u64::MAX);
        let sign = if amount.is_sign_negative() && !amount.is_zero() { "−" } else { "" };
        Figure::plain(format!("{sign}{}", length(Nanos(nanos))), format!("{} ms", amount.normalize()))
    }

    /// The time from `from` to `to`; negative where the clocks disagree.
    pub fn delay(from: OffsetDateTime, to: OffsetDateTime) -> Figure {
        let nanos = (to - from).whole_nanoseconds();
        let sign = if nanos < 0 { "−" } else { "" };
        let text = length(Nanos(nanos.unsigned_abs().to_u64().unwrap_or(u64::MAX)));
        Figure::plain(format!("{sign}{text}"), format!("{nanos} ns"))
    }

    /// What a dollar became, as percent with a sign and its colour.
    pub fn gain(share: Decimal) -> Figure {
        let percent = rounded(share * Decimal::ONE_HUNDRED, 1);
        let sign = if Decimal::ZERO < percent { "+" } else { "" };
        let exact = format!("{} dollars a dollar", share.round_dp(8).normalize());
        Figure { text: format!("{sign}{}%", minus(percent)), exact, tone: tone(-share) }
    }

    /// A share of one as percent, with one decimal.
    pub fn percent(share: Decimal) -> Figure {
        let percent = rounded(share * Decimal::ONE_HUNDRED, 1);
        Figure::plain(format!("{percent}%"), format!("{} of 1", share.round_dp(8).normalize()))
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let tone = match self.tone {
            Tone::Plain => "",
            Tone::Good => " good",
            Tone::Bad => " bad",
        };
        write!(f, "<span class=\"figure{tone}\" title=\"{}\">{}</span>", self.exact, self.text)
    }
}
/// Only digits, signs, units and words of ours are in it.
impl HtmlSafe for Figure {}

fn tone(badness: Decimal) -> Tone {
    match badness.cmp(&Decimal::ZERO) {
        std::cmp::Ordering::Less => Tone::Good,
        std::cmp::Ordering::Equal => Tone::Plain,
        std::cmp::Ordering::Greater => Tone::Bad,
    }
}

fn rounded(number: Decimal, places: u32) -> Decimal {
    number.round_dp_with_strategy(places, RoundingStrategy::MidpointAwayFromZero)
}

fn minus(number: Decimal) -> String {
    number.to_string().replace('-', "−")
}

/// Digits in groups of three, with a real minus sign.
fn grouped(number: Decimal) -> String {
    let text = number.abs().to_string();
    let (whole, part) = text.split_once('.').unwrap_or((&text, ""));
    let mut out = String::from(if number.is_sign_negative() && !number.is_zero() { "−" } else { "" });
    for (index, digit) in whole.chars().enumerate() {
        if index > 0 && (whole.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    if !part.is_empty() {
        out.push('.');
        out.push_str(part);
    }
    out
}

fn dollars(amount: Decimal, sign: &str) -> String {
    let small = !amount.is_zero() && amount.abs() < Decimal::new(1, 2);
    let number = if small { amount.abs().normalize() } else { rounded(amount.abs(), 2) };
    let mut text = grouped(number);
    if !small {
        let decimals = text.split_once('.').map_or(0, |(_, part)| part.len());
        text.push_str([".00", "0", ""][decimals.min(2)]);
    }
    let sign = if amount.is_sign_negative() && !amount.is_zero() { "−" } else { sign };
    format!("{sign}${text}")
}

/// Returns three digits and a unit: `850 ns`, `12.3 µs`, `4.56 ms`, `1.2 s`, `3 min`, `5 h`, `2 days`.
pub fn length(nanos: Nanos) -> String {
    let scaled = |unit: f64, name: &str| {
        let number = nanos.0 as f64 / unit;
        let places = if number < 9.995 {
            2
        } else if number < 99.95 {
            1
        } else {
            0
        };
        let text = format!("{number:.places$}");
        let text = if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.') } else { &text };
        format!("{text} {name}")
    };
    match nanos.0 {
        0..1_000 => format!("{} ns", nanos.0),
        1_000..1_000_000 => scaled(1e3, "µs"),
        1_000_000..1_000_000_000 => scaled(1e6, "ms"),
        1_000_000_000..120_000_000_000 => scaled(1e9, "s"),
        120_000_000_000..7_200_000_000_000 => format!("{} min", nanos.0 / 60_000_000_000),
        7_200_000_000_000..172_800_000_000_000 => format!("{} h", nanos.0 / 3_600_000_000_000),
        _ => format!("{} days", nanos.0 / 86_400_000_000_000),
    }
}

const STAMP: &[BorrowedFormatItem<'_>] =
    format_description!("[year]-[month]-[day]T[hour]:[minute]:[second].[subsecond digits:6]Z");
const SHORT: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:short] [hour]:[minute]:[second]");
const FINE: &[BorrowedFormatItem<'_>] =
    format_description!("[day padding:none] [month repr:short] [hour]:[minute]:[second].[subsecond digits:3]");

/// A moment in UTC, and how long ago that was when the page was made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct When {
    at: OffsetDateTime,
    now: OffsetDateTime,
    format: &'static [BorrowedFormatItem<'static>],
}

impl When {
    pub fn new(at: OffsetDateTime, now: Nanos) -> When {
        When { at, now: moment(now), format: SHORT }
    }

    /// To the millisecond.
    pub fn fine(at: OffsetDateTime, now: Nanos) -> When {
        When { at, now: moment(now), format: FINE }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let stamp = stamp(self.at);
        let text = self.at.format(self.format).map_err(|_| fmt::Error)?;
        let ago = ago(self.at, self.now);
        write!(
            f,
            "<time datetime=\"{stamp}\" title=\"{stamp}\"><span class=\"clock\">{text}</span> <span class=\"ago\">{ago}</span></time>"
        )
    }
}
/// Made of digits and names of months.
impl HtmlSafe for When {}

fn ago(at: OffsetDateTime, now: OffsetDateTime) -> String {
    let nanos = (now - at).whole_nanoseconds();
    let whole = |nanos: i128| length(Nanos((nanos / 1_000_000_000 * 1_000_000_000) as u64));
    match nanos {
        ..=-1_000_000_000 => format!("in {}", whole(-nanos)),
        -999_999_999..1_000_000_000 => "now".into(),
        _ => format!("{} ago", whole(nanos)),
    }
}

/// Returns the moment as a UTC timestamp with microseconds.
pub fn stamp(at: OffsetDateTime) -> String {
    at.to_offset(time::UtcOffset::UTC).format(STAMP).unwrap_or_default()
}

/// Returns the moment `nanos` after 1970 (the last representable one, if it is beyond).
pub fn moment(nanos: Nanos) -> OffsetDateTime {
    OffsetDateTime::from_unix_timestamp_nanos(nanos.0.into()).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// Returns an amount of millionths.
pub fn micros(amount: i64) -> Decimal {
    Decimal::new(amount, 6)
}

/// Returns a stranger's text fit to show: at most `length` characters, no control characters, nothing that reorders or hides text.
pub fn tame(text: &str, length: usize) -> String {
    let visible = text.chars().filter(|c| !(c.is_control() || is_invisible(*c)));
    let mut tamed: String = visible.clone().take(length).collect();
    if visible.count() > length {
        tamed.pop();
        tamed.push('…');
    }
    tamed.trim().to_owned()
}

/// Bidi marks, embeddings and isolates; zero-width and other format characters; private use.
fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}' | '\u{61c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
            | '\u{feff}' | '\u{fff9}'..='\u{fffc}' | '\u{e000}'..='\u{f8ff}' | '\u{e0000}'..='\u{10ffff}'
    )
}

/// Returns the beginning and end of a long id: `7132…0917`.
pub fn short_id(id: &str) -> String {
    let tamed = tame(id, 100);
    let chars: Vec<char> = tamed.chars().collect();
    if chars.len() <= 12 {
        return tamed;
    }
    let (head, tail) = (&chars[..6], &chars[chars.len() - 4..]);
    head.iter().chain(['…'].iter()).chain(tail).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decimal(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    #[test]
    fn figures_read_well_and_keep_the_exact_value() {
        let check = |figure: Figure, text: &str, exact: &str| {
            assert_eq!((figure.text.as_str(), figure.exact.as_str()), (text, exact));
        };
        check(Figure::usd(decimal("1234567.895")), "$1,234,567.90", "1234567.895 dollars");
        check(Figure::usd(decimal("-3.200000")), "−$3.20", "-3.2 dollars");
        check(Figure::usd(decimal("0.000000")), "$0.00", "0 dollars");
        check(Figure::usd(decimal("12")), "$12.00", "12 dollars");
        check(Figure::usd(decimal("0.001200")), "$0.0012", "0.0012 dollars");
        check(Figure::result(decimal("0.004")), "+$0.004", "0.004 dollars");
        check(Figure::result(decimal("-1000")), "−$1,000.00", "-1000 dollars");
        check(Figure::price(decimal("0.523000")), "52.3¢", "0.523 dollars a share");
        check(Figure::shares(decimal("1234.567")), "1,234.57", "1234.567 shares");
        check(Figure::shares(decimal("0.000001")), "0.000001", "0.000001 shares");
        check(Figure::count(1_234_567_u64), "1,234,567", "1234567");
        check(Figure::worse(decimal("0.002"), decimal("0.50")), "0.2¢ worse (+40 bps)", "0.002 dollars a share");
        check(Figure::worse(decimal("-0.01"), decimal("0.50")), "1¢ better (−200 bps)", "-0.01 dollars a share");
        check(Figure::worse(decimal("0"), decimal("0.50")), "same price", "0 dollars a share");
        check(Figure::percent(decimal("0.0423")), "4.2%", "0.0423 of 1");
    }

    #[test]
    fn lengths_have_the_unit_a_person_reads() {
        for (nanos, text) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1 µs"),
            (12_340, "12.3 µs"),
            (999_999, "1000 µs"),
            (4_560_000, "4.56 ms"),
            (100_000_000, "100 ms"),
            (1_200_000_000, "1.2 s"),
            (119_000_000_000, "119 s"),
            (180_000_000_000, "3 min"),
            (7_200_000_000_000, "2 h"),
            (259_200_000_000_000, "3 days"),
        ] {
            assert_eq!(length(Nanos(nanos)), text);
        }
    }

    #[test]
    fn strangers_text_is_tamed() {
        for (text, tamed) in [
            ("<img src=x onerror=alert(1)>", "<img src=x onerror=alert(1)>"), // the template escapes it
            ("a\u{202e}cba\u{2066}\u{200b}\u{feff}", "acba"),
            ("tab\tline\nnull\0", "tablinenull"),
            (" spaced ", "spaced"),
            ("Ünïcödé 中文 🎲", "Ünïcödé 中文 🎲"),
            ("0123456789012345678901234567890", "01234567890123456789012345678…"),
        ] {
            assert_eq!(tame(text, 30), tamed);
        }
        assert_eq!(
            short_id("71321045679252212594626385532706912750332728571942532289631379312455583992563"),
            "713210…2563"
        );
        assert_eq!(short_id("7"), "7");
    }

    #[test]
    fn a_moment_says_how_long_ago_it_was() {
        let now = Nanos::from_secs(1_000_000);
        let check = |at: u64, ago_text: &str| {
            assert_eq!(ago(moment(Nanos(at * 1_000_000)), moment(now)), ago_text);
        };
        check(1_000_000_000, "now");
        check(999_997_500, "2 s ago");
        check(1_000_060_000, "in 60 s");
        check(993_000_000, "116 min ago");
        let html = When::new(moment(now), now).to_string();
        assert!(html.contains("1970-01-12T13:46:40.000000Z") && html.contains("12 Jan 13:46:40"), "{html}");
    }
}
