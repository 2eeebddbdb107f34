//! Frames of RTDS `activity`. The scanner answers the common question (whose trade? a stranger's) in one search, and reads
//! a leader's frame without a copy; what it does not know goes to serde.

use std::{borrow::Cow, sync::LazyLock};

use memchr::memmem::Finder;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{
    ColdTrade, Ordinals, Sighting,
    fields::{Fields, Values},
    rows::RawRow,
};
use crate::{
    domain::{LeaderId, LeaderTrade, Role, Source},
    feed::{
        market::{FRAME_MAX, Malformed, MalformedCode},
        registry::{Registry, WALLET_TEXT_LEN},
        scan::Cursor,
    },
};

/// A quote inside of a JSON string is escaped, so no name or title can look like this key.
static WALLET: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"proxyWallet\":\""));
static PAYLOAD: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new("\"payload\":{"));

/// What was told last, by each of the two kinds of frames: one may round a price in another way than the other.
#[derive(Debug, Default)]
pub(super) struct Kinds {
    trades: Ordinals,
    matched: Ordinals,
}

impl Kinds {
    fn ordinal(&mut self, values: &Values, source: Source) -> u32 {
        let ordinals = if source == Source::Matched { &mut self.matched } else { &mut self.trades };
        values.ordinal(ordinals)
    }
}

/// Returns which source a frame is of, whoever traded; `None` for other topics and keep-alives.
pub fn source_of(frame: &[u8]) -> Option<Source> {
    let frame = frame.trim_ascii_end();
    // Nearly always its last field.
    if frame.ends_with(b"\"type\":\"trades\"}") {
        return Some(Source::Activity);
    }
    if frame.ends_with(b"\"type\":\"orders_matched\"}") {
        return Some(Source::Matched);
    }
    let says = |text: &[u8]| memchr::memmem::find(frame, text).is_some();
    if says(b"\"orders_matched\"") {
        return Some(Source::Matched);
    }
    says(b"\"trades\"").then_some(Source::Activity)
}

/// Reads compact frames; `None` for anything else.
pub(super) fn scan(frame: &[u8], registry: &Registry, kinds: &mut Kinds) -> Option<Sighting> {
    let wallet = WALLET.find(frame)? + 15;
    let leader = match registry.leader(frame.get(wallet..wallet + WALLET_TEXT_LEN)?) {
        Some(leader) => leader,
        // What is no wallet is for the slow way to refuse.
        None if frame.get(wallet..)?.starts_with(b"0x") && frame.get(wallet + WALLET_TEXT_LEN) == Some(&b'"') => {
            return Some(Sighting::Stranger);
        }
        None => return None,
    };
    let payload = PAYLOAD.find(frame)? + 10;
    let (fields, end) = payload_fields(frame, payload)?;
    let (before, behind) = (&frame[..payload], &frame[end..]);
    let says =
        |text: &[u8]| memchr::memmem::find(behind, text).or_else(|| memchr::memmem::find(before, text)).is_some();
    let source = if says(b"\"type\":\"trades\"") {
        Source::Activity
    } else if says(b"\"type\":\"orders_matched\"") {
        Source::Matched
    } else {
        return None;
    };
    if !says(b"\"topic\":\"activity\"") || !behind.ends_with(b"}") {
        return None;
    }
    let values = fields.values().ok()?;
    let ordinal = kinds.ordinal(&values, source);
    Some(values.sighting_of(leader, ordinal, (source, Role::Unknown), registry))
}

/// Reads the object at `at`; also returns where it ends.
fn payload_fields(frame: &[u8], at: usize) -> Option<(Fields<'_>, usize)> {
    let (mut fields, mut seen) = (Fields::default(), 0u32);
    let mut cursor = Cursor { bytes: frame, at };
    cursor.eat(b'{')?;
    loop {
        let name = cursor.text()?;
        cursor.eat(b':')?;
        let slot = match name {
            b"asset" => Some((0, &mut fields.token)),
            b"price" => Some((1, &mut fields.price)),
            b"proxyWallet" => Some((2, &mut fields.wallet)),
            b"side" => Some((3, &mut fields.side)),
            b"size" => Some((4, &mut fields.size)),
            b"timestamp" => Some((5, &mut fields.timestamp)),
            b"transactionHash" => Some((6, &mut fields.transaction)),
            // Never in RTDS; other names of these fields are for the slow way.
            b"type" | b"proxy_wallet" | b"token_id" | b"transaction_hash" => return None,
            _ => None,
        };
        match (slot, cursor.peek()) {
            (Some((bit, slot)), first) if seen & 1 << bit == 0 => {
                seen |= 1 << bit;
                *slot = if first == b'"' { cursor.text()? } else { bare(&mut cursor)? };
            }
            (Some(_), _) => return None,
            (None, b'"') => {
                cursor.at += 1;
                cursor.skip_string()?;
            }
            (None, _) => {
                bare(&mut cursor)?;
            }
        }
        if cursor.eat(b',').is_none() {
            cursor.eat(b'}')?;
            return Some((fields, cursor.at));
        }
    }
}

