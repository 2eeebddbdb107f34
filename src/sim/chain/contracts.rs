//! The contracts that a wallet calls: what they answer, whether they would revert, and what they do. Money and positions are
//! the [`Vault`]'s; approvals of contracts other than exchanges, session keys and nonces of wallets are kept here.

use std::collections::{HashMap, HashSet};
use std::fmt;

use alloy::primitives::{Address, B256, Bytes, Log, U256};
use alloy::sol_types::{Revert as RevertReason, SolError, SolEvent};

use super::abi;
use super::action::{self, Action};
use super::moves::{merge, redeem, split, transfer};
use super::settlement::{log, positions};
use super::vault::{Condition, Token, Vault};
use crate::domain::Nanos;
use crate::venue::polymarket::contracts as known;
use crate::venue::polymarket::{Exchange, Network};

/// Something that a wallet does: an EOA by its own transaction, a contract wallet through the relayer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    pub from: Address,
    pub to: Address,
    pub input: Bytes,
}

/// A contract's no.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Revert(pub String);

impl Revert {
    /// Returns `Error(string)` as a contract returns it.
    pub fn data(&self) -> Bytes {
        RevertReason::from(self.0.as_str()).abi_encode().into()
    }
}

impl fmt::Display for Revert {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() { write!(f, "execution reverted") } else { write!(f, "execution reverted: {}", self.0) }
    }
}

/// All contracts that have code whatever happens.
const CODE: [Address; 17] = [
    known::PUSD,
    known::USDC_E,
    known::CONDITIONAL_TOKENS,
    known::POSITION_MANAGER,
    known::ROUTER,
    known::AUTO_REDEEMER,
    known::COLLATERAL_ADAPTER,
    known::NEG_RISK_COLLATERAL_ADAPTER,
    known::NEG_RISK_ADAPTER,
    known::ONRAMP,
    known::OFFRAMP,
    known::PROXY_FACTORY,
    known::SAFE_FACTORY,
    known::SAFE_MULTISEND,
    known::DEPOSIT_WALLET_FACTORY,
    known::RELAY_HUB,
    known::UMA_ADAPTER,
];

#[derive(Debug, Default)]
pub struct Contracts {
    network: Network,
    /// Of spenders that are no exchange: (token, owner, spender).
    allowances: HashMap<(Address, Address, Address), U256>,
    /// Likewise: (token, owner, operator).
    operators: HashSet<(Address, Address, Address)>,
    /// Until when (in seconds) a deposit wallet lets a key sign.
    sessions: HashMap<(Address, Address), u64>,
    /// Wallets that were made while this ran.
    created: HashSet<Address>,
    /// What the relayer has executed for a wallet.
    wallet_nonces: HashMap<Address, u64>,
}

impl Contracts {
    pub fn new(network: Network) -> Contracts {
        Contracts { network, ..Contracts::default() }
    }

    pub fn has_code(&self, vault: &dyn Vault, address: Address) -> bool {
        CODE.contains(&address)
            || self.exchange_at(address).is_some()
            || self.created.contains(&address)
            || vault.is_wallet(address)
    }

    /// Returns whether a deposit wallet lets a key sign orders at that time.
    pub fn has_session(&self, wallet: Address, key: Address, now: Nanos) -> bool {
        self.sessions.get(&(wallet, key)).is_some_and(|until| now.as_secs() < *until)
    }

    /// Returns the keys that may sign for a deposit wallet at that time, and until when, in seconds since 1970.
    pub fn sessions_of(&self, wallet: Address, now: Nanos) -> Vec<(Address, u64)> {
        let own = self.sessions.iter().filter(|((of, _), until)| *of == wallet && now.as_secs() < **until);
        let mut own: Vec<(Address, u64)> = own.map(|((_, key), until)| (*key, *until)).collect();
        own.sort_unstable();
        own
    }

    /// Returns how many transactions a contract wallet has executed.
    pub fn wallet_nonce(&self, wallet: Address) -> u64 {
        self.wallet_nonces.get(&wallet).copied().unwrap_or_default()
    }

    pub fn count_wallet_transaction(&mut self, wallet: Address) {
        *self.wallet_nonces.entry(wallet).or_default() += 1;
    }

