//! The reports as tables of eighty columns.

use rust_decimal::Decimal;

use crate::{
    command::table,
    report::scores::Judgement,
    store::query::{By, EarnedRow, NoRow, WalletRow},
};

pub fn skips(rows: &[NoRow]) -> String {
    if rows.is_empty() {
        return "No signal was skipped or refused.".to_owned();
    }
    let mut lines = table::with_header(["no", "times", "copies", "known", "a dollar", "in all"]);
    for row in rows {
        lines.add_row([
            format!("{} {}", row.outcome, row.reason),
            row.count.to_string(),
            row.copies.to_string(),
            row.known.to_string(),
            row.a_dollar.map_or("-".to_owned(), signed),
            row.would.map_or("-".to_owned(), signed),
        ]);
    }
    table::right(&mut lines, 1..6);
    let total: Decimal = rows.iter().filter_map(|row| row.would).sum();
    let verdict = match total.cmp(&Decimal::ZERO) {
        std::cmp::Ordering::Greater => {
            format!("The noes cost {} dollars that the copies would have earned.", money(total))
        }
        std::cmp::Ordering::Less => {
            format!("The noes saved {} dollars that the copies would have lost.", money(-total))
        }
        std::cmp::Ordering::Equal => "What the noes cost or saved is not known yet, or nothing.".to_owned(),
    };
    format!("{lines}\n{verdict}\nknown: copies whose leader's own trade ended; a dollar: what each would have earned.")
}

pub fn results(by: By, rows: &[EarnedRow]) -> String {
    if rows.is_empty() {
        return "Nothing was traded.".to_owned();
    }
    let mut lines = table::with_header([by.code(), "ends", "won", "bought", "returned", "fees", "realised"]);
    for row in rows {
        let share = if row.ends == 0 { "-".to_owned() } else { format!("{} %", row.won * 100 / row.ends) };
        lines.add_row([
            table::plain(&row.name),
            row.ends.to_string(),
            share,
            money(row.bought),
            money(row.returned),
            money(row.fees),
            signed(row.realised),
        ]);
    }
    table::right(&mut lines, 1..7);
    let realised: Decimal = rows.iter().map(|row| row.realised).sum();
    let fees: Decimal = rows.iter().map(|row| row.fees).sum();
    format!("{lines}\nRealised {} dollars in all, after {} of fees.", signed(realised), money(fees))
}

pub fn scores(judgements: &[Judgement]) -> String {
    if judgements.is_empty() {
        return "No scored signal's market has been resolved yet.".to_owned();
    }
    let mut lines = table::with_header(["probabilities of", "signals", "Brier score", "log loss"]);
    for one in judgements {
        let number = |number: f64| format!("{number:.4}");
        lines.add_row([one.model.to_owned(), one.count.to_string(), number(one.brier), number(one.log_loss)]);
    }
    table::right(&mut lines, 1..4);
    let mut text = format!("{lines}\nLower is better; a coin has 0.2500 and 0.6931.\n");
    for one in judgements {
        let mut bins = table::with_header(["said", "signals", "mean said", "came true"]);
        for bin in &one.calibration {
            let percent = |part: f64| format!("{:.1} %", part * 100.0);
            let range = format!("{:.0} to {:.0} %", bin.from * 100.0, bin.to * 100.0);
            bins.add_row([range, bin.count.to_string(), percent(bin.said), percent(bin.paid)]);
        }
        table::right(&mut bins, 1..4);
        text.push_str(&format!("\nCalibration of {}:\n{bins}\n", one.model));
    }
    text.trim_end().to_owned()
}

pub fn wallet(rows: &[WalletRow]) -> String {
    if rows.is_empty() {
        return "The wallet was not compared with our books yet: that begins with live trading.".to_owned();
    }
    let mut lines = table::with_header(["in the wallet", "ours", "external", "wallet", "differs by"]);
    for row in rows {
        let name = match (row.what.as_str(), row.title.as_str()) {
            ("cash", _) => "dollars (more than ours is free)".to_owned(),
            (_, "") => table::plain(&row.token),
            (_, title) => table::plain(&format!("{title}: {}", row.token_outcome)),
        };
        let differs = if row.difference.is_zero() { "-".to_owned() } else { signed(row.difference) };
        lines.add_row([name, money(row.ours), money(row.external), money(row.theirs), differs]);
    }
    table::right(&mut lines, 1..5);
    let verdict = match rows.iter().filter(|row| !row.difference.is_zero()).count() {
        0 => "The wallet holds what our books say.".to_owned(),
        some => format!("Differences: {some}. Nothing is traded by them; look at what else uses the wallet."),
    };
    let last = rows.iter().map(|row| row.at).max().unwrap_or(time::OffsetDateTime::UNIX_EPOCH);
    format!("{lines}\n{verdict}\nLast change: {}.", last.replace_nanosecond(0).unwrap_or(last))
}

