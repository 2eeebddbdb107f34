//! A transaction as a wallet sends it: its bytes, its hash, who signed it. Legacy and type 2 only.

use std::fmt;

use alloy::primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy::rlp::{self, Decodable, Encodable, Header};

use crate::venue::polymarket::Key;
use crate::venue::polymarket::key::recover;

/// How gas is paid for; decides the form on the wire.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fees {
    Legacy {
        gas_price: u128,
    },
    /// Type 2 (EIP-1559), with an empty access list.
    Dynamic {
        max_fee: u128,
        max_priority: u128,
    },
}

/// What is signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsigned {
    pub chain_id: u64,
    pub nonce: u64,
    pub fees: Fees,
    pub gas_limit: u64,
    /// `None` makes a contract.
    pub to: Option<Address>,
    pub value: U256,
    pub input: Bytes,
}

/// A transaction with its signature, which names its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Transaction {
    pub body: Unsigned,
    pub from: Address,
    pub hash: B256,
    pub is_odd: bool,
    pub r: U256,
    pub s: U256,
}

/// Why bytes are no transaction of this chain; written as a node writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadTransaction {
    Rlp(rlp::Error),
    Unsupported,
    WrongChain {
        have: u64,
        want: u64,
    },
    Unprotected,
    InvalidSender,
    /// Nobody here has a use for access lists.
    AccessList,
}

const DYNAMIC: u8 = 0x02;
const EMPTY_LIST: u8 = 0xc0;

impl Fees {
    /// Returns fees that suffice on this chain.
    pub fn usual() -> Fees {
        Fees::Dynamic { max_fee: 120_000_000_000, max_priority: 30_000_000_000 }
    }

    pub const fn type_number(&self) -> u8 {
        match self {
            Fees::Legacy { .. } => 0,
            Fees::Dynamic { .. } => DYNAMIC,
        }
    }
}

impl Unsigned {
    pub fn sign(self, key: &Key) -> Transaction {
        let signature = key.sign(self.signing_hash());
        let mut transaction = Transaction {
            body: self,
            from: key.address(),
            hash: B256::ZERO,
            is_odd: signature[64] == 28,
            r: U256::from_be_slice(&signature[..32]),
            s: U256::from_be_slice(&signature[32..64]),
        };
        transaction.hash = keccak256(transaction.bytes());
        transaction
    }

    fn signing_hash(&self) -> B256 {
        let mut fields = self.fields();
        match self.fees {
            Fees::Legacy { .. } => {
                self.chain_id.encode(&mut fields);
                fields.extend_from_slice(&[0x80, 0x80]);
                keccak256(list(&fields))
            }
            Fees::Dynamic { .. } => keccak256([&[DYNAMIC], list(&fields).as_slice()].concat()),
        }
    }

    /// Returns the fields one after another, without the list around them.
    fn fields(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(128 + self.input.len());
        let to = self.to.map_or(TxKind::Create, TxKind::Call);
        match &self.fees {
            Fees::Legacy { gas_price } => {
                let head: [&dyn Encodable; 3] = [&self.nonce, gas_price, &self.gas_limit];
                head.iter().for_each(|field| field.encode(&mut out));
            }
            Fees::Dynamic { max_fee, max_priority } => {
                let head: [&dyn Encodable; 5] = [&self.chain_id, &self.nonce, max_priority, max_fee, &self.gas_limit];
                head.iter().for_each(|field| field.encode(&mut out));
            }
        }
        let tail: [&dyn Encodable; 3] = [&to, &self.value, &self.input];
        tail.iter().for_each(|field| field.encode(&mut out));
        if let Fees::Dynamic { .. } = self.fees {
            out.push(EMPTY_LIST);
        }
        out
    }
}

