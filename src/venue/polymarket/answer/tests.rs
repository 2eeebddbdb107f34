//! Every text of PROTOCOL.md 2.9 with its class and its message, and every other shape that an answer may have.

use super::{texts::meaning, *};
use crate::domain::{Permanence, Shares};

const ID: VenueOrderId = VenueOrderId([0xab; 32]);

fn http(status: u16, body: &str) -> Heard {
    hear(ID, Reply::Http { status, by_rate_limit: false, retry_after_s: None, body: body.as_bytes() })
}

fn story(heard: &Heard) -> String {
    match &heard.answer {
        Answer::Accepted(accepted) => format!("accepted {:?}", accepted.status).to_lowercase(),
        Answer::Rejected(rejection) => rejection.code().to_owned(),
        Answer::NotSent(cause) => cause.code().to_owned(),
        Answer::Unknown(doubt) => format!("unknown {}", doubt.code()),
    }
}

#[track_caller]
fn check(status: u16, body: &str, expected: &str) {
    let heard = http(status, body);
    assert_eq!(story(&heard), expected, "{status} {body}");
    assert!(heard.answer.text().len() > 20 && heard.answer.text().ends_with(['.', '?']), "{body}");
}

/// The table of PROTOCOL.md 2.9: status, text, class, permanence, a word of the message.
const PUBLISHED: [(u16, &str, Rejection, Permanence, &str); 36] = [
    (401, "Unauthorized/Invalid api key", Rejection::Unauthorized, Permanence::NeedsUser, "derive-api"),
    (401, "Invalid L1 Request headers", Rejection::Unauthorized, Permanence::NeedsUser, "derive-api"),
    (
        503,
        "Trading is currently disabled. Check polymarket.com for updates",
        Rejection::Disabled,
        Permanence::Temporary,
        "stopped",
    ),
    (400, "Invalid order payload", Rejection::Payload, Permanence::NeedsUser, "update"),
    (
        400,
        "the order owner has to be the owner of the API KEY",
        Rejection::NotTheKeys,
        Permanence::NeedsUser,
        "key check",
    ),
    (
        400,
        "the order signer address has to be the address of the API KEY",
        Rejection::NotTheKeys,
        Permanence::NeedsUser,
        "[wallet]",
    ),
    (400, "'0xabc' address banned", Rejection::Banned, Permanence::NeedsUser, "support"),
    (400, "'0xabc' address in closed only mode", Rejection::ClosedOnly, Permanence::NeedsUser, "close what it holds"),
    (400, "order_version_mismatch", Rejection::OtherVersion, Permanence::NeedsUser, "update"),
    (400, "invalid signature", Rejection::Signature, Permanence::NeedsUser, "signature_type"),
    (400, "invalid post-only order: order crosses book", Rejection::CrossesBook, Permanence::Permanent, "rest"),
    (
        400,
        "order 0xab is invalid. Price (0.123) breaks minimum tick size rule: 0.01",
        Rejection::OffTick,
        Permanence::Permanent,
        "grid",
    ),
    (
        400,
        "invalid price, price must be greater than 0 and less than 1",
        Rejection::InvalidPrice,
        Permanence::Permanent,
        "between",
    ),
    (
        400,
        "order 0xab is invalid. Size (4) lower than the minimum: 5",
        Rejection::BelowMinimumSize,
        Permanence::Permanent,
        "minimum",
    ),
    (
        400,
        "invalid amount for a marketable BUY order ($0.84), min size: $1",
        Rejection::BelowMinimumAmount,
        Permanence::Permanent,
        "$1",
    ),
    (
        400,
        "invalid amount for a marketable BUY order ($0.84), min size: 1",
        Rejection::BelowMinimumAmount,
        Permanence::Permanent,
        "$1",
    ),
    (
        400,
        "invalid amounts, the market buy orders maker amount supports a max accuracy of 2 decimals, taker amount a max of 4 decimals",
        Rejection::Precision,
        Permanence::Permanent,
        "decimals",
    ),
    (
        400,
        "invalid amounts, the sell orders maker amount supports a max accuracy of 2 decimals",
        Rejection::Precision,
        Permanence::Permanent,
        "decimals",
    ),
    (400, "order 0xab crosses the book", Rejection::CrossesBook, Permanence::Permanent, "rest"),
    (400, "not enough balance / allowance", Rejection::Balance, Permanence::Temporary, "settled"),
    (
        400,
        "not enough balance / allowance : the balance is not enough -> balance: 3912, order amount: 2170000",
        Rejection::Balance,
        Permanence::Temporary,
        "settled",
    ),
    (
        400,
        "not enough balance / allowance : the allowance is not enough -> allowance: 0, order amount: 1",
        Rejection::Allowance,
        Permanence::NeedsUser,
        "Approve",
    ),
    (400, "invalid expiration", Rejection::Expiration, Permanence::Permanent, "expiration"),
    (400, "order canceled in the CTF exchange contract", Rejection::CanceledOnChain, Permanence::NeedsUser, "Unpause"),
    (
        400,
        "order couldn't be fully filled. FOK orders are fully filled or killed.",
        Rejection::NotFullyFilled,
        Permanence::Permanent,
        "in full",
    ),
    (
        400,
        "no orders found to match with FAK order. FAK orders are partially filled or killed if no match is found.",
        Rejection::NoMatch,
        Permanence::Permanent,
        "on offer",
    ),
    (
        400,
        "the market is not yet ready to process new orders",
        Rejection::MarketClosed,
        Permanence::Permanent,
        "market",
    ),
    (400, "the orderbook 7132 does not exist", Rejection::MarketClosed, Permanence::Permanent, "market"),
    (404, "No orderbook exists for the requested token id", Rejection::MarketClosed, Permanence::Permanent, "market"),
    (400, "Too many orders in payload: 16, max allowed: 15", Rejection::Payload, Permanence::NeedsUser, "update"),
    (403, "Trading restricted in your region", Rejection::Region, Permanence::NeedsUser, "place"),
    (
        503,
        "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.",
        Rejection::CancelOnly,
        Permanence::Temporary,
        "cancels",
    ),
    (
        503,
        "post-only mode: only post-only orders and cancels are allowed",
        Rejection::PostOnly,
        Permanence::Temporary,
        "two minutes",
    ),
    (400, "INVALID_ORDER_MIN_TICK_SIZE", Rejection::OffTick, Permanence::Permanent, "grid"),
    (400, "INVALID_ORDER_NOT_ENOUGH_BALANCE", Rejection::Balance, Permanence::Temporary, "settled"),
    (400, "FOK_ORDER_NOT_FILLED_ERROR", Rejection::NotFullyFilled, Permanence::Permanent, "in full"),
];