/// Reads a number or a literal.
fn bare<'a>(cursor: &mut Cursor<'a>) -> Option<&'a [u8]> {
    let rest = cursor.bytes.get(cursor.at..)?;
    let len = rest.iter().position(|byte| !matches!(byte, b'0'..=b'9' | b'a'..=b'z' | b'E' | b'.' | b'-' | b'+'))?;
    cursor.at += len;
    (len > 0).then(|| &rest[..len])
}

#[derive(Deserialize)]
struct Envelope<'a> {
    #[serde(borrow)]
    topic: Option<Cow<'a, str>>,
    #[serde(borrow, rename = "type")]
    kind: Option<Cow<'a, str>>,
    #[serde(borrow)]
    payload: Option<&'a RawValue>,
}

/// Reads any frame.
pub(super) fn read(frame: &[u8], registry: &Registry, kinds: &mut Kinds) -> Result<Sighting, Malformed> {
    let frame = frame.trim_ascii();
    if frame.len() > FRAME_MAX {
        return Err(Malformed { code: MalformedCode::TooLong, field: "", offset: FRAME_MAX });
    }
    // Keep-alives are no JSON.
    if matches!(frame, b"" | b"PONG" | b"pong") {
        return Ok(Sighting::NotATrade);
    }
    let envelope: Envelope<'_> = serde_json::from_slice(frame).map_err(|error| Malformed::json(&error, frame))?;
    let (row, source) = match (envelope.payload, envelope.topic.as_deref(), envelope.kind.as_deref()) {
        (Some(payload), Some("activity"), Some("trades")) => (payload.get().as_bytes(), Source::Activity),
        (Some(payload), Some("activity"), Some("orders_matched")) => (payload.get().as_bytes(), Source::Matched),
        (Some(_), _, _) => return Ok(Sighting::NotATrade),
        (None, None, _) => (frame, Source::Activity),
        (None, Some(_), _) => return Ok(Sighting::NotATrade),
    };
    match RawRow::parse(row)? {
        Some(row) if envelope.payload.is_some() || row.looks_like_a_trade() => {
            let values = row.fields().values()?;
            // A stranger's trade is not remembered.
            let Some(leader) = registry.leader(values.wallet.as_bytes()) else { return Ok(Sighting::Stranger) };
            let ordinal = kinds.ordinal(&values, source);
            Ok(values.sighting_of(leader, ordinal, (source, Role::Unknown), registry))
        }
        Some(_) | None => Ok(Sighting::NotATrade),
    }
}

impl Values {
    /// Returns the sighting of whoever it was, if we follow him.
    pub fn sighting(&self, ordinal: u32, source: Source, registry: &Registry) -> Sighting {
        let leader = registry.leader(self.wallet.as_bytes());
        leader.map_or(Sighting::Stranger, |leader| self.sighting_of(leader, ordinal, (source, Role::Unknown), registry))
    }

    /// Returns the sighting of a leader's fill by its source, and what that says of his part.
    pub fn sighting_of(
        &self,
        leader: LeaderId,
        ordinal: u32,
        (source, role): (Source, Role),
        registry: &Registry,
    ) -> Sighting {
        let trade = self.key(ordinal);
        let Values { token, side, price, shares, traded_at, .. } = *self;
        match registry.token(token.as_bytes()) {
            Some(token) => {
                Sighting::Trade(LeaderTrade { trade, leader, token, side, price, shares, role, source, traded_at })
            }
            None => {
                Sighting::ColdToken(ColdTrade { trade, leader, token, side, price, shares, role, source, traded_at })
            }
        }
    }
}
