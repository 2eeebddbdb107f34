//! Writes and signs orders of one account: the words of the hash that never change are laid out once, and so is the JSON.
//! May be copied to a thread that signs ahead.

use std::sync::Arc;

use alloy::primitives::{Address, B256, b256};

use crate::{
    domain::{Millis, Nanos, Side, TokenId, VenueOrderId},
    secret::Sealed,
    venue::polymarket::{
        Exchange, Network, SignatureType,
        amounts::Amounts,
        key::SIGNATURE_BYTES,
        order::{TYPE, digest, hash_words, side_number},
        signature::{SESSION_MARK, WALLET_SIGNATURE_BYTES, wallet_digest},
    },
};

use super::{
    account::{Account, SignedBy},
    names::{NAME_MAX, Name},
    text::Text,
};

/// keccak of [`TYPE`].
const TYPE_HASH: B256 = b256!("bb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589");
/// A session key's signature: three words, a length, the wallet's signature in whole words, the mark.
pub const SIGNATURE_MAX: usize = 4 * 32 + WALLET_SIGNATURE_BYTES.next_multiple_of(32) + 32;
/// The longest JSON of one order: keys, commas and quotes, token, side, salt, timestamp, amounts, signature.
pub const ORDER_MAX: usize = 112 + NAME_MAX + 4 + 4 * 20 + 2 * SIGNATURE_MAX;

/// What is to be signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asked {
    pub token: TokenId,
    pub exchange: Exchange,
    pub side: Side,
    pub amounts: Amounts,
}

/// A signed order.
#[derive(Clone, Copy, Debug)]
pub struct Written {
    pub id: VenueOrderId,
    pub amounts: Amounts,
    pub salt: u64,
    pub timestamp: Millis,
    /// The body behind what is the same for every order, up to the end of the order.
    pub text: Text<ORDER_MAX>,
}

/// What signs for an account.
#[derive(Clone, Debug)]
pub struct Pen {
    key: Arc<Sealed>,
    signed_by: SignedBy,
    signature_type: SignatureType,
    signer: Address,
    network: Network,
    /// Type hash, then the fields of an order; those of one order are written over.
    words: [B256; 12],
    lead: Box<[u8]>,
}

/// Where the fields of one order are among its words.
const SALT: usize = 1;
const TOKEN: usize = 4;
const MAKER_AMOUNT: usize = 5;
const TAKER_AMOUNT: usize = 6;
const SIDE: usize = 7;
const TIMESTAMP: usize = 9;

impl Pen {
    pub fn new(account: &Account) -> Pen {
        let mut words = [B256::ZERO; 12];
        words[0] = TYPE_HASH;
        words[2] = account.funder.into_word();
        words[3] = account.signer().into_word();
        words[8] = word(u64::from(account.signature_type.number()));
        let lead = format!(
            r#"{{"owner":"{}","deferExec":false,"order":{{"maker":"{}","signer":"{}","signatureType":{},"expiration":"0","metadata":"{}","builder":"{}","#,
            account.api.id,
            account.funder,
            account.signer(),
            account.signature_type.number(),
            B256::ZERO,
            B256::ZERO,
        );
        Pen {
            key: Arc::clone(&account.key),
            signed_by: account.signed_by,
            signature_type: account.signature_type,
            signer: account.signer(),
            network: account.network,
            words,
            lead: lead.into_bytes().into(),
        }
    }

    /// Returns how the body of each order begins.
    pub fn lead(&self) -> &[u8] {
        &self.lead
    }

    /// Signs an order of `now`. The same salt, second time, gives the same order if all else is the same, too.
    pub fn write(&self, asked: &Asked, name: &Name, salt: u64, now: Nanos) -> Written {
        let Asked { exchange, side, amounts, .. } = *asked;
        let timestamp = Millis(now.as_millis());
        let mut words = self.words;
        words[SALT] = word(salt);
        words[TOKEN] = name.word;
        words[MAKER_AMOUNT] = word(amounts.maker);
        words[TAKER_AMOUNT] = word(amounts.taker);
        words[SIDE] = word(u64::from(side_number(side)));
        words[TIMESTAMP] = word(timestamp.0);
        let hash = hash_words(&words);
        let domain = exchange.domain_separator(self.network);
        let id = digest(domain, hash);

        let mut text = Text::EMPTY;
        text.push(br#""tokenId":""#);
        text.push(name.text.bytes());
        text.push(match side {
            Side::Buy => br#"","side":"BUY","salt":"#,
            Side::Sell => br#"","side":"SELL","salt":"#,
        });
        text.push_number(salt);
        text.push(br#","timestamp":""#);
        text.push_number(timestamp.0);
        text.push(br#"","makerAmount":""#);
        text.push_number(amounts.maker);
        text.push(br#"","takerAmount":""#);
        text.push_number(amounts.taker);
        text.push(br#"","signature":"0x"#);
        text.push_hex(self.sign(exchange, domain, hash, id).bytes());
        text.push(br#""}"#);
        Written { id: VenueOrderId(id.0), amounts, salt, timestamp, text }
    }

    fn sign(&self, exchange: Exchange, domain: B256, hash: B256, id: B256) -> Text<SIGNATURE_MAX> {
        match (self.signature_type, self.signed_by) {
            (SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe, _) => Text::of(&self.key.sign(id)),
            (SignatureType::DepositWallet, SignedBy::Owner) => {
                let mut signature = Text::EMPTY;
                self.sign_for_wallet(exchange, domain, hash, &mut signature);
                signature
            }
            (SignatureType::DepositWallet, SignedBy::Session) => {
                // ABI: the key's address, nothing, where the bytes begin, how many there are; then they, in whole words.
                let mut signature = Text::EMPTY;
                for word in
                    [self.key.address().into_word(), B256::ZERO, word(3 * 32), word(WALLET_SIGNATURE_BYTES as u64)]
                {
                    signature.push(word.as_slice());
                }
                self.sign_for_wallet(exchange, domain, hash, &mut signature);
                signature.push(&[0; WALLET_SIGNATURE_BYTES.next_multiple_of(32) - WALLET_SIGNATURE_BYTES]);
                signature.push(SESSION_MARK.as_slice());
                signature
            }
        }
    }

    /// Writes what a deposit wallet checks: the signature, and what shows which order it is of.
    fn sign_for_wallet(&self, exchange: Exchange, domain: B256, hash: B256, into: &mut Text<SIGNATURE_MAX>) {
        let inner: [u8; SIGNATURE_BYTES] = self.key.sign(wallet_digest(self.signer, hash, exchange, self.network));
        into.push(&inner);
        into.push(domain.as_slice());
        into.push(hash.as_slice());
        into.push(TYPE.as_bytes());
        into.push(&(TYPE.len() as u16).to_be_bytes());
    }
}

fn word(number: u64) -> B256 {
    let mut word = B256::ZERO;
    word[24..].copy_from_slice(&number.to_be_bytes());
    word
}
