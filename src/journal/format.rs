//! The bytes of a segment: a header, records one after the other, then zeros.
//!
//! Each record carries the checksum of the one before it, so a missing, moved or altered record shows; and it can be
//! judged alone, so a search behind a damaged place tells a torn end from a hole. All numbers are little-endian.
//!
//! ```text
//! header  magic 8 | version u32 | number u32 | journal u64 | first seq u64 | checksum before u32 | zeros | checksum u32
//! record  checksum u32 | checksum before u32 | seq u64 | at u64 | payload length u32 | payload | zeros to a multiple of 4
//! ```

use crate::domain::Nanos;

use super::Record;

/// The longest payload. Events have at most 128 bytes; the rest is for the texts of a market.
pub const PAYLOAD_MAX: usize = 1_024;
/// The most room that a record takes in a segment.
pub const RECORD_MAX: usize = RECORD_HEAD + PAYLOAD_MAX;
pub const HEADER: usize = 64;
/// What this program writes, and the only version it reads.
pub const VERSION: u32 = 4;

const MAGIC: [u8; 8] = *b"\x89remoraJ";
/// What comes before a record's payload.
pub const RECORD_HEAD: usize = 28;
/// Records begin at multiples of this.
const GRAIN: usize = 4;
const _: () = assert!(RECORD_MAX.is_multiple_of(GRAIN) && HEADER.is_multiple_of(GRAIN));

/// What a segment says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Header {
    /// Segments count from 1.
    pub number: u32,
    /// A random name of the journal, to tell it from another one's segments and tables.
    pub journal: u64,
    pub first_seq: u64,
    pub link: Link,
}

/// The checksum of the record before: what the next one must continue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Link(pub u32);

impl Link {
    /// Before the first record.
    pub const START: Link = Link(0);
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HeaderError {
    /// Zeros: prepared and never used.
    Blank,
    Damaged,
    /// Whole, and of a version that this program does not know.
    Version(u32),
}

/// A whole record, still encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Raw<'a> {
    pub seq: u64,
    pub at: Nanos,
    pub payload: &'a [u8],
    /// What it continues, and what continues it.
    pub before: Link,
    pub link: Link,
    /// How many bytes it takes.
    pub size: usize,
}

/// The record's texts make it longer than [`PAYLOAD_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong;

/// Where postcard puts its bytes. Its own slice calls memcpy for each number; numbers are a few bytes, and a loop
/// takes half the time.
struct Front<'a> {
    bytes: &'a mut [u8],
    used: usize,
}

impl postcard::ser_flavors::Flavor for Front<'_> {
    type Output = usize;

    #[inline(always)]
    fn try_push(&mut self, byte: u8) -> postcard::Result<()> {
        *self.bytes.get_mut(self.used).ok_or(postcard::Error::SerializeBufferFull)? = byte;
        self.used += 1;
        Ok(())
    }

    #[inline(always)]
    fn try_extend(&mut self, more: &[u8]) -> postcard::Result<()> {
        let end = self.used + more.len();
        let room = self.bytes.get_mut(self.used..end).ok_or(postcard::Error::SerializeBufferFull)?;
        if more.len() <= 10 {
            room.iter_mut().zip(more).for_each(|(to, from)| *to = *from);
        } else {
            room.copy_from_slice(more);
        }
        self.used = end;
        Ok(())
    }

    fn finalize(self) -> postcard::Result<usize> {
        Ok(self.used)
    }
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().expect("4 bytes"))
}

fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().expect("8 bytes"))
}

pub fn encode_header(header: &Header) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..8].copy_from_slice(&MAGIC);
    bytes[8..12].copy_from_slice(&VERSION.to_le_bytes());
    bytes[12..16].copy_from_slice(&header.number.to_le_bytes());
    bytes[16..24].copy_from_slice(&header.journal.to_le_bytes());
    bytes[24..32].copy_from_slice(&header.first_seq.to_le_bytes());
    bytes[32..36].copy_from_slice(&header.link.0.to_le_bytes());
    let checksum = crc32c::crc32c(&bytes[..HEADER - 4]);
    bytes[HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Reads the header of a segment, or of as much of it as there is.
pub fn decode_header(bytes: &[u8]) -> Result<Header, HeaderError> {
    let bytes = &bytes[..bytes.len().min(HEADER)];
    if is_zero(bytes) {
        return Err(HeaderError::Blank);
    }
    if bytes.len() < HEADER || bytes[..8] != MAGIC || crc32c::crc32c(&bytes[..HEADER - 4]) != u32_at(bytes, HEADER - 4)
    {
        return Err(HeaderError::Damaged);
    }
    match u32_at(bytes, 8) {
        VERSION => Ok(Header {
            number: u32_at(bytes, 12),
            journal: u64_at(bytes, 16),
            first_seq: u64_at(bytes, 24),
            link: Link(u32_at(bytes, 32)),
        }),
        version => Err(HeaderError::Version(version)),
    }
}

/// Encodes a record into the front of `buffer` and returns how many bytes it takes, and what continues it.
pub fn encode(
    buffer: &mut [u8; RECORD_MAX],
    before: Link,
    seq: u64,
    at: Nanos,
    record: &Record<'_>,
) -> Result<(usize, Link), TooLong> {
    let front = Front { bytes: &mut buffer[RECORD_HEAD..], used: 0 };
    let payload = postcard::serialize_with_flavor(record, front).map_err(|_| TooLong)?;
    let size = (RECORD_HEAD + payload).next_multiple_of(GRAIN);
    buffer[RECORD_HEAD + payload..size].fill(0);
    buffer[4..8].copy_from_slice(&before.0.to_le_bytes());
    buffer[8..16].copy_from_slice(&seq.to_le_bytes());
    buffer[16..24].copy_from_slice(&at.0.to_le_bytes());
    buffer[24..28].copy_from_slice(&(payload as u32).to_le_bytes());
    let checksum = crc32c::crc32c(&buffer[4..size]);
    buffer[..4].copy_from_slice(&checksum.to_le_bytes());
    Ok((size, Link(checksum)))
}

/// Returns the record at the front of `bytes`, if a whole and undamaged one is there.
pub fn decode(bytes: &[u8]) -> Option<Raw<'_>> {
    if bytes.len() < RECORD_HEAD {
        return None;
    }
    let length = u32_at(bytes, 24) as usize;
    // A payload has at least its variant's byte, so zeros are never a record.
    if length == 0 || PAYLOAD_MAX < length {
        return None;
    }
    let size = (RECORD_HEAD + length).next_multiple_of(GRAIN);
    let link = Link(u32_at(bytes, 0));
    if bytes.len() < size || crc32c::crc32c(&bytes[4..size]) != link.0 {
        return None;
    }
    let payload = &bytes[RECORD_HEAD..RECORD_HEAD + length];
    Some(Raw {
        seq: u64_at(bytes, 8),
        at: Nanos(u64_at(bytes, 16)),
        payload,
        before: Link(u32_at(bytes, 4)),
        link,
        size,
    })
}

