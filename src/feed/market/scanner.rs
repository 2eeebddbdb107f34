//! The fast reader: knows the compact shapes of the market channel, in any order of keys.
//!
//! It accepts only what the slow reader (`tape.rs`) would read the same way, and gives up (`None`) at anything else: blanks,
//! escapes, numbers, unknown nesting, bad values. So it never has to say what is wrong.

use super::{
    draft::{Draft, parse_side},
    message::{Change, Head, Key, Seen},
};
use crate::{
    domain::{Price, Shares, Side, TokenId, market::PIP_MICROS, money::ONE},
    feed::{
        decimal,
        scan::{Cursor, first, leading_decimals, leading_digits, leading_pips, lowest, name, not_digits, quotes, word},
    },
};

/// Reads one message or an array of messages.
#[inline(always)]
pub(super) fn scan(frame: &[u8], draft: &mut Draft<'_>) -> Option<()> {
    let mut cursor = Cursor::new(frame);
    match cursor.peek() {
        b'{' => message(&mut cursor, draft)?,
        b'[' => list(&mut cursor, |cursor| message(cursor, draft))?,
        _ => return None,
    }
    (cursor.at == frame.len()).then_some(())
}

/// Reads `[item,item,...]`.
#[inline(always)]
fn list<'f>(cursor: &mut Cursor<'f>, mut item: impl FnMut(&mut Cursor<'f>) -> Option<()>) -> Option<()> {
    cursor.eat(b'[')?;
    if cursor.eat(b']').is_some() {
        return Some(());
    }
    loop {
        item(cursor)?;
        if cursor.eat(b',').is_none() {
            return cursor.eat(b']');
        }
    }
}

/// Reads `"key":` and returns the key; `Some(None)` is a key we do not read.
#[inline(always)]
fn key(cursor: &mut Cursor<'_>) -> Option<Option<Key>> {
    cursor.eat(b'"')?;
    let begin = cursor.word(0);
    let (key, read) = match lowest(begin, first(quotes(begin))) {
        x if x == name(b"market") => (Key::Market, cursor.eat_all(b"market\":")),
        x if x == name(b"price") => (Key::Price, cursor.eat_all(b"price\":")),
        x if x == name(b"size") => (Key::Size, cursor.eat_all(b"size\":")),
        x if x == name(b"side") => (Key::Side, cursor.eat_all(b"side\":")),
        x if x == name(b"hash") => (Key::Hash, cursor.eat_all(b"hash\":")),
        x if x == name(b"bids") => (Key::Bids, cursor.eat_all(b"bids\":")),
        x if x == name(b"asks") => (Key::Asks, cursor.eat_all(b"asks\":")),
        x if x == name(b"changes") => (Key::Changes, cursor.eat_all(b"changes\":")),
        x if x == name(b"asset_id") => (Key::AssetId, cursor.eat_all(b"asset_id\":")),
        x if x == name(b"best_bid") => (Key::BestBid, cursor.eat_all(b"best_bid\":")),
        x if x == name(b"best_ask") => (Key::BestAsk, cursor.eat_all(b"best_ask\":")),
        x if x == name(b"neg_risk") => (Key::NegRisk, cursor.eat_all(b"neg_risk\":")),
        x if x == name(b"timestam") => (Key::Timestamp, cursor.eat_all(b"timestamp\":")),
        x if x == name(b"event_ty") => (Key::EventType, cursor.eat_all(b"event_type\":")),
        x if x == name(b"tick_siz") => (Key::TickSize, cursor.eat_all(b"tick_size\":")),
        x if x == name(b"price_ch") => (Key::PriceChanges, cursor.eat_all(b"price_changes\":")),
        x if x == name(b"last_tra") => (Key::LastTradePrice, cursor.eat_all(b"last_trade_price\":")),
        x if x == name(b"min_orde") => (Key::MinOrderSize, cursor.eat_all(b"min_order_size\":")),
        _ => return other_key(cursor),
    };
    // The word settles the first eight bytes only.
    match read {
        Some(()) => Some(Some(key)),
        None => other_key(cursor),
    }
}

