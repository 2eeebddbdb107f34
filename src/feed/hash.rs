//! The venue's hash of a book: SHA-1 of compact JSON, so it can be made from our own book and compared.
//!
//! Since 2025-10 ten keys are hashed: `market, asset_id, timestamp, hash (empty), bids, asks, min_order_size, tick_size,
//! neg_risk, last_trade_price`; before that only the first six.

use sha1::{Digest, Sha1};

use super::{decimal, market::Proof, registry::Registry, text::Text};
use crate::domain::{Price, Shares, TokenId};

/// Ingredients of a token's hash, as texts of the venue. `None`: not said.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Said {
    pub market: Option<Text<80>>,
    pub min_order_size: Option<Text<20>>,
    pub tick_size: Option<Text<20>>,
    pub neg_risk: Option<bool>,
    pub last_trade_price: Option<Text<20>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    Good,
    Bad,
    /// The message has no hash, or not all ingredients are known.
    Unknown,
}

/// Checks books against hashes. Remembers per token what was last said of the ingredients.
#[derive(Debug, Default)]
pub struct HashVerifier {
    known: Vec<Said>,
}

impl Said {
    fn learn(&mut self, said: &Said) {
        self.market = said.market.or(self.market);
        self.min_order_size = said.min_order_size.or(self.min_order_size);
        self.tick_size = said.tick_size.or(self.tick_size);
        self.neg_risk = said.neg_risk.or(self.neg_risk);
        self.last_trade_price = said.last_trade_price.or(self.last_trade_price);
    }
}

impl HashVerifier {
    pub fn new() -> HashVerifier {
        HashVerifier::default()
    }

    /// Takes ingredients from elsewhere: the REST book, the market's metadata, a recording's side file.
    pub fn learn(&mut self, token: TokenId, said: &Said) {
        if self.known.len() <= token.index() {
            self.known.resize(token.index() + 1, Said::default());
        }
        self.known[token.index()].learn(said);
    }

    /// Learns what the proof says, and compares its hash with that of the given book: bids ascending, asks descending,
    /// without empty levels. Does not allocate, but for the first proof of a token.
    pub fn check(
        &mut self,
        registry: &Registry,
        proof: &Proof,
        bids: impl Iterator<Item = (Price, Shares)>,
        asks: impl Iterator<Item = (Price, Shares)>,
    ) -> Verdict {
        self.learn(proof.token, &proof.said);
        let known = &self.known[proof.token.index()];
        let (Some(hash), Some(market)) = (proof.hash, known.market) else { return Verdict::Unknown };
        let mut json = Hashed::new();
        json.push(b"{\"market\":\"");
        json.push(market.as_bytes());
        json.push(b"\",\"asset_id\":\"");
        json.push(registry.token_text(proof.token).as_bytes());
        json.push(b"\",\"timestamp\":\"");
        json.push_whole(proof.at.0);
        json.push(b"\",\"hash\":\"\",\"bids\":[");
        json.push_levels(bids);
        json.push(b"],\"asks\":[");
        json.push_levels(asks);
        json.push(b"]");
        let endings = known.endings();
        let complete = endings[0].is_some();
        if endings.iter().flatten().any(|ending| json.ends(ending) == hash) || json.ends_short() == hash {
            return Verdict::Good;
        }
        if complete { Verdict::Bad } else { Verdict::Unknown }
    }
}

/// What stands behind the asks in the hash of ten keys.
struct Ending {
    min_order_size: Text<20>,
    tick_size: Text<20>,
    neg_risk: bool,
    last_trade_price: Text<20>,
}

impl Said {
    /// Returns the ways the hash may end; empty if an ingredient is missing. Books say the last trade's price with three
    /// decimals ("0.590"), messages of single trades without trailing zeros.
    fn endings(&self) -> [Option<Ending>; 2] {
        let ending = |last_trade_price| {
            let (min_order_size, tick_size) = (self.min_order_size?, self.tick_size?);
            Some(Ending { min_order_size, tick_size, neg_risk: self.neg_risk?, last_trade_price })
        };
        let padded = self.last_trade_price.and_then(|said| match said.as_bytes() {
            [b'0', b'.', a] => Text::new(&[b'0', b'.', *a, b'0', b'0']),
            [b'0', b'.', a, b] => Text::new(&[b'0', b'.', *a, *b, b'0']),
            _ => None,
        });
        [self.last_trade_price.and_then(ending), padded.and_then(ending)]
    }
}

/// SHA-1 of text that is written in small pieces.
struct Hashed {
    sha: Sha1,
    pending: [u8; 512],
    len: usize,
}

impl Hashed {
    fn new() -> Hashed {
        Hashed { sha: Sha1::new(), pending: [0; 512], len: 0 }
    }

    /// Adds at most 128 bytes.
    fn push(&mut self, piece: &[u8]) {
        if self.len + piece.len() > self.pending.len() {
            self.sha.update(&self.pending[..self.len]);
            self.len = 0;
        }
        self.pending[self.len..self.len + piece.len()].copy_from_slice(piece);
        self.len += piece.len();
    }

    fn push_decimal(&mut self, micros: u64) {
        self.push(decimal::text(micros, &mut [0; 24]));
    }

    fn push_whole(&mut self, mut number: u64) {
        let (mut digits, mut start) = ([0; 20], 20);
        loop {
            start -= 1;
            digits[start] = b'0' + (number % 10) as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        self.push(&digits[start..]);
    }

    fn push_levels(&mut self, levels: impl Iterator<Item = (Price, Shares)>) {
        for (n, (price, size)) in levels.enumerate() {
            self.push(if n == 0 { b"{\"price\":\"" } else { b",{\"price\":\"" });
            self.push_decimal(u64::from(price.micros()));
            self.push(b"\",\"size\":\"");
            self.push_decimal(size.0);
            self.push(b"\"}");
        }
    }

    /// Returns the hash of ten keys.
    fn ends(&self, ending: &Ending) -> [u8; 20] {
        let mut sha = self.sha.clone();
        for piece in [
            &self.pending[..self.len],
            b",\"min_order_size\":\"",
            ending.min_order_size.as_bytes(),
            b"\",\"tick_size\":\"",
            ending.tick_size.as_bytes(),
            if ending.neg_risk { b"\",\"neg_risk\":true" } else { b"\",\"neg_risk\":false" },
            b",\"last_trade_price\":\"",
            ending.last_trade_price.as_bytes(),
            b"\"}",
        ] {
            sha.update(piece);
        }
        sha.finalize().into()
    }

    /// Returns the hash of six keys.
    fn ends_short(&self) -> [u8; 20] {
        let mut sha = self.sha.clone();
        sha.update(&self.pending[..self.len]);
        sha.update(b"}");
        sha.finalize().into()
    }
}
