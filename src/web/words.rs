//! Codes of the tables as words for people. Codes that this program does not know (of a newer one) are shown as they are.

use rust_decimal::Decimal;

use super::figure::{self, Figure};
use crate::domain::{Breaker, Cause, Fault, NotSent, OrderEnd, Refusal, Rejection, Skip, Unit};

/// A no, explained.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reason {
    pub code: &'static str,
    pub text: &'static str,
    /// The setting that would change it; empty where none would.
    pub knob: &'static str,
    pub unit: Unit,
}

/// Returns the skip or refusal of this code.
pub fn reason(code: &str) -> Option<Reason> {
    let skips = Skip::ALL.iter().map(|skip| (skip.code(), skip.text(), skip.knob(), skip.unit()));
    let refusals = Refusal::ALL.iter().map(|no| (no.code(), no.text(), no.knob(), no.unit()));
    let mut all = skips.chain(refusals);
    all.find(|(known, ..)| *known == code).map(|(code, text, knob, unit)| Reason { code, text, knob, unit })
}

/// Returns the code and the words of everything that `reason` filters by: skips, refusals, the venue's rejections, exits.
pub fn reasons() -> Vec<(&'static str, String)> {
    let words = |code: &str| code.replace('_', " ");
    let codes = Skip::ALL.iter().map(|skip| skip.code()).chain(Refusal::ALL.iter().map(|no| no.code()));
    let rejections = Rejection::ALL.iter().map(|rejection| rejection.code());
    let exits =
        Cause::ALL.into_iter().filter(|cause| !matches!(cause, Cause::Entry | Cause::LeaderExit)).map(Cause::code);
    codes.chain(rejections).chain(exits).map(|code| (code, words(code))).collect()
}

/// Returns "allowed …, was …" in the reason's unit; nothing for a reason without numbers.
pub fn numbers(unit: Unit, limit: Decimal, actual: Decimal) -> Option<(Figure, Figure)> {
    let show: fn(Decimal) -> Figure = match unit {
        Unit::None => return None,
        Unit::Usdc => Figure::usd,
        Unit::Shares => |shares| Figure::shares(shares).with_unit("shares"),
        Unit::Price => Figure::price,
        Unit::Milliseconds => Figure::milliseconds,
        Unit::Ppm => Figure::percent,
        Unit::Count => |count| Figure::count(i128::try_from(count).unwrap_or_default()),
    };
    Some((show(limit), show(actual)))
}

pub fn side(code: &str) -> &str {
    match code {
        "buy" => "Buy",
        "sell" => "Sell",
        other => other,
    }
}

pub fn cause(code: &str) -> String {
    let word = |cause: Cause| match cause {
        Cause::Entry => "Entry: the leader bought",
        Cause::LeaderExit => "Exit: the leader sold",
        Cause::StopLoss => "Stop loss: the bid fell",
        Cause::TakeProfit => "Take profit: the bid rose",
        Cause::TrailingStop => "Trailing stop: the bid fell from its highest",
        Cause::HoldTime => "Hold time: held as long as it may be",
        Cause::Forced => "Forced: the operator said so",
        Cause::LeaderLeft => "Exit: the leader left without selling",
        Cause::Plan => "Exit plan: the resting sale was met",
    };
    let known = Cause::ALL.into_iter().find(|cause| cause.code() == code).map(word);
    match (known, code) {
        (Some(word), _) => word.to_owned(),
        (None, "resolved") => "The market ended".to_owned(),
        (None, "written_off") => "Written off: the wallet did not have it".to_owned(),
        (None, other) => figure::tame(other, 60),
    }
}

pub const fn fault(fault: Fault) -> &'static str {
    match fault {
        Fault::UnknownOrder => "The venue answered for an order that is not open",
        Fault::Overfill => "A fill was larger than its order",
        Fault::BadEnd => "An order ended in a way that it cannot",
        Fault::Payout => "A market's end was told that cannot be",
        Fault::Retold => "A match was told again, and differently",
        Fault::TooManyMatches => "Too many matches wait for their settlement",
    }
}

