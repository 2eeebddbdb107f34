//! What leaders hold: the positions of each, one leader after the other over the interval, and at once of those who did
//! something that only their positions show.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use tokio::{sync::mpsc, time::sleep};

use super::{Look, Plant, followed, index::Index};
use crate::{
    actor::tokens::TokensMessage,
    clock,
    domain::{Input, LeaderId, Nanos, Shares, Usdc},
    feed::leader::{Inventory, Reading},
    hot_loop::Closed,
    venue::polymarket::rest::{Failure, OpenPosition},
};

/// What is read may be older than the index says by so much.
const MARGIN: Nanos = Nanos::from_secs(5);
/// Books that are kept ahead of a leader's next trade: of each leader those he changed last, and so many in all.
const AHEAD_OF_LEADER: usize = 20;
const AHEAD_MAX: usize = 400;

pub struct Keeper {
    plant: Plant,
    index: Arc<Index>,
    leaders: Vec<Kept>,
    looks: mpsc::Receiver<Look>,
    /// Between two leaders.
    pause: Nanos,
    next: usize,
    next_at: Nanos,
}

/// One leader, over all his wallets.
struct Kept {
    leader: LeaderId,
    wallets: Vec<String>,
    /// What the operator says that he owns.
    capital: Option<Usdc>,
    inventory: Inventory,
}

impl Keeper {
    pub fn new(plant: Plant, index: Arc<Index>, every: Nanos, looks: mpsc::Receiver<Look>) -> Keeper {
        let mut wallets: BTreeMap<LeaderId, Vec<String>> = BTreeMap::new();
        for who in followed(&plant) {
            wallets.entry(who.leader).or_default().push(who.wallet);
        }
        let registry = plant.registry.load();
        let capital_of = |leader: LeaderId| {
            let is_his = |wallet: &String| registry.leader(wallet.as_bytes()) == Some(leader);
            plant.config.leaders.iter().find(|told| told.wallets.iter().any(is_his))?.capital
        };
        let leaders: Vec<Kept> = wallets
            .into_iter()
            .map(|(leader, wallets)| {
                let mut inventory = Inventory::default();
                // What we hold because of him he held, too.
                let his = plant.led.iter().filter(|(of, _)| *of == leader);
                his.for_each(|(_, token)| inventory.expect(registry.token_text(*token)));
                Kept { leader, wallets, capital: capital_of(leader), inventory }
            })
            .collect();
        drop(registry);
        let pause = Nanos(every.0 / leaders.len().max(1) as u64);
        Keeper { plant, index, leaders, looks, pause, next: 0, next_at: clock::now() }
    }

    /// Runs until the hot thread has ended.
    pub async fn run(mut self) -> Closed {
        if self.leaders.is_empty() {
            return std::future::pending().await;
        }
        loop {
            if let Err(closed) = self.turn().await {
                return closed;
            }
        }
    }

    async fn turn(&mut self) -> Result<(), Closed> {
        let at = tokio::select! {
            Some(look) = self.looks.recv() => match look {
                Look::Bought { leader, token } => {
                    if let Some(kept) = self.leaders.iter_mut().find(|kept| kept.leader == leader) {
                        kept.inventory.expect(&token);
                    }
                    return Ok(());
                }
                Look::Changed { leader } => self.leaders.iter().position(|kept| kept.leader == leader),
            },
            () = sleep(Duration::from_nanos(self.next_at.since(clock::now()).0)) => {
                let at = self.next;
                self.next = (at + 1) % self.leaders.len();
                self.next_at = self.next_at.plus(self.pause).max(clock::now());
                Some(at)
            }
        };
        let Some(at) = at else { return Ok(()) };
        match self.read(at).await {
            Ok((positions, taken_at)) => self.tell(at, positions, taken_at).await,
            Err(failure) => {
                tracing::debug!(%failure, "a leader's positions were not read");
                Ok(())
            }
        }
    }

    /// Reads what a leader holds: all of it, or it is a failure. Also returns when it was true.
    async fn read(&self, at: usize) -> Result<(Vec<OpenPosition>, Nanos), Failure> {
        let lag = self.index.lag().await;
        let asked_at = clock::now();
        let mut positions = Vec::new();
        for wallet in &self.leaders[at].wallets {
            positions.extend(self.index.positions(wallet).await?);
        }
        Ok((positions, Nanos(asked_at.0.saturating_sub(lag.plus(MARGIN).0))))
    }

    async fn tell(&mut self, at: usize, mut positions: Vec<OpenPosition>, taken_at: Nanos) -> Result<(), Closed> {
        let mut reading = Reading::new();
        for position in &positions {
            let shares = reading.entry(position.token.clone()).or_insert(Shares::ZERO);
            *shares = Shares(shares.0.saturating_add(position.shares.0));
        }
        let exposure = positions.iter().fold(Usdc::ZERO, |sum, position| sum + position.worth);
        let gone = self.leaders[at].inventory.take(&reading);
        let over = if gone.is_empty() { Some(Vec::new()) } else { self.over(at).await };
        match over {
            Some(over) => {
                let left = gone.into_iter().filter(|token| !over.contains(token));
                reading.extend(left.map(|token| (token, Shares::ZERO)));
            }
            // It is asked again with the next reading.
            None => gone.iter().for_each(|token| self.leaders[at].inventory.expect(token)),
        }
        let Kept { leader, capital, .. } = self.leaders[at];
        let received = clock::now();
        for (token, shares) in &reading {
            let Some(token) = self.plant.registry.load().token(token.as_bytes()) else { continue };
            self.plant
                .inlet
                .leader(received, Input::LeaderHolds { leader, token, shares: *shares, at: taken_at })
                .await?;
        }
        // His cash is not told here: what the operator says of it counts, or what he has at stake is all.
        let capital = capital.unwrap_or(exposure).max(exposure);
        self.plant.inlet.leader(received, Input::LeaderWorth { leader, capital, exposure }).await?;
        positions.sort_unstable_by_key(|position| std::cmp::Reverse(position.changed_at));
        self.wake_ahead(&positions);
        Ok(())
    }

    /// Returns the tokens that he holds of markets that are over: gone from the open ones, and no exit.
    async fn over(&self, at: usize) -> Option<Vec<String>> {
        let mut over = Vec::new();
        for wallet in &self.leaders[at].wallets {
            let read = self.index.redeemable(wallet).await;
            over.extend(read.inspect_err(|failure| tracing::debug!(%failure, "not read")).ok()?);
        }
        Some(over)
    }

    /// Has the markets and books of what he holds there before he trades it again.
    fn wake_ahead(&self, positions: &[OpenPosition]) {
        let awake = &self.plant.awake;
        let room = AHEAD_MAX.saturating_sub(awake.iter().count());
        let registry = self.plant.registry.load();
        let sleeps = |token: &&str| registry.token(token.as_bytes()).is_none_or(|token| !awake.contains(token));
        let last = positions.iter().take(AHEAD_OF_LEADER).map(|position| position.token.as_str());
        for token in last.filter(sleeps).take(room) {
            self.plant.tokens.cast(TokensMessage::Ahead(token.to_owned()));
        }
    }
}
