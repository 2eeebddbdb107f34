//! The orders and frames that everybody is given, made from a seed.

use std::collections::BTreeMap;

use alloy::hex;
use base64::{Engine as _, engine::general_purpose::URL_SAFE};
use remora::venue::polymarket::SignatureType;
use serde_json::{Value, json};

use super::{
    foresight::{BOUND, NAME, SIZES, account, sizes},
    frames::{Chance, UP, price_change, snapshot},
};

/// So many frames of each kind, one after the other: none is what the book holds already.
const FRAMES: usize = 8;

/// Returns the frames of each case that decodes.
pub fn frames() -> [(&'static str, Vec<String>); 3] {
    let mut chance = Chance(20_261_121);
    let mut many = |make: &dyn Fn(&mut Chance) -> String| (0..FRAMES).map(|_| make(&mut chance)).collect();
    [
        ("book_100", many(&|chance| snapshot(chance, UP))),
        ("change_1", many(&|chance| price_change(chance, 1))),
        ("change_4", many(&|chance| price_change(chance, 4))),
    ]
}

/// Returns the mean number of bytes of the frames of each case.
pub fn lengths() -> BTreeMap<&'static str, usize> {
    let length = |frames: Vec<String>| frames.iter().map(String::len).sum::<usize>() / FRAMES;
    frames().into_iter().map(|(name, frames)| (name, length(frames))).collect()
}

/// Returns what the other programs read. The account is the benches' own: nobody has money there.
pub fn work() -> Value {
    let account = account(SignatureType::Safe);
    let order = |dollars: i64| {
        let shares = dollars * 1_000_000 / i64::from(BOUND);
        json!({ "price": "0.5", "shares": shares.to_string() })
    };
    let frames: serde_json::Map<String, Value> =
        frames().into_iter().map(|(name, frames)| (name.to_owned(), frames.into())).collect();
    json!({
        "key": hex::encode_prefixed([1; 32]),
        "funder": account.funder.to_string(),
        "api_key": account.api.id,
        "secret": URL_SAFE.encode([7; 32]),
        "passphrase": account.api.passphrase(),
        "token": NAME,
        "orders": sizes(SIZES).map(order).collect::<Vec<_>>(),
        "frames": frames,
    })
}

/// Returns what each order signs: what it pays and what it gets, in millionths.
pub fn amounts() -> Value {
    let of = |dollars: i64| [dollars * 1_000_000, dollars * 1_000_000 * 1_000_000 / i64::from(BOUND)];
    sizes(SIZES).map(|dollars| of(dollars).map(|amount| amount.to_string())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frames_are_about_as_long_as_those_that_targets_were_set_with() {
        for (name, expected) in [("book_100", 7_192), ("change_1", 376), ("change_4", 1_058)] {
            let got = lengths()[name];
            assert!(got.abs_diff(expected) <= expected / 10, "{name}: {got} bytes, {expected} expected");
        }
    }

    #[test]
    fn ours_signs_the_orders_that_everybody_is_given() {
        for signature_type in [SignatureType::Safe, SignatureType::DepositWallet] {
            assert_eq!(json!(super::super::ours::amounts(signature_type)), amounts());
        }
    }
}
