//! What our wallet does on the chain itself, outside the order book: which contract it calls with what, and how that is
//! signed: as a transaction of its own, or as a request to the venue's relayer where the wallet is a contract. Pure, as all of
//! the cryptography; [`crate::venue::chain`] sends it.

pub mod abi;
pub mod approvals;
pub mod relayed;
pub mod transaction;

use alloy::primitives::{Address, B256, Bytes};

pub use approvals::{Approval, Purpose};
pub use transaction::{Fees, Transaction};

/// What a wallet asks a contract to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub to: Address,
    pub data: Bytes,
}

/// Calls that are signed. To send it a second time does nothing new: whoever takes it takes each nonce once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    Transaction {
        body: Transaction,
        bytes: Vec<u8>,
        hash: B256,
    },
    /// The body of a request to the relayer, as it is sent.
    Relayed {
        body: String,
    },
}

impl Signed {
    pub const fn is_transaction(&self) -> bool {
        match self {
            Signed::Transaction { .. } => true,
            Signed::Relayed { .. } => false,
        }
    }
}

/// What something that was sent is asked for by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ticket {
    Transaction(B256),
    /// The relayer's id.
    Relayed(String),
}

/// What became of a send.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Taken(Ticket),
    /// No answer, or one that nobody understands: it may have been taken.
    Unknown(String),
    /// Certainly not taken.
    Refused(String),
    /// Not taken now; the quota, or something else of this wallet is in its way.
    Later {
        why: String,
        secs: u64,
    },
}

/// How far something is that was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Progress {
    /// Not in a block, as far as is known.
    Waiting,
    /// In a block that may still be replaced.
    Mined,
    /// In a block that stays.
    Confirmed,
    /// It was executed and undone, or will never be.
    Failed(String),
}
