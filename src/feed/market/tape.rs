//! The slow reader: any JSON, by way of simd-json's tape. It decides what is right; the scanner may only agree.

use simd_json::{Buffers, ErrorType, Node, StaticNode, Tape};

use super::{
    DEPTH_MAX,
    draft::{Draft, parse_side},
    malformed::{Malformed, MalformedCode},
    message::{Change, Head, Key, Kind},
};
use crate::{domain::Side, feed::decimal};

/// Buffers that are used again from frame to frame.
pub(super) struct TapeReader {
    copy: Vec<u8>,
    buffers: Buffers,
    tape: Tape<'static>,
    /// Timestamps that were sent as numbers, written out: the rest of the code reads texts.
    number: String,
}

impl TapeReader {
    pub fn new() -> TapeReader {
        TapeReader {
            copy: Vec::new(),
            buffers: Buffers::with_max_depth(0, DEPTH_MAX),
            tape: Tape(Vec::new()),
            number: String::new(),
        }
    }

    /// Copies the frame, because simd-json writes into what it reads. Must come before [`TapeReader::read`].
    pub fn copy(&mut self, frame: &[u8]) -> &[u8] {
        self.copy.clear();
        self.copy.extend_from_slice(frame);
        &self.copy
    }

    /// Reads the copied frame.
    pub fn read(&mut self, draft: &mut Draft<'_>) -> Result<(), Malformed> {
        let mut tape = std::mem::replace(&mut self.tape, Tape(Vec::new())).reset();
        let read = match simd_json::fill_tape(&mut self.copy, &mut self.buffers, &mut tape) {
            Ok(()) => frame(&tape.0, &mut self.number, draft),
            Err(error) => Err(syntax(&error)),
        };
        self.tape = tape.reset();
        read
    }
}

fn syntax(error: &simd_json::Error) -> Malformed {
    let code = match error.error() {
        ErrorType::DepthLimitExceeded => MalformedCode::TooDeep,
        _ => MalformedCode::Syntax,
    };
    Malformed { code, field: "", offset: error.index() }
}

const NOT_A_MESSAGE: Malformed = Malformed { code: MalformedCode::NotAMessage, field: "", offset: 0 };

fn frame(nodes: &[Node<'_>], number: &mut String, draft: &mut Draft<'_>) -> Result<(), Malformed> {
    match nodes.first() {
        Some(Node::Object { .. }) => message(nodes, number, draft),
        Some(Node::Array { .. }) => items(nodes).try_for_each(|item| match item.first() {
            Some(Node::Object { .. }) => message(item, number, draft),
            _ => Err(NOT_A_MESSAGE),
        }),
        _ => Err(NOT_A_MESSAGE),
    }
}

/// Returns how many nodes the value at the start of `nodes` takes.
fn span(nodes: &[Node<'_>]) -> usize {
    match nodes.first() {
        Some(Node::Object { count, .. } | Node::Array { count, .. }) => 1 + count,
        _ => 1,
    }
}

/// Yields the items of the array at the start of `nodes`.
fn items<'t, 'i>(nodes: &'t [Node<'i>]) -> impl Iterator<Item = &'t [Node<'i>]> {
    let mut rest = &nodes[1..span(nodes)];
    std::iter::from_fn(move || {
        let (item, after) = (!rest.is_empty()).then(|| rest.split_at(span(rest)))?;
        rest = after;
        Some(item)
    })
}

