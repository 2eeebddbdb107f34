//! What leaders did: the rows of each, one after the other over the interval, and of all at once when somebody may have missed
//! something.

use std::{sync::Arc, time::Duration};

use futures_util::{StreamExt, stream};
use tokio::{sync::mpsc, time::sleep};

use super::{
    Followed, Look, Plant, Wanted, followed,
    index::{End, Index},
};
use crate::{
    actor::tokens::TokensMessage,
    clock,
    domain::{GapCause, LeaderId, Nanos, Noted, Side, Source, event::Gap},
    feed::leader::{Heard, History, Read, Sighting},
    hot_loop::{Closed, Command},
    venue::polymarket::rest::Failure,
};

/// Wallets that are read at once after a gap.
const PARALLEL: usize = 8;
/// After a gap a wallet that cannot be read is tried so often; then its turn comes anyway.
const ROUNDS_MAX: usize = 5;
/// So many failures in a row are no answer for anybody.
const FAILURES_MAX: u32 = 3;

pub struct Watch {
    plant: Plant,
    index: Arc<Index>,
    wallets: Vec<(Followed, History)>,
    wanted: Arc<Wanted>,
    /// Nobody looked before: what was done before is no news.
    floor: Nanos,
    looks: mpsc::Sender<Look>,
    /// Between two wallets.
    pause: Nanos,
    next: usize,
    next_at: Nanos,
    answered_at: Option<Nanos>,
    failures: u32,
}

impl Watch {
    pub fn new(plant: Plant, index: Arc<Index>, every: Nanos, wanted: Arc<Wanted>, looks: mpsc::Sender<Look>) -> Watch {
        let now = clock::now();
        let oldest = Nanos(now.0.saturating_sub(plant.config.sources.backfill_max.0));
        let floor = plant.known_until.map_or(now, |_| Nanos::ZERO);
        let from = plant.known_until.map_or(now, |until| until.max(oldest));
        wanted.want(from);
        let wallets: Vec<_> = followed(&plant).into_iter().map(|who| (who, History::begin(from))).collect();
        let pause = Nanos(every.0 / wallets.len().max(1) as u64);
        let next_at = now.plus(pause);
        Watch { plant, index, wallets, wanted, floor, looks, pause, next: 0, next_at, answered_at: None, failures: 0 }
    }

    /// Runs until the hot thread has ended.
    pub async fn run(mut self) -> Closed {
        if self.wallets.is_empty() {
            return std::future::pending().await;
        }
        loop {
            if let Err(closed) = self.turn().await {
                return closed;
            }
        }
    }

    async fn turn(&mut self) -> Result<(), Closed> {
        if let Some(from) = self.wanted.take() {
            return self.catch_up(from).await;
        }
        tokio::select! {
            () = self.wanted.bell.notified() => return Ok(()),
            () = sleep(Duration::from_nanos(self.next_at.since(clock::now()).0)) => (),
        }
        let (wallet, overlap) = (self.next, self.index.overlap().await);
        self.next = (wallet + 1) % self.wallets.len();
        self.next_at = self.next_at.plus(self.pause).max(clock::now());
        let (who, history) = &self.wallets[wallet];
        let from = history.from(overlap, None);
        let answer = self.index.activity(&who.wallet, from).await;
        self.take(wallet, from, overlap, answer).await.map(drop)
    }

    /// Reads all wallets at once, from where something may be missing.
    async fn catch_up(&mut self, gap: Nanos) -> Result<(), Closed> {
        let (began, overlap) = (clock::now(), self.index.overlap().await);
        let oldest = Nanos(began.0.saturating_sub(self.plant.config.sources.backfill_max.0));
        // A row from before the gap may have been indexed in it.
        let gap = Nanos(gap.0.saturating_sub(overlap.0)).max(oldest).max(self.floor);
        let mut left: Vec<usize> = (0..self.wallets.len()).collect();
        tracing::info!(
            since_s = began.since(gap).as_secs(),
            wallets = left.len(),
            "reading what leaders did meanwhile"
        );
        let mut news = 0;
        for round in 1..=ROUNDS_MAX {
            let reads: Vec<(usize, String, Nanos)> = left
                .iter()
                .map(|wallet| {
                    let (who, history) = &self.wallets[*wallet];
                    (*wallet, who.wallet.clone(), history.from(overlap, Some(gap)))
                })
                .collect();
            let index = Arc::clone(&self.index);
            let read = |(wallet, address, from): (usize, String, Nanos)| {
                let index = Arc::clone(&index);
                async move { (wallet, from, index.activity(&address, from).await) }
            };
            let mut reads = stream::iter(reads).map(read).buffer_unordered(PARALLEL);
            let mut again = Vec::new();
            while let Some((wallet, from, answer)) = reads.next().await {
                let (told, end) = self.take(wallet, from, overlap, answer).await?;
                news += told;
                if end == End::Cut {
                    again.push(wallet);
                }
            }
            left = again;
            tracing::info!(
                round,
                news,
                left = left.len(),
                took_ms = clock::now().since(began).as_millis(),
                "caught up"
            );
            if left.is_empty() {
                return Ok(());
            }
        }
        tracing::warn!(wallets = left.len(), "not all leaders could be read after a gap; their turns come");
        Ok(())
    }