impl Transaction {
    /// Reads a transaction for `chain_id` and recovers its sender.
    pub fn decode(bytes: &[u8], chain_id: u64) -> Result<Transaction, BadTransaction> {
        let (mut rest, is_legacy) = match bytes.first() {
            Some(&DYNAMIC) => (&bytes[1..], false),
            Some(EMPTY_LIST..) => (bytes, true),
            Some(_) => return Err(BadTransaction::Unsupported),
            None => return Err(BadTransaction::Rlp(rlp::Error::InputTooShort)),
        };
        let mut fields = Header::decode_bytes(&mut rest, true)?;
        if !rest.is_empty() {
            return Err(BadTransaction::Rlp(rlp::Error::UnexpectedLength));
        }
        let (body, is_odd) =
            if is_legacy { decode_legacy(&mut fields, chain_id)? } else { decode_dynamic(&mut fields, chain_id)? };
        let (r, s) = (U256::decode(&mut fields)?, U256::decode(&mut fields)?);
        if !fields.is_empty() {
            return Err(BadTransaction::Rlp(rlp::Error::UnexpectedLength));
        }
        let signature = [&r.to_be_bytes::<32>()[..], &s.to_be_bytes::<32>(), &[u8::from(is_odd)]].concat();
        let from = recover(body.signing_hash(), &signature).map_err(|_| BadTransaction::InvalidSender)?;
        Ok(Transaction { body, from, hash: keccak256(bytes), is_odd, r, s })
    }

    /// Returns the bytes that [`Transaction::hash`] is the hash of.
    pub fn bytes(&self) -> Vec<u8> {
        let mut fields = self.body.fields();
        self.v().encode(&mut fields);
        self.r.encode(&mut fields);
        self.s.encode(&mut fields);
        match self.body.fees {
            Fees::Legacy { .. } => list(&fields),
            Fees::Dynamic { .. } => [&[DYNAMIC], list(&fields).as_slice()].concat(),
        }
    }

    /// Returns `v` as it stands in the bytes: of a legacy transaction, with the chain in it (EIP-155).
    pub fn v(&self) -> u64 {
        let parity = u64::from(self.is_odd);
        match self.body.fees {
            Fees::Legacy { .. } => self.body.chain_id * 2 + 35 + parity,
            Fees::Dynamic { .. } => parity,
        }
    }
}

fn decode_legacy(fields: &mut &[u8], chain_id: u64) -> Result<(Unsigned, bool), BadTransaction> {
    let (nonce, gas_price, gas_limit) = (u64::decode(fields)?, u128::decode(fields)?, u64::decode(fields)?);
    let (to, value, input) = (TxKind::decode(fields)?, U256::decode(fields)?, Bytes::decode(fields)?);
    let v = u64::decode(fields)?;
    let protected = v.checked_sub(35).ok_or(BadTransaction::Unprotected)?;
    check_chain(protected / 2, chain_id)?;
    let fees = Fees::Legacy { gas_price };
    Ok((Unsigned { chain_id, nonce, fees, gas_limit, to: to.to().copied(), value, input }, protected % 2 == 1))
}

fn decode_dynamic(fields: &mut &[u8], chain_id: u64) -> Result<(Unsigned, bool), BadTransaction> {
    check_chain(u64::decode(fields)?, chain_id)?;
    let (nonce, max_priority, max_fee) = (u64::decode(fields)?, u128::decode(fields)?, u128::decode(fields)?);
    let gas_limit = u64::decode(fields)?;
    let (to, value, input) = (TxKind::decode(fields)?, U256::decode(fields)?, Bytes::decode(fields)?);
    if !Header::decode_bytes(fields, true)?.is_empty() {
        return Err(BadTransaction::AccessList);
    }
    let is_odd = bool::decode(fields)?;
    let fees = Fees::Dynamic { max_fee, max_priority };
    Ok((Unsigned { chain_id, nonce, fees, gas_limit, to: to.to().copied(), value, input }, is_odd))
}

fn check_chain(have: u64, want: u64) -> Result<(), BadTransaction> {
    if have == want { Ok(()) } else { Err(BadTransaction::WrongChain { have, want }) }
}

fn list(fields: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(fields.len() + 5);
    Header { list: true, payload_length: fields.len() }.encode(&mut out);
    out.extend_from_slice(fields);
    out
}

impl From<rlp::Error> for BadTransaction {
    fn from(error: rlp::Error) -> BadTransaction {
        BadTransaction::Rlp(error)
    }
}

