//! The query of a request: names in any of the venue's spellings, lists with commas or repeated.

use std::str::FromStr;

use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;

use super::refusal::{Refused, bad_request};

/// The pairs of a query; names in snake case, whatever they were (`conditionId` is `condition_id`).
#[derive(Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl<S: Send + Sync> FromRequestParts<S> for Params {
    type Rejection = Refused;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Params, Refused> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        let Query(pairs) = pairs.map_err(|error| bad_request(&format!("invalid query: {error}")))?;
        Ok(Params(pairs.into_iter().map(|(name, value)| (snake(&name), value)).collect()))
    }
}

impl Params {
    /// Returns the first value of a name; an empty one counts as not given.
    pub fn text(&self, name: &str) -> Option<&str> {
        let given = self.0.iter().find(|(given, _)| given == name);
        given.map(|(_, value)| value.as_str()).filter(|value| !value.is_empty())
    }

    /// Returns all values of a name. Empty if it was not given.
    pub fn list(&self, name: &str) -> Vec<&str> {
        let given = self.0.iter().filter(|(given, _)| given == name || given.strip_suffix("[]") == Some(name));
        given.flat_map(|(_, value)| value.split(',')).filter(|value| !value.is_empty()).collect()
    }

    /// Returns a value that was read. A value that is not of its type is the client's mistake.
    pub fn get<T: FromStr>(&self, name: &str) -> Result<Option<T>, Refused> {
        let read = |text: &str| text.parse().map_err(|_| bad_request(&format!("invalid {name}: {text}")));
        self.text(name).map(read).transpose()
    }

    pub fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(given, _)| given == name)
    }
}

fn snake(name: &str) -> String {
    let mut written = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() {
            written.push('_');
        }
        written.push(letter.to_ascii_lowercase());
    }
    written
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_two_spellings_and_lists_two_forms() {
        let pairs = [("condition_id", "a,b"), ("condition_id", "c"), ("limit", "x"), ("side", "")];
        let params = Params(pairs.map(|(name, value)| (snake(name), value.to_owned())).into());
        assert_eq!(params.list("condition_id"), ["a", "b", "c"]);
        assert_eq!(params.text("side"), None);
        assert!(params.get::<u32>("limit").is_err());
        assert!(params.get::<u32>("offset").is_ok_and(|offset| offset.is_none()));
        assert_eq!(snake("conditionId"), "condition_id");
    }
}