/// Returns where in `bytes` (which begin at a multiple of the grain) the first whole record with a number of at least
/// `seq` is.
pub fn find_later(bytes: &[u8], seq: u64) -> Option<usize> {
    let later = |raw: Raw<'_>| seq <= raw.seq;
    (0..bytes.len()).step_by(GRAIN).find(|&offset| decode(&bytes[offset..]).is_some_and(later))
}

pub fn is_zero(bytes: &[u8]) -> bool {
    const ZEROS: [u8; 4_096] = [0; 4_096];
    bytes.chunks(ZEROS.len()).all(|chunk| chunk == &ZEROS[..chunk.len()])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{
            Cause, Event, LeaderId, OrderId, OrderKind, PortfolioId, Price, Role, Shares, Side, SignalId, Source,
            TokenId, TradeKey, Usdc, event,
        },
        hot_loop::core::EVENTS_PER_RECORD,
    };

    #[test]
    fn a_header_is_read_back_and_every_flipped_bit_shows() {
        let header = Header { number: 7, journal: u64::MAX, first_seq: 1 << 40, link: Link(5) };
        let bytes = encode_header(&header);
        assert_eq!(decode_header(&bytes), Ok(header));
        assert_eq!(decode_header(&[0; HEADER]), Err(HeaderError::Blank));
        assert_eq!(decode_header(&bytes[..HEADER - 1]), Err(HeaderError::Damaged));
        for bit in 0..HEADER * 8 {
            let mut bytes = bytes;
            bytes[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(decode_header(&bytes), Err(HeaderError::Damaged), "bit {bit}");
        }
    }

    #[test]
    fn another_version_is_named() {
        let mut bytes = encode_header(&Header { number: 1, journal: 1, first_seq: 0, link: Link::START });
        bytes[8] = 9;
        let checksum = crc32c::crc32c(&bytes[..HEADER - 4]);
        bytes[HEADER - 4..].copy_from_slice(&checksum.to_le_bytes());
        assert_eq!(decode_header(&bytes), Err(HeaderError::Version(9)));
    }

    #[test]
    fn the_longest_text_is_refused_one_byte_later() {
        let mut buffer = [0; RECORD_MAX];
        let mut fits = |length: usize| {
            let text = "x".repeat(length);
            let record = Record::Token { id: TokenId(1), text: &text };
            encode(&mut buffer, Link::START, 0, Nanos(0), &record).is_ok()
        };
        // One byte for the variant, one for the id, two for the length.
        assert!(fits(PAYLOAD_MAX - 4) && !fits(PAYLOAD_MAX - 3));
    }

    /// The hot thread reserves room for a step's events by this.
    #[test]
    fn the_longest_events_are_far_shorter_than_the_longest_record() {
        let price = Price::from_micros(999_999).expect("a price");
        let signal = event::Signal {
            signal: SignalId(u64::MAX),
            group: SignalId(u64::MAX),
            trade: TradeKey([u64::MAX; 2]),
            leader: LeaderId(u32::MAX),
            token: TokenId(u32::MAX),
            side: Side::Sell,
            price,
            shares: Shares(u64::MAX),
            group_price: price,
            group_shares: Shares(u64::MAX),
            leader_held: Shares(u64::MAX),
            role: Role::Taker,
            source: Source::Activity,
            how: event::How::Observed,
            traded_at: Nanos::NEVER,
        };
        let order = event::Submitted {
            order: OrderId(u64::MAX),
            signal: SignalId(u64::MAX),
            portfolio: PortfolioId(u16::MAX),
            leader: LeaderId(u32::MAX),
            token: TokenId(u32::MAX),
            side: Side::Sell,
            kind: OrderKind::Gtc,
            cause: Cause::Plan,
            limit: price,
            shares: Shares(u64::MAX),
            budget: Usdc(i64::MIN),
            reserved: Usdc(i64::MIN),
            touch: price,
            reference: price,
            attempt: 2,
        };
        for event in [Event::Signal(signal), Event::Submitted(order)] {
            let mut buffer = [0; RECORD_MAX];
            let size =
                encode(&mut buffer, Link::START, u64::MAX, Nanos::NEVER, &Record::Event(event)).expect("it fits").0;
            assert!(size * EVENTS_PER_RECORD <= RECORD_MAX, "{size}: {event:?}");
        }
    }
}
