//! A cursor over JSON bytes that reads eight at a time, for scanners that know what they expect.
//!
//! Every step returns `None` for anything unexpected; the caller then goes the slow way. Strings are only accepted when they
//! are plain: printable ASCII without quotes and backslashes, so their bytes are their value.

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGHS: u64 = 0x8080_8080_8080_8080;

#[derive(Clone, Copy)]
pub(crate) struct Cursor<'a> {
    pub bytes: &'a [u8],
    pub at: usize,
}

impl<'a> Cursor<'a> {
    pub fn new(bytes: &'a [u8]) -> Cursor<'a> {
        Cursor { bytes, at: 0 }
    }

    /// Returns the eight bytes from here plus `offset`, first byte lowest; zeros beyond the end.
    #[inline(always)]
    pub fn word(&self, offset: usize) -> u64 {
        word(self.bytes, self.at + offset)
    }

    /// Returns the byte here; zero at the end.
    #[inline(always)]
    pub fn peek(&self) -> u8 {
        self.bytes.get(self.at).copied().unwrap_or(0)
    }

    /// Steps over `byte`.
    #[inline(always)]
    pub fn eat(&mut self, byte: u8) -> Option<()> {
        (self.peek() == byte).then(|| self.at += 1)
    }

    /// Steps over `text`.
    #[inline(always)]
    pub fn eat_all<const N: usize>(&mut self, text: &[u8; N]) -> Option<()> {
        (self.chunk::<N>()? == text).then(|| self.at += N)
    }

    #[inline(always)]
    fn chunk<const N: usize>(&self) -> Option<&'a [u8; N]> {
        self.bytes.get(self.at..)?.first_chunk()
    }

    /// From behind an opening quote: returns the string if it has `N` bytes, up to a quote, and steps over that. It may hold
    /// anything; the caller must compare or check it.
    #[inline(always)]
    pub fn quoted<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let text = self.chunk::<N>()?;
        (self.bytes.get(self.at + N) == Some(&b'"')).then(|| self.at += N + 1)?;
        Some(text)
    }

    /// As [`Cursor::string`], for a string that most likely has `N` bytes.
    #[inline(always)]
    pub fn string_of<const N: usize>(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        if let Some(text) = self.quoted::<N>() {
            // A fold without exits: the compiler makes vector code of it.
            let stops = text.iter().fold(0, |stops, byte| {
                let byte = *byte;
                stops | u8::from(byte == b'"') | u8::from(byte == b'\\') | u8::from(byte < b' ') | (byte & 0x80)
            });
            if stops == 0 {
                return Some(text);
            }
            self.at = start;
        }
        self.string()
    }

    /// From behind an opening quote: returns the plain string and steps over its closing quote.
    #[inline(always)]
    pub fn string(&mut self) -> Option<&'a [u8]> {
        let start = self.at;
        loop {
            let stops = string_stops(self.word(0));
            if stops != 0 {
                self.at += first(stops);
                break;
            }
            self.at += 8;
        }
        // Zeros beyond the end are stops, so this is inside or at the end, where there is no quote.
        let end = self.at;
        self.eat(b'"')?;
        self.bytes.get(start..end)
    }

    /// From behind an opening quote: the same for a string that may hold anything, escapes and non-ASCII text too; its
    /// raw bytes are not its value. Used to step over names and titles.
    #[inline(always)]
    pub fn skip_string(&mut self) -> Option<()> {
        loop {
            let rest = self.bytes.get(self.at..)?;
            let stop = memchr::memchr2(b'"', b'\\', rest)?;
            self.at += stop + 1;
            if rest[stop] == b'"' {
                return Some(());
            }
            self.at += 1;
        }
    }

    /// Reads a plain quoted string.
    #[inline(always)]
    pub fn text(&mut self) -> Option<&'a [u8]> {
        self.eat(b'"')?;
        self.string()
    }
}

/// Returns the eight bytes at `at`, first byte lowest; zeros beyond the end.
#[inline(always)]
pub(crate) fn word(bytes: &[u8], at: usize) -> u64 {
    match bytes.get(at..).and_then(|rest| rest.first_chunk::<8>()) {
        Some(chunk) => u64::from_le_bytes(*chunk),
        None => last_word(bytes, at),
    }
}

#[cold]
fn last_word(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).unwrap_or(&[]).iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte))
}

/// Returns a text of at most eight bytes as [`word`] would, with zeros behind it.
pub(crate) const fn name(text: &[u8]) -> u64 {
    assert!(text.len() <= 8);
    let (mut word, mut n) = (0, text.len());
    while n > 0 {
        n -= 1;
        word = word << 8 | text[n] as u64;
    }
    word
}

/// Returns the lowest `bytes` bytes of a word; all of it from 8 on.
#[inline(always)]
pub(crate) fn lowest(word: u64, bytes: usize) -> u64 {
    if bytes >= 8 { word } else { word & !(u64::MAX << (8 * bytes)) }
}