#[test]
fn every_published_text_has_its_class_and_its_message() {
    for (status, text, rejection, permanence, word) in PUBLISHED {
        let body = serde_json::json!({"error": text, "status": status}).to_string();
        let heard = http(status, &body);
        assert_eq!(heard.answer, Answer::Rejected(rejection), "{text}");
        assert_eq!(rejection.permanence(), permanence, "{text}");
        assert!(heard.answer.text().contains(word), "{text}: {}", heard.answer.text());
        assert_eq!((heard.state, heard.said.as_str()), (rejection.state(), text));
    }
}

/// An earlier sending landed, the venue holds it, or its engine failed: nothing proves a no.
#[test]
fn texts_that_prove_nothing_are_unknown() {
    for (status, text, doubt) in [
        (400, "order 0xab is invalid. Duplicated.", Doubt::Duplicated),
        (400, "INVALID_ORDER_DUPLICATED", Doubt::Duplicated),
        (400, "order match delayed due to market conditions", Doubt::Delayed),
        (400, "ORDER_DELAYED", Doubt::Delayed),
        (400, "context canceled", Doubt::UnknownWords),
        (400, "something new", Doubt::UnknownWords),
        (404, "order not found", Doubt::UnknownWords),
        (500, "order timed out", Doubt::ServerError),
        (500, "could not run the execution", Doubt::ServerError),
        (500, "could not insert order", Doubt::ServerError),
        (500, "there are no matching orders", Doubt::EngineError),
        (500, "FOK orders are filled or killed", Doubt::EngineError),
        (500, "the trade contains rounding issues", Doubt::EngineError),
        (
            500,
            "the price of the taker's order has a discrepancy greater than allowed with the worst maker order",
            Doubt::EngineError,
        ),
        // Published as a 400: as a 500 it is whatever it is.
        (500, "not enough balance / allowance", Doubt::EngineError),
        (503, "upstream connect error", Doubt::ServerError),
        (503, "invalid signature", Doubt::EngineError),
        (425, "Too Early", Doubt::Restarting),
        (429, "Too Many Requests", Doubt::Throttled),
    ] {
        let body = serde_json::json!({"error": text}).to_string();
        check(status, &body, &format!("unknown {}", doubt.code()));
    }
    // The same bytes go again only where nothing says that they arrived, and nothing that they must not.
    assert!(Doubt::Lost.may_send_again() && Doubt::ServerError.may_send_again());
    for never in [Doubt::Restarting, Doubt::Throttled, Doubt::Duplicated, Doubt::Delayed, Doubt::UnknownWords] {
        assert!(!never.may_send_again(), "{never:?}");
    }
    assert!(Doubt::Duplicated.has_landed() && !Doubt::Lost.has_landed());
}

