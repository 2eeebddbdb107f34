//! Messages of shapes that no client has seen yet.

use serde_json::{Value, json};

/// How many ways [`drift`] knows.
pub const DRIFTS: u64 = 4;

/// Changes the shape of a message as a new release of the venue might: a field nobody knows, a number where a string was,
/// a word that stands for something new, a list around the object.
pub fn drift(value: &mut Value, kind: u64) {
    let numeric = |value: &Value| value.as_str().is_some_and(|text| text.len() < 16 && text.parse::<f64>().is_ok());
    match (kind, &mut *value) {
        (0, Value::Object(fields)) => {
            fields.insert("schema_revision".to_owned(), json!({"major": 3}));
        }
        (1, Value::Object(fields)) => {
            if let Some(field) = fields.values_mut().find(|field| numeric(field)) {
                let number = field.as_str().and_then(|text| text.parse::<f64>().ok());
                *field = json!(number);
            }
        }
        (2, Value::Object(fields)) => {
            let named = ["status", "type", "event_type", "side", "tier"].into_iter();
            if let Some(name) = named.into_iter().find(|name| fields.get(*name).is_some_and(Value::is_string)) {
                fields.insert(name.to_owned(), json!("AMENDED"));
            }
        }
        (_, Value::Object(_)) => *value = json!([value.take()]),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_drift() {
        let drifted = |kind| {
            let mut value = json!({"id": "0xabc", "size": "2.5"});
            drift(&mut value, kind);
            value
        };
        assert_eq!(drifted(0), json!({"id": "0xabc", "size": "2.5", "schema_revision": {"major": 3}}));
        assert_eq!(drifted(1), json!({"id": "0xabc", "size": 2.5}));
        assert_eq!(drifted(2), json!({"id": "0xabc", "size": "2.5"}));
        assert_eq!(drifted(3), json!([{"id": "0xabc", "size": "2.5"}]));
        let mut trade = json!({"event_type": "trade", "status": "MINED"});
        drift(&mut trade, 2);
        assert_eq!(trade, json!({"event_type": "trade", "status": "AMENDED"}));
    }
}
