//! What an answer to `POST /order` means (PROTOCOL.md 2.8, 2.9; RELIABILITY.md 0.1): proven taken, proven refused, not sent,
//! or unknown. In doubt it is unknown: that costs time, and nothing else.

mod texts;

use serde::Deserialize;

pub use texts::{Meaning, meaning};

use crate::domain::{LiveOrders, NotSent, Rejection, TradeKey, VenueOrderId};

use super::follow::message;

/// Trades that one answer names; the venue splits an order into fewer.
pub const TRADES_MAX: usize = 64;
/// So much of the venue's own words is kept for the log.
const SAID_MAX: usize = 200;

/// What came back on the wire, or that nothing did.
#[derive(Clone, Copy, Debug)]
pub enum Reply<'a> {
    Http {
        status: u16,
        /// Whether any `Poly-RateLimit-*` header is there: the venue's own limits say so, and nobody else does.
        by_rate_limit: bool,
        /// `Retry-After`, in seconds.
        retry_after_s: Option<u64>,
        body: &'a [u8],
    },
    /// The connection failed before a byte of the order was written.
    NotWritten,
    /// It failed, or time was over, after some of it was written.
    Lost,
}

/// What became of an order, as far as the answer says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Accepted(Accepted),
    Rejected(Rejection),
    /// Certainly not taken, and nothing is wrong with it.
    NotSent(NotSent),
    Unknown(Doubt),
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    pub status: Status,
    /// Millionths of what was given and of what was got; `None` where the venue leaves them empty or cannot be read.
    pub making: Option<u64>,
    pub taking: Option<u64>,
    /// At most [`TRADES_MAX`].
    pub trades: Vec<TradeKey>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Status {
    /// It rests in the book.
    Live,
    /// Some of it, or all, was matched.
    Matched,
    /// It is held, and will be matched or not.
    Delayed,
    /// It was held, and found nothing.
    Unmatched,
}

/// Why nobody knows what became of an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Doubt {
    /// No answer in time, or the connection broke after something was written.
    Lost,
    /// 5xx: the venue may have failed before or after it took the order.
    ServerError,
    /// The matching engine said why it failed: it has seen the order.
    EngineError,
    /// 425: the matching engine restarts.
    Restarting,
    /// 429 that the venue's own limits did not give.
    Throttled,
    /// HTML, or JSON of another shape.
    Unreadable,
    /// A no in words that are not published.
    UnknownWords,
    /// "Duplicated": an earlier sending of the same bytes is there.
    Duplicated,
    /// "Order match delayed": it is held.
    Delayed,
    /// Said to be taken, without its name or with a status that is not published.
    Nameless,
    /// It has another name at the venue than the one that we signed: what we sign is not what the venue reads.
    OtherId(VenueOrderId),
    /// An order that is to be filled at once or not at all rests in the book.
    Rests,
    /// The process that sent it, or the connection's actor, is gone.
    Forgotten,
}

/// An answer with what else follows from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Heard {
    pub answer: Answer,
    /// What it says of all live orders, and for how long where the venue says that.
    pub state: Option<LiveOrders>,
    pub retry_after_s: Option<u64>,
    /// The venue's own words, cut; empty where there are none.
    pub said: String,
}

impl Doubt {
    /// Returns whether the same bytes may be sent once more: nothing says that they arrived, and nothing that they must not.
    pub const fn may_send_again(self) -> bool {
        match self {
            Doubt::Lost | Doubt::ServerError => true,
            Doubt::EngineError
            | Doubt::Restarting
            | Doubt::Throttled
            | Doubt::Unreadable
            | Doubt::UnknownWords
            | Doubt::Duplicated
            | Doubt::Delayed
            | Doubt::Nameless
            | Doubt::OtherId(_)
            | Doubt::Rests
            | Doubt::Forgotten => false,
        }
    }

    /// Returns whether the order certainly is, or was, at the venue.
    pub const fn has_landed(self) -> bool {
        match self {
            Doubt::Duplicated | Doubt::Delayed | Doubt::OtherId(_) | Doubt::Rests => true,
            Doubt::Lost
            | Doubt::ServerError
            | Doubt::EngineError
            | Doubt::Restarting
            | Doubt::Throttled
            | Doubt::Unreadable
            | Doubt::UnknownWords
            | Doubt::Nameless
            | Doubt::Forgotten => false,
        }
    }

