//! TOML values for people: what kind each is, which number exactly, and one way to write it.

use std::fmt::Write;

use rust_decimal::Decimal;
use toml::de::DeValue;

use super::decimal;

/// Returns what kind of value it is, and the value, for people.
pub fn describe(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("the text {text:?}"),
        DeValue::Integer(number) => format!("the number {number}"),
        DeValue::Float(number) => format!("the number {number}"),
        DeValue::Boolean(value) => format!("the switch {value}"),
        DeValue::Datetime(moment) => format!("the date {moment}"),
        DeValue::Array(_) => "a list".to_owned(),
        DeValue::Table(_) => "a table".to_owned(),
    }
}

/// Returns `value` exactly, if it is a number.
pub fn number(value: &DeValue<'_>) -> Result<Decimal, String> {
    match value {
        DeValue::Integer(number) if number.radix() == 10 => decimal::exact(number.as_str()),
        DeValue::Integer(number) => i64::from_str_radix(number.as_str(), number.radix())
            .map(Decimal::from)
            .map_err(|_| format!("{number} is too large")),
        DeValue::Float(number) => decimal::exact(number.as_str()),
        DeValue::String(_) | DeValue::Boolean(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => {
            Err(format!("is {}, not a number", describe(value)))
        }
    }
}

/// Returns `value` as TOML in one canonical form, so that `50` and `50.0` are the same setting.
pub fn canonical(value: &DeValue<'_>) -> String {
    match value {
        DeValue::String(text) => format!("{text:?}"),
        DeValue::Integer(_) | DeValue::Float(_) => match number(value) {
            Ok(number) => number.normalize().to_string(),
            Err(_) => describe(value),
        },
        DeValue::Boolean(value) => value.to_string(),
        DeValue::Datetime(moment) => moment.to_string(),
        DeValue::Array(values) => {
            let values: Vec<String> = values.iter().map(|value| canonical(value.get_ref())).collect();
            format!("[{}]", values.join(", "))
        }
        DeValue::Table(table) => {
            let mut text = String::from("{");
            for (key, value) in table {
                let _ = write!(text, " {} = {},", key.get_ref(), canonical(value.get_ref()));
            }
            text + " }"
        }
    }
}
