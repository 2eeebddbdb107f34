//! How the private wire says no: statuses and texts of PROTOCOL.md 2.9.

use std::fmt;

use alloy::primitives::Address;
use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use super::mode::Trouble;
use crate::sim::exchange::{OrderId, Reject};

/// How many orders may be in one request.
pub const ORDERS_MAX: usize = 15;
/// How many ids may be in one cancel.
pub const CANCELS_MAX: usize = 1_000;

#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// No such key, a wrong passphrase or MAC, somebody else's address, or a stale timestamp.
    Unauthorized,
    /// An L1 header is missing, stale, or not signed by the address it names.
    BadL1,
    KeyNotCreated,
    KeyNotDerived,
    TooManyRequests {
        retry_after_secs: Option<u64>,
    },
    Disabled,
    Restarting,
    CancelOnly,
    PostOnlyMode {
        retry_after_secs: u64,
    },
    Payload,
    BadOrderId,
    NotTheKeysOwner,
    NotTheKeysAddress,
    Banned(Address),
    ClosedOnly(Address),
    PausedOnChain,
    Region,
    Version,
    Signature,
    Expiration,
    UnknownToken(String),
    TooManyOrders {
        orders: usize,
    },
    TooManyCancels,
    Trouble(Trouble, OrderId),
    Rejected(Reject),
    NoSuchOrder,
    /// A query that cannot be read.
    BadQuery {
        name: &'static str,
    },
}

impl Refusal {
    pub const fn status(&self) -> StatusCode {
        match self {
            Refusal::Unauthorized | Refusal::BadL1 => StatusCode::UNAUTHORIZED,
            Refusal::TooManyRequests { .. } => StatusCode::TOO_MANY_REQUESTS,
            Refusal::Disabled | Refusal::CancelOnly | Refusal::PostOnlyMode { .. } => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::Restarting => StatusCode::TOO_EARLY,
            Refusal::Region => StatusCode::FORBIDDEN,
            Refusal::NoSuchOrder => StatusCode::NOT_FOUND,
            Refusal::Trouble(trouble, _) => match trouble {
                Trouble::TimedOut
                | Trouble::NoMatchingOrders
                | Trouble::FokKilled
                | Trouble::Rounding
                | Trouble::Discrepancy => StatusCode::INTERNAL_SERVER_ERROR,
                Trouble::CrossesBook | Trouble::MatchDelayed | Trouble::NotReady => StatusCode::BAD_REQUEST,
            },
            Refusal::KeyNotCreated
            | Refusal::KeyNotDerived
            | Refusal::Payload
            | Refusal::BadOrderId
            | Refusal::NotTheKeysOwner
            | Refusal::NotTheKeysAddress
            | Refusal::Banned(_)
            | Refusal::ClosedOnly(_)
            | Refusal::PausedOnChain
            | Refusal::Version
            | Refusal::Signature
            | Refusal::Expiration
            | Refusal::UnknownToken(_)
            | Refusal::TooManyOrders { .. }
            | Refusal::TooManyCancels
            | Refusal::Rejected(_)
            | Refusal::BadQuery { .. } => StatusCode::BAD_REQUEST,
        }
    }

    fn body(&self) -> Value {
        let error = self.to_string();
        if let Refusal::PostOnlyMode { retry_after_secs } = self {
            return json!({"error": error, "code": "post_only_mode", "retry_after_seconds": retry_after_secs});
        }
        json!({"error": error})
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Refusal::Unauthorized => write!(f, "Unauthorized/Invalid api key"),
            Refusal::BadL1 => write!(f, "Invalid L1 Request headers"),
            Refusal::KeyNotCreated => write!(f, "Could not create api key"),
            Refusal::KeyNotDerived => write!(f, "Could not derive api key!"),
            Refusal::TooManyRequests { .. } => write!(f, "Too Many Requests"),
            Refusal::Disabled => {
                write!(f, "Trading is currently disabled. Check polymarket.com for updates")
            }
            Refusal::Restarting => write!(f, "Too Early"),
            Refusal::CancelOnly => {
                write!(f, "Trading is currently cancel-only. New orders are not accepted, but cancels are allowed.")
            }
            Refusal::PostOnlyMode { .. } => {
                write!(f, "post-only mode: only post-only orders and cancels are allowed")
            }
            Refusal::Payload => write!(f, "Invalid order payload"),
            Refusal::BadOrderId => write!(f, "Invalid orderID"),
            Refusal::NotTheKeysOwner => write!(f, "the order owner has to be the owner of the API KEY"),
            Refusal::NotTheKeysAddress => {
                write!(f, "the order signer address has to be the address of the API KEY")
            }
            Refusal::Banned(address) => write!(f, "'{address}' address banned"),
            Refusal::ClosedOnly(address) => write!(f, "'{address}' address in closed only mode"),
            Refusal::PausedOnChain => write!(f, "order canceled in the CTF exchange contract"),
            Refusal::Region => write!(f, "Trading restricted in your region"),
            Refusal::Version => write!(f, "order_version_mismatch"),
            Refusal::Signature => write!(f, "invalid signature"),
            Refusal::Expiration => write!(f, "invalid expiration"),
            Refusal::UnknownToken(token) => write!(f, "the orderbook {token} does not exist"),
            Refusal::TooManyOrders { orders } => {
                write!(f, "Too many orders in payload: {orders}, max allowed: {ORDERS_MAX}")
            }
            Refusal::TooManyCancels => write!(f, "Too many orders in payload, max allowed: {CANCELS_MAX}"),
            Refusal::Trouble(trouble, order) => trouble_text(*trouble, order, f),
            Refusal::Rejected(reject) => write!(f, "{reject}"),
            Refusal::NoSuchOrder => write!(f, "order not found"),
            Refusal::BadQuery { name } => write!(f, "invalid {name}"),
        }
    }
}

fn trouble_text(trouble: Trouble, order: &OrderId, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match trouble {
        Trouble::TimedOut => write!(f, "order timed out"),
        Trouble::NoMatchingOrders => write!(f, "there are no matching orders"),
        Trouble::FokKilled => write!(f, "FOK orders are filled or killed"),
        Trouble::Rounding => write!(f, "the trade contains rounding issues"),
        Trouble::Discrepancy => write!(
            f,
            "the price of the taker's order has a discrepancy greater than allowed with the worst maker order"
        ),
        Trouble::CrossesBook => write!(f, "order {order} crosses the book"),
        Trouble::MatchDelayed => write!(f, "order match delayed due to market conditions"),
        Trouble::NotReady => write!(f, "the market is not yet ready to process new orders"),
    }
}

impl From<Reject> for Refusal {
    fn from(reject: Reject) -> Refusal {
        Refusal::Rejected(reject)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = (self.status(), Json(self.body())).into_response();
        let retry_after_secs = if let Refusal::PostOnlyMode { retry_after_secs } = self {
            Some(retry_after_secs)
        } else if let Refusal::TooManyRequests { retry_after_secs } = self {
            retry_after_secs
        } else {
            None
        };
        if let Some(secs) = retry_after_secs {
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(secs));
        }
        response
    }
}