    pub const fn code(self) -> &'static str {
        match self {
            Doubt::Lost => "lost",
            Doubt::ServerError => "server_error",
            Doubt::EngineError => "engine_error",
            Doubt::Restarting => "restarting",
            Doubt::Throttled => "throttled",
            Doubt::Unreadable => "unreadable",
            Doubt::UnknownWords => "unknown_words",
            Doubt::Duplicated => "duplicated",
            Doubt::Delayed => "delayed",
            Doubt::Nameless => "nameless",
            Doubt::OtherId(_) => "other_id",
            Doubt::Rests => "rests",
            Doubt::Forgotten => "forgotten",
        }
    }

    /// Returns what is not known and what happens next.
    pub const fn text(self) -> &'static str {
        match self {
            Doubt::Lost => {
                "No answer came: the order may be at the venue. It is looked up, and its money stays reserved."
            }
            Doubt::ServerError => {
                "The venue failed while it had the order: it is looked up, and its money stays reserved."
            }
            Doubt::EngineError => "The venue's matching engine failed on the order: it is looked up.",
            Doubt::Restarting => "The venue restarts (about 90 seconds): the order is looked up when it is back.",
            Doubt::Throttled => {
                "Somebody before the venue said that there are too many requests: the order is looked up."
            }
            Doubt::Unreadable => "The answer was not the venue's JSON: the order is looked up. A proxy in between?",
            Doubt::UnknownWords => {
                "The venue said no in words that this program does not know: the order is looked up."
            }
            Doubt::Duplicated => "The venue already has the order: it is looked up.",
            Doubt::Delayed => "The venue holds the order for some seconds before it is matched or not.",
            Doubt::Nameless => "The venue took the order without saying so clearly: it is looked up.",
            Doubt::OtherId(_) => {
                "The venue calls the order by another name than the one that was signed. Entries stop: look for an update."
            }
            Doubt::Rests => "The order was to fill at once and rests in the book: it is cancelled, then looked up.",
            Doubt::Forgotten => "The program stopped before the answer came: the order is looked up.",
        }
    }
}

impl Answer {
    /// Returns what it means for people: what happened, and what to do where something can be done.
    pub fn text(&self) -> &'static str {
        match self {
            Answer::Accepted(accepted) => match accepted.status {
                Status::Live => "The order rests in the book.",
                Status::Matched => "The order was matched; it counts when it is settled.",
                Status::Delayed => Doubt::Delayed.text(),
                Status::Unmatched => "The order was held, and found nothing.",
            },
            Answer::Rejected(rejection) => rejection.text(),
            Answer::NotSent(cause) => match cause {
                NotSent::NoConnection => "There was no connection to the venue, and nothing was written.",
                NotSent::RateLimit => "The venue's rate limit left no room for it.",
                NotSent::LiveOff
                | NotSent::OrdersPerSecond
                | NotSent::DollarsPerMinute
                | NotSent::DollarsPerOrder
                | NotSent::TooOld
                | NotSent::QueueFull
                | NotSent::NoAmounts
                | NotSent::WalletNotHeld => "It never left.",
            },
            Answer::Unknown(doubt) => doubt.text(),
        }
    }
}

/// The body of an answer. All of it may be missing.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    success: Option<bool>,
    error_msg: Option<String>,
    /// Of a refusal outside of the placement's own shape.
    error: Option<String>,
    code: Option<String>,
    #[serde(rename = "retry_after_seconds")]
    retry_after_s: Option<u64>,
    #[serde(rename = "orderID", alias = "orderId")]
    order_id: Option<String>,
    /// A word; some refusals have the HTTP status there.
    status: Option<serde_json::Value>,
    making_amount: Option<String>,
    taking_amount: Option<String>,
    #[serde(rename = "tradeIDs", alias = "tradeIds")]
    trade_ids: Option<Vec<String>>,
}

