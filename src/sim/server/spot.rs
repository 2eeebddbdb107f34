//! Where the wire meets the exchange: tokens become markets and outcomes, and what the exchange says is told.

use std::collections::HashMap;
use std::sync::Arc;

use alloy::primitives::Address;

use super::hub::Hub;
use super::private::Funded;
use super::truth::Entry;
use crate::domain::{FeeSchedule, Nanos, Shares};
use crate::sim::exchange::{Asset, Contract, Event, Exchange, Funds, MarketId, Rules, Settings};
use crate::sim::listing::Listing;
use crate::sim::message::Outcome;
use crate::sim::wire::Phase;

/// How long a marketable order is held on crypto markets (PROTOCOL.md 2.10).
const CRYPTO_HOLD: Nanos = Nanos::from_millis(50);

/// The exchange and the names of its markets.
#[derive(Debug)]
pub(super) struct Markets {
    pub exchange: Exchange,
    listings: HashMap<MarketId, Arc<Listing>>,
    ids: HashMap<String, MarketId>,
}

/// A token: which outcome of which market.
#[derive(Clone, Debug)]
pub struct Spot {
    pub listing: Arc<Listing>,
    pub market: MarketId,
    pub outcome: Outcome,
}

impl Markets {
    pub fn new(seed: u64) -> Markets {
        let exchange = Exchange::new(Settings { seed, ..Settings::default() });
        Markets { exchange, listings: HashMap::new(), ids: HashMap::new() }
    }
}

impl Hub {
    pub fn exchange(&self) -> &Exchange {
        &self.markets.exchange
    }

    pub fn exchange_mut(&mut self) -> &mut Exchange {
        &mut self.markets.exchange
    }

    /// Returns the market and outcome of a token that the venue knows.
    pub fn spot(&self, token: &str, _now: Nanos) -> Option<Spot> {
        let (place, outcome) = self.workload.token(token)?;
        let market = *self.markets.ids.get(&place.listing.condition)?;
        Some(Spot { listing: Arc::clone(&place.listing), market, outcome })
    }

    /// Opens, changes and ends the exchange's markets as the world does, and settles what is due.
    pub fn follow(&mut self, now: Nanos) {
        for place in self.workload.places() {
            let Markets { exchange, listings, ids } = &mut self.markets;
            let listing = &place.listing;
            let market = *ids.entry(listing.condition.clone()).or_insert_with(|| {
                let market = exchange.open_market(rules(listing));
                listings.insert(market, Arc::clone(listing));
                market
            });
            exchange.change_tick(now, market, place.book.tick);
            match place.phase {
                Phase::Open => {}
                Phase::Closed => exchange.close(now, market),
                Phase::Resolved(resolution) => exchange.resolve(now, market, resolution),
            }
        }
        self.exchange_mut().advance(now);
        self.tell(now);
    }

    /// Tells what the exchange has to say.
    pub fn tell(&mut self, now: Nanos) {
        let events: Vec<Event> = self.exchange_mut().drain_events().collect();
        for event in &events {
            if let Some(entry) = Entry::of(event) {
                self.tell_truth(now, entry);
            }
            let Some(listing) = market_of(event, self.exchange()).and_then(|market| self.markets.listings.get(&market))
            else {
                continue;
            };
            for notice in self.desk.hear(event, listing, now) {
                self.send_to_user(notice.address, &notice.condition, &notice.text);
            }
        }
    }

    /// Opens the wallets of somebody who is not known yet; every contract may take what it wants of them.
    pub fn welcome(&mut self, owner: Address, funds: Funds) {
        let exchange = &mut self.markets.exchange;
        let new = self.desk.identity.meet(owner, || exchange.open_account(funds));
        let some_shares = Asset::Shares(MarketId(0), Outcome::Yes);
        for wallet in new {
            for contract in Contract::ALL {
                // An allowance of shares is for all of a kind.
                for asset in [Asset::Collateral, some_shares] {
                    exchange.approve(Nanos::ZERO, wallet.account, contract, asset, u64::MAX);
                }
            }
        }
    }

    pub fn fund(&mut self, funded: &Funded) {
        self.welcome(funded.key.address(), Funds::Of(funded.money));
    }

    /// Makes pairs of shares of a token's market out of a wallet's dollars; `None` if there are no such wallet, token and
    /// dollars.
    pub fn split(&mut self, wallet: Address, token: &str, shares: Shares, now: Nanos) -> Option<()> {
        let spot = self.spot(token, now)?;
        let account = self.desk.identity.wallet(wallet)?.account;
        self.exchange_mut().split(now, account, spot.market, shares).ok()?;
        self.tell(now);
        Some(())
    }
}

fn rules(listing: &Listing) -> Rules {
    let sports = Nanos::from_secs(listing.delay_secs.into());
    Rules {
        tick: crate::domain::Tick::CENT,
        minimum: listing.minimum,
        fee: FeeSchedule { rate_ppm: listing.fee_rate_ppm },
        hold: if listing.taker_delay { CRYPTO_HOLD } else { sports },
        generation: listing.generation,
        neg_risk: listing.neg_risk,
    }
}

fn market_of(event: &Event, exchange: &Exchange) -> Option<MarketId> {
    match event {
        Event::Book { market, .. }
        | Event::Tick { market, .. }
        | Event::Closed { market }
        | Event::Resolved { market, .. } => Some(*market),
        Event::Order { order, .. } => Some(order.new.market),
        Event::Matched(trade) | Event::Settled { trade, .. } => Some(trade.market),
        Event::Released { order, .. } => exchange.order(order).map(|order| order.new.market),
    }
}