#[test]
fn taken_means_success_and_our_name_and_a_status_and_no_error() {
    let body = |success: bool, error: &str, id: &str, status: &str| {
        serde_json::json!({"success": success, "errorMsg": error, "orderID": id, "status": status}).to_string()
    };
    let ours = ID.to_string();
    check(200, &body(true, "", &ours, "live"), "accepted live");
    check(200, &body(true, "", &ours.to_uppercase().replace("0X", "0x"), "matched"), "accepted matched");
    check(200, &body(true, "", &ours, "delayed"), "accepted delayed");
    check(200, &body(true, "", &ours, "unmatched"), "accepted unmatched");
    // Success says only that the request was processed.
    check(200, &body(true, "", "", "live"), "unknown nameless");
    check(200, &body(true, "", &ours, ""), "unknown nameless");
    check(200, &body(true, "", &ours, "ascended"), "unknown nameless");
    check(200, &body(false, "", &ours, "live"), "unknown nameless");
    check(200, "{}", "unknown nameless");
    check(200, &body(true, "invalid signature", "", ""), "rejected_signature");
    check(200, &body(false, "invalid signature", &ours, ""), "rejected_signature");
    check(200, &body(false, "words of tomorrow", &ours, "live"), "unknown unknown_words");
    check(200, &body(true, "order 0xab is invalid. Duplicated.", "", ""), "unknown duplicated");
    let other = VenueOrderId([0xcd; 32]);
    let heard = http(200, &body(true, "", &other.to_string(), "live"));
    assert_eq!(heard.answer, Answer::Unknown(Doubt::OtherId(other)));
    assert_eq!(heard.state, Some(LiveOrders::OtherVersion));
}

