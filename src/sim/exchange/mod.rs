//! THE EXCHANGE: orders in, trades out. Pure: virtual time, no clock, no task, no wire.
//!
//! One market has one ladder, in prices of the first token; amounts are integers in millionths (PROTOCOL.md 8). What the
//! protocol's description leaves open is decided as follows.
//!
//! - **Trades.** What a taker meets at one moment is one trade, one settlement transaction, up to [`MAKERS_MAX`] makers;
//!   more makers make more trades. Its fee is computed on the sum of its fills and falls on the taker.
//! - **Money.** An open order reserves what it has left of its maker amount. A BUY that would be matched at once must
//!   find its fee beside that; nothing is reserved for the fee of an order that rests, since makers pay none.
//! - **Rests.** An order with less than 0.01 share left has ended, matched.
//! - **Minimum.** `minimum` binds all orders but a FAK or FOK BUY, which has its dollar.
//! - **FAK and FOK** are matched by their ratio of amounts. It lies on the grid but for the cut of one amount to the
//!   tick's decimals.
//! - **GTD** must expire more than 60 s ahead, since it leaves the book 60 s early.
//! - **Tick changes.** Orders that rest off the new grid are cancelled.
//! - **Holds.** An order that would match is held, all of its maker amount reserved; at its release every rule is asked
//!   again. One that would not match is answered at once.
//! - **Self-trades** are allowed, as the contracts allow them; only a quote of the house takes away quotes of the same
//!   account that it would meet.
//! - **Settlement.** What is sold leaves the account at the match and waits in escrow; what is bought arrives when the
//!   trade is mined. A failed trade gives back to both what they gave; matched parts of orders stay matched.
//! - **Funds that go away** (a withdrawal, an allowance lowered) cancel the newest resting orders until the rest is
//!   covered.
//! - **Duplicates** are known by id among open orders and the last [`ENDED_MAX`] that ended.

mod accept;
mod account;
mod event;
mod life;
mod market;
mod matching;
mod order;
mod quote;
mod reject;
mod resting;
mod settle;
mod wallet;
mod whim;
mod work;

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

pub use accept::EXPIRES_EARLY;
use account::Account;
pub use account::{Asset, Balance, Funds, Holding, NotEnough};
pub use event::{Event, Happened, Leg, Move, MoveKind, Settlement, Trade, TradeId, TransactionHash};
use market::Market;
pub use market::{Rules, Standing};
pub use matching::MAKERS_MAX;
pub use order::{AccountId, Kind, MarketId, NewOrder, Order, OrderId, Placed, State};
pub use quote::Quote;
pub use reject::{Canceled, NotCanceled, PrecisionRule, Reject};
pub use settle::{Delay, Settings};
use settle::{Due, Settling};

use super::message::{Level, Outcome};
use super::random::Random;
use crate::domain::{Nanos, Price, Side};
/// What settles a market.
pub use crate::venue::polymarket::Exchange as Contract;

/// So many ended orders, and so many trades that are final, are remembered; the oldest are forgotten first.
pub const ENDED_MAX: usize = 50_000;

/// Panics where it is asked about an account that it never opened: those are its user's fault, not the world's.
#[derive(Debug)]
pub struct Exchange {
    settings: Settings,
    random: Random,
    accounts: Vec<Account>,
    markets: Vec<Market>,
    orders: HashMap<OrderId, Order>,
    ended: VecDeque<OrderId>,
    trades: HashMap<TradeId, Settling>,
    settled: VecDeque<TradeId>,
    due: BTreeMap<(Nanos, u64), Due>,
    /// Numbers orders, trades and due things: none is given twice.
    counted: u64,
    /// Collateral of trades that are not settled.
    escrow: i64,
    /// Collateral of fees of settled trades.
    fees: i64,
    events: Vec<Event>,
    forced_failures: u32,
    moves: u64,
}

impl Exchange {
    pub fn new(settings: Settings) -> Exchange {
        Exchange {
            random: Random::new(settings.seed),
            settings,
            accounts: Vec::new(),
            markets: Vec::new(),
            orders: HashMap::new(),
            ended: VecDeque::new(),
            trades: HashMap::new(),
            settled: VecDeque::new(),
            due: BTreeMap::new(),
            counted: 0,
            escrow: 0,
            fees: 0,
            events: Vec::new(),
            forced_failures: 0,
            moves: 0,
        }
    }

