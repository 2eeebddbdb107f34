//! The chain over a real exchange: what is matched there is settled here, and what wallets do here changes things there.

mod node;
mod settling;
mod wallets;
mod wire;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};

use alloy::primitives::{Address, B256, U256};
use serde_json::{Value, json};

use super::rpc::Node;
use super::serve::Host;
use super::*;
use crate::domain::{FeeSchedule, Generation, Millis, Shares, Side, Tick, Usdc};
use crate::sim::exchange::{
    AccountId, Asset, Contract, Event, Exchange as Orders, Funds, Kind, MarketId, NewOrder, OrderId, Rules, Settings,
    Standing, Trade,
};
use crate::sim::listing::Listing;
use crate::sim::message::{Outcome, Resolution};
use crate::sim::random::Random;
use crate::venue::polymarket::{Exchange, Order, SignatureType, signature};

/// A whole number of blocks since 1970.
const START: Nanos = Nanos::from_secs(1_795_260_900);

/// Who holds what, kept by the exchange.
#[derive(Debug)]
pub(crate) struct Books {
    pub orders: Orders,
    accounts: HashMap<Address, AccountId>,
    /// Of those, the contract wallets that stand.
    wallets: Vec<Address>,
    pub conditions: Vec<Condition>,
}

impl Books {
    fn market(&self, condition: B256) -> MarketId {
        let index = self.conditions.iter().position(|known| known.id == condition).expect("a known condition");
        MarketId(index as u64)
    }

    fn wallet(&self, account: AccountId) -> Address {
        let found = self.accounts.iter().find(|(_, known)| **known == account);
        *found.expect("a known account").0
    }
}

fn asset(token: Token) -> Asset {
    match token {
        Token::Collateral => Asset::Collateral,
        Token::Positions => Asset::ALL_SHARES,
    }
}

impl Vault for Books {
    fn is_wallet(&self, wallet: Address) -> bool {
        self.wallets.contains(&wallet)
    }

    fn collateral(&self, wallet: Address) -> u64 {
        self.accounts.get(&wallet).map_or(0, |account| self.orders.balance(*account).held.0.max(0) as u64)
    }

    fn position(&self, wallet: Address, token: U256) -> u64 {
        let (Some(account), Some(condition)) = (self.accounts.get(&wallet), self.condition_of(token)) else { return 0 };
        let outcome = if condition.tokens[0] == token { Outcome::Yes } else { Outcome::No };
        self.orders.shares(*account, self.market(condition.id), outcome).held.0
    }

    fn condition(&self, id: B256) -> Option<Condition> {
        let condition = self.conditions.iter().find(|condition| condition.id == id)?;
        let payouts = match self.orders.standing(self.market(id))? {
            Standing::Open | Standing::Closed => None,
            Standing::Resolved(Resolution::Won(Outcome::Yes)) => Some([1, 0]),
            Standing::Resolved(Resolution::Won(Outcome::No)) => Some([0, 1]),
            Standing::Resolved(Resolution::Even) => Some([1, 1]),
        };
        Some(Condition { payouts, ..*condition })
    }

    fn condition_of(&self, token: U256) -> Option<Condition> {
        let condition = self.conditions.iter().find(|condition| condition.tokens.contains(&token))?;
        self.condition(condition.id)
    }

    fn allowance(&self, wallet: Address, exchange: Exchange, token: Token) -> u64 {
        let account = self.accounts.get(&wallet);
        account.map_or(0, |account| self.orders.allowance(*account, exchange, asset(token)))
    }

    fn begin(&mut self, _transaction: B256) {}

    fn allow(&mut self, wallet: Address, exchange: Exchange, token: Token, amount: u64) {
        if let Some(account) = self.accounts.get(&wallet) {
            self.orders.approve(*account, exchange, asset(token), amount);
        }
    }

    fn redeem(&mut self, wallet: Address, condition: B256) -> Result<u64, Revert> {
        let market = self.market(condition);
        let account = self.accounts.get(&wallet);
        Ok(account.map_or(0, |account| self.orders.redeem(*account, market).0 as u64))
    }

    fn split(&mut self, wallet: Address, condition: B256, amount: u64) -> Result<(), Revert> {
        let (market, account) = (self.market(condition), self.accounts[&wallet]);
        let split = self.orders.split(account, market, Shares(amount));
        split.map_err(|_| Revert("ERC20: transfer amount exceeds balance".into()))
    }

