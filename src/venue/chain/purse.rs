//! Our wallet on the chain: what it holds and allows, and how its calls are signed, sent and followed: as transactions of its
//! own, or through the relayer where the wallet is a contract.

use std::fmt;
use std::sync::Arc;

use alloy::primitives::{Address, U256};
use alloy::sol_types::SolCall;

use super::{ChainError, Node, Relayer, RelayerKey};
use crate::clock;
use crate::config::{ChainConfig, KeyPlace};
use crate::domain::{Generation, Usdc, money::ONE};
use crate::secret::{
    Sealed, Wallet,
    place::{path_of, read},
};
use crate::venue::polymarket::contracts::{CONDITIONAL_TOKENS, POSITION_MANAGER, PUSD};
use crate::venue::polymarket::onchain::{
    Answer, Approval, Call, Progress, Signed, Ticket, Transaction, abi, approvals, relayed,
};
use crate::venue::polymarket::redeem::{Market, Power, Verdict, position};
use crate::venue::polymarket::{Key, Network, SignatureType};

/// Blocks on top of a transaction's, after which it stays: some sixteen seconds.
const CONFIRMATIONS: u64 = 8;
/// How long a deposit wallet's request holds, in seconds.
const DEADLINE_SECS: u64 = 300;

/// Whose wallet it is, and what signs and sends for it.
#[derive(Clone, Debug)]
pub struct Setup {
    pub wallet: Address,
    pub kind: SignatureType,
    pub network: Network,
    /// The owner's key; a session key is none.
    pub owner: Option<Arc<Sealed>>,
    /// What sends for a contract wallet.
    pub relayer: Option<Relayer>,
}

/// The wallet, and a node to ask about it.
#[derive(Clone, Debug)]
pub struct Purse {
    pub node: Node,
    setup: Setup,
}

/// Why there is nothing to send. Nothing was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// The owner's key is not here, or nothing that sends for his wallet.
    NoPower,
    /// The account has a transaction that is in no block: the next would wait behind it.
    Waits {
        nonce: u64,
    },
    TooDear,
    Chain(ChainError),
}

/// What a market's end pays, as the chain was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reported {
    Nothing,
    /// To each outcome of a V2 condition, of the sum of both. Which of them a token is, the venue knows.
    Outcomes([U256; 2]),
    /// For all the shares of a V3 position, in millionths.
    Pays(u64),
}

impl Setup {
    /// Returns what the settings say of a wallet whose key was read. Fails where the relayer's key cannot be read.
    pub fn of(wallet: &Wallet, chain: &ChainConfig) -> Result<Setup, String> {
        let Wallet { key, signature_type: kind, funder, is_session, network } = wallet;
        let owner = (!is_session).then(|| Arc::clone(key));
        let relayer = match (&chain.relayer_key, kind) {
            (None, _) | (_, SignatureType::Eoa) => None,
            (Some(place), SignatureType::Proxy | SignatureType::Safe | SignatureType::DepositWallet) => {
                Some(Relayer::new(&chain.relayer_url, relayer_key(place)?))
            }
        };
        Ok(Setup { wallet: *funder, kind: *kind, network: *network, owner, relayer })
    }
}

fn relayer_key(place: &KeyPlace) -> Result<RelayerKey, String> {
    let path = path_of(place).map_err(|error| error.to_string())?;
    let text = read(&path).map_err(|error| error.to_string())?;
    RelayerKey::parse(&text).map_err(|wrong| format!("chain.relayer_key, {}: {wrong}", path.display()))
}

impl Purse {
    /// Returns the wallet with the node of the settings; `None` where they name no node.
    pub fn of(wallet: &Wallet, chain: &ChainConfig) -> Result<Option<Purse>, String> {
        let Some(url) = &chain.rpc_url else { return Ok(None) };
        Ok(Some(Purse::new(Node::new(url), Setup::of(wallet, chain)?)))
    }

    pub fn new(node: Node, setup: Setup) -> Purse {
        Purse { node, setup }
    }

    pub fn wallet(&self) -> Address {
        self.setup.wallet
    }

    pub fn network(&self) -> Network {
        self.setup.network
    }

    /// Returns what its calls are sent by.
    pub fn power(&self) -> Power {
        let Setup { kind, owner, relayer, .. } = &self.setup;
        match (kind, owner, relayer) {
            (_, None, _) | (SignatureType::Proxy | SignatureType::Safe | SignatureType::DepositWallet, _, None) => {
                Power::NeedsOwner
            }
            (SignatureType::Eoa, Some(_), _) => Power::Direct,
            (SignatureType::Proxy | SignatureType::Safe | SignatureType::DepositWallet, Some(_), Some(_)) => {
                Power::Relayed
            }
        }
    }

