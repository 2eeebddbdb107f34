//! Text ids -> dense ids. Strings and 256-bit ids stop here; inside, an id is an index.

use std::collections::HashMap;

use super::text::Text;
use crate::domain::{ConditionId, LeaderId, TokenId, VenueEventId};

/// How many tokens one process knows.
pub const TOKENS_MAX: usize = 65_536;
/// How many leaders one process follows, or did.
pub const LEADERS_MAX: usize = 4_096;
/// Longest token text. The venue's ids are 256-bit numbers in decimal, at most 78 digits.
pub const TOKEN_TEXT_MAX: usize = 80;
/// A wallet: `0x` and 40 hex digits.
pub const WALLET_TEXT_LEN: usize = 42;

/// Why a text got no id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RegistryError {
    /// A token's text must be 1 to 80 printable ASCII characters without blanks, quotes and backslashes.
    NotAToken,
    /// A leader's wallet must be `0x` and 40 hex digits.
    NotAWallet,
    /// [`TOKENS_MAX`] reached.
    TokensFull,
    /// [`LEADERS_MAX`] reached.
    LeadersFull,
}

impl std::fmt::Display for RegistryError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            RegistryError::NotAToken => write!(f, "not a token id: it must be 1 to {TOKEN_TEXT_MAX} plain characters"),
            RegistryError::NotAWallet => write!(f, "not a wallet: it must be 0x and 40 hexadecimal digits"),
            RegistryError::TokensFull => write!(f, "no room for another token: {TOKENS_MAX} are known"),
            RegistryError::LeadersFull => write!(f, "no room for another leader: {LEADERS_MAX} are known"),
        }
    }
}

/// Tokens and leaders by text and by id. An id is given once and never changes or goes away. A clone costs about 90 bytes
/// of copying a token and nothing else, so readers can share a snapshot while a writer adds to its clone.
#[derive(Clone, Debug, Default)]
pub struct Registry {
    tokens: Names<TOKEN_TEXT_MAX>,
    leaders: Names<WALLET_TEXT_LEN>,
    /// Whose each of these wallets is: its own leader, or another one's.
    owners: Vec<LeaderId>,
}

impl Registry {
    pub fn new() -> Registry {
        Registry::default()
    }

    /// Returns the token's id, and whether it is new.
    pub fn add_token(&mut self, text: &str) -> Result<(TokenId, bool), RegistryError> {
        let bytes = text.as_bytes();
        if !is_token(bytes) {
            return Err(RegistryError::NotAToken);
        }
        let (id, new) = self.tokens.add(bytes, TOKENS_MAX).ok_or(RegistryError::TokensFull)?;
        Ok((TokenId(id), new))
    }

    /// Returns the id of a wallet as a leader of its own, and whether it is new. Upper and lower case are the same wallet.
    pub fn add_leader(&mut self, wallet: &str) -> Result<(LeaderId, bool), RegistryError> {
        let wallet = lower_wallet(wallet.as_bytes()).ok_or(RegistryError::NotAWallet)?;
        let (id, new) = self.leaders.add(&wallet, LEADERS_MAX).ok_or(RegistryError::LeadersFull)?;
        if new {
            self.owners.push(LeaderId(id));
        }
        Ok((LeaderId(id), new))
    }

    /// Says that a wallet is another leader's: from now on it is he who does what is done with it.
    pub fn join(&mut self, wallet: LeaderId, leader: LeaderId) {
        self.owners[wallet.index()] = leader;
    }

    /// Returns the id of a token's text. Does not allocate.
    #[inline]
    pub fn token(&self, text: &[u8]) -> Option<TokenId> {
        self.tokens.find(text).map(TokenId)
    }

    /// Returns whose a wallet is, in whatever case. Does not allocate.
    #[inline]
    pub fn leader(&self, wallet: &[u8]) -> Option<LeaderId> {
        let wallet = self.leaders.find(&lower_wallet(wallet)?)?;
        self.owners.get(wallet as usize).copied()
    }

    /// Returns the token's text. Panics for an id of another registry.
    pub fn token_text(&self, token: TokenId) -> &str {
        self.tokens.text(token.0)
    }

    /// Returns the leader's wallet in lower case; of several, that which made him a leader. Panics for an id of another registry.
    pub fn leader_wallet(&self, leader: LeaderId) -> &str {
        self.leaders.text(leader.0)
    }

    pub fn tokens_len(&self) -> usize {
        self.tokens.texts.len()
    }
}

/// Conditions and events of the venue by text; both count from 1. Apart from the [`Registry`], because no feed looks them up
/// and so none needs a copy. The same texts in the same order give the same ids: recovery repeats that order.
#[derive(Clone, Debug, Default)]
pub struct MarketIds {
    conditions: HashMap<String, u32>,
    events: HashMap<String, u32>,
}

