//! Signing an order for each kind of wallet, and checking what somebody signed (PROTOCOL.md 1.4 and 1.5).

use alloy::primitives::{Address, B256, Bytes, U256, b256};
use alloy::sol_types::SolValue;

use super::contracts::{Exchange, Network};
use super::key::{BadSignature, Key, SIGNATURE_BYTES, recover};
use super::order::{Order, SignatureType, TYPE, digest, hash_words};
use super::wallet::belongs;

/// `TypedDataSign(Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt)`
/// with the order's type behind it.
const TYPED_DATA_SIGN: B256 = b256!("6ba028565cb324c2aa02bb714b9816d0bddd557a2f33bb36cf13272a4256bd42");
/// keccak of `DepositWallet` and of `1`: the wallet's own domain.
const WALLET_NAME: B256 = b256!("d682b529a17cda19aa275f3a050608f9e9401fadd1b0d233d81519972295828b");
const WALLET_VERSION: B256 = b256!("c89efdaa54c0f20c7adf612882df0950f5a951637e0307cdcb4c672f298b8bc6");
/// Plain signature, domain separator, struct hash, type and its length.
pub const WALLET_SIGNATURE_BYTES: usize = SIGNATURE_BYTES + 32 + 32 + TYPE.len() + 2;
/// What a session key's signature ends in: 0x6492, sixteen times.
pub(super) const SESSION_MARK: B256 = b256!("6492649264926492649264926492649264926492649264926492649264926492");

/// Who made a signature that holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signer {
    /// The owner of the wallet, whose address is derived from his.
    Owner(Address),
    /// A session key of a deposit wallet. Whether the wallet has authorised it is for the caller to know.
    Session(Address),
}

/// Signs an order for the kind of wallet that it names. `key` must be the wallet owner's.
pub fn sign(order: &Order, key: &Key, exchange: Exchange, network: Network) -> Vec<u8> {
    match order.signature_type {
        SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe => {
            key.sign(order.id(exchange, network)).to_vec()
        }
        SignatureType::DepositWallet => {
            let hash = order.struct_hash();
            let inner = key.sign(wallet_digest(order.signer, hash, exchange, network));
            [inner.as_slice(), &wallet_trailer(hash, exchange, network)].concat()
        }
    }
}

/// Signs the order of a deposit wallet with a session key of that wallet.
pub fn sign_in_session(order: &Order, key: &Key, exchange: Exchange, network: Network) -> Vec<u8> {
    let signature = Bytes::from(sign(order, key, exchange, network));
    let outer = (key.address().into_word(), B256::ZERO, signature).abi_encode_params();
    [outer.as_slice(), SESSION_MARK.as_slice()].concat()
}

/// Returns who signed the order, if the signature holds on that exchange: made over this order by the one who may sign for
/// the maker's wallet.
pub fn check(order: &Order, signature: &[u8], exchange: Exchange, network: Network) -> Result<Signer, BadSignature> {
    match order.signature_type {
        SignatureType::Eoa | SignatureType::Proxy | SignatureType::Safe => {
            let signed_by = recover(order.id(exchange, network), signature)?;
            if signed_by != order.signer {
                return Err(BadSignature::WrongSigner { signed_by, expected: order.signer });
            }
            owner(order, signed_by)
        }
        SignatureType::DepositWallet if order.maker != order.signer => Err(BadSignature::MakerIsNotSigner),
        SignatureType::DepositWallet => match session_parts(signature) {
            Some((expected, inner)) => {
                let signed_by = wallet_signer(order, &inner, exchange, network)?;
                if signed_by != expected {
                    return Err(BadSignature::WrongSigner { signed_by, expected });
                }
                Ok(Signer::Session(signed_by))
            }
            None => owner(order, wallet_signer(order, signature, exchange, network)?),
        },
    }
}

/// Returns the session key and the signature that it made; `None` for a signature that no session key made.
pub fn session_parts(signature: &[u8]) -> Option<(Address, Bytes)> {
    let outer = signature.strip_suffix(SESSION_MARK.as_slice())?;
    let (key, _, inner) = <(B256, B256, Bytes)>::abi_decode_params(outer).ok()?;
    Some((Address::from_word(key), inner))
}