#[test]
fn what_is_not_the_venues_json_is_unknown_whatever_its_status() {
    let html = "<html><body>Attention Required! Cloudflare</body></html>";
    for status in [200, 204, 301, 307, 400, 403, 404] {
        check(status, html, "unknown unreadable");
        check(status, "", "unknown unreadable");
    }
    for status in [500, 502, 503, 504, 520] {
        check(status, html, "unknown server_error");
    }
    check(302, r#"{"error":"invalid signature"}"#, "unknown unreadable");
    check(400, r#""invalid signature""#, "unknown unreadable");
    check(400, r#"{"error":{"text":"invalid signature"}}"#, "unknown unreadable");
    check(429, html, "unknown throttled");
    check(425, html, "unknown restarting");
    assert_eq!(http(425, html).state, Some(LiveOrders::Restarting));
}

#[test]
fn only_the_venues_own_rate_limit_proves_that_nothing_was_taken() {
    let reply = |by_rate_limit| Reply::Http { status: 429, by_rate_limit, retry_after_s: Some(2), body: b"{}" };
    let heard = hear(ID, reply(true));
    assert_eq!((story(&heard).as_str(), heard.retry_after_s), ("not_sent_rate_limit", Some(2)));
    assert_eq!(story(&hear(ID, reply(false))), "unknown throttled");
}

#[test]
fn a_broken_connection_is_not_sent_only_where_nothing_was_written() {
    assert_eq!(story(&hear(ID, Reply::NotWritten)), "not_sent_no_connection");
    assert_eq!(story(&hear(ID, Reply::Lost)), "unknown lost");
}

#[test]
fn the_post_only_window_says_how_long_it_lasts() {
    let body = r#"{"error":"post-only mode: only post-only orders and cancels are allowed","code":"post_only_mode","retry_after_seconds":79}"#;
    let heard = http(503, body);
    assert_eq!(heard.retry_after_s, Some(79));
    assert_eq!(heard.state, Some(LiveOrders::Restarting));
    let code = r#"{"code":"post_only_mode"}"#;
    assert_eq!(story(&http(503, code)), "unknown server_error");
}

#[test]
fn amounts_and_trades_of_an_answer_are_read() {
    let body = format!(
        r#"{{"success":true,"errorMsg":"","orderID":"{ID}","status":"matched","makingAmount":"2.809999","takingAmount":"5.301885",
        "transactionsHashes":[],"tradeIDs":["c17f5a28-0fa5-4b4e-a3c8-ec3cf5e1ab01"]}}"#
    );
    let Answer::Accepted(accepted) = http(200, &body).answer else { panic!("taken") };
    assert_eq!((accepted.making, accepted.taking), (Some(2_809_999), Some(5_301_885)));
    assert_eq!(accepted.trades, [TradeKey([0xc17f_5a28_0fa5_4b4e, 0xa3c8_ec3c_f5e1_ab01])]);
    let body = body.replace("2.809999", "").replace("5.301885", "a lot");
    let Answer::Accepted(accepted) = http(200, &body).answer else { panic!("taken") };
    assert_eq!((accepted.making, accepted.taking), (None, None));
}

/// The simulated venue says no in the same words.
#[test]
fn the_noes_of_the_simulated_exchange_are_understood() {
    use crate::{domain::Usdc, sim::exchange::Reject};
    for (reject, rejection) in [
        (Reject::NotReady, Rejection::MarketClosed),
        (Reject::BadPayload, Rejection::Payload),
        (Reject::BadPrice, Rejection::InvalidPrice),
        (Reject::BelowDollar { amount: Usdc(840_000) }, Rejection::BelowMinimumAmount),
        (Reject::CrossesPostOnly, Rejection::CrossesBook),
        (Reject::NotEnoughBalance { balance: Shares(1).0, wanted: 2 }, Rejection::Balance),
        (Reject::NotEnoughAllowance { allowance: 1, wanted: 2 }, Rejection::Allowance),
        (Reject::BadExpiration, Rejection::Expiration),
        (Reject::NotFilled, Rejection::NotFullyFilled),
        (Reject::NoMatch, Rejection::NoMatch),
    ] {
        assert_eq!(meaning(&reject.to_string()), Some(Meaning::Refused(rejection)), "{reject}");
    }
}

#[test]
fn a_long_text_is_cut_and_control_characters_do_not_reach_the_log() {
    let body = serde_json::json!({"error": "x\n\u{1b}[31m".repeat(200)}).to_string();
    let said = http(400, &body).said;
    assert_eq!(said.chars().count(), SAID_MAX);
    assert!(!said.chars().any(char::is_control));
}