impl MarketIds {
    /// Returns the id of a condition; [`ConditionId::UNKNOWN`] for an empty text, and beyond [`TOKENS_MAX`].
    pub fn condition(&mut self, text: &str) -> ConditionId {
        numbered(&mut self.conditions, text).map_or(ConditionId::UNKNOWN, ConditionId)
    }

    /// Returns the id of an event; [`VenueEventId::UNKNOWN`] for an empty text, and beyond [`TOKENS_MAX`].
    pub fn venue_event(&mut self, text: &str) -> VenueEventId {
        numbered(&mut self.events, text).map_or(VenueEventId::UNKNOWN, VenueEventId)
    }
}

fn numbered(known: &mut HashMap<String, u32>, text: &str) -> Option<u32> {
    if let Some(number) = known.get(text) {
        return Some(*number);
    }
    let number = known.len() as u32 + 1;
    let is_new = !text.is_empty() && known.len() < TOKENS_MAX;
    is_new.then(|| *known.entry(text.to_owned()).or_insert(number))
}

/// Whether a text may be a token's. Quotes and backslashes are out, so that a token looks in JSON as it is.
pub(crate) fn is_token(text: &[u8]) -> bool {
    (1..=TOKEN_TEXT_MAX).contains(&text.len())
        && text.iter().all(|byte| byte.is_ascii_graphic() && *byte != b'"' && *byte != b'\\')
}

/// Returns the wallet in lower case; `None` unless it is `0x` and 40 hex digits.
pub(super) fn lower_wallet(wallet: &[u8]) -> Option<[u8; WALLET_TEXT_LEN]> {
    let mut lower: [u8; WALLET_TEXT_LEN] = wallet.try_into().ok()?;
    lower.make_ascii_lowercase();
    // Counted, not `all`: without early exits the loop runs many bytes at a time.
    let hex = lower[2..].iter().map(|byte| u8::from(byte.is_ascii_digit() || (b'a'..=b'f').contains(byte))).sum::<u8>();
    (lower.starts_with(b"0x") && hex == 40).then_some(lower)
}

/// Texts of at most `N` bytes, dense ids, and an open-addressed index at most half full.
#[derive(Clone, Debug, Default)]
struct Names<const N: usize> {
    texts: Vec<Text<N>>,
    /// The id plus 1, or 0 where empty. The length is a power of two, or 0 at first.
    slots: Vec<u32>,
}

impl<const N: usize> Names<N> {
    fn find(&self, text: &[u8]) -> Option<u32> {
        let mask = self.slots.len().checked_sub(1)?;
        let mut slot = hash(text) as usize & mask;
        loop {
            let id = self.slots[slot].checked_sub(1)?;
            if self.texts[id as usize].as_bytes() == text {
                return Some(id);
            }
            slot = (slot + 1) & mask;
        }
    }

    /// `None` when a new text would be one more than `max`. The text must have at most `N` bytes.
    fn add(&mut self, text: &[u8], max: usize) -> Option<(u32, bool)> {
        if let Some(id) = self.find(text) {
            return Some((id, false));
        }
        if self.texts.len() >= max {
            return None;
        }
        let id = self.texts.len() as u32;
        self.texts.push(Text::new(text).expect("checked: printable and short"));
        if self.slots.len() < self.texts.len() * 2 {
            self.index_again();
        } else {
            self.index(id);
        }
        Some((id, true))
    }

    fn index_again(&mut self) {
        let slots = (self.texts.len() * 4).next_power_of_two().max(64);
        self.slots.clear();
        self.slots.resize(slots, 0);
        (0..self.texts.len() as u32).for_each(|id| self.index(id));
    }

    fn index(&mut self, id: u32) {
        let mask = self.slots.len() - 1;
        let mut slot = hash(self.texts[id as usize].as_bytes()) as usize & mask;
        while self.slots[slot] != 0 {
            slot = (slot + 1) & mask;
        }
        self.slots[slot] = id + 1;
    }

    fn text(&self, id: u32) -> &str {
        self.texts[id as usize].as_str()
    }
}

