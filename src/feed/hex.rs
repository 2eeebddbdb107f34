//! Hex digits, upper or lower case, without an allocation.

/// What is no digit.
const NONE: u8 = 0xff;

const NIBBLES: [u8; 256] = {
    let mut nibbles = [NONE; 256];
    let mut value = 0;
    while value < 16 {
        nibbles[b"0123456789abcdef"[value] as usize] = value as u8;
        nibbles[b"0123456789ABCDEF"[value] as usize] = value as u8;
        value += 1;
    }
    nibbles
};

/// Reads `N` bytes from twice as many digits. Without early exits: bytes that are read are almost always right.
pub fn bytes<const N: usize>(digits: &[u8]) -> Option<[u8; N]> {
    if digits.len() != 2 * N {
        return None;
    }
    let (mut bytes, mut worst) = ([0; N], 0);
    for (byte, pair) in bytes.iter_mut().zip(digits.as_chunks::<2>().0) {
        let [high, low] = pair.map(|digit| NIBBLES[usize::from(digit)]);
        worst |= high | low;
        *byte = high << 4 | low;
    }
    (worst != NONE).then_some(bytes)
}

/// Reads a number of 1 to 16 digits.
pub fn number(digits: &[u8]) -> Option<u64> {
    if !(1..=16).contains(&digits.len()) {
        return None;
    }
    digits.iter().try_fold(0, |sum, digit| match NIBBLES[usize::from(*digit)] {
        NONE => None,
        nibble => Some(sum << 4 | u64::from(nibble)),
    })
}