#[cold]
fn other_key(cursor: &mut Cursor<'_>) -> Option<Option<Key>> {
    let text = cursor.string()?;
    cursor.eat(b':')?;
    Some(Key::of(std::str::from_utf8(text).ok()?))
}

#[inline(always)]
fn message<'f>(cursor: &mut Cursor<'f>, draft: &mut Draft<'_>) -> Option<()> {
    let mut head = Head::new(cursor.at);
    draft.begin();
    cursor.eat(b'{')?;
    loop {
        let key = key(cursor)?;
        if let Some(key) = key
            && !head.seen.add(key)
        {
            return None;
        }
        match key {
            Some(Key::Bids) => side(cursor, Side::Buy, &head, draft)?,
            Some(Key::Asks) => side(cursor, Side::Sell, &head, draft)?,
            Some(Key::PriceChanges) => list(cursor, |cursor| change(cursor, draft))?,
            Some(Key::Changes) => {
                draft.begin_levels(&head);
                list(cursor, |cursor| old_change(cursor, draft))?;
            }
            Some(Key::NegRisk) => match cursor.eat_all(b"true") {
                Some(()) => head.neg_risk = true,
                None => cursor.eat_all(b"false")?,
            },
            Some(Key::AssetsIds | Key::WinningAssetId | Key::NewTickSize) => return None,
            Some(Key::Market) => {
                cursor.eat(b'"')?;
                head.set(Key::Market, cursor.string_of::<66>()?);
            }
            Some(Key::Hash) => {
                cursor.eat(b'"')?;
                head.set(Key::Hash, cursor.string_of::<40>()?);
            }
            Some(Key::AssetId) => {
                cursor.eat(b'"')?;
                head.set(Key::AssetId, cursor.string_of::<77>()?);
            }
            Some(key) => {
                let text = cursor.text()?;
                head.set(key, text);
            }
            None => cursor.text().map(|_| ())?,
        }
        if cursor.eat(b',').is_none() {
            cursor.eat(b'}')?;
            return draft.finish(&head).ok();
        }
    }
}

/// Reads an entry of `price_changes`.
#[inline(always)]
fn change(cursor: &mut Cursor<'_>, draft: &mut Draft<'_>) -> Option<()> {
    let start = cursor.at;
    if usual_change(cursor, draft).is_some() {
        return Some(());
    }
    cursor.at = start;
    unusual_change(cursor, draft)
}

/// Reads an entry of a known token whose keys stand as the venue has always sent them.
#[inline(always)]
fn usual_change(cursor: &mut Cursor<'_>, draft: &mut Draft<'_>) -> Option<()> {
    cursor.eat_all(b"{\"asset_id\":\"")?;
    // Known texts hold no quotes and no escapes, so a text that is found is the value.
    let token = known_token(cursor, draft)?;
    cursor.eat_all(b",\"price\":\"")?;
    let price = short_price(cursor)?;
    cursor.eat_all(b",\"size\":\"")?;
    let size = short_size(cursor)?;
    cursor.eat_all(b",\"side\":\"")?;
    let side = match cursor.eat_all(b"BUY\"") {
        Some(()) => Side::Buy,
        None => cursor.eat_all(b"SELL\"").map(|()| Side::Sell)?,
    };
    cursor.eat_all(b",\"hash\":\"")?;
    let hash = cursor.string_of::<40>()?;
    cursor.eat_all(b",\"best_bid\":\"")?;
    let bid = Some(best(cursor, decimal::best_bid)?);
    cursor.eat_all(b",\"best_ask\":\"")?;
    let ask = Some(best(cursor, decimal::best_ask)?);
    cursor.eat(b'}')?;
    draft.change(token, &Change { side, price, size, bid, ask, hash }).ok()
}

/// Reads a known token's text: 77 digits, sometimes 76 or 78.
#[inline(always)]
fn known_token(cursor: &mut Cursor<'_>, draft: &Draft<'_>) -> Option<TokenId> {
    let text: &[u8] = if let Some(text) = cursor.quoted::<77>() {
        text
    } else if let Some(text) = cursor.quoted::<76>() {
        text
    } else {
        cursor.quoted::<78>()?
    };
    draft.known(text)
}

