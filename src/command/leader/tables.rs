//! Leaders as people read them, in eighty columns.

use time::{OffsetDateTime, format_description::BorrowedFormatItem, macros::format_description};

use super::scout::{FeesFrom, Found, Scored};
use crate::{
    command::table,
    config::LeaderConfig,
    domain::{Nanos, Usdc},
    report::scout::{score::Copyability, warnings::Warning},
    store::query::LeaderSeen,
};

const DAY: &[BorrowedFormatItem<'_>] = format_description!("[year]-[month]-[day] [hour]:[minute]");

/// Returns the moment in UTC, to the minute.
pub(super) fn moment(at: Nanos) -> Option<String> {
    text(OffsetDateTime::from_unix_timestamp_nanos(i128::from(at.0)).ok()?)
}

fn text(at: OffsetDateTime) -> Option<String> {
    at.to_offset(time::UtcOffset::UTC).format(DAY).ok()
}

pub(super) fn list(leaders: &[LeaderConfig], seen: &Result<Vec<LeaderSeen>, String>) -> String {
    if leaders.is_empty() {
        return "No leader is declared in these settings.\n  fix: remora leader score WALLET, and then\n       remora leader add WALLET --name NAME --config FILE"
            .to_owned();
    }
    let mut lines = table::with_header(["leader", "wallet", "last seen (UTC)", "seen", "copied", "paper", "live"]);
    for leader in leaders {
        let row = seen.as_ref().ok().and_then(|seen| seen.iter().find(|row| leader.wallets.contains(&row.wallet)));
        let unknown = || "-".to_owned();
        let wallet = match leader.wallets.as_slice() {
            [] => unknown(),
            [only] => format!("{}…{}", &only[..6], &only[only.len() - 4..]),
            [first, more @ ..] => format!("{}… +{}", &first[..6], more.len()),
        };
        lines.add_row([
            table::plain(&leader.name),
            wallet,
            row.and_then(|row| row.last_at).and_then(text).unwrap_or_else(unknown),
            row.map_or_else(unknown, |row| row.seen.to_string()),
            row.map_or_else(unknown, |row| (row.copied_paper + row.copied_live).to_string()),
            row.map_or_else(unknown, |row| table::cents(&row.realised_paper.to_string())),
            row.map_or_else(unknown, |row| table::cents(&row.realised_live.to_string())),
        ]);
    }
    table::right(&mut lines, 3..7);
    match seen {
        Ok(_) => format!("{lines}\npaper, live: what our copies of him earned, in dollars, net of fees."),
        Err(wrong) => format!("{lines}\nWhat was seen of them is not known: {wrong}"),
    }
}

pub(super) fn show(found: &Found) -> String {
    let (history, summary) = (&found.history, &found.summary);
    if history.deeds.is_empty() {
        return format!(
            "{}: nothing in the last {} days.\n  fix: more --days; or another address of his: the one that trades is his\n       proxy or deposit wallet, as the venue's profile page has it",
            history.wallets.join(", "),
            found.days
        );
    }
    let mut lines = table::without_header();
    let mut say = |name: &str, value: String| {
        lines.add_row([name.to_owned(), value]);
    };
    let when = |at: Option<Nanos>| at.and_then(moment).unwrap_or_else(|| "-".to_owned());
    say("wallet", format!("{} {}", history.wallets.join(", "), table::plain(&history.name)));
    say("trades", format!("{}: {} buys, {} sales", summary.trades(), summary.buys, summary.sells));
    say("from, to (UTC)", format!("{}, {}", when(summary.first_at), when(summary.last_at)));
    let (bought, sold) = (dollars(summary.bought), dollars(summary.sold));
    say("dollars", format!("bought {bought}, sold {sold}; half of his trades below {}", dollars(summary.trade_p50)));
    say("markets", summary.markets.to_string());
    say("positions", format!("{} ended, {} open, {} of unknown end", summary.ended, summary.open, summary.unknown));
    let result = format!("{} on {} spent, before fees", signed(summary.result), dollars(summary.spent));
    say("won", format!("{} of those that ended; {result}", each(summary.won, summary.ended)));
    let held = summary.held_p50.map_or("-".to_owned(), |held| table::length(micros(held)));
    say("held", format!("half of those that ended for {held} at most"));
    say("else", format!("{} redemptions, {} splits, merges and conversions", summary.redeemed, summary.moves));
    if summary.rewards > Usdc::ZERO {
        say("rewards", dollars(summary.rewards));
    }
    let mut text = format!("{lines}\n");
    let mut markets = table::with_header(["most of it went into", "dollars", "trades"]);
    for (title, volume, trades) in &summary.top {
        markets.add_row([table::plain(title), dollars(*volume), trades.to_string()]);
    }
    table::right(&mut markets, 1..3);
    text.push_str(&format!("{markets}\n{}", warned(&found.warnings)));
    if history.unread > 0 {
        text.push_str(&wrapped(&format!(
            "{} rows of the index were not understood, and are in nothing.",
            history.unread
        )));
    }
    text.trim_end().to_owned()
}

pub(super) fn score(scored: &Scored) -> String {
    let Some(asked) = scored.table.iter().find(|one| one.delay_ms == scored.delay_ms) else { return String::new() };
    if scored.found.history.deeds.is_empty() {
        return show(&scored.found);
    }
    let mut text = verdict(asked);
    let mut lines =
        table::with_header(["delay", "ended", "won", "spent", "result", "of spent", "fees", "spread", "moved"]);
    for one in &scored.table {
        lines.add_row([
            if one.delay_ms == 0 { "none".to_owned() } else { delay(one) },
            one.ended.to_string(),
            each(one.won, one.ended),
            dollars(one.spent),
            signed(one.result),
            one.return_ppm().map_or("-".to_owned(), percent),
            dollars(one.fees),
            dollars(one.spread),
            dollars(one.moved),
        ]);
    }
    table::right(&mut lines, 0..9);
    text.push_str(&format!("{lines}\n"));
    text.push_str(&wrapped(
        "Dollars of a copy as large as he is, of positions that ended. fees, spread, moved: what it lost by the fee, by half the \
         spread on each trade, and by what the price did within the delay (below zero: it gained).",
    ));
    text.push_str(&unknowns(scored, asked));
    text.push_str(&warned(&scored.found.warnings));
    text.trim_end().to_owned()
}

fn verdict(asked: &Copyability) -> String {
    let delay = delay(asked);
    match (asked.return_ppm(), asked.his_return_ppm()) {
        (Some(ours), Some(his)) => wrapped(&format!(
            "{} behind him, a copy would have earned {} of what it spent. He earned {}, before fees, with the same positions.",
            delay,
            percent(ours),
            percent(his)
        )),
        (None, _) | (_, None) => {
            wrapped("No position of his ended in this time, so there is nothing to judge by: more --days.")
        }
    }
}

/// What is not known is said.
fn unknowns(scored: &Scored, asked: &Copyability) -> String {
    let mut text = String::new();
    let mut say = |line: String| text.push_str(&wrapped(&line));
    let trades = asked.moves_known + asked.moves_quiet + asked.moves_unknown;
    if trades > 0 {
        say(format!(
            "The price within the delay: known for {} of {trades} trades; {} times nobody traded, {} times nobody was asked: then \
             his own price is taken.",
            asked.moves_known, asked.moves_quiet, asked.moves_unknown
        ));
    }
    if asked.open > 0 {
        let (spent, worth) = (dollars(asked.open_spent), dollars(asked.open_worth));
        say(format!(
            "{} positions are open: {spent} spent, worth {worth} at the market's price; in no result.",
            asked.open
        ));
    }
    if asked.unknown > 0 {
        let spent = dollars(asked.unknown_spent);
        say(format!("How {} positions ended is not known: {spent} spent; in no result.", asked.unknown));
    }
    if asked.sales_before > 0 {
        say(format!("{} sales were of what he had before this time: nothing to copy.", asked.sales_before));
    }
    if asked.too_dear > 0 {
        say(format!("{} buys would have cost a dollar a share or more, and were left out.", asked.too_dear));
    }
    say(match scored.fees {
        FeesFrom::Said { rate_ppm } => format!("Fee: {} on every market, as said.", rate(rate_ppm)),
        FeesFrom::Markets { known, assumed: 0, .. } => format!("Fee: each market's own ({known} tokens)."),
        FeesFrom::Markets { known, assumed, assumed_ppm } => {
            format!(
                "Fee: each market's own for {known} tokens; {assumed} more are taken to have {}.",
                rate(assumed_ppm)
            )
        }
    });
    text
}

fn warned(warnings: &[Warning]) -> String {
    if warnings.is_empty() {
        return "Nothing to warn of was found.\n".to_owned();
    }
    let lines = warnings.iter().map(|one| wrapped(&format!("{}: {}.", one.code(), one.text())));
    format!("Beware:\n{}", lines.collect::<String>())
}

fn wrapped(text: &str) -> String {
    table::wrapped("", "  ", text)
}

/// Returns `count` of `of` in percent.
fn each(count: usize, of: usize) -> String {
    (count * 100).checked_div(of).map_or("-".to_owned(), |percent| format!("{percent} %"))
}

fn delay(one: &Copyability) -> String {
    table::length(i64::try_from(one.delay_ms * 1_000).unwrap_or(i64::MAX))
}

fn micros(length: Nanos) -> i64 {
    i64::try_from(length.0 / 1_000).unwrap_or(i64::MAX)
}

/// Large amounts without their cents: a column has no room for them.
fn dollars(amount: Usdc) -> String {
    let text = table::cents(&amount.to_string());
    match text.split_once('.') {
        Some((whole, _)) if Usdc::whole(1_000).0 <= amount.0.abs() => whole.to_owned(),
        Some(_) | None => text,
    }
}

fn signed(amount: Usdc) -> String {
    format!("{}{}", if amount > Usdc::ZERO { "+" } else { "" }, dollars(amount))
}

/// Parts per million as percent with a sign and one decimal.
fn percent(ppm: i64) -> String {
    let tenths = (ppm.abs() + 500) / 1_000;
    let sign = match ppm {
        _ if tenths == 0 => "",
        0.. => "+",
        _ => "-",
    };
    format!("{sign}{}.{}%", tenths / 10, tenths % 10)
}

fn rate(ppm: u32) -> String {
    format!("{} %", crate::config::decimal::written(i64::from(ppm), 10_000))
}