    pub fn was_created(&self, wallet: Address) -> bool {
        self.created.contains(&wallet)
    }

    pub fn create_wallet(&mut self, wallet: Address) {
        self.created.insert(wallet);
    }

    /// Refuses a call that would revert as things are now.
    pub fn check(&self, vault: &dyn Vault, call: &Call) -> Result<(), Revert> {
        self.allowed(vault, call).map(|_| ())
    }

    /// Does what all calls ask for, or nothing from the first on that reverts; returns their logs. A call that reverts only
    /// because of one before it in the same batch leaves that one done.
    pub fn perform(&mut self, vault: &mut dyn Vault, calls: &[Call]) -> Result<Vec<Log>, Revert> {
        calls.iter().try_for_each(|call| self.check(vault, call))?;
        let mut logs = Vec::new();
        for call in calls {
            let action = self.allowed(vault, call)?;
            self.act(vault, call.from, action, &mut logs)?;
        }
        Ok(logs)
    }

    /// Returns what a call asks for, unless it would revert.
    fn allowed(&self, vault: &dyn Vault, call: &Call) -> Result<Action, Revert> {
        let action = self.read(vault, call)?;
        let owner = call.from;
        match &action {
            Action::Nothing
            | Action::Approve { .. }
            | Action::ApproveAll { .. }
            | Action::Authorize { .. }
            | Action::Revoke { .. } => {}
            Action::Pay { amount, .. } => self.check_collateral(vault, owner, *amount)?,
            Action::Redeem { condition, collateral, through } => {
                let condition = self.condition(vault, *condition, *through, *collateral)?;
                if condition.payouts.is_none() {
                    return Err(revert("result for condition not received yet"));
                }
                self.check_operator(vault, owner, &condition, *through)?;
            }
            Action::Split { condition, collateral, through, amount } => {
                let condition = self.condition(vault, *condition, *through, *collateral)?;
                if condition.payouts.is_some() {
                    return Err(revert("condition already resolved"));
                }
                self.check_collateral(vault, owner, *amount)?;
                if self.allowance(vault, known::PUSD, owner, *through) < U256::from(*amount) {
                    return Err(revert("ERC20: insufficient allowance"));
                }
            }
            Action::Merge { condition, collateral, through, amount } => {
                let condition = self.condition(vault, *condition, *through, *collateral)?;
                self.check_operator(vault, owner, &condition, *through)?;
                if condition.tokens.iter().any(|token| vault.position(owner, *token) < *amount) {
                    return Err(revert("ERC1155: burn amount exceeds balance"));
                }
            }
        }
        Ok(action)
    }

    fn act(
        &mut self,
        vault: &mut dyn Vault,
        owner: Address,
        action: Action,
        logs: &mut Vec<Log>,
    ) -> Result<(), Revert> {
        match action {
            Action::Nothing => {}
            Action::Approve { spender, amount } => {
                match self.exchange_at(spender) {
                    Some(exchange) => {
                        let amount = u64::try_from(amount).unwrap_or(u64::MAX);
                        vault.allow(owner, exchange, Token::Collateral, amount);
                    }
                    None => drop(self.allowances.insert((known::PUSD, owner, spender), amount)),
                }
                let approval = abi::Erc20::Approval { owner, spender, value: amount };
                logs.push(log(known::PUSD, approval.encode_log_data()));
            }
            Action::ApproveAll { token, operator, approved } => {
                self.let_operate(vault, (token, owner, operator), approved);
                let approval = abi::Erc1155::ApprovalForAll { owner, operator, approved };
                logs.push(log(token, approval.encode_log_data()));
            }
            Action::Pay { to, amount } => {
                vault.pay(owner, to, amount)?;
                logs.push(transfer(owner, to, amount));
            }
            Action::Redeem { condition, through, .. } => redeem(vault, owner, condition, through, logs)?,
            Action::Split { condition, through, amount, .. } => {
                self.wear(known::PUSD, owner, through, amount);
                split(vault, owner, condition, through, amount, logs)?;
            }
            Action::Merge { condition, through, amount, .. } => {
                merge(vault, owner, condition, through, amount, logs)?;
            }
            Action::Authorize { key, until } => drop(self.sessions.insert((owner, key), until)),
            Action::Revoke { key } => drop(self.sessions.remove(&(owner, key))),
        }
        Ok(())
    }

