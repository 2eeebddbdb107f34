//! Where the contracts are, and the domains that orders are signed for (PROTOCOL.md 1.2 and 1.3).

use alloy::primitives::{Address, B256, address, b256};
use serde::Deserialize;

use crate::domain::Generation;

/// The chain that a signature is meant for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Network {
    #[default]
    Polygon,
    /// The test network.
    Amoy,
}

impl Network {
    pub const BOTH: [Network; 2] = [Network::Polygon, Network::Amoy];

    pub const fn chain_id(self) -> u64 {
        match self {
            Network::Polygon => 137,
            Network::Amoy => 80_002,
        }
    }
}

/// The contract that settles an order. What is signed names it, so an order holds at one of them only.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Exchange {
    V2,
    V2NegRisk,
    /// Of Protocol V2's markets, neg-risk or not.
    V3,
}

impl Exchange {
    pub const ALL: [Exchange; 3] = [Exchange::V2, Exchange::V2NegRisk, Exchange::V3];

    /// Returns the exchange of a market.
    pub const fn of(generation: Generation, neg_risk: bool) -> Exchange {
        match (generation, neg_risk) {
            (Generation::V2, false) => Exchange::V2,
            (Generation::V2, true) => Exchange::V2NegRisk,
            (Generation::V3, _) => Exchange::V3,
        }
    }

    /// Returns the `version` of the signing domain.
    pub const fn version(self) -> &'static str {
        match self {
            Exchange::V2 | Exchange::V2NegRisk => "2",
            Exchange::V3 => "3",
        }
    }

    pub const fn address(self, network: Network) -> Address {
        match (self, network) {
            (Exchange::V2, Network::Polygon | Network::Amoy) => address!("E111180000d2663C0091e4f400237545B87B996B"),
            (Exchange::V2NegRisk, Network::Polygon | Network::Amoy) => {
                address!("e2222d279d744050d28e00520010520000310F59")
            }
            (Exchange::V3, Network::Polygon) => address!("e3333700cA9d93003F00f0F71f8515005F6c00Aa"),
            (Exchange::V3, Network::Amoy) => address!("9fE6e61422AdB6F610d8597F9684b16912D50C3D"),
        }
    }

    /// Returns the hash of the EIP-712 domain `Polymarket CTF Exchange`, as a constant: every order needs it.
    pub const fn domain_separator(self, network: Network) -> B256 {
        match (self, network) {
            (Exchange::V2, Network::Polygon) => {
                b256!("3264e159346253e26a64e00b69032db0e7d32f94628de3e6eecb50304d7af3d2")
            }
            (Exchange::V2, Network::Amoy) => b256!("a440cbd865bc0c6243d7a8df9a8bf48a8827b0a4abbb61c30e96d305423af148"),
            (Exchange::V2NegRisk, Network::Polygon) => {
                b256!("9b858f53327b0bd13af8ec14cfb35234fb9eb7b0504d1a4e61f433840d30e81a")
            }
            (Exchange::V2NegRisk, Network::Amoy) => {
                b256!("1468e39841f0a0e05d3762b235cb7acecabf8cd7b6d3a672965a5d415bf9378e")
            }
            (Exchange::V3, Network::Polygon) => {
                b256!("466c63910185bbd55e8679264200c4e0abdcbb0c6264eb3d41d13326022e095b")
            }
            (Exchange::V3, Network::Amoy) => b256!("df8b5fd204134b8d562677d7fc9346884e8f02ef2fd43358239393723e8833e6"),
        }
    }
}

/// pUSD, the collateral; six decimals.
pub const PUSD: Address = address!("C011a7E12a19f7B1f670d46F03B03f3342E82DFB");
/// USDC.e, the collateral of V1.
pub const USDC_E: Address = address!("2791Bca1f2de4661ED88A30C99A7a9449Aa84174");
/// ERC-1155 of the outcome tokens of generation V2.
pub const CONDITIONAL_TOKENS: Address = address!("4D97DCd97eC945f40cF65F87097ACe5EA0476045");
/// ERC-1155 of the position ids of generation V3.
pub const POSITION_MANAGER: Address = address!("006F54F7f9A22e0000CC2AB60031000000ae9fEF");
/// Redeems, splits and merges positions of generation V3.
pub const ROUTER: Address = address!("12121212006e4CD160D18e3f00711DA5c3372600");
pub const AUTO_REDEEMER: Address = address!("a1200000d0002264C9a1698e001292D00E1b00af");
/// Redeems, splits and merges outcome tokens for pUSD.
pub const COLLATERAL_ADAPTER: Address = address!("AdA100Db00Ca00073811820692005400218FcE1f");
pub const NEG_RISK_COLLATERAL_ADAPTER: Address = address!("adA2005600Dec949baf300f4C6120000bDB6eAab");
/// The adapter of V1's neg-risk markets.
pub const NEG_RISK_ADAPTER: Address = address!("d91E80cF2E7be2e162c6513ceD06f1dD0dA35296");
pub const ONRAMP: Address = address!("93070a847efEf7F70739046A929D47a521F5B8ee");
pub const OFFRAMP: Address = address!("2957922Eb93258b93368531d39fAcCA3B4dC5854");
pub const PROXY_FACTORY: Address = address!("aB45c5A4B0c941a2F231C04C3f49182e1A254052");
pub const SAFE_FACTORY: Address = address!("aacFeEa03eb1561C4e67d661e40682Bd20E3541b");
pub const SAFE_MULTISEND: Address = address!("A238CBeb142c10Ef7Ad8442C6D1f9E89e07e7761");
pub const DEPOSIT_WALLET_FACTORY: Address = address!("00000000000Fb5C9ADea0298D729A0CB3823Cc07");
/// What older deposit wallets delegate to.
pub const DEPOSIT_WALLET_IMPLEMENTATION: Address = address!("58CA52ebe0DadfdF531Cde7062e76746de4Db1eB");
/// What the deposit wallets of today ask for their code.
pub const DEPOSIT_WALLET_BEACON: Address = address!("7A18EDfe055488A3128f01F563e5B479D92ffc3a");
pub const RELAY_HUB: Address = address!("D216153c06E857cD7f72665E0aF1d7D82172F494");
/// Reports how a condition ended.
pub const UMA_ADAPTER: Address = address!("157Ce2d672854c848c9b79C49a8Cc6cc89176a49");

#[cfg(test)]
mod tests {
    use alloy::sol_types::Eip712Domain;

    use super::*;

    #[test]
    fn separators_are_the_hashes_of_their_domains() {
        for network in Network::BOTH {
            for exchange in Exchange::ALL {
                let domain = Eip712Domain::new(
                    Some("Polymarket CTF Exchange".into()),
                    Some(exchange.version().into()),
                    Some(alloy::primitives::U256::from(network.chain_id())),
                    Some(exchange.address(network)),
                    None,
                );
                assert_eq!(exchange.domain_separator(network), domain.separator(), "{exchange:?} {network:?}");
            }
        }
    }

    #[test]
    fn a_market_has_one_exchange() {
        assert_eq!(Exchange::of(Generation::V2, false), Exchange::V2);
        assert_eq!(Exchange::of(Generation::V2, true), Exchange::V2NegRisk);
        assert_eq!(Exchange::of(Generation::V3, true), Exchange::V3);
    }
}
