//! A key that signs digests, and who signed one.

use std::fmt;
use std::str::FromStr;

use alloy::primitives::{Address, B256, keccak256};
use secp256k1::ecdsa::{RecoverableSignature, RecoveryId};
use secp256k1::{Message, PublicKey, SecretKey};
use zeroize::Zeroizing;

use super::curve;

/// `r`, `s` and `v`: the length of a plain signature.
pub const SIGNATURE_BYTES: usize = 65;
/// Half the order of the group. Of the two signatures `s` and `n - s` only the lower is taken, as by OpenZeppelin's ECDSA.
const S_MAX: [u8; 32] = [
    0x7f, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x5d, 0x57, 0x6e,
    0x73, 0x57, 0xa4, 0x50, 0x1d, 0xdf, 0xe9, 0x2f, 0x46, 0x68, 0x1b, 0x20, 0xa0,
];

/// A secret key and its address. Is never printed ([`fmt::Debug`] shows the address), never cloned, and erased when it is
/// dropped. The one that signs for real money lives in a [page of its own](crate::secret::Sealed).
#[derive(PartialEq, Eq)]
pub struct Key {
    secret: SecretKey,
    address: Address,
}

impl Drop for Key {
    fn drop(&mut self) {
        self.secret.non_secure_erase();
    }
}

/// Why a text or some bytes are no secret key. Never says which bytes they were.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadKey {
    /// Not 64 hex digits, with or without `0x`.
    NotHex,
    /// Zero, or not below the order of the group.
    OutOfRange,
}

/// Why a signature does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum BadSignature {
    /// Not hex digits behind `0x`.
    NotHex,
    Length {
        bytes: usize,
    },
    /// The last byte of a plain signature is none of 0, 1, 27, 28.
    Version {
        v: u8,
    },
    /// Not the lower of the two possible `s`.
    HighS,
    /// No key can have made it.
    NotOnCurve,
    /// Made by this address, which is not the one that may.
    WrongSigner {
        signed_by: Address,
        expected: Address,
    },
    /// The wallet that this signer owns is not the order's maker.
    WrongWallet {
        signed_by: Address,
        maker: Address,
    },
    /// Maker and signer must be the same for this kind of wallet.
    MakerIsNotSigner,
    /// What is appended to a deposit wallet's signature is not the domain, hash and type of this order.
    WrongContents,
}

impl Key {
    /// Returns the key of 32 bytes.
    pub fn from_bytes(bytes: [u8; 32]) -> Result<Key, BadKey> {
        Key::from_slice(&Zeroizing::new(bytes))
    }

    /// Returns the key of 32 bytes that stay where they are.
    pub fn from_slice(bytes: &[u8; 32]) -> Result<Key, BadKey> {
        let secret = SecretKey::from_secret_bytes(*bytes).map_err(|_| BadKey::OutOfRange)?;
        let address = address(&PublicKey::from_secret_key(&secret));
        Ok(Key { secret, address })
    }

    pub const fn address(&self) -> Address {
        self.address
    }

    /// Returns `r`, `s` and `v` (27 or 28) over a digest. Always the same for the same digest (RFC 6979); `s` is low.
    pub fn sign(&self, digest: B256) -> [u8; SIGNATURE_BYTES] {
        curve::sign(&self.secret, digest)
    }
}

/// Reads 64 hex digits, with or without `0x`.
impl FromStr for Key {
    type Err = BadKey;

    fn from_str(text: &str) -> Result<Key, BadKey> {
        Key::from_slice(&*digits(text.as_bytes())?)
    }
}

/// Returns the 32 bytes of 64 hex digits, with or without `0x`, and leaves no copy of them behind.
pub fn digits(text: &[u8]) -> Result<Zeroizing<[u8; 32]>, BadKey> {
    let mut bytes = Zeroizing::new([0; 32]);
    // The decoder would take a second `0x`.
    let digits = text.strip_prefix(b"0x").unwrap_or(text);
    if digits.len() != 64 {
        return Err(BadKey::NotHex);
    }
    alloy::hex::decode_to_slice(digits, bytes.as_mut()).map_err(|_| BadKey::NotHex)?;
    Ok(bytes)
}

impl Key {
    /// Returns the secret for a file of the operator's. Nothing else may ask for it.
    pub(crate) fn to_secret(&self) -> Zeroizing<[u8; 32]> {
        Zeroizing::new(self.secret.to_secret_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.address)
    }
}

/// Returns who signed `digest`. Takes `v` as 0, 1, 27 or 28, as the exchange contracts do (PROTOCOL.md 1.4).
pub fn recover(digest: B256, signature: &[u8]) -> Result<Address, BadSignature> {
    let signature: &[u8; SIGNATURE_BYTES] =
        signature.try_into().map_err(|_| BadSignature::Length { bytes: signature.len() })?;
    let (compact, v) = (&signature[..64], signature[64]);
    let id = match v {
        0 | 27 => RecoveryId::Zero,
        1 | 28 => RecoveryId::One,
        v => return Err(BadSignature::Version { v }),
    };
    if S_MAX.as_slice() < &compact[32..] {
        return Err(BadSignature::HighS);
    }
    let signature = RecoverableSignature::from_compact(compact, id).map_err(|_| BadSignature::NotOnCurve)?;
    let key = signature.recover(Message::from_digest(digest.0)).map_err(|_| BadSignature::NotOnCurve)?;
    Ok(address(&key))
}