    /// What is changed here holds for matches from now on. The seed is read once, at the start.
    pub fn settings_mut(&mut self) -> &mut Settings {
        &mut self.settings
    }

    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The next trade that is matched fails to settle; called twice, the next two.
    pub fn fail_next_settlement(&mut self) {
        self.forced_failures += 1;
    }

    /// Returns whether something became true that nobody was told yet.
    pub fn has_events(&self) -> bool {
        !self.events.is_empty()
    }

    /// Counts the moves that were ever told.
    pub fn moves(&self) -> u64 {
        self.moves
    }

    /// Opens an account. No contract may take anything of it before [`Exchange::approve`]; endless funds need none.
    pub fn open_account(&mut self, funds: Funds) -> AccountId {
        self.accounts.push(Account::new(funds));
        AccountId(self.accounts.len() as u32 - 1)
    }

    pub fn open_market(&mut self, rules: Rules) -> MarketId {
        self.markets.push(Market::new(rules));
        MarketId(self.markets.len() as u64 - 1)
    }

    /// Returns what became true since this was last asked, in order.
    pub fn drain_events(&mut self) -> impl Iterator<Item = Event> {
        self.events.drain(..)
    }

    /// Returns an order, open or ended; `None` if it was never taken, or ended long ago.
    pub fn order(&self, id: &OrderId) -> Option<&Order> {
        self.orders.get(id)
    }

    /// Yields the open orders of an account, held ones too, oldest first.
    pub fn open_orders(&self, account: AccountId) -> impl Iterator<Item = &Order> {
        self.account(account).open_ids().map(|id| &self.orders[&id])
    }

    /// Returns a trade and how far the chain is with it; `None` if it never was, or was final long ago.
    pub fn trade(&self, id: TradeId) -> Option<(&Arc<Trade>, Settlement)> {
        self.trades.get(&id).map(|settling| (&settling.trade, settling.settlement))
    }

    /// Returns the rules as they are now; `None` for a market that was never opened.
    pub fn rules(&self, market: MarketId) -> Option<&Rules> {
        self.market(market).map(|market| &market.rules)
    }

    pub fn standing(&self, market: MarketId) -> Option<Standing> {
        self.market(market).map(|market| market.standing)
    }

    /// Yields the levels of a side of the first token's book, best first; none for a market that was never opened.
    pub fn ladder(&self, market: MarketId, side: Side) -> impl Iterator<Item = Level> {
        self.market(market).into_iter().flat_map(move |market| market.ladder.levels(side))
    }

    /// Returns the price of a token's last trade and the side of its taker.
    pub fn last_price(&self, market: MarketId, outcome: Outcome) -> Option<(Price, Side)> {
        self.market(market)?.traded[outcome.index()]
    }

    /// Returns an id for an order of the house that nobody has signed.
    pub fn house_order_id(&mut self) -> OrderId {
        OrderId::of_house(self.count())
    }

    fn count(&mut self) -> u64 {
        self.counted += 1;
        self.counted
    }

    fn account(&self, account: AccountId) -> &Account {
        &self.accounts[account::index(account)]
    }

    fn account_mut(&mut self, account: AccountId) -> &mut Account {
        &mut self.accounts[account::index(account)]
    }

    fn market(&self, market: MarketId) -> Option<&Market> {
        self.markets.get(market::index(market))
    }

    /// Panics for a market that was never opened: an order's market was looked up when it came.
    fn known(&mut self, market: MarketId) -> &mut Market {
        &mut self.markets[market::index(market)]
    }

    fn contract(&self, market: MarketId) -> Contract {
        self.markets[market::index(market)].rules.contract()
    }

    /// Says what the cause that was just worked has changed on the book.
    fn tell_book(&mut self, market: MarketId) {
        let changes = self.known(market).ladder.take_changes();
        if !changes.is_empty() {
            self.events.push(Event::Book { market, changes });
        }
    }
}