fn owner(order: &Order, signed_by: Address) -> Result<Signer, BadSignature> {
    if belongs(order.maker, order.signature_type, signed_by) {
        return Ok(Signer::Owner(signed_by));
    }
    Err(match order.signature_type {
        SignatureType::Eoa => BadSignature::MakerIsNotSigner,
        SignatureType::Proxy | SignatureType::Safe | SignatureType::DepositWallet => {
            BadSignature::WrongWallet { signed_by, maker: order.maker }
        }
    })
}

/// Returns who signed for a deposit wallet.
fn wallet_signer(
    order: &Order,
    signature: &[u8],
    exchange: Exchange,
    network: Network,
) -> Result<Address, BadSignature> {
    if signature.len() != WALLET_SIGNATURE_BYTES {
        return Err(BadSignature::Length { bytes: signature.len() });
    }
    let (inner, trailer) = signature.split_at(SIGNATURE_BYTES);
    let hash = order.struct_hash();
    if trailer != wallet_trailer(hash, exchange, network) {
        return Err(BadSignature::WrongContents);
    }
    recover(wallet_digest(order.signer, hash, exchange, network), inner)
}

/// Returns what the owner of a deposit wallet signs: the order inside a message of the wallet's (ERC-7739), in the domain of
/// the exchange.
pub(super) fn wallet_digest(wallet: Address, order_hash: B256, exchange: Exchange, network: Network) -> B256 {
    let words = [
        TYPED_DATA_SIGN,
        order_hash,
        WALLET_NAME,
        WALLET_VERSION,
        B256::from(U256::from(network.chain_id())),
        wallet.into_word(),
        B256::ZERO,
    ];
    digest(exchange.domain_separator(network), hash_words(&words))
}

