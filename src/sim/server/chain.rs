//! Where the world meets the chain: what the exchange says becomes transactions, and what wallets do on the chain changes what
//! the exchange holds.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use alloy::primitives::{Address, B256, Log, U256};

use super::World;
use super::hub::Hub;
use super::private::Record;
use super::relayer::{RelayerHost, RelayerKey};
use crate::clock::now;
use crate::domain::{Nanos, Shares, Side, Usdc};
use crate::sim::chain::moves::Mover;
use crate::sim::chain::rpc::Node;
use crate::sim::chain::serve::Host;
use crate::sim::chain::{Chain, Condition, Match, Revert, Signed, Terms, Token, Vault};
use crate::sim::exchange::{
    AccountId, Asset, Event, Exchange as Books, Leg, MarketId, Move, MoveKind, OrderId, Standing, TransactionHash,
};
use crate::sim::message::{Activity, Deed, Message, Outcome, Resolution};
use crate::sim::workload::Person;
use crate::venue::polymarket::{Exchange, SignatureType};

/// How many renamed transactions are remembered: the activity feed tells a fill only a moment after its match.
const RENAMED_MAX: usize = 10_000;

/// What the exchange called transactions until the chain made them, and what they are called now.
#[derive(Debug, Default)]
pub struct Renamed {
    names: HashMap<String, String>,
    oldest: VecDeque<String>,
}

impl Renamed {
    fn note(&mut self, was: TransactionHash, is: TransactionHash) {
        let was = was.to_string();
        self.oldest.push_back(was.clone());
        self.names.insert(was, is.to_string());
        if self.oldest.len() > RENAMED_MAX
            && let Some(oldest) = self.oldest.pop_front()
        {
            self.names.remove(&oldest);
        }
    }

    /// Returns a message that names the chain's transaction.
    pub fn in_message(&self, mut message: Message) -> Message {
        if let Message::LastTrade { transaction, .. } | Message::Activity(Activity { transaction, .. }) = &mut message
            && let Some(name) = self.names.get(transaction)
        {
            transaction.clone_from(name);
        }
        message
    }
}

impl Host for World {
    fn with_node<R>(&self, work: impl FnOnce(&mut Node<'_>) -> R) -> R {
        let now = now();
        let mut hub = self.hub();
        let result = hub.with_chain(|chain, hub| work(&mut Node { chain, vault: hub, now }));
        hub.tell(now);
        result
    }
}

impl RelayerHost for World {
    fn relayer_key(&self, id: &str) -> Option<RelayerKey> {
        let key = self.hub().desk.identity.key(id)?;
        Some(RelayerKey { secret: key.secret.clone(), passphrase: key.passphrase.clone(), address: key.address })
    }
}

impl Hub {
    /// Lends the chain and the rest of the world apart from each other.
    fn with_chain<R>(&mut self, work: impl FnOnce(&mut Chain, &mut Hub) -> R) -> R {
        let mut chain = self.chain.take().expect("the chain is lent to one at a time");
        let result = work(&mut chain, self);
        self.chain = Some(chain);
        result
    }

    /// Lets the chain's time pass, as far as its node knows; what it changed at the exchange is told.
    pub fn advance_chain(&mut self, now: Nanos) {
        let seen = now.since(Nanos::from_millis(self.pending.knobs.rpc_lag_ms));
        self.with_chain(|chain, hub| chain.advance(seen, hub));
        self.tell(now);
    }

    /// Puts what the exchange said on the chain, and gives each match the hash of the transaction that was made for it.
    pub fn put_on_chain(&mut self, events: &mut [Event], at: Nanos) {
        for event in events {
            match event {
                Event::Matched(trade) => {
                    let Some(listing) = self.listing_of(trade.market) else { continue };
                    let condition = Condition::of(&listing);
                    let taker = self.signed(&trade.taker, &condition);
                    let makers: Vec<Signed> = trade.makers.iter().map(|leg| self.signed(leg, &condition)).collect();
                    let of = Match { trade, condition: &condition, taker: &taker, makers: &makers };
                    let hash = self.chain.as_mut().expect("not lent now").matched(&of);
                    self.renamed.note(trade.transaction, TransactionHash(hash.0));
                    // From here on everybody sees the orders and the transaction as they are on the chain.
                    let named = Arc::make_mut(trade);
                    named.transaction = TransactionHash(hash.0);
                    let legs = std::iter::once(&mut named.taker).chain(&mut named.makers);
                    for (leg, signed) in legs.zip(std::iter::once(&taker).chain(&makers)) {
                        leg.order = OrderId(signed.id.0);
                    }
                    self.exchange_mut().name_trade(trade);
                }
                Event::Settled { trade, to } => {
                    let hash = self.chain.as_mut().expect("not lent now").settled(trade.id, *to, at);
                    if let Some(hash) = hash.map(|hash| TransactionHash(hash.0)) {
                        Arc::make_mut(trade).transaction = hash;
                        self.exchange_mut().name_trade(trade);
                    }
                }
                Event::Moved(moved) => self.move_on_chain(moved, at),
                Event::Resolved { market, resolution } => {
                    if let Some(listing) = self.listing_of(*market) {
                        let payouts = payouts(*resolution);
                        let chain = self.chain.as_mut().expect("not lent now");
                        chain.resolved(&Condition::of(&listing), payouts, at);
                    }
                }
                Event::Book { .. }
                | Event::Order { .. }
                | Event::Released { .. }
                | Event::Tick { .. }
                | Event::Closed { .. } => {}
            }
        }
    }