    fn merge(&mut self, wallet: Address, condition: B256, amount: u64) -> Result<(), Revert> {
        let (market, account) = (self.market(condition), self.accounts[&wallet]);
        let merge = self.orders.merge(account, market, Shares(amount));
        merge.map_err(|_| Revert("ERC1155: burn amount exceeds balance".into()))
    }

    fn pay(&mut self, from: Address, to: Address, amount: u64) -> Result<(), Revert> {
        let amount = Usdc(amount as i64);
        let taken = self.orders.withdraw(self.accounts[&from], amount);
        taken.map_err(|_| Revert("ERC20: transfer amount exceeds balance".into()))?;
        if let Some(to) = self.accounts.get(&to) {
            self.orders.deposit(*to, amount);
        }
        Ok(())
    }
}

/// An exchange, a chain, and the orders that were signed.
#[derive(Debug)]
pub(crate) struct World {
    pub books: Books,
    pub chain: Chain,
    signed: HashMap<OrderId, Signed>,
    pub now: Nanos,
    made: u64,
}

/// The first three accounts, each with $1,000 and every approval. Bob's wallet is a Safe.
const ALICE: AccountId = AccountId(0);
const BOB: AccountId = AccountId(1);
const CAROL: AccountId = AccountId(2);

fn key(account: AccountId) -> Key {
    Key::from_bytes([account.0 as u8 + 1; 32]).expect("a key")
}

impl World {
    pub(crate) fn new() -> World {
        let mut orders = Orders::new(Settings::default());
        let mut random = Random::new(3);
        let mut accounts = HashMap::new();
        for account in [ALICE, BOB, CAROL] {
            assert_eq!(orders.open_account(Funds::Of(Usdc::whole(1_000))), account);
            orders.approve_all(account);
            accounts.insert(wallet_of(account), account);
        }
        let mut conditions = Vec::new();
        // The standing markets: plain, plain, neg-risk, V3.
        for nth in 0..4 {
            let listing = Listing::standing(nth, &mut random, Millis(START.as_millis()));
            let rules = Rules {
                tick: Tick::CENT,
                minimum: Shares::whole(5),
                fee: FeeSchedule { rate_ppm: listing.fee_rate_ppm },
                hold: Nanos::ZERO,
                generation: listing.generation,
                neg_risk: listing.neg_risk,
            };
            orders.open_market(rules);
            conditions.push(Condition::of(&listing));
        }
        let mut chain = Chain::new(Options::usual(3, START));
        let mut books = Books { orders, accounts, wallets: Vec::new(), conditions };
        chain.advance(START, &mut books);
        World { books, chain, signed: HashMap::new(), now: START, made: 0 }
    }

    /// Opens an account with $1,000 and no approvals for a contract wallet that stands.
    pub(crate) fn adopt(&mut self, wallet: Address) -> AccountId {
        let account = self.books.orders.open_account(Funds::Of(Usdc::whole(1_000)));
        self.books.accounts.insert(wallet, account);
        self.books.wallets.push(wallet);
        account
    }

    /// Signs and places an order for whole shares, which is taken.
    fn place(&mut self, account: AccountId, market: u64, outcome: Outcome, side: Side, (price, shares): (u64, u64)) {
        let placed = self.try_place(account, market, outcome, side, (price, shares * 100));
        assert!(placed, "the order is taken");
    }

    /// Signs and places an order, at a price in cents and for hundredths of shares. Returns whether it was taken.
    pub(crate) fn try_place(
        &mut self,
        account: AccountId,
        market: u64,
        outcome: Outcome,
        side: Side,
        (price, hundredths): (u64, u64),
    ) -> bool {
        let condition = self.books.conditions[market as usize];
        let (shares, collateral) = (hundredths * 10_000, price * hundredths * 100);
        let (maker_amount, taker_amount) = match side {
            Side::Buy => (collateral, shares),
            Side::Sell => (shares, collateral),
        };
        self.made += 1;
        let order = Order {
            salt: self.made,
            maker: wallet_of(account),
            signer: key(account).address(),
            token: condition.tokens[outcome.index()],
            maker_amount,
            taker_amount,
            side,
            signature_type: kind_of(account),
            timestamp: Millis(self.now.as_millis()),
            metadata: B256::ZERO,
            builder: B256::ZERO,
        };
        let signature = signature::sign(&order, &key(account), condition.exchange, Network::Polygon);
        let id = order.id(condition.exchange, Network::Polygon);
        self.signed.insert(OrderId(id.0), Signed { order, id, signature: signature.into() });
        let new = NewOrder {
            id: OrderId(id.0),
            account,
            market: MarketId(market),
            outcome,
            side,
            maker_amount,
            taker_amount,
            kind: Kind::Gtc,
            post_only: false,
        };
        self.books.orders.place(self.now, new).is_ok()
    }