/// Reads an entry with its keys in any order.
#[inline(never)]
fn unusual_change(cursor: &mut Cursor<'_>, draft: &mut Draft<'_>) -> Option<()> {
    let (mut seen, mut token, mut hash) = (Seen::default(), &[][..], &[][..]);
    let (mut side, mut price, mut size, mut bid, mut ask) = (None, None, None, None, None);
    cursor.eat(b'{')?;
    loop {
        let key = key(cursor)?;
        if let Some(key) = key
            && !seen.add(key)
        {
            return None;
        }
        cursor.eat(b'"')?;
        match key {
            Some(Key::AssetId) => token = cursor.string()?,
            Some(Key::Hash) => hash = cursor.string()?,
            Some(Key::Side) => side = Some(parse_side(cursor.string()?)?),
            Some(Key::Price) => price = Some(short_price(cursor)?),
            Some(Key::Size) => size = Some(short_size(cursor)?),
            Some(Key::BestBid) => bid = Some(best(cursor, decimal::best_bid)?),
            Some(Key::BestAsk) => ask = Some(best(cursor, decimal::best_ask)?),
            Some(_) | None => cursor.string().map(|_| ())?,
        }
        if cursor.eat(b',').is_none() {
            cursor.eat(b'}')?;
            let (side, price, size) = (side?, price?, size?);
            if !seen.has(Key::AssetId) {
                return None;
            }
            return draft.named_change(token, &Change { side, price, size, bid, ask, hash }).ok();
        }
    }
}

/// Reads an entry of the `changes` that were sent before 2025-09.
#[inline(always)]
fn old_change(cursor: &mut Cursor<'_>, draft: &mut Draft<'_>) -> Option<()> {
    let (mut seen, mut side, mut price, mut size) = (Seen::default(), None, None, None);
    cursor.eat(b'{')?;
    loop {
        let key = key(cursor)??;
        if !seen.add(key) {
            return None;
        }
        cursor.eat(b'"')?;
        match key {
            Key::Side => side = Some(parse_side(cursor.string()?)?),
            Key::Price => price = Some(short_price(cursor)?),
            Key::Size => size = Some(short_size(cursor)?),
            _ => return None,
        }
        if cursor.eat(b',').is_none() {
            cursor.eat(b'}')?;
            draft.level(side?, price?, size?);
            return Some(());
        }
    }
}

/// Reads a price, the quote behind it included.
#[inline(always)]
fn short_price(cursor: &mut Cursor<'_>) -> Option<Price> {
    let (price, len) = price_at(cursor.bytes, cursor.at)?;
    cursor.at += len + 1;
    Some(price)
}

/// Reads a size, the quote behind it included.
#[inline(always)]
fn short_size(cursor: &mut Cursor<'_>) -> Option<Shares> {
    if let Some((size, len)) = size_at(cursor.bytes, cursor.at) {
        cursor.at += len + 1;
        return Some(size);
    }
    decimal::size(cursor.string()?)
}

/// Reads a best price, the quote behind it included; what is no plain price is left to `rule`.
#[inline(always)]
fn best(cursor: &mut Cursor<'_>, rule: fn(&[u8]) -> Option<Option<Price>>) -> Option<Option<Price>> {
    match price_at(cursor.bytes, cursor.at) {
        Some((price, len)) => {
            cursor.at += len + 1;
            Some(Some(price))
        }
        None => rule(cursor.string()?),
    }
}

/// Reads `0.d` to `0.dddd` and checks the quote behind it; also returns the length without the quote.
#[inline(always)]
fn price_at(bytes: &[u8], at: usize) -> Option<(Price, usize)> {
    let text = word(bytes, at);
    let decimals = text >> 16;
    let len = first(not_digits(decimals));
    let quoted = (decimals >> (8 * (len & 7))) as u8 == b'"';
    if text as u16 != u16::from_le_bytes(*b"0.") || len > 4 || !quoted {
        return None;
    }
    let price = Price::from_micros(leading_pips(decimals, len) * PIP_MICROS)?;
    Some((price, 2 + len))
}