fn money(amount: Decimal) -> String {
    table::cents(&amount.to_string())
}

fn signed(amount: Decimal) -> String {
    let sign = if Decimal::ZERO < amount { "+" } else { "" };
    format!("{sign}{}", money(amount))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::scores::Bin;

    fn part(text: &str) -> Decimal {
        text.parse().expect("a number")
    }

    #[track_caller]
    fn check(text: &str, parts: &[&str]) {
        parts.iter().for_each(|part| assert!(text.contains(part), "{part}\n{text}"));
        assert!(text.lines().all(|line| line.chars().count() <= 110), "{text}");
    }

    #[test]
    fn the_wallet_is_told_beside_our_books() {
        let row = |what: &str, title: &str, difference: &str| WalletRow {
            what: what.into(),
            token_id: 1,
            token: "123".into(),
            title: title.into(),
            token_outcome: "Yes".into(),
            payout: None,
            ours: part("10"),
            external: part("2.5"),
            theirs: part("12.5"),
            difference: part(difference),
            at: time::OffsetDateTime::UNIX_EPOCH,
        };
        let agreed = wallet(&[row("cash", "", "0"), row("shares", "Rain?", "0"), row("shares", "", "0")]);
        check(&agreed, &["dollars", "Rain?: Yes", "123", "2.50", "12.50", "holds what our books say"]);
        check(&wallet(&[row("shares", "Rain?", "-4")]), &["-4.00", "Differences: 1."]);
        check(&wallet(&[]), &["not compared"]);
    }

    #[test]
    fn the_noes_say_what_they_cost_or_saved() {
        let row = |would: Option<&str>| NoRow {
            reason: "price_moved".into(),
            outcome: "skipped".into(),
            count: 1_200,
            copies: 900,
            known: 800,
            a_dollar: would.map(|_| part("-0.0412")),
            would: would.map(part),
        };
        let cost = skips(&[row(Some("12.5")), row(Some("-2.25"))]);
        check(&cost, &["skipped price_moved", "1200", "900", "800", "-0.04", "+12.50", "cost 10.25 dollars"]);
        check(&skips(&[row(Some("-1234.5"))]), &["saved 1,234.50 dollars"]);
        check(&skips(&[row(None)]), &["not known yet"]);
        check(&skips(&[]), &["No signal was skipped or refused."]);
    }

    #[test]
    fn results_add_up_in_their_last_line() {
        let row = |name: &str, ends, realised: &str| EarnedRow {
            name: name.into(),
            id: String::new(),
            ends,
            won: ends / 2,
            bought: part("100"),
            returned: part("90.5"),
            realised: part(realised),
            fees: part("0.5"),
        };
        let text = results(By::Leader, &[row("Ada\u{1b}[2J", 4, "-10"), row("Bo", 0, "3")]);
        check(
            &text,
            &["leader", "Ada[2J", "50 %", "-10.00", "+3.00", "Realised -7.00 dollars in all, after 1.00 of fees."],
        );
        check(&results(By::Day, &[]), &["Nothing was traded."]);
    }

    #[test]
    fn scores_are_compared_and_calibrated() {
        let bin = Bin { from: 0.3, to: 0.4, count: 7, said: 0.351, paid: 0.429 };
        let one = Judgement { model: "bayesian", count: 7, brier: 0.2, log_loss: 0.61, calibration: vec![bin] };
        check(&scores(&[one]), &["bayesian", "0.2000", "0.6100", "30 to 40 %", "35.1 %", "42.9 %"]);
        check(&scores(&[]), &["No scored signal's market has been resolved yet."]);
    }
}