pub fn not_sent(cause: NotSent) -> &'static str {
    match cause {
        NotSent::LiveOff => "The live switch was no longer on when it was to leave.",
        NotSent::OrdersPerSecond => "The ceiling on orders in a second was reached.",
        NotSent::DollarsPerMinute => "The ceiling on dollars in a minute was reached.",
        NotSent::DollarsPerOrder => "It was above the ceiling on the dollars of an order.",
        NotSent::TooOld => "It was too old by the time it could leave.",
        NotSent::RateLimit => "The venue's rate limit left no room for it.",
        NotSent::NoConnection => "There was no connection to the venue, and nothing was written.",
        NotSent::QueueFull => "Too many orders waited to leave.",
        NotSent::NoAmounts => "Rounded as the venue asks, nothing was left of it.",
        NotSent::WalletNotHeld => "Another engine might have held the wallet by then.",
    }
}

/// Returns what tripped; a code of a newer version as it is.
pub fn breaker(code: &str) -> String {
    let word = |breaker: Breaker| match breaker {
        Breaker::DailyLoss => "daily loss: too much was lost today",
        Breaker::Drawdown => "drawdown: equity fell too far below its peak",
        Breaker::LossesInRow => "losses in a row: too many",
        Breaker::UnknownBurst => "unknown orders: too many in a short time",
    };
    let known = Breaker::ALL.into_iter().find(|breaker| breaker.code() == code).map(word);
    known.map_or_else(|| figure::tame(code, 40), str::to_owned)
}

/// How it stands: a word, its class for colour, and a sentence where there is more to say.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verdict {
    pub word: String,
    pub class: &'static str,
    pub text: String,
}

impl Verdict {
    fn new(word: &str, class: &'static str, text: impl Into<String>) -> Verdict {
        Verdict { word: word.to_owned(), class, text: text.into() }
    }
}

/// Returns how an order stands. `filled` says whether it has fills.
pub fn order_state(state: &str, filled: Decimal) -> Verdict {
    let has_fills = Decimal::ZERO < filled;
    match state {
        "submitted" => Verdict::new("Submitted", "open", "Sent; the venue has not answered yet."),
        "accepted" => Verdict::new("Accepted", "open", "The venue took it; no fill yet."),
        "unknown" => Verdict::new(
            "Unknown",
            "bad",
            "It was sent and no answer came: it counts as filled and as not filled, whichever is worse.",
        ),
        "partly_filled" => Verdict::new("Partly filled", "open", "There are fills, and more may come."),
        code if code == OrderEnd::Filled.code() => Verdict::new("Filled", "done", ""),
        code if code == OrderEnd::Cancelled.code() && has_fills => {
            Verdict::new("Part filled", "done", "The rest was not on offer within the limit and was cancelled.")
        }
        code if code == OrderEnd::Cancelled.code() => {
            Verdict::new("Not filled", "no", "Nothing was on offer within the limit; it was cancelled.")
        }
        code if code == OrderEnd::Expired.code() => {
            Verdict::new("Expired", "no", "Its time was over before it was filled.")
        }
        code if code == OrderEnd::Shadow.code() => {
            Verdict::new("Shadow", "no", "Built and recorded, not sent: the live switch is on shadow.")
        }
        code if code == OrderEnd::Absent.code() => Verdict::new(
            "Absent",
            "no",
            "It was sent and never answered; for long enough the venue knew nothing of it.",
        ),
        code => {
            let rejected = Rejection::ALL.into_iter().find(|rejection| rejection.code() == code).map(Rejection::text);
            let not_sent = NotSent::ALL.into_iter().find(|cause| cause.code() == code).map(not_sent);
            match (rejected, not_sent) {
                (Some(text), _) => Verdict::new("Rejected", "bad", text),
                (None, Some(text)) => Verdict::new("Not sent", "warn", text),
                (None, None) => Verdict::new(&figure::tame(code, 40), "open", ""),
            }
        }
    }
}

/// Returns how a signal ended without an order.
pub fn outcome(code: &str) -> Verdict {
    match code {
        "waiting" => {
            Verdict::new("Waiting", "open", "No portfolio has decided yet: its market or book is being fetched.")
        }
        "skipped" => Verdict::new("Skipped", "no", ""),
        "refused" => Verdict::new("Refused", "warn", ""),
        "exit_due" => {
            Verdict::new("Exit due", "open", "The leader sold: our shares are to be sold as soon as the book allows.")
        }
        "ordered" => Verdict::new("Ordered", "open", ""),
        "buffered" => {
            Verdict::new("Buffered", "open", "Too small to order alone: the copy waits for more of its kind.")
        }
        "merged" => Verdict::new("Merged", "done", "It waited, and was ordered together with a later one."),
        other => Verdict::new(&figure::tame(other, 40), "open", ""),
    }
}