/// Hashes the length, the first 8, the middle 8 and the last 8 bytes: ids are random numbers, so these differ.
#[inline]
fn hash(text: &[u8]) -> u64 {
    let word = |at: usize| text.get(at..at.wrapping_add(8)).map(|b| u64::from_le_bytes(b.try_into().expect("8 bytes")));
    let (first, middle, last) = match (word(0), word(text.len() / 2), word(text.len().wrapping_sub(8))) {
        (Some(first), Some(middle), Some(last)) => (first, middle, last),
        // Short texts: the last 8 bytes as far as there are any.
        (first, _, _) => (first.unwrap_or(0), 0, text.iter().rev().take(8).fold(0, |sum, b| sum << 8 | u64::from(*b))),
    };
    let mixed =
        (first ^ middle.rotate_left(23) ^ last.rotate_left(47) ^ text.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    mixed ^ mixed >> 32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_has_one_id_and_an_id_one_text() {
        let mut registry = Registry::new();
        let texts: Vec<String> = (0..5_000u32)
            .map(|n| format!("{}{n}", "71321045679252212594626385532706912750"[..n as usize % 38].to_owned()))
            .collect();
        let mut ids = std::collections::HashMap::new();
        for text in texts.iter().chain(&texts) {
            let (id, new) = registry.add_token(text).expect("room");
            assert_eq!(new, ids.insert(text.clone(), id).is_none_or(|before| before != id), "{text}");
        }
        for (text, id) in &ids {
            assert_eq!(registry.clone().token(text.as_bytes()), Some(*id));
            assert_eq!(registry.token_text(*id), text);
        }
        assert_eq!(registry.tokens_len(), ids.len());
        assert_eq!(registry.token(b"7132104567925221259462638553270691275"), None);
        assert_eq!(Registry::new().token(b"1"), None);
    }

    #[test]
    fn markets_are_numbered_from_one_and_nothing_is_unknown() {
        let mut ids = MarketIds::default();
        assert_eq!(["0xa", "0xb", "0xa", ""].map(|text| ids.condition(text).0), [1, 2, 1, 0]);
        assert_eq!(["rain", "", "snow", "rain"].map(|text| ids.venue_event(text).0), [1, 0, 2, 1]);
        assert!((2..TOKENS_MAX).all(|n| ids.condition(&n.to_string()).index() == n + 1));
        assert_eq!((ids.condition("one more"), ids.condition("0xb")), (ConditionId::UNKNOWN, ConditionId(2)));
    }

    #[test]
    fn only_printable_texts_are_tokens() {
        let long = "7".repeat(81);
        for (text, good) in
            [("1", true), ("UP", true), ("", false), ("a b", false), ("ü", false), ("a\"b", false), (&long, false)]
        {
            assert_eq!(Registry::new().add_token(text).is_ok(), good, "{text}");
        }
        assert!(Registry::new().add_token(&long[1..]).is_ok());
    }

    #[test]
    fn a_wallet_is_the_same_in_any_case() {
        let mut registry = Registry::new();
        let wallet = "0x510F4963b66B1B18505faaB74b0bB943D1dDa43C";
        let (id, new) = registry.add_leader(wallet).expect("a wallet");
        assert!(new);
        assert_eq!(registry.add_leader(&wallet.to_lowercase()), Ok((id, false)));
        assert_eq!(registry.leader(wallet.to_lowercase().as_bytes()), Some(id));
        assert_eq!(registry.leader_wallet(id), wallet.to_lowercase());
        for bad in ["", "0x510F", &wallet[1..], &wallet.replace('F', "g"), &format!("{wallet}0")] {
            assert_eq!(registry.add_leader(bad), Err(RegistryError::NotAWallet), "{bad}");
            assert_eq!(registry.leader(bad.as_bytes()), None, "{bad}");
        }
    }

    #[test]
    fn several_wallets_may_be_one_leader() {
        let mut registry = Registry::new();
        let wallets = [7, 8, 9].map(|n| format!("0x{n:040x}"));
        let ids = wallets.clone().map(|wallet| registry.add_leader(&wallet).expect("room").0);
        registry.join(ids[2], ids[0]);
        let leaders = wallets.each_ref().map(|wallet| registry.leader(wallet.as_bytes()));
        assert_eq!(leaders, [Some(LeaderId(0)), Some(LeaderId(1)), Some(LeaderId(0))]);
        assert_eq!(registry.add_leader(&wallets[2]), Ok((LeaderId(2), false)), "its own id stays its own");
    }

    #[test]
    fn a_full_table_is_an_error_and_keeps_what_it_has() {
        let mut registry = Registry::new();
        for n in 0..LEADERS_MAX {
            registry.add_leader(&format!("0x{n:040x}")).expect("room");
        }
        assert_eq!(registry.add_leader(&format!("0x{LEADERS_MAX:040x}")), Err(RegistryError::LeadersFull));
        assert_eq!(registry.add_leader(&format!("0x{:040x}", 7)), Ok((LeaderId(7), false)));
        for n in 0..TOKENS_MAX {
            registry.add_token(&n.to_string()).expect("room");
        }
        assert_eq!(registry.add_token("one more"), Err(RegistryError::NotAToken));
        assert_eq!(registry.add_token("more"), Err(RegistryError::TokensFull));
    }
}
