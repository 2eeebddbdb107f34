//! What a replay came to, as tables of eighty columns.

use comfy_table::Table;
use indicatif::{HumanBytes, HumanCount, HumanDuration};
use rust_decimal::Decimal;
use time::{OffsetDateTime, macros::format_description};

use crate::{
    command::table::{self, cents},
    domain::{Nanos, Refusal, Skip},
    metrics::Stage,
    report::{ReplayResult, result},
};

/// Positions that are listed; `--json` has all.
const POSITIONS_SHOWN: usize = 20;

/// Returns everything that people want to know, the most important first.
pub fn of(result: &ReplayResult) -> String {
    let sections = [
        ("", Some(happened(result))),
        ("Why not", why_not(result)),
        ("Money", Some(money(result))),
        ("Results", Some(results(result))),
        ("Open positions", positions(result)),
        ("How long it took", stages(result)),
    ];
    let mut text = String::new();
    for (heading, table) in sections {
        let Some(table) = table else { continue };
        if !heading.is_empty() {
            text.push_str(&format!("\n\n{heading}\n"));
        }
        text.push_str(&table.to_string());
    }
    if result.positions.len() > POSITIONS_SHOWN {
        text.push_str(&format!("\nOf {} open positions; --json lists all.", result.positions.len()));
    }
    text.push_str(&format!("\n\ndigest {}", result.digest));
    text
}

fn happened(result: &ReplayResult) -> Table {
    let count = |count: u64| HumanCount(count).to_string();
    let length = Nanos(result.last_at_ns.saturating_sub(result.first_at_ns));
    let from = clock_time(Nanos(result.first_at_ns));
    let refused: u64 = result.malformed.values().sum();
    let hashes = result.hash_ok + result.hash_bad + result.hash_unknown;
    let rows = [
        ("Recorded time", format!("{}, from {from}", result::length(length))),
        ("Messages", format!("{} ({} tokens)", count(result.messages), count(result.tokens as u64))),
        ("Books", count(result.books)),
        ("Price changes", count(result.price_changes)),
        ("Of unknown type", count(result.ignored)),
        ("Refused frames", format!("{}{}", count(refused), listed(&result.malformed))),
        (
            "Hashes",
            match hashes {
                0 => "not checked".to_owned(),
                _ => format!(
                    "{} good, {} bad, {} could not be checked",
                    count(result.hash_ok),
                    count(result.hash_bad),
                    count(result.hash_unknown)
                ),
            },
        ),
        ("Books diverged", format!("{}, of them {} loaded again", count(result.diverged), count(result.resynced))),
        ("Leaders' trades", format!("{}, {} of them signals", count(result.leader_trades), count(result.signals))),
        ("Orders", orders(result)),
        ("Fills", format!("{}, ${} in fees", count(result.fills), cents(&result.fees))),
        ("Positions settled", count(result.settled)),
        (
            "Speed",
            format!(
                "{} in {:.2} s: {}/s; at most {} of memory",
                HumanBytes(result.bytes),
                result.elapsed_s,
                HumanBytes(result.bytes_per_s),
                HumanBytes(result.peak_rss_bytes)
            ),
        ),
    ];
    let mut table = table::without_header();
    table.add_rows(rows.map(|(name, text)| [name.to_owned(), text]));
    table
}

/// Says how many orders there were, and what the venue said no to.
fn orders(result: &ReplayResult) -> String {
    let noes: Vec<String> =
        result.rejections.iter().map(|(code, times)| format!("{} {code}", HumanCount(*times))).collect();
    match noes.is_empty() {
        true => HumanCount(result.orders).to_string(),
        false => format!("{}, of them {}", HumanCount(result.orders), noes.join(", ")),
    }
}

fn listed(counts: &std::collections::BTreeMap<&'static str, u64>) -> String {
    let each: Vec<String> = counts.iter().map(|(code, count)| format!("{count} {code}")).collect();
    if each.is_empty() { String::new() } else { format!(": {}", each.join(", ")) }
}

/// Returns the reasons, the commonest first; `None` where there was no no.
fn why_not(result: &ReplayResult) -> Option<Table> {
    let mut all: Vec<_> = result.skips.iter().chain(&result.refusals).map(|(code, count)| (*count, *code)).collect();
    all.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    let mut table = table::with_header(["Times", "Because", "Code", "Setting"]);
    for (count, code) in &all {
        let (text, knob) = in_words(code);
        table.add_row([HumanCount(*count).to_string(), text.to_owned(), (*code).to_owned(), knob.to_owned()]);
    }
    (!all.is_empty()).then(|| numbers(table, &[0]))
}

