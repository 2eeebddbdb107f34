//! Tables that fit the terminal, or 80 columns where there is none.

use comfy_table::{ContentArrangement, Table, presets};
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

/// Returns an exact amount in cents, rounded, with thousands apart; `--json` has all of it.
pub fn cents(exact: &str) -> String {
    let Ok(exact) = exact.parse::<Decimal>() else { return exact.to_owned() };
    let text = format!("{:.2}", exact.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero));
    let (sign, digits) = text.strip_prefix('-').map_or(("", text.as_str()), |digits| ("-", digits));
    let (whole, part) = digits.split_once('.').unwrap_or((digits, "00"));
    format!("{sign}{}.{part}", HumanCount(whole.parse().unwrap_or_default()))
}

#[cfg(test)]
mod tests {
    use super::*;

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
