//! Decimal text -> integers in millionths. Plain loops: this is the reference the scanner is tested against.

use crate::domain::{
    Price, Shares,
    market::PIP_MICROS,
    money::{ONE, SHARES_MAX},
};

/// Longest decimal text that is read.
const TEXT_MAX: usize = 40;

/// What to do with digits behind the sixth decimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Excess {
    Refuse,
    Cut,
    /// Half a millionth and more is rounded up.
    Round,
}

/// Returns the millionths of `digits[.digits]`. `None` for signs, exponents, missing digits on either side of the point,
/// overflow, texts over 40 characters, and more than six decimals where these are refused.
pub(crate) fn micros(text: &[u8], excess: Excess) -> Option<u64> {
    if text.len() > TEXT_MAX {
        return None;
    }
    let (whole, part) = match text.iter().position(|byte| *byte == b'.') {
        Some(point) => (&text[..point], Some(&text[point + 1..])),
        None => (text, None),
    };
    let part = match part {
        Some([]) => return None,
        Some(part) => part,
        None => &[],
    };
    if whole.is_empty() || !whole.iter().chain(part).all(u8::is_ascii_digit) {
        return None;
    }
    if part.len() > 6 && excess == Excess::Refuse {
        return None;
    }
    let mut value: u64 = 0;
    for digit in whole.iter().chain(part.iter().take(6)) {
        value = value.checked_mul(10)?.checked_add(u64::from(digit - b'0'))?;
    }
    value = value.checked_mul(10u64.pow(6 - part.len().min(6) as u32))?;
    let up = excess == Excess::Round && part.get(6).is_some_and(|digit| *digit >= b'5');
    value.checked_add(u64::from(up))
}

/// Returns a price of the book: above 0, below 1, a multiple of 0.0001.
pub(crate) fn price(text: &[u8]) -> Option<Price> {
    price_from(micros(text, Excess::Refuse)?)
}

pub(crate) fn price_from(micros: u64) -> Option<Price> {
    let price = Price::from_micros(u32::try_from(micros).ok()?)?;
    price.micros().is_multiple_of(PIP_MICROS).then_some(price)
}

/// Returns a size of the book: 0 to [`SHARES_MAX`], at most six decimals.
pub(crate) fn size(text: &[u8]) -> Option<Shares> {
    size_from(micros(text, Excess::Refuse)?)
}

pub(crate) fn size_from(micros: u64) -> Option<Shares> {
    (micros <= SHARES_MAX.0).then_some(Shares(micros))
}

/// Returns a stated best bid: `Some(None)` where the text is empty or zero, which says that the side is empty.
pub(crate) fn best_bid(text: &[u8]) -> Option<Option<Price>> {
    match text {
        [] => Some(None),
        text => best_from(micros(text, Excess::Refuse)?, 0),
    }
}

/// As [`best_bid`]; 1 says that the side is empty, too.
pub(crate) fn best_ask(text: &[u8]) -> Option<Option<Price>> {
    match text {
        [] => Some(None),
        text => best_from(micros(text, Excess::Refuse)?, ONE),
    }
}

fn best_from(micros: u64, empty: u64) -> Option<Option<Price>> {
    if micros == 0 || micros == empty { Some(None) } else { price_from(micros).map(Some) }
}

/// Returns whole milliseconds since 1970.
pub(crate) fn millis(text: &[u8]) -> Option<u64> {
    // 19 digits always fit.
    if text.is_empty() || text.len() > 19 || !text.iter().all(u8::is_ascii_digit) {
        return None;
    }
    Some(text.iter().fold(0, |value, digit| value * 10 + u64::from(digit - b'0')))
}

/// Writes `micros` millionths as the venue does: exact, without trailing zeros. Returns the used end of `buffer`.
pub(crate) fn text(micros: u64, buffer: &mut [u8; 24]) -> &[u8] {
    let mut start = buffer.len();
    let mut push = |byte: u8| {
        start -= 1;
        buffer[start] = byte;
    };
    let (mut whole, mut part, mut digits) = (micros / ONE, micros % ONE, 6);
    if part != 0 {
        while part % 10 == 0 {
            part /= 10;
            digits -= 1;
        }
        for _ in 0..digits {
            push(b'0' + (part % 10) as u8);
            part /= 10;
        }
        push(b'.');
    }
    loop {
        push(b'0' + (whole % 10) as u8);
        whole /= 10;
        if whole == 0 {
            break;
        }
    }
    &buffer[start..]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_or_refused() {
        let check = |text: &str, value: Option<u64>| {
            assert_eq!(micros(text.as_bytes(), Excess::Refuse), value, "{text}");
        };
        check("0", Some(0));
        check("15632.27", Some(15_632_270_000));
        check("1.929823", Some(1_929_823));
        check("007.50", Some(7_500_000));
        check("18446744073709.551615", Some(u64::MAX));
        check("18446744073709.551616", None);
        for bad in ["", ".", "1.", ".5", "-1", "+1", "1e3", "NaN", "1.2.3", "1,5", " 1", "0.1234567", &"1".repeat(41)] {
            check(bad, None);
        }
    }

    #[test]
    fn excess_digits_are_cut_or_rounded_half_up() {
        for (text, cut, round) in [
            ("0.860000001148", 860_000, 860_000),
            ("0.0000005", 0, 1),
            ("0.00000049", 0, 0),
            ("0.9999995", 999_999, 1_000_000),
        ] {
            assert_eq!(micros(text.as_bytes(), Excess::Cut), Some(cut), "{text}");
            assert_eq!(micros(text.as_bytes(), Excess::Round), Some(round), "{text}");
        }
    }

    #[test]
    fn prices_sizes_and_bests_have_their_bounds() {
        for (text, value) in
            [("0.01", Some(10_000)), ("0.0001", Some(100)), ("0.00005", None), ("0", None), ("1", None)]
        {
            assert_eq!(price(text.as_bytes()).map(Price::micros), value, "{text}");
        }
        assert_eq!(size(b"1000000000"), Some(SHARES_MAX));
        assert_eq!(size(b"1000000000.000001"), None);
        for (text, bid, ask) in [
            ("", Some(None), Some(None)),
            ("0", Some(None), Some(None)),
            ("1", None, Some(None)),
            ("0.5", Some(Some(500_000)), Some(Some(500_000))),
            ("2", None, None),
            ("x", None, None),
        ] {
            assert_eq!(best_bid(text.as_bytes()).map(|best| best.map(Price::micros)), bid, "bid {text}");
            assert_eq!(best_ask(text.as_bytes()).map(|best| best.map(Price::micros)), ask, "ask {text}");
        }
        for (text, value) in [("1776082810581", Some(1_776_082_810_581)), ("", None), ("1.5", None), ("-1", None)] {
            assert_eq!(millis(text.as_bytes()), value, "{text}");
        }
    }

    #[test]
    fn what_is_written_is_what_was_read() {
        let mut buffer = [0; 24];
        for (value, written) in [
            (0, "0"),
            (1, "0.000001"),
            (500_000, "0.5"),
            (15_632_270_000, "15632.27"),
            (u64::MAX, "18446744073709.551615"),
        ] {
            assert_eq!(text(value, &mut buffer), written.as_bytes());
            assert_eq!(micros(written.as_bytes(), Excess::Refuse), Some(value));
        }
    }
}
