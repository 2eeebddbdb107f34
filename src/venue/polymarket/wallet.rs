//! Which wallets belong to an owner: addresses that follow from his own (CREATE2; PROTOCOL.md 1.7).

use alloy::primitives::{Address, B256, b256, hex, keccak256};

use super::contracts::{
    DEPOSIT_WALLET_BEACON, DEPOSIT_WALLET_FACTORY, DEPOSIT_WALLET_IMPLEMENTATION, PROXY_FACTORY, SAFE_FACTORY,
};
use super::order::SignatureType;

const PROXY_INIT_HASH: B256 = b256!("d21df8dc65880a8606f09fe0ce3df9b8869287ab0b058be05aa9e8af6330a00b");
const SAFE_INIT_HASH: B256 = b256!("2bce2127ff07fb632d16c8347c4ebf501f4841168bed00d9e6ef715ddb6fcecf");

/// Returns the proxy wallet of an owner.
pub fn proxy(owner: Address) -> Address {
    PROXY_FACTORY.create2(keccak256(owner), PROXY_INIT_HASH)
}

/// Returns the Safe of an owner.
pub fn safe(owner: Address) -> Address {
    SAFE_FACTORY.create2(keccak256(owner.into_word()), SAFE_INIT_HASH)
}

/// Returns the deposit wallet that the factory makes for an owner today: behind a beacon.
pub fn deposit(owner: Address) -> Address {
    deposit_wallet(
        owner,
        &[
            &hex!("6100923d8160233d3973"),
            DEPOSIT_WALLET_BEACON.as_slice(),
            &hex!("60195155f3363d3d373d3d363d602036600436635c60da"),
            &hex!("1b60e01b36527fa3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6c"),
            &hex!("b3582b35133d50545afa5036515af43d6000803e604d573d6000fd5b3d6000f3"),
        ],
    )
}

/// Returns the deposit wallet that the factory made for an owner before there was a beacon: a UUPS proxy.
pub fn deposit_uups(owner: Address) -> Address {
    deposit_wallet(
        owner,
        &[
            &hex!("61007d3d8160233d3973"),
            DEPOSIT_WALLET_IMPLEMENTATION.as_slice(),
            &hex!("60095155f3363d3d373d3d363d7f360894a13ba1a3210667c828492db98dca3e2076"),
            &hex!("cc3735a920a3ca505d382bbc545af43d6000803e6038573d6000fd5b3d6000f3"),
        ],
    )
}

/// Returns whether `wallet` is a wallet of that kind that belongs to `owner`.
pub fn belongs(wallet: Address, kind: SignatureType, owner: Address) -> bool {
    match kind {
        SignatureType::Eoa => wallet == owner,
        SignatureType::Proxy => wallet == proxy(owner),
        SignatureType::Safe => wallet == safe(owner),
        SignatureType::DepositWallet => wallet == deposit(owner) || wallet == deposit_uups(owner),
    }
}

/// Returns where the factory puts a proxy whose code is `parts`, with the owner as an immutable argument behind it.
fn deposit_wallet(owner: Address, parts: &[&[u8]]) -> Address {
    let arguments = [DEPOSIT_WALLET_FACTORY.into_word(), owner.into_word()].concat();
    let code = [parts.concat().as_slice(), &arguments].concat();
    DEPOSIT_WALLET_FACTORY.create2(keccak256(&arguments), keccak256(code))
}

#[cfg(test)]
mod tests {
    use alloy::primitives::address;

    use super::*;

    #[test]
    fn wallets_are_where_the_official_client_finds_them() {
        let owner = address!("f39Fd6e51aad88F6F4ce6aB8827279cffFb92266");
        for (wallet, expected, kind) in [
            (proxy(owner), address!("365f0CA36Ae1f641E02fE3B7743673da42A13A70"), SignatureType::Proxy),
            (safe(owner), address!("d93B25cb943D14d0d34FBaF01Fc93a0f8b5F6E47"), SignatureType::Safe),
            (deposit(owner), address!("Bc0fF067b7740Eff76C1ca93c875Ba6B890d6B50"), SignatureType::DepositWallet),
            (deposit_uups(owner), address!("df8b9E8f9AB23f261F6e1B171B7454ae6E46Ba76"), SignatureType::DepositWallet),
            (owner, owner, SignatureType::Eoa),
        ] {
            assert_eq!(wallet, expected, "{kind:?}");
            assert!(belongs(wallet, kind, owner));
            assert!(!belongs(wallet, kind, PROXY_FACTORY), "{kind:?}");
        }
    }
}
