//! What owners of contract wallets sign for the relayer: read, checked, and made into calls (PROTOCOL.md 9.4).

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use alloy::sol_types::{Eip712Domain, SolCall, SolStruct, SolValue};

use super::abi;
use super::{Call, Chain};
use crate::domain::Nanos;
use crate::venue::polymarket::key::{BadSignature, recover};
use crate::venue::polymarket::order::digest;
use crate::venue::polymarket::signature::session_parts;
use crate::venue::polymarket::{SignatureType, contracts as known, wallet};

/// So many submissions are remembered.
const SUBMISSIONS_MAX: usize = 10_000;
/// Blocks after which a mined transaction counts as confirmed.
const CONFIRMED_AFTER: u64 = 2;

mod typed {
    alloy::sol! {
        struct SafeTx {
            address to;
            uint256 value;
            bytes data;
            uint8 operation;
            uint256 safeTxGas;
            uint256 baseGas;
            uint256 gasPrice;
            address gasToken;
            address refundReceiver;
            uint256 nonce;
        }

        struct CreateProxy {
            address paymentToken;
            uint256 payment;
            address paymentReceiver;
        }

        struct Call {
            address target;
            uint256 value;
            bytes data;
        }

        struct Batch {
            address wallet;
            uint256 nonce;
            uint256 deadline;
            Call[] calls;
        }
    }
}

/// What is asked for, with all that its signature covers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Request {
    Safe(SafeRequest),
    Proxy(ProxyRequest),
    Wallet(WalletRequest),
    CreateSafe {
        owner: Address,
        signature: Bytes,
    },
    /// Needs no signature: anybody may pay for anybody's wallet.
    CreateWallet {
        owner: Address,
    },
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SafeRequest {
    pub owner: Address,
    pub safe: Address,
    pub to: Address,
    pub value: U256,
    pub data: Bytes,
    /// 0: call, 1: delegate call, of the multisend contract only.
    pub operation: u8,
    pub nonce: u64,
    pub signature: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProxyRequest {
    pub owner: Address,
    pub proxy: Address,
    /// The factory's `proxy` call.
    pub data: Bytes,
    pub gas_limit: U256,
    pub nonce: u64,
    pub signature: Bytes,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WalletRequest {
    /// The owner, or a session key.
    pub signer: Address,
    pub wallet: Address,
    pub nonce: u64,
    /// Seconds since 1970.
    pub deadline: u64,
    /// To whom, and what.
    pub calls: Vec<(Address, Bytes)>,
    pub signature: Bytes,
}

/// Why a request is not relayed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rejected {
    Signature(BadSignature),
    /// The wallet is not the signer's.
    NotOwner {
        wallet: Address,
    },
    NotDeployed {
        wallet: Address,
    },
    Nonce {
        batch: u64,
        on_chain: u64,
    },
    Busy,
    Expired,
    /// The call data are not those of the wallet's kind.
    BadCalls,
    AlreadyDeployed,
}

/// Something that was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submission {
    pub hash: B256,
    pub wallet: Address,
    pub owner: Address,
    pub kind: &'static str,
    pub at: Nanos,
}

/// How far a submission is; named as on the wire.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    New,
    Executed,
    Mined,
    Confirmed,
    Failed,
}

impl State {
    pub const fn name(self) -> &'static str {
        match self {
            State::New => "STATE_NEW",
            State::Executed => "STATE_EXECUTED",
            State::Mined => "STATE_MINED",
            State::Confirmed => "STATE_CONFIRMED",
            State::Failed => "STATE_FAILED",
        }
    }
}

/// What was submitted, by number.
#[derive(Debug, Default)]
pub struct Submissions {
    all: BTreeMap<u64, Submission>,
    counted: u64,
    /// The last one of each wallet.
    last: HashMap<Address, B256>,
}

impl Submissions {
    pub fn get(&self, number: u64) -> Option<&Submission> {
        self.all.get(&number)
    }

    fn add(&mut self, submission: Submission) -> u64 {
        self.counted += 1;
        self.last.insert(submission.wallet, submission.hash);
        self.all.insert(self.counted, submission);
        if self.all.len() > SUBMISSIONS_MAX
            && let Some((_, forgotten)) = self.all.pop_first()
            && self.last.get(&forgotten.wallet) == Some(&forgotten.hash)
        {
            self.last.remove(&forgotten.wallet);
        }
        self.counted
    }
}