    /// Tells the chain what the exchange says; returns the trades that were matched, with their transactions.
    pub(crate) fn tell(&mut self) -> Vec<(std::sync::Arc<Trade>, B256)> {
        let events: Vec<Event> = self.books.orders.drain_events().collect();
        let mut matched = Vec::new();
        for event in events {
            match event {
                Event::Matched(trade) => {
                    let condition = self.books.conditions[trade.market.0 as usize];
                    let makers: Vec<Signed> = trade.makers.iter().map(|leg| self.signed[&leg.order].clone()).collect();
                    let taker = &self.signed[&trade.taker.order];
                    let of = Match { trade: &trade, condition: &condition, taker, makers: &makers };
                    let hash = self.chain.matched(&of);
                    matched.push((trade, hash));
                }
                Event::Settled { trade, to } => drop(self.chain.settled(trade.id, to, self.now)),
                Event::Resolved { market, resolution } => {
                    let condition = self.books.conditions[market.0 as usize];
                    let payouts = match resolution {
                        Resolution::Won(Outcome::Yes) => [1, 0],
                        Resolution::Won(Outcome::No) => [0, 1],
                        Resolution::Even => [1, 1],
                    };
                    self.chain.resolved(&condition, payouts, self.now);
                }
                Event::Book { .. }
                | Event::Order { .. }
                | Event::Moved(_)
                | Event::Released { .. }
                | Event::Tick { .. }
                | Event::Closed { .. } => {}
            }
        }
        matched
    }

    /// Lets so many milliseconds pass.
    pub(crate) fn pass(&mut self, millis: u64) {
        self.now = self.now.plus(Nanos::from_millis(millis));
        self.books.orders.advance(self.now);
        self.tell();
        self.chain.advance(self.now, &mut self.books);
    }

    fn ask(&mut self, method: &str, params: Value) -> Value {
        let request = json!({ "jsonrpc": "2.0", "id": 1, "method": method, "params": params }).to_string();
        self.answer(request.as_bytes()).expect("an answer")
    }

    /// Asks for something that is answered.
    pub(crate) fn get(&mut self, method: &str, params: Value) -> Value {
        let mut answer = self.ask(method, params);
        assert_eq!(answer.get("error"), None, "{method}");
        answer["result"].take()
    }

    fn answer(&mut self, text: &[u8]) -> Option<Value> {
        let mut node = rpc::Node { chain: &mut self.chain, vault: &mut self.books, now: self.now };
        rpc::answer(&mut node, &mut rpc::Caller::Http, text)
    }

    /// Signs and sends a call of an account's key.
    fn send(&mut self, account: AccountId, to: Address, call: Vec<u8>) -> Result<B256, Refusal> {
        let nonce = self.chain.nonce_pending(key(account).address());
        let raw = raw(&key(account), nonce, to, call);
        self.chain.submit(&raw, self.now)
    }
}

fn raw(key: &Key, nonce: u64, to: Address, input: Vec<u8>) -> Vec<u8> {
    let body = Unsigned {
        chain_id: 137,
        nonce,
        fees: Fees::usual(),
        gas_limit: 300_000,
        to: Some(to),
        value: U256::ZERO,
        input: input.into(),
    };
    body.sign(key).bytes()
}

fn kind_of(account: AccountId) -> SignatureType {
    if account == BOB { SignatureType::Safe } else { SignatureType::Eoa }
}

pub(crate) fn wallet_of(account: AccountId) -> Address {
    let owner = key(account).address();
    if account == BOB { crate::venue::polymarket::wallet::safe(owner) } else { owner }
}

fn listing_generation(exchange: Exchange) -> Generation {
    match exchange {
        Exchange::V2 | Exchange::V2NegRisk => Generation::V2,
        Exchange::V3 => Generation::V3,
    }
}

/// A world that sockets may ask.
#[derive(Clone, Debug)]
pub(crate) struct Shared(pub(crate) Arc<Mutex<World>>);

impl Host for Shared {
    fn with_node<R>(&self, work: impl FnOnce(&mut Node<'_>) -> R) -> R {
        let world = &mut *self.0.lock().expect("nobody panicked");
        work(&mut Node { chain: &mut world.chain, vault: &mut world.books, now: world.now })
    }
}