/// Reads up to seven digits and up to six decimals and checks the quote behind them; also returns the length without it.
#[inline(always)]
fn size_at(bytes: &[u8], at: usize) -> Option<(Shares, usize)> {
    let whole = word(bytes, at);
    let digits = first(not_digits(whole));
    let point = usize::from((whole >> (8 * (digits & 7))) as u8 == b'.');
    let part = word(bytes, at + digits + point);
    let decimals = first(not_digits(part));
    let quoted = (part >> (8 * (decimals & 7))) as u8 == b'"';
    // A point needs decimals behind it; without a point the quote is the first byte of `part`.
    if digits == 0 || digits > 7 || decimals > 6 || !quoted || point != usize::from(decimals != 0) {
        return None;
    }
    let micros = leading_digits(whole, digits) * ONE + leading_decimals(part, decimals);
    Some((Shares(micros), digits + point + decimals))
}

/// Bytes in which a level surely ends, and in which it may be read without looking where the frame ends.
const WINDOW: usize = 64;

/// Reads one side of a book.
#[inline(always)]
fn side(cursor: &mut Cursor<'_>, side: Side, head: &Head<'_>, draft: &mut Draft<'_>) -> Option<()> {
    draft.begin_side(head);
    cursor.eat(b'[')?;
    if cursor.eat(b']').is_some() {
        return Some(());
    }
    let mut rest = &cursor.bytes[cursor.at..];
    let mut last = [0; WINDOW];
    loop {
        let window = match rest.first_chunk() {
            Some(window) => window,
            None => {
                // The frame ends in this window: a copy of it ends in zeros, which no level has.
                last.fill(0);
                last[..rest.len()].copy_from_slice(rest);
                &last
            }
        };
        let (price, size, len) = match level(window) {
            Some(read) => read,
            None => long_level(window)?,
        };
        draft.level(side, price, size);
        rest = rest.get(len..)?;
        match window[len - 1] {
            b',' => {}
            b']' => break,
            _ => return None,
        }
    }
    cursor.at = cursor.bytes.len() - rest.len();
    Some(())
}

#[inline(always)]
fn load(window: &[u8; WINDOW], at: usize) -> u64 {
    match window[at..].first_chunk() {
        Some(bytes) => u64::from_le_bytes(*bytes),
        None => 0,
    }
}

/// Reads `{"price":"0.dddd","size":"ddddddd.dddddd"}` with as many digits or fewer; also returns the length, the byte
/// behind it included.
#[inline(always)]
fn level(window: &[u8; WINDOW]) -> Option<(Price, Shares, usize)> {
    let decimals = load(window, 12);
    let price_len = first(not_digits(decimals)) & 7;
    let at = 12 + price_len;
    let good = load(window, 0) == name(b"{\"price\"")
        && load(window, 8) as u32 == u32::from_le_bytes(*b":\"0.")
        && price_len <= 4
        && load(window, at) == name(b"\",\"size\"")
        && load(window, at + 8) as u16 == u16::from_le_bytes(*b":\"");
    if !good {
        return None;
    }
    let price = Price::from_micros(leading_pips(decimals, price_len) * PIP_MICROS)?;
    let at = at + 10;
    let whole = load(window, at);
    // Eight digits and more count as none.
    let digits = first(not_digits(whole)) & 7;
    let point = usize::from((whole >> (8 * digits)) as u8 == b'.');
    let at = at + digits + point;
    let part = load(window, at);
    let part_len = first(not_digits(part)) & 7;
    let at = at + part_len;
    let end = load(window, at) as u16 == u16::from_le_bytes(*b"\"}");
    if digits == 0 || part_len > 6 || !end || point != usize::from(part_len != 0) {
        return None;
    }
    let micros = leading_digits(whole, digits) * ONE + leading_decimals(part, part_len);
    Some((price, Shares(micros), at + 3))
}

/// A level whose size has more digits than [`level`] reads.
#[cold]
fn long_level(window: &[u8; WINDOW]) -> Option<(Price, Shares, usize)> {
    let mut cursor = Cursor::new(window);
    cursor.eat_all(b"{\"price\":\"")?;
    let price = short_price(&mut cursor)?;
    cursor.eat_all(b",\"size\":\"")?;
    let size = decimal::size(cursor.string()?)?;
    cursor.eat(b'}')?;
    (cursor.at < WINDOW).then_some((price, size, cursor.at + 1))
}
