//! The order of the first generation, dead since 2026-04-28: only to recognise it, and to say so (PROTOCOL.md 1.1).

use alloy::primitives::{Address, B256, U256, address};
use alloy::sol_types::{Eip712Domain, SolStruct};

use super::contracts::Network;
use super::order::digest;

mod typed {
    alloy::sol! {
        #[derive(Debug, PartialEq, Eq)]
        struct Order {
            uint256 salt;
            address maker;
            address signer;
            address taker;
            uint256 tokenId;
            uint256 makerAmount;
            uint256 takerAmount;
            uint256 expiration;
            uint256 nonce;
            uint256 feeRateBps;
            uint8 side;
            uint8 signatureType;
        }
    }
}

/// The signed fields, named as in the request.
pub use typed::Order as OrderV1;

/// The contracts that took orders of the first generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExchangeV1 {
    Plain,
    NegRisk,
}

impl ExchangeV1 {
    pub const BOTH: [ExchangeV1; 2] = [ExchangeV1::Plain, ExchangeV1::NegRisk];

    /// Returns the contract. On Amoy the official clients differ about the neg-risk one; this is the TypeScript client's.
    pub const fn address(self, network: Network) -> Address {
        match (self, network) {
            (ExchangeV1::Plain, Network::Polygon) => address!("4bFb41d5B3570DeFd03C39a9A4D8dE6Bd8B8982E"),
            (ExchangeV1::Plain, Network::Amoy) => address!("dFE02Eb6733538f8Ea35D585af8DE5958AD99E40"),
            (ExchangeV1::NegRisk, Network::Polygon | Network::Amoy) => {
                address!("C5d563A36AE78145C45a50134d48A1215220f80a")
            }
        }
    }

    pub fn domain_separator(self, network: Network) -> B256 {
        Eip712Domain::new(
            Some("Polymarket CTF Exchange".into()),
            Some("1".into()),
            Some(U256::from(network.chain_id())),
            Some(self.address(network)),
            None,
        )
        .separator()
    }
}

/// Returns the digest that a V1 client signed.
pub fn id(order: &OrderV1, exchange: ExchangeV1, network: Network) -> B256 {
    digest(exchange.domain_separator(network), order.eip712_hash_struct())
}