    /// Passes on what is new. Returns how much it was, and whether there is more.
    async fn take(
        &mut self,
        wallet: usize,
        from: Nanos,
        overlap: Nanos,
        answer: Result<(Read, End), Failure>,
    ) -> Result<(usize, End), Closed> {
        let (read, end) = match answer {
            Ok(answer) => answer,
            Err(failure) => {
                self.failed(wallet, &failure);
                return Ok((0, End::Cut));
            }
        };
        self.answered().await?;
        let leader = self.wallets[wallet].0.leader;
        let mut news = Vec::new();
        let registry = self.plant.registry.load_full();
        self.wallets[wallet].1.take(from, &read, overlap, &registry, |heard| news.push(heard));
        if read.refused > 0 {
            self.plant.index_status.malformed(clock::now(), format!("{} rows of activity", read.refused));
        }
        let count = news.len();
        for heard in news {
            self.pass(leader, heard).await?;
        }
        Ok((count, end))
    }

    async fn pass(&self, leader: LeaderId, heard: Heard) -> Result<(), Closed> {
        let received = clock::now();
        match heard {
            Heard::Sighting(sighting) => {
                let bought = match &sighting {
                    Sighting::Trade(trade) if trade.side == Side::Buy => {
                        Some(self.plant.registry.load().token_text(trade.token).to_owned())
                    }
                    Sighting::ColdToken(trade) if trade.side == Side::Buy => Some(trade.token.as_str().to_owned()),
                    Sighting::Trade(_) | Sighting::ColdToken(_) | Sighting::Stranger | Sighting::NotATrade => None,
                };
                // Without room it is only noticed later that he left it.
                if let Some(token) = bought {
                    let _ = self.looks.try_send(Look::Bought { leader, token });
                }
                self.plant.sighted(received, sighting).await
            }
            Heard::Left(left) => {
                self.plant.tokens.cast(TokensMessage::Left { left, received });
                let _ = self.looks.try_send(Look::Changed { leader });
                Ok(())
            }
            Heard::Changed => {
                let _ = self.looks.try_send(Look::Changed { leader });
                Ok(())
            }
        }
    }

    async fn answered(&mut self) -> Result<(), Closed> {
        let (now, status) = (clock::now(), &self.plant.index_status);
        let gap = match self.answered_at {
            None => {
                status.connected(now);
                self.plant.known_until.map(|from| (from, GapCause::Start))
            }
            Some(before) if self.failures >= FAILURES_MAX => {
                status.connected(now);
                tracing::info!("the index answers again");
                // Its own next reads begin before this: all are read at once, to be sure soon.
                self.wanted.want(before);
                Some((before, GapCause::Refused))
            }
            Some(_) => None,
        };
        status.frame(now);
        (self.failures, self.answered_at) = (0, Some(now));
        if let Some((from, cause)) = gap {
            let gap = Gap { source: Source::Index, from, until: now, cause };
            self.plant.inlet.command(Command::Noted(Box::new(Noted::Gap(gap)))).await?;
        }
        Ok(())
    }

    fn failed(&mut self, wallet: usize, failure: &Failure) {
        self.failures += 1;
        if self.failures == FAILURES_MAX {
            self.plant.index_status.lost(clock::now(), failure.to_string());
            tracing::warn!(%failure, "the index does not answer: what quicker sources miss stays missed until it does");
        } else {
            tracing::debug!(%failure, wallet = self.wallets[wallet].0.wallet, "a leader's rows were not read");
        }
    }
}