    /// Notes what somebody did with his shares, by the transaction that did it, or by one that tells of it.
    fn move_on_chain(&mut self, moved: &Move, at: Nanos) {
        let Some(listing) = self.listing_of(moved.market) else { return };
        let hash = match self.moved_by.pop_front() {
            Some(hash) => hash,
            None => {
                let condition = Condition::of(&listing);
                let (owner, through) = (self.desk.identity.address(moved.account), Mover::usual(condition.exchange));
                let logs = logs_of(moved, &Mover { condition: &condition, owner, through });
                self.chain.as_mut().expect("not lent now").done(through, logs, at)
            }
        };
        if let Some(person) = self.workload.person(moved.account).cloned() {
            let Person { wallet, name } = person;
            let at = crate::domain::Millis(at.as_millis());
            let deed = Deed { listing, wallet, name, moved: *moved, at, transaction: hash.to_string() };
            self.tell_deed(deed);
        }
    }

    /// Lets a transaction do something at the exchange, and remembers that it did.
    fn by_transaction<R>(&mut self, work: impl FnOnce(&mut Books) -> R) -> R {
        let before = self.exchange().moves();
        let result = work(self.exchange_mut());
        for _ in before..self.exchange().moves() {
            self.moved_by.push_back(self.acting);
        }
        result
    }

    /// Returns the order of a leg as its owner signed it, or as the house would have.
    fn signed(&mut self, leg: &Leg, condition: &Condition) -> Signed {
        if let Some(Record { entry, .. }) = self.desk.orders.get(&leg.order) {
            let (id, signature) = (B256::from(leg.order.0), entry.signature.clone().into());
            return Signed { order: entry.order, id, signature };
        }
        let (collateral, shares) = (leg.collateral.0.unsigned_abs(), leg.shares.0);
        let of_leg = match leg.side {
            Side::Buy => (collateral, shares),
            Side::Sell => (shares, collateral),
        };
        let order = self.exchange().order(&leg.order);
        let (maker_amount, taker_amount) =
            order.map_or(of_leg, |order| (order.new.maker_amount, order.new.taker_amount));
        let placed_at = order.map_or(Nanos::ZERO, |order| order.placed_at);
        let number = leg.order.0.last_chunk().map_or(0, |bytes| u64::from_be_bytes(*bytes));
        let terms = Terms {
            number,
            token: condition.tokens[leg.outcome.index()],
            side: leg.side,
            maker_amount,
            taker_amount,
            placed_at: crate::domain::Millis(placed_at.as_millis()),
        };
        let wallet = self.desk.identity.address(leg.account);
        let house = &mut self.chain.as_mut().expect("not lent now").house;
        if house.wallet(leg.account) != wallet {
            house.settle_in(leg.account, wallet);
        }
        house.sign(leg.account, &terms, condition.exchange)
    }

    /// Replaces the newest blocks.
    pub fn reorganise(&mut self, blocks: u64) {
        self.with_chain(|chain, _| chain.reorganise(blocks as usize));
    }

    pub fn set_log_misses(&mut self, ppm: u32) {
        self.with_chain(|chain, _| chain.log_miss_ppm = ppm);
    }

    /// Returns whether a deposit wallet authorised this key through the relayer.
    pub fn has_session_on_chain(&self, wallet: Address, key: Address, now: Nanos) -> bool {
        self.chain.as_ref().is_some_and(|chain| chain.contracts.has_session(wallet, key, now))
    }

    /// Returns the keys that a deposit wallet authorised through the relayer, and until when.
    pub fn sessions_on_chain(&self, wallet: Address, now: Nanos) -> Vec<(Address, u64)> {
        self.chain.as_ref().map_or_else(Vec::new, |chain| chain.contracts.sessions_of(wallet, now))
    }

    fn account_of(&self, wallet: Address) -> Option<AccountId> {
        self.desk.identity.wallet(wallet).map(|wallet| wallet.account)
    }