impl fmt::Display for BadTransaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            BadTransaction::Rlp(error) => write!(f, "rlp: {error}"),
            BadTransaction::Unsupported => write!(f, "transaction type not supported"),
            BadTransaction::WrongChain { have, want } => {
                write!(f, "invalid sender: invalid chain id for signer: have {have} want {want}")
            }
            BadTransaction::Unprotected => {
                write!(f, "only replay-protected (EIP-155) transactions allowed over RPC")
            }
            BadTransaction::InvalidSender => write!(f, "invalid sender"),
            BadTransaction::AccessList => {
                write!(f, "transaction with an access list: this simulated node takes empty ones only")
            }
        }
    }
}
impl std::error::Error for BadTransaction {}

#[cfg(test)]
mod tests {
    use alloy::primitives::{address, hex};

    use super::*;

    /// The example of EIP-155 itself: key 0x46 x 32, chain 1.
    #[test]
    fn the_example_of_eip_155_is_made_byte_for_byte() {
        let key = Key::from_bytes([0x46; 32]).expect("a key");
        let body = Unsigned {
            chain_id: 1,
            nonce: 9,
            fees: Fees::Legacy { gas_price: 20_000_000_000 },
            gas_limit: 21_000,
            to: Some(address!("3535353535353535353535353535353535353535")),
            value: U256::from(1_000_000_000_000_000_000_u64),
            input: Bytes::new(),
        };
        let expected = hex!(
            "f86c098504a817c800825208943535353535353535353535353535353535353535880de0b6b3a76400008025a028ef61340bd939bc2195fe537567866003e1a15d3c71ff63e1590620aa636276a067cbe9d8997f761aecb703304b3800ccf555c9f3dc64214b297fb1966a3b6d83"
        );
        let signed = body.sign(&key);
        assert_eq!(signed.bytes(), expected);
        assert_eq!(Transaction::decode(&expected, 1), Ok(signed));
    }

    #[test]
    fn a_transaction_survives_its_bytes() {
        let key = Key::from_bytes([1; 32]).expect("a key");
        let body = Unsigned {
            chain_id: 137,
            nonce: 0,
            fees: Fees::usual(),
            gas_limit: 100_000,
            to: None,
            value: U256::ZERO,
            input: Bytes::from(vec![1, 2, 3]),
        };
        let signed = body.clone().sign(&key);
        assert_eq!(signed.from, key.address());
        assert_eq!(Transaction::decode(&signed.bytes(), 137), Ok(signed.clone()));
        let changed = Transaction { body: Unsigned { nonce: 1, ..body }, ..signed };
        let other = Transaction::decode(&changed.bytes(), 137).map(|transaction| transaction.from);
        assert_ne!(other, Ok(key.address()), "another nonce, so not what the key signed");
    }

    #[test]
    fn what_is_no_transaction_is_refused_as_by_a_node() {
        let key = Key::from_bytes([1; 32]).expect("a key");
        let body = Unsigned {
            chain_id: 1,
            nonce: 0,
            fees: Fees::usual(),
            gas_limit: 1,
            to: None,
            value: U256::ZERO,
            input: Bytes::new(),
        };
        let other_chain = body.clone().sign(&key).bytes();
        let legacy = Unsigned { fees: Fees::Legacy { gas_price: 1 }, ..body };
        let unprotected = list(&[legacy.fields(), vec![27, 1, 1]].concat());
        let trailing = [other_chain.as_slice(), &[0]].concat();
        for (bytes, text) in [
            (vec![], "rlp: input too short"),
            (vec![0x03, 0xc0], "transaction type not supported"),
            (vec![0x01], "transaction type not supported"),
            (vec![0xc2, 0x01], "rlp: input too short"),
            (vec![0xc0], "rlp: input too short"),
            (trailing, "rlp: unexpected length"),
            (other_chain, "invalid sender: invalid chain id for signer: have 1 want 137"),
            (unprotected, "only replay-protected (EIP-155) transactions allowed over RPC"),
        ] {
            let error = Transaction::decode(&bytes, 137).expect_err("no transaction");
            assert_eq!(error.to_string(), text, "{bytes:02x?}");
        }
    }
}