/// Yields the names and values of the object at the start of `nodes`.
fn fields<'t, 'i>(nodes: &'t [Node<'i>]) -> impl Iterator<Item = (&'i str, &'t [Node<'i>])> {
    let mut rest = &nodes[1..span(nodes)];
    std::iter::from_fn(move || {
        let Some((Node::String(name), values)) = rest.split_first() else { return None };
        let (value, after) = values.split_at(span(values));
        rest = after;
        Some((*name, value))
    })
}

fn message<'t>(nodes: &'t [Node<'t>], number: &mut String, draft: &mut Draft<'_>) -> Result<(), Malformed> {
    let mut head = Head::new(0);
    let mut tokens = None;
    let mut time = None;
    draft.begin();
    for (name, value) in fields(nodes) {
        let Some(key) = Key::of(name) else { continue };
        if !head.seen.add(key) {
            return Err(draft.bad(MalformedCode::DuplicateKey, key, name.as_bytes()));
        }
        let read = match (key, &value[0]) {
            (Key::Bids, Node::Array { .. }) => side(value, Side::Buy, &head, draft),
            (Key::Asks, Node::Array { .. }) => side(value, Side::Sell, &head, draft),
            (Key::PriceChanges, Node::Array { .. }) => items(value).try_for_each(|item| change(item, draft)),
            (Key::Changes, Node::Array { .. }) => {
                draft.begin_levels(&head);
                items(value).try_for_each(|item| level(item, None, draft))
            }
            (Key::AssetsIds, Node::Array { .. }) => {
                tokens = Some(value);
                Ok(())
            }
            (Key::NegRisk, Node::Static(StaticNode::Bool(neg_risk))) => {
                head.neg_risk = *neg_risk;
                Ok(())
            }
            (Key::Timestamp, Node::Static(StaticNode::U64(millis))) => {
                time = Some(*millis);
                Ok(())
            }
            (Key::Timestamp, Node::Static(StaticNode::I64(millis))) => {
                time = u64::try_from(*millis).ok();
                Ok(())
            }
            (Key::Bids | Key::Asks | Key::PriceChanges | Key::Changes | Key::AssetsIds | Key::NegRisk, _) => {
                Err(draft.bad(MalformedCode::WrongType, key, name.as_bytes()))
            }
            (_, Node::String(text)) => {
                head.set(key, text.as_bytes());
                Ok(())
            }
            (Key::EventType, _) => return Err(draft.bad(MalformedCode::WrongType, key, name.as_bytes())),
            _ => Err(draft.bad(MalformedCode::WrongType, key, name.as_bytes())),
        };
        // Kept until the kind is known: what we do not act on may look as it likes.
        head.fault = head.fault.or(read.err());
    }
    finish(head, tokens, time, number, draft)
}

fn finish<'t>(
    mut head: Head<'t>,
    tokens: Option<&[Node<'_>]>,
    time: Option<u64>,
    number: &'t mut String,
    draft: &mut Draft<'_>,
) -> Result<(), Malformed> {
    if let Some(millis) = time {
        number.clear();
        number.push_str(&millis.to_string());
        head.set(Key::Timestamp, number.as_bytes());
    }
    if head.kind() == Kind::MarketResolved && head.fault.is_none() {
        let winner = head.need(Key::WinningAssetId)?;
        for item in tokens.into_iter().flat_map(items) {
            match item.first() {
                Some(Node::String(token)) => draft.resolved(token.as_bytes(), winner)?,
                _ => return Err(draft.bad(MalformedCode::WrongType, Key::AssetsIds, winner)),
            }
        }
    }
    draft.finish(&head)
}

fn side(value: &[Node<'_>], side: Side, head: &Head<'_>, draft: &mut Draft<'_>) -> Result<(), Malformed> {
    draft.begin_side(head);
    items(value).try_for_each(|item| level(item, Some(side), draft))
}

/// The texts of an entry of a list.
struct Entry<'t> {
    head: Head<'t>,
}

impl<'t> Entry<'t> {
    fn read(nodes: &'t [Node<'t>], draft: &Draft<'_>) -> Result<Entry<'t>, Malformed> {
        let Some(Node::Object { .. }) = nodes.first() else {
            return Err(draft.bad(MalformedCode::WrongType, Key::Changes, &[]));
        };
        let mut head = Head::new(0);
        for (name, value) in fields(nodes) {
            let Some(key) = Key::of(name) else { continue };
            if !head.seen.add(key) {
                return Err(draft.bad(MalformedCode::DuplicateKey, key, name.as_bytes()));
            }
            match &value[0] {
                Node::String(text) => head.set(key, text.as_bytes()),
                _ => return Err(draft.bad(MalformedCode::WrongType, key, name.as_bytes())),
            }
        }
        Ok(Entry { head })
    }

    /// Reads a text that must be there by `rule`.
    fn parse<T>(
        &self,
        key: Key,
        code: MalformedCode,
        rule: impl Fn(&[u8]) -> Option<T>,
        draft: &Draft<'_>,
    ) -> Result<T, Malformed> {
        let text = self.head.need(key)?;
        rule(text).ok_or_else(|| draft.bad(code, key, text))
    }

    /// Reads a text that may be missing by `rule`.
    fn parse_if_there<T>(
        &self,
        key: Key,
        code: MalformedCode,
        rule: impl Fn(&[u8]) -> Option<T>,
        draft: &Draft<'_>,
    ) -> Result<Option<T>, Malformed> {
        if !self.head.seen.has(key) { Ok(None) } else { self.parse(key, code, rule, draft).map(Some) }
    }
}

/// A level of a book, whose side is known, or an entry of old `changes`, which names it.
fn level(nodes: &[Node<'_>], side: Option<Side>, draft: &mut Draft<'_>) -> Result<(), Malformed> {
    let entry = Entry::read(nodes, draft)?;
    let price = entry.parse(Key::Price, MalformedCode::BadPrice, decimal::price, draft)?;
    let size = entry.parse(Key::Size, MalformedCode::BadSize, decimal::size, draft)?;
    let side = match side {
        Some(side) => side,
        None => entry.parse(Key::Side, MalformedCode::BadSide, parse_side, draft)?,
    };
    draft.level(side, price, size);
    Ok(())
}

fn change(nodes: &[Node<'_>], draft: &mut Draft<'_>) -> Result<(), Malformed> {
    let entry = Entry::read(nodes, draft)?;
    let token = entry.head.need(Key::AssetId)?;
    let change = Change {
        side: entry.parse(Key::Side, MalformedCode::BadSide, parse_side, draft)?,
        price: entry.parse(Key::Price, MalformedCode::BadPrice, decimal::price, draft)?,
        size: entry.parse(Key::Size, MalformedCode::BadSize, decimal::size, draft)?,
        bid: entry.parse_if_there(Key::BestBid, MalformedCode::BadBest, decimal::best_bid, draft)?,
        ask: entry.parse_if_there(Key::BestAsk, MalformedCode::BadBest, decimal::best_ask, draft)?,
        hash: entry.head.get(Key::Hash),
    };
    draft.named_change(token, &change)
}