    /// Reads what a call asks for. Reverts without a reason, as a contract does, where it has no such function.
    fn read(&self, vault: &dyn Vault, call: &Call) -> Result<Action, Revert> {
        if !self.has_code(vault, call.to) {
            return Ok(Action::Nothing);
        }
        action::read(call).ok_or_else(|| revert(""))
    }

    /// Returns the condition that a contract is asked about, if that contract has it.
    fn condition(
        &self,
        vault: &dyn Vault,
        id: B256,
        through: Address,
        collateral: Address,
    ) -> Result<Condition, Revert> {
        let condition = vault.condition(id).ok_or_else(|| revert("condition not prepared yet"))?;
        let (fits, wanted) = match condition.exchange {
            Exchange::V2 => (
                through == known::CONDITIONAL_TOKENS || through == known::COLLATERAL_ADAPTER,
                "this condition is binary",
            ),
            Exchange::V2NegRisk => (
                through == known::CONDITIONAL_TOKENS || through == known::NEG_RISK_COLLATERAL_ADAPTER,
                "this condition is neg-risk",
            ),
            Exchange::V3 => (through == known::ROUTER, "condition not prepared yet"),
        };
        if !fits {
            return Err(revert(wanted));
        }
        if collateral != known::PUSD && !(through == known::CONDITIONAL_TOKENS && collateral == known::USDC_E) {
            return Err(revert("unknown collateral"));
        }
        Ok(condition)
    }

    fn check_collateral(&self, vault: &dyn Vault, owner: Address, amount: u64) -> Result<(), Revert> {
        if vault.collateral(owner) < amount {
            return Err(revert("ERC20: transfer amount exceeds balance"));
        }
        Ok(())
    }

    /// Refuses unless the owner calls the token contract himself or lets the adapter move his positions.
    fn check_operator(
        &self,
        vault: &dyn Vault,
        owner: Address,
        condition: &Condition,
        through: Address,
    ) -> Result<(), Revert> {
        let token = positions(condition.exchange);
        if through == token || self.is_operator(vault, token, owner, through) {
            return Ok(());
        }
        Err(revert("ERC1155: need operator approval for 3rd party transfers."))
    }

    fn let_operate(&mut self, vault: &mut dyn Vault, of: (Address, Address, Address), approved: bool) {
        let (token, owner, operator) = of;
        match self.exchange_at(operator) {
            Some(exchange) if token == positions(exchange) => {
                vault.allow(owner, exchange, Token::Positions, if approved { u64::MAX } else { 0 });
            }
            _ if approved => drop(self.operators.insert(of)),
            _ => drop(self.operators.remove(&of)),
        }
    }

    pub(super) fn allowance(&self, vault: &dyn Vault, token: Address, owner: Address, spender: Address) -> U256 {
        match self.exchange_at(spender).filter(|_| token == known::PUSD) {
            Some(exchange) => match vault.allowance(owner, exchange, Token::Collateral) {
                u64::MAX => U256::MAX,
                amount => U256::from(amount),
            },
            None => self.allowances.get(&(token, owner, spender)).copied().unwrap_or_default(),
        }
    }

    pub(super) fn is_operator(&self, vault: &dyn Vault, token: Address, owner: Address, operator: Address) -> bool {
        match self.exchange_at(operator).filter(|exchange| token == positions(*exchange)) {
            Some(exchange) => vault.allowance(owner, exchange, Token::Positions) > 0,
            None => self.operators.contains(&(token, owner, operator)),
        }
    }

    /// Uses up an allowance; the endless one does not wear.
    fn wear(&mut self, token: Address, owner: Address, spender: Address, amount: u64) {
        if let Some(left) = self.allowances.get_mut(&(token, owner, spender))
            && *left != U256::MAX
        {
            *left = left.saturating_sub(U256::from(amount));
        }
    }

    fn exchange_at(&self, address: Address) -> Option<Exchange> {
        Exchange::ALL.into_iter().find(|exchange| exchange.address(self.network) == address)
    }
}

pub(super) fn revert(reason: &str) -> Revert {
    Revert(reason.to_owned())
}
