//! The order of generations V2 and V3: what is signed, and the digest that is its id (PROTOCOL.md 1.3 and 1.4).

use alloy::primitives::{Address, B256, FixedBytesSliceExt, U256, keccak256};
use alloy::sol_types::SolStruct;

use super::contracts::{Exchange, Network};
use crate::domain::{Millis, Side};

/// What an order's signature covers. Expiration, kind and owner are beside it in the request, unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// Makes the order unlike all others; below 2^53, because it is a JSON number.
    pub salt: u64,
    /// The wallet that holds the funds.
    pub maker: Address,
    /// Who signs: the wallet's owner; the wallet itself for [`SignatureType::DepositWallet`].
    pub signer: Address,
    /// Token id (V2) or position id (V3).
    pub token: U256,
    /// What is given, in millionths: collateral to buy, shares to sell.
    pub maker_amount: u64,
    /// What is wanted, in millionths: shares to buy, collateral to sell.
    pub taker_amount: u64,
    pub side: Side,
    pub signature_type: SignatureType,
    /// When it was made.
    pub timestamp: Millis,
    pub metadata: B256,
    /// Who is paid for having brought it; zero for nobody.
    pub builder: B256,
}

/// The kind of wallet that holds the funds, by the number that stands in the order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SignatureType {
    /// The signer's own account.
    Eoa = 0,
    Proxy = 1,
    Safe = 2,
    /// Signs as a contract (ERC-1271), nested as ERC-7739 says.
    DepositWallet = 3,
}

impl SignatureType {
    pub const ALL: [SignatureType; 4] =
        [SignatureType::Eoa, SignatureType::Proxy, SignatureType::Safe, SignatureType::DepositWallet];

    pub const fn number(self) -> u8 {
        self as u8
    }

    pub fn from_number(number: u64) -> Option<SignatureType> {
        SignatureType::ALL.into_iter().find(|kind| u64::from(kind.number()) == number)
    }
}

/// Returns the side as the contracts number it.
pub const fn side_number(side: Side) -> u8 {
    match side {
        Side::Buy => 0,
        Side::Sell => 1,
    }
}

mod typed {
    alloy::sol! {
        struct Order {
            uint256 salt;
            address maker;
            address signer;
            uint256 tokenId;
            uint256 makerAmount;
            uint256 takerAmount;
            uint8 side;
            uint8 signatureType;
            uint256 timestamp;
            bytes32 metadata;
            bytes32 builder;
        }
    }
}

/// The EIP-712 type that is hashed; a deposit wallet's signature carries it.
pub const TYPE: &str = "Order(uint256 salt,address maker,address signer,uint256 tokenId,uint256 makerAmount,uint256 takerAmount,uint8 side,uint8 signatureType,uint256 timestamp,bytes32 metadata,bytes32 builder)";

impl Order {
    /// Returns the EIP-712 hash of the order alone.
    pub fn struct_hash(&self) -> B256 {
        typed::Order {
            salt: U256::from(self.salt),
            maker: self.maker,
            signer: self.signer,
            tokenId: self.token,
            makerAmount: U256::from(self.maker_amount),
            takerAmount: U256::from(self.taker_amount),
            side: side_number(self.side),
            signatureType: self.signature_type.number(),
            timestamp: U256::from(self.timestamp.0),
            metadata: self.metadata,
            builder: self.builder,
        }
        .eip712_hash_struct()
    }

    /// Returns the EIP-712 digest: the order id in REST, sockets and logs, whatever the signature type.
    pub fn id(&self, exchange: Exchange, network: Network) -> B256 {
        digest(exchange.domain_separator(network), self.struct_hash())
    }
}

/// Returns `keccak(0x1901 || domain || hash)`: what is signed (EIP-712).
pub fn digest(domain_separator: B256, struct_hash: B256) -> B256 {
    let mut bytes = [0; 66];
    bytes[..2].copy_from_slice(&[0x19, 0x01]);
    bytes[2..34].copy_from_slice(domain_separator.as_slice());
    bytes[34..].copy_from_slice(struct_hash.as_slice());
    keccak256(bytes)
}

/// Returns the hash of words one after another: of an EIP-712 struct whose dynamic fields are hashed already.
pub fn hash_words(words: &[B256]) -> B256 {
    keccak256(words.as_flattened())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_type_is_the_one_that_is_hashed() {
        assert_eq!(typed::Order::eip712_encode_type(), TYPE);
        assert_eq!(keccak256(TYPE).to_string(), "0xbb86318a2138f5fa8ae32fbe8e659f8fcf13cc6ae4014a707893055433818589");
    }

    #[test]
    fn signature_types_are_numbered() {
        assert_eq!([0, 1, 2, 3].map(SignatureType::from_number), SignatureType::ALL.map(Some));
        assert_eq!(SignatureType::from_number(4), None);
    }
}