/// Returns the bytes of `0x...`.
pub fn decode_hex(text: &str) -> Result<Vec<u8>, BadSignature> {
    // The decoder would take a second `0x`.
    let digits = text.strip_prefix("0x").filter(|digits| !digits.starts_with("0x")).ok_or(BadSignature::NotHex)?;
    alloy::hex::decode(digits).map_err(|_| BadSignature::NotHex)
}

pub(super) fn address(key: &PublicKey) -> Address {
    Address::from_slice(&keccak256(&key.serialize_uncompressed()[1..])[12..])
}

impl fmt::Display for BadKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadKey::NotHex => write!(f, "a secret key is 64 hex digits, with or without 0x"),
            BadKey::OutOfRange => write!(f, "this number is no secret key of secp256k1: zero or too large"),
        }
    }
}
impl std::error::Error for BadKey {}

impl fmt::Display for BadSignature {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadSignature::NotHex => write!(f, "the signature is not 0x and hex digits"),
            BadSignature::Length { bytes } => write!(f, "the signature has {bytes} bytes, not as many as its kind has"),
            BadSignature::Version { v } => write!(f, "the signature ends in v = {v}, not 0, 1, 27 or 28"),
            BadSignature::HighS => {
                write!(f, "the signature has the higher of two possible s: use n - s and the other v")
            }
            BadSignature::NotOnCurve => write!(f, "no key can have made the signature"),
            BadSignature::WrongSigner { signed_by, expected } => {
                write!(f, "signed by {signed_by}, but {expected} must sign (or something else than this was signed)")
            }
            BadSignature::WrongWallet { signed_by, maker } => {
                write!(f, "signed by {signed_by}, whose wallet of this kind is not the maker {maker}")
            }
            BadSignature::MakerIsNotSigner => write!(f, "maker and signer differ, but are one for this signature type"),
            BadSignature::WrongContents => {
                write!(f, "what the wallet's signature carries is not the domain, hash and type of this order")
            }
        }
    }
}
impl std::error::Error for BadSignature {}

#[cfg(test)]
mod tests {
    use alloy::primitives::{U256, uint};

    use super::*;

    const SECRET: &str = "0xac0974bec39a17e36ba4a6b4d238ff944bacb478cbed5efcae784d7bf4f2ff80";

    #[test]
    fn a_key_is_64_hex_digits_and_is_not_printed() {
        let key: Key = SECRET.parse().expect("a key");
        assert_eq!(format!("{key:?}"), "Key(0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266)");
        assert_eq!(SECRET[2..].parse(), Ok(key));
        for (text, error) in [
            ("", BadKey::NotHex),
            ("0x12", BadKey::NotHex),
            ("xyz", BadKey::NotHex),
            (&"0".repeat(64), BadKey::OutOfRange),
            (&"f".repeat(64), BadKey::OutOfRange),
        ] {
            assert_eq!(text.parse::<Key>(), Err(error), "{text}");
        }
    }

    #[test]
    fn a_signature_names_its_signer_or_says_what_is_wrong() {
        const N: U256 = uint!(0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141_U256);
        let key: Key = SECRET.parse().expect("a key");
        let digest = keccak256("something");
        let good = key.sign(digest);
        let with = |at: usize, byte: u8| {
            let mut bytes = good;
            bytes[at] = byte;
            bytes
        };
        assert_eq!(recover(digest, &good), Ok(key.address()));
        assert_eq!(recover(digest, &with(64, good[64] - 27)), Ok(key.address()));
        assert_ne!(recover(keccak256("else"), &good), Ok(key.address()));

        let mut high = good;
        high[32..64].copy_from_slice(&(N - U256::from_be_slice(&good[32..64])).to_be_bytes::<32>());
        high[64] = 27 + (28 - good[64]);
        assert_eq!(recover(digest, &high), Err(BadSignature::HighS));
        assert_eq!(recover(digest, &good[..64]), Err(BadSignature::Length { bytes: 64 }));
        assert_eq!(recover(digest, &with(64, 29)), Err(BadSignature::Version { v: 29 }));
        let mut zero = [0; SIGNATURE_BYTES];
        assert_eq!(recover(digest, &zero), Err(BadSignature::NotOnCurve));
        zero[..32].fill(0xff);
        assert_eq!(recover(digest, &zero), Err(BadSignature::NotOnCurve));
    }

    #[test]
    fn hex_is_0x_and_whole_bytes() {
        assert_eq!(decode_hex("0x0aFF"), Ok(vec![0x0a, 0xff]));
        for text in ["0aff", "0x0", "0xzz", "", "0x0x00"] {
            assert_eq!(decode_hex(text), Err(BadSignature::NotHex), "{text}");
        }
    }
}