impl Chain {
    /// Checks what an owner signed and sends it; mined in the next block. Returns the submission's number.
    /// `is_wallet` says whether a wallet stood before this chain began.
    pub fn submit_relayed(&mut self, request: &Request, is_wallet: bool, now: Nanos) -> Result<u64, Rejected> {
        let wallet = request.wallet();
        let deployed = is_wallet || self.contracts.was_created(wallet);
        match request {
            Request::CreateSafe { owner, signature } => self.check_creation(*owner, signature)?,
            Request::CreateWallet { .. } => {}
            Request::Safe(_) | Request::Proxy(_) | Request::Wallet(_) if !deployed => {
                // A proxy is made by its first transaction.
                if !matches!(request, Request::Proxy(_)) {
                    return Err(Rejected::NotDeployed { wallet });
                }
                self.contracts.create_wallet(wallet);
            }
            Request::Safe(_) | Request::Proxy(_) | Request::Wallet(_) => {}
        }
        if matches!(request, Request::CreateSafe { .. } | Request::CreateWallet { .. }) && deployed {
            return Err(Rejected::AlreadyDeployed);
        }
        if self.is_busy(wallet) {
            return Err(Rejected::Busy);
        }
        let (to, input, calls) = match request {
            Request::Safe(request) => self.safe_calls(request)?,
            Request::Proxy(request) => self.proxy_calls(request)?,
            Request::Wallet(request) => self.wallet_calls(request, now)?,
            Request::CreateSafe { .. } => (known::SAFE_FACTORY, Bytes::new(), Vec::new()),
            Request::CreateWallet { .. } => (known::DEPOSIT_WALLET_FACTORY, Bytes::new(), Vec::new()),
        };
        match request {
            Request::CreateSafe { .. } | Request::CreateWallet { .. } => self.contracts.create_wallet(wallet),
            Request::Safe(_) | Request::Proxy(_) | Request::Wallet(_) => {
                self.contracts.count_wallet_transaction(wallet);
            }
        }
        let hash = self.relay(to, input, calls, now);
        let (owner, kind) = (request.signer(), request.kind());
        Ok(self.submissions.add(Submission { hash, wallet, owner, kind, at: now }))
    }

    /// Returns how far a submission is.
    pub fn state_of(&self, submission: &Submission) -> State {
        let Some(known) = self.transaction(submission.hash) else {
            // Forgotten long after it was mined, or not heard of yet.
            return if self.known.contains_key(&submission.hash) { State::New } else { State::Confirmed };
        };
        match &known.receipt {
            None => State::Executed,
            Some(receipt) if !receipt.succeeded => State::Failed,
            Some(receipt) if receipt.block + CONFIRMED_AFTER <= self.latest().number => State::Confirmed,
            Some(_) => State::Mined,
        }
    }

    fn is_busy(&self, wallet: Address) -> bool {
        let last = self.submissions.last.get(&wallet).and_then(|hash| self.known.get(hash));
        last.is_some_and(|known| known.receipt.is_none())
    }

    fn check_nonce(&self, wallet: Address, batch: u64) -> Result<(), Rejected> {
        let on_chain = self.contracts.wallet_nonce(wallet);
        if batch == on_chain { Ok(()) } else { Err(Rejected::Nonce { batch, on_chain }) }
    }

    fn check_creation(&self, owner: Address, signature: &[u8]) -> Result<(), Rejected> {
        let domain = Eip712Domain::new(
            Some("Polymarket Contract Proxy Factory".into()),
            None,
            Some(U256::from(self.options.network.chain_id())),
            Some(known::SAFE_FACTORY),
            None,
        );
        let nobody = Address::ZERO;
        let create = typed::CreateProxy { paymentToken: nobody, payment: U256::ZERO, paymentReceiver: nobody };
        check_signer(digest(domain.separator(), create.eip712_hash_struct()), signature, owner)
    }

