//! Words of 256 bits, read from hex text where it stands.

use crate::feed::{hex, registry::WALLET_TEXT_LEN, text::Text};

/// Hex digits of a word.
pub const WORD_DIGITS: usize = 64;

/// A number of 256 bits, its highest limb first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Word(pub [u64; 4]);

impl Word {
    /// Reads 64 hex digits.
    pub fn read(digits: &[u8]) -> Option<Word> {
        let bytes: [u8; 32] = hex::bytes(digits)?;
        let mut limbs = [0; 4];
        for (limb, bytes) in limbs.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *limb = u64::from_be_bytes(*bytes);
        }
        Some(Word(limbs))
    }

    /// Returns the number, if it fits.
    pub fn small(self) -> Option<u64> {
        match self.0 {
            [0, 0, 0, small] => Some(small),
            _ => None,
        }
    }

    /// Returns a short mark of it: different words have different ones, most likely.
    pub fn mark(self) -> u64 {
        self.0.into_iter().fold(0, |mark: u64, limb| mark.rotate_left(17) ^ limb)
    }

    /// Returns it in decimal, as tokens are written.
    pub fn decimal(self) -> Text<80> {
        /// A power of ten that a division of 64 bits can take off numbers of 32: one of 128 takes ten times as long.
        const PART: u64 = 1_000_000_000;
        const PART_DIGITS: usize = 9;
        let [a, b, c, d] = self.0;
        let mut halves = [a >> 32, a, b >> 32, b, c >> 32, c, d >> 32, d].map(|half| half & 0xffff_ffff);
        let (mut digits, mut start, mut highest) = ([b'0'; 81], 81, 0);
        while highest < halves.len() {
            let mut rest = 0;
            for half in &mut halves[highest..] {
                let wide = rest << 32 | *half;
                (*half, rest) = (wide / PART, wide % PART);
            }
            start -= PART_DIGITS;
            for digit in digits[start..start + PART_DIGITS].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
            while halves.get(highest) == Some(&0) {
                highest += 1;
            }
        }
        let zeros = digits[start..].iter().take_while(|digit| **digit == b'0').count();
        Text::new(&digits[(start + zeros).min(80)..]).expect("78 digits at most")
    }
}

/// Reads the wallet in a word of 64 hex digits: 24 zeros and the address. Upper and lower case as they stand.
pub fn wallet(hex: &[u8]) -> Option<[u8; WALLET_TEXT_LEN]> {
    let (zeros, address) = hex.split_at_checked(24)?;
    let mut wallet = *b"0x0000000000000000000000000000000000000000";
    wallet[2..].copy_from_slice(address.first_chunk::<40>().filter(|_| address.len() == 40)?);
    zeros.iter().all(|digit| *digit == b'0').then_some(wallet)
}

/// Reads `0x` and 40 hex digits.
pub fn address(text: &[u8]) -> Option<[u8; 20]> {
    hex::bytes(text.strip_prefix(b"0x")?)
}

/// Reads a number as nodes write it: `0x` and up to 16 hex digits.
pub fn quantity(text: &[u8]) -> Option<u64> {
    hex::number(text.strip_prefix(b"0x")?)
}

#[cfg(test)]
mod tests {
    use alloy::primitives::U256;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_word_is_the_number_that_others_read(limbs: [u64; 4], zeros in 0_usize..5) {
            let mut limbs = limbs;
            limbs[..zeros.min(4)].fill(0);
            let number = U256::from_limbs([limbs[3], limbs[2], limbs[1], limbs[0]]);
            let word = Word::read(format!("{number:064x}").as_bytes()).expect("a word");
            prop_assert_eq!(word, Word(limbs));
            let decimal = word.decimal();
            prop_assert_eq!(decimal.as_str(), number.to_string());
            prop_assert_eq!(word.small(), u64::try_from(number).ok());
        }
    }

    #[test]
    fn round_numbers_keep_their_zeros() {
        for text in
            ["0", "1", "10000000000000000000", "100000000000000000000000000000000000000", "10000000000000000001"]
        {
            let number: U256 = text.parse().expect("a number");
            let limbs = number.into_limbs();
            assert_eq!(Word([limbs[3], limbs[2], limbs[1], limbs[0]]).decimal().as_str(), text);
        }
        let most = U256::MAX.to_string();
        assert_eq!(Word([u64::MAX; 4]).decimal().as_str(), most);
    }

    #[test]
    fn what_is_no_word_wallet_or_number_is_none() {
        let zeros = [b'0'; 64];
        assert_eq!(Word::read(&zeros), Some(Word([0; 4])));
        assert_eq!(Word::read(&zeros[1..]), None);
        assert_eq!(Word::read(&[b'g'; 64]), None);
        assert_eq!(
            wallet(&zeros).as_ref().map(|wallet| &wallet[..]),
            Some(&b"0x0000000000000000000000000000000000000000"[..])
        );
        assert_eq!(wallet(&[b'1'; 64]), None, "more than an address");
        assert_eq!(wallet(&zeros[1..]), None);
        for (text, number) in [("0x0", Some(0)), ("0xfF", Some(255)), ("0x", None), ("12", None), ("0xg", None)] {
            assert_eq!(quantity(text.as_bytes()), number, "{text}");
        }
        assert_eq!(quantity(b"0x10000000000000000"), None);
        assert_eq!(address(b"0x00000000000000000000000000000000000000fF").map(|bytes| bytes[19]), Some(255));
        assert_eq!(address(b"0x00"), None);
    }
}
