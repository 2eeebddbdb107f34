//! Tokens that hang together: the outcomes of one event of the venue, or, where that is not known, of one condition.

use super::{TOKENS_MAX, holdings::hashed};
use crate::domain::{ConditionId, Market, TokenId, VenueEventId};

/// What makes tokens kin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Family {
    None,
    Event(VenueEventId),
    Condition(ConditionId),
}

/// Each token's family and, in a chain, its kin. The memory is given by the system as it is used.
#[derive(Debug)]
pub struct Kin {
    families: Vec<Family>,
    /// One more than the first token of each chain, and than the next of each token.
    heads: Box<[u32]>,
    next: Box<[u32]>,
}

impl Default for Kin {
    fn default() -> Kin {
        let zeros = || vec![0; TOKENS_MAX].into();
        Kin { families: Vec::with_capacity(TOKENS_MAX), heads: zeros(), next: zeros() }
    }
}

impl Kin {
    /// Yields the other tokens of this one's family.
    pub fn of(&self, token: TokenId) -> impl Iterator<Item = TokenId> {
        let family = self.family(token);
        let others = chain(family).into_iter().flat_map(|chain| self.chained(chain));
        others.filter(move |other| *other != token && self.family(*other) == family)
    }

    /// Notes what a token's market is.
    pub(super) fn place(&mut self, token: TokenId, market: &Market) {
        let family = match (market.venue_event, market.condition) {
            (VenueEventId::UNKNOWN, ConditionId::UNKNOWN) => Family::None,
            (VenueEventId::UNKNOWN, condition) => Family::Condition(condition),
            (event, _) => Family::Event(event),
        };
        let before = self.family(token);
        if before == family {
            return;
        }
        if let Some(chain) = chain(before) {
            self.unlink(chain, token);
        }
        if self.families.len() <= token.index() {
            self.families.resize(token.index() + 1, Family::None);
        }
        self.families[token.index()] = family;
        if let Some(chain) = chain(family) {
            self.next[token.index()] = std::mem::replace(&mut self.heads[chain], token.0 + 1);
        }
    }

    fn family(&self, token: TokenId) -> Family {
        self.families.get(token.index()).copied().unwrap_or(Family::None)
    }

    fn chained(&self, chain: usize) -> impl Iterator<Item = TokenId> {
        let token = |link: u32| (link != 0).then(|| TokenId(link - 1));
        std::iter::successors(token(self.heads[chain]), move |at| token(self.next[at.index()]))
    }

    fn unlink(&mut self, chain: usize, token: TokenId) {
        let after = self.next[token.index()];
        let before = self.chained(chain).find(|before| self.next[before.index()] == token.0 + 1);
        match before {
            Some(before) => self.next[before.index()] = after,
            None => self.heads[chain] = after,
        }
    }
}

/// Where a family's tokens are chained; others may be in the same chain.
fn chain(family: Family) -> Option<usize> {
    let key = match family {
        Family::None => return None,
        Family::Event(event) => [1, u64::from(event.0)],
        Family::Condition(condition) => [2, u64::from(condition.0)],
    };
    Some(hashed(&key) as usize % TOKENS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kin_are_those_of_the_same_event_and_else_of_the_same_condition() {
        let mut kin = Kin::default();
        let market = |event: u32, condition: u32| Market {
            venue_event: VenueEventId(event),
            condition: ConditionId(condition),
            ..Market::COMMON
        };
        let of = |kin: &Kin, token: u32| {
            let mut of: Vec<u32> = kin.of(TokenId(token)).map(|token| token.0).collect();
            of.sort();
            of
        };
        for (token, event, condition) in [(0, 1, 1), (1, 1, 1), (2, 1, 2), (3, 0, 3), (4, 0, 3), (5, 0, 0), (6, 0, 0)] {
            kin.place(TokenId(token), &market(event, condition));
            kin.place(TokenId(token), &market(event, condition));
        }
        assert_eq!(of(&kin, 0), [1, 2]);
        assert_eq!(of(&kin, 3), [4]);
        // What is not known has no kin; nor has a token that nobody ever saw.
        assert_eq!((of(&kin, 5), of(&kin, 99)), (vec![], vec![]));
        // The event of a condition becomes known later.
        kin.place(TokenId(3), &market(1, 3));
        assert_eq!((of(&kin, 0), of(&kin, 4)), (vec![1, 2, 3], vec![]));
        kin.place(TokenId(1), &market(0, 0));
        assert_eq!(of(&kin, 0), [2, 3]);
    }
}
