//! The venue's texts of its noes, each with what it means (PROTOCOL.md 2.9). First that is contained, first served.

use super::Doubt;
use crate::domain::Rejection;

/// What words of the venue mean for the order that they answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It is not there, and will not be.
    Refused(Rejection),
    Doubtful(Doubt),
}

/// A part of the text, in lower case, and its meaning.
const TEXTS: [(&str, Meaning); 47] = [
    ("no orders found to match with fak order", Meaning::Refused(Rejection::NoMatch)),
    ("couldn't be fully filled", Meaning::Refused(Rejection::NotFullyFilled)),
    ("breaks minimum tick size rule", Meaning::Refused(Rejection::OffTick)),
    ("lower than the minimum", Meaning::Refused(Rejection::BelowMinimumSize)),
    ("invalid amount for a marketable buy order", Meaning::Refused(Rejection::BelowMinimumAmount)),
    ("max accuracy of", Meaning::Refused(Rejection::Precision)),
    ("invalid price", Meaning::Refused(Rejection::InvalidPrice)),
    ("market is not yet ready", Meaning::Refused(Rejection::MarketClosed)),
    ("the orderbook", Meaning::Refused(Rejection::MarketClosed)),
    ("no orderbook exists", Meaning::Refused(Rejection::MarketClosed)),
    ("invalid order payload", Meaning::Refused(Rejection::Payload)),
    ("too many orders in payload", Meaning::Refused(Rejection::Payload)),
    ("has to be the owner of the api key", Meaning::Refused(Rejection::NotTheKeys)),
    ("has to be the address of the api key", Meaning::Refused(Rejection::NotTheKeys)),
    ("address banned", Meaning::Refused(Rejection::Banned)),
    ("in closed only mode", Meaning::Refused(Rejection::ClosedOnly)),
    ("order_version_mismatch", Meaning::Refused(Rejection::OtherVersion)),
    ("invalid signature", Meaning::Refused(Rejection::Signature)),
    ("crosses book", Meaning::Refused(Rejection::CrossesBook)),
    ("crosses the book", Meaning::Refused(Rejection::CrossesBook)),
    ("allowance is not enough", Meaning::Refused(Rejection::Allowance)),
    ("not enough balance", Meaning::Refused(Rejection::Balance)),
    ("invalid expiration", Meaning::Refused(Rejection::Expiration)),
    ("order canceled in the ctf exchange contract", Meaning::Refused(Rejection::CanceledOnChain)),
    ("unauthorized", Meaning::Refused(Rejection::Unauthorized)),
    ("invalid api key", Meaning::Refused(Rejection::Unauthorized)),
    ("invalid l1 request headers", Meaning::Refused(Rejection::Unauthorized)),
    ("trading restricted in your region", Meaning::Refused(Rejection::Region)),
    ("trading is currently cancel-only", Meaning::Refused(Rejection::CancelOnly)),
    ("post-only mode", Meaning::Refused(Rejection::PostOnly)),
    ("trading is currently disabled", Meaning::Refused(Rejection::Disabled)),
    ("duplicated", Meaning::Doubtful(Doubt::Duplicated)),
    ("order match delayed", Meaning::Doubtful(Doubt::Delayed)),
    ("there are no matching orders", Meaning::Doubtful(Doubt::EngineError)),
    ("fok orders are filled or killed", Meaning::Doubtful(Doubt::EngineError)),
    ("the trade contains rounding issues", Meaning::Doubtful(Doubt::EngineError)),
    ("discrepancy greater than allowed", Meaning::Doubtful(Doubt::EngineError)),
    // The names of the same things before 2026.
    ("invalid_order_min_tick_size", Meaning::Refused(Rejection::OffTick)),
    ("invalid_order_min_size", Meaning::Refused(Rejection::BelowMinimumSize)),
    ("invalid_order_not_enough_balance", Meaning::Refused(Rejection::Balance)),
    ("invalid_order_expiration", Meaning::Refused(Rejection::Expiration)),
    ("fok_order_not_filled_error", Meaning::Refused(Rejection::NotFullyFilled)),
    ("market_not_ready", Meaning::Refused(Rejection::MarketClosed)),
    ("delaying_order_error", Meaning::Doubtful(Doubt::EngineError)),
    ("order_delayed", Meaning::Doubtful(Doubt::Delayed)),
    ("execution_error", Meaning::Doubtful(Doubt::EngineError)),
    ("invalid_order_error", Meaning::Doubtful(Doubt::EngineError)),
];

/// Returns what the venue's words mean; `None` for words that it never published.
pub fn meaning(words: &str) -> Option<Meaning> {
    let words = words.to_ascii_lowercase();
    TEXTS.iter().find(|(part, _)| words.contains(part)).map(|(_, meaning)| *meaning)
}
