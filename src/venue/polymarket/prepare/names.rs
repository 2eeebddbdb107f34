//! The venue's names of tokens, as text for the body and as a number for the hash.

use alloy::primitives::{B256, U256};

use crate::{domain::TokenId, engine::TOKENS_MAX};

use super::text::Text;

/// The longest decimal of 256 bits.
pub const NAME_MAX: usize = 78;

#[derive(Clone, Copy, Debug)]
pub struct Name {
    pub text: Text<NAME_MAX>,
    pub word: B256,
}

/// Names by id. What is no decimal number is no token of the venue's: nothing can be ordered of it.
#[derive(Debug)]
pub struct Names(Vec<Option<Name>>);

impl Default for Names {
    fn default() -> Names {
        Names(Vec::with_capacity(TOKENS_MAX))
    }
}

impl Name {
    /// Reads a decimal number.
    pub fn read(text: &str) -> Option<Name> {
        let is_number = (1..=NAME_MAX).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = U256::from_str_radix(text, 10).ok().filter(|_| is_number)?;
        Some(Name { text: Text::of(text.as_bytes()), word: B256::from(number) })
    }
}

impl Names {
    /// Adds the next token. Panics out of order, and beyond [`TOKENS_MAX`].
    pub fn add(&mut self, token: TokenId, text: &str) {
        assert!(token.index() == self.0.len() && token.index() < TOKENS_MAX, "token {} is not the next", token.0);
        self.0.push(Name::read(text));
    }

    pub fn get(&self, token: TokenId) -> Option<&Name> {
        self.0.get(token.index())?.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_a_decimal_of_256_bits() {
        let most = U256::MAX.to_string();
        assert_eq!(most.len(), NAME_MAX);
        let name = Name::read(&most).expect("a name");
        assert_eq!((name.text.bytes(), name.word), (most.as_bytes(), B256::repeat_byte(0xff)));
        for text in ["", "0x12", "1_2", "+1", &format!("{}0", &most[..77]).replace('1', "9"), &"1".repeat(79)] {
            assert!(Name::read(text).is_none(), "{text}");
        }
    }

    #[test]
    fn names_are_found_by_id() {
        let mut names = Names::default();
        names.add(TokenId(0), "7");
        names.add(TokenId(1), "seven");
        assert_eq!(names.get(TokenId(0)).map(|name| name.text.bytes()), Some(b"7".as_slice()));
        assert!(names.get(TokenId(1)).is_none() && names.get(TokenId(2)).is_none());
    }
}
