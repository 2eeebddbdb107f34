//! How a request says who sends it: L1, a wallet's signature, to make or find an API key; L2, a MAC with that key's secret
//! (PROTOCOL.md 2.2 and 2.3). Builders' and the relayer's headers are MACs by the same rule.

use std::fmt;

use alloy::primitives::{Address, B256, U256, b256, keccak256};
use base64::Engine;
use base64::alphabet::{STANDARD, URL_SAFE};
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use base64::prelude::BASE64_URL_SAFE;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use zeroize::Zeroizing;

use super::contracts::Network;
use super::key::{BadSignature, Key, SIGNATURE_BYTES, recover};
use super::order::{digest, hash_words};

/// `ClobAuth(address address,string timestamp,uint256 nonce,string message)`
const CLOB_AUTH: B256 = b256!("52578c5c725a28a84fedc8c22aa47947822942f35b4dc350db028e45320e035c");
const MESSAGE: &str = "This message attests that I control the given wallet";

/// What an L1 signature attests: that the signer controls `address`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClobAuth<'a> {
    /// The key's own address, also where a proxy, Safe or deposit wallet trades.
    pub address: Address,
    /// Seconds since 1970, as they stand in the header.
    pub timestamp: &'a str,
    /// Each nonce has its own API key.
    pub nonce: U256,
}

impl ClobAuth<'_> {
    pub fn struct_hash(&self) -> B256 {
        let words = [
            CLOB_AUTH,
            self.address.into_word(),
            keccak256(self.timestamp),
            B256::from(self.nonce),
            keccak256(MESSAGE),
        ];
        hash_words(&words)
    }

    pub fn digest(&self, network: Network) -> B256 {
        digest(domain_separator(network), self.struct_hash())
    }

    /// Signs with the key of `address`.
    pub fn sign(&self, key: &Key, network: Network) -> [u8; SIGNATURE_BYTES] {
        key.sign(self.digest(network))
    }

    /// Refuses a signature that `address` did not make over this.
    pub fn check(&self, signature: &[u8], network: Network) -> Result<(), BadSignature> {
        let signed_by = recover(self.digest(network), signature)?;
        if signed_by != self.address {
            return Err(BadSignature::WrongSigner { signed_by, expected: self.address });
        }
        Ok(())
    }
}

/// Returns the hash of the domain `ClobAuthDomain`, version 1, which has no contract.
pub const fn domain_separator(network: Network) -> B256 {
    match network {
        Network::Polygon => b256!("cfc66be2a3b30464cb3b588324101f660c9a205fa76e8e5f83ee16a528e1c4cb"),
        Network::Amoy => b256!("a1df8f4e3112eaee2448fbec9ab79f68278407e49d9cf52e3dd3d9692fcac9b6"),
    }
}

/// The secret of an API key. Is never printed, and erased at its end.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<Vec<u8>>);

/// An API key's secret is not base64.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadSecret;

/// What an L2 MAC covers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request<'a> {
    /// Seconds since 1970, as they stand in the header.
    pub timestamp: &'a str,
    /// In capitals.
    pub method: &'a str,
    /// Without host and query.
    pub path: &'a str,
    /// The very bytes that are sent; empty if there is no body.
    pub body: &'a [u8],
}

impl Secret {
    pub fn from_bytes(bytes: Vec<u8>) -> Secret {
        Secret(Zeroizing::new(bytes))
    }

    /// Reads base64 as the clients do: either alphabet, padded or not.
    pub fn from_base64(text: &str) -> Result<Secret, BadSecret> {
        let config = GeneralPurposeConfig::new()
            .with_decode_padding_mode(DecodePaddingMode::Indifferent)
            .with_decode_allow_trailing_bits(true);
        let alphabet = if text.contains(['+', '/']) { &STANDARD } else { &URL_SAFE };
        GeneralPurpose::new(alphabet, config).decode(text).map(Secret::from_bytes).map_err(|_| BadSecret)
    }

    /// Writes it as the venue gives it out: URL-safe, padded.
    pub fn to_base64(&self) -> String {
        BASE64_URL_SAFE.encode(&*self.0)
    }

