//! A short text without an allocation.

use std::fmt;

/// At most `N` (up to 255) printable ASCII characters.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Text<const N: usize> {
    len: u8,
    bytes: [u8; N],
}

impl<const N: usize> Text<N> {
    /// Returns `None` for more than `N` bytes and for anything but printable ASCII.
    pub fn new(text: &[u8]) -> Option<Text<N>> {
        if text.len() > N.min(255) || !text.iter().all(|byte| (b' '..=b'~').contains(byte)) {
            return None;
        }
        let mut bytes = [0; N];
        bytes[..text.len()].copy_from_slice(text);
        Some(Text { len: text.len() as u8, bytes })
    }

    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..usize::from(self.len)]
    }

    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).expect("only ASCII is stored")
    }
}

impl<const N: usize> fmt::Debug for Text<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}
