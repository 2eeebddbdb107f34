//! Tables that fit the terminal, or 80 columns where there is none.

use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use indicatif::HumanCount;
use rust_decimal::{Decimal, RoundingStrategy};

const COLUMNS_WITHOUT_TERMINAL: u16 = 80;

/// Returns an empty table with `header`.
pub fn with_header<const N: usize>(header: [&str; N]) -> Table {
    let mut table = without_header();
    table.set_header(header);
    table
}

/// Returns an empty table.
pub fn without_header() -> Table {
    let mut table = Table::new();
    table.load_style(presets::UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    if !table.is_tty() {
        table.set_width(COLUMNS_WITHOUT_TERMINAL);
    }
    table
}

/// Sets columns of numbers to the right.
pub fn right(table: &mut Table, columns: impl IntoIterator<Item = usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}

/// Returns an exact amount in cents, rounded, with thousands apart; `--json` has all of it.
pub fn cents(exact: &str) -> String {
    let Ok(exact) = exact.parse::<Decimal>() else { return exact.to_owned() };
    let text = format!("{:.2}", exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero));
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "00"));
    format!("{sign}{}.{part}", HumanCount(whole.parse().unwrap_or_default()))
}

/// Returns a stranger's text without what a terminal would obey, and without what hides or turns text around.
pub fn plain(text: &str) -> String {
    let is_hidden = |c: char| matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}');
    text.chars().filter(|c| !c.is_control() && !is_hidden(*c)).take(60).collect()
}

/// Returns a text broken at 80 columns: its first line begins with `first`, the others with `rest`.
pub fn wrapped(first: &str, rest: &str, text: &str) -> String {
    let (mut out, mut column, mut is_begun) = (first.to_owned(), first.chars().count(), false);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        match is_begun {
            false => is_begun = true,
            true if column + 1 + length > usize::from(COLUMNS_WITHOUT_TERMINAL) => {
                out.push('\n');
                out.push_str(rest);
                column = rest.chars().count();
            }
            true => {
                out.push(' ');
                column += 1;
            }
        }
        out.push_str(word);
        column += length;
    }
    out.push('\n');
    out
}

/// Returns a length of time given in microseconds, in the unit a person reads: `850 us`, `12 ms`, `1.2 s`, `90 min`, `3 days`.
pub fn length(us: i64) -> String {
    let scaled = |unit: i64, name: &str| {
        let tenths = (us.unsigned_abs() * 10 + unit.unsigned_abs() / 2) / unit.unsigned_abs();
        let number = match tenths {
            100.. => format!("{}", (tenths + 5) / 10),
            _ if tenths.is_multiple_of(10) => format!("{}", tenths / 10),
            _ => format!("{}.{}", tenths / 10, tenths % 10),
        };
        format!("{}{number} {name}", if us < 0 { "-" } else { "" })
    };
    match us.unsigned_abs() {
        0..1_000 => format!("{us} us"),
        1_000..999_500 => scaled(1_000, "ms"),
        999_500..180_000_000 => scaled(1_000_000, "s"),
        180_000_000..10_800_000_000 => scaled(60_000_000, "min"),
        10_800_000_000..259_200_000_000 => scaled(3_600_000_000, "h"),
        _ => scaled(86_400_000_000, "days"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_strangers_text_is_only_text() {
        assert_eq!(plain("a\u{1b}[2Jb\u{202e}c\u{200b}\n"), "a[2Jbc");
        assert_eq!(plain(&"x".repeat(100)).len(), 60);
    }

    #[test]
    fn a_long_text_is_broken_between_words() {
        let text = wrapped("- ", "  ", &"word ".repeat(40));
        assert!(text.lines().all(|line| line.chars().count() <= 80) && text.lines().count() == 3, "{text}");
        assert!(text.starts_with("- word") && text.lines().skip(1).all(|line| line.starts_with("  word")), "{text}");
        assert_eq!(wrapped("", "  ", ""), "\n");
    }

    #[test]
    fn lengths_are_short_for_people() {
        for (us, shown) in [
            (0, "0 us"),
            (850, "850 us"),
            (12_345, "12 ms"),
            (-80_000, "-80 ms"),
            (999_999, "1 s"),
            (1_240_000, "1.2 s"),
            (5_400_000_000, "90 min"),
            (14_400_000_000, "4 h"),
            (864_000_000_000, "10 days"),
        ] {
            assert_eq!(length(us), shown, "{us}");
        }
    }

    #[test]
    fn amounts_are_short_for_people() {
        for (exact, shown) in [
            ("10000", "10,000.00"),
            ("-0.005", "-0.01"),
            ("1234567.899", "1,234,567.90"),
            ("0", "0.00"),
            ("no number", "no number"),
        ] {
            assert_eq!(cents(exact), shown);
        }
    }
}