/// Returns what a reply to the order `id` means.
pub fn hear(id: VenueOrderId, reply: Reply<'_>) -> Heard {
    match reply {
        Reply::NotWritten => Heard::of(Answer::NotSent(NotSent::NoConnection), ""),
        Reply::Lost => Heard::of(Answer::Unknown(Doubt::Lost), ""),
        Reply::Http { status, by_rate_limit, retry_after_s, body } => {
            let parsed = serde_json::from_slice::<Body>(body).ok();
            let mut heard = match (status, &parsed) {
                // Whatever else it says: the engine restarts, and the order may have gone in before.
                (425, _) => Heard::of(Answer::Unknown(Doubt::Restarting), ""),
                (429, _) if by_rate_limit => Heard::of(Answer::NotSent(NotSent::RateLimit), ""),
                (429, _) => Heard::of(Answer::Unknown(Doubt::Throttled), ""),
                (200..=299, Some(body)) => said(id, body),
                (400..=499, Some(body)) => refused(body.words()),
                (503, Some(body)) => closed(body.words()),
                (500..=599, Some(body)) => failed(body.words()),
                (500..=599, None) => Heard::of(Answer::Unknown(Doubt::ServerError), ""),
                (_, Some(_) | None) => Heard::of(Answer::Unknown(Doubt::Unreadable), ""),
            };
            heard.retry_after_s = retry_after_s.or(parsed.as_ref().and_then(|body| body.retry_after_s));
            if heard.said.is_empty() {
                heard.said = cut(parsed.as_ref().map_or("", Body::words));
            }
            heard
        }
    }
}

impl Body {
    /// Returns the venue's words of a no; empty where there are none.
    fn words(&self) -> &str {
        let said = [&self.error, &self.error_msg, &self.code];
        said.into_iter().flatten().map(String::as_str).find(|words| !words.is_empty()).unwrap_or_default()
    }

    fn status(&self) -> Option<Status> {
        match self.status.as_ref()?.as_str()?.to_ascii_lowercase().as_str() {
            "live" => Some(Status::Live),
            "matched" => Some(Status::Matched),
            "delayed" => Some(Status::Delayed),
            "unmatched" => Some(Status::Unmatched),
            _ => None,
        }
    }
}

impl Heard {
    fn of(answer: Answer, words: &str) -> Heard {
        let state = match &answer {
            Answer::Rejected(rejection) => rejection.state(),
            Answer::Unknown(Doubt::Restarting) => Some(LiveOrders::Restarting),
            Answer::Unknown(Doubt::OtherId(_)) => Some(LiveOrders::OtherVersion),
            Answer::Accepted(_) | Answer::NotSent(_) | Answer::Unknown(_) => None,
        };
        Heard { answer, state, retry_after_s: None, said: cut(words) }
    }
}

/// 2xx: it says only that the request was processed.
fn said(id: VenueOrderId, body: &Body) -> Heard {
    if !body.words().is_empty() {
        return refused(body.words());
    }
    let named = body.order_id.as_deref().and_then(message::order_id);
    let (Some(true), Some(named), Some(status)) = (body.success, named, body.status()) else {
        return Heard::of(Answer::Unknown(Doubt::Nameless), "");
    };
    if named != id {
        return Heard::of(Answer::Unknown(Doubt::OtherId(named)), "");
    }
    let amount = |text: &Option<String>| text.as_deref().and_then(message::millionths);
    let trades = body.trade_ids.iter().flatten().take(TRADES_MAX);
    let trades = trades.map(|trade| message::trade_key(trade)).collect();
    let (making, taking) = (amount(&body.making_amount), amount(&body.taking_amount));
    Heard::of(Answer::Accepted(Accepted { status, making, taking, trades }), "")
}

/// A no, by its words. Words that are not published prove nothing: "context canceled" is a 400, too.
fn refused(words: &str) -> Heard {
    let answer = match texts::meaning(words) {
        Some(Meaning::Refused(rejection)) => Answer::Rejected(rejection),
        Some(Meaning::Doubtful(doubt)) => Answer::Unknown(doubt),
        None => Answer::Unknown(Doubt::UnknownWords),
    };
    Heard::of(answer, words)
}

/// 503: the venue's published states refuse; anything else may have come after the order was taken.
fn closed(words: &str) -> Heard {
    match texts::meaning(words) {
        Some(Meaning::Refused(rejection @ (Rejection::CancelOnly | Rejection::PostOnly | Rejection::Disabled))) => {
            Heard::of(Answer::Rejected(rejection), words)
        }
        Some(Meaning::Refused(_) | Meaning::Doubtful(_)) | None => failed(words),
    }
}

/// 5xx proves nothing, whatever it says.
fn failed(words: &str) -> Heard {
    let doubt = match texts::meaning(words) {
        Some(Meaning::Doubtful(doubt)) => doubt,
        Some(Meaning::Refused(_)) => Doubt::EngineError,
        None => Doubt::ServerError,
    };
    Heard::of(Answer::Unknown(doubt), words)
}

fn cut(words: &str) -> String {
    words.chars().filter(|c| !c.is_control()).take(SAID_MAX).collect()
}

#[cfg(test)]
mod tests;
