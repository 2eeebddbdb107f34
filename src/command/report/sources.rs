//! `remora report sources`: who told of leaders' trades, how soon, and what each missed.

use serde_json::{Value, json};

use crate::{
    command::table,
    domain::Source,
    report::coverage,
    store::query::{LeaderSeen, SourceRow, behind},
};

const LEADS: &str = "lead: ahead of the next where it was first; lag: behind the first where it was not; behind: after the \
    leader's trade itself, whose time is known to the second.";
const MISSES: &str = "missed: told by others while it was on, and not by it within 2 minutes; in gaps: the same while it said \
    itself that it might miss some; alone: told by nobody else; again: told once more; away, max: its gaps in all, and the \
    longest. A source is on from its first word in a run.";
/// The widest bar of the histogram.
const BAR: i64 = 40;
/// The most reasons in a leader's line.
const NOES: usize = 3;

pub fn in_json(sources: &[SourceRow], leaders: &[LeaderSeen], scope: &Value) -> Value {
    let sources = sources.iter().map(|row| {
        let mut value = json!(row);
        if let Some(source) = coverage::of_code(&row.source) {
            value["what"] = coverage::what(source).into();
            value["cost"] = coverage::cost(source).into();
        }
        value
    });
    let sources: Vec<Value> = sources.collect();
    json!({ "scope": scope, "sources": sources, "leaders": leaders, "behind_ms": crate::store::query::BEHIND_MS })
}

pub fn in_words(sources: &[SourceRow], leaders: &[LeaderSeen]) -> String {
    if sources.is_empty() {
        return "No source has told of a leader's trade yet.\n  fix: declare leaders (`remora leader add WALLET --name NAME`), \
            follow them with a strategy, and let\n       `remora run` see some of their trades; `remora status` says which feeds \
            are connected"
            .to_owned();
    }
    let mut text = format!("Who was first, and by how much:\n{}\n", races(sources));
    text.push_str(&table::wrapped("", "  ", LEADS));
    text.push('\n');
    text.push_str(&format!("What each missed, and when it was away:\n{}\n", misses(sources)));
    text.push_str(&table::wrapped("", "  ", MISSES));
    text.push_str(&remarks(sources));
    text.push_str(&format!("\nWhat was seen of each leader, and what became of it:\n{}\n", of_leaders(leaders)));
    text.push_str("p50 to p99: how far behind his trade we saw it.\n");
    text.push_str(&histogram(leaders));
    text.trim_end().to_owned()
}

fn races(rows: &[SourceRow]) -> comfy_table::Table {
    let header = ["source", "first", "won", "lead p50", "p99", "lag p50", "p99", "behind p50"];
    let mut lines = table::with_header(header);
    let total: i64 = rows.iter().map(|row| row.first).sum();
    for row in rows {
        let share = if total == 0 { "-".to_owned() } else { format!("{} %", (row.first * 100 + total / 2) / total) };
        let times = [row.lead_p50_us, row.lead_p99_us, row.lag_p50_us, row.lag_p99_us, row.behind_p50_us];
        let cells = [row.source.clone(), row.first.to_string(), share];
        lines.add_row(cells.into_iter().chain(times.map(length)));
    }
    table::right(&mut lines, 1..8);
    lines
}

fn misses(rows: &[SourceRow]) -> comfy_table::Table {
    let mut lines =
        table::with_header(["source", "seen", "missed", "in gaps", "alone", "again", "gaps", "away", "max"]);
    for row in rows {
        let counts =
            [row.seen, row.missed, row.missed_in_gaps, row.alone, row.again, row.gaps].map(|count| count.to_string());
        let lengths = [row.gaps_us, row.gap_longest_us].map(|us| length(Some(us).filter(|us| *us > 0)));
        lines.add_row(std::iter::once(row.source.clone()).chain(counts).chain(lengths));
    }
    table::right(&mut lines, 1..9);
    lines
}

fn remarks(rows: &[SourceRow]) -> String {
    let told = |source: &Source| rows.iter().any(|row| row.source == source.code());
    let mut text = String::from("\nWhat each costs:\n");
    for source in Source::ALL.iter().filter(|source| told(source)) {
        text.push_str(&table::wrapped("  ", "    ", &format!("{}: {}.", source.code(), coverage::cost(*source))));
        if !coverage::remark(*source).is_empty() {
            text.push_str(&table::wrapped("    ", "    ", &format!("It {}.", coverage::remark(*source))));
        }
    }
    let silent: Vec<&str> = Source::ALL.iter().filter(|source| !told(source)).map(|source| source.code()).collect();
    if !silent.is_empty() {
        let never = format!("Never heard of: {}; they are off, or have nothing to tell.", silent.join(", "));
        text.push_str(&table::wrapped("", "  ", &never));
    }
    let starts: i64 = rows.iter().map(|row| row.starts).max().unwrap_or_default();
    if starts > 0 {
        text.push_str("What passed while the program did not run is in no number here.\n");
    }
    text
}

