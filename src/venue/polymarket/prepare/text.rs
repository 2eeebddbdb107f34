//! A text of bounded length that is written from its beginning: no heap.

/// Up to `MAX` bytes. Panics on more: what is written has a longest form, and each use names it.
#[derive(Clone, Copy)]
pub struct Text<const MAX: usize> {
    bytes: [u8; MAX],
    len: usize,
}

impl<const MAX: usize> Text<MAX> {
    pub const EMPTY: Text<MAX> = Text { bytes: [0; MAX], len: 0 };

    pub fn of(bytes: &[u8]) -> Text<MAX> {
        let mut text = Text::EMPTY;
        text.push(bytes);
        text
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    #[inline]
    pub fn push(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    /// Writes a number in decimal.
    #[inline]
    pub fn push_number(&mut self, number: u64) {
        let digits = Digits::of(number);
        self.push(digits.bytes());
    }

    /// Writes bytes in hexadecimal, without `0x`.
    #[inline]
    pub fn push_hex(&mut self, bytes: &[u8]) {
        let end = self.len + 2 * bytes.len();
        alloy::hex::encode_to_slice(bytes, &mut self.bytes[self.len..end]).expect("two digits a byte");
        self.len = end;
    }
}

impl<const MAX: usize> std::fmt::Debug for Text<MAX> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:?}", String::from_utf8_lossy(self.bytes()))
    }
}

/// The decimal digits of a number.
pub struct Digits {
    bytes: [u8; 20],
    from: usize,
}

impl Digits {
    #[inline]
    pub fn of(number: u64) -> Digits {
        let mut digits = Digits { bytes: [0; 20], from: 20 };
        let mut rest = number;
        loop {
            digits.from -= 1;
            digits.bytes[digits.from] = b'0' + (rest % 10) as u8;
            rest /= 10;
            if rest == 0 {
                return digits;
            }
        }
    }

    pub fn bytes(&self) -> &[u8] {
        &self.bytes[self.from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_and_bytes_are_written_as_by_everybody() {
        for number in [0, 9, 10, 1_794_700_800, u64::MAX] {
            assert_eq!(Digits::of(number).bytes(), number.to_string().as_bytes());
        }
        let mut text = Text::<16>::of(b"a:");
        text.push_number(7);
        text.push_hex(&[0x0a, 0xff]);
        assert_eq!(text.bytes(), b"a:70aff");
        assert_eq!(format!("{text:?}"), "\"a:70aff\"");
    }

    #[test]
    #[should_panic(expected = "out of range")]
    fn what_is_too_long_is_not_cut_in_silence() {
        Text::<3>::of(b"four");
    }
}