/// Returns what a reason means and which setting would change it.
fn in_words(code: &'static str) -> (&'static str, &'static str) {
    let skips = Skip::ALL.iter().map(|skip| (skip.code(), skip.text(), skip.knob()));
    let mut all = skips.chain(Refusal::ALL.iter().map(|no| (no.code(), no.text(), no.knob())));
    all.find(|(known, ..)| *known == code).map_or((code, ""), |(_, text, knob)| (text, knob))
}

fn money(result: &ReplayResult) -> Table {
    let mut table = table::with_header(["Strategy", "Available", "In orders", "In positions", "Cooling", "Equity"]);
    for portfolio in &result.portfolios {
        let held = [&portfolio.available, &portfolio.reserved, &portfolio.deployed, &portfolio.cooling];
        let mut row = vec![portfolio.strategy.clone()];
        row.extend(held.into_iter().chain([&portfolio.equity]).map(|dollars| cents(dollars)));
        table.add_row(row);
    }
    numbers(table, &[1, 2, 3, 4, 5])
}

fn results(result: &ReplayResult) -> Table {
    let mut table = table::with_header(["Strategy", "Deposited", "Realised", "Unrealised", "Result"]);
    for portfolio in &result.portfolios {
        let decimal = |text: &str| text.parse::<Decimal>().unwrap_or_default();
        let whole = (decimal(&portfolio.equity) - decimal(&portfolio.deposits)).to_string();
        let mut row = vec![portfolio.strategy.clone()];
        row.extend(
            [&portfolio.deposits, &portfolio.realised, &portfolio.unrealised, &whole].map(|dollars| cents(dollars)),
        );
        table.add_row(row);
    }
    numbers(table, &[1, 2, 3, 4])
}

fn positions(result: &ReplayResult) -> Option<Table> {
    let mut table = table::with_header(["Strategy", "Leader", "Token", "Shares", "Cost", "To sell"]);
    for position in result.positions.iter().take(POSITIONS_SHOWN) {
        table.add_row([
            position.strategy.clone(),
            short(&position.leader),
            short(&position.token),
            cents(&position.shares),
            cents(&position.cost),
            cents(&position.exit_due),
        ]);
    }
    (!result.positions.is_empty()).then(|| numbers(table, &[3, 4, 5]))
}

fn stages(result: &ReplayResult) -> Option<Table> {
    let mut table = table::with_header(["Step", "Times", "Half within", "99 % within", "Longest"]);
    for stage in Stage::ALL {
        let Some(took) = result.stages.get(stage.code()) else { continue };
        let times = HumanCount(took.count).to_string();
        let [half, most, longest] = [took.p50_ns, took.p99_ns, took.max_ns].map(nanos);
        table.add_row([stage.text().to_owned(), times, half, most, longest]);
    }
    (!result.stages.is_empty()).then(|| numbers(table, &[1, 2, 3, 4]))
}

/// Aligns columns of numbers by their last digit.
fn numbers(mut table: Table, columns: &[usize]) -> Table {
    table::right(&mut table, columns.iter().copied());
    table
}

/// Returns the ends of a long id.
fn short(id: &str) -> String {
    match (id.get(..6), id.get(id.len().saturating_sub(4)..)) {
        (Some(begin), Some(end)) if id.len() > 12 => format!("{begin}…{end}"),
        _ => id.to_owned(),
    }
}

fn nanos(nanos: u64) -> String {
    match nanos {
        0..1_000 => format!("{nanos} ns"),
        1_000..1_000_000 => format!("{:.1} µs", nanos as f64 / 1e3),
        1_000_000..1_000_000_000 => format!("{:.1} ms", nanos as f64 / 1e6),
        1_000_000_000..60_000_000_000 => format!("{:.1} s", nanos as f64 / 1e9),
        _ => HumanDuration(std::time::Duration::from_nanos(nanos)).to_string(),
    }
}

/// Returns a moment as `2026-04-13 11:56:49 UTC`.
pub fn clock_time(at: Nanos) -> String {
    let format = format_description!("[year]-[month]-[day] [hour]:[minute]:[second] UTC");
    let time = OffsetDateTime::from_unix_timestamp(at.as_secs() as i64).ok();
    time.and_then(|time| time.format(format).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_ids_are_short_for_people() {
        for (took, shown) in [(999, "999 ns"), (1_500, "1.5 µs"), (250_000_000, "250.0 ms"), (59_000_000_000, "59.0 s")]
        {
            assert_eq!(nanos(took), shown);
        }
        assert_eq!(
            short("76749653936013921365546287415768593012625655716270825060317350902247751903470"),
            "767496…3470"
        );
        assert_eq!((short("UP"), clock_time(Nanos::from_secs(0))), ("UP".into(), "1970-01-01 00:00:00 UTC".into()));
    }
}