    fn safe_calls(&self, request: &SafeRequest) -> Result<(Address, Bytes, Vec<Call>), Rejected> {
        check_owner(request.owner, request.safe, SignatureType::Safe)?;
        self.check_nonce(request.safe, request.nonce)?;
        let domain =
            Eip712Domain::new(None, None, Some(U256::from(self.options.network.chain_id())), Some(request.safe), None);
        let transaction = typed::SafeTx {
            to: request.to,
            value: request.value,
            data: request.data.clone(),
            operation: request.operation,
            safeTxGas: U256::ZERO,
            baseGas: U256::ZERO,
            gasPrice: U256::ZERO,
            gasToken: Address::ZERO,
            refundReceiver: Address::ZERO,
            nonce: U256::from(request.nonce),
        };
        let hash = digest(domain.separator(), transaction.eip712_hash_struct());
        check_signer_of_safe(hash, &request.signature, request.owner)?;
        let calls = match request.operation {
            0 => vec![(request.to, request.data.clone())],
            1 if request.to == known::SAFE_MULTISEND => read_multisend(&request.data).ok_or(Rejected::BadCalls)?,
            _ => return Err(Rejected::BadCalls),
        };
        let outer = abi::Safe::execTransactionCall {
            to: request.to,
            value: request.value,
            data: request.data.clone(),
            operation: request.operation,
            safeTxGas: U256::ZERO,
            baseGas: U256::ZERO,
            gasPrice: U256::ZERO,
            gasToken: Address::ZERO,
            refundReceiver: Address::ZERO,
            signatures: request.signature.clone(),
        };
        Ok((request.safe, outer.abi_encode().into(), by(request.safe, calls)))
    }

    fn proxy_calls(&self, request: &ProxyRequest) -> Result<(Address, Bytes, Vec<Call>), Rejected> {
        check_owner(request.owner, request.proxy, SignatureType::Proxy)?;
        self.check_nonce(request.proxy, request.nonce)?;
        let word = |number: U256| number.to_be_bytes::<32>();
        let signed = [
            b"rlx:".as_slice(),
            request.owner.as_slice(),
            known::PROXY_FACTORY.as_slice(),
            &request.data,
            &word(U256::ZERO),
            &word(U256::ZERO),
            &word(request.gas_limit),
            &word(U256::from(request.nonce)),
            known::RELAY_HUB.as_slice(),
            self.relayer().as_slice(),
        ]
        .concat();
        check_signer(as_message(keccak256(signed)), &request.signature, request.owner)?;
        let call = abi::ProxyFactory::proxyCall::abi_decode(&request.data).map_err(|_| Rejected::BadCalls)?;
        let calls = call.calls.into_iter().map(|call| (call.to, call.data)).collect();
        let outer = abi::RelayHub::relayCallCall {
            from: request.owner,
            recipient: known::PROXY_FACTORY,
            encodedFunction: request.data.clone(),
            transactionFee: U256::ZERO,
            gasPrice: U256::ZERO,
            gasLimit: request.gas_limit,
            nonce: U256::from(request.nonce),
            signature: request.signature.clone(),
            approvalData: Bytes::new(),
        };
        Ok((known::RELAY_HUB, outer.abi_encode().into(), by(request.proxy, calls)))
    }

    /// Returns what the owner of a deposit wallet, or a session key, signs.
    pub fn batch_hash(&self, request: &WalletRequest) -> B256 {
        self.batch(request).1
    }

    fn batch(&self, request: &WalletRequest) -> (typed::Batch, B256) {
        let domain = Eip712Domain::new(
            Some("DepositWallet".into()),
            Some("1".into()),
            Some(U256::from(self.options.network.chain_id())),
            Some(request.wallet),
            None,
        );
        let call =
            |(target, data): &(Address, Bytes)| typed::Call { target: *target, value: U256::ZERO, data: data.clone() };
        let batch = typed::Batch {
            wallet: request.wallet,
            nonce: U256::from(request.nonce),
            deadline: U256::from(request.deadline),
            calls: request.calls.iter().map(call).collect(),
        };
        let hash = digest(domain.separator(), batch.eip712_hash_struct());
        (batch, hash)
    }

    fn wallet_calls(&self, request: &WalletRequest, now: Nanos) -> Result<(Address, Bytes, Vec<Call>), Rejected> {
        if request.deadline < now.as_secs() {
            return Err(Rejected::Expired);
        }
        self.check_nonce(request.wallet, request.nonce)?;
        let (batch, hash) = self.batch(request);
        match session_parts(&request.signature) {
            Some((key, inner)) => {
                if !self.contracts.has_session(request.wallet, key, now) {
                    return Err(Rejected::NotOwner { wallet: request.wallet });
                }
                check_signer(hash, &inner, key)?;
            }
            None => {
                check_owner(request.signer, request.wallet, SignatureType::DepositWallet)?;
                check_signer(hash, &request.signature, request.signer)?;
            }
        }
        let outer = (batch, request.signature.clone()).abi_encode_params();
        Ok((known::DEPOSIT_WALLET_FACTORY, outer.into(), by(request.wallet, request.calls.clone())))
    }
}