    /// Returns the account behind a wallet and a condition's market, for something that only accounts can do.
    fn account_and_market(&self, wallet: Address, condition: B256) -> Result<(AccountId, MarketId), Revert> {
        let account = self.account_of(wallet).ok_or_else(|| Revert("nothing is held by this wallet".to_owned()))?;
        let market = self.market_of_condition(&condition.to_string());
        Ok((account, market.ok_or_else(|| Revert("condition not prepared yet".to_owned()))?))
    }
}

fn logs_of(moved: &Move, mover: &Mover<'_>) -> Vec<Log> {
    let shares = moved.shares.map(|shares| shares.0);
    let paid = moved.collateral.iter().map(|dollars| dollars.0.max(0) as u64).sum();
    match moved.kind {
        MoveKind::Split => mover.split(shares[0]),
        MoveKind::Merge => mover.merged(shares[0]),
        MoveKind::Redeem => mover.redeemed(shares, paid),
        MoveKind::Convert => mover.moved(mover.owner, Address::ZERO, shares),
        // Who gives to whom stands in the log of the other side; what comes out of a conversion comes from nobody.
        MoveKind::Receive => mover.moved(Address::ZERO, mover.owner, shares),
        MoveKind::Send => mover.moved(mover.owner, Address::ZERO, shares),
    }
}

const fn payouts(resolution: Resolution) -> [u64; 2] {
    match resolution {
        Resolution::Won(Outcome::Yes) => [1, 0],
        Resolution::Won(Outcome::No) => [0, 1],
        Resolution::Even => [1, 1],
    }
}

/// Returns what an allowance of a kind is about. One of shares is for all markets.
const fn asset(token: Token) -> Asset {
    match token {
        Token::Collateral => Asset::Collateral,
        Token::Positions => Asset::ALL_SHARES,
    }
}

impl Vault for Hub {
    fn is_wallet(&self, wallet: Address) -> bool {
        self.desk.identity.wallet(wallet).is_some_and(|wallet| wallet.kind != SignatureType::Eoa)
    }

    fn collateral(&self, wallet: Address) -> u64 {
        self.account_of(wallet).map_or(0, |account| self.exchange().balance(account).held.0.max(0) as u64)
    }

    fn position(&self, wallet: Address, token: U256) -> u64 {
        let spot = self.spot(&token.to_string());
        let (Some(account), Some(spot)) = (self.account_of(wallet), spot) else { return 0 };
        self.exchange().shares(account, spot.market, spot.outcome).held.0
    }

    fn condition(&self, id: B256) -> Option<Condition> {
        let market = self.market_of_condition(&id.to_string())?;
        let condition = Condition::of(&*self.listing_of(market)?);
        let payouts = match self.exchange().standing(market)? {
            Standing::Open | Standing::Closed => None,
            Standing::Resolved(resolution) => Some(payouts(resolution)),
        };
        Some(Condition { payouts, ..condition })
    }

    fn condition_of(&self, token: U256) -> Option<Condition> {
        let spot = self.spot(&token.to_string())?;
        Vault::condition(self, Condition::of(&spot.listing).id)
    }

    fn allowance(&self, wallet: Address, exchange: Exchange, token: Token) -> u64 {
        let account = self.account_of(wallet);
        account.map_or(0, |account| self.exchange().allowance(account, exchange, asset(token)))
    }

    fn begin(&mut self, transaction: B256) {
        self.acting = transaction;
    }

    fn allow(&mut self, wallet: Address, exchange: Exchange, token: Token, amount: u64) {
        if let Some(account) = self.account_of(wallet) {
            self.exchange_mut().approve(account, exchange, asset(token), amount);
        }
    }

    fn redeem(&mut self, wallet: Address, condition: B256) -> Result<u64, Revert> {
        let (account, market) = self.account_and_market(wallet, condition)?;
        Ok(self.by_transaction(|exchange| exchange.redeem(account, market)).0.max(0) as u64)
    }

    fn split(&mut self, wallet: Address, condition: B256, amount: u64) -> Result<(), Revert> {
        let (account, market) = self.account_and_market(wallet, condition)?;
        let split = self.by_transaction(|exchange| exchange.split(account, market, Shares(amount)));
        split.map_err(|_| Revert("ERC20: transfer amount exceeds balance".to_owned()))
    }

    fn merge(&mut self, wallet: Address, condition: B256, amount: u64) -> Result<(), Revert> {
        let (account, market) = self.account_and_market(wallet, condition)?;
        let merge = self.by_transaction(|exchange| exchange.merge(account, market, Shares(amount)));
        merge.map_err(|_| Revert("ERC1155: burn amount exceeds balance".to_owned()))
    }

    fn pay(&mut self, from: Address, to: Address, amount: u64) -> Result<(), Revert> {
        let short = || Revert("ERC20: transfer amount exceeds balance".to_owned());
        let from = self.account_of(from).ok_or_else(short)?;
        let amount = Usdc(i64::try_from(amount).map_err(|_| short())?);
        self.exchange_mut().withdraw(from, amount).map_err(|_| short())?;
        if let Some(to) = self.account_of(to) {
            self.exchange_mut().deposit(to, amount);
        }
        Ok(())
    }
}
