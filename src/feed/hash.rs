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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        domain::{Input, Side},
        feed::market::{Batch, MarketDecoder},
    };

    /// Returns the verdict on a REST or socket book with the given hash.
    fn judged(verifier: &mut HashVerifier, preimage: &str, hash: &str) -> Verdict {
        let frame = preimage.replace("\"hash\":\"\"", &format!("\"hash\":\"{hash}\""));
        let value: serde_json::Value = serde_json::from_str(&frame).expect("JSON");
        let mut registry = Registry::new();
        registry.add_token(value["asset_id"].as_str().expect("a text")).expect("room");
        let mut batch = Batch::default();
        MarketDecoder::with_proofs().decode(frame.as_bytes(), &registry, &mut batch).expect("a book");
        let levels = |wanted: Side| {
            batch.inputs.iter().filter_map(move |input| match *input {
                Input::Level { side, price, size, .. } if side == wanted => Some((price, size)),
                _ => None,
            })
        };
        verifier.check(&registry, &batch.proofs[0], levels(Side::Buy), levels(Side::Sell))
    }

    #[test]
    fn the_vectors_of_two_official_clients_are_good() {
        let file = include_str!("../../tests/data/vectors_book_hash.json");
        let file: serde_json::Value = serde_json::from_str(file).expect("JSON");
        let vectors = file["vectors"].as_array().expect("vectors");
        assert_eq!(vectors.len(), 5);
        for vector in vectors {
            let (preimage, hash) = (vector["preimage"].as_str().expect("text"), vector["hash"].as_str().expect("text"));
            assert_eq!(judged(&mut HashVerifier::new(), preimage, hash), Verdict::Good, "{preimage}");
            let wrong = format!("{}{}", if hash.starts_with('0') { '1' } else { '0' }, &hash[1..]);
            assert_eq!(judged(&mut HashVerifier::new(), preimage, &wrong), Verdict::Bad, "{preimage}");
        }
    }

    /// Before 2025-10 only six keys were hashed; today six keys alone prove nothing bad.
    #[test]
    fn six_keys_can_be_good_but_not_bad() {
        let preimage = r#"{"market":"0xaa","asset_id":"1","timestamp":"5","hash":"","bids":[{"price":"0.1","size":"2.5"}],"asks":[]}"#;
        let hash: String = Sha1::digest(preimage).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(judged(&mut HashVerifier::new(), preimage, &hash), Verdict::Good);
        let wrong = "0".repeat(40);
        let mut verifier = HashVerifier::new();
        assert_eq!(judged(&mut verifier, preimage, &wrong), Verdict::Unknown);
        assert_eq!(judged(&mut verifier, preimage, "no hash"), Verdict::Unknown);
        // What else belongs to the hash is learned elsewhere.
        let text = |text: &str| Text::new(text.as_bytes());
        let said = Said {
            market: None,
            min_order_size: text("5"),
            tick_size: text("0.01"),
            neg_risk: Some(false),
            last_trade_price: text("0.5"),
        };
        verifier.learn(TokenId(0), &said);
        assert_eq!(judged(&mut verifier, preimage, &wrong), Verdict::Bad);
        // The last trade's price may be written with three decimals.
        let long = preimage
            .replace("]}", r#"],"min_order_size":"5","tick_size":"0.01","neg_risk":false,"last_trade_price":"0.500"}"#);
        let hash: String = Sha1::digest(&long).iter().map(|byte| format!("{byte:02x}")).collect();
        assert_eq!(judged(&mut verifier, preimage, &hash), Verdict::Good);
    }
}