impl Request {
    pub fn wallet(&self) -> Address {
        match self {
            Request::Safe(request) => request.safe,
            Request::Proxy(request) => request.proxy,
            Request::Wallet(request) => request.wallet,
            Request::CreateSafe { owner, .. } => wallet::safe(*owner),
            Request::CreateWallet { owner } => wallet::deposit(*owner),
        }
    }

    pub fn signer(&self) -> Address {
        match self {
            Request::Safe(request) => request.owner,
            Request::Proxy(request) => request.owner,
            Request::Wallet(request) => request.signer,
            Request::CreateSafe { owner, .. } | Request::CreateWallet { owner } => *owner,
        }
    }

    pub const fn kind(&self) -> &'static str {
        match self {
            Request::Safe(_) => "SAFE",
            Request::Proxy(_) => "PROXY",
            Request::Wallet(_) => "WALLET",
            Request::CreateSafe { .. } => "SAFE-CREATE",
            Request::CreateWallet { .. } => "WALLET-CREATE",
        }
    }
}

fn by(from: Address, calls: Vec<(Address, Bytes)>) -> Vec<Call> {
    calls.into_iter().map(|(to, input)| Call { from, to, input }).collect()
}

fn check_owner(owner: Address, wallet: Address, kind: SignatureType) -> Result<(), Rejected> {
    if wallet::belongs(wallet, kind, owner) { Ok(()) } else { Err(Rejected::NotOwner { wallet }) }
}

fn check_signer(hash: B256, signature: &[u8], expected: Address) -> Result<(), Rejected> {
    let signed_by = recover(hash, signature).map_err(Rejected::Signature)?;
    if signed_by == expected {
        return Ok(());
    }
    Err(Rejected::Signature(BadSignature::WrongSigner { signed_by, expected }))
}

/// A Safe takes a plain signature, and one over the hash as a message, which it knows by a `v` that is 4 higher.
fn check_signer_of_safe(hash: B256, signature: &[u8], owner: Address) -> Result<(), Rejected> {
    match signature.split_last() {
        Some((v @ (31 | 32), rest)) => check_signer(as_message(hash), &[rest, &[v - 4]].concat(), owner),
        _ => check_signer(hash, signature, owner),
    }
}

/// Returns what a wallet signs when it is asked to sign a hash as a message (EIP-191).
fn as_message(hash: B256) -> B256 {
    keccak256([b"\x19Ethereum Signed Message:\n32".as_slice(), hash.as_slice()].concat())
}

/// Reads what the multisend contract is given: operation, address, value, length and data, one call after another.
fn read_multisend(data: &[u8]) -> Option<Vec<(Address, Bytes)>> {
    let packed = abi::MultiSend::multiSendCall::abi_decode(data).ok()?.transactions;
    let mut rest: &[u8] = &packed;
    let mut calls = Vec::new();
    while !rest.is_empty() {
        let (head, tail) = rest.split_at_checked(1 + 20 + 32 + 32)?;
        let length = usize::try_from(U256::from_be_slice(&head[53..])).ok()?;
        let (input, tail) = tail.split_at_checked(length)?;
        if head[0] != 0 {
            return None;
        }
        calls.push((Address::from_slice(&head[1..21]), Bytes::copy_from_slice(input)));
        rest = tail;
    }
    Some(calls)
}

impl fmt::Display for Rejected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Rejected::Signature(why) => write!(f, "invalid signature: {why}"),
            Rejected::NotOwner { wallet } => write!(f, "the signer does not own the wallet {wallet}"),
            Rejected::NotDeployed { wallet } => write!(f, "the wallet {wallet} is not deployed"),
            Rejected::Nonce { batch, on_chain } => {
                write!(f, "batch nonce {batch} does not match on-chain nonce {on_chain}")
            }
            Rejected::Busy => write!(f, "wallet busy: it has an active action"),
            Rejected::Expired => write!(f, "the deadline has passed"),
            Rejected::BadCalls => write!(f, "invalid data: not calls of a wallet of this type"),
            Rejected::AlreadyDeployed => write!(f, "the wallet is deployed already"),
        }
    }
}
impl std::error::Error for Rejected {}