    /// Returns its dollars, in millionths.
    pub async fn money(&self) -> Result<U256, ChainError> {
        let data = abi::Erc20::balanceOfCall { owner: self.setup.wallet }.abi_encode().into();
        Ok(self.node.words(&[Call { to: PUSD, data }]).await?[0])
    }

    /// Returns every approval with what it allows, and whether that is enough.
    pub async fn approvals(&self) -> Result<Vec<(Approval, U256, bool)>, ChainError> {
        let money = self.money().await?;
        let all = approvals::all(self.setup.network);
        let questions = all.map(|approval| Call { to: approval.token, data: approval.question(self.setup.wallet) });
        let answers = self.node.words(&questions).await?;
        let judged = all.into_iter().zip(answers);
        Ok(judged.map(|(approval, answer)| (approval, answer, approval.suffices(answer, money))).collect())
    }

    /// Returns what it holds of tokens of one generation, in millionths.
    pub async fn held(&self, generation: Generation, tokens: &[U256]) -> Result<Vec<u64>, ChainError> {
        self.node.balances(position::contract(generation), self.setup.wallet, tokens).await
    }

    /// Returns what the chain was told of the ends of these tokens' markets, for so many shares of each.
    pub async fn reported(&self, tokens: &[(U256, u64, Market)]) -> Result<Vec<Reported>, ChainError> {
        let questions: Vec<Call> =
            tokens.iter().flat_map(|(token, shares, market)| ends(*token, *shares, *market)).collect();
        let mut answers = self.node.words(&questions).await?.into_iter();
        let mut next = || answers.next().unwrap_or_default();
        let read = |(_, _, market): &(U256, u64, Market)| match market {
            Market::V2 { .. } => {
                let (sum, outcomes) = (next(), [next(), next()]);
                if sum.is_zero() { Reported::Nothing } else { Reported::Outcomes(outcomes) }
            }
            Market::V3 => match next() {
                // A position that lost is as one whose end is not known: there is nothing to redeem.
                none if none.is_zero() => Reported::Nothing,
                pays => Reported::Pays(u64::try_from(pays).unwrap_or(u64::MAX)),
            },
        };
        Ok(tokens.iter().map(read).collect())
    }

    /// Signs calls with the next nonce; with `again`, to take the place of what was sent before, under its nonce and for more.
    /// Calls that would revert are refused here, with the contract's words. An account of its own makes one call at a time.
    pub async fn sign(&self, calls: &[Call], again: Option<&Signed>) -> Result<Signed, Unsigned> {
        let Setup { wallet, kind, network, owner, relayer } = &self.setup;
        if let Some(relayed @ Signed::Relayed { .. }) = again {
            return Ok(relayed.clone());
        }
        let mut gas_limit = 0;
        for call in calls {
            gas_limit = with_margin(self.node.gas(*wallet, call).await?);
        }
        let key = owner.as_ref().ok_or(Unsigned::NoPower)?;
        if *kind == SignatureType::Eoa {
            let [call] = calls else { return Err(Unsigned::NoPower) };
            return self.transaction(key, call, gas_limit, again).await;
        }
        let relayer = relayer.as_ref().ok_or(Unsigned::NoPower)?;
        let turn = relayer.turn(key.address(), *kind).await?;
        let body = match kind {
            SignatureType::Eoa => return Err(Unsigned::NoPower),
            SignatureType::Safe => relayed::safe(key, *wallet, calls, turn, *network),
            SignatureType::Proxy => {
                let gas = self.node.gas(key.address(), &relayed::proxy_call(calls)).await?;
                relayed::proxy(key, *wallet, calls, turn, with_margin(gas))
            }
            SignatureType::DepositWallet => {
                let deadline = clock::system().as_secs() + DEADLINE_SECS;
                relayed::deposit(key, *wallet, calls, turn.nonce, deadline, *network)
            }
        };
        Ok(Signed::Relayed { body: body.to_string() })
    }

    async fn transaction(
        &self,
        key: &Key,
        call: &Call,
        gas_limit: u64,
        again: Option<&Signed>,
    ) -> Result<Signed, Unsigned> {
        let fees = self.node.fees().await?.ok_or(Unsigned::TooDear)?;
        let (nonce, fees) = match again {
            Some(Signed::Transaction { body, .. }) => (body.nonce, body.fees.raised(fees).ok_or(Unsigned::TooDear)?),
            Some(Signed::Relayed { .. }) | None => {
                let nonces = self.node.nonces(key.address()).await?;
                if nonces.mined < nonces.pending {
                    // It may be ours, of before a restart, or somebody's own: it is not replaced.
                    return Err(Unsigned::Waits { nonce: nonces.mined });
                }
                (nonces.mined, fees)
            }
        };
        let chain_id = self.setup.network.chain_id();
        let body = Transaction { chain_id, nonce, fees, gas_limit, call: call.clone() };
        let (bytes, hash) = body.sign(key);
        Ok(Signed::Transaction { body, bytes, hash })
    }

