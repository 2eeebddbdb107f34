//! Tables that fit the terminal, or 80 columns where there is none.

use comfy_table::{ContentArrangement, Table, presets};

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

/// Returns an exact amount cut to cents; `--json` has all of it.
pub fn cents(amount: &str) -> String {
    let (whole, part) = amount.split_once('.').unwrap_or((amount, ""));
    format!("{whole}.{:0<2}", &part[..part.len().min(2)])
}
