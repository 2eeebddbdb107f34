//! The signed orders of those who make the world go round: they never signed anything, but the chain shows signed orders.
//! Their keys come from the seed.

use std::collections::HashMap;

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};

use super::abi;
use crate::domain::{Millis, Side};
use crate::sim::exchange::AccountId;
use crate::venue::polymarket::order::side_number;
use crate::venue::polymarket::{Exchange, Key, Network, Order, SignatureType, signature, wallet};

/// An order with the signature it came with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signed {
    pub order: Order,
    /// The digest: the order id.
    pub id: B256,
    pub signature: Bytes,
}

impl Signed {
    pub fn calldata(&self) -> abi::SignedOrder {
        let order = &self.order;
        abi::SignedOrder {
            salt: U256::from(order.salt),
            maker: order.maker,
            signer: order.signer,
            tokenId: order.token,
            makerAmount: U256::from(order.maker_amount),
            takerAmount: U256::from(order.taker_amount),
            side: side_number(order.side),
            signatureType: order.signature_type.number(),
            timestamp: U256::from(order.timestamp.0),
            metadata: order.metadata,
            builder: order.builder,
            signature: self.signature.clone(),
        }
    }
}

/// What an order of the house says.
#[derive(Clone, Copy, Debug)]
pub struct Terms {
    /// Tells two orders of an account apart that agree in all else.
    pub number: u64,
    pub token: U256,
    pub side: Side,
    pub maker_amount: u64,
    pub taker_amount: u64,
    pub placed_at: Millis,
}

/// The house's wallets and keys. The same seed and account have the same always.
#[derive(Debug)]
pub struct House {
    seed: u64,
    network: Network,
    members: HashMap<AccountId, Member>,
}

#[derive(Debug)]
struct Member {
    key: Key,
    wallet: Address,
    signs_as: SignsAs,
}

#[derive(Clone, Copy, Debug)]
enum SignsAs {
    Owner(SignatureType),
    /// A wallet that was given cannot be derived from a key; it is a deposit wallet that lets this key sign.
    Session,
}

impl House {
    pub fn new(seed: u64, network: Network) -> House {
        House { seed, network, members: HashMap::new() }
    }

    /// Gives an account a wallet that is known by its address already, as those of leaders are.
    pub fn settle_in(&mut self, account: AccountId, wallet: Address) {
        let key = secret(self.seed, "house", u64::from(account.0));
        self.members.insert(account, Member { key, wallet, signs_as: SignsAs::Session });
    }

    /// Returns the wallet of an account: a proxy, a Safe or a deposit wallet of its key, unless one was given.
    pub fn wallet(&mut self, account: AccountId) -> Address {
        self.member(account).wallet
    }

    pub fn sign(&mut self, account: AccountId, terms: &Terms, exchange: Exchange) -> Signed {
        const SALT_BITS: u32 = 53;
        let network = self.network;
        let member = self.member(account);
        let signature_type = match member.signs_as {
            SignsAs::Owner(kind) => kind,
            SignsAs::Session => SignatureType::DepositWallet,
        };
        let signer = match signature_type {
            SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe => member.key.address(),
            SignatureType::DepositWallet => member.wallet,
        };
        let order = Order {
            salt: terms.number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SALT_BITS),
            maker: member.wallet,
            signer,
            token: terms.token,
            maker_amount: terms.maker_amount,
            taker_amount: terms.taker_amount,
            side: terms.side,
            signature_type,
            timestamp: terms.placed_at,
            metadata: B256::ZERO,
            builder: B256::ZERO,
        };
        let signature = match member.signs_as {
            SignsAs::Owner(_) => signature::sign(&order, &member.key, exchange, network),
            SignsAs::Session => signature::sign_in_session(&order, &member.key, exchange, network),
        };
        Signed { order, id: order.id(exchange, network), signature: signature.into() }
    }

    fn member(&mut self, account: AccountId) -> &Member {
        let seed = self.seed;
        self.members.entry(account).or_insert_with(|| {
            let key = secret(seed, "house", u64::from(account.0));
            let kinds = [SignatureType::Safe, SignatureType::Proxy, SignatureType::DepositWallet];
            let kind = kinds[account.0 as usize % kinds.len()];
            let wallet = match kind {
                SignatureType::Eoa => key.address(),
                SignatureType::Proxy => wallet::proxy(key.address()),
                SignatureType::Safe => wallet::safe(key.address()),
                SignatureType::DepositWallet => wallet::deposit(key.address()),
            };
            Member { key, wallet, signs_as: SignsAs::Owner(kind) }
        })
    }
}

/// Returns the key number `nth` of those with this purpose. Never for money: anybody can compute it.
pub fn secret(seed: u64, purpose: &str, nth: u64) -> Key {
    let text = format!("remora simulated venue, seed {seed}: {purpose} {nth}");
    Key::from_bytes(keccak256(text).0).expect("a hash is a key, but for one in 2^128")
}

#[cfg(test)]
mod tests {
    use alloy::primitives::address;

    use super::*;
    use crate::venue::polymarket::Signer;

    #[test]
    fn the_house_signs_like_everybody_else() {
        let mut house = House::new(7, Network::Polygon);
        let leader = address!("1ead000000000000000000000000000000000001");
        house.settle_in(AccountId(9), leader);
        let terms = Terms {
            number: 1,
            token: U256::from(5),
            side: Side::Sell,
            maker_amount: 5_000_000,
            taker_amount: 2_500_000,
            placed_at: Millis(1_795_260_900_000),
        };
        for account in [0, 1, 2, 9].map(AccountId) {
            let wallet = house.wallet(account);
            let signed = house.sign(account, &terms, Exchange::V3);
            assert_eq!(signed.order.maker, wallet);
            let signer = signature::check(&signed.order, &signed.signature, Exchange::V3, Network::Polygon);
            match signer.expect("it holds") {
                Signer::Owner(_) => assert_ne!(account, AccountId(9)),
                Signer::Session(_) => assert_eq!(wallet, leader),
            }
            assert!(signed.order.salt < 1 << 53);
            let other = house.sign(account, &Terms { number: 2, ..terms }, Exchange::V3);
            assert_ne!(other.id, signed.id, "orders that agree in all else have ids of their own");
        }
        assert_eq!(House::new(7, Network::Polygon).wallet(AccountId(3)), house.wallet(AccountId(3)));
        assert_ne!(House::new(8, Network::Polygon).wallet(AccountId(3)), house.wallet(AccountId(3)));
    }
}
