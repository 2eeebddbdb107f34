//! A transaction of an account of its own: what is signed and the bytes that are sent (type 2, EIP-1559).

use alloy::primitives::{B256, U256, keccak256};
use alloy::rlp::{Encodable, Header};

use super::Call;
use crate::venue::polymarket::Key;

const TYPE: u8 = 0x02;
const EMPTY_LIST: u8 = 0xc0;
/// More than this for a unit of gas is not paid, in wei: redemption can wait until it is cheaper.
pub const GAS_PRICE_MAX: u128 = 3_000_000_000_000;
/// Polygon's nodes take no lower tip.
const TIP_MIN: u128 = 25_000_000_000;

/// What is offered for a unit of gas, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fees {
    pub most: u128,
    pub tip: u128,
}

impl Fees {
    /// Returns fees that hold while the base fee doubles; `None` while gas is dearer than [`GAS_PRICE_MAX`].
    pub fn for_base(base: u128, tip: u128) -> Option<Fees> {
        let tip = tip.max(TIP_MIN);
        let most = base.saturating_mul(2).saturating_add(tip);
        (most <= GAS_PRICE_MAX).then_some(Fees { most, tip })
    }

    /// Returns fees with which a transaction takes the place of one with these: nodes want a tenth more.
    pub fn raised(self, now: Fees) -> Option<Fees> {
        let more = |fee: u128| fee.saturating_add(fee / 4);
        let fees = Fees { most: more(self.most).max(now.most), tip: more(self.tip).max(now.tip) };
        (fees.most <= GAS_PRICE_MAX).then_some(fees)
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub chain_id: u64,
    pub nonce: u64,
    pub fees: Fees,
    pub gas_limit: u64,
    pub call: Call,
}

impl Transaction {
    /// Returns the bytes of the signed transaction, and the hash that it is known by.
    pub fn sign(&self, key: &Key) -> (Vec<u8>, B256) {
        let mut fields = self.fields();
        let signature = key.sign(keccak256(framed(&fields)));
        (signature[64] == 28).encode(&mut fields);
        U256::from_be_slice(&signature[..32]).encode(&mut fields);
        U256::from_be_slice(&signature[32..64]).encode(&mut fields);
        let bytes = framed(&fields);
        let hash = keccak256(&bytes);
        (bytes, hash)
    }

    /// Returns the fields one after another, without the list around them.
    fn fields(&self) -> Vec<u8> {
        let Transaction { chain_id, nonce, fees, gas_limit, call } = self;
        let mut out = Vec::with_capacity(128 + call.data.len());
        let nothing = U256::ZERO;
        let fields: [&dyn Encodable; 8] =
            [chain_id, nonce, &fees.tip, &fees.most, gas_limit, &call.to, &nothing, &call.data];
        fields.iter().for_each(|field| field.encode(&mut out));
        out.push(EMPTY_LIST);
        out
    }
}

fn framed(fields: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(fields.len() + 6);
    out.push(TYPE);
    Header { list: true, payload_length: fields.len() }.encode(&mut out);
    out.extend_from_slice(fields);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sim::chain::transaction as node;
    use crate::venue::polymarket::contracts::ROUTER;

    const GWEI: u128 = 1_000_000_000;

    #[test]
    fn a_node_reads_what_was_signed() {
        let key = Key::from_bytes([7; 32]).expect("a key");
        // Until both parities have occurred: a signature says which of two keys made it.
        let mut parities = [false; 2];
        for nonce in 0..12 {
            let fees = Fees::for_base(30 * GWEI, 31 * GWEI).expect("cheap");
            let call = Call { to: ROUTER, data: vec![1, 2, 3].into() };
            let (bytes, hash) = Transaction { chain_id: 137, nonce, fees, gas_limit: 200_000, call }.sign(&key);
            let read = node::Transaction::decode(&bytes, 137).expect("a transaction");
            assert_eq!((read.from, read.hash), (key.address(), hash));
            assert_eq!((read.body.nonce, read.body.to, read.body.gas_limit), (nonce, Some(ROUTER), 200_000));
            assert_eq!((read.body.value, read.body.input.as_ref()), (U256::ZERO, [1, 2, 3].as_slice()));
            assert_eq!(read.body.fees, node::Fees::Dynamic { max_fee: 91 * GWEI, max_priority: 31 * GWEI });
            parities[usize::from(read.is_odd)] = true;
        }
        assert_eq!(parities, [true; 2]);
    }

    #[test]
    fn gas_that_is_too_dear_is_not_paid() {
        let most = |base: u128, tip: u128| Fees::for_base(base * GWEI, tip * GWEI).map(|fees| fees.most / GWEI);
        assert_eq!(most(100, 1), Some(225), "a tip below the least of the chain is raised to it");
        assert_eq!(most(1_400, 200), Some(3_000));
        assert_eq!(most(1_401, 200), None);
        let now = Fees::for_base(10 * GWEI, 30 * GWEI).expect("cheap");
        let before = Fees { most: 100 * GWEI, tip: 40 * GWEI };
        assert_eq!(before.raised(now), Some(Fees { most: 125 * GWEI, tip: 50 * GWEI }));
        assert_eq!(now.raised(before), Some(Fees { most: 100 * GWEI, tip: 40 * GWEI }));
        assert_eq!(Fees { most: 2_500 * GWEI, tip: GWEI }.raised(now), None);
    }
}