/// Returns the index of the first marked byte, 8 if none is.
#[inline(always)]
pub(crate) fn first(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// Marks quotes. The first mark is exact; borrows may fake later ones.
#[inline(always)]
pub(crate) fn quotes(word: u64) -> u64 {
    let x = word ^ (ONES * b'"' as u64);
    x.wrapping_sub(ONES) & !x & HIGHS
}

/// Marks what ends a plain string: quotes, backslashes, control characters, bytes above ASCII. The first mark is exact.
#[inline(always)]
fn string_stops(word: u64) -> u64 {
    let backslash = word ^ (ONES * b'\\' as u64);
    let backslashes = backslash.wrapping_sub(ONES) & !backslash;
    let controls = word.wrapping_sub(ONES * 0x20) & !word;
    (quotes(word) | backslashes | controls | word) & HIGHS
}

/// Marks bytes that are no digits. The first mark is exact.
#[inline(always)]
pub(crate) fn not_digits(word: u64) -> u64 {
    let x = word ^ (ONES * b'0' as u64);
    (x.wrapping_add(ONES * 0x76) | x) & HIGHS
}

/// Returns the number that eight digits spell, first digit in the lowest byte.
#[inline(always)]
pub(crate) fn eight_digits(digits: u64) -> u64 {
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8;
    let fours = (pairs & 0x00ff_00ff_00ff_00ff).wrapping_mul(100 << 16 | 1) >> 16;
    (fours & 0x0000_ffff_0000_ffff).wrapping_mul(10_000 << 32 | 1) >> 32
}

/// Returns the number that the first `count` bytes of `word` spell; they must be digits, one to eight.
#[inline(always)]
pub(crate) fn leading_digits(word: u64, count: usize) -> u64 {
    eight_digits((word & (ONES * 0x0f)).wrapping_shl(64u32.wrapping_sub(8 * count as u32)))
}

/// Returns the number that 13 digits spell: a time in milliseconds, since 2001 and until 2286.
#[inline(always)]
pub(crate) fn thirteen_digits(text: &[u8; 13]) -> Option<u64> {
    let (high, low) = (word(text, 0), word(text, 5));
    if not_digits(high) != 0 || not_digits(low) != 0 {
        return None;
    }
    // The last eight digits repeat three of the first eight.
    Some(leading_digits(high, 5) * 100_000_000 + leading_digits(low, 8))
}

/// Keeps the digits of the first n bytes.
const DIGITS: [u64; 8] = {
    let mut masks = [0; 8];
    let mut n = 1;
    while n < 8 {
        masks[n] = masks[n - 1] << 8 | 0x0f;
        n += 1;
    }
    masks
};

/// Returns the millionths that the first `count` bytes of `word` spell behind a point; they must be digits, at most six.
#[inline(always)]
pub(crate) fn leading_decimals(word: u64, count: usize) -> u64 {
    eight_digits((word & DIGITS[count & 7]) << 16)
}

/// The same for at most four digits, in ten-thousandths.
#[inline(always)]
pub(crate) fn leading_pips(word: u64, count: usize) -> u32 {
    let digits = (word & DIGITS[count & 7]) as u32;
    let pairs = digits.wrapping_mul(10 << 8 | 1) >> 8;
    (pairs & 0x00ff_00ff).wrapping_mul(100 << 16 | 1) >> 16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_end_at_the_first_quote_and_only_plain_ones_are_taken() {
        let check = |bytes: &[u8], value: Option<&[u8]>| assert_eq!(Cursor::new(bytes).string(), value, "{bytes:?}");
        check(b"\"", Some(b""));
        check(b"abc\",", Some(b"abc"));
        check(b"01234567\"", Some(b"01234567"));
        check(b"0123456789abcdef0123\" ", Some(b"0123456789abcdef0123"));
        for bad in [&b""[..], b"abc", b"01234567", b"a\\\"b\"", b"a\nb\"", "ü\"".as_bytes(), b"a\0\"", b"a\x80\""] {
            check(bad, None);
        }
        // Every byte at every place of a word: taken exactly when it is plain.
        for place in 0..20 {
            for byte in 0..=u8::MAX {
                let mut bytes = *b"abcdefghijklmnopqrst\"";
                bytes[place] = byte;
                let plain = (0x20..0x80).contains(&byte) && byte != b'\\';
                let end = if byte == b'"' { place } else { 20 };
                assert_eq!(Cursor::new(&bytes).string(), plain.then_some(&bytes[..end]), "{byte} at {place}");
            }
        }
    }

    #[test]
    fn digits_are_found_and_read() {
        for place in 0..8 {
            for byte in 0..=u8::MAX {
                let mut bytes = *b"12345678";
                bytes[place] = byte;
                let expected = if byte.is_ascii_digit() { 8 } else { place };
                assert_eq!(first(not_digits(word(&bytes, 0))), expected, "{byte} at {place}");
            }
        }
        assert_eq!(eight_digits(word(b"12345678", 0) & (ONES * 0x0f)), 12_345_678);
        assert_eq!(leading_digits(word(b"15632.27", 0), 5), 15_632);
        assert_eq!(leading_digits(word(b"12345678", 0), 8), 12_345_678);
        assert_eq!(thirteen_digits(b"1776082810581"), Some(1_776_082_810_581));
        for place in 0..13 {
            let mut bad = *b"1776082810581";
            bad[place] = b':';
            assert_eq!(thirteen_digits(&bad), None);
        }
        assert_eq!(leading_pips(word(b"5\",\"size", 0), 1), 5_000);
        assert_eq!(leading_pips(word(b"1234\",\"s", 0), 4), 1_234);
        assert_eq!(leading_decimals(word(b"27\"},{\"p", 0), 2), 270_000);
        assert_eq!(leading_decimals(word(b"929823\"}", 0), 6), 929_823);
        assert_eq!(leading_decimals(word(b"\"", 0), 0), 0);
    }

    #[test]
    fn a_skipped_string_may_hold_escapes() {
        let mut cursor = Cursor::new(r#"a \"quoted\" ü \\"x"#.as_bytes());
        assert_eq!(cursor.skip_string(), Some(()));
        assert_eq!(cursor.peek(), b'x');
        assert_eq!(Cursor::new(br#"abc\"#).skip_string(), None);
        assert_eq!(Cursor::new(br#"abc\""#).skip_string(), None);
    }
}
