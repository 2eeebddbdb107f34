//! Where the wire meets the exchange: tokens become markets and outcomes, and what the exchange says is told.

use std::sync::Arc;

use alloy::primitives::Address;

use super::hub::Hub;
use super::private::Funded;
use super::truth::Entry;
use crate::domain::{Nanos, Shares};
use crate::sim::exchange::{Event, Exchange, Funds, MarketId};
use crate::sim::listing::Listing;
use crate::sim::message::Outcome;
use crate::sim::workload::{Person, Step};

/// A token: which outcome of which market.
#[derive(Clone, Debug)]
pub struct Spot {
    pub listing: Arc<Listing>,
    pub market: MarketId,
    pub outcome: Outcome,
}

impl Hub {
    pub fn exchange(&self) -> &Exchange {
        self.workload.exchange()
    }

    pub fn exchange_mut(&mut self) -> &mut Exchange {
        self.workload.exchange_mut()
    }

    /// Returns the market and outcome of a token that the venue knows.
    pub fn spot(&self, token: &str) -> Option<Spot> {
        let (place, outcome) = self.workload.token(token)?;
        Some(Spot { listing: Arc::clone(&place.listing), market: place.market, outcome })
    }

    /// Returns what a market is, while it is remembered.
    pub fn listing_of(&self, market: MarketId) -> Option<Arc<Listing>> {
        self.workload.place_of(market).map(|place| Arc::clone(&place.listing))
    }

    /// Returns the market of a condition, while it is remembered.
    pub fn market_of_condition(&self, condition: &str) -> Option<MarketId> {
        self.workload.condition(condition).map(|place| place.market)
    }

    /// Tells what clients caused at the exchange.
    pub fn tell(&mut self, now: Nanos) {
        if let Some(step) = self.workload.tell(now) {
            self.tell_step(step);
        }
    }

    /// Puts on the chain what the exchange said; tells users what became of their orders and trades, and everybody what
    /// became of the markets.
    pub fn tell_step(&mut self, mut step: Step) {
        self.put_on_chain(&mut step.events, step.at);
        for event in &step.events {
            if let Some(entry) = Entry::of(event) {
                self.tell_truth(step.at, entry);
            }
            let market = market_of(event, self.exchange());
            let Some(place) = market.and_then(|market| self.workload.place_of(market)) else { continue };
            let listing = Arc::clone(&place.listing);
            for notice in self.desk.hear(event, &listing, step.at) {
                self.send_to_user(notice.address, &notice.condition, &notice.text);
            }
        }
        for message in step.messages {
            if let Some(message) = self.pending.omit_removal(self.renamed.in_message(message)) {
                self.publish(&message, step.at);
            }
        }
    }

    /// Tells the desk the wallets of the people in the world, so that it can name them in trades.
    pub fn name_people(&mut self) {
        for (account, person) in self.workload.people() {
            if let Ok(wallet) = person.wallet.parse() {
                self.desk.identity.name(account, wallet);
            }
        }
    }

    /// Opens the wallets of somebody who is not known yet; every contract may take what it wants of them.
    pub fn welcome(&mut self, owner: Address, funds: Funds) {
        let exchange = self.workload.exchange_mut();
        let new = self.desk.identity.meet(owner, || exchange.open_account(funds));
        for wallet in new {
            let person = Person { wallet: format!("{:#x}", wallet.address), name: String::new() };
            self.workload.introduce(wallet.account, person);
            self.exchange_mut().approve_all(wallet.account);
        }
    }

    pub fn fund(&mut self, funded: &Funded) {
        self.welcome(funded.key.address(), Funds::Of(funded.money));
    }

    /// Makes pairs of shares of a token's market out of a wallet's dollars; `None` if there are no such wallet, token and
    /// dollars.
    pub fn split(&mut self, wallet: Address, token: &str, shares: Shares, now: Nanos) -> Option<()> {
        let spot = self.spot(token)?;
        let account = self.desk.identity.wallet(wallet)?.account;
        self.exchange_mut().split(account, spot.market, shares).ok()?;
        self.tell(now);
        Some(())
    }

    /// Sends shares from one wallet to another; `None` if there are no such wallets, token and shares.
    pub fn give_shares(&mut self, [from, to]: [Address; 2], token: &str, shares: Shares, now: Nanos) -> Option<()> {
        let spot = self.spot(token)?;
        let account = |wallet| Some(self.desk.identity.wallet(wallet)?.account);
        let accounts = [account(from)?, account(to)?];
        self.exchange_mut().give_shares(accounts, spot.market, spot.outcome, shares).ok()?;
        self.tell(now);
        Some(())
    }
}

fn market_of(event: &Event, exchange: &Exchange) -> Option<MarketId> {
    match event {
        Event::Book { market, .. }
        | Event::Tick { market, .. }
        | Event::Closed { market }
        | Event::Resolved { market, .. } => Some(*market),
        Event::Order { order, .. } => Some(order.new.market),
        Event::Moved(moved) => Some(moved.market),
        Event::Matched(trade) | Event::Settled { trade, .. } => Some(trade.market),
        Event::Released { order, .. } => exchange.order(order).map(|order| order.new.market),
    }
}
