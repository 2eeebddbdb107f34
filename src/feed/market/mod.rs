//! The market channel: frames of JSON -> inputs.
//!
//! ```text
//! frame -> scanner (compact JSON as on the wire) ----+-> draft -> Batch
//!      \-> tape (simd-json; all the rest, verdicts) -+
//! ```

mod draft;
mod malformed;
mod message;
mod scanner;
mod tape;
#[cfg(test)]
mod tests;

pub use malformed::{Malformed, MalformedCode};

use super::{hash::Said, registry::Registry};
use crate::domain::{Input, Millis, TokenId};

/// Longest frame. The first answer of a socket with 200 tokens is an array of 200 books, over a megabyte.
pub const FRAME_MAX: usize = 4 << 20;
/// Most levels in one message; the finest grid has 9,999 prices.
pub const LEVELS_MAX: usize = 20_000;
/// Most tokens in one `price_change`; the venue sends the two of a market.
pub const TOKENS_PER_MESSAGE_MAX: usize = 64;
/// Most unknown tokens that are named in one batch; all are counted.
pub const UNKNOWN_MAX: usize = 256;
/// Deepest nesting of JSON.
pub const DEPTH_MAX: usize = 64;

/// What one frame says. Used again from frame to frame, so that it stops to allocate.
#[derive(Debug, Default)]
pub struct Batch {
    pub inputs: Vec<Input>,
    /// In the order of the messages; only from a decoder [`MarketDecoder::with_proofs`].
    pub proofs: Vec<Proof>,
    /// Texts of tokens that the registry does not know, each once.
    pub unknown: Vec<String>,
}

/// What a message says for checking a book: its hash, and ingredients of hashes. All entries of one message for one token
/// make one proof, because the venue hashes the book as it is after the whole message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    pub token: TokenId,
    /// The hash is that of the book after so many inputs of the batch.
    pub after: usize,
    pub at: Millis,
    /// `None` where the message only has ingredients.
    pub hash: Option<[u8; 20]>,
    pub said: Said,
}

/// What a decoder saw since it was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    pub frames: u64,
    pub bytes: u64,
    /// Frames the scanner gave up on; the malformed ones are among them.
    pub slow_frames: u64,
    pub messages: Messages,
    /// Refused frames by [`MalformedCode`], in the order of [`MalformedCode::ALL`].
    pub malformed: [u64; MalformedCode::ALL.len()],
}

/// Messages of accepted frames, by kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Messages {
    pub book: u64,
    pub price_change: u64,
    pub last_trade_price: u64,
    pub tick_size_change: u64,
    pub best_bid_ask: u64,
    pub market_resolved: u64,
    pub new_market: u64,
    /// Messages of a type we do not know; ignored.
    pub unknown_type: u64,
    /// Messages and entries for tokens that the registry does not know; ignored.
    pub unknown_tokens: u64,
}

/// Reads frames of the market channel.
pub struct MarketDecoder {
    pub counters: Counters,
    prove: bool,
    done: Vec<draft::Done>,
    tape: tape::TapeReader,
}

impl Batch {
    pub fn clear(&mut self) {
        self.inputs.clear();
        self.proofs.clear();
        self.unknown.clear();
    }
}

impl Counters {
    /// Returns all refused frames.
    pub fn malformed_total(&self) -> u64 {
        self.malformed.iter().sum()
    }
}

impl Messages {
    fn add(&mut self, other: &Messages) {
        self.book += other.book;
        self.price_change += other.price_change;
        self.last_trade_price += other.last_trade_price;
        self.tick_size_change += other.tick_size_change;
        self.best_bid_ask += other.best_bid_ask;
        self.market_resolved += other.market_resolved;
        self.new_market += other.new_market;
        self.unknown_type += other.unknown_type;
        self.unknown_tokens += other.unknown_tokens;
    }
}

impl Default for MarketDecoder {
    fn default() -> MarketDecoder {
        MarketDecoder::new()
    }
}

impl MarketDecoder {
    /// Returns a decoder that makes inputs only.
    pub fn new() -> MarketDecoder {
        MarketDecoder {
            counters: Counters::default(),
            prove: false,
            done: Vec::with_capacity(TOKENS_PER_MESSAGE_MAX),
            tape: tape::TapeReader::new(),
        }
    }

    /// Returns a decoder that also fills [`Batch::proofs`].
    pub fn with_proofs() -> MarketDecoder {
        MarketDecoder { prove: true, ..MarketDecoder::new() }
    }

    /// Replaces what is in `batch` by what `frame` says. A refused frame leaves the batch empty. Does not allocate once its
    /// buffers have grown, except for the texts of unknown tokens.
    pub fn decode(&mut self, frame: &[u8], registry: &Registry, batch: &mut Batch) -> Result<(), Malformed> {
        self.counters.frames += 1;
        self.counters.bytes += frame.len() as u64;
        if self.scan(frame, registry, batch) {
            return Ok(());
        }
        self.counters.slow_frames += 1;
        let read = self.read(frame, registry, batch);
        if let Err(malformed) = read {
            batch.clear();
            self.counters.malformed[malformed.code as usize] += 1;
        }
        read
    }

    /// The fast way; false if the frame is not one of the scanner's.
    #[inline(always)]
    fn scan(&mut self, frame: &[u8], registry: &Registry, batch: &mut Batch) -> bool {
        if frame.len() > FRAME_MAX {
            return false;
        }
        let mut draft = draft::Draft::new(frame, registry, batch, &mut self.done, self.prove);
        let scanned = scanner::scan(frame, &mut draft).is_some();
        if scanned {
            self.counters.messages.add(&draft.counts);
        }
        scanned
    }

    /// The slow way.
    #[cold]
    fn read(&mut self, frame: &[u8], registry: &Registry, batch: &mut Batch) -> Result<(), Malformed> {
        if frame.len() > FRAME_MAX {
            return Err(Malformed { code: MalformedCode::TooLong, field: "", offset: FRAME_MAX });
        }
        let copy = self.tape.copy(frame);
        let mut draft = draft::Draft::new(copy, registry, batch, &mut self.done, self.prove);
        self.tape.read(&mut draft)?;
        self.counters.messages.add(&draft.counts);
        Ok(())
    }
}