    /// Returns the MAC of a request as its header has it: URL-safe base64, padded.
    pub fn sign(&self, request: &Request<'_>) -> String {
        BASE64_URL_SAFE.encode(self.mac(request).finalize().into_bytes())
    }

    /// Returns whether `signature` is the MAC of the request, in time that does not depend on where it differs.
    pub fn verifies(&self, request: &Request<'_>, signature: &str) -> bool {
        BASE64_URL_SAFE.decode(signature).is_ok_and(|mac| self.mac(request).verify_slice(&mac).is_ok())
    }

    /// Returns a MAC that has seen nothing yet.
    pub(super) fn keyed(&self) -> Hmac<Sha256> {
        Hmac::new_from_slice(&self.0).expect("a secret of any length is a key")
    }

    fn mac(&self, request: &Request<'_>) -> Hmac<Sha256> {
        let mut mac = self.keyed();
        for part in [request.timestamp.as_bytes(), request.method.as_bytes(), request.path.as_bytes(), request.body] {
            mac.update(part);
        }
        mac
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Secret(..)")
    }
}

impl fmt::Display for BadSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the API secret is not base64: copy it again as the venue gave it")
    }
}
impl std::error::Error for BadSecret {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hashes_are_those_of_the_texts() {
        let auth = "ClobAuth(address address,string timestamp,uint256 nonce,string message)";
        assert_eq!(keccak256(auth), CLOB_AUTH);
        let domain = keccak256("EIP712Domain(string name,string version,uint256 chainId)");
        for network in Network::BOTH {
            let chain = B256::from(U256::from(network.chain_id()));
            let words = [domain, keccak256("ClobAuthDomain"), keccak256("1"), chain];
            assert_eq!(domain_separator(network), hash_words(&words));
        }
    }

    #[test]
    fn an_attestation_holds_for_its_words_only() {
        let key = Key::from_bytes([1; 32]).expect("a key");
        let auth = ClobAuth { address: key.address(), timestamp: "1794700800", nonce: U256::ZERO };
        let signature = auth.sign(&key, Network::Polygon);
        assert_eq!(auth.check(&signature, Network::Polygon), Ok(()));
        assert!(auth.check(&signature, Network::Amoy).is_err());
        assert!(ClobAuth { timestamp: "1794700801", ..auth }.check(&signature, Network::Polygon).is_err());
        assert!(ClobAuth { nonce: U256::from(1), ..auth }.check(&signature, Network::Polygon).is_err());
        let short = auth.check(&signature[..64], Network::Polygon);
        assert_eq!(short, Err(BadSignature::Length { bytes: 64 }));
    }

    #[test]
    fn a_mac_covers_every_part_and_every_byte() {
        let secret = Secret::from_bytes(vec![7; 32]);
        let request = Request { timestamp: "1", method: "POST", path: "/order", body: b"{\"a\":'1'}" };
        let good = secret.sign(&request);
        assert!(secret.verifies(&request, &good));
        for other in [
            Request { timestamp: "2", ..request },
            Request { method: "DELETE", ..request },
            Request { path: "/orders", ..request },
            Request { body: b"{\"a\":\"1\"}", ..request },
        ] {
            assert!(!secret.verifies(&other, &good), "{other:?}");
        }
        for wrong in ["", "!", &good[..40], &good.replace('=', "")] {
            assert!(!secret.verifies(&request, wrong), "{wrong}");
        }
        assert!(!Secret::from_bytes(vec![8; 32]).verifies(&request, &good));
    }

    #[test]
    fn a_secret_is_base64_in_either_alphabet() {
        let secret = Secret::from_bytes(vec![0xfb, 0xff, 0xfe, 0x00]);
        for text in ["-__-AA==", "+//+AA==", "-__-AA", &secret.to_base64()] {
            assert_eq!(Secret::from_base64(text), Ok(secret.clone()), "{text}");
        }
        for text in ["not base64!", "-_+/", "A"] {
            assert_eq!(Secret::from_base64(text), Err(BadSecret), "{text}");
        }
        assert_eq!(format!("{secret:?}"), "Secret(..)");
    }
}
