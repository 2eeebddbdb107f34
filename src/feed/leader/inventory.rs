//! What a leader holds, read from the index again and again -> what the engine is to be told. Pure.
//!
//! A token that is listed no more is one that he left, unless the page was short: it is told only when two whole readings in a
//! row lack it.

use std::collections::BTreeMap;

use crate::domain::Shares;

/// Tokens of one leader that are remembered. Of more, those that come later are told while they are listed, and no longer.
const TOKENS_MAX: usize = 4_096;

/// What he holds by token, over all his wallets.
pub type Reading = BTreeMap<String, Shares>;

/// What readings of one leader said so far.
#[derive(Debug, Default)]
pub struct Inventory {
    listed: BTreeMap<String, Listed>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Listed {
    /// In the last reading, or known to be his.
    Here,
    /// The last reading lacked it.
    Missed,
}

impl Inventory {
    /// Notes that he holds a token as far as anybody knows, so that it is missed if no reading has it.
    pub fn expect(&mut self, token: &str) {
        let has_room = self.listed.len() < TOKENS_MAX;
        match self.listed.get_mut(token) {
            Some(listed) => *listed = Listed::Here,
            None if has_room => {
                self.listed.insert(token.to_owned(), Listed::Here);
            }
            None => (),
        }
    }

    /// Takes a whole reading in. Returns the tokens that he holds no more.
    pub fn take(&mut self, reading: &Reading) -> Vec<String> {
        let mut gone = Vec::new();
        self.listed.retain(|token, listed| match (*listed, reading.contains_key(token)) {
            (_, true) => true,
            (Listed::Here, false) => {
                *listed = Listed::Missed;
                true
            }
            (Listed::Missed, false) => {
                gone.push(token.clone());
                false
            }
        });
        reading.keys().for_each(|token| self.expect(token));
        gone
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_readings_lack_is_gone_and_a_short_page_is_none() {
        let mut inventory = Inventory::default();
        let mut check = |listed: &[&str], gone: &[&str]| {
            let reading = listed.iter().map(|token| ((*token).to_owned(), Shares::whole(1))).collect();
            assert_eq!(inventory.take(&reading), gone, "{listed:?}");
        };
        check(&["a", "b", "c"], &[]);
        check(&["a"], &[]);
        check(&["a", "b"], &["c"]);
        check(&["a"], &[]);
        check(&["a"], &["b"]);
        check(&["a"], &[]);
        inventory.expect("bought");
        assert_eq!(inventory.take(&Reading::new()), Vec::<String>::new());
        assert_eq!(inventory.take(&Reading::new()), ["a", "bought"]);
    }

    #[test]
    fn more_tokens_than_are_remembered_are_let_go() {
        let mut inventory = Inventory::default();
        (0..=TOKENS_MAX).for_each(|token| inventory.expect(&format!("{token:06}")));
        inventory.take(&Reading::new());
        assert_eq!(inventory.take(&Reading::new()).len(), TOKENS_MAX);
    }
}
