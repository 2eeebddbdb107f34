//! What a node says on its socket: answers and notices (JSON-RPC 2.0).

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::feed::{
    market::{Malformed, MalformedCode},
    socket::MESSAGE_MAX,
};

/// A message of a node, taken apart as far as it says whom it concerns.
#[derive(Clone, Copy, Debug)]
pub enum Frame<'a> {
    /// News of a subscription.
    Notice {
        subscription: &'a str,
        result: &'a RawValue,
    },
    Answer {
        id: u64,
        result: &'a RawValue,
    },
    /// A request was refused; without an id, it was not even understood.
    Refused {
        id: Option<u64>,
        error: RpcError<'a>,
    },
}

/// A node's no. Its text may be of any kind, so it is kept as it stands in JSON.
#[derive(Clone, Copy, Debug, Deserialize)]
pub struct RpcError<'a> {
    pub code: i64,
    #[serde(borrow)]
    message: Option<&'a RawValue>,
}

impl RpcError<'_> {
    /// Returns what the node says, at most a line of it.
    pub fn text(&self) -> String {
        let text = self.message.map_or("", RawValue::get).trim_matches('"');
        format!("{} ({})", text.chars().filter(|letter| !letter.is_control()).take(200).collect::<String>(), self.code)
    }
}

#[derive(Deserialize)]
struct RawFrame<'a> {
    #[serde(default)]
    id: Option<u64>,
    #[serde(borrow, default)]
    method: Option<&'a str>,
    #[serde(borrow, default)]
    params: Option<Params<'a>>,
    #[serde(borrow, default)]
    result: Option<&'a RawValue>,
    #[serde(borrow, default)]
    error: Option<RpcError<'a>>,
}

#[derive(Deserialize)]
struct Params<'a> {
    subscription: &'a str,
    #[serde(borrow)]
    result: &'a RawValue,
}

impl<'a> Frame<'a> {
    /// Reads a message. Does not allocate.
    pub fn read(bytes: &'a [u8]) -> Result<Frame<'a>, Malformed> {
        if bytes.len() > MESSAGE_MAX {
            return Err(Malformed { code: MalformedCode::TooLong, field: "", offset: MESSAGE_MAX });
        }
        let raw: RawFrame<'_> = serde_json::from_slice(bytes).map_err(|error| Malformed::json(&error, bytes))?;
        match raw {
            RawFrame { error: Some(error), id, .. } => Ok(Frame::Refused { id, error }),
            RawFrame { method: Some("eth_subscription"), params: Some(Params { subscription, result }), .. } => {
                Ok(Frame::Notice { subscription, result })
            }
            // `"result": null` is an answer, too: there is no such thing.
            RawFrame { id: Some(id), result, .. } => Ok(Frame::Answer { id, result: result.unwrap_or(RawValue::NULL) }),
            RawFrame { .. } => Err(Malformed { code: MalformedCode::NotAMessage, field: "", offset: 0 }),
        }
    }
}
