//! WHO OWNS WHICH LIFETIME: connect, subscribe, look up, restart, stop. Actors talk to the engine only by inputs; none of them
//! computes a size, a price or a balance.
//!
//! ```text
//! supervisor --+-- market feed     sockets with books; decodes, pushes to the hot thread
//!              +-- activity feed   sockets with everybody's trades; passes on the leaders'
//!              +-- index feed      what the venue's index says leaders did and hold; fills the gaps of the others
//!              +-- chain feed      a node: leaders' fills in logs and in transactions; only where there is one
//!              +-- tokens --+-- token, token, ...   metadata, subscription, resync, end
//!              +-- strategy, strategy, ...          one for each portfolio: the operator's words, report
//!              +-- gateway         live orders to the venue and back; only where the settings allow them
//!              +-- reconciler      the wallet beside our books; tells where they part
//!              +-- model           asks the external model for probabilities
//!              +-- redeemer        shares that won -> money, on the chain
//!              +-- alerter         trouble and changes -> people
//!              +-- writer          journal -> Postgres
//!              +-- control         the operator's socket
//!              +-- web             pages
//! ```
//!
//! A child that fails is started again, within a budget; beyond it the process ends, because restart is recovery. Mailboxes
//! are unbounded, so they carry control only; market data goes through the bounded rings of [`crate::hot_loop`].

pub mod activity_feed;
pub mod alerter;
pub mod chain_feed;
pub mod gateway;
pub mod index_feed;
pub mod market_feed;
pub mod reconciler;
pub mod model;
pub mod redeemer;
pub mod strategy;
pub mod supervisor;
pub mod token;
pub mod tokens;
pub mod web;
pub mod writer;