    /// Sends what was signed, once.
    pub async fn send(&self, signed: &Signed) -> Answer {
        match (signed, &self.setup.relayer) {
            (Signed::Relayed { body }, Some(relayer)) => relayer.submit(body).await,
            (Signed::Relayed { .. }, None) => Answer::Refused(Unsigned::NoPower.to_string()),
            (Signed::Transaction { bytes, hash, .. }, _) => match self.node.send(bytes).await {
                Ok(()) => Answer::Taken(Ticket::Transaction(*hash)),
                Err(ChainError::TooMany { host, secs }) => {
                    Answer::Later { why: format!("{host}: the node is asked too often"), secs }
                }
                Err(error) if error.is_in_doubt() => Answer::Unknown(error.to_string()),
                Err(error) => Answer::Refused(error.to_string()),
            },
        }
    }

    /// Returns how far something is. Of several, one at most is executed: they have one nonce.
    pub async fn progress(&self, tickets: &[Ticket]) -> Result<Progress, ChainError> {
        for ticket in tickets {
            let progress = match (ticket, &self.setup.relayer) {
                (Ticket::Relayed(id), Some(relayer)) => relayer.progress(id).await?,
                (Ticket::Relayed(_), None) => Progress::Waiting,
                (Ticket::Transaction(hash), _) => match self.node.receipt(*hash).await? {
                    None => Progress::Waiting,
                    Some(receipt) if !receipt.succeeded => {
                        Progress::Failed(format!("undone in block {}: transaction {hash}", receipt.block))
                    }
                    Some(receipt) if receipt.block + CONFIRMATIONS <= self.node.block_number().await? => {
                        Progress::Confirmed
                    }
                    Some(_) => Progress::Mined,
                },
            };
            if progress != Progress::Waiting {
                return Ok(progress);
            }
        }
        Ok(Progress::Waiting)
    }
}

/// Returns the questions for how a token's market ended.
fn ends(token: U256, shares: u64, market: Market) -> Vec<Call> {
    match market {
        Market::V2 { condition, .. } => {
            let numerator = |outcome: u64| {
                let index = U256::from(outcome);
                abi::ConditionalTokens::payoutNumeratorsCall { conditionId: condition, index }.abi_encode()
            };
            let denominator = abi::ConditionalTokens::payoutDenominatorCall { conditionId: condition }.abi_encode();
            let calls = [denominator, numerator(0), numerator(1)];
            calls.map(|data| Call { to: CONDITIONAL_TOKENS, data: data.into() }).into()
        }
        Market::V3 => {
            let data =
                abi::PositionManager::getPayoutCall { positionId: token, amount: U256::from(shares) }.abi_encode();
            vec![Call { to: POSITION_MANAGER, data: data.into() }]
        }
    }
}

impl Reported {
    /// Returns what shares are worth. `word` is what the venue says that one of this token pays, in millionths.
    pub fn verdict(self, shares: u64, word: Option<u32>) -> Verdict {
        let of = |ppm: u64| u128::from(shares) * u128::from(ppm) / u128::from(ONE);
        let pays = |micros: u128| Verdict::Pays(Usdc(i64::try_from(micros).unwrap_or(i64::MAX)));
        match (self, word) {
            (Reported::Nothing, _) => Verdict::Open,
            (Reported::Pays(micros), _) => pays(micros.into()),
            (Reported::Outcomes([one, other]), _) if one == other => pays(of(ONE / 2)),
            (Reported::Outcomes(_), None) => Verdict::Open,
            (Reported::Outcomes(_), Some(0)) => Verdict::Lost,
            (Reported::Outcomes(_), Some(word)) => pays(of(word.into())),
        }
    }
}

/// Returns a quarter more than an estimate: the state may have changed by then.
const fn with_margin(gas: u64) -> u64 {
    gas.saturating_add(gas / 4)
}

impl From<ChainError> for Unsigned {
    fn from(error: ChainError) -> Unsigned {
        Unsigned::Chain(error)
    }
}

impl fmt::Display for Unsigned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Unsigned::NoPower => write!(
                f,
                "nothing here can sign for this wallet: it takes its owner's key, and for a contract wallet chain.relayer_key"
            ),
            Unsigned::Waits { nonce } => write!(
                f,
                "the account has a transaction (nonce {nonce}) that is in no block yet; if it stays so, speed it up or cancel \
                 it in your wallet"
            ),
            Unsigned::TooDear => write!(f, "gas is dearer than 3000 gwei; it waits until it is cheaper"),
            Unsigned::Chain(error) => error.fmt(f),
        }
    }
}
impl std::error::Error for Unsigned {}
