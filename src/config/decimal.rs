//! Decimals as people write them, read exactly: text to millionths, never by way of a float.

use rust_decimal::{Decimal, prelude::ToPrimitive};

/// Returns `text` as a decimal. Fails if it is no number or has more digits than can be kept.
pub fn exact(text: &str) -> Result<Decimal, String> {
    let number = if text.contains(['e', 'E']) { Decimal::from_scientific(text) } else { Decimal::from_str_exact(text) };
    number.map_err(|_| format!("`{text}` is not a number that can be kept exactly"))
}

/// Returns `number` times `scale`. Fails if that is not a whole number, or does not fit.
pub fn scaled(number: Decimal, scale: i64) -> Result<i64, String> {
    let product = number.checked_mul(Decimal::from(scale)).ok_or_else(|| format!("{number} is too large"))?;
    if !product.is_integer() {
        return Err(match scale {
            1 => format!("{number} is not a whole number"),
            _ => format!("{number} has more decimals than the {} that are kept", scale.ilog10()),
        });
    }
    product.to_i64().ok_or_else(|| format!("{number} is too large"))
}

/// Returns `value`, which counts parts of size 1/`scale`, as people write it.
pub fn written(value: i64, scale: i64) -> String {
    (Decimal::from(value) / Decimal::from(scale)).normalize().to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_becomes_exact_integers_or_an_error() {
        let check = |text: &str, scale: i64, expected: Result<i64, &str>| {
            let found = exact(text).and_then(|number| scaled(number, scale));
            assert_eq!(found.as_ref().map_err(String::as_str).copied(), expected, "{text}");
        };
        check("0.1", 1_000_000, Ok(100_000));
        check("0.29", 1_000_000, Ok(290_000)); // 289,999.99 as a float times a million
        check("1e3", 1_000_000, Ok(1_000_000_000));
        check("-2.5", 10_000, Ok(-25_000));
        check("0.0000001", 1_000_000, Err("0.0000001 has more decimals than the 6 that are kept"));
        check("2.5", 1, Err("2.5 is not a whole number"));
        check("inf", 1, Err("`inf` is not a number that can be kept exactly"));
        check("99999999999999999999", 1, Err("99999999999999999999 is too large"));
        assert_eq!((written(1_250_000, 1_000_000), written(300, 1)), ("1.25".to_owned(), "300".to_owned()));
    }
}