use std::{
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use arc_swap::{ArcSwap, ArcSwapOption};
use ractor::{ActorRef, Message};
use tokio::sync::Notify;

use crate::{
    alert::AlertStatus,
    config::Config,
    domain::{Input, LeaderId, LiveSwitch, Nanos, Noted, TokenId, event::Gap},
    engine::TOKENS_MAX,
    feed::{leader::Sighting, registry::Registry},
    hot_loop::{Closed, Command, Inlet},
    metrics::{FeedStatus, Published, RedeemStatus, Stages, StoreStatus},
    store::Database,
    venue::{chain::Purse, gate::Gate},
};

pub use supervisor::{Supervisor, SupervisorMessage};

/// What all actors share.
#[derive(Clone)]
pub struct Plant {
    pub config: Arc<Config>,
    pub inlet: Inlet,
    pub registry: Arc<ArcSwap<Registry>>,
    pub awake: Arc<Awake>,
    pub stages: Arc<Stages>,
    pub published: Published,
    pub database: Database,
    pub store_status: Arc<StoreStatus>,
    pub market_status: Arc<FeedStatus>,
    /// Of each socket to the activity feed.
    pub activity: Arc<[Arc<FeedStatus>]>,
    pub index_status: Arc<FeedStatus>,
    pub chain_status: Arc<FeedStatus>,
    /// Hashes of prints' transactions, for the node; nobody puts any in where it is not asked.
    pub prints: Arc<chain_feed::Prints>,
    /// When the journal's last record of the process before was written; `None`: there was none.
    pub known_until: Option<Nanos>,
    pub model_status: Arc<FeedStatus>,
    pub redeem_status: Arc<RedeemStatus>,
    /// Rung when a market ended.
    pub redeem_bell: Arc<Notify>,
    /// Our wallet on the chain; `None` where nothing is redeemed from here.
    pub purse: Option<Purse>,
    pub market_feed: Arc<Address<market_feed::MarketFeedMessage>>,
    pub tokens: Arc<Address<tokens::TokensMessage>>,
    pub index_feed: Arc<Address<index_feed::IndexFeedMessage>>,
    /// Of whom we held what at the start.
    pub led: Arc<[(LeaderId, TokenId)]>,
    pub gateway: Arc<Address<gateway::GatewayMessage>>,
    pub alerter: Arc<Address<alerter::AlerterMessage>>,
    pub alerts: Arc<AlertStatus>,
    /// The live side; `None` where the settings do not allow live orders.
    pub desk: Option<Arc<gateway::Desk>>,
    /// The last look of the send path; what closes live closes it first.
    pub gate: Arc<Gate>,
    /// What the settings let a person open live to.
    pub live_allowed: LiveSwitch,
}

impl Plant {
    /// Returns how each source of data is, of those that there are.
    pub fn feeds(&self) -> Vec<Arc<FeedStatus>> {
        let mut feeds = vec![Arc::clone(&self.market_status)];
        feeds.extend(self.activity.iter().cloned());
        feeds.extend(self.config.sources.index_every.map(|_| Arc::clone(&self.index_status)));
        feeds.extend(chain_feed::is_wanted(&self.config.sources).then(|| Arc::clone(&self.chain_status)));
        feeds.extend(self.config.model.url.is_some().then(|| Arc::clone(&self.model_status)));
        feeds.extend(self.desk.as_ref().map(|desk| Arc::clone(&desk.channel)));
        feeds
    }

    /// Hands what a source saw to the hot thread; a token seen for the first time goes by the tokens' actor.
    pub async fn sighted(&self, received: Nanos, sighting: Sighting) -> Result<(), Closed> {
        match sighting {
            Sighting::Stranger | Sighting::NotATrade => Ok(()),
            Sighting::Trade(trade) => {
                // The trade first: the tokens' actor has to wake.
                let decided = self.inlet.leader(received, Input::LeaderTrade(trade)).await;
                if !self.awake.contains(trade.token) && is_fresh(received, trade.traded_at) {
                    self.tokens.cast(tokens::TokensMessage::Wake(trade.token));
                }
                decided
            }
            Sighting::ColdToken(trade) => {
                self.tokens.cast(tokens::TokensMessage::Cold { trade, received });
                Ok(())
            }
        }
    }

    /// Notes that a source may have missed something, and has the index asked for it.
    pub async fn missed(&self, gap: Gap) -> Result<(), Closed> {
        self.index_feed.cast(index_feed::IndexFeedMessage::Gap(gap));
        self.inlet.command(Command::Noted(Box::new(Noted::Gap(gap)))).await
    }
}

/// Whether a trade is so new that its token's book may be wanted for it.
pub fn is_fresh(now: Nanos, traded_at: Nanos) -> bool {
    const OLD: Nanos = Nanos::from_secs(600);
    now.since(traded_at) <= OLD
}

/// Where an actor is reached, also after it was started again.
pub struct Address<M>(ArcSwapOption<ActorRef<M>>);

impl<M> Default for Address<M> {
    fn default() -> Address<M> {
        Address(ArcSwapOption::empty())
    }
}

impl<M: Message> Address<M> {
    pub fn set(&self, actor: ActorRef<M>) {
        self.0.store(Some(Arc::new(actor)));
    }

    /// Sends a message. While the actor is being started again it is lost: what matters is asked for again after its start.
    pub fn cast(&self, message: M) {
        if let Some(actor) = &*self.0.load() {
            // An actor that just ended is replaced by its supervisor.
            let _ = actor.cast(message);
        }
    }
}

/// Says why an actor did not start, in the words of the one that failed: each parent wraps them once more.
pub fn spawn_failure(error: &impl fmt::Display) -> String {
    let text = error.to_string();
    let mut words = text.as_str();
    while let Some(inner) = words.strip_prefix("Actor panicked during startup '") {
        words = inner.strip_suffix('\'').unwrap_or(inner);
    }
    words.to_owned()
}

/// Tokens that an actor looks after, readable from any thread.
pub struct Awake(Box<[AtomicBool]>);

impl Default for Awake {
    fn default() -> Awake {
        Awake((0..TOKENS_MAX).map(|_| AtomicBool::new(false)).collect())
    }
}

impl Awake {
    pub fn contains(&self, token: TokenId) -> bool {
        self.0[token.index()].load(Ordering::Relaxed)
    }

    pub fn set(&self, token: TokenId) {
        self.0[token.index()].store(true, Ordering::Relaxed);
    }

    pub fn clear(&self, token: TokenId) {
        self.0[token.index()].store(false, Ordering::Relaxed);
    }

    pub fn iter(&self) -> impl Iterator<Item = TokenId> {
        let awake = self.0.iter().enumerate().filter(|(_, awake)| awake.load(Ordering::Relaxed));
        awake.map(|(index, _)| TokenId(index as u32))
    }
}

#[cfg(test)]
mod tests {
    use ractor::SpawnErr;

    use super::*;

    #[test]
    fn a_failure_is_told_in_its_own_words() {
        let wrapped = |inner: &str| SpawnErr::StartupFailed(inner.to_owned().into());
        let twice = wrapped(&wrapped("'80' is taken").to_string());
        assert_eq!(spawn_failure(&twice), "'80' is taken");
    }
}