/// The outcomes that the trades page filters by.
pub const OUTCOMES: [(&str, &str); 11] = [
    ("ordered", "Ordered (any)"),
    ("filled", "Ordered, with fills"),
    ("unfilled", "Ordered, nothing filled"),
    ("open", "Order open"),
    ("skipped", "Skipped by the strategy"),
    ("refused", "Refused by risk"),
    ("exit_due", "Exit due"),
    ("buffered", "Buffered"),
    ("merged", "Merged"),
    ("waiting", "Waiting"),
    ("unprompted", "Stop loss or take profit"),
];

/// The states that a list of orders filters by.
pub const ORDER_STATES: [(&str, &str); 8] = [
    ("open", "Open"),
    ("filled", "With fills"),
    ("unfilled", "Ended, nothing filled"),
    ("rejected", "Rejected by the venue"),
    ("not_sent", "Not sent"),
    ("unknown", "Unknown"),
    ("shadow", "Shadow"),
    ("expired", "Expired"),
];

/// How fills are settled, as their list filters by it.
pub const SETTLEMENTS: [(&str, &str); 3] =
    [("provisional", "Matched, not settled"), ("confirmed", "Settled"), ("void", "Void: undone")];

/// Returns how a fill is settled; what is not ours is not followed.
pub fn settlement(code: &str) -> Verdict {
    match code {
        "confirmed" => Verdict::new("Settled", "done", ""),
        "provisional" => {
            Verdict::new("Matched", "open", "It may yet fail to settle; nothing of it is sold or counted as earned.")
        }
        "void" => Verdict::new("Void", "bad", "It failed to settle and is undone."),
        "" => Verdict::new("External", "warn", "No order of ours explains it."),
        other => Verdict::new(&figure::tame(other, 40), "open", ""),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_no_is_explained() {
        for (code, words) in reasons() {
            assert!(!words.is_empty());
            let explained = reason(code).map(|reason| reason.text.to_owned());
            let rejected =
                Rejection::ALL.into_iter().find(|known| known.code() == code).map(|known| known.text().to_owned());
            let text = explained.or(rejected).unwrap_or_else(|| cause(code));
            assert!(text.len() > 10 && text != code, "{code}");
        }
        assert_eq!(reason("nonsense"), None);
    }

    #[test]
    fn numbers_come_in_the_reasons_unit() {
        let check = |unit, limit: &str, expected: Option<&str>| {
            let number: Decimal = limit.parse().expect("a number");
            assert_eq!(numbers(unit, number, number).map(|(limit, _)| limit.text).as_deref(), expected);
        };
        check(Unit::None, "0", None);
        check(Unit::Usdc, "12.5", Some("$12.50"));
        check(Unit::Shares, "12.5", Some("12.5 shares"));
        check(Unit::Price, "0.025", Some("2.5¢"));
        check(Unit::Milliseconds, "3000", Some("3 s"));
        check(Unit::Milliseconds, "-40", Some("−40 ms"));
        check(Unit::Ppm, "0.02", Some("2.0%"));
        check(Unit::Count, "1024", Some("1,024"));
    }

    #[test]
    fn an_order_stands_somewhere() {
        let check = |state: &str, filled: i64, word: &str| {
            assert_eq!(order_state(state, Decimal::from(filled)).word, word);
        };
        check("submitted", 0, "Submitted");
        check("filled", 1, "Filled");
        check("cancelled", 1, "Part filled");
        check("cancelled", 0, "Not filled");
        check("rejected_no_match", 0, "Rejected");
        check("expired", 0, "Expired");
        check("shadow", 0, "Shadow");
        check("unknown", 0, "Unknown");
        for cause in NotSent::ALL {
            check(cause.code(), 0, "Not sent");
        }
        check("something_new", 0, "something_new");
        for breaker in Breaker::ALL {
            assert!(super::breaker(breaker.code()).len() > breaker.code().len());
        }
    }
}