fn wallet_trailer(order_hash: B256, exchange: Exchange, network: Network) -> Vec<u8> {
    let length = (TYPE.len() as u16).to_be_bytes();
    [exchange.domain_separator(network).as_slice(), order_hash.as_slice(), TYPE.as_bytes(), &length].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy::primitives::keccak256;

    use crate::domain::{Millis, Side};
    use crate::venue::polymarket::{contracts, wallet};

    const EXCHANGE: Exchange = Exchange::V2;
    const NETWORK: Network = Network::Polygon;

    fn key(byte: u8) -> Key {
        Key::from_bytes([byte; 32]).expect("a key")
    }

    fn order(kind: SignatureType) -> Order {
        let owner = key(1).address();
        let (maker, signer) = match kind {
            SignatureType::Eoa => (owner, owner),
            SignatureType::Proxy => (wallet::proxy(owner), owner),
            SignatureType::Safe => (wallet::safe(owner), owner),
            SignatureType::DepositWallet => (wallet::deposit(owner), wallet::deposit(owner)),
        };
        Order {
            salt: 1,
            maker,
            signer,
            token: U256::from(7),
            maker_amount: 5_000_000,
            taker_amount: 10_000_000,
            side: Side::Buy,
            signature_type: kind,
            timestamp: Millis(1_794_700_800_123),
            metadata: B256::ZERO,
            builder: B256::ZERO,
        }
    }

    #[test]
    fn the_constants_are_the_hashes_of_their_texts() {
        let fields = "Order contents,string name,string version,uint256 chainId,address verifyingContract,bytes32 salt";
        assert_eq!(keccak256(format!("TypedDataSign({fields}){TYPE}")), TYPED_DATA_SIGN);
        assert_eq!((keccak256("DepositWallet"), keccak256("1")), (WALLET_NAME, WALLET_VERSION));
        assert_eq!((WALLET_SIGNATURE_BYTES, TYPE.len()), (317, 0xba));
    }

    #[test]
    fn a_signature_holds_for_its_order_exchange_and_network_only() {
        for kind in SignatureType::ALL {
            let order = order(kind);
            let signature = sign(&order, &key(1), EXCHANGE, NETWORK);
            let check = |order: &Order, exchange, network| check(order, &signature, exchange, network);
            assert_eq!(check(&order, EXCHANGE, NETWORK), Ok(Signer::Owner(key(1).address())), "{kind:?}");
            assert!(check(&order, Exchange::V2NegRisk, NETWORK).is_err(), "{kind:?}");
            assert!(check(&order, Exchange::V3, NETWORK).is_err(), "{kind:?}");
            assert!(check(&order, EXCHANGE, Network::Amoy).is_err(), "{kind:?}");
            assert!(check(&Order { salt: 2, ..order }, EXCHANGE, NETWORK).is_err(), "{kind:?}");
            assert!(check(&Order { side: Side::Sell, ..order }, EXCHANGE, NETWORK).is_err(), "{kind:?}");
        }
    }

    #[test]
    fn only_the_owner_signs_for_a_wallet() {
        for kind in [SignatureType::Proxy, SignatureType::Safe] {
            // Signed well, by somebody who owns another wallet.
            let order = Order { signer: key(2).address(), ..order(kind) };
            let signature = sign(&order, &key(2), EXCHANGE, NETWORK);
            let error = BadSignature::WrongWallet { signed_by: key(2).address(), maker: order.maker };
            assert_eq!(check(&order, &signature, EXCHANGE, NETWORK), Err(error));
        }
        let order = order(SignatureType::DepositWallet);
        let signature = sign(&order, &key(2), EXCHANGE, NETWORK);
        let error = BadSignature::WrongWallet { signed_by: key(2).address(), maker: order.maker };
        assert_eq!(check(&order, &signature, EXCHANGE, NETWORK), Err(error));
    }

    #[test]
    fn an_order_of_another_signer_or_maker_is_refused() {
        let plain = order(SignatureType::Eoa);
        let signature = sign(&plain, &key(2), EXCHANGE, NETWORK);
        let error = BadSignature::WrongSigner { signed_by: key(2).address(), expected: key(1).address() };
        assert_eq!(check(&plain, &signature, EXCHANGE, NETWORK), Err(error));

        let other = Order { maker: contracts::PUSD, ..plain };
        let signature = sign(&other, &key(1), EXCHANGE, NETWORK);
        assert_eq!(check(&other, &signature, EXCHANGE, NETWORK), Err(BadSignature::MakerIsNotSigner));

        let deposit = Order { signer: key(1).address(), ..order(SignatureType::DepositWallet) };
        let signature = sign(&deposit, &key(1), EXCHANGE, NETWORK);
        assert_eq!(check(&deposit, &signature, EXCHANGE, NETWORK), Err(BadSignature::MakerIsNotSigner));
    }

    #[test]
    fn a_deposit_wallets_signature_carries_the_order_it_is_for() {
        let order = order(SignatureType::DepositWallet);
        let good = sign(&order, &key(1), EXCHANGE, NETWORK);
        let check = |signature: &[u8]| check(&order, signature, EXCHANGE, NETWORK);
        for at in [65, 97, 129, 316] {
            let mut wrong = good.clone();
            wrong[at] ^= 1;
            assert_eq!(check(&wrong), Err(BadSignature::WrongContents), "{at}");
        }
        assert_eq!(check(&good[..65]), Err(BadSignature::Length { bytes: 65 }));
        assert_eq!(check(&good[..316]), Err(BadSignature::Length { bytes: 316 }));
        assert_eq!(check(&[]), Err(BadSignature::Length { bytes: 0 }));
    }

    #[test]
    fn a_session_key_signs_for_a_deposit_wallet_and_is_named() {
        let order = order(SignatureType::DepositWallet);
        let good = sign_in_session(&order, &key(3), EXCHANGE, NETWORK);
        assert_eq!(good.len(), 480);
        assert_eq!(check(&order, &good, EXCHANGE, NETWORK), Ok(Signer::Session(key(3).address())));
        let mut wrong = good.clone();
        wrong[31] ^= 1;
        let expected = Address::from_slice(&wrong[12..32]);
        let error = BadSignature::WrongSigner { signed_by: key(3).address(), expected };
        assert_eq!(check(&order, &wrong, EXCHANGE, NETWORK), Err(error));
        let cut = [&good[..64], SESSION_MARK.as_slice()].concat();
        assert_eq!(check(&order, &cut, EXCHANGE, NETWORK), Err(BadSignature::Length { bytes: 96 }));
    }
}