fn of_leaders(leaders: &[LeaderSeen]) -> comfy_table::Table {
    let mut lines = table::with_header(["leader", "seen", "paper", "live", "p50", "p90", "p99", "noes"]);
    for leader in leaders {
        let name = if leader.name.is_empty() { &leader.wallet } else { &leader.name };
        let noes = leader.noes.iter().take(NOES).map(|no| format!("{} {}", no.reason, no.count));
        let times = [leader.behind_p50_us, leader.behind_p90_us, leader.behind_p99_us].map(length);
        let counts = [leader.seen, leader.copied_paper, leader.copied_live].map(|count| count.to_string());
        let cells = std::iter::once(table::plain(name)).chain(counts).chain(times);
        lines.add_row(cells.chain([noes.collect::<Vec<_>>().join(", ")]));
    }
    table::right(&mut lines, 1..7);
    lines
}

fn histogram(leaders: &[LeaderSeen]) -> String {
    let counts = behind(leaders);
    let most = counts.iter().copied().max().unwrap_or_default();
    if most == 0 {
        return String::new();
    }
    let mut text = String::from("\nHow far behind, all leaders together:\n");
    for (name, count) in coverage::behind_names().iter().zip(&counts) {
        let bar = "#".repeat(usize::try_from((count * BAR + most - 1) / most).unwrap_or_default());
        text.push_str(format!("  {name:>13} {count:>8} {bar}").trim_end());
        text.push('\n');
    }
    text
}

fn length(us: Option<i64>) -> String {
    us.map_or("-".to_owned(), table::length)
}

#[cfg(test)]
mod tests {
    use rust_decimal::Decimal;

    use super::*;
    use crate::store::query::{BEHIND_MS, SeenNo};

    fn leader(name: &str) -> LeaderSeen {
        let mut behind = vec![0; BEHIND_MS.len() + 1];
        (behind[0], behind[3]) = (30, 60);
        LeaderSeen {
            id: 0,
            wallet: "0x1ead000000000000000000000000000000000001".into(),
            name: name.into(),
            seen: 12_345,
            last_at: None,
            copied_paper: 1_234,
            copied_live: 12,
            noes: ["price_moved", "too_old", "no_asks", "parked_too_long"]
                .map(|reason| SeenNo { outcome: "skipped".into(), reason: reason.into(), count: 100 })
                .to_vec(),
            behind_p50_us: Some(812_000),
            behind_p90_us: Some(2_100_000),
            behind_p99_us: Some(59_000_000),
            behind,
            score: None,
            realised_paper: Decimal::ZERO,
            realised_live: Decimal::ZERO,
        }
    }

    #[test]
    fn sources_and_leaders_fit_eighty_columns() {
        let row = |source: Source, first| SourceRow {
            source: source.code().into(),
            seen: 12_345,
            first,
            lead_p50_us: Some(1_812_345),
            lead_p99_us: Some(59_812_345),
            lag_p50_us: None,
            lag_p99_us: Some(123_812_345),
            behind_p50_us: Some(812_345),
            behind_p99_us: Some(2_812_345),
            missed: 17,
            gaps: 3,
            gaps_us: 5_400_000_000,
            gap_longest_us: 61_000_000,
            starts: 1,
            ..SourceRow::default()
        };
        let rows = Source::ALL.map(|source| row(source, 100)).to_vec();
        let text = in_words(&rows, &[leader("Ada\u{1b}[2J"), leader("")]);
        for part in
            ["17 %", "1.8 s", "124 s", "812 ms", "90 min", "61 s", "price_moved", "0x1ead", "2 minutes", "under 1 s"]
        {
            assert!(text.contains(part), "{part}\n{text}");
        }
        assert!(!text.contains('\u{1b}') && !text.contains("parked_too_long"), "{text}");
        for line in text.lines() {
            assert!(line.chars().count() <= 80, "{line}\n{text}");
        }
        assert!(text.contains(&"#".repeat(40)) && !text.contains("Never heard of"), "{text}");
        let one = in_words(&rows[..1], &[]);
        assert!(one.lines().all(|line| line.chars().count() <= 80), "{one}");
        assert!(one.contains("Never heard of: matched, print, pending, log"), "{one}");
        assert!(in_words(&[], &[leader("Ada")]).contains("fix: declare leaders"));
        let json = in_json(&rows, &[leader("Ada")], &json!({}));
        assert_eq!((&json["sources"][5]["source"], &json["leaders"][0]["behind"][3]), (&json!("index"), &json!(60)));
        assert!(json["sources"][4]["cost"].as_str().is_some_and(|cost| cost.contains("subscription")));
    }
}
